"""DecodingReader: coded bodies read in every way, cut, and with trailers below them."""

from __future__ import annotations

import gzip

import pytest
from support.body_readers import client_for, each_way, pieces_of

from mini_http.base.errors import BadCoding
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.codec.chunked import write_chunk
from mini_http.codec.content_coding import decoder_for
from mini_http.codec.framing import CHUNKED, Length
from mini_http.exchange.body import body_reader
from mini_http.exchange.decoding_reader import DecodingReader


@each_way
def test_a_coded_body_is_given_decoded(way):
    packed = gzip.compress(b"hello" * 100)
    coded = body_reader(Length(len(packed)), client_for(*pieces_of(packed, 7)))
    reader = DecodingReader(coded, decoder_for("gzip", DEFAULT_LIMITS))
    assert (reader.ended, reader.left) == (False, None)
    assert way(reader) == b"hello" * 100
    assert reader.ended
    assert coded.ended


def test_a_coded_body_has_the_trailers_of_the_one_below_it():
    packed = gzip.compress(b"hello")
    coded = body_reader(CHUNKED, client_for(write_chunk(packed), b"0\r\nA: b\r\n\r\n"))
    reader = DecodingReader(coded, decoder_for("gzip", DEFAULT_LIMITS))
    assert reader.read_all() == b"hello"
    assert reader.trailers.items() == [("A", "b")]


def test_a_coded_body_has_ended_with_its_last_byte():
    packed = gzip.compress(b"hello")
    coded = body_reader(Length(len(packed)), client_for(packed))
    reader = DecodingReader(coded, decoder_for("gzip", DEFAULT_LIMITS))
    assert reader.read_some(3) == b"hel"
    assert not reader.ended
    assert reader.read_some(3) == b"lo"
    assert reader.ended
    assert reader.read_some(3) == b""


def test_a_coded_body_that_ends_before_its_coding_does_is_refused():
    packed = gzip.compress(b"hello")[:-1]
    coded = body_reader(Length(len(packed)), client_for(packed))
    reader = DecodingReader(coded, decoder_for("gzip", DEFAULT_LIMITS))
    with pytest.raises(BadCoding, match="ends before its gzip coding does"):
        reader.read_all()
