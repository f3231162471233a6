"""gopher_menu, read_item, GopherItem, ITEM_TYPES: the lines of a menu, and what is made of them."""

import io
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.base import errors
from mini_http.base.url import URL
from mini_http.codec.gopher_menu import (
    ITEM_TYPES,
    UNKNOWN,
    GopherItem,
    ItemType,
    gopher_menu,
    read_item,
)

# The first menu of RFC 1436, section 2.
MENU = (
    b"0About internet Gopher\tStuff:About us\trawBits.micro.umn.edu\t70\r\n"
    b"1Around University of Minnesota\tZ,5692,AUM\tunderdog.micro.umn.edu\t70\r\n"
    b"1Courses, Schedules, Calendars\t\tevents.ais.umn.edu\t9120\r\n"
)


def test_a_menu_is_its_items():
    assert list(gopher_menu(io.BytesIO(MENU))) == [
        GopherItem("0", "About internet Gopher", "Stuff:About us", "rawBits.micro.umn.edu", 70),
        GopherItem(
            "1", "Around University of Minnesota", "Z,5692,AUM", "underdog.micro.umn.edu", 70
        ),
        GopherItem("1", "Courses, Schedules, Calendars", "", "events.ais.umn.edu", 9120),
    ]


def test_items_come_as_their_lines_do():
    def lines():
        yield b"0One\t/1\thost\t70\r\n"
        pytest.fail("was asked for a second line")

    assert next(gopher_menu(lines())).display == "One"


@pytest.mark.parametrize(
    ("line", "item"),
    [
        (b"0A\tb\tc\t1", GopherItem("0", "A", "b", "c", 1)),
        (b"0A\tb\tc\t1\n", GopherItem("0", "A", "b", "c", 1)),
        (b"0\t\t\t65535", GopherItem("0", "", "", "", 65535)),
        (b"0A\tb\tc\t00070\t+", GopherItem("0", "A", "b", "c", 70)),
        (b"0A\tb\tc\t70\t+\tmore", GopherItem("0", "A", "b", "c", 70)),
        ("0Größe\t/ü\tc\t70".encode(), GopherItem("0", "Größe", "/ü", "c", 70)),
        (b"0Gr\xfc\xdfe\t/\xfc\tc\t70", GopherItem("0", "Grüße", "/\udcfc", "c", 70)),
        (b"\xff\t\t\t1", GopherItem("ÿ", "", "", "", 1)),
        (b"iA line of text", GopherItem("i", "A line of text", "", "", 0)),
        (b"i", GopherItem("i", "", "", "", 0)),
        (b"iA line\tfake\t(NULL)\t0", GopherItem("i", "A line", "", "", 0)),
        (b"3No such file\t\terror.host\t1", GopherItem("3", "No such file", "", "", 0)),
    ],
)
def test_a_line_is_an_item(line, item):
    assert read_item(line) == item


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\r\n",
        b".",
        b"0A",
        b"0A\tb",
        b"0A\tb\tc",
        b"0A\tb\tc\t",
        b"0A\tb\tc\t-1",
        b"0A\tb\tc\t+70",
        b"0A\tb\tc\t7_0",
        b"0A\tb\tc\t 70",
        b"0A\tb\tc\t70x",
        b"0A\tb\tc\t65536",
        b"0A\tb\tc\t000070",
        "0A\tb\tc\t\N{ARABIC-INDIC DIGIT SEVEN}".encode(),
    ],
)
def test_a_line_that_is_none_is_an_error(line):
    with pytest.raises(errors.BadField, match="gopher menu"):
        read_item(line)


def test_an_error_shows_no_more_of_a_line_than_is_needed():
    for line in (b"0" + b"x" * 100_000, b"0A\tb\tc\t" + b"1" * 100_000):
        with pytest.raises(errors.BadField) as caught:
            read_item(line)
        assert len(str(caught.value)) < 200


@given(st.binary())
def test_nothing_else_escapes(line):
    try:
        item = read_item(line)
    except errors.BadField:
        return
    try:
        url = item.url
    except errors.InvalidURL:
        return
    assert url is None or URL.parse(url).scheme in ("gopher", "http", "https")


# --- urls


@pytest.mark.parametrize(
    ("item", "url"),
    [
        (GopherItem("0", "", "/about", "example", 70), "gopher://example/0/about"),
        (GopherItem("1", "", "", "example", 7070), "gopher://example:7070/1"),
        (GopherItem("9", "", "a b?c#d%", "example", 70), "gopher://example/9a%20b%3Fc%23d%25"),
        (GopherItem("7", "", "/find", "EXAMPLE", 70), "gopher://example/7/find"),
        (GopherItem("0", "", "/ü\udcfc", "example", 70), "gopher://example/0/%C3%BC%FC"),
        (GopherItem("0", "", "//a/../b", "example", 70), "gopher://example/0//a/../b"),
        (GopherItem("0", "", "", "fe80::1", 70), "gopher://[fe80::1]/0"),
        (GopherItem("?", "", "a", "example", 70), "gopher://example/%3Fa"),
        (GopherItem("ÿ", "", "a", "example", 70), "gopher://example/%FFa"),
        (GopherItem("0", "", "", "münchen.example", 70), "gopher://xn--mnchen-3ya.example/0"),
        (GopherItem("h", "", "/a.html", "example", 70), "gopher://example/h/a.html"),
        (GopherItem("h", "", "URL:http://example/a?b", "x", 70), "http://example/a?b"),
        (GopherItem("h", "", "URL:https://example", "x", 70), "https://example/"),
        (GopherItem("h", "", "URL:file:///etc/a", "x", 70), "gopher://x/hURL%3Afile%3A///etc/a"),
        (GopherItem("0", "", "URL:http://a/", "x", 70), "gopher://x/0URL%3Ahttp%3A//a/"),
    ],
)
def test_an_item_has_a_url(item, url):
    assert item.url == url


@pytest.mark.parametrize("kind", ["i", "3", "2", "8", "T", "+"])
def test_what_is_not_fetched_by_gopher_has_no_url(kind):
    assert GopherItem(kind, "", "", "example", 70).url is None


@pytest.mark.parametrize("host", ["", "a/b", "a@b", "a b", "a\\b", "a:b", "a\udcff"])
def test_a_host_that_is_none_gives_no_url(host):
    with pytest.raises(errors.InvalidURL):
        GopherItem("0", "", "", host, 70).url


@given(st.binary().map(lambda text: text.translate(None, b"\t\r\n")))
def test_a_url_says_the_selector_byte_by_byte(selector):
    item = read_item(b"9x\t" + selector + b"\thost\t70")
    path = URL.parse(item.url).target
    assert urllib.parse.unquote_to_bytes(path) == b"/9" + selector


# --- types


def test_each_item_has_its_type():
    assert read_item(b"1A\tb\tc\t1").type is ITEM_TYPES["1"]
    assert read_item(b"xA\tb\tc\t1").type is UNKNOWN


def test_the_types_that_are_text_are_those_that_a_dot_ends():
    texts = {kind for kind, item_type in ITEM_TYPES.items() if item_type.is_text}
    assert texts == {"0", "1", "4", "6", "7"}
    assert not any(ITEM_TYPES[kind].is_text for kind in "59gIh")
    assert ItemType("a name") == ItemType("a name", "", False)
