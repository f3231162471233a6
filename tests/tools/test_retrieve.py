"""urlretrieve and urlcleanup: what they write, report and return, beside urllib's own."""

import gzip
import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.steps import Expect, Send

from mini_http import HTTPError, Request, Timeout, build_opener, install_opener, urlopen
from mini_http.base import errors
from mini_http.keepalive.pool import shared_pool
from mini_http.opener import api
from mini_http.tools.retrieve import urlcleanup, urlretrieve

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + b"x" * 9000
CUT_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nhel"
SHORT = 0.05
"""Seconds to wait for a server that never answers."""


FRAMED_ODDLY = {
    "a length said twice": (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", 5),
    "a length that chunks overrule": (
        CHUNKED.replace(b"\r\n", b"\r\nContent-Length: 50\r\n", 1),
        -1,
    ),
}


@pytest.fixture
def all_forgotten():
    """No opener installed, no temporary files, no connections; before and after."""
    urlcleanup()
    yield
    urlcleanup()
    shared_pool().close()


pytestmark = pytest.mark.usefixtures("no_leaked_descriptors", "all_forgotten")


@pytest.fixture
def file(tmp_path):
    """A file with a name that a URL has to quote."""
    path = tmp_path / "a b.txt"
    path.write_bytes(b"x" * 8193)
    return path


class Calls(list):
    """A reporthook that notes what it is called with."""

    def __call__(self, *arguments):
        self.append(arguments)

    def __bool__(self):
        return True  # urllib calls no hook that is false


def reply_of(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def sent_headers(name):
    """The header fields that the echo server wrote into its account."""
    return dict(json.loads(Path(name).read_bytes())["headers"])


# --- what is written and returned


def test_what_a_url_gives_is_written_to_the_file(tmp_path):
    target = tmp_path / "hello"
    with ScriptedServer([HELLO]) as server:
        name, headers = urlretrieve(server.url, target)
    assert name is target
    assert target.read_bytes() == b"hello"
    assert headers["content-length"] == "5"


def test_a_file_that_exists_is_replaced(tmp_path):
    target = tmp_path / "hello"
    target.write_bytes(b"something longer")
    with ScriptedServer([HELLO]) as server:
        urlretrieve(server.url, str(target))
    assert target.read_bytes() == b"hello"


def test_without_a_name_a_temporary_file_is_made():
    with ScriptedServer([[HELLO, HELLO]]) as server:
        (first, _), (second, _) = urlretrieve(server.url), urlretrieve(server.url)
    assert first != second
    assert Path(first).read_bytes() == Path(second).read_bytes() == b"hello"


def test_data_is_posted(echo_server, tmp_path):
    name, _ = urlretrieve(echo_server.url, tmp_path / "x", data=b"a=b")
    account = json.loads(name.read_bytes())
    assert (account["method"], account["body"]) == ("POST", "YT1i")


def test_a_request_is_retrieved(echo_server, tmp_path):
    request = Request(echo_server.url, headers={"X-One": "1"}, method="PROPFIND")
    name, _ = urlretrieve(request, tmp_path / "x")
    assert json.loads(name.read_bytes())["method"] == "PROPFIND"
    assert sent_headers(name)["X-One"] == "1"


def test_a_request_is_left_as_it_was(echo_server, tmp_path):
    request = Request(echo_server.url, b"data")
    urlretrieve(request, tmp_path / "x")
    assert (request.headers, request.unredirected_hdrs) == ({}, {})


def test_a_request_whose_method_is_set_on_the_instance_is_retrieved(echo_server, tmp_path):
    request = Request(echo_server.url)
    request.get_method = lambda: "REPORT"
    name, _ = urlretrieve(request, tmp_path / "x")
    assert json.loads(name.read_bytes())["method"] == "REPORT"


def test_a_request_of_urllibs_is_retrieved(echo_server, tmp_path):
    request = urllib.request.Request(echo_server.url, headers={"X-One": "1"}, method="PUT")
    name, _ = urlretrieve(request, tmp_path / "x")
    assert json.loads(name.read_bytes())["method"] == "PUT"
    assert sent_headers(name)["X-one"] == "1"


def test_redirects_are_followed(tmp_path):
    moved = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[moved, HELLO]]) as server:
        name, _ = urlretrieve(server.url, tmp_path / "x")
    assert name.read_bytes() == b"hello"
    assert all(b"Accept-Encoding: identity\r\n" in request for request in server.requests)


def test_an_error_status_makes_no_file(tmp_path):
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([missing]) as server, pytest.raises(HTTPError) as caught:
        urlretrieve(server.url, tmp_path / "x")
    caught.value.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cant_be_written_is_an_oserror(tmp_path):
    with ScriptedServer([HELLO]) as server, pytest.raises(FileNotFoundError):
        urlretrieve(server.url, tmp_path / "missing" / "x")


def test_a_timeout_may_be_given(tmp_path):
    with (
        ScriptedServer([[Expect(), lambda connection: connection.drain()]]) as server,
        pytest.raises(TimeoutError, match="timed out"),
    ):
        urlretrieve(server.url, tmp_path / "x", timeout=Timeout(read=SHORT))
    assert list(tmp_path.iterdir()) == []


def test_a_context_may_be_given(certificates, tmp_path):
    with EchoServer(tls=certificates.good.server_context()) as server:
        name, _ = urlretrieve(
            server.url, tmp_path / "x", context=certificates.client_context(), timeout=10
        )
        shared_pool().close()
    assert json.loads(name.read_bytes())["method"] == "GET"


# --- what is reported


@pytest.mark.parametrize(
    ("length", "blocks"), [(0, 0), (5, 1), (8192, 1), (8193, 2), (100_000, 13)]
)
def test_the_hook_is_called_before_the_first_block_and_after_each(length, blocks, tmp_path):
    hook = Calls()
    with ScriptedServer([reply_of(b"x" * length)]) as server:
        urlretrieve(server.url, tmp_path / "x", hook)
    assert hook == [(number, 8192, length) for number in range(blocks + 1)]


def test_the_hook_is_told_minus_one_where_the_size_is_unknown(tmp_path):
    hook = Calls()
    with ScriptedServer([CHUNKED]) as server:
        urlretrieve(server.url, tmp_path / "x", reporthook=hook)
    assert hook == [(0, 8192, -1), (1, 8192, -1)]


def test_urllib_calls_its_hook_alike(tmp_path):
    body = reply_of(b"x" * 30_000)
    ours, theirs = Calls(), Calls()
    with ScriptedServer([body, body]) as server:
        urlretrieve(server.url, tmp_path / "ours", ours)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        urllib.request.install_opener(opener)
        urllib.request.urlretrieve(server.url, tmp_path / "theirs", theirs)
        urllib.request.urlcleanup()
    assert ours == theirs
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_an_error_of_the_hook_ends_it_and_closes_all(tmp_path):
    def hook(*_):
        raise KeyError("enough")

    with ScriptedServer([HELLO]) as server, pytest.raises(KeyError, match="enough"):
        urlretrieve(server.url, tmp_path / "x", hook)


# --- content coding


def test_the_file_has_the_bytes_that_content_length_counts(nginx, tmp_path):
    hook = Calls()
    name, headers = urlretrieve(nginx.http + "/gzip/text", tmp_path / "x", hook)
    assert name.stat().st_size == int(headers["content-length"]) == hook[-1][2]
    assert name.read_bytes() == urlopen(nginx.http + "/text").read()


def test_a_request_that_asks_for_a_coding_gets_it(nginx, tmp_path):
    request = Request(nginx.http + "/gzip/text", headers={"Accept-Encoding": "gzip"})
    name, headers = urlretrieve(request, tmp_path / "x")
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(name.read_bytes()) == urlopen(nginx.http + "/text").read()


def test_an_opener_that_asks_for_a_coding_gets_it(echo_server, tmp_path):
    opener = build_opener()
    opener.addheaders = [("accept-encoding", "br")]
    install_opener(opener)
    name, _ = urlretrieve(echo_server.url, tmp_path / "x")
    assert {
        value for field, value in sent_headers(name).items() if field.lower() == "accept-encoding"
    } == {"br"}


def test_the_next_opening_of_a_request_may_ask_for_a_coding(echo_server, tmp_path):
    request = Request(echo_server.url)
    name, _ = urlretrieve(request, tmp_path / "x")
    assert sent_headers(name)["Accept-Encoding"] == "identity"
    with urlopen(request) as reply:
        assert "gzip" in dict(reply.json()["headers"])["Accept-Encoding"]


# --- cut short


def test_less_than_content_length_is_content_too_short(tmp_path):
    target, hook = tmp_path / "x", Calls()
    with (
        ScriptedServer([CUT]) as server,
        pytest.raises(urllib.error.ContentTooShortError, match="9000 of 20000") as caught,
    ):
        urlretrieve(server.url, target, hook)
    name, headers = caught.value.content
    assert (name, headers["content-length"]) == (target, "20000")
    assert target.read_bytes() == b"x" * 9000
    assert hook == [(0, 8192, 20000), (1, 8192, 20000), (2, 8192, 20000)]
    assert isinstance(caught.value, urllib.error.URLError)
    assert isinstance(caught.value.__cause__, errors.IncompleteRead)


def test_a_body_cut_off_before_its_first_byte_is_content_too_short():
    with (
        ScriptedServer([HELLO.removesuffix(b"hello")]) as server,
        pytest.raises(urllib.error.ContentTooShortError, match="0 of 5") as caught,
    ):
        urlretrieve(server.url)
    assert Path(caught.value.content[0]).read_bytes() == b""


def test_a_cut_body_of_unknown_size_is_an_incomplete_read(tmp_path):
    with ScriptedServer([CUT_CHUNKED]) as server, pytest.raises(http.client.IncompleteRead):
        urlretrieve(server.url, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"hel"


def test_a_reply_of_urllibs_that_is_cut_short_is_content_too_short(tmp_path):
    install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
    with (
        ScriptedServer([CUT]) as server,
        pytest.raises(urllib.error.ContentTooShortError) as caught,
    ):
        urlretrieve(server.url, tmp_path / "x")
    assert caught.value.__cause__ is None
    assert (tmp_path / "x").stat().st_size == 9000


def test_a_reset_is_a_urlerror(tmp_path):
    def send_and_reset(connection):
        connection.send(CUT)
        connection.reset()

    with (
        ScriptedServer([[Expect(), send_and_reset]]) as server,
        pytest.raises(urllib.error.URLError),
    ):
        urlretrieve(server.url, tmp_path / "x")


# --- file: URLs


def test_a_local_file_is_not_copied(file):
    name, headers = urlretrieve(file.as_uri())
    assert name == str(file)
    assert headers["content-length"] == "8193"


def test_a_local_file_is_copied_if_there_is_a_name(file, tmp_path):
    hook = Calls()
    name, _ = urlretrieve(file.as_uri(), tmp_path / "copy", hook)
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()
    assert name == tmp_path / "copy"
    assert hook == [(0, 8192, 8193), (1, 8192, 8193), (2, 8192, 8193)]


def test_a_local_file_may_be_named_relative_to_the_current_folder(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert urlretrieve("file:./a%20b.txt")[0] == "a b.txt"


def test_a_local_file_that_is_missing_is_a_urlerror(tmp_path):
    with pytest.raises(urllib.error.URLError):
        urlretrieve((tmp_path / "missing").as_uri())


# --- urlcleanup


def test_urlcleanup_removes_the_temporary_files_and_no_others(tmp_path):
    with ScriptedServer([[HELLO, HELLO, HELLO]]) as server:
        named, _ = urlretrieve(server.url, tmp_path / "x")
        names = [urlretrieve(server.url)[0] for _ in range(2)]
    Path(names[0]).unlink()
    urlcleanup()
    assert [Path(name).exists() for name in [named, *names]] == [True, False, False]


def test_urlcleanup_forgets_the_installed_opener(echo_server):
    install_opener(build_opener())
    urlcleanup()
    assert api._installed is None
    with urlopen(echo_server.url) as reply:
        assert reply.status == 200


def test_a_reply_sent_slowly_is_written_whole(tmp_path):
    steps = [Expect(), *(Send(bytes([byte])) for byte in reply_of(b"slow" * 10))]
    with ScriptedServer([steps]) as server:
        name, _ = urlretrieve(server.url, tmp_path / "x")
    assert name.read_bytes() == b"slow" * 10


@pytest.mark.parametrize("reply", FRAMED_ODDLY)
def test_the_size_is_what_the_framing_says(tmp_path, reply):
    sent, size = FRAMED_ODDLY[reply]
    calls = Calls()
    with ScriptedServer([sent]) as server:
        urlretrieve(server.url, tmp_path / "x", calls)
    assert (tmp_path / "x").read_bytes() == b"hello"
    assert calls == [(0, 8192, size), (1, 8192, size)]


def test_a_reply_to_head_is_an_empty_file(tmp_path):
    with ScriptedServer([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"]) as server:
        _, headers = urlretrieve(Request(server.url, method="HEAD"), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b""
    assert headers["Content-Length"] == "5"
