"""How a request's body is framed, and the body's way out while a server may answer at any time."""

from __future__ import annotations

import io
import socket
import threading
import tracemalloc

import pytest

from mini_http.base.commands import COMMANDS
from mini_http.base.errors import InvalidField, InvalidRequest
from mini_http.codec.heads import field_lines
from mini_http.connect.simple_client import SimpleClient
from mini_http.exchange.request_body import (
    NO_BODY,
    READ_BYTES,
    RequestBody,
    request_body,
    watched,
    with_trailers,
)
from mini_http.exchange.sending import SMALL_BYTES, framed_pieces, request_framing, send_body

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
    ("POST", (("X-A", "1"), LENGTH_5, ("X-B", "2")), b"hello", (), False, 5),
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
        ((("Transfer-Encoding", "identity"),), b"", "last Transfer-Encoding .* must be chunked"),
        ((CHUNKED, CHUNKED), b"", "chunked more than once"),
        ((("Content-Length", "4"),), b"hello", "Content-Length is 4, but the body has 5 bytes"),
        ((("Content-Length", "6"),), b"hello", "Content-Length is 6, but the body has 5 bytes"),
        ((LENGTH_5,), None, "Content-Length is 5, but the body has 0 bytes"),
        ((("Content-Length", "+5"),), b"hello", r"no number of 1 to 19 digits: '\+5'"),
        ((LENGTH_5, ("content-length", "6")), b"hello", "Content-Length fields differ: '5, 6'"),
        ((("Content-Length", ""),), b"", "no number of 1 to 19 digits: ''"),
        ((("Content-Length", "None"),), five(), "no number of 1 to 19 digits: 'None'"),
    ],
)
def test_a_framing_that_contradicts_itself_is_refused(fields, source, words):
    with pytest.raises(InvalidField, match=words):
        framing_of("POST", fields, source)


# --- what a body says of itself

JSON = RequestBody(b"{}", "application/json")
KIND = ("Content-Type", "application/json")
TRAILED = with_trailers(JSON, [("X-Rows", "5"), ("X-More", "1")])
ANNOUNCED = ("Trailer", "X-Rows, X-More")


@pytest.mark.parametrize(
    ("method", "given", "body", "added"),
    [
        ("POST", (), JSON, (KIND, ("Content-Length", "2"))),
        ("GET", (), JSON, (KIND, ("Content-Length", "2"))),
        ("POST", (("content-type", "a/b"),), JSON, (("Content-Length", "2"),)),
        ("POST", (("Content-Length", "2"),), JSON, (KIND,)),
        ("POST", (("Content-Length", "2"), KIND), JSON, ()),
        ("POST", (CHUNKED,), JSON, (KIND,)),
        ("POST", (), RequestBody(b"", "a/b"), (("Content-Type", "a/b"), ("Content-Length", "0"))),
        ("GET", (), RequestBody(b"", "a/b"), ()),
        ("POST", (), TRAILED, (KIND, ANNOUNCED, CHUNKED)),
        ("POST", (CHUNKED,), TRAILED, (KIND, ANNOUNCED)),
        ("POST", (("trailer", "X-Rows"),), TRAILED, (KIND, CHUNKED)),
        ("POST", (), with_trailers(b"", list), (CHUNKED,)),
        ("POST", (), with_trailers(b"", []), (CHUNKED,)),
    ],
)
def test_the_type_and_the_trailers_are_told_unless_the_caller_did(method, given, body, added):
    assert framing_of(method, given, body).fields == added


def test_a_body_with_trailers_cannot_be_of_a_given_length():
    for body in (TRAILED, with_trailers(b"{}", list)):
        with pytest.raises(InvalidField, match="a body with trailers is sent in chunks"):
            framing_of("POST", [("Content-Length", "2")], body)


@pytest.mark.parametrize(
    ("source", "is_short"),
    [
        (None, True),
        (bytes(SMALL_BYTES), True),
        (bytes(SMALL_BYTES + 1), False),
        ([b"hello"], False),
        (watched(b"hello", print), False),
    ],
)
def test_a_short_body_may_go_out_with_the_head_unless_it_is_watched(source, is_short):
    assert framing_of("POST", (), source).is_short is is_short
    if is_short:
        length = str(request_body(source).length)
        assert framing_of("POST", [("Content-Length", length)], source).is_short


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


@pytest.mark.parametrize(("change", "words"), [(b"hello world", "more"), (b"hell", "fewer")])
def test_a_file_that_changed_since_it_was_measured_is_an_error(tmp_path, change, words):
    path = tmp_path / "file"
    path.write_bytes(b"hello")
    body = request_body(path)
    framing = framing_of("POST", (), body)
    path.write_bytes(change)
    with pytest.raises(
        InvalidRequest,
        match=f"the body has {words} bytes than the 5 that Content-Length says, which it had when",
    ):
        list(framed_pieces(body, framing))


def test_trailers_follow_the_last_chunk():
    assert wire(TRAILED) == b"2\r\n{}\r\n0\r\nX-Rows: 5\r\nX-More: 1\r\n\r\n"
    assert wire(with_trailers([], lambda: [("X", "1")])) == b"0\r\nX: 1\r\n\r\n"


def test_trailers_are_made_when_all_of_the_body_was_sent():
    sent = []

    def noted():
        for piece in (b"he", b"llo"):
            sent.append(piece)
            yield piece

    made = wire(with_trailers(noted(), lambda: [("X-Sent", str(len(sent)))]))
    assert made == b"2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sent: 2\r\n\r\n"


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


def test_there_is_never_more_than_one_piece_of_a_file_in_memory(pair, tmp_path):
    client, peer = pair
    size = 10 * READ_BYTES
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(size)

    def read():
        left = size
        while left:
            left -= peer.recv_into(room)

    room = bytearray(1 << 16)
    reader = threading.Thread(target=read)
    reader.start()
    body = request_body(path)
    tracemalloc.start()
    try:
        assert send_body(client, body, framing_of("PUT", (), body), stop)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        reader.join(PATIENCE)
    assert READ_BYTES < most < 1.5 * READ_BYTES


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


def test_a_hook_is_told_of_what_has_been_sent(pair):
    client, peer = pair
    told = []
    body = watched([b"hel", b"lo"], lambda sent, total: told.append((sent, peer.recv(100))))
    assert send_body(client, body, framing_of("PUT", [LENGTH_5], body), stop)
    assert told == [(3, b"hel"), (5, b"lo")]


def test_a_hook_is_not_told_of_what_was_not_sent(pair):
    client, peer = pair
    peer.sendall(b"enough")
    told = []
    body = watched(b"hello", lambda *now: told.append(now))
    assert not send_body(client, body, framing_of("PUT", (), body), stop)
    assert told == []
