"""Progress bars: rich's, a plain one, and none where nobody looks."""

from __future__ import annotations

import io
import sys

import pytest

from mini_http.tools.progress import (
    PlainProgress,
    Progress,
    RichProgress,
    amount_of,
    progress,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal_for(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_nothing_is_shown_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress("file", 10) as bar:
        bar.advance(10)
    assert type(bar) is Progress
    assert stream.getvalue() == ""


def test_nothing_is_shown_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    with progress("file", 10, wanted=False) as bar:
        bar.advance(10)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("total", [2 << 20, None])
def test_rich_draws_the_bar_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, total: int | None
) -> None:
    terminal = terminal_for(monkeypatch)
    pytest.importorskip("rich")
    with progress("[red]file", total) as bar:
        bar.advance(1 << 20)
        bar.advance(1 << 20)
    assert isinstance(bar, RichProgress)
    assert "[red]file" in terminal.getvalue()
    assert "2.0" in terminal.getvalue()


def test_a_plain_line_stands_in_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_for(monkeypatch)
    monkeypatch.setitem(sys.modules, "rich", None)
    with progress("file", 2048) as bar:
        bar.advance(2048)
    assert isinstance(bar, PlainProgress)
    assert terminal.getvalue() == "\rfile  100%  2.0 KiB of 2.0 KiB\x1b[K" * 2 + "\n"


def test_the_plain_line_is_renewed_ten_times_a_second() -> None:
    stream, times = io.StringIO(), iter([5.0, 5.05, 5.1, 5.15])
    with PlainProgress(stream, "file", 400, lambda: next(times)) as bar:
        for _ in range(4):
            bar.advance(100)
    shown = [line.removesuffix("\x1b[K") for line in stream.getvalue().strip().split("\r")]
    assert shown[-3:] == [
        "file   25%  100 B of 400 B",
        "file   75%  300 B of 400 B",
        "file  100%  400 B of 400 B",
    ]


def test_the_plain_line_ends_also_when_the_body_is_cut() -> None:
    stream = io.StringIO()
    with pytest.raises(OSError, match="cut"), PlainProgress(stream, "file", None, lambda: 0.0):
        raise OSError("cut")
    assert stream.getvalue() == "\rfile  0 B\x1b[K\n"


def test_a_long_name_is_shortened_and_no_name_plays_with_the_terminal() -> None:
    stream = io.StringIO()
    with PlainProgress(stream, "\x1b]" + "a" * 40 + ".end", 0):
        pass
    assert stream.getvalue() == f"\r…{'a' * 25}.end  0 B\x1b[K\n"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 << 10, "1.5 MiB"),
        (3 << 30, "3.0 GiB"),
        (5 << 50, "5120.0 TiB"),
    ],
)
def test_amounts_are_written_for_people(count: int, text: str) -> None:
    assert amount_of(count) == text
