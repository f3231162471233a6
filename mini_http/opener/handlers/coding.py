"""ContentCodingHandler: asks for gzip and its like, and decodes what it asked for.

The rule is that of Go's transport: a reply is decoded only if this handler added Accept-Encoding.
Then its Content-Encoding and Content-Length fields are removed and `length` is None. Whoever sets
Accept-Encoding or Range, or sends HEAD, gets what the server sent.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.commands import command
from mini_http.codec.content_coding import accept_encoding
from mini_http.exchange.response import HTTPResponse
from mini_http.opener.handlers.base import BaseHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mini_http.opener.request import Request


class ContentCodingHandler(BaseHandler):
    """Transparent content coding for http and https (RFC 9110 section 8.4)."""

    handler_order = 600
    """After the handlers that add the caller's fields, before HTTPErrorProcessor."""

    def http_request(self, request: Request) -> Request:
        """Adds Accept-Encoding where the caller left it to us."""
        given, own = request.headers, request.unredirected_hdrs
        for name in ("Accept-encoding", "Range"):
            if name in given or name in own:
                return request
        if command(request.get_method()).reply_has_body:
            request.decode_content = True
            request.add_unredirected_header("Accept-Encoding", accept_encoding())
        return request

    def http_response(self, request: Request, response: Any) -> Any:
        """Makes a coded reply give its decoded bytes; a part of one (206) can't be."""
        if request.decode_content and isinstance(response, HTTPResponse) and response.status != 206:
            try:
                response.decode_content()
            except base.errors.LimitExceeded:
                response.close()
                raise
        return response

    https_request = http_request
    https_response = http_response
