"""FTPClient: the dialogue of ftplib over connections that are dialed, timed and secured as ours.

ftplib knows the commands and what a reply code means; SimpleClient knows how to wait. FTPClient
joins them: it is an `ftplib.FTP`, and raises `ftplib.Error` where the server says no, but all else
that goes wrong is an error of `base.errors`. A transfer is passive. EPSV is tried first, over IPv4
too (RFC 2428): its answer has no address in it that could lie. The address in a PASV answer is
never looked at. With TLS both connections are secured, or nothing is sent over them (RFC 4217).
"""

from __future__ import annotations

import ftplib
import re
import socket
import sys
from time import monotonic

from mini_http import base
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.timeouts import DEFAULT_TIMEOUT, Deadline
from mini_http.base.value import Value
from mini_http.connect.dial import DEFAULT_OPTIONS, dial
from mini_http.connect.resolve import HIGHEST_PORT
from mini_http.connect.simple_client import LINE_END, SimpleClient

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLSocket
    from typing import Any, TypeVar

    from mini_http.base.timeouts import Timeout
    from mini_http.connect.dial import DialOptions
    from mini_http.connect.tls import TLSSettings

    T = TypeVar("T")

IMPLICIT_TLS_PORT = 990
"""Where TLS begins with the connection; at any other port AUTH TLS asks for it."""

# What would end a command and begin another one, or cut a name short in the server's C library.
LINE_BREAKS = r"[\r\n\0]"

# RFC 2428 section 3: "(" d d d port d ")", for a delimiter d, usually "|"
_EXTENDED_PORT = r"(?s)229.*\((.)\1\1([0-9]{1,5})\1\)"
# RFC 959 section 4.1.2: h1,h2,h3,h4,p1,p2; servers put it in brackets or not
_PASSIVE_PORT = r"(?s)227.*?(?<![0-9])(?:[0-9]{1,3},){4}([0-9]{1,3}),([0-9]{1,3})(?![0-9])"
# RFC 3659 section 4.1: "213" SP 1*DIGIT
_SIZE = r"213 ([0-9]{1,19})\s*"
# No standard: what servers say when they open the data connection of a file
_SIZE_IN_TEXT = r"(?is)150.*\(([0-9]{1,19}) bytes\)"


class FTPSettings(Value):
    """How connections to FTP servers are made. Hashable."""

    tls: TLSSettings | None = None
    """Whom to trust, with TLS; None: without it, in the clear."""
    options: DialOptions = DEFAULT_OPTIONS
    """How to dial, for both connections."""
    implicit_port: int = IMPLICIT_TLS_PORT
    """The port where TLS begins with the connection, without AUTH TLS."""


PLAIN = FTPSettings()


class FTPClient(ftplib.FTP):
    """A client for one server; `connect` opens the connection, `login` is next.

    `timeout` says how long things may take: `connect` bounds each dialing and each TLS handshake,
    `read` each reply as a whole. It may be replaced between commands, as `phases`, and so may the
    `deadline` that bounds them all together; it begins as `timeout.total`. After an error other
    than ftplib.Error nothing is left to do but to close.
    """

    def __init__(self, settings: FTPSettings = PLAIN, timeout: Timeout = DEFAULT_TIMEOUT) -> None:
        super().__init__(timeout=timeout.read)
        self.settings = settings
        self.phases = timeout
        self.deadline = Deadline(timeout.total)
        self._control: SimpleClient | None = None
        self._has_extended_passive = True
        self._password = ""
        self._bytes = 0
        self._expires: float | None = None

    # --- the control connection

    def connect(self, host: str = "", port: int = 0) -> str:  # type: ignore[override]
        """Connects; returns the server's welcome. Raises ConnectionFailed, and as `getresp` does.

        With TLS the name in the certificate has to be `host`. How long it may take, and from where
        to connect, is what the constructor was told.
        """
        self.host, self.port = host or self.host, port or self.port
        sys.audit("ftplib.connect", self, self.host, self.port)
        options, secure = self.settings.options, self.settings.tls is not None
        implicit = self.port == self.settings.implicit_port
        self._attach(dial(self.host, self.port, self._connecting(), options))
        if secure and implicit:
            self._secure_control()
        self.welcome = self.getresp()
        if secure and not implicit:
            self.voidcmd("AUTH TLS")
            self._secure_control()
        return self.welcome

    def login(self, user: str = "", passwd: str = "", acct: str = "") -> str:
        """Logs in, as anonymous without a `user`; returns what the server says to that.

        With TLS this also asks for it on data connections. Raises ftplib.Error.
        """
        self._password = passwd
        said = self._discreet(super().login, user, passwd, acct)
        if self.settings.tls is not None:
            self.voidcmd("PBSZ 0")
            self.voidcmd("PROT P")
        return said

    def close(self) -> None:
        """Closes the connection without a word. Closing again does nothing."""
        if self._control is not None:
            self._control.close()
            self._control = None
        super().close()

    def _attach(self, sock: socket.socket) -> None:
        self.sock, self.af = sock, sock.family
        self._control = SimpleClient.over(sock, timeout=self.phases.read)

    def _secure_control(self) -> None:
        from mini_http.connect.tls import start_tls

        control = self._open_control()
        if control.buffered():  # anyone could have sent it (CVE-2023-40217)
            count = control.buffered()
            raise base.errors.TLSFailed(f"{count} bytes came in the clear before TLS began")
        tls = self.settings.tls
        assert tls is not None
        if tls.context is None:
            # Told that this is FTP, a server can't be made to answer for a web server that has the
            # same certificate (RFC 7301; the attack is called ALPACA).
            tls = tls.replace(alpn=("ftp",))
        secured = start_tls(control.detach(), self.host, tls, self._connecting())
        self._attach(secured)  # type: ignore[arg-type]  # a socket, as the one that it is over

    def _connecting(self) -> Deadline:
        return self.deadline.within(self.phases.connect)

    def _open_control(self) -> SimpleClient:
        if self._control is None:
            raise base.errors.StateError("the FTP connection is closed")
        self._control.timeout, self._control.deadline = self.phases.read, self.deadline
        return self._control

    def has_input(self) -> bool:
        """Whether the server has gone, or said what nobody asked it for: then the next reply would
        be taken for another one. Never waits.
        """
        control = self._control
        return control is None or control.closed or control.has_input()

    # --- commands and replies, as ftplib's methods send and read them

    def putline(self, line: str) -> None:
        """Sends one line. Raises InvalidField, which does not show the line, for CR, LF and NUL."""
        if re.search(LINE_BREAKS, line):
            raise base.errors.InvalidField("an FTP command can't contain CR, LF or NUL")
        sys.audit("ftplib.sendcmd", self, "PASS ***" if line.startswith("PASS ") else line)
        self._open_control().write(line.encode("utf-8", "surrogateescape") + b"\r\n")

    def getresp(self) -> str:
        """A reply, its lines joined with LF; ftplib.Error if it is a refusal or none.

        No error repeats the password, even where the server does.
        """
        self._bytes = 0
        wait = self.phases.read
        self._expires = None if wait is None else monotonic() + wait
        return self._discreet(super().getresp)

    def voidresp(self) -> str:
        """A reply that says yes; ftplib.Error if it is another one."""
        return self._discreet(super().voidresp)

    def getline(self) -> str:
        """The next line of a reply. Raises TimedOut once the reply has taken too long."""
        control, limits = self._open_control(), DEFAULT_LIMITS
        line = control.read_until(LINE_END, limits.line_bytes, "bytes in a line", self._expires)
        self._bytes += len(line)
        if self._bytes > limits.head_bytes:
            self.close()
            raise base.errors.LimitExceeded("bytes in a reply", limits.head_bytes, self._bytes)
        return line.decode("utf-8", "surrogateescape").rstrip("\r\n")

    def _discreet(self, ask: Callable[..., T], *arguments: Any) -> T:
        """What `ask` returns. If it raises an ftplib.Error that quotes the password, another one is
        raised in its place, which does not have it as its context either.
        """
        try:
            return ask(*arguments)
        except ftplib.Error as error:
            said = str(error)
            if not self._password or self._password not in said:
                raise
            refusal = type(error)(f"{said[:3]} (the server's text repeats the password)")
        raise refusal

    def size(self, filename: str) -> int | None:
        """The size of a file in bytes, in the type that is set; None if the answer has none."""
        found = re.fullmatch(_SIZE, self.sendcmd(f"SIZE {filename}"))
        return int(found[1]) if found else None

    # --- data connections

    def makepasv(self) -> tuple[str, int]:
        """Where the server waits for a data connection: always at the address that it has here."""
        assert self.sock is not None
        numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        try:
            peer = socket.getnameinfo(self.sock.getpeername(), numeric)[0]  # with the zone, if any
        except OSError as error:  # nobody is there any more
            message = f"the connection broke: {error.strerror}"
            raise base.errors.ConnectionBroken(message, reason=error) from error
        if self._has_extended_passive:
            try:
                return peer, _extended_port(self.sendcmd("EPSV"))
            except ftplib.error_perm:
                if self.af == socket.AF_INET6:  # PASV can't be had there
                    raise
                self._has_extended_passive = False
        return peer, _passive_port(self.sendcmd("PASV"))

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        """Begins a transfer; returns the data connection, and the size if the server told it.

        `rest` is where to begin (RFC 3659 section 5). Raises ftplib.Error.
        """
        return self._discreet(self._begin_transfer, cmd, rest)

    def _begin_transfer(self, cmd: str, rest: int | str | None) -> tuple[socket.socket, int | None]:
        host, port = self.makepasv()
        conn = dial(host, port, self._connecting(), self.settings.options)
        try:
            if rest is not None:
                self.sendcmd(f"REST {rest}")
            said = self.sendcmd(cmd)
            if said.startswith("2"):  # some servers say that they understood, before they begin
                said = self.getresp()
            if not said.startswith("1"):
                raise ftplib.error_reply(said)
            if self.settings.tls is not None:
                conn = self._secured(conn)
            conn.settimeout(self.phases.read)
        except BaseException:
            conn.close()
            raise
        size = re.match(_SIZE_IN_TEXT, said)
        return conn, int(size[1]) if size else None

    def _secured(self, conn: socket.socket) -> SSLSocket:
        """TLS on a data connection, as a continuation of the control connection's session.

        Many servers insist on that (vsftpd, ProFTPD, FileZilla): it shows that nobody else has
        connected to the port.
        """
        from mini_http.connect.tls import TLSSettings, start_tls

        control: SSLSocket = self.sock  # type: ignore[assignment]
        assert self.settings.tls is not None
        settings = TLSSettings(context=control.context, server_name=self.settings.tls.server_name)
        begun = self._connecting(), control.session
        # It is a socket, as the one that it is over.
        return start_tls(conn, self.host, settings, *begun)  # type: ignore[return-value]


def _extended_port(said: str) -> int:
    found = re.match(_EXTENDED_PORT, said)
    return _checked_port(int(found[2]) if found else 0, said)


def _passive_port(said: str) -> int:
    found = re.match(_PASSIVE_PORT, said)
    high, low = (int(found[1]), int(found[2])) if found else (0, 0)
    return _checked_port(256 * high + low if low < 256 else 0, said)


def _checked_port(port: int, said: str) -> int:
    if not 0 < port <= HIGHEST_PORT:
        raise ftplib.error_proto(said)
    return port
