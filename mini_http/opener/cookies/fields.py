"""What a jar reads from replies and writes into requests: Set-Cookie lines and the Cookie field.

The replies and requests may be ours, urllib's, or an imitation of theirs, as requests has. Nothing
here knows a jar, a policy or a clock.
"""

from __future__ import annotations

from functools import lru_cache

from mini_http.codec.cookie_field import join_cookie_fields, write_cookie_field
from mini_http.codec.set_cookie import parse_set_cookie
from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.rules import default_path, domain_to_keep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mini_http.opener.cookies.rules import Context


# --- of a reply


def set_cookie_lines(response: Any) -> list[str]:
    """The values of the Set-Cookie fields of a reply."""
    lines: list[str] = response.info().get_all("Set-Cookie", [])
    return lines


def cookies_of(lines: list[str], context: Context, now: float) -> list[Cookie]:
    """The cookies that these lines set; none for one that sets none, or for a domain that is not
    above the host.
    """
    default = default_path(context.path)
    cookies = []
    for line in lines:
        said = parse_set_cookie(line)
        domain = None if said is None else domain_to_keep(said.domain, context)
        if said is not None and domain is not None:
            cookies.append(Cookie.received(said, domain, default, now))
    return cookies


# --- of a request


def given_field(request: Any) -> str | None:
    """The Cookie field that a program gave, to be joined with the jar's; None for one to be left as
    it is, since it may be another jar's.

    One that a jar of ours made of it in an earlier try, as before a login, is dropped.
    """
    given, made = getattr(request, "jar_field", ("", ""))
    added: str | None = getattr(request, "unredirected_hdrs", {}).get("Cookie")
    if added is None:
        field: str | None = getattr(request, "headers", {}).get("Cookie")
        return field
    if added is made:
        del request.unredirected_hdrs["Cookie"]
        return str(given)
    return added if hasattr(request, "jar_field") else None


def add_field(request: Any, given: str, cookies: list[Cookie]) -> None:
    """Adds a Cookie field of what the program gave, which wins, and of these cookies."""
    names = tuple([cookie.name for cookie in cookies])
    values = tuple([cookie.value for cookie in cookies])
    try:
        field = _known_field(names, values)
    except TypeError:  # a program's value that is no text
        field = _field_of(names, values)
    if given:
        field = join_cookie_fields(given, field)
    if field:
        request.add_unredirected_header("Cookie", field)
        request.jar_field = given, field


@lru_cache(16)  # a host is sent the same cookies over and over: 10 us less where it has 100
def _known_field(names: tuple[str, ...], values: tuple[str | None, ...]) -> str:
    """The field, of text only: 1 and True are equal, and not written alike. Raises TypeError."""
    "".join([text for text in (*names, *values) if text is not None])
    return _field_of(names, values)


def _field_of(names: tuple[str, ...], values: tuple[str | None, ...]) -> str:
    return write_cookie_field(
        [
            # http.cookiejar has None for the value of what has no name.
            (name, value) if value is not None else ("", name)
            for name, value in zip(names, values, strict=True)
        ]
    )
