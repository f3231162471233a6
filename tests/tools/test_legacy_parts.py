"""The parts of the legacy openers: URLs split as they do, requests, and what sends them."""

import io
from base64 import b64encode

import pytest
from support.ftp_server import FTPServer
from support.servers import ScriptedServer

from mini_http.base import errors
from mini_http.base.headers import Headers
from mini_http.connect.tls import TLSSettings
from mini_http.keepalive.pool import shared_pool
from mini_http.opener import ftp_wrapper
from mini_http.tools.legacy_parts import (
    basic_realm,
    director,
    quoted_url,
    request_for,
    split_authority,
    split_scheme,
)


@pytest.fixture
def connections_end():
    """So that no test finds what another one left."""
    yield
    shared_pool().close()


pytestmark = pytest.mark.usefixtures("no_leaked_descriptors", "connections_end")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://host/a%20b?c=d#e", "http://host/a%20b?c=d#e"),
        ("<URL:http://host/>", "http://host/"),
        ("http://host/a b\xe9", "http://host/a%20b%C3%A9"),
    ],
)
def test_a_url_is_taken_out_of_its_wrapping_and_quoted(given, url):
    assert quoted_url(given) == url


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://host/a:b", ("http", "//host/a:b")),
        ("HTTP:x", ("http", "x")),
        ("x\n:y\n:", ("x\n", "y\n:")),
        ("odd scheme:x", ("odd scheme", "x")),
        ("/path:x", ("", "/path:x")),
        (":x", ("", ":x")),
        ("", ("", "")),
    ],
)
def test_a_scheme_is_what_stands_before_the_first_colon(url, parts):
    assert split_scheme(url) == parts


@pytest.mark.parametrize(
    ("rest", "parts"),
    [
        ("//host:1/path", ("host:1", "/path")),
        ("//user:pass@host?query/", ("user:pass@host", "?query/")),
        ("//host#x", ("host", "#x")),
        ("//host", ("host", "")),
        ("///path", ("", "/path")),
        ("/path", ("", "/path")),
        ("path//x", ("", "path//x")),
        ("//ho\nst/\n", ("ho\nst", "/\n")),
    ],
)
def test_an_authority_stands_between_two_slashes_and_the_path(rest, parts):
    assert split_authority(rest) == parts


@pytest.mark.parametrize(
    ("userinfo", "account"),
    [("user:pass@", b"user:pass"), ("%C3%A4:%3A@", "ä::".encode()), ("user@", b"user:")],
)
def test_user_and_password_become_basic_authentication(userinfo, account):
    request = request_for(f"http://{userinfo}host/x", None, {})
    assert request.full_url == "http://host/x"
    assert request.headers["Authorization"] == f"Basic {b64encode(account).decode()}"


def test_headers_win_over_what_a_request_would_have():
    given = {"authorization": "x", "accept-encoding": "br", "X-One": "1"}
    request = request_for("http://user:pass@host/", b"a=b", given)
    assert request.given_fields() == list(given.items())
    assert request.get_method() == "POST"


def test_no_coding_is_asked_for():
    request = request_for("http://host/", None, {})
    assert request.given_fields() == [("Accept-Encoding", "identity")]
    assert request.get_method() == "GET"


@pytest.mark.parametrize("host", ["a%00b", "a%20b", "a\tb", "%7F", "a%0Ab:80"])
def test_control_characters_in_a_host_are_named(host):
    with pytest.raises(errors.InvalidURL, match="host can't contain control characters") as caught:
        request_for(f"http://user:secret@{host}/", None, {})
    assert "secret" not in str(caught.value)


def test_requests_are_opened_as_they_are():
    missing = b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n"
    moved = b"HTTP/1.1 302 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[missing, moved]]) as server:
        for status in (404, 302):
            with director().open(server.url) as reply:
                assert reply.status == status
    assert all(b"User-" not in request for request in server.requests)


def test_a_proxy_is_asked():
    with (
        ScriptedServer([b"HTTP/1.1 204 No Content\r\n\r\n"]) as proxy,
        director(proxy=proxy.url).open("http://elsewhere.example/x") as reply,
    ):
        assert reply.status == 204
    assert proxy.requests[0].startswith(b"GET http://elsewhere.example/x HTTP/1.1\r\n")


def test_settings_of_tls_are_used(certificates):
    tls = certificates.good.server_context()
    with ScriptedServer([b"HTTP/1.1 204 No Content\r\n\r\n"], tls=tls) as server:
        settings = TLSSettings(ca_file=certificates.ca_file)
        with director(settings).open(server.url) as reply:
            assert reply.status == 204
        shared_pool().close()


def test_data_and_files_are_opened(tmp_path):
    (tmp_path / "x").write_bytes(b"hello")
    for url in ("data:,hello", (tmp_path / "x").as_uri()):
        with director().open(url) as reply:
            assert reply.read() == b"hello"


def test_files_of_ftp_are_opened():
    with FTPServer() as server, director().open(f"ftp://{server.authority}/hello.txt") as reply:
        assert reply.read() == b"Hello, world.\r\n"


def test_a_class_put_in_place_of_ftpwrapper_needs_no_more_than_urllibs(monkeypatch):
    class Fake:
        def __init__(self, user, passwd, host, port, dirs, timeout=None, persistent=True):
            self.file = io.BytesIO(f"{user} {passwd} {dirs}".encode())

        def retrfile(self, file, type):
            return self.file, None

    monkeypatch.setattr(ftp_wrapper, "ftpwrapper", Fake)
    with director().open("ftp://me:secret@127.0.0.1/a/b") as reply:
        assert reply.read() == b"me secret ['a']"


@pytest.mark.parametrize(
    ("fields", "realm"),
    [
        (['Basic realm="a b"'], "a b"),
        (['Digest realm="x", nonce="y", basic REALM=here'], "here"),
        (['Bearer realm="x"', 'Basic realm="y"'], "y"),
        (["Basic"], None),
        (["Digest realm=x"], None),
        ([], None),
    ],
)
def test_the_realm_is_that_of_the_first_challenge_for_basic(fields, realm):
    headers = Headers([("WWW-Authenticate", field) for field in fields])
    assert basic_realm(headers, "www-authenticate") == realm
    assert basic_realm(headers, "proxy-authenticate") is None
