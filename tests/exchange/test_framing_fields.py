"""The fields that frame a request's body: which are added, and what those that are given say."""

from __future__ import annotations

import pytest

from mini_http.base.errors import InvalidField
from mini_http.base.headers import Headers
from mini_http.exchange.framing_fields import body_fields, declared_length
from mini_http.exchange.request_body import request_body, with_trailers

LENGTH_5 = ("Content-Length", "5")
CHUNKED = ("Transfer-Encoding", "chunked")

# --- the fields that a body needs

FORM = ("Content-Type", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("method", "source", "names", "chunked", "fields"),
    [
        ("GET", None, [], False, []),
        ("DELETE", None, [], False, []),
        ("FROB", None, [], False, []),
        ("POST", None, [], False, [("Content-Length", "0")]),
        ("post", None, [], False, [("Content-Length", "0")]),
        ("PUT", None, [], True, [("Content-Length", "0")]),
        ("POST", None, ["content-length"], False, []),
        ("POST", None, ["transfer-encoding"], False, []),
        ("GET", b"hello", [], False, [LENGTH_5]),
        ("POST", b"hello", ["content-length"], False, []),
        ("POST", b"hello", ["transfer-encoding"], True, []),
        ("POST", b"", [], False, [("Content-Length", "0")]),
        ("POST", b"hello", [], True, [CHUNKED]),
        ("POST", iter([b"hello"]), [], False, [CHUNKED]),
        ("POST", iter([b"hello"]), ["content-length"], False, []),
    ],
)
def test_a_body_is_framed_unless_the_caller_did(method, source, names, chunked, fields):
    body = None if source is None else request_body(source)
    assert body_fields(method, body, names, chunked) == fields


@pytest.mark.parametrize(
    ("names", "fields"), [([], [FORM, LENGTH_5]), (["content-type"], [LENGTH_5])]
)
def test_the_type_of_a_body_is_told_unless_the_caller_did(names, fields):
    body = request_body(b"a=b&c")
    body.content_type = FORM[1]
    assert body_fields("POST", body, names) == fields


@pytest.mark.parametrize(
    ("names", "fields"), [([], [("Trailer", "A, B"), CHUNKED]), (["trailer"], [CHUNKED])]
)
def test_the_trailers_of_a_body_are_told_unless_the_caller_did(names, fields):
    body = with_trailers(b"hello", [("A", "1"), ("B", "2")])
    assert body_fields("POST", body, names) == fields


# --- what the fields say


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ([], None),
        ([("Accept", "5")], None),
        ([LENGTH_5], 5),
        ([("content-length", "0")], 0),
        ([LENGTH_5, LENGTH_5], 5),
        ([CHUNKED], None),
        ([("transfer-encoding", "gzip, Chunked")], None),
    ],
)
def test_a_length_is_what_content_length_says(fields, length):
    assert declared_length(Headers(fields)) == length


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([LENGTH_5, CHUNKED], "both Content-Length and Transfer-Encoding"),
        ([("Transfer-Encoding", "")], "must be chunked"),
        ([("Transfer-Encoding", "chunked, gzip")], "must be chunked"),
        ([CHUNKED, CHUNKED], "chunked more than once"),
        ([("Content-Length", "+5")], "Content-Length is no number"),
        ([LENGTH_5, ("Content-Length", "6")], "Content-Length fields differ"),
    ],
)
def test_fields_that_do_not_tell_where_the_body_ends_are_refused(fields, says):
    with pytest.raises(InvalidField, match=says):
        declared_length(Headers(fields))
