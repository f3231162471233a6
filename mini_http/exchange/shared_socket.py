"""SharedSocketClient: an HTTPClient whose socket is the program's, too.

The program reads `sock` and sets it: to a connected socket, or to an object that has only
`makefile`. The timeout that it sets on the socket holds here. It may close the socket, or set
`sock` to None, while a reply is read, which goes on all the same. A reply after which the
connection closes has it for itself.
"""

from __future__ import annotations

import socket

from mini_http.codec.framing import CloseReason
from mini_http.connect.connection import NOT_ARMED, broken
from mini_http.connect.streams import FileStream
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.states import Move, after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mini_http.connect.streams import Stream


class SharedSocketClient(HTTPClient):
    """See above."""

    _set_on_socket: tuple[float | None, float | None] | None = None
    """What `timeout` was, and what took its place since the program set it on the socket."""
    _hold: socket.SocketIO | None = None
    """Keeps the socket open while a reply is read, should the program close it."""

    @property
    def sock(self) -> Any:
        """The socket; None while there is none. A program may set one, connected, instead."""
        stream = self._stream
        return stream.source if isinstance(stream, FileStream) else stream

    @sock.setter
    def sock(self, sock: Any) -> None:
        self._leave_to_reply(CloseReason.INTERRUPTED)
        self._forget_stream()
        if sock is not None:
            wait = sock.gettimeout() if hasattr(sock, "gettimeout") else None
            self._attach(sock)
            if wait is not None:
                self._take_timeout(wait)

    def _attach(self, source: object) -> None:
        state = after(self.state, Move.CONNECT)
        super()._attach(source)
        self._begin_connection(state)
        self._ready()

    # --- timeouts

    def _arm(self, stream: Stream, wait: float | None) -> None:
        # By the socket's own timeout, for the program to see, though it costs a poll a wait.
        try:
            stream.settimeout(wait)
        except OSError as error:  # the program has closed it
            raise self._ended_by(broken(error, "read")) from error
        self._armed = wait

    def _heed_socket(self) -> None:
        """Takes over the timeout that the program may have set on the socket."""
        stream: Any = self._stream
        if self._armed != NOT_ARMED and hasattr(stream, "gettimeout"):
            wait = stream.gettimeout()
            if wait != self._armed:
                self._take_timeout(wait)

    def _take_timeout(self, wait: float | None) -> None:
        before = self._set_on_socket
        if before is None or self.timeout != before[1]:
            before = (self.timeout, None)
        self._set_on_socket = (before[0], wait)
        self.timeout = self._armed = wait

    # --- the end

    def close(self) -> None:
        super().close()
        self._release()
        if self._set_on_socket is not None:
            before, since = self._set_on_socket
            self._set_on_socket = None
            if self.timeout == since:
                self.timeout = before

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
        owner.close_reason, owner._state = reason, self._state
        owner._hold, self._hold = self._hold, None
        reply.go_on_with(owner)
        self.close()
