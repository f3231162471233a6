"""Which proxies the environment names, and for which hosts they are not used."""

import os
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.opener import proxies
from mini_http.opener.proxies import (
    getproxies,
    getproxies_environment,
    matching_entry,
    proxy_bypass,
    proxy_bypass_environment,
)

A, B = "http://a.example:3128", "http://b.example:3128"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Sets variables, of which there are none about proxies before."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == "REQUEST_METHOD":
            monkeypatch.delenv(name)
    return monkeypatch.setenv


# --- what is set

NAMED = {
    "nothing": ({}, {}),
    "lower case": ({"http_proxy": A, "https_proxy": B}, {"http": A, "https": B}),
    "upper case": ({"HTTP_PROXY": A, "HTTPS_PROXY": B}, {"http": A, "https": B}),
    "mixed case": ({"Http_Proxy": A}, {"http": A}),
    "lower case wins": ({"HTTP_PROXY": A, "http_proxy": B}, {"http": B}),
    "lower case wins, the other way": ({"http_proxy": B, "HTTP_PROXY": A}, {"http": B}),
    "empty": ({"http_proxy": "", "HTTPS_PROXY": ""}, {}),
    "empty in lower case wins": ({"HTTP_PROXY": A, "http_proxy": ""}, {}),
    "empty in upper case does not": ({"HTTP_PROXY": "", "http_proxy": A}, {"http": A}),
    "all and no": ({"ALL_PROXY": A, "no_proxy": "b,c"}, {"all": A, "no": "b,c"}),
    "any scheme": ({"gopher_proxy": A, "X_FTP_PROXY": B}, {"gopher": A, "x_ftp": B}),
    "no scheme": ({"_proxy": A, "proxy": A, "http_proxy_": A, "httpproxy": A}, {"": A}),
    "CGI": ({"REQUEST_METHOD": "GET", "HTTP_PROXY": A}, {}),
    "CGI, mixed case": ({"REQUEST_METHOD": "GET", "Http_Proxy": A}, {}),
    "CGI, lower case": ({"REQUEST_METHOD": "GET", "HTTP_PROXY": A, "http_proxy": B}, {"http": B}),
    "CGI, other schemes": ({"REQUEST_METHOD": "", "HTTPS_PROXY": A}, {"https": A}),
}


@pytest.mark.parametrize(("variables", "named"), NAMED.values(), ids=NAMED)
def test_variables_name_proxies_by_scheme_as_they_do_in_urllib(environment, variables, named):
    for name, value in variables.items():
        environment(name, value)
    assert getproxies_environment() == named
    assert getproxies_environment() == urllib.request.getproxies_environment()


def test_a_name_that_is_lower_case_in_its_end_only_does_not_win(environment):
    environment("http_proxy", B)
    environment("Http_proxy", A)
    assert getproxies_environment() == {"http": B}


# --- what the system says, where the environment says nothing


@pytest.fixture(params=["darwin", "win32"])
def system(request, monkeypatch):
    """A system with settings of its own, and urllib.request as it is there."""
    readers = proxies._READERS[request.param]
    settings = (lambda: {"http": A}), (lambda host: int(host == "inside"))
    for place, name, setting in zip(("PROXIES", "BYPASS"), readers, settings, strict=True):
        monkeypatch.setattr(proxies, f"_READ_{place}", name)
        monkeypatch.setattr(urllib.request, name, setting, raising=False)


@pytest.mark.usefixtures("system")
def test_the_system_is_asked_where_the_environment_names_no_proxies(environment):
    assert getproxies() == {"http": A}
    assert [proxy_bypass("inside"), proxy_bypass("outside")] == [True, False]
    environment("https_proxy", B)
    environment("no_proxy", "outside")
    assert getproxies() == {"https": B, "no": "outside"}
    assert [proxy_bypass("inside"), proxy_bypass("outside")] == [False, True]


@pytest.mark.usefixtures("system")
def test_the_system_is_not_asked_about_proxies_that_are_given():
    assert not proxy_bypass("inside", {})
    assert proxy_bypass("outside", {"no": "outside"})


def test_a_system_without_settings_is_not_asked(monkeypatch):
    monkeypatch.setattr(proxies, "_READ_PROXIES", "")
    monkeypatch.setattr(proxies, "_READ_BYPASS", "")
    assert getproxies() == {}
    assert not proxy_bypass("outside")


# --- what is not

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
    # what is no entry
    ("10.0.0.1", "10.0.0.0/99,10/8,/8,1.2.3.4/,10.0.0.1/x,10.0.0.1"): "10.0.0.1",
    ("h", "http://h,h/x,h:x,[h,h],:80,[::g],., ,%00,h"): "h",
}


@pytest.mark.parametrize(("asked", "entry"), MATCHED.items(), ids=map(repr, MATCHED))
def test_a_host_matches_an_entry_of_the_list_or_none(asked, entry):
    assert matching_entry(*asked) == entry
    assert proxy_bypass_environment(asked[0], {"no": asked[1]}) == (entry is not None)


def test_the_list_is_that_of_the_environment_or_one_that_is_given(environment):
    environment("no_proxy", "inside")
    for bypass in (proxy_bypass, proxy_bypass_environment):
        assert [bypass("inside"), bypass("outside")] == [True, False]
        assert [bypass("inside", {}), bypass("outside", {"no": "outside"})] == [False, True]
        assert not bypass("inside", {"no": None})


def test_a_list_in_lower_case_wins_also_if_it_is_empty(environment):
    environment("NO_PROXY", "inside")
    assert proxy_bypass("inside")
    environment("no_proxy", "")
    assert not proxy_bypass("inside")


hosts = st.text(alphabet="ab.:[]%/*0127 \n", max_size=12) | st.text(max_size=12)


@given(hosts, st.lists(hosts, max_size=4).map(",".join))
def test_any_host_and_any_list_have_an_answer(host, no_proxy):
    entry = matching_entry(host, no_proxy)
    assert entry is None or entry in no_proxy


@given(st.text(max_size=40))
def test_a_list_may_hold_any_junk_beside_what_matches(junk):
    assert matching_entry("h.example", f"{junk},h.example") is not None
