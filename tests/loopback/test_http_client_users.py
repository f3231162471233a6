"""What programs do with http.client's connections, done with ours: each against a real server.

Most are recipes that stand in libraries and in answers on the web, with the import changed.
"""

import base64
import contextlib
import functools
import gzip
import hashlib
import hmac
import http.client
import http.cookiejar
import io
import json
import logging
import logging.handlers
import select
import socket
import ssl
import threading
import urllib.request
import xmlrpc.client

import pytest
from support.python_server import DocumentServer, EchoServer
from support.servers import ScriptedServer
from support.ssdp_server import Devices
from support.steps import (
    Close,
    Drain,
    Expect,
    ExpectBody,
    ExpectHead,
    HalfClose,
    Pause,
    Reset,
    Send,
    SendSplit,
)
from support.websocket_server import SAMPLE_ANSWER, SAMPLE_KEY, websocket_server
from support.xmlrpc_server import CallServer

import mini_http
from mini_http import HTTPConnection, HTTPResponse, HTTPSConnection

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
GONE = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!"
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"
LARGE = b"0123456789abcdef" * (1 << 20)
"""16 MiB: more than sockets take without anyone reading."""


@pytest.fixture
def client_context(certificates):
    return certificates.client_context()


@pytest.fixture
def server_context(certificates):
    return certificates.good.server_context()


# --- xmlrpc.client


class OurTransport(xmlrpc.client.Transport):
    """As Transport, over our connection."""

    def make_connection(self, host):
        if host != self._connection[0]:
            address, self._extra_headers, _ = self.get_host_info(host)
            self._connection = host, HTTPConnection(address)
        return self._connection[1]


class OurSafeTransport(xmlrpc.client.SafeTransport):
    """As SafeTransport, over our connection."""

    def make_connection(self, host):
        if host != self._connection[0]:
            address, self._extra_headers, _ = self.get_host_info(host)
            self._connection = host, HTTPSConnection(address, context=self.context)
        return self._connection[1]


@pytest.fixture(params=["a transport", "a transport over TLS", "as it is", "as it is over TLS"])
def calling(request, monkeypatch, client_context, server_context):
    """Two functions: one makes a server, one a proxy to the server at a URL.

    The proxy has a transport of ours, or is as it comes while http.client has our connections.
    """
    is_secure = "TLS" in request.param
    options = {"context": client_context} if is_secure else {}
    if "transport" in request.param:
        transport = OurSafeTransport if is_secure else OurTransport

        def proxy_to(url):
            return xmlrpc.client.ServerProxy(url, transport(**options))
    else:
        monkeypatch.setattr(http.client, "HTTPConnection", HTTPConnection)
        monkeypatch.setattr(http.client, "HTTPSConnection", HTTPSConnection)

        def proxy_to(url):
            return xmlrpc.client.ServerProxy(url, **options)

    return functools.partial(CallServer, tls=server_context if is_secure else None), proxy_to


def test_xmlrpc_makes_many_calls_on_one_connection(calling):
    make_server, proxy_to = calling
    with make_server() as server, proxy_to(server.url) as proxy:
        assert [proxy.echo("x" * length) for length in range(100)] == [
            "x" * length for length in range(100)
        ]
        assert "system.listMethods" in proxy.system.listMethods()
        many = xmlrpc.client.MultiCall(proxy)
        many.echo(1)
        many.echo("zwei")
        assert list(many()) == [1, "zwei"]
    assert server.calls == [0] * 102


def test_xmlrpc_gets_coded_replies_and_sends_coded_requests(calling, monkeypatch):
    monkeypatch.setattr(xmlrpc.client.Transport, "encode_threshold", 1000)
    make_server, proxy_to = calling
    with make_server() as server, proxy_to(server.url) as proxy:
        assert proxy.echo("well" * 5000) == "well" * 5000
        assert proxy.echo("well") == "well"
    assert server.calls == [0, 0]
    codings = [head.get("Content-Encoding") for head in server.heads]
    assert codings == ["gzip", None]
    assert [head["Accept-Encoding"] for head in server.heads] == ["gzip", "gzip"]


def test_xmlrpc_sends_and_gets_large_values(calling, monkeypatch):
    monkeypatch.setattr(xmlrpc.client.Transport, "accept_gzip_encoding", False)
    make_server, proxy_to = calling
    with make_server() as server, proxy_to(server.url) as proxy:
        large = LARGE[: 1 << 21]
        assert proxy.echo(xmlrpc.client.Binary(large)).data == large
        assert proxy.echo([1, 2.5, {"three": True}]) == [1, 2.5, {"three": True}]
    assert server.calls == [0, 0]


def test_xmlrpc_raises_faults_and_goes_on(calling):
    make_server, proxy_to = calling
    with make_server() as server, proxy_to(server.url) as proxy:
        for _ in range(3):
            with pytest.raises(xmlrpc.client.Fault, match="nothing there"):
                proxy.fail()
        assert proxy.echo(1) == 1
    assert server.calls == [0] * 4


def test_xmlrpc_calls_again_where_the_server_closes_without_saying_so(calling):
    make_server, proxy_to = calling
    with make_server(hangs_up=True) as server, proxy_to(server.url) as proxy:
        assert [proxy.echo(number) for number in range(20)] == list(range(20))
    assert server.calls == list(range(20))


VALUE = xmlrpc.client.dumps(("hello",), methodresponse=True).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(VALUE), VALUE)


NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nX-Why: gone\r\nContent-Length: 4\r\n\r\ngone"
UNTIL_CLOSE = b"HTTP/1.1 500 Oh\r\n\r\ntext"


def test_xmlrpc_raises_protocol_errors_and_goes_on():
    scripts = [[NOT_FOUND, NOT_FOUND, ANSWER, UNTIL_CLOSE, Close()], [ANSWER]]
    with (
        ScriptedServer(scripts) as server,
        xmlrpc.client.ServerProxy(server.url, OurTransport()) as proxy,
    ):
        for _ in range(2):
            with pytest.raises(xmlrpc.client.ProtocolError, match="404 Not Found") as caught:
                proxy.echo(1)
            assert caught.value.headers == {"X-Why": "gone", "Content-Length": "4"}
        assert proxy.echo("hello") == "hello"
        with pytest.raises(xmlrpc.client.ProtocolError, match="500 Oh"):
            proxy.echo(1)
        assert proxy.echo("hello") == "hello"
    assert len(server.connections) == 2


@pytest.mark.parametrize("leave", [Close(), Reset()], ids=["closes", "resets"])
@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_xmlrpc_calls_again_where_the_server_leaves_at_the_second_call(
    leave, is_secure, client_context, server_context
):
    """It looks at the number of an error: TLS that ends without saying so has one of its own."""
    transport = OurSafeTransport(context=client_context) if is_secure else OurTransport()
    scripts = [[ANSWER, ExpectHead(), leave], [ANSWER]]
    tls = server_context if is_secure else None
    with (
        ScriptedServer(scripts, tls=tls) as server,
        xmlrpc.client.ServerProxy(server.url, transport) as proxy,
    ):
        assert [proxy.echo("hello"), proxy.echo("hello")] == ["hello", "hello"]
    assert len(server.connections) == 2


def test_xmlrpc_does_not_call_a_third_time():
    scripts = [[ANSWER, Expect(), Close()], [Expect(), Close()]]
    with (
        ScriptedServer(scripts) as server,
        xmlrpc.client.ServerProxy(server.url, OurTransport()) as proxy,
    ):
        assert proxy.echo("hello") == "hello"
        with pytest.raises(http.client.RemoteDisconnected):
            proxy.echo("hello")
    assert len(server.connections) == 2


def test_xmlrpc_raises_oserror_where_the_server_has_died(calling):
    make_server, proxy_to = calling
    with make_server() as server:
        proxy = proxy_to(server.url)
        assert proxy.echo(1) == 1
    with pytest.raises(ConnectionRefusedError):
        proxy.echo(2)
    proxy("close")()


def test_xmlrpc_verifies_certificates(certificates, server_context):
    with CallServer(tls=server_context) as server:
        proxy = xmlrpc.client.ServerProxy(server.url, OurSafeTransport())
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            proxy.echo(1)
        proxy("close")()
    assert caught.value.reason == "CERTIFICATE_VERIFY_FAILED"
    assert server.calls == []


def test_xmlrpc_sends_the_credentials_of_the_url():
    with CallServer() as server:
        place = server.url.replace("://", "://user:secret@")
        with xmlrpc.client.ServerProxy(place, OurTransport(headers=[("X-Extra", "yes")])) as proxy:
            assert proxy.echo(1) == 1
    assert server.heads[0]["Authorization"] == "Basic dXNlcjpzZWNyZXQ="
    assert server.heads[0]["X-Extra"] == "yes"


def test_xmlrpc_shows_what_it_does_when_verbose(capsys):
    with (
        CallServer() as server,
        xmlrpc.client.ServerProxy(server.url, OurTransport(), verbose=True) as proxy,
    ):
        assert proxy.echo("hello") == "hello"
    printed = capsys.readouterr().out
    assert 'send: b"POST / HTTP/1.1\\r\\n' in printed
    assert "reply: 'HTTP/1.1 200 OK\\r\\n'\nheader: Server: " in printed
    assert "body: b\"<?xml version='1.0'?>" in printed


class SupervisorTransport(xmlrpc.client.Transport):
    """How the clients of a process manager call it over a unix socket."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.connection = None

    def request(self, host, handler, request_body, verbose=0):
        if self.connection is None:
            self.connection = UnixConnection(self.path, timeout=20)
        headers = {"Content-Type": "text/xml", "Accept": "text/xml"}
        headers["Content-Length"] = str(len(request_body))
        self.connection.request("POST", handler, request_body, headers)
        reply = self.connection.getresponse()
        if reply.status != 200:
            self.connection.close()
            self.connection = None
            raise xmlrpc.client.ProtocolError(host + handler, reply.status, reply.reason, "")
        parser, unmarshaller = self.getparser()
        parser.feed(reply.read())
        parser.close()
        return unmarshaller.close()


def test_xmlrpc_goes_over_a_unix_socket(tmp_path):
    path = str(tmp_path / "socket")
    failed = b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[ANSWER, ANSWER, failed], [ANSWER]], at=path) as server:
        transport = SupervisorTransport(path)
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport)
        assert [proxy.a.b(1), proxy.a.b(2)] == ["hello", "hello"]
        with pytest.raises(xmlrpc.client.ProtocolError, match="500 Broken"):
            proxy.a.b(3)
        assert proxy.a.b(4) == "hello"
        transport.connection.close()
    assert [len(connection.requests) for connection in server.connections] == [3, 1]


# --- connections of a program's own making


class UnixConnection(HTTPConnection):
    """Over a unix socket, as clients of local daemons have it."""

    def __init__(self, path, **options):
        super().__init__("localhost", **options)
        self.path = path

    def connect(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(self.timeout)
        sock.connect(self.path)
        self.sock = sock


class EagerUnixConnection(UnixConnection):
    """The same; the socket is the connection's before it is connected."""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


@pytest.mark.parametrize("kind", [UnixConnection, EagerUnixConnection])
def test_a_connection_goes_over_a_unix_socket(kind, tmp_path):
    path = str(tmp_path / "daemon.sock")
    with (
        ScriptedServer([[HELLO, HELLO, Close()], [HELLO]], at=path) as server,
        contextlib.closing(kind(path, timeout=20)) as connection,
    ):
        for _ in range(3):  # the last time on another one
            connection.request("GET", "/containers/json")
            assert connection.getresponse().read() == b"hello"
            if len(server.requests) == 2:
                select.select([connection.sock], [], [], 20)
    assert [len(connection.requests) for connection in server.connections] == [2, 1]
    assert server.requests[0] == (
        b"GET /containers/json HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n\r\n"
    )


class ConnectionByHand(HTTPConnection):
    """Tries each address of the host by itself, sets options, and keeps the last error."""

    def connect(self):
        error = None
        for family, kind, protocol, _, address in socket.getaddrinfo(
            self.host, self.port, 0, socket.SOCK_STREAM
        ):
            try:
                self.sock = socket.socket(family, kind, protocol)
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                if self.timeout is not None:
                    self.sock.settimeout(self.timeout)
                self.sock.connect(address)
            except OSError as failure:
                error = failure
                if self.sock:
                    self.sock.close()
                self.sock = None
                continue
            return
        raise error


def test_a_connection_is_made_by_hand(echo_server):
    with contextlib.closing(ConnectionByHand("localhost", echo_server.port, 20)) as connection:
        connection.request("GET", "/")
        assert connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert connection.sock.gettimeout() == 20
        assert connection.getresponse().status == 200


def test_a_connection_made_by_hand_raises_what_it_wants(echo_server):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    connection = ConnectionByHand("127.0.0.1", port, 20)
    with pytest.raises(ConnectionRefusedError):
        connection.request("GET", "/")
    assert connection.sock is None
    connection.port = echo_server.port
    connection.close()
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    connection.close()


class PinnedConnection(HTTPSConnection):
    """Wraps its own socket in TLS and looks at the certificate before anything is sent."""

    pin = None

    def connect(self):
        sock = socket.create_connection((self.host, self.port), self.timeout)
        if self._tunnel_host:
            self.sock = sock
            self._tunnel()
        self.sock = self._context.wrap_socket(sock, server_hostname=self._tunnel_host or self.host)
        found = hashlib.sha256(self.sock.getpeercert(binary_form=True)).hexdigest()
        if found != self.pin:
            self.close()
            raise ConnectionError(f"another certificate: {found}")


def pin_of(pair):
    first, end, _ = pair.chain.read_text().partition("-----END CERTIFICATE-----")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first + end)).hexdigest()


def test_a_connection_pins_a_certificate(certificates, client_context, server_context):
    with EchoServer(tls=server_context) as server:
        place = "127.0.0.1", server.port
        connection = PinnedConnection(*place, timeout=20, context=client_context)
        with pytest.raises(ConnectionError, match="another certificate"):
            connection.request("GET", "/")
        assert connection.sock is None
        connection.close()
        connection.pin = pin_of(certificates.good)
        for _ in range(3):
            connection.request("GET", "/")
            assert json.load(connection.getresponse())["path"] == "/"
        connection.close()
    assert server.connections == 1


def test_a_connection_leads_through_a_tunnel_and_pins(certificates, client_context, server_context):
    def pass_on(connection):
        connection.read_request()
        connection.send(TUNNEL)
        connection.start_tls(server_context)
        connection.read_request()
        connection.send(HELLO)

    with ScriptedServer(handler=pass_on) as proxy:
        place = "127.0.0.1", proxy.port
        connection = PinnedConnection(*place, timeout=20, context=client_context)
        connection.pin = pin_of(certificates.good)
        connection.set_tunnel("localhost", 443)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert proxy.requests[0].startswith(b"CONNECT localhost:443 HTTP/1.")


class LoggingConnection(HTTPConnection):
    """Keeps what is sent."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.sent = []

    def send(self, data):
        self.sent.append(data)
        super().send(data)


@pytest.mark.parametrize("body", [None, b"short", LARGE], ids=["no body", "short", "large"])
def test_a_connection_sees_all_that_it_sends(body, echo_server):
    connection = LoggingConnection("127.0.0.1", echo_server.port)
    connection.request("POST", "/", body)
    account = json.loads(connection.getresponse().read())
    connection.close()
    sent = b"".join(map(bytes, connection.sent))
    head, _, rest = sent.partition(b"\r\n\r\n")
    assert head.startswith(b"POST / HTTP/1.1\r\nHost: ")
    assert bytes(connection.sent[0]).startswith(head + b"\r\n\r\n")
    assert rest == (body or b"")
    assert dict(account["headers"])["Content-Length"] == str(len(body or b""))


class RecordingConnection(HTTPConnection):
    """Notes the head field by field, as test doubles do."""

    def putrequest(self, method, url, *arguments, **options):
        self.noted = [(method, url)]
        super().putrequest(method, url, *arguments, **options)

    def putheader(self, header, *values):
        self.noted.append((header, *values))
        super().putheader(header, *values)


def test_a_connection_notes_each_field(echo_server):
    connection = RecordingConnection("127.0.0.1", echo_server.port)
    connection.request("PUT", "/x", b"12", {"X-Number": 7, "X-Bytes": b"raw"})
    connection.getresponse().read()
    connection.close()
    assert connection.noted == [
        ("PUT", "/x"),
        ("Host", f"127.0.0.1:{echo_server.port}"),
        ("Accept-Encoding", "identity"),
        ("Content-Length", "2"),
        ("X-Number", 7),
        ("X-Bytes", b"raw"),
    ]


# --- signing


class SigningConnection(HTTPConnection):
    """Adds a signature over method, target, date and body as the last field of each head."""

    key = b"a key"

    def putrequest(self, method, url, *arguments, **options):
        self.signed = [method, url]
        super().putrequest(method, url, *arguments, **options)

    def putheader(self, header, *values):
        if header.lower() == "x-date":
            self.signed.append(values[0])
        super().putheader(header, *values)

    def endheaders(self, message_body=None, **options):
        self.signed.append(hashlib.sha256(message_body or b"").hexdigest())
        text = "\n".join(self.signed).encode()
        self.putheader("X-Signature", hmac.new(self.key, text, "sha256").hexdigest())
        super().endheaders(message_body, **options)


def signature(method, target, date, body):
    text = "\n".join([method, target, date, hashlib.sha256(body).hexdigest()]).encode()
    return hmac.new(b"a key", text, "sha256").hexdigest()


@pytest.mark.parametrize(
    ("body", "sent"),
    [(None, b""), (b"bytes", b"bytes"), (bytearray(b"array"), b"array"), ("text", b"text")],
    ids=["no body", "bytes", "bytearray", "text"],
)
def test_a_connection_signs_each_request(body, sent, echo_server):
    connection = SigningConnection("127.0.0.1", echo_server.port)
    for target in ("/a", "/b?c"):
        connection.request("PUT", target, body, {"X-Date": "today"})
        account = json.loads(connection.getresponse().read())
        name, value = account["headers"][-1]
        assert (name, value) == ("X-Signature", signature("PUT", target, "today", sent))
    connection.close()
    assert echo_server.connections == 1


# --- 100 (Continue), as boto does it


class ExpectingConnection(HTTPConnection):
    """Sends the head alone where the request expects 100 (Continue), and looks at what comes."""

    def request(self, method, url, body=None, headers={}, **options):
        self.plain_response_class = self.response_class
        self.expects = headers.get("Expect") == "100-continue"
        self.was_answered = False
        super().request(method, url, body, headers, **options)

    def _send_output(self, message_body=None, *arguments, **options):
        self._buffer.extend((b"", b""))
        head = b"\r\n".join(self._buffer)
        del self._buffer[:]
        if isinstance(message_body, bytes) and not self.expects:
            head += message_body
            message_body = None
        self.send(head)
        if self.expects and select.select([self.sock], [], [], 10)[0]:
            self.look()
        if message_body is not None:
            self.send(message_body)

    def look(self):
        with self.sock.makefile("rb", 0) as file:
            line = file.readline()
            version, status, reason = line.split(None, 2)
            if status == b"100":
                while file.readline() != b"\r\n":
                    pass
            else:
                begun = version.decode(), int(status), reason.decode().strip()
                self.response_class = functools.partial(BegunResponse, begun)
                self.was_answered = True

    def send(self, data):
        if not self.was_answered:
            super().send(data)

    def getresponse(self):
        try:
            return super().getresponse()
        finally:
            self.response_class = self.plain_response_class


class BegunResponse(http.client.HTTPResponse):
    """A reply whose status line has been read already."""

    def __init__(self, begun, *arguments, **options):
        super().__init__(*arguments, **options)
        self.begun = begun

    def _read_status(self):
        return self.begun


def test_a_body_is_sent_after_100_continue():
    script = [ExpectHead(), Send(CONTINUE), ExpectBody(), Send(HELLO), HELLO]
    with ScriptedServer([script]) as server:
        connection = ExpectingConnection("127.0.0.1", server.port)
        connection.request("PUT", "/", b"body", {"Expect": "100-continue"})
        assert connection.getresponse().read() == b"hello"
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert server.requests[0].endswith(b"\r\n\r\nbody")


def test_a_body_is_not_sent_where_the_reply_comes_instead():
    with ScriptedServer([[ExpectHead(), Send(TOO_LARGE), Drain()]]) as server:
        connection = ExpectingConnection("127.0.0.1", server.port)
        connection.request("PUT", "/", b"body", {"Expect": "100-continue"})
        with contextlib.closing(connection.getresponse()) as reply:
            assert (reply.status, reply.reason, reply.read()) == (413, "Content Too Large", b"no!")
        assert connection.sock is None
        connection.close()
    assert server.requests[0].endswith(b"\r\n\r\n")


# --- replies of a program's own making


class PeerCertificateResponse(HTTPResponse):
    """Keeps the certificate of the server, which is gone with the socket."""

    def __init__(self, sock, *arguments, **options):
        super().__init__(sock, *arguments, **options)
        self.peer_certificate = sock.getpeercert()
        self.peer_address = sock.getpeername()


class StockResponse(http.client.HTTPResponse):
    """The same, of http.client's own."""

    def __init__(self, sock, *arguments, **options):
        super().__init__(sock, *arguments, **options)
        self.peer_certificate = sock.getpeercert()
        self.peer_address = sock.getpeername()


@pytest.mark.parametrize("kind", [PeerCertificateResponse, StockResponse])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_reply_keeps_the_certificate(kind, version, client_context, server_context):
    with EchoServer(version, tls=server_context) as server:
        connection = HTTPSConnection("localhost", server.port, context=client_context)
        connection.response_class = kind
        for _ in range(2):
            connection.request("GET", "/")
            reply = connection.getresponse()
            assert type(reply) is kind
            assert ("DNS", "localhost") in reply.peer_certificate["subjectAltName"]
            assert reply.peer_address == ("127.0.0.1", server.port)
            assert json.loads(reply.read())["path"] == "/"
        connection.close()
    assert server.connections == (1 if version == "HTTP/1.1" else 2)


class CachingResponse(HTTPResponse):
    """Reads the body once and gives it as often as it is asked for."""

    cached = b""

    def read(self, amt=None):
        if amt is not None:
            return super().read(amt)
        self.cached = self.cached or super().read()
        return self.cached


def test_a_reply_gives_its_body_as_often_as_asked(echo_server):
    connection = HTTPConnection("127.0.0.1", echo_server.port)
    connection.response_class = CachingResponse
    for _ in range(2):
        connection.request("GET", "/")
        reply = connection.getresponse()
        assert reply.read() == reply.read() != b""
    connection.close()
    assert echo_server.connections == 1


class FakeSocket:
    """Bytes that were received already, as parsers of saved replies have them."""

    def __init__(self, data):
        self.file = io.BytesIO(data)

    def makefile(self, *_, **__):
        return self.file


class SavedReply(io.BytesIO):
    """The same, as parsers of SSDP have it."""

    def makefile(self, *_, **__):
        return self


@pytest.mark.parametrize("kind", [FakeSocket, SavedReply])
def test_answers_to_a_search_are_parsed(kind):
    with (
        Devices({"urn:example:lamp": 2}) as devices,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking,
    ):
        asking.settimeout(20)
        search = (
            "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
            'MAN: "ssdp:discover"\r\nMX: 1\r\nST: urn:example:lamp\r\n\r\n'
        )
        asking.sendto(search.encode(), devices.address)
        answers = []
        for _ in range(2):
            reply = HTTPResponse(kind(asking.recv(65507)))
            reply.begin()
            answers.append((reply.status, reply.getheader("st"), reply.getheader("location")))
            reply.close()
    assert {(status, kind) for status, kind, _ in answers} == {(200, "urn:example:lamp")}
    assert len({location for _, _, location in answers}) == 2


def test_a_saved_reply_is_read():
    saved = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    reply = HTTPResponse(FakeSocket(saved))
    reply.begin()
    assert (reply.version, reply.status, reply.reason) == (11, 200, "OK")
    assert reply.read() == b"hello"


# --- replies that a program takes apart by itself

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"6;ext=1\r\nhello,\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n"
)


def chunks_by_hand(reply):
    """The chunks of a reply, taken apart as urllib3 does it; and the lines of the trailer."""
    chunks = []
    while size := int(reply.fp.readline(65537).partition(b";")[0], 16):
        chunks.append(reply._safe_read(size))
        assert reply._safe_read(2) == b"\r\n"
    trailer = []
    while (line := reply.fp.readline(65537)) not in (b"\r\n", b""):
        trailer.append(line)
    return chunks, trailer


@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_chunks_are_taken_apart_by_hand(is_secure, client_context, server_context):
    tls = server_context if is_secure else None
    with ScriptedServer([[CHUNKED, CHUNKED]], tls=tls) as server:
        if is_secure:
            connection = HTTPSConnection("localhost", server.port, context=client_context)
        else:
            connection = HTTPConnection("localhost", server.port)
        for _ in range(2):
            connection.request("GET", "/")
            reply = connection.getresponse()
            assert reply.chunked
            assert not reply.isclosed()
            taken = chunks_by_hand(reply)
            assert taken == ([b"hello,", b" world"], [b"X-Trailer: 1\r\n"])
            reply.close()
        connection.close()
    assert len(server.connections) == 1


def test_a_reply_that_is_taken_apart_ends_with_its_last_byte():
    with ScriptedServer([[CHUNKED, HELLO]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/")
        reply = connection.getresponse()
        assert reply.fp.read() == CHUNKED.partition(b"\r\n\r\n")[2]
        assert reply.fp is None
        assert (reply.isclosed(), reply.read()) == (True, b"")
        assert reply.trailers["X-Trailer"] == "1"
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert len(server.connections) == 1


def test_what_is_left_of_a_reply_that_was_taken_apart_is_dropped():
    with ScriptedServer([[CHUNKED, HELLO]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/")
        reply = connection.getresponse()
        assert reply.fp.readline() == b"6;ext=1\r\n"
        assert reply.fp.read1(3) == b"hel"
        reply.close()
        assert reply.fp is None
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("rest", "error"),
    [
        (b"0x5\r\nhello\r\n0\r\n\r\n", mini_http.BadChunk),
        (b"5\nhello\r\n0\r\n\r\n", mini_http.BadChunk),
        (b"5\r\nhel", mini_http.IncompleteRead),
        (b"5\r\nhello\r\n", mini_http.IncompleteRead),
    ],
)
def test_faults_of_the_chunks_are_found_though_a_program_takes_them_apart(rest, error):
    head = CHUNKED.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    with ScriptedServer([[head + rest, Close()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/")
        reply = connection.getresponse()
        with pytest.raises(error):
            chunks_by_hand(reply)
        assert connection.sock is None
        connection.close()


def test_chunks_are_not_taken_apart_twice():
    with ScriptedServer([CHUNKED]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/")
        reply = connection.getresponse()
        assert reply.read(3) == b"hel"
        with pytest.raises(io.UnsupportedOperation):
            reply.fp.readline()
        connection.close()


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
def test_the_file_and_the_reply_go_on_where_the_other_was(version):
    lines = b"first\nsecond\nthird\nfourth"
    head = version + b" 200 OK\r\nContent-Length: %d\r\n\r\n" % len(lines)
    pause = Pause()
    with ScriptedServer([[head, pause, Send(lines), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/")
        reply = connection.getresponse()
        pause.resume.set()
        assert reply.fp.readline() == b"first\n"
        assert (reply.readline(), reply.length) == (b"second\n", 12)
        assert reply.fp.readline(3) == b"thi"
        assert (reply.fp.read(3), reply.read()) == (b"rd\n", b"fourth")
        assert reply.fp is None
        connection.close()


def test_the_socket_is_found_in_the_file():
    pause = Pause()
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    with ScriptedServer([[head, pause, Send(b"to the end"), Close()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/")
        reply = connection.getresponse()
        raw = reply.fp.raw
        assert raw._sock.getpeername() == ("127.0.0.1", server.port)
        assert raw.fileno() == reply.fp.fileno()
        assert reply.fp.readable()
        pause.resume.set()
        assert raw.read(2) == b"to"
        assert reply.fp.read() == b" the end"
        reply.close()
        connection.close()


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 204 No Content", b"HTTP/1.1 200 OK\r\nContent-Length: 0"]
)
def test_a_reply_without_a_body_is_not_closed_until_it_is_read(head):
    """urllib3 takes one that is closed for one that was given back."""
    with ScriptedServer([[head + b"\r\n\r\n"] * 3]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        for read in (HTTPResponse.read, lambda reply: reply.read(1), HTTPResponse.close):
            connection.request("GET", "/")
            reply = connection.getresponse()
            assert not reply.isclosed()
            assert reply.fp is not None
            assert not read(reply)
            assert reply.isclosed()
            assert reply.fp is None
        connection.close()
    assert len(server.connections) == 1


def test_as_much_is_read_as_has_come_of_the_chunk():
    """As Docker's client reads events: a byte, then what is left of the chunk."""
    events = [b'{"n": %d}\n' % number for number in range(3)]
    pauses = [Pause() for _ in events]
    head = CHUNKED.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    steps = [head]
    for pause, event in zip(pauses, events, strict=True):
        steps += [pause, Send(b"%x\r\n%b\r\n" % (len(event), event))]
    with ScriptedServer([[*steps, Send(b"0\r\n\r\n")]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/events")
        reply = connection.getresponse()
        for pause, event in zip(pauses, events, strict=True):
            pause.resume.set()
            data = reply.read(1)
            assert data + reply.read(reply.chunk_left) == event
        assert reply.read(1) == b""
        connection.close()


class OwnTunnelConnection(HTTPConnection):
    """Asks the proxy with its own CONNECT, and reads the answer line by line, as urllib3 does."""

    def _tunnel(self):
        self.send(f"CONNECT {self._tunnel_host}:{self._tunnel_port} HTTP/1.0\r\n\r\n".encode())
        reply = self.response_class(self.sock, method=self._method)
        try:
            version, status, reason = reply._read_status()
            if status != 200:
                self.close()
                raise OSError(f"Tunnel connection failed: {status} {reason.strip()}")
            assert version in ("HTTP/1.0", "HTTP/1.1")
            while reply.fp.readline(65537) not in (b"\r\n", b"\n", b""):
                pass
        finally:
            reply.close()


def test_a_tunnel_is_asked_for_by_a_subclass():
    with ScriptedServer([[TUNNEL, HELLO]]) as proxy:
        connection = OwnTunnelConnection("127.0.0.1", proxy.port)
        connection.set_tunnel("elsewhere.example", 80)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        connection.close()
    refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    for answer, error in ((refused, "failed: 403 Forbidden"), (b"nonsense\r\n", "status line")):
        with ScriptedServer([answer]) as proxy:
            connection = OwnTunnelConnection("127.0.0.1", proxy.port)
            connection.set_tunnel("elsewhere.example", 80)
            with pytest.raises(OSError, match=error):
                connection.request("GET", "/")
            connection.close()


class ForgetfulConnection(HTTPConnection):
    """Forgets with `close` whom it leads to and what was asked, as urllib3's connections do."""

    asked = None

    def request(self, method, url):
        self.asked = method, url
        super().request(method, url)

    def getresponse(self):
        assert self.asked == ("GET", "/")
        return super().getresponse()

    def close(self):
        super().close()
        self._tunnel_host = self.asked = None


def test_a_tunnel_that_died_is_dug_again():
    gone = threading.Event()
    script = [TUNNEL, HELLO, Close(), lambda _: gone.set()]
    with ScriptedServer([script, [TUNNEL, HELLO]]) as proxy:
        connection = ForgetfulConnection("127.0.0.1", proxy.port)
        connection.set_tunnel("elsewhere.example", 80)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        assert gone.wait(20)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        connection.close()
    assert [request.split()[0] for request in proxy.requests] == [b"CONNECT", b"GET"] * 2


@pytest.mark.parametrize("sign", [object(), socket._GLOBAL_DEFAULT_TIMEOUT])
@pytest.mark.parametrize("is_given", [False, True], ids=["connects", "is given a socket"])
def test_a_sign_for_no_timeout_is_none(sign, is_given, echo_server):
    """Libraries put one of their own in `timeout`."""
    connection = HTTPConnection("127.0.0.1", echo_server.port, timeout=20)
    connection.timeout = sign
    if is_given:
        connection.sock = socket.create_connection(("127.0.0.1", echo_server.port))
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    assert connection.sock.gettimeout() == connection.timeout == 20
    connection.close()


# --- CONNECT and upgrades by hand


def test_a_tunnel_is_opened_by_hand_and_its_reply_parsed(client_context, server_context):
    def pass_on(connection):
        connection.read_request()
        connection.send(TUNNEL)
        connection.start_tls(server_context)
        connection.read_request()
        connection.send(HELLO)

    with ScriptedServer(handler=pass_on) as proxy:
        sock = socket.create_connection(proxy.address)
        sock.sendall(b"CONNECT localhost:443 HTTP/1.0\r\n\r\n")
        reply = HTTPResponse(sock)
        reply.begin()
        assert reply.status == 200
        reply.close()
        connection = HTTPConnection("localhost")
        connection.sock = client_context.wrap_socket(sock, server_hostname="localhost")
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        connection.close()


def test_a_tunnel_is_opened_by_a_request(client_context, server_context):
    def pass_on(connection):
        connection.read_request()
        connection.send(TUNNEL)
        connection.start_tls(server_context)
        connection.read_request()
        connection.send(HELLO)

    with ScriptedServer(handler=pass_on) as proxy:
        asking = HTTPConnection("127.0.0.1", proxy.port)
        asking.request("CONNECT", "localhost:443", headers={"Host": "localhost:443"})
        sock = asking.sock
        reply = asking.getresponse()
        assert reply.status == 200
        through = HTTPConnection("localhost", 443)
        through.sock = client_context.wrap_socket(sock, server_hostname="localhost")
        through.request("GET", "/")
        assert through.getresponse().read() == b"hello"
        through.close()
        reply.close()
        asking.close()
    assert proxy.requests[0].startswith(b"CONNECT localhost:443 HTTP/1.")


def masked_text_frame(text):
    mask = b"\1\2\3\4"
    covered = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
    return bytes([0x81, 0x80 | len(text)]) + mask + covered


def ask_for_websocket(connection):
    connection.putrequest("GET", "/chat")
    connection.putheader("Upgrade", "websocket")
    connection.putheader("Connection", "Upgrade")
    connection.putheader("Sec-WebSocket-Key", SAMPLE_KEY)
    connection.putheader("Sec-WebSocket-Version", "13")
    connection.endheaders()
    reply = connection.getresponse()
    assert (reply.status, reply.getheader("sec-websocket-accept")) == (101, SAMPLE_ANSWER)
    return reply


def test_the_socket_speaks_another_protocol_after_101():
    with websocket_server() as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        ask_for_websocket(connection)
        connection.sock.sendall(masked_text_frame(b"hello"))
        assert connection.sock.recv(100) == b"\x81\x05hello"
        connection.close()


def test_the_file_of_a_101_has_what_came_with_it():
    with websocket_server(greeting=b"hi") as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        reply = ask_for_websocket(connection)
        assert reply.fp.read(4) == b"\x81\x02hi"
        connection.sock.sendall(masked_text_frame(b"hello"))
        assert reply.fp.read(7) == b"\x81\x05hello"
        reply.close()
        connection.close()


def test_a_101_is_detached_for_another_protocol():
    with websocket_server(greeting=b"hi") as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        with ask_for_websocket(connection).detach() as client:
            assert client.read(4) == b"\x81\x02hi"
            client.write(masked_text_frame(b"hello"))
            assert client.read(7) == b"\x81\x05hello"
        assert connection.sock is None


# --- uploads by hand


def test_a_body_is_sent_block_by_block(echo_server):
    connection = HTTPConnection("127.0.0.1", echo_server.port)
    for _ in range(2):
        connection.putrequest("POST", "/up")
        connection.putheader("Content-Length", str(len(LARGE)))
        connection.endheaders()
        file = io.BytesIO(LARGE)
        while block := file.read(1 << 20):
            connection.send(block)
        reply = connection.getresponse()
        account = json.loads(reply.read())
        assert account["headers"][-1] == ["Content-Length", str(len(LARGE))]
        assert len(account["body"]) == (len(LARGE) + 2) // 3 * 4
    connection.close()
    assert echo_server.connections == 1


def test_chunks_are_sent_by_hand(echo_server):
    connection = HTTPConnection("127.0.0.1", echo_server.port)
    connection.request("POST", "/", headers={"Transfer-Encoding": "chunked"})
    for piece in (b"one, ", b"two"):
        connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
    connection.send(b"0\r\n\r\n")
    assert json.loads(connection.getresponse().read())["body"] == "b25lLCB0d28="
    connection.close()


def test_a_file_is_sent_after_the_head(echo_server, tmp_path):
    path = tmp_path / "upload"
    path.write_bytes(LARGE)
    connection = HTTPConnection("127.0.0.1", echo_server.port)
    with open(path, "rb") as file:
        connection.request("PUT", "/", headers={"Content-Length": str(len(LARGE))})
        connection.send(file)
    account = json.loads(connection.getresponse().read())
    connection.close()
    assert len(account["body"]) == (len(LARGE) + 2) // 3 * 4


def test_the_reply_is_there_though_the_server_stopped_reading():
    with ScriptedServer([[ExpectHead(), Send(TOO_LARGE), Close()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.putrequest("PUT", "/")
        connection.putheader("Content-Length", str(10 * len(LARGE)))
        connection.endheaders()
        with contextlib.suppress(BrokenPipeError):  # or it is not sent, since a reply is there
            for _ in range(10):
                connection.send(LARGE)
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (413, b"no!")
        connection.close()


# --- waiting


def test_a_long_poll_waits_as_long_as_its_socket_says():
    pause = Pause()
    with ScriptedServer([[ExpectHead(), pause], [HELLO]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("GET", "/poll")
        connection.sock.settimeout(0.02)
        with pytest.raises(socket.timeout, match="timed out"):
            connection.getresponse()
        pause.resume.set()
        connection.close()
        connection.request("GET", "/poll")
        assert connection.sock.gettimeout() == 20
        assert connection.getresponse().read() == b"hello"
        connection.close()


def test_the_wait_for_a_body_is_set_on_the_socket():
    pause = Pause()
    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"
    with ScriptedServer([[begun, pause]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/events")
        reply = connection.getresponse()
        connection.sock.settimeout(0.02)
        assert reply.read1(100) == b"first"
        with pytest.raises(TimeoutError, match="timed out"):
            reply.read1(100)
        pause.resume.set()
        connection.close()


def test_a_timeout_set_after_that_on_the_socket_is_the_connections():
    with ScriptedServer([[HELLO, HELLO], [HELLO]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("GET", "/")
        connection.sock.settimeout(10)
        connection.getresponse().read()
        connection.timeout = 15  # for the next connection, too
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()
        assert connection.timeout == 15
        connection.request("GET", "/")
        assert connection.sock.gettimeout() == 15
        connection.close()


def test_a_timeout_does_not_wear_out():
    """Sockets round the seconds that they are given: no program has set what they say then."""
    in_parts = [Expect(), SendSplit([HELLO[:10], HELLO[10:-2], HELLO[-2:]])]
    with ScriptedServer([in_parts * 3 + [HELLO]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        replies = []
        for _ in range(4):  # each reply but the last is kept for later
            connection.request("GET", "/")
            assert (connection.timeout, connection.sock.gettimeout()) == (20, 20)
            replies.append(connection.getresponse())
        assert [reply.read() for reply in replies] == [b"hello"] * 4
        connection.close()
    assert len(server.connections) == 1


def test_the_peer_is_told_by_the_socket(echo_server):
    connection = HTTPConnection("127.0.0.1", echo_server.port)
    connection.connect()
    assert connection.sock.getpeername() == ("127.0.0.1", echo_server.port)
    connection.request("GET", "/")
    assert connection.sock.getsockname()[0] == "127.0.0.1"
    connection.getresponse().read()
    assert connection.sock.getpeername() == ("127.0.0.1", echo_server.port)
    connection.close()
    assert connection.sock is None


# --- the rest of the library


def test_cookies_are_taken_from_a_reply_and_sent_with_the_next_request():
    reply = (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Path=/deep\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    with ScriptedServer([[reply, HELLO]]) as server:
        jar = http.cookiejar.CookieJar()
        asked = urllib.request.Request(server.url + "deep/page")
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", asked.selector)
        answer = connection.getresponse()
        jar.extract_cookies(answer, asked)
        answer.read()
        again = urllib.request.Request(server.url + "deep/page")
        jar.add_cookie_header(again)
        connection.request("GET", again.selector, headers=dict(again.header_items()))
        connection.getresponse().read()
        connection.close()
    assert sorted(cookie.name for cookie in jar) == ["a", "b"]
    assert b"\r\nCookie: b=2; a=1\r\n" in server.requests[1]


def test_json_is_read_from_a_connection(client_context, server_context):
    documents = {"/v1/items": ("application/json", b'{"items": [1, 2, 3]}')}
    with DocumentServer(documents, tls=server_context) as server:
        place = "localhost", server.port
        with contextlib.closing(HTTPSConnection(*place, context=client_context)) as connection:
            connection.request("GET", "/v1/items", headers={"Accept": "application/json"})
            with connection.getresponse() as reply:
                assert reply.getheader("content-type") == "application/json"
                assert json.load(reply) == {"items": [1, 2, 3]}
        assert connection.sock is None


def test_a_reply_is_read_as_text_and_as_gzip():
    page = "erste Zeile\nzweite Zeile: äöü\n" * 1000
    coded = gzip.compress(page.encode())
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded)
    with ScriptedServer([[head + coded, head + coded]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/", headers={"Accept-Encoding": "gzip"})
        with gzip.open(connection.getresponse(), "rt", encoding="utf-8") as file:
            assert file.read() == page
        connection.request("GET", "/", headers={"Accept-Encoding": "gzip"})
        lines = io.TextIOWrapper(gzip.GzipFile(fileobj=connection.getresponse()), "utf-8")
        assert sum(1 for _ in lines) == 2000
        connection.close()
    assert len(server.connections) == 1


class OurHandler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """urllib's own handlers with our connections, as a program gives them another class."""

    handler_order = 100

    def __init__(self, context):
        urllib.request.HTTPHandler.__init__(self)
        self.context = context

    def http_open(self, request):
        return self.do_open(HTTPConnection, request)

    def https_open(self, request):
        return self.do_open(HTTPSConnection, request, context=self.context)


@pytest.mark.parametrize("document", [b"short", LARGE], ids=["short", "large"])
@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_urllibs_handlers_open_our_connections(document, is_secure, client_context, server_context):
    tls = server_context if is_secure else None
    with DocumentServer({"/d": ("text/plain", document)}, tls=tls) as server:
        opener = urllib.request.build_opener(OurHandler(client_context))
        with opener.open(server.url + "d") as reply:
            assert (reply.status, reply.msg, reply.headers["Content-Type"]) == (
                *(200, "OK"),
                "text/plain",
            )
            assert reply.url == server.url + "d"
            assert reply.read(2) + reply.read() == document
        with pytest.raises(urllib.request.HTTPError) as caught:
            opener.open(server.url + "none")
        assert (caught.value.code, caught.value.read()) == (404, b"there is no such document")
        caught.value.close()


class OurLogHandler(logging.handlers.HTTPHandler):
    """Python's own handler, over our connection, which it closes."""

    connection = None

    def getConnection(self, host, secure):
        self.connection = HTTPConnection(host)
        return self.connection

    def close(self):
        self.connection.close()
        super().close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_records_are_logged_to_a_server(method, echo_server):
    handler = OurLogHandler(f"127.0.0.1:{echo_server.port}", "/log", method)
    record = logging.makeLogRecord({"msg": "it happened", "name": "here"})
    handler.handle(record)
    handler.close()
    (account,) = echo_server.requests
    assert account["method"] == method
    sent = account["path"].encode() + base64.b64decode(account["body"])
    assert b"msg=it+happened" in sent


# --- http.client's names, replaced


def test_a_program_that_was_given_our_names_catches_what_it_caught(monkeypatch):
    monkeypatch.setattr(http.client, "HTTPConnection", HTTPConnection)
    with ScriptedServer([[Expect(), Close()]]) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/")
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()
        with pytest.raises(http.client.ResponseNotReady):
            connection.getresponse()
        connection.close()


@pytest.mark.parametrize("leave", [Close(), HalfClose(), Reset()])
def test_a_program_asks_again_once_where_the_connection_had_died(leave):
    """As httplib2 and many others do."""
    with ScriptedServer([[HELLO, ExpectHead(), leave], [HELLO]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port)
        bodies = []
        for _ in range(2):
            for attempt in (1, 2):
                try:
                    if connection.sock is None:
                        connection.connect()
                    connection.request("GET", "/")
                    bodies.append(connection.getresponse().read())
                    break
                except (ConnectionError, http.client.HTTPException):
                    connection.close()
                    if attempt == 2:
                        raise
        connection.close()
    assert bodies == [b"hello", b"hello"]
    assert len(server.connections) == 2


def test_threads_share_a_connection_behind_a_lock(echo_server):
    connection = HTTPConnection("127.0.0.1", echo_server.port)
    lock = threading.Lock()
    seen = []

    def ask(number):
        for _ in range(5):
            with lock:
                connection.request("GET", f"/{number}")
                seen.append(json.load(connection.getresponse())["path"] == f"/{number}")

    threads = [threading.Thread(target=ask, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connection.close()
    assert seen == [True] * 20
    assert echo_server.connections == 1
