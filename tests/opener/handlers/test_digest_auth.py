"""Digest authentication: a server that checks what it is sent, and nonces that are used again."""

from __future__ import annotations

import hashlib
import io
import re
import threading
import urllib.request

import pytest
from support.servers import ScriptedServer

from mini_http import (
    BaseHandler,
    HTTPError,
    HTTPHandler,
    HTTPSHandler,
    Proxy,
    ProxyHandler,
    Request,
    TLSSettings,
    URLError,
    build_opener,
)
from mini_http.base import errors
from mini_http.codec.digest import ALGORITHMS
from mini_http.opener.handlers.authentication import MOST_ANSWERS
from mini_http.opener.handlers.basic_auth import HTTPBasicAuthHandler
from mini_http.opener.handlers.digest_auth import (
    MOST_NONCES,
    MOST_SERVERS,
    AbstractDigestAuthHandler,
    HTTPDigestAuthHandler,
    KnownServer,
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


# --- what is calculated, and what a subclass may change


class WithCnonce(HTTPDigestAuthHandler):
    """Sends the client's nonce of an example."""

    def get_cnonce(self, nonce):
        return "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def test_an_answer_is_what_the_calculation_gives_for_the_request():
    """The example of RFC 7616 section 3.9.1; the others stand in tests/codec/test_digest.py."""
    challenge = {
        "realm": "http-auth@example.org",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "qop": "auth, auth-int",
        "algorithm": "SHA-256",
        "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    }
    handler, uri = WithCnonce(), "http://www.example.org/dir/index.html"
    handler.add_password(challenge["realm"], uri, "Mufasa", "Circle of Life")
    for request in (Request(uri), urllib.request.Request(uri)):
        handler._known.clear()
        sent = handler.get_authorization(request, challenge)
        assert parameters(sent)["response"] == (
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        )


def test_a_subclass_may_bring_an_algorithm_of_its_own(pool):
    class Plain(HTTPDigestAuthHandler):
        def get_algorithm_impls(self, algorithm):
            if algorithm == "plain":
                return (lambda text: f"<{text}>"), (lambda secret, text: f"{secret} {text}")
            return super().get_algorithm_impls(algorithm)

    asks = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n", algorithm=%b\r\n'
    refused = asks % b"plain" + b"Content-Length: 0\r\n\r\n"
    with ScriptedServer([[refused, HELLO]]) as server:
        handler = Plain()
        handler.add_password("r", server.url, "user", "password")
        assert opener_with(pool, handler).open(server.url).read() == b"hello"
    sent = parameters(field(server.requests[1], "authorization"))
    assert sent["response"] == "<user:r:password> n:<GET:/>"


@pytest.mark.parametrize("name", ["invalid", "SHA-3-sess"])
def test_an_algorithm_that_is_not_there_is_an_error(name):
    with pytest.raises(ValueError, match="Unsupported digest") as caught:
        AbstractDigestAuthHandler().get_algorithm_impls(name)
    assert isinstance(caught.value, errors.InvalidRequest)


def test_who_is_asked_is_said_by_a_handler_that_is_used():
    with pytest.raises(NotImplementedError):
        AbstractDigestAuthHandler()._server(Request("http://a/"))


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
    handler.get_authorization(Request("http://a/"), {"realm": REALM, "nonce": "n", "qop": "auth"})
    handler._known["http", "a", 80].is_satisfied = True
    counts = []

    def ask():
        for _ in range(100):
            request = handler.http_request(Request("http://a/"))
            counts.append(parameters(request.get_header("Authorization"))["nc"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == [f"{count:08x}" for count in range(2, 402)]


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
        if self.qop:
            assert sent["qop"] in self.qop

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
    later = "stale" if qop else "missing"
    assert checks.faults == ["missing", None] + [later, None] * 3
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


def test_of_several_algorithms_the_strongest_that_is_known_is_answered(pool):
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


ASKS = b"HTTP/1.1 401 Asks\r\nWWW-Authenticate: %b\r\nContent-Length: 3\r\n\r\nno!"


@pytest.mark.parametrize(
    "then", ['Basic realm="a"', 'Digest realm="a", nonce="n", algorithm=SHA-3, Basic realm="a"']
)
def test_nor_if_the_server_then_asks_for_nothing_but_basic(pool, then):
    first = ASKS % b'Digest realm="a", nonce="n", qop="auth"'
    with ScriptedServer([[first, ASKS % then.encode(), HELLO]]) as server:
        opener = opener_with(pool, basic(server.url), digest(server.url, realm="a"))
        with pytest.raises(HTTPError, match="HTTP Error 401: digest auth failed") as caught:
            opener.open(server.url)
        assert caught.value.read() == b"no!"
    assert [field(raw, "authorization") is None for raw in server.requests] == [True, False]


@pytest.mark.parametrize(("user", "password"), [("\ud800", "hunter2"), ("user", "hunter2\udfff")])
def test_what_utf8_lacks_is_refused_without_being_shown(pool, user, password):
    with ScriptedServer([ASKS % b'Digest realm="a", nonce="n", qop="auth"']) as server:
        opener = opener_with(pool, digest(server.url, realm="a", user=user, password=password))
        with pytest.raises(errors.InvalidRequest, match="lone surrogates") as caught:
            opener.open(server.url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


ONLY_BASIC = {
    "Basic alone": 'Basic realm="a"',
    "a Digest that is not known": 'Digest realm="x", nonce="y", algorithm=SHA-3, Basic realm="a"',
    "a qop that is not known": 'Digest realm="x", nonce="y", qop="auth-conf", Basic realm="a"',
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
    'Digest realm="the", nonce="y", qop="auth-conf"': (URLError, "qop 'auth-conf'"),
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


STRONGER = 'Digest realm="{}", nonce="strong", algorithm=SHA-256, qop="auth"'


@pytest.mark.parametrize("comes_first", [True, False])
def test_a_stronger_challenge_is_answered_where_there_is_a_password_for_it(pool, comes_first):
    stronger = STRONGER.format("other")
    where = {"before": f"{stronger}, "} if comes_first else {"after": f", {stronger}"}
    checks = DigestServer(**where)
    with ScriptedServer(handler=checks) as server:
        assert opener_with(pool, digest(server.url)).open(server.url).read() == b"hello"
        handler = digest(server.url)
        handler.add_password("other", server.url, "user", "password")
        assert opener_with(pool, handler).open(server.url).read() == b"hello"
    assert checks.faults == ["missing", None, "missing", "unknown nonce", None]


def test_a_weaker_challenge_is_not_answered_with_a_password_that_was_refused(pool):
    quoted = REALM.replace('"', '\\"')
    checks = DigestServer("MD5", before=STRONGER.format(quoted) + ", ")
    with ScriptedServer(handler=checks) as server:
        with pytest.raises(HTTPError, match="digest auth failed") as caught:
            opener_with(pool, digest(server.url)).open(server.url)
        caught.value.close()
    assert checks.faults == ["missing", "unknown nonce"]


# --- a nonce that is known


def counts(server, name="authorization"):
    """Of each request the count of its nonce; None where it has no answer."""
    found = [field(raw, name) for raw in server.requests]
    return [None if one is None else int(parameters(one)["nc"], 16) for one in found]


def test_a_nonce_is_used_for_all_that_is_asked_of_the_server(pool):
    checks = DigestServer("SHA-256", uses=99)
    with ScriptedServer(handler=checks) as server:
        opener = opener_with(pool, digest(server.url))
        for path in ("", "a", "b/c?d"):
            opener.open(server.url + path).close()
        opener.open(server.url, b"posted").close()
    assert counts(server) == [None, 1, 2, 3, 4]
    assert checks.faults == ["missing"] + [None] * 4
    sent = [parameters(field(raw, "authorization")) for raw in server.requests[1:]]
    assert len({one["cnonce"] for one in sent}) == 4


def test_a_nonce_that_is_used_up_costs_one_more_request(pool):
    checks = DigestServer(uses=2)
    with ScriptedServer(handler=checks) as server:
        opener = opener_with(pool, digest(server.url))
        for _ in range(4):
            assert opener.open(server.url, io.BytesIO(b"posted")).read() == b"hello"
    assert checks.faults == ["missing", None, None, "stale", None, None]
    assert all(raw.endswith(b"\r\n\r\nposted") for raw in server.requests)


def test_a_nonce_that_a_server_forgot_is_replaced(pool):
    checks = DigestServer(uses=99)
    with ScriptedServer(handler=checks) as server:
        opener = opener_with(pool, digest(server.url))
        opener.open(server.url).close()
        checks.nonces.clear()
        opener.open(server.url).close()
    assert checks.faults == ["missing", None, "unknown nonce", None]


def test_a_wrong_password_is_not_sent_unasked(pool):
    checks = DigestServer(uses=99)
    with ScriptedServer(handler=checks) as server:
        opener = opener_with(pool, digest(server.url, password="wrong"))
        for _ in range(2):
            with pytest.raises(HTTPError, match="digest auth failed") as caught:
                opener.open(server.url)
            caught.value.close()
    assert checks.faults == ["missing", "wrong"] * 2


def test_nothing_goes_unasked_where_the_password_is_not_for(pool):
    checks = DigestServer(uses=99)
    with ScriptedServer(handler=checks) as server, ScriptedServer([HELLO]) as elsewhere:
        opener = opener_with(pool, digest(server.url + "in/", elsewhere.url))
        opener.open(server.url + "in/a").close()
        opener.open(elsewhere.url).close()
        with pytest.raises(HTTPError, match="401") as caught:
            opener.open(server.url + "out")
        caught.value.close()
        own = Request(server.url + "in/", headers={"Authorization": "Bearer own"})
        opener.open(own).close()
    assert checks.faults == ["missing", None, "missing", "missing", None]
    assert field(server.requests[3], "authorization") == "Bearer own"
    assert field(elsewhere.requests[0], "authorization") is None


@pytest.mark.parametrize(
    ("domain", "is_in"),
    [("/a", True), ("/b", False), ("/b /a", True), ("{}a/", True), ("http://other.example/", False),
     ("http://[", False)],
)  # fmt: skip
def test_nothing_goes_unasked_out_of_the_servers_domain(pool, domain, is_in):
    with ScriptedServer(handler=(checks := DigestServer(uses=99))) as server:
        checks.after = f', domain="{domain.format(server.url)}"'
        opener = opener_with(pool, digest(server.url))
        for path in ("first", "a/second"):
            opener.open(server.url + path).close()
    assert checks.faults == ["missing", None] + ([None] if is_in else ["missing", None])


def test_a_body_that_has_to_be_hashed_waits_for_a_nonce():
    handler = digest("http://a/")
    challenge = {"realm": REALM, "nonce": "n", "qop": "auth-int"}
    handler.get_authorization(Request("http://a/"), challenge)
    handler._known["http", "a", 80].is_satisfied = True
    assert not handler.http_request(Request("http://a/", b"body")).has_header("Authorization")
    assert handler.http_request(Request("http://a/")).has_header("Authorization")


def test_only_some_servers_are_remembered():
    handler = HTTPDigestAuthHandler(HTTPPasswordMgrWithDefaultRealm())
    for number in range(MOST_SERVERS + 1):
        handler.add_password(None, f"http://h{number}/", USER, PASSWORD)
        challenge = {"realm": REALM, "nonce": "n", "qop": "auth"}
        handler.get_authorization(Request(f"http://h{number}/"), challenge)
    assert len(handler._known) == MOST_SERVERS
    assert ("http", "h0", 80) not in handler._known


def test_the_nonce_that_a_server_wants_next_is_the_next():
    handler = digest("http://a/")
    request = Request("http://a/")
    challenge = {"realm": REALM, "nonce": "n", "qop": "auth"}

    class Reply:
        code = 200

        def __init__(self, info):
            self.headers = {} if info is None else {"Authentication-Info": info}

    handler.http_response(request, Reply('nextnonce="x"'))  # nobody is known yet
    request.add_unredirected_header(
        "Authorization", f"Digest {handler.get_authorization(request, challenge)}"
    )
    sent = []
    for info in ('nextnonce="m"', None, 'nextnonce="m"', "qop=auth", 'nextnonce="o"'):
        handler.http_response(request, Reply(info))
        following = handler.http_request(Request("http://a/"))
        sent.append(parameters(following.get_header("Authorization")))
    handler.http_response(Request("http://a/"), Reply('nextnonce="of another"'))
    assert [(one["nonce"], int(one["nc"], 16)) for one in sent] == [
        ("m", 1), ("m", 2), ("m", 3), ("m", 4), ("o", 1),
    ]  # fmt: skip


def test_no_nonce_has_one_count_twice_however_late_replies_come():
    handler = digest("http://a/")
    asked = {"realm": REALM, "nonce": "n", "qop": "auth"}
    sent = []

    class Reply:
        code = 200

        def __init__(self, nonce):
            self.headers = {"Authentication-Info": f'nextnonce="{nonce}"'}

    def challenged():
        request = Request("http://a/")
        value = handler.get_authorization(request, asked)
        request.add_unredirected_header("Authorization", f"Digest {value}")
        return request

    def unasked():
        return handler.http_request(Request("http://a/"))

    def note(request):
        one = parameters(request.get_header("Authorization"))
        sent.append((one["nonce"], int(one["nc"], 16)))

    first = challenged()
    note(first)
    for nonce in ("m", "o", "m", "o", "n"):
        handler.http_response(first, Reply(nonce))
        note(unasked())
    note(challenged())  # its request went out before there was a nonce
    handler.http_response(first, Reply("p"))
    note(unasked())
    assert sent == [
        ("n", 1), ("m", 1), ("o", 1), ("o", 2), ("o", 3), ("o", 4), ("n", 2), ("p", 1),
    ]  # fmt: skip


def test_only_some_nonces_are_remembered():
    known = KnownServer(None, "user", "password")
    for number in range(MOST_NONCES + 2):
        assert known.count("first") == number + 1
        assert known.count(f"n{number}") == 1
    assert len(known.counts) == MOST_NONCES
    assert "n1" not in known.counts


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


def test_a_nonce_of_a_proxy_is_used_for_every_origin(pool):
    checks = DigestServer(status=407, uses=99)
    with ScriptedServer(handler=checks) as proxy, ScriptedServer([HELLO]) as direct:
        handler = of_proxy(proxy.authority)
        opener = opener_with(pool, Proxied(proxy.authority), handler)
        for url in ("http://origin.example/a", "http://other.example/b"):
            assert opener.open(url).read() == b"hello"
        opener_with(pool, handler).open(direct.url).close()
    assert counts(proxy, "proxy-authorization") == [None, 1, 2]
    assert field(direct.requests[0], "proxy-authorization") is None


def test_a_nonce_of_a_proxy_over_tls_is_used_again(pool, certificates):
    checks = DigestServer(status=407, uses=99)
    with ScriptedServer(handler=checks, tls=certificates.good.server_context()) as proxy:
        way = Proxy.parse(f"https://localhost:{proxy.port}")
        way = way.replace(tls=TLSSettings(ca_file=certificates.ca_file))
        opener = opener_with(
            pool,
            HTTPSHandler(pool=pool),
            ProxyHandler({"http": way}),
            of_proxy(f"localhost:{proxy.port}"),
        )
        for path in ("a", "b"):
            assert opener.open(f"http://origin.example/{path}").read() == b"hello"
    assert counts(proxy, "proxy-authorization") == [None, 1, 2]


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
    assert checks.faults == [None, "stale", None]
