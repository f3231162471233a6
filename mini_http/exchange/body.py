"""Body readers: the bytes of one reply's body, over each of the four framings.

A reader takes bytes from a SimpleClient and knows when the body ends. It never reads a byte past
the end into its caller's hands: what came after goes back to the client. A body that is cut raises
IncompleteRead; nothing is silently shorter than the server said.
"""

from __future__ import annotations

import io
from sys import maxsize

from mini_http import base
from mini_http.base.headers import Headers
from mini_http.codec.chunked import ChunkDecoder
from mini_http.codec.framing import Chunked, Length, NoBody, UntilClose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from _typeshed import WriteableBuffer

    from mini_http.codec.content_coding import Decoder
    from mini_http.codec.framing import Framing
    from mini_http.connect.simple_client import SimpleClient

RECEIVE_BYTES = 64 * 1024
LARGE_BYTES = 128 * 1024
"""From this length on what is left of a body goes straight into the bytes that are returned."""


class BodyReader:
    """What each reader offers; by itself, the reader of a reply that has no body."""

    ended = True
    """Whether all of the body has been read."""
    left: int | None = 0
    """How many bytes are still to be read; None if only the end will tell."""
    trailers: Headers | None = None
    """The fields after a chunked body, once it has ended."""
    _client: SimpleClient

    def go_on_with(self, client: Any) -> None:
        """Reads what is left from `client`, a SimpleClient that has taken the connection over."""
        self._client = client

    def read_some(self, limit: int) -> bytes:
        """1 to `limit` bytes after at most one wait that brings any; none only at the end."""
        return b""

    def readinto(self, target: memoryview) -> int:
        """As `read_some`, into `target`; returns the number of bytes."""
        data = self.read_some(target.nbytes)
        target[: len(data)] = data
        return len(data)

    def read_up_to(self, count: int) -> bytes:
        """`count` bytes, fewer only at the end. IncompleteRead holds what came of them."""
        piece = self.read_some(min(count, RECEIVE_BYTES)) if count else b""
        if self.ended or len(piece) == count:  # most bodies end, or fill it, with one piece
            return piece
        pieces = [piece]
        left = count - len(piece)
        try:
            while left and not self.ended:
                pieces.append(self.read_some(min(left, RECEIVE_BYTES)))
                left -= len(pieces[-1])
        except base.errors.IncompleteRead as cut:
            raise base.errors.IncompleteRead(b"".join(pieces), cut.expected) from cut
        return b"".join(pieces)

    def read_all(self) -> bytes:
        """All the rest. IncompleteRead holds what came of it."""
        return self.read_up_to(maxsize)

    def drop(self, limit: int) -> None:
        """Reads and drops what is left; gives up once that is more than `limit` bytes.

        Of chunks only those that have come: nobody knows whether more will, and a stream of events
        may go on for days.
        """
        dropped = 0
        while not self.ended and dropped <= limit:
            dropped += len(self.read_some(RECEIVE_BYTES))


class BytesReader(BodyReader):
    """A body that came whole with its head."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.ended = not data

    @property
    def left(self) -> int:  # type: ignore[override]
        return len(self._data)

    def read_some(self, limit: int) -> bytes:
        data, self._data = self._data[:limit], self._data[limit:]
        self.ended = not self._data
        return data

    def read_all(self) -> bytes:
        data, self._data = self._data, b""
        self.ended = True
        return data


class LengthReader(BodyReader):
    """A body of a known number of bytes."""

    def __init__(self, client: SimpleClient, count: int) -> None:
        self._client = client
        self.left: int = count
        self.ended = count == 0
        self._file: io.BufferedReader | None = None  # over a _Wire

    def go_on_with(self, client: Any) -> None:
        super().go_on_with(client)
        self._file = None

    def read_some(self, limit: int) -> bytes:
        if self.ended:
            return b""
        client = self._client
        data = client.read_some(min(limit, self.left, client.limits.step_bytes))
        self._count(len(data))
        return data

    def readinto(self, target: memoryview) -> int:
        if self.ended or not target:
            return 0
        count = self._client.readinto(target[: self.left])
        self._count(count)
        return count

    def read_up_to(self, count: int) -> bytes:
        if self.left < LARGE_BYTES or count < RECEIVE_BYTES:
            return super().read_up_to(count)
        file = self._file
        if file is None:
            file = self._file = io.BufferedReader(_Wire(self._client))
        wire: Any = file.raw
        pieces: list[bytes] = []
        wanted = min(count, self.left)
        while wanted:
            wire.wanted = min(wanted, self._client.limits.step_bytes)
            piece = file.read(wire.wanted)
            pieces.append(piece)
            wanted -= len(piece)
            self.left -= len(piece)
            if wire.wanted:
                raise wire.error or base.errors.IncompleteRead(b"".join(pieces), self.left)
        self.ended = not self.left
        return b"".join(pieces)

    def _count(self, count: int) -> None:
        if not count:
            raise base.errors.IncompleteRead(b"", self.left)
        self.left -= count
        self.ended = not self.left


class _Wire(io.RawIOBase):
    """A connection as the file under a BufferedReader, which receives straight into the bytes that
    it returns.

    Nothing else in Python can. Joining pieces takes 480 to 1,150 us for 1 MB, this 420; and their
    changing sizes leave 0.2 to 1.2 MiB behind when 200 MB are read by 64 KiB, this nothing.

    The file ends after `wanted` bytes, so that none is read ahead. An error ends it too, and is
    kept in `error`: raised from here, it would lose the bytes before it.
    """

    def __init__(self, client: SimpleClient) -> None:
        self._client = client
        self.wanted = 0
        self.error: base.errors.MiniHTTPError | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, target: WriteableBuffer, /) -> int:
        try:
            count = self._client.readinto(memoryview(target)[: self.wanted])
        except base.errors.MiniHTTPError as error:
            self.error = error
            return 0
        self.wanted -= count
        return count


class ChunkedReader(BodyReader):
    """A chunked body; `trailers` holds its trailer's fields after the end."""

    left = None

    def __init__(self, client: SimpleClient) -> None:
        self._client = client
        self._decoder = ChunkDecoder(client.limits)
        self._pending = b""  # decoded, and more than the caller asked for
        self._has_begun = False
        self.ended = False

    @property
    def pending(self) -> int:
        """How many bytes have come and are unread."""
        return len(self._pending)

    def as_they_come(self) -> WireReader:
        """The reader of the chunks as they come over the wire, to be read in place of this one.

        Raises UnsupportedOperation once a part of the body was read here.
        """
        if self._has_begun:
            raise io.UnsupportedOperation("chunks of this body have been taken apart already")
        return WireReader(self._client, self._decoder)

    def read_some(self, limit: int) -> bytes:
        if self.ended:
            return b""
        self._has_begun = True
        data, self._pending = self._pending, b""
        while not data and not self._decoder.ended:
            data = self._receive()
        if len(data) > limit:
            data, self._pending = data[:limit], data[limit:]
        self.ended = self._decoder.ended and not self._pending
        return data

    def drop(self, limit: int) -> None:
        dropped, self._pending = len(self._pending), b""
        decoder, client = self._decoder, self._client
        while not decoder.ended and dropped <= limit and client.has_input():
            dropped += len(self._receive())
        self.ended = decoder.ended

    def _receive(self) -> bytes:
        """What one wait brings of the body; nothing where that only frames it."""
        decoder = self._decoder
        data = b""
        received = self._client.read_some(RECEIVE_BYTES)
        if received:
            data = decoder.decode(received)
        elif not decoder.finish():
            raise base.errors.IncompleteRead(b"")
        if decoder.ended:
            self._client.unread(decoder.rest)
            self.trailers = decoder.trailers
        return data


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
            decoder.decode(received)
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


class UntilCloseReader(BodyReader):
    """A body that ends with the connection."""

    left = None

    def __init__(self, client: SimpleClient) -> None:
        self._client = client
        self.ended = False

    def read_some(self, limit: int) -> bytes:
        if self.ended:
            return b""
        client = self._client
        try:
            data = client.read_some(min(limit, client.limits.step_bytes))
        except base.errors.ConnectionBroken as error:
            # TLS that ended without saying so: anyone on the way could have cut it (RFC 9112
            # section 9.8). By name, so that plain HTTP need not import ssl.
            if type(error.reason).__name__ == "SSLEOFError":
                raise base.errors.IncompleteRead(b"") from error
            raise
        self.ended = not data
        return data


class DecodingReader(BodyReader):
    """The decoded bytes of a body that has a content coding, over the reader of its coded bytes."""

    left = None

    def __init__(self, coded: BodyReader, decoder: Decoder) -> None:
        self._coded = coded
        self._decoder = decoder
        self.ended = False

    def read_some(self, limit: int) -> bytes:
        while not self.ended:
            coded = b""
            if self._decoder.needs_input:
                coded = self._coded.read_some(RECEIVE_BYTES)
                if not coded:
                    self._decoder.finish()
                    self.ended = True
                    self.trailers = self._coded.trailers
                    break
            data = self._decoder.decode(coded, limit)
            if data:
                return data
        return b""


class FailedReader(BodyReader):
    """The rest of a body whose reading failed: it fails again, since its end was never seen."""

    ended = False
    left = None

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read_some(self, limit: int) -> bytes:
        raise self._error


def body_reader(framing: Framing, client: SimpleClient) -> BodyReader:
    """The reader for a body that is framed so."""
    match framing:
        case NoBody():
            return BodyReader()
        case Length(count):
            return LengthReader(client, count)
        case Chunked():
            return ChunkedReader(client)
        case UntilClose():  # pragma: no branch  (mypy sees to it that there are no others)
            return UntilCloseReader(client)
