"""BegunRequest: a request that is put together step by step, and sent in pieces.

It keeps what the head announces of the body and counts what is sent of it: what is missing a server
would wait for, and what is too much it would take for the next request. It sends nothing itself.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.commands import command
from mini_http.base.headers import Headers
from mini_http.codec.chunked import ChunkDecoder
from mini_http.codec.framing import content_length
from mini_http.codec.heads import field_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

    from mini_http.exchange.request_body import RequestBody

    Field = tuple[str, str]


class BegunRequest:
    """A request of this method; `version` is 10 for HTTP/1.0, 11 for HTTP/1.1."""

    def __init__(self, method: str, version: int) -> None:
        self.method = method
        self.version = version
        self.fields = Headers()
        """Those that were put."""
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
        return "100-continue" in self.fields.tokens("expect")

    @property
    def asks_upgrade(self) -> bool:
        """Whether another protocol may follow on the connection."""
        return "upgrade" in self.fields

    def announce(self, body: RequestBody | None, chunked: bool) -> None:
        """The head is complete; `body` will be sent after it, in chunks or not, and perhaps more.

        Raises InvalidField for fields that contradict each other, or this body; InvalidRequest for
        a body that is longer than Content-Length says.
        """
        lengths = self.fields.combined("content-length")
        codings = self.fields.tokens("transfer-encoding")
        self._check_codings(codings, lengths)
        if lengths is not None:
            self._left = _declared(lengths)
            if chunked or (body is not None and body.trailer_names is not None):
                raise base.errors.InvalidField(
                    "a body with a Content-Length can't be sent in chunks, nor with trailers"
                )
            if body is not None and body.length is not None and body.length > self._left:
                raise base.errors.InvalidRequest(
                    f"Content-Length is {self._left}, but the body has {body.length} bytes"
                )
        elif chunked:
            self.is_trusted = True
        elif codings:
            self._left, self._chunks = None, ChunkDecoder()
        elif self.asks_upgrade or self.method == "CONNECT":
            self._left = None

    def _check_codings(self, codings: list[str], lengths: str | None) -> None:
        if "transfer-encoding" not in self.fields:
            return
        if lengths is not None:
            raise base.errors.InvalidField(
                "a request can't have both Content-Length and Transfer-Encoding"
            )
        if codings[-1:] != ["chunked"]:
            raise base.errors.InvalidField(
                "the last Transfer-Encoding of a request must be chunked: else nothing says where"
                " its body ends (RFC 9112 section 6.1)"
            )
        if codings.count("chunked") > 1:
            raise base.errors.InvalidField(
                "a request can't be chunked more than once: one Transfer-Encoding must say so"
                " (RFC 9112 section 6.1)"
            )
        if self.version == 10:
            raise base.errors.InvalidField(
                "a request of HTTP/1.0 can't have a Transfer-Encoding: it takes a Content-Length,"
                " and a body of that length"
            )

    # --- what is sent of the body

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
        if self.is_cut or self._has_more or self.is_trusted:
            return self.is_trusted and not self.is_cut
        if self._chunks is not None:
            return self._chunks.ended and not self._chunks.rest
        return not self._left


def body_fields(
    method: str, body: RequestBody | None, given: Container[str], chunked: bool = False
) -> list[Field]:
    """The fields that a body needs and that are not among those `given`, in lower case.

    `chunked`: it is to be sent in chunks though its length is known. Without a body, methods that
    usually have one say that it is empty (RFC 9110 section 8.6).
    """
    is_framed = "content-length" in given or "transfer-encoding" in given
    if body is None:
        if is_framed or not command(method.upper()).has_request_body:
            return []
        return [("Content-Length", "0")]
    fields = []
    if not is_framed and (chunked or body.length is None):
        fields.append(("Transfer-Encoding", "chunked"))
    elif not is_framed:
        fields.append(("Content-Length", str(body.length)))
    if body.content_type and "content-type" not in given:
        fields.append(("Content-Type", body.content_type))
    if body.trailer_names and "trailer" not in given:
        fields.append(("Trailer", ", ".join(body.trailer_names)))
    return fields


def _declared(lengths: str) -> int:
    try:
        return content_length(lengths)
    except base.errors.BadFraming as error:
        raise base.errors.InvalidField(str(error)) from None


def as_text(value: Any) -> str:
    """The name or a value of a field, of any type that http.client takes."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("latin-1")
    raise TypeError(f"a field is made of str, bytes or int, not {type(value).__name__}")
