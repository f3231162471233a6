"""The Cookie field (RFC 6265bis section 4.2): names and values, and nothing else of the cookies.

Pure functions on text, in which a character is a byte (ISO 8859-1). Linear, and they raise nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def write_cookie_field(pairs: Iterable[tuple[str, str]]) -> str:
    """The value of a Cookie field; what has no name is sent as its value alone (section 5.8.3)."""
    return "; ".join([f"{name}={value}" if name else value for name, value in pairs])


def read_cookie_field(text: str) -> list[tuple[str, str]]:
    """Names and values of a Cookie field, as servers read it: empty parts are passed over."""
    pairs = []
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not equals:
            name, value = "", name
        name, value = name.strip(" \t"), value.strip(" \t")
        if name or value:
            pairs.append((name, value))
    return pairs


def join_cookie_fields(first: str, second: str) -> str:
    """One field of two: all of the first, and of the second the names that are not in it."""
    pairs = read_cookie_field(first)
    names = {name for name, _ in pairs}
    added = [pair for pair in read_cookie_field(second) if pair[0] not in names]
    return "; ".join(filter(None, [first.strip(" \t;"), write_cookie_field(added)]))
