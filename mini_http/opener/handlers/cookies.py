"""HTTPCookieProcessor: cookies that a server sets are kept in a jar, and sent with what follows."""

from __future__ import annotations

from mini_http.opener.handlers.base import BaseHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.cookiejar import CookieJar
    from typing import Any

    from mini_http.opener.request import Request


class HTTPCookieProcessor(BaseHandler):
    """Keeps cookies in `cookiejar`; without one, in a jar of its own.

    It sees every reply, also those that redirect or are errors. A Cookie field that the caller set
    is sent as it is, and nothing of the jar.
    """

    def __init__(self, cookiejar: CookieJar | None = None) -> None:
        if cookiejar is None:
            from http.cookiejar import CookieJar

            cookiejar = CookieJar()
        self.cookiejar = cookiejar

    def http_request(self, request: Request) -> Request:
        """Adds the jar's Cookie field."""
        self.cookiejar.add_cookie_header(request)  # type: ignore[arg-type]  # urllib's, to typeshed
        return request

    def http_response(self, request: Request, response: Any) -> Any:
        """Puts what Set-Cookie fields say into the jar."""
        self.cookiejar.extract_cookies(response, request)  # type: ignore[arg-type]
        return response

    https_request = http_request
    https_response = http_response
