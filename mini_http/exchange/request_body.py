"""Request bodies: bytes, files and iterables, each as pieces of bytes with a known length or not.

`request_body` makes one of what callers pass. A body says how it is framed (its length, else
chunked), gives its pieces, and can be sent again only if it can be rewound.
"""

from __future__ import annotations

from mini_http import base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from _typeshed import ReadableBuffer, SupportsRead

    BodySource = ReadableBuffer | SupportsRead[bytes] | SupportsRead[str] | Iterable[ReadableBuffer]

READ_BYTES = 256 * 1024
"""What is read of a file at a time."""


class RequestBody:
    """A body of bytes. `length` is in bytes, None if only the end will tell."""

    length: int | None

    def __init__(self, data: ReadableBuffer) -> None:
        self._view = memoryview(data).cast("B")
        self.length = self._view.nbytes

    def pieces(self) -> Iterator[memoryview]:
        """The bytes from the beginning; call it once for each sending, after `rewind`."""
        if self._view:
            yield self._view

    def rewind(self) -> None:
        """Makes the body ready to be sent again. Raises BodyNotReplayable if it can't be."""

    @property
    def is_replayable(self) -> bool:
        """Whether `rewind` will work."""
        return True


class FileBody(RequestBody):
    """A file from its position on. Text files are sent as ISO 8859-1, as http.client does."""

    def __init__(self, file: SupportsRead[Any]) -> None:
        self._file = file
        self._start, self.length = _position_and_length(file)
        self._consumed = False

    def pieces(self) -> Iterator[memoryview]:
        self._consumed = True
        while data := self._file.read(READ_BYTES):
            yield memoryview(data.encode("latin-1") if isinstance(data, str) else data).cast("B")

    def rewind(self) -> None:
        if not self._consumed:
            return
        if self._start is None:
            raise base.errors.BodyNotReplayable(
                "the request must be sent again, but its body is a file that can't seek"
            )
        self._file.seek(self._start)  # type: ignore[attr-defined]

    @property
    def is_replayable(self) -> bool:
        return not self._consumed or self._start is not None


class IterableBody(RequestBody):
    """An iterable of bytes. One that is its own iterator (a generator) can be sent once."""

    def __init__(self, source: Iterable[ReadableBuffer]) -> None:
        self._source = source
        self.length = None
        self._consumed = False

    def pieces(self) -> Iterator[memoryview]:
        self._consumed = True
        for piece in self._source:
            if isinstance(piece, str):
                raise TypeError("a request body must give bytes, not str: encode it first")
            yield memoryview(piece).cast("B")

    def rewind(self) -> None:
        if not self.is_replayable:
            raise base.errors.BodyNotReplayable(
                "the request must be sent again, but its body is an iterator already consumed;"
                " pass bytes, a file or a list"
            )

    @property
    def is_replayable(self) -> bool:
        return not self._consumed or iter(self._source) is not self._source


NO_BODY = RequestBody(b"")


def request_body(source: BodySource | RequestBody | None) -> RequestBody:
    """The body that `source` is. Raises TypeError, with a hint, for str and for what is no body."""
    if source is None:
        return NO_BODY
    if isinstance(source, RequestBody):
        return source
    if isinstance(source, str):
        raise TypeError("a request body must be bytes, not str: use text.encode()")
    if hasattr(source, "read"):
        return FileBody(source)  # type: ignore[arg-type]
    try:
        return RequestBody(source)  # type: ignore[arg-type]
    except TypeError:
        pass
    if hasattr(source, "__iter__") and not hasattr(source, "keys"):
        return IterableBody(source)  # type: ignore[arg-type]
    raise TypeError(
        f"a request body must be bytes, a file or an iterable of bytes, not {type(source).__name__}"
    )


def _position_and_length(file: Any) -> tuple[int | None, int | None]:
    """Where a file stands and how many bytes follow; None for what it can't tell."""
    try:
        start = file.tell()
        file.seek(0, 2)
        end = file.tell()  # what seek returns is None for an mmap
        file.seek(start)
    except (AttributeError, OSError, ValueError):
        return None, None
    if not isinstance(start, int) or not isinstance(end, int):
        return None, None
    # A text file counts in other units than bytes.
    return start, None if hasattr(file, "encoding") else max(0, end - start)
