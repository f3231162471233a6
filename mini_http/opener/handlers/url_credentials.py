"""URLCredentialsHandler: `user:password@` of a URL answers the server that asks for it.

The same of a proxy's URL answers that proxy. Nothing is sent unasked, nothing to another origin
than that of the URL that the program opened, and nothing over an Authorization of the program's
own. What a redirect writes before a host is the server's, and is not used.

Every opener has this handler, so this module stays small; what it needs is imported when a server
asks and the URL has an answer.
"""

from __future__ import annotations

from mini_http.opener.handlers.base import BaseHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class URLCredentialsHandler(BaseHandler):
    """Answers by Digest or Basic, whichever is the strongest that is asked for."""

    handler_order = 480
    """Before the handlers that have passwords for many places: a URL's are for it alone."""

    def http_error_401(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """The reply to the request with the URL's credentials; None if it has none, or they were
        refused.
        """
        history = getattr(req, "history", ())
        first = history[0].url if history else req.full_url
        if "@" not in first:
            return None
        from mini_http.base.url import URL
        from mini_http.opener.handlers.authentication import answer_as, is_of_program

        url = URL.parse(first)
        if url.username is None or not is_of_program(req):
            return None
        who = url.username, url.password or ""
        return answer_as(self, who, "Authorization", req, fp, headers)

    def http_error_407(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """The reply to the request with the credentials of its proxy's URL; None if that has none,
        they were refused, or it is no proxy that asks.
        """
        proxy = getattr(req, "proxy", None)
        if proxy is None or getattr(proxy, "user", None) is None or not req.has_proxy():
            return None
        from mini_http.opener.handlers.authentication import answer_as

        who, unasked = (proxy.user, proxy.password or ""), proxy.authorization
        return answer_as(self, who, "Proxy-Authorization", req, fp, headers, unasked=unasked)
