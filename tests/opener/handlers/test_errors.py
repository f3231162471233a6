"""HTTPErrorProcessor and HTTPDefaultErrorHandler: which replies are errors, and what one is."""

import gc
import gzip
import http.client
import io
import urllib.error
import urllib.request

import pytest
from support.servers import ScriptedServer
from support.steps import Drain, Expect, ExpectUntil, Pause, Send
from support.waits import PATIENCE

from mini_http import (
    BaseHandler,
    HTTPDefaultErrorHandler,
    HTTPError,
    HTTPErrorProcessor,
    HTTPHandler,
    OpenerDirector,
    Pool,
    Request,
    Timeout,
    UnaskedUpgrade,
    URLError,
    build_opener,
)
from mini_http.exchange import response as response_module
from mini_http.keepalive.pool import PooledClient

SUCCESSES = [200, 201, 202, 203, 204, 205, 206, 207, 226, 299]
FAILURES = [300, 304, 305, 399, 400, 401, 404, 407, 410, 429, 499, 500, 503, 599, 600, 999]
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
GONE = b"HTTP/1.1 410 Long Gone\r\nContent-Length: 4\r\nX-Own: 1\r\n\r\ngone"
LONG = b"x" * 300_000


def reply(status, body=b"body", *fields):
    lines = [b"HTTP/1.1 %d Words" % status, b"Content-Length: %d" % len(body), *fields, b"", body]
    return b"\r\n".join(lines)


# --- which


@pytest.mark.parametrize("status", SUCCESSES)
def test_a_success_is_returned(opener, status):
    with ScriptedServer([reply(status)]) as server, opener.open(server.url) as response:
        assert (response.status, response.msg) == (status, "Words")


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"


def asking_to_switch(server):
    return Request(server.url, headers={"Connection": "Upgrade", "Upgrade": "echo"})


def test_a_switch_that_was_asked_for_hands_the_connection_over(opener):
    script = [Expect(), Send(SWITCHING + b"first\n"), ExpectUntil(b"\n"), Send(b"second\n")]
    with ScriptedServer([script]) as server:
        response = opener.open(asking_to_switch(server), timeout=Timeout(20, 20, total=20))
        assert (response.status, response.headers["Upgrade"]) == (101, "echo")
        assert (response.read(), response.will_close) == (b"", True)
        with response.detach() as client:
            assert client.readline() == b"first"
            assert client.deadline is None
            client.writeline("again")
            assert client.readline() == b"second"
        with pytest.raises(io.UnsupportedOperation):
            response.detach()
        response.close()


@pytest.mark.parametrize("leave", [lambda reply: reply.close(), lambda reply: None])
@pytest.mark.usefixtures("no_leaked_descriptors")
def test_a_connection_that_nobody_takes_over_is_closed(leave):
    with (
        Pool() as pool,
        ScriptedServer([[Expect(), Send(SWITCHING), Drain()], [HELLO]]) as server,
    ):
        opener = build_opener(HTTPHandler(pool=pool))
        leave(opener.open(asking_to_switch(server)))
        gc.collect()
        assert pool.idle_count() == 0
        assert opener.open(server.url).read() == b"hello"
    assert len(server.connections) == 2


def test_a_server_that_does_not_switch_is_an_error_or_not_as_its_status_says(opener):
    with ScriptedServer([[reply(426), HELLO]]) as server:
        with pytest.raises(HTTPError, match="426") as caught:
            opener.open(asking_to_switch(server))
        assert caught.value.read() == b"body"
        assert opener.open(asking_to_switch(server)).read() == b"hello"


def test_a_switch_that_nobody_asked_for_is_raised(opener):
    with (
        ScriptedServer([[Expect(), Send(SWITCHING), Drain()]]) as server,
        pytest.raises(UnaskedUpgrade),
    ):
        opener.open(server.url)


@pytest.mark.parametrize("status", FAILURES)
def test_anything_else_is_raised(opener, status):
    with ScriptedServer([reply(status)]) as server:
        with pytest.raises(HTTPError) as caught, opener.open(server.url):
            pass
        assert (caught.value.code, caught.value.msg) == (status, "Words")
        caught.value.close()


# --- what it is


def test_the_error_is_the_reply(opener):
    with ScriptedServer([GONE]) as server:
        with pytest.raises(HTTPError) as caught:
            opener.open(server.url + "page#frag")
        error, url = caught.value, server.url + "page#frag"
    assert isinstance(error, urllib.error.HTTPError)
    assert isinstance(error, URLError)
    assert (error.code, error.status, error.getcode()) == (410, 410, 410)
    assert (error.reason, error.msg) == ("Long Gone", "Long Gone")
    assert error.url == error.filename == error.geturl() == url
    assert error.headers["X-Own"] == error.hdrs["x-own"] == error.info()["x-own"] == "1"
    assert (str(error), repr(error)) == (
        "HTTP Error 410: Long Gone",
        "<HTTPError 410: 'Long Gone'>",
    )
    assert error.fp.status == 410
    assert error.read() == b"gone"
    error.close()
    assert error.fp.closed


def test_an_error_can_be_read_after_its_connection_served_another_request(opener):
    with ScriptedServer([[GONE, HELLO]]) as server:
        with pytest.raises(HTTPError) as caught:
            opener.open(server.url)
        assert opener.open(server.url).read() == b"hello"
        with caught.value as error:
            assert error.read() == b"gone"
    assert len(server.connections) == 1


def test_a_long_error_gives_its_connection_back_once_it_is_read(opener):
    with ScriptedServer([[reply(500, LONG), HELLO]]) as server:
        with pytest.raises(HTTPError) as caught:
            opener.open(server.url)
        with caught.value as error:
            assert error.read() == LONG
        assert opener.open(server.url).read() == b"hello"
    assert len(server.connections) == 1


def test_a_long_error_that_is_closed_unread_costs_its_connection_and_no_more(opener, pool):
    with ScriptedServer([[reply(500, LONG)], [HELLO]]) as server:
        with pytest.raises(HTTPError) as caught:
            opener.open(server.url)
        caught.value.close()
        assert pool.idle_count() == 0
        assert opener.open(server.url).read() == b"hello"


def test_a_long_error_that_is_forgotten_leaves_nothing_open(opener, pool):
    clients = []

    class Noted(PooledClient):
        def exchange(self, *arguments):
            clients.append(self)
            return super().exchange(*arguments)

    pool.client_class = Noted
    with ScriptedServer([[Expect(), Send(reply(500, LONG)[:1000]), Drain()]]) as server:
        with pytest.raises(HTTPError):
            opener.open(server.url)
        gc.collect()
        assert [client.closed for client in clients] == [True]


def test_the_body_of_an_error_is_read_in_pieces_and_lines(opener):
    with (
        ScriptedServer([reply(404, b"one\ntwo\nthree\n")]) as server,
        pytest.raises(HTTPError) as caught,
    ):
        opener.open(server.url)
    with caught.value as error:
        assert error.read(2) == b"on"
        assert error.readline() == b"e\n"
        assert list(error) == [b"two\n", b"three\n"]


def test_the_body_of_an_error_is_decoded(opener):
    packed = reply(404, gzip.compress(b"not found"), b"Content-Encoding: gzip")
    with ScriptedServer([packed]) as server, pytest.raises(HTTPError) as caught:
        opener.open(server.url)
    with caught.value as error:
        assert error.headers["Content-Encoding"] is None
        assert error.read() == b"not found"


def test_an_error_that_is_cut_says_so_when_it_is_read(opener):
    with ScriptedServer([reply(404)[:-1]]) as server, pytest.raises(HTTPError) as caught:
        opener.open(server.url)
    with caught.value as error, pytest.raises(http.client.IncompleteRead) as cut:
        error.read()
    assert cut.value.partial == b"bod"


def test_an_error_may_have_no_body(opener):
    with (
        ScriptedServer([b"HTTP/1.1 304 Not Modified\r\n\r\n"]) as server,
        pytest.raises(HTTPError) as caught,
    ):
        opener.open(server.url)
    with caught.value as error:
        assert error.read() == b""


# --- what handlers may do about it


def test_a_handler_of_a_code_can_give_a_reply_instead(opener):
    class Instead(BaseHandler):
        def http_error_410(self, req, fp, code, msg, hdrs):
            fp.close()
            return [req.full_url, code, msg, hdrs["X-Own"]]

    opener.add_handler(Instead())
    with ScriptedServer([GONE]) as server:
        assert opener.open(server.url) == [server.url, 410, "Long Gone", "1"]


def test_a_handler_of_a_code_can_open_another_request(opener):
    class Again(urllib.request.BaseHandler):  # as programs have them
        def http_error_410(self, req, fp, code, msg, hdrs):
            fp.read()
            return self.parent.open(req, timeout=req.timeout)

    opener.add_handler(Again())
    with ScriptedServer([[GONE, HELLO]]) as server:
        assert opener.open(server.url).read() == b"hello"
    assert server.requests[0] == server.requests[1]


def test_a_handler_that_gives_nothing_leaves_the_error_as_it_is(opener):
    seen = []

    class Watching(BaseHandler):
        def http_error_410(self, req, fp, code, msg, hdrs):
            seen.append(code)

    opener.add_handler(Watching())
    with ScriptedServer([GONE]) as server, pytest.raises(HTTPError) as caught:
        opener.open(server.url)
    caught.value.close()
    assert seen == [410]


@pytest.mark.parametrize("default", [HTTPDefaultErrorHandler, urllib.request.BaseHandler])
def test_another_default_can_return_every_reply(pool, default):
    class EveryReply(default):
        handler_order = 100

        def http_error_default(self, req, fp, code, msg, hdrs):
            return fp

    opener = build_opener(EveryReply, HTTPHandler(pool=pool))
    with ScriptedServer([GONE]) as server, opener.open(server.url) as response:
        assert (response.status, response.read()) == (410, b"gone")


def test_another_processor_can_let_every_reply_through(pool):
    class NoErrors(HTTPErrorProcessor):
        def http_response(self, request, response):
            return response

        https_response = http_response

    opener = build_opener(NoErrors, HTTPHandler(pool=pool))
    with ScriptedServer([GONE]) as server, opener.open(server.url) as response:
        assert (response.status, response.read()) == (410, b"gone")


def test_without_a_default_there_is_no_reply(pool):
    opener = OpenerDirector()
    opener.add_handler(HTTPHandler(pool=pool))
    opener.add_handler(HTTPErrorProcessor())
    with ScriptedServer([GONE]) as server:
        assert opener.open(server.url) is None


def test_the_processor_comes_after_all_others():
    opener = build_opener()
    orders = {type(handler).__name__: handler.handler_order for handler in opener.handlers}
    assert max(orders, key=orders.get) == "HTTPErrorProcessor"
    assert (HTTPErrorProcessor.handler_order, HTTPDefaultErrorHandler.handler_order) == (1000, 500)


# --- its connection


@pytest.mark.parametrize(
    "framed",
    [
        b"Content-Length: 4\r\n\r\ngone",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\ngo\r\n2\r\nne\r\n0\r\n\r\n",
        b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(gzip.compress(b"gone"))
        + gzip.compress(b"gone"),
    ],
    ids=["length", "chunked", "gzip"],
)
def test_the_connection_serves_again_before_the_error_is_read(opener, pool, framed):
    head, _, body = (b"HTTP/1.1 410 Gone\r\n" + framed).partition(b"\r\n\r\n")
    with ScriptedServer([[Expect(), Send(head + b"\r\n\r\n"), Send(body), HELLO]]) as server:
        with pytest.raises(HTTPError) as caught:
            opener.open(server.url)
        assert opener.open(server.url).read() == b"hello"
        assert pool.opened == 1
        with caught.value as error:
            assert error.fp.peek(2)[:4] == b"gone"
            assert error.read() == b"gone"


def test_an_error_with_a_long_page_is_not_read_for_nothing(opener):
    with ScriptedServer([[reply(500, LONG), Drain()]]) as server:
        with pytest.raises(HTTPError) as caught:
            opener.open(server.url)
        assert caught.value.fp.length == len(LONG)
        assert caught.value.read() == LONG
        caught.value.close()


def test_an_error_whose_page_is_cut_is_raised_and_says_so_when_it_is_read(opener):
    cut = b"HTTP/1.1 500 Oops\r\nContent-Length: 10\r\n\r\nhalf"
    with ScriptedServer([cut]) as server, pytest.raises(HTTPError) as caught:
        opener.open(server.url)
    assert caught.value.code == 500
    with pytest.raises(http.client.IncompleteRead) as short:
        caught.value.read()
    assert (short.value.partial, short.value.expected) == (b"half", 6)
    caught.value.close()


@pytest.mark.parametrize("timeout", [0.05, Timeout(total=0.5)])
def test_an_error_whose_page_does_not_come_is_raised_in_time(opener, monkeypatch, timeout):
    monkeypatch.setattr(response_module, "KEEP_SECONDS", 3600.0)
    begun = b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\n"
    with ScriptedServer([[Expect(), Send(begun), Pause()]]) as server:
        with pytest.raises(HTTPError) as caught:
            opener.open(server.url, timeout=timeout)
        with pytest.raises(TimeoutError):
            caught.value.read()
        caught.value.close()


def test_an_error_whose_page_does_not_come_is_raised_all_the_same(opener, monkeypatch):
    monkeypatch.setattr(response_module, "KEEP_SECONDS", 0.01)
    begun = b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\n"
    pause = Pause()
    with ScriptedServer([[Expect(), Send(begun), pause, Send(b"late")]]) as server:
        with pytest.raises(HTTPError) as caught:
            opener.open(server.url)
        pause.resume.set()
        assert caught.value.read() == b"late"
        caught.value.close()


@pytest.mark.parametrize("begun", [b"", b"5", b"5\r\nhel"])
def test_an_error_whose_page_stops_in_a_chunk_is_raised_soon_and_can_be_read(
    opener, monkeypatch, begun
):
    monkeypatch.setattr(response_module, "KEEP_SECONDS", 0.01)
    head = b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n"
    pause, rest = Pause(), b"5\r\nhello\r\n0\r\n\r\n".removeprefix(begun)
    with ScriptedServer([[Expect(), Send(head + begun), pause, Send(rest)]]) as server:
        with pytest.raises(HTTPError) as caught:
            opener.open(server.url, timeout=PATIENCE)
        pause.resume.set()
        assert caught.value.read() == b"hello"
        caught.value.close()
