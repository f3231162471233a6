"""Content codings (RFC 9110 section 8.4): a coded body in, the body out.

Bytes to bytes: nothing here waits or knows sockets. `decoder_for` reads a Content-Encoding value
and gives a `Decoder`, or None when the body is to be handed on as it came: because nothing is
coded, or because a coding listed is unknown or its library is not installed. `accept_encoding` is
the Accept-Encoding value for what can be decoded. The libraries load at the first coded body.

A decoder holds at most the coded bytes it was given and `Limits.step_bytes` of decoded ones, also
for a stack of codings and for input that swells a thousandfold. Every fault in coded bytes is a
BadCoding that names the coding: there is never less data without an error. Bytes after the end are
a fault too, which other clients let pass; but gzip members and zstd frames may follow each other,
and zero bytes after a gzip member are padding. A body without a single byte is an empty body.

A coding of your own is a row in `CODINGS`, added before the first request:

    import bz2
    from mini_http.codec.content_coding import CODINGS, Coding
    CODINGS["bzip2"] = Coding(lambda first: bz2.BZ2Decompressor(), members=True)
"""

from __future__ import annotations

from functools import cache

from mini_http import base
from mini_http.base.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol

    from mini_http.base.limits import Limits

    class Decompressor(Protocol):
        """What a row must make: the shape that bz2, lzma and zstd have in the standard library.

        `decompress` is given data only while `needs_input`, gives about `max_length` bytes at
        most, and none only if it needs input or is at the end. It may raise any Exception.
        """

        @property
        def eof(self) -> bool: ...
        @property
        def needs_input(self) -> bool: ...
        @property
        def unused_data(self) -> bytes: ...
        def decompress(self, data: bytes, max_length: int) -> bytes: ...


PIECE_BYTES = 64 * 1024
"""The most coded bytes a library is given at once: each copies what it leaves over in each call."""

LEAST_STEP_BYTES = 16 * 1024
"""What is decoded at once for a caller who takes less: a call that gives one byte costs as much."""

FRUITLESS_BYTES = 4 * 1024 * 1024
"""Coded bytes, of all codings of a stack together, that may pass without one decoded byte.

Honest coders need a header or one block before they give something, 128 KiB at most. Without this
limit, a few bytes that decode to endless empty gzip members would keep one call busy for ever.
"""


class Coding(Value):
    """How one content coding is decoded."""

    start: Callable[[bytes], Decompressor]
    """Makes a decompressor. It is given the first coded bytes, at least one, to look at."""
    needs: tuple[str, ...] = ()
    """Modules of which one must be importable."""
    extra: str = ""
    """The extra of mini-http that brings it."""
    members: bool = False
    """Whether several coded streams may follow each other, to be joined."""
    padding: bytes = b""
    """Byte values that are ignored after such a stream."""
    offered: bool = True
    """Whether Accept-Encoding lists it."""

    def is_available(self) -> bool:
        """Whether its library is installed, which is not imported for this."""
        return not self.needs or any(map(_is_importable, self.needs))


# --- from field values to decoders


@cache
def accept_encoding() -> str:
    """The Accept-Encoding value for the codings that can be decoded (RFC 9110 section 12.5.3).

    It is computed once: rows that are added to `CODINGS` later are decoded but not offered.
    """
    return ", ".join(name for name, row in CODINGS.items() if row.offered and row.is_available())


def is_supported(content_encoding: str) -> bool:
    """Whether each coding of a Content-Encoding value can be decoded; true if it lists none.

    It tells the two reasons apart for which `decoder_for` gives None.
    """
    return all(map(_is_known, _listed(content_encoding)))


def decoder_for(content_encoding: str, limits: Limits) -> Decoder | None:
    """A decoder for a body with this Content-Encoding value, several joined by commas.

    None when the body is to be handed on as it came, with its headers untouched: nothing is listed
    but `identity`, or a coding listed can't be decoded here. Raises LimitExceeded for more than
    `limits.codings` codings, known or not.
    """
    names = _listed(content_encoding)
    if len(names) > limits.codings:
        raise base.errors.LimitExceeded("content codings", limits.codings, len(names))
    if not names or not all(map(_is_known, names)):
        return None
    return Decoder([_Stage(name, CODINGS[name]) for name in reversed(names)], limits)


def _listed(content_encoding: str) -> list[str]:
    """Names in the order they were applied, without those that mean nothing is coded."""
    names = [name.strip(" \t").lower() for name in content_encoding.split(",")]
    return [name for name in names if name not in ("", "identity")]


def _is_known(name: str) -> bool:
    return name in CODINGS and CODINGS[name].is_available()


@cache
def _is_importable(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # no package to find it in; loaded in a way of its own
        return False


# --- decoding


class Decoder:
    """Decodes one body, step by step. `decoder_for` makes it.

    Call `decode` with bytes as they come, and with b"" for more as long as `needs_input` is false.
    When the body has ended and `needs_input` is true, call `finish`. Of no use after an error.
    """

    def __init__(self, stages: Sequence[_Stage], limits: Limits) -> None:
        """`stages` in the order of decoding: the coding that was applied last comes first."""
        self._stages = stages
        self._limits = limits
        # A third: libraries gather blocks and join them, while the caller has the last ones still.
        self._step = max(1, limits.step_bytes // len(stages) // 3)
        self._coded = b""
        self._taken = 0  # how much of _coded the first stage was given
        self._ready = b""  # decoded, and more than the caller asked for
        self._coded_total = self._decoded_total = self._fruitless = 0

    @property
    def needs_input(self) -> bool:
        """Whether more coded bytes must be given before more decoded ones can come."""
        if self._ready or self._coded:
            return False
        return all(stage.needs_input for stage in self._stages)

    def decode(self, data: bytes, limit: int) -> bytes:
        """At most `limit` (at least 1) decoded bytes, from what was given before and then `data`.

        b"" means that `needs_input` is true. Raises BadCoding when the coded bytes are broken,
        LimitExceeded when they decode to more than `Limits.decoded_bytes` or `decoded_ratio`
        allow, or to nothing for `FRUITLESS_BYTES`.
        """
        if limit < 1:
            raise ValueError(f"decode(limit=) must be at least 1, got {limit}")
        if data:
            self._coded = self._coded[self._taken :] + data
            self._taken = 0
        decoded = self._ready
        if not decoded:
            self._fruitless = 0
            step = min(max(limit, LEAST_STEP_BYTES), self._step)
            decoded = self._pull(len(self._stages) - 1, step)
            self._decoded_total += len(decoded)
            self._check_limits()
        if len(decoded) <= limit:
            self._ready = b""
            return decoded
        self._ready = decoded[limit:]
        return decoded[:limit]

    def finish(self) -> None:
        """Checks that the coded body was complete. A body without any bytes is.

        Raises BadCoding when it was cut, StateError when not all of it was taken from `decode`.
        """
        if not self.needs_input:
            raise base.errors.StateError("finish() before decode() has given everything")
        for stage in self._stages:
            if not stage.is_complete:
                raise base.errors.BadCoding(f"the body ends before its {stage.name} coding does")

    @property
    def is_complete(self) -> bool:
        """Whether the body may end here: `finish` would raise nothing."""
        return self.needs_input and all(stage.is_complete for stage in self._stages)

    def _pull(self, depth: int, limit: int) -> bytes:
        """About `limit` bytes out of a stage, fed by the one before it; b"" for want of input."""
        stage = self._stages[depth]
        while True:
            coded = b""
            if stage.needs_input:
                step = min(PIECE_BYTES, self._step)
                coded = self._pull(depth - 1, step) if depth else self._take()
                if not coded:
                    return b""
            self._fruitless += len(coded)
            if self._fruitless > FRUITLESS_BYTES:
                what = "coded bytes without a decoded one"
                raise base.errors.LimitExceeded(what, FRUITLESS_BYTES, self._fruitless)
            decoded = stage.decode(coded, limit)
            if decoded:
                return decoded

    def _take(self) -> bytes:
        """The next piece of the coded bytes that were given."""
        piece = self._coded[self._taken : self._taken + PIECE_BYTES]
        self._taken += len(piece)
        self._coded_total += len(piece)
        if self._taken == len(self._coded):
            self._coded, self._taken = b"", 0
        return piece

    def _check_limits(self) -> None:
        limits, found = self._limits, self._decoded_total
        if limits.decoded_bytes is not None and found > limits.decoded_bytes:
            raise base.errors.LimitExceeded("decoded bytes", limits.decoded_bytes, found)
        if limits.decoded_ratio is not None and found > limits.step_bytes:
            most = int(limits.decoded_ratio * self._coded_total)
            if found > most:
                what = f"decoded bytes from {self._coded_total} coded ones"
                raise base.errors.LimitExceeded(what, most, found)


class _Stage:
    """One coding of a stack: decodes the streams that follow each other, and names their faults."""

    def __init__(self, name: str, coding: Coding) -> None:
        self.name = name
        self._coding = coding
        self._decompressor: Decompressor | None = None
        self._rest = b""  # came after the end of a stream
        self._has_ended = False

    @property
    def needs_input(self) -> bool:
        if self._rest:
            return False
        return self._decompressor is None or self._decompressor.needs_input

    @property
    def is_complete(self) -> bool:
        """Whether the coded bytes so far end where a stream ends, or there were none."""
        return self._decompressor is None and not self._rest

    def decode(self, coded: bytes, limit: int) -> bytes:
        """About `limit` decoded bytes. `coded` is given only while it `needs_input`."""
        coded, self._rest = self._rest + coded, b""
        while True:
            if self._has_ended:
                coded = coded.lstrip(self._coding.padding)
                if not coded:
                    return b""
                if not self._coding.members:
                    raise base.errors.BadCoding(f"bytes after the end of the {self.name} coding")
            try:
                decoded = self._decode(coded, limit)
            except MemoryError:
                raise
            except Exception as error:  # the errors of the libraries have no base in common
                raise base.errors.BadCoding(f"broken {self.name} coding: {error}") from error
            if decoded or self.needs_input:
                return decoded
            coded, self._rest = self._rest, b""

    def _decode(self, coded: bytes, limit: int) -> bytes:
        if self._decompressor is None:
            self._decompressor = self._coding.start(coded)
            self._has_ended = False
        decompressor = self._decompressor
        decoded = decompressor.decompress(coded, limit)
        if decompressor.eof:
            self._decompressor = None
            self._rest = decompressor.unused_data
            self._has_ended = True
        return decoded


# --- the libraries, each in the shape of Decompressor


class _Inflate:
    """zlib, whose own objects don't say whether they need input."""

    def __init__(self, window_bits: int) -> None:
        import zlib

        self._engine = zlib.decompressobj(window_bits)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._engine.eof

    @property
    def unused_data(self) -> bytes:
        return self._engine.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        engine = self._engine
        decoded = engine.decompress(engine.unconsumed_tail + data, max_length)
        # Output that fills the room may have more behind it even when all input is used up.
        self.needs_input = len(decoded) < max_length and not engine.unconsumed_tail
        return decoded


def _gzip(first: bytes) -> Decompressor:
    return _Inflate(16 + 15)


def _deflate(first: bytes) -> Decompressor:
    """RFC 1950 as the rule is, or bare RFC 1951 as some servers understood it.

    A zlib header begins with compression method 8. Bare data can't begin with these four bits,
    but for a stored block with rubbish in its padding, which no compressor writes.
    """
    return _Inflate(15 if first[0] & 0x0F == 8 else -15)


class _Brotli:
    """The packages `brotli` and `brotlicffi`. Both refuse bytes after the end themselves.

    Since 1.2 they bound their output, to 96 KiB for what is asked here. Older ones give all that
    their input decodes to, so they get it in small pieces, which is slow; and even such a piece of
    a bomb can decode to some tens of MiB, which `Limits.decoded_bytes` ends only then.
    """

    OLD_PIECE_BYTES = 32

    def __init__(self, first: bytes) -> None:
        self._engine = _library("brotli", "brotli", "brotlicffi").Decompressor()
        self._is_bounded = hasattr(self._engine, "can_accept_more_data")
        self.unused_data = b""
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return bool(self._engine.is_finished())

    def decompress(self, data: bytes, max_length: int) -> bytes:
        decoded: bytes
        if self._is_bounded:
            room = min(max_length, PIECE_BYTES)
            decoded = self._engine.process(data, output_buffer_limit=room)
            # It can accept more, says the engine, also while output waits that had no room.
            self.needs_input = len(decoded) < room and self._engine.can_accept_more_data()
        else:
            data = self.unused_data + data
            decoded = self._engine.process(data[: self.OLD_PIECE_BYTES])
            self.unused_data = data[self.OLD_PIECE_BYTES :]
            self.needs_input = not self.unused_data
        return decoded


def _zstd(first: bytes) -> Decompressor:
    """The standard library's since 3.14, or its backport. Windows up to 8 MiB (RFC 9659)."""
    library = _library("_zstd", "compression.zstd", "backports.zstd")
    options = {library.DecompressionParameter.window_log_max: 23}
    decompressor: Decompressor = library.ZstdDecompressor(options=options)
    return decompressor


def _library(needs: str, preferred: str, otherwise: str) -> Any:
    from importlib import import_module

    return import_module(preferred if _is_importable(needs) else otherwise)


# --- the table: a row for each coding, in the order in which they are offered

CODINGS: dict[str, Coding] = {
    "gzip": Coding(_gzip, ("zlib",), members=True, padding=b"\0"),
    "x-gzip": Coding(_gzip, ("zlib",), members=True, padding=b"\0", offered=False),
    "deflate": Coding(_deflate, ("zlib",)),
    "br": Coding(_Brotli, ("brotli", "brotlicffi"), "brotli"),
    # compression.zstd is always found on 3.14, but needs _zstd, which a build may lack.
    "zstd": Coding(_zstd, ("_zstd", "backports.zstd"), "zstd", members=True),
}
"""From a name in lower case to its row. What stands here when a reply comes can be decoded."""
