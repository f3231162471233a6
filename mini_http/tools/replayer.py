"""Giving a program the replies that were recorded in a HAR file, without a network.

    with replaying("session.har") as replayer:
        program()
    replayer.assert_all_used()

The file is one of `tools.recorder`, or of a browser ("Save all as HAR").

A Replayer answers a request with the reply that was recorded to the same method, URL and body, each
once, in their order. Fields are not compared. What the recording masked is masked in the request
too, before they are compared. What was not recorded, or was given already, is an error.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager

from mini_http import base
from mini_http.base.headers import Headers
from mini_http.base.timeouts import DEFAULT_TIMEOUT
from mini_http.base.url import URL
from mini_http.base.value import Value
from mini_http.exchange.body import BodyReader, BytesReader, FailedReader
from mini_http.exchange.request_body import NO_BODY
from mini_http.tools.har import Exchange, read_har
from mini_http.tools.masking import Masker
from mini_http.tools.standins import (
    body_length,
    handlers_over,
    in_place_of_shared_pool,
    made_head,
    made_reply,
    sent_fields,
    url_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mini_http.base.timeouts import Deadline, Timeout
    from mini_http.exchange.request_body import RequestBody
    from mini_http.exchange.response import HTTPResponse
    from mini_http.keepalive.route import Route
    from mini_http.opener.handlers.http import HTTPHandler, HTTPSHandler
    from mini_http.tools.standins import Field

NEAREST = 3
"""Recorded requests that are shown beside one that was not recorded."""


@contextmanager
def replaying(path: str | Path) -> Iterator[Replayer]:
    """While it is entered, openers are answered from the file instead of by servers.

    That holds for `urlopen` and for every opener without a pool of its own. Gives the Replayer.
    Raises OSError and ValueError for a file that can't be read.
    """
    replayer = Replayer(path)
    with in_place_of_shared_pool(replayer):
        yield replayer


class Replayer:
    """Answers requests from the HAR file `path`, and sends nothing.

    `build_opener(*replayer.handlers())` makes an opener that replays. Errors that were recorded are
    raised again. Raises OSError and ValueError for a file that can't be read.
    """

    def __init__(self, path: str | Path) -> None:
        from threading import Lock

        self._path = os.fspath(path)
        with open(path, "rb") as file:
            try:
                exchanges, secrets = read_har(file.read())
            except ValueError as error:
                raise ValueError(f"{self._path}: {error}") from error
        self._masker = Masker(secrets)
        self._left = [(self._asked(exchange), exchange) for exchange in exchanges]
        self._given: list[_Asked] = []
        self._lock = Lock()

    def handlers(self) -> tuple[HTTPHandler, HTTPSHandler]:
        """Handlers for `build_opener`."""
        return handlers_over(self)

    def send(
        self,
        route: Route,
        method: str,
        target: str,
        fields: list[Field],
        body: RequestBody = NO_BODY,
        timeout: Timeout = DEFAULT_TIMEOUT,
        deadline: Deadline | None = None,
    ) -> HTTPResponse:
        """The reply that was recorded to such a request, as Pool.send gives it.

        Raises ConnectFailed, which says what was asked and what comes nearest, if there is none, or
        none left.
        """
        sent = sent_fields(method, target, fields, body)
        data = b"".join(body.pieces())
        request = Exchange(method, url_of(route, target), sent_fields=sent, sent_body=data)
        exchange = self._take(self._asked(request))
        if not exchange.status:
            raise _recorded_error(exchange.error)
        head = made_head(exchange.status, exchange.reason, exchange.fields, exchange.version)
        if exchange.is_whole:
            return made_reply(method, head, BytesReader(exchange.body))
        return made_reply(method, head, _CutReader(exchange, body_length(method, head)))

    @property
    def unused(self) -> list[str]:
        """The recorded requests that nobody has made yet, in words."""
        return [str(asked) for asked, _ in self._left]

    def assert_all_used(self) -> None:
        """Raises AssertionError, naming them, if recorded requests were not made."""
        if unused := self.unused:
            raise AssertionError("\n  ".join(["recorded, but not asked for:", *unused]))

    def _take(self, asked: _Asked) -> Exchange:
        with self._lock:
            for at, (recorded, exchange) in enumerate(self._left):
                if asked.is_answered_by(recorded):
                    del self._left[at]
                    self._given.append(recorded)
                    return exchange
            raise base.errors.ConnectFailed(self._why_nothing(asked))

    def _why_nothing(self, asked: _Asked) -> str:
        from difflib import get_close_matches

        known = {f"{recorded} (given already)": recorded for recorded in self._given}
        known |= {
            f"{recorded} (another body)" if recorded.url == asked.url else str(recorded): recorded
            for recorded, _ in self._left
        }
        nearest = get_close_matches(str(asked), known, NEAREST, 0)
        return "\n  ".join(
            [f"{self._path} has no reply to {asked}. The nearest that it has:", *nearest]
        )

    def _asked(self, exchange: Exchange) -> _Asked:
        masked = self._masker.request(exchange)
        body, boundary = masked.sent_body, Headers.of(masked.sent_fields).get_boundary()
        if body and boundary:  # a new one each time
            body = body.replace(boundary.encode(errors="replace"), b"boundary")
        return _Asked(masked.method, _comparable(masked.url), body)


class _Asked(Value):
    """What requests are compared by."""

    method: str
    url: str
    body: bytes | None

    def is_answered_by(self, recorded: _Asked) -> bool:
        """Whether it asks the same as what was recorded, as far as that is known."""
        same = self.method == recorded.method and self.url == recorded.url
        return same and recorded.body in (None, self.body)

    def __str__(self) -> str:
        body = f" with a body of {len(self.body)} bytes" if self.body else ""
        return f"{self.method} {self.url}{body}"


class _CutReader(BodyReader):
    """The bytes that were recorded of a body of `length`, then the error that ended them."""

    ended = False

    def __init__(self, exchange: Exchange, length: int | None) -> None:
        ends_here = "the recording has no more of this body: whoever made it read no further"
        error = exchange.error or f"ConnectionBroken: {ends_here}"
        self.left = length
        self._begin = BytesReader(exchange.body)
        self._end = FailedReader(_recorded_error(error))

    def read_some(self, limit: int) -> bytes:
        data = (self._end if self._begin.ended else self._begin).read_some(limit)
        if self.left is not None:
            self.left -= len(data)
        return data


def _comparable(url: str) -> str:
    """A URL in the form that equal ones share; one that is none, as browsers may have, as it is."""
    try:
        return str(URL.parse(url).normalized().without_fragment())
    except base.errors.InvalidURL:
        return url


# the texts of two errors whose constructors take no message
_CUT = re.compile(r"IncompleteRead\([0-9]+ bytes read(?:, ([0-9]{1,19}) more expected)?\)")
_LIMIT = re.compile(r"(?s)got more than ([0-9]{1,19}) (.*?)(?:, found ([0-9]{1,19}))?")


def _recorded_error(text: str) -> Exception:
    """The error that a recording has in words."""
    name, _, message = text.partition(": ")
    kind = getattr(base.errors, name, None) if name in base.errors.__all__ else None
    if kind is None or not issubclass(kind, base.errors.MiniHTTPError):
        return base.errors.ConnectFailed(f"recorded: {text}")  # in a browser's words
    if kind is base.errors.IncompleteRead:
        cut = _CUT.fullmatch(message)
        return base.errors.IncompleteRead(b"", int(cut[1]) if cut and cut[1] else None)
    if kind is base.errors.LimitExceeded:
        past = _LIMIT.fullmatch(message)
        if past is None:
            return base.errors.ProtocolError(message)
        limit, what, found = past.groups()
        return base.errors.LimitExceeded(what, int(limit), int(found) if found else None)
    if kind in (base.errors.BadStatusLine, base.errors.UnknownProtocol):
        return base.errors.BadStatusLine("", message)
    reason = _reason(kind, message)
    if reason is None:
        error: base.errors.MiniHTTPError = kind(message)
    else:
        error = kind(message, reason=reason)
    return error


def _reason(kind: type[base.errors.MiniHTTPError], message: str) -> OSError | None:
    """What programs look for in the `reason` of such an error, where that is not the message."""
    import socket
    import ssl

    reasons = {
        base.errors.TLSFailed: ssl.SSLError,
        base.errors.NameNotResolved: socket.gaierror,
        base.errors.ConnectFailed: ConnectionError,
        base.errors.ConnectionBroken: ConnectionResetError,
    }
    return reasons[kind](message) if kind in reasons else None
