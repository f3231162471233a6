"""The lists of hosts that are reached without a proxy, as NO_PROXY holds one.

`matching_entry` says which entry of such a list a host matches. An entry is

    a name                 for that host and those below it; a dot or "*." before it changes nothing
    a name and a port      for that port of them; a URL that names none means that of its scheme
    an IP address          for that address, however it is written; a port may follow
    a range of addresses   as 10.0.0.0/8, for the addresses in it

Entries are separated by commas or blanks, compared without regard to case, and names beyond ASCII
by their A-labels. A `*` that is the whole list stands for every host; among others it stands for
none, as in curl and urllib. Anything else is ignored, and logged once.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mini_http import base
from mini_http.base.authority import HIGHEST_PORT, LONGEST_HOST
from mini_http.base.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    IPAddress = IPv4Address | IPv6Address
    IPNetwork = IPv4Network | IPv6Network

# host = uri-host [ ":" port ] as a Host field has it (RFC 9110 section 7.2), an IPv6 address in
# brackets; then a name that is none. Both match any text.
_BRACKETED = r"\[([^\]]*+)\](?::([0-9]*+))?+"
_NAME_AND_PORT = r"(?s)([^:]*+):([0-9]*+)"
# A name in lower case and A-labels (RFC 1123 section 2.1), with the underscore that DNS has too.
# Its last label is not all digits: that is an address, whole or cut.
_NAME = rf"(?=[a-z0-9_.\-]{{1,{LONGEST_HOST}}}\Z)(?!(?:.*\.)?[0-9]+\Z).*"


def matching_entry(host: str, no_proxy: str, port: int | None = None) -> str | None:
    """The first entry of a list that `host`, with or without a port, matches; None if none does.

    `port` is the one where `host` names none; if there is none either, entries with a port do not
    match.
    """
    if no_proxy.strip() == "*":
        return "*"
    name, digits = _split(host.lower())
    asked = digits or (None if port is None else str(port))
    address = _address(name)
    for entry in _entries(no_proxy):
        if entry.port not in (None, asked):
            continue
        if address is not None:
            found = entry.network is not None and address in entry.network
        else:
            found = entry.network is None and f".{name}".endswith(f".{entry.name}")
        if found:
            return entry.text
    return None


# --- the entries of a list


class Entry(Value):
    """One entry of a list of hosts."""

    text: str
    """As it stands there."""
    name: str
    port: str | None
    """Digits; None for any port."""
    network: IPNetwork | None
    """The addresses that it is about; None for a name."""


@lru_cache(maxsize=16)
def _entries(no_proxy: str) -> tuple[Entry, ...]:
    """The entries of a list. There are few lists, and each is asked about with every request."""
    entries = [_entry(text) for text in re.split(r"[,\s]+", no_proxy) if text]
    return tuple([entry for entry in entries if entry is not None])


def _entry(text: str) -> Entry | None:
    """None for what is no entry."""
    name, port = _split(text.lower().removeprefix("*.").lstrip("."))
    network = _network(name)
    is_port = port is None or (len(port) <= len(str(HIGHEST_PORT)) and int(port) <= HIGHEST_PORT)
    if not is_port or (network is None and re.match(_NAME, name) is None):
        _tell_of_junk(text)
        return None
    return Entry(text, name, port, network)


@lru_cache(maxsize=256)  # each is told of once
def _tell_of_junk(text: str) -> None:
    import logging

    logger = logging.getLogger("mini_http")
    if not logger.handlers:
        # A program that has not set up logging sees nothing: its standard error is its own.
        logger.addHandler(logging.NullHandler())
    shown = text.rpartition("@")[2]  # it may be a URL with a password
    why = "it is no name, no IP address and no range of addresses"
    if text == "*":
        why = "it means every host only where it is the whole list"
    logger.warning("no_proxy: %.80r is ignored: %s", shown, why)


def _split(host: str) -> tuple[str, str | None]:
    """A name in A-labels, or an address without brackets and zone; and a port, if there is one."""
    if bracketed := re.fullmatch(_BRACKETED, host):
        name, digits = bracketed.groups()
    elif named := re.fullmatch(_NAME_AND_PORT, host):
        name, digits = named.groups()
    else:
        name, digits = host, None
    port = (digits.lstrip("0") or "0") if digits else None
    if ":" in name:
        return name.partition("%")[0], port
    if not name.isascii():
        from mini_http.base.authority import read_place

        try:
            name = read_place("", name)[0]
        except base.errors.InvalidURL:
            pass  # it matches nothing
    return name.removesuffix("."), port


def _address(name: str) -> IPAddress | None:
    """The address that a host is; None for a name."""
    if not (name[-1:].isdigit() or ":" in name):
        return None
    import ipaddress

    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    # ::ffff:10.0.0.1 is 10.0.0.1, which is what the system connects to.
    return getattr(address, "ipv4_mapped", None) or address


def _network(name: str) -> IPNetwork | None:
    """The addresses that an entry is about; None for a name."""
    if "/" not in name:
        address = _address(name)
        if address is None:
            return None
        name = str(address)
    import ipaddress

    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError:
        return None
