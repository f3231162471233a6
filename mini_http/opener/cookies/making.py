"""Making a cookie by hand, so that no request breaks by it, and a server could have set it.

What a program gives is refused with words where a server's would be passed over in silence.
"""

from __future__ import annotations

import math
import re
import time

from mini_http.base.url import URL
from mini_http.codec.set_cookie import LONGEST_ATTRIBUTE, LONGEST_COOKIE, SAME_SITE, SetCookie
from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.rules import Context, domain_to_keep, refusal_to_keep

# What ends a name or a value in a Cookie field, or the field; of blanks around them none are kept.
_NO_NAME = r"[\x00-\x1f\x7f;=]|^[ \t]|[ \t]\Z"
_NO_VALUE = r"[\x00-\x08\x0a-\x1f\x7f;]|^[ \t]|[ \t]\Z"
_NO_PATH = r"[\x00-\x08\x0a-\x1f\x7f;]|^[^/]|[ \t]\Z"
_BEYOND_BYTES = r"[^\x00-\xff]"

# What makes more of a URL than a host: a path, a user, a port.
_NO_HOST = r"[/?#@\\]|^[^\[].*:|\]."


def whole_seconds(time: float) -> int:
    """A time to expire, without its fraction. Raises ValueError for one that is no time."""
    if not math.isfinite(time):
        raise ValueError(f"a cookie can't expire at {time}")
    return int(time)


def made_cookie(said: SetCookie, domain: str) -> Cookie:
    """The cookie that a server of `domain` sets with `said`, for its subdomains too if there is a
    dot before `domain`. Raises ValueError (InvalidURL for a domain that can't be a host).
    """
    name, value = said.name, said.value
    path = "/" if said.path is None else said.path
    if not 0 < len(path) <= LONGEST_ATTRIBUTE:
        raise ValueError(
            f"the path of a cookie has 1 to {LONGEST_ATTRIBUTE} characters, not {len(path)}"
        )
    parts = ("name", name, _NO_NAME), ("value", value, _NO_VALUE), ("path", path, _NO_PATH)
    for part, text, illegal in parts:
        found = re.search(illegal, text) or re.search(_BEYOND_BYTES, text)
        if found is not None:
            raise ValueError(f"the {part} of cookie {name!r} can't contain {found[0]!r} there")
    if not 0 < len(name) + len(value) <= LONGEST_COOKIE:
        raise ValueError(
            f"name and value of a cookie have 1 to {LONGEST_COOKIE} characters,"
            f" not {len(name) + len(value)}"
        )
    if said.same_site is not None and said.same_site not in SAME_SITE.values():
        raise ValueError(f"same_site is Strict, Lax or None as text, not {said.same_site!r}")
    bare = domain.removeprefix(".")
    if re.search(_NO_HOST, bare):
        raise ValueError(f"a cookie is set for a host, without port or path: {domain!r}")
    host = URL.parse(f"https://{bare}/").host
    context = Context(host, "/", is_secure=True)
    placed = domain_to_keep(host if domain.startswith(".") else None, context)
    if placed is None or placed.startswith(".") is not domain.startswith("."):
        raise ValueError(f"no cookie may be set for all of {domain}: it is a public suffix")
    cookie = Cookie.received(said, placed, "/", time.time())
    refusal = refusal_to_keep(cookie, context)
    if refusal is not None:
        raise ValueError(f"cookie {name!r} would not be kept: {refusal}")
    return cookie
