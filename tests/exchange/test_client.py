"""HTTPClient: commands and connections."""

from __future__ import annotations

import email.message
import io
import socket

import pytest
from support.descriptors import can_list_descriptors, open_descriptors
from support.servers import ScriptedServer
from support.steps import (
    Close,
    Drain,
    Expect,
    Pause,
    Reset,
    Send,
)
from support.streams import ScriptedStream

from mini_http.base.errors import (
    BadStatusLine,
    ConnectFailed,
    ConnectTimedOut,
    InvalidURL,
    StateError,
    TLSFailed,
    TotalTimedOut,
    UnaskedReply,
    UpgradeRefused,
)
from mini_http.base.headers import Headers
from mini_http.base.timeouts import DEFAULT_SECONDS, Timeout
from mini_http.codec.framing import CloseReason
from mini_http.connect.simple_client import SimpleClient
from mini_http.connect.tls import TLSSettings
from mini_http.exchange.client import HTTPClient, HTTPSClient
from mini_http.exchange.states import State


@pytest.fixture(scope="module", autouse=True)
def no_descriptors_leaked_by_all_of_these():
    """Once for all, since looking for them takes longer than most of the tests here."""
    before = open_descriptors() if can_list_descriptors() else {}
    yield
    assert not before or len(open_descriptors()) <= len(before)


HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
HEAD_OF_5 = HELLO[:-5]
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
HOST = (("Host", "a.test"),)
SOON = 0.1
PATIENCE = 20.0


class Segments(ScriptedStream):
    """Keeps what was sent as it was handed over."""

    def __init__(self, *pieces, end="close"):
        super().__init__(pieces, end)
        self.segments = []

    def sendall(self, data, flags=0):
        self.segments.append(bytes(data))
        super().sendall(data, flags)


# --- where to


@pytest.mark.parametrize(
    ("address", "host", "port", "authority"),
    [
        ("a.test", "a.test", 80, "a.test"),
        ("a.test:80", "a.test", 80, "a.test"),
        ("a.test:8080", "a.test", 8080, "a.test:8080"),
        ("A.TEST:", "a.test", 80, "a.test"),
        ("127.0.0.1:1", "127.0.0.1", 1, "127.0.0.1:1"),
        ("[::1]", "::1", 80, "[::1]"),
        ("[0:0::1]:81", "::1", 81, "[::1]:81"),
        ("faß.test", None, 80, None),
    ],
)
def test_an_address_is_a_host_and_perhaps_a_port(address, host, port, authority):
    if host is None:
        pytest.importorskip("idna")
        host = authority = "xn--fa-hia.test"
    http = HTTPClient(address)
    assert (http.host, http.port, http.authority) == (host, port, authority)
    assert http.closed
    assert http.state is State.CLOSED


@pytest.mark.parametrize(
    "address",
    ["", ":80", "a.test/path", "a.test?query", "a.test#fragment", "user@a.test", "a.test:x",
     "a.test:99999", "a test", "a.test\r\nHost: b", "[::1", "http://a.test"],
)  # fmt: skip
def test_anything_else_is_no_address(address):
    with pytest.raises(InvalidURL):
        HTTPClient(address)


def test_https_has_its_own_port():
    assert (HTTPSClient("a.test").port, HTTPSClient("a.test:443").authority) == (443, "a.test")


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_must_be_a_time(timeout):
    with pytest.raises(ValueError):
        HTTPClient("a.test", timeout=timeout)


# --- commands


def test_many_commands_go_over_one_connection():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\n"
    scripts = [[HELLO, head, b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"]]
    with ScriptedServer(scripts) as server, HTTPClient(server.authority) as http:
        status, headers = http.get("/page?a=b")
        assert (status, headers.items()) == (200, [("Content-Length", "5")])
        assert http.getbody() == b"hello"
        assert http.getbody() == b""
        status, headers = http.head("/page")
        assert (status, headers["a"], http.getbody()) == (200, "b", b"")
        assert http.httpcmd("PUT", "/page", {"X-Case": "kept"}, b"new")[0] == 201
        assert http.exchanges == 3
        host = server.authority.encode()
    assert server.requests == [
        b"GET /page?a=b HTTP/1.1\r\nHost: %b\r\n\r\n" % host,
        b"HEAD /page HTTP/1.1\r\nHost: %b\r\n\r\n" % host,
        b"PUT /page HTTP/1.1\r\nHost: %b\r\nX-Case: kept\r\nContent-Length: 3\r\n\r\nnew" % host,
    ]


def test_a_new_command_is_a_method():
    class DAVClient(HTTPClient):
        def mkcol(self, path):
            return self.httpcmd("MKCOL", path)

    created = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([created]) as server, DAVClient(server.authority) as dav:
        assert dav.mkcol("/folder/")[0] == 201
    assert server.requests[0].startswith(b"MKCOL /folder/ HTTP/1.1\r\n")


def message(*pairs):
    made = email.message.Message()
    for name, value in pairs:
        made[name] = value
    return made


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        (None, b"Host: a.test\r\n"),
        ({}, b"Host: a.test\r\n"),
        ({"A": "b"}, b"Host: a.test\r\nA: b\r\n"),
        ([("x", "b"), ("X", "c"), ("x", "b")], b"Host: a.test\r\nx: b\r\nX: c\r\nx: b\r\n"),
        (iter([("A", "b")]), b"Host: a.test\r\nA: b\r\n"),
        (Headers([("A", "b")]), b"Host: a.test\r\nA: b\r\n"),
        (message(("A", "b"), ("A", "c")), b"Host: a.test\r\nA: b\r\nA: c\r\n"),
        ({"A": "b", "HOST": "c"}, b"A: b\r\nHOST: c\r\n"),
    ],
)  # fmt: skip
def test_headers_are_sent_as_they_were_given_after_a_host(headers, sent):
    stream = Segments(HELLO)
    http = HTTPClient.over(stream)
    http.authority = "a.test"
    http.get("/", headers)
    assert stream.sent == b"GET / HTTP/1.1\r\n" + sent + b"\r\n"


def test_there_is_no_body_before_a_command():
    with pytest.raises(StateError, match="there is no reply yet: send a command first"):
        HTTPClient("a.test").getbody()


def test_there_is_no_body_after_a_command_that_failed():
    with (
        ScriptedServer([[HELLO, b"nonsense\r\n\r\n"]]) as server,
        HTTPClient(server.authority) as http,
    ):
        http.get("/")
        with pytest.raises(BadStatusLine):
            http.get("/")
        with pytest.raises(StateError, match="there is no reply yet"):
            http.getbody()


def test_what_was_left_of_the_reply_before_is_dropped():
    second = HELLO.replace(b"hello", b"world")
    with ScriptedServer([[HELLO, second]]) as server, HTTPClient(server.authority) as http:
        http.get("/1")
        http.get("/2")
        assert http.getbody() == b"world"


def test_what_has_not_come_of_the_reply_before_is_waited_for_and_dropped():
    stream = ScriptedStream([HEAD_OF_5, b"hel", b"lo", HELLO.replace(b"hello", b"world")])
    http = HTTPClient.over(stream, timeout=PATIENCE)
    http.get("/1", HOST)
    http.get("/2", HOST)
    assert http.getbody() == b"world"
    assert http.timeout == PATIENCE
    assert http.deadline is None


def test_what_has_not_come_of_a_last_reply_is_not_waited_for():
    stream = ScriptedStream([LAST[:-5], b"hello"])
    http = HTTPClient.over(stream)
    http.get("/1", HOST)
    http.response.close()
    assert stream.closed
    assert stream.unread == b"hello"
    assert http.close_reason is CloseReason.REPLY_SAID_CLOSE


def test_a_connection_with_too_much_left_on_it_is_not_used_again():
    much = b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + bytes(70_000)
    with ScriptedServer([[much, Drain()], HELLO]) as server, HTTPClient(server.authority) as http:
        http.get("/1")
        http.get("/2")
        assert http.getbody() == b"hello"
    assert len(server.connections) == 2


# --- the connection


@pytest.mark.parametrize("first", [[LAST], [HELLO, Close()], [HELLO, Reset()]])
def test_it_connects_again_when_the_server_closed_in_between(first):
    with ScriptedServer([first, HELLO]) as server, HTTPClient(server.authority) as http:
        http.get("/1")
        assert http.getbody() == b"hello"
        if not http.closed:
            assert http.wait_for_input(PATIENCE)
        http.get("/2")
        assert http.getbody() == b"hello"
        assert http.exchanges == 1


def test_it_connects_again_after_close():
    with ScriptedServer([HELLO, HELLO]) as server, HTTPClient(server.authority) as http:
        http.get("/1")
        http.close()
        http.close()
        assert http.state is State.CLOSED
        http.get("/2")
        assert http.getbody() == b"hello"


def test_connect_opens_and_may_be_called_again():
    with ScriptedServer([[HELLO]]) as server, HTTPClient(server.authority) as http:
        http.connect()
        assert http.state is State.IDLE
        number = http.fileno()
        http.connect()
        assert http.fileno() == number
        http.get("/")
    assert len(server.connections) == 1


def test_a_client_over_a_stream_cannot_connect_again():
    http = HTTPClient.over(ScriptedStream([LAST]))
    http.get("/", HOST)
    assert http.getbody() == b"hello"
    with pytest.raises(StateError, match="a client over a stream can't connect again"):
        http.get("/", HOST)


def test_nobody_there_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    http = HTTPClient(f"127.0.0.1:{port}")
    with pytest.raises(ConnectFailed):
        http.get("/")
    assert http.state is State.CLOSED


def test_a_client_over_a_stream_keeps_the_timeout_it_was_given():
    stream = ScriptedStream([HELLO, HELLO])
    http = HTTPClient.over(stream, timeout=3.5)
    http.get("/", HOST)
    http.get("/", HOST)
    assert http.timeout == 3.5
    assert set(stream.timeouts) <= {None, 3.5}
    assert HTTPClient.over(ScriptedStream([])).timeout == DEFAULT_SECONDS
    assert HTTPClient.over(ScriptedStream([]), timeout=None).timeout is None


def test_a_client_over_a_stream_may_be_given_times_apart():
    http = HTTPClient.over(ScriptedStream([HEAD_OF_5]), timeout=Timeout(read=2.5, total=100))
    http.get("/", HOST)
    assert http.timeout == 2.5
    assert 0 < http.deadline.remaining() <= 100


def test_the_total_time_begins_with_each_command():
    with (
        ScriptedServer([[HELLO, HELLO, Expect(), Drain()]]) as server,
        HTTPClient(server.authority, timeout=Timeout(total=PATIENCE)) as http,
    ):
        http.get("/1")
        http.get("/2")
        http.timeouts = Timeout(total=SOON)
        with pytest.raises(TotalTimedOut):
            http.get("/3")


# --- over TLS


def test_the_same_over_tls(certificates):
    tls = TLSSettings(context=certificates.client_context())
    server = ScriptedServer([[HELLO, HELLO]], tls=certificates.good.server_context())
    with server, HTTPSClient(f"localhost:{server.port}", tls=tls) as http:
        http.connect()
        assert http.state is State.IDLE
        http.connect()
        http.get("/1")
        http.get("/2")
        assert http.getbody() == b"hello"
        assert http.timeout == DEFAULT_SECONDS
    assert len(server.connections) == 1


def test_over_tls_it_connects_again_too(certificates):
    tls = TLSSettings(context=certificates.client_context())
    context = certificates.good.server_context()
    with (
        ScriptedServer([[HELLO, Close()], HELLO], tls=context) as server,
        HTTPSClient(f"localhost:{server.port}", tls=tls) as http,
    ):
        http.get("/1")
        assert http.wait_for_input(PATIENCE)
        http.get("/2")
        assert http.getbody() == b"hello"


def test_a_certificate_for_another_host_is_refused(certificates):
    tls = TLSSettings(context=certificates.client_context())
    context = certificates.wrong_name.server_context()
    with ScriptedServer([[Drain()]], tls=context) as server:
        http = HTTPSClient(f"localhost:{server.port}", tls=tls)
        with pytest.raises(TLSFailed):
            http.get("/")
        assert http.state is State.CLOSED


def test_a_handshake_is_bounded_as_connecting_is(certificates):
    tls = TLSSettings(context=certificates.client_context())
    timeout = Timeout(connect=SOON, read=10 * PATIENCE)
    with ScriptedServer([[Drain()]]) as server:
        http = HTTPSClient(f"localhost:{server.port}", tls=tls, timeout=timeout)
        with pytest.raises(ConnectTimedOut):
            http.get("/")


def test_expecting_to_continue_without_a_body_is_no_early_reply():
    client = HTTPClient.over(ScriptedStream([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]))
    reply = client.exchange("GET", "/", [("Host", "h"), ("Expect", "100-continue")])
    assert reply.close_reason is None
    assert client.state is State.IDLE


# --- another protocol on the connection

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"


def test_an_upgrade_hands_over_the_bare_connection_with_what_has_come():
    http = HTTPClient.over(ScriptedStream([SWITCHING + b"hello\n", b"again\n"]))
    raw = http.upgrade("/chat", "echo", {"X-Key": "1"})
    assert type(raw) is SimpleClient
    assert [raw.readline(), raw.readline()] == [b"hello", b"again"]
    assert (http.state, http.close_reason) == (State.CLOSED, CloseReason.SWITCHED)
    assert http.response is not None
    assert http.response.headers["Upgrade"] == "echo"


def test_an_upgrade_asks_in_the_words_of_the_rfc():
    stream = ScriptedStream([SWITCHING])
    HTTPClient.over(stream).upgrade("/", "echo").close()
    assert b"\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n" in stream.sent


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (
            {"Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "x"},
            b"HTTP2-Settings: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: echo\r\n",
        ),
        ({"connection": "X"}, b"Connection: X, Upgrade\r\nUpgrade: echo\r\n"),
        (
            [("Connection", "X"), ("A", "1"), ("Connection", "upgrade")],
            b"A: 1\r\nConnection: X, upgrade\r\nUpgrade: echo\r\n",
        ),
        ({"upgrade": "echo"}, b"Connection: Upgrade\r\nUpgrade: echo\r\n"),
    ],
)
def test_an_upgrade_says_so_in_one_field_with_what_the_caller_says(given, asked):
    stream = ScriptedStream([SWITCHING])
    HTTPClient.over(stream).upgrade("/", "echo", given).close()
    assert stream.sent.endswith(b"\r\nHost: \r\n" + asked + b"\r\n")


@pytest.mark.parametrize("other", [b"Upgrade: another\r\n", b""])
def test_a_server_that_switches_to_another_protocol_is_refused(other):
    http = HTTPClient.over(ScriptedStream([SWITCHING.replace(b"Upgrade: echo\r\n", other)]))
    with pytest.raises(UpgradeRefused, match="did not switch to echo: 101 Switching"):
        http.upgrade("/", "echo")


def test_a_reply_that_refuses_an_upgrade_can_be_read():
    http = HTTPClient.over(ScriptedStream([b"HTTP/1.1 426 No\r\nContent-Length: 3\r\n\r\nno!"]))
    with pytest.raises(UpgradeRefused) as caught:
        http.upgrade("/", "echo")
    assert caught.value.response is http.response
    assert http.getbody() == b"no!"
    assert http.state is State.IDLE


def test_only_a_reply_that_switches_can_be_detached():
    http = HTTPClient.over(ScriptedStream([HELLO]))
    http.get("/")
    assert http.response is not None
    with pytest.raises(io.UnsupportedOperation, match="did not switch"):
        http.response.detach()


# --- what comes before its time


@pytest.mark.parametrize("leave", [Close(), Reset()], ids=["closes", "resets"])
def test_a_connection_that_dies_before_the_first_command_is_opened_again(leave):
    connected = Pause()  # a reset right after accept may meet connect itself
    scripts = [[connected, leave], [HELLO]]
    with ScriptedServer(scripts) as server, HTTPClient(server.authority) as http:
        http.connect()
        connected.resume.set()
        assert http.wait_for_input(PATIENCE)
        assert http.get("/")[0] == 200
        assert http.getbody() == b"hello"
    assert len(server.connections) == 2


def test_what_is_said_before_the_first_command_is_no_reply_to_it():
    scripts = [[Send(HELLO), Drain()], [HELLO]]
    with ScriptedServer(scripts) as server, HTTPClient(server.authority) as http:
        http.connect()
        assert http.wait_for_input(PATIENCE)
        with pytest.raises(UnaskedReply, match="before it was asked") as caught:
            http.get("/")
        assert (caught.value.state, http.state) == ("idle", State.CLOSED)
        assert http.close_reason is CloseReason.PROTOCOL_FAULT
        assert http.get("/")[0] == 200
    assert server.connections[0].requests == []


def test_what_was_received_before_a_request_is_no_reply_to_it():
    client = HTTPClient.over(ScriptedStream([HELLO, HELLO]))
    assert not client.at_end()
    with pytest.raises(UnaskedReply):
        client.exchange("GET", "/", HOST)
    assert client.closed


# --- what Host says


@pytest.mark.parametrize(
    ("command", "document", "host"),
    [
        ("GET", "/", "a.test"),
        ("GET", "http://b.test:81/", "b.test:81"),
        ("CONNECT", "b.test:443", "b.test:443"),
        ("CONNECT", "[::1]:443", "[::1]:443"),
        ("OPTIONS", "*", "a.test"),
    ],
)
def test_host_is_that_of_the_target_where_it_names_one(command, document, host):
    stream = ScriptedStream([b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"])
    http = HTTPClient.over(stream)
    http.authority = "a.test"
    http.httpcmd(command, document)
    assert f"\r\nHost: {host}\r\n".encode() in stream.sent
