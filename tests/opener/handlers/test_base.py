"""BaseHandler: its order, its opener and its close; the same as urllib.request's."""

import urllib.request

import pytest

from mini_http import BaseHandler, OpenerDirector

STOCK = urllib.request.BaseHandler


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
