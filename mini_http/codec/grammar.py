"""The grammar of RFC 9110 and RFC 9112 as pieces of regular expressions, each rule named.

Heads are scanned as text decoded from ISO 8859-1, so that one character is one byte; chunk framing
is scanned as bytes, by the rules in chunk_grammar.py. Every number that comes from the wire is
parsed with a rule of these files. All quantifiers over lists are possessive: a scan is linear in
its input.
"""

from __future__ import annotations

import re

TOKEN_CHARACTER = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
"""tchar (RFC 9110 section 5.6.2)."""

FIELD_CHARACTER = r"[\t\x20-\x7e\x80-\xff]"
"""A byte of a field value: visible, space, tab or obs-text (RFC 9110 section 5.5)."""

TOKEN = re.compile(rf"{TOKEN_CHARACTER}++")
FIELD_VALUE = re.compile(rf"{FIELD_CHARACTER}*+")

TARGET = re.compile(r"[!-~]++")
"""A request target as it may be sent: any of visible ASCII (RFC 9112 section 3.2)."""

STATUS_LINE = re.compile(rf"HTTP/1\.([0-9]) ([1-9][0-9][0-9])(?: ({FIELD_CHARACTER}*+))?+")
"""status-line (RFC 9112 section 4). The reason phrase, and the space before it, may be missing."""

FIELD_LINE = re.compile(rf"\n({TOKEN_CHARACTER}++):[ \t]*+({FIELD_CHARACTER}*+)")
"""field-line (RFC 9112 section 5) after the line feed before it."""

FIELD_LINES = re.compile(rf"(?:{TOKEN_CHARACTER}++:{FIELD_CHARACTER}*+(?<![ \t])\r\n)*+\r\n")
"""All the field lines of a head, none with blanks at its end, and the empty line after them."""

CONTROL_OF_REPLY = ("connection", "content-encoding", "content-length", "transfer-encoding")
"""The fields of a reply that say how its body is framed and coded, and of the connection."""

CONTROL_LINE = re.compile(rf"\n({'|'.join(CONTROL_OF_REPLY)}):[ \t]*+([^\r]*+)")
"""One of these, in a head that is known to be legal and was put in lower case."""

HEAD_END = re.compile(rb"\n\r?\n")
"""The empty line after a head. A line feed alone is taken as a line end (RFC 9112 section 2.2)."""

CONTENT_LENGTH = re.compile(r"[0-9]{1,19}")
"""Content-Length (RFC 9110 section 8.6), bounded so that int() has no more than 19 digits."""
