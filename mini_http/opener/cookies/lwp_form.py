"""LWPCookieJar and the form of libwww-perl, which is http.cookiejar's fullest one.

A line is a cookie, written like a Set-Cookie2 field of RFC 2965: `Set-Cookie3: name="value";
path="/"; domain="example.com"; ...`. The functions are pure: text and cookies.

It holds what http.cookiejar's cookies have, HttpOnly and SameSite among it. Not held: when a cookie
was made and last used, but for the order; that one without a time to expire is not a session's; a
server's own attribute that has the name of one of the form's, or no token for a name. A cookie has
no place in it if its name is no token, or if it has no name and its value is none.
"""

from __future__ import annotations

import re

from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.file_jar import FileCookieJar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HEADER = "#LWP-Cookies-2.0\n"
LINE = "Set-Cookie3:"
LATEST = 253402300799
"""The last second of the year 9999: later ones can't be written."""

_MAGIC = re.compile(r"#LWP-Cookies-[0-9]")
# Broader than RFC 2616's: what http.cookiejar and libwww-perl read as one word.
_TOKEN = re.compile(r"[^=;, \t]++")
_PLAIN = re.compile(r"[0-9A-Za-z_]++")
# attribute [ "=" ( token | quoted-string ) ] ( ";" | end )
_ATTRIBUTE = re.compile(
    r'[ \t]*+([^=;, \t]++)(?:="((?:[^"\\]|\\.)*+)"|=([^;, \t"]*+))?[ \t]*+(?:;|\Z)'
)
_ESCAPED = re.compile(r"\\(.)")
_TO_ESCAPE = re.compile(r'(["\\])')
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# http.cookiejar writes None for a cookie without one
_VERSION = re.compile(r"[0-9]{1,9}|None")
# YYYY-MM-DD hh:mm:ssZ
_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:Z|\Z)")

_FLAGS = ("path_spec", "port_spec", "domain_dot", "secure", "discard")
_TEXTS = ("path", "domain", "port", "expires", "comment", "commenturl", "version")
OWN_WORDS = frozenset(_FLAGS + _TEXTS)
"""The attributes that mean something to the form itself."""


# --- reading


def read_lwp(lines: Iterable[str], now: float) -> Iterator[tuple[int, Cookie | str]]:
    """The cookies of a file, each with the number of its line; in place of one, what is wrong.

    Raises ValueError for a file that does not begin as one of this form.
    """
    lines = iter(lines)
    if not _MAGIC.match(next(lines, "")):
        raise ValueError("it does not begin with #LWP-Cookies-")
    for number, line in enumerate(lines, start=2):
        line = line.strip(" \t\n")
        if not line or line.startswith("#"):
            continue
        try:
            cookie = _cookie_of(line)
        except ValueError as error:
            yield number, str(error)
        else:
            # All the same, so that they keep the order that they stand in.
            cookie.created = cookie.last_access = now
            yield number, cookie


def _cookie_of(line: str) -> Cookie:
    """The cookie of a line. Raises ValueError, without what stands there."""
    if not line.startswith(LINE):
        raise ValueError(f"it does not begin with {LINE}")
    if _CONTROL.search(line):
        raise ValueError("a control character")
    (name, value), *attributes = _split(line.removeprefix(LINE).strip(" \t"))
    if value is None:
        name, value = "", name
    said: dict[str, str | None] = {}
    rest: dict[str, str | None] = {}
    for given, text in attributes:
        word = given.lower()
        if word in OWN_WORDS:
            said[word] = text
        else:
            rest[given] = text
    domain, path, version = said.get("domain") or "", said.get("path"), said.get("version")
    if not domain.strip(".") or path is None:
        raise ValueError("no domain" if path is not None else "no path")
    if version is not None and not _VERSION.fullmatch(version):
        raise ValueError("a version that is no number")
    time = said.get("expires")
    expires = None if time is None else _read_time(time)
    below = domain.startswith(".")
    return Cookie(
        None if version in (None, "None") else int(version),
        name,
        value,
        said.get("port"),
        "port_spec" in said and said.get("port") is not None,
        domain,
        below,
        "domain_dot" in said,
        path,
        "path_spec" in said,
        "secure" in said,
        expires,
        "discard" in said or expires is None,
        said.get("comment"),
        said.get("commenturl"),
        rest,
    )


def _split(text: str) -> list[tuple[str, str | None]]:
    """Names and values of a line; None for the value of a name without "="."""
    pairs: list[tuple[str, str | None]] = []
    start = 0
    while start < len(text) or not pairs:
        found = _ATTRIBUTE.match(text, start)
        if found is None:
            raise ValueError(f"attribute {len(pairs) + 1} is malformed")
        name, quoted, plain = found.groups()
        pairs.append((name, plain if quoted is None else _ESCAPED.sub(r"\1", quoted)))
        start = found.end()
    return pairs


def _read_time(text: str) -> int:
    from datetime import UTC, datetime

    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError("a time to expire that is not YYYY-MM-DD hh:mm:ssZ")
    year, month, day, hour, minute, second = map(int, found.groups())
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())


# --- writing


def write_lwp(cookies: Iterable[Cookie]) -> tuple[str, list[str]]:
    """The text of a file, and of each cookie that it can't hold, why not."""
    lines, left_out = [HEADER], []
    for cookie in cookies:
        line = _line_of(cookie)
        unfit = _UNFIT.search(line)
        if unfit is not None:
            left_out.append(f"{cookie!r}: the character {unfit[0]!r} has no place in an LWP file")
        elif not _TOKEN.fullmatch(_first_word(cookie)):
            left_out.append(f"{cookie!r}: its name, or value without a name, is not one word")
        else:
            lines.append(f"{line}\n")
    return "".join(lines), left_out


def _first_word(cookie: Cookie) -> str:
    """The name, or of a cookie without one the value, which is how http.cookiejar has them."""
    return cookie.name or cookie.value or ""


def _line_of(cookie: Cookie) -> str:
    """The line of a cookie, in http.cookiejar's order."""
    dot = "" if cookie.host_only or cookie.domain.startswith(".") else "."
    pairs = [
        (_first_word(cookie), cookie.value if cookie.name else None),
        ("path", cookie.path),
        ("domain", dot + cookie.domain),
    ]
    if cookie.port is not None:
        pairs.append(("port", cookie.port))
    flags = {
        "path_spec": cookie.path_specified,
        "port_spec": cookie.port_specified,
        "domain_dot": cookie.domain_initial_dot,
        "secure": cookie.secure,
    }
    pairs += [(word, None) for word, is_set in flags.items() if is_set]
    if cookie.expires is not None:
        pairs.append(("expires", _write_time(cookie.expires)))
    if cookie.discard:
        pairs.append(("discard", None))
    if cookie.comment is not None:
        pairs.append(("comment", cookie.comment))
    if cookie.comment_url is not None:
        pairs.append(("commenturl", cookie.comment_url))
    for name, value in sorted(cookie._rest.items()):
        if name.lower() not in OWN_WORDS and _TOKEN.fullmatch(name):
            pairs.append((name, None if value is None else str(value)))
    if cookie.version is not None:
        pairs.append(("version", str(cookie.version)))
    return f"{LINE} {'; '.join([_write_pair(name, value) for name, value in pairs])}"


def _write_pair(name: str, value: str | None) -> str:
    if value is None:
        return name
    if _PLAIN.fullmatch(value):
        return f"{name}={value}"
    escaped = _TO_ESCAPE.sub(r"\\\1", value)
    return f'{name}="{escaped}"'


def _write_time(expires: int) -> str:
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(min(max(0, expires), LATEST), UTC)
    return f"{moment:%Y-%m-%d %H:%M:%SZ}"


class LWPCookieJar(FileCookieJar):
    """A jar with a file of "Set-Cookie3" lines, as libwww-perl and http.cookiejar write them.

    Characters are the cookies' bytes; http.cookiejar's are in the encoding of the machine.
    `skipped` says which cookies could not be written, such as one whose name has a blank in it.
    """

    encoding = "iso-8859-1"
    stock_name = "LWPCookieJar"
    read_form = staticmethod(read_lwp)
    write_form = staticmethod(write_lwp)

    def as_lwp_str(self, ignore_discard: bool = True, ignore_expires: bool = True) -> str:
        """The lines of a file, without its header, in a string."""
        text, _ = write_lwp(self.cookies_to_save(ignore_discard, ignore_expires))
        return text.removeprefix(HEADER)
