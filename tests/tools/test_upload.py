"""Request bodies of the command line: -d and its like, and files."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from mini_http.tools.failures import ReadFailed
from mini_http.tools.upload import STANDARD_INPUT, Upload, joined_data


@pytest.fixture
def lines(tmp_path: Path) -> str:
    path = tmp_path / "lines"
    path.write_bytes(b"one two\r\n\0three=\n")
    return str(path)


def standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))


@pytest.mark.parametrize(
    ("kind", "text", "body"),
    [
        ("data", "a=b c", b"a=b c"),
        ("data", "", b""),
        ("data", "ü", "ü".encode()),
        ("data", "\udcff", b"\xff"),
        ("data", "@{lines}", b"one twothree="),
        ("data-binary", "@{lines}", b"one two\r\n\0three=\n"),
        ("data-binary", "a\n", b"a\n"),
        ("data-raw", "@{lines}", None),
        ("json", "@{lines}", b"one two\r\n\0three=\n"),
        ("json", '{"a": 1}', b'{"a": 1}'),
        ("data-urlencode", "a b&c/ü", b"a%20b%26c%2F%C3%BC"),
        ("data-urlencode", "=a=b", b"a%3Db"),
        ("data-urlencode", "name=a b=c", b"name=a%20b%3Dc"),
        ("data-urlencode", "@{lines}", b"one%20two%0D%0A%00three%3D%0A"),
        ("data-urlencode", "name@{lines}", b"name=one%20two%0D%0A%00three%3D%0A"),
    ],
)
def test_each_kind_of_data_makes_of_its_value_what_curl_does(
    kind: str, text: str, body: bytes | None, lines: str
) -> None:
    text = text.replace("{lines}", lines)
    assert joined_data([(kind, text)]) == (os.fsencode(text) if body is None else body)


def test_data_is_joined_and_json_is_not() -> None:
    assert joined_data([("data", "a"), ("data-urlencode", "b=&"), ("data-raw", "")]) == b"a&b=%26&"
    assert joined_data([("json", "[1,"), ("json", "2]")]) == b"[1,2]"


def test_data_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    standard_input(monkeypatch, b"a\nb")
    assert joined_data([("data", "@-")]) == b"ab"
    assert sys.stdin.buffer.read() == b""  # it was left open


def test_a_file_is_read_as_it_comes_and_counted(lines: str) -> None:
    with Upload(lines) as file:
        assert file.tell() == 0
        assert file.seek(0, 2) == 17
        assert file.seek(8) == 8
        assert file.read(4) == b"\n\0th"
        assert file.sent == 4
        file.seek(0)
        assert file.sent == 0
        assert len(file.read()) == file.sent == 17


def test_a_pipe_gives_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        os.write(writing, b"abc")
        with Upload(STANDARD_INPUT) as file:
            assert file.read(100) == b"abc"
            os.close(writing)
            assert file.read(100) == b""
            with pytest.raises(OSError, match="seek"):
                file.tell()
        monkeypatch.undo()
        assert not stdin.closed


def test_a_file_that_cant_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReadFailed, match="missing: No such file"):
        Upload(str(tmp_path / "missing"))
    with pytest.raises(ReadFailed, match="embedded null byte"):
        Upload("a\0b")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ReadFailed, match="standard input is closed"):
        Upload(STANDARD_INPUT)


def test_an_error_while_reading_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    directory = os.open("/", os.O_RDONLY)

    class Directory(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            os.read(directory, 1)
            raise AssertionError("a directory was read")

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Directory())))
    with pytest.raises(ReadFailed, match="standard input: Is a directory"):
        Upload(STANDARD_INPUT).read(10)
    os.close(directory)
