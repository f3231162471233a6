"""The Cookie field: written of names and values, read as servers read it, and two made one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.codec.cookie_field import (
    join_cookie_fields,
    read_cookie_field,
    write_cookie_field,
)

A, B = ("a", "1"), ("b", "2")


@pytest.mark.parametrize(
    ("pairs", "field"),
    [
        ([], ""),
        ([A], "a=1"),
        ([A, B, A], "a=1; b=2; a=1"),
        ([("a", "")], "a="),
        ([("", "v")], "v"),
        ([A, ("", "v"), B], "a=1; v; b=2"),
        ([("", "v=w")], "v=w"),
        ([("\xe9", "\xff")], "\xe9=\xff"),
    ],
)
def test_a_field_has_the_pairs_in_their_order_and_a_nameless_one_without_equals(pairs, field):
    assert write_cookie_field(pairs) == field
    assert write_cookie_field(iter(pairs)) == field


@pytest.mark.parametrize(
    ("field", "pairs"),
    [
        ("", []),
        (" ; ;; \t", []),
        ("=", []),
        ("a=1", [A]),
        ("a=1; b=2; a=1", [A, B, A]),
        ("a=1;b=2", [A, B]),
        ("\ta = 1 ;\tb\t=\t2\t", [A, B]),
        ("a", [("", "a")]),
        ("=v", [("", "v")]),
        ("a=", [("a", "")]),
        ("a=1=2", [("a", "1=2")]),
        ('a="1; b=2"', [("a", '"1'), ("b", '2"')]),
        ("a=1, b=2", [("a", "1, b=2")]),
    ],
)
def test_a_field_is_read_as_pairs(field, pairs):
    assert read_cookie_field(field) == pairs


NAMES = st.text("abAB-_\xe9", min_size=1, max_size=4)
VALUES = st.text('xy"=, \xff', max_size=4).map(str.strip)


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_what_is_written_is_read_again(pairs):
    assert read_cookie_field(write_cookie_field(pairs)) == pairs


@given(st.binary(max_size=80).map(lambda sent: sent.decode("latin-1")))
def test_any_bytes_are_read_as_pairs_that_are_read_again(field):
    pairs = read_cookie_field(field)

    assert all(name or value for name, value in pairs)
    assert not any(";" in name + value or "=" in name for name, value in pairs)
    written = write_cookie_field(pairs)
    assert read_cookie_field(written) == read_cookie_field(write_cookie_field(pairs))
    assert written.count(";") == max(len(pairs) - 1, 0)


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("", "", ""),
        ("a=1", "", "a=1"),
        ("", "a=1", "a=1"),
        ("a=1", "b=2", "a=1; b=2"),
        ("a=1", "a=3; b=2", "a=1; b=2"),
        ("a=1", "a=3", "a=1"),
        ("a=1", "A=3", "a=1; A=3"),
        ("a=1; a=2", "a=3", "a=1; a=2"),
        ("c=0", "a=1; a=2", "c=0; a=1; a=2"),
        ("v", "w; b=2", "v; b=2"),
        ("a=1;", "b=2", "a=1; b=2"),
        (" a=1 ; \t", "b=2", "a=1; b=2"),
        ("; ", "b=2", "b=2"),
        ("a=1,odd", " b = 2 ", "a=1,odd; b=2"),
    ],
)
def test_joined_the_first_field_stays_and_the_second_adds_the_names_it_lacks(first, second, joined):
    assert join_cookie_fields(first, second) == joined
