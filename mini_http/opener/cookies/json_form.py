"""JSONCookieJar and the JSON form, which holds all that a jar knows of its cookies.

    {
     "version": 1,
     "cookies": [
      {"name": "id", "value": "7", "domain": ".example.com", "host_only": false, "path": "/", ...},
      ...
     ]
    }

The attributes are called as those of Cookie, and stand in one line a cookie, in the order that they
were set in. `domain` is Cookie's, with a dot before it if subdomains get the cookie; `host_only`
says so, too, for those who don't know that, and must fit. Times are seconds since 1970. What is as
it usually is may be left out, and is when we write. The functions are pure: text and cookies.
"""

from __future__ import annotations

import re

from mini_http.codec.set_cookie import SAME_SITE
from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.file_jar import FileCookieJar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

VERSION = 1
"""Of the form; a file of a later one is refused, since parts of it would be lost."""

_TEXT, _TRUTH, _TIME = (str,), (bool,), (int, float)
_TEXT_OR_NOT = (str, type(None))
_REST_TYPES = (str, bool, int, type(None))

ALWAYS: dict[str, tuple[type, ...]] = {
    "name": _TEXT,
    "value": _TEXT_OR_NOT,
    "domain": _TEXT,
    "host_only": _TRUTH,
    "path": _TEXT,
    "secure": _TRUTH,
    "http_only": _TRUTH,
    "same_site": _TEXT_OR_NOT,
    "expires": (int, type(None)),
    "created": _TIME,
    "last_access": _TIME,
}
"""The attributes that are always written, and their types."""

NOT_USUAL: dict[str, tuple[type, ...]] = {
    "discard": _TRUTH,
    "domain_specified": _TRUTH,
    "domain_initial_dot": _TRUTH,
    "path_specified": _TRUTH,
    "version": (int, type(None)),
    "port": _TEXT_OR_NOT,
    "port_specified": _TRUTH,
    "comment": _TEXT_OR_NOT,
    "comment_url": _TEXT_OR_NOT,
    "rfc2109": _TRUTH,
    "rest": (dict,),
}
"""Those that are written if they are not what `_usual` says."""

NEEDED = ("name", "value", "domain", "path")
"""Those that a file must have for each cookie."""


def _usual(row: dict[str, Any]) -> dict[str, Any]:
    """What is not in a cookie's row, given what is."""
    is_below = row["domain"].startswith(".")
    rest: dict[str, Any] = {"HttpOnly": None} if row.get("http_only") else {}
    if row.get("same_site") is not None:
        rest["SameSite"] = row["same_site"]
    return {
        "secure": False,
        "expires": None,
        "discard": row.get("expires") is None,
        "domain_specified": is_below,
        "domain_initial_dot": is_below,
        "path_specified": False,
        "version": 0,
        "port": None,
        "port_specified": False,
        "comment": None,
        "comment_url": None,
        "rfc2109": False,
        "rest": rest,
    }


# --- reading


def read_json(lines: Iterable[str], now: float) -> Iterator[tuple[int, Cookie | str]]:
    """The cookies of a file, each with its number; in place of one, what is wrong.

    Raises ValueError for a file that is no such document.
    """
    for number, row in enumerate(_rows_in("".join(lines)), start=1):
        try:
            yield number, _cookie_of(row, now)
        except ValueError as error:
            yield number, str(error)


def _rows_in(text: str) -> list[Any]:
    import json

    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(document, dict) or type(document.get("version")) is not int:
        raise ValueError("it is no JSON object with a version")
    if document["version"] != VERSION:
        raise ValueError(f"it has version {document['version']} of the form, not {VERSION}")
    rows = document.get("cookies")
    if not isinstance(rows, list):
        raise ValueError('it has no list of "cookies"')
    return rows


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _cookie_of(row: Any, now: float) -> Cookie:
    """The cookie of an object. Raises ValueError, without what stands there."""
    if not isinstance(row, dict):
        raise ValueError("it is no object")
    _check(row)
    said = _usual(row) | row
    cookie = Cookie(
        said["version"],
        said["name"],
        said["value"],
        said["port"],
        said["port_specified"] and said["port"] is not None,
        said["domain"],
        said["domain_specified"],
        said["domain_initial_dot"],
        said["path"],
        said["path_specified"],
        said["secure"],
        said["expires"],
        said["discard"],
        said["comment"],
        said["comment_url"],
        said["rest"],
        said["rfc2109"],
    )
    for name in "host_only", "http_only", "same_site":
        if said.get(name, getattr(cookie, name)) != getattr(cookie, name):
            raise ValueError(f"{name} does not fit the rest of it")
    cookie.created = said.get("created", now)
    cookie.last_access = said.get("last_access", cookie.created)
    return cookie


# What parse_set_cookie takes no line with.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LATEST = 1e15
"""No time is later: with it, there are no infinities, and no numbers too long to calculate with."""


def _check(row: dict[str, Any]) -> None:
    """Raises ValueError unless a row has the attributes that it must have, and of their types."""
    for name in NEEDED:
        if name not in row:
            raise ValueError(f"it has no {name}")
    for name, value in row.items():
        types = ALWAYS.get(name) or NOT_USUAL.get(name)
        if types is None:
            raise ValueError("it has an attribute that there is not")
        # A truth is an int, too.
        if type(value) not in types:
            raise ValueError(f"{name} is of another type")
        if type(value) in _TIME and not -_LATEST < value < _LATEST:
            raise ValueError(f"{name} is too far away")
        texts = [*value, *value.values()] if isinstance(value, dict) else [value]
        if any(isinstance(text, str) and _CONTROL.search(text) for text in texts):
            raise ValueError(f"a control character in {name}")
    if not all(type(value) in _REST_TYPES for value in row.get("rest", {}).values()):
        raise ValueError("an attribute in rest is neither text nor true nor a number")
    if row.get("same_site") not in (None, *SAME_SITE.values()):
        raise ValueError("same_site is none of Strict, Lax, None")
    if not row["domain"].strip("."):
        raise ValueError("its domain is empty")


# --- writing


def write_json(cookies: Iterable[Cookie]) -> tuple[str, list[str]]:
    """The text of a file, and of each cookie that it can't hold, why not: no server sets such."""
    import json

    rows, left_out = [], []
    for cookie in cookies:
        row = _row_of(cookie)
        try:
            _check(row)
        except ValueError as error:
            left_out.append(f"{cookie!r}: {error}")
        else:
            rows.append(f"  {json.dumps(row)}")
    listed = "[\n" + ",\n".join(rows) + "\n ]" if rows else "[]"
    return f'{{\n "version": {VERSION},\n "cookies": {listed}\n}}\n', left_out


def _row_of(cookie: Cookie) -> dict[str, Any]:
    row = {name: getattr(cookie, name) for name in ALWAYS}
    usual = _usual(row)
    for name in NOT_USUAL:
        value = _rest_of(cookie) if name == "rest" else getattr(cookie, name)
        if value != usual[name]:
            row[name] = value
    return row


def _rest_of(cookie: Cookie) -> dict[str, Any]:
    """The attributes in `rest`; what a program put there and JSON has not is written as text."""
    return {
        name: value if value is None or isinstance(value, (str, bool, int)) else str(value)
        for name, value in cookie._rest.items()
    }


class JSONCookieJar(FileCookieJar):
    """A jar with a file that keeps everything: SameSite and each time, too.

    It is for a program's own use: no other program reads it.
    """

    counted = "cookie"
    read_form = staticmethod(read_json)
    write_form = staticmethod(write_json)
