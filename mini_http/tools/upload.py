"""The bytes of request bodies: what -d and its like join, and the file that -T sends.

All of it raises ReadFailed for a file that can't be read.
"""

from __future__ import annotations

import os
import re
import sys

from mini_http.tools.failures import ReadFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, BinaryIO

STANDARD_INPUT = "-"

# [ name ] ( "=" data | "@" file ), or data alone
_NAMED_DATA = re.compile(r"(?s)([^=@]*+)([=@])(.*)")


def joined_data(given: Iterable[tuple[str, str]]) -> bytes:
    """The body that data of these kinds (rows of KINDS) are together: joined by `&`, JSON not."""
    body = b""
    for number, (kind, text) in enumerate(given):
        body += b"&" if number and kind != "json" else b""
        body += KINDS[kind](text)
    return body


def _plain_data(text: str) -> bytes:
    if text[:1] != "@":
        return os.fsencode(text)
    return _file_bytes(text[1:]).translate(None, b"\r\n\0")


def _binary_data(text: str) -> bytes:
    return _file_bytes(text[1:]) if text[:1] == "@" else os.fsencode(text)


def _encoded_data(text: str) -> bytes:
    from urllib.parse import quote

    named = _NAMED_DATA.fullmatch(text)
    name, mark, content = named.groups() if named else ("", "=", text)
    encoded = quote(_file_bytes(content) if mark == "@" else os.fsencode(content), safe="")
    return os.fsencode(f"{name}={encoded}" if name else encoded)


def _file_bytes(name: str) -> bytes:
    with Upload(name) as file:
        return file.read()


class Upload:
    """A file to be sent, or standard input if `name` is STANDARD_INPUT.

    Raises ReadFailed where a file would raise OSError. `sent` is how many bytes were read since the
    last seek. A pipe is read as it fills.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent = 0
        if name == STANDARD_INPUT and sys.stdin is None:
            raise ReadFailed("standard input is closed")
        try:
            self._file: BinaryIO = (
                sys.stdin.buffer if name == STANDARD_INPUT else open(name, "rb")  # noqa: SIM115
            )
        except (OSError, ValueError) as error:
            raise self._failed(error) from error

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, after at most one wait; without a size, all the rest."""
        read: Any = self._file.read if size < 0 else self._file.read1  # type: ignore[attr-defined]
        try:
            data: bytes = read(size)
        except OSError as error:
            raise self._failed(error) from error
        self.sent += len(data)
        return data

    def tell(self) -> int:
        """Where the file stands. Raises OSError for a pipe."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Goes elsewhere in the file. Raises OSError for a pipe."""
        self.sent = 0
        return self._file.seek(offset, whence)

    def close(self) -> None:
        """Closes the file, but not standard input."""
        if self.name != STANDARD_INPUT:
            self._file.close()

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _failed(self, error: OSError | ValueError) -> ReadFailed:
        name = "standard input" if self.name == STANDARD_INPUT else self.name
        return ReadFailed(f"{name}: {getattr(error, 'strerror', None) or error}")


KINDS = {
    "data": _plain_data,
    "data-binary": _binary_data,
    "data-raw": os.fsencode,
    "data-urlencode": _encoded_data,
    "json": _binary_data,
}
"""What each option makes of its value."""
