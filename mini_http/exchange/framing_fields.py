"""The fields that frame the body of a request: those to add, and what those given say of it.

One set of rules for all requests, sent at once or step by step (RFC 9112 section 6). Pure functions
on values.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.commands import command
from mini_http.codec.framing import content_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from mini_http.base.headers import Headers
    from mini_http.exchange.request_body import RequestBody

    Field = tuple[str, str]


def body_fields(
    method: str, body: RequestBody | None, given: Container[str] | Headers, chunked: bool = False
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
    if body.content_type and "content-type" not in given:
        fields.append(("Content-Type", body.content_type))
    if body.trailer_names and "trailer" not in given:
        fields.append(("Trailer", ", ".join(body.trailer_names)))
    if not is_framed and (chunked or body.length is None):
        fields.append(("Transfer-Encoding", "chunked"))
    elif not is_framed:
        fields.append(("Content-Length", str(body.length)))
    return fields


def declared_length(fields: Headers) -> int | None:
    """What Content-Length says among these fields; None without one.

    Raises InvalidField if it is no length, or stands with Transfer-Encoding, and for a
    Transfer-Encoding that does not say where the body ends.
    """
    lengths = fields.combined("content-length")
    if "transfer-encoding" in fields:
        if lengths is not None:
            raise base.errors.InvalidField(
                "a request can't have both Content-Length and Transfer-Encoding"
            )
        _check_codings(fields.tokens("transfer-encoding"))
    if lengths is None:
        return None
    try:
        return content_length(lengths)
    except base.errors.BadFraming as error:
        raise base.errors.InvalidField(str(error)) from None


def _check_codings(codings: list[str]) -> None:
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
