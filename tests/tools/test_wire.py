"""Watching clients: what is shown, what is remembered, and that secrets are in neither line."""

from __future__ import annotations

import pytest
from support.certificates import Certificates
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.steps import ExpectUntil

from mini_http.base import errors
from mini_http.base.timeouts import Timeout
from mini_http.connect.tls import TLSSettings
from mini_http.exchange.client import HTTPClient
from mini_http.keepalive.route import Route
from mini_http.tools.wire import (
    NOWHERE,
    Wire,
    shown_lines,
    watched_client,
    watched_pool,
    without_passwords,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
TIMEOUT = Timeout(10, 10)


def host_fields(port: int) -> list[tuple[str, str]]:
    return [("Host", f"localhost:{port}")]


def test_heads_and_connections_are_shown_line_by_line() -> None:
    lines: list[str] = []
    wire = Wire(lines.append)
    with (
        ScriptedServer([[OK + b"ab", OK + b"cd"]]) as server,
        watched_client(wire)(server.authority) as http,
    ):
        where = server.authority
        http.get("/a")
        http.getbody()
        http.httpcmd("POST", "/b", [("X", "y")], b"body")
        assert http.getbody() == b"cd"
    reply = ["< HTTP/1.1 200 OK", "< Content-Length: 2", "<", "* the connection stays open"]
    assert lines == [
        f"* connected to {where}",
        *["> GET /a HTTP/1.1", f"> Host: {where}", ">", *reply],
        f"* reusing the connection to {where}",
        *["> POST /b HTTP/1.1", f"> Host: {where}", "> X: y", "> Content-Length: 4", ">", *reply],
    ]


def test_watching_shows_why_a_connection_closes() -> None:
    lines: list[str] = []
    reply = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with (
        ScriptedServer([reply]) as server,
        watched_client(Wire(lines.append))(server.authority) as http,
    ):
        http.get("/")
    assert lines[-1] == "* closing the connection: the reply said Connection: close"


def test_interim_heads_and_heads_at_fault_are_shown_too() -> None:
    lines: list[str] = []
    wire = Wire(lines.append)
    with (
        ScriptedServer(
            [b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nno colon\r\n\r\n"]
        ) as server,
        watched_client(wire)(server.authority) as http,
        pytest.raises(errors.BadField),
    ):
        http.get("/")
    assert wire.heads == [b"HTTP/1.1 103 Early\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"]
    assert "< no colon" in lines
    assert lines[-1] == "* closing the connection: the server broke the protocol"


def test_a_wire_remembers_one_transfer_at_a_time() -> None:
    times = iter(range(100))
    wire = Wire(clock=lambda: next(times))
    with ScriptedServer([[OK + b"ab", OK + b"cd"]]) as server, watched_pool(wire) as pool:
        route = Route("http", "127.0.0.1", server.port)
        pool.send(route, "GET", "/", host_fields(server.port), timeout=TIMEOUT).read()
        assert wire.connects == 1
        assert wire.remote == ("127.0.0.1", server.port)
        assert wire.local[0] == "127.0.0.1"
        assert wire.sent_head.startswith(b"GET / HTTP/1.1\r\nHost: localhost")
        assert 0 < wire.connected_after < wire.replied_after < wire.elapsed()
        assert wire.secured_after == 0
        wire.begin()
        assert (wire.connects, wire.heads, wire.remote) == (0, [], NOWHERE)
        pool.send(route, "HEAD", "/", host_fields(server.port), timeout=TIMEOUT).read()
        assert wire.connects == wire.connected_after == 0
        assert wire.remote == ("127.0.0.1", server.port)
        assert wire.heads == [OK]


@pytest.mark.filterwarnings("ignore::mini_http.UnverifiedTLSWarning")
def test_tls_and_its_certificate_are_shown(certificates: Certificates) -> None:
    lines: list[str] = []
    wire = Wire(lines.append)
    with EchoServer(tls=certificates.good.server_context()) as server, watched_pool(wire) as pool:
        for tls in (TLSSettings(ca_file=certificates.ca_file), TLSSettings(verify=False)):
            route = Route("https", "localhost", server.port, tls)
            pool.send(route, "GET", "/", host_fields(server.port), timeout=TIMEOUT).read()
    assert lines[1].startswith("* TLSv1.3, TLS_")
    assert lines[2].startswith("* certificate for localhost, 127.0.0.1, 0:0:0:0:0:0:0:1; issued by")
    assert "; valid until " in lines[2]
    assert "* the server's certificate was not checked" in lines
    assert wire.connects == 2
    assert 0 < wire.connected_after < wire.secured_after < wire.replied_after


def test_a_unix_socket_is_named_by_its_path(tmp_path) -> None:
    path = str(tmp_path / "socket")
    lines: list[str] = []
    wire = Wire(lines.append)
    with ScriptedServer([OK + b"ab"], at=path), watched_pool(wire) as pool:
        route = Route("http+unix", path, 0)
        pool.send(route, "GET", "/", [("Host", "localhost")], timeout=TIMEOUT).read()
    assert lines[0] == f"* connected to {path}"
    assert wire.remote == (path, 0)


def test_a_stream_without_addresses_is_watched_too() -> None:
    class Saved:
        def makefile(self, mode: str):
            import io

            return io.BytesIO(OK)

    wire = Wire()
    with watched_client(wire).over(Saved()):
        assert wire.remote == NOWHERE
    assert wire.connects == 1


def test_values_of_secret_fields_are_masked() -> None:
    head = (
        b"GET /?cookie: HTTP/1.1\r\nAUTHORIZATION: Basic abc\r\nCookie: a=b\r\n"
        b"Proxy-Authorization:secret\r\nX-Key: k\r\nX-Open: o\r\n\r\n"
    )
    assert list(shown_lines(head)) == [
        "GET /?cookie: HTTP/1.1",
        "AUTHORIZATION: ***",
        "Cookie: ***",
        "Proxy-Authorization: ***",
        "X-Key: k",
        "X-Open: o",
        "",
    ]
    assert "X-Key: ***" in shown_lines(head, frozenset({"x-key"}))


def test_a_folded_secret_is_masked_on_all_its_lines() -> None:
    head = b"HTTP/1.1 200 OK\nSet-Cookie: a=b\n secret: c\r\n\tsecret\r\nX: a\r\n b\r\n\r\n"
    shown = list(shown_lines(head))
    assert shown == ["HTTP/1.1 200 OK", "Set-Cookie: ***", " ***", " ***", "X: a", " b", ""]


def test_passwords_in_urls_are_masked() -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://me:secret@host/@\r\nX: //a@b\r\n\r\n"
    assert list(shown_lines(head))[1:3] == ["Location: http://***@host/@", "X: //***@b"]
    assert without_passwords("to 'ftp://u:p@h/' and //a/b@c") == "to 'ftp://***@h/' and //a/b@c"


def test_no_head_can_play_with_the_terminal() -> None:
    head = b"HTTP/1.1 200 \x9b2J\r\nX: \x1b[2J\rY: z\r\n\r\n"
    assert list(shown_lines(head)) == ["HTTP/1.1 200 ?2J", "X: ?[2J?Y: z", ""]


def test_nothing_is_shown_without_somebody_to_show_it_to() -> None:
    with ScriptedServer([OK + b"ab"]) as server:
        wire = Wire()
        with watched_client(wire)(server.authority) as http:
            assert isinstance(http, HTTPClient)
            http.get("/")
            assert http.getbody() == b"ab"
    assert wire.heads == [OK]


def test_bytes_that_are_no_request_are_not_shown() -> None:
    lines: list[str] = []
    with (
        ScriptedServer([[ExpectUntil(b"!"), OK]]) as server,
        watched_client(Wire(lines.append))(server.authority) as http,
    ):
        http.connect()
        http.write(b"a line\r\n\r\n!")
        assert len(lines) == 1
        http.get("/")
    assert lines[1] == "> GET / HTTP/1.1"
