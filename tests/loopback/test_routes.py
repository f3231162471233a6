"""Every route through real proxies: what arrives, over how many connections, and what does not.

The matrix is that of ROUTES and schemes; each cell is run with a GET, a POST of a MiB, and a
hundred requests in a row; those that want a password, with a wrong one; those over TLS, with a
certificate for another name. A Relay before each proxy counts the connections to it. The origins
note every field of every request, and each cell looks that no credentials for a proxy are there.

Cells that there are not, and why:

* direct, with a wrong password or with a wrong certificate of the proxy: there is no proxy;
* socks4 with a wrong password: dante, as most, takes whatever name it is told;
* socks4a through dante: it refuses what has a name in it here; test_socks.py has it byte by byte;
* a certificate of the wrong name for proxies without TLS.
"""

import base64
import contextlib
import os

import pytest
from support.descriptors import can_list_descriptors, open_descriptors
from support.proxies import REALM, Dante, Microsocks, Relay, Squid, Tinyproxy, find_program
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.steps import Close, Drain, Expect, ExpectBytes, StartTLS

from mini_http import (
    HTTPError,
    HTTPHandler,
    HTTPPasswordMgrWithDefaultRealm,
    HTTPSHandler,
    Pool,
    Proxy,
    ProxyBasicAuthHandler,
    ProxyDigestAuthHandler,
    ProxyHandler,
    Request,
    TLSSettings,
    URLError,
    build_opener,
)
from mini_http.base import errors

pytestmark = [pytest.mark.usefixtures("nothing_leaks"), pytest.mark.integration]

BODY = os.urandom(1 << 20)
OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
USER, PASSWORD, WRONG = "user", "secret", "hunter2"
SCHEMES = ["http", "https"]

SERVERS = {
    "tinyproxy": lambda _: Tinyproxy(),
    "tinyproxy, Basic": lambda _: Tinyproxy(USER, PASSWORD),
    "squid": lambda certificates: Squid(certificate=certificates.good),
    "squid, Basic": lambda certificates: Squid(USER, PASSWORD, "Basic", certificates.good),
    "squid, Digest": lambda certificates: Squid(USER, PASSWORD, "Digest", certificates.good),
    "squid, wrong name": lambda certificates: Squid(certificate=certificates.wrong_name),
    "microsocks": lambda _: Microsocks(),
    "microsocks, password": lambda _: Microsocks(USER, PASSWORD),
    "dante": lambda _: Dante(),
}


class Route:
    """A row: the kind of proxy, which server it is, and how many connections to it there are after
    a GET, a POST and a hundred requests; by scheme of the URL, http and https.
    """

    def __init__(self, kind, server, get=(1, 1), post=(1, 1), hundred=(1, 1)):
        self.kind, self.server = kind, server
        counts = {"get": get, "post": post, "hundred": hundred}
        self.counts = {name: dict(zip(SCHEMES, count)) for name, count in counts.items()}

    def assert_connections(self, relay, name, scheme):
        assert relay is None or relay.connections == self.counts[name][scheme]

    @property
    def wants_password(self):
        return self.server is not None and ", " in self.server


ROUTES = {
    "direct": Route(None, None),
    # tinyproxy closes after each request that it forwards
    "http, tinyproxy": Route("http", "tinyproxy", hundred=(100, 1)),
    "http, tinyproxy, Basic": Route("http", "tinyproxy, Basic", hundred=(100, 1)),
    "http, squid": Route("http", "squid"),
    "http, squid, Basic": Route("http", "squid, Basic"),
    # the answer to a CONNECT goes over another connection, and so does a body that was refused
    "http, squid, Digest": Route("http", "squid, Digest", (1, 2), (2, 2), (1, 2)),
    "https, squid": Route("https", "squid"),
    "https, squid, Basic": Route("https", "squid, Basic"),
    "https, squid, Digest": Route("https", "squid, Digest", (1, 2), (2, 2), (1, 2)),
    "socks5, microsocks": Route("socks5", "microsocks"),
    "socks5, microsocks, password": Route("socks5", "microsocks, password"),
    "socks5h, microsocks": Route("socks5h", "microsocks"),
    "socks5h, microsocks, password": Route("socks5h", "microsocks, password"),
    "socks4, dante": Route("socks4", "dante"),
    "socks5h, dante": Route("socks5h", "dante"),
}
WITH_PASSWORD = {name: row for name, row in ROUTES.items() if row.wants_password}


# --- the servers, each once


@pytest.fixture(scope="module")
def nothing_leaks():
    """Once for all of this: the servers are in this process, and end their connections later."""
    before = len(open_descriptors()) if can_list_descriptors() else 0
    yield
    assert not before or len(open_descriptors()) <= before


@pytest.fixture(scope="module")
def proxies(certificates, nothing_leaks):
    """The proxy of a name, begun when it is first asked for, with relays before its ports."""
    with contextlib.ExitStack() as running, contextlib.ExitStack() as asked_to_end:
        begun = {}

        def get(name):
            if name not in begun:
                made = SERVERS[name](certificates)
                if find_program(made.program) is None:
                    pytest.skip(f"{made.program} is not installed")
                running.enter_context(made)
                relays = [running.enter_context(Relay(made.port))]
                if getattr(made, "secure_port", 0):
                    relays.append(running.enter_context(Relay(made.secure_port)))
                asked_to_end.callback(made.ask_to_end)
                begun[name] = relays
            return begun[name]

        yield get


@pytest.fixture(scope="module")
def origins(certificates, nothing_leaks):
    """A recording origin over http, and one over https."""
    with EchoServer() as plain, EchoServer(tls=certificates.good.server_context()) as secured:
        yield {"http": plain, "https": secured}


@pytest.fixture
def origin(origins, scheme):
    origins[scheme].requests.clear()
    return origins[scheme]


@pytest.fixture
def pool():
    with Pool() as made:
        yield made


@pytest.fixture
def trusting(certificates):
    return TLSSettings(ca_file=certificates.ca_file)


@pytest.fixture
def opener_for(pool, trusting):
    """Makes an opener for proxies, by scheme; a password may be known to a manager instead."""

    def make(proxies, *handlers):
        tls = HTTPSHandler(pool=pool, tls=trusting)
        return build_opener(ProxyHandler(proxies), HTTPHandler(pool=pool), tls, *handlers)

    return make


@pytest.fixture
def through(proxies, opener_for, trusting):
    """Makes an opener for a route, and the relay that counts its connections."""

    def make(route, password=PASSWORD):
        if route.kind is None:
            return opener_for({}), None
        relay = proxies(route.server)[route.kind == "https"]
        proxy = Proxy("localhost" if route.kind == "https" else "127.0.0.1", relay.port)
        if route.wants_password:
            who = f"{USER}:{password}@"
            proxy = Proxy.parse(f"{route.kind}://{who}{proxy.host}:{proxy.port}")
        proxy = proxy.replace(kind=route.kind, tls=trusting if route.kind == "https" else None)
        relay.connections = 0
        handlers = []
        if route.server == "squid, Digest":
            handlers = [ProxyDigestAuthHandler(passwords(proxy.place, password))]
        return opener_for({"http": proxy, "https": proxy}, *handlers), relay

    return make


def passwords(place, password=PASSWORD):
    known = HTTPPasswordMgrWithDefaultRealm()
    known.add_password(None, place, USER, password)
    return known


def assert_no_credentials_at(origin):
    """No request that it saw tells of a proxy, or of who we are to one."""
    hidden = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode().rstrip("=")
    assert origin.requests
    for request in origin.requests:
        for name, value in request["headers"]:
            assert name.lower() not in ("proxy-authorization", "authorization", "proxy-connection")
            assert hidden not in value
            assert "nonce=" not in value


def url_of(origin, path=""):
    return origin.url.replace("127.0.0.1", "localhost") + path


# --- the matrix


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_get(route, scheme, through, pool, origin):
    opener, relay = through(route)
    with opener.open(url_of(origin, "page?a=b")) as reply:
        assert b'"method": "GET"' in reply.read()
    assert origin.requests[0]["path"] == "/page?a=b"
    assert len(origin.requests) == 1
    route.assert_connections(relay, "get", scheme)
    assert_no_credentials_at(origin)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_post_of_a_mib(route, scheme, through, pool, origin):
    opener, relay = through(route)
    # squid says nothing more on a connection where it has refused a body that was sent all the same
    is_forwarded = scheme == "http" and route.server == "squid, Digest"
    fields = {"Expect": "100-continue"} if is_forwarded else {}
    with opener.open(Request(url_of(origin), BODY, fields)) as reply:
        assert reply.read()
    (request,) = origin.requests
    assert base64.b64decode(request["body"]) == BODY
    route.assert_connections(relay, "post", scheme)
    assert_no_credentials_at(origin)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_a_hundred_requests(route, scheme, through, pool, origin, nginx):
    opener, relay = through(route)
    seen = []
    for _ in range(100):
        with opener.open(f"{getattr(nginx, scheme)}/connection") as reply:
            seen.append(reply.read().split())  # the number of the connection, and that on it
    route.assert_connections(relay, "hundred", scheme)
    if scheme == "https" or route.kind is None or route.kind.startswith("socks"):
        assert len({connection for connection, _ in seen}) == 1
        assert [int(number) for _, number in seen] == list(range(1, 101))
    with opener.open(url_of(origin)) as reply:
        assert reply.read()
    assert_no_credentials_at(origin)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("route", WITH_PASSWORD.values(), ids=WITH_PASSWORD)
def test_a_wrong_password(route, scheme, through, pool, origin):
    opener, relay = through(route, WRONG)
    with pytest.raises(URLError) as caught:
        opener.open(url_of(origin))
    error = caught.value
    assert WRONG not in f"{error} {error!r} {error.reason}"
    if scheme == "http" and not route.kind.startswith("socks"):
        assert isinstance(error, HTTPError)
        assert error.code in (401, 407)
        error.close()
    else:
        assert isinstance(error, errors.TunnelRefused)
        assert str(error).startswith("Tunnel connection failed: ")
        assert error.status in (None, 401, 407)
    assert 1 <= relay.connections <= 2
    assert origin.requests == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_proxy_certificate_of_the_wrong_name(scheme, through, pool, origin):
    opener, relay = through(Route("https", "squid, wrong name"))
    with pytest.raises(errors.TLSFailed, match=r"elsewhere\.example, not for localhost"):
        opener.open(url_of(origin))
    assert relay.connections == 1
    assert origin.requests == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_proxy_certificate_that_only_the_origins_settings_trust(scheme, opener_for, certificates):
    with ScriptedServer([[]], tls=certificates.good.server_context()) as proxy:
        named = f"https://localhost:{proxy.port}"
        with pytest.raises(errors.TLSFailed, match="issuer"):
            opener_for({scheme: named}).open(f"{scheme}://origin.example/")


HANG_UPS = {  # what is read before it goes
    "http": Expect(),
    "https": Expect(),
    "socks4": ExpectBytes(9),
    "socks4a": ExpectBytes(9),
    "socks5": ExpectBytes(3),
    "socks5h": ExpectBytes(3),
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", HANG_UPS)
def test_a_proxy_that_hangs_up(kind, scheme, opener_for, trusting, certificates):
    begin = [StartTLS(certificates.good.server_context())] if kind == "https" else []
    with ScriptedServer([[*begin, HANG_UPS[kind], Close()]]) as server:
        proxy = Proxy("localhost", server.port, kind=kind, tls=trusting)
        with pytest.raises(URLError, match=r"clos|ended|broke|EOF") as caught:
            opener_for({scheme: proxy}).open(f"{scheme}://localhost/")
    assert isinstance(caught.value, OSError)
    assert len(server.connections) == 1


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", HANG_UPS)
def test_a_proxy_that_is_not_there(kind, scheme, opener_for):
    with ScriptedServer() as gone:
        port = gone.port
    proxy = Proxy("127.0.0.1", port, kind=kind)
    with pytest.raises(errors.ConnectFailed, match="Connection refused"):
        opener_for({scheme: proxy}).open(f"{scheme}://localhost/")


# --- chains


CHAINS = {
    "http, socks5h": ("squid, Basic", "http", "microsocks, password", "socks5h"),
    "socks5, http": ("microsocks, password", "socks5", "squid, Basic", "http"),
    "socks5, https": ("microsocks, password", "socks5", "squid, Basic", "https"),
    "https, http": ("squid", "https", "tinyproxy, Basic", "http"),
    "https, https": ("squid, Basic", "https", "squid, Digest", "https"),
    "socks4, socks5h": ("dante", "socks4", "microsocks, password", "socks5h"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_a_chain(chain, scheme, proxies, opener_for, trusting, origin):
    way = None
    relays = []
    for server, kind in (chain[:2], chain[2:]):
        relay = proxies(server)[kind == "https"]
        relays.append(relay)
        relay.connections = 0
        who = f"{USER}:{PASSWORD}@" if ", " in server else ""
        way = Proxy.parse(f"{kind}://{who}localhost:{relay.port}").replace(tls=trusting, via=way)
    if kind == "https" and scheme == "http":
        handlers = [ProxyDigestAuthHandler(passwords(way.place))]
    else:
        handlers = []
    opener = opener_for({scheme: way}, *handlers)
    for _ in range(3):
        with opener.open(url_of(origin)) as reply:
            assert reply.read()
    # tinyproxy closes after each; with Digest the way is gone anew for the answer to a CONNECT
    count = 3 if (server, scheme) == ("tinyproxy, Basic", "http") else 1
    count = 2 if (server, scheme) == ("squid, Digest", "https") else count
    assert [relay.connections for relay in relays] == [count, count]
    with opener.open(Request(url_of(origin), BODY, {"Expect": "100-continue"})) as reply:
        assert reply.read()
    assert base64.b64decode(origin.requests[-1]["body"]) == BODY
    assert_no_credentials_at(origin)


# --- passwords


@pytest.mark.parametrize("kind", ["Basic", "Digest"])
def test_a_password_of_a_manager_is_asked_for_once(kind, proxies, opener_for, origins):
    relay = proxies(f"squid, {kind}")[0]
    relay.connections = 0
    place = f"127.0.0.1:{relay.port}"
    handler = {"Basic": ProxyBasicAuthHandler, "Digest": ProxyDigestAuthHandler}[kind]
    opener = opener_for({"https": f"http://{place}"}, handler(passwords(place)))
    origin = origins["https"]
    origin.requests.clear()
    for _ in range(3):
        with opener.open(url_of(origin)) as reply:
            assert reply.read()
    # Digest is asked for anew by each new connection, also by the first with a password.
    first = {"Basic": 2, "Digest": 3}[kind]
    assert relay.connections == first
    with opener.open(origin.url) as reply:  # another name, so another tunnel
        assert reply.read()
    assert relay.connections == first + {"Basic": 1, "Digest": 2}[kind]
    assert_no_credentials_at(origin)


def test_a_wrong_password_of_a_manager_is_not_remembered(proxies, opener_for, origins):
    relay = proxies("squid, Basic")[0]
    place = f"127.0.0.1:{relay.port}"
    known = passwords(place, WRONG)
    opener = opener_for({"https": f"http://{place}"}, ProxyBasicAuthHandler(known))
    for _ in range(2):
        with pytest.raises(errors.TunnelRefused, match="407") as caught:
            opener.open(url_of(origins["https"]))
        assert WRONG not in str(caught.value)
    known.add_password(None, place, USER, PASSWORD)
    with opener.open(url_of(origins["https"])) as reply:
        assert reply.read()


def test_credentials_of_one_proxy_never_go_to_another(opener_for):
    moved = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
    script = [[moved % b"https://origin.example/", Drain()]]
    with ScriptedServer(script) as first, ScriptedServer([[b"HTTP/1.1 403 No\r\n\r\n"]]) as second:
        opener = opener_for(
            {
                "http": f"http://one:{WRONG}@{first.authority}",
                "https": f"http://{second.authority}",
            }
        )
        with pytest.raises(errors.TunnelRefused, match="403"):
            opener.open("http://origin.example/")
    assert b"Proxy-Authorization: Basic " in first.requests[0]
    assert b"roxy-" not in second.requests[0]
    assert b"uthorization" not in second.requests[0]


def test_a_manager_gives_a_password_to_the_proxy_that_it_is_for(opener_for):
    refused = b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=here\r\n\r\n"
    with ScriptedServer([refused]) as proxy:
        handler = ProxyBasicAuthHandler(passwords("other.example:3128"))
        opener = opener_for({"https": f"http://{proxy.authority}"}, handler)
        with pytest.raises(errors.TunnelRefused, match="407"):
            opener.open("https://origin.example/")
    assert b"roxy-Authorization" not in proxy.requests[0]


def test_the_realm_is_that_of_the_proxy(proxies, opener_for, origins):
    relay = proxies("squid, Basic")[0]
    place = f"127.0.0.1:{relay.port}"
    handler = ProxyBasicAuthHandler()
    handler.add_password("elsewhere", place, USER, WRONG)
    handler.add_password(REALM, place, USER, PASSWORD)
    opener = opener_for({"https": f"http://{place}"}, handler)
    with opener.open(url_of(origins["https"])) as reply:
        assert reply.read()


# --- the environment


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("variable", ["all_proxy", "ALL_PROXY", "{}_proxy", "{}_PROXY"])
def test_a_variable_names_a_socks_proxy(
    variable, scheme, proxies, monkeypatch, pool, trusting, origin
):
    (relay,) = proxies("microsocks, password")
    relay.connections = 0
    variable = variable.format(scheme.upper() if variable.endswith("Y") else scheme)
    monkeypatch.setenv(variable, f"socks5h://{USER}:{PASSWORD}@127.0.0.1:{relay.port}")
    opener = build_opener(HTTPHandler(pool=pool), HTTPSHandler(pool=pool, tls=trusting))
    with opener.open(url_of(origin)) as reply:
        assert reply.read()
    assert relay.connections == 1
    monkeypatch.setenv("no_proxy", "localhost")
    with opener.open(url_of(origin)) as reply:
        assert reply.read()
    assert relay.connections == 1
    assert_no_credentials_at(origin)


# --- RULES: secrets, the rows about proxies


def test_a_tunnel_with_one_password_serves_nobody_without_it(proxies, opener_for, pool, origins):
    """Also CVE-2024-35195's kind: who we are to a proxy is a part of the pool's key."""
    (relay,) = proxies("microsocks, password")
    place = f"127.0.0.1:{relay.port}"
    url = url_of(origins["https"])
    with opener_for({"https": f"socks5h://{USER}:{PASSWORD}@{place}"}).open(url) as reply:
        assert reply.read()
    assert pool.idle_count() == 1
    for other in ("", f"{USER}:{WRONG}@"):
        with pytest.raises(errors.TunnelRefused):
            opener_for({"https": f"socks5h://{other}{place}"}).open(url)
    assert pool.idle_count() == 1


def test_what_comes_before_tls_through_a_tunnel_is_refused(opener_for):
    """CVE-2023-40217."""
    with ScriptedServer([[OPENED + b"\x16\x03", Drain()]]) as proxy:
        opener = opener_for({"https": f"http://{proxy.authority}"})
        with pytest.raises(errors.TLSFailed, match="2 bytes came in the clear"):
            opener.open("https://localhost/")


def test_a_redirect_out_of_a_proxy_takes_no_credentials_along(opener_for, origins):
    """CVE-2018-20060, CVE-2023-32681: neither to the origin behind a tunnel nor to one direct."""
    origin = origins["http"]
    origin.requests.clear()
    location = origin.url.replace("127.0.0.1", "localhost").encode()
    moved = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % location
    with ScriptedServer([[moved, Drain()]]) as proxy:
        proxies = {"http": f"http://{USER}:secret@{proxy.authority}", "no": "localhost"}
        with opener_for(proxies).open("http://origin.example/") as reply:
            assert reply.read()
    assert b"Proxy-Authorization" in proxy.requests[0]
    assert_no_credentials_at(origin)


def test_http_proxy_set_by_a_request_to_a_cgi_program_is_not_used(monkeypatch, pool, origins):
    """CVE-2016-1000110."""
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with build_opener(HTTPHandler(pool=pool)).open(origins["http"].url) as reply:
        assert reply.read()


def test_no_secret_is_shown_on_any_route(trusting):
    """Masked: proxies, and what holds them."""
    first = Proxy.parse(f"socks5h://{USER}:{WRONG}@first.example")
    proxy = Proxy.parse(f"https://{USER}:{WRONG}@proxy.example").replace(tls=trusting, via=first)
    handler = ProxyHandler({"https": proxy})
    request = Request("https://origin.example/")
    request.choose_proxy(proxy)
    encoded = base64.b64encode(f"{USER}:{WRONG}".encode()).decode()
    for shown in (proxy, handler, request):
        assert WRONG not in repr(shown)
        assert encoded not in repr(shown)
