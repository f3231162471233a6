"""mini_http: an HTTP client in floors, each public and usable by itself.

    base/       values everyone speaks in: errors, Headers, URL, Timeout, Limits
    codec/      bytes <-> values, pure functions
    connect/    from a route to an open stream: SimpleClient, dialing, TLS
    exchange/   one request and its reply on one connection: HTTPClient, HTTPResponse
    keepalive/  many connections: the pool
    opener/     the urllib face: urlopen, Request, OpenerDirector, handlers
    tools/      what stands on top: install(), urlretrieve, the command line, aids for tests

A module imports only from its own floor or one that sorts before it. The names below are loaded
when they are first used, so that `import mini_http` costs next to nothing.
"""

from __future__ import annotations

from mini_http.base.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    # What type checkers see of the table below; a test holds the two together.
    from mini_http.base.commands import Command as Command
    from mini_http.base.commands import command as command
    from mini_http.base.errors import BadChunk as BadChunk
    from mini_http.base.errors import BadCoding as BadCoding
    from mini_http.base.errors import BadField as BadField
    from mini_http.base.errors import BadFraming as BadFraming
    from mini_http.base.errors import BadStatusLine as BadStatusLine
    from mini_http.base.errors import BodyNotReplayable as BodyNotReplayable
    from mini_http.base.errors import CannotSendHeader as CannotSendHeader
    from mini_http.base.errors import CannotSendRequest as CannotSendRequest
    from mini_http.base.errors import ConnectFailed as ConnectFailed
    from mini_http.base.errors import ConnectionBroken as ConnectionBroken
    from mini_http.base.errors import ConnectionFailed as ConnectionFailed
    from mini_http.base.errors import ConnectRefused as ConnectRefused
    from mini_http.base.errors import ConnectTimedOut as ConnectTimedOut
    from mini_http.base.errors import ContentTooShortError as ContentTooShortError
    from mini_http.base.errors import FTPRefused as FTPRefused
    from mini_http.base.errors import HTTPError as HTTPError
    from mini_http.base.errors import IncompleteRead as IncompleteRead
    from mini_http.base.errors import InvalidField as InvalidField
    from mini_http.base.errors import InvalidRequest as InvalidRequest
    from mini_http.base.errors import InvalidURL as InvalidURL
    from mini_http.base.errors import LimitExceeded as LimitExceeded
    from mini_http.base.errors import MiniHTTPError as MiniHTTPError
    from mini_http.base.errors import NameNotResolved as NameNotResolved
    from mini_http.base.errors import NotConnected as NotConnected
    from mini_http.base.errors import ProtocolError as ProtocolError
    from mini_http.base.errors import ReadTimedOut as ReadTimedOut
    from mini_http.base.errors import RedirectRefused as RedirectRefused
    from mini_http.base.errors import RemoteDisconnected as RemoteDisconnected
    from mini_http.base.errors import ResponseNotReady as ResponseNotReady
    from mini_http.base.errors import SendBroken as SendBroken
    from mini_http.base.errors import StateError as StateError
    from mini_http.base.errors import TimedOut as TimedOut
    from mini_http.base.errors import TLSFailed as TLSFailed
    from mini_http.base.errors import TotalTimedOut as TotalTimedOut
    from mini_http.base.errors import TunnelRefused as TunnelRefused
    from mini_http.base.errors import UnaskedReply as UnaskedReply
    from mini_http.base.errors import UnaskedUpgrade as UnaskedUpgrade
    from mini_http.base.errors import UnknownProtocol as UnknownProtocol
    from mini_http.base.errors import UpgradeRefused as UpgradeRefused
    from mini_http.base.errors import URLError as URLError
    from mini_http.base.errors import WriteTimedOut as WriteTimedOut
    from mini_http.base.headers import Headers as Headers
    from mini_http.base.limits import Limits as Limits
    from mini_http.base.timeouts import Deadline as Deadline
    from mini_http.base.timeouts import Timeout as Timeout
    from mini_http.base.url import URL as URL
    from mini_http.codec.challenges import parse_http_list as parse_http_list
    from mini_http.codec.challenges import parse_keqv_list as parse_keqv_list
    from mini_http.codec.event_stream import Event as Event
    from mini_http.codec.framing import CloseReason as CloseReason
    from mini_http.codec.gopher_menu import GopherItem as GopherItem
    from mini_http.codec.gopher_menu import gopher_menu as gopher_menu
    from mini_http.codec.heads import read_response_head as read_response_head
    from mini_http.codec.heads import write_request_head as write_request_head
    from mini_http.codec.set_cookie import SetCookie as SetCookie
    from mini_http.codec.set_cookie import parse_set_cookie as parse_set_cookie
    from mini_http.codec.set_cookie import write_set_cookie as write_set_cookie
    from mini_http.connect.addresses import AddressGuard as AddressGuard
    from mini_http.connect.addresses import public_only as public_only
    from mini_http.connect.datagram import DatagramClient as DatagramClient
    from mini_http.connect.dial import DialOptions as DialOptions
    from mini_http.connect.proxy import Proxy as Proxy
    from mini_http.connect.simple_client import SimpleClient as SimpleClient
    from mini_http.connect.tls_settings import TLSSettings as TLSSettings
    from mini_http.connect.tls_settings import UnverifiedTLSWarning as UnverifiedTLSWarning
    from mini_http.connect.tunnel import open_tunnel as open_tunnel
    from mini_http.exchange.client import HTTPClient as HTTPClient
    from mini_http.exchange.client import HTTPSClient as HTTPSClient
    from mini_http.exchange.event_stream import EventStream as EventStream
    from mini_http.exchange.form_body import form_body as form_body
    from mini_http.exchange.form_body import json_body as json_body
    from mini_http.exchange.form_body import multipart_body as multipart_body
    from mini_http.exchange.http_client_names import HTTP_PORT as HTTP_PORT
    from mini_http.exchange.http_client_names import HTTPS_PORT as HTTPS_PORT
    from mini_http.exchange.http_client_names import HTTPException as HTTPException
    from mini_http.exchange.http_client_names import HTTPMessage as HTTPMessage
    from mini_http.exchange.http_client_names import (
        ImproperConnectionState as ImproperConnectionState,
    )
    from mini_http.exchange.http_client_names import LineTooLong as LineTooLong
    from mini_http.exchange.http_client_names import UnimplementedFileMode as UnimplementedFileMode
    from mini_http.exchange.http_client_names import (
        UnknownTransferEncoding as UnknownTransferEncoding,
    )
    from mini_http.exchange.http_client_names import error as error
    from mini_http.exchange.http_client_names import parse_headers as parse_headers
    from mini_http.exchange.http_client_names import responses as responses
    from mini_http.exchange.http_connection import HTTPConnection as HTTPConnection
    from mini_http.exchange.https_connection import HTTPSConnection as HTTPSConnection
    from mini_http.exchange.request_body import RequestBody as RequestBody
    from mini_http.exchange.request_body import watched as watched
    from mini_http.exchange.request_body import with_trailers as with_trailers
    from mini_http.exchange.response import HTTPResponse as HTTPResponse
    from mini_http.keepalive.policy import PoolPolicy as PoolPolicy
    from mini_http.keepalive.pool import Pool as Pool
    from mini_http.keepalive.route import Route as Route
    from mini_http.opener.api import build_opener as build_opener
    from mini_http.opener.api import install_opener as install_opener
    from mini_http.opener.api import urlopen as urlopen
    from mini_http.opener.cookies.cookie import Cookie as Cookie
    from mini_http.opener.cookies.file_jar import FileCookieJar as FileCookieJar
    from mini_http.opener.cookies.jar import CookieJar as CookieJar
    from mini_http.opener.cookies.json_form import JSONCookieJar as JSONCookieJar
    from mini_http.opener.cookies.load_error import LoadError as LoadError
    from mini_http.opener.cookies.lwp_form import LWPCookieJar as LWPCookieJar
    from mini_http.opener.cookies.netscape_form import MozillaCookieJar as MozillaCookieJar
    from mini_http.opener.cookies.policy import CookiePolicy as CookiePolicy
    from mini_http.opener.cookies.policy import DefaultCookiePolicy as DefaultCookiePolicy
    from mini_http.opener.cookies.store import CookieLimits as CookieLimits
    from mini_http.opener.director import OpenerDirector as OpenerDirector
    from mini_http.opener.ftp_wrapper import ftpwrapper as ftpwrapper
    from mini_http.opener.handlers.base import BaseHandler as BaseHandler
    from mini_http.opener.handlers.basic_auth import (
        AbstractBasicAuthHandler as AbstractBasicAuthHandler,
    )
    from mini_http.opener.handlers.basic_auth import HTTPBasicAuthHandler as HTTPBasicAuthHandler
    from mini_http.opener.handlers.basic_auth import ProxyBasicAuthHandler as ProxyBasicAuthHandler
    from mini_http.opener.handlers.bearer import HTTPBearerAuthHandler as HTTPBearerAuthHandler
    from mini_http.opener.handlers.coding import ContentCodingHandler as ContentCodingHandler
    from mini_http.opener.handlers.cookies import HTTPCookieProcessor as HTTPCookieProcessor
    from mini_http.opener.handlers.data import DataHandler as DataHandler
    from mini_http.opener.handlers.digest_auth import (
        AbstractDigestAuthHandler as AbstractDigestAuthHandler,
    )
    from mini_http.opener.handlers.digest_auth import HTTPDigestAuthHandler as HTTPDigestAuthHandler
    from mini_http.opener.handlers.digest_auth import (
        ProxyDigestAuthHandler as ProxyDigestAuthHandler,
    )
    from mini_http.opener.handlers.errors import HTTPDefaultErrorHandler as HTTPDefaultErrorHandler
    from mini_http.opener.handlers.errors import HTTPErrorProcessor as HTTPErrorProcessor
    from mini_http.opener.handlers.file import FileHandler as FileHandler
    from mini_http.opener.handlers.ftp import CacheFTPHandler as CacheFTPHandler
    from mini_http.opener.handlers.ftp import FTPHandler as FTPHandler
    from mini_http.opener.handlers.gopher import GopherHandler as GopherHandler
    from mini_http.opener.handlers.hsts import HSTSHandler as HSTSHandler
    from mini_http.opener.handlers.http import AbstractHTTPHandler as AbstractHTTPHandler
    from mini_http.opener.handlers.http import HTTPHandler as HTTPHandler
    from mini_http.opener.handlers.http import HTTPSHandler as HTTPSHandler
    from mini_http.opener.handlers.netrc import NetrcHandler as NetrcHandler
    from mini_http.opener.handlers.proxy import ProxyHandler as ProxyHandler
    from mini_http.opener.handlers.redirect import HTTPRedirectHandler as HTTPRedirectHandler
    from mini_http.opener.handlers.redirect import RedirectPolicy as RedirectPolicy
    from mini_http.opener.handlers.schemes import SchemeAuthHandler as SchemeAuthHandler
    from mini_http.opener.handlers.unix import UnixHandler as UnixHandler
    from mini_http.opener.handlers.unknown import UnknownHandler as UnknownHandler
    from mini_http.opener.handlers.url_credentials import (
        URLCredentialsHandler as URLCredentialsHandler,
    )
    from mini_http.opener.local_paths import pathname2url as pathname2url
    from mini_http.opener.local_paths import url2pathname as url2pathname
    from mini_http.opener.passwords import HTTPPasswordMgr as HTTPPasswordMgr
    from mini_http.opener.passwords import (
        HTTPPasswordMgrWithDefaultRealm as HTTPPasswordMgrWithDefaultRealm,
    )
    from mini_http.opener.passwords import (
        HTTPPasswordMgrWithPriorAuth as HTTPPasswordMgrWithPriorAuth,
    )
    from mini_http.opener.proxies import ProxyChoice as ProxyChoice
    from mini_http.opener.proxies import explain_proxy as explain_proxy
    from mini_http.opener.proxies import getproxies as getproxies
    from mini_http.opener.proxies import getproxies_environment as getproxies_environment
    from mini_http.opener.proxies import proxy_bypass as proxy_bypass
    from mini_http.opener.proxies import proxy_bypass_environment as proxy_bypass_environment
    from mini_http.opener.replies import addbase as addbase
    from mini_http.opener.replies import addclosehook as addclosehook
    from mini_http.opener.replies import addinfo as addinfo
    from mini_http.opener.replies import addinfourl as addinfourl
    from mini_http.opener.request import Request as Request
    from mini_http.opener.secrets import Secrets as Secrets
    from mini_http.tools.browser_cookies import BrowserCookies as BrowserCookies
    from mini_http.tools.browser_cookies import chromium_cookies as chromium_cookies
    from mini_http.tools.browser_cookies import firefox_cookies as firefox_cookies
    from mini_http.tools.install import install as install
    from mini_http.tools.install import uninstall as uninstall
    from mini_http.tools.legacy import FancyURLopener as FancyURLopener
    from mini_http.tools.legacy import URLopener as URLopener
    from mini_http.tools.recorder import Recorder as Recorder
    from mini_http.tools.recorder import recording as recording
    from mini_http.tools.replayer import Replayer as Replayer
    from mini_http.tools.replayer import replaying as replaying
    from mini_http.tools.requests_adapter import RequestsAdapter as RequestsAdapter
    from mini_http.tools.responses_handler import ResponsesHandler as ResponsesHandler
    from mini_http.tools.responses_handler import mocked as mocked
    from mini_http.tools.retrieve import urlcleanup as urlcleanup
    from mini_http.tools.retrieve import urlretrieve as urlretrieve
    from mini_http.tools.server_cookies import CookieError as CookieError
    from mini_http.tools.server_cookies import Morsel as Morsel
    from mini_http.tools.server_cookies import SimpleCookie as SimpleCookie

_HOMES = {
    "base.commands": "Command command",
    "base.errors": """
        BadChunk BadCoding BadField BadFraming BadStatusLine BodyNotReplayable CannotSendHeader
        CannotSendRequest ConnectFailed ConnectRefused ConnectTimedOut ConnectionBroken
        ConnectionFailed ContentTooShortError FTPRefused HTTPError IncompleteRead InvalidField
        InvalidRequest InvalidURL LimitExceeded MiniHTTPError NameNotResolved NotConnected
        ProtocolError ReadTimedOut RedirectRefused RemoteDisconnected ResponseNotReady SendBroken
        StateError TLSFailed TimedOut TotalTimedOut TunnelRefused URLError UnaskedReply
        UnaskedUpgrade UnknownProtocol UpgradeRefused WriteTimedOut
    """,
    "base.headers": "Headers",
    "base.limits": "Limits",
    "base.timeouts": "Deadline Timeout",
    "base.url": "URL",
    "codec.challenges": "parse_http_list parse_keqv_list",
    "codec.event_stream": "Event",
    "codec.framing": "CloseReason",
    "codec.gopher_menu": "GopherItem gopher_menu",
    "codec.heads": "read_response_head write_request_head",
    "codec.set_cookie": "SetCookie parse_set_cookie write_set_cookie",
    "connect.addresses": "AddressGuard public_only",
    "connect.datagram": "DatagramClient",
    "connect.dial": "DialOptions",
    "connect.proxy": "Proxy",
    "connect.simple_client": "SimpleClient",
    "connect.tls_settings": "TLSSettings UnverifiedTLSWarning",
    "connect.tunnel": "open_tunnel",
    "exchange.client": "HTTPClient HTTPSClient",
    "exchange.event_stream": "EventStream",
    "exchange.form_body": "form_body json_body multipart_body",
    "exchange.http_client_names": """
        HTTPException HTTPMessage HTTPS_PORT HTTP_PORT ImproperConnectionState LineTooLong
        UnimplementedFileMode UnknownTransferEncoding error parse_headers responses
    """,
    "exchange.http_connection": "HTTPConnection",
    "exchange.https_connection": "HTTPSConnection",
    "exchange.request_body": "RequestBody watched with_trailers",
    "exchange.response": "HTTPResponse",
    "keepalive.policy": "PoolPolicy",
    "keepalive.pool": "Pool",
    "keepalive.route": "Route",
    "opener.api": "build_opener install_opener urlopen",
    "opener.cookies.cookie": "Cookie",
    "opener.cookies.file_jar": "FileCookieJar",
    "opener.cookies.jar": "CookieJar",
    "opener.cookies.json_form": "JSONCookieJar",
    "opener.cookies.load_error": "LoadError",
    "opener.cookies.lwp_form": "LWPCookieJar",
    "opener.cookies.netscape_form": "MozillaCookieJar",
    "opener.cookies.policy": "CookiePolicy DefaultCookiePolicy",
    "opener.cookies.store": "CookieLimits",
    "opener.director": "OpenerDirector",
    "opener.ftp_wrapper": "ftpwrapper",
    "opener.handlers.base": "BaseHandler",
    "opener.handlers.basic_auth": """
        AbstractBasicAuthHandler HTTPBasicAuthHandler ProxyBasicAuthHandler
    """,
    "opener.handlers.bearer": "HTTPBearerAuthHandler",
    "opener.handlers.coding": "ContentCodingHandler",
    "opener.handlers.cookies": "HTTPCookieProcessor",
    "opener.handlers.data": "DataHandler",
    "opener.handlers.digest_auth": """
        AbstractDigestAuthHandler HTTPDigestAuthHandler ProxyDigestAuthHandler
    """,
    "opener.handlers.errors": "HTTPDefaultErrorHandler HTTPErrorProcessor",
    "opener.handlers.file": "FileHandler",
    "opener.handlers.ftp": "CacheFTPHandler FTPHandler",
    "opener.handlers.gopher": "GopherHandler",
    "opener.handlers.hsts": "HSTSHandler",
    "opener.handlers.http": "AbstractHTTPHandler HTTPHandler HTTPSHandler",
    "opener.handlers.netrc": "NetrcHandler",
    "opener.handlers.proxy": "ProxyHandler",
    "opener.handlers.redirect": "HTTPRedirectHandler RedirectPolicy",
    "opener.handlers.schemes": "SchemeAuthHandler",
    "opener.handlers.unix": "UnixHandler",
    "opener.handlers.unknown": "UnknownHandler",
    "opener.handlers.url_credentials": "URLCredentialsHandler",
    "opener.local_paths": "pathname2url url2pathname",
    "opener.passwords": """
        HTTPPasswordMgr HTTPPasswordMgrWithDefaultRealm HTTPPasswordMgrWithPriorAuth
    """,
    "opener.proxies": (
        "ProxyChoice explain_proxy getproxies getproxies_environment proxy_bypass"
        " proxy_bypass_environment"
    ),
    "opener.replies": "addbase addclosehook addinfo addinfourl",
    "opener.request": "Request",
    "opener.secrets": "Secrets",
    "tools.browser_cookies": "BrowserCookies chromium_cookies firefox_cookies",
    "tools.install": "install uninstall",
    "tools.legacy": "FancyURLopener URLopener",
    "tools.recorder": "Recorder recording",
    "tools.replayer": "Replayer replaying",
    "tools.requests_adapter": "RequestsAdapter",
    "tools.responses_handler": "ResponsesHandler mocked",
    "tools.retrieve": "urlcleanup urlretrieve",
    "tools.server_cookies": "CookieError Morsel SimpleCookie",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

# Not for `import *`: these need libraries that not everybody has.
_NEED_MORE = {"RequestsAdapter", "ResponsesHandler", "mocked"}

__all__ = ["__version__", *sorted(_HOME_OF.keys() - _NEED_MORE)]  # noqa: PLE0604


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
