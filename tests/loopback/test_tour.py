"""docs/tour.md as a whole; that its blocks run as they stand is tested in test_documents."""

import re
import shutil
import subprocess
import threading
from contextlib import contextmanager

import pytest
from support.documents import ROOT, examples
from support.python_server import EchoServer

import mini_http
from mini_http import PoolPolicy, Timeout, TLSFailed
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.connect.dial import STAGGER_SECONDS
from mini_http.keepalive.pool import shared_pool

DOCUMENT = "docs/tour.md"
TEXT = (ROOT / DOCUMENT).read_text()
STAGES = re.split(r"^## (?=\d\. )", TEXT, flags=re.MULTILINE)[1:]
PLACES = [
    place for stage in STAGES for place in re.findall(r"^\* (`\w+/.*(?:\n  .*)*)", stage, re.M)
]
"""What the lists under "Read" say: files, and what to look for in them."""


@contextmanager
def serving(server):
    """The server of the tour, in a thread."""
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def own_tls_server(tmp_path, monkeypatch):
    """The server over TLS that the tour starts, in the folder where it makes the certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl's command is not installed")
    (command,) = [block.code for block in examples(DOCUMENT, "sh") if "openssl" in block.code]
    monkeypatch.chdir(tmp_path)
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    _, make_server = [block for block in examples(DOCUMENT) if block.heading == "TLS"]
    with serving(make_server.run()["tls_server"](0, "cert.pem", "key.pem")) as server:
        yield server
        shared_pool().close()


@pytest.fixture
def own_certificate(tmp_path):
    """By its whole path: what was read from a file is kept under the file's name."""
    return str(tmp_path / "cert.pem")


@pytest.fixture
def echo_over_tls(certificates):
    with EchoServer(tls=certificates.good.server_context()) as server:
        yield server
        shared_pool().close()


def over_tls(name):
    """One of the tour's functions that speak TLS."""
    (block,) = [block for block in examples(DOCUMENT) if f"def {name}(" in block.code]
    return block.run()[name]


# --- the page


def test_there_are_five_stages_and_each_says_what_is_missing_and_what_to_read():
    assert [stage[:2] for stage in STAGES] == ["1.", "2.", "3.", "4.", "5."]
    for stage in STAGES:
        assert stage.count("\n### What is still missing\n\n") == 1, stage[:40]
        assert stage.count("\n### Read\n\n* `") == 1, stage[:40]


def test_the_table_of_stages_leads_to_their_headings():
    headings = [stage.partition("\n")[0] for stage in STAGES]
    anchors = [re.sub(r"[^\w -]", "", heading).replace(" ", "-").lower() for heading in headings]
    assert re.findall(r"^\| \[\d\]\(#(.*?)\) \|", TEXT, re.MULTILINE) == anchors


def test_each_block_that_prints_says_what_it_prints():
    for block in examples(DOCUMENT):
        assert bool(block.promised) == ("print(" in block.code), block


def test_there_are_places_to_read_for_each_stage():
    assert len(PLACES) >= 2 * len(STAGES)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.split("`")[1])
def test_what_to_read_is_there(place):
    quoted = re.findall(r"`([^`]+)`", place)
    files = [ROOT / "mini_http" / name for name in quoted if "/" in name]
    assert all(file.is_file() for file in files), place
    source = "".join(file.read_text() for file in files)
    for name in quoted:
        if "/" not in name and "." not in name:
            assert re.search(rf"\b(?:def|class) {name}\b|^{name} *[:=]", source, re.M), name


def test_the_numbers_of_the_tour_are_those_of_the_code():
    policy = PoolPolicy()
    says = " ".join(TEXT.split())
    for words in (
        f"`Limits.line_bytes`, {DEFAULT_LIMITS.line_bytes // 1024} KiB",
        f"`timeout` is in seconds, {Timeout().read:.0f} unless",
        f"The first two are {Timeout().connect:.0f} seconds unless",
        f"({policy.idle_per_route} to one place, {policy.idle_total} in all)",
        f"({policy.idle_seconds:.0f} seconds idle, half an hour in all)",
        f"At most {DEFAULT_LIMITS.redirects} are",
    ):
        assert words in says
    assert (policy.age_seconds, STAGGER_SECONDS) == (1800, 0.25)
    assert Timeout().total is None


def test_a_stream_is_as_many_methods_as_the_tour_says():
    source = (ROOT / "mini_http/connect/streams.py").read_text()
    protocol = source.partition("class Stream(Protocol):")[2].partition("\n\n\n")[0]
    assert "It is six methods" in TEXT
    assert protocol.count("        def ") == 6


# --- what needs a server over TLS


def test_a_line_comes_over_tls(own_tls_server, own_certificate):
    status_line = over_tls("status_line_over_tls")
    port = own_tls_server.server_port
    assert status_line("localhost", port, own_certificate) == b"HTTP/1.1 200 OK"
    with pytest.raises(TLSFailed, match="self-signed"):
        status_line("localhost", port)


def test_two_pages_come_over_one_connection_in_tls(own_tls_server, own_certificate):
    pages = over_tls("two_pages_over_tls")
    assert pages("localhost", own_tls_server.server_port, own_certificate) == ([200, 200], 1)


def test_a_page_comes_over_tls_from_whom_we_trust_and_under_that_name_only(
    own_tls_server, own_certificate
):
    page = over_tls("page_over_tls")
    port = own_tls_server.server_port
    status, body = page(f"https://localhost:{port}/", own_certificate)
    assert status == 200
    assert b"cert.pem" in body  # the list of the folder's files
    with pytest.raises(TLSFailed, match="self-signed"):
        page(f"https://localhost:{port}/")
    with pytest.raises(TLSFailed, match=r"is for localhost, not for 127\.0\.0\.1"):
        page(f"https://127.0.0.1:{port}/", own_certificate)


def test_the_examples_over_tls_work_with_a_certificate_of_an_authority(echo_over_tls, certificates):
    port, ca_file = echo_over_tls.port, certificates.ca_file
    status_line = over_tls("status_line_over_tls")
    assert status_line("127.0.0.1", port, ca_file) == b"HTTP/1.1 200 OK"
    assert over_tls("two_pages_over_tls")("127.0.0.1", port, ca_file) == ([200, 200], 1)
    assert over_tls("page_over_tls")(echo_over_tls.url, ca_file)[0] == 200


def test_the_environment_and_a_context_say_whom_to_trust(echo_over_tls, certificates, monkeypatch):
    context = certificates.client_context()
    with mini_http.urlopen(echo_over_tls.url, context=context) as reply:
        assert reply.status == 200
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    with mini_http.urlopen(echo_over_tls.url) as reply:
        assert reply.status == 200
