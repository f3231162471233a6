"""as_request: requests of urllib.request ask the same, and go the same way, as Requests of ours."""

import urllib.request

import pytest

from mini_http import URL, Request
from mini_http.base.timeouts import Deadline
from mini_http.opener.conversion import as_request

STOCK = urllib.request.Request
PAGE = "http://www.example.com/dir/page?query"
THREAD = 7


def test_a_request_of_ours_is_itself():
    request = Request(PAGE)
    assert as_request(request) is request


def test_a_request_of_urllibs_is_understood():
    theirs = STOCK(
        PAGE + "#frag", b"body", {"x-one": "1"}, origin_req_host="origin", unverifiable=True
    )
    theirs.add_unredirected_header("x-two", "2")
    theirs.get_method = lambda: "PATCH"
    ours = as_request(theirs)
    assert isinstance(ours, Request)
    assert (ours.full_url, ours.data, ours.get_method()) == (PAGE + "#frag", b"body", "PATCH")
    assert (ours.origin_req_host, ours.unverifiable) == ("origin", True)
    assert (ours.headers, ours.unredirected_hdrs) == ({"X-one": "1"}, {"X-two": "2"})
    assert (ours.history, ours.deadline) == ((), None)


def test_a_request_of_urllibs_that_follows_a_redirect_keeps_where_it_comes_from():
    theirs = STOCK(PAGE)
    theirs.history, theirs.deadline, theirs.opened_by = ("a reply",), Deadline(1), THREAD
    ours = as_request(theirs)
    assert (ours.history, ours.deadline) == (("a reply",), theirs.deadline)
    assert ours.opened_by == THREAD


@pytest.mark.parametrize("other", [None, 5, b"http://a/", URL.parse(PAGE)])
def test_what_is_no_request_is_a_type_error(other):
    with pytest.raises(TypeError, match=f"a URL or a Request, not {type(other).__name__}"):
        as_request(other)


GONE_ELSEWHERE = {
    "nowhere": {},
    "through a proxy": {"set_proxy": ("proxy:3128", "http")},
    "to another host": {"host": "other:80"},
    "for something else": {"selector": "*"},
    "as another type": {"type": "https"},
}


def where_to(request):
    return request.host, request.type, request.selector, request.has_proxy(), request._tunnel_host


@pytest.mark.parametrize("way", GONE_ELSEWHERE.values(), ids=GONE_ELSEWHERE)
@pytest.mark.parametrize("url", [PAGE, "https://example.com/a?b", "http://example.com"])
def test_a_request_of_urllib_goes_the_same_way_as_one_of_ours(url, way):
    theirs, ours = STOCK(url), Request(url)
    for request in (theirs, ours):
        for name, value in way.items():
            if name == "set_proxy":
                request.set_proxy(*value)
            else:
                setattr(request, name, value)
    taken = as_request(theirs)
    assert where_to(taken) == where_to(ours)
    assert (taken._host is None) == (ours._host is None)
