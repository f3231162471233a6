"""urlopen, build_opener and install_opener: what a program begins with."""

import base64
import io
import json
import os
import socket
import ssl
import subprocess
import sys
import urllib.request
from email import policy
from email.parser import BytesParser

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
    URLCredentialsHandler,
    URLError,
    build_opener,
    install_opener,
    urlopen,
)
from mini_http.base import errors
from mini_http.exchange.form_body import form_body, json_body, multipart_body
from mini_http.exchange.request_body import watched, with_trailers
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
        URLCredentialsHandler,
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


def received(reply):
    """The type and the body that the echo server saw, a form with files as its parts."""
    seen = account(reply)
    assert seen["method"] == "POST"
    fields = {name.lower(): value for name, value in seen["headers"]}
    kind, body = fields["content-type"], base64.b64decode(seen["body"])
    if not kind.startswith("multipart/"):
        return kind, body
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + body)
    assert not message.defects
    return kind.partition(";")[0], [
        (part["Content-Disposition"].params["name"], part.get_payload(decode=True))
        for part in message.iter_parts()
    ]


JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
WITH_FILES = "multipart/form-data"
BY_NAME = [
    ({"json": {"a": 1}}, JSON, b'{"a":1}'),
    ({"json": []}, JSON, b"[]"),
    ({"form": {"a": 1, "b": [2, "3"]}}, FORM, b"a=1&b=2&b=3"),
    ({"files": {"f": b"1"}}, WITH_FILES, [("f", b"1")]),
    ({"form": {"a": 1}, "files": {"f": io.BytesIO(b"2")}}, WITH_FILES, [("a", b"1"), ("f", b"2")]),
]


@pytest.mark.parametrize(("given", "kind", "body"), BY_NAME)
def test_a_value_a_form_and_files_are_posted(echo_server, given, kind, body):
    for _ in range(2):
        assert received(urlopen(echo_server.url, **given)) == (kind, body)
        for file in given.get("files", {}).values():
            if hasattr(file, "seek"):
                file.seek(0)
    assert received(urlopen(Request(echo_server.url, **given))) == (kind, body)


def test_a_value_takes_the_place_of_the_data_of_a_request(echo_server):
    request = Request(echo_server.url, b"old")
    assert received(urlopen(request, json={})) == (JSON, b"{}")


@pytest.mark.parametrize("given", [{"json": 1}, {"form": {}}, {"files": {}}])
def test_two_bodies_are_a_type_error(given):
    with pytest.raises(TypeError, match=f"one body: data and {next(iter(given))} can't go"):
        urlopen("http://a.test/", b"", **given)


@pytest.mark.parametrize(
    ("make", "kind", "body"),
    [
        (lambda: json_body(None), JSON, b"null"),
        (lambda: form_body({"a": 1}), FORM, b"a=1"),
        (lambda: multipart_body({"a": 1}, {"f": b"2"}), WITH_FILES, [("a", b"1"), ("f", b"2")]),
        (lambda: multipart_body(files={"f": iter([b"2"])}), WITH_FILES, [("f", b"2")]),
        (lambda: watched(b"a=b", lambda *_: None), FORM, b"a=b"),
        (lambda: watched(json_body({}), lambda *_: None), JSON, b"{}"),
        (lambda: with_trailers(json_body({}), [("X-Rows", "5")]), JSON, b"{}"),
    ],
)
def test_a_body_may_be_given_as_data(echo_server, make, kind, body):
    assert received(urlopen(echo_server.url, make())) == (kind, body)
    assert received(build_opener().open(echo_server.url, make())) == (kind, body)


def test_the_type_that_the_caller_gives_wins(echo_server):
    request = Request(echo_server.url, json={}, headers={"Content-Type": "application/ld+json"})
    assert received(urlopen(request)) == ("application/ld+json", b"{}")


def test_a_request_with_a_body_can_be_opened_again(echo_server, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        request = Request(echo_server.url, files={"f": file, "g": path})
        for _ in range(3):
            seen = received(urlopen(request))
            assert seen == (WITH_FILES, [("f", b"content"), ("g", b"content")])


def test_a_request_whose_body_is_used_up_cannot_be_opened_again(echo_server):
    request = Request(echo_server.url, files={"pipe": iter([b"1"])})
    assert received(urlopen(request)) == (WITH_FILES, [("pipe", b"1")])
    with pytest.raises(errors.BodyNotReplayable, match="the part 'pipe'"):
        urlopen(request)


def redirecting(status):
    """Sends one request on, and answers the next."""
    moved = b"HTTP/1.1 %d Moved\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n" % status
    return ScriptedServer([[moved, HELLO]])


@pytest.mark.parametrize("status", [307, 308])
def test_a_form_is_rewound_for_a_redirect(status, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(100_000))
    told = []
    with redirecting(status) as server, path.open("rb") as file:
        body = multipart_body({"a": "1"}, {"f": file, "g": path})
        with urlopen(server.url, watched(body, lambda *now: told.append(now))) as reply:
            assert reply.read() == b"hello"
        first, second = (request.partition(b"\r\n\r\n") for request in server.requests)
    assert first[2] == second[2]
    assert len(first[2]) == body.length
    assert body.content_type.encode() in second[0]
    assert told[len(told) // 2 :] == told[: len(told) // 2]
    assert told[-1] == (body.length, body.length)


@pytest.mark.parametrize("status", [307, 308])
def test_a_form_that_cannot_be_rewound_names_its_part(status):
    with (
        redirecting(status) as server,
        pytest.raises(errors.BodyNotReplayable, match=r"the part 'pipe': .* already consumed"),
    ):
        urlopen(server.url, files={"f": b"1", "pipe": iter([b"1"])})


def test_a_form_is_dropped_where_post_becomes_get():
    with redirecting(303) as server, urlopen(server.url, form={"a": 1}) as reply:
        assert reply.read() == b"hello"
        last = server.requests[1].lower()
    assert last.startswith(b"get /new ")
    assert b"content-" not in last


def test_trailers_are_sent_and_named():
    with ScriptedServer([HELLO]) as server:
        urlopen(server.url, with_trailers(b"hello", [("X-Rows", "5")])).close()
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert b"\r\nTrailer: X-Rows" in head
    assert body == b"5\r\nhello\r\n0\r\nX-Rows: 5\r\n\r\n"


def test_a_body_works_with_our_handlers_in_an_opener_of_urllibs(echo_server):
    opener = urllib.request.build_opener(HTTPHandler)
    for body in (json_body({}), multipart_body(files={"f": b"1"})):
        kind, _ = received(opener.open(echo_server.url, body))
        assert kind == body.content_type.partition(";")[0]


def test_a_body_works_with_handlers_of_urllibs_which_take_it_for_a_form(echo_server):
    body = json_body({})
    with urllib.request.urlopen(echo_server.url, body) as reply:
        assert received(reply) == (FORM, b"{}")
    typed = urllib.request.Request(echo_server.url, body, {"Content-Type": body.content_type})
    with urllib.request.urlopen(typed) as reply:
        assert received(reply) == (JSON, b"{}")


def test_a_get_loads_nothing_for_bodies_of_forms():
    script = """
import sys
from mini_http import Request, urlopen
with urlopen(Request(sys.argv[1])) as reply:
    reply.read()
print(*sys.modules)
"""
    with ScriptedServer([HELLO]) as server:
        done = subprocess.run(
            [sys.executable, "-c", script, server.url],
            cwd=os.path.dirname(os.path.dirname(sys.modules["mini_http"].__file__)),
            capture_output=True,
            text=True,
            check=True,
        )
    loaded = set(done.stdout.split())
    assert "mini_http.exchange.request_body" in loaded
    assert not loaded & {"mini_http.exchange.form_body", "mini_http.codec.multipart", "mimetypes"}


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
