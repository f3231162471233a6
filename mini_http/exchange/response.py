"""HTTPResponse: a reply as a file to read and as the attributes that urllib and http.client give.

It reads its body from a BodyReader and tells its HTTPClient when the body has ended, so that the
connection can serve again. It decides nothing about framing, and knows no pool.
"""

from __future__ import annotations

import io

from mini_http import base
from mini_http.base.likeness import loaded_class, names_of
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.timeouts import Deadline
from mini_http.exchange.body import (
    BodyReader,
    BytesReader,
    ChunkedReader,
    DecodingReader,
    FailedReader,
)
from mini_http.exchange.text import PIECE_BYTES, ReadsText

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, TypeVar, TypeVarTuple

    from _typeshed import WriteableBuffer

    from mini_http.base.headers import Headers
    from mini_http.base.heads import ResponseHead
    from mini_http.base.limits import Limits
    from mini_http.codec.framing import CloseReason
    from mini_http.exchange.client import HTTPClient

    Arguments = TypeVarTuple("Arguments")
    Taken = TypeVar("Taken")

KEEP_SECONDS = 1.0
"""How long `keep_rest` waits for the rest of a body, where the timeout lets it."""


class HTTPResponse(ReadsText, io.BufferedIOBase):
    """A reply: `status`, `reason`, `headers`, and a body that is read like a binary file.

    `read`, `readinto`, `readline` and iteration raise IncompleteRead when the body ends before it
    is whole, and the errors of `base.errors` for all else that goes wrong; what failed once fails
    again. Once the last byte was read the connection is given back; `close`, or leaving a `with`
    block, gives it back earlier. `url` is where the reply came from, after redirects; `history`
    holds the replies that redirected.
    """

    # Slots, because the instance dict of a class made in C is slow: 1.2 us of a GET. There is one
    # all the same, for what users and handlers add.
    __slots__ = (
        "_ahead",
        "_client",
        "_closed",
        "_coded",
        "_head",
        "_limits",
        "_reader",
        "close_reason",
        "code",
        "headers",
        "history",
        "msg",
        "reason",
        "status",
        "url",
        "version",
    )
    msg: Any

    def __init__(
        self,
        head: ResponseHead,
        reader: BodyReader,
        client: HTTPClient | None = None,
        close_reason: CloseReason | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.version = head.version
        self.status = self.code = head.status
        self.reason = head.reason
        self.headers = self.msg = head.headers
        self.url = ""
        self.history: tuple[HTTPResponse, ...] = ()
        self.close_reason = close_reason
        """Why the connection closes after this reply; None if it stays."""
        self._head = head
        self._reader = reader
        self._coded = reader  # stays the reader of the wire when _reader decodes
        self._client = client  # who is told of the body's end; None once that was done
        self._limits = limits
        self._closed = False
        self._ahead = b""  # read from the body, and not yet by the caller

    # --- reading

    # The names of their arguments are http.client's: programs say read(amt=1024).

    def read(self, amt: int | None = -1) -> bytes:
        """Up to `amt` bytes, fewer only at the end; without a number, all the rest."""
        if self._closed:
            self._raise_closed()
        if amt is None or amt < 0:
            reader = self._reader
            if self._ahead:
                return self._read_rest()
            if type(reader) is BytesReader:
                return reader.read_all()
            return self._take(reader.read_all)
        if not self._ahead:
            # Most bodies end, or fill it, with one piece.
            piece = self.read1(amt)
            if len(piece) == amt or self._reader.ended:
                return piece
            self._ahead = piece
        return self._gather(amt)

    def _read_rest(self) -> bytes:
        ahead, self._ahead = self._ahead, b""
        try:
            return ahead + self._take(self._reader.read_all)
        except base.errors.IncompleteRead as cut:
            raise base.errors.IncompleteRead(ahead + cut.partial, cut.expected) from cut

    def _gather(self, size: int) -> bytes:
        pieces = [self._ahead[:size]]
        self._ahead = self._ahead[size:]
        left = size - len(pieces[0])
        try:
            while left and not self._reader.ended:
                piece = self._take(self._reader.read_some, left)
                pieces.append(piece)
                left -= len(piece)
        except base.errors.IncompleteRead as cut:
            raise base.errors.IncompleteRead(b"".join(pieces), cut.expected) from cut
        return b"".join(pieces)

    def read1(self, n: int = -1) -> bytes:
        """What can be had with one wait: up to `n` bytes, none only at the end."""
        if self._closed:
            self._raise_closed()
        limit = PIECE_BYTES if n < 0 else n
        if self._ahead or not limit:
            data, self._ahead = self._ahead[:limit], self._ahead[limit:]
            return data
        return self._take(self._reader.read_some, limit)

    def readinto(self, target: WriteableBuffer, /) -> int:
        """Fills `target`, a writable buffer; returns the number of bytes, fewer only at the end."""
        if self._closed:
            self._raise_closed()
        view = memoryview(target).cast("B")
        filled = min(len(self._ahead), view.nbytes)
        view[:filled], self._ahead = self._ahead[:filled], self._ahead[filled:]
        try:
            while filled < view.nbytes and not self._reader.ended:
                filled += self._take(self._reader.readinto, view[filled:])
        except base.errors.IncompleteRead as cut:
            raise base.errors.IncompleteRead(bytes(view[:filled]), cut.expected) from cut
        return filled

    def readinto1(self, target: WriteableBuffer, /) -> int:
        """As `readinto`, with at most one wait."""
        view = memoryview(target).cast("B")
        data = self.read1(view.nbytes)
        view[: len(data)] = data
        return len(data)

    def peek(self, n: int = -1) -> bytes:
        """The bytes that come next, without taking them; none only at the end."""
        if self._closed:
            self._raise_closed()
        if not self._ahead:
            self._ahead = self._take(self._reader.read_some, PIECE_BYTES)
        return self._ahead

    def readline(self, limit: int | None = -1) -> bytes:
        """The next line with its line end, or up to `limit` bytes of it; none only at the end."""
        if self._closed:
            self._raise_closed()
        most = -1 if limit is None else limit
        pieces: list[bytes] = []
        gathered = 0
        try:
            while most < 0 or gathered < most:
                data = self._ahead or self._take(self._reader.read_some, PIECE_BYTES)
                end = data.find(b"\n") + 1 or len(data)
                if most >= 0:
                    end = min(end, most - gathered)
                piece, self._ahead = data[:end], data[end:]
                pieces.append(piece)
                gathered += len(piece)
                if not data or piece.endswith(b"\n"):
                    break
        except base.errors.IncompleteRead as cut:
            raise base.errors.IncompleteRead(b"".join(pieces), cut.expected) from cut
        return b"".join(pieces)

    # --- what the head said, under the names of http.client and urllib

    def info(self) -> Headers:
        """The headers."""
        return self.headers

    def geturl(self) -> str:
        """The URL of the reply, after redirects."""
        return self.url

    def getcode(self) -> int:
        """The status."""
        return self.status

    def getheader(self, name: str, default: Any = None) -> Any:
        """The values of a field joined with ", ", `default` if there is none."""
        values = self.headers.get_all(name)
        if values is not None:
            return ", ".join(values)
        if isinstance(default, str) or not hasattr(default, "__iter__"):
            return default
        return ", ".join(default)

    def getheaders(self) -> list[tuple[str, str]]:
        """All fields as pairs, in the order in which they came."""
        return self.headers.items()

    @property
    def length(self) -> int | None:
        """How many bytes of the body are unread; None if only the end will tell."""
        left = self._reader.left
        return None if left is None else left + len(self._ahead)

    @property
    def chunked(self) -> bool:
        """Whether the body came chunked."""
        return type(self._coded) is ChunkedReader

    @property
    def will_close(self) -> bool:
        """Whether the connection closes after this reply."""
        return self.close_reason is not None

    @property
    def trailers(self) -> Headers | None:
        """The fields after a chunked body; None before its end, and for other bodies."""
        return self._reader.trailers

    @property
    def fp(self) -> HTTPResponse | None:
        """The file that the body is read from: this reply; None once nothing is left."""
        return None if self.isclosed() else self

    # --- the file's other methods

    @property  # type: ignore[misc]  # to be read, never set
    def __class__(self) -> type:
        """What `isinstance` asks for: `http.client.HTTPResponse`, where that is loaded."""
        return loaded_class(("http.client", "HTTPResponse"), otherwise=type(self))

    def __dir__(self) -> list[str]:
        return names_of(self)

    def readable(self) -> bool:
        return True

    def isclosed(self) -> bool:
        """Whether the body has been read to its end or the reply was closed."""
        return self._closed or (self._reader.ended and not self._ahead)

    def fileno(self) -> int:
        """The descriptor of a connection that closes after this reply.

        Raises UnsupportedOperation, an OSError, for one that is kept alive: it does not end with
        this reply, and may serve another already.
        """
        if self._client is None or self.close_reason is None:
            raise io.UnsupportedOperation(
                "a kept-alive connection is shared: to use its descriptor, send 'Connection: close'"
            )
        return self._client.fileno()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """Gives the connection back. A short unread rest is read first, else it is closed."""
        # Not IOBase's close: it flushes, and makes an instance dict to note that it was called,
        # which takes 3 us.
        client = self._client
        if client is not None and not self._drained(client):
            self._fail(None)
        self._closed = True

    def keep_rest(self) -> None:
        """Reads what is left into memory, if that is little and comes soon.

        Then the connection can serve again before the reply is read. What goes wrong is raised when
        it is.
        """
        client = self._client
        if client is None or self.close_reason is not None:
            return
        limit = client.limits.drain_bytes
        if (self._coded.left or 0) > limit:
            return
        before = client.deadline
        client.deadline = (before or Deadline(None)).within(client.timeout).within(KEEP_SECONDS)
        pieces, kept = [self._ahead], len(self._ahead)
        try:
            while not self._reader.ended and kept <= limit:
                pieces.append(self._reader.read_some(PIECE_BYTES))
                kept += len(pieces[-1])
        except base.errors.TimedOut:
            pass  # which loses nothing: the rest is read when it is asked for
        except BaseException as error:
            self._fail(error)
            if not isinstance(error, base.errors.MiniHTTPError):
                raise
        client.deadline = before
        if self._client is not None and self._coded.ended:
            self._client = None
            client.end_reply()
        self._ahead = b"".join(pieces)

    def _drained(self, client: HTTPClient) -> bool:
        """Reads and drops what is left of the body, if that is little and comes soon."""
        limit = client.limits.drain_bytes
        if (self._coded.left or 0) > limit or not client.prepare_to_drain():
            return False
        dropped = 0
        try:
            while not self._coded.ended and dropped <= limit:
                dropped += len(self._take(self._coded.read_some, PIECE_BYTES))
        except base.errors.MiniHTTPError:
            return True  # and closed
        return self._coded.ended

    def __del__(self) -> None:
        # Waiting for the rest of a body is not for a finalizer, so the connection is closed.
        if getattr(self, "_client", None) is not None:  # no slot is set if __init__ failed
            self._fail(None)

    def __repr__(self) -> str:
        from mini_http.base.escapes import masked

        return f"<HTTPResponse {self.status} {self.reason!r} of {masked(self.url) or '?'}>"

    # --- between the client and the reply

    def decode_content(self, limits: Limits | None = None) -> None:
        """Decodes the body as Content-Encoding says, from now on.

        Then the fields that no longer hold, Content-Encoding and Content-Length, are removed. A
        coding that is not known, or whose library is missing, leaves all as it is. To be called
        before anything is read. `limits` are those of the connection unless given. Raises
        LimitExceeded for too many codings.
        """
        coding = self._head.control.get("content-encoding")
        if coding is None or self._reader.ended:
            return
        from mini_http.codec.content_coding import decoder_for

        decoder = decoder_for(coding, limits or self._limits)
        if decoder is not None:
            self._reader = DecodingReader(self._reader, decoder)
            del self.headers["Content-Encoding"], self.headers["Content-Length"]

    # --- private

    def _take(self, read: Callable[[*Arguments], Taken], *arguments: *Arguments) -> Taken:
        """What `read`, of the reader, gives. At the body's end the connection is given back."""
        try:
            taken = read(*arguments)
        except BaseException as error:
            self._fail(error)
            raise
        client = self._client
        if client is not None and self._coded.ended:
            self._client = None
            client.end_reply()
        return taken

    def _fail(self, error: BaseException | None) -> None:
        """Gives the connection up: the body ended in `error`, or (None) will not be read."""
        client, self._client = self._client, None
        if client is not None:
            client.abandon_reply(error)
        if isinstance(error, Exception):
            self._reader = FailedReader(error)

    _give_up = _fail

    def _raise_closed(self) -> NoReturn:
        raise ValueError("I/O operation on closed file.")
