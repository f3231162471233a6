"""CookieJar: http.cookiejar's interface row by row, and as the jar of urllib's opener and requests.

The rules themselves, what is kept and sent when, are tested beside rules.py and store.py.
"""

import contextlib
import copy
import http.cookiejar
import io
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from email.message import Message

import pytest
from support.python_server import EchoHandler, EchoServer

from mini_http import (
    Cookie,
    CookieJar,
    CookieLimits,
    DefaultCookiePolicy,
    HTTPCookieProcessor,
    HTTPError,
    HTTPHandler,
    Pool,
    Request,
    addinfourl,
    build_opener,
)
from mini_http.opener.cookies import jar as jar_module

HOST = "www.example.com"
URL = f"http://{HOST}/a/b?c"
TOP = f"https://{HOST}/"
AHEAD = "Fri, 31 Dec 2100 23:59:59 GMT"
OVER = "Fri, 31 Dec 1999 23:59:59 GMT"


def reply(*lines):
    """A reply that sets these cookies."""
    fields = Message()
    for line in lines:
        fields["Set-Cookie"] = line
    return addinfourl(io.BytesIO(), fields, URL)


def put(jar, *lines, url=TOP):
    """Has a jar see a reply that sets these cookies."""
    jar.extract_cookies(reply(*lines), Request(url))
    return jar


def sent(jar, url=TOP, make=Request):
    """The Cookie field that a jar gives to a request."""
    request = make(url)
    jar.add_cookie_header(request)
    return request.get_header("Cookie")


def names(cookies):
    return [cookie.name for cookie in cookies]


def stock_cookie(name="a", value="1", domain=HOST, path="/", expires=None, **rest):
    """One of http.cookiejar's."""
    dotted = domain.startswith(".")
    place = (domain, dotted, dotted, path, True, False)
    return http.cookiejar.Cookie(
        0, name, value, None, False, *place, expires, expires is None, None, None, rest
    )


@pytest.fixture
def jar():
    return CookieJar()


@pytest.fixture
def full(jar):
    """A jar with a cookie for each kind of place."""
    jar.set("a", "1", domain=HOST)
    jar.set("b", "2", domain=HOST, path="/a")
    jar.set("c", "3", domain=".example.com")
    jar.set("a", "4", domain="other.example", expires=time.time() + 1000)
    return jar


# --- what replies set

KEPT = {
    "nothing": ([], {}),
    "several": (["a=1", "b=2; Path=/"], {"a": "1", "b": "2"}),
    "one twice": (["a=1", "a=2"], {"a": "2"}),
    "one without a name": (["a"], {"": "a"}),
    "one that is none": (["a=1", "", "b\0=2"], {"a": "1"}),
    "one of another's domain": (["a=1; Domain=example.org", "b=2"], {"b": "2"}),
    "one for all that is above": (["a=1; Domain=com", "b=2; Domain=example.com"], {"b": "2"}),
    "one that the draft forbids": (["__Host-a=1", "b=2"], {"b": "2"}),
    "one that is over": ([f"a=1; Expires={OVER}", "b=2"], {"b": "2"}),
    "one, and its end": (["a=1", "b=2", "a=; Max-Age=0"], {"b": "2"}),
}


@pytest.mark.parametrize(("lines", "kept"), KEPT.values(), ids=KEPT)
def test_a_jar_keeps_what_a_reply_sets(jar, lines, kept):
    put(jar, *lines)
    assert jar.as_dict() == kept
    assert len(jar) == len(kept)


def test_what_is_secure_is_not_hidden_by_what_comes_over_an_insecure_connection(jar):
    put(jar, "a=1; Secure", "b=1")
    put(jar, "a=2", "b=2", url=URL.replace("/a/b", "/"))
    assert jar.as_dict() == {"a": "1", "b": "2"}


def test_a_cookie_set_again_keeps_its_place_in_the_field(jar):
    put(put(jar, "a=1", "b=1"), "c=2", "a=2")
    assert sent(jar) == "a=2; b=1; c=2"


def test_what_is_beyond_the_limits_is_dropped():
    jar = CookieJar(limits=CookieLimits(per_host=3))
    put(jar, *(f"c{number}={number}" for number in range(5)))
    assert sorted(jar.as_dict()) == ["c2", "c3", "c4"]


def test_make_cookies_gives_cookies_and_keeps_none(jar):
    cookies = jar.make_cookies(
        reply("a=1; Secure; HttpOnly; Priority=High", "", "b=2; Domain=example.org", "__Host-c=3"),
        Request(URL),
    )
    assert names(cookies) == ["a", "__Host-c"]
    assert (cookies[0].value, cookies[0].domain, cookies[0].path) == ("1", HOST, "/a")
    assert cookies[0].secure
    assert cookies[0].has_nonstandard_attr("httponly")
    assert cookies[0].get_nonstandard_attr("Priority") == "High"
    assert all(type(cookie) is Cookie for cookie in cookies)
    assert not jar


@pytest.mark.parametrize(
    ("line", "url", "kept"),
    [
        ("a=1", URL, {"a": "1"}),
        ("a=1; Domain=example.com", URL, {"a": "1"}),
        ("a=1; Secure", TOP, {"a": "1"}),
        ("a=1; Secure", URL, {}),
        ("a=1; Max-Age=0", URL, {}),
    ],
)
def test_set_cookie_if_ok_keeps_what_a_reply_could_set(jar, line, url, kept):
    (cookie,) = jar.make_cookies(reply(line), Request(url))
    jar.set_cookie_if_ok(cookie, Request(url))
    assert jar.as_dict() == kept


@pytest.mark.parametrize("domain", [HOST, f".{HOST}"])
@pytest.mark.parametrize("url", ["http://example.com/", "http://other.example/"])
def test_set_cookie_if_ok_keeps_nothing_of_another_host(jar, domain, url):
    jar.set_cookie_if_ok(stock_cookie(domain=domain), Request(url))
    assert not jar


def test_set_cookie_if_ok_asks_the_policy(jar):
    jar.set_policy(DefaultCookiePolicy(blocked_domains=[HOST]))
    jar.set_cookie_if_ok(stock_cookie(), Request(TOP))
    jar.set_cookie_if_ok(stock_cookie(domain="a.example"), Request("http://a.example/"))
    assert [cookie.domain for cookie in jar] == ["a.example"]


# --- what goes with a request

SENT = {
    "the host's, the longest path first": (f"{TOP}a/x", "b=2; a=1; c=3"),
    "elsewhere": (TOP, "a=1; c=3"),
    "a subdomain": ("https://x.example.com/", "c=3"),
    "another host": ("https://other.example/", "a=4"),
    "nowhere": ("https://nowhere.example/", None),
}


@pytest.mark.parametrize("make", [Request, urllib.request.Request], ids=["ours", "urllib's"])
@pytest.mark.parametrize(("url", "field"), SENT.values(), ids=SENT)
def test_a_request_gets_the_cookies_for_it(full, url, field, make):
    assert sent(full, url, make) == field


def test_an_empty_jar_adds_nothing(jar):
    assert sent(jar) is None


def test_a_program_s_own_field_goes_first_and_wins(full):
    request = Request(TOP, headers={"Cookie": "mine=0; c=mine"})
    full.add_cookie_header(request)
    assert ("Cookie", "mine=0; c=mine; a=1") in request.fields()


def test_a_request_that_is_tried_again_gets_the_cookies_of_then(full):
    request = Request(TOP)
    full.add_cookie_header(request)
    full.clear(HOST, "/", "a")
    full.add_cookie_header(request)
    assert request.get_header("Cookie") == "c=3"
    full.clear()
    full.add_cookie_header(request)
    assert not request.has_header("Cookie")


def test_the_field_that_another_jar_added_stays(full):
    stock = http.cookiejar.CookieJar()
    stock.set_cookie(stock_cookie("theirs"))
    request = urllib.request.Request(TOP)
    stock.add_cookie_header(request)
    full.add_cookie_header(request)
    assert request.get_header("Cookie") == "theirs=1"


def test_a_field_that_a_program_gave_for_one_request_alone_is_joined(full):
    request = Request(TOP)
    request.add_unredirected_header("Cookie", "mine=0")
    full.add_cookie_header(request)
    assert request.get_header("Cookie") == "mine=0; a=1; c=3"


def test_what_has_expired_is_not_sent(full):
    for cookie in full.find("a"):
        cookie.expires = 1
    assert sent(full) == "c=3"


# --- a program's own cookies


def test_set_makes_a_cookie_and_keeps_it(jar):
    expires = int(time.time()) + 100
    cookie = jar.set(
        "a",
        "1",
        domain=HOST,
        path="/p",
        secure=True,
        expires=expires + 0.5,
        http_only=True,
        same_site="Strict",
    )
    assert list(jar) == [cookie]
    assert (cookie.name, cookie.value, cookie.domain, cookie.path) == ("a", "1", HOST, "/p")
    assert (cookie.secure, cookie.expires, cookie.discard) == (True, expires, False)
    assert (cookie.host_only, cookie.http_only, cookie.same_site) == (True, True, "Strict")
    assert jar.set("b", "", domain=".example.com").discard


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a;b"},
        {"value": "1\r\n2"},
        {"path": ""},
        {"path": "a"},
        {"path": "/a;b"},
        {"path": "/a\n"},
        {"path": "/a "},
        {"path": "/\u20ac"},
        {"path": f"/{'a' * 1024}"},
        {"expires": float("inf")},
        {"expires": float("nan")},
        {"domain": ".com"},
        {"domain": "a b"},
        {"same_site": "lax"},
        {"name": "__Host-a"},
        {"name": "", "value": ""},
    ],
)
def test_set_refuses_what_no_server_could_set(jar, wrong):
    with pytest.raises(ValueError):
        jar.set(**{"name": "a", "value": "1", "domain": HOST} | wrong)
    assert not jar


def test_set_cookie_keeps_the_very_cookie(jar):
    cookie = Cookie.of(stock_cookie())
    jar.set_cookie(cookie)
    assert next(iter(jar)) is cookie


def test_set_cookie_keeps_even_what_is_over_until_it_would_be_sent(jar):
    jar.set_cookie(stock_cookie(expires=1))
    jar.set_cookie(stock_cookie("b", domain="other.example", expires=1))
    assert len(jar) == 2
    assert sent(jar) is None
    assert [cookie.name for cookie in jar] == ["b"]


def test_what_is_over_is_passed_over_by_who_looks(jar):
    jar.set_cookie(stock_cookie(expires=1))
    assert jar.find() == jar.find("a") == []
    assert jar.get("a", "nothing") == "nothing"
    assert "a" not in jar
    assert jar.as_dict() == {}
    with pytest.raises(KeyError):
        jar["a"]


def test_set_with_a_time_that_is_over_drops_the_cookie_that_was_there(full):
    assert full.set("b", "", domain=HOST, path="/a", expires=1).is_expired()
    full.set("new", "", domain=HOST, expires=-5.5)
    assert full.as_dict() == {"a": "4", "c": "3"}
    assert len(full) == 3


@pytest.mark.parametrize(
    "name", ["b\xfccher.example", "xn--bcher-kva.example", "B\xdcCHER.example"]
)
def test_a_domain_may_be_written_in_its_own_letters(jar, name):
    jar.set("a", "1", domain="b\xfccher.example")
    jar.set_cookie(stock_cookie("b", domain=name))
    jar.set_cookie(Cookie(**vars_of(stock_cookie("c", domain=f".{name}"))))
    assert names(jar.find(domain=name)) == names(jar.find(domain=f".{name}")) == ["a", "b", "c"]
    assert sent(jar, "http://b\xfccher.example/") == "a=1; b=1; c=1"
    jar.clear(name)
    jar.clear(f".{name}")
    assert not jar


def vars_of(cookie):
    """A stock cookie's parameters."""
    return {name.removeprefix("_"): value for name, value in vars(cookie).items()}


def test_a_cookie_for_a_name_that_is_too_long_is_refused(jar):
    with pytest.raises(ValueError, match="253 characters at most, not 2003"):
        jar.set_cookie(stock_cookie(domain=f"{'a.' * 1000}com"))
    assert not jar


@pytest.mark.parametrize("domain", ["127.0.0.1", ".127.0.0.1"])
def test_a_cookie_of_an_address_is_sent_whatever_it_says_of_subdomains(jar, domain):
    one = Cookie.of(stock_cookie(domain=domain))
    one.domain_specified = True
    jar.set_cookie(one)
    assert one.host_only
    assert sent(jar, "http://127.0.0.1/") == "a=1"
    assert sent(jar, "http://1.127.0.0.1/") is None
    jar.clear(domain, "/", "a")
    assert not jar


def test_the_cookies_of_requests_serve_for_an_address(requests, jar):
    jar.set_cookie(requests.cookies.create_cookie("a", "1", domain="127.0.0.1"))
    assert sent(jar, "http://127.0.0.1/") == "a=1"


def test_an_ipv6_address_may_name_itself_as_it_stands_in_a_url(jar):
    put(jar, "a=1; Domain=[::1]", "b=1; Domain=[::2]", url="http://[::1]/")
    assert [(cookie.name, cookie.domain) for cookie in jar] == [("a", "::1")]
    jar.set("c", "1", domain="[::1]")
    assert sent(jar, "http://[::1]/") == "a=1; c=1"


def test_a_socket_with_a_relative_name_shares_no_cookies_with_a_host(jar):
    jar.set("login", "1", domain=".example.com")
    put(jar, "a=1", "b=1; Domain=example.com", url="http+unix://x.example.com/")
    put(jar, "c=1", url="http+unix://..%2Fx.example.com/")
    assert sent(jar, "http+unix://x.example.com/") == "a=1"
    assert sent(jar, "http+unix://..%2Fx.example.com/") == "c=1"
    assert sent(jar, "http://x.example.com/") == "login=1"


def test_what_is_secure_does_not_go_to_a_proxy_in_clear_text(jar):
    jar.set("a", "1", domain="localhost")
    jar.set("login", "1", domain="localhost", secure=True)
    request = Request("http://localhost/")
    jar.add_cookie_header(request)
    assert request.get_header("Cookie") == "a=1; login=1"
    request.proxy = "http://proxy.example:3128"  # asked again, once there is one
    jar.add_cookie_header(request)
    assert request.get_header("Cookie") == "a=1"
    jar.extract_cookies(reply("login=evil", "new=1; Secure", "b=1"), request)
    assert jar.as_dict() == {"a": "1", "login": "1", "b": "1"}
    tunnelled = Request("https://localhost/")
    tunnelled.set_proxy("proxy.example:3128", "http")
    jar.add_cookie_header(tunnelled)
    assert tunnelled.get_header("Cookie") == "a=1; login=1; b=1"


def test_a_cookie_that_is_put_into_another_jar_keeps_its_place_in_the_first(full):
    other = CookieJar()
    other.set("c", "old", domain=".example.com")
    for cookie in reversed(full.find()):
        other.set_cookie(cookie)
    assert [cookie.value for cookie in full.find()] == ["1", "2", "3", "4"]
    assert [cookie.value for cookie in other.find()] == ["3", "4", "2", "1"]
    assert sent(full) == "a=1; c=3"
    assert sent(other) == "c=3; a=1"


def test_a_cookie_that_was_changed_can_be_set_again(full):
    (cookie,) = full.find("b")
    cookie.value = "changed"
    full.set_cookie(cookie)
    assert full.find("b") == [cookie]
    assert [cookie.value for cookie in full.find()] == ["1", "changed", "3", "4"]


@pytest.mark.parametrize("domain", ["", "."])
def test_set_cookie_refuses_a_cookie_for_every_host(jar, domain):
    with pytest.raises(ValueError, match="needs a domain"):
        jar.set_cookie(stock_cookie(domain=domain))
    assert not jar


# --- looking

FOUND = {
    "all": ({}, ["1", "2", "3", "4"]),
    "by name": ({"name": "a"}, ["1", "4"]),
    "by domain": ({"domain": HOST}, ["1", "2"]),
    "by domain with its dot": ({"domain": ".example.com"}, ["3"]),
    "by domain without its dot": ({"domain": "example.com"}, ["3"]),
    "by path": ({"path": "/a"}, ["2"]),
    "by all": ({"name": "a", "domain": "other.example", "path": "/"}, ["4"]),
    "none": ({"name": "a", "path": "/a"}, []),
}


@pytest.mark.parametrize(("wanted", "values"), FOUND.values(), ids=FOUND)
def test_find_gives_cookies_in_the_order_they_were_set_in(full, wanted, values):
    assert [cookie.value for cookie in full.find(**wanted)] == values


def test_get_gives_the_value_or_the_default(full):
    assert full.get("b") == full["b"] == "2"
    assert full.get("d") is None
    assert full.get("d", "none") == "none"
    assert full.get("a", domain=HOST) == "1"
    assert full.get("a", domain="other.example", path="/") == "4"
    assert full.get("a", "none", path="/x") == "none"


def test_a_name_that_several_cookies_have_is_no_answer(full):
    for look in full.get, full.__getitem__:
        with pytest.raises(KeyError, match=r"give domain or path .*www.example.com/, other"):
            look("a")
    full.set("a", "1", domain="other.example")
    assert full.get("a") == full["a"] == "1"


def test_a_name_that_no_cookie_has_is_a_key_error(full):
    with pytest.raises(KeyError, match="d"):
        full["d"]


def test_in_asks_for_a_cookie_or_a_name(full):
    cookie = full.find("b")[0]
    assert "a" in full
    assert "d" not in full
    assert cookie in full
    assert copy.copy(cookie) not in full
    assert None not in full


def test_cookies_for_gives_what_a_get_would_send(full):
    assert names(full.cookies_for(f"{TOP}a/x")) == ["b", "a", "c"]
    assert full.cookies_for("http://nowhere.example/") == []
    with pytest.raises(ValueError):
        full.cookies_for("http://a b/")


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        (TOP, ["a"]),
        (URL, []),
        ("wss://www.example.com/", ["a"]),
        ("http://localhost/", ["b"]),
        ("http://127.0.0.1/", ["c"]),
    ],
)
def test_cookies_for_knows_what_is_secure(jar, url, seen):
    for name, host in ("a", HOST), ("b", "localhost"), ("c", "127.0.0.1"):
        jar.set(name, "1", domain=host, secure=True)
    assert names(jar.cookies_for(url)) == seen


def test_as_dict_gives_names_and_values(full):
    assert full.as_dict() == {"a": "4", "b": "2", "c": "3"}
    full.set("c", "first", domain=HOST, path="/a")
    assert full.as_dict(f"{TOP}a") == {"b": "2", "c": "first", "a": "1"}
    assert full.as_dict("http://nowhere.example/") == {}


def test_iterating_gives_all_cookies_also_while_they_change(full):
    seen = []
    for cookie in full:
        seen.append(cookie.value)
        full.clear()
    assert sorted(seen) == ["1", "2", "3", "4"]
    assert list(full) == []


def test_an_empty_jar_is_false(jar):
    assert not jar
    assert len(jar) == 0
    put(jar, "a=1")
    assert jar
    assert len(jar) == 1


def test_cookies_stand_by_domain_path_and_name_as_in_http_cookiejar(full):
    assert full._cookies[HOST]["/a"]["b"].value == "2"
    assert full._cookies[".example.com"]["/"]["c"].value == "3"
    assert set(full._cookies) == {HOST, ".example.com", "other.example"}


def removed(jar):
    del jar._cookies[HOST]


def emptied(jar):
    jar._cookies = {}


def cleared(jar):
    jar._cookies.clear()


def updated(jar):
    jar._cookies.update({"new.example": {"/": {"a": stock_cookie("a", "5", "new.example")}}})


def replaced(jar):
    jar._cookies = pickle.loads(pickle.dumps(jar._cookies)) | {HOST: {}}


def without_a_name(jar):
    del jar._cookies[HOST]["/"]["a"]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (removed, "34"),
        (emptied, ""),
        (cleared, ""),
        (updated, "12345"),
        (replaced, "34"),
        (without_a_name, "234"),
    ],
)
def test_a_program_may_change_what_stands_there(full, change, left):
    for cookie in full:
        cookie.secure = True
    change(full)
    assert sorted(cookie.value for cookie in full) == list(left)
    assert len(full) == len(left)
    assert [cookie.value for cookie in full.find(domain=HOST)] == [n for n in left if n in "12"]
    full.set("new", "6", domain=HOST)
    put(full, "a=7", url=f"http://{HOST}/")
    assert sent(full, TOP) is not None
    for cookie in full:
        full.clear(cookie.domain, cookie.path, cookie.name)
    assert len(full) == 0
    assert not full._cookies


def test_a_secure_cookie_that_a_program_put_there_is_not_overlaid(jar):
    theirs = stock_cookie()
    theirs.secure = True
    jar._cookies[HOST] = {"/": {"a": theirs}}
    put(jar, "a=2; Path=/", url=f"http://{HOST}/")
    assert sent(jar) == "a=1"


def test_subclasses_know_the_lock_by_the_name_of_http_cookiejar_s(full):
    class Pickled(CookieJar):
        def __getstate__(self):
            state = vars(self).copy()
            del state["_cookies_lock"]
            return state

    jar = Pickled()
    jar.set("a", "1", domain=HOST)
    assert sent(copy.copy(jar)) == "a=1"
    with full._cookies_lock:
        assert names(full._cookies_for_request(Request(TOP))) == ["a", "c"]
    request = urllib.request.Request(TOP)
    assert names(full._cookies_for_request(request)) == ["a", "c"]


def test_repr_names_cookies_and_tells_no_values(full):
    full.set("login", "hunter2", domain=HOST)
    assert repr(full).startswith("<CookieJar[<Cookie a for www.example.com/>, <Cookie ")
    assert "hunter2" not in repr(full)
    assert "<Cookie login=hunter2 for www.example.com/>" in str(full)
    assert repr(CookieJar()) == str(CookieJar()) == "<CookieJar[]>"


# --- forgetting


class Unseen(dict):
    """Fails if somebody goes through all of it."""

    def __iter__(self):
        raise AssertionError("all cookies were looked at")

    items = keys = values = __iter__


def test_what_is_named_is_found_without_looking_at_all(full):
    full._store.by_domain = Unseen(full._store.by_domain)
    assert names(full.find("b", HOST)) == ["b"]
    assert full.get("a", domain=HOST) == "1"
    full.clear(HOST, "/", "a")
    full.clear(".example.com")
    assert len(full) == 2


def test_clear_finds_a_cookie_by_the_domain_it_was_given_since(full):
    (cookie,) = full.find("b")
    cookie.domain = "moved.example"
    full.clear("moved.example", "/a", "b")
    assert [cookie.value for cookie in full.find()] == ["1", "3", "4"]
    assert len(full) == 3


CLEARED = {
    "all": ([], []),
    "a domain": ([HOST], ["3", "4"]),
    "a domain with its dot": ([".example.com"], ["1", "2", "4"]),
    "a path": ([HOST, "/a"], ["1", "3", "4"]),
    "a name": ([HOST, "/", "a"], ["2", "3", "4"]),
}


@pytest.mark.parametrize(("place", "left"), CLEARED.values(), ids=CLEARED)
def test_clear_forgets_what_is_named(full, place, left):
    full.clear(*place)
    assert [cookie.value for cookie in full.find()] == left
    assert len(full) == len(left)


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (["nowhere.example"], "nowhere.example"),
        (["example.com"], "example.com"),
        ([HOST, "/x"], "/x"),
        ([HOST, "/", "b"], "b"),
    ],
)
def test_clear_raises_key_error_where_there_is_nothing(full, place, key):
    for jar in full, stock_jar_of(full):
        with pytest.raises(KeyError, match=key):
            jar.clear(*place)
        assert len(jar) == 4


@pytest.mark.parametrize(
    "place",
    [
        {"path": "/"},
        {"name": "a"},
        {"domain": HOST, "name": "a"},
        {"path": "/", "name": "a"},
    ],
)
def test_clear_wants_the_whole_way_to_a_path_or_name(full, place):
    for jar in full, stock_jar_of(full):
        with pytest.raises(ValueError, match="must be given"):
            jar.clear(**place)
        assert len(jar) == 4


def test_clear_session_cookies_leaves_those_with_a_date(full):
    full.clear_session_cookies()
    assert [cookie.value for cookie in full] == ["4"]


def test_clear_expired_cookies_leaves_those_whose_time_is_not_over(full):
    full.find("b")[0].expires = 1
    full.clear_expired_cookies()
    assert [cookie.value for cookie in full.find()] == ["1", "3", "4"]


def test_clear_session_cookies_forgets_one_that_was_given_another_domain(full):
    full.find("b")[0].domain = "moved.example"
    full.clear_session_cookies()
    assert len(full) == 1


# --- policies


class Nothing(DefaultCookiePolicy):
    """Lets nothing in or out, and notes what it was asked."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def set_ok(self, cookie, request):
        self.asked.append((cookie.name, request.host))
        return False

    def return_ok(self, cookie, request):
        self.asked.append((cookie.name, request.host))
        return False


def test_a_policy_is_asked_for_what_the_draft_lets_pass_alone(jar):
    policy = Nothing()
    jar.set_policy(policy)
    put(jar, "a=1", "b=1; Domain=example.org", "__Secure-c=1")
    jar.set("d", "1", domain=HOST)
    jar.set("e", "1", domain="other.example")
    assert sent(jar) is None
    assert policy.asked == [("a", HOST), ("d", HOST)]
    assert names(jar) == ["d", "e"]


def test_a_policy_can_be_changed(jar):
    jar.set_policy(Nothing())
    put(jar, "a=1")
    assert not jar
    jar.set_policy(DefaultCookiePolicy())
    put(jar, "a=1")
    assert sent(jar) == "a=1"


# --- copies

COPYING = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda jar, protocol=protocol: pickle.loads(
            pickle.dumps(jar, protocol)
        )
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.parametrize("copied", COPYING.values(), ids=COPYING)
def test_a_copy_is_a_jar_of_its_own(full, copied):
    other = copied(full)
    assert type(other) is CookieJar
    assert str(other) == str(full)
    other.set("b", "changed", domain=HOST, path="/a")
    other.set("new", "5", domain=HOST)
    full.clear("other.example")
    assert full.as_dict() == {"a": "1", "b": "2", "c": "3"}
    assert other.as_dict() == {"a": "4", "b": "changed", "c": "3", "new": "5"}
    assert len(other) == 5
    assert sent(other) == "a=1; c=3; new=5"


@pytest.mark.parametrize("copied", COPYING.values(), ids=COPYING)
def test_a_copy_of_a_cookie_says_the_same(full, copied):
    (cookie,) = full.find("c")
    other = copied(cookie)
    assert type(other) is Cookie
    assert vars(other) == vars(cookie)
    assert other is not cookie


# --- subclasses and children


class Noting(CookieJar):
    """Notes what it is given to keep, as programs do that save at each change."""

    def __init__(self):
        super().__init__()
        self.noted = []

    def set_cookie(self, cookie):
        self.noted.append(cookie.name)
        super().set_cookie(cookie)


def test_a_subclass_is_given_each_cookie_that_is_kept():
    jar = Noting()
    put(jar, "a=1", "__Host-b=1", "c=1; Max-Age=0")
    jar.set("d", "1", domain=HOST)
    jar.set_cookie_if_ok(stock_cookie("e"), Request(TOP))
    assert jar.noted == ["a", "d", "e"]
    assert sent(jar) == "a=1; d=1; e=1"


def child_s(answer):
    """What a forked child answers; None if it does not within a while."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        signal.alarm(20)
        try:
            os.write(writing, str(answer()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as file:
        text = file.read()
    os.waitpid(child, 0)
    return text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_may_use_a_jar_that_another_thread_had_locked(full):
    has_it, may_go = threading.Event(), threading.Event()

    def hold():
        with full._cookies_lock:
            has_it.set()
            may_go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        has_it.wait()
        assert child_s(lambda: sent(full)) == "a=1; c=3"
        jar_module._renew_locks()  # as it is called in the child
        assert sent(full) == "a=1; c=3"
    finally:
        may_go.set()
        thread.join()
    with full._cookies_lock:
        assert child_s(lambda: sent(full)) == "a=1; c=3"


# --- threads


def in_threads(count, work):
    """Runs `work(number)` in threads that begin together; raises what one of them raised."""
    errors = []
    gate = threading.Barrier(count)

    def run(number):
        gate.wait()
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_threads_share_a_jar():
    """Each thread has a host of its own, whose cookies must be its latest ones; all of them set
    and forget those of one host, where every field must be one that some thread could have made.
    """
    jar = CookieJar()

    def work(number):
        rng = random.Random(number)
        own = f"https://host{number}.example/"
        for turn in range(60):
            put(jar, f"a={turn}", f"b={turn}; Path=/", url=own)
            put(jar, f"x={number}", f"y={number}", f"z{turn}={number}; Max-Age=0")
            assert sent(jar, own) == f"a={turn}; b={turn}"
            shared = dict(pair.split("=") for pair in (sent(jar) or "").split("; ") if pair)
            assert set(shared) <= {"x", "y"}
            assert set(shared.values()) <= set(map(str, range(16)))
            match rng.randrange(6):
                case 0:
                    jar.clear_expired_cookies()
                case 1:
                    with contextlib.suppress(KeyError):
                        jar.clear(HOST)
                case 2:
                    copy.copy(jar).clear()
                case 3:
                    assert len(pickle.loads(pickle.dumps(jar))) <= 34
                case 4:
                    assert all(cookie.name in "abxy" for cookie in jar)
                case 5:
                    jar.find("a", f"host{number}.example")[0].value = str(turn)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        in_threads(16, work)
    finally:
        sys.setswitchinterval(interval)
    for number in range(16):
        assert jar.as_dict(f"https://host{number}.example/") == {"a": "59", "b": "59"}
    assert (
        len(jar)
        == len(list(jar))
        == sum(len(cookies) for paths in jar._cookies.values() for cookies in paths.values())
    )


# --- beside http.cookiejar's


def stock_jar_of(cookies):
    jar = http.cookiejar.CookieJar()
    for cookie in cookies:
        jar.set_cookie(cookie)
    return jar


def test_a_jar_passes_for_one_of_http_cookiejar_s(full):
    assert isinstance(full, http.cookiejar.CookieJar)
    assert isinstance(full, CookieJar)
    assert all(isinstance(cookie, http.cookiejar.Cookie) for cookie in full)
    assert not isinstance(http.cookiejar.CookieJar(), CookieJar)


def test_a_jar_needs_no_http_cookiejar():
    code = """
import sys
from mini_http import CookieJar
jar = CookieJar()
jar.set("a", "1", domain="www.example.com")
assert isinstance(jar, CookieJar) and jar.__class__ is CookieJar
assert "http.cookiejar" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stock_cookie_is_copied_into_our_jar(jar):
    theirs = stock_cookie("a", "1", ".example.com", HttpOnly=None)
    theirs.domain = ".EXAMPLE.com"
    jar.set_cookie(theirs)
    (ours,) = jar
    assert type(ours) is Cookie
    assert ours is not theirs
    assert (ours.domain, ours.http_only, theirs.domain) == (".example.com", True, ".EXAMPLE.com")
    assert sent(jar, "http://any.example.com/") == "a=1"


def test_a_stock_cookie_without_a_value_is_sent_as_its_name(jar):
    jar.set_cookie(stock_cookie("a", None))
    assert sent(jar) == sent(stock_jar_of([stock_cookie("a", None)])) == "a"


def test_our_cookies_serve_in_a_stock_jar(full):
    stock = stock_jar_of(full)
    assert sent(stock, f"{TOP}a/x", urllib.request.Request) == "b=2; a=1; c=3"
    assert sent(stock, "https://other.example/", urllib.request.Request) == "a=4"
    stock.clear_session_cookies()
    assert len(stock) == 1
    assert len(full) == 4


def test_our_cookies_are_written_to_a_stock_file_and_read_from_it(full, tmp_path):
    for kind in http.cookiejar.MozillaCookieJar, http.cookiejar.LWPCookieJar:
        saved = kind(tmp_path / kind.__name__)
        for cookie in full:
            saved.set_cookie(cookie)
        saved.save(ignore_discard=True)
        loaded = kind(tmp_path / kind.__name__)
        loaded.load(ignore_discard=True)
        jar = CookieJar()
        for cookie in loaded:
            jar.set_cookie(cookie)
        assert jar.as_dict(f"{TOP}a/x") == full.as_dict(f"{TOP}a/x")


# --- in openers, and in requests


class CookieHandler(EchoHandler):
    """Sets the cookies of the page; "/to/x" redirects to "/x", "/status/404" is an error."""

    def echo(self):
        self.note()
        path = self.path
        status = 302 if path.startswith("/to/") else int(path.rpartition("/")[2] or 200)
        self.send_response(status)
        for line in self.server.pages.get(path, ()):
            self.send_header("Set-Cookie", line)
        if status == 302:
            self.send_header("Location", path.removeprefix("/to"))
        self.send_header("Content-Length", "0")
        self.end_headers()


class CookieServer(EchoServer):
    """`pages`: by path, the Set-Cookie lines of the reply."""

    handler_class = CookieHandler

    def __init__(self, pages):
        self.pages = pages
        super().__init__()

    @property
    def seen(self):
        """Of each request the path, and its Cookie fields."""
        return [
            (each["path"], *(value for name, value in each["headers"] if name == "Cookie"))
            for each in self.requests
        ]


PAGES = {
    "/to/200": ["a=1; Path=/", "b=1; Path=/"],
    "/200": ["b=2; Path=/", "c=2; Max-Age=100; HttpOnly; Path=/", "d=2; Path=/only"],
    "/404": ["e=4", "a=; Max-Age=0; Path=/", "f=1; Domain=example.org"],
}
VISITED = [
    ("/to/200",),
    ("/200", "a=1; b=1"),
    ("/404", "a=1; b=2; c=2"),
    ("/only/200", "d=2; b=2; c=2; e=4"),
    ("/200", "b=2; c=2; e=4"),
]
"""What a server with these pages sees if VISITS are made."""
VISITS = ["to/200", "404", "only/200", "200"]

OURS = [HTTPCookieProcessor, CookieJar]
STOCK = [urllib.request.HTTPCookieProcessor, http.cookiejar.CookieJar]


@pytest.mark.parametrize("processor", [OURS[0], STOCK[0]], ids=["our processor", "urllib's"])
@pytest.mark.parametrize("kind", [OURS[1], STOCK[1]], ids=["our jar", "http.cookiejar's"])
@pytest.mark.parametrize("opener", ["ours", "urllib's"])
@pytest.mark.usefixtures("no_leaked_descriptors")
def test_any_jar_serves_any_opener_by_any_processor(opener, processor, kind):
    jar = kind()
    with CookieServer(PAGES) as server, Pool() as pool:
        if opener == "ours":
            director = build_opener(HTTPHandler(pool=pool), processor(jar))
        else:
            director = urllib.request.build_opener(processor(jar))
        for path in VISITS:
            with contextlib.suppress(HTTPError):
                try:
                    director.open(server.url + path).close()
                except HTTPError as error:
                    error.close()
                    raise
    assert server.seen == VISITED
    assert {cookie.name for cookie in jar} == {"b", "c", "d", "e"}


@pytest.fixture
def requests():
    """The library, where it is installed."""
    return pytest.importorskip("requests")


@pytest.mark.usefixtures("no_leaked_descriptors")
def test_a_session_of_requests_keeps_its_cookies_in_our_jar(requests, jar):
    with CookieServer(PAGES) as server, requests.Session() as session:
        session.cookies = jar
        for path in VISITS:
            session.get(server.url + path)
    assert server.seen == VISITED
    assert {cookie.name for cookie in jar} == {"b", "c", "d", "e"}
    assert all(type(cookie) is Cookie for cookie in jar)


def test_a_session_of_requests_may_name_another_host(requests, jar):
    with CookieServer({"/": ["a=1"]}) as server, requests.Session() as session:
        session.cookies = jar
        for _ in range(2):
            session.get(server.url, headers={"Host": HOST})
        session.get(server.url)
    assert server.seen == [("/",), ("/", "a=1"), ("/",)]
    assert {cookie.domain for cookie in jar} == {HOST, "127.0.0.1"}


def test_a_session_of_requests_joins_a_call_s_cookies_with_our_jar_s(requests, jar):
    with CookieServer({}) as server, requests.Session() as session:
        session.cookies = jar
        jar.set("a", "1", domain="127.0.0.1")
        session.get(server.url, cookies={"b": "2"})
        session.get(server.url)
        requests.get(server.url, cookies=jar)
    assert server.seen == [("/", "a=1; b=2"), ("/", "a=1"), ("/", "a=1")]


def test_our_cookies_go_into_the_jar_of_requests_and_back(requests, full):
    theirs = requests.cookies.RequestsCookieJar()
    theirs.update(full)
    assert theirs.get("a", domain="other.example") == "4"
    assert sent(theirs, TOP, urllib.request.Request) == "a=1; c=3"
    back = CookieJar()
    for cookie in theirs:
        back.set_cookie(cookie)
    assert back.as_dict() == full.as_dict()
    assert all(type(cookie) is Cookie for cookie in back)
