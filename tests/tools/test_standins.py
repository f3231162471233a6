"""What takes the place of a pool of connections."""

from __future__ import annotations

import pytest

import mini_http
from mini_http import HTTPResponse, build_opener, urlopen
from mini_http.exchange.body import BytesReader
from mini_http.exchange.request_body import request_body
from mini_http.keepalive.pool import shared_pool
from mini_http.keepalive.route import Route
from mini_http.tools.standins import (
    body_length,
    handlers_over,
    in_place_of_shared_pool,
    made_head,
    made_reply,
    sent_fields,
    url_of,
)


class Says:
    """Answers every request with a text of its own, and the target."""

    def __init__(self, text: str) -> None:
        self.text = text

    def send(self, route, method, target, fields, body=None, timeout=None, deadline=None):
        data = f"{self.text} {target}".encode()
        return made_reply(method, made_head(200, "OK", []), BytesReader(data))


def test_what_has_send_can_be_the_pool_of_an_opener():
    opener = build_opener(*handlers_over(Says("here")))
    assert opener.open("http://example.com/a").read() == b"here /a"
    assert opener.open("https://example.com/b").read() == b"here /b"


def test_it_can_be_the_pool_of_all_openers_for_a_while():
    with in_place_of_shared_pool(Says("first")):
        with in_place_of_shared_pool(Says("second")):
            assert urlopen("http://example.com/").read() == b"second /"
        assert urlopen("http://example.com/").read() == b"first /"
    assert "send" not in vars(shared_pool())


def test_threads_may_leave_in_another_order_than_they_entered():
    first = in_place_of_shared_pool(Says("first"))
    second = in_place_of_shared_pool(Says("second"))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert urlopen("http://example.com/").read() == b"second /"
    second.__exit__(None, None, None)
    assert "send" not in vars(shared_pool())


def test_the_pool_is_back_after_an_error():
    with pytest.raises(KeyError), in_place_of_shared_pool(Says("")):
        raise KeyError
    assert "send" not in vars(shared_pool())


@pytest.mark.parametrize(
    ("route", "target", "url"),
    [
        (Route("http", "example.com", 80), "/a?b=c", "http://example.com/a?b=c"),
        (Route("https", "example.com", 443), "/", "https://example.com/"),
        (Route("https", "example.com", 8443), "/", "https://example.com:8443/"),
        (Route("http", "::1", 8000), "/", "http://[::1]:8000/"),
        (Route("http", "fe80::1%eth0", 80), "/", "http://[fe80::1%25eth0]/"),
        (Route("http+unix", "/run/app.sock", 0), "/a", "http+unix://%2Frun%2Fapp.sock/a"),
        (Route("http", "proxy", 3128), "http://example.com/?a", "http://example.com/?a"),
        (
            Route("http", "example.com", 80),
            "/?to=http://other",
            "http://example.com/?to=http://other",
        ),
        (Route("http", "example.com", 80), "*", "http://example.com/*"),
    ],
)
def test_the_url_of_a_request_follows_from_route_and_target(route, target, url):
    assert url_of(route, target) == url


@pytest.mark.parametrize(
    ("method", "fields", "body", "added"),
    [
        ("GET", [], None, ()),
        ("POST", [], None, (("Content-Length", "0"),)),
        ("POST", [], b"abc", (("Content-Length", "3"),)),
        ("POST", [("Content-Length", "3")], b"abc", ()),
        ("POST", [], iter([b"abc"]), (("Transfer-Encoding", "chunked"),)),
    ],
)
def test_fields_are_completed_as_a_connection_would(method, fields, body, added):
    given = [("Host", "a"), *fields]
    assert sent_fields(method, "/", given, request_body(body)) == (*given, *added)


@pytest.mark.parametrize(
    ("method", "target", "field"),
    [("G T", "/", "a"), ("GET", "/ x", "a"), ("GET", "/", "a\r\nb"), ("GET", "/", "a:b")],
)
def test_what_a_connection_would_refuse_is_refused(method, target, field):
    with pytest.raises(mini_http.InvalidField):
        sent_fields(method, target, [(field, "1")], request_body(None))


def test_a_made_reply_is_as_one_that_was_read():
    fields = [("Content-Encoding", "gzip"), ("Set-Cookie", "a"), ("set-cookie", "b")]
    reply = made_reply("GET", made_head(404, "Gone", fields, 10), BytesReader(b"body"))
    assert isinstance(reply, HTTPResponse)
    assert (reply.status, reply.reason, reply.version) == (404, "Gone", 10)
    assert reply.headers.get_all("Set-Cookie") == ["a", "b"]
    assert (reply.length, reply.read(), reply.isclosed()) == (4, b"body", True)


@pytest.mark.parametrize(
    ("method", "status", "field", "length"),
    [
        ("GET", 200, ("Content-Length", "4, 4"), 4),
        ("HEAD", 200, ("Content-Length", "4"), 0),
        ("GET", 304, ("Content-Length", "4"), 0),
        ("GET", 200, ("Transfer-Encoding", "chunked"), None),
        ("GET", 200, ("X", "y"), None),
    ],
)
def test_the_length_of_a_body_is_what_its_head_says(method, status, field, length):
    assert body_length(method, made_head(status, "", [field])) == length


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_a_reply_that_may_have_no_body_has_none(method, status):
    head = made_head(status, "", [("Content-Length", "4")])
    assert made_reply(method, head, BytesReader(b"body")).read() == b""


def test_fields_that_frame_nothing_are_refused():
    with pytest.raises(mini_http.BadFraming):
        made_reply("GET", made_head(200, "", [("Content-Length", "4x")]), BytesReader(b""))


def test_a_path_may_hold_a_url():
    route = Route("http", "a.test", 80)
    assert url_of(route, "/at/http://b.test/") == "http://a.test/at/http://b.test/"
