"""CookieJar: keeps the cookies that servers set, and says which of them go with a request.

The interface is http.cookiejar's, and some words that its users miss; the rules are RFC 6265bis's
(rules.py). Any thread may use it. It works in urllib's opener and as the jar of requests' sessions,
and with a policy of http.cookiejar's.
"""

from __future__ import annotations

import time
from threading import RLock

from mini_http.base.likeness import loaded_class
from mini_http.base.url import URL
from mini_http.codec.cookie_field import join_cookie_fields, write_cookie_field
from mini_http.codec.set_cookie import SetCookie, parse_set_cookie
from mini_http.opener.cookies.cookie import Cookie, blank
from mini_http.opener.cookies.policy import DefaultCookiePolicy
from mini_http.opener.cookies.rules import (
    SECURE_SCHEMES,
    Context,
    context_of,
    default_path,
    domain_to_keep,
    own_context,
    refusal_to_keep,
    to_send,
)
from mini_http.opener.cookies.store import CookieLimits, CookieStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mini_http.opener.cookies.policy import CookiePolicy


class CookieJar:
    """The cookies of a program. `policy` may refuse more than the draft does; `limits` bound them.

    Iterating gives the cookies, `len` their number, so that an empty jar is false.
    """

    def __init__(
        self,
        policy: CookiePolicy | None = None,
        *,
        limits: CookieLimits = CookieLimits(),  # noqa: B008  (frozen)
    ) -> None:
        self.limits = limits
        self._lock = RLock()
        self._store = CookieStore()
        self.set_policy(DefaultCookiePolicy() if policy is None else policy)

    def set_policy(self, policy: CookiePolicy) -> None:
        """From now on, `policy` is asked as well."""
        self._policy = policy

    # --- what the opener calls

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Keeps what the Set-Cookie fields of a reply to `request` set, where that is allowed."""
        lines = _set_cookie_lines(response)
        if not lines:
            return
        context = self._context_of(request, *SECURE_SCHEMES)
        policy = self._policy_to_ask()
        now = time.time()
        changed = set()
        with self._lock:
            for cookie in _cookies_of(lines, context, now):
                if self._may_keep(cookie, context) and (
                    policy is None or policy.set_ok(cookie, request)
                ):
                    self._put(cookie, now)
                    changed.add(cookie.domain.removeprefix("."))
            self._store.remove_excess(changed, self.limits, now)

    def make_cookies(self, response: Any, request: Any) -> list[Cookie]:
        """The cookies that a reply sets, whether they may be kept or not.

        Lines that set none are left out, and those whose Domain is not above the host.
        """
        return _cookies_of(_set_cookie_lines(response), self._context_of(request), time.time())

    def set_cookie_if_ok(self, cookie: Any, request: Any) -> None:
        """Keeps a cookie if one like it may come in a reply to `request`."""
        cookie, policy = Cookie.of(cookie), self._policy_to_ask()
        context = self._context_of(request, *SECURE_SCHEMES)
        domain = cookie.domain.removeprefix(".")
        if cookie.host_only:
            is_own = domain == context.host
        else:
            is_own = domain_to_keep(domain, context) is not None
        with self._lock:
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
            given = _given_field(request)
            if given is None:
                return
        elif self._has_some_for(request):
            given = ""
        else:
            return
        cookies = self._cookies_for(self._context_of(request), request)
        field = write_cookie_field(
            [
                # http.cookiejar has None for the value of what has no name.
                (cookie.name, cookie.value) if cookie.value is not None else ("", cookie.name)
                for cookie in cookies
            ]
        )
        if given:
            field = join_cookie_fields(given, field)
        if field:
            request.add_unredirected_header("Cookie", field)
            request.jar_field = given, field

    def _has_some_for(self, request: Any) -> bool:
        """Whether it is worth while to look closer: most hosts have no cookies."""
        url = getattr(request, "url", None)
        with self._lock:
            return self._store.has_any(url.host) if type(url) is URL else self._store.count > 0

    def _context_of(self, request: Any, *secure: str) -> Context:
        """The context of a request; the policy's `secure_protocols`, and `secure`, are secure."""
        schemes = getattr(self._policy, "secure_protocols", SECURE_SCHEMES)
        if schemes is not SECURE_SCHEMES:
            schemes = (*schemes, *secure)
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

    def _cookies_for(self, context: Context, request: Any = None) -> list[Cookie]:
        """The cookies for a request, in the order of its field."""
        with self._lock:
            now = time.time()
            cookies = to_send(self._store.reaching(context.host, context.path), context, now)
            policy = self._policy_to_ask()
            if request is not None and policy is not None:
                policy._now = int(now)  # type: ignore[attr-defined]  # http.cookiejar's want it
                cookies = [cookie for cookie in cookies if _is_let_go(policy, cookie, request)]
            for cookie in cookies:
                cookie.last_access = now
        return cookies

    def _put(self, cookie: Cookie, now: float) -> None:
        if cookie.is_expired(now):
            self._store.remove(cookie)
        else:
            self._store.put(cookie)

    # --- for programs

    def set_cookie(self, cookie: Any) -> None:
        """Keeps a cookie, whatever the rules say; one of http.cookiejar's is copied.

        Raises ValueError for a cookie without a domain, which would go everywhere.
        """
        cookie = Cookie.of(cookie)
        if not cookie.domain.strip("."):
            raise ValueError(f"a cookie needs a domain to be sent to: {cookie.name}")
        with self._lock:
            self._store.put(cookie)

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

        `expires` is in seconds since 1970. Raises ValueError for what no server could set.
        """
        from mini_http.opener.cookies.making import made_cookie

        said = SetCookie(
            name,
            value,
            expires=None if expires is None else int(expires),
            path=path,
            secure=secure,
            http_only=http_only,
            same_site=same_site,
        )
        cookie = made_cookie(said, domain)
        self.set_cookie(cookie)
        return cookie

    def find(
        self, name: str | None = None, domain: str | None = None, path: str | None = None
    ) -> list[Cookie]:
        """The cookies with this name, domain and path, in the order that they were set in.

        `domain` is a cookie's, with or without the dot before it.
        """
        with self._lock:
            found = [
                cookie
                for cookie in self._store
                if (name is None or cookie.name == name)
                and (domain is None or cookie.domain.removeprefix(".") == domain.removeprefix("."))
                and (path is None or cookie.path == path)
            ]
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
        values = {cookie.value for cookie in self.find(name, domain, path)}
        if len(values) > 1:
            places = ", ".join(
                f"{each.domain}{each.path}" for each in self.find(name, domain, path)
            )
            raise KeyError(f"several cookies are called {name!r}: give domain or path ({places})")
        return values.pop() if values else default

    def __getitem__(self, name: str) -> str | None:
        """The value of the cookie of this name. Raises KeyError for none, or several."""
        if not self.find(name):
            raise KeyError(name)
        return self.get(name)

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
        with self._lock:
            if domain is None:
                self._store = CookieStore()
                return
            gone = [
                cookie
                for cookie in self._store
                if cookie.domain == domain
                and (path is None or cookie.path == path)
                and (name is None or cookie.name == name)
            ]
            if not gone:
                raise KeyError(domain if path is None else path if name is None else name)
            for cookie in gone:
                self._store.remove(cookie)

    def clear_session_cookies(self) -> None:
        """Forgets the cookies that were to last as long as the program."""
        self._clear_if(lambda cookie: cookie.discard)

    def clear_expired_cookies(self) -> None:
        """Forgets the cookies whose time is over; none of them is sent in any case."""
        now = time.time()
        self._clear_if(lambda cookie: cookie.is_expired(now))

    def _clear_if(self, is_gone: Any) -> None:
        with self._lock:
            for cookie in list(self._store):
                if is_gone(cookie):
                    self._store.remove(cookie)

    @property
    def _cookies(self) -> dict[str, dict[str, dict[str, Cookie]]]:
        """By domain, path and name, for programs that look into http.cookiejar's."""
        return self._store.by_domain

    def __iter__(self) -> Iterator[Cookie]:
        with self._lock:
            return iter(list(self._store))

    def __len__(self) -> int:
        with self._lock:  # a file may be taking the place of all of them
            return self._store.count

    def __repr__(self) -> str:
        """Without the values, which may be logins."""
        return f"<{type(self).__name__}[{', '.join(map(repr, self))}]>"

    def __str__(self) -> str:
        return f"<{type(self).__name__}[{', '.join(map(str, self))}]>"

    def __getstate__(self) -> dict[str, Any]:
        """All but the lock, so that a jar can be copied and pickled; with cookies of its own."""
        from copy import deepcopy

        state = vars(self).copy()
        del state["_lock"]
        with self._lock:
            state["_store"] = deepcopy(self._store)
        return state

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as what it is, whatever `__class__` says."""
        return blank, (type(self),), self.__getstate__()

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = RLock()

    @property  # type: ignore[misc]  # to be read, never set
    def __class__(self) -> type:
        """http.cookiejar's class to `isinstance`, where that is loaded."""
        return loaded_class(("http.cookiejar", "CookieJar"), otherwise=type(self))


def _given_field(request: Any) -> str | None:
    """The Cookie field that a program gave, to be joined with the jar's; None for one to be left as
    it is, since it may be another jar's.

    One that a jar of ours made of it in an earlier try, as before a login, is dropped.
    """
    given, made = getattr(request, "jar_field", ("", ""))
    added: str | None = getattr(request, "unredirected_hdrs", {}).get("Cookie")
    if added is None:
        field: str | None = getattr(request, "headers", {}).get("Cookie")
        return field
    if added is made:
        del request.unredirected_hdrs["Cookie"]
        return str(given)
    return added if hasattr(request, "jar_field") else None


def _set_cookie_lines(response: Any) -> list[str]:
    lines: list[str] = response.info().get_all("Set-Cookie", [])
    return lines


def _cookies_of(lines: list[str], context: Context, now: float) -> list[Cookie]:
    """The cookies that these lines set; none for one that sets none, or for a domain that is not
    above the host.
    """
    default = default_path(context.path)
    cookies = []
    for line in lines:
        said = parse_set_cookie(line)
        domain = None if said is None else domain_to_keep(said.domain, context)
        if said is not None and domain is not None:
            cookies.append(Cookie.received(said, domain, default, now))
    return cookies


def _is_let_go(policy: CookiePolicy, cookie: Cookie, request: Any) -> bool:
    return (
        policy.domain_return_ok(cookie.domain, request)
        and policy.path_return_ok(cookie.path, request)
        and policy.return_ok(cookie, request)
    )
