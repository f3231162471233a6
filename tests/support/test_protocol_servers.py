"""The servers of docs/extending.md's examples keep to their protocols, as other clients see it."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import poplib
import socket
import urllib.request
from contextlib import closing
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from support.caches import SquidCache
from support.extending import shown
from support.pop3_server import pop3_server
from support.proxies import find_program
from support.servers import ScriptedServer
from support.signature_server import SignatureServer
from support.ssdp_server import Devices
from support.websocket_server import SAMPLE_ANSWER, SAMPLE_KEY, answer_to, websocket_server

if TYPE_CHECKING:
    from support.certificates import Certificates
    from support.connections import Connection

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

PATIENCE = 10.0


def test_what_an_example_defines_is_had_as_attributes() -> None:
    assert callable(shown("Daytime").daytime)


# --- POP3


def test_mail_is_given_over_tls_alone(certificates: Certificates) -> None:
    message = b"Subject: Dots\r\n\r\n.\r\n..\r\nend\r\n"
    with pop3_server(certificates.good.server_context(), [message]) as server:
        client = poplib.POP3("localhost", server.port, timeout=PATIENCE)
        with closing(client):
            with pytest.raises(poplib.error_proto, match="not without TLS"):
                client.user("me")
            client.stls(certificates.client_context())
            with pytest.raises(poplib.error_proto, match="who are you"):
                client.list()
            client.user("me")
            client.pass_("secret")
            assert client.list()[1] == [b"1 %d" % len(message)]
            assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == message
            with pytest.raises(poplib.error_proto, match="no such thing"):
                client.retr(2)
            assert client.quit() == b"+OK goodbye"


def test_a_wrong_password_opens_no_mailbox(certificates: Certificates) -> None:
    with pop3_server(certificates.good.server_context()) as server:
        client = poplib.POP3("localhost", server.port, timeout=PATIENCE)
        with closing(client):
            client.stls(certificates.client_context())
            client.user("me")
            with pytest.raises(poplib.error_proto, match="that is not it"):
                client.pass_("guess")
            with pytest.raises(poplib.error_proto, match="who are you"):
                client.list()


# --- WebSocket

HANDSHAKE = (
    "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {SAMPLE_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MASKED_HELLO = bytes.fromhex("818537fa213d7f9f4d5158")  # RFC 6455 section 5.7
HELLO = bytes.fromhex("810548656c6c6f")


def replies(server: ScriptedServer, *sent: bytes) -> list[bytes]:
    """What comes back for each of these, taken to be one packet at most."""
    with socket.create_connection(server.address, timeout=PATIENCE) as client:
        received = []
        for data in sent:
            client.sendall(data)
            received.append(client.recv(1 << 17))
        return received


def test_the_websocket_server_knows_the_examples_of_the_rfc() -> None:
    assert answer_to(SAMPLE_KEY) == SAMPLE_ANSWER
    with websocket_server() as server:
        head, echo = replies(server, HANDSHAKE.encode(), MASKED_HELLO)
    assert head.startswith(b"HTTP/1.1 101 ")
    assert f"\r\nSec-WebSocket-Accept: {SAMPLE_ANSWER}\r\n".encode() in head
    assert echo == HELLO


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("89820000000068 69", "8a026869"),  # a ping has its pong
        ("88820000000003e8", "880203e8"),  # a close is answered with the same
        ("81056865 6c6c6f", "880203ea"),  # not masked: 1002
        ("01820000000068 69", "880203ea"),  # a part of a message
        ("82820000000068 69", "880203ea"),  # binary
        ("81ff", "880203ea"),  # longer than is taken
        ("81fe007e00000000" + "78" * 126, "817e007e" + "78" * 126),
    ],
)
def test_other_frames_are_answered_as_they_must_be(sent: str, received: str) -> None:
    with websocket_server() as server:
        _, answer = replies(server, HANDSHAKE.encode(), bytes.fromhex(sent))
    assert answer == bytes.fromhex(received)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("GET", "POST"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("Upgrade: websocket", "Upgrade: chat"),
        ("Connection: Upgrade", "Connection: keep-alive"),
        ("Version: 13", "Version: 8"),
        (SAMPLE_KEY, "c2hvcnQ="),
        (SAMPLE_KEY, "no base64!"),
        ("Sec-WebSocket-Key", "X-Key"),
    ],
)
def test_a_handshake_that_lacks_something_is_refused(part: str, other: str) -> None:
    with websocket_server() as server:
        [answer] = replies(server, HANDSHAKE.replace(part, other).encode())
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_the_websocket_server_can_greet_and_can_answer_wrongly() -> None:
    with websocket_server(greeting=b"Hello", answer="wrong") as server:
        [answer] = replies(server, HANDSHAKE.encode())
    assert b"\r\nSec-WebSocket-Accept: wrong\r\n" in answer
    assert answer.endswith(b"\r\n\r\n" + HELLO)


# --- SSDP

SEARCH = b'M-SEARCH * HTTP/1.1\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n'


def test_each_device_answers_from_a_port_of_its_own() -> None:
    with Devices({"lamp": 2, "door": 1}) as devices, socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.sendto(SEARCH, devices.address)
        answers = [sock.recvfrom(2000) for _ in range(3)]
        assert devices.asked == [SEARCH]
    assert len({sender for _, sender in answers}) == 3
    kinds = [data.partition(b"\r\nST: ")[2].partition(b"\r\n")[0] for data, _ in answers]
    assert kinds == [b"lamp", b"lamp", b"door"]


@pytest.mark.parametrize(
    ("part", "other"),
    [
        (b"M-SEARCH", b"NOTIFY"),
        (b"ssdp:discover", b"ssdp:alive"),
        (b"MX: 1", b"MX: soon"),
        (b"ssdp:all", b"window"),
        (b"\r\n\r\n", b"\r\n"),
    ],
)
def test_what_is_no_search_has_no_answer(part: bytes, other: bytes) -> None:
    with Devices({"door": 1}) as devices, socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.sendto(SEARCH.replace(part, other), devices.address)
        sock.sendto(SEARCH.replace(b"ssdp:all", b"door"), devices.address)
        assert b"/door/1.xml" in sock.recv(2000)
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(2000)
        assert len(devices.asked) == 2


# --- signatures


@pytest.mark.parametrize(
    ("key", "status"), [(b"key", 200), (b"another", 403), (None, 403)], ids=repr
)
def test_requests_are_taken_with_the_right_signature_alone(key: bytes | None, status: int) -> None:
    fields = {}
    if key is not None:
        signed = b"POST /orders\n3 apples"
        fields["X-Signature"] = hmac.new(key, signed, hashlib.sha256).hexdigest()
    with SignatureServer(b"key") as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        with closing(client):
            client.request("POST", "/orders", b"3 apples", fields)
            reply = client.getresponse()
            reply.read()
    assert reply.status == status


# --- a cache


@pytest.mark.integration
def test_squid_caches_and_purges() -> None:
    if find_program("squid") is None:
        pytest.skip("squid is not installed (Debian: apt-get install squid)")
    page = (
        f"HTTP/1.1 200 OK\r\nDate: {formatdate(usegmt=True)}\r\nCache-Control: max-age=600\r\n"
        "Content-Length: 2\r\n\r\nok"
    ).encode()

    def serve(connection: Connection) -> None:
        while True:
            connection.read_request()
            connection.send(page)

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with ScriptedServer(handler=serve) as origin, SquidCache(origin.port) as cache:
        for asked, method in enumerate(["GET", "GET", "PURGE", "GET"]):
            request = urllib.request.Request(f"http://{cache.address}/page", method=method)
            with opener.open(request, timeout=PATIENCE) as reply:
                assert reply.status == 200
                reply.read()
            assert len(origin.requests) == (2 if asked == 3 else 1)
    assert [request.partition(" ")[0] for request in cache.requests] == [
        "GET",
        "GET",
        "PURGE",
        "GET",
    ]
