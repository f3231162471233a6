"""Real proxies on loopback, each with a configuration of its own: tinyproxy, squid, microsocks and
dante.

    with Tinyproxy(user="me", password="secret") as proxy:
        fetch_through(proxy.url)
    assert proxy.connections == 1

What they saw is complete once they have ended. A Relay before one counts its connections at once.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Self

    from support.certificates import Pair

PATIENCE = 20.0
"""Seconds that a proxy gets to begin and to end."""

ATTEMPTS = 5
"""Neither program takes a listening socket: each is told a port that was free just before."""


def find_program(name: str) -> str | None:
    """The path of a program, also where it is outside an ordinary user's PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


class RunningProxy:
    """A proxy at `url` while it is entered. A subclass says how its program is run and read."""

    program = ""
    is_ready = re.compile("")
    """What it prints when it takes connections."""
    arguments: tuple[str, ...] = ()
    """Before the name of the file of its configuration."""

    port = 0

    @property
    def address(self) -> str:
        """host:port"""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def command(self) -> list[str]:
        """What its program is run with. `self.port` and `self.directory` are there."""
        file = self.directory / "configuration"
        file.write_text(self.configuration())
        return [*self.arguments, str(file)]

    def configuration(self) -> str:
        """The text of its file."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        program = find_program(self.program)
        if program is None:
            raise FileNotFoundError(f"{self.program} is not installed")
        self.directory = Path(tempfile.mkdtemp(prefix=f"{self.program}-"))
        try:
            if not any(self._starts(program) for _ in range(ATTEMPTS)):
                raise RuntimeError(f"{self.program} does not run: {self.output}")
        except BaseException:
            shutil.rmtree(self.directory)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self.read_logs()
        shutil.rmtree(self.directory)

    def ask_to_end(self) -> None:
        """For who has several of them: each takes its time, squid two seconds."""
        self._process.terminate()

    def read_logs(self) -> None:
        """Called when it has ended; its files and `self.output` are there."""

    def _starts(self, program: str) -> bool:
        """Whether it takes connections."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.directory.chmod(0o777)  # squid goes on as another user
        self.output: list[str] = []
        self._process = subprocess.Popen(
            [program, *self.command()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._begun = threading.Event()
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()
        if self.wait_until_ready():
            self.wait_until_it_listens()
            return True
        self._end()
        return False

    def wait_until_ready(self) -> bool:
        """Waits until it takes connections; returns whether it does."""
        return self._begun.wait(PATIENCE) and any(map(self.is_ready.search, self.output))

    def wait_until_it_listens(self) -> None:
        """Called when it has said that it does; overridden where that is said too soon."""

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output.append(line)
            if self.is_ready.search(line):
                self._begun.set()
        self._begun.set()  # or it ended

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Tinyproxy(RunningProxy):
    """tinyproxy. It closes each connection after one request; a tunnel stays open.

    With `user` it wants Basic credentials. `connections` and `requests` are what it saw: how many
    connections, and the first line of each request.
    """

    program = "tinyproxy"
    arguments = ("-d", "-c")
    is_ready = re.compile("Accepting connections")

    def __init__(self, user: str | None = None, password: str = "") -> None:
        self._credentials = "" if user is None else f"BasicAuth {user} {password}"
        self.connections = 0
        self.requests: list[str] = []

    def configuration(self) -> str:
        return f"""
            Port {self.port}
            Listen 127.0.0.1
            Timeout 60
            LogLevel Info
            MaxClients 50
            {self._credentials}
        """

    def read_logs(self) -> None:
        for line in self.output:
            if re.search(r": Connect \(", line):
                self.connections += 1
            elif request := re.search(r": Request \([^)]*\): (.*)", line):
                self.requests.append(request[1])


REALM = "here"
"""The realm of squid's passwords."""


class Squid(RunningProxy):
    """squid, caching nothing. It keeps connections alive.

    With `user` it wants credentials of the `scheme`, "Basic" or "Digest". With a `certificate` it
    takes TLS as well, at `secure_url`. `connections` and `requests` are what it saw: how many
    connections, and method and URL of each request.
    """

    program = "squid"
    arguments = ("-N", "-d", "1", "-f")
    is_ready = re.compile("Accepting HTTP Socket connections")

    def __init__(
        self,
        user: str | None = None,
        password: str = "",
        scheme: str = "Basic",
        certificate: Pair | None = None,
    ) -> None:
        self._who = user, password, scheme
        self._certificate = certificate
        self.secure_port = 0
        self.connections = 0
        self.requests: list[str] = []

    @property
    def secure_url(self) -> str:
        return f"https://localhost:{self.secure_port}"

    def configuration(self) -> str:
        return f"""
            http_port {self.address}
            {self._secure_port()}
            {self._access()}
            cache deny all
            strip_query_terms off
            pid_filename {self.directory}/pid
            coredump_dir {self.directory}
            logformat short %>p %rm %ru
            access_log stdio:{self.directory}/access.log short
            cache_log {self.directory}/cache.log
            debug_options ALL,1
            shutdown_lifetime 0 seconds
            pinger_enable off
        """

    def _secure_port(self) -> str:
        if self._certificate is None:
            return ""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.secure_port = probe.getsockname()[1]
        for name, file in (("chain", self._certificate.chain), ("key", self._certificate.key)):
            shutil.copy(file, self.directory / name)
            (self.directory / name).chmod(0o644)
        files = f"tls-cert={self.directory}/chain tls-key={self.directory}/key"
        return f"https_port 127.0.0.1:{self.secure_port} {files}"

    def _access(self) -> str:
        """Who may use it. squid asks a program about each name; ours knows one."""
        user, password, scheme = self._who
        if user is None:
            return "http_access allow all"
        if scheme == "Basic":
            question, answer = f"{user} {password}", "OK"
        else:
            digest = hashlib.md5(f"{user}:{REALM}:{password}".encode()).hexdigest()
            question, answer = f'"{user}":"{REALM}"', f'OK ha1="{digest}"'
        program = self.directory / "knows"
        program.write_text(
            "#!/bin/sh\nwhile read -r line; do\n"
            f"if [ \"$line\" = '{question}' ]; then echo '{answer}'; else echo ERR; fi\ndone\n"
        )
        program.chmod(0o755)
        return f"""
            auth_param {scheme.lower()} program {program}
            auth_param {scheme.lower()} children 1 startup=1
            auth_param {scheme.lower()} realm {REALM}
            acl known proxy_auth REQUIRED
            http_access allow known
            http_access deny all
        """

    def wait_until_it_listens(self) -> None:
        wait_for_port(self.port)
        if self.secure_port:
            wait_for_port(self.secure_port)

    def read_logs(self) -> None:
        lines = (self.directory / "access.log").read_text().splitlines()
        # A connection without a request is logged as one with an error.
        seen = [line.split(" ", 1) for line in lines if " error:" not in line]
        self.connections = len({port for port, _ in seen})
        self.requests = [request for _, request in seen]


class Microsocks(RunningProxy):
    """microsocks, a SOCKS 5 proxy. With `user` it wants that name and password."""

    program = "microsocks"

    def __init__(self, user: str | None = None, password: str = "") -> None:
        self._credentials = [] if user is None else ["-u", user, "-P", password]

    @property
    def url(self) -> str:
        return f"socks5h://{self.address}"

    def command(self) -> list[str]:
        return ["-i", "127.0.0.1", "-p", str(self.port), *self._credentials]

    def wait_until_ready(self) -> bool:
        return wait_for_port(self.port)  # it says nothing


class Dante(RunningProxy):
    """dante, a SOCKS proxy of the versions 4 and 5, for everybody on loopback."""

    program = "danted"
    arguments = ("-f",)
    is_ready = re.compile("running$")

    @property
    def url(self) -> str:
        return f"socks4://{self.address}"

    def configuration(self) -> str:
        return f"""
            logoutput: stderr
            internal: 127.0.0.1 port = {self.port}
            external: lo
            clientmethod: none
            socksmethod: none
            client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
            socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 protocol: tcp }}
        """


def wait_for_port(port: int) -> bool:
    """Waits until a program listens there; returns whether it does."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.005)
        else:
            return True
    return False


class Relay(socketserver.ThreadingTCPServer):
    """Hands every byte on between its clients and a port on loopback, and counts `connections`."""

    daemon_threads = True
    block_on_close = True

    def __init__(self, port: int) -> None:
        self.to = port
        self.connections = 0
        super().__init__(("127.0.0.1", 0), _Relayed)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, args=[0.01], daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Relayed(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        self.server.connections += 1
        with socket.create_connection(("127.0.0.1", self.server.to)) as there:
            for sock in (self.request, there):  # else the parts of a reply wait for each other
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_hand_on, args=[there, self.request], daemon=True)
            back.start()
            _hand_on(self.request, there)
            back.join()


def _hand_on(source: Any, target: Any) -> None:
    """Hands bytes on until one of both ends."""
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for sock in (source, target):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
