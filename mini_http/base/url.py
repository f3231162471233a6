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
from mini_http.base.value import Value

TYPE_CHECKING = False

DEFAULT_PORTS = {
    "http": 80,
    "https": 443,
    "ws": 80,
    "wss": 443,
    "ftp": 21,
    "ftps": 990,
    "gopher": 70,
}
"""The port of a scheme where its URL names none. These schemes are servers': they need a host."""

UNIX_SCHEME = "http+unix"
"""HTTP over a unix socket, whose percent-encoded path stands where the host does."""

_CACHED_URLS = 1024
_LONGEST_CACHED = 2048  # characters; a cache full of data: URLs would hold gigabytes
_LONGEST_HOST = 253  # bytes; no name in DNS is longer, and IDNA gets slow (RFC 1035 section 3.1)
_LONGEST_IPV6 = 45  # characters; the last two of eight groups may be written as IPv4
_HIGHEST_PORT = 65535


# --- grammar: RFC 3986 appendix A, but a percent sign may stand alone. Only _PLAIN is compiled at
# import, which has to be quick; `re` compiles and keeps the others when they are first used.

# scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*+"
# unreserved = ALPHA / DIGIT / "-" / "." / "_" / "~"
_UNRESERVED = r"A-Za-z0-9\-._~"
# userinfo = *( unreserved / pct-encoded / sub-delims / ":" )
_USERINFO = rf"{_UNRESERVED}!$&'()*+,;=%:"
# path = *( pchar / "/" ), pchar = unreserved / pct-encoded / sub-delims / ":" / "@"
_PATH = rf"{_USERINFO}@/"
# query = fragment = *( pchar / "/" / "?" )
_QUERY = rf"{_PATH}?"
# reg-name = *( unreserved / pct-encoded / sub-delims ), once it is decoded and in lower case
_NAME = rf"[a-z0-9\-._~!$&'()*+,;=]{{1,{_LONGEST_HOST}}}+"
# "[" IPv6address [ "%25" ZoneID ] "]" [ ":" port ], ZoneID = 1*unreserved (RFC 6874). Its section 3
# wants a bare "%" understood too, where it begins no escape
_IPV6 = (
    r"\[([0-9A-Fa-f:.]++)"
    rf"(?:%(?:25(?!\])|(?![0-9A-Fa-f]{{2}}))([{_UNRESERVED}]++))?\](?::(.*+))?+"
)
# port = *DIGIT
_PORT = r"[0-9]*+"
# pct-encoded = "%" HEXDIG HEXDIG
_ESCAPE = r"%([0-9A-Fa-f]{2})?+"
_ESCAPED_BYTE = rb"%([0-9A-Fa-f]{2})"
_CONTROL = r"[\x00-\x1f\x7f]"
# URI-reference, split as in appendix B; any text matches
_REFERENCE = rf"(?s)(?:({_SCHEME}):)?+(?://([^/?#]*+))?+([^?#]*+)(?:\?([^#]*+))?+(?:#(.*+))?+"
# path pieces as section 5.2.4 takes them off: a first segment, or a "/" and what follows it
_PIECE = r"/[^/]*+|[^/]++"
_LEADING_DOTS = r"(?:\.\.?+/)*+(?:\.\.?+\Z)?+"
# nearly every URL that is asked for: nothing to quote, to decode, to lower or to refuse
_PLAIN = re.compile(
    rf"(https?)://([a-z0-9\-._]{{1,{_LONGEST_HOST}}}+)(?::([0-9]{{1,5}}+))?+"
    rf"(/[{_PATH}]*+)?+(?:\?([{_QUERY}]*+))?+(?:#([{_QUERY}]*+))?+"
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


if TYPE_CHECKING:
    _Room = Value
else:  # Value makes a part of each annotation, so the slots of what is no part are made apart
    _Room = type.__new__(type(Value), "_Room", (Value,), {"__slots__": [*_Derived.__annotations__]})


class URL(_Derived, _Room):
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

    def __post_init__(self) -> None:
        if not re.fullmatch(_SCHEME, self.scheme):
            raise base.errors.InvalidURL(f"unknown url type: {self.scheme!r}")
        scheme, netloc, path = self.scheme.lower(), self.netloc, _quoted(self.path, _PATH)
        userinfo, host, port, authority = "", "", DEFAULT_PORTS.get(scheme), ""
        needs_host = port is not None or scheme == UNIX_SCHEME
        if netloc:
            userinfo, place = _split_userinfo(netloc)
            host, port, netloc, authority = _read_place(scheme, place)
            netloc = f"{userinfo}@{netloc}" if userinfo else netloc
        elif needs_host:
            raise base.errors.InvalidURL(f"no host given in a URL of type {scheme!r}")
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
            None if self.netloc is None else _tidied(self.netloc),
            _without_rooted_dots(_tidied(self.path)),
            None if self.query is None else _tidied(self.query),
            None if self.fragment is None else _tidied(self.fragment),
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
        return f"URL({self._text(self.netloc and _masked(self.netloc))!r})"

    def _text(self, netloc: str | None) -> str:
        slashes = "" if netloc is None else "//"
        fragment = "" if self.fragment is None else f"#{self.fragment}"
        return f"{self.scheme}:{slashes}{netloc or ''}{self.target}{fragment}"


def quote_illegal(text: str) -> str:
    """A path, query or fragment with what RFC 3986 forbids in it percent-encoded as UTF-8.

    Percent signs stay, with hex digits after them or not. Raises InvalidURL for lone surrogates,
    which UTF-8 can't express.
    """
    return _quoted(text, _QUERY)


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
        if number > _HIGHEST_PORT:
            return None
        netloc, port = f"{host}:{number}", number
    url = object.__new__(URL)
    _fill(url, (scheme, netloc, path, query, fragment), (host, port, netloc))
    return url


def _scan_any(text: str) -> URL:
    scheme, netloc, path, query, fragment = _split(text)
    if scheme is None:
        raise base.errors.InvalidURL(f"unknown url type: {_masked(text)!r}")
    return URL(scheme, netloc, path, query, fragment)


def _split(text: str) -> tuple[str | None, str | None, str, str | None, str | None]:
    """The parts of a URL or reference, as they stand in it."""
    text = text.strip(" ")
    if re.search(_CONTROL, text):
        # a blank before it counts as found, as it does in http.client, whose words these are
        found = re.findall(r"[\x00-\x20\x7f]", text)[0]
        raise base.errors.InvalidURL(
            f"URL can't contain control characters. {_masked(text)!r} (found at least {found!r})"
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
    _put(url, "username", _decoded(user, "user") if userinfo else None)
    _put(url, "password", _decoded(password, "password") if colon else None)
    _put(url, "host", host)
    _put(url, "port", port)
    _put(url, "authority", authority)
    _put(url, "origin", (scheme, host, port))
    _put(url, "target", path if query is None else f"{path}?{query}")


_put = object.__setattr__


# --- what stands between "//" and the path


def _split_userinfo(netloc: str) -> tuple[str, str]:
    """User and password, quoted; host and port."""
    userinfo, _, place = netloc.rpartition("@")
    if odd := re.search(r"[\x00-\x20\x7f\\\[\]]", userinfo):
        raise base.errors.InvalidURL(f"userinfo can't contain {odd[0]!r}")
    if odd := re.search(r"[\x00-\x20\x7f\\]", place):
        raise base.errors.InvalidURL(f"host can't contain {odd[0]!r}: {place!r:.80}")
    return _quoted(userinfo, _USERINFO), place


def _read_place(scheme: str, text: str) -> tuple[str, int | None, str, str]:
    """Host; port; both as they stand in a URL; both as they stand in the Host field."""
    if not text or text.startswith(":"):
        raise base.errors.InvalidURL("no host given")
    if scheme == UNIX_SCHEME:
        if odd := re.search(r"[:\[\]]", text):
            raise base.errors.InvalidURL(
                f"host is a socket's path, whose {odd[0]!r} must be encoded: {text!r}"
            )
        path = _decoded(text, "host")
        return path, None, _quoted(path, _UNRESERVED), "localhost"
    if "[" in text or "]" in text:
        address, zone, digits = _read_ipv6(text)
        host, shown, authority = address, f"[{address}]", f"[{address}]"
        if zone:
            host, shown = f"{address}%{zone}", f"[{address}%25{zone}]"
    else:
        name, _, digits = text.partition(":")
        host = shown = authority = _read_name(name)
    default = DEFAULT_PORTS.get(scheme)
    port = _read_port(digits, default)
    if port != default:
        shown, authority = f"{shown}:{port}", f"{authority}:{port}"
    return host, port, shown, authority


def _read_port(digits: str, default: int | None) -> int | None:
    if not re.fullmatch(_PORT, digits):
        raise base.errors.InvalidURL(f"nonnumeric port: {digits!r}")
    if not digits:
        return default
    digits = digits.lstrip("0") or "0"
    if len(digits) > len(str(_HIGHEST_PORT)) or int(digits) > _HIGHEST_PORT:
        raise base.errors.InvalidURL(f"port is above {_HIGHEST_PORT}: {digits!r:.80}")
    return int(digits)


def _read_ipv6(text: str) -> tuple[str, str | None, str]:
    """Address, as RFC 5952 writes it; zone; port."""
    literal = re.fullmatch(_IPV6, text)
    if literal is None or len(literal[1]) > _LONGEST_IPV6:
        raise base.errors.InvalidURL(f"host is no IPv6 address in brackets: {text!r:.80}")
    import ipaddress

    try:
        address = ipaddress.IPv6Address(literal[1])
    except ValueError as error:
        raise base.errors.InvalidURL(f"host is no IPv6 address in brackets: {error}") from None
    mapped = address.ipv4_mapped  # Python writes these with dots, as the RFC asks, from 3.13 on
    return f"::ffff:{mapped}" if mapped else address.compressed, literal[2], literal[3] or ""


def _read_name(text: str) -> str:
    """A name, decoded, in A-labels and lower case."""
    name = _decoded(text, "host")
    if len(_utf8(name)) > _LONGEST_HOST:
        raise base.errors.InvalidURL(f"host is longer than {_LONGEST_HOST} bytes: {name!r:.80}")
    name = (name if name.isascii() else _to_ascii(name)).lower()
    if not re.fullmatch(_NAME, name):
        raise base.errors.InvalidURL(f"host is no valid name: {name!r}, from {text!r}")
    return name


def _to_ascii(name: str) -> str:
    """A name in A-labels (RFC 5891; UTS 46 without its transitional mapping)."""
    try:
        try:
            import idna
        except ImportError:
            if changed := re.search("[ß\u1e9eς\u200c\u200d]", name):
                # IDNA 2003 makes fass.de of faß.de; that may be somebody else's
                raise UnicodeError(f"{changed[0]!r} needs the idna package") from None
            return name.encode("idna").decode("ascii")
        return idna.encode(name, uts46=True).decode("ascii")
    except UnicodeError as error:
        raise base.errors.InvalidURL(f"host {name!r} can't be encoded: {error}") from None


# --- dots and percent signs


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


def _tidied(text: str) -> str:
    """RFC 3986 sections 6.2.2.1 and 6.2.2.2."""
    return re.sub(_ESCAPE, _tidied_escape, text)


def _tidied_escape(escape: re.Match[str]) -> str:
    if escape[1] is None:
        return "%25"
    character = chr(int(escape[1], 16))
    return character if re.match(rf"[{_UNRESERVED}]", character) else escape[0].upper()


def _quoted(text: str, legal: str) -> str:
    return re.sub(rf"[^{legal}]++", _escaped, text)


def _escaped(illegal: re.Match[str]) -> str:
    return "".join([f"%{byte:02X}" for byte in _utf8(illegal[0])])


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise base.errors.InvalidURL(f"URL can't contain lone surrogates: {text!r:.80}") from None


def _decoded(text: str, part: str) -> str:
    try:
        decoded = re.sub(_ESCAPED_BYTE, _unescaped, _utf8(text)).decode()
    except UnicodeDecodeError:
        raise base.errors.InvalidURL(f"{part} is not UTF-8 when decoded") from None
    if re.search(_CONTROL, decoded):
        raise base.errors.InvalidURL(f"{part} can't contain control characters, encoded or not")
    return decoded


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escape[1].decode())


# --- messages


def _masked(text: str) -> str:
    """A text without what may be a password in it: between a colon and an "@" with no slash."""
    return re.sub(r"[^/?#\\]++", _masked_run, text)


def _masked_run(run: re.Match[str]) -> str:
    userinfo, _, rest = run[0].rpartition("@")
    user, colon, _ = userinfo.partition(":")
    return f"{user}:***@{rest}" if colon else run[0]
