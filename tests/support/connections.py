"""The server's end of one accepted connection: reads requests off it, sends bytes, breaks it.

What it reads it records. It knows as much HTTP as finding the end of a request takes, so that no
client under test is judged by its own notions.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from support.inner_tls import InnerTLS, bottom

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

CONTENT_LENGTH = re.compile(rb"^content-length:[ \t]*([0-9]+)", re.I | re.M)
CHUNKED = re.compile(rb"^transfer-encoding:[ \t]*chunked", re.I | re.M)


class ClientGone(Exception):
    """Raised in a server thread when the client has closed or reset its end."""


class Connection:
    """One accepted connection. Reading methods raise ClientGone when the client has gone."""

    def __init__(self, sock: socket.socket, index: int, records: list[bytearray]) -> None:
        self.sock = sock
        self.index = index
        """0 for the first connection of the server."""
        self.received = bytearray()
        """Every byte of the client that was read off the connection."""
        self._records: list[bytearray] = []
        self._all_records = records
        self._taken = 0
        self._head = b""
        self._interrupted = False

    @property
    def requests(self) -> list[bytes]:
        """The requests that were read on this connection."""
        return [bytes(record) for record in self._records]

    # --- reading

    def read_request(self) -> bytes:
        """A request, head and body."""
        return self.read_head() + self.read_body()

    def read_head(self) -> bytes:
        """The head of a request, with the empty line; it is recorded as a request at once."""
        self._head = self.read_until(b"\r\n\r\n")
        record = bytearray(self._head)
        self._records.append(record)
        self._all_records.append(record)
        return self._head

    def read_body(self) -> bytes:
        """The body that belongs to the head read last, as it was framed on the wire."""
        if CHUNKED.search(self._head):
            body = self._read_chunks()
        else:
            length = CONTENT_LENGTH.search(self._head)
            body = self.read(int(length[1])) if length else b""
        self._records[-1] += body
        return body

    def _read_chunks(self) -> bytes:
        body = b""
        while True:
            line = self.read_until(b"\r\n")
            size = int(line.partition(b";")[0], 16)
            body += line
            if size == 0:
                break
            body += self.read(size + 2)
        while True:
            trailer = self.read_until(b"\r\n")
            body += trailer
            if trailer == b"\r\n":
                return body

    def read_until(self, delimiter: bytes) -> bytes:
        """All bytes up to and with the delimiter."""
        while (end := self.received.find(delimiter, self._taken)) < 0:
            self._receive()
        return self._take(end + len(delimiter) - self._taken)

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        while len(self.received) - self._taken < size:
            self._receive()
        return self._take(size)

    def read_some(self) -> bytes:
        """At least one byte: what is there and not read yet, or else what comes next."""
        if self._taken == len(self.received):
            self._receive()
        return self._take(len(self.received) - self._taken)

    def drain(self) -> None:
        """Reads until the client closes."""
        try:
            while True:
                self._receive()
        except ClientGone:
            pass

    def _take(self, size: int) -> bytes:
        start, self._taken = self._taken, self._taken + size
        return bytes(self.received[start : self._taken])

    def _receive(self) -> None:
        try:
            data = self.sock.recv(1 << 16)
        except OSError as error:
            raise ClientGone from error
        if not data:
            raise ClientGone
        self.received += data

    # --- writing

    def send(self, data: bytes) -> None:
        """Sends all of `data`."""
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise ClientGone from error

    def send_split(self, pieces: Iterable[bytes]) -> None:
        """Sends each piece only after the client has taken in the one before it.

        That holds for TCP on Linux. Elsewhere, and under TLS, each piece is merely a packet.
        """
        if self.sock.family != getattr(socket, "AF_UNIX", None):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            self.send(piece)
            # A shutdown counts as a byte, which the peer need not take in.
            while not self._interrupted and unread_by_peer(self.sock):
                select.select([self.sock], [], [], 0.001)

    # --- the connection itself

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Answers the client's TLS handshake. A handshake that fails is the client's going."""
        sock: Any
        if isinstance(self.sock, socket.socket) and not isinstance(self.sock, ssl.SSLSocket):
            sock = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
        else:
            sock = InnerTLS(self.sock, context)
        self.sock = sock
        try:
            sock.do_handshake()
        except OSError as error:
            raise ClientGone from error

    def half_close(self) -> None:
        """Says that no more bytes will come, and can still read."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise ClientGone from error

    def close(self) -> None:
        """Closes; where bytes of the client are unread, the system makes that a reset."""
        self.sock.close()

    def reset(self) -> None:
        """Closes with a reset: what was sent and not yet received may be lost."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _interrupt(self) -> None:
        """Ends a recv or send that another thread is in."""
        self._interrupted = True
        try:
            # Not an SSLSocket's own: it takes TLS away from under the other thread.
            socket.socket.shutdown(bottom(self.sock), socket.SHUT_RDWR)
        except OSError:
            pass


# --- what the client has taken in

PEERS_QUEUES = {
    socket.AF_INET: Path("/proc/net/tcp"),
    socket.AF_INET6: Path("/proc/net/tcp6"),
}


def unread_by_peer(sock: socket.socket) -> int:
    """How many bytes the peer's system has received and its program has not, over loopback TCP.

    Linux shows the receive queue of every socket; elsewhere, and for unix sockets, this is 0.
    """
    listing = PEERS_QUEUES.get(sock.family)
    if listing is None or not listing.exists():
        return 0
    try:
        wanted = [_as_listed(sock.getpeername()), _as_listed(sock.getsockname())]
    except OSError:
        return 0  # the client has gone
    for line in listing.read_text().splitlines():
        columns = line.split()
        if columns[1:3] == wanted:
            return int(columns[4].partition(":")[2], 16)
    return 0


def _as_listed(address: tuple[str, int]) -> str:
    """An address as the listing writes it: 32-bit words in the machine's byte order, in hex."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    packed = socket.inet_pton(family, address[0])
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{address[1]:04X}"
