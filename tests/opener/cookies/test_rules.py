"""The draft's rules, row by row: for the domain, the path, the prefixes, Secure and SameSite."""

from __future__ import annotations

import urllib.request

import pytest

from mini_http import InvalidURL, Request
from mini_http.codec.set_cookie import SetCookie
from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.rules import (
    BY_FORM,
    BY_LINK,
    BY_OTHER_SITE,
    BY_OWN_SITE,
    Context,
    canonical,
    context_of,
    default_path,
    domain_matches,
    domain_to_keep,
    path_matches,
    reaches,
    refusal_to_keep,
    to_send,
)

NOW = 1_700_000_000


def cookie(name="a", value="b", domain="example.com", path="/", **said):
    """A cookie as a Set-Cookie line makes it."""
    return Cookie.received(SetCookie(name, value, path=path, **said), domain, "/default", NOW)


def context(host="example.com", path="/", is_secure=True, origin=BY_OWN_SITE):
    return Context(host, path, is_secure, origin)


def is_sent(one, context, now=NOW):
    """Whether a cookie goes with a request whose domain and path match."""
    return to_send([one], context, now) == [one]


# --- the context of a request


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://example.com", ("example.com", "/", False)),
        ("http://EXAMPLE.com:8080/a/b?q#f", ("example.com", "/a/b", False)),
        ("https://example.com/a;b", ("example.com", "/a;b", True)),
        ("http://b\xfccher.example/", ("xn--bcher-kva.example", "/", False)),
        ("http://localhost/", ("localhost", "/", True)),
        ("http://127.0.0.1:5000/x", ("127.0.0.1", "/x", True)),
        ("http://[::1]/", ("::1", "/", True)),
        ("http://127.0.0.2/", ("127.0.0.2", "/", False)),
        ("http://app.localhost/", ("app.localhost", "/", False)),
    ],
)
def test_a_context_is_host_and_path_and_whether_that_is_secure(url, expected):
    host, path, is_secure = expected
    assert context_of(Request(url)) == Context(host, path, is_secure, BY_OWN_SITE)
    stock = context_of(urllib.request.Request(url))
    assert stock == Context(host, path, is_secure and url.startswith("https"), BY_OWN_SITE)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_what_a_proxy_gets_is_not_secure_whatever_its_host(host):
    assert context_of(Request(f"http://{host}/x")).is_secure
    proxied = Request(f"http://{host}/x")
    proxied.proxy = "http://proxy.example:3128"
    assert not context_of(proxied).is_secure
    proxied = Request(f"http://{host}/x")
    proxied.set_proxy("proxy.example:3128", "http")
    assert not context_of(proxied).is_secure
    tunnelled = Request(f"https://{host}/x")
    tunnelled.set_proxy("proxy.example:3128", "http")
    assert context_of(tunnelled).is_secure


def test_of_urllib_s_requests_nobody_knows_yet_whether_they_go_to_a_proxy():
    assert not context_of(urllib.request.Request("http://localhost/")).is_secure


def test_a_socket_is_no_host_of_the_same_name():
    assert context_of(Request("http+unix://x.example.com/")).host == "unix:x.example.com"
    assert context_of(Request("http+unix://%2Ftmp%2Fx/")).host == "/tmp/x"
    assert domain_to_keep("example.com", context_of(Request("http+unix://x.example.com/"))) is None


@pytest.mark.parametrize(
    ("first", "is_chosen", "origin"),
    [
        ({}, True, BY_LINK),
        ({}, None, BY_OTHER_SITE),
        ({"method": "POST"}, True, BY_FORM),
        ({}, False, BY_OTHER_SITE),
    ],
)
def test_after_a_redirect_the_first_request_says_whether_it_was_chosen(first, is_chosen, origin):
    following = Request("http://example.com/", unverifiable=True, **first)
    following.site_for_cookies = "https://other.example/"
    following.is_chosen = is_chosen
    assert context_of(following).origin == origin


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("Example.COM", "example.com"),
        (".Example.com", ".example.com"),
        ("B\xfccher.example", "xn--bcher-kva.example"),
        (".b\xfccher.example", ".xn--bcher-kva.example"),
        ("[::1]", "::1"),
        ("b\xfccher example", "b\xfccher example"),
        ("", ""),
    ],
)
def test_a_domain_is_written_as_hosts_are(domain, expected):
    assert canonical(domain) == expected


def test_what_schemes_are_secure_can_be_said():
    assert context_of(Request("http://example.com/"), ("http",)).is_secure
    assert not context_of(Request("https://example.com/"), ("http",)).is_secure
    assert context_of(Request("wss://example.com/")).is_secure


def test_what_goes_through_a_socket_of_this_machine_is_secure():
    assert context_of(Request("http+unix://%2Ftmp%2Fserver.sock/x")).is_secure


def asked(method="GET", unverifiable=False, site=None, url="https://www.example.com/"):
    request = Request(url, method=method, unverifiable=unverifiable)
    request.site_for_cookies = site
    return context_of(request).origin


@pytest.mark.parametrize(
    "site",
    [
        "www.example.com",
        "WWW.example.com",
        "example.com",
        "a.www.example.com",
        "https://example.com/page",
        "https://example.com:8443/",
        "example.com:8443",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("unverifiable", [False, True])
def test_a_request_for_a_page_of_the_same_site_is_of_the_same_site(site, method, unverifiable):
    assert asked(method, unverifiable, site) == BY_OWN_SITE


@pytest.mark.parametrize(
    "site", ["example.org", "https://example.org/", "http://www.example.com/", "com", "127.0.0.1"]
)
def test_for_another_site_a_request_is_a_navigation_if_its_user_knows_of_it(site):
    """A page of the same host at http is another site to https."""
    assert asked("GET", False, site) == asked("HEAD", False, site) == BY_LINK
    assert asked("POST", False, site) == asked("get", False, site) < BY_LINK
    assert asked("GET", True, site) == asked("POST", True, site) == BY_OTHER_SITE


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize("port", ["", ":5000"])
def test_a_site_that_is_an_address_may_have_a_port(host, port):
    assert asked("POST", True, f"{host}{port}", f"http://{host}:8080/") == BY_OWN_SITE
    assert asked("POST", True, "::1", "http://[::1]/") == BY_OWN_SITE
    assert asked("POST", True, "::2", "http://[::1]/") == BY_OTHER_SITE


def test_a_program_asks_for_itself_whether_or_not_a_user_could_know_of_it():
    assert asked("POST", True, None) == BY_OWN_SITE


@pytest.mark.parametrize("kind", [Request, urllib.request.Request])
def test_origin_req_host_names_the_site_if_it_is_another_host(kind):
    url = "http://www.example.com:8080/"

    assert context_of(kind(url, unverifiable=True)).origin == BY_OWN_SITE
    same = kind(url, origin_req_host="example.com", unverifiable=True)
    assert context_of(same).origin == BY_OWN_SITE
    other = kind(url, origin_req_host="example.org", unverifiable=True)
    assert context_of(other).origin == BY_OTHER_SITE
    assert context_of(kind(url, origin_req_host="example.org")).origin == BY_LINK


@pytest.mark.parametrize(
    "url", ["http://b\xfccher.example/", "http://[::1]:80/", "http://user@example.com/"]
)
def test_a_stock_request_of_the_program_is_its_own_however_its_host_is_written(url):
    request = urllib.request.Request(url, method="POST", unverifiable=True)

    assert context_of(request).origin == BY_OWN_SITE


def test_a_stock_request_after_a_redirect_still_is_the_programs_own():
    request = urllib.request.Request(
        "http://example.com/", origin_req_host="example.org", unverifiable=True
    )
    request.redirect_dict = {"http://example.com/": 1}

    assert context_of(request).origin == BY_OWN_SITE


class LikeRequests:
    """What requests gives a jar: origin_req_host has the port, and all of it is unverifiable."""

    unverifiable = True
    origin_req_host = "127.0.0.1:5000"

    def get_full_url(self):
        return "http://127.0.0.1:5000/login"

    def get_method(self):
        return "POST"


def test_a_request_of_requests_is_the_programs_own_on_any_port():
    assert context_of(LikeRequests()) == Context("127.0.0.1", "/login", False, BY_OWN_SITE)


def test_a_request_without_a_site_is_the_programs_own():
    request = LikeRequests()
    request.origin_req_host = None

    assert context_of(request).origin == BY_OWN_SITE


def test_a_url_that_is_none_is_refused():
    request = LikeRequests()
    request.get_full_url = lambda: "http://exa mple/"

    with pytest.raises(InvalidURL):
        context_of(request)


# --- matching


@pytest.mark.parametrize(
    ("host", "domain", "matches"),
    [
        ("example.com", "example.com", True),
        ("www.example.com", "example.com", True),
        ("a.b.example.com", "example.com", True),
        ("example.com", "www.example.com", False),
        ("notexample.com", "example.com", False),
        ("example.com.evil.example", "example.com", False),
        ("example.com.", "example.com", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "0.0.1", False),
        ("127.0.0.1", "1", False),
        ("::1", "::1", True),
        ("a.::1", "::1", False),
        ("localhost", "localhost", True),
    ],
)
def test_a_host_matches_its_domain_and_those_above_but_an_address_only_itself(
    host, domain, matches
):
    assert domain_matches(host, domain) is matches


@pytest.mark.parametrize(
    ("path", "cookie_path", "matches"),
    [
        ("/", "/", True),
        ("/foo", "/", True),
        ("/foo", "/foo", True),
        ("/foo/", "/foo", True),
        ("/foo/bar", "/foo", True),
        ("/foobar", "/foo", False),
        ("/foo/bar", "/foo/", True),
        ("/foo", "/foo/", False),
        ("/foo", "/foo/bar", False),
        ("/", "/foo", False),
        ("/FOO", "/foo", False),
        ("//foo", "/", True),
        ("//foo", "/foo", False),
        ("/foo;x", "/foo", False),
        ("/f%6Fo", "/foo", False),
        ("/foo", "", True),
    ],
)
def test_a_path_matches_up_to_a_slash(path, cookie_path, matches):
    assert path_matches(path, cookie_path) is matches


@pytest.mark.parametrize(
    ("path", "default"),
    [
        ("/", "/"),
        ("/foo", "/"),
        ("/foo/", "/foo"),
        ("/foo/bar", "/foo"),
        ("/foo/bar/baz", "/foo/bar"),
        ("//", "/"),
        ("//foo", "/"),
        ("", "/"),
        ("*", "/"),
        ("foo/bar", "/"),
    ],
)
def test_the_default_path_ends_before_the_last_slash(path, default):
    assert default_path(path) == default


@pytest.mark.parametrize(
    ("domain", "path", "host", "asked_path", "is_reached"),
    [
        ("example.com", "/", "example.com", "/", True),
        ("example.com", "/", "www.example.com", "/", False),
        (".example.com", "/", "example.com", "/", True),
        (".example.com", "/", "www.example.com", "/", True),
        (".example.com", "/", "example.org", "/", False),
        (".example.com", "/x", "www.example.com", "/x/y", True),
        ("example.com", "/x", "example.com", "/xy", False),
    ],
)
def test_a_cookie_reaches_the_hosts_and_paths_it_is_for(domain, path, host, asked_path, is_reached):
    assert reaches(cookie(domain=domain, path=path), context(host, asked_path)) is is_reached


# --- keeping


@pytest.mark.parametrize(
    ("said", "host", "domain"),
    [
        (None, "www.example.com", "www.example.com"),
        ("www.example.com", "www.example.com", ".www.example.com"),
        ("example.com", "www.example.com", ".example.com"),
        ("com", "www.example.com", None),
        ("com", "com", "com"),
        ("com.", "evil.com.", None),
        ("a.www.example.com", "www.example.com", None),
        ("example.org", "www.example.com", None),
        ("example.com.", "www.example.com", None),
        (".example.com", "www.example.com", None),
        (" example.com", "www.example.com", None),
        ("b\xfccher.example", "xn--bcher-kva.example", None),
        ("xn--bcher-kva.example", "www.xn--bcher-kva.example", ".xn--bcher-kva.example"),
        ("localhost", "localhost", "localhost"),
        ("localhost", "app.localhost", None),
        (None, "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("0.0.1", "127.0.0.1", None),
        ("0.0.1.", "127.0.0.1.", None),
        ("::1", "::1", "::1"),
    ],
)
def test_the_domain_of_a_cookie_is_the_host_or_above_it_and_no_public_suffix(said, host, domain):
    assert domain_to_keep(said, context(host)) == domain


PREFIXED = [
    ("__Secure-a", {"secure": True}),
    ("__SECURE-a", {"secure": True}),
    ("__secure-", {"secure": True}),
    ("__Host-a", {"secure": True, "host_only": True, "path": "/"}),
    ("__hOsT-a", {"secure": True, "host_only": True, "path": "/"}),
    ("__Http-a", {"secure": True, "http_only": True}),
    ("__HTTP-a", {"secure": True, "http_only": True}),
    (
        "__Host-Http-a",
        {"secure": True, "http_only": True, "host_only": True, "path": "/"},
    ),
    (
        "__host-http-a",
        {"secure": True, "http_only": True, "host_only": True, "path": "/"},
    ),
]
POOREST = {"secure": False, "http_only": False, "host_only": False, "path": "/x"}


def made(name, qualities, **others):
    qualities = {**POOREST, **qualities, **others}
    domain = "example.com" if qualities.pop("host_only") else ".example.com"
    return cookie(name, domain=domain, **qualities)


@pytest.mark.parametrize(("name", "needed"), PREFIXED)
def test_a_cookie_whose_name_promises_something_is_kept_if_it_keeps_that(name, needed):
    assert refusal_to_keep(made(name, needed), context()) is None
    for each in needed:
        refusal = refusal_to_keep(made(name, needed, **{each: POOREST[each]}), context())
        assert refusal is not None, each
        assert name.lower().startswith(refusal.split()[0])


def test_a_path_that_is_the_default_is_not_what_host_prefix_asks_for():
    said = SetCookie("__Host-a", "b", secure=True)

    assert refusal_to_keep(Cookie.received(said, "example.com", "/", NOW), context())


@pytest.mark.parametrize(("name", "needed"), PREFIXED)
def test_a_value_without_a_name_must_not_look_like_such_a_name(name, needed):
    nameless = cookie("", f"{name}=b", secure=True, http_only=True)

    assert "no name" in refusal_to_keep(nameless, context())


@pytest.mark.parametrize("name", ["__", "__Secure", "__Hosta", "_Secure-a", " __Secure-a", "__x-a"])
def test_other_names_promise_nothing(name):
    assert refusal_to_keep(made(name, {}), context()) is None
    assert refusal_to_keep(cookie("", name), context()) is None


def test_a_secure_cookie_comes_only_over_what_is_secure():
    assert refusal_to_keep(cookie(secure=True), context()) is None
    assert "insecure" in refusal_to_keep(cookie(secure=True), context(is_secure=False))
    assert refusal_to_keep(cookie(), context(is_secure=False)) is None


@pytest.mark.parametrize("is_secure", [False, True])
def test_same_site_none_needs_secure(is_secure):
    refusal = refusal_to_keep(cookie(same_site="None"), context(is_secure=is_secure))
    assert refusal == "SameSite=None without Secure"
    assert refusal_to_keep(cookie(same_site="None", secure=True), context()) is None


ORIGINS = {
    "same site": BY_OWN_SITE,
    "a link": asked("GET", False, "example.org"),
    "a form": asked("POST", False, "example.org"),
    "a picture": asked("GET", True, "example.org"),
    "a script": asked("POST", True, "example.org"),
}
BY_LINKS = {"same site", "a link", "a form"}


@pytest.mark.parametrize("same_site", ["Strict", "Lax", None, "None"])
@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_of_another_site_can_have_cookies_set_only_by_navigating(same_site, origin):
    """By a form that is posted, too: section 5.7, step 18, asks for no safe method."""
    one = cookie(same_site=same_site, secure=True)
    refusal = refusal_to_keep(one, context(origin=ORIGINS[origin]))

    assert (refusal is None) is (same_site == "None" or origin in BY_LINKS)


def test_a_refusal_names_the_longest_prefix():
    http_only = cookie("__Host-Http-a", http_only=True)

    assert refusal_to_keep(http_only, context()) == "__host-http- without Secure"


# --- sending


@pytest.mark.parametrize(
    ("same_site", "sent_from"),
    [
        ("Strict", {"same site"}),
        ("Lax", {"same site", "a link"}),
        (None, {"same site", "a link"}),
        ("None", set(ORIGINS)),
    ],
)
def test_same_site_says_from_where_a_cookie_is_sent(same_site, sent_from):
    one = cookie(same_site=same_site, secure=True)
    for name, origin in ORIGINS.items():
        assert is_sent(one, context(origin=origin)) is (name in sent_from), name


def test_a_secure_cookie_is_sent_only_over_what_is_secure():
    assert is_sent(cookie(secure=True), context())
    assert not is_sent(cookie(secure=True), context(is_secure=False))
    assert is_sent(cookie(), context(is_secure=False))


def test_an_expired_cookie_is_not_sent():
    assert is_sent(cookie(max_age=5), context(), NOW + 4)
    assert not is_sent(cookie(max_age=5), context(), NOW + 5)
    assert is_sent(cookie(), context(), NOW + 10**12)


def test_those_that_are_sent_stay_in_their_order():
    cookies = [cookie("a"), cookie("b", secure=True), cookie("c"), cookie("d", max_age=0)]

    assert to_send(iter(cookies), context(is_secure=False), NOW) == [cookies[0], cookies[2]]
    assert to_send(cookies, context(), NOW) == cookies[:3]
    assert to_send(cookies, context(origin=BY_OTHER_SITE), NOW) == []
