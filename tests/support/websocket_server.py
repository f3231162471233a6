"""A WebSocket server (RFC 6455) that sends back each text message.

    with websocket_server() as server:
        talk(server.authority)

It is a ScriptedServer, so it records requests. A handshake that lacks something gets 400, and a
frame that no client may send gets a close frame with the number for it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING

from support.servers import ScriptedServer

if TYPE_CHECKING:
    from email.message import Message

    from support.connections import Connection

SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
"""What the RFC shows a client send (section 1.3)."""

SAMPLE_ANSWER = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What the server answers to it."""

FINAL = 0x80
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
PROTOCOL_FAULT = 1002


def websocket_server(*, greeting: bytes = b"", answer: str | None = None) -> ScriptedServer:
    """Sends back text. `greeting` is the text of a frame that leaves together with the handshake;
    `answer` takes the place of what the client's key calls for.
    """

    def serve(connection: Connection) -> None:
        request = connection.read_request()
        key = _key_of(request)
        if key is None:
            connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return
        reply = (
            "HTTP/1.1 101 Switching Protocols\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {answer or answer_to(key)}\r\n\r\n"
        )
        connection.send(reply.encode() + (frame(TEXT, greeting) if greeting else b""))
        _echo(connection)

    return ScriptedServer(handler=serve)


def answer_to(key: str) -> str:
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2)."""
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    return base64.b64encode(digest).decode()


def frame(kind: int, data: bytes) -> bytes:
    """A whole message in one frame, unmasked as a server's are (section 5.2)."""
    if len(data) < 126:
        return bytes([FINAL | kind, len(data)]) + data
    return bytes([FINAL | kind, 126]) + len(data).to_bytes(2) + data


def _key_of(request: bytes) -> str | None:
    """The key of a handshake; None for a request that is none (section 4.2.1)."""
    line, _, rest = request.partition(b"\r\n")
    fields = BytesHeaderParser().parsebytes(rest)
    key = fields.get("Sec-WebSocket-Key", "")
    asked = (
        line.startswith(b"GET ") and line.endswith(b" HTTP/1.1"),
        "upgrade" in _tokens(fields, "Connection"),
        "websocket" in _tokens(fields, "Upgrade"),
        fields.get_all("Sec-WebSocket-Version") == ["13"],
        _is_16_bytes(key),
    )
    return key if all(asked) else None


def _tokens(fields: Message, name: str) -> list[str]:
    return [token.strip().lower() for token in fields.get(name, "").split(",")]


def _is_16_bytes(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False


def _echo(connection: Connection) -> None:
    """Answers frames until one of them closes, or breaks a rule."""
    while True:
        first, second = connection.read(2)
        kind, length = first & 0x0F, second & 0x7F
        if length == 126:
            length = int.from_bytes(connection.read(2))
        if not first & FINAL or not second & 0x80 or length == 127:
            connection.send(frame(CLOSE, PROTOCOL_FAULT.to_bytes(2)))
            return
        mask = connection.read(4)
        data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(connection.read(length)))
        if kind == TEXT:
            connection.send(frame(TEXT, data))
        elif kind == PING:
            connection.send(frame(PONG, data))
        else:
            connection.send(frame(CLOSE, data if kind == CLOSE else PROTOCOL_FAULT.to_bytes(2)))
            return
