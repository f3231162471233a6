"""The numbered server answers as it is told, and finds out who uses a bad connection."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from support.numbered_server import (
    FILLER,
    REPLY_TO,
    Book,
    Framing,
    InlineNet,
    LoopbackNet,
    Plan,
    body_of_reply,
    written_reply,
)

Net = type[InlineNet] | type[LoopbackNet]

PATIENCE = 20.0
GET = b"GET /%d HTTP/1.1\r\nHost: a.test\r\n\r\n"
POST = b"POST /%d HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n"
CHUNKS = b"POST /%d HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def connection(book: Book) -> Iterator[socket.socket]:
    """The client's end of an inline connection."""
    net = InlineNet(book)
    with net.connect() as sock:
        sock.settimeout(PATIENCE)
        yield sock
    net.close()


def received(sock: socket.socket) -> bytes:
    """All that comes, of a server that stays."""
    data = b""
    try:
        while piece := sock.recv(1 << 16):
            data += piece
    except TimeoutError:
        pass
    return data


@pytest.mark.parametrize("framing", ["length", "chunked", "close", "empty"])
@pytest.mark.parametrize("net_class", [InlineNet, LoopbackNet])
def test_a_reply_has_the_number_of_its_request_in_its_head_and_all_through_its_body(
    book: Book, framing: Framing, net_class: Net
) -> None:
    book.plan = Plan(framing=framing, size=100_000)
    net = net_class(book)
    client = http.client.HTTPConnection("a.test")
    client.sock = net.connect()
    client.sock.settimeout(PATIENCE)
    client.request("POST", "/7", FILLER * 300_000)
    reply = client.getresponse()
    assert reply.headers[REPLY_TO] == "7"
    body = reply.read()
    reply.close()
    client.close()
    net.close()
    assert body == (b"" if framing == "empty" else body_of_reply(7, 100_000))
    assert body == book.answers[7].body
    assert book.answers[7].is_whole
    assert book.faults == []


@pytest.mark.parametrize("part", [0.2, 0.9])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_of_a_reply_that_is_cut_it_is_known_what_was_sent(
    book: Book, connection: socket.socket, framing: Framing, part: float
) -> None:
    book.plan = Plan(framing=framing, size=1000, part=part, ending="ends")
    connection.sendall(GET % 1)
    data = received(connection)
    answer = book.answers[1]
    if framing == "close":  # that it was cut, nobody can know
        assert answer.is_whole
        assert data.endswith(answer.body)
    else:
        assert not answer.is_whole
        assert answer.body == body_of_reply(1, 1000)


@pytest.mark.parametrize(
    ("kept", "is_whole"), [(0, False), (3, True), (4, False), (18, False), (19, True)]
)
def test_chunks_are_whole_with_the_last_one(
    book: Book, connection: socket.socket, kept: int, is_whole: bool
) -> None:
    plan = Plan(framing="chunked", ending="ends")
    head, _, chunks = written_reply(plan, 1, b"GET")
    end = len(b"0\r\nX-Trailer: a\r\n\r\n")
    size = len(head) + len(chunks)
    book.plan = replace(plan, part=(size - end + kept) / size)
    connection.sendall(GET % 1)
    assert received(connection) == (head + chunks)[: size - end + kept]
    assert book.answers[1].is_whole is is_whole


def test_requests_over_a_good_connection_are_answered(
    book: Book, connection: socket.socket
) -> None:
    book.plan = Plan(interim=2)
    requests = [GET, POST + FILLER * 5, CHUNKS + b"1\r\n~\r\n0\r\n\r\n", FILLER + GET]
    for number, request in enumerate(requests):
        connection.sendall(request % number)
        reply = received(connection)
        assert f"{REPLY_TO}: {number}".encode() in reply
        assert reply.count(b" 103 ") == 2
    assert book.requests == 4
    assert book.faults == []


@pytest.mark.parametrize(
    "plan",
    [
        Plan(says_close=True),
        Plan(is_old=True),
        Plan(framing="close"),
        Plan(switches=True),
        Plan(interim=21),
        Plan(part=0.5),
        Plan(part=0.5, ending="stalls"),
        Plan(ending="ends"),
        Plan(more=b"x"),
        Plan(instead=b"220 ready\r\n"),
    ],
)
def test_a_request_over_a_bad_connection_is_a_fault(
    book: Book, connection: socket.socket, plan: Plan
) -> None:
    book.plan = plan
    connection.sendall(GET % 1)
    assert book.faults == []
    connection.sendall(GET % 2)
    assert len(book.faults) == 1
    assert book.requests == 1


@pytest.mark.parametrize("begun", [POST, POST + b"~~", CHUNKS, CHUNKS + b"5\r\n~~"])
def test_a_request_that_is_lost_in_a_body_is_a_fault(
    book: Book, connection: socket.socket, begun: bytes
) -> None:
    book.plan = Plan(is_early=True)
    connection.sendall(begun % 1)
    assert f"{REPLY_TO}: 1".encode() in received(connection)
    assert book.faults == []
    connection.sendall(GET % 2)
    assert len(book.faults) == 1


def test_a_request_after_what_is_none_is_a_fault(book: Book, connection: socket.socket) -> None:
    connection.sendall(b"2\r\n~~\r\n\r\n")
    assert book.faults == []
    connection.sendall(GET % 1)
    assert len(book.faults) == 1


@pytest.mark.parametrize(("greeting", "hangs_up"), [(b"220 ready\r\n", False), (b"", True)])
def test_a_request_to_a_server_that_spoke_or_left_before_is_a_fault(
    book: Book, greeting: bytes, hangs_up: bool
) -> None:
    book.greeting, book.hangs_up = greeting, hangs_up
    net = InlineNet(book)
    with net.connect() as sock:
        assert sock.recv(99) == greeting
        sock.sendall(GET % 1)
    net.close()
    assert len(book.faults) == 1


@pytest.mark.parametrize("number", [0, 1])
def test_only_a_tunnel_that_was_asked_for_by_a_place_leads_on(
    book: Book, connection: socket.socket, number: int
) -> None:
    place = b"/%d" % number if number else b"b.test:80"
    connection.sendall(b"CONNECT %b HTTP/1.1\r\n\r\n" % place)
    assert received(connection).startswith(b"HTTP/1.1 200 ")
    connection.sendall(GET % 2)
    assert bool(book.faults) is bool(number)


def test_a_wait_in_vain_times_out_at_once(book: Book, connection: socket.socket) -> None:
    book.plan = Plan(ending="stalls")
    connection.sendall(GET % 1)
    assert received(connection)
    connection.sendall(GET % 2)
    with pytest.raises(TimeoutError):
        connection.recv_into(bytearray(1))
    connection.settimeout(0)
    with pytest.raises(BlockingIOError):
        connection.recv(1)
    connection.settimeout(None)
    with pytest.raises(AssertionError, match="for ever"):
        connection.recv(1)
    assert book.requests == 1
    assert book.faults == []


def test_a_server_that_does_not_read_is_not_sent_all(book: Book, connection: socket.socket) -> None:
    book.plan = Plan(reads=False)
    size = 9_000_000
    with pytest.raises(TimeoutError):
        connection.sendall(POST.replace(b"5", b"%d" % size) % 1 + FILLER * size)
    assert book.answers == {}


@pytest.mark.parametrize("net_class", [InlineNet, LoopbackNet])
def test_a_reset_is_one(book: Book, net_class: Net) -> None:
    book.plan = Plan(ending="resets")
    net = net_class(book)
    with net.connect() as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(GET % 1)
        with pytest.raises(ConnectionResetError):
            while sock.recv_into(bytearray(1 << 16)):
                pass
        with pytest.raises(ConnectionError):
            for _ in range(2):
                sock.sendall(GET % 2)
    net.close()
    assert book.faults == []
