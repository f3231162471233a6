"""TLSStream: TLS over any stream, as in the TLS of a proxy; ssl itself takes only sockets.

It is a stream as `connect.streams` has them, over another one. The TLS engine does no I/O
(ssl.MemoryBIO): what it wants to send is sent by the stream below, and what comes from there is
handed to it.
"""

from __future__ import annotations

import socket
import ssl
from time import monotonic

from mini_http.connect.streams import is_plain, set_wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from _typeshed import ReadableBuffer, WriteableBuffer

    from mini_http.connect.streams import Stream

RECEIVE_BYTES = 64 * 1024
"""What one receive asks for: some records of TLS, each of 16 KB at most (RFC 8446 section 5.1)."""

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
        self._begun = 0  # bytes that `try_send` has encrypted, and not all of them sent
        self._unsent = b""  # encrypted, and not gone: it goes before all else
        self._engine = engine = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_hostname=server_hostname,
            session=session,
        )
        self._fault: ssl.SSLError | None = None  # what no later step can mend
        self._read: Any = engine.read
        self._write = engine.write
        self._knows_more = False  # whether the engine may have bytes, or knows that none will come
        self._below: Callable[[], int] | None = getattr(stream, "pending", None)
        self.can_send_some = is_plain(stream)
        """As `connect.streams` asks for it."""

    def do_handshake(self) -> None:
        """Raises ssl.SSLError, TimeoutError and other OSErrors."""
        self._run(self._engine.do_handshake)
        self._knows_more = False  # but what has come is asked for first

    def recv(self, size: int, /) -> bytes:
        """Waits for bytes; returns at most `size` of them, none only at the end."""
        # Written out, and not in steps as the others: 4 us a request. To ask the engine first would
        # have it raise an exception for nearly every reply.
        began = monotonic()
        incoming = self._incoming
        if not (self._knows_more or incoming.pending):
            came = self._stream.recv(RECEIVE_BYTES)
            if came:
                incoming.write(came)
            else:
                incoming.write_eof()
        try:
            data: bytes = self._read(size)
        except ssl.SSLError as error:
            data = self._run_on(error, began, self._read, size)
        self._knows_more = not 0 < len(data) < size
        return data

    def recv_into(self, buffer: WriteableBuffer, /) -> int:
        """As `recv`, into `buffer`; returns how many bytes came."""
        view = memoryview(buffer).cast("B")
        count: int = self._run(self._read, view.nbytes, view)
        self._knows_more = not 0 < count < view.nbytes
        return count

    def sendall(self, data: ReadableBuffer, /) -> None:
        """Sends all of `data`, or raises."""
        if type(data) is bytes and 0 < len(data) <= PIECE_BYTES:  # a request's head, nearly always
            self._run(self._write, data)
            return
        began = monotonic()
        view = memoryview(data).cast("B")
        for start in range(0, view.nbytes, PIECE_BYTES):
            self._within(began, self._run, self._write, view[start : start + PIECE_BYTES])

    def try_send(self, data: memoryview) -> int:
        """Sends what goes without waiting, where `can_send_some`; returns of how many bytes of
        `data` all has gone. What has not must be in the next call's `data` again. Raises
        BlockingIOError if nothing goes.
        """
        if not self._begun:
            self._begun = self._write(data[:PIECE_BYTES])
            self._unsent += self._outgoing.read()
        stream: Any = self._stream
        self._unsent = self._unsent[stream.send(self._unsent, socket.MSG_DONTWAIT) :]
        if self._unsent:
            return 0
        sent, self._begun = self._begun, 0
        return sent

    def settimeout(self, seconds: float | None, /) -> None:
        """Bounds each later call as a whole, as ssl's own sockets do. 0: none of them waits."""
        if seconds == 0:
            self._stream.settimeout(0)
        else:
            if self._seconds == 0:
                self._stream.settimeout(None)
            set_wait(self._stream, seconds)
        self._seconds = seconds

    def fileno(self) -> int:
        """The descriptor below. That it has input need not mean that there are bytes here."""
        return self._stream.fileno()

    def pending(self) -> int:
        """Of how many bytes, at least, `recv` need not wait for the descriptor; 0 if it may."""
        if self._fault is not None:
            return 1  # it is there to be told
        pending = self._incoming.pending
        if self._knows_more:
            pending += self._engine.pending()
        return pending + (self._below() if self._below else 0)

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
        try:
            result = step(*arguments)
        except ssl.SSLError as error:
            result = self._run_on(error, None, step, *arguments)
        if self._outgoing.pending:
            self._flush()
        return result

    def _run_on(self, error: ssl.SSLError, began: float | None, step: Any, *arguments: Any) -> Any:
        """Goes on with a step that raised `error`; `began` is when its first wait did."""
        self._knows_more = True  # if it fails again, the engine is asked before the next wait
        while isinstance(error, ssl.SSLWantReadError):
            try:
                self._flush()
            except (ConnectionError, BlockingIOError) as unsent:
                if self._seconds and isinstance(unsent, BlockingIOError):
                    raise  # the time is over
                # What the peer has said before it left, or while it takes nothing, can be read.
            if began is None:
                began = monotonic()
                self._take_in()
            else:
                self._within(began, self._take_in)
            try:
                return step(*arguments)
            except ssl.SSLError as again:
                error = again
        try:
            self._flush()  # the alert that says why
        except OSError:
            pass  # whoever should read it has gone
        # The engine says it once, and perhaps to who only asks whether there is input.
        self._fault = error
        self._read = self._fail_again
        raise error

    def _fail_again(self, *arguments: object) -> NoReturn:
        assert self._fault is not None
        raise self._fault.with_traceback(None)

    def _take_in(self) -> None:
        """Hands what has come, or the end, to the engine; waits for it."""
        data = self._stream.recv(RECEIVE_BYTES)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _within(self, began: float, step: Any, *arguments: Any) -> None:
        """Does a step in what is left of the time since `began`."""
        seconds = self._seconds
        if not seconds:
            step(*arguments)
            return
        left = began + seconds - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left)
        try:
            step(*arguments)
        finally:
            self.settimeout(seconds)

    def _flush(self) -> None:
        """Sends what the engine has to send; not before what `try_send` has begun, which a server
        that only wants to reply may never take. What does not go stays.
        """
        if self._begun or not (self._unsent or self._outgoing.pending):
            return
        rest, self._unsent = self._unsent + self._outgoing.read(), b""
        stream: Any = self._stream
        if not self.can_send_some:  # TLS below keeps by itself what does not go
            stream.sendall(rest)
            return
        began = monotonic()
        try:
            while rest:
                rest = rest[stream.send(rest) :]
                # The kernel's time is for each send: a peer that takes little at a time makes many.
                if rest and self._seconds and monotonic() - began >= self._seconds:
                    raise TimeoutError("timed out")
        finally:
            if rest:
                self._unsent = rest
