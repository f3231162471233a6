"""CookiePolicy and DefaultCookiePolicy: what a program may forbid beyond the rules of the draft.

A jar keeps those rules whatever its policy says; a policy can only refuse more. The methods are
http.cookiejar's, so that its policies, and subclasses of them, serve here.
"""

from __future__ import annotations

from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.public_suffix import is_address, is_same_site
from mini_http.opener.cookies.rules import (
    SECURE_SCHEMES,
    canonical,
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

    from mini_http.opener.cookies.rules import Context


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

    `set_ok` and `return_ok` ask a method for each part, such as `set_ok_name`: a subclass may
    override those too.

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
        self._blocked = tuple([canonical(domain) for domain in blocked_domains])

    def is_blocked(self, domain: str) -> bool:
        """Whether a domain is blocked."""
        domain = canonical(domain)
        return any(_is_listed(domain, entry) or domain == f".{entry}" for entry in self._blocked)

    def allowed_domains(self) -> tuple[str, ...] | None:
        """The only domains that are allowed; None if all are."""
        return self._allowed

    def set_allowed_domains(self, allowed_domains: Iterable[str] | None) -> None:
        """Allows only these domains; None for all."""
        if allowed_domains is not None:
            allowed_domains = tuple([canonical(domain) for domain in allowed_domains])
        self._allowed = allowed_domains

    def is_not_allowed(self, domain: str) -> bool:
        """Whether a domain is not among those that are allowed."""
        if self._allowed is None:
            return False
        domain = canonical(domain)
        return not any(_is_listed(domain, entry) for entry in self._allowed)

    # --- what a jar asks

    def set_ok(self, cookie: Cookie, request: Any) -> bool:
        cookie = Cookie.of(cookie)
        context = self._context_of(request, of_reply=True)
        return (
            domain_matches(context.host, cookie.domain.removeprefix("."))
            and refusal_to_keep(cookie, context) is None
            and all(getattr(self, name)(cookie, request) for name in _ASKED_TO_SET)
        )

    def return_ok(self, cookie: Cookie, request: Any) -> bool:
        from time import time

        cookie = Cookie.of(cookie)
        context = self._context_of(request)
        return (
            reaches(cookie, context)
            and bool(to_send([cookie], context, time()))
            and all(getattr(self, name)(cookie, request) for name in _ASKED_TO_RETURN)
        )

    def domain_return_ok(self, domain: str, request: Any) -> bool:
        if not domain_matches(self._context_of(request).host, domain.removeprefix(".")):
            return False
        return not (self.is_blocked(domain) or self.is_not_allowed(domain))

    def path_return_ok(self, path: str, request: Any) -> bool:
        return path_matches(self._context_of(request).path, path)

    def _context_of(self, request: Any, *, of_reply: bool = False) -> Context:
        schemes = self.secure_protocols
        return context_of(request, (*schemes, *SECURE_SCHEMES) if of_reply else tuple(schemes))

    # --- what `set_ok` asks beyond the draft's rules

    def set_ok_version(self, cookie: Cookie, request: Any) -> bool:
        """Whether `netscape` lets cookies be kept."""
        return self.netscape

    def set_ok_verifiability(self, cookie: Cookie, request: Any) -> bool:
        """Whether `strict_ns_unverifiable` lets one be kept of a request that nobody chose."""
        if not (self.strict_ns_unverifiable and request.unverifiable):
            return True
        return is_same_site(host_of(request.origin_req_host), self._context_of(request).host)

    def set_ok_name(self, cookie: Cookie, request: Any) -> bool:
        """Whether `strict_ns_set_initial_dollar` lets its name be."""
        return not (self.strict_ns_set_initial_dollar and cookie.name.startswith("$"))

    def set_ok_path(self, cookie: Cookie, request: Any) -> bool:
        """Whether `strict_ns_set_path` lets its path be."""
        if not (self.strict_ns_set_path and cookie.path_specified):
            return True
        return path_matches(self._context_of(request).path, cookie.path)

    def set_ok_domain(self, cookie: Cookie, request: Any) -> bool:
        """Whether the lists and `strict_ns_domain` let its domain be."""
        if self.is_blocked(cookie.domain) or self.is_not_allowed(cookie.domain):
            return False
        if not (self.strict_ns_domain & self.DomainStrictNoDots and cookie.domain_specified):
            return True
        host = self._context_of(request).host
        prefix = host.removesuffix(f".{cookie.domain.removeprefix('.')}")
        return prefix == host or "." not in prefix

    def set_ok_port(self, cookie: Cookie, request: Any) -> bool:
        """True: ports don't separate cookies. It is to be overridden."""
        return True

    # --- what `return_ok` asks beyond them

    def return_ok_version(self, cookie: Cookie, request: Any) -> bool:
        """Whether `netscape` lets cookies go."""
        return self.netscape

    def return_ok_verifiability(self, cookie: Cookie, request: Any) -> bool:
        """Whether `strict_ns_unverifiable` lets one go with a request that nobody chose."""
        return DefaultCookiePolicy.set_ok_verifiability(self, cookie, request)

    def return_ok_secure(self, cookie: Cookie, request: Any) -> bool:
        """Whether the connection is as secure as it has to be."""
        return not cookie.secure or self._context_of(request).is_secure

    def return_ok_expires(self, cookie: Cookie, request: Any) -> bool:
        """Whether its time is not over."""
        return not cookie.is_expired()

    def return_ok_port(self, cookie: Cookie, request: Any) -> bool:
        """True: ports don't separate cookies. It is to be overridden."""
        return True

    def return_ok_domain(self, cookie: Cookie, request: Any) -> bool:
        """Whether the lists let cookies of its domain go."""
        return not (self.is_blocked(cookie.domain) or self.is_not_allowed(cookie.domain))

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


_ASKED_TO_SET = tuple(
    [f"set_ok_{word}" for word in ("version", "verifiability", "name", "path", "domain", "port")]
)
_ASKED_TO_RETURN = tuple(
    [
        f"return_ok_{word}"
        for word in ("version", "verifiability", "secure", "expires", "port", "domain")
    ]
)
"""The methods that a policy asks, in the order of http.cookiejar's."""

_QUESTIONS = frozenset(
    {"set_ok", "return_ok", "domain_return_ok", "path_return_ok", *_ASKED_TO_SET, *_ASKED_TO_RETURN}
)
"""What a program may answer itself, in a subclass or on one policy."""


def _is_listed(domain: str, entry: str) -> bool:
    """Whether an entry in a list of domains means this one: itself, or with a dot what is below."""
    return domain == entry or (
        entry.startswith(".") and domain.endswith(entry) and not is_address(domain)
    )
