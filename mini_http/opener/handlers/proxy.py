"""ProxyHandler: sends requests through the proxies that are named for their schemes.

=================  ========================================================================
URL                what the proxy is asked
=================  ========================================================================
https              for a tunnel to the host (CONNECT), never for what goes through it
http, ftp, gopher  for the whole URL (the absolute form of RFC 9112 section 3.2.2)
=================  ========================================================================

Each request is looked at anew, those that follow a redirect too. A request whose program named its
proxy with `set_proxy` is left as it is. Where the proxy that is named can't be used, that is an
error: nothing goes to its host directly unless `proxy_bypass` says so.
"""

from __future__ import annotations

from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.proxies import getproxies, proxy_bypass, proxy_bypass_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

SCHEMES_OF_ALL = ("http", "https", "ftp", "ftps", "gopher")
"""What the proxy for "all" is for, where a scheme has none of its own."""

NO_SCHEMES = frozenset({"all", "default", "no", "proxy", "unknown"})
"""Names before "_proxy" that are no schemes; some of them would make other hooks than `*_open`."""


class ProxyHandler(BaseHandler):
    """Sends requests through `proxies`, by scheme: {"http": "http://user:password@host:port"}.

    Without `proxies` they are what `getproxies` gives when the handler is made. An empty value
    means: no proxy. "all" stands for the schemes that are not named. "no" is the list of hosts to
    reach directly; where it is not given, it is what the environment has then.
    """

    handler_order = 100
    """Before the handlers that open a connection."""

    def __init__(self, proxies: Mapping[str, str] | None = None) -> None:
        if proxies is not None and not hasattr(proxies, "keys"):
            raise TypeError("proxies must be a mapping of schemes to URLs")
        self._no = None if proxies is None else proxies.get("no")
        self.proxies = getproxies() if proxies is None else proxies
        by_scheme = {scheme.lower(): proxy for scheme, proxy in self.proxies.items()}
        for_all = dict.fromkeys(SCHEMES_OF_ALL, by_scheme.get("all"))
        for scheme, proxy in (for_all | by_scheme).items():
            if proxy and scheme not in NO_SCHEMES and "_" not in scheme:
                setattr(self, f"{scheme}_open", self._hook(proxy, scheme))

    def _hook(self, proxy: str, scheme: str) -> Callable[[Any], Any]:
        return lambda request: self.proxy_open(request, proxy, scheme)

    def proxy_open(self, req: Any, proxy: str, type: str) -> Any:
        """Makes `req`, a request of the scheme `type`, go through `proxy`, unless it is not to.

        None leaves it to the handler that opens it. A request that another scheme's handler has
        to open from here on is handed to the opener again; then this is its reply. Raises
        InvalidRequest for a proxy of a kind that is not supported, InvalidURL for one that is none.
        """
        from mini_http.connect.tunnel import Proxy

        if req._tunnel_host or req.has_proxy():
            return None  # by set_proxy, or by this handler before it was handed on
        if req.host and self._is_direct(req.host):
            return None
        way = Proxy.parse(proxy)
        if type == "https":
            way.check_that_it_leads_on()
        authorization = None if req.has_header("Proxy-authorization") else way.authorization
        is_handed_on = type not in ("https", way.kind)
        if hasattr(req, "choose_proxy"):
            req.choose_proxy(way.place, way.kind, authorization)
        else:
            if authorization is not None:
                # Not add_header, as in urllib: a redirect may lead to another proxy, or to none.
                req.add_unredirected_header("Proxy-Authorization", authorization)
            req.set_proxy(way.place, way.kind)
        return self.parent.open(req, timeout=req.timeout) if is_handed_on else None

    def _is_direct(self, host: str) -> bool:
        if self._no is not None:
            return proxy_bypass_environment(host, {"no": self._no})
        return proxy_bypass(host)
