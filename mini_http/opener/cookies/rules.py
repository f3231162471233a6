"""The rules for keeping and sending cookies: RFC 6265bis sections 5.1, 5.2, 5.7 and 5.8.

Pure functions on a cookie and the Context of a request or reply. Those that judge give the reason
for a refusal in words, or None. What depends on the other cookies of a jar stands in store.py.
"""

from __future__ import annotations

from functools import lru_cache

from mini_http.base.authority import UNIX_SCHEME, read_place
from mini_http.base.commands import command
from mini_http.base.url import URL
from mini_http.base.value import Value
from mini_http.opener.cookies.public_suffix import is_address, is_public_suffix, is_same_site

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from mini_http.opener.cookies.cookie import Cookie

SECURE_SCHEMES = ("https", "wss")
SECURE_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
"""What never leaves the machine is secure, as curl and browsers see it; to a proxy it may."""

BY_OTHER_SITE, BY_FORM, BY_LINK, BY_OWN_SITE = range(4)
"""Who makes a request: a page of another site on its own; its user, by sending a form, or following
a link; a page of the same site, or the program itself."""

_NEEDED = {"Strict": BY_OWN_SITE, "Lax": BY_LINK, None: BY_LINK, "None": BY_OTHER_SITE}
"""What SameSite asks of a request (section 5.8.3); without one, the same as Lax (section 5.6.7)."""


class Context(Value):
    """What of a request decides about cookies."""

    host: str
    """In lower case and A-labels; a unix socket's path is none that DNS could have."""
    path: str
    is_secure: bool = False
    origin: int = BY_OWN_SITE
    """BY_OTHER_SITE, BY_FORM, BY_LINK or BY_OWN_SITE."""


def stays_here(url: URL) -> bool:
    """Whether what is sent to a URL, without a proxy, never leaves the machine."""
    return url.host in SECURE_HOSTS or url.scheme == UNIX_SCHEME


def context_of(request: Any, secure_schemes: tuple[str, ...] = SECURE_SCHEMES) -> Context:
    """The Context of a request: one of ours, of urllib's, or an imitation of that, as requests has.

    Raises InvalidURL.
    """
    url = getattr(request, "url", None)
    if type(url) is not URL:
        url = URL.parse(request.get_full_url())
    context = own_context(url, secure_schemes)
    if context.is_secure and url.scheme not in secure_schemes and _has_proxy(request):
        context = context.replace(is_secure=False)
    site = _site_for_cookies(request, url.host)
    return context if site is None else context.replace(origin=_origin(request, url, site))


@lru_cache(256)  # 2 us for each request and each reply
def own_context(url: URL, secure_schemes: tuple[str, ...] = SECURE_SCHEMES) -> Context:
    """The Context of what the program itself asks of a URL."""
    host = url.host
    if url.scheme == UNIX_SCHEME and not host.startswith("/"):
        host = f"unix:{host}"  # a file here that is called example.com is not the host of that name
    return Context(host, url.path, url.scheme in secure_schemes or stays_here(url))


def _has_proxy(request: Any) -> bool:
    """Whether a request goes through a proxy, or may do so: urllib's opener and requests choose
    theirs after the cookies were added.
    """
    is_ours = type(getattr(request, "url", None)) is URL
    return not is_ours or getattr(request, "proxy", None) is not None or request.has_proxy()


def _site_for_cookies(request: Any, host: str) -> str | None:
    """The URL or host of the page that asks; None if the program itself does."""
    site: str | None = getattr(request, "site_for_cookies", None)
    if site is None and not hasattr(request, "site_for_cookies"):
        # One of urllib's says so in origin_req_host; after a redirect that is the first URL's host,
        # though nobody asks but the program.
        given: str | None = getattr(request, "origin_req_host", None)
        own = host, getattr(request, "host", None)  # requests has its port in both
        if given not in own and not hasattr(request, "redirect_dict"):
            site = given
    return site


def _origin(request: Any, url: URL, site: str) -> int:
    """Where a request for `url` comes from that a page of `site` makes (section 5.2)."""
    is_same = is_same_site(host_of(site), url.host)
    if is_same and "://" in site:
        is_same = URL.parse(site).scheme == url.scheme
    if is_same:
        return BY_OWN_SITE
    is_chosen = getattr(request, "is_chosen", None)
    if request.unverifiable if is_chosen is None else not is_chosen:
        return BY_OTHER_SITE
    return BY_LINK if command(request.get_method()).safe else BY_FORM


def host_of(site: str) -> str:
    """The host of a page that is given by its URL, or by its host, maybe with a port."""
    if "://" not in site:
        is_bare = site.count(":") > 1 and not site.startswith("[")  # an IPv6 address
        site = f"http://[{site}]/" if is_bare else f"http://{site}/"
    return URL.parse(site).host


# --- matching


def canonical(domain: str) -> str:
    """A domain as hosts are: in lower case and A-labels (section 5.1.2), and an address without
    brackets. A dot before it stays; so does what no host can be called.
    """
    domain = domain.lower()
    if domain.isascii():
        return domain.strip("[]")
    bare = domain.removeprefix(".")
    try:
        name, *_ = read_place("https", bare)
    except ValueError:
        return domain
    return name if bare == domain else f".{name}"


def domain_matches(host: str, domain: str) -> bool:
    """Whether a host is a domain or stands below it (section 5.1.3)."""
    return host == domain or (host.endswith(f".{domain}") and not is_address(host))


def path_matches(path: str, cookie_path: str) -> bool:
    """Whether a cookie's path covers that of a request (section 5.1.4)."""
    return path == cookie_path or (
        path.startswith(cookie_path)
        and (cookie_path.endswith("/") or path[len(cookie_path)] == "/")
    )


def default_path(path: str) -> str:
    """The path of a cookie that names none: the request's, up to its last slash (section 5.1.4)."""
    if not path.startswith("/"):
        return "/"
    return path[: path.rfind("/")] or "/"


def reaches(cookie: Cookie, context: Context) -> bool:
    """Whether the domain and path of a cookie match those of a request (section 5.8.3)."""
    domain, host = cookie.domain, context.host
    if cookie.host_only:
        is_for_host = domain.removeprefix(".") == host
    else:
        is_for_host = domain_matches(host, domain.removeprefix("."))
    return is_for_host and path_matches(context.path, cookie.path)


# --- keeping


def domain_to_keep(domain: str | None, context: Context) -> str | None:
    """The `domain` of a cookie whose Domain attribute says `domain` (section 5.7):
    with a dot before it, or this very host; None if the cookie has to be refused.
    """
    host = context.host
    if domain is None or (domain == host and (is_address(host) or is_public_suffix(host))):
        return host
    if domain == f"[{host}]":  # an IPv6 address, as it stands in a URL
        return host
    if not domain.isascii() or not domain_matches(host, domain) or is_public_suffix(domain):
        return None
    return f".{domain}"


def refusal_to_keep(cookie: Cookie, context: Context) -> str | None:
    """Why a cookie that came with a reply is not kept (section 5.7)."""
    if cookie.secure:
        if not context.is_secure:
            return "it is Secure, and came over an insecure connection"
    elif cookie.same_site == "None":
        return "SameSite=None without Secure"
    if context.origin == BY_OTHER_SITE and cookie.same_site != "None":
        return "SameSite forbids it for a request that another site's page made"
    marked = cookie.name or cookie.value or ""
    if marked.startswith("__"):
        return _refusal_of_prefix(cookie, marked.lower())
    return None


def _refusal_of_prefix(cookie: Cookie, marked: str) -> str | None:
    """Why a cookie may not have the name that it has (section 5.7)."""
    prefix = next((prefix for prefix in PREFIXES if marked.startswith(prefix)), None)
    if prefix is None:
        return None
    if not cookie.name:
        return f"a value that begins like the prefix {prefix}, and no name"
    if not cookie.secure:
        return f"{prefix} without Secure"
    if "http-" in prefix and not cookie.http_only:
        return f"{prefix} without HttpOnly"
    if "host-" in prefix and not (
        cookie.host_only and cookie.path_specified and cookie.path == "/"
    ):
        return f"{prefix} with a Domain, or without Path=/"
    return None


PREFIXES = ("__host-http-", "__host-", "__http-", "__secure-")
"""Beginnings of names that promise something, in lower case (section 4.1.3); the longest first."""


# --- sending


def to_send(cookies: Iterable[Cookie], context: Context, now: float) -> list[Cookie]:
    """Of cookies whose domain and path match, those that go with a request (section 5.8.3).

    Judged together, since a call for each took half of the time.
    """
    is_secure, origin = context.is_secure, context.origin
    sent = [
        cookie
        for cookie in cookies
        if (is_secure or not cookie.secure) and (cookie.expires is None or cookie.expires > now)
    ]
    if origin != BY_OWN_SITE:
        sent = [cookie for cookie in sent if origin >= _NEEDED[cookie.same_site]]
    return sent
