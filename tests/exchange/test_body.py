"""Body readers over the four framings: each way of reading, at odd pieces, cut and broken."""

from __future__ import annotations

import io
import random
import socket
import ssl
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.body_readers import client_for, each_way, pieces_of, take, take_up_to
from support.streams import ScriptedStream
from support.waits import PATIENCE

from mini_http.base.errors import BadCoding, ConnectionBroken, IncompleteRead, ReadTimedOut
from mini_http.base.limits import DEFAULT_LIMITS, Limits
from mini_http.codec.chunked import write_chunk, write_last_chunk
from mini_http.codec.framing import CHUNKED, NO_BODY, UNTIL_CLOSE, Length
from mini_http.connect.simple_client import SimpleClient
from mini_http.exchange.body import BodyReader, BytesReader, FailedReader, body_reader

HELLO = [b"he", b"ll", b"o"]
CHUNKS = [b"2\r\nhe", b"\r\n3\r", b"\nllo\r\n0\r\nA: b\r", b"\n\r\n"]


@each_way
def test_a_reply_without_a_body_has_ended_before_it_began(way):
    client = client_for(b"next")
    reader = body_reader(NO_BODY, client)
    assert (reader.ended, reader.left, reader.trailers) == (True, 0, None)
    assert way(reader) == b""
    assert client.read() == b"next"


@each_way
def test_a_body_of_a_length_ends_after_so_many_bytes(way):
    client = client_for(*HELLO, b"next")
    reader = body_reader(Length(5), client)
    assert (reader.ended, reader.left) == (False, 5)
    assert way(reader) == b"hello"
    assert (reader.ended, reader.left, reader.trailers) == (True, 0, None)
    assert client.read() == b"next"


@each_way
def test_a_chunked_body_ends_after_its_trailer(way):
    client = client_for(*CHUNKS[:-1], CHUNKS[-1] + b"ne", b"xt")
    reader = body_reader(CHUNKED, client)
    assert (reader.ended, reader.left, reader.trailers) == (False, None, None)
    assert way(reader) == b"hello"
    assert reader.ended
    assert reader.trailers.items() == [("A", "b")]
    assert client.read() == b"next"


@each_way
def test_a_body_without_a_length_ends_with_the_connection(way):
    reader = body_reader(UNTIL_CLOSE, client_for(*HELLO))
    assert (reader.ended, reader.left) == (False, None)
    assert way(reader) == b"hello"
    assert (reader.ended, reader.trailers) == (True, None)


@each_way
def test_a_body_that_came_with_its_head_is_given_as_any_other(way):
    reader = BytesReader(b"hello")
    assert (reader.ended, reader.left) == (False, 5)
    assert way(reader) == b"hello"
    assert (reader.ended, reader.left) == (True, 0)


def test_the_length_counts_down():
    reader = body_reader(Length(5), client_for(*HELLO))
    lefts = []
    while not reader.ended:
        reader.read_some(100)
        lefts.append(reader.left)
    assert lefts == [3, 1, 0]


def test_a_chunk_is_there_as_soon_as_it_has_come():
    stream = ScriptedStream([write_chunk(b"one"), b"3\r\ntw", b"o\r", b"\n", write_chunk(b"three")])
    reader = body_reader(CHUNKED, SimpleClient.over(stream))
    came = [(reader.read_some(65536), stream.receives) for _ in range(4)]
    assert came == [(b"one", 1), (b"tw", 2), (b"o", 3), (b"three", 5)]


@pytest.mark.parametrize("framed", ["chunks", "with its head"])
def test_what_is_not_asked_for_yet_is_not_copied(framed):
    body = bytes(range(256)) * 8
    wire = b"".join(map(write_chunk, pieces_of(body, 500))) + write_last_chunk()
    reader = (
        BytesReader(body) if framed == "with its head" else body_reader(CHUNKED, client_for(wire))
    )
    found = reader.read_some(10)
    held = reader._held
    while len(found) < 2040:
        found += reader.read_some(10)
        assert reader._held is held
        assert reader.pending == len(body) - len(found)
    assert found + reader.read_all() == body
    assert (reader.ended, reader.pending) == (True, 0)


def test_a_body_of_length_0_takes_nothing():
    stream = ScriptedStream([b"next"])
    reader = body_reader(Length(0), SimpleClient.over(stream))
    assert reader.ended
    assert reader.read_all() == b""
    assert reader.readinto(memoryview(bytearray(1))) == 0
    assert stream.receives == 0


def test_reading_into_no_room_takes_nothing_and_is_no_end():
    stream = ScriptedStream([b"hello"])
    reader = body_reader(Length(5), SimpleClient.over(stream))
    assert reader.readinto(memoryview(bytearray())) == 0
    assert not reader.ended
    assert reader.read_all() == b"hello"


# --- cut and broken


@pytest.mark.parametrize(
    ("framing", "pieces", "expected"),
    [(Length(9), HELLO, 4), (CHUNKED, [b"9\r\nhello"], None), (CHUNKED, CHUNKS[:-1], None)],
)
def test_a_body_that_is_cut_raises_with_what_came_and_what_did_not(framing, pieces, expected):
    with pytest.raises(IncompleteRead) as caught:
        body_reader(framing, client_for(*pieces)).read_all()
    assert (caught.value.partial, caught.value.expected) == (b"hello", expected)
    reader = body_reader(framing, client_for(*pieces))
    came = b""
    with pytest.raises(IncompleteRead) as caught:
        while True:
            came += reader.read_some(100)
    assert (came, caught.value.partial, caught.value.expected) == (b"hello", b"", expected)
    assert not reader.ended


@pytest.mark.parametrize("framing", [Length(9), CHUNKED, UNTIL_CLOSE])
@pytest.mark.parametrize(("end", "error"), [("reset", ConnectionBroken), ("timeout", ReadTimedOut)])
@each_way
def test_a_body_that_breaks_off_raises_in_every_way_of_reading(way, framing, end, error):
    begun = b"9\r\nhello" if framing is CHUNKED else b"hello"
    with pytest.raises(error):
        way(body_reader(framing, client_for(begun, end=end)))


def test_tls_that_ends_without_a_word_has_cut_a_body_that_ends_with_it():
    class Stream(ScriptedStream):
        def recv(self, size, flags=0):
            if data := super().recv(size, flags):
                return data
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "EOF occurred in violation of protocol")

    with pytest.raises(IncompleteRead) as caught:
        body_reader(UNTIL_CLOSE, SimpleClient.over(Stream(HELLO))).read_all()
    assert (caught.value.partial, caught.value.expected) == (b"hello", None)


def test_chunks_are_whole_when_only_the_last_line_is_missing():
    assert body_reader(CHUNKED, client_for(b"5\r\nhello\r\n0\r\n")).read_all() == b"hello"


def test_a_reader_that_failed_fails_again():
    reader = FailedReader(BadCoding("broken"))
    assert (reader.ended, reader.left) == (False, None)
    for way in (lambda: reader.read_some(1), reader.read_all):
        with pytest.raises(BadCoding, match=r"^broken$"):
            way()


# --- large bodies

LARGE = random.Random(9112).randbytes(3 << 20)


def framed(framing, chunk_bytes=70_001):
    """The bytes of LARGE in this framing."""
    if framing is CHUNKED:
        return b"".join(map(write_chunk, pieces_of(LARGE, chunk_bytes))) + write_last_chunk()
    return LARGE


SIZES = [1448, 8191, 65536, 1 << 20, 1 << 30]


def check_a_large_body(framing, data, size):
    """Of LARGE in this framing, coming by `size`."""
    assert body_reader(framing, client_for(*pieces_of(data, size))).read_all() == LARGE
    assert take(body_reader(framing, client_for(*pieces_of(data, size))), 1 << 19) == LARGE
    for most in (50_000, 70_000, 1 << 20):
        client = client_for(*pieces_of(data, size), b"next")
        assert take_up_to(body_reader(framing, client), most) == LARGE
        assert client.read() == b"next"


@pytest.mark.parametrize("size", SIZES)
def test_a_large_body_comes_whole_in_pieces_of_any_size(size):
    check_a_large_body(Length(len(LARGE)), LARGE, size)


@pytest.mark.parametrize("size", SIZES)
def test_a_large_body_without_a_length_comes_whole_in_pieces_of_any_size(size):
    assert body_reader(UNTIL_CLOSE, client_for(*pieces_of(LARGE, size))).read_all() == LARGE
    assert take(body_reader(UNTIL_CLOSE, client_for(*pieces_of(LARGE, size))), 1 << 19) == LARGE
    assert (
        take_up_to(body_reader(UNTIL_CLOSE, client_for(*pieces_of(LARGE, size))), 1 << 20) == LARGE
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("chunk_bytes", [700, 70_001, 200_000, 1 << 20, len(LARGE)])
def test_a_large_body_comes_whole_in_chunks_and_pieces_of_any_size(chunk_bytes, size):
    check_a_large_body(CHUNKED, framed(CHUNKED, chunk_bytes), size)


@pytest.mark.parametrize("before", [b"", LARGE[:5000]])
def test_what_came_with_the_head_is_the_beginning_of_a_large_body(before):
    client = client_for(*pieces_of(LARGE[len(before) :], 10_001), b"next")
    client.unread(before)
    assert body_reader(Length(len(LARGE)), client).read_all() == LARGE
    assert client.read() == b"next"


@pytest.mark.parametrize("step", [1, 8192, 100_000])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_large_body_comes_whole_whatever_the_step(is_chunked, step):
    body = LARGE[: 200_000 if step > 1 else 131_072 + 1500]
    coded = write_chunk(body) + write_last_chunk() if is_chunked else body
    client = client_for(*pieces_of(coded, 1448), b"next", limits=Limits(step_bytes=step))
    framing = CHUNKED if is_chunked else Length(len(body))
    assert body_reader(framing, client).read_all() == body
    assert client.read() == b"next"


@pytest.mark.parametrize("chunk_bytes", [70_001, 300_000, len(LARGE)])
def test_ways_to_read_large_chunks_can_take_turns(chunk_bytes):
    client = client_for(*pieces_of(framed(CHUNKED, chunk_bytes), 10_001), b"next")
    reader = body_reader(CHUNKED, client)
    buffer = bytearray(100_000)
    read = b""
    while not reader.ended:
        assert reader.read_up_to(0) == b""
        read += reader.read_up_to(200_000)
        read += reader.read_some(1000)
        read += buffer[: reader.readinto(memoryview(buffer))]
    assert read == LARGE
    assert client.read() == b"next"


def test_a_large_chunk_is_read_on_from_who_took_the_connection_over():
    client = client_for(*pieces_of(framed(CHUNKED, len(LARGE)), 10_001), b"next")
    reader = body_reader(CHUNKED, client)
    begun = reader.read_up_to(1 << 20)
    other = SimpleClient.continuing(client)
    reader.go_on_with(other)
    assert begun + reader.read_up_to(1 << 20) + reader.read_all() == LARGE
    assert other.read() == b"next"


@pytest.mark.parametrize("came", [1, 1448, 8192, 200_000, 2 << 20, len(LARGE) - 1])
def test_a_large_chunk_that_is_cut_raises_with_all_that_came(came):
    head = b"%x\r\n" % len(LARGE)
    client = client_for(*pieces_of(head + LARGE[:came], 1448))
    with pytest.raises(IncompleteRead) as caught:
        body_reader(CHUNKED, client).read_all()
    assert (caught.value.partial, caught.value.expected) == (LARGE[:came], None)


def test_a_chunk_is_received_where_it_stays_if_it_is_large():
    body = LARGE[: 1 << 20]
    client = client_for(*pieces_of(write_chunk(body) + write_last_chunk(), 30_000))
    assert peak_of(lambda: body_reader(CHUNKED, client).read_all()) < len(body) * 1.2


@pytest.mark.parametrize("size", [100, 65536])
def test_the_smallest_chunks_take_little_more_room_than_what_they_carry(size):
    body = bytes(range(250)) * 1200
    wire = b"".join(map(write_chunk, pieces_of(body, 2))) + write_last_chunk()
    client = client_for(*pieces_of(wire, size))
    assert peak_of(lambda: body_reader(CHUNKED, client).read_all()) < len(body) * 2 + (1 << 20)


def peak_of(read):
    """How many bytes of memory reading a body took at most."""
    tracemalloc.start()
    try:
        assert read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_ways_to_read_a_large_body_can_take_turns():
    client = client_for(*pieces_of(LARGE, 10_001), b"next")
    reader = body_reader(Length(len(LARGE)), client)
    buffer = bytearray(100_000)
    read = b""
    while not reader.ended:
        assert reader.read_up_to(0) == b""
        read += reader.read_up_to(200_000)
        read += reader.read_some(1000)
        read += buffer[: reader.readinto(memoryview(buffer))]
        assert reader.left == len(LARGE) - len(read)
    assert read == LARGE
    assert client.read() == b"next"


def test_a_large_body_is_read_on_from_who_took_the_connection_over():
    client = client_for(*pieces_of(LARGE, 10_001), b"next")
    reader = body_reader(Length(len(LARGE)), client)
    begun = reader.read_up_to(1 << 20)
    other = SimpleClient.continuing(client)
    reader.go_on_with(other)
    assert begun + reader.read_up_to(1 << 20) + reader.read_all() == LARGE
    assert other.read() == b"next"


@pytest.mark.parametrize("came", [0, 1, 8192, 200_000, 2 << 20, len(LARGE) - 1])
def test_a_large_body_that_is_cut_raises_with_all_that_came(came):
    client = client_for(*pieces_of(LARGE[:came], 1448))
    with pytest.raises(IncompleteRead) as caught:
        body_reader(Length(len(LARGE)), client).read_all()
    assert caught.value.partial == LARGE[:came]
    assert caught.value.expected == len(LARGE) - came


def test_a_large_body_read_piece_by_piece_raises_with_what_came_of_the_last():
    reader = body_reader(Length(len(LARGE)), client_for(*pieces_of(LARGE[:250_000], 1448)))
    read = reader.read_up_to(100_000) + reader.read_up_to(100_000)
    with pytest.raises(IncompleteRead) as caught:
        reader.read_up_to(100_000)
    assert read + caught.value.partial == LARGE[:250_000]
    assert caught.value.expected == reader.left == len(LARGE) - 250_000


@pytest.mark.parametrize(("end", "error"), [("reset", ConnectionBroken), ("timeout", ReadTimedOut)])
@pytest.mark.parametrize("framing", [Length(len(LARGE)), CHUNKED])
def test_a_large_body_that_breaks_off_raises_why(framing, end, error):
    data = framed(framing, len(LARGE))[: 1 << 20]
    with pytest.raises(error):
        body_reader(framing, client_for(*pieces_of(data, 1448), end=end)).read_all()


def test_no_more_is_asked_for_at_once_than_a_step():
    asked = []

    class Stream(ScriptedStream):
        def recv(self, size, flags=0):
            asked.append(size)
            return super().recv(size, flags)

    for framing in (Length(10**15), UNTIL_CLOSE):
        reader = body_reader(framing, SimpleClient.over(Stream([b"hello"])))
        assert reader.read_some(10**14) == b"hello"
    for framing, begun in ((Length(10**15), b"hello"), (CHUNKED, b"fffffffffffffff\r\nhello")):
        with pytest.raises(IncompleteRead) as caught:
            body_reader(framing, SimpleClient.over(Stream([begun]))).read_all()
        assert caught.value.partial == b"hello"
    assert max(asked) == DEFAULT_LIMITS.step_bytes


@given(
    body=st.binary(max_size=60),
    cuts=st.lists(st.integers(0, 90), max_size=6),
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    kind=st.sampled_from(["length", "chunked", "close"]),
)
def test_whatever_the_pieces_and_sizes_the_body_is_the_same(body, cuts, sizes, kind):
    coded, framing = body, UNTIL_CLOSE if kind == "close" else Length(len(body))
    if kind == "chunked":
        coded = b"".join(map(write_chunk, pieces_of(body, sizes[0]))) + write_last_chunk()
        framing = CHUNKED
    edges = [0, *sorted(min(cut, len(coded)) for cut in cuts), len(coded)]
    stream = ScriptedStream([coded[a:b] for a, b in pairwise(edges)])
    reader = body_reader(framing, SimpleClient.over(stream))
    found = b""
    while not reader.ended:
        size = sizes[len(found) % len(sizes)]
        if size % 2:
            found += reader.read_some(size)
        else:
            buffer = bytearray(size)
            found += buffer[: reader.readinto(memoryview(buffer))]
    assert found == body


def test_every_framing_has_its_reader():
    readers = {
        type(body_reader(f, client_for())) for f in (NO_BODY, Length(1), CHUNKED, UNTIL_CLOSE)
    }
    assert len(readers) == 4
    assert all(issubclass(reader, BodyReader) for reader in readers)


# --- chunks as they come over the wire


@pytest.mark.parametrize("is_begun", [False, True])
def test_chunks_can_be_had_as_they_come_until_a_part_of_what_they_carry_was_read(is_begun):
    wire = b"".join(CHUNKS)
    reader = body_reader(CHUNKED, client_for(wire))
    assert reader.pending == 0
    if not is_begun:
        assert reader.as_they_come().read_all() == wire
        return
    assert reader.read_some(2) == b"he"
    assert reader.pending == len(b"llo")
    with pytest.raises(io.UnsupportedOperation):
        reader.as_they_come()


# --- dropped


@pytest.fixture
def line():
    """A client over a real socket, where it can be seen what has come, and the server's end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield SimpleClient.over(ours, timeout=PATIENCE), theirs


def test_of_chunks_only_what_has_come_is_dropped(line):
    client, theirs = line
    reader = body_reader(CHUNKED, client)
    for piece in (b"5\r\n", b"hello\r\n", b"0\r\n\r", b"\nnext"):
        reader.drop(100)
        assert not reader.ended
        theirs.sendall(piece)
    reader.drop(100)
    assert reader.ended
    assert reader.trailers is not None
    assert client.peek() == b"next"


def test_what_is_left_of_a_chunk_is_dropped_too(line):
    client, theirs = line
    reader = body_reader(CHUNKED, client)
    theirs.sendall(write_chunk(b"hello") + write_last_chunk())
    assert reader.read_some(2) == b"he"
    reader.drop(100)
    assert reader.ended
    assert reader.read_some(2) == b""


@pytest.mark.parametrize("framing", [CHUNKED, Length(10_000)], ids=["chunks", "length"])
def test_no_more_is_dropped_than_the_limit_and_a_piece(framing):
    data = write_chunk(bytes(9_900)) if framing is CHUNKED else bytes(10_000)
    client = client_for(*pieces_of(data, 500))
    client.unread(client.read_some(500))
    reader = body_reader(framing, client)
    reader.drop(100)
    assert not reader.ended
    assert len(client.stream.unread) == 9_500 + (len(data) - 10_000)


def test_a_body_is_dropped_to_its_end():
    reader = body_reader(Length(5), client_for(b"hel", b"lo"))
    reader.drop(100)
    assert reader.ended
