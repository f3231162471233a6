"""Digest authentication (RFC 7616): HTTPDigestAuthHandler for origins, ProxyDigestAuthHandler.

The password itself is not sent, only hashes of it with the server's nonce. Of several Digest
challenges the one with the strongest algorithm is answered that there is a password for. These
handlers come before those of Basic: once a Digest answer was refused, the password is not sent in
clear either, whatever the server asks for then.

A nonce is used again, counted, for what else is asked of the same server: then a request with a
password costs one exchange, not two. So is the one that the server names as the next
(Authentication-Info). What is calculated, `codec.digest` calculates.
"""

from __future__ import annotations

from mini_http import base
from mini_http.codec.digest import (
    DigestChallenge,
    DigestSession,
    hash_functions,
    new_cnonce,
    next_nonce,
)
from mini_http.opener.handlers.authentication import (
    answer,
    body_pieces,
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
    from collections.abc import Callable, Hashable, Mapping
    from typing import Any

    from mini_http.codec.challenges import Challenge
    from mini_http.opener.director import OpenerDirector

MOST_SERVERS = 100
"""Whose nonces a handler keeps; the one that asked the longest ago is forgotten."""

MOST_NONCES = 16
"""Of one server, whose counts a handler keeps: replies of several threads may name a nonce late,
when it was left for the next already."""


class KnownServer:
    """A server that took an answer, or is about to. It has no `repr` of its own."""

    def __init__(self, session: DigestSession, user: str, password: str) -> None:
        self.session = session
        self.user = user, password
        self.counts: dict[str, int] = {}
        """How often the latest nonces were answered."""
        self.is_satisfied = False
        """Whether the last answer was accepted."""

    def count(self, nonce: str, times: int = 1) -> int:
        """Counts answers to a nonce; returns how many there were."""
        self.counts[nonce] = self.counts.pop(nonce, 0) + times
        if len(self.counts) > MOST_NONCES:
            del self.counts[next(iter(self.counts))]
        return self.counts[nonce]


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
        self._known: dict[Hashable, KnownServer] = {}

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
        from mini_http.codec.credentials import digests_by_strength

        challenges = parse_challenges(headers.get_all(auth_header) or ())
        answerable = digests_by_strength(challenges, self._knows)
        was_tried = was_refused(self, req)
        if not answerable and not was_tried:
            self._refuse_unless_answered_by_another(challenges, req)
        for _, challenge in answerable:
            reply = self.retry_http_digest_auth(req, str(challenge))
            if reply is not None:
                return reply
        if was_tried:
            raise base.errors.HTTPError(
                req.full_url,
                407 if auth_header.lower() == "proxy-authenticate" else 401,
                "digest auth failed",
                headers,
                req.refusal.reply,
            )
        return None

    def _knows(self, algorithm: str) -> bool:
        try:
            self.get_algorithm_impls(algorithm)
        except ValueError:
            return False
        return True

    def _refuse_unless_answered_by_another(self, challenges: list[Challenge], req: Any) -> None:
        """Raises what is wrong with challenges that this handler can't answer; those that another
        one answers are left to it, and Basic is never wrong.
        """
        ours = [challenge for challenge in challenges if challenge.is_for("digest")]
        others = [challenge.scheme for challenge in challenges if not challenge.is_for("digest")]
        if ours and not is_answered_by_another(self, others):
            self.get_authorization(req, ours[0].by_name())
        elif not ours and not any(challenge.is_for("basic") for challenge in challenges):
            refuse_unsupported(self, challenges)

    def retry_http_digest_auth(self, req: Any, auth: str) -> Any:
        """Answers the challenge `auth`, as the server sent it; returns the reply.

        None if there is no answer to give: no password, or one that was refused.
        """
        from mini_http.codec.challenges import parse_challenges

        req = prepared(req)
        value = self.get_authorization(req, parse_challenges([auth])[0].by_name())
        if not value:
            return None
        self.retried += 1
        return send_again(self, req, f"Digest {value}")

    # --- the answer

    def get_authorization(self, req: Any, chal: Mapping[str, str]) -> str | None:
        """What goes after "Digest" in the answer to a challenge, whose parameters are `chal`.

        None without a realm, a nonce or a password, or if the password was refused. Raises
        InvalidRequest, which is a ValueError, for an algorithm that is not known, and URLError if
        qop is offered, but none that is known.
        """
        realm, nonce = chal.get("realm"), chal.get("nonce")
        if realm is None or nonce is None:
            return None
        hashes = self.get_algorithm_impls(chal.get("algorithm") or "MD5")
        user, password = self._find_user_password(realm, req)
        if user is None or password is None:
            return None
        challenge = DigestChallenge.of(chal)
        if challenge is None:
            raise base.errors.URLError(f"qop {chal.get('qop')!r} is not supported")
        if not try_offer(self, req, (realm, user, password), again=challenge.is_stale):
            return None
        session = DigestSession(challenge, user, password, self.get_cnonce(nonce), hashes)
        count = self._get_to_know(self._server(req), KnownServer(session, user, password))
        entity_digest = None if req.data is None else self.get_entity_digest(req.data, chal)
        return session.credentials(
            req.get_method(),
            req.selector,
            count,
            body=body_pieces(req),
            entity_digest=entity_digest,
        )

    def _find_user_password(self, realm: str, req: Any) -> tuple[str | None, str | None]:
        found: tuple[str | None, str | None] = self.passwd.find_user_password(realm, req.full_url)
        return found

    def get_cnonce(self, nonce: str) -> str:
        """A nonce of our own: 16 random hex digits."""
        return new_cnonce()

    def get_algorithm_impls(
        self, algorithm: str
    ) -> tuple[Callable[[str], str], Callable[[str, str], str]]:
        """The functions H(text) and KD(secret, text) of an algorithm (RFC 7616 section 3.3).

        Raises InvalidRequest, which is a ValueError, if it is not among ALGORITHMS, or this Python
        lacks it.
        """
        return hash_functions(algorithm)

    def get_entity_digest(self, data: Any, chal: Mapping[str, str]) -> str | None:
        """The value of `digest` (RFC 2069) for a body; None, which sends none. To be overridden."""
        return None

    # --- a nonce that is known

    def _server(self, req: Any) -> Hashable:
        """Who is asked: an origin, or the host:port of a proxy."""
        raise NotImplementedError

    def _get_to_know(self, server: Hashable, known: KnownServer) -> int:
        """Notes whom the next answer goes to; returns how often its nonce was answered by then."""
        with self._counting:
            before = self._known.pop(server, None)
            if before is not None:
                known.counts = before.counts
            if len(self._known) >= MOST_SERVERS:
                del self._known[next(iter(self._known))]
            self._known[server] = known
            self.last_nonce = known.session.challenge.nonce
            self.nonce_count = known.count(self.last_nonce)
            return self.nonce_count

    def _answer_unasked(self, req: Any) -> None:
        """Adds credentials with the nonce that is known of the server, counted once more.

        Not where the program gave some, nor if there is another password for the URL now; nor where
        the body would have to be read before it is sent, for the server may ask for another nonce.
        """
        known = self._known.get(self._server(req))
        if known is None or not known.is_satisfied:
            return
        challenge = known.session.challenge
        if challenge.qop is None or (challenge.qop == "auth-int" and req.data is not None):
            return
        if req.has_header(self.auth_header.capitalize()):
            return
        if self._find_user_password(challenge.realm, req) != known.user:
            return
        with self._counting:
            session = known.session
            self.last_nonce = session.challenge.nonce
            self.nonce_count = count = known.count(self.last_nonce)
        cnonce = self.get_cnonce(session.challenge.nonce)
        value = session.credentials(req.get_method(), req.selector, count, cnonce)
        req.add_unredirected_header(self.auth_header, f"Digest {value}")

    def _note_reply(self, req: Any, is_satisfied: bool, info: str | None) -> None:
        """Notes what a reply to an answer says: of the answer, and of the nonce to use next."""
        known = self._known.get(self._server(req))
        given = req.unredirected_hdrs.get(self.auth_header.capitalize(), "")
        if known is None or not given.startswith("Digest "):
            return
        known.is_satisfied = is_satisfied
        nonce = None if info is None else next_nonce(info)
        if nonce is not None:
            with self._counting:
                if nonce not in known.counts:  # else it is in use, or was left for a later one
                    known.session = known.session.continued(nonce)
                    known.count(nonce, 0)


def _is_in(domain: tuple[str, ...], req: Any) -> bool:
    """Whether a request's URL is at or below one of these (RFC 7616 section 3.3)."""
    if not domain:
        return True
    from mini_http.base.url import URL

    url = URL.parse(req.full_url).without_userinfo()
    try:
        return any(str(url).startswith(str(url.join(place))) for place in domain)
    except base.errors.InvalidURL:
        return False


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

    def http_request(self, req: Any) -> Any:
        """Adds an answer where the nonce of an earlier one may be used again."""
        known = self._known and self._known.get(self._server(req))
        if known and _is_in(known.session.challenge.domain, req):
            self._answer_unasked(req)
        return req

    def http_response(self, req: Any, response: Any) -> Any:
        """Notes whether an answer was accepted, and the nonce that the server wants next."""
        if self._known:
            info = response.headers.get("Authentication-Info")
            self._note_reply(req, response.code != 401, info)
        return response

    https_request = http_request
    https_response = http_response

    def _server(self, req: Any) -> Hashable:
        from mini_http.base.url import URL

        return URL.parse(req.full_url).origin


class ProxyDigestAuthHandler(BaseHandler, AbstractDigestAuthHandler):
    """Answers proxies. Passwords are looked up by the proxy's host:port, then by the request's URL,
    which is where urllib looks.
    """

    auth_header = "Proxy-Authorization"
    handler_order = 490
    """Before Basic, and when it is settled through which proxy a request goes."""

    def http_error_407(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """The reply to the request with an answer; None if there is no password, or no proxy."""
        if not req.has_proxy():
            return None
        try:
            return answer(self, "proxy-authenticate", req.host, req, fp, headers)
        finally:
            self.reset_retry_count()

    def http_open(self, req: Any) -> None:
        """Adds an answer where the nonce of an earlier one may be used again; opens nothing."""
        if self._known and req.has_proxy():
            self._answer_unasked(req)

    def http_response(self, req: Any, response: Any) -> Any:
        """Notes whether an answer was accepted, and the nonce that the proxy wants next."""
        if self._known and req.has_proxy():
            info = response.headers.get("Proxy-Authentication-Info")
            self._note_reply(req, response.code != 407, info)
        return response

    # a request for an http URL is of type "https" on its way to a proxy over TLS
    https_open = http_open
    https_response = http_response

    def _server(self, req: Any) -> Hashable:
        return str(req.host)

    def _find_user_password(self, realm: str, req: Any) -> tuple[str | None, str | None]:
        user, password = self.passwd.find_user_password(realm, req.host)
        if user is None:
            return super()._find_user_password(realm, req)
        return user, password
