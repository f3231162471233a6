"""SimpleClient: one connection, read and written by lines, by counts or up to a delimiter.

It owns the connection's one buffer and all waiting. It parses nothing and knows no HTTP: daytime,
gopher, POP3, NNTP and SMTP clients are a few lines on top of it, and HTTPClient is one more.

Every wait is bounded by `timeout`. Whatever goes wrong on the connection is raised as an error of
`base.errors`: ReadTimedOut, WriteTimedOut, ConnectionBroken, RemoteDisconnected, IncompleteRead.
After a timeout what had come is still in the buffer and reading can go on; after any other error
the connection is closed.
"""

from __future__ import annotations

import re
from errno import ETIMEDOUT
from os import getpid
from time import monotonic

from mini_http import base
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.timeouts import DEFAULT_SECONDS, Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import NoReturn, Self

    from _typeshed import ReadableBuffer, WriteableBuffer

    from mini_http.base.limits import Limits
    from mini_http.connect.dial import DialOptions
    from mini_http.connect.streams import Stream
    from mini_http.connect.tls import TLSSettings

RECEIVE_BYTES = 64 * 1024
"""What one receive asks for: more than most replies have, and what recv allocates quickly."""

LINE_END = re.compile(rb"\n")
_DELIMITER_REACH = 16
"""What a pattern may match at most: so far back a search starts again when more bytes have come."""
_NOT_ARMED = -1.0
"""The stream's wait is not known: no wait that anyone asks for equals it."""


class SimpleClient:
    """A connection to `host` and `port`, opened at once.

    `timeout` bounds connecting, and then each wait, in seconds; None waits for ever. `limits` bound
    what one line may hold. `options` says how to dial. Use it in a `with` statement, or call
    `close`.

        with SimpleClient("localhost", 13) as client:
            print(client.readline().decode())
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout: float | None = DEFAULT_SECONDS,
        limits: Limits = DEFAULT_LIMITS,
        options: DialOptions | None = None,
    ) -> None:
        self._begin(timeout, limits)
        self._open(host, port, Deadline(timeout), options)

    @classmethod
    def over(
        cls,
        stream: Stream,
        *,
        timeout: float | None = DEFAULT_SECONDS,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Self:
        """A client over a stream that is already open: a socket, or see `connect.streams`."""
        client = cls.__new__(cls)
        client._begin(timeout, limits)
        client._attach(stream)
        return client

    def _begin(self, timeout: float | None, limits: Limits) -> None:
        self.limits = limits
        self.timeout = timeout
        self.deadline: Deadline | None = None
        self._forget_stream()

    def _forget_stream(self) -> None:
        self._stream: Stream | None = None
        self._receive_from: Callable[[int], bytes] = self._raise_closed
        self._buffer = b""
        self._start = 0  # where in the buffer the unread bytes begin
        self._armed: float | None = _NOT_ARMED

    def _open(
        self, host: str, port: int, deadline: Deadline, options: DialOptions | None = None
    ) -> None:
        from mini_http.connect.dial import DEFAULT_OPTIONS, dial

        self._attach(dial(host, port, deadline, options or DEFAULT_OPTIONS))

    def _attach(self, source: object) -> None:
        from mini_http.connect.streams import as_stream, input_probe

        stream = as_stream(source)
        stream.settimeout(None)
        self._forget_stream()
        self._stream = stream
        self._receive_from = stream.recv
        self._probe = input_probe(stream)
        self._is_tls = hasattr(stream, "pending")
        self._process = getpid()  # a child process must not read its parent's bytes

    # --- reading

    def readline(self, limit: int | None = None) -> bytes:
        """The next line, without its line end (CRLF or LF), within `timeout` as a whole.

        Raises LimitExceeded for a line of more than `limit` bytes with its end (None: the limit of
        `limits`), RemoteDisconnected when the connection ended before the line, IncompleteRead when
        it ended within. To read lines up to the end of the connection, iterate over the client.
        """
        limit = self.limits.line_bytes if limit is None else limit
        line = self.read_until(LINE_END, limit, "bytes in a line")
        return line[:-2] if line.endswith(b"\r\n") else line[:-1]

    def read_until(
        self,
        delimiter: bytes | re.Pattern[bytes],
        limit: int,
        what: str = "bytes before the delimiter",
        expires: float | None = None,
    ) -> bytes:
        """All bytes up to and with `delimiter`, at most `limit` of them.

        A pattern must match no more than 16 bytes. The whole call ends within `timeout`, or before
        the monotonic time `expires` if given. Raises what `readline` raises; `what` says in
        LimitExceeded what was counted.
        """
        pattern = re.compile(re.escape(delimiter)) if isinstance(delimiter, bytes) else delimiter
        until = expires
        if until is None and self.timeout is not None:
            until = monotonic() + self.timeout
        start, data = self._start, self._buffer
        if start == len(data):
            start, data = 0, self._receive(RECEIVE_BYTES, expires)
        match = pattern.search(data, start)
        if match is not None:
            end = match.end()
        else:
            data, end = self._gather_until(pattern, data[start:], limit, what, until)
            start = 0
        if end - start > limit:
            self.close()
            raise base.errors.LimitExceeded(what, limit, end - start)
        if end == len(data):
            self._buffer, self._start = b"", 0
        else:
            self._buffer, self._start = data, end
        return data[start:end]

    def _gather_until(
        self,
        pattern: re.Pattern[bytes],
        begun: bytes,
        limit: int,
        what: str,
        expires: float | None,
    ) -> tuple[bytes, int]:
        """Receives until `pattern` matches: all that came with `begun`, and where it ends."""
        gathered = bytearray(begun)
        reach = max(_DELIMITER_REACH, len(pattern.pattern))
        # An empty receive has already told that the connection ended.
        piece = begun
        while piece:
            if len(gathered) > limit:
                self.close()
                raise base.errors.LimitExceeded(what, limit, len(gathered))
            try:
                self._arm(expires)
                piece = self._receive_from(RECEIVE_BYTES)
            except OSError as error:
                self._buffer, self._start = bytes(gathered), 0  # a timeout loses nothing
                try:
                    self._failed(error, "read")
                except base.errors.ConnectionBroken as broken:
                    raise base.errors.IncompleteRead(bytes(gathered)) from broken
            searched = max(0, len(gathered) - reach)
            gathered += piece
            match = pattern.search(gathered, searched)
            if match is not None:
                return bytes(gathered), match.end()
        self.close()
        if not gathered:
            raise base.errors.RemoteDisconnected
        raise base.errors.IncompleteRead(bytes(gathered))

    def read_some(self, limit: int = RECEIVE_BYTES) -> bytes:
        """What has come, after at most one wait: 1 to `limit` bytes, none only at the end."""
        start = self._start
        if start == len(self._buffer):
            return self._receive(limit)
        data = self._buffer[start : start + limit]
        self._start = start + len(data)
        if self._start == len(self._buffer):
            self._buffer, self._start = b"", 0
        return data

    def readinto(self, target: WriteableBuffer) -> int:
        """As `read_some`, into a writable buffer; returns the number of bytes, 0 at the end."""
        view = memoryview(target).cast("B")
        if self._start < len(self._buffer):
            data = self.read_some(view.nbytes)
            view[: len(data)] = data
            return len(data)
        stream = self._ready()
        try:
            return stream.recv_into(view)
        except OSError as error:
            self._failed(error, "read")

    def _receive(self, limit: int, expires: float | None = None) -> bytes:
        """One wait for bytes that have to come from the stream."""
        if self._armed != self.timeout or self.deadline is not None or expires is not None:
            self._arm(expires)
        try:
            return self._receive_from(limit)
        except OSError as error:
            self._failed(error, "read")

    def read(self, size: int = -1) -> bytes:
        """Exactly `size` bytes; without a size, all up to the end of the connection.

        Raises IncompleteRead, with what came, if the connection ends before `size` bytes.
        """
        pieces: list[bytes] = []
        left = size
        try:
            while left:
                piece = self.read_some(RECEIVE_BYTES if left < 0 else min(left, RECEIVE_BYTES))
                if not piece:
                    break
                pieces.append(piece)
                left -= len(piece) if left > 0 else 0
        except base.errors.TimedOut:
            self.unread(b"".join(pieces))
            raise
        data = b"".join(pieces)
        if left > 0:
            self.close()
            raise base.errors.IncompleteRead(data, left)
        return data

    def __iter__(self) -> Iterator[bytes]:
        """Lines up to the end of the connection; the last one may lack its line end."""
        while not self.at_end():
            try:
                yield self.readline()
            except base.errors.IncompleteRead as cut:
                if cut.__cause__ is not None:
                    raise  # it broke, so who knows what was to come
                yield cut.partial

    def at_end(self) -> bool:
        """Whether no more bytes will come; waits for the next byte or the end to know."""
        if self._start == len(self._buffer) and not self.closed:
            self._buffer, self._start = self._receive(RECEIVE_BYTES), 0
        return self._start == len(self._buffer)

    def unread(self, data: bytes) -> None:
        """Puts bytes back, to be read next."""
        if data:
            self._buffer, self._start = data + self._buffer[self._start :], 0

    def buffered(self) -> int:
        """How many bytes have come and are unread. More may wait in the kernel."""
        return len(self._buffer) - self._start

    def has_input(self) -> bool:
        """Whether reading would not wait: bytes are there, or the end, or an error. Never waits.

        Under TLS, records that carry no bytes of the caller's (session tickets) are taken in.
        """
        if self._start < len(self._buffer):
            return True
        stream = self._stream
        if stream is None:
            self._raise_closed()
        if self._is_tls:
            return self._tls_has_input(stream)
        return bool(self._probe(0))

    def _tls_has_input(self, stream: Stream) -> bool:
        from mini_http.connect.streams import is_tls_waiting

        if not stream.pending() and not self._probe(0):  # type: ignore[attr-defined]
            return False
        self._armed = _NOT_ARMED
        try:
            stream.settimeout(0)
            self._buffer, self._start = stream.recv(RECEIVE_BYTES), 0
        except OSError as error:
            return not is_tls_waiting(error)
        return True

    def wait_for_input(self, seconds: float) -> bool:
        """Waits until `has_input` is true, but no longer than `seconds`; returns whether it is."""
        until = monotonic() + seconds
        while not self.has_input():
            left = until - monotonic()
            if left <= 0 or not self._probe(left * 1000):
                return False
        return True

    # --- writing

    def writeline(self, line: str | bytes) -> None:
        """Sends one line with CRLF at its end; text is sent as UTF-8.

        Raises InvalidField, and sends nothing, if the line has a line end or NUL in it.
        """
        data = line.encode() if isinstance(line, str) else line
        if b"\n" in data or b"\r" in data or b"\0" in data:
            raise base.errors.InvalidField(f"a line can't contain CR, LF or NUL: {line!r}")
        self.write(data + b"\r\n")

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
        may read it, and return True to go on sending. Raises WriteTimedOut.
        """
        from mini_http.connect.streams import try_send, wait_to_send

        while True:
            if self.buffered():
                if not goes_on():
                    return False
                continue
            if not data:
                return True
            stream = self._ready()
            if stream.fileno() < 0:  # there is no telling whether anything comes in
                self.write(data)
                return True
            has_input, takes_output = wait_to_send(stream, self._armed)
            if has_input and self.has_input():
                if not goes_on():
                    return False
                continue
            if not has_input and not takes_output:
                self._failed(TimeoutError("timed out"), "write")
            self._armed = _NOT_ARMED
            try:
                data = data[try_send(stream, data) :]
            except OSError:
                return False

    # --- the connection

    def starttls(self, server_name: str, settings: TLSSettings | None = None) -> None:
        """Continues in TLS; `server_name` is what the certificate must be for.

        Raises TLSFailed, also if bytes are in the buffer: they came before TLS, so anyone could
        have sent them (CVE-2023-40217).
        """
        from mini_http.connect.tls import DEFAULT_SETTINGS, start_tls

        stream = self._ready()
        if self._start < len(self._buffer):
            count = self.buffered()
            self.close()
            raise base.errors.TLSFailed(f"{count} bytes came in the clear before TLS began")
        deadline = (self.deadline or Deadline(None)).within(self.timeout)
        self._forget_stream()  # from here on it is start_tls that closes the stream if it fails
        self._attach(start_tls(stream, server_name, settings or DEFAULT_SETTINGS, deadline))

    @property
    def closed(self) -> bool:
        """Whether there is no open connection."""
        return self._stream is None

    def fileno(self) -> int:
        """The connection's descriptor. Raises StateError when there is none."""
        return self._opened().fileno()

    def close(self) -> None:
        """Closes the connection and drops what was unread. Closing again does nothing."""
        stream = self._stream
        if stream is not None:
            self._forget_stream()
            stream.close()

    def detach(self) -> Stream:
        """Hands over the stream, with no timeout set; the client is closed, the stream is not."""
        from mini_http.connect.streams import set_wait

        stream = self._opened()
        self._forget_stream()
        set_wait(stream, None)
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

    # --- from here on private: waiting, and what went wrong

    def _opened(self) -> Stream:
        """The open stream. Raises StateError if closed."""
        if self._stream is None:
            self._raise_closed()
        return self._stream

    def _ready(self) -> Stream:
        """The open stream, set to wait as long as it may now. Raises StateError if closed."""
        stream = self._opened()
        if self._armed != self.timeout or self.deadline is not None:
            self._arm()
        return stream

    def _raise_closed(self, size: int = 0) -> NoReturn:
        raise base.errors.StateError(f"{type(self).__name__} is closed")

    def _arm(self, expires: float | None = None) -> None:
        """Sets the next wait: `timeout`, but not past `expires` nor the deadline."""
        from mini_http.connect.streams import set_wait

        stream = self._opened()
        wait = self._wait_left(expires)
        if wait != self._armed:
            set_wait(stream, wait)
            self._armed = wait

    def _wait_left(self, expires: float | None) -> float | None:
        """Seconds until the next wait must end; raises if it must end now."""
        wait = self.timeout
        if expires is not None:
            wait = expires - monotonic()
            if wait <= 0:
                self._failed(TimeoutError("timed out"), "read")
        if self.deadline is not None:
            left = self.deadline.remaining()
            if left is not None and (wait is None or left < wait):
                wait = left
            if left == 0:
                self._failed(TimeoutError("timed out"), "read")
        return wait

    def _failed(self, error: OSError, doing: str) -> NoReturn:
        """Raises what `error`, from the stream, means to the caller."""
        self._armed = _NOT_ARMED
        if isinstance(error, base.errors.MiniHTTPError):
            raise error
        # The system's own ETIMEDOUT means that it gave the connection up.
        if isinstance(error, (BlockingIOError, TimeoutError)) and error.errno != ETIMEDOUT:
            if self.deadline is not None and self.deadline.remaining() == 0:
                raise base.errors.TotalTimedOut from error
            if doing == "read":
                raise base.errors.ReadTimedOut from error
            raise base.errors.WriteTimedOut from error
        self.close()
        message = f"the connection broke: {error.strerror or error}"
        raise base.errors.ConnectionBroken(message, reason=error) from error
