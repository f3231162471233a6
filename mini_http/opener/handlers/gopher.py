"""GopherHandler: opens gopher: URLs (RFC 1436 and RFC 4266). It is no default handler.

Gopher sends whatever a URL says to whatever port it says, so a URL from a stranger can talk to
servers of other protocols (server-side request forgery). urllib opens no gopher, so programs that
changed one import have not thought of that; who wants gopher adds this handler:

    with build_opener(GopherHandler).open("gopher://gopher.example/1/about") as reply:
        for item in gopher_menu(reply):
            print(item.kind, item.display, item.url)

No redirect leads here, and what is sent is one line: a URL with a control character in it, encoded
or not, is refused, but for the tab before the words of a search. Gopher+ is not spoken.
"""

from __future__ import annotations

import re

from mini_http import base
from mini_http.base.headers import Headers
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.timeouts import Deadline
from mini_http.codec.gopher_menu import BYTES, ITEM_TYPES, UNKNOWN
from mini_http.connect.simple_client import LINE_END, SimpleClient
from mini_http.opener.conversion import as_request
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.replies import addinfourl, type_by_name
from mini_http.opener.timeouts import timeout_of
from mini_http.opener.transfers import Transfer, TransferFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from _typeshed import WriteableBuffer

    from mini_http.base.limits import Limits
    from mini_http.base.url import URL
    from mini_http.codec.gopher_menu import ItemType
    from mini_http.connect.dial import DialOptions

_CONTROL_BYTE = rb"[\x00-\x1f\x7f]"


class GopherHandler(BaseHandler):
    """Opens gopher: URLs.

    The last line of a text or menu is a dot; a reply that ends without one raises IncompleteRead
    when it is read so far. `lenient` takes the end of the connection instead, for the servers that
    send no dot: then nobody can tell whether the text is whole. `limits` bound its lines, `options`
    say how to dial.
    """

    def __init__(
        self,
        *,
        lenient: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        options: DialOptions | None = None,
    ) -> None:
        self._lenient = lenient
        self._limits = limits
        self._options = options

    def gopher_open(self, req: Any) -> addinfourl:
        """The item that a URL names, as a file of its bytes, with a Content-type.

        Text comes without the dots that were added to send it. Raises InvalidURL, and the errors of
        SimpleClient, also while the reply is read.
        """
        request = as_request(req)
        kind, selector = _asked_for(request.url)
        item_type = ITEM_TYPES.get(kind, UNKNOWN)
        if not item_type.content_type:
            raise base.errors.InvalidURL(
                f"an item of type {kind!r} ({item_type.name}) can't be fetched by gopher"
            )
        client = self._connected(request)
        try:
            client.writeline(selector)
        except BaseException:
            client.close()
            raise
        transfer = (
            _TextTransfer(client, self._lenient) if item_type.is_text else _BytesTransfer(client)
        )
        headers = Headers([("Content-type", _content_type(item_type, selector))])
        return addinfourl(TransferFile(transfer), headers, request.full_url)

    def _connected(self, request: Any) -> SimpleClient:
        """A client for the host of the request, with its time limits."""
        url, timeout = request.url, timeout_of(request)
        deadline = Deadline(timeout.total)
        client = SimpleClient(
            url.host,
            url.port,
            timeout=deadline.within(timeout.connect).remaining(),
            limits=self._limits,
            options=self.dial_options(self._options),
        )
        client.timeout, client.deadline = timeout.read, deadline
        return client


def _asked_for(url: URL) -> tuple[str, bytes]:
    """The type of the item and its selector (RFC 4266 section 2).

    Words to search for follow a tab, or, as in the web, a "?" where the item is a search.
    """
    from urllib.parse import unquote_to_bytes

    item = unquote_to_bytes(url.path[1:]) or b"1"
    if url.query is not None:
        item += (b"\t" if item.startswith(b"7") else b"?") + unquote_to_bytes(url.query)
    if re.search(_CONTROL_BYTE, item.replace(b"\t", b"", 1)):
        raise base.errors.InvalidURL(f"selector can't contain control characters: {item[1:]!r:.80}")
    return item[:1].decode("latin-1"), item[1:]


def _content_type(item_type: ItemType, selector: bytes) -> str:
    """What the type says; where that is nothing, what the name says."""
    if item_type.content_type != BYTES:
        return item_type.content_type
    return type_by_name(selector.decode("latin-1")) or BYTES


# --- what is read


class _BytesTransfer(Transfer):
    """The bytes that come up to the end of the connection."""

    def __init__(self, client: SimpleClient) -> None:
        self._client = client

    def receive(self, target: WriteableBuffer) -> int:
        return self._client.readinto(target)

    def release(self) -> None:
        self._client.close()


class _TextTransfer(_BytesTransfer):
    """The lines that come up to a line with a dot, one for each read.

    A dot is taken off each line that begins with one (RFC 1436 section 3.3).
    """

    def __init__(self, client: SimpleClient, lenient: bool) -> None:
        super().__init__(client)
        self._lenient = lenient
        self._line = b""  # what is left of a line that was longer than what was read into

    def receive(self, target: WriteableBuffer) -> int:
        view = memoryview(target).cast("B")
        if not self._line:
            self._line = self._next_line()
        count = min(len(view), len(self._line))
        view[:count], self._line = self._line[:count], self._line[count:]
        return count

    def _next_line(self) -> bytes:
        """The next line with its line end; b"" at the end of the text."""
        client = self._client
        if client.closed:  # the line before was the last one, and not whole
            return b""
        try:
            line = client.read_until(LINE_END, client.limits.line_bytes, "bytes in a line")
        except base.errors.RemoteDisconnected as cut:
            if not self._lenient:
                raise base.errors.IncompleteRead(b"") from cut
            return b""
        except base.errors.IncompleteRead as cut:
            if not self._lenient or cut.__cause__ is not None:  # it broke
                raise
            line = cut.partial
        return b"" if line.rstrip(b"\r\n") == b"." else line.removeprefix(b".")
