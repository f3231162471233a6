"""HTTPCookieProcessor: what servers set is kept and sent, whatever the reply was."""

import contextlib
import http.cookiejar
import json
import urllib.request

import pytest
from support.python_server import EchoServer
from support.servers import ScriptedServer

from mini_http import HTTPCookieProcessor, HTTPError, HTTPHandler, Request, build_opener

STOCK = urllib.request.HTTPCookieProcessor
SETTING = [b"Set-Cookie: a=1", b"Set-Cookie: b=2; Path=/"]
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture
def jar():
    return http.cookiejar.CookieJar()


@pytest.fixture(params=[HTTPCookieProcessor, STOCK], ids=["ours", "urllib's"])
def opener(request, pool, jar):
    return build_opener(HTTPHandler(pool=pool), request.param(jar))


def reply(status, *fields):
    return b"\r\n".join([b"HTTP/1.1 %d Words" % status, b"Content-Length: 0", *fields, b"", b""])


def cookies_sent(server):
    lines = [raw.split(b"\r\n") for raw in server.requests]
    return [[line for line in one if line.lower().startswith(b"cookie:")] for one in lines]


@pytest.mark.parametrize("status", [200, 302, 404])
def test_cookies_of_every_reply_are_kept_and_sent(opener, jar, status):
    location = [b"Location: /next"] if status == 302 else []
    with ScriptedServer([[reply(status, *SETTING, *location), HELLO, HELLO]]) as server:
        with contextlib.suppress(HTTPError):
            opener.open(server.url).close()
        opener.open(f"{server.url}again").close()
    assert {cookie.name: cookie.value for cookie in jar} == {"a": "1", "b": "2"}
    first, *others = cookies_sent(server)
    assert first == []
    assert others
    assert all(sent == [b"Cookie: a=1; b=2"] for sent in others)


def test_the_callers_own_field_is_sent_as_it_is(opener):
    with ScriptedServer([[reply(200, *SETTING), HELLO]]) as server:
        opener.open(server.url).close()
        opener.open(Request(server.url, headers={"Cookie": "mine=1"})).close()
    assert cookies_sent(server)[1] == [b"Cookie: mine=1"]


def test_a_request_opened_again_has_the_cookies_that_there_are_then(opener, jar):
    with ScriptedServer([[reply(200, *SETTING), HELLO, HELLO, HELLO]]) as server:
        request = Request(server.url)
        opener.open(request).close()
        opener.open(request).close()
        jar.clear("127.0.0.1", "/", "a")
        opener.open(request).close()
        jar.clear()
        opener.open(request).close()
    assert cookies_sent(server) == [[], [b"Cookie: a=1; b=2"], [b"Cookie: b=2"], []]


def test_a_request_opened_again_elsewhere_takes_no_cookies_along(opener):
    with ScriptedServer([[reply(200, *SETTING), HELLO]]) as server, EchoServer() as other:
        request = Request(server.url)
        opener.open(request).close()
        opener.open(request).close()
        assert cookies_sent(server)[1] == [b"Cookie: a=1; b=2"]
        request.full_url = other.url.replace("127.0.0.1", "localhost")
        with opener.open(request) as seen:
            assert "cookie" not in json.dumps(json.load(seen)).lower()


def test_it_has_a_jar_of_its_own_unless_it_is_given_one(jar):
    assert isinstance(HTTPCookieProcessor().cookiejar, http.cookiejar.CookieJar)
    assert HTTPCookieProcessor(jar).cookiejar is jar


def test_it_works_in_urllibs_opener(jar):
    opener = urllib.request.build_opener(HTTPCookieProcessor(jar))
    with ScriptedServer([[reply(200, *SETTING)], [HELLO]]) as server:
        for _ in range(2):
            opener.open(server.url).close()
    assert cookies_sent(server) == [[], [b"Cookie: a=1; b=2"]]


def test_cookies_of_one_host_stay_there(opener, jar):
    with EchoServer() as other, ScriptedServer([[reply(200, *SETTING)]]) as server:
        opener.open(server.url).close()
        url = other.url.replace("127.0.0.1", "localhost")
        with opener.open(url) as seen:
            assert "cookie" not in json.dumps(json.load(seen)).lower()
