"""CookieStore: finding cookies by host, replacing them, and which go beyond the limits."""

from __future__ import annotations

import time
from email.message import Message
from types import SimpleNamespace

import pytest

from mini_http import Request
from mini_http.codec.set_cookie import SetCookie
from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.jar import CookieJar
from mini_http.opener.cookies.store import CookieLimits, CookieStore

NOW = 1_700_000_000.0


def cookie(name="a", domain="example.com", path="/", now=NOW, **said):
    said.setdefault("value", f"{domain}{path}")
    return Cookie.received(SetCookie(name, path=path, **said), domain, "/", now)


def store(*cookies):
    kept = CookieStore()
    for each in cookies:
        kept.put(each)
    return kept


# --- looking


@pytest.mark.parametrize(
    ("host", "domains"),
    [
        ("example.com", ["example.com", ".example.com", ".com"]),
        ("www.example.com", ["www.example.com", ".www.example.com", ".example.com", ".com"]),
        ("a.www.example.com", [".www.example.com", ".example.com", ".com"]),
        ("notexample.com", [".com"]),
        ("com", [".com"]),
        ("example.org", []),
        ("1.0.0.127", ["1.0.0.127"]),
    ],
)
def test_a_host_is_reached_by_its_own_cookies_and_those_of_domains_above(host, domains):
    kept = store(
        *[
            cookie(domain=domain)
            for domain in (
                "example.com",
                ".example.com",
                "www.example.com",
                ".www.example.com",
                ".com",
                "1.0.0.127",
            )
        ]
    )

    reaching = kept.reaching(host, "/")

    assert sorted(each.domain for each in reaching) == sorted(domains)


def test_cookies_come_in_the_order_of_a_field_longer_paths_first_and_then_older_ones():
    kept = store(
        cookie("a", path="/"),
        cookie("b", path="/x/y"),
        cookie("c", path="/x", domain=".example.com"),
        cookie("d", path="/x"),
        cookie("e", path="/x/y"),
        cookie("f", path="/xy"),
        cookie("g", path="/", domain=".example.com"),
    )

    assert [each.name for each in kept.reaching("example.com", "/x/y/z")] == list("becdag")
    assert [each.name for each in kept.reaching("www.example.com", "/x")] == ["c", "g"]
    assert list(kept.reaching("example.org", "/")) == []


def test_iterating_gives_all_and_the_store_may_change_meanwhile():
    kept = store(cookie("a"), cookie("b"), cookie("a", path="/x"), cookie("a", domain=".com"))

    for each in kept:
        kept.remove(each)

    assert list(kept) == []
    assert (kept.count, kept.by_domain) == (0, {})


# --- changing


def test_a_cookie_like_another_takes_its_place_and_its_age():
    old, other = cookie("a"), cookie("b")
    kept = store(old, other)
    new = cookie("a", now=NOW + 9, value="new", secure=True)
    kept.put(new)

    assert kept.count == 2
    assert kept.find(old) is new
    assert list(kept.reaching("example.com", "/")) == [new, other]
    assert (new.created, new.last_access, new.serial) == (NOW, NOW + 9, old.serial)


@pytest.mark.parametrize(
    "other",
    [cookie("A"), cookie(path="/x"), cookie(path="/x/"), cookie(domain=".example.com")],
    ids=repr,
)
def test_another_name_path_or_host_only_flag_makes_another_cookie(other):
    one = cookie()
    kept = store(one, other)

    assert kept.count == 2
    assert kept.find(one) is one
    assert kept.find(other) is other
    kept.remove(one)
    assert list(kept) == [other]


def test_the_same_cookie_may_be_put_twice():
    one = cookie()
    kept = store(one, one)

    assert kept.count == 1
    assert (one.created, one.serial) == (NOW, 1)


def test_a_cookie_may_be_put_into_two_stores_and_has_its_place_in_each():
    one, first = cookie("a"), store(cookie("b"), cookie("c"))
    second = store(one)
    first.put(one)

    assert [each.name for each in first.reaching("example.com", "/")] == ["b", "c", "a"]
    assert [each.serial for each in first.reaching("example.com", "/")] == [1, 2, 3]
    assert list(second) == [one]
    assert one.serial == 1


def test_a_cookie_that_expired_leaves_nothing_to_the_one_that_comes_after_it():
    old, between = cookie(max_age=5), cookie("b", now=NOW + 1)
    kept = store(old, between)
    new = cookie(now=NOW + 5)
    kept.put(new)

    assert kept.count == 2
    assert new.created == NOW + 5
    assert list(kept.reaching("example.com", "/")) == [between, new]


def test_a_domain_without_a_dot_that_was_specified_is_the_same_as_one_with_it():
    """One of http.cookiejar's may be so."""
    dotless = cookie(domain="example.com")
    dotless.domain_specified = True
    kept = store(dotless)
    kept.put(cookie(domain=".example.com", value="new"))

    assert [each.value for each in kept] == ["new"]
    assert [each.value for each in kept.reaching("www.example.com", "/")] == ["new"]


@pytest.mark.parametrize(
    "missing", [cookie("b"), cookie(path="/x"), cookie(domain=".example.com")], ids=repr
)
def test_what_is_not_there_is_neither_found_nor_removed(missing):
    kept = store(cookie())

    assert kept.find(missing) is None
    kept.remove(missing)
    assert kept.count == 1


def test_domains_are_forgotten_with_their_last_cookie():
    one, dotted = cookie(domain="a.b.example"), cookie(domain=".a.b.example")
    kept = store(one, dotted, cookie(domain="c.b.example"))

    kept.remove(one)
    assert set(kept.by_domain) == {".a.b.example", "c.b.example"}
    kept.remove(dotted)
    assert set(kept.by_domain) == {"c.b.example"}


def test_nothing_is_left_of_a_secure_cookie_that_goes_or_is_no_longer_secure():
    one, two = cookie(domain=".a.example", secure=True), cookie(domain="b.example", secure=True)
    kept = store(one, two)

    assert kept.has_secure("a", "a.example", "/", NOW)
    assert kept.has_secure("a", ".example", "/", NOW)
    kept.put(cookie(domain=".a.example"))
    assert not kept.has_secure("a", "a.example", "/", NOW)
    assert kept.has_secure("a", ".example", "/", NOW)
    kept.remove(two)
    assert not kept.has_secure("a", ".example", "/", NOW)
    assert kept._secure == {}


def test_a_look_for_a_secure_cookie_passes_over_the_others():
    """Of 5,000 hosts below, whose cookies of this name are not Secure, none is looked at."""
    kept = store(*[cookie(domain=f"h{number}.example.com") for number in range(5000)])
    kept.put(cookie(domain="www.example.com", path="/x", secure=True))
    kept.by_domain = Counting(kept.by_domain)

    assert not kept.has_secure("a", "example.com", "/", NOW)
    assert kept.has_secure("a", "example.com", "/x", NOW)
    assert kept.by_domain.looks < 20


class Counting(dict):
    """Counts how often something is looked for."""

    looks = 0

    def get(self, *key):
        self.looks += 1
        return super().get(*key)

    def __getitem__(self, key):
        self.looks += 1
        return super().__getitem__(key)


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ([], "abcd"),
        (["example.com"], "abc"),
        ([".example.com"], "abc"),
        (["example.com", "/x"], "b"),
        (["example.com", "/", "c"], "c"),
        ([None, "/"], "acd"),
        ([None, None, "d"], "d"),
        (["example.com", "/y"], ""),
        (["example.net"], ""),
    ],
)
def test_items_are_those_of_a_place(place, names):
    kept = store(
        cookie("a"),
        cookie("b", path="/x"),
        cookie("c", domain=".example.com"),
        cookie("d", domain="example.org"),
    )

    assert "".join(sorted(each.name for _, each in kept.items(*place))) == names


def test_a_name_that_is_too_long_for_one_has_no_domains_above_it():
    """The work would grow with the square of the labels."""
    kept = store(cookie(domain=f".{'a.' * 5000}com", secure=True))

    assert len(kept._secure) == 1
    assert list(kept.reaching(f"{'a.' * 5000}com", "/")) == list(kept)


@pytest.mark.parametrize("domain", ["127.0.0.1", ".127.0.0.1", "::1"])
def test_a_cookie_of_an_address_is_for_it_alone_whatever_it_says(domain):
    one = cookie(domain=domain)
    one.domain_specified = True
    kept = store(one)

    assert list(kept.reaching(domain.removeprefix("."), "/")) == [one]
    assert kept.find(cookie(domain=domain.removeprefix("."))) is one


# --- as a jar uses it


class Reply:
    def __init__(self, *lines):
        self.head = Message()
        for line in lines:
            self.head["Set-Cookie"] = line

    def info(self):
        return self.head


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=NOW)
    monkeypatch.setattr(time, "time", lambda: clock.now)
    return clock


def set_by(jar, url, *lines):
    jar.extract_cookies(Reply(*lines), Request(url))


def names(jar):
    return sorted(each.name for each in jar)


def ask(jar, url):
    jar.add_cookie_header(Request(url))


@pytest.mark.parametrize(
    ("line", "url", "is_kept"),
    [
        # a Secure cookie "a" for /login of .example.com is there
        ("a=new; Path=/login", "http://example.com/", False),
        ("a=new; Path=/login/en", "http://example.com/", False),
        ("a=new; Path=/login/", "http://example.com/", False),
        ("a=new; Path=/", "http://example.com/", True),
        ("a=new; Path=/loginx", "http://example.com/", True),
        ("b=new; Path=/login", "http://example.com/", True),
        ("A=new; Path=/login", "http://example.com/", True),
        ("a=new; Path=/login", "http://www.example.com/", False),
        ("a=new; Path=/login; Domain=example.com", "http://www.example.com/", False),
        ("a=new; Path=/login", "http://notexample.com/", True),
        ("a=new; Path=/login", "https://example.com/", True),
        ("a=new; Path=/login; Max-Age=0", "http://example.com/", False),
    ],
)
def test_what_came_over_an_insecure_connection_does_not_overlay_what_is_secure(
    line, url, is_kept, clock
):
    jar = CookieJar()
    set_by(jar, "https://www.example.com/", "a=old; Secure; Path=/login; Domain=example.com")
    set_by(jar, url, line)

    assert "old" in [each.value for each in jar]
    assert ("new" in [each.value for each in jar]) is is_kept


def test_nor_what_is_secure_in_a_subdomain(clock):
    jar = CookieJar()
    set_by(jar, "https://a.www.example.com/", "a=old; Secure")
    set_by(jar, "http://www.example.com/", "a=host; Path=/", "a=new; Domain=example.com")
    assert [each.value for each in jar] == ["old"]

    jar.clear()
    set_by(jar, "http://www.example.com/", "a=new; Domain=example.com")
    assert [each.value for each in jar] == ["new"]


def test_a_secure_cookie_that_expired_keeps_no_other_away(clock):
    jar = CookieJar()
    set_by(jar, "https://example.com/", "a=old; Secure; Max-Age=5")
    clock.now += 5
    set_by(jar, "http://example.com/", "a=new")

    assert [each.value for each in jar] == ["new"]


def test_beyond_the_limit_of_a_host_what_is_not_secure_goes_first_and_least_recently_used(clock):
    jar = CookieJar(limits=CookieLimits(per_host=4))
    for name in ("s1=; Secure", "a=; Path=/a", "b=; Path=/b", "s2=; Secure"):
        clock.now += 1
        set_by(jar, "https://example.com/", name)
    assert names(jar) == ["a", "b", "s1", "s2"]
    clock.now += 1
    ask(jar, "http://example.com/a")

    clock.now += 1
    set_by(jar, "https://example.com/", "s3=; Secure")
    assert names(jar) == ["a", "s1", "s2", "s3"]
    set_by(jar, "https://example.com/", "s4=; Secure; Path=/4")
    assert names(jar) == ["s1", "s2", "s3", "s4"]
    clock.now += 1
    ask(jar, "https://example.com/")
    clock.now += 1
    set_by(jar, "https://example.com/", "s5=; Secure")
    assert names(jar) == ["s1", "s2", "s3", "s5"]
    # the new one is the only one that is not Secure
    set_by(jar, "https://example.com/", "c=")
    assert names(jar) == ["s1", "s2", "s3", "s5"]


def test_before_all_others_what_has_expired_goes(clock):
    jar = CookieJar(limits=CookieLimits(per_host=3))
    set_by(jar, "https://example.com/", "a=", "b=", "old=; Secure; Max-Age=5")
    clock.now += 6
    set_by(jar, "https://example.com/", "c=")

    assert names(jar) == ["a", "b", "c"]


def test_host_only_cookies_and_others_of_a_domain_count_together_and_other_hosts_do_not(clock):
    jar = CookieJar(limits=CookieLimits(per_host=2))
    set_by(jar, "http://www.example.com/", "a=; Domain=example.com", "b=; Domain=example.com")
    set_by(jar, "http://www.example.com/", "d=", "e=")
    assert names(jar) == ["a", "b", "d", "e"]
    clock.now += 1
    set_by(jar, "http://example.com/", "c=")

    assert names(jar) == ["b", "c", "d", "e"]


def test_beyond_the_total_the_least_recently_used_tenth_goes_whatever_it_is(clock):
    jar = CookieJar(limits=CookieLimits(total=20))
    for number in range(20):
        clock.now += 1
        set_by(jar, f"https://host{number}.example/", f"a{number}=; Secure")
    assert len(jar) == 20
    clock.now += 1
    ask(jar, "https://host0.example/")
    clock.now += 1
    set_by(jar, "https://new.example/", "new=")

    assert len(jar) == 18
    assert not {"a1", "a2", "a3"} & set(names(jar))
    assert {"a0", "a4", "new"} <= set(names(jar))


def test_beyond_the_total_what_has_expired_goes_first(clock):
    jar = CookieJar(limits=CookieLimits(total=3))
    set_by(jar, "http://a.example/", "a=")
    clock.now += 1
    set_by(jar, "http://b.example/", "b=; Max-Age=5")
    set_by(jar, "http://c.example/", "c=")
    clock.now += 6
    set_by(jar, "http://d.example/", "d=")

    assert names(jar) == ["a", "c", "d"]


def test_a_jar_keeps_what_the_draft_asks_for_at_least():
    """50 cookies of a domain and 3,000 in all (section 6.1)."""
    limits = CookieLimits()

    assert limits.per_host >= 50
    assert limits.total - limits.total // 10 >= 3000
    jar = CookieJar()
    lines = [f"a{number}=" for number in range(limits.per_host + 5)]
    set_by(jar, "http://example.com/", *lines)
    assert len(jar) == limits.per_host
