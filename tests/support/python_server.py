"""A server that answers every request with an account of it, in JSON.

    with EchoServer() as server:
        account = json.loads(fetch(server.url + "any/path"))

The account has `method`, `path`, `version`, `headers` (a list of pairs), `body` (base64; chunked
bodies joined), `connection` (0 for the first the server accepted) and `request` (0 for the first on
its connection). The server keeps the accounts in `requests`.

DocumentServer keeps such accounts too, and answers with the documents that it is given.
"""

from __future__ import annotations

import base64
import itertools
import json
import socket
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Self


class EchoHandler(BaseHTTPRequestHandler):
    """Answers any method; to HEAD with the head alone."""

    server: EchoServer

    def setup(self) -> None:
        super().setup()
        self.protocol_version = self.server.version
        self.connection_number = next(self.server.connection_numbers)
        self.request_numbers = itertools.count()

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.echo
        raise AttributeError(name)

    def echo(self) -> None:
        account = self.note()
        self.answer(200, "application/json", json.dumps(account).encode())

    def note(self) -> dict[str, Any]:
        """Reads the request; returns the account of it, which the server keeps."""
        account: dict[str, Any] = {
            "method": self.command,
            "path": self.path,
            "version": self.request_version,
            "headers": self.headers.items(),
            "body": base64.b64encode(self.read_body()).decode(),
            "connection": self.connection_number,
            "request": next(self.request_numbers),
        }
        self.server.requests.append(account)
        return account

    def answer(self, status: int, kind: str, document: bytes) -> None:
        """Sends a reply; to HEAD its head alone."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(document)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(document)

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self.read_chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def read_chunk(self) -> bytes:
        """The next chunk's data; b"" for the last one, once its trailers are read."""
        size = int(self.rfile.readline().partition(b";")[0], 16)
        if size == 0:
            while self.rfile.readline().strip():
                pass
            return b""
        chunk = self.rfile.read(size)
        self.rfile.readline()
        return chunk

    def log_message(self, *_: object) -> None:
        """Says nothing: the accounts are the log."""


class EchoServer(ThreadingHTTPServer):
    """Runs in threads while it is entered. `version` "HTTP/1.0" closes after every reply."""

    handler_class = EchoHandler
    daemon_threads = False
    block_on_close = True

    def __init__(self, version: str = "HTTP/1.1", *, tls: ssl.SSLContext | None = None) -> None:
        self.version = version
        self.tls = tls
        self.requests: list[dict[str, Any]] = []
        self.errors: list[BaseException] = []
        self.connection_numbers = itertools.count()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), self.handler_class, bind_and_activate=False)

    @property
    def connections(self) -> int:
        """On how many connections requests came."""
        return len({request["connection"] for request in self.requests})

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """The root page."""
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}/"

    def __enter__(self) -> Self:
        self.server_bind()
        self.server_activate()
        self._thread = threading.Thread(target=self.serve_forever, args=[0.01], daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        for sock in list(self._open):
            try:
                sock.shutdown(socket.SHUT_RDWR)  # ends the thread of a connection kept alive
            except OSError:
                pass
        self.server_close()
        if self.errors:
            raise self.errors[0]

    # --- called by socketserver

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer's own would look up a name

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        with self.tls.wrap_socket(request, server_side=True) as secured:
            self._open.add(secured)
            super().finish_request(secured, client_address)
            self._open.discard(secured)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no fault; anything else is raised when the server exits."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.errors.append(error)


class DocumentHandler(EchoHandler):
    """Answers with the document at the path, query aside; else with 404."""

    server: DocumentServer

    def echo(self) -> None:
        path = self.note()["path"].partition("?")[0]
        kind, document = self.server.documents.get(path, ("", b""))
        if kind:
            self.answer(200, kind, document)
        else:
            self.answer(404, "text/plain", b"there is no such document")


class DocumentServer(EchoServer):
    """Answers with `documents`: media type and bytes by path."""

    handler_class = DocumentHandler

    def __init__(
        self, documents: dict[str, tuple[str, bytes]], *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.documents = documents
        super().__init__(tls=tls)
