"""UnknownHandler: the error for a scheme that nobody opens."""

import urllib.error

import pytest

from mini_http import BaseHandler, OpenerDirector, UnknownHandler, URLError, build_opener


def opener_with(*handlers):
    opener = OpenerDirector()
    for handler in handlers:
        opener.add_handler(handler)
    return opener


@pytest.mark.parametrize("url", ["foo://host/", "FOO:bar"])
def test_a_scheme_that_nobody_opens_is_named(url):
    with pytest.raises(urllib.error.URLError) as caught:
        opener_with(UnknownHandler()).open(url)
    assert caught.value.reason == "unknown url type: foo"


@pytest.mark.parametrize("url", ["foo://host/", "local_file:///etc/hostname", "javascript:1"])
def test_the_usual_opener_opens_no_unknown_scheme(url):
    with pytest.raises(urllib.error.URLError, match="unknown url type"):
        build_opener().open(url)


def test_it_is_asked_last_whatever_its_order():
    class Foo(BaseHandler):
        handler_order = 9999

        def foo_open(self, request):
            return "a reply"

    assert opener_with(UnknownHandler(), Foo()).open("foo://host/") == "a reply"


def test_it_names_the_type_that_the_request_was_given():
    class ByAnotherName(BaseHandler):
        def foo_request(self, request):
            request.type = "bar"
            return request

    with pytest.raises(urllib.error.URLError, match="unknown url type: bar"):
        opener_with(UnknownHandler(), ByAnotherName()).open("foo://host/")


def test_a_host_and_a_port_are_taken_for_what_they_are_meant_for():
    with pytest.raises(URLError, match=r"for the web, write http://localhost:8000/x"):
        build_opener().open("localhost:8000/x")


def test_a_password_stays_out_of_the_advice():
    with pytest.raises(URLError) as caught:
        build_opener().open("admin:12345@router/")
    assert "12345" not in str(caught.value)
    assert "http://admin:***@router/" in str(caught.value)
