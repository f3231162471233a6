"""The pool's rules, one by one, with real servers on loopback."""

import gc
import io
import multiprocessing
import socket
import ssl
import sys
import threading
import warnings
import weakref

import pytest
from support.servers import ScriptedServer
from support.steps import Close, Drain, Expect, Pause, Reset, Send, SendSplit, StartTLS

from mini_http.base import errors
from mini_http.base.timeouts import Deadline, Timeout
from mini_http.codec.framing import CloseReason
from mini_http.connect.dial import DialOptions
from mini_http.connect.proxy import Proxy
from mini_http.connect.tls import TLSSettings
from mini_http.exchange.request_body import request_body
from mini_http.keepalive.policy import PoolPolicy
from mini_http.keepalive.pool import Pool, PooledClient, shared_pool
from mini_http.keepalive.route import Route

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

PATIENCE = 20.0
"""Far more seconds than anything here takes."""
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
CLOSING = HELLO.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
KIB64 = 64 * 1024


class Clock:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pool(clock):
    with Pool(clock=clock) as made:
        yield made


def pooling(clock, **policy):
    return Pool(PoolPolicy(**policy), clock=clock)


def route_to(server, **options):
    return Route("http", *server.address, **options)


def send(pool, server, method="GET", body=None, deadline=None, **options):
    """One request; its reply, of which nothing has been read."""
    fields = [("Host", server.authority)]
    return pool.send(
        route_to(server, **options),
        method,
        "/",
        fields,
        request_body(body),
        timeout=Timeout(PATIENCE, PATIENCE),
        deadline=deadline,
    )


def fetch(pool, server, method="GET", body=None, **options):
    """One request; its body."""
    return send(pool, server, method, body, **options).read()


def lend(pool, server):
    """A connection that has served once and then lies idle in the pool; to watch it."""
    client = pool.acquire(route_to(server), Timeout(PATIENCE, PATIENCE))
    assert client.exchange("GET", "/", [("Host", "a")]).read() == b"hello"
    return client


def forever(reply=HELLO):
    """A server that answers every request on every connection with the same."""

    def answer(connection):
        while True:
            connection.read_request()
            connection.send(reply)

    return ScriptedServer(handler=answer)


# --- when a connection comes back


def test_a_connection_serves_again():
    with forever() as server, Pool() as pool:
        assert [fetch(pool, server) for _ in range(5)] == [b"hello"] * 5
        assert (pool.opened, pool.idle_count()) == (1, 1)
    assert len(server.connections) == 1


def test_a_connection_that_another_thread_has_just_taken_is_not_waited_for(pool):
    class Emptied(list):
        """Something was there when it was looked at, and is not when it is asked for."""

        looked_at = False
        left = sessions = None

        def __bool__(self):
            was_looked_at, self.looked_at = self.looked_at, True
            return not was_looked_at

    with forever() as server:
        pool._places[route_to(server)] = Emptied()
        assert fetch(pool, server) == b"hello"
        assert pool.opened == 1
        pool.close()


def test_the_kernel_keeps_the_time_of_a_connection_from_its_second_request_on(pool):
    with forever() as server:
        client = lend(pool, server)
        assert client.stream.gettimeout() == PATIENCE
        assert fetch(pool, server) == b"hello"
        assert client.stream.gettimeout() is None
        pool.close()


def test_the_kernel_keeps_the_time_of_a_long_reply(pool):
    large = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 20) + bytes(1 << 20)
    with ScriptedServer([[large]]) as server:
        client = pool.acquire(route_to(server), Timeout(PATIENCE, PATIENCE))
        reply = client.exchange("GET", "/", [("Host", "a")])
        assert client.stream.gettimeout() == PATIENCE
        assert reply.read(2 * KIB64) == bytes(2 * KIB64)
        assert client.stream.gettimeout() is None
        assert len(reply.read()) == (1 << 20) - 2 * KIB64


BODILESS = {
    "empty": ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "204": ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
    "304": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
    "HEAD": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
}


@pytest.mark.parametrize(("method", "reply"), BODILESS.values(), ids=BODILESS)
def test_a_reply_without_a_body_frees_its_connection_at_once(pool, method, reply):
    with ScriptedServer([[reply, HELLO]]) as server:
        first = send(pool, server, method)
        assert pool.idle_count() == 1
        assert fetch(pool, server) == b"hello"
        assert first.read() == b""


REPLIES = {
    "length": [HELLO],
    "length, in pieces": [HELLO[:-3], HELLO[-3:]],
    "chunked": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
    "chunked, in pieces": [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"lo\r\n0\r\n",
        b"\r\n",
    ],
}
READS = {
    "read": lambda reply: reply.read(),
    "exactly": lambda reply: reply.read(5) + reply.read(5),
    "iteration": lambda reply: b"".join(reply),
    "readinto": lambda reply: reply.readinto(bytearray(10)) and b"hello",
}
CLOSES = {
    "close": lambda reply: reply.close() or b"hello",
    "some, then close": lambda reply: (reply.read(2) and reply.close()) or b"hello",
}
SAID_LENGTHS = {name: pieces for name, pieces in REPLIES.items() if name != "chunked, in pieces"}


@pytest.mark.parametrize(
    ("pieces", "read"),
    [
        *(pytest.param(p, r, id=f"{q}-{s}") for q, p in REPLIES.items() for s, r in READS.items()),
        *(
            pytest.param(p, r, id=f"{q}-{s}")
            for q, p in SAID_LENGTHS.items()
            for s, r in CLOSES.items()
        ),
    ],
)
def test_a_connection_comes_back_at_the_end_of_the_body(pool, pieces, read):
    script = [Expect(), SendSplit(pieces), HELLO]
    with ScriptedServer([script]) as server:
        reply = send(pool, server)
        assert read(reply) == b"hello"
        assert pool.idle_count() == 1
        assert fetch(pool, server) == b"hello"
    assert (pool.opened, len(server.connections)) == (1, 1)


@pytest.mark.parametrize("close", CLOSES.values(), ids=CLOSES)
def test_the_rest_of_an_endless_body_is_not_waited_for(pool, close):
    """Of chunks, nobody knows how many are to come."""
    script = [Expect(), Send(REPLIES["chunked, in pieces"][0]), Drain()]
    with ScriptedServer([script, [HELLO]]) as server:
        close(send(pool, server))
        assert pool.idle_count() == 0
        assert fetch(pool, server) == b"hello"
    assert (pool.opened, len(server.connections)) == (2, 2)


def sized(count):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % count + bytes(count)


def chunked(count):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n" % count + bytes(count) + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "kept"),
    [
        (sized(KIB64), True),
        (sized(KIB64 + 1), False),
        (sized(8 << 20), False),
        (chunked(KIB64 // 2), True),
        (chunked(8 << 20), False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", False),
    ],
    ids=["64 KiB", "a byte more", "8 MiB", "32 KiB chunked", "8 MiB chunked", "huge", "to the end"],
)
def test_an_unread_rest_is_dropped_only_if_it_is_short(pool, reply, kept):
    with ScriptedServer([[reply, HELLO, Drain()], [HELLO, Drain()]]) as server:
        send(pool, server).close()
        assert pool.idle_count() == kept
        assert fetch(pool, server) == b"hello"
        assert pool.opened == (1 if kept else 2)


def test_of_a_rest_that_is_read_in_part_only_the_rest_counts(pool):
    with ScriptedServer([[sized(KIB64 + 1000), HELLO]]) as server:
        reply = send(pool, server)
        assert len(reply.read(1000)) == 1000
        reply.close()
        assert fetch(pool, server) == b"hello"
    assert pool.opened == 1


def test_a_rest_that_does_not_come_soon_is_not_waited_for(pool):
    with ScriptedServer([[sized(5)[:-1], Drain()]]) as server:
        reply = send(pool, server)
        reply.close()
        assert (reply.closed, pool.idle_count()) == (True, 0)


def test_a_rest_that_drips_is_not_waited_for(pool):
    dripped = []
    closed = threading.Event()

    def drip(connection):
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")
        while len(dripped) < 60 and not closed.wait(0.05):
            dripped.append(connection.send(b"x"))

    with ScriptedServer(handler=drip) as server:
        send(pool, server).close()
        closed.set()
        assert pool.idle_count() == 0
    assert len(dripped) < 60


def test_dropping_a_rest_does_not_shorten_the_next_exchange(pool):
    with ScriptedServer([[HELLO[:-5], Send(HELLO[-5:]), HELLO]]) as server:
        client = pool.acquire(route_to(server), Timeout(PATIENCE, PATIENCE))
        client.exchange("GET", "/", [("Host", "a")]).close()
        assert (client.closed, client.deadline, client.timeout) == (False, None, PATIENCE)
        assert client.exchange("GET", "/", [("Host", "a")]).read() == b"hello"


def test_a_reply_that_nobody_has_any_more_closes_its_connection(pool):
    with ScriptedServer([[sized(100)[:-1], Drain()], HELLO]) as server:
        client = pool.acquire(route_to(server), Timeout(PATIENCE, PATIENCE))
        reply = client.exchange("GET", "/", [("Host", "a")])
        there = weakref.ref(client)
        del client, reply
        gc.collect()
        assert there() is None
        assert fetch(pool, server) == b"hello"
    assert pool.opened == 2


NOT_KEPT = {
    "the reply says close": CLOSING,
    "old version": b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "until close": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "double framing": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n0\r\n\r\n",
    "extra bytes": HELLO + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
}


@pytest.mark.parametrize("reply", NOT_KEPT.values(), ids=NOT_KEPT)
def test_a_connection_that_can_not_serve_again_does_not_come_back(pool, reply):
    with ScriptedServer([reply, HELLO]) as server:
        assert fetch(pool, server) == b"hello"
        assert pool.idle_count() == 0
        assert fetch(pool, server) == b"hello"
    assert pool.opened == 2


def test_a_connection_whose_reply_failed_does_not_come_back(pool):
    with ScriptedServer([HELLO[:-1], HELLO]) as server:
        with pytest.raises(errors.IncompleteRead):
            fetch(pool, server)
        assert pool.idle_count() == 0
        assert fetch(pool, server) == b"hello"


# --- which connection is taken


def test_the_one_used_last_is_taken_first():
    with forever() as server, Pool() as pool:
        first, second = (
            pool.acquire(route_to(server), Timeout(PATIENCE, PATIENCE)) for _ in range(2)
        )
        for client in (first, second):
            client.exchange("GET", "/", [("Host", "a")]).read()
        assert pool.acquire(route_to(server), Timeout()) is second
        assert pool.acquire(route_to(server), Timeout()) is first
        first.close()
        second.close()


def test_an_idle_connection_that_the_server_closed_is_not_used(pool):
    with ScriptedServer([HELLO, HELLO]) as server:
        idle = lend(pool, server)
        assert idle.wait_for_input(PATIENCE)
        assert fetch(pool, server, "POST", b"x") == b"hello"
        assert idle.close_reason is CloseReason.SERVER_CLOSED
    assert [len(connection.requests) for connection in server.connections] == [1, 1]


@pytest.mark.parametrize(
    "said", [b"x", HELLO, b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"]
)
def test_an_idle_connection_on_which_something_came_is_not_used(pool, said):
    pause = Pause()
    with ScriptedServer([[HELLO, pause, Send(said), Drain()], HELLO]) as server:
        idle = lend(pool, server)
        pause.resume.set()
        assert idle.wait_for_input(PATIENCE)
        assert fetch(pool, server, "POST", b"x") == b"hello"
        assert idle.close_reason is CloseReason.SERVER_CLOSED
    assert [len(connection.requests) for connection in server.connections] == [1, 1]


def test_an_idle_connection_that_was_reset_is_not_used(pool):
    with ScriptedServer([[HELLO, Reset()], HELLO]) as server:
        idle = lend(pool, server)
        assert idle.wait_for_input(PATIENCE)
        assert fetch(pool, server, "POST", b"x") == b"hello"
    assert pool.opened == 2


def test_routes_do_not_share_connections(pool):
    with forever() as server:
        assert fetch(pool, server) == b"hello"
        assert fetch(pool, server, options=DialOptions(stagger=0.1)) == b"hello"
        assert (pool.opened, pool.idle_count()) == (2, 2)


def test_as_many_connections_are_opened_as_are_in_use(pool):
    with forever(sized(8 << 20)) as server:
        replies = [send(pool, server) for _ in range(40)]
        assert (pool.opened, pool.idle_count()) == (40, 0)
        for reply in replies:
            reply.close()


def test_each_use_has_its_own_times(pool):
    with ScriptedServer([[HELLO, HELLO, Expect(), Drain()]]) as server:
        route = route_to(server)
        client = pool.acquire(route, Timeout(PATIENCE, PATIENCE), Deadline(PATIENCE))
        assert client.exchange("GET", "/", [("Host", "a")]).read() == b"hello"
        assert pool.acquire(route, Timeout(PATIENCE, 0.02)) is client
        assert (client.timeout, client.deadline) == (0.02, None)
        client.timeout = PATIENCE
        assert client.exchange("GET", "/", [("Host", "a")]).read() == b"hello"
        with pytest.raises(errors.ReadTimedOut):
            pool.send(route, "GET", "/", [("Host", "a")], timeout=Timeout(PATIENCE, 0.02))
        assert client.close_reason is CloseReason.TIMED_OUT
        assert pool.idle_count() == 0


def test_the_past_deadline_of_one_use_does_not_harm_the_next(pool):
    with forever() as server:
        clock = Clock()
        assert fetch(pool, server, deadline=Deadline(5, clock)) == b"hello"
        clock.now += 6
        assert fetch(pool, server) == b"hello"
        assert pool.opened == 1


def test_a_deadline_that_has_passed_opens_nothing(pool):
    with ScriptedServer() as server:
        deadline = Deadline(5, clock := Clock())
        clock.now += 6
        with pytest.raises(errors.ConnectTimedOut):
            fetch(pool, server, deadline=deadline)
    assert pool.opened == 0


# --- when a request is sent again

DYING = {"closes": Close(), "resets": Reset()}


@pytest.fixture(params=DYING.values(), ids=DYING)
def dies(request):
    """What a server does on its first connection when it has read the second request."""
    return request.param


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "DELETE", "PROPFIND"])
def test_an_idempotent_request_is_sent_again(pool, dies, method):
    last = HELLO if method != "HEAD" else HELLO[:-5]
    with ScriptedServer([[HELLO, Expect(), dies], last]) as server:
        assert fetch(pool, server) == b"hello"
        assert fetch(pool, server, method) == (b"hello" if method != "HEAD" else b"")
    first, second = server.connections
    assert len(first.requests) == 2
    assert second.requests == first.requests[1:]
    assert second.requests[0].startswith(method.encode())


@pytest.mark.parametrize("method", ["POST", "PATCH", "LOCK", "MY-OWN"])
def test_any_other_request_is_not(pool, dies, method):
    with ScriptedServer([[HELLO, Expect(), dies]]) as server:
        assert fetch(pool, server) == b"hello"
        with pytest.raises((errors.RemoteDisconnected, errors.ConnectionBroken)):
            fetch(pool, server, method)
    assert pool.opened == 1


BIG = bytes(range(256)) * 256


def seeking():
    file = io.BytesIO(b"not this" + BIG)
    file.seek(8)
    return file


REPLAYABLE = {
    "bytes": lambda: b"body",
    "many bytes": lambda: BIG,
    "a list": lambda: [b"bo", b"dy"],
    "a file": seeking,
}


@pytest.mark.parametrize("body", REPLAYABLE.values(), ids=REPLAYABLE)
def test_a_body_that_can_be_read_again_is_sent_again(pool, dies, body):
    with ScriptedServer([[HELLO, Expect(), dies], HELLO]) as server:
        assert fetch(pool, server) == b"hello"
        assert fetch(pool, server, "PUT", body()) == b"hello"
    first, second = server.connections
    assert len(second.requests[0]) > 60
    assert second.requests == first.requests[1:]


def test_a_generator_is_not_sent_again(pool, dies):
    with ScriptedServer([[HELLO, Expect(), dies]]) as server:
        assert fetch(pool, server) == b"hello"
        with pytest.raises((errors.RemoteDisconnected, errors.ConnectionBroken)):
            fetch(pool, server, "PUT", (piece for piece in [b"bo", b"dy"]))
    assert pool.opened == 1


def test_nothing_is_sent_again_on_a_new_connection(pool, dies):
    with (
        ScriptedServer([[Expect(), dies]]) as server,
        pytest.raises((errors.RemoteDisconnected, errors.ConnectionBroken)),
    ):
        fetch(pool, server)
    assert pool.opened == 1


BEGUN = {
    "a byte": b"H",
    "a part of the head": b"HTTP/1.1 200 OK\r\nContent-Len",
    "an interim reply": b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n",
    "a part of the body": HELLO[:-1],
}


@pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN)
def test_nothing_is_sent_again_after_a_byte_of_a_reply(pool, begun):
    with ScriptedServer([[HELLO, Expect(), Send(begun), Close()]]) as server:
        assert fetch(pool, server) == b"hello"
        with pytest.raises((errors.RemoteDisconnected, errors.IncompleteRead)):
            fetch(pool, server)
    assert pool.opened == 1


def test_nothing_is_sent_again_after_a_timeout(pool):
    with ScriptedServer([[HELLO, Expect(), Drain()]]) as server:
        assert fetch(pool, server) == b"hello"
        with pytest.raises(errors.TotalTimedOut):
            fetch(pool, server, deadline=Deadline(0.02))
    assert pool.opened == 1


def test_it_is_sent_again_until_a_connection_serves(pool):
    pause = Pause()
    dying = [Expect(), pause, Send(HELLO), Expect(), Close()]
    with ScriptedServer([dying, dying, dying, HELLO]) as server:
        clients = [pool.acquire(route_to(server), Timeout(PATIENCE, PATIENCE)) for _ in range(3)]
        pause.resume.set()
        for client in clients:
            assert client.exchange("GET", "/", [("Host", "a")]).read() == b"hello"
        assert pool.idle_count() == 3
        assert fetch(pool, server) == b"hello"
        assert pool.opened == 4


# --- limits


def test_a_connection_that_was_idle_for_too_long_is_not_used(clock):
    with forever() as server, pooling(clock, idle_seconds=60) as pool:
        idle = lend(pool, server)
        clock.now += 60
        assert fetch(pool, server) == b"hello"
        assert pool.opened == 1
        clock.now += 60.5
        assert fetch(pool, server) == b"hello"
        assert pool.opened == 2
        assert idle.close_reason is CloseReason.IDLE_TOO_LONG


def test_a_connection_that_became_too_old_does_not_come_back(clock):
    with forever() as server, pooling(clock, idle_seconds=60, age_seconds=100) as pool:
        idle = lend(pool, server)
        for _ in range(2):
            clock.now += 50
            assert fetch(pool, server) == b"hello"
        assert (pool.opened, pool.idle_count()) == (1, 1)
        clock.now += 1
        assert fetch(pool, server) == b"hello"
        assert (pool.opened, idle.close_reason) == (2, CloseReason.TOO_OLD)


def test_a_connection_that_became_too_old_in_use_does_not_come_back(clock):
    with forever() as server, pooling(clock, age_seconds=100) as pool:
        client = pool.acquire(route_to(server), Timeout(PATIENCE, PATIENCE))
        clock.now += 101
        assert client.exchange("GET", "/", [("Host", "a")]).read() == b"hello"
        assert client.close_reason is CloseReason.TOO_OLD
        assert pool.idle_count() == 0


def test_only_so_many_are_kept_to_one_place(clock):
    with forever() as server, pooling(clock, idle_per_route=2) as pool:
        clients = [pool.acquire(route_to(server), Timeout(PATIENCE, PATIENCE)) for _ in range(4)]
        for client in clients:
            client.exchange("GET", "/", [("Host", "a")]).read()
        assert pool.idle_count() == 2
        assert [client.close_reason for client in clients] == [
            None,
            None,
            CloseReason.POOL_FULL,
            CloseReason.POOL_FULL,
        ]


@pytest.mark.parametrize("field", ["idle_per_route", "idle_total"])
def test_none_are_kept_if_none_may_be(clock, field):
    with forever() as server, pooling(clock, **{field: 0}) as pool:
        assert [fetch(pool, server) for _ in range(2)] == [b"hello"] * 2
        assert (pool.opened, pool.idle_count()) == (2, 0)


def test_beyond_the_total_the_one_idle_for_longest_is_closed(clock):
    with (
        forever() as first,
        forever() as second,
        forever() as third,
        pooling(clock, idle_total=2) as pool,
    ):
        clients = {}
        for server in (first, second, first, third):
            clock.now += 1
            clients[server] = lend(pool, server)
        assert clients[second].close_reason is CloseReason.POOL_FULL
        assert (pool.opened, pool.idle_count()) == (3, 2)
        assert fetch(pool, first) == b"hello"
        assert pool.opened == 3


def test_of_one_place_too_the_one_idle_for_longest_is_closed(clock):
    with forever() as server, pooling(clock, idle_total=2) as pool:
        clients = [pool.acquire(route_to(server), Timeout(PATIENCE, PATIENCE)) for _ in range(3)]
        for client in clients:
            client.exchange("GET", "/", [("Host", "a")]).read()
        assert [client.closed for client in clients] == [True, False, False]


def test_those_that_nobody_asks_for_are_closed_when_others_come_back(clock):
    with (
        forever() as one,
        forever() as other,
        pooling(clock, idle_seconds=60) as pool,
    ):
        idle = lend(pool, one)
        for _ in range(2):
            clock.now += 31
            assert fetch(pool, other) == b"hello"
        assert idle.close_reason is CloseReason.IDLE_TOO_LONG
        assert pool.idle_count() == 1


class Resolver:
    """Every name is this machine's."""

    def __call__(self, host, port, *_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]


def test_a_crawler_leaves_no_routes_behind(clock):
    resolvers = []
    with forever(CLOSING) as server, pooling(clock, idle_total=2) as pool:
        for number in range(20):
            resolver = Resolver()
            resolvers.append(weakref.ref(resolver))
            options = DialOptions(resolver=resolver)
            route = Route("http", f"www{number}.example", server.port, options=options)
            reply = pool.send(route, "GET", "/", [("Host", "a")], timeout=Timeout(PATIENCE))
            assert reply.read() == b"hello"
        del resolver, options, route, reply
        gc.collect()
        assert sum(there() is not None for there in resolvers) <= 5


def test_a_connection_in_use_when_its_place_is_forgotten_is_closed_when_it_comes_back(clock):
    with (
        forever() as server,
        forever(CLOSING) as other,
        pooling(clock, idle_total=0, idle_per_route=1) as pool,
    ):
        client = pool.acquire(route_to(server), Timeout(PATIENCE, PATIENCE))
        assert fetch(pool, other) == b"hello"
        assert client.exchange("GET", "/", [("Host", "a")]).read() == b"hello"
        assert client.close_reason is CloseReason.POOL_FULL
        assert pool.idle_count() == 0


# --- closing


def test_close_closes_what_is_idle(clock):
    with forever() as server:
        with pooling(clock) as pool:
            idle = lend(pool, server)
            assert not idle.closed
        assert idle.close_reason is CloseReason.POOL_CLOSED
        assert (idle.closed, pool.idle_count()) == (True, 0)


def test_what_is_in_use_when_the_pool_is_closed_is_closed_when_it_comes_back(pool):
    pause = Pause()
    with ScriptedServer([[Expect(), Send(HELLO[:-1]), pause, Send(HELLO[-1:]), Drain()]]) as server:
        reply = send(pool, server)
        pool.close()
        pause.resume.set()
        assert reply.read() == b"hello"
        assert pool.idle_count() == 0


def test_a_closed_pool_can_be_used_again(pool):
    with forever() as server:
        for opened in (1, 2):
            assert [fetch(pool, server) for _ in range(3)] == [b"hello"] * 3
            assert (pool.opened, pool.idle_count()) == (opened, 1)
            pool.close()
            assert pool.idle_count() == 0


def test_those_idle_for_so_long_can_be_closed(clock, pool):
    with forever() as first, forever() as second:
        longer = lend(pool, first)
        clock.now += 10
        shorter = lend(pool, second)
        clock.now += 5
        assert pool.close_idle(15.5) == 0
        assert pool.close_idle(15) == 1
        assert (longer.closed, shorter.closed) == (True, False)
        assert pool.close_idle() == 1
        assert pool.close_idle() == 0
        assert shorter.close_reason is CloseReason.IDLE_TOO_LONG


def test_a_pool_shows_what_it_has(pool):
    with forever() as server:
        assert repr(pool) == "<Pool: 0 idle, 0 opened>"
        fetch(pool, server)
        assert repr(pool) == "<Pool: 1 idle, 1 opened>"


def test_there_is_one_pool_for_the_process():
    assert shared_pool() is shared_pool()


def test_connections_that_served_once_only_can_be_closed(pool):
    with ScriptedServer([[HELLO] * 2 + [Drain()], [HELLO, Drain()]]) as server:
        first, second = (pool.acquire(route_to(server), Timeout(PATIENCE)) for _ in range(2))
        for client in (first, first, second):
            client.exchange("GET", "/", [("Host", "a")]).read()
            pool.acquire(route_to(server), Timeout(PATIENCE))
        for client in (first, second):
            pool.release(client)
        pool.close_unproven(route_to(server))
        assert [first.closed, second.closed] == [False, True]
        pool.close_unproven(Route("http", "nobody.example", 80))
        pool.close()


# --- the ways there are


def test_a_connection_may_be_a_unix_socket(pool, tmp_path):
    path = str(tmp_path / "socket")
    with ScriptedServer([[HELLO, HELLO]], at=path):
        for _ in range(2):
            reply = pool.send(
                Route("http+unix", path, 0), "GET", "/", [("Host", "a")], timeout=Timeout(PATIENCE)
            )
            assert reply.read() == b"hello"
    assert pool.opened == 1


def test_a_connection_may_be_in_tls(pool, certificates):
    context = certificates.good.server_context()
    settings = TLSSettings(ca_file=certificates.ca_file)
    with ScriptedServer([[HELLO, HELLO, Drain()]], tls=context) as server:
        route = Route("https", "localhost", server.port, settings)
        for _ in range(2):
            reply = pool.send(route, "GET", "/", [("Host", "a")], timeout=Timeout(PATIENCE))
            assert reply.read() == b"hello"
        assert pool.opened == 1


def test_a_connection_in_tls_that_the_server_closed_is_not_used(pool, certificates):
    settings = TLSSettings(ca_file=certificates.ca_file)
    context = certificates.good.server_context()
    with ScriptedServer([HELLO, HELLO], tls=context) as server:
        route = Route("https", "localhost", server.port, settings)
        client = pool.acquire(route, Timeout(PATIENCE))
        assert client.exchange("GET", "/", [("Host", "a")]).read() == b"hello"
        assert client.wait_for_input(PATIENCE)
        reply = pool.send(route, "POST", "/", [("Host", "a")], timeout=Timeout(PATIENCE))
        assert reply.read() == b"hello"
    assert pool.opened == 2


def test_a_handshake_that_fails_leaves_nothing_behind(pool, certificates):
    with ScriptedServer([[]], tls=certificates.self_signed.server_context()) as server:
        route = Route("https", "localhost", server.port, TLSSettings())
        with pytest.raises(errors.TLSFailed, match="self-signed"):
            pool.send(route, "GET", "/", [("Host", "a")], timeout=Timeout(PATIENCE))
    assert (pool.opened, pool.idle_count()) == (0, 0)


def through(proxy, authorization=None, **options):
    """The route to a host that only the proxy knows, through a tunnel."""
    way = Proxy(*proxy.address, authorization)
    return Route("http", "origin.example", 8080, proxy=way, **options)


def fetch_along(pool, route, timeout=PATIENCE):
    timeout = Timeout.of(timeout)
    return pool.send(route, "GET", "/", [("Host", "a")], timeout=timeout).read()


def test_a_connection_may_be_a_tunnel_that_is_opened_once(pool):
    with ScriptedServer([[OPENED, *[HELLO] * 5]]) as proxy:
        route = through(proxy)
        assert [fetch_along(pool, route) for _ in range(5)] == [b"hello"] * 5
        assert (pool.opened, pool.idle_count()) == (1, 1)
    connect, *requests = proxy.requests
    assert connect == b"CONNECT origin.example:8080 HTTP/1.1\r\nHost: origin.example:8080\r\n\r\n"
    assert requests == [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"] * 5


def test_a_tunnel_may_hold_tls(pool, certificates):
    settings = TLSSettings(ca_file=certificates.ca_file)
    script = [OPENED, StartTLS(certificates.good.server_context()), HELLO, HELLO, Drain()]
    with ScriptedServer([script]) as proxy:
        way = Proxy(*proxy.address, "Basic eDp5")
        route = Route("https", "localhost", 443, settings, proxy=way)
        assert [fetch_along(pool, route) for _ in range(2)] == [b"hello"] * 2
        assert pool.opened == 1
        pool.close()
    credentials = [b"eDp5" in request for request in proxy.requests]
    assert credentials == [True, False, False]


def test_the_certificate_in_a_tunnel_must_be_the_hosts(pool, certificates):
    settings = TLSSettings(ca_file=certificates.ca_file)
    script = [OPENED, StartTLS(certificates.good.server_context()), Drain()]
    with ScriptedServer([script]) as proxy:
        route = Route("https", "elsewhere.example", 443, settings, proxy=Proxy(*proxy.address))
        with pytest.raises(errors.TLSFailed, match=r"not for elsewhere\.example"):
            fetch_along(pool, route)
    assert (pool.opened, pool.idle_count()) == (0, 0)


def test_nothing_that_came_before_tls_is_taken_for_tls(pool):
    script = [OPENED + HELLO, Drain()]
    with ScriptedServer([script]) as proxy:
        route = Route("https", "localhost", 443, TLSSettings(), proxy=Proxy(*proxy.address))
        with pytest.raises(errors.TLSFailed, match="came in the clear before TLS began"):
            fetch_along(pool, route)
    assert (pool.opened, pool.idle_count()) == (0, 0)


def test_a_tunnel_that_one_password_opened_serves_no_other(pool):
    with ScriptedServer([[OPENED, HELLO, Drain()]], again=True) as proxy:
        for authorization in (None, "Basic eDp5", "Basic eDp6"):
            assert fetch_along(pool, through(proxy, authorization)) == b"hello"
        assert (pool.opened, pool.idle_count()) == (3, 3)
        pool.close()


WHO = b'HTTP/1.1 407 Who\r\nProxy-Authenticate: %b realm="here", nonce="n"\r\n\r\n'


def test_a_proxy_that_asks_who_we_are_is_answered_over_a_new_connection(pool):
    with ScriptedServer([[WHO % b"Basic"], [OPENED, HELLO, HELLO]]) as server:
        route = Route("http", "h", 1, proxy=Proxy(*server.address, user="joe", password="password"))
        for _ in range(2):
            assert pool.send(route, "GET", "/", [("Host", "h")]).read() == b"hello"
        assert pool.opened == 1
        assert route in pool._places
    first, second, *gets = server.requests
    assert b"roxy-" not in first
    assert b"\r\nProxy-Authorization: Basic am9lOnBhc3N3b3Jk\r\n" in second
    assert not any(b"roxy-" in get for get in gets)
    assert len(server.connections) == 2


@pytest.mark.parametrize("scheme", [b"Basic", b"Digest"])
def test_an_answer_that_a_proxy_refuses_is_not_given_again(pool, scheme):
    with ScriptedServer([WHO % scheme, WHO % scheme]) as server:
        proxy = Proxy(*server.address, user="joe", password="password")
        with pytest.raises(errors.TunnelRefused, match="407") as caught:
            pool.send(Route("http", "h", 1, proxy=proxy), "GET", "/", [("Host", "h")])
        assert caught.value.proxy.host == proxy.host
    assert b"\r\nProxy-Authorization: " + scheme in server.requests[1]
    assert len(server.connections) == 2


def test_a_chain_is_dialed_at_its_first_proxy_anew_for_each_answer(pool):
    script = [OPENED, OPENED, HELLO]
    with ScriptedServer([[OPENED, WHO % b"Digest"], script]) as server:
        first = Proxy(*server.address)
        last = Proxy("last.example", 3128, user="joe", password="password", via=first)
        route = Route("http", "h", 1, proxy=last)
        assert pool.send(route, "GET", "/", [("Host", "h")]).read() == b"hello"
    to_last, to_host, again, answered, _ = server.requests
    assert (
        to_last
        == again
        == (b"CONNECT last.example:3128 HTTP/1.1\r\nHost: last.example:3128\r\n\r\n")
    )
    assert b"roxy-" not in to_host
    assert b'Proxy-Authorization: Digest username="joe"' in answered
    assert b'uri="h:1"' in answered


def test_a_tunnel_that_the_proxy_closed_is_opened_again(pool):
    with ScriptedServer([[OPENED, HELLO], [OPENED, HELLO]]) as proxy:
        route = through(proxy)
        client = pool.acquire(route, Timeout(PATIENCE))
        assert client.exchange("GET", "/", [("Host", "a")]).read() == b"hello"
        assert client.wait_for_input(PATIENCE)
        assert fetch_along(pool, route) == b"hello"
    assert [request.split()[0] for request in proxy.requests] == [b"CONNECT", b"GET"] * 2


NO_TUNNELS = {
    "refused": b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
    "hung up": b"",
}


@pytest.mark.parametrize("reply", NO_TUNNELS.values(), ids=NO_TUNNELS)
def test_a_tunnel_that_is_not_opened_is_asked_for_once_and_leaves_nothing(pool, reply):
    with (
        ScriptedServer([[reply]]) as proxy,
        pytest.raises(errors.TunnelRefused, match="Tunnel connection failed"),
    ):
        fetch_along(pool, through(proxy))
    assert (pool.opened, pool.idle_count(), len(proxy.requests)) == (0, 0, 1)


@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (Timeout(connect=0.05), errors.ConnectTimedOut),
        (Timeout(None, None, total=0.05), errors.TotalTimedOut),
    ],
    ids=["connect", "total"],
)
def test_a_proxy_that_says_nothing_is_not_waited_for(pool, timeout, error):
    with ScriptedServer([[Expect(), Drain()]]) as proxy, pytest.raises(error):
        fetch_along(pool, through(proxy), timeout)
    assert (pool.opened, pool.idle_count()) == (0, 0)


def test_a_proxy_that_is_not_there_can_not_be_connected_to(pool):
    with ScriptedServer() as proxy:
        route = through(proxy)
    with pytest.raises(errors.ConnectFailed, match=f":{route.proxy.port}: Connection refused"):
        fetch_along(pool, route)


def test_a_proxy_is_dialed_as_the_options_say(pool):
    looked_up = []

    def resolver(host, port):
        looked_up.append((host, port))
        return []

    options = DialOptions(resolver=resolver)
    route = Route("http", "origin.example", 80, options=options, proxy=Proxy("proxy", 3128))
    with pytest.raises(errors.NameNotResolved):
        fetch_along(pool, route)
    assert looked_up == [("proxy", 3128)]


def test_of_a_proxy_the_host_is_asked_about_where_it_is_an_address(pool):
    asked = []
    options = DialOptions(allow_address=asked.append)
    with ScriptedServer([b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"]) as proxy:
        with pytest.raises(errors.TunnelRefused):
            fetch_along(pool, through(proxy, options=options))
        assert asked == []
        with pytest.raises(errors.ConnectFailed, match="address not allowed"):
            fetch_along(pool, through(proxy, options=options).replace(host="10.0.0.1"))
    assert asked == ["10.0.0.1"]


def test_a_request_that_may_not_be_sent_leaves_its_connection_to_the_next(pool):
    with ScriptedServer([[HELLO]]) as server:
        with pytest.raises(errors.InvalidField):
            pool.send(route_to(server), "GET", "/", [("Host", "a\r\nb")])
        assert fetch(pool, server) == b"hello"
    assert pool.opened == 1


def test_a_connection_that_speaks_another_protocol_is_not_kept(pool):
    switching = b"HTTP/1.1 101 Switching\r\nUpgrade: other\r\n\r\n"
    with ScriptedServer([[switching, Drain()]]) as server:
        fields = [("Host", "a"), ("Connection", "upgrade"), ("Upgrade", "other")]
        assert pool.send(route_to(server), "GET", "/", fields).status == 101
    assert pool.idle_count() == 0


def test_connections_can_be_of_a_class_of_ones_own(clock):
    class Counting(PooledClient):
        sent = 0

        def write(self, data):
            Counting.sent += 1
            super().write(data)

    class CountingPool(Pool):
        client_class = Counting

    with forever() as server, CountingPool(clock=clock) as pool:
        assert fetch(pool, server) == b"hello"
    assert Counting.sent == 1


def test_closing_a_connection_may_close_others(clock):
    class Jealous(PooledClient):
        def close(self):
            super().close()
            pool.close_idle()

    class JealousPool(Pool):
        client_class = Jealous

    with forever() as server, JealousPool(clock=clock) as pool:
        clients = [pool.acquire(route_to(server), Timeout(PATIENCE, PATIENCE)) for _ in range(3)]
        for client in clients:
            client.exchange("GET", "/", [("Host", "a")]).read()
        assert pool.idle_count() == 3
        pool.close()
        assert [client.closed for client in clients] == [True] * 3


# --- threads


@pytest.fixture
def impatient_threads():
    """Lets the interpreter change threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(count, work):
    """Runs `work` in so many threads at once; raises what one of them raised."""
    raised = []
    together = threading.Barrier(count)

    def run():
        together.wait(PATIENCE)
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


@pytest.mark.usefixtures("impatient_threads")
def test_each_thread_gets_its_own_replies():
    def name_the_target(connection):
        while True:
            target = connection.read_request().split()[1]
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(target)
            connection.send(head + target)

    with ScriptedServer(handler=name_the_target) as server, Pool() as pool:

        def work():
            for number in range(50):
                target = f"/{threading.get_ident()}/{number}"
                reply = pool.send(
                    route_to(server), "GET", target, [("Host", "a")], timeout=Timeout(PATIENCE)
                )
                assert reply.read() == target.encode()

        in_threads(8, work)
        assert pool.opened <= 8
        assert pool.idle_count() == pool.opened


@pytest.mark.usefixtures("impatient_threads")
@pytest.mark.parametrize(
    "disturb",
    [Pool.close, Pool.close_idle, repr],
    ids=["close", "close_idle", "repr"],
)
def test_threads_do_not_mind_what_others_do_to_the_pool(disturb):
    policy = PoolPolicy(idle_per_route=3, idle_total=4)
    with forever() as one, forever() as other, Pool(policy) as pool:

        def work():
            for _ in range(40):
                assert fetch(pool, one) == b"hello"
                disturb(pool)
                assert fetch(pool, other) == b"hello"

        in_threads(6, work)
        assert pool.idle_count() <= 4


# --- processes


def test_a_forked_child_uses_no_connection_of_its_parent():
    """Without another thread: this process is the server too."""

    def child(pool, idle, reply, told):
        told.put((pool.idle_count(), idle.close_reason, idle.closed))
        reply.close()
        told.put((pool.idle_count(), reply.closed))

    fork = multiprocessing.get_context("fork")
    with socket.create_server(("127.0.0.1", 0)) as listener, Pool() as pool:
        route = Route("http", *listener.getsockname())
        idle, used = (pool.acquire(route, Timeout(PATIENCE, PATIENCE)) for _ in range(2))
        servers = [listener.accept()[0] for _ in range(2)]
        for server, reply in zip(servers, (HELLO, HELLO[:-1]), strict=True):
            server.sendall(reply)
        idle.exchange("GET", "/", [("Host", "a")]).read()
        reply = used.exchange("GET", "/", [("Host", "a")])
        told = fork.SimpleQueue()
        process = fork.Process(target=child, args=(pool, idle, reply, told))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of other tests
            process.start()
        assert told.get() == (0, CloseReason.FORKED, True)
        assert told.get() == (0, True)
        process.join(PATIENCE)
        assert process.exitcode == 0
        # And the parent's go on as if nothing had happened.
        servers[1].sendall(HELLO[-1:])
        assert reply.read() == b"hello"
        assert pool.idle_count() == 2
        for server in servers:
            server.close()
        told.close()
        process.close()


def test_a_connection_that_switched_protocols_is_closed(pool):
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\n"
    with ScriptedServer([switched]) as server:
        route = Route("http", "127.0.0.1", server.port)
        fields = [("Host", server.authority), ("Connection", "upgrade"), ("Upgrade", "chat")]
        response = pool.send(route, "GET", "/", fields)
    assert response.status == 101
    assert response.close_reason is CloseReason.SWITCHED
    assert pool.idle_count() == 0


def test_the_total_time_of_a_request_sent_through_the_pool_itself_is_kept(pool):
    with (
        ScriptedServer(handler=lambda connection: connection.read_request()) as server,
        pytest.raises(errors.TimedOut),
    ):
        route = Route("http", "127.0.0.1", server.port)
        pool.send(route, "GET", "/", [("Host", "h")], timeout=Timeout(5, 5, 0.000_001))


def test_a_connection_that_somebody_closed_is_not_used(pool):
    hello = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    with ScriptedServer([hello, hello]) as server:
        route = Route("http", "127.0.0.1", server.port)
        fields = [("Host", server.authority)]
        for _ in range(2):
            assert pool.send(route, "GET", "/", fields).read() == b"hello"
            for client in list(pool._by_age):
                client.close()


def test_places_of_contexts_that_callers_made_are_forgotten_when_time_has_passed():
    now = [0.0]
    hello = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    with Pool(PoolPolicy(idle_seconds=10), clock=lambda: now[0]) as pool:
        for _ in range(3):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            pool._place_of(Route("https", "h", 443, TLSSettings(context=context)))
        now[0] = 20.0
        with ScriptedServer([hello]) as server:
            route = Route("http", "127.0.0.1", server.port)
            pool.send(route, "GET", "/", [("Host", server.authority)]).read()
        assert list(pool._places) == [route]
