"""What the other end does that no step of a script does; each is a step of `ScriptedServer`."""

from __future__ import annotations

import contextlib
import select
import ssl
from typing import TYPE_CHECKING

from support.connections import ClientGone
from support.inner_tls import InnerTLS

if TYPE_CHECKING:
    from support.connections import Connection


def end_in_tls(connection: Connection) -> None:
    """Says in TLS that no more bytes will come."""
    assert isinstance(connection.sock, (ssl.SSLSocket, InnerTLS))
    with contextlib.suppress(OSError):
        connection.sock.unwrap()


def drip(connection: Connection) -> None:
    """Sends a byte fifty times a second until the client goes; after four seconds, a line end."""
    for _ in range(200):
        connection.send(b"x")
        if select.select([connection.sock], [], [], 0.02)[0]:
            raise ClientGone
    connection.send(b"\r\n")
