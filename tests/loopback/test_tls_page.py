"""docs/tls.md: every example runs, against real servers."""

from __future__ import annotations

import contextlib
import re
import shutil
import ssl
from pathlib import Path

import pytest
from support.documents import ROOT, example_under, examples
from support.servers import ScriptedServer

from mini_http.base.errors import TLSFailed
from mini_http.connect import tls, tls_contexts
from mini_http.connect.tls import TLSSettings
from mini_http.keepalive.pool import shared_pool
from mini_http.opener.handlers.http import HTTPSHandler

PAGE = "docs/tls.md"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
STRICT = b"HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=9\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(autouse=True)
def at_the_company(no_leaked_descriptors, certificates, tmp_path, monkeypatch):
    """The files that the page names, an environment without TLS's variables, nothing warned of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tls, "_warned", set())
    monkeypatch.setattr(tls_contexts, "_contexts", {})
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.setenv(variable, "")
    for name in ("company.pem", "everybody.pem"):
        shutil.copy(certificates.ca_file, name)
    shutil.copy(certificates.client.chain, "me.pem")
    shutil.copy(certificates.client.encrypted_key(b"sesame"), "me.key")
    shutil.copy(certificates.crl_file, "revoked.pem")
    yield
    shared_pool().close()
    tls_contexts._contexts.clear()  # one may hold the log of keys open


@contextlib.contextmanager
def serving(pair, *replies, client_certificates=None):
    """A server that shows a certificate; with what the page's URL is to be replaced."""
    context = pair.server_context()
    if client_certificates is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_certificates)
    with ScriptedServer([[*replies]] if replies else [[HELLO]], tls=context) as server:
        yield server, {"https://intranet.example": f"https://localhost:{server.port}"}
        shared_pool().close()


@pytest.mark.parametrize(
    "heading",
    [
        *("The company's authority alone", "The company's authority in addition"),
        *("A proxy that looks inside", "Revoked certificates", "Looking inside"),
    ],
)
def test_the_recipes_that_trust_the_company_reach_its_server(certificates, heading):
    with serving(certificates.good) as (server, replace):
        example_under(PAGE, heading).run(replace)
        assert len(server.requests) == 1


def test_the_recipe_for_a_client_certificate_shows_it(certificates):
    asking = serving(certificates.good, client_certificates=certificates.ca_file)
    with asking as (server, replace):
        example_under(PAGE, "Who we are").run(replace)
        assert len(server.requests) == 1


def test_the_recipe_for_pins_reaches_the_server_and_no_other(certificates):
    pinned, lookup = [found for found in examples(PAGE) if found.heading == "Pinning"]
    pins = [certificates.good.key_pin, certificates.revoked.key_pin]
    keys = dict(zip(re.findall('"(sha256/.*?)"', pinned.code), pins, strict=True))
    with serving(certificates.good) as (_, replace):
        pinned.run(replace | keys)
    with serving(certificates.good) as (server, _):
        told = lookup.run()["fingerprints"](f"https://127.0.0.1:{server.port}/")
    assert certificates.good.key_pin in told
    assert ":".join(re.findall("..", certificates.good.fingerprint)) in told


def test_the_recipe_for_one_host_verifies_the_others(certificates):
    example = example_under(PAGE, "One host without verification")
    with serving(certificates.self_signed) as (server, _):
        place = f"localhost:{server.port}"
        ran = example.run(
            {
                '"printer.example", 8443': f'"localhost", {server.port}',
                "printer.example:8443": place,
            }
        )
    with serving(certificates.self_signed) as (server, _), pytest.raises(TLSFailed):
        ran["opener"].open(f"https://localhost:{server.port}/")


def test_the_recipe_for_hsts_keeps_what_it_learns(certificates):
    ran = example_under(PAGE, "Hosts that want TLS only").run()
    opener = ran["opener"]
    https = next(handler for handler in opener.handlers if type(handler) is HTTPSHandler)
    https._tls = TLSSettings(ca_file=certificates.ca_file)
    with serving(certificates.good, STRICT, HELLO) as (server, _):
        opener.open(f"https://localhost:{server.port}/").close()
        with opener.open(f"http://localhost:{server.port}/") as reply:
            assert reply.read() == b"hello"
    assert "localhost" in Path("known.hsts").read_text()


@pytest.mark.parametrize("heading", ["TLS: whom to trust, and who we are", "Old servers"])
def test_the_recipes_that_only_build_an_opener_do(heading):
    assert example_under(PAGE, heading).run()["opener"].handlers


def test_the_recipe_for_the_systems_store_needs_only_the_extra(certificates):
    opener = example_under(PAGE, "The operating system's store").run()["opener"]
    pytest.importorskip("truststore")
    with serving(certificates.good) as (server, _), pytest.raises(TLSFailed, match="issuer"):
        opener.open(f"https://localhost:{server.port}/")


def test_every_example_is_run_above():
    assert {example.heading for example in examples(PAGE)} == {
        *("TLS: whom to trust, and who we are", "The company's authority alone"),
        *("The company's authority in addition", "A proxy that looks inside", "Who we are"),
        *("The operating system's store", "Pinning", "Revoked certificates", "Old servers"),
        *("One host without verification", "Hosts that want TLS only", "Looking inside"),
    }


def test_the_table_names_every_setting():
    page = (ROOT / PAGE).read_text()
    table = page.partition("| setting |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    assert set(re.findall(r"`(\w+)`", "".join(rows))) == set(TLSSettings._fields)
