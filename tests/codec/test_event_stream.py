"""Event streams: the rules case by case at every split, limits, and a reading to the letter."""

from __future__ import annotations

import pickle
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.streams import every_cut, every_split

from mini_http.base.errors import LimitExceeded
from mini_http.codec.event_stream import RETRY_SECONDS, Event, EventDecoder

BOM = b"\xef\xbb\xbf"


def decoded(pieces, decoder=None):
    """The events in the pieces, each asked for as soon as it can be there, and the decoder."""
    decoder = decoder or EventDecoder()
    events = []
    for piece in pieces:
        decoder.feed(piece)
        while (event := decoder.next_event()) is not None:
            events.append(event)
    return events, decoder


def message(data, id=""):
    return Event("message", data, id)


STREAMS = [
    # nothing that is an event
    (b"", []),
    (b"\n\n\r\r\r\n\r\n", []),
    (b": a comment\n\n", []),
    (b"event: a\n\n", []),
    (b"data: not ended", []),
    (b"data: not ended\n", []),
    (b"data: not ended\n: comment\n", []),
    (b"Data: a\nDATA: b\n data: c\nx: d\ndata : e\n\n", []),
    # data
    (b"data: a\n\n", [message("a")]),
    (b"data:a\n\n", [message("a")]),
    (b"data:  a \n\n", [message(" a ")]),
    (b"data:\ta\n\n", [message("\ta")]),
    (b"data: a\ndata:b\ndata\ndata:\n\n", [message("a\nb\n\n")]),
    (b"data\n\n", [message("")]),
    (b"data:\n\ndata\ndata\n\ndata:test\n\n", [message(""), message("\n"), message("test")]),
    (b"data: a: b\n\n", [message("a: b")]),
    (b"data: {\ndata: : x\n\n", [message("{\n: x")]),
    (b"data: a\0b\n\n", [message("a\0b")]),
    (b"data: a\x0bb\x0cc\xc2\x85d\xe2\x80\xa8e\n\n", [message("a\x0bb\x0cc\x85d\u2028e")]),
    # line ends
    (b"data: a\r\rdata: b\r\n\r\ndata: c\n\n", [message("a"), message("b"), message("c")]),
    (b"data: a\r\n\rdata: b\n\r\ndata: c\r\n\n", [message("a"), message("b"), message("c")]),
    (b"data: a\n\rdata: b\r\n\r\n", [message("a"), message("b")]),
    # comments
    (b"data: a\n:\n:: x\n: data: y\ndata: b\n\n", [message("a\nb")]),
    # UTF-8
    (BOM + b"data: a\n\n", [message("a")]),
    (BOM + BOM + b"data: a\n\ndata: b\n\n", [message("b")]),
    (b"\n" + BOM + b"data: a\n\ndata: b\n\n", [message("b")]),
    (b"\xff\xfed\0a\0t\0a\0:\0a\0\n\0\n\0", []),
    ("data: café €\n\n".encode(), [message("café €")]),
    (b"data: \xff|\xe2\x82|\xed\xa0\x80\n\n", [message("\ufffd|\ufffd|\ufffd\ufffd\ufffd")]),
    (b"data: \xe2\x82\ndata: \xac\n\n", [message("\ufffd\n\ufffd")]),
    # the type
    (b"event: a\ndata: b\n\ndata: c\n\n", [Event("a", "b"), message("c")]),
    (b"event: a\nevent: b\ndata: c\n\n", [Event("b", "c")]),
    (b"event: a\nevent\ndata: c\n\n", [message("c")]),
    (b"event: a\n\ndata: b\n\n", [message("b")]),
    ("event: é\ndata: b\n\n".encode(), [Event("é", "b")]),
    # the id
    (b"id: 1\ndata: a\n\ndata: b\n\n", [message("a", "1"), message("b", "1")]),
    (b"id: 1\ndata: a\n\nid\ndata: b\n\n", [message("a", "1"), message("b")]),
    (b"id: 1\n\ndata: b\n\n", [message("b", "1")]),
    (b"id: 1\ndata: a\nid: 2\n\n", [message("a", "2")]),
    (b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n", [message("a", "1"), message("b", "1")]),
    ("id: …\ndata: a\n\n".encode(), [message("a", "…")]),
]
each_stream = pytest.mark.parametrize(("stream", "events"), STREAMS)


@each_stream
def test_a_stream_has_the_same_events_at_every_split(stream, events):
    for pieces in every_split(stream):
        assert decoded(pieces)[0] == events


@each_stream
def test_the_end_of_a_line_is_seen_before_what_follows_it(stream, events):
    """Also of one that ends with CR, after which LF may or may not come."""
    for data in every_cut(stream):
        so_far, _ = decoded([data])
        again, _ = decoded([data + b"\n"])
        assert so_far == events[: len(so_far)]
        assert again[: len(so_far)] == so_far


def test_an_event_is_given_with_the_carriage_return_that_ends_it():
    decoder = EventDecoder()
    decoder.feed(b"data: a\r\r")
    assert decoder.next_event() == message("a")
    decoder.feed(b"")
    decoder.feed(b"\ndata: b\n")
    assert decoder.next_event() is None
    decoder.feed(b"\n")
    assert decoder.next_event() == message("b")


def test_an_event_is_a_value():
    event = Event("a", "b", "c")
    assert (event.type, event.data, event.id) == ("a", "b", "c")
    assert Event() == Event("message", "", "")
    assert pickle.loads(pickle.dumps(event)) == event
    with pytest.raises(AttributeError):
        event.data = "d"


# --- what it takes to go on


def test_the_last_id_is_that_of_the_event_given_last_whatever_has_come_since():
    decoder = EventDecoder()
    decoder.feed(b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n\nid: 4\ndata: unfinished\n")
    seen = [decoder.last_event_id]
    while decoder.next_event():
        seen.append(decoder.last_event_id)
    assert [*seen, decoder.last_event_id] == ["", "1", "2", "3"]


def test_the_last_id_holds_until_the_stream_gives_another():
    decoder = EventDecoder("7")
    events, _ = decoded([b"data: a\n\nid: 8\ndata: b\n\n"], decoder)
    assert events == [message("a", "7"), message("b", "8")]


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        (b"retry: 1500\n", 1.5),
        (b"retry:0\n", 0.0),
        (b"retry: 0010\n", 0.01),
        (b"retry: 999999999\n", 999_999.999),
        (b"retry: 100\nretry: 200\n", 0.2),
        (b"retry: 100\nretry: 200x\n", 0.1),
        (b"data: a\nretry: 100\n", 0.1),
        (b"retry\n", RETRY_SECONDS),
        (b"retry:\n", RETRY_SECONDS),
        (b"retry: -1\n", RETRY_SECONDS),
        (b"retry: +1\n", RETRY_SECONDS),
        (b"retry: 1.5\n", RETRY_SECONDS),
        (b"retry: 1_0\n", RETRY_SECONDS),
        (b"retry: 1e3\n", RETRY_SECONDS),
        (b"retry:  1\n", RETRY_SECONDS),
        (b"retry: 1 \n", RETRY_SECONDS),
        (b"retry: \xd9\xa1\n", RETRY_SECONDS),
        (b"retry: 1000000000\n", RETRY_SECONDS),
        (b"retry: " + b"9" * 10_000 + b"\n", RETRY_SECONDS),
        (b"retry: 100", RETRY_SECONDS),
    ],
)
def test_the_delay_is_in_seconds_and_1_to_9_digits_of_milliseconds_on_the_wire(lines, seconds):
    for pieces in every_split(lines) if len(lines) < 100 else [[lines]]:
        assert decoded(pieces)[1].retry == seconds


def test_on_another_connection_what_was_unfinished_is_dropped_and_the_rest_holds():
    decoder = EventDecoder()
    first = BOM + b"retry: 100\nid: 1\ndata: a\n\nevent: x\nid: 2\ndata: b\ndata: c\r"
    assert decoded([first], decoder)[0] == [message("a", "1")]
    decoder.begin_again()
    assert (decoder.last_event_id, decoder.retry) == ("1", 0.1)
    assert decoded([b"\n", BOM + b"\n\ndata: d\n\n"], decoder)[0] == [message("d", "1")]
    decoder.begin_again()
    assert decoded([BOM + b"data: e\n\n"], decoder)[0] == [message("e", "1")]


# --- limits


@pytest.mark.parametrize("line", [b"data: 6789A", b": 3456789AB", b"x" * 30, b"retry: 100000"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r", b"\r\n\r\n"])
def test_a_line_that_is_too_long_is_refused_at_every_split(line, end):
    for pieces in every_split(b"data: a\n\n" + line + end):
        decoder = EventDecoder(line_bytes=10)
        with pytest.raises(LimitExceeded, match=r"^got more than 10 bytes in a line of the "):
            decoded(pieces, decoder)


@pytest.mark.parametrize("lines", [b"data: abcdef", b"data: abc\ndata: de", b"data\n" * 7])
def test_data_that_is_too_long_is_refused_at_every_split(lines):
    for pieces in every_split(b"data: abcde\n\n" + lines + b"\n\n"):
        decoder = EventDecoder(data_bytes=5)
        with pytest.raises(LimitExceeded, match=r"^got more than 5 bytes in the data of an event,"):
            decoded(pieces, decoder)


def test_what_just_keeps_the_limits_is_read():
    stream = b"data: 6789\ndata\r\ndata: 6\n\n" * 2
    for pieces in every_split(stream):
        events, _ = decoded(pieces, EventDecoder("", 10, 7))
        assert events == [message("6789\n\n6")] * 2


def test_the_events_before_a_line_that_is_too_long_are_given_first():
    decoder = EventDecoder(line_bytes=10)
    decoder.feed(b"id: 1\ndata: a\n\n" + b"x" * 20)
    assert decoder.next_event() == message("a", "1")
    with pytest.raises(LimitExceeded) as caught:
        decoder.next_event()
    assert (caught.value.limit, caught.value.found) == (10, 20)
    decoder.begin_again()
    assert decoded([b"data: b\n\n"], decoder)[0] == [message("b", "1")]


def test_a_long_line_and_much_data_that_come_byte_by_byte_take_linear_time():
    stream = b"data: " + b"x" * 300_000 + b"\n" + b"data\n" * 100_000 + b"\n"
    events, _ = decoded([stream[place : place + 1] for place in range(len(stream))])
    assert [len(event.data) for event in events] == [400_000]


# --- a reading to the letter


def by_the_letter(stream):
    """Events, last id and delay of a whole stream, by the steps of the rules, one by one."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    *lines, _ = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    events, data, event_type, id_buffer, last_id, retry = [], "", "", "", "", RETRY_SECONDS
    for line in lines:
        if line == "":
            last_id = id_buffer
            if data != "":
                events.append(Event(event_type or "message", data.removesuffix("\n"), last_id))
            data, event_type = "", ""
        elif not line.startswith(":"):
            field, colon, value = line.partition(":")
            value = value[1:] if colon and value.startswith(" ") else value
            if field == "event":
                event_type = value
            elif field == "data":
                data += value + "\n"
            elif field == "id" and "\0" not in value:
                id_buffer = value
            elif field == "retry" and value and set(value) <= set("0123456789") and len(value) < 10:
                retry = int(value) / 1000
    return events, last_id, retry


pieces_of_streams = st.sampled_from(
    [b"data", b"event", b"id", b"retry", b":", b" ", b"\r", b"\n", b"\r\n", b"\n\n", b"\0", b"a",
     b"data: b\n", b"id: 1\n", b"event: c\r", b"data:", b"\xe2\x82\xac", b"\xe2", b"\x82", b"\xff",
     BOM, b"10", b"retry: 5"]
)  # fmt: skip


@settings(max_examples=500)
@given(
    stream=st.lists(pieces_of_streams | st.binary(max_size=3), max_size=30).map(b"".join),
    cuts=st.lists(st.integers(0, 200), max_size=8),
)
@example(BOM + b"data: a\r\n\r\ndata\r\r", [1, 2, 3, 11, 12, 13])
def test_any_stream_in_any_pieces_is_read_to_the_letter(stream, cuts):
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    events, decoder = decoded(pieces)
    assert (events, decoder.last_event_id, decoder.retry) == by_the_letter(stream)
