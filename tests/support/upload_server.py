"""A server in a process of its own that takes bodies of any length and keeps their two ends.

    with UploadServer() as server:
        account = json.loads(post(server.url, ...))

It answers POST and PUT with an account of the body, in JSON: `type`, its Content-Type; `length`,
the bytes that came; `first`, up to KEPT_BYTES that it begins with, and `last`, up to as many of the
rest, from its end; both in base64. What lies between is dropped, so that a body of gigabytes costs
neither memory nor disk. Connections are kept alive; a body must have a Content-Length, else the
answer is 411; who expects 100 (Continue) gets it.
"""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Self

KEPT_BYTES = 1024
BUFFER_BYTES = 1 << 20
DROPS = socket.MSG_TRUNC if sys.platform == "linux" else 0
"""Has the kernel drop what is received, where TCP can do that (tcp(7)). Copying it first would make
the quickest clients wait for the server: 200 MB took a bare socket 57 ms instead of 38."""
PATIENCE = 10.0
"""Seconds that the server gets to end."""


class UploadServer:
    """Runs while it is entered; `url` is where to send to."""

    url: str

    def __enter__(self) -> Self:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            descriptor = listener.fileno()
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(descriptor)], pass_fds=[descriptor]
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


# --- in the server's process


class UploadHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        announced = self.headers.get("Content-Length")
        if announced is None:
            self.close_connection = True
            self.send_error(411)
            return
        length = int(announced)
        first = self.rfile.read(min(KEPT_BYTES, length))
        last_bytes = min(KEPT_BYTES, length - len(first))
        dropped = self.drop(length - len(first) - last_bytes)
        last = self.rfile.read(last_bytes)
        account = {
            "type": self.headers.get("Content-Type"),
            "length": len(first) + dropped + len(last),
            "first": base64.b64encode(first).decode(),
            "last": base64.b64encode(last).decode(),
        }
        self.answer(json.dumps(account).encode())

    do_PUT = do_POST

    def drop(self, count: int) -> int:
        """Receives so many bytes, or what comes before the end; returns how many."""
        waiting = len(self.rfile.peek()) if count else 0  # type: ignore[attr-defined]
        dropped = len(self.rfile.read(min(waiting, count)))
        buffer = memoryview(bytearray(BUFFER_BYTES))
        while dropped < count:
            received = self.connection.recv_into(buffer[: count - dropped], 0, DROPS)
            if not received:
                break
            dropped += received
        return dropped

    def answer(self, document: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(document)))
        self.end_headers()
        self.wfile.write(document)

    def log_message(self, *_: object) -> None:
        """Says nothing: the account is the log."""


class ListeningServer(ThreadingHTTPServer):
    """On a socket that listens already."""

    daemon_threads = True

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener.getsockname(), UploadHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no fault."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


if __name__ == "__main__":
    with ListeningServer(socket.socket(fileno=int(sys.argv[1]))) as server:
        server.serve_forever()
