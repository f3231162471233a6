"""The grammar of chunk framing (RFC 9112 section 7.1), as grammar.py has that of heads.

In a file of its own, since most replies have no chunks: to compile it takes 0.3 ms.
"""

from __future__ import annotations

import re

CRLF = b"\r\n"

CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,16}+)(?:[ \t]*+;[\t\x20-\x7e\x80-\xff]*+)?+\r\n")
"""chunk-size and chunk-ext (RFC 9112 section 7.1), the size bounded to 64 bits."""

NEXT_CHUNK_HEAD = re.compile(CRLF + CHUNK_HEAD.pattern)
"""The line end after a chunk's bytes, and the line with the size of the next one."""

CHUNK_HEAD_BEGUN = re.compile(
    rb"[0-9A-Fa-f]{1,16}+(?:[ \t]*+;[\t\x20-\x7e\x80-\xff]*+)?+(?:\r|[ \t]*+)"
)
"""What a chunk's first line may look like while its end has not come."""
