"""Request: urllib.request.Request's interface, and what is ours.

What both have is tested on both: the same steps on either class must come to the same.
"""

import gc
import inspect
import tracemalloc
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http import Request
from mini_http.base import errors
from mini_http.base.timeouts import Deadline
from mini_http.base.url import URL
from mini_http.connect.proxy import Proxy

STOCK = urllib.request.Request
PAGE = "http://www.example.com/dir/page?query"
BODY = b"xyz"
THREAD = 7
THROUGH_A_PROXY = "host type selector has_proxy _tunnel_host"


def changed(request, **attributes):
    """The request, after these attributes were set."""
    for name, value in attributes.items():
        setattr(request, name, value)
    return request


def parts(request, names):
    """The attributes of these names; methods are called."""
    values = [getattr(request, name) for name in names.split()]
    return [value() if callable(value) else value for value in values]


def told(request, *calls):
    """The request, after these methods were called: pairs of a name and the arguments."""
    for name, *arguments in calls:
        getattr(request, name)(*arguments)
    return request


# --- what urllib has

URLS = [
    "http://www.example.com",
    "http://www.example.com/",
    "http://www.example.com/a/b;c?d=e&f#g",
    "http://www.example.com:8080/a",
    "http://www.example.com?query",
    "https://www.example.com/#",
    "https://www.example.com/?",
    "HTTPS://www.example.com/",
    "http://[::1]/",
    "http://[::1]:8080/",
    "http://www.%65xample.com/",
    "  http://www.example.com/a  ",
    "<http://www.example.com/a>",
    "<URL:http://www.example.com/a>",
    "< URL: http://www.example.com/a >",
    "URL:http://www.example.com/a",
    "ftp://ftp.example.com/pub/file;type=i",
    "file:///etc/hostname",
    "data:text/plain,hello",
    "mailto:someone@example.com",
    "custom://somewhere/there",
]


@pytest.mark.parametrize(
    "attribute", ["full_url", "type", "host", "selector", "fragment", "origin_req_host"]
)
@pytest.mark.parametrize("url", URLS)
def test_a_url_has_the_parts_that_it_has_in_urllib(url, attribute):
    ours, theirs = (getattr(kind(url), attribute) or "" for kind in (Request, STOCK))
    if attribute == "selector" and theirs[:1] in ("", "?") and url.startswith("http"):
        theirs = f"/{theirs}"  # which urllib adds when it sends the request
    if attribute == "origin_req_host":  # ours is decoded, as the host is
        theirs = theirs.replace("%65", "e")
    if attribute == "full_url":  # an empty fragment is lost in urllib
        ours, theirs = ours.removesuffix("#"), theirs.removesuffix("#")
    assert ours == theirs


SAME = {
    "full url is a method too": lambda R: R(PAGE).get_full_url(),
    "full url has the fragment": lambda R: R(PAGE + "#frag").full_url,
    "a new url": lambda R: parts(
        changed(R(PAGE), full_url="https://other.example:8443/x?y#z"),
        "full_url type host selector fragment origin_req_host",
    ),
    "a new wrapped url": lambda R: changed(R(PAGE), full_url="<URL:http://b/>").full_url,
    "a new url after a proxy was set": lambda R: parts(
        changed(told(R(PAGE), ("set_proxy", "proxy:3128", "http")), full_url="https://b/c"),
        "host type selector has_proxy",
    ),
    "no fragment": lambda R: R(PAGE).fragment,
    "the page it is part of": lambda R: R(PAGE, origin_req_host="origin.example").origin_req_host,
    "the page it is part of, set later": lambda R: (
        changed(R(PAGE), origin_req_host="origin.example").origin_req_host
    ),
    "the page it is part of is not in its url": lambda R: (
        changed(R(PAGE, origin_req_host="origin.example"), full_url="http://b/").origin_req_host
    ),
    "unverifiable by default": lambda R: R(PAGE).unverifiable,
    "unverifiable": lambda R: R(PAGE, unverifiable=True).unverifiable,
    "another host": lambda R: changed(R(PAGE), host="elsewhere:81").host,
    "another type": lambda R: changed(R(PAGE), type="https").type,
    "another selector": lambda R: changed(R(PAGE), selector="*").selector,
    "timeout": lambda R: changed(R(PAGE), timeout=3).timeout,
    # methods
    "GET": lambda R: R(PAGE).get_method(),
    "POST": lambda R: R(PAGE, b"x").get_method(),
    "POST of nothing": lambda R: R(PAGE, b"").get_method(),
    "POST once it has data": lambda R: changed(R(PAGE), data=b"x").get_method(),
    "GET again": lambda R: changed(R(PAGE, b"x"), data=None).get_method(),
    "a method": lambda R: R(PAGE, method="PROPFIND").get_method(),
    "a method that stays with data": lambda R: R(PAGE, b"x", method="PUT").get_method(),
    "a method set later": lambda R: changed(R(PAGE), method="PUT").get_method(),
    "a method is an attribute": lambda R: R(PAGE, method="PUT").method,
    "an empty method": lambda R: R(PAGE, method="").get_method(),
    "a method of the instance": lambda R: changed(R(PAGE), get_method=lambda: "PATCH").get_method(),
    "a method of the class": lambda R: type("Put", (R,), {"method": "PUT"})(PAGE).get_method(),
    "a method beats that of the class": lambda R: type("Put", (R,), {"method": "PUT"})(
        PAGE, method="POST"
    ).get_method(),
    "an overridden get_method": lambda R: type("Own", (R,), {"get_method": lambda self: "OWN"})(
        PAGE
    ).get_method(),
    # data
    "data": lambda R: R(PAGE, b"x").data,
    "no data": lambda R: R(PAGE).data,
    "new data drops its length": lambda R: changed(
        R(PAGE, b"x", {"Content-Length": "1"}), data=b"xyz"
    ).header_items(),
    "new data drops an unredirected length": lambda R: changed(
        told(R(PAGE, b"x"), ("add_unredirected_header", "Content-length", 42)), data=b"xyz"
    ).header_items(),
    "new data without a length": lambda R: changed(R(PAGE, b"x"), data=b"xyz").data,
    "the same data keeps its length": lambda R: changed(
        R(PAGE, BODY, {"Content-Length": "3"}), data=BODY
    ).header_items(),
    # fields
    "fields": lambda R: R(PAGE, headers={"X-One": "1", "x-TWO": "2"}).headers,
    "fields with one name": lambda R: R(PAGE, headers={"X-One": "1", "x-one": "2"}).headers,
    "no fields": lambda R: (R(PAGE).headers, R(PAGE).unredirected_hdrs),
    "a field": lambda R: told(R(PAGE), ("add_header", "X-ONE", "1")).headers,
    "a field that is no text": lambda R: told(R(PAGE), ("add_header", "Age", 5)).headers,
    "an unredirected field": lambda R: (
        told(R(PAGE), ("add_unredirected_header", "X-ONE", "1")).unredirected_hdrs
    ),
    "all fields": lambda R: told(
        R(PAGE),
        ("add_header", "B", "header"),
        ("add_unredirected_header", "B", "unredirected"),
        ("add_unredirected_header", "A", "unredirected"),
        ("add_header", "C", "header"),
    ).header_items(),
    **{
        f"{method} of {name}": lambda R, method=method, name=name: getattr(
            told(
                R(PAGE, headers={"X-One": "1"}),
                ("add_unredirected_header", "X-Two", "2"),
                ("add_unredirected_header", "X-One", "3"),
            ),
            method,
        )(name)
        for method in ("has_header", "get_header")
        for name in ("X-one", "X-One", "x-one", "X-two", "X-Two", "X-three")
    },
    "a default": lambda R: R(PAGE).get_header("X", "default"),
    **{
        f"removal of {name}": lambda R, name=name: told(
            R(PAGE, headers={"X-One": "1"}),
            ("add_unredirected_header", "X-Two", "2"),
            ("add_unredirected_header", "X-One", "3"),
            ("remove_header", name),
        ).header_items()
        for name in ("X-one", "X-One", "X-two", "X-three")
    },
    # proxies
    "no proxy": lambda R: R(PAGE).has_proxy(),
    "a proxy": lambda R: parts(told(R(PAGE), ("set_proxy", "proxy:3128", "http")), THROUGH_A_PROXY),
    "a proxy of another type": lambda R: parts(
        told(R(PAGE), ("set_proxy", "proxy:3128", "https")), THROUGH_A_PROXY
    ),
    "a proxy for https": lambda R: parts(
        told(R("https://example.com/a"), ("set_proxy", "proxy:3128", "http")), THROUGH_A_PROXY
    ),
    "the page behind a proxy": lambda R: (
        told(R(PAGE), ("set_proxy", "proxy:3128", "http")).origin_req_host
    ),
}


@pytest.mark.parametrize("steps", SAME.values(), ids=SAME)
def test_what_urllib_has_is_the_same(steps):
    assert steps(Request) == steps(STOCK)


@pytest.mark.parametrize("kind", [Request, STOCK])
def test_a_deleted_url_leaves_nothing_to_ask_for(kind):
    request = kind(PAGE + "#frag")
    del request.full_url
    assert (request.full_url, request.fragment, request.selector) == (None, None, "")
    assert (request.type, request.host) == ("http", "www.example.com")


@pytest.mark.parametrize("kind", [Request, STOCK])
def test_deleted_data_takes_its_length_along(kind):
    request = kind(PAGE, b"xyz", {"Content-Length": "3", "X-Other": "stays"})
    del request.data
    assert request.data is None
    assert request.header_items() == [("X-other", "stays")]


@pytest.mark.parametrize("kind", [Request, STOCK])
def test_the_page_that_a_request_is_part_of_stays_when_its_url_changes(kind):
    request = kind("http://first.example/")
    request.full_url = "http://second.example/"
    assert (request.host, request.origin_req_host) == ("second.example", "first.example")


@pytest.mark.parametrize("url", ["www.example.com", "", "/dir/page", "//www.example.com/"])
@pytest.mark.parametrize("kind", [Request, STOCK])
def test_a_url_without_a_scheme_is_a_value_error(kind, url):
    with pytest.raises(ValueError, match="unknown url type"):
        kind(url)


@pytest.mark.parametrize("url", ["http://", "http://a:port/", "http://[::1/", "http://a b/"])
def test_a_url_that_is_none_is_refused_at_once(url):
    with pytest.raises(errors.InvalidURL):
        Request(url)
    request = Request(PAGE)
    with pytest.raises(errors.InvalidURL):
        request.full_url = url
    assert request.full_url == PAGE


def test_a_url_may_be_any_object_whose_text_is_one():
    assert Request(URL.parse(PAGE)).full_url == PAGE


@given(st.dictionaries(st.from_regex(r"[A-Za-z-]{1,8}", fullmatch=True), st.text(max_size=4)))
def test_any_fields_are_kept_as_in_urllib(headers):
    ours, theirs = Request(PAGE, headers=headers), STOCK(PAGE, headers=headers)
    assert ours.header_items() == theirs.header_items()
    assert [name.capitalize() for name, _ in ours.given_fields()] == list(theirs.headers)


# --- where ours is stricter or knows more


def test_user_and_password_are_no_part_of_the_host():
    request = Request("http://user:password@www.example.com/")
    assert (request.host, request.origin_req_host) == ("www.example.com", "www.example.com")


def test_hosts_are_normal_and_usual_ports_are_left_out():
    request = Request("http://WWW.Example.COM:80/")
    assert request.host == "www.example.com"
    assert request.full_url == "http://WWW.Example.COM:80/"


def test_what_is_not_legal_in_a_url_is_quoted_in_the_selector():
    assert Request("http://example.com/a b\u00e9?\u00fc").selector == "/a%20b%C3%A9?%C3%BC"


def test_a_tunnel_stays_one_through_another_proxy():
    # urllib makes of it a request in the clear
    request = told(
        Request("https://example.com/a"),
        ("set_proxy", "first:3128", "http"),
        ("set_proxy", "second:3128", "http"),
    )
    assert parts(request, THROUGH_A_PROXY) == [
        *("second:3128", "https", "/a", False, "example.com"),
    ]


def test_a_new_url_forgets_the_tunnel_to_the_old_one():
    request = told(Request("https://example.com/a"), ("set_proxy", "proxy:3128", "http"))
    request.full_url = "https://b/c"
    assert (request.host, request._tunnel_host) == ("b", None)


CREDENTIALS = ("Proxy-Authorization", "Basic eDp5")


@pytest.mark.parametrize("url", [PAGE, "https://example.com/a"])
@pytest.mark.parametrize("forget", ["begin", "full_url"])
def test_a_proxy_that_a_handler_chose_is_forgotten(url, forget):
    request = Request(url)
    request.selector = "*"
    request.choose_proxy(Proxy("proxy", 3128, CREDENTIALS[1]))
    assert request.host == "proxy:3128"
    assert request.unredirected_hdrs == {"Proxy-authorization": CREDENTIALS[1]}
    if forget == "begin":
        request.begin(THREAD)
        assert request.selector == "*"
    else:
        request.full_url = url
        assert request.selector == request.url.target
    assert (request.host, request.type) == (request.url.host, request.url.scheme)
    assert (request._tunnel_host, request.unredirected_hdrs) == (None, {})


def test_what_a_proxy_was_answered_is_not_forgotten_with_it():
    request = Request(PAGE)
    request.choose_proxy(Proxy("proxy", 3128, CREDENTIALS[1]))
    request.add_unredirected_header("Proxy-Authorization", "answer")
    request.begin(THREAD)
    assert request.unredirected_hdrs == {"Proxy-authorization": "answer"}


def test_a_proxy_without_credentials_is_forgotten_too():
    request = Request(PAGE)
    request.choose_proxy(Proxy("proxy", 3128))
    assert (request.host, request.unredirected_hdrs) == ("proxy:3128", {})
    assert request.begin(THREAD).host == request.url.host


def test_credentials_that_the_program_gave_are_not_replaced():
    request = Request(PAGE, headers={"Proxy-Authorization": "given"})
    request.choose_proxy(Proxy("proxy", 3128, CREDENTIALS[1]))
    assert (request.unredirected_hdrs, request.headers) == ({}, {"Proxy-authorization": "given"})
    assert request.begin(THREAD).proxy is None
    assert request.headers == {"Proxy-authorization": "given"}


@pytest.mark.parametrize("url", [PAGE, "https://example.com/a"])
def test_what_only_leads_to_hosts_changes_nothing_of_what_is_asked(url):
    request = Request(url)
    proxy = Proxy("proxy", 1080, kind="socks5h", user="joe", password="secret")
    request.choose_proxy(proxy)
    assert request.proxy == proxy
    assert (request.host, request.type) == (request.url.host, request.url.scheme)
    assert (request.selector, request._tunnel_host) == (request.url.target, None)
    assert request.unredirected_hdrs == {}
    request.begin(THREAD)
    assert (request.proxy, request._host) == (None, None)


def test_a_proxy_that_the_program_named_is_not_forgotten():
    request = told(Request(PAGE), ("set_proxy", "proxy:3128", "http"))
    request.begin(THREAD)
    assert (request.host, request.has_proxy()) == ("proxy:3128", True)


@pytest.mark.parametrize("add", ["add_header", "add_unredirected_header"])
def test_credentials_for_a_proxy_go_with_the_whole_url_only(add):
    request = Request(PAGE)
    getattr(request, add)(*CREDENTIALS)
    assert CREDENTIALS not in request.fields()
    request.set_proxy("proxy:3128", "http")
    assert CREDENTIALS in request.fields()
    tunnelled = Request("https://example.com/a")
    getattr(tunnelled, add)(*CREDENTIALS)
    tunnelled.set_proxy("proxy:3128", "http")
    assert CREDENTIALS not in tunnelled.fields()
    tunnelled.selector = "*"
    assert CREDENTIALS not in tunnelled.fields()


def test_the_fragment_is_no_part_of_what_a_proxy_is_asked():
    request = Request(PAGE + "#frag")
    request.set_proxy("proxy:3128", "http")
    assert request.selector == PAGE
    assert request.has_proxy()


def test_an_address_of_ipv6_keeps_its_brackets_as_the_page_it_is_part_of():
    assert Request("http://[::1]:8080/").origin_req_host == "[::1]"


# --- what is sent


def test_fields_are_sent_with_host_first_and_in_the_spelling_that_was_given():
    request = Request("http://example.com:81/", headers={"x-lower": "1", "ETag": "2"})
    request.add_unredirected_header("WWW-own", "3")
    request.add_header("X-UPPER", "4")
    assert request.fields() == [
        ("Host", "example.com:81"),
        ("x-lower", "1"),
        ("ETag", "2"),
        ("X-UPPER", "4"),
        ("WWW-own", "3"),
    ]


def test_the_latest_spelling_of_a_name_is_sent():
    request = Request(PAGE, headers={"x-name": "1"})
    request.add_header("X-NAME", "2")
    assert request.fields()[1:] == [("X-NAME", "2")]


def test_fields_put_into_the_dicts_are_sent_too():
    request = Request(PAGE)
    request.headers["X-one"] = "1"
    request.unredirected_hdrs["X-two"] = "2"
    assert request.fields()[1:] == [("X-one", "1"), ("X-two", "2")]


def test_the_callers_host_is_sent_in_place_of_that_of_the_url():
    request = Request(PAGE, headers={"X-first": "1", "HOST": "virtual.example"})
    assert request.fields() == [("Host", "virtual.example"), ("X-first", "1")]


def test_an_empty_host_stands_for_that_of_the_url():
    assert Request(PAGE, headers={"Host": ""}).fields() == [("Host", "www.example.com")]


def test_a_field_for_this_request_alone_is_sent_rather_than_the_other():
    request = Request(PAGE, headers={"Authorization": "old", "X": "1"})
    request.add_unredirected_header("Authorization", "new")
    assert request.fields()[1:] == [("Authorization", "new"), ("X", "1")]


def test_given_fields_are_those_that_redirects_may_carry():
    request = Request(PAGE, headers={"x-One": "1"})
    request.add_unredirected_header("X-Two", "2")
    request.headers["X-three"] = "3"
    assert request.given_fields() == [("x-One", "1"), ("X-three", "3")]


def test_default_fields_are_not_shared_between_requests():
    Request(PAGE).add_header("X", "1")
    assert Request(PAGE).header_items() == []


# --- secrets


def test_names_are_marked_secret_in_any_case_and_add_up():
    request = Request(PAGE)
    assert request.secret_names == frozenset()
    request.mark_secret("X-Api-Key", "x-token")
    request.mark_secret("X-OTHER")
    assert request.secret_names == {"x-api-key", "x-token", "x-other"}
    assert Request(PAGE).secret_names == frozenset()


def test_repr_shows_method_and_url_without_the_password():
    request = Request("http://user:hidden@example.com/a", b"x", {"Authorization": "hidden"})
    assert repr(request) == "<Request POST URL('http://user:***@example.com/a')>"


# --- one Request, opened several times


def test_a_new_opening_begins_with_a_new_deadline():
    request = Request(PAGE)
    request.deadline = Deadline(1)
    request.begin(THREAD)
    assert request.deadline is None


def test_a_new_opening_forgets_what_handlers_added_to_the_one_before():
    request = Request(PAGE, headers={"X": "1"})
    request.add_unredirected_header("Accept-Encoding", "br")
    assert request.begin(THREAD) is request
    request.decode_content = True
    request.add_unredirected_header("Cookie", "a=b")
    request.end()
    assert request.get_header("Cookie") == "a=b"
    request.begin(THREAD)
    assert not request.decode_content
    assert request.header_items() == [("Accept-encoding", "br"), ("X", "1")]


def test_what_the_program_sets_between_two_openings_is_kept():
    request = Request(PAGE).begin(THREAD)
    request.add_unredirected_header("Cookie", "a=b")
    request.add_unredirected_header("X-Removed", "1")
    request.end()
    request.add_unredirected_header("Cookie", "mine")
    request.add_unredirected_header("X-New", "1")
    request.remove_header("X-removed")
    request.begin(THREAD)
    assert request.header_items() == [("Cookie", "mine"), ("X-new", "1")]


def test_another_thread_opens_a_copy_of_a_request_that_is_being_opened():
    request = Request(PAGE, headers={"X": "1"})
    request.add_unredirected_header("Y", "1")
    request.begin(THREAD)
    request.deadline = Deadline(1)
    request.add_unredirected_header("Cookie", "a=b")
    other = request.begin(THREAD + 1)
    other.add_header("Z", "1")
    assert (request.opened_by, other.opened_by) == (THREAD, THREAD + 1)
    assert (other.full_url, other.deadline) == (PAGE, None)
    assert sorted(other.header_items()) == [("X", "1"), ("Y", "1"), ("Z", "1")]
    assert sorted(request.header_items()) == [("Cookie", "a=b"), ("X", "1"), ("Y", "1")]


def test_a_request_that_the_opener_made_can_be_opened_by_another_thread():
    request = Request(PAGE)
    request.opened_by = THREAD
    request.add_unredirected_header("Y", "1")
    assert request.begin(THREAD + 1).header_items() == [("Y", "1")]


@pytest.mark.parametrize("fields", ["headers", "unredirected_hdrs"])
def test_names_put_into_the_dicts_in_another_case_are_found_as_urllibs_are(fields):
    request = Request(PAGE)
    getattr(request, fields)["User-Agent"] = "mine"
    request.begin(THREAD)
    assert getattr(request, fields) == {"User-agent": "mine"}
    assert request.fields()[1:] == [("User-Agent", "mine")]


@pytest.mark.parametrize("fields", ["headers", "unredirected_hdrs"])
@pytest.mark.parametrize(("value", "sent"), [(42, "42"), (b"caf\xe9", "caf\u00e9")])
def test_numbers_and_bytes_are_values_as_in_http_client(fields, value, sent):
    request = Request(PAGE)
    getattr(request, fields)["X-value"] = value
    assert request.fields()[1:] == [("X-value", sent)]


def test_what_is_no_value_of_a_field_is_left_for_the_writer_to_refuse():
    request = Request(PAGE, headers={"X": None})
    assert request.fields()[1:] == [("X", None)]


# --- what is kept


def test_a_url_is_split_once_however_often_it_is_asked_for():
    assert Request(PAGE).url is Request(PAGE).url


def test_long_urls_are_not_kept():
    tracemalloc.start()
    try:
        for number in range(40):
            assert Request(f"data:,{number:0100000}").type == "data"
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 400_000


@pytest.mark.parametrize("headers", [["a"], "a: b", [("A", "b")]])
def test_headers_that_are_no_mapping_are_named(headers):
    with pytest.raises(TypeError, match=r"headers must be a mapping, not (list|str)"):
        Request("http://host/", headers=headers)


def test_a_method_that_is_no_text_is_named():
    with pytest.raises(TypeError, match="method must be a string, not int"):
        Request("http://host/", method=5)


# --- bodies by name


@pytest.mark.parametrize(
    ("given", "kind", "sent"),
    [
        ({"json": {"a": [1, None]}}, "application/json", b'{"a":[1,null]}'),
        ({"json": []}, "application/json", b"[]"),
        ({"json": False}, "application/json", b"false"),
        ({"form": {"a": "b c"}}, "application/x-www-form-urlencoded", b"a=b+c"),
        ({"form": {}}, "application/x-www-form-urlencoded", b""),
    ],
)
def test_a_value_or_a_form_is_posted_as_what_it_is(given, kind, sent):
    request = Request(PAGE, **given)
    assert request.get_method() == "POST"
    assert (request.data.content_type, b"".join(request.data)) == (kind, sent)
    assert Request(PAGE, method="PUT", **given).get_method() == "PUT"
    assert request.header_items() == []


@pytest.mark.parametrize("given", [{}, {"form": {"a": "1"}}])
def test_files_are_posted_as_a_form_with_files(given):
    request = Request(PAGE, files={"f": b"content"}, **given)
    assert request.get_method() == "POST"
    assert request.data.content_type.startswith("multipart/form-data; boundary=")
    sent = b"".join(request.data)
    assert b'name="f"; filename="f"' in sent
    assert (b'name="a"' in sent) is bool(given)


@pytest.mark.parametrize(
    "given",
    [{"data": b"", "json": {}}, {"data": b"", "files": {}}, {"json": 1, "form": {}}],
)
def test_two_bodies_are_a_type_error(given):
    with pytest.raises(TypeError, match=r"a request has one body: .* can't go together"):
        Request(PAGE, **given)


def test_bodies_come_by_name_only_and_what_urllib_has_by_position_stays():
    ours, theirs = (list(inspect.signature(kind).parameters.values()) for kind in (Request, STOCK))
    assert [parameter.name for parameter in ours[: len(theirs)]] == [
        parameter.name for parameter in theirs
    ]
    added = ours[len(theirs) :]
    assert {parameter.kind for parameter in added} == {inspect.Parameter.KEYWORD_ONLY}
    assert {parameter.default for parameter in added} == {None}


def test_a_body_that_is_replaced_takes_its_type_with_it():
    request = Request(PAGE, json={})
    request.data = b"x"
    assert request.data == b"x"
    assert request.header_items() == []
