"""Content codings: whole, in pieces, cut, broken, stacked and swollen."""

from __future__ import annotations

import gzip
import subprocess
import sys
import tomllib
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mini_http.base.errors import BadCoding, LimitExceeded, StateError
from mini_http.base.limits import DEFAULT_LIMITS, Limits
from mini_http.codec import content_coding
from mini_http.codec.content_coding import (
    CODINGS,
    FRUITLESS_BYTES,
    Coding,
    accept_encoding,
    decoder_for,
    is_supported,
)

ROOT = Path(__file__).parents[2]
KIB, MIB = 1024, 1024 * 1024

TEXT = b"the quick brown fox jumps over the lazy dog; " * 5 + bytes(range(256))


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(data) + compressor.flush()


def brotli_compress(data: bytes) -> bytes:
    return pytest.importorskip("brotli").compress(data)


def zstd_library():
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    return pytest.importorskip(name)


def zstd_compress(data: bytes) -> bytes:
    library = zstd_library()
    return library.compress(data, options={library.CompressionParameter.checksum_flag: 1})


ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw deflate": raw_deflate,
    "br": brotli_compress,
    "zstd": zstd_compress,
}
"""How to code bytes; the last word of each name is the name of the content coding."""

each_coding = pytest.mark.parametrize("kind", ENCODERS)


def decoder(kind, limits=DEFAULT_LIMITS):
    """A decoder for one kind of ENCODERS. Skips the test where that needs a missing library."""
    ENCODERS[kind](b"")
    made = decoder_for(kind.split()[-1], limits)
    assert made is not None
    return made


def take_pieces(decoder, pieces, limit=64 * KIB):
    """What a body reader does, without looking at what it gets."""
    for piece in pieces:
        while True:
            data = decoder.decode(piece, limit)
            assert len(data) <= limit
            assert data or decoder.needs_input
            if data:
                yield data
            if decoder.needs_input:
                break
            piece = b""


def decode(decoder, *pieces, limit=64 * KIB):
    data = b"".join(take_pieces(decoder, pieces, limit))
    decoder.finish()
    return data


def one_by_one(data):
    return [data[i : i + 1] for i in range(len(data))]


# --- whole and in pieces


@each_coding
@pytest.mark.parametrize(
    "data", [b"", b"x", TEXT, TEXT * 1000], ids=["none", "one", "text", "long"]
)
def test_what_was_coded_comes_back(kind, data):
    assert decode(decoder(kind), ENCODERS[kind](data)) == data


@each_coding
def test_what_comes_byte_by_byte_comes_back(kind):
    assert decode(decoder(kind), *one_by_one(ENCODERS[kind](TEXT))) == TEXT


@each_coding
def test_what_comes_in_two_pieces_comes_back_wherever_it_is_split(kind):
    coded = ENCODERS[kind](TEXT)
    for at in range(len(coded) + 1):
        assert decode(decoder(kind), coded[:at], coded[at:]) == TEXT


@each_coding
@pytest.mark.parametrize("limit", [1, 2, 3, 255, 257])
def test_what_is_taken_a_few_bytes_at_a_time_comes_whole(kind, limit):
    assert decode(decoder(kind), ENCODERS[kind](TEXT * 3), limit=limit) == TEXT * 3


@each_coding
def test_what_is_decoded_in_steps_of_one_byte_comes_whole(kind):
    tiny_steps = Limits(step_bytes=0)
    assert decode(decoder(kind, tiny_steps), ENCODERS[kind](TEXT)) == TEXT


@each_coding
def test_more_coded_bytes_than_a_library_is_given_at_once_come_back(kind):
    noise = b"".join(zlib.crc32(b"%d" % i).to_bytes(4, "big") for i in range(80_000))
    assert decode(decoder(kind), ENCODERS[kind](noise)) == noise


def test_bytes_given_while_none_are_needed_wait_for_their_turn():
    coded = gzip.compress(TEXT * 10_000)
    patient = decoder("gzip")
    got = patient.decode(coded[:100], 10) + patient.decode(coded[100:200], 10)
    assert got == TEXT[:20]
    assert not patient.needs_input
    assert got + decode(patient, coded[200:]) == TEXT * 10_000


@each_coding
def test_an_empty_body_is_empty_whatever_its_coding(kind):
    assert decode(decoder(kind)) == b""
    assert decode(decoder(kind), b"") == b""


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_byte_is_the_callers_mistake(limit):
    with pytest.raises(ValueError, match=f"at least 1, got {limit}"):
        decoder("gzip").decode(b"", limit)


def test_finishing_before_all_was_taken_is_the_callers_mistake():
    hasty = decoder("gzip")
    assert hasty.decode(gzip.compress(TEXT), 3) == TEXT[:3]
    with pytest.raises(StateError):
        hasty.finish()


def test_a_body_may_end_where_finishing_raises_nothing():
    asked = decoder("gzip")
    coded = gzip.compress(TEXT)
    assert asked.is_complete
    assert asked.decode(coded[:-1], len(TEXT)) == TEXT
    assert asked.needs_input
    assert not asked.is_complete
    assert asked.decode(coded[-1:] + coded, 3) == TEXT[:3]
    assert not asked.is_complete
    assert asked.decode(b"", len(TEXT)) == TEXT[3:]
    assert asked.is_complete
    asked.finish()


# --- the forms of gzip, deflate and zstd


def test_gzip_members_are_joined():
    coded = gzip.compress(TEXT) + gzip.compress(b"") + gzip.compress(b"end")
    assert decode(decoder("gzip"), coded) == TEXT + b"end"
    assert decode(decoder("gzip"), *one_by_one(coded)) == TEXT + b"end"


def test_thousands_of_small_gzip_members_are_joined():
    assert decode(decoder("gzip"), gzip.compress(b"x") * 10_000) == b"x" * 10_000


@pytest.mark.parametrize("zeros", [1, 511, 100_000])
def test_zero_bytes_after_a_gzip_member_are_padding(zeros):
    assert decode(decoder("gzip"), gzip.compress(TEXT) + bytes(zeros)) == TEXT
    assert decode(decoder("gzip"), gzip.compress(TEXT), bytes(zeros), b"\0") == TEXT


def test_a_gzip_header_may_have_every_optional_part():
    body = gzip.compress(TEXT)[10:]
    head = b"\x1f\x8b\x08\x1f\0\0\0\0\0\xff" + b"\3\0abc" + b"a name\0" + b"a comment\0"
    checked = head + (zlib.crc32(head) & 0xFFFF).to_bytes(2, "little")
    assert decode(decoder("gzip"), *one_by_one(checked + body)) == TEXT


@pytest.mark.parametrize("level", range(10))
def test_deflate_is_told_from_bare_deflate_at_every_level_and_window(level):
    for window_bits in range(9, 16):
        for wbits in (window_bits, -window_bits):
            compressor = zlib.compressobj(level, wbits=wbits)
            coded = compressor.compress(TEXT) + compressor.flush()
            assert decode(decoder("deflate"), *one_by_one(coded)) == TEXT


def test_zstd_frames_are_joined_and_skippable_ones_skipped():
    skippable = b"\x50\x2a\x4d\x18" + b"\5\0\0\0" + b"notes"
    coded = zstd_compress(TEXT) + skippable + zstd_compress(b"end") + skippable
    assert decode(decoder("zstd"), coded) == TEXT + b"end"
    assert decode(decoder("zstd"), *one_by_one(coded)) == TEXT + b"end"


def test_a_zstd_window_beyond_8_mib_is_refused():
    library = zstd_library()
    options = {library.CompressionParameter.window_log: 24}
    compressor = library.ZstdCompressor(options=options)
    coded = compressor.compress(b"x") + compressor.compress(bytes(MIB)) + compressor.flush()
    with pytest.raises(BadCoding, match="broken zstd coding"):
        decode(decoder("zstd"), coded)


# --- which codings


def test_the_offer_lists_the_codings_that_can_be_decoded():
    offered = accept_encoding().split(", ")
    assert offered[:2] == ["gzip", "deflate"]
    assert offered == [
        name for name, row in CODINGS.items() if row.is_available() and name != "x-gzip"
    ]


@pytest.mark.parametrize(
    "field", ["", " ", ",", "identity", "Identity", "identity, identity", " , \t,identity"]
)
def test_nothing_is_to_be_decoded_where_nothing_is_coded(field):
    assert decoder_for(field, DEFAULT_LIMITS) is None
    assert is_supported(field)


@pytest.mark.parametrize(
    "field", ["gzip", "GZip", " gzip\t", "x-gzip", "X-GZIP", "identity, gzip", "gzip,", ",,gzip"]
)
def test_names_are_compared_without_case_and_empty_elements_ignored(field):
    assert is_supported(field)
    assert decode(decoder_for(field, DEFAULT_LIMITS), gzip.compress(TEXT)) == TEXT


@pytest.mark.parametrize(
    "field", ["compress", "gzip, compress", "compress, gzip", "gzip;q=1", "gzip deflate", "\xff"]
)
def test_a_body_with_an_unknown_coding_is_handed_on_as_it_came(field):
    assert decoder_for(field, DEFAULT_LIMITS) is None
    assert not is_supported(field)


@pytest.fixture
def fresh_look_for_libraries():
    """Lets a test change which libraries seem to be installed."""
    caches = [accept_encoding, content_coding._is_importable]
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.mark.parametrize("missing", ["no_such_package_here", "no_such_package_here.part"])
def test_a_coding_whose_library_is_missing_is_unknown_and_not_offered(
    missing, monkeypatch, fresh_look_for_libraries
):
    monkeypatch.setitem(CODINGS, "br", CODINGS["br"].replace(needs=(missing,)))
    assert "br" not in accept_encoding().split(", ")
    assert not is_supported("br")
    assert decoder_for("gzip, br", DEFAULT_LIMITS) is None


def test_the_coding_listed_last_is_decoded_first():
    coded = zlib.compress(gzip.compress(TEXT))
    assert decode(decoder_for("gzip, deflate", DEFAULT_LIMITS), coded) == TEXT
    with pytest.raises(BadCoding, match="gzip"):
        decode(decoder_for("deflate, gzip", DEFAULT_LIMITS), coded)


def test_five_stacked_codings_are_decoded_at_every_split():
    coded = TEXT
    for _ in range(5):
        coded = gzip.compress(coded)
    field = "gzip, x-gzip, gzip, gzip, gzip"
    for at in range(len(coded)):
        assert decode(decoder_for(field, DEFAULT_LIMITS), coded[:at], coded[at:]) == TEXT
    assert decode(decoder_for(field, DEFAULT_LIMITS), *one_by_one(coded)) == TEXT


@pytest.mark.parametrize("name", ["gzip", "compress"])
@pytest.mark.parametrize("count", [6, 50])
def test_more_than_five_codings_are_refused(name, count):
    with pytest.raises(LimitExceeded, match=f"more than 5 content codings, found {count}"):
        decoder_for(", ".join([name] * count), DEFAULT_LIMITS)


def test_the_number_of_codings_can_be_set():
    with pytest.raises(LimitExceeded) as caught:
        decoder_for("gzip", Limits(codings=0))
    assert (caught.value.limit, caught.value.found) == (0, 1)
    assert decoder_for("identity", Limits(codings=0)) is None
    assert decoder_for(", ".join(["gzip"] * 6), Limits(codings=6)) is not None


# --- rows


def test_the_extras_named_in_the_table_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {row.extra for row in CODINGS.values() if row.extra}
    assert extras == {"brotli", "zstd"}
    assert extras <= project["optional-dependencies"].keys()


def test_the_recipe_for_a_row_of_ones_own_works_as_it_is_written(monkeypatch):
    bz2 = pytest.importorskip("bz2")
    recipe = content_coding.__doc__.partition("before the first request:\n\n")[2]
    monkeypatch.setitem(CODINGS, "bzip2", None)  # so that it is taken away afterwards
    exec("\n".join(line.strip() for line in recipe.splitlines()), {})
    coded = bz2.compress(TEXT) + bz2.compress(b"end")
    assert decode(decoder_for("bzip2", DEFAULT_LIMITS), *one_by_one(coded)) == TEXT + b"end"
    with pytest.raises(BadCoding, match="broken bzip2 coding"):
        decode(decoder_for("bzip2", DEFAULT_LIMITS), b"rubbish")


def test_running_out_of_memory_is_no_fault_of_the_server(monkeypatch):
    def out_of_memory(first):
        raise MemoryError

    monkeypatch.setitem(CODINGS, "huge", Coding(out_of_memory))
    with pytest.raises(MemoryError):
        decode(decoder_for("huge", DEFAULT_LIMITS), b"x")


def test_importing_the_module_loads_no_library_for_codings():
    code = (
        "import sys; before = set(sys.modules); import mini_http.codec.content_coding;"
        "print(*sorted(set(sys.modules) - before))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = ran.stdout.split()
    assert "mini_http.codec.content_coding" in loaded
    assert not {"zlib", "brotli", "brotlicffi", "backports.zstd", "importlib.util", "re"} & set(
        loaded
    )


class OldBrotli:
    """A brotli package from before 1.2: it gives all that its input decodes to."""

    __spec__ = "found"

    def __init__(self):
        self._engine = pytest.importorskip("brotli").Decompressor()
        self.given = []

    def Decompressor(self):
        return self

    def process(self, data):
        self.given.append(len(data))
        return self._engine.process(data)

    def is_finished(self):
        return self._engine.is_finished()


def test_an_old_brotli_is_fed_small_pieces(monkeypatch):
    noise = b"".join(zlib.crc32(b"%d" % i).to_bytes(4, "big") for i in range(2000))
    coded = brotli_compress(noise)
    old = OldBrotli()
    monkeypatch.setitem(sys.modules, "brotli", old)
    assert decode(decoder_for("br", DEFAULT_LIMITS), coded, limit=100) == noise
    assert max(old.given) == 32


def test_bytes_after_the_end_that_an_old_brotli_was_not_given_are_refused(monkeypatch):
    coded = brotli_compress(TEXT)
    junk_in_the_next_piece = coded + b"x" * 100
    old = OldBrotli()
    monkeypatch.setitem(sys.modules, "brotli", old)
    assert old.given == []
    with pytest.raises(BadCoding, match="br coding"):
        decode(decoder_for("br", DEFAULT_LIMITS), junk_in_the_next_piece)


def test_brotlicffi_serves_where_brotli_is_missing(monkeypatch, fresh_look_for_libraries):
    library = pytest.importorskip("brotlicffi")
    monkeypatch.setitem(sys.modules, "brotli", None)
    coded = library.compress(TEXT * 1000)
    assert decode(decoder_for("br", DEFAULT_LIMITS), coded) == TEXT * 1000
    assert decode(decoder_for("br", DEFAULT_LIMITS), *one_by_one(coded), limit=100) == TEXT * 1000
    with pytest.raises(BadCoding, match="ends before its br coding"):
        decode(decoder_for("br", DEFAULT_LIMITS), coded[:-1])
    with pytest.raises(BadCoding, match="broken br coding"):
        decode(decoder_for("br", DEFAULT_LIMITS), coded + b"x")


# --- cut and broken


@each_coding
def test_a_body_cut_anywhere_gives_what_came_and_then_an_error(kind):
    coded = ENCODERS[kind](TEXT)
    for cut in range(1, len(coded)):
        short = decoder(kind)
        got = b"".join(take_pieces(short, [coded[:cut]]))
        assert TEXT.startswith(got)
        with pytest.raises(BadCoding, match=f"ends before its {kind.split()[-1]} coding does"):
            short.finish()


@pytest.mark.parametrize("cut", range(1, len(gzip.compress(b"second"))))
def test_a_second_gzip_member_cut_anywhere_is_an_error(cut):
    with pytest.raises(BadCoding, match="ends before"):
        decode(decoder("gzip"), gzip.compress(b"first") + gzip.compress(b"second")[:cut])


def test_a_stack_cut_anywhere_is_an_error_in_each_of_its_codings():
    coded = gzip.compress(zlib.compress(TEXT))
    for cut in range(1, len(coded)):
        with pytest.raises(BadCoding, match="ends before its gzip"):
            decode(decoder_for("deflate, gzip", DEFAULT_LIMITS), coded[:cut])
    for cut in range(1, len(zlib.compress(TEXT))):
        inner_cut = gzip.compress(zlib.compress(TEXT)[:cut])
        with pytest.raises(BadCoding, match="ends before its deflate"):
            decode(decoder_for("deflate, gzip", DEFAULT_LIMITS), inner_cut)


def test_every_wrong_byte_in_a_gzip_body_is_an_error_or_does_not_matter():
    data = b"a small body, a small body"
    coded = gzip.compress(data)
    harmless = set()
    for at in range(len(coded)):
        for wrong in range(256):
            broken = coded[:at] + bytes([wrong]) + coded[at + 1 :]
            try:
                assert decode(decoder("gzip"), broken) == data
            except BadCoding:
                continue
            if broken != coded:
                harmless.add(at)
    assert set(range(4, 10)) <= harmless  # time, extra flags and system (RFC 1952 section 2.3)
    assert not harmless & set(range(3))  # magic number and method
    assert not harmless & set(range(len(coded) - 8, len(coded)))  # check sum and length


@each_coding
@pytest.mark.parametrize("junk", [b"x", b"\x1f", b"\n", b"<!-- served by -->", b"\0x"])
def test_bytes_after_the_end_are_refused(kind, junk):
    coded = ENCODERS[kind](TEXT)
    with pytest.raises(BadCoding, match=kind.split()[-1]):
        decode(decoder(kind), coded + junk)
    with pytest.raises(BadCoding, match=kind.split()[-1]):
        decode(decoder(kind), coded, *one_by_one(junk))


@pytest.mark.parametrize("kind", ["deflate", "raw deflate", "br", "zstd"])
def test_zero_bytes_are_padding_only_after_gzip(kind):
    with pytest.raises(BadCoding):
        decode(decoder(kind), ENCODERS[kind](TEXT) + b"\0")


@pytest.mark.parametrize("kind", ["deflate", "raw deflate", "br"])
def test_only_gzip_members_and_zstd_frames_follow_each_other(kind):
    with pytest.raises(BadCoding):
        decode(decoder(kind), ENCODERS[kind](TEXT) * 2)


def test_a_deflate_body_that_wants_a_dictionary_is_refused():
    compressor = zlib.compressobj(zdict=b"the quick brown fox")
    coded = compressor.compress(TEXT) + compressor.flush()
    with pytest.raises(BadCoding, match="broken deflate coding"):
        decode(decoder("deflate"), coded)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("body", [b"<html>plain</html>", b"\xff" * 100, b"\0" * 100])
def test_a_body_that_is_not_coded_as_it_says_is_refused(name, body):
    with pytest.raises(BadCoding, match=f" {name} coding"):
        decode(decoder(name), body)


def test_the_error_has_the_librarys_own_as_its_cause():
    with pytest.raises(BadCoding, match=r"broken gzip coding: .*incorrect header") as caught:
        decode(decoder("gzip"), b"plain text")
    assert isinstance(caught.value.__cause__, zlib.error)


# --- swollen


def zeros(kind, count):
    """A coded body of that many zero bytes, made without having them all."""
    if kind == "br":
        compressor = pytest.importorskip("brotli").Compressor(quality=5)
        add, end = compressor.process, compressor.finish
    elif kind == "zstd":
        compressor = zstd_library().ZstdCompressor()
        add, end = compressor.compress, compressor.flush
    else:
        wbits = {"gzip": 31, "x-gzip": 31, "deflate": 15, "raw deflate": -15}[kind]
        compressor = zlib.compressobj(9, wbits=wbits)
        add, end = compressor.compress, compressor.flush
    block = bytes(MIB)
    return b"".join([add(block) for _ in range(count // MIB)]) + end()


def decoded_size_and_peak(decoder, coded, limit):
    """How many bytes come out, and the most that Python held meanwhile, beyond `coded`."""
    tracemalloc.start()
    try:
        size = 0
        for data in take_pieces(decoder, [coded], limit):
            size += len(data)
        decoder.finish()
        return size, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


LIBRARY_STATE = 256 * KIB
"""Windows and tables, and the rest of a piece of coded bytes."""


@pytest.mark.parametrize("kind", ["gzip", "raw deflate", "br", "zstd"])
def test_a_bomb_is_decoded_in_bounded_memory(kind):
    coded = zeros(kind, 200 * MIB)
    if kind == "br" and not hasattr(sys.modules["brotli"].Decompressor, "can_accept_more_data"):
        pytest.skip("brotli before 1.2 has no bound")
    size, peak = decoded_size_and_peak(decoder(kind), coded, limit=10 * MIB)
    assert size == 200 * MIB
    assert peak <= DEFAULT_LIMITS.step_bytes + LIBRARY_STATE


def test_a_bomb_in_a_bomb_is_decoded_in_bounded_memory():
    coded = gzip.compress(zeros("gzip", 200 * MIB))
    assert len(coded) < 8 * KIB
    stacked = decoder_for("gzip, gzip", DEFAULT_LIMITS)
    size, peak = decoded_size_and_peak(stacked, coded, limit=10 * MIB)
    assert size == 200 * MIB
    assert peak <= DEFAULT_LIMITS.step_bytes + 2 * LIBRARY_STATE


def test_a_stack_of_five_bombs_is_decoded_in_bounded_memory():
    coded = zeros("gzip", 200 * MIB)
    for _ in range(4):
        coded = gzip.compress(coded)
    stacked = decoder_for("gzip, gzip, gzip, gzip, gzip", DEFAULT_LIMITS)
    size, peak = decoded_size_and_peak(stacked, coded, limit=10 * MIB)
    assert size == 200 * MIB
    assert peak <= DEFAULT_LIMITS.step_bytes + 5 * LIBRARY_STATE


@pytest.mark.parametrize("kind", ["gzip", "br", "zstd"])
def test_decoded_bytes_can_be_capped(kind):
    coded = zeros(kind, 3 * MIB)
    assert len(decode(decoder(kind, Limits(decoded_bytes=3 * MIB)), coded)) == 3 * MIB
    with pytest.raises(LimitExceeded, match="decoded bytes, found") as caught:
        decode(decoder(kind, Limits(decoded_bytes=2 * MIB)), coded)
    assert caught.value.limit == 2 * MIB
    assert 2 * MIB < caught.value.found <= 3 * MIB


@pytest.mark.parametrize("kind", ["gzip", "br", "zstd"])
def test_decoded_bytes_for_a_coded_byte_can_be_capped(kind):
    coded = zeros(kind, 3 * MIB)
    with pytest.raises(LimitExceeded, match=f"from {len(coded)} coded ones, found") as caught:
        decode(decoder(kind, Limits(decoded_ratio=1.5)), coded)
    assert caught.value.limit == int(1.5 * len(coded))
    assert caught.value.found > DEFAULT_LIMITS.step_bytes
    generous = Limits(decoded_ratio=3 * MIB)
    assert len(decode(decoder(kind, generous), coded)) == 3 * MIB


def test_the_ratio_is_not_looked_at_in_the_first_step():
    strict = Limits(decoded_ratio=1.5)
    assert len(decode(decoder("gzip", strict), zeros("gzip", MIB))) == MIB


def test_the_ratio_of_a_stack_is_that_of_the_whole_body():
    coded = gzip.compress(zeros("gzip", 30 * MIB))
    with pytest.raises(LimitExceeded, match="decoded bytes from"):
        decode(decoder_for("gzip, gzip", Limits(decoded_ratio=2000)), coded)


def test_coded_bytes_that_decode_to_nothing_have_an_end():
    nothing = gzip.compress(b"")
    with pytest.raises(LimitExceeded, match="coded bytes without a decoded one") as caught:
        decode(decoder("gzip"), nothing * (FRUITLESS_BYTES // len(nothing) + 1))
    assert caught.value.limit == FRUITLESS_BYTES < caught.value.found


def test_a_stack_that_decodes_to_nothing_for_ever_has_an_end():
    nothings = gzip.compress(gzip.compress(b"") * 10_000)
    coded = gzip.compress(nothings * 1000)
    assert len(coded) < 64 * KIB
    with pytest.raises(LimitExceeded, match="coded bytes without a decoded one"):
        decode(decoder_for("gzip, gzip, gzip", DEFAULT_LIMITS), coded)


# --- anything

AVAILABLE = [name for name, row in CODINGS.items() if row.is_available()]
KINDS = [kind for kind in ENCODERS if kind.split()[-1] in AVAILABLE]


def outcome(decoder, body):
    """The type of what comes of a body: of its bytes, or of the error."""
    try:
        return type(decode(decoder, body, limit=100))
    except Exception as error:
        return type(error)


@given(st.lists(st.sampled_from(AVAILABLE), min_size=1, max_size=3), st.binary(max_size=200))
@example(["gzip"], b"\x1f\x8b\x08\x1f")
@example(["deflate"], b"\x78")
def test_arbitrary_bytes_give_bytes_or_an_error_of_ours(names, body):
    made = decoder_for(", ".join(names), DEFAULT_LIMITS)
    assert outcome(made, body) in (bytes, BadCoding, LimitExceeded)


@given(st.sampled_from(KINDS), st.data())
def test_broken_coded_bytes_give_bytes_or_an_error_of_ours(kind, data):
    coded = bytearray(ENCODERS[kind](TEXT))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(coded) - 1))
        coded[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(min_size=1, max_size=3))
    assert outcome(decoder(kind), bytes(coded)) in (bytes, BadCoding, LimitExceeded)


@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=5),
    st.binary(max_size=500),
    st.integers(1, 50),
    st.integers(1, 600),
    st.integers(0, 3000),
)
def test_any_stack_in_any_pieces_and_steps_comes_back(kinds, data, piece, limit, step):
    coded = data
    for kind in kinds:
        coded = ENCODERS[kind](coded)
    field = ", ".join(kind.split()[-1] for kind in kinds)
    pieces = [coded[at : at + piece] for at in range(0, len(coded), piece)]
    made = decoder_for(field, Limits(step_bytes=step))
    assert decode(made, *pieces, limit=limit) == data
