"""TLS against real TLS servers on loopback, with certificates good and bad."""

import contextlib
import datetime
import os
import signal
import socket
import ssl
import sys
import threading
import zipfile

import certifi
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.servers import ScriptedServer

from mini_http.base import errors
from mini_http.base.timeouts import Deadline
from mini_http.connect import tls
from mini_http.connect.streams import FileStream
from mini_http.connect.tls import DEFAULT_SETTINGS, TLSSettings, context_for, explain, start_tls

PATIENCE = 20.0
"""Far more seconds than any handshake here takes."""
CLIENT_CERTIFICATE = "a client certificate (cert_file, --cert)"
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
    monkeypatch.setattr(tls, "_contexts", {})
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def trusting(certificates):
    return TLSSettings(ca_file=certificates.ca_file)


def shake_hands(server, settings, name="localhost", seconds=PATIENCE):
    sock = socket.create_connection(server.address)
    return start_tls(sock, name, settings, Deadline(seconds))


@contextlib.contextmanager
def refused(kind=errors.TLSFailed):
    """Expects the error, and shows its text."""
    told = []
    with pytest.raises(kind) as caught:
        yield told
    told.append(str(caught.value))
    told.append(caught.value.reason)


def accepting(context):
    """A server that ends each handshake it can and then does nothing."""
    return ScriptedServer(handler=lambda connection: connection.drain(), tls=context)


def silent():
    """A server that takes what comes and never says anything."""
    return ScriptedServer(handler=lambda connection: connection.drain())


def server_context(leaf):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context


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


def test_only_a_plain_socket_can_begin_tls(certificates, trusting):
    with accepting(certificates.good.server_context()) as server:
        within = shake_hands(server, trusting)
        with pytest.raises(errors.StateError, match="TLS can't begin on SSLSocket"):
            start_tls(within, "localhost", trusting, Deadline(PATIENCE))
        assert within.fileno() == -1
        with socket.create_connection(server.address) as sock:
            stream = FileStream(sock)
            with pytest.raises(errors.StateError, match="TLS can't begin on FileStream"):
                start_tls(stream, "localhost", trusting, Deadline(PATIENCE))


# --- who we are


@pytest.fixture
def asking(certificates):
    """A server that wants a client certificate and records whose it got."""
    context = certificates.good.server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.ca_file)
    shown = []

    def greet(connection):
        shown.append(connection.sock.getpeercert()["subjectAltName"])
        connection.send(b"hello")

    server = ScriptedServer(handler=greet, tls=context)
    server.context, server.shown = context, shown
    return server


@pytest.fixture
def our_files(certificates, tmp_path):
    """Our certificate and key: apart, in one file, with the key encrypted."""
    pair = certificates.client
    whole = tmp_path / "whole.pem"
    whole.write_bytes(pair.key.read_bytes() + pair.chain.read_bytes())
    key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"sesame"),
        )
    )
    return {"cert": pair.chain, "key": pair.key, "whole": whole, "encrypted": encrypted}


@pytest.mark.parametrize(
    ("cert", "key", "password"),
    [
        ("cert", "key", None),
        ("whole", None, None),
        ("cert", "encrypted", "sesame"),
        ("cert", "encrypted", b"sesame"),
    ],
)
def test_a_client_certificate_is_shown(asking, trusting, our_files, cert, key, password):
    settings = trusting.replace(
        cert_file=our_files[cert], key_file=key and our_files[key], key_password=password
    )
    with asking as server, shake_hands(server, settings) as sock:
        assert sock.recv(5) == b"hello"
    assert asking.shown == [(("email", "client@localhost"),)]


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_key_that_can_not_be_read_is_an_error_without_its_password(
    trusting, our_files, password, capfd
):
    settings = trusting.replace(
        cert_file=our_files["cert"], key_file=our_files["encrypted"], key_password=password
    )
    with refused() as told:
        context_for(settings)
    assert told[0].startswith(
        f"can't load cert_file={our_files['cert']} with key_file={our_files['encrypted']}: "
    )
    assert "wrong" not in told[0]
    assert capfd.readouterr() == ("", ""), "nobody is asked on the terminal"


def test_a_client_certificate_that_is_not_there_is_an_error(trusting):
    with refused() as told:
        context_for(trusting.replace(cert_file="missing.pem"))
    assert told[0] == "can't load cert_file=missing.pem: No such file or directory"


def test_a_missing_client_certificate_is_told_in_words(asking, trusting):
    asking.context.maximum_version = ssl.TLSVersion.TLSv1_2
    with asking as server, refused() as told:
        shake_hands(server, trusting)
    assert (
        told[0] == f"localhost: the server refused: no cipher in common, or no {CLIENT_CERTIFICATE}"
    )


def test_in_tls_1_3_a_missing_client_certificate_shows_with_the_first_read(asking, trusting):
    with (
        asking as server,
        shake_hands(server, trusting) as sock,
        pytest.raises(ssl.SSLError) as caught,
    ):
        sock.recv(5)
    assert explain(caught.value, "localhost") == f"the server wants {CLIENT_CERTIFICATE}"


# --- whom to trust


def count(context):
    return context.cert_store_stats()["x509"]


def forms_of(pem):
    """The ways to give a certificate as `ca_data`."""
    return {
        "text": pem.decode(),
        "text with a comment": "# Größte Behörde\n" + pem.decode(),
        "bytes": pem,
        "bytes with a comment": "# Größte Behörde\n".encode() + pem,
        "DER": ssl.PEM_cert_to_DER_cert(pem.decode()),
    }


@pytest.mark.parametrize("form", forms_of(trustme.CA().cert_pem.bytes()))
def test_certificates_given_as_data_are_the_only_ones_trusted(ca, certificates, form):
    settings = TLSSettings(ca_data=forms_of(ca.cert_pem.bytes())[form])
    assert count(context_for(settings)) == 1
    with accepting(certificates.good.server_context()) as server:
        shake_hands(server, settings).close()


def test_a_file_of_certificates_given_is_all_that_is_trusted(trusting, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    assert count(context_for(trusting)) == 1


def test_a_folder_of_certificates_given_is_all_that_is_trusted(certificates, hashed_folder):
    settings = TLSSettings(ca_path=hashed_folder)
    assert count(context_for(settings)) == 0, "they are looked up when they are needed"
    with accepting(certificates.good.server_context()) as server:
        shake_hands(server, settings).close()


def test_a_file_that_the_environment_names_is_trusted_instead_of_certifi(certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    assert count(context_for(DEFAULT_SETTINGS)) == 1
    with accepting(certificates.good.server_context()) as server:
        shake_hands(server, DEFAULT_SETTINGS).close()


def test_folders_that_the_environment_names_are_trusted(certificates, hashed_folder, monkeypatch):
    folders = os.pathsep.join(["/nowhere", str(hashed_folder)])
    monkeypatch.setenv("SSL_CERT_DIR", folders)
    with accepting(certificates.good.server_context()) as server:
        shake_hands(server, DEFAULT_SETTINGS).close()


def test_an_empty_variable_is_none(monkeypatch):
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.setenv(variable, "")
    assert count(context_for(DEFAULT_SETTINGS)) > 50


@pytest.mark.parametrize(
    ("variable", "what"),
    [
        ("SSL_CERT_FILE", "No such file or directory"),
        ("SSL_CERT_DIR", "no such folder"),
    ],
)
def test_a_variable_that_names_what_is_not_there_is_an_error_that_names_it(
    monkeypatch, variable, what
):
    monkeypatch.setenv(variable, "/nowhere/at/all")
    with silent() as server, refused() as told:
        shake_hands(server, DEFAULT_SETTINGS)
    assert told[0] == f"can't load CA certificates from {variable}=/nowhere/at/all: {what}"
    assert isinstance(told[1], OSError)


@pytest.mark.parametrize("form", ["ca_file", "ca_path", "ca_data", "ca_data bytes"])
def test_certificates_that_are_none_are_an_error_that_names_them(tmp_path, form):
    path = tmp_path / "empty.pem"
    path.write_text("nothing here\n")
    field, _, kind = form.partition(" ")
    value = {"ca_data": b"junk" if kind else ""}.get(field, path)
    with refused() as told:
        context_for(TLSSettings(**{field: value}))
    assert told[0].startswith(f"can't load CA certificates from {field}")
    if field != "ca_data":
        assert str(path) in told[0]


# --- certifi


@pytest.fixture
def without_certifi(monkeypatch):
    """As in a program that has not imported certifi."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "certifi"]:
        monkeypatch.delitem(sys.modules, name)


def test_certifis_bundle_is_trusted_by_default_and_certifi_is_not_imported(without_certifi):
    context = context_for(DEFAULT_SETTINGS)
    assert "certifi" not in sys.modules
    assert count(context) == certifi.contents().count("-----BEGIN CERTIFICATE-----")


def test_in_an_archive_certifis_bundle_is_read_and_not_extracted(
    without_certifi, monkeypatch, tmp_path, ca
):
    archive = tmp_path / "libraries.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(
            "certifi/__init__.py",
            "from importlib.resources import files\n"
            "def where(): raise AssertionError('extracted')\n"
            "def contents(): return files('certifi').joinpath('cacert.pem').read_text('ascii')\n",
        )
        file.writestr("certifi/cacert.pem", ca.cert_pem.bytes())
    monkeypatch.setattr(sys, "path", [str(archive), *sys.path])
    assert count(context_for(DEFAULT_SETTINGS)) == 1
    sys.modules.pop("certifi")


def test_without_certifi_the_error_says_so(without_certifi, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    with refused() as told:
        context_for(DEFAULT_SETTINGS)
    assert told[0] == "can't load the CA certificates of certifi: No module named 'certifi'"


def test_a_folder_that_only_looks_like_certifi_is_not_trusted(
    without_certifi, monkeypatch, tmp_path, ca
):
    (tmp_path / "certifi").mkdir()
    (tmp_path / "cacert.pem").write_bytes(ca.cert_pem.bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with refused() as told:
        context_for(DEFAULT_SETTINGS)
    assert told[0].startswith("can't load the CA certificates of certifi: ")
    sys.modules.pop("certifi")


# --- contexts


def test_equal_settings_share_one_context(trusting):
    context = context_for(trusting)
    assert context_for(trusting.replace()) is context
    assert context_for(trusting.replace(server_name="other")) is context
    assert context_for(trusting.replace(alpn=())) is not context


def test_threads_that_come_at_once_share_one_context(trusting):
    together = threading.Barrier(8)
    got = []

    def ask():
        together.wait()
        got.append(context_for(trusting))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len(set(map(id, got))) == 1


def test_a_changed_environment_makes_another_context(certificates, monkeypatch):
    before = context_for(DEFAULT_SETTINGS)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    assert count(context_for(DEFAULT_SETTINGS)) == 1
    monkeypatch.delenv("SSL_CERT_FILE")
    assert context_for(DEFAULT_SETTINGS) is before


def test_the_oldest_context_is_dropped_when_there_are_too_many():
    made = [
        context_for(TLSSettings(verify=False, alpn=(str(number),)))
        for number in range(tls.MOST_CONTEXTS + 1)
    ]
    assert context_for(TLSSettings(verify=False, alpn=("1",))) is made[1]
    assert context_for(TLSSettings(verify=False, alpn=("0",))) is not made[0]


def test_a_forked_child_does_not_wait_for_a_thread_of_its_parent(trusting):
    if not hasattr(os, "fork"):
        pytest.skip("this system can't fork")
    with tls._building:
        child = os.fork()
        if child == 0:
            signal.alarm(int(PATIENCE))
            os._exit(0 if context_for(trusting) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_renewed_lock_is_free(monkeypatch):
    with tls._building:
        monkeypatch.setattr(tls, "_building", tls._building)
        tls._renew_lock()
        assert not tls._building.locked()


def test_the_secrets_of_a_session_are_logged_where_the_environment_says(
    certificates, trusting, monkeypatch, tmp_path
):
    log = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    with accepting(certificates.good.server_context()) as server:
        shake_hands(server, trusting).close()
    assert "CLIENT_" in log.read_text()
    del server
    tls._contexts.clear()  # each context holds the file open


def test_a_key_log_that_can_not_be_written_is_an_error(trusting, monkeypatch):
    monkeypatch.setenv("SSLKEYLOGFILE", "/nowhere/at/all")
    with refused() as told:
        context_for(trusting)
    assert told[0] == "can't write to SSLKEYLOGFILE=/nowhere/at/all: No such file or directory"


# --- settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"minimum_version": "SSLv3"}, "minimum_version must be TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"),
        ({"key_file": "a.key"}, "of no use without cert_file"),
        ({"key_password": "a"}, "of no use without cert_file"),
        ({"context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "verify": False}, "verify would be"),
        ({"context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "ca_file": ""}, "ca_file would be"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TLSSettings(**settings)


def test_settings_are_equal_by_value_and_hashable():
    assert TLSSettings(ca_file="a") == TLSSettings(ca_file="a")
    assert len({TLSSettings(), DEFAULT_SETTINGS, TLSSettings(verify=False)}) == 2


def test_repr_shows_what_differs_and_no_secret():
    assert repr(DEFAULT_SETTINGS) == "TLSSettings()"
    settings = TLSSettings(cert_file="me.pem", key_password="sesame", ca_data=b"abc", verify=False)
    assert repr(settings) == (
        "TLSSettings(ca_data=***, cert_file='me.pem', key_password=***, verify=False)"
    )


# --- errors in words


def verification_error(code, message="something else"):
    error = ssl.SSLCertVerificationError(1, "raised by Python")
    error.verify_code, error.verify_message = code, message
    return error


def certificate(not_after="May  1 00:00:00 2001 GMT", names=(), issuer=()):
    return {
        "notBefore": "Jan  1 00:00:00 2001 GMT",
        "notAfter": not_after,
        "subjectAltName": tuple(("DNS", name) for name in names),
        "issuer": tuple((pair,) for pair in issuer),
    }


LATER = "Jan  1 00:00:00 3000 GMT"


@pytest.mark.parametrize(
    ("code", "chain", "words"),
    [
        (10, [], "expired" + REFUSED),
        (10, [certificate(LATER), certificate()], "expired on 2001-05-01" + REFUSED),
        (10, [certificate(LATER)], "expired" + REFUSED),
        (10, [certificate("no time at all")], "expired" + REFUSED),
        (9, [], "is not valid yet" + REFUSED),
        (9, [certificate()], "is not valid yet" + REFUSED),
        (62, [], "is for another name, not for a.example" + REFUSED),
        (62, [certificate()], "is for another name, not for a.example" + REFUSED),
        (64, [certificate(names=["b\x1b[2J\n"])], "is for b?[2J?, not for a.example" + REFUSED),
        (
            62,
            [certificate(names="abcdefg")],
            "is for a, b, c, d, e and 2 more, not for a.example" + REFUSED,
        ),
        (62, [certificate(names=["x" * 900])], f"is for {'x' * 100}, not for a.example{REFUSED}"),
        (18, [], "is self-signed" + ADVICE),
        (20, [], "comes from an unknown issuer" + ADVICE),
        (20, [certificate()], "comes from an unknown issuer" + ADVICE),
        (
            19,
            [certificate(issuer=[("organizationName", "Org"), ("commonName", "CA\n1")])],
            "comes from an unknown issuer (CA?1)" + ADVICE,
        ),
        (23, [], "was refused: something else" + REFUSED),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said_in_words(code, chain, words):
    told = explain(verification_error(code), "a.example", chain)
    assert told == f"the server's certificate {words}"


def test_a_verification_error_of_other_making_is_repeated():
    error = ssl.SSLCertVerificationError("not liked by the keychain")
    told = explain(error, "a.example")
    assert told == (
        "the server's certificate was refused: ('not liked by the keychain',)"
        " (certificate verify failed)"
    )


def tls_error(reason):
    error = ssl.SSLError(1, "[SSL] something")
    if reason is not None:
        error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (tls_error("RECORD_LAYER_FAILURE"), NOT_TLS),
        (tls_error("TLSV1_UNRECOGNIZED_NAME"), "the server does not know this name"),
        (tls_error("BAD_MOON"), "the TLS handshake failed: bad moon"),
        (tls_error(None), "the TLS handshake failed: [SSL] something"),
        (ValueError("bad name"), "the TLS handshake failed: bad name"),
        (OSError(113, "No route to host"), "the TLS handshake failed: No route to host"),
    ],
)
def test_any_other_error_in_the_handshake_is_said_in_words(error, words):
    assert explain(error, "a.example") == words
