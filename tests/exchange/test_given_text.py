"""Text of callers as it is sent, and what is refused of it."""

from __future__ import annotations

import pytest

from mini_http.base.errors import InvalidRequest, InvalidURL
from mini_http.exchange.given_text import encoded_body, encoded_line, refuse_control_characters

# --- targets and hosts


@pytest.mark.parametrize("text", ["/", "", "/a?b=%20#c", "http://a.test/", "[::1]", "/\xe4"])
def test_other_characters_are_let_through(text):
    assert refuse_control_characters(text) is None


@pytest.mark.parametrize("character", [*map(chr, range(0x21)), "\x7f"])
@pytest.mark.parametrize("place", ["{}", "/a{}", "{}/a", "/a{}b"])
def test_a_control_character_or_a_space_is_refused(place, character):
    with pytest.raises(InvalidURL, match="control characters") as caught:
        refuse_control_characters(place.format(character))
    assert f"found at least {character!r}" in str(caught.value)


# --- request lines


def test_a_request_line_is_sent_in_ascii():
    assert encoded_line("GET /a?b HTTP/1.1") == b"GET /a?b HTTP/1.1"


@pytest.mark.parametrize("character", ["\x80", "\xe4", "\u20ac", "\ud800"])
def test_a_character_beyond_ascii_is_refused(character):
    with pytest.raises(InvalidURL, match="percent-encode"):
        encoded_line(f"GET /{character} HTTP/1.1")


@pytest.mark.parametrize(
    "refuse",
    [
        lambda target: refuse_control_characters(f"{target} "),
        lambda target: encoded_line(f"GET {target}\xe4 HTTP/1.1"),
    ],
)
def test_a_password_is_not_shown(refuse):
    with pytest.raises(InvalidURL) as caught:
        refuse("http://u:secret@a.test/")
    assert "secret" not in str(caught.value)
    assert "u:***@a.test" in str(caught.value)


# --- bodies


def test_text_is_sent_in_iso_8859_1():
    assert encoded_body("caf\xe9") == b"caf\xe9"
    assert encoded_body("") == b""


@pytest.mark.parametrize("body", [None, b"\xff", [b"a"], 5])
def test_what_is_no_text_is_left_as_it_is(body):
    assert encoded_body(body) is body


def test_text_that_has_other_characters_is_refused():
    with pytest.raises(InvalidRequest, match="UTF-8"):
        encoded_body("5 \u20ac")
