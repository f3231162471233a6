"""HTTPHandler and HTTPSHandler: open http and https requests over a pool of connections."""

from __future__ import annotations

import sys

from mini_http import base
from mini_http.base.timeouts import NOT_GIVEN, Deadline, timeout_given
from mini_http.exchange import request_body as bodies
from mini_http.keepalive.pool import shared_pool
from mini_http.keepalive.route import Route
from mini_http.opener.conversion import as_request
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext
    from typing import Any

    from mini_http.base.errors import TunnelRefused
    from mini_http.connect.dial import DialOptions
    from mini_http.connect.proxy import Proxy
    from mini_http.connect.tls import TLSSettings
    from mini_http.exchange.response import HTTPResponse
    from mini_http.keepalive.pool import Pool

    Exchange = Callable[[Request], HTTPResponse]
    Origin = tuple[str, str, int | None]
    Allowed = Callable[[str], bool] | None

FORM_TYPE = bodies.FORM_TYPE

MOST_ROUTES = 1000
"""Routes that a handler remembers; a crawler's origins need not all be."""

POOLED_MODULES = frozenset(
    {
        "http.client",
        "mini_http.exchange.http_connection",
        "mini_http.exchange.https_connection",
    }
)
"""Where the connection classes stand that the pool stands in for: http.client's own and ours."""


class AbstractHTTPHandler(BaseHandler):
    """What the http and https handlers share.

    `debuglevel` above 0 prints each head that is sent and received, secrets masked. `pool` keeps
    the connections; by default, one for the whole process. `options` say how to dial.
    """

    _stock_class = "HTTPConnection"
    """What http.client calls the class of such connections."""

    def __init__(
        self,
        debuglevel: int | None = None,
        *,
        pool: Pool | None = None,
        options: DialOptions | None = None,
    ) -> None:
        self.pool = pool if pool is not None else shared_pool()
        self._options = options
        self._routes: dict[tuple[Origin, Allowed], Route] = {}
        self._known_proxies: dict[Proxy, Proxy] = {}
        """With the password that they asked for."""
        self.set_http_debuglevel(self._usual_debuglevel() if debuglevel is None else debuglevel)

    def _usual_debuglevel(self) -> int:
        """What a program sets in http.client that wants to see every head."""
        http_client = sys.modules.get("http.client")
        return 0 if http_client is None else getattr(http_client, self._stock_class).debuglevel

    def set_http_debuglevel(self, level: int) -> None:
        """Above 0: heads are printed from now on."""
        self._debuglevel = int(level)

    def do_request_(self, request: Request) -> Request:
        """Adds the fields that an HTTP request needs, and the opener's own, where it has none.

        Raises URLError for a request without a host, TypeError for what can be no body.
        """
        if not request.host:
            raise base.errors.URLError("no host given")
        given, own = request.headers, request.unredirected_hdrs
        if request.data is not None:
            self._describe_body(request)
        if "Host" not in given and "Host" not in own:
            asked = request if isinstance(request, Request) else as_request(request)
            own["Host"] = asked.url.authority
        for name, value in self.parent.addheaders:
            key = name.capitalize()
            if key not in given and key not in own:
                if key == name:
                    own[key] = value
                else:
                    request.add_unredirected_header(name, value)
        return request

    def _describe_body(self, request: Request) -> None:
        """Adds the type and the framing of a body."""
        body = bodies.request_body(request.data)
        if not request.has_header("Content-type"):
            request.add_unredirected_header("Content-Type", body.content_type or FORM_TYPE)
        length = body.length
        if request.has_header("Content-length") or request.has_header("Transfer-encoding"):
            return
        if length is None:
            request.add_unredirected_header("Transfer-Encoding", "chunked")
        else:
            request.add_unredirected_header("Content-Length", str(length))

    # --- through the pool

    def send(self, request: Request) -> HTTPResponse:
        """Sends the request over a connection of the pool; returns the reply, whatever its status.

        Raises the errors of Pool.send, InvalidRequest among them for what can't be sent.
        """
        url = request.url
        if request._host is not None:
            route = self._proxied_route(request)
        else:
            try:
                allowed = self.parent.allow_address  # it may be another one by now
            except AttributeError:  # urllib's opener
                allowed = None
            known = self._routes.get((url.origin, allowed))
            if known is None or (known.tls is not None and known.tls.is_outdated()):
                known = self._route(request, allowed)
            route = known
        timeout = timeout_given(getattr(request, "timeout", NOT_GIVEN))
        if timeout.total is not None and request.deadline is None:
            request.deadline = Deadline(timeout.total)
        data = request.data
        body = request.body = bodies.NO_BODY if data is None else bodies.request_body(data)
        method, target, fields = request.get_method(), request.selector, request.fields()
        if self._debuglevel > 0:
            from mini_http.opener.handlers.printed_heads import print_reply, print_request

            print_request(method, target, fields, request.secret_names)
        send = self.pool.send
        try:
            response = send(route, method, target, fields, body, timeout, request.deadline)
        except base.errors.TunnelRefused as refusal:
            unknown, route = route.proxy, self._route_with_password(route, refusal)
            response = send(route, method, target, fields, body, timeout, request.deadline)
            self._keep_password(unknown, route.proxy)
        if self._debuglevel > 0:
            print_reply(response)
        response.url = request.full_url
        response.msg = response.reason  # as urllib has it; http.client has the headers there
        if request.history:
            response.history = request.history
        return response

    def _route(self, request: Request, allowed: Allowed) -> Route:
        url, tls = request.url, self._settings()
        options = self.dial_options(self._options)
        route = Route(url.scheme, url.host, url.port or 0, tls, options)
        if len(self._routes) >= MOST_ROUTES:
            self._routes.clear()
        self._routes[url.origin, allowed] = route
        return route

    def _proxied_route(self, request: Request) -> Route:
        """The route of a request whose `host` was set: a tunnel through that host if there is a
        tunnel host; else to that host itself, which is a proxy where the target is a whole URL.

        Raises InvalidRequest rather than have a proxy read what is for TLS.
        """
        from mini_http.base.authority import read_place
        from mini_http.base.commands import command
        from mini_http.connect.proxy import Proxy

        scheme, tls = request.type, self._settings()
        options = self.dial_options(self._options)
        secured = request.url.scheme in ("https", "ftps")
        if secured and (tls is None or request.has_proxy()):
            raise base.errors.InvalidRequest(f"a proxy would read this: {request.url!r}")
        proxy = request.proxy
        if proxy is not None and not proxy.reads_requests:
            url = request.url
            return Route(url.scheme, url.host, url.port or 0, tls, options, proxy)
        if request._tunnel_host is None:
            if options is not None and request.has_proxy():
                from mini_http.connect.dial import check_literal

                # What is dialed is the proxy, and it is the proxy that looks the host up.
                check_literal(request.url.host, request.url.port or 0, options)
                options = options.replace(allow_address=None)
            way = proxy or Proxy.parse(f"{scheme}://{request.host}")
            if proxy is not None and proxy.is_secured:
                tls = proxy.tls or self._usual_settings()  # its own, not the origins'
            route = Route(scheme, way.host, way.port, tls, options, way.via)
            if not command(request.get_method()).idempotent:
                self.pool.close_unproven(route)  # tinyproxy closes and does not say so
            return route
        host, port, _, _ = read_place(scheme, request._tunnel_host)
        fields = request.headers | request.unredirected_hdrs
        way = proxy or Proxy.parse(request.host)
        way = way.replace(authorization=fields.get("Proxy-authorization"))
        return Route(scheme, host, port or 0, tls, options, self._known_proxies.get(way, way))

    def _route_with_password(self, route: Route, refusal: TunnelRefused) -> Route:
        """The route with the password that a handler of the opener knows for the proxy that refused
        to lead on without one. Raises the refusal if there is none.
        """
        proxy = route.proxy
        if refusal.status != 407 or refusal.headers is None or proxy is None:
            raise refusal
        if proxy.user is not None or refusal.proxy != proxy:
            self._known_proxies.clear()  # the password may have changed: it is asked for anew
            raise refusal
        from mini_http.opener.handlers.authentication import proxy_password

        fields = refusal.headers.get_all("Proxy-Authenticate", [])
        user, password = proxy_password(self.parent, proxy.place, fields)
        if user is None:
            raise refusal
        known = proxy.replace(user=user, password=password)
        answered = known.answering(refusal, route.host, route.port)
        if answered is None:
            raise refusal
        # Basic credentials do for every tunnel; others are calculated from the challenge for each.
        is_basic = str(answered.authorization).lower().startswith("basic ")
        return route.replace(proxy=answered if is_basic else known)

    def _keep_password(self, unknown: Proxy | None, known: Proxy | None) -> None:
        """Remembers a proxy with the password that it has taken."""
        assert unknown is not None
        assert known is not None
        if len(self._known_proxies) >= MOST_ROUTES:
            self._known_proxies.clear()
        self._known_proxies[unknown] = known

    def _settings(self) -> TLSSettings | None:
        return None

    def _beyond_context(self) -> TLSSettings | None:
        """Those settings that no context can hold; None if there are none."""
        return None

    def _usual_settings(self) -> TLSSettings:
        from mini_http.connect.tls import DEFAULT_SETTINGS

        return DEFAULT_SETTINGS

    # --- over a connection of a class that somebody else made

    def do_open(self, http_class: Any, req: Any, **http_conn_args: Any) -> Any:
        """Sends `req` over a connection of its own, made by `http_class(host, timeout=, ...)`.

        That is for callers who bring a class with the interface of http.client.HTTPConnection.
        http.client's own two classes, and our own two, stand for the pool's connections, with
        `context` if given. Raises URLError in place of each OSError, and InvalidRequest where such
        a class can't go the way, or check the pins, that were asked for.
        """
        exchange = self._exchange_in_place_of(http_class, http_conn_args)
        if exchange is not None:
            return exchange(as_request(req))
        from mini_http.opener.handlers.other_connections import open_over

        if self._beyond_context() is not None:
            name = getattr(http_class, "__name__", repr(http_class))
            raise base.errors.InvalidRequest(f"{name} knows nothing of pins and server_name")
        return open_over(http_class, req, self._debuglevel, http_conn_args)

    def _exchange_in_place_of(self, http_class: Any, arguments: dict[str, Any]) -> Exchange | None:
        """`send` of a handler that does what connections of http.client's `http_class`, or of ours,
        would do; None for other classes, and for arguments that only they understand.
        """
        if getattr(http_class, "__module__", None) not in POOLED_MODULES:
            return None
        name, pool = http_class.__name__, self.pool
        options = self.dial_options(self._options)
        if name == "HTTPConnection" and not arguments:
            return HTTPHandler(self._debuglevel, pool=pool, options=options).send
        if name == "HTTPSConnection" and arguments.keys() <= {"context"}:
            arguments = arguments | {"tls": self._beyond_context()}
            return HTTPSHandler(self._debuglevel, **arguments, pool=pool, options=options).send
        return None


class HTTPHandler(AbstractHTTPHandler):
    """Opens http requests."""

    def http_open(self, req: Request) -> Any:
        """The reply, whatever its status."""
        replaced = _put_in_place_of(self._stock_class)
        if replaced is not None:
            return self.do_open(replaced, req)
        return self.send(req if isinstance(req, Request) else as_request(req))

    http_request = AbstractHTTPHandler.do_request_


class HTTPSHandler(AbstractHTTPHandler):
    """Opens https requests.

    `context` is an SSLContext to use as it is; `tls` are settings, of which only `pins` and
    `server_name` may stand beside a context: others raise ValueError. `check_hostname=False` takes
    a certificate for any name.
    """

    _stock_class = "HTTPSConnection"

    def __init__(
        self,
        debuglevel: int | None = None,
        context: SSLContext | None = None,
        check_hostname: bool | None = None,
        *,
        tls: TLSSettings | None = None,
        pool: Pool | None = None,
        options: DialOptions | None = None,
    ) -> None:
        if context is not None and not hasattr(context, "wrap_socket"):
            raise TypeError(f"context must be an ssl.SSLContext, not {type(context).__name__}")
        super().__init__(debuglevel, pool=pool, options=options)
        self._tls = tls
        if context is not None:
            from mini_http.connect.tls_settings import DEFAULT_SETTINGS

            self._tls = (tls or DEFAULT_SETTINGS).replace(context=context)
            if check_hostname is not None:
                context.check_hostname = check_hostname
        self._context = context
        self._check_hostname = check_hostname

    def _settings(self) -> TLSSettings:
        from mini_http.connect.tls import DEFAULT_SETTINGS

        settings = self._tls or DEFAULT_SETTINGS
        if self._context is None and self._check_hostname is not None:
            settings = settings.replace(check_hostname=self._check_hostname)
        if settings.is_outdated():
            settings = self._tls = settings.replace()  # as the context verifies now
        return settings

    def _beyond_context(self) -> TLSSettings | None:
        tls = self._tls
        if tls is None or not (tls.pins or tls.server_name):
            return None
        from mini_http.connect.tls_settings import TLSSettings

        return TLSSettings(pins=tls.pins, server_name=tls.server_name)

    def https_open(self, req: Request) -> Any:
        """The reply, whatever its status."""
        replaced = _put_in_place_of(self._stock_class)
        if replaced is not None:
            return self.do_open(replaced, req, context=self._given_context())
        return self.send(req if isinstance(req, Request) else as_request(req))

    def _given_context(self) -> SSLContext | None:
        """The context for a class that is not ours; None if that may choose one itself."""
        if self._context is None and (self._tls is not None or self._check_hostname is not None):
            from mini_http.connect.tls import context_for

            return context_for(self._settings())
        return self._context

    https_request = AbstractHTTPHandler.do_request_


# --- http.client, where the program has loaded it


def _put_in_place_of(name: str) -> Any:
    """The class that a program put in the place of http.client's, to watch or to fake it; or None.

    vcrpy does so, as do many tests. urllib looks the class up for each request. Ours in that place
    is no other's.
    """
    http_client = sys.modules.get("http.client")
    if http_client is None:
        return None
    found = getattr(http_client, name)
    return None if found.__module__ in POOLED_MODULES else found
