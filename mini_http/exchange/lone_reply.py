"""LoneReply: what a reply is read from that a program made itself, over a socket or a saved reply.

Nothing after the reply is taken from the file, and the socket is left open.
"""

from __future__ import annotations

from mini_http.base.headers import masked
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.codec.framing import CHUNKED, CloseReason, close_reason, response_framing
from mini_http.connect.reply_head import InterimReplies, receive_final_head
from mini_http.connect.simple_client import SimpleClient
from mini_http.connect.streams import FileStream
from mini_http.exchange.body import BodyReader, body_reader
from mini_http.exchange.reply_face import NothingReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from mini_http.base.heads import ResponseHead
    from mini_http.exchange.response import HTTPResponse


class LoneReply(SimpleClient):
    """Reads one reply from `sock`, a socket or anything else with `makefile("rb")`.

    Raises TypeError for what has none.
    """

    shares_socket = True

    def __init__(self, sock: object) -> None:
        if not hasattr(sock, "makefile"):
            raise TypeError(f"neither a socket nor an object with makefile: {sock!r}")
        self._begin(None, DEFAULT_LIMITS)
        self._saved = FileStream(sock, closes_source=False)
        self._attach(self._saved)

    @property
    def file(self) -> BinaryIO:
        """What is read from; made when it is first asked for. It can be replaced."""
        return self._saved.file

    @file.setter
    def file(self, file: BinaryIO) -> None:
        self._saved.file = file

    def begin_reply(self, response: HTTPResponse) -> None:
        """Reads the head, for `response`."""
        method = response._method or "GET"
        try:
            head = receive_final_head(self, InterimReplies(self.limits).note)
            if response.debuglevel > 0:
                print_head(head)
            framing = response_framing(method, head)
        except BaseException:
            self.close()
            raise
        if head.status == 101 or (method == "CONNECT" and head.status < 300):
            switched = CloseReason.SWITCHED
            response.take_head(head, BodyReader(), self, switched, self.limits)
            return
        self._saved.by_lines = framing is CHUNKED  # other bodies are counted, or have no end
        reader = body_reader(framing, self)
        owner = None if reader.ended else self
        if owner is None:
            reader = NothingReader()
        response.take_head(head, reader, owner, close_reason(head, framing), self.limits)
        if owner is None:
            self.close()

    def end_reply(self) -> None:
        """The body has been read to its end."""
        self.close()

    def abandon_reply(self, error: BaseException | None = None) -> None:
        """The body will not be read on."""
        self.close()

    def take_back(self, response: HTTPResponse) -> None:
        """Nobody holds `response` any more."""
        self.close()

    def prepare_to_drain(self) -> bool:
        """Nothing need be read: nobody uses the file after this reply."""
        return False

    def hand_over(self) -> SimpleClient:
        """What follows the reply, for another protocol."""
        return SimpleClient.continuing(self)


def print_head(head: ResponseHead) -> None:
    """Prints a reply's head as http.client does for `debuglevel`, but for what is secret."""
    status_line = f"HTTP/1.{head.version - 10} {head.status} {head.reason}\r\n"
    print(f"reply: {status_line!r}")  # noqa: T201
    for name, value in head.headers.items():
        print(f"header: {name}: {masked(name, value)}")  # noqa: T201
