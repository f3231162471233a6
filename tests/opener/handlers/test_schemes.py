"""Schemes of a program's own: asked before a request, and when a server asks."""

from __future__ import annotations

import pytest
from support.servers import ScriptedServer

from mini_http import HTTPError, HTTPHandler, Request, build_opener
from mini_http.base import errors
from mini_http.opener.handlers.basic_auth import HTTPBasicAuthHandler
from mini_http.opener.handlers.schemes import SchemeAuthHandler

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
ASKS = b"HTTP/1.1 401 Asks\r\nWWW-Authenticate: %b\r\nContent-Length: 3\r\n\r\nno!"


class Word:
    """Says the word that it is asked for."""

    scheme = "Word"

    def __init__(self, unasked=None):
        self.unasked = unasked
        self.asked = []

    def answer(self, challenge, request):
        self.asked.append((challenge and str(challenge), request.full_url))
        return self.unasked if challenge is None else challenge.get("say")


def opener_with(pool, *handlers):
    return build_opener(HTTPHandler(pool=pool), *handlers)


def authorizations(server):
    found = []
    for raw in server.requests:
        lines = raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        fields = {line.partition(":")[0].lower(): line.partition(": ")[2] for line in lines}
        found.append(fields.get("authorization"))
    return found


def test_a_scheme_answers_the_first_of_its_challenges_that_it_can(pool):
    word = Word()
    refused = ASKS % b'Other a=b, WORD, word say="please", Word say="never"'
    with ScriptedServer([[refused, HELLO]]) as server:
        opener = opener_with(pool, SchemeAuthHandler(word, server.url))
        url = f"{server.url}a"
        assert opener.open(url).read() == b"hello"
    assert authorizations(server) == [None, "Word please"]
    assert word.asked == [(None, url), ("WORD", url), ('word say="please"', url)]
    assert pool.opened == 1


def test_a_scheme_may_send_something_unasked(pool):
    with ScriptedServer([[HELLO] * 3]) as server:
        opener = opener_with(pool, SchemeAuthHandler(Word("hello"), server.url + "in"))
        for path in ("in", "in/a", "inner"):
            opener.open(server.url + path).close()
    assert authorizations(server) == ["Word hello", "Word hello", None]


def test_credentials_of_the_programs_own_stay(pool):
    with ScriptedServer([HELLO]) as server:
        opener = opener_with(pool, SchemeAuthHandler(Word("hello"), server.url))
        opener.open(Request(server.url, headers={"Authorization": "Own"})).close()
    assert authorizations(server) == ["Own"]


def test_the_same_answer_is_not_given_twice(pool):
    refused = ASKS % b"Word say=please"
    with ScriptedServer([[refused, refused]]) as server:
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool, SchemeAuthHandler(Word(), server.url)).open(server.url)
        assert caught.value.read() == b"no!"
    assert authorizations(server) == [None, "Word please"]


def test_another_origin_gets_no_answer(pool):
    asks = ASKS % b"Word say=please"
    with ScriptedServer([asks]) as other, ScriptedServer() as server:
        moved = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
        server._scripts.append([moved % other.url.encode()])
        opener = opener_with(pool, SchemeAuthHandler(Word("hello"), server.url))
        with pytest.raises(HTTPError, match="401") as caught:
            opener.open(server.url)
        caught.value.close()
    assert authorizations(server) == ["Word hello"]
    assert authorizations(other) == [None]


def test_other_handlers_leave_the_scheme_to_it(pool):
    with ScriptedServer([[ASKS % b"Word say=please", HELLO]]) as server:
        opener = opener_with(pool, SchemeAuthHandler(Word(), server.url), HTTPBasicAuthHandler())
        assert opener.open(server.url).read() == b"hello"
    assert authorizations(server) == [None, "Word please"]


def test_a_handler_is_told_where_it_is_for():
    with pytest.raises(TypeError, match="name the URLs"):
        SchemeAuthHandler(Word())
    with pytest.raises(errors.InvalidURL):
        SchemeAuthHandler(Word(), "example.com")
