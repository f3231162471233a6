"""Proxies: where one is, of what kind, who we are to it, and how it leads to a host.

`Proxy` is a value. `Proxy.lead` makes a connection to it one to another host: what is written next
goes there, TLS or not, and the proxy's credentials stayed with the proxy. A proxy may be reached
`via` another: then the one is led to through the other, step by step. The kinds, with the step that
each takes, stand in PROXY_KINDS, at the end.

`open_through` is the whole way to the host: it dials `Proxy.first`, leads on, and tells a proxy
that asks who we are. `starttls`, which sees to it that nothing came before TLS, goes on from there.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mini_http import base
from mini_http.base.authority import read_place
from mini_http.base.escapes import decoded
from mini_http.base.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from mini_http.base.timeouts import Deadline
    from mini_http.connect.dial import DialOptions
    from mini_http.connect.simple_client import SimpleClient
    from mini_http.connect.streams import Stream
    from mini_http.connect.tls import TLSSettings

    Client = TypeVar("Client", bound=SimpleClient)
    Step = Callable[[SimpleClient, "Proxy", str, int, DialOptions], object]
    """Makes a connection to a proxy lead to a host and port."""

# scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) (RFC 3986 section 3.1)
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*+"
_ONE_SLASH = rf"{_SCHEME}:/"


class Proxy(Value):
    """A proxy. Hashable, as a part of what tells connections of a pool apart.

    `repr` hides what is secret.
    """

    host: str
    """A name, or an IP address without brackets."""
    port: int
    authorization: str | None = None
    """Proxy-Authorization as an HTTP proxy is sent it unasked; to nobody else."""
    kind: str = "http"
    """One of PROXY_KINDS."""
    user: str | None = None
    """Who we are: to a SOCKS proxy, and to an HTTP one that asks."""
    password: str | None = None
    tls: TLSSettings | None = None
    """How TLS to the proxy itself is done, where its kind wants that; None: the usual way."""
    via: Proxy | None = None
    """The proxy that this one is reached through."""

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
        row = PROXY_KINDS.get(kind)
        if row is None:
            raise base.errors.InvalidRequest(
                f"proxies of type {kind!r} are not supported; known are {', '.join(PROXY_KINDS)}"
            )
        # A password may have a slash in it.
        userinfo, _, rest = rest.rpartition("@")
        place, _, _ = rest.partition("/")
        host, port, _, _ = read_place("", place)
        if port is None:
            port = row.port
        if not userinfo:
            return Proxy(host, port, kind=kind)
        user, password = _user_and_password(userinfo)
        authorization = None
        if row.reads_requests:
            from mini_http.codec.credentials import basic_credentials

            authorization = basic_credentials(user, password)
        return Proxy(host, port, authorization, kind, user, password)

    @property
    def place(self) -> str:
        """`host:port` as a URL has it; the port only where it is not the usual one of the kind."""
        host = f"[{self.host.replace('%', '%25')}]" if ":" in self.host else self.host
        return host if self.port == PROXY_KINDS[self.kind].port else f"{host}:{self.port}"

    @property
    def reads_requests(self) -> bool:
        """Whether it can be sent whole requests, with the URL as their target."""
        return PROXY_KINDS[self.kind].reads_requests

    @property
    def is_secured(self) -> bool:
        """Whether TLS to the proxy itself comes first."""
        return PROXY_KINDS[self.kind].is_secured

    @property
    def first(self) -> Proxy:
        """The proxy to dial: this one, or the first of those that it is reached through."""
        return self if self.via is None else self.via.first

    def lead(
        self, client: SimpleClient, host: str, port: int, options: DialOptions | None = None
    ) -> None:
        """Makes `client`, which is connected to `first`, lead to `host` and `port`.

        Where the name is looked up here, that is done as the `options` say.

        Raises what `starttls` and `open_tunnel` raise; TunnelRefused with this as its `proxy`. The
        client is closed then.
        """
        from mini_http.connect.dial import DialOptions

        if self.via is not None:
            # What the caller allows is about the host, not about the proxies on the way.
            unguarded = None if options is None else options.replace(allow_address=None)
            self.via.lead(client, self.host, self.port, unguarded)
        if self.is_secured:
            client.starttls(self.host, self.tls)
        try:
            PROXY_KINDS[self.kind].step(client, self, host, port, options or DialOptions())
        except base.errors.TunnelRefused as refusal:
            refusal.proxy = self
            raise

    def answering(self, refusal: base.errors.TunnelRefused, host: str, port: int) -> Proxy | None:
        """This proxy, with the answer to the challenge in a refusal to open a tunnel to `host` and
        `port`. None where there is no answer, or the one given was refused.

        Once a Digest answer was refused there is no other, so this ends whatever is asked for. The
        refusal may be of a proxy that this one is reached through.
        """
        if self.via is not None and refusal.proxy is not self:
            via = self.via.answering(refusal, self.host, self.port)
            return None if via is None else self.replace(via=via)
        if refusal.status != 407 or self.user is None or refusal.headers is None:
            return None
        given = _scheme(self.authorization)
        if given == "digest":
            return None
        from mini_http.codec.credentials import strongest_answer
        from mini_http.connect.tunnel import place_to_lead_to

        _, target = place_to_lead_to(host, port)
        challenges = refusal.headers.get_all("Proxy-Authenticate", [])
        answer = strongest_answer(challenges, self.user, self.password or "", "CONNECT", target)
        if answer is None or _scheme(answer) == given:
            return None
        return self.replace(authorization=answer)

    def __repr__(self) -> str:
        shown = [repr(self.host), repr(self.port)]
        for name in ("authorization", "user", "password"):
            if getattr(self, name) is not None:
                shown.append(f"{name}=***")
        if self.kind != "http":
            shown.append(f"kind={self.kind!r}")
        for name in ("tls", "via"):
            if getattr(self, name) is not None:
                shown.append(f"{name}={getattr(self, name)!r}")
        return f"Proxy({', '.join(shown)})"


def open_through(
    proxy: Proxy,
    host: str,
    port: int,
    deadline: Deadline,
    options: DialOptions,
    over: Callable[[Stream], Client],
) -> Client:
    """A client whose connection leads to `host` and `port` through `proxy`.

    `over` makes a client of a connected socket, with the time limits that hold for leading on;
    `deadline` bounds the dialing. Raises what `check_literal`, `dial` and `Proxy.lead` raise.
    """
    from mini_http.connect.dial import check_literal, dial

    check_literal(host, port, options)
    unguarded = options.replace(allow_address=None)
    while True:
        first = proxy.first
        client = over(dial(first.host, first.port, deadline, unguarded))
        try:
            proxy.lead(client, host, port, options)
        except base.errors.TunnelRefused as refusal:
            answering = proxy.answering(refusal, host, port)
            if answering is None:
                raise
            proxy = answering
        else:
            return client


def _scheme(authorization: str | None) -> str | None:
    """The scheme of credentials, in lower case."""
    return None if authorization is None else authorization.partition(" ")[0].lower()


def _user_and_password(userinfo: str) -> tuple[str, str]:
    """The two of "user:password", percent-encoded."""
    user, _, password = userinfo.partition(":")
    try:
        return decoded(user, "user"), decoded(password, "password")
    except base.errors.InvalidURL:  # it may show them
        raise base.errors.InvalidURL(
            "user and password of a proxy must be UTF-8 without control characters"
        ) from None


# --- the kinds


class ProxyKind(Value):
    """A row of PROXY_KINDS."""

    port: int
    """Where a proxy's URL names none."""
    step: Step
    """How a connection to it is led on."""
    is_secured: bool = False
    """Whether TLS to the proxy itself comes first."""
    reads_requests: bool = False
    """Whether it takes whole requests too, for http URLs."""


def _connect(
    client: SimpleClient, proxy: Proxy, host: str, port: int, options: DialOptions
) -> None:
    from mini_http.connect.tunnel import open_tunnel

    given = proxy.authorization
    open_tunnel(client, host, port, [] if given is None else [("Proxy-Authorization", given)])


def _socks4(client: SimpleClient, proxy: Proxy, host: str, port: int, options: DialOptions) -> None:
    from mini_http.connect.socks import lead_by_socks4

    looks_up = proxy.kind == "socks4a"
    lead_by_socks4(client, host, port, proxy.user, looks_up=looks_up, options=options)


def _socks5(client: SimpleClient, proxy: Proxy, host: str, port: int, options: DialOptions) -> None:
    from mini_http.connect.socks import lead_by_socks5

    who, looks_up = (proxy.user, proxy.password), proxy.kind == "socks5h"
    lead_by_socks5(client, host, port, *who, looks_up=looks_up, options=options)


PROXY_KINDS = {
    "http": ProxyKind(80, _connect, reads_requests=True),
    "https": ProxyKind(443, _connect, is_secured=True, reads_requests=True),
    "socks4": ProxyKind(1080, _socks4),
    "socks4a": ProxyKind(1080, _socks4),
    "socks5": ProxyKind(1080, _socks5),
    "socks5h": ProxyKind(1080, _socks5),
}
"""By the scheme of a proxy's URL, as curl spells them. With an "a" or "h" the proxy looks names up,
without we do.
"""
