"""The server's end of TLS whose records are in the test's hands: when they are sent, and in parts.

held = hold_tls(connection, context)
held.read_head()
connection.send_split([held.tls.held_back()])
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from support.connections import ClientGone, Connection
from support.inner_tls import InnerTLS

if TYPE_CHECKING:
    import socket


class HeldTLS(InnerTLS):
    """TLS that sends what the handshake takes, and from then on only what `sendall` is given.

    So a server's session tickets stay here, and the alert with which a handshake fails.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(sock, context)  # type: ignore[arg-type]  # a plain socket is as good
        self._holds = False

    def do_handshake(self) -> None:
        def shake_hands() -> None:
            self._engine.do_handshake()
            self._holds = True

        self._run(shake_hands)

    def held_back(self) -> bytes:
        """What TLS would have sent by itself; it is the caller's to send, before anything else."""
        return self._outgoing.read()

    def record(self, data: bytes) -> bytes:
        """`data` in TLS, for the caller to send; after what was held back before."""
        self._engine.write(data)
        return self.held_back()

    def sendall(self, data: bytes) -> None:
        self.below.sendall(self.record(data))

    def _flush(self) -> None:
        if not self._holds:
            super()._flush()


class HeldConnection(Connection):
    """What is within the TLS of a connection, which itself goes on to take and send raw bytes."""

    def __init__(self, connection: Connection, context: ssl.SSLContext) -> None:
        self.tls = HeldTLS(connection.sock, context)
        super().__init__(self.tls, connection.index, [])  # type: ignore[arg-type]


def hold_tls(connection: Connection, context: ssl.SSLContext) -> HeldConnection:
    """Answers the client's TLS handshake. Raises ClientGone if the client is the one that ends it.

    A client that this end refuses is no fault: see what is held back.
    """
    held = HeldConnection(connection, context)
    try:
        held.tls.do_handshake()
    except ssl.SSLError:
        pass
    except OSError as error:
        raise ClientGone from error
    return held
