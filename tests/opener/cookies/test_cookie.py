"""Cookie: http.cookiejar's constructor and attributes, and what a Set-Cookie line makes of it."""

from __future__ import annotations

import copy
import http.cookiejar
import pickle
import subprocess
import sys
import time

import pytest

from mini_http.codec.set_cookie import SetCookie
from mini_http.opener.cookies.cookie import LONGEST_AGE, Cookie

NOW = 1_700_000_000.75
STOCK = {
    "version": 0,
    "name": "a",
    "value": "secret",
    "port": None,
    "port_specified": False,
    "domain": "example.com",
    "domain_specified": False,
    "domain_initial_dot": False,
    "path": "/x",
    "path_specified": True,
    "secure": False,
    "expires": None,
    "discard": True,
    "comment": None,
    "comment_url": None,
    "rest": {},
}


def cookie(**parts):
    return Cookie(**{**STOCK, **parts})


def received(domain="example.com", **said):
    return Cookie.received(SetCookie("a", "secret", **said), domain, "/default", NOW)


# --- as http.cookiejar has it


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"version": None, "value": None, "rfc2109": True},
        {"version": "1", "port": "80,81", "port_specified": True, "comment": "c"},
        {"comment_url": "http://example.com/", "expires": "1700000000.9", "discard": False},
        {"domain": ".EXAMPLE.com", "domain_specified": True, "domain_initial_dot": True},
        {"expires": 1.5, "secure": True, "rest": {"HttpOnly": None, "SameSite": "Lax"}},
    ],
)
def test_it_has_the_attributes_of_a_stock_cookie(parts):
    stock = http.cookiejar.Cookie(**{**STOCK, **parts})
    ours = cookie(**parts)

    for name, value in vars(stock).items():
        assert getattr(ours, name) == value, name


def test_a_port_that_is_said_to_be_specified_must_be():
    with pytest.raises(ValueError, match="port_specified must be false"):
        cookie(port_specified=True)


def test_other_attributes_are_found_whatever_their_case():
    rest = {"Priority": "High", "httponly": None}
    one = cookie(rest=rest)

    assert one.has_nonstandard_attr("priority")
    assert one.get_nonstandard_attr("PRIORITY") == "High"
    assert one.has_nonstandard_attr("HttpOnly")
    assert one.get_nonstandard_attr("HttpOnly", "default") is None
    assert not one.has_nonstandard_attr("x")
    assert one.get_nonstandard_attr("x") is None
    assert one.get_nonstandard_attr("x", "default") == "default"
    one.set_nonstandard_attr("priority", "Low")
    one.set_nonstandard_attr("X", "1")
    assert one.get_nonstandard_attr("Priority") == "Low"
    assert one.get_nonstandard_attr("x") == "1"
    assert rest == {"Priority": "High", "httponly": None}


@pytest.mark.parametrize(
    ("rest", "http_only", "same_site"),
    [
        ({}, False, None),
        ({"HttpOnly": None}, True, None),
        ({"httponly": ""}, True, None),
        ({"SameSite": "lax"}, False, "Lax"),
        ({"samesite": "STRICT", "HTTPONLY": True}, True, "Strict"),
        ({"SameSite": "None"}, False, "None"),
        ({"SameSite": None}, False, None),
        ({"SameSite": "odd"}, False, None),
        ({"x": "y"}, False, None),
    ],
)
def test_http_only_and_same_site_stand_in_rest(rest, http_only, same_site):
    assert cookie(rest=rest).http_only is http_only
    assert cookie(rest=rest).same_site == same_site


@pytest.mark.parametrize(
    ("domain", "is_specified", "host_only"),
    [
        ("example.com", False, True),
        (".example.com", True, False),
        (".example.com", False, False),
        ("example.com", True, False),
    ],
)
def test_it_is_for_one_host_if_no_domain_was_said(domain, is_specified, host_only):
    assert cookie(domain=domain, domain_specified=is_specified).host_only is host_only


def test_it_expires_at_its_time():
    one = cookie(expires=1000)

    assert not cookie().is_expired()
    assert not cookie().is_expired(10**12)
    assert not one.is_expired(999.9)
    assert one.is_expired(1000)
    assert one.is_expired()
    assert not cookie(expires=time.time() + 1000).is_expired()


# --- of a Set-Cookie line


def test_a_line_makes_a_cookie_like_that_of_the_constructor():
    said = {"secure": True, "http_only": True, "same_site": "Lax", "others": {"x": None}}
    made = received(".example.com", **said)
    other = cookie(
        domain=".example.com",
        domain_specified=True,
        domain_initial_dot=True,
        path="/default",
        path_specified=False,
        secure=True,
        rest={"x": None, "HttpOnly": None, "SameSite": "Lax"},
    )

    times = {"created": NOW, "last_access": NOW}
    assert vars(made) | times == vars(other) | times
    assert made.http_only
    assert made.same_site == "Lax"
    assert not made.host_only
    assert received().host_only
    assert (made.created, made.last_access, made.serial) == (NOW, NOW, 0)


def test_the_path_of_a_line_goes_before_the_default():
    assert (received().path, received().path_specified) == ("/default", False)
    assert (received(path="/x").path, received(path="/x").path_specified) == ("/x", True)


LATEST = int(NOW) + LONGEST_AGE


@pytest.mark.parametrize(
    ("said", "expires"),
    [
        ({}, None),
        ({"expires": 5}, 5),
        ({"expires": -5}, -5),
        ({"expires": LATEST}, LATEST),
        ({"expires": LATEST + 1}, LATEST),
        ({"max_age": 5}, int(NOW) + 5),
        ({"max_age": LONGEST_AGE}, LATEST),
        ({"max_age": LONGEST_AGE + 1}, LATEST),
        ({"max_age": 10**1000}, LATEST),
        ({"max_age": 0}, 0),
        ({"max_age": -(10**1000)}, 0),
        ({"max_age": 5, "expires": 7}, int(NOW) + 5),
        ({"max_age": 0, "expires": LATEST}, 0),
    ],
)
def test_a_cookie_is_kept_for_400_days_at_most_and_max_age_counts_more_than_expires(said, expires):
    assert LONGEST_AGE == 34_560_000
    made = received(**said)

    assert made.expires == expires
    assert made.discard is (expires is None)


# --- as a value


def test_a_stock_cookie_is_copied_and_ours_is_itself():
    stock = http.cookiejar.Cookie(**{**STOCK, "rest": {"HttpOnly": None}, "expires": 7})
    stock.domain = "EXAMPLE.com"
    before = time.time()
    copied = Cookie.of(stock)

    assert type(copied) is Cookie
    assert copied.domain == "example.com"
    assert (copied.name, copied.value, copied.path, copied.expires) == ("a", "secret", "/x", 7)
    assert copied.http_only
    assert before <= copied.created == copied.last_access <= time.time()
    assert Cookie.of(copied) is copied

    class Mine(Cookie):
        pass

    mine = Mine(**STOCK)
    assert Cookie.of(mine) is mine


def test_its_value_is_not_in_its_repr():
    assert repr(cookie()) == "<Cookie a for example.com/x>"
    assert str(cookie()) == "<Cookie a=secret for example.com/x>"
    assert str(cookie(value=None)) == "<Cookie a for example.com/x>"
    assert str(cookie(port="80", port_specified=True)) == "<Cookie a=secret for example.com:80/x>"


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_it_can_be_copied_and_pickled(again):
    one = received(secure=True)

    assert type(again(one)) is Cookie
    assert vars(again(one)) == vars(one)


def test_it_passes_for_a_stock_cookie_where_those_are_known():
    assert isinstance(cookie(), http.cookiejar.Cookie)
    assert isinstance(cookie(), Cookie)


def test_where_they_are_not_known_they_are_not_imported():
    program = (
        "import sys\n"
        "from mini_http.opener.cookies.cookie import Cookie\n"
        f"one = Cookie(**{STOCK})\n"
        "assert one.__class__ is Cookie\n"
        "print('http.cookiejar' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "False\n"


def test_its_attributes_are_those_that_vars_gives_of_a_stock_cookie():
    arguments = (0, "a", "1", None, False, "h", False, False, "/", True, False, None, True, None)
    theirs = http.cookiejar.Cookie(*arguments, None, {})
    ours = Cookie(*arguments, None, None)
    received = Cookie.received(SetCookie("a", "1"), "h", "/", 5.0)
    assert ours._rest == {}
    for cookie in ours, received:
        assert vars(theirs).keys() <= vars(cookie).keys()


def test_a_same_site_that_a_program_made_something_else_says_nothing():
    arguments = (0, "a", "1", None, False, "h", False, False, "/", True, False, None, True, None)
    for odd in 5, True, ["Lax"], {}:
        assert Cookie(*arguments, None, {"SameSite": odd}).same_site is None


def test_a_stock_cookie_without_a_name_has_its_value_in_place_of_it_and_repr_leaves_it_out():
    arguments = (0, "login", None, None, False, "h", False, False, "/", True, False, None, True)
    cookie = Cookie.of(http.cookiejar.Cookie(*arguments, None, None, {}))
    assert repr(cookie) == "<Cookie  for h/>"
    assert str(cookie) == "<Cookie login for h/>"


@pytest.mark.parametrize("domain", ["127.0.0.1", ".127.0.0.1", "::1", "[::1]"])
def test_one_of_an_address_is_for_one_host(domain):
    made = Cookie(
        0, "a", "1", None, False, domain, True, False, "/", True, False, None, True, None, None, {}
    )
    assert made.host_only
