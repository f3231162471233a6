"""What a request may carry: the bytes that are sent for what callers pass, or a refusal.

SENT has what goes over the wire, whole. REFUSED has what never does: each was once a way to put a
line of one's own into a request, or to reach another host than the caller checked.
"""

from __future__ import annotations

import io
import socket
from typing import NamedTuple

import pytest
from support.descriptors import can_list_descriptors, open_descriptors
from support.servers import ScriptedServer
from support.streams import ScriptedStream

from mini_http import DialOptions, HTTPHandler, Pool, Request, build_opener
from mini_http.base.errors import InvalidField, InvalidURL, URLError
from mini_http.exchange.client import HTTPClient


@pytest.fixture(scope="module", autouse=True)
def no_descriptors_leaked_by_all_of_these():
    """Once for all, since looking for them takes longer than most of the tests here."""
    before = open_descriptors() if can_list_descriptors() else {}
    yield
    assert not before or len(open_descriptors()) <= len(before)


HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Fetch:
    """An opener for which every host is the one server, and what that server was sent."""

    def __init__(self, server, pool):
        self.server = server
        self.asked = []
        handler = HTTPHandler(pool=pool, options=DialOptions(resolver=self.resolve))
        self.opener = build_opener(handler)
        self.opener.addheaders = []

    def resolve(self, host, port):
        self.asked.append((host, port))
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", self.server.address)]

    def __call__(self, url, **options):
        """Opens the URL; returns the request as it was sent."""
        request = Request(url, **options)
        if not request.has_header("Accept-encoding"):
            request.add_unredirected_header("Accept-Encoding", "identity")
        with self.opener.open(request) as response:
            response.read()
        return self.server.requests[-1].replace(b"Accept-Encoding: identity\r\n", b"")


@pytest.fixture
def fetch():
    with ScriptedServer([[HELLO] * 3], again=True) as server, Pool() as pool:
        yield Fetch(server, pool)


# --- what is sent


class Sent(NamedTuple):
    """What a URL, and what goes with it, is on the wire."""

    url: str
    line: bytes
    host: bytes = b"a.test"


LOCATED = [
    Sent("http://a.test", b"GET / HTTP/1.1"),
    Sent("http://a.test/", b"GET / HTTP/1.1"),
    Sent("http://a.test/a/b;c?d=e&f", b"GET /a/b;c?d=e&f HTTP/1.1"),
    Sent("http://a.test?q", b"GET /?q HTTP/1.1"),
    Sent("http://a.test/a#fragment", b"GET /a HTTP/1.1"),
    Sent("http://a.test/a b", b"GET /a%20b HTTP/1.1"),
    Sent("http://a.test/a?b c", b"GET /a?b%20c HTTP/1.1"),
    Sent("http://a.test/caf\xe9?\xfc=\u20ac", b"GET /caf%C3%A9?%C3%BC=%E2%82%AC HTTP/1.1"),
    Sent("http://a.test/%20%c3%a9", b"GET /%20%c3%a9 HTTP/1.1"),
    Sent('http://a.test/"<>`{}|^', b"GET /%22%3C%3E%60%7B%7D%7C%5E HTTP/1.1"),
    Sent("http://a.test/%", b"GET /% HTTP/1.1"),
    Sent(" http://a.test/ ", b"GET / HTTP/1.1"),
    Sent("HTTP://A.Test/A", b"GET /A HTTP/1.1"),
    Sent("http://a.test:80/", b"GET / HTTP/1.1"),
    Sent("http://a.test:8080/", b"GET / HTTP/1.1", b"a.test:8080"),
    Sent("http://user:secret@a.test/", b"GET / HTTP/1.1"),
    Sent("http://b\xfccher.test/", b"GET / HTTP/1.1", b"xn--bcher-kva.test"),
]


@pytest.mark.parametrize("sent", LOCATED, ids=lambda sent: sent.url)
def test_a_url_is_sent_as_a_target_and_a_host(sent, fetch):
    assert fetch(sent.url) == sent.line + b"\r\nHost: " + sent.host + b"\r\n\r\n"
    assert b"secret" not in fetch.server.requests[-1]


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("127.1.2.3", b"127.1.2.3"),
        ("[::1]", b"[::1]"),
        ("[::0001]:8080", b"[::1]:8080"),
        ("[fe80::1%25eth0]:81", b"[fe80::1]:81"),
        ("A.test:80", b"a.test"),
    ],
)
def test_the_host_field_has_brackets_around_ipv6_and_no_zone(address, host):
    stream = ScriptedStream([HELLO])
    http = HTTPClient.over(stream)
    http.authority = HTTPClient(address).authority
    http.get("/")
    assert stream.sent == b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"


FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
WITH = [
    ({"data": b"a=b"}, b"POST", FORM + b"Content-Length: 3\r\n\r\na=b"),
    ({"data": b""}, b"POST", FORM + b"Content-Length: 0\r\n\r\n"),
    ({"data": [b"a", b"bc"]}, b"POST",
     FORM + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"),
    ({"data": b"x", "method": "PUT", "headers": {"content-TYPE": "a/b"}}, b"PUT",
     b"content-TYPE: a/b\r\nContent-Length: 1\r\n\r\nx"),
    ({"data": b"xyz", "headers": {"content-LENGTH": "3", "Content-Type": "a/b"}}, b"POST",
     b"content-LENGTH: 3\r\nContent-Type: a/b\r\n\r\nxyz"),
    ({"data": b"x", "headers": {"Transfer-Encoding": "chunked", "Content-Type": "a/b"}}, b"POST",
     b"Transfer-Encoding: chunked\r\nContent-Type: a/b\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
    ({"method": "M-SEARCH"}, b"M-SEARCH", b"\r\n"),
    ({"method": "get"}, b"get", b"\r\n"),
    ({"method": "DELETE"}, b"DELETE", b"\r\n"),
    ({"headers": {"x-lower": "1", "X-UPPER": "2", "X-mixeD": "caf\xe9\t!"}}, b"GET",
     b"x-lower: 1\r\nX-UPPER: 2\r\nX-mixeD: caf\xe9\t!\r\n\r\n"),
    ({"headers": {"X-Empty": ""}}, b"GET", b"X-Empty: \r\n\r\n"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "method", "rest"), WITH, ids=lambda value: repr(value)[:40])
def test_method_fields_and_body_are_sent_as_they_were_given(options, method, rest, fetch):
    assert fetch("http://a.test/", **options) == method + b" / HTTP/1.1\r\nHost: a.test\r\n" + rest


def test_a_host_that_was_given_is_the_one_that_is_sent(fetch):
    sent = fetch("http://a.test/", headers={"host": "b.test"})
    assert sent == b"GET / HTTP/1.1\r\nHost: b.test\r\n\r\n"


def test_fields_keep_their_order_and_repeats():
    stream = ScriptedStream([HELLO])
    fields = [("b", "1"), ("A", "2"), ("b", "3"), ("B", "4"), ("Host", "a.test")]
    HTTPClient.over(stream).get("/", fields)
    assert stream.sent == b"GET / HTTP/1.1\r\nb: 1\r\nA: 2\r\nb: 3\r\nB: 4\r\nHost: a.test\r\n\r\n"


def test_a_file_is_sent_again_from_where_it_began_after_a_redirect(fetch):
    there = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"
    file = io.BytesIO(b"not this: hello")
    file.seek(10)
    with ScriptedServer([[there, HELLO]]) as fetch.server:
        sent = fetch("http://a.test/a", data=file, method="PUT")
    assert sent.startswith(b"PUT /b HTTP/1.1\r\n")
    head, _, body = sent.partition(b"\r\n\r\n")
    assert b"Content-Length: 5" in head.split(b"\r\n")
    assert body == b"hello"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (b"/b c", b"/b%20c"),
        (b"/caf\xc3\xa9", b"/caf%C3%A9"),
        (b"/caf\xe9", b"/caf%E9"),
        (b"/b#fragment", b"/b"),
        (b"//a.test:80/b\\c", b"/b%5Cc"),
    ],
)
def test_where_a_redirect_leads_is_quoted_too(location, target, fetch):
    there = b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[there, HELLO]]) as fetch.server:
        assert fetch("http://a.test/a").startswith(b"GET " + target + b" HTTP/1.1\r\n")


# --- what is refused

REFUSED_URLS = [
    # a line of one's own in the target (CVE-2019-9740, CVE-2019-9947) or the host (CVE-2019-18348)
    "http://a.test/\r\nX: y",
    "http://a.test/ HTTP/1.1\r\nX: y\r\nZ: ",
    "http://a.test/a?b\r\nX: y",
    "http://a.test/a\nb",
    "http://a.test/a\tb",
    "http://a.test/a\0b",
    "http://a.test/a\x7fb",
    "http://a.test\r\nX: y/",
    "http://a.test:80\r\nX: y/",
    "http://a.test\0.b.test/",
    "http://a.test%0d%0aX:y/",
    "http://a.test%00.b.test/",
    # another host than it seems (CVE-2023-24329, CVE-2024-11168, CVE-2025-0938, CVE-2019-9636)
    "http://a.test\\@b.test/",
    "http://a.test\\.b.test/",
    "http://a.test%2fb.test/",
    "http://a.test%40b.test/",
    "http://a.test%23@b.test%3f/",
    "http://a.test\uff0fb.test/",
    "http://a.test\uff03@b.test\uff03/",
    "http://a\u2100b.test/",
    "http://[a.test]/",
    "http://[::1/",
    "http://::1]/",
    "http://a.test[::1]/",
    "http://[::1]a.test/",
    "http://[v1.a]/",
    "http://[1.2.3.4]/",
    "http://a[b]c.test/",
    "http://user[@a.test/",
    "http:///path",
    "http://:80/",
    "http://a.test:x/",
    "http://a.test:-1/",
    "http://a.test:65536/",
    "http://a.test:\u0661/",
    "http://" + "a." * 127 + "test/",
    "http://" + "\xfc" * 200 + ".test/",
    "http://a b.test/",
    "http://\ud800.test/",
    "http://a.test/\ud800",
    "a.test/path",
]


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_url_with_more_or_less_in_it_than_a_url_is_refused(url, fetch):
    with pytest.raises(InvalidURL) as caught:
        fetch(url)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, URLError)
    assert fetch.asked == [], "not even its address is asked for"
    assert fetch.server.connections == []


REFUSED_PARTS = [
    # CVE-2020-26116, CVE-2020-26137
    {"method": "GET / HTTP/1.1\r\nX: y\r\nZ:"},
    {"method": "GET\r\nX: y"},
    {"method": "G T"},
    {"method": "GET\0"},
    {"method": "G\xcbT"},
    {"headers": {"A\r\nX": "y"}},
    {"headers": {"A: b\r\nX": "y"}},
    {"headers": {"A ": "y"}},
    {"headers": {"A:": "y"}},
    {"headers": {"": "y"}},
    {"headers": {"\xc4": "y"}},
    {"headers": {"A": "b\r\nX: y"}},
    {"headers": {"A": "b\r\n X: y"}},
    {"headers": {"A": "b\nX: y"}},
    {"headers": {"A": "b\rX: y"}},
    {"headers": {"A": "b\0"}},
    {"headers": {"A": "b\x1b[2J"}},
    {"headers": {"A": "b\x7f"}},
    {"headers": {"A": "\u20ac"}},
    {"headers": {"A": "\u010a"}},
    {"headers": {"Host": "a.test\r\nX: y"}},
    {"headers": {"Content-Type": "a/b\r\nX: y"}, "data": b""},
    {"headers": {"Content-Length": "4"}, "data": b"hello"},
    {"headers": {"Content-Length": "6"}, "data": b"hello"},
    {"headers": {"Content-Length": "+5"}, "data": b"hello"},
    {"headers": {"Content-Length": "5"}},
    {"headers": {"Content-Length": "5", "Transfer-Encoding": "chunked"}, "data": b"hello"},
    {"headers": {"Transfer-Encoding": "gzip, chunked"}, "data": b"hello"},
    {"headers": {"Transfer-Encoding": "identity"}, "data": b"hello"},
]


@pytest.mark.parametrize("parts", REFUSED_PARTS, ids=repr)
def test_a_part_with_a_byte_that_may_not_be_sent_is_refused(parts, fetch):
    with pytest.raises(InvalidField) as caught:
        fetch("http://a.test/", **parts)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, URLError)
    assert all(connection.received == b"" for connection in fetch.server.connections)


@pytest.mark.parametrize("target", ["", "/a b", "/\r\nX: y", "/\0", "/\xe9", "/\x7f", " /"])
def test_a_target_that_no_url_made_is_refused_as_well(target):
    stream = ScriptedStream([HELLO])
    with pytest.raises(InvalidField, match="request target must be visible ASCII"):
        HTTPClient.over(stream).get(target)
    assert stream.sent == b""


def test_a_selector_that_was_set_by_hand_is_refused_as_well(fetch):
    request = Request("http://a.test/")
    request.selector = "/ HTTP/1.1\r\nX: y\r\n"
    with pytest.raises(InvalidField):
        fetch.opener.open(request)
    assert all(connection.received == b"" for connection in fetch.server.connections)
