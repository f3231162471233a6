"""A POP3 server (RFC 1939) with one mailbox, which takes passwords only under TLS (RFC 2595).

    with pop3_server(certificates.good.server_context(), [b"Subject: Hi\r\n\r\n"]) as server:
        fetch_mail(*server.address, "me", "secret")

It is a ScriptedServer, so it records what it `received`, connection by connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.servers import ScriptedServer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from support.connections import Connection

USER, PASSWORD = b"me", b"secret"


def pop3_server(tls: ssl.SSLContext, messages: Sequence[bytes] = ()) -> ScriptedServer:
    """Holds `messages`, whose lines end with CRLF, for USER with PASSWORD."""
    return ScriptedServer(handler=lambda connection: _Session(connection, tls, messages).run())


class _Session:
    """One connection, from the greeting to QUIT."""

    def __init__(
        self, connection: Connection, tls: ssl.SSLContext, messages: Sequence[bytes]
    ) -> None:
        self._connection = connection
        self._tls = tls
        self._messages = messages
        self._is_secured = False
        self._user = b""
        self._is_known = False

    def run(self) -> None:
        self._say(b"+OK at your service")
        while True:
            line = self._connection.read_until(b"\r\n")[:-2]
            command, _, argument = line.partition(b" ")
            if command == b"STLS" and not self._is_secured:
                self._say(b"+OK go on in TLS")
                self._connection.start_tls(self._tls)
                self._is_secured = True
            elif command == b"CAPA":  # RFC 2449
                self._say(b"+OK", *([b"USER"] if self._is_secured else [b"STLS"]), b".")
            elif command == b"QUIT":
                self._say(b"+OK goodbye")
                return
            elif not self._is_secured:
                self._say(b"-ERR not without TLS")
            elif self._is_known:
                self._answer_reader(command, argument)
            else:
                self._answer_stranger(command, argument)

    def _answer_stranger(self, command: bytes, argument: bytes) -> None:
        if command == b"USER":
            self._user = argument
            self._say(b"+OK and the password?")
        elif command == b"PASS":
            self._is_known = (self._user, argument) == (USER, PASSWORD)
            self._say(b"+OK come in" if self._is_known else b"-ERR that is not it")
        else:
            self._say(b"-ERR who are you?")

    def _answer_reader(self, command: bytes, argument: bytes) -> None:
        numbered = {b"%d" % number: message for number, message in enumerate(self._messages, 1)}
        if command == b"LIST" and not argument:
            lines = [b"%s %d" % (number, len(message)) for number, message in numbered.items()]
            self._say(b"+OK your messages", *lines, b".")
        elif command == b"RETR" and argument in numbered:
            lines = numbered[argument].removesuffix(b"\r\n").split(b"\r\n")
            stuffed = [b"." + line if line.startswith(b".") else line for line in lines]
            self._say(b"+OK here it is", *stuffed, b".")
        else:
            self._say(b"-ERR no such thing")

    def _say(self, *lines: bytes) -> None:
        self._connection.send(b"".join(line + b"\r\n" for line in lines))
