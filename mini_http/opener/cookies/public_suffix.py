"""Public suffixes: under which names anyone can register one, so that no cookie may span them.

With the `publicsuffix` extra the list of its library decides (publicsuffix.org's, as installed;
nothing is fetched). Without it only a name of a single label counts as such a suffix, and two hosts
are of one site only if one stands below the other.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A name whose last label is a number, 0x7f too, is read as an IPv4 address, also with a dot behind
# it; an IPv6 one has colons, and the path of a socket slashes.
_ADDRESS = re.compile(r"(?s)(?:.*\.)?(?:0x[0-9a-f]*+|[0-9]++)\.?|.*[:/].*")


@lru_cache(1024)
def is_address(host: str) -> bool:
    """Whether a host is an IP address, which has no domains above it, also with a dot before it."""
    return _ADDRESS.fullmatch(host) is not None


@lru_cache(1024)  # 0.1 us instead of 7 for what each cookie with a Domain asks
def is_public_suffix(domain: str) -> bool:
    """Whether names under this one belong to different parties. It is expected in A-labels."""
    domain = domain.removesuffix(".")  # "com." is the same suffix, fully qualified
    suffixes = _suffixes()
    if suffixes is None or "." not in domain:
        return "." not in domain
    return bool(suffixes.is_public(domain))


def is_same_site(host: str, other: str) -> bool:
    """Whether two hosts have the same registrable domain (RFC 6265bis section 5.2)."""
    if host == other:
        return True
    if is_address(host) or is_address(other):
        return False
    suffixes = _suffixes()
    if suffixes is not None:
        site = suffixes.privatesuffix(host)
        return site is not None and site == suffixes.privatesuffix(other)
    upper, lower = sorted((host, other), key=len)
    return "." in upper and lower.endswith(f".{upper}")


@cache
def _suffixes() -> Any:
    """The library's list; None without the library. Reading it takes tens of milliseconds, so it
    is read when the first cookie asks for it.
    """
    try:
        from publicsuffixlist import PublicSuffixList
    except ImportError:
        return None
    return PublicSuffixList()
