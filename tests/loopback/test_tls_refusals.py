"""What TLS refuses, each with its own words, and what it takes: whole requests on loopback."""

from __future__ import annotations

import contextlib
import datetime
import re
import ssl

import pytest
import trustme
from support.ipv6 import needs_ipv6
from support.servers import ScriptedServer
from support.waits import PATIENCE

from mini_http.base.errors import TLSFailed
from mini_http.connect.simple_client import SimpleClient
from mini_http.connect.tls import TLSSettings
from mini_http.exchange.https_connection import HTTPSConnection
from mini_http.keepalive.pool import Pool
from mini_http.opener.api import build_opener
from mini_http.opener.handlers.http import HTTPSHandler

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
AUTHORITY = f"trustme v{trustme.__version__}"
FAILED = " (certificate verify failed)"
ADVICE = (
    "; to trust it all the same, name a file with its issuer's certificate: SSL_CERT_FILE,"
    " TLSSettings(ca_file=), a context=, or --cacert on the command line"
)
WANTED = "a client certificate (cert_file, --cert)"


@pytest.fixture
def trusting(certificates):
    return TLSSettings(ca_file=certificates.ca_file)


@contextlib.contextmanager
def serving(context, at="127.0.0.1"):
    """A server that answers one request; it is what it was asked that counts."""
    with ScriptedServer([[HELLO]], tls=context, at=at) as server:
        yield server


def fetch(server, settings, host="localhost"):
    """What an opener gets from it, with a pool of its own."""
    with Pool() as pool:
        opener = build_opener(HTTPSHandler(tls=settings, pool=pool))
        with opener.open(f"https://{host}:{server.port}/") as reply:
            return reply.read()


def refusal(server, settings, host="localhost"):
    """Why an opener gets nothing from it."""
    with pytest.raises(TLSFailed) as caught:
        fetch(server, settings, host)
    assert isinstance(caught.value.reason, ssl.SSLError)
    return str(caught.value)


# --- certificates


BAD_CERTIFICATES = {
    "wrong_name": f"the server's certificate is for elsewhere.example, not for localhost{FAILED}",
    "expired": f"the server's certificate expired on 2001-01-01{FAILED}",
    "not_yet_valid": f"the server's certificate is not valid before 2099-12-31{FAILED}",
    "unknown_issuer": (
        f"the server's certificate comes from an unknown issuer ({AUTHORITY}){FAILED}{ADVICE}"
    ),
    "self_signed": f"the server's certificate is self-signed{FAILED}{ADVICE}",
    "revoked": f"the server's certificate was revoked by its issuer ({AUTHORITY}){FAILED}",
}


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("which", BAD_CERTIFICATES)
def test_each_bad_certificate_is_refused_with_its_own_words(certificates, which, version):
    settings = TLSSettings(ca_file=certificates.ca_file, maximum_version=version)
    if which == "revoked":
        settings = settings.replace(crl_file=certificates.crl_file)
    with serving(getattr(certificates, which).server_context()) as server:
        assert refusal(server, settings) == f"localhost: {BAD_CERTIFICATES[which]}"
        assert server.requests == []


@pytest.mark.parametrize("which", BAD_CERTIFICATES)
def test_callers_of_http_client_are_told_the_same(certificates, which):
    crl_file = certificates.crl_file if which == "revoked" else None
    settings = TLSSettings(ca_file=certificates.ca_file, crl_file=crl_file)
    with serving(getattr(certificates, which).server_context()) as server:
        connection = HTTPSConnection("localhost", server.port, tls=settings)
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            connection.request("GET", "/")
    assert str(caught.value) == f"localhost: {BAD_CERTIFICATES[which]}"


def test_what_its_issuer_did_not_revoke_is_taken(certificates, trusting):
    settings = trusting.replace(crl_file=certificates.crl_file)
    with serving(certificates.good.server_context()) as server:
        assert fetch(server, settings) == b"hello"


def test_a_list_that_is_out_of_date_or_not_its_issuers_refuses(certificates, trusting):
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    late = certificates.revocation_list("late.pem", until=yesterday)
    with serving(certificates.good.server_context()) as server:
        told = refusal(server, trusting.replace(crl_file=late))
    assert told == f"localhost: a list in crl_file is out of date{FAILED}"
    stranger = certificates.self_signed.chain
    settings = TLSSettings(
        ca_data=certificates.ca_file.read_text() + stranger.read_text(),
        crl_file=certificates.crl_file,
    )
    with serving(certificates.unknown_issuer.server_context()) as server:
        told = refusal(server, settings)
    assert told.startswith("localhost: crl_file has no list from the issuer of a certificate")


# --- who we are


def asking(certificates, version):
    """What a server shows that wants to see our certificate."""
    context = certificates.good.server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.ca_file)
    context.maximum_version = version
    return context


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (
            ssl.TLSVersion.TLSv1_2,
            f"localhost: the server refused: no cipher in common, or no {WANTED}",
        ),
        (ssl.TLSVersion.TLSv1_3, f"the server wants {WANTED}"),
    ],
)
def test_a_client_certificate_that_is_wanted_and_missing_is_told(
    certificates, trusting, version, words
):
    with serving(asking(certificates, version)) as server:
        assert refusal(server, trusting) == words


def test_it_is_told_also_where_the_server_is_gone_before_the_request_was_sent(
    certificates, trusting
):
    with (
        serving(asking(certificates, ssl.TLSVersion.TLSv1_3)) as server,
        SimpleClient(*server.address, timeout=PATIENCE) as client,
    ):
        client.starttls("localhost", trusting)
        with pytest.raises(TLSFailed, match=re.escape(WANTED)):
            while True:
                client.write(bytes(1 << 16))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_of_an_unknown_issuer_is_told(certificates, trusting, version):
    pair = certificates.unknown_issuer
    settings = trusting.replace(cert_file=pair.chain, key_file=pair.key)
    with serving(asking(certificates, version)) as server:
        told = refusal(server, settings)
    assert told.endswith("the server does not know the issuer of the client certificate")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_with_an_encrypted_key_is_taken(certificates, trusting, version):
    pair = certificates.client
    key = pair.encrypted_key(b"sesame")
    settings = trusting.replace(cert_file=pair.chain, key_file=key, key_password="sesame")
    with serving(asking(certificates, version)) as server:
        assert fetch(server, settings) == b"hello"


# --- versions


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("highest", "lowest"),
    [(ssl.TLSVersion.TLSv1_1, "TLSv1.2"), (ssl.TLSVersion.TLSv1_2, "TLSv1.3")],
)
def test_a_protocol_that_is_too_old_is_refused(certificates, trusting, highest, lowest):
    context = certificates.good.server_context()
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, highest
    context.set_ciphers("ALL:@SECLEVEL=0")
    with serving(context) as server:
        assert refusal(server, trusting.replace(minimum_version=lowest)) == (
            "localhost: the server offers no version of TLS that is allowed here (minimum_version)"
        )


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_an_old_protocol_can_be_allowed(certificates, trusting):
    context = certificates.good.server_context()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    old = trusting.replace(
        minimum_version="TLSv1", maximum_version="TLSv1.1", ciphers="DEFAULT:@SECLEVEL=0"
    )
    with serving(context) as server:
        assert fetch(server, old) == b"hello"


# --- pins


def test_a_pinned_server_is_taken(certificates, trusting):
    pair = certificates.good
    for pins in ((pair.key_pin,), ("00" * 32, pair.fingerprint)):
        with serving(pair.server_context()) as server:
            assert fetch(server, trusting.replace(pins=pins)) == b"hello"
    alone = TLSSettings(verify=False, pins=certificates.self_signed.key_pin)
    with serving(certificates.self_signed.server_context()) as server:
        assert fetch(server, alone, "127.0.0.1") == b"hello"


@pytest.mark.parametrize("verify", [True, False])
def test_a_server_that_is_not_the_pinned_one_is_refused(certificates, trusting, verify):
    settings = trusting.replace(verify=verify, pins=certificates.revoked.key_pin)
    with serving(certificates.good.server_context()) as server:
        told = refusal(server, settings)
        assert server.requests == []
    assert f"it is not pinned; its fingerprint is {certificates.good.fingerprint[:2]}:" in told
    assert certificates.good.key_pin in told


# --- names


@pytest.mark.parametrize(
    ("names", "asked", "is_taken"),
    [
        (["127.0.0.1"], "127.0.0.1", True),
        (["localhost"], "127.0.0.1", False),
        (["127.0.0.2"], "127.0.0.1", False),
        (["*.localhost.example"], "a.localhost.example", True),
        (["*.localhost.example"], "A.Localhost.Example.", True),
        (["*.localhost.example"], "localhost.example", False),
        (["*.localhost.example"], "b.a.localhost.example", False),
        (["a.example", "b.example"], "b.example", True),
        (["xn--bcher-kva.example"], "b\xfccher.example", True),
    ],
)
def test_names_are_those_of_the_certificate(certificates, trusting, names, asked, is_taken):
    pair = certificates.issue(f"for {names} {asked.encode()}".replace("/", ""), *names)
    with serving(pair.server_context()) as server:
        settings = trusting if asked[0].isdigit() else trusting.replace(server_name=asked)
        if is_taken:
            assert fetch(server, settings, "127.0.0.1") == b"hello"
        else:
            told = refusal(server, settings, "127.0.0.1")
            assert f"is for {', '.join(names)}, not for {asked}" in told


def test_a_common_name_is_no_name(ca, trusting):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("a@b.example", common_name="localhost").configure_cert(context)
    with serving(context) as server:
        assert "is for a@b.example, not for localhost" in refusal(server, trusting)


@needs_ipv6
@pytest.mark.parametrize(
    ("name", "is_taken"), [("::1", True), ("::2", False), ("localhost", False)]
)
def test_ipv6_addresses_are_those_of_the_certificate(certificates, trusting, name, is_taken):
    pair = certificates.issue(f"for {name.replace(':', '_')}", name)
    with serving(pair.server_context(), at="::1") as server:
        if is_taken:
            assert fetch(server, trusting, "[::1]") == b"hello"
        else:
            assert "not for ::1" in refusal(server, trusting, "[::1]")


# --- sessions


@pytest.fixture
def sessions_of(nginx):
    """What nginx's log says of the sessions of requests since."""
    before = len(nginx.log())
    return lambda: [request.session_reused for request in nginx.log()[before:]]


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("path", ["/close/1k", "/1k"])
def test_the_connections_of_a_pool_resume_the_sessions_of_those_before(
    nginx, sessions_of, trusting, version, path
):
    settings = trusting.replace(maximum_version=version)
    with Pool() as pool:
        opener = build_opener(HTTPSHandler(tls=settings, pool=pool))
        for _ in range(4):
            with opener.open(f"{nginx.https}{path}") as reply:
                assert len(reply.read()) == 1024
            pool.close_idle()
        assert pool.opened == 4
    assert sessions_of() == [False, True, True, True]


def test_connections_at_the_same_time_have_a_session_each(nginx, sessions_of, trusting):
    with Pool() as pool:
        opener = build_opener(HTTPSHandler(tls=trusting, pool=pool))
        for _ in range(2):
            replies = [opener.open(f"{nginx.https}/1m") for _ in range(3)]
            for reply in replies:
                reply.read()
            pool.close_idle()
    assert sessions_of() == [False] * 3 + [True] * 3


def test_a_kept_connection_leaves_its_session_to_one_beside_it(nginx, sessions_of, trusting):
    with Pool() as pool:
        opener = build_opener(HTTPSHandler(tls=trusting, pool=pool))
        opener.open(f"{nginx.https}/1k").read()
        with opener.open(f"{nginx.https}/1m"):  # goes on over the kept one
            opener.open(f"{nginx.https}/1k").read()
    assert sessions_of() == [False, False, True]


def test_no_session_goes_from_one_route_or_pool_to_another(nginx, sessions_of, trusting):
    routes = [
        trusting,
        trusting.replace(pins=()),
        trusting.replace(alpn=()),
        trusting.replace(server_name="127.0.0.1"),
    ]
    with Pool() as pool, Pool() as other:
        for settings, its_pool in [*[(settings, pool) for settings in routes], (trusting, other)]:
            opener = build_opener(HTTPSHandler(tls=settings, pool=its_pool))
            opener.open(f"{nginx.https}/close/1k").read()
    assert sessions_of() == [False, True, False, False, False]


def test_a_pool_that_was_closed_begins_anew(nginx, sessions_of, trusting):
    with Pool() as pool:
        opener = build_opener(HTTPSHandler(tls=trusting, pool=pool))
        for _ in range(2):
            opener.open(f"{nginx.https}/1k").read()
            pool.close()
    assert sessions_of() == [False, False]
