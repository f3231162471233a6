"""BodyFile: the body of a reply as a binary file that is read.

All reading goes through a BodyReader. What it raises is raised, and what failed once fails again;
IncompleteRead has with it all that the call had read before.
"""

from __future__ import annotations

import io
from sys import maxsize

from mini_http import base
from mini_http.exchange.body import BytesReader
from mini_http.exchange.text import PIECE_BYTES, ReadsText

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, SupportsIndex, TypeVar, TypeVarTuple

    from _typeshed import WriteableBuffer

    from mini_http.exchange.body import BodyReader

    Arguments = TypeVarTuple("Arguments")
    Taken = TypeVar("Taken")


class BodyFile(ReadsText, io.BufferedIOBase):
    """See above. A subclass sets `_reader` and says in `_take` what follows from reading it."""

    __slots__ = ("_ahead", "_reader", "closed")
    _ahead: bytes
    """Read from the body, and not yet by the caller."""
    _reader: BodyReader
    # A slot in place of IOBase's property, which `with` asks: 0.3 us.
    closed: bool
    """Whether `close` was called."""

    def _take(self, read: Callable[[*Arguments], Taken], *arguments: *Arguments) -> Taken:
        """What `read`, of the reader, gives."""
        raise NotImplementedError

    # The names of their arguments are http.client's: programs say read(amt=1024).

    def read(self, amt: int | None = -1) -> bytes:
        """Up to `amt` bytes, fewer only at the end; without a number, all the rest."""
        if self.closed:
            self._raise_closed()
        size = maxsize if amt is None or amt < 0 else amt
        if self._ahead:
            return self._read_on(size)
        reader = self._reader
        if size is maxsize and type(reader) is BytesReader:
            return reader.read_all()
        return self._take(reader.read_up_to, size)

    def _read_on(self, size: int) -> bytes:
        """As `read`, where the beginning was read ahead."""
        ahead, self._ahead = self._ahead[:size], self._ahead[size:]
        try:
            return ahead + self._take(self._reader.read_up_to, size - len(ahead))
        except base.errors.IncompleteRead as cut:
            raise _cut_after(ahead + cut.partial, cut) from cut

    def read1(self, n: int = -1) -> bytes:
        """What can be had with one wait: up to `n` bytes, none only at the end."""
        if self.closed:
            self._raise_closed()
        limit = PIECE_BYTES if n < 0 else n
        if self._ahead or not limit:
            data, self._ahead = self._ahead[:limit], self._ahead[limit:]
            return data
        return self._take(self._reader.read_some, limit)

    def readinto(self, target: WriteableBuffer, /) -> int:
        """Fills `target`, a writable buffer; returns the number of bytes, fewer only at the end."""
        if self.closed:
            self._raise_closed()
        view = memoryview(target).cast("B")
        filled = min(len(self._ahead), view.nbytes)
        view[:filled], self._ahead = self._ahead[:filled], self._ahead[filled:]
        try:
            while filled < view.nbytes:
                filled += self._take(self._reader.readinto, view[filled:])
                if self._reader.ended:
                    break
        except base.errors.IncompleteRead as cut:
            raise _cut_after(bytes(view[:filled]), cut) from cut
        return filled

    def readinto1(self, target: WriteableBuffer, /) -> int:
        """As `readinto`, with at most one wait."""
        view = memoryview(target).cast("B")
        data = self.read1(view.nbytes)
        view[: len(data)] = data
        return len(data)

    def peek(self, n: int = -1) -> bytes:
        """The bytes that come next, without taking them; none only at the end."""
        if self.closed:
            self._raise_closed()
        if not self._ahead:
            self._ahead = self._take(self._reader.read_some, PIECE_BYTES)
        return self._ahead

    def readline(self, limit: int | None = -1) -> bytes:
        """The next line with its line end, or up to `limit` bytes of it; none only at the end."""
        if self.closed:
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
            raise _cut_after(b"".join(pieces), cut) from cut
        return b"".join(pieces)

    def readable(self) -> bool:
        return True

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            f"can't copy or pickle {type(self).__name__}, whose bytes come but once: read them, and"
            " keep those"
        )

    def _raise_closed(self) -> NoReturn:
        raise ValueError("I/O operation on closed file.")


def _cut_after(data: bytes, cut: base.errors.IncompleteRead) -> base.errors.IncompleteRead:
    """`cut` as the error of a call that had read `data` up to it."""
    longer = base.errors.IncompleteRead(data, cut.expected)
    longer.state = cut.state
    for note in getattr(cut, "__notes__", ()):
        longer.add_note(note)
    return longer
