"""Openers that connect to allowed addresses only, whatever URL, name or redirect is tried."""

import errno
import importlib.util
import os
import socket

import pytest
from support.servers import ScriptedServer
from support.steps import ExpectBytes, Send

from mini_http import (
    DialOptions,
    GopherHandler,
    HTTPHandler,
    HTTPSHandler,
    Pool,
    Proxy,
    ProxyHandler,
    Request,
    UnixHandler,
    URLError,
    build_opener,
)
from mini_http.base import errors
from mini_http.connect.addresses import public_only
from mini_http.keepalive.pool import shared_pool
from mini_http.opener.handlers.file import FileHandler

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
LOOPBACK = public_only.allowing("127.0.0.1")
"""For servers of ours that play the public internet."""


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def pool():
    with Pool() as made:
        yield made


def redirect(location):
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def entry(ip, port):
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    return family, socket.SOCK_STREAM, 0, "", (ip, port)


# --- what is refused

ALWAYS = ("http", "https", "ftp", "ftps", "gopher")


@pytest.mark.parametrize("scheme", ALWAYS)
def test_no_scheme_leads_to_a_private_address(scheme):
    opener = build_opener(GopherHandler, allow_address=public_only)
    with ScriptedServer() as server:
        place = server.authority
        with pytest.raises(errors.ConnectFailed) as caught:
            opener.open(f"{scheme}://{place}/")
    assert f"{place}: address not allowed: loopback (RFC 1122)" in str(caught.value)
    assert server.connections == []
    assert caught.value.errno == errno.EACCES
    assert isinstance(caught.value.reason, PermissionError)


REFUSED = [
    ("localhost", "127.0.0.1", "loopback (RFC 1122)"),
    ("127.1", "127.0.0.1", "loopback (RFC 1122)"),
    ("0x7f000001", "127.0.0.1", "loopback (RFC 1122)"),
    ("2130706433", "127.0.0.1", "loopback (RFC 1122)"),
    ("0", "0.0.0.0", "unspecified (RFC 1122)"),
    ("[::1]", "::1", "loopback (RFC 4291)"),
    (
        "[::ffff:127.0.0.1]",
        "127.0.0.1",
        "IPv4-mapped (RFC 4291), of 127.0.0.1, loopback (RFC 1122)",
    ),
    ("[64:ff9b::7f00:1]", "64:ff9b::", "NAT64 (RFC 6052), of 127.0.0.1, loopback (RFC 1122)"),
    ("[fe80::1%25lo]", "fe80::1", "link-local (RFC 4291)"),
    ("169.254.169.254", "169.254.169.254", "link-local (RFC 3927)"),
]


@pytest.mark.parametrize(("host", "address", "rule"), REFUSED, ids=[row[0] for row in REFUSED])
def test_it_is_said_which_address_was_refused_and_why(host, address, rule):
    with pytest.raises(errors.ConnectFailed, match="address not allowed") as caught:
        build_opener(allow_address=public_only).open(f"http://{host}:1/")
    assert address in str(caught.value)
    assert rule in str(caught.value)


def test_a_predicate_of_ones_own_says_no_reason():
    opener = build_opener(allow_address=lambda _: False)
    with pytest.raises(errors.ConnectFailed, match=r"127\.0\.0\.1:1: address not allowed$"):
        opener.open("http://127.0.0.1:1/")


def test_a_redirect_to_a_private_address_is_refused(pool):
    opener = build_opener(HTTPHandler(pool=pool), allow_address=LOOPBACK)
    there = redirect("http://127.0.0.2:1/admin")
    words = r"^127\.0\.0\.2:1: address not allowed"
    with ScriptedServer([there]) as server, pytest.raises(errors.ConnectFailed, match=words):
        opener.open(server.url)
    assert len(server.requests) == 1


def test_a_name_that_changes_its_address_gets_by_nowhere(pool):
    with ScriptedServer([redirect("http://h.example/2")]) as server:
        answers = [[entry("127.0.0.1", server.port)], [entry("127.0.0.2", server.port)]]
        looked_up = []

        def resolver(host, port):
            looked_up.append(host)
            return answers[len(looked_up) - 1]

        options = DialOptions(resolver=resolver, allow_address=LOOPBACK)
        opener = build_opener(HTTPHandler(pool=pool, options=options))
        request = Request("http://h.example/", headers={"Connection": "close"})
        with pytest.raises(errors.ConnectFailed, match=r"not allowed: loopback .*127\.0\.0\.2"):
            opener.open(request)
    # Once for each connection: what was asked about is what is dialed.
    assert looked_up == ["h.example"] * 2
    assert len(server.connections) == 1


def test_of_a_name_with_several_addresses_the_allowed_ones_are_dialed(pool):
    with ScriptedServer([HELLO]) as server:
        places = [entry("10.0.0.1", 80), entry("::1", server.port), entry("127.0.0.1", server.port)]
        options = DialOptions(resolver=lambda *_: places)
        opener = build_opener(HTTPHandler(pool=pool, options=options), allow_address=LOOPBACK)
        assert opener.open("http://h.example/").read() == b"hello"
        opener = build_opener(HTTPHandler(pool=pool, options=options), allow_address=public_only)
        with pytest.raises(errors.ConnectFailed, match=r"private .*10\.0\.0\.1.*loopback .*::1"):
            opener.open("http://h.example/")


def test_no_connection_is_shared_with_an_opener_that_may_connect_there(pool):
    with ScriptedServer([HELLO]) as server:
        assert build_opener(HTTPHandler(pool=pool)).open(server.url).read() == b"hello"
        assert repr(pool) == "<Pool: 1 idle, 1 opened>"
        guarded = build_opener(HTTPHandler(pool=pool), allow_address=public_only)
        with pytest.raises(errors.ConnectFailed, match="not allowed"):
            guarded.open(server.url)


def test_a_guard_of_a_handler_s_own_counts_before_the_opener_s(pool):
    options = DialOptions(allow_address=LOOPBACK)
    with ScriptedServer([HELLO]) as server:
        opener = build_opener(HTTPHandler(pool=pool, options=options), allow_address=public_only)
        assert opener.open(server.url).read() == b"hello"


# --- what goes over no network


def test_files_are_opened_only_if_that_is_asked_for(tmp_path):
    (tmp_path / "file").write_text("secret")
    url = (tmp_path / "file").as_uri()
    with pytest.raises(URLError, match="unknown url type: file"):
        build_opener(allow_address=public_only).open(url)
    with build_opener(FileHandler, allow_address=public_only).open(url) as reply:
        assert reply.read() == b"secret"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no unix sockets")
def test_the_path_of_a_unix_socket_is_asked_about(tmp_path):
    path = str(tmp_path / "app.sock")
    url = f"http+unix://{path.replace('/', '%2F')}/"
    with pytest.raises(errors.ConnectFailed, match="address not allowed: no IP address"):
        build_opener(UnixHandler, allow_address=public_only).open(url)
    with ScriptedServer([HELLO], at=path):
        opener = build_opener(UnixHandler, allow_address=lambda asked: asked == path)
        assert opener.open(url).read() == b"hello"
        shared_pool().close()


# --- through proxies


def test_the_address_of_a_proxy_is_not_asked_about(pool):
    with ScriptedServer([[HELLO, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"]]) as server:
        opener = build_opener(
            ProxyHandler({"all": server.authority}),
            HTTPHandler(pool=pool),
            HTTPSHandler(pool=pool),
            allow_address=public_only,
        )
        assert opener.open("http://h.example/").read() == b"hello"
        pool.close()
    with ScriptedServer([b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"]) as server:
        opener = build_opener(ProxyHandler({"all": server.authority}), allow_address=public_only)
        with pytest.raises(errors.TunnelRefused):
            opener.open("https://h.example/")


@pytest.mark.parametrize("kind", ["http", "https", "socks5", "socks5h"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["10.0.0.1", "[fd00::1]", "127.1", "[::ffff:10.0.0.1]"])
def test_a_proxy_is_not_even_asked_for_an_address_that_is_not_allowed(kind, scheme, host):
    with ScriptedServer() as server:
        proxies = {scheme: f"{kind}://{server.authority}"}
        opener = build_opener(ProxyHandler(proxies), allow_address=public_only)
        with pytest.raises(errors.ConnectFailed, match="address not allowed"):
            opener.open(f"{scheme}://{host}/")
    assert server.connections == []


@pytest.mark.skipif(importlib.util.find_spec("socksio") is None, reason="needs socksio")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_is_looked_up_for_a_socks_proxy_is_checked(pool, scheme):
    options = DialOptions(resolver=lambda host, port: [entry("10.0.0.1", port)])
    with ScriptedServer([[]]) as server:
        opener = build_opener(
            ProxyHandler({"all": Proxy(*server.address, kind="socks5")}),
            HTTPHandler(pool=pool, options=options),
            HTTPSHandler(pool=pool, options=options),
            allow_address=public_only,
        )
        with pytest.raises(errors.ConnectFailed, match=r"not allowed: private .*10\.0\.0\.1"):
            opener.open(f"{scheme}://h.example/")


@pytest.mark.skipif(importlib.util.find_spec("socksio") is None, reason="needs socksio")
def test_a_socks_proxy_leads_to_the_address_that_was_checked(pool):
    asked = []

    def resolver(host, port):
        asked.append(host)
        return [entry("10.0.0.1", port), entry("1.2.3.4", port)]

    hello, request = b"\x05\x01\x00", b"\x05\x01\x00\x01\x01\x02\x03\x04\x00\x50"
    granted = Send(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
    greeting = [ExpectBytes(len(hello)), Send(b"\x05\x00")]
    script = [*greeting, ExpectBytes(len(request)), granted, HELLO]
    with ScriptedServer([script]) as server:
        opener = build_opener(
            ProxyHandler({"all": Proxy(*server.address, kind="socks5")}),
            HTTPHandler(pool=pool, options=DialOptions(resolver=resolver)),
            allow_address=public_only,
        )
        assert opener.open("http://h.example/").read() == b"hello"
        pool.close()
    assert server.connections[0].received.startswith(hello + request)
    assert asked == ["h.example"]
