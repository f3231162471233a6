"""docs/urllib.md: its tables list every public name of this Python's urllib, and we have it; those
of http.cookiejar too, which docs/cookies.md is about.
"""

import http.cookiejar
import re
import urllib.error
import urllib.request
import urllib.response
from pathlib import Path

import pytest

import mini_http

PAGE = (Path(__file__).parent.parent / "docs" / "urllib.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (same|better|different) \| .*\|$", PAGE, re.MULTILINE)
LISTED = dict(ROWS)

OUTSIDE_ALL = {
    *("AbstractHTTPHandler", "ftpwrapper", "parse_http_list", "parse_keqv_list"),
    *("proxy_bypass", "getproxies_environment", "proxy_bypass_environment"),
    *urllib.error.__all__,
    *urllib.response.__all__,
}
"""What callers use though `urllib.request.__all__` does not name it."""

THEIRS = {*urllib.request.__all__, *OUTSIDE_ALL}


def test_every_public_name_is_listed_once():
    assert set(LISTED) >= THEIRS
    assert len(ROWS) == len(LISTED)


def test_nothing_else_is_listed_but_names_that_newer_pythons_lack():
    assert set(LISTED) - THEIRS <= {"URLopener", "FancyURLopener"}


@pytest.mark.parametrize("name", sorted(LISTED))
def test_each_name_is_ours_to_give(name):
    assert hasattr(mini_http, name)


@pytest.mark.parametrize("name", sorted(THEIRS - set(urllib.error.__all__)))
def test_each_name_is_of_our_own_making(name):
    ours = getattr(mini_http, name)
    assert ours.__module__.startswith("mini_http.")
    theirs = getattr(urllib.request, name, None) or getattr(urllib.response, name)
    assert isinstance(ours, type) == isinstance(theirs, type)


@pytest.mark.parametrize("name", urllib.error.__all__)
def test_errors_are_urllibs_own_classes(name):
    assert getattr(mini_http, name) is getattr(urllib.error, name)


@pytest.mark.parametrize("name", http.cookiejar.__all__)
def test_each_name_of_http_cookiejar_is_of_our_own_making(name):
    ours, theirs = getattr(mini_http, name), getattr(http.cookiejar, name)
    assert ours.__module__.startswith("mini_http.")
    assert ours is not theirs


def test_load_error_is_caught_as_http_cookiejars():
    with pytest.raises(http.cookiejar.LoadError):
        raise mini_http.LoadError("broken")
