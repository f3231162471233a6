"""Public suffixes, with the library's list and without it; and which hosts are of one site."""

from __future__ import annotations

import sys

import pytest

from mini_http.opener.cookies import public_suffix
from mini_http.opener.cookies.public_suffix import is_address, is_public_suffix, is_same_site


def forget():
    public_suffix._suffixes.cache_clear()
    public_suffix.is_public_suffix.cache_clear()


@pytest.fixture
def with_list():
    pytest.importorskip("publicsuffixlist")
    forget()


@pytest.fixture
def without_list(monkeypatch):
    """The library is not installed."""
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)
    forget()
    yield
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "1.2.3.4",
        "1",
        "1.2",
        "0x7f.1",
        "::1",
        "fe80::1%eth0",
        "::ffff:1.2.3.4",
        "127.0.0.1.",
        "0x7f000001",
        "1.0x7f",
        "a.b.1",
    ],
)
def test_an_address_is_told_by_its_last_label_or_by_a_colon(host):
    assert is_address(host)


@pytest.mark.parametrize("host", ["", "a", "localhost", "1.com", "1a", "a.1b", "x7f", "a.0y7f"])
def test_a_name_is_no_address(host):
    assert not is_address(host)


ALWAYS = ["com", "uk", "localhost", "intranet", "xn--p1ai", "arpa", "com."]
BY_THE_LIST = ["co.uk", "co.uk.", "github.io", "com.br", "xn--55qx5d.cn", "kobe.jp", "x.kobe.jp"]
NEVER = [
    "example.com",
    "example.com.",
    "www.example.com",
    "example.co.uk",
    "me.github.io",
    "example.xn--p1ai",
    "city.kobe.jp",
    "app.localhost",
    "printer.intranet",
]


@pytest.mark.parametrize("domain", ALWAYS + BY_THE_LIST)
def test_with_the_list_these_are_public_suffixes(domain, with_list):
    assert is_public_suffix(domain)


@pytest.mark.parametrize("domain", NEVER)
def test_with_the_list_these_are_none(domain, with_list):
    assert not is_public_suffix(domain)


@pytest.mark.parametrize("domain", ALWAYS)
def test_without_the_list_a_single_label_is_a_public_suffix(domain, without_list):
    assert is_public_suffix(domain)


@pytest.mark.parametrize("domain", NEVER + BY_THE_LIST)
def test_without_the_list_two_labels_are_none(domain, without_list):
    assert not is_public_suffix(domain)


def test_the_list_is_read_once_and_only_where_there_is_a_library(with_list):
    assert public_suffix._suffixes() is public_suffix._suffixes()
    assert public_suffix._suffixes() is not None


def test_without_the_library_there_is_no_list(without_list):
    assert public_suffix._suffixes() is None


EITHER_WAY = [
    ("a.example", "a.example", True),
    ("www.example.com", "example.com", True),
    ("example.com", "a.www.example.com", True),
    ("notexample.com", "example.com", False),
    ("example.com", "example.org", False),
    ("com", "com", True),
    ("com", "example.com", False),
    ("localhost", "localhost", True),
    ("localhost", "app.localhost", False),
    ("127.0.0.1", "127.0.0.1", True),
    ("10.0.0.1", "127.0.0.1", False),
    ("0.0.1", "127.0.0.1", False),
    ("::1", "::1", True),
    ("::1", "example.com", False),
    ("example.com", "1.2.3.4", False),
    ("xn--bcher-kva.example", "www.xn--bcher-kva.example", True),
]


@pytest.mark.parametrize(
    ("host", "other", "is_same"),
    [
        *EITHER_WAY,
        ("a.example.com", "b.example.com", True),
        ("a.co.uk", "b.co.uk", False),
        ("co.uk", "a.co.uk", False),
        ("me.github.io", "you.github.io", False),
        ("github.io", "me.github.io", False),
        ("a.me.github.io", "b.me.github.io", True),
    ],
)
def test_with_the_list_hosts_are_of_one_site_below_the_label_before_a_suffix(
    host, other, is_same, with_list
):
    assert is_same_site(host, other) is is_same
    assert is_same_site(other, host) is is_same


@pytest.mark.parametrize(
    ("host", "other", "is_same"),
    [
        *EITHER_WAY,
        # It can't be known whether these share more than a suffix.
        ("a.example.com", "b.example.com", False),
        ("a.co.uk", "b.co.uk", False),
        ("me.github.io", "you.github.io", False),
        ("co.uk", "a.co.uk", True),
    ],
)
def test_without_the_list_hosts_are_of_one_site_if_one_is_above_the_other(
    host, other, is_same, without_list
):
    assert is_same_site(host, other) is is_same
    assert is_same_site(other, host) is is_same
