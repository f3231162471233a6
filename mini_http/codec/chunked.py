"""Chunked bodies both ways (RFC 9112 section 7.1): ChunkDecoder and its mirror, write_chunk.

The decoder is pushed: it gets bytes as they came and returns the body bytes in them, all complete
chunks in one call. It never waits, holds no more than one unfinished line, and hands nothing on
from a call in which it finds a fault. Line ends are CRLF only, since what one reader takes as a
line end and another does not is how messages are smuggled.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.headers import Headers
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.codec.chunk_grammar import CHUNK_HEAD_BEGUN, CRLF, NEXT_CHUNK_HEAD
from mini_http.codec.heads import field_lines, read_trailers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from mini_http.base.limits import Limits

# --- reading


class ChunkDecoder:
    """Turns the bytes of one chunked body into the bytes that it carries.

    `ended` tells that the last chunk and its trailer have come; then `trailers` holds the trailer's
    fields and `rest` what came after the body. `left` tells how many bytes of the current chunk
    have not come yet.
    """

    __slots__ = ("_begun", "_in_trailer", "_limits", "ended", "left", "rest", "trailers")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.ended = False
        self.rest = b""
        self.trailers = Headers([])
        self.left = 0
        self._limits = limits
        # The beginning of a line between two chunks, with the line end of the chunk before it, or
        # of the trailer. Before the first chunk it is as if another one had ended.
        self._begun = CRLF
        self._in_trailer = False

    def decode(self, data: bytes) -> bytes:
        """The body bytes in `data`, which is what came next.

        Raises BadChunk for bytes that are no chunk, BadField for a trailer that is none, and
        LimitExceeded.
        """
        return b"".join(self.pieces(data))

    def pieces(self, data: bytes) -> list[bytes]:
        """As `decode`, but what each chunk carries is a piece, maybe an empty one.

        For who joins more than this; and a piece that is all of `data` is `data` itself.
        """
        if self._begun:
            data, self._begun = self._begun + data, b""
        if self._in_trailer:
            self._take_trailer(data)
            return []
        pieces: list[bytes] = []
        came = len(data)
        position = self.left
        if position:
            pieces.append(data[:position])
        size_before = 0
        while position < came:
            head = NEXT_CHUNK_HEAD.match(data, position)
            if head is None:
                self._begun = self._next_head_begun(data[position:])
                break
            line = head[0]
            if len(line) > self._limits.chunk_line_bytes + len(CRLF):
                raise self._line_too_long(len(line) - len(CRLF))
            size = int(head[1], 16)
            start = head.end()
            if not size:
                self._in_trailer = True
                self._take_trailer(data[start:])
                break
            position = start + size
            pieces.append(data[start:position])
            # Most servers cut a body into equal chunks. After two of them the same line is looked
            # for as it is, without its rule: 0.5 us a chunk of 4 KiB instead of 0.8.
            while size == size_before and data.startswith(line, position):
                start = position + len(line)
                position = start + size
                pieces.append(data[start:position])
            size_before = size
        self.left = max(position - came, 0)
        return pieces

    def finish(self) -> bool:
        """What the end of the connection means: whether the body is whole.

        It is once the last chunk has come (RFC 9112 section 8); some servers close before the empty
        line after it. A trailer that has begun must be whole too.
        """
        if self._in_trailer and self._begun in (b"", b"\r"):
            self.ended = True
        return self.ended

    def _next_head_begun(self, begun: bytes) -> bytes:
        """`begun`, if it can be the line end of a chunk and the beginning of the next one's line.

        Its length is looked at before its bytes: a size of 65,536 zeros is too long, whatever else.
        """
        line_end, line = begun[:2], begun[2:]
        if not CRLF.startswith(line_end):
            raise base.errors.BadChunk(f"a chunk ends with {line_end!r}, not CRLF")
        length = line.find(b"\n") + 1 or len(line)
        if length > self._limits.chunk_line_bytes:
            raise self._line_too_long(length)
        if line and CHUNK_HEAD_BEGUN.fullmatch(line) is None:
            shown = line[:40].partition(CRLF)[0]
            raise base.errors.BadChunk(f"no chunk size of 1 to 16 hexadecimal digits: {shown!r}")
        return begun

    def _line_too_long(self, length: int) -> Exception:
        return base.errors.LimitExceeded(
            "bytes in the line of a chunk's size", self._limits.chunk_line_bytes, length
        )

    def _take_trailer(self, data: bytes) -> None:
        """Ends the body if `data`, from after the last chunk's line, holds the whole trailer."""
        if data.startswith(CRLF):
            end = 2
        else:
            end = data.find(b"\r\n\r\n") + 4
            trailer = data if end < 4 else data[:end]
            if trailer.count(b"\n") != trailer.count(CRLF):
                raise base.errors.BadChunk("a line of the trailer ends with LF, not CRLF")
            if len(trailer) > self._limits.trailer_bytes:
                raise base.errors.LimitExceeded(
                    "bytes in the trailer", self._limits.trailer_bytes, len(trailer)
                )
            if end < 4:
                self._begun = data
                return
            self.trailers = read_trailers(trailer, self._limits)
        self.ended = True
        self.rest = data[end:]


# --- writing


def write_chunk(data: bytes | bytearray | memoryview) -> bytes:
    """`data` as one chunk; nothing for no data, since an empty chunk would end the body."""
    size = len(data) if isinstance(data, (bytes, bytearray)) else data.nbytes
    return b"".join((b"%x\r\n" % size, data, CRLF)) if size else b""


def write_last_chunk(trailers: Sequence[tuple[str, str]] = ()) -> bytes:
    """The end of a chunked body: the empty chunk and the trailer's fields.

    Raises InvalidField for a field that may not be sent.
    """
    return f"0\r\n{field_lines(tuple(trailers)).text}\r\n".encode("latin-1")
