"""The standard streams as a command meets them: closed, broken, piped or a terminal.

`say` writes lines for people to standard error and never fails. `Output` is where a body goes:
standard output or a file. What a server sent reaches a terminal only through `printable`.
"""

from __future__ import annotations

import os
import sys

from mini_http.tools.failures import ReaderGone, WriteFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import BinaryIO, Self, TextIO

STANDARD_OUTPUT = "-"


def say(line: str) -> None:
    """Writes a line to standard error, if anyone is there to read it."""
    if sys.stderr is None:
        return
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        pass


def printable(text: str) -> str:
    """A text that may come from a server, as one line that can't play with a terminal."""
    return "".join(char if char.isprintable() or char == "\t" else "?" for char in text)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at this stream."""
    return stream is not None and stream.isatty()


class Output:
    """Where bytes go: a file, or standard output if `name` is STANDARD_OUTPUT.

    A file is opened, and then emptied, when the first bytes are there or `open` is called. Raises
    WriteFailed, and ReaderGone when standard output is a pipe that nobody reads any more.
    """

    def __init__(self, name: str, *, any_bytes: bool = True) -> None:
        self.name = name
        self._any_bytes = any_bytes or self.is_file or not is_terminal(sys.stdout)
        self._file: BinaryIO | None = None

    @property
    def is_file(self) -> bool:
        """Whether this is a file with a name."""
        return self.name != STANDARD_OUTPUT

    def open(self) -> None:
        """Opens the file, if it isn't."""
        if self._file is not None:
            return
        if self.is_file:
            try:
                self._file = open(self.name, "wb", buffering=0)  # noqa: SIM115  (closed by close)
            except (OSError, ValueError) as error:
                raise self._failed(error) from error
        elif sys.stdout is None:
            raise WriteFailed("standard output is closed")
        else:
            self._file = sys.stdout.buffer

    def write(self, data: bytes) -> None:
        """Writes all of `data`, and hands it on at once."""
        self.open()
        assert self._file is not None
        if not self._any_bytes and b"\0" in data:
            raise WriteFailed(
                "these bytes may upset the terminal: use -o FILE, or -o - to see them all the same"
            )
        try:
            view = memoryview(data)
            while view:  # a file without a buffer may take less than all
                view = view[self._file.write(view) :]
            self._file.flush()
        except BrokenPipeError as error:
            if self.is_file:
                raise self._failed(error) from error
            _discard_output()
            raise ReaderGone from error
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError | ValueError) -> WriteFailed:
        name = self.name if self.is_file else "standard output"
        return WriteFailed(f"{name}: {getattr(error, 'strerror', None) or error}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.is_file and self._file is not None:
            self._file.close()


def _discard_output() -> None:
    """Lets what is buffered for the broken pipe vanish: Python would complain of it at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
