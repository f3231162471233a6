"""From a host and port, or a path, to a connected socket.

`dial` resolves a name and connects to the first of its addresses that answers: Happy Eyeballs, RFC
8305 section 5. It runs in the caller's thread. The socket it returns is blocking, without a
timeout: whoever waits on it sets its own. Whatever happens, no other socket stays open.

Raises NameNotResolved, ConnectFailed, and ConnectTimedOut: once the deadline has passed, or when
the system has given up waiting for the last address.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
from time import sleep

from mini_http import base
from mini_http.base.value import Value
from mini_http.connect.resolve import host_port, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mini_http.base.timeouts import Deadline
    from mini_http.connect.resolve import Address, Resolver

STAGGER_SECONDS = 0.25
"""The delay between two attempts that RFC 8305 section 8 recommends."""

# poll needs no descriptor of its own, so it can't fail for want of one; Windows has only select.
_Selector: type[selectors.BaseSelector] = getattr(
    selectors, "PollSelector", selectors.SelectSelector
)


class DialOptions(Value):
    """How to dial. Hashable, as a part of what tells connections of a pool apart."""

    source_address: tuple[str, int] | None = None
    """The local IP address and port to connect from; port 0 leaves the port to the system."""
    socket_options: tuple[tuple[int, int, int | bytes], ...] = (
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    )
    """What to `setsockopt` before connecting: level, name, value."""
    resolver: Resolver | None = None
    """Looks names up instead of the system. It is not asked about IP addresses."""
    stagger: float = STAGGER_SECONDS
    """Seconds an attempt has for itself before the next address is tried beside it."""
    allow_address: Callable[[str], bool] | None = None
    """Asked about each IP address, without its zone, before anything is sent there. It sees the
    very address that is dialed, after DNS. None: all are allowed. Where a proxy looks the name up,
    nobody here sees its address; the proxy's own is not asked about. If it has a `reason(address)`,
    as `public_only` has, errors give that. It is asked about the path of a unix socket too."""

    def __post_init__(self) -> None:
        if not self.stagger >= 0:
            raise ValueError(f"DialOptions(stagger=) must not be negative, got {self.stagger!r}")


DEFAULT_OPTIONS = DialOptions()


def dial(
    host: str, port: int, deadline: Deadline, options: DialOptions = DEFAULT_OPTIONS
) -> socket.socket:
    """A socket connected to `host`, an IP address or a name, any of whose addresses will do.

    `deadline` bounds the look-up and all attempts together.
    """
    failures: list[OSError] = []
    addresses = _allowed(resolve(host, port, deadline, options.resolver), options, failures)
    left = deadline.remaining()
    if len(addresses) == 1 and left != 0:
        sock = _attempt(addresses[0], left, options, failures)
    else:
        doing = f"connecting to {host_port(host, port)}"
        sock = _race(addresses, deadline, doing, options, failures)
    if sock is None:
        raise _failed(host_port(host, port), failures)
    sock.settimeout(None)
    return sock


def resolve_allowed(
    host: str, port: int, deadline: Deadline, options: DialOptions = DEFAULT_OPTIONS
) -> list[Address]:
    """The addresses of `host` that may be dialed, for a proxy that is to dial one of them.

    Raises ConnectFailed where there is none, and as `resolve` does.
    """
    failures: list[OSError] = []
    addresses = _allowed(resolve(host, port, deadline, options.resolver), options, failures)
    if not addresses:
        raise _failed(host_port(host, port), failures)
    return addresses


def check_literal(host: str, port: int, options: DialOptions = DEFAULT_OPTIONS) -> None:
    """Raises ConnectFailed if `host`, which a proxy is to look up, is an address, in any of the
    spellings that systems read, and is not allowed.

    Dots at its end don't count: resolvers here take such a host for a name, but many proxies for
    the address.
    """
    if options.allow_address is None:
        return
    literal = host.rstrip(".")
    try:
        found = socket.getaddrinfo(literal, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return  # a name
    failures: list[OSError] = []
    if not _allowed([(*found[0],)], options, failures):
        raise _failed(host_port(host, port), failures)


def dial_unix(
    path: str | bytes | os.PathLike[str], deadline: Deadline, options: DialOptions = DEFAULT_OPTIONS
) -> socket.socket:
    """A socket connected to the server that listens on a unix socket."""
    path = os.fspath(path)
    name = os.fsdecode(path)
    if options.allow_address is not None and not options.allow_address(name):
        refusal = _refusal(options.allow_address, name)
        raise base.errors.connect_failed(name, [refusal]) from refusal
    if not hasattr(socket, "AF_UNIX"):
        raise base.errors.ConnectFailed(f"{name}: this system has no unix sockets")
    sock = None
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        _connect_unix(sock, path, deadline, f"connecting to {name}")
    except BaseException as error:
        if sock is not None:
            sock.close()
        if isinstance(error, OSError) and not isinstance(error, base.errors.MiniHTTPError):
            raise base.errors.connect_failed(name, [error]) from error
        raise
    sock.settimeout(None)
    return sock


# --- one attempt


def _attempt(
    address: Address, seconds: float | None, options: DialOptions, failures: list[OSError]
) -> socket.socket | None:
    """A socket connected to one address, or with `seconds` 0 about to be; None: see `failures`."""
    family, kind, protocol, _, location = address
    sock = None
    try:
        sock = socket.socket(family, kind, protocol)
        for level, name, value in options.socket_options:
            sock.setsockopt(level, name, value)
        if options.source_address is not None:
            sock.bind(options.source_address)
        sock.settimeout(seconds)
        try:
            sock.connect(location)
        except BlockingIOError:
            if seconds != 0:
                raise
    except BaseException as error:
        if sock is not None:
            sock.close()
        if not isinstance(error, OSError):
            raise
        _note(failures, error, address)
        return None
    return sock


def _connect_unix(sock: socket.socket, path: str | bytes, deadline: Deadline, doing: str) -> None:
    pause = 0.001
    while True:
        left = deadline.check(doing)
        sock.settimeout(left)
        try:
            return sock.connect(path)
        except BlockingIOError:
            # The server's queue is full; with a timeout set, a unix socket does not wait for room.
            sleep(pause if left is None else min(pause, left))
            pause = min(2 * pause, 0.05)


# --- several attempts


def _race(
    addresses: list[Address],
    deadline: Deadline,
    doing: str,
    options: DialOptions,
    failures: list[OSError],
) -> socket.socket | None:
    """The first socket to connect; None when none could: see `failures`."""
    deadline.check(doing)
    waiting = addresses[::-1]
    winner = None
    with _Selector() as running:
        try:
            while winner is None and (waiting or running.get_map()):
                if waiting:
                    address = waiting.pop()
                    sock = _attempt(address, 0, options, failures)
                    if sock is None:
                        continue
                    running.register(sock, selectors.EVENT_WRITE, address)
                turn = deadline.within(options.stagger) if waiting else deadline
                winner = _first_connected(running, turn.remaining(), failures)
                if winner is None:
                    deadline.check(doing)
        finally:
            for key in list(running.get_map().values()):
                _drop(running, key)
    return winner


def _first_connected(
    running: selectors.BaseSelector, seconds: float | None, failures: list[OSError]
) -> socket.socket | None:
    """Waits until an attempt ends: its socket if it is connected, else None."""
    for key, _ in running.select(seconds):
        sock: socket.socket = key.fileobj  # type: ignore[assignment]
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number == 0:
            running.unregister(sock)
            return sock
        _drop(running, key)
        _note(failures, OSError(number, os.strerror(number)), key.data)
    return None


def _drop(running: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    running.unregister(key.fileobj)
    key.fileobj.close()  # type: ignore[union-attr]


# --- what did not work


def _allowed(
    addresses: list[Address], options: DialOptions, failures: list[OSError]
) -> list[Address]:
    allow = options.allow_address
    if allow is None:
        return addresses
    allowed = []
    for address in addresses:
        if allow(address[4][0]):
            allowed.append(address)
        else:
            _note(failures, _refusal(allow, address[4][0]), address)
    return allowed


def _refusal(allow: Callable[[str], bool], address: str) -> PermissionError:
    reason = getattr(allow, "reason", None)
    why = "" if reason is None else f": {reason(address)}"
    return PermissionError(errno.EACCES, f"address not allowed{why}")


def _note(failures: list[OSError], error: OSError, address: Address) -> None:
    """Keeps an error, with the address as the `filename` that its text names."""
    error.filename = address[4][0]
    failures.append(error)


def _failed(where: str, failures: list[OSError]) -> base.errors.ConnectionFailed:
    last = failures[-1]
    if isinstance(last, TimeoutError):
        return base.errors.ConnectTimedOut(f"timed out connecting to {where}", reason=last)
    return base.errors.connect_failed(where, failures)
