"""Servers for the line protocols that are older than HTTP, each in a few lines.

Daytime (RFC 867), echo (RFC 862) and gopher (RFC 1436) over TCP are `ScriptedServer`s: they have an
`address`, a `port` and record what they `received`, connection by connection. `QuoteServer` answers
datagrams with a quote of the day (RFC 865). All are context managers.
"""

from __future__ import annotations

import select
import socket
import threading
from typing import TYPE_CHECKING

from support.servers import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from support.connections import Connection

NOON = b"Thursday, January 1, 1998 12:00:00-UTC"

GOPHER_FILES = {
    b"": b"iWelcome\t\terror.host\t1\r\n"
    b"0About this place\t/about\tlocalhost\t70\r\n"
    b"1More\t/more\tlocalhost\t70\r\n",
    b"/about": b"A gopher hole.\r\n..dotted line\r\nThe end.\r\n",
    b"/more": b"0About this place\t/about\tlocalhost\t70\r\n",
}
"""What lies behind each selector; lines that begin with a dot are already doubled."""


def daytime_server(line: bytes = NOON) -> ScriptedServer:
    """Sends one line to whoever connects, and closes."""
    return ScriptedServer(handler=lambda connection: connection.send(line + b"\r\n"))


def echo_server() -> ScriptedServer:
    """Sends back whatever comes."""

    def echo(connection: Connection) -> None:
        while True:
            connection.send(connection.read_some())

    return ScriptedServer(handler=echo)


def gopher_server(files: Mapping[bytes, bytes] = GOPHER_FILES) -> ScriptedServer:
    """Reads a selector, sends what lies behind it and the closing dot, and closes."""

    def answer(connection: Connection) -> None:
        selector = connection.read_until(b"\r\n")[:-2]
        missing = b"3Nothing here: " + selector + b"\t\terror.host\t1\r\n"
        connection.send(files.get(selector, missing) + b".\r\n")

    return ScriptedServer(handler=answer)


class QuoteServer:
    """Answers each datagram with a quote; `asked` records the datagrams."""

    def __init__(self, quote: bytes = b"Simplicity is prerequisite for reliability.\r\n") -> None:
        self.quote = quote
        self.asked: list[bytes] = []

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._socket.getsockname()
        return host, port

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._answer_until_woken, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wake.close()
        self._thread.join()
        self._woken.close()
        self._socket.close()

    def _answer_until_woken(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket, self._woken], [], [])
            if self._woken in ready:
                return
            datagram, sender = self._socket.recvfrom(1 << 16)
            self.asked.append(datagram)
            self._socket.sendto(self.quote, sender)
