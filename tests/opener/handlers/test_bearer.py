"""Bearer: tokens where they are for, and new ones in time."""

from __future__ import annotations

import threading

import pytest
from support.servers import ScriptedServer

from mini_http import HTTPError, HTTPHandler, Request, build_opener
from mini_http.base import errors
from mini_http.opener.handlers.bearer import MOST_ISSUED, HTTPBearerAuthHandler

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
REFUSED = b"HTTP/1.1 401 No\r\n%bContent-Length: 3\r\n\r\nno!"
BARE = REFUSED % b""
BEARER = REFUSED % b'WWW-Authenticate: Bearer error="invalid_token"\r\n'


def opener_with(pool, *handlers):
    return build_opener(HTTPHandler(pool=pool), *handlers)


def authorizations(server):
    found = []
    for raw in server.requests:
        lines = raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        fields = {line.partition(":")[0].lower(): line.partition(": ")[2] for line in lines}
        found.append(fields.get("authorization"))
    return found


def numbered():
    """A function that makes the tokens t1, t2 and so on."""
    numbers = iter(range(1, 100))
    return lambda: f"t{next(numbers)}"


def test_a_token_is_sent_to_the_places_that_it_is_for(pool):
    with ScriptedServer([[HELLO] * 3]) as server, ScriptedServer([HELLO]) as other:
        bearer = HTTPBearerAuthHandler("abc", server.url + "v1/", "https://api.example")
        opener = opener_with(pool, bearer)
        for path in ("v1/", "v1/a", "v2"):
            opener.open(server.url + path).close()
        opener.open(other.url + "v1/").close()
    assert authorizations(server) == ["Bearer abc", "Bearer abc", None]
    assert authorizations(other) == [None]


def test_a_token_does_not_follow_a_redirect_to_another_origin(pool):
    with ScriptedServer([HELLO]) as other, ScriptedServer() as server:
        moved = b"HTTP/1.1 307 Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
        server._scripts.append([moved % other.url.encode()])
        opener_with(pool, HTTPBearerAuthHandler("abc", server.url)).open(server.url).close()
    assert authorizations(server) == ["Bearer abc"]
    assert authorizations(other) == [None]


def test_credentials_of_the_programs_own_stay_and_are_not_replaced(pool):
    with ScriptedServer([BEARER]) as server:
        bearer = HTTPBearerAuthHandler(numbered(), server.url)
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool, bearer).open(
                Request(server.url, headers={"Authorization": "Bearer own"})
            )
        caught.value.close()
    assert authorizations(server) == ["Bearer own"]


@pytest.mark.parametrize("refused", [BARE, BEARER], ids=["no challenge", "Bearer"])
def test_a_new_token_is_made_when_one_is_refused_and_kept(pool, refused):
    with ScriptedServer([[HELLO, refused, HELLO, HELLO]]) as server:
        opener = opener_with(pool, HTTPBearerAuthHandler(numbered(), server.url))
        opener.open(server.url).close()
        assert opener.open(server.url, b"body").read() == b"hello"
        opener.open(server.url).close()
    assert authorizations(server) == ["Bearer t1", "Bearer t1", "Bearer t2", "Bearer t2"]
    assert server.requests[1].endswith(b"\r\n\r\nbody")
    assert server.requests[2].endswith(b"\r\n\r\nbody")
    assert pool.opened == 1


def test_a_new_token_is_made_once_for_a_request(pool):
    with ScriptedServer([[BEARER, BEARER]]) as server:
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool, HTTPBearerAuthHandler(numbered(), server.url)).open(server.url)
        assert caught.value.read() == b"no!"
    assert authorizations(server) == ["Bearer t1", "Bearer t2"]


@pytest.mark.parametrize("token", ["same", lambda: "same"], ids=["text", "function"])
def test_the_same_token_is_not_sent_again(pool, token):
    with ScriptedServer([BEARER]) as server:
        with pytest.raises(HTTPError, match="401") as caught:
            opener_with(pool, HTTPBearerAuthHandler(token, server.url)).open(server.url)
        caught.value.close()
    assert authorizations(server) == ["Bearer same"]


def test_a_request_with_an_older_token_gets_the_latest_and_makes_none(pool):
    bearer = HTTPBearerAuthHandler(numbered(), "http://a/")
    first = bearer.http_request(Request("http://a/")).get_header("Authorization")
    assert bearer._credentials(refused=first) == "Bearer t2"
    assert bearer._credentials(refused=first) == "Bearer t2"
    for _ in range(2 * MOST_ISSUED):
        bearer._credentials(refused=bearer._credentials(None))
    assert len(bearer._issued) == MOST_ISSUED


def test_threads_that_are_refused_together_make_one_token(pool):
    made = []

    def make():
        made.append(None)
        return f"t{len(made)}"

    bearer = HTTPBearerAuthHandler(make, "http://a/")
    old = bearer._credentials(None)
    threads = [threading.Thread(target=bearer._credentials, args=[old]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 2


def test_the_function_may_ask_for_its_token_with_the_same_opener_below_the_places(pool):
    with ScriptedServer([[HELLO, HELLO, BEARER, HELLO, HELLO]]) as server:

        def make():
            return opener.open(server.url + "token").read().decode()

        opener = opener_with(pool, HTTPBearerAuthHandler(make, server.url))
        assert opener.open(server.url, timeout=5).read() == b"hello"
        assert authorizations(server) == [None, "Bearer hello"]
        with pytest.raises(HTTPError, match="401") as caught:
            opener.open(server.url, timeout=5)
        caught.value.close()
    assert authorizations(server)[2:] == ["Bearer hello", None]


def test_a_function_that_failed_is_called_again():
    def make():
        if not failures:
            return "abc"
        raise failures.pop()

    failures = [OSError("no token today"), ValueError("nor now")]
    bearer = HTTPBearerAuthHandler(make, "http://a/")
    for kind in (ValueError, OSError):
        with pytest.raises(kind):
            bearer.http_request(Request("http://a/"))
    assert bearer.http_request(Request("http://a/")).get_header("Authorization") == "Bearer abc"


def test_what_is_no_token_is_an_error():
    with pytest.raises(TypeError, match="a token must be a str, not NoneType"):
        HTTPBearerAuthHandler(lambda: None, "http://a/").http_request(Request("http://a/"))
    with pytest.raises(TypeError, match="name the URLs"):
        HTTPBearerAuthHandler("abc")
    with pytest.raises(errors.InvalidURL):
        HTTPBearerAuthHandler("abc", "api.example")


def test_a_token_that_would_add_a_field_is_refused_without_being_shown(pool):
    with ScriptedServer([HELLO]) as server:
        opener = opener_with(pool, HTTPBearerAuthHandler("hunter2\r\nX: y", server.url))
        with pytest.raises(errors.InvalidRequest) as caught:
            opener.open(server.url)
    assert "hunter2" not in str(caught.value)


def test_no_repr_shows_a_token():
    assert "hunter2" not in repr(HTTPBearerAuthHandler("hunter2", "http://a/"))
