"""Message heads: `write_request_head` and `read_response_head`, and the fields of trailers.

Both directions work on the whole head at once, with one anchored scan. Where the scan does not
accept every byte, a line-by-line twin finds the fault and names it; the twin is the specification,
and a test compares the two on random heads. The scan takes a quarter of the time.

Nothing here waits. Faults of a reply raise BadStatusLine, BadField or LimitExceeded; a request that
may not be sent raises InvalidField.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mini_http import base
from mini_http.base import escapes
from mini_http.base.headers import SECRET_FIELDS, Headers, masked
from mini_http.base.heads import ResponseHead
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.value import Value
from mini_http.codec.grammar import (
    CONTROL_LINE,
    CONTROL_OF_REPLY,
    FIELD_LINE,
    FIELD_LINES,
    FIELD_VALUE,
    STATUS_LINE,
    TARGET,
    TOKEN,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mini_http.base.limits import Limits

    Field = tuple[str, str]
    Fields = list[Field]

# --- writing


def write_request_head(method: str, target: str, fields: Iterable[Field]) -> bytes:
    """The bytes of a request head (RFC 9112 section 3), names and order as given.

    Raises InvalidField for a method or name that is no token, a target with a byte that is not
    visible ASCII, and a value with a control character or one beyond ISO 8859-1.
    """
    return join_request_head(method, target, field_lines(tuple(fields)))


def join_request_head(method: str, target: str, lines: FieldLines) -> bytes:
    """As `write_request_head`, of fields that are lines already."""
    if TARGET.fullmatch(target) is None:
        raise base.errors.InvalidField(
            f"request target must be visible ASCII without spaces: {escapes.masked(target)!r}"
        )
    check_method(method)
    return f"{method} {target} HTTP/1.1\r\n{lines.text}\r\n".encode("latin-1")


@lru_cache(maxsize=64)  # a program has a few methods: 0.05 us instead of 0.15
def check_method(method: str) -> None:
    """Raises InvalidField for a method that is no token (RFC 9110 section 9.1)."""
    if TOKEN.fullmatch(method) is None:
        raise base.errors.InvalidField(
            f"method can't contain control characters or separators: {method!r}"
        )


def field_line(name: str, value: str) -> str:
    """One field as it is sent, its line end included; all characters are ISO 8859-1.

    For a head that is put together step by step. Raises InvalidField as `write_request_head` does.
    """
    _check_field(name, value)
    return f"{name}: {value}\r\n"


class FieldLines(Value):
    """Fields as they are sent, and which of them bear on the connection or the framing."""

    text: str
    """Each with its line end; all characters are ISO 8859-1."""
    control: frozenset[str]
    """Those of CONTROL_FIELDS that are among them, in lower case."""
    says_close: bool
    """Whether the connection is to be closed after the reply (RFC 9112 section 9.6)."""


CONTROL_FIELDS = frozenset(
    {"connection", "content-length", "expect", "transfer-encoding", "upgrade"}
)


@lru_cache(maxsize=128)
def field_lines(fields: tuple[Field, ...]) -> FieldLines:
    """These fields as lines. Raises InvalidField.

    A program sends the same few sets of fields over and over: looked up, a set of three costs
    0.3 us, written and checked 3.4.
    """
    lines = "".join([field_line(name, value) for name, value in fields])
    names = frozenset([name.lower() for name, _ in fields])
    says_close = "connection" in names and "close" in Headers(list(fields)).tokens("Connection")
    return FieldLines(lines, names & CONTROL_FIELDS, says_close)


def _check_name(name: str) -> None:
    if not isinstance(name, str) or TOKEN.fullmatch(name) is None:
        raise base.errors.InvalidField(f"Invalid header name {name!r}: it is no token")


def _check_field(name: str, value: str) -> None:
    _check_name(name)
    if not isinstance(value, str):
        raise base.errors.InvalidField(
            f"Invalid header value for {name}: {type(value).__name__} is not a string"
        )
    if FIELD_VALUE.fullmatch(value) is None:
        fault = (
            "has a control character"
            if max(value) <= "\xff"
            else "has a character beyond ISO 8859-1; encode it as the field's definition says"
            " (often percent-encoded UTF-8)"
        )
        raise base.errors.InvalidField(
            f"Invalid header value for {name}: {masked(name, value)!r} {fault}"
        )


# --- reading


def read_response_head(block: bytes, limits: Limits = DEFAULT_LIMITS) -> ResponseHead:
    """The head that `block` is: from the status line to the empty line, inclusive."""
    text = block.decode("latin-1")
    line_end = text.find("\r\n")
    if 0 < line_end <= _LONGEST_CACHED_LINE and len(text) <= limits.line_bytes:
        status_line = _read_status_line(text[:line_end])
        if (
            status_line is not None
            and FIELD_LINES.fullmatch(text, line_end + 2) is not None
            # A field line has four characters or more: most heads need not be counted.
            and (len(text) <= 4 * limits.fields or text.count("\n") - 2 <= limits.fields)
        ):
            version, status, reason = status_line
            fields = Headers.of_lines(text, line_end, split_field_lines)
            found = CONTROL_LINE.findall(text.lower(), line_end)
            control = dict(found)
            if len(control) < len(found):
                control = combined(found)
            return ResponseHead(version, status, reason, fields, control)
    return read_response_head_by_lines(text, limits)


def split_field_lines(text: str, start: int) -> Fields:
    """The fields in the lines after `start`, the end of the line before; all of them are legal."""
    fields: Fields = FIELD_LINE.findall(text, start)
    return fields


def combined(fields: Fields) -> dict[str, str]:
    """Fields by name, the values of a repeated one joined with ", " (RFC 9110 section 5.3)."""
    by_name: dict[str, str] = {}
    for name, value in fields:
        by_name[name] = f"{by_name[name]}, {value}" if name in by_name else value
    return by_name


_LONGEST_CACHED_LINE = 80


@lru_cache(maxsize=64)
def _read_status_line(line: str) -> tuple[int, int, str] | None:
    """Version, status and reason. Most replies begin with one of a few lines, so they are kept:
    0.1 us instead of 1.0.
    """
    match = STATUS_LINE.fullmatch(line)
    if match is None:
        return None
    minor, status, reason = match.groups("")
    return 10 if minor == "0" else 11, int(status), reason.strip(" \t")


def read_response_head_by_lines(text: str, limits: Limits) -> ResponseHead:
    """The twin of `read_response_head`: slower, line by line, naming the line at fault."""
    first, *lines = _lines(text, "reply head", limits)
    status_line = _read_status_line.__wrapped__(first)
    if status_line is None:
        raise _bad_status_line(first)
    fields = _fields(lines, "reply head", 2, limits.fields)
    lowered = [(name.lower(), value.lower()) for name, value in fields]
    control = combined([field for field in lowered if field[0] in CONTROL_OF_REPLY])
    return ResponseHead(*status_line, Headers(fields), control)


def check_head_begun(begun: bytes, limits: Limits = DEFAULT_LIMITS) -> None:
    """Looks for the fault in a reply head whose end did not come, or not in time.

    Raises BadStatusLine if `begun` can't be the beginning of an HTTP/1 reply, LimitExceeded for a
    line that is too long and for too many fields. Returns if nothing but the end is missing.
    """
    text = begun.decode("latin-1")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if not text.startswith(_BEGINNING[: len(text)]):
        raise _bad_status_line(lines[0])
    _check_lengths(lines, "reply head", limits)
    if len(lines) > 1 and _read_status_line.__wrapped__(lines[0]) is None:
        raise _bad_status_line(lines[0])
    fields = sum([not line.startswith((" ", "\t")) for line in lines[1:-1]])
    if fields > limits.fields:
        raise base.errors.LimitExceeded("headers", limits.fields, fields)


_BEGINNING = "HTTP/1."


def read_fields(block: bytes, limits: Limits = DEFAULT_LIMITS) -> Headers:
    """The fields of a head without its first line; `block` ends with the empty line."""
    text = block.decode("latin-1")
    return Headers(_fields(_lines(text, "head", limits), "head", 1, limits.fields))


def read_trailers(block: bytes, limits: Limits = DEFAULT_LIMITS) -> Headers:
    """The fields after a chunked body; `block` ends with the empty line. Line ends are CRLF."""
    text = block.decode("latin-1")
    return Headers(_fields(_lines(text, "trailer", limits), "trailer", 1, limits.trailers))


def _lines(text: str, part: str, limits: Limits) -> list[str]:
    """The lines of a head without their ends, nor the empty one that closes it."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if len(lines) < 2 or lines[-2:] != ["", ""]:
        raise base.errors.BadField(f"the {part} has no empty line at its end")
    del lines[-2:]
    _check_lengths(lines, part, limits)
    return lines or [""] if part == "reply head" else lines


def _check_lengths(lines: list[str], part: str, limits: Limits) -> None:
    for number, line in enumerate(lines, 1):
        if len(line) > limits.line_bytes:
            raise base.errors.LimitExceeded(
                f"bytes in line {number} of the {part}", limits.line_bytes, len(line)
            )


def _fields(lines: list[str], part: str, first_number: int, most: int) -> Fields:
    """The fields of these lines, folded ones joined with one space (RFC 9112 section 5.2)."""
    found: list[tuple[str, list[str]]] = []  # the value in pieces, one of each of its lines
    for number, line in enumerate(lines, first_number):
        is_folded = line[:1] in (" ", "\t")
        name, colon, value = ("", "", line) if is_folded else line.partition(":")
        value = value.strip(" \t")
        if is_folded and not found:
            fault = "continues a field, but none came before"
        elif not is_folded and not colon:
            fault = "has no colon"
        elif not is_folded and TOKEN.fullmatch(name) is None:
            fault = "has a field name that is no token"
        elif FIELD_VALUE.fullmatch(value) is None:
            fault = "has a control character in its value"
        else:
            if not is_folded:
                found.append((name, []))
            if value:
                found[-1][1].append(value)
            continue
        secret = (found[-1][0] if is_folded and found else name).strip(" \t").lower()
        shown = f"{secret!r}, whose value is secret" if secret in SECRET_FIELDS else _shown(line)
        raise base.errors.BadField(f"line {number} of the {part} {fault}: {shown}")
    if len(found) > most:
        what = "trailers" if part == "trailer" else "headers"
        raise base.errors.LimitExceeded(what, most, len(found))
    return [(name, " ".join(pieces)) for name, pieces in found]


# HTTP-version (RFC 9112 section 2.3) of another major version, as far as it may be shown
_OTHER_VERSION = re.compile(r"HTTP/(?:0|[2-9])[.0-9]{0,2}+(?= |$)")


def _bad_status_line(line: str) -> Exception:
    message = f"no HTTP/1 status line: {_shown(line)}"
    version = _OTHER_VERSION.match(line)
    if version is not None:
        return base.errors.UnknownProtocol(version[0], line, message)
    return base.errors.BadStatusLine(line, message)


def _shown(line: str) -> str:
    """A line as an error shows it: quoted, and no longer than a terminal's."""
    return repr(line) if len(line) <= 80 else repr(line[:77]) + "..."
