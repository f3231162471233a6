"""ReplyFace: what a reply has of http.client's and urllib's, and the file below it."""

from __future__ import annotations

import http.client
import io

import pytest
from support.begun_replies import (
    CHUNKS,
    COUNTED,
    HEAD,
    LINES,
    NEXT,
    SWITCHING,
    TO_THE_END,
    UPGRADE,
    begun,
)
from support.servers import ScriptedServer
from support.steps import Drain, Send
from support.waits import PATIENCE

from mini_http.base.errors import (
    BadStatusLine,
    IncompleteRead,
    RemoteDisconnected,
    ResponseNotReady,
)
from mini_http.codec.framing import CloseReason
from mini_http.exchange.http_connection import HTTPConnection
from mini_http.exchange.lone_reply import LoneReply
from mini_http.exchange.reply_files import WireFile
from mini_http.exchange.response import HTTPResponse
from mini_http.exchange.states import State

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


class SavedReply(io.BytesIO):
    """What a program has of a reply: it is its own file."""

    def makefile(self, mode):
        assert mode == "rb"
        return self


# --- before the head has come


def test_before_it_begins_it_has_what_http_client_has_then():
    reply = HTTPResponse(SavedReply())
    assert (reply.length, reply.chunked, reply.will_close) == ("UNKNOWN",) * 3
    assert (reply.status, reply.reason, reply.version) == ("UNKNOWN",) * 3
    assert reply.headers is reply.msg is reply.info() is None
    assert reply.chunk_left is None
    assert not reply.isclosed()
    for ask in (lambda: reply.getheader("a"), reply.getheaders, reply.read):
        with pytest.raises(ResponseNotReady, match="begin"):
            ask()
    reply.close()


# --- what the head said


def test_the_head_is_told_in_the_words_of_http_client_and_urllib():
    head = COUNTED.replace(b"\r\n\r\n", b"\r\nA: 1\r\na: 2\r\n\r\n")
    reply, _ = begun(head, b"hello")
    reply.url = "http://a.test/"
    assert reply.info() is reply.headers is reply.msg
    assert (reply.geturl(), reply.getcode()) == ("http://a.test/", 200)
    assert reply.getheaders() == [("Content-Length", "5"), ("A", "1"), ("a", "2")]
    assert (reply.getheader("A"), reply.getheader("content-length")) == ("1, 2", "5")
    assert (reply.getheader("B"), reply.getheader("B", "c")) == (None, "c")
    assert (reply.getheader("B", ["c", "d"]), reply.getheader("B", 1)) == ("c, d", 1)
    assert (reply.length, reply.chunked, reply.will_close, reply.trailers) == (
        5,
        False,
        False,
        None,
    )


def test_it_is_a_reply_of_http_clients_for_who_asks():
    reply, _ = begun(NEXT)
    assert isinstance(reply, http.client.HTTPResponse)
    assert {"fp", "raw", "read", "status"} <= set(dir(reply))
    assert "chunk_left" in dir(reply)


# --- when it is over


@pytest.mark.parametrize(
    ("head", "method"),
    [(b"HTTP/1.1 204 No Content\r\n\r\n", "GET"), (COUNTED, "HEAD"), (HEAD, "HEAD"),
     (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET")],
)  # fmt: skip
@pytest.mark.parametrize(
    "read",
    [HTTPResponse.read, lambda reply: reply.read(1), HTTPResponse.readline, HTTPResponse.peek,
     lambda reply: reply.readinto(bytearray(1)), HTTPResponse.close],
    ids=["all", "some", "a line", "a look", "into", "close"],
)  # fmt: skip
def test_a_reply_without_a_body_is_not_closed_until_it_is_read(head, method, read):
    reply, client = begun(head, method=method)
    assert client.state is State.IDLE
    assert not reply.isclosed()
    assert reply.fp is reply
    assert not read(reply)
    assert reply.isclosed()
    assert reply.fp is None


def test_a_reply_that_is_closed_is_so_though_bytes_were_looked_at():
    reply, _ = begun(COUNTED + b"hello")
    assert reply.peek() == b"hello"
    assert not reply.isclosed()
    reply.close()
    assert reply.isclosed()


# --- the file below, and what is read of it


def test_to_look_at_it_changes_nothing():
    reply, client = begun(HEAD, CHUNKS)
    assert isinstance(reply.fp, WireFile)
    assert reply.fp is reply.fp
    assert reply.fp.readable()
    assert reply.read() == b"hello,\nworld"
    assert client.state is State.IDLE


def test_what_was_read_of_the_body_can_not_be_had_in_chunks():
    reply, client = begun(HEAD, CHUNKS[:12], CHUNKS[12:])
    assert reply.read(2) == b"he"
    with pytest.raises(io.UnsupportedOperation):
        reply.fp.readline()
    assert client.state is State.REPLYING
    assert reply.read() == b"llo,\nworld"


def test_what_is_left_of_it_is_not_kept():
    reply, client = begun(HEAD, CHUNKS[:20], CHUNKS[20:])
    assert reply.fp.readline() == LINES[0]
    reply.keep_rest()
    assert client.state is State.REPLYING
    assert reply.fp.read() == CHUNKS[len(LINES[0]) :]


def test_a_coded_body_is_not_taken_apart():
    head = HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n"
    reply, _ = begun(head, b"0\r\n\r\n")
    reply.decode_content()
    assert reply.fp is reply
    with pytest.raises(io.UnsupportedOperation):
        reply.take_apart()
    reply.close()


def test_exactly_so_many_bytes_are_read_or_none():
    reply, _ = begun(COUNTED, b"hello")
    assert reply._safe_read(2) == b"he"
    with pytest.raises(IncompleteRead) as caught:
        reply._safe_read(5)
    assert (caught.value.partial, caught.value.expected) == (b"llo", 2)


def test_the_chunk_that_has_come_is_counted():
    reply, _ = begun(HEAD, b"5\r\nhello\r\n", b"3\r\nyou\r\n", b"0\r\n\r\n")
    assert reply.chunk_left == 0
    assert reply.read(1) + reply.read(reply.chunk_left) == b"hello"
    assert reply.peek() == b"you"
    assert reply.read(reply.chunk_left) == b"you"
    assert reply.read(1) == b""
    assert begun(COUNTED, b"hello")[0].chunk_left is None


# --- the file of other bodies, and the socket


@pytest.mark.parametrize("head", [COUNTED, TO_THE_END])
def test_of_other_bodies_the_file_is_the_reply(head):
    reply, _ = begun(head, b"hello")
    assert reply.fp is reply
    assert reply.raw is reply.fp.raw
    assert (reply.raw.readable(), reply.raw.read(2), reply.read()) == (True, b"he", b"llo")
    with pytest.raises(AttributeError, match="replaced"):
        reply.fp = io.BytesIO()


def test_a_connection_that_is_kept_alive_and_lent_gives_no_socket():
    reply, client = begun(HEAD, CHUNKS)
    for ask in (reply.fileno, reply.fp.fileno, lambda: reply.raw._sock):
        with pytest.raises(io.UnsupportedOperation, match="shared"):
            ask()
    client.close_reason = reply.close_reason = CloseReason.REPLY_SAID_CLOSE
    assert reply.raw._sock is client.stream
    reply.read()
    with pytest.raises(io.UnsupportedOperation):
        reply.fileno()


def test_after_a_switch_the_file_gives_what_follows():
    reply, client = begun(SWITCHING + b"first\nsec", b"ond\nthird", fields=UPGRADE)
    assert reply.fp.readline() == b"first\n"
    assert (reply.fp.read(4), reply.fp.raw.read(100)) == (b"seco", b"nd\nthird")
    assert reply.fp.raw._sock is client.stream
    assert reply.fp.raw.fileno() == -1
    reply.close()
    assert client.closed


# --- replies that a program made


def test_the_file_of_a_saved_reply_is_its_own():
    saved = SavedReply(COUNTED + b"hello" + NEXT)
    reply = HTTPResponse(saved)
    assert reply.fp is saved
    reply.begin()
    assert (reply.fp is saved, reply.read(), reply.fp) == (True, b"hello", None)


def test_the_file_of_a_saved_reply_can_be_replaced():
    reply = HTTPResponse(SavedReply(b"nonsense"))
    reply.fp = io.BytesIO(COUNTED + b"hello")
    reply.begin()
    assert reply.read() == b"hello"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"HTTP/1.1 200 OK\r\n", ("HTTP/1.1", 200, "OK")),
        (b"HTTP/1.0 404 Not There\n", ("HTTP/1.0", 404, "Not There")),
        (b"HTTP/1.1 204 \r\n", ("HTTP/1.1", 204, "")),
    ],
)
def test_a_program_reads_the_status_line_by_itself(line, found):
    reply = HTTPResponse(SavedReply(line + b"A: b\r\n\r\nrest"))
    assert reply._read_status() == found
    assert reply.fp.read() == b"A: b\r\n\r\nrest"


@pytest.mark.parametrize(
    ("line", "error"), [(b"", RemoteDisconnected), (b"nonsense\r\n", BadStatusLine)]
)
def test_a_program_that_reads_no_status_line_is_told(line, error):
    reply = HTTPResponse(SavedReply(line))
    with pytest.raises(error):
        reply._read_status()
    reply.close()


def test_a_lone_reply_shows_its_socket_as_any_file_does():
    with ScriptedServer([[Send(HEAD + CHUNKS), Drain()]]) as server:
        connection = HTTPConnection(server.authority, timeout=PATIENCE)
        connection.connect()
        reply = HTTPResponse(connection.sock)
        reply.begin()
        assert reply.fp.raw._sock is connection.sock
        assert reply.fileno() == connection.sock.fileno()
        assert reply.read() == b"hello,\nworld"
        connection.close()
    assert LoneReply.shares_socket
