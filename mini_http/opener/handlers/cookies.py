"""HTTPCookieProcessor: cookies that a server sets are kept in a jar, and sent with what follows."""

from __future__ import annotations

from mini_http.opener.cookies.jar import CookieJar
from mini_http.opener.handlers.base import BaseHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    import http.cookiejar
    from typing import Any

    from mini_http.opener.request import Request


class HTTPCookieProcessor(BaseHandler):
    """Keeps cookies in `cookiejar`; without one, in a jar of its own.

    It sees every reply, also those that redirect or are errors. A Cookie field that the program set
    is joined with the jar's, and its cookies win. A jar of http.cookiejar's is used as it is there:
    it adds nothing where there is a Cookie field.
    """

    def __init__(self, cookiejar: CookieJar | http.cookiejar.CookieJar | None = None) -> None:
        self.cookiejar: Any = CookieJar() if cookiejar is None else cookiejar

    def http_request(self, request: Request) -> Request:
        """Adds the jar's Cookie field."""
        self.cookiejar.add_cookie_header(request)
        return request

    def http_response(self, request: Request, response: Any) -> Any:
        """Puts what Set-Cookie fields say into the jar."""
        self.cookiejar.extract_cookies(response, request)
        return response

    https_request = http_request
    https_response = http_response
