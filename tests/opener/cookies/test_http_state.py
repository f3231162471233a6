"""The parser cases of the working group behind RFC 6265, from Set-Cookie lines to a Cookie field
(tests/data/http_state_cookies.json; source and licence are in its `_meta`). Its dates are tested in
tests/codec/test_cookie_date.py.

They are of 2010 and 2011. Where the draft that we follow says otherwise, a row below names its
section, and what it makes of the case.
"""

from __future__ import annotations

import base64
import json
import time
from email.message import Message
from pathlib import Path

import pytest

from mini_http import Request
from mini_http.opener.cookies.jar import CookieJar

DATA = json.loads((Path(__file__).parents[2] / "data" / "http_state_cookies.json").read_text())
CASES = {case["name"]: case for case in DATA["cases"]}

NAMELESS = (
    "5.6, step 3: a line without an equals sign has an empty name, and the value is kept;"
    " 5.8.3, step 4: it is sent as the value alone"
)
EMPTY_NAME = "5.6, step 3: what stands before the equals sign may be empty; the value is kept"
NAMED_ALIKE = f"{NAMELESS}; 5.7, step 23: it replaces another one without a name"
NOTHING = f"{NAMELESS}; 5.7, step 2: only neither name nor value is ignored, as the second line is"
CONTROL = "5.6, step 1: a control character other than tab makes the whole line be ignored"
EMPTY_DOMAIN = "5.7, steps 7 and 10: the last Domain counts, and an empty one makes it host-only"
PERCENT = "5.1.4: paths are compared byte by byte, so that /f%6Fo/bar is not below /foo/bar"

CHANGED = {
    "0004": ("foo", NAMELESS),
    "0021": ("a=b; x; c=d", EMPTY_NAME),
    "0023": ("foo", NOTHING),
    "0024": ("foo", NOTHING),
    "0025": ("foo", NOTHING),
    "0026": ("foo", NOTHING),
    "0027": ("bar", NAMED_ALIKE),
    "0028": ("foo", NOTHING),
    "chromium0009": ("BLAHHH", NAMELESS),
    "chromium0010": (r'"BLA\"HHH"', NAMELESS),
    "chromium0012": ("ABC", EMPTY_NAME),
    "disabled-chromium0022": ("", CONTROL),
    "disabled-chromium0023": ("", CONTROL),
    "disabled-path0029": ("", PERCENT),
    "mozilla0012": ('test="fubar! = foo; five', NAMELESS),
    "mozilla0014": ("six", NAMELESS),
    "mozilla0015": ("seven", NAMED_ALIKE),
    "mozilla0016": ("eight", NAMED_ALIKE),
    "mozilla0017": ("eight; test=six", NAMED_ALIKE),
    "name0017": ("a=bar", EMPTY_NAME),
    "name0023": ("foo", NAMELESS),
    "name0025": ("==a=bar", EMPTY_NAME),
    "name0028": ("a", EMPTY_NAME),
    "name0031": ('"foo', NAMELESS),
    "name0032": (r'"foo\"bar', NAMELESS),
    "name0033": ("aaa", NAMED_ALIKE),
    "optional-domain0042": ("foo=bar", EMPTY_DOMAIN),
}
"""What is sent by the draft, and the section and step of RFC 6265bis that says so."""

OUTDATED = {name for name, case in CASES.items() if "outdated" in case}
"""They expect a cookie back that lasts until 2019. Their lines are right: the clock moved on."""

IN_2012 = 1_330_000_000
"""A time when the outdated cases weren't."""


class Reply:
    """A reply with these Set-Cookie fields."""

    def __init__(self, lines):
        self.head = Message()
        for line in lines:
            self.head["Set-Cookie"] = line

    def info(self):
        return self.head


def cookie_field(case):
    """What is sent back after these lines."""
    jar, request = CookieJar(), Request(case["sent_to"])
    lines = [base64.b64decode(line).decode("latin-1") for line in case["set_cookie_b64"]]
    jar.extract_cookies(Reply(lines), Request(case["set_from"]))
    jar.add_cookie_header(request)
    return request.get_header("Cookie", "")


@pytest.mark.parametrize("name", CASES.keys() - CHANGED.keys() - OUTDATED)
def test_a_case_that_the_draft_left_as_it_was_is_answered_as_its_authors_say(name):
    case = CASES[name]

    assert cookie_field(case) == base64.b64decode(case["expected_b64"]).decode("latin-1")


@pytest.mark.parametrize("name", OUTDATED)
def test_a_case_that_time_has_overtaken_is_right_at_its_own_time_and_expired_now(name, monkeypatch):
    case = CASES[name]
    assert case["outdated"] == "expects a date of 2019 to lie ahead"
    assert cookie_field(case) == ""

    # A date of 2019 was further off than 400 days (section 5.5), and lay ahead all the same.
    monkeypatch.setattr(time, "time", lambda: IN_2012)
    assert cookie_field(case) == case["expected"]


@pytest.mark.parametrize("name", CHANGED)
def test_a_case_that_the_draft_changed_is_answered_as_the_draft_says(name):
    expected, section = CHANGED[name]

    assert section.startswith("5.")
    assert cookie_field(CASES[name]) == expected
    # a case that passes as it is has no place in the list
    assert expected != CASES[name]["expected"]


def test_every_case_is_in_one_of_the_lists_and_they_name_no_other():
    assert len(CASES) == len(DATA["cases"]) == 222
    assert CHANGED.keys() <= CASES.keys()
    assert not CHANGED.keys() & OUTDATED
    assert len(CHANGED) == 27
    assert len(OUTDATED) == 3


def test_the_one_expectation_that_its_collectors_call_odd_is_among_those_changed():
    odd = [name for name, case in CASES.items() if "odd_expectation" in case]

    assert odd == ["0028"]
    assert set(odd) <= CHANGED.keys()
