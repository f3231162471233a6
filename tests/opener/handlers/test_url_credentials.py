"""`user:password@` in URLs: who gets it, who does not, and where it is not shown."""

from __future__ import annotations

import io
import urllib.request

import pytest
from support.digest_server import DigestServer
from support.servers import ScriptedServer

from mini_http import (
    BaseHandler,
    HTTPBasicAuthHandler,
    HTTPError,
    HTTPHandler,
    Request,
    build_opener,
)
from mini_http.base import errors
from mini_http.codec.credentials import basic_credentials
from mini_http.connect.proxy import Proxy
from mini_http.exchange.request_body import watched
from mini_http.opener.handlers.url_credentials import URLCredentialsHandler

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
ASKS = b"HTTP/1.1 401 Asks\r\nWWW-Authenticate: %b\r\nContent-Length: 3\r\n\r\nno!"
BASIC = ASKS % b'Basic realm="cave"'
HIDDEN = "hunter2"
CREDENTIALS = basic_credentials("user", HIDDEN)


def opener_with(pool, *handlers):
    return build_opener(HTTPHandler(pool=pool), URLCredentialsHandler, *handlers)


def url_of(server, path="", userinfo=f"user:{HIDDEN}"):
    return f"http://{userinfo}@{server.authority}/{path}"


def fields(server, name="authorization"):
    found = []
    for raw in server.requests:
        lines = raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        one = {line.partition(":")[0].lower(): line.partition(": ")[2] for line in lines}
        found.append(one.get(name))
    return found


def moved(location, status=302):
    head = b"HTTP/1.1 %d Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
    return head % (status, location.encode())


def test_a_server_that_asks_gets_the_urls_user_and_password(pool):
    with ScriptedServer([[BASIC, HELLO]]) as server:
        assert opener_with(pool).open(url_of(server)).read() == b"hello"
        assert fields(server, "host") == [server.authority] * 2
    assert fields(server) == [None, CREDENTIALS]
    assert pool.opened == 1


@pytest.mark.parametrize(
    ("userinfo", "user", "password"),
    [("user", "user", ""), ("user:", "user", ""), ("Zo%C3%AB%20B:a%3Ab%40c", "Zoë B", "a:b@c")],
)
def test_user_and_password_are_decoded(pool, userinfo, user, password):
    with ScriptedServer([[BASIC, HELLO]]) as server:
        opener_with(pool).open(url_of(server, userinfo=userinfo)).close()
    assert fields(server)[1] == basic_credentials(user, password)


def test_a_server_that_does_not_ask_gets_nothing(pool):
    with ScriptedServer([HELLO]) as server:
        opener_with(pool).open(url_of(server)).close()
    assert fields(server) == [None]


def test_what_was_refused_is_sent_once_and_shown_nowhere(pool):
    with ScriptedServer([[BASIC, BASIC]]) as server:
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool).open(url_of(server))
        assert caught.value.read() == b"no!"
    assert HIDDEN not in str(caught.value) + repr(caught.value)
    assert fields(server) == [None, CREDENTIALS]


def test_credentials_of_the_programs_own_stay(pool):
    with ScriptedServer([BASIC]) as server:
        request = Request(url_of(server), headers={"Authorization": "Bearer own"})
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool).open(request)
        caught.value.close()
    assert fields(server) == ["Bearer own"]


def test_a_password_of_a_manager_is_tried_when_the_urls_was_refused(pool):
    basic = HTTPBasicAuthHandler()
    with ScriptedServer([[BASIC, BASIC, HELLO]]) as server:
        basic.add_password("cave", server.url, "other", "word")
        assert opener_with(pool, basic).open(url_of(server)).read() == b"hello"
    assert fields(server) == [None, CREDENTIALS, basic_credentials("other", "word")]


@pytest.mark.parametrize("challenge", [b"Negotiate", b"", b'Digest realm="r", nonce="n", qop="x"'])
def test_what_cannot_be_answered_is_an_error_to_be_read(pool, challenge):
    with ScriptedServer([ASKS % challenge]) as server:
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool).open(url_of(server))
        assert caught.value.read() == b"no!"
    assert fields(server) == [None]


def test_a_user_that_basic_cannot_express_is_an_error_that_shows_none(pool):
    with (
        ScriptedServer([BASIC]) as server,
        pytest.raises(errors.InvalidRequest, match="can't contain ':'") as caught,
    ):
        opener_with(pool).open(url_of(server, userinfo=f"a%3Ab:{HIDDEN}"))
    assert HIDDEN not in str(caught.value)


# --- redirects


def test_a_redirect_within_the_origin_may_be_asked_too(pool):
    script = [moved("/b"), BASIC, HELLO]
    with ScriptedServer([script]) as server:
        script[0] = moved(f"{server.url}b")
        assert opener_with(pool).open(url_of(server, "a")).read() == b"hello"
    assert fields(server) == [None, None, CREDENTIALS]


def test_a_redirect_to_another_origin_takes_nothing_along_and_brings_nothing_back(pool):
    script = [BASIC]
    with ScriptedServer([BASIC]) as other, ScriptedServer([script]) as server:
        script.insert(0, moved(url_of(other)))
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool).open(url_of(server))
        caught.value.close()
        assert fields(other) == [None]
    script = [None, BASIC]
    back = [None]
    with ScriptedServer([back]) as other, ScriptedServer([script]) as server:
        script[0], back[0] = moved(other.url), moved(url_of(server))
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool).open(url_of(server))
        caught.value.close()
        assert fields(server) == [None, None]


def test_a_user_that_a_redirect_brings_is_not_used(pool):
    script = [None, BASIC]
    with ScriptedServer([script]) as server:
        script[0] = moved(url_of(server, "b"))
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool).open(server.url)
        caught.value.close()
        assert fields(server) == [None, None]


# --- Digest


@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_a_server_that_asks_for_digest_does_not_see_the_password(pool, qop):
    userinfo = "Ali%20%5C%20Baba%20%C3%A9:S%C3%A9same,%20ouvre-toi%3A%20%C3%A9"
    sent = []
    bodies = [None, b"bytes", io.BytesIO(b"a file"), [b"a", b"list"],
              watched(b"watched", lambda now, total: sent.append(now))]  # fmt: skip
    with DigestServer("SHA-256", qop, also=('Basic realm="cave"',)) as server:
        url = server.url.replace("//", f"//{userinfo}@")
        for body in bodies:
            assert opener_with(pool).open(url, body).read() == b"welcome"
        pool.close()
    assert server.verdicts == ["missing", "right"] * len(bodies)
    assert sent == [7, 7]


def test_a_body_that_can_be_read_only_once_is_an_error(pool):
    with DigestServer(qop="auth-int") as server:
        url = server.url.replace("//", "//user:password@")
        with pytest.raises(errors.BodyNotReplayable):
            opener_with(pool).open(url, iter([b"once"]))
        pool.close()
    assert server.verdicts == ["missing"]


def test_a_nonce_that_got_stale_is_replaced_and_a_wrong_password_is_not_sent_twice(pool):
    stale = ASKS % b'Digest realm="r", nonce="%b", qop="auth", stale=true'
    wrong = ASKS % b'Digest realm="r", nonce="c", qop="auth"'
    with ScriptedServer([[stale % b"a", stale % b"b", wrong]]) as server:
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool).open(url_of(server))
        caught.value.close()
    assert ['nonce="a"' in str(one) for one in fields(server)] == [False, True, False]
    assert ['nonce="b"' in str(one) for one in fields(server)] == [False, False, True]


def test_the_password_is_not_sent_in_clear_once_a_digest_answer_was_refused(pool):
    digest = ASKS % b'Digest realm="r", nonce="n", qop="auth"'
    with ScriptedServer([[digest, BASIC]]) as server:
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool).open(url_of(server))
        caught.value.close()
    assert fields(server)[1].startswith("Digest ")
    assert len(server.requests) == 2


# --- proxies


def at(place, user="user", authorization=None):
    """A proxy that has a user."""
    return Proxy.parse(place).replace(user=user, password=HIDDEN, authorization=authorization)


class Proxied(BaseHandler):
    """Sends all requests through one proxy, as ProxyHandler does."""

    handler_order = 100

    def __init__(self, proxy):
        self.proxy = proxy

    def http_open(self, request):
        if not request.has_proxy():
            request.choose_proxy(self.proxy)


FROM_PROXY = b"HTTP/1.1 407 Asks\r\nProxy-Authenticate: %b\r\nContent-Length: 0\r\n\r\n"
DIGEST = FROM_PROXY % b'Digest realm="r", nonce="n", qop="auth"'


@pytest.mark.parametrize("unasked", [None, CREDENTIALS], ids=["asked", "Basic unasked"])
def test_a_proxy_that_asks_gets_the_user_and_password_of_its_url(pool, unasked):
    with ScriptedServer([[DIGEST, HELLO]]) as proxy:
        way = Proxied(at(proxy.authority, authorization=unasked))
        assert opener_with(pool, way).open("http://origin.example/a").read() == b"hello"
    first, second = fields(proxy, "proxy-authorization")
    assert first == unasked
    assert 'uri="http://origin.example/a"' in second
    assert fields(proxy) == [None, None]


def test_a_proxy_that_refuses_what_it_was_sent_unasked_is_not_sent_it_again(pool):
    with ScriptedServer([FROM_PROXY % b"Basic realm=a"]) as proxy:
        way = Proxied(at(proxy.authority, authorization=CREDENTIALS))
        with pytest.raises(HTTPError, match="407") as caught:
            opener_with(pool, way).open("http://origin.example/")
        caught.value.close()
    assert fields(proxy, "proxy-authorization") == [CREDENTIALS]


def test_a_proxy_without_a_user_gets_none(pool):
    with ScriptedServer([DIGEST]) as proxy:
        opener = opener_with(pool, Proxied(at(proxy.authority, user=None)))
        with pytest.raises(HTTPError, match="407") as caught:
            opener.open(f"http://user:{HIDDEN}@origin.example/")
        caught.value.close()
    assert fields(proxy, "proxy-authorization") == [None]
    assert HIDDEN.encode() not in proxy.requests[0]


def test_an_origin_that_plays_the_proxy_gets_nothing(pool):
    with ScriptedServer([DIGEST]) as server:
        request = Request(url_of(server))
        request.proxy = at("proxy.example")
        with pytest.raises(HTTPError, match="407") as caught:
            opener_with(pool).open(request)
        caught.value.close()
    assert fields(server, "proxy-authorization") == [None]


# --- elsewhere


def test_the_handler_serves_in_the_standard_librarys_opener_for_what_has_no_user():
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), URLCredentialsHandler())
    with ScriptedServer([BASIC]) as server:
        with pytest.raises(urllib.request.HTTPError, match="401") as caught:
            opener.open(server.url, timeout=10)
        caught.value.close()
    assert fields(server) == [None]
