"""The server's end of TLS in TLS, which Python's ssl has over plain sockets only."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class InnerTLS:
    """TLS over a socket that has TLS already; what is not here is that socket's own."""

    def __init__(self, sock: ssl.SSLSocket | InnerTLS, context: ssl.SSLContext) -> None:
        self.below = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._engine = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def do_handshake(self) -> None:
        self._run(self._engine.do_handshake)

    def recv(self, size: int) -> bytes:
        try:
            data: bytes = self._run(self._engine.read, size)
        except ssl.SSLZeroReturnError:
            return b""
        return data

    def sendall(self, data: bytes) -> None:
        self._run(self._engine.write, data)

    def unwrap(self) -> None:
        """Says that no more bytes will come."""
        try:
            self._engine.unwrap()
        except ssl.SSLWantReadError:
            self._flush()

    def _run(self, step: Any, *arguments: Any) -> Any:
        while True:
            try:
                result = step(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                data = self.below.recv(1 << 16)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        if self._outgoing.pending:
            self.below.sendall(self._outgoing.read())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)


def bottom(sock: Any) -> Any:
    """The socket of the system under any of these."""
    while isinstance(sock, InnerTLS):
        sock = sock.below
    return sock
