"""Cookies made by a program: refused in words where a server's would be passed over."""

from __future__ import annotations

import re
import time

import pytest

from mini_http.codec.set_cookie import LONGEST_COOKIE, SetCookie
from mini_http.opener.cookies.cookie import LONGEST_AGE
from mini_http.opener.cookies.making import made_cookie, whole_seconds


def made(domain="example.com", **parts):
    return made_cookie(SetCookie("a", "b", path="/").replace(**parts), domain)


@pytest.mark.parametrize(
    ("given", "domain"),
    [
        ("example.com", "example.com"),
        (".example.com", ".example.com"),
        ("EXAMPLE.com", "example.com"),
        ("b\xfccher.example", "xn--bcher-kva.example"),
        (".b\xfccher.example", ".xn--bcher-kva.example"),
        ("localhost", "localhost"),
        ("com", "com"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
    ],
)
def test_a_cookie_is_for_a_host_or_with_a_dot_for_all_below(given, domain):
    cookie = made(given)

    assert cookie.domain == domain
    assert cookie.host_only is not domain.startswith(".")
    assert (cookie.name, cookie.value, cookie.path) == ("a", "b", "/")


@pytest.mark.parametrize("domain", [".com", ".localhost", ".127.0.0.1"])
def test_what_is_for_a_public_suffix_or_an_address_has_none_below(domain):
    with pytest.raises(ValueError, match=re.escape(f"for all of {domain}: it is a public suffix")):
        made(domain)


@pytest.mark.parametrize(
    "domain",
    [
        "",
        ".",
        "exa mple.com",
        "example.com/",
        "http://x",
        "a@b.example",
        "a.example:80",
        "::1",
        "[::1]:1",
    ],
)
def test_a_domain_that_is_no_host_is_refused(domain):
    with pytest.raises(ValueError):
        made(domain)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "b"),
        ("a", ""),
        ("a b", "c d"),
        ("a", "b=c"),
        ("a\xe9", "b\xff"),
        ("a", "b\tc"),
        ("a" * LONGEST_COOKIE, ""),
        ("", "b" * LONGEST_COOKIE),
    ],
)
def test_a_name_and_a_value_may_be_what_a_line_could_say(name, value):
    cookie = made(name=name, value=value)

    assert (cookie.name, cookie.value) == (name, value)


@pytest.mark.parametrize("illegal", [";", "=", "\t", "\x00", "\n", "\r", "\x7f", "\u20ac"])
def test_a_name_has_no_character_that_would_end_it(illegal):
    with pytest.raises(ValueError, match=r"the name of cookie .* can't contain"):
        made(name=f"a{illegal}b")


@pytest.mark.parametrize("illegal", [";", "\x00", "\n", "\r", "\x7f", "\u20ac"])
def test_a_value_has_no_character_that_would_end_it_and_is_not_shown(illegal):
    with pytest.raises(ValueError, match="the value of cookie 'a' can't contain") as refused:
        made(value=f"secret{illegal}b")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("text", [" x", "x ", "\tx", "x\t", " ", "x\n"])
@pytest.mark.parametrize("part", ["name", "value"])
def test_neither_has_blanks_around_it_which_would_be_lost(part, text):
    with pytest.raises(ValueError, match=f"the {part} of cookie"):
        made(**{part: text})


@pytest.mark.parametrize(
    ("name", "value", "number"), [("", "", 0), ("a", "b" * 4096, 4097), ("a" * 4097, "", 4097)]
)
def test_both_have_one_to_4096_characters_together(name, value, number):
    with pytest.raises(ValueError, match=f"have 1 to 4096 characters, not {number}"):
        made(name=name, value=value)


@pytest.mark.parametrize("same_site", ["Strict", "Lax", "None", None])
def test_same_site_is_one_of_the_words(same_site):
    assert made(same_site=same_site, secure=True).same_site == same_site


@pytest.mark.parametrize("same_site", ["strict", "", "Default", False])
def test_another_word_for_same_site_is_refused(same_site):
    with pytest.raises(ValueError, match="same_site is Strict, Lax or None as text"):
        made(same_site=same_site)


@pytest.mark.parametrize(
    ("parts", "refusal"),
    [
        ({"same_site": "None"}, "SameSite=None without Secure"),
        ({"name": "__Secure-a"}, "__secure- without Secure"),
        ({"name": "__Host-a", "secure": True, "path": "/x"}, "__host- with a Domain, or without"),
        ({"name": "__Host-a", "secure": True, "domain": ".example.com"}, "__host- with a Domain"),
        ({"name": "__Http-a", "secure": True}, "__http- without HttpOnly"),
        ({"name": "", "value": "__Host-a"}, "and no name"),
    ],
)
def test_what_no_server_could_set_is_refused(parts, refusal):
    with pytest.raises(ValueError, match=f"would not be kept: .*{refusal}"):
        made(**parts)


def test_it_lasts_400_days_at_most():
    before = int(time.time())

    assert made(expires=5).expires == 5
    assert made().expires is None
    assert before + LONGEST_AGE <= made(expires=10**12).expires <= time.time() + LONGEST_AGE


def test_its_attributes_are_kept():
    cookie = made(path="/x", secure=True, http_only=True, same_site="Strict")

    assert (cookie.path, cookie.path_specified, cookie.secure) == ("/x", True, True)
    assert cookie.http_only
    assert cookie.same_site == "Strict"


@pytest.mark.parametrize("path", ["", "a", "/a;b", "/a\n", "/a ", "/\u20ac", f"/{'a' * 1024}"])
def test_a_path_is_one_that_a_line_could_say(path):
    with pytest.raises(ValueError, match="path"):
        made(path=path)
    assert made(path=None).path == "/"


@pytest.mark.parametrize("time", [float("inf"), float("-inf"), float("nan")])
def test_what_is_no_time_is_no_time_to_expire(time):
    with pytest.raises(ValueError, match="can't expire at"):
        whole_seconds(time)
    assert whole_seconds(5.9) == 5
