"""Heads both ways: what is written reads back; the scan reads as its line-by-line twin does."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.streams import every_cut

from mini_http.base.errors import (
    BadField,
    BadStatusLine,
    InvalidField,
    LimitExceeded,
    MiniHTTPError,
    UnknownProtocol,
)
from mini_http.base.limits import DEFAULT_LIMITS, Limits
from mini_http.codec.framing import close_reason, response_framing
from mini_http.codec.heads import (
    check_head_begun,
    check_method,
    field_line,
    field_lines,
    read_fields,
    read_response_head,
    read_response_head_by_lines,
    read_trailers,
    write_request_head,
)

TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# --- writing


@pytest.mark.parametrize(
    ("line", "version"),
    [(b"HTTP/2.0 200 OK", "HTTP/2.0"), (b"HTTP/3 200", "HTTP/3"), (b"HTTP/0.9 200", "HTTP/0.9")],
)
def test_a_reply_of_another_version_names_the_version(line, version):
    with pytest.raises(UnknownProtocol) as caught:
        read_response_head(line + b"\r\n\r\n")
    assert caught.value.version == version


def test_a_request_head_is_its_line_its_fields_and_an_empty_line():
    fields = [("Host", "a.test"), ("x-UPPER", "1"), ("Accept", ""), ("x-upper", "caf\xe9")]
    assert write_request_head("GET", "/a?b", fields) == (
        b"GET /a?b HTTP/1.1\r\nHost: a.test\r\nx-UPPER: 1\r\nAccept: \r\nx-upper: caf\xe9\r\n\r\n"
    )


def test_a_request_head_may_have_no_fields():
    assert write_request_head("OPTIONS", "*", []) == b"OPTIONS * HTTP/1.1\r\n\r\n"


BAD_METHODS = ["", " ", "GET ", " GET", "GE T", "G\u00cbT", "GET\r\nA: b", "GET\0", "G:ET", "G/T"]
BAD_TARGETS = [
    "",
    " /",
    "/ ",
    "/a b",
    "/a\tb",
    "/\r\nA: b",
    "/\n",
    "/\0",
    "/\x7f",
    "/caf\xe9",
    "/\u2028",
    "/ HTTP/1.1\r\nA: b\r\n\r\nGET /",
]
BAD_NAMES = ["", " ", "A B", "A:", ":", "A ", " A", "\tA", "A\r\nB", "A\n", "A\0", "\xc4", "A(b)"]
BAD_VALUES = [
    "a\r\nB: c",
    "a\rb",
    "a\nb",
    "a\n b",
    "a\r\n b",
    "\0",
    "\x1f",
    "\x7f",
    "\u0100",
    "\ud800",
]


@pytest.mark.parametrize("method", BAD_METHODS)
def test_a_method_that_is_no_token_is_refused(method):
    with pytest.raises(InvalidField, match=r"^method can't contain"):
        write_request_head(method, "/", [])


@pytest.mark.parametrize("target", BAD_TARGETS)
def test_a_target_that_is_not_visible_ascii_is_refused(target):
    with pytest.raises(InvalidField, match=r"^request target must be visible ASCII"):
        write_request_head("GET", target, [("Host", "a")])


def test_a_target_may_have_every_byte_that_is_visible_ascii():
    target = "".join(map(chr, range(0x21, 0x7F)))
    assert write_request_head("GET", target, []).split(b" ")[1] == target.encode()


@pytest.mark.parametrize("name", [*BAD_NAMES, 5, None, b"A"])
def test_a_field_name_that_is_no_token_is_refused(name):
    with pytest.raises(InvalidField, match=r"^Invalid header name .* no token"):
        write_request_head("GET", "/", [("Host", "a"), (name, "b")])


@pytest.mark.parametrize("value", BAD_VALUES)
def test_a_field_value_that_may_not_be_sent_is_refused(value):
    with pytest.raises(InvalidField, match=r"^Invalid header value for A: "):
        write_request_head("GET", "/", [("A", value), ("B", "c")])
    with pytest.raises(InvalidField, match=r"^Invalid header value for A: "):
        field_lines((("A", value),))


@pytest.mark.parametrize("value", [5, None, b"a"])
def test_a_field_value_that_is_no_string_is_refused_and_not_guessed_at(value):
    with pytest.raises(InvalidField, match=r"^Invalid header value for A: .* is not a string"):
        write_request_head("GET", "/", [("A", value)])


@pytest.mark.parametrize(("method", "target"), [(b"GET", "/"), ("GET", b"/"), (None, "/")])
def test_a_method_or_target_that_is_no_string_is_refused_and_not_guessed_at(method, target):
    with pytest.raises((TypeError, AttributeError)):
        write_request_head(method, target, [])


def test_the_error_says_what_may_stand_in_a_value_beyond_iso_8859_1():
    with pytest.raises(InvalidField, match="beyond ISO 8859-1; encode it as the field's"):
        write_request_head("GET", "/", [("A", "\u20ac")])


def test_the_fields_that_bear_on_the_connection_are_told_apart():
    lines = field_lines((("CONNECTION", "x"), ("Expect", "y"), ("Accept", "z")))
    assert lines.control == {"connection", "expect"}
    assert not lines.says_close


@pytest.mark.parametrize(
    ("fields", "says_close"),
    [
        ((("connection", "Close"),), True),
        ((("Connection", "x, close"),), True),
        ((("Connection", "x"), ("Connection", "close")), True),
        ((("Connection", "closed"),), False),
        ((("Close", "close"),), False),
    ],
)
def test_a_connection_field_can_say_close(fields, says_close):
    assert field_lines(fields).says_close is says_close


# one by one, as a step-by-step writer needs them


@pytest.mark.parametrize("method", [*BAD_METHODS, "GE\x00T"])
def test_a_method_alone_is_checked_each_time(method):
    for _ in range(2):
        with pytest.raises(InvalidField, match=r"^method can't contain control characters"):
            check_method(method)


@pytest.mark.parametrize("target", BAD_TARGETS)
def test_a_target_that_may_not_be_sent_is_named(target):
    with pytest.raises(InvalidField, match=r"^request target must be visible ASCII"):
        write_request_head("GET", target, [])


@pytest.mark.parametrize("end", ["\xfc", " x", ""])
@pytest.mark.parametrize("scheme", ["http://", "", "\n//"])
def test_a_target_that_is_refused_is_shown_without_a_password(scheme, end):
    with pytest.raises(InvalidField) as caught:
        write_request_head("GET", f"{scheme}user:secret@a.test/\r{end}", [])
    assert "user:***@a.test/" in str(caught.value)


def test_what_may_be_sent_passes_the_checks():
    assert check_method("M-SEARCH") is None
    assert write_request_head("M-SEARCH", "*", []) == b"M-SEARCH * HTTP/1.1\r\n\r\n"


def test_a_field_alone_is_its_line():
    assert field_line("x-UPPER", " caf\xe9\t") == "x-UPPER:  caf\xe9\t\r\n"
    assert field_line("A", "") == "A: \r\n"


@pytest.mark.parametrize("name", [*BAD_NAMES, 5, None, b"A"])
def test_a_field_alone_has_its_name_checked(name):
    with pytest.raises(InvalidField, match=r"^Invalid header name"):
        field_line(name, "b")


@pytest.mark.parametrize("value", [*BAD_VALUES, 5, None, b"a"])
def test_a_field_alone_has_its_value_checked(value):
    with pytest.raises(InvalidField, match=r"^Invalid header value"):
        field_line("A", value)


@pytest.mark.parametrize(
    "fields", [[], [("Host", "a")], [("A", "b"), ("a", ""), ("C", "caf\xe9 ")]], ids=len
)
def test_step_by_step_makes_the_same_head(fields):
    steps = ["PUT /a HTTP/1.1\r\n", *(field_line(name, value) for name, value in fields), "\r\n"]
    assert "".join(steps).encode("latin-1") == write_request_head("PUT", "/a", fields)


def parsed_request(head):
    """Method, target and fields of a request head: another reading of RFC 9112, with no regex."""
    assert head.endswith(b"\r\n\r\n")
    request_line, *lines = head[:-4].split(b"\r\n")
    for line in (request_line, *lines):
        assert not set(line) & {0, 10, 13}, "one line is one line to every reader"
    method, target, version = request_line.split(b" ")
    assert version == b"HTTP/1.1"
    assert set(method.decode()) <= set(TOKEN_CHARACTERS)
    fields = []
    for line in lines:
        name, colon, value = line.partition(b": ")
        assert colon
        assert name
        assert set(name.decode()) <= set(TOKEN_CHARACTERS)
        fields.append((name.decode("latin-1"), value.decode("latin-1")))
    return method.decode(), target.decode("ascii"), fields


nearly_legal = st.text(
    st.sampled_from("aZ0-_~!/?%.@") | st.sampled_from(' \t:,;="\r\n\0\x7f\x80\xff\u0100\u0661'),
    max_size=8,
)
anything = st.text(max_size=8)
token = st.text(TOKEN_CHARACTERS, min_size=1, max_size=8)


@settings(max_examples=500)
@given(
    method=token | nearly_legal | anything,
    target=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=8)
    | nearly_legal
    | anything,
    fields=st.lists(
        st.tuples(token | nearly_legal | anything, nearly_legal | anything), max_size=4
    ),
)
@example("GET", "/", [("A", "b"), ("A", ""), ("a", " \t")])
@example("GET", "/", [("A", "b\r\nC: d")])
@example("GET", "/", [("A: b\r\nC", "d")])
@example("GET / HTTP/1.1\r\nA:", "b", [])
def test_a_request_head_reads_back_as_it_was_given_or_is_refused(method, target, fields):
    texts = [method, target, *(text for field in fields for text in field)]
    try:
        head = write_request_head(method, target, fields)
    except InvalidField:
        return
    assert not any(set(text) & set("\r\n\0") for text in texts)
    assert parsed_request(head) == (method, target, fields)


@given(
    method=token,
    fields=st.lists(
        st.tuples(token, st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]))),
        max_size=4,
    ),
)
def test_all_that_is_legal_is_written(method, fields):
    assert parsed_request(write_request_head(method, "/", fields)) == (method, "/", fields)


@given(
    text=st.text(max_size=5),
    bad=st.sampled_from("\r\n\0"),
    rest=st.text(max_size=5),
    place=st.integers(0, 3),
)
def test_a_line_end_or_nul_anywhere_is_refused(text, bad, rest, place):
    parts = ["GET", "/", "Name", "value"]
    parts[place] = text + bad + rest
    method, target, name, value = parts
    with pytest.raises(InvalidField):
        write_request_head(method, target, [(name, value)])


# --- reading


def head_of(block, limits=DEFAULT_LIMITS):
    head = read_response_head(block, limits)
    return head.version, head.status, head.reason, head.headers.items()


GOOD_HEADS = [
    (b"HTTP/1.1 200 OK\r\n\r\n", (11, 200, "OK", [])),
    (b"HTTP/1.0 200 OK\r\n\r\n", (10, 200, "OK", [])),
    (b"HTTP/1.2 200 OK\r\n\r\n", (11, 200, "OK", [])),
    (b"HTTP/1.1 200\r\n\r\n", (11, 200, "", [])),
    (b"HTTP/1.1 200 \r\n\r\n", (11, 200, "", [])),
    (b"HTTP/1.1 200  Fine, \t\r\n\r\n", (11, 200, "Fine,", [])),
    (b"HTTP/1.1 500 Ori\xc3\xabntatie\r\n\r\n", (11, 500, "Ori\xc3\xabntatie", [])),
    (b"HTTP/1.1 999 " + b"x" * 200 + b"\r\n\r\n", (11, 999, "x" * 200, [])),
    (
        b"HTTP/1.1 200 OK\r\nA: b\r\na:c\r\nB:\r\nC: \t \r\nD:\t d d \t\r\n\r\n",
        (11, 200, "OK", [("A", "b"), ("a", "c"), ("B", ""), ("C", ""), ("D", "d d")]),
    ),
    (
        b"HTTP/1.1 200 OK\r\nA: b: c\r\n!#: \xff\r\n\r\n",
        (11, 200, "OK", [("A", "b: c"), ("!#", "\xff")]),
    ),
    # a line feed alone ends a line
    (b"HTTP/1.1 200 OK\nA: b\n\n", (11, 200, "OK", [("A", "b")])),
    (b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\n", (11, 200, "OK", [("A", "b"), ("C", "d")])),
    (b"HTTP/1.1 200 OK\nA: b\r\n\r\n", (11, 200, "OK", [("A", "b")])),
    # folded lines
    (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", (11, 200, "OK", [("A", "b c")])),
    (
        b"HTTP/1.1 200 OK\r\nA: b \r\n\t  c\t\r\n \r\n  d\r\nE: f\r\n\r\n",
        (11, 200, "OK", [("A", "b c d"), ("E", "f")]),
    ),
    (b"HTTP/1.1 200 OK\r\nA:\r\n b\r\n\r\n", (11, 200, "OK", [("A", "b")])),
    (b"HTTP/1.1 200 OK\r\nA: b\r\n C: d\r\n\r\n", (11, 200, "OK", [("A", "b C: d")])),
]


@pytest.mark.parametrize(("block", "expected"), GOOD_HEADS, ids=lambda value: repr(value)[:60])
def test_a_head_is_read(block, expected):
    assert head_of(block) == expected


BAD_HEADS = [
    (b"\r\n\r\n", BadStatusLine, "no HTTP/1 status line: ''"),
    (b"\n\n", BadStatusLine, "no HTTP/1 status line: ''"),
    (b"\n", BadStatusLine, "no HTTP/1 status line: ''"),
    (b"\r\nHTTP/1.1 200 OK\r\n\r\n", BadStatusLine, "no HTTP/1 status line: ''"),
    (b"HTTP/2.0 200\r\n\r\n", BadStatusLine, "no HTTP/1 status line: 'HTTP/2.0 200'"),
    (b"HTTP/1.1 2000 x\r\n\r\n", BadStatusLine, "no HTTP/1 status line: 'HTTP/1.1 2000 x'"),
    (b"ICY 200 OK\r\n\r\n", BadStatusLine, "no HTTP/1 status line: 'ICY 200 OK'"),
    (b"HTTP/1.1 200 O\0K\r\n\r\n", BadStatusLine, r"'HTTP/1\.1 200 O\\x00K'"),
    (b"HTTP/1.1 200 OK\rA: b\r\n\r\n", BadStatusLine, r"'HTTP/1\.1 200 OK\\rA: b'"),
    (b"<html>" + b"x" * 100 + b"\n\n", BadStatusLine, r"'<html>x{71}'\.\.\.$"),
    (b"HTTP/1.1 200 OK\r\nA: b\r\n", BadField, "the reply head has no empty line at its end"),
    (b"HTTP/1.1 200 OK", BadField, "the reply head has no empty line at its end"),
    (b"", BadField, "the reply head has no empty line at its end"),
    (
        b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nC: d\r\n\r\n",
        BadField,
        "line 3 of the reply head has no colon: ''",
    ),
    (
        b"HTTP/1.1 200 OK\r\nA: b\r\nnonsense\r\n\r\n",
        BadField,
        "line 3 of the reply head has no colon: 'nonsense'",
    ),
    (
        b"HTTP/1.1 200 OK\r\nFoo : x\r\n\r\n",
        BadField,
        "line 2 .* field name that is no token: 'Foo : x'",
    ),
    (
        b"HTTP/1.1 200 OK\r\nA b: x\r\n\r\n",
        BadField,
        "line 2 .* field name that is no token: 'A b: x'",
    ),
    (b"HTTP/1.1 200 OK\r\n: x\r\n\r\n", BadField, "line 2 .* field name that is no token: ': x'"),
    (b"HTTP/1.1 200 OK\r\n\xc4: x\r\n\r\n", BadField, "line 2 .* field name that is no token"),
    (
        b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n",
        BadField,
        r"line 2 .* control character .*: 'A: b\\x00c'",
    ),
    (
        b"HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n",
        BadField,
        r"line 2 .* control character .*: 'A: b\\rC: d'",
    ),
    (b"HTTP/1.1 200 OK\r\nA: b\r\r\n\r\n", BadField, "line 2 .* control character"),
    (b"HTTP/1.1 200 OK\r\nA: b\x7f\r\n\r\n", BadField, "line 2 .* control character"),
    (
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\0\r\n\r\n",
        BadField,
        r"line 3 .* control character .*: ' c\\x00'",
    ),
    (
        b"HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
        BadField,
        "line 2 .* continues a field, but none came before: ' A: b'",
    ),
    (
        b"HTTP/1.1 200 OK\r\n\tb\r\nA: b\r\n\r\n",
        BadField,
        "line 2 .* continues a field, but none came",
    ),
]


@pytest.mark.parametrize(("block", "error", "words"), BAD_HEADS, ids=lambda value: repr(value)[:60])
def test_a_head_that_breaks_the_rules_is_refused_naming_line_and_text(block, error, words):
    with pytest.raises(error, match=words):
        read_response_head(block)


def test_a_bad_status_line_is_kept_in_its_error():
    with pytest.raises(BadStatusLine) as caught:
        read_response_head(b"ICY 200 OK\r\n\r\n")
    assert caught.value.line == "ICY 200 OK"


LIMITED = [
    (b"A: b\r\n" * 3, Limits(fields=2), "more than 2 headers, found 3"),
    (b"A: b\r\n c\r\n" * 3, Limits(fields=2), "more than 2 headers, found 3"),
    (
        b"A: bcdefghijklmnopq\r\n",
        Limits(line_bytes=18),
        "more than 18 bytes in line 2 .*, found 19",
    ),
    (b" " * 30 + b"\r\n", Limits(line_bytes=18), "more than 18 bytes in line 2 .*, found 30"),
]


@pytest.mark.parametrize(("lines", "limits", "words"), LIMITED)
def test_a_head_beyond_a_limit_is_refused_naming_both_numbers(lines, limits, words):
    with pytest.raises(LimitExceeded, match=words):
        read_response_head(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n", limits)


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_head_at_a_limit_is_read(end):
    block = b"HTTP/1.1 200 OK" + end + (b"A: bcdefghijkl" + end) * 3 + end
    limits = Limits(fields=3, line_bytes=15)
    assert head_of(block, limits)[3] == [("A", "bcdefghijkl")] * 3


def test_a_head_of_nothing_but_folded_lines_is_read_in_linear_time():
    # 60,000 of them took 5 s, when each was joined to all those before it.
    block = b"HTTP/1.1 200 OK\r\nA: b\r\n" + b" c\r\n" * 600_000 + b"\r\n"
    assert head_of(block)[3] == [("A", "b" + " c" * 600_000)]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"A: b\r\n\r\n", [("A", "b")]),
        (b"A: b\r\nC:d\r\n e\r\n\r\n", [("A", "b"), ("C", "d e")]),
        (b"\r\n", []),
    ],
)
def test_a_trailer_is_read(block, expected):
    assert read_trailers(block).items() == expected


@pytest.mark.parametrize(
    ("block", "error", "words"),
    [
        (b"A: b\r\n", BadField, "the trailer has no empty line at its end"),
        (b"A: b\r\nc\r\n\r\n", BadField, "line 2 of the trailer has no colon: 'c'"),
        (b" b\r\n\r\n", BadField, "line 1 of the trailer continues a field, but none came before"),
        (b"A: b\r\n" * 101 + b"\r\n", LimitExceeded, "more than 100 trailers, found 101"),
    ],
)
def test_a_trailer_that_breaks_the_rules_is_refused(block, error, words):
    with pytest.raises(error, match=words):
        read_trailers(block)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"A: b\r\n\r\n", [("A", "b")]),
        (b"A: b\nC:d\n e\n\n", [("A", "b"), ("C", "d e")]),
        (b"\r\n", []),
    ],
)
def test_the_fields_of_a_head_are_read_without_its_first_line(block, expected):
    assert read_fields(block).items() == expected


@pytest.mark.parametrize(
    ("block", "error", "words"),
    [
        (b"A: b\r\n", BadField, "the head has no empty line at its end"),
        (b"A: b\r\nc\r\n\r\n", BadField, "line 2 of the head has no colon: 'c'"),
        (b"A: b\r\n" * 1001 + b"\r\n", LimitExceeded, "more than 1000 headers, found 1001"),
    ],
)
def test_fields_that_break_the_rules_are_refused(block, error, words):
    with pytest.raises(error, match=words):
        read_fields(block)


# --- heads whose end never came

WELL_BEGUN = [
    b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nC: d\r\n\r\n",
    b"HTTP/1.0 404\nA: b\nfound out later\n\n",
    b"HTTP/1.9 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
]


@pytest.mark.parametrize("block", WELL_BEGUN, ids=lambda block: repr(block[:20]))
def test_of_a_good_beginning_there_is_nothing_to_say(block):
    for begun in every_cut(block[:300]):
        assert check_head_begun(begun) is None
    assert check_head_begun(block[:-2]) is None


@pytest.mark.parametrize(
    ("begun", "line"),
    [
        (b"h", "h"),
        (b"HTTP/2.0 200 OK\r\nA: b\r\n", "HTTP/2.0 200 OK"),
        (b"HTTP/2", "HTTP/2"),
        (b"HT\r", "HT"),
        (b"HTTP/1\n", "HTTP/1"),
        (b"\r\nHTTP/1.1 200 OK\r\n", ""),
        (b"\n", ""),
        (b"ICY 200 OK\r\n", "ICY 200 OK"),
        (b"HTTP/1.1 2000 x\r\n", "HTTP/1.1 2000 x"),
        (b"HTTP/1.1 200 O\0K\nA: b\n", "HTTP/1.1 200 O\0K"),
        (b"\0\0\x12\x04\0\0\0\0\0", "\0\0\x12\x04\0\0\0\0\0"),
        (b"<html>" + b"x" * 100_000, "<html>" + "x" * 100_000),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_can_be_no_beginning_of_a_reply_is_refused_with_its_line(begun, line):
    with pytest.raises(BadStatusLine, match=r"^no HTTP/1 status line: '") as caught:
        check_head_begun(begun)
    assert caught.value.line == (line or "''")
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("begun", "words"),
    [
        (b"HTTP/1.1 200 Ok" + b"k" * 65536, r"^got more than 65536 bytes in line 1 of the reply h"),
        (b"HTTP/1.1 200 Ok" + b"k" * 65536 + b"\r\n", r"bytes in line 1 .*, found 65551$"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\nX: " + b"x" * 65536, r"bytes in line 3 .*, found 65539$"),
        (b"HTTP/1.1 100 OK\r\nr\n" * 32768, r"^got more than 1000 headers, found 65535$"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1001, r"^got more than 1000 headers, found 1001$"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_head_that_would_be_too_long_is_refused_before_its_end(begun, words):
    with pytest.raises(LimitExceeded, match=words):
        check_head_begun(begun)


def test_fields_are_counted_by_the_limit_that_is_given_and_folded_lines_are_none():
    limits = Limits(fields=2, line_bytes=20)
    lines = b"HTTP/1.1 200 OK\r\n" + b"A: bcdefghijklmnopqr\r\n b\r\n\tc\r\n" * 2
    assert check_head_begun(lines, limits) is None
    assert check_head_begun(lines + b"A: b\r", limits) is None
    with pytest.raises(LimitExceeded, match="2 headers, found 3"):
        check_head_begun(lines + b"A: b\r\n", limits)
    with pytest.raises(LimitExceeded, match="20 bytes in line 8 of the reply head, found 21"):
        check_head_begun(lines + b"A: bcdefghijklmnopqrs", limits)


@given(cut=st.integers(0, 400), limits=st.sampled_from([DEFAULT_LIMITS, Limits(fields=3)]))
def test_no_beginning_of_a_head_that_can_be_read_is_refused(cut, limits):
    block = b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nA:" + b" d" * 90 + b"\r\nE: f\r\n\r\n"
    assert read_response_head(block, limits).status == 200
    assert check_head_begun(block[:cut].removesuffix(b"\r\n"), limits) is None


# --- the scan and its twin


def reading(read, source, limits):
    """All that comes of a head: its parts and what they mean for the body, or the error."""
    try:
        head = read(source, limits)
    except MiniHTTPError as error:
        return type(error), str(error)
    try:
        framing = response_framing("GET", head)
    except MiniHTTPError as error:
        framing = str(error)
    persists = close_reason(head, framing)
    headers = head.headers
    return (
        head.version,
        head.status,
        head.reason,
        headers.items(),
        headers.keys(),
        framing,
        persists,
    )


def assert_twins_agree(block, limits=DEFAULT_LIMITS):
    scanned = reading(read_response_head, block, limits)
    by_lines = reading(read_response_head_by_lines, block.decode("latin-1"), limits)
    assert scanned == by_lines, f"on {block!r} with {limits}"
    return scanned


SEEDS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
    b"HTTP/1.0 301 Moved Permanently\r\nLocation: http://a.test/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nVary: a\r\nVary: b\r\n\r\n",
    b"HTTP/1.1 206 Partial Content\r\nVary: *\r\nX-Empty:\r\nX-Blank: \t \r\n\r\n",
    b"HTTP/1.1 404 \r\nConnection: close, x\r\nCONTENT-LENGTH:7\r\ncontent-length: 7 \r\n\r\n",
    b'HTTP/1.1 200 OK\nServer: a\n folded\n\tagain\nETag: "\xe9"\n\n',
    b"HTTP/1.1 100 Continue\r\n\r\n",
]
NASTY = [
    *(bytes([byte]) for byte in b'\r\n \t:,;="\0\x0b\x1f\x7f\x80\x85\xa0\xff09+-_HTP/.aAK'),
    b"\r\n",
    b"\r\n ",
    b"\n\t",
    b"\r\r\n",
    b"\n\n",
    b"\r\n\r\n",
    b": ",
    b" :",
    b"HTTP/1.1 ",
    b"\r\nContent-Length: 5",
    b"\r\ncontent-LENGTH:\t6 ",
    b"\r\nTransfer-Encoding: chunked",
    b"\nTransfer-Encoding: gzip, chunked",
    b"\r\nConnection: close",
]
TIGHT = Limits(line_bytes=40, fields=3)


def mutated(block, draw):
    """`block` after one to four bytes or runs were put in, taken out or replaced."""
    data = bytearray(block)
    for _ in range(draw.randint(1, 4)):
        place = draw.randint(0, len(data))
        what = draw.random()
        if what < 0.5:
            data[place:place] = draw.choice(NASTY)
        elif what < 0.75:
            del data[place : place + draw.randint(1, 4)]
        else:
            data[place : place + draw.randint(1, 2)] = draw.choice(NASTY)
    return bytes(data)


def test_the_scan_reads_100_000_spoiled_heads_as_its_twin_does():
    draw = random.Random(9112)
    accepted = 0
    for number in range(100_000):
        block = mutated(draw.choice(SEEDS), draw)
        found = assert_twins_agree(block, TIGHT if number % 4 == 0 else DEFAULT_LIMITS)
        accepted += isinstance(found[0], int)
    assert 10_000 < accepted < 90_000, "both outcomes must be common for this to mean something"


@settings(max_examples=300)
@given(
    pieces=st.lists(
        st.sampled_from(NASTY) | st.sampled_from(SEEDS) | st.binary(max_size=4), max_size=8
    ),
    limits=st.sampled_from([DEFAULT_LIMITS, TIGHT]),
)
@example([b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5\r\n", b"\r\n"], TIGHT)
def test_the_scan_reads_anything_as_its_twin_does(pieces, limits):
    block = b"".join(pieces)
    assert_twins_agree(block, limits)
    found = assert_twins_agree(b"HTTP/1.1 200 OK\r\n" + block + b"\r\n\r\n", limits)
    assert found
