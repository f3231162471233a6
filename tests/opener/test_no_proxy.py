"""Which entry of a list a host matches, and what is no entry."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.opener import no_proxy
from mini_http.opener.no_proxy import matching_entry

LIST = "localhost, anotherdomain.com, newdomain.com:1234, .d.o.t"

MATCHED = {
    # as in urllib
    ("localhost", LIST): "localhost",
    ("LocalHost", LIST): "localhost",
    ("localhost:80", LIST): "localhost",
    (".localhost", LIST): "localhost",
    ("foo.d.o.t", LIST): ".d.o.t",
    ("d.o.t", LIST): ".d.o.t",
    ("anotherdomain.com:8888", LIST): "anotherdomain.com",
    (".anotherdomain.com:8888", LIST): "anotherdomain.com",
    ("newdomain.com:1234", LIST): "newdomain.com:1234",
    ("www.newdomain.com:1234", LIST): "newdomain.com:1234",
    ("prelocalhost", LIST): None,
    ("newdomain.com", LIST): None,
    ("newdomain.com:1235", LIST): None,
    ("xd.o.t", LIST): None,
    ("localhost\n", LIST): None,
    ("anotherdomain.com:8888\n", LIST): None,
    ("newdomain.com:1234\n", LIST): None,
    ("newdomain.com", "*"): "*",
    ("newdomain.com:1234", "*"): "*",
    ("127.0.0.1", " * "): "*",
    ("anotherdomain.com", "*, anotherdomain.com"): "anotherdomain.com",
    ("newdomain.com", "*, anotherdomain.com"): None,
    ("", LIST): None,
    # names
    ("h", ""): None,
    ("h", " , ,, "): None,
    ("h", "H"): "H",
    ("h.", "h"): "h",
    ("h", "h."): "h.",
    ("a.h", "*.h"): "*.h",
    ("h", "*.h"): "*.h",
    ("ah", "*h"): None,
    ("a.b.h", "..h"): "..h",
    ("h", "h:"): "h:",
    ("h:", "h"): "h",
    ("h:80", "h:80 h"): "h:80",
    ("h:81", "h:80 h"): "h",
    ("b", "a b\tc\nd"): "b",
    ("xn--bcher-kva.example", "bücher.example"): "bücher.example",
    ("bücher.example", "xn--bcher-kva.example"): "xn--bcher-kva.example",
    ("BÜCHER.example:80", ".bücher.example:80"): ".bücher.example:80",
    # addresses
    ("127.0.0.1", "127.0.0.1"): "127.0.0.1",
    ("127.0.0.1:80", "127.0.0.1"): "127.0.0.1",
    ("127.0.0.1:80", "127.0.0.1:80"): "127.0.0.1:80",
    ("127.0.0.1:80", "127.0.0.1:81"): None,
    ("127.0.0.11", "127.0.0.1"): None,
    ("127.0.0.1", "0.0.1"): None,
    ("127.0.0.1", ".1"): None,
    ("[::1]", "::1"): "::1",
    ("::1", "[::1]"): "[::1]",
    ("[::1]:80", "[::1]"): "[::1]",
    ("[::1]:80", "[::1]:80"): "[::1]:80",
    ("[::1]:80", "[::1]:81"): None,
    ("[::1]", "0:0:0:0:0:0:0:1"): "0:0:0:0:0:0:0:1",
    ("[FE80::1%25eth0]:80", "fe80::1"): "fe80::1",
    ("fe80::1%eth0", "fe80::1"): "fe80::1",
    ("[::ffff:10.0.0.1]", "10.0.0.1"): "10.0.0.1",
    ("10.0.0.1", "::ffff:10.0.0.1"): "::ffff:10.0.0.1",
    ("10.0.0.1.example", "10.0.0.1"): None,
    # ranges
    ("10.1.2.3", "10.0.0.0/8"): "10.0.0.0/8",
    ("10.1.2.3:80", "10.9.9.9/8"): "10.9.9.9/8",
    ("11.1.2.3", "10.0.0.0/8"): None,
    ("[fd00::1]", "fd00::/8"): "fd00::/8",
    ("[fe00::1]", "fd00::/8"): None,
    ("10.1.2.3", "fd00::/8"): None,
    ("[fd00::1]", "10.0.0.0/8"): None,
    ("[::ffff:10.1.2.3]", "10.0.0.0/8"): "10.0.0.0/8",
    ("h", "0.0.0.0/0"): None,
    ("10.h", "10.0.0.0/8"): None,
    ("10.1.2.3:80", "10.0.0.0/8:80"): "10.0.0.0/8:80",
    ("10.1.2.3:81", "10.0.0.0/8:80"): None,
    # ports, where the host names one with zeros or none
    ("h:080", "h:80"): "h:80",
    ("h:80", "h:0080"): "h:0080",
    ("h:0", "h:0"): "h:0",
    ("h", "h:80"): None,
    # what is no entry
    ("10.0.0.1", "10.0.0.0/99,10/8,/8,1.2.3.4/,10.0.0.1/x,10.0.0.1"): "10.0.0.1",
    ("h", "http://h,h/x,h:x,[h,h],:80,[::g],., ,%00,h"): "h",
}


@pytest.mark.parametrize(("asked", "entry"), MATCHED.items(), ids=map(repr, MATCHED))
def test_a_host_matches_an_entry_of_the_list_or_none(asked, entry):
    assert matching_entry(*asked) == entry


@pytest.mark.parametrize(
    ("asked", "entry"),
    {
        ("h", "h:80", 80): "h:80",
        ("h", "h:443", 80): None,
        ("h", "h:443 h:80", 80): "h:80",
        ("h:", "h:80", 80): "h:80",
        ("h:8080", "h:80", 80): None,
        ("h:8080", "h:8080", 80): "h:8080",
        ("a.h", ".h:80", 80): ".h:80",
        ("[::1]", "[::1]:443", 443): "[::1]:443",
        ("10.0.0.1", "10.0.0.1:443", 443): "10.0.0.1:443",
        ("h", "h", 80): "h",
        ("h", "h:80", None): None,
    }.items(),
    ids=repr,
)
def test_a_host_without_a_port_has_that_of_its_scheme(asked, entry):
    assert matching_entry(*asked) == entry


# --- junk


@pytest.fixture
def logged(caplog):
    """The lines that are logged, each of them as if for the first time."""
    no_proxy._entries.cache_clear()
    no_proxy._tell_of_junk.cache_clear()
    caplog.set_level(logging.WARNING, logger="mini_http")
    return caplog


JUNK = [
    "http://h",
    "h/x",
    "h:x",
    "h:65536",
    "h:" + "9" * 5000,
    "[h",
    "h]",
    ":80",
    "[::g]",
    ".",
    "*.",
    "%00",
    "*h",
    "a.*.h",
    "**",
    "10.0.0.0/99",
    "10/8",
    "192.168.",
    "192.168",
    "1.2.3.4.5",
    "a\0",
    "\u00fc/",
    "h" * 254,
]


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: repr(junk)[:20])
def test_junk_is_ignored_and_told_of_once(logged, junk):
    assert matching_entry("h", f"{junk},h") == "h"
    assert matching_entry("h.example", f"{junk} h.example") == "h.example"
    (line,) = logged.messages
    assert line.startswith("no_proxy: ")
    assert line.endswith("is ignored: it is no name, no IP address and no range of addresses")
    assert len(line) < 200


def test_a_wildcard_among_others_is_told_of(logged):
    assert matching_entry("h", "*,a") is None
    assert logged.messages == [
        "no_proxy: '*' is ignored: it means every host only where it is the whole list"
    ]


def test_no_password_is_told_of(logged):
    assert matching_entry("h", "http://user:secret@h/") is None
    (line,) = logged.messages
    assert "'h/'" in line
    assert "secret" not in line


def test_nothing_is_told_of_good_entries(logged):
    assert (
        matching_entry("h", "a, .b, *.c, d:80, [::1]:80, ::1, 10.0.0.0/8, _x.y, b\u00fc.de,,")
        is None
    )
    assert logged.messages == []


def test_a_program_without_logging_hears_nothing(logged, capsys):
    logger = logging.getLogger("mini_http")
    before, logger.handlers = logger.handlers, []
    logger.propagate = False
    try:
        matching_entry("h", "h/x h/y")
        assert [type(handler) for handler in logger.handlers] == [logging.NullHandler]
    finally:
        logger.handlers, logger.propagate = before, True
    assert capsys.readouterr() == ("", "")


# --- anything


hosts = st.text(alphabet="ab.:[]%/*0127 \n", max_size=12) | st.text(max_size=12)


@given(hosts, st.lists(hosts, max_size=4).map(",".join))
def test_any_host_and_any_list_have_an_answer(host, no_proxy):
    entry = matching_entry(host, no_proxy)
    assert entry is None or entry in no_proxy


@given(st.text(max_size=40))
def test_a_list_may_hold_any_junk_beside_what_matches(junk):
    assert matching_entry("h.example", f"{junk},h.example") is not None
