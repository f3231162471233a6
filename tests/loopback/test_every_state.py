"""In every state of a connection: it is cut, or reset, or stalls, or bytes come before their time.

ROWS has, for each state and each of these faults, what a server does and what must come of it. Each
row is run in all the ways to use a connection that come into that state. What must come of it is an
error that names the state, and a closed connection; or no error where nothing is lost, and a
connection that is not used again. The next request always gets a new connection.
"""

from __future__ import annotations

import itertools
import select
from enum import Enum
from typing import NamedTuple

import pytest
from support.descriptors import can_list_descriptors, open_descriptors
from support.servers import ScriptedServer
from support.steps import (
    Close,
    Drain,
    Expect,
    ExpectBytes,
    ExpectHead,
    HalfClose,
    Reset,
    Send,
    SendSplit,
    StartTLS,
)
from support.waits import PATIENCE, SOON

from mini_http import HTTPHandler, Request, build_opener
from mini_http.base.errors import (
    BadStatusLine,
    CannotSendRequest,
    ConnectionBroken,
    ConnectTimedOut,
    HTTPError,
    IncompleteRead,
    LimitExceeded,
    MiniHTTPError,
    ReadTimedOut,
    RemoteDisconnected,
    SendBroken,
    TLSFailed,
    TunnelRefused,
    UnaskedReply,
    UnaskedUpgrade,
    WriteTimedOut,
)
from mini_http.base.timeouts import Timeout
from mini_http.codec.framing import CloseReason
from mini_http.connect.proxy import Proxy
from mini_http.connect.tls import TLSSettings
from mini_http.exchange.client import HTTPClient, HTTPSClient
from mini_http.exchange.http_connection import HTTPConnection
from mini_http.exchange.https_connection import HTTPSConnection
from mini_http.exchange.request_body import request_body
from mini_http.exchange.states import State, name_of
from mini_http.keepalive.pool import Pool, PooledClient
from mini_http.keepalive.route import Route


@pytest.fixture(scope="module", autouse=True)
def no_descriptors_leaked_by_all_of_these():
    """Once for all, since looking for them takes longer than most of the tests here."""
    before = open_descriptors() if can_list_descriptors() else {}
    yield
    assert not before or len(open_descriptors()) <= len(before)


# --- what a server does


class Fault(Enum):
    CUT = "the server ends the connection"
    RESET = "the server resets the connection"
    STALL = "the server says no more, or reads no more"
    EARLY = "bytes come before their time"


OK = b"HTTP/1.1 200 OK\r\n"
HELLO = OK + b"Content-Length: 5\r\n\r\nhello"
LONG = OK + b"Content-Length: 300000\r\n\r\n" + bytes(200_000)
CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
ENDLESS = OK + b"\r\nhello"
LAST = OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello"
TOO_LARGE = HELLO.replace(b"200 OK", b"413 Content Too Large")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"
OPENED = OK + b"\r\n"

GOOD = [HELLO] * 3
"""The script of every connection but the first."""
FIRST = [Expect(), SendSplit([HELLO])]
"""A first exchange that ends well. What follows it has not come with its reply."""


def taken_in(data):
    """Sends what the client receives before the next step."""
    return SendSplit([data])


def hold(connection):
    """Reads and says nothing until the server is stopped."""
    poll = select.poll()
    poll.register(connection.sock, 0)
    poll.poll()


# --- what must come of it


class Fails(NamedTuple):
    """One of these errors is raised, and the connection is closed for this reason."""

    errors: type[MiniHTTPError] | tuple[type[MiniHTTPError], ...]
    reason: CloseReason | None
    """None where the system says one time this, the next time that."""


class Whole(NamedTuple):
    """The reply comes whole, and the connection is closed after it for this reason."""

    reason: CloseReason


class Again(NamedTuple):
    """The connection is closed for this reason, and the request goes over a new one."""

    reason: CloseReason = CloseReason.SERVER_CLOSED


class Stays(NamedTuple):
    """Nothing is waited for in this state, so the connection stays."""


class Row(NamedTuple):
    state: State
    fault: Fault
    name: str
    script: list
    """Of the first connection."""
    outcome: Fails | Whole | Again | Stays
    method: str = "GET"
    """PUT has a body that no system takes before somebody reads it."""
    in_pool: Again | None = None
    """What comes of it in a pool, which may send a request again."""


R = CloseReason

ROWS = [
    Row(State.IDLE, Fault.CUT, "after an exchange", [*FIRST, Close()], Again()),
    Row(State.IDLE, Fault.CUT, "before the first", [Close()], Again()),
    Row(State.IDLE, Fault.RESET, "after an exchange", [*FIRST, Reset()], Again()),
    Row(State.IDLE, Fault.STALL, "after an exchange", [*FIRST, *GOOD], Stays()),
    Row(State.IDLE, Fault.STALL, "before the first", GOOD, Stays()),
    Row(State.IDLE, Fault.EARLY, "after an exchange", [*FIRST, Send(HELLO), Drain()], Again()),
    Row(State.IDLE, Fault.EARLY, "before the first", [Send(HELLO), Drain()],
        Fails(UnaskedReply, R.PROTOCOL_FAULT)),

    Row(State.STARTED, Fault.CUT, "after an exchange", [*FIRST, Close()], Again()),
    Row(State.STARTED, Fault.CUT, "before the first", [Close()], Again()),
    Row(State.STARTED, Fault.RESET, "after an exchange", [*FIRST, Reset()], Again()),
    Row(State.STARTED, Fault.STALL, "after an exchange", [*FIRST, *GOOD], Stays()),
    Row(State.STARTED, Fault.STALL, "before the first", GOOD, Stays()),
    Row(State.STARTED, Fault.EARLY, "after an exchange", [*FIRST, Send(HELLO), Drain()], Again()),
    Row(State.STARTED, Fault.EARLY, "before the first", [Send(HELLO), Drain()],
        Fails(UnaskedReply, R.PROTOCOL_FAULT)),

    Row(State.SENDING, Fault.CUT, "before the reply", [Expect(), Close()],
        Fails(RemoteDisconnected, R.SERVER_CLOSED)),
    Row(State.SENDING, Fault.CUT, "in the head", [Expect(), Send(HELLO[:20]), Close()],
        Fails(IncompleteRead, R.BODY_CUT)),
    Row(State.SENDING, Fault.CUT, "after an interim reply", [Expect(), Send(CONTINUE), Close()],
        Fails(RemoteDisconnected, R.SERVER_CLOSED)),
    Row(State.SENDING, Fault.CUT, "on a second exchange", [*FIRST, Expect(), Close()],
        Fails(RemoteDisconnected, R.SERVER_CLOSED), in_pool=Again()),
    Row(State.SENDING, Fault.CUT, "in the request", [ExpectHead(), HalfClose()],
        Fails((RemoteDisconnected, SendBroken), R.SERVER_CLOSED), "PUT"),
    Row(State.SENDING, Fault.RESET, "before the reply", [Expect(), Reset()],
        Fails(ConnectionBroken, R.BROKEN)),
    Row(State.SENDING, Fault.RESET, "in the head", [Expect(), taken_in(HELLO[:20]), Reset()],
        Fails(IncompleteRead, R.BODY_CUT)),
    Row(State.SENDING, Fault.RESET, "in the request", [ExpectHead(), Reset()],
        Fails((ConnectionBroken, RemoteDisconnected), None), "PUT"),
    Row(State.SENDING, Fault.STALL, "before the reply", [Expect(), Drain()],
        Fails(ReadTimedOut, R.TIMED_OUT)),
    Row(State.SENDING, Fault.STALL, "in the head", [Expect(), Send(HELLO[:20]), Drain()],
        Fails(ReadTimedOut, R.TIMED_OUT)),
    Row(State.SENDING, Fault.STALL, "after an interim reply", [Expect(), Send(CONTINUE), Drain()],
        Fails(ReadTimedOut, R.TIMED_OUT)),
    Row(State.SENDING, Fault.STALL, "in the request", [ExpectHead(), hold],
        Fails(WriteTimedOut, R.TIMED_OUT), "PUT"),
    Row(State.SENDING, Fault.EARLY, "the reply, in the request",
        [ExpectHead(), Send(TOO_LARGE), hold], Whole(R.EARLY_REPLY), "PUT"),
    Row(State.SENDING, Fault.EARLY, "two replies, in the request",
        [ExpectHead(), Send(TOO_LARGE * 2), hold], Whole(R.EARLY_REPLY), "PUT"),
    Row(State.SENDING, Fault.EARLY, "half a reply, in the request",
        [ExpectHead(), Send(HELLO[:20]), HalfClose()], Fails(IncompleteRead, R.BODY_CUT), "PUT"),
    Row(State.SENDING, Fault.EARLY, "nonsense, in the request",
        [ExpectHead(), Send(b"220 ready\r\n\r\n"), hold],
        Fails(BadStatusLine, R.PROTOCOL_FAULT), "PUT"),
    Row(State.SENDING, Fault.EARLY, "interim replies without end, in the request",
        [ExpectHead(), Send(CONTINUE * 21), hold], Fails(LimitExceeded, R.PROTOCOL_FAULT), "PUT"),
    Row(State.SENDING, Fault.EARLY, "another protocol, unasked",
        [Expect(), Send(SWITCHING), Drain()], Fails(UnaskedUpgrade, R.PROTOCOL_FAULT)),

    Row(State.REPLYING, Fault.CUT, "in a length", [Expect(), Send(HELLO[:-2]), Close()],
        Fails(IncompleteRead, R.BODY_CUT)),
    Row(State.REPLYING, Fault.CUT, "in a long length", [Expect(), Send(LONG), Close()],
        Fails(IncompleteRead, R.BODY_CUT)),
    Row(State.REPLYING, Fault.CUT, "in chunks", [Expect(), Send(CHUNKS[:-9]), Close()],
        Fails(IncompleteRead, R.BODY_CUT)),
    Row(State.REPLYING, Fault.CUT, "in the last reply", [Expect(), Send(LAST[:-2]), Close()],
        Fails(IncompleteRead, R.REPLY_SAID_CLOSE)),
    Row(State.REPLYING, Fault.RESET, "in a length", [Expect(), taken_in(HELLO[:-2]), Reset()],
        Fails(ConnectionBroken, R.BROKEN)),
    Row(State.REPLYING, Fault.RESET, "in chunks", [Expect(), taken_in(CHUNKS[:-9]), Reset()],
        Fails(ConnectionBroken, R.BROKEN)),
    Row(State.REPLYING, Fault.RESET, "in a body without a length",
        [Expect(), taken_in(ENDLESS), Reset()], Fails(ConnectionBroken, R.BODY_UNTIL_CLOSE)),
    Row(State.REPLYING, Fault.STALL, "in a length", [Expect(), Send(HELLO[:-2]), Drain()],
        Fails(ReadTimedOut, R.TIMED_OUT)),
    Row(State.REPLYING, Fault.STALL, "in a long length", [Expect(), Send(LONG), Drain()],
        Fails(ReadTimedOut, R.TIMED_OUT)),
    Row(State.REPLYING, Fault.STALL, "in chunks", [Expect(), Send(CHUNKS[:-9]), Drain()],
        Fails(ReadTimedOut, R.TIMED_OUT)),
    Row(State.REPLYING, Fault.STALL, "in a body without a length",
        [Expect(), Send(ENDLESS), Drain()], Fails(ReadTimedOut, R.BODY_UNTIL_CLOSE)),
    Row(State.REPLYING, Fault.EARLY, "a second reply", [Expect(), Send(HELLO * 2), Drain()],
        Whole(R.EXTRA_BYTES)),
    Row(State.REPLYING, Fault.EARLY, "a byte after chunks",
        [Expect(), Send(CHUNKS + b"x"), Drain()],
        Whole(R.EXTRA_BYTES)),
    Row(State.REPLYING, Fault.EARLY, "a reply after the last",
        [Expect(), Send(LAST + HELLO), Drain()], Whole(R.REPLY_SAID_CLOSE)),

    # What comes is the other protocol's, and is read by the client that was handed over.
    Row(State.SWITCHED, Fault.CUT, "before a line", [Expect(), Send(SWITCHING), Close()],
        Fails(RemoteDisconnected, R.SWITCHED)),
    Row(State.SWITCHED, Fault.CUT, "in a line", [Expect(), Send(SWITCHING + b"hel"), Close()],
        Fails(IncompleteRead, R.SWITCHED)),
    Row(State.SWITCHED, Fault.RESET, "before a line", [Expect(), taken_in(SWITCHING), Reset()],
        Fails(ConnectionBroken, R.SWITCHED)),
    Row(State.SWITCHED, Fault.STALL, "before a line", [Expect(), Send(SWITCHING), Drain()],
        Fails(ReadTimedOut, R.SWITCHED)),
    Row(State.SWITCHED, Fault.EARLY, "a line with the reply",
        [Expect(), Send(SWITCHING + b"hello\n"), Drain()], Whole(R.SWITCHED)),
]  # fmt: skip


# --- the ways to use a connection


class Watched:
    """Of a client: `reasons` has why each connection was closed before it was opened again."""

    def connect(self):
        if self.closed:
            self.reasons = [*getattr(self, "reasons", ()), self.close_reason]
        super().connect()


class WatchedClient(Watched, HTTPClient):
    pass


class WatchedConnection(Watched, HTTPConnection):
    pass


class Way:
    """A way to send requests to a server. `client` is the first connection."""

    states = frozenset({State.IDLE, State.SENDING, State.REPLYING})
    """Those that it comes to with what it offers."""
    looks = State.IDLE
    """The state in which it looks whether the server has left an idle connection."""
    client_class = WatchedClient

    def __init__(self, server):
        self.client = self.client_class(server.authority, timeout=PATIENCE)

    def wait_for(self, seconds):
        """How long each wait may take from now on; connecting has all the time."""
        self.client.timeouts = Timeout(PATIENCE, seconds)
        self.client.timeout = seconds

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def get(self):
        return self.ask("GET")

    def reason(self):
        """Why the first connection was closed, once there is a second."""
        return self.client.reasons[1]


class Commands(Way):
    """HTTPClient's commands."""

    states = Way.states | {State.SWITCHED}

    def ask(self, method, body=None):
        self.client.httpcmd(method, "/", body=body)
        return self.client.response


class Exchanges(Way):
    """HTTPClient's engine, which never looks at an idle connection."""

    states = Way.states - {State.IDLE}

    def ask(self, method, body=None):
        self.client.connect()
        return self.client.exchange(method, "/", [("Host", "a.test")], request_body(body))


class Requests(Way):
    """HTTPConnection, a request at once."""

    states = Way.states | {State.SWITCHED}
    looks = State.STARTED
    client_class = WatchedConnection

    def ask(self, method, body=None):
        self.client.request(method, "/", body)
        return self.client.getresponse()


class Steps(Requests):
    """HTTPConnection, step by step."""

    states = Way.states | {State.STARTED}

    def ask(self, method, body=None, begun=lambda: None):
        self.client.putrequest(method, "/")
        if body is not None:
            self.client.putheader("Content-Length", len(body))
        begun()
        self.client.endheaders()
        for start in range(0, len(body or b""), 1 << 20):
            self.client.send(body[start : start + (1 << 20)])
        return self.client.getresponse()


class Pooled(Way):
    """A pool."""

    timeout = Timeout.of(PATIENCE)

    def __init__(self, server):
        clients = self._clients = []

        class Client(PooledClient):
            def _begin(self, timeout, limits):
                super()._begin(timeout, limits)
                clients.append(self)

        self.pool = Pool()
        self.pool.client_class = Client
        self.url, self.route = server.url, Route("http", *server.address)

    def wait_for(self, seconds):
        self.timeout = Timeout(PATIENCE, seconds)

    def __exit__(self, *_):
        for client in self._clients:
            client.close()

    @property
    def client(self):
        return self._clients[0]

    def reason(self):
        return self.client.close_reason

    def ask(self, method, body=None):
        fields = [("Host", "a.test")]
        return self.pool.send(self.route, method, "/", fields, request_body(body), self.timeout)


class Opened(Pooled):
    """An opener."""

    def ask(self, method, body=None):
        opener = build_opener(HTTPHandler(pool=self.pool))
        request = Request(self.url, body, method=method)
        try:
            return opener.open(request, timeout=self.timeout)
        except HTTPError as reply:
            return reply


WAYS = [Commands, Exchanges, Requests, Steps, Pooled, Opened]


# --- into each state, and what is then asked for

BODY = bytes(64 * 1024 * 1024)


def in_idle(way, row):
    begin(way, row)
    assert way.client.state is State.IDLE
    let_it_come(way, row)
    return lambda: way.get().read()


def in_started(way, row):
    begin(way, row)

    def begun():
        assert way.client.state is State.STARTED
        let_it_come(way, row)

    return lambda: way.ask("GET", begun=begun).read()


def in_sending(way, row):
    if row.script[: len(FIRST)] == FIRST:
        assert way.get().read() == b"hello"
    if row.fault is Fault.STALL:
        way.wait_for(SOON)
    return lambda: way.ask(row.method, BODY if row.method == "PUT" else None).read()


def in_replying(way, row):
    reply = way.get()
    if row.fault is Fault.STALL:
        reply._client.timeout = SOON  # which may have been handed on to the reply
    return reply.read


def in_switched(way, row):
    echo = way.client.upgrade("/", "echo")
    if row.fault is Fault.STALL:
        echo.timeout = SOON
    return echo.readline


INTO = {
    State.IDLE: in_idle,
    State.STARTED: in_started,
    State.SENDING: in_sending,
    State.REPLYING: in_replying,
    State.SWITCHED: in_switched,
}


def begin(way, row):
    if row.name == "before the first":
        way.client.connect()
    else:
        assert way.get().read() == b"hello"


def let_it_come(way, row):
    assert row.fault is Fault.STALL or way.client.wait_for_input(PATIENCE)


def cases():
    found = []
    for row, way in itertools.product(ROWS, WAYS):
        begins_open = row.name == "before the first" and issubclass(way, Pooled)
        if row.state in way.states and not begins_open:
            name = f"{row.state.name}-{row.fault.name}-{row.name}-{way.__name__}"
            found.append(pytest.param(row, way, id=name))
    return found


@pytest.mark.parametrize(("row", "way_class"), cases())
def test_a_connection_that_meets_a_fault_is_closed_and_says_in_which_state(row, way_class):
    outcome = (issubclass(way_class, Pooled) and row.in_pool) or row.outcome
    with ScriptedServer([row.script, GOOD]) as server, way_class(server) as way:
        act = INTO[row.state](way, row)
        if isinstance(outcome, Fails):
            with pytest.raises(MiniHTTPError) as caught:
                act()
            state = way.looks if row.state is State.IDLE else row.state
            check_that_it_names(state, caught.value, outcome.errors)
            assert way.client.closed
            assert way.client.state is State.CLOSED
        else:
            assert act().strip() == b"hello"
        if row.state is State.SWITCHED:
            act.__self__.close()
        way.wait_for(PATIENCE)
        assert way.get().read() == b"hello"
        if outcome == Stays():
            assert len(server.connections) == 1
        else:
            assert len(server.connections) == 2
            assert outcome.reason in (None, way.reason())


def check_that_it_names(state, error, kinds):
    assert isinstance(error, kinds), repr(error)
    assert error.state == name_of(state)
    assert any(repr(error.state) in note for note in error.__notes__)


# --- closed: what is awaited is only what opens the connection


class Opening(NamedTuple):
    fault: Fault
    name: str
    script: list
    errors: type[MiniHTTPError]
    ways: tuple[str, ...]


PROXIED = ("a proxy", "a proxy, TLS", "a pool, a proxy", "a pool, a proxy, TLS")
IN_TLS = ("TLS", "TLS by commands", "a pool, TLS")
BEHIND_TLS = ("a proxy, TLS", "a pool, a proxy, TLS")

OPENINGS = [
    Opening(Fault.CUT, "before the proxy's reply", [ExpectHead(), Close()], TunnelRefused, PROXIED),
    Opening(Fault.CUT, "in the proxy's reply", [ExpectHead(), Send(OPENED[:9]), Close()],
            IncompleteRead, PROXIED),
    Opening(Fault.CUT, "in the handshake", [ExpectBytes(1), HalfClose()], TLSFailed, IN_TLS),
    Opening(Fault.RESET, "before the proxy's reply", [ExpectHead(), Reset()], ConnectionBroken,
            PROXIED),
    Opening(Fault.RESET, "in the handshake", [ExpectBytes(1), Reset()], TLSFailed, IN_TLS),
    Opening(Fault.STALL, "before the proxy's reply", [ExpectHead(), Drain()], ConnectTimedOut,
            PROXIED),
    Opening(Fault.STALL, "in the proxy's reply", [ExpectHead(), Send(OPENED[:9]), Drain()],
            ConnectTimedOut, PROXIED),
    Opening(Fault.STALL, "in the handshake", [Drain()], ConnectTimedOut, IN_TLS),
    Opening(Fault.EARLY, "a reply with the proxy's", [ExpectHead(), Send(OPENED + HELLO), Drain()],
            UnaskedReply, ("a proxy", "a pool, a proxy")),
    Opening(Fault.EARLY, "bytes before the handshake", [ExpectHead(), Send(OPENED + b"x"), Drain()],
            TLSFailed, BEHIND_TLS),
    Opening(Fault.EARLY, "a reply before the handshake", [Send(HELLO), Drain()], TLSFailed, IN_TLS),
]  # fmt: skip


def pooled(server, timeout, *, proxy=False, tls=False):
    place = ("localhost", server.port)
    route = Route(
        "https" if tls else "http",
        *place,
        tls=TLSSettings() if tls else None,
        proxy=Proxy(*server.address) if proxy else None,
    )
    pool = Pool()
    send = lambda: pool.send(route, "GET", "/", [("Host", "a.test")], timeout=Timeout.of(timeout))  # noqa: E731
    return pool, send


def connected(client_class, server, timeout, *, proxy=False):
    client = client_class(server.authority, timeout=timeout)
    if proxy:
        client.set_tunnel("a.test")
    return client, lambda: client.request("GET", "/")


def commanded(server, timeout):
    client = HTTPSClient(server.authority, timeout=timeout)
    return client, lambda: client.get("/")


OPENED_BY = {
    "a proxy": lambda *to: connected(HTTPConnection, *to, proxy=True),
    "a proxy, TLS": lambda *to: connected(HTTPSConnection, *to, proxy=True),
    "TLS": lambda *to: connected(HTTPSConnection, *to),
    "TLS by commands": commanded,
    "a pool, a proxy": lambda *to: pooled(*to, proxy=True),
    "a pool, TLS": lambda *to: pooled(*to, tls=True),
    "a pool, a proxy, TLS": lambda *to: pooled(*to, proxy=True, tls=True),
}


@pytest.mark.parametrize(
    ("opening", "way"),
    [
        pytest.param(row, way, id=f"{row.fault.name}-{row.name}-{way}")
        for row in OPENINGS
        for way in row.ways
    ],
)
def test_a_connection_that_can_not_be_opened_stays_closed(opening, way):
    timeout = 5 * SOON if opening.fault is Fault.STALL else PATIENCE
    with ScriptedServer([opening.script] * 2) as server:
        client, ask = OPENED_BY[way](server, timeout)
        for _ in range(2):  # the second time over a connection of its own
            with pytest.raises(opening.errors) as caught:
                ask()
            if isinstance(client, HTTPClient):
                assert caught.value.state in ("closed", "started", "idle")
                assert any(repr(caught.value.state) in note for note in caught.value.__notes__)
                assert client.closed
                assert client.state is State.CLOSED
            else:
                assert client.idle_count() == 0
        assert len(server.connections) == 2


def test_the_rows_have_every_fault_in_every_state():
    found = {(row.state, row.fault) for row in ROWS}
    found |= {(State.CLOSED, opening.fault) for opening in OPENINGS}
    assert found == set(itertools.product(State, Fault))
    ways = {(row.values[0].state, row.values[1]) for row in cases()}
    assert ways == {(state, way) for way in WAYS for state in way.states}
    assert set().union(*(opening.ways for opening in OPENINGS)) == set(OPENED_BY)


# --- what is not met by waiting for a reply


@pytest.mark.parametrize("fault", [Close(), Reset(), Drain()])
def test_after_a_switch_nothing_more_is_asked_over_the_connection(fault):
    with (
        ScriptedServer([[Expect(), taken_in(SWITCHING), fault], GOOD]) as server,
        HTTPClient(server.authority, timeout=PATIENCE) as http,
    ):
        asked = [("Connection", "Upgrade"), ("Upgrade", "echo")]
        assert http.get("/", asked)[0] == 101
        assert http.state is State.SWITCHED
        with pytest.raises(CannotSendRequest, match="while the connection is switched"):
            http.exchange("GET", "/", [("Host", "a.test")])
        assert http.get("/")[0] == 200
    assert len(server.connections) == 2


@pytest.mark.parametrize("begun", [LONG, CHUNKS[:-9]], ids=["length", "chunks"])
@pytest.mark.parametrize("way_class", [Exchanges, Requests, Steps])
def test_a_reply_reads_nothing_of_the_connection_that_follows_its_own(way_class, begun):
    script = [Expect(), Send(begun), Drain()]
    with ScriptedServer([script, [HELLO]]) as server, way_class(server) as way:
        old = way.get()
        way.client.close()
        new = way.get()
        for _ in range(2):
            with pytest.raises(MiniHTTPError):
                old.read(len(LONG))
        assert new.read() == b"hello"
        old.close()


def test_a_reply_that_comes_while_a_piece_is_being_sent_is_not_lost():
    """The server answers when it has a part of a piece that no system takes whole, and stops."""
    script = [ExpectHead(), ExpectBytes(1), Send(TOO_LARGE), hold]
    with ScriptedServer([script]) as server:
        connection = HTTPConnection(server.authority, timeout=PATIENCE)
        connection.putrequest("PUT", "/")
        connection.putheader("Content-Length", len(BODY))
        connection.endheaders()
        connection.send(BODY)
        with connection.getresponse() as reply:
            assert reply.status == 413
            assert reply.read() == b"hello"
        assert connection.closed


LENGTH_OF_5 = ("Content-Length", "5")
IN_CHUNKS = ("Transfer-Encoding", "chunked")


@pytest.mark.parametrize(
    ("field", "sent", "is_whole"),
    [
        (LENGTH_OF_5, b"", False),
        (LENGTH_OF_5, b"he", False),
        (LENGTH_OF_5, b"hello", True),
        (IN_CHUNKS, b"", False),
        (IN_CHUNKS, b"5\r\nhello\r\n", False),
        (IN_CHUNKS, b"4\r\nhi\r\n\r\n", False),
        (IN_CHUNKS, b"5\r\nhello\r\n0\r\n\r\n", True),
    ],
)
def test_a_reply_before_the_end_of_the_body_is_the_last(field, sent, is_whole):
    """The server would take the next request for the rest of the body."""
    script = [ExpectHead(), ExpectBytes(len(sent)), Send(HELLO), *GOOD]
    with ScriptedServer([script, GOOD]) as server:
        connection = HTTPConnection(server.authority, timeout=PATIENCE)
        connection.putrequest("PUT", "/")
        connection.putheader(*field)
        connection.endheaders()
        connection.send(sent)
        assert connection.getresponse().read() == b"hello"
        assert connection.closed is not is_whole
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        connection.close()
        assert len(server.connections) == (1 if is_whole else 2)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_a_stall_in_a_piece_that_is_sent_closes_the_connection(certificates, tls):
    settings = TLSSettings(ca_file=certificates.ca_file)
    script = [ExpectHead(), hold]
    if tls:
        script.insert(0, StartTLS(certificates.good.server_context()))
    with ScriptedServer([script]) as server:
        if tls:
            connection = HTTPSConnection("localhost", server.port, tls=settings, timeout=PATIENCE)
        else:
            connection = HTTPConnection(server.authority, timeout=PATIENCE)
        connection.putrequest("PUT", "/")
        connection.putheader("Content-Length", len(BODY))
        connection.endheaders()
        connection.timeout = SOON
        with pytest.raises(WriteTimedOut) as caught:
            connection.send(BODY)
        check_that_it_names(State.SENDING, caught.value, WriteTimedOut)
        assert connection.state is State.CLOSED
