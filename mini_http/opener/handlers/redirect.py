"""Redirects: RedirectPolicy decides what the next request is, HTTPRedirectHandler follows it.

====  =========================  ==========================================
code  method of the next one     body
====  =========================  ==========================================
301   POST becomes GET           kept only if the method is
302   POST becomes GET           kept only if the method is
303   GET, but HEAD stays HEAD   dropped, with the fields that describe it
307   the same                   kept, rewound
308   the same                   kept, rewound
====  =========================  ==========================================

A redirect to another origin (scheme, host or port) leaves behind Authorization, Cookie,
Proxy-Authorization and every field the caller marked secret. One from https to http is refused
unless allowed; one to a scheme other than these always.
"""

from __future__ import annotations

import re

from mini_http import base
from mini_http.base.commands import command
from mini_http.base.escapes import masked
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.url import URL
from mini_http.base.value import Value
from mini_http.exchange.request_body import request_body
from mini_http.opener.conversion import as_request
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECRETS = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Fields, in lower case, that never go to another origin."""
BODY_FIELDS = frozenset({"content-length", "expect", "trailer", "transfer-encoding"})
"""Fields that make no sense without a body, as do all of Content-*."""
MOST_REDIRECTS = 100
"""What no policy goes beyond: a request that follows is opened while the one before still is, which
takes four frames of Python's stack each time, of a thousand."""


class RedirectPolicy(Value):
    """Which redirects are followed, and with what."""

    most: int | None = None
    """How many one request may be followed through; None: as many as the handler says. Never more
    than MOST_REDIRECTS."""
    allow_downgrade: bool = False
    """Whether https may redirect to http."""
    secrets: frozenset[str] = frozenset()
    """More names of fields, in any case, that never go to another origin."""

    def __post_init__(self) -> None:
        if self.most is not None and self.most < 0:
            raise ValueError(f"RedirectPolicy(most=) must not be negative, got {self.most!r}")
        lowered = frozenset([name.lower() for name in self.secrets])
        object.__setattr__(self, "secrets", lowered)

    def method_after(self, status: int, method: str) -> str:
        """The method of the request that follows a redirect (RFC 9110 section 15.4)."""
        if status == 303 and command(method).reply_has_body:
            return "GET"
        return "GET" if status in (301, 302) and method == "POST" else method

    def keeps_body(self, status: int, method: str) -> bool:
        """Whether the body goes with the request that follows."""
        return status != 303 and self.method_after(status, method) == method

    def refusal(self, source: URL, target: URL) -> str | None:
        """Why a redirect from `source` to `target` is not followed; None if it is."""
        # A server at a unix socket may lead to itself.
        if target.scheme not in ("http", "https") and target.origin != source.origin:
            why = ""
        elif source.scheme == "https" and target.scheme == "http" and not self.allow_downgrade:
            why = ": it leaves https"
        else:
            return None
        return f"Redirection to url '{target.without_userinfo()}' is not allowed{why}"

    def is_kept(self, name: str, same_origin: bool, keeps_body: bool) -> bool:
        """Whether a field goes with the next request."""
        name = name.lower()
        if not keeps_body and (name in BODY_FIELDS or name.startswith("content-")):
            return False
        return same_origin or not (name == "host" or name in SECRETS or name in self.secrets)


class HTTPRedirectHandler(BaseHandler):
    """Follows redirects by a RedirectPolicy. `.history` of the reply holds those on the way."""

    max_redirections = DEFAULT_LIMITS.redirects
    """How many one request is followed through, where the policy does not say."""
    max_repeats = 4
    """How often to one URL; not once, since it may set a cookie and mean the same URL again."""

    def __init__(self, policy: RedirectPolicy = RedirectPolicy()) -> None:  # noqa: B008  (frozen)
        self.policy = policy

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        """The request that follows; None to leave the reply to other handlers.

        Override it to follow fewer or other redirects. Raises RedirectRefused.
        """
        req = as_request(req)
        policy, source, target = self.policy, req.url, URL.parse(newurl)
        refusal = policy.refusal(source, target)
        if refusal is not None:
            raise base.errors.RedirectRefused(newurl, code, f"{msg} - {refusal}", headers, fp)
        method = req.get_method()
        keeps_body = req.data is not None and policy.keeps_body(code, method)
        if source.fragment is not None and target.fragment is None:
            newurl = f"{newurl}#{source.fragment}"
        if req.secret_names:
            policy = policy.replace(secrets=policy.secrets | req.secret_names)
        same_origin = source.origin == target.origin
        following = Request(
            newurl,
            data=_rewound_data(req) if keeps_body else None,
            headers={
                name: value
                for name, value in req.given_fields()
                if policy.is_kept(name, same_origin, keeps_body)
            },
            origin_req_host=req.origin_req_host,
            unverifiable=True,
            method=policy.method_after(code, method),
        )
        if keeps_body:
            for name, value in req.unredirected_hdrs.items():
                if name.startswith("Content-") and name != "Content-length":
                    following.add_unredirected_header(name, value)
        if req.secret_names:
            following.mark_secret(*req.secret_names)
        return following

    def http_error_302(self, req: Request, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """Follows the redirect; None if the reply names no place to go."""
        location = headers.get("location", headers.get("uri"))  # as old servers called it
        if location is None:
            return None
        given, req = req, as_request(req)
        location = _as_sent(location)
        if re.match(_ODD_SCHEME, location):
            refusal = f"{msg} - Redirection to url '{masked(location)}' is not allowed"
            raise base.errors.RedirectRefused(location, code, refusal, headers, fp)
        try:
            target = str(req.url.join(location))
            following = self.redirect_request(given, fp, code, msg, headers, target)
        except base.errors.InvalidRequest:  # a malformed URL, a body that can't be sent again
            fp.close()
            raise
        if following is None:
            return None
        self._count(given, following, code, msg, headers, fp)
        fp.close()
        following.history = (*req.history, fp)
        following.deadline, following.opened_by = req.deadline, req.opened_by
        following.site_for_cookies = req.site_for_cookies  # who asks is who asked first
        following.is_chosen = not req.unverifiable if req.is_chosen is None else req.is_chosen
        return self.parent.open(following, timeout=req.timeout)

    def _count(self, req: Any, following: Any, code: int, msg: str, headers: Any, fp: Any) -> None:
        """Notes in both requests where it goes. Raises RedirectRefused for one too many."""
        visited: dict[str, int] = getattr(req, "redirect_dict", {})
        most = self.max_redirections if self.policy.most is None else self.policy.most
        most = min(most, MOST_REDIRECTS)
        url = following.full_url
        times = visited.get(url, 0)
        refusal = None
        if sum(visited.values()) >= most:
            refusal = f"got more than {most} redirects"
        elif times >= self.max_repeats:
            refusal = f"got more than {self.max_repeats} redirects to {masked(url)}"
        if refusal is not None:
            raise base.errors.RedirectRefused(req.full_url, code, f"{msg} - {refusal}", headers, fp)
        visited[url] = times + 1
        req.redirect_dict = following.redirect_dict = visited

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _rewound_data(request: Request) -> Any:
    """The body of a request, ready to be sent again. Raises BodyNotReplayable."""
    body = request.body or request_body(request.data)
    body.rewind()
    return request.data


# RFC 3986 section 4.2: a colon in the first segment ends a scheme. This one is none by section 3.1,
# as in local_file: of old urllib; joined, it would be a path of the same server.
_ODD_SCHEME = r"(?![A-Za-z][A-Za-z0-9+.\-]*+:)[^/?#:]*+:"


def _as_sent(location: str) -> str:
    """A Location as the text that its bytes mean.

    Heads are read as ISO 8859-1, but servers send UTF-8 where they should send ASCII; of anything
    else the bytes are kept, percent-encoded.
    """
    try:
        return location.encode("latin-1").decode()
    except UnicodeDecodeError:
        return re.sub(r"[\x80-\xff]", lambda byte: f"%{ord(byte[0]):02X}", location)
    except UnicodeEncodeError:
        return location  # not read from bytes
