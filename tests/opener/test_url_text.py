"""The URL in a text: what may stand around it, and what is remembered."""

from __future__ import annotations

import pytest

from mini_http.base.errors import InvalidURL
from mini_http.base.url import URL
from mini_http.opener.url_text import LONGEST_KEPT, read_url

PAGE = "http://a.test/page"


class Text(str):
    """A str of a program's own kind."""


@pytest.mark.parametrize(
    "text",
    [PAGE, f" {PAGE}\n", f"<{PAGE}>", f"<URL:{PAGE}>", f"URL:{PAGE}", f"< URL: {PAGE} >"],
)
@pytest.mark.parametrize("kind", [str, Text])
def test_what_stands_around_a_url_is_no_part_of_it(text, kind):
    assert read_url(kind(text)) == (PAGE, URL.parse(PAGE))


@pytest.mark.parametrize("text", ["", "page", "<>", "//a.test/"])
def test_what_is_no_url_is_an_error_each_time(text):
    for _ in range(2):
        with pytest.raises(InvalidURL):
            read_url(text)


def test_the_content_of_a_data_url_is_left_as_it_is():
    text = "DATA:,<a> b%zz"
    assert read_url(text) == (text, URL("data"))


def test_a_url_is_parsed_once():
    assert read_url(PAGE)[1] is read_url(PAGE)[1]


@pytest.mark.parametrize(
    "url", ["data:," + "x" * LONGEST_KEPT, f"{PAGE}?{'x' * LONGEST_KEPT}"], ids=["data", "http"]
)
def test_a_long_url_is_not_remembered(url):
    first, second = read_url(url), read_url(url)
    assert first == second
    assert first is not second
