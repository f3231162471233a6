"""Tunnels by CONNECT: how an HTTP proxy is asked to lead to a host (RFC 9110 section 9.3.6).

It is asked over a connection that leads to it; from then on that leads to the host. Who the proxy
is, and where tunnels stand among the ways to a host, is in proxy.py.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.authority import read_place
from mini_http.base.timeouts import Deadline
from mini_http.codec.chunked import ChunkDecoder
from mini_http.codec.framing import CHUNKED, NO_BODY, Length, response_framing
from mini_http.codec.heads import write_request_head
from mini_http.connect.reply_head import InterimReplies, receive_final_head

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mini_http.base.heads import ResponseHead
    from mini_http.connect.simple_client import SimpleClient

REFUSAL_BYTES = 64 * 1024
"""What is kept of the page that explains a refusal."""

REFUSAL_SECONDS = 1.0
"""How long that page is waited for."""

_SHOWN_REASON = 100
"""Characters of a proxy's reason phrase that an error shows."""


def open_tunnel(
    client: SimpleClient, host: str, port: int, fields: Iterable[tuple[str, str]] = ()
) -> ResponseHead:
    """Asks the HTTP proxy that `client` is connected to for a tunnel to `host` and `port`.

    `fields` are for the proxy; Host is added. Returns the head of its reply. From then on `client`
    leads to the host; what came after the head is there to be read.

    The proxy's answer must come within the client's timeout and before its deadline. Raises
    TunnelRefused if it is no 2xx; InvalidURL and InvalidField, with nothing sent; ConnectTimedOut,
    TotalTimedOut, ConnectionBroken and ProtocolError. The client is closed then.
    """
    return ask_for_tunnel(client, client.write, host, port, fields)


def ask_for_tunnel(
    client: SimpleClient,
    send: Callable[[bytes], object],
    host: str,
    port: int,
    fields: Iterable[tuple[str, str]],
) -> ResponseHead:
    """`open_tunnel` whose request goes out by `send`, in one call; a Host among the fields is kept.

    It is for clients that are watched, or changed, by who overrides how they send.
    """
    try:
        _, authority = place_to_lead_to(host, port)
        fields = list(fields)
        if all(name.lower() != "host" for name, _ in fields):
            fields.insert(0, ("Host", authority))
        send(write_request_head("CONNECT", authority, fields))
        reply = receive_final_head(client, InterimReplies(client.limits).note)
        if not 200 <= reply.status < 300:
            raise _refusal(client, reply)
    except BaseException as error:
        client.close()
        failure = failure_on_the_way(error, host, port)
        if isinstance(failure, base.errors.MiniHTTPError):
            client.tell_state(failure)
        if failure is error:
            raise
        raise failure from error
    return reply


def place_to_lead_to(host: str, port: int) -> tuple[str, str]:
    """The host, and host:port, as a proxy is told them. Raises InvalidURL."""
    # No scheme, so no default port: it is always named. A zone means nothing to the proxy.
    named = f"[{host.partition('%')[0]}]" if ":" in host else host
    host, _, _, authority = read_place("", f"{named}:{port}")
    return host, authority


def failure_on_the_way(error: BaseException, host: str, port: int) -> BaseException:
    """What to raise for an error on the way: `error` itself if that says it all."""
    if isinstance(error, (base.errors.ReadTimedOut, base.errors.WriteTimedOut)):
        doing = f"timed out waiting for the proxy to open a tunnel to {host} port {port}"
        return base.errors.ConnectTimedOut(doing)
    if isinstance(error, base.errors.RemoteDisconnected):
        return base.errors.TunnelRefused(f"{FAILED}: the proxy closed the connection")
    return error


# --- a refusal

FAILED = "Tunnel connection failed"
"""So callers of http.client know it."""


def _refusal(client: SimpleClient, head: ResponseHead) -> base.errors.TunnelRefused:
    reason = [char if char.isprintable() else "?" for char in head.reason[:_SHOWN_REASON]]
    message = f"{FAILED}: {head.status} {''.join(reason)}".rstrip()
    return base.errors.TunnelRefused(message, head.status, head.headers, _page(client, head))


def _page(client: SimpleClient, head: ResponseHead) -> bytes:
    """The body of a refusal: as much of it as comes soon, and no more than is kept."""
    client.deadline = (client.deadline or Deadline(None)).within(REFUSAL_SECONDS)
    page = b""
    try:
        framing = response_framing("CONNECT", head)
        wanted = 0 if framing is NO_BODY else REFUSAL_BYTES
        if isinstance(framing, Length):
            wanted = min(wanted, framing.count)
        chunks = ChunkDecoder(client.limits) if framing is CHUNKED else None
        while len(page) < wanted:
            piece = client.read_some()
            if not piece:
                break
            page += piece if chunks is None else chunks.decode(piece)
            if chunks is not None and chunks.ended:
                break
        return page[:wanted]
    except base.errors.MiniHTTPError:
        return page[:REFUSAL_BYTES]  # the refusal matters, not how it is told
