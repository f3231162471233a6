"""A small web server of Python's own on loopback, for the demo.

    with DemoServer() as server:
        fetch(server.url + "hello")

Its pages are the rows of PAGES, at the end. It keeps connections alive and counts them.
"""

from __future__ import annotations

import gzip
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

HELLO = b"Hello from the demo server.\n"
TEXT = b"The same line again and again, so that it shrinks well.\n" * 20
KILOBYTE = bytes(range(32, 96)) * 16


class DemoServer(ThreadingHTTPServer):
    """Runs in threads while it is entered, on 127.0.0.1; `port` 0 is a free one."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.connections = 0
        """How many connections were accepted so far."""
        self.requests = 0
        """How many requests were answered so far."""
        self._counting = threading.Lock()
        self._open: set[socket.socket] = set()

    @property
    def host(self) -> str:
        """Its address."""
        return str(self.server_address[0])

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where its pages are, with a slash at the end."""
        return f"http://{self.host}:{self.port}/"

    def count(self, *, connections: int = 0, requests: int = 0) -> None:
        """Called by the threads that serve."""
        with self._counting:
            self.connections += connections
            self.requests += requests

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, args=[0.01], daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        for sock in list(self._open):
            try:
                sock.shutdown(socket.SHUT_RDWR)  # its thread waits for another request
            except OSError:
                pass  # the client has gone
        self.server_close()

    # --- called by socketserver

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's own would look up a name, which may take long

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no fault."""


class _Handler(BaseHTTPRequestHandler):
    server: DemoServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: else each reply would wait for an acknowledgement

    def setup(self) -> None:
        super().setup()
        self.server.count(connections=1)

    def do_GET(self) -> None:
        self.server.count(requests=1)
        page = PAGES.get(self.path)
        if page is None:
            self._reply(404, b"There is no such page.\n")
        else:
            page(self)

    do_HEAD = do_GET  # noqa: N815  (http.server's names)

    def do_POST(self) -> None:
        self.server.count(requests=1)
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._reply(200, b"%s of %d bytes\n" % (self.command.encode(), len(data)))

    do_PUT = do_POST  # noqa: N815

    def _reply(self, status: int, body: bytes, **fields: str) -> None:
        self._head(status, Content_Length=str(len(body)), **fields)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, **fields: str) -> None:
        self.send_response_only(status)  # `send_response` would add a date and who is answering
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the clients show what comes and goes."""

    # --- the pages

    def hello(self) -> None:
        self._reply(200, HELLO)

    def kilobyte(self) -> None:
        self._reply(200, KILOBYTE)

    def zipped(self) -> None:
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            self._reply(200, gzip.compress(TEXT, mtime=0), Content_Encoding="gzip")
        else:
            self._reply(200, TEXT)

    def chunked(self) -> None:
        self._head(200, Transfer_Encoding="chunked")
        if self.command != "HEAD":
            for word in HELLO.split():
                self.wfile.write(b"%x\r\n%s\n\r\n" % (len(word) + 1, word))
            self.wfile.write(b"0\r\n\r\n")

    def moved(self) -> None:
        self._reply(302, b"", Location="/gzip")


PAGES: dict[str, Callable[[_Handler], None]] = {
    "/hello": _Handler.hello,
    "/1k": _Handler.kilobyte,
    "/gzip": _Handler.zipped,
    "/chunked": _Handler.chunked,
    "/moved": _Handler.moved,
}
