"""UnixHandler: opens http+unix: URLs, HTTP over a unix socket. It is no default handler.

    build_opener(UnixHandler).open("http+unix://%2Frun%2Fapp.sock/path?query")

Where a host would be stands the percent-encoded path of the socket. Who may connect to a socket is
often trusted with everything, as at that of Docker, so a URL from a stranger must not lead there
unasked. A redirect does so only from the same socket.

What the other handlers of an opener do to http requests and replies, coding and errors among it,
they do to these.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.url import URL
from mini_http.opener.conversion import as_request
from mini_http.opener.handlers.http import AbstractHTTPHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mini_http.exchange.response import HTTPResponse


class UnixHandler(AbstractHTTPHandler):
    """Opens http+unix requests. The Host field is "localhost" unless the request has one."""

    def prepare(self, request: Any) -> Any:
        """The request with the fields that it needs and what the opener's http handlers add."""
        request = self.do_request_(request)
        for handler in self.parent.process_request.get("http", ()):
            request = handler.http_request(request)
        return request

    def exchange(self, request: Any) -> HTTPResponse:
        """The reply, whatever its status."""
        return self.send(as_request(request))

    def finish(self, request: Any, response: Any) -> Any:
        """What the opener's handlers for http make of the reply."""
        if 300 <= response.code < 400:
            _name_socket(request, response)
        for handler in self.parent.process_response.get("http", ()):
            response = handler.http_response(request, response)
        return response


# The scheme has a "+", which a name in the body of a class can't have.
setattr(UnixHandler, "http+unix_request", UnixHandler.prepare)
setattr(UnixHandler, "http+unix_open", UnixHandler.exchange)
setattr(UnixHandler, "http+unix_response", UnixHandler.finish)


def _name_socket(request: Any, response: Any) -> None:
    """Makes a redirect to the Host that was sent one to the socket: the server knows no other name
    of itself, and another server may listen at http://localhost.
    """
    location = response.headers.get("Location", "")
    try:
        target, itself = URL.parse(location), URL.parse(f"http://{request.get_header('Host')}")
    except base.errors.InvalidURL:  # a reference without a scheme, or nothing that can be followed
        return
    if target.origin == itself.origin:
        url = as_request(request).url
        there = target.replace(scheme=url.scheme, netloc=url.netloc)
        response.headers.replace_header("Location", str(there))
