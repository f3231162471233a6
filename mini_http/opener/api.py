"""urlopen, build_opener and install_opener: the functions that a program begins with."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from mini_http.base.timeouts import NOT_GIVEN
from mini_http.opener.director import OpenerDirector
from mini_http.opener.handlers.base import is_urllibs
from mini_http.opener.timeouts import for_handlers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext
    from typing import Any

    from mini_http.base.timeouts import Timeout
    from mini_http.exchange.form_body import FormFields, FormFiles
    from mini_http.opener.handlers.base import BaseHandler
    from mini_http.opener.handlers.http import HTTPSHandler
    from mini_http.opener.replies import Reply
    from mini_http.opener.request import Request

_installed: OpenerDirector | None = None


def urlopen(
    url: str | Request,
    data: Any = None,
    timeout: float | Timeout | None = NOT_GIVEN,
    *,
    context: SSLContext | None = None,
    json: Any = None,
    form: FormFields | None = None,
    files: FormFiles | None = None,
    cafile: str | None = None,
    capath: str | None = None,
    cadefault: bool = False,
) -> Reply:
    """Opens a URL or a Request; returns the reply, an HTTPResponse for http and https.

    `data` is the body, and makes the request a POST; so do `json`, a value to send as such, and the
    fields of a `form` with its `files`. `timeout` is in seconds, for connecting and for each wait,
    or a Timeout. `context` is used for https as it is. Connections are kept alive and shared with
    every other opener of the process. `cafile`, `capath` and `cadefault` are there for programs
    written for Python before 3.13. Raises URLError and, for a reply whose status is an error,
    HTTPError; TypeError for two bodies.
    """
    if json is not None or form is not None or files is not None:
        from mini_http.exchange.form_body import body_of

        data = body_of(data, json, form, files)
    if cafile or capath or cadefault:
        handler = _trusting(cafile, capath, context)
        return build_opener(handler).open(url, data, timeout)
    if context is not None:
        from mini_http.opener.handlers.http import HTTPSHandler

        return build_opener(HTTPSHandler(context=context)).open(url, data, timeout)
    opener = _installed
    if opener is None:
        opener = build_opener()
        install_opener(opener)
    if timeout is NOT_GIVEN and type(opener) is OpenerDirector:
        return opener.open(url, data)
    # It may be one of urllib's, or anybody's, installed here.
    return opener.open(url, data, for_handlers(timeout))


def _trusting(cafile: str | None, capath: str | None, context: SSLContext | None) -> HTTPSHandler:
    import warnings

    from mini_http.connect.tls import TLSSettings
    from mini_http.opener.handlers.http import HTTPSHandler

    warnings.warn(
        "urlopen(cafile=, capath=, cadefault=) are deprecated: use context=, or"
        " HTTPSHandler(tls=TLSSettings(ca_file=))",
        DeprecationWarning,
        stacklevel=3,
    )
    if context is not None:
        raise ValueError("cafile, capath and cadefault say what a context says: give one of them")
    return HTTPSHandler(tls=TLSSettings(ca_file=cafile or None, ca_path=capath or None))


def install_opener(opener: OpenerDirector | None) -> None:
    """Makes `opener` the one that `urlopen` uses; None brings the usual one back."""
    global _installed  # noqa: PLW0603  (urllib's interface is a global)
    _installed = opener


def build_opener(
    *handlers: Any, allow_address: Callable[[str], bool] | None = None
) -> OpenerDirector:
    """An opener with the handlers of DEFAULT_HANDLERS and those given, as classes or instances.

    One that is given takes the place of the default one whose class it is or descends from; so
    does one whose class is that default one in urllib.request.

    `allow_address`, as `public_only`, is asked about each IP address before our handlers connect to
    it, also after a redirect. Then file: URLs, which reach no address, are opened only by a handler
    that is given. What a proxy connects to, the proxy has to allow.
    """
    opener = OpenerDirector()
    opener.allow_address = allow_address
    classes = [handler if isinstance(handler, type) else type(handler) for handler in handlers]
    for default in default_handlers():
        if allow_address is not None and default.__name__ == "FileHandler":
            continue
        if not any(_replaces(given, default) for given in classes):
            opener.add_handler(default())
    for handler in handlers:
        opener.add_handler(handler() if isinstance(handler, type) else handler)
    return opener


def _replaces(given: type, default: type) -> bool:
    return any(kind is default or is_urllibs(kind, default) for kind in given.__mro__)


@cache
def default_handlers() -> tuple[type[BaseHandler], ...]:
    """The classes that DEFAULT_HANDLERS names."""
    found = []
    for row in DEFAULT_HANDLERS:
        module, _, name = row.partition(".")
        found.append(getattr(import_module(f"mini_http.opener.handlers.{module}"), name))
    return tuple(found)


# By name, for they are imported when an opener is first built: `from mini_http import urlopen` took
# 18 ms, and takes 10.
DEFAULT_HANDLERS = (
    "proxy.ProxyHandler",
    "unknown.UnknownHandler",
    "http.HTTPHandler",
    "http.HTTPSHandler",
    "errors.HTTPDefaultErrorHandler",
    "redirect.HTTPRedirectHandler",
    "url_credentials.URLCredentialsHandler",
    "coding.ContentCodingHandler",
    "ftp.FTPHandler",
    "file.FileHandler",
    "data.DataHandler",
    "errors.HTTPErrorProcessor",
)
