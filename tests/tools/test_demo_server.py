"""The demo's server: real HTTP/1.1, kept alive, counted."""

from __future__ import annotations

import gzip
import http.client
import socket

import pytest

from mini_http.tools.demo_server import HELLO, KILOBYTE, PAGES, TEXT, DemoServer


def fetched(
    connection: http.client.HTTPConnection, path: str, method: str = "GET", **fields: str
) -> tuple[int, bytes]:
    """Status and body, got by somebody else's client."""
    connection.request(method, path, b"data" if method in ("POST", "PUT") else None, fields)
    reply = connection.getresponse()
    return reply.status, reply.read()


def test_every_page_comes_over_one_connection(demo_server: DemoServer) -> None:
    connection = http.client.HTTPConnection(demo_server.host, demo_server.port)
    pages = {path: fetched(connection, path) for path in PAGES}
    assert pages == {
        "/hello": (200, HELLO),
        "/1k": (200, KILOBYTE),
        "/gzip": (200, TEXT),
        "/chunked": (200, HELLO.replace(b" ", b"\n")),
        "/moved": (302, b""),
    }
    status, coded = fetched(connection, "/gzip", **{"Accept-Encoding": "gzip"})
    assert (status, gzip.decompress(coded)) == (200, TEXT)
    for path in PAGES:
        assert fetched(connection, path, "HEAD")[1] == b""
    assert fetched(connection, "/missing") == (404, b"There is no such page.\n")
    assert fetched(connection, "/any", "POST") == (200, b"POST of 4 bytes\n")
    assert fetched(connection, "/any", "PUT") == (200, b"PUT of 4 bytes\n")
    connection.close()
    assert demo_server.connections == 1
    assert demo_server.requests == 2 * len(PAGES) + 4


def test_it_says_where_it_is(demo_server: DemoServer) -> None:
    assert demo_server.url == f"http://127.0.0.1:{demo_server.port}/"


def test_it_ends_though_connections_are_open() -> None:
    with DemoServer() as server:
        idle = http.client.HTTPConnection(server.host, server.port)
        assert fetched(idle, "/hello")[0] == 200
        gone = socket.create_connection((server.host, server.port))
        gone.close()
    with pytest.raises(http.client.RemoteDisconnected):
        fetched(idle, "/hello")
    idle.close()


def test_a_client_that_goes_away_is_no_fault(
    demo_server: DemoServer, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        raise ConnectionResetError
    except ConnectionResetError:
        demo_server.handle_error(None, ("127.0.0.1", 1))
    assert capsys.readouterr() == ("", "")


def test_a_connection_that_is_broken_at_the_end_does_no_harm() -> None:
    with DemoServer() as server, socket.socket() as never_connected:
        server._open.add(never_connected)
    assert server.connections == 0
