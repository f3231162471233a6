"""HSTSHandler: hosts that said so are asked over TLS, and nothing goes to them in the clear."""

import ssl
import time
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.servers import ScriptedServer

from mini_http.base.errors import RedirectRefused
from mini_http.connect.proxy import Proxy
from mini_http.connect.tls import TLSSettings
from mini_http.keepalive.pool import Pool
from mini_http.opener.api import build_opener
from mini_http.opener.cookies.jar import CookieJar
from mini_http.opener.handlers.cookies import HTTPCookieProcessor
from mini_http.opener.handlers.hsts import HSTSHandler, read_policy
from mini_http.opener.handlers.http import HTTPHandler, HTTPSHandler
from mini_http.opener.handlers.proxy import ProxyHandler
from mini_http.opener.request import Request

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

YEAR = 365 * 24 * 3600
KNOWN = b"Strict-Transport-Security: max-age=31536000\r\n"


def ok(fields=b""):
    return b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + fields + b"\r\nhello"


def moved(location, status=302):
    fields = b"HTTP/1.1 %d Found\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n"
    return fields % (status, location.encode())


@pytest.fixture
def handler():
    return HSTSHandler()


@pytest.fixture
def opener(handler, certificates):
    """Verifies, and has a pool of its own."""
    with Pool() as pool:
        tls = TLSSettings(ca_file=certificates.ca_file)
        yield build_opener(handler, HTTPSHandler(tls=tls, pool=pool), HTTPHandler(pool=pool))


@pytest.fixture
def secured(certificates):
    """Makes a server that plays scripts over TLS."""
    return lambda *scripts: ScriptedServer(list(scripts), tls=certificates.good.server_context())


# --- remembering


@pytest.mark.parametrize(
    ("field", "policy"),
    [
        ("max-age=31536000", (31536000, False)),
        ("max-age=0", (0, False)),
        ('max-age="15768000" ; includeSubDomains', (15768000, True)),
        ("INCLUDESUBDOMAINS;MAX-AGE=1", (1, True)),
        (' ; max-age = 7 ;; preload; x=y; z="; q=\\"" ', (7, False)),
        ("max-age=" + "9" * 400, (10**18 - 1, False)),
        ("max-age=" + "0" * 400 + "7", (7, False)),
        *[(field, None) for field in ("", "max-age", "max-age=", "max-age=-1", "max-age=+1")],
        *[
            (field, None)
            for field in ("max-age=1.5", "max-age=1 2", 'max-age="1', "max-age=\u0663")
        ],
        *[(field, None) for field in ("includeSubDomains", "max-age=1; max-age=1", "max-age=1,x")],
        *[(field, None) for field in ("max-age=1; includeSubDomains=1", "=1; max-age=1", '"x"')],
    ],
)
def test_a_field_is_read_by_its_grammar_or_not_at_all(field, policy):
    assert read_policy(field) == policy


@given(st.text(alphabet='max-age=0123;" \\iS,x', max_size=60))
def test_any_field_is_a_policy_or_none(field):
    policy = read_policy(field)
    assert policy is None or (policy[0] >= 0 and policy[1] in (True, False))


def test_a_long_field_is_read_in_linear_time():
    began = time.process_time()
    for piece in ('"', "\\", 'x="\\', ";", " ", "a=b;", 'a="', "x"):
        read_policy(piece * 100_000)
    assert time.process_time() - began < 10


def test_a_host_that_says_so_is_remembered_and_asked_over_tls(opener, handler, secured):
    with secured([ok(KNOWN), ok()]) as server:
        with opener.open(f"https://localhost:{server.port}/") as reply:
            assert reply.read() == b"hello"
        assert handler.is_known("localhost")
        request = Request(f"http://localhost:{server.port}/path?q#f", b"body", method="PUT")
        with opener.open(request) as reply:
            assert reply.url == f"https://localhost:{server.port}/path?q#f"
        assert server.requests[1].startswith(b"PUT /path?q HTTP/1.1\r\n")
        assert server.requests[1].endswith(b"\r\n\r\nbody")
        assert server.requests[1].count(b"Host: localhost:%d\r\n" % server.port) == 1


def test_a_host_that_says_so_again_can_be_forgotten(opener, handler, secured):
    handler.remember("localhost", YEAR, include_subdomains=True)
    forget = b"Strict-Transport-Security: max-age=0\r\n" + KNOWN  # the first one counts
    with secured([ok(forget)]) as server:
        opener.open(f"http://localhost:{server.port}/").close()
    assert not handler.is_known("localhost")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize(
    "fields", [b"", b"Strict-Transport-Security: max-age=a\r\n", b"X: max-age=1\r\n"]
)
def test_what_says_nothing_is_not_remembered(opener, handler, secured, name, fields):
    fields = fields or (KNOWN if name == "127.0.0.1" else b"")
    with secured([ok(fields)]) as server:
        opener.open(f"https://{name}:{server.port}/").close()
    assert len(handler.hosts) == 0


def test_what_is_said_in_the_clear_is_not_remembered(opener, handler):
    with ScriptedServer([[ok(KNOWN)]]) as server:
        opener.open(f"http://localhost:{server.port}/").close()
    assert len(handler.hosts) == 0


def test_what_a_proxy_says_of_an_http_url_is_not_remembered(handler, certificates, secured):
    tls = TLSSettings(ca_file=certificates.ca_file)
    with secured([ok(KNOWN)]) as server, Pool() as pool:
        proxy = Proxy("localhost", server.port, kind="https", tls=tls)
        https = HTTPSHandler(pool=pool)
        opener = build_opener(handler, https, ProxyHandler({"http": proxy}))
        opener.open("http://origin.example/").close()
    assert len(server.requests) == 1
    assert len(handler.hosts) == 0


def unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.mark.filterwarnings("ignore::mini_http.connect.tls.UnverifiedTLSWarning")
@pytest.mark.parametrize(
    ("make", "is_remembered"),
    [
        (lambda files: HTTPSHandler(tls=TLSSettings(verify=False)), False),
        (lambda files: HTTPSHandler(tls=TLSSettings(ca_file=files.ca_file)), True),
        (
            lambda files: HTTPSHandler(
                tls=TLSSettings(ca_file=files.ca_file), check_hostname=False
            ),
            False,
        ),
        (lambda files: HTTPSHandler(context=files.client_context()), True),
        (lambda files: HTTPSHandler(context=unverified()), False),
        (lambda files: urllib.request.HTTPSHandler(context=files.client_context()), True),
        (lambda files: urllib.request.HTTPSHandler(context=unverified()), False),
    ],
)
def test_only_what_comes_over_verified_tls_is_remembered(
    handler, secured, certificates, make, is_remembered
):
    https = make(certificates)
    with secured([ok(KNOWN)]) as server, Pool() as pool:
        if hasattr(https, "pool"):
            https.pool = pool
        build_opener(handler, https).open(f"https://localhost:{server.port}/").close()
    assert handler.is_known("localhost") == is_remembered


def test_who_answers_https_in_another_way_is_not_believed(handler):
    class Fake(urllib.request.BaseHandler):
        def https_open(self, req):
            return answer

    answer = type("Answer", (), {"info": lambda self: {"Strict-Transport-Security": "max-age=1"}})()
    opener = urllib.request.OpenerDirector()
    opener.add_handler(Fake())
    opener.add_handler(handler)
    assert opener.open("https://a.example/") is answer
    assert len(handler.hosts) == 0


# --- applying


@pytest.mark.parametrize(
    ("url", "secured"),
    [
        ("http://a.example/", "https://a.example/"),
        ("http://A.example:80/x?y#z", "https://a.example/x?y#z"),
        ("http://a.example:8080/", "https://a.example:8080/"),
        ("http://a.example:443/", "https://a.example/"),
        ("http://user:word@a.example/", "https://user:word@a.example/"),
        ("http://a.example./", "https://a.example./"),
        ("http://b.example/", None),
        ("http://127.0.0.1/", None),
        ("https://a.example/", None),
    ],
)
def test_a_url_of_a_known_host_becomes_https(handler, url, secured):
    handler.remember("a.example", YEAR)
    asked = []

    class Recorder(urllib.request.BaseHandler):
        def http_open(self, req):
            asked.append(req.full_url)
            return asked

        https_open = http_open
        https_request = http_request = lambda self, req: req

    class Deaf(HSTSHandler):
        def https_response(self, request, response):
            return response

    deaf = Deaf()
    deaf.hosts = handler.hosts
    for opener in (urllib.request.OpenerDirector(), build_opener(Recorder)):
        if type(opener) is urllib.request.OpenerDirector:
            opener.add_handler(Recorder())
            opener.add_handler(deaf)
            opener.open(url)
    assert asked == [secured or url]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_to_known_hosts_go_over_tls(opener, handler, secured, status):
    handler.remember("localhost", YEAR)
    with secured([ok()]) as last:
        location = f"HTTP://localhost:{last.port}/b\xe4d"
        first = secured([moved(location, status)])
        with first, opener.open(f"http://localhost:{first.port}/") as reply:
            assert reply.read() == b"hello"
            assert reply.url == f"https://localhost:{last.port}/b%C3%A4d"
            (before,) = reply.history
            assert before.url == f"https://localhost:{first.port}/"


def test_a_redirect_within_a_host_is_followed_as_ever(opener, secured):
    with secured([moved("/next"), ok()]) as server:
        reply = opener.open(f"https://localhost:{server.port}/")
        assert reply.read() == b"hello"
        assert reply.url == f"https://localhost:{server.port}/next"


def test_a_redirect_that_leaves_https_for_an_unknown_host_is_refused(opener, secured):
    for location in ("http://localhost:9/", "http://[/"):
        with secured([moved(location)]) as server, pytest.raises(Exception) as caught:
            opener.open(f"https://localhost:{server.port}/")
        if location.endswith("9/"):
            assert isinstance(caught.value, RedirectRefused)
            caught.value.close()


def test_cookies_are_those_of_https(handler, certificates, secured):
    handler.remember("localhost", YEAR)
    jar = CookieJar()
    tls = TLSSettings(ca_file=certificates.ca_file)
    with secured([ok(b"Set-Cookie: a=1; Secure\r\n"), ok()]) as server, Pool() as pool:
        opener = build_opener(handler, HTTPSHandler(tls=tls, pool=pool), HTTPCookieProcessor(jar))
        for _ in range(2):
            opener.open(f"http://localhost:{server.port}/").close()
        assert b"\r\nCookie: a=1\r\n" in server.requests[1]


def test_a_reply_is_had_also_where_the_file_can_not_be_saved(tmp_path, certificates, secured):
    folder = tmp_path / "later"
    handler = HSTSHandler(folder / "known.hsts")
    tls = TLSSettings(ca_file=certificates.ca_file)
    with secured([ok(KNOWN)]) as server, Pool() as pool:
        opener = build_opener(handler, HTTPSHandler(tls=tls, pool=pool))
        with pytest.warns(RuntimeWarning, match="the known hosts were not saved: .*No such file"):
            reply = opener.open(f"https://localhost:{server.port}/")
        with reply:
            assert reply.read() == b"hello"
    assert handler.is_known("localhost")
    folder.mkdir()
    handler.close()
    assert "localhost" in (folder / "known.hsts").read_text()


def test_what_is_known_is_kept_in_a_file(tmp_path, certificates, secured):
    path = tmp_path / "known.hsts"
    tls = TLSSettings(ca_file=certificates.ca_file)
    with secured([ok(KNOWN), ok(KNOWN)]) as server, Pool() as pool:
        for scheme in ("https", "http"):
            opener = build_opener(HSTSHandler(path), HTTPSHandler(tls=tls, pool=pool))
            opener.open(f"{scheme}://localhost:{server.port}/").close()
            opener.close()
    assert "localhost" in path.read_text()
