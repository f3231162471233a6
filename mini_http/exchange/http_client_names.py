"""What http.client has besides its connections, replies and errors: ports, names and headers.

Together with those, it is what a program finds that has `import mini_http as http_client` in place
of `from http import client as http_client`. Constants and the classes that nothing here could do
better are http.client's own, so that `except` and `isinstance` say the same of both modules.
"""

from __future__ import annotations

from http.client import (
    HTTP_PORT,
    HTTPS_PORT,
    HTTPException,
    HTTPMessage,
    ImproperConnectionState,
    LineTooLong,
    UnimplementedFileMode,
    UnknownTransferEncoding,
    error,
    responses,
)

from mini_http import base
from mini_http.base.headers import Headers
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.codec.heads import read_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from mini_http.base.limits import Limits

    class HasLines(Protocol):
        """A binary file, or anything else with its `readline`."""

        def readline(self, limit: int, /) -> bytes: ...


__all__ = [
    "HTTPS_PORT",
    "HTTP_PORT",
    "HTTPException",
    "HTTPMessage",
    "ImproperConnectionState",
    "LineTooLong",
    "UnimplementedFileMode",
    "UnknownTransferEncoding",
    "error",
    "parse_headers",
    "responses",
]


def parse_headers(fp: HasLines, _class: Any = Headers, *, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The fields of a head whose first line was read already, from a binary file.

    Not a byte is read after the empty line that ends them. `_class` is what is returned: Headers,
    which are an HTTPMessage to whoever asks, or a subclass, or a class of `email.message.Message`.
    Raises BadField for a line that is no field (RFC 9112 section 5), IncompleteRead if the file
    ends before the empty line, and LimitExceeded.
    """
    headers = read_fields(_read_block(fp, limits), limits)
    if _class is Headers:
        return headers
    if isinstance(_class, type) and issubclass(_class, Headers):
        return _class(headers.items())
    message = _class()
    for name, value in headers.items():
        message.set_raw(name, value)
    message.set_payload("")
    return message


def _read_block(fp: HasLines, limits: Limits) -> bytes:
    """The lines to the empty one, inclusive, and no further."""
    lines: list[bytes] = []
    size = 0
    while not lines or lines[-1] not in (b"\r\n", b"\n"):
        line = fp.readline(limits.line_bytes + 1)
        lines.append(line)
        size += len(line)
        if size > limits.head_bytes:
            raise base.errors.LimitExceeded("bytes of headers", limits.head_bytes, size)
        if len(line) > limits.line_bytes:
            raise base.errors.LimitExceeded(f"bytes in header line {len(lines)}", limits.line_bytes)
        if not line.endswith(b"\n"):
            raise base.errors.IncompleteRead(b"".join(lines))
    return b"".join(lines)
