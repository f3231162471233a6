"""HTTPResponse: a reply as a file to read and as the attributes that urllib and http.client give.

It reads its body from a BodyReader and tells its HTTPClient when the body has ended, so that the
connection can serve again. It decides nothing about framing, and knows no pool. One that a program
makes itself, as in http.client, over a socket or a saved reply, has a LoneReply in place of the
client.
"""

from __future__ import annotations

import io

from mini_http import base
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.timeouts import Deadline
from mini_http.codec.framing import CloseReason
from mini_http.exchange.body import BodyReader, FailedReader
from mini_http.exchange.body_file import NOTHING
from mini_http.exchange.reply_face import UNKNOWN, ReplyFace
from mini_http.exchange.text import PIECE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol, Self, TypeVar, TypeVarTuple

    from mini_http.base.heads import ResponseHead
    from mini_http.base.limits import Limits
    from mini_http.connect.simple_client import SimpleClient
    from mini_http.exchange.reply_face import ReplyOwner

    class ReplySource(Protocol):
        """Where the head of a reply comes from."""

        def begin_reply(self, response: HTTPResponse) -> None:
            """Waits for the head, and calls the reply's `take_head` with it."""

    Arguments = TypeVarTuple("Arguments")
    Taken = TypeVar("Taken")

KEEP_SECONDS = 1.0
"""How long `keep_rest` waits for the rest of a body, where the timeout lets it."""


class HTTPResponse(ReplyFace):
    """A reply: `status`, `reason`, `headers`, and a body that is read like a binary file.

    `read`, `readinto`, `readline` and iteration raise IncompleteRead when the body ends before it
    is whole, and the errors of `base.errors` for all else that goes wrong; what failed once fails
    again. Once the last byte was read the connection is given back; `close`, or leaving a `with`
    block, gives it back earlier. `url` is where the reply came from, after redirects; `history`
    holds the replies that redirected.
    """

    # Slots, because the instance dict of a class made in C is slow: 1.2 us of a GET. There is one
    # all the same, for what users and handlers add.
    __slots__ = ("_limits", "code", "history", "reason", "version")
    version: int
    code: int
    reason: str
    history: tuple[HTTPResponse, ...]

    debuglevel = 0
    _method: str | None = None
    _source: ReplySource | None = None

    def __init__(
        self, sock: Any, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        """A reply to read from `sock`: a socket, or anything with `makefile("rb")`.

        That is http.client's constructor; the replies of this package are made by `of`. `begin`
        reads the head. `method` is the request's, since a reply to HEAD has no body.
        """
        from mini_http.exchange.lone_reply import LoneReply

        self.version = self.status = self.code = self.reason = UNKNOWN
        self.headers = self.msg = _NONE_YET
        self.url = url or ""
        self.history = ()
        self.close_reason = None
        self.debuglevel = debuglevel
        self._method = method
        self._head = None
        self._reader = self._coded = FailedReader(
            base.errors.ResponseNotReady("the reply has not begun: call begin() first")
        )
        self._client = None
        self._limits = DEFAULT_LIMITS
        self.closed = False
        self._ahead = NOTHING
        self._source = self._lone = LoneReply(sock)

    @classmethod
    def of(
        cls,
        head: ResponseHead,
        reader: BodyReader,
        client: ReplyOwner | None = None,
        close_reason: CloseReason | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Self:
        """The reply that has this head, and its body from `reader`."""
        response = cls.__new__(cls)
        response.url = ""
        response.take_head(head, reader, client, close_reason, limits)
        return response

    def take_head(
        self,
        head: ResponseHead,
        reader: BodyReader,
        client: ReplyOwner | None = None,
        close_reason: CloseReason | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """Begins: `client` is told of the body's end, if there is one to be told."""
        self.version = head.version
        self.status = self.code = head.status
        self.reason = head.reason
        self.headers = self.msg = head.headers
        self.history = ()
        self.close_reason = close_reason
        """Why the connection closes after this reply; None if it stays."""
        self._head = head
        self._reader = reader
        self._coded = reader  # stays the reader of the wire when _reader decodes
        self._client = client  # None once it was told
        self._limits = limits
        self.closed = False
        self._ahead = NOTHING

    def begin(self) -> None:
        """Reads the head of a reply that a program made itself. Again: does nothing.

        Raises the ProtocolErrors, ReadTimedOut and ConnectionBroken.
        """
        if self._head is None and self._source is not None:
            self._source.begin_reply(self)
            self._source = None  # nor hold a connection longer than its reply takes

    def comes_over(self, client: object) -> bool:
        """Whether the rest of the body comes over the connection of `client`."""
        return self._client is client

    def go_on_with(self, client: ReplyOwner) -> None:
        """Reads the rest of the body from `client`, which has taken the connection over."""
        self._client = client
        self._coded.go_on_with(client)

    def cut_off(self) -> None:
        """The connection was closed, and is another one now: what has not been read is lost."""
        self._let_go()
        self._reader = FailedReader(
            base.errors.StateError("the connection of this reply was closed before it was read")
        )

    def read_from(self, source: ReplySource) -> None:
        """Has `begin` ask `source` for the head, in place of the socket."""
        self._source, self._lone = source, None

    # --- the end of it

    def close(self) -> None:
        """Gives the connection back. A short unread rest is read first, else it is closed."""
        # Not IOBase's close: it flushes, and makes an instance dict to note that it was called,
        # which takes 3 us.
        client = self._client
        if client is not None and not self._drained(client):
            self._fail(None)
        elif self._lone is not None:
            self._lone.close()
        self.closed = True

    def detach(self) -> SimpleClient:  # type: ignore[override]
        """Hands over the connection after the server has switched protocols: 101 (Switching
        Protocols), or a 2xx to CONNECT. What has come after the head is there to be read.

        Raises UnsupportedOperation for any other reply.
        """
        client = self._client
        if client is None or self.close_reason is not _SWITCHED:
            raise io.UnsupportedOperation(f"the server did not switch protocols: {self!r}")
        self._client = None
        return client.hand_over()

    def keep_rest(self) -> None:
        """Reads what is left into memory, if that is little and comes soon.

        Then the connection can serve again before the reply is read. What goes wrong is raised when
        it is.
        """
        client = self._client
        if client is None or self.close_reason is not None:
            return
        limit = client.limits.drain_bytes
        if (self._coded.left or 0) > limit or self._is_apart:
            return
        before = client.deadline
        client.deadline = (before or Deadline(None)).within(client.timeout).within(KEEP_SECONDS)
        pieces = [self._unread()]
        kept = len(pieces[0])
        try:
            while not self._reader.ended and kept <= limit:
                pieces.append(self._reader.read_some(PIECE_BYTES))
                kept += len(pieces[-1])
        except base.errors.TimedOut:
            pass  # which loses nothing: the rest is read when it is asked for
        except BaseException as error:
            self._fail(error)
            if not isinstance(error, base.errors.MiniHTTPError):
                raise
        if self._client is not None:
            client.deadline = before
            if self._coded.ended:
                self._let_go()
                client.end_reply()
        self._ahead = io.BytesIO(b"".join(pieces))

    def _drained(self, client: ReplyOwner) -> bool:
        """Reads and drops what is left of the body, if that is little and comes soon; of chunks, if
        it has come.
        """
        limit = client.limits.drain_bytes
        if (self._coded.left or 0) > limit or not client.prepare_to_drain():
            return False
        try:
            self._take(self._coded.drop, limit)
        except base.errors.MiniHTTPError:
            return True  # and closed
        return self._coded.ended

    def __del__(self) -> None:
        # Waiting for the rest of a body is not for a finalizer, so the connection is closed; unless
        # it is the program's, too, which may go on with it.
        client = getattr(self, "_client", None)  # no slot is set if __init__ failed
        if client is None:
            return
        if client.shares_socket:
            self._let_go()
            client.take_back(self)
        else:
            self._fail(None)

    def __repr__(self) -> str:
        from mini_http.base.escapes import masked

        return f"<HTTPResponse {self.status} {self.reason!r} of {masked(self.url) or '?'}>"

    # --- between the client and the reply

    def decode_content(self, limits: Limits | None = None) -> None:
        """Decodes the body as Content-Encoding says, from now on.

        Then the fields that no longer hold, Content-Encoding and Content-Length, are removed. A
        coding that is not known, or whose library is missing, leaves all as it is. To be called
        before anything is read. `limits` are those of the connection unless given. Raises
        LimitExceeded for too many codings.
        """
        coding = None if self._head is None else self._head.control.get("content-encoding")
        if coding is None or self._reader.ended:
            return
        from mini_http.codec.content_coding import decoder_for
        from mini_http.exchange.decoding_reader import DecodingReader

        decoder = decoder_for(coding, limits or self._limits)
        if decoder is not None:
            self._reader = DecodingReader(self._reader, decoder)
            del self.headers["Content-Encoding"], self.headers["Content-Length"]

    # --- private

    def _take(self, read: Callable[[*Arguments], Taken], *arguments: *Arguments) -> Taken:
        """What `read`, of the reader, gives. At the body's end the connection is given back."""
        try:
            taken = read(*arguments)
        except BaseException as error:
            self._fail(error)
            raise
        client = self._client
        if client is not None and self._coded.ended and self.close_reason is not _SWITCHED:
            self._let_go()
            client.end_reply()
        return taken

    def _let_go(self) -> None:
        """Forgets the connection, which others may use from now on."""
        self._client = None
        self._coded.go_on_with(None)

    def _fail(self, error: BaseException | None) -> None:
        """Gives the connection up: the body ended in `error`, or (None) will not be read."""
        client, self._client = self._client, None
        if client is not None:
            client.abandon_reply(error)
        if isinstance(error, Exception):
            self._reader = FailedReader(error)

    _give_up = _fail


_SWITCHED = CloseReason.SWITCHED
_NONE_YET: Any = None
"""What http.client has for headers before `begin`."""
