"""urlopen, build_opener and install_opener: what a program begins with."""

import io
import json
import os
import socket
import ssl
import urllib.request

import pytest
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.steps import Drain, Expect

from mini_http import (
    BaseHandler,
    ContentCodingHandler,
    DataHandler,
    FileHandler,
    FTPHandler,
    HTTPDefaultErrorHandler,
    HTTPError,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    Pool,
    ProxyHandler,
    Request,
    Timeout,
    UnknownHandler,
    URLError,
    build_opener,
    install_opener,
    urlopen,
)
from mini_http.base import errors
from mini_http.keepalive.pool import shared_pool
from mini_http.opener import api

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
SHORT = 0.05
"""Seconds to wait for a server that never answers."""


@pytest.fixture
def nothing_installed():
    """urlopen with its own opener, and its connections closed afterwards."""
    install_opener(None)
    yield
    install_opener(None)
    shared_pool().close()


@pytest.fixture
def no_proxies(monkeypatch):
    """An environment that names no proxies."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


pytestmark = pytest.mark.usefixtures("no_leaked_descriptors", "no_proxies", "nothing_installed")


def account(reply):
    """What the echo server saw of a request."""
    with reply:
        return json.loads(reply.read())


def classes(opener):
    return {type(handler) for handler in opener.handlers}


# --- build_opener


USUAL = set(api.default_handlers()) - {ProxyHandler}
"""What an opener has where the environment names no proxies: then a ProxyHandler has no hooks."""


def test_the_usual_handlers_are_in_the_table():
    assert classes(build_opener()) == USUAL
    assert {
        DataHandler,
        FileHandler,
        FTPHandler,
        UnknownHandler,
        HTTPHandler,
        HTTPSHandler,
        HTTPDefaultErrorHandler,
        HTTPRedirectHandler,
        ContentCodingHandler,
        HTTPErrorProcessor,
    } == USUAL


class Own(HTTPHandler):
    """A handler that takes the place of a usual one."""


class Extra(BaseHandler):
    """A handler beside the usual ones."""

    def own_open(self, request):
        return io.BytesIO(request.selector.encode())


@pytest.mark.parametrize(
    ("given", "expected"),
    [(HTTPHandler, HTTPHandler), (HTTPHandler(), HTTPHandler), (Own, Own), (Own(), Own)],
    ids=["the class", "an instance", "a subclass", "an instance of a subclass"],
)
def test_what_is_given_replaces_the_usual_one(given, expected):
    opener = build_opener(given)
    found = [handler for handler in opener.handlers if isinstance(handler, HTTPHandler)]
    assert [type(handler) for handler in found] == [expected]
    if not isinstance(given, type):
        assert found == [given]
    assert len(opener.handlers) == len(USUAL)


@pytest.mark.parametrize("default", USUAL)
def test_each_usual_handler_can_be_replaced(default):
    own = type("Own", (default,), {})
    assert classes(build_opener(own)) == {*USUAL, own} - {default}


def test_proxies_given_replace_those_of_the_environment(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://a.test:1")
    found = [h for h in build_opener().handlers if isinstance(h, ProxyHandler)]
    assert [handler.proxies for handler in found] == [{"http": "http://a.test:1"}]
    given = ProxyHandler({"https": "http://b.test:2"})
    assert [h for h in build_opener(given).handlers if isinstance(h, ProxyHandler)] == [given]


@pytest.mark.parametrize("given", [Extra, Extra()])
def test_what_replaces_nothing_is_added(given):
    opener = build_opener(given)
    assert classes(opener) == {*USUAL, Extra}
    assert opener.open("own://host/path").read() == b"/path"


def test_two_that_replace_the_same_are_both_there():
    first, second = Own(), Own()
    opener = build_opener(first, second)
    assert [one for one in opener.handlers if isinstance(one, HTTPHandler)] == [first, second]


def test_a_handler_of_urllibs_is_added():
    class Theirs(urllib.request.BaseHandler):
        def own_open(self, request):
            return "theirs"

    assert build_opener(Theirs).open("own://host/") == "theirs"


@pytest.mark.parametrize("wrong", [object(), "HTTPHandler", None, object])
def test_what_is_no_handler_is_refused(wrong):
    with pytest.raises(TypeError, match="expected BaseHandler instance"):
        build_opener(wrong)


def test_openers_have_handlers_of_their_own_and_one_pool():
    first, second = build_opener(), build_opener()
    assert not {*map(id, first.handlers)} & {*map(id, second.handlers)}
    pools = {
        handler.pool for handler in first.handlers + second.handlers if hasattr(handler, "pool")
    }
    assert pools == {shared_pool()}


# --- install_opener


def test_urlopen_uses_the_opener_that_is_installed(echo_server):
    opener = build_opener()
    opener.addheaders = [("User-Agent", "own/1")]
    install_opener(opener)
    headers = dict(account(urlopen(echo_server.url))["headers"])
    assert headers["User-Agent"] == "own/1"


def test_any_object_that_opens_can_be_installed():
    class Opener(OpenerDirector):
        def open(self, fullurl, data=None, timeout=None):
            return fullurl, data, timeout

    install_opener(Opener())
    assert urlopen("anything", b"data", 3) == ("anything", b"data", 3)


def test_none_brings_the_usual_opener_back(echo_server):
    install_opener(OpenerDirector())
    assert urlopen(echo_server.url) is None
    install_opener(None)
    assert account(urlopen(echo_server.url))["method"] == "GET"


def test_the_usual_opener_is_made_once(echo_server):
    account(urlopen(echo_server.url))
    made = api._installed
    account(urlopen(echo_server.url))
    assert isinstance(made, OpenerDirector)
    assert api._installed is made


# --- urlopen


def test_a_url_is_fetched(echo_server):
    with urlopen(echo_server.url + "path?query") as reply:
        assert (reply.status, reply.url) == (200, echo_server.url + "path?query")
        assert json.loads(reply.read())["path"] == "/path?query"


def test_a_request_is_fetched(echo_server):
    request = Request(echo_server.url, headers={"X-One": "1"}, method="PROPFIND")
    seen = account(urlopen(request))
    assert (seen["method"], dict(seen["headers"])["X-One"]) == ("PROPFIND", "1")


def test_a_request_of_urllibs_is_fetched(echo_server):
    request = urllib.request.Request(echo_server.url, b"x", {"X-One": "1"}, method="PUT")
    seen = account(urlopen(request))
    assert (seen["method"], dict(seen["headers"])["X-one"]) == ("PUT", "1")


@pytest.mark.parametrize("data", [b"a=b", io.BytesIO(b"a=b"), [b"a", b"=b"]])
def test_data_is_posted(echo_server, data):
    seen = account(urlopen(echo_server.url, data))
    assert (seen["method"], seen["body"]) == ("POST", "YT1i")


def test_a_text_as_data_is_a_type_error(echo_server):
    with pytest.raises(TypeError, match="must be bytes, not str"):
        urlopen(echo_server.url, "a=b")


def test_hundreds_of_urls_of_one_origin_take_one_connection():
    with ScriptedServer([[HELLO] * 300]) as server:
        assert {urlopen(f"{server.url}{number}").read() for number in range(300)} == {b"hello"}
    assert len(server.connections) == 1


def test_an_error_status_is_raised():
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"
    with ScriptedServer([missing]) as server, pytest.raises(HTTPError) as caught:
        urlopen(server.url)
    with caught.value as error:
        assert (error.code, error.read()) == (404, b"gone")


@pytest.mark.parametrize("url", ["bogus", "", "http://", "http://[::1", "http://a b/"])
def test_a_url_that_is_none_is_a_value_error_and_a_urlerror(url):
    with pytest.raises(ValueError) as caught:
        urlopen(url)
    assert isinstance(caught.value, URLError)


def test_an_unknown_scheme_is_a_urlerror():
    with pytest.raises(URLError, match="unknown url type: foo"):
        urlopen("foo://host/")


# --- how long


@pytest.mark.parametrize("timeout", [5, 5.5, Timeout(5, 5, 5), None])
def test_a_timeout_is_a_number_a_timeout_or_none(echo_server, timeout):
    assert account(urlopen(echo_server.url, timeout=timeout))["method"] == "GET"
    assert account(urlopen(echo_server.url, None, timeout))["method"] == "GET"


@pytest.mark.parametrize("timeout", [SHORT, Timeout(read=SHORT), Timeout(total=SHORT)])
def test_a_timeout_says_timed_out_as_urllibs_does(timeout):
    with (
        ScriptedServer([[Expect(), Drain()]]) as server,
        pytest.raises(URLError, match="timed out") as caught,
    ):
        urlopen(server.url, timeout=timeout)
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value.reason, TimeoutError)


# --- context


def test_a_context_is_used_for_https(certificates):
    with EchoServer(tls=certificates.good.server_context()) as server:
        seen = account(urlopen(server.url, context=certificates.client_context()))
        with pytest.raises(errors.TLSFailed) as caught:
            urlopen(server.url, context=ssl.create_default_context())
        shared_pool().close()
    assert seen["method"] == "GET"
    assert isinstance(caught.value.reason, ssl.SSLCertVerificationError)


def test_one_context_is_one_connection(certificates):
    context = certificates.client_context()
    with EchoServer(tls=certificates.good.server_context()) as server:
        seen = [account(urlopen(server.url, context=context))["connection"] for _ in range(3)]
        shared_pool().close()
    assert seen == [0, 0, 0]


def test_a_context_changes_nothing_for_http(echo_server):
    assert account(urlopen(echo_server.url, context=ssl.create_default_context()))["path"] == "/"


def test_with_a_context_the_usual_handlers_are_used_as_in_urllib(certificates):
    install_opener(OpenerDirector())
    with EchoServer(tls=certificates.good.server_context()) as server:
        seen = account(urlopen(server.url, b"x", 5, context=certificates.client_context()))
        shared_pool().close()
    assert seen["method"] == "POST"


# --- a pool of one's own


def test_an_opener_may_have_a_pool_of_its_own(echo_server):
    with Pool() as pool:
        before = shared_pool().opened
        account(build_opener(HTTPHandler(pool=pool)).open(echo_server.url))
        assert (pool.opened, shared_pool().opened) == (1, before)


# --- as programs wrote it before Python 3.13


@pytest.mark.parametrize("how", ["cafile", "capath"])
def test_authorities_can_be_named_as_before_python_3_13(certificates, hashed_folder, how):
    place = certificates.ca_file if how == "cafile" else hashed_folder
    with EchoServer(tls=certificates.good.server_context()) as server:
        with pytest.warns(DeprecationWarning, match="are deprecated: use context="):
            seen = account(urlopen(server.url, **{how: str(place)}))
        with (
            pytest.warns(DeprecationWarning, match="are deprecated"),
            pytest.raises(errors.TLSFailed),
        ):
            urlopen(server.url, cadefault=True)
    assert seen["method"] == "GET"


def test_a_context_and_authorities_contradict_each_other(certificates):
    context = certificates.client_context()
    with (
        pytest.warns(DeprecationWarning, match="are deprecated"),
        pytest.raises(ValueError, match="give one of them"),
    ):
        urlopen("https://a.test/", context=context, cafile="x")


# --- a reply that only the end of TLS delimits


def rude_server(certificates):
    """Closes the connection after its reply, but not TLS."""

    class Cutting(ssl.SSLSocket):
        def cut(self):
            socket.socket(fileno=self.detach()).close()

    def answer(connection):
        connection.read_request()
        connection.send(b"HTTP/1.0 200 OK\r\n\r\nhello")
        connection.sock.cut()

    context = certificates.good.server_context()
    context.sslsocket_class = Cutting
    return ScriptedServer(handler=answer, tls=context)


def test_tls_that_ends_without_saying_so_leaves_a_body_incomplete(certificates):
    context = certificates.client_context()
    with rude_server(certificates) as server, urlopen(server.url, context=context) as reply:
        with pytest.raises(errors.IncompleteRead) as caught:
            reply.read()
        assert caught.value.partial == b"hello"


def test_the_caller_can_have_it_as_urllib_does(certificates):
    context = certificates.client_context()
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    with rude_server(certificates) as server, urlopen(server.url, context=context) as reply:
        assert reply.read() == b"hello"
