"""Gopher menus and item types: lines of a menu in, GopherItems out (RFC 1436).

    for item in gopher_menu(reply):
        print(item.kind, item.display, item.url)

Pure functions on lines, which may be a reply, an open file or a list. A line that is no item raises
BadField. What an item says is the server's: its host may be any host, and its text anything.
"""

from __future__ import annotations

import re

from mini_http import base
from mini_http.base.url import URL
from mini_http.base.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


# --- item types


class ItemType(Value):
    """What the first character of an item means."""

    name: str
    content_type: str = ""
    """The media type of what is fetched; "" where there is nothing to fetch by gopher."""
    is_text: bool = False
    """Whether it is sent as lines that a dot ends, and not as bytes that the connection's end does
    (RFC 1436 section 3.3)."""


BYTES = "application/octet-stream"
MENU = "application/gopher-menu"

UNKNOWN = ItemType("unknown", BYTES)

ITEM_TYPES = {
    # RFC 1436 section 3.8
    "0": ItemType("text", "text/plain", is_text=True),
    "1": ItemType("menu", MENU, is_text=True),
    "2": ItemType("phone book"),
    "3": ItemType("error"),
    "4": ItemType("BinHex file", "application/mac-binhex40", is_text=True),
    "5": ItemType("archive", BYTES),
    "6": ItemType("uuencoded file", "text/x-uuencode", is_text=True),
    "7": ItemType("search", MENU, is_text=True),
    "8": ItemType("telnet session"),
    "9": ItemType("binary file", BYTES),
    "+": ItemType("another server of the item before"),
    "T": ItemType("tn3270 session"),
    "g": ItemType("GIF image", "image/gif"),
    "I": ItemType("image", BYTES),
    # in use since
    "d": ItemType("document", BYTES),
    "h": ItemType("HTML", "text/html"),
    "i": ItemType("line of text"),
    "s": ItemType("sound", BYTES),
}
"""What the characters stand for."""


# --- menus

# Port ::= Digit {Digit} (RFC 1436 appendix); bounded, so that int() has no more than five
_PORT = rb"[0-9]{1,5}"
_HIGHEST_PORT = 65535
_TEXTS = ("i", "3")  # their selector, host and port mean nothing, and many servers leave them out
_SHOWN = 80  # bytes of a line in errors


class GopherItem(Value):
    """One line of a menu."""

    kind: str
    """The character that says what it is: a key of ITEM_TYPES, or one that is not known."""
    display: str
    """What is shown to the user."""
    selector: str
    """What is sent to the server. Bytes that are not UTF-8 are lone surrogates, as in file names.
    """
    host: str
    port: int

    @property
    def type(self) -> ItemType:
        """What `kind` means."""
        return ITEM_TYPES.get(self.kind, UNKNOWN)

    @property
    def url(self) -> str | None:
        """The URL to fetch it by (RFC 4266); None if there is nothing to fetch by gopher.

        That of a web page that the item leads to, if its selector is `URL:` and such a one. Raises
        InvalidURL if the host is none.
        """
        if not self.type.content_type:
            return None
        from urllib.parse import quote

        if self.kind == "h" and self.selector.startswith(("URL:http://", "URL:https://")):
            return str(URL.parse(self.selector.removeprefix("URL:")))
        host = f"[{self.host}]" if ":" in self.host else quote(_bytes_of(self.host))
        item = self.kind.encode("latin-1") + _bytes_of(self.selector)
        return str(URL("gopher", f"{host}:{self.port}", f"/{quote(item)}"))


def gopher_menu(lines: Iterable[bytes]) -> Iterator[GopherItem]:
    """The items of a menu. Raises BadField for a line that is none."""
    for line in lines:
        yield read_item(line)


def read_item(line: bytes) -> GopherItem:
    """The item that one line of a menu is, with or without its line end.

    After its kind come display, selector, host and port with tabs between them, and what Gopher+
    adds, which is dropped. Raises BadField.
    """
    line = line.rstrip(b"\r\n")
    kind = line[:1].decode("latin-1")
    parts = line[1:].split(b"\t")
    if kind in _TEXTS:
        return GopherItem(kind, _shown(parts[0]), "", "", 0)
    if not kind or len(parts) < 4:
        raise base.errors.BadField(f"no item of a gopher menu: {line[:_SHOWN]!r}")
    display, selector, host, digits = parts[:4]
    port = int(digits) if re.fullmatch(_PORT, digits) else _HIGHEST_PORT + 1
    if port > _HIGHEST_PORT:
        raise base.errors.BadField(f"no port in an item of a gopher menu: {digits[:_SHOWN]!r}")
    return GopherItem(kind, _shown(display), _kept(selector), _kept(host), port)


def _shown(text: bytes) -> str:
    """Text of a server that may be modern, or older than UTF-8."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _kept(text: bytes) -> str:
    """Text from which the bytes can be had again."""
    return text.decode(errors="surrogateescape")


def _bytes_of(kept: str) -> bytes:
    return kept.encode(errors="surrogateescape")
