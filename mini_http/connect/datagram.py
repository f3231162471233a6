"""DatagramClient: the sibling of SimpleClient for protocols whose messages are single UDP packets.

One `send` is one packet, and one `receive` gives one: quote of the day, DNS and SSDP are a few
lines on top of it. Packets get lost, doubled and reordered; that is for the protocol to handle.
What goes wrong is raised as an error of `base.errors`: NameNotResolved, ConnectTimedOut when
looking the name up, ReadTimedOut, WriteTimedOut, LimitExceeded, ConnectFailed when there is no way
to the server or nobody listens there, ConnectionBroken for anything else that the system reports.
"""

from __future__ import annotations

import socket

from mini_http import base
from mini_http.base.timeouts import DEFAULT_SECONDS, Deadline, Timeout
from mini_http.connect.resolve import host_port, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any, NoReturn, Self

    from _typeshed import ReadableBuffer

    from mini_http.connect.resolve import Address

LARGEST_DATAGRAM = 65535
"""Bytes. UDP's length field allows no more."""


class DatagramClient:
    """Sends packets to `host` and `port`, and takes those that come back from just there.

    `timeout` bounds looking the name up, and then each wait, in seconds; None waits for ever. Use
    it in a `with` statement, or call `close`.

        with DatagramClient("localhost", 17) as client:
            client.send(b"")
            print(client.receive().decode())
    """

    _socket: socket.socket | None = None

    def __init__(
        self, host: str, port: int, *, timeout: float | Timeout | None = DEFAULT_SECONDS
    ) -> None:
        addresses = self._begin(host, port, timeout)
        failures: list[OSError] = []
        for family, kind, protocol, _, location in addresses:
            try:
                self._socket = sock = socket.socket(family, kind, protocol)
                sock.connect(location)
                return
            except OSError as error:  # no way there from here: connecting sends nothing
                error.filename = location[0]
                failures.append(error)
                self.close()
        raise base.errors.connect_failed(self._where, failures) from failures[-1]

    @classmethod
    def unconnected(
        cls,
        host: str,
        port: int,
        *,
        timeout: float | Timeout | None = DEFAULT_SECONDS,
        hops: int | None = None,
    ) -> Self:
        """A client for a multicast or broadcast address: it takes packets from anyone.

        Of a name's addresses it uses the first. `hops` is how many routers may hand a multicast
        packet on, plus one; if it is None the system decides, which usually means 1.
        """
        client = cls.__new__(cls)
        family, kind, protocol, _, client._target = client._begin(host, port, timeout)[0]
        try:
            client._socket = sock = socket.socket(family, kind, protocol)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if hops is not None and family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, hops)
            elif hops is not None:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, hops)
        except OSError as error:
            client.close()
            raise base.errors.connect_failed(client._where, [error]) from error
        return client

    def _begin(self, host: str, port: int, timeout: float | Timeout | None) -> list[Address]:
        self.timeout = Timeout.of(timeout)
        self._total = Deadline(self.timeout.total)
        self._where = host_port(host, port)
        self._target: tuple[Any, ...] | None = None  # none: the socket itself knows it
        deadline = self._total.within(self.timeout.connect)
        return resolve(host, port, deadline, kind=socket.SOCK_DGRAM)

    def send(self, data: ReadableBuffer) -> None:
        """Sends one packet, which may be empty."""
        sock = self._ready()
        try:
            sock.settimeout(self.timeout.read)
            if self._target is None:
                sock.send(data)
            else:
                sock.sendto(data, self._target)
        except OSError as error:
            self._failed(error, base.errors.WriteTimedOut)

    def receive(self, limit: int = LARGEST_DATAGRAM) -> bytes:
        """Waits for the next packet. Raises LimitExceeded if it has more than `limit` bytes."""
        return self.receive_from(limit)[0]

    def receive_from(self, limit: int = LARGEST_DATAGRAM) -> tuple[bytes, tuple[Any, ...]]:
        """As `receive`; gives the packet and the address it came from, the port its second item."""
        return self._receive(limit, self._total.within(self.timeout.read))

    def replies(self) -> Iterator[tuple[bytes, tuple[Any, ...]]]:
        """All packets that come, with where they came from, until `timeout` after the beginning.

        That is how one asks everyone at once (SSDP's M-SEARCH): who answers, answers in that time.
        """
        deadline = self._total.within(self.timeout.read)
        try:
            while True:
                yield self._receive(LARGEST_DATAGRAM, deadline)
        except base.errors.ReadTimedOut:
            return

    def __iter__(self) -> Iterator[bytes]:
        """As `replies`, the packets alone."""
        for data, _ in self.replies():
            yield data

    @property
    def closed(self) -> bool:
        """Whether the client can't be used any more."""
        return self._socket is None

    def fileno(self) -> int:
        """The socket's descriptor. Raises StateError when closed."""
        return self._ready().fileno()

    def close(self) -> None:
        """Closes the socket. Closing again does nothing."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

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
        return f"<{type(self).__name__} {self._where}{' closed' if self.closed else ''}>"

    # --- from here on private

    def _ready(self) -> socket.socket:
        if self._socket is None:
            raise base.errors.StateError(f"{type(self).__name__} is closed")
        return self._socket

    def _receive(self, limit: int, deadline: Deadline) -> tuple[bytes, tuple[Any, ...]]:
        sock = self._ready()
        left = deadline.remaining()
        try:
            if left == 0:
                raise TimeoutError
            sock.settimeout(left)
            # One byte more than wanted: the system cuts what is too long, and does not say so.
            data, sender = sock.recvfrom(limit + 1)
        except OSError as error:
            self._failed(error, base.errors.ReadTimedOut)
        if len(data) > limit:
            raise base.errors.LimitExceeded("bytes in a datagram", limit)
        return data, sender

    def _failed(self, error: OSError, timed_out: type[base.errors.TimedOut]) -> NoReturn:
        """Raises what `error` means. The client stays open: packets have nothing to do with each
        other, and one may be sent again."""
        if isinstance(error, TimeoutError):
            raise timed_out(f"timed out waiting for {self._where}", reason=error) from error
        if isinstance(error, ConnectionError):  # word that the port is closed: nobody listens
            raise base.errors.connect_failed(self._where, [error]) from error
        message = f"{self._where}: {error.strerror or error}"
        broken = base.errors.ConnectionBroken(message, reason=error)
        broken.errno, broken.strerror = error.errno, error.strerror
        raise broken from error
