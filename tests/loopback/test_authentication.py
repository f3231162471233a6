"""Authentication against real servers: Apache httpd, and one that checks by its own calculation.

Also here: what must not happen to credentials, as far as it takes more than one handler; and the
examples of docs/auth.md.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import time

import pytest
from support.apache import PAGE, REALM, Apache, find_apache, find_modules
from support.digest_server import PASSWORD, USER, DigestServer
from support.digest_server import REALM as CAVE
from support.documents import ROOT, example_under, examples
from support.python_server import EchoHandler, EchoServer
from support.servers import ScriptedServer

from mini_http import (
    HTTPBasicAuthHandler,
    HTTPDigestAuthHandler,
    HTTPError,
    HTTPHandler,
    HTTPPasswordMgrWithDefaultRealm,
    Pool,
    Request,
    build_opener,
)
from mini_http.keepalive.pool import shared_pool
from mini_http.opener.handlers.url_credentials import URLCredentialsHandler

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


@pytest.fixture
def pool():
    with Pool() as made:
        yield made


def digest(realm, url, user, password):
    handler = HTTPDigestAuthHandler()
    handler.add_password(realm, url, user, password)
    return handler


# --- Apache httpd


@pytest.fixture(scope="module")
def apache():
    if find_apache() is None or find_modules() is None:
        pytest.skip("Apache httpd is not installed (Debian: apt-get install apache2)")
    with Apache({"Ali": "Sésame", "user": "a:b c"}) as server:
        yield server


def statuses(apache, before, count):
    """Of the `count` requests, or more, that were answered since there were `before`."""
    return [status for _, status in apache.log(before + count)[before:]]


@pytest.mark.parametrize(("user", "password"), [("Ali", "Sésame"), ("user", "a:b c")])
def test_apache_is_asked_once_more_and_then_once_a_page_on_one_connection(
    apache, pool, user, password
):
    before = len(apache.log(at_least=1))
    opener = build_opener(
        HTTPHandler(pool=pool), digest(REALM, f"{apache.url}guarded/", user, password)
    )
    for _ in range(100):
        assert opener.open(f"{apache.url}guarded/page").read() == PAGE
    assert statuses(apache, before, 101) == [401] + [200] * 100
    assert pool.opened == 1


def test_apache_refuses_a_wrong_password(apache, pool):
    before = len(apache.log(at_least=1))
    opener = build_opener(HTTPHandler(pool=pool), digest(REALM, apache.url, "Ali", "Sesame"))
    with pytest.raises(HTTPError, match="401") as caught:
        opener.open(f"{apache.url}guarded/page")
    caught.value.close()
    assert statuses(apache, before, 2) == [401, 401]


def test_apaches_next_nonce_is_used_where_each_is_for_one_answer(apache, pool):
    before = len(apache.log(at_least=1))
    opener = build_opener(HTTPHandler(pool=pool), digest(REALM, apache.url, "Ali", "Sésame"))
    for _ in range(10):
        assert opener.open(f"{apache.url}once/page").read() == PAGE
    assert statuses(apache, before, 11) == [401] + [200] * 10
    assert pool.opened == 1


def test_a_nonce_that_apache_finds_stale_is_replaced(apache, pool):
    before = len(apache.log(at_least=1))
    opener = build_opener(HTTPHandler(pool=pool), digest(REALM, apache.url, "Ali", "Sésame"))
    assert opener.open(f"{apache.url}brief/page").read() == PAGE
    learned = time.monotonic()
    others = 0
    while time.monotonic() < learned + 1.2:  # it is good for a second, and time is the server's
        opener.open(f"{apache.url}open/page").close()
        others += 1
    assert opener.open(f"{apache.url}brief/page").read() == PAGE
    assert statuses(apache, before, others + 4) == [401, 200] + [200] * others + [401, 200]
    assert pool.opened == 1


def test_apache_is_answered_by_the_user_and_password_of_a_url(apache, pool):
    before = len(apache.log(at_least=1))
    opener = build_opener(HTTPHandler(pool=pool), URLCredentialsHandler)
    url = apache.url.replace("//", "//Ali:S%C3%A9same@")
    assert opener.open(f"{url}guarded/page").read() == PAGE
    assert statuses(apache, before, 2) == [401, 200]
    assert pool.opened == 1


# --- a server that checks for itself

ALGORITHMS = [
    name
    for name in ("MD5", "SHA-256", "SHA-512-256")
    if name != "SHA-512-256" or "sha512_256" in hashlib.algorithms_available
]


@pytest.mark.parametrize("hashes_user", [False, True], ids=["", "userhash"])
@pytest.mark.parametrize("next_nonces", [False, True], ids=["", "nextnonce"])
@pytest.mark.parametrize("qop", ["auth", "auth-int", "auth-int, auth"])
@pytest.mark.parametrize("algorithm", [name + end for name in ALGORITHMS for end in ("", "-sess")])
def test_each_form_of_digest_is_understood(pool, algorithm, qop, next_nonces, hashes_user):
    with DigestServer(algorithm, qop, next_nonces=next_nonces, hashes_user=hashes_user) as server:
        opener = build_opener(HTTPHandler(pool=pool), digest(CAVE, server.url, USER, PASSWORD))
        for path in ("", "a?b=%20c", "d"):
            assert opener.open(server.url + path).read() == b"welcome"
        for body in (b"bytes", io.BytesIO(b"a file"), [b"a", b"list"]):
            assert opener.open(server.url, body).read() == b"welcome"
        pool.close()
    gets, posts = ["right"] * 3, ["right"] * 3
    if qop == "auth-int":  # a body is hashed once a nonce is there
        posts = ["missing", "right"] * 3
    assert server.verdicts == ["missing", *gets, *posts]
    assert server.connections == 1


@pytest.mark.parametrize("algorithm", ["MD5-sess", "SHA-256"])
def test_stale_nonces_cost_one_more_request_each(pool, algorithm):
    with DigestServer(algorithm, uses=3) as server:
        opener = build_opener(HTTPHandler(pool=pool), digest(CAVE, server.url, USER, PASSWORD))
        for _ in range(7):
            assert opener.open(server.url).read() == b"welcome"
        pool.close()
    used = ["right"] * 3
    assert server.verdicts == ["missing", *used, "stale", *used, "stale", "right"]


def test_the_strongest_of_several_fields_is_answered(pool):
    also = (
        'Negotiate, Basic realm="x", charset="UTF-8"',
        f'Digest realm="{CAVE[:3]}", nonce="weak", algorithm=MD5, qop="auth"',
    )
    with DigestServer("SHA-256", also=also) as server:
        handler = HTTPDigestAuthHandler(HTTPPasswordMgrWithDefaultRealm())
        handler.add_password(None, server.url, USER, PASSWORD)
        basic = HTTPBasicAuthHandler(handler.passwd)
        opener = build_opener(HTTPHandler(pool=pool), basic, handler)
        assert opener.open(server.url).read() == b"welcome"
        pool.close()
    assert server.verdicts == ["missing", "right"]


# --- what must not happen to credentials
# CVE-2018-20060, 2023-43804 and their like, for what handlers add


HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ASKS = (
    b'HTTP/1.1 401 Asks\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
    b"Content-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_what_a_handler_sends_unasked_stays_with_its_origin_on_a_redirect(pool, status):
    with ScriptedServer([HELLO]) as other:
        moved = b"HTTP/1.1 %d Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
        script = [ASKS, HELLO, moved % (status, other.url.encode())]
        with ScriptedServer([script]) as server:
            handler = digest("r", server.url, "user", "hunter2")
            opener = build_opener(HTTPHandler(pool=pool), handler)
            for _ in range(2):
                opener.open(server.url).close()
    assert [b"\r\nAuthorization: " in raw for raw in server.requests] == [False, True, True]
    assert b"authorization" not in other.requests[0].lower()


# --- docs/auth.md


def run_example(heading, server):
    """Runs the example under a heading against a server."""
    example = example_under("docs/auth.md", heading)
    ran = example.run({"localhost:8000": f"127.0.0.1:{server.port}"})
    shared_pool().close()
    return ran


def refusal(challenge):
    head = "HTTP/1.1 401 Asks\r\nWWW-Authenticate: {}\r\nContent-Length: 0\r\n\r\n"
    return head.format(challenge).encode()


def authorizations(server):
    return [re.findall(rb"\r\nAuthorization: (.*)\r\n", raw) for raw in server.requests]


BASIC = b"Basic " + base64.b64encode(b"user:s@cret")


@pytest.mark.parametrize(
    "heading", ["A user and password in the URL", "Passwords for places", "Your .netrc"]
)
@pytest.mark.parametrize(
    ("challenge", "begins"),
    [('Basic realm="r"', BASIC), ('Basic realm="r", Digest realm="r", nonce="n"', b"Digest ")],
)
def test_the_page_about_authentication_answers_who_asks(
    heading, challenge, begins, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password s@cret\n")
    (tmp_path / "netrc").chmod(0o600)
    with ScriptedServer([[refusal(challenge), HELLO]]) as server:
        run_example(heading, server)
    first, [second] = authorizations(server)
    assert first == []
    assert second.startswith(begins)


def test_the_page_about_authentication_sends_a_password_unasked():
    with ScriptedServer([HELLO]) as server:
        run_example("Before anybody asks", server)
    assert authorizations(server) == [[BASIC]]


def test_the_page_about_authentication_makes_a_new_token():
    with ScriptedServer([[refusal("Bearer"), HELLO]]) as server:
        run_example("Tokens", server)
    assert authorizations(server) == [[b"Bearer token-1"], [b"Bearer token-2"]]


def test_the_page_about_authentication_sends_a_key():
    with ScriptedServer([HELLO]) as server:
        run_example("The key of an API", server)
    assert b"\r\nX-Api-Key: k-123\r\n" in server.requests[0]


def test_the_page_about_authentication_signs_as_amazon_publishes_it():
    """The vector "get-vanilla" of its test suite for Signature Version 4."""
    with ScriptedServer([HELLO]) as server:
        ran = run_example("A scheme of your own", server)
    [[sent]] = authorizations(server)
    assert sent.startswith(b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert b"\r\nX-Amz-Date: " in server.requests[0]
    signing = ran["Signing"](
        *("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service"),
        clock=lambda: time.strptime("20150830T123600Z", "%Y%m%dT%H%M%SZ"),
    )
    answer = signing.answer(None, Request("https://example.amazonaws.com/"))
    assert answer == (
        "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
        " SignedHeaders=host;x-amz-date,"
        " Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def test_the_page_about_authentication_counts_exchanges_as_they_are():
    page = (ROOT / "docs" / "auth.md").read_text()
    rows = dict(re.findall(r"^\| (`.*`) \| (\d+)[^|]*\|$", page, re.MULTILINE))
    asks = {
        "Digest": 'Digest realm="r", nonce="n", qop="auth"',
        "Basic": 'Basic realm="r"',
    }
    counted = {}
    for row, handler, scheme in (
        ("`HTTPDigestAuthHandler`, ", HTTPDigestAuthHandler, "Digest"),
        ("`HTTPBasicAuthHandler`", HTTPBasicAuthHandler, "Basic"),
        ("`user:password@`, ", None, "Basic"),
    ):
        with EagerServer(asks[scheme]) as server:
            added = [] if handler is None else [handler()]
            for one in added:
                one.add_password("r", server.url, "user", "s@cret")
            opener = build_opener(*added)
            url = server.url if added else server.url.replace("//", "//user:s%40cret@")
            for _ in range(100):
                opener.open(url).close()
            shared_pool().close()
        counted[row] = len(server.requests)
    for beginning, number in counted.items():
        assert next(int(told) for row, told in rows.items() if row.startswith(beginning)) == number


class EagerHandler(EchoHandler):
    disable_nagle_algorithm = True

    def echo(self):
        self.note()
        self.refuses = "Authorization" not in self.headers
        self.answer(401 if self.refuses else 200, "text/plain", b"")

    def end_headers(self):
        if self.refuses:
            self.send_header("WWW-Authenticate", self.server.challenge)
        super().end_headers()


class EagerServer(EchoServer):
    """Takes any credentials, and asks for some where there are none."""

    handler_class = EagerHandler

    def __init__(self, challenge):
        super().__init__()
        self.challenge = challenge


def test_every_example_of_the_page_about_authentication_is_run_above():
    headings = {example.heading for example in examples("docs/auth.md")}
    assert headings == {
        *("A user and password in the URL", "Passwords for places", "Before anybody asks"),
        *("Tokens", "The key of an API", "Your .netrc", "A scheme of your own"),
    }
