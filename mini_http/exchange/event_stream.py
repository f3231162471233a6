"""EventStream: Server-Sent Events as they come, and what it takes to ask for those that follow.

    events = EventStream()
    while True:
        with urlopen(Request(url, headers=events.request_headers)) as reply:
            for event in reply.iter_events(events):
                print(event.type, event.data)
        sleep(events.retry)

It reads a reply and never connects: whether, and after which errors, to ask again is the caller's
to say.
"""

from __future__ import annotations

from mini_http import base
from mini_http.codec.event_stream import DATA_BYTES, LINE_BYTES, EventDecoder
from mini_http.codec.grammar import FIELD_VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from mini_http.codec.event_stream import Event
    from mini_http.exchange.text import ReadsText

MEDIA_TYPE = "text/event-stream"


class EventStream:
    """The events of one stream, over all the connections that it takes. Iterate over it.

    `reply.iter_events()` makes one. To go on after a connection has ended, pass the same one to
    `iter_events` of the next reply. `last_event_id` is where to begin, if an earlier run has kept
    it. One line of the stream may have `line_bytes`, and the data of one event `data_bytes`.
    """

    __slots__ = ("_decoder", "_reply")

    def __init__(
        self,
        last_event_id: str = "",
        *,
        line_bytes: int = LINE_BYTES,
        data_bytes: int = DATA_BYTES,
    ) -> None:
        self._decoder = EventDecoder(last_event_id, line_bytes, data_bytes)
        self._reply: ReadsText | None = None

    @property
    def last_event_id(self) -> str:
        """The id to go on from: that of the last event given, empty if the server gives none."""
        return self._decoder.last_event_id

    @property
    def retry(self) -> float:
        """How many seconds to wait before asking again: as the server said, else 3."""
        return self._decoder.retry

    @property
    def request_headers(self) -> dict[str, str]:
        """The fields of a request for this stream, from where it stands.

        The id goes as UTF-8. One with a control character in it, which no field may have, is left
        out (HTML, "The Last-Event-ID header").
        """
        headers = {"Accept": MEDIA_TYPE, "Cache-Control": "no-cache"}
        value = self.last_event_id.encode("utf-8", "replace").decode("latin-1")
        if value and FIELD_VALUE.fullmatch(value):
            headers["Last-Event-ID"] = value
        return headers

    def read_from(self, reply: ReadsText) -> None:
        """Takes its events from `reply` now. What was unfinished of the reply before is dropped.

        Raises ProtocolError if its Content-Type is another than text/event-stream. The reply stays
        as it was, to be read otherwise.
        """
        if reply.headers.get_content_type() != MEDIA_TYPE:
            given = reply.headers.get("Content-Type")
            said = "there is no Content-Type" if given is None else f"Content-Type is {given!r:.80}"
            raise base.errors.ProtocolError(f"no event stream: {said}, not {MEDIA_TYPE}")
        self._decoder.begin_again()
        self._reply = reply

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        """The next event, as soon as it has come.

        Raises StopIteration at the end of the reply: an event that had only begun is dropped, as
        the rules say. Raises what `read1` raises, and LimitExceeded, which closes the connection.
        """
        reply = self._reply
        if reply is None:
            raise base.errors.StateError("no reply to take events from: pass this to iter_events")
        decoder = self._decoder
        try:
            while (event := decoder.next_event()) is None:
                data = reply.read1()
                if not data:
                    raise StopIteration
                decoder.feed(data)
        except base.errors.LimitExceeded as error:
            decoder.begin_again()
            reply._give_up(error)
            raise
        return event

    def __repr__(self) -> str:
        return f"<EventStream after {self.last_event_id!r}>"
