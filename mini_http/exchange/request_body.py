"""Request bodies: bytes, files and iterables, each as pieces of bytes with a known length or not.

`request_body` makes one of what callers pass. A body says how it is framed (its length, else
chunked), gives its pieces, and can be sent again only if it can be rewound. `watched` and
`with_trailers` add to a body; `form_body` has those that forms and JSON make.
"""

from __future__ import annotations

from mini_http import base

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from _typeshed import ReadableBuffer, SupportsRead

    Field = tuple[str, str]
    BodySource = (
        ReadableBuffer
        | SupportsRead[bytes]
        | SupportsRead[str]
        | os.PathLike[str]
        | Iterable[ReadableBuffer]
    )

READ_BYTES = 512 * 1024
"""What is read of a file at a time. An upload of 200 MB on loopback takes 80 ms so, 95 by half as
much, 70 by twice as much. With os.sendfile, which only plain sockets take, it takes 85."""

FORM_TYPE = "application/x-www-form-urlencoded"
"""The Content-Type of a form without files; urllib's openers take every body for one."""


class RequestBody:
    """A body of bytes. `length` is in bytes, None if only the end will tell."""

    length: int | None
    content_type: str | None = None
    """The Content-Type that is sent with it where the caller gives none."""
    trailer_names: tuple[str, ...] | None = None
    """The names of its trailers, as far as they are known before; None if it has no trailers."""
    is_watched = False
    """Whether it is told how much of it has been sent."""

    def __init__(self, data: ReadableBuffer, content_type: str | None = None) -> None:
        self._view = _bytes_of(data)
        self.length = self._view.nbytes
        if content_type is not None:
            self.content_type = content_type

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

    def trailers(self) -> Sequence[Field]:
        """The fields to send after the body (RFC 9110 section 6.5), once all of it was sent."""
        return ()

    def __iter__(self) -> Iterator[memoryview]:
        """The pieces from the beginning, for http.client and others that send any iterable.

        Raises TypeError for a body with trailers, which they would not send.
        """
        if self.trailer_names is not None:
            raise TypeError("who sends any iterable does not send the trailers of this one")
        self.rewind()
        return self.pieces()


class FileBody(RequestBody):
    """A file from its position on. Text files are sent as ISO 8859-1, as http.client does."""

    block_bytes = READ_BYTES
    """What is read at a time."""

    def __init__(self, file: SupportsRead[Any]) -> None:
        self._file = file
        self._start, self.length = _position_and_length(file)
        self._consumed = False

    def pieces(self) -> Iterator[memoryview]:
        self._consumed = True
        is_text = False
        while data := self._file.read(self.block_bytes):
            is_text = isinstance(data, str)
            piece = _bytes_of(_encoded(data) if is_text else data)
            del data
            yield piece
            del piece  # before the next one is read, so that there is never more than one
        if data is None and not is_text:  # text that has come to its end may be None, as bytes not
            raise base.errors.InvalidRequest(
                "a request body can't be read without waiting: its file had nothing to give yet"
            )

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


class PathBody(RequestBody):
    """A regular file by its path, open only while it is sent."""

    def __init__(self, path: os.PathLike[Any]) -> None:
        from os.path import exists, isdir, isfile

        if exists(path) and not isfile(path) and not isdir(path):
            raise base.errors.InvalidRequest(f"not a regular file: {path}; pass it opened")
        self._path = path
        with open(path, "rb") as file:
            self.length = FileBody(file).length

    def pieces(self) -> Iterator[memoryview]:
        with open(self._path, "rb") as file:
            yield from FileBody(file).pieces()


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
            yield _bytes_of(piece)

    def rewind(self) -> None:
        if not self.is_replayable:
            raise base.errors.BodyNotReplayable(
                "the request must be sent again, but its body is an iterator already consumed;"
                " pass bytes, a file or a list"
            )

    @property
    def is_replayable(self) -> bool:
        return not self._consumed or iter(self._source) is not self._source


def request_body(source: BodySource | RequestBody | None) -> RequestBody:
    """The body that `source` is, ready to be sent from its beginning.

    Raises TypeError, with a hint, for str and for what is no body; BodyNotReplayable for a
    RequestBody that was sent before and can't be again; OSError for a path that can't be opened.
    """
    if source is None:
        return NO_BODY
    if type(source) is bytes:  # most are, and need no more questions
        return RequestBody(source)
    if isinstance(source, RequestBody):
        source.rewind()
        return source
    if isinstance(source, str):
        raise TypeError("a request body must be bytes, not str: use text.encode()")
    if hasattr(source, "__aiter__") or hasattr(source, "__await__"):
        raise TypeError(
            f"a request body must be read without await, which {type(source).__name__} can't be:"
            " collect its bytes first"
        )
    if hasattr(source, "read"):
        return FileBody(source)  # type: ignore[arg-type]
    if hasattr(source, "__fspath__"):
        return PathBody(source)  # type: ignore[arg-type]
    if _is_buffer(source):
        return RequestBody(source)  # type: ignore[arg-type]
    if hasattr(source, "__iter__") and not hasattr(source, "keys"):
        return IterableBody(source)  # type: ignore[arg-type]
    raise TypeError(
        f"a request body must be bytes, a file or an iterable of bytes, not {type(source).__name__}"
    )


# --- what can be added to a body


class BodyWrapper(RequestBody):
    """A body that is another one, but for what a subclass changes."""

    def __init__(self, body: RequestBody) -> None:
        self.body = body
        self.length = body.length
        self.content_type = body.content_type
        self.trailer_names = body.trailer_names
        self.is_watched = body.is_watched

    def pieces(self) -> Iterator[memoryview]:
        return self.body.pieces()

    def rewind(self) -> None:
        self.body.rewind()

    @property
    def is_replayable(self) -> bool:
        return self.body.is_replayable

    def trailers(self) -> Sequence[Field]:
        return self.body.trailers()


class WatchedBody(BodyWrapper):
    """A body that tells how much of it has been sent."""

    def __init__(self, body: RequestBody, hook: Callable[[int, int | None], object]) -> None:
        super().__init__(body)
        self.is_watched = True
        self._hook = hook

    def pieces(self) -> Iterator[memoryview]:
        sent = 0
        for piece in self.body.pieces():
            for start in range(0, piece.nbytes, READ_BYTES):
                part = piece[start : start + READ_BYTES]
                yield part
                sent += part.nbytes
                self._hook(sent, self.length)


def watched(
    body: BodySource | RequestBody, hook: Callable[[int, int | None], object]
) -> RequestBody:
    """`body`, with `hook(sent, total)` called after each piece that the connection has taken.

    Both are in bytes; `total` is None where it is not known. A body that is sent again counts from
    0 again. What the hook raises ends the request. Raises what `request_body` raises.
    """
    return WatchedBody(request_body(body), hook)


class TrailedBody(BodyWrapper):
    """A body with trailers, which only a chunked one can have."""

    def __init__(
        self, body: RequestBody, trailers: Iterable[Field] | Callable[[], Iterable[Field]]
    ) -> None:
        super().__init__(body)
        self.length = None
        self.trailer_names = body.trailer_names or ()
        if callable(trailers):
            self._trailers = trailers
        else:
            fields = _checked_trailers(trailers)
            self.trailer_names += tuple([name for name, _ in fields])
            self._trailers = lambda: fields

    def trailers(self) -> Sequence[Field]:
        return (*self.body.trailers(), *_checked_trailers(self._trailers()))


def with_trailers(
    body: BodySource | RequestBody, trailers: Iterable[Field] | Callable[[], Iterable[Field]]
) -> RequestBody:
    """`body`, sent in chunks, and these fields after it (RFC 9112 section 7.1.2).

    `trailers` are pairs, named before in a Trailer field; or a function that gives them when all of
    the body was sent, a checksum say. Raises InvalidField, at once or then, for what may not be
    sent and for names in FORBIDDEN_TRAILERS; and what `request_body` raises.
    """
    return TrailedBody(request_body(body), trailers)


# RFC 9110 section 6.5.1 has the kinds; in this order: framing and the connection, routing, secrets,
# what changes a request, what the content is.
_FORBIDDEN = """
    content-length transfer-encoding trailer connection keep-alive proxy-connection upgrade
    host
    authorization proxy-authorization cookie set-cookie www-authenticate proxy-authenticate
    cache-control expect max-forwards pragma range te
    if-match if-modified-since if-none-match if-range if-unmodified-since
    content-encoding content-range content-type
"""
FORBIDDEN_TRAILERS = frozenset(_FORBIDDEN.split())
"""Fields, in lower case, that must be known before a body and so can't come after it."""


def _checked_trailers(trailers: Iterable[Field]) -> tuple[Field, ...]:
    from mini_http.codec.heads import field_lines

    fields = tuple(trailers)
    field_lines.__wrapped__(fields)  # raises; not through its cache, for a checksum is seldom twice
    for name, _ in fields:
        if name.lower() in FORBIDDEN_TRAILERS:
            raise base.errors.InvalidField(
                f"{name} can't be a trailer: it must be known before the body (RFC 9110 6.5.1)"
            )
    return fields


def exactly(pieces: Iterable[memoryview], length: int, what: str, why: str) -> Iterator[memoryview]:
    """`pieces`, but not one that goes beyond `length` bytes.

    Raises InvalidRequest, with what this is and why it should have them, for more bytes or fewer.
    """
    left = length
    for piece in pieces:
        left -= piece.nbytes
        if left < 0:
            break
        yield piece
        del piece  # as in FileBody
    if left:
        raise base.errors.InvalidRequest(
            f"{what} has {'more' if left < 0 else 'fewer'} bytes than the {length} {why}"
        )


# --- from here on private: bytes and files


def _is_buffer(source: object) -> bool:
    try:
        memoryview(source)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def _bytes_of(data: ReadableBuffer) -> memoryview:
    """A view of the bytes of any buffer; a copy of one that does not lie in order."""
    try:
        view = memoryview(data)
    except TypeError:
        kind = type(data).__name__
        raise TypeError(f"a request body must give bytes, not {kind}") from None
    try:
        return view.cast("B")
    except (TypeError, ValueError):
        return memoryview(view.tobytes())


def _encoded(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise base.errors.InvalidRequest(
            f"a text file is sent as ISO 8859-1, which has no {text[error.start]!r}: open it in"
            " binary"
        ) from None


def _position_and_length(file: Any) -> tuple[int | None, int | None]:
    """Where a file stands and how many bytes follow; None for what it can't tell."""
    try:
        start = file.tell()
        file.seek(start)
    except (AttributeError, OSError, ValueError):
        return None, None
    if not isinstance(start, int):
        return None, None
    if hasattr(file, "encoding"):
        return start, None  # a text file counts in other units than bytes
    try:
        file.seek(0, 2)
        end = file.tell()  # what seek returns is None for an mmap
    except (OSError, ValueError):
        end = None
    file.seek(start)
    if not isinstance(end, int):
        return start, None
    if end <= start and file.read(1):  # those of /proc say that they are empty
        file.seek(start)
        return start, None
    return start, max(0, end - start)


NO_BODY = RequestBody(b"")
