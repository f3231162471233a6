"""Which IP addresses are on the public internet, and why another is not.

`public_only` is for programs that fetch what strangers name, so that no URL leads them into their
own network (server-side request forgery): DialOptions(allow_address=public_only). `dial` asks it
about the very address that it is about to connect to, so a name that has one address when it is
looked at and another later gets by nowhere.

The tables are of our own, after the registries of IANA, and not what `ipaddress` calls private or
global, which differs between versions of Python. Nothing here looks names up or connects.

What stands for an IPv4 address inside an IPv6 one is judged by that. A NAT64 gateway may have a
prefix of its own (RFC 6052 section 2.2), which nobody can tell from a public network: where there
is one that leads to private addresses, the gateway has to refuse them.
"""

from __future__ import annotations

from functools import lru_cache

from mini_http.base.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    IPAddress = IPv4Address | IPv6Address
    IPNetwork = IPv4Network | IPv6Network


class AddressGuard(Value):
    """A predicate on addresses: true for public ones, and for those in the networks `allowed`.

    Equal guards are equal as parts of DialOptions, so that connections are shared.
    """

    allowed: tuple[str, ...] = ()
    """Networks that are not public and are allowed: ("10.20.0.0/16",). ValueError for others."""

    def __post_init__(self) -> None:
        if self.allowed:
            _networks(self.allowed)

    def __call__(self, address: str) -> bool:
        """Whether this IP address may be connected to. What is no IP address may not."""
        return self.reason(address) is None

    def reason(self, address: str) -> str | None:
        """Why this address is refused, as "private (RFC 1918)"; None if it is not."""
        import ipaddress

        plain, percent, _ = address.partition("%")
        try:
            at = ipaddress.ip_address(plain)
        except ValueError:
            return "no IP address"
        return self._reason(at) or ("in a zone (RFC 4007)" if percent else None)

    def _reason(self, at: IPAddress) -> str | None:
        if any(at in network for network in _networks(self.allowed)):
            return None
        row = next((row for row, network in _rows() if at in network), None)
        if row is None:
            return None if at.version == 4 else NOT_UNICAST
        for wrapped in row.wrapped(int(at)):
            why = self._reason(wrapped)
            if why is not None:
                return f"{row.words}, of {wrapped}, {why}"
        return None if row.wraps or row.is_public else row.words

    def allowing(self, *networks: str) -> AddressGuard:
        """A guard that allows these networks too: public_only.allowing("10.20.0.0/16").

        Raises ValueError for what is no network.
        """
        return AddressGuard(self.allowed + networks)


public_only = AddressGuard()
"""Allows what is on the public internet, and nothing else."""


@lru_cache(maxsize=64)
def _networks(texts: tuple[str, ...]) -> tuple[IPNetwork, ...]:
    import ipaddress

    return tuple([ipaddress.ip_network(text) for text in texts])


@lru_cache(maxsize=1)
def _rows() -> tuple[tuple[Row, IPNetwork], ...]:
    texts = tuple([row.network for row in SPECIAL_NETWORKS])
    return tuple(zip(SPECIAL_NETWORKS, _networks(texts), strict=True))


# --- the registries


class Row(Value):
    """A network that is special."""

    network: str
    words: str
    """What it is, and where that is written."""
    wraps: tuple[tuple[int, int], ...] = ()
    """Where IPv4 addresses stand in its addresses: how many bits behind, and what inverts them. It
    is as public as they are."""
    is_public: bool = False

    def wrapped(self, address: int) -> list[IPv4Address]:
        """The IPv4 addresses in an address of this network."""
        import ipaddress

        return [
            ipaddress.IPv4Address((address >> shift & _IPV4_BITS) ^ inversion)
            for shift, inversion in self.wraps
        ]


_IPV4_BITS = 0xFFFFFFFF

NOT_UNICAST = "outside the global unicast addresses (RFC 4291 section 2.4)"

SPECIAL_NETWORKS = (
    Row("0.0.0.0/32", "unspecified (RFC 1122)"),
    Row("0.0.0.0/8", "this network (RFC 791)"),
    Row("10.0.0.0/8", "private (RFC 1918)"),
    Row("100.64.0.0/10", "shared by a carrier's customers (RFC 6598)"),
    Row("127.0.0.0/8", "loopback (RFC 1122)"),
    Row("169.254.0.0/16", "link-local (RFC 3927)"),
    Row("172.16.0.0/12", "private (RFC 1918)"),
    Row("192.0.0.0/24", "for protocols (RFC 6890)"),
    Row("192.0.2.0/24", "for documentation (RFC 5737)"),
    Row("192.88.99.0/24", "6to4 relays (RFC 7526)"),
    Row("192.168.0.0/16", "private (RFC 1918)"),
    Row("198.18.0.0/15", "for benchmarks (RFC 2544)"),
    Row("198.51.100.0/24", "for documentation (RFC 5737)"),
    Row("203.0.113.0/24", "for documentation (RFC 5737)"),
    Row("224.0.0.0/4", "multicast (RFC 5771)"),
    Row("255.255.255.255/32", "broadcast (RFC 919)"),
    Row("240.0.0.0/4", "reserved (RFC 1112)"),
    Row("::/128", "unspecified (RFC 4291)"),
    Row("::1/128", "loopback (RFC 4291)"),
    Row("::/96", "IPv4-compatible (RFC 4291)"),
    Row("::ffff:0:0/96", "IPv4-mapped (RFC 4291)", ((0, 0),)),
    Row("::ffff:0:0:0/96", "IPv4-translated (RFC 2765)"),
    Row("64:ff9b::/96", "NAT64 (RFC 6052)", ((0, 0),)),
    Row("64:ff9b:1::/48", "NAT64 of a local network (RFC 8215)"),
    Row("100::/64", "for discarding (RFC 6666)"),
    Row("2001::/32", "Teredo (RFC 4380)", ((64, 0), (0, _IPV4_BITS))),
    Row("2001::/23", "for protocols (RFC 2928)"),
    Row("2001:db8::/32", "for documentation (RFC 3849)"),
    Row("2002::/16", "6to4 (RFC 3056)", ((80, 0),)),
    Row("3fff::/20", "for documentation (RFC 9637)"),
    Row("2000::/3", "global unicast (RFC 4291)", is_public=True),
    Row("5f00::/16", "segment routing (RFC 9602)"),
    Row("fc00::/7", "unique local (RFC 4193)"),
    Row("fe80::/10", "link-local (RFC 4291)"),
    Row("fec0::/10", "site-local (RFC 3879)"),
    Row("ff00::/8", "multicast (RFC 4291)"),
)
"""What is said of addresses in IANA's IPv4 and IPv6 Special-Purpose Address Registries, and in its
registries of IPv4 multicast and of the IPv6 address space: the first row that an address is in
decides. IPv4 addresses in none are public, IPv6 addresses in none are not.

Stricter than there: the few addresses among those for protocols that routers forward (as TURN's
192.0.0.10) are refused like the rest; no web server is there.
"""
