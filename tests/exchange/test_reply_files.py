"""The files below a reply: chunks taken apart by a program, the socket, what follows a switch."""

from __future__ import annotations

import io
import itertools
import socket

import pytest
from support.begun_replies import (
    CHUNKS,
    HEAD,
    HOST,
    LINES,
    NEXT,
    SWITCHING,
    TO_THE_END,
    UPGRADE,
    begun,
)
from support.body_readers import WAYS, client_for, pieces_of
from support.servers import ScriptedServer
from support.steps import Close, Expect, Send
from support.streams import every_cut, every_split
from support.waits import PATIENCE

from mini_http.base.errors import BadChunk, IncompleteRead
from mini_http.codec.framing import CHUNKED, CloseReason
from mini_http.connect.simple_client import SimpleClient
from mini_http.exchange.body import body_reader
from mini_http.exchange.http_connection import HTTPConnection
from mini_http.exchange.states import State

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


# --- chunks that a program takes apart by itself


def unframed(reply):
    """The chunks as urllib3 takes them apart, and the lines of the trailer."""
    chunks = []
    while size := int(reply.fp.readline().partition(b";")[0], 16):
        chunks.append(reply._safe_read(size))
        assert reply._safe_read(2) == b"\r\n"
    lines = iter(reply.fp.readline, b"")
    return chunks, list(itertools.takewhile(lambda line: line != b"\r\n", lines))


@pytest.mark.parametrize("pieces", list(every_split(CHUNKS)))
def test_the_file_gives_the_chunks_as_they_come(pieces):
    reply, client = begun(HEAD, *pieces)
    assert reply.chunked
    assert unframed(reply) == ([b"hello,", b"\nworld"], [b"X-Trailer: 1\r\n"])
    assert reply.fp is None
    assert (reply.isclosed(), reply.chunked, reply.read(), reply.length) == (True, True, b"", None)
    assert reply.trailers["X-Trailer"] == "1"
    assert client.state is State.IDLE


@pytest.mark.parametrize(
    "read",
    [
        lambda file: file.read(),
        lambda file: b"".join(iter(lambda: file.read(7), b"")),
        lambda file: b"".join(iter(lambda: file.read1(5), b"")),
        lambda file: b"".join(file.readlines()),
        lambda file: file.peek() and file.read(),
        lambda file: b"".join(iter(lambda: file.raw.read(3), b"")),
    ],
    ids=["all", "some", "read1", "lines", "a look", "raw"],
)
def test_it_is_read_in_all_the_ways_of_a_file(read):
    reply, client = begun(HEAD + CHUNKS)
    assert read(reply.fp) == CHUNKS
    assert reply.fp is None
    assert client.state is State.IDLE


def test_it_takes_nothing_of_what_follows():
    reply, client = begun(HEAD, CHUNKS + b"x")
    assert reply.fp.read() == CHUNKS
    assert client.close_reason is CloseReason.EXTRA_BYTES


def test_the_lines_of_the_chunks_have_their_ends():
    reply, _ = begun(HEAD + CHUNKS)
    assert list(reply.fp) == LINES


def test_what_is_being_taken_apart_is_not_to_be_had_as_a_body():
    reply, client = begun(HEAD, CHUNKS[:20], CHUNKS[20:])
    assert reply.fp.readline() == LINES[0]
    assert (reply.fp.read1(3), reply.isclosed()) == (b"hel", False)
    with pytest.raises(io.UnsupportedOperation, match="taken apart"):
        reply.read()
    assert client.closed


@pytest.mark.parametrize("taken", range(len(LINES)))
def test_what_is_left_of_it_is_dropped_when_the_reply_is_closed(taken):
    reply, client = begun(HEAD + CHUNKS, NEXT)
    for line in LINES[:taken]:
        assert reply.fp.readline() == line
    reply.close()
    assert reply.fp is None
    assert client.exchange("GET", "/", HOST).status == 204


@pytest.mark.parametrize("cut", [cut for cut in every_cut(CHUNKS) if cut[-4:] != b"\n0\r\n"])
def test_a_cut_is_found_though_a_program_takes_the_chunks_apart(cut):
    reply, client = begun(HEAD, cut)
    with pytest.raises(IncompleteRead) as caught:
        reply.fp.read()
    assert caught.value.partial == cut
    assert caught.value.state == "replying"
    assert client.closed


@pytest.mark.parametrize("chunks", [b"0x5\r\nhello\r\n", b"5\nhello\r\n", b"5\r\nhello!\r\n"])
def test_what_is_no_chunk_is_found_though_a_program_takes_them_apart(chunks):
    reply, client = begun(HEAD, chunks)
    with pytest.raises(BadChunk):
        reply.fp.read()
    assert client.closed
    with pytest.raises(BadChunk):
        reply.read()


def test_a_last_chunk_may_end_with_the_connection():
    reply, _ = begun(HEAD, b"0\r\n")
    assert reply.fp.read() == b"0\r\n"
    assert reply.isclosed()


# --- their reader by itself


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("ways", ["read_some", "read_some of one byte", "readinto", "read_all"])
def test_chunks_can_be_had_as_they_come(size, ways):
    client = client_for(*pieces_of(CHUNKS + b"more", size))
    reader = body_reader(CHUNKED, client).as_they_come()
    assert reader.left is None
    assert WAYS[ways](reader) == CHUNKS
    assert reader.trailers is not None
    assert reader.trailers.items() == [("X-Trailer", "1")]
    assert client.read() == b"more"


def test_chunks_that_are_cut_are_so_as_they_come():
    reader = body_reader(CHUNKED, client_for(CHUNKS[:12])).as_they_come()
    with pytest.raises(IncompleteRead) as caught:
        reader.read_all()
    assert caught.value.partial == CHUNKS[:12]


def test_a_last_chunk_that_ends_with_the_connection_is_one_as_it_comes():
    reader = body_reader(CHUNKED, client_for(b"0\r\n")).as_they_come()
    assert (reader.read_some(9), reader.ended) == (b"0\r\n", False)
    assert (reader.read_some(9), reader.ended) == (b"", True)


def test_only_what_has_come_of_them_is_dropped():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client = SimpleClient.over(ours, timeout=PATIENCE)
        reader = body_reader(CHUNKED, client).as_they_come()
        for piece in (b"5\r\n", b"hello\r\n", b"0\r\n\r", b"\nnext"):
            reader.drop(100)
            assert not reader.ended
            theirs.sendall(piece)
        reader.drop(100)
        assert reader.ended
        assert reader.trailers is not None
        assert client.peek() == b"next"


# --- the socket, and what follows a switch


@pytest.mark.parametrize("body", [TO_THE_END + b"hello", HEAD + CHUNKS])
def test_the_socket_stands_below_the_file(body):
    """Of an HTTPConnection always, for the program has it anyway."""
    script = [Expect(), Send(body), Close()]
    with ScriptedServer([script]) as server:
        connection = HTTPConnection(server.authority, timeout=PATIENCE)
        connection.request("GET", "/")
        reply = connection.getresponse()
        sock = reply.fp.raw._sock
        assert sock.getpeername() == server.address
        assert sock.fileno() == reply.fileno() == reply.fp.fileno() == reply.fp.raw.fileno()
        reply.close()
        connection.close()


def test_after_a_switch_the_file_takes_nothing_ahead():
    reply, _ = begun(SWITCHING + b"first\nsecond\n", b"third\n", fields=UPGRADE)
    assert reply.fp.readline() == b"first\n"
    assert reply.fp.read(3) == b"sec"
    assert reply.fp.raw.read(2) == b"on"
    with reply.detach() as client:
        assert [client.readline(), client.readline()] == [b"d", b"third"]
    assert reply.fp is None
