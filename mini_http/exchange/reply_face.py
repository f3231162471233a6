"""ReplyFace: what callers of http.client and urllib find on a reply besides its body.

What the head said, under their names; `fp`, the file below, for those who read the chunks of a body
by themselves or look for the socket; and a few of http.client's own helpers that libraries call.
"""

from __future__ import annotations

import io
from weakref import ref

from mini_http import base
from mini_http.base.likeness import loaded_class, names_of
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.codec.framing import CloseReason
from mini_http.exchange.body import BodyReader, ChunkedReader, FailedReader
from mini_http.exchange.body_file import BodyFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from _typeshed import WriteableBuffer

    from mini_http.base.headers import Headers
    from mini_http.base.heads import ResponseHead
    from mini_http.base.limits import Limits
    from mini_http.base.timeouts import Deadline
    from mini_http.connect.simple_client import SimpleClient
    from mini_http.exchange.lone_reply import LoneReply
    from mini_http.exchange.reply_files import RawFile, WireFile, WireReader

    class ReplyOwner(Protocol):
        """The connection that a reply comes over, an HTTPClient nearly always."""

        limits: Limits
        timeout: float | None
        shares_socket: bool
        deadline: Deadline | None

        def end_reply(self) -> None:
            """The body has been read to its end."""

        def abandon_reply(self, error: BaseException | None = None) -> None:
            """The body will not be read on: because of `error`, or as nobody wants it."""

        def prepare_to_drain(self) -> bool:
            """Whether the rest may be read and dropped, so that the connection stays."""

        def hand_over(self) -> SimpleClient:
            """The connection for another protocol, with what has come."""

        def readinto(self, target: WriteableBuffer, /) -> int:
            """Fills `target` with what comes next; the number of bytes, 0 at the end."""

        def fileno(self) -> int:
            """The connection's descriptor."""

        @property
        def stream(self) -> Any:
            """What is read from and written to: a socket, say."""


UNKNOWN: Any = "UNKNOWN"
"""What http.client has for what only the head tells, before `begin`."""


class ReplyFace(BodyFile):
    """See above. HTTPResponse is the one subclass."""

    __slots__ = ("_client", "_coded", "_head", "close_reason", "headers", "msg", "status", "url")
    status: int
    headers: Headers
    msg: Any
    url: str
    close_reason: CloseReason | None
    _head: ResponseHead | None
    _client: ReplyOwner | None
    """The connection, until it was told how the reply ended."""
    _coded: BodyReader
    """The reader of the wire, also where `_reader` decodes."""
    _is_apart = False
    """Whether its chunks are taken apart by who reads them from `fp`."""
    _lone: LoneReply | None = None
    # References, for these files hold the reply.
    _wire: ref[WireFile] | None = None
    _raw_file: ref[RawFile] | None = None

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
        values = self._begun_headers().get_all(name)
        if values is not None:
            return ", ".join(values)
        if isinstance(default, str) or not hasattr(default, "__iter__"):
            return default
        return ", ".join(default)

    def getheaders(self) -> list[tuple[str, str]]:
        """All fields as pairs, in the order in which they came."""
        return self._begun_headers().items()

    def _begun_headers(self) -> Headers:
        if self._head is None:
            raise base.errors.ResponseNotReady("the reply has not begun: call begin() first")
        return self.headers

    # Before `begin` the three that follow are what they are in http.client then.

    @property
    def length(self) -> int | None:
        """How many bytes of the body are unread; None if only the end will tell."""
        left = self._reader.left if self._head is not None else UNKNOWN
        return left if left is None or left is UNKNOWN else left + self._count_ahead()

    @property
    def chunked(self) -> bool:
        """Whether the body came chunked."""
        is_chunked = self._is_apart or isinstance(self._coded, ChunkedReader)
        return UNKNOWN if self._head is None else is_chunked

    @property
    def will_close(self) -> bool:
        """Whether the connection closes after this reply."""
        return UNKNOWN if self._head is None else self.close_reason is not None

    @property
    def trailers(self) -> Headers | None:
        """The fields after a chunked body; None before its end, and for other bodies."""
        return self._reader.trailers

    # --- the file below

    @property
    def fp(self) -> Any:
        """The file that the body is read from; None once nothing is left.

        Of a chunked body it gives the chunks, with all that frames them, as long as nothing has
        been read here; then nothing is to be read here any more. After a switch of protocols it
        gives what follows. For a reply that was made over a socket it is what `makefile` gave, and
        can be replaced. Else it is this reply itself.
        """
        has_switched = self._client is not None and self.close_reason is _SWITCHED
        if self.isclosed() and not has_switched:
            return None
        if self._lone is not None:
            return self._lone.file
        if has_switched:
            from mini_http.exchange.reply_files import Following

            return io.BufferedReader(Following(self), 1)  # so it takes nothing ahead
        wire = None if self._wire is None else self._wire()
        if wire is None and type(self._reader) is ChunkedReader:
            from mini_http.exchange.reply_files import WireFile

            wire = WireFile(self)
            self._wire = ref(wire)
        return wire or self

    @fp.setter
    def fp(self, file: Any) -> None:
        if self._lone is None:
            raise AttributeError(
                "the file of a reply can be replaced only if it has one of its own"
            )
        self._lone.file = file

    @property
    def raw(self) -> io.RawIOBase:
        """The body as a file without a buffer, whose `_sock` is the socket: see `fileno`."""
        file = None if self._raw_file is None else self._raw_file()
        if file is None:
            from mini_http.exchange.reply_files import RawFile

            file = RawFile(self, self)
            self._raw_file = ref(file)
        return file

    @property
    def chunk_left(self) -> int | None:
        """How many bytes of a chunked body can be had without waiting; None for other bodies."""
        if type(self._reader) is not ChunkedReader:
            return None
        return self._count_ahead() + self._reader.pending

    def _safe_read(self, amt: int) -> bytes:
        """Exactly so many bytes of `fp`. Raises IncompleteRead."""
        data: bytes = self.fp.read(amt)
        if len(data) < amt:
            raise base.errors.IncompleteRead(data, amt - len(data))
        return data

    def _read_status(self) -> tuple[str, int, str]:
        """Version, status and reason, from the next line of `fp`: for subclasses and their like.

        Raises RemoteDisconnected and BadStatusLine.
        """
        from mini_http.codec.heads import read_response_head

        line: bytes = self.fp.readline(DEFAULT_LIMITS.line_bytes)
        if not line:
            raise base.errors.RemoteDisconnected
        head = read_response_head(line.rstrip(b"\r\n") + b"\r\n\r\n")
        return f"HTTP/1.{head.version - 10}", head.status, head.reason

    def take_apart(self) -> WireReader:
        """Has the chunks be read as they come, in place of what they carry.

        Raises UnsupportedOperation for other bodies, and once a part of this one has been read.
        """
        if type(self._reader) is not ChunkedReader:
            raise io.UnsupportedOperation("this body is not, or no longer, to be had in chunks")
        from mini_http.exchange.reply_files import TakenApart

        wire = self._coded = self._reader.as_they_come()
        self._reader = TakenApart(wire, self.fp)
        self._is_apart = True
        return wire

    # --- the file's other methods

    @property  # type: ignore[misc]  # to be read, never set
    def __class__(self) -> type:
        """What `isinstance` asks for: `http.client.HTTPResponse`, where that is loaded."""
        return loaded_class(("http.client", "HTTPResponse"), otherwise=type(self))

    def __dir__(self) -> list[str]:
        return names_of(self)

    def isclosed(self) -> bool:
        """Whether no more will come: the body ended, reading failed, or `close` was called.

        As in http.client, a reply that has no body is not closed until it is read.
        """
        if self.closed:
            return True
        reader = self._reader
        if reader.ended:
            return not self._count_ahead() and not (type(reader) is NothingReader and reader.is_new)
        return type(reader) is FailedReader and self._head is not None

    def fileno(self) -> int:
        """The connection's descriptor, while more of the body is to come over it.

        Raises UnsupportedOperation, an OSError, once nothing is: where a small body came with the
        head, that is from the beginning. So too for a kept-alive connection that is not an
        HTTPConnection: it does not end with this reply.
        """
        if self._lone is not None and self.fp is not None:
            return self._lone.file.fileno()
        return self._own_connection().fileno()

    def _own_connection(self) -> ReplyOwner:
        client = self._client
        if client is None or (self.close_reason is None and not client.shares_socket):
            raise io.UnsupportedOperation(
                "a kept-alive connection is shared: to use its descriptor, send 'Connection: close'"
            )
        return client


class NothingReader(BodyReader):
    """The reader of a reply that has no body."""

    is_new = True
    """Whether it has not been read yet."""

    def read_some(self, limit: int) -> bytes:
        self.is_new = False
        return b""


_SWITCHED = CloseReason.SWITCHED
