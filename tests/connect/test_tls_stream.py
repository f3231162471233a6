"""TLSStream: TLS over streams that are no plain sockets, TLS itself among them."""

import contextlib
import hashlib
import itertools
import os
import socket
import ssl
import threading

import pytest
from support.connections import ClientGone
from support.peers import end_in_tls
from support.servers import ScriptedServer
from support.steps import Close, Drain, ExpectBytes, Pause, Reset, Send, StartTLS
from support.streams import ScriptedStream
from support.waits import PATIENCE, SOON

from mini_http import HTTPClient, Pool, Timeout, TLSSettings
from mini_http.base import errors
from mini_http.connect import tls_stream
from mini_http.connect.proxy import Proxy
from mini_http.connect.simple_client import SimpleClient
from mini_http.connect.streams import (
    can_send_some,
    is_only_waiting,
    is_plain,
    try_send,
    wait_to_send,
)
from mini_http.connect.tls_stream import PIECE_BYTES, TLSStream
from mini_http.connect.tunnel import open_tunnel
from mini_http.exchange.request_body import request_body
from mini_http.keepalive.route import Route

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"

pytestmark = pytest.mark.usefixtures("no_descriptors_leak_from_all_of_this")


@pytest.fixture(scope="module")
def secured(certificates):
    """A step: TLS begins at the server's end."""
    return StartTLS(certificates.good.server_context())


@pytest.fixture(params=["TCP", "TLS"])
def over(request, certificates, secured):
    """Makes a server whose script goes on in TLS, and a TLSStream to it, over one or the other."""
    opened = contextlib.ExitStack()

    def make(*script, within=request.param, hand_shake=True, context=None):
        steps = [secured] if within == "TLS" else []
        scripted = [[*steps, *([secured] if hand_shake else []), *script]]
        server = opened.enter_context(ScriptedServer(scripted))
        client = SimpleClient(*server.address)
        if within == "TLS":
            client.starttls("localhost", trusting(certificates))
        stream = TLSStream(client.detach(), context or certificates.client_context(), "localhost")
        opened.callback(stream.close)
        stream.settimeout(PATIENCE)
        if hand_shake:
            stream.do_handshake()
        return stream

    make.stop = opened.close
    with opened:
        yield make


@pytest.fixture
def over_socket(certificates, secured):
    """Makes a TLSStream over a socket to a server whose script goes on in TLS."""
    with contextlib.ExitStack() as opened:

        def make(*script):
            server = opened.enter_context(ScriptedServer([[secured, *script]]))
            sock = opened.enter_context(socket.create_connection(server.address))
            # Less than a piece: so none goes at once.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE_BYTES // 4)
            stream = TLSStream(sock, certificates.client_context(), "localhost")
            stream.settimeout(PATIENCE)
            stream.do_handshake()
            return stream

        yield make


def trusting(certificates):
    return TLSSettings(ca_file=certificates.ca_file)


def read_all(stream, size):
    """So many bytes of a stream."""
    data = b""
    while len(data) < size:
        piece = stream.recv(size - len(data))
        assert piece, "it ended early"
        data += piece
    return data


# --- bytes


def test_bytes_go_both_ways(over):
    stream = over(ExpectBytes(4), Send(b"pong"), Drain())
    stream.sendall(b"ping")
    assert read_all(stream, 4) == b"pong"


def test_bytes_are_received_into_a_buffer(over):
    stream = over(Send(b"hello"), Drain())
    buffer = bytearray(b"-" * 8)
    count = 0
    while count < 5:
        count += stream.recv_into(memoryview(buffer)[count:])
    assert (count, bytes(buffer)) == (5, b"hello---")


def test_a_part_of_a_record_waits_for_the_next_recv(over):
    stream = over(Send(b"hello"), Drain())
    assert stream.recv(2) == b"he"
    assert stream.pending() == 3
    assert stream.recv(100) == b"llo"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_megabytes_go_both_ways(over, kind):
    body = os.urandom(4 * PIECE_BYTES + 1)
    echoed = threading.Event()

    def echo(connection):
        connection.send(connection.read(len(body)))
        echoed.set()
        connection.drain()

    stream = over(echo)
    stream.sendall(kind(body))
    assert hashlib.sha256(read_all(stream, len(body))).digest() == hashlib.sha256(body).digest()
    assert echoed.is_set()


def test_sending_nothing_sends_nothing(over):
    stream = over(Close())
    stream.sendall(b"")
    with pytest.raises(ssl.SSLEOFError):
        stream.recv(1)


def send_some(stream, data):
    """Sends what goes without waiting, until nothing goes or all has gone; returns the rest."""
    data = memoryview(data)
    while data and wait_to_send(stream._stream, 0)[1]:
        data = data[try_send(stream, data) :]
    return data


def test_what_does_not_go_at_once_goes_later(over_socket):
    body = os.urandom(64 * PIECE_BYTES)
    begin = Pause()
    stream = over_socket(begin, lambda peer: peer.send(peer.read(len(body) + 4)[-8:]), Drain())
    rest = send_some(stream, body)
    assert 0 < len(rest) <= len(body)
    begin.resume.set()
    while rest:
        wait_to_send(stream._stream, PATIENCE, or_for_input=False)
        rest = rest[try_send(stream, rest) :]
    stream.sendall(b"end!")
    assert read_all(stream, 8) == body[-4:] + b"end!"


def test_what_tls_itself_has_to_say_does_not_overtake_what_was_begun(over_socket):
    body = os.urandom(64 * PIECE_BYTES)
    begin = Pause()
    stream = over_socket(begin, lambda peer: peer.send(peer.read(len(body))[-4:]), Drain())
    rest = send_some(stream, body)
    begin.resume.set()
    stream._flush()
    while rest:
        wait_to_send(stream._stream, PATIENCE, or_for_input=False)
        rest = rest[try_send(stream, rest) :]
    assert read_all(stream, 4) == body[-4:]


def test_nothing_is_sent_where_there_is_nothing_to_say(certificates, secured):
    sent = []

    class Watched:
        """As TLS below: no socket, so all is sent at once."""

        def __init__(self, sock):
            self.recv, self.settimeout, self.fileno = sock.recv, sock.settimeout, sock.fileno
            self.sock, self.close = sock, sock.close

        def sendall(self, data):
            sent.append(bytes(data))
            self.sock.sendall(data)

    with ScriptedServer([[secured, Send(b"hello"), Drain()]]) as server:
        sock = socket.create_connection(server.address)
        with contextlib.closing(
            TLSStream(Watched(sock), certificates.client_context(), "localhost")
        ) as stream:
            stream.do_handshake()
            stream.sendall(b"")
            stream.recv_into(bytearray(5))
    assert sent
    assert b"" not in sent


def test_what_the_peer_has_said_can_be_read_where_nothing_can_be_sent(over_socket):
    stream = over_socket(Send(b"bye"), Drain())
    stream._stream.shutdown(socket.SHUT_WR)
    with pytest.raises(BrokenPipeError):
        stream.sendall(b"x")
    buffer = bytearray(3)
    assert stream.recv_into(buffer) == 3
    assert buffer == b"bye"


def test_reading_waits_no_longer_for_a_peer_that_takes_nothing(over_socket):
    begin = Pause()
    stream = over_socket(begin, Drain())
    stream.settimeout(SOON)
    for step in (
        lambda: stream.sendall(bytes(64 * PIECE_BYTES)),
        lambda: stream.recv_into(bytearray(1)),
    ):
        with pytest.raises((TimeoutError, BlockingIOError)):
            step()
    begin.resume.set()


# --- the end


def test_an_end_that_is_said_is_the_end(over):
    stream = over(Send(b"bye"), end_in_tls)
    assert read_all(stream, 3) == b"bye"
    assert stream.recv(1) == b""
    assert stream.recv_into(bytearray(1)) == 0


def test_an_end_that_is_not_said_is_an_error(over):
    stream = over(Send(b"bye"), Close())
    assert read_all(stream, 3) == b"bye"
    for _ in range(2):
        with pytest.raises(ssl.SSLEOFError):
            stream.recv(1)


def test_an_end_that_is_said_below_only_is_an_error(over):
    def end_below(connection):
        connection.sock = connection.sock.below
        end_in_tls(connection)

    stream = over(Send(b"bye"), end_below, within="TLS")
    assert read_all(stream, 3) == b"bye"
    with pytest.raises(ssl.SSLEOFError):
        stream.recv(1)


def test_a_reset_is_an_error(over):
    stream = over(ExpectBytes(1), Reset(), within="TCP")
    stream.sendall(b"x")
    with pytest.raises(ConnectionResetError):
        stream.recv(1)


def test_an_end_in_the_handshake_is_an_error(over):
    stream = over(Close(), hand_shake=False)
    with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
        stream.do_handshake()


def test_what_is_no_tls_is_an_error(over):
    stream = over(Send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Drain(), hand_shake=False)
    with pytest.raises(ssl.SSLError, match="WRONG_VERSION_NUMBER"):
        stream.do_handshake()


def test_a_wrong_certificate_is_told_to_the_server_and_to_us(over, certificates):
    told = []

    def shake_hands(connection):
        try:
            connection.start_tls(certificates.good.server_context())
        except ClientGone as gone:
            told.append(gone.__cause__.reason)

    stranger = ssl.create_default_context()  # it knows nothing of the authority of these tests
    stream = over(shake_hands, hand_shake=False, context=stranger)
    with pytest.raises(ssl.SSLCertVerificationError):
        stream.do_handshake()
    stream.close()
    over.stop()
    assert told == ["TLSV1_ALERT_UNKNOWN_CA"]


def test_the_reason_is_told_though_the_alert_can_not_be_sent():
    class OneWay(ScriptedStream):
        def sendall(self, data, flags=0):
            if self.receives:
                raise BrokenPipeError
            super().sendall(data)

    stream = TLSStream(OneWay([b"no TLS at all"]), ssl.create_default_context(), "localhost")
    with pytest.raises(ssl.SSLError, match=r"WRONG_VERSION_NUMBER|RECORD"):
        stream.do_handshake()


# --- time


def test_a_wait_is_bounded_and_loses_nothing(over):
    later = Pause()
    stream = over(later, Send(b"hello"), Drain())
    stream.settimeout(SOON)
    with pytest.raises(OSError) as caught:
        stream.recv(1)
    assert is_only_waiting(caught.value)
    stream.settimeout(0)
    with pytest.raises(OSError) as caught:
        stream.recv(1)
    assert is_only_waiting(caught.value)
    later.resume.set()
    stream.settimeout(PATIENCE)
    assert read_all(stream, 5) == b"hello"


def test_a_handshake_is_bounded(over):
    stream = over(Drain(), hand_shake=False)
    stream.settimeout(SOON)
    with pytest.raises((TimeoutError, BlockingIOError)):
        stream.do_handshake()


def test_a_peer_that_trickles_does_not_outlast_the_wait(monkeypatch):
    """Each byte comes in time, and the record never ends."""
    seconds = itertools.count()
    monkeypatch.setattr(tls_stream, "monotonic", lambda: float(next(seconds)))
    below = ScriptedStream(itertools.chain([b"\x16\x03\x03\x40\x00"], itertools.repeat(b"\0")))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stream = TLSStream(below, context, b"localhost")
    stream.settimeout(5)
    with pytest.raises(TimeoutError):
        stream.do_handshake()
    assert below.receives < 6
    assert below.timeouts[-1] == 5


# --- as a stream of a client


def test_it_is_a_stream_but_no_socket(over):
    stream = over(Drain())
    is_over_socket = isinstance(stream._stream, socket.socket)
    assert (is_plain(stream), can_send_some(stream)) == (False, is_over_socket)
    assert stream.fileno() >= 0
    stream.close()
    stream.close()
    assert stream.fileno() == -1


def test_session_tickets_are_no_input(over):
    later = Pause()
    stream = over(ExpectBytes(4), Send(b"x"), later, Send(b"y"), Drain())
    client = SimpleClient.over(stream, timeout=PATIENCE)
    client.write(b"ping")
    assert client.read(1) == b"x"
    assert not client.has_input()  # though its tickets may have come
    later.resume.set()
    assert client.wait_for_input(PATIENCE)
    assert client.read(1) == b"y"


def test_what_is_decrypted_already_is_input(over):
    stream = over(Send(b"hello"), Drain())
    client = SimpleClient.over(stream, timeout=PATIENCE)
    assert client.read_some(2) == b"he"
    assert client.has_input()
    assert client.read(3) == b"llo"


def test_the_end_is_input(over):
    stream = over(ExpectBytes(1), end_in_tls, Close())
    client = SimpleClient.over(stream, timeout=PATIENCE)
    client.write(b"x")
    assert client.wait_for_input(PATIENCE)
    assert client.read() == b""


def test_a_broken_end_is_an_error_of_the_client(over):
    stream = over(Close())
    with pytest.raises(errors.ConnectionBroken):
        SimpleClient.over(stream, timeout=PATIENCE).readline()


def test_it_tells_what_an_ssl_socket_tells(over, certificates):
    context = certificates.client_context()
    context.set_alpn_protocols(["http/1.1"])
    stream = over(Drain(), context=context)
    assert stream.context is context
    assert stream.version() == "TLSv1.3"
    assert stream.cipher()[1] == "TLSv1.3"
    assert ("DNS", "localhost") in stream.getpeercert()["subjectAltName"]
    assert ssl.DER_cert_to_PEM_cert(stream.getpeercert(True)).encode() in (
        certificates.good.chain.read_bytes().replace(b"\r\n", b"\n")
    )
    assert stream.selected_alpn_protocol() is None
    assert stream.session_reused is False


def test_a_certificate_that_is_refused_within_tls_is_described(certificates, secured):
    wrong = StartTLS(certificates.wrong_name.server_context())
    with (
        ScriptedServer([[secured, wrong, Drain()]]) as server,
        SimpleClient(*server.address) as client,
    ):
        client.starttls("localhost", trusting(certificates))
        with pytest.raises(errors.TLSFailed, match=r"for elsewhere\.example"):
            client.starttls("localhost", trusting(certificates))
        assert client.closed


def test_a_session_is_resumed(certificates, secured):
    context = certificates.client_context()
    session = None
    with ScriptedServer([[secured, secured, Send(b"x"), Drain()]] * 2) as server:
        for reused in (False, True):
            with SimpleClient(*server.address) as client:
                client.starttls("localhost", trusting(certificates))
                stream = TLSStream(client.detach(), context, "localhost", session)
                stream.do_handshake()
                assert stream.recv(1) == b"x"
                assert stream.session_reused is reused
                session = stream.session
                stream.close()


# --- TLS in TLS, all the way up


def test_an_http_client_speaks_over_it(certificates, secured):
    settings = trusting(certificates)
    with ScriptedServer([[secured, OPENED, secured, HELLO, HELLO, Drain()]]) as server:
        sock = socket.create_connection(server.address)
        with HTTPClient.over(sock, timeout=PATIENCE) as client:
            client.starttls("localhost", settings)
            open_tunnel(client, "localhost", 443)
            client.starttls("localhost", settings)
            for _ in range(2):
                assert client.get("/")[0] == 200
                assert client.getbody() == b"hello"
    connect, *gets = server.requests
    assert connect.startswith(b"CONNECT localhost:443 HTTP/1.1\r\n")
    assert len(gets) == 2


def test_a_pool_keeps_connections_with_tls_in_tls(certificates, secured):
    settings = trusting(certificates)
    body = os.urandom(1 << 20)
    script = [secured, OPENED, secured, *[HELLO] * 3, Drain()]
    with ScriptedServer([script]) as server, Pool() as pool:
        proxy = Proxy("localhost", server.port, kind="https", tls=settings)
        route = Route("https", "localhost", 443, settings, proxy=proxy)
        for sent in (None, body, None):
            fields = [("Host", "localhost")]
            if sent:
                fields.append(("Content-Length", str(len(sent))))
            method = "POST" if sent else "GET"
            reply = pool.send(route, method, "/", fields, request_body(sent), Timeout(PATIENCE))
            assert reply.read() == b"hello"
        assert (pool.opened, pool.idle_count()) == (1, 1)
    connect, _, post, _ = server.requests
    assert connect == b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n"
    assert post.endswith(body)
