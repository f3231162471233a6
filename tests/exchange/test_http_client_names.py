"""What http.client has besides connections and replies: its own constants, our parse_headers."""

from __future__ import annotations

import email.message
import email.policy
import http.client
import io
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.base.errors import BadField, IncompleteRead, LimitExceeded
from mini_http.base.headers import Headers
from mini_http.base.limits import Limits
from mini_http.exchange import http_client_names
from mini_http.exchange.http_client_names import parse_headers

HEAD = b"Host: a\r\nSet-Cookie: x=1\r\nset-cookie: y=2\r\nX-Folded: one\r\n\ttwo\r\nEmpty:\r\n\r\n"
FIELDS = [
    ("Host", "a"),
    ("Set-Cookie", "x=1"),
    ("set-cookie", "y=2"),
    ("X-Folded", "one two"),
    ("Empty", ""),
]


@pytest.mark.parametrize("name", sorted(set(http_client_names.__all__) - {"parse_headers"}))
def test_what_nothing_here_could_do_better_is_http_clients_own(name):
    assert getattr(http_client_names, name) is getattr(http.client, name)


# --- parse_headers


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_the_fields_are_read_and_not_a_byte_after_them(line_end):
    file = io.BytesIO(HEAD.replace(b"\r\n", line_end) + b"\r\nbody")
    headers = parse_headers(file)
    assert type(headers) is Headers
    assert headers.items() == FIELDS
    assert file.read() == b"\r\nbody"


def test_they_are_a_message_to_whoever_looks():
    headers = parse_headers(io.BytesIO(HEAD))
    assert isinstance(headers, http.client.HTTPMessage)
    assert isinstance(headers, email.message.Message)
    assert headers.get_all("set-cookie") == ["x=1", "y=2"]


def test_a_head_may_have_no_fields():
    assert parse_headers(io.BytesIO(b"\r\nbody")).items() == []


def test_values_are_read_as_iso_8859_1():
    assert parse_headers(io.BytesIO(b"A: \xe9\xff\r\n\r\n"))["a"] == "éÿ"


class OwnHeaders(Headers):
    """What a program may make of ours."""


class OwnMessage(http.client.HTTPMessage):
    """What a program may make of http.client's, as a server's MessageClass."""


@pytest.mark.parametrize(
    "kind", [OwnHeaders, OwnMessage, http.client.HTTPMessage, email.message.Message]
)
def test_another_class_is_given_if_it_is_asked_for(kind):
    headers = parse_headers(io.BytesIO(HEAD), kind)
    assert type(headers) is kind
    assert headers.items() == FIELDS


def test_a_message_that_is_asked_for_has_no_body():
    message = parse_headers(io.BytesIO(HEAD), _class=http.client.HTTPMessage)
    assert message.get_payload() == ""
    assert message.as_bytes().endswith(b"Empty: \n\n")


def test_what_makes_a_message_need_be_no_class():
    def made():
        return email.message.EmailMessage(email.policy.HTTP)

    assert parse_headers(io.BytesIO(b"Host: a\r\nHost: b\r\n\r\n"), made).get_all("host") == [
        "a",
        "b",
    ]


def test_they_are_read_from_a_socket_as_they_come():
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("rb") as file:
        pieces = [HEAD[start : start + 7] for start in range(0, len(HEAD), 7)]
        sender = threading.Thread(target=lambda: [theirs.sendall(piece) for piece in pieces])
        sender.start()
        assert parse_headers(file).items() == FIELDS
        sender.join()


@pytest.mark.parametrize("length", range(len(HEAD)))
def test_a_head_that_is_cut_is_none(length):
    with pytest.raises(IncompleteRead) as caught:
        parse_headers(io.BytesIO(HEAD[:length]))
    assert caught.value.partial == HEAD[:length]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"no colon", "has no colon"),
        (b"A B: c", "no token"),
        (b"A : c", "no token"),
        (b": c", "no token"),
        (b" folded", "none came before"),
        (b"A: b\0", "control character"),
        (b"A: b\rC: d", "control character"),
    ],
)
def test_a_line_that_is_no_field_is_refused(line, fault):
    with pytest.raises(BadField, match=f"^line 1 of the head .*{fault}") as caught:
        parse_headers(io.BytesIO(line + b"\r\nHost: a\r\n\r\n"))
    assert isinstance(caught.value, http.client.HTTPException)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(line_bytes=15), "got more than 15 bytes in header line 2"),
        (Limits(head_bytes=30), "got more than 30 bytes of headers, found 43"),
        (Limits(fields=4), "got more than 4 headers, found 5"),
    ],
)
def test_what_is_too_long_or_too_many_is_refused(limits, words):
    with pytest.raises(LimitExceeded) as caught:
        parse_headers(io.BytesIO(HEAD), limits=limits)
    assert str(caught.value) == words
    assert isinstance(caught.value, http.client.LineTooLong)


def test_no_more_is_read_of_a_line_without_an_end_than_a_limit_allows():
    asked = []

    class Endless:
        def readline(self, limit):
            asked.append(limit)
            return b"x" * limit

    with pytest.raises(LimitExceeded, match="got more than 65536 bytes in header line 1"):
        parse_headers(Endless())
    assert asked == [65537]


@given(st.binary(max_size=80), st.sampled_from([b"", b"\r\n\r\n"]))
def test_any_bytes_are_fields_or_one_of_two_errors(block, end):
    file = io.BytesIO(block + end)
    try:
        headers = parse_headers(file)
    except (BadField, IncompleteRead):
        headers = None
    read = file.getvalue()[: file.tell()]
    is_whole = read in (b"\r\n", b"\n") or read.endswith((b"\n\r\n", b"\n\n"))
    assert headers is None or (is_whole and len(headers) <= read.count(b":"))
