"""Hosts: as callers of http.client give them, as they are dialed, as the Host field has them.

Pure functions on text. InvalidURL says what is wrong.
"""

from __future__ import annotations

import re

from mini_http import base
from mini_http.base.authority import HIGHEST_PORT, read_place
from mini_http.base.url import URL

# port = *DIGIT
_PORT = re.compile("[0-9]{1,5}")


def split_port(host: str, port: int | str | None, default: int) -> tuple[str, int]:
    """Host, without brackets, and port: the one given, else that after ":" in `host`, or `default`.

    Nothing else is said of the host, but that no user stands before it: it may be none that can be
    dialed.
    """
    _refuse_user(host)
    if port is None:
        name, colon, digits = host.rpartition(":")
        is_address = ":" in name and not name.endswith("]")  # IPv6 without brackets, or with a zone
        if colon and not is_address and "]" not in digits:
            host, port = name, digits or None
    if port is None:
        port = default
    elif isinstance(port, str):
        if _PORT.fullmatch(port) is None:
            raise base.errors.InvalidURL(f"nonnumeric port: {port!r:.80}")
        port = int(port)
    if not 0 <= port <= HIGHEST_PORT:
        raise base.errors.InvalidURL(f"port must be 0 to {HIGHEST_PORT}, not {port!r:.80}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    return host, port


def dialed(host: str) -> str:
    """A host as it is looked up, and as certificates have it: names beyond ASCII as A-labels."""
    if host.isascii():
        return host
    _refuse_user(host)
    if ":" in host:
        raise base.errors.InvalidURL(f"host can't contain ':', nor a port: {host!r:.80}")
    return read_place("", host)[0]


def in_host_field(host: str, port: int, default: int | None = None) -> str:
    """Host and port as the Host field has them (RFC 9110 section 7.2).

    The port is left out where it is `default`, brackets stand around an IPv6 address, and a zone,
    which means nothing to the server, is left out.
    """
    _refuse_user(host)
    if ":" in host:
        address, _, _ = host.partition("%")
        name = f"[{address}]"
        read_place("", name)  # raises for what is no address
    else:
        _, _, _, name = read_place("", host)
    return name if port == default else f"{name}:{port}"


def host_of_target(method: str, target: str) -> str | None:
    """What Host must say of a request for this target, if that says so itself; else None.

    It does where a proxy is asked: an absolute URL, or the host and port of CONNECT (RFC 9112
    section 3.2).
    """
    try:
        if method == "CONNECT":
            return read_place("", target)[3]
        if target[:8].lower().startswith(("http://", "https://")):
            return URL.parse(target).authority
    except base.errors.InvalidURL:
        pass
    return None


def _refuse_user(host: str) -> None:
    """Raises InvalidURL, which does not show the host, where a password may stand in it."""
    if "@" in host:
        raise base.errors.InvalidURL("a host can't contain '@', nor a user or password before it")
