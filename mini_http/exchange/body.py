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
from mini_http.codec.framing import Chunked, Length, NoBody, UntilClose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from _typeshed import WriteableBuffer

    from mini_http.codec.framing import Framing
    from mini_http.connect.simple_client import SimpleClient
    from mini_http.exchange.reply_files import WireReader

RECEIVE_BYTES = 64 * 1024
LARGE_BYTES = 128 * 1024
"""From this length on what is left of a body or chunk goes straight into the bytes returned."""
MANY_PIECES = 256
"""More pieces than these are joined at once if they are short: each takes some 50 bytes besides."""


class BodyReader:
    """What each reader offers; by itself, the reader of a reply that has no body."""

    ended = True
    """Whether all of the body has been read."""
    left: int | None = 0
    """How many bytes are still to be read; None if only the end will tell."""
    trailers: Headers | None = None
    """The fields after a chunked body, once it has ended."""
    _client: SimpleClient
    _file: io.BufferedReader | None = None  # over a _Wire

    def go_on_with(self, client: Any) -> None:
        """Reads what is left from `client`, a SimpleClient that has taken the connection over."""
        self._client = client
        self._file = None

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
        return self._gather([piece], count - len(piece))

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

    # --- private: a long body from pieces

    def _gather(self, pieces: list[bytes], left: int) -> bytes:
        """`pieces` and `left` bytes after them, fewer only at the end, joined."""
        settled = 0  # so many of the pieces may stay as they are
        try:
            while left and not self.ended:
                left -= self._add_to(pieces, left)
                if len(pieces) - settled > MANY_PIECES:
                    latest = pieces[settled:]
                    if sum(map(len, latest)) < RECEIVE_BYTES:
                        pieces[settled:] = [b"".join(latest)]
                    settled = len(pieces)
        except base.errors.IncompleteRead as cut:
            raise base.errors.IncompleteRead(b"".join(pieces), cut.expected) from cut
        return b"".join(pieces)

    def _add_to(self, pieces: list[bytes], limit: int) -> int:
        """Adds what comes next, as `read_some`; returns the number of bytes."""
        pieces.append(self.read_some(min(limit, RECEIVE_BYTES)))
        return len(pieces[-1])

    def _add_straight(self, pieces: list[bytes], count: int) -> int:
        """Adds exactly `count` bytes, or a step of them, by way of a _Wire; returns the number."""
        file = self._file
        if file is None:
            file = self._file = io.BufferedReader(_Wire(self._client))
        wire: Any = file.raw
        wire.wanted = min(count, self._client.limits.step_bytes)
        piece = file.read(wire.wanted)
        pieces.append(piece)
        self._came_straight(len(piece))
        if wire.wanted:
            raise wire.error or base.errors.IncompleteRead(b"", self.left)
        return len(piece)

    def _came_straight(self, count: int) -> None:
        """So many bytes were received by `_add_straight`."""


class HoldingReader(BodyReader):
    """A reader that may have more bytes than its caller has asked for."""

    _held = b""
    _given = 0  # how much of them the caller has

    @property
    def pending(self) -> int:
        """How many bytes have come and are unread."""
        return len(self._held) - self._given

    def _hold(self, data: bytes) -> None:
        self._held, self._given = data, 0

    def _give(self, limit: int) -> bytes:
        """Up to `limit` of the bytes that are held."""
        # What stays is not copied: for who takes 10 of 64 KiB at a time that would be 200 MB.
        data = self._held[self._given : self._given + limit]
        self._given += len(data)
        if self._given == len(self._held):
            self._held, self._given = b"", 0
        return data


class BytesReader(HoldingReader):
    """A body that came whole with its head."""

    def __init__(self, data: bytes) -> None:
        self._held = data
        self.ended = not data

    @property
    def left(self) -> int:  # type: ignore[override]
        return len(self._held) - self._given

    def read_some(self, limit: int) -> bytes:
        data = self._give(limit)
        self.ended = not self._held
        return data

    def read_all(self) -> bytes:
        data, self._held = self._held, b""
        if self._given:
            data, self._given = data[self._given :], 0
        self.ended = True
        return data


class LengthReader(BodyReader):
    """A body of a known number of bytes."""

    def __init__(self, client: SimpleClient, count: int) -> None:
        self._client = client
        self.left: int = count
        self.ended = count == 0

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
        return self._gather([], count)

    def _add_to(self, pieces: list[bytes], limit: int) -> int:
        if self.left < LARGE_BYTES or limit < RECEIVE_BYTES:
            return super()._add_to(pieces, limit)
        return self._add_straight(pieces, min(limit, self.left))

    def _came_straight(self, count: int) -> None:
        self.left -= count
        self.ended = not self.left

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


class ChunkedReader(HoldingReader):
    """A chunked body; `trailers` holds its trailer's fields after the end."""

    left = None

    def __init__(self, client: SimpleClient) -> None:
        from mini_http.codec.chunked import ChunkDecoder

        self._client = client
        self._decoder = ChunkDecoder(client.limits)
        self._has_begun = False
        self.ended = False

    def as_they_come(self) -> WireReader:
        """The reader of the chunks as they come over the wire, to be read in place of this one.

        Raises UnsupportedOperation once a part of the body was read here.
        """
        if self._has_begun:
            raise io.UnsupportedOperation("chunks of this body have been taken apart already")
        from mini_http.exchange.reply_files import WireReader

        return WireReader(self._client, self._decoder)

    def read_some(self, limit: int) -> bytes:
        if self.ended:
            return b""
        while not self._held and not self._decoder.ended:
            self._hold(b"".join(self._receive()))
        data = self._give(limit)
        self.ended = self._decoder.ended and not self._held
        return data

    def read_up_to(self, count: int) -> bytes:
        if count < RECEIVE_BYTES:
            return super().read_up_to(count)
        return self._gather([], count)

    def drop(self, limit: int) -> None:
        dropped = self.pending
        self._hold(b"")
        decoder, client = self._decoder, self._client
        while not decoder.ended and dropped <= limit and client.has_input():
            dropped += sum(map(len, self._receive()))
        self.ended = decoder.ended

    def _add_to(self, pieces: list[bytes], limit: int) -> int:
        """Each chunk is a piece, so that they are joined but once."""
        decoder = self._decoder
        if self._held or limit < RECEIVE_BYTES:
            return super()._add_to(pieces, limit)
        if decoder.left >= LARGE_BYTES:
            return self._add_straight(pieces, min(limit, decoder.left))
        received = self._receive()
        if decoder.left >= LARGE_BYTES:  # then what came of this chunk goes straight there, too
            begun = received.pop()
            self._client.unread(begun)
            decoder.left += len(begun)
        pieces += received
        self.ended = decoder.ended
        return sum(map(len, received))

    def _came_straight(self, count: int) -> None:
        self._decoder.left -= count

    def _receive(self) -> list[bytes]:
        """What one wait brings of the body, chunk by chunk; nothing where that only frames it."""
        self._has_begun = True
        decoder = self._decoder
        pieces: list[bytes] = []
        received = self._client.read_some(RECEIVE_BYTES)
        if received:
            pieces = decoder.pieces(received)
        elif not decoder.finish():
            raise base.errors.IncompleteRead(b"")
        if decoder.ended:
            self._client.unread(decoder.rest)
            self.trailers = decoder.trailers
        return pieces


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
