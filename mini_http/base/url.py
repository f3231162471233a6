"""URL: one absolute URL, split by RFC 3986 and checked once, so that every floor may trust it.

Text comes in by `URL.parse` and `URL.join`. Of what RFC 3986 does not allow in it

    spaces around the whole text are dropped;
    control characters anywhere, blanks or a backslash before the path, brackets not around an
        IPv6 address, and bad ports are refused;
    the rest is percent-encoded as UTF-8 in path, query, fragment, user and password;
    a percent sign without two hex digits is left there, for servers that want it so.

Where clients and browsers read one text as different URLs, one program checks a host and another
connects to a second one. There this module refuses, or follows RFC 3986:

    a backslash in a path is data (%5C); browsers read it as a slash;
    `http:/host` and `http:host` give no host; browsers supply the slashes;
    `0x7f.1` and `2130706433` are names; browsers read IPv4 addresses, and resolvers may. Who must
        keep a program from some addresses checks the address that was connected to;
    dot segments are kept as sent; `join` removes those of its result, `normalized` all.

A host that is not ASCII goes through IDNA (2008 with the `idna` package, else 2003) and is checked
again after it. InvalidURL says what is wrong; it is a ValueError and a URLError, and keeps the
password to itself.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mini_http import base
from mini_http.base.authority import (
    DEFAULT_PORTS,
    HIGHEST_PORT,
    LONGEST_HOST,
    UNIX_SCHEME,
    read_place,
    split_userinfo,
)
from mini_http.base.escapes import CONTROL, PATH, QUERY, decoded, masked, quoted, tidied
from mini_http.base.value import Value

TYPE_CHECKING = False

_CACHED_URLS = 1024
_LONGEST_CACHED = 2048  # characters; a cache full of data: URLs would hold gigabytes


# --- grammar: RFC 3986 appendix A, but a percent sign may stand alone. Only _PLAIN is compiled at
# import, which has to be quick; `re` compiles and keeps the others when they are first used.

# scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*+"
# URI-reference, split as in appendix B; any text matches
_REFERENCE = rf"(?s)(?:({_SCHEME}):)?+(?://([^/?#]*+))?+([^?#]*+)(?:\?([^#]*+))?+(?:#(.*+))?+"
# path pieces as section 5.2.4 takes them off: a first segment, or a "/" and what follows it
_PIECE = r"/[^/]*+|[^/]++"
_LEADING_DOTS = r"(?:\.\.?+/)*+(?:\.\.?+\Z)?+"
# nearly every URL that is asked for: nothing to quote, to decode, to lower or to refuse
_PLAIN = re.compile(
    rf"(https?)://([a-z0-9\-._]{{1,{LONGEST_HOST}}}+)(?::([0-9]{{1,5}}+))?+"
    rf"(/[{PATH}]*+)?+(?:\?([{QUERY}]*+))?+(?:#([{QUERY}]*+))?+"
)


# --- the value


class _Derived:
    """What follows from the parts of a URL, and is worked out once."""

    __slots__ = ()

    username: str | None
    """The user of `user:password@`, decoded; None if there is none."""
    password: str | None
    """The password, decoded; None if there is none, "" if it is empty."""
    host: str
    """In lower case and A-labels; IPv6 without brackets, with its zone (`fe80::1%eth0`). The path
    of the socket for http+unix. "" where the URL has none."""
    port: int | None
    """The port to connect to: the one given, else the scheme's; None where neither is."""
    authority: str
    """What the Host field says (RFC 9112 section 3.2): the host without a zone, and the port if it
    is not the scheme's; "localhost" for http+unix."""
    origin: tuple[str, str, int | None]
    """Scheme, host and port (RFC 6454). Secrets stay with the origin that they are for."""
    target: str
    """The origin form of the request target (RFC 9112 section 3.2.1): path and query."""


class URL(_Derived, Value):
    """One absolute URL: the five parts of RFC 3986 section 3, normalised, and what follows of them.

    Equal means: equal parts. `URL.parse(str(url)) == url`; `repr` hides the password. Constructor
    and `replace` quote and check each part, as `parse` does, and raise InvalidURL.
    """

    scheme: str
    """In lower case."""
    netloc: str | None = None
    """`user:password@host:port`, the port only if it is not the scheme's; None without `//`."""
    path: str = ""
    """As sent, dot segments too. "/" where a server's URL had none."""
    query: str | None = None
    """What follows `?`; None without one."""
    fragment: str | None = None
    """What follows `#`, which is never sent; None without one."""

    __slots__ = ("authority", "host", "origin", "password", "port", "target", "username")

    def __post_init__(self) -> None:
        if not re.fullmatch(_SCHEME, self.scheme):
            raise base.errors.InvalidURL(f"unknown url type: {self.scheme!r}")
        scheme, netloc, path = self.scheme.lower(), self.netloc, quoted(self.path, PATH)
        userinfo, host, port, authority = "", "", DEFAULT_PORTS.get(scheme), ""
        needs_host = port is not None or scheme == UNIX_SCHEME
        if netloc:
            userinfo, place = split_userinfo(netloc)
            host, port, netloc, authority = read_place(scheme, place)
            netloc = f"{userinfo}@{netloc}" if userinfo else netloc
        elif needs_host:
            given = f"{scheme}:{'' if netloc is None else '//'}{masked(path)}"
            raise base.errors.InvalidURL(
                f"no host given in {given!r:.80}: one follows two slashes, as in {scheme}://host/"
            )
        if netloc is None and path.startswith("//"):
            path = f"/.{path}"  # else it would read as a host
        elif netloc is not None and path and not path.startswith("/"):
            raise base.errors.InvalidURL(f"path after a host must begin with '/': {path!r:.80}")
        elif needs_host and not path:
            path = "/"
        query = None if self.query is None else quote_illegal(self.query)
        fragment = None if self.fragment is None else quote_illegal(self.fragment)
        _fill(self, (scheme, netloc, path, query, fragment), (host, port, authority), userinfo)

    @staticmethod
    def parse(text: str) -> URL:
        """The URL that a text is. Raises InvalidURL; also where the text has no scheme.

        The latest URLs are kept: to parse one of them again costs a look-up.
        """
        return _parse_cached(text) if len(text) <= _LONGEST_CACHED else _parse(text)

    def join(self, reference: str) -> URL:
        """The URL that a reference means where this one is the base (RFC 3986 section 5.2).

        A reference with a scheme stands for itself, even if it is this scheme. The fragment is the
        reference's; a redirect that is to keep this one's (RFC 9110 section 10.2.2) has to add it.
        Raises InvalidURL.
        """
        if "/." not in reference:  # no dot segments: most are texts of URLs, or ends of such
            if reference.startswith(("http://", "https://")):
                return URL.parse(reference)  # 0.3 us if it is among the latest, 3 if not, else 10
            if self.netloc and reference[:1] == "/" != reference[1:2]:
                return URL.parse(f"{self.scheme}://{self.netloc}{reference}")
        scheme, netloc, path, query, fragment = _split(reference)
        if scheme is not None:
            return URL(scheme, netloc, _without_rooted_dots(path), query, fragment)
        if netloc is not None:
            return URL(self.scheme, netloc, _without_dots(path), query, fragment)
        if not path:
            query = self.query if query is None else query
            return URL(self.scheme, self.netloc, self.path, query, fragment)
        if not path.startswith("/"):
            merged = self.path[: self.path.rfind("/") + 1] + path
            path = merged if self.path or self.netloc is None else f"/{merged}"
        return URL(self.scheme, self.netloc, _without_dots(path), query, fragment)

    def normalized(self) -> URL:
        """The form to compare by (RFC 3986 section 6.2.2): no dot segments, escapes in upper case,
        none of a character that may stand itself. A percent sign alone becomes `%25`.
        """
        return URL(
            self.scheme,
            None if self.netloc is None else tidied(self.netloc),
            _without_rooted_dots(tidied(self.path)),
            None if self.query is None else tidied(self.query),
            None if self.fragment is None else tidied(self.fragment),
        )

    def without_userinfo(self) -> URL:
        """The same URL without user and password."""
        if self.username is None:
            return self
        return self.replace(netloc=(self.netloc or "").rpartition("@")[2])

    def without_fragment(self) -> URL:
        """The same URL without fragment."""
        return self if self.fragment is None else self.replace(fragment=None)

    @property
    def absolute(self) -> str:
        """The absolute form of the request target, for a proxy (RFC 9112 section 3.2.2)."""
        slashes = "" if self.netloc is None else "//"
        return f"{self.scheme}:{slashes}{self.authority}{self.target}"

    def __str__(self) -> str:
        return self._text(self.netloc)

    def __repr__(self) -> str:
        return f"URL({self._text(self.netloc and masked(self.netloc))!r})"

    def _text(self, netloc: str | None) -> str:
        slashes = "" if netloc is None else "//"
        fragment = "" if self.fragment is None else f"#{self.fragment}"
        return f"{self.scheme}:{slashes}{netloc or ''}{self.target}{fragment}"


def quote_illegal(text: str) -> str:
    """A path, query or fragment with what RFC 3986 forbids in it percent-encoded as UTF-8.

    Percent signs stay, with hex digits after them or not. Raises InvalidURL for lone surrogates,
    which UTF-8 can't express.
    """
    return quoted(text, QUERY)


# --- from text to parts


def _parse(text: str) -> URL:
    return _scan_plain(text) or _scan_any(text)


_parse_cached = lru_cache(_CACHED_URLS)(_parse)


def _scan_plain(text: str) -> URL | None:
    """The URL if its text is as plain as most are; what `_scan_any` makes of it, and sooner."""
    plain = _PLAIN.fullmatch(text)
    if plain is None:
        return None
    scheme, host, digits, path, query, fragment = plain.groups()
    netloc, path = host, path or "/"
    port = DEFAULT_PORTS[scheme]
    if digits is not None and (number := int(digits)) != port:
        if number > HIGHEST_PORT:
            return None
        netloc, port = f"{host}:{number}", number
    url = object.__new__(URL)
    _fill(url, (scheme, netloc, path, query, fragment), (host, port, netloc))
    return url


def _scan_any(text: str) -> URL:
    scheme, netloc, path, query, fragment = _split(text)
    if scheme is None:
        raise base.errors.InvalidURL(f"unknown url type: {masked(text)!r}")
    return URL(scheme, netloc, path, query, fragment)


def _split(text: str) -> tuple[str | None, str | None, str, str | None, str | None]:
    """The parts of a URL or reference, as they stand in it."""
    text = text.strip(" ")
    if re.search(CONTROL, text):
        # a blank before it counts as found, as it does in http.client, whose words these are
        found = re.findall(r"[\x00-\x20\x7f]", text)[0]
        raise base.errors.InvalidURL(
            f"URL can't contain control characters. {masked(text)!r} (found at least {found!r})"
        )
    reference = re.fullmatch(_REFERENCE, text)
    assert reference is not None
    scheme, netloc, path, query, fragment = reference.groups()
    return scheme, netloc, path, query, fragment


def _fill(
    url: URL,
    parts: tuple[str, str | None, str, str | None, str | None],
    place: tuple[str, int | None, str],
    userinfo: str = "",
) -> None:
    """Sets every slot of a URL from its checked parts; `place` is host, port and authority."""
    scheme, netloc, path, query, fragment = parts
    host, port, authority = place
    user, colon, password = userinfo.partition(":")
    _put(url, "scheme", scheme)
    _put(url, "netloc", netloc)
    _put(url, "path", path)
    _put(url, "query", query)
    _put(url, "fragment", fragment)
    _put(url, "username", decoded(user, "user") if userinfo else None)
    _put(url, "password", decoded(password, "password") if colon else None)
    _put(url, "host", host)
    _put(url, "port", port)
    _put(url, "authority", authority)
    _put(url, "origin", (scheme, host, port))
    _put(url, "target", path if query is None else f"{path}?{query}")


_put = object.__setattr__


# --- dot segments


def _without_rooted_dots(path: str) -> str:
    """The dots in what data:, mailto: and their like have instead of a path mean no segments."""
    return _without_dots(path) if path.startswith("/") else path


def _without_dots(path: str) -> str:
    """A path without its dot segments (RFC 3986 section 5.2.4)."""
    kept: list[str] = []
    piece = ""
    for piece in re.findall(_PIECE, re.sub(_LEADING_DOTS, "", path, count=1)):
        if piece == "/..":
            del kept[-1:]
        elif piece != "/.":
            kept.append(piece)
    if piece in {"/.", "/.."}:
        kept.append("/")
    return "".join(kept)
