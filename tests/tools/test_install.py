"""install and uninstall: urllib.request's callers on our engine, and everything as before after."""

import faulthandler
import gzip
import http.client
import io
import json
import logging
import os
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.steps import StartTLS
from support.waits import PATIENCE

import mini_http
from mini_http.keepalive.pool import shared_pool
from mini_http.tools import install as module
from mini_http.tools.install import install, uninstall

ROOT = Path(mini_http.__file__).parent.parent
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
ZIPPED = gzip.compress(b"a,b\n1,2\n")
CODED = (
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/csv; charset=UTF-8\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(ZIPPED), ZIPPED)
)
MISSING = b"HTTP/1.1 404 Gone Fishing\r\nX-One: 1\r\nContent-Length: 4\r\n\r\ngone"
REPLACED = [
    (urllib.request, "install_opener"),
    (urllib.request, "urlcleanup"),
    (urllib.request, "_opener"),
    (urllib.request.AbstractHTTPHandler, "do_open"),
    (urllib.request.HTTPSHandler, "__init__"),
]
ORIGINALS = [vars(owner)[name] for owner, name in REPLACED]


@pytest.fixture
def all_restored():
    """urllib.request as it came, afterwards; and none of our connections left."""
    yield
    uninstall()
    for (owner, name), original in zip(REPLACED, ORIGINALS, strict=True):
        setattr(owner, name, original)
    shared_pool().close()


pytestmark = pytest.mark.usefixtures("no_leaked_descriptors", "all_restored")


@pytest.fixture
def installed():
    """The opener under urllib.request.urlopen."""
    return install()


@pytest.fixture
def everywhere():
    """As `installed`, and also under the openers that others build."""
    return install(everywhere=True)


@pytest.fixture
def secure_server(certificates):
    """An echo server over TLS, whose certificate nobody trusts by default."""
    with EchoServer(tls=certificates.good.server_context()) as server:
        yield server
        shared_pool().close()


def account(reply):
    """What the echo server saw of a request; its fields by their names in lower case."""
    with reply:
        seen = json.loads(reply.read())
    seen["headers"] = {name.lower(): value for name, value in seen["headers"]}
    return seen


def is_as_it_came():
    return [vars(owner)[name] for owner, name in REPLACED] == ORIGINALS


def build_opener(*handlers):
    """As a library builds one; without the proxies of this machine."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)


# --- install


def test_a_hundred_calls_take_one_connection(installed):
    with ScriptedServer([[HELLO] * 100]) as server:
        assert {urllib.request.urlopen(server.url).read() for _ in range(100)} == {b"hello"}
    assert len(server.connections) == 1


def test_the_opener_is_one_of_urllibs_own_class(installed):
    assert type(installed) is urllib.request.OpenerDirector
    assert urllib.request._opener is installed


def test_what_is_sent_is_what_urllib_sends_but_for_connection(echo_server):
    stock = account(build_opener().open(echo_server.url, b"a=b"))["headers"]
    install()
    ours = account(urllib.request.urlopen(echo_server.url, b"a=b"))["headers"]
    assert stock.pop("connection") == "close"
    assert ours == stock
    assert ours["accept-encoding"] == "identity"


def test_addheaders_can_be_replaced(installed, echo_server):
    installed.addheaders = [("User-Agent", "own/1"), ("Accept-Encoding", "br")]
    seen = account(urllib.request.urlopen(echo_server.url))["headers"]
    assert (seen["user-agent"], seen["accept-encoding"]) == ("own/1", "br")


def test_a_handler_can_be_added(installed):
    class Own(urllib.request.BaseHandler):
        def own_open(self, request):
            return io.BytesIO(request.selector.encode())

    installed.add_handler(Own())
    assert urllib.request.urlopen("own://host/path").read() == b"/path"


@pytest.mark.parametrize("scheme", ["gopher", "http+unix", "foo"])
def test_no_scheme_is_added(installed, scheme):
    with pytest.raises(urllib.error.URLError, match="unknown url type"):
        urllib.request.urlopen(f"{scheme}://host/path")


def test_files_and_data_are_opened(installed, tmp_path):
    (tmp_path / "x").write_bytes(b"hello")
    with urllib.request.urlopen((tmp_path / "x").as_uri()) as reply:
        assert reply.read() == b"hello"
    with urllib.request.urlopen("data:,hello") as reply:
        assert reply.read() == b"hello"
    name, _ = urllib.request.urlretrieve((tmp_path / "x").as_uri())
    assert name == str(tmp_path / "x")


def test_numbers_and_bytes_may_be_values_of_fields_as_in_urllib(installed, echo_server):
    request = urllib.request.Request(echo_server.url, b"abc", {"Content-Length": 3, "X": b"1"})
    seen = account(urllib.request.urlopen(request))["headers"]
    assert (seen["content-length"], seen["x"]) == ("3", "1")


@pytest.mark.parametrize("data", [b"abc", io.BytesIO(b"abc"), [b"a", b"bc"]])
def test_a_body_is_sent(installed, echo_server, data):
    seen = account(urllib.request.urlopen(echo_server.url, data))
    assert (seen["method"], seen["body"]) == ("POST", "YWJj")


def test_redirects_are_followed_over_the_same_connection(installed):
    moved = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[moved, HELLO]]) as server, urllib.request.urlopen(server.url) as reply:
        assert (reply.geturl(), reply.read()) == (server.url + "there", b"hello")
    assert len(server.connections) == 1


def test_a_post_that_is_redirected_by_307_is_posted_again(installed):
    moved = b"HTTP/1.1 307 Here\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[moved, HELLO]]) as server:
        assert urllib.request.urlopen(server.url, b"a=b").read() == b"hello"
    assert [request.split()[0] for request in server.requests] == [b"POST", b"POST"]
    assert server.requests[1].endswith(b"\r\n\r\na=b")


def test_a_connection_that_is_refused_is_a_urlerror(installed):
    with ScriptedServer() as server:
        url = server.url
    with pytest.raises(urllib.error.URLError) as caught:
        urllib.request.urlopen(url)
    assert isinstance(caught.value.reason, ConnectionRefusedError)


def test_urlretrieve_is_on_our_engine_and_reports_sizes(installed, tmp_path):
    calls = []
    with ScriptedServer([[HELLO] * 10]) as server:
        for number in range(10):
            name, headers = urllib.request.urlretrieve(
                server.url, tmp_path / str(number), lambda *call: calls.append(call)
            )
            assert name.read_bytes() == b"hello"
            assert "content-length" in headers
    assert len(server.connections) == 1
    assert calls == [(0, 8192, 5), (1, 8192, 5)] * 10


def test_urlretrieve_of_a_body_that_is_cut_is_a_urlerror(installed, tmp_path):
    """Not ContentTooShortError: urllib's loop waits for an empty read, and reading raises."""
    with (
        ScriptedServer([HELLO[:-2]]) as server,
        pytest.raises(urllib.error.URLError) as caught,
    ):
        urllib.request.urlretrieve(server.url, tmp_path / "x")
    assert isinstance(caught.value, http.client.IncompleteRead)
    assert (caught.value.partial, caught.value.expected) == (b"hel", 2)


def test_urlcleanup_does_not_end_it(installed):
    with ScriptedServer([[HELLO, HELLO]]) as server:
        name, _ = urllib.request.urlretrieve(server.url)
        urllib.request.urlcleanup()
        assert urllib.request.urlopen(server.url).read() == b"hello"
    assert not Path(name).exists()
    assert len(server.connections) == 1


def test_https_trusts_whom_urllib_trusts(installed, secure_server, certificates, monkeypatch):
    with pytest.raises(urllib.error.URLError) as caught:
        urllib.request.urlopen(secure_server.url)
    assert isinstance(caught.value.reason, ssl.SSLCertVerificationError)
    shared_pool().close()
    install_again = uninstall() or install
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    install_again()
    seen = [account(urllib.request.urlopen(secure_server.url)) for _ in range(3)]
    assert len({one["connection"] for one in seen}) == 1


def test_a_program_that_does_without_verification_goes_on_so(secure_server, monkeypatch):
    install()
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_unverified_context)
    assert account(urllib.request.urlopen(secure_server.url))["method"] == "GET"


def test_a_program_that_verifies_again_is_not_connected_unverified(secure_server, monkeypatch):
    install()
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(ssl, "_create_default_https_context", ssl._create_unverified_context)
        assert account(urllib.request.urlopen(secure_server.url))["method"] == "GET"
    with pytest.raises(urllib.error.URLError) as caught:
        urllib.request.urlopen(secure_server.url)
    assert isinstance(caught.value.reason, ssl.SSLCertVerificationError)


def test_the_proxies_of_the_environment_are_used(echo_server, monkeypatch):
    install()
    monkeypatch.setenv("http_proxy", echo_server.url)  # urllib looks at the first request
    seen = account(urllib.request.urlopen("http://elsewhere.example/path"))
    assert seen["path"] == "http://elsewhere.example/path"
    assert seen["headers"]["host"] == "elsewhere.example"


def test_https_goes_through_a_tunnel_of_a_proxy(monkeypatch):
    refusal = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([refusal]) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        install()
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen("https://elsewhere.example/secret")
    assert proxy.requests[0].startswith(b"CONNECT elsewhere.example:443 HTTP/1.1\r\n")


# --- readers of replies


def test_a_reader_that_gunzips_by_hand(installed):
    with ScriptedServer([CODED]) as server, urllib.request.urlopen(server.url) as reply:
        assert reply.headers.get("Content-Encoding", None) == "gzip"
        assert gzip.GzipFile(fileobj=io.BytesIO(reply.read())).read() == b"a,b\n1,2\n"


def test_a_reader_that_asks_for_gzip_and_reads_through_it(installed):
    request = urllib.request.Request("http://placeholder/")
    request.add_header("Accept-encoding", "gzip")
    with ScriptedServer([CODED]) as server:
        request.full_url = server.url
        with urllib.request.urlopen(request) as reply:
            assert reply.info().get("Content-Encoding", "") == "gzip"
            assert gzip.GzipFile(fileobj=reply, mode="rb").read() == b"a,b\n1,2\n"
    assert server.requests[0].lower().count(b"accept-encoding: gzip\r\n") == 1


def test_a_reader_that_looks_for_get_all_and_reads_pieces(installed):
    body = bytes(range(256)) * 100
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with ScriptedServer([reply]) as server:
        reply = urllib.request.urlopen(server.url)
        meta = reply.info()
        assert not hasattr(meta, "getheaders")
        assert meta.get_all("Content-Length") == [str(len(body))]
        pieces = list(iter(lambda: reply.read(8192), b""))
        reply.close()
    assert [len(piece) for piece in pieces] == [8192, 8192, 8192, 1024]
    assert b"".join(pieces) == body


def test_a_reader_that_wants_the_length_and_url_and_closes_unread(installed, nginx):
    nginx.add_sparse_file("large", 50_000_000)
    with urllib.request.urlopen(nginx.http + "/large") as reply:
        assert (reply.length, reply.url) == (50_000_000, nginx.http + "/large")
    assert reply.closed


def test_a_reader_that_wraps_the_reply_as_text(installed):
    body = "<a>ä</a>\n<b/>\n".encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
    with ScriptedServer([head % len(body) + body]) as server:
        reply = urllib.request.urlopen(server.url)
        assert reply.headers.get_content_subtype() == "xml"
        with io.TextIOWrapper(reply, encoding="utf-8") as text:
            assert text.readlines() == ["<a>ä</a>\n", "<b/>\n"]


def test_a_reader_of_all_that_a_reply_is_asked_for(installed):
    with ScriptedServer([CODED]) as server, urllib.request.urlopen(server.url + "x") as reply:
        assert (reply.geturl(), reply.getcode(), reply.status) == (server.url + "x", 200, 200)
        assert ("Content-Encoding", "gzip") in reply.headers.items()
        assert dict(reply.headers) == dict(reply.info().items())
        assert reply.headers.get_content_type() == "text/csv"
        assert reply.headers.get_content_charset() == "utf-8"
        assert (str(reply.version), reply.msg, reply.reason) == ("11", "OK", "OK")
        assert "content-length" in reply.info()
        assert isinstance(reply, http.client.HTTPResponse)


def test_a_reader_of_errors(installed):
    with ScriptedServer([MISSING]) as server, pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(server.url)
    with caught.value as error:
        assert (error.code, error.reason, error.msg) == (404, "Gone Fishing", "Gone Fishing")
        assert error.headers["x-one"] == "1"
        assert error.fp.read() == b"gone"


def test_a_reader_of_a_range(installed, nginx):
    request = urllib.request.Request(nginx.http + "/1k", headers={"Range": "bytes=0-9"})
    with urllib.request.urlopen(request) as reply:
        assert (reply.status, len(reply.read())) == (206, 10)


def test_a_request_whose_method_is_set_on_the_instance(installed, echo_server):
    request = urllib.request.Request(echo_server.url, b"metrics")
    request.get_method = lambda: "PUT"
    assert account(urllib.request.urlopen(request, timeout=30))["method"] == "PUT"


def test_who_watches_urllibs_open_sees_each_call_once(installed, monkeypatch):
    """As OpenTelemetry does it."""
    seen = []
    original = urllib.request.OpenerDirector.open

    def watched(opener, fullurl, data=None, timeout=None):
        request = urllib.request.Request(fullurl, data) if isinstance(fullurl, str) else fullurl
        request.headers["Traceparent"] = "00-1"
        result = original(opener, request, data=data, timeout=timeout)
        seen.append((request.get_method(), request.full_url, result.getcode(), result.version))
        return result

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", watched)
    with ScriptedServer([[HELLO, HELLO]]) as server:
        assert urllib.request.urlopen(server.url).read() == b"hello"
        assert urllib.request.urlopen(server.url, b"data").read() == b"hello"
        assert seen == [("GET", server.url, 200, 11), ("POST", server.url, 200, 11)]
    assert all(b"traceparent: 00-1\r\n" in request.lower() for request in server.requests)
    assert len(server.connections) == 1


# --- install(everywhere=True)


def test_openers_that_others_build_share_one_connection(everywhere):
    with ScriptedServer([[HELLO] * 20]) as server:
        early = build_opener()
        for _ in range(10):
            assert build_opener().open(server.url).read() == b"hello"
            assert early.open(server.url).read() == b"hello"
    assert len(server.connections) == 1
    assert all(b"Connection" not in request for request in server.requests)


def test_without_everywhere_openers_of_others_are_left_alone(installed, echo_server):
    assert account(build_opener().open(echo_server.url))["headers"]["connection"] == "close"


def test_what_their_openers_send_is_what_urllib_sends_but_for_connection(echo_server):
    stock = account(build_opener().open(echo_server.url, b"a=b"))["headers"]
    install(everywhere=True)
    ours = account(build_opener().open(echo_server.url, b"a=b"))["headers"]
    assert stock.pop("connection") == "close"
    assert ours == stock


@pytest.mark.parametrize("data", [b"abc", io.BytesIO(b"abc"), [b"a", b"bc"]])
def test_their_openers_send_bodies(everywhere, echo_server, data):
    seen = account(build_opener().open(echo_server.url, data))
    assert (seen["method"], seen["body"]) == ("POST", "YWJj")


def test_numbers_may_be_values_in_their_openers(everywhere, echo_server):
    request = urllib.request.Request(echo_server.url, b"abc", {"Content-Length": 3})
    assert account(build_opener().open(request))["headers"]["content-length"] == "3"


def test_their_redirects_and_cookies_work(everywhere):
    moved = (
        b"HTTP/1.1 302 Found\r\nLocation: /there\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    )
    with ScriptedServer([[moved, HELLO]]) as server:
        opener = build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(server.url) as reply:
            assert (reply.geturl(), reply.read()) == (server.url + "there", b"hello")
    assert b"\r\nCookie: a=b\r\n" in server.requests[1]
    assert len(server.connections) == 1


def test_their_error_replies_can_be_read(everywhere):
    with ScriptedServer([[MISSING, HELLO]]) as server:
        with pytest.raises(urllib.error.HTTPError, match="404: Gone Fishing") as caught:
            build_opener().open(server.url)
        with caught.value as error:
            assert error.read() == b"gone"
        assert build_opener().open(server.url).read() == b"hello"
    assert len(server.connections) == 1


def test_their_basic_authentication_works(everywhere):
    wanted = b'HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 2\r\n\r\nno'
    with ScriptedServer([[wanted, HELLO]]) as server:
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, server.url, "user", "pass")
        opener = build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
        assert opener.open(server.url).read() == b"hello"
    assert b"\r\nAuthorization: Basic dXNlcjpwYXNz\r\n" in server.requests[1]


def test_a_request_of_ours_in_their_opener(everywhere, echo_server):
    request = mini_http.Request(echo_server.url, method="PROPFIND")
    assert account(build_opener().open(request))["method"] == "PROPFIND"


def test_a_context_that_is_given_is_used_as_it_is(everywhere, secure_server, certificates):
    context = certificates.client_context()
    first = [
        account(urllib.request.urlopen(secure_server.url, context=context))["connection"]
        for _ in range(3)
    ]
    assert len(set(first)) == 1
    other = account(
        urllib.request.urlopen(secure_server.url, context=certificates.client_context())
    )
    assert other["connection"] not in first
    with pytest.raises(urllib.error.URLError) as caught:
        urllib.request.urlopen(secure_server.url, context=ssl.create_default_context())
    assert isinstance(caught.value.reason, ssl.SSLCertVerificationError)


def test_openers_without_a_context_share_one_connection(
    everywhere, secure_server, certificates, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    seen = [account(build_opener().open(secure_server.url)) for _ in range(3)]
    assert len({one["connection"] for one in seen}) == 1


def test_a_context_of_urllibs_making_that_was_changed_is_used_as_it_is(everywhere, secure_server):
    class Handler(urllib.request.HTTPSHandler):
        """Has a context of its own from the start, as all have since Python 3.12."""

        _context = None

        def __init__(self):
            type(self)._context = ssl.create_default_context()
            super().__init__()

        def __setattr__(self, name, value):
            if name != "_context":
                super().__setattr__(name, value)

    handler = Handler()
    with pytest.raises(urllib.error.URLError):
        build_opener(handler).open(secure_server.url)
    handler._context.check_hostname = False
    handler._context.verify_mode = ssl.CERT_NONE
    assert account(build_opener(handler).open(secure_server.url))["method"] == "GET"
    with pytest.raises(urllib.error.URLError):
        build_opener(Handler()).open(secure_server.url)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="3.11 makes a context a connection")
def test_their_openers_trust_whom_urllib_trusted_when_they_were_built(
    everywhere, secure_server, certificates, monkeypatch
):
    strict = build_opener()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    trusting = build_opener()
    monkeypatch.delenv("SSL_CERT_FILE")
    assert account(trusting.open(secure_server.url))["method"] == "GET"
    with pytest.raises(urllib.error.URLError) as caught:
        strict.open(secure_server.url)
    assert isinstance(caught.value.reason, ssl.SSLCertVerificationError)


class OwnConnection(http.client.HTTPConnection):
    """A connection that somebody else made, to be told from http.client's."""

    made = 0

    def __init__(self, *args, **kwargs):
        type(self).made += 1
        super().__init__(*args, **kwargs)


class OwnHandler(urllib.request.HTTPHandler):
    def http_open(self, req):
        return self.do_open(OwnConnection, req)


class SourceHandler(urllib.request.HTTPHandler):
    def http_open(self, req):
        return self.do_open(http.client.HTTPConnection, req, source_address=("127.0.0.1", 0))


class NamelessHandler(urllib.request.HTTPHandler):
    def http_open(self, req):
        return self.do_open(lambda host, timeout: OwnConnection(host, timeout=timeout), req)


@pytest.mark.parametrize("handler", [OwnHandler, SourceHandler, NamelessHandler])
def test_what_only_the_original_can_do_is_left_to_it(everywhere, echo_server, handler):
    made = OwnConnection.made
    seen = account(build_opener(handler).open(echo_server.url))
    assert seen["headers"]["connection"] == "close"
    assert OwnConnection.made - made == (handler is not SourceHandler)


def test_a_class_put_in_place_of_http_clients_is_used(everywhere, echo_server, monkeypatch):
    monkeypatch.setattr(http.client, "HTTPConnection", OwnConnection)
    made = OwnConnection.made
    assert account(build_opener().open(echo_server.url))["headers"]["connection"] == "close"
    assert OwnConnection.made == made + 1


def test_other_arguments_of_https_are_left_to_the_original(everywhere, secure_server, certificates):
    class Handler(urllib.request.HTTPSHandler):
        def https_open(self, req):
            context = certificates.client_context()
            return self.do_open(http.client.HTTPSConnection, req, context=context, **more)

    for more in ({"blocksize": 100}, {"source_address": ("127.0.0.1", 0)}):
        seen = account(build_opener(Handler()).open(secure_server.url))
        assert seen["headers"]["connection"] == "close"


@pytest.mark.filterwarnings("ignore:key_file, cert_file and check_hostname:DeprecationWarning")
def test_check_hostname_counts(everywhere, certificates):
    context = certificates.client_context()
    server_context = certificates.wrong_name.server_context()
    with EchoServer(tls=server_context) as server:
        handler = urllib.request.HTTPSHandler(context=context, check_hostname=False)
        assert account(build_opener(handler).open(server.url))["method"] == "GET"
        shared_pool().close()


def test_a_third_class_of_http_client_is_left_to_the_original(everywhere, echo_server):
    """Whatever a later Python may have there."""

    class Handler(urllib.request.HTTPHandler):
        def http_open(self, req):
            return self.do_open(Third, req)

    class Third(http.client.HTTPConnection):
        __module__ = "http.client"

    seen = account(build_opener(Handler).open(echo_server.url))
    assert seen["headers"]["connection"] == "close"


def test_their_proxies_are_used(everywhere, echo_server):
    proxy = echo_server.url.rstrip("/").replace("//", "//user:pass@")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))
    for _ in range(3):
        seen = account(opener.open("http://elsewhere.example/path"))
        assert seen["path"] == "http://elsewhere.example/path"
        assert seen["headers"]["host"] == "elsewhere.example"
        assert seen["headers"]["proxy-authorization"] == "Basic dXNlcjpwYXNz"
        assert (seen["connection"], "connection" in seen["headers"]) == (0, False)


def test_through_their_proxies_goes_a_tunnel_that_is_kept(everywhere, certificates):
    opened = b"HTTP/1.1 200 OK\r\n\r\n"
    server_context = certificates.good.server_context()
    with ScriptedServer([[opened, StartTLS(server_context), HELLO, HELLO, HELLO]]) as proxy:
        handlers = (
            urllib.request.ProxyHandler({"https": proxy.url.replace("//", "//user:pass@")}),
            urllib.request.HTTPSHandler(context=certificates.client_context()),
        )
        for _ in range(3):
            opener = urllib.request.build_opener(*handlers)
            assert opener.open("https://localhost/").read() == b"hello"
        shared_pool().close()
    connect, *inside = proxy.requests
    assert connect.startswith(b"CONNECT localhost:443 HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n" in connect
    assert len(inside) == 3
    assert not any(b"proxy-authorization" in request.lower() for request in inside)


@pytest.mark.parametrize("kind", [urllib.request.Request, mini_http.Request])
def test_a_request_led_to_another_host_goes_there(everywhere, echo_server, kind):
    request = kind("http://elsewhere.example/path")
    request.host = urllib.parse.urlsplit(echo_server.url).netloc
    request.add_header("Host", "elsewhere.example")
    seen = account(build_opener().open(request))
    assert (seen["path"], seen["headers"]["host"]) == ("/path", "elsewhere.example")


def test_an_object_that_is_no_request_but_acts_as_one_is_left_to_the_original(
    everywhere, echo_server
):
    class Act:
        def __init__(self, request):
            self.request = request

        def __getattr__(self, name):
            return getattr(self.request, name)

    request = urllib.request.Request(echo_server.url)
    request.timeout = 10
    handler = urllib.request.HTTPHandler()
    seen = account(handler.do_open(http.client.HTTPConnection, Act(request)))
    assert seen["headers"]["connection"] == "close"


def test_heads_are_printed_where_their_handler_says_so(everywhere, echo_server, capsys):
    account(build_opener(urllib.request.HTTPHandler(debuglevel=1)).open(echo_server.url))
    assert "send: GET / HTTP/1.1" in capsys.readouterr().out


# --- more than once, and back


def test_urllib_request_is_not_imported_before_install_is_called():
    code = (
        "import sys; from mini_http.tools.install import install, uninstall; "
        "uninstall(); assert 'urllib.request' not in sys.modules; "
        "install(); assert 'urllib.request' in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("wide", [False, True])
def test_uninstall_restores_everything(wide):
    install(everywhere=wide)
    assert not is_as_it_came()
    uninstall()
    assert is_as_it_came()


def test_install_twice_is_as_once():
    opener = install()
    assert install() is opener
    uninstall()
    assert is_as_it_came()


def test_everywhere_can_be_added_and_is_not_taken_away():
    opener = install()
    do_open = urllib.request.AbstractHTTPHandler.do_open
    assert install(everywhere=True) is opener
    assert urllib.request.AbstractHTTPHandler.do_open is not do_open
    patched = [vars(owner)[name] for owner, name in REPLACED]
    assert install() is install(everywhere=True) is opener
    assert [vars(owner)[name] for owner, name in REPLACED] == patched
    uninstall()
    assert is_as_it_came()


def test_uninstall_without_install_does_nothing():
    uninstall()
    uninstall()
    assert is_as_it_came()


def test_an_opener_that_was_installed_before_comes_back():
    before = build_opener()
    urllib.request.install_opener(before)
    install()
    assert urllib.request._opener is not before
    uninstall()
    assert urllib.request._opener is before


def test_it_can_be_installed_again_after_it_was_removed():
    for _ in range(3):
        install(everywhere=True)
        with ScriptedServer([[HELLO, HELLO]]) as server:
            assert urllib.request.urlopen(server.url).read() == b"hello"
            assert build_opener().open(server.url).read() == b"hello"
        assert len(server.connections) == 1
        uninstall()
    assert is_as_it_came()


def test_what_was_replaced_keeps_its_name_and_documentation(everywhere):
    for owner, name in REPLACED:
        if name != "_opener":
            replaced = vars(owner)[name]
            assert replaced.__name__ == name
            assert replaced.__doc__ == replaced.__wrapped__.__doc__


def test_threads_may_install_and_remove_at_once():
    def toggle():
        for number in range(50):
            install(everywhere=bool(number % 2))
            uninstall()

    threads = [threading.Thread(target=toggle) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert is_as_it_came()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")
def test_a_fork_waits_for_another_threads_install():
    begun, go_on = threading.Event(), threading.Event()

    def hold():
        with module._lock:
            begun.set()
            go_on.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    begun.wait()
    os.register_at_fork(before=go_on.set)  # the last one to be registered is called first
    child = os.fork()
    if not child:  # pragma: no cover (it is not measured)
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        install()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    holder.join()


# --- beside other programs


def test_another_opener_over_ours_is_logged_and_stays(installed, caplog):
    theirs = build_opener()
    with caplog.at_level(logging.WARNING, "mini_http"):
        urllib.request.install_opener(theirs)
    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("mini_http", "WARNING")
    ]
    assert "another opener" in caplog.text
    uninstall()
    assert urllib.request._opener is theirs


def test_installing_ours_by_hand_is_not_logged(installed, caplog):
    urllib.request.install_opener(installed)
    assert caplog.records == []


def test_none_for_an_opener_means_ours_while_it_is_installed(installed, caplog):
    urllib.request.install_opener(None)
    assert urllib.request._opener is installed
    assert caplog.records == []


def test_urlcleanup_forgets_another_opener_as_ever(installed):
    urllib.request.install_opener(build_opener())
    urllib.request.urlcleanup()
    assert urllib.request._opener is None


def test_install_takes_the_place_of_another_opener_which_comes_back(installed):
    theirs = build_opener()
    urllib.request.install_opener(theirs)
    assert install() is urllib.request._opener is installed
    uninstall()
    assert urllib.request._opener is theirs


def test_what_another_program_put_over_ours_stays(everywhere, echo_server, caplog):
    ours = urllib.request.AbstractHTTPHandler.do_open
    ours_install_opener = urllib.request.install_opener
    ours_urlcleanup = urllib.request.urlcleanup
    calls = []

    def theirs(handler, http_class, req, **arguments):
        calls.append(req.full_url)
        return ours(handler, http_class, req, **arguments)

    urllib.request.AbstractHTTPHandler.do_open = theirs
    urllib.request.install_opener = lambda opener: ours_install_opener(opener)
    with caplog.at_level(logging.WARNING, "mini_http"):
        uninstall()
    assert urllib.request.AbstractHTTPHandler.do_open is theirs
    assert "AbstractHTTPHandler.do_open was replaced after" in caplog.text
    assert "urllib.request.install_opener was replaced after" in caplog.text
    # Ours, which theirs still calls, now does what the original does.
    assert account(build_opener().open(echo_server.url))["headers"]["connection"] == "close"
    assert calls == [echo_server.url]
    ours_install_opener(opener := build_opener())
    assert urllib.request._opener is opener
    ours_urlcleanup()
    assert urllib.request._opener is None
    assert len(caplog.records) == 2


def test_the_context_is_made_once_while_nothing_changes(monkeypatch):
    first = module._urllibs_context()
    assert module._urllibs_context() is first
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    assert module._urllibs_context() is not first
