"""CookieJar: keeps the cookies that servers set, and says which of them go with a request.

The interface is http.cookiejar's, and some words that its users miss; the rules are RFC 6265bis's
(rules.py). Any thread may use it. It works in urllib's opener and as the jar of requests' sessions,
and with a policy of http.cookiejar's.
"""

from __future__ import annotations

import os
import time
from threading import RLock
from weakref import WeakValueDictionary

from mini_http.base.authority import LONGEST_HOST, UNIX_SCHEME
from mini_http.base.likeness import loaded_class
from mini_http.base.url import URL
from mini_http.codec.set_cookie import SetCookie
from mini_http.opener.cookies.cookie import Cookie, blank
from mini_http.opener.cookies.fields import add_field, cookies_of, given_field, set_cookie_lines
from mini_http.opener.cookies.lookup import CookieLookup
from mini_http.opener.cookies.policy import DefaultCookiePolicy
from mini_http.opener.cookies.rules import (
    SECURE_SCHEMES,
    Context,
    canonical,
    context_of,
    domain_to_keep,
    refusal_to_keep,
    to_send,
)
from mini_http.opener.cookies.store import CookieLimits, CookieStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mini_http.opener.cookies.policy import CookiePolicy


class CookieJar(CookieLookup):
    """The cookies of a program. `policy` may refuse more than the draft does; `limits` bound what
    servers set. How to find some is in CookieLookup.

    Iterating gives the cookies, `len` their number, so that an empty jar is false.
    """

    def __init__(
        self,
        policy: CookiePolicy | None = None,
        *,
        limits: CookieLimits = CookieLimits(),  # noqa: B008  (frozen)
    ) -> None:
        self.limits = limits
        self._cookies_lock = RLock()  # called so by subclasses for http.cookiejar
        self._store = CookieStore()
        _jars[id(self)] = self
        self.set_policy(DefaultCookiePolicy() if policy is None else policy)

    def set_policy(self, policy: CookiePolicy) -> None:
        """From now on, `policy` is asked as well."""
        self._policy = policy

    # --- what the opener calls

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Keeps what the Set-Cookie fields of a reply to `request` set, where that is allowed."""
        lines = set_cookie_lines(response)
        if not lines:
            return
        context = self._context_of(request, of_reply=True)
        policy = self._policy_to_ask()
        now = time.time()
        changed = set()
        with self._cookies_lock:
            store = self._kept
            for cookie in cookies_of(lines, context, now):
                if self._may_keep(cookie, context) and (
                    policy is None or policy.set_ok(cookie, request)
                ):
                    self._put(cookie, now)
                    changed.add(cookie.domain.removeprefix("."))
            store.remove_excess(changed, self.limits, now)

    def make_cookies(self, response: Any, request: Any) -> list[Cookie]:
        """The cookies that a reply sets, whether they may be kept or not.

        Lines that set none are left out, and those whose Domain is not above the host.
        """
        return cookies_of(set_cookie_lines(response), self._context_of(request), time.time())

    def set_cookie_if_ok(self, cookie: Any, request: Any) -> None:
        """Keeps a cookie if one like it may come in a reply to `request`."""
        cookie, policy = Cookie.of(cookie), self._policy_to_ask()
        context = self._context_of(request, of_reply=True)
        domain = cookie.domain.removeprefix(".")
        if cookie.host_only:
            is_own = domain == context.host
        else:
            is_own = domain_to_keep(domain, context) is not None
        with self._cookies_lock:
            if (
                is_own
                and self._may_keep(cookie, context)
                and (policy is None or policy.set_ok(cookie, request))
            ):
                self._put(cookie, time.time())

    def add_cookie_header(self, request: Any) -> None:
        """Adds the Cookie field for a request, if there are cookies for it.

        A Cookie field of the program's own goes first, and wins where both have a name.
        """
        if request.has_header("Cookie"):
            given = given_field(request)
            if given is None:
                return
        elif self._has_some_for(request):
            given = ""
        else:
            return
        add_field(request, given, self._cookies_for_request(request))

    def _has_some_for(self, request: Any) -> bool:
        """Whether it is worth while to look closer: most hosts have no cookies."""
        url = getattr(request, "url", None)
        with self._cookies_lock:
            if type(url) is not URL or url.scheme == UNIX_SCHEME:
                return bool(self._store.by_domain)
            return self._store.has_any(url.host)

    def _context_of(self, request: Any, *, of_reply: bool = False) -> Context:
        """The context of a request. The policy's `secure_protocols` are secure; what sets cookies,
        `of_reply`, may come over the usual ones too.
        """
        schemes = getattr(self._policy, "secure_protocols", SECURE_SCHEMES)
        if schemes is not SECURE_SCHEMES:
            schemes = (*schemes, *SECURE_SCHEMES) if of_reply else tuple(schemes)
        return context_of(request, schemes)

    def _policy_to_ask(self) -> CookiePolicy | None:
        """The policy; None for one that would not refuse anything."""
        policy = self._policy
        is_plain = isinstance(policy, DefaultCookiePolicy) and policy.forbids_nothing
        return None if is_plain else policy

    def _may_keep(self, cookie: Cookie, context: Context) -> bool:
        """Whether the draft lets a cookie be kept that came with a reply."""
        if refusal_to_keep(cookie, context) is not None:
            return False
        # What is set over an insecure connection must not hide what is Secure (section 5.7).
        return (
            cookie.secure
            or context.is_secure
            or not self._store.has_secure(cookie.name, cookie.domain, cookie.path, time.time())
        )

    def _cookies_for_request(self, request: Any) -> list[Cookie]:
        """The cookies for a request, in the order of its field; http.cookiejar calls it so."""
        return self._cookies_for(self._context_of(request), request)

    def _cookies_for(self, context: Context, request: Any = None) -> list[Cookie]:
        with self._cookies_lock:
            now = time.time()
            store = self._kept
            reaching = store.reaching(context.host, context.path)
            cookies = to_send(reaching, context, now)
            if len(cookies) < len(reaching):
                for cookie in reaching:
                    if cookie.is_expired(now):
                        store.remove(cookie)
            policy = self._policy_to_ask()
            if request is not None and policy is not None:
                policy._now = int(now)  # type: ignore[attr-defined]  # http.cookiejar's want it
                cookies = [cookie for cookie in cookies if _is_let_go(policy, cookie, request)]
            for cookie in cookies:
                cookie.last_access = now
        return cookies

    def _put(self, cookie: Cookie, now: float) -> None:
        """Keeps what a server or program sets; one whose time is over only ends what was there."""
        if cookie.is_expired(now):
            self._store.remove(cookie)
        elif type(self).set_cookie is CookieJar.set_cookie:
            self._store.put(cookie)
        else:
            self.set_cookie(cookie)

    @property
    def _kept(self) -> CookieStore:
        """The store, as it is after what a program may have done to `_cookies`."""
        store = self._store
        if store.is_exposed:
            store.adopt()
        return store

    # --- for programs

    def set_cookie(self, cookie: Any) -> None:
        """Keeps a cookie, whatever the rules say; one of http.cookiejar's is copied.

        `limits` count when a reply sets the next one. Raises ValueError for a cookie without a
        domain, which would go everywhere, or with one that is too long for a name.
        """
        cookie = Cookie.of(cookie)
        if not cookie.domain.strip("."):
            raise ValueError(f"a cookie needs a domain to be sent to: {cookie!r}")
        if len(cookie.domain.removeprefix(".")) > LONGEST_HOST:
            raise ValueError(
                f"a domain has {LONGEST_HOST} characters at most, not {len(cookie.domain)}"
            )
        with self._cookies_lock:
            self._kept.put(cookie)

    def set(
        self,
        name: str,
        value: str,
        *,
        domain: str,
        path: str = "/",
        secure: bool = False,
        expires: float | None = None,
        http_only: bool = False,
        same_site: str | None = None,
    ) -> Cookie:
        """Makes a cookie and keeps it. With a dot before `domain`, it goes to subdomains too.

        `expires` is in seconds since 1970; if that is over, the cookie that was there is dropped.
        Raises ValueError for what no server could set.
        """
        from mini_http.opener.cookies.making import made_cookie, whole_seconds

        said = SetCookie(
            name,
            value,
            expires=None if expires is None else whole_seconds(expires),
            path=path,
            secure=secure,
            http_only=http_only,
            same_site=same_site,
        )
        cookie = made_cookie(said, domain)
        with self._cookies_lock:
            self._put(cookie, time.time())
        return cookie

    def clear(
        self, domain: str | None = None, path: str | None = None, name: str | None = None
    ) -> None:
        """Forgets all cookies, those of a domain, of a path of it, or the one of a name there.

        `domain` is as the cookies have it. Raises KeyError if there are none, and ValueError for a
        path without a domain, or a name without a path.
        """
        if name is not None and (domain is None or path is None):
            raise ValueError("domain and path must be given to remove a cookie by name")
        if path is not None and domain is None:
            raise ValueError("domain must be given to remove cookies by path")
        with self._cookies_lock:
            if domain is None:
                self._store = CookieStore()
                return
            store, domain = self._kept, canonical(domain)
            # If there are none, a program may have given some of them this domain after they were
            # kept: those are looked for among all.
            for within in domain, None:
                kept = store.items(within, path, name)
                gone = [place for place, cookie in kept if cookie.domain == domain]
                for place in gone:
                    store.remove_at(place)
                if gone:
                    return
        raise KeyError(domain if path is None else path if name is None else name)

    def clear_session_cookies(self) -> None:
        """Forgets the cookies that were to last as long as the program."""
        self._clear_if(lambda cookie: cookie.discard)

    def clear_expired_cookies(self) -> None:
        """Forgets the cookies whose time is over; none of them is sent in any case."""
        now = time.time()
        self._clear_if(lambda cookie: cookie.is_expired(now))

    def _clear_if(self, is_gone: Any) -> None:
        with self._cookies_lock:
            store = self._kept
            for place, cookie in store.items():
                if is_gone(cookie):
                    store.remove_at(place)

    @property
    def _cookies(self) -> dict[str, dict[str, dict[str, Cookie]]]:
        """By domain, path and name, for programs that look into http.cookiejar's.

        Since they may change it, from then on the jar counts all its cookies at each request.
        """
        self._store.is_exposed = True
        return self._store.by_domain

    @_cookies.setter
    def _cookies(self, cookies: dict[str, dict[str, dict[str, Cookie]]]) -> None:
        with self._cookies_lock:
            self._store = CookieStore()
            self._store.by_domain = cookies
            self._store.is_exposed = True

    def __iter__(self) -> Iterator[Cookie]:
        with self._cookies_lock:
            return iter(list(self._kept))

    def __len__(self) -> int:
        with self._cookies_lock:  # a file may be taking the place of all of them
            return self._kept.count

    def __repr__(self) -> str:
        """Without the values, which may be logins."""
        return f"<{type(self).__name__}[{', '.join(map(repr, self))}]>"

    def __str__(self) -> str:
        return f"<{type(self).__name__}[{', '.join(map(str, self))}]>"

    def __getstate__(self) -> dict[str, Any]:
        """All but the lock, so that a jar can be copied and pickled; with cookies of its own."""
        from copy import deepcopy

        state = vars(self).copy()
        state.pop("_cookies_lock")
        with self._cookies_lock:
            state["_store"] = deepcopy(self._store)
        return state

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as what it is, whatever `__class__` says."""
        return blank, (type(self),), self.__getstate__()

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._cookies_lock = RLock()
        _jars[id(self)] = self

    @property  # type: ignore[misc]  # to be read, never set
    def __class__(self) -> type:
        """http.cookiejar's class to `isinstance`, where that is loaded."""
        return loaded_class(("http.cookiejar", "CookieJar"), otherwise=type(self))


_jars: WeakValueDictionary[int, CookieJar] = WeakValueDictionary()
"""All jars, by their id: one may be no key itself, as a subclass with `__eq__`."""


def _renew_locks() -> None:
    """Gives a forked child the jars that other threads had locked, and will never let go of."""
    for jar in list(_jars.values()):
        if jar._cookies_lock.acquire(blocking=False):
            jar._cookies_lock.release()
        else:
            jar._cookies_lock = RLock()
            jar._store.adopt()  # it may have been in the middle of a change


if hasattr(os, "register_at_fork"):  # pragma: no branch (Windows can't fork)
    os.register_at_fork(after_in_child=_renew_locks)


def _is_let_go(policy: CookiePolicy, cookie: Cookie, request: Any) -> bool:
    return (
        policy.domain_return_ok(cookie.domain, request)
        and policy.path_return_ok(cookie.path, request)
        and policy.return_ok(cookie, request)
    )
