"""What comes over TLS while much is sent: nothing that has begun to go is lost, or waited for."""

import contextlib
import hashlib
import os
import socket
import ssl
import threading

import pytest
from support.held_tls import hold_tls
from support.servers import ScriptedServer
from support.steps import Pause
from support.waits import PATIENCE

from mini_http import Pool, Timeout, TLSSettings
from mini_http.base import errors
from mini_http.connect.dial import DialOptions
from mini_http.connect.proxy import Proxy
from mini_http.connect.tls_stream import PIECE_BYTES
from mini_http.exchange.request_body import request_body
from mini_http.keepalive.route import Route

OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
REFUSAL = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"

LITTLE = DialOptions(
    socket_options=(
        (socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    )
)
"""Far less than TLS encrypts at once: what it has begun to send is on hold soon."""
BODY_BYTES = 3 * PIECE_BYTES + 1
LITTLE_TAKEN = 16 * 1024
"""Bytes that a reader in no hurry takes at a time: enough for the client's system to go on."""
PACE = 0.05
"""Its seconds between two of them, unless the client leaves."""

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


@pytest.fixture
def context(certificates):
    """The server's."""
    return certificates.good.server_context()


@pytest.fixture
def send(certificates):
    """Sends a request to localhost over TLS, through a proxy in TLS if it is told to."""
    settings = TLSSettings(ca_file=certificates.ca_file)
    with Pool() as pool:

        def sending(server, body=None, fields=(), timeout=PATIENCE, through=False):
            route = Route("https", "localhost", server.port, settings, LITTLE)
            if through:
                proxy = Proxy("localhost", server.port, kind="https", tls=settings)
                route = route.replace(port=443, proxy=proxy)
            fields = [("Host", "localhost"), *fields]
            if body:
                fields.append(("Content-Length", str(len(body))))
            method = "POST" if body else "GET"
            return pool.send(route, method, "/", fields, request_body(body), Timeout.of(timeout))

        yield sending


def read_beginning(held):
    """A request's head and the first of its body: by then the client has encrypted the first piece
    of it, of which not all can go before this end reads on.
    """
    head = held.read_head()
    assert b"Content-Length" in head
    return held.read(1)


def tell_digest(held, beginning):
    """Reads the rest of a body, and replies with the SHA-256 of all of it."""
    body = beginning + held.read(BODY_BYTES - len(beginning))
    digest = hashlib.sha256(body).hexdigest().encode()
    held.send(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + digest)


def tickets(held):
    yield held.tls.held_back()


def interim_reply_in_halves(held):
    yield held.tls.held_back()
    record = held.tls.record(HINTS)
    yield record[:20]
    yield record[20:]


def begin_of_record(held):
    """The length of a record, and no more of it before the rest, in which another one begins."""
    tickets, hints = held.tls.held_back(), held.tls.record(HINTS)
    yield tickets[:5]
    yield tickets[5:] + hints[:1]
    yield hints[1:]


@pytest.mark.parametrize("meanwhile", [tickets, interim_reply_in_halves, begin_of_record])
def test_what_comes_during_an_upload_takes_nothing_away_from_it(context, send, meanwhile):
    body = os.urandom(BODY_BYTES)

    def handler(connection):
        held = hold_tls(connection, context)
        beginning = read_beginning(held)
        pieces = list(meanwhile(held))
        assert all(pieces)
        connection.send_split(pieces)
        tell_digest(held, beginning)
        connection.drain()

    with ScriptedServer(handler=handler) as server:
        reply = send(server, body)
        assert (reply.status, reply.read()) == (200, hashlib.sha256(body).hexdigest().encode())


def test_a_refusal_in_parts_is_read_though_the_server_takes_no_more(context, send):
    resumed = Pause()

    def handler(connection):
        held = hold_tls(connection, context)
        read_beginning(held)
        first, last = held.tls.record(REFUSAL[:30]), held.tls.record(REFUSAL[30:])
        connection.send_split([first, last[:20], last[20:]])
        resumed(connection)

    with ScriptedServer(handler=handler) as server:
        try:
            reply = send(server, bytes(BODY_BYTES), timeout=5)
            assert (reply.status, reply.read()) == (413, b"no")
        finally:
            resumed.resume.set()


def test_a_client_certificate_that_is_missed_during_an_upload_is_asked_for_in_words(
    certificates, context, send
):
    resumed = Pause()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.ca_file)

    def handler(connection):
        held = hold_tls(connection, context)
        connection.read(1)  # the client took the handshake for done
        connection.send(held.tls.held_back())
        # It does not read on.
        resumed(connection)

    with ScriptedServer(handler=handler) as server:
        try:
            with pytest.raises(errors.TLSFailed) as caught:
                send(server, bytes(3_000_000))
        finally:
            resumed.resume.set()
    assert "the server wants a client certificate (cert_file, --cert)" in str(caught.value)


@pytest.mark.parametrize("through", [False, True], ids=["TLS", "TLS in TLS"])
def test_a_server_that_takes_little_at_a_time_does_not_outlast_the_total(context, send, through):
    much = "x" * 2_000_000
    client_left = threading.Event()
    taken = []

    def handler(connection):
        held = hold_tls(connection, context)
        connection.send(held.tls.held_back())
        if through:
            held.read_head()
            held.send(OPENED)
            inner = hold_tls(held, context)
            held.send(inner.tls.held_back())
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE_TAKEN)
        with contextlib.suppress(ConnectionError):
            while not client_left.wait(PACE):
                taken.append(connection.sock.recv(LITTLE_TAKEN))

    with ScriptedServer(handler=handler) as server:
        try:
            with pytest.raises(errors.TotalTimedOut):
                send(server, fields=[("X-Much", much)], timeout=Timeout(total=0.5), through=through)
        finally:
            client_left.set()
    # Had it gone on to the end of a sending, that would be nearly all, and take seconds.
    assert 0 < sum(map(len, taken)) < len(much) / 2, "it left in the midst of the head"
