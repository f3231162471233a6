"""Password managers: which user and password an authentication handler answers with.

They keep passwords by realm and by the places (URIs, and all that lies below them) that each is
for, under the names that urllib.request gives all this. A place is compared by scheme, host, port
and whole segments of the path, so a password never leaves the origin that it was given for. Only
one that was given for a bare host, without a scheme, is for every scheme.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mini_http.base.authority import DEFAULT_PORTS
from mini_http.base.url import URL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Place = tuple[str, str]
    """Where a password is for: scheme://host:port or host:port, and path."""


class HTTPPasswordMgr:
    """Passwords by realm and place. `passwd` is realm -> places -> (user, password)."""

    def __init__(self) -> None:
        self.passwd: dict[str | None, dict[tuple[Place, ...], tuple[str, str]]] = {}

    def add_password(
        self, realm: str | None, uri: str | Iterable[str], user: str, passwd: str
    ) -> None:
        """Keeps a password for a realm at `uri` and below it; `uri` may be several.

        A URI is an absolute URL, or host or host:port for all schemes. Raises InvalidURL.
        """
        uris = _listed(uri)
        places_of_realm = self.passwd.setdefault(realm, {})
        for default_port in True, False:
            places = tuple([self.reduce_uri(one, default_port) for one in uris])
            places_of_realm[places] = user, passwd

    def find_user_password(
        self, realm: str | None, authuri: str
    ) -> tuple[str, str] | tuple[None, None]:
        """User and password for a realm at a URI, those added first if several are; or two Nones.

        Raises InvalidURL.
        """
        places_of_realm = self.passwd.get(realm, {})
        for default_port in True, False:
            asked = self.reduce_uri(authuri, default_port)
            for places, found in list(places_of_realm.items()):
                if any(self.is_suburi(place, asked) for place in places):
                    return found
        return None, None

    def reduce_uri(self, uri: str, default_port: bool = True) -> Place:
        """The place that a URI is: its origin, as text, and its path, dot segments resolved.

        The origin of an absolute URL has its scheme. With `default_port` it has its port too where
        the URL names none. Raises InvalidURL.
        """
        return (_reduced_cached if len(uri) <= _LONGEST_CACHED else _reduced)(uri, default_port)

    def is_suburi(self, base: Place, test: Place) -> bool:
        """Whether a place is another one, `base`, or lies below it: segment by segment."""
        if not _is_same_server(base[0], test[0]):
            return False
        folder = base[1] if base[1].endswith("/") else f"{base[1]}/"
        return base[1] == test[1] or test[1].startswith(folder)


class HTTPPasswordMgrWithDefaultRealm(HTTPPasswordMgr):
    """Passwords of the realm None serve for every realm that has none of its own."""

    def find_user_password(
        self, realm: str | None, authuri: str
    ) -> tuple[str, str] | tuple[None, None]:
        """User and password for a realm at a URI, else those of the realm None; or two Nones."""
        user, password = super().find_user_password(realm, authuri)
        if user is not None and password is not None:
            return user, password
        return super().find_user_password(None, authuri)


class HTTPPasswordMgrWithPriorAuth(HTTPPasswordMgrWithDefaultRealm):
    """Also knows the places where a password may be sent before it is asked for.

    These are the places marked so, by the caller or after credentials were accepted there.
    `authenticated` is place -> whether it is one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.authenticated: dict[Place, bool] = {}
        super().__init__(*args, **kwargs)

    def add_password(
        self,
        realm: str | None,
        uri: str | Iterable[str],
        user: str,
        passwd: str,
        is_authenticated: bool = False,
    ) -> None:
        """Keeps a password as HTTPPasswordMgr does, for the realm None too, which is the one that
        counts before a realm was heard of; and marks `uri`.
        """
        uris = _listed(uri)
        self.update_authenticated(uris, is_authenticated)
        if realm is not None:
            super().add_password(None, uris, user, passwd)
        super().add_password(realm, uris, user, passwd)

    def update_authenticated(
        self, uri: str | Iterable[str], is_authenticated: bool = False
    ) -> None:
        """Marks a URI, or several, with all that is below."""
        for one in _listed(uri):
            for default_port in True, False:
                self.authenticated[self.reduce_uri(one, default_port)] = is_authenticated

    def is_authenticated(self, authuri: str) -> bool:
        """Whether credentials are sent to a URI unasked: as the nearest marked place says."""
        nearest = self._nearest(authuri)
        return bool(nearest) and self.authenticated[nearest[0]]

    def learn(self, authuri: str, accepted: bool) -> None:
        """Marks the nearest place that is known already, where a reply showed whether a password
        is good; so what is kept does not grow with the URIs that are visited.
        """
        for place in self._nearest(authuri):
            self.authenticated[place] = accepted

    def _nearest(self, authuri: str) -> list[Place]:
        """The marked places that a URI is at or below, those of the longest path."""
        asked = [self.reduce_uri(authuri, default_port) for default_port in (True, False)]
        around = [
            place
            for place in list(self.authenticated)
            if any(self.is_suburi(place, one) for one in asked)
        ]
        longest = max([len(path) for _, path in around], default=0)
        return [place for place in around if len(place[1]) == longest]


class Places:
    """URLs, each with all that is below it, that something secret is for.

    Every one has a scheme. Raises InvalidURL, and TypeError for no URL at all.
    """

    def __init__(self, *urls: str) -> None:
        if not urls:
            raise TypeError("name the URLs that this is for, such as 'https://api.example/v1/'")
        self._manager = HTTPPasswordMgr()
        for url in urls:
            URL.parse(url)  # a bare host would be for every scheme
        self._places = [self._manager.reduce_uri(url) for url in urls]

    def __contains__(self, url: str) -> bool:
        asked = self._manager.reduce_uri(url)
        return any(self._manager.is_suburi(place, asked) for place in self._places)


def _listed(uri: str | Iterable[str]) -> list[str]:
    return [uri] if isinstance(uri, str) else list(uri)


def _reduced(uri: str, default_port: bool) -> Place:
    if "//" not in uri:
        return uri.rpartition("@")[2].lower(), "/"
    url = URL.parse(uri).normalized()
    origin = f"{url.scheme}://{(url.netloc or '').rpartition('@')[2]}"
    # What the netloc of a URL leaves out is the scheme's own port.
    if url.port == DEFAULT_PORTS.get(url.scheme) and (default_port or _names_port(uri)):
        origin = f"{origin}:{url.port}"
    return origin, url.path or "/"


# Where passwords are sent unasked, each request is reduced six times, which took 60 us.
_reduced_cached = lru_cache(256)(_reduced)
_LONGEST_CACHED = 2048  # characters


def _names_port(uri: str) -> bool:
    """Whether there is a port in a URL's text."""
    netloc = re.split("[/?#]", uri.partition("//")[2], maxsplit=1)[0]
    return netloc.rpartition(":")[2].isdecimal()


def _is_same_server(one: str, other: str) -> bool:
    """Whether two origins are equal; where one of them names no scheme, any will do."""
    if one == other:
        return True
    scheme, _, place = one.rpartition("://")
    other_scheme, _, other_place = other.rpartition("://")
    return place == other_place and not (scheme and other_scheme)
