"""MozillaCookieJar and the Netscape form, which curl, wget, yt-dlp and browsers' add-ons use.

A line is a cookie: domain, whether subdomains get it, path, whether it is Secure, the time that it
expires, name and value, with a tab between them. The functions are pure: text and cookies.

It holds no more than that, and HttpOnly (in a way that curl has made up). Not held: SameSite, which
means Lax once loaded; when a cookie was made and last used, but for the order; whether Path was
given; `discard` of a cookie that expires; version, port and comment of RFC 2965; other attributes.
"""

from __future__ import annotations

import re

from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.file_jar import FileCookieJar
from mini_http.opener.cookies.public_suffix import is_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HEADER = """\
# Netscape HTTP Cookie File
# One cookie a line: domain, subdomains, path, secure, expires, name, value.

"""
HTTP_ONLY = "#HttpOnly_"
"""What curl puts before the domain; to older readers such a line is a comment."""

_YES_OR_NO = {"TRUE": True, "FALSE": False}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What would end a column or the file's line, and what no byte stands for.
_UNFIT = re.compile(r"[\x00-\x1f\x7f]|[^\x00-\xff]")
# What some editors put before a text in UTF-8.
_MARK = "\ufeff"
# Seconds since 1970; some programs write fractions.
_SECONDS = re.compile(r"(-?[0-9]{1,18})(?:\.[0-9]*+)?")


def read_netscape(lines: Iterable[str], now: float) -> Iterator[tuple[int, Cookie | str]]:
    """The cookies of a file, each with the number of its line; in place of one, what is wrong.

    The header may be missing, as curl lets it. Raises ValueError for a file without a line: that is
    what is left of one that was cut off.
    """
    number = 0
    for number, line in enumerate(lines, start=1):
        if number == 1:
            line = line.removeprefix(_MARK).removeprefix(_MARK.encode().decode("latin-1"))
        line = line.rstrip("\n")
        is_http_only = line.startswith(HTTP_ONLY)
        columns = line.removeprefix(HTTP_ONLY)
        # http.cookiejar takes "$" for the beginning of a comment, too.
        if not columns.strip() or columns.lstrip().startswith(("#", "$")):
            continue
        try:
            cookie = _cookie_of(columns.split("\t"), is_http_only)
        except ValueError as error:
            yield number, str(error)
        else:
            # All the same, so that they keep the order that they stand in.
            cookie.created = cookie.last_access = now
            yield number, cookie
    if number == 0:
        raise ValueError("it is empty")


def _cookie_of(columns: list[str], is_http_only: bool) -> Cookie:
    """The cookie of a line. Raises ValueError, without what stands there."""
    if len(columns) == 6:
        columns.append("")  # an empty value, and an editor that drops blanks at line ends
    if len(columns) != 7:
        raise ValueError(f"{len(columns)} columns with tabs between them, not 7")
    domain, subdomains, path, secure, expires, name, value = columns
    domain = domain.removeprefix(".")
    if not domain or not path.startswith("/"):
        raise ValueError("no domain" if not domain else "no path")
    if not (name or value):
        raise ValueError("neither name nor value")
    if _CONTROL.search("".join(columns)):
        raise ValueError("a control character")
    # An address has none, whatever is said.
    below = _yes_or_no("subdomains", subdomains) and not is_address(domain)
    if below:
        domain = f".{domain}"
    lasts_until = _read_expires(expires)
    return Cookie(
        0,
        name,
        value,
        None,
        False,
        domain,
        below,
        below,
        path,
        False,
        _yes_or_no("secure", secure),
        lasts_until,
        lasts_until is None,
        None,
        None,
        {"HttpOnly": None} if is_http_only else {},
    )


def _yes_or_no(column: str, text: str) -> bool:
    said = _YES_OR_NO.get(text.upper())
    if said is None:
        raise ValueError(f"the column {column} says neither TRUE nor FALSE")
    return said


def _read_expires(text: str) -> int | None:
    """None for a session's cookie: 0 says curl, and nothing at all http.cookiejar."""
    if text in ("", "0"):
        return None
    seconds = _SECONDS.fullmatch(text)
    if seconds is None:
        raise ValueError("the column expires is no number of seconds")
    return int(seconds[1])


def write_netscape(cookies: Iterable[Cookie]) -> tuple[str, list[str]]:
    """The text of a file, and of each cookie that it can't hold, why not."""
    lines, left_out = [HEADER], []
    for cookie in cookies:
        columns = _columns_of(cookie)
        unfit = _unfit_part(columns)
        if unfit is None:
            lines.append("\t".join(columns) + "\n")
        else:
            left_out.append(f"{cookie!r}: {unfit} has no place in a Netscape file")
    return "".join(lines), left_out


def _columns_of(cookie: Cookie) -> tuple[str, ...]:
    domain, value = cookie.domain.removeprefix("."), cookie.value
    return (
        f"{HTTP_ONLY if cookie.http_only else ''}{'' if cookie.host_only else '.'}{domain}",
        "FALSE" if cookie.host_only else "TRUE",
        cookie.path or "/",
        "TRUE" if cookie.secure else "FALSE",
        _write_expires(cookie.expires),
        "" if value is None else cookie.name,
        cookie.name if value is None else value,
    )


def _unfit_part(columns: tuple[str, ...]) -> str | None:
    """What of a cookie would be read as something else, or not at all."""
    found = _UNFIT.search("".join(columns))
    if found is not None:
        return f"the character {found[0]!r}"
    domain, _, path, *_ = columns
    if domain.removeprefix(HTTP_ONLY).startswith(("#", "$", " ")):
        return "its domain"
    return None if path.startswith("/") else "its path"


def _write_expires(expires: int | None) -> str:
    # Time that is over must not become 0, which would let the cookie live on.
    return "0" if expires is None else str(max(1, expires))


class MozillaCookieJar(FileCookieJar):
    """A jar with a file in the Netscape form: what `curl -b` reads and `curl -c` writes.

    A session's cookie is written as curl does it, with 0 for the time that it expires. To
    http.cookiejar that is a time: it reads such a line with `ignore_expires=True` only, and does
    not send the cookie. Characters are the cookies' bytes, as in curl; http.cookiejar's are in the
    encoding of the machine.

    A cookie with a tab in it can't be written, and `skipped` says so; curl does not take one
    either.
    """

    encoding = "iso-8859-1"
    stock_name = "MozillaCookieJar"
    read_form = staticmethod(read_netscape)
    write_form = staticmethod(write_netscape)
