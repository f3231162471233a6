"""multipart/form-data (RFC 7578): what stands before, between and after the parts of a form.

    --boundary CRLF  fields of the part  CRLF CRLF  its content  CRLF  ...  --boundary-- CRLF

`write_part_head`, PART_END and `write_form_end` give all of these bytes but the contents, which go
out just as they are: who sends a form need not hold its files. Names are written as browsers do
(WHATWG HTML, "multipart/form-data encoding algorithm"), and every part's head by the writer of
heads, so that neither a name nor a type can smuggle in a field. Faults raise InvalidField.
"""

from __future__ import annotations

import os
import re

from mini_http import base
from mini_http.codec.heads import field_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Field = tuple[str, str]

PART_END = b"\r\n"
"""What follows the content of each part."""

BOUNDARY_BYTES = 16
"""Random bytes in a boundary. The content is not searched for it: to hold one of 128 random bits by
accident, an exabyte (2**60 bytes) has a chance of 1 in 2**68. And since the bits come from the
system's source of secrets, nobody who made the content can have known them either."""

# RFC 2046 section 5.1.1: boundary = 0*69bchars bcharsnospace
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")

# What every reader takes for a token (RFC 2045 section 5.1): some stumble over "'", for RFC 2231.
_PLAIN = re.compile(r"[0-9A-Za-z+_\-.]++")

# What UTF-8 can't express, and the Encoding Standard replaces.
_SURROGATE = re.compile("[\ud800-\udfff]")


def new_boundary() -> str:
    """A boundary that no content holds, of letters and digits only."""
    return os.urandom(BOUNDARY_BYTES).hex()


def form_type(boundary: str) -> str:
    """The Content-Type of a form with this boundary, which is quoted only if it must be.

    Raises InvalidField for what can't be a boundary (RFC 2046 section 5.1.1).
    """
    if _BOUNDARY.fullmatch(boundary) is None:
        raise base.errors.InvalidField(
            f"a boundary is 1 to 70 letters, digits and '()+_,-./:=? not ending in a space,"
            f" which {boundary!r} is not"
        )
    value = boundary if _PLAIN.fullmatch(boundary) else f'"{boundary}"'
    return f"multipart/form-data; boundary={value}"


def write_part_head(
    boundary: str,
    name: str,
    filename: str | None = None,
    content_type: str | None = None,
    fields: Iterable[Field] = (),
) -> bytes:
    """What stands before the content of a part: the boundary, its fields and the empty line.

    `fields` come after Content-Disposition and Content-Type. Raises InvalidField for a field that
    may not be sent, and for a second one of the same name.
    """
    disposition = f"form-data; name={_quoted(name)}"
    if filename is not None:
        disposition += f"; filename={_quoted(filename)}"
    written = [("Content-Disposition", disposition)]
    if content_type is not None:
        written.append(("Content-Type", content_type))
    written += fields
    # Not through the cache, which is for the few sets of fields that a program sends all the time.
    lines = field_lines.__wrapped__(tuple(written))
    if len({name.lower() for name, _ in written}) < len(written):
        names = ", ".join([name for name, _ in written])
        raise base.errors.InvalidField(f"a part of a form can't have one field twice: {names}")
    return f"--{boundary}\r\n{lines.text}\r\n".encode("latin-1")


def write_form_end(boundary: str) -> bytes:
    """What closes a form."""
    return f"--{boundary}--\r\n".encode("ascii")


def form_length(boundary: str, parts: Iterable[tuple[bytes, int | None]]) -> int | None:
    """The bytes of a whole form: `parts` are each one's head and the length of its content.

    None if a length is None.
    """
    total = len(write_form_end(boundary))
    for head, length in parts:
        if length is None:
            return None
        total += len(head) + length + len(PART_END)
    return total


def _quoted(name: str) -> str:
    """A name between quotes, its UTF-8 as ISO 8859-1 characters, which is what heads are made of.

    The escapes are those of browsers, of which servers know; a percent sign stands for itself.
    """
    name = _SURROGATE.sub("\ufffd", name)
    name = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return f'"{name.encode().decode("latin-1")}"'
