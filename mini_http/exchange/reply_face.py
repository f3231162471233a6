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
from mini_http.exchange.body import BodyReader, ChunkedReader, FailedReader, WireReader
from mini_http.exchange.body_file import BodyFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol, TypeVar, TypeVarTuple

    from _typeshed import WriteableBuffer

    from mini_http.base.headers import Headers
    from mini_http.base.heads import ResponseHead
    from mini_http.base.limits import Limits
    from mini_http.base.timeouts import Deadline
    from mini_http.connect.simple_client import SimpleClient
    from mini_http.exchange.lone_reply import LoneReply

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

    Arguments = TypeVarTuple("Arguments")
    Taken = TypeVar("Taken")

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
    _lone: LoneReply | None = None
    # References, for these files hold the reply.
    _wire: ref[WireFile] | None = None
    _raw_file: ref[_RawFile] | None = None

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
        return left if left is None or left is UNKNOWN else left + len(self._ahead)

    @property
    def chunked(self) -> bool:
        """Whether the body came chunked."""
        is_chunked = isinstance(self._coded, (ChunkedReader, WireReader))
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
            return io.BufferedReader(_Following(self), 1)  # so it takes nothing ahead
        wire = None if self._wire is None else self._wire()
        if wire is None and type(self._reader) is ChunkedReader:
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
            file = _RawFile(self, self)
            self._raw_file = ref(file)
        return file

    @property
    def chunk_left(self) -> int | None:
        """How many bytes of a chunked body can be had without waiting; None for other bodies."""
        if type(self._reader) is not ChunkedReader:
            return None
        return len(self._ahead) + self._reader.pending

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
        wire = self._coded = self._reader.as_they_come()
        self._reader = TakenApart(wire, self.fp)
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
            return not self._ahead and not (type(reader) is NothingReader and reader.is_new)
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


class WireFile(BodyFile):
    """The chunks of a reply with all that frames them, for who takes them apart by himself."""

    __slots__ = ("_body", "_reply")

    def __init__(self, reply: ReplyFace) -> None:
        self._reply = reply
        self._reader = self._body = _WireBody(reply)
        self._ahead = b""
        self.closed = False

    def _take(self, read: Callable[[*Arguments], Taken], *arguments: *Arguments) -> Taken:
        self._body.begin()
        return self._reply._take(read, *arguments)

    @property
    def is_at_end(self) -> bool:
        """Whether all has been read."""
        return self._reader.ended and not self._ahead

    @property
    def raw(self) -> io.RawIOBase:
        """The same without a buffer."""
        return _RawFile(self, self._reply)

    def fileno(self) -> int:
        """As that of the reply."""
        return self._reply.fileno()


class _WireBody(BodyReader):
    """What a WireFile reads: nothing is taken apart before it is read."""

    _reader: WireReader | None = None

    def __init__(self, reply: ReplyFace) -> None:
        self._reply = reply

    def begin(self) -> None:
        """From now on the reply is read here."""
        if self._reader is None:
            self._reader = self._reply.take_apart()

    @property
    def ended(self) -> bool:  # type: ignore[override]
        return self._reader is not None and self._reader.ended

    def read_some(self, limit: int) -> bytes:
        assert self._reader is not None
        return self._reader.read_some(limit)


class TakenApart(BodyReader):
    """In place of the reader of a body that is read as a WireFile: it is not to be read here."""

    left = None

    def __init__(self, wire: WireReader, file: WireFile) -> None:
        self._wire = wire
        self._apart = file

    @property
    def ended(self) -> bool:  # type: ignore[override]
        return self._apart.is_at_end

    @property
    def trailers(self) -> Headers | None:  # type: ignore[override]
        return self._wire.trailers

    def read_some(self, limit: int) -> bytes:
        if not self.ended:
            raise io.UnsupportedOperation("the chunks of this body are being taken apart, in fp")
        return b""


class _RawFile(io.RawIOBase):
    """A body as a file without a buffer. Closing it closes nothing."""

    def __init__(self, file: BodyFile, reply: ReplyFace) -> None:
        self._file = file
        self._reply = reply

    @property
    def _sock(self) -> Any:
        return self._reply._own_connection().stream

    def readable(self) -> bool:
        return True

    def readinto(self, target: WriteableBuffer, /) -> int:
        return self._file.readinto1(target)

    def fileno(self) -> int:
        return self._reply.fileno()


class _Following(_RawFile):
    """What a connection brings after the reply that switched protocols."""

    def __init__(self, reply: ReplyFace) -> None:
        super().__init__(reply, reply)

    def readinto(self, target: WriteableBuffer, /) -> int:
        return self._reply._own_connection().readinto(target)


_SWITCHED = CloseReason.SWITCHED
