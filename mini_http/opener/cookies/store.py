"""CookieStore: where a jar keeps its cookies, so that finding some costs nothing for the others.

It knows no rules of who may set or see a cookie, no policy and no clock. Not thread-safe: the jar
has the lock.
"""

from __future__ import annotations

from functools import lru_cache

from mini_http.base.value import Value
from mini_http.opener.cookies.public_suffix import is_address
from mini_http.opener.cookies.rules import path_matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mini_http.opener.cookies.cookie import Cookie


_NONE: dict[str, dict[str, Cookie]] = {}


class CookieLimits(Value):
    """How many cookies a jar keeps; the draft wants 50 and 3,000 at least (RFC 6265bis 5.7)."""

    per_host: int = 180
    """Of one domain. Beyond it those that are not Secure go first, the least recently used one
    before the others."""
    total: int = 10_000
    """Of all domains. Beyond it the tenth of them that was least recently used goes, at once, since
    finding it means to look at all."""


class CookieStore:
    """Cookies by domain, path and name, as http.cookiejar has them in `_cookies`.

    The domain is that of the cookie, with a dot before it if subdomains get it.
    """

    def __init__(self) -> None:
        self.by_domain: dict[str, dict[str, dict[str, Cookie]]] = {}
        self.count = 0
        self._serial = 0
        self._secure: dict[str, int] = {}
        """How many Secure cookies have a name: for most names there are none."""
        self._below: dict[str, set[str]] = {}
        """By domain, the domains with cookies at and below it, all without a dot before them."""

    # --- looking

    def __iter__(self) -> Iterator[Cookie]:
        for paths in list(self.by_domain.values()):
            for names in list(paths.values()):
                yield from list(names.values())

    def find(self, cookie: Cookie) -> Cookie | None:
        """The cookie that this one would replace (RFC 6265bis section 5.7)."""
        names = self.by_domain.get(key_of(cookie), {}).get(cookie.path)
        return None if names is None else names.get(cookie.name)

    def has_any(self, host: str) -> bool:
        """Whether there are cookies of a domain that a host matches."""
        return not self.by_domain.keys().isdisjoint(_domains_of(host))

    def reaching(self, host: str, path: str) -> list[Cookie]:
        """The cookies whose domain and path match (sections 5.1.3 and 5.1.4), in the order of a
        Cookie field: longer paths first, then the cookie that was set earlier (section 5.8.3).
        """
        found = []
        for domain in _domains_of(host):
            paths = self.by_domain.get(domain)
            if paths is not None:
                for cookie_path, names in paths.items():
                    if path_matches(path, cookie_path):
                        found.append(list(names.values()))
        if len(found) == 1:
            return found[0]  # one that replaces another takes its place: they are in order
        return sorted([cookie for cookies in found for cookie in cookies], key=_order)

    def has_secure(self, name: str, domain: str, path: str, now: float) -> bool:
        """Whether there is a Secure cookie of this name that one without Secure, of this domain and
        path, would overlay (section 5.7).
        """
        if name not in self._secure:
            return False
        domain = domain.removeprefix(".")
        related = [domain, *self._below.get(domain, ()), *_parents(domain)]
        for near in related:
            for key in (near, f".{near}"):
                for cookie_path, names in self.by_domain.get(key, {}).items():
                    cookie = names.get(name)
                    if (
                        cookie is not None
                        and cookie.secure
                        and path_matches(path, cookie_path)
                        and not cookie.is_expired(now)
                    ):
                        return True
        return False

    # --- changing

    def put(self, cookie: Cookie) -> None:
        """Keeps a cookie in place of the one that is like it, whose age it takes over."""
        key = key_of(cookie)
        paths = self.by_domain.get(key)
        if paths is None:
            paths = self.by_domain[key] = {}
            self._note(key.removeprefix("."))
        names = paths.setdefault(cookie.path, {})
        old = names.get(cookie.name)
        if old is not None and old is not cookie and old.is_expired(cookie.last_access):
            self.remove(old)  # it was gone before this one came, and leaves it nothing
            self.put(cookie)
            return
        if cookie.serial and old is not cookie:
            from copy import copy

            cookie = copy(cookie)  # it has its place in another jar
        if old is None:
            self.count += 1
            self._serial += 1
            cookie.serial = self._serial
        elif old is not cookie:
            cookie.created, cookie.serial = old.created, old.serial
            self._count_secure(old, -1)
        if old is not cookie:
            self._count_secure(cookie, 1)
        names[cookie.name] = cookie

    def remove(self, cookie: Cookie) -> None:
        """Forgets the cookie that is like this one, if there is one."""
        key = key_of(cookie)
        paths = self.by_domain.get(key, {})
        names = paths.get(cookie.path, {})
        old = names.pop(cookie.name, None)
        if old is None:
            return
        self.count -= 1
        self._count_secure(old, -1)
        if not names:
            del paths[cookie.path]
        if not paths:
            del self.by_domain[key]
            self._forget(key.removeprefix("."))

    def remove_excess(self, hosts: set[str], limits: CookieLimits, now: float) -> None:
        """Brings the cookies of these hosts, then all, back within the limits."""
        for host in hosts:
            kept = [
                names
                for key in (host, f".{host}")
                for names in self.by_domain.get(key, _NONE).values()
            ]
            if sum(map(len, kept)) > limits.per_host:
                cookies = [cookie for names in kept for cookie in names.values()]
                cookies.sort(
                    key=lambda cookie: (
                        not cookie.is_expired(now),
                        cookie.secure,
                        cookie.last_access,
                        cookie.serial,
                    )
                )
                for cookie in cookies[: len(cookies) - limits.per_host]:
                    self.remove(cookie)
        if self.count > limits.total:
            oldest = sorted(
                self,
                key=lambda cookie: (not cookie.is_expired(now), cookie.last_access, cookie.serial),
            )
            for cookie in oldest[: self.count - limits.total + limits.total // 10]:
                self.remove(cookie)

    def _count_secure(self, cookie: Cookie, difference: int) -> None:
        if cookie.secure:
            count = self._secure.pop(cookie.name, 0) + difference
            if count > 0:
                self._secure[cookie.name] = count

    def _note(self, domain: str) -> None:
        for parent in _parents(domain):
            self._below.setdefault(parent, set()).add(domain)

    def _forget(self, domain: str) -> None:
        if domain in self.by_domain or f".{domain}" in self.by_domain:
            return
        for parent in _parents(domain):
            below = self._below[parent]
            below.discard(domain)
            if not below:
                del self._below[parent]


def key_of(cookie: Cookie) -> str:
    """The domain that a cookie is kept under: one rule for cookies of this and of other makers."""
    domain = cookie.domain
    return domain if domain[:1] == "." or not cookie.domain_specified else f".{domain}"


def _order(cookie: Cookie) -> tuple[int, int]:
    return -len(cookie.path), cookie.serial


@lru_cache(1024)
def _domains_of(host: str) -> tuple[str, ...]:
    """What the domain of a cookie may be that a host gets."""
    if is_address(host):
        return (host,)
    return host, f".{host}", *[f".{parent}" for parent in _parents(host)]


def _parents(domain: str) -> list[str]:
    """The domains above one, the nearest first."""
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(1, len(labels))]
