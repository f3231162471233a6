"""Sending a request: which fields frame its body, and the body's way out.

A server may answer before it has read a request body, and then stop reading. So a long body is
sent only as long as nothing comes back, and the reply is left to be read: it is not lost to a
broken pipe.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.commands import command
from mini_http.base.headers import Headers
from mini_http.exchange.request_body import exactly

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
    """How a request's body is framed: `fields` to add to the head, and whether it is `chunked`.

    `is_short`: it may go out with the head. One that is watched goes after it, so that it is told
    of when it has been sent.
    """

    __slots__ = ("chunked", "fields", "is_short", "length")

    def __init__(
        self, fields: tuple[Field, ...], length: int | None, is_watched: bool = False
    ) -> None:
        self.fields = fields
        self.length = length
        self.chunked = length is None
        self.is_short = length is not None and length <= SMALL_BYTES and not is_watched


def request_framing(
    method: str, given: Sequence[Field], control: frozenset[str], body: RequestBody
) -> SentFraming:
    """How `body` is to be framed, from its length and the fields that the caller gave.

    `control` are those of these fields' names, lowered, that bear on framing.

    A Content-Length that was given is kept, and the body must be as long; without one it is the
    body's own length, or the body is chunked (RFC 9112 section 6). Its type and the names of its
    trailers are told too, unless the caller did. Raises InvalidField for both Content-Length and
    Transfer-Encoding, for a Transfer-Encoding that is not just chunked, and for a Content-Length
    that the body does not have, or that leaves no place for its trailers.
    """
    if body.length == 0 and not control and not command(method).has_request_body:
        return _NO_BODY_FRAMING
    if _say_all(given, control, body):
        return SentFraming((), body.length, body.is_watched)
    from mini_http.exchange.framing_fields import body_fields, declared_length

    if "content-length" not in control and "transfer-encoding" not in control:
        if body.length == 0 and not command(method).has_request_body:
            return _NO_BODY_FRAMING
        names = [name.lower() for name, _ in given]
        added = tuple(body_fields(method, body, names))
        return SentFraming(added, body.length, body.is_watched)
    fields = Headers(list(given))
    length = declared_length(fields)
    added = tuple(body_fields(method, body, fields))
    if length is None:
        codings = fields.tokens("transfer-encoding")
        if codings != ["chunked"]:  # we apply no other
            raise base.errors.InvalidField(
                f"Transfer-Encoding of a request must be chunked, not {', '.join(codings)}"
            )
        return SentFraming(added, None)
    _check_length(length, body)
    return SentFraming(added, length, body.is_watched)


def _say_all(given: Sequence[Field], control: frozenset[str], body: RequestBody) -> bool:
    """Whether these fields say the length of `body`, and all else there is to say, as those of an
    opener do: then they need not be read and checked again, which takes 3 us.
    """
    if control != _LENGTH_ALONE or body.length is None or body.trailer_names is not None:
        return False
    names = [name.lower() for name, _ in given]
    return (
        names.count("content-length") == 1
        and given[names.index("content-length")][1] == str(body.length)
        and (body.content_type is None or "content-type" in names)
    )


_LENGTH_ALONE = frozenset({"content-length"})


def _check_length(length: int, body: RequestBody) -> None:
    """Raises InvalidField unless the length that the caller gave can be the body's."""
    if body.length is not None and body.length != length:
        raise base.errors.InvalidField(
            f"Content-Length is {length}, but the body has {body.length} bytes"
        )
    if body.trailer_names is not None:
        raise base.errors.InvalidField(
            "a body with trailers is sent in chunks, so it can't have a Content-Length"
        )


_NO_BODY_FRAMING = SentFraming((), 0)


def send_body(
    client: SimpleClient, body: RequestBody, framing: SentFraming, goes_on: Callable[[], bool]
) -> bool:
    """Sends `body`, which has a head before it; returns whether all of it was sent.

    `goes_on` is called when the server says something meanwhile; if it returns False, sending ends.
    Raises InvalidRequest when the body turns out to be of another length than Content-Length says.
    """
    for piece in framed_pieces(body, framing):
        if not client.write_unless_input(memoryview(piece), goes_on):
            return False
        del piece  # before the next one is read from its file
    return True


def framed_pieces(body: RequestBody, framing: SentFraming) -> Iterator[memoryview | bytes]:
    """What goes over the wire for `body`, piece by piece. Raises InvalidRequest as above.

    Raises InvalidField for trailers, made when the body has been sent, that may not be sent.
    """
    if framing.length is not None:
        why = "that Content-Length says"
        if body.length is not None:
            why += ", which it had when it was measured"
        yield from exactly(body.pieces(), framing.length, "the body", why)
        return
    from mini_http.codec.chunked import write_chunk, write_last_chunk

    for piece in body.pieces():
        if piece.nbytes:
            yield write_chunk(piece)
    yield write_last_chunk(body.trailers())
