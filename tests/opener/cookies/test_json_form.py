"""The JSON form of cookie files."""

import http.cookiejar
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cookie_values import attributes_of, cookies

from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.json_form import JSONCookieJar, read_json, write_json
from mini_http.opener.cookies.load_error import LoadError

ROW = {"name": "a", "value": "secret", "domain": "example.com", "path": "/"}


def read(text):
    return [found for _, found in read_json(text.splitlines(keepends=True), 5.0)]


def read_row(row):
    (found,) = read(json.dumps({"version": 1, "cookies": [row]}))
    return found


# --- both ways


@settings(deadline=None)
@given(st.lists(cookies()))
def test_what_is_read_is_what_was_written(some):
    text, left_out = write_json(some)

    assert left_out == []
    assert [attributes_of(cookie) for cookie in read(text)] == [
        attributes_of(cookie) for cookie in some
    ]


def test_a_cookie_stands_in_one_line():
    cookie = read_row(ROW | {"same_site": "Lax", "http_only": True, "path_specified": True})
    assert isinstance(cookie, Cookie)

    line = (
        '{"name": "a", "value": "secret", "domain": "example.com", "host_only": true, "path": "/",'
        ' "secure": false, "http_only": true, "same_site": "Lax", "expires": null,'
        ' "created": 5.0, "last_access": 5.0, "path_specified": true}'
    )
    assert write_json([cookie, cookie])[0] == (
        f'{{\n "version": 1,\n "cookies": [\n  {line},\n  {line}\n ]\n}}\n'
    )
    assert write_json([])[0] == '{\n "version": 1,\n "cookies": []\n}\n'


def test_a_whole_jar_comes_back(tmp_path):
    jar = JSONCookieJar(tmp_path / "cookies.json")
    jar.set("a", "1", domain="example.com", same_site="Strict")
    jar.set("b", "\xe9", domain=".example.com", path="/b", secure=True, expires=4e9)
    jar.save(ignore_discard=True)
    again = JSONCookieJar(tmp_path / "cookies.json")
    again.load(ignore_discard=True)

    assert [attributes_of(cookie) for cookie in again.find()] == [
        attributes_of(cookie) for cookie in jar.find()
    ]
    assert (tmp_path / "cookies.json").read_bytes().isascii()


def test_odd_values_of_a_program_are_written_as_text():
    cookie = read_row(ROW)
    assert isinstance(cookie, Cookie)
    cookie.set_nonstandard_attr("odd", 1.5)
    (again,) = read(write_json([cookie])[0])

    assert isinstance(again, Cookie)
    assert again.get_nonstandard_attr("odd") == "1.5"


def test_a_cookie_that_could_not_be_read_is_left_out_and_said():
    cookie = read_row(ROW)
    assert isinstance(cookie, Cookie)
    cookie.value = 7
    text, (left_out,) = write_json([cookie])

    assert read(text) == []
    assert "value is of another type" in left_out


# --- reading


def test_what_is_usual_may_be_left_out():
    host_only, below = read_row(ROW), read_row(ROW | {"domain": ".example.com", "expires": 7})

    assert isinstance(host_only, Cookie)
    assert isinstance(below, Cookie)
    assert (host_only.host_only, host_only.discard, host_only.created) == (True, True, 5.0)
    assert (below.domain_specified, below.domain_initial_dot, below.discard) == (True, True, False)


def test_http_only_and_same_site_make_attributes():
    cookie = read_row(ROW | {"same_site": "Lax", "http_only": True})

    assert isinstance(cookie, Cookie)
    assert cookie._rest == {"HttpOnly": None, "SameSite": "Lax"}


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (["a"], "it is no object"),
        ({"name": "a"}, "it has no value"),
        (ROW | {"colour": "red"}, "it has an attribute that there is not"),
        (ROW | {"value": 1}, "value is of another type"),
        (ROW | {"secure": 1}, "secure is of another type"),
        (ROW | {"expires": 1.5}, "expires is of another type"),
        (ROW | {"version": True}, "version is of another type"),
        (ROW | {"expires": 10**300}, "expires is too far away"),
        (ROW | {"created": 1e300}, "created is too far away"),
        (ROW | {"same_site": "lax"}, "same_site is none of"),
        (ROW | {"domain": "."}, "its domain is empty"),
        (ROW | {"value": "b\r\nX: y"}, "a control character in value"),
        (ROW | {"name": "a\0"}, "a control character in name"),
        (ROW | {"rest": {"x": "\n"}}, "a control character in rest"),
        (ROW | {"rest": {"\n": None}}, "a control character in rest"),
        (ROW | {"rest": {"SameSite": ["x"]}}, "an attribute in rest is neither"),
        (ROW | {"rest": {"x": {"y": 1}}}, "an attribute in rest is neither"),
        (ROW | {"same_site": "Lax", "rest": {"SameSite": 5}}, "same_site does not fit"),
        (ROW | {"host_only": False}, "host_only does not fit"),
        (ROW | {"http_only": False, "rest": {"HttpOnly": None}}, "http_only does not fit"),
        (ROW | {"same_site": "Lax", "rest": {"SameSite": "Strict"}}, "same_site does not fit"),
    ],
)
def test_what_is_wrong_with_a_cookie_is_said_without_its_value(row, fault):
    found = read_row(row)

    assert isinstance(found, str)
    assert fault in found
    assert "secret" not in found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1 column 1"),
        ('{"version": 1,\n"cookies": [\n{,\n]}', "line 3"),
        ("[]", "no JSON object with a version"),
        ("{}", "no JSON object with a version"),
        ('{"version": true, "cookies": []}', "no JSON object with a version"),
        ('{"version": 2, "cookies": []}', "version 2 of the form, not 1"),
        ('{"version": 1}', 'no list of "cookies"'),
        ('{"version": 1, "cookies": NaN}', "NaN is no JSON"),
        ('{"version": 1, "cookies": ' + "[" * 100_000, "nested too deeply"),
        ('{"version": 1, "cookies": "\xff', "decode"),
    ],
)
@pytest.mark.parametrize("on_fault", ["refuse", "skip"])
def test_a_file_that_is_no_such_document_is_refused(text, fault, on_fault, tmp_path):
    path = tmp_path / "cookies.json"
    path.write_bytes(text.encode("iso-8859-1"))

    with pytest.raises(LoadError, match=fault):
        JSONCookieJar(path, on_fault=on_fault).load()


def test_a_broken_cookie_is_named_by_its_number(tmp_path):
    path = tmp_path / "cookies.json"
    path.write_text(json.dumps({"version": 1, "cookies": [ROW, {}]}))

    with pytest.raises(LoadError, match="cookie 2: it has no name") as caught:
        JSONCookieJar(path).load()
    assert caught.value.number == 2


def test_isinstance_of_http_cookiejar_s_class():
    assert isinstance(JSONCookieJar(), http.cookiejar.FileCookieJar)
