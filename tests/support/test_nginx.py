"""The private nginx does at each place what the list of places says."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import ssl
import urllib.error
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from support.nginx import PLAIN_STATUSES, Nginx

if TYPE_CHECKING:
    from support.certificates import Certificates

pytestmark = pytest.mark.integration


def get(
    base: str,
    target: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> tuple[http.client.HTTPResponse, bytes]:
    address = base.partition("//")[2]
    with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request(method, target, body, headers or {})
        reply = connection.getresponse()
        return reply, reply.read()


def test_files_have_their_content(nginx: Nginx) -> None:
    _, body = get(nginx.http, "/1k")
    assert len(body) == 1024
    digest = nginx.add_big_file("3m", 3)
    assert hashlib.sha256(get(nginx.http, "/3m")[1]).hexdigest() == digest
    nginx.add_sparse_file("zeros", 5000)
    assert get(nginx.http, "/zeros")[1] == bytes(5000)


@pytest.mark.parametrize("place", ["gzip", "chunked"])
def test_replies_are_chunked_and_the_same(nginx: Nginx, place: str) -> None:
    reply, body = get(nginx.http, f"/{place}/text", headers={"Accept-Encoding": "gzip"})
    plain = gzip.decompress(body) if place == "gzip" else body
    assert reply.getheader("Transfer-Encoding") == "chunked"
    assert reply.getheader("Content-Encoding") == ("gzip" if place == "gzip" else None)
    assert plain == get(nginx.http, "/text")[1]


def test_a_coded_file_goes_out_as_it_is(nginx: Nginx) -> None:
    nginx.add_file("small.gz", gzip.compress(b"small"))
    reply, body = get(nginx.http, "/coded/small.gz")
    assert reply.getheader("Content-Encoding") == "gzip"
    assert gzip.decompress(body) == b"small"


def test_the_chain_of_redirects_ends_at_the_page(nginx: Nginx) -> None:
    with urllib.request.urlopen(f"{nginx.http}/r1", timeout=10) as reply:
        assert reply.url == f"{nginx.http}/1k"
    assert get(nginx.http, "/r2")[0].getheader("Location") == "/r3"


@pytest.mark.parametrize("status", PLAIN_STATUSES)
def test_every_status_can_be_had(nginx: Nginx, status: int) -> None:
    if status == 444:
        with pytest.raises(http.client.RemoteDisconnected):
            get(nginx.http, "/status/444")
    else:
        assert get(nginx.http, f"/status/{status}")[0].status == status


def test_sixteen_fields_are_added(nginx: Nginx) -> None:
    reply, body = get(nginx.http, "/headers16")
    assert len([name for name, _ in reply.getheaders() if name.startswith("X-Field")]) == 16
    assert len(body) == 1024


def test_connections_close_where_they_should(nginx: Nginx) -> None:
    assert get(nginx.http, "/close/1k")[0].getheader("Connection") == "close"
    with closing(http.client.HTTPConnection(nginx.impatient.partition("//")[2])) as connection:
        connection.request("GET", "/1k")
        connection.getresponse().read()
        connection.sock.settimeout(10)
        assert connection.sock.recv(1) == b""


def test_it_takes_a_posted_body(nginx: Nginx) -> None:
    assert get(nginx.http, "/post", "POST", body=b"12345")[1] == b"POST 5"


def test_files_can_be_put_and_collections_made(nginx: Nginx) -> None:
    assert get(nginx.http, "/dav/new/", "MKCOL")[0].status == 201
    assert get(nginx.http, "/dav/new/file", "PUT", body=b"content")[0].status == 201
    assert get(nginx.http, "/dav/new/file")[1] == b"content"
    if nginx.has_propfind:
        reply, body = get(nginx.http, "/dav/new/", "PROPFIND", headers={"Depth": "1"})
        assert reply.status == 207
        assert b"/dav/new/file" in body
    assert get(nginx.http, "/dav/new/", "DELETE")[0].status == 204


def test_the_log_tells_connections_apart(nginx: Nginx) -> None:
    before = len(nginx.log())
    with closing(http.client.HTTPConnection(nginx.http.partition("//")[2])) as connection:
        seen = []
        for _ in range(3):
            connection.request("GET", "/connection")
            seen.append(connection.getresponse().read().decode())
    lines = nginx.log()[before:]
    assert [f"{line.connection} {line.nth_on_connection}" for line in lines] == seen
    assert {line.connection for line in lines} == {lines[0].connection}
    assert [line.nth_on_connection for line in lines] == [1, 2, 3]
    assert {(line.method, line.target, line.status) for line in lines} == {
        ("GET", "/connection", 200)
    }


def test_a_malformed_request_is_logged_too(nginx: Nginx) -> None:
    assert get(nginx.http, "/1k", headers={"Content-Length": "x"})[0].status == 400
    assert nginx.log()[-1].status == 400


@pytest.mark.parametrize(
    ("port", "complaint"),
    [
        ("https", None),
        ("wrong_name", "Hostname mismatch"),
        ("expired", "certificate has expired"),
        ("self_signed", "self-signed certificate"),
        ("unknown_issuer", "unable to get local issuer certificate"),
    ],
)
def test_each_tls_port_shows_its_certificate(
    nginx: Nginx, certificates: Certificates, port: str, complaint: str | None
) -> None:
    context = certificates.client_context()
    url = getattr(nginx, port) + "/1k"
    if complaint is None:
        with urllib.request.urlopen(url, context=context, timeout=10) as reply:
            assert len(reply.read()) == 1024
    else:
        with pytest.raises(urllib.error.URLError) as caught:
            urllib.request.urlopen(url, context=context, timeout=10)
        assert isinstance(caught.value.reason, ssl.SSLCertVerificationError)
        assert complaint in str(caught.value.reason)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with urllib.request.urlopen(url, context=context, timeout=10) as reply:
        assert reply.status == 200


def test_one_port_wants_a_client_certificate(nginx: Nginx, certificates: Certificates) -> None:
    context = certificates.client_context()
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{nginx.client_wanted}/1k", context=context, timeout=10)
    caught.value.close()
    context.load_cert_chain(certificates.client.chain, certificates.client.key)
    with urllib.request.urlopen(f"{nginx.client_wanted}/1k", context=context, timeout=10) as reply:
        assert reply.status == 200


@pytest.mark.usefixtures("no_leaked_descriptors")
def test_it_leaves_nothing_behind(nginx: Nginx) -> None:
    with Nginx(workers=2, access_log=False) as another:
        directory = another.files.parent
        assert another.version.count(".") == 2
        assert len(get(another.http, "/1m")[1]) == 1 << 20
        assert not hasattr(another, "https")
    assert not directory.exists()
    with pytest.raises(ConnectionRefusedError):
        get(another.http, "/1k")


def test_a_faulty_configuration_is_told(nginx: Nginx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Nginx.__enter__.__globals__["PORTS"], "http", "nonsense;")
    with pytest.raises(RuntimeError, match="nonsense"), Nginx():
        pass
