"""`responses` mocks what asks by mini_http, through its public interface."""

from __future__ import annotations

import gzip
import http.client
import io
import socket
import ssl
import sys
import urllib.error
import urllib.request
from http.cookiejar import CookieJar

import pytest
import requests
import responses
import urllib3
from responses import matchers
from support.servers import ScriptedServer

import mini_http
from mini_http import (
    HTTPError,
    HTTPHandler,
    Pool,
    Request,
    Timeout,
    URLError,
    build_opener,
    urlopen,
)
from mini_http.keepalive.pool import shared_pool
from mini_http.tools.responses_handler import ERRORS, ResponsesHandler, mocked

URL = "http://example.com/page"


def price_of(name: str) -> float:
    """A function as programs have them."""
    with urlopen(f"https://api.example.com/price?of={name}", timeout=5) as reply:
        return reply.json()["price"]


def test_responses_mocks_a_function_that_calls_urlopen_in_five_lines():
    with mocked() as responses:
        responses.get("https://api.example.com/price?of=tea", json={"price": 2.5})
        assert price_of("tea") == 2.5


# --- what goes to the matchers


def test_method_url_and_fields_reach_the_matchers():
    fields = {"X-Given": "1", "User-agent": f"mini_http/{mini_http.__version__}"}
    query = matchers.query_param_matcher({"a": "b c", "d": ["1", "2"]})
    with mocked() as mock:
        mock.add("PROPFIND", URL, match=[query, matchers.header_matcher(fields)], body="found")
        request = Request(f"{URL}?a=b+c&d=1&d=2#part", headers={"X-Given": "1"}, method="PROPFIND")
        assert urlopen(request).read() == b"found"
        sent = mock.calls[0].request
    assert sent.url == f"{URL}?a=b+c&d=1&d=2"
    assert "Host" not in sent.headers


def test_a_host_that_the_caller_chose_is_among_the_fields():
    with mocked() as mock:
        mock.get(URL)
        urlopen(Request(URL, headers={"Host": "other.example"})).close()
        assert mock.calls[0].request.headers["Host"] == "other.example"


def test_userinfo_is_not_a_part_of_the_url_that_is_matched():
    with mocked() as mock:
        mock.get(URL)
        urlopen("http://user:password@example.com/page").close()
        assert mock.calls[0].request.url == URL


@pytest.mark.parametrize(
    ("data", "framing"),
    [
        (b"\xffbytes", "Content-Length"),
        (io.BytesIO(b"\xffbytes"), "Content-Length"),
        ([b"\xff", b"bytes"], "Transfer-Encoding"),
        ((piece for piece in (b"\xff", b"bytes")), "Transfer-Encoding"),
    ],
    ids=["bytes", "file", "list", "generator"],
)
def test_bodies_of_every_kind_reach_the_matchers_as_bytes(data, framing):
    with mocked() as mock:
        mock.put(URL, status=201)
        request = Request(URL, data, {"Content-Type": "a/b"}, method="PUT")
        assert urlopen(request).status == 201
        sent = mock.calls[0].request
    assert sent.body == b"\xffbytes"
    assert framing in sent.headers


@pytest.mark.parametrize(
    ("matcher", "data", "content_type"),
    [
        (matchers.urlencoded_params_matcher({"a": "1", "b": "x"}), b"a=1&b=x", None),
        (matchers.json_params_matcher({"a": 1}), b'{"a": 1}', "application/json"),
        (matchers.body_matcher("plain"), b"plain", "text/plain"),
    ],
    ids=["form", "json", "text"],
)
def test_the_matchers_of_bodies_match(matcher, data, content_type):
    fields = {} if content_type is None else {"Content-Type": content_type}
    with mocked() as mock:
        mock.post(URL, match=[matcher], body="matched")
        assert urlopen(Request(URL, data, fields)).read() == b"matched"


def test_a_form_that_is_no_text_stays_bytes():
    with mocked() as mock:
        mock.post(URL)
        urlopen(URL, b"\xff").close()
        assert mock.calls[0].request.body == b"\xff"


def test_a_request_without_a_body_has_none():
    with mocked() as mock:
        mock.get(URL)
        urlopen(URL).close()
        assert mock.calls[0].request.body is None


@pytest.mark.parametrize(("given", "seen"), [(5, 5), (Timeout(1, 2), (1, 2)), (None, None)])
def test_the_timeout_is_that_of_requests(given, seen):
    matcher = matchers.request_kwargs_matcher({"timeout": seen, "stream": True})
    with mocked() as mock:
        mock.get(URL, match=[matcher], body="in time")
        assert urlopen(URL, timeout=given).read() == b"in time"


def test_what_a_connection_would_not_send_is_refused_here_too():
    with mocked(), pytest.raises(mini_http.InvalidField):
        urlopen(Request(URL, headers={"X-A": "line\nbreak"}))


def test_fields_of_one_name_become_one():
    with mocked() as mock:
        mock.get(URL)
        request = Request(URL, headers={"X-A": "1"})
        request.fields = lambda: [("Host", "example.com"), ("X-A", "1"), ("X-A", "2")]
        urlopen(request).close()
        assert mock.calls[0].request.headers["X-A"] == "1, 2"


# --- what comes back


def test_the_reply_is_one_of_ours():
    with mocked() as mock:
        mock.get(URL, body="lines\nof text", status=203, headers={"X-A": "1"})
        reply = urlopen(URL)
    assert isinstance(reply, mini_http.HTTPResponse)
    assert (reply.status, reply.reason, reply.version) == (
        203,
        "Non-Authoritative Information",
        11,
    )
    assert (reply.url, reply.msg) == (URL, reply.reason)
    assert reply.headers["x-a"] == "1"
    assert reply.headers.get_content_type() == "text/plain"
    assert reply.readline() == b"lines\n"
    assert list(reply) == [b"of text"]
    reply.close()


def test_a_status_without_a_name_has_no_reason():
    with mocked() as mock:
        mock.get(URL, status=299)
        assert urlopen(URL).reason == ""


def test_fields_that_come_twice_come_twice():
    with mocked() as mock:
        mock.get(URL, headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Path=/")])
        reply = urlopen(URL)
    assert reply.headers.get_all("Set-Cookie") == ["a=1", "b=2; Path=/"]


def test_a_body_is_streamed(tmp_path):
    (tmp_path / "file").write_bytes(bytes(range(256)) * 1000)
    with mocked() as mock, open(tmp_path / "file", "rb") as file:
        mock.get(URL, body=file)
        reply = urlopen(URL)
        assert reply.read(3) == b"\0\1\2"
        assert 0 < file.tell() < 256_000
        assert len(reply.read()) == 255_997
        assert reply.read() == b""
        reply.close()


def test_closing_a_reply_closes_the_one_of_requests():
    seen = []
    with mocked() as mock:
        mock.response_callback = lambda reply: seen.append(reply) or reply
        mock.get(URL, body="unread")
        urlopen(URL).close()
    assert seen[0].raw.closed


def test_a_length_that_is_known_counts_down():
    with mocked() as mock:
        mock.get(URL, body="12345", auto_calculate_content_length=True)
        reply = urlopen(URL)
        assert reply.length == 5
        assert reply.read(2) == b"12"
        assert reply.length == 3
        assert reply.read(9) == b"345"
        assert reply.isclosed()


def test_a_body_longer_than_it_says_ends_there():
    with mocked() as mock:
        mock.get(URL, body="12345", headers={"Content-Length": "2"})
        assert urlopen(URL).read() == b"12"


def test_a_body_shorter_than_it_says_is_an_incomplete_read():
    with mocked() as mock:
        mock.get(URL, body="12345", headers={"Content-Length": "9"})
        with pytest.raises(mini_http.IncompleteRead) as caught:
            urlopen(URL).read()
    assert (caught.value.partial, caught.value.expected) == (b"12345", 4)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 205)])
def test_replies_that_have_no_body_have_none(method, status):
    fields = {"Content-Length": "0" if status == 205 else "9"}
    with mocked() as mock:
        mock.add(method, URL, status=status, headers=fields)
        reply = urlopen(Request(URL, method=method))
        assert (reply.status, reply.read(), reply.length) == (status, b"", 0)


def test_gzip_is_decoded():
    fields = {"Content-Encoding": "gzip"}
    with mocked() as mock:
        mock.get(URL, body=gzip.compress(b"hello"), headers=fields)
        reply = urlopen(URL)
        assert reply.read() == b"hello"
        assert "Content-Encoding" not in reply.headers
        assert "gzip" in mock.calls[0].request.headers["Accept-Encoding"]


def test_who_asks_for_gzip_gets_gzip():
    coded = gzip.compress(b"hello")
    with mocked() as mock:
        mock.get(URL, body=coded, headers={"Content-Encoding": "gzip"})
        assert urlopen(Request(URL, headers={"Accept-Encoding": "gzip"})).read() == coded


def test_an_error_status_is_an_http_error_with_its_body():
    with mocked() as mock:
        mock.get(URL, status=404, json={"why": "gone"})
        with pytest.raises(HTTPError) as caught:
            urlopen(URL)
        assert (caught.value.code, caught.value.reason) == (404, "Not Found")
        assert caught.value.read() == b'{"why": "gone"}'
        caught.value.close()


def test_redirects_are_followed_by_the_opener():
    with mocked() as mock:
        mock.post(URL, status=303, headers={"Location": "/result?of=it"})
        mock.get("http://example.com/result", body="result")
        reply = urlopen(Request(URL, b"a=1", {"Authorization": "Basic x"}))
        assert reply.read() == b"result"
        assert reply.url == "http://example.com/result?of=it"
        assert [before.status for before in reply.history] == [303]
        assert [call.request.method for call in mock.calls] == ["POST", "GET"]
        assert mock.calls[1].request.body is None


def test_secrets_stay_with_their_origin():
    with mocked() as mock:
        mock.get(URL, status=302, headers={"Location": "http://other.example/"})
        mock.get("http://other.example/")
        urlopen(Request(URL, headers={"Authorization": "Basic x"})).close()
        assert "Authorization" in mock.calls[0].request.headers
        assert "Authorization" not in mock.calls[1].request.headers


def test_a_307_sends_a_file_again():
    with mocked() as mock:
        mock.put(URL, status=307, headers={"Location": "/there"})
        mock.put("http://example.com/there")
        urlopen(Request(URL, io.BytesIO(b"content"), method="PUT")).close()
        assert [call.request.body for call in mock.calls] == ["content", "content"]


def test_cookies_are_kept_by_the_opener():
    opener = build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    with mocked() as mock:
        mock.get(URL, headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        opener.open(URL).close()
        opener.open(URL).close()
        assert "Cookie" not in mock.calls[0].request.headers
        assert mock.calls[1].request.headers["Cookie"] == "a=1; b=2"


def test_a_callback_sees_the_request_and_makes_the_reply():
    with mocked() as mock:
        mock.add_callback("GET", URL, lambda request: (201, {"X-URL": request.url}, b"made"))
        reply = urlopen(URL)
        assert (reply.status, reply.headers["X-URL"], reply.read()) == (201, URL, b"made")


def test_a_head_that_no_connection_would_take_is_refused():
    with mocked() as mock:
        mock.get(URL, headers={"Content-Length": "-5"})
        with pytest.raises(mini_http.BadFraming):
            urlopen(URL)


# --- errors


def test_a_url_that_is_not_registered_fails_in_the_words_of_responses():
    with mocked() as mock:
        with pytest.raises(URLError, match="doesn't match any registered mock") as caught:
            urlopen(URL)
        assert f"- GET {URL}" in str(caught.value)
        assert isinstance(caught.value.reason, requests.ConnectionError)
        assert isinstance(mock.calls[0].response, requests.ConnectionError)


def test_a_reply_that_nobody_asked_for_fails_at_the_end():
    words = "Not all requests have been executed"
    with pytest.raises(AssertionError, match=words), mocked() as mock:
        mock.get(URL)


OUR_ERRORS = [
    (requests.exceptions.ConnectTimeout("slow"), mini_http.ConnectTimedOut),
    (requests.exceptions.ReadTimeout("slow"), mini_http.ReadTimedOut),
    (requests.exceptions.Timeout(), mini_http.TimedOut),
    (requests.exceptions.SSLError("bad certificate"), mini_http.TLSFailed),
    (requests.exceptions.ProxyError("no proxy"), mini_http.ConnectFailed),
    (requests.exceptions.ConnectionError("refused"), mini_http.ConnectFailed),
    (requests.exceptions.ChunkedEncodingError("cut"), mini_http.BadChunk),
    (requests.exceptions.ContentDecodingError("gzip"), mini_http.BadCoding),
    (requests.exceptions.InvalidHeader("two lengths"), mini_http.BadField),
    (requests.exceptions.InvalidURL("no host"), mini_http.InvalidURL),
    (requests.exceptions.RetryError("too often"), URLError),
    (urllib3.exceptions.ReadTimeoutError(None, "/", "slow"), mini_http.ReadTimedOut),
    (urllib3.exceptions.ProtocolError("broken"), mini_http.ConnectionBroken),
    (ConnectionRefusedError(111, "Connection refused"), mini_http.ConnectFailed),
    (ConnectionResetError(104, "reset"), mini_http.ConnectionBroken),
    (socket.gaierror(-2, "Name or service not known"), mini_http.NameNotResolved),
    (TimeoutError("timed out"), mini_http.ReadTimedOut),
    (ssl.SSLCertVerificationError("expired"), mini_http.TLSFailed),
    (OSError("disk"), URLError),
]


@pytest.mark.parametrize(("given", "wanted"), OUR_ERRORS, ids=lambda value: str(value)[:40])
def test_errors_become_ours(given, wanted):
    with mocked() as mock:
        mock.get(URL, body=given)
        with pytest.raises(URLError) as caught:
            urlopen(URL)
    assert isinstance(caught.value, wanted)
    assert caught.value.__cause__ is given
    assert str(given) in str(caught.value)


@pytest.mark.parametrize(
    "given", [requests.exceptions.ConnectTimeout("slow"), requests.exceptions.ReadTimeout()]
)
def test_timeouts_say_so_to_those_who_look_for_it(given):
    with mocked() as mock:
        mock.get(URL, body=given)
        with pytest.raises(TimeoutError, match="timed out") as caught:
            urlopen(URL)
    assert isinstance(caught.value.reason, socket.timeout)


@pytest.mark.parametrize(
    "given", [requests.exceptions.SSLError("bad"), ssl.SSLCertVerificationError("expired")]
)
def test_the_reason_of_a_tls_failure_is_an_ssl_error(given):
    with mocked() as mock:
        mock.get(URL, body=given)
        with pytest.raises(URLError) as caught:
            urlopen(URL)
    assert isinstance(caught.value.reason, ssl.SSLError)


@pytest.mark.parametrize(
    "given",
    [
        mini_http.TotalTimedOut(),
        urllib.error.URLError("as it is"),
        http.client.BadStatusLine("as it is"),
        KeyError("as it is"),
    ],
    ids=repr,
)
def test_other_errors_stay_what_they_are(given):
    with mocked() as mock:
        mock.get(URL, body=given)
        with pytest.raises(type(given)) as caught:
            urlopen(URL)
    assert caught.value is given
    assert given.__cause__ is None


def test_each_error_of_requests_has_its_row():
    modules = {"requests.exceptions": requests.exceptions, "urllib3.exceptions": urllib3.exceptions}
    for name, ours in ERRORS.items():
        module, _, kind = name.rpartition(".")
        assert hasattr(modules.get(module) or sys.modules[module], kind), name
        assert issubclass(getattr(mini_http, ours), URLError)
    for kind in vars(requests.exceptions).values():
        if isinstance(kind, type) and issubclass(kind, requests.exceptions.RequestException):
            assert any(
                f"{above.__module__}.{above.__qualname__}" in ERRORS for above in kind.__mro__
            )


class FailsLate(io.BufferedReader):
    """A body that breaks after a piece."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(b"begin"))

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        if not piece:
            raise ConnectionResetError(104, "reset")
        return piece


def test_an_error_while_a_body_is_read_becomes_ours():
    with mocked() as mock:
        mock.get(URL, body=FailsLate())
        reply = urlopen(URL)
        assert reply.read(5) == b"begin"
        with pytest.raises(mini_http.ConnectionBroken):
            reply.read(5)
        with pytest.raises(mini_http.ConnectionBroken):
            reply.read(5)


# --- who is mocked


def test_openers_of_every_age_and_kind_are_mocked(monkeypatch):
    before = build_opener()
    monkeypatch.setattr(urllib.request, "_opener", before)
    with mocked() as mock:
        mock.get(URL, body="mocked")
        mock.get("https://example.com/", body="mocked")
        for opened in (
            before.open(URL),
            build_opener().open(URL),
            urlopen("https://example.com/", context=ssl.create_default_context()),
            urllib.request.urlopen(URL),
        ):
            assert opened.read() == b"mocked"
        assert requests.get(URL).text == "mocked"


def test_handlers_of_the_installed_opener_stay(monkeypatch):
    opener = build_opener()
    opener.addheaders = [("X-Ours", "1")]
    monkeypatch.setattr("mini_http.opener.api._installed", opener)
    with mocked() as mock:
        mock.get(URL)
        urlopen(URL).close()
        assert mock.calls[0].request.headers["X-Ours"] == "1"


def test_afterwards_all_is_as_it_was():
    with ScriptedServer([b"HTTP/1.1 204 No Content\r\n\r\n"]) as server:
        with mocked() as mock:
            mock.get(server.url, status=200)
            assert urlopen(server.url).status == 200
        assert urlopen(server.url).status == 204
        shared_pool().close()
    assert len(server.requests) == 1
    assert "send" not in vars(shared_pool())


def test_an_opener_with_a_pool_of_its_own_is_not_mocked():
    script = b"HTTP/1.1 204 No Content\r\n\r\n"
    with ScriptedServer([script]) as server, Pool() as pool, mocked():
        assert build_opener(HTTPHandler(pool=pool)).open(server.url).status == 204


def test_a_mock_that_is_not_active_is_refused_before_anything_is_sent():
    mock = responses.RequestsMock()
    with pytest.raises(ValueError, match="not active"), mocked(mock):
        pytest.fail("it was entered")
    assert "send" not in vars(shared_pool())


@responses.activate
def test_it_joins_a_mock_that_is_active():
    responses.get(URL, body="of responses itself")
    with mocked(responses.mock) as mock:
        assert mock is responses.mock
        assert urlopen(URL).read() == b"of responses itself"
    assert requests.get(URL).text == "of responses itself"


def test_the_handler_works_by_itself():
    opener = build_opener(ResponsesHandler)
    with responses.RequestsMock() as mock:
        mock.get(URL, body="plain")
        mock.get("https://example.com/", body="secured")
        assert opener.open(URL).read() == b"plain"
        assert opener.open("https://example.com/").read() == b"secured"
    opener.close()


def test_the_handler_takes_the_place_of_those_of_both_schemes():
    kinds = [type(handler) for handler in build_opener(ResponsesHandler()).handlers]
    assert ResponsesHandler in kinds
    assert not {HTTPHandler, mini_http.HTTPSHandler} & set(kinds)


def test_the_handler_works_in_an_opener_of_urllib():
    opener = urllib.request.build_opener(ResponsesHandler())
    with responses.RequestsMock() as mock:
        mock.get(URL, body="plain", headers={"X-A": "1"})
        mock.post("https://example.com/", body="secured")
        reply = opener.open(urllib.request.Request(URL, headers={"X-Given": "1"}))
        assert (reply.read(), reply.headers["X-A"]) == (b"plain", "1")
        assert opener.open("https://example.com/", b"a=1").read() == b"secured"
        assert mock.calls[0].request.headers["X-Given"] == "1"
        assert mock.calls[1].request.body == "a=1"
    opener.close()


def test_what_is_let_through_goes_to_the_network(echo_server):
    with mocked() as mock:
        mock.add_passthru(echo_server.url)
        reply = urlopen(Request(f"{echo_server.url}path", b"\xffbody", {"X-A": "1"}))
        account = reply.json()
        reply.close()
        urlopen(echo_server.url).close()  # unread
    assert (account["method"], account["path"], account["body"]) == ("POST", "/path", "/2JvZHk=")
    fields = {name.lower(): value for name, value in account["headers"]}
    assert fields["x-a"] == "1"
    assert fields["content-length"] == "5"


def test_without_the_handler_mocked_requests_go_out_by_requests(echo_server):
    opener = build_opener(ResponsesHandler())
    with opener.open(echo_server.url) as reply:
        assert reply.json()["method"] == "GET"
    opener.close()


@pytest.mark.parametrize("missing", ["requests", "responses"])
def test_a_library_that_is_missing_is_named(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=f"needs the package {missing}"), mocked():
        pass  # pragma: no cover


def test_the_handler_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(ImportError, match="needs the package requests"):
        ResponsesHandler()
