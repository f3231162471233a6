"""HTTPHandler and HTTPSHandler: what goes over the wire, over which connection, how long."""

import array
import base64
import http.client
import io
import json
import socket
import ssl
import sys
import urllib.request

import pytest
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.steps import Close, Drain, Expect, Send

from mini_http import (
    BaseHandler,
    ContentCodingHandler,
    DialOptions,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    Pool,
    Proxy,
    ProxyBasicAuthHandler,
    ProxyHandler,
    Request,
    Route,
    Timeout,
    TLSSettings,
    build_opener,
    public_only,
)
from mini_http.base import errors
from mini_http.base.timeouts import NOT_GIVEN
from mini_http.connect.tls import DEFAULT_SETTINGS
from mini_http.exchange.request_body import FORM_TYPE, RequestBody
from mini_http.keepalive.pool import shared_pool
from mini_http.opener.handlers import http as http_handlers

HELLO = b"HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-Own: 1\r\n\r\nhello"
NO_PIN = "00" * 32
SHORT = 0.05
"""Seconds to wait for a server that never answers."""


class NotingPool(Pool):
    """Remembers along which route each request went, and how long it might take."""

    def __init__(self):
        super().__init__()
        self.routes, self.timeouts, self.deadlines = [], [], []

    def send(self, route, method, target, fields, body, timeout, deadline):
        self.routes.append(route)
        self.timeouts.append(timeout)
        self.deadlines.append(deadline)
        return super().send(route, method, target, fields, body, timeout, deadline)


@pytest.fixture
def pool():
    with NotingPool() as made:
        yield made


@pytest.fixture
def default_timeout():
    """Puts `socket.setdefaulttimeout` back."""
    before = socket.getdefaulttimeout()
    yield
    socket.setdefaulttimeout(before)


def silent_server():
    """Takes requests and never answers."""
    return ScriptedServer([[Expect(), Drain()]], again=True)


def account(reply):
    """What the echo server saw of a request."""
    with reply:
        seen = json.loads(reply.read())
    seen["body"] = base64.b64decode(seen["body"])
    seen["headers"] = {name.lower(): value for name, value in seen["headers"]}
    return seen


# --- the reply


def test_the_reply_has_the_names_of_urllib(opener):
    with ScriptedServer([HELLO]) as server, opener.open(server.url + "page#frag") as reply:
        assert (reply.status, reply.code, reply.getcode()) == (200, 200, 200)
        assert (reply.reason, reply.msg) == ("Fine", "Fine")
        assert reply.url == reply.geturl() == server.url + "page#frag"
        assert reply.headers["x-own"] == reply.info()["X-OWN"] == "1"
        assert reply.history == ()
        assert reply.read() == b"hello"


def test_the_reply_holds_those_that_redirected_to_it(opener, echo_server):
    request = Request(echo_server.url)
    request.history = ("a reply",)
    with opener.open(request) as reply:
        assert reply.history == ("a reply",)


def test_a_reply_read_to_its_end_leaves_the_connection_to_the_next_request(opener, echo_server):
    seen = [account(opener.open(echo_server.url)) for _ in range(3)]
    assert [one["connection"] for one in seen] == [0, 0, 0]
    assert [one["request"] for one in seen] == [0, 1, 2]


def test_replies_that_are_read_and_never_closed_share_a_connection(opener, echo_server):
    seen = [json.loads(opener.open(echo_server.url).read()) for _ in range(3)]
    assert [one["connection"] for one in seen] == [0, 0, 0]


# --- the head of a request


def test_a_plain_request_has_these_fields_and_no_others(opener):
    opener.addheaders = [("User-agent", "test")]
    with ScriptedServer([HELLO]) as server:
        opener.open(Request(server.url + "a?b#c", headers={"Accept-Encoding": "br"})).close()
        host = server.authority.encode()
    assert server.requests == [
        b"GET /a?b HTTP/1.1\r\nHost: %b\r\nAccept-Encoding: br\r\nUser-agent: test\r\n\r\n" % host
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE"])
def test_any_method_can_be_sent(opener, echo_server, method):
    with opener.open(Request(echo_server.url, method=method)) as reply:
        assert reply.status == 200
    assert [request["method"] for request in echo_server.requests] == [method]


@pytest.mark.parametrize(
    ("data", "headers", "kind"),
    [
        (b"a=b", {}, FORM_TYPE),
        (RequestBody(b"a=b"), {}, FORM_TYPE),
        (RequestBody(b"{}", "application/json"), {}, "application/json"),
        (RequestBody(b"{}", "application/json"), {"Content-type": "a/b"}, "a/b"),
    ],
)
def test_a_body_is_taken_for_a_form_unless_it_or_the_caller_says_its_type(
    opener, echo_server, data, headers, kind
):
    seen = account(opener.open(Request(echo_server.url, data, headers)))["headers"]
    assert seen["content-type"] == kind


def test_another_selector_is_sent_as_it_is(opener):
    with ScriptedServer([HELLO]) as server:
        request = Request(server.url, method="OPTIONS")
        request.selector = "*"
        opener.open(request).close()
    assert server.requests[0].startswith(b"OPTIONS * HTTP/1.1\r\n")


def test_the_openers_fields_are_added_where_the_request_has_none(opener, echo_server):
    opener.addheaders = [("User-Agent", "own/1"), ("X-Both", "opener's"), ("x-third", "3")]
    request = Request(echo_server.url, headers={"X-BOTH": "request's"})
    request.add_unredirected_header("X-Third", "request's")
    seen = account(opener.open(request))["headers"]
    assert (seen["user-agent"], seen["x-both"], seen["x-third"]) == (
        *("own/1", "request's", "request's"),
    )


def test_the_openers_fields_can_be_replaced_as_a_whole(opener, echo_server):
    opener.addheaders = []
    assert "user-agent" not in account(opener.open(echo_server.url))["headers"]


def test_the_openers_fields_can_be_added_to(opener, echo_server):
    opener.addheaders.append(("X-Own", "1"))
    seen = account(opener.open(echo_server.url))["headers"]
    assert seen["x-own"] == "1"
    assert seen["user-agent"].startswith("mini_http/")


def test_numbers_and_bytes_are_values_whoever_adds_them(pool, echo_server):
    class Adding(BaseHandler):
        """A handler that counts, as signing ones do."""

        def http_request(self, request):
            request.add_header("X-Number", 42)
            request.add_unredirected_header("X-Bytes", b"caf\xe9")
            return request

    opener = build_opener(HTTPHandler(pool=pool), Adding)
    opener.addheaders = [("X-Openers", 5)]
    seen = account(opener.open(echo_server.url))["headers"]
    assert (seen["x-number"], seen["x-bytes"], seen["x-openers"]) == ("42", "caf\xe9", "5")


def test_a_user_agent_put_into_the_dict_is_sent_instead_of_ours(opener, echo_server):
    request = Request(echo_server.url)
    request.headers["User-Agent"] = "own/1"  # not through add_header
    assert account(opener.open(request))["headers"]["user-agent"] == "own/1"
    assert [name.lower() for name, _ in echo_server.requests[0]["headers"]].count("user-agent") == 1


def test_a_field_of_a_request_alone_wins_on_the_wire_as_in_urllib(opener, echo_server):
    def values(opened):
        request = Request(echo_server.url, headers={"Authorization": "old"})
        request.add_unredirected_header("Authorization", "new")
        return account(opened(request))["headers"]["authorization"]

    stock = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    assert values(opener.open) == values(stock.open) == "new"


# --- the body of a request

TEXT = b"text of a body"
BODIES = {
    "bytes": lambda: TEXT,
    "bytearray": lambda: bytearray(TEXT),
    "memoryview": lambda: memoryview(TEXT),
    "array": lambda: array.array("b", TEXT),
    "file": lambda: io.BytesIO(TEXT),
    "file from its middle": lambda: _from(io.BytesIO(b"before" + TEXT), 6),
    "list": lambda: [TEXT[:4], TEXT[4:]],
    "generator": lambda: (TEXT[place : place + 5] for place in range(0, len(TEXT), 5)),
    "text file": lambda: io.TextIOWrapper(io.BytesIO(TEXT), encoding="latin-1"),
}


def _from(file, place):
    file.seek(place)
    return file


@pytest.mark.parametrize("make", BODIES.values(), ids=BODIES)
def test_a_body_is_posted_as_a_form(opener, echo_server, make):
    seen = account(opener.open(echo_server.url, make()))
    assert (seen["method"], seen["body"]) == ("POST", TEXT)
    assert seen["headers"]["content-type"] == FORM_TYPE


@pytest.mark.parametrize("make", BODIES.values(), ids=BODIES)
def test_a_body_has_a_length_or_comes_in_chunks(opener, echo_server, make):
    fields = account(opener.open(echo_server.url, make()))["headers"]
    framing = (fields.get("content-length"), fields.get("transfer-encoding"))
    assert framing in ((str(len(TEXT)), None), (None, "chunked"))


def test_an_open_file_is_posted(opener, echo_server, tmp_path):
    path = tmp_path / "body"
    path.write_bytes(TEXT)
    with open(path, "rb") as file:
        seen = account(opener.open(echo_server.url, file))
    assert seen["body"] == TEXT
    assert seen["headers"]["content-length"] == str(len(TEXT))


def test_an_empty_body_is_posted_too(opener, echo_server):
    seen = account(opener.open(echo_server.url, b""))
    assert (seen["method"], seen["headers"]["content-length"]) == ("POST", "0")


@pytest.mark.parametrize("add", [Request.add_header, Request.add_unredirected_header])
def test_a_type_that_the_caller_gave_stays(opener, echo_server, add):
    request = Request(echo_server.url, b"{}")
    add(request, "CONTENT-type", "application/json")
    assert account(opener.open(request))["headers"]["content-type"] == "application/json"


def test_a_length_that_the_caller_gave_is_sent_once(opener, echo_server):
    request = Request(echo_server.url, TEXT, {"Content-Length": len(TEXT)})
    seen = account(opener.open(request))
    assert (seen["headers"]["content-length"], seen["body"]) == (str(len(TEXT)), TEXT)


def test_a_request_without_a_body_has_no_type(opener, echo_server):
    assert "content-type" not in account(opener.open(echo_server.url))["headers"]


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ("text", r"must be bytes, not str: use text\.encode\(\)"),
        (["text"], "must give bytes, not str"),
        ({"a": "b"}, "not dict"),
        (5, "not int"),
    ],
)
def test_what_is_no_body_is_a_type_error_with_a_hint(opener, body, hint):
    with silent_server() as server, pytest.raises(TypeError, match=hint):
        opener.open(server.url, body)


def test_a_text_is_refused_before_anything_is_sent(opener, pool):
    with ScriptedServer() as server, pytest.raises(TypeError):
        opener.open(server.url, "text")
    assert (server.connections, pool.opened) == ([], 0)


# --- connections


def test_handlers_share_the_pool_of_the_process_unless_they_are_given_one():
    own = Pool()
    assert HTTPHandler().pool is HTTPSHandler().pool is shared_pool()
    assert HTTPHandler(pool=own).pool is HTTPSHandler(pool=own).pool is own


def test_the_route_is_what_the_url_and_the_handler_say(pool, echo_server):
    options = DialOptions(source_address=("127.0.0.1", 0))
    opener = build_opener(HTTPHandler(pool=pool, options=options))
    account(opener.open(echo_server.url))
    (route,) = pool.routes
    assert (route.scheme, route.host, route.port) == ("http", "127.0.0.1", echo_server.port)
    assert (route.tls, route.options) == (None, options)


def test_a_route_is_found_again_by_its_origin(opener, pool, echo_server):
    for path in ("a", "b"):
        account(opener.open(echo_server.url + path))
    first, second = pool.routes
    assert first is second


def test_the_routes_that_are_kept_have_a_limit(pool):
    handler = HTTPHandler(pool=pool)
    requests = [Request(f"http://host{number}/") for number in range(1001)]
    routes = [handler._route(request, None) for request in requests]
    assert len(set(routes)) == 1001
    assert handler._routes == {(requests[-1].url.origin, None): routes[-1]}


def test_a_route_is_for_what_the_opener_allows_by_then(pool, echo_server):
    handler = HTTPHandler(pool=pool)
    account(build_opener(handler).open(echo_server.url))
    guarded = build_opener(handler, allow_address=public_only)
    with pytest.raises(errors.ConnectFailed, match="address not allowed"):
        guarded.open(echo_server.url)
    guarded.allow_address = None
    account(guarded.open(echo_server.url))
    guarded.allow_address = lambda _: False
    with pytest.raises(errors.ConnectFailed, match="address not allowed"):
        guarded.open(echo_server.url)


def test_an_address_that_is_not_allowed_is_not_asked_of_a_proxy(pool):
    with ScriptedServer([HELLO]) as server:
        opener = build_opener(
            ProxyHandler({"http": server.authority}),
            HTTPHandler(pool=pool),
            allow_address=public_only,
        )
        with pytest.raises(errors.ConnectFailed, match="address not allowed"):
            opener.open("http://127.0.0.1.:1/")
        assert opener.open("http://host.example/").read() == b"hello"
        pool.close()
    assert len(server.requests) == 1


def test_a_host_field_that_the_caller_gave_stays(opener, echo_server):
    request = Request(echo_server.url, headers={"Host": "other.example"})
    assert account(opener.open(request))["headers"]["host"] == "other.example"


def test_a_connection_that_nobody_accepts_is_a_urlerror(opener):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(errors.URLError) as caught:
        opener.open(f"http://127.0.0.1:{port}/")
    assert isinstance(caught.value.reason, ConnectionRefusedError)
    assert isinstance(caught.value, errors.ConnectFailed)


# --- https


def https_opener(pool, *arguments, **options):
    return build_opener(HTTPSHandler(*arguments, pool=pool, **options))


def test_https_goes_over_tls_with_the_settings_given(pool, certificates):
    settings = TLSSettings(ca_file=certificates.ca_file)
    with EchoServer(tls=certificates.good.server_context()) as server:
        opener = https_opener(pool, tls=settings)
        seen = [account(opener.open(server.url, TEXT)) for _ in range(2)]
        pool.close()
    assert [(one["connection"], one["body"]) for one in seen] == [(0, TEXT)] * 2
    assert pool.routes[0].tls is settings
    assert pool.routes[0].scheme == "https"


def test_https_uses_a_context_as_it_is(pool, certificates):
    context = certificates.client_context()
    with EchoServer(tls=certificates.good.server_context()) as server:
        account(https_opener(pool, None, context).open(server.url))
        account(https_opener(pool, context=context).open(server.url))
        pool.close()
    first, second = pool.routes
    assert first == second
    assert first.tls.context is context
    assert pool.opened == 1


def test_a_connection_is_not_used_again_once_its_context_was_changed(pool, certificates):
    context = certificates.client_context()
    with EchoServer(tls=certificates.wrong_name.server_context()) as server:
        lenient = https_opener(pool, None, context, False)
        for _ in range(2):
            account(lenient.open(server.url))
        assert pool.opened == 1
        strict = https_opener(pool, None, context, True)
        for opener in (strict, lenient):
            with pytest.raises(errors.TLSFailed):
                opener.open(server.url)
        pool.close()


def test_pins_and_a_name_count_beside_a_context(pool, certificates):
    context = certificates.client_context()
    with EchoServer(tls=certificates.good.server_context()) as server:
        for settings in (TLSSettings(pins=NO_PIN), TLSSettings(server_name="other.example")):
            with pytest.raises(errors.TLSFailed):
                https_opener(pool, context=context, tls=settings).open(server.url)
        right = TLSSettings(pins=certificates.good.key_pin)
        account(https_opener(pool, context=context, tls=right).open(server.url))
        account(https_opener(pool, tls=right.replace(context=context)).open(server.url))
        assert pool.opened == 1
        pool.close()


def test_settings_that_a_context_would_leave_out_are_refused(certificates):
    context = certificates.client_context()
    with pytest.raises(ValueError, match="ca_file would be ignored"):
        HTTPSHandler(context=context, check_hostname=False, tls=TLSSettings(ca_file="a.pem"))
    assert context.check_hostname is True


def test_https_trusts_the_usual_authorities_by_default(pool, certificates):
    with ScriptedServer([[]], tls=certificates.good.server_context()) as server:
        with pytest.raises(errors.TLSFailed, match="unknown issuer") as caught:
            https_opener(pool).open(server.url)
        assert isinstance(caught.value.reason, ssl.SSLCertVerificationError)
    assert pool.routes[0].tls is DEFAULT_SETTINGS


def test_http_and_https_each_need_their_handler(pool):
    opener = OpenerDirector()
    opener.add_handler(HTTPHandler(pool=pool))
    assert opener.open("https://127.0.0.1/") is None


# --- how long


def given_timeout(opener, pool, *arguments):
    with ScriptedServer([HELLO]) as server:
        opener.open(server.url, None, *arguments).close()
        pool.close()
    return pool.timeouts[-1]


def test_without_a_timeout_each_wait_takes_a_minute_at_most(opener, pool):
    assert given_timeout(opener, pool) == Timeout(60.0, 60.0, None)
    assert given_timeout(opener, pool, NOT_GIVEN) == Timeout(60.0, 60.0, None)


def test_a_number_bounds_connecting_and_each_wait(opener, pool):
    assert given_timeout(opener, pool, 7) == Timeout(7, 7, None)


def test_a_timeout_is_taken_as_it_is(opener, pool):
    timeout = Timeout(1, 2, 30)
    assert given_timeout(opener, pool, timeout) is timeout
    assert pool.deadlines[-1].remaining() <= 30


def test_none_is_no_limit(opener, pool):
    assert given_timeout(opener, pool, None) == Timeout(None, None, None)
    assert pool.deadlines == [None]


@pytest.mark.usefixtures("default_timeout")
def test_the_default_of_the_socket_module_is_honoured(opener, pool):
    socket.setdefaulttimeout(9.0)
    assert given_timeout(opener, pool) == Timeout(9.0, 9.0)
    assert given_timeout(opener, pool, 3) == Timeout(3, 3)
    assert given_timeout(opener, pool, None) == Timeout(None, None)


@pytest.mark.usefixtures("default_timeout")
def test_the_default_that_urllibs_callers_pass_on_is_understood(opener, pool):
    passed_on = socket._GLOBAL_DEFAULT_TIMEOUT
    assert given_timeout(opener, pool, passed_on) == Timeout(60.0, 60.0)
    socket.setdefaulttimeout(9.0)
    assert given_timeout(opener, pool, passed_on) == Timeout(9.0, 9.0)


@pytest.mark.parametrize(
    ("wrong", "error"), [(0, ValueError), (-1, ValueError), ("5", TypeError), (True, TypeError)]
)
def test_what_is_no_timeout_is_refused_before_anything_is_sent(opener, pool, wrong, error):
    with ScriptedServer() as server, pytest.raises(error, match="timeout must be"):
        opener.open(server.url, timeout=wrong)
    assert pool.opened == 0


TIMEOUTS = {
    "a number": SHORT,
    "a read timeout": Timeout(read=SHORT),
    "a total": Timeout(None, None, SHORT),
}


@pytest.mark.parametrize("timeout", TIMEOUTS.values(), ids=TIMEOUTS)
def test_a_reply_that_does_not_come_has_timed_out_in_every_sense(opener, timeout):
    with silent_server() as server, pytest.raises(errors.TimedOut, match="timed out") as caught:
        opener.open(server.url, timeout=timeout)
    error = caught.value
    assert isinstance(error, TimeoutError)
    assert isinstance(error, urllib.error.URLError)
    assert isinstance(error.reason, TimeoutError)
    assert "timed out" in str(error.reason)


@pytest.mark.usefixtures("default_timeout")
def test_a_reply_that_does_not_come_times_out_by_the_socket_modules_default(opener):
    socket.setdefaulttimeout(SHORT)
    with silent_server() as server, pytest.raises(errors.TimedOut):
        opener.open(server.url)


def test_a_body_that_does_not_come_has_timed_out_too(opener):
    begun = HELLO.replace(b": 5", b": 9")
    with (
        ScriptedServer([[Expect(), Send(begun), Drain()]]) as server,
        opener.open(server.url, timeout=6 * SHORT) as reply,  # its head does come in time
        pytest.raises(errors.ReadTimedOut, match="timed out"),
    ):
        reply.read()


def test_a_request_opened_again_may_take_all_its_time_again(opener, pool):
    with ScriptedServer([[HELLO, HELLO]]) as server:
        request = Request(server.url)
        for _ in range(2):
            opener.open(request, timeout=Timeout(total=30)).close()
        pool.close()
    first, second = pool.deadlines
    assert first is not second


# --- one Request, opened several times


def test_a_request_can_be_opened_again_with_a_body_that_can_be_read_again(opener, echo_server):
    request = Request(echo_server.url, TEXT)
    seen = [account(opener.open(request)) for _ in range(2)]
    assert [one["body"] for one in seen] == [TEXT, TEXT]


def test_a_request_can_be_opened_again_with_other_data(opener, echo_server):
    request = Request(echo_server.url, b"first", {"Content-Length": "5"})
    seen = [account(opener.open(request, data)) for data in (None, b"another")]
    assert [one["body"] for one in seen] == [b"first", b"another"]


def test_a_request_can_be_opened_with_another_url(opener, echo_server):
    request = Request(echo_server.url + "a")
    account(opener.open(request))
    request.full_url = echo_server.url + "b"
    assert account(opener.open(request))["path"] == "/b"


def test_codings_are_not_asked_for_by_an_opener_that_would_not_undo_them(opener, pool, echo_server):
    request = Request(echo_server.url)
    account(opener.open(request))
    plain = build_opener(
        type("Plain", (ContentCodingHandler,), {"http_request": lambda self, request: request}),
        HTTPHandler(pool=pool),
    )
    assert "accept-encoding" not in account(plain.open(request))["headers"]


# --- connections of a class that somebody else made


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


@pytest.mark.parametrize("name", ["HTTPConnection", "HTTPSConnection"])
def test_what_stands_in_the_place_of_http_clients_class_is_used(monkeypatch, own_class, name):
    monkeypatch.setattr(http.client, name, own_class)
    monkeypatch.setattr(own_class, "__init__", without_context(own_class.__init__))
    with ScriptedServer([HELLO]) as server:
        scheme = "http" if name == "HTTPConnection" else "https"
        url = server.url.replace("http", scheme)
        with build_opener().open(url) as reply:
            assert reply.read() == b"hello"
    assert own_class.opened == 1


def test_http_client_need_not_be_loaded(monkeypatch, opener, echo_server):
    monkeypatch.delitem(sys.modules, "http.client")
    with opener.open(echo_server.url) as reply:
        assert reply.status == 200
    assert "http.client" not in sys.modules


def without_context(init):
    def init_without_context(self, host, timeout, context=None):
        init(self, host, timeout=timeout)

    return init_without_context


def test_http_clients_own_classes_stand_for_the_pools_connections(pool, certificates):
    class Plain(HTTPHandler):
        def http_open(self, req):
            return self.do_open(http.client.HTTPConnection, req)

    class Secure(HTTPSHandler):
        def https_open(self, req):
            return self.do_open(http.client.HTTPSConnection, req, context=self._context)

    opener = build_opener(
        Plain(pool=pool), Secure(context=certificates.client_context(), pool=pool)
    )
    with EchoServer() as server:
        seen = [account(opener.open(server.url))["connection"] for _ in range(2)]
        pool.close()
    assert (seen, pool.opened) == ([0, 0], 1)
    with EchoServer(tls=certificates.good.server_context()) as server:
        seen = [account(opener.open(server.url))["connection"] for _ in range(2)]
        pool.close()
    assert (seen, pool.opened) == ([0, 0], 2)


def test_arguments_that_only_http_clients_class_understands_go_to_it():
    with EchoServer() as server:
        opener = opener_over(http.client.HTTPConnection, blocksize=100)
        assert account(opener.open(server.url))["headers"]["connection"] == "close"


@pytest.mark.parametrize("settings", [{"pins": NO_PIN}, {"server_name": "other.example"}])
def test_pins_and_a_name_are_not_left_out_over_other_connections(
    pool, certificates, own_class, settings
):
    class Handler(HTTPSHandler):
        def https_open(self, req):
            return self.do_open(kind, req, context=self._given_context())

    tls = TLSSettings(ca_file=certificates.ca_file, **settings)
    with EchoServer(tls=certificates.good.server_context()) as server:
        opener = build_opener(Handler(tls=tls, pool=pool))
        kind = own_class
        with pytest.raises(errors.InvalidRequest, match="OwnConnection knows nothing of pins"):
            opener.open(server.url)
        kind = http.client.HTTPSConnection
        with pytest.raises(errors.TLSFailed):
            opener.open(server.url)
        pool.close()
    assert own_class.opened == 0


def test_a_request_without_a_host_is_refused():
    handler = HTTPHandler()
    request = Request("http://host/")
    request.host = ""
    for refused in (handler.do_request_, lambda one: handler.do_open(OwnConnection, one)):
        with pytest.raises(errors.URLError, match="no host given"):
            refused(request)


# --- seeing what goes over the wire


@pytest.mark.parametrize("how", ["argument", "method", "http.client"])
def test_a_debuglevel_prints_heads_without_secrets(pool, capsys, monkeypatch, how):
    if how == "http.client":
        monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    handler = HTTPHandler(1 if how == "argument" else None, pool=pool)
    if how == "method":
        handler.set_http_debuglevel(1)
    with ScriptedServer([HELLO]) as server:
        fields = {"Authorization": "Basic c2VjcmV0", "X-Api-Key": "c2VjcmV0"}
        request = Request(f"{server.url}path", headers=fields)
        request.mark_secret("X-API-Key")
        build_opener(handler).open(request).close()
    shown = capsys.readouterr().out
    assert "c2VjcmV0" not in shown
    assert "send: GET /path HTTP/1.1\n" in shown
    assert "send: Authorization: ***\n" in shown
    assert "reply: 200 'Fine'\nheader: Content-Length: 5\n" in shown


def test_nothing_is_printed_otherwise(pool, capsys):
    with ScriptedServer([HELLO]) as server:
        build_opener(HTTPHandler(pool=pool)).open(server.url).close()
    assert capsys.readouterr().out == ""


def test_the_host_name_is_not_checked_if_that_is_said(pool, certificates):
    tls = TLSSettings(ca_file=certificates.ca_file)
    with EchoServer(tls=certificates.wrong_name.server_context()) as server:
        for name in (None, True):
            with pytest.raises(errors.TLSFailed):
                https_opener(pool, check_hostname=name, tls=tls).open(server.url)
        account(https_opener(pool, check_hostname=False, tls=tls).open(server.url))
        context = certificates.client_context()
        account(https_opener(pool, None, context, False).open(server.url))
        assert context.check_hostname is False
        pool.close()


def test_what_is_no_context_is_named():
    with pytest.raises(TypeError, match=r"context must be an ssl\.SSLContext, not bool"):
        HTTPSHandler(context=False)


@pytest.mark.parametrize("value", [["a"], {"a": "b"}, None, 1.5])
def test_what_is_no_value_of_a_field_is_named(opener, value):
    with ScriptedServer([[]]) as server, pytest.raises(errors.InvalidField, match="not a string"):
        opener.open(Request(server.url, headers={"X-Own": value}))


# --- through proxies: what route a request takes

OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
WHO = b'HTTP/1.1 407 Who\r\nProxy-Authenticate: %b realm="here", nonce="n"\r\n\r\n'
JOE = b"\r\nProxy-Authorization: Basic am9lOnBhc3N3b3Jk\r\n"


def proxied(url, proxy):
    request = Request(url)
    request.choose_proxy(proxy)
    return request


class Asked(Pool):
    """Sends nothing; says along which route it would."""

    def send(self, route, *_):
        raise Along(route)


class Along(Exception):
    """Raised in place of sending along a route."""


def route_of(request, handler):
    with pytest.raises(Along) as caught:
        handler.send(request)
    return caught.value.args[0]


def test_each_kind_of_proxy_has_its_route():
    own, origins = TLSSettings(server_name="own"), TLSSettings(server_name="origins")
    plain, secured = HTTPHandler(pool=Asked()), HTTPSHandler(pool=Asked(), tls=origins)
    socks = Proxy("proxy", 1080, kind="socks5h")
    assert route_of(proxied("http://a/", socks), plain) == Route("http", "a", 80, proxy=socks)
    assert route_of(proxied("https://a/", socks), secured) == (
        Route("https", "a", 443, origins, proxy=socks)
    )
    http = Proxy("proxy", 3128, via=socks)
    assert route_of(proxied("http://a/", http), plain) == Route("http", "proxy", 3128, proxy=socks)
    assert route_of(proxied("https://a/", http), secured).proxy == http
    post = Request("http://a/", b"body")
    post.choose_proxy(http)
    assert route_of(post, plain) == Route("http", "proxy", 3128, proxy=socks)
    for tls, used in ((own, own), (None, DEFAULT_SETTINGS)):
        https = Proxy("proxy", 3129, kind="https", tls=tls)
        assert route_of(proxied("http://a/", https), secured) == Route("https", "proxy", 3129, used)
        tunnel = route_of(proxied("https://a/", https), secured)
        assert tunnel == Route("https", "a", 443, origins, proxy=https)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"type": "http"}, "a proxy would read this"), ({"selector": "https://a/"}, "would read")],
)
def test_no_proxy_reads_what_is_for_tls(changes, words):
    request = proxied("https://a/", Proxy("proxy", 3128))
    for name, value in changes.items():
        setattr(request, name, value)
    handler = (HTTPHandler if "type" in changes else HTTPSHandler)(pool=Asked())
    with pytest.raises(errors.InvalidRequest, match=words):
        handler.send(request)


def tunnelling(pool, server, *passwords):
    """An opener whose requests for http go through tunnels; and a function that opens one."""
    handler = ProxyBasicAuthHandler()
    for realm, user, password in passwords:
        handler.add_password(realm, server.authority, user, password)
    opener = build_opener(HTTPHandler(pool=pool), *([handler] if passwords else []))

    def fetch(host="a"):
        request = Request(f"http://{host}/")
        request.host, request._tunnel_host = server.authority, host
        return opener.open(request).read()

    return handler, fetch


def test_a_basic_password_that_a_tunnel_asked_for_is_remembered(pool):
    scripts = [[WHO % b"Basic"], [OPENED, HELLO, HELLO, Drain()], [OPENED, HELLO, Drain()]]
    with ScriptedServer(scripts) as server:
        _, fetch = tunnelling(pool, server, ("other", "x", "y"), ("here", "joe", "password"))
        for host in ("a", "a", "b"):
            assert fetch(host) == b"hello"
        pool.close()
    asked = [request for request in server.requests if request.startswith(b"CONNECT")]
    assert [JOE in request for request in asked] == [False, True, True]


def test_digest_is_asked_for_by_each_new_connection(pool):
    who = WHO % b"Digest"
    scripts = [[who], [who], [OPENED, HELLO, HELLO, Drain()], [who], [OPENED, HELLO, Drain()]]
    with ScriptedServer(scripts) as server:
        _, fetch = tunnelling(pool, server, ("here", "joe", "password"))
        for host in ("a", "a", "b"):
            assert fetch(host) == b"hello"
        pool.close()
    asked = [request for request in server.requests if request.startswith(b"CONNECT")]
    answers = [b"Proxy-Authorization: Digest " in request for request in asked]
    assert answers == [False, False, True, False, True]


def test_a_password_that_was_refused_is_looked_up_anew(pool):
    refused = WHO % b"Basic"
    scripts = [refused, refused, refused, [OPENED, HELLO], refused, refused, [OPENED, HELLO]]
    with ScriptedServer(scripts) as server:
        handler, fetch = tunnelling(pool, server, ("here", "joe", "wrong"))
        with pytest.raises(errors.TunnelRefused):
            fetch()
        handler.add_password("here", server.authority, "joe", "password")
        assert fetch() == b"hello"
        with pytest.raises(errors.TunnelRefused):
            fetch()  # with the password that was right before
        assert fetch() == b"hello"
        pool.close()
    assert [JOE in request for request in server.requests if b"CONNECT" in request] == (
        [False, False, False, True, True, False, True]
    )


NOT_ANSWERED = {
    "another status": (b"HTTP/1.1 403 No\r\n\r\n", [("here", "joe", "password")]),
    "no reply": (Drain(), [("here", "joe", "password")]),
    "another realm": (WHO % b"Basic", [("there", "joe", "password")]),
    "nobody knows": (WHO % b"Basic", []),
    "a scheme that is not known": (WHO % b"Unheard-of", [("here", "joe", "password")]),
}


@pytest.mark.parametrize(("step", "passwords"), NOT_ANSWERED.values(), ids=NOT_ANSWERED)
def test_a_tunnel_that_is_refused_for_good_is_an_error(pool, step, passwords):
    script = [Expect(), Close()] if isinstance(step, Drain) else [step]
    with ScriptedServer([script]) as server:
        _, fetch = tunnelling(pool, server, *passwords)
        with pytest.raises(errors.TunnelRefused):
            fetch()
    assert len(server.requests) == 1


def test_no_more_proxies_are_remembered_than_routes(pool, monkeypatch):
    monkeypatch.setattr(http_handlers, "MOST_ROUTES", 1)
    scripts = [[WHO % b"Basic"], [OPENED, HELLO, Drain()]]
    handler = HTTPHandler(pool=pool)
    passwords = ProxyBasicAuthHandler()
    opener = build_opener(handler, passwords)
    for _ in range(2):
        with ScriptedServer(scripts) as server:
            passwords.add_password("here", server.authority, "joe", "password")
            request = Request("http://a/")
            request.host, request._tunnel_host = server.authority, "a"
            assert opener.open(request).read() == b"hello"
            pool.close()
        assert len(handler._known_proxies) == 1
