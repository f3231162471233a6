"""Cookies with all attributes, as servers and programs make them, for property tests of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from mini_http.opener.cookies.cookie import Cookie

if TYPE_CHECKING:
    from typing import Any

TIMES = ("created", "last_access", "serial")
"""What only the JSON form keeps, or what is the jar's own."""

_BYTES = st.characters(max_codepoint=0xFF, exclude_categories=["Cc"], exclude_characters=";")
_CHARACTERS = st.one_of(st.sampled_from('"\\,= #$%a'), _BYTES)
_TEXT = st.text(_CHARACTERS, max_size=12).map(lambda text: text.strip(" "))
_NAME = _TEXT.map(lambda text: text.replace("=", ""))
_WORD = st.text(st.sampled_from('ab"\\.!\xa0\xe9'), min_size=1, max_size=6)
_ADDRESSES = ["127.0.0.1", "::1"]
_HOSTS = st.sampled_from(["example.com", "www.example.com", "localhost", *_ADDRESSES])
_REST_NAMES = st.sampled_from(["Priority", "Partitioned", "x-a", "httponly", "SAMESITE"])
_REST_VALUES = st.one_of(st.none(), _TEXT)
_SAME_SITE = st.sampled_from([None, "Strict", "Lax", "None"])


@st.composite
def cookies(draw: st.DrawFn, *, plain: bool = False, words: bool = False) -> Cookie:
    """A cookie. `plain` ones have what a browser's table of cookies has and no more; of `words`
    the name, or without one the value, is what the LWP form can hold.
    """
    name, value = draw(_NAME), draw(_TEXT)
    if words:
        name = draw(st.one_of(st.just(""), _WORD))
        value = value if name else draw(_WORD)
    elif not name + value:
        value = "value"
    rest: dict[str, Any] = {}
    host = draw(_HOSTS)
    dotted = draw(st.booleans()) and host not in _ADDRESSES
    port = None if plain else draw(st.sampled_from([None, "80", "80,81"]))
    expires = draw(st.one_of(st.none(), st.integers(1, 253402300799)))
    if not plain:
        rest |= draw(st.dictionaries(_REST_NAMES, _REST_VALUES, max_size=2))
        same_site = draw(_SAME_SITE)
        rest |= {} if same_site is None else {"SameSite": same_site}
    rest |= draw(st.sampled_from([{}, {"HttpOnly": None}]))
    cookie = Cookie(
        0 if plain else draw(st.sampled_from([None, 0, 1])),
        name,
        value,
        port,
        port is not None and draw(st.booleans()),
        f"{'.' if dotted else ''}{host}",
        dotted,
        dotted if plain else draw(st.booleans()),
        draw(st.sampled_from(["/", "/a", "/a/b;c", "/\xe9"])),
        not plain and draw(st.booleans()),
        draw(st.booleans()),
        expires,
        expires is None or (not plain and draw(st.booleans())),
        None if plain else draw(st.one_of(st.none(), _TEXT)),
        None if plain else draw(st.one_of(st.none(), _TEXT)),
        rest,
    )
    cookie.created = draw(st.floats(0, 1e10))
    cookie.last_access = draw(st.floats(0, 1e10))
    return cookie


def attributes_of(cookie: Cookie, *without: str) -> dict[str, Any]:
    """All that a cookie knows, but for what is named."""
    names = ["port", "port_specified", "comment", "comment_url", "rfc2109", "serial"]
    said = {name: getattr(cookie, name) for name in names} | vars(cookie)
    return {name: value for name, value in said.items() if name not in without}
