"""StepwiseClient: a client that sends one request piece by piece.

`send` takes the pieces: the head, which opens the connection if need be, then the body, as much of
it as the head has announced. A subclass may override it, and a program call it. If a reply comes
that refuses the rest of the body, no more of it is sent, and the reply is there to be read.
"""

from __future__ import annotations

import re
from errno import EPIPE
from os import strerror
from sys import audit

from mini_http import base
from mini_http.base.escapes import masked
from mini_http.base.headers import SECRET_FIELDS
from mini_http.base.timeouts import Deadline
from mini_http.codec.framing import CloseReason
from mini_http.connect.bounded_stream import NOT_ARMED, broken
from mini_http.exchange import request_body as bodies
from mini_http.exchange.begun_request import BegunRequest
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.early_reply import EarlyReply
from mini_http.exchange.response import HTTPResponse
from mini_http.exchange.sending import SMALL_BYTES, SentFraming, framed_pieces
from mini_http.exchange.shared_socket import SharedSocketClient
from mini_http.exchange.states import Move, State, after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from mini_http.base.limits import Limits
    from mini_http.exchange.request_body import RequestBody

    Pieces = Iterable[memoryview | bytes]

# request-line = method SP request-target SP HTTP-version (RFC 9112 section 3)
_REQUEST_LINE = re.compile(rb"\A[^\r\n]*+(?<= HTTP/1\.[01])(?=[\r\n])")
_SECRET_LINE = re.compile(rb"(?im)^(%s):[^\r\n]*" % "|".join(sorted(SECRET_FIELDS)).encode())


class StepwiseClient(SharedSocketClient):
    """See above. A subclass puts the head together, and reads the reply."""

    response_class: type[Any] = HTTPResponse
    """What `getresponse` returns; called as http.client's, with the socket."""
    auto_open = 1
    """Whether `send` connects if need be."""
    debuglevel = 0
    """Above 0: what is sent and the heads that come are printed, secrets masked."""
    blocksize = bodies.READ_BYTES
    """How many bytes of a file are read and sent at a time."""

    def _begin(self, timeout: float | None, limits: Limits) -> None:
        super()._begin(timeout, limits)
        self._begin_request("GET", 11, State.CLOSED)

    def _begin_request(self, method: str, version: int, state: State) -> None:
        self._request = BegunRequest(method, version)
        self._early = EarlyReply(method)
        self._is_under_way = False  # whether bytes of it may have been sent
        self._interim = None
        self._state = state

    def close(self) -> None:
        """Closes the connection, and drops a request that was begun."""
        super().close()
        self.deadline = None
        self._drop_request()

    def _drop_request(self) -> None:
        if self._state is State.STARTED:
            self._state = State.CLOSED if self.closed else State.IDLE

    # --- the request that was begun

    def _finish_reply(self) -> None:
        """Makes room for a request: what is left of the reply before is read if it is little."""
        if self.state is not State.REPLYING:
            return
        response = self.response
        if isinstance(response, HTTPResponse):
            response.keep_rest()
        elif response is not None and response.isclosed():
            self._state = after(self._state, Move.END_REPLY)

    def _make_ready(self) -> None:
        """Before a request is sent: an idle connection that the server has left is closed."""
        if self._is_left():
            self.close_reason = CloseReason.SERVER_CLOSED
            # Not by `close`: subclasses forget there what they know of the request, and the tunnel.
            SharedSocketClient.close(self)
        self._is_under_way = True
        if self.timeouts.total is not None:
            self.deadline = Deadline(self.timeouts.total)

    def _send_begun(self, head: bytes, body: RequestBody | None, is_chunked: bool) -> None:
        """Sends a request whose head this is, with as much of its body as is wanted."""
        expects_continue = self._request.expects_continue and body is not None and body.length != 0
        pieces = _pieces(body, is_chunked, self._request.body_length)
        if type(body) is bodies.RequestBody and _is_short(body) and not expects_continue:
            data = b"".join(pieces)
            self._request.count(data)
            head, pieces = head + data, ()
        self.send(head)
        self._begin_exchange()
        if expects_continue and self._can_watch() and not self._hears(self._early.is_continue):
            self._request.is_cut = True
        else:
            self._send_while_wanted(pieces)
        self._request.end()

    def _begin_exchange(self) -> None:
        """The head was sent, or a part of it."""
        if self._state is State.STARTED:
            self._state = after(self._state, Move.SEND)
            self.exchanges += 1

    def _send_while_wanted(self, pieces: Pieces) -> None:
        for piece in pieces:
            view = memoryview(piece)
            for start in range(0, view.nbytes, bodies.READ_BYTES):
                if not self._is_wanted():
                    self._request.is_cut = True
                    return
                self.send(bytes(view[start : start + bodies.READ_BYTES]))

    def _has_reply_after(self, error: BaseException) -> bool:
        """Whether a reply is there though sending the request ended in `error`.

        Else the request is dropped and the connection closed; except where it is not for us to look
        for a reply, since who asks for one with `getresponse` may find it.
        """
        if self.closed and self._state is not State.SENDING:  # it could not be opened
            self._drop_request()
            return False
        self._begin_exchange()
        if not isinstance(error, base.errors.SendBroken):
            self._give_up(error)
        elif self._can_watch():
            self._take_early_reply()
            return True
        return False

    # --- one piece of it

    def send(self, data: Any) -> None:
        """Sends bytes, a file from its position, or an iterable of bytes, as they are.

        Connects if need be and `auto_open` is set, else raises NotConnected. After a head they are
        the body that it announced: raises InvalidRequest for more than that. Once a reply has come
        that refuses the request, nothing more is sent: `getresponse` gives it. Raises SendBroken if
        the server has gone without one, WriteTimedOut, and the errors of `connect`.
        """
        if self._stream is None:
            if not self.auto_open:
                raise base.errors.NotConnected("the connection is closed, and auto_open is off")
            self.connect()
            if self._is_under_way and self.buffered():  # from behind a proxy
                self._refuse_unasked()
        self._heed_socket()
        audit("http.client.send", self, data)
        if self.debuglevel > 0:
            _print_sent(data)
        is_piece = isinstance(data, (bytes, memoryview))
        try:
            for piece in (data,) if is_piece else self._body_of(data):
                if self._state is not State.SENDING:
                    self._send_all(piece)
                elif not self._send_of_body(piece):
                    break
        except base.errors.TimedOut as error:  # who knows how much was sent
            self._ended_by(error)
            raise
        if self._armed == NOT_ARMED and not self.closed:
            self._ready()  # for the program to see the timeout on the socket

    def _send_of_body(self, piece: bytes | memoryview) -> bool:
        """Sends a piece of the body; returns whether it was wanted."""
        if not self._is_wanted():
            self._request.is_cut = True
            return False
        self._request.count(piece)
        if not self._can_watch():
            self._send_all(piece)
            return True
        if self.write_unless_input(memoryview(piece).cast("B"), self._is_wanted):
            return True
        if self._early.head is None:
            self._take_early_reply()
        self._request.is_cut = True
        return False

    def _send_all(self, piece: bytes | memoryview) -> None:
        stream = self._ready()
        try:
            stream.sendall(piece)
        except TimeoutError as error:
            self._failed(error, "write")
        except OSError as error:
            failure = broken(error, "write")
            self.tell_state(failure)
            if self._state is State.IDLE or not self._is_under_way:
                self._ended_by(failure)
            raise failure from error  # with the connection open, if there may be a reply

    def _can_watch(self) -> bool:
        """Whether it can be seen that a reply comes, and it is for us to read."""
        kind: object = self.response_class
        is_ours = isinstance(kind, type) and issubclass(kind, HTTPResponse)
        return is_ours and self._stream is not None and self._stream.fileno() >= 0

    def _is_wanted(self) -> bool:
        """Whether no reply has come that refuses the rest of the request.

        Raises SendBroken if the server has gone without a reply.
        """
        return not self._can_watch() or self._hears(self._early.lets_go_on)

    def _hears(self, listen: Callable[[HTTPClient], bool]) -> bool:
        """What `listen` finds in what the server says. Raises SendBroken if it has gone."""
        try:
            return listen(self)
        except (base.errors.ConnectionBroken, base.errors.RemoteDisconnected) as error:
            self._give_up(error)
            raise self._ended_by(_send_broken(error.reason)) from error
        except BaseException as error:
            self._give_up(error)
            raise

    def _take_early_reply(self) -> None:
        """After sending broke: takes the head of a reply that came before, or raises SendBroken."""
        self._request.is_cut = True
        self._is_wanted()
        if self._early.head is None:
            raise self._ended_by(_send_broken())

    def _body_of(self, source: Any) -> RequestBody:
        """A body of what a program passes. Raises what `request_body` raises."""
        if isinstance(source, HTTPClient):  # it has a `read`, but not of a body
            raise TypeError(f"a request body can't be a connection: {source!r}")
        body = bodies.request_body(source)
        if isinstance(body, bodies.FileBody):
            body.block_bytes = self.blocksize
        return body


def _pieces(body: RequestBody | None, is_chunked: bool, length: int | None) -> Pieces:
    """What is sent of a body, if nobody overrides how; `length` is what it must have."""
    if body is None:
        return ()
    if is_chunked or body.trailer_names is not None:
        return framed_pieces(body, SentFraming((), None))
    if body.length is not None:
        length = body.length
    if length is None:
        return body.pieces()
    return framed_pieces(body, SentFraming((), length))


def _send_broken(reason: object = None) -> base.errors.ConnectionBroken:
    """What to raise for a server that has gone before a request was sent."""
    if not isinstance(reason, OSError):
        reason = BrokenPipeError(EPIPE, strerror(EPIPE))
    return broken(reason, "write")


def _is_short(body: RequestBody) -> bool:
    return body.length is not None and body.length <= SMALL_BYTES


def _print_sent(data: Any) -> None:
    if isinstance(data, (bytes, bytearray, memoryview)):
        shown = _REQUEST_LINE.sub(_without_password, bytes(data))
        data = _SECRET_LINE.sub(rb"\1: ***", shown)
    print("send:", repr(data))  # noqa: T201


def _without_password(line: re.Match[bytes]) -> bytes:
    return masked(line[0].decode("latin-1")).encode("latin-1")
