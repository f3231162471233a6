"""BodyFile: every way of reading a body as a file, and what is in the error of one that is cut."""

from __future__ import annotations

import copy
import io
import pickle
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.streams import ScriptedStream

from mini_http.base.errors import IncompleteRead, ReadTimedOut
from mini_http.codec.framing import Length
from mini_http.connect.simple_client import SimpleClient
from mini_http.exchange.body import BytesReader, body_reader
from mini_http.exchange.body_file import NOTHING, BodyFile

BODY = b"one\ntwo\r\n\nthree"
LINES = [b"one\n", b"two\r\n", b"\n", b"three"]


class Body(BodyFile):
    """The body that a reader gives."""

    def __init__(self, reader):
        self._reader = reader
        self._ahead = NOTHING
        self.closed = False

    def _take(self, read, *arguments):
        return read(*arguments)


def body_of(*pieces, length=len(BODY), end="close", stage=None):
    client = SimpleClient.over(ScriptedStream(pieces, end))
    client.stage = stage
    return Body(body_reader(Length(length), client))


def into(body, size):
    buffer = bytearray(size)
    count = body.readinto(buffer)
    return bytes(buffer[:count])


def into_once(body, size):
    buffer = bytearray(size)
    count = body.readinto1(buffer)
    return bytes(buffer[:count])


EXACT = {"read": BodyFile.read, "readinto": into}
"""These give fewer bytes than asked for at the end only."""
AT_ONCE = {"read1": BodyFile.read1, "readinto1": into_once}
WAYS = {**EXACT, **AT_ONCE, "readline": BodyFile.readline}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize("step", [1, 4, 100])
def test_a_body_is_read_to_its_end(way, size, step):
    pieces = [BODY[at : at + step] for at in range(0, len(BODY), step)]
    body = body_of(*pieces)
    taken = list(iter(lambda: WAYS[way](body, size), b""))
    assert b"".join(taken) == BODY
    if way in EXACT:
        assert [len(piece) for piece in taken[:-1]] == [size] * (len(taken) - 1)
    assert WAYS[way](body, size) == b""


@pytest.mark.parametrize("size", [None, -1, -9])
def test_without_a_size_all_of_it_is_read(size):
    assert body_of(BODY[:4], BODY[4:]).read(size) == BODY
    assert Body(BytesReader(BODY)).read(size) == BODY
    assert body_of(BODY).readline(size) == LINES[0]
    assert list(body_of(BODY[:5], BODY[5:])) == LINES


def test_nothing_is_read_where_nothing_is_asked_for():
    body = body_of(BODY)
    assert (body.read(0), body.read1(0), body.readline(0)) == (b"", b"", b"")
    assert (body.readinto(bytearray()), body.read()) == (0, BODY)


@given(
    st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\x0b", b"\x1c", b"\x85"])), st.integers(1, 9)
)
def test_a_line_ends_with_a_line_feed_and_nothing_else(parts, step):
    data = b"".join(parts)
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    body = body_of(*pieces, length=len(data))
    assert body.readlines() == io.BytesIO(data).readlines()


def test_a_limit_that_falls_on_the_end_of_a_piece_asks_for_no_more():
    stream = ScriptedStream([b"one", b"two\n"])
    body = Body(body_reader(Length(7), SimpleClient.over(stream)))
    assert (body.readline(3), stream.receives) == (b"one", 1)
    assert (body.readline(4), stream.receives) == (b"two\n", 2)


@pytest.mark.parametrize("way", WAYS)
def test_what_stays_is_not_copied(way):
    data = (b"x" * 9 + b"\n") * 6000
    body = body_of(data, length=len(data))
    assert len(body.peek()) == len(data)
    found = []
    tracemalloc.start()
    try:
        for _ in range(100):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            found.append(WAYS[way](body, 10))
            assert tracemalloc.get_traced_memory()[1] - before < 2000
    finally:
        tracemalloc.stop()
    assert b"".join([*found, body.read()]) == data


def test_a_look_takes_nothing():
    body = body_of(BODY[:4], BODY[4:])
    assert body.peek() == body.peek(1) == BODY[:4]
    assert into(body, 2) == BODY[:2]
    assert body.read() == BODY[2:]
    assert body.peek() == b""


@given(st.lists(st.tuples(st.sampled_from(list(WAYS)), st.integers(0, 9))), st.integers(1, 20))
def test_the_ways_go_on_from_each_other(steps, step):
    body = body_of(*[BODY[at : at + step] for at in range(0, len(BODY), step)])
    taken = b""
    for way, size in steps:
        peeked = body.peek()
        piece = WAYS[way](body, size)
        assert piece[: len(peeked)] == peeked[: len(piece)]
        taken += piece
    assert taken + body.read() == BODY


@pytest.mark.parametrize(
    "read",
    [
        BodyFile.read,
        lambda body: body.read(100),
        BodyFile.readline,
        lambda body: into(body, 100),
    ],
    ids=["all", "some", "a line", "into"],
)
@pytest.mark.parametrize("looked_at", [False, True])
def test_an_error_has_all_that_the_call_had_read_and_tells_the_state(read, looked_at):
    body = body_of(b"begun ", b"and ", b"cut", length=20, stage="replying")
    if looked_at:
        assert body.peek() == b"begun "
    with pytest.raises(IncompleteRead) as caught:
        read(body)
    assert (caught.value.partial, caught.value.expected) == (b"begun and cut", 7)


def test_an_error_that_is_told_again_keeps_its_notes():
    class Cut(Body):
        def _take(self, read, *arguments):
            try:
                return read(*arguments)
            except IncompleteRead as cut:
                cut.state = "replying"
                cut.add_note("noted")
                raise

    body = Cut(body_of(b"begun", length=9)._reader)
    with pytest.raises(IncompleteRead) as caught:
        body.readline()
    assert (caught.value.partial, caught.value.state) == (b"begun", "replying")
    assert caught.value.__notes__ == ["noted"]


def test_other_errors_are_raised_as_they_are():
    body = body_of(b"begun", length=9, end="timeout")
    with pytest.raises(ReadTimedOut):
        body.read()


def test_it_is_a_binary_file_for_reading():
    body = body_of(BODY)
    assert isinstance(body, io.BufferedIOBase)
    assert (body.readable(), body.writable(), body.seekable()) == (True, False, False)
    assert not body.closed
    assert io.TextIOWrapper(body).read() == "one\ntwo\n\nthree"


@pytest.mark.parametrize("duplicate", [copy.copy, pickle.dumps])
def test_it_can_not_be_copied_or_pickled(duplicate):
    body = body_of(BODY)
    with pytest.raises(TypeError, match="can't copy or pickle Body"):
        duplicate(body)
    assert body.read() == BODY


def test_a_closed_one_is_not_read():
    body = body_of(BODY)
    body.closed = True
    assert body.closed
    for read in (*WAYS.values(), BodyFile.peek):
        with pytest.raises(ValueError, match="closed file"):
            read(body, 1)


def test_who_makes_one_says_what_follows_from_reading():
    with pytest.raises(NotImplementedError):
        BodyFile._take(body_of(), bytes)
