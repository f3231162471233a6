"""A server that answers 200 to requests which are signed with its key, and 403 to all others.

The signature is the field X-Signature: in hex digits, the HMAC with SHA-256 of method, space,
target, line feed and body. It is worked out here from what came over the wire.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from support.python_server import EchoHandler, EchoServer


class CheckingHandler(EchoHandler):
    """Answers any method with a word about its signature."""

    server: SignatureServer

    def echo(self) -> None:
        account = self.note()
        asked = f"{account['method']} {account['path']}\n".encode()
        body = base64.b64decode(account["body"])
        expected = hmac.new(self.server.key, asked + body, hashlib.sha256).hexdigest()
        given = self.headers.get_all("X-Signature", [])
        if len(given) == 1 and hmac.compare_digest(given[0], expected):
            self.answer(200, "text/plain", b"signed")
        else:
            self.answer(403, "text/plain", b"not signed")


class SignatureServer(EchoServer):
    """Runs in threads while it is entered; keeps accounts of its requests as EchoServer does."""

    handler_class = CheckingHandler

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self.key = key
