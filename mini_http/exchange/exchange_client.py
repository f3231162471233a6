"""ExchangeClient: SimpleClient plus one exchange at a time, many in turn.

`exchange` sends what `codec` wrote, reads a head, asks `codec` how the body is framed, and returns
an HTTPResponse, which tells when it has come to its end. ExchangeClient keeps the state of the
connection by the table of states.py. It decides when the connection must close, and says why in
`close_reason`. It knows no commands, no pool and no URLs; whoever lends it sets `on_free`.
"""

from __future__ import annotations

from os import getpid
from weakref import ref

from mini_http import base
from mini_http.base.commands import command
from mini_http.base.headers import Headers
from mini_http.base.timeouts import Deadline
from mini_http.codec.framing import (
    NO_BODY,
    CloseReason,
    Length,
    close_reason,
    response_framing,
)
from mini_http.codec.heads import field_lines, join_request_head
from mini_http.connect.reply_head import InterimReplies, receive_final_head
from mini_http.connect.simple_client import SimpleClient
from mini_http.exchange import request_body as bodies
from mini_http.exchange.body import BodyReader, BytesReader, body_reader
from mini_http.exchange.early_reply import EarlyReply, expects_continue
from mini_http.exchange.reply_face import NothingReader
from mini_http.exchange.response import HTTPResponse
from mini_http.exchange.sending import framed_pieces, request_framing, send_body
from mini_http.exchange.states import Move, State, after, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from mini_http.base.heads import ResponseHead
    from mini_http.exchange.request_body import RequestBody
    from mini_http.exchange.sending import SentFraming

    Field = tuple[str, str]

DRAIN_SECONDS = 1.0
"""How long an unread rest is waited for before the connection is closed instead."""

_NOT_OF_FRAMING = frozenset({"connection"})
"""What a request without a body may have, and is still sent as the usual GET is."""


class ExchangeClient(SimpleClient):
    """See above. HTTPClient has the commands."""

    # What holds before the first exchange, also for a client made with `over`.
    on_interim: Callable[[ResponseHead], object] | None = None
    """Called with the head of each interim reply."""
    on_free: Callable[[ExchangeClient], object] | None = None
    """Called when a reply has ended and the connection can take another request."""
    on_last: Callable[[ExchangeClient], object] | None = None
    """Called when a reply has ended and the connection is about to close."""
    close_reason: CloseReason | None = None
    """Why the connection closes after this reply, or was closed."""
    shares_socket = False
    """Whether the program may use the socket of a connection that is kept alive."""
    exchanges = 0
    """How many requests were sent on this connection."""
    _state = State.IDLE
    _interim: InterimReplies | None = None
    """Those to the last request, once there are any."""
    _reply: ref[HTTPResponse] | None = None
    """The last reply that was not whole when its head came."""

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
            # Raises, also where another request was begun, step by step, and could be sent.
            after(self.state, Move.START if self.state is State.STARTED else Move.SEND)
        if self._start < len(self._input):
            self._refuse_unasked()
        fields = tuple(fields)
        try:
            lines = field_lines(fields)
        except TypeError:  # a list or its like as a value is no key of its cache
            lines = field_lines.__wrapped__(fields)  # which names it
        control = lines.control
        framing = None
        has_body = body is not bodies.NO_BODY or command(method).has_request_body
        if has_body or not control <= _NOT_OF_FRAMING:
            framing = request_framing(method, fields, control, body)
            if framing.fields:
                lines = field_lines(fields + framing.fields)
        head = join_request_head(method, target, lines)
        self._state = State.SENDING
        self.exchanges += 1
        self._interim = None
        early, was_sent = None, True
        try:
            if framing is None:  # the usual GET
                self.write(head)
            else:
                early = EarlyReply(method)
                waits = "expect" in control and expects_continue(Headers(list(fields)))
                was_sent = self._send(head, body, framing, waits, early)
            reply = (early and early.head) or receive_final_head(self, self.note_interim)
            if lines.says_close:
                self.close_reason = CloseReason.REQUEST_SAID_CLOSE
            elif not was_sent:
                self.close_reason = CloseReason.EARLY_REPLY
            response = HTTPResponse.__new__(HTTPResponse)
            response.url = ""
            self._fill(response, method, reply, "upgrade" in control)
        except BaseException as error:
            self._give_up(error)
            raise
        return response

    def _send(
        self,
        head: bytes,
        body: RequestBody,
        framing: SentFraming,
        expects_continue: bool,
        early: EarlyReply,
    ) -> bool:
        """Sends a request; whether all of it was sent. Else its reply came, or is to be read."""
        expects_continue = expects_continue and framing.length != 0
        if framing.is_short and not expects_continue:
            self.write(b"".join([head, *framed_pieces(body, framing)]))
            return True
        self.write(head)
        if expects_continue and not early.is_continue(self):
            return False
        return send_body(self, body, framing, lambda: early.lets_go_on(self))

    def note_interim(self, head: ResponseHead) -> None:
        """Offers an interim reply to the hook. Raises LimitExceeded for one too many."""
        if self._interim is None:
            self._interim = InterimReplies(self.limits, self.on_interim)
        self._interim.note(head)

    def _fill(
        self, response: HTTPResponse, method: str, head: ResponseHead, asked_upgrade: bool
    ) -> None:
        """Makes `response` the reply that has this head; its body comes as it is read."""
        status = head.status
        if status == 101 or (method == "CONNECT" and 200 <= status < 300):
            if status == 101 and not asked_upgrade:
                raise base.errors.UnaskedUpgrade("the server switched protocols (101) unasked")
            self._state = after(self._state, Move.SWITCH)
            self.close_reason = CloseReason.SWITCHED
            self._reply = ref(response)
            response.take_head(head, BodyReader(), self, CloseReason.SWITCHED, self.limits)
            return
        framing = response_framing(method, head)
        reason = self.close_reason
        if reason is None:
            reason = self.close_reason = close_reason(head, framing)
        if framing is NO_BODY:
            reader: BodyReader = NothingReader()
        elif type(framing) is Length and framing.count == len(self._input) - self._start:
            # The usual small reply came whole with its head: the connection is free at once.
            data = self._input[self._start :]
            self._input, self._start = b"", 0
            reader = BytesReader(data) if data else NothingReader()
        else:
            self._state = after(self._state, Move.GET_REPLY)
            self._reply = ref(response)
            self.expect_more()
            response.take_head(head, body_reader(framing, self), self, reason, self.limits)
            return
        response.take_head(head, reader, None, reason, self.limits)
        self.end_reply()

    # --- the end of a reply, told by HTTPResponse

    def end_reply(self) -> None:
        """The body has been read to its end: the connection is idle again, or closes."""
        if self.close_reason is None and self._start == len(self._input):
            self._state = after(self._state, Move.END_REPLY)
            self.deadline = None  # it was for this exchange
            if self.on_free is not None:
                self.on_free(self)
        else:
            if self.on_last is not None:
                self.on_last(self)
            self.close_because(CloseReason.EXTRA_BYTES)

    def abandon_reply(self, error: BaseException | None = None) -> None:
        """The body will not be read to its end: the connection closes."""
        if error is None:
            self.close_because(CloseReason.UNREAD_BODY)
        else:
            self._give_up(error)

    def prepare_to_drain(self) -> bool:
        """Whether the rest of the reply may be read and dropped; if so, in a short time only."""
        if self.close_reason is not None or self._process != getpid():
            return False
        self.deadline = (self.deadline or Deadline(None)).within(DRAIN_SECONDS)
        return True

    def hand_over(self) -> SimpleClient:
        """The connection for another protocol, with what has come; this client is closed then."""
        self.deadline = None  # it was for this exchange
        client = SimpleClient.continuing(self)
        client.stage = self.stage
        return client

    # --- the connection

    def _begin_connection(self, state: State) -> None:
        self._state = state
        self.close_reason = None
        self.exchanges = 0
        reply = self._unread_reply()
        if reply is not None:  # or it would take for its own what comes now
            reply.cut_off()

    def _unread_reply(self) -> HTTPResponse | None:
        """The reply whose rest is still to come over this connection, if anyone holds it."""
        reply = None if self._reply is None else self._reply()
        return reply if reply is not None and reply.comes_over(self) else None

    def _is_left(self) -> bool:
        """Whether the server has closed an idle connection, or said something on it.

        Raises UnaskedReply for what it says before the first request: after others it may be of a
        reply to them, and another connection will do.
        """
        stream = self._stream
        if stream is None or not self.has_input():
            return False
        if self.exchanges == 0:
            try:
                has_spoken = self.buffered() or stream.recv(1)
            except OSError:
                has_spoken = False
            if has_spoken:
                self._refuse_unasked()
        return True

    def _refuse_unasked(self) -> NoReturn:
        message = "the server said something before it was asked anything"
        raise self._ended_by(base.errors.UnaskedReply(message))

    @property
    def state(self) -> State:
        """Where the connection stands."""
        if self._stream is None and self._state is not State.STARTED:
            return State.CLOSED
        return self._state

    @property
    def was_received(self) -> bool:
        """Whether an interim reply has shown that the server received the last request."""
        return self._interim is not None

    def close_because(self, reason: CloseReason) -> None:
        """Closes the connection and notes why."""
        if self.close_reason is None:
            self.close_reason = reason
        self.close()
        self.deadline = None  # it was for this exchange

    @property
    def stage(self) -> str:  # type: ignore[override]
        """What errors are told: the state, also where a step below has closed the connection."""
        return name_of(self._state)

    def _ended_by(self, error: base.errors.MiniHTTPError) -> base.errors.MiniHTTPError:
        self.tell_state(error)
        self.close_because(_why_closed(error))
        return error

    def _give_up(self, error: BaseException) -> None:
        """Closes the connection because of `error`, which learns the state it came in."""
        if isinstance(error, base.errors.MiniHTTPError):
            self._ended_by(error)
        else:
            self.close_because(_why_closed(error))


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
