"""mini_http: an HTTP client in floors, each public and usable by itself.

    base/       values everyone speaks in: errors, Headers, URL, Timeout, Limits
    codec/      bytes <-> values, pure functions
    connect/    from a route to an open stream: SimpleClient, dialing, TLS
    exchange/   one request and its reply on one connection: HTTPClient, HTTPResponse
    keepalive/  many connections: the pool
    opener/     the urllib face: urlopen, Request, OpenerDirector, handlers
    tools/      what stands on top: the command line, the demo

A module imports only from its own floor or one that sorts before it. The names below are loaded
when they are first used, so that `import mini_http` costs next to nothing.
"""

from __future__ import annotations

from mini_http.base.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mini_http.base.errors import (
        HTTPError as HTTPError,
    )
    from mini_http.base.errors import (
        MiniHTTPError as MiniHTTPError,
    )
    from mini_http.base.errors import (
        URLError as URLError,
    )

_HOMES = {
    "base.errors": """
        BadChunk BadCoding BadField BadFraming BadStatusLine BodyNotReplayable ConnectFailed
        ConnectTimedOut ConnectionBroken ConnectionFailed HTTPError IncompleteRead InvalidField
        InvalidRequest InvalidURL LimitExceeded MiniHTTPError NameNotResolved ProtocolError
        ReadTimedOut RedirectRefused RemoteDisconnected StateError TLSFailed TimedOut TotalTimedOut
        URLError UnaskedUpgrade WriteTimedOut
    """,
    "base.headers": "Headers",
    "base.limits": "Limits",
    "base.timeouts": "Deadline Timeout",
    "base.url": "URL",
    "codec.framing": "CloseReason",
    "connect.datagram": "DatagramClient",
    "connect.dial": "DialOptions",
    "connect.simple_client": "SimpleClient",
    "connect.tls": "TLSSettings",
    "exchange.client": "HTTPClient HTTPSClient",
    "exchange.response": "HTTPResponse",
    "keepalive.policy": "PoolPolicy",
    "keepalive.pool": "Pool",
    "keepalive.route": "Route",
    "opener.api": "build_opener install_opener urlopen",
    "opener.director": "OpenerDirector",
    "opener.request": "Request",
    "opener.handlers.base": "BaseHandler",
    "opener.handlers.coding": "ContentCodingHandler",
    "opener.handlers.errors": "HTTPDefaultErrorHandler HTTPErrorProcessor",
    "opener.handlers.http": "HTTPHandler HTTPSHandler",
    "opener.handlers.redirect": "HTTPRedirectHandler RedirectPolicy",
    "opener.handlers.unknown": "UnknownHandler",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOME_OF)]  # noqa: PLE0604


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"mini_http.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
