"""HTTPClient: SimpleClient plus HTTP's words. One connection, one exchange at a time, many in turn.

    http = HTTPClient("localhost:8000")
    status, headers = http.get("/")
    page = http.getbody()

`httpcmd` sends any command; a new one is a method that calls it:

    class DAVClient(HTTPClient):
        def mkcol(self, path):
            return self.httpcmd("MKCOL", path)

`exchange` is the engine below: it sends what `codec` wrote, reads a head, asks `codec` how the body
is framed, and returns an HTTPResponse. It decides when the connection must close, and says why in
`close_reason`. It knows no pool and no URLs; whoever lends it sets `on_free`.
"""

from __future__ import annotations

from os import getpid
from time import monotonic

from mini_http import base
from mini_http.base.escapes import masked
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.timeouts import DEFAULT_SECONDS, Deadline, Timeout
from mini_http.base.url import URL
from mini_http.codec.framing import (
    NO_BODY,
    CloseReason,
    Length,
    close_reason,
    response_framing,
)
from mini_http.codec.grammar import HEAD_END
from mini_http.codec.heads import field_lines, join_request_head, read_response_head
from mini_http.connect.simple_client import SimpleClient
from mini_http.exchange import request_body as bodies
from mini_http.exchange.body import BodyReader, BytesReader, body_reader
from mini_http.exchange.response import HTTPResponse
from mini_http.exchange.sending import SMALL_BYTES, framed_pieces, request_framing, send_body
from mini_http.exchange.states import Move, State, after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Self

    from mini_http.base.headers import Headers
    from mini_http.base.heads import ResponseHead
    from mini_http.base.limits import Limits
    from mini_http.connect.dial import DialOptions
    from mini_http.connect.streams import Stream
    from mini_http.connect.tls import TLSSettings
    from mini_http.exchange.request_body import BodySource, RequestBody
    from mini_http.exchange.sending import SentFraming

    Field = tuple[str, str]
    GivenFields = Headers | Mapping[str, str] | Iterable[tuple[str, str]]

CONTINUE_SECONDS = 1.0
"""How long `Expect: 100-continue` waits before the body is sent all the same (RFC 9110 10.1.1)."""

DRAIN_SECONDS = 1.0
"""How long an unread rest is waited for before the connection is closed instead."""


class HTTPClient(SimpleClient):
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
    on_interim: Callable[[ResponseHead], object] | None = None
    on_free: Callable[[HTTPClient], object] | None = None
    """Called when a reply has ended and the connection can take another request."""
    response: HTTPResponse | None = None
    """The last reply of `httpcmd`."""
    close_reason: CloseReason | None = None
    """Why the connection closes after this reply, or was closed."""
    exchanges = 0
    """How many requests were sent on this connection."""
    reply_begun = False
    """Whether anything of the reply to the last request has come."""
    _state = State.IDLE
    _interim_replies = 0
    _options: DialOptions | None = None

    # --- commands

    def httpcmd(
        self,
        command: str,
        document: str,
        headers: GivenFields | None = None,
        body: BodySource | RequestBody | None = None,
    ) -> tuple[int, Headers]:
        """Sends `command` for `document` (a path with its query); returns (status, headers).

        `headers` are sent in their order and case, after Host. `body` is bytes, a file or an
        iterable of bytes. What was left of the reply before is dropped. Raises InvalidField,
        the ConnectionFailed and TimedOut errors, and ProtocolError for a reply that is none.
        """
        if self.response is not None:
            self.response.close()
            self.response = None
        given = headers or ()
        pairs = given.items() if hasattr(given, "items") else given
        fields = [(name, value) for name, value in pairs]
        if all(name.lower() != "host" for name, _ in fields):
            fields.insert(0, ("Host", self.authority))
        self.timeout = self.timeouts.read
        self.deadline = None if self.timeouts.total is None else Deadline(self.timeouts.total)
        if self.exchanges and self.state is State.IDLE and self.has_input():
            # The server closed it, or said something that nobody asked for.
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
        self._begin_connection()

    def _begin_connection(self) -> None:
        self._state = after(State.CLOSED, Move.CONNECT)
        self.close_reason = None
        self.exchanges = 0

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return State.CLOSED if self.closed else self._state

    def close_because(self, reason: CloseReason) -> None:
        """Closes the connection and notes why."""
        if self.close_reason is None:
            self.close_reason = reason
        self.close()

    # --- one exchange

    def exchange(
        self,
        method: str,
        target: str,
        fields: Sequence[Field],
        body: RequestBody = bodies.NO_BODY,
    ) -> HTTPResponse:
        """Sends one request over the open connection and returns its reply, its head read.

        `fields` are complete, Host included; only the framing of the body is added. Raises
        StateError unless the connection is idle; InvalidField, with nothing sent; and all that can
        go wrong with a connection and a reply, after which the connection is closed.
        """
        if self._stream is None or self._state is not State.IDLE:
            after(self.state, Move.SEND)  # raises
        fields = tuple(fields)
        try:
            lines = field_lines(fields)
        except TypeError:  # a list or its like as a value is no key of its cache
            lines = field_lines.__wrapped__(fields)  # which names it
        control = lines.control
        framing = request_framing(method, fields, control, body)
        if framing.fields:
            lines = field_lines(fields + framing.fields)
        head = join_request_head(method, target, lines)
        self._state = State.SENDING
        self.exchanges += 1
        self.reply_begun = False
        self._interim_replies = 0
        try:
            if framing.length == 0 and not control:  # the usual GET
                self.write(head)
                return self._begin_reply(method, self._read_head(), False)
            expects_continue = "expect" in control and framing.length != 0
            early = self._send(head, body, framing, expects_continue)
            reply = early or self._read_head()
            if "connection" in control and _says_close(fields):
                self.close_reason = CloseReason.REQUEST_SAID_CLOSE
            elif early is not None:
                self.close_reason = CloseReason.EARLY_REPLY
            return self._begin_reply(method, reply, "upgrade" in control)
        except BaseException as error:
            self.close_because(_why_closed(error))
            raise

    def _send(
        self, head: bytes, body: RequestBody, framing: SentFraming, expects_continue: bool
    ) -> ResponseHead | None:
        """Sends a request; returns the reply head if one came before all of the body was sent."""
        if framing.length is not None and framing.length <= SMALL_BYTES and not expects_continue:
            self.write(b"".join([head, *framed_pieces(body, framing)]))
            return None
        self.write(head)
        early = self._wait_for_continue() if expects_continue else None
        return early or self._send_long_body(body, framing)

    def _wait_for_continue(self) -> ResponseHead | None:
        """Waits for a 100 (Continue); returns the reply head if the reply itself comes instead."""
        until = monotonic() + CONTINUE_SECONDS
        while self.wait_for_input(until - monotonic()):
            head = self._read_head(give_interim=True)
            if head.status == 100:
                break
            if not _is_interim(head):
                return head
        return None

    def _send_long_body(self, body: RequestBody, framing: SentFraming) -> ResponseHead | None:
        """Sends a body after its head; returns the reply head if the reply comes first."""
        early: ResponseHead | None = None

        def goes_on() -> bool:
            nonlocal early
            head = self._read_head(give_interim=True)
            early = None if _is_interim(head) else head
            return early is None

        return None if send_body(self, body, framing, goes_on) else early or self._read_head()

    def _read_head(self, give_interim: bool = False) -> ResponseHead:
        """The next reply head; interim ones are skipped, unless `give_interim`."""
        limits = self.limits
        began = monotonic()
        expires = None  # for the first head, which is nearly always the only one: `timeout`
        while True:
            try:
                block = self.read_until(
                    HEAD_END, limits.head_bytes, "bytes in the reply head", expires
                )
            except (base.errors.IncompleteRead, base.errors.ReadTimedOut) as error:
                _check_is_http(getattr(error, "partial", self._input[self._start :]))
                raise
            self.reply_begun = True
            head = read_response_head(block, limits)
            if head.status >= 200 or head.status == 101:
                return head
            self._count_interim(head)
            if give_interim:
                return head
            if self.timeout is not None:
                expires = began + self.timeout

    def _count_interim(self, head: ResponseHead) -> None:
        """Offers an interim reply to the hook. Raises LimitExceeded for one too many."""
        self._interim_replies += 1
        if self._interim_replies > self.limits.interim_replies:
            raise base.errors.LimitExceeded("interim replies", self.limits.interim_replies)
        if self.on_interim is not None:
            self.on_interim(head)

    def _begin_reply(self, method: str, head: ResponseHead, asked_upgrade: bool) -> HTTPResponse:
        """The reply that has this head; its body comes from the connection as it is read."""
        status = head.status
        if status == 101 or (method == "CONNECT" and 200 <= status < 300):
            if status == 101 and not asked_upgrade:
                raise base.errors.UnaskedUpgrade("the server switched protocols (101) unasked")
            self._state = after(self._state, Move.SWITCH)
            self.close_reason = CloseReason.SWITCHED
            return HTTPResponse(head, BodyReader(), None, CloseReason.SWITCHED, self.limits)
        framing = response_framing(method, head)
        reason = self.close_reason
        if reason is None:
            reason = self.close_reason = close_reason(head, framing)
        if framing is NO_BODY:
            reader = BodyReader()
        elif type(framing) is Length and framing.count == len(self._input) - self._start:
            # The usual small reply came whole with its head: the connection is free at once.
            reader = BytesReader(self.read_some(framing.count)) if framing.count else BodyReader()
        else:
            self._state = after(self._state, Move.GET_REPLY)
            reader = body_reader(framing, self)
            return HTTPResponse(head, reader, self, reason, self.limits)
        response = HTTPResponse(head, reader, None, reason, self.limits)
        self.end_reply()
        return response

    # --- the end of a reply, told by HTTPResponse

    def end_reply(self) -> None:
        """The body has been read to its end: the connection is idle again, or closes."""
        if self.close_reason is None and self._start == len(self._input):
            self._state = after(self._state, Move.END_REPLY)
            self.deadline = None  # it was for this exchange
            if self.on_free is not None:
                self.on_free(self)
        else:
            self.close_because(CloseReason.EXTRA_BYTES)

    def abandon_reply(self, error: BaseException | None = None) -> None:
        """The body will not be read to its end: the connection closes."""
        reason = CloseReason.UNREAD_BODY if error is None else _why_closed(error)
        self.close_because(reason)

    def prepare_to_drain(self) -> bool:
        """Whether the rest of the reply may be read and dropped; if so, in a short time only."""
        if self.close_reason is not None or self._process != getpid():
            return False
        self.deadline = (self.deadline or Deadline(None)).within(DRAIN_SECONDS)
        return True


class HTTPSClient(HTTPClient):
    """HTTPClient over TLS. `tls` says whom to trust and who we are; by default, certifi's CAs."""

    scheme = "https"

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
            self.starttls(self.host, self.tls)
            self.timeout = self.timeouts.read


def _is_interim(head: ResponseHead) -> bool:
    return head.status < 200 and head.status != 101


def _says_close(fields: Sequence[Field]) -> bool:
    return any(
        name.lower() == "connection" and "close" in value.lower().replace(" ", "").split(",")
        for name, value in fields
    )


def _check_is_http(begun: bytes) -> None:
    """Raises BadStatusLine if what came can't be the beginning of an HTTP/1 reply."""
    if not begun.startswith(_BEGINNING[: len(begun)]):
        line = begun[:80].decode("latin-1")
        raise base.errors.BadStatusLine(f"no HTTP/1 status line: {line!r}", line)


_BEGINNING = b"HTTP/1."


def _why_closed(error: BaseException) -> CloseReason:
    if not isinstance(error, Exception):
        return CloseReason.INTERRUPTED
    for kind, reason in (
        (base.errors.TimedOut, CloseReason.TIMED_OUT),
        (base.errors.RemoteDisconnected, CloseReason.SERVER_CLOSED),
        (base.errors.IncompleteRead, CloseReason.BODY_CUT),
        (base.errors.ProtocolError, CloseReason.PROTOCOL_FAULT),
        (base.errors.ConnectionBroken, CloseReason.BROKEN),
    ):
        if isinstance(error, kind):
            return reason
    return CloseReason.INTERRUPTED
