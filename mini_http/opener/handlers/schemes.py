"""SchemeAuthHandler: authentication by a scheme of the program's own, in three lines.

    class Word:
        scheme = "Word"

        def answer(self, challenge, request):
            return "swordfish"

    opener = build_opener(SchemeAuthHandler(Word(), "https://example.com/"))

What the scheme returns goes after its name in Authorization, and only to the places that the
handler is for. It is asked twice: before a request is sent, and when a server asks for the scheme.
"""

from __future__ import annotations

from mini_http.opener.handlers.authentication import answer, send_again, try_offer
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.passwords import Places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from mini_http.codec.challenges import Challenge

    class AuthScheme(Protocol):
        """What a scheme is."""

        scheme: str
        """Its name, as it is to be sent."""

        def answer(self, challenge: Challenge | None, request: Any, /) -> str | None:
            """What goes after the name; None to send nothing.

            `challenge` is what the server asked, None before it was asked anything. The request is
            as it will be sent, and may be given more fields with `add_unredirected_header`.
            """


class SchemeAuthHandler(BaseHandler):
    """Answers by `scheme` at the given URLs and below them, nowhere else.

    An Authorization of the program's own stays. Raises InvalidURL, and TypeError without a URL.
    """

    auth_header = "Authorization"
    handler_order = 900
    """After the handlers that add fields, which a scheme may want to sign."""

    def __init__(self, scheme: AuthScheme, *urls: str) -> None:
        self.scheme = scheme
        self.auth_scheme = scheme.scheme.lower()
        self._places = Places(*urls)

    def http_request(self, req: Any) -> Any:
        """Adds what the scheme sends unasked."""
        if not req.has_header(self.auth_header) and req.full_url in self._places:
            value = self.scheme.answer(None, req)
            if value is not None:
                req.add_unredirected_header(self.auth_header, f"{self.scheme.scheme} {value}")
        return req

    https_request = http_request

    def http_error_401(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """The reply to the request with an answer; None if the scheme has none."""
        return answer(self, "www-authenticate", req.full_url, req, fp, headers)

    def http_error_auth_reqed(self, authreq: str, host: str, req: Any, headers: Any) -> Any:
        """Answers the first challenge in the fields `authreq` that the scheme has an answer to."""
        from mini_http.codec.challenges import parse_challenges

        if host not in self._places:
            return None
        for challenge in parse_challenges(headers.get_all(authreq) or ()):
            if challenge.is_for(self.auth_scheme):
                value = self.scheme.answer(challenge, req)
                if value is not None and try_offer(self, req, value):
                    return send_again(self, req, f"{self.scheme.scheme} {value}")
        return None
