"""The head of the reply that a connection brings next, a proxy's or a server's.

It stands between SimpleClient, which knows no HTTP, and `codec`, which never waits. A head must
come whole within the client's timeout; one that never does is looked at as far as it came, since
"this is no HTTP" says more than "it was cut".
"""

from __future__ import annotations

from time import monotonic

from mini_http import base
from mini_http.codec.grammar import HEAD_END
from mini_http.codec.heads import check_head_begun, read_response_head

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mini_http.base.heads import ResponseHead
    from mini_http.base.limits import Limits
    from mini_http.connect.simple_client import SimpleClient

    Note = Callable[[ResponseHead], object]


def receive_head(client: SimpleClient, expires: float | None = None) -> ResponseHead:
    """The next head, of an interim reply or not; it must be there before monotonic time `expires`.

    Raises RemoteDisconnected if the connection ends before its first byte, IncompleteRead if it
    ends within; ReadTimedOut, and the ProtocolErrors of a head that is none.
    """
    limits = client.limits
    try:
        block = client.read_until(HEAD_END, limits.head_bytes, "bytes of headers", expires)
    except (base.errors.IncompleteRead, base.errors.ReadTimedOut) as error:
        begun = getattr(error, "partial", None) or client.peek()
        check_head_begun(begun, limits)
        raise
    except base.errors.ConnectionBroken as error:
        # TLS that ended without saying so; but nothing of the reply had come, so nothing was cut.
        # By name, so that plain HTTP need not import ssl.
        if type(error.reason).__name__ != "SSLEOFError":
            raise
        gone = base.errors.RemoteDisconnected()
        client.tell_state(gone)
        raise gone from error
    return read_response_head(block, limits)


def receive_final_head(client: SimpleClient, note: Note) -> ResponseHead:
    """The next head that is not of an interim reply; `note` is called with those that are.

    All of them must come within the client's timeout. 101 (Switching Protocols) is no interim
    reply: nothing follows it. Raises what `receive_head` raises.
    """
    began = monotonic()
    head = receive_head(client)  # nearly always the only one
    while head.status < 200 and is_interim(head):
        note(head)
        head = receive_head(client, None if client.timeout is None else began + client.timeout)
    return head


def is_interim(head: ResponseHead) -> bool:
    """Whether another reply to the same request follows (RFC 9110 section 15.2)."""
    return head.status < 200 and head.status != 101


class InterimReplies:
    """Counts the interim replies to a request and offers each to `hook`, if there is one."""

    __slots__ = ("hook", "limit", "seen")

    def __init__(self, limits: Limits, hook: Note | None = None) -> None:
        self.limit = limits.interim_replies
        self.hook = hook
        self.seen = 0

    def note(self, head: ResponseHead) -> None:
        """Takes one. Raises LimitExceeded for one too many."""
        self.seen += 1
        if self.seen > self.limit:
            raise base.errors.LimitExceeded("interim replies", self.limit)
        if self.hook is not None:
            self.hook(head)
