"""CookiePolicy and DefaultCookiePolicy: what a program may forbid beyond the rules of the draft.

A jar keeps those rules whatever its policy says; a policy can only refuse more. The methods are
http.cookiejar's, so that its policies, and subclasses of them, serve here.
"""

from __future__ import annotations

from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.public_suffix import is_address, is_same_site
from mini_http.opener.cookies.rules import (
    SECURE_SCHEMES,
    context_of,
    domain_matches,
    host_of,
    path_matches,
    reaches,
    refusal_to_keep,
    to_send,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any


class CookiePolicy:
    """What a jar asks before it keeps a cookie or sends it; all of it is to be overridden."""

    netscape = True
    rfc2965 = False
    hide_cookie2 = False

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        """Whether a cookie that came in the reply to `request` may be kept."""
        raise NotImplementedError

    def return_ok(self, cookie: Cookie, request: Any) -> bool:
        """Whether a cookie may go with `request`."""
        raise NotImplementedError

    def domain_return_ok(self, domain: str, request: Any) -> bool:
        """Whether cookies of a domain may go with `request`."""
        return True

    def path_return_ok(self, path: str, request: Any) -> bool:
        """Whether cookies of a path may go with `request`."""
        return True


class DefaultCookiePolicy(CookiePolicy):
    """The draft's rules, and lists of domains; http.cookiejar's other switches where they still
    mean something.

    `blocked_domains`, and unless it is None `allowed_domains`: a name means that host, one with a
    dot before it all below. With `netscape=False` no cookie is kept or sent.
    `strict_ns_unverifiable`: nor in a request for another site's page that its user did not ask
    for (`Request.unverifiable`). `strict_ns_set_initial_dollar`: none whose name begins with "$".
    `strict_ns_set_path`: none whose Path does not cover that of the request. `strict_ns_domain`:
    with DomainStrictNoDots in it, none for a domain that is more than one label above the host.
    `rfc2965`, `hide_cookie2`, `rfc2109_as_netscape`, `strict_domain`, `strict_rfc2965_unverifiable`
    and the rest of `strict_ns_domain` change nothing: no server sends RFC 2965 cookies any more,
    and the draft's rules of domains are stricter than these.
    """

    DomainStrictNoDots = 1
    DomainStrictNonDomain = 2
    DomainRFC2965Match = 4
    DomainLiberal = 0
    DomainStrict = DomainStrictNoDots | DomainStrictNonDomain

    def __init__(
        self,
        blocked_domains: Iterable[str] | None = None,
        allowed_domains: Iterable[str] | None = None,
        netscape: bool = True,
        rfc2965: bool = False,
        rfc2109_as_netscape: bool | None = None,
        hide_cookie2: bool = False,
        strict_domain: bool = False,
        strict_rfc2965_unverifiable: bool = True,
        strict_ns_unverifiable: bool = False,
        strict_ns_domain: int = DomainLiberal,
        strict_ns_set_initial_dollar: bool = False,
        strict_ns_set_path: bool = False,
        secure_protocols: Sequence[str] = SECURE_SCHEMES,
    ) -> None:
        self.netscape = netscape
        self.rfc2965 = rfc2965
        self.rfc2109_as_netscape = rfc2109_as_netscape
        self.hide_cookie2 = hide_cookie2
        self.strict_domain = strict_domain
        self.strict_rfc2965_unverifiable = strict_rfc2965_unverifiable
        self.strict_ns_unverifiable = strict_ns_unverifiable
        self.strict_ns_domain = strict_ns_domain
        self.strict_ns_set_initial_dollar = strict_ns_set_initial_dollar
        self.strict_ns_set_path = strict_ns_set_path
        self.secure_protocols = secure_protocols
        self.set_blocked_domains(blocked_domains or ())
        self.set_allowed_domains(allowed_domains)

    # --- lists of domains

    def blocked_domains(self) -> tuple[str, ...]:
        """The domains that are blocked."""
        return self._blocked

    def set_blocked_domains(self, blocked_domains: Iterable[str]) -> None:
        """Blocks these domains, and no others."""
        self._blocked = tuple([domain.lower() for domain in blocked_domains])

    def is_blocked(self, domain: str) -> bool:
        """Whether a domain is blocked."""
        return any(_is_listed(domain, entry) or domain == f".{entry}" for entry in self._blocked)

    def allowed_domains(self) -> tuple[str, ...] | None:
        """The only domains that are allowed; None if all are."""
        return self._allowed

    def set_allowed_domains(self, allowed_domains: Iterable[str] | None) -> None:
        """Allows only these domains; None for all."""
        if allowed_domains is not None:
            allowed_domains = tuple([domain.lower() for domain in allowed_domains])
        self._allowed = allowed_domains

    def is_not_allowed(self, domain: str) -> bool:
        """Whether a domain is not among those that are allowed."""
        if self._allowed is None:
            return False
        return not any(_is_listed(domain, listed) for listed in self._allowed)

    # --- what a jar asks

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        cookie = Cookie.of(cookie)
        context = context_of(request, (*self.secure_protocols, *SECURE_SCHEMES))
        return (
            domain_matches(context.host, cookie.domain.removeprefix("."))
            and refusal_to_keep(cookie, context) is None
            and self.may_set(cookie, request)
        )

    def return_ok(self, cookie: Cookie, request: Any) -> bool:
        from time import time

        cookie = Cookie.of(cookie)
        context = context_of(request, tuple(self.secure_protocols))
        return (
            reaches(cookie, context)
            and bool(to_send([cookie], context, time()))
            and self.may_send(cookie, request)
        )

    def domain_return_ok(self, domain: str, request: Any) -> bool:
        context = context_of(request, tuple(self.secure_protocols))
        if not domain_matches(context.host, domain.removeprefix(".")):
            return False
        return not (self.is_blocked(domain) or self.is_not_allowed(domain))

    def path_return_ok(self, path: str, request: Any) -> bool:
        return path_matches(context_of(request, tuple(self.secure_protocols)).path, path)

    # --- what is asked beyond the draft's rules

    def may_set(self, cookie: Cookie, request: Any) -> bool:
        """Whether this policy lets a cookie be kept that the draft lets be kept."""
        if not self.may_send(cookie, request):
            return False
        if self.strict_ns_set_initial_dollar and cookie.name.startswith("$"):
            return False
        if not self.set_ok_path(cookie, request):
            return False
        if self.strict_ns_domain & self.DomainStrictNoDots and cookie.domain_specified:
            context = context_of(request, tuple(self.secure_protocols))
            prefix = context.host.removesuffix(f".{cookie.domain.removeprefix('.')}")
            return prefix == context.host or "." not in prefix
        return True

    def set_ok_path(self, cookie: Cookie, request: Any) -> bool:
        """Whether `strict_ns_set_path` lets the path of a cookie be."""
        if not self.strict_ns_set_path or not cookie.path_specified:
            return True
        return path_matches(context_of(request, tuple(self.secure_protocols)).path, cookie.path)

    def may_send(self, cookie: Cookie, request: Any) -> bool:
        """Whether this policy lets a cookie go that the draft lets go."""
        if not self.netscape or self.is_blocked(cookie.domain):
            return False
        if self.is_not_allowed(cookie.domain):
            return False
        if self.strict_ns_unverifiable and request.unverifiable:
            host = context_of(request, tuple(self.secure_protocols)).host
            return is_same_site(host_of(request.origin_req_host), host)
        return True

    @property
    def forbids_nothing(self) -> bool:
        """Whether it is as it was made, without lists or switches; then a jar need not ask."""
        return (
            type(self) is DefaultCookiePolicy
            and _QUESTIONS.isdisjoint(vars(self))
            and self._allowed is None
            and not self._blocked
            and self.netscape
            and not self.strict_ns_unverifiable
            and not self.strict_ns_set_initial_dollar
            and not self.strict_ns_set_path
            and not self.strict_ns_domain & self.DomainStrictNoDots
        )


_QUESTIONS = frozenset({"set_ok", "return_ok", "domain_return_ok", "path_return_ok"})
"""What a program may answer itself, in a subclass or on one policy."""


def _is_listed(domain: str, entry: str) -> bool:
    """Whether an entry in a list of domains means this one: itself, or with a dot what is below."""
    domain = domain.lower()
    return domain == entry or (
        entry.startswith(".") and domain.endswith(entry) and not is_address(domain)
    )
