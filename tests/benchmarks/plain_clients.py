"""The compared clients that need nothing installed: a bare socket loop, the standard library."""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from client import PIECE, POST_BODY, Client, read_in_pieces

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar


class BareSocket(Client):
    """The floor: no parsing at all, the length of the reply is learned from the first one.

    It waits for whole pieces (MSG_WAITALL), else it is so quick that it wakes for every packet
    and gets slower than those that have something to do meanwhile.
    """

    name = "bare socket"
    IMPORT = "import socket"
    COLD = """
import socket, ssl
from urllib.parse import urlsplit
to = urlsplit(URL)
plain = socket.create_connection((to.hostname, to.port))
context = ssl.create_default_context(cafile=CAFILE)
with context.wrap_socket(plain, server_hostname=to.hostname) as stream:
    stream.sendall(f"GET {to.path} HTTP/1.1\\r\\nHost: {to.netloc}\\r\\n"
                   "Connection: close\\r\\n\\r\\n".encode())
    while stream.recv(65536):
        pass
"""
    shares_connections = False
    CANNOT: ClassVar = dict.fromkeys(
        ("cookies", "redirects", "gzip", "json"), "there is no HTTP in it"
    )

    def open(self, url: str) -> socket.socket:
        to = urlsplit(url)
        if self.needs.unix:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(self.needs.unix)
            return sock
        sock = socket.create_connection((to.hostname, to.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if to.scheme == "https":
            return self.context().wrap_socket(sock, server_hostname=to.hostname)
        return sock

    def request(self, url: str, *more: str, method: str = "GET") -> bytes:
        to = urlsplit(url)
        return "\r\n".join(
            [f"{method} {to.path} HTTP/1.1", f"Host: {to.netloc}", *more, "\r\n"]
        ).encode()

    def lengths(self, request: bytes, url: str) -> tuple[int, int]:
        """Of the head and the body of the reply on a connection that is kept alive."""
        with self.open(url) as sock:
            sock.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
            reply = b"".join(iter(lambda: sock.recv(PIECE), b""))
        head, _, body = reply.partition(b"\r\n\r\n")
        return len(head) + 4 + len("keep-alive") - len("close"), len(body)

    def getter(self, url: str) -> Callable[[], bytes]:
        return self.repeater(self.request(url), url)

    def poster(self, url: str) -> Callable[[], bytes]:
        head = self.request(url, f"Content-Length: {len(POST_BODY)}", method="POST")
        return self.repeater(head + POST_BODY, url)

    def repeater(self, request: bytes, url: str) -> Callable[[], bytes]:
        """A function that sends `request` and takes as long a reply as the first one was."""
        head, body = self.lengths(request, url)
        whole = head + body
        sock = self.open(url)
        send, recv = sock.sendall, sock.recv

        def get() -> bytes:
            send(request)
            reply = recv(whole)
            while len(reply) < whole:
                reply += recv(whole)
            return reply

        def get_large() -> bytes:
            send(request)
            recv(head, socket.MSG_WAITALL)
            return recv(body, socket.MSG_WAITALL)

        return get if whole <= PIECE else get_large

    def fresh_getter(self, url: str) -> Callable[[], bytes]:
        to = urlsplit(url)
        address = (to.hostname, to.port)
        request = self.request(url, "Connection: close")

        def get() -> bytes:
            with socket.socket() as sock:
                sock.connect(address)
                sock.sendall(request)
                reply = piece = sock.recv(PIECE)
                while piece:
                    piece = sock.recv(PIECE)
                    reply += piece
            return reply

        return get

    def stream(self, url: str) -> int:
        with self.open(url) as sock:
            sock.sendall(self.request(url))
            buffer = bytearray(PIECE)
            count = sock.recv_into(buffer)
            head = buffer.index(b"\r\n\r\n") + 4
            length = int(buffer.partition(b"Content-Length: ")[2].partition(b"\r")[0])
            received = count - head
            while received < length:
                received += sock.recv_into(
                    buffer, min(PIECE, length - received), socket.MSG_WAITALL
                )
            return received

    def upload(self, url: str, body: bytes | BinaryIO, length: int) -> bytes:
        head = self.request(url, f"Content-Length: {length}", "Connection: close", method="POST")
        with self.open(url) as sock:
            sock.sendall(head)
            if isinstance(body, bytes):
                sock.sendall(body)
            else:
                sock.sendfile(body)
            reply = b"".join(iter(lambda: sock.recv(PIECE), b""))
        return reply.partition(b"\r\n\r\n")[2]


class HTTPClient(Client):
    name = "http.client"
    IMPORT = "import http.client"
    COLD = """
import http.client, ssl
from urllib.parse import urlsplit
to = urlsplit(URL)
context = ssl.create_default_context(cafile=CAFILE)
connection = http.client.HTTPSConnection(to.netloc, context=context)
connection.request("GET", to.path)
connection.getresponse().read()
"""
    shares_connections = False
    CANNOT: ClassVar = {
        "cookies": "it has no jar",
        "redirects": "it follows none",
        "gzip": "it does not decode",
        "origins": "it has no pool",
        "unix": "it connects to hosts only",
    }

    def open(self, url: str) -> http.client.HTTPConnection:
        to = urlsplit(url)
        if to.scheme == "https":
            return http.client.HTTPSConnection(to.netloc, context=self.context())
        return http.client.HTTPConnection(to.netloc)

    def getter(self, url: str) -> Callable[[], bytes]:
        path = urlsplit(url).path
        connection = self.open(url)

        def get() -> bytes:
            connection.request("GET", path)
            return connection.getresponse().read()

        return get

    def poster(self, url: str) -> Callable[[], bytes]:
        path = urlsplit(url).path
        connection = self.open(url)
        fields = {"Content-Type": "application/x-www-form-urlencoded"}

        def post() -> bytes:
            connection.request("POST", path, POST_BODY, fields)
            return connection.getresponse().read()

        return post

    def fresh_getter(self, url: str) -> Callable[[], bytes]:
        to = urlsplit(url)
        host, path = to.netloc, to.path

        def get() -> bytes:
            connection = http.client.HTTPConnection(host)
            connection.request("GET", path)
            body = connection.getresponse().read()
            connection.close()
            return body

        return get

    def stream(self, url: str) -> int:
        connection = self.open(url)
        connection.request("GET", urlsplit(url).path)
        reply = connection.getresponse()
        received = read_in_pieces(reply.read)
        connection.close()
        return received

    def upload(self, url: str, body: bytes | BinaryIO, length: int) -> bytes:
        connection = self.open(url)
        # Without a length it would send a file in chunks.
        connection.request("POST", urlsplit(url).path, body, {"Content-Length": str(length)})
        reply = connection.getresponse().read()
        connection.close()
        return reply


class Urllib(Client):
    """Has a connection of its own for every request, whatever is asked of it."""

    name = "urllib"
    IMPORT = "import urllib.request"
    COLD = """
import ssl, urllib.request
context = ssl.create_default_context(cafile=CAFILE)
with urllib.request.urlopen(URL, context=context) as reply:
    reply.read()
"""

    CANNOT: ClassVar = {
        "gzip": "it does not decode",
        "origins": "it has no pool",
        "unix": "it connects to hosts only",
    }
    jar: Any = None

    def open(self, url: str) -> Callable[..., Any]:
        """Its `urlopen`, or that of an opener with what the client needs."""
        import urllib.request

        if url.startswith("https"):
            handler = urllib.request.HTTPSHandler(context=self.context())
            return urllib.request.build_opener(handler).open
        if self.needs.cookies:
            if self.jar is None:
                self.jar = urllib.request.HTTPCookieProcessor()
            return urllib.request.build_opener(self.jar).open
        urlopen: Callable[..., Any] = urllib.request.urlopen
        return urlopen

    def getter(self, url: str, data: bytes | None = None) -> Callable[[], Any]:
        urlopen = self.open(url)

        def get() -> Any:
            with urlopen(url, data) as reply:
                return reply.read()

        return get

    fresh_getter = getter

    def poster(self, url: str) -> Callable[[], Any]:
        return self.getter(url, POST_BODY)

    def stream(self, url: str) -> int:
        import urllib.request

        with urllib.request.urlopen(url) as reply:
            return read_in_pieces(reply.read)

    def upload(self, url: str, body: bytes | BinaryIO, length: int) -> bytes:
        import urllib.request

        fields = {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
        request = urllib.request.Request(url, body, fields)
        with urllib.request.urlopen(request) as reply:
            received: bytes = reply.read()
            return received
