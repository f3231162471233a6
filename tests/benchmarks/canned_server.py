"""A server in a process of its own whose replies are ready beforehand, for what nginx can't do.

    with CannedServer(origins=1000, unix=path) as server:
        fetch(server.urls[0] + "/1k")

It listens at `origins` ports and, if asked to, at a unix socket. Connections are kept alive unless
the request has "Connection: close". It takes requests without a body, one at a time, and has

    /1k             1 KB
    /chunked        1 MB in chunks of 4 KB
    /fields/N       1 KB, N fields in the head
    /set-cookies/N  25 cookies, other ones for each N
    /cookies        how many cookies the request had, as "N cookies"
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import selectors
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

PAGE = bytes(range(32, 96)) * 16
CHUNKS, CHUNK = 256, b"%x\r\n%s\r\n" % (4096, PAGE * 4)
COOKIES_AT_ONCE = 25
"""libcurl takes at most 50 of one reply."""
PATIENCE = 10.0

TARGET = re.compile(rb"[A-Z]+ (\S+)")
COOKIE = re.compile(rb"^cookie:(.*)", re.I | re.M)
CLOSES = re.compile(rb"^connection:[ \t]*close", re.I | re.M)


class CannedServer:
    """Runs while it is entered. `urls` are the beginnings of its origins' URLs."""

    def __init__(self, origins: int = 1, unix: str = "") -> None:
        self.urls: list[str] = []
        self.unix = unix
        self._origins = origins

    def __enter__(self) -> Self:
        command = [sys.executable, __file__, str(self._origins), self.unix]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ports = json.loads(self._process.stdout.readline())
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate(timeout=PATIENCE)


# --- in the server's process


def reply(fields: list[str], body: bytes, length: bool = True) -> bytes:
    lines = ["HTTP/1.1 200 OK", "Server: canned", "Connection: keep-alive", *fields]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@functools.cache
def reply_to(target: str) -> bytes:
    _, what, *number = target.split("/")
    count = int(number[0]) if number else 0
    if what == "chunked":
        return reply(["Transfer-Encoding: chunked"], CHUNK * CHUNKS + b"0\r\n\r\n", length=False)
    if what == "fields":
        more = count - 3  # those that every reply has
        return reply([f"X-Field-{index:04}: value-{index:04}" for index in range(more)], PAGE)
    if what == "set-cookies":
        first = count * COOKIES_AT_ONCE
        names = [f"name{index:05}" for index in range(first, first + COOKIES_AT_ONCE)]
        return reply([f"Set-Cookie: {name}=value; Path=/; Max-Age=86400" for name in names], b"set")
    return reply([], PAGE)


def answer(connection: socket.socket, request: bytes) -> bool:
    """Sends the reply; whether the connection is kept."""
    found = TARGET.match(request)
    target = found[1].decode() if found else "/1k"
    if target == "/cookies":
        cookies = sum(field.count(b"=") for field in COOKIE.findall(request))
        whole = reply([], b"%d cookies" % cookies)
    else:
        whole = reply_to(target)
    if CLOSES.search(request):
        connection.sendall(whole.replace(b"Connection: keep-alive", b"Connection: close", 1))
        return False
    connection.sendall(whole)
    return True


def serve(listeners: list[socket.socket]) -> None:
    """Answers all connections, until it is killed."""
    with selectors.DefaultSelector() as selector:
        heads: dict[socket.socket, bytes] = {}
        for listener in listeners:
            selector.register(listener, selectors.EVENT_READ, listener)
        while True:
            for key, _ in selector.select():
                if key.data not in heads:
                    connection, _ = key.data.accept()
                    if connection.family != socket.AF_UNIX:
                        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    heads[connection] = b""
                    selector.register(connection, selectors.EVENT_READ, connection)
                elif not take(key.data, heads):
                    selector.unregister(key.data)
                    del heads[key.data]
                    key.data.close()


def take(connection: socket.socket, heads: dict[socket.socket, bytes]) -> bool:
    """Reads what has come, and answers a request that is whole; whether the connection is kept."""
    with contextlib.suppress(ConnectionError):
        data = connection.recv(1 << 16)
        heads[connection] += data
        if not heads[connection].endswith(b"\r\n\r\n"):
            return bool(data)
        request, heads[connection] = heads[connection], b""
        return answer(connection, request)
    return False


def allow_many_files() -> None:
    """Lets this process have as many files open as the system would let it."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    allow_many_files()
    listening = [
        socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in range(int(sys.argv[1]))
    ]
    ports = [listener.getsockname()[1] for listener in listening]
    if sys.argv[2]:
        at_path = socket.socket(socket.AF_UNIX)
        at_path.bind(sys.argv[2])
        at_path.listen(128)
        listening.append(at_path)
    print(json.dumps(ports), flush=True)
    serve(listening)
