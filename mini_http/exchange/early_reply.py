"""EarlyReply: the reply that may come while its request is still being sent.

A server may answer before it has read all of a request, and then stop reading. After a success it
may be answering as it reads, so sending goes on; after any other reply, and where it closes the
connection, it does not want the rest (RFC 9112 section 9.5).
"""

from __future__ import annotations

from time import monotonic

from mini_http.codec.framing import close_reason, response_framing
from mini_http.connect.reply_head import is_interim, receive_head

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mini_http.base.headers import Headers
    from mini_http.base.heads import ResponseHead
    from mini_http.exchange.exchange_client import ExchangeClient

CONTINUE_SECONDS = 1.0
"""How long `Expect: 100-continue` waits before the body is sent all the same (RFC 9110 10.1.1)."""


def expects_continue(fields: Headers) -> bool:
    """Whether a request with these fields waits with its body for a 100 (Continue)."""
    return "100-continue" in fields.tokens("expect")


class EarlyReply:
    """What comes while a client sends a request of this method."""

    __slots__ = ("_method", "head")

    def __init__(self, method: str) -> None:
        self._method = method
        self.head: ResponseHead | None = None
        """That of the reply, once it has come."""

    def lets_go_on(self, client: ExchangeClient) -> bool:
        """Whether to go on sending. Takes what has come; waits only for the rest of a head."""
        while self.head is None and client.has_input():
            self._receive(client)
        head = self.head
        if head is None:
            return True
        is_success = 200 <= head.status < 300
        return is_success and close_reason(head, response_framing(self._method, head)) is None

    def is_continue(self, client: ExchangeClient) -> bool:
        """Waits for a 100 (Continue), but not for long; False if the reply comes in its place.

        No longer than for anything else, that is, and not past the client's deadline.
        """
        seconds = CONTINUE_SECONDS
        if client.timeout is not None:
            seconds = min(seconds, client.timeout)
        until = monotonic() + seconds
        while client.wait_for_input(until - monotonic()):
            if self._receive(client) == 100:
                break
            if self.head is not None:
                return False
        return True

    def _receive(self, client: ExchangeClient) -> int:
        """Receives a head, which interim replies have too; returns its status."""
        head = receive_head(client)
        if is_interim(head):
            client.note_interim(head)
        else:
            self.head = head
        return head.status
