"""SharedSocketClient: an HTTPClient whose socket is the program's, too.

The program reads `sock` and sets it: to a connected socket, to an object that receives and sends as
one does, or to one that has only `makefile`. The timeout that it sets on the socket holds here. It
may close the socket, or set `sock` to None, while a reply is read, which goes on all the same. A
reply after which the connection closes has it for itself. A socket that has switched protocols is
the program's alone: it is closed by `close` and by the next of the short commands.
"""

from __future__ import annotations

import io
import socket

from mini_http.base.timeouts import Timeout
from mini_http.codec.framing import CloseReason
from mini_http.connect.bounded_stream import NOT_ARMED, broken
from mini_http.connect.streams import FileStream
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.states import Move, State, after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from _typeshed import WriteableBuffer

    from mini_http.base.headers import Headers
    from mini_http.base.heads import ResponseHead
    from mini_http.base.limits import Limits
    from mini_http.connect.simple_client import SimpleClient
    from mini_http.connect.streams import Stream
    from mini_http.exchange.client import GivenFields
    from mini_http.exchange.request_body import BodySource, RequestBody
    from mini_http.exchange.response import HTTPResponse


class SharedSocketClient(HTTPClient):
    """See above."""

    shares_socket = True
    _tls_as_socket = True
    _shown: float | None = None
    """The timeout that the socket shows since we set it, in its own precision."""
    _hold: socket.SocketIO | None = None
    """Keeps the socket open while a reply is read, should the program close it."""
    _held: Any = None
    """The last reply, where it is held here."""

    def _begin(self, timeout: float | None, limits: Limits) -> None:
        super()._begin(timeout, limits)
        self._known_timeout = timeout

    def _forget_stream(self) -> None:
        super()._forget_stream()
        self._dropped: HTTPResponse | None = None  # unread, and held by nobody else

    @property
    def sock(self) -> Any:
        """The socket; None while there is none. A program may set one, connected, instead."""
        stream = self._stream
        return stream.source if isinstance(stream, FileStream) else stream

    @sock.setter
    def sock(self, sock: Any) -> None:
        self._leave_to_reply(CloseReason.INTERRUPTED)
        self._release()
        self._forget_stream()
        if sock is not None:
            wait = _timeout_of(sock)
            self._heed_timeout()
            self._set_timeout(self.timeouts.read)
            self._attach(sock)
            if wait is not None:
                self._set_timeout(wait)
                self._ready()

    def _readable_sock(self) -> Any:
        """The socket, as who reads a reply from it wants it: with a `makefile`."""
        sock = self.sock
        return sock if hasattr(sock, "makefile") else _ReceivingFiles(sock)

    def _attach(self, source: object) -> None:
        state = after(self.state, Move.CONNECT)
        super()._attach(source)
        self._begin_connection(state)
        self._ready()

    # --- the reply

    @property
    def response(self) -> Any:
        """The last reply, if it does not have the connection for itself."""
        reply, self._dropped = self._dropped, None
        if reply is not None:
            reply.go_on_with(self)
            self._held = reply
        return self._unread_reply() if self._held is None else self._held

    @response.setter
    def response(self, reply: Any) -> None:
        self._held = reply

    def _hand_out(self, reply: Any) -> None:
        """Leaves `reply` to the program. One that is unread holds this connection; held here as
        well, both would be there until the garbage is collected.
        """
        is_to_be_read = self.closed or reply is self._unread_reply()
        self._held = None if is_to_be_read else reply

    def take_back(self, reply: HTTPResponse) -> None:
        """Nobody else holds `reply` any more, which has let go of this connection. It lives on:
        what is left of it must be read before another one can be.
        """
        if self.close_reason is not None:
            self.abandon_reply()
        elif not self.closed:
            self._dropped = reply

    def httpcmd(
        self,
        command: str,
        document: str,
        headers: GivenFields | None = None,
        body: BodySource | RequestBody | None = None,
        **other_body: Any,
    ) -> tuple[int, Headers]:
        self._heed_timeout()
        if self.state is State.SWITCHED:
            self.close()  # the program wants the connection for this now
        return super().httpcmd(command, document, headers, body, **other_body)

    def _fill(
        self, response: HTTPResponse, method: str, head: ResponseHead, asked_upgrade: bool
    ) -> None:
        super()._fill(response, method, head, asked_upgrade)
        if self.state is State.REPLYING:
            self._keep_open()

    # --- timeouts

    def _arm(self, stream: Stream, wait: float | None) -> None:
        # By the socket's own timeout, for the program to see, though it costs a poll a wait.
        try:
            stream.settimeout(wait)
        except OSError as error:  # the program has closed it
            raise self._ended_by(broken(error, "read")) from error
        self._armed = wait
        self._shown = _timeout_of(stream)

    def _set_timeout(self, wait: float | None) -> None:
        self.timeout = self._known_timeout = wait

    def _heed_timeout(self) -> None:
        """Takes `timeout` as the program may have set it: as seconds, None, or a Timeout.

        Anything else, which libraries write for no timeout given, leaves what held before.
        """
        given: object = self.timeout
        if given == self._known_timeout:
            return
        if given is not None and not isinstance(given, (int, float, Timeout)):
            self.timeout = self._known_timeout
            return
        if given != self.timeouts.read:
            self.timeouts = Timeout.of(given)
        self._set_timeout(self.timeouts.read)

    def _heed_socket(self) -> None:
        """Takes over the timeouts that the program may have set, here or on the socket."""
        self._heed_timeout()
        wait = _timeout_of(self._stream)
        is_ours = wait == self._shown or (wait == 0 and self._armed == NOT_ARMED)
        if not is_ours:
            self._set_timeout(wait)
            self._armed = self._shown = wait

    # --- the end

    def close(self) -> None:
        super().close()
        self._release()
        if self.timeout == self._known_timeout:  # else the program set it, for the next connection
            self._set_timeout(self.timeouts.read)

    def abandon_reply(self, error: BaseException | None = None) -> None:
        if error is not None or self.close_reason is not CloseReason.SWITCHED:
            super().abandon_reply(error)

    def hand_over(self) -> SimpleClient:
        self._arm(self._opened(), None)  # what goes on bounds its waits in another way
        return super().hand_over()

    def _keep_open(self) -> None:
        """Keeps the socket open from now on, whoever closes it, until the reply ends."""
        if isinstance(self._stream, socket.socket):
            self._hold = self._stream.makefile("rb", buffering=0)

    def _release(self) -> None:
        hold, self._hold = self._hold, None
        if hold is not None:
            hold.close()

    def end_reply(self) -> None:
        self._release()
        super().end_reply()

    def _leave_to_reply(self, reason: CloseReason) -> None:
        """Leaves the connection to a reply that is being read, which closes it for this reason."""
        reply = self._unread_reply()
        if reply is None or self.closed:
            return
        owner = SharedSocketClient.continuing(self)
        owner.close_reason, owner._state = self.close_reason or reason, self._state
        owner._hold, self._hold = self._hold, None
        reply.go_on_with(owner)
        self.close()


class _ReceivingFiles:
    """Gives the files that a stream without `makefile` can't give."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def makefile(self, mode: str = "rb") -> io.BufferedReader:
        """What the stream receives, as a file. Closing it leaves the stream open."""
        return io.BufferedReader(_Received(self._stream))


class _Received(io.RawIOBase):
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, target: WriteableBuffer, /) -> int:
        return self._stream.recv_into(target)


def _timeout_of(stream: Any) -> float | None:
    """What a stream shows of its timeout; None also where it has none to show."""
    seconds: float | None = stream.gettimeout() if hasattr(stream, "gettimeout") else None
    return seconds
