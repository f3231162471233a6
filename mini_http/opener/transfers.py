"""TransferFile: a file that comes over a connection, and is never silently cut.

It stands between a Transfer, which knows where the bytes come from and where they end, and whoever
reads. Each way of reading raises the error that ended the transfer: IncompleteRead, whose `partial`
is what that read still got, or another one of `base.errors`. What failed once fails again.
"""

from __future__ import annotations

import io

from mini_http import base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

RECEIVE_BYTES = 64 * 1024


class TransferFile(io.BufferedReader):
    """A transfer, to be read like any file. Closing it ends the transfer."""

    raw: Transfer

    def __init__(self, transfer: Transfer) -> None:
        super().__init__(transfer, RECEIVE_BYTES)

    def read(self, size: int | None = -1, /) -> bytes:
        return self._checked(super().read(size))

    def read1(self, size: int = -1, /) -> bytes:
        return self._checked(super().read1(size))

    def peek(self, size: int = 0, /) -> bytes:
        return super().peek(size) or self._checked(b"")

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._checked(super().readline(size))

    def readinto(self, target: WriteableBuffer, /) -> int:
        return self._counted(super().readinto(target), target)

    def readinto1(self, target: WriteableBuffer, /) -> int:
        return self._counted(super().readinto1(target), target)

    def _counted(self, count: int, target: WriteableBuffer) -> int:
        if self.raw.error is not None:
            self._checked(bytes(memoryview(target).cast("B")[:count]))
        return count

    def _checked(self, data: bytes) -> bytes:
        """`data`, if nothing has gone wrong. The buffer meets an error only where it needs more
        than it has, so all that came before can be read without one.
        """
        error = self.raw.error
        if error is None:
            return data
        if isinstance(error, base.errors.IncompleteRead):
            raise base.errors.IncompleteRead(data, error.expected) from error
        raise error


class Transfer(io.RawIOBase):
    """The bytes of a transfer as a file without errors: one ends it, and is kept in `error`.

    BufferedReader would lose the bytes before an error if it were raised. Subclasses say how bytes
    are received, and what is left to do at the end.
    """

    error: base.errors.MiniHTTPError | None = None
    has_ended = False

    def receive(self, target: WriteableBuffer) -> int:
        """The next bytes into `target`; returns their number, 0 at the end of what is whole.

        Raises the errors of `base.errors`.
        """
        raise NotImplementedError

    def release(self) -> None:
        """Gives the connection back, or closes it. Called once: at the end, an error or closing."""

    def readable(self) -> bool:
        return True

    def readinto(self, target: WriteableBuffer, /) -> int:
        count = 0
        if not self.has_ended:
            try:
                count = self.receive(target)
            except base.errors.MiniHTTPError as error:
                self.error = error
            if count == 0:
                self._end()
        return count

    def readall(self) -> bytes:
        # RawIOBase's own asks for 8 KiB at a time.
        return b"".join(iter(lambda: self.read(RECEIVE_BYTES) or b"", b""))

    def close(self) -> None:
        if not self.has_ended:
            self._end()
        super().close()

    def _end(self) -> None:
        self.has_ended = True
        self.release()
