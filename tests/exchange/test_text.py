"""A reply as pieces, lines, text and JSON, be it of a connection or of a file."""

from __future__ import annotations

import codecs
import io
import json
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.streams import ScriptedStream, every_split

from mini_http.base.errors import IncompleteRead, LimitExceeded
from mini_http.base.headers import Headers
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.event_stream import EventStream
from mini_http.exchange.text import BYTE_ORDER_MARKS, LINE_BYTES
from mini_http.opener.replies import addinfourl


def of_connection(data, content_type="", pieces=None, length=None):
    """The reply of a server whose body comes in these pieces."""
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    head = f"HTTP/1.1 200 OK\r\n{kind}Content-Length: {length or len(data)}\r\n\r\n".encode()
    client = HTTPClient.over(ScriptedStream([head, *(pieces or [data])]))
    return client.exchange("GET", "/", [("Host", "a.test")])


def of_file(data, content_type=""):
    """A reply as file: and data: have it."""
    fields = [("Content-Type", content_type)] if content_type else []
    return addinfourl(io.BytesIO(data), Headers(fields), "file:///a")


each_kind = pytest.mark.parametrize("reply", [of_connection, of_file])

# --- text

MARKED = [
    ("utf-8", codecs.BOM_UTF8 + "café €\n".encode()),
    ("utf-16-le", codecs.BOM_UTF16_LE + "café €\n".encode("utf-16-le")),
    ("utf-16-be", codecs.BOM_UTF16_BE + "café €\n".encode("utf-16-be")),
]
TEXTS = [
    # by the header
    ("text/plain; charset=ISO-8859-1", b"caf\xe9", "café"),
    ('text/plain; CHARSET="Windows-1252"', b"\x80", "€"),
    ("text/plain; charset=koi8-r", b"\xc1", "а"),  # noqa: RUF001  (a Cyrillic letter)
    ("text/plain; charset=cp037", b"\x81\x25\x82", "a\nb"),
    ("text/plain; charset=utf-16-be", b"\0a\0\n", "a\n"),
    ("text/plain; charset=ascii", b"caf\xe9", "caf\ufffd"),
    # the header says more than the mark
    ("text/plain; charset=iso-8859-1", b"\xef\xbb\xbfa", "ï»¿a"),
    ("text/plain; charset=iso-8859-1", b"\xff\xfea", "ÿþa"),
    # the mark is no part of the text, in none of the charsets that have it
    ("text/plain; charset=utf-8", b"\xef\xbb\xbfa", "a"),
    ("text/plain; charset=utf-8-sig", b"\xef\xbb\xbfa", "a"),
    ("text/plain; charset=utf-16", b"\xff\xfea\0", "a"),
    ("text/plain; charset=utf-16", b"\xfe\xff\0a", "a"),
    ("text/plain; charset=utf-16-le", b"\xff\xfea\0", "a"),
    ("text/plain; charset=utf-32-be", b"\0\0\xfe\xff\0\0\0a", "a"),
    # without a mark the order is that of the network (RFC 2781 section 4.3, Unicode 3.10 D98, D101)
    ("text/plain; charset=utf-16", b"\0a\0\n", "a\n"),
    ("text/plain; charset=UTF16", b"\0\n", "\n"),
    ("text/plain; charset=utf_32", b"\0\0\0a\0\0\0\n", "a\n"),
    ("text/plain; charset=utf-16", b"\xff", "\ufffd"),
    # but for once, and at the beginning
    ("", b"\xef\xbb\xbf\xef\xbb\xbfa\xef\xbb\xbf", "\ufeffa\ufeff"),
    ("", b"a\xff\xfeb", "a\ufffd\ufffdb"),
    # without a charset that Python knows
    ("text/plain; charset=nonsense", b"\xff\xfea\0", "a"),
    ("text/plain; charset=rot13", b"\xef\xbb\xbfa", "a"),
    ("text/plain; charset=hex", b"abc", "abc"),
    ("text/plain; charset=undefined", b"abc", "abc"),
    ("text/plain; charset=idna", b"abc", "abc"),
    ("text/plain; charset=unicode_escape", b"a\\qb", "a\\qb"),
    ("text/plain; charset*=us-ascii''%00", b"abc", "abc"),
    ("text/plain; charset=", b"caf\xc3\xa9", "café"),
    ("text/plain", "café".encode(), "café"),
    ("text/html", b"caf\xe9\xe2\x82", "caf\ufffd\ufffd"),
    ("", b"\xff", "\ufffd"),
    ("", b"\xef\xbb", "\ufffd"),
    ("", b"\xff\xfea", "\ufffd"),
    *(("text/plain", data, "café €\n") for _, data in MARKED),
]


@each_kind
@pytest.mark.parametrize(("content_type", "data", "text"), TEXTS)
def test_text_is_by_its_charset_else_by_its_mark_else_utf_8(reply, content_type, data, text):
    assert reply(data, content_type).text == text
    if text:
        lines = text.split("\n")
        assert list(reply(data, content_type).iter_lines()) == lines[: len(lines) - (not lines[-1])]


@each_kind
def test_no_text_is_no_text(reply):
    assert reply(b"").text == ""
    assert list(reply(b"").iter_lines()) == []
    assert reply(codecs.BOM_UTF8).text == ""


@each_kind
def test_text_is_what_has_not_been_read_yet(reply):
    response = reply(b"hello")
    assert response.read(2) == b"he"
    assert response.text == "llo"
    assert response.text == ""


def test_the_marks_are_pythons():
    assert {charset: mark for mark, charset in BYTE_ORDER_MARKS} == {
        "utf-8": codecs.BOM_UTF8,
        "utf-16-le": codecs.BOM_UTF16_LE,
        "utf-16-be": codecs.BOM_UTF16_BE,
    }


# --- JSON

DOCUMENT = {"café": [1, None, "€", "\U0001f600"]}


@each_kind
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize(
    "charset",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"],
)
def test_json_is_read_in_each_encoding_of_unicode(reply, charset, ascii_only):
    data = json.dumps(DOCUMENT, ensure_ascii=ascii_only).encode(charset)
    assert reply(data).json() == DOCUMENT


@each_kind
def test_json_has_its_own_encoding_whatever_the_header_says(reply):
    data = json.dumps(DOCUMENT, ensure_ascii=False).encode()
    assert reply(data, "application/json; charset=iso-8859-1").json() == DOCUMENT


BROKEN = [
    b"",
    b" ",
    b"{",
    b"{'a': 1}",
    b'{"a": 1} x',
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xff\xfe\xff",
    b"\xfe\xff\0",
    b"\x80",
    b'"caf\xe9"',
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b"9" * 10_000,
    b"\0\0\0",
    b"<html>",
]


@each_kind
@pytest.mark.parametrize("data", BROKEN, ids=lambda data: repr(data[:9]))
def test_what_is_no_json_is_a_value_error(reply, data):
    with pytest.raises(ValueError):
        reply(data).json()


@given(
    data=st.binary(max_size=12) | st.text('[]{}",:0-9.eE \\utruefalsn', max_size=12).map(str.encode)
)
def test_anything_is_json_or_a_value_error(data):
    try:
        found = of_file(data).json()
    except ValueError:
        return
    json.dumps(found)


@each_kind
def test_a_body_that_was_read_is_said_to_be(reply):
    response = reply(b"[]")
    assert response.json() == []
    with pytest.raises(ValueError, match=r"^no JSON: the body is empty, or has been read before$"):
        response.json()


# --- pieces


@each_kind
@pytest.mark.parametrize("size", [1, 3, 5, 6, 1 << 20])
def test_pieces_are_of_at_most_so_many_bytes(reply, size):
    pieces = list(reply(b"hello").iter_chunks(size))
    assert b"".join(pieces) == b"hello"
    assert max(map(len, pieces)) <= size


def test_pieces_are_given_as_they_come():
    response = of_connection(b"hello", pieces=[b"he", b"l", b"lo"])
    assert list(response.iter_chunks()) == [b"he", b"l", b"lo"]


def test_pieces_of_a_body_that_is_cut_are_given_and_then_it_fails_as_often_as_it_is_asked():
    response = of_connection(b"hello", length=9)
    pieces = response.iter_chunks()
    assert next(pieces) == b"hello"
    for _ in range(2):
        with pytest.raises(IncompleteRead):
            next(pieces)


@each_kind
@pytest.mark.parametrize("size", [0, -1, -(1 << 40)])
def test_a_size_or_limit_below_1_is_refused_at_once_and_nothing_is_read(reply, size):
    response = reply(b"hello")
    with pytest.raises(ValueError, match=rf"^size must be at least 1, not {size}$"):
        response.iter_chunks(size)
    with pytest.raises(ValueError, match=rf"^limit must be at least 1, not {size}$"):
        response.iter_lines(size)
    assert response.read() == b"hello"


# --- events


@each_kind
def test_events_are_read_by_a_new_stream_or_by_the_one_that_is_given(reply):
    data, kind = b"id: 5\ndata: a\n\n", "text/event-stream"
    events = reply(data, kind).iter_events()
    (event,) = events
    assert (event.data, events.last_event_id) == ("a", "5")
    given = EventStream("4")
    assert reply(b"data: b\n\n", kind).iter_events(given) is given
    assert next(given).id == "4"


# --- lines

LINES = [
    (b"a\nb\n", ["a", "b"]),
    (b"a\r\nb", ["a", "b"]),
    (b"\n\r\n\n", ["", "", ""]),
    (b"a\r\r\nb\rc\r", ["a\r", "b\rc\r"]),
    (b"a\x0bb\x0cc\x1cd\xc2\x85e\xe2\x80\xa8f\n", ["a\x0bb\x0cc\x1cd\x85e\u2028f"]),
    (codecs.BOM_UTF8 + b"a\n" + codecs.BOM_UTF8 + b"b", ["a", "\ufeffb"]),
    (codecs.BOM_UTF8 + b"\nb", ["", "b"]),
]
WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-16", "utf-32"]


@pytest.mark.parametrize(("data", "lines"), LINES)
def test_lines_are_the_same_at_every_split(data, lines):
    for pieces in every_split(data):
        assert list(of_connection(data, pieces=pieces).iter_lines()) == lines


@pytest.mark.parametrize("charset", WIDE)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_are_the_same_where_a_line_feed_is_more_than_a_byte(charset, mark):
    # Characters with a byte 10, as line feeds have: two of two bytes, which look like one together.
    text = "a\nb\r\n\r\r\n\u0a0a\u0a00\u000d\u0a41\u2028\x0b\n\nlast\r"
    data = (mark + text).encode(charset)
    lines = ["a", "b", "\r", "\u0a0a\u0a00\r\u0a41\u2028\x0b", "", "last\r"]
    for pieces in every_split(data):
        response = of_connection(data, f"text/plain; charset={charset}", pieces)
        assert list(response.iter_lines()) == lines


@each_kind
@pytest.mark.parametrize(("charset", "width"), [("utf-16", 2), ("U16", 2), ("utf-32", 4)])
@pytest.mark.parametrize("text", ["a\nb\n", "\n\u0a0a", "", "\n"])
def test_wide_lines_without_a_mark_are_in_the_order_of_the_network(reply, charset, width, text):
    data = text.encode(f"utf-{8 * width}-be")
    response = reply(data, f"text/plain; charset={charset}")
    assert list(response.iter_lines()) == text.removesuffix("\n").split("\n")[: len(text)]


@each_kind
@pytest.mark.parametrize("charset", ["utf-16", "utf-32"])
def test_the_mark_is_found_however_short_a_line_may_be(reply, charset):
    data = codecs.lookup(charset).encode("a\nb\n")[0]
    response = reply(data, f"text/plain; charset={charset}")
    assert list(response.iter_lines(limit=1)) == ["a", "b"]


@pytest.mark.parametrize(("charset", "data"), MARKED)
def test_lines_are_by_the_mark_at_every_split(charset, data):
    for pieces in every_split(data * 2):
        first, second = of_connection(data * 2, pieces=pieces).iter_lines()
        assert (first, second) == ("café €", "\ufeffcafé €")


def test_a_wide_character_that_is_cut_is_replaced():
    assert list(of_file(b"\xff\xfea\0\n\0b").iter_lines()) == ["a", "\ufffd"]


@given(
    text=st.text(st.sampled_from("ab\r\n\u0a0a\u0d0a\U0001f600é"), max_size=30),
    charset=st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-be", "cp037", "latin-1"]),
    cuts=st.lists(st.integers(0, 120), max_size=5),
)
@example("a\r\n\r\nb", "utf-16-be", [2, 3, 5, 6])
def test_lines_are_those_of_the_text_in_any_pieces(text, charset, cuts):
    data = text.encode(charset, "replace")
    text = data.decode(charset)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    *ended, last = text.split("\n")
    lines = [line.removesuffix("\r") for line in ended] + [last] * bool(last)
    response = of_connection(data, f"text/plain; charset={charset}", pieces)
    assert list(response.iter_lines()) == lines


@each_kind
def test_reading_can_go_on_after_a_line(reply):
    response = reply(codecs.BOM_UTF8 + b"one\r\ntwo\nthree\nfour")
    assert next(response.iter_lines()) == "one"
    assert next(response.iter_lines()) == "two"
    assert response.readline() == b"three\n"
    assert response.read() == b"four"


def test_a_line_is_given_before_the_next_has_come():
    response = of_connection(b"one\ntwo\n", pieces=[b"one\n"], length=8)
    lines = response.iter_lines()
    assert next(lines) == "one"
    with pytest.raises(IncompleteRead):
        next(lines)


@each_kind
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_line_may_have_as_many_bytes_as_the_limit_without_its_end(reply, end):
    assert list(reply(b"12345" + end).iter_lines(5)) == ["12345"]
    lines = reply(b"a\n123456" + end).iter_lines(5)
    assert next(lines) == "a"
    with pytest.raises(LimitExceeded, match="got more than 5 bytes in a line of the body"):
        next(lines)


@pytest.mark.parametrize("data", [b"\r" * 7, b"12345\r6\n", b"1234567", b"x" * 1000])
def test_a_line_that_is_too_long_is_refused_without_waiting_for_its_end(data):
    response = of_connection(data, length=10**6)
    with pytest.raises(LimitExceeded):
        next(response.iter_lines(5))
    with pytest.raises(LimitExceeded):
        response.read()


def test_a_file_with_a_line_that_is_too_long_is_closed():
    response = of_file(b"x" * 20)
    with pytest.raises(LimitExceeded):
        next(response.iter_lines(5))
    assert response.closed


@pytest.mark.parametrize("text", ["123456\n", "12345\r6", "123456", "x" * 100_000])
def test_a_wide_line_that_is_too_long_is_refused(text):
    data = f"12345\r\n{text}".encode("utf-16-le")
    lines = of_connection(data, "text/plain; charset=utf-16-le", length=10**6).iter_lines(5)
    assert next(lines) == "12345"
    with pytest.raises(LimitExceeded, match="5 characters in a line of the body"):
        next(lines)


def test_a_line_may_be_long_by_default():
    assert list(of_file(b"x" * LINE_BYTES).iter_lines()) == ["x" * LINE_BYTES]
    with pytest.raises(LimitExceeded):
        list(of_file(b"x" * (LINE_BYTES + 1)).iter_lines())


def test_a_long_wide_line_that_comes_in_small_pieces_is_read_in_linear_time():
    data = ("x" * 100_000 + "\n").encode("utf-16-le")
    pieces = [data[place : place + 1] for place in range(len(data))]
    response = of_connection(data, "text/plain; charset=utf-16-le", pieces)
    assert [len(line) for line in response.iter_lines()] == [100_000]
