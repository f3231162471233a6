"""From a host name to the addresses to dial, in the order to dial them.

`resolve` asks the system (`getaddrinfo`) or a resolver that the caller gives. An IP address asks
nobody. A name has no address: NameNotResolved. The deadline passes first: ConnectTimedOut.

`getaddrinfo` can't be interrupted, so a deadline bounds it only if it runs in a thread that can be
left behind. That thread costs 90 µs, so it is started only where DNS may really be asked and the
wait is limited. A caller's own resolver runs in the caller's thread: it may answer from memory, it
need not be thread-safe, and its author can bound it, as nobody can bound `getaddrinfo`.
"""

from __future__ import annotations

import socket
from itertools import zip_longest

from mini_http import base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from mini_http.base.timeouts import Deadline

    Address = tuple[int, int, int, str, tuple[Any, ...]]
    """What `socket.getaddrinfo` lists: family, type, protocol, canonical name, socket address."""

    Resolver = Callable[[str, int], Iterable[Address]]
    """Gives the addresses of a host and port as `socket.getaddrinfo` does; raises OSError."""

HIGHEST_PORT = 65535


def resolve(
    host: str,
    port: int,
    deadline: Deadline,
    resolver: Resolver | None = None,
    kind: int = socket.SOCK_STREAM,
) -> list[Address]:
    """The addresses of `host`, families in turn (RFC 8305 section 4); never an empty list.

    An IPv6 `host` stands without brackets and may have a zone. `kind` is the socket type; addresses
    of another type, which a `resolver` may list, are left out.

    Raises NameNotResolved, ConnectTimedOut, and InvalidURL for a port that there can't be.
    """
    if not 0 <= port <= HIGHEST_PORT:
        raise base.errors.InvalidURL(f"port must be 0 to {HIGHEST_PORT}, not {port}")
    try:
        if address := _literal(host, port, kind):
            return [address]
        if resolver is not None:
            listed = resolver(host, port)
        # The hosts file answers for localhost (RFC 6761 section 6.3): nothing to wait for.
        elif deadline.expires is None or host == "localhost":
            listed = _ask_system(host, port, kind)
        else:
            listed = _ask_system_within(deadline, host, port, kind)
        addresses = _in_turn(dict.fromkeys(entry for entry in listed if entry[1] == kind))
    except base.errors.MiniHTTPError:
        raise
    except (OSError, UnicodeError) as error:
        raise _not_resolved(host, error) from error
    if not addresses:
        raise _not_resolved(host, socket.gaierror(socket.EAI_NONAME, "no address"))
    return addresses


def host_port(host: str, port: int) -> str:
    """`host:port` for messages, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# --- how it is done


def _literal(host: str, port: int, kind: int) -> Address | None:
    """The address that `host` itself is; None for a name."""
    if "\0" in host:  # the C library would look up what stands before it
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    if ":" in host:
        numeric = socket.AI_NUMERICHOST
        return socket.getaddrinfo(host.encode("ascii"), port, 0, kind, 0, numeric)[0]
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return None
    return socket.AF_INET, kind, 0, "", (host, port)


def _ask_system(host: str, port: int, kind: int) -> list[Address]:
    # Given a str, getaddrinfo loads the idna codec (3 ms) even where the name is plain ASCII.
    name = host.encode("ascii") if host.isascii() else host
    return list(socket.getaddrinfo(name, port, 0, kind))


def _ask_system_within(deadline: Deadline, host: str, port: int, kind: int) -> list[Address]:
    import threading

    found: list[Address] = []
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            found.extend(_ask_system(host, port, kind))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=ask, name=f"resolve {host}", daemon=True)
    thread.start()
    thread.join(deadline.remaining())
    if failures:
        raise failures[0]
    if not found:
        raise base.errors.ConnectTimedOut(f"timed out resolving {host}")
    return found


def _in_turn(addresses: Iterable[Address]) -> list[Address]:
    """The same addresses, families alternating, beginning with the family that came first."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    rounds = zip_longest(*families.values())
    return [address for turn in rounds for address in turn if address is not None]


def _not_resolved(host: str, error: Exception) -> base.errors.NameNotResolved:
    number, words = socket.EAI_NONAME, "not a valid host name"
    if isinstance(error, OSError):
        number, words = error.errno or number, error.strerror or str(error)
    failure = base.errors.NameNotResolved(f"{host}: {words}", reason=error)
    failure.errno, failure.strerror = number, words
    return failure
