"""Digest authentication (RFC 7616): HTTPDigestAuthHandler for origins, ProxyDigestAuthHandler.

The password itself is not sent, only hashes of it with the server's nonce. Of several Digest
challenges the first one is answered whose algorithm is among ALGORITHMS and that offers qop "auth",
or none as RFC 2069 had it. These handlers come before those of Basic: once a Digest answer was
refused, the password is not sent in clear either.
"""

from __future__ import annotations

import os

from mini_http import base
from mini_http.opener.handlers.authentication import (
    answer,
    is_answered_by_another,
    prepared,
    refuse_unsupported,
    send_again,
    try_offer,
    was_refused,
)
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.passwords import HTTPPasswordMgr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from mini_http.codec.challenges import Challenge
    from mini_http.opener.director import OpenerDirector

ALGORITHMS = {
    "MD5": "md5",
    "SHA": "sha1",
    "SHA-256": "sha256",
    "SHA-512-256": "sha512_256",
}
"""The values of `algorithm` (RFC 7616 section 6.1, and urllib's own SHA), and what hashlib calls
them. Not every build of Python has the last one."""


class AbstractDigestAuthHandler:
    """What the two handlers share. `passwd` is the password manager, an HTTPPasswordMgr unless
    given; `add_password` is its method.
    """

    auth_header: str
    auth_scheme = "digest"
    parent: OpenerDirector

    def __init__(self, passwd: Any = None) -> None:
        from threading import Lock

        self.passwd: Any = HTTPPasswordMgr() if passwd is None else passwd
        self.add_password = self.passwd.add_password
        self.retried = 0
        """Answers since `reset_retry_count`. The limit, MOST_ANSWERS, is one for each request."""
        self.nonce_count = 0
        """How often `last_nonce` was answered; no server takes the same count twice."""
        self.last_nonce: str | None = None
        self._counting = Lock()

    def reset_retry_count(self) -> None:
        """Sets `retried` to 0, as is done after each reply that asks for credentials."""
        self.retried = 0

    # --- from the challenge to the next reply

    def http_error_auth_reqed(self, auth_header: str, host: str, req: Any, headers: Any) -> Any:
        """Answers a Digest challenge in the field `auth_header`; None if there is no password.

        Raises HTTPError where an answer of this handler was refused, and there is no other password
        to try; and InvalidRequest, which is a ValueError, or URLError where neither this handler
        nor another one knows the scheme, algorithm or qop.
        """
        from mini_http.codec.challenges import parse_challenges

        challenges = parse_challenges(headers.get_all(auth_header) or ())
        ours = [challenge for challenge in challenges if challenge.is_for("digest")]
        others = [challenge.scheme for challenge in challenges if not challenge.is_for("digest")]
        if not ours:
            if not any(challenge.is_for("basic") for challenge in challenges):
                refuse_unsupported(self, challenges)
            return None
        chosen = next((challenge for challenge in ours if self._is_answerable(challenge)), None)
        if chosen is None and is_answered_by_another(self, others):
            return None
        was_tried = was_refused(self, req)
        reply = self.retry_http_digest_auth(req, str(chosen or ours[0]))
        if reply is None and was_tried:
            raise base.errors.HTTPError(
                req.full_url,
                407 if auth_header.lower() == "proxy-authenticate" else 401,
                "digest auth failed",
                headers,
                req.refusal.reply,
            )
        return reply

    def _is_answerable(self, challenge: Challenge) -> bool:
        try:
            self.get_algorithm_impls(challenge.get("algorithm") or "MD5")
        except ValueError:
            return False
        return _offers_auth(challenge.get("qop"))

    def retry_http_digest_auth(self, req: Any, auth: str) -> Any:
        """Answers the challenge `auth`, as the server sent it; returns the reply.

        None if there is no answer to give: no password, or one that was refused.
        """
        from mini_http.codec.challenges import parse_challenges

        req = prepared(req)
        # reversed, so that the first one of a name counts
        chal = dict(reversed(parse_challenges([auth])[0].parameters))
        value = self.get_authorization(req, chal)
        if not value:
            return None
        self.retried += 1
        return send_again(self, req, f"Digest {value}")

    # --- the answer

    def get_authorization(self, req: Any, chal: Mapping[str, str]) -> str | None:
        """What goes after "Digest" in the answer to a challenge, whose parameters are `chal`.

        None without a realm, a nonce or a password, or if the password was refused. Raises
        InvalidRequest, which is a ValueError, for an algorithm that is not known, and URLError if
        qop is offered, but not "auth".
        """
        realm, nonce, qop = chal.get("realm"), chal.get("nonce"), chal.get("qop")
        if realm is None or nonce is None:
            return None
        algorithm = chal.get("algorithm") or "MD5"
        hashed, keyed = self.get_algorithm_impls(algorithm)
        user, password = self._find_user_password(realm, req)
        if user is None or password is None:
            return None
        if not _offers_auth(qop):
            raise base.errors.URLError(f"qop {qop!r} is not supported")
        is_stale = chal.get("stale", "").lower() == "true"
        if not try_offer(self, req, (realm, user, password), again=is_stale):
            return None
        secret = hashed(f"{user}:{realm}:{password}")
        asked = hashed(f"{req.get_method()}:{req.selector}")
        quoted = {"username": user, "realm": realm, "nonce": nonce, "uri": req.selector}
        plain = {"algorithm": algorithm}
        if qop:
            cnonce = quoted["cnonce"] = self.get_cnonce(nonce)
            count = f"{self._next_count(nonce):08x}"
            plain |= {"qop": "auth", "nc": count}
            quoted["response"] = keyed(secret, f"{nonce}:{count}:{cnonce}:auth:{asked}")
        else:
            quoted["response"] = keyed(secret, f"{nonce}:{asked}")
        if chal.get("opaque"):
            quoted["opaque"] = chal["opaque"]
        if req.data is not None and (digest := self.get_entity_digest(req.data, chal)):
            quoted["digest"] = digest
        return _written(quoted, plain)

    def _find_user_password(self, realm: str, req: Any) -> tuple[str | None, str | None]:
        found: tuple[str | None, str | None] = self.passwd.find_user_password(realm, req.full_url)
        return found

    def _next_count(self, nonce: str) -> int:
        with self._counting:
            if nonce != self.last_nonce:
                self.last_nonce, self.nonce_count = nonce, 0
            self.nonce_count += 1
            return self.nonce_count

    def get_cnonce(self, nonce: str) -> str:
        """A nonce of our own: 16 random hex digits."""
        return os.urandom(8).hex()

    def get_algorithm_impls(
        self, algorithm: str
    ) -> tuple[Callable[[str], str], Callable[[str, str], str]]:
        """The functions H(text) and KD(secret, text) of an algorithm (RFC 7616 section 3.3).

        Raises InvalidRequest, which is a ValueError, if it is not among ALGORITHMS, or this Python
        lacks it.
        """
        import hashlib

        try:
            start = hashlib.new(ALGORITHMS[algorithm.upper()])
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

    def get_entity_digest(self, data: Any, chal: Mapping[str, str]) -> str | None:
        """The value of `digest` (RFC 2069) for a body; None, which sends none. To be overridden."""
        return None


def _offers_auth(qop: str | None) -> bool:
    """Whether a challenge can be answered with qop "auth", or without qop (RFC 2069)."""
    return not qop or "auth" in [offered.strip().lower() for offered in qop.split(",")]


def _written(quoted: Mapping[str, str], plain: Mapping[str, str]) -> str:
    """Parameters as RFC 7616 section 3.4 wants them: some must be quoted, some must not."""
    from mini_http.codec.challenges import quoted_string

    parts = [f"{name}={quoted_string(value)}" for name, value in quoted.items()]
    return ", ".join(parts + [f"{name}={value}" for name, value in plain.items()])


class HTTPDigestAuthHandler(BaseHandler, AbstractDigestAuthHandler):
    """Answers origins."""

    auth_header = "Authorization"
    handler_order = 490
    """Before Basic."""

    def http_error_401(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """The reply to the request with an answer; None if there is no password."""
        try:
            return answer(self, "www-authenticate", req.host, req, fp, headers)
        finally:
            self.reset_retry_count()


class ProxyDigestAuthHandler(BaseHandler, AbstractDigestAuthHandler):
    """Answers proxies. Passwords are looked up by the proxy's host:port, then by the request's URL,
    which is where urllib looks.
    """

    auth_header = "Proxy-Authorization"
    handler_order = 490
    """Before Basic."""

    def http_error_407(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """The reply to the request with an answer; None if there is no password, or no proxy."""
        if not req.has_proxy():
            return None
        try:
            return answer(self, "proxy-authenticate", req.host, req, fp, headers)
        finally:
            self.reset_retry_count()

    def _find_user_password(self, realm: str, req: Any) -> tuple[str | None, str | None]:
        user, password = self.passwd.find_user_password(realm, req.host)
        if user is None:
            return super()._find_user_password(realm, req)
        return user, password
