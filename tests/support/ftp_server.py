"""An FTP server on loopback, small enough to read, for files in a dict (RFC 959, 2428, 3659, 4217).

    with FTPServer({"/pub/hello.txt": b"hello"}) as server:
        fetch(f"ftp://{server.authority}/pub/hello.txt")
    assert server.commands[:2] == ["USER anonymous", "PASS anonymous@"]

It is a ScriptedServer, so what goes wrong in its threads is raised when it exits. `answers` makes
it misbehave: they are given in place of what it would say. As PASV answers go, its own is a lie: it
names an address that is not the server's.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from support.connections import ClientGone
from support.servers import ScriptedServer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from support.connections import Connection

PATIENCE = 10.0
"""Seconds that the server waits for a data connection."""

FILES = {
    "/hello.txt": b"Hello, world.\r\n",
    "/pub/page.html": b"<p>A page.</p>\n",
    "/pub/deep/data.bin": bytes(range(256)) * 1000,
    "/pub/empty": b"",
}

SILENCE = ""
"""As an answer: none, while the connection stays open."""

HANG_UP = None
"""As an answer: the connection is closed."""

ELSEWHERE = "192,0,2,1"
"""What the server claims to be its address (RFC 5737: nobody's)."""


class FTPServer(ScriptedServer):
    """Serves `files` to whoever logs in: anyone as anonymous, others by `passwords`.

    `answers` are by verb (EPSV), by whole command (RETR x), or by the code of what the server says
    without being asked right then: 220 at the beginning, 150 and 226 around the data of a transfer.
    Of those data only the first `cut` bytes are sent; `data_end` is how the data connection ends:
    "close", "reset", or "stay", which never ends it. With `tls` the client may ask for TLS by AUTH,
    and must not log in without; with `implicit` it begins with the connection.
    """

    def __init__(
        self,
        files: Mapping[str, bytes] = FILES,
        *,
        passwords: Mapping[str, str] | None = None,
        answers: Mapping[str, str | None] | None = None,
        cut: int | None = None,
        data_end: str = "close",
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        at: str = "127.0.0.1",
    ) -> None:
        super().__init__(handler=self._serve_client, tls=tls if implicit else None, at=at)
        self.files = files
        self.passwords = passwords or {}
        self.answers = dict(answers or {})
        self.cut = cut
        self.data_end = data_end
        self.context = tls
        self.commands: list[str] = []
        """Every command, in the order in which they came; passwords too."""
        self.resumed: list[bool] = []
        """Of each data connection over TLS: whether it continued the control connection's session.
        """
        self.protocols: list[str | None] = []
        """What was agreed on by ALPN on each control connection over TLS."""

    @property
    def logins(self) -> int:
        """How often somebody began to log in."""
        return sum(command.startswith("USER ") for command in self.commands)

    def sent(self, *verbs: str) -> list[str]:
        """The commands with one of these verbs."""
        return [command for command in self.commands if command.partition(" ")[0] in verbs]

    def _serve_client(self, connection: Connection) -> None:
        session = _Session(self, connection)
        try:
            session.run()
        finally:
            session.forget_listener()


class _Session:
    """One control connection. The methods in capitals answer the command of that name."""

    def __init__(self, server: FTPServer, connection: Connection) -> None:
        self._server = server
        self._connection = connection
        self._listener: socket.socket | None = None
        self._user = ""
        self._directory = "/"
        self._begin_at = 0
        self._is_private = False

    def run(self) -> None:
        self._say("220 Ready.")
        while True:
            line = self._connection.read_until(b"\r\n")[:-2].decode("utf-8", "surrogateescape")
            self._server.commands.append(line)
            verb, _, argument = line.partition(" ")
            for asked in (line, verb):
                if asked in self._server.answers:
                    self._answer(self._server.answers[asked])
                    break
            else:
                known: Callable[[str], None] | None = getattr(self, verb, None)
                if known is None:
                    self._say("502 Not implemented.")
                else:
                    known(argument)

    def _say(self, text: str) -> None:
        self._answer(self._server.answers.get(text[:3], text))

    def _answer(self, text: str | None) -> None:
        if text is HANG_UP:
            raise ClientGone
        if text != SILENCE:
            self._connection.send(text.encode("utf-8", "surrogateescape") + b"\r\n")

    # --- logging in

    def USER(self, name: str) -> None:
        if self._server.context is not None and not hasattr(self._connection.sock, "context"):
            self._say("530 Over TLS only.")
            return
        self._user = name
        self._say("331 And the password?")

    def PASS(self, password: str) -> None:
        if self._user == "anonymous" or self._server.passwords.get(self._user) == password:
            self._say("230 Welcome.")
        else:
            self._say("530 Login incorrect.")

    def AUTH(self, kind: str) -> None:
        if self._server.context is None:
            self._say("502 No TLS here.")
            return
        self._say("234 Go on.")
        self._connection.start_tls(self._server.context)
        self._server.protocols.append(self._connection.sock.selected_alpn_protocol())  # type: ignore[attr-defined]

    def PBSZ(self, size: str) -> None:
        self._say("200 Fine.")

    def PROT(self, level: str) -> None:
        self._is_private = level == "P"
        self._say("200 Fine.")

    def QUIT(self, _: str) -> None:
        self._say("221 Goodbye.")
        raise ClientGone

    # --- files and directories

    def TYPE(self, kind: str) -> None:
        self._say("200 Fine." if kind in ("A", "I") else "504 No such type.")

    def CWD(self, name: str) -> None:
        path = self._path(name)
        if self._names_in(path) or path == "/":
            self._directory = path
            self._say("250 There we are.")
        else:
            self._say(f"550 {name}: no such directory.")

    def SIZE(self, name: str) -> None:
        content = self._server.files.get(self._path(name))
        self._say("550 No file." if content is None else f"213 {len(content)}")

    def REST(self, offset: str) -> None:
        self._begin_at = int(offset)
        self._say("350 From there, then.")

    def RETR(self, name: str) -> None:
        content = self._server.files.get(self._path(name))
        if content is None:
            self._say(f"550 {name}: no such file.")
        else:
            self._transfer(content[self._begin_at :])

    def LIST(self, name: str) -> None:
        assert not name, "a client that sends names has them taken for options"
        lines = [f"-rw-r--r-- 1 ftp ftp 0 {each}\r\n" for each in self._names_in(self._directory)]
        self._transfer("".join(lines).encode("utf-8", "surrogateescape"))

    def _path(self, name: str) -> str:
        path = name if name.startswith("/") else f"{self._directory.rstrip('/')}/{name}"
        return path.rstrip("/") or "/"

    def _names_in(self, directory: str) -> list[str]:
        begin = f"{directory.rstrip('/')}/"
        below = [path[len(begin) :] for path in self._server.files if path.startswith(begin)]
        return sorted({path.partition("/")[0] for path in below})

    # --- data connections

    def EPSV(self, _: str) -> None:
        self._say(f"229 Extended passive mode (|||{self._listen()}|)")

    def PASV(self, _: str) -> None:
        high, low = divmod(self._listen(), 256)
        self._say(f"227 Passive mode ({ELSEWHERE},{high},{low})")

    def _listen(self) -> int:
        self.forget_listener()
        own = self._connection.sock
        self._listener = socket.create_server((own.getsockname()[0], 0), family=own.family)
        self._listener.settimeout(PATIENCE)
        port: int = self._listener.getsockname()[1]
        return port

    def forget_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _transfer(self, content: bytes) -> None:
        assert self._listener is not None, "a transfer without EPSV or PASV"
        data, _ = self._listener.accept()
        self.forget_listener()
        try:
            self._say("150 Here it comes.")
            if self._is_private:
                assert self._server.context is not None
                tls = data = self._server.context.wrap_socket(data, server_side=True)
                self._server.resumed.append(bool(tls.session_reused))
            data.sendall(content[: self._server.cut])
            if self._server.data_end == "stay":
                self._connection.drain()
                raise ClientGone
            if self._server.data_end == "reset":
                data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif self._is_private and self._server.cut is None:
                tls.unwrap()
        except OSError:
            pass  # the client had enough
        finally:
            data.close()
        self._say("226 That was all.")
