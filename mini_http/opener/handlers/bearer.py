"""HTTPBearerAuthHandler: sends a token (RFC 6750) where it is for, and has a new one made in time.

The token goes with every request to the given URLs and what is below them, and to no other place.
Where it is made by a function, that is called before the first request, and once more for a request
that is refused with 401. What the function itself asks for, in its own thread, goes without one.
"""

from __future__ import annotations

from mini_http.opener.handlers.authentication import answer, send_again, try_offer, was_refused
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.passwords import Places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MOST_ISSUED = 16
"""Tokens that a handler remembers as its own: those that requests of other threads may hold."""


class HTTPBearerAuthHandler(BaseHandler):
    """Sends `token`, or what it returns if it is a function, at the given URLs.

    An Authorization of the program's own stays. Raises InvalidURL, and TypeError without a URL.
    """

    auth_header = "Authorization"
    auth_scheme = "bearer"
    handler_order = 470
    """Before the handlers that have passwords."""

    def __init__(self, token: str | Callable[[], str], *urls: str) -> None:
        from threading import Lock

        self._made_by = None if isinstance(token, str) else token
        self._token = token if isinstance(token, str) else None
        self._places = Places(*urls)
        self._making = Lock()
        self._maker: int | None = None
        """The thread that a token is made in now."""
        self._issued: list[str] = []

    def http_request(self, req: Any) -> Any:
        """Adds the token. Raises TypeError if the function returns none."""
        from threading import get_ident

        if self._maker == get_ident():
            return req  # it is asked for the token; to wait for that here would be for ever
        if not req.has_header(self.auth_header) and req.full_url in self._places:
            req.add_unredirected_header(self.auth_header, self._credentials(refused=None))
        return req

    https_request = http_request

    def http_error_401(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """The reply to the request with a new token; None if there is none, or it was refused."""
        return answer(self, "www-authenticate", req.full_url, req, fp, headers)

    def http_error_auth_reqed(self, authreq: str, host: str, req: Any, headers: Any) -> Any:
        """Sends the request again with a new token, if it was refused with one of this handler's.

        That is so whatever the server asks for: many name no scheme.
        """
        given = req.unredirected_hdrs.get(self.auth_header)
        if self._made_by is None or given not in self._issued or was_refused(self, req):
            return None
        value = self._credentials(refused=given)
        if value == given or not try_offer(self, req, value):
            return None
        return send_again(self, req, value)

    def _credentials(self, refused: str | None) -> str:
        """The field's value; a new one if it is the one that was refused."""
        with self._making:
            value = f"Bearer {self._token}"
            if self._made_by is not None and (self._token is None or value == refused):
                self._token = self._new_token(self._made_by)
                value = f"Bearer {self._token}"
                self._issued = [value, *self._issued][:MOST_ISSUED]
            return value

    def _new_token(self, made_by: Callable[[], str]) -> str:
        from threading import get_ident

        self._maker = get_ident()
        try:
            token = made_by()
        finally:
            self._maker = None
        if not isinstance(token, str):
            raise TypeError(f"a token must be a str, not {type(token).__name__}")
        return token
