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

NOTHING = io.BytesIO()
"""What is ahead where nothing was read ahead. All share it, and nobody writes to it."""


class BodyFile(ReadsText, io.BufferedIOBase):
    """See above. A subclass sets `_reader` and says in `_take` what follows from reading it."""

    __slots__ = ("_ahead", "_reader", "closed")
    _ahead: io.BytesIO
    """Read from the body, and given to the caller up to its position.

    It finds lines in C and does not copy what stays: one of 10 bytes takes 0.2 us, not 1.2.
    """
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
        if self._ahead is not NOTHING:
            return self._read_on(size)
        reader = self._reader
        if size is maxsize and type(reader) is BytesReader:
            return reader.read_all()
        return self._take(reader.read_up_to, size)

    def _read_on(self, size: int) -> bytes:
        """As `read`, where the beginning was read ahead."""
        ahead = self._ahead.read(size)
        if len(ahead) == size:
            return ahead
        try:
            return ahead + self._take(self._reader.read_up_to, size - len(ahead))
        except base.errors.IncompleteRead as cut:
            raise _cut_after(ahead + cut.partial, cut) from cut

    def read1(self, n: int = -1) -> bytes:
        """What can be had with one wait: up to `n` bytes, none only at the end."""
        if self.closed:
            self._raise_closed()
        limit = PIECE_BYTES if n < 0 else n
        data = self._ahead.read(limit)
        if data or not limit:
            return data
        return self._take(self._reader.read_some, limit)

    def readinto(self, target: WriteableBuffer, /) -> int:
        """Fills `target`, a writable buffer; returns the number of bytes, fewer only at the end."""
        if self.closed:
            self._raise_closed()
        view = memoryview(target).cast("B")
        filled = self._ahead.readinto(view)
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
        if not self._count_ahead():
            self._read_ahead()
        return self._unread()

    def readline(self, limit: int | None = -1) -> bytes:
        """The next line with its line end, or up to `limit` bytes of it; none only at the end."""
        if self.closed:
            self._raise_closed()
        line = self._ahead.readline(limit)
        if line.endswith(b"\n") or len(line) == limit:
            return line
        return self._readline_on(line, maxsize if limit is None or limit < 0 else limit)

    def _readline_on(self, begun: bytes, limit: int) -> bytes:
        """As `readline`, where `begun` was ahead of it and is not all."""
        pieces = [begun]
        left = limit - len(begun)
        try:
            while left and self._read_ahead():
                pieces.append(self._ahead.readline(left))
                left -= len(pieces[-1])
                if pieces[-1].endswith(b"\n"):
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

    # --- private: what is read ahead

    def _read_ahead(self) -> bool:
        """Where nothing is ahead any more: reads what comes next; returns whether any came."""
        data = self._take(self._reader.read_some, PIECE_BYTES)
        self._ahead = io.BytesIO(data) if data else NOTHING
        return bool(data)

    def _count_ahead(self) -> int:
        """How many bytes are ahead."""
        return len(self._ahead.getvalue()) - self._ahead.tell()

    def _unread(self) -> bytes:
        """What is ahead, and stays so."""
        return self._ahead.getvalue()[self._ahead.tell() :]

    def _raise_closed(self) -> NoReturn:
        raise ValueError("I/O operation on closed file.")


def _cut_after(data: bytes, cut: base.errors.IncompleteRead) -> base.errors.IncompleteRead:
    """`cut` as the error of a call that had read `data` up to it."""
    longer = base.errors.IncompleteRead(data, cut.expected)
    longer.state = cut.state
    for note in getattr(cut, "__notes__", ()):
        longer.add_note(note)
    return longer
