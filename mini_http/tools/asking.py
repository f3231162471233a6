"""What options ask for, in the words of the engine: an opener, and for each URL a Request.

Nothing here sends anything. What can't be asked for raises UsageError, InvalidURL or InvalidField,
and a file that is to be sent and can't be read ReadFailed.
"""

from __future__ import annotations

import os
import re
import sys

from mini_http import base
from mini_http.base.timeouts import DEFAULT_SECONDS, Timeout
from mini_http.base.url import URL
from mini_http.codec.heads import write_request_head
from mini_http.exchange.request_body import request_body
from mini_http.opener.api import build_opener
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.handlers.errors import HTTPDefaultErrorHandler
from mini_http.opener.handlers.http import HTTPHandler, HTTPSHandler
from mini_http.opener.handlers.redirect import HTTPRedirectHandler, RedirectPolicy
from mini_http.opener.request import Request
from mini_http.tools.failures import (
    BadCAFile,
    BadClientCertificate,
    UsageError,
)
from mini_http.tools.terminal import is_terminal
from mini_http.tools.upload import STANDARD_INPUT, Upload, joined_data

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mini_http.connect.tls import TLSSettings
    from mini_http.keepalive.pool import Pool
    from mini_http.opener.director import OpenerDirector
    from mini_http.tools.options import Options

# scheme ":" "//", or one of the schemes that have no "//" (RFC 3986 section 3)
_HAS_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*+://|data:)")

SECRET_WORDS = frozenset({"apikey", "auth", "key", "password", "secret", "token"})
"""A field given with -H that has such a word in its name is secret: masked, and never sent on to
another origin."""


# --- the opener


def opener_for(options: Options, pool: Pool) -> OpenerDirector:
    """An opener that works as the options say, over `pool`. Raises BadCAFile, …Certificate."""
    return build_opener(
        HTTPHandler(pool=pool),
        HTTPSHandler(tls=_tls_settings(options), pool=pool),
        _redirects(options),
        EveryReply(),
        FieldsLeftOut(options),
    )


class EveryReply(HTTPDefaultErrorHandler):
    """Gives the reply whatever its status is, where urllib raises HTTPError."""

    def http_error_default(self, req: Request, fp: Any, code: int, msg: str, hdrs: Any) -> Any:
        return fp


class NoRedirects(HTTPRedirectHandler):
    """Gives the reply that redirects instead of following it."""

    def http_error_302(self, req: Request, fp: Any, code: int, msg: str, headers: Any) -> Any:
        return None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class FieldsLeftOut(BaseHandler):
    """Takes fields out again that the opener adds: those that `-H Name:` names, and the form type
    of a body that is a file.
    """

    handler_order = 900
    """After the handlers that add fields."""

    def __init__(self, options: Options) -> None:
        self._names = {name.capitalize() for name, value in options.header if value is None}
        if options.upload_file is not None:
            self._names.add("Content-type")

    def http_request(self, request: Request) -> Request:
        for name in self._names:
            if name not in request.headers:
                request.remove_header(name)
        if "Accept-encoding" in self._names:
            request.decode_content = False
        return request

    https_request = http_request


def _redirects(options: Options) -> HTTPRedirectHandler:
    if options.no_redirect:
        return NoRedirects()
    if options.max_redirs is not None:
        return HTTPRedirectHandler(RedirectPolicy(most=options.max_redirs))
    return HTTPRedirectHandler()


def _tls_settings(options: Options) -> TLSSettings | None:
    if not (options.insecure or options.cacert or options.cert):
        return None
    from mini_http.connect.tls import TLSSettings, UnverifiedTLSWarning, context_for

    if options.insecure:
        import warnings

        warnings.simplefilter("ignore", UnverifiedTLSWarning)  # whoever says --insecure knows
    settings = TLSSettings(ca_file=options.cacert, verify=not options.insecure)
    # Read here and now, since later errors would not say which file is at fault.
    try:
        context_for(settings)
    except base.errors.TLSFailed as error:
        raise BadCAFile(str(error)) from error
    if options.cert is not None:
        settings = settings.replace(cert_file=options.cert, key_file=options.key)
        try:
            context_for(settings)
        except base.errors.TLSFailed as error:
            raise BadClientCertificate(str(error)) from error
    return settings


def timeout_for(options: Options) -> Timeout:
    """How long things may take. Who bounds the whole does not want its waits bounded as well."""
    wait = DEFAULT_SECONDS if options.max_time is None else None
    return Timeout(options.connect_timeout or wait, wait, options.max_time)


# --- the request


def request_for(options: Options, text: str, body: Upload | bytes | None) -> Request:
    """The request for one URL of the command line; `body` is that of `body_for`."""
    url = _url(options, text)
    request = Request(
        str(url.without_userinfo()),
        # Made once for all: a redirect has to know where the file began.
        data=None if body is None else request_body(body),
        headers=_fields(options, url),
        method=_method(options),
    )
    request.mark_secret(*[name for name, _ in options.header if _is_secret(name)])
    # Only for its check: what may not be sent is refused before anything is dialed.
    write_request_head(request.get_method(), request.selector, request.fields())
    return request


def body_for(options: Options) -> Upload | bytes | None:
    """What is to be sent; a file is open. Raises ReadFailed."""
    if options.upload_file is not None:
        return Upload(options.upload_file)
    return joined_data(options.data) if options.data and not options.get else None


def _method(options: Options) -> str | None:
    if options.request is not None:
        return options.request
    if options.head:
        return "HEAD"
    return "PUT" if options.upload_file is not None else None


def _url(options: Options, text: str) -> URL:
    url = URL.parse(with_scheme(text))
    if options.get and options.data:
        data = os.fsdecode(joined_data(options.data))
        url = url.replace(query=data if url.query is None else f"{url.query}&{data}")
    if options.upload_file not in (None, STANDARD_INPUT) and url.path.endswith("/"):
        from urllib.parse import quote

        name = os.path.basename(options.upload_file or "")
        url = url.replace(path=url.path + quote(name, safe=""))
    return url


def with_scheme(text: str) -> str:
    """A URL of the command line; one that names no scheme is http."""
    return text if _HAS_SCHEME.match(text) else f"http://{text}"


def remote_name(text: str) -> str:
    """The name that `-O` gives to the file: the last part of the URL's path, and never a path.

    The name is that of the URL given, so that no redirect can choose it. Raises UsageError if the
    URL ends without one.
    """
    from urllib.parse import unquote

    url = URL.parse(with_scheme(text))
    name = re.split(r"[/\\]", unquote(url.path))[-1]
    name = "".join(char if char.isprintable() else "_" for char in name)
    if name in ("", ".", ".."):
        raise UsageError(f"-O needs a URL that ends in a name, not {name or '/'!r}: use -o FILE")
    return name


# --- its fields


def _fields(options: Options, url: URL) -> dict[str, str]:
    """The fields of a request, by name; a name that was given more than once is one list."""
    fields: dict[str, str] = {}
    if any(kind == "json" for kind, _ in options.data) and not options.get:
        fields |= {"Content-Type": "application/json", "Accept": "application/json"}
    credentials = _credentials(options, url)
    for name, value in (
        ("Authorization", credentials),
        ("User-Agent", options.user_agent),
        ("Referer", options.referer),
        ("Range", options.range and f"bytes={options.range}"),
        ("Accept-Encoding", "identity" if options.no_compressed else None),
    ):
        if value is not None:
            fields[name] = value
    return _overridden(fields, options.header)


def _overridden(
    fields: dict[str, str], given: tuple[tuple[str, str | None], ...]
) -> dict[str, str]:
    """`fields` with what -H gives instead; the same name again makes a list (RFC 9110 5.3)."""
    names = {name.lower() for name, _ in given}
    fields = {name: value for name, value in fields.items() if name.lower() not in names}
    spelled: dict[str, str] = {}
    for name, value in given:
        if value is None:
            continue
        first = spelled.setdefault(name.lower(), name)
        comma = "; " if name.lower() == "cookie" else ", "
        fields[first] = f"{fields[first]}{comma}{value}" if first in fields else value
    return fields


def _credentials(options: Options, url: URL) -> str | None:
    """The Authorization field for -u, or for `user:password@` in the URL (RFC 7617)."""
    if options.user is not None:
        user, colon, password = options.user.partition(":")
        if not colon:
            password = _asked_password(user)
    elif url.username is not None:
        user, password = url.username, url.password or ""
    else:
        return None
    from base64 import b64encode

    return f"Basic {b64encode(f'{user}:{password}'.encode(errors='surrogateescape')).decode()}"


def _asked_password(user: str) -> str:
    if not is_terminal(sys.stdin):
        raise UsageError("-u needs USER:PASSWORD where nobody can be asked for the password")
    from getpass import getpass

    return getpass(f"Password of {user}: ")


def _is_secret(name: str) -> bool:
    return not SECRET_WORDS.isdisjoint(re.split(r"[-_]", name.lower()))
