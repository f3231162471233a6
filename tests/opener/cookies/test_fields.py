"""What a jar writes into requests: the field, also when it was written before.

What it reads from replies is tested beside the jar.
"""

from __future__ import annotations

import pytest

from mini_http import Cookie, CookieJar, Request
from mini_http.opener.cookies.fields import add_field

URL = "https://www.example.com/"


def cookie(name, value):
    return Cookie(
        *(0, name, value, None, False, "www.example.com", False, False, "/", True),
        *(False, None, True, None, None, {}),
    )


def field_of(cookies, given=""):
    request = Request(URL)
    add_field(request, given, cookies)
    return request.get_header("Cookie")


@pytest.mark.parametrize(
    ("pairs", "field"),
    [
        ([], None),
        ([("a", "1")], "a=1"),
        ([("a", "1"), ("b", "2"), ("a", "3")], "a=1; b=2; a=3"),
        ([("a", "")], "a="),
        ([("", "a")], "a"),
        ([("a", None)], "a"),
        ([("a", ["b"])], "a=['b']"),
        ([("a", 1)], "a=1"),
        ([("a", True)], "a=True"),
    ],
)
def test_names_and_values_are_written(pairs, field):
    for _ in range(2):
        assert field_of([cookie(name, value) for name, value in pairs]) == field


def test_what_the_program_gave_goes_first_and_wins():
    cookies = [cookie("a", "1"), cookie("b", "2")]
    assert field_of(cookies) == "a=1; b=2"
    assert field_of(cookies, "b=3") == "b=3; a=1"
    assert field_of([], "b=3") == "b=3"
    assert field_of(cookies) == "a=1; b=2"


def test_a_field_that_is_written_again_is_the_same_text():
    fields = [field_of([cookie("same", "text"), cookie("every", "time")]) for _ in range(2)]
    assert fields[0] is fields[1]


# Each changes a jar that has sent a=1 and b=2, or what stands in it.
CHANGES = {
    "a cookie is set": (lambda jar: jar.set("c", "3", domain=jar.host), "a=1; b=2; c=3"),
    "one takes another's place": (lambda jar: jar.set("a", "3", domain=jar.host), "a=3; b=2"),
    "one is dropped": (lambda jar: jar.clear(jar.host, "/", "a"), "b=2"),
    "all are dropped": (lambda jar: jar.clear(), None),
    "a value is set": (lambda jar: setattr(jar.find("a")[0], "value", "3"), "a=3; b=2"),
    "a value is set without a word": (
        lambda jar: vars(jar.find("a")[0]).update(value="3"),
        "a=3; b=2",
    ),
    "a value is dropped": (lambda jar: setattr(jar.find("a")[0], "value", None), "a; b=2"),
    "a name is set": (lambda jar: setattr(jar.find("a")[0], "name", "c"), "c=1; b=2"),
    "one's time is over": (lambda jar: setattr(jar.find("a")[0], "expires", 1), "b=2"),
    "two change their values": (
        lambda jar: [setattr(it, "value", value) for it, value in zip(jar, "21", strict=True)],
        "a=2; b=1",
    ),
}


@pytest.mark.parametrize(("change", "field"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_sent_with_the_next_request(change, field):
    jar = CookieJar()
    jar.host = "www.example.com"
    jar.set("a", "1", domain=jar.host)
    jar.set("b", "2", domain=jar.host)
    for _ in range(2):
        request = Request(URL)
        jar.add_cookie_header(request)
        assert request.get_header("Cookie") == "a=1; b=2"
    change(jar)
    request = Request(URL)
    jar.add_cookie_header(request)
    assert request.get_header("Cookie") == field
