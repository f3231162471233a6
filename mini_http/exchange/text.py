"""ReadsText: what a reply is besides bytes: pieces as they come, lines, text, JSON, events.

Text is decoded by the charset that Content-Type names, if Python has it; else by the byte order
mark that it begins with (UTF-8, UTF-16); else as UTF-8. What is not of the charset becomes U+FFFD,
so no text is refused. The mark itself is no part of the text.
"""

from __future__ import annotations

from mini_http import base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mini_http.base.headers import Headers
    from mini_http.exchange.event_stream import EventStream

PIECE_BYTES = 64 * 1024
LINE_BYTES = 1024 * 1024
"""What `iter_lines` takes as a line unless told otherwise: far beyond what is written by hand."""

BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
"""What text in these charsets may begin with (Unicode 23.8)."""


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
        """The rest of the body in pieces of at most `size` bytes, each as soon as it comes.

        Raises ValueError for a size below 1.
        """
        _check_positive("size", size)
        return iter(lambda: self.read1(size), b"")

    def iter_lines(self, limit: int = LINE_BYTES) -> Iterator[str]:
        r"""The rest of the body as lines of text, without their ends ("\n" or "\r\n").

        Reading can go on after each of them; only in UTF-16 and its like, where a line feed is more
        than one byte, is more taken than the line. Raises LimitExceeded for a line of more than
        `limit` bytes (there: characters) before its end, and ValueError for a limit below 1.
        """
        _check_positive("limit", limit)
        return self._lines(limit)

    def iter_events(self, events: EventStream | None = None) -> EventStream:
        """The rest of the body as Server-Sent Events, each as soon as it comes.

        Of the EventStream that is returned, `last_event_id`, `retry` and `request_headers` are what
        it takes to ask for those that follow, once the reply has ended; pass it to `iter_events` of
        the next reply. Raises ProtocolError if Content-Type is not text/event-stream.
        """
        from mini_http.exchange.event_stream import EventStream

        events = EventStream() if events is None else events
        events.read_from(self)
        return events

    @property
    def text(self) -> str:
        """The rest of the body as text. Bytes that are not of its charset become U+FFFD."""
        data = self.read()
        return data.decode(self._charset_of(data), "replace").removeprefix(_MARK)

    def json(self) -> Any:
        """The rest of the body as JSON, in UTF-8, -16 or -32, with or without a byte order mark.

        Raises ValueError if it is none (RFC 8259), or too deeply nested for Python.
        """
        import json

        data = self.read()
        if not data:
            raise ValueError("no JSON: the body is empty, or has been read before")
        try:
            return json.loads(data)
        except RecursionError:
            raise ValueError("no JSON that can be read: it is too deeply nested") from None

    # --- private

    def _charset_of(self, beginning: bytes) -> str:
        """The charset of a text that begins so."""
        charset = self.headers.get_content_charset("")
        if charset:
            from mini_http.base.parameters import is_charset

            if is_charset(charset):
                return _in_known_order(charset, beginning)
        for mark, charset in BYTE_ORDER_MARKS:
            if beginning.startswith(mark):
                return charset
        return "utf-8"

    def _lines(self, limit: int) -> Iterator[str]:
        most = limit + len(b"\r\n")
        line = self.readline(max(most, _LONGEST_MARK))
        charset = self._charset_of(line)
        if "\n".encode(charset) != b"\n":
            yield from self._lines_of_wide_text(line, charset, limit)
            return
        mark = _MARK
        while line:
            line = line[:-2] if line.endswith(b"\r\n") else line.removesuffix(b"\n")
            if len(line) > limit:
                raise self._line_too_long("bytes", limit)
            text = line.decode(charset, "replace")
            if mark:
                text, mark = text.removeprefix(mark), ""
            yield text
            line = self.readline(most)

    def _lines_of_wide_text(self, data: bytes, charset: str, limit: int) -> Iterator[str]:
        """The lines of `data` and what follows. A byte of it that is 10 need not be a line feed."""
        import codecs

        decode = codecs.getincrementaldecoder(charset)("replace").decode
        begun = ""
        mark = _MARK
        while True:
            first, *others = decode(data, not data).split("\n")
            begun += first
            for following in others:
                line, begun = begun.removesuffix("\r"), following
                if len(line) > limit:
                    raise self._line_too_long("characters", limit)
                yield line.removeprefix(mark)
                mark = ""
            if len(begun.removesuffix("\r")) > limit:
                raise self._line_too_long("characters", limit)
            if not data:
                break
            data = self.read1(PIECE_BYTES)
        if begun:
            yield begun.removeprefix(mark)

    def _line_too_long(self, counted: str, limit: int) -> Exception:
        error = base.errors.LimitExceeded(f"{counted} in a line of the body", limit)
        self._give_up(error)
        return error

    def _give_up(self, error: Exception) -> None:
        """The rest of the body will not be read, because of `error`."""
        self.close()


_MARK = "\ufeff"


_MARKS_OF_EITHER_ORDER = {
    "utf-16": (b"\xff\xfe", b"\xfe\xff"),
    "utf-32": (b"\xff\xfe\0\0", b"\0\0\xfe\xff"),
}
_LONGEST_MARK = 4


def _in_known_order(charset: str, beginning: bytes) -> str:
    """`charset`; if only a mark would tell the order of its bytes, and there is none, big-endian.

    So says RFC 2781 section 4.3; Python would take the order of its machine.
    """
    import codecs

    name = codecs.lookup(charset).name
    marks = _MARKS_OF_EITHER_ORDER.get(name)
    if marks is None or beginning.startswith(marks):
        return charset
    return f"{name}-be"


def _check_positive(name: str, number: int) -> None:
    if number < 1:
        raise ValueError(f"{name} must be at least 1, not {number!r}")
