"""HTTPSConnection: whom it trusts, what a failed handshake raises, and TLS through a tunnel."""

from __future__ import annotations

import contextlib
import inspect
import ssl

import pytest
from support.servers import ScriptedServer
from support.steps import Drain, Expect, Send, StartTLS

from mini_http.base.errors import ConnectFailed, TLSFailed, TunnelRefused
from mini_http.base.timeouts import Timeout
from mini_http.connect import tls_contexts
from mini_http.connect.tls import DEFAULT_SETTINGS, TLSSettings, context_for
from mini_http.exchange.http_connection import HTTPConnection
from mini_http.exchange.https_connection import (
    CertificateRefused,
    HandshakeFailed,
    HTTPSConnection,
)
from mini_http.exchange.states import State

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"
PATIENCE = 20.0


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    """No contexts from other tests, and an environment that says nothing of TLS."""
    monkeypatch.setattr(tls_contexts, "_contexts", {})
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def trusting(certificates):
    return TLSSettings(ca_file=certificates.ca_file)


def greeting(pair):
    """A TLS server that shows this certificate and says hello."""
    return ScriptedServer([HELLO], tls=pair.server_context())


def connected_to(server, host="localhost", **options):
    return contextlib.closing(HTTPSConnection(host, server.port, timeout=PATIENCE, **options))


def page(connection):
    connection.request("GET", "/")
    return connection.getresponse().read()


# --- how it is made


@pytest.mark.parametrize(
    ("host", "port", "place"),
    [
        ("a.test", None, ("a.test", 443)),
        ("a.test:444", None, ("a.test", 444)),
        ("a.test", 444, ("a.test", 444)),
        ("[::1]", None, ("::1", 443)),
    ],
)
def test_its_port_is_443_unless_another_is_given(host, port, place):
    connection = HTTPSConnection(host, port)
    assert isinstance(connection, HTTPConnection)
    assert (connection.host, connection.port) == place
    assert connection.sock is None


def test_the_port_of_https_is_left_out_of_the_host_field():
    assert HTTPSConnection("a.test").authority == "a.test"
    assert HTTPSConnection("a.test", 80).authority == "a.test:80"


def test_other_options_are_those_of_a_plain_connection():
    connection = HTTPSConnection(
        "a.test", timeout=3, source_address=("127.0.0.1", 0), blocksize=1000
    )
    assert (connection.timeout, connection.timeouts) == (3, Timeout(3, 3))
    assert (connection.source_address, connection.blocksize) == (("127.0.0.1", 0), 1000)


@pytest.mark.parametrize("name", ["timeout", "source_address", "context", "check_hostname", "tls"])
def test_an_option_must_be_named(name):
    parameter = inspect.signature(HTTPSConnection).parameters[name]
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY


# --- whom to trust


def test_a_context_and_settings_exclude_each_other():
    context = ssl.create_default_context()
    with pytest.raises(ValueError, match="exclude each other"):
        HTTPSConnection("a.test", context=context, tls=TLSSettings())


@pytest.mark.parametrize("check_hostname", [True, False])
def test_check_hostname_is_set_on_the_context_that_is_given(check_hostname):
    context = ssl.create_default_context()
    connection = HTTPSConnection("a.test", context=context, check_hostname=check_hostname)
    assert context.check_hostname is check_hostname
    assert connection._context is context


@pytest.mark.parametrize("check_hostname", [True, False])
@pytest.mark.parametrize("given", [None, TLSSettings(minimum_version="TLSv1.3")])
def test_check_hostname_holds_beside_settings_and_by_itself(given, check_hostname):
    connection = HTTPSConnection("a.test", tls=given, check_hostname=check_hostname)
    assert connection.tls == (given or DEFAULT_SETTINGS).replace(check_hostname=check_hostname)
    assert connection._context.check_hostname is check_hostname


def test_its_context_is_built_when_it_is_first_asked_for():
    connection = HTTPSConnection("a.test")
    assert tls_contexts._contexts == {}
    assert connection._context is context_for(DEFAULT_SETTINGS)
    assert connection._context.verify_mode is ssl.CERT_REQUIRED


def test_its_context_can_be_replaced_by_a_program(certificates):
    context = certificates.client_context()
    with greeting(certificates.good) as server, connected_to(server) as connection:
        connection._context = context
        assert connection._context is context
        assert connection.tls == TLSSettings(context=context)
        assert page(connection) == b"hello"


@pytest.mark.filterwarnings("ignore::mini_http.UnverifiedTLSWarning")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize(
    "options",
    [
        lambda files: {"context": files.client_context()},
        lambda files: {"tls": TLSSettings(ca_file=files.ca_file)},
        lambda files: {"tls": TLSSettings(verify=False)},
    ],
    ids=["a context", "settings", "no verification"],
)
def test_a_page_comes_from_a_server_that_is_trusted(certificates, options, host):
    with (
        greeting(certificates.good) as server,
        connected_to(server, host, **options(certificates)) as connection,
    ):
        assert page(connection) == b"hello"
        assert isinstance(connection.sock, ssl.SSLSocket)
        assert connection.sock.server_hostname == host
        assert connection.sock.gettimeout() == PATIENCE
    assert server.requests[0].startswith(b"GET / HTTP/1.1\r\nHost: " + host.encode())


def test_a_trusted_certificate_is_taken_for_any_name_if_that_is_asked(certificates, trusting):
    with (
        greeting(certificates.wrong_name) as server,
        connected_to(server, tls=trusting, check_hostname=False) as connection,
    ):
        assert page(connection) == b"hello"


def test_to_connect_again_does_nothing(certificates, trusting):
    with greeting(certificates.good) as server, connected_to(server, tls=trusting) as connection:
        connection.connect()
        sock = connection.sock
        connection.connect()
        assert connection.sock is sock
        assert page(connection) == b"hello"
    assert len(server.connections) == 1


def test_after_close_it_connects_again(certificates, trusting):
    context = certificates.good.server_context()
    with (
        ScriptedServer([HELLO], tls=context, again=True) as server,
        connected_to(server, tls=trusting) as connection,
    ):
        for _ in range(2):
            assert page(connection) == b"hello"
            connection.close()
            assert connection.sock is None
    assert len(server.connections) == 2


def test_the_timeout_to_connect_is_undone_after_the_handshake(certificates, trusting):
    with greeting(certificates.good) as server:
        connection = HTTPSConnection(
            "localhost", server.port, timeout=Timeout(PATIENCE, 2 * PATIENCE), tls=trusting
        )
        with contextlib.closing(connection):
            assert page(connection) == b"hello"
            assert connection.timeout == connection.sock.gettimeout() == 2 * PATIENCE


# --- a handshake that fails


@pytest.mark.parametrize(
    ("certificate", "code", "words"),
    [
        ("wrong_name", 62, "is for elsewhere.example, not for localhost"),
        ("expired", 10, "expired on 2001-01-01"),
        ("unknown_issuer", 20, "comes from an unknown issuer"),
        ("self_signed", None, "certificate"),
    ],
)
def test_a_certificate_that_is_refused_is_the_error_of_ssl_and_ours(
    certificates, trusting, certificate, code, words
):
    with (
        greeting(getattr(certificates, certificate)) as server,
        connected_to(server, tls=trusting) as connection,
    ):
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            connection.connect()
        assert connection.sock is None
        assert connection.state is State.CLOSED
        assert connection.timeout == PATIENCE
    error = caught.value
    assert type(error) is CertificateRefused
    assert isinstance(error, (TLSFailed, HandshakeFailed))
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    assert words in str(error)
    assert code in (None, error.verify_code)
    assert error.verify_code == error.__cause__.verify_code
    assert error.verify_message == error.__cause__.verify_message
    assert (error.reason, error.library) == ("CERTIFICATE_VERIFY_FAILED", "SSL")
    assert error.errno == error.args[0] or error.errno == error.__cause__.errno


def test_another_failure_of_tls_is_an_ssl_error_with_its_reason(certificates, trusting):
    with (
        ScriptedServer([[Send(b"220 no TLS here\r\n" * 10), Drain()]]) as server,
        connected_to(server, tls=trusting) as connection,
        pytest.raises(ssl.SSLError) as caught,
    ):
        connection.connect()
    error = caught.value
    assert type(error) is HandshakeFailed
    assert isinstance(error, TLSFailed)
    assert not isinstance(error, ssl.SSLCertVerificationError)
    assert "this is no TLS" in str(error)
    assert error.reason == error.__cause__.reason
    assert (error.library, error.errno) == (error.__cause__.library, error.__cause__.errno)
    assert error.strerror == error.__cause__.strerror


def test_the_error_tells_the_state_as_every_error_does(certificates, trusting):
    with (
        greeting(certificates.expired) as server,
        connected_to(server, tls=trusting) as connection,
        pytest.raises(TLSFailed) as caught,
    ):
        page(connection)
    assert caught.value.state is not None
    assert any(caught.value.state in note for note in caught.value.__notes__)


def test_a_failure_before_tls_was_spoken_is_ours_alone(tmp_path):
    settings = TLSSettings(ca_file=tmp_path / "missing.pem")
    with (
        ScriptedServer([[Drain()]]) as server,
        connected_to(server, tls=settings) as connection,
    ):
        with pytest.raises(TLSFailed, match=r"missing\.pem") as caught:
            connection.connect()
        assert connection.sock is None
    assert not isinstance(caught.value, ssl.SSLError)


def test_who_can_not_be_reached_is_no_failure_of_tls():
    with ScriptedServer() as server:
        port = server.port
    connection = HTTPSConnection("127.0.0.1", port, timeout=PATIENCE)
    with pytest.raises(ConnectFailed) as caught:
        connection.connect()
    assert isinstance(caught.value, ConnectionRefusedError)
    assert connection.sock is None


# --- through a tunnel


def test_tls_in_a_tunnel_is_with_the_host_that_it_leads_to(certificates, trusting):
    steps = [TUNNEL, StartTLS(certificates.good.server_context()), HELLO]
    with (
        ScriptedServer([steps]) as proxy,
        connected_to(proxy, "127.0.0.1", tls=trusting) as connection,
    ):
        connection.set_tunnel("localhost", 444, {"Proxy-Authorization": "Basic eDp5"})
        assert page(connection) == b"hello"
        assert connection.sock.server_hostname == "localhost"
        asked, sent = proxy.requests
    assert asked.startswith(b"CONNECT localhost:444 HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: Basic eDp5\r\n" in asked
    assert sent.startswith(b"GET / HTTP/1.1\r\nHost: localhost:444\r\n")
    assert b"Proxy-Authorization" not in sent


def test_in_a_tunnel_the_name_of_the_proxy_counts_for_nothing(certificates, trusting):
    steps = [TUNNEL, StartTLS(certificates.good.server_context()), Drain()]
    with (
        ScriptedServer([steps]) as proxy,
        connected_to(proxy, tls=trusting) as connection,
    ):
        connection.set_tunnel("other.example")
        with pytest.raises(CertificateRefused, match=r"not for other\.example"):
            connection.connect()
        assert connection.sock is None


def test_a_proxy_that_refuses_is_not_spoken_to_in_tls(trusting):
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    with (
        ScriptedServer([[refusal, Drain()]]) as proxy,
        connected_to(proxy, tls=trusting) as connection,
    ):
        connection.set_tunnel("localhost")
        with pytest.raises(TunnelRefused):
            connection.connect()
        assert connection.sock is None
    assert len(proxy.requests) == 1


def test_what_comes_in_the_clear_behind_the_tunnel_is_refused(trusting):
    with (
        ScriptedServer([[Expect(), Send(TUNNEL + b"early"), Drain()]]) as proxy,
        connected_to(proxy, tls=trusting) as connection,
    ):
        connection.set_tunnel("localhost")
        with pytest.raises(TLSFailed, match="in the clear") as caught:
            connection.connect()
        assert connection.sock is None
    assert not isinstance(caught.value, ssl.SSLError)
