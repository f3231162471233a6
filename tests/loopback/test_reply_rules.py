"""What a server may send, what it may not, and that no way of sending it makes a difference.

The table REPLIES has the bytes of each reply and what must come of it. Each runs whole, at every
split into two pieces and byte by byte, with the same outcome; and with a cut and with a reset at
every byte, where the outcome is the whole body or an error, never less and never a hang. At the end
stand the rules that take a server with a will of its own, over real sockets.
"""

from __future__ import annotations

import gzip
import itertools
import tracemalloc
import zlib
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.servers import ScriptedServer
from support.steps import (
    Close,
    Drain,
    Expect,
    ExpectHead,
    HalfClose,
    Reset,
    Send,
    SendSplit,
)
from support.streams import ScriptedStream, every_cut, every_split

from mini_http import Pool, build_opener, urlopen
from mini_http.base.errors import (
    BadChunk,
    BadCoding,
    BadField,
    BadFraming,
    BadStatusLine,
    ConnectionBroken,
    HTTPError,
    IncompleteRead,
    LimitExceeded,
    MiniHTTPError,
    ReadTimedOut,
    RedirectRefused,
    RemoteDisconnected,
    TotalTimedOut,
    UnaskedUpgrade,
    URLError,
)
from mini_http.base.limits import Limits
from mini_http.base.timeouts import Timeout
from mini_http.codec.framing import CloseReason
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.request_body import request_body
from mini_http.exchange.states import State
from mini_http.keepalive.pool import shared_pool
from mini_http.opener.handlers.http import HTTPHandler

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


class Body(NamedTuple):
    """The body comes whole; then the connection is closed for a reason, or None: can be reused."""

    data: bytes
    reason: CloseReason | None = None


class Fault(NamedTuple):
    """The reply is refused with this error, whose text has these words."""

    error: type[MiniHTTPError]
    words: str


class Reply(NamedTuple):
    """A reply and what must come of it."""

    name: str
    data: bytes
    outcome: Body | Fault
    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()
    """Of the request, beyond Host."""
    decode: bool = False
    """Whether content codings are undone."""


# --- the table

SMALL = Limits(head_bytes=300, line_bytes=120, fields=4, interim_replies=2, trailers=2,
               trailer_bytes=60, chunk_line_bytes=40, codings=2)  # fmt: skip
"""Small, so that replies that go beyond them are short enough to be cut at every byte."""

OK = b"HTTP/1.1 200 OK\r\n"
FIVE = OK + b"Content-Length: 5\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HELLO = b"\r\nhello"
CHUNKS = b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
PACKED = gzip.compress(b"hello", mtime=0)


def length(value):
    return OK + b"Content-Length: " + value + b"\r\n" + HELLO


def coding(value):
    return OK + b"Transfer-Encoding: " + value + b"\r\n\r\n" + CHUNKS


def coded(data, name=b"gzip"):
    return OK + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (name, len(data), data)


def line(data):
    return OK + data + b"\r\nContent-Length: 5\r\n" + HELLO


EXTRA = CloseReason.EXTRA_BYTES
NO_NUMBER = "Content-Length is no number of 1 to 19 digits: "
NOT_CHUNKED = " is not chunked alone"
NO_SIZE = "no chunk size of 1 to 16 hexadecimal digits: "
NO_STATUS = "no HTTP/1 status line: "

REPLIES = [
    # --- where the body ends
    Reply("a length", FIVE + HELLO, Body(b"hello")),
    Reply("no bytes", OK + b"Content-Length: 0\r\n\r\n", Body(b"")),
    Reply("a length of 19 digits", length(b"0000000000000000005"), Body(b"hello")),
    Reply("chunks", CHUNKED + CHUNKS, Body(b"hello")),
    Reply("chunks of none", CHUNKED + b"0\r\n\r\n", Body(b"")),
    Reply("a trailer", CHUNKED + CHUNKS[:-2] + b"A: b\r\n\r\n", Body(b"hello")),
    Reply("chunk extensions", CHUNKED + b"5 ;a=\"\xff\"\r\nhello\r\n0;\r\n\r\n", Body(b"hello")),
    Reply("until the end", OK + HELLO, Body(b"hello", CloseReason.BODY_UNTIL_CLOSE)),
    Reply("no bytes until the end", OK + b"\r\n", Body(b"", CloseReason.BODY_UNTIL_CLOSE)),
    Reply("old", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n" + HELLO,
          Body(b"hello", CloseReason.OLD_VERSION)),
    Reply("old, kept", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n" + HELLO,
          Body(b"hello")),
    Reply("old, in chunks", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
          Body(b"hello", CloseReason.OLD_CHUNKED)),
    Reply("said to close", FIVE + b"Connection: close\r\n" + HELLO,
          Body(b"hello", CloseReason.REPLY_SAID_CLOSE)),
    Reply("told to close", FIVE + HELLO, Body(b"hello", CloseReason.REQUEST_SAID_CLOSE),
          fields=(("Connection", "x, Close"),)),
    Reply("an error's page", b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n" + HELLO,
          Body(b"hello")),
    # --- Content-Length
    Reply("length +5", length(b"+5"), Fault(BadFraming, NO_NUMBER + "'+5'")),
    Reply("length -5", length(b"-5"), Fault(BadFraming, NO_NUMBER + "'-5'")),
    Reply("length 0_5", length(b"0_5"), Fault(BadFraming, NO_NUMBER + "'0_5'")),
    Reply("length 0x5", length(b"0x5"), Fault(BadFraming, NO_NUMBER + "'0x5'")),
    Reply("length 5.0", length(b"5.0"), Fault(BadFraming, NO_NUMBER + "'5.0'")),
    Reply("length of nothing", length(b""), Fault(BadFraming, NO_NUMBER + "''")),
    Reply("length of 30 digits", length(b"5" * 30), Fault(BadFraming, NO_NUMBER)),
    Reply("length 5, 5", length(b"5, 5"), Body(b"hello")),
    Reply("two lengths that agree", FIVE + b"content-length: 5\r\n" + HELLO, Body(b"hello")),
    Reply("two lengths that differ", FIVE + b"Content-Length: 6\r\n" + HELLO,
          Fault(BadFraming, "Content-Length fields differ: 5, 6")),
    Reply("length 5, 6", length(b"5, 6"), Fault(BadFraming, "Content-Length fields differ: 5, 6")),
    Reply("length x, x", length(b"x, x"), Fault(BadFraming, NO_NUMBER + "'x'")),
    # --- Transfer-Encoding
    Reply("both framings", FIVE + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
          Body(b"hello", CloseReason.DOUBLE_FRAMING)),
    Reply("both, and a length that is none",
          OK + b"Transfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n" + CHUNKS,
          Body(b"hello", CloseReason.DOUBLE_FRAMING)),
    Reply("Chunked", coding(b"Chunked"), Body(b"hello")),
    Reply("gzip, chunked", coding(b"gzip, chunked"), Fault(BadFraming, NOT_CHUNKED)),
    Reply("identity", coding(b"identity"), Fault(BadFraming, "identity" + NOT_CHUNKED)),
    Reply("xchunked", coding(b"xchunked"), Fault(BadFraming, "xchunked" + NOT_CHUNKED)),
    Reply("chunked, chunked", coding(b"chunked, chunked"), Fault(BadFraming, NOT_CHUNKED)),
    Reply("chunked twice", coding(b"chunked\r\nTransfer-Encoding: chunked"),
          Fault(BadFraming, "chunked, chunked" + NOT_CHUNKED)),
    Reply("chunked and identity", coding(b"chunked\r\nTransfer-Encoding: identity"),
          Fault(BadFraming, "chunked, identity" + NOT_CHUNKED)),
    Reply("coded with nothing", coding(b""), Fault(BadFraming, NOT_CHUNKED)),
    # --- chunks
    *[
        Reply(f"chunk size {size!r}", CHUNKED + size + b"\r\nhello\r\n0\r\n\r\n",
              Fault(BadChunk, NO_SIZE))
        for size in (b"0x5", b"+5", b"-5", b"5 ", b" 5", b"5\t", b"", b"g", b"0_5", b"5 a",
                     b"5;\0", b"5;a\rb", b"0" * 16 + b"5")
    ],
    Reply("a chunk too short", CHUNKED + b"6\r\nhello\r\n0\r\n\r\n",
          Fault(BadChunk, "a chunk ends with b'\\n")),
    Reply("a chunk too long", CHUNKED + b"4\r\nhello\r\n0\r\n\r\n",
          Fault(BadChunk, "a chunk ends with b'o")),
    Reply("LF after a size", CHUNKED + b"5\nhello\r\n0\r\n\r\n", Fault(BadChunk, NO_SIZE)),
    Reply("LF after a chunk", CHUNKED + b"5\r\nhello\n0\r\n\r\n",
          Fault(BadChunk, "a chunk ends with b'\\n")),
    Reply("LF after an extension", CHUNKED + b"5;a\nhello\r\n0\r\n\r\n", Fault(BadChunk, NO_SIZE)),
    Reply("LF after the last chunk", CHUNKED + b"5\r\nhello\r\n0\n\r\n", Fault(BadChunk, NO_SIZE)),
    Reply("LF at the end", CHUNKED + b"5\r\nhello\r\n0\r\n\n",
          Fault(BadChunk, "a line of the trailer ends with LF, not CRLF")),
    Reply("a trailer without colon", CHUNKED + b"5\r\nhello\r\n0\r\nA\r\n\r\n",
          Fault(BadField, "line 1 of the trailer has no colon: 'A'")),
    Reply("too many trailers", CHUNKED + b"0\r\n" + b"A: b\r\n" * 3 + b"\r\n",
          Fault(LimitExceeded, "got more than 2 trailers, found 3")),
    Reply("too long a trailer", CHUNKED + b"0\r\nA: " + b"b" * 60 + b"\r\n\r\n",
          Fault(LimitExceeded, "got more than 60 bytes in the trailer, found 6")),
    Reply("too long an extension", CHUNKED + b"5;" + b"b" * 50 + b"\r\nhello\r\n0\r\n\r\n",
          Fault(LimitExceeded, "got more than 40 bytes in the line of a chunk's size")),
    # --- lines of a head
    Reply("no colon", line(b"nonsense"),
          Fault(BadField, "line 2 of the reply head has no colon: 'nonsense'")),
    Reply("a blank before the colon", line(b"Foo : x"),
          Fault(BadField, "line 2 of the reply head has a field name that is no token: 'Foo : x'")),
    Reply("a name with a space", line(b"Foo Bar: x"), Fault(BadField, "is no token: 'Foo Bar: x'")),
    Reply("a name of nothing", line(b": x"), Fault(BadField, "is no token: ': x'")),
    Reply("a name beyond ASCII", line(b"F\xf6\xf6: x"), Fault(BadField, "line 2 ")),
    Reply("NUL in a value", line(b"Foo: a\0b"),
          Fault(BadField, "line 2 of the reply head has a control character in its value")),
    Reply("a bare CR in a value", line(b"Foo: a\rBar: b"), Fault(BadField, "control character")),
    Reply("CR CR LF", line(b"Foo: a\r"), Fault(BadField, "control character")),
    Reply("a fault in line 3", line(b"A: b\r\nnonsense"), Fault(BadField, "line 3 of the reply")),
    Reply("a folded line", line(b"A: b\r\n \t c\r\n d"), Body(b"hello")),
    Reply("a folded length", OK + b"Content-Length:\r\n 5\r\n" + HELLO, Body(b"hello")),
    Reply("a length folded in two", OK + b"Content-Length: 5\r\n 5\r\n" + HELLO,
          Fault(BadFraming, NO_NUMBER + "'5 5'")),
    Reply("folded from the start", OK + b" A: b\r\nContent-Length: 5\r\n" + HELLO,
          Fault(BadField, "line 2 of the reply head continues a field, but none came before")),
    Reply("LF in a head", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", Body(b"hello")),
    Reply("LF in some lines", b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 5\r\n\nhello", Body(b"hello")),
    Reply("ISO 8859-1", line(b"Foo: caf\xe9"), Body(b"hello")),
    Reply("too many fields", OK + b"A: b\r\n" * 5 + b"\r\n",
          Fault(LimitExceeded, "got more than 4 headers, found 5")),
    Reply("too long a line", line(b"A: " + b"b" * 120),
          Fault(LimitExceeded, "got more than 120 bytes in line 2 of the reply head, found 123")),
    Reply("too long a head", OK + b"A: b\r\n" * 60 + b"\r\n",
          Fault(LimitExceeded, "got more than 300 bytes in the reply head")),
    # --- status lines
    Reply("no reason", b"HTTP/1.1 200\r\nContent-Length: 5\r\n" + HELLO, Body(b"hello")),
    Reply("an empty reason", b"HTTP/1.1 200 \r\nContent-Length: 5\r\n" + HELLO, Body(b"hello")),
    Reply("HTTP/1.7", b"HTTP/1.7 200 OK\r\nContent-Length: 5\r\n" + HELLO, Body(b"hello")),
    Reply("HTTP/0.9", b"<html>hello</html>\n", Fault(BadStatusLine, NO_STATUS + "'<")),
    Reply("HTTP/0.9 with lines", b"<p>\n\n</p>\n", Fault(BadStatusLine, NO_STATUS + "'<p>'")),
    Reply("HTTP/2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n" + HELLO,
          Fault(BadStatusLine, NO_STATUS + "'HTTP/2.0 200 OK'")),
    Reply("HTTP/2 preface", b"\0\0\x12\4\0\0\0\0\0", Fault(BadStatusLine, NO_STATUS)),
    Reply("a status of 4 digits", b"HTTP/1.1 2000 x\r\n\r\n", Fault(BadStatusLine, NO_STATUS)),
    Reply("a status of 2 digits", b"HTTP/1.1 20 x\r\n\r\n", Fault(BadStatusLine, NO_STATUS)),
    Reply("status 099", b"HTTP/1.1 099 x\r\n\r\n", Fault(BadStatusLine, NO_STATUS)),
    Reply("ICY", b"ICY 200 OK\r\nContent-Length: 5\r\n" + HELLO,
          Fault(BadStatusLine, NO_STATUS + "'ICY 200 OK'")),
    Reply("an empty line first", b"\r\n" + FIVE + HELLO, Fault(BadStatusLine, NO_STATUS + "''")),
    Reply("another protocol", b"SSH-2.0-OpenSSH_9\r\n", Fault(BadStatusLine, NO_STATUS + "'SSH")),
    # --- before the reply
    Reply("100", b"HTTP/1.1 100 Continue\r\n\r\n" + FIVE + HELLO, Body(b"hello")),
    Reply("102, 103", b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
          + FIVE + HELLO, Body(b"hello")),
    Reply("three interim replies", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3 + FIVE + HELLO,
          Fault(LimitExceeded, "got more than 2 interim replies")),
    Reply("an interim reply with a body", b"HTTP/1.1 103 x\r\nContent-Length: 1\r\n\r\n!" + FIVE
          + HELLO, Fault(BadStatusLine, NO_STATUS + "'!HTTP/1.1 200 OK'")),
    Reply("101 unasked", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
          Fault(UnaskedUpgrade, "the server switched protocols (101) unasked")),
    Reply("101", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nContent-Length: 5\r\n\r\n",
          Body(b"", CloseReason.SWITCHED), fields=(("Upgrade", "x"), ("Connection", "upgrade"))),
    # --- no body, whatever the head says
    Reply("204", b"HTTP/1.1 204 No Content\r\n\r\n", Body(b"")),
    Reply("304", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", Body(b"")),
    Reply("HEAD", FIVE + b"\r\n", Body(b""), method="HEAD"),
    Reply("HEAD of chunks", CHUNKED, Body(b""), method="HEAD"),
    Reply("204 with a body", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n" + HELLO,
          Body(b"", EXTRA)),
    Reply("304 with a body", b"HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
          Body(b"", EXTRA)),
    Reply("HEAD with a body", FIVE + HELLO, Body(b"", EXTRA), method="HEAD"),
    # --- bytes after the end
    Reply("more than the length", FIVE + HELLO + b"!", Body(b"hello", EXTRA)),
    Reply("more than the chunks", CHUNKED + CHUNKS + b"\r\n", Body(b"hello", EXTRA)),
    Reply("a second reply", FIVE + HELLO + FIVE + HELLO, Body(b"hello", EXTRA)),
    # --- cut
    Reply("nothing", b"", Fault(RemoteDisconnected, "closed connection without response")),
    Reply("half a head", FIVE, Fault(IncompleteRead, "IncompleteRead(36 bytes read)")),
    Reply("half a body", FIVE + b"\r\nhel",
          Fault(IncompleteRead, "IncompleteRead(3 bytes read, 2 more expected)")),
    Reply("half a chunk", CHUNKED + b"5\r\nhel", Fault(IncompleteRead, "(3 bytes read)")),
    Reply("no last chunk", CHUNKED + b"5\r\nhello\r\n", Fault(IncompleteRead, "(5 bytes read)")),
    Reply("half a trailer", CHUNKED + CHUNKS[:-2] + b"A: b\r\n",
          Fault(IncompleteRead, "(5 bytes read)")),
    Reply("only an interim reply", b"HTTP/1.1 100 Continue\r\n\r\n",
          Fault(RemoteDisconnected, "closed connection without response")),
    # --- content codings
    Reply("gzip", coded(PACKED), Body(b"hello"), decode=True),
    Reply("x-gzip in chunks", OK + b"Content-Encoding: X-GZIP\r\nTransfer-Encoding: chunked\r\n\r\n"
          b"%x\r\n%b\r\n0\r\n\r\n" % (len(PACKED), PACKED), Body(b"hello"), decode=True),
    Reply("gzip until the end", OK + b"Content-Encoding: gzip\r\n\r\n" + PACKED,
          Body(b"hello", CloseReason.BODY_UNTIL_CLOSE), decode=True),
    Reply("deflate", coded(zlib.compress(b"hello"), b"deflate"), Body(b"hello"), decode=True),
    Reply("deflate in gzip", coded(gzip.compress(zlib.compress(b"hello"), mtime=0),
          b"deflate, gzip"), Body(b"hello"), decode=True),
    Reply("a coding unknown", coded(b"hello", b"rot13"), Body(b"hello"), decode=True),
    Reply("gzip not undone", coded(PACKED), Body(PACKED)),
    Reply("gzip of no bytes", coded(b""), Body(b""), decode=True),
    Reply("gzip of 204", b"HTTP/1.1 204 x\r\nContent-Encoding: gzip\r\n\r\n", Body(b""), decode=True),
    Reply("gzip broken", coded(PACKED[:12] + b"\xff\xff" + PACKED[14:]),
          Fault(BadCoding, "broken gzip coding: "), decode=True),
    Reply("gzip that is none", coded(b"hello"), Fault(BadCoding, "broken gzip"), decode=True),
    Reply("gzip cut", coded(PACKED[:-3]), Fault(BadCoding, "ends before its gzip coding does"),
          decode=True),
    Reply("gzip and junk", coded(PACKED + b"junk"), Fault(BadCoding, "broken gzip"), decode=True),
    Reply("deflate and junk", coded(zlib.compress(b"hello") + b"junk", b"deflate"),
          Fault(BadCoding, "bytes after the end of the deflate coding"), decode=True),
    Reply("three codings", coded(PACKED, b"gzip, gzip, gzip"),
          Fault(LimitExceeded, "got more than 2 content codings, found 3"), decode=True),
]  # fmt: skip

each_reply = pytest.mark.parametrize("reply", REPLIES, ids=[reply.name for reply in REPLIES])


def test_each_reply_of_the_table_has_a_name_of_its_own():
    assert len({reply.name for reply in REPLIES}) == len(REPLIES)


# --- running a reply of the table


def read_whole(response):
    return response.read()


def read_by_sevens(response):
    return b"".join(iter(lambda: response.read(7), b""))


def read1(response):
    return b"".join(iter(response.read1, b""))


def readinto(response):
    gathered, buffer = b"", bytearray(3)
    while count := response.readinto(buffer):
        gathered += buffer[:count]
    return gathered


def readlines(response):
    return b"".join(response.readlines())


def iterate(response):
    return b"".join(response)


WAYS = [read_whole, read_by_sevens, read1, readinto, readlines, iterate]


def outcome_of(reply, pieces, end="close", read=read_whole):
    """What comes of a reply in these pieces: the body and why the connection closes, or the error.

    After an error the connection is closed; but where just the coding is at fault, what delimits
    the body was sound, and the connection may already serve again.
    """
    stream = ScriptedStream(pieces, end)
    client = HTTPClient.over(stream, limits=SMALL)
    fields = (("Host", "a.test"), *reply.fields)
    try:
        response = client.exchange(reply.method, "/", fields)
        if reply.decode:
            response.decode_content(SMALL)
        body = read(response)
    except MiniHTTPError as error:
        if reply.decode:
            client.close()
        assert stream.closed, f"still open after {error!r}"
        assert client.state is State.CLOSED
        return error
    reason = client.close_reason
    if client.state is State.IDLE and stream.unread:
        # They come too late for the reply that is done, so it is the next user of the connection
        # who finds them there; see test_bytes_on_an_idle_connection below.
        reason = CloseReason.EXTRA_BYTES
    elif client.state is State.IDLE:
        assert reason is None
        assert not stream.closed
    elif reason is CloseReason.SWITCHED:
        assert client.state is State.SWITCHED
        client.close()
    else:
        assert stream.closed
    assert response.read() == b"", "a body ends but once"
    return Body(body, reason)


def check(reply, found, pieces=()):
    expected = reply.outcome
    if isinstance(expected, Body):
        assert found == expected, f"in pieces {pieces}"
    else:
        assert type(found) is expected.error, f"{found!r} in pieces {pieces}"
        assert expected.words in str(found), f"in pieces {pieces}"


@each_reply
def test_a_reply_comes_out_the_same_at_every_split(reply):
    for pieces in every_split(reply.data):
        check(reply, outcome_of(reply, pieces), pieces)


@each_reply
@pytest.mark.parametrize("read", WAYS[1:])
def test_a_reply_comes_out_the_same_in_every_way_of_reading(reply, read):
    for pieces in ([reply.data], [bytes([byte]) for byte in reply.data]):
        found = outcome_of(reply, pieces, read=read)
        if isinstance(found, IncompleteRead) and isinstance(reply.outcome, Fault):
            assert reply.outcome.error is IncompleteRead  # what came before it differs by the way
        else:
            check(reply, found, pieces)


@each_reply
@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_reply_cut_at_any_byte_is_whole_or_an_error(reply, end):
    for number, beginning in enumerate(every_cut(reply.data)):
        pieces = [beginning] if number % 2 else [beginning[:number // 2], beginning[number // 2 :]]
        found = outcome_of(reply, pieces, end, WAYS[number % len(WAYS)])
        if isinstance(found, MiniHTTPError):
            continue
        assert isinstance(reply.outcome, Body)
        if reply.outcome.reason is CloseReason.BODY_UNTIL_CLOSE and end == "close":
            # The one framing whose cut nobody can tell.
            assert reply.outcome.data.startswith(found.data)
        else:
            assert found.data == reply.outcome.data
            assert found.reason in (reply.outcome.reason, None)


@each_reply
def test_a_silent_server_is_left_after_the_timeout_at_any_byte(reply):
    for beginning in every_cut(reply.data):
        found = outcome_of(reply, [beginning], "timeout")
        if isinstance(found, MiniHTTPError):
            expected = reply.outcome.error if isinstance(reply.outcome, Fault) else ReadTimedOut
            assert isinstance(found, (ReadTimedOut, expected))
        else:
            assert found.data == reply.outcome.data


# --- the same by urlopen, over sockets


@pytest.fixture
def opener():
    """The usual handlers over a pool of their own."""
    with Pool(limits=SMALL) as pool:
        yield build_opener(HTTPHandler(pool=pool))


@each_reply
def test_a_reply_surfaces_in_urlopen_as_documented(reply, opener):
    if reply.name == "101":
        pytest.skip("whoever asks to switch protocols uses an HTTPClient")
    from mini_http import Request

    with ScriptedServer([[Expect(), Send(reply.data), HalfClose()]]) as server:
        headers = dict(reply.fields)
        if not reply.decode:
            headers["Accept-Encoding"] = "identity"
        request = Request(server.url, headers=headers, method=reply.method)
        try:
            with opener.open(request) as response:
                found = response.read()
        except HTTPError as error:
            with error:
                assert 300 <= error.code <= 999
                found = error.read()
        except URLError as error:
            found = error
        opener.handlers[0].parent.close()
    if isinstance(reply.outcome, Body):
        assert found == reply.outcome.data
    elif reply.name == "three codings":  # the opener's limit is the usual one, of five
        assert isinstance(found, BadCoding)
    else:
        check(reply, found)
