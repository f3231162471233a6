"""Sending a request: which fields frame its body, and the body's way out.

A server may answer before it has read a request body, and then stop reading. So a long body is
sent only as long as nothing comes back, and the reply is left to be read: it is not lost to a
broken pipe.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.commands import command
from mini_http.codec.chunked import write_chunk, write_last_chunk
from mini_http.codec.framing import content_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mini_http.connect.simple_client import SimpleClient
    from mini_http.exchange.request_body import RequestBody

    Field = tuple[str, str]

SMALL_BYTES = 16 * 1024
"""A body up to this long goes out with the head: it fits any send buffer, so no reply to it can
come too early."""


class SentFraming:
    """How a request's body is framed: `fields` to add to the head, and whether it is `chunked`."""

    __slots__ = ("chunked", "fields", "length")

    def __init__(self, fields: tuple[Field, ...], chunked: bool, length: int | None) -> None:
        self.fields = fields
        self.chunked = chunked
        self.length = length


def request_framing(
    method: str, given: Sequence[Field], control: frozenset[str], body: RequestBody
) -> SentFraming:
    """How `body` is to be framed, from its length and the fields that the caller gave.

    `control` are those of these fields' names, lowered, that bear on framing.

    A Content-Length that was given is kept, and the body must be as long; without one it is the
    body's own length, or the body is chunked (RFC 9112 section 6). Raises InvalidField for both
    Content-Length and Transfer-Encoding, for a Transfer-Encoding that is not chunked, and for a
    Content-Length that the body does not have.
    """
    if body.length == 0 and not control and not command(method).has_request_body:
        return _NO_BODY_FRAMING
    lengths = _values(given, "content-length") if "content-length" in control else []
    codings = _values(given, "transfer-encoding") if "transfer-encoding" in control else []
    if lengths and codings:
        raise base.errors.InvalidField(
            "a request can't have both Content-Length and Transfer-Encoding"
        )
    if codings:
        if len(codings) != 1 or codings[0].lower() != "chunked":
            raise base.errors.InvalidField(
                f"Transfer-Encoding of a request must be chunked, not {', '.join(codings)}"
            )
        return SentFraming((), True, None)
    if lengths:
        try:
            length = content_length(", ".join(lengths))
        except base.errors.BadFraming as error:
            raise base.errors.InvalidField(str(error)) from None
        if body.length is not None and body.length != length:
            raise base.errors.InvalidField(
                f"Content-Length is {length}, but the body has {body.length} bytes"
            )
        return SentFraming((), False, length)
    if body.length is None:
        return SentFraming((("Transfer-Encoding", "chunked"),), True, None)
    if body.length == 0 and not command(method).has_request_body:
        return _NO_BODY_FRAMING
    return SentFraming((("Content-Length", str(body.length)),), False, body.length)


def _values(fields: Sequence[Field], lowered_name: str) -> list[str]:
    return [value for name, value in fields if name.lower() == lowered_name]


_NO_BODY_FRAMING = SentFraming((), False, 0)


def send_body(
    client: SimpleClient, body: RequestBody, framing: SentFraming, goes_on: Callable[[], bool]
) -> bool:
    """Sends `body`, which has a head before it; returns whether all of it was sent.

    `goes_on` is called when the server says something meanwhile; if it returns False, sending ends.
    Raises InvalidRequest when the body turns out to be of another length than Content-Length says.
    """
    return all(
        client.write_unless_input(memoryview(piece), goes_on)
        for piece in framed_pieces(body, framing)
    )


def framed_pieces(body: RequestBody, framing: SentFraming) -> Iterator[memoryview | bytes]:
    """What goes over the wire for `body`, piece by piece. Raises InvalidRequest as above."""
    if framing.chunked:
        for piece in body.pieces():
            if chunk := write_chunk(piece):
                yield chunk
        yield write_last_chunk()
        return
    left = framing.length or 0
    for piece in body.pieces():
        left -= piece.nbytes
        if left < 0:
            break
        yield piece
    if left:
        raise base.errors.InvalidRequest(
            f"the body has {'more' if left < 0 else 'fewer'} bytes than the {framing.length} that"
            " Content-Length says"
        )
