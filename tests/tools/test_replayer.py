"""What was recorded is replayed: to the same requests, in order, and to no others."""

from __future__ import annotations

import gzip
import io
import json
import socket
import ssl
import threading
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support.servers import ScriptedServer

import mini_http
from mini_http import HTTPError, Request, URLError, build_opener, urlopen
from mini_http.keepalive.pool import shared_pool
from mini_http.opener.handlers.unix import UnixHandler
from mini_http.tools.har import Exchange, write_har
from mini_http.tools.recorder import recording
from mini_http.tools.replayer import Replayer, replaying

URL = "http://example.com/"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.har"


@pytest.fixture
def har(path: Path):
    """Writes exchanges to a file."""

    def write(*exchanges: Exchange, secrets=()) -> Path:
        path.write_text(write_har(exchanges, secrets))
        return path

    return write


def got(body: bytes, method: str = "GET", url: str = URL, **others: Any) -> Exchange:
    return Exchange(method, url, body=body, **{"status": 200, "reason": "OK"} | others)


# --- recorder and replayer together


def message(status: bytes, body: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, *fields, b"", body])


def with_length(status: bytes, body: bytes, *fields: bytes) -> bytes:
    return message(status, body, b"Content-Length: %d" % len(body), *fields)


BINARY = bytes(range(256)) * 10
LARGE = b"0123456789abcdef" * 65536
GZIPPED = gzip.compress(b"decoded text")
SESSION = [
    (Request(URL), with_length(b"200 OK", b"plain", b"Content-Type: text/plain")),
    (Request(URL, b"a=1"), with_length(b"201 Created", b"made", b"Location: /made")),
    (Request(URL, method="HEAD"), message(b"200 OK", b"", b"Content-Length: 5")),
    (Request(f"{URL}old"), with_length(b"302 Found", b"moved", b"Location: /new?token=t")),
    (None, with_length(b"200 OK", b"new")),
    (Request(f"{URL}post", b"b=2"), with_length(b"307 There", b"", b"Location: /there")),
    (None, with_length(b"200 OK", b"kept")),
    (Request(f"{URL}missing"), with_length(b"404 Not Found", b"no such page")),
    (Request(f"{URL}broken"), with_length(b"500 Oops", b"\xff\xfe")),
    (Request(f"{URL}gzip"), with_length(b"200 OK", GZIPPED, b"Content-Encoding: gzip")),
    (
        Request(f"{URL}gzip", headers={"Accept-Encoding": "gzip"}),
        with_length(b"200 OK", GZIPPED, b"Content-Encoding: gzip"),
    ),
    (
        Request(f"{URL}chunked"),
        message(b"200 OK", b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
    ),
    (Request(f"{URL}image", BINARY, {"Content-Type": "image/png"}), with_length(b"200 OK", BINARY)),
    (Request(f"{URL}login"), with_length(b"200 OK", b"in", b"Set-Cookie: a=1", b"Set-Cookie: b=2")),
    (Request(f"{URL}large"), with_length(b"200 OK", LARGE)),
    (Request(f"{URL}empty"), with_length(b"200 OK", b"")),
    (Request(f"{URL}204", method="DELETE"), message(b"204 No Content", b"")),
    (Request(f"{URL}304", headers={"If-None-Match": '"x"'}), message(b"304 Not Modified", b"")),
    (Request(URL), with_length(b"200 OK", "andere größe".encode("latin-1"), b"X: y")),
    (
        Request(f"{URL}file", [b"in ", b"pieces"], {"Authorization": "Bearer t"}, method="PUT"),
        message(b"200", b"until the end", b"Connection: close"),
    ),
]


def play(session: list[Request]) -> list[tuple]:
    """What a program sees of the replies."""
    seen = []
    for request in session:
        try:
            reply = urlopen(request)
        except HTTPError as error:
            reply = error
        with reply:
            headers = [
                (name, value)
                for name, value in reply.headers.items()
                if name not in ("Set-Cookie", "Location")
            ]
            history = [before.status for before in getattr(reply, "history", ())]
            seen.append((reply.status, reply.reason, headers, history, reply.read()))
    return seen


def at(server: ScriptedServer) -> list[Request]:
    """The requests of SESSION, to this server."""
    requests = []
    for given, _ in SESSION:
        if given is not None:
            url = given.full_url.replace(URL, server.url)
            requests.append(Request(url, given.data, given.headers, method=given.get_method()))
    return requests


def test_a_session_of_20_exchanges_goes_round(path):
    assert len(SESSION) == 20
    with ScriptedServer([[reply for _, reply in SESSION]]) as server, recording(path):
        requests = at(server)
        live = play(requests)
    assert len(server.requests) == 20
    assert len(json.loads(path.read_text())["log"]["entries"]) == 20
    with replaying(path) as replayer:
        assert play(requests) == live
        replayer.assert_all_used()


def test_cookies_that_were_masked_still_come_one_by_one(path):
    login = with_length(b"200 OK", b"", b"Set-Cookie: a=1; Path=/", b"Set-Cookie: b=2")
    with ScriptedServer([login]) as server, recording(path):
        url = server.url
        urlopen(url).read()
    with replaying(path):
        cookies = urlopen(url).headers.get_all("Set-Cookie")
    assert cookies == ["a=***; Path=/", "b=***"]


def test_secrets_that_were_masked_do_not_keep_requests_apart(path):
    def ask(secret: str) -> None:
        form = f"password={secret}".encode()
        urlopen(Request(f"{url}?token={secret}&a=b", form, {"Session": secret})).read()
        urlopen(f"{url}?session={secret}").read()

    ok = with_length(b"200 OK", b"")
    with ScriptedServer([[ok, ok]]) as server, recording(path, secrets=["session"]):
        url = server.url
        ask("SECRET")
    assert "SECRET" not in path.read_text()
    with replaying(path) as replayer:
        ask("another")
    replayer.assert_all_used()


def test_a_masked_redirect_leads_to_what_was_masked(path):
    found = with_length(b"302 Found", b"", b"Location: /there?access_token=s&x=y")
    with ScriptedServer([[found, with_length(b"200 OK", b"there")]]) as server, recording(path):
        url = server.url
        urlopen(url).read()
    with replaying(path):
        reply = urlopen(url)
        assert reply.read() == b"there"
        assert reply.url == f"{url}there?access_token=***&x=y"


def test_a_multipart_form_may_have_another_boundary(path):
    def form(boundary: str) -> Request:
        data = f"--{boundary}\r\n\r\nvalue\r\n--{boundary}--\r\n".encode()
        content_type = f"multipart/form-data; boundary={boundary}"
        return Request(url, data, {"Content-Type": content_type})

    with ScriptedServer([with_length(b"200 OK", b"taken")]) as server, recording(path):
        url = server.url
        urlopen(form("first")).read()
    with replaying(path):
        assert urlopen(form("second")).read() == b"taken"


def test_a_request_through_a_proxy_is_recorded_as_one_for_its_url(path):
    with ScriptedServer([with_length(b"200 OK", b"proxied")]) as server, recording(path):
        request = Request(f"{URL}a?b", headers={"Proxy-Authorization": "Basic SECRET"})
        request.set_proxy(server.authority, "http")
        urlopen(request).read()
    assert server.requests[0].startswith(b"GET http://example.com/a?b HTTP/1.1\r\n")
    assert "SECRET" not in path.read_text()
    with replaying(path):
        assert urlopen(f"{URL}a?b").read() == b"proxied"


def test_a_unix_socket_needs_none_in_a_replay(path, tmp_path):
    socket = tmp_path / "app.sock"
    url = f"http+unix://{quote(str(socket), safe='')}/path"
    opener = build_opener(UnixHandler())
    with ScriptedServer([with_length(b"200 OK", b"local")], at=str(socket)), recording(path):
        opener.open(url).read()
    assert not socket.exists()
    with replaying(path):
        assert opener.open(url).read() == b"local"


# --- matching


def test_repeats_are_answered_in_order(har):
    exchanges = [got(b"1"), got(b"other", url=f"{URL}other"), got(b"2"), got(b"3")]
    with replaying(har(*exchanges)):
        assert [urlopen(URL).read() for _ in range(3)] == [b"1", b"2", b"3"]


def test_method_and_body_tell_requests_apart(har):
    exchanges = [
        got(b"get"),
        got(b"put a", "PUT", sent_body=b"a"),
        got(b"put b", "PUT", sent_body=b"b"),
    ]
    with replaying(har(*exchanges)):
        assert urlopen(Request(URL, iter([b"b"]), method="PUT")).read() == b"put b"
        assert urlopen(Request(URL, io.BytesIO(b"a"), method="PUT")).read() == b"put a"
        assert urlopen(URL).read() == b"get"


def test_a_body_that_is_not_known_matches_any(har):
    with replaying(har(got(b"taken", "POST", sent_body=None))):
        assert urlopen(URL, b"anything").read() == b"taken"


@pytest.mark.parametrize(
    ("recorded", "asked"),
    [
        ("http://EXAMPLE.com", URL),
        ("http://example.com:80/", URL),
        ("http://example.com/%7ea", "http://example.com/~a"),
        ("http://example.com/a/../b", "http://example.com/b"),
        ("http://example.com/?q=%c3%a9", "http://example.com/?q=é"),
        ("http://example.com/", "http://example.com/#fragment"),
    ],
)
def test_urls_that_mean_the_same_match(har, recorded, asked):
    with replaying(har(got(b"same", url=recorded))):
        assert urlopen(asked).read() == b"same"


def test_an_entry_whose_url_is_none_is_never_asked_for(har):
    with replaying(har(got(b"", url="http://[bad/"), got(b"good"))) as replayer:
        assert urlopen(URL).read() == b"good"
    assert replayer.unused == ["GET http://[bad/"]


def test_threads_may_share_it(har):
    bodies: list[bytes] = []
    with replaying(har(*[got(b"%d" % number) for number in range(40)])) as replayer:
        threads = [
            threading.Thread(target=lambda: bodies.extend(urlopen(URL).read() for _ in range(10)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(map(int, bodies)) == list(range(40))
    replayer.assert_all_used()


# --- what was not recorded


def test_what_was_not_recorded_fails_and_says_what_is_near(har):
    path = har(got(b"", url=f"{URL}users/1"), got(b"", url=f"{URL}users/2"), got(b"", "PUT"))
    with replaying(path), pytest.raises(URLError) as caught:
        urlopen(f"{URL}users/3")
    assert isinstance(caught.value, mini_http.ConnectFailed)
    assert str(caught.value).splitlines() == [
        f"{path} has no reply to GET http://example.com/users/3. The nearest that it has:",
        "  GET http://example.com/users/2",
        "  GET http://example.com/users/1",
        "  PUT http://example.com/",
    ]


def test_what_was_given_already_is_named_so(har):
    with replaying(har(got(b""))):
        urlopen(URL).close()
        with pytest.raises(URLError, match=r"GET http://example.com/ \(given already\)"):
            urlopen(URL)


def test_another_body_is_named_so(har):
    posted = got(b"", "POST", sent_body=b"12345")
    with replaying(har(posted)), pytest.raises(URLError) as caught:
        urlopen(URL, b"54321")
    assert "no reply to POST http://example.com/ with a body of 5 bytes." in str(caught.value)
    assert "POST http://example.com/ with a body of 5 bytes (another body)" in str(caught.value)


def test_an_empty_recording_has_nothing_near(har):
    with replaying(har()), pytest.raises(URLError, match=r"nearest that it has:$"):
        urlopen(URL)


def test_no_secret_is_in_the_error(har):
    with replaying(har(got(b""), secrets=["mine"])), pytest.raises(URLError) as caught:
        urlopen(f"{URL}?token=SECRET&mine=SECRET", b"password=SECRET")
    assert "SECRET" not in str(caught.value)


def test_what_was_not_asked_for_is_named(har):
    with replaying(har(got(b"1"), got(b"2", "PUT", sent_body=b"a"))) as replayer:
        urlopen(URL).close()
    assert replayer.unused == ["PUT http://example.com/ with a body of 1 bytes"]
    with pytest.raises(AssertionError, match=r"not asked for:\n  PUT http://example\.com/ with"):
        replayer.assert_all_used()


# --- errors and parts


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        ("ConnectFailed: localhost: Connection refused", mini_http.ConnectFailed, "refused"),
        ("ReadTimedOut: timed out", TimeoutError, "^timed out$"),
        ("NameNotResolved: no such name", mini_http.NameNotResolved, "no such name"),
        ("LimitExceeded: got more than 5 headers", mini_http.LimitExceeded, "more than 5"),
        ("BadStatusLine: no HTTP/1 status line: 'x'", mini_http.BadStatusLine, "'x'"),
        ("net::ERR_CONNECTION_RESET", mini_http.ConnectFailed, "recorded: net::ERR"),
        ("HTTPError: a word of somebody else", mini_http.ConnectFailed, "recorded: HTTPError"),
        ("", mini_http.ConnectFailed, "recorded: no reply"),
    ],
)
def test_an_error_that_was_recorded_is_raised_again(har, error, kind, text):
    failed = Exchange("GET", URL, error=error)
    with replaying(har(failed)), pytest.raises(URLError, match=text) as caught:
        urlopen(URL)
    assert isinstance(caught.value, kind)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("ConnectTimedOut: timed out", TimeoutError),
        ("TLSFailed: no trust", ssl.SSLError),
        ("NameNotResolved: no such name", socket.gaierror),
        ("ConnectFailed: refused", ConnectionError),
        ("ConnectionBroken: reset", ConnectionResetError),
        ("BadField: line 2", str),
    ],
)
def test_the_reason_of_an_error_is_what_programs_look_for(har, error, reason):
    with replaying(har(Exchange("GET", URL, error=error))), pytest.raises(URLError) as caught:
        urlopen(URL)
    assert isinstance(caught.value.reason, reason)


@pytest.mark.parametrize(
    "error",
    [
        mini_http.LimitExceeded("bytes, in all, in a line", 5, 7),
        mini_http.LimitExceeded("headers", 5),
        mini_http.IncompleteRead(b"", 7),
        mini_http.IncompleteRead(b""),
        mini_http.BadStatusLine("", "no status line"),
        mini_http.TunnelRefused("refused"),
        mini_http.RemoteDisconnected(),
    ],
    ids=repr,
)
def test_an_error_has_its_attributes_again(har, error):
    failed = Exchange("GET", URL, error=f"{type(error).__name__}: {error}")
    with replaying(har(failed)), pytest.raises(URLError) as caught:
        urlopen(URL)
    again = caught.value
    again.reason = error.reason  # whose text alone can be equal
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("name", ["LimitExceeded", "IncompleteRead"])
def test_an_error_in_other_words_is_one_of_the_protocol(har, name):
    failed = Exchange("GET", URL, error=f"{name}: odd")
    with replaying(har(failed)), pytest.raises(mini_http.ProtocolError):
        urlopen(URL)


def test_a_body_that_was_cut_is_cut_again(har):
    cut = got(b"begin", is_whole=False, error="IncompleteRead: IncompleteRead(0 bytes read)")
    with replaying(har(cut, cut)):
        with pytest.raises(mini_http.IncompleteRead) as caught:
            urlopen(URL).read()
        assert (caught.value.partial, caught.value.expected) == (b"begin", None)
        assert urlopen(URL).read(5) == b"begin"


def test_a_body_that_is_cut_has_the_length_that_its_head_says(path):
    with ScriptedServer([with_length(b"200 OK", b"begin and")[:-4]]) as server:
        with recording(path), pytest.raises(mini_http.IncompleteRead):
            urlopen(server.url).read()
        with replaying(path), urlopen(server.url) as reply:
            assert (reply.length, reply.read(2), reply.length) == (9, b"be", 7)
            with pytest.raises(mini_http.IncompleteRead) as caught:
                reply.read()
    assert (caught.value.partial, caught.value.expected) == (b"gin", 4)


def test_what_was_not_read_when_it_was_recorded_is_not_there(har):
    with replaying(har(got(b"begin", is_whole=False))):
        reply = urlopen(URL)
        assert reply.read(5) == b"begin"
        assert reply.length is None
        with pytest.raises(mini_http.ConnectionBroken, match="the recording has no more"):
            reply.read()


# --- who is answered


def test_openers_of_every_kind_are_answered(har):
    secured = "https://example.com/"
    opener = build_opener()
    with replaying(har(got(b"1"), got(b"2", url=secured), got(b"3", url=secured))):
        assert opener.open(URL).read() == b"1"
        assert urlopen(secured).read() == b"2"
        assert urlopen(secured, context=ssl.create_default_context()).read() == b"3"
    assert "send" not in vars(shared_pool())


def test_an_opener_replays_by_itself(har):
    replayer = Replayer(har(got(b"replayed")))
    assert build_opener(*replayer.handlers()).open(URL).read() == b"replayed"


def test_an_opener_of_urllib_can_replay(har):
    replayer = Replayer(har(got(b"replayed", "POST", sent_body=b"a=1")))
    opener = urllib.request.build_opener(*replayer.handlers())
    assert opener.open(urllib.request.Request(URL, b"a=1")).read() == b"replayed"


def test_what_a_connection_would_not_send_is_refused_here_too(har):
    with replaying(har(got(b""))), pytest.raises(mini_http.InvalidField):
        urlopen(Request(URL, headers={"X-A": "\n"}))


# --- files of others


def test_a_file_of_a_browser_replays(path):
    page = {
        "startedDateTime": "2024-05-01T12:00:00.000+02:00",
        "time": 3,
        "request": {
            "method": "GET",
            "url": "https://example.com/page",
            "httpVersion": "HTTP/2",
            "headers": [{"name": "Host", "value": "example.com"}],
            "queryString": [],
            "cookies": [],
            "headersSize": 10,
            "bodySize": 0,
        },
        "response": {
            "status": 200,
            "statusText": "",
            "httpVersion": "HTTP/2",
            "headers": [
                {"name": "content-encoding", "value": "br"},
                {"name": "content-length", "value": "7"},
                {"name": "content-type", "value": "text/html; charset=utf-8"},
                {"name": "set-cookie", "value": "a=1\nb=2"},
            ],
            "cookies": [],
            "content": {"mimeType": "text/html; charset=utf-8", "size": 9, "text": "<p>é</p>"},
            "redirectURL": "",
            "headersSize": 10,
            "bodySize": 7,
        },
        "cache": {},
        "timings": {"send": 1, "wait": 1, "receive": 1},
        "pageref": "page_1",
    }
    path.write_text(json.dumps({"log": {"version": "1.2", "creator": {}, "entries": [page]}}))
    with replaying(path):
        reply = urlopen("https://example.com/page")
        assert reply.text == "<p>é</p>"
        assert reply.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
        assert reply.headers["Content-Length"] == "9"
        assert "Content-Encoding" not in reply.headers


def test_a_file_that_is_none_is_named(path):
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"session\.har: the file is not as HAR 1\.2 has it"):
        Replayer(path)


def test_a_file_that_is_not_there_is_an_os_error(path):
    with pytest.raises(FileNotFoundError), replaying(path):
        pass  # pragma: no cover
