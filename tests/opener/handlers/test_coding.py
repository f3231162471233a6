"""ContentCodingHandler: when codings are asked for, and when a reply is decoded."""

import gzip
import io
import zlib

import pytest
from support.servers import ScriptedServer
from support.steps import Drain

from mini_http import (
    BaseHandler,
    ContentCodingHandler,
    HTTPHandler,
    Limits,
    Pool,
    Request,
    build_opener,
)
from mini_http.base import errors
from mini_http.codec.content_coding import accept_encoding
from mini_http.keepalive.pool import PooledClient

TEXT = b"The same line, over and over.\n" * 200
PACKED = gzip.compress(TEXT)
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def coded(body=PACKED, coding=b"gzip", status=200):
    head = b"HTTP/1.1 %d OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\nETag: 1\r\n\r\n"
    return head % (status, coding, len(body)) + body


def chunked(body=PACKED, coding=b"gzip"):
    pieces = [body[at : at + 50] for at in range(0, len(body), 50)]
    chunks = b"".join([b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces])
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head % coding + chunks + b"0\r\n\r\n"


def asked_for(request):
    """The Accept-Encoding values of a request as the server saw it."""
    lines = request.decode().split("\r\n")
    fields = [line.partition(": ") for line in lines[1:]]
    return [value for name, _, value in fields if name.lower() == "accept-encoding"]


# --- what is asked for


def test_codings_are_asked_for_where_the_caller_left_it_to_us(opener):
    with ScriptedServer([PLAIN]) as server:
        opener.open(server.url).close()
    assert asked_for(server.requests[0]) == [accept_encoding()]
    assert "gzip" in accept_encoding()


def with_addheader(name, value):
    def change(opener, request):
        opener.addheaders = [(name, value)]

    return change


def with_dict_entry(name, value):
    def change(opener, request):
        request.headers[name] = value

    return change


def with_call(method, *arguments):
    def change(opener, request):
        getattr(request, method)(*arguments)

    return change


def with_method(method):
    def change(opener, request):
        request.method = method

    return change


CALLERS = {
    "add_header": (with_call("add_header", "accept-encoding", "gzip"), ["gzip"]),
    "add_unredirected_header": (
        with_call("add_unredirected_header", "Accept-Encoding", "gzip"),
        ["gzip"],
    ),
    "addheaders": (with_addheader("ACCEPT-Encoding", "gzip"), ["gzip"]),
    "the dict": (with_dict_entry("Accept-Encoding", "gzip"), ["gzip"]),
    "identity": (with_call("add_header", "Accept-Encoding", "identity"), ["identity"]),
    "nothing": (with_call("add_header", "Accept-Encoding", ""), [""]),
    "a range": (with_call("add_header", "Range", "bytes=0-9"), []),
    "a range for this request alone": (
        with_call("add_unredirected_header", "range", "bytes=0-9"),
        [],
    ),
    "a range of the opener": (with_addheader("Range", "bytes=0-9"), []),
}


@pytest.mark.parametrize(("change", "expected"), CALLERS.values(), ids=CALLERS)
def test_who_asks_for_codings_or_a_range_gets_what_was_sent(opener, change, expected):
    with ScriptedServer([coded()]) as server:
        request = Request(server.url)
        change(opener, request)
        with opener.open(request) as reply:
            assert reply.headers["Content-Encoding"] == "gzip"
            assert reply.headers["Content-Length"] == str(len(PACKED))
            assert reply.length == len(PACKED)
            assert reply.read() == PACKED
    assert asked_for(server.requests[0]) == expected


def test_nothing_is_asked_for_with_head(opener):
    with (
        ScriptedServer([coded()[: -len(PACKED)]]) as server,
        opener.open(Request(server.url, method="HEAD")) as reply,
    ):
        assert reply.headers["Content-Encoding"] == "gzip"
        assert reply.headers["Content-Length"] == str(len(PACKED))
    assert asked_for(server.requests[0]) == []


# --- what is decoded

DECODED = {
    "gzip": coded(),
    "x-gzip in capitals": coded(coding=b"X-GZIP"),
    "deflate": coded(zlib.compress(TEXT), b"deflate"),
    "deflate without its wrapper": coded(zlib.compress(TEXT, wbits=-15), b"deflate"),
    "gzip of gzip": coded(gzip.compress(PACKED), b"gzip, gzip"),
    "two members": coded(gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
    "zeros behind it": coded(PACKED + bytes(512)),
    "chunked": chunked(),
    "until the end": coded().replace(b"Content-Length: %d\r\n" % len(PACKED), b""),
}


@pytest.mark.parametrize("reply", DECODED.values(), ids=DECODED)
def test_what_was_asked_for_is_decoded(opener, reply):
    with ScriptedServer([reply]) as server, opener.open(server.url) as response:
        assert response.read() == TEXT
        assert response.isclosed()


@pytest.mark.parametrize("reply", DECODED.values(), ids=DECODED)
def test_a_decoded_reply_says_nothing_of_its_coding(opener, reply):
    with ScriptedServer([reply]) as server, opener.open(server.url) as response:
        assert response.headers["Content-Encoding"] is None
        assert response.headers["Content-Length"] is None
        assert response.length is None
        assert "content-length" not in response.headers.as_string().lower()


def test_the_other_fields_stay(opener):
    with ScriptedServer([coded()]) as server, opener.open(server.url) as response:
        assert response.headers.items() == [("ETag", "1")]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PROPFIND"])
def test_replies_to_any_method_but_head_are_decoded(opener, method):
    with ScriptedServer([coded()]) as server:
        assert opener.open(Request(server.url, method=method)).read() == TEXT


def test_a_decoded_body_can_be_read_in_any_way(opener):
    with ScriptedServer([[coded()] * 4]) as server:
        with opener.open(server.url) as response:
            assert [response.read(7), response.readline()] == [TEXT[:7], TEXT[7:30]]
            assert response.read() == TEXT[30:]
        with opener.open(server.url) as response:
            assert list(response) == TEXT.splitlines(keepends=True)
        with opener.open(server.url) as response:
            buffer = bytearray(len(TEXT) + 5)
            assert response.readinto(buffer) == len(TEXT)
            assert buffer.rstrip(b"\0") == TEXT
        with io.TextIOWrapper(opener.open(server.url)) as text:
            assert text.read().encode() == TEXT
    assert len(server.connections) == 1


def test_a_range_that_nobody_asked_for_is_left_as_it_is(opener):
    with (
        ScriptedServer([coded(PACKED[:20], status=206)]) as server,
        opener.open(server.url) as response,
    ):
        assert response.headers["Content-Encoding"] == "gzip"
        assert response.read() == PACKED[:20]


@pytest.mark.parametrize("coding", [b"rot13", b"gzip, rot13", b"identity", b""])
def test_what_is_in_no_coding_that_is_known_is_left_as_it_is(opener, coding):
    with ScriptedServer([coded(coding=coding)]) as server, opener.open(server.url) as response:
        assert response.headers["Content-Encoding"] == coding.decode()
        assert response.length == len(PACKED)
        assert response.read() == PACKED


def test_an_empty_body_is_empty_whatever_its_coding(opener):
    with ScriptedServer([coded(b"")]) as server, opener.open(server.url) as response:
        assert response.read() == b""


def test_a_reply_that_is_not_ours_is_left_alone(pool):
    class Own(BaseHandler):
        handler_order = 100

        def http_open(self, request):
            return io.BytesIO(PACKED)

    opener = build_opener(Own)
    opener.process_response["http"] = [
        handler
        for handler in opener.process_response["http"]
        if isinstance(handler, ContentCodingHandler)
    ]
    with opener.open("http://host/") as reply:
        assert reply.read() == PACKED


def test_an_error_page_is_decoded(opener):
    with ScriptedServer([coded(status=500)]) as server:
        with pytest.raises(errors.HTTPError) as caught:
            opener.open(server.url)
        with caught.value as error:
            assert error.read() == TEXT


# --- the connection


@pytest.mark.parametrize("reply", [coded(), chunked()])
def test_the_connection_goes_back_when_the_decoded_body_has_ended(opener, pool, reply):
    with ScriptedServer([[reply, PLAIN]]) as server:
        first = opener.open(server.url)
        assert first.read() == TEXT
        assert opener.open(server.url).read() == b"hello"
        first.close()
    assert len(server.connections) == 1


def test_a_decoded_body_that_is_not_read_gives_its_connection_back_when_closed(opener):
    with ScriptedServer([[coded(), PLAIN]]) as server:
        opener.open(server.url).close()
        assert opener.open(server.url).read() == b"hello"
    assert len(server.connections) == 1


# --- what is broken

BROKEN = {
    "cut short": (coded(PACKED[:-3]), errors.BadCoding, "ends before its gzip coding does"),
    "no gzip": (coded(TEXT), errors.BadCoding, "broken gzip coding"),
    "junk behind it": (coded(PACKED + b"junk"), errors.BadCoding, "gzip"),
    "a bad checksum": (coded(PACKED[:-8] + bytes(8)), errors.BadCoding, "broken gzip coding"),
    "cut in the chunks": (chunked()[:-30], errors.IncompleteRead, "IncompleteRead"),
}


@pytest.mark.parametrize(("reply", "error", "text"), BROKEN.values(), ids=BROKEN)
def test_a_broken_body_is_an_error(opener, reply, error, text):
    with ScriptedServer([reply]) as server, opener.open(server.url) as response:
        with pytest.raises(error, match=text):
            while response.read(100):
                pass
        with pytest.raises(error, match=text):  # and never less without an error
            response.read()


def test_more_codings_than_five_are_refused_and_leave_nothing_open(opener, pool):
    clients = []

    class Noted(PooledClient):
        def exchange(self, *arguments):
            clients.append(self)
            return super().exchange(*arguments)

    pool.client_class = Noted
    reply = coded(bytes(100_000), b", ".join([b"gzip"] * 6))
    with ScriptedServer([[reply, Drain()]]) as server:
        with pytest.raises(errors.LimitExceeded, match="5 content codings, found 6") as caught:
            opener.open(server.url)
        # The traceback is still there, and with it the reply.
        assert caught.value.__traceback__ is not None
        assert [client.closed for client in clients] == [True]


def test_a_body_that_swells_is_decoded_no_further_than_it_is_read(opener):
    bomb = gzip.compress(bytes(50_000_000))
    with ScriptedServer([coded(bomb)]) as server, opener.open(server.url) as response:
        assert response.read(10) == bytes(10)
        assert response._reader._decoder._decoded_total <= Limits().step_bytes


# --- one Request, opened several times


def test_codings_are_asked_for_each_time_a_request_is_opened(opener):
    with ScriptedServer([[coded(), coded()]]) as server:
        request = Request(server.url)
        assert [opener.open(request).read() for _ in range(2)] == [TEXT, TEXT]
    assert [asked_for(sent) for sent in server.requests] == [[accept_encoding()]] * 2


def test_a_range_that_is_set_later_ends_the_decoding(opener):
    with ScriptedServer([[coded(), coded()]]) as server:
        request = Request(server.url)
        assert opener.open(request).read() == TEXT
        request.add_header("Range", "bytes=0-")
        assert opener.open(request).read() == PACKED
    assert [asked_for(sent) for sent in server.requests] == [[accept_encoding()], []]


def test_a_method_that_is_set_later_counts(opener):
    with ScriptedServer([[coded(), coded()[: -len(PACKED)]]]) as server:
        request = Request(server.url)
        assert opener.open(request).read() == TEXT
        request.method = "HEAD"
        assert opener.open(request).headers["Content-Encoding"] == "gzip"
    assert asked_for(server.requests[1]) == []


def test_the_limits_of_the_pool_bound_what_is_decoded():
    body = gzip.compress(bytes(100_000))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with (
        Pool(limits=Limits(decoded_bytes=1000)) as pool,
        ScriptedServer([head + body]) as server,
        build_opener(HTTPHandler(pool=pool)).open(server.url) as reply,
        pytest.raises(errors.LimitExceeded),
    ):
        reply.read()
