"""HTTPResponse(sock) and its LoneReply: a reply that a program made itself, over what it has."""

from __future__ import annotations

import contextlib
import gc
import http.client
import io
import socket

import pytest
from support.servers import ScriptedServer
from support.steps import Drain, Send

from mini_http.base.errors import (
    BadChunk,
    BadFraming,
    BadStatusLine,
    IncompleteRead,
    LimitExceeded,
    ReadTimedOut,
    RemoteDisconnected,
    ResponseNotReady,
)
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.codec.framing import CloseReason
from mini_http.exchange.lone_reply import LoneReply
from mini_http.exchange.response import HTTPResponse

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

FIELDS = b"HTTP/1.1 200 OK\r\nServer: a\r\n"
COUNTED = FIELDS + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = FIELDS + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nDate: b\r\n\r\n"
TO_THE_END = b"HTTP/1.0 200 OK\r\n\r\nhello"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
NEXT = b"HTTP/1.1 404 Not Found\r\n\r\n"
PATIENCE = 20.0


class SavedReply:
    """Has only `makefile`, and keeps the file that it gave."""

    def __init__(self, data, kind=io.BytesIO):
        self.file = kind(data)

    def makefile(self, mode):
        assert mode == "rb"
        return self.file


class UnclosedBytes(io.BytesIO):
    """Only notes that it is closed, so that what nobody has read can be looked at."""

    was_closed = False

    def close(self):
        self.was_closed = True


class OnlyRead:
    """A file with only `read`, `readline` and such a `close`."""

    def __init__(self, data):
        self._data = io.BytesIO(data)
        self.was_closed = False

    def read(self, size=-1):
        return self._data.read(size)

    def readline(self, size=-1):
        return self._data.readline(size)

    def close(self):
        self.was_closed = True


def begun(data, method="GET", **options):
    reply = HTTPResponse(SavedReply(data), method=method, **options)
    reply.begin()
    return reply


@contextlib.contextmanager
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(PATIENCE)
        theirs.settimeout(PATIENCE)
        yield ours, theirs


# --- before it begins


@pytest.mark.parametrize(
    "name", ["version", "status", "reason", "headers", "msg", "length", "chunked", "will_close"]
)
def test_before_it_begins_an_attribute_is_what_it_is_in_http_client(name):
    theirs = http.client.HTTPResponse(SavedReply(COUNTED))
    with HTTPResponse(SavedReply(COUNTED)) as reply:
        assert getattr(reply, name) == getattr(theirs, name)
    theirs.close()


@pytest.mark.parametrize(
    "use",
    [
        lambda reply: reply.read(),
        lambda reply: reply.read1(),
        lambda reply: reply.readline(),
        lambda reply: reply.readinto(bytearray(1)),
        lambda reply: reply.getheader("Server"),
        lambda reply: reply.getheaders(),
    ],
    ids=["read", "read1", "readline", "readinto", "getheader", "getheaders"],
)
def test_before_it_begins_nothing_of_it_can_be_had(use):
    saved = SavedReply(COUNTED)
    reply = HTTPResponse(saved)
    with pytest.raises(ResponseNotReady) as caught:
        use(reply)
    assert isinstance(caught.value, http.client.ResponseNotReady)
    assert saved.file.tell() == 0
    assert not reply.isclosed()


def test_before_it_begins_it_has_its_file_and_can_be_closed():
    saved = SavedReply(COUNTED)
    reply = HTTPResponse(saved, url="http://a.test/")
    assert reply.geturl() == "http://a.test/"
    assert reply.fp is saved.file
    reply.close()
    assert saved.file.closed
    assert reply.isclosed()
    assert reply.fp is None


@pytest.mark.parametrize("kind", [LoneReply, HTTPResponse])
@pytest.mark.parametrize("what", [None, b"HTTP/1.1 200 OK\r\n\r\n", io.BytesIO(COUNTED)])
def test_what_has_no_makefile_is_refused(kind, what):
    with pytest.raises(TypeError, match="object with makefile"):
        kind(what)


# --- a reply of each kind


@pytest.mark.parametrize(
    ("data", "length", "chunked", "closes", "why"),
    [
        (COUNTED, 5, False, False, None),
        (CHUNKED, None, True, False, None),
        (TO_THE_END, None, False, True, CloseReason.BODY_UNTIL_CLOSE),
    ],
    ids=["counted", "chunked", "to the end"],
)
def test_a_reply_is_read_to_its_end_and_then_closed(data, length, chunked, closes, why):
    saved = SavedReply(data)
    reply = HTTPResponse(saved)
    reply.begin()
    assert (reply.status, reply.code, reply.reason) == (200, 200, "OK")
    assert (reply.length, reply.chunked, reply.will_close) == (length, chunked, closes)
    assert reply.close_reason is why
    assert not reply.isclosed()
    assert reply.fp is saved.file
    assert reply.read() == b"hello"
    assert reply.isclosed()
    assert saved.file.closed
    assert reply.fp is None
    assert reply.read() == b""


def test_trailers_are_there_once_a_chunked_body_has_ended():
    reply = begun(CHUNKED)
    assert reply.trailers is None
    assert reply.read() == b"hello"
    assert reply.trailers["Date"] == "b"


@pytest.mark.parametrize("piece", [1, 2, 3, 100])
@pytest.mark.parametrize("data", [COUNTED, CHUNKED, TO_THE_END], ids=["count", "chunks", "end"])
def test_a_body_can_be_read_in_pieces(data, piece):
    reply = begun(data)
    assert b"".join(iter(lambda: reply.read(piece), b"")) == b"hello"
    assert reply.isclosed()


@pytest.mark.parametrize(
    ("data", "method"),
    [
        (COUNTED[:-5], "HEAD"),
        (CHUNKED.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", "HEAD"),
        (NO_CONTENT, "GET"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET"),
        (FIELDS + b"Content-Length: 0\r\n\r\n", "GET"),
        (FIELDS + b"Content-Length: 0\r\n\r\n", None),
    ],
)
def test_a_reply_without_a_body_has_closed_its_file_and_is_closed_when_it_is_read(data, method):
    saved = SavedReply(data)
    reply = HTTPResponse(saved, method=method)
    reply.begin()
    assert saved.file.closed
    assert reply.length == 0
    assert not reply.isclosed()
    assert reply.read() == b""
    assert reply.isclosed()


def test_interim_replies_are_skipped():
    assert begun(HINTS + HINTS + COUNTED).read() == b"hello"


def test_too_many_interim_replies_are_refused():
    saved = SavedReply(HINTS * (DEFAULT_LIMITS.interim_replies + 1) + COUNTED)
    with pytest.raises(LimitExceeded):
        HTTPResponse(saved).begin()
    assert saved.file.closed


def test_beginning_again_does_nothing():
    reply = begun(COUNTED)
    assert reply.read(2) == b"he"
    reply.begin()
    assert (reply.status, reply.read()) == (200, b"llo")


# --- what goes wrong


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", RemoteDisconnected),
        (b"no HTTP\r\n\r\n", BadStatusLine),
        (COUNTED[:20], IncompleteRead),
        (FIELDS + b"Content-Length: x\r\n\r\n", BadFraming),
    ],
)
def test_a_head_that_is_none_is_an_error_which_closes_the_file(data, kind):
    saved = SavedReply(data)
    reply = HTTPResponse(saved)
    with pytest.raises(kind):
        reply.begin()
    assert saved.file.closed


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (COUNTED[:-1], IncompleteRead),
        (CHUNKED[:-20], IncompleteRead),
        (CHUNKED.replace(b"\r\n3\r\n", b"\r\nx\r\n"), BadChunk),
    ],
)
def test_a_body_that_is_cut_or_malformed_is_an_error_which_closes_the_file(data, kind):
    saved = SavedReply(data)
    reply = HTTPResponse(saved)
    reply.begin()
    for _ in range(2):
        with pytest.raises(kind):
            reply.read()
    assert saved.file.closed
    assert reply.isclosed()


# --- never a byte of what follows


@pytest.mark.parametrize("kind", [UnclosedBytes, OnlyRead])
@pytest.mark.parametrize(
    ("data", "method", "body"),
    [
        (COUNTED, "GET", b"hello"),
        (CHUNKED, "GET", b"hello"),
        (HINTS + COUNTED, "GET", b"hello"),
        (NO_CONTENT, "GET", b""),
        (COUNTED[:-5], "HEAD", b""),
        (b"HTTP/1.1 200 OK\nContent-Length: 1\n\n5", "GET", b"5"),
    ],
)
def test_not_a_byte_is_taken_of_what_follows(kind, data, method, body):
    saved = SavedReply(data + NEXT, kind)
    reply = HTTPResponse(saved, method=method)
    reply.begin()
    assert reply.read() == body
    assert saved.file.was_closed
    assert saved.file.read() == NEXT


# --- its file


def test_its_file_can_be_replaced_before_it_begins():
    saved, other = SavedReply(b"not looked at"), io.BytesIO(COUNTED)
    reply = HTTPResponse(saved)
    reply.fp = other
    reply.begin()
    assert reply.fp is other
    assert reply.read() == b"hello"
    assert saved.file.tell() == 0


@pytest.mark.parametrize("data", [COUNTED, TO_THE_END], ids=["counted", "to the end"])
def test_its_file_can_be_replaced_before_its_body_is_read(data):
    reply = begun(data)
    with reply.fp:
        reply.fp = io.BytesIO(reply.fp.read().upper())
    assert reply.read() == b"HELLO"


def test_a_file_that_can_be_asked_for_its_descriptor_gives_it(tmp_path):
    path = tmp_path / "saved"
    path.write_bytes(COUNTED)
    with path.open("rb") as file:
        reply = HTTPResponse(SavedReply(b""))
        reply.fp = file
        reply.begin()
        assert reply.fileno() == file.fileno()
        assert reply.read() == b"hello"


@pytest.mark.parametrize("taken", [0, 2])
@pytest.mark.parametrize("data", [COUNTED, CHUNKED], ids=["counted", "chunked"])
def test_to_close_it_unread_closes_the_file_and_reads_nothing(data, taken):
    saved = SavedReply(data, UnclosedBytes)
    reply = HTTPResponse(saved)
    reply.begin()
    assert len(reply.read(taken)) == taken
    before = saved.file.tell()
    reply.close()
    assert saved.file.was_closed
    assert saved.file.tell() == before
    assert reply.isclosed()


def test_to_drop_it_unread_closes_the_file():
    saved = SavedReply(COUNTED)
    reply = HTTPResponse(saved)
    reply.begin()
    del reply
    gc.collect()
    assert saved.file.closed


# --- a switch of protocols, and detach


@pytest.mark.parametrize("data", [COUNTED, NO_CONTENT], ids=["a body", "none"])
def test_a_reply_that_switches_nothing_can_not_be_detached(data):
    with begun(data) as reply, pytest.raises(io.UnsupportedOperation):
        reply.detach()


def test_a_reply_that_has_not_begun_can_not_be_detached():
    with HTTPResponse(SavedReply(SWITCHED)) as reply, pytest.raises(io.UnsupportedOperation):
        reply.detach()


@pytest.mark.parametrize(
    ("head", "method"), [(SWITCHED, "GET"), (b"HTTP/1.1 200 OK\r\n\r\n", "CONNECT")]
)
def test_after_a_switch_what_follows_can_be_detached(head, method):
    reply = begun(head + b"hello\n", method=method)
    assert reply.close_reason is CloseReason.SWITCHED
    with reply.detach() as client:
        assert client.readline() == b"hello"


@pytest.mark.parametrize("kind", [io.BytesIO, OnlyRead])
@pytest.mark.parametrize(
    ("head", "method"), [(SWITCHED, "GET"), (b"HTTP/1.1 200 OK\r\n\r\n", "CONNECT")]
)
def test_after_a_switch_the_file_gives_what_follows(head, method, kind):
    saved = SavedReply(head + b"hello\nworld\nrest", kind)
    reply = HTTPResponse(saved, method=method)
    reply.begin()
    assert reply.fp is saved.file
    assert reply.fp.readline() == b"hello\n"
    assert reply.read() == b""
    with reply.detach() as client:
        assert reply.fp is None
        assert client.readline() == b"world"
        assert client.read() == b"rest"


def test_after_a_switch_the_file_can_be_replaced_and_is_closed_with_the_reply():
    reply = begun(SWITCHED)
    reply.fp.close()
    reply.fp = other = io.BytesIO(b"hello\n")
    assert reply.fp is other
    assert reply.fp.readline() == b"hello\n"
    reply.close()
    assert reply.fp is None
    assert other.closed


def test_after_a_switch_over_a_socket_both_sides_go_on():
    with pair() as (ours, theirs):
        theirs.sendall(SWITCHED + b"first\n")
        with HTTPResponse(ours) as reply:
            reply.begin()
            assert reply.fileno() == reply.fp.fileno() == ours.fileno()
            assert reply.fp.readline() == b"first\n"
            ours.sendall(b"more\n")
            assert theirs.recv(100) == b"more\n"
            theirs.sendall(b"second\n")
            assert reply.fp.readline() == b"second\n"
        assert ours.fileno() >= 0


def test_a_refusal_of_connect_has_a_body():
    with begun(COUNTED.replace(b"200 OK", b"403 Forbidden"), method="CONNECT") as reply:
        assert reply.read() == b"hello"


# --- what is printed


@pytest.mark.parametrize("level", [1, 2])
def test_the_head_is_printed_if_that_is_asked_but_nothing_that_is_secret(capsys, level):
    begun(FIELDS + b"Set-Cookie: a=secret\r\nContent-Length: 0\r\n\r\n", debuglevel=level).close()
    printed = capsys.readouterr().out
    assert "secret" not in printed
    assert printed.splitlines() == [
        "reply: 'HTTP/1.1 200 OK\\r\\n'",
        "header: Server: a",
        "header: Set-Cookie: ***",
        "header: Content-Length: 0",
    ]


def test_an_old_version_is_printed_as_it_came(capsys):
    begun(TO_THE_END, debuglevel=1).close()
    assert capsys.readouterr().out == "reply: 'HTTP/1.0 200 OK\\r\\n'\n"


def test_nothing_is_printed_unless_that_is_asked(capsys):
    assert begun(COUNTED).read() == b"hello"
    assert capsys.readouterr().out == ""


# --- over a socket


@pytest.mark.parametrize("data", [COUNTED, CHUNKED], ids=["counted", "chunked"])
def test_a_reply_over_a_socket_leaves_the_socket_open(data):
    with (
        ScriptedServer([[Send(data), Drain()]]) as server,
        socket.create_connection(server.address, PATIENCE) as sock,
    ):
        reply = HTTPResponse(sock)
        reply.begin()
        assert reply.read() == b"hello"
        assert reply.isclosed()
        assert sock.fileno() >= 0
        assert sock.gettimeout() == PATIENCE


def test_a_reply_over_a_socket_has_its_descriptor_until_it_ends():
    with pair() as (ours, theirs):
        theirs.sendall(COUNTED)
        reply = HTTPResponse(ours)
        reply.begin()
        assert reply.fileno() == ours.fileno()
        assert reply.read() == b"hello"
        with pytest.raises(io.UnsupportedOperation):
            reply.fileno()


@pytest.mark.parametrize(
    ("head", "before", "after"),
    [
        (b"Content-Length: 8\r\n", b"", b""),
        (b"Transfer-Encoding: chunked\r\n", b"4\r\n", b"\r\n"),
        (b"", b"", b""),
    ],
    ids=["counted", "chunked", "to the end"],
)
def test_what_comes_without_a_line_end_is_there_as_it_comes(head, before, after):
    with pair() as (ours, theirs):
        theirs.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        with HTTPResponse(ours) as reply:
            reply.begin()
            for piece in (b"abcd", b"efgh"):
                theirs.sendall(before + piece[:2])
                assert reply.read1(2) == piece[:2]
                theirs.sendall(piece[2:] + after)
                assert reply.read1(2) == piece[2:]


def test_the_timeout_of_the_socket_bounds_each_wait():
    with pair() as (ours, theirs):
        theirs.sendall(COUNTED[:-5])
        reply = HTTPResponse(ours)
        reply.begin()
        ours.settimeout(0.01)
        with pytest.raises(ReadTimedOut):
            reply.read()
        reply.close()
        assert ours.fileno() >= 0


def test_a_socket_may_be_closed_before_its_reply_is_read():
    with pair() as (ours, theirs):
        reply = HTTPResponse(ours)
        assert reply.fp.readable()
        ours.close()
        theirs.sendall(COUNTED)
        reply.begin()
        assert reply.read() == b"hello"
