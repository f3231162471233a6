"""Recording what a program asks over http and https, and what it gets, to a HAR file.

    with recording("session.har"):
        program()

`tools.replayer` gives it the same again without a network. The file is HAR 1.2 (`tools.har`), with
secrets masked (`tools.masking`).

A Recorder sends by a pool and takes down what passes while the program reads it. So recording
changes nothing of what the program sees, nor when; and of a body that is not read to its end only
what was read is recorded, unless it came whole with its head. All of it stays in memory until the
program ends or the Recorder is closed.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from errno import EISDIR

from mini_http import base
from mini_http.base.headers import MASK
from mini_http.base.timeouts import DEFAULT_TIMEOUT
from mini_http.exchange.body import BodyReader, BytesReader
from mini_http.exchange.request_body import NO_BODY, BodyWrapper, RequestBody
from mini_http.keepalive.pool import shared_pool
from mini_http.opener.secrets import NAMES
from mini_http.opener.whole_file import write_whole
from mini_http.tools.har import Exchange, write_har
from mini_http.tools.masking import Masker
from mini_http.tools.standins import (
    handlers_over,
    in_place_of_shared_pool,
    sent_fields,
    url_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from mini_http.base.timeouts import Deadline, Timeout
    from mini_http.exchange.response import HTTPResponse
    from mini_http.keepalive.route import Route
    from mini_http.opener.handlers.http import HTTPHandler, HTTPSHandler
    from mini_http.tools.standins import Field, Sender


@contextmanager
def recording(path: str | Path, *, secrets: Iterable[str] = ()) -> Iterator[Recorder]:
    """While it is entered, all that openers do over http and https is recorded; then it is written.

    That holds for `urlopen` and for every opener without a pool of its own. `secrets` are more
    names of fields, parameters and JSON members to mask. Gives the Recorder.
    """
    recorder = Recorder(path, secrets=secrets)
    try:
        with in_place_of_shared_pool(recorder):
            yield recorder
    finally:
        recorder.close()


class Recorder:
    """Sends by `pool`, by default the one that all openers share, and records to the file `path`.

    `build_opener(*recorder.handlers())` makes an opener that records. The file is written by `save`
    and `close`, else when the program ends; always as a whole, in place of one of that name, and
    for its owner alone. Raises OSError if no file can be written there.
    """

    def __init__(
        self, path: str | Path, *, secrets: Iterable[str] = (), pool: Sender | None = None
    ) -> None:
        import atexit
        import tempfile

        self._path = os.path.abspath(path)
        # Or an hour of recording would come to nothing.
        if os.path.isdir(self._path):
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR), self._path)
        tempfile.TemporaryFile(dir=os.path.dirname(self._path)).close()
        self._masker = Masker(secrets)
        self._send = (shared_pool() if pool is None else pool).send
        self._accounts: list[_Account] = []
        self._process = os.getpid()
        atexit.register(self.save)

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
        """As Pool.send; one exchange to record."""
        sent = tuple(
            (name, MASK if name.lower() in NAMES else value)
            for name, value in sent_fields(method, target, fields, body)
        )
        request = Exchange(method, url_of(route, target), sent_fields=sent, started=time.time())
        watched = _WatchedBody(body)
        account = _Account(request, watched)
        self._accounts.append(account)
        try:
            response = self._send(route, method, target, fields, watched, timeout, deadline)
        except base.errors.MiniHTTPError as error:
            account.failed(error)
            raise
        account.replied(response)
        return response

    def exchanges(self) -> list[Exchange]:
        """What was recorded so far, in the order in which it began, masked."""
        return [self._masker.exchange(account.exchange()) for account in list(self._accounts)]

    def save(self) -> None:
        """Writes the file as it is so far. Raises OSError."""
        if os.getpid() == self._process:  # a forked child has but a part of it
            write_whole(self._path, write_har(self.exchanges(), self._masker.names).encode())

    def close(self) -> None:
        """Writes the file for the last time. Raises OSError."""
        import atexit

        atexit.unregister(self.save)
        self.save()


class _Account:
    """What is known of one exchange while it goes on."""

    def __init__(self, request: Exchange, body: _WatchedBody) -> None:
        self._exchange = request.replace(error="no reply yet")
        self._body = body
        self._reader: _WatchedReader | None = None
        self._began = self._last = time.monotonic()

    def replied(self, response: HTTPResponse) -> None:
        """A reply came; from now on its body is watched."""
        self._last = time.monotonic()
        self._exchange = self._exchange.replace(
            version=response.version,
            status=response.status,
            reason=response.reason,
            fields=tuple(response.headers.items()),
            error="",
            waited=self._last - self._began,
        )
        if isinstance(response._reader, BytesReader):
            # It came whole with its head, and is recorded even if nobody reads it.
            body = response._reader.read_all()
            self._exchange = self._exchange.replace(body=body)
            response._reader = BytesReader(body)
        else:
            response._reader = self._reader = _WatchedReader(response._reader, self)

    def went_on(self) -> None:
        """More of the reply's body came."""
        self._last = time.monotonic()

    def failed(self, error: Exception) -> None:
        """There is no reply, or no more of its body."""
        self._exchange = self._exchange.replace(error=f"{type(error).__name__}: {error}")

    def exchange(self) -> Exchange:
        """The exchange, as far as it went."""
        exchange, reader = self._exchange.replace(sent_body=self._body.sent()), self._reader
        if reader is None:
            return exchange
        return exchange.replace(
            body=b"".join(reader.pieces),
            is_whole=reader.ended,
            received=self._last - self._began - exchange.waited,
        )


class _WatchedBody(BodyWrapper):
    """A request body whose bytes are kept as they are sent."""

    def __init__(self, body: RequestBody) -> None:
        super().__init__(body)
        self._pieces: list[bytes] = []
        self._has_ended = body.length == 0

    def pieces(self) -> Iterator[memoryview]:
        self._pieces, self._has_ended = [], False
        for piece in self.body.pieces():
            self._pieces.append(bytes(piece))
            yield piece
        self._has_ended = True

    def sent(self) -> bytes | None:
        """The body, if all of it was sent."""
        return b"".join(self._pieces) if self._has_ended else None


class _WatchedReader(BodyReader):
    """The reader of a reply's body, whose bytes are kept as they are read."""

    def __init__(self, reader: BodyReader, account: _Account) -> None:
        self.pieces: list[bytes] = []
        self._reader = reader
        self._account = account
        self._follow()

    def read_some(self, limit: int) -> bytes:
        try:
            data = self._reader.read_some(limit)
        except base.errors.MiniHTTPError as error:
            self._account.failed(error)
            raise
        self.pieces.append(data)
        self._account.went_on()
        self._follow()
        return data

    def _follow(self) -> None:
        reader = self._reader
        self.ended, self.left, self.trailers = reader.ended, reader.left, reader.trailers
