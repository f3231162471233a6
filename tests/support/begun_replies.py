"""Replies that have begun, over a client that gets certain pieces; and heads and bodies for it."""

from __future__ import annotations

from typing import Any

from mini_http.exchange.client import HTTPClient
from mini_http.exchange.response import HTTPResponse
from support.streams import End, ScriptedStream

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"6;ext=1\r\nhello,\r\n6\r\n\nworld\r\n0\r\nX-Trailer: 1\r\n\r\n"
LINES = [b"6;ext=1\r\n", b"hello,\r\n", b"6\r\n", b"\n", b"world\r\n", b"0\r\n",
         b"X-Trailer: 1\r\n", b"\r\n"]  # fmt: skip
NEXT = b"HTTP/1.1 204 No Content\r\n\r\n"
COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
TO_THE_END = b"HTTP/1.1 200 OK\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"
HOST = (("Host", "a.test"),)
UPGRADE = (*HOST, ("Connection", "Upgrade"), ("Upgrade", "echo"))


def begun(
    *pieces: bytes, end: End = "close", fields: Any = HOST, method: str = "GET"
) -> tuple[HTTPResponse, HTTPClient]:
    """A reply over a client that gets these pieces, and the client."""
    client = HTTPClient.over(ScriptedStream(pieces, end))
    return client.exchange(method, "/", fields), client
