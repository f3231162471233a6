"""Tunnels: from a proxy to the host behind it, over a connection that leads to the proxy.

`Proxy` says where a proxy is, of what kind, and who we are to it. `Proxy.lead` makes a connection
to it one to another host: what is written next goes there, TLS or not, and the proxy's credentials
stayed with the proxy. `open_tunnel` is how HTTP proxies are asked, by CONNECT (RFC 9110 section
9.3.6). The kinds stand in PROXY_KINDS, at the end.

Here a connection is only asked for; `dial` opens the one to the proxy, and `starttls`, which sees
to it that nothing came before TLS, continues the one to the host.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mini_http import base
from mini_http.base.authority import read_place
from mini_http.base.escapes import decoded
from mini_http.base.timeouts import Deadline
from mini_http.base.value import Value
from mini_http.codec.chunked import ChunkDecoder
from mini_http.codec.framing import CHUNKED, NO_BODY, Length, response_framing
from mini_http.codec.heads import write_request_head
from mini_http.connect.reply_head import InterimReplies, receive_final_head

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mini_http.base.heads import ResponseHead
    from mini_http.connect.simple_client import SimpleClient

    Tunnel = Callable[[SimpleClient, "Proxy", str, int], object]
    """Makes a connection to a proxy lead to a host and port."""

REFUSAL_BYTES = 64 * 1024
"""What is kept of the page that explains a refusal."""

REFUSAL_SECONDS = 1.0
"""How long that page is waited for."""

_SHOWN_REASON = 100
"""Characters of a proxy's reason phrase that an error shows."""

# scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) (RFC 3986 section 3.1)
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*+"
_ONE_SLASH = rf"{_SCHEME}:/"


class Proxy(Value):
    """A proxy. Hashable, as a part of what tells connections of a pool apart."""

    host: str
    """A name, or an IP address without brackets."""
    port: int
    authorization: str | None = None
    """Proxy-Authorization as the proxy is sent it; to nobody else, and `repr` hides it."""
    kind: str = "http"
    """One of PROXY_KINDS."""

    @staticmethod
    @lru_cache(maxsize=64)  # asked about with every request
    def parse(text: str) -> Proxy:
        """The proxy that a variable or a setting names: "http://user:password@host:port".

        All but the host may be missing. User and password may be percent-encoded, and end at the
        last "@"; a path is ignored. Raises InvalidRequest, or InvalidURL for a host that is none;
        neither shows user or password.
        """
        kind, slashes, rest = text.strip().partition("://")
        if not slashes:
            kind, rest = "http", text.strip().removeprefix("//")
            if re.match(_ONE_SLASH, rest):
                raise base.errors.InvalidRequest(
                    "a proxy's URL needs two slashes, as in http://host:port"
                )
        elif re.fullmatch(_SCHEME, kind) is None:
            raise base.errors.InvalidRequest("a proxy must be given as http://host:port")
        kind = kind.lower()
        if kind not in PROXY_KINDS:
            raise base.errors.InvalidRequest(f"proxies of type {kind!r} are not supported")
        # A password may have a slash in it.
        userinfo, _, rest = rest.rpartition("@")
        place, _, _ = rest.partition("/")
        host, port, _, _ = read_place("", place)
        if port is None:
            port = PROXY_KINDS[kind].port
        return Proxy(host, port, _basic(userinfo) if userinfo else None, kind)

    @property
    def place(self) -> str:
        """`host:port` as a URL has it; the port only where it is not the usual one of the kind."""
        host = f"[{self.host.replace('%', '%25')}]" if ":" in self.host else self.host
        return host if self.port == PROXY_KINDS[self.kind].port else f"{host}:{self.port}"

    def lead(self, client: SimpleClient, host: str, port: int) -> None:
        """Makes `client`, which is connected to this proxy, lead to `host` and `port`.

        Raises what `open_tunnel` raises, and InvalidRequest if this kind can't do it. The client is
        closed then.
        """
        try:
            tunnel = self.check_that_it_leads_on()
        except BaseException:
            client.close()
            raise
        tunnel(client, self, host, port)

    def check_that_it_leads_on(self) -> Tunnel:
        """How this proxy leads to hosts. Raises InvalidRequest if it does not."""
        tunnel = PROXY_KINDS[self.kind].tunnel
        if tunnel is None:
            raise base.errors.InvalidRequest(
                f"tunnels through proxies of type {self.kind!r} are not supported"
            )
        return tunnel

    def __repr__(self) -> str:
        hidden = "" if self.authorization is None else ", authorization=***"
        kind = "" if self.kind == "http" else f", kind={self.kind!r}"
        return f"Proxy({self.host!r}, {self.port!r}{hidden}{kind})"


def _basic(userinfo: str) -> str:
    """Basic credentials for "user:password", percent-encoded."""
    from mini_http.codec.credentials import basic_credentials

    user, _, password = userinfo.partition(":")
    try:
        user, password = decoded(user, "user"), decoded(password, "password")
    except base.errors.InvalidURL:  # it may show them
        raise base.errors.InvalidURL(
            "user and password of a proxy must be UTF-8 without control characters"
        ) from None
    return basic_credentials(user, password)


# --- by CONNECT


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
        # No scheme, so no default port: it is always named. A zone means nothing to the proxy.
        named = f"[{host.partition('%')[0]}]" if ":" in host else host
        _, _, _, authority = read_place("", f"{named}:{port}")
        fields = list(fields)
        if all(name.lower() != "host" for name, _ in fields):
            fields.insert(0, ("Host", authority))
        send(write_request_head("CONNECT", authority, fields))
        reply = receive_final_head(client, InterimReplies(client.limits).note)
        if not 200 <= reply.status < 300:
            raise _refusal(client, reply)
    except BaseException as error:
        client.close()
        failure = _failure(error, host, port)
        if isinstance(failure, base.errors.MiniHTTPError):
            client.tell_state(failure)
        if failure is error:
            raise
        raise failure from error
    return reply


def _failure(error: BaseException, host: str, port: int) -> BaseException:
    """What to raise for an error on the way: `error` itself if that says it all."""
    if isinstance(error, (base.errors.ReadTimedOut, base.errors.WriteTimedOut)):
        doing = f"timed out waiting for the proxy to open a tunnel to {host} port {port}"
        return base.errors.ConnectTimedOut(doing)
    if isinstance(error, base.errors.RemoteDisconnected):
        return base.errors.TunnelRefused(f"{_FAILED}: the proxy closed the connection")
    return error


# --- a refusal

_FAILED = "Tunnel connection failed"
"""So callers of http.client know it."""


def _refusal(client: SimpleClient, head: ResponseHead) -> base.errors.TunnelRefused:
    reason = [char if char.isprintable() else "?" for char in head.reason[:_SHOWN_REASON]]
    message = f"{_FAILED}: {head.status} {''.join(reason)}".rstrip()
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


# --- the kinds


class ProxyKind(Value):
    """A row of PROXY_KINDS."""

    port: int
    """Where a proxy's URL names none."""
    tunnel: Tunnel | None
    """None where it takes only whole requests."""


def _connect(client: SimpleClient, proxy: Proxy, host: str, port: int) -> None:
    given = proxy.authorization
    open_tunnel(client, host, port, [] if given is None else [("Proxy-Authorization", given)])


PROXY_KINDS = {
    "http": ProxyKind(80, _connect),
    "https": ProxyKind(443, None),
}
"""By the scheme of a proxy's URL. A proxy over TLS takes requests for http, and no tunnels yet."""
