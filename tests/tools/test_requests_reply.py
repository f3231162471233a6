"""`response.raw` over the adapter is what it is over requests' own, and stricter where that is lax.

Most tests run over both adapters: what they say holds with and without ours.
"""

from __future__ import annotations

import codecs
import csv
import gc
import gzip
import io
import json
import shutil
import ssl
import sys
import tarfile
import zlib

import pytest
import requests
from requests.adapters import HTTPAdapter
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.steps import Drain, Expect, Pause, Reset, Send
from support.waits import PATIENCE
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError, SSLError

import mini_http
from mini_http import Limits
from mini_http.base import errors
from mini_http.tools.requests_adapter import RequestsAdapter
from mini_http.tools.requests_reply import reading_error

TEXT = b"a,b\n1,2\n3,4\n"
BIG = bytes(range(256)) * 400
"""More than one wait brings."""

# What nobody's program can tell apart is tested over both.
ADAPTERS = {"requests' own": HTTPAdapter, "ours": RequestsAdapter}


def session_over(adapter):
    made = requests.Session()
    made.trust_env = False
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    return made


@pytest.fixture(params=ADAPTERS)
def session(request):
    with session_over(ADAPTERS[request.param]()) as made:
        yield made


@pytest.fixture
def ours():
    with session_over(RequestsAdapter()) as made:
        yield made


def sized(body, fields=b""):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (len(body), fields) + body


def coded(name, body):
    return sized(body, b"Content-Encoding: %s\r\n" % name)


def chunked(*chunks, fields=b"", last=b"0\r\n\r\n"):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n%s\r\n" % fields
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + last


def bare_deflate(body):
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(body) + engine.flush()


def br(body):
    return pytest.importorskip("brotli").compress(body)


def zstd(body):
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    return pytest.importorskip(name).compress(body)


@pytest.fixture
def get(session):
    """Makes a streamed response of the bytes that a server sends."""
    servers = []

    def answered(reply, **options):
        server = ScriptedServer([reply])
        server.__enter__()
        servers.append(server)
        return session.get(server.url, **{"stream": True, **options})

    yield answered
    session.close()
    for server in servers:
        server.__exit__(None, None, None)


@pytest.fixture
def get_ours(ours):
    """The same, over our adapter alone."""
    servers = []

    def answered(reply, adapter=None, **options):
        if adapter is not None:
            ours.mount("http://", adapter)
        server = ScriptedServer([reply])
        server.__enter__()
        servers.append(server)
        return ours.get(server.url, **{"stream": True, **options})

    yield answered
    ours.close()
    for server in servers:
        server.__exit__(None, None, None)


# --- what the head said


def test_raw_has_what_the_head_said(get):
    reply = b"HTTP/1.1 203 Not So Sure\r\nContent-Length: 0\r\nX-A: 1\r\nX-B: 2\r\nx-a: 3\r\n\r\n"
    raw = get(reply).raw
    assert (raw.status, raw.reason, raw.version) == (203, "Not So Sure", 11)
    assert raw.headers["x-a"] == raw.getheader("X-A") == "1, 3"
    assert raw.headers.getlist("X-A") == ["1", "3"]
    assert raw.info() == raw.getheaders() == raw.headers
    assert raw.getheader("x-c") is None
    assert raw.getheader("x-c", "none") == "none"
    assert raw._original_response.msg.get_all("X-A") == ["1", "3"]


def test_raw_shows_what_it_is_and_no_secret(get_ours):
    raw = get_ours(sized(b"")).raw
    assert repr(raw).startswith("<RawReply 200 'OK' of 127.0.0.1:")


# --- a body as it came


def test_raw_reads_like_a_file(get):
    raw = get(sized(TEXT)).raw
    assert raw.readable()
    assert raw.read(3) == b"a,b"
    assert raw.tell() == 3
    assert raw.readline() == b"\n"
    target = bytearray(4)
    assert raw.readinto(target) == 4
    assert target == b"1,2\n"
    assert raw.read1(2) == b"3,"
    assert raw.read(cache_content=True) == b"4\n"
    assert raw.read() == raw.read(5) == raw.read1() == raw.read1(5) == raw.readline() == b""
    assert raw.readinto(target) == 0
    assert raw.tell() == len(TEXT)


@pytest.mark.parametrize("amount", [None, -1])
@pytest.mark.parametrize("method", ["read", "read1"])
def test_no_amount_means_all_that_is_there(get, method, amount):
    assert getattr(get(sized(TEXT)).raw, method)(amount) == TEXT


def test_raw_is_not_decoded_unless_asked(get):
    body = gzip.compress(TEXT)
    assert get(coded(b"gzip", body)).raw.read() == body


def test_the_body_of_a_reply_in_chunks_comes_without_their_framing(get_ours):
    assert get_ours(chunked(b"one", b"two")).raw.read() == b"onetwo"


def test_lines_are_iterated_decoded(get):
    raw = get(coded(b"gzip", gzip.compress(TEXT))).raw
    assert list(raw) == [b"a,b\n", b"1,2\n", b"3,4\n"]


# --- decoding

CODERS = {
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"br": br,
    b"zstd": zstd,
    b"gzip, br": lambda body: br(gzip.compress(body)),
}


@pytest.mark.parametrize("name", CODERS)
def test_content_is_decoded_and_the_headers_stay(get, name):
    body = CODERS[name](BIG)
    response = get(coded(name, body), stream=False)
    assert response.content == BIG
    assert response.headers["Content-Encoding"] == name.decode()
    assert response.headers["Content-Length"] == str(len(body))


def test_deflate_without_its_zlib_header_is_decoded_too(get):
    assert get(coded(b"deflate", bare_deflate(BIG))).content == BIG


@pytest.mark.parametrize("name", [b"identity", b"unheard-of", b""])
def test_a_coding_that_nobody_knows_is_left_alone(get, name):
    response = get(coded(name, TEXT))
    assert response.raw.read(3, decode_content=True) == TEXT[:3]
    assert response.raw.read(decode_content=False) == TEXT[3:]


@pytest.mark.parametrize("head", [b"204 No Content", b"304 Not Modified", b"200 OK"])
def test_an_empty_body_has_nothing_to_decode(get, head):
    reply = b"HTTP/1.1 %s\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n" % head
    assert get(reply).content == b""


@pytest.mark.parametrize("name", [b"gzip", b"br"])
def test_each_way_of_reading_can_decode(get, name):
    def raw():
        return get(coded(name, CODERS[name](TEXT))).raw

    assert raw().read(decode_content=True) == TEXT
    assert raw().read(4, decode_content=True) == TEXT[:4]
    assert raw().read1(decode_content=True) == TEXT
    assert b"".join(raw().stream(5, decode_content=True)) == TEXT


def test_decoding_can_be_set_for_all_reads(get, tmp_path):
    raw = get(coded(b"gzip", gzip.compress(BIG))).raw
    raw.decode_content = True
    with open(tmp_path / "file", "w+b") as file:
        shutil.copyfileobj(raw, file)
        assert file.tell() == len(BIG)
    assert raw.read(decode_content=None) == b""


def test_what_is_being_decoded_can_not_be_had_as_it_came(get):
    raw = get(coded(b"gzip", gzip.compress(TEXT))).raw
    assert raw.read(1, decode_content=True) == b"a"
    with pytest.raises(RuntimeError):
        raw.read(1, decode_content=False)


BROKEN = {
    "no gzip at all": b"not gzip at all",
    "a broken checksum": gzip.compress(TEXT)[:-8] + bytes(8),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_coding_is_an_error_of_decoding(get, fault):
    reply = coded(b"gzip", BROKEN[fault])
    with pytest.raises(requests.exceptions.ContentDecodingError):
        get(reply, stream=False)
    with pytest.raises(DecodeError):
        get(reply).raw.read(decode_content=True)


def test_a_coding_that_is_cut_is_an_error_where_requests_own_gives_less(get_ours):
    with pytest.raises(requests.exceptions.ContentDecodingError, match="ends before its gzip"):
        assert get_ours(coded(b"gzip", gzip.compress(BIG)[:-20])).content
    with pytest.raises(requests.exceptions.ContentDecodingError, match="after the end"):
        assert get_ours(coded(b"deflate", zlib.compress(BIG) + b"more")).content


def test_too_many_codings_are_an_error_of_decoding(get):
    with pytest.raises(requests.exceptions.ContentDecodingError):
        get(coded(b"gzip, gzip, gzip, gzip, gzip, gzip", b"x"), stream=False)


def test_the_limits_of_the_adapter_end_a_bomb(get_ours):
    bomb = gzip.compress(bytes(1_000_000))
    adapter = RequestsAdapter(limits=Limits(decoded_bytes=10_000))
    with pytest.raises(requests.exceptions.ContentDecodingError, match="10000 decoded bytes"):
        get_ours(coded(b"gzip", bomb), adapter, stream=False)


# --- streaming


@pytest.mark.parametrize("size", [1, 7, 1000, 65536, 10**6])
def test_pieces_have_the_size_that_was_asked_for(get, size):
    pieces = list(get(sized(BIG)).iter_content(size))
    assert {len(piece) for piece in pieces[:-1]} <= {size}
    assert b"".join(pieces) == BIG


def test_pieces_of_a_decoded_body_have_the_size_that_was_asked_for(get):
    pieces = list(get(coded(b"gzip", gzip.compress(BIG))).iter_content(1000))
    assert {len(piece) for piece in pieces[:-1]} == {1000}
    assert b"".join(pieces) == BIG


def test_without_a_size_a_body_comes_in_one_piece(get):
    assert list(get(sized(BIG)).iter_content(None)) == [BIG]


@pytest.mark.parametrize("size", [None, 4096])
def test_chunks_are_given_as_they_come(get, size):
    pause = Pause()
    first = chunked(b"data: 1\n\n", last=b"")
    response = get([Expect(), Send(first), pause, Send(b"3\r\nend\r\n0\r\n\r\n")])
    pieces = response.iter_content(size)
    assert next(pieces) == b"data: 1\n\n"
    pause.resume.set()
    assert list(pieces) == [b"end"]


def test_lines_of_a_stream_are_given_as_they_come(get):
    pause = Pause()
    response = get(
        [Expect(), Send(chunked(b"one\ntwo\nthr", last=b"")), pause, Send(b"2\r\nee\r\n0\r\n\r\n")]
    )
    lines = response.iter_lines(chunk_size=None, decode_unicode=True)
    assert [next(lines), next(lines)] == [b"one", b"two"]
    pause.resume.set()
    assert list(lines) == [b"three"]


def test_a_streamed_body_can_be_given_on_as_the_body_of_a_request(get, session):
    with EchoServer() as server:
        account = session.post(server.url, data=get(sized(TEXT)).raw).json()
        assert codecs.decode(account["body"].encode(), "base64") == TEXT
        session.close()


# --- raw as the file of other libraries


def test_raw_is_a_file_for_json(get):
    assert json.load(get(sized(b'{"a": [1, 2]}')).raw) == {"a": [1, 2]}


def test_raw_is_a_file_for_gzip(get):
    with gzip.GzipFile(fileobj=get(sized(gzip.compress(TEXT))).raw) as file:
        assert file.read() == TEXT


def test_raw_is_a_file_for_tarfile(get):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        member = tarfile.TarInfo("name")
        member.size = len(TEXT)
        archive.addfile(member, io.BytesIO(TEXT))
    with tarfile.open(fileobj=get(sized(made.getvalue())).raw, mode="r|gz") as archive:
        assert [archive.extractfile(found).read() for found in archive] == [TEXT]


def test_raw_is_a_file_for_csv(get):
    rows = csv.reader(codecs.iterdecode(get(sized(TEXT)).raw, "utf-8"))
    assert list(rows) == [["a", "b"], ["1", "2"], ["3", "4"]]


def test_raw_is_a_file_for_a_text_wrapper(get_ours):
    with io.TextIOWrapper(get_ours(sized(TEXT)).raw, encoding="utf-8") as file:
        assert list(file) == ["a,b\n", "1,2\n", "3,4\n"]
        assert file.read() == file.readline() == ""


def test_raw_is_a_file_for_a_buffered_reader(get_ours):
    with io.BufferedReader(get_ours(sized(BIG)).raw) as file:
        assert file.read(10) == BIG[:10]
        assert file.read() == BIG[10:]
        assert file.read() == b""


# --- the end


@pytest.mark.parametrize("read", ["content", "stream", "read"])
def test_raw_is_closed_once_who_reads_it_has_seen_the_end(get, read):
    response = get(sized(TEXT))
    assert not response.raw.closed
    assert not response.raw.isclosed()
    if read == "content":
        assert response.content == TEXT
    elif read == "stream":
        assert b"".join(response.raw.stream()) == TEXT
    else:
        while not response.raw.closed:
            response.raw.read(4)
    assert response.raw.closed
    assert response.raw.isclosed()


def test_raw_can_be_told_not_to_close_by_itself(get):
    raw = get(sized(TEXT)).raw
    raw.auto_close = False
    assert b"".join(raw.stream()) == TEXT
    assert not raw.closed
    raw.close()
    assert raw.closed


def test_what_close_dropped_is_missed_by_read_and_not_by_content(get):
    response = get(sized(BIG))
    pieces = response.iter_content(1000)
    assert next(pieces) == BIG[:1000]
    response.close()
    response.raw.release_conn()
    response.raw.close()
    assert response.raw.closed
    assert list(pieces) == []
    with pytest.raises(ProtocolError):
        response.raw.read(5)
    response = get(sized(BIG))
    response.close()
    assert response.content == b""


def test_after_the_end_close_changes_nothing(get):
    response = get(sized(TEXT))
    assert response.raw.read() == TEXT
    response.close()
    assert response.raw.read() == response.raw.read(5) == b""
    assert list(response.raw.stream()) == []


def test_a_response_that_is_left_gives_its_connection_back(nginx, ours):
    for _ in range(3):
        with ours.get(f"{nginx.http}/chunked/1k", stream=True) as response:
            assert response.raw.read(1)
    assert ours.get(f"{nginx.http}/connection").text.split()[1] == "4"


def test_a_response_that_is_forgotten_does_not_wait_for_its_rest(ours, no_leaked_descriptors):
    with ScriptedServer([[Expect(), Send(sized(BIG)[:100]), Drain()]]) as server:
        response = ours.get(server.url, stream=True)
        del response
        gc.collect()
        assert ours.adapters["http://"].pool.idle_count() == 0


def test_raw_has_the_descriptor_of_a_connection_of_its_own_alone(get_ours):
    with pytest.raises(OSError, match="shared"):
        get_ours(sized(b"")).raw.fileno()
    until_close = b"HTTP/1.1 200 OK\r\n\r\nhello"
    assert get_ours(until_close).raw.fileno() > 0


# --- bodies that fail

CUT = {
    "a body with a length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    "a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf",
    "between chunks": chunked(b"half", last=b""),
}


@pytest.mark.parametrize("where", CUT)
def test_a_body_that_is_cut_is_an_error(get, where):
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(CUT[where], stream=False)
    with pytest.raises(ProtocolError):
        list(get(CUT[where]).raw.stream(3))


@pytest.mark.parametrize("size", [3, 4, 100, None])
@pytest.mark.parametrize("where", ["a body with a length", "between chunks"])
def test_what_came_of_a_body_that_is_cut_is_given_before_the_error(get_ours, where, size):
    came = b""
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        for piece in get_ours(CUT[where]).iter_content(size):
            came += piece
    assert came == b"half"


def test_the_cause_of_a_cut_body_is_ours(get_ours):
    with pytest.raises(ProtocolError, match=r"IncompleteRead\(4 bytes read, 6 more") as caught:
        get_ours(CUT["a body with a length"]).raw.read()
    assert isinstance(caught.value.__cause__, mini_http.IncompleteRead)
    assert caught.value.args[1].partial == b"half"


def test_what_failed_once_fails_again_but_a_redirects_rest_is_dropped(get_ours):
    response = get_ours(CUT["a body with a length"])
    for _ in range(2):
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            assert response.content
    assert response.raw.read(decode_content=False) == b""


@pytest.mark.parametrize("size", [b"0x5", b"-5", b"+5", b"5 5", b"fffffffffffffffff", b""])
def test_a_bad_chunk_is_an_error(get_ours, size):
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\nhello\r\n0\r\n\r\n" % size
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        assert get_ours(reply).content


def test_a_reset_is_an_error(get):
    pause = Pause()
    response = get([Expect(), Send(CUT["a body with a length"]), pause, Reset()])
    pause.resume.set()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        assert response.content


def test_a_body_that_does_not_come_in_time_is_an_error(get):
    response = get([Expect(), Send(CUT["a body with a length"]), Drain()], timeout=(PATIENCE, 0.3))
    with pytest.raises(requests.exceptions.ConnectionError, match="Read timed out"):
        assert response.content
    response = get([Expect(), Send(CUT["a body with a length"]), Drain()], timeout=(PATIENCE, 0.3))
    with pytest.raises(ReadTimeoutError, match="Read timed out"):
        response.raw.read()


def test_each_error_of_reading_has_one_of_urllib3():
    table = {
        errors.ReadTimedOut(): ReadTimeoutError,
        errors.TotalTimedOut(): ReadTimeoutError,
        errors.BadCoding("x"): DecodeError,
        errors.BadChunk("x"): ProtocolError,
        errors.LimitExceeded("x", 1): ProtocolError,
        errors.ConnectionBroken("x", reason=ConnectionResetError()): ProtocolError,
        errors.ConnectionBroken("x", reason=ssl.SSLEOFError()): ProtocolError,
        errors.ConnectionBroken("x", reason=ssl.SSLError("bad record mac")): SSLError,
    }
    for ours_, theirs in table.items():
        assert type(reading_error(ours_, "host")) is theirs
    assert type(reading_error(errors.LimitExceeded("x", 1), "host", decodes=True)) is DecodeError
