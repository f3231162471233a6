"""BegunRequest: a request that is put together step by step, and sent in pieces.

It keeps what the head announces of the body and counts what is sent of it: what is missing a server
would wait for, and what is too much it would take for the next request. It sends nothing itself.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.headers import Headers
from mini_http.codec.chunked import ChunkDecoder
from mini_http.codec.heads import field_line
from mini_http.exchange.early_reply import expects_continue
from mini_http.exchange.framing_fields import declared_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mini_http.exchange.request_body import RequestBody


class BegunRequest:
    """A request of this method; `version` is 10 for HTTP/1.0, 11 for HTTP/1.1."""

    def __init__(self, method: str, version: int) -> None:
        self.method = method
        self.version = version
        self.fields = Headers()
        """Those that were put."""
        self.has_all_of_body = False
        """Whether nothing will follow the body that is sent with the head."""
        self.is_trusted = False
        """Whether who sends it sees to it by himself that it is whole."""
        self.is_cut = False
        """Whether sending it has ended before that."""
        # What follows the head: bytes that are left of a known length, or chunks, else anything.
        self._left: int | None = 0
        self._chunks: ChunkDecoder | None = None
        self._has_more = False

    def put(self, name: str, value: str) -> bytes:
        """Adds a field; returns it as it is sent, without its line end. Raises InvalidField."""
        line = field_line(name, value).removesuffix("\r\n")
        self.fields[name] = value
        return line.encode("latin-1")

    # --- what the head says

    @property
    def says_close(self) -> bool:
        """Whether the connection is to be closed after the reply."""
        return "close" in self.fields.tokens("connection")

    @property
    def expects_continue(self) -> bool:
        """Whether the server is to say whether it wants the body (RFC 9110 section 10.1.1)."""
        return expects_continue(self.fields)

    @property
    def asks_upgrade(self) -> bool:
        """Whether another protocol may follow on the connection."""
        return "upgrade" in self.fields

    def announce(self, body: RequestBody | None, chunked: bool) -> None:
        """The head is complete; `body` will be sent after it, in chunks or not, and perhaps more.

        Raises InvalidField for fields that contradict each other, or this body; InvalidRequest for
        a body that is longer than Content-Length says, or shorter where nothing can follow it.
        """
        length = declared_length(self.fields)
        is_chunked = "transfer-encoding" in self.fields
        if is_chunked and self.version == 10:
            raise base.errors.InvalidField(
                "a request of HTTP/1.0 can't have a Transfer-Encoding: it takes a Content-Length,"
                " and a body of that length"
            )
        has_trailers = body is not None and body.trailer_names is not None
        if length is not None:
            self._left = length
            if chunked or has_trailers:
                raise base.errors.InvalidField(
                    "a body with a Content-Length can't be sent in chunks, nor with trailers"
                )
            size = None if body is None else body.length
            if size is not None and (size > length or (self.has_all_of_body and size < length)):
                raise base.errors.InvalidRequest(
                    f"Content-Length is {length}, but the body has {size} bytes"
                )
        elif chunked or has_trailers:
            self.is_trusted = True
        elif is_chunked:
            self._left, self._chunks = None, ChunkDecoder()
        elif self.asks_upgrade or self.method == "CONNECT":
            self._left = None

    # --- what is sent of the body

    @property
    def body_length(self) -> int | None:
        """How long the body that is sent with the head must be; None if that is not known."""
        return self._left if self.has_all_of_body else None

    def count(self, data: bytes | memoryview) -> None:
        """This is going to be sent. Raises InvalidRequest if it is more than was announced."""
        if self.is_trusted or not data:
            return
        if self._left is not None:
            size = memoryview(data).nbytes
            if size > self._left:
                raise base.errors.InvalidRequest(
                    f"the head of the request announced {self._left} bytes more, not {size}: it"
                    " needs a Content-Length, or Transfer-Encoding: chunked"
                )
            self._left -= size
        elif self._chunks is None or self._chunks.ended:
            self._has_more = True
        else:
            try:
                self._chunks.decode(bytes(data))
            except base.errors.ProtocolError:
                self.is_cut = True  # the server will not see the end, or another one

    def end(self) -> None:
        """The body was sent that was trusted to be whole: no more may follow."""
        if self.is_trusted:
            self.is_trusted = False
            self._left = 0

    @property
    def is_whole(self) -> bool:
        """Whether no more of it is to be sent."""
        if self.is_cut:
            return False
        if self.is_trusted:
            return True
        if self._has_more:
            return False
        if self._chunks is not None:
            return self._chunks.ended and not self._chunks.rest
        return not self._left
