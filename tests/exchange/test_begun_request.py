"""A request that is put together step by step: its fields, what they announce, and what is sent."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.base.errors import InvalidField, InvalidRequest
from mini_http.exchange.begun_request import BegunRequest
from mini_http.exchange.request_body import request_body, with_trailers

LENGTH_5 = ("Content-Length", "5")
CHUNKED = ("Transfer-Encoding", "chunked")
UPGRADE = ("Upgrade", "websocket")


def begun(*fields, method="PUT", version=11):
    """A request with these fields, whose head is not complete yet."""
    request = BegunRequest(method, version)
    for name, value in fields:
        request.put(name, value)
    return request


def announced(*fields, body=None, chunked=False, method="PUT"):
    """A request with these fields, whose head is complete."""
    request = begun(*fields, method=method)
    request.announce(body, chunked)
    return request


def unknown_length():
    return request_body(iter([b"hello"]))


def trailed():
    return with_trailers(b"hello", [("Digest", "x")])


# --- fields


def test_a_field_is_returned_as_it_is_sent_and_kept():
    request = BegunRequest("GET", 11)
    assert request.put("X-Name", "caf\xe9") == b"X-Name: caf\xe9"
    assert request.fields["x-name"] == "caf\xe9"


def test_a_field_that_is_put_twice_is_sent_twice():
    request = begun(("Accept", "a"), ("accept", "b"))
    assert request.fields.items() == [("Accept", "a"), ("accept", "b")]


@pytest.mark.parametrize(
    ("name", "value"), [("a b", "x"), ("", "x"), ("A:", "x"), ("A", "x\r\nB: y"), ("A", "\u20ac")]
)
def test_a_field_that_may_not_be_sent_is_refused_and_not_kept(name, value):
    request = BegunRequest("GET", 11)
    with pytest.raises(InvalidField):
        request.put(name, value)
    assert not request.fields


@pytest.mark.parametrize(
    ("field", "says_close", "expects_continue", "asks_upgrade"),
    [
        (("Accept", "*/*"), False, False, False),
        (("Connection", "close"), True, False, False),
        (("CONNECTION", "x, Close"), True, False, False),
        (("Connection", "keep-alive"), False, False, False),
        (("Connection", "closed"), False, False, False),
        (("Expect", "100-continue"), False, True, False),
        (("expect", "100-Continue"), False, True, False),
        (("Expect", "100"), False, False, False),
        (("Upgrade", "websocket"), False, False, True),
    ],
)
def test_the_head_says_what_is_to_become_of_the_connection(
    field, says_close, expects_continue, asks_upgrade
):
    request = begun(field)
    assert request.says_close is says_close
    assert request.expects_continue is expects_continue
    assert request.asks_upgrade is asks_upgrade


# --- heads that contradict themselves


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([LENGTH_5, CHUNKED], "both Content-Length and Transfer-Encoding"),
        ([LENGTH_5, ("Transfer-Encoding", "")], "both Content-Length and Transfer-Encoding"),
        ([("Transfer-Encoding", "")], "must be chunked"),
        ([("Transfer-Encoding", "gzip")], "must be chunked"),
        ([("Transfer-Encoding", "chunked, gzip")], "must be chunked"),
        ([CHUNKED, ("Transfer-Encoding", "gzip")], "must be chunked"),
        ([("Transfer-Encoding", "chunked, chunked")], "chunked more than once"),
        ([("Transfer-Encoding", "Chunked,gzip , CHUNKED")], "chunked more than once"),
        ([CHUNKED, CHUNKED], "chunked more than once"),
        ([CHUNKED, ("transfer-encoding", "gzip, chunked")], "chunked more than once"),
        ([("Content-Length", "x")], "Content-Length is no number"),
        ([("Content-Length", "")], "Content-Length is no number"),
        ([("Content-Length", "-1")], "Content-Length is no number"),
        ([LENGTH_5, ("Content-Length", "6")], "Content-Length fields differ"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_fields_that_contradict_each_other_are_refused(fields, says, chunked):
    with pytest.raises(InvalidField, match=says):
        begun(*fields).announce(None, chunked)


def test_a_request_of_http_1_0_has_no_chunks():
    with pytest.raises(InvalidField, match=r"HTTP/1\.0"):
        begun(CHUNKED, version=10).announce(None, False)


def test_a_request_of_http_1_0_may_have_a_length():
    request = begun(LENGTH_5, version=10)
    request.announce(None, False)
    request.count(b"hello")
    assert request.is_whole


@pytest.mark.parametrize(
    ("make", "chunked"), [(trailed, False), (trailed, True), (unknown_length, True)]
)
def test_a_body_with_a_length_has_no_chunks_and_no_trailers(make, chunked):
    with pytest.raises(InvalidField, match="in chunks, nor with trailers"):
        begun(LENGTH_5).announce(make(), chunked)


def test_a_body_that_is_longer_than_its_length_is_refused():
    with pytest.raises(InvalidRequest, match="Content-Length is 5, but the body has 6 bytes"):
        begun(LENGTH_5).announce(request_body(b"hello!"), False)


@pytest.mark.parametrize("body", [request_body(b"hell"), request_body(b"hello!")])
def test_a_body_to_which_nothing_will_be_added_has_just_its_length(body):
    request = begun(LENGTH_5)
    request.has_all_of_body = True
    with pytest.raises(InvalidRequest, match=f"but the body has {body.length} bytes"):
        request.announce(body, False)


def test_the_length_is_known_of_a_body_to_which_nothing_will_be_added():
    request = announced(LENGTH_5)
    assert request.body_length is None
    request.has_all_of_body = True
    assert request.body_length == 5


# --- what is sent of the body


@pytest.mark.parametrize(
    "body", [None, request_body(b"hello"), request_body(b"hel"), unknown_length()]
)
def test_a_body_of_a_known_length_is_whole_when_so_much_was_sent(body):
    request = announced(LENGTH_5, body=body)
    for piece in b"hel", b"", b"lo":
        assert not request.is_whole
        request.count(piece)
    assert request.is_whole


def test_equal_lengths_count_as_one():
    request = announced(LENGTH_5, LENGTH_5)
    request.count(b"hello")
    assert request.is_whole


def test_bytes_are_counted_not_the_members_of_a_view():
    request = announced(("Content-Length", "8"))
    request.count(memoryview(bytes(8)).cast("I"))
    assert request.is_whole


@pytest.mark.parametrize(
    ("fields", "pieces"),
    [
        ([LENGTH_5], [b"hello!"]),
        ([LENGTH_5], [b"hello", b"!"]),
        ([("Content-Length", "0")], [b"x"]),
        ([], [b"x"]),
    ],
)
def test_more_than_was_announced_is_refused(fields, pieces):
    request = announced(*fields)
    *fitting, last = pieces
    for piece in fitting:
        request.count(piece)
    with pytest.raises(InvalidRequest, match=f"bytes more, not {len(last)}:"):
        request.count(last)


def test_what_was_refused_is_not_counted():
    request = announced(LENGTH_5)
    with pytest.raises(InvalidRequest):
        request.count(b"hello!")
    request.count(b"hello")
    assert request.is_whole


def test_a_request_that_announces_nothing_is_whole():
    request = announced(method="GET")
    request.count(b"")
    assert request.is_whole


CHUNKS = b"5\r\nhello\r\n3;a=b\r\nyou\r\n0\r\nDigest: x\r\n\r\n"


@given(st.lists(st.integers(0, len(CHUNKS) - 1)))
def test_chunks_are_whole_at_the_last_one_however_they_are_sent(places):
    request = announced(CHUNKED)
    places = [0, *sorted(places), len(CHUNKS) - 1]
    for start, end in pairwise(places):
        request.count(CHUNKS[start:end])
        assert not request.is_whole
    request.count(memoryview(CHUNKS)[-1:])
    assert request.is_whole
    assert not request.is_cut


@pytest.mark.parametrize("coding", ["Chunked", "gzip, chunked"])
def test_chunked_is_known_in_any_case_and_as_the_last_of_several(coding):
    request = announced(("Transfer-Encoding", coding))
    assert not request.is_whole
    request.count(b"0\r\n\r\n")
    assert request.is_whole


@pytest.mark.parametrize("pieces", [[CHUNKS + b"x"], [CHUNKS, b"x"], [CHUNKS, b"x", b"x"]])
def test_bytes_after_the_last_chunk_are_never_whole(pieces):
    request = announced(CHUNKED)
    for piece in pieces:
        request.count(piece)
    assert not request.is_whole


@pytest.mark.parametrize("data", [b"hello", b"5\r\nhello!\r\n", b"0\r\nno colon\r\n\r\n"])
def test_what_is_no_chunk_cuts_the_request(data):
    request = announced(CHUNKED)
    request.count(data)
    assert request.is_cut
    assert not request.is_whole


@pytest.mark.parametrize(("method", "fields"), [("CONNECT", []), ("GET", [UPGRADE])])
def test_anything_may_follow_a_request_for_another_protocol(method, fields):
    request = announced(*fields, method=method)
    assert request.is_whole
    request.count(b"the other protocol")
    assert not request.is_whole  # no HTTP can follow it


# --- a body that its sender sees to


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_with_trailers_is_sent_in_chunks_by_us(chunked):
    request = announced(CHUNKED, body=trailed(), chunked=chunked)
    assert request.is_trusted
    assert request.is_whole


def test_a_body_that_its_sender_puts_in_chunks_is_trusted_to_be_whole():
    request = announced(CHUNKED, body=unknown_length(), chunked=True)
    assert request.is_trusted
    assert request.is_whole
    request.count(b"not even chunks")
    assert request.is_whole


def test_once_a_trusted_body_was_sent_no_more_may_follow():
    request = announced(CHUNKED, body=unknown_length(), chunked=True)
    request.end()
    assert not request.is_trusted
    assert request.is_whole
    with pytest.raises(InvalidRequest):
        request.count(b"x")


def test_a_trusted_body_that_was_cut_is_not_whole():
    request = announced(CHUNKED, body=unknown_length(), chunked=True)
    request.is_cut = True
    assert not request.is_whole


def test_the_end_of_a_body_that_is_not_trusted_makes_nothing_whole():
    request = announced(LENGTH_5)
    request.count(b"hel")
    request.end()
    assert not request.is_whole
