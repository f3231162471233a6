"""ProxyHandler: sends requests through the proxies that are named for their schemes.

=================  ========================================================================
URL                what the proxy is asked
=================  ========================================================================
https              for a tunnel to the host (CONNECT), never for what goes through it
http, ftp, gopher  for the whole URL (the absolute form of RFC 9112 section 3.2.2)
=================  ========================================================================

Each request is looked at anew, those that follow a redirect too. A request whose program named its
proxy with `set_proxy` is left as it is. Where the proxy that is named can't be used, that is an
error: nothing goes to its host directly unless NO_PROXY says so. What decides is in
`opener.proxies`; `explain_proxy` there tells of it.
"""

from __future__ import annotations

from mini_http import base
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.proxies import ProxySettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from mini_http.connect.proxy import Proxy


class ProxyHandler(BaseHandler):
    """Sends requests through `proxies`, by scheme: {"http": "http://user:password@host:port"}.

    Without `proxies` they are what `getproxies` gives when the handler is made. An empty value
    means: no proxy. "all" stands for the schemes that are not named. "no" is the list of hosts to
    reach directly; where it is not given, it is what the environment has then.
    """

    handler_order = 100
    """Before the handlers that open a connection."""

    def __init__(self, proxies: Mapping[str, str | Proxy] | None = None) -> None:
        if proxies is not None and not hasattr(proxies, "keys"):
            raise TypeError("proxies must be a mapping of schemes to URLs")
        self._settings = ProxySettings(proxies)
        self.proxies = self._settings.proxies
        for scheme, setting in self._settings.by_scheme.items():
            assert setting.value is not None
            setattr(self, f"{scheme}_open", self._hook(setting.value, scheme))

    def _hook(self, proxy: str | Proxy, scheme: str) -> Callable[[Any], Any]:
        return lambda request: self.proxy_open(request, proxy, scheme)

    def proxy_open(self, req: Any, proxy: str | Proxy, type: str) -> Any:
        """Makes `req`, a request of the scheme `type`, go through `proxy`, unless it is not to.

        None leaves it to the handler that opens it. A request that another scheme's handler has
        to open from here on is handed to the opener again; then this is its reply. Raises
        InvalidRequest for a proxy of a kind that is not supported, InvalidURL for one that is none.
        """
        if req._tunnel_host or req.has_proxy() or getattr(req, "proxy", None) is not None:
            return None  # by set_proxy, or by this handler before it was handed on
        if req.host and self._settings.bypass(type, req.host) is not None:
            return None
        way = self._settings.proxy(type, proxy)
        is_handed_on = way.reads_requests and type not in ("https", way.kind)
        if hasattr(req, "choose_proxy"):
            req.choose_proxy(way)
            self._ask_jars_again(req)
        else:
            self._choose_in_urllibs(req, way)
        return self.parent.open(req, timeout=req.timeout) if is_handed_on else None

    def _ask_jars_again(self, req: Any) -> None:
        """A proxy reads what it is sent, so it gets no cookies that are for secure connections, as
        a server on this machine does.
        """
        if req.has_proxy():
            for handler in getattr(getattr(self, "parent", None), "handlers", ()):
                if hasattr(handler, "cookiejar"):
                    handler.http_request(req)

    def _choose_in_urllibs(self, req: Any, way: Proxy) -> None:
        """As `choose_proxy`, for a request of urllib's in an opener of urllib's."""
        is_in_the_way = way.is_secured and req.type == "https"  # urllib begins no TLS in TLS
        if not way.reads_requests or way.via is not None or is_in_the_way:
            raise base.errors.InvalidRequest(f"urllib's opener can't use {way!r}")
        if way.authorization is not None and not req.has_header("Proxy-authorization"):
            # Not add_header, as in urllib: a redirect may lead to another proxy, or to none.
            req.add_unredirected_header("Proxy-Authorization", way.authorization)
        req.set_proxy(way.place, way.kind)
