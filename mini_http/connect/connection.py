"""Connection: a stream that is read and written, and the bytes of it that are unread.

It is what SimpleClient stands on, and knows neither lines nor delimiters. How long it waits, and
what goes wrong then, is BoundedStream's: after a timeout what had come is still there and reading
can go on; after any other error the connection is closed.
"""

from __future__ import annotations

from os import getpid

from mini_http import base
from mini_http.base.timeouts import Deadline
from mini_http.connect import streams
from mini_http.connect.bounded_stream import NOT_ARMED, BoundedStream
from mini_http.connect.dial import DEFAULT_OPTIONS, dial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from _typeshed import ReadableBuffer, WriteableBuffer

    from mini_http.connect.dial import DialOptions
    from mini_http.connect.streams import Stream
    from mini_http.connect.tls_sessions import SessionCache
    from mini_http.connect.tls_settings import TLSSettings

RECEIVE_BYTES = 64 * 1024
"""What one receive asks for: more than most replies have, and what recv allocates quickly."""

PIECE_BYTES = 256 * 1024
"""What is sent at once over a stream that can't be asked whether it takes more."""


class Connection(BoundedStream):
    """A stream with a buffer. Subclasses say when it is opened, and opened again."""

    _tls_as_socket = False
    """Whether TLS is to be an ssl.SSLSocket, for the program to use, though it takes longer."""

    def _forget_stream(self) -> None:
        super()._forget_stream()
        self._input = b""
        self._start = 0  # where in the buffer the unread bytes begin
        self._probe: Callable[[float], object] | None = None

    def _open(
        self, host: str, port: int, deadline: Deadline, options: DialOptions | None = None
    ) -> None:
        self._attach(dial(host, port, deadline, options or DEFAULT_OPTIONS))

    def _attach(self, source: object) -> None:
        stream = streams.as_stream(source)
        if not streams.is_plain(stream) or stream.gettimeout() is not None:
            stream.settimeout(None)
        self._forget_stream()
        self._stream = stream
        self._is_plain = streams.is_plain(stream)
        self._process = getpid()  # a child process must not read its parent's bytes

    def _take_over(self, other: Connection) -> None:
        """Goes on where `other` is, which has no stream any more then."""
        self.deadline = other.deadline
        self._stream, self._input, self._start = other._opened(), other._input, other._start
        self._armed, self._probe = other._armed, other._probe
        self._is_plain, self._process = other._is_plain, other._process
        other._forget_stream()

    # --- reading

    def read_some(self, limit: int = RECEIVE_BYTES) -> bytes:
        """What has come, after at most one wait: 1 to `limit` bytes, none only at the end."""
        start = self._start
        if start == len(self._input):
            return self._receive(limit)
        data = self._input[start : start + limit]
        self._start = start + len(data)
        if self._start == len(self._input):
            self._input, self._start = b"", 0
        return data

    def readinto(self, target: WriteableBuffer) -> int:
        """As `read_some`, into a writable buffer; returns the number of bytes, 0 at the end."""
        view = memoryview(target).cast("B")
        if self._start < len(self._input):
            data = self.read_some(view.nbytes)
            view[: len(data)] = data
            return len(data)
        stream = self._stream
        if stream is None or self._armed != self.timeout or self.deadline is not None:
            stream = self._ready()
        try:
            return stream.recv_into(view)
        except OSError as error:
            self._failed(error, "read")

    def _receive(self, limit: int, expires: float | None = None) -> bytes:
        """One wait for bytes that have to come from the stream."""
        stream = self._stream
        if (
            stream is None
            or self._armed != self.timeout
            or self.deadline is not None
            or expires is not None
        ):
            stream = self._ready(expires)
        try:
            return stream.recv(limit)
        except OSError as error:
            self._failed(error, "read")

    def unread(self, data: bytes) -> None:
        """Puts bytes back, to be read next."""
        if data:
            self._input, self._start = data + self._input[self._start :], 0

    def peek(self) -> bytes:
        """The bytes that have come and are unread, without taking them. Never waits."""
        return self._input[self._start :]

    def buffered(self) -> int:
        """How many bytes have come and are unread. More may wait in the kernel."""
        return len(self._input) - self._start

    def has_input(self) -> bool:
        """Whether reading would not wait: bytes are there, or the end, or an error. Never waits.

        Under TLS, records that carry no bytes of the caller's (session tickets) are taken in.
        """
        if self._start < len(self._input):
            return True
        stream = self._stream
        if stream is None:
            self._raise_closed()
        if self._is_plain:
            return bool((self._probe or self._make_probe())(0))
        return self._received_without_waiting(stream)

    def is_quiet(self) -> bool:
        """Whether the connection is open and nothing has come, its end neither. Never waits."""
        if self._stream is None or self._start < len(self._input):
            return False
        # As in `has_input`; to call that takes 0.5 us of each request.
        if self._is_plain:
            return not (self._probe or self._make_probe())(0)
        return not self._received_without_waiting(self._stream)

    def _received_without_waiting(self, stream: Stream) -> bool:
        """`has_input` of a stream that may have TLS in it: what is there must be taken in."""
        pending = getattr(stream, "pending", None)
        if not (pending and pending()) and not (self._probe or self._make_probe())(0):
            return False
        wait, self._armed = self._armed, NOT_ARMED
        has_input = True
        try:
            stream.settimeout(0)
            self._input, self._start = stream.recv(RECEIVE_BYTES), 0
        except OSError as error:
            if not streams.is_only_waiting(error):
                return True
            has_input = False
        if wait != NOT_ARMED:
            self._arm(stream, wait)
        return has_input

    def _make_probe(self) -> Callable[[float], object]:
        """What asks for input. A connection that is used once does without: 2 us of its 160."""
        self._probe = streams.input_probe(self._opened())
        return self._probe

    def wait_for_input(self, seconds: float) -> bool:
        """Waits until `has_input` is true; returns whether it is.

        It waits no longer than `seconds`, nor past the deadline.
        """
        until = (self.deadline or Deadline(None)).within(seconds)
        while not self.has_input():
            left = until.remaining()
            if not left or not (self._probe or self._make_probe())(left * 1000):
                return False
        return True

    # --- writing

    def write(self, data: ReadableBuffer) -> None:
        """Sends all of `data`. Raises WriteTimedOut, ConnectionBroken."""
        stream = self._stream
        if stream is None or self._armed != self.timeout or self.deadline is not None:
            stream = self._ready()
        try:
            stream.sendall(data)
        except OSError as error:
            self._failed(error, "write")

    def write_unless_input(
        self, data: memoryview, goes_on: Callable[[], bool] = lambda: False
    ) -> bool:
        """Sends `data`, but stops when bytes come in or the connection ends; whether all was sent.

        For a long request body: a server that refuses it answers, and may not read on. What it
        said can be read after this returned False. `goes_on` is called when something came in; it
        may read it, and return True to go on sending. If it does so without having read anything,
        it is not called again. Raises WriteTimedOut.
        """
        is_watching, has_come = True, False
        while True:
            if is_watching and (has_come or self.buffered()):
                unread = self.buffered()
                if not goes_on():
                    return False
                is_watching = self.buffered() != unread or not self.has_input()
                has_come = False
            if not data:
                return True
            stream = self._ready()
            if not streams.can_send_some(stream):
                # It can't be asked whether it takes output: it gets a little, between two looks.
                has_come = is_watching and self.has_input()
                if not has_come:
                    self.write(data[:PIECE_BYTES])
                    data = data[PIECE_BYTES:]
                continue
            has_input, takes_output = streams.wait_to_send(stream, self._armed, is_watching)
            has_come = is_watching and has_input and self.has_input()
            if has_come:
                continue
            if not has_input and not takes_output:
                self._failed(TimeoutError("timed out"), "write")
            self._armed = NOT_ARMED
            try:
                data = data[streams.try_send(stream, data) :]
            except OSError:
                return False

    # --- the connection

    def starttls(
        self,
        server_name: str,
        settings: TLSSettings | None = None,
        sessions: SessionCache | None = None,
    ) -> None:
        """Continues in TLS; `server_name` is what the certificate must be for.

        `sessions`, of the same route, has one to resume, or else the handshake is a whole one.
        Raises TLSFailed, also if bytes are in the buffer: they came before TLS, so anyone could
        have sent them (CVE-2023-40217).
        """
        from mini_http.connect.tls import DEFAULT_SETTINGS, start_tls

        stream = self._ready()
        if self._start < len(self._input):
            count = self.buffered()
            raise self._ended_by(
                base.errors.TLSFailed(f"{count} bytes came in the clear before TLS began")
            )
        deadline = (self.deadline or Deadline(None)).within(self.timeout)
        self._forget_stream()  # from here on it is start_tls that closes the stream if it fails
        try:
            secured = start_tls(
                stream,
                server_name,
                settings or DEFAULT_SETTINGS,
                deadline,
                sessions=sessions,
                as_socket=self._tls_as_socket,
            )
        except base.errors.MiniHTTPError as error:
            self.tell_state(error)
            raise
        self._attach(secured)

    @property
    def stream(self) -> Stream:
        """What is read from and written to. Raises StateError when the connection is closed."""
        return self._opened()

    def fileno(self) -> int:
        """The connection's descriptor. Raises StateError when there is none."""
        return self._opened().fileno()

    def detach(self) -> Stream:
        """Hands over the stream, with no timeout set; the client is closed, the stream is not.

        Raises StateError if bytes have come that nobody has read: they would be lost.
        """
        stream = self._opened()
        if self.buffered():
            raise base.errors.StateError(
                f"{self.buffered()} bytes have come and must be read first"
            )
        self._arm(stream, None)
        self._forget_stream()
        return stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
