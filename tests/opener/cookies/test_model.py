"""The jar against the draft's algorithms written plainly: 100,000 requests at random.

`Model` is the storage model (RFC 6265bis section 5.7) and the retrieval algorithm (section 5.8.3)
as they stand there, over a list of all cookies, for a universe of few hosts, names and paths, in
which cookies meet each other often. The requests are real ones; the clock is the test's.
"""

from __future__ import annotations

import re
import time
from email.message import Message
from importlib.util import find_spec
from random import Random
from types import SimpleNamespace

import pytest

from mini_http import Request
from mini_http.opener.cookies import public_suffix
from mini_http.opener.cookies.jar import CookieJar
from mini_http.opener.handlers.redirect import HTTPRedirectHandler

CASES = 100_000
"""Requests whose Cookie field is compared."""

NOW = 1_700_000_000.0
AGE_LIMIT = 400 * 86_400
SUFFIXES = frozenset({"co.uk", "github.io"})
"""The public suffixes of more than one label among the hosts below."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ADDRESSES = ("127.0.0.1", "10.0.0.1", "::1")
DATES = {
    "Thu, 01 Jan 1970 00:00:00 GMT": 0,
    "Tue, 14 Nov 2023 22:14:00 GMT": 1_700_000_040,  # 40 s after the beginning
    "Fri, 31 Dec 9999 23:59:59 GMT": 253_402_300_799,
}

# --- the model


class Model:
    """A cookie store that is a list. `suffixes` are the public suffixes beside single labels; None
    stands for those that have no list of them, to whom a site is a host and what is below it.
    """

    def __init__(self, suffixes):
        self.suffixes, self.cookies, self.number = suffixes, [], 0

    def receive(self, asked, name, value, attributes, now):
        """Section 5.7. Attributes are names and values as the line has them."""
        self.cookies = [each for each in self.cookies if each.expires is None or each.expires > now]
        said, host, secured = meant(attributes), asked.host, asked.secured
        expires = None
        if "Max-Age" in said:
            expires = int(now) + min(int(said["Max-Age"]), AGE_LIMIT)
        elif "Expires" in said:
            expires = min(DATES[said["Expires"]], int(now) + AGE_LIMIT)
        domain = said.get("Domain", "").lower().removeprefix(".")
        if domain and self.is_suffix(domain):
            if domain != host:
                return
            domain = ""
        if not domain.isascii() or (domain and not domain_matches(host, domain)):
            return
        host_only, domain = domain in ("", *ADDRESSES), domain or host
        path = said.get("Path", "")
        has_path = path.startswith("/")
        if not has_path:
            path = asked.path[: asked.path.rindex("/")] or "/"
        secure, same_site = "Secure" in said, said.get("SameSite", "").lower()
        if not secured and (secure or self.would_overlay(name, domain, path)):
            return
        if same_site == "none" and not secure:
            return
        if same_site != "none" and not (self.is_same_site(asked) or asked.navigates):
            return
        promise = (name or value).lower()
        if promise.startswith(("__secure-", "__host-", "__http-")):
            keeps = secure and name
            if promise.startswith("__host-"):
                keeps = keeps and host_only and has_path and path == "/"
            if promise.startswith(("__http-", "__host-http-")):
                keeps = keeps and "HttpOnly" in said
            if not keeps:
                return
        self.number += 1
        new = SimpleNamespace(name=name, value=value, domain=domain, host_only=host_only, path=path)
        new.secure, new.same_site, new.expires, new.created = (
            secure,
            same_site,
            expires,
            self.number,
        )
        for old in list(self.cookies):
            if like(old) == like(new):
                new.created = old.created
                self.cookies.remove(old)
        self.cookies.append(new)

    def would_overlay(self, name, domain, path):
        """Section 5.7, the step on a cookie that comes over an insecure connection."""
        return any(
            old.name == name
            and old.secure
            and (domain_matches(old.domain, domain) or domain_matches(domain, old.domain))
            and path_matches(path, old.path)
            for old in self.cookies
        )

    def retrieve(self, asked, now):
        """Section 5.8.3: the Cookie field, "" for none."""
        same_site = self.is_same_site(asked)
        may_be_lax = same_site or (asked.navigates and asked.method in ("GET", "HEAD", "OPTIONS"))
        sent = [
            cookie
            for cookie in self.cookies
            if (
                asked.host == cookie.domain
                if cookie.host_only
                else domain_matches(asked.host, cookie.domain)
            )
            and path_matches(asked.path, cookie.path)
            and (asked.secured or not cookie.secure)
            and (cookie.expires is None or cookie.expires > now)
            and (
                same_site
                or cookie.same_site == "none"
                or (may_be_lax and cookie.same_site != "strict")
            )
        ]
        sent.sort(key=lambda cookie: (-len(cookie.path), cookie.created))
        return "; ".join(f"{each.name}={each.value}" if each.name else each.value for each in sent)

    def is_suffix(self, domain):
        return "." not in domain or domain in (self.suffixes or ())

    def is_same_site(self, asked):
        """Section 5.2, for a page of `asked.site` at `asked.site_scheme`, if that is known."""
        if asked.site is None or asked.site == asked.host:
            return asked.site_scheme in (None, asked.scheme)
        if asked.site in ADDRESSES or asked.host in ADDRESSES:
            return False
        is_same = self.site_of(asked.site) == self.site_of(asked.host) is not None
        if self.suffixes is None:
            upper, lower = sorted((asked.site, asked.host), key=len)
            is_same = "." in upper and domain_matches(lower, upper)
        return is_same and asked.site_scheme in (None, asked.scheme)

    def site_of(self, host):
        """The registrable domain: a public suffix and the label before it."""
        labels = host.split(".")
        for start in range(1, len(labels)):
            if self.is_suffix(".".join(labels[start:])):
                return None if self.is_suffix(host) else ".".join(labels[start - 1 :])
        return None


def meant(attributes):
    """The last of each attribute that means something (section 5.6)."""
    said = {}
    for name, text in attributes:
        if len(text) > 1024 or (name == "Expires" and text not in DATES):
            continue
        if name == "Max-Age":
            if not re.fullmatch("-?[0-9]+", text):
                continue
            if int(text) <= 0:
                text = str(-int(NOW * 2))  # the earliest time
        said[name] = text
    return said


def like(cookie):
    return cookie.name, cookie.domain, cookie.host_only, cookie.path


def domain_matches(host, domain):
    return host == domain or (host.endswith(f".{domain}") and host not in ADDRESSES)


def path_matches(path, cookie_path):
    if not path.startswith(cookie_path):
        return False
    return cookie_path.endswith("/") or path[len(cookie_path) :][:1] in ("", "/")


# --- what happens at random

FAMILIES = (
    ("example.com", "www.example.com", "a.www.example.com", "notexample.com", "com"),
    ("shop.co.uk", "www.shop.co.uk", "other.co.uk", "co.uk", "uk"),
    ("me.github.io", "you.github.io", "a.me.github.io", "github.io", "other.io"),
    ("localhost", "app.localhost", "intranet", "www.intranet"),
    ("127.0.0.1", "10.0.0.1", "::1", "localhost"),
    ("xn--bcher-kva.example", "www.xn--bcher-kva.example", "b.example", "example"),
)
NAMES = (
    "a",
    "a",
    "a",
    "a",
    "b",
    "b",
    "c",
    "",
    "__Secure-a",
    "__hOST-a",
    "__Http-a",
    "__Host-http-a",
    "__x",
)
PATHS = ("/", "/x", "/x/", "/x/y", "/x/y/z", "/xy", "//x", "/X", "/%78/y")
METHODS = ("GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "PUT", "get")
ODD_DOMAINS = (
    "",
    ".",
    "com",
    "0.0.1",
    "1",
    "b\xfccher.example",
    ".co.uk",
    "evil.example",
    "x" * 1025,
)


def domain_for(random, hosts):
    host = random.choice(hosts)
    labels = host.split(".")
    above = ".".join(labels[1:]), ".".join(labels[-2:])
    return random.choice([host, f".{host}", host.upper(), *above, random.choice(ODD_DOMAINS)])


def line_for(random, hosts, number):
    """Name, value and attributes; the value is unlike any other."""
    attributes = []
    for name, chance, texts in (
        ("Domain", 0.5, None),
        ("Path", 0.6, (*PATHS, "/", "/", "/", "/", "", "x", "/" + "x" * 1024)),
        ("Secure", 0.45, ("",)),
        ("HttpOnly", 0.4, ("",)),
        ("SameSite", 0.5, ("Strict", "strict", "Lax", "None", "NONE", "x", "")),
        ("Max-Age", 0.15, ("0", "-1", "20", "60", "9" * 1024, "x", "", "-")),
        ("Expires", 0.15, (*DATES, "never")),
    ):
        while random.random() < chance:
            text = random.choice(texts) if texts else domain_for(random, hosts)
            attributes.append((name, text))
            chance /= 4
    random.shuffle(attributes)
    name = random.choice(NAMES)
    value = f"{random.choice(NAMES)}{number}" if not name else str(number)
    return name, value, attributes


def as_text(random, name, value, attributes):
    pair = f"{name}={value}" if name or random.random() < 0.5 else value
    return "; ".join([pair, *(f"{key}={text}" if text else key for key, text in attributes)])


class Following:
    """Stands where the opener stands: hands a redirect's request back."""

    def open(self, request, timeout=None):
        return request


REDIRECTS = HTTPRedirectHandler()
REDIRECTS.parent = Following()


def written(host):
    return f"[{host}]" if ":" in host else host


def asking(random, hosts):
    """A request, and what the model is told of it."""
    scheme, host = random.choice(("http", "https")), random.choice(hosts)
    path = random.choice(PATHS) if random.random() < 0.6 else "/x/y/z"
    port = random.choice(("", "", ":8080"))
    url = f"{scheme}://{written(host)}{port}{path}{random.choice(('', '?q', '#f'))}"
    method, site, site_scheme = random.choice(METHODS), None, None
    unverifiable = random.random() < 0.4
    page = random.choice(hosts if random.random() < 0.7 else random.choice(FAMILIES))
    match random.randrange(8):
        case 0:
            site = None if page == host else page
            request = Request(url, None, {}, written(page), unverifiable, method)
        case 1:
            site = page
            request = Request(url, unverifiable=unverifiable, method=method)
            request.site_for_cookies = written(site) if random.random() < 0.5 else site.upper()
        case 2:
            site, site_scheme = page, random.choice(("http", "https"))
            request = Request(url, unverifiable=unverifiable, method=method)
            request.site_for_cookies = f"{site_scheme}://{written(site)}{port}/page"
        case _:
            request = Request(url, unverifiable=unverifiable, method=method)
    asked = SimpleNamespace(scheme=scheme, host=host, path=path, method=method, request=request)
    asked.site, asked.site_scheme = site, site_scheme
    asked.navigates = not unverifiable  # also if it is redirected
    if random.random() < 0.05:
        redirected(random, hosts, asked)
    asked.secured = asked.scheme == "https" or asked.host in LOOPBACK
    return asked


def redirected(random, hosts, asked):
    """Makes it the request that follows a redirect; who asks is who asked first."""
    asked.scheme = random.choice(("http", "https")) if asked.scheme == "http" else "https"
    asked.host, asked.path = random.choice(hosts), random.choice(PATHS)
    headers = Message()
    headers["Location"] = f"{asked.scheme}://{written(asked.host)}{asked.path}"
    reply = SimpleNamespace(close=lambda: None)
    asked.request.timeout = None
    asked.request = REDIRECTS.http_error_302(asked.request, reply, 303, "See Other", headers)
    asked.method = asked.request.get_method()


class Reply:
    def __init__(self, lines):
        self.head = Message()
        for line in lines:
            self.head["Set-Cookie"] = line

    def info(self):
        return self.head


# --- the comparison


@pytest.fixture(params=[SUFFIXES, None], ids=["with-suffix-list", "without"])
def suffixes(request, monkeypatch):
    if request.param is None:
        monkeypatch.setattr(public_suffix, "_suffixes", lambda: None)
    elif find_spec("publicsuffixlist") is None:
        pytest.skip("the publicsuffix extra is not installed")
    public_suffix.is_public_suffix.cache_clear()
    yield request.param
    public_suffix.is_public_suffix.cache_clear()


@pytest.mark.parametrize("seed", range(4))
def test_at_any_time_the_jar_sends_what_the_draft_says_no_less_and_no_more(
    seed, suffixes, monkeypatch
):
    random = Random(seed)
    clock = SimpleNamespace(now=NOW)
    monkeypatch.setattr(time, "time", lambda: clock.now)
    compared = sent = several = stayed = 0
    while compared < CASES // 4:
        jar, model, history = CookieJar(), Model(suffixes), []
        hosts = random.choice(FAMILIES)
        clock.now = NOW
        for number in range(30):
            clock.now += random.choice((0, 0, 0.5, 1, 7))
            if random.random() < 0.4:
                asked = asking(random, hosts)
                lines = [line_for(random, hosts, f"{number}.{each}") for each in range(3)]
                texts = [as_text(random, *line) for line in lines]
                for line in lines:
                    model.receive(asked, *line, clock.now)
                jar.extract_cookies(Reply(texts), asked.request)
                history.append((clock.now, asked, texts))
            asked = asking(random, hosts)
            jar.add_cookie_header(asked.request)
            field, expected = (
                asked.request.get_header("Cookie", ""),
                model.retrieve(asked, clock.now),
            )
            assert field == expected, (asked, clock.now, *history)
            compared += 1
            sent += bool(field)
            several += ";" in field
            stayed += len(model.cookies) > len(field.split(";"))

    # cookies went, one before the other, and cookies stayed, often enough for this to mean much
    assert sent > compared / 4, sent
    assert several > compared / 10, several
    assert stayed > compared / 4, stayed
