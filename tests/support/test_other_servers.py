"""The line servers and the echo server answer as their protocols say."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from support.line_servers import (
    NOON,
    QuoteServer,
    daytime_server,
    gopher_server,
)
from support.line_servers import (
    echo_server as line_echo_server,
)
from support.python_server import DocumentServer, EchoServer

if TYPE_CHECKING:
    from support.certificates import Certificates

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


def answer(address: tuple[str, int], sent: bytes, size: int = 1 << 16) -> bytes:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(size), b""))


def test_daytime_sends_a_line_and_closes() -> None:
    with daytime_server() as server:
        assert answer(server.address, b"") == NOON + b"\r\n"


def test_echo_sends_back_what_comes() -> None:
    with line_echo_server() as server:
        assert answer(server.address, b"half a line\r\nand") == b"half a line\r\nand"


def test_gopher_knows_a_menu_a_text_and_what_is_missing() -> None:
    with gopher_server() as server:
        assert answer(server.address, b"\r\n").startswith(b"iWelcome\t")
        assert answer(server.address, b"/about\r\n").endswith(b"The end.\r\n.\r\n")
        assert answer(server.address, b"/nowhere\r\n").startswith(b"3")
    assert server.connections[1].received == b"/about\r\n"


def test_the_quote_of_the_day_comes_by_datagram() -> None:
    with QuoteServer() as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.sendto(b"?", server.address)
        assert client.recv(1000) == server.quote
        assert server.asked == [b"?"]


def test_the_echo_server_accounts_for_the_request(echo_server: EchoServer) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", echo_server.port)) as connection:
        connection.request(
            "PURGE", "/a?b", iter([b"12", b"345"]), {"X-Y": "z"}, encode_chunked=True
        )
        first = json.loads(connection.getresponse().read())
        connection.request("PUT", "/", b"\xff")
        second = json.loads(connection.getresponse().read())
        connection.request("HEAD", "/")
        assert connection.getresponse().read() == b""
    assert first["method"] == "PURGE"
    assert first["path"] == "/a?b"
    assert first["version"] == "HTTP/1.1"
    assert ["X-Y", "z"] in first["headers"]
    assert base64.b64decode(first["body"]) == b"12345"
    assert base64.b64decode(second["body"]) == b"\xff"
    assert (first["connection"], first["request"]) == (0, 0)
    assert (second["connection"], second["request"]) == (0, 1)
    assert [account["method"] for account in echo_server.requests] == ["PURGE", "PUT", "HEAD"]


def test_the_old_echo_server_closes_after_each_reply(old_echo_server: EchoServer) -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert answer(("127.0.0.1", old_echo_server.port), request * 2).startswith(b"HTTP/1.0 200 OK")
    assert len(old_echo_server.requests) == 1


def test_the_echo_server_ends_while_a_connection_is_kept_alive(certificates: Certificates) -> None:
    with EchoServer(tls=certificates.good.server_context()) as server:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", server.port, context=certificates.client_context()
        )
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
    connection.close()


def test_a_fault_in_the_echo_server_is_raised_at_its_end() -> None:
    with pytest.raises(ValueError, match="invalid literal"), EchoServer() as server:
        request = b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"
        assert answer(("127.0.0.1", server.port), request) == b""


def test_documents_are_served_and_their_requests_and_connections_counted() -> None:
    with DocumentServer({"/a": ("text/csv", b"1,2\n")}) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port)
        with closing(client):
            for path, status in (("/a?query", 200), ("/b", 404), ("/a", 200)):
                client.request("GET", path)
                reply = client.getresponse()
                kind, body = reply.getheader("Content-Type"), reply.read()
                assert reply.status == status
            assert (kind, body) == ("text/csv", b"1,2\n")
        assert [request["path"] for request in server.requests] == ["/a?query", "/b", "/a"]
        assert server.connections == 1
