"""What stands between "//" and the path of a URL: user and password, host and port.

Pure functions on text, called by `base.url`. InvalidURL says which part is wrong.
"""

from __future__ import annotations

import re

from mini_http import base
from mini_http.base.escapes import UNRESERVED, USERINFO, decoded, quoted, utf8

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

LONGEST_HOST = 253
"""Bytes; no name in DNS is longer, and IDNA gets slow (RFC 1035 section 3.1)."""
_LONGEST_IPV6 = 45  # characters; the last two of eight groups may be written as IPv4
HIGHEST_PORT = 65535

# reg-name = *( unreserved / pct-encoded / sub-delims ), once it is decoded and in lower case
_NAME = rf"[a-z0-9\-._~!$&'()*+,;=]{{1,{LONGEST_HOST}}}+"
# "[" IPv6address [ "%25" ZoneID ] "]" [ ":" port ], ZoneID = 1*unreserved (RFC 6874). Its section 3
# wants a bare "%" understood too, where it begins no escape
_IPV6 = (
    r"\[([0-9A-Fa-f:.]++)"
    rf"(?:%(?:25(?!\])|(?![0-9A-Fa-f]{{2}}))([{UNRESERVED}]++))?\](?::(.*+))?+"
)
# port = *DIGIT
_PORT = r"[0-9]*+"


def split_userinfo(netloc: str) -> tuple[str, str]:
    """User and password, quoted; host and port."""
    userinfo, _, place = netloc.rpartition("@")
    if odd := re.search(r"[\x00-\x20\x7f\\\[\]]", userinfo):
        raise base.errors.InvalidURL(f"userinfo can't contain {odd[0]!r}")
    if odd := re.search(r"[\x00-\x20\x7f\\]", place):
        raise base.errors.InvalidURL(f"host can't contain {odd[0]!r}: {place!r:.80}")
    return quoted(userinfo, USERINFO), place


def read_place(scheme: str, text: str) -> tuple[str, int | None, str, str]:
    """Host; port; both as they stand in a URL; both as they stand in the Host field."""
    if text.startswith("::") and "]" not in text:
        raise base.errors.InvalidURL(f"an IPv6 address must stand in brackets: {text!r:.80}")
    if not text or text.startswith(":"):
        raise base.errors.InvalidURL("no host given")
    if scheme == UNIX_SCHEME:
        if odd := re.search(r"[:\[\]]", text):
            raise base.errors.InvalidURL(
                f"host is a socket's path, whose {odd[0]!r} must be encoded: {text!r}"
            )
        path = decoded(text, "host")
        return path, None, quoted(path, UNRESERVED), "localhost"
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
    if len(digits) > len(str(HIGHEST_PORT)) or int(digits) > HIGHEST_PORT:
        raise base.errors.InvalidURL(f"port is above {HIGHEST_PORT}: {digits!r:.80}")
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
    name = decoded(text, "host")
    if len(utf8(name)) > LONGEST_HOST:
        raise base.errors.InvalidURL(f"host is longer than {LONGEST_HOST} bytes: {name!r:.80}")
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
