"""Contexts: whom they trust, what they show, and that they are built once."""

import os
import signal
import ssl
import sys
import threading
import zipfile

import certifi
import pytest
import trustme
from support.servers import ScriptedServer
from support.tls_handshakes import VARIABLES, accepting, refused, shake_hands, silent
from support.waits import PATIENCE

from mini_http.connect import tls_contexts
from mini_http.connect.tls import DEFAULT_SETTINGS, TLSSettings, context_for
from mini_http.connect.tls_words import explain_late

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    """No contexts from other tests, and an environment that says nothing of TLS."""
    monkeypatch.setattr(tls_contexts, "_contexts", {})
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


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
        for number in range(tls_contexts.MOST_CONTEXTS + 1)
    ]
    assert context_for(TLSSettings(verify=False, alpn=("1",))) is made[1]
    assert context_for(TLSSettings(verify=False, alpn=("0",))) is not made[0]


def test_a_forked_child_does_not_wait_for_a_thread_of_its_parent(trusting):
    if not hasattr(os, "fork"):
        pytest.skip("this system can't fork")
    with tls_contexts._building:
        child = os.fork()
        if child == 0:
            signal.alarm(int(PATIENCE))
            os._exit(0 if context_for(trusting) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_renewed_lock_is_free(monkeypatch):
    with tls_contexts._building:
        monkeypatch.setattr(tls_contexts, "_building", tls_contexts._building)
        tls_contexts._renew_lock()
        assert not tls_contexts._building.locked()


def test_the_secrets_of_a_session_are_logged_where_the_environment_says(
    certificates, trusting, monkeypatch, tmp_path
):
    log = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    with accepting(certificates.good.server_context()) as server:
        shake_hands(server, trusting).close()
    assert "CLIENT_" in log.read_text()
    del server
    tls_contexts._contexts.clear()  # each context holds the file open


def test_a_key_log_that_can_not_be_written_is_an_error(trusting, monkeypatch):
    monkeypatch.setenv("SSLKEYLOGFILE", "/nowhere/at/all")
    with refused() as told:
        context_for(trusting)
    assert told[0] == "can't write to SSLKEYLOGFILE=/nowhere/at/all: No such file or directory"


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
    encrypted = pair.encrypted_key(b"sesame")
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


@pytest.mark.parametrize(
    ("password", "words"),
    [
        (None, "the private key is encrypted, and key_password is not given"),
        ("wrong", "key_password is not the password of the private key"),
    ],
)
def test_a_key_that_can_not_be_read_is_an_error_without_its_password(
    trusting, our_files, password, words, capfd
):
    settings = trusting.replace(
        cert_file=our_files["cert"], key_file=our_files["encrypted"], key_password=password
    )
    with refused() as told:
        context_for(settings)
    files = f"cert_file={our_files['cert']} with key_file={our_files['encrypted']}"
    assert told[0] == f"can't load {files}: {words}"
    assert capfd.readouterr() == ("", ""), "nobody is asked on the terminal"


@pytest.mark.parametrize(
    ("cert", "key", "words"),
    [
        ("cert", None, "there is no private key (PEM); key_file says where it is"),
        ("key", None, "it has no certificate (PEM)"),
        ("cert", "missing", "No such file or directory"),
        ("cert", "other", "key values mismatch"),
    ],
)
def test_own_files_that_do_not_serve_are_an_error_that_says_why(
    certificates, our_files, cert, key, words
):
    files = our_files | {"missing": "missing.key", "other": certificates.good.key}
    settings = TLSSettings(cert_file=files[cert], key_file=files.get(key))
    with refused() as told:
        context_for(settings)
    assert told[0].startswith(f"can't load cert_file={files[cert]}")
    assert told[0].endswith(f": {words}")


def test_a_client_certificate_that_is_not_there_is_an_error(trusting):
    with refused() as told:
        context_for(trusting.replace(cert_file="missing.pem"))
    assert told[0] == "can't load cert_file=missing.pem: No such file or directory"


# --- how to speak


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_the_maximum_version_can_be_lowered(certificates, trusting, version):
    settings = trusting.replace(maximum_version=version)
    with (
        accepting(certificates.good.server_context()) as server,
        shake_hands(server, settings) as sock,
    ):
        assert sock.version() == version


def test_the_ciphers_can_be_chosen(certificates, trusting):
    name = "ECDHE-ECDSA-AES256-GCM-SHA384"
    settings = trusting.replace(maximum_version="TLSv1.2", ciphers=name)
    with (
        accepting(certificates.good.server_context()) as server,
        shake_hands(server, settings) as sock,
    ):
        assert sock.cipher()[0] == name


def test_ciphers_that_there_are_not_are_an_error(trusting):
    with refused() as told:
        context_for(trusting.replace(ciphers="ROT13"))
    assert told[0] == "can't offer ciphers='ROT13': OpenSSL knows none of them"


# --- revoked certificates


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["ca_file"], "it has certificates, which would be trusted"),
        (["crl_file", "unknown"], "it has certificates, which would be trusted"),
        (["key"], "no certificate or crl found"),
    ],
)
def test_a_file_of_revoked_certificates_that_is_none_is_an_error(
    certificates, tmp_path, files, words
):
    known = {
        "ca_file": certificates.self_signed.chain,
        "unknown": certificates.self_signed.chain,
        "crl_file": certificates.crl_file,
        "key": certificates.good.key,
    }
    path = tmp_path / "crl.pem"
    path.write_bytes(b"".join(known[file].read_bytes() for file in files))
    with refused() as told:
        context_for(TLSSettings(ca_file=certificates.ca_file, crl_file=path))
    assert told[0] == f"can't load crl_file={path}: {words}"


def test_a_list_of_revoked_certificates_is_looked_into_for_the_whole_chain(certificates, trusting):
    context = context_for(trusting.replace(crl_file=certificates.crl_file))
    assert context.verify_flags & ssl.VERIFY_CRL_CHECK_CHAIN == ssl.VERIFY_CRL_CHECK_CHAIN
    assert context.cert_store_stats() == {"x509": 1, "x509_ca": 1, "crl": 1}


def test_certificates_that_are_trusted_anyway_are_no_revocation_list(certificates):
    with refused() as told:
        context_for(TLSSettings(ca_file=certificates.ca_file, crl_file=certificates.ca_file))
    assert told[0].endswith(": it has no revocation list (PEM)")


def test_a_list_of_revoked_certificates_that_is_not_there_is_an_error(trusting):
    with refused() as told:
        context_for(trusting.replace(crl_file="missing.pem"))
    assert told[0] == "can't load crl_file=missing.pem: No such file or directory"


# --- stores in addition


def test_certifi_can_be_trusted_in_addition(trusting):
    both = count(context_for(trusting.replace(trust="certifi")))
    assert both == 1 + count(context_for(TLSSettings(trust="certifi")))


def test_certifi_named_counts_instead_of_the_environment(certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    assert count(context_for(TLSSettings(trust="certifi"))) > 50


def test_without_truststore_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "truststore", None)
    with refused() as told:
        context_for(TLSSettings(trust="system"))
    assert told[0] == (
        'can\'t ask the system (trust="system"): the package truststore is not installed:'
        " pip install mini-http[truststore]"
    )
    assert context_for(TLSSettings(trust="system", verify=False)).verify_mode == ssl.CERT_NONE


def test_the_systems_store_is_asked_through_truststore(certificates, trusting):
    truststore = pytest.importorskip("truststore")
    with accepting(certificates.good.server_context()) as server, refused() as told:
        shake_hands(server, TLSSettings(trust="system"))
    assert "comes from an unknown issuer" in told[0]
    settings = trusting.replace(trust="system")
    assert isinstance(context_for(settings), truststore.SSLContext)
    with accepting(certificates.good.server_context()) as server:
        shake_hands(server, settings).close()


# --- a client certificate that is not there


CLIENT_CERTIFICATE = "a client certificate (cert_file, --cert)"


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
    assert explain_late(caught.value) == f"the server wants {CLIENT_CERTIFICATE}"
