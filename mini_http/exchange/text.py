"""ReadsText: what a reply is besides bytes: pieces as they come, lines of text, text, JSON."""

from __future__ import annotations

from mini_http import base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mini_http.base.headers import Headers

PIECE_BYTES = 64 * 1024
LINE_BYTES = 1024 * 1024


class ReadsText:
    """For a binary file with `headers`: more ways to read the rest of it."""

    __slots__ = ()

    if TYPE_CHECKING:
        headers: Headers

        def read(self) -> bytes: ...
        def read1(self, n: int = -1) -> bytes: ...
        def readline(self, limit: int | None = -1) -> bytes: ...
        def close(self) -> None: ...

    def iter_chunks(self, size: int = PIECE_BYTES) -> Iterator[bytes]:
        """The rest of the body in pieces of at most `size` bytes, each as soon as it comes."""
        while data := self.read1(size):
            yield data

    def iter_lines(self, limit: int = LINE_BYTES) -> Iterator[str]:
        """The rest of the body as lines of text, without line ends.

        Raises LimitExceeded for a line of more than `limit` bytes.
        """
        charset = self._charset()
        if "\n".encode(charset) != b"\n":  # UTF-16 and its like: a line feed is not one byte
            yield from self.text.splitlines()
            return
        while line := self.readline(limit + 1):
            if len(line) > limit:
                error = base.errors.LimitExceeded("bytes in a line of the body", limit)
                self._give_up(error)
                raise error
            yield line.rstrip(b"\r\n").decode(charset, "replace")

    @property
    def text(self) -> str:
        """The rest of the body as text, by the charset of Content-Type, else UTF-8.

        Bytes that are not of the charset become U+FFFD.
        """
        return self.read().decode(self._charset(), "replace")

    def json(self) -> Any:
        """The rest of the body as JSON. Raises ValueError if it is none (RFC 8259)."""
        import json

        data = self.read()
        if not data:
            raise ValueError("no JSON: the body is empty, or has been read before")
        return json.loads(data)

    def _charset(self) -> str:
        charset = self.headers.get_content_charset("utf-8")
        from mini_http.base.parameters import is_charset

        return charset if is_charset(charset) else "utf-8"

    def _give_up(self, error: Exception) -> None:
        """The rest of the body will not be read, because of `error`."""
        self.close()
