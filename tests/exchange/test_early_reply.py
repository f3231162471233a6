"""The reply that comes while its request is still being sent: what it lets the sender do."""

from __future__ import annotations

import socket
from time import monotonic

import pytest
from support.streams import ScriptedStream, every_cut, every_split
from support.waits import PATIENCE, SOON

from mini_http.base.errors import (
    BadFraming,
    BadStatusLine,
    IncompleteRead,
    LimitExceeded,
    ReadTimedOut,
    RemoteDisconnected,
    TotalTimedOut,
)
from mini_http.base.timeouts import Deadline
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.early_reply import CONTINUE_SECONDS, EarlyReply

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def ends():
    """Two connected sockets, the client's and the server's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def server(ends):
    return ends[1]


@pytest.fixture
def client(ends):
    with HTTPClient.over(ends[0], timeout=PATIENCE) as made:
        yield made


@pytest.fixture
def interim(client):
    """The statuses of the interim replies that the client's hook was offered."""
    seen = []
    client.on_interim = lambda head: seen.append(head.status)
    return seen


def client_that_has(came, pieces, end="close"):
    """A client that these bytes have come to; the pieces come after them."""
    client = HTTPClient.over(ScriptedStream(pieces, end), timeout=PATIENCE)
    client.unread(came)
    return client


# --- while a body is sent


def test_sending_goes_on_while_nothing_comes(client):
    early = EarlyReply("PUT")
    assert early.lets_go_on(client)
    assert early.head is None


@pytest.mark.parametrize("came", [CONTINUE, HINTS, HINTS + CONTINUE, CONTINUE + HINTS + HINTS])
def test_sending_goes_on_after_interim_replies_and_each_is_told(client, server, interim, came):
    server.sendall(came)
    early = EarlyReply("PUT")
    assert early.lets_go_on(client)
    assert early.head is None
    assert len(interim) == came.count(b"HTTP/")
    assert client.buffered() == 0


@pytest.mark.parametrize(
    ("method", "head", "goes_on"),
    [
        ("PUT", b"HTTP/1.1 200 OK\r\nContent-Length: 9", True),
        ("PUT", b"HTTP/1.1 299 OK\r\nContent-Length: 9", True),
        ("PUT", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", True),
        ("PUT", b"HTTP/1.1 204 No Content", True),
        ("PUT", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 9", True),
        ("HEAD", b"HTTP/1.1 200 OK", True),
        ("PUT", b"HTTP/1.1 200 OK", False),
        ("PUT", b"HTTP/1.0 200 OK\r\nContent-Length: 9", False),
        ("PUT", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9", False),
        ("PUT", b"HTTP/1.1 101 Switching Protocols", False),
        ("PUT", b"HTTP/1.1 300 Choices\r\nContent-Length: 9", False),
        ("PUT", b"HTTP/1.1 304 Not Modified", False),
        ("PUT", b"HTTP/1.1 413 Too Large\r\nContent-Length: 9", False),
        ("PUT", b"HTTP/1.1 503 Busy\r\nContent-Length: 9", False),
    ],
)
def test_only_a_success_that_keeps_the_connection_lets_sending_go_on(
    client, server, method, head, goes_on
):
    server.sendall(head + b"\r\n\r\nthe body")
    early = EarlyReply(method)
    assert early.lets_go_on(client) is goes_on
    assert early.head.status == int(head[9:12])
    assert client.read(8) == b"the body"


@pytest.mark.parametrize(("reply", "goes_on"), [(OK, True), (REFUSED, False)])
def test_one_reply_is_received_and_no_more(client, server, interim, reply, goes_on):
    server.sendall(HINTS + reply + HINTS)
    early = EarlyReply("PUT")
    assert [early.lets_go_on(client) for _ in range(3)] == [goes_on] * 3
    assert interim == [103]
    assert client.peek() == HINTS


@pytest.mark.parametrize("pieces", list(every_split(REFUSED)))
def test_the_rest_of_a_head_is_waited_for(pieces):
    with client_that_has(pieces[0], pieces[1:]) as client:
        early = EarlyReply("PUT")
        assert not early.lets_go_on(client)
        assert early.head.status == 413


@pytest.mark.parametrize("begun", [begun for begun in every_cut(REFUSED) if begun])
def test_a_head_that_is_cut_or_comes_too_late_is_told(begun):
    for end, fault in ("close", IncompleteRead), ("timeout", ReadTimedOut):
        with client_that_has(begun, [], end) as client, pytest.raises(fault):
            EarlyReply("PUT").lets_go_on(client)


@pytest.mark.parametrize(
    ("came", "fault"),
    [
        (b"220 ready\r\n\r\n", BadStatusLine),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", BadFraming),
        (HINTS * 21, LimitExceeded),
    ],
)
def test_what_is_no_reply_is_told(client, server, came, fault):
    server.sendall(came)
    with pytest.raises(fault):
        EarlyReply("PUT").lets_go_on(client)


@pytest.mark.parametrize("ask", [EarlyReply.lets_go_on, EarlyReply.is_continue])
def test_a_server_that_has_gone_is_told(client, server, ask):
    server.close()
    with pytest.raises(RemoteDisconnected):
        ask(EarlyReply("PUT"), client)


# --- before it is sent: Expect: 100-continue


@pytest.mark.parametrize("before", [b"", HINTS, HINTS * 3])
def test_a_100_lets_the_body_go(client, server, interim, before):
    server.sendall(before + CONTINUE + HINTS)
    early = EarlyReply("PUT")
    assert early.is_continue(client)
    assert early.head is None
    assert interim == [103] * before.count(b"HTTP/") + [100]
    assert client.peek() == HINTS


@pytest.mark.parametrize("before", [b"", HINTS])
@pytest.mark.parametrize("reply", [OK, REFUSED])
def test_a_reply_in_place_of_100_keeps_the_body_back(client, server, interim, before, reply):
    server.sendall(before + reply)
    early = EarlyReply("PUT")
    assert not early.is_continue(client)
    assert early.head.status == int(reply[9:12])
    assert interim == [103] * before.count(b"HTTP/")


@pytest.mark.parametrize("before", [b"", HINTS])
def test_a_server_that_does_not_know_100_gets_the_body_after_a_while(
    client, server, monkeypatch, before
):
    monkeypatch.setattr("mini_http.exchange.early_reply.CONTINUE_SECONDS", SOON)
    server.sendall(before)
    early = EarlyReply("PUT")
    assert early.is_continue(client)
    assert early.head is None


def test_a_100_is_waited_for_no_longer_than_any_wait(client):
    client.timeout = SOON
    begun = monotonic()
    assert EarlyReply("PUT").is_continue(client)
    assert SOON <= monotonic() - begun < CONTINUE_SECONDS


def test_a_100_is_waited_for_no_longer_than_all_of_it_may_take(client, monkeypatch):
    monkeypatch.setattr("mini_http.exchange.early_reply.CONTINUE_SECONDS", 10 * PATIENCE)
    client.timeout, client.deadline = None, Deadline(SOON)
    assert EarlyReply("PUT").is_continue(client)
    with pytest.raises(TotalTimedOut):
        client.write(b"the body")
