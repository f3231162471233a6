"""SimpleClient: one connection, read and written by lines, by counts or up to a delimiter.

It owns the connection's one buffer and all waiting; both stand in Connection, its base. It parses
nothing and knows no HTTP: daytime, gopher, POP3, NNTP and SMTP clients are a few lines on top of
it, and HTTPClient is one more.

To the errors of Connection it adds RemoteDisconnected and IncompleteRead, for a connection that
ends where more should come, and LimitExceeded.
"""

from __future__ import annotations

import re
from time import monotonic

from mini_http import base
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.timeouts import DEFAULT_SECONDS, Deadline
from mini_http.connect.connection import RECEIVE_BYTES, Connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from mini_http.base.limits import Limits
    from mini_http.connect.dial import DialOptions
    from mini_http.connect.streams import Stream

LINE_END = re.compile(rb"\n")
_DELIMITER_REACH = 16
"""What a pattern may match at most: so far back a search starts again when more bytes have come."""


class SimpleClient(Connection):
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

    @classmethod
    def continuing(cls, other: SimpleClient) -> Self:
        """A client that goes on where `other` is: over its stream, with what has come, its timeout
        and its deadline. `other` is closed then; the stream is not.
        """
        client = cls.__new__(cls)
        client._begin(other.timeout, other.limits)
        client._take_over(other)
        return client

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
        start, data = self._start, self._input
        if start == len(data):
            start, data = 0, self._receive(RECEIVE_BYTES, expires)
        match = pattern.search(data, start)
        if match is not None:
            end = match.end()
        else:
            data, end = self._gather_until(pattern, data[start:], limit, what, until)
            start = 0
        if end - start > limit:
            raise self._ended_by(base.errors.LimitExceeded(what, limit, end - start))
        if end == len(data):
            self._input, self._start = b"", 0
        else:
            self._input, self._start = data, end
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
                raise self._ended_by(base.errors.LimitExceeded(what, limit, len(gathered)))
            try:
                piece = self._ready(expires).recv(RECEIVE_BYTES)
            except OSError as error:
                self._input, self._start = bytes(gathered), 0  # a timeout loses nothing
                self._failed(error, "read", self._input)
            searched = max(0, len(gathered) - reach)
            gathered += piece
            match = pattern.search(gathered, searched)
            if match is not None:
                return bytes(gathered), match.end()
        cut = base.errors.IncompleteRead(bytes(gathered))
        raise self._ended_by(cut if gathered else base.errors.RemoteDisconnected())

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
            raise self._ended_by(base.errors.IncompleteRead(data, left))
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
        if self._start == len(self._input) and not self.closed:
            self._input, self._start = self._receive(RECEIVE_BYTES), 0
        return self._start == len(self._input)

    # --- writing

    def writeline(self, line: str | bytes) -> None:
        """Sends one line with CRLF at its end; text is sent as UTF-8.

        Raises InvalidField, and sends nothing, if the line has a line end or NUL in it.
        """
        data = line.encode() if isinstance(line, str) else line
        if b"\n" in data or b"\r" in data or b"\0" in data:
            raise base.errors.InvalidField(f"a line can't contain CR, LF or NUL: {line!r}")
        self.write(data + b"\r\n")
