"""Pool: connections that are kept alive between requests.

`send` is one request and its reply: over an idle connection if there is one, else over a new one. A
connection comes back by itself when the body of its reply has been read to the end. The pool never
waits for a connection to become free, and never fails because it is full: it opens another.

A request is sent again only if all of this holds: its connection had served before, no byte of a
reply came, its method is idempotent and its body can be replayed (RFC 9110 section 9.2.2).

Threads may share a pool. It needs no lock (two cost 0.6 us a request): a connection belongs to
whoever took it out of its place, which is a single step of the interpreter. After a fork the
child's pool is empty, and what the parent had lent is closed when it comes back: two processes
never read from one connection.
"""

from __future__ import annotations

import os
from time import monotonic
from weakref import WeakSet

from mini_http import base
from mini_http.base.commands import command
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.timeouts import DEFAULT_TIMEOUT, Deadline
from mini_http.codec.framing import CloseReason
from mini_http.connect.dial import DEFAULT_OPTIONS, dial, dial_unix
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.request_body import NO_BODY
from mini_http.exchange.states import State
from mini_http.keepalive.policy import DEFAULT_POLICY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from mini_http.base.limits import Limits
    from mini_http.base.timeouts import Timeout
    from mini_http.connect.streams import Stream
    from mini_http.connect.tls_sessions import SessionCache
    from mini_http.exchange.exchange_client import ExchangeClient
    from mini_http.exchange.request_body import RequestBody
    from mini_http.exchange.response import HTTPResponse
    from mini_http.keepalive.policy import PoolPolicy
    from mini_http.keepalive.route import Route


class PooledClient(HTTPClient):
    """A connection of a pool: an HTTPClient that knows its place and its times."""

    place: Place
    is_brief = True  # as far as anyone knows
    opened_at = 0.0
    idle_since = 0.0


class Place(list[PooledClient]):
    """The idle connections along one route, the one used last at the end.

    A pool that keeps no more connections here first says so in `left`, then takes out those that
    are there. Who gives one back first puts it in, then looks at `left`. So whichever of two
    threads is quicker, one of them sees what the other did, and no connection is left behind.
    """

    left: CloseReason | None = None
    """Why no connection is kept here any more."""
    sessions: SessionCache | None = None
    """The TLS sessions of this route, once TLS was spoken along it."""


class Pool:
    """Kept-alive connections by route. `clock` gives monotonic seconds; tests pass their own."""

    client_class: type[PooledClient] = PooledClient
    """What its connections are. A subclass of PooledClient can watch what goes over them."""

    def __init__(
        self,
        policy: PoolPolicy = DEFAULT_POLICY,
        limits: Limits = DEFAULT_LIMITS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.policy = policy
        self.limits = limits
        self.opened = 0
        """How many connections were opened so far."""
        self._clock = clock
        self._sweep_at = clock() + policy.idle_seconds / 2
        self._places: dict[Route, Place] = {}
        self._by_age: dict[PooledClient, None] = {}  # longest idle first
        _POOLS.add(self)

    # --- one request

    def send(
        self,
        route: Route,
        method: str,
        target: str,
        fields: list[tuple[str, str]],
        body: RequestBody = NO_BODY,
        timeout: Timeout = DEFAULT_TIMEOUT,
        deadline: Deadline | None = None,
    ) -> HTTPResponse:
        """Sends one request along `route` and returns its reply, its head read.

        `fields` are complete, Host included. `deadline` is the one that redirects share, for
        `timeout.total`. Raises the errors of HTTPClient.exchange and of dialing.
        """
        if deadline is None and timeout.total is not None:
            deadline = Deadline(timeout.total)
        while True:
            client = self.acquire(route, timeout, deadline)
            reused = client.exchanges > 0
            try:
                response = client.exchange(method, target, fields, body)
            except (base.errors.RemoteDisconnected, base.errors.ConnectionBroken):
                may_resend = reused and not client.was_received and command(method).idempotent
                if not (may_resend and body.is_replayable):
                    raise
                body.rewind()
            except BaseException:
                if client.state is State.IDLE:  # the request was refused, and nothing sent
                    self.release(client)
                raise
            else:
                return response

    # --- connections

    def acquire(
        self, route: Route, timeout: Timeout, deadline: Deadline | None = None
    ) -> PooledClient:
        """A connection along `route` for one exchange: an idle one that is alive, or a new one."""
        place = self._places.get(route)
        while place:
            try:
                client = place.pop()  # the latest: it is the likeliest to be alive
            except IndexError:
                continue  # another thread was quicker
            self._by_age.pop(client, None)
            now = self._clock()
            if now - client.idle_since > self.policy.idle_seconds:
                client.close_because(CloseReason.IDLE_TOO_LONG)
            elif now - client.opened_at > self.policy.age_seconds:
                client.close_because(CloseReason.TOO_OLD)
            elif not client.is_quiet():
                # The server closed it, or said something that nobody asked for.
                client.close_because(CloseReason.SERVER_CLOSED)
            else:
                break
        else:
            client = self._open(route, timeout, deadline)
        client.timeout = timeout.read
        client.deadline = deadline
        return client

    def _open(self, route: Route, timeout: Timeout, deadline: Deadline | None) -> PooledClient:
        def over(stream: Stream) -> PooledClient:
            client = self.client_class.over(stream, timeout=timeout, limits=self.limits)
            client.timeout = timeout.connect
            client.deadline = deadline
            return client

        phase = Deadline(timeout.connect) if deadline is None else deadline.within(timeout.connect)
        options = route.options or DEFAULT_OPTIONS
        if route.proxy is not None:
            from mini_http.connect.proxy import open_through

            # If it asks who we are, what it is told is no part of the key.
            client = open_through(route.proxy, route.host, route.port, phase, options, over)
        elif route.scheme == "http+unix":
            client = over(dial_unix(route.host, phase, options))
        else:
            client = over(dial(route.host, route.port, phase, options))
        place = client.place = self._place_of(route)
        client.on_free = self.release
        if route.tls is not None:
            from mini_http.connect.tls_sessions import SessionCache

            client.on_last = _keep_session
            if place.sessions is None:
                place.sessions = SessionCache()
            client.starttls(route.host, route.tls, place.sessions)
        client.opened_at = self._clock()
        self.opened += 1
        return client

    def _place_of(self, route: Route) -> Place:
        place = self._places.get(route)
        if place is None:
            if len(self._places) > 2 * self.policy.idle_total:
                # Most have been asked for once and never again, as by a crawler.
                self._leave([route for route, place in self._all() if not place])
            place = self._places.setdefault(route, Place())
        return place

    def release(self, client: ExchangeClient) -> None:
        """Takes an idle connection back; closes it if it is too old or too many are there."""
        assert isinstance(client, PooledClient)
        policy = self.policy
        place = client.place
        now = client.idle_since = self._clock()
        if client.exchanges == 1:
            _keep_session(client)
            client.expect_more()
        if now - client.opened_at > policy.age_seconds:
            client.close_because(CloseReason.TOO_OLD)
        elif len(place) >= policy.idle_per_route:
            client.close_because(CloseReason.POOL_FULL)
        else:
            self._by_age[client] = None
            place.append(client)
            if place.left is not None:
                self._close_all(place, place.left)
            elif (too_many := len(self._by_age) - policy.idle_total) > 0:
                for oldest in list(self._by_age)[:too_many]:
                    self._close_one(oldest, CloseReason.POOL_FULL)
        if now > self._sweep_at:
            # Connections along routes that nobody asks for any more.
            self._sweep_at = now + policy.idle_seconds / 2
            self.close_idle(policy.idle_seconds)
            # A caller who makes a context for each call comes back to none of these; each context
            # holds half a megabyte of certificates.
            self._leave(
                [route for route, place in self._all() if _has_context(route) and not place]
            )

    def _close_one(self, client: PooledClient, reason: CloseReason) -> bool:
        """Closes a connection if it is idle; returns whether it was."""
        self._by_age.pop(client, None)
        try:
            client.place.remove(client)
        except ValueError:
            return False  # another thread was quicker
        client.close_because(reason)
        return True

    def _close_all(self, place: Place, reason: CloseReason) -> None:
        for client in list(place):
            self._close_one(client, reason)

    def _leave(self, routes: list[Route], reason: CloseReason = CloseReason.POOL_FULL) -> None:
        """Forgets the places of these routes: those in use are closed when they come back."""
        for route in routes:
            place = self._places.pop(route, None)
            if place is not None:
                place.left = reason
                self._close_all(place, reason)

    # --- all of them

    def _all(self) -> list[tuple[Route, Place]]:
        return list(self._places.items())

    def idle_count(self) -> int:
        """How many idle connections are kept."""
        return sum(len(place) for _, place in self._all())

    def close_idle(self, longer_than: float = 0.0) -> int:
        """Closes the connections idle for at least so many seconds; returns how many."""
        before = self._clock() - longer_than
        return sum(
            self._close_one(client, CloseReason.IDLE_TOO_LONG)
            for _, place in self._all()
            for client in list(place)
            if client.idle_since <= before
        )

    def close_unproven(self, route: Route) -> None:
        """Closes the idle connections along `route` that have served one request only.

        Their server has yet to show that it keeps connections. This is for a request that may not
        be sent again, where servers close without having said so. Who sends only such requests gets
        a new connection for each.
        """
        for client in list(self._places.get(route, ())):
            if client.exchanges < 2:
                self._close_one(client, CloseReason.UNPROVEN)

    def close(self) -> None:
        """Closes all idle connections; those in use are closed when their replies end.

        The pool can be used again: it opens new ones.
        """
        self._leave(list(self._places), CloseReason.POOL_CLOSED)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Pool: {self.idle_count()} idle, {self.opened} opened>"


def _keep_session(client: ExchangeClient) -> None:
    """Leaves the TLS session of a connection, whose first reply brought it, to the next ones.

    Not while a reply is being read: another thread may do that, and ssl does not bear both.
    """
    assert isinstance(client, PooledClient)
    sessions = client.place.sessions
    if client.exchanges == 1 and sessions is not None and not client.closed:
        sessions.keep(client.stream)


def _has_context(route: Route) -> bool:
    return route.tls is not None and route.tls.context is not None


_POOLS: WeakSet[Pool] = WeakSet()
_SHARED = Pool()


def shared_pool() -> Pool:
    """The pool that `urlopen` and every opener without one of its own share."""
    return _SHARED


def _forget_parents_connections() -> None:  # pragma: no cover (before a child is measured)
    for pool in list(_POOLS):
        pool._leave(list(pool._places), CloseReason.FORKED)


if hasattr(os, "register_at_fork"):  # pragma: no branch (Windows can't fork)
    os.register_at_fork(after_in_child=_forget_parents_connections)
