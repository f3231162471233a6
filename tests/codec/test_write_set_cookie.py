"""write_set_cookie: what the grammar of section 4.1.1 has is written so that it is read back the
same, and all else is refused. (How lines are read stands in test_set_cookie.py.)
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.codec.set_cookie import (
    LONGEST_ATTRIBUTE,
    LONGEST_COOKIE,
    SetCookie,
    parse_set_cookie,
    write_set_cookie,
)

TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
LABEL = r"[a-z0-9](?:[a-z0-9\-]{0,8}[a-z0-9])?"


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (SetCookie("sid", "31d4"), "sid=31d4"),
        (SetCookie("sid", ""), "sid="),
        (SetCookie("sid", '"31d4"'), 'sid="31d4"'),
        (
            SetCookie("sid", "1", expires=784111777),
            "sid=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT",
        ),
        (SetCookie("sid", "1", max_age=60), "sid=1; Max-Age=60"),
        (
            SetCookie("__Host-sid", "1", path="/", secure=True, http_only=True, same_site="Lax"),
            "__Host-sid=1; Path=/; Secure; HttpOnly; SameSite=Lax",
        ),
        (
            SetCookie("sid", "1", domain="example.com", path="/a b", same_site="None"),
            "sid=1; Domain=example.com; Path=/a b; SameSite=None",
        ),
        (
            SetCookie("sid", "1", others={"Partitioned": None, "Priority": "High", "X": ""}),
            "sid=1; Partitioned; Priority=High; X=",
        ),
    ],
)
def test_a_cookie_is_written_as_servers_should(said, line):
    assert write_set_cookie(said) == line
    assert parse_set_cookie(line) == said


TEXT = st.from_regex(r"[ -:<-~]*", fullmatch=True).filter(lambda text: text == text.strip())
LEGAL = st.builds(
    SetCookie,
    st.from_regex(TOKEN, fullmatch=True),
    st.from_regex(r'[!#-+\--:<-\[\]-~]*|"[!#-+\--:<-\[\]-~]*"', fullmatch=True),
    expires=st.none() | st.integers(-11_644_473_600, 253_402_300_799),
    max_age=st.none() | st.integers(1, 10**9),
    domain=st.none() | st.from_regex(rf"{LABEL}(?:\.{LABEL}){{0,3}}", fullmatch=True),
    path=st.none() | TEXT.map("/{}".format),
    secure=st.booleans(),
    http_only=st.booleans(),
    same_site=st.sampled_from([None, "Strict", "Lax", "None"]),
    others=st.dictionaries(
        st.from_regex(TOKEN, fullmatch=True).map("X-{}".format), st.none() | TEXT, max_size=3
    ),
)


@given(LEGAL)
def test_what_is_written_is_read_back_the_same(said):
    assert parse_set_cookie(write_set_cookie(said)) == said


ANY = st.text(st.characters(max_codepoint=255), max_size=12) | st.sampled_from(
    ["a", "/", "example.com", "a\r\nSet-Cookie: b=c", "a; Secure", "/; Domain=b", '"', 'a"b"']
)


@given(
    st.builds(
        SetCookie,
        ANY,
        ANY,
        expires=st.none() | st.integers(),
        max_age=st.none() | st.integers(-(10**9), 10**9),
        domain=st.none() | ANY,
        path=st.none() | ANY,
        same_site=st.none() | ANY,
        others=st.dictionaries(ANY, st.none() | ANY, max_size=2),
    )
)
def test_anything_else_is_refused_or_read_back_the_same(said):
    try:
        line = write_set_cookie(said)
    except ValueError:
        return
    assert line.isprintable()
    assert parse_set_cookie(line) == said


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (SetCookie("", "31d4"), "name of a cookie has to be a token (RFC 9110), not ''"),
        (SetCookie("a b", "31d4"), "name of a cookie has to be a token (RFC 9110), not 'a b'"),
        (SetCookie("a\n", "31d4"), r"name of a cookie has to be a token (RFC 9110), not 'a\n'"),
        (SetCookie("sid", "31 d4"), "the value of cookie 'sid' can't contain blanks"),
        (SetCookie("sid", "31;d4"), "the value of cookie 'sid' can't contain"),
        (SetCookie("sid", "31d4\r\n"), "the value of cookie 'sid' can't contain"),
        (SetCookie("sid", '"31d4'), "the value of cookie 'sid' can't contain"),
        (SetCookie("sid", "31\xe4d4"), "the value of cookie 'sid' can't contain"),
        (SetCookie("sid", "31d4\u20ac"), "the value of cookie 'sid' can't contain"),
        (
            SetCookie("sid", "v" * (LONGEST_COOKIE - 2)),
            "name and value of cookie 'sid' may have 4096 characters, not 4097",
        ),
        (SetCookie("sid", "1", expires=10**12), "there is no cookie date for expires=10000000"),
        (SetCookie("sid", "1", expires=-11_644_473_601), "no cookie date for expires=-1164447"),
        (SetCookie("sid", "1", max_age=0), "max_age has to be 1 at least, not 0"),
        (SetCookie("sid", "1", max_age=-5), "max_age has to be 1 at least, not -5"),
        (SetCookie("sid", "1", domain=""), "Domain can't be ''"),
        (SetCookie("sid", "1", domain=".example.com"), "Domain can't be '.example.com'"),
        (SetCookie("sid", "1", domain="example.com."), "Domain can't be 'example.com.'"),
        (SetCookie("sid", "1", domain="example..com"), "Domain can't be 'example..com'"),
        (SetCookie("sid", "1", domain="-a.example"), "Domain can't be '-a.example'"),
        (SetCookie("sid", "1", domain="a-.example"), "Domain can't be 'a-.example'"),
        (SetCookie("sid", "1", domain="Example.com"), "Domain can't be 'Example.com'"),
        (SetCookie("sid", "1", path=""), "Path can't be ''"),
        (SetCookie("sid", "1", path="a"), "Path can't be 'a'"),
        (SetCookie("sid", "1", path="/; Domain=b"), "Path can't be '/; Domain=b'"),
        (SetCookie("sid", "1", path="/a "), "Path can't be '/a '"),
        (
            SetCookie("sid", "1", path="/" + "a" * LONGEST_ATTRIBUTE),
            "Path may have 1024 characters, not 1025",
        ),
        (SetCookie("sid", "1", same_site="lax"), "SameSite can't be 'lax'"),
        (SetCookie("sid", "1", others={"": "x"}), "there can be no other attribute ''"),
        (SetCookie("sid", "1", others={"secure": None}), "no other attribute 'secure'"),
        (SetCookie("sid", "1", others={"a;b": None}), "no other attribute 'a;b'"),
        (SetCookie("sid", "1", others={"Priority": "a;b"}), "Priority can't be 'a;b'"),
    ],
    ids=lambda given: None if isinstance(given, SetCookie) else given[:40],
)
def test_what_the_grammar_does_not_have_is_refused_by_name(said, fault):
    with pytest.raises(ValueError, match=re.escape(fault)) as raised:
        write_set_cookie(said)
    assert "d4" not in str(raised.value), "a value may be a login"
