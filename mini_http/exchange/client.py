"""HTTPClient: SimpleClient plus HTTP's words. One connection, one exchange at a time, many in turn.

    http = HTTPClient("localhost:8000")
    status, headers = http.get("/")
    page = http.getbody()

`httpcmd` sends any command; a new one is a method that calls it:

    class DAVClient(HTTPClient):
        def mkcol(self, path):
            return self.httpcmd("MKCOL", path)

What it does below that, `exchange`, is ExchangeClient's.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.escapes import masked
from mini_http.base.headers import Headers
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.timeouts import DEFAULT_SECONDS, Deadline, Timeout
from mini_http.base.url import URL
from mini_http.codec.framing import CloseReason
from mini_http.exchange import request_body as bodies
from mini_http.exchange.exchange_client import ExchangeClient
from mini_http.exchange.hosts import host_of_target
from mini_http.exchange.states import Move, State, after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Self

    from mini_http.base.heads import ResponseHead
    from mini_http.base.limits import Limits
    from mini_http.connect.dial import DialOptions
    from mini_http.connect.simple_client import SimpleClient
    from mini_http.connect.streams import Stream
    from mini_http.connect.tls import TLSSettings
    from mini_http.exchange.form_body import FormFields, FormFiles
    from mini_http.exchange.request_body import BodySource, RequestBody
    from mini_http.exchange.response import HTTPResponse

    Field = tuple[str, str]
    GivenFields = Headers | Mapping[str, str] | Iterable[tuple[str, str]]


class HTTPClient(ExchangeClient):
    """A client for the server at `address`: "host", "host:port" or "[v6]:port".

    It connects at the first command and again whenever the server closed the connection in
    between. `timeout` is in seconds, or a Timeout. `on_interim` is called with the head of each
    interim reply (100, 102, 103).
    """

    scheme = "http"

    def __init__(
        self,
        address: str,
        *,
        timeout: float | Timeout | None = DEFAULT_SECONDS,
        limits: Limits = DEFAULT_LIMITS,
        options: DialOptions | None = None,
        on_interim: Callable[[ResponseHead], object] | None = None,
    ) -> None:
        url = URL.parse(f"{self.scheme}://{address}")
        if url.target != "/" or url.username is not None or url.fragment is not None:
            raise base.errors.InvalidURL(f"not a host with an optional port: {masked(address)!r}")
        self.timeouts = Timeout.of(timeout)
        self._begin(self.timeouts.read, limits)
        self.host, self.port, self.authority = url.host, url.port or 0, url.authority
        self._options = options
        self.on_interim = on_interim

    @classmethod
    def over(
        cls,
        stream: Stream,
        *,
        timeout: float | Timeout | None = DEFAULT_SECONDS,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Self:
        """A client over a stream that is already open; it can't connect again."""
        timeouts = Timeout.of(timeout)
        client = super().over(stream, timeout=timeouts.read, limits=limits)
        client.timeouts = timeouts
        return client

    # What holds before the first exchange, also for a client made with `over`.
    timeouts = Timeout()
    host = ""
    port = 0
    authority = ""
    response: HTTPResponse | None = None
    """The last reply of `httpcmd`."""
    _options: DialOptions | None = None

    # --- commands

    def httpcmd(
        self,
        command: str,
        document: str,
        headers: GivenFields | None = None,
        body: BodySource | RequestBody | None = None,
        *,
        json: Any = None,
        form: FormFields | None = None,
        files: FormFiles | None = None,
    ) -> tuple[int, Headers]:
        """Sends `command` for `document` (a path with its query); returns (status, headers).

        `headers` are sent in their order and case, after Host. `body` is bytes, a file or an
        iterable of bytes. What was left of the reply before is dropped. Raises InvalidField,
        the ConnectionFailed and TimedOut errors, and ProtocolError for a reply that is none.
        """
        if json is not None or form is not None or files is not None:
            from mini_http.exchange.form_body import body_of

            body = body_of(body, json, form, files, called="body")
        if self.response is not None:
            self.response.close()
            self.response = None
        fields = _pairs(headers)
        if all(str(name).lower() != "host" for name, _ in fields):
            fields.insert(0, ("Host", host_of_target(command, document) or self.authority))
        self.timeout = self.timeouts.read
        self.deadline = None if self.timeouts.total is None else Deadline(self.timeouts.total)
        if self.state is State.IDLE and self._is_left():
            self.close_because(CloseReason.SERVER_CLOSED)
        if self.closed:
            self.connect()
        self.response = self.exchange(command, document, fields, bodies.request_body(body))
        return self.response.status, self.response.headers

    def get(self, document: str, headers: GivenFields | None = None) -> tuple[int, Headers]:
        """GET; the body is then there for `getbody`."""
        return self.httpcmd("GET", document, headers)

    def head(self, document: str, headers: GivenFields | None = None) -> tuple[int, Headers]:
        """HEAD: the same status and headers as GET would give, without a body."""
        return self.httpcmd("HEAD", document, headers)

    def upgrade(
        self, document: str, protocol: str, headers: GivenFields | None = None
    ) -> SimpleClient:
        """Asks for another protocol on this connection (RFC 9110 section 7.8), with GET.

        Returns the bare connection once the server has switched: what it says next is there to be
        read, and this client is closed. The reply with its headers is in `response`. Raises
        UpgradeRefused if it has not switched to `protocol`; its reply can then be read.
        """
        status, switched = self.httpcmd("GET", document, _asking_for(protocol, _pairs(headers)))
        assert self.response is not None
        if status != 101 or protocol.lower() not in switched.tokens("Upgrade"):
            raise base.errors.UpgradeRefused(
                f"the server did not switch to {protocol}: {status} {self.response.reason}",
                self.response,
            )
        return self.response.detach()

    def getbody(self) -> bytes:
        """The body of the last reply, whole, or what is left of it. Raises IncompleteRead."""
        if self.response is None:
            raise base.errors.StateError("there is no reply yet: send a command first")
        return self.response.read()

    # --- the connection

    def connect(self) -> None:
        """Opens the connection, if it isn't."""
        if not self.closed:
            return
        if not self.host:
            raise base.errors.StateError("a client over a stream can't connect again")
        deadline = (self.deadline or Deadline(None)).within(self.timeouts.connect)
        self._open(self.host, self.port, deadline, self._options)
        self._begin_connection(after(State.CLOSED, Move.CONNECT))


class HTTPSClient(HTTPClient):
    """HTTPClient over TLS. `tls` says whom to trust and who we are; by default, certifi's CAs."""

    scheme = "https"
    _tls_as_socket = True  # for who takes its stream, after an upgrade or to ask it things

    def __init__(
        self,
        address: str,
        *,
        tls: TLSSettings | None = None,
        timeout: float | Timeout | None = DEFAULT_SECONDS,
        limits: Limits = DEFAULT_LIMITS,
        options: DialOptions | None = None,
        on_interim: Callable[[ResponseHead], object] | None = None,
    ) -> None:
        super().__init__(
            address, timeout=timeout, limits=limits, options=options, on_interim=on_interim
        )
        self.tls = tls

    def connect(self) -> None:
        """Opens the connection, and TLS on it, if it isn't."""
        if self.closed:
            super().connect()
            self.timeout = self.timeouts.connect
            try:
                self.starttls(self.host, self.tls)
            finally:
                self.timeout = self.timeouts.read


def _pairs(headers: GivenFields | None) -> list[Field]:
    """Fields as callers give them, as a list of our own."""
    given = headers or ()
    return list(given.items() if hasattr(given, "items") else given)


def _asking_for(protocol: str, given: list[Field]) -> list[Field]:
    """The fields that were given and those that ask for `protocol`, which come once each."""
    options = [value for name, value in given if str(name).lower() == "connection"]
    if all("upgrade" not in Headers([("", value)]).tokens("") for value in options):
        options.append("Upgrade")
    others = [field for field in given if str(field[0]).lower() not in ("connection", "upgrade")]
    return [*others, ("Connection", ", ".join(options)), ("Upgrade", protocol)]
