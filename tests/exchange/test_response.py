"""HTTPResponse: as a file, as urllib and http.client have it, and what its connection does."""

from __future__ import annotations

import contextlib
import copy
import gc
import gzip
import http.client
import io
import json
import pickle
import shutil
import socket
import weakref
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.descriptors import can_list_descriptors, open_descriptors
from support.streams import ScriptedStream
from support.waits import PATIENCE

from mini_http.base.errors import (
    BadChunk,
    BadCoding,
    ConnectionBroken,
    IncompleteRead,
    LimitExceeded,
    MiniHTTPError,
    ReadTimedOut,
    StateError,
)
from mini_http.base.limits import DEFAULT_LIMITS, Limits
from mini_http.codec.chunked import write_chunk, write_last_chunk
from mini_http.codec.framing import CloseReason
from mini_http.codec.heads import read_response_head
from mini_http.exchange.body import BodyReader, BytesReader
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.response import HTTPResponse
from mini_http.exchange.states import State


@pytest.fixture(scope="module", autouse=True)
def no_descriptors_leaked_by_all_of_these():
    """Once for all, since looking for them takes longer than most of the tests here."""
    before = open_descriptors() if can_list_descriptors() else {}
    yield
    assert not before or len(open_descriptors()) <= len(before)


BODY = b"first line\nsecond\r\n\nthe last one"
LINES = [b"first line\n", b"second\r\n", b"\n", b"the last one"]


class Sent(NamedTuple):
    """A reply as a server frames it."""

    head: str
    wire: bytes
    length: int | None
    decode: bool = False


CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def in_chunks(data):
    return write_chunk(data[:7]) + write_chunk(data[7:]) + write_last_chunk([("A", "b")])


PACKED = gzip.compress(BODY)
FRAMINGS = {
    "length": Sent(f"Content-Length: {len(BODY)}\r\n", BODY, len(BODY)),
    "chunked": Sent("Transfer-Encoding: chunked\r\n", in_chunks(BODY), None),
    "until close": Sent("", BODY, None),
    "gzip": Sent(
        f"Content-Encoding: gzip\r\nContent-Length: {len(PACKED)}\r\n", PACKED, None, decode=True
    ),
    "gzip in chunks": Sent(
        "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        in_chunks(PACKED),
        None,
        decode=True,
    ),
}
DELIVERIES = {"whole": None, "by sevens": 7, "byte by byte": 1}


def reply(head="", wire=b"", *, size=None, end="close", limits=DEFAULT_LIMITS, method="GET"):
    """The reply with these lines in its head and these bytes after it, and its client."""
    data = f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + wire
    pieces = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    client = HTTPClient.over(ScriptedStream(pieces, end), limits=limits)
    return client.exchange(method, "/", [("Host", "a.test")]), client


def begun(sent, size=None):
    response, _ = reply(sent.head, sent.wire, size=size)
    if sent.decode:
        response.decode_content()
    return response


@pytest.fixture(params=FRAMINGS)
def sent(request):
    return FRAMINGS[request.param]


@pytest.fixture(params=DELIVERIES)
def response(request, sent):
    """A reply whose body is BODY, in each framing and at each way of coming."""
    with begun(sent, DELIVERIES[request.param]) as response:
        yield response


# --- a file to read


def test_read_gives_all_of_it_and_then_nothing(response):
    assert response.read() == BODY
    assert response.read() == response.read(5) == response.read1() == response.readline() == b""
    assert response.isclosed()
    assert not response.closed


@pytest.mark.parametrize("size", [None, -1])
def test_read_without_a_size_gives_all(response, size):
    assert response.read(size) == BODY


def test_the_methods_that_read_take_http_clients_names_of_their_arguments(response):
    assert response.peek(n=1)[:1] == BODY[:1]
    taken = [response.read(amt=3), response.read1(n=1), response.readline(limit=2)]
    assert [len(piece) for piece in taken] == [3, 1, 2]
    assert b"".join(taken) == BODY[:6]


@pytest.mark.parametrize("size", [1, 7, 10, len(BODY), len(BODY) + 1, 1 << 20])
def test_read_gives_exactly_so_many_bytes_until_the_end(response, size):
    pieces = list(iter(lambda: response.read(size), b""))
    assert pieces == [BODY[at : at + size] for at in range(0, len(BODY), size)]


def test_read_of_no_bytes_gives_none_and_takes_none(response):
    assert response.read(0) == response.read1(0) == b""
    assert response.readinto(bytearray()) == response.readinto1(bytearray()) == 0
    assert response.readline(0) == b""
    assert response.read() == BODY


def test_read1_gives_what_one_wait_brings(response):
    pieces = list(iter(lambda: response.read1(5), b""))
    assert b"".join(pieces) == BODY
    assert max(map(len, pieces)) <= 5


def test_read1_without_a_size_gives_pieces(response):
    assert b"".join(iter(response.read1, b"")) == BODY


def test_readinto_fills_the_buffer_until_the_end(response):
    buffer = bytearray(12)
    assert response.readinto(buffer) == 12
    assert buffer == BODY[:12]
    assert response.readinto(memoryview(buffer)[2:]) == 10
    assert buffer[2:] == BODY[12:22]
    rest = bytearray(100)
    assert response.readinto(rest) == len(BODY) - 22
    assert rest.startswith(BODY[22:])
    assert response.readinto(rest) == 0


def test_readinto1_waits_but_once(response):
    buffer, gathered = bytearray(5), b""
    while count := response.readinto1(buffer):
        gathered += buffer[:count]
    assert gathered == BODY


def test_peek_takes_nothing(response):
    seen = response.peek()
    assert seen
    assert BODY.startswith(seen)
    assert response.peek(1) == seen
    assert response.read(3) == BODY[:3]
    assert BODY[3:].startswith(response.peek())
    assert response.read() == BODY[3:]
    assert response.peek() == b""


def test_readline_gives_lines_with_their_ends(response):
    assert list(iter(response.readline, b"")) == LINES


@pytest.mark.parametrize("size", [1, 4, 11])
def test_readline_gives_no_more_than_it_is_asked_for(response, size):
    file = io.BytesIO(BODY)
    for line in iter(lambda: file.readline(size), b""):
        assert response.readline(size) == line
    assert response.readline(size) == b""


def test_readline_takes_none_for_no_limit(response):
    assert response.readline(None) == LINES[0]


def test_readlines_and_iteration_give_lines(sent):
    assert list(begun(sent)) == LINES
    assert begun(sent).readlines() == LINES
    assert begun(sent).readlines(12) == LINES[:2]
    response = begun(sent)
    assert next(response) == LINES[0]
    assert response.read() == b"".join(LINES[1:])


def test_iter_chunks_gives_pieces_of_at_most_so_many_bytes(response):
    pieces = list(response.iter_chunks(4))
    assert b"".join(pieces) == BODY
    assert max(map(len, pieces)) <= 4


def test_iter_lines_gives_text_without_line_ends(response):
    assert list(response.iter_lines()) == ["first line", "second", "", "the last one"]


def test_the_ways_of_reading_go_on_from_each_other(response):
    assert response.read(3) == b"fir"
    assert response.readline() == b"st line\n"
    assert response.peek()[:1] == b"s"
    assert response.read1(1) == b"s"
    buffer = bytearray(4)
    assert response.readinto(buffer) == 4
    assert buffer == b"econ"
    assert next(response) == b"d\r\n"
    assert response.read() == b"\nthe last one"


METHODS = ["read", "read1", "readline", "readinto", "peek"]


@given(
    steps=st.lists(st.tuples(st.sampled_from(METHODS), st.integers(0, 12)), max_size=12),
    kind=st.sampled_from(list(FRAMINGS)),
    size=st.sampled_from([None, 1, 7]),
)
def test_any_order_of_reading_gives_the_body(steps, kind, size):
    response = begun(FRAMINGS[kind], size)
    file = io.BytesIO(BODY)
    for method, count in steps:
        if method == "peek":
            assert BODY[file.tell() :].startswith(response.peek(count))
        elif method == "readinto":
            buffer = bytearray(count)
            found = bytes(buffer[: response.readinto(buffer)])
            assert found == file.read(count)
        elif method == "read1":
            found = response.read1(count)
            assert found == file.read(len(found))
        else:
            assert getattr(response, method)(count) == getattr(file, method)(count)
    assert response.read() == file.read()


# --- what takes files


def test_a_text_wrapper_reads_it(response):
    text = io.TextIOWrapper(response, "ascii", newline="")
    assert text.readline() == "first line\n"
    assert text.read() == BODY[11:].decode()
    text.close()
    assert response.closed


def test_gzip_reads_it(response):
    packed = gzip.compress(BODY * 50)
    packed_reply, _ = reply(f"Content-Length: {len(packed)}\r\n", packed, size=100)
    with gzip.GzipFile(fileobj=packed_reply) as file:
        assert file.read() == BODY * 50


def test_copyfileobj_copies_it(response):
    target = io.BytesIO()
    shutil.copyfileobj(response, target, 7)
    assert target.getvalue() == BODY


def test_a_buffered_reader_over_it_reads_it(response):
    assert io.BufferedReader(response, 8).read() == BODY


def test_json_load_reads_it():
    response, _ = reply("Content-Length: 8\r\n", b'{"a": 1}')
    assert json.load(response) == {"a": 1}


def test_it_is_a_buffered_file_for_reading_alone(response):
    assert isinstance(response, io.BufferedIOBase)
    assert (response.readable(), response.writable(), response.seekable()) == (True, False, False)
    with pytest.raises(io.UnsupportedOperation):
        response.write(b"x")
    with pytest.raises(io.UnsupportedOperation):
        response.seek(0)
    assert not response.isatty()
    response.flush()


# --- what the head said


@pytest.fixture
def small():
    response, _ = reply("Content-Length: 2\r\nSet-Cookie: a\r\nset-cookie: b\r\n", b"hi")
    return response


def test_the_names_of_http_client_and_urllib(small):
    assert (small.status, small.code, small.getcode(), small.reason) == (200, 200, 200, "OK")
    assert small.version == 11
    assert small.headers is small.msg is small.info()
    assert (small.url, small.geturl(), small.history) == ("", "", ())
    small.url = "http://a.test/"
    assert small.geturl() == "http://a.test/"
    assert small.getheaders() == [("Content-Length", "2"), ("Set-Cookie", "a"), ("set-cookie", "b")]
    assert small.getheader("content-length") == "2"
    assert small.getheader("SET-COOKIE") == "a, b"
    assert small.chunked is False
    assert small.will_close is False
    assert repr(small) == "<HTTPResponse 200 'OK' of http://a.test/>"


@pytest.mark.parametrize(
    ("default", "given"), [(None, None), ("x", "x"), (["x", "y"], "x, y"), ((), ""), (5, 5)]
)
def test_a_header_that_is_missing_is_its_default_as_in_http_client(small, default, given):
    assert small.getheader("X", default) == given
    assert http.client.HTTPResponse.getheader.__get__(TheirHeaders())("X", default) == given


class TheirHeaders:
    """As much of a reply of http.client's as its getheader looks at."""

    headers = http.client.HTTPMessage()


def test_what_a_caller_adds_to_a_reply_stays_there(small):
    small.note = "mine"
    assert small.note == "mine"


@pytest.mark.parametrize(
    ("name", "chunked"),
    [
        ("length", False),
        ("chunked", True),
        ("until close", False),
        ("gzip", False),
        ("gzip in chunks", True),
    ],
)
def test_a_reply_tells_whether_it_is_chunked(name, chunked):
    assert begun(FRAMINGS[name], 7).chunked is chunked


def test_length_is_what_is_left_where_that_is_known(response, sent):
    assert response.length == sent.length
    response.read(3)
    assert response.length == (None if sent.length is None else sent.length - 3)
    response.peek()
    assert response.length == (None if sent.length is None else sent.length - 3)


@pytest.mark.parametrize(
    ("head", "method"), [("Content-Length: 5\r\n", "HEAD"), ("Content-Length: 0\r\n", "GET")]
)
def test_a_reply_without_a_body_has_length_0_and_is_done(head, method):
    response, client = reply(head, method=method)
    assert response.length == 0
    assert client.state is State.IDLE
    assert not response.isclosed()  # until it is read, as in http.client
    assert response.read() == b""
    assert response.isclosed()


def test_trailers_are_there_after_the_end(sent):
    response = begun(sent, 7)
    is_chunked = "chunked" in sent.head
    assert response.trailers is None
    response.read()
    assert (response.trailers.items() if is_chunked else response.trailers) == (
        [("A", "b")] if is_chunked else None
    )


def test_fp_is_the_file_while_something_is_left(response):
    if not response.chunked:  # of chunks it gives the bytes of the wire
        assert response.fp is response
    response.read()
    assert response.fp is None


# --- content codings


def test_decoding_takes_away_the_fields_that_no_longer_hold():
    response = begun(FRAMINGS["gzip"])
    assert response.getheaders() == []
    assert response.length is None


@pytest.mark.parametrize(
    ("head", "data"),
    [
        ("Content-Length: 5\r\n", b"hello"),
        ("Content-Length: 5\r\nContent-Encoding: identity\r\n", b"hello"),
        ("Content-Length: 5\r\nContent-Encoding: rot13\r\n", b"hello"),
        ("Content-Length: 5\r\nContent-Encoding: gzip, rot13\r\n", b"hello"),
        ("Content-Length: 0\r\nContent-Encoding: gzip\r\n", b""),
    ],
)
def test_what_is_not_coded_or_cannot_be_decoded_is_left_as_it_is(head, data):
    response, _ = reply(head, data)
    fields = response.getheaders()
    response.decode_content()
    assert response.getheaders() == fields
    assert response.length == len(data)
    assert response.read() == data


def test_two_fields_of_codings_are_one_list():
    data = gzip.compress(gzip.compress(b"hello"))
    coding = "Content-Encoding: gzip\r\n"
    response, _ = reply(f"{coding}A: b\r\n{coding}Content-Length: {len(data)}\r\n", data)
    response.decode_content()
    assert response.read() == b"hello"
    assert response.getheaders() == [("A", "b")]


def test_too_many_codings_are_refused():
    response, _ = reply("Content-Length: 5\r\nContent-Encoding: gzip, gzip\r\n", b"hello")
    with pytest.raises(LimitExceeded):
        response.decode_content(Limits(codings=1))


def test_a_reply_whose_coded_bytes_have_all_come_gives_its_connection_back_before_the_end():
    data = gzip.compress(bytes(1 << 20))
    response, client = reply(
        f"Content-Encoding: gzip\r\nContent-Length: {len(data)}\r\n", data, size=600
    )
    response.decode_content()
    assert response.read(10) == bytes(10)
    assert response.read(900_000) == bytes(900_000)
    assert client.state is State.IDLE
    assert len(response.read()) == (1 << 20) - 900_010


# --- faults

CUT = {
    "length": (FRAMINGS["length"].head, BODY[:-5], 5),
    "chunked": (FRAMINGS["chunked"].head, write_chunk(BODY[:10]) + b"99\r\n" + BODY[10:-5], None),
}


@pytest.mark.parametrize("kind", CUT)
@pytest.mark.parametrize("size", [None, 7, 1])
@pytest.mark.parametrize(
    "read",
    [
        lambda response: response.read(),
        lambda response: response.read(1000),
        lambda response: response.readinto(bytearray(1000)),
        lambda response: response.peek() and response.read(),
        lambda response: response.peek() and response.read(1000),
        lambda response: response.peek() and response.readinto(bytearray(1000)),
    ],
)
def test_a_body_that_is_cut_raises_with_all_that_came(kind, size, read):
    head, wire, expected = CUT[kind]
    response, client = reply(head, wire, size=size)
    with pytest.raises(IncompleteRead) as caught:
        read(response)
    assert caught.value.partial == BODY[:-5]
    assert caught.value.expected == expected
    assert client.close_reason is CloseReason.BODY_CUT
    assert client.closed


@pytest.mark.parametrize("kind", CUT)
@pytest.mark.parametrize(
    "read",
    [
        lambda response: [response.readline() for _ in range(9)],
        list,
        lambda response: response.readlines(),
        lambda response: list(response.iter_lines()),
        lambda response: list(response.iter_chunks()),
        lambda response: list(iter(lambda: response.read(4), b"")),
        lambda response: list(iter(response.read1, b"")),
        lambda response: list(iter(lambda: response.readinto(bytearray(4)), 0)),
        lambda response: list(iter(lambda: response.readinto1(bytearray(4)), 0)),
        lambda response: response.text,
        lambda response: response.json(),
        lambda response: io.TextIOWrapper(response).read(),
        lambda response: shutil.copyfileobj(response, io.BytesIO()),
    ],
)
def test_a_body_that_is_cut_raises_in_every_way_of_reading(kind, read):
    head, wire, _ = CUT[kind]
    with pytest.raises(IncompleteRead):
        read(reply(head, wire, size=7)[0])


def test_a_line_that_is_too_long_closes_the_connection():
    response, client = reply("", b"short\n" + b"x" * 100 + b"\nshort\n")
    lines = response.iter_lines(limit=50)
    assert next(lines) == "short"
    with pytest.raises(LimitExceeded, match="more than 50 bytes in a line of the body"):
        next(lines)
    assert client.closed


def test_the_last_line_of_a_body_that_is_cut_is_in_the_error():
    head, wire, _ = CUT["length"]
    response, _ = reply(head, wire, size=3)
    assert [response.readline() for _ in range(3)] == LINES[:3]
    with pytest.raises(IncompleteRead) as caught:
        response.readline()
    assert caught.value.partial == b"the las"


FAULTS = [
    ("Content-Length: 9\r\n", b"hello", "close", IncompleteRead, CloseReason.BODY_CUT),
    ("Content-Length: 9\r\n", b"hello", "reset", ConnectionBroken, CloseReason.BROKEN),
    ("Content-Length: 9\r\n", b"hello", "timeout", ReadTimedOut, CloseReason.TIMED_OUT),
    ("Transfer-Encoding: chunked\r\n", b"2\r\nhi!!", "close", BadChunk, CloseReason.PROTOCOL_FAULT),
    ("Content-Encoding: gzip\r\n", b"hello", "close", BadCoding, CloseReason.BODY_UNTIL_CLOSE),
    ("", b"hello", "reset", ConnectionBroken, CloseReason.BODY_UNTIL_CLOSE),
]  # fmt: skip


@pytest.mark.parametrize(("head", "wire", "end", "error", "reason"), FAULTS)
def test_what_failed_once_fails_again_in_every_way_of_reading(head, wire, end, error, reason):
    response, client = reply(head, wire, end=end)
    response.decode_content()
    with pytest.raises(error):
        response.read()
    assert client.close_reason is reason
    assert client.closed
    for read in (
        response.read,
        response.read1,
        response.readline,
        response.peek,
        lambda: response.read(5),
        lambda: response.readinto(bytearray(5)),
        lambda: response.readinto1(bytearray(5)),
        lambda: next(response),
        lambda: list(response.iter_chunks()),
        lambda: response.text,
    ):
        with pytest.raises(error):
            read()
    assert response.isclosed()
    assert not response.closed
    response.close()
    assert response.closed


def test_an_interrupted_read_closes_the_connection():
    class Interrupting(ScriptedStream):
        def recv(self, size, flags=0):
            data = super().recv(size, flags)
            if not data:
                raise KeyboardInterrupt
            return data

    stream = Interrupting([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"])
    client = HTTPClient.over(stream)
    response = client.exchange("GET", "/", [("Host", "a.test")])
    with pytest.raises(KeyboardInterrupt):
        response.read()
    assert client.close_reason is CloseReason.INTERRUPTED
    assert stream.closed
    with pytest.raises(MiniHTTPError):
        response.read()


def test_a_reply_whose_client_was_closed_can_not_be_read_on():
    response, client = reply("Content-Length: 9\r\n", b"hello")
    client.close()
    with pytest.raises(MiniHTTPError):
        response.read()
    response.close()


# --- after close


@pytest.mark.parametrize(
    "use",
    [
        lambda response: response.read(),
        lambda response: response.read(1),
        lambda response: response.read1(),
        lambda response: response.readinto(bytearray(1)),
        lambda response: response.readinto1(bytearray(1)),
        lambda response: response.peek(),
        lambda response: response.readline(),
        lambda response: response.readlines(),
        lambda response: next(response),
        lambda response: list(response.iter_chunks()),
        lambda response: response.text,
        lambda response: response.__enter__(),
    ],
)
def test_a_closed_reply_can_not_be_read(response, use):
    response.close()
    assert response.closed
    assert response.isclosed()
    response.close()
    with pytest.raises(ValueError, match="closed file"):
        use(response)


def test_a_with_block_closes(response):
    with response as entered:
        assert entered is response
    assert response.closed
    assert response.fp is None


# --- the connection


def test_the_connection_is_free_once_the_last_byte_was_read():
    freed = []
    response, client = reply("Content-Length: 5\r\n", b"hello", size=7)
    client.on_free = freed.append
    response.read(4)
    assert freed == []
    response.read(1)
    assert freed == [client]
    assert client.state is State.IDLE
    response.close()
    assert freed == [client]
    assert not client.closed


def test_closing_reads_a_short_rest_and_keeps_the_connection():
    response, client = reply("Content-Length: 60000\r\n", bytes(60000), size=1000)
    response.read(10)
    response.close()
    assert client.state is State.IDLE


def test_closing_a_coded_reply_reads_its_coded_bytes_and_does_not_decode_them():
    data = gzip.compress(b"x" * 1000)[:-1] + b"!"  # the check sum is wrong
    response, client = reply(
        f"Content-Encoding: gzip\r\nContent-Length: {len(data)}\r\n", data, size=7
    )
    response.decode_content()
    response.close()
    assert client.state is State.IDLE


@pytest.mark.parametrize(
    ("head", "wire"),
    [
        ("Content-Length: 70000\r\n", bytes(70_000)),
        ("Transfer-Encoding: chunked\r\n", write_chunk(bytes(200_000)) + write_last_chunk()),
        ("", bytes(200_000)),
    ],
)
def test_closing_leaves_a_long_rest_and_closes_the_connection(head, wire):
    response, client = reply(head, wire, size=1000)
    response.close()
    assert client.closed
    assert client.close_reason in (CloseReason.UNREAD_BODY, CloseReason.BODY_UNTIL_CLOSE)


@contextlib.contextmanager
def over_a_socket(*pieces):
    """A reply in chunks over a real socket, where it can be seen what has come, and its client."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client = HTTPClient.over(ours, timeout=PATIENCE)
        theirs.sendall(CHUNKED_HEAD)
        response = client.exchange("GET", "/", [("Host", "a.test")])
        for piece in pieces:
            theirs.sendall(piece)
        yield response, client


def as_chunks(response):
    return response


def as_they_come(response):
    assert response.fp.readline()
    return response


@pytest.mark.parametrize("begin", [as_chunks, as_they_come])
def test_closing_a_reply_in_chunks_drops_what_has_come(begin):
    with over_a_socket(write_chunk(bytes(30_000)), write_last_chunk()) as (response, client):
        begin(response).close()
        assert client.state is State.IDLE


def looked_at(response):
    assert response.peek()


@pytest.mark.parametrize("begin", [as_chunks, as_they_come, looked_at])
@pytest.mark.parametrize("sent", [b"5\r\nhel", b"5\r\nhello\r\n", b"5\r\nhello\r\n5\r\n"])
def test_closing_a_stream_that_has_no_end_yet_does_not_wait_for_it(begin, sent):
    with over_a_socket(sent) as (response, client):
        begin(response)
        response.close()
        assert client.close_reason is CloseReason.UNREAD_BODY  # and not that a wait took too long


def test_how_much_is_read_to_keep_a_connection_is_a_limit():
    for limit, state in ((100, State.IDLE), (99, State.CLOSED)):
        response, client = reply(
            "Content-Length: 100\r\n", bytes(100), size=50, limits=Limits(drain_bytes=limit)
        )
        response.close()
        assert client.state is state


@pytest.mark.parametrize("end", ["close", "reset", "timeout"])
def test_closing_raises_nothing_when_the_rest_does_not_come(end):
    response, client = reply("Content-Length: 9\r\n", b"hello", end=end)
    response.close()
    assert client.closed


def test_a_connection_that_closes_anyway_is_closed_without_reading_the_rest():
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"
    stream = ScriptedStream([head, b"hello"])
    response = HTTPClient.over(stream).exchange("GET", "/", [("Host", "a.test")])
    assert response.will_close
    response.close()
    assert stream.closed
    assert stream.unread == b"hello"


def test_a_reply_that_nobody_holds_closes_its_connection_without_waiting():
    stream = ScriptedStream([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hello"])
    client = HTTPClient.over(stream)
    response = client.exchange("GET", "/", [("Host", "a.test")])
    del response
    gc.collect()
    assert stream.closed
    assert stream.unread == b"hello"
    assert client.close_reason is CloseReason.UNREAD_BODY


@pytest.mark.parametrize("double", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize("of", [lambda response: response, lambda response: response.fp])
def test_there_are_no_two_of_a_reply(double, of):
    response, client = reply("Transfer-Encoding: chunked\r\n", in_chunks(BODY))
    with pytest.raises(TypeError, match=r"can't copy or pickle .* keep those"):
        double(of(response))
    assert response.read() == BODY
    assert client.state is State.IDLE


@pytest.mark.parametrize("name", ["length", "chunked", "will_close", "chunk_left", "fp"])
def test_what_the_head_says_of_the_body_can_not_be_set(name):
    response, _ = reply("Content-Length: 5\r\n", b"hello")
    before = getattr(response, name)
    with pytest.raises(AttributeError):
        setattr(response, name, 3)
    assert getattr(response, name) == before
    assert response.read() == b"hello"


def test_a_reply_that_was_not_made_can_be_dropped():
    with pytest.raises(TypeError):
        HTTPResponse()
    gc.collect()
    assert HTTPResponse.__new__(HTTPResponse) is not None


@pytest.mark.parametrize("sent", ["hel", "hello"])
def test_a_reply_has_no_descriptor_of_a_connection_that_is_kept_alive(sent):
    ours, theirs = socket.socketpair()
    with theirs, HTTPClient.over(ours) as client:
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + sent.encode())
        response = client.exchange("GET", "/", [("Host", "a.test")])
        with pytest.raises(OSError, match="send 'Connection: close'"):
            response.fileno()


def test_a_reply_has_the_descriptor_of_a_connection_that_closes_after_it():
    ours, theirs = socket.socketpair()
    with theirs, HTTPClient.over(ours) as client:
        theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
        fields = [("Host", "a.test"), ("Connection", "close")]
        response = client.exchange("GET", "/", fields)
        assert response.fileno() == ours.fileno()
        theirs.sendall(b"lo")
        response.read()
        with pytest.raises(OSError, match="shared"):
            response.fileno()


def test_dir_shows_what_a_reply_has_and_not_what_http_clients_has():
    reply = HTTPClient.over(ScriptedStream([b"HTTP/1.1 204 x\r\n\r\n"])).exchange("GET", "/", [])
    reply.note = "of a user"
    assert {"json", "status", "iter_lines", "history", "read", "note"} <= set(dir(reply))
    assert "_read_chunked" not in dir(reply)
    assert {"get_all", "combined"} <= set(dir(reply.headers))


def test_a_reply_is_one_of_http_clients_to_whoever_looks():
    reply = HTTPClient.over(ScriptedStream([b"HTTP/1.1 204 x\r\n\r\n"])).exchange("GET", "/", [])
    assert isinstance(reply, http.client.HTTPResponse)
    assert isinstance(reply, HTTPResponse)
    assert isinstance(reply, io.BufferedIOBase)
    assert type(reply) is HTTPResponse


def test_a_coded_body_is_kept_to_its_end_without_waiting_for_more():
    coded = in_chunks(gzip.compress(BODY))
    wire = (
        b"HTTP/1.1 404 Gone\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n" + coded
    )
    client = HTTPClient.over(ScriptedStream([wire]))
    reply = client.exchange("GET", "/", [("Host", "h")])
    reply.decode_content()
    reply.keep_rest()
    assert client.state is State.IDLE
    assert reply.trailers["A"] == "b", "its end was seen"
    assert reply.read() == BODY


def test_an_interrupt_while_the_rest_is_kept_is_no_error_of_the_body():
    class Interrupted(ScriptedStream):
        def recv(self, size, /):
            if self.sent and not self.interrupted:
                self.interrupted = True
                return b"HTTP/1.1 404 Gone\r\nContent-Length: 5\r\n\r\nhel"
            raise KeyboardInterrupt

        interrupted = False

    client = HTTPClient.over(Interrupted([]))
    reply = client.exchange("GET", "/", [("Host", "h")])
    with pytest.raises(KeyboardInterrupt):
        reply.keep_rest()
    assert client.closed


# --- made by hand, and handed from one connection to another


class SavedReply(io.BytesIO):
    """What a program has of a reply."""

    def makefile(self, mode):
        assert mode == "rb"
        return self


def test_one_that_a_program_makes_begins_when_it_is_told_to():
    response = HTTPResponse(SavedReply(b"HTTP/1.1 200 OK\r\n\r\nhello"), 0, "GET", "http://a.test/")
    assert (response.url, response.history, response.close_reason) == ("http://a.test/", (), None)
    for _ in range(2):  # the second time there is nothing to begin
        response.begin()
        assert (response.status, response.code, response.reason, response.version) == (
            200, 200, "OK", 11,
        )  # fmt: skip
    assert response.read() == b"hello"


def test_one_is_made_of_a_head_and_a_reader():
    head = read_response_head(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", DEFAULT_LIMITS)
    response = HTTPResponse.of(head, BytesReader(b"hello"))
    response.begin()
    assert (response.status, response.url, response.getheader("a")) == (200, "", "b")
    assert response.read() == b"hello"


def test_a_source_of_its_own_gives_the_head_of_one():
    class Source:
        def begin_reply(self, response):
            head = read_response_head(b"HTTP/1.1 204 No Content\r\n\r\n", DEFAULT_LIMITS)
            response.take_head(head, BodyReader())

    saved = SavedReply(b"nonsense")
    response = HTTPResponse(saved)
    response.read_from(Source())
    response.begin()
    assert response.status == 204
    response.close()
    assert not saved.closed


def test_the_rest_of_one_comes_from_the_client_that_has_taken_its_connection_over(sent):
    data = f"HTTP/1.1 200 OK\r\n{sent.head}\r\n".encode() + sent.wire
    before = HTTPClient.over(ScriptedStream([data[:-9], data[-9:]]))
    response = before.exchange("GET", "/", [("Host", "a.test")])
    if sent.decode:
        response.decode_content()
    begun = response.read(3)
    after = HTTPClient.continuing(before)
    after.close_reason, after._state = CloseReason.REQUEST_SAID_CLOSE, State.REPLYING
    assert response.comes_over(before)
    response.go_on_with(after)
    assert not response.comes_over(before)
    assert begun + response.read() == BODY
    assert (before.closed, after.closed) == (True, True)


def test_what_was_not_read_of_one_that_is_cut_off_is_lost():
    response, client = reply("Content-Length: 9\r\n", b"hello")
    assert response.read(2) == b"he"
    response.cut_off()
    assert (response.isclosed(), response.length) == (True, None)
    with pytest.raises(StateError, match="before it was read"):
        response.read()
    response.close()
    assert not client.closed


def test_one_that_ended_holds_no_connection():
    """Or a connection that its program drops would stay open until the garbage is collected."""
    response, client = reply("Content-Length: 600000\r\n", b"x" * 600_000)
    gone = weakref.ref(client)
    assert len(response.read()) == 600_000
    client.close()
    del client
    assert gone() is None


def test_a_switched_one_is_detached_once():
    wire = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\nhello\n"
    client = HTTPClient.over(ScriptedStream([wire]))
    response = client.exchange("GET", "/", [("Host", "a.test"), ("Upgrade", "echo")])
    assert (response.read(), response.length, response.will_close) == (b"", 0, True)
    with response.detach() as following:
        assert (following.readline(), following.stage) == (b"hello", "switched")
    with pytest.raises(io.UnsupportedOperation, match="did not switch"):
        response.detach()


# --- the rest, kept so that the connection can serve


def test_the_rest_is_kept_and_the_connection_is_free(sent):
    response, client = reply(sent.head, sent.wire, size=7, end="timeout")
    if sent.decode:
        response.decode_content()
    if response.will_close:
        pytest.skip("its connection serves no more")
    assert response.read(3) == BODY[:3]
    response.keep_rest()
    assert client.state is State.IDLE
    response.keep_rest()
    assert response.read() == BODY[3:]


def test_a_rest_that_is_long_is_not_kept():
    response, client = reply("Content-Length: 600000\r\n", b"x" * 600_000)
    response.keep_rest()
    assert client.state is State.REPLYING
    assert len(response.read()) == 600_000


def test_a_rest_that_turns_out_to_be_long_is_kept_as_far_as_it_was_read():
    wire = write_chunk(b"x" * 300_000) + write_last_chunk()
    response, client = reply("Transfer-Encoding: chunked\r\n", wire, size=50_000)
    response.keep_rest()
    assert client.state is State.REPLYING
    assert len(response.read()) == 300_000
    assert client.state is State.IDLE


def test_a_rest_that_does_not_come_soon_can_still_come():
    response, client = reply("Content-Length: 5\r\n", b"he", size=1, end="timeout")
    client.timeout = 0.01
    response.keep_rest()
    assert client.state is State.REPLYING
    assert client.deadline is None
    assert response.read(2) == b"he"
    with pytest.raises(ReadTimedOut):
        response.read(1)


def test_what_goes_wrong_while_the_rest_is_kept_is_raised_when_it_is_read():
    response, client = reply("Content-Length: 5\r\n", b"he", size=1)
    response.keep_rest()
    assert client.closed
    assert response.read(2) == b"he"
    with pytest.raises(IncompleteRead):
        response.read()


def test_a_reply_of_its_own_file_closes_that():
    saved = SavedReply(b"HTTP/1.1 200 OK\r\n\r\nhello")
    HTTPResponse(saved).close()
    assert not saved.closed  # nobody has asked for it
    response = HTTPResponse(saved)
    response.begin()
    response.close()
    assert saved.closed
