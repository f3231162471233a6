"""Pool: connections that are kept alive between requests.

`send` is one request and its reply: over an idle connection if there is one, else over a new one. A
connection comes back by itself when the body of its reply has been read to the end. The pool never
waits for a connection to become free, and never fails because it is full: it opens another.

A request is sent again only if all of this holds: its connection had served before, no byte of a
reply came, its method is idempotent and its body can be replayed (RFC 9110 section 9.2.2).

Threads may share a pool. After a fork the child's pool is empty, and what the parent had lent is
closed when it comes back: two processes never read from one connection.
"""

from __future__ import annotations

import os
from threading import RLock
from time import monotonic
from weakref import WeakSet

from mini_http import base
from mini_http.base.commands import command
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.timeouts import DEFAULT_TIMEOUT, Deadline
from mini_http.codec.framing import CloseReason
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.request_body import NO_BODY
from mini_http.keepalive.policy import DEFAULT_POLICY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from mini_http.base.limits import Limits
    from mini_http.base.timeouts import Timeout
    from mini_http.exchange.request_body import RequestBody
    from mini_http.exchange.response import HTTPResponse
    from mini_http.keepalive.policy import PoolPolicy
    from mini_http.keepalive.route import Route


class PooledClient(HTTPClient):
    """A connection of a pool: an HTTPClient that knows its route and its times."""

    route: Route
    opened_at = 0.0
    idle_since = 0.0
    pool_generation = 0


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
        self._generation = 0  # raised by a fork and by close: what was lent before stays out
        self._empty()
        _POOLS.add(self)

    def _empty(self) -> None:
        # Giving back and taking are single steps of the interpreter on a list and a dict, and need
        # no lock (two cost 0.6 us a request); closing what is old or too many is done under one.
        # It is reentrant, because the garbage collector may run a reply's finalizer meanwhile.
        self._lock = RLock()
        self._idle: dict[Route, list[PooledClient]] = {}
        self._by_age: dict[PooledClient, None] = {}  # longest idle first

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
        while True:
            client = self._take_idle(route) or self._open(route, timeout, deadline)
            client.timeout = timeout.read
            client.deadline = deadline
            reused = client.exchanges > 0
            try:
                return client.exchange(method, target, fields, body)
            except (base.errors.RemoteDisconnected, base.errors.ConnectionBroken):
                may_resend = reused and not client.reply_begun and command(method).idempotent
                if not (may_resend and body.is_replayable):
                    raise
                body.rewind()

    # --- connections

    def acquire(
        self, route: Route, timeout: Timeout, deadline: Deadline | None = None
    ) -> PooledClient:
        """A connection along `route` for one exchange: an idle one that is alive, or a new one."""
        client = self._take_idle(route)
        if client is None:
            client = self._open(route, timeout, deadline)
        client.timeout = timeout.read
        client.deadline = deadline
        return client

    def _take_idle(self, route: Route) -> PooledClient | None:
        idle = self._idle.get(route)
        while idle:
            try:
                client = idle.pop()  # the latest: it is the likeliest to be alive
            except IndexError:
                break  # another thread was quicker
            self._by_age.pop(client, None)
            if self._clock() - client.idle_since > self.policy.idle_seconds:
                client.close_because(CloseReason.IDLE_TOO_LONG)
            elif client.has_input():
                # The server closed it, or said something that nobody asked for.
                client.close_because(CloseReason.SERVER_CLOSED)
            else:
                return client
        return None

    def _open(self, route: Route, timeout: Timeout, deadline: Deadline | None) -> PooledClient:
        from mini_http.connect.dial import DEFAULT_OPTIONS, dial, dial_unix

        phase = (deadline or Deadline(None)).within(timeout.connect)
        if route.scheme == "http+unix":
            stream = dial_unix(route.host, phase)
        else:
            stream = dial(route.host, route.port, phase, route.options or DEFAULT_OPTIONS)
        client = self.client_class.over(stream, timeout=timeout.connect, limits=self.limits)
        client.route = route
        client.on_free = self.release
        client.pool_generation = self._generation
        if route.tls is not None:
            client.deadline = deadline
            client.starttls(route.host, route.tls)
        client.opened_at = self._clock()
        self.opened += 1
        return client

    def release(self, client: HTTPClient) -> None:
        """Takes an idle connection back; closes it if it is too old or too many are there."""
        assert isinstance(client, PooledClient)
        policy = self.policy
        now = client.idle_since = self._clock()
        idle = self._idle.get(client.route)
        if idle is None:
            idle = self._idle.setdefault(client.route, [])
        if client.pool_generation != self._generation:
            client.close_because(CloseReason.POOL_CLOSED)
        elif now - client.opened_at > policy.age_seconds:
            client.close_because(CloseReason.TOO_OLD)
        elif len(idle) >= policy.idle_per_route:
            client.close_because(CloseReason.POOL_FULL)
        else:
            self._by_age[client] = None
            idle.append(client)
            if len(self._by_age) > policy.idle_total:
                self._close_oldest(len(self._by_age) - policy.idle_total)
        if now > self._sweep_at:
            # Connections along routes that nobody asks for any more.
            self._sweep_at = now + policy.idle_seconds / 2
            self.close_idle(policy.idle_seconds)

    def _close_oldest(self, count: int) -> None:
        with self._lock:
            for client in list(self._by_age)[:count]:
                if self._forget(client):
                    client.close_because(CloseReason.POOL_FULL)

    def _forget(self, client: PooledClient) -> bool:
        """Takes one connection out; returns whether it was idle, and is now the caller's."""
        self._by_age.pop(client, None)
        idle = self._idle.get(client.route, [])
        try:
            idle.remove(client)
        except ValueError:
            return False  # a thread just took it
        if not idle:
            self._idle.pop(client.route, None)
        return True

    # --- all of them

    def idle_count(self) -> int:
        """How many idle connections are kept."""
        return len(self._by_age)

    def close_idle(self, longer_than: float = 0.0) -> int:
        """Closes the connections idle for at least so many seconds; returns how many."""
        before = self._clock() - longer_than
        closed = 0
        with self._lock:
            for client in list(self._by_age):
                if client.idle_since > before:
                    break
                if self._forget(client):
                    client.close_because(CloseReason.IDLE_TOO_LONG)
                    closed += 1
        return closed

    def close(self) -> None:
        """Closes all idle connections; those in use are closed when their replies end.

        The pool can be used again: it opens new ones.
        """
        with self._lock:
            clients = list(self._by_age)
            self._generation += 1
            self._empty()
        for client in clients:
            client.close_because(CloseReason.POOL_CLOSED)

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


_POOLS: WeakSet[Pool] = WeakSet()
_SHARED = Pool()


def shared_pool() -> Pool:
    """The pool that `urlopen` and every opener without one of its own share."""
    return _SHARED


def _forget_parents_connections() -> None:
    for pool in list(_POOLS):
        # A lock may be held by a thread that this process does not have; _empty makes a new one.
        clients = list(pool._by_age)
        pool._generation += 1
        pool._empty()
        for client in clients:
            client.close_because(CloseReason.FORKED)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents_connections)
