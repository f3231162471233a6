"""BaseHandler: its order, its opener and its close; the same as urllib.request's."""

import urllib.request

import pytest
from support.servers import ScriptedServer

import mini_http
from mini_http import BaseHandler, HTTPError, HTTPHandler, OpenerDirector, Pool, build_opener

STOCK = urllib.request.BaseHandler
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def with_order(order, base=BaseHandler):
    return type("Own", (base,), {"handler_order": order})()


@pytest.mark.parametrize("base", [BaseHandler, STOCK])
@pytest.mark.parametrize("other", [BaseHandler, STOCK])
def test_handlers_sort_by_their_order(base, other):
    assert with_order(100, base) < with_order(200, other)
    assert not with_order(200, base) < with_order(100, other)
    assert not with_order(200, base) < with_order(200, other)


@pytest.mark.parametrize("base", [BaseHandler, STOCK])
def test_a_handler_comes_before_what_has_no_order(base):
    assert with_order(10_000, base) < object()


@pytest.mark.parametrize("base", [BaseHandler, STOCK])
def test_the_usual_order_is_500(base):
    assert base().handler_order == 500


def test_add_parent_tells_a_handler_its_opener():
    handler, opener = BaseHandler(), OpenerDirector()
    handler.add_parent(opener)
    assert handler.parent is opener


def test_close_leaves_a_handler_as_it_is():
    handler, opener = BaseHandler(), OpenerDirector()
    handler.add_parent(opener)
    handler.close()
    assert handler.parent is opener


# --- beside urllib's own handlers of the same names


class Own(HTTPHandler):
    pass


@pytest.mark.parametrize("kind", [HTTPHandler, Own])
def test_ours_comes_before_the_one_of_urllib_that_it_stands_for(kind):
    assert kind() < urllib.request.HTTPHandler()
    assert not kind() < urllib.request.HTTPSHandler()
    assert not kind() < with_order(500, STOCK)


def test_ours_opens_the_requests_of_an_opener_that_urllib_built():
    opened = []

    class Noting(HTTPHandler):
        def http_open(self, req):
            opened.append(req.full_url)
            return super().http_open(req)

    with Pool() as pool, ScriptedServer([[HELLO, HELLO]]) as server:
        opener = urllib.request.build_opener(Noting(pool=pool))
        for _ in range(2):
            with opener.open(server.url) as reply:
                assert reply.read() == b"hello"
        assert (opened, pool.opened) == ([server.url] * 2, 1)


def test_urllibs_opens_the_requests_of_our_opener_that_it_was_given_to():
    class Noting(urllib.request.HTTPHandler):
        opened = 0

        def http_open(self, req):
            self.opened += 1
            return super().http_open(req)

    handler = Noting()
    opener = build_opener(handler)
    with ScriptedServer([[HELLO], [HELLO]]) as server:
        for _ in range(2):
            with opener.open(server.url) as reply:
                assert reply.read() == b"hello"
    assert handler.opened == 2
    assert HTTPHandler not in {type(one) for one in opener.handlers}


@pytest.mark.parametrize(
    "name", ["HTTPHandler", "HTTPSHandler", "HTTPRedirectHandler", "HTTPErrorProcessor"]
)
def test_urllibs_handlers_replace_ours_of_the_same_name(name):
    stock = getattr(urllib.request, name)
    opener = build_opener(stock)
    assert stock in {type(handler) for handler in opener.handlers}
    assert name not in {
        type(handler).__name__
        for handler in opener.handlers
        if type(handler).__module__.startswith("mini_http")
    }


@pytest.mark.parametrize("build", [build_opener, urllib.request.build_opener])
def test_a_mixed_opener_follows_redirects_and_raises_errors(build):
    stock, ours = urllib.request, mini_http
    chain = [
        b"HTTP/1.1 302 Moved\r\nLocation: /new\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ]
    gone = b"HTTP/1.1 410 Gone\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngone"
    for handlers in (
        (stock.HTTPHandler, ours.HTTPRedirectHandler),
        (ours.HTTPHandler, stock.HTTPRedirectHandler),
        (ours.HTTPErrorProcessor, stock.HTTPDefaultErrorHandler),
        (stock.HTTPErrorProcessor, ours.HTTPDefaultErrorHandler, ours.HTTPHandler),
    ):
        with ScriptedServer([chain, [gone]]) as server:
            with pytest.raises(HTTPError) as caught:
                build(*handlers).open(server.url)
            with caught.value as error:
                assert (error.code, error.url, error.read()) == (410, f"{server.url}new", b"gone")
