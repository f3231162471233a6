"""StepwiseClient: what `send` sends of a request, and what a reply that comes early stops."""

from __future__ import annotations

import http.client
import io
import socket
import threading
from errno import ECONNRESET, EPIPE
from typing import TYPE_CHECKING, Any

import pytest
from support.servers import ScriptedServer
from support.steps import Close, Drain, Expect, ExpectBody, ExpectHead, Reset, Send
from support.streams import ScriptedStream

from mini_http.base import errors
from mini_http.base.timeouts import Timeout
from mini_http.exchange.http_connection import HTTPConnection
from mini_http.exchange.request_body import IterableBody, watched, with_trailers
from mini_http.exchange.states import State

if TYPE_CHECKING:
    from collections.abc import Iterator

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"
LARGE = 1 << 26
"""Bytes that no pair of socket buffers holds."""
SOON = 0.1


def over(stream: Any, **timeouts: float) -> HTTPConnection:
    """A connection over this stream or socket, which can be opened again."""
    connection = HTTPConnection("a.test")
    connection.sock = stream
    connection.timeout = Timeout(**timeouts) if timeouts else connection.timeout  # type: ignore[assignment]
    return connection


def announced(connection: HTTPConnection, length: int) -> None:
    """Sends the head of a request with a body of this length."""
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", length)
    connection.endheaders()


# --- opening


def test_send_raises_where_it_may_not_open_the_connection() -> None:
    connection = HTTPConnection("a.test")
    connection.auto_open = 0
    with pytest.raises(http.client.NotConnected) as caught:
        connection.send(b"x")
    assert isinstance(caught.value, errors.NotConnected)
    with pytest.raises(http.client.NotConnected):
        connection.request("GET", "/")
    assert connection.state is State.CLOSED


def test_send_opens_the_connection_and_sends_bytes_as_they_are() -> None:
    with ScriptedServer([[Expect(), Send(HELLO), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.send(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.read_some() == HELLO
        connection.close()
    assert server.requests == [b"GET / HTTP/1.1\r\n\r\n"]


def test_what_a_server_says_before_it_is_asked_is_refused() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(HELLO)
        connection = over(ours)
        with pytest.raises(errors.UnaskedReply):
            connection.request("GET", "/")
    assert connection.closed


def test_what_comes_from_behind_a_proxy_before_the_request_is_refused() -> None:
    with ScriptedServer([[Expect(), Send(b"HTTP/1.1 200 OK\r\n\r\n" + HELLO), Drain()]]) as proxy:
        connection = HTTPConnection("127.0.0.1", proxy.port)
        connection.set_tunnel("b.test", 1)
        with pytest.raises(errors.UnaskedReply):
            connection.request("GET", "/")
        assert connection.closed
    assert len(proxy.requests) == 1


def test_the_time_for_all_of_it_begins_with_the_head() -> None:
    with ScriptedServer([HELLO]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, Timeout(total=20))
        connection.putrequest("GET", "/")
        assert connection.deadline is None
        connection.endheaders()
        assert connection.deadline is not None
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert connection.deadline is None


def test_an_idle_connection_that_the_server_has_left_is_opened_again() -> None:
    with ScriptedServer([[HELLO, Close()], HELLO]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        for _ in range(2):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello"
            assert connection.wait_for_input(10)
        connection.close()
    assert len(server.connections) == 2


# --- the body that was announced


@pytest.mark.parametrize(
    "pieces",
    [
        [b"abc", b"def"],
        [memoryview(b"abcdef")],
        [bytearray(b"abcdef")],
        [io.BytesIO(b"abcdef")],
        [[b"ab", b"cd"], (b"ef",)],
        [b"", b"abcdef", b""],
    ],
)
def test_the_rest_of_a_body_follows_by_send(pieces: list[Any]) -> None:
    with ScriptedServer([HELLO]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        announced(connection, 6)
        for piece in pieces:
            connection.send(piece)
        assert connection.getresponse().read() == b"hello"
        assert not connection.closed
        connection.close()
    assert server.requests[0].endswith(b"\r\n\r\nabcdef")


@pytest.mark.parametrize("length", [0, 2])
def test_more_than_was_announced_is_not_sent(length: int) -> None:
    with ScriptedServer([[ExpectHead(), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        announced(connection, length)
        with pytest.raises(errors.InvalidRequest, match="announced"):
            connection.send(b"abc")
        connection.close()
    assert server.connections[0].received.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("body", [iter([b"abc"]), iter([b"abc", b"defg"])])
def test_a_body_of_another_length_than_was_announced_ends_the_connection(body: Any) -> None:
    with ScriptedServer([[ExpectHead(), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", 6)
        connection._request.has_all_of_body = True
        with pytest.raises(errors.InvalidRequest, match="than the 6 that Content-Length says"):
            connection.endheaders(body)
        assert connection.closed
    assert server.connections[0].received.endswith(b"\r\n\r\nabc")


def test_a_file_is_sent_in_blocks_of_the_size_that_was_given() -> None:
    asked = []

    class File(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            asked.append(size)
            return super().read(size)

    with ScriptedServer([HELLO]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, blocksize=2)
        announced(connection, 5)
        connection.send(File(b"abcde"))
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert max(size or 0 for size in asked) <= 2
    assert server.requests[0].endswith(b"abcde")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_long_body_is_sent_piece_by_piece(chunked: bool) -> None:
    body = b"0123456789abcdef" * (1 << 16)
    with ScriptedServer([HELLO]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.putrequest("POST", "/")
        connection.endheaders(body, encode_chunked=chunked)
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert len(server.requests[0]) > len(body)


def test_chunks_by_hand_may_come_in_pieces() -> None:
    with ScriptedServer([[Expect(), Send(EMPTY), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.putrequest("POST", "/")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(iter([b"3\r\na"]))
        connection.send(b"bc\r\n0\r\n\r\n")
        assert connection.getresponse().status == 204
        assert not connection.closed
        connection.close()
    assert server.requests[0].endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


def test_a_body_that_fails_closes_the_connection() -> None:
    def failing() -> Iterator[bytes]:
        yield b"ab"
        raise KeyError("no more")

    with ScriptedServer([[ExpectHead(), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        with pytest.raises(KeyError):
            connection.request("POST", "/", failing())
        assert connection.closed
        connection.putrequest("GET", "/")  # another one can be begun
    assert connection.state is State.STARTED


# --- replies that come before the request is whole


def test_a_refusal_stops_the_body_while_it_is_sent() -> None:
    with ScriptedServer([[ExpectHead(), Send(TOO_LARGE), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        announced(connection, LARGE)
        assert connection.wait_for_input(10)
        connection.send(iter([b"x" * 1000, b"y" * 1000]))
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (413, b"no")
        assert connection.closed
    assert len(server.connections[0].received) < 1000


@pytest.mark.parametrize("by_send", [False, True])
def test_a_refusal_stops_a_body_that_the_server_does_not_read(by_send: bool) -> None:
    pause = threading.Event()

    def refuse(connection: Any) -> None:
        connection.read_head()
        connection.send(TOO_LARGE)
        assert pause.wait(10)

    with ScriptedServer(handler=refuse) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        if by_send:
            announced(connection, LARGE)
            connection.send(bytes(LARGE))
        else:
            connection.request("POST", "/", bytes(LARGE))
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (413, b"no")
        pause.set()
        connection.close()
    assert len(server.requests) == 1


def test_sending_goes_on_after_a_success_that_came_early() -> None:
    with ScriptedServer([[ExpectHead(), Send(HELLO), ExpectBody(), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        announced(connection, 6)
        assert connection.wait_for_input(10)
        connection.send(b"abc")
        connection.send(b"def")
        assert connection.getresponse().read() == b"hello"
        assert not connection.closed
        connection.close()
    assert server.requests[0].endswith(b"abcdef")


def test_no_reply_that_came_early_is_an_error_and_closes() -> None:
    with ScriptedServer([[ExpectHead(), Send(b"no reply\r\n\r\n"), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        announced(connection, 6)
        assert connection.wait_for_input(10)
        with pytest.raises(errors.BadStatusLine):
            connection.send(b"abc")
        assert connection.closed
    assert len(server.requests) == 1


# --- a connection that breaks


@pytest.mark.parametrize("end", [Reset(), Close()])
def test_a_connection_that_ended_before_a_piece_of_the_body_is_closed(end: Any) -> None:
    with ScriptedServer([[ExpectHead(), end]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        announced(connection, 6)
        assert connection.wait_for_input(10)
        with pytest.raises(errors.SendBroken) as caught:
            connection.send(b"abc")
        assert isinstance(caught.value, BrokenPipeError)
        assert isinstance(caught.value.reason, OSError)
        assert caught.value.state == "sending"
        assert connection.closed
    assert len(server.requests) == 1


@pytest.mark.parametrize("end", [Reset(), Close()])
def test_a_connection_that_ends_when_it_is_to_ask_for_the_body_is_closed(end: Any) -> None:
    with ScriptedServer([[ExpectHead(), end]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        with pytest.raises(errors.SendBroken) as caught:
            connection.request("POST", "/", b"abc", EXPECT)
        assert caught.value.state == "sending"
        assert connection.closed
    assert len(server.requests) == 1


@pytest.mark.parametrize("said", [TOO_LARGE, CONTINUE + TOO_LARGE, HELLO])
def test_a_reply_that_came_before_the_connection_ended_is_not_lost(said: bytes) -> None:
    ours, theirs = socket.socketpair()
    with over(ours) as connection:
        announced(connection, 6)
        theirs.sendall(said)
        theirs.close()
        connection.send(b"abc")
        connection.send(b"def")
        reply = connection.getresponse()
        assert said.endswith(reply.read())
        assert reply.status in (200, 413)
        assert connection.closed


def test_an_interim_reply_is_no_reply_to_a_request_that_breaks() -> None:
    ours, theirs = socket.socketpair()
    with over(ours) as connection:
        announced(connection, 6)
        theirs.sendall(CONTINUE)
        theirs.close()
        with pytest.raises(errors.SendBroken):
            connection.send(b"abc")
        assert connection.closed


class Breaking(socket.socket):
    """Breaks when it is to send, after `sends` times, and has been reset from then on."""

    sends = 0
    is_broken = False

    def sendall(self, data: Any, *flags: int) -> None:
        self._count()
        super().sendall(data)

    def send(self, data: Any, *flags: int) -> int:
        self._count()
        return super().send(data)

    def recv(self, size: int, *flags: int) -> bytes:
        if self.is_broken:
            raise ConnectionResetError(ECONNRESET, "Connection reset by peer")
        return super().recv(size, *flags)

    def _count(self) -> None:
        if self.sends == 0:
            self.is_broken = True
            super().shutdown(socket.SHUT_RD)  # so that there is something to be read
            raise BrokenPipeError(EPIPE, "Broken pipe")
        self.sends -= 1


@pytest.mark.parametrize("sends", [0, 1])
def test_what_reading_says_of_the_end_is_the_reason_why_sending_broke(sends: int) -> None:
    ours, theirs = socket.socketpair()
    with theirs, Breaking(ours.family, ours.type, fileno=ours.detach()) as breaking:
        breaking.sends = sends
        connection = over(breaking)
        with pytest.raises(errors.SendBroken) as caught:
            connection.request("POST", "/", [b"abc"], {"Content-Length": "3"})
        assert isinstance(caught.value.reason, ConnectionResetError)
    assert connection.closed


class Broken(HTTPConnection):
    """Its server goes, with or without a word, just before the head is sent."""

    said: bytes = b""
    theirs: socket.socket

    def send(self, data: Any) -> None:
        if self.said:
            self.theirs.sendall(self.said)
        self.theirs.close()
        super().send(data)


@pytest.mark.parametrize("said", [b"", TOO_LARGE])
def test_a_head_that_cannot_be_sent_is_an_error_unless_a_reply_came(said: bytes) -> None:
    ours, theirs = socket.socketpair()
    connection = Broken("a.test")
    connection.said, connection.theirs, connection.sock = said, theirs, ours
    if said:
        connection.request("GET", "/")
        with connection.getresponse() as reply:
            assert reply.status == 413
    else:
        with pytest.raises(errors.SendBroken) as caught:
            connection.request("GET", "/")
        assert isinstance(caught.value.reason, BrokenPipeError)
    assert connection.closed


def test_a_head_that_the_server_does_not_take_is_an_error_though_it_may_still_speak() -> None:
    ours, theirs = socket.socketpair()
    with theirs, over(ours) as connection:
        theirs.shutdown(socket.SHUT_RD)
        with pytest.raises(errors.SendBroken) as caught:
            connection.request("GET", "/")
        assert isinstance(caught.value.reason, BrokenPipeError)
        assert connection.closed


def test_bytes_outside_a_request_that_cannot_be_sent_close_the_connection() -> None:
    ours, theirs = socket.socketpair()
    connection = over(ours)
    theirs.close()
    with pytest.raises(errors.SendBroken):
        connection.send(b"abc")
    assert connection.closed


class Silent:
    """A socket of makefile and sendall alone, which breaks."""

    def makefile(self, *_: object, **__: object) -> io.BytesIO:
        return io.BytesIO(TOO_LARGE)

    def sendall(self, data: bytes) -> None:
        raise BrokenPipeError(EPIPE, "Broken pipe")


def test_a_reply_that_cannot_be_watched_for_is_left_to_who_asks_for_it() -> None:
    connection = over(Silent())
    with pytest.raises(BrokenPipeError):
        connection.request("POST", "/", b"abc")
    with connection.getresponse() as reply:
        assert (reply.status, reply.read()) == (413, b"no")
    connection.close()


@pytest.mark.parametrize("body", [b"abc", [b"ab", b"c"]])
def test_a_fake_that_cannot_be_watched_gets_the_body(body: Any) -> None:
    stream = ScriptedStream([HELLO])
    connection = HTTPConnection("a.test")
    connection.response_class = http.client.HTTPResponse
    connection._create_connection = lambda *_: stream
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", 3)
    connection.putheader("Expect", "100-continue")
    connection.endheaders(body)
    assert stream.sent.endswith(b"\r\n\r\nabc")
    connection.close()


def test_a_server_that_does_not_read_ends_in_a_timeout() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        connection = over(ours)
        connection.timeout = SOON
        with pytest.raises(errors.WriteTimedOut):
            connection.request("POST", "/", bytes(LARGE))
        assert connection.closed


def test_bytes_that_nobody_reads_end_in_a_timeout() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        connection = over(ours)
        connection.timeout = SOON
        with pytest.raises(errors.WriteTimedOut):
            connection.send(bytes(LARGE))
        assert connection.closed


# --- Expect: 100-continue

EXPECT = {"Expect": "100-continue"}


@pytest.mark.parametrize("body", [b"abc", [b"abc"], io.BytesIO(b"abc")])
def test_the_body_is_sent_when_the_server_asks_for_it(body: Any) -> None:
    script = [ExpectHead(), Send(CONTINUE), ExpectBody(), Send(HELLO), Drain()]
    with ScriptedServer([script]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", "/", body, EXPECT)
        assert connection.was_received
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert b"abc" in server.requests[0]


def test_the_body_is_not_sent_when_the_server_refuses() -> None:
    with ScriptedServer([[ExpectHead(), Send(TOO_LARGE), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", "/", b"abc", EXPECT)
        with connection.getresponse() as reply:
            assert (reply.status, reply.read()) == (413, b"no")
        assert connection.closed
    assert bytes(server.connections[0].received).endswith(b"\r\n\r\n")


def test_an_empty_body_is_not_waited_for() -> None:
    with ScriptedServer([[Expect(), Send(HELLO), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", "/", b"", EXPECT)
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert len(server.requests) == 1


# --- what is taken for a body, and what is printed


def test_a_connection_is_no_body() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        connection = over(ours)
        with pytest.raises(TypeError, match="can't be a connection"):
            connection.send(HTTPConnection("b.test"))
        connection.close()
    assert connection.closed


def test_a_body_of_ours_is_sent() -> None:
    with ScriptedServer([HELLO]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", "/", IterableBody([b"ab", b"c"]))
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert server.requests[0].endswith(b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")


TRAILED = with_trailers([b"ab", b"c"], [("X-Sum", "1")])


@pytest.mark.parametrize("body", [TRAILED, watched(TRAILED, print)])
@pytest.mark.parametrize("fields", [{}, {"Transfer-Encoding": "chunked"}, {"Trailer": "X-Sum"}])
def test_a_body_with_trailers_is_sent_in_chunks(body: Any, fields: dict[str, str]) -> None:
    with ScriptedServer([HELLO]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", "/", body, fields)
        assert connection.getresponse().read() == b"hello"
        assert not connection.closed
        connection.close()
    head, _, sent = server.requests[0].partition(b"\r\n\r\n")
    assert head.count(b"Transfer-Encoding: chunked") == head.count(b"Trailer: X-Sum") == 1
    assert sent == b"2\r\nab\r\n1\r\nc\r\n0\r\nX-Sum: 1\r\n\r\n"


@pytest.mark.parametrize("body", [TRAILED, watched(TRAILED, print)])
def test_a_piece_that_is_sent_by_itself_has_no_trailers(body: Any) -> None:
    stream = ScriptedStream([])
    connection = over(stream)
    with pytest.raises(TypeError, match="trailers"):
        connection.send(body)
    connection.close()
    assert stream.sent == b""


@pytest.mark.parametrize("name", ["Authorization", "proxy-authorization", "Cookie"])
def test_secrets_are_not_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    stream = ScriptedStream([])
    connection = over(stream)
    connection.debuglevel = 1
    connection.send(f"GET / HTTP/1.1\r\n{name}: hidden\r\nX: seen\r\n\r\n".encode())
    connection.send([b"piece"])
    connection.close()
    printed = capsys.readouterr().out
    assert "hidden" not in printed
    assert f"{name}: ***" in printed
    assert "X: seen" in printed
    assert "send: [b'piece']" in printed


@pytest.mark.parametrize("made", [bytes, bytearray, memoryview])
@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("http://user:hidden@b.test/a?b", "http://user:***@b.test/a?b"),
        ("user:hidden@b.test:80", "user:***@b.test:80"),
        ("/a:b", "/a:b"),
    ],
)
def test_passwords_are_not_printed_of_whatever_bytes_a_head_is(
    made: Any, target: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = over(ScriptedStream([]))
    connection.debuglevel = 1
    head = f"GET {target} HTTP/1.1\r\nCookie: hidden\r\n\r\nx:body@y"
    connection.send(made(head.encode()))
    connection.close()
    sent = f"GET {shown} HTTP/1.1\r\nCookie: ***\r\n\r\nx:body@y"
    assert capsys.readouterr().out == f"send: {sent.encode()!r}\n"


def test_a_body_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    connection = over(ScriptedStream([]))
    connection.debuglevel = 1
    connection.send(b"a:b@c\r\n")
    connection.close()
    assert capsys.readouterr().out == "send: b'a:b@c\\r\\n'\n"
