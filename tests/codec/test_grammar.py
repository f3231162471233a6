"""The named rules: what each takes, byte for byte; and each is soon done with long input."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mini_http.codec.chunk_grammar import CHUNK_HEAD, CHUNK_HEAD_BEGUN
from mini_http.codec.grammar import (
    CONTENT_LENGTH,
    FIELD_VALUE,
    HEAD_END,
    STATUS_LINE,
    TOKEN,
)

ALL_BYTES = [chr(byte) for byte in range(256)]
LONG = 1_000_000


def taken(rule):
    """The characters, of those that a byte can be, which the rule takes one of."""
    return "".join([byte for byte in ALL_BYTES if rule.fullmatch(byte)])


def test_a_token_is_made_of_letters_digits_and_fifteen_marks():
    marks = "!#$%&'*+-.^_`|~"
    assert sorted(taken(TOKEN)) == sorted(string.ascii_letters + string.digits + marks)
    assert TOKEN.fullmatch("") is None


def test_a_field_value_has_no_control_character_but_tab():
    refused = set(ALL_BYTES) - set(taken(FIELD_VALUE))
    assert refused == set(map(chr, [*range(9), *range(10, 32), 127]))
    assert FIELD_VALUE.fullmatch("") is not None


def test_neither_takes_what_is_no_byte():
    for beyond in ("\u0100", "\u2028", "\ud800", "\u0661"):
        assert TOKEN.fullmatch(beyond) is None
        assert FIELD_VALUE.fullmatch(beyond) is None


@pytest.mark.parametrize(
    ("line", "groups"),
    [
        ("HTTP/1.1 200 OK", ("1", "200", "OK")),
        ("HTTP/1.0 404 Not Found", ("0", "404", "Not Found")),
        ("HTTP/1.9 299 \xe9t\xe9", ("9", "299", "\xe9t\xe9")),
        ("HTTP/1.1 200 ", ("1", "200", "")),
        ("HTTP/1.1 200", ("1", "200", None)),
        ("HTTP/1.1 200  OK\t", ("1", "200", " OK\t")),
    ],
)
def test_a_status_line_has_a_version_three_digits_and_perhaps_a_reason(line, groups):
    assert STATUS_LINE.fullmatch(line).groups() == groups


@pytest.mark.parametrize(
    "line",
    [
        "",
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1 20",
        "HTTP/1.1 2000",
        "HTTP/1.1 2000 x",
        "HTTP/1.1 099 x",
        "HTTP/1.1 20x",
        "HTTP/1.1 \u0662\u0660\u0660 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1 200OK",
        "HTTP/1.1 200 O\rK",
        "HTTP/1.1 200 O\x00K",
        "HTTP/1.10 200 OK",
        "HTTP/01.1 200 OK",
        "HTTP/1. 200 OK",
        "HTTP/1 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/2 200 OK",
        "HTTP/0.9 200 OK",
        "http/1.1 200 OK",
        "ICY 200 OK",
        " HTTP/1.1 200 OK",
    ],
)
def test_other_lines_are_no_status_lines(line):
    assert STATUS_LINE.fullmatch(line) is None


@pytest.mark.parametrize("number", ["0", "5", "0000000000000000005", "9" * 19])
def test_a_content_length_is_1_to_19_digits(number):
    assert CONTENT_LENGTH.fullmatch(number)


@pytest.mark.parametrize(
    "text", ["", "+5", "-5", "0_5", "0x5", "5.", "5,5", " 5", "5 ", "5\n", "\u0665", "9" * 20]
)
def test_anything_else_is_no_content_length(text):
    assert CONTENT_LENGTH.fullmatch(text) is None


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"A: b\r\n\r\nbody", 8),
        (b"A: b\n\nbody", 6),
        (b"A: b\n\r\nbody", 7),
        (b"A: b\r\n\nbody", 7),
        (b"A: b\r\r\nC: d\r\n\r\n", 15),
    ],
)
def test_a_head_ends_with_its_first_empty_line(data, end):
    assert HEAD_END.search(data).end() == end


CHUNK_LINES = [
    b"0\r\n",
    b"5\r\n",
    b"fF09\r\n",
    b"0000000000000005\r\n",
    b"5;\r\n",
    b"5 \t;a=b\r\n",
    b'5;a="b;c";d\t=e\xff\r\n',
]

NO_CHUNK_LINES = [
    b"\r\n",
    b"\n",
    b"5\n",
    b"5 \r\n",
    b"5\t\r\n",
    b" 5\r\n",
    b"+5\r\n",
    b"-5\r\n",
    b"0x5\r\n",
    b"5h\r\n",
    b"5\r\r\n",
    b"5 a\r\n",
    b"5;a\x00\r\n",
    b"5;a\rb\r\n",
    b"5;a\nb\r\n",
    b"5;a\x7f\r\n",
    b"00000000000000005\r\n",
]


@pytest.mark.parametrize("line", CHUNK_LINES)
def test_a_chunk_begins_with_its_size_and_perhaps_extensions(line):
    assert CHUNK_HEAD.fullmatch(line)
    for end in range(1, len(line)):
        assert CHUNK_HEAD_BEGUN.fullmatch(line[:end]), "each beginning may still become the line"
        assert CHUNK_HEAD.match(line[:end]) is None


@pytest.mark.parametrize("line", NO_CHUNK_LINES)
def test_other_lines_do_not_begin_a_chunk(line):
    assert CHUNK_HEAD.match(line) is None
    assert CHUNK_HEAD_BEGUN.fullmatch(line) is None


@example(b"5 \r")
@given(st.binary(max_size=30) | st.text('0aF;=" \t\r\n', max_size=30).map(str.encode))
def test_what_can_become_a_chunk_line_is_just_what_has_begun_one(data):
    """Some end makes a line of a beginning, and of nothing else."""
    ends = (b"\r\n", b"\n", b";\r\n")
    can_become = any(CHUNK_HEAD.fullmatch(data + end) for end in ends)
    assert can_become == bool(CHUNK_HEAD_BEGUN.fullmatch(data))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (TOKEN, "a" * LONG + " "),
        (FIELD_VALUE, " " * LONG + "\x00"),
        (STATUS_LINE, "HTTP/1.1 200" + " " * LONG + "\x00"),
        (CONTENT_LENGTH, "5" * LONG),
        (CHUNK_HEAD, b"5" + b" " * LONG + b"x"),
        (CHUNK_HEAD, b"5" + b";" * LONG + b"\n"),
        (CHUNK_HEAD_BEGUN, b"5" + b" ;" * LONG + b"\n"),
    ],
)
def test_a_rule_that_fails_at_the_end_of_a_long_text_fails_once(rule, text):
    assert rule.fullmatch(text) is None
