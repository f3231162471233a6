"""What goes over the wire, watched at the clients: for `-v`, for `-w` and for the demo.

A Wire remembers the heads, addresses and times of one transfer, and shows them as lines if it is
given a function that takes lines:

    > a line of a request's head
    < a line of a reply's head
    * what happened to the connection

`watched_pool` makes a pool whose connections tell a Wire; `watched_client` makes such a class of
HTTPClient. Values of secret fields, and passwords in URLs, are masked in what is shown.
"""

from __future__ import annotations

import re
from time import monotonic

from mini_http.base.headers import MASK, SECRET_FIELDS
from mini_http.connect.resolve import host_port
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.request_body import NO_BODY
from mini_http.keepalive.pool import Pool, PooledClient
from mini_http.tools.terminal import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from ssl import SSLSocket
    from typing import Any

    from _typeshed import ReadableBuffer

    from mini_http.codec.framing import CloseReason
    from mini_http.exchange.request_body import RequestBody
    from mini_http.exchange.response import HTTPResponse

    Address = tuple[str, int]

NOWHERE: Address = ("", 0)

# userinfo "@", as RFC 3986 section 3.2 has it after the slashes of a URL
_USERINFO = re.compile(r"(?<=//)[^/?#@\s]*+@")


class Wire:
    """Is told by watched clients what goes over the wire. `clock` gives monotonic seconds."""

    def __init__(
        self, show: Callable[[str], object] | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        self.show = show
        """Takes each line to be shown; None: nothing is."""
        self.secret = SECRET_FIELDS
        """Names of fields, in lower case, whose values are masked in what is shown."""
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """A transfer begins: what was remembered of the one before is forgotten."""
        self._began = self._clock()
        self.connects = 0
        """How many connections were opened."""
        self.heads: list[bytes] = []
        """The heads of all replies, also of interim ones and redirects, as they came."""
        self.sent_head = b""
        """The head of the last request."""
        self.remote = self.local = NOWHERE
        """IP address and port of both ends of the connection used last."""
        self.connected_after = self.secured_after = self.replied_after = 0.0
        """Seconds until TCP, TLS and the last reply head were there; 0 if they were not needed."""

    def elapsed(self) -> float:
        """Seconds since `begin`."""
        return self._clock() - self._began

    # --- what the clients tell

    def connected(self, remote: Address) -> None:
        """A connection was opened."""
        self.connects += 1
        self.connected_after = self.elapsed()
        self.note(f"connected to {_shown_address(remote)}")

    def secured(self, tls: SSLSocket) -> None:
        """TLS was begun on it."""
        self.secured_after = self.elapsed()
        cipher = tls.cipher()
        self.note(f"{tls.version()}, {cipher[0] if cipher else 'no cipher'}")
        self.note(_about_certificate(tls))

    def sent(self, data: bytes) -> None:
        """A request's head was sent, maybe with a body behind it."""
        head, end, _ = data.partition(b"\r\n\r\n")
        self.sent_head = head + end
        self._show_head(">", self.sent_head)

    def received(self, head: bytes) -> None:
        """A reply's head came."""
        self.replied_after = self.elapsed()
        self.heads.append(head)
        self._show_head("<", head)

    def note(self, text: str) -> None:
        """Something happened to a connection."""
        if self.show is not None:
            self.show(f"* {printable(text)}")

    def _show_head(self, mark: str, head: bytes) -> None:
        if self.show is not None:
            for line in shown_lines(head, self.secret):
                self.show(f"{mark} {line}".rstrip())


def shown_lines(head: bytes, secret: frozenset[str] = SECRET_FIELDS) -> Iterator[str]:
    """The lines of a head as they may be shown, with the empty one at its end."""
    is_secret = False
    for number, line in enumerate(head.decode("latin-1").split("\n")[:-1]):
        line = line.rstrip("\r")
        name = line.partition(":")[0]
        is_folded = line[:1] in (" ", "\t")  # it belongs to the field before
        if number and not is_folded:
            is_secret = name.lower() in secret
        if is_secret:
            line = f" {MASK}" if is_folded else f"{name}: {MASK}"
        yield printable(without_passwords(line))


def without_passwords(text: str) -> str:
    """A text with the user and password of each URL in it masked."""
    return _USERINFO.sub(f"{MASK}@", text)


# --- watched clients


class WatchedClient(HTTPClient):
    """An HTTPClient that tells its `wire` what happens. It changes nothing."""

    wire: Wire
    _remote = _local = NOWHERE
    _head_is_next = False

    def _attach(self, source: Any) -> None:
        super()._attach(source)
        if hasattr(source, "cipher"):
            self.wire.secured(source)
        else:
            self._remote, self._local = _ends(source)
            self.wire.connected(self._remote)

    def exchange(
        self,
        method: str,
        target: str,
        fields: Sequence[tuple[str, str]],
        body: RequestBody = NO_BODY,
    ) -> HTTPResponse:
        if self.exchanges:
            self.wire.note(f"reusing the connection to {_shown_address(self._remote)}")
        self.wire.remote, self.wire.local = self._remote, self._local
        self._head_is_next = True
        return super().exchange(method, target, fields, body)

    def write(self, data: ReadableBuffer) -> None:
        super().write(data)
        if self._head_is_next:
            self._head_is_next = False
            self.wire.sent(bytes(data))

    def read_until(
        self,
        delimiter: bytes | re.Pattern[bytes],
        limit: int,
        what: str = "bytes before the delimiter",
        expires: float | None = None,
    ) -> bytes:
        block = super().read_until(delimiter, limit, what, expires)
        self.wire.received(block)
        return block

    def end_reply(self) -> None:
        super().end_reply()
        if not self.closed:
            self.wire.note("the connection stays open")

    def close_because(self, reason: CloseReason) -> None:
        if not self.closed:
            self.wire.note(f"closing the connection: {(self.close_reason or reason).value}")
        super().close_because(reason)


def watched_client(the_wire: Wire) -> type[WatchedClient]:
    """A class of HTTPClients that tell `the_wire`."""

    class Watched(WatchedClient):
        wire = the_wire

    return Watched


def watched_pool(the_wire: Wire) -> Pool:
    """A pool whose connections tell `the_wire`."""

    class WatchedPooledClient(WatchedClient, PooledClient):
        wire = the_wire

    pool = Pool()
    pool.client_class = WatchedPooledClient
    return pool


# --- addresses and certificates in words


def _ends(stream: Any) -> tuple[Address, Address]:
    """The addresses of both ends of a stream; NOWHERE where it can't tell."""
    try:
        return _address(stream.getpeername()), _address(stream.getsockname())
    except (AttributeError, OSError):
        return NOWHERE, NOWHERE


def _address(name: Any) -> Address:
    return (name[0], name[1]) if isinstance(name, tuple) else (str(name), 0)


def _shown_address(address: Address) -> str:
    host, port = address
    return host_port(host, port) if port else host


def _about_certificate(tls: SSLSocket) -> str:
    certificate: dict[str, Any] | None = tls.getpeercert()
    if not certificate:
        return "the server's certificate was not checked"
    names = ", ".join(str(name) for _, name in certificate.get("subjectAltName", ()))
    issuer = dict(pair for part in certificate.get("issuer", ()) for pair in part)
    by = issuer.get("organizationName") or issuer.get("commonName") or "?"
    until = certificate.get("notAfter", "?")
    return f"certificate for {names}; issued by {by}; valid until {until}"
