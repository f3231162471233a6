"""BoundedStream: a stream each wait on which is bounded, and what its errors mean.

It is what Connection stands on. Every wait is bounded by `timeout`, and by `deadline` if one is
set. Whatever goes wrong is raised as an error of `base.errors`: ReadTimedOut, WriteTimedOut,
TotalTimedOut, ConnectionBroken. After any but a timeout the stream is closed. It reads and writes
nothing by itself.
"""

from __future__ import annotations

from errno import ETIMEDOUT
from time import monotonic

from mini_http import base
from mini_http.base.timeouts import LONGEST_WAIT
from mini_http.connect import streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from mini_http.base.limits import Limits
    from mini_http.base.timeouts import Deadline
    from mini_http.connect.streams import Stream

NOT_ARMED = -1.0
"""The stream's wait is not known: no wait that anyone asks for equals it."""

_TOTAL_IS_OVER = "timed out: the time for all of it, Timeout(total=), is over"


class BoundedStream:
    """A stream that may be opened, used, closed and opened again; subclasses say when.

    `timeout` is in seconds for each wait, None for no bound; `deadline` bounds them all together.
    `stage`, if it is not None, is what errors are told of the state that the connection was in.
    """

    stage: str | None = None
    is_brief = False
    """Whether one small exchange may be all that goes over it, until `expect_more` says otherwise.
    Two polls then take less than to tell the kernel how long to wait: 5 us of the 160 of a GET."""

    def _begin(self, timeout: float | None, limits: Limits) -> None:
        self.limits = limits
        self.timeout = timeout
        self.deadline: Deadline | None = None
        self._forget_stream()

    def _forget_stream(self) -> None:
        self._stream: Stream | None = None
        self._armed: float | None = NOT_ARMED

    @property
    def closed(self) -> bool:
        """Whether there is no open connection."""
        return self._stream is None

    def _opened(self) -> Stream:
        """The open stream. Raises StateError if closed."""
        if self._stream is None:
            self._raise_closed()
        return self._stream

    def _raise_closed(self) -> NoReturn:
        raise base.errors.StateError(f"{type(self).__name__} is closed")

    def close(self) -> None:
        """Closes the connection and drops what was unread. Closing again does nothing."""
        stream = self._stream
        if stream is not None:
            self._forget_stream()
            stream.close()

    def expect_more(self) -> None:
        """Says that more goes over this connection than one small exchange: see `is_brief`."""
        if self.is_brief:
            self.is_brief = False
            self._armed = NOT_ARMED

    # --- waiting

    def _ready(self, expires: float | None = None) -> Stream:
        """The open stream, set to wait for `timeout`, but not past `expires` nor the deadline.

        Raises StateError if closed.
        """
        stream = self._opened()
        wait = self._wait_left(expires)
        if wait != self._armed:
            self._arm(stream, wait)
        return stream

    def _arm(self, stream: Stream, wait: float | None) -> None:
        """Bounds each wait on the stream from now on."""
        streams.set_wait(stream, wait, by_kernel=not self.is_brief)
        self._armed = wait

    def _wait_left(self, expires: float | None) -> float | None:
        """Seconds until the next wait must end; raises if it must end now."""
        wait = self.timeout
        if expires is not None:
            wait = expires - monotonic()
            if wait <= 0:
                self._failed(TimeoutError("timed out"), "read")
        if self.deadline is not None:
            left = self.deadline.remaining()
            if left is not None and (wait is None or left < wait):
                wait = left
            if left == 0:
                self._failed(TimeoutError("timed out"), "read")
        return None if wait is None else min(wait, LONGEST_WAIT)

    # --- what went wrong

    def _failed(self, error: OSError, doing: str, begun: bytes = b"") -> NoReturn:
        """Raises what `error`, from the stream, means to the caller.

        `begun` is what came of something that is worth nothing unless it comes whole.
        """
        self._armed = NOT_ARMED
        if isinstance(error, base.errors.MiniHTTPError):
            raise error
        # The system's own ETIMEDOUT means that it gave the connection up.
        if isinstance(error, (BlockingIOError, TimeoutError)) and error.errno != ETIMEDOUT:
            late: base.errors.TimedOut = base.errors.WriteTimedOut()
            if self.deadline is not None and self.deadline.remaining() == 0:
                late = base.errors.TotalTimedOut(_TOTAL_IS_OVER)
            elif doing == "read":
                late = base.errors.ReadTimedOut()
            self.tell_state(late)
            raise late from error
        failure = self._refused_in_tls(error, doing) or broken(error, doing)
        if begun:
            failure.__cause__ = error
            error, failure = failure, base.errors.IncompleteRead(begun)
        raise self._ended_by(failure) from error

    def _refused_in_tls(self, error: OSError, doing: str) -> base.errors.MiniHTTPError | None:
        """What to raise if the server does not take our client certificate, or our having none.

        In TLS 1.3 it says so after the handshake, and may be gone when a request is sent: what it
        said is there to be read then.
        """
        stream = self._stream
        if stream is None or not hasattr(stream, "getpeercert"):
            return None
        from mini_http.connect.tls_words import explain_late

        if doing == "write":
            try:
                stream.settimeout(0)
                stream.recv(1)
            except OSError as said:
                error = said
        told = explain_late(error)
        return None if told is None else base.errors.TLSFailed(told, reason=error)

    def _ended_by(self, error: base.errors.MiniHTTPError) -> base.errors.MiniHTTPError:
        """Closes the connection because of `error`; returns it, to be raised."""
        self.tell_state(error)
        self.close()
        return error

    def tell_state(self, error: base.errors.MiniHTTPError) -> None:
        """Tells `error` in which state of the connection it came."""
        if error.state is None and self.stage is not None:
            error.state = self.stage
            error.add_note(f"The connection was in the state {error.state!r}.")


def broken(error: OSError, doing: str) -> base.errors.ConnectionBroken:
    """What to raise for a connection that broke in `error`, while "read" or "write"."""
    kind = base.errors.ConnectionBroken if doing == "read" else base.errors.SendBroken
    return kind(f"the connection broke: {error.strerror or error}", reason=error)
