"""Real proxies on loopback: tinyproxy and squid, each with a configuration of its own.

    with Tinyproxy(user="me", password="secret") as proxy:
        fetch_through(proxy.url)
    assert proxy.connections == 1

What they saw is complete once they have ended.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

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

    def configuration(self) -> str:
        """The text of its file; `self.port` and `self.directory` are there."""
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

    def read_logs(self) -> None:
        """Called when it has ended; its files and `self.output` are there."""

    def _starts(self, program: str) -> bool:
        """Whether it takes connections."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.directory.chmod(0o777)  # squid goes on as another user
        file = self.directory / "configuration"
        file.write_text(self.configuration())
        self.output: list[str] = []
        self._process = subprocess.Popen(
            [program, *self.arguments, file],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._begun = threading.Event()
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()
        if self._begun.wait(PATIENCE) and any(map(self.is_ready.search, self.output)):
            self.wait_until_it_listens()
            return True
        self._end()
        return False

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


class Squid(RunningProxy):
    """squid, caching nothing. It keeps connections alive.

    `connections` and `requests` are what it saw: how many connections, and method and URL of each
    request.
    """

    program = "squid"
    arguments = ("-N", "-d", "1", "-f")
    is_ready = re.compile("Accepting HTTP Socket connections")

    def __init__(self) -> None:
        self.connections = 0
        self.requests: list[str] = []

    def configuration(self) -> str:
        return f"""
            http_port {self.address}
            http_access allow all
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

    def wait_until_it_listens(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                time.sleep(0.005)
            else:
                return

    def read_logs(self) -> None:
        lines = (self.directory / "access.log").read_text().splitlines()
        # A connection without a request is logged as one with an error.
        seen = [line.split(" ", 1) for line in lines if " error:" not in line]
        self.connections = len({port for port, _ in seen})
        self.requests = [request for _, request in seen]
