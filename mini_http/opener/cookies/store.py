"""CookieStore: where a jar keeps its cookies, so that finding some costs nothing for the others.

It knows no rules of who may set or see a cookie, no policy and no clock. Not thread-safe: the jar
has the lock.
"""

from __future__ import annotations

from functools import lru_cache

from mini_http.base.authority import LONGEST_HOST
from mini_http.base.value import Value
from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.public_suffix import is_address
from mini_http.opener.cookies.rules import path_matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Place = tuple[str, str, str]
    """The keys of a cookie: domain, path and name."""
    Kept = tuple[Place, Cookie]

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
        self.is_exposed = False
        """Whether a program has got hold of `by_domain`, and may change it. Then `adopt` is to be
        called before anything else is."""
        self.count = 0
        self._serial = 0
        self._secure: dict[tuple[str, str], set[tuple[str, str]]] = {}
        """By name and domain, which has no dot before it: domain and path of the Secure cookies of
        that name at and below the domain."""

    # --- looking

    def __iter__(self) -> Iterator[Cookie]:
        for paths in list(self.by_domain.values()):
            for names in list(paths.values()):
                yield from list(names.values())

    def find(self, cookie: Cookie) -> Cookie | None:
        """The cookie that this one would replace (RFC 6265bis section 5.7)."""
        names = self.by_domain.get(key_of(cookie), {}).get(cookie.path)
        return None if names is None else names.get(cookie.name)

    def items(
        self, domain: str | None = None, path: str | None = None, name: str | None = None
    ) -> list[Kept]:
        """The cookies of a domain (with or without the dot before it), path and name, each with its
        place; it is kept there even if a program has given it another domain since.
        """
        found = []
        bare = None if domain is None else domain.removeprefix(".")
        for key in self.by_domain if bare is None else (bare, f".{bare}"):
            paths = self.by_domain.get(key, _NONE)
            for at in paths if path is None else (path,):
                names = paths.get(at, {})
                for called in names if name is None else (name,):
                    if called in names:
                        found.append(((key, at, called), names[called]))
        return found

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
        domain = domain.removeprefix(".")
        if (name, domain.rpartition(".")[2]) not in self._secure:
            return False  # so it is for most names
        places = list(self._secure.get((name, domain), ()))
        for above in _parents(domain):
            for key in (above, f".{above}"):
                places += [(key, cookie_path) for cookie_path in self.by_domain.get(key, _NONE)]
        for key, cookie_path in places:
            if path_matches(path, cookie_path):
                cookie = self.by_domain[key][cookie_path].get(name)
                if cookie is not None and cookie.secure and not cookie.is_expired(now):
                    return True
        return False

    # --- changing

    def put(self, cookie: Cookie) -> None:
        """Keeps a cookie in place of the one that is like it, whose age it takes over."""
        key = key_of(cookie)
        paths = self.by_domain.get(key)
        if paths is None:
            paths = self.by_domain[key] = {}
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
        names[cookie.name] = cookie
        if cookie.secure:
            self._note_secure(key, cookie.path, cookie.name)
        elif old is not None and self._secure:
            self._forget_secure(key, cookie.path, cookie.name)

    def remove(self, cookie: Cookie) -> None:
        """Forgets the cookie that is like this one, if there is one."""
        self.remove_at((key_of(cookie), cookie.path, cookie.name))

    def remove_at(self, place: Place) -> None:
        """Forgets the cookie that is kept there, if there is one."""
        key, path, name = place
        paths = self.by_domain.get(key, _NONE)
        names = paths.get(path, {})
        if names.pop(name, None) is None:
            return
        self.count -= 1
        self._forget_secure(key, path, name)
        if not names:
            del paths[path]
        if not paths:
            del self.by_domain[key]

    def adopt(self) -> None:
        """Takes over what a program has made of `by_domain`, cookies of http.cookiejar's too."""
        self.count = 0
        self._secure.clear()
        for (key, path, name), given in self.items():
            cookie = Cookie.of(given)
            if not cookie.serial:
                self._serial += 1
                cookie.serial = self._serial
            self.by_domain[key][path][name] = cookie
            self.count += 1
            if cookie.secure:
                self._note_secure(key, path, name)

    def remove_excess(self, hosts: set[str], limits: CookieLimits, now: float) -> None:
        """Brings the cookies of these hosts, then all, back within the limits."""
        for host in hosts:
            kept = [
                names
                for key in (host, f".{host}")
                for names in self.by_domain.get(key, _NONE).values()
            ]
            excess = sum(map(len, kept)) - limits.per_host
            if excess > 0:
                self._remove_first(self.items(host), excess, now, spares_secure=True)
        if self.count > limits.total:
            excess = self.count - limits.total + limits.total // 10
            self._remove_first(self.items(), excess, now, spares_secure=False)

    def _remove_first(
        self, kept: list[Kept], count: int, now: float, *, spares_secure: bool
    ) -> None:
        """Removes so many: first what has expired, then what was used longest ago."""

        def worth(item: Kept) -> tuple[bool, bool, float, int]:
            _, cookie = item
            spared = spares_secure and cookie.secure
            return not cookie.is_expired(now), spared, cookie.last_access, cookie.serial

        for place, _ in sorted(kept, key=worth)[:count]:
            self.remove_at(place)

    def _note_secure(self, key: str, path: str, name: str) -> None:
        bare = key.removeprefix(".")
        for domain in (bare, *_parents(bare)):
            self._secure.setdefault((name, domain), set()).add((key, path))

    def _forget_secure(self, key: str, path: str, name: str) -> None:
        bare = key.removeprefix(".")
        if (key, path) not in self._secure.get((name, bare), ()):
            return
        for domain in (bare, *_parents(bare)):
            places = self._secure[name, domain]
            places.discard((key, path))
            if not places:
                del self._secure[name, domain]


def key_of(cookie: Cookie) -> str:
    """The domain that a cookie is kept under: one rule for cookies of this and of other makers.

    It has a dot before it, unless the cookie is for a host alone, as all of an address are.
    """
    domain = cookie.domain
    if domain[:1] != "." and not cookie.domain_specified:
        return domain
    bare = domain.removeprefix(".")
    return bare if is_address(bare) else f".{bare}"


def _order(cookie: Cookie) -> tuple[int, int]:
    return -len(cookie.path), cookie.serial


@lru_cache(1024)
def _domains_of(host: str) -> tuple[str, ...]:
    """What the domain of a cookie may be that a host gets."""
    if is_address(host):
        return (host,)
    return host, f".{host}", *[f".{parent}" for parent in _parents(host)]


def _parents(domain: str) -> list[str]:
    """The domains above one, the nearest first; none where there can be no such name at all."""
    if len(domain) > LONGEST_HOST:
        return []
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(1, len(labels))]
