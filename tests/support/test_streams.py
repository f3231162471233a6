"""The scripted stream behaves as a socket would that receives these pieces."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from support.streams import ScriptedStream, every_cut, every_split

if TYPE_CHECKING:
    from support.streams import End


def received(stream: ScriptedStream, size: int = 100) -> list[bytes]:
    return list(iter(lambda: stream.recv(size), b""))


def test_each_recv_returns_the_next_piece() -> None:
    assert received(ScriptedStream([b"ab", b"", b"c"])) == [b"ab", b"c"]


def test_a_piece_longer_than_asked_for_goes_on_in_the_next_recv() -> None:
    assert received(ScriptedStream([b"abc", b"d"]), 2) == [b"ab", b"c", b"d"]


def test_an_endless_reply_is_taken_as_it_is_asked_for() -> None:
    stream = ScriptedStream(iter(lambda: b"x", b""))
    assert [stream.recv(9) for _ in range(3)] == [b"x"] * 3
    assert stream.receives == 3


def test_peeking_leaves_the_bytes_there() -> None:
    stream = ScriptedStream([b"abc"])
    assert stream.recv(2, socket.MSG_PEEK) == b"ab"
    assert stream.recv(9) == b"abc"


def test_recv_into_fills_at_most_the_buffer() -> None:
    stream = ScriptedStream([b"abcd"])
    buffer = bytearray(3)
    assert stream.recv_into(buffer) == 3
    assert buffer == b"abc"
    assert stream.recv_into(memoryview(buffer)[1:], 2) == 1
    assert buffer == b"adc"


def test_unread_is_what_nobody_received() -> None:
    stream = ScriptedStream([b"abc", b"d"])
    stream.recv(1)
    assert stream.unread == b"bcd"
    assert stream.recv(1) == b""


@pytest.mark.parametrize(
    ("end", "error"), [("reset", ConnectionResetError), ("timeout", TimeoutError)]
)
def test_after_the_last_piece_comes_the_end(end: End, error: type[OSError]) -> None:
    stream = ScriptedStream([b"a"], end)
    assert stream.recv(1) == b"a"
    with pytest.raises(error):
        stream.recv(1)


def test_a_silent_stream_does_not_block_who_will_not_wait() -> None:
    stream = ScriptedStream([], "timeout")
    with pytest.raises(BlockingIOError):
        stream.recv(1, socket.MSG_DONTWAIT)
    stream.setblocking(False)
    with pytest.raises(BlockingIOError):
        stream.recv(1)


def test_what_is_sent_is_recorded_by_every_way_of_sending() -> None:
    stream = ScriptedStream([], send_at_most=2)
    assert stream.send(b"abc") == 2
    stream.sendall(memoryview(b"cde"))
    assert stream.sendmsg([b"f", bytearray(b"gh")]) == 2
    assert stream.sent == b"abcdefg"


def test_sending_breaks_after_so_many_bytes() -> None:
    stream = ScriptedStream([], breaks_after=3)
    with pytest.raises(BrokenPipeError):
        stream.sendall(b"abcd")
    assert stream.sent == b"abc"


def test_timeouts_are_recorded() -> None:
    stream = ScriptedStream([])
    stream.settimeout(2.5)
    stream.setblocking(True)
    assert stream.timeouts == [2.5, None]
    assert stream.gettimeout() is None


def test_a_closed_stream_can_do_nothing() -> None:
    with ScriptedStream([b"a"]) as stream:
        assert stream.fileno() == -1
        assert stream.getpeername() == ("127.0.0.1", 80)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.shutdown(socket.SHUT_WR)
    assert stream.closed
    for attempt in (lambda: stream.recv(1), lambda: stream.send(b"a"), stream.getpeername):
        with pytest.raises(OSError, match="Bad file descriptor"):
            attempt()


def test_every_split_is_whole_in_two_and_byte_by_byte() -> None:
    assert list(every_split(b"abc")) == [[b"abc"], [b"a", b"bc"], [b"ab", b"c"], [b"a", b"b", b"c"]]
    assert list(every_split(b"ab")) == [[b"ab"], [b"a", b"b"]]
    assert list(every_split(b"")) == [[b""]]


def test_every_cut_is_every_proper_beginning() -> None:
    assert list(every_cut(b"abc")) == [b"", b"a", b"ab"]
