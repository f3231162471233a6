"""Request bodies: what callers pass, as pieces of bytes with a length or without, once or again."""

from __future__ import annotations

import array
import ctypes
import gzip
import http.client
import io
import mmap
import os
import pathlib

import pytest
from support.servers import ScriptedServer

from mini_http.base.errors import BodyNotReplayable, InvalidField, InvalidRequest
from mini_http.exchange.request_body import (
    FORBIDDEN_TRAILERS,
    NO_BODY,
    READ_BYTES,
    BodyWrapper,
    FileBody,
    IterableBody,
    PathBody,
    RequestBody,
    exactly,
    request_body,
    watched,
    with_trailers,
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
        (memoryview(b"abcdef")[::2], b"ace"),
        (memoryview(bytes(range(65, 69))).cast("B", (2, 2)), b"ABCD"),
        ((ctypes.c_uint32.__ctype_be__ * 1)(0x41424344), b"ABCD"),
        (array.array("H"), b""),
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


def test_a_body_may_know_its_type():
    assert RequestBody(b"hello").content_type is None
    assert RequestBody(b"{}", "application/json").content_type == "application/json"


def test_a_body_given_again_is_ready_to_be_sent_again():
    body = request_body(io.BytesIO(b"hello"))
    for _ in range(2):
        assert joined(request_body(body)) == b"hello"


def test_a_body_given_again_that_cannot_be_sent_again_is_an_error():
    body = request_body(generated())
    assert request_body(body) is body
    assert joined(body) == b"hello"
    with pytest.raises(BodyNotReplayable):
        request_body(body)


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


def test_how_much_is_read_at_a_time_may_be_set():
    body = request_body(io.BytesIO(b"hello"))
    body.block_bytes = 2
    assert [bytes(piece) for piece in body.pieces()] == [b"he", b"ll", b"o"]


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


class BytesAndFile(bytes):
    """Bytes that can be read."""

    def read(self, size):
        return b""


def test_bytes_that_can_be_read_are_a_file():
    body = request_body(BytesAndFile(b"hello"))
    assert body.length is None
    assert joined(body) == b""


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


def test_a_text_file_with_what_iso_8859_1_lacks_is_an_error():
    pieces = request_body(io.StringIO("5 \u20ac")).pieces()
    with pytest.raises(InvalidRequest, match="which has no '\u20ac': open it in binary"):
        next(pieces)


def test_a_file_that_has_nothing_yet_has_not_ended():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with open(reader, "rb", buffering=0) as file, open(writer, "wb", buffering=0) as end:
        end.write(b"hello")
        pieces = request_body(file).pieces()
        assert bytes(next(pieces)) == b"hello"
        with pytest.raises(InvalidRequest, match="its file had nothing to give yet"):
            next(pieces)


def test_a_file_that_is_read_by_await_is_refused():
    class Awaited:
        def read(self, size):
            return range(size)

    with pytest.raises(TypeError, match="a request body must give bytes, not range"):
        next(request_body(Awaited()).pieces())


@pytest.mark.parametrize("path", ["/proc/self/status", "/proc/sys/kernel/ostype"])
def test_a_file_that_says_that_it_is_empty_and_is_not_has_no_length(path):
    if not os.path.exists(path):
        pytest.skip("this system has no such files")
    with open(path, "rb") as file:
        body = request_body(file)
        assert body.length is None
        for _ in range(2):
            body.rewind()
            assert len(joined(body)) > 1


def test_a_file_that_can_only_be_written_is_no_body(path):
    with path.open("ab") as file, pytest.raises(io.UnsupportedOperation):
        request_body(file)


class NoEnd(io.BytesIO):
    """A file that can go anywhere but to its end, as files of some codings are."""

    def seek(self, offset, whence=0):
        if whence:
            raise ValueError("its end is not known")
        return super().seek(offset)


def test_a_file_whose_end_is_not_known_can_be_sent_again():
    file = NoEnd(b"hello world")
    file.seek(6)
    body = request_body(file)
    assert body.length is None
    for _ in range(2):
        assert body.is_replayable
        body.rewind()
        assert joined(body) == b"world"


def test_a_file_that_is_decoded_has_the_length_of_what_it_gives(path):
    path.write_bytes(gzip.compress(b"hello" * 1000))
    with gzip.open(path) as file:
        body = request_body(file)
        assert body.length in (None, 5000)
        assert joined(body) == b"hello" * 1000


# --- paths


def test_a_path_is_open_only_while_it_is_sent(path, no_leaked_descriptors):
    body = request_body(path)
    assert isinstance(body, PathBody)
    assert body.length == 11
    for _ in range(2):
        assert body.is_replayable
        body.rewind()
        assert joined(body) == b"hello world"
    pieces = body.pieces()
    next(pieces)
    pieces.close()


def test_a_path_that_leads_to_no_file_is_an_error_at_once(tmp_path):
    with pytest.raises(FileNotFoundError):
        request_body(tmp_path / "missing")
    with pytest.raises(OSError):  # which one depends on the system
        request_body(tmp_path)


def test_a_path_to_what_can_be_read_once_is_refused(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidRequest, match=r"not a regular file: .*pipe; pass it opened"):
        request_body(tmp_path / "pipe")


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


def test_the_type_of_a_piece_that_is_no_bytes_is_named():
    with pytest.raises(TypeError, match="a request body must give bytes, not int"):
        list(request_body([b"1", 2]).pieces())


async def awaited():
    yield b"hello"


class AsyncFile:
    """A file as libraries have it that await every read."""

    def __aiter__(self):
        return self

    async def read(self, size):
        return b""


def test_what_must_be_awaited_is_refused_with_a_hint():
    coroutine = AsyncFile().read(1)
    for source in (awaited(), AsyncFile(), coroutine):
        name = type(source).__name__
        with pytest.raises(TypeError, match=f"without await, which {name} can't be: collect"):
            request_body(source)
    coroutine.close()


# --- for others who send iterables


def test_a_body_can_be_iterated_over_again_and_again():
    for source in (b"hello", io.BytesIO(b"hello"), [b"he", b"llo"]):
        body = request_body(source)
        for _ in range(2):
            assert b"".join(body) == b"hello"
    body = request_body(generated())
    assert b"".join(body) == b"hello"
    with pytest.raises(BodyNotReplayable):
        iter(body)


@pytest.mark.parametrize(
    ("headers", "sent"),
    [({}, b"5\r\nhello\r\n0\r\n\r\n"), ({"Content-Length": "5"}, b"hello")],
)
def test_http_client_can_send_a_body(headers, sent):
    with ScriptedServer([b"HTTP/1.1 204 No Content\r\n\r\n"]) as server:
        connection = http.client.HTTPConnection(server.authority)
        connection.request("POST", "/", request_body(b"hello"), headers)
        connection.getresponse().close()
        connection.close()
    assert server.requests[0].partition(b"\r\n\r\n")[2] == sent


# --- watched


def test_a_hook_is_told_after_each_piece():
    told = []
    body = watched([b"hel", b"lo"], lambda *now: told.append(now))
    assert body.is_watched
    pieces = body.pieces()
    assert bytes(next(pieces)) == b"hel"
    assert told == []
    assert bytes(next(pieces)) == b"lo"
    assert told == [(3, None)]
    assert list(pieces) == []
    assert told == [(3, None), (5, None)]


def test_long_pieces_are_told_of_bit_by_bit(path):
    told = []
    body = watched(bytes(2 * READ_BYTES + 1), lambda *now: told.append(now))
    assert sum(len(piece) for piece in body.pieces()) == body.length
    assert told == [(sent, body.length) for sent in (READ_BYTES, 2 * READ_BYTES, body.length)]


def test_a_body_that_is_sent_again_is_counted_again():
    told = []
    body = watched(io.BytesIO(b"hello"), lambda *now: told.append(now))
    for _ in range(2):
        assert body.is_replayable
        body.rewind()
        assert joined(body) == b"hello"
    assert told == [(5, 5), (5, 5)]
    once = watched(generated(), print)
    assert len(joined(once)) == 5
    assert not once.is_replayable
    with pytest.raises(BodyNotReplayable):
        once.rewind()


def test_what_the_hook_raises_ends_the_sending():
    def stop(sent, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        joined(watched(b"hello", stop))


# --- trailers

FIELDS = [("Content-Digest", "sha-256=:abc:"), ("X-Rows", "5")]


def test_a_body_with_trailers_has_no_length_and_names_them():
    body = with_trailers(b"hello", FIELDS)
    assert body.length is None
    assert body.trailer_names == ("Content-Digest", "X-Rows")
    assert joined(body) == b"hello"
    assert list(body.trailers()) == FIELDS
    assert list(RequestBody(b"").trailers()) == []
    assert RequestBody(b"").trailer_names is None


def test_trailers_may_be_made_when_the_body_was_sent():
    rows = []

    def counted():
        for row in (b"1", b"2"):
            rows.append(row)
            yield row

    body = with_trailers(counted(), lambda: [("X-Rows", str(len(rows)))])
    assert body.trailer_names == ()
    assert joined(body) == b"12"
    assert body.trailers() == (("X-Rows", "2"),)


def test_trailers_can_be_sent_again():
    body = with_trailers(io.BytesIO(b"hello"), iter(FIELDS))
    for _ in range(2):
        body.rewind()
        assert joined(body) == b"hello"
        assert list(body.trailers()) == FIELDS


def test_trailers_add_up_and_a_hook_sees_the_body_alone():
    told = []
    body = watched(with_trailers(with_trailers(b"hello", FIELDS[:1]), FIELDS[1:]), told.append)
    assert body.trailer_names == ("Content-Digest", "X-Rows")
    assert list(body.trailers()) == FIELDS
    assert body.length is None


BAD_TRAILERS = [
    *[([(name, "5")], f"{name} can't be a trailer") for name in sorted(FORBIDDEN_TRAILERS)],
    ([("AUTHORIZATION", "secret")], r"^AUTHORIZATION can't be a trailer: .*\(RFC 9110 6.5.1\)$"),
    ([("X", "1\r\n")], "Invalid header value for X"),
    ([("X Y", "1")], "Invalid header name 'X Y'"),
    ([("X", 1)], "Invalid header value for X: int is not a string"),
]


@pytest.mark.parametrize(("trailers", "words"), BAD_TRAILERS)
def test_fields_that_cannot_be_trailers_are_refused(trailers, words):
    with pytest.raises(InvalidField, match=words):
        with_trailers(b"hello", trailers)
    body = with_trailers(b"hello", lambda: trailers)
    with pytest.raises(InvalidField, match=words):
        body.trailers()


@pytest.mark.parametrize("made", [lambda body: body, lambda body: watched(body, print)])
def test_who_would_lose_the_trailers_cannot_send_the_body(made):
    with pytest.raises(TypeError, match="does not send the trailers"):
        iter(made(with_trailers(b"hello", FIELDS)))


# --- of a length that was said


def test_pieces_of_the_length_that_was_said_are_given():
    pieces = [memoryview(b"he"), memoryview(b"llo")]
    assert list(exactly(pieces, 5, "it", "that it had")) == pieces
    assert list(exactly([], 0, "it", "that it had")) == []


@pytest.mark.parametrize(("length", "words"), [(4, "more"), (6, "fewer"), (0, "more")])
def test_pieces_of_another_length_are_an_error(length, words):
    given = exactly([memoryview(b"hello")], length, "it", "that it had")
    with pytest.raises(InvalidRequest, match=f"^it has {words} bytes than the {length} that it"):
        list(given)


# --- wrapped


def test_a_wrapped_body_is_the_same_in_all(path):
    inner = with_trailers(watched(RequestBody(b"hello", "a/b"), len), FIELDS)
    body = BodyWrapper(inner)
    assert (body.content_type, body.is_watched, body.length) == ("a/b", True, None)
    assert (body.trailer_names, body.trailers()) == (inner.trailer_names, inner.trailers())
    assert pathlib.Path(path).read_bytes() == joined(BodyWrapper(request_body(path)))
