"""ProxyHandler: which requests go through which proxy, and what the proxy is sent."""

import os
import urllib.request

import pytest
from support.servers import ScriptedServer
from support.steps import Drain, StartTLS

from mini_http import (
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
    TLSSettings,
    build_opener,
)
from mini_http.base import errors
from mini_http.connect.proxy import Proxy
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.handlers.proxy import ProxyHandler
from mini_http.opener.proxies import SCHEMES_OF_ALL

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
CREDENTIALS = "Basic dXNlcjpzZWNyZXQ="
"""Of user:secret."""
PAGE, SECURE_PAGE = "http://origin.example/page", "https://origin.example/page"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Sets variables, of which there are none about proxies before."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return monkeypatch.setenv


def opener_with(pool, *proxies):
    return build_opener(ProxyHandler(*proxies), HTTPHandler(pool=pool), HTTPSHandler(pool=pool))


class Noting(BaseHandler):
    """Opens nothing, but remembers what it was asked for: scheme, host, selector, tunnel host."""

    def __init__(self):
        self.asked = []

    def note(self, request):
        wanted = request.type, request.host, request.selector, request._tunnel_host
        self.asked.append(wanted)
        return "noted"

    http_open = https_open = ftp_open = gopher_open = data_open = note


@pytest.fixture(params=[OpenerDirector, urllib.request.OpenerDirector], ids=["ours", "urllib's"])
def noting(request):
    """An opener with our ProxyHandler, and what requests look like after it."""

    def make(*proxies):
        opener, handler = request.param(), Noting()
        opener.add_handler(ProxyHandler(*proxies))
        opener.add_handler(handler)
        return opener, handler.asked

    return make


def asked_for(noting, proxies, url):
    opener, asked = noting(proxies)
    assert opener.open(url) == "noted"
    (one,) = asked
    return one


# --- which proxy

DIRECT = ("http", "origin.example", "/page", None)
FORWARDED = ("http", "proxy:3128", PAGE, None)
TUNNELLED = ("https", "proxy:3128", "/page", "origin.example")

CHOSEN = {
    "none": ({}, PAGE, DIRECT),
    "an address": ({"http": "proxy:3128"}, PAGE, FORWARDED),
    "a URL": ({"http": "http://proxy:3128/"}, PAGE, FORWARDED),
    "no port": ({"http": "http://proxy"}, PAGE, ("http", "proxy", PAGE, None)),
    "upper case": ({"HTTP": "proxy:3128"}, PAGE, FORWARDED),
    "another scheme's": ({"https": "proxy:3128"}, PAGE, DIRECT),
    "an empty one": ({"http": ""}, PAGE, DIRECT),
    "None": ({"http": None}, PAGE, DIRECT),
    "https": ({"https": "http://proxy:3128"}, SECURE_PAGE, TUNNELLED),
    "https, an address": ({"https": "proxy:3128"}, SECURE_PAGE, TUNNELLED),
    "over TLS": ({"http": "https://proxy:3128"}, PAGE, ("https", "proxy:3128", PAGE, None)),
    "ftp": (
        *({"ftp": "proxy:3128"}, "ftp://origin.example/file"),
        ("http", "proxy:3128", "ftp://origin.example/file", None),
    ),
    "ftp beside http": (
        *({"ftp": "proxy:3128", "http": "other:3128"}, "ftp://origin.example/file"),
        ("http", "proxy:3128", "ftp://origin.example/file", None),
    ),
    "over TLS, beside one for https": (
        *({"http": "https://proxy:3128", "https": "other"}, PAGE),
        ("https", "proxy:3128", PAGE, None),
    ),
    "all": ({"all": "proxy:3128"}, PAGE, FORWARDED),
    "all for https": ({"all": "proxy:3128"}, SECURE_PAGE, TUNNELLED),
    "all but one": ({"all": "other:1", "http": "proxy:3128"}, PAGE, FORWARDED),
    "all but none": ({"all": "other:1", "http": ""}, PAGE, DIRECT),
    "bypassed": ({"http": "proxy:3128", "no": "a,.example"}, PAGE, DIRECT),
    "bypassed with all": ({"all": "proxy:3128", "no": "*"}, PAGE, DIRECT),
    "not bypassed": ({"http": "proxy:3128", "no": "a,b"}, PAGE, FORWARDED),
    "bypassed, so that it does not matter": ({"http": "socks5://x", "no": "*"}, PAGE, DIRECT),
    "bad, but not for this": ({"https": "socks5://x"}, PAGE, DIRECT),
}


@pytest.mark.parametrize(("proxies", "url", "wanted"), CHOSEN.values(), ids=CHOSEN)
def test_a_request_goes_through_the_proxy_for_its_scheme(noting, proxies, url, wanted):
    assert asked_for(noting, proxies, url) == wanted


def test_the_environment_names_proxies_when_the_handler_is_made(environment, noting):
    environment("http_proxy", "http://proxy:3128")
    opener, asked = noting()
    environment("http_proxy", "")
    opener.open(PAGE)
    assert asked == [FORWARDED]


def test_the_environment_names_direct_hosts_when_a_request_is_opened(environment, noting):
    for proxies in ((), ({"http": "proxy:3128"},)):
        environment("http_proxy", "http://proxy:3128")
        opener, asked = noting(*proxies)
        environment("no_proxy", "origin.example")
        opener.open(PAGE)
        environment("no_proxy", "")
        opener.open(PAGE)
        assert asked == [DIRECT, FORWARDED]


def test_a_list_of_direct_hosts_that_is_given_beats_the_environment(environment, noting):
    environment("no_proxy", "origin.example")
    assert asked_for(noting, {"http": "proxy:3128", "no": "other"}, PAGE) == FORWARDED
    assert asked_for(noting, {"http": "proxy:3128", "no": ""}, PAGE) == FORWARDED


def test_all_is_for_the_schemes_that_go_over_a_network():
    handler = ProxyHandler({"all": "proxy:3128"})
    hooks = {name for name in vars(handler) if name.endswith("_open")}
    assert hooks == {f"{scheme}_open" for scheme in SCHEMES_OF_ALL}


def test_what_goes_over_no_network_goes_through_no_proxy():
    opener = OpenerDirector()
    opener.add_handler(ProxyHandler({"all": "socks5://proxy:1080"}))
    opener.add_handler(Noting())
    assert opener.open("data:,x") == "noted"


def test_variables_that_end_alike_make_no_other_hooks(environment):
    for name in ("DEFAULT", "UNKNOWN", "PROXY", "NO", "X_ERROR", "npm_config_https", ""):
        environment(f"{name}_PROXY", "http://proxy:3128")
    handler = ProxyHandler()
    assert [name for name in vars(handler) if "_" in name.strip("_")] == []
    assert handler.proxies["npm_config_https"] == "http://proxy:3128"


def test_a_handler_without_proxies_takes_no_part():
    opener = OpenerDirector()
    opener.add_handler(ProxyHandler({}))
    assert opener.handlers == []


def test_proxies_are_a_mapping():
    with pytest.raises(TypeError, match="must be a mapping"):
        ProxyHandler("http://proxy:3128")


def test_a_subclass_may_choose_another_proxy(noting):
    class Own(ProxyHandler):
        def proxy_open(self, req, proxy, type):
            return super().proxy_open(req, "proxy:3128", type)

    opener, handler = OpenerDirector(), Noting()
    opener.add_handler(Own({"http": "other:1"}))
    opener.add_handler(handler)
    opener.open(PAGE)
    assert handler.asked == [FORWARDED]


# --- proxies that can't be used

UNUSABLE = {
    "SOCKS for ftp": (
        *(
            {"all": "socks4a://proxy"},
            "ftp://origin.example/file",
            "through proxies of type socks4a",
        ),
    ),
    "SOCKS 6": ({"http": "socks6://proxy:1080"}, PAGE, "'socks6' are not supported"),
    "ftp": ({"http": "ftp://proxy"}, PAGE, "'ftp' are not supported"),
    "no host": ({"http": "http://"}, PAGE, "no host given"),
    "no port": ({"http": "proxy:secret"}, PAGE, "nonnumeric port"),
    "one slash": ({"http": "file:/proxy"}, PAGE, "needs two slashes"),
}


@pytest.mark.parametrize(("proxies", "url", "words"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_proxy_that_can_not_be_used_is_an_error(noting, proxies, url, words):
    opener, asked = noting(proxies)
    with pytest.raises(errors.InvalidRequest, match=words) as caught:
        opener.open(url)
    assert isinstance(caught.value, (errors.URLError, ValueError))
    assert asked == []


@pytest.mark.parametrize("scheme", ["socks6", "ftp"])
def test_an_error_shows_no_password(noting, scheme):
    opener, _ = noting({"https": f"{scheme}://user:secret@proxy"})
    with pytest.raises(errors.InvalidRequest) as caught:
        opener.open(SECURE_PAGE)
    assert "secret" not in str(caught.value)


ONLY_OURS = {
    "SOCKS": "socks5://user:secret@proxy",
    "TLS in TLS": "https://user:secret@proxy",
    "a chain": Proxy("proxy", 80, via=Proxy("first", 80, f"Basic {CREDENTIALS}")),
}


@pytest.mark.parametrize("proxy", ONLY_OURS.values(), ids=ONLY_OURS)
def test_what_urllibs_opener_can_not_do_is_refused_there(proxy):
    opener, handler = urllib.request.OpenerDirector(), Noting()
    opener.add_handler(ProxyHandler({"https": proxy}))
    opener.add_handler(handler)
    with pytest.raises(errors.InvalidRequest, match="urllib's opener can't use Proxy") as caught:
        opener.open(SECURE_PAGE)
    assert not {"secret", CREDENTIALS} & set(str(caught.value).split("'"))
    assert handler.asked == []


@pytest.mark.parametrize("url", [PAGE, SECURE_PAGE])
@pytest.mark.parametrize("kind", ["socks4", "socks4a", "socks5", "socks5h"])
def test_what_only_leads_to_hosts_is_asked_for_what_was_asked(kind, url):
    seen = []

    class Seeing(Noting):
        def note(self, request):
            seen.append((request.proxy, request.has_proxy()))
            return super().note(request)

        http_open = https_open = note

    opener, handler = OpenerDirector(), Seeing()
    opener.add_handler(ProxyHandler({"all": f"{kind}://proxy"}))
    opener.add_handler(handler)
    assert opener.open(url) == "noted"
    assert seen == [(Proxy("proxy", 1080, kind=kind), False)]
    scheme = url.partition(":")[0]
    assert handler.asked == [(scheme, "origin.example", "/page", None)]


def test_a_proxy_may_be_given_as_a_value():
    opener, handler = OpenerDirector(), Noting()
    opener.add_handler(ProxyHandler({"http": Proxy("proxy", 3128)}))
    opener.add_handler(handler)
    assert opener.open(PAGE) == "noted"
    assert handler.asked == [("http", "proxy:3128", PAGE, None)]


# --- requests that have a proxy


@pytest.mark.parametrize("kind", [Request, urllib.request.Request], ids=["ours", "urllib's"])
@pytest.mark.parametrize("url", [PAGE, SECURE_PAGE])
def test_a_proxy_that_the_program_named_is_kept(noting, kind, url):
    opener, asked = noting({"http": "other:1", "https": "other:1"})
    request = kind(url)
    request.set_proxy("proxy:3128", "http")
    opener.open(request)
    assert asked == [FORWARDED if url == PAGE else TUNNELLED]


@pytest.mark.parametrize("url", [PAGE, SECURE_PAGE])
def test_a_request_that_is_opened_again_gets_its_proxy_anew(environment, url):
    opener, asked, handler = OpenerDirector(), [], Noting()
    handler.asked = asked
    opener.add_handler(ProxyHandler({"http": "user:secret@proxy:3128", "https": "proxy:3128"}))
    opener.add_handler(handler)
    other, without = OpenerDirector(), OpenerDirector()
    other.add_handler(ProxyHandler({"all": "other:1"}))
    other.add_handler(handler)
    without.add_handler(handler)
    request = Request(url)
    request.selector = "*"
    for each in (opener, opener, other, without):
        each.open(request)
    environment("no_proxy", "*")
    opener.open(request)
    if url == PAGE:
        through, other_way = FORWARDED, ("http", "other:1", PAGE, None)
    else:
        through = ("https", "proxy:3128", "*", "origin.example")
        other_way = ("https", "other:1", "*", "origin.example")
    direct = (url.partition(":")[0], "origin.example", "*", None)
    assert asked == [through, through, other_way, direct, direct]
    assert not request.has_header("Proxy-authorization")


def test_a_request_with_another_url_gets_its_proxy_anew(noting):
    opener, asked = noting({"https": "proxy:3128"})
    request = Request(SECURE_PAGE)
    opener.open(request)
    request.full_url = PAGE
    opener.open(request)
    assert asked == [TUNNELLED, DIRECT]


# --- credentials


def credentials(request):
    return request.get_header("Proxy-authorization")


@pytest.mark.parametrize("kind", [Request, urllib.request.Request], ids=["ours", "urllib's"])
@pytest.mark.parametrize("url", [PAGE, SECURE_PAGE])
def test_credentials_in_a_proxys_url_are_a_field_of_the_request(kind, url):
    handler = ProxyHandler({})
    request = kind(url)
    handler.proxy_open(request, "http://user:secret@proxy:3128", request.type)
    assert request.unredirected_hdrs == {"Proxy-authorization": CREDENTIALS}
    assert request.headers == {}


def test_credentials_that_the_program_gave_are_kept():
    handler = ProxyHandler({})
    request = Request(PAGE, headers={"Proxy-Authorization": "own"})
    handler.proxy_open(request, "http://user:secret@proxy:3128", "http")
    assert (credentials(request), request.unredirected_hdrs) == ("own", {})


def test_credentials_go_with_a_request_that_is_handed_on(noting):
    opener, asked = noting({"http": "https://user:secret@proxy:3128"})
    request = Request(PAGE)
    opener.open(request)
    assert asked == [("https", "proxy:3128", PAGE, None)]
    assert request.unredirected_hdrs["Proxy-authorization"] == CREDENTIALS


def test_the_answer_to_a_challenge_is_kept_when_a_request_is_opened_again():
    seen = []

    class Challenged(BaseHandler):
        def http_open(self, request):
            seen.append(credentials(request))
            if len(seen) == 1:
                # as ProxyBasicAuthHandler does
                request.add_unredirected_header("Proxy-Authorization", "answer")
                return self.parent.open(request)
            return "noted"

    opener = OpenerDirector()
    opener.add_handler(ProxyHandler({"http": "user:secret@proxy:3128"}))
    opener.add_handler(Challenged())
    opener.open(Request(PAGE))
    assert seen == [CREDENTIALS, "answer"]


# --- over the wire


def test_a_forwarded_request_has_the_whole_url_and_the_origins_host(pool):
    with ScriptedServer([[HELLO, HELLO]]) as proxy:
        opener = opener_with(pool, {"http": f"user:secret@{proxy.authority}"})
        opener.addheaders = []
        request = Request("http://origin.example:8080/a?b#c", headers={"Accept-Encoding": "br"})
        assert opener.open(request).read() == b"hello"
        assert opener.open("http://user:hidden@other.example").read() == b"hello"
    assert proxy.requests[0] == (
        b"GET http://origin.example:8080/a?b HTTP/1.1\r\n"
        b"Host: origin.example:8080\r\n"
        b"Accept-Encoding: br\r\n"
        b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"
    )
    assert proxy.requests[1].startswith(b"GET http://other.example/ HTTP/1.1\r\nHost: other.")
    assert pool.opened == 1


def test_the_reply_through_a_proxy_has_the_url_that_was_asked_for(pool):
    with ScriptedServer([HELLO]) as proxy:
        opener = opener_with(pool, {"http": proxy.authority})
        with opener.open(PAGE) as reply:
            assert reply.url == PAGE


def tunnel_to(certificates, *replies):
    """The script of a proxy that is the origin behind it, too."""
    return [OPENED, StartTLS(certificates.good.server_context()), *replies, Drain()]


@pytest.mark.parametrize(
    "given",
    ["the proxy's URL", "headers", "unredirected_hdrs", "another spelling"],
)
def test_what_goes_through_a_tunnel_has_no_credentials_for_the_proxy(pool, certificates, given):
    with ScriptedServer([tunnel_to(certificates, HELLO)]) as proxy:
        request = Request("https://localhost/page")
        place = proxy.authority
        if given == "the proxy's URL":
            place = f"user:secret@{place}"
        elif given == "unredirected_hdrs":
            request.add_unredirected_header("Proxy-Authorization", CREDENTIALS)
        else:
            name = "Proxy-Authorization" if given == "headers" else "PROXY-AUTHORIZATION"
            request.headers[name] = CREDENTIALS
        https = HTTPSHandler(tls=TLSSettings(ca_file=certificates.ca_file), pool=pool)
        opener = build_opener(ProxyHandler({"https": place}), https)
        assert opener.open(request).read() == b"hello"
        pool.close()
    connect, get = proxy.requests
    assert connect == (
        b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n"
        b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"
    )
    assert get.startswith(b"GET /page HTTP/1.1\r\nHost: localhost\r\n")
    assert b"roxy" not in get


def test_a_redirect_chooses_the_proxy_for_the_next_url(pool, environment):
    environment("no_proxy", "127.0.0.1")
    with ScriptedServer([HELLO]) as elsewhere:
        moved = b"HTTP/1.1 302 Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
        with ScriptedServer(
            [[moved % b"http://other.example/x", moved % elsewhere.url.encode()]]
        ) as proxy:
            opener = opener_with(pool, {"http": f"user:secret@{proxy.authority}"})
            with opener.open(PAGE) as reply:
                assert reply.read() == b"hello"
    assert [request.split()[1] for request in proxy.requests] == [
        PAGE.encode(),
        b"http://other.example/x",
    ]
    assert [b"Proxy-Authorization" in request for request in proxy.requests] == [True, True]
    assert [b"Proxy-Authorization" in request for request in elsewhere.requests] == [False]


def test_a_refused_tunnel_is_a_urlerror_with_the_proxys_status(pool):
    refused = b"HTTP/1.1 407 Who?\r\nContent-Length: 2\r\n\r\nno"
    with ScriptedServer([refused]) as proxy:
        opener = opener_with(pool, {"https": proxy.authority})
        with pytest.raises(errors.URLError, match=r"Tunnel connection failed: 407 Who\?") as caught:
            opener.open(SECURE_PAGE)
    assert isinstance(caught.value.reason, OSError)
    assert (caught.value.status, caught.value.body) == (407, b"no")


def test_a_refused_request_is_an_httperror(pool):
    with ScriptedServer([b"HTTP/1.1 407 Who?\r\nContent-Length: 2\r\n\r\nno"]) as proxy:
        opener = opener_with(pool, {"http": proxy.authority})
        with pytest.raises(errors.HTTPError) as caught:
            opener.open(PAGE)
        with caught.value as error:
            assert (error.code, error.read()) == (407, b"no")


# --- with urllib's own classes

OURS_AND_THEIRS = [
    (build_opener, urllib.request.ProxyHandler),
    (urllib.request.build_opener, ProxyHandler),
]


@pytest.mark.parametrize(("build", "handler"), OURS_AND_THEIRS, ids=["ours", "urllib's"])
@pytest.mark.parametrize("kind", [str, Request, urllib.request.Request])
def test_our_opener_takes_urllibs_handler_and_urllibs_takes_ours(build, handler, kind, pool):
    http = () if build is urllib.request.build_opener else (HTTPHandler(pool=pool),)
    with ScriptedServer([HELLO, HELLO]) as proxy:
        opener = build(handler({"http": f"http://user:secret@{proxy.authority}"}), *http)
        request = kind(PAGE)
        for _ in range(2):
            with opener.open(request) as reply:
                assert reply.read() == b"hello"
            pool.close()
    for sent in proxy.requests:
        assert sent.startswith(b"GET http://origin.example/page HTTP/1.1\r\n")
        assert b"\r\nHost: origin.example\r\n" in sent
        assert sent.lower().count(b"\r\nproxy-authorization: ") == 1
        assert CREDENTIALS.encode() in sent


@pytest.mark.parametrize(("build", "handler"), OURS_AND_THEIRS, ids=["ours", "urllib's"])
@pytest.mark.parametrize("kind", [str, Request, urllib.request.Request])
def test_tunnels_work_in_our_opener_and_in_urllibs(build, handler, kind, pool, certificates):
    if build is build_opener:
        https = HTTPSHandler(tls=TLSSettings(ca_file=certificates.ca_file), pool=pool)
    else:
        https = urllib.request.HTTPSHandler(context=certificates.client_context())
    with ScriptedServer([tunnel_to(certificates, HELLO)]) as proxy:
        opener = build(handler({"https": f"http://user:secret@{proxy.authority}"}), https)
        with opener.open(kind("https://localhost/page")) as reply:
            assert reply.read() == b"hello"
        pool.close()
    connect, get = proxy.requests
    assert connect.startswith(b"CONNECT localhost:443 HTTP/1.")
    assert CREDENTIALS.encode() in connect
    assert CREDENTIALS.encode() not in get
    assert b"\r\nHost: localhost\r\n" in get
