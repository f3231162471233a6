"""Which proxies the environment and the system name, and for which hosts they are not used.

The names and what they give are those of urllib.request: `getproxies` gives a dict of proxies by
scheme, in which "no" holds the list of hosts that are reached directly, and "all" the proxy for
schemes that have none of their own. `matching_entry` says which entry of such a list decides.

An entry of that list is

    a name                 for that host and those below it; a dot or "*." before it changes nothing
    a name and a port      for that port of them, where the request names it
    an IP address          for that address, however it is written
    a range of addresses   as 10.0.0.0/8, for the addresses in it

Entries are separated by commas or blanks, compared without regard to case, and names beyond ASCII
by their A-labels. A `*` that is the whole list stands for every host. Anything else is ignored.
"""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache

from mini_http import base
from mini_http.base.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    IPAddress = IPv4Address | IPv6Address
    IPNetwork = IPv4Network | IPv6Network

# Systems with settings of their own, and the functions of urllib.request that read them. Not
# getproxies and proxy_bypass, which may be ours by then.
_READERS = {
    "darwin": ("getproxies_macosx_sysconf", "proxy_bypass_macosx_sysconf"),
    "win32": ("getproxies_registry", "proxy_bypass_registry"),
}
_READ_PROXIES, _READ_BYPASS = _READERS.get(sys.platform, ("", ""))

# host = uri-host [ ":" port ] as a Host field has it (RFC 9110 section 7.2), an IPv6 address in
# brackets; then a name that is none. Both match any text.
_BRACKETED = r"\[([^\]]*+)\](?::([0-9]*+))?+"
_NAME_AND_PORT = r"(?s)([^:]*+):([0-9]*+)"


# --- what is set


def getproxies() -> dict[str, str]:
    """Proxies by scheme: those of the environment, or where it names none, those of the system."""
    proxies = getproxies_environment()
    if not proxies and _READ_PROXIES:
        import urllib.request

        proxies = getattr(urllib.request, _READ_PROXIES)()
    return proxies


def getproxies_environment() -> dict[str, str]:
    """What the variables `<scheme>_proxy` say, by scheme in lower case.

    A variable in lower case wins over one in another case, also if it is empty. A CGI program is
    given HTTP_PROXY by whoever sends it a request (CVE-2016-1000110): there only http_proxy counts.
    """
    proxies: dict[str, str] = {}
    names = [name for name in os.environ if name[-6:].lower() == "_proxy"]
    for name in sorted(names, key=str.islower):
        scheme, value = name[:-6].lower(), os.environ[name]
        if scheme == "http" and not name.islower() and "REQUEST_METHOD" in os.environ:
            continue
        if value:
            proxies[scheme] = value
        elif name.islower():
            proxies.pop(scheme, None)
    return proxies


# --- what is not


def proxy_bypass(host: str, proxies: Mapping[str, str] | None = None) -> bool:
    """Whether `host`, with or without a port, is to be reached without a proxy.

    `proxies` is what `getproxies` gives; None: what it gives now, or where the environment names no
    proxies, what the system says.
    """
    if proxies is None and _READ_BYPASS and not getproxies_environment():
        import urllib.request

        return bool(getattr(urllib.request, _READ_BYPASS)(host))
    return proxy_bypass_environment(host, proxies)


def proxy_bypass_environment(host: str, proxies: Mapping[str, str] | None = None) -> bool:
    """Whether `host` matches the list in `proxies["no"]`; None: the one in the environment."""
    if proxies is None:
        proxies = getproxies_environment()
    return matching_entry(host, proxies.get("no") or "") is not None


def matching_entry(host: str, no_proxy: str) -> str | None:
    """The first entry of a list that `host`, with or without a port, matches; None if none does."""
    if no_proxy.strip() == "*":
        return "*"
    name, port = _split(host.lower())
    address = _address(name)
    for entry in _entries(no_proxy):
        if entry.port not in (None, port):
            continue
        if address is not None:
            found = entry.network is not None and address in entry.network
        else:
            found = entry.network is None and f".{name}".endswith(f".{entry.name}")
        if found:
            return entry.text
    return None


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
    entries = [_entry(text) for text in re.split(r"[,\s]+", no_proxy)]
    return tuple([entry for entry in entries if entry is not None])


def _entry(text: str) -> Entry | None:
    """None for what is no entry."""
    name, port = _split(text.lower().removeprefix("*.").lstrip("."))
    network = _network(name)
    if not name or ("/" in name and network is None):
        return None
    return Entry(text, name, port, network)


def _split(host: str) -> tuple[str, str | None]:
    """A name in A-labels, or an address without brackets and zone; and a port, if there is one."""
    if bracketed := re.fullmatch(_BRACKETED, host):
        name, digits = bracketed.groups()
    elif named := re.fullmatch(_NAME_AND_PORT, host):
        name, digits = named.groups()
    else:
        name, digits = host, None
    if ":" in name:
        return name.partition("%")[0], digits or None
    if not name.isascii():
        from mini_http.base.authority import read_place

        try:
            name = read_place("", name)[0]
        except base.errors.InvalidURL:
            pass  # it matches only itself
    return name.removesuffix("."), digits or None


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
