"""open_over: one request over a connection of a class that somebody else made.

That class has the interface of http.client.HTTPConnection, which is all that is used of it: TCP to
one host, or a tunnel through one proxy that is not spoken TLS to.
"""

from __future__ import annotations

from mini_http import base
from mini_http.opener.timeouts import timeout_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def open_over(http_class: Any, req: Any, debuglevel: int, arguments: dict[str, Any]) -> Any:
    """Sends `req` over a connection that `http_class(host, timeout=, **arguments)` makes, and that
    ends with the reply; returns the reply of that class, with the names that urllib adds.

    Raises URLError in place of each OSError, and InvalidRequest for a way to a proxy that such a
    class would leave out, or go without TLS.
    """
    if not req.host:
        raise base.errors.URLError("no host given")
    _check_way(http_class, req)
    fields = dict(req.unredirected_hdrs) | req.headers
    fields["Connection"] = "close"
    connection = http_class(req.host, timeout=timeout_of(req).read, **arguments)
    connection.set_debuglevel(debuglevel)
    authorization = None
    if req._tunnel_host or not req.has_proxy():  # else it is the proxy that reads it
        authorization = fields.pop("Proxy-authorization", None)
    if req._tunnel_host:
        connection.set_tunnel(
            req._tunnel_host,
            headers={} if authorization is None else {"Proxy-Authorization": authorization},
        )
    try:
        try:
            connection.request(
                req.get_method(),
                req.selector,
                req.data,
                {name.title(): value for name, value in fields.items()},
                encode_chunked=req.has_header("Transfer-encoding"),
            )
        except OSError as error:
            raise base.errors.URLError(error) from error
        response = connection.getresponse()
    except BaseException:
        connection.close()
        raise
    # The reply has a file of its own; the connection would keep the socket open after it.
    if connection.sock:
        connection.sock.close()
        connection.sock = None
    response.url = req.get_full_url()
    response.msg = response.reason
    return response


def _check_way(http_class: Any, req: Any) -> None:
    """Raises InvalidRequest where the proxy is one that such a class knows nothing of."""
    way = getattr(req, "proxy", None)
    if way is None:
        return
    is_tls_in_tls = way.is_secured and req._tunnel_host
    if not way.reads_requests or way.via or way.tls or is_tls_in_tls:
        name = getattr(http_class, "__name__", repr(http_class))
        raise base.errors.InvalidRequest(f"{name} can't go through {way!r}")
