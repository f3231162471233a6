"""ExchangeClient: one exchange, what goes out when, and why a connection ends.

Most are made with the HTTPClient that programs have.
"""

from __future__ import annotations

import io
import os
import socket
import threading

import pytest
from support.descriptors import can_list_descriptors, open_descriptors
from support.servers import ScriptedServer
from support.steps import (
    Close,
    Drain,
    Expect,
    ExpectBody,
    ExpectHead,
    HalfClose,
    Pause,
    Send,
)
from support.streams import ScriptedStream

from mini_http.base.errors import (
    BadFraming,
    BadStatusLine,
    ConnectionBroken,
    IncompleteRead,
    InvalidField,
    InvalidRequest,
    LimitExceeded,
    MiniHTTPError,
    ReadTimedOut,
    RemoteDisconnected,
    StateError,
    TotalTimedOut,
    UnaskedUpgrade,
)
from mini_http.base.limits import Limits
from mini_http.base.timeouts import Timeout
from mini_http.codec.framing import CloseReason
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.request_body import NO_BODY, request_body
from mini_http.exchange.response import HTTPResponse
from mini_http.exchange.sending import SMALL_BYTES
from mini_http.exchange.states import State


@pytest.fixture(scope="module", autouse=True)
def no_descriptors_leaked_by_all_of_these():
    """Once for all, since looking for them takes longer than most of the tests here."""
    before = open_descriptors() if can_list_descriptors() else {}
    yield
    assert not before or len(open_descriptors()) <= len(before)


HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
HEAD_OF_5 = HELLO[:-5]
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
REFUSED = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"
HOST = (("Host", "a.test"),)
SOON = 0.1
PATIENCE = 20.0


class Segments(ScriptedStream):
    """Keeps what was sent as it was handed over."""

    def __init__(self, *pieces, end="close"):
        super().__init__(pieces, end)
        self.segments = []

    def sendall(self, data, flags=0):
        self.segments.append(bytes(data))
        super().sendall(data, flags)


# --- one exchange and its states


def exchange(http, method="GET", target="/", fields=HOST, body=NO_BODY):
    return http.exchange(method, target, fields, body)


def test_an_exchange_needs_an_idle_connection():
    stream = Segments(HEAD_OF_5, b"hello", HELLO)
    http = HTTPClient.over(stream)
    response = exchange(http)
    assert http.state is State.REPLYING
    with pytest.raises(StateError, match="can't send while the connection is replying"):
        exchange(http)
    assert response.read() == b"hello", "the refused one did no harm"
    assert http.state is State.IDLE
    assert len(stream.segments) == 1
    exchange(http)
    http.close()
    with pytest.raises(StateError, match="can't send while the connection is closed"):
        exchange(http)
    with pytest.raises(StateError, match="can't send while the connection is closed"):
        exchange(HTTPClient("a.test"))


@pytest.mark.parametrize(
    ("method", "target", "fields", "body"),
    [
        ("GE T", "/", HOST, b""),
        ("GET", "/ ", HOST, b""),
        ("GET", "/", (("A\r\n", "b"),), b""),
        ("GET", "/", (("A", "b\r\nC: d"),), b""),
        ("POST", "/", (("Content-Length", "6"),), b"hello"),
        ("POST", "/", (("Content-Length", "5"), ("Transfer-Encoding", "chunked")), b"hello"),
    ],
)
def test_a_request_that_may_not_be_sent_sends_nothing_and_spoils_nothing(
    method, target, fields, body
):
    stream = Segments(HELLO)
    http = HTTPClient.over(stream)
    with pytest.raises(InvalidField):
        exchange(http, method, target, fields, request_body(body))
    assert stream.sent == b""
    assert http.state is State.IDLE
    assert exchange(http).read() == b"hello"


def test_a_switch_of_protocols_that_nobody_asked_for_is_refused():
    stream = ScriptedStream([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"])
    http = HTTPClient.over(stream)
    with pytest.raises(UnaskedUpgrade):
        exchange(http)
    assert stream.closed


def test_a_tunnel_belongs_to_the_caller():
    stream = Segments(b"HTTP/1.1 200 Established\r\nContent-Length: 5\r\n\r\nhello")
    http = HTTPClient.over(stream)
    response = exchange(http, "CONNECT", "a.test:443")
    assert (response.status, response.read()) == (200, b"")
    assert http.state is State.SWITCHED
    assert http.close_reason is CloseReason.SWITCHED
    with pytest.raises(StateError, match="can't send while the connection is switched"):
        exchange(http)
    assert http.read(5) == b"hello"


def test_a_refused_tunnel_is_a_reply_as_any_other():
    http = HTTPClient.over(Segments(b"HTTP/1.1 407 No\r\nContent-Length: 5\r\n\r\nhello"))
    assert exchange(http, "CONNECT", "a.test:443").read() == b"hello"
    assert http.state is State.IDLE


def test_the_one_who_lends_the_connection_is_told_when_it_is_free():
    told = []
    http = HTTPClient.over(ScriptedStream([HELLO, HEAD_OF_5, b"hello", LAST]))
    http.on_free = told.append
    exchange(http)
    assert told == [http]
    exchange(http).read()
    assert told == [http, http]
    exchange(http).read()
    assert told == [http, http], "a closed one is of no use"


@pytest.mark.parametrize("timeout", [PATIENCE, None])
def test_interim_replies_are_offered_to_a_hook(timeout):
    seen = []
    http = HTTPClient.over(ScriptedStream([CONTINUE + HINTS, HINTS + HELLO]), timeout=timeout)
    http.on_interim = seen.append
    assert exchange(http).read() == b"hello"
    assert [head.status for head in seen] == [100, 103, 103]
    assert seen[1].headers["link"] == "</style.css>"


def test_interim_replies_are_counted_anew_for_each_request():
    http = HTTPClient.over(ScriptedStream([HINTS * 20 + HELLO] * 3 + [HINTS * 21 + HELLO]))
    for _ in range(3):
        assert exchange(http).read() == b"hello"
    with pytest.raises(LimitExceeded, match="more than 20 interim replies"):
        exchange(http)


def test_an_interim_reply_shows_that_the_request_was_received():
    for pieces, received in (([], False), ([HINTS], True), ([b"HTT"], False)):
        http = HTTPClient.over(ScriptedStream(pieces))
        with pytest.raises(MiniHTTPError):
            exchange(http).read()
        assert http.was_received is received


# --- why a connection ends


class Stop(Exception):
    """Raised by a caller's own code."""


def stopping():
    yield b"x"
    raise Stop


def interrupted():
    raise KeyboardInterrupt
    yield


@pytest.mark.parametrize(
    ("pieces", "end", "body", "error", "reason"),
    [
        ([], "timeout", b"", ReadTimedOut, CloseReason.TIMED_OUT),
        ([b"HTTP/1.1 2"], "timeout", b"", ReadTimedOut, CloseReason.TIMED_OUT),
        ([], "close", b"", RemoteDisconnected, CloseReason.SERVER_CLOSED),
        ([], "reset", b"", ConnectionBroken, CloseReason.BROKEN),
        ([b"HTTP/1.1 2"], "close", b"", IncompleteRead, CloseReason.BODY_CUT),
        ([b"HTTP/1.1 2"], "reset", b"", IncompleteRead, CloseReason.BODY_CUT),
        ([b"SSH-2.0-x\r\n"], "timeout", b"", BadStatusLine, CloseReason.PROTOCOL_FAULT),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\r\n"], "close", b"", BadFraming,
         CloseReason.PROTOCOL_FAULT),
        ([], "close", stopping(), Stop, CloseReason.INTERRUPTED),
        ([], "close", interrupted(), KeyboardInterrupt, CloseReason.INTERRUPTED),
        ([], "close", [5], TypeError, CloseReason.INTERRUPTED),
    ],
)  # fmt: skip
def test_a_failed_exchange_closes_the_connection_and_notes_why(pieces, end, body, error, reason):
    stream = ScriptedStream(pieces, end)
    http = HTTPClient.over(stream)
    with pytest.raises(error):
        exchange(http, "POST", body=request_body(body))
    assert http.close_reason is reason
    assert http.state is State.CLOSED
    assert stream.closed


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("close", CloseReason.REQUEST_SAID_CLOSE),
        ("x, CLOSE", CloseReason.REQUEST_SAID_CLOSE),
        ("x,close", CloseReason.REQUEST_SAID_CLOSE),
        ("keep-alive", None),
        ("closed", None),
    ],
)
def test_a_request_that_says_close_closes(value, reason):
    http = HTTPClient.over(ScriptedStream([HELLO]))
    response = exchange(http, fields=(*HOST, ("CONNECTION", value)))
    assert response.read() == b"hello"
    assert http.close_reason is reason
    assert response.will_close is (reason is not None)


def test_a_child_process_does_not_read_its_parents_bytes():
    ours, theirs = socket.socketpair()
    with theirs, HTTPClient.over(ours, timeout=PATIENCE) as http:
        theirs.sendall(HEAD_OF_5)
        response = exchange(http)
        theirs.sendall(b"hello")
        child = os.fork()
        if child == 0:
            response.close()
            os._exit(0 if http.closed else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert response.read() == b"hello"
        assert http.state is State.IDLE


# --- what goes out when


def test_a_small_body_leaves_with_the_head_in_one_piece():
    for body in (b"x" * SMALL_BYTES, io.BytesIO(b"x" * SMALL_BYTES), b"x"):
        stream = Segments(HELLO)
        exchange(HTTPClient.over(stream), "POST", body=request_body(body)).read()
        assert len(stream.segments) == 1
        assert stream.sent.endswith(b"\r\n\r\n" + b"x" * (SMALL_BYTES if body != b"x" else 1))


@pytest.mark.parametrize("body", [b"x" * (SMALL_BYTES + 1), [b"x", b"y"]])
def test_other_bodies_leave_after_the_head(body):
    stream = Segments(HELLO)
    exchange(HTTPClient.over(stream), "POST", body=request_body(body)).read()
    assert stream.segments[0].endswith(b"\r\n\r\n")
    assert len(stream.segments) > 1


@pytest.mark.parametrize(
    ("length", "words"),
    [
        ("1", "more bytes than the 1"),
        ("0", "more bytes than the 0"),
        ("9", "fewer bytes than the 9"),
        ("99999", "fewer bytes than the 99999"),
    ],
)
def test_a_body_of_another_length_than_was_said_ends_the_connection(length, words):
    stream = Segments(HELLO)
    http = HTTPClient.over(stream)
    with pytest.raises(InvalidRequest, match=words):
        exchange(
            http, "POST", fields=(*HOST, ("Content-Length", length)), body=request_body([b"xyz"])
        )
    assert stream.closed
    assert http.close_reason is CloseReason.INTERRUPTED


def test_chunks_go_out_as_they_are_made():
    told = threading.Event()

    def pieces():
        yield b"hello"
        assert told.wait(PATIENCE), "the server has the first piece before the second is made"
        yield b"world"

    def hear(connection):
        connection.read_until(b"\r\n5\r\nhello\r\n")
        told.set()
        connection.read_until(b"5\r\nworld\r\n0\r\n\r\n")
        connection.send(HELLO)

    with ScriptedServer([[hear]]) as server, HTTPClient(server.authority) as http:
        assert http.httpcmd("POST", "/", body=pieces())[0] == 200


# --- Expect: 100-continue

EXPECT = {"Expect": "100-continue"}


@pytest.fixture
def short_wait(monkeypatch):
    """Waits a short time for a 100, where a program waits 1 s."""
    monkeypatch.setattr("mini_http.exchange.early_reply.CONTINUE_SECONDS", SOON)


@pytest.fixture
def long_wait(monkeypatch):
    """Waits for a 100 so long that a test would fail."""
    monkeypatch.setattr("mini_http.exchange.early_reply.CONTINUE_SECONDS", 10 * PATIENCE)


BODIES = {"small": b"hello", "large": bytes(1 << 20), "in chunks": [b"hello"], "none": b""}
each_body = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)


@pytest.mark.usefixtures("long_wait")
@each_body
@pytest.mark.parametrize("before", [b"", HINTS])
def test_a_body_waits_for_100_continue(before, body):
    script = [ExpectHead(), Send(before + CONTINUE), ExpectBody(), Send(HELLO)]
    with ScriptedServer([script]) as server, HTTPClient(server.authority) as http:
        assert http.httpcmd("PUT", "/", EXPECT, body)[0] == 200
        assert http.getbody() == b"hello"
        assert http.state is State.IDLE
    sent = body if isinstance(body, bytes) else b"5\r\nhello\r\n0\r\n\r\n"
    assert server.requests[0].endswith(b"\r\n\r\n" + sent)


@pytest.mark.usefixtures("long_wait")
@each_body
@pytest.mark.parametrize("before", [b"", HINTS])
def test_a_body_is_not_sent_when_the_reply_comes_first(before, body):
    script = [ExpectHead(), Send(before + REFUSED), HalfClose()]
    with ScriptedServer([script]) as server, HTTPClient(server.authority) as http:
        assert http.httpcmd("PUT", "/", EXPECT, body)[0] == 417
        assert http.getbody() == b"no"
        # Of an empty body nothing is left to send, so the connection is as good as before.
        assert http.close_reason is (CloseReason.EARLY_REPLY if body else None)
    assert server.connections[0].received.endswith(b"\r\n\r\n")


@pytest.mark.usefixtures("short_wait")
@each_body
@pytest.mark.parametrize("before", [b"", HINTS])
def test_a_body_is_sent_all_the_same_when_nothing_comes(before, body):
    script = [ExpectHead(), Send(before), ExpectBody(), Send(CONTINUE + HELLO)]
    with ScriptedServer([script]) as server, HTTPClient(server.authority) as http:
        assert http.httpcmd("PUT", "/", EXPECT, body)[0] == 200
        assert http.getbody() == b"hello"


@pytest.mark.usefixtures("short_wait")
def test_a_late_100_continue_does_not_disturb_the_body():
    late = Pause()
    body = bytes(1 << 25)

    def pieces():
        yield body[: 1 << 24]
        late.resume.set()
        yield body[1 << 24 :]

    def hear(connection):
        connection.read_head()
        connection.read(20 + (1 << 24))
        late(connection)
        connection.send(CONTINUE)
        connection.read(2 << 20)
        connection.send(CONTINUE)
        connection.read_until(b"\r\n0\r\n\r\n")
        connection.send(HELLO)

    with ScriptedServer([[hear]]) as server, HTTPClient(server.authority) as http:
        assert http.httpcmd("PUT", "/", EXPECT, pieces())[0] == 200
        assert http.getbody() == b"hello"
        assert http.state is State.IDLE


@pytest.mark.usefixtures("long_wait")
def test_a_body_does_not_wait_longer_than_the_total_time():
    with ScriptedServer([[ExpectHead(), Drain()]]) as server:
        http = HTTPClient(server.authority, timeout=Timeout(total=SOON))
        with http, pytest.raises(TotalTimedOut):
            http.httpcmd("PUT", "/", EXPECT, b"hello")
    assert server.connections[0].received.endswith(b"\r\n\r\n")


@pytest.mark.usefixtures("long_wait")
def test_only_100_continue_is_waited_for():
    with ScriptedServer([HELLO]) as server, HTTPClient(server.authority) as http:
        assert http.httpcmd("PUT", "/", {"Expect": "x-100-continue"}, b"hello")[0] == 200
        assert http.getbody() == b"hello"


@pytest.mark.usefixtures("long_wait")
def test_a_server_that_leaves_instead_of_continuing_is_an_error():
    with ScriptedServer([[ExpectHead(), Close()]]) as server, HTTPClient(server.authority) as http:
        with pytest.raises(RemoteDisconnected):
            http.httpcmd("PUT", "/", EXPECT, b"hello")
        assert http.close_reason is CloseReason.SERVER_CLOSED


def test_too_many_interim_replies_instead_of_100_are_an_error():
    limits = Limits(interim_replies=2)
    script = [ExpectHead(), Send(HINTS * 3), Drain()]
    with (
        ScriptedServer([script]) as server,
        HTTPClient(server.authority, limits=limits) as http,
        pytest.raises(LimitExceeded),
    ):
        http.httpcmd("PUT", "/", EXPECT, b"hello")


# --- replies of a connection that is another one now


def test_a_reply_takes_nothing_from_the_connection_that_came_after_its_own():
    scripts = [[Expect(), Send(HEAD_OF_5 + b"he"), Drain()], [Expect(), Send(HELLO * 2), Drain()]]
    with ScriptedServer(scripts) as server, HTTPClient(server.authority) as http:
        http.connect()
        first = http.exchange("GET", "/", HOST)
        http.close()
        http.connect()
        second = http.exchange("GET", "/", HOST)
        for read in (first.read, lambda: first.read1(1), first.readline):
            with pytest.raises(StateError, match="before it was read"):
                read()
        first.close()
        assert second.read() == b"hello"


def test_a_switched_reply_hands_over_no_connection_but_its_own():
    scripts = [[Expect(), Send(SWITCHING), Drain()], [HELLO]]
    asked = [*HOST, ("Connection", "Upgrade"), ("Upgrade", "echo")]
    with ScriptedServer(scripts) as server, HTTPClient(server.authority) as http:
        http.connect()
        reply = http.exchange("GET", "/", asked)
        assert http.state is State.SWITCHED
        http.close()
        http.connect()
        with pytest.raises(io.UnsupportedOperation):
            reply.detach()
        assert http.get("/")[0] == 200


# --- a reply while the request is being sent


ECHO_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_success_that_comes_early_does_not_end_the_body():
    """The server answers as it reads."""
    body = bytes(16 << 20)
    script = [
        ExpectHead(),
        Send(ECHO_HEAD + b"1\r\nx\r\n"),
        ExpectBody(),
        Send(b"0\r\n\r\n"),
        HELLO,
    ]
    with ScriptedServer([script]) as server, HTTPClient(server.authority) as http:
        assert http.httpcmd("PUT", "/", body=body)[0] == 200
        assert http.getbody() == b"x"
        assert http.close_reason is None
        assert http.get("/")[0] == 200
    assert len(server.requests[0]) > len(body)


@pytest.mark.parametrize("head", [LAST, HELLO.replace(b"1.1", b"1.0"), b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_success_that_comes_early_and_closes_ends_the_body(head):
    script = [ExpectHead(), Send(head), Drain()]
    with ScriptedServer([script]) as server, HTTPClient(server.authority) as http:
        assert http.httpcmd("PUT", "/", body=bytes(64 << 20))[0] == 200
        assert http.close_reason is CloseReason.EARLY_REPLY


# --- what errors say of the state


@pytest.mark.parametrize(
    ("pieces", "end", "state"),
    [
        ([], "close", "sending"),
        ([HELLO[:9]], "close", "sending"),
        ([], "reset", "sending"),
        ([], "timeout", "sending"),
        ([b"nonsense\r\n\r\n"], "close", "sending"),
        ([HEAD_OF_5, b"he"], "close", "replying"),
        ([HEAD_OF_5, b"he"], "reset", "replying"),
        ([HEAD_OF_5, b"he"], "timeout", "replying"),
    ],
)
@pytest.mark.parametrize(
    "read",
    [
        HTTPResponse.read,
        lambda reply: reply.read(5),
        HTTPResponse.readline,
        lambda reply: reply.readinto(bytearray(9)),
    ],
    ids=["all", "some", "a line", "into"],
)
def test_errors_tell_the_state_in_which_they_came(pieces, end, state, read):
    client = HTTPClient.over(ScriptedStream(pieces, end))
    with pytest.raises(MiniHTTPError) as caught:
        read(client.exchange("GET", "/", HOST))
    assert caught.value.state == state
    assert f"The connection was in the state {state!r}." in caught.value.__notes__
    assert client.state is State.CLOSED


def test_a_total_time_that_was_over_does_not_count_any_more():
    with (
        ScriptedServer([[Expect(), Drain()], [HELLO]]) as server,
        HTTPClient(server.authority, timeout=Timeout(total=SOON)) as http,
    ):
        with pytest.raises(TotalTimedOut):
            http.get("/")
        assert http.deadline is None
        http.connect()
        http.timeouts = Timeout()
        assert http.get("/")[0] == 200
