"""TLS against real TLS servers on loopback, with certificates good and bad."""

import datetime
import signal
import socket
import ssl
import sys
import threading
import warnings

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.servers import ScriptedServer
from support.tls_handshakes import (
    VARIABLES,
    accepting,
    refused,
    server_context,
    shake_hands,
    silent,
)
from support.waits import PATIENCE, SOON

from mini_http.base import errors
from mini_http.base.timeouts import Deadline
from mini_http.connect import tls, tls_contexts
from mini_http.connect.streams import FileStream
from mini_http.connect.tls import DEFAULT_SETTINGS, TLSSettings, context_for, start_tls
from mini_http.connect.tls_stream import TLSStream

REFUSED = " (certificate verify failed)"
ADVICE = (
    f"{REFUSED}; to trust it all the same, name a file with its issuer's certificate:"
    " SSL_CERT_FILE, TLSSettings(ca_file=), a context=, or --cacert on the command line"
)
NOT_TLS = "this is no TLS; does the server speak TLS on this port?"

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    """No contexts from other tests, and an environment that says nothing of TLS."""
    monkeypatch.setattr(tls_contexts, "_contexts", {})
    monkeypatch.setattr(tls, "_warned", set())
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def self_signed(name):
    """A certificate that is its own issuer, for `name`, and its key, as one PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(subject, subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(datetime.datetime(2120, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(key_id, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem) + key.private_bytes(pem, *plain)


# --- a handshake that succeeds


@pytest.mark.parametrize("name", ["localhost", "localhost.", "127.0.0.1", "::1", "::1%lo", "::1%1"])
def test_a_server_that_has_a_certificate_for_the_name_is_accepted(certificates, trusting, name):
    def echo(connection):
        connection.send(connection.read(5))

    with (
        ScriptedServer(handler=echo, tls=certificates.good.server_context()) as server,
        shake_hands(server, trusting, name) as sock,
    ):
        assert sock.version() in ("TLSv1.2", "TLSv1.3")
        assert sock.gettimeout() is None
        sock.sendall(b"hello")
        assert sock.recv(5) == b"hello"


@pytest.mark.filterwarnings("ignore::mini_http.connect.tls.UnverifiedTLSWarning")
@pytest.mark.parametrize(
    ("name", "settings", "seen"),
    [
        ("localhost", {}, "localhost"),
        ("localhost.", {}, "localhost"),
        ("127.0.0.1", {}, None),
        ("127.0.0.1", {"server_name": "localhost"}, "localhost"),
        ("elsewhere.example", {"verify": False}, "elsewhere.example"),
        ("bücher.example", {"verify": False}, "xn--bcher-kva.example"),
    ],
)
def test_the_server_sees_the_name_that_is_asked_for(certificates, name, settings, seen):
    names = []
    context = certificates.good.server_context()
    context.sni_callback = lambda _sock, name, _context: names.append(name)
    if settings.get("verify", True):
        settings = {"ca_file": certificates.ca_file, **settings}
    with accepting(context) as server:
        shake_hands(server, TLSSettings(**settings), name).close()
    assert names == [seen]


@pytest.mark.parametrize(
    ("settings", "seen"),
    [({}, "http/1.1"), ({"alpn": ("gopher", "http/1.1")}, "gopher"), ({"alpn": ()}, None)],
)
def test_the_server_sees_the_protocols_offered(certificates, settings, seen):
    chosen = []
    context = certificates.good.server_context()
    context.set_alpn_protocols(["gopher", "http/1.1"])

    def tell(connection):
        chosen.append(connection.sock.selected_alpn_protocol())
        connection.send(b"!")

    with ScriptedServer(handler=tell, tls=context) as server:
        settings = TLSSettings(ca_file=certificates.ca_file, **settings)
        with shake_hands(server, settings) as sock:
            assert sock.recv(1) == b"!"  # so that the server was not stopped before it had looked
    assert chosen == [seen]


@pytest.mark.filterwarnings("ignore::mini_http.connect.tls.UnverifiedTLSWarning")
def test_without_verification_any_certificate_will_do(certificates):
    for pair in (certificates.wrong_name, certificates.expired, certificates.self_signed):
        with accepting(pair.server_context()) as server:
            shake_hands(server, TLSSettings(verify=False)).close()
    context = context_for(TLSSettings(verify=False))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    assert context.cert_store_stats()["x509"] == 0


def test_a_context_of_the_callers_is_used_as_it_is(certificates):
    class Own(ssl.SSLContext):
        def wrap_socket(self, *arguments, **options):
            wrapped.append(options["do_handshake_on_connect"])
            return super().wrap_socket(*arguments, **options)

    wrapped = []
    own = Own(ssl.PROTOCOL_TLS_CLIENT)
    own.load_verify_locations(certificates.ca_file)
    settings = TLSSettings(context=own, server_name="localhost")
    assert context_for(settings) is own
    with (
        accepting(certificates.good.server_context()) as server,
        shake_hands(server, settings, "127.0.0.1") as sock,
    ):
        assert sock.context is own
        assert sock.selected_alpn_protocol() is None
    assert wrapped == [True], "some contexts verify within wrap_socket"


def test_a_context_whose_class_has_taken_the_place_of_ssls_makes_its_own_socket(
    certificates, monkeypatch
):
    class Injected(ssl.SSLContext):  # as truststore's, which verifies in wrap_socket
        def wrap_socket(self, *arguments, **options):
            wrapped.append(options["do_handshake_on_connect"])
            return super().wrap_socket(*arguments, **options)

    wrapped = []
    context = Injected(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificates.ca_file)
    with accepting(certificates.good.server_context()) as server:
        monkeypatch.setattr(ssl, "SSLContext", Injected)
        sock = socket.create_connection(server.address)
        settings = TLSSettings(context=context)
        made = start_tls(sock, "localhost", settings, Deadline(PATIENCE), as_socket=False)
        made.close()
    assert isinstance(made, ssl.SSLSocket)
    assert made.context is context
    assert wrapped == [True]


def test_what_a_context_of_the_callers_refuses_is_refused(certificates):
    settings = TLSSettings(context=certificates.client_context())
    with accepting(certificates.expired.server_context()) as server, refused() as told:
        shake_hands(server, settings)
    assert told[0] == f"localhost: the server's certificate expired{REFUSED}"


def test_a_connection_cut_without_notice_is_no_end_of_the_data(certificates, trusting):
    def cut(connection):
        connection.send(b"half of")
        connection.sock.detach_and_cut()

    class Cutting(ssl.SSLSocket):
        def detach_and_cut(self):
            socket.socket(fileno=self.detach()).close()

    context = certificates.good.server_context()
    context.sslsocket_class = Cutting
    server = ScriptedServer(handler=cut, tls=context)
    with server, shake_hands(server, trusting) as sock:
        assert sock.recv(100) == b"half of"
        with pytest.raises(ssl.SSLEOFError):
            sock.recv(100)


# --- certificates that are refused


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("wrong_name", "the server's certificate is for elsewhere.example, not for localhost"),
        ("expired", "the server's certificate expired on 2001-01-01"),
    ],
)
def test_a_bad_certificate_is_refused_in_words(certificates, trusting, which, words, version):
    context = getattr(certificates, which).server_context()
    context.maximum_version = version
    with accepting(context) as server, refused() as told:
        shake_hands(server, trusting)
    assert told[0] == f"localhost: {words}{REFUSED}"
    assert isinstance(told[1], ssl.SSLCertVerificationError)


def test_an_address_that_the_certificate_is_not_for_is_refused(ca, trusting):
    context = server_context(ca.issue_cert("localhost", "127.0.0.2"))
    with accepting(context) as server, refused() as told:
        shake_hands(server, trusting, "127.0.0.1")
    assert told[0] == (
        "127.0.0.1: the server's certificate is for localhost, 127.0.0.2, not for 127.0.0.1"
        f"{REFUSED}"
    )


def test_a_common_name_is_no_name_to_go_by(ca, trusting):
    context = server_context(ca.issue_cert("a@b.example", common_name="localhost"))
    with accepting(context) as server, refused() as told:
        shake_hands(server, trusting)
    assert told[0] == (
        f"localhost: the server's certificate is for a@b.example, not for localhost{REFUSED}"
    )


def test_a_certificate_for_later_is_refused_with_its_day(ca, trusting):
    later = datetime.datetime(2099, 12, 31, tzinfo=datetime.UTC)
    context = server_context(ca.issue_cert("localhost", not_before=later))
    with accepting(context) as server, refused() as told:
        shake_hands(server, trusting)
    assert told[0] == f"localhost: the server's certificate is not valid before 2099-12-31{REFUSED}"


def test_a_self_signed_certificate_is_refused_unless_it_is_the_ca_file(tmp_path, trusting):
    path = tmp_path / "self.pem"
    path.write_bytes(self_signed("localhost"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with accepting(context) as server, refused() as told:
        shake_hands(server, trusting)
    assert told[0] == f"localhost: the server's certificate is self-signed{ADVICE}"
    with accepting(context) as server:
        shake_hands(server, TLSSettings(ca_file=path)).close()


@pytest.mark.parametrize("settings", [DEFAULT_SETTINGS, None])
def test_an_unknown_issuer_is_refused_by_name(certificates, trusting, settings):
    context = certificates.unknown_issuer.server_context()
    with accepting(context) as server, refused() as told:
        shake_hands(server, settings or trusting)
    assert told[0] == (
        "localhost: the server's certificate comes from an unknown issuer"
        f" (trustme v{trustme.__version__}){ADVICE}"
    )


def test_a_servers_own_certificate_can_be_the_ca_file(ca, tmp_path):
    leaf = ca.issue_cert("localhost")
    path = tmp_path / "leaf.pem"
    leaf.cert_chain_pems[0].write_to_path(path)
    settings = TLSSettings(ca_file=path)
    with accepting(server_context(leaf)) as server, shake_hands(server, settings) as sock:
        assert sock.getpeercert()


# --- servers that are no good


def closes(connection):
    connection.read(1)
    connection.close()


def resets(connection):
    connection.read(1)
    connection.reset()


def speaks_http(connection):
    connection.read(1)
    connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    connection.drain()


@pytest.mark.parametrize(
    ("handler", "words", "reason"),
    [
        (speaks_http, NOT_TLS, ssl.SSLError),
        (closes, "the server closed the connection in the TLS handshake", OSError),
        (resets, "the server closed the connection in the TLS handshake", ConnectionError),
    ],
)
def test_a_server_that_does_not_speak_tls_is_an_error(trusting, handler, words, reason):
    with ScriptedServer(handler=handler) as server, refused() as told:
        shake_hands(server, trusting)
    assert told[0] == f"localhost: {words}"
    assert isinstance(told[1], reason)


def test_a_server_that_has_gone_before_the_handshake_is_an_error(trusting):
    with ScriptedServer(handler=lambda connection: connection.reset()) as server:
        sock = socket.create_connection(server.address)
        with pytest.raises(ConnectionError):
            sock.recv(1)
        with refused():
            start_tls(sock, "localhost", trusting, Deadline(PATIENCE))
    assert sock.fileno() == -1


@pytest.mark.parametrize("seconds", [0, 0.02])
@pytest.mark.parametrize("own", [False, True])
def test_the_deadline_ends_a_handshake_that_stalls(certificates, trusting, seconds, own):
    settings = TLSSettings(context=certificates.client_context()) if own else trusting
    with silent() as server, pytest.raises(errors.ConnectTimedOut) as caught:
        shake_hands(server, settings, seconds=seconds)
    assert str(caught.value) == "timed out in the TLS handshake with localhost"


@pytest.mark.parametrize("as_socket", [True, False])
def test_the_reason_of_a_handshake_that_stalls_is_a_timeout(trusting, as_socket):
    with silent() as server, refused(errors.ConnectTimedOut) as told:
        sock = socket.create_connection(server.address)
        start_tls(sock, "localhost", trusting, Deadline(SOON), as_socket=as_socket)
    assert told[0] == "timed out in the TLS handshake with localhost"
    assert isinstance(told[1], TimeoutError)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_a_server_that_knows_only_old_versions_is_refused_by_default(certificates, trusting):
    context = certificates.good.server_context()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with accepting(context) as server, refused() as told:
        shake_hands(server, trusting)
    assert told[0] == (
        "localhost: the server offers no version of TLS that is allowed here (minimum_version)"
    )


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_the_minimum_version_can_be_raised(certificates, trusting, version):
    context = certificates.good.server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with accepting(context) as server:
        settings = trusting.replace(minimum_version=version)
        if version == "TLSv1.2":
            shake_hands(server, settings).close()
        else:
            with refused() as told:
                shake_hands(server, settings)
            assert "no version of TLS that is allowed here" in told[0]


@pytest.mark.parametrize("name", ["", ".example", "ü" * 80, "x" * 300])
def test_what_can_not_be_a_name_is_refused(certificates, trusting, name):
    with accepting(certificates.good.server_context()) as server, refused() as told:
        shake_hands(server, trusting, name)
    assert told[0].startswith(f"{name}: ")


def test_an_interrupt_closes_the_connection(trusting):
    def interrupt(*_):
        raise KeyboardInterrupt

    with silent() as server:
        sock = socket.create_connection(server.address)
        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            with pytest.raises(KeyboardInterrupt):
                start_tls(sock, "localhost", trusting, Deadline(None))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def test_tls_begins_over_any_stream(certificates, trusting):
    with accepting(certificates.good.server_context()) as server:
        sock = socket.create_connection(server.address)
        within = start_tls(FileStream(sock), "localhost", trusting, Deadline(PATIENCE))
        assert isinstance(within, TLSStream)
        assert within.version() == "TLSv1.3"
        within.close()
        assert sock.fileno() == -1


@pytest.mark.parametrize(("platform", "refused"), [("darwin", True), ("linux", False)])
def test_a_context_that_verifies_sockets_only_is_not_used_over_streams(
    certificates, monkeypatch, platform, refused
):
    truststores = type("SSLContext", (ssl.SSLContext,), {"__module__": "truststore._api"})
    context = truststores(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificates.ca_file)
    monkeypatch.setattr(sys, "platform", platform)
    with accepting(certificates.good.server_context()) as server:
        stream = FileStream(socket.create_connection(server.address))
        given = stream, "localhost", TLSSettings(context=context), Deadline(PATIENCE)
        if refused:
            with pytest.raises(errors.TLSFailed, match="truststore can't verify TLS in TLS"):
                start_tls(*given)
        else:
            start_tls(*given).close()
        assert stream.source.fileno() == -1


def test_a_wrong_certificate_over_any_stream_says_what_is_wrong(certificates, trusting):
    with accepting(certificates.wrong_name.server_context()) as server, refused() as told:
        sock = socket.create_connection(server.address)
        start_tls(FileStream(sock), "localhost", trusting, Deadline(PATIENCE))
    assert "elsewhere.example" in told[0]
    assert sock.fileno() == -1


# --- pins


def test_a_server_that_is_pinned_is_accepted(certificates, trusting):
    pair = certificates.good
    for pins in ((pair.fingerprint,), (pair.key_pin,), ("00" * 32, pair.key_pin)):
        with accepting(pair.server_context()) as server:
            shake_hands(server, trusting.replace(pins=pins)).close()


@pytest.mark.parametrize("verify", [True, False])
def test_a_server_that_is_not_pinned_is_refused_before_anything_is_sent(
    certificates, trusting, verify
):
    pair, received = certificates.good, []
    server = ScriptedServer(
        handler=lambda connection: received.append(connection.read(1)), tls=pair.server_context()
    )
    settings = trusting.replace(pins=certificates.revoked.key_pin, verify=verify)
    with server, refused() as told:
        shake_hands(server, settings)
    fingerprint = pair.certificate.fingerprint(hashes.SHA256()).hex(":")
    assert told[0] == (
        "localhost: the server's certificate was refused: it is not pinned; its fingerprint is"
        f" {fingerprint}, that of its key {pair.key_pin}{REFUSED}"
    )
    assert isinstance(told[1], ssl.SSLCertVerificationError)
    assert b"".join(received) == b""


def test_a_pin_alone_decides_where_nothing_is_verified(certificates):
    pair = certificates.self_signed
    settings = TLSSettings(verify=False, pins=pair.fingerprint)
    with accepting(pair.server_context()) as server:
        shake_hands(server, settings, "elsewhere.example").close()  # and no warning


def test_a_pin_does_not_stand_for_verification(certificates, trusting):
    pair = certificates.wrong_name
    settings = trusting.replace(pins=pair.fingerprint)
    with accepting(pair.server_context()) as server, refused() as told:
        shake_hands(server, settings)
    assert "is for elsewhere.example, not for localhost" in told[0]


def test_a_pin_counts_beside_a_context_of_the_callers(certificates):
    settings = TLSSettings(context=certificates.client_context(), pins="00" * 32)
    with accepting(certificates.good.server_context()) as server, refused() as told:
        shake_hands(server, settings)
    assert "it is not pinned" in told[0]


# --- warnings


def test_who_is_not_verified_is_warned_of_once_for_each_host_and_port(certificates):
    settings = TLSSettings(verify=False)
    context = certificates.self_signed.server_context()
    with accepting(context) as one, accepting(context) as other:
        for server, name in [(one, "localhost"), (other, "localhost"), (one, "other.example")]:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                for _ in range(3):
                    shake_hands(server, settings, name).close()
            (warning,) = caught
            assert warning.category is tls.UnverifiedTLSWarning
            assert f"{name} (port {server.port}): nobody verifies" in str(warning.message)
            assert warning.filename.endswith("tls_handshakes.py"), "the line of the program's own"


def test_a_warning_that_is_made_an_error_closes_the_connection(certificates):
    with (
        accepting(certificates.good.server_context()) as server,
        pytest.raises(tls.UnverifiedTLSWarning),
    ):
        shake_hands(server, TLSSettings(verify=False))


def test_the_hosts_that_were_warned_of_are_not_remembered_without_end(certificates, monkeypatch):
    monkeypatch.setattr(tls, "MOST_WARNED", 2)
    with accepting(certificates.good.server_context()) as server:
        for name in ("a", "b", "c"):
            with pytest.warns(tls.UnverifiedTLSWarning, match=f"{name} .port"):
                shake_hands(server, TLSSettings(verify=False), name).close()
        assert tls._warned == {("c", server.port)}


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no unix sockets")
@pytest.mark.filterwarnings("ignore::mini_http.connect.tls.UnverifiedTLSWarning")
def test_tls_may_go_over_a_unix_socket(certificates):
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=shake_hands_as_server, args=(theirs, certificates.good))
    thread.start()
    start_tls(ours, "localhost", TLSSettings(verify=False), Deadline(PATIENCE)).close()
    thread.join()
    assert tls._warned == {("localhost", 0)}


def test_a_stream_that_does_not_tell_its_peer_is_warned_of_all_the_same():
    with pytest.warns(tls.UnverifiedTLSWarning, match="a.example .port 0."):
        tls.check_peer(None, "a.example", TLSSettings(verify=False), FileStream(None))


def shake_hands_as_server(sock, pair):
    pair.server_context().wrap_socket(sock, server_side=True).close()
