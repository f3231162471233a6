"""Basic authentication: against scripted servers, nginx, and in the standard library's opener."""

from __future__ import annotations

import urllib.error
import urllib.request
import warnings

import pytest
from support.nginx import Nginx, find_nginx
from support.servers import ScriptedServer

from mini_http import BaseHandler, HTTPError, HTTPHandler, Request, build_opener
from mini_http.opener.handlers.authentication import MOST_ANSWERS
from mini_http.opener.handlers.basic_auth import (
    AbstractBasicAuthHandler,
    HTTPBasicAuthHandler,
    ProxyBasicAuthHandler,
)
from mini_http.opener.handlers.digest_auth import HTTPDigestAuthHandler
from mini_http.opener.passwords import (
    HTTPPasswordMgr,
    HTTPPasswordMgrWithDefaultRealm,
    HTTPPasswordMgrWithPriorAuth,
)

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
ALADDIN = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
"""RFC 7617 section 2: of Aladdin, with the password "open sesame"."""


def refusal(*challenges, status=401):
    name = b"WWW-Authenticate" if status == 401 else b"Proxy-Authenticate"
    fields = b"".join(b"%b: %b\r\n" % (name, challenge.encode()) for challenge in challenges)
    return b"HTTP/1.1 %d Refused\r\n%bContent-Length: 3\r\n\r\nno!" % (status, fields)


REFUSED = refusal('Basic realm="cave"')


def basic(url, realm="cave", user="Aladdin", password="open sesame"):
    handler = HTTPBasicAuthHandler()
    handler.add_password(realm, url, user, password)
    return handler


def opener_with(pool, *handlers):
    return build_opener(HTTPHandler(pool=pool), *handlers)


def authorizations(server, name="authorization"):
    """The field of each request that the server read; None where it has none."""
    found = []
    for raw in server.requests:
        lines = raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        fields = {line.partition(":")[0].lower(): line.partition(": ")[2] for line in lines}
        found.append(fields.get(name))
    return found


def test_a_user_that_cannot_be_sent_is_an_error_of_opening(pool):
    with ScriptedServer([REFUSED]) as server, pytest.raises(ValueError, match="':'"):
        opener_with(pool, basic(server.url, user="a:b")).open(server.url)
    assert authorizations(server) == [None]


# --- challenges

BASIC = [
    'Basic realm="cave"',
    "Basic realm='cave'",
    'bASIC REALM="cave"',
    'Basic realm="cave", charset="UTF-8"',
    'Basic charset="UTF-8", realm="cave"',
    'Basic realm="cave", Basic realm="other"',
    'Basic realm="other", Basic realm="cave"',
    'Other xxx, Basic realm="cave"',
    'Digest realm="cave", nonce="a", qop="auth, auth-int", Basic realm="cave"',
    'Digest realm="a, Basic realm=b", Basic realm="cave"',
]


@pytest.mark.parametrize("challenge", BASIC)
def test_a_basic_challenge_is_answered_on_the_same_connection(pool, challenge):
    with ScriptedServer([[refusal(challenge), HELLO]]) as server:
        assert opener_with(pool, basic(server.url)).open(server.url).read() == b"hello"
    assert authorizations(server) == [None, ALADDIN]
    assert pool.opened == 1


def test_challenges_may_come_in_several_fields(pool):
    with ScriptedServer([[refusal("NTLM", "", 'Basic realm="cave"'), HELLO]]) as server:
        assert opener_with(pool, basic(server.url)).open(server.url).read() == b"hello"
    assert authorizations(server) == [None, ALADDIN]


def test_a_realm_may_have_any_characters(pool):
    with ScriptedServer([[refusal('Basic realm="caf\\\\é \\"x\\""'), HELLO]]) as server:
        opener = opener_with(pool, basic(server.url, 'caf\\é "x"'))
        assert opener.open(server.url).read() == b"hello"
    assert authorizations(server) == [None, ALADDIN]


def test_a_realm_without_quotes_is_answered_with_a_warning(pool):
    with ScriptedServer([[refusal("Basic realm=cave"), HELLO]]) as server:
        opener = opener_with(pool, basic(server.url))
        with pytest.warns(UserWarning, match="Basic Auth Realm was unquoted"):
            opener.open(server.url).close()
    assert authorizations(server) == [None, ALADDIN]


def test_no_warning_is_given_for_what_is_right(pool):
    with ScriptedServer([[REFUSED, HELLO]]) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        assert opener_with(pool, basic(server.url)).open(server.url).read() == b"hello"


def test_a_head_request_is_answered_too(pool):
    refused = REFUSED.removesuffix(b"no!")
    with ScriptedServer([[refused, HELLO.removesuffix(b"hello")]]) as server:
        request = Request(server.url, method="HEAD")
        assert opener_with(pool, basic(server.url)).open(request).status == 200
    assert authorizations(server) == [None, ALADDIN]
    assert pool.opened == 1


NOT_ANSWERED = {
    "no challenge": [],
    "an empty field": [""],
    "no realm": ["Basic"],
    "another realm": ['Basic realm="other"'],
}


@pytest.mark.parametrize("challenges", NOT_ANSWERED.values(), ids=NOT_ANSWERED)
def test_a_reply_that_there_is_no_password_for_is_an_error_to_be_read(pool, challenges):
    with ScriptedServer([refusal(*challenges)]) as server:
        with pytest.raises(HTTPError, match="HTTP Error 401: Refused") as caught:
            opener_with(pool, basic(server.url)).open(server.url)
        assert caught.value.read() == b"no!"
    assert authorizations(server) == [None]


@pytest.mark.parametrize("challenge", ["NTLM", "Negotiate, Other a=b", 'Digest realm="cave"'])
def test_challenges_of_other_schemes_alone_are_an_error(pool, challenge):
    with ScriptedServer([refusal(challenge)]) as server:
        scheme = challenge.partition(" ")[0].rstrip(",")
        with pytest.raises(ValueError, match=f"HTTPBasicAuthHandler .* '{scheme}'"):
            opener_with(pool, basic(server.url)).open(server.url)
    assert authorizations(server) == [None]


def test_a_digest_challenge_is_no_error_where_a_handler_for_it_has_no_password(pool):
    with ScriptedServer([refusal('Digest realm="cave", nonce="a"')]) as server:
        opener = opener_with(pool, basic(server.url), HTTPDigestAuthHandler())
        with pytest.raises(HTTPError, match="401"):
            opener.open(server.url)
    assert authorizations(server) == [None]


# --- refused answers


def test_a_wrong_password_is_sent_once(pool):
    with ScriptedServer([[REFUSED, REFUSED.replace(b"no!", b"oh!")]]) as server:
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool, basic(server.url)).open(server.url)
        assert caught.value.read() == b"oh!"
    assert authorizations(server) == [None, ALADDIN]


def test_a_wrong_password_of_the_callers_own_is_not_sent_again(pool):
    with ScriptedServer([REFUSED]) as server:
        request = Request(server.url, headers={"Authorization": ALADDIN})
        with pytest.raises(HTTPError, match="401"):
            opener_with(pool, basic(server.url)).open(request)
    assert authorizations(server) == [ALADDIN]


def test_the_callers_own_credentials_give_way_to_the_password_when_they_are_refused(pool):
    with ScriptedServer([[REFUSED, REFUSED]]) as server:
        request = Request(server.url, headers={"Authorization": "Bearer old"})
        with pytest.raises(HTTPError, match="401"):
            opener_with(pool, basic(server.url)).open(request)
    assert authorizations(server) == ["Bearer old", ALADDIN]


class Asking(HTTPPasswordMgr):
    """A manager that knows another password each time."""

    asked = 0

    def find_user_password(self, realm, authuri):
        self.asked += 1
        return "user", str(self.asked)


def test_other_passwords_are_tried_a_few_times(pool):
    manager = Asking()
    script = [REFUSED] * (MOST_ANSWERS + 1)
    with ScriptedServer([script]) as server, pytest.raises(HTTPError, match="401"):
        opener_with(pool, HTTPBasicAuthHandler(manager)).open(server.url)
    assert len(set(authorizations(server))) == MOST_ANSWERS + 1
    assert pool.opened == 1


# --- where credentials go


def test_a_password_is_not_sent_to_another_origin(pool):
    with ScriptedServer([REFUSED]) as other, ScriptedServer([REFUSED]) as server:
        opener = opener_with(pool, basic(other.url))
        with pytest.raises(HTTPError, match="401"):
            opener.open(server.url)
    assert authorizations(server) == [None]


def test_credentials_do_not_follow_a_redirect_to_another_origin(pool):
    with ScriptedServer([REFUSED]) as other:
        moved = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
        with ScriptedServer([[REFUSED, moved % other.url.encode()]]) as server:
            opener = opener_with(pool, basic(server.url))
            with pytest.raises(HTTPError, match="401"):
                opener.open(server.url)
    assert authorizations(server) == [None, ALADDIN]
    assert authorizations(other) == [None]


def test_after_a_redirect_the_same_origin_may_ask_again(pool):
    moved = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[REFUSED, moved, REFUSED, HELLO]]) as server:
        assert opener_with(pool, basic(server.url)).open(server.url).read() == b"hello"
    assert authorizations(server) == [None, ALADDIN, None, ALADDIN]
    assert pool.opened == 1


# --- before a challenge


def prior(url, is_authenticated):
    manager = HTTPPasswordMgrWithPriorAuth()
    manager.add_password("cave", url, "Aladdin", "open sesame", is_authenticated)
    return HTTPBasicAuthHandler(manager)


def test_a_password_is_sent_unasked_where_the_manager_says_so(pool):
    with ScriptedServer([[HELLO] * 3]) as server:
        opener = opener_with(pool, prior(server.url + "a", True))
        for path in ("a", "a/b", "ab"):
            opener.open(server.url + path).close()
    assert authorizations(server) == [ALADDIN, ALADDIN, None]


def test_a_password_is_sent_unasked_once_it_was_accepted_until_it_is_refused(pool):
    gone = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    script = [HELLO, REFUSED, HELLO, HELLO, gone, REFUSED, HELLO]
    with ScriptedServer([script]) as server:
        opener = opener_with(pool, prior(server.url, False))
        for path in ("public", "a", "b", "missing", "c", "d"):
            try:
                opener.open(server.url + path).close()
            except HTTPError as error:
                error.close()
    assert authorizations(server) == [None, None, ALADDIN, ALADDIN, ALADDIN, ALADDIN, None]


def test_what_the_caller_sent_says_nothing_about_the_password(pool):
    with ScriptedServer([[HELLO, HELLO]]) as server:
        opener = opener_with(pool, prior(server.url, False))
        opener.open(Request(server.url, headers={"Authorization": ALADDIN})).close()
        opener.open(server.url).close()
    assert authorizations(server) == [ALADDIN, None]


def test_the_callers_own_credentials_stay(pool):
    with ScriptedServer([HELLO]) as server:
        opener = opener_with(pool, prior(server.url, True))
        opener.open(Request(server.url, headers={"Authorization": "Bearer x"})).close()
    assert authorizations(server) == ["Bearer x"]


def test_nothing_is_sent_unasked_where_no_password_is(pool):
    handler = prior("http://other/", False)
    with ScriptedServer([HELLO]) as server:
        handler.passwd.update_authenticated(server.url, True)
        opener_with(pool, handler).open(server.url).close()
    assert authorizations(server) == [None]


class OwnManager:
    """A manager as others write one: with the methods that urllib asks for, and no more."""

    def __init__(self):
        self.known = {}

    def add_password(self, realm, uri, user, passwd):
        raise NotImplementedError

    def find_user_password(self, realm, authuri):
        return "Aladdin", "open sesame"

    def is_authenticated(self, authuri):
        return self.known.get(authuri)

    def update_authenticated(self, uri, is_authenticated):
        self.known[uri] = is_authenticated


def test_a_manager_of_the_callers_own_is_told_what_was_accepted(pool):
    manager = OwnManager()
    with ScriptedServer([[REFUSED, HELLO, HELLO]]) as server:
        opener = opener_with(pool, HTTPBasicAuthHandler(manager))
        opener.open(server.url).close()
        opener.open(server.url).close()
        assert manager.known == {server.url: True}
    assert authorizations(server) == [None, ALADDIN, ALADDIN]


# --- proxies


class Proxied(BaseHandler):
    """Sends all requests through one proxy."""

    handler_order = 100

    def __init__(self, proxy):
        self.proxy = proxy

    def http_open(self, request):
        request.set_proxy(self.proxy, "http")


FROM_PROXY = refusal('Basic realm="cave"', status=407)


def proxy_basic(*places, manager=None):
    handler = ProxyBasicAuthHandler(manager)
    for place in places:
        handler.add_password("cave", place, "Aladdin", "open sesame")
    return handler


def test_a_proxy_is_answered_by_its_host_and_port(pool):
    with ScriptedServer([[FROM_PROXY, HELLO]]) as proxy:
        opener = opener_with(pool, Proxied(proxy.authority), proxy_basic(proxy.authority))
        assert opener.open("http://origin.example/a").read() == b"hello"
    assert all(raw.startswith(b"GET http://origin.example/a ") for raw in proxy.requests)
    assert authorizations(proxy, "proxy-authorization") == [None, ALADDIN]
    assert authorizations(proxy) == [None, None]


def test_a_proxy_is_not_answered_with_the_password_of_an_origin(pool):
    with ScriptedServer([FROM_PROXY]) as proxy:
        opener = opener_with(pool, Proxied(proxy.authority), proxy_basic("http://origin.example"))
        with pytest.raises(HTTPError, match="407"):
            opener.open("http://origin.example/a")
    assert authorizations(proxy, "proxy-authorization") == [None]


def test_an_origin_that_plays_the_proxy_gets_no_password(pool):
    with ScriptedServer([FROM_PROXY]) as server:
        opener = opener_with(pool, proxy_basic(server.authority, server.url))
        with pytest.raises(HTTPError, match="407"):
            opener.open(server.url)
    assert authorizations(server, "proxy-authorization") == [None]


def test_nothing_is_sent_unasked_to_a_proxy_or_by_its_handler_to_an_origin(pool):
    manager = HTTPPasswordMgrWithPriorAuth()
    with ScriptedServer([HELLO]) as proxy:
        manager.add_password("cave", proxy.authority, "Aladdin", "open sesame", True)
        manager.add_password("cave", "http://origin.example/", "Aladdin", "open sesame", True)
        opener = opener_with(pool, Proxied(proxy.authority), ProxyBasicAuthHandler(manager))
        opener.open("http://origin.example/").close()
    assert authorizations(proxy, "proxy-authorization") == authorizations(proxy) == [None]


def test_a_proxy_and_an_origin_are_answered_after_each_other(pool):
    with ScriptedServer([[FROM_PROXY, REFUSED, HELLO]]) as proxy:
        opener = opener_with(
            pool,
            Proxied(proxy.authority),
            proxy_basic(proxy.authority),
            basic("http://origin.example/"),
        )
        assert opener.open("http://origin.example/a").read() == b"hello"
    assert authorizations(proxy, "proxy-authorization") == [None, ALADDIN, ALADDIN]
    assert authorizations(proxy) == [None, None, ALADDIN]


# --- interfaces


def test_a_handler_has_a_manager_of_its_own_unless_it_is_given_one():
    manager = HTTPPasswordMgrWithDefaultRealm()
    given = HTTPBasicAuthHandler(manager)
    assert given.passwd is manager
    assert given.add_password == manager.add_password
    assert type(AbstractBasicAuthHandler().passwd) is HTTPPasswordMgr
    assert HTTPBasicAuthHandler().passwd is not HTTPBasicAuthHandler().passwd


def test_the_hooks_and_their_order_are_those_of_urllib():
    for ours, stock in (
        (HTTPBasicAuthHandler, urllib.request.HTTPBasicAuthHandler),
        (ProxyBasicAuthHandler, urllib.request.ProxyBasicAuthHandler),
    ):
        assert ours.handler_order == stock.handler_order
        assert ours.auth_header == stock.auth_header
        private = {"rx"}  # a regular expression that nobody else uses
        public = {name for name in dir(stock) if not name.startswith("_")} - private
        assert public <= set(dir(ours))


def test_the_handler_serves_in_the_standard_librarys_opener():
    with ScriptedServer([REFUSED, HELLO, REFUSED, REFUSED]) as server:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), basic(server.url))
        with opener.open(server.url, b"data", timeout=10) as reply:
            assert reply.read() == b"hello"
        request = urllib.request.Request(server.url + "a")
        wrong = basic(server.url, password="wrong")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), wrong)
        with pytest.raises(urllib.error.HTTPError, match="401") as caught:
            opener.open(request, timeout=10)
        caught.value.close()
        assert not request.has_header("Authorization")
    assert [one is None for one in authorizations(server)] == [True, False, True, False]
    assert authorizations(server)[1] == ALADDIN


def test_the_standard_librarys_handler_serves_in_our_opener(pool):
    stock = urllib.request.HTTPBasicAuthHandler()
    with ScriptedServer([REFUSED, HELLO], again=True) as server:
        stock.add_password("cave", server.url, "Aladdin", "open sesame")
        assert opener_with(pool, stock).open(server.url).read() == b"hello"
    assert authorizations(server) == [None, ALADDIN]


class Direct(HTTPBasicAuthHandler):
    """A subclass that does what urllib's does, with the methods that it has."""

    def http_error_401(self, req, fp, code, msg, headers):
        return self.http_error_auth_reqed("www-authenticate", req.full_url, req, headers)


def test_a_subclass_may_go_its_own_way_to_the_answer(pool):
    handler = Direct()
    with ScriptedServer([REFUSED, REFUSED, REFUSED], again=True) as server:
        handler.add_password("cave", server.url, "Aladdin", "open sesame")
        opener = opener_with(pool, handler)
        with pytest.raises(HTTPError, match="401"):
            opener.open(Request(server.url))
    assert authorizations(server) == [None, ALADDIN]


def test_a_password_is_in_no_repr_and_in_no_error(pool):
    with ScriptedServer([[REFUSED, REFUSED]]) as server:
        handler = basic(server.url)
        with pytest.raises(HTTPError) as caught:
            opener_with(pool, handler).open(server.url)
        shown = repr(handler) + repr(caught.value) + str(caught.value)
        caught.value.close()
    assert "sesame" not in shown
    assert "QWxh" not in shown


# --- nginx

GUARDED = """
    location /guarded/ {{
        alias {files}/;
        auth_basic "the cave";
        auth_basic_user_file users;
    }}
"""


class GuardedNginx(Nginx):
    """Has its files at /guarded/ too, for those who know a password."""

    def _make_files(self):
        super()._make_files()
        (self._directory / "users").write_text("Zoë:{PLAIN}Sésame, ouvre-toi\n", "utf-8")

    def _server(self, name):
        start, brace, rest = super()._server(name).rpartition("}")
        return start + GUARDED.format(files=self.files) + brace + rest


@pytest.fixture(scope="module")
def guarded():
    if find_nginx() is None:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)")
    with GuardedNginx() as server:
        yield server


def opened_on(nginx):
    """Status and connection of the requests that nginx answered, but for those of /unlogged."""
    return [(line.status, line.connection) for line in nginx.log()]


def test_nginx_lets_in_who_knows_the_password_over_one_connection(guarded, pool):
    before = len(guarded.log())
    handler = basic(guarded.http, "the cave", "Zoë", "Sésame, ouvre-toi")
    opener = opener_with(pool, handler)
    assert len(opener.open(guarded.http + "/guarded/1k").read()) == 1024
    assert len(opener.open(guarded.http + "/guarded/1m").read()) == 1 << 20
    seen = opened_on(guarded)[before:]
    assert [status for status, _ in seen] == [401, 200, 401, 200]
    assert len({connection for _, connection in seen}) == 1


def test_nginx_refuses_who_does_not(guarded, pool):
    before = len(guarded.log())
    handler = basic(guarded.http, "the cave", "Zoë", "Sesame")
    with pytest.raises(HTTPError, match="401") as caught:
        opener_with(pool, handler).open(guarded.http + "/guarded/1k")
    assert b"401 Authorization Required" in caught.value.read()
    assert [status for status, _ in opened_on(guarded)[before:]] == [401, 401]


def test_nginx_is_asked_once_where_the_password_is_sent_unasked(guarded, pool):
    before = len(guarded.log())
    manager = HTTPPasswordMgrWithPriorAuth()
    manager.add_password(None, guarded.http + "/guarded", "Zoë", "Sésame, ouvre-toi")
    opener = opener_with(pool, HTTPBasicAuthHandler(manager))
    for name in ("1k", "text", "1k"):
        opener.open(f"{guarded.http}/guarded/{name}").close()
    seen = opened_on(guarded)[before:]
    assert [status for status, _ in seen] == [401, 200, 200, 200]
    assert len({connection for _, connection in seen}) == 1
