"""EventStream: events from replies, and going on with the next reply where the last one ended."""

from __future__ import annotations

import gzip
import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.servers import ScriptedServer
from support.steps import Expect, Pause, Reset, Send
from support.streams import ScriptedStream, every_cut, every_split

from mini_http.base.errors import (
    ConnectionBroken,
    IncompleteRead,
    InvalidField,
    LimitExceeded,
    ProtocolError,
    StateError,
)
from mini_http.base.headers import Headers
from mini_http.codec.chunked import write_chunk, write_last_chunk
from mini_http.codec.event_stream import RETRY_SECONDS, Event
from mini_http.codec.heads import write_request_head
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.event_stream import EventStream
from mini_http.opener.replies import addinfourl

STREAM = (
    b"retry: 250\nid: 1\ndata: a\n\n"
    b"event: x\nid: 2\ndata: b\r\ndata: c\r\n\r\n"
    b": not ended\nid: 3\ndata: d\n"
)
EVENTS = [Event("message", "a", "1"), Event("x", "b\nc", "2")]
KIND = "Content-Type: text/event-stream\r\n"


def reply_of(pieces, head=KIND):
    """The reply whose bytes after the head come in these pieces."""
    whole = [f"HTTP/1.1 200 OK\r\n{head}\r\n".encode(), *pieces]
    client = HTTPClient.over(ScriptedStream(whole))
    return client.exchange("GET", "/", [("Host", "a.test")])


def of_file(data, content_type="text/event-stream"):
    return addinfourl(io.BytesIO(data), Headers([("Content-Type", content_type)]), "file:///a")


# --- the events of one reply


def test_the_events_of_a_reply_are_the_same_at_every_split():
    for pieces in every_split(STREAM):
        assert list(reply_of(pieces).iter_events()) == EVENTS


def test_the_events_of_a_chunked_reply_are_the_same_however_the_chunks_are_cut():
    for pieces in every_split(STREAM):
        coded = b"".join([write_chunk(piece) for piece in pieces]) + write_last_chunk()
        head = f"{KIND}Transfer-Encoding: chunked\r\n"
        assert list(reply_of([coded], head).iter_events()) == EVENTS


def test_the_events_of_a_file_are_read_too():
    assert list(of_file(STREAM).iter_events()) == EVENTS


def test_the_events_of_a_coded_reply_are_read():
    packed = gzip.compress(STREAM)
    head = f"{KIND}Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n"
    response = reply_of([packed], head)
    response.decode_content()
    assert list(response.iter_events()) == EVENTS


def test_a_stream_tells_where_it_stands_after_each_event():
    events = reply_of([STREAM]).iter_events()
    seen = [(events.last_event_id, events.retry)]
    seen += [(events.last_event_id, events.retry) for _ in events]
    assert seen == [("", RETRY_SECONDS), ("1", 0.25), ("2", 0.25)]
    assert repr(events) == "<EventStream after '2'>"


def test_a_loop_over_events_can_be_left_and_taken_up_again():
    events = reply_of([STREAM]).iter_events()
    assert iter(events) is events
    for event in events:
        assert event == EVENTS[0]
        break
    assert list(events) == EVENTS[1:]
    assert list(events) == []


@pytest.mark.parametrize(
    "kind",
    [
        "text/event-stream;charset=utf-8",
        "TEXT/Event-Stream ; x=y",
        "text/event-stream; charset=iso-8859-1",
    ],
)
def test_the_type_may_be_written_in_any_case_and_have_parameters_and_text_is_utf_8(kind):
    response = reply_of(["data: café\n\n".encode()], f"Content-Type: {kind}\r\n")
    assert [event.data for event in response.iter_events()] == ["café"]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("Content-Type: text/html\r\n", "^no event stream: Content-Type is 'text/html', not text/"),
        ("Content-Type: text/event-streams\r\n", "is 'text/event-streams', not text/event-stream$"),
        ("Content-Type: application/json; a=text/event-stream\r\n", "is 'application/json; a=text"),
        (f"Content-Type: {'x' * 1000}/y\r\n", "Content-Type is 'x{79}, not text/event-stream$"),
        ("", "^no event stream: there is no Content-Type, not text/event-stream$"),
    ],
)
def test_a_reply_of_another_type_is_refused_at_once_and_can_be_read_otherwise(head, words):
    response = reply_of([b"data: a\n\n"], head)
    with pytest.raises(ProtocolError, match=words):
        response.iter_events()
    assert response.text == "data: a\n\n"


def test_a_stream_without_a_reply_says_so():
    with pytest.raises(StateError, match="pass this to iter_events"):
        next(EventStream())


# --- going on


def test_a_stream_goes_on_with_the_next_reply_from_every_cut():
    """Whatever of the first reply came, with the second each event is given once."""
    served = {"": STREAM, "1": STREAM[STREAM.index(b"event") :], "2": b": nothing more\n"}
    for begun in every_cut(STREAM):
        events = EventStream()
        found = list(reply_of([begun]).iter_events(events))
        again = reply_of([served[events.last_event_id]])
        assert again.iter_events(events) is events
        assert found + list(events) == EVENTS


def test_a_reply_of_another_type_leaves_the_stream_as_it_was():
    events = EventStream()
    first = reply_of([STREAM])
    first.iter_events(events)
    assert next(events) == EVENTS[0]
    with pytest.raises(ProtocolError):
        reply_of([b"sorry"], "").iter_events(events)
    assert list(events) == EVENTS[1:]


def test_a_stream_begins_where_an_earlier_run_stopped():
    events = EventStream("41")
    assert events.request_headers["Last-Event-ID"] == "41"
    assert list(reply_of([b"data: a\n\n"]).iter_events(events)) == [Event("message", "a", "41")]


@pytest.mark.parametrize(
    ("id", "sent"),
    [
        ("", None),
        ("1", "1"),
        (" a\t: b ", " a\t: b "),
        ("é€", "\xc3\xa9\xe2\x82\xac"),
        ("a\x01", None),
        ("a\r\nB: c", None),
        ("a\x7f", None),
        ("\ud800", "?"),
    ],
)
def test_what_a_request_says_of_the_stream_can_be_sent(id, sent):
    headers = EventStream(id).request_headers
    assert headers.pop("Last-Event-ID", None) == sent
    assert headers == {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
    written = write_request_head("GET", "/", EventStream(id).request_headers.items())
    assert (f"Last-Event-ID: {id}\r\n".encode("utf-8", "replace") in written) == (sent is not None)


def test_no_id_of_a_server_makes_a_request_that_is_refused():
    for code in [*range(1, 10), 11, 12, *range(14, 300), 0x2028, 0xFEFF, 0xFFFF, 0x1F600]:
        events = of_file(f"id: {chr(code)}\ndata\n\n".encode()).iter_events()
        assert next(events).id == chr(code)
        try:
            assert write_request_head("GET", "/", events.request_headers.items())
        except InvalidField as error:
            raise AssertionError(hex(code)) from error


# --- what goes wrong


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 20, b"data: 12345\ndata: 12345\n"])
def test_a_stream_beyond_its_limits_is_refused_closed_and_refused_again(stream):
    response = reply_of([b"id: 1\ndata: a\n\n" + stream], KIND + "Content-Length: 1000\r\n")
    events = response.iter_events(EventStream(line_bytes=15, data_bytes=8))
    assert next(events).data == "a"
    for _ in range(2):
        with pytest.raises(LimitExceeded, match="bytes in"):
            next(events)
    assert events.last_event_id == "1"
    response.close()


def test_a_reply_that_is_cut_gives_what_came_whole_and_then_fails():
    events = reply_of([STREAM], KIND + "Content-Length: 1000\r\n").iter_events()
    assert [next(events), next(events)] == EVENTS
    with pytest.raises(IncompleteRead):
        next(events)
    assert events.last_event_id == "2"


def test_a_connection_that_breaks_keeps_where_the_stream_stands(no_leaked_descriptors):
    head = f"HTTP/1.1 200 OK\r\n{KIND}\r\n".encode()
    pause = Pause()
    script = [Expect(), Send(head + STREAM), pause, Reset()]
    with ScriptedServer([script]) as server, HTTPClient(server.authority) as http:
        http.get("/")
        events = http.response.iter_events()
        assert [next(events), next(events)] == EVENTS
        pause.resume.set()
        with pytest.raises(ConnectionBroken):
            next(events)
    assert (events.last_event_id, events.retry) == ("2", 0.25)


def test_an_event_is_given_while_the_server_thinks_about_the_next(no_leaked_descriptors):
    head = f"HTTP/1.1 200 OK\r\n{KIND}Transfer-Encoding: chunked\r\n\r\n".encode()
    first, second = Pause(), Pause()
    script = [
        Expect(),
        Send(head + write_chunk(b"data: a\r\r")),
        first,
        Send(write_chunk(b"\ndata: b\n") + write_chunk(b"\n")),
        second,
        Send(write_last_chunk()),
    ]
    with ScriptedServer([script]) as server, HTTPClient(server.authority) as http:
        http.get("/")
        events = http.response.iter_events()
        assert next(events).data == "a"
        assert not first.resume.is_set()
        first.resume.set()
        assert next(events).data == "b"
        assert not second.resume.is_set()
        second.resume.set()
        assert list(events) == []


# --- against a server of Python's


class NumbersHandler(BaseHTTPRequestHandler):
    """Counts from the number after Last-Event-ID on; leaves in the middle of every third event."""

    def do_GET(self):
        self.server.asked.append(self.headers.get("Last-Event-ID"))
        first = int(self.server.asked[-1] or 0) + 1
        if first > self.server.most:
            self.send_response(204)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"retry: 0\n\n")
        for number in range(first, first + 3):
            self.wfile.write(b": number\nid: %d\n" % number)
            self.wfile.flush()
            if number < first + 2:
                self.wfile.write(b"data: %d\n\n" % number)

    def log_message(self, *_):
        pass


@pytest.fixture
def numbers():
    with ThreadingHTTPServer(("127.0.0.1", 0), NumbersHandler) as server:
        server.asked, server.most = [], 7
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_stream_is_followed_over_many_connections_without_loss_or_repetition(numbers):
    events, found = EventStream(), []
    with HTTPClient(f"127.0.0.1:{numbers.server_port}") as http:
        while http.get("/", events.request_headers)[0] == 200:
            found += [event.data for event in http.response.iter_events(events)]
            assert events.retry == 0
    assert found == [str(number) for number in range(1, 9)]
    assert numbers.asked == [None, "2", "4", "6", "8"]
