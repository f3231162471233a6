"""A private Apache httpd on loopback, with mod_auth_digest, for what only a real server shows.

    with Apache({"user": "password"}) as apache:
        fetch(apache.url + "guarded/page")

It runs in a temporary directory of its own, with a configuration of its own. /guarded/ asks for
Digest with nonces that live long, /brief/ with nonces of a second, /once/ with nonces for one
answer; /open/ asks for nothing. Debian has it as `apache2`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

PATIENCE = 10.0
"""Seconds that it gets to answer the first request, and to end."""
REALM = "the cave"
PAGE = b"open sesame\n" * 20
MODULES = [Path("/usr/lib/apache2/modules"), Path("/usr/lib64/httpd/modules")]
ATTEMPTS = 5


def find_apache() -> str | None:
    """The path of the program, also where it is outside an ordinary user's PATH."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return shutil.which("apache2", path=path) or shutil.which("httpd", path=path)


def find_modules() -> Path | None:
    """Where the modules are, if the one for Digest is among them."""
    return next((at for at in MODULES if (at / "mod_auth_digest.so").exists()), None)


class Apache:
    """Runs while it is entered. `users` are names and passwords."""

    def __init__(self, users: dict[str, str]) -> None:
        self._users = users
        self.url = ""
        """The root page."""

    def log(self, at_least: int = 0) -> list[tuple[str, int]]:
        """Target and status of each request answered so far.

        Lines are written after replies, so this waits until there are `at_least` so many.
        """
        until = time.monotonic() + PATIENCE
        while True:
            lines = (self._directory / "access.log").read_text().splitlines()
            if len(lines) >= at_least or time.monotonic() > until:
                return [(target, int(status)) for target, status in map(str.split, lines)]
            time.sleep(0.01)

    @property
    def error_log(self) -> str:
        """What it complained about so far."""
        paths = [self._directory / "stderr", self._directory / "error.log"]
        return "".join(path.read_text() for path in paths if path.exists())

    def __enter__(self) -> Self:
        program, modules = find_apache(), find_modules()
        if program is None or modules is None:
            raise FileNotFoundError("Apache httpd is not installed")
        self._directory = Path(tempfile.mkdtemp(prefix="apache-"))
        self._directory.chmod(0o755)  # what it runs as, if this is root, is another user
        try:
            for attempt in range(ATTEMPTS):
                self._start(program, modules)
                if self._answers():
                    return self
                self._end()
                if attempt == ATTEMPTS - 1:
                    raise RuntimeError(f"Apache httpd does not run: {self.error_log}")
        except BaseException:
            shutil.rmtree(self._directory)
            raise
        raise AssertionError("not reached")

    def __exit__(self, *_: object) -> None:
        self._end()
        shutil.rmtree(self._directory)

    def _start(self, program: str, modules: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            port = reserved.getsockname()[1]  # another program may take it: then once more
        self.url = f"http://127.0.0.1:{port}/"
        for place in ("guarded", "brief", "once", "open"):
            folder = self._directory / "files" / place
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "page").write_bytes(PAGE)
        (self._directory / "access.log").write_bytes(b"")
        (self._directory / "users").write_text(
            "".join(
                f"{user}:{REALM}:{hashlib.md5(f'{user}:{REALM}:{password}'.encode()).hexdigest()}\n"
                for user, password in self._users.items()
            )
        )
        loaded = "".join(
            f"LoadModule {name}_module {modules / f'mod_{name}.so'}\n"
            for name in MODULE_NAMES
            if (modules / f"mod_{name}.so").exists()
        )
        configuration = loaded + CONFIGURATION.format(
            directory=self._directory, port=port, user=USER_OF_ROOT if os.geteuid() == 0 else ""
        )
        configuration += "".join(
            GUARDED.format(directory=self._directory, place=place, lifetime=lifetime, realm=REALM)
            for place, lifetime in (("guarded", 300), ("brief", 1), ("once", 0))
        )
        (self._directory / "httpd.conf").write_text(configuration)
        with open(self._directory / "stderr", "wb") as complaints:
            self._process = subprocess.Popen(
                [program, "-f", self._directory / "httpd.conf", "-D", "FOREGROUND"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
            )

    def _answers(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with opener.open(f"{self.url}open/page", timeout=PATIENCE) as reply:
                    return bool(reply.read() == PAGE)
            except OSError:
                time.sleep(0.02)  # it says nowhere that it listens
        return False

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


USER_OF_ROOT = """
User nobody
Group nogroup
"""

MODULE_NAMES = [
    *["mpm_event", "unixd", "log_config", "authn_core", "authn_file", "authz_core", "authz_user"],
    *["auth_digest", "mime"],
]

CONFIGURATION = """
ServerName localhost
ServerRoot {directory}
PidFile {directory}/httpd.pid
DefaultRuntimeDir {directory}
{user}
Listen 127.0.0.1:{port}
ErrorLog {directory}/error.log
LogFormat "%U %>s" short
CustomLog {directory}/access.log short
TypesConfig /dev/null
DocumentRoot {directory}/files
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
StartServers 1
<Directory {directory}/files>
    Require all granted
</Directory>
"""

GUARDED = """
<Directory {directory}/files/{place}>
    AuthType Digest
    AuthName "{realm}"
    AuthDigestProvider file
    AuthUserFile {directory}/users
    AuthDigestQop auth
    AuthDigestAlgorithm MD5
    AuthDigestNonceLifetime {lifetime}
    Require valid-user
</Directory>
"""
