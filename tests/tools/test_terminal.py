"""The standard streams, also when they are closed, broken or a terminal."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from mini_http.tools.failures import ReaderGone, WriteFailed
from mini_http.tools.terminal import STANDARD_OUTPUT, Output, is_terminal, printable, say


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    say("a line")
    assert capsys.readouterr() == ("", "a line\n")


@pytest.mark.parametrize("stream", [None, Broken()])
def test_a_line_that_nobody_can_read_is_dropped(
    stream: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    say("a line")
    assert capsys.readouterr().out == ""


def test_what_could_play_with_a_terminal_is_not_printable() -> None:
    assert printable("a\x1b[2J\x9b\r\nb\tü") == "a?[2J???b\tü"


def test_a_closed_stream_is_no_terminal() -> None:
    assert not is_terminal(None)
    assert not is_terminal(io.StringIO())
    assert is_terminal(Terminal(io.BytesIO()))


def test_a_file_is_emptied_when_the_first_bytes_come(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"earlier")
    with Output(str(path)) as output:
        assert output.is_file
        assert path.read_bytes() == b"earlier"
        output.write(b"la")
        assert path.read_bytes() == b"la"
        output.write(b"ter\0")
    assert path.read_bytes() == b"later\0"


def test_a_file_that_is_never_written_is_left_alone(tmp_path: Path) -> None:
    with Output(str(tmp_path / "file")):
        pass
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "Is a directory"),
        ("missing/file", "No such file or directory"),
        ("a\0b", "embedded null byte"),
    ],
)
def test_a_file_that_cant_be_opened_is_named(tmp_path: Path, name: str, words: str) -> None:
    path = f"{tmp_path}/{name}"
    with pytest.raises(WriteFailed) as raised, Output(path) as output:
        output.open()
    assert str(raised.value) == f"{path}: {words}"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_full_disk_is_told() -> None:
    with pytest.raises(WriteFailed, match="/dev/full: No space left"), Output("/dev/full") as out:
        out.write(b"a")


def test_a_file_that_is_a_broken_pipe_is_a_failure(tmp_path: Path) -> None:
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with Output(path) as output:
        output.open()
        os.close(reader)
        with pytest.raises(WriteFailed, match="Broken pipe"):
            output.write(b"a")


def test_bytes_go_to_standard_output_as_they_are(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    with Output(STANDARD_OUTPUT) as output:
        output.write(b"\0\xff")
    assert not output.is_file
    assert capsysbinary.readouterr().out == b"\0\xff"


def test_a_closed_standard_output_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(WriteFailed, match="standard output is closed"):
        Output(STANDARD_OUTPUT).write(b"a")


def test_a_terminal_gets_text_and_other_bytes_only_if_it_must(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Terminal(shown))
    careful = Output(STANDARD_OUTPUT, any_bytes=False)
    careful.write(b"text")
    with pytest.raises(WriteFailed, match="upset the terminal: use -o FILE"):
        careful.write(b"\0")
    Output(STANDARD_OUTPUT).write(b"\0")
    assert shown.getvalue() == b"text\0"


def test_a_file_takes_any_bytes_also_beside_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal(io.BytesIO()))
    with Output(str(tmp_path / "file"), any_bytes=False) as output:
        output.write(b"\0")
    assert (tmp_path / "file").read_bytes() == b"\0"


def test_a_reader_that_has_gone_ends_the_writing_and_leaves_no_complaint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        with pytest.raises(ReaderGone):
            Output(STANDARD_OUTPUT).write(b"a" * 100_000)
        stdout.flush()
        monkeypatch.undo()
    assert stdout.closed


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_standard_output_that_takes_no_more_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open("/dev/full", "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        with pytest.raises(WriteFailed, match="standard output: No space left"):
            Output(STANDARD_OUTPUT).write(b"a")
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        monkeypatch.undo()
    assert stdout.closed
