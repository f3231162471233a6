"""RequestsAdapter: requests over this engine, for `requests.Session.mount`.

    session = requests.Session()
    session.mount("https://", mini_http.RequestsAdapter())

It sends one prepared request over a pool and makes requests' Response of the reply. All else is
left to requests: redirects, cookies, authentication, the environment. What goes wrong is raised as
the exceptions of requests, with ours as their cause, or as the cause of that; a table of them ends
this file. How a body is read stands in `requests_reply`, which certificates are used in
`requests_tls`.

The module, and with it requests, is imported only by who asks for RequestsAdapter.
"""

from __future__ import annotations

import io
import weakref
from collections.abc import Iterator
from functools import partial

from requests import exceptions
from requests.adapters import BaseAdapter
from requests.cookies import extract_cookies_to_jar
from requests.models import Response
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_ACCEPT_ENCODING, get_encoding_from_headers, select_proxy
from urllib3.exceptions import ProtocolError, ReadTimeoutError
from urllib3.util import SKIP_HEADER
from urllib3.util import Timeout as URLLib3Timeout

from mini_http import base
from mini_http.base.headers import Headers
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.timeouts import Timeout
from mini_http.base.url import URL
from mini_http.codec.content_coding import accept_encoding, is_supported
from mini_http.connect.proxy import Proxy
from mini_http.exchange import request_body as bodies
from mini_http.keepalive.pool import Pool
from mini_http.keepalive.route import Route
from mini_http.tools.requests_reply import RawReply, is_tls_fault
from mini_http.tools.requests_tls import tls_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from requests.models import PreparedRequest

    from mini_http.base.limits import Limits
    from mini_http.exchange.request_body import RequestBody
    from mini_http.tools.requests_tls import Certificate, Verify
    from mini_http.tools.standins import Sender

    Rows = tuple[tuple[type[OSError], type[exceptions.RequestException]], ...]

SCHEMES = ("http", "https", "http+unix")
"""What a session may mount it for."""

READ_CHARACTERS = 64 * 1024
"""What is read of a text file at a time."""


class RequestsAdapter(BaseAdapter):
    """Sends what a `requests.Session` asks it to, over kept-alive connections.

    They are kept in a pool of its own, whose replies `limits` bound; or in `pool`, whose own limits
    hold, and whose connections outlive the session. A Recorder or a Replayer can be that pool.
    Threads and sessions may share an adapter. Pickled or copied, it begins with an empty pool.
    """

    pool: Sender
    _own_pool: Pool | None = None

    def __init__(self, pool: Sender | None = None, limits: Limits | None = None) -> None:
        super().__init__()
        if pool is None:
            self._keep_in(Pool(limits=limits or DEFAULT_LIMITS))
        elif limits is None:
            self.pool = pool
        else:
            raise ValueError("limits= would be ignored: the pool that is given has its own")

    def _keep_in(self, own: Pool) -> None:
        self.pool = self._own_pool = own
        # Many sessions are never closed. Their idle sockets are to end without a ResourceWarning.
        weakref.finalize(self, own.close)

    # --- what a session calls

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Verify = True,
        cert: Certificate = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """Sends one request; returns its response, the body still to be read, whatever `stream`.

        `timeout` is in seconds, None for no limit: a number for each wait, a pair (connecting,
        reading), or a Timeout, ours or urllib3's. `verify` is False, or a file or folder of the
        certificates to trust; `cert` a file with our own certificate and its key, or a pair of
        files. Raises the exceptions of requests, ValueError for what can't be a timeout, and
        OSError for a file that does not exist.
        """
        url = _url(request)
        fields = _fields(request, url)
        proxy = _proxy(request, url, fields, proxies)
        route, target = _way(url, proxy, fields, verify, cert)
        method, body, limit = request.method or "GET", _body(request.body), timeout_of(timeout)
        try:
            reply = self.pool.send(route, method, target, fields.items(), body, limit)
        except OSError as error:
            rows = ERRORS
            if proxy is not None:
                rows = (ERRORS_WITH_A_PROXY if route.proxy is None else ERRORS_IN_A_TUNNEL) + rows
            kind, said = _translated(error, rows, url.authority, limit)
            raise kind(said, request=request) from error
        return self.build_response(request, RawReply(reply, url.authority))

    def close(self) -> None:
        """Closes the idle connections of a pool of its own; those in use, when they are free."""
        if self._own_pool is not None:
            self._own_pool.close()

    def build_response(self, request: PreparedRequest, raw: RawReply) -> Response:
        """The Response of requests for a reply."""
        response = Response()
        response.status_code = raw.status
        response.reason = raw.reason
        response.headers = CaseInsensitiveDict(raw.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw = raw
        response.url = request.url or ""
        response.request = request
        response.connection = self  # type: ignore[assignment]  # the stubs know only HTTPAdapter
        extract_cookies_to_jar(response.cookies, request, raw)  # type: ignore[no-untyped-call]
        return response

    # --- pickling, as sessions are

    def __getstate__(self) -> dict[str, Any]:
        state = vars(self).copy()
        if isinstance(self.pool, Pool):
            state |= {"pool": None, "_own_pool": (self.pool.policy, self.pool.limits)}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if state["pool"] is None:
            self._keep_in(Pool(*state["_own_pool"]))


# --- from a prepared request to what the engine sends


def _url(request: PreparedRequest) -> URL:
    try:
        url = URL.parse(request.url or "")
    except base.errors.InvalidURL as error:
        raise exceptions.InvalidURL(error, request=request) from error
    if url.scheme not in SCHEMES:
        known = ", ".join(SCHEMES)
        raise exceptions.InvalidSchema(
            f"{url.scheme} is no scheme of this adapter, which knows {known}", request=request
        )
    return url


def _fields(request: PreparedRequest, url: URL) -> Headers:
    """The fields to send, Host first; what is None, or urllib3's mark for it, is left out."""
    given = request.headers.items()
    kept = CaseInsensitiveDict([item for item in given if item[1] not in (None, SKIP_HEADER)])
    host = kept.pop("Host", url.authority)
    fields = Headers.of([("Host", host), *kept.items()])
    if "content-length" in fields:
        del fields["transfer-encoding"]  # which requests adds to every iterable
    accepted = fields.get("accept-encoding")
    if accepted is None:
        fields["Accept-Encoding"] = "identity"  # as without this adapter
    elif accepted == DEFAULT_ACCEPT_ENCODING and not is_supported(accepted):
        fields.set("Accept-Encoding", accept_encoding())  # urllib3 has a library that we have not
    return fields


def _proxy(
    request: PreparedRequest, url: URL, fields: Headers, proxies: Mapping[str, str] | None
) -> Proxy | None:
    """The proxy that `proxies` name for a URL. Raises InvalidProxyURL.

    Credentials for it that stand in `fields`, where HTTPProxyAuth puts them, and requests itself
    after a redirect, are taken out: the host behind a tunnel must not see them. They count where
    the proxy's URL has none.
    """
    named = select_proxy(str(url), proxies) if url.scheme in ("http", "https") else None
    if not named:
        return None
    credentials = fields.get("proxy-authorization")
    del fields["proxy-authorization"]
    try:
        proxy = Proxy.parse(named)
    except base.errors.InvalidRequest as error:
        raise exceptions.InvalidProxyURL(error, request=request) from error
    return proxy.replace(authorization=credentials) if proxy.authorization is None else proxy


def _is_forwarded(url: URL, proxy: Proxy) -> bool:
    """Whether a proxy is sent the whole request; else it leads to the host."""
    return url.scheme == "http" and proxy.reads_requests


def _way(
    url: URL, proxy: Proxy | None, fields: Headers, verify: Verify, cert: Certificate
) -> tuple[Route, str]:
    """The route of a request and its target; a proxy's credentials go into `fields` if it is to
    read them there.
    """
    if proxy is not None and _is_forwarded(url, proxy):
        if proxy.authorization is not None:
            fields["Proxy-Authorization"] = proxy.authorization
        tls = tls_settings(verify) if proxy.is_secured else None
        return Route(proxy.kind, proxy.host, proxy.port, tls), url.absolute
    if proxy is not None and proxy.is_secured:
        proxy = proxy.replace(tls=tls_settings(verify))
    tls = tls_settings(verify, cert) if url.scheme == "https" else None
    return Route(url.scheme, url.host, url.port or 0, tls, proxy=proxy), url.target


def _body(data: Any) -> RequestBody:
    """The body that requests prepared. Text is sent as UTF-8, also from files and iterators."""
    if isinstance(data, str):
        data = data.encode()
    elif isinstance(data, io.TextIOBase):
        data = map(_encoded, iter(partial(data.read, READ_CHARACTERS), ""))
    elif isinstance(data, Iterator) and not hasattr(data, "read"):
        data = map(_encoded, data)
    return bodies.request_body(data)


def _encoded(piece: Any) -> Any:
    return piece.encode() if isinstance(piece, str) else piece


def timeout_of(given: Any) -> Timeout:
    """The Timeout for what requests takes as one. Raises ValueError for what can't be."""
    if isinstance(given, Timeout):
        return given
    try:
        if isinstance(given, URLLib3Timeout):
            running = given.clone()
            running.start_connect()  # its `total` counts from here
            given = running.connect_timeout, running.read_timeout
        connect, read = given if isinstance(given, tuple) else (given, given)
        return Timeout(_seconds(connect), _seconds(read))
    except (TypeError, ValueError) as error:
        raise ValueError(
            "timeout must be an int, float or None, or a (connect, read) tuple of two such, each"
            f" above 0, not {given!r}"
        ) from error


def _seconds(given: Any) -> Any:
    """A number of any kind as a float; what Timeout is to refuse, as it is."""
    if given is None or given is URLLib3Timeout.DEFAULT_TIMEOUT:
        return None
    return given if isinstance(given, (bool, str)) else float(given)


# --- from our errors to those of requests


class ProxyTimeout(exceptions.ProxyError, exceptions.ConnectTimeout):
    """Raised when a proxy, or a host through it, takes too long to be connected to."""


def _translated(
    error: OSError, rows: Rows, authority: str, timeout: Timeout
) -> tuple[type[exceptions.RequestException], object]:
    """The exception of requests for an error in an exchange with `authority`, and what it says.

    An OSError that is none of ours comes from the file that was being sent.
    """
    kind = next(theirs for ours, theirs in rows if isinstance(error, ours))
    broken = isinstance(error, base.errors.ConnectionBroken)
    if kind is exceptions.SSLError or (broken and is_tls_fault(error)):
        return exceptions.SSLError, f"{error} ({getattr(error, 'reason', '')})"
    if kind is exceptions.ReadTimeout:
        is_total = isinstance(error, base.errors.TotalTimedOut)
        limit = f"total timeout={timeout.total}" if is_total else f"read timeout={timeout.read}"
        return kind, ReadTimeoutError(authority, None, f"Read timed out. ({limit})")  # type: ignore[arg-type]
    if broken or (
        kind is exceptions.ConnectionError and isinstance(error, base.errors.ProtocolError)
    ):
        return kind, ProtocolError("Connection aborted.", error)
    return kind, error


# Of each table the first row that fits decides.

ERRORS: Rows = (
    (base.errors.ConnectTimedOut, exceptions.ConnectTimeout),
    (base.errors.WriteTimedOut, exceptions.ConnectionError),
    (base.errors.TimedOut, exceptions.ReadTimeout),
    (base.errors.TLSFailed, exceptions.SSLError),
    (base.errors.InvalidRequest, exceptions.InvalidHeader),
    (base.errors.BadFraming, exceptions.InvalidHeader),
    (base.errors.IncompleteRead, exceptions.ChunkedEncodingError),
    (OSError, exceptions.ConnectionError),
)
"""What is raised for an error of ours before there is a reply."""

ERRORS_WITH_A_PROXY: Rows = (
    (base.errors.ConnectTimedOut, ProxyTimeout),
    (base.errors.ConnectionFailed, exceptions.ProxyError),
)
"""The rows before these where a proxy was sent the whole request."""

ERRORS_IN_A_TUNNEL: Rows = (
    (base.errors.TLSFailed, exceptions.SSLError),
    *ERRORS_WITH_A_PROXY,
)
"""The rows before these where TLS was with the host behind the proxy."""
