"""The files below a reply: its `fp`, where that is not the reply itself, and its `raw`.

They are for those who read the chunks of a body by themselves, go on after a switch of protocols,
or look for the socket. All of them read by way of the reply, which knows what has been read and
when its connection is free again. A plain request needs none of this, so it is loaded when asked
for.
"""

from __future__ import annotations

import io

from mini_http import base
from mini_http.exchange.body import RECEIVE_BYTES, BodyReader
from mini_http.exchange.body_file import NOTHING, BodyFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, TypeVarTuple

    from _typeshed import WriteableBuffer

    from mini_http.base.headers import Headers
    from mini_http.codec.chunked import ChunkDecoder
    from mini_http.connect.simple_client import SimpleClient
    from mini_http.exchange.reply_face import ReplyFace

    Arguments = TypeVarTuple("Arguments")
    Taken = TypeVar("Taken")


# --- without a buffer


class RawFile(io.RawIOBase):
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


class Following(RawFile):
    """What a connection brings after the reply that switched protocols."""

    def __init__(self, reply: ReplyFace) -> None:
        super().__init__(reply, reply)

    def readinto(self, target: WriteableBuffer, /) -> int:
        return self._reply._own_connection().readinto(target)


# --- the chunks of a body, with all that frames them


class WireFile(BodyFile):
    """The chunks of a reply with all that frames them, for who takes them apart by himself."""

    __slots__ = ("_body", "_reply")

    def __init__(self, reply: ReplyFace) -> None:
        self._reply = reply
        self._reader = self._body = _WireBody(reply)
        self._ahead = NOTHING
        self.closed = False

    def _take(self, read: Callable[[*Arguments], Taken], *arguments: *Arguments) -> Taken:
        self._body.begin()
        return self._reply._take(read, *arguments)

    @property
    def is_at_end(self) -> bool:
        """Whether all has been read."""
        return self._reader.ended and not self._count_ahead()

    @property
    def raw(self) -> io.RawIOBase:
        """The same without a buffer."""
        return RawFile(self, self._reply)

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


class WireReader(BodyReader):
    """The chunks of a body with all that frames them, for who takes them apart by himself.

    They are looked at all the same: where they end is known, and what is wrong with them raised.
    """

    left = None

    def __init__(self, client: SimpleClient, decoder: ChunkDecoder) -> None:
        self._client = client
        self._decoder = decoder
        self.ended = False

    def read_some(self, limit: int) -> bytes:
        if self.ended:
            return b""
        decoder = self._decoder
        received = self._client.read_some(limit)
        if received:
            decoder.pieces(received)
        elif not decoder.finish():
            raise base.errors.IncompleteRead(b"")
        if decoder.ended:
            self._client.unread(decoder.rest)
            received = received[: len(received) - len(decoder.rest)]
            self.trailers = decoder.trailers
            self.ended = True
        return received

    def drop(self, limit: int) -> None:
        dropped = 0
        while not self.ended and dropped <= limit and self._client.has_input():
            dropped += len(self.read_some(RECEIVE_BYTES))
