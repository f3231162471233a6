"""Server-Sent Events: EventDecoder turns the bytes of a text/event-stream into Events.

By the rules of the WHATWG (HTML, "Parsing an event stream" and "Interpreting an event stream"):
text is UTF-8, perhaps after a byte order mark, and what is no UTF-8 becomes U+FFFD; a line ends
with LF, CR or CRLF; an empty line ends an event, which is one only if it has data.

The decoder is pushed: `feed` takes bytes as they came, at any split, and `next_event` gives one
event at a time. So `last_event_id` is that of the last event that was given out, also when more
have come: who goes on from there later misses nothing. It never waits, and holds no more than what
it was fed last, a line, and the data of an event. It knows no faults but limits that are passed:
lines that mean nothing are skipped, as the rules say.
"""

from __future__ import annotations

import re
from collections import deque

from mini_http import base
from mini_http.base.value import Value

LINE_BYTES = 4 * 1024 * 1024
"""One line, comments included. Most have some hundred bytes; a picture in base64 is one too."""

DATA_BYTES = 16 * 1024 * 1024
"""The data of one event, which may be in many lines: several of the longest."""

RETRY_SECONDS = 3.0
"""The delay where the stream names none. The rules want "a few seconds"; browsers take 3 to 5."""

# HTML, "Parsing an event stream": end-of-line = ( cr lf / cr / lf )
_LINE_END = re.compile(rb"\r\n|\r|\n")

# The value of `retry`: ASCII digits. No more than 9 (eleven days), so that sleep() can take it.
_RETRY = re.compile(rb"[0-9]{1,9}")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Event(Value):
    """One event of a stream."""

    type: str = "message"
    """What kind of event the server calls it."""
    data: str = ""
    """What it says; its lines are joined with a line feed."""
    id: str = ""
    """The last id that the stream gave, with this event or before; empty if it gave none."""


class EventDecoder:
    """Turns the bytes of an event stream into Events.

    `last_event_id` is the id to go on from when the connection has ended, empty if there is none.
    `retry` is how long to wait before that, in seconds; on the wire it is in milliseconds. One line
    may have `line_bytes`, and the data of one event `data_bytes`.
    """

    __slots__ = (
        "_after_cr",
        "_begun",
        "_data",
        "_data_bytes",
        "_id",
        "_is_first",
        "_line_bytes",
        "_lines",
        "_type",
        "last_event_id",
        "retry",
    )

    def __init__(
        self, last_event_id: str = "", line_bytes: int = LINE_BYTES, data_bytes: int = DATA_BYTES
    ) -> None:
        self.last_event_id = last_event_id
        self.retry = RETRY_SECONDS
        self._line_bytes = line_bytes
        self._data_bytes = data_bytes
        self.begin_again()

    def begin_again(self) -> None:
        """Makes it ready for the bytes of another connection.

        A line and an event that had only begun are dropped, an id among them too; `last_event_id`
        and `retry` stay.
        """
        self._lines: deque[bytes] = deque()  # without their ends; they have yet to be counted
        self._begun = bytearray()  # the beginning of a line
        self._after_cr = False  # whether a line feed, if it comes now, belongs to the line before
        self._is_first = True  # whether no line was taken yet: the first may have a byte order mark
        self._data = bytearray()  # of the event to come, with a line feed after each of its lines
        self._type = ""
        self._id = self.last_event_id  # what an event that ended now would have

    def feed(self, data: bytes) -> None:
        """Takes what came next."""
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if data.endswith(b"\r"):
            self._after_cr = True
        rest, *lines = _LINE_END.split(data)
        self._begun += rest
        if lines:
            self._lines.append(bytes(self._begun))
            self._begun = bytearray(lines.pop())
            self._lines += lines

    def next_event(self) -> Event | None:
        """The next event that came whole; None until more is fed.

        Raises LimitExceeded; then only `begin_again` makes sense.
        """
        while self._lines:
            line = self._lines.popleft()
            self._check_length(line)
            if self._is_first:
                self._is_first = False
                line = line.removeprefix(_BYTE_ORDER_MARK)
            if line:
                self._take_field(line)
            elif (event := self._ended_event()) is not None:
                return event
        self._check_length(self._begun)
        return None

    def _check_length(self, line: bytes | bytearray) -> None:
        if len(line) > self._line_bytes:
            raise base.errors.LimitExceeded(
                "bytes in a line of the event stream", self._line_bytes, len(line)
            )

    def _take_field(self, line: bytes) -> None:
        """Counts a line that is not empty. A comment is a field without a name: it is skipped."""
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data += value
            if len(self._data) > self._data_bytes:
                raise base.errors.LimitExceeded(
                    "bytes in the data of an event", self._data_bytes, len(self._data)
                )
            self._data += b"\n"
        elif name == b"event":
            self._type = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and _RETRY.fullmatch(value):
            self.retry = int(value) / 1000

    def _ended_event(self) -> Event | None:
        """What an empty line ends: an event, or None if there was no data. Its id holds anyhow."""
        self.last_event_id = self._id
        kind, self._type = self._type, ""
        data, self._data = self._data, bytearray()
        if not data:
            return None
        return Event(kind or "message", data[:-1].decode("utf-8", "replace"), self._id)
