"""open_over: a request over a connection of somebody else's class, and what it does not do."""

import base64
import http.client
import json
import socket
from types import SimpleNamespace

import pytest
from support.python_server import EchoServer
from support.servers import ScriptedServer

from mini_http import HTTPHandler, Proxy, ProxyHandler, Request, TLSSettings, build_opener
from mini_http.base import errors

HELLO = b"HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-Own: 1\r\n\r\nhello"

TEXT = b"text of a body"


def account(reply):
    """What the echo server saw of a request."""
    with reply:
        seen = json.loads(reply.read())
    seen["body"] = base64.b64decode(seen["body"])
    seen["headers"] = {name.lower(): value for name, value in seen["headers"]}
    return seen


class OwnConnection(http.client.HTTPConnection):
    """A connection that counts how often it was opened."""

    opened = 0

    def connect(self):
        type(self).opened += 1
        super().connect()


@pytest.fixture
def own_class():
    return type("OwnConnection", (OwnConnection,), {})


def opener_over(connection_class, *arguments, **options):
    class Handler(HTTPHandler):
        def http_open(self, req):
            return self.do_open(connection_class, req, **options)

    return build_opener(Handler(*arguments))


def test_a_handler_can_bring_its_own_connections(own_class):
    with EchoServer() as server:
        opener = opener_over(own_class, source_address=("127.0.0.1", 0))
        request = Request(server.url, TEXT, {"X-Own": "1"}, method="PUT")
        seen = account(opener.open(request))
    assert own_class.opened == 1
    assert (seen["method"], seen["body"]) == ("PUT", TEXT)
    assert (seen["headers"]["x-own"], seen["headers"]["connection"]) == ("1", "close")


def test_a_reply_over_another_connection_has_the_names_of_urllib(own_class):
    with ScriptedServer([HELLO]) as server, opener_over(own_class).open(server.url) as reply:
        assert (reply.url, reply.msg, reply.code) == (server.url, "Fine", 200)
        assert reply.read() == b"hello"


def test_pieces_without_a_length_go_in_chunks_over_another_connection_too(own_class):
    with EchoServer() as server:
        seen = account(opener_over(own_class).open(server.url, iter([b"one", b"two"])))
    assert seen["body"] == b"onetwo"
    assert seen["headers"]["transfer-encoding"] == "chunked"


def test_an_os_error_of_another_connection_is_a_urlerror(own_class):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(errors.URLError) as caught:
        opener_over(own_class).open(f"http://127.0.0.1:{port}/")
    assert isinstance(caught.value.reason, ConnectionRefusedError)


def test_another_connection_whose_reply_is_none_is_closed(own_class):
    opener = opener_over(own_class)
    with ScriptedServer([b"nonsense\r\n\r\n"]) as server, pytest.raises(http.client.BadStatusLine):
        opener.open(server.url)


def test_another_connection_tunnels_as_urllib_has_it():
    told = []

    class Tunnelling:
        sock = None

        def __init__(self, host, timeout):
            told.append((host, timeout))

        def set_debuglevel(self, level):
            told.append(level)

        def set_tunnel(self, host, headers):
            told.append((host, headers))

        def request(self, method, target, body, fields, encode_chunked):
            told.append((method, target, body, fields, encode_chunked))

        def getresponse(self):
            return SimpleNamespace(reason="Fine")

    handler = HTTPHandler(1)
    for fields in ({}, {"Proxy-Authorization": "Basic eA=="}):
        request = Request("https://host/path", headers=fields)
        request.set_proxy("proxy:3128", "http")
        request.timeout = 3
        assert handler.do_open(Tunnelling, request).url == "https://host/path"
    plain = ("GET", "/path", None, {"Connection": "close"}, False)
    assert told == [
        *(("proxy:3128", 3), 1, ("host", {}), plain),
        *(("proxy:3128", 3), 1, ("host", {"Proxy-Authorization": "Basic eA=="}), plain),
    ]


LEFT_OUT = {
    "socks": ("http", Proxy("127.0.0.1", 1, kind="socks5h")),
    "TLS in TLS": ("https", Proxy("127.0.0.1", 1, kind="https")),
    "a chain": ("https", Proxy("127.0.0.1", 1, via=Proxy("127.0.0.1", 2))),
    "settings of its own": ("http", Proxy("127.0.0.1", 1, kind="https", tls=TLSSettings())),
}


@pytest.mark.parametrize(("scheme", "proxy"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_another_connection_is_not_made_past_the_proxy_that_it_knows_nothing_of(
    own_class, scheme, proxy
):
    request = Request(f"{scheme}://127.0.0.1:1/")
    request.choose_proxy(proxy)
    with pytest.raises(errors.InvalidRequest, match="OwnConnection can't go through Proxy"):
        HTTPHandler().do_open(own_class, request)
    assert own_class.opened == 0


def test_another_connection_sends_what_is_for_a_proxy_to_a_proxy_only(own_class):
    seen = []
    for proxied in (False, True):
        with EchoServer() as server:
            url = "http://origin.test/" if proxied else server.url
            request = Request(url, headers={"Proxy-Authorization": "Basic eA=="})
            if proxied:
                request.set_proxy(f"127.0.0.1:{server.port}", "http")
            seen.append(
                "proxy-authorization" in account(opener_over(own_class).open(request))["headers"]
            )
    assert seen == [False, True]


def test_another_connection_goes_through_a_proxy_that_reads_requests(own_class):
    class Handler(HTTPHandler):
        def http_open(self, req):
            return self.do_open(own_class, req)

    with ScriptedServer([HELLO]) as server:
        proxy = Proxy(*server.address, "Basic eA==")
        opener = build_opener(ProxyHandler({"http": proxy}), Handler())
        with opener.open("http://origin.test/") as reply:
            assert reply.read() == b"hello"
    assert server.requests[0].startswith(b"GET http://origin.test/ HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: Basic eA==\r\n" in server.requests[0]


def test_a_request_without_a_host_is_not_sent(own_class):
    request = Request("http://host/")
    request.host = ""
    with pytest.raises(errors.URLError, match="no host given"):
        HTTPHandler().do_open(own_class, request)
    assert own_class.opened == 0
