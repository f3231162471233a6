"""Text as callers of http.client give it, made the bytes that are sent: request lines, and bodies.

Pure functions. Nothing is percent-encoded or replaced here: what can't be sent as it is, is refused
with InvalidURL or InvalidRequest, whose text does not show a password.
"""

from __future__ import annotations

import re

from mini_http import base
from mini_http.base.escapes import masked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What a target can't have in it, as callers of http.client know it: CTL and space.
_NOT_IN_TARGET = re.compile("[\x00-\x20\x7f]")


def refuse_control_characters(text: str) -> None:
    """Raises InvalidURL if `text`, a target or a host, has a control character or a space."""
    found = _NOT_IN_TARGET.search(text)
    if found is not None:
        raise base.errors.InvalidURL(
            f"URL can't contain control characters. {masked(text)!r} (found at least {found[0]!r})"
        )


def encoded_line(line: str) -> bytes:
    """A request line. Raises InvalidURL for characters beyond ASCII."""
    try:
        return line.encode("ascii")
    except UnicodeEncodeError:
        raise base.errors.InvalidURL(
            f"URL can't contain characters beyond ASCII: percent-encode them: {masked(line)!r}"
        ) from None


def encoded_body(body: Any) -> Any:
    """A body: itself, unless it is text, which is sent as ISO 8859-1.

    Raises InvalidRequest for text with other characters.
    """
    if not isinstance(body, str):
        return body
    try:
        return body.encode("latin-1")
    except UnicodeEncodeError:
        raise base.errors.InvalidRequest(
            "text is sent as ISO 8859-1, which has not all of its characters: use body.encode() to"
            " send UTF-8"
        ) from None
