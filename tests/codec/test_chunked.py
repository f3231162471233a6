"""Chunked bodies: at every split, cut, spoiled, endless, and written to be read back."""

from __future__ import annotations

import array
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.streams import every_cut, every_split

from mini_http.base.errors import BadChunk, BadField, InvalidField, LimitExceeded, MiniHTTPError
from mini_http.base.limits import Limits
from mini_http.codec.chunked import ChunkDecoder, write_chunk, write_last_chunk


def decoded(pieces, decoder=None):
    """The bytes that the pieces carry, and the decoder that read them."""
    decoder = decoder or ChunkDecoder()
    return b"".join([decoder.decode(piece) for piece in pieces]), decoder


GOOD_BODIES = [
    (b"0\r\n\r\n", b"", []),
    (b"0000\r\n\r\n", b"", []),
    (b"5\r\nhello\r\n0\r\n\r\n", b"hello", []),
    (b"1\r\na\r\n2\r\nbc\r\nA\r\n0123456789\r\n0\r\n\r\n", b"abc0123456789", []),
    (b"000000000000000a\r\n0\r\n\r\n5\r\n.\r\r\n0\r\n\r\n", b"0\r\n\r\n5\r\n.\r", []),
    (b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n2\r\nef\r\n0\r\n\r\n", b"abcdef", []),
    (b"1\r\na\r\n1\r\nb\r\n1;\r\nc\r\n1;\r\nd\r\n01\r\ne\r\n0\r\n\r\n", b"abcde", []),
    (b"5\r\n\r\n5\r\n\r\n" * 3 + b"0\r\n\r\n", b"\r\n5\r\n" * 3, []),
    (b"2;a=b\r\nhi\r\n0;last\r\n\r\n", b"hi", []),
    (b'2 \t;q=";\xff"\r\nhi\r\n0 ;\r\n\r\n', b"hi", []),
    (b"2\r\nhi\r\n0\r\nA: b\r\n\r\n", b"hi", [("A", "b")]),
    (b"0\r\nA: b\r\nC:\r\n d\r\n\r\n", b"", [("A", "b"), ("C", "d")]),
]
each_good_body = pytest.mark.parametrize(("coded", "body", "trailers"), GOOD_BODIES)


@each_good_body
def test_a_body_is_the_same_at_every_split_with_what_follows_it_left_over(coded, body, trailers):
    for rest in (b"", b"\r", b"HTTP/1.1 200 OK\r\n"):
        for pieces in every_split(coded + rest):
            data, decoder = decoded(pieces[:1])
            for number, piece in enumerate(pieces[1:], 1):
                if decoder.ended:
                    break
                data += decoder.decode(piece)
            else:
                number = len(pieces)
            assert (data, decoder.ended, decoder.trailers.items()) == (body, True, trailers)
            assert decoder.rest + b"".join(pieces[number:]) == rest


@each_good_body
def test_a_cut_body_has_not_ended_and_gave_a_beginning_of_it(coded, body, trailers):
    for beginning in every_cut(coded):
        for pieces in every_split(beginning):
            data, decoder = decoded(pieces)
            assert not decoder.ended
            assert decoder.rest == b""
            assert not decoder.trailers
            assert body.startswith(data)


BAD_BODIES = [
    (b"0x5\r\nhello", BadChunk, "no chunk size"),
    (b"+5\r\nhello", BadChunk, "no chunk size"),
    (b"-5\r\nhello", BadChunk, "no chunk size"),
    (b"5 \r\nhello", BadChunk, "no chunk size"),
    (b" 5\r\nhello", BadChunk, "no chunk size"),
    (b"5 5\r\nhello", BadChunk, "no chunk size"),
    (b"00000000000000005\r\nhello", BadChunk, "no chunk size"),
    (b"\r\nhello", BadChunk, "no chunk size"),
    (b";a\r\nhello", BadChunk, "no chunk size"),
    (b"g\r\nhello", BadChunk, "no chunk size"),
    (b"\xb2\r\nhello", BadChunk, "no chunk size"),
    (b"5\nhello\r\n0\r\n\r\n", BadChunk, "no chunk size"),
    (b"5;\nhello\r\n0\r\n\r\n", BadChunk, "no chunk size"),
    (b"5;a\0\r\nhello", BadChunk, "no chunk size"),
    (b"5;a\rb\r\nhello", BadChunk, "no chunk size"),
    (b"5\r\nhello\n0\r\n\r\n", BadChunk, "^a chunk ends with b'.*', not CRLF$"),
    (b"5\r\nhello0\r\n\r\n", BadChunk, "a chunk ends with b'.*', not CRLF"),
    (b"5\r\nhello!\r\n0\r\n\r\n", BadChunk, "a chunk ends with b'.*', not CRLF"),
    (b"5\r\nhello\r0\r\n\r\n", BadChunk, r"a chunk ends with b'\\r0', not CRLF"),
    (b"0\r\n\n", BadChunk, "^a line of the trailer ends with LF, not CRLF$"),
    (b"0\r\nA: b\n\r\n", BadChunk, "a line of the trailer ends with LF"),
    (b"0\r\nA: b\r\nC: d\n\n", BadChunk, "a line of the trailer ends with LF"),
    (b"0\r\nA b\r\n\r\n", BadField, "^line 1 of the trailer has no colon: 'A b'$"),
    (b"0\r\nA: b\r\nC : d\r\n\r\n", BadField, "line 2 of the trailer .* no token"),
    (b"0\r\nA: b\rc\r\n\r\n", BadField, "line 1 of the trailer .* control character"),
    (b"0\r\n A: b\r\n\r\n", BadField, "line 1 of the trailer continues a field"),
]
each_bad_body = pytest.mark.parametrize(("coded", "error", "words"), BAD_BODIES)


@each_bad_body
@pytest.mark.parametrize("before", [b"", b"3\r\nabc\r\n", b"5\r\nworld\r\n" * 3])
def test_a_spoiled_body_is_refused_at_every_split(before, coded, error, words):
    for pieces in every_split(before + coded):
        with pytest.raises(error, match=words):
            decoded(pieces)


@pytest.mark.parametrize(
    ("coded", "shown"),
    [(b"0x5\r\nhello", "b'0x5'"), (b"\r\nhello", "b''"), (b"<" * 100, f"b'{'<' * 40}'")],
)
def test_what_is_no_chunk_size_is_shown_up_to_its_line_end(coded, shown):
    with pytest.raises(BadChunk) as caught:
        ChunkDecoder().decode(coded)
    assert str(caught.value) == f"no chunk size of 1 to 16 hexadecimal digits: {shown}"


def test_nothing_is_handed_on_from_a_call_that_finds_a_fault():
    decoder = ChunkDecoder()
    assert decoder.decode(b"2\r\nab") == b"ab"
    with pytest.raises(BadChunk):
        decoder.decode(b"\r\n2\r\ncd\r\nnonsense\r\n")


def test_bytes_are_handed_on_as_soon_as_they_come():
    decoder = ChunkDecoder()
    assert decoder.decode(b"5\r\nhe") == b"he"
    assert decoder.decode(b"ll") == b"ll"
    assert decoder.decode(b"o\r") == b"o"
    assert decoder.decode(b"\n1\r\n!\r\n") == b"!"
    assert decoder.decode(b"0\r\n\r\n") == b""
    assert decoder.ended


def test_each_chunk_is_a_piece():
    decoder = ChunkDecoder()
    assert decoder.pieces(b"2\r\nab\r\n2\r\ncd\r\n2\r\nef\r\n3\r\ng") == [b"ab", b"cd", b"ef", b"g"]
    assert decoder.left == 2
    assert decoder.pieces(b"hi\r\n0\r\n") == [b"hi"]
    assert decoder.pieces(b"\r\n") == []
    assert (decoder.ended, decoder.left) == (True, 0)


def test_what_lies_within_a_chunk_is_not_copied():
    decoder = ChunkDecoder()
    assert decoder.decode(b"100000\r\n") == b""
    within = bytes(65536)
    assert decoder.pieces(within)[0] is within
    assert decoder.decode(within) is within
    assert decoder.left == (1 << 20) - 2 * 65536


def test_some_of_a_chunk_may_be_taken_past_the_decoder():
    decoder = ChunkDecoder()
    assert decoder.decode(b"5\r\nh") == b"h"
    decoder.left -= 3
    assert decoder.decode(b"o\r\n0\r\n\r\nnext") == b"o"
    assert (decoder.ended, decoder.rest) == (True, b"next")


def test_a_chunk_may_be_announced_as_large_as_64_bits_say():
    decoder = ChunkDecoder()
    assert decoder.decode(b"ffffffffffffffff\r\nabc") == b"abc"
    assert decoder.decode(b"d" * 1000) == b"d" * 1000
    assert not decoder.ended


# --- limits

LIMITS = Limits(chunk_line_bytes=20, trailer_bytes=30, trailers=2)


@pytest.mark.parametrize(
    ("coded", "words"),
    [
        (b"5;" + b"x" * 17 + b"\r\n", "^got more than 20 bytes in the line of a chunk's size"),
        (b"1\r\na\r\n" * 2 + b"1;" + b"x" * 17 + b"\r\n", "more than 20 bytes in the line"),
        (b"5;" + b"x" * 30, "more than 20 bytes in the line of a chunk's size"),
        (b"0\r\nA: " + b"x" * 24 + b"\r\n\r\n", "^got more than 30 bytes in the trailer, found 3"),
        (b"0\r\nA: " + b"x" * 40, "more than 30 bytes in the trailer, found [34]"),
        (b"0\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", "^got more than 2 trailers, found 3$"),
    ],
)
def test_what_goes_beyond_a_limit_is_refused_at_every_split(coded, words):
    for pieces in every_split(coded):
        decoder = ChunkDecoder(LIMITS)
        with pytest.raises(LimitExceeded, match=words):
            decoded(pieces, decoder)


@pytest.mark.parametrize(
    ("coded", "error"),
    [
        (b"0" * 65536 + b"a\r\nhello world\r\n0\r\n\r\n", LimitExceeded),
        (b"0" * 65536, LimitExceeded),
        (b"<" * 21, LimitExceeded),
        (b"<" * 19 + b"\n", BadChunk),
        (b"<" * 20, BadChunk),
        (b"00000000000000005\r\n" + b"x" * 100, BadChunk),
    ],
)
def test_the_length_of_a_size_is_looked_at_before_its_digits(coded, error):
    with pytest.raises(error):
        ChunkDecoder(LIMITS).decode(coded)


def test_a_line_that_is_too_long_is_named_with_both_numbers():
    with pytest.raises(LimitExceeded) as caught:
        ChunkDecoder().decode(b"0" * 65536 + b"a\r\nhello world\r\n")
    assert (caught.value.limit, caught.value.found) == (4096, 65539)
    with pytest.raises(LimitExceeded) as caught:
        ChunkDecoder(LIMITS).decode(b"5;" + b"x" * 17 + b"\r\nhello")
    assert (caught.value.limit, caught.value.found) == (20, 21)


def test_what_just_keeps_a_limit_is_read():
    coded = b"2;" + b"x" * 16 + b"\r\nhi\r\n0\r\nA: " + b"x" * 23 + b"\r\n\r\n"
    for pieces in every_split(coded):
        data, decoder = decoded(pieces, ChunkDecoder(LIMITS))
        assert data == b"hi"
        assert decoder.trailers["a"] == "x" * 23


# --- writing


def test_a_chunk_is_its_size_its_bytes_and_a_line_end():
    assert write_chunk(b"0123456789") == b"a\r\n0123456789\r\n"
    assert write_chunk(bytearray(b"abc")) == b"3\r\nabc\r\n"
    assert write_chunk(memoryview(array.array("H", [0x4141]))) == b"2\r\nAA\r\n"


@pytest.mark.parametrize("nothing", [b"", bytearray(), memoryview(b"")])
def test_no_bytes_are_no_chunk_since_that_would_end_the_body(nothing):
    assert write_chunk(nothing) == b""


def test_the_last_chunk_carries_the_trailer():
    assert write_last_chunk() == b"0\r\n\r\n"
    assert write_last_chunk([("A", "b"), ("C", "")]) == b"0\r\nA: b\r\nC: \r\n\r\n"


@pytest.mark.parametrize("field", [("A b", "c"), ("A", "b\r\nC: d"), ("A", "\0"), ("", "b")])
def test_a_trailer_field_that_may_not_be_sent_is_refused(field):
    with pytest.raises(InvalidField):
        write_last_chunk([field])


names = st.text("ABCxyz-09_!", min_size=1, max_size=5)
values = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=10)


@given(
    chunks=st.lists(st.binary(max_size=40), max_size=6)
    | st.binary(max_size=6).map(lambda chunk: [chunk] * 7),
    trailers=st.lists(st.tuples(names, values.map(lambda value: value.strip(" "))), max_size=3),
    cuts=st.lists(st.integers(0, 300), max_size=5),
    rest=st.binary(max_size=5),
)
@example([b"\r\n", b"0\r\n\r\n"], [], [1, 2, 3], b"\r\n")
def test_what_is_written_reads_back_whatever_the_pieces(chunks, trailers, cuts, rest):
    coded = b"".join([write_chunk(chunk) for chunk in chunks]) + write_last_chunk(trailers)
    edges = [0, *sorted(min(cut, len(coded)) for cut in cuts), len(coded)]
    pieces = [coded[start:end] for start, end in pairwise(edges)]
    pieces[-1] += rest
    data, decoder = b"", ChunkDecoder()
    for piece in pieces:
        if decoder.ended:
            break
        data += decoder.decode(piece)
    assert data == b"".join(chunks)
    assert decoder.ended
    assert decoder.trailers.items() == trailers
    assert decoder.rest == rest or pieces[-1] == rest


@given(
    pieces=st.lists(st.binary(max_size=10) | st.text("0123aF;\r\n :", max_size=12).map(str.encode))
)
def test_anything_is_decoded_or_refused_and_the_same_in_one_piece(pieces):
    def outcome(pieces):
        data, decoder = b"", ChunkDecoder()
        try:
            for piece in pieces:
                data += decoder.decode(piece)
                if decoder.ended:
                    return data, "ended"
        except MiniHTTPError as error:
            return type(error)
        return data, "goes on"

    assert outcome(pieces) == outcome([b"".join(pieces)])


@pytest.mark.parametrize(
    ("received", "whole"),
    [
        (b"", False),
        (b"2", False),
        (b"2\r\nhe", False),
        (b"2\r\nhe\r\n", False),
        (b"2\r\nhe\r\n0", False),
        (b"2\r\nhe\r\n0\r\n", True),
        (b"2\r\nhe\r\n0\r\n\r", True),
        (b"2\r\nhe\r\n0\r\n\r\n", True),
        (b"0\r\nA", False),
        (b"0\r\nA: b\r\n", False),
        (b"0\r\nA: b\r\n\r\n", True),
    ],
)
def test_at_the_end_of_the_connection_a_body_is_whole_once_its_last_chunk_came(received, whole):
    decoder = ChunkDecoder()
    decoder.decode(received)
    assert decoder.finish() == whole == decoder.ended
