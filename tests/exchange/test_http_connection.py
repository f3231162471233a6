"""HTTPConnection: the steps of http.client, in legal and in illegal order, against real servers."""

from __future__ import annotations

import http.client
import io
import socket
from typing import TYPE_CHECKING, Any

import pytest
from support.ipv6 import needs_ipv6
from support.proxies import Tinyproxy, find_program
from support.servers import ScriptedServer
from support.steps import Close, Drain, Expect, ExpectHead, Send, SendSplit
from support.streams import ScriptedStream

from mini_http.base import errors
from mini_http.base.limits import Limits
from mini_http.base.timeouts import DEFAULT_SECONDS, Deadline, Timeout
from mini_http.codec.framing import CloseReason
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.http_connection import HTTPConnection
from mini_http.exchange.response import HTTPResponse
from mini_http.exchange.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.python_server import EchoServer

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
HEAD_OF_5 = HELLO[:-5]
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
OPENED = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"


def sent_by(
    steps: Callable[[HTTPConnection], object], kind: type[HTTPConnection] = HTTPConnection
) -> bytes:
    """The one request that these steps send, up to its reply, as the server got it."""
    with ScriptedServer([HELLO]) as server:
        host = server.authority.encode()
        connection = kind("127.0.0.1", server.port)
        steps(connection)
        with connection.getresponse() as reply:
            assert reply.read() == b"hello"
        connection.close()
    return server.requests[0].replace(host, b"HOST")


def begun() -> HTTPConnection:
    """A connection with a request begun, and nothing opened."""
    connection = HTTPConnection("a.test")
    connection.putrequest("POST", "/")
    return connection


# --- what the constructor takes


@pytest.mark.parametrize(
    ("host", "port", "place"),
    [
        ("a.test", None, ("a.test", 80)),
        ("a.test:8080", None, ("a.test", 8080)),
        ("a.test:", None, ("a.test", 80)),
        ("a.test", 8080, ("a.test", 8080)),
        ("a.test", "8080", ("a.test", 8080)),
        ("a.test:1", 8080, ("a.test:1", 8080)),
        ("127.0.0.1:8000", None, ("127.0.0.1", 8000)),
        ("[::1]", None, ("::1", 80)),
        ("[::1]:8000", None, ("::1", 8000)),
        ("[::1]", 8000, ("::1", 8000)),
        ("::1", None, ("::1", 80)),
        ("fe80::1%lo", None, ("fe80::1%lo", 80)),
    ],
)
def test_host_and_port_are_told_apart(host: str, port: Any, place: tuple[str, int]) -> None:
    connection = HTTPConnection(host, port)
    assert (connection.host, connection.port) == place
    assert connection.sock is None


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("a.test:http", None),
        ("a.test:123456", None),
        ("a.test:-1", None),
        ("a.test", "x"),
        ("a.test", 65536),
        ("a.test", -1),
        ("a b.test", None),
        ("a.test\r\nX: y", None),
        ("a.test\x7f", None),
    ],
)
def test_a_bad_host_or_port_is_refused(host: str, port: Any) -> None:
    with pytest.raises(http.client.InvalidURL) as caught:
        HTTPConnection(host, port)
    assert isinstance(caught.value, errors.InvalidURL)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, DEFAULT_SECONDS),
        ({"timeout": socket._GLOBAL_DEFAULT_TIMEOUT}, DEFAULT_SECONDS),  # type: ignore[attr-defined]
        ({"timeout": None}, None),
        ({"timeout": 5}, 5),
        ({"timeout": Timeout(connect=1, read=7)}, 7),
    ],
)
def test_the_timeout_is_that_of_one_read(given: dict[str, Any], seconds: float | None) -> None:
    assert HTTPConnection("a.test", **given).timeout == seconds


def test_a_timeout_that_was_not_given_is_the_default_one_of_sockets() -> None:
    socket.setdefaulttimeout(3.5)
    try:
        assert HTTPConnection("a.test").timeout == 3.5
    finally:
        socket.setdefaulttimeout(None)


def test_what_the_constructor_takes_is_kept() -> None:
    limits = Limits()
    connection = HTTPConnection("a.test", 81, 1, ("127.0.0.1", 0), 10, limits=limits)
    assert connection.source_address == ("127.0.0.1", 0)
    assert connection.blocksize == 10
    assert connection.limits is limits
    connection.set_debuglevel(2)
    assert connection.debuglevel == 2


# --- connecting


def test_connect_opens_the_connection_once(echo_server: EchoServer) -> None:
    connection = HTTPConnection("127.0.0.1", echo_server.port, source_address=("127.0.0.1", 0))
    connection.connect()
    sock = connection.sock
    connection.connect()
    assert connection.sock is sock
    assert sock.gettimeout() == DEFAULT_SECONDS
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    connection.close()
    assert connection.sock is None


@needs_ipv6
def test_an_ipv6_address_has_brackets_in_the_host_field() -> None:
    with ScriptedServer([HELLO], at="::1") as server:
        connection = HTTPConnection("::1", server.port)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        connection.close()
        host = server.authority.encode()
    assert b"\r\nHost: " + host + b"\r\n" in server.requests[0]


def test_a_connection_within_a_time_for_all_of_it_can_be_opened(echo_server: EchoServer) -> None:
    connection = HTTPConnection("127.0.0.1", echo_server.port, Timeout(total=20))
    connection.request("GET", "/")
    reply = connection.getresponse()
    assert reply.read()
    connection.close()


def test_the_time_for_all_of_it_bounds_connecting() -> None:
    connection = HTTPConnection("127.0.0.1", 1, Timeout(total=20))
    connection.deadline = Deadline(0)
    with pytest.raises(errors.ConnectTimedOut, match="connecting to"):
        connection.connect()
    assert connection.closed


def test_a_client_over_a_stream_cannot_connect_again() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        connection = HTTPConnection.over(ours)
        connection.close()
        with pytest.raises(errors.StateError):
            connection.connect()
    assert connection.closed


def test_what_a_program_sets_to_connect_with_is_called() -> None:
    ours, theirs = socket.socketpair()
    asked = []

    def connect(*arguments: object) -> socket.socket:
        asked.append(arguments)
        return ours

    with theirs:
        connection = HTTPConnection("a.test", timeout=9, source_address=("b.test", 1))
        connection._create_connection = connect
        connection.request("GET", "/")  # a socket that is not TCP does
        theirs.sendall(HELLO)
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert asked == [(("a.test", 80), 9, ("b.test", 1))]


class SavedReply:
    """A socket that has no more than a reply that was saved."""

    def __init__(self, reply: bytes) -> None:
        self.reply = reply
        self.sent = b""

    def makefile(self, *_: object, **__: object) -> io.BytesIO:
        return io.BytesIO(self.reply)

    def sendall(self, data: bytes) -> None:
        self.sent += data


def test_a_socket_of_makefile_and_sendall_does() -> None:
    fake = SavedReply(HELLO)
    connection = HTTPConnection("a.test")
    connection.sock = fake
    connection.request("POST", "/", b"abc")
    with connection.getresponse() as reply:
        assert reply.read() == b"hello"
    connection.close()
    assert fake.sent.startswith(b"POST / HTTP/1.1\r\nHost: a.test\r\n")
    assert fake.sent.endswith(b"\r\n\r\nabc")


# --- request: bodies and their framing


def three_pieces() -> Iterator[bytes]:
    yield b"ab"
    yield b""
    yield b"c"


class Endless(io.BytesIO):
    """A file whose length nobody can tell."""

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        raise io.UnsupportedOperation

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation


COUNTED = b"Content-Length: 3\r\n\r\nabc"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
IN_CHUNKS = CHUNKED + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("arguments", "end"),
    [
        (("GET", "/"), b"identity\r\n\r\n"),
        (("OPTIONS", ""), b"identity\r\n\r\n"),
        (("POST", "/"), b"Content-Length: 0\r\n\r\n"),
        (("PUT", "/", None), b"Content-Length: 0\r\n\r\n"),
        (("POST", "/", b""), b"Content-Length: 0\r\n\r\n"),
        (("POST", "/", ""), b"Content-Length: 0\r\n\r\n"),
        (("POST", "/", b"abc"), COUNTED),
        (("GET", "/", b"abc"), COUNTED),
        (("POST", "/", "abc"), COUNTED),
        (("POST", "/", "\xe4\xf6\xfc"), COUNTED[:-3] + b"\xe4\xf6\xfc"),
        (("POST", "/", bytearray(b"abc")), COUNTED),
        (("POST", "/", memoryview(b"abc")), COUNTED),
        (("POST", "/", io.BytesIO(b"abc")), COUNTED),
        (("POST", "/", Endless(b"abc")), CHUNKED + b"3\r\nabc\r\n0\r\n\r\n"),
        (("POST", "/", three_pieces()), IN_CHUNKS),
        (("POST", "/", b"abc", {"Content-Length": 3}), COUNTED),
        (("POST", "/", three_pieces(), {"Content-Length": "3"}), COUNTED),
        (("POST", "/", b"abc", {b"content-length": b"3"}), COUNTED.lower()),
        (
            ("POST", "/", b"3\r\nabc\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"}),
            CHUNKED + b"3\r\nabc\r\n0\r\n\r\n",
        ),
        (
            ("POST", "/", b"abc", [("X", 1), ("X", b"2")]),
            b"Content-Length: 3\r\nX: 1\r\nX: 2\r\n\r\nabc",
        ),
    ],
)
def test_request_frames_a_body_as_it_is(arguments: tuple[Any, ...], end: bytes) -> None:
    sent = sent_by(lambda connection: connection.request(*arguments))
    head = f"{arguments[0]} / HTTP/1.1\r\nHost: HOST\r\nAccept-Encoding: identity\r\n"
    assert sent.lower().startswith(head.lower().encode())
    assert sent.endswith(end)


@pytest.mark.parametrize("coding", [{"Transfer-Encoding": "chunked"}])
def test_request_encodes_chunks_where_it_is_asked(coding: dict[str, str]) -> None:
    sent = sent_by(
        lambda connection: connection.request(
            "POST", "/", three_pieces(), coding, encode_chunked=True
        )
    )
    assert sent.endswith(IN_CHUNKS)


def test_encode_chunked_is_nothing_without_a_transfer_encoding() -> None:
    sent = sent_by(lambda connection: connection.request("POST", "/", b"abc", encode_chunked=True))
    assert sent.endswith(COUNTED)


def test_a_field_that_is_given_is_not_put_as_well() -> None:
    fields = {"Host": "b.test", "accept-encoding": "gzip"}
    sent = sent_by(lambda connection: connection.request("GET", "/", headers=fields))
    assert sent == b"GET / HTTP/1.1\r\nHost: b.test\r\naccept-encoding: gzip\r\n\r\n"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("GET", "/", "\u20ac"), errors.InvalidRequest),
        (("GET", "/", 7), TypeError),
        (("GET", "/", HTTPConnection("a.test")), TypeError),
        (("GET", "/", None, {"X": None}), TypeError),
        (("GET", "/", None, {"X": "a\r\nb"}), errors.InvalidField),
        (("GET", "/", None, {"X y": "a"}), errors.InvalidField),
        (("GE T", "/"), errors.InvalidField),
        (("G\r\n", "/"), errors.InvalidField),
        (("GET", "/ HTTP/1.1\r\nX: y"), errors.InvalidURL),
        (("GET", "/a b"), errors.InvalidURL),
        (("GET", "/\x7f"), errors.InvalidURL),
        (("GET", "/\xe4"), errors.InvalidURL),
        (("POST", "/", b"abc", {"Content-Length": "2"}), errors.InvalidRequest),
        (("POST", "/", b"abc", {"Content-Length": "x"}), errors.InvalidField),
        (
            ("POST", "/", b"abc", {"Content-Length": 3, "Transfer-Encoding": "chunked"}),
            errors.InvalidField,
        ),
        (("POST", "/", b"abc", {"Transfer-Encoding": "gzip"}), errors.InvalidField),
    ],
)
def test_what_cannot_be_sent_is_refused_and_another_request_can_be_sent(
    arguments: tuple[Any, ...], kind: type[Exception]
) -> None:
    def steps(connection: HTTPConnection) -> None:
        with pytest.raises(kind):
            connection.request(*arguments)
        assert connection.sock is None
        assert connection.state is State.CLOSED
        connection.request("GET", "/next")

    assert sent_by(steps).startswith(b"GET /next ")


# --- step by step


def test_the_steps_make_up_a_request() -> None:
    def steps(connection: HTTPConnection) -> None:
        connection.putrequest("POST", "/")
        assert connection.sock is None
        connection.putheader("X", "a", b"b", 3)
        connection.putheader(b"Content-Length", "6")
        connection.endheaders(b"abc")
        connection.send(b"d")
        connection.send(io.BytesIO(b"e"))
        connection.send([b"f"])

    assert sent_by(steps) == (
        b"POST / HTTP/1.1\r\nHost: HOST\r\nAccept-Encoding: identity\r\n"
        b"X: a b 3\r\nContent-Length: 6\r\n\r\nabcdef"
    )


@pytest.mark.parametrize(
    ("skipped", "fields"),
    [
        ({}, b"Host: HOST\r\nAccept-Encoding: identity\r\n"),
        ({"skip_host": True}, b"Accept-Encoding: identity\r\n"),
        ({"skip_accept_encoding": True}, b"Host: HOST\r\n"),
        ({"skip_host": 1, "skip_accept_encoding": 1}, b""),
    ],
)
def test_the_fields_put_by_default_can_be_skipped(skipped: dict[str, Any], fields: bytes) -> None:
    def steps(connection: HTTPConnection) -> None:
        connection.putrequest("GET", "/", **skipped)
        connection.endheaders()

    assert sent_by(steps) == b"GET / HTTP/1.1\r\n" + fields + b"\r\n"


@pytest.mark.parametrize(
    ("method", "target", "host"),
    [
        ("GET", "http://b.test:81/x", b"b.test:81"),
        ("GET", "http", b"HOST"),
        ("GET", "http://[x/", b"HOST"),
        ("OPTIONS", "*", b"HOST"),
    ],
)
def test_the_target_says_which_host_if_it_names_one(method: str, target: str, host: bytes) -> None:
    sent = sent_by(lambda connection: connection.request(method, target))
    assert b"\r\nHost: " + host + b"\r\n" in sent


@pytest.mark.parametrize(
    ("fields", "body", "chunked", "end"),
    [
        ({}, b"abc", False, COUNTED),
        ({}, "abc", False, COUNTED),
        ({}, b"abc", True, CHUNKED + b"3\r\nabc\r\n0\r\n\r\n"),
        ({}, three_pieces, False, IN_CHUNKS),
        ({}, three_pieces, True, IN_CHUNKS),
        ({}, None, True, b"identity\r\n\r\n"),
        ({"Transfer-Encoding": "chunked"}, three_pieces, True, IN_CHUNKS),
        ({"Transfer-Encoding": "chunked"}, b"0\r\n\r\n", False, CHUNKED + b"0\r\n\r\n"),
        ({"Content-Length": "3"}, three_pieces, False, COUNTED),
    ],
)
def test_endheaders_frames_a_body(
    fields: dict[str, str], body: Any, chunked: bool, end: bytes
) -> None:
    def steps(connection: HTTPConnection) -> None:
        connection.putrequest("POST", "/")
        for name, value in fields.items():
            connection.putheader(name, value)
        connection.endheaders(body() if callable(body) else body, encode_chunked=chunked)

    assert sent_by(steps).endswith(end)


class Old(HTTPConnection):
    """Speaks HTTP/1.0."""

    _http_vsn = 10
    _http_vsn_str = "HTTP/1.0"


def test_http_1_0_has_no_field_by_default() -> None:
    sent = sent_by(lambda connection: connection.request("POST", "/", b"abc"), Old)
    assert sent == b"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"


def test_http_1_0_has_no_chunks() -> None:
    connection = Old("a.test")
    with pytest.raises(errors.InvalidField, match=r"HTTP/1\.0"):
        connection.request("POST", "/", three_pieces())
    assert connection.state is State.CLOSED


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        (lambda it: it.putheader("X", "y"), http.client.CannotSendHeader),
        (lambda it: it.endheaders(), http.client.CannotSendHeader),
        (lambda it: it.getresponse(), http.client.ResponseNotReady),
    ],
)
def test_a_step_without_a_request_is_refused(
    steps: Callable[[HTTPConnection], object], kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        steps(HTTPConnection("a.test"))
    assert isinstance(caught.value, errors.StateError)


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        (lambda it: it.putrequest("GET", "/"), http.client.CannotSendRequest),
        (lambda it: it.request("GET", "/"), http.client.CannotSendRequest),
        (lambda it: it.getresponse(), http.client.ResponseNotReady),
    ],
)
def test_a_step_within_a_head_is_refused_and_the_head_goes_on(
    steps: Callable[[HTTPConnection], object], kind: type[Exception]
) -> None:
    connection = begun()
    with pytest.raises(kind):
        steps(connection)
    connection.putheader("X", "y")
    assert connection.state is State.STARTED


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        (lambda it: it.putrequest("GET", "/"), http.client.CannotSendRequest),
        (lambda it: it.request("GET", "/"), http.client.CannotSendRequest),
        (lambda it: it.putheader("X", "y"), http.client.CannotSendHeader),
        (lambda it: it.endheaders(), http.client.CannotSendHeader),
    ],
)
def test_a_step_before_the_reply_is_refused_and_the_reply_can_be_read(
    steps: Callable[[HTTPConnection], object], kind: type[Exception]
) -> None:
    def all_steps(connection: HTTPConnection) -> None:
        connection.request("GET", "/")
        with pytest.raises(kind):
            steps(connection)

    assert sent_by(all_steps).startswith(b"GET / ")


def test_closing_drops_a_request_that_was_begun() -> None:
    connection = begun()
    connection.close()
    connection.putrequest("GET", "/other")
    assert connection.state is State.STARTED
    assert connection._buffer[0] == b"GET /other HTTP/1.1"


def test_a_host_that_cannot_be_put_drops_the_request() -> None:
    class Anywhere(HTTPConnection):
        def _validate_host(self, host: str) -> None:
            pass

    connection = Anywhere("a b")
    with pytest.raises(errors.InvalidURL):
        connection.putrequest("GET", "/")
    connection.putrequest("GET", "/", skip_host=True)
    assert connection.state is State.STARTED


def test_a_name_beyond_ascii_is_looked_up_as_its_a_label() -> None:
    connection = HTTPConnection("b\xfccher.test")
    connection.putrequest("GET", "/")
    assert b"Host: xn--bcher-kva.test" in connection._buffer


def test_a_request_that_fails_to_connect_can_be_made_again(echo_server: EchoServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    connection = HTTPConnection("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        connection.request("GET", "/")
    connection.port = echo_server.port
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    connection.close()


# --- the reply


def test_replies_follow_each_other_on_one_connection(echo_server: EchoServer) -> None:
    connection = HTTPConnection("127.0.0.1", echo_server.port)
    for _ in range(3):
        connection.request("GET", "/")
        with connection.getresponse() as reply:
            assert isinstance(reply, HTTPResponse)
            assert reply.read()
    connection.close()
    assert echo_server.connections == 1


def test_a_short_reply_left_unread_is_read_for_the_next_request() -> None:
    with ScriptedServer([[Expect(), SendSplit([HEAD_OF_5, b"hello"]), HELLO]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/1")
        first = connection.getresponse()
        connection.request("GET", "/2")
        assert connection.getresponse().read() == b"hello"
        assert first.read() == b"hello"
        connection.close()
    assert len(server.connections) == 1


def test_a_long_reply_left_unread_is_in_the_way_of_the_next_request() -> None:
    size = 1 << 24
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    with ScriptedServer([[Expect(), Send(head), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/1")
        reply = connection.getresponse()
        with pytest.raises(http.client.CannotSendRequest):
            connection.request("GET", "/2")
        assert connection.response is reply
        reply.close()
        connection.close()
    assert len(server.requests) == 1


def test_a_reply_that_is_the_last_has_the_connection_for_itself() -> None:
    with ScriptedServer([[Expect(), SendSplit([LAST[:-2], b"lo"]), Drain()], HELLO]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/1")
        reply = connection.getresponse()
        assert connection.sock is None
        assert connection.response is None
        connection.request("GET", "/2")
        assert connection.getresponse().read() == b"hello"
        assert reply.read() == b"hello"
        connection.close()
    assert len(server.connections) == 2


def test_a_request_that_says_close_is_the_last() -> None:
    with ScriptedServer([[Expect(), SendSplit([HEAD_OF_5, b"hello"]), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/", headers={"Connection": "close"})
        with connection.getresponse() as reply:
            assert connection.sock is None
            assert reply.read() == b"hello"
        assert connection.close_reason is CloseReason.REQUEST_SAID_CLOSE
    assert len(server.requests) == 1


def test_a_connection_that_the_server_has_closed_is_opened_again() -> None:
    with ScriptedServer([[HELLO, Close()], HELLO]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        for _ in range(2):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello"
            if connection.sock is not None:
                connection.wait_for_input(5)
        connection.close()
    assert [len(each.requests) for each in server.connections] == [1, 1]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"", http.client.RemoteDisconnected),
        (b"nothing of the kind\r\n\r\n", http.client.BadStatusLine),
        (b"HTTP/1.1 200 OK\r\nno field\r\n\r\n", errors.BadField),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", errors.UnaskedUpgrade),
    ],
)
def test_what_is_no_reply_is_an_error_and_closes(said: bytes, kind: type[Exception]) -> None:
    with ScriptedServer([[Expect(), Send(said)]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/")
        with pytest.raises(kind):
            connection.getresponse()
        assert connection.sock is None
    assert len(server.requests) == 1


def test_a_refusal_that_came_early_is_the_reply_and_the_last() -> None:
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"
    with ScriptedServer([[ExpectHead(), Send(refusal), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", str(1 << 26))
        connection.endheaders()
        connection.wait_for_input(5)
        connection.send(b"x" * 1000)
        with connection.getresponse() as reply:
            assert (reply.status, reply.read()) == (413, b"no")
        assert connection.close_reason is CloseReason.EARLY_REPLY
    assert len(server.connections[0].received) < 1000


def test_a_reply_is_there_though_the_server_left_before_it_took_the_head() -> None:
    ours, theirs = socket.socketpair()

    class Left(HTTPConnection):
        def send(self, data: Any) -> None:
            theirs.sendall(HELLO)
            theirs.close()
            super().send(data)

    connection = Left("a.test")
    connection.sock = ours
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"
    assert connection.close_reason is CloseReason.EARLY_REPLY


def test_a_reply_before_the_body_is_whole_is_the_last() -> None:
    with ScriptedServer([[ExpectHead(), Send(HELLO), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", "3")
        connection.endheaders(b"ab")
        assert connection.getresponse().read() == b"hello"
        assert connection.sock is None
    assert connection.close_reason is CloseReason.EARLY_REPLY


# --- a response_class of somebody else


class Foreign(HTTPConnection):
    """Gives http.client's replies."""

    response_class = http.client.HTTPResponse


def test_replies_of_http_client_follow_each_other() -> None:
    with ScriptedServer([[HELLO, HELLO]]) as server:
        connection = Foreign("127.0.0.1", server.port)
        for _ in range(2):
            connection.request("POST", "/", b"abc")
            reply = connection.getresponse()
            assert type(reply) is http.client.HTTPResponse
            assert reply.read() == b"hello"
        connection.close()
    assert len(server.connections) == 1


def test_a_reply_of_http_client_left_unread_is_in_the_way() -> None:
    with ScriptedServer([HELLO]) as server:
        connection = Foreign("127.0.0.1", server.port)
        connection.request("GET", "/")
        reply = connection.getresponse()
        with pytest.raises(http.client.CannotSendRequest):
            connection.request("GET", "/")
        reply.close()
        connection.close()
    assert len(server.requests) == 1


def test_a_reply_of_http_client_that_is_the_last_closes_the_connection() -> None:
    with ScriptedServer([LAST]) as server:
        connection = Foreign("127.0.0.1", server.port)
        connection.request("GET", "/")
        with connection.getresponse() as reply:
            assert connection.sock is None
            assert reply.read() == b"hello"
    assert len(server.requests) == 1


def test_a_reply_of_http_client_that_is_none_closes_the_connection() -> None:
    with ScriptedServer([b"no reply\r\n\r\n"]) as server:
        connection = Foreign("127.0.0.1", server.port)
        connection.request("GET", "/")
        with pytest.raises(http.client.BadStatusLine):
            connection.getresponse()
        assert connection.sock is None
    assert len(server.requests) == 1


def test_a_subclass_of_our_reply_is_given() -> None:
    class Mine(HTTPResponse):
        pass

    with ScriptedServer([HELLO]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.response_class = Mine
        connection.request("GET", "/")
        reply = connection.getresponse()
        assert type(reply) is Mine
        assert reply.read() == b"hello"
        connection.close()
    assert len(server.requests) == 1


def test_a_reply_of_a_request_whose_body_is_not_ended_closes_under_http_client() -> None:
    with ScriptedServer([[ExpectHead(), Send(HELLO), Drain()]]) as server:
        connection = Foreign("127.0.0.1", server.port)
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", "3")
        connection.endheaders(b"ab")
        with connection.getresponse() as reply:
            assert reply.read() == b"hello"
        assert connection.sock is None
    assert len(server.requests) == 1


# --- through a proxy


def test_a_tunnel_leads_to_the_host_behind_the_proxy() -> None:
    with ScriptedServer([[OPENED, HELLO]]) as proxy:
        connection = HTTPConnection("127.0.0.1", proxy.port)
        connection.set_tunnel("b.test", 8080, {"Proxy-Authorization": "Basic abc"})
        assert connection.get_proxy_response_headers() is None
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        seen = connection.get_proxy_response_headers()
        assert seen is not None
        assert seen["Via"] == "1.1 proxy"
        connection.close()
    asked, request = proxy.requests
    assert asked.startswith(b"CONNECT b.test:8080 HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: Basic abc\r\n" in asked
    assert b"\r\nHost: b.test:8080\r\n" in asked
    assert request.startswith(b"GET / HTTP/1.1\r\nHost: b.test:8080\r\n")


def test_a_host_field_for_the_proxy_can_be_given_and_the_port_be_the_usual_one() -> None:
    with ScriptedServer([[OPENED, HELLO]]) as proxy:
        connection = HTTPConnection("127.0.0.1", proxy.port)
        connection.set_tunnel("b.test", headers={"host": "c.test"})
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        connection.close()
    asked, request = proxy.requests
    assert asked == b"CONNECT b.test:80 HTTP/1.1\r\nhost: c.test\r\n\r\n"
    assert b"\r\nHost: b.test\r\n" in request


def test_a_tunnel_is_asked_for_again_with_each_connection() -> None:
    with ScriptedServer([[OPENED, LAST], [OPENED, HELLO]]) as proxy:
        connection = HTTPConnection("127.0.0.1", proxy.port)
        connection.set_tunnel("b.test", 1)
        for _ in range(2):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello"
        connection.close()
    assert [each.split(b" ")[0] for each in proxy.requests] == [b"CONNECT", b"GET"] * 2


def test_a_refused_tunnel_shows_the_headers_of_the_refusal() -> None:
    refusal = (
        b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno"
    )
    with ScriptedServer([refusal]) as proxy:
        connection = HTTPConnection("127.0.0.1", proxy.port)
        connection.set_tunnel("b.test", 443)
        with pytest.raises(OSError, match="Tunnel connection failed: 407 Who are you") as caught:
            connection.connect()
        assert isinstance(caught.value, errors.TunnelRefused)
        assert (caught.value.status, caught.value.body) == (407, b"no")
        seen = connection.get_proxy_response_headers()
        assert seen is not None
        assert seen["Proxy-Authenticate"] == "Basic"
        assert connection.sock is None
    assert len(proxy.requests) == 1


def test_a_tunnel_cannot_be_set_up_over_an_open_connection(echo_server: EchoServer) -> None:
    connection = HTTPConnection("127.0.0.1", echo_server.port)
    connection.connect()
    with pytest.raises(RuntimeError):
        connection.set_tunnel("b.test")
    connection.close()
    connection.set_tunnel("b.test")
    assert connection._tunnel_host == "b.test"


@pytest.mark.parametrize(("host", "port"), [("a:b", None), ("a b", 1), ("b.test", 70000)])
def test_a_bad_host_behind_the_proxy_is_refused(host: str, port: int | None) -> None:
    connection = HTTPConnection("a.test")
    with pytest.raises(errors.InvalidURL):
        connection.set_tunnel(host, port)
    assert connection._tunnel_host is None


@pytest.mark.skipif(find_program("tinyproxy") is None, reason="tinyproxy is not installed")
def test_a_tunnel_through_a_real_proxy_leads_to_the_server(echo_server: EchoServer) -> None:
    with Tinyproxy() as proxy:
        connection = HTTPConnection("127.0.0.1", proxy.port)
        connection.set_tunnel("127.0.0.1", echo_server.port)
        for _ in range(2):
            connection.request("GET", "/")
            assert connection.getresponse().read()
        connection.close()
    assert proxy.connections == 1
    assert echo_server.connections == 1


# --- what is printed


def test_what_is_sent_and_what_comes_is_printed_without_secrets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reply = b"HTTP/1.1 200 OK\r\nSet-Cookie: hidden\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[OPENED, reply]]) as proxy:
        connection = HTTPConnection("127.0.0.1", proxy.port)
        connection.set_debuglevel(1)
        connection.set_tunnel("b.test", 80, {"Proxy-Authorization": "hidden"})
        connection.request("GET", "/", headers={"Authorization": "hidden"})
        assert connection.getresponse().read() == b""
        connection.close()
    printed = capsys.readouterr().out
    assert "hidden" not in printed
    assert "send: b'CONNECT b.test:80" in printed
    assert "reply: 'HTTP/1.1 200 Connection established" in printed
    assert "header: Via: 1.1 proxy" in printed
    assert "send: b'GET / HTTP/1.1" in printed
    assert "reply: 'HTTP/1.1 200 OK" in printed


# --- what subclasses override


def test_an_overridden_connect_is_the_one_that_opens(echo_server: EchoServer) -> None:
    class Mine(HTTPConnection):
        def connect(self) -> None:
            self.sock = socket.create_connection(("127.0.0.1", echo_server.port))

    connection = Mine("nowhere.test")
    connection.request("GET", "/")
    assert connection.getresponse().read()
    connection.close()
    assert tuple(echo_server.requests[0]["headers"][0]) == ("Host", "nowhere.test")


def test_an_overridden_send_sees_every_piece() -> None:
    pieces: list[bytes] = []

    class Mine(HTTPConnection):
        def send(self, data: Any) -> None:
            pieces.append(data)
            super().send(data)

    sent = sent_by(lambda connection: connection.request("POST", "/", three_pieces()), Mine)
    assert b"".join(pieces).endswith(IN_CHUNKS)
    assert sent.endswith(IN_CHUNKS)
    assert len(pieces) > 1


def test_a_send_that_only_collects_makes_a_request_of_it() -> None:
    pieces: list[bytes] = []

    class Mine(HTTPConnection):
        def send(self, data: Any) -> None:
            pieces.append(data)

    connection = Mine("a.test")
    connection.request("GET", "/", headers={"X": "y"})
    assert b"".join(pieces) == (
        b"GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: identity\r\nX: y\r\n\r\n"
    )


def test_overridden_checks_let_through_what_they_want() -> None:
    class Mine(HTTPConnection):
        def _encode_request(self, request: str) -> bytes:
            return request.encode("utf-8")

        def _validate_path(self, url: str) -> None:
            pass

        def _validate_method(self, method: str) -> None:
            pass

    sent = sent_by(lambda connection: connection.request("G?T", "/\xe4 b"), Mine)
    assert sent.startswith("G?T /\xe4 b HTTP/1.1\r\n".encode())


def test_an_overridden_output_may_use_what_is_put_together() -> None:
    class Mine(HTTPConnection):
        def _send_output(self, message_body: Any = None, encode_chunked: bool = False) -> None:
            assert message_body == b"abc"
            super()._send_output(message_body, encode_chunked)

    assert sent_by(lambda it: it.request("POST", "/", "abc"), Mine).endswith(COUNTED)


def test_an_overridden_output_of_a_request_is_what_is_sent() -> None:
    class Mine(HTTPConnection):
        def _send_output(self, message_body: Any = None, encode_chunked: bool = False) -> None:
            self.send(b"GET /mine HTTP/1.1\r\nHost: b.test\r\n\r\n")

    sent = sent_by(lambda connection: connection.request("GET", "/"), Mine)
    assert sent == b"GET /mine HTTP/1.1\r\nHost: b.test\r\n\r\n"


def test_a_tunnel_that_a_subclass_forgets_on_closing_is_remembered_for_the_request() -> None:
    class Mine(HTTPConnection):
        def close(self) -> None:
            super().close()
            self._tunnel_host = self._tunnel_port = None
            self._tunnel_headers = {}

    with ScriptedServer([[OPENED, HELLO, Close()], [OPENED, HELLO]]) as proxy:
        connection = Mine("127.0.0.1", proxy.port)
        connection.set_tunnel("b.test", 1)
        for _ in range(2):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello"
            connection.wait_for_input(5)
        connection.close()
    assert len(proxy.requests) == 4


# --- long waits, short bodies, passwords, a connection without a host


@pytest.mark.parametrize("client", [HTTPConnection, HTTPClient])
@pytest.mark.parametrize("seconds", [3_000_000, 1e10, 1e300])
def test_a_timeout_may_be_longer_than_systems_can_wait(client: Any, seconds: float) -> None:
    with ScriptedServer([HELLO]) as server:
        connection = client(server.authority, timeout=seconds)
        assert connection.httpcmd("POST", "/", body=bytes(1 << 20))[0] == 200
        assert connection.getbody() == b"hello"
        connection.close()
    assert len(server.requests) == 1


@pytest.mark.parametrize(("body", "was_begun"), [(iter([b"xxx"]), True), (b"xxx", False)])
def test_a_body_that_is_shorter_than_its_length_is_refused_at_once(
    body: Any, was_begun: bool
) -> None:
    with ScriptedServer([[ExpectHead(), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.connect()
        with pytest.raises(errors.InvalidRequest, match="Content-Length"):
            connection.request("POST", "/", body, {"Content-Length": "10"})
        assert connection.closed is was_begun
        connection.close()
    assert bool(server.connections[0].received) is was_begun


@pytest.mark.parametrize("target", ["http://u:secret@a.test/\xfc", "http://u:secret@a.test/ x"])
def test_a_password_in_a_target_that_is_refused_is_not_shown(target: str) -> None:
    with pytest.raises(errors.InvalidURL) as caught:
        HTTPConnection("a.test").request("GET", target)
    assert "secret" not in str(caught.value)
    assert "u:***@a.test" in str(caught.value)


def test_a_connection_over_a_stream_has_no_authority() -> None:
    stream = ScriptedStream([HELLO])
    connection = HTTPConnection.over(stream)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"
    assert b"\r\nHost: \r\n" in stream.sent
    connection.close()
