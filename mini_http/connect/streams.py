"""Streams: what SimpleClient reads and writes, and how one is made to give up waiting.

A stream is a connected `socket.socket`, an `ssl.SSLSocket`, or any object with the methods of
`Stream`; `FileStream` makes one of an object that has only `makefile`.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
from errno import EAGAIN, ETIMEDOUT
from functools import lru_cache
from os import strerror

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, Protocol, TypeGuard

    from _typeshed import ReadableBuffer, WriteableBuffer

    from mini_http.connect.tls_stream import TLSStream

    class Stream(Protocol):
        """What a stream must do.

        Each wait ends after the seconds that `settimeout` was given, with a TimeoutError or a
        BlockingIOError; a broken connection raises another OSError. A stream may be used by one
        thread at a time, and need not support reading and writing at once.
        """

        def recv(self, size: int, /) -> bytes:
            """Waits for bytes; returns at most `size` of them, none only at the end."""

        def recv_into(self, buffer: WriteableBuffer, /) -> int:
            """As `recv`, into `buffer`; returns how many bytes came, 0 only at the end."""

        def sendall(self, data: ReadableBuffer, /) -> None:
            """Sends all of `data`, or raises."""

        def settimeout(self, seconds: float | None, /) -> None:
            """Bounds each later wait. None: no bound."""

        def fileno(self) -> int:
            """The descriptor to poll for input, -1 if there is none."""

        def close(self) -> None:
            """Releases the connection. Must not raise, also when called again."""


SHORTEST_WAIT = 0.000_001
"""Seconds: the least that systems count in; 0 would mean no bound."""

_KERNEL_KEEPS_TIME = sys.platform in ("linux", "darwin") or "bsd" in sys.platform
_KERNEL_TIMED = (
    socket.socket if _KERNEL_KEEPS_TIME and socket.socket.__module__ == "socket" else None
)
"""The class of the sockets that the kernel keeps the time of: Python's, not one in its place."""


def set_wait(stream: Stream, seconds: float | None, by_kernel: bool = True) -> None:
    """Bounds each wait on `stream` to `seconds`; None for no bound.

    A plain socket stays blocking and the kernel keeps the time (SO_RCVTIMEO, SO_SNDTIMEO):
    `settimeout` would put a poll before every receive and send, 0.9 us each. To tell the kernel
    takes longer than two of them: where no more follow, `by_kernel` may be false. The price: Python
    begins the wait anew after a signal, so signals that keep coming faster than that prolong it.
    ssl polls for itself and needs `settimeout`; so do the sockets that gevent puts in place of
    Python's, in a module of their own.
    """
    if seconds is not None:
        seconds = max(seconds, SHORTEST_WAIT)
    if by_kernel and type(stream) is _KERNEL_TIMED:
        if stream.gettimeout() is not None:
            stream.settimeout(None)
        timeval = _timeval(seconds or 0.0)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval)
    else:
        stream.settimeout(seconds)


@lru_cache(maxsize=64)  # a program has few timeouts: 0.1 us instead of 0.5 for each connection
def _timeval(seconds: float) -> bytes:
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))


def input_probe(stream: Stream) -> Callable[[float], object]:
    """A function that waits some milliseconds for `stream` to have bytes, its end or an error.

    What it returns is true if there are. To be kept with the stream: making a poll object takes
    longer than asking it.
    """
    descriptor = stream.fileno()
    if descriptor < 0:
        return lambda milliseconds: False
    if not hasattr(select, "poll"):
        return lambda milliseconds: select.select([descriptor], [], [], milliseconds / 1000)[0]
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return poll.poll


def wait_to_send(
    stream: Stream, seconds: float | None, or_for_input: bool = True
) -> tuple[bool, bool]:
    """Waits until `stream` takes output, or has input if that is asked: (has input, takes output).

    Both are false after `seconds`.
    """
    descriptor = stream.fileno()
    if not hasattr(select, "poll"):
        looked_at = [descriptor] if or_for_input else []
        readable, writable, _ = select.select(looked_at, [descriptor], [], seconds)
        return bool(readable), bool(writable)
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT | (select.POLLIN if or_for_input else 0))
    ready = poll.poll(None if seconds is None else seconds * 1000)
    events = ready[0][1] if ready else 0
    return bool(events & ~select.POLLOUT), bool(events & select.POLLOUT)


def is_plain(stream: Stream) -> TypeGuard[socket.socket]:
    """Whether what comes over `stream` is what its descriptor brings, byte for byte."""
    return type(stream) is socket.socket


def can_send_some(stream: Stream) -> TypeGuard[socket.socket | TLSStream]:
    """Whether `wait_to_send` and `try_send` work on `stream`.

    Others than sockets and TLS over one, TLS in TLS say, may have written a part when they raise.
    """
    if isinstance(stream, socket.socket):
        return stream.fileno() >= 0
    return getattr(stream, "can_send_some", False)


def try_send(stream: socket.socket | TLSStream, data: memoryview) -> int:
    """Sends what `stream` takes of `data` at once; returns the number of bytes, maybe 0."""
    try:
        if hasattr(stream, "try_send"):
            return stream.try_send(data)
        if type(stream) is socket.socket:
            return stream.send(data, socket.MSG_DONTWAIT)
        stream.settimeout(0)
        return stream.send(data)
    except OSError as error:
        if is_only_waiting(error):
            return 0
        raise


def is_only_waiting(error: OSError) -> bool:
    """Whether an error only says that a stream which must not wait would have to.

    By name where TLS says so, that plain HTTP need not import ssl.
    """
    if isinstance(error, (BlockingIOError, TimeoutError)):
        return error.errno != ETIMEDOUT  # then the system has given the connection up
    return type(error).__name__ in ("SSLWantReadError", "SSLWantWriteError")


class FileStream:
    """A stream over an object that has only `makefile("rb")`: a saved reply, a fake socket.

    It is written to if the object has `sendall`, and never times out. While `by_lines` is set it
    gives a line at a time, so that whoever reads up to the end of a head or a chunk has taken
    nothing of what follows from the file. The file is made when something is read.
    """

    by_lines = True

    def __init__(self, source: object, closes_source: bool = True) -> None:
        self.source = source
        self._closes_source = closes_source
        self._file: BinaryIO | None = None

    @property
    def file(self) -> BinaryIO:
        """What is read from."""
        if self._file is None:
            self._file = self.source.makefile("rb")  # type: ignore[attr-defined]
        return self._file

    @file.setter
    def file(self, file: BinaryIO | None) -> None:
        self._file = file

    def recv(self, size: int, /) -> bytes:
        file = self.file
        if not self.by_lines:
            read = getattr(file, "read1", None) or file.read
        elif hasattr(file, "peek"):  # whose readline would wait for a line that comes in parts
            begun = file.peek(1)[:size]
            size = begun.find(b"\n") + 1 or len(begun)
            read = file.read
        else:
            read = getattr(file, "readline", None) or file.read
        return _at_once(read(size))

    def recv_into(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        file = self.file
        data = _at_once((getattr(file, "read1", None) or file.read)(view.nbytes))
        view[: len(data)] = data
        return len(data)

    def sendall(self, data: ReadableBuffer, /) -> None:
        send = getattr(self.source, "sendall", None)
        if send is None:
            raise OSError("this stream can only be read")
        send(data)

    def settimeout(self, seconds: float | None, /) -> None:
        """Does nothing: a file does not wait."""

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._closes_source and hasattr(self.source, "close"):
            self.source.close()


def _at_once(data: bytes | None) -> bytes:
    """What a file gave; it gives None where it would have to wait, and must not."""
    if data is None:
        raise BlockingIOError(EAGAIN, strerror(EAGAIN))
    return data


def as_stream(source: object) -> Stream:
    """`source` itself if it is a stream, else a FileStream over it. Raises TypeError."""
    if hasattr(source, "recv_into") and hasattr(source, "sendall"):
        return source  # type: ignore[return-value]
    if hasattr(source, "makefile"):
        return FileStream(source)
    raise TypeError(f"neither a socket nor an object with makefile: {source!r}")
