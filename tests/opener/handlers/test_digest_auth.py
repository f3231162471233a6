"""Digest authentication: the examples of the RFCs, and a server that checks what it is sent."""

from __future__ import annotations

import hashlib
import re
import threading
import urllib.request

import pytest
from support.servers import ScriptedServer

from mini_http import BaseHandler, HTTPError, HTTPHandler, Request, URLError, build_opener
from mini_http.base import errors
from mini_http.opener.handlers.authentication import MOST_ANSWERS
from mini_http.opener.handlers.basic_auth import HTTPBasicAuthHandler
from mini_http.opener.handlers.digest_auth import (
    ALGORITHMS,
    AbstractDigestAuthHandler,
    HTTPDigestAuthHandler,
    ProxyDigestAuthHandler,
)
from mini_http.opener.passwords import HTTPPasswordMgr, HTTPPasswordMgrWithDefaultRealm

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
REALM, USER, PASSWORD = 'the "cave"', "Ali \\ Baba", "Sésame, ouvre-toi"


def opener_with(pool, *handlers):
    return build_opener(HTTPHandler(pool=pool), *handlers)


def digest(*places, realm=REALM, user=USER, password=PASSWORD, kind=HTTPDigestAuthHandler):
    handler = kind()
    for place in places:
        handler.add_password(realm, place, user, password)
    return handler


def parameters(text):
    """The parameters of a field, without quotes; in other words than those of the package."""
    found = re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))', text)
    return {name: re.sub(r"\\(.)", r"\1", quoted) or bare for name, quoted, bare in found}


def field(raw, name):
    """A field of a request as the server saw it, its bytes read as UTF-8; None if there is none."""
    lines = raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {line.partition(":")[0].lower(): line.partition(": ")[2] for line in lines}.get(name)


# --- the examples of the RFCs


class WithCnonce(HTTPDigestAuthHandler):
    """Sends the client's nonce of an example."""

    def __init__(self, cnonce):
        super().__init__()
        self.cnonce = cnonce

    def get_cnonce(self, nonce):
        return self.cnonce


RFC_7616 = {
    "realm": "http-auth@example.org",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    "qop": "auth, auth-int",
}
RFC_7616_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
RFC_2617 = {
    "realm": "testrealm@host.com",
    "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    "opaque": "5ccc069c403ebaf9f0171e9517f40e41",
}


@pytest.mark.parametrize(
    ("challenge", "cnonce", "password", "response"),
    [
        (
            RFC_7616 | {"algorithm": "SHA-256"},
            RFC_7616_CNONCE,
            "Circle of Life",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
        (
            RFC_7616 | {"algorithm": "MD5"},
            RFC_7616_CNONCE,
            "Circle of Life",
            "8ca523f5e9506fed4657c9700eebdbec",
        ),
        (
            RFC_2617 | {"qop": "auth,auth-int"},
            "0a4f113b",
            "Circle Of Life",
            "6629fae49393a05397450978507c4ef1",
        ),
        # RFC 2069 section 2.4, as errata 749 corrects it
        (RFC_2617, "", "CircleOfLife", "1949323746fe6a43ef61f9606e7febea"),
    ],
)
def test_the_examples_of_the_rfcs_give_the_responses_that_stand_there(
    challenge, cnonce, password, response
):
    handler = WithCnonce(cnonce)
    uri = "http://www.example.org/dir/index.html"
    handler.add_password(challenge["realm"], uri, "Mufasa", password)
    sent = handler.get_authorization(Request(uri), challenge)
    expected = {
        "username": "Mufasa",
        "uri": "/dir/index.html",
        "algorithm": "MD5",
        "response": response,
    }
    expected |= {name: value for name, value in challenge.items() if name != "qop"}
    if "qop" in challenge:
        expected |= {"qop": "auth", "nc": "00000001", "cnonce": cnonce}
    assert parameters(sent) == expected


def test_what_must_be_quoted_is_and_what_must_not_be_is_not():
    handler = WithCnonce("abc")
    handler.add_password("a realm", "http://a/", "user", "password")
    sent = handler.get_authorization(
        urllib.request.Request("http://a/b?c"),
        {"realm": "a realm", "nonce": "n", "qop": "auth", "algorithm": "sha-256", "opaque": "o"},
    )
    response = parameters(sent)["response"]
    assert sent == (
        'username="user", realm="a realm", nonce="n", uri="/b?c", cnonce="abc", '
        f'response="{response}", opaque="o", algorithm=sha-256, qop=auth, nc=00000001'
    )


# --- algorithms

FUNCTIONS = {"MD5": hashlib.md5, "SHA": hashlib.sha1, "SHA-256": hashlib.sha256}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_algorithm_is_two_functions(name):
    hashed, keyed = AbstractDigestAuthHandler().get_algorithm_impls(name)
    assert hashed("é") == FUNCTIONS[name]("é".encode()).hexdigest()
    assert keyed("a", "b") == hashed("a:b")
    assert hashed("é") == hashed("é")


def test_sha_512_256_is_there_where_hashlib_has_it():
    if "sha512_256" not in hashlib.algorithms_available:
        pytest.skip("this Python has no SHA-512/256")
    hashed, _ = AbstractDigestAuthHandler().get_algorithm_impls("SHA-512-256")
    # FIPS 180-4, of "abc"
    assert hashed("abc") == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"


@pytest.mark.parametrize("name", ["invalid", "MD5-sess", "not in hashlib"])
def test_an_algorithm_that_is_not_there_is_an_error(name, monkeypatch):
    monkeypatch.setitem(ALGORITHMS, "NOT IN HASHLIB", "no such function")
    with pytest.raises(ValueError, match="Unsupported digest") as caught:
        AbstractDigestAuthHandler().get_algorithm_impls(name)
    assert isinstance(caught.value, errors.InvalidRequest)
    assert str(caught.value) == f"Unsupported digest authentication algorithm {name!r}"


# --- the parts of an answer


def test_a_nonce_is_counted_as_often_as_it_is_answered():
    handler = digest("http://a/")
    request = Request("http://a/")

    def count(nonce):
        challenge = {"realm": REALM, "nonce": nonce, "qop": "auth"}
        return parameters(handler.get_authorization(request, challenge))["nc"]

    assert [count("a"), count("a")] == ["00000001", "00000002"]
    assert [count("b"), count("b")] == ["00000001", "00000002"]
    assert (handler.last_nonce, handler.nonce_count) == ("b", 2)


def test_threads_never_send_the_same_count():
    handler = digest("http://a/")
    counts = []

    def answer():
        for _ in range(200):
            counts.append(handler._next_count("nonce"))

    threads = [threading.Thread(target=answer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == list(range(1, 801))


def test_the_clients_nonces_are_all_different():
    handler = HTTPDigestAuthHandler()
    assert len({handler.get_cnonce("a") for _ in range(100)}) == 100
    assert re.fullmatch("[0-9a-f]{16}", handler.get_cnonce("a"))


@pytest.mark.parametrize(
    "challenge", [{"realm": REALM}, {"nonce": "a"}, {"realm": "other", "nonce": "a"}, {}]
)
def test_there_is_no_answer_without_realm_nonce_and_password(challenge):
    assert digest("http://a/").get_authorization(Request("http://a/"), challenge) is None


def test_a_subclass_may_send_a_digest_of_the_body():
    class WithEntity(HTTPDigestAuthHandler):
        def get_entity_digest(self, data, chal):
            return f"{len(data)} of {chal['nonce']}"

    challenge = {"realm": REALM, "nonce": "n"}
    handler = digest("http://a/", kind=WithEntity)
    plain = digest("http://a/")
    with_body = Request("http://a/", b"abc")
    assert 'digest="3 of n"' in handler.get_authorization(with_body, challenge)
    assert "digest=" not in handler.get_authorization(Request("http://a/"), challenge)
    assert "digest=" not in plain.get_authorization(with_body, challenge)


# --- a server that checks


class DigestServer:
    """Answers who knows the password; the way to check is the one of RFC 7616 section 3.4.

    `algorithm` None is left out of the challenge, and so is `qop`. Each nonce is good for `uses`
    answers with rising counts, and what comes later is told that it is stale.
    """

    def __init__(self, algorithm="MD5", qop="auth", uses=1, before="", after="", status=401):
        self.algorithm, self.qop, self.uses = algorithm, qop, uses
        self.before, self.after = before, after
        self.field, self.answer, self.status = {
            401: (b"WWW-Authenticate", "authorization", b"401 Unauthorized"),
            407: (b"Proxy-Authenticate", "proxy-authorization", b"407 Proxy"),
        }[status]
        self.nonces = {}
        self.faults = []

    def __call__(self, connection):
        while True:
            raw = connection.read_request()
            fault = self.fault(raw)
            self.faults.append(fault)
            connection.send(self.refusal(fault == "stale") if fault else HELLO)

    def refusal(self, stale):
        nonce = f"{len(self.nonces)}/+=,"
        self.nonces[nonce] = []
        quoted = REALM.replace('"', '\\"')
        parts = [f'realm="{quoted}"', f'nonce="{nonce}"', 'opaque="of=the, server"']
        parts += [f'qop="{self.qop}"'] if self.qop else []
        parts += [f"algorithm={self.algorithm}"] if self.algorithm else []
        parts += ["stale=TRUE"] if stale else []
        challenge = f"{self.before}Digest {', '.join(parts)}{self.after}".encode()
        return b"HTTP/1.1 %b\r\n%b: %b\r\nContent-Length: 3\r\n\r\nno!" % (
            self.status,
            self.field,
            challenge,
        )

    def fault(self, raw):
        given = field(raw, self.answer)
        if given is None or not given.startswith("Digest "):
            return "missing"
        sent = parameters(given)
        counts = self.nonces.get(sent["nonce"])
        if counts is None:
            return "unknown nonce"
        if sent["response"] != self.response(sent, raw.decode().split(" ")[:2]):
            return "wrong"
        if sent["realm"] != REALM or sent["opaque"] != "of=the, server":
            return "not echoed"
        if len(counts) >= self.uses:
            return "stale"
        count = int(sent.get("nc", "1"), 16)
        if counts and count <= counts[-1]:
            return "replayed"
        counts.append(count)
        return None

    def response(self, sent, asked):
        function = hashlib.new(ALGORITHMS[self.algorithm or "MD5"]).name
        method, target = asked

        def hashed(*parts):
            return hashlib.new(function, ":".join(parts).encode()).hexdigest()

        if sent["uri"] != target or sent["username"] != USER:
            return "of another request or user"
        secret, asked = hashed(USER, REALM, PASSWORD), hashed(method, target)
        if not self.qop:
            return hashed(secret, sent["nonce"], asked)
        return hashed(secret, sent["nonce"], sent["nc"], sent["cnonce"], sent["qop"], asked)


USABLE = [name for name in ALGORITHMS if ALGORITHMS[name] in hashlib.algorithms_available]


@pytest.mark.parametrize("qop", [None, "auth", "auth,auth-int", "auth-int, auth"])
@pytest.mark.parametrize("algorithm", [None, *USABLE])
def test_a_challenge_is_answered_on_the_same_connection(pool, algorithm, qop):
    checks = DigestServer(algorithm, qop)
    with ScriptedServer(handler=checks) as server:
        opener = opener_with(pool, digest(server.url))
        assert opener.open(server.url + "a/b?c=%20d").read() == b"hello"
        assert opener.open(server.url, b"posted").read() == b"hello"
        request = Request(server.url, method="DELETE")
        assert opener.open(request).read() == b"hello"
        assert opener.open(request).read() == b"hello"
    assert checks.faults == ["missing", None] * 4
    assert pool.opened == 1


def test_a_wrong_password_is_sent_once(pool):
    checks = DigestServer()
    with ScriptedServer(handler=checks) as server:
        opener = opener_with(pool, digest(server.url, password="wrong"))
        with pytest.raises(HTTPError, match="HTTP Error 401: digest auth failed") as caught:
            opener.open(server.url)
        assert caught.value.read() == b"no!"
        assert caught.value.url == server.url
        assert "realm" in caught.value.headers["WWW-Authenticate"]
    assert checks.faults == ["missing", "wrong"]


def test_a_nonce_that_got_stale_is_replaced(pool):
    class LateServer(DigestServer):
        """Takes no nonce but the third."""

        def fault(self, raw):
            fault = super().fault(raw)
            return fault or ("stale" if len(self.nonces) < 3 else None)

    checks = LateServer(uses=9)
    with ScriptedServer(handler=checks) as server:
        assert opener_with(pool, digest(server.url)).open(server.url).read() == b"hello"
    assert checks.faults == ["missing", "stale", "stale", None]
    assert pool.opened == 1


def test_a_server_that_finds_every_nonce_stale_is_left_after_a_few(pool):
    checks = DigestServer(uses=0)
    with ScriptedServer(handler=checks) as server:
        handler = digest(server.url)
        with pytest.raises(HTTPError, match="digest auth failed") as caught:
            opener_with(pool, handler).open(server.url)
        caught.value.close()
    assert checks.faults == ["missing"] + ["stale"] * MOST_ANSWERS
    assert handler.retried == 0


def test_another_password_is_tried_when_the_manager_has_one(pool):
    passwords = iter(["first", "second", "third", PASSWORD])

    class Asking(HTTPPasswordMgr):
        def find_user_password(self, realm, authuri):
            return USER, next(passwords)

    checks = DigestServer()
    with ScriptedServer(handler=checks) as server:
        opener = opener_with(pool, HTTPDigestAuthHandler(Asking()))
        assert opener.open(server.url).read() == b"hello"
    assert checks.faults == ["missing", "wrong", "wrong", "wrong", None]


def test_without_a_password_the_reply_is_an_error_to_be_read(pool):
    checks = DigestServer()
    with ScriptedServer(handler=checks) as server:
        with pytest.raises(HTTPError, match="HTTP Error 401: Unauthorized") as caught:
            opener_with(pool, digest("http://other/")).open(server.url)
        assert caught.value.read() == b"no!"
    assert checks.faults == ["missing"]


def test_a_reply_without_a_challenge_is_an_error_to_be_read(pool):
    refused = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nno!"
    with ScriptedServer([refused]) as server:
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool, digest(server.url)).open(server.url)
        assert caught.value.read() == b"no!"


# --- several challenges


def test_of_a_parameter_that_repeats_the_first_counts(pool):
    checks = DigestServer(after=', realm="x", nonce="y", opaque="z"')
    with ScriptedServer(handler=checks) as server:
        assert opener_with(pool, digest(server.url)).open(server.url).read() == b"hello"
    assert checks.faults == ["missing", None]


def test_of_several_algorithms_the_first_that_is_known_is_answered(pool):
    other = 'Digest realm="x", nonce="y", algorithm=SHA-3, Digest realm="x", nonce="y", qop="z", '
    checks = DigestServer("SHA-256", before=other, after=', Digest realm="x", nonce="y"')
    with ScriptedServer(handler=checks) as server:
        assert opener_with(pool, digest(server.url)).open(server.url).read() == b"hello"
    assert checks.faults == ["missing", None]


def basic(*places):
    handler = HTTPBasicAuthHandler(HTTPPasswordMgrWithDefaultRealm())
    for place in places:
        handler.add_password(None, place, "user", "password")
    return handler


@pytest.mark.parametrize("where", [{"before": 'Basic realm="a", '}, {"after": ', Basic realm="a"'}])
def test_digest_is_answered_rather_than_basic(pool, where):
    checks = DigestServer(**where)
    with ScriptedServer(handler=checks) as server:
        opener = opener_with(pool, basic(server.url), digest(server.url))
        assert opener.open(server.url).read() == b"hello"
    assert checks.faults == ["missing", None]


def test_the_password_is_not_sent_in_clear_once_a_digest_answer_was_refused(pool):
    checks = DigestServer(after=', Basic realm="a"')
    with ScriptedServer(handler=checks) as server:
        opener = opener_with(pool, basic(server.url), digest(server.url, password="wrong"))
        with pytest.raises(HTTPError, match="digest auth failed") as caught:
            opener.open(server.url)
        caught.value.close()
    assert checks.faults == ["missing", "wrong"]


ONLY_BASIC = {
    "Basic alone": 'Basic realm="a"',
    "a Digest that is not known": 'Digest realm="x", nonce="y", algorithm=SHA-3, Basic realm="a"',
    "a qop that is not known": 'Digest realm="x", nonce="y", qop="auth-int", Basic realm="a"',
    "no password for Digest": 'Digest realm="x", nonce="y", Basic realm="a"',
}


@pytest.mark.parametrize("challenge", ONLY_BASIC.values(), ids=ONLY_BASIC)
def test_what_digest_cannot_answer_is_left_to_basic(pool, challenge):
    refused = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: %b\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[refused % challenge.encode(), HELLO]]) as server:
        opener = opener_with(pool, basic(server.url), digest("http://other/"))
        assert opener.open(server.url).read() == b"hello"
    assert field(server.requests[1], "authorization").startswith("Basic ")


FAULTS = {
    "Kerberos": (ValueError, "HTTPDigestAuthHandler does not support .* 'Kerberos'"),
    f'Digest realm="{REALM[:3]}", nonce="y", algorithm=SHA-3': (ValueError, "'SHA-3'"),
    'Digest realm="the", nonce="y", qop="auth-int"': (URLError, "qop 'auth-int'"),
}


@pytest.mark.parametrize("challenge", FAULTS)
def test_what_nobody_can_answer_is_an_error(pool, challenge):
    kind, message = FAULTS[challenge]
    refused = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: %b\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[refused % challenge.encode(), HELLO]]) as server:
        opener = opener_with(pool, digest(server.url, realm="the"))
        with pytest.raises(kind, match=message):
            opener.open(server.url)
        assert opener.open(server.url).read() == b"hello"
    assert pool.opened == 1


def test_a_basic_challenge_alone_is_no_error(pool):
    refused = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="a"\r\nContent-Length: 0\r\n\r\n'
    with ScriptedServer([refused]) as server:
        opener = opener_with(pool, digest(server.url))
        with pytest.raises(HTTPError, match="HTTP Error 401: No"):
            opener.open(server.url)
    assert len(server.requests) == 1


# --- proxies


class Proxied(BaseHandler):
    """Sends all requests through one proxy."""

    handler_order = 100

    def __init__(self, proxy):
        self.proxy = proxy

    def http_open(self, request):
        request.set_proxy(self.proxy, "http")


def of_proxy(*places, **given):
    return digest(*places, kind=ProxyDigestAuthHandler, **given)


@pytest.mark.parametrize("by_url", [True, False])
def test_a_proxy_is_answered_by_its_host_and_port_or_by_the_url(pool, by_url):
    checks = DigestServer(status=407)
    with ScriptedServer(handler=checks) as proxy:
        handler = of_proxy("http://origin.example/" if by_url else proxy.authority)
        opener = opener_with(pool, Proxied(proxy.authority), handler)
        assert opener.open("http://origin.example/a").read() == b"hello"
    assert checks.faults == ["missing", None]
    assert parameters(field(proxy.requests[1], "proxy-authorization"))["uri"] == (
        "http://origin.example/a"
    )
    assert field(proxy.requests[1], "authorization") is None


def test_a_wrong_password_for_a_proxy_is_an_error_of_the_proxy(pool):
    checks = DigestServer(status=407)
    with ScriptedServer(handler=checks) as proxy:
        handler = of_proxy(proxy.authority, password="wrong")
        opener = opener_with(pool, Proxied(proxy.authority), handler)
        with pytest.raises(HTTPError, match="HTTP Error 407: digest auth failed") as caught:
            opener.open("http://origin.example/a")
        caught.value.close()
    assert checks.faults == ["missing", "wrong"]


def test_an_origin_that_plays_the_proxy_gets_no_answer(pool):
    checks = DigestServer(status=407)
    with ScriptedServer(handler=checks) as server:
        opener = opener_with(pool, of_proxy(server.url, server.authority))
        with pytest.raises(HTTPError, match="407") as caught:
            opener.open(server.url)
        caught.value.close()
    assert checks.faults == ["missing"]


# --- interfaces


def test_the_hooks_and_their_order_are_those_of_urllib():
    for ours, stock in (
        (HTTPDigestAuthHandler, urllib.request.HTTPDigestAuthHandler),
        (ProxyDigestAuthHandler, urllib.request.ProxyDigestAuthHandler),
    ):
        assert ours.handler_order == stock.handler_order
        assert ours.auth_header == stock.auth_header
        assert {name for name in dir(stock()) if not name.startswith("_")} <= set(dir(ours()))


def test_a_handler_uses_the_manager_that_it_is_given():
    manager = HTTPPasswordMgr()
    handler = HTTPDigestAuthHandler(manager)
    assert handler.passwd is manager
    assert handler.add_password == manager.add_password


def test_the_handler_serves_in_the_standard_librarys_opener():
    checks = DigestServer("SHA-256")
    with ScriptedServer(handler=checks) as server:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), digest(server.url))
        with opener.open(server.url + "a%20b", timeout=10) as reply:
            assert reply.read() == b"hello"
    assert checks.faults == ["missing", None]


def test_the_standard_librarys_handler_serves_in_our_opener(pool):
    # in ASCII, and its "qop" without a blank: more it does not know
    refused = (
        b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="realm", nonce="n", qop="auth"\r\n'
        b"Content-Length: 0\r\n\r\n"
    )
    stock = urllib.request.HTTPDigestAuthHandler()
    with ScriptedServer([refused, HELLO]) as server:
        stock.add_password("realm", server.url, "user", "password")
        assert opener_with(pool, stock).open(server.url).read() == b"hello"
    assert field(server.requests[1], "authorization").startswith("Digest username=")


def test_an_answer_can_be_given_to_a_challenge_by_hand(pool):
    checks = DigestServer()
    with ScriptedServer(handler=checks) as server:
        handler = digest(server.url)
        opener = opener_with(pool, handler)
        request = Request(server.url)
        request.timeout = 10
        checks.nonces["by hand"] = []
        quoted = REALM.replace('"', '\\"')
        auth = f'Digest realm="{quoted}", nonce="by hand", qop=auth, opaque="of=the, server"'
        assert handler.retry_http_digest_auth(request, auth).read() == b"hello"
        assert handler.retried == 1
        handler.reset_retry_count()
        assert handler.retried == 0
        assert handler.retry_http_digest_auth(request, 'Digest realm="other"') is None
        assert opener.open(request).read() == b"hello"
    assert checks.faults == [None, "missing", None]
