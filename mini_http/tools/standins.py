"""Standing in for the network: what answers, or listens, in the place of a pool of connections.

All that an http or https handler wants of its pool is `send`. So whatever has a method of that name
and shape (a Sender) can take the pool's place: for one opener, as the handlers of `handlers_over`,
or for all that share the process-wide pool, by `in_place_of_shared_pool`. Senders that answer by
themselves make their replies with `made_reply`.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock

from mini_http.base.headers import Headers
from mini_http.base.heads import ResponseHead
from mini_http.base.url import URL
from mini_http.codec.framing import NO_BODY, Length, response_framing
from mini_http.codec.grammar import CONTROL_OF_REPLY
from mini_http.codec.heads import combined, field_lines, join_request_head
from mini_http.exchange.body import BodyReader
from mini_http.exchange.response import HTTPResponse
from mini_http.exchange.sending import request_framing
from mini_http.keepalive.pool import shared_pool
from mini_http.opener.handlers.http import HTTPHandler, HTTPSHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    from mini_http.base.timeouts import Deadline, Timeout
    from mini_http.exchange.request_body import RequestBody
    from mini_http.keepalive.route import Route

    Field = tuple[str, str]

    class Sender(Protocol):
        """What has `Pool.send`: one request along a route, and its reply."""

        def send(
            self,
            route: Route,
            method: str,
            target: str,
            fields: list[Field],
            body: RequestBody = ...,
            timeout: Timeout = ...,
            deadline: Deadline | None = ...,
        ) -> HTTPResponse: ...


# --- in the place of a pool


def handlers_over(sender: Sender) -> tuple[HTTPHandler, HTTPSHandler]:
    """Handlers for `build_opener` that send by `sender`."""
    return HTTPHandler(pool=sender), HTTPSHandler(pool=sender)  # type: ignore[arg-type]


@contextmanager
def in_place_of_shared_pool(sender: Sender) -> Iterator[None]:
    """While it is entered, every opener without a pool of its own sends by `sender`.

    Those made before, those that programs make meanwhile, with a `context` too, and those under
    `urllib.request` are among them. Of several, in whatever order threads enter and leave them,
    that one sends which was entered last and is not left yet.
    """
    attributes = vars(shared_pool())
    with _lock:
        _standing_in.append(sender)
        attributes["send"] = sender.send
    try:
        yield
    finally:
        with _lock:
            _standing_in.remove(sender)
            if _standing_in:
                attributes["send"] = _standing_in[-1].send
            else:
                del attributes["send"]


_lock = Lock()
_standing_in: list[Sender] = []
"""The last one sends."""


# --- requests


def url_of(route: Route, target: str) -> str:
    """The URL that a request for `target` along `route` is for."""
    if not target.startswith("/") and "://" in target.partition("?")[0]:
        return target  # the absolute form, as proxies are asked
    host = route.host
    if route.scheme == "http+unix":
        from urllib.parse import quote

        host = quote(host, safe="")
    elif ":" in host:
        host = f"[{host.replace('%', '%25')}]"
    port = f":{route.port}" if route.port else ""
    slash = "" if target.startswith("/") else "/"
    return str(URL.parse(f"{route.scheme}://{host}{port}{slash}{target}"))


def sent_fields(
    method: str, target: str, fields: Iterable[Field], body: RequestBody
) -> tuple[Field, ...]:
    """The fields of a request with those that a connection would add for its body.

    Raises InvalidField for what a connection would not send.
    """
    fields = tuple(fields)
    lines = field_lines(fields)
    join_request_head(method, target, lines)
    return fields + request_framing(method, fields, lines.control, body).fields


# --- replies


def made_head(status: int, reason: str, fields: Iterable[Field], version: int = 11) -> ResponseHead:
    """The head of a reply that came over no connection."""
    fields = list(fields)
    lowered = [(name.lower(), value.lower()) for name, value in fields]
    control = combined([field for field in lowered if field[0] in CONTROL_OF_REPLY])
    return ResponseHead(version, status, reason, Headers(fields), control)


def body_length(method: str, head: ResponseHead) -> int | None:
    """The bytes of a reply's body, 0 where HTTP allows none; None if only its end will tell.

    Raises BadFraming for a head that no connection would take.
    """
    framing = response_framing(method, head)
    if framing is NO_BODY:
        return 0
    return framing.count if isinstance(framing, Length) else None


def made_reply(method: str, head: ResponseHead, reader: BodyReader) -> HTTPResponse:
    """A reply to `method` that came over no connection; `reader` gives its body.

    Where HTTP allows no body, there is none. Raises BadFraming for a head that no connection would
    take.
    """
    has_body = response_framing(method, head) is not NO_BODY
    return HTTPResponse.of(head, reader if has_body else BodyReader())
