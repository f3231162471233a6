"""A server that answers 200 to who proves to know a password by Digest, and 401 to all others.

    with DigestServer(algorithm="SHA-256-sess", qop="auth-int") as server:
        ...
    assert server.verdicts == ["missing", "right"]

It checks in words of its own, along RFC 7616 section 3.4, what came over the wire. Each nonce is
good for `uses` answers with rising counts; after that it is stale. With `next_nonces` each reply
names the nonce that is to be used next, and no other is taken.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
import urllib.parse
from typing import Any

from support.python_server import EchoHandler, EchoServer

REALM, USER, PASSWORD = 'the "cave"', "Ali \\ Baba é", "Sésame, ouvre-toi: é"

FUNCTIONS = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}

PARAMETER = re.compile(r'([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')


def read_parameters(text: str) -> dict[str, str]:
    """The parameters of a field, without quotes."""
    return {
        name: re.sub(r"\\(.)", r"\1", quoted) or bare
        for name, quoted, bare in PARAMETER.findall(text.encode("latin-1").decode())
    }


class DigestHandler(EchoHandler):
    """Answers any method with the word that the check came to."""

    server: DigestServer
    disable_nagle_algorithm = True

    def echo(self) -> None:
        account = self.note()
        verdict = self.server.verdict_on(account, self.headers.get_all("Authorization", []))
        self.server.verdicts.append(verdict)
        self.info = ""
        if verdict == "right":
            if self.server.next_nonces:
                self.info = f'nextnonce="{self.server.new_nonce()}"'
            self.answer(200, "text/plain", b"welcome")
        else:
            self.answer(401, "text/plain", b"no!")

    def end_headers(self) -> None:
        if self.info:
            self.send_header("Authentication-Info", self.info)
        elif self.server.verdicts[-1] != "right":
            is_stale = self.server.verdicts[-1] == "stale"
            for challenge in self.server.challenges(is_stale):
                self.send_header("WWW-Authenticate", challenge)
        super().end_headers()


class DigestServer(EchoServer):
    """Runs in threads while it is entered; keeps accounts of its requests as EchoServer does.

    `also` are more challenges, each a field of its own, before the server's.
    """

    handler_class = DigestHandler

    def __init__(
        self,
        algorithm: str = "SHA-256",
        qop: str = "auth",
        *,
        uses: int = 1_000_000,
        hashes_user: bool = False,
        next_nonces: bool = False,
        domain: str = "",
        also: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.algorithm, self.qop, self.uses = algorithm, qop, uses
        self.hashes_user, self.next_nonces, self.domain = hashes_user, next_nonces, domain
        self.also = also
        self.counts: dict[str, list[int]] = {}
        """What each nonce was counted to."""
        self.first: dict[str, tuple[str, str]] = {}
        """The nonces of the challenge and of the client that a session began with, by nonce."""
        self.verdicts: list[str] = []
        """What each request came to, in order."""
        self._latest: tuple[str, str] | None = None

    def new_nonce(self) -> str:
        nonce = f"{len(self.counts)}/+=,"
        self.counts[nonce] = []
        if self._latest is not None:
            self.first[nonce] = self._latest
        return nonce

    def challenges(self, is_stale: bool) -> list[str]:
        self._latest = None
        quoted = REALM.replace('"', '\\"')
        parts = [f'realm="{quoted}"', f'nonce="{self.new_nonce()}"', 'opaque="of=the, server"']
        parts += ["charset=UTF-8", f'qop="{self.qop}"', f"algorithm={self.algorithm}"]
        parts += ["userhash=true"] if self.hashes_user else []
        parts += [f'domain="{self.domain}"'] if self.domain else []
        parts += ["stale=true"] if is_stale else []
        return [*self.also, f"Digest {', '.join(parts)}"]

    def verdict_on(self, account: dict[str, Any], fields: list[str]) -> str:
        if len(fields) != 1 or not fields[0].startswith("Digest "):
            return "missing"
        sent = read_parameters(fields[0].removeprefix("Digest "))
        if sent["nonce"] not in self.counts:
            return "unknown nonce"
        if self._user_of(sent) != USER:
            return "unknown user"
        if sent["uri"] != account["path"] or sent["realm"] != REALM:
            return "of another request"
        if sent["opaque"] != "of=the, server" or sent["algorithm"] != self.algorithm:
            return "not echoed"
        if sent["response"] != self._response(sent, account):
            return "wrong"
        counts, count = self.counts[sent["nonce"]], int(sent["nc"], 16)
        if len(counts) >= (1 if self.next_nonces else self.uses):
            return "stale"
        if counts and count <= counts[-1]:
            return "replayed"
        counts.append(count)
        return "right"

    def _hash(self, text: str) -> str:
        function = FUNCTIONS[self.algorithm.removesuffix("-sess")]
        return hashlib.new(function, text.encode()).hexdigest()

    def _user_of(self, sent: dict[str, str]) -> str:
        if self.hashes_user:
            is_it = sent.get("userhash") == "true" and sent["username"] == self._hash(
                f"{USER}:{REALM}"
            )
            return USER if is_it else ""
        if "username*" in sent:
            return urllib.parse.unquote(sent["username*"].removeprefix("UTF-8''"))
        return sent["username"]

    def _response(self, sent: dict[str, str], account: dict[str, Any]) -> str:
        password = unicodedata.normalize("NFC", PASSWORD)
        nonce, cnonce, qop = sent["nonce"], sent["cnonce"], sent["qop"]
        secret = self._hash(f"{USER}:{REALM}:{password}")
        if self.algorithm.endswith("-sess"):
            first = self.first.setdefault(nonce, (nonce, cnonce))
            self._latest = first
            secret = self._hash(f"{secret}:{first[0]}:{first[1]}")
        asked = f"{account['method']}:{sent['uri']}"
        if qop == "auth-int":
            function = FUNCTIONS[self.algorithm.removesuffix("-sess")]
            body = hashlib.new(function, base64.b64decode(account["body"])).hexdigest()
            asked = f"{asked}:{body}"
        assert qop in self.qop
        return self._hash(f"{secret}:{nonce}:{sent['nc']}:{cnonce}:{qop}:{self._hash(asked)}")
