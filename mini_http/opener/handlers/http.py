"""HTTPHandler and HTTPSHandler: open http and https requests over a pool of connections."""

from __future__ import annotations

from mini_http import base
from mini_http.base.timeouts import Deadline
from mini_http.exchange import request_body as bodies
from mini_http.keepalive.pool import shared_pool
from mini_http.keepalive.route import Route
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.timeouts import timeout_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ssl import SSLContext

    from mini_http.connect.dial import DialOptions
    from mini_http.connect.tls import TLSSettings
    from mini_http.exchange.response import HTTPResponse
    from mini_http.keepalive.pool import Pool
    from mini_http.opener.request import Request

FORM_TYPE = "application/x-www-form-urlencoded"


class AbstractHTTPHandler(BaseHandler):
    """What the http and https handlers share. `pool` keeps the connections; by default, one for
    the whole process. `options` say how to dial.
    """

    def __init__(self, pool: Pool | None = None, options: DialOptions | None = None) -> None:
        self.pool = pool if pool is not None else shared_pool()
        self._options = options
        self._routes: dict[tuple[str, str, int | None], Route] = {}

    def do_request_(self, request: Request) -> Request:
        """Adds the opener's own fields, and the type of a body, where the request has none."""
        if request.data is not None and not request.has_header("Content-type"):
            request.add_unredirected_header("Content-Type", FORM_TYPE)
        given, own = request.headers, request.unredirected_hdrs
        for name, value in self.parent.addheaders:
            key = name.capitalize()
            if key not in given and key not in own:
                request.add_unredirected_header(name, value)
        return request

    def send(self, request: Request) -> HTTPResponse:
        """Sends the request; returns the reply, whatever its status."""
        url = request.url
        if request._host is not None:
            # Sent to the origin instead, what was meant for a proxy would leak.
            raise base.errors.InvalidRequest("proxies are not supported yet (set_proxy, host)")
        route = self._routes.get(url.origin)
        if route is None:
            route = self._route(request)
        timeout = timeout_of(request)
        if timeout.total is not None and request.deadline is None:
            request.deadline = Deadline(timeout.total)
        body = request.body = bodies.request_body(request.data)
        response = self.pool.send(
            route,
            request.get_method(),
            request.selector,
            request.fields(),
            body,
            timeout,
            request.deadline,
        )
        response.url = request.full_url
        response.msg = response.reason  # as urllib has it; http.client has the headers there
        if request.history:
            response.history = request.history
        return response

    def _route(self, request: Request) -> Route:
        url = request.url
        if len(self._routes) >= 1000:
            self._routes.clear()  # a crawler's origins need not all be remembered
        route = Route(url.scheme, url.host, url.port or 0, self._settings(), self._options)
        self._routes[url.origin] = route
        return route

    def _settings(self) -> TLSSettings | None:
        return None


class HTTPHandler(AbstractHTTPHandler):
    """Opens http requests."""

    http_request = AbstractHTTPHandler.do_request_
    http_open = AbstractHTTPHandler.send


class HTTPSHandler(AbstractHTTPHandler):
    """Opens https requests. `context` is an SSLContext to use as it is; `tls` are settings."""

    def __init__(
        self,
        context: SSLContext | None = None,
        *,
        tls: TLSSettings | None = None,
        pool: Pool | None = None,
        options: DialOptions | None = None,
    ) -> None:
        super().__init__(pool, options)
        self._context = context
        self._tls = tls

    def _settings(self) -> TLSSettings:
        from mini_http.connect.tls import DEFAULT_SETTINGS, TLSSettings

        if self._context is not None:
            return TLSSettings(context=self._context)
        return self._tls or DEFAULT_SETTINGS

    https_request = AbstractHTTPHandler.do_request_
    https_open = AbstractHTTPHandler.send
