"""Route: everything that must be equal for two requests to share a connection. The pool's key."""

from __future__ import annotations

from mini_http.base.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mini_http.connect.dial import DialOptions
    from mini_http.connect.proxy import Proxy
    from mini_http.connect.tls import TLSSettings


class Route(Value):
    """The way to an origin.

    ==========  ====  =====  ===================================================================
    scheme      tls   proxy  what is opened
    ==========  ====  =====  ===================================================================
    http        None  None   TCP to host and port
    https       set   None   TCP to host and port, then TLS checked for host
    http        None  set    TCP to the first proxy, led on to host and port
    https       set   set    TCP to the first proxy, led on to host and port, then TLS checked for
                             host
    http+unix   None  None   the socket file at the path that `host` is; `port` is 0
    ==========  ====  =====  ===================================================================

    A proxy that is sent whole requests, with the URL as their target, is no `proxy` here: it is the
    host that they go to, and requests for many origins share its connections. One that leads to a
    host is: who we are to it is a part of the key, so that nobody goes through the tunnel that
    another one's password opened.

    `host` includes an IPv6 zone. `tls` holds whom to trust and who we are, so a connection that was
    made without verification never serves a request that asks for it (CVE-2024-35195), nor does one
    that a caller's own context made before it was changed. `options` holds the source address, the
    resolver and the socket options; None: the usual ones.
    """

    scheme: str
    host: str
    port: int
    tls: TLSSettings | None = None
    options: DialOptions | None = None
    proxy: Proxy | None = None
