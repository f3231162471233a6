"""A progress bar on the terminal for a body that goes to a file.

`progress` gives rich's bar where rich is installed, else one line that is written over and over, or
nothing where nobody would see it.
"""

from __future__ import annotations

import sys
from time import monotonic

from mini_http.tools.terminal import is_terminal, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self, TextIO

REFRESH_SECONDS = 0.1
NAME_SHOWN = 30
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Progress:
    """Counts bytes of a body; by itself it shows nothing. Use it in a `with` statement."""

    def advance(self, count: int) -> None:
        """So many more bytes are done."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """The body has ended, or something went wrong."""


class PlainProgress(Progress):
    """One line on `stream`, renewed at most every REFRESH_SECONDS. `total` is None if unknown."""

    def __init__(
        self, stream: TextIO, name: str, total: int | None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._stream = stream
        self._name = _short(name)
        self._total = total
        self._clock = clock
        self._done = 0
        self._next = 0.0

    def advance(self, count: int) -> None:
        self._done += count
        now = self._clock()
        if now >= self._next:
            self._next = now + REFRESH_SECONDS
            self._show()

    def __exit__(self, *_: object) -> None:
        self._show()
        self._stream.write("\n")
        self._stream.flush()

    def _show(self) -> None:
        amount = amount_of(self._done)
        if self._total:
            percent = 100 * self._done // self._total
            amount = f"{percent:3}%  {amount} of {amount_of(self._total)}"
        self._stream.write(f"\r{self._name}  {amount}\x1b[K")
        self._stream.flush()


class RichProgress(Progress):
    """rich's bar on `stream`. Raises ImportError where rich is not installed."""

    def __init__(self, stream: TextIO, name: str, total: int | None) -> None:
        from rich import progress as bars
        from rich.console import Console

        self._bar = bars.Progress(
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(),
            bars.DownloadColumn(binary_units=True),
            bars.TransferSpeedColumn(),
            bars.TimeRemainingColumn(),
            console=Console(file=stream),
        )
        self._task = self._bar.add_task(_short(name), total=total)

    def advance(self, count: int) -> None:
        self._bar.advance(self._task, count)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def progress(name: str, total: int | None, *, wanted: bool = True) -> Progress:
    """The best progress bar that standard error can show; it shows `name`.

    `total` is the number of bytes, None if it is not known.
    """
    stream = sys.stderr
    if not (wanted and is_terminal(stream)):
        return Progress()
    try:
        return RichProgress(stream, name, total)
    except ImportError:
        return PlainProgress(stream, name, total)


def amount_of(count: int) -> str:
    """A number of bytes as people read it: 1.5 MiB."""
    size, unit = float(count), 0
    while size >= 1024 and unit < len(UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {UNITS[unit]}" if unit else f"{count} B"


def _short(name: str) -> str:
    name = printable(name)
    return name if len(name) <= NAME_SHOWN else f"…{name[1 - NAME_SHOWN :]}"
