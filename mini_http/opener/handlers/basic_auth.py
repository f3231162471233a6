"""Basic authentication (RFC 7617): HTTPBasicAuthHandler for origins, ProxyBasicAuthHandler.

User and password are sent as UTF-8, in clear but for their coding: use it over https. They are sent
when a server asks, or before that where an HTTPPasswordMgrWithPriorAuth says so.
"""

from __future__ import annotations

from mini_http.codec.credentials import basic_credentials
from mini_http.opener.handlers.authentication import (
    answer,
    prepared,
    refuse_unsupported,
    send_again,
    try_offer,
)
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.passwords import HTTPPasswordMgr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mini_http.opener.director import OpenerDirector


class AbstractBasicAuthHandler:
    """What the two handlers share. `passwd` is the password manager, an HTTPPasswordMgr unless
    given; `add_password` is its method.
    """

    auth_header: str
    auth_scheme = "basic"
    parent: OpenerDirector

    def __init__(self, password_mgr: Any = None) -> None:
        self.passwd: Any = HTTPPasswordMgr() if password_mgr is None else password_mgr
        self.add_password = self.passwd.add_password

    # --- after a challenge

    def http_error_auth_reqed(self, authreq: str, host: str, req: Any, headers: Any) -> Any:
        """Answers the first Basic challenge in the fields `authreq` that there is a password for;
        None if there is none.

        `host` is the URL or authority that the password is for. Raises InvalidRequest, which is a
        ValueError, if there are only challenges that neither this nor another handler answers.
        """
        from mini_http.codec.challenges import parse_challenges

        challenges = parse_challenges(headers.get_all(authreq) or ())
        for challenge in challenges:
            realm = challenge.get("realm")
            if challenge.is_for("basic") and realm is not None:
                if "realm" in challenge.unquoted:
                    import warnings

                    warnings.warn("Basic Auth Realm was unquoted", UserWarning, stacklevel=3)
                reply = self.retry_http_basic_auth(host, req, realm)
                if reply is not None:
                    return reply
        if not any(one.is_for("basic") and one.get("realm") is not None for one in challenges):
            refuse_unsupported(self, [one for one in challenges if not one.is_for("basic")])
        return None

    def retry_http_basic_auth(self, host: str, req: Any, realm: str) -> Any:
        """Sends `req` again with the password for `realm` at `host`; returns the reply.

        None if there is no password, or it is one that was refused. Raises InvalidRequest for a
        name or password that can't be sent, BodyNotReplayable, and what opening raises.
        """
        user, password = self.passwd.find_user_password(realm, host)
        if user is None or password is None:
            return None
        value = basic_credentials(user, password)
        req = prepared(req)
        if value == req.get_header(self.auth_header) or not try_offer(self, req, value):
            return None
        return send_again(self, req, value)

    # --- before one

    def http_request(self, req: Any) -> Any:
        """Adds the password where the manager says that it may be sent unasked."""
        if self._knows_prior_auth() and not req.has_header(self.auth_header):
            url = req.full_url
            if self.passwd.is_authenticated(url):
                user, password = self.passwd.find_user_password(None, url)
                if user is not None and password is not None:
                    value = basic_credentials(user, password)
                    req.add_unredirected_header(self.auth_header, value)
        return req

    def http_response(self, req: Any, response: Any) -> Any:
        """Tells the manager whether the password was accepted."""
        given = req.unredirected_hdrs.get(self.auth_header, "")
        if self._knows_prior_auth() and given.startswith("Basic "):
            accepted = 200 <= response.code < 300
            was_known = self.passwd.is_authenticated(req.full_url)
            if accepted != was_known and (accepted or response.code == 401):
                learn = getattr(self.passwd, "learn", self.passwd.update_authenticated)
                learn(req.full_url, accepted)
        return response

    https_request = http_request
    https_response = http_response

    def _knows_prior_auth(self) -> bool:
        """Never for a proxy: managers know it by URL, and which proxy a URL takes is not settled
        before the request is opened.
        """
        return self.auth_header == "Authorization" and hasattr(self.passwd, "is_authenticated")


class HTTPBasicAuthHandler(AbstractBasicAuthHandler, BaseHandler):
    """Answers origins."""

    auth_header = "Authorization"

    def http_error_401(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """The reply to the request with a password; None if there is none to send."""
        return answer(self, "www-authenticate", req.full_url, req, fp, headers)


class ProxyBasicAuthHandler(AbstractBasicAuthHandler, BaseHandler):
    """Answers proxies. Passwords are looked up by the proxy's host:port."""

    auth_header = "Proxy-authorization"

    def http_error_407(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """The reply to the request with a password; None if there is none, or no proxy."""
        if not req.has_proxy():
            return None
        return answer(self, "proxy-authenticate", req.host, req, fp, headers)
