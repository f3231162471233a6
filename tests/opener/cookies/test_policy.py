"""DefaultCookiePolicy: lists of domains, switches, subclasses; and http.cookiejar's own policies.

A policy can only refuse more than the draft's rules do, whose tests are beside rules.py.
"""

import http.cookiejar
import inspect
import io
import urllib.request
from email.message import Message

import pytest

from mini_http import (
    Cookie,
    CookieJar,
    CookiePolicy,
    DefaultCookiePolicy,
    Request,
    addinfourl,
)

STOCK = http.cookiejar.DefaultCookiePolicy
HOST = "www.example.com"
TOP = f"https://{HOST}/"


def reply(*lines):
    """A reply that sets these cookies."""
    fields = Message()
    for line in lines:
        fields["Set-Cookie"] = line
    return addinfourl(io.BytesIO(), fields, TOP)


def kept(policy, *lines, url=TOP, **of_request):
    """The names of the cookies that a jar with this policy keeps of a reply to a request."""
    jar = CookieJar(policy)
    jar.extract_cookies(reply(*lines), Request(url, **of_request))
    return [cookie.name for cookie in jar]


def cookie(name="a", domain=HOST, path="/", **options):
    return CookieJar().set(name, "1", domain=domain, path=path, **options)


def sent(policy, *cookies, url=TOP, make=Request, **of_request):
    """The Cookie field that a jar with this policy and these cookies gives to a request."""
    jar = CookieJar(policy)
    for each in cookies:
        jar.set_cookie(each)
    request = make(url, **of_request)
    jar.add_cookie_header(request)
    return request.get_header("Cookie")


# --- as http.cookiejar has it


def test_the_parameters_are_http_cookiejar_s():
    def parameters(kind):
        return [(each.name, each.default) for each in inspect.signature(kind).parameters.values()]

    assert parameters(DefaultCookiePolicy) == parameters(STOCK)


@pytest.mark.parametrize(
    "name",
    [
        "DomainLiberal",
        "DomainRFC2965Match",
        "DomainStrict",
        "DomainStrictNoDots",
        "DomainStrictNonDomain",
    ],
)
def test_the_constants_are_http_cookiejar_s(name):
    assert getattr(DefaultCookiePolicy, name) == getattr(STOCK, name)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        dict.fromkeys(
            [
                *("netscape", "rfc2965", "rfc2109_as_netscape", "hide_cookie2", "strict_domain"),
                *("strict_rfc2965_unverifiable", "strict_ns_unverifiable"),
                *("strict_ns_set_initial_dollar", "strict_ns_set_path"),
            ],
            True,
        ),
        {"strict_ns_domain": 3, "secure_protocols": ["https"], "blocked_domains": ["A.example"]},
        {"allowed_domains": []},
    ],
)
def test_the_attributes_are_http_cookiejar_s(arguments):
    ours, theirs = DefaultCookiePolicy(**arguments), STOCK(**arguments)
    for name, value in vars(theirs).items():
        if not name.startswith("_"):
            assert getattr(ours, name) == value
    assert ours.blocked_domains() == tuple(each.lower() for each in theirs.blocked_domains())
    assert ours.allowed_domains() == theirs.allowed_domains()


def test_the_base_class_leaves_the_two_main_questions_open():
    policy, request = CookiePolicy(), Request(TOP)
    for ask in policy.set_ok, policy.return_ok:
        with pytest.raises(NotImplementedError):
            ask(cookie(), request)
    assert policy.domain_return_ok(HOST, request) is True
    assert policy.path_return_ok("/", request) is True
    assert (policy.netscape, policy.rfc2965, policy.hide_cookie2) == (True, False, False)


# --- lists of domains

LISTED = [
    # a domain, an entry of the list, whether it means the domain
    ("example.com", "example.com", True),
    ("www.example.com", "example.com", False),
    ("www.example.com", ".example.com", True),
    ("a.b.example.com", ".example.com", True),
    ("example.com", ".example.com", False),
    (".example.com", ".example.com", True),
    (".www.example.com", ".example.com", True),
    ("badexample.com", ".example.com", False),
    ("example.com", "com", False),
    ("example.com", ".com", True),
    ("example.com", "m", False),
    ("example.com", "", False),
    ("example.com", ".", False),
    ("WWW.Example.com", "www.EXAMPLE.com", True),
    ("localhost", "localhost", True),
    ("192.168.1.2", "192.168.1.2", True),
    ("192.168.1.2", ".168.1.2", False),
    ("::1", "::1", True),
]
OWN_LETTERS = [
    ("xn--bcher-kva.example", "b\xfccher.example", True),
    ("b\xfccher.example", "B\xdcCHER.example", True),
    (".www.xn--bcher-kva.example", ".b\xfccher.example", True),
    ("::1", "[::1]", True),
]


@pytest.mark.parametrize(("domain", "entry", "means"), OWN_LETTERS)
def test_an_entry_may_be_written_as_a_user_writes_it(domain, entry, means):
    assert DefaultCookiePolicy(blocked_domains=[entry]).is_blocked(domain) is means
    assert DefaultCookiePolicy(allowed_domains=[entry]).is_not_allowed(domain) is not means


@pytest.mark.parametrize("kind", [DefaultCookiePolicy, STOCK], ids=["ours", "http.cookiejar's"])
@pytest.mark.parametrize(("domain", "entry", "means"), LISTED)
def test_an_entry_means_a_domain_or_all_below_it(kind, domain, entry, means):
    assert kind(blocked_domains=[entry]).is_blocked(domain) is means
    assert kind(allowed_domains=[entry]).is_not_allowed(domain) is not means


def test_a_domain_that_is_blocked_can_set_no_cookie_for_all_below_it():
    policy = DefaultCookiePolicy(blocked_domains=["example.com"])
    assert policy.is_blocked(".example.com")
    assert kept(policy, "a=1; Domain=example.com", url="https://example.com/") == []


def test_a_domain_that_is_allowed_can_set_no_cookie_for_all_below_it():
    policy = DefaultCookiePolicy(allowed_domains=["example.com"])
    assert policy.is_not_allowed(".example.com")
    lines = "a=1; Domain=example.com", "b=1"
    assert kept(policy, *lines, url="https://example.com/") == ["b"]


def test_without_lists_all_domains_are_allowed():
    policy = DefaultCookiePolicy()
    assert policy.blocked_domains() == ()
    assert policy.allowed_domains() is None
    assert not policy.is_blocked(HOST)
    assert not policy.is_not_allowed(HOST)


def test_lists_can_be_replaced():
    policy = DefaultCookiePolicy(blocked_domains=["a.example"], allowed_domains=["b.example"])
    policy.set_blocked_domains(iter(["B.example"]))
    policy.set_allowed_domains(iter(["C.example"]))
    assert policy.blocked_domains() == ("b.example",)
    assert policy.allowed_domains() == ("c.example",)
    policy.set_blocked_domains(())
    policy.set_allowed_domains(None)
    assert kept(policy, "a=1") == ["a"]


@pytest.mark.parametrize(
    "lists",
    [
        {"blocked_domains": [HOST]},
        {"blocked_domains": [".example.com"]},
        {"allowed_domains": []},
        {"allowed_domains": ["example.com"]},
        {"allowed_domains": [HOST], "blocked_domains": [HOST]},
    ],
)
def test_what_is_blocked_or_not_allowed_is_neither_kept_nor_sent(lists):
    policy = DefaultCookiePolicy(**lists)
    assert kept(policy, "a=1") == []
    assert sent(policy, cookie()) is None
    assert policy.domain_return_ok(HOST, Request(TOP)) is False


def test_what_is_allowed_is_kept_and_sent():
    policy = DefaultCookiePolicy(allowed_domains=[HOST, ".example.com"])
    assert kept(policy, "a=1", "b=1; Domain=example.com") == ["a", "b"]
    assert sent(policy, cookie("a"), cookie("b", ".example.com")) == "a=1; b=1"


# --- switches

LINES = ["a=1", "$b=1", "c=1; Path=/elsewhere", "d=1; Domain=example.com", "e=1; Path=/"]
URL = "https://www.sub.example.com/here"
OTHERS_PAGE = {"origin_req_host": "www.other.example", "unverifiable": True}
NO_DOTS = DefaultCookiePolicy.DomainStrictNoDots

SWITCHES = {
    "none": ({}, ["a", "$b", "c", "d", "e"]),
    "netscape off": ({"netscape": False}, []),
    "strict_ns_set_initial_dollar": (
        {"strict_ns_set_initial_dollar": True},
        ["a", "c", "d", "e"],
    ),
    "strict_ns_set_path": ({"strict_ns_set_path": True}, ["a", "$b", "d", "e"]),
    "strict_ns_domain": ({"strict_ns_domain": NO_DOTS}, ["a", "$b", "c", "e"]),
    "strict_ns_domain, all": (
        {"strict_ns_domain": DefaultCookiePolicy.DomainStrict},
        ["a", "$b", "c", "e"],
    ),
    "those that change nothing": (
        {
            **dict.fromkeys(["rfc2965", "rfc2109_as_netscape", "hide_cookie2"], True),
            **dict.fromkeys(["strict_domain", "strict_ns_unverifiable"], True),
            "strict_ns_domain": DefaultCookiePolicy.DomainStrictNonDomain,
            "strict_rfc2965_unverifiable": False,
        },
        ["a", "$b", "c", "d", "e"],
    ),
}


@pytest.mark.parametrize(("switches", "names"), SWITCHES.values(), ids=SWITCHES)
def test_a_switch_keeps_cookies_out(switches, names):
    assert sorted(kept(DefaultCookiePolicy(**switches), *LINES, url=URL)) == sorted(names)


@pytest.mark.parametrize(("switches", "names"), SWITCHES.values(), ids=SWITCHES)
def test_set_ok_says_what_a_jar_keeps(switches, names):
    policy, request = DefaultCookiePolicy(**switches), Request(URL)
    made = CookieJar().make_cookies(reply(*LINES), request)
    assert [each.name for each in made if policy.set_ok(each, request)] == names


def test_strict_ns_domain_lets_one_label_and_the_domain_itself_pass():
    policy = DefaultCookiePolicy(strict_ns_domain=NO_DOTS)
    line = "a=1; Domain=example.com"
    for host, names in ("example.com", ["a"]), (HOST, ["a"]), ("a.b.example.com", []):
        assert kept(policy, line, url=f"https://{host}/") == names


def test_without_netscape_nothing_is_sent():
    policy = DefaultCookiePolicy(netscape=False)
    assert sent(policy, cookie()) is None
    assert not policy.return_ok(cookie(), Request(TOP))


@pytest.mark.parametrize(
    ("of_request", "passes"),
    [
        (OTHERS_PAGE, False),
        (OTHERS_PAGE | {"unverifiable": False}, True),
        ({"origin_req_host": "example.com", "unverifiable": True}, True),
        ({"origin_req_host": "EXAMPLE.com:8080", "unverifiable": True}, True),
        ({"unverifiable": True}, True),
        ({}, True),
    ],
)
def test_strict_ns_unverifiable_is_about_pages_of_other_sites(of_request, passes):
    policy = DefaultCookiePolicy(strict_ns_unverifiable=True)
    line = "a=1; SameSite=None; Secure"
    assert kept(policy, line, **of_request) == ["a"] * passes
    of_any_site = cookie(same_site="None", secure=True)
    assert sent(policy, of_any_site, **of_request) == ("a=1" if passes else None)
    assert sent(DefaultCookiePolicy(), of_any_site, **of_request) == "a=1"


@pytest.mark.parametrize(
    ("schemes", "url", "field", "is_kept"),
    [
        (("https", "wss"), f"http://{HOST}/", None, False),
        (("https", "wss"), f"wss://{HOST}/", "a=1", True),
        (["http"], f"http://{HOST}/", "a=1", True),
        (["http"], TOP, None, True),
        (["http"], f"ws://{HOST}/", None, False),
    ],
)
def test_secure_protocols_are_what_secure_cookies_are_sent_over(schemes, url, field, is_kept):
    policy = DefaultCookiePolicy(secure_protocols=schemes)
    assert sent(policy, cookie(secure=True), url=url) == field
    assert kept(policy, "a=1; Secure", url=url) == ["a"] * is_kept
    (made,) = CookieJar().make_cookies(reply("a=1; Secure"), Request(url))
    assert policy.set_ok(made, Request(url)) is is_kept
    assert policy.return_ok(made, Request(url)) is (field is not None)


# --- asked on its own

OK = {
    "as it is": (cookie(), TOP, True, True),
    "for a subdomain": (cookie(domain=".example.com"), TOP, True, True),
    "of another host": (cookie(domain="other.example"), TOP, False, False),
    "of a subdomain": (cookie(domain=".a.www.example.com"), TOP, False, False),
    "of another path": (cookie(path="/p"), TOP, True, False),
    "Secure, over http": (cookie(secure=True), f"http://{HOST}/", False, False),
    "over": (cookie(expires=1), TOP, True, False),
}


@pytest.mark.parametrize("make", [Request, urllib.request.Request], ids=["ours", "urllib's"])
@pytest.mark.parametrize(("asked", "url", "may_set", "may_return"), OK.values(), ids=OK)
def test_it_knows_the_draft_s_rules_without_a_jar(make, asked, url, may_set, may_return):
    policy, request = DefaultCookiePolicy(), make(url)
    assert policy.set_ok(asked, request) is may_set
    assert policy.return_ok(asked, request) is may_return


@pytest.mark.parametrize(
    ("domain", "path", "is_ok"),
    [
        (HOST, "/", (True, True)),
        (".example.com", "/a", (True, True)),
        ("example.com", "/a/b", (True, True)),
        ("other.example", "/a/b/c", (False, False)),
        ("mple.com", "/a/bb", (False, False)),
        (f"a.{HOST}", "/b", (False, False)),
    ],
)
def test_domains_and_paths_are_asked_for_by_themselves(domain, path, is_ok):
    policy, request = DefaultCookiePolicy(), Request(f"{TOP}a/b?c")
    asked = policy.domain_return_ok(domain, request), policy.path_return_ok(path, request)
    assert asked == is_ok


# --- a program's own policies


class NoTracking(DefaultCookiePolicy):
    """As the manual of http.cookiejar has one made: the base class is asked first."""

    def set_ok(self, cookie, request):
        return super().set_ok(cookie, request) and not cookie.name.startswith("_")

    def return_ok(self, cookie, request):
        return super().return_ok(cookie, request) and cookie.name != "b"


def test_a_subclass_refuses_more():
    policy = NoTracking(blocked_domains=["other.example"])
    assert kept(policy, "a=1", "_track=1", "b=1", "c=1; Domain=example.org") == ["a", "b"]
    assert kept(policy, "a=1", url="https://other.example/") == []
    assert sent(policy, cookie("a"), cookie("b")) == "a=1"


@pytest.mark.parametrize("method", ["domain_return_ok", "path_return_ok", "return_ok"])
def test_each_question_before_sending_can_be_answered_with_no(method):
    asked = []

    def refuse(self, place, request):
        asked.append((place, request.host))
        return place not in ("www.example.com", "/p") and getattr(place, "name", "") != "a"

    policy = type("Own", (DefaultCookiePolicy,), {method: refuse})()
    cookies = cookie("a", path="/p"), cookie("b", ".example.com")
    assert sent(policy, *cookies, url=f"{TOP}p") == "b=1"
    assert len(asked) == 2


def test_a_policy_can_allow_nothing_that_the_draft_forbids():
    class All(DefaultCookiePolicy):
        set_ok = return_ok = domain_return_ok = path_return_ok = lambda *_: True

    assert kept(All(), "__Host-a=1", "b=1; Domain=com", "c=1; Domain=other.example") == []
    assert sent(All(), cookie(path="/p"), cookie(domain="other.example"), cookie(expires=1)) is None


def test_a_policy_that_is_none_of_the_default_ones_blocks_all():
    class BlockAll(CookiePolicy):
        set_ok = return_ok = domain_return_ok = path_return_ok = lambda *_: False

    assert kept(BlockAll(), "a=1") == []
    assert sent(BlockAll(), cookie()) is None


@pytest.mark.parametrize("method", ["set_ok", "return_ok", "domain_return_ok", "path_return_ok"])
def test_a_method_that_is_replaced_on_one_policy_is_asked(method):
    policy = DefaultCookiePolicy()
    setattr(policy, method, lambda *_: False)
    assert kept(policy, "a=1") == ([] if method == "set_ok" else ["a"])
    assert sent(policy, cookie()) == ("a=1" if method == "set_ok" else None)


SET = ["version", "verifiability", "name", "path", "domain", "port"]
RETURNED = ["version", "verifiability", "secure", "expires", "port", "domain"]
HOOKS = [f"set_ok_{word}" for word in SET] + [f"return_ok_{word}" for word in RETURNED]


@pytest.mark.parametrize("base", [DefaultCookiePolicy, STOCK], ids=["ours", "http.cookiejar's"])
@pytest.mark.parametrize("hook", HOOKS)
def test_a_part_of_the_question_can_be_answered_in_a_subclass(hook, base):
    asked = []

    def refuse(self, cookie, request):
        asked.append((cookie.name, request.host))
        return cookie.name != "a"

    policy = type("Own", (base,), {hook: refuse})()
    is_about_keeping = hook.startswith("set_ok")
    assert kept(policy, "a=1", "b=1") == (["b"] if is_about_keeping else ["a", "b"])
    field = sent(policy, cookie("a"), cookie("b", ".example.com"))
    assert field == ("a=1; b=1" if is_about_keeping else "b=1")
    assert asked == [("a", HOST), ("b", HOST)]
    assert hasattr(STOCK, hook)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_part_that_is_replaced_on_one_policy_is_asked(hook):
    policy = DefaultCookiePolicy()
    setattr(policy, hook, lambda *_: False)
    assert not policy.forbids_nothing
    assert kept(policy, "a=1") == ([] if hook.startswith("set_ok") else ["a"])


def test_each_part_may_be_asked_for_by_itself():
    policy, request = DefaultCookiePolicy(blocked_domains=["ads.example"]), Request(TOP)
    plain = Request(f"http://{HOST}/")
    for hook in HOOKS:
        assert getattr(policy, hook)(cookie(), request) is True
    for hook, one, asked in [
        ("return_ok_secure", cookie(secure=True), plain),
        ("return_ok_expires", cookie(expires=1), request),
        ("return_ok_domain", cookie(domain="ads.example"), request),
        ("set_ok_domain", cookie(domain="ads.example"), request),
    ]:
        assert getattr(policy, hook)(one, asked) is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("netscape", False),
        ("strict_ns_unverifiable", True),
        ("strict_ns_set_initial_dollar", True),
        ("strict_ns_set_path", True),
        ("strict_ns_domain", NO_DOTS),
    ],
)
def test_a_switch_that_is_thrown_later_counts(name, value):
    policy = DefaultCookiePolicy()
    assert policy.forbids_nothing
    setattr(policy, name, value)
    assert not policy.forbids_nothing


# --- beside http.cookiejar's


def test_a_stock_policy_serves_our_jar():
    policy = STOCK(blocked_domains=["ads.example"], strict_ns_set_path=True)
    assert kept(policy, "a=1", "b=1; Path=/elsewhere", "c=1; Domain=example.com") == ["a", "c"]
    assert kept(policy, "a=1", url="https://ads.example/") == []
    cookies = cookie("a"), cookie("b", "ads.example"), cookie("c", ".example.com")
    assert sent(policy, *cookies) == "a=1; c=1"
    assert sent(policy, *cookies, make=urllib.request.Request) == "a=1; c=1"
    assert sent(policy, *cookies, url="https://ads.example/") is None


def test_a_stock_policy_can_only_refuse_more():
    lines = "__Host-a=1", "b=1; Domain=www.example.com", "c=1; SameSite=None"
    assert kept(STOCK(), *lines) == ["b"]
    assert sent(STOCK(), cookie(), url="https://a.www.example.com/") is None


def test_our_policy_serves_a_stock_jar():
    jar = http.cookiejar.CookieJar(DefaultCookiePolicy(blocked_domains=["ads.example"]))
    for url in TOP, "https://ads.example/":
        lines = "a=1", "__Secure-b=1", "c=1; Domain=example.com", "d=1; SameSite=None"
        jar.extract_cookies(reply(*lines), urllib.request.Request(url))
    assert {each.name for each in jar} == {"a", "c"}
    assert not any(isinstance(each, Cookie) for each in jar)
    request = urllib.request.Request(TOP)
    jar.add_cookie_header(request)
    assert sorted(request.get_header("Cookie").split("; ")) == ["a=1", "c=1"]
    below = urllib.request.Request("https://a.www.example.com/")
    jar.add_cookie_header(below)
    assert below.get_header("Cookie") == "c=1"
