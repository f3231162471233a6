"""A stream without a network: every recv returns the next piece of a given reply.

`ScriptedStream` offers what a connected socket offers, as far as a client uses it. `every_split`
and `every_cut` make the pieces for running one reply in every way that a network may hand it over.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Buffer

End = Literal["close", "reset", "timeout"]


class ScriptedStream:
    """Hands out `pieces`, one a recv, and records what is sent.

    A recv never returns more than one piece: a piece longer than asked for goes on in the next
    recv, empty pieces are left out. `pieces` may be endless. After the last piece comes the `end`:
    "close" is an orderly end of stream, "reset" a ConnectionResetError, "timeout" a TimeoutError
    (and a BlockingIOError where the caller does not want to wait).

    `send` takes at most `send_at_most` bytes a call; once `breaks_after` bytes in all were sent,
    sending is a BrokenPipeError, as when the server has gone.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        end: End = "close",
        *,
        send_at_most: int | None = None,
        breaks_after: int | None = None,
    ) -> None:
        self._pieces = iter(pieces)
        self._piece = b""
        self._end: End = end
        self._send_at_most = send_at_most
        self._breaks_after = breaks_after
        self._timeout: float | None = None
        self._sent = bytearray()
        self.timeouts: list[float | None] = []
        self.receives = 0
        self.closed = False

    # --- what the test looks at

    @property
    def sent(self) -> bytes:
        """All bytes that were sent so far."""
        return bytes(self._sent)

    @property
    def unread(self) -> bytes:
        """The pieces that nobody has received, joined; takes them."""
        rest = self._piece + b"".join(self._pieces)
        self._piece = b""
        return rest

    # --- receiving

    def recv(self, size: int, flags: int = 0) -> bytes:
        self._check_open()
        self.receives += 1
        piece = self._piece
        while not piece:
            try:
                piece = next(self._pieces)
            except StopIteration:
                return self._at_the_end(flags)
        taken = piece[:size]
        self._piece = piece if flags & socket.MSG_PEEK else piece[size:]
        return taken

    def recv_into(self, buffer: Buffer, size: int = 0, flags: int = 0) -> int:
        view = memoryview(buffer).cast("B")
        taken = self.recv(size or len(view), flags)
        view[: len(taken)] = taken
        return len(taken)

    def _at_the_end(self, flags: int) -> bytes:
        if self._end == "close":
            return b""
        if self._end == "reset":
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        if self._timeout == 0 or flags & socket.MSG_DONTWAIT:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        raise TimeoutError("timed out")

    # --- sending

    def send(self, data: Buffer, flags: int = 0) -> int:
        self._check_open()
        taken = bytes(data)[: self._send_at_most]
        if self._breaks_after is not None:
            taken = taken[: self._breaks_after - len(self._sent)]
            if not taken:
                raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        self._sent += taken
        return len(taken)

    def sendall(self, data: Buffer, flags: int = 0) -> None:
        rest = bytes(data)
        while rest:
            rest = rest[self.send(rest, flags) :]

    def sendmsg(self, buffers: Iterable[Buffer]) -> int:
        return self.send(b"".join([bytes(buffer) for buffer in buffers]))

    # --- the rest of what a socket has

    def settimeout(self, timeout: float | None) -> None:
        self._check_open()
        self._timeout = timeout
        self.timeouts.append(timeout)

    def gettimeout(self) -> float | None:
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        self.settimeout(None if flag else 0.0)

    def setsockopt(self, level: int, option: int, value: int) -> None:
        self._check_open()

    def getpeername(self) -> tuple[str, int]:
        self._check_open()
        return "127.0.0.1", 80

    def shutdown(self, how: int) -> None:
        self._check_open()

    def fileno(self) -> int:
        """-1, as of a closed socket: there is nothing that select or poll could look at."""
        return -1

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> ScriptedStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self.closed:
            raise OSError(errno.EBADF, "Bad file descriptor")


def every_split(data: bytes) -> Iterator[list[bytes]]:
    """The ways to hand over `data` that find faults: whole, in two at each place, byte by byte."""
    yield [data]
    for place in range(1, len(data)):
        yield [data[:place], data[place:]]
    if len(data) > 2:
        yield [data[place : place + 1] for place in range(len(data))]


def every_cut(data: bytes) -> Iterator[bytes]:
    """Every proper beginning of `data`, from none of it to all but the last byte."""
    for place in range(len(data)):
        yield data[:place]
