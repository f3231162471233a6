"""Every way of reading a body from its reader, and clients to make a reader of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mini_http.base.limits import DEFAULT_LIMITS, Limits
from mini_http.connect.simple_client import SimpleClient
from mini_http.exchange.body import BodyReader
from support.streams import End, ScriptedStream


def client_for(*pieces: bytes, end: End = "close", limits: Limits = DEFAULT_LIMITS) -> SimpleClient:
    """A client that gets these pieces."""
    return SimpleClient.over(ScriptedStream(pieces, end), limits=limits)


def pieces_of(data: bytes, size: int) -> list[bytes]:
    """`data` in pieces of `size` bytes."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def take(reader: BodyReader, size: int) -> bytes:
    """All of a body by `read_some`, of which no piece is empty or longer than asked for."""
    pieces = []
    while not reader.ended:
        pieces.append(reader.read_some(size))
        assert len(pieces[-1]) <= size
        assert pieces[-1] or reader.ended
    assert reader.read_some(size) == b"", "nothing comes after the end"
    return b"".join(pieces)


def take_into(reader: BodyReader, size: int) -> bytes:
    """All of a body by `readinto`."""
    gathered, buffer = b"", bytearray(size)
    while not reader.ended:
        count = reader.readinto(memoryview(buffer))
        gathered += buffer[:count]
    assert reader.readinto(memoryview(buffer)) == 0
    return gathered


def take_up_to(reader: BodyReader, size: int) -> bytes:
    """All of a body by `read_up_to`, of which only the last piece is shorter than asked for."""
    pieces = [reader.read_up_to(size)]
    while not reader.ended:
        assert len(pieces[-1]) == size
        pieces.append(reader.read_up_to(size))
    assert reader.read_up_to(size) == b"", "nothing comes after the end"
    return b"".join(pieces)


WAYS: dict[str, Callable[[BodyReader], bytes]] = {
    "read_some": lambda reader: take(reader, 100),
    "read_some of one byte": lambda reader: take(reader, 1),
    "readinto": lambda reader: take_into(reader, 3),
    "read_up_to": lambda reader: take_up_to(reader, 3),
    "read_up_to far": lambda reader: take_up_to(reader, 1 << 40),
    "read_all": lambda reader: reader.read_all(),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
