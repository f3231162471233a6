"""Mocking with the `responses` library, which is made for `requests`: for urlopen and its openers.

    with mocked() as responses:
        responses.get("http://example.com/", body="hello")
        assert urlopen("http://example.com/").read() == b"hello"

`responses` answers in the place of the adapter by which `requests` sends. So requests are handed to
that adapter here, and what comes back is made a reply of ours. All else stays with the opener: it
follows redirects, decodes, keeps cookies, raises HTTPError. Errors become those of `base.errors`.
`requests` and `responses` are imported when they are needed, by those who use this.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext

from mini_http import base
from mini_http.base.timeouts import DEFAULT_TIMEOUT
from mini_http.base.url import URL
from mini_http.exchange import request_body as bodies
from mini_http.exchange.body import BodyReader
from mini_http.exchange.response import HTTPResponse
from mini_http.opener.handlers.http import FORM_TYPE, HTTPHandler, HTTPSHandler
from mini_http.tools.standins import (
    body_length,
    in_place_of_shared_pool,
    made_head,
    sent_fields,
    url_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

    from requests import PreparedRequest
    from responses import RequestsMock

    from mini_http.base.heads import ResponseHead
    from mini_http.base.timeouts import Deadline, Timeout
    from mini_http.exchange.request_body import RequestBody
    from mini_http.keepalive.route import Route
    from mini_http.tools.standins import Field


@contextmanager
def mocked(active: RequestsMock | None = None) -> Iterator[RequestsMock]:
    """While it is entered, `responses` answers all that openers do over http and https.

    That holds for `urlopen` and for every opener without a pool of its own, and for `requests`.
    Gives a RequestsMock of its own, which raises AssertionError at the end if some reply was not
    asked for; or `active`, one that is active already, as `responses.mock` is under
    `@responses.activate`. Raises ImportError if `requests` or `responses` is not installed, and
    ValueError if nothing is active: requests would go out to the network.
    """
    sender = RequestsSender()
    if active is not None and sender.is_on_its_own:
        raise ValueError("the mock that is given is not active: call its start(), or enter it")
    own = _imported("responses").RequestsMock() if active is None else nullcontext(active)
    try:
        with own as mock, in_place_of_shared_pool(sender):
            yield mock
    finally:
        sender.close()


class ResponsesHandler(HTTPSHandler, HTTPHandler):
    """Opens http and https requests through `requests`, for `build_opener(ResponsesHandler)`.

    It takes the place of the handlers of both schemes. What `responses` does not answer goes out to
    the network by `requests`, with the settings of `requests`. Raises ImportError if that is not
    installed.
    """

    def __init__(self) -> None:
        self._sender = RequestsSender()
        super().__init__(pool=self._sender)  # type: ignore[arg-type]  # it has what is wanted

    def close(self) -> None:
        """Closes the connections of `requests`, if there are any."""
        self._sender.close()


class RequestsSender:
    """Has `Pool.send`, and sends by an adapter of `requests`."""

    def __init__(self) -> None:
        self._requests = _imported("requests")
        self._adapter = self._requests.adapters.HTTPAdapter()

    def send(
        self,
        route: Route,
        method: str,
        target: str,
        fields: list[Field],
        body: RequestBody = bodies.NO_BODY,
        timeout: Timeout = DEFAULT_TIMEOUT,
        deadline: Deadline | None = None,
    ) -> HTTPResponse:
        """As Pool.send. `timeout.total` and `deadline` are not kept: `requests` has none."""
        prepared = self._prepared(route, method, target, fields, body)
        same = timeout.connect == timeout.read
        try:
            reply = self._adapter.send(
                prepared,
                stream=True,
                timeout=timeout.read if same else (timeout.connect, timeout.read),
                verify=True,
                cert=None,
                proxies={},
            )
        except Exception as error:
            _raise_as_ours(error)
        raw = reply.raw
        head = made_head(reply.status_code, reply.reason or "", raw.headers.items())
        return _RequestsReply(method, head, raw)

    @property
    def is_on_its_own(self) -> bool:
        """Whether nothing, `responses` or another, was put in the place of the adapter's `send`."""
        return bool(type(self._adapter).send.__module__ == self._requests.adapters.__name__)

    def close(self) -> None:
        """Closes the adapter."""
        self._adapter.close()

    def _prepared(
        self, route: Route, method: str, target: str, fields: list[Field], body: RequestBody
    ) -> PreparedRequest:
        """The request as `requests` would have made it, in what matchers look at."""
        url = url_of(route, target)
        own_host = ("Host", URL.parse(url).authority)  # which requests leaves to urllib3
        prepared: PreparedRequest = self._requests.PreparedRequest()
        prepared.method, prepared.url = method, url
        prepared.headers = self._requests.structures.CaseInsensitiveDict()
        for name, value in sent_fields(method, target, fields, body):
            if (name, value) != own_host:
                before = prepared.headers.get(name)
                prepared.headers[name] = value if before is None else f"{before}, {value}"
        data = b"".join(body.pieces())
        if data:
            prepared.body = data
            content_type = prepared.headers.get("Content-Type", "")
            if content_type.startswith(FORM_TYPE) and data.isascii():
                prepared.body = data.decode()  # forms are text there
        return prepared


class _RequestsReply(HTTPResponse):
    """A reply of ours whose body comes from `raw`, the reply of urllib3 below `requests`' one."""

    __slots__ = ("_raw",)

    def __init__(self, method: str, head: ResponseHead, raw: Any) -> None:
        self.url = ""
        self.take_head(head, _RawReader(raw, body_length(method, head)))
        self._raw = raw

    def close(self) -> None:
        """Gives the connection of `requests` back, if there is one."""
        super().close()
        self._raw.close()


class _RawReader(BodyReader):
    """The body of urllib3's reply, as it was sent; `length` is None if only its end will tell."""

    def __init__(self, raw: Any, length: int | None) -> None:
        self._raw = raw
        raw.enforce_content_length = False  # done here, with the error that is ours
        self.left = length
        self.ended = length == 0

    def read_some(self, limit: int) -> bytes:
        if self.ended:
            return b""
        if self.left is not None:
            limit = min(limit, self.left)
        try:
            data: bytes = self._raw.read(limit, decode_content=False)
        except Exception as error:
            _raise_as_ours(error)
        if self.left is not None:
            if not data:
                raise base.errors.IncompleteRead(b"", self.left)
            self.left -= len(data)
        self.ended = not data or self.left == 0
        return data


def _imported(name: str) -> Any:
    """A library that only those need who use this."""
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"mocking with responses needs the package {name}", name=name) from error


# --- errors


def _raise_as_ours(error: Exception) -> NoReturn:
    """Raises the error that one of `requests`, urllib3 or Python becomes; else `error` itself."""
    if not isinstance(error, base.errors.URLError):
        for kind in type(error).__mro__:
            name = ERRORS.get(f"{kind.__module__}.{kind.__qualname__}")
            if name is not None:
                raise _made(name, error) from error
    raise error


def _made(name: str, error: Exception) -> Exception:
    text = str(error) or type(error).__name__
    kind: Any = getattr(base.errors, name)
    if kind is base.errors.URLError:
        return base.errors.URLError(error)
    if issubclass(kind, base.errors.TimedOut):
        # callers look for these words, and for a TimeoutError as the reason
        text = text if "timed out" in text else f"timed out: {text}"
        made: Exception = kind(text)
    elif kind is base.errors.TLSFailed:
        import ssl

        reason = error if isinstance(error, ssl.SSLError) else ssl.SSLError(text)
        made = kind(text, reason=reason)
    else:
        made = kind(text, reason=error)
    return made


ERRORS = {
    "requests.exceptions.ConnectTimeout": "ConnectTimedOut",
    "requests.exceptions.Timeout": "ReadTimedOut",
    "requests.exceptions.SSLError": "TLSFailed",
    "requests.exceptions.ConnectionError": "ConnectFailed",
    "requests.exceptions.ChunkedEncodingError": "BadChunk",
    "requests.exceptions.ContentDecodingError": "BadCoding",
    "requests.exceptions.InvalidHeader": "BadField",
    "requests.exceptions.InvalidURL": "InvalidURL",
    "requests.exceptions.InvalidSchema": "InvalidURL",
    "requests.exceptions.MissingSchema": "InvalidURL",
    "requests.exceptions.RequestException": "URLError",
    "urllib3.exceptions.TimeoutError": "ReadTimedOut",
    "urllib3.exceptions.SSLError": "TLSFailed",
    "urllib3.exceptions.HTTPError": "ConnectionBroken",
    "ssl.SSLError": "TLSFailed",
    "socket.gaierror": "NameNotResolved",
    "builtins.TimeoutError": "ReadTimedOut",
    "builtins.ConnectionResetError": "ConnectionBroken",
    "builtins.ConnectionAbortedError": "ConnectionBroken",
    "builtins.BrokenPipeError": "ConnectionBroken",
    "builtins.ConnectionError": "ConnectFailed",
    "builtins.OSError": "URLError",
}
"""By the class that an error is or descends from, the nearest one first: the error it becomes."""
