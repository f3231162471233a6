"""What becomes of a reply that is no success: HTTPErrorProcessor, HTTPDefaultErrorHandler."""

from __future__ import annotations

from mini_http import base
from mini_http.exchange.response import HTTPResponse
from mini_http.opener.handlers.base import BaseHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mini_http.opener.request import Request


class HTTPErrorProcessor(BaseHandler):
    """Hands replies that are no success to the opener's error handlers.

    101 (Switching Protocols), which comes only to a request that asked for it, is one.
    """

    handler_order = 1000
    """After all other processing."""

    def http_response(self, request: Request, response: Any) -> Any:
        """The reply, or what the error handlers make of it."""
        status = response.code
        if 200 <= status < 300 or status == 101:
            return response
        return self.parent.error("http", request, response, status, response.msg, response.info())

    https_response = http_response


class HTTPDefaultErrorHandler(BaseHandler):
    """Raises HTTPError, which is the reply, where no other handler did something about it."""

    def http_error_default(self, req: Request, fp: Any, code: int, msg: str, hdrs: Any) -> Any:
        """Raises HTTPError. Most who catch it never read it: its connection is free by then."""
        if type(fp) is HTTPResponse:
            fp.keep_rest()
        raise base.errors.HTTPError(req.full_url, code, msg, hdrs, fp)
