"""Connections stay: what `urlopen` does with servers that keep them, and with those that don't."""

import select

import pytest
from support.connections import ClientGone
from support.servers import ScriptedServer
from support.steps import Close, Expect, Reset

from mini_http import HTTPHandler, Pool, Request, build_opener, urlopen
from mini_http.base import errors
from mini_http.keepalive.pool import PooledClient, shared_pool

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors", "shared_connections_end")

MANY = 1000
PATIENCE = 20.0
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@pytest.fixture
def shared_connections_end():
    """So that no test finds what another one left."""
    yield
    shared_pool().close()


def answering(reply):
    """A server that answers every request with the same reply, and closes when the client does."""

    def answer(connection):
        while True:
            connection.read_request()
            connection.send(reply)

    return ScriptedServer(handler=answer)


@pytest.fixture
def watched():
    """An opener, and the list of the connections that it opens."""
    connections = []

    class Watched(PooledClient):
        def exchange(self, *request):
            if not self.exchanges:
                connections.append(self)
            return super().exchange(*request)

    class WatchedPool(Pool):
        client_class = Watched

    with WatchedPool() as pool:
        yield build_opener(HTTPHandler(pool=pool)), connections


# --- one connection for many requests

READS = {
    "read": lambda reply: reply.read(),
    "in pieces": lambda reply: b"".join(iter(lambda: reply.read(2), b"")),
    "lines": lambda reply: b"".join(reply),
    "text": lambda reply: reply.text.encode(),
}


@pytest.mark.parametrize("reply", [HELLO, CHUNKED], ids=["length", "chunked"])
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_many_replies_that_are_read_but_not_closed_need_one_connection(read, reply):
    kept = []
    with answering(reply) as server:
        for _ in range(MANY):
            kept.append(urlopen(server.url))
            assert read(kept[-1]) == b"hello"
    assert not any(reply.closed for reply in kept)
    assert len(server.requests) == MANY
    assert len(server.connections) == 1


@pytest.mark.parametrize("reply", [HELLO, CHUNKED], ids=["length", "chunked"])
def test_many_replies_that_are_closed_unread_need_one_connection(reply):
    with answering(reply) as server:
        for _ in range(MANY):
            with urlopen(server.url) as unread:
                assert unread.status == 200
    assert len(server.requests) == MANY
    assert len(server.connections) == 1


def test_error_replies_too_give_their_connection_back():
    missing = HELLO.replace(b"200 OK", b"404 Not Found")
    with answering(missing) as server:
        for _ in range(50):
            with pytest.raises(errors.HTTPError, match="404") as caught:
                urlopen(server.url)
            caught.value.close()
    assert len(server.connections) == 1


def test_all_openers_share_their_connections():
    with answering(HELLO) as server:
        for opener in (build_opener(), build_opener()):
            assert opener.open(server.url).read() == b"hello"
        assert urlopen(server.url).read() == b"hello"
    assert len(server.connections) == 1


@pytest.mark.parametrize("place", ["/1k", "/gzip/1k", "/chunked/1k"])
def test_a_thousand_pages_of_nginx_come_over_one_connection(nginx, place):
    before = len(nginx.log())
    kept = []
    for _ in range(MANY):
        kept.append(urlopen(nginx.http + place))
        assert len(kept[-1].read()) == 1024
    ours = [entry for entry in nginx.log()[before:] if entry.target == place]
    assert len(ours) == MANY
    assert len({entry.connection for entry in ours}) == 1
    assert ours[-1].nth_on_connection == MANY


def test_a_thousand_pages_in_tls_come_over_one_connection(nginx, certificates):
    before = len(nginx.log())
    context = certificates.client_context()
    for _ in range(MANY):
        assert len(urlopen(nginx.https + "/1k", context=context).read()) == 1024
    ours = [entry for entry in nginx.log()[before:] if entry.target == "/1k"]
    assert len(ours) == MANY
    assert len({entry.connection for entry in ours}) == 1


# --- servers that close

CLOSES = {
    "closes unannounced": [HELLO],
    "resets": [HELLO, Reset()],
    "announces it": [HELLO.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)],
    "is old": [HELLO.replace(b"1.1", b"1.0")],
    "ends the body so": [HELLO.replace(b"Content-Length: 5", b"X: y")],
}
DURING_REUSE = {
    "closes": [HELLO, Expect(), Close()],
    "resets": [HELLO, Expect(), Reset()],
    "closes in the head": [HELLO, lambda connection: connection.read(5), Close()],
}


@pytest.mark.parametrize("script", CLOSES.values(), ids=CLOSES)
def test_a_server_that_closes_after_each_reply_causes_no_error(script):
    with ScriptedServer([script], again=True) as server:
        for _ in range(100):
            assert urlopen(server.url).read() == b"hello"
    assert len(server.connections) == 100


@pytest.mark.parametrize("script", DURING_REUSE.values(), ids=DURING_REUSE)
def test_a_server_that_closes_during_reuse_causes_no_error(script):
    with ScriptedServer([script], again=True) as server:
        for _ in range(100):
            assert urlopen(server.url).read() == b"hello"
    assert len(server.connections) == 100


@pytest.mark.parametrize("script", DURING_REUSE.values(), ids=DURING_REUSE)
def test_a_post_that_meets_such_a_server_is_not_sent_again(script):
    with ScriptedServer([script]) as server:
        assert urlopen(server.url).read() == b"hello"
        with pytest.raises(errors.URLError):
            urlopen(server.url, b"data")


@pytest.mark.parametrize("script", DURING_REUSE.values(), ids=DURING_REUSE)
def test_a_put_that_meets_such_a_server_is_sent_again(script):
    with ScriptedServer([script, HELLO]) as server:
        assert urlopen(server.url).read() == b"hello"
        request = Request(server.url, b"data" * 100_000, method="PUT")
        assert urlopen(request).read() == b"hello"
    assert server.connections[1].requests[0].endswith(b"data" * 100_000)


def test_a_server_that_closes_idle_connections_causes_no_error(nginx, watched):
    opener, connections = watched
    for count in (1, 2, 3):
        assert len(opener.open(nginx.impatient + "/1k").read()) == 1024
        assert len(connections) == count
        assert connections[-1].wait_for_input(PATIENCE)  # nginx has closed it


def test_a_server_that_closes_idle_connections_causes_no_error_on_post(nginx, watched):
    opener, connections = watched
    for length in (1, 2, 3):
        reply = opener.open(nginx.impatient + "/post", b"x" * length)
        assert reply.read() == f"POST {length}".encode()
        assert connections[-1].wait_for_input(PATIENCE)


def test_a_server_that_closes_after_so_many_requests_causes_no_error(nginx, watched):
    opener, connections = watched
    seen = [opener.open(nginx.forgetful + "/connection").read().split() for _ in range(100)]
    assert len(connections) == len({serial for serial, _ in seen}) == 10
    assert [int(nth) for _, nth in seen] == [*range(1, 11)] * 10


def test_a_server_that_closes_after_every_reply_causes_no_error(nginx, watched):
    opener, connections = watched
    for _ in range(50):
        assert len(opener.open(nginx.http + "/close/1k").read()) == 1024
    assert len(connections) == 50


def test_a_server_that_never_answers_is_asked_once(nginx, watched):
    opener, connections = watched
    assert len(opener.open(nginx.http + "/1k").read()) == 1024
    with pytest.raises(errors.RemoteDisconnected):
        opener.open(nginx.http + "/status/444")
    assert len(connections) == 2  # once more on a new connection, and not again


# --- replies that never come


def test_interim_replies_do_not_prolong_the_wait_for_the_head():
    def hint(connection):
        connection.read_request()
        for _ in range(19):
            connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            if select.select([connection.sock], [], [], 0.1)[0]:
                raise ClientGone
        connection.send(HELLO)

    with ScriptedServer(handler=hint) as server, pytest.raises(errors.ReadTimedOut):
        urlopen(server.url, timeout=0.3)
