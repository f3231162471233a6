"""Devices that answer a search of the Simple Service Discovery Protocol, each from its own port.

    with Devices({"urn:example:lamp": 2, "urn:example:door": 1}) as devices:
        search(*devices.address)

They are asked at one address on loopback, since a test machine need not have multicast.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

FIELD = re.compile(rb"^([!-9;-~]+):[ \t]*(.*?)[ \t]*\r$", re.M)


class Devices:
    """So many devices of each kind in `counts`. They answer while this is entered.

    `asked` records the datagrams; `noise` are datagrams that are sent before the answers.
    """

    def __init__(self, counts: Mapping[str, int], noise: tuple[bytes, ...] = ()) -> None:
        self._counts = counts
        self._noise = noise
        self.asked: list[bytes] = []

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._listener.getsockname()
        return host, port

    def __enter__(self) -> Self:
        self._opened = contextlib.ExitStack()
        self._listener = self._socket()
        self._devices = [
            (kind, number, self._socket())
            for kind, count in self._counts.items()
            for number in range(1, count + 1)
        ]
        self._wake, self._woken = socket.socketpair()
        self._opened.enter_context(self._woken)
        self._thread = threading.Thread(target=self._answer_until_woken, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wake.close()
        self._thread.join()
        self._opened.close()

    def _socket(self) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("127.0.0.1", 0))
        return self._opened.enter_context(made)

    def _answer_until_woken(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._woken], [], [])
            if self._woken in ready:
                return
            datagram, sender = self._listener.recvfrom(1 << 16)
            self.asked.append(datagram)
            self._answer(datagram, sender)

    def _answer(self, datagram: bytes, sender: tuple[str, int]) -> None:
        """Answers a search for a kind that is here, or for all; nothing to what is no search."""
        fields = {name.upper(): value for name, value in FIELD.findall(datagram)}
        wanted = fields.get(b"ST", b"").decode()
        if (
            not datagram.startswith(b"M-SEARCH * HTTP/1.1\r\n")
            or not datagram.endswith(b"\r\n\r\n")
            or fields.get(b"MAN") != b'"ssdp:discover"'
            or not fields.get(b"MX", b"").isdigit()
        ):
            return
        for noise in self._noise:
            self._listener.sendto(noise, sender)
        for kind, number, device in self._devices:
            if wanted in (kind, "ssdp:all"):
                device.sendto(self._account(kind, number), sender)

    def _account(self, kind: str, number: int) -> bytes:
        lines = [
            "HTTP/1.1 200 OK",
            "CACHE-CONTROL: max-age=1800",
            "EXT:",
            f"LOCATION: http://127.0.0.1/{kind}/{number}.xml",
            f"ST: {kind}",
            f"USN: uuid:{number}::{kind}",
        ]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()
