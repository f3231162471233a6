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
    # What type checkers see of the table below; a test holds the two together.
    from mini_http.base.errors import (
        BadChunk as BadChunk,
    )
    from mini_http.base.errors import (
        BadCoding as BadCoding,
    )
    from mini_http.base.errors import (
        BadField as BadField,
    )
    from mini_http.base.errors import (
        BadFraming as BadFraming,
    )
    from mini_http.base.errors import (
        BadStatusLine as BadStatusLine,
    )
    from mini_http.base.errors import (
        BodyNotReplayable as BodyNotReplayable,
    )
    from mini_http.base.errors import (
        ConnectFailed as ConnectFailed,
    )
    from mini_http.base.errors import (
        ConnectionBroken as ConnectionBroken,
    )
    from mini_http.base.errors import (
        ConnectionFailed as ConnectionFailed,
    )
    from mini_http.base.errors import (
        ConnectTimedOut as ConnectTimedOut,
    )
    from mini_http.base.errors import (
        HTTPError as HTTPError,
    )
    from mini_http.base.errors import (
        IncompleteRead as IncompleteRead,
    )
    from mini_http.base.errors import (
        InvalidField as InvalidField,
    )
    from mini_http.base.errors import (
        InvalidRequest as InvalidRequest,
    )
    from mini_http.base.errors import (
        InvalidURL as InvalidURL,
    )
    from mini_http.base.errors import (
        LimitExceeded as LimitExceeded,
    )
    from mini_http.base.errors import (
        MiniHTTPError as MiniHTTPError,
    )
    from mini_http.base.errors import (
        NameNotResolved as NameNotResolved,
    )
    from mini_http.base.errors import (
        ProtocolError as ProtocolError,
    )
    from mini_http.base.errors import (
        ReadTimedOut as ReadTimedOut,
    )
    from mini_http.base.errors import (
        RedirectRefused as RedirectRefused,
    )
    from mini_http.base.errors import (
        RemoteDisconnected as RemoteDisconnected,
    )
    from mini_http.base.errors import (
        StateError as StateError,
    )
    from mini_http.base.errors import (
        TimedOut as TimedOut,
    )
    from mini_http.base.errors import (
        TLSFailed as TLSFailed,
    )
    from mini_http.base.errors import (
        TotalTimedOut as TotalTimedOut,
    )
    from mini_http.base.errors import (
        UnaskedUpgrade as UnaskedUpgrade,
    )
    from mini_http.base.errors import (
        URLError as URLError,
    )
    from mini_http.base.errors import (
        WriteTimedOut as WriteTimedOut,
    )
    from mini_http.base.headers import Headers as Headers
    from mini_http.base.limits import Limits as Limits
    from mini_http.base.timeouts import (
        Deadline as Deadline,
    )
    from mini_http.base.timeouts import (
        Timeout as Timeout,
    )
    from mini_http.base.url import URL as URL
    from mini_http.codec.framing import CloseReason as CloseReason
    from mini_http.connect.datagram import DatagramClient as DatagramClient
    from mini_http.connect.dial import DialOptions as DialOptions
    from mini_http.connect.simple_client import SimpleClient as SimpleClient
    from mini_http.connect.tls import TLSSettings as TLSSettings
    from mini_http.exchange.client import (
        HTTPClient as HTTPClient,
    )
    from mini_http.exchange.client import (
        HTTPSClient as HTTPSClient,
    )
    from mini_http.exchange.response import HTTPResponse as HTTPResponse
    from mini_http.keepalive.policy import PoolPolicy as PoolPolicy
    from mini_http.keepalive.pool import Pool as Pool
    from mini_http.keepalive.route import Route as Route
    from mini_http.opener.api import (
        build_opener as build_opener,
    )
    from mini_http.opener.api import (
        install_opener as install_opener,
    )
    from mini_http.opener.api import (
        urlopen as urlopen,
    )
    from mini_http.opener.director import OpenerDirector as OpenerDirector
    from mini_http.opener.handlers.base import BaseHandler as BaseHandler
    from mini_http.opener.handlers.coding import ContentCodingHandler as ContentCodingHandler
    from mini_http.opener.handlers.cookies import HTTPCookieProcessor as HTTPCookieProcessor
    from mini_http.opener.handlers.errors import (
        HTTPDefaultErrorHandler as HTTPDefaultErrorHandler,
    )
    from mini_http.opener.handlers.errors import (
        HTTPErrorProcessor as HTTPErrorProcessor,
    )
    from mini_http.opener.handlers.http import AbstractHTTPHandler as AbstractHTTPHandler
    from mini_http.opener.handlers.http import (
        HTTPHandler as HTTPHandler,
    )
    from mini_http.opener.handlers.http import (
        HTTPSHandler as HTTPSHandler,
    )
    from mini_http.opener.handlers.redirect import (
        HTTPRedirectHandler as HTTPRedirectHandler,
    )
    from mini_http.opener.handlers.redirect import (
        RedirectPolicy as RedirectPolicy,
    )
    from mini_http.opener.handlers.unknown import UnknownHandler as UnknownHandler
    from mini_http.opener.request import Request as Request

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
    "opener.handlers.base": "BaseHandler",
    "opener.handlers.coding": "ContentCodingHandler",
    "opener.handlers.cookies": "HTTPCookieProcessor",
    "opener.handlers.errors": "HTTPDefaultErrorHandler HTTPErrorProcessor",
    "opener.handlers.http": "AbstractHTTPHandler HTTPHandler HTTPSHandler",
    "opener.handlers.redirect": "HTTPRedirectHandler RedirectPolicy",
    "opener.handlers.unknown": "UnknownHandler",
    "opener.request": "Request",
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
