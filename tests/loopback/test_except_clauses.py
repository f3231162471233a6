"""The `except` clauses that programs written for urllib have, around our urlopen.

Each is what real programs say: retry loops, downloaders, clients of web services.
"""

import http.client
import socket
import ssl
import urllib.error

import pytest
from support.servers import ScriptedServer
from support.steps import Close, Drain, Expect, Reset, Send

from mini_http import build_opener, urlopen
from mini_http.keepalive.pool import shared_pool

SHORT = 0.05
"""Seconds to wait for a server that never answers."""
GONE = b"HTTP/1.1 410 Long Gone\r\nContent-Length: 4\r\nX-Own: 1\r\n\r\ngone"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture(autouse=True)
def no_connections_left():
    yield
    shared_pool().close()


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


# --- before a reply


def test_a_host_that_is_unknown_is_a_urlerror_with_a_gaierror_as_its_reason():
    with pytest.raises(urllib.error.URLError) as caught:
        urlopen("http://nowhere.invalid/")
    assert isinstance(caught.value.reason, socket.gaierror)
    assert "nowhere.invalid" in str(caught.value)


@pytest.mark.parametrize(
    "clause", [urllib.error.URLError, ConnectionError, ConnectionRefusedError, OSError]
)
def test_a_connection_that_is_refused(clause):
    try:
        urlopen(f"http://127.0.0.1:{unused_port()}/")
    except urllib.error.URLError as error:
        caught = error
    assert isinstance(caught, clause) or isinstance(caught.reason, clause)


@pytest.mark.parametrize("clause", [TimeoutError, socket.timeout, urllib.error.URLError, OSError])
def test_a_server_that_does_not_answer_in_time(clause):
    with (
        ScriptedServer([[Expect(), Drain()]]) as server,
        pytest.raises(clause, match="timed out") as caught,
    ):
        urlopen(server.url, timeout=SHORT)
    assert isinstance(caught.value.reason, socket.timeout)


@pytest.mark.parametrize(
    "clause",
    [
        urllib.error.URLError,
        http.client.HTTPException,
        http.client.RemoteDisconnected,
        http.client.BadStatusLine,
        ConnectionResetError,
        ConnectionError,
    ],
)
def test_a_server_that_closes_without_an_answer(clause):
    with ScriptedServer([[Expect(), Close()]]) as server, pytest.raises(clause):
        urlopen(server.url)


@pytest.mark.parametrize("clause", [urllib.error.URLError, ConnectionResetError, OSError])
def test_a_connection_that_is_reset(clause):
    with ScriptedServer([[Expect(), Reset()]]) as server, pytest.raises(clause):
        urlopen(server.url)


@pytest.mark.parametrize(
    "clause",
    [urllib.error.URLError, http.client.HTTPException, http.client.BadStatusLine],
)
def test_an_answer_that_is_not_http(clause):
    greeting = b"220 mail.test ESMTP\r\n\r\n"
    with (
        ScriptedServer([[Expect(), Send(greeting), Close()]]) as server,
        pytest.raises(clause) as caught,
    ):
        urlopen(server.url)
    assert caught.value.line.startswith("220 mail")


def test_a_certificate_that_nobody_vouches_for(certificates):
    with ScriptedServer([[]], tls=certificates.good.server_context()) as server:
        try:
            urlopen(server.url)
        except urllib.error.URLError as error:
            caught = error
    assert isinstance(caught.reason, ssl.SSLCertVerificationError)
    assert caught.reason.reason == "CERTIFICATE_VERIFY_FAILED"
    assert "CERTIFICATE_VERIFY_FAILED" in str(caught.reason)


@pytest.mark.parametrize("clause", [ValueError, http.client.InvalidURL, urllib.error.URLError])
@pytest.mark.parametrize("url", ["http://a b/", "http://host:port/", "http://a/\r\nX: y", "/path"])
def test_a_text_that_is_no_url(clause, url):
    with pytest.raises(clause):
        urlopen(url)


@pytest.mark.parametrize("clause", [urllib.error.URLError, OSError])
def test_a_scheme_that_nobody_opens(clause):
    with pytest.raises(clause, match="unknown url type: mailto"):
        urlopen("mailto:someone@example.org")


# --- a reply that is an error


def test_an_error_status_is_an_exception_and_a_reply():
    with ScriptedServer([[GONE, HELLO]]) as server:
        opener = build_opener()
        try:
            opener.open(server.url)
        except urllib.error.HTTPError as error:
            caught = error
        # By now its connection serves again.
        assert opener.open(server.url).read() == b"hello"
        assert len(server.connections) == 1
        assert (caught.code, caught.status, caught.getcode()) == (410, 410, 410)
        assert (caught.reason, caught.msg) == ("Long Gone", "Long Gone")
        assert (caught.url, caught.filename, caught.geturl()) == (server.url,) * 3
        assert caught.headers["x-own"] == caught.hdrs["X-Own"] == caught.info()["x-own"] == "1"
        assert str(caught) == "HTTP Error 410: Long Gone"
        assert repr(caught) == "<HTTPError 410: 'Long Gone'>"
        assert caught.fp.read() == b"gone"
        caught.close()


@pytest.mark.parametrize("clause", [urllib.error.HTTPError, urllib.error.URLError, OSError])
def test_each_clause_that_catches_an_error_status(clause):
    with ScriptedServer([GONE]) as server, pytest.raises(clause) as caught:
        urlopen(server.url)
    with caught.value as reply:
        assert reply.read() == b"gone"


# --- while the reply is read


@pytest.mark.parametrize(
    "clause",
    [
        http.client.IncompleteRead,
        http.client.HTTPException,
        urllib.error.URLError,
    ],
)
@pytest.mark.parametrize("read", [lambda reply: reply.read(), lambda reply: list(reply)])
def test_a_body_that_is_cut(clause, read):
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal\nf"
    with (
        ScriptedServer([[Expect(), Send(cut), Close()]]) as server,
        urlopen(server.url) as reply,
        pytest.raises(clause) as caught,
    ):
        read(reply)
    assert caught.value.partial.endswith(b"f")
    assert "more expected)" in str(caught.value)


@pytest.mark.parametrize("clause", [TimeoutError, socket.timeout, urllib.error.URLError])
def test_a_body_that_does_not_come_in_time(clause):
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    with (
        ScriptedServer([[Expect(), Send(begun), Drain()]]) as server,
        urlopen(server.url, timeout=SHORT) as reply,
        pytest.raises(clause, match="timed out"),
    ):
        reply.read()


@pytest.mark.parametrize("clause", [ConnectionResetError, urllib.error.URLError, OSError])
def test_a_body_that_is_reset(clause):
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    with (
        ScriptedServer([[Expect(), Send(begun), Reset()]]) as server,
        pytest.raises(clause),
        urlopen(server.url) as reply,
    ):
        reply.read()


@pytest.mark.parametrize("clause", [urllib.error.URLError, http.client.HTTPException])
def test_a_body_that_is_coded_wrongly(clause):
    wrong = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"
    with ScriptedServer([wrong]) as server, urlopen(server.url) as reply, pytest.raises(clause):
        reply.read()
