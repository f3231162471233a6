"""The exception tree. Each class is also what a caller of urllib or http.client already catches.

    urllib.error.URLError (an OSError)
    ├── urllib.error.HTTPError       a reply came and its status is an error; it is the reply itself
    │   └── RedirectRefused          a redirect that the policy does not follow
    ├── urllib.error.ContentTooShortError    urlretrieve got less than it should; .content
    └── MiniHTTPError                all the rest
        ├── InvalidRequest           also ValueError
        │   ├── InvalidURL           also http.client.InvalidURL
        │   ├── InvalidField
        │   └── BodyNotReplayable
        ├── ConnectionFailed
        │   ├── NameNotResolved      also socket.gaierror
        │   ├── ConnectFailed        also ConnectionError
        │   │   └── ConnectRefused   also ConnectionRefusedError
        │   ├── TunnelRefused        .status, .headers and .body are the proxy's
        │   └── TLSFailed            .reason is the ssl.SSLError
        ├── TimedOut                 also TimeoutError; says "timed out"
        │   ├── ConnectTimedOut      also ConnectionFailed
        │   ├── ReadTimedOut
        │   ├── WriteTimedOut
        │   └── TotalTimedOut
        ├── ConnectionBroken         also ConnectionResetError
        │   └── SendBroken           also BrokenPipeError
        ├── FTPRefused               .reason is the ftplib.Error
        ├── UpgradeRefused           .response is the reply
        ├── ProtocolError            also http.client.HTTPException
        │   ├── BadStatusLine        also http.client.BadStatusLine
        │   │   ├── RemoteDisconnected   also http.client.RemoteDisconnected
        │   │   └── UnknownProtocol  also http.client.UnknownProtocol
        │   ├── BadField
        │   ├── BadFraming
        │   ├── BadChunk             also BadFraming
        │   ├── BadCoding
        │   ├── LimitExceeded        also http.client.LineTooLong
        │   ├── UnaskedReply
        │   ├── UnaskedUpgrade
        │   └── IncompleteRead       also http.client.IncompleteRead, also ContentTooShortError
        └── StateError               also http.client.ImproperConnectionState
            ├── CannotSendRequest    also http.client.CannotSendRequest
            ├── CannotSendHeader     also http.client.CannotSendHeader
            ├── NotConnected         also http.client.NotConnected
            └── ResponseNotReady     also http.client.ResponseNotReady

Nothing else escapes from bytes that a server sent: no bare ValueError, struct.error, zlib.error or
UnicodeError.
"""

from __future__ import annotations

import http.client
import socket
from urllib.error import ContentTooShortError, HTTPError, URLError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from mini_http.base.headers import Headers

__all__ = [
    "BadChunk",
    "BadCoding",
    "BadField",
    "BadFraming",
    "BadStatusLine",
    "BodyNotReplayable",
    "CannotSendHeader",
    "CannotSendRequest",
    "ConnectFailed",
    "ConnectRefused",
    "ConnectTimedOut",
    "ConnectionBroken",
    "ConnectionFailed",
    "ContentTooShortError",
    "FTPRefused",
    "HTTPError",
    "IncompleteRead",
    "InvalidField",
    "InvalidRequest",
    "InvalidURL",
    "LimitExceeded",
    "MiniHTTPError",
    "NameNotResolved",
    "NotConnected",
    "ProtocolError",
    "ReadTimedOut",
    "RedirectRefused",
    "RemoteDisconnected",
    "ResponseNotReady",
    "SendBroken",
    "StateError",
    "TLSFailed",
    "TimedOut",
    "TotalTimedOut",
    "TunnelRefused",
    "URLError",
    "UnaskedReply",
    "UnaskedUpgrade",
    "UnknownProtocol",
    "UpgradeRefused",
    "WriteTimedOut",
]


class RedirectRefused(HTTPError):
    """Raised when a reply redirects to where the policy does not go; it is the reply itself."""


class MiniHTTPError(URLError):
    """Raised, as one of its subclasses, when there is no whole reply to give.

    `str()` is the message. `reason` is the underlying OSError where there is one (as in urllib),
    else the message; `errno` and `strerror` are that error's.
    """

    state: str | None = None
    """What the connection was doing when it broke off; None for what no exchange met."""

    def __init__(self, message: str, *, reason: BaseException | None = None) -> None:
        URLError.__init__(self, message)  # super() may be a class of http.client
        self.message = message
        if reason is not None:
            self.reason = reason
            if isinstance(reason, OSError):
                self.errno, self.strerror = reason.errno, reason.strerror

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # OSError's own would call the class with `args`, which its constructor may not take, and
        # would leave out errno and strerror.
        state = vars(self) | {"errno": self.errno, "strerror": self.strerror}
        return _revived, (type(self), self.args), state


def _revived(kind: type[MiniHTTPError], args: tuple[object, ...]) -> MiniHTTPError:
    """An error as pickle and copy make it again; its attributes follow."""
    error = kind.__new__(kind)
    error.args = args
    return error


# --- before anything is sent


class InvalidRequest(MiniHTTPError, ValueError):
    """Raised when a request can't be sent as it was given."""


class InvalidURL(InvalidRequest, http.client.InvalidURL):
    """Raised when a string is no URL that can be fetched; the message names the part."""


class InvalidField(InvalidRequest):
    """Raised when a method, target, field name or field value has bytes that may not be sent."""


class BodyNotReplayable(InvalidRequest):
    """Raised when a request must be sent again and its body was already consumed."""


# --- on the way to an open connection


class ConnectionFailed(MiniHTTPError):
    """Raised, as one of its subclasses, when no connection could be opened."""


class NameNotResolved(ConnectionFailed, socket.gaierror):
    """Raised when a host name has no address."""


class ConnectFailed(ConnectionFailed, ConnectionError):
    """Raised when no address of a host could be connected to; `reason` is the last OSError."""


class ConnectRefused(ConnectFailed, ConnectionRefusedError):
    """Raised when the last address of a host refused: nobody listens there."""


class TunnelRefused(ConnectionFailed):
    """Raised when a proxy does not open a tunnel.

    `status`, `headers` and `body` are those of its reply, the body no longer than what explains it;
    without a reply they are None, None and b"". `proxy` is the one that refused, if it is known.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        headers: Headers | None = None,
        body: bytes = b"",
        *,
        reason: BaseException | None = None,
    ) -> None:
        # urllib has an OSError there.
        super().__init__(message, reason=reason or OSError(message))
        self.status = status
        self.headers = headers
        self.body = body
        self.proxy: object = None
        """The Proxy that refused, where that is known."""


class TLSFailed(ConnectionFailed):
    """Raised when a TLS handshake fails; `reason` is the `ssl.SSLError`."""


class TimedOut(MiniHTTPError, TimeoutError):
    """Raised, as one of its subclasses, when a wait took longer than it may."""

    def __init__(self, message: str = "timed out", *, reason: BaseException | None = None) -> None:
        super().__init__(message, reason=reason or TimeoutError(message))


class ConnectTimedOut(TimedOut, ConnectionFailed):
    """Raised when resolving, connecting or the TLS handshake takes too long."""


class ReadTimedOut(TimedOut):
    """Raised when a reply head, or the next bytes of a body, do not come in time."""


class WriteTimedOut(TimedOut):
    """Raised when the server does not take the request in time."""


class TotalTimedOut(TimedOut):
    """Raised when the whole exchange takes longer than `Timeout(total=)`."""


class ConnectionBroken(MiniHTTPError, ConnectionResetError):
    """Raised when the connection breaks while it is in use; `reason` is the OSError."""


class SendBroken(ConnectionBroken, BrokenPipeError):
    """Raised when the connection breaks while a request is sent. A reply may have come before."""


# --- what the server sent


class FTPRefused(MiniHTTPError):
    """Raised when an FTP server does not give what was asked.

    `reason` is the `ftplib.Error`, or what an overridden `connect_ftp` raised.
    """


class UpgradeRefused(MiniHTTPError):
    """Raised when a server answers an upgrade without switching; `response` is its reply."""

    def __init__(self, message: str, response: Any = None) -> None:
        super().__init__(message)
        self.response = response


class ProtocolError(MiniHTTPError, http.client.HTTPException):
    """Raised, as one of its subclasses, when a reply breaks the rules of RFC 9110 or RFC 9112."""


class BadStatusLine(ProtocolError, http.client.BadStatusLine):
    """Raised when a reply does not begin with a status line (RFC 9112 section 4)."""

    def __init__(self, line: str, message: str | None = None) -> None:
        line = line or repr(line)
        super().__init__(message or f"no HTTP/1 status line: {line!r}")
        self.args = (line,)  # as in http.client
        self.line = line


class RemoteDisconnected(BadStatusLine, http.client.RemoteDisconnected):
    """Raised when the server closes the connection without a byte of a reply."""

    def __init__(
        self, message: str = "Remote end closed connection without response", line: str = ""
    ) -> None:
        ProtocolError.__init__(self, message)
        self.line = line


class UnknownProtocol(BadStatusLine, http.client.UnknownProtocol):
    """Raised when a reply is of another version than HTTP/1, which `version` tells."""

    def __init__(self, version: str, line: str = "", message: str | None = None) -> None:
        super().__init__(line or version, message)
        self.args = (version,)
        self.version = version


class BadField(ProtocolError):
    """Raised when a line of a head or trailer is no field (RFC 9112 section 5)."""


class BadFraming(ProtocolError):
    """Raised when it can't be told where a body ends (RFC 9112 section 6)."""


class BadChunk(BadFraming):
    """Raised when a chunk's size or end is malformed (RFC 9112 section 7.1)."""


class BadCoding(ProtocolError):
    """Raised when a body can't be decoded as its Content-Encoding says (RFC 9110 section 8.4)."""


class LimitExceeded(ProtocolError, http.client.LineTooLong):
    """Raised when a reply passes a limit of `Limits`; names the limit and both numbers."""

    def __init__(self, what: str, limit: int, found: int | None = None) -> None:
        seen = f", found {found}" if found is not None else ""
        super().__init__(f"got more than {limit} {what}{seen}")
        self.limit = limit
        self.found = found


class UnaskedReply(ProtocolError):
    """Raised when bytes came before the request was sent: they can be no reply to it."""


class UnaskedUpgrade(ProtocolError):
    """Raised when a server switches protocols (101) though nobody asked it to."""


class IncompleteRead(ProtocolError, http.client.IncompleteRead, ContentTooShortError):
    """Raised when a body ends before it is whole.

    `partial` and `content` hold the bytes that came, `expected` how many more should have (None if
    unknown).
    """

    def __init__(self, partial: bytes, expected: int | None = None) -> None:
        more = f", {expected} more expected" if expected is not None else ""
        ProtocolError.__init__(self, f"IncompleteRead({len(partial)} bytes read{more})")
        self.partial = partial
        self.content = partial  # type: ignore[assignment]  # of urlretrieve: a name and headers
        self.expected = expected

    __str__ = MiniHTTPError.__str__


# --- what the caller did


class StateError(MiniHTTPError, http.client.ImproperConnectionState):
    """Raised when a command is given that the connection's state does not allow."""


class CannotSendRequest(StateError, http.client.CannotSendRequest):
    """Raised when a request is begun while another one is under way."""


class CannotSendHeader(StateError, http.client.CannotSendHeader):
    """Raised when a field is put where no request was begun, or its head was sent already."""


class NotConnected(StateError, http.client.NotConnected):
    """Raised when something is to be sent, the connection is closed and must not be opened."""


class ResponseNotReady(StateError, http.client.ResponseNotReady):
    """Raised when a reply is asked for where no request was sent, or one is still to be read."""


def connect_failed(target: str, failures: Sequence[OSError]) -> ConnectFailed:
    """The error for a target none of whose addresses could be connected to.

    Each failure's `filename` is its address; the text gives each reason once, with its addresses.
    """
    addresses: dict[str, list[str]] = {}
    for failure in failures:
        said = failure.strerror or "".join(str(part) for part in failure.args[:1])
        reason = said or type(failure).__name__
        seen = addresses.setdefault(reason, [])
        if failure.filename and failure.filename not in target:
            seen.append(str(failure.filename))
    text = "; ".join(
        f"{reason} ({', '.join(seen)})" if seen else reason for reason, seen in addresses.items()
    )
    kind = ConnectRefused if isinstance(failures[-1], ConnectionRefusedError) else ConnectFailed
    return kind(f"{target}: {text}", reason=failures[-1])
