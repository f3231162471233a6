"""CookieLookup: finding cookies in a jar by name, which http.cookiejar's has no words for.

It only looks, and passes over cookies whose time is over: what a jar keeps and sends is not its to
say.
"""

from __future__ import annotations

import time

from mini_http.base.url import URL
from mini_http.opener.cookies.rules import canonical, own_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mini_http.opener.cookies.cookie import Cookie
    from mini_http.opener.cookies.rules import Context
    from mini_http.opener.cookies.store import CookieStore


class CookieLookup:
    """What a CookieJar answers about its cookies."""

    if TYPE_CHECKING:  # what the jar has
        _cookies_lock: Any

        @property
        def _kept(self) -> CookieStore: ...

        def _cookies_for(self, context: Context) -> list[Cookie]: ...

        def __iter__(self) -> Iterator[Cookie]: ...

    def find(
        self, name: str | None = None, domain: str | None = None, path: str | None = None
    ) -> list[Cookie]:
        """The cookies with this name, domain and path, in the order that they were set in.

        `domain` is a cookie's, with or without the dot before it. Those whose time is over are left
        out.
        """
        now = time.time()
        if domain is not None:
            domain = canonical(domain)
        with self._cookies_lock:
            kept = [cookie for _, cookie in self._kept.items(domain, path, name)]
        found = [cookie for cookie in kept if not cookie.is_expired(now)]
        return sorted(found, key=lambda cookie: cookie.serial)

    def get(
        self,
        name: str,
        default: str | None = None,
        domain: str | None = None,
        path: str | None = None,
    ) -> str | None:
        """The value of the cookie with this name, domain and path, else `default`.

        Raises KeyError if there are several with different values.
        """
        found = self.find(name, domain, path)
        return _value_of_all(found) if found else default

    def __getitem__(self, name: str) -> str | None:
        """The value of the cookie of this name. Raises KeyError for none, or several."""
        found = self.find(name)
        if not found:
            raise KeyError(name)
        return _value_of_all(found)

    def __contains__(self, cookie: object) -> bool:
        """Whether there is this cookie, or one of this name."""
        if isinstance(cookie, str):
            return bool(self.find(cookie))
        return any(cookie is kept for kept in self)

    def cookies_for(self, url: str) -> list[Cookie]:
        """The cookies that a GET of this URL would send, in their order. Raises InvalidURL."""
        return self._cookies_for(own_context(URL.parse(url)))

    def as_dict(self, url: str | None = None) -> dict[str, str | None]:
        """Names and values of all cookies, or of those that a GET of `url` would send.

        Where several have one name, the first of the Cookie field, or the latest set, is given.
        """
        if url is None:
            return {cookie.name: cookie.value for cookie in self.find()}
        values: dict[str, str | None] = {}
        for cookie in self.cookies_for(url):
            values.setdefault(cookie.name, cookie.value)
        return values


def _value_of_all(cookies: list[Cookie]) -> str | None:
    """The value that cookies of one name have. Raises KeyError if they differ."""
    values = {cookie.value for cookie in cookies}
    if len(values) > 1:
        places = ", ".join(f"{cookie.domain}{cookie.path}" for cookie in cookies)
        name = cookies[0].name
        raise KeyError(f"several cookies are called {name!r}: give domain or path ({places})")
    return values.pop()
