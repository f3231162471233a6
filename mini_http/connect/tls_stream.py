"""TLSStream: TLS over any stream, as in the TLS of a proxy; ssl itself takes only sockets.

It is a stream as `connect.streams` has them, over another one. The TLS engine does no I/O
(ssl.MemoryBIO): what it wants to send is sent by the stream below, and what comes from there is
handed to it.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from _typeshed import ReadableBuffer, WriteableBuffer

    from mini_http.connect.streams import Stream

RECORD_BYTES = 16 * 1024 + 512
"""More than one record of TLS has (RFC 8446 section 5.2)."""

PIECE_BYTES = 256 * 1024
"""What is encrypted at once of what is to be sent; it is in memory twice then."""


class TLSStream:
    """TLS with a server, over a stream that leads to it. `context` and `server_hostname` are as for
    SSLContext.wrap_bio. Nothing is sent before `do_handshake`.
    """

    def __init__(
        self,
        stream: Stream,
        context: ssl.SSLContext,
        server_hostname: bytes | str,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._seconds: float | None = None
        self._engine = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_hostname=server_hostname,
            session=session,
        )

    def do_handshake(self) -> None:
        """Raises ssl.SSLError, TimeoutError and other OSErrors."""
        self._run(self._engine.do_handshake)

    def recv(self, size: int, /) -> bytes:
        """Waits for bytes; returns at most `size` of them, none only at the end."""
        data: bytes = self._run(self._engine.read, size)
        return data

    def recv_into(self, buffer: WriteableBuffer, /) -> int:
        """As `recv`, into `buffer`; returns how many bytes came."""
        view = memoryview(buffer).cast("B")
        count: int = self._run(self._engine.read, view.nbytes, view)
        return count

    def sendall(self, data: ReadableBuffer, /) -> None:
        """Sends all of `data`, or raises."""
        view = memoryview(data).cast("B")
        for start in range(0, view.nbytes, PIECE_BYTES):
            self._run(self._engine.write, view[start : start + PIECE_BYTES])

    def settimeout(self, seconds: float | None, /) -> None:
        """Bounds each later call as a whole, as ssl's own sockets do."""
        self._seconds = seconds
        self._stream.settimeout(seconds)

    def fileno(self) -> int:
        """The descriptor below. That it has input need not mean that there are bytes here."""
        return self._stream.fileno()

    def pending(self) -> int:
        """Of how many bytes, at least, `recv` need not wait for the descriptor; 0 if it may."""
        below = getattr(self._stream, "pending", None)
        return self._engine.pending() + self._incoming.pending + (below() if below else 0)

    def close(self) -> None:
        """Closes the stream below, too."""
        self._stream.close()

    # --- what ssl.SSLSocket tells, too

    @property
    def context(self) -> ssl.SSLContext:
        return self._engine.context

    @property
    def session(self) -> ssl.SSLSession | None:
        return self._engine.session

    @property
    def session_reused(self) -> bool:
        return bool(self._engine.session_reused)

    @property
    def _sslobj(self) -> Any:
        return self._engine._sslobj  # type: ignore[attr-defined]

    def getpeername(self) -> Any:
        return self._stream.getpeername()  # type: ignore[attr-defined]  # as sockets have it

    def getpeercert(self, binary_form: bool = False) -> Any:
        return self._engine.getpeercert(binary_form)

    def version(self) -> str | None:
        return self._engine.version()

    def cipher(self) -> tuple[str, str, int] | None:
        return self._engine.cipher()

    def selected_alpn_protocol(self) -> str | None:
        return self._engine.selected_alpn_protocol()

    # --- private

    def _run(self, step: Any, *arguments: Any) -> Any:
        """Has the engine do a step, with the I/O that it needs for that."""
        until = None
        while True:
            try:
                result = step(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                if until is None and self._seconds:
                    until = monotonic() + self._seconds
                self._take_in(until)
            except ssl.SSLError:
                with suppress(OSError):
                    self._flush()  # the alert that says why
                raise
            else:
                self._flush()
                return result

    def _take_in(self, until: float | None) -> None:
        """Hands what has come, or the end, to the engine; waits for it no longer than `until`."""
        if until is not None:
            left = until - monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._stream.settimeout(left)
        try:
            data = self._stream.recv(RECORD_BYTES)
        finally:
            if until is not None:
                self._stream.settimeout(self._seconds)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._stream.sendall(self._outgoing.read())
