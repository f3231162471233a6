"""What a server may send, what it may not, and that no way of sending it makes a difference.

The table REPLIES has the bytes of each reply and what must come of it. Each runs whole, at every
split into two pieces and byte by byte, with the same outcome; and with a cut and with a reset at
every byte, where the outcome is the whole body or an error, never less and never a hang. At the end
stand the rules that take a server with a will of its own, over real sockets.

tests/data/llhttp_responses.json is test data of https://github.com/nodejs/llhttp (MIT licence).
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import itertools
import json
import random
import threading
import tracemalloc
import zlib
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.descriptors import can_list_descriptors, open_descriptors
from support.servers import ScriptedServer
from support.steps import (
    Close,
    Drain,
    Expect,
    ExpectBody,
    ExpectBytes,
    ExpectHead,
    HalfClose,
    Pause,
    Reset,
    Send,
    SendSplit,
)
from support.streams import ScriptedStream, every_cut, every_split

from mini_http import Pool, Request, build_opener, install_opener, urlopen
from mini_http.base.errors import (
    BadChunk,
    BadCoding,
    BadField,
    BadFraming,
    BadStatusLine,
    HTTPError,
    IncompleteRead,
    LimitExceeded,
    MiniHTTPError,
    ReadTimedOut,
    RedirectRefused,
    RemoteDisconnected,
    StateError,
    TotalTimedOut,
    UnaskedReply,
    UnaskedUpgrade,
    UnknownProtocol,
    URLError,
)
from mini_http.base.limits import Limits
from mini_http.base.timeouts import Timeout
from mini_http.codec.framing import CloseReason
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.states import State
from mini_http.opener.handlers.http import HTTPHandler


@pytest.fixture(scope="module", autouse=True)
def no_descriptors_leaked_by_all_of_these():
    """Once for all, since looking for them takes longer than most of the tests here."""
    before = open_descriptors() if can_list_descriptors() else {}
    yield
    assert not before or len(open_descriptors()) <= len(before)


class Body(NamedTuple):
    """The body comes whole; then the connection is closed for a reason, or None: can be reused."""

    data: bytes
    reason: CloseReason | None = None


class Fault(NamedTuple):
    """The reply is refused with this error, whose text has these words."""

    error: type[MiniHTTPError]
    words: str
    reason = None


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
    Reply("old, kept",
          b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n" + HELLO,
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
          Fault(BadFraming, "Content-Length fields differ: '5, 6'")),
    Reply("length 5, 6", length(b"5, 6"),
          Fault(BadFraming, "Content-Length fields differ: '5, 6'")),
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
    Reply("LF in some lines", OK + b"A: b\nContent-Length: 5\r\n\nhello", Body(b"hello")),
    Reply("ISO 8859-1", line(b"Foo: caf\xe9"), Body(b"hello")),
    Reply("too many fields", OK + b"A: b\r\n" * 5 + b"\r\n",
          Fault(LimitExceeded, "got more than 4 headers, found 5")),
    Reply("too long a line", line(b"A: " + b"b" * 120),
          Fault(LimitExceeded, "got more than 120 bytes in line 2 of the reply head, found 123")),
    Reply("too long a head", OK + b"A: b\r\n" * 60 + b"\r\n",
          Fault(LimitExceeded, "got more than 300 bytes of headers")),
    # --- status lines
    Reply("no reason", b"HTTP/1.1 200\r\nContent-Length: 5\r\n" + HELLO, Body(b"hello")),
    Reply("an empty reason", b"HTTP/1.1 200 \r\nContent-Length: 5\r\n" + HELLO, Body(b"hello")),
    Reply("HTTP/1.7", b"HTTP/1.7 200 OK\r\nContent-Length: 5\r\n" + HELLO, Body(b"hello")),
    Reply("HTTP/0.9", b"<html>hello</html>\n", Fault(BadStatusLine, NO_STATUS + "'<")),
    Reply("HTTP/0.9 with lines", b"<p>\n\n</p>\n", Fault(BadStatusLine, NO_STATUS + "'<p>'")),
    Reply("HTTP/2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n" + HELLO,
          Fault(UnknownProtocol, NO_STATUS + "'HTTP/2.0 200 OK'")),
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
    Reply("102, 103", b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
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
    Reply("no empty line after the last chunk", CHUNKED + CHUNKS[:-2], Body(b"hello")),
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
    Reply("gzip of 204", b"HTTP/1.1 204 x\r\nContent-Encoding: gzip\r\n\r\n", Body(b""),
          decode=True),
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
        failure = error
    else:
        failure = None
    if failure is not None:
        if reply.decode:
            client.close()
        assert stream.closed, f"still open after {failure!r}"
        assert client.state is State.CLOSED
        return failure
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
        pieces = [beginning] if number % 2 else [beginning[: number // 2], beginning[number // 2 :]]
        found = outcome_of(reply, pieces, end, WAYS[number % len(WAYS)])
        if isinstance(found, MiniHTTPError):
            continue
        if end == "close" and beginning.endswith((b"\r\n0\r\n", b"\r\n0\r\n\r")):
            # The last chunk has come, whatever should have followed it (RFC 9112 section 8).
            assert found.data in (b"hello", b"")
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
def opened():
    """urlopen with the limits of the table, over a pool of its own."""
    with Pool(limits=SMALL) as pool:
        install_opener(build_opener(HTTPHandler(pool=pool)))
        yield urlopen
    install_opener(None)


@pytest.mark.parametrize(
    "reply",
    [reply for reply in REPLIES if reply.outcome.reason is not CloseReason.SWITCHED],
    ids=lambda reply: reply.name,
)
def test_a_reply_surfaces_in_urlopen_as_documented(reply, opened):
    headers = {} if reply.decode else {"Accept-Encoding": "identity"}
    with ScriptedServer([[Expect(), Send(reply.data), HalfClose()]]) as server:
        request = Request(server.url, headers=headers | dict(reply.fields), method=reply.method)
        try:
            with opened(request) as response:
                found = response.read()
        except HTTPError as error:
            with error:
                found = error.read()
        except URLError as error:
            found = error
    if isinstance(reply.outcome, Body):
        assert found == reply.outcome.data
    else:
        check(reply, found)
        assert isinstance(found, http.client.HTTPException)


@pytest.mark.parametrize("data", [FIVE + HELLO, CHUNKED + CHUNKS, OK + HELLO])
def test_a_reply_may_come_byte_by_byte_over_a_socket(data, opened):
    pieces = [data[place : place + 1] for place in range(len(data))]
    with ScriptedServer([[Expect(), SendSplit(pieces)]]) as server, opened(server.url) as response:
        assert response.read() == b"hello"


# --- endless and huge


def endless(start, again):
    return itertools.chain([start], itertools.repeat(again))


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (endless(b"", b"x" * 999), "more than 262144 bytes of headers, found 26"),
        (endless(OK, b"A: b\r\n" * 99), "more than 262144 bytes of headers, found 26"),
        (endless(OK, b"A: " + b"b" * 9999), "more than 262144 bytes of headers, found 2"),
        (endless(OK, b" folded\r\n" * 99), "more than 262144 bytes of headers, found 26"),
        ([OK + b"A: b\r\n" * 1001 + b"\r\n"], "more than 1000 headers, found 1001"),
        ([OK + b"A: " + b"b" * 65534 + b"\r\n\r\n"],
         "more than 65536 bytes in line 2 of the reply head, found 65537"),
        (endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), "more than 20 interim replies"),
        (endless(CHUNKED + b"5;", b"x" * 999), "more than 4096 bytes in the line of a chunk's"),
        (endless(CHUNKED + b"0\r\n", b"A: b\r\n" * 99), "more than 65536 bytes in the trailer"),
        (endless(CHUNKED + b"0\r\nA: ", b"b" * 999), "more than 65536 bytes in the trailer, fo"),
        ([CHUNKED + b"0\r\n" + b"A: b\r\n" * 101 + b"\r\n"], "more than 100 trailers, found 101"),
        ([coded(PACKED, b", ".join([b"gzip"] * 50))], "more than 5 content codings, found 50"),
    ],
)  # fmt: skip
def test_what_has_no_end_is_refused_naming_limit_and_number(pieces, words):
    stream = ScriptedStream(pieces)
    with HTTPClient.over(stream) as client, pytest.raises(LimitExceeded, match=words):
        response = client.exchange("GET", "/", [("Host", "a.test")])
        response.decode_content()
        response.read()
    assert stream.receives < 1000


class GreedyStream(ScriptedStream):
    """Keeps the most that it was ever asked for at once."""

    most = 0

    def recv(self, size, flags=0):
        self.most = max(self.most, size)
        return super().recv(size, flags)


@pytest.mark.parametrize("size", [None, 10**13, 2**40])
@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (OK + b"Content-Length: 99999999999999\r\n\r\n", 99999999999999 - 5),
        (CHUNKED + b"ffffffffffffffff\r\n", None),
    ],
)
def test_what_a_server_only_promises_is_not_allocated(head, expected, size):
    stream = GreedyStream([head, b"hello"])
    with HTTPClient.over(stream) as client:
        response = client.exchange("GET", "/", [("Host", "a.test")])
        with pytest.raises(IncompleteRead) as caught:
            response.read(size)
    assert caught.value.partial == b"hello"
    assert caught.value.expected == expected
    assert stream.most <= 1024 * 1024


def test_what_a_caller_asks_for_of_an_endless_reply_is_not_allocated():
    stream = GreedyStream([OK + b"\r\n", b"hello"])
    with HTTPClient.over(stream) as client:
        response = client.exchange("GET", "/", [("Host", "a.test")])
        assert response.read(10**13) == b"hello"
    assert stream.most <= 1024 * 1024


BOMB = coded(gzip.compress(bytes(1 << 26)))
"""64 MiB of zeros."""


def test_a_coded_body_is_decoded_no_faster_than_it_is_read():
    with HTTPClient.over(ScriptedStream([BOMB])) as client:
        response = client.exchange("GET", "/", [("Host", "a.test")])
        response.decode_content()
        tracemalloc.start()
        try:
            total = sum(map(len, response.iter_chunks()))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert total == 1 << 26
    assert peak < 4 << 20


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(decoded_bytes=1 << 20), "more than 1048576 "),
        (Limits(decoded_ratio=50.0), "more than [0-9]+ decoded bytes from [0-9]+ coded ones"),
    ],
)
def test_what_a_coded_body_may_decode_to_can_be_limited(limits, words):
    with HTTPClient.over(ScriptedStream([BOMB])) as client:
        response = client.exchange("GET", "/", [("Host", "a.test")])
        response.decode_content(limits)
        with pytest.raises(LimitExceeded, match=words):
            response.read()


def test_redirects_without_end_are_not_followed_without_end():
    moved = b"HTTP/1.1 302 Found\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n"
    with Pool() as pool, ScriptedServer([[moved % number for number in range(30)]]) as server:
        with pytest.raises(RedirectRefused, match="got more than 20 redirects") as caught:
            build_opener(HTTPHandler(pool=pool)).open(server.url)
        caught.value.close()
    assert len(server.requests) == 21


# --- anything at all


FRAGMENTS = [
    *(reply.data for reply in REPLIES),
    *(bytes([byte]) for byte in b"\r\n \t:;,0159af\0\x7f\x80\xff"),
    OK, FIVE, CHUNKED, HELLO, CHUNKS, PACKED,
    b"\r\n", b"\r\n\r\n", b"HTTP/1.1 ", b"HTTP/1.0 204 \r\n", b"Connection: close\r\n",
    b"Content-Encoding: deflate, gzip\r\n", b"Content-Type: text/html; charset=",
    b"Content-Type: a/b; charset*=undefined''idna; charset*0=x\r\n",
    b"idna\r\n", b"undefined\r\n", b"utf-7\r\n", b"unicode_escape\r\n", b"\\q\\N{",
]  # fmt: skip


def check_anything(pieces, method, read):
    """Whatever is sent, there is a reply or an error of ours, and nothing stays open."""
    stream = ScriptedStream(pieces)
    with HTTPClient.over(stream) as client:
        try:
            response = client.exchange(method, "/", [("Host", "a.test")])
            response.decode_content()
            read(response)
            response.close()
        except MiniHTTPError:
            pass
    assert stream.closed


READINGS = [*WAYS, lambda response: response.text, lambda response: list(response.iter_lines())]


@settings(max_examples=300)
@given(
    pieces=st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=20), max_size=8),
    method=st.sampled_from(["GET", "HEAD", "CONNECT"]),
    read=st.sampled_from(READINGS),
)
@example([FIVE + b"Content-Type: a/b; charset*=us-ascii''%00\r\n" + HELLO], "GET", READINGS[-1])
@example([FIVE + b"Content-Type: a/b; charset=undefined\r\n" + HELLO], "GET", READINGS[-1])
@example([FIVE + b"Content-Type: a/b; charset=idna\r\n" + HELLO], "GET", READINGS[-1])
@example([FIVE + b"Content-Type: a/b; charset=rot13\r\n" + HELLO], "GET", READINGS[-1])
@example([FIVE + b"Content-Type: a/b; charset=unicode_escape\r\n\r\na\\qbc"], "GET", READINGS[-2])
def test_anything_sent_is_a_reply_or_an_error_of_ours(pieces, method, read):
    check_anything(pieces, method, read)


def test_50_000_spoiled_replies_are_replies_or_errors_of_ours():
    draw = random.Random(9110)
    for number in range(50_000):
        data = bytearray(draw.choice(REPLIES).data)
        for _ in range(draw.randint(1, 3)):
            place = draw.randint(0, len(data))
            data[place : place + draw.randint(0, 2)] = draw.choice(FRAGMENTS)
        cut = draw.randint(0, len(data))
        check_anything([data[:cut], data[cut:]], "GET", READINGS[number % len(READINGS)])


# --- what another parser makes of replies

LLHTTP = json.loads((Path(__file__).parents[1] / "data" / "llhttp_responses.json").read_text())
CASES = {f"{Path(case['file']).stem}: {case['name']}": case for case in LLHTTP["cases"]}
STRICT = ("response", "response-finish")

OTHERWISE = {
    # llhttp refuses, we take
    "transfer-encoding: Chunk extensions quoting":
        "it misses the empty line after the last chunk, which ends a body (RFC 9112 section 8)",
    "connection: HTTP/1.1 with keep-alive disabled and 204 status":
        "it refuses what follows a last reply; we close, and never look at it",
    "connection: HTTP/1.1 with keep-alive disabled, content-length":
        "it refuses what follows a last reply; we close, and never look at it",
    "invalid: Only LFs present and no body": "a line feed alone ends a line (RFC 9112 section 2.2)",
    "invalid: Only LFs present": "a line feed alone ends a line (RFC 9112 section 2.2)",
    "sample: No carriage ret": "a line feed alone ends a line (RFC 9112 section 2.2)",
    "transfer-encoding: No extension after semicolon": "extensions are skipped, not parsed",
    "transfer-encoding: Unbalanced chunk extensions quoting": "extensions are skipped, not parsed",
    # llhttp takes, we refuse
    "connection: HTTP 100 first, then 400": "an empty line before a status line is no status line",
    "sample: Response starting with CRLF": "an empty line before a status line is no status line",
    "sample: RTSP response": "another protocol",
    "sample: ICE response": "another protocol",
    "sample: HTTP version 0.9": "HTTP/0.9 has no status line, so this is not it",
    "transfer-encoding: `chunked` before other transfer-encoding":
        "a body in a coding that can't be undone is no use",
    "transfer-encoding: multiple transfer-encoding where chunked is not the last one":
        "a body in a coding that can't be undone is no use",
    "transfer-encoding: `chunkedchunked` transfer-encoding does not enable chunked enconding":
        "a body in a coding that can't be undone is no use",
    # both take, and read differently
    "invalid: Extra space between status code and reason":
        "blanks around a reason phrase are not part of it",
    # llhttp takes when it is told to be lenient
    "connection: HTTP/1.1 with keep-alive disabled, content-length (lenient)":
        "what follows a last reply is not looked at",
    "connection: HTTP/1.1 with keep-alive disabled and 204 status (lenient)":
        "what follows a last reply is not looked at",
    "invalid: Only LFs present and no body (lenient)": "a line feed alone ends a line",
    "invalid: Only LFs present (lenient)": "a line feed alone ends a line",
    "sample: No carriage ret (lenient)": "a line feed alone ends a line",
}  # fmt: skip
"""Where we answer otherwise than llhttp does when it is strict, and why."""


def llhttps_outcome(case):
    """The first reply that is not interim: status, reason, fields and body, or that it refuses."""
    if case["type"] not in STRICT:
        return "refused"  # when it is strict, says the twin of each such case, or its very name
    is_refused = case["error"] is not None and "Pause on" not in case["error"]["reason"]
    final = [m for m in case["messages"] if (m.get("status") or 0) in (101, *range(200, 999))]
    if is_refused or not final:
        return "refused"
    message = final[0]
    fields = [(name, value.strip()) for name, value in message["headers"]]
    names = [name.lower() for name, _ in fields]
    is_cut = not message["complete"] and {"content-length", "transfer-encoding"} & set(names)
    reason, body = message.get("reason") or "", message.get("body") or ""
    return message["status"], reason, fields, body, "cut" if is_cut else "whole"


def our_outcome(case):
    """The same, of the same bytes."""
    stream = ScriptedStream([base64.b64decode(case["input_b64"])])
    fields = [("Host", "a.test"), ("Upgrade", "h2c"), ("Connection", "upgrade")]
    method = "HEAD" if case["meta"].get("skipBody") else "GET"
    with HTTPClient.over(stream) as client:
        try:
            response = client.exchange(method, "/", fields)
        except MiniHTTPError:
            return "refused"
        try:
            body, end = response.read(), "whole"
        except IncompleteRead as cut:
            body, end = cut.partial, "cut"
        except MiniHTTPError:
            return "refused"
    return (response.status, response.reason, response.getheaders(), body.decode("latin-1"), end)


@pytest.mark.parametrize("name", CASES)
def test_a_reply_is_taken_as_llhttp_takes_it_or_there_is_a_reason(name):
    case = CASES[name]
    agree = our_outcome(case) == llhttps_outcome(case)
    assert agree == (name not in OTHERWISE), f"{our_outcome(case)} != {llhttps_outcome(case)}"


def test_each_difference_from_llhttp_is_one_of_its_cases():
    assert set(OTHERWISE) <= set(CASES)
    assert len(CASES) == len(LLHTTP["cases"]) == 85


# --- servers with a will of their own


KEPT = FIVE + HELLO
GONE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge"
MUCH = bytes(1 << 25)
"""More than all buffers on the way hold."""
SOON = 0.2
"""Seconds of a wait that is to end without what it waits for."""


def drip(connection):
    """Sends a byte now and then, for as long as the client stays."""
    never = threading.Event()
    while not never.wait(SOON / 5):
        connection.send(b"x")


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200 OK\r\nA: ", b"HTTP/1.1 103 x\r\n\r\nHTTP/1.1 2"]
)
def test_a_head_that_drips_is_bounded_by_the_timeout(begun):
    with (
        ScriptedServer([[Expect(), Send(begun), drip if begun else Drain()]]) as server,
        HTTPClient(server.authority, timeout=SOON) as http,
        pytest.raises(ReadTimedOut, match=r"^timed out\n"),
    ):
        http.get("/")
    assert http.close_reason is CloseReason.TIMED_OUT


@pytest.mark.parametrize("head", [OK + b"Content-Length: 999999\r\n\r\n", OK + b"\r\n"])
def test_a_body_that_drips_is_bounded_by_the_total_time(head):
    with (
        ScriptedServer([[Expect(), Send(head), drip]]) as server,
        HTTPClient(server.authority, timeout=Timeout(total=SOON)) as http,
    ):
        assert http.get("/")[0] == 200
        with pytest.raises(TotalTimedOut, match="timed out"):
            http.getbody()


def test_an_unread_body_that_drips_does_not_keep_close_busy(monkeypatch):
    monkeypatch.setattr("mini_http.exchange.exchange_client.DRAIN_SECONDS", SOON)
    with (
        ScriptedServer([[Expect(), Send(OK + b"Content-Length: 60000\r\n\r\n"), drip]]) as server,
        HTTPClient(server.authority) as http,
    ):
        http.get("/")
        http.response.close()
        assert http.close_reason is not None


@pytest.mark.parametrize("spoils", [Close(), Reset(), Send(KEPT), Send(b"!"), Send(b"\r\n")])
def test_a_connection_with_bytes_or_an_end_on_it_while_idle_is_not_used_again(spoils):
    told = Pause()
    with (
        ScriptedServer([[Expect(), Send(KEPT), told, spoils, Drain()], KEPT]) as server,
        HTTPClient(server.authority) as http,
    ):
        http.get("/1")
        assert http.getbody() == b"hello"
        assert http.state is State.IDLE
        told.resume.set()
        assert http.wait_for_input(20)
        http.get("/2")
        assert http.getbody() == b"hello"
    assert [len(connection.requests) for connection in server.connections] == [1, 1]


def test_a_connection_is_not_used_again_after_bytes_beyond_the_end_of_a_reply():
    with (
        ScriptedServer([[Expect(), Send(KEPT + KEPT), Drain()], KEPT]) as server,
        HTTPClient(server.authority) as http,
    ):
        http.get("/1")
        assert http.getbody() == b"hello"
        assert http.close_reason is CloseReason.EXTRA_BYTES
        assert http.closed
        http.get("/2")
        assert http.getbody() == b"hello"
    assert [len(connection.requests) for connection in server.connections] == [1, 1]


@pytest.mark.parametrize(
    "body", [MUCH, [MUCH], [bytes(1 << 20)] * 32], ids=["bytes", "chunk", "chunks"]
)
@pytest.mark.parametrize("then", ["reads no more", "closes", "resets"])
def test_a_reply_that_comes_while_a_body_is_sent_is_read_and_returned(then, body):
    done = Pause()
    steps = {"reads no more": [Send(GONE), done], "closes": [Send(GONE), Close()],
             "resets": [SendSplit([GONE]), Reset()]}[then]  # fmt: skip
    with (
        ScriptedServer([[ExpectHead(), *steps]]) as server,
        HTTPClient(server.authority) as http,
    ):
        assert http.httpcmd("POST", "/", body=body)[0] == 413
        assert http.getbody() == b"large"
        assert http.close_reason is CloseReason.EARLY_REPLY
        assert http.closed


def test_urlopen_raises_the_error_that_came_while_the_body_was_sent():
    with ScriptedServer([[ExpectHead(), Send(GONE), Close()]]) as server:
        with pytest.raises(HTTPError) as caught:
            urlopen(server.url, data=MUCH)
        with caught.value as error:
            assert (error.code, error.read()) == (413, b"large")


def test_a_reply_that_was_there_before_the_request_is_refused():
    with (
        ScriptedServer([[Send(GONE), Drain()]]) as server,
        HTTPClient(server.authority) as http,
    ):
        http.connect()
        assert http.wait_for_input(20)
        with pytest.raises(UnaskedReply) as caught:
            http.httpcmd("POST", "/", body=MUCH)
        assert caught.value.state == "idle"
        assert http.closed


def test_interim_replies_while_a_body_is_sent_do_not_end_it():
    interim = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 "
    seen = []
    script = [ExpectHead(), Send(interim), Send(b"Early Hints\r\n\r\n"), ExpectBody(), Send(KEPT)]
    with (
        ScriptedServer([script]) as server,
        HTTPClient(server.authority, on_interim=lambda head: seen.append(head.status)) as http,
    ):
        assert http.httpcmd("PUT", "/", body=MUCH)[0] == 200
        assert http.getbody() == b"hello"
    assert seen == [102, 100, 103]
    assert server.requests[0].endswith(b"\r\n\r\n" + MUCH)


def test_endless_interim_replies_while_a_body_is_sent_are_not():
    def chatter(connection):
        while True:
            connection.send(b"HTTP/1.1 102 Processing\r\n\r\n")

    with (
        ScriptedServer([[ExpectHead(), chatter]]) as server,
        HTTPClient(server.authority) as http,
        pytest.raises(LimitExceeded, match="more than 20 interim replies"),
    ):
        http.httpcmd("PUT", "/", body=MUCH)


def test_after_a_switch_of_protocols_the_bytes_are_the_callers():
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\nhello"
    with (
        ScriptedServer([[Expect(), Send(switched), ExpectBytes(4), Send(b"pong")]]) as server,
        HTTPClient(server.authority) as http,
    ):
        status, _ = http.get("/", {"Upgrade": "echo", "Connection": "upgrade"})
        assert (status, http.state) == (101, State.SWITCHED)
        if not http.buffered():
            assert http.at_end() is False
        with pytest.raises(StateError, match="5 bytes have come and must be read first"):
            http.detach()
        assert http.read(5) == b"hello"
        with contextlib.closing(http.detach()) as stream:
            stream.sendall(b"ping")
            assert stream.recv(100) == b"pong"
