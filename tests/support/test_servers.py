"""The scripted server sends and records exact bytes, and tells the test what went wrong in it."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest

from support.connections import Connection
from support.ipv6 import needs_ipv6
from support.servers import ScriptedServer
from support.steps import (
    Close,
    Drain,
    Expect,
    ExpectBody,
    ExpectBytes,
    ExpectHead,
    ExpectUntil,
    HalfClose,
    Pause,
    Reset,
    Send,
    SendSplit,
    StartTLS,
)

if TYPE_CHECKING:
    from pathlib import Path

    from support.certificates import Certificates
    from support.steps import Step

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
REPLY = b"HTTP/1.1 204 No Content\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: 1\r\n\r\n"
SIZED = b"PUT / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


def connect(server: ScriptedServer) -> socket.socket:
    return socket.create_connection(server.address, timeout=10)


def everything(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(100), b""))


def test_bytes_are_sent_after_a_whole_request_and_then_it_closes() -> None:
    with ScriptedServer([REPLY]) as server:
        with connect(server) as client:
            client.sendall(GET)
            assert everything(client) == REPLY
        assert server.url == f"http://127.0.0.1:{server.port}/"
    assert server.requests == [GET]
    assert len(server.connections) == 1


@pytest.mark.parametrize("request_bytes", [GET, CHUNKED, SIZED])
def test_a_request_is_whole_with_its_body(request_bytes: bytes) -> None:
    with ScriptedServer([[REPLY, REPLY]]) as server, connect(server) as client:
        client.sendall(request_bytes + GET)
        assert everything(client) == REPLY * 2
    assert server.requests == server.connections[0].requests == [request_bytes, GET]
    assert server.connections[0].received == request_bytes + GET


def test_each_connection_has_its_script() -> None:
    with ScriptedServer([[Send(b"one")], [Send(b"two")]]) as server:
        for reply in (b"one", b"two"):
            with connect(server) as client:
                assert everything(client) == reply
    assert [connection.index for connection in server.connections] == [0, 1]


def test_the_last_script_can_serve_all_further_connections() -> None:
    with ScriptedServer([[Send(b"x")]], again=True) as server:
        for _ in range(3):
            with connect(server) as client:
                assert everything(client) == b"x"
    assert len(server.connections) == 3


def test_a_connection_without_a_script_is_told_at_exit() -> None:
    fault = pytest.raises(AssertionError, match="too many: 1 came, 0 are scripted")
    with fault, ScriptedServer() as server, connect(server) as client:
        assert everything(client) == b""


def test_a_connection_that_was_never_accepted_counts_too() -> None:
    with ScriptedServer([[]], again=True) as server:
        for _ in range(5):
            connect(server).close()
    assert len(server.connections) == 5


def test_an_error_in_the_handler_is_raised_at_exit() -> None:
    def fail(connection: Connection) -> None:
        raise ZeroDivisionError

    fault = pytest.raises(ZeroDivisionError)
    with fault, ScriptedServer(handler=fail) as server, connect(server) as client:
        assert everything(client) == b""


def test_an_error_in_the_test_is_not_hidden_by_one_in_the_server() -> None:
    fault = pytest.raises(KeyError)
    with fault as caught, ScriptedServer() as server, connect(server) as client:
        everything(client)
        raise KeyError
    assert "a connection too many" in caught.value.__notes__[0]


def test_a_client_that_goes_away_is_no_error() -> None:
    with ScriptedServer([[Expect(), Send(b"never")], [HalfClose()]]) as server:
        with connect(server) as client:
            client.sendall(b"GET / HT")
        with connect(server) as client:
            assert everything(client) == b""
    assert server.requests == []
    assert server.connections[0].received == b"GET / HT"


def test_steps_read_as_much_as_they_say() -> None:
    script: list[Step] = [
        ExpectHead(),
        Send(b"1"),
        ExpectBody(),
        ExpectBytes(2),
        ExpectUntil(b"\n"),
        Send(b"2"),
    ]
    with ScriptedServer([script]) as server, connect(server) as client:
        client.sendall(SIZED[:-3])
        assert client.recv(1) == b"1"
        client.sendall(b"abc" + b"\x05\x01" + b"line\n")
        assert everything(client) == b"2"
    assert server.requests == [SIZED]


def test_a_pause_lasts_until_the_test_ends_it() -> None:
    pause = Pause()
    with ScriptedServer([[Send(b"a"), pause, Send(b"b")]]) as server, connect(server) as client:
        assert pause.reached.wait(10)
        assert client.recv(9) == b"a"
        pause.resume.set()
        assert everything(client) == b"b"


def test_a_pause_ends_with_the_server() -> None:
    pause = Pause()
    with ScriptedServer([[pause]]) as server, connect(server):
        assert pause.reached.wait(10)
    assert len(server.connections) == 1


def test_a_reset_is_a_reset() -> None:
    with ScriptedServer([[Expect(), Reset()]]) as server, connect(server) as client:
        client.sendall(GET)
        with pytest.raises(ConnectionResetError):
            everything(client)


def test_a_close_with_bytes_unread_is_a_reset_and_a_half_close_is_not() -> None:
    pause = Pause()
    with ScriptedServer([[ExpectBytes(1), pause, Close()], [Send(REPLY), HalfClose()]]) as server:
        with connect(server) as client:
            client.sendall(GET)
            client.sendall(GET)
            pause.reached.wait(10)
            client.sendall(GET)
            pause.resume.set()
            with pytest.raises(ConnectionResetError):
                everything(client)
        with connect(server) as client:
            client.sendall(GET)
            assert everything(client) == REPLY
    assert server.connections[1].received == GET


def test_draining_reads_until_the_client_closes() -> None:
    with ScriptedServer([[Drain()]]) as server:
        with connect(server) as client:
            client.sendall(GET)
            client.shutdown(socket.SHUT_WR)
            assert everything(client) == b""
        assert server.connections[0].received == GET


@pytest.mark.parametrize("at", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_the_client_receives_split_pieces_one_by_one(at: str) -> None:
    pieces = [b"a", b"bc", b"d" * 1000, b"e"] * 20
    with ScriptedServer([[SendSplit(pieces)]], at=at) as server, connect(server) as client:
        assert list(iter(lambda: client.recv(1 << 16), b"")) == pieces


@needs_ipv6
def test_it_serves_at_an_ipv6_address() -> None:
    with ScriptedServer([[Send(b"6")]], at="::1") as server, connect(server) as client:
        assert everything(client) == b"6"
        assert server.url == f"http://[::1]:{server.port}/"


def test_it_serves_at_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    script = [SendSplit([b"u", b"x"])]
    with ScriptedServer([script], at=path), socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        assert everything(client) == b"ux"
    assert list(tmp_path.iterdir()) == []


def test_it_serves_over_tls_from_the_start(certificates: Certificates) -> None:
    with ScriptedServer([REPLY], tls=certificates.good.server_context()) as server:
        assert server.url.startswith("https://")
        with certificates.client_context().wrap_socket(
            connect(server), server_hostname="localhost"
        ) as client:
            client.sendall(GET)
            assert everything(client) == REPLY
    assert server.requests == [GET]


def test_it_turns_to_tls_in_the_middle(certificates: Certificates) -> None:
    script: list[Step] = [
        ExpectUntil(b"\n"),
        Send(b"go\n"),
        StartTLS(certificates.good.server_context()),
        REPLY,
    ]
    with ScriptedServer([script]) as server:
        plain = connect(server)
        plain.sendall(b"STARTTLS\n")
        assert plain.recv(10) == b"go\n"
        context = certificates.client_context()
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as client:
            client.sendall(GET)
            assert everything(client) == REPLY


def test_a_client_that_refuses_the_certificate_is_no_error(certificates: Certificates) -> None:
    expired = certificates.expired.server_context()
    refusal = pytest.raises(ssl.SSLError, match="expired")
    with ScriptedServer([REPLY], tls=expired) as server, connect(server) as plain, refusal:
        certificates.client_context().wrap_socket(plain, server_hostname="localhost")
    assert server.requests == []
