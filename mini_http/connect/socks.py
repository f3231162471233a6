"""SOCKS: how a SOCKS proxy is asked to lead to a host, in versions 4, 4a and 5 (RFC 1928, 1929).

It is asked over a connection that leads to it; from then on that leads to the host. The messages
are those of the `socksio` package (the `socks` extra), which does no I/O: they go over whatever the
client has, within its timeout and before its deadline.

A name that the proxy is not to look up is asked of the system, as `dial` does. Raises
TunnelRefused, NameNotResolved, ConnectTimedOut, TotalTimedOut, ConnectionBroken, and InvalidRequest
for what SOCKS can't say and where the package is missing. The client is closed then.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager

from mini_http import base
from mini_http.base.timeouts import Deadline
from mini_http.connect.dial import DEFAULT_OPTIONS, resolve_allowed
from mini_http.connect.tunnel import FAILED, failure_on_the_way, place_to_lead_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mini_http.connect.dial import DialOptions
    from mini_http.connect.simple_client import SimpleClient

LONGEST = 255
"""Bytes of a user or a password, at most (RFC 1929 section 2)."""

_VERSION = 5

_ADDRESS_BYTES = {1: 4, 4: 16}
"""By the type of an address in a reply (RFC 1928 section 6)."""
_NAME = 3
"""The type of a name, which has its length before it."""


def lead_by_socks4(
    client: SimpleClient,
    host: str,
    port: int,
    user: str | None,
    *,
    looks_up: bool,
    options: DialOptions = DEFAULT_OPTIONS,
) -> None:
    """Has the SOCKS 4 proxy that `client` is connected to lead to `host` and `port`.

    If the proxy `looks_up` names (4a), it is sent the name. Version 4 knows no IPv6.
    """
    with _asking(client, host, port):
        socks4 = _library("socks4")
        host, _ = place_to_lead_to(host, port)
        if ":" in host:
            raise base.errors.InvalidRequest(f"SOCKS 4 can't lead to {host}: use socks5")
        is_name = looks_up and not _is_ipv4(host)
        if not looks_up:
            host = _looked_up(client, host, port, options)
        kind = socks4.SOCKS4ARequest if is_name else socks4.SOCKS4Request
        # NUL ends the user's name in the message, so one in it would begin another field.
        who = _bounded("user", (user or "").replace("\0", ""))
        request = kind.from_address(socks4.SOCKS4Command.CONNECT, (host, port), who)
        reply = _exchange(client, socks4.SOCKS4Connection(who), request, lambda: client.read(8))
        if reply.reply_code is not socks4.SOCKS4ReplyCode.REQUEST_GRANTED:
            raise _refused(reply.reply_code.name)


def lead_by_socks5(
    client: SimpleClient,
    host: str,
    port: int,
    user: str | None,
    password: str | None,
    *,
    looks_up: bool,
    options: DialOptions = DEFAULT_OPTIONS,
) -> None:
    """Has the SOCKS 5 proxy that `client` is connected to lead to `host` and `port`.

    If the proxy `looks_up` names (5h), it is sent the name. Without a `user` it must ask for none.
    """
    with _asking(client, host, port):
        socks5 = _library("socks5")
        host, _ = place_to_lead_to(host, port)
        if not looks_up:
            host = _looked_up(client, host, port, options, or_ipv6=True)
        connection = socks5.SOCKS5Connection()
        methods = [socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED]
        if user is not None:
            methods.append(socks5.SOCKS5AuthMethod.USERNAME_PASSWORD)
        hello = socks5.SOCKS5AuthMethodsRequest(methods)
        chosen = _exchange(client, connection, hello, lambda: _read_of(client, _VERSION, 2)).method
        if chosen not in methods:
            raise _refused("it wants a user and a password" if user is None else chosen.name)
        if chosen is socks5.SOCKS5AuthMethod.USERNAME_PASSWORD:
            who = socks5.SOCKS5UsernamePasswordRequest(
                _bounded("user", user or ""), _bounded("password", password or "")
            )
            if not _exchange(client, connection, who, lambda: client.read(2)).success:
                raise _refused("user or password are wrong")
        request = socks5.SOCKS5CommandRequest.from_address(
            socks5.SOCKS5Command.CONNECT, (host, port)
        )
        reply = _exchange(client, connection, request, lambda: _read_reply(client))
        if reply.reply_code is not socks5.SOCKS5ReplyCode.SUCCEEDED:
            raise _refused(reply.reply_code.name)


def _read_reply(client: SimpleClient) -> bytes:
    """A reply of SOCKS 5, whose length its fourth and fifth byte tell (RFC 1928 section 6)."""
    head = _read_of(client, _VERSION, 5)
    length = head[4] if head[3] == _NAME else _ADDRESS_BYTES.get(head[3], 1) - 1
    # socksio wants the name without its length.
    begun = head[:4] if head[3] == _NAME else head
    return begun + client.read(length + 2)


def _read_of(client: SimpleClient, version: int, size: int) -> bytes:
    """So many bytes of a message, whose first says the version: `socksio` does not always look."""
    data = client.read(size)
    if data[0] != version:
        raise _no_socks(data)
    return data


def _exchange(client: SimpleClient, connection: Any, request: Any, read: Any) -> Any:
    """Sends one message, and returns what the proxy says to it."""
    connection.send(request)
    client.write(connection.data_to_send())
    data = read()
    try:
        return connection.receive_data(data)
    except _library("exceptions").SOCKSError:
        raise _no_socks(data) from None


def _looked_up(
    client: SimpleClient, host: str, port: int, options: DialOptions, or_ipv6: bool = False
) -> str:
    """An address of `host`, of IPv4 if there is one: few proxies lead to the others only."""
    addresses = resolve_allowed(host, port, client.deadline or Deadline(None), options)
    for address in sorted(addresses, key=lambda address: address[0] != socket.AF_INET):
        if or_ipv6 or address[0] == socket.AF_INET:
            return str(address[4][0]).partition("%")[0]
    raise base.errors.NameNotResolved(f"{host}: no IPv4 address, and SOCKS 4 knows no others")


def _is_ipv4(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return False
    return True


def _bounded(what: str, text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:  # it may show the text
        raise base.errors.InvalidRequest(f"the {what} is no Unicode text") from None
    if len(data) > LONGEST:
        raise base.errors.InvalidRequest(
            f"the {what} has {len(data)} bytes; SOCKS takes at most {LONGEST}"
        )
    return data


@contextmanager
def _asking(client: SimpleClient, host: str, port: int) -> Iterator[None]:
    """Closes the client where it can't be led on, and raises what says why."""
    whole = client.deadline
    client.deadline = (whole or Deadline(None)).within(client.timeout)
    try:
        yield
    except BaseException as error:
        client.close()
        told = error
        if isinstance(error, base.errors.TotalTimedOut) and not (whole and whole.remaining() == 0):
            told = base.errors.ReadTimedOut()  # only the time for this is over
        elif isinstance(error, base.errors.IncompleteRead):
            told = base.errors.RemoteDisconnected()
        failure = failure_on_the_way(told, host, port)
        if isinstance(failure, base.errors.MiniHTTPError):
            client.tell_state(failure)
        if failure is error:
            raise
        raise failure from error
    finally:
        client.deadline = whole


def _no_socks(data: bytes) -> base.errors.TunnelRefused:
    return _refused(f"its reply is none of SOCKS: {data!r:.60}")


def _refused(words: str) -> base.errors.TunnelRefused:
    """`words` may be a reply's name, as SOCKS5ReplyCode spells it."""
    plain = words.lower().replace("_", " ") if words.isupper() else words
    return base.errors.TunnelRefused(f"{FAILED}: {plain}")


def _library(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"socksio.{name}")
    except ImportError as error:
        raise base.errors.InvalidRequest(
            "SOCKS proxies need the socksio package: pip install mini-http[socks]"
        ) from error
