"""Framing: where a reply's body ends, and whether its connection can serve another request.

Two pure functions. `response_framing` follows the numbered steps of RFC 9112 section 6.3 and gives
one of four small values; `close_reason` gives the reason why the connection must close after the
reply, or None. Neither waits nor changes anything.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

from mini_http import base
from mini_http.base.commands import command
from mini_http.base.value import Value
from mini_http.codec.grammar import CONTENT_LENGTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mini_http.base.heads import ResponseHead


class NoBody(Value):
    """The reply ends with its head, whatever its fields say."""


class Length(Value):
    """The body is `count` bytes."""

    count: int


class Chunked(Value):
    """The body is a row of chunks; the last one has size 0."""


class UntilClose(Value):
    """The body ends when the server closes the connection."""


Framing = NoBody | Length | Chunked | UntilClose

NO_BODY = NoBody()
CHUNKED = Chunked()
UNTIL_CLOSE = UntilClose()


class CloseReason(Enum):
    """Why a connection is not used for another request. The value is the sentence to show."""

    REQUEST_SAID_CLOSE = "the request said Connection: close"
    REPLY_SAID_CLOSE = "the reply said Connection: close"
    OLD_VERSION = "the reply is HTTP/1.0 and did not ask to keep the connection"
    BODY_UNTIL_CLOSE = "the body ended with the connection"
    DOUBLE_FRAMING = "the reply had both Content-Length and Transfer-Encoding"
    OLD_CHUNKED = "the reply is HTTP/1.0 with Transfer-Encoding"
    SWITCHED = "the connection speaks another protocol now"
    EARLY_REPLY = "the reply came before the request body was sent"
    UNREAD_BODY = "too much of the reply body was left unread"
    BODY_CUT = "the body ended before it was whole"
    PROTOCOL_FAULT = "the server broke the protocol"
    EXTRA_BYTES = "bytes came after the end of the reply"
    SERVER_CLOSED = "the server closed the connection"
    BROKEN = "the connection broke"
    TIMED_OUT = "a wait took too long"
    INTERRUPTED = "the exchange was interrupted"
    IDLE_TOO_LONG = "it was idle for too long"
    TOO_OLD = "it reached the greatest age for a connection"
    UNPROVEN = "its server had not shown yet that it keeps connections"
    POOL_FULL = "the pool keeps no more idle connections"
    POOL_CLOSED = "the pool was closed"
    FORKED = "it belongs to the parent process"


def response_framing(method: str, head: ResponseHead) -> Framing:
    """How the body of a reply to `method` is delimited. Raises BadFraming if that can't be told."""
    status = head.status
    row = command(method)
    # 1. Replies to HEAD, and 1xx, 204 and 304, end with the head.
    if not row.reply_has_body or status < 200 or status in (204, 304):
        return NO_BODY
    # 2. After a 2xx to CONNECT the connection is a tunnel.
    if row.opens_tunnel and status < 300:
        return NO_BODY
    # 3., 4. Transfer-Encoding overrides Content-Length; only "chunked", alone, can be undone.
    coding = head.control.get("transfer-encoding")
    if coding is not None:
        if coding != "chunked":
            raise base.errors.BadFraming(f"Transfer-Encoding: {coding} is not chunked alone")
        return CHUNKED
    # 5., 6. A valid Content-Length is the number of bytes.
    length = head.control.get("content-length")
    if length is not None:
        return _length(length) if len(length) < 20 else Length(content_length(length))
    # 7. is about requests. 8. Otherwise the body ends with the connection.
    return UNTIL_CLOSE


@lru_cache(maxsize=256)  # replies often have the length of another one: 0.1 us instead of 0.6
def _length(value: str) -> Length:
    return Length(content_length(value))


def content_length(value: str) -> int:
    """The number that Content-Length, combined into one value, says (RFC 9110 section 8.6).

    Equal members of a list count as one. Raises BadFraming for anything else.
    """
    number = value
    if "," in value:
        numbers = {number.strip(" \t") for number in value.split(",")}
        number = numbers.pop()
        if numbers:
            raise base.errors.BadFraming(f"Content-Length fields differ: {value!r:.80}")
    if CONTENT_LENGTH.fullmatch(number) is None:
        raise base.errors.BadFraming(
            f"Content-Length is no number of 1 to 19 digits: {number!r:.80}"
        )
    return int(number)


def close_reason(head: ResponseHead, framing: Framing) -> CloseReason | None:
    """Why the connection closes after this reply, None if it persists (RFC 9112 section 9.3)."""
    if framing is UNTIL_CLOSE:
        return CloseReason.BODY_UNTIL_CLOSE
    control = head.control
    if framing is CHUNKED:
        if "content-length" in control:
            return CloseReason.DOUBLE_FRAMING
        if head.version == 10:
            return CloseReason.OLD_CHUNKED
    connection = control.get("connection", "")
    if connection == "keep-alive" or (not connection and head.version == 11):
        return None  # nearly always
    options = [option.strip(" \t") for option in connection.split(",")]
    if "close" in options:
        return CloseReason.REPLY_SAID_CLOSE
    if head.version == 10 and "keep-alive" not in options:
        return CloseReason.OLD_VERSION
    return None
