"""The LWP form of cookie files, also against http.cookiejar."""

import http.cookiejar
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cookie_values import TIMES, attributes_of, cookies

from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.load_error import LoadError
from mini_http.opener.cookies.lwp_form import HEADER, LATEST, LWPCookieJar, read_lwp, write_lwp

LATER = int(time.time()) + 10_000_000


def read(text):
    return [found for _, found in read_lwp(text.splitlines(keepends=True), 5.0)]


def read_one(line):
    (cookie,) = read(HEADER + line)
    assert isinstance(cookie, Cookie), cookie
    return cookie


def some_cookie():
    return read_one('Set-Cookie3: name=secret; path="/"; domain="example.com"; version=0\n')


# --- reading


def test_a_line_is_a_cookie():
    cookie = read_one(
        r'Set-Cookie3: a="b \"c\\ d"; path="/x"; domain=".example.com"; port="80,81"; path_spec; '
        'port_spec; domain_dot; secure; expires="2033-05-18 03:33:20Z"; discard; comment="why"; '
        'commenturl="http://x/"; HttpOnly; SameSite=Lax; Priority=""; version=1\n'
    )

    assert cookie.value == r'b "c\ d'
    assert (cookie.domain, cookie.host_only, cookie.path) == (".example.com", False, "/x")
    assert (cookie.port, cookie.port_specified, cookie.path_specified) == ("80,81", True, True)
    assert (cookie.expires, cookie.discard, cookie.secure) == (2000000000, True, True)
    assert (cookie.comment, cookie.comment_url, cookie.version) == ("why", "http://x/", 1)
    assert (cookie.http_only, cookie.same_site) == (True, "Lax")
    assert cookie.get_nonstandard_attr("Priority") == ""
    assert cookie.domain_initial_dot
    assert cookie.created == cookie.last_access == 5.0


def test_a_cookie_may_have_no_name():
    cookie = read_one('Set-Cookie3: "spam"; path="/"; domain=localhost\n')

    assert (cookie.name, cookie.value, cookie.version) == ("", '"spam"', None)


@pytest.mark.parametrize(
    "expires", ["2033-05-18 03:33:20Z", "2033-05-18 03:33:20", "2033-05-18T03:33:20Z"]
)
def test_times_are_read(expires):
    assert read_one(f'Set-Cookie3: a=b; path=/; domain=x; expires="{expires}"').expires == 2e9


def test_comments_and_blank_lines_are_no_cookies():
    assert read(f"{HEADER}# why\n\n \t\n") == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("oops", "does not begin with Set-Cookie3:"),
        ("Set-Cookie3:", "attribute 1 is malformed"),
        ('Set-Cookie3: a="b; path=/; domain=x', "attribute 1 is malformed"),
        ('Set-Cookie3: a="b"c; path=/; domain=x', "attribute 1 is malformed"),
        ("Set-Cookie3: a=b, c=d; path=/; domain=x", "attribute 1 is malformed"),
        ("Set-Cookie3: a=b; =c; path=/; domain=x", "attribute 2 is malformed"),
        ("Set-Cookie3: a=b; path=/", "no domain"),
        ("Set-Cookie3: a=b; path=/; domain=.", "no domain"),
        ("Set-Cookie3: a=b; path=/; domain", "no domain"),
        ("Set-Cookie3: a=b; domain=x", "no path"),
        ("Set-Cookie3: a=b; domain=x; path=/; version=one", "version"),
        ("Set-Cookie3: a=b; domain=x; path=/; expires=soon", "time to expire"),
        ('Set-Cookie3: a=b; domain=x; path=/; expires="2033-02-30 00:00:00Z"', "day"),
        ("Set-Cookie3: a=b\x00; domain=x; path=/", "control character"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_without_the_line(line, fault):
    (found,) = read(f"{HEADER}{line}\n")

    assert isinstance(found, str)
    assert fault in found
    assert "a=b" not in found


@pytest.mark.parametrize("text", ["", "oops\n", "# Netscape HTTP Cookie File\n"])
def test_a_file_of_another_form_is_refused(text, tmp_path):
    path = tmp_path / "cookies.lwp"
    path.write_text(text)

    with pytest.raises(LoadError, match="it does not begin with #LWP-Cookies-") as caught:
        LWPCookieJar(path, on_fault="skip").load()
    assert caught.value.number is None


@given(st.text())
def test_any_text_gives_cookies_or_faults(text):
    assert all(isinstance(found, Cookie | str) for found in read(f"{HEADER}Set-Cookie3:{text}"))


MANY = 1_000_000


@pytest.mark.parametrize(
    "line",
    [
        'a="' + "\\" * MANY,
        'a="' + '\\"' * MANY,
        "a;" * MANY,
        "a" + " " * MANY,
        " " * MANY + "=",
        "a" + '; x="' * MANY,
        '"' * MANY,
    ],
    ids=range(7),
)
def test_a_hostile_line_is_no_more_work_than_it_is_long(line):
    """Were it the square of that, this would not end."""
    (found,) = read(f"{HEADER}Set-Cookie3: {line}\n")

    assert isinstance(found, str)


# --- writing


def test_a_file_begins_with_the_line_that_names_its_form():
    assert write_lwp([])[0] == HEADER == "#LWP-Cookies-2.0\n"


@pytest.mark.parametrize(
    ("expires", "kept"), [(0, 0), (-5, 0), (10**15, LATEST), (2000000000, 2000000000)]
)
def test_times_that_can_t_be_written_are_the_nearest_that_can(expires, kept):
    cookie = some_cookie()
    cookie.expires = expires
    text, _ = write_lwp([cookie])

    assert read_one(text.removeprefix(HEADER)).expires == kept


def test_a_domain_that_was_given_gets_its_dot():
    cookie = some_cookie()
    cookie.domain_specified = True  # as in requests

    assert 'domain=".example.com"' in write_lwp([cookie])[0]


def test_attributes_that_mean_something_to_the_form_are_not_a_server_s_to_set():
    cookie = some_cookie()
    for name in "Port", "path_spec", "two words", "fine":
        cookie.set_nonstandard_attr(name, "80")
    text, left_out = write_lwp([cookie])

    assert left_out == []
    again = read_one(text.removeprefix(HEADER))
    assert (again.port, again.path_specified) == (None, False)
    assert again._rest == {"fine": "80"}


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("a b", "secret", "not one word"),
        ("a,b", "secret", "not one word"),
        ("", "secret words", "not one word"),
        ("a", "secret\n", r"'\n'"),
        ("a", "secret\u20ac", "'\u20ac'"),
    ],
)
def test_what_has_no_place_in_a_line_is_left_out_and_said(name, value, fault):
    cookie = some_cookie()
    cookie.name, cookie.value = name, value

    text, (left_out,) = write_lwp([cookie])
    assert text == HEADER
    assert fault in left_out
    assert "secret" not in left_out


@settings(deadline=None)
@given(st.lists(cookies(words=True)))
def test_what_is_read_is_what_was_written(some):
    text, left_out = write_lwp(some)

    assert left_out == []
    assert [attributes_of(cookie, *TIMES) for cookie in read(text)] == [
        attributes_of(cookie, *TIMES) for cookie in some
    ]


def test_the_lines_are_there_as_a_string_too():
    jar = LWPCookieJar()
    jar.set("a", "b", domain="example.com")

    assert jar.as_lwp_str() == (
        'Set-Cookie3: a=b; path="/"; domain="example.com"; path_spec; discard; version=0\n'
    )
    assert jar.as_lwp_str(ignore_discard=False) == ""


# --- with http.cookiejar


@pytest.mark.parametrize("ours_saves", [True, False])
def test_http_cookiejar_and_we_read_each_other_s(ours_saves, tmp_path):
    path = str(tmp_path / "cookies.lwp")
    mine = LWPCookieJar(path)
    mine.set("a", 'b "c\\ d;e'.replace(";", ","), domain="example.com", expires=LATER)
    mine.set("b", "2", domain=".example.com", path="/b", secure=True, http_only=True)
    mine.set("c", "", domain="localhost", same_site="Strict")
    theirs = http.cookiejar.LWPCookieJar(path)
    for cookie in mine:
        theirs.set_cookie(cookie)
    (mine if ours_saves else theirs).save(ignore_discard=True)
    theirs.clear()
    again = theirs if ours_saves else LWPCookieJar(path)
    again.load(ignore_discard=True)

    names = ["name", "value", "domain", "path", "secure", "expires", "discard"]
    names += ["path_specified", "version"]
    assert [[getattr(cookie, name) for name in names] for cookie in again] == [
        [getattr(cookie, name) for name in names] for cookie in mine.find()
    ]
    _, second, third = again
    assert second.has_nonstandard_attr("HttpOnly")
    assert third.get_nonstandard_attr("SameSite") == "Strict"


def test_http_cookiejar_s_localhost_is_ours(tmp_path):
    path = tmp_path / "cookies.lwp"
    path.write_text(f"{HEADER}Set-Cookie3: a=b; path=/; domain=localhost.local; version=0\n")
    jar = LWPCookieJar(path)
    jar.load(ignore_discard=True)

    assert [cookie.name for cookie in jar.cookies_for("http://localhost/")] == ["a"]


def test_isinstance_of_http_cookiejar_s_class():
    assert isinstance(LWPCookieJar(), http.cookiejar.LWPCookieJar)
