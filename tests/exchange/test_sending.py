"""How a request's body is framed, and the body's way out while a server may answer at any time."""

from __future__ import annotations

import io
import socket
import threading

import pytest

from mini_http.base.commands import COMMANDS
from mini_http.base.errors import InvalidField, InvalidRequest
from mini_http.codec.heads import field_lines
from mini_http.connect.simple_client import SimpleClient
from mini_http.exchange.request_body import NO_BODY, request_body
from mini_http.exchange.sending import framed_pieces, request_framing, send_body

PATIENCE = 20.0


def framing_of(method, fields=(), source=None):
    control = field_lines(tuple(fields)).control
    return request_framing(method, fields, control, request_body(source))


def five():
    """A body whose length is not known."""
    yield b"hel"
    yield b""
    yield b"lo"


# --- the fields that frame a body

TEXT = io.StringIO("hello")
LENGTH_5 = ("Content-Length", "5")
CHUNKED = ("Transfer-Encoding", "chunked")

FRAMINGS = [
    # method, fields given, body; fields added, chunked, length
    ("GET", (), None, (), False, 0),
    ("GET", (("Accept", "*/*"),), None, (), False, 0),
    ("GET", (("Connection", "close"),), None, (), False, 0),
    ("DELETE", (), b"", (), False, 0),
    ("FROB", (), None, (), False, 0),
    ("POST", (), None, (("Content-Length", "0"),), False, 0),
    ("PUT", (), b"", (("Content-Length", "0"),), False, 0),
    ("POST", (("Expect", "x"),), None, (("Content-Length", "0"),), False, 0),
    ("GET", (), b"hello", (LENGTH_5,), False, 5),
    ("POST", (), b"hello", (LENGTH_5,), False, 5),
    ("POST", (), io.BytesIO(b"hello"), (LENGTH_5,), False, 5),
    ("POST", (("CONTENT-LENGTH", "5"),), b"hello", (), False, 5),
    ("POST", (("content-length", "5, 5"),), b"hello", (), False, 5),
    ("POST", (LENGTH_5, LENGTH_5), b"hello", (), False, 5),
    ("POST", (LENGTH_5,), five(), (), False, 5),
    ("POST", (LENGTH_5,), TEXT, (), False, 5),
    ("GET", (("Content-Length", "0"),), None, (), False, 0),
    ("POST", (), five(), (CHUNKED,), True, None),
    ("POST", (), [b"hello"], (CHUNKED,), True, None),
    ("POST", (), TEXT, (CHUNKED,), True, None),
    ("POST", (CHUNKED,), b"hello", (), True, None),
    ("POST", (("transfer-encoding", "CHUNKED"),), b"hello", (), True, None),
    ("GET", (CHUNKED,), None, (), True, None),
]


@pytest.mark.parametrize(("method", "given", "source", "added", "chunked", "length"), FRAMINGS)
def test_a_body_is_framed_by_its_length_or_in_chunks(method, given, source, added, chunked, length):
    framing = framing_of(method, given, source)
    assert (framing.fields, framing.chunked, framing.length) == (added, chunked, length)


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_no_body_is_said_to_be_none_just_where_one_has_a_meaning(row):
    assert bool(framing_of(row.name).fields) is row.has_request_body


@pytest.mark.parametrize(
    ("fields", "source", "words"),
    [
        ((LENGTH_5, CHUNKED), b"hello", "can't have both Content-Length and Transfer-Encoding"),
        ((("Transfer-Encoding", "gzip, chunked"),), b"", "must be chunked, not gzip, chunked"),
        ((("Transfer-Encoding", "identity"),), b"", "must be chunked, not identity"),
        ((CHUNKED, CHUNKED), b"", "must be chunked, not chunked, chunked"),
        ((("Content-Length", "4"),), b"hello", "Content-Length is 4, but the body has 5 bytes"),
        ((("Content-Length", "6"),), b"hello", "Content-Length is 6, but the body has 5 bytes"),
        ((LENGTH_5,), None, "Content-Length is 5, but the body has 0 bytes"),
        ((("Content-Length", "+5"),), b"hello", r"no number of 1 to 19 digits: '\+5'"),
        ((LENGTH_5, ("content-length", "6")), b"hello", "Content-Length fields differ: '5, 6'"),
        ((("Content-Length", ""),), b"", "no number of 1 to 19 digits: ''"),
    ],
)
def test_a_framing_that_contradicts_itself_is_refused(fields, source, words):
    with pytest.raises(InvalidField, match=words):
        framing_of("POST", fields, source)


# --- the pieces that go out


def wire(source, fields=()):
    body = request_body(source)
    control = field_lines(tuple(fields)).control
    return b"".join(framed_pieces(body, request_framing("POST", fields, control, body)))


def test_a_body_of_known_length_goes_out_as_it_is():
    assert wire(b"hello") == b"hello"
    assert wire(io.BytesIO(b"hello")) == b"hello"
    assert wire(five(), [LENGTH_5]) == b"hello"


def test_other_bodies_go_out_in_chunks_of_which_none_is_empty():
    assert wire(five()) == b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    assert wire([]) == b"0\r\n\r\n"
    assert wire(b"hello", [CHUNKED]) == b"5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        ("4", "the body has more bytes than the 4 that Content-Length says"),
        ("0", "the body has more bytes than the 0 that Content-Length says"),
        ("6", "the body has fewer bytes than the 6 that Content-Length says"),
    ],
)
def test_a_body_of_another_length_than_was_said_is_an_error(length, words):
    with pytest.raises(InvalidRequest, match=words):
        wire(five(), [("Content-Length", length)])


def test_no_byte_beyond_the_length_that_was_said_goes_out():
    fields = [("Content-Length", "4")]
    framing = framing_of("POST", fields, five())
    pieces = framed_pieces(request_body(five()), framing)
    assert next(pieces) == b"hel"
    assert next(pieces) == b""
    with pytest.raises(InvalidRequest):
        next(pieces)


# --- over a connection


@pytest.fixture
def pair():
    """A client, and the socket at the other end."""
    ours, theirs = socket.socketpair()
    with theirs, SimpleClient.over(ours, timeout=PATIENCE) as client:
        theirs.settimeout(PATIENCE)
        yield client, theirs


def stop():
    return False


def test_a_body_is_sent_whole_to_who_reads_it(pair):
    client, peer = pair
    received = bytearray()

    def read():
        while len(received) < 3 << 20:
            received.extend(peer.recv(1 << 16))

    reader = threading.Thread(target=read)
    reader.start()
    body = request_body([bytes(1 << 20)] * 3)
    try:
        assert send_body(
            client, body, framing_of("PUT", [("Content-Length", "3145728")], body), stop
        )
    finally:
        peer.shutdown(socket.SHUT_WR)
        reader.join(PATIENCE)
    assert received == bytes(3 << 20)


def test_sending_ends_when_the_server_speaks(pair):
    client, peer = pair
    peer.sendall(b"enough")
    taken = []

    def pieces():
        for number in range(5):
            taken.append(number)
            yield bytes(1 << 20)

    body = request_body(pieces())
    assert not send_body(client, body, framing_of("PUT", (), body), stop)
    assert taken == [0], "the rest was not even made"
    assert client.read(6) == b"enough"


def test_sending_goes_on_when_what_the_server_said_means_that(pair):
    client, peer = pair
    peer.sendall(b"go on")
    heard = []

    def goes_on():
        heard.append(client.read(5))
        return True

    body = request_body(b"hello")
    assert send_body(client, body, framing_of("PUT", (), body), goes_on)
    assert heard == [b"go on"]
    assert peer.recv(100) == b"hello"


def test_no_body_is_sent_without_looking_at_the_connection(pair):
    client, peer = pair
    assert send_body(client, NO_BODY, framing_of("GET"), stop)
    peer.setblocking(False)
    with pytest.raises(BlockingIOError):
        peer.recv(1)
