"""Digest: what answers a Digest challenge (RFC 7616), and RFC 2069's, by calculation alone.

    challenge  ->  DigestChallenge  ->  DigestSession  ->  credentials, one for each request

`DigestChallenge` is a challenge that can be answered, its best qop chosen. `DigestSession` is a
user who answers it: it gives the credentials of as many requests as the caller counts. Who asks,
how often a nonce was answered and what is random are the caller's. No `repr` shows a password, or
what stands for one.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Hash = Callable[[str], str]
    """H(text), RFC 7616 section 3.3: in hex digits."""
    KeyedHash = Callable[[str, str], str]
    """KD(secret, text)."""

ALGORITHMS = {
    "SHA-512-256": "sha512_256",
    "SHA-256": "sha256",
    "SHA": "sha1",
    "MD5": "md5",
}
"""The values of `algorithm` (RFC 7616 section 6.1, and urllib's own SHA), the strongest first, and
what hashlib calls them. Not every build of Python has the first one. Each may have "-sess" after
it."""

SESSION = "-SESS"
"""What ends the name of an algorithm whose secret is made of the first nonces (section 3.4.2)."""


class DigestChallenge(Value):
    """A Digest challenge (RFC 7616 section 3.3) with what matters for its answers."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    """As the server spells it."""
    qop: str | None = None
    """The quality of protection to answer with, "auth" or "auth-int"; None as RFC 2069 has it."""
    opaque: str | None = None
    is_stale: bool = False
    """Whether the answer before was right, but for the age of its nonce."""
    hashes_user: bool = False
    """Whether the user's name is to be sent as a hash only (section 3.4.4)."""
    is_utf8: bool = False
    """Whether the server says that it reads UTF-8 (section 4)."""
    domain: tuple[str, ...] = ()
    """Where the same answer is good: URIs and paths, and all below. Empty: the whole server."""

    @staticmethod
    def of(parameters: Mapping[str, str]) -> DigestChallenge | None:
        """The challenge with these parameters; None without a realm or nonce, or if of the qops
        offered none is known. Any algorithm will do.
        """
        realm, nonce, qops = (parameters.get(name) for name in ("realm", "nonce", "qop"))
        offered = [one.strip().lower() for one in (qops or "").split(",")]
        qop = next((known for known in ("auth", "auth-int") if known in offered), None)
        if realm is None or nonce is None or (qops and qop is None):
            return None
        return DigestChallenge(
            realm,
            nonce,
            parameters.get("algorithm") or "MD5",
            qop,
            parameters.get("opaque") or None,
            is_stale=parameters.get("stale", "").lower() == "true",
            hashes_user=parameters.get("userhash", "").lower() == "true",
            is_utf8=parameters.get("charset", "").upper() == "UTF-8",
            domain=tuple((parameters.get("domain") or "").split()),
        )

    @property
    def is_session(self) -> bool:
        """Whether the algorithm is a "-sess" one."""
        return self.algorithm.upper().endswith(SESSION)

    @property
    def strength(self) -> int:
        """To choose by: the strongest algorithm has the most; -1 for one that is not known here."""
        name = _plain_name(self.algorithm)
        known = [*reversed(ALGORITHMS)]
        return known.index(name) if name in known and can_hash(name) else -1


class DigestSession:
    """A user who answers a challenge. What is made from the password once, is made once.

    `cnonce` is the client's nonce of the first answer. `hashes` are H and KD of the challenge's
    algorithm, by default those that `hash_functions` gives. Raises what that raises, and
    InvalidRequest for lone surrogates. It has no `repr` of its own, since it stands for a password.
    """

    def __init__(
        self,
        challenge: DigestChallenge,
        user: str,
        password: str,
        cnonce: str,
        hashes: tuple[Hash, KeyedHash] | None = None,
    ) -> None:
        from mini_http.codec.credentials import check_encodable

        check_encodable(user, password)
        self.challenge = challenge
        self.cnonce = cnonce
        self._hashed, self._keyed = hashes or hash_functions(challenge.algorithm)
        if challenge.is_utf8:
            user, password = _composed(user), _composed(password)
        self._user = user
        self._secret = self._hashed(f"{user}:{challenge.realm}:{password}")
        if challenge.is_session:
            self._secret = self._hashed(f"{self._secret}:{challenge.nonce}:{cnonce}")

    def continued(self, nonce: str) -> DigestSession:
        """The same session with the nonce that the server wants next (RFC 7616 section 3.5)."""
        from copy import copy

        following = copy(self)
        following.challenge = self.challenge.replace(nonce=nonce)
        return following

    def credentials(
        self,
        method: str,
        uri: str,
        count: int = 1,
        cnonce: str | None = None,
        *,
        body: Iterable[bytes | memoryview] = (),
        entity_digest: str | None = None,
    ) -> str:
        """What goes after "Digest" in the answer for one request (RFC 7616 section 3.4).

        `uri` is the request target as sent, `count` how often the nonce was answered, with this
        time. `cnonce` is the client's nonce, where not the first one; a "-sess" algorithm has no
        other. The pieces of the `body` are read for qop "auth-int" only. `entity_digest` is the
        `digest` of RFC 2069.
        """
        challenge = self.challenge
        nonce, qop = challenge.nonce, challenge.qop
        if cnonce is None or challenge.is_session:
            cnonce = self.cnonce
        asked = f"{method}:{uri}"
        if qop == "auth-int":
            asked = f"{asked}:{_hash_of_body(challenge.algorithm, body)}"
        asked = self._hashed(asked)
        quoted = {"realm": challenge.realm, "nonce": nonce, "uri": uri}
        plain = {"algorithm": challenge.algorithm}
        if qop:
            quoted["cnonce"] = cnonce
            plain |= {"qop": qop, "nc": f"{count:08x}"}
            proved = f"{nonce}:{count:08x}:{cnonce}:{qop}:{asked}"
        else:
            proved = f"{nonce}:{asked}"
        quoted["response"] = self._keyed(self._secret, proved)
        if challenge.opaque:
            quoted["opaque"] = challenge.opaque
        if entity_digest:
            quoted["digest"] = entity_digest
        return _written(*self._named(quoted, plain))

    def _named(
        self, quoted: dict[str, str], plain: dict[str, str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """The parameters with the user's name, in one of its three forms."""
        user = self._user
        if self.challenge.hashes_user:
            hashed = self._hashed(f"{user}:{self.challenge.realm}")
            return {"username": hashed} | quoted, plain | {"userhash": "true"}
        if self.challenge.is_utf8 and not user.isascii():
            from urllib.parse import quote

            # ext-value (RFC 8187 section 3.2)
            return quoted, plain | {"username*": f"UTF-8''{quote(user, safe='')}"}
        return {"username": user} | quoted, plain


def hash_functions(algorithm: str) -> tuple[Hash, KeyedHash]:
    """The functions H and KD of an algorithm (RFC 7616 section 3.3), of its "-sess" form too.

    Raises InvalidRequest, which is a ValueError, if it is not among ALGORITHMS, or this Python
    lacks it.
    """
    import hashlib

    try:
        start = hashlib.new(ALGORITHMS[_plain_name(algorithm)])
    except (KeyError, ValueError):
        raise base.errors.InvalidRequest(
            f"Unsupported digest authentication algorithm {algorithm!r}"
        ) from None

    def hashed(text: str) -> str:
        hashing = start.copy()
        hashing.update(text.encode())
        return hashing.hexdigest()

    def keyed(secret: str, text: str) -> str:
        return hashed(f"{secret}:{text}")

    return hashed, keyed


def can_hash(algorithm: str) -> bool:
    """Whether `hash_functions` has those of an algorithm."""
    try:
        hash_functions(algorithm)
    except base.errors.InvalidRequest:
        return False
    return True


def new_cnonce() -> str:
    """A nonce of the client's own: 16 random hex digits."""
    import os

    return os.urandom(8).hex()


def next_nonce(info: str) -> str | None:
    """The nonce that a server wants next: `nextnonce` of the field Authentication-Info, or
    Proxy-Authentication-Info (RFC 7615); None if it names none.
    """
    from mini_http.codec.challenges import parse_challenges

    found = (challenge.get("nextnonce") for challenge in parse_challenges([f"Digest {info}"]))
    return next(filter(None, found), None)


def _plain_name(algorithm: str) -> str:
    return algorithm.upper().removesuffix(SESSION)


def _hash_of_body(algorithm: str, body: Iterable[bytes | memoryview]) -> str:
    import hashlib

    hashing = hashlib.new(ALGORITHMS[_plain_name(algorithm)])
    for piece in body:
        hashing.update(piece)
    return hashing.hexdigest()


def _composed(text: str) -> str:
    """Normalization Form C, as RFC 7616 section 4 wants names and passwords."""
    from unicodedata import normalize

    return normalize("NFC", text)


def _written(quoted: Mapping[str, str], plain: Mapping[str, str]) -> str:
    """Parameters as RFC 7616 section 3.4 wants them: some must be quoted, some must not."""
    from mini_http.codec.challenges import quoted_string

    parts = [f"{name}={quoted_string(value)}" for name, value in quoted.items()]
    return ", ".join(parts + [f"{name}={value}" for name, value in plain.items()])
