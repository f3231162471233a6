"""The steps that a scripted server's scripts are made of.

A step is a callable that takes the `Connection`; or it is bytes, which stand for: read a whole
request, then send these. Those here are values, so that a failing test shows them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support.connections import Connection

if TYPE_CHECKING:
    import ssl

Handler = Callable[[Connection], object]
Step = bytes | Handler
Script = bytes | Sequence[Step]
"""Bytes alone are a script of that one step."""

PATIENCE = 10.0
"""Seconds that a paused script waits for the test to resume it."""


def play(script: Sequence[Step], connection: Connection) -> None:
    """Takes the steps of a script, one after the other."""
    for step in script:
        if isinstance(step, bytes):
            connection.read_request()
            connection.send(step)
        else:
            step(connection)


@dataclass(frozen=True)
class Send:
    """Sends bytes without reading anything first."""

    data: bytes

    def __call__(self, connection: Connection) -> None:
        connection.send(self.data)


@dataclass(frozen=True)
class SendSplit:
    """Sends pieces that the client receives one by one; see `Connection.send_split`."""

    pieces: Iterable[bytes]

    def __call__(self, connection: Connection) -> None:
        connection.send_split(self.pieces)


@dataclass(frozen=True)
class Expect:
    """Reads a request: its head and the body that the head announces."""

    def __call__(self, connection: Connection) -> None:
        connection.read_request()


@dataclass(frozen=True)
class ExpectHead:
    """Reads the head of a request and leaves the body where it is."""

    def __call__(self, connection: Connection) -> None:
        connection.read_head()


@dataclass(frozen=True)
class ExpectBody:
    """Reads the body that belongs to the head before."""

    def __call__(self, connection: Connection) -> None:
        connection.read_body()


@dataclass(frozen=True)
class ExpectBytes:
    """Reads so many bytes that are no HTTP request."""

    count: int

    def __call__(self, connection: Connection) -> None:
        connection.read(self.count)


@dataclass(frozen=True)
class ExpectUntil:
    """Reads bytes that are no HTTP request, up to a delimiter."""

    delimiter: bytes

    def __call__(self, connection: Connection) -> None:
        connection.read_until(self.delimiter)


@dataclass(frozen=True)
class StartTLS:
    """Answers a TLS handshake."""

    context: ssl.SSLContext

    def __call__(self, connection: Connection) -> None:
        connection.start_tls(self.context)


@dataclass(frozen=True)
class HalfClose:
    """Says that no more bytes will come, then reads until the client closes."""

    def __call__(self, connection: Connection) -> None:
        connection.half_close()
        connection.drain()


@dataclass(frozen=True)
class Drain:
    """Leaves the connection open and reads until the client closes."""

    def __call__(self, connection: Connection) -> None:
        connection.drain()


@dataclass(frozen=True)
class Close:
    """Closes."""

    def __call__(self, connection: Connection) -> None:
        connection.close()


@dataclass(frozen=True)
class Reset:
    """Closes with a reset."""

    def __call__(self, connection: Connection) -> None:
        connection.reset()


@dataclass(frozen=True)
class Pause:
    """Stops the script until the test sets `resume`; sets `reached` when the script gets here."""

    resume: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    def __call__(self, connection: Connection) -> None:
        self.reached.set()
        assert self.resume.wait(PATIENCE), "nobody resumed the paused server"
