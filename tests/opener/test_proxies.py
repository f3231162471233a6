"""Which proxies the environment names, and for which hosts they are not used."""

import os
import pickle
import urllib.request

import pytest

from mini_http.base import errors
from mini_http.connect.proxy import Proxy
from mini_http.opener import proxies
from mini_http.opener.proxies import (
    SCHEMES_OF_ALL,
    ProxyChoice,
    ProxySettings,
    explain_proxy,
    getproxies,
    getproxies_environment,
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


# --- what is decided, and why

EXPLAINED = {
    "nothing is set": ({}, "http://h/", "is reached directly: no proxy is set for http"),
    "by the variable for the scheme": (
        {"http_proxy": A, "https_proxy": B},
        "https://h/",
        "goes through http://b.example:3128, as https_proxy says",
    ),
    "upper case": (
        {"HTTPS_PROXY": "a.example"},
        "https://h/",
        "goes through http://a.example, as HTTPS_PROXY says",
    ),
    "all": (
        {"All_Proxy": A, "http_proxy": ""},
        "http://h/",
        "goes through http://a.example:3128, as All_Proxy says",
    ),
    "all, for another scheme": (
        {"all_proxy": A},
        "data:,x",
        "is reached directly: no proxy is set for data",
    ),
    "empty": ({"http_proxy": ""}, "http://h/", "is reached directly: http_proxy is empty"),
    "empty in lower case": (
        {"HTTP_PROXY": A, "http_proxy": ""},
        "http://h/",
        "is reached directly: http_proxy is empty",
    ),
    "CGI": (
        {"HTTP_PROXY": A, "REQUEST_METHOD": "GET"},
        "http://h/",
        "is reached directly: HTTP_PROXY does not count in a CGI program (REQUEST_METHOD is set)",
    ),
    "CGI, with one for all": (
        {"HTTP_PROXY": A, "REQUEST_METHOD": "GET", "all_proxy": B},
        "http://h/",
        "goes through http://b.example:3128, as all_proxy says",
    ),
    "a name in the list": (
        {"http_proxy": A, "NO_PROXY": "a .h.example"},
        "http://x.h.example/",
        "is reached directly: NO_PROXY has '.h.example'",
    ),
    "a port in the list": (
        {"https_proxy": A, "no_proxy": "h:443"},
        "https://h/",
        "is reached directly: no_proxy has 'h:443'",
    ),
    "another port": (
        {"https_proxy": A, "no_proxy": "h:443"},
        "https://h:8443/",
        "goes through http://a.example:3128, as https_proxy says",
    ),
    "all hosts": (
        {"ftp_proxy": A, "no_proxy": "*"},
        "ftp://h/",
        "is reached directly: no_proxy has '*'",
    ),
}


@pytest.mark.parametrize(("variables", "url", "words"), EXPLAINED.values(), ids=EXPLAINED)
def test_it_is_said_what_is_decided_and_by_which_variable(environment, variables, url, words):
    for name, value in variables.items():
        environment(name, value)
    origin = url.removesuffix(",x").removesuffix("/")
    assert str(explain_proxy(url)) == f"{origin} {words}"


def test_it_is_said_which_key_of_a_dict_decided(environment):
    environment("http_proxy", B)
    environment("no_proxy", "inside")
    proxies = {"HTTP": A, "all": B, "ftp": ""}
    for url, words in {
        "http://h/": 'goes through http://a.example:3128, as proxies["HTTP"] says',
        "https://h/": 'goes through http://b.example:3128, as proxies["all"] says',
        "ftp://h/": 'is reached directly: proxies["ftp"] is empty',
        "http://inside/": "is reached directly: no_proxy has 'inside'",
    }.items():
        assert str(explain_proxy(url, proxies)) == f"{url[:-1]} {words}"
    proxies["no"] = "h"
    assert str(explain_proxy("http://h/", proxies)).endswith("""proxies["no"] has 'h'""")
    assert explain_proxy("http://inside/", proxies).variable == 'proxies["HTTP"]'
    assert str(explain_proxy("http://h/", {})).endswith("no proxy is set for http")


@pytest.mark.usefixtures("system")
def test_it_is_said_that_the_system_decided(environment):
    assert explain_proxy("http://outside/") == ProxyChoice("http://outside", A, "the system")
    assert str(explain_proxy("http://inside/")) == (
        "http://inside is reached directly: the system says so"
    )
    environment("no_proxy", "outside")
    assert str(explain_proxy("http://outside/")).endswith("no proxy is set for http")


def test_no_password_is_said(environment):
    environment("http_proxy", "http://user:secret@a.example:3128/")
    choice = explain_proxy("http://me:secret@h:8080/path?secret#secret")
    assert choice == ProxyChoice("http://h:8080", A, "http_proxy", None)
    given = Proxy.parse("https://user:secret@b.example:3128")
    assert explain_proxy("http://h/", {"http": given}).proxy == "https://b.example:3128"


@pytest.mark.parametrize(
    ("proxy", "kind"), [("nonsense://p", errors.InvalidRequest), ("http://p:x", errors.InvalidURL)]
)
def test_a_proxy_that_cannot_be_used_is_an_error_that_names_the_variable(environment, proxy, kind):
    environment("https_proxy", proxy)
    with pytest.raises(kind, match="https_proxy: ") as caught:
        explain_proxy("https://h/")
    assert type(caught.value) is kind
    settings = ProxySettings()
    with pytest.raises(kind) as caught:
        settings.proxy("http", proxy)  # as of a subclass of ProxyHandler that has its own
    assert "_proxy" not in str(caught.value)
    environment("no_proxy", "h")
    assert explain_proxy("https://h/").proxy is None


def test_a_chain_is_shown_whole():
    first, second = (
        Proxy("a.example", 1080, kind="socks5", password="secret"),
        Proxy("b.example", 80),
    )
    choice = explain_proxy("https://h/", {"https": second.replace(via=first)})
    assert choice.proxy == "http://b.example via socks5://a.example"


def test_what_a_scheme_cannot_go_through_is_an_error(environment):
    environment("all_proxy", "socks5://a.example")
    assert explain_proxy("https://h/").proxy == "socks5://a.example"
    with pytest.raises(errors.InvalidRequest, match=r"all_proxy: ftp can't go through .* socks5"):
        explain_proxy("ftp://h/")


def test_what_is_no_url_is_an_error():
    with pytest.raises(errors.InvalidURL):
        explain_proxy("http://")


def test_a_choice_is_a_value(environment):
    environment("http_proxy", A)
    choice = explain_proxy("http://[::1]/")
    assert choice == explain_proxy("http://[::1]:80/other")
    assert choice.origin == "http://[::1]"
    assert pickle.loads(pickle.dumps(choice)) == choice


def test_settings_name_the_schemes_that_have_a_proxy(environment):
    environment("all_proxy", A)
    environment("X_Y_proxy", A)
    environment("default_proxy", A)
    settings = ProxySettings()
    assert tuple(settings.by_scheme) == SCHEMES_OF_ALL
    assert settings.proxies == {"all": A, "x_y": A, "default": A}
