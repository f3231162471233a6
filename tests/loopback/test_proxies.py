"""Through real proxies: what arrives, over how many connections, and what does not arrive."""

import os

import pytest
from support.proxies import Squid, Tinyproxy, find_program
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.steps import Drain, Expect

from mini_http import (
    HTTPError,
    HTTPHandler,
    HTTPSHandler,
    Pool,
    Proxy,
    Request,
    TLSSettings,
    URLError,
    build_opener,
    install_opener,
    urlopen,
)
from mini_http.base import errors
from mini_http.keepalive.pool import shared_pool
from mini_http.opener.handlers.proxy import ProxyHandler

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
BODY = bytes(range(256)) * 4096
"""A MiB."""


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Sets variables, of which there are none about proxies before."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return monkeypatch.setenv


@pytest.fixture
def pool():
    with Pool() as made:
        yield made


@pytest.fixture
def secure_server(certificates):
    """The echo server, over TLS."""
    with EchoServer(tls=certificates.good.server_context()) as server:
        yield server


@pytest.fixture
def through(pool, certificates):
    """Makes an opener for a proxy at this URL."""

    def make(url):
        tls = TLSSettings(ca_file=certificates.ca_file)
        return build_opener(
            ProxyHandler({"http": url, "https": url}),
            HTTPHandler(pool=pool),
            HTTPSHandler(pool=pool, tls=tls),
        )

    return make


def tinyproxy(*credentials):
    if find_program("tinyproxy") is None:
        pytest.skip("tinyproxy is not installed (Debian: apt-get install tinyproxy-bin)")
    return Tinyproxy(*credentials)


def with_credentials(proxy):
    return f"http://user:secret@{proxy.address}"


def no_secret_in(server):
    """Whether no request that a server saw has credentials for a proxy."""
    return all(
        name.lower() != "proxy-authorization" and "dXNlcjpzZWNyZXQ" not in value
        for request in server.requests
        for name, value in request["headers"]
    )


def connections(nginx, target):
    """How many requests for a target nginx had, and over how many connections."""
    found = [request.connection for request in nginx.log() if request.target == target]
    return len(found), len(set(found))


# --- tinyproxy: it forwards one request a connection, and holds tunnels

integration = pytest.mark.integration


@integration
def test_a_hundred_requests_go_through_one_tunnel(through, pool, nginx):
    with tinyproxy() as proxy:
        opener = through(proxy.url)
        for _ in range(100):
            assert len(opener.open(f"{nginx.https}/1k?tinyproxy").read()) == 1024
        pool.close()
    assert (pool.opened, proxy.connections) == (1, 1)
    assert proxy.requests == [f"CONNECT localhost:{nginx.ports['https']} HTTP/1.1"]
    assert connections(nginx, "/1k?tinyproxy") == (100, 1)


@integration
def test_a_tunnel_opened_with_a_password_carries_it_no_further(through, pool, secure_server):
    with tinyproxy("user", "secret") as proxy:
        opener = through(with_credentials(proxy))
        for _ in range(3):
            assert opener.open(Request(secure_server.url, BODY)).read()
        pool.close()
    assert proxy.connections == 1
    assert len(secure_server.requests) == 3
    assert no_secret_in(secure_server)


@integration
def test_a_post_follows_a_get_though_tinyproxy_closes_without_saying_so(through, echo_server):
    with tinyproxy() as proxy:
        opener = through(proxy.url)
        for body in (None, b"1", b"2", None, b"3"):
            assert opener.open(echo_server.url, body).read()
    assert len(echo_server.requests) == 5


@integration
def test_a_forwarded_request_leaves_its_password_with_the_proxy(through, echo_server):
    with tinyproxy("user", "secret") as proxy:
        opener = through(with_credentials(proxy))
        for body in (None, BODY):
            assert opener.open(echo_server.url, body).read()
    assert proxy.requests == [f"{method} {echo_server.url} HTTP/1.1" for method in ("GET", "POST")]
    assert [request["path"] for request in echo_server.requests] == ["/", "/"]
    assert [len(request["body"]) for request in echo_server.requests] == [0, 4 * -(-len(BODY) // 3)]
    assert no_secret_in(echo_server)


@integration
@pytest.mark.parametrize(("password", "status"), [("", 407), ("user:wrong@", 401)])
def test_a_wrong_password_is_told_from_a_request_and_from_a_tunnel(
    through, pool, password, status, echo_server, secure_server
):
    with tinyproxy("user", "secret") as proxy:
        opener = through(f"http://{password}{proxy.address}")
        with pytest.raises(HTTPError, match=str(status)) as caught:
            opener.open(echo_server.url)
        caught.value.close()
        with pytest.raises(URLError, match=f"Tunnel connection failed: {status} ") as refused:
            opener.open(secure_server.url)
        assert refused.value.status == status
        assert refused.value.headers["server"].startswith("tinyproxy")
        assert b"Generated by tinyproxy" in refused.value.body
        assert "wrong" not in f"{refused.value!r} {refused.value}"
    assert (echo_server.requests, secure_server.requests) == ([], [])


@integration
def test_an_origin_that_is_not_there_is_told_by_the_proxy(through):
    with ScriptedServer() as gone:
        url = gone.url
    with tinyproxy() as proxy:
        opener = through(proxy.url)
        with pytest.raises(HTTPError) as caught:
            opener.open(url)
        caught.value.close()
        with pytest.raises(errors.TunnelRefused) as refused:
            opener.open(url.replace("http:", "https:"))
    assert caught.value.code == refused.value.status == 500


@integration
def test_a_redirect_from_http_to_https_opens_a_tunnel(through, pool, secure_server):
    moved = b"HTTP/1.1 301 Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
    with (
        tinyproxy("user", "secret") as proxy,
        ScriptedServer([moved % secure_server.url.encode()]) as server,
    ):
        with through(with_credentials(proxy)).open(server.url) as reply:
            assert reply.read()
        pool.close()
    assert [request.split()[0] for request in proxy.requests] == ["GET", "CONNECT"]
    assert b"roxy-" not in server.requests[0]
    assert no_secret_in(secure_server)


@integration
def test_urlopen_goes_through_the_proxy_of_the_environment(environment, echo_server):
    try:
        with tinyproxy() as proxy:
            environment("http_proxy", proxy.url)
            install_opener(None)
            assert urlopen(echo_server.url).read()
            environment("no_proxy", "127.0.0.1")
            assert urlopen(echo_server.url).read()
    finally:
        install_opener(None)
        shared_pool().close()
    assert len(proxy.requests) == 1
    assert len(echo_server.requests) == 2


# --- squid: it keeps connections alive


@integration
def test_squid_serves_a_hundred_requests_over_one_connection(
    through, pool, nginx, echo_server, secure_server
):
    if find_program("squid") is None:
        pytest.skip("squid is not installed (Debian: apt-get install squid)")
    with Squid() as proxy:
        opener = through(with_credentials(proxy))
        for _ in range(100):
            assert len(opener.open(f"{nginx.http}/1k?squid").read()) == 1024
        assert pool.opened == 1
        for _ in range(100):
            assert len(opener.open(f"{nginx.https}/1k?squids").read()) == 1024
        assert pool.opened == 2
        for server in (echo_server, secure_server):
            assert opener.open(server.url, BODY).read()
        pool.close()
    assert sorted(proxy.requests) == [  # a tunnel is written down when it ends
        f"CONNECT 127.0.0.1:{secure_server.port}",
        f"CONNECT localhost:{nginx.ports['https']}",
        *[f"GET {nginx.http}/1k?squid"] * 100,
        f"POST {echo_server.url}",
    ]
    assert proxy.connections == 3
    assert connections(nginx, "/1k?squids") == (100, 1)
    assert no_secret_in(echo_server)
    assert no_secret_in(secure_server)


# --- any proxy


def test_a_hundred_forwarded_requests_share_a_connection_whatever_their_origin(through, pool):
    def answer(connection):
        while True:
            connection.read_request()
            connection.send(HELLO)

    with ScriptedServer(handler=answer) as proxy:
        opener = through(f"http://{proxy.authority}")
        for number in range(100):
            assert opener.open(f"http://origin{number % 7}.example/").read() == b"hello"
        pool.close()
    assert (pool.opened, len(proxy.connections)) == (1, 1)


def test_a_post_goes_over_a_connection_that_the_proxy_has_kept_before(through, pool):
    with ScriptedServer([[HELLO, Drain()], [HELLO] * 4]) as proxy:
        opener = through(f"http://{proxy.authority}")
        for body in (b"first", b"second", None, b"third", b"fourth"):
            assert opener.open("http://origin.example/", body).read() == b"hello"
        pool.close()
    assert [len(connection.requests) for connection in proxy.connections] == [1, 4]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_hangs_up_is_an_error(through, scheme):
    with ScriptedServer([[Expect()]], again=True) as proxy:
        with pytest.raises(URLError) as caught:
            through(f"http://{proxy.authority}").open(f"{scheme}://origin.example/")
        assert isinstance(caught.value, OSError)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_an_error_and_not_gone_round(
    through, scheme, echo_server, secure_server
):
    with ScriptedServer() as gone:
        place = gone.authority
    server = echo_server if scheme == "http" else secure_server
    with pytest.raises(errors.ConnectFailed, match=f"{place}: Connection refused"):
        through(f"http://{place}").open(server.url)
    assert server.requests == []


# --- requests whose host is set by hand


def test_a_request_goes_to_the_proxy_that_the_program_names(pool):
    with ScriptedServer([[HELLO]]) as proxy:
        request = Request("http://origin.example/page")
        request.set_proxy(proxy.authority, "http")
        assert build_opener(HTTPHandler(pool=pool)).open(request).read() == b"hello"
    assert proxy.requests[0].startswith(b"GET http://origin.example/page HTTP/1.1\r\nHost: origin.")


def test_a_request_goes_to_another_host_if_the_program_says_so(pool, echo_server):
    request = Request("http://origin.example/page", headers={"Host": "other.example"})
    request.host = f"127.0.0.1:{echo_server.port}"
    request.add_header("Proxy-Authorization", "secret")
    opener = build_opener(HTTPHandler(pool=pool))
    for _ in range(2):
        assert opener.open(request).read()
    for seen in echo_server.requests:
        assert (seen["path"], seen["connection"]) == ("/page", 0)
        fields = {name.lower(): value for name, value in seen["headers"]}
        assert fields["host"] == "other.example"
        assert "proxy-authorization" not in fields


def test_a_request_over_tls_goes_to_another_host_if_it_has_the_certificate(
    pool, certificates, secure_server
):
    https = HTTPSHandler(pool=pool, tls=TLSSettings(ca_file=certificates.ca_file))
    request = Request("https://origin.example/page")
    request.host = f"127.0.0.1:{secure_server.port}"
    assert build_opener(https).open(request).read()
    pool.close()


def test_a_request_for_http_goes_to_a_proxy_over_tls_that_has_the_certificate(
    pool, certificates, secure_server
):
    proxy = Proxy.parse(f"https://user:secret@127.0.0.1:{secure_server.port}")
    proxy = proxy.replace(tls=TLSSettings(ca_file=certificates.ca_file))
    opener = build_opener(
        ProxyHandler({"http": proxy}), HTTPHandler(pool=pool), HTTPSHandler(pool=pool)
    )
    for _ in range(3):
        assert opener.open("http://origin.example/page").read()
    pool.close()
    for seen in secure_server.requests:
        assert (seen["path"], seen["connection"]) == ("http://origin.example/page", 0)
        assert ("Proxy-Authorization", "Basic dXNlcjpzZWNyZXQ=") in seen["headers"]


def test_a_certificate_of_the_wrong_name_makes_no_proxy(pool, certificates):
    tls = TLSSettings(ca_file=certificates.ca_file)
    context = certificates.wrong_name.server_context()
    with ScriptedServer([[]], tls=context) as proxy:
        way = Proxy(*proxy.address, kind="https", tls=tls)
        opener = build_opener(ProxyHandler({"http": way}), HTTPSHandler(pool=pool))
        with pytest.raises(errors.TLSFailed, match=r"not for 127\.0\.0\.1"):
            opener.open("http://origin.example/")


def test_a_tunnel_may_lead_to_a_host_without_tls(pool):
    with ScriptedServer([[b"HTTP/1.1 200 OK\r\n\r\n", HELLO]]) as proxy:
        request = Request("http://origin.example/page")
        request.host, request._tunnel_host = proxy.authority, "origin.example"
        assert build_opener(HTTPHandler(pool=pool)).open(request).read() == b"hello"
    connect, get = proxy.requests
    assert connect.startswith(b"CONNECT origin.example:80 HTTP/1.1\r\n")
    assert get.startswith(b"GET /page HTTP/1.1\r\nHost: origin.example\r\n")


IN_THE_CLEAR = {
    "another type": {"type": "http", "host": "127.0.0.1:1"},
    "another type and a tunnel": {"type": "http", "host": "127.0.0.1:1", "_tunnel_host": "a"},
    "the whole URL": {"selector": "https://origin.example/page", "host": "127.0.0.1:1"},
}


@pytest.mark.parametrize("changes", IN_THE_CLEAR.values(), ids=IN_THE_CLEAR)
def test_no_proxy_reads_what_is_for_tls(pool, changes):
    request = Request("https://origin.example/page")
    for name, value in changes.items():
        setattr(request, name, value)
    opener = build_opener(HTTPHandler(pool=pool), HTTPSHandler(pool=pool))
    with pytest.raises(errors.InvalidRequest, match="a proxy would read this"):
        opener.open(request)
    assert pool.opened == 0


def test_ftp_over_tls_is_not_shown_to_a_proxy(pool):
    opener = build_opener(ProxyHandler({"ftps": "127.0.0.1:1"}), HTTPHandler(pool=pool))
    with pytest.raises(errors.InvalidRequest, match="a proxy would read this"):
        opener.open("ftps://user:secret@origin.example/file")


@pytest.mark.parametrize("host", ["", "pro xy", "user:secret@proxy:port", "127.0.0.1:99999"])
@pytest.mark.parametrize("url", ["http://origin.example/", "https://origin.example/"])
def test_a_host_that_is_none_is_refused_without_showing_a_password(pool, host, url):
    request = Request(url)
    request.set_proxy(host, "http")
    with pytest.raises(URLError) as caught:
        build_opener(HTTPHandler(pool=pool)).open(request)
    assert "secret" not in str(caught.value)
    assert pool.opened == 0
