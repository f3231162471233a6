"""A private nginx on loopback, for what only a real server shows.

    with Nginx(certificates) as nginx:
        fetch(nginx.http + "/1k")

It runs in a temporary directory of its own, with a configuration of its own, as the current user.
Its listening sockets are opened here and handed down to it, so that no port is guessed and nothing
has to wait for a port to open. Its places are listed at `PLACES`, its ports at `PORTS`.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import socket
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

    from support.certificates import Certificates, Pair

PATIENCE = 10.0
"""Seconds that nginx gets to answer the first request, and to end."""

DAV_EXTENSION = "ngx_http_dav_ext_module.so"
MODULES = [Path("/usr/lib/nginx/modules"), Path("/usr/lib64/nginx/modules")]

PLAIN_STATUSES = [
    *[200, 201, 202, 203, 204, 205, 304],
    *[400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418],
    *[421, 422, 423, 424, 425, 426, 428, 429, 431, 444, 451],
    *[500, 501, 502, 503, 504, 505, 507, 511, 599],
]
"""What /status/NNN may be asked for, beside the redirects. 444: closes without any reply."""

REDIRECT_STATUSES = [301, 302, 303, 307, 308]
"""/status/NNN of these leads to /1k."""


def find_nginx() -> str | None:
    """The path of the nginx program, also where it is outside an ordinary user's PATH."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def find_dav_extension() -> Path | None:
    """The module that answers PROPFIND, where it is installed."""
    return next((found for at in MODULES if (found := at / DAV_EXTENSION).exists()), None)


@dataclass(frozen=True)
class LoggedRequest:
    """One line of the access log. `connection` is nginx's serial number of the connection.

    `session_reused` tells whether its TLS went on with the session of an earlier one.
    """

    connection: int
    nth_on_connection: int
    method: str
    target: str
    status: int
    session_reused: bool = False


class Nginx:
    """Runs while it is entered. Without `certificates` it has no TLS ports.

    Each name in `PORTS` is an attribute too, the beginning of a URL: `nginx.http` is
    "http://127.0.0.1:12345", those over TLS are "https://localhost:12346".
    """

    http: str
    impatient: str
    forgetful: str
    https: str
    wrong_name: str
    expired: str
    self_signed: str
    unknown_issuer: str
    client_wanted: str

    def __init__(
        self,
        certificates: Certificates | None = None,
        *,
        workers: int = 1,
        access_log: bool = True,
    ) -> None:
        self.ports: dict[str, int] = {}
        """The port of each name in `PORTS`."""
        self.version = ""
        self.has_propfind = find_dav_extension() is not None
        self._certificates = certificates
        self._workers = workers
        self._logs = access_log
        self._names = [name for name in PORTS if name in PLAIN_PORTS or certificates is not None]

    # --- files

    def add_file(self, name: str, content: bytes) -> str:
        """Serves `content` at /name; returns its SHA-256 as hex digits."""
        (self.files / name).write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    def add_big_file(self, name: str, megabytes: int) -> str:
        """Serves so many MiB, no two alike, at /name; returns their SHA-256 as hex digits."""
        digest = hashlib.sha256()
        pattern = random.Random(megabytes)
        with open(self.files / name, "wb") as file:
            for _ in range(megabytes):
                block = pattern.randbytes(1 << 20)
                digest.update(block)
                file.write(block)
        return digest.hexdigest()

    def add_sparse_file(self, name: str, size: int) -> None:
        """Serves `size` zero bytes at /name, without writing them."""
        with open(self.files / name, "wb") as file:
            file.truncate(size)

    # --- what it saw

    def log(self) -> list[LoggedRequest]:
        """Every request answered so far; those of an earlier `log` included.

        Needs the one worker that is the default: it has written the lines of all earlier requests
        by the time when it answers the request that is made here.
        """
        assert self._logs, "this nginx keeps no log"
        assert self._workers == 1, "more workers write their lines in no certain order"
        self._wait_until_it_answers()
        lines = (self._directory / "access.log").read_text().splitlines()
        return [
            LoggedRequest(int(connection), int(nth), method, target, int(status), session == "r")
            for connection, nth, method, target, status, session in (
                line.split(" ") for line in lines
            )
        ]

    @property
    def error_log(self) -> str:
        """What nginx complained about so far."""
        paths = [self._directory / "stderr", self._directory / "error.log"]
        return "".join(path.read_text() for path in paths if path.exists())

    # --- running

    def __enter__(self) -> Self:
        program = find_nginx()
        if program is None:
            raise FileNotFoundError("nginx is not installed")
        shown = subprocess.run([program, "-v"], capture_output=True, text=True, check=True)
        self.version = shown.stderr.strip().rpartition("/")[2]
        self._directory = Path(tempfile.mkdtemp(prefix="nginx-"))
        try:
            self._make_files()
            self._start(program)
            try:
                self._wait_until_it_answers()
            except OSError as error:
                self._end()
                raise RuntimeError(f"nginx does not run: {self.error_log}") from error
        except BaseException:
            shutil.rmtree(self._directory)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        shutil.rmtree(self._directory)

    def _make_files(self) -> None:
        self.files = self._directory / "files"
        """The directory that is served at /."""
        (self.files / "dav").mkdir(parents=True)
        self.add_file("1k", bytes(range(32, 96)) * 16)
        self.add_file("1m", random.Random(1).randbytes(1 << 20))
        self.add_file("text", b"The same line, over and over, so that it shrinks well.\n" * 400)
        if self._certificates is not None:
            for name in self._names:
                pair: Pair | None = getattr(self._certificates, CERTIFICATE_OF.get(name, ""), None)
                if pair is not None:
                    shutil.copy(pair.chain, self._directory / f"{name}.pem")
                    shutil.copy(pair.key, self._directory / f"{name}.key")
            shutil.copy(self._certificates.ca_file, self._directory / "ca.pem")

    def _start(self, program: str) -> None:
        sockets = [socket.create_server(("127.0.0.1", 0), backlog=512) for _ in self._names]
        self.ports = {
            name: sock.getsockname()[1] for name, sock in zip(self._names, sockets, strict=True)
        }
        for name, port in self.ports.items():
            start = "http://127.0.0.1" if name in PLAIN_PORTS else "https://localhost"
            setattr(self, name, f"{start}:{port}")
        (self._directory / "nginx.conf").write_text(self._configuration())
        handles = [sock.fileno() for sock in sockets]
        with open(self._directory / "stderr", "wb") as complaints:
            self._process = subprocess.Popen(
                [program, "-p", self._directory, "-c", "nginx.conf"],
                # nginx takes over listening sockets that this variable names: its own way of
                # handing them on when its program is replaced by a newer one.
                env=os.environ | {"NGINX": "".join(f"{handle};" for handle in handles)},
                pass_fds=handles,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
            )
        for sock in sockets:
            sock.close()

    def _wait_until_it_answers(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.http}/unlogged", timeout=PATIENCE) as reply:
            reply.read()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    # --- the configuration

    def _configuration(self) -> str:
        extension = find_dav_extension()
        return TOP.format(
            load=f"load_module {extension};" if extension else "",
            user="user root;" if os.geteuid() == 0 else "",
            workers=self._workers,
            access_log="access_log access.log short;" if self._logs else "access_log off;",
            servers="".join(self._server(name) for name in self._names),
        )

    def _server(self, name: str) -> str:
        secured = "" if name in PLAIN_PORTS else "ssl"
        return SERVER.format(
            port=self.ports[name],
            secured=secured,
            certificate=CERTIFICATE.format(name=name) if secured else "",
            settings=PORTS[name],
            places=PLACES.format(
                files=self.files,
                extension="dav_ext_methods PROPFIND OPTIONS;" if self.has_propfind else "",
                statuses=statuses(),
            ),
        )


def statuses() -> str:
    """A place for each status: nginx takes no variable there."""
    plain = [
        f'location = /status/{status} {{ return {status} "{status}\\n"; }}'
        for status in PLAIN_STATUSES
        if status not in (204, 304, 444)
    ]
    bare = [f"location = /status/{status} {{ return {status}; }}" for status in (204, 304, 444)]
    leading = [
        f"location = /status/{status} {{ return {status} /1k; }}" for status in REDIRECT_STATUSES
    ]
    return "\n".join(plain + bare + leading)


TOP = """
daemon off;
{load}
{user}
pid nginx.pid;
error_log error.log;
worker_processes {workers};
events {{ worker_connections 1024; }}
http {{
    log_format short '$connection $connection_requests $request_method $request_uri $status '
                     '$ssl_session_reused';
    {access_log}
    default_type application/octet-stream;
    types {{ text/plain txt; text/html html; application/json json; }}
    client_body_temp_path temporary_body;
    proxy_temp_path temporary_proxy;
    fastcgi_temp_path temporary_fastcgi;
    uwsgi_temp_path temporary_uwsgi;
    scgi_temp_path temporary_scgi;
    client_max_body_size 0;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    {servers}
}}
"""

SERVER = """
server {{
    listen 127.0.0.1:{port} {secured};
    {certificate}
    {settings}
    {places}
}}
"""

CERTIFICATE = """
    ssl_certificate {name}.pem;
    ssl_certificate_key {name}.key;
    ssl_protocols TLSv1.2 TLSv1.3;
"""

PLACES = """
    # Files: /1k, /1m, /text, and what a test adds. Ranges and conditions work here.
    root {files};

    # The same files, coded with gzip as they go out, which makes the reply chunked.
    location /gzip/ {{
        alias {files}/;
        gzip on; gzip_types *; gzip_min_length 0; gzip_http_version 1.0;
    }}

    # The same files, sent as they are but under a Content-Encoding: for files coded beforehand.
    location /coded/ {{ alias {files}/; add_header Content-Encoding gzip; }}

    # The same files, chunked: a page that might have inclusions has no known length.
    location /chunked/ {{ alias {files}/; ssi on; ssi_types *; }}

    # The same files, on a connection that closes after the reply.
    location /close/ {{ alias {files}/; keepalive_timeout 0; }}

    # /1k with 16 more fields in its head.
    location = /headers16 {{
        alias {files}/1k;
        add_header X-Field-01 value-01; add_header X-Field-02 value-02;
        add_header X-Field-03 value-03; add_header X-Field-04 value-04;
        add_header X-Field-05 value-05; add_header X-Field-06 value-06;
        add_header X-Field-07 value-07; add_header X-Field-08 value-08;
        add_header X-Field-09 value-09; add_header X-Field-10 value-10;
        add_header X-Field-11 value-11; add_header X-Field-12 value-12;
        add_header X-Field-13 value-13; add_header X-Field-14 value-14;
        add_header X-Field-15 value-15; add_header X-Field-16 value-16;
    }}

    # A chain of redirects of three kinds, the second one relative; and one that never ends.
    location = /r1 {{ return 301 /r2; }}
    location = /r2 {{ absolute_redirect off; return 302 /r3; }}
    location = /r3 {{ return 307 /1k; }}
    location = /loop {{ return 302 /loop; }}

    # "<serial number of the connection> <number of the request on it>".
    location = /connection {{ return 200 "$connection $connection_requests"; }}

    # Takes any method and body; says the method and the length that was announced, if any.
    location = /post {{ return 200 "$request_method $content_length"; }}

    location /dav/ {{
        dav_methods PUT DELETE MKCOL COPY MOVE;
        {extension}
        create_full_put_path on;
        dav_access user:rw;
    }}

    location = /unlogged {{ access_log off; return 200 "here"; }}

    {statuses}
"""

PLAIN_PORTS = ["http", "impatient", "forgetful"]

CERTIFICATE_OF = {
    "https": "good",
    "wrong_name": "wrong_name",
    "expired": "expired",
    "self_signed": "self_signed",
    "unknown_issuer": "unknown_issuer",
    "client_wanted": "good",
}

PORTS = {
    "http": "",
    "impatient": "keepalive_timeout 50ms;",
    "forgetful": "keepalive_requests 10;",
    "https": "",
    "wrong_name": "",
    "expired": "",
    "self_signed": "",
    "unknown_issuer": "",
    "client_wanted": "ssl_client_certificate ca.pem; ssl_verify_client on;",
}
"""The ports, each with the settings that make it special.

`impatient` closes a connection that is idle for 50 ms, `forgetful` after ten requests; the ones
named like a certificate show it; `client_wanted` answers 400 without a client certificate.
"""
