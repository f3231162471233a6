"""Request bodies: what callers pass, as pieces of bytes with a length or without, once or again."""

from __future__ import annotations

import array
import ctypes
import io
import mmap
import os

import pytest

from mini_http.base.errors import BodyNotReplayable
from mini_http.exchange.request_body import (
    NO_BODY,
    READ_BYTES,
    FileBody,
    IterableBody,
    RequestBody,
    request_body,
)


def joined(body):
    pieces = list(body.pieces())
    assert all(isinstance(piece, memoryview) and piece.format == "B" for piece in pieces)
    return b"".join(pieces)


def unseekable(data):
    """A file as a pipe is one."""
    reader, writer = os.pipe()
    with open(writer, "wb") as end:
        end.write(data)
    return open(reader, "rb")


class OnlyRead:
    """The least that makes a file."""

    def __init__(self, *pieces):
        self._pieces = [*pieces, b""]

    def read(self, size):
        return self._pieces.pop(0)


# --- bytes


@pytest.mark.parametrize(
    ("source", "data"),
    [
        (b"hello", b"hello"),
        (bytearray(b"hello"), b"hello"),
        (memoryview(b"hello")[1:], b"ello"),
        (array.array("H", [0x4141, 0x4242]), b"AABB"),
        ((ctypes.c_ubyte * 2)(65, 66), b"AB"),
        (b"", b""),
        (None, b""),
    ],
)
def test_bytes_in_any_buffer_have_a_length_and_can_be_sent_again(source, data):
    body = request_body(source)
    assert body.length == len(data)
    for _ in range(2):
        assert body.is_replayable
        body.rewind()
        assert joined(body) == data


def test_a_buffer_is_sent_without_copying_it():
    source = bytearray(b"hello")
    (piece,) = request_body(source).pieces()
    assert piece.obj is source


def test_no_body_has_no_pieces():
    assert request_body(None) is NO_BODY
    assert list(NO_BODY.pieces()) == []


def test_a_body_is_left_as_it_is():
    body = RequestBody(b"hello")
    assert request_body(body) is body


# --- files


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"hello world")
    return path


@pytest.mark.parametrize("buffering", [0, -1])
def test_a_file_is_sent_from_its_position_on_and_can_be_sent_again(path, buffering):
    with path.open("rb", buffering=buffering) as file:
        file.seek(6)
        body = request_body(file)
        assert isinstance(body, FileBody)
        assert body.length == 5
        assert file.tell() == 6, "asking for the length leaves it where it was"
        for _ in range(2):
            assert body.is_replayable
            body.rewind()
            assert joined(body) == b"world"


def test_a_file_in_memory_or_mapped_is_sent_as_a_file(path):
    assert request_body(io.BytesIO(b"hello")).length == 5
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        mapped.seek(6)
        body = request_body(mapped)
        assert body.length == 5
        assert joined(body) == b"world"


def test_a_long_file_is_read_in_pieces():
    class Counting(io.BytesIO):
        asked = ()

        def read(self, size=-1, /):
            self.asked += (size,)
            return super().read(size)

    source = Counting(bytes(READ_BYTES + 1))
    pieces = list(request_body(source).pieces())
    assert [len(piece) for piece in pieces] == [READ_BYTES, 1]
    assert set(source.asked) == {READ_BYTES}


def test_a_file_beyond_its_end_has_no_bytes():
    source = io.BytesIO(b"hello")
    source.seek(9)
    body = request_body(source)
    assert (body.length, joined(body)) == (0, b"")


def test_a_text_file_is_sent_as_iso_8859_1_and_its_length_is_not_known(tmp_path):
    path = tmp_path / "text"
    path.write_text("caf\xe9\n", encoding="utf-8")
    with path.open(encoding="utf-8") as file:
        body = request_body(file)
        assert body.length is None
        for _ in range(2):
            body.rewind()
            assert joined(body) == b"caf\xe9\n"


def test_text_in_memory_has_no_length_in_bytes():
    body = request_body(io.StringIO("caf\xe9"))
    assert body.length is None
    assert joined(body) == b"caf\xe9"


def test_a_file_that_cannot_seek_can_be_sent_once():
    with unseekable(b"hello") as file:
        body = request_body(file)
        assert body.length is None
        assert body.is_replayable
        body.rewind()  # nothing was read yet
        assert joined(body) == b"hello"
        assert not body.is_replayable
        with pytest.raises(BodyNotReplayable, match="its body is a file that can't seek"):
            body.rewind()


def test_whatever_can_be_read_is_a_file():
    body = request_body(OnlyRead(b"he", bytearray(b"llo")))
    assert body.length is None
    assert joined(body) == b"hello"
    assert not body.is_replayable


class NumbersAreOdd(OnlyRead):
    """A file with positions that are no numbers, as some wrappers have."""

    def tell(self):
        return "here"

    def seek(self, *where):
        return None


def test_a_file_that_tells_no_number_has_no_length():
    body = request_body(NumbersAreOdd(b"hello"))
    assert body.length is None
    assert joined(body) == b"hello"
    assert not body.is_replayable


def test_a_file_that_was_rewound_stands_where_it_began(path):
    with path.open("rb") as file:
        body = request_body(file)
        assert next(body.pieces())
        body.rewind()
        assert file.tell() == 0
        file.seek(6)
        assert joined(body) == b"world", "nothing rewinds it but `rewind`"


# --- iterables


def generated():
    yield b"he"
    yield bytearray(b"llo")


@pytest.mark.parametrize("source", [[b"he", b"llo"], (b"hello",), {b"hello": 1}.keys()])
def test_a_collection_can_be_sent_again(source):
    body = request_body(source)
    assert isinstance(body, IterableBody)
    assert body.length is None
    for _ in range(2):
        assert body.is_replayable
        body.rewind()
        assert joined(body) == b"hello"


def test_a_generator_can_be_sent_once():
    body = request_body(generated())
    assert body.length is None
    assert body.is_replayable
    body.rewind()  # nothing was taken yet
    assert joined(body) == b"hello"
    assert not body.is_replayable
    with pytest.raises(BodyNotReplayable, match="an iterator already consumed; pass bytes"):
        body.rewind()


def test_pieces_of_other_buffers_are_sent_as_bytes():
    body = request_body([array.array("H", [0x4141]), memoryview(b"BC")[1:]])
    assert joined(body) == b"AAC"


# --- what is no body


@pytest.mark.parametrize("source", ["text", ""])
def test_text_is_refused_with_a_hint(source):
    with pytest.raises(TypeError, match=r"must be bytes, not str: use text\.encode\(\)"):
        request_body(source)


def test_text_among_the_pieces_is_refused_with_a_hint():
    with pytest.raises(TypeError, match="must give bytes, not str: encode it first"):
        list(request_body(["text"]).pieces())


@pytest.mark.parametrize("source", [5, {"a": "b"}, object(), True])
def test_what_is_no_body_is_refused_naming_its_type(source):
    name = type(source).__name__
    with pytest.raises(TypeError, match=f"a file or an iterable of bytes, not {name}$"):
        request_body(source)


def test_pieces_that_are_no_bytes_are_refused():
    with pytest.raises(TypeError):
        list(request_body([1, 2]).pieces())
