"""Password managers: which password is found for a realm and a URI, and which is sent unasked."""

from __future__ import annotations

import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.base import errors
from mini_http.opener.passwords import (
    HTTPPasswordMgr,
    HTTPPasswordMgrWithDefaultRealm,
    HTTPPasswordMgrWithPriorAuth,
    Places,
)

NOBODY = (None, None)
ANN = ("ann", "secret")


def manager_for(*uris, kind=HTTPPasswordMgr):
    manager = kind()
    manager.add_password("realm", uris if len(uris) > 1 else uris[0], *ANN)
    return manager


FOUND = [
    ("http://example.com", "http://example.com/"),
    ("http://example.com", "http://example.com/a/b?query#fragment"),
    ("http://example.com/a", "http://example.com/a"),
    ("http://example.com/a", "http://example.com/a/"),
    ("http://example.com/a/", "http://example.com/a/b"),
    ("http://example.com/a?query", "http://example.com/a"),
    ("http://example.com/a", "http://example.com/a/" + "b" * 5000),
    ("http://example.com", "http://example.com:80/"),
    ("http://example.com:80", "http://example.com/"),
    ("https://example.com", "https://example.com:443/"),
    ("http://example.com:8080", "http://example.com:8080/"),
    ("http+unix://%2Frun%2Fapp/a", "http+unix://%2Frun%2Fapp/a/b"),
    # a bare host is for all schemes
    ("example.com", "http://example.com/"),
    ("example.com", "https://example.com/a"),
    ("example.com:8080", "http://example.com:8080/"),
    ("http://example.com", "example.com"),
    ("http://example.com", "example.com:80"),
    ("proxy.example:3128", "proxy.example:3128"),
    ("[::1]:80", "http://[::1]:80/"),
]

FOUND_IN_OTHER_WORDS = [
    ("http://example.com", "HTTP://EXAMPLE.com/"),
    ("Example.com", "http://example.com/"),
    ("http://[::1]:8080/", "http://[0:0::1]:8080/"),
    ("http://bücher.example", "http://xn--bcher-kva.example/"),
    ("http://example.com", "http://someone:else@example.com/"),
    ("http://user:word@example.com", "http://example.com/"),
    ("http://example.com/~ann", "http://example.com/%7Eann/"),
    ("http://example.com/a", "http://example.com/b/../a/c"),
]

NOT_FOUND = [
    ("http://example.com/a", "http://example.com/ab"),
    ("http://example.com/a", "http://example.com/"),
    ("http://example.com/a/", "http://example.com/a"),
    ("http://example.com", "http://example.com.evil.example/"),
    ("http://example.com", "http://a.example.com/"),
    ("http://a.example.com", "http://example.com/"),
    ("http://example.com", "http://example.com:8080/"),
    ("http://example.com:8080", "http://example.com/"),
    ("http://example.com", "http://example.com@evil.example/"),
    ("http://example.com", "http://evil.example/?http://example.com"),
    ("http://[fe80::1%25eth0]/", "http://[fe80::1%25eth1]/"),
    ("http+unix://%2Frun%2Fapp/", "http+unix://%2Frun%2Fother/"),
    ("http://example.com:80", "example.com"),
    ("example.com:80", "example.com"),
    ("example.com", "http://example.com:80/"),
]

NOT_FOUND_BUT_BY_URLLIB = [
    ("https://example.com", "http://example.com/"),
    ("https://example.com", "http://example.com:443/"),
    ("http://example.com", "https://example.com/"),
    ("http://example.com:443", "https://example.com/"),
    ("http://example.com/a", "http://example.com/a/../b"),
    ("http://example.com/a", "http://example.com/a/%2e%2E/b"),
]


@pytest.mark.parametrize(("given_for", "asked"), FOUND + FOUND_IN_OTHER_WORDS)
def test_a_password_is_found_where_it_is_for(given_for, asked):
    assert manager_for(given_for).find_user_password("realm", asked) == ANN


@pytest.mark.parametrize(("given_for", "asked"), NOT_FOUND + NOT_FOUND_BUT_BY_URLLIB)
def test_a_password_is_not_found_elsewhere(given_for, asked):
    assert manager_for(given_for).find_user_password("realm", asked) == NOBODY


@pytest.mark.parametrize(
    ("given_for", "asked", "found"),
    [
        *((*pair, ANN) for pair in FOUND + NOT_FOUND_BUT_BY_URLLIB),
        *((*pair, NOBODY) for pair in FOUND_IN_OTHER_WORDS + NOT_FOUND),
    ],
)
def test_where_urllib_differs_is_known(given_for, asked, found):
    stock = urllib.request.HTTPPasswordMgr()
    stock.add_password("realm", given_for, *ANN)
    assert stock.find_user_password("realm", asked) == found


def test_a_password_is_for_its_realm_only():
    assert manager_for("http://a/").find_user_password("other", "http://a/") == NOBODY


def test_a_password_can_be_for_several_uris():
    manager = manager_for("http://a/", "http://b/b")
    assert manager.find_user_password("realm", "http://a/x") == ANN
    assert manager.find_user_password("realm", "http://b/b") == ANN
    assert manager.find_user_password("realm", "http://b/") == NOBODY


@pytest.mark.parametrize(
    "kind", [HTTPPasswordMgr, HTTPPasswordMgrWithDefaultRealm, HTTPPasswordMgrWithPriorAuth]
)
def test_several_uris_may_come_from_an_iterator(kind):
    manager = kind()
    manager.add_password("realm", iter(["http://a/", "http://b/"]), *ANN)
    assert manager.find_user_password("realm", "http://b/") == ANN


def test_a_newer_password_for_the_same_uri_takes_the_place_of_the_older():
    manager = manager_for("http://a/")
    manager.add_password("realm", "http://a/", "bob", "other")
    assert manager.find_user_password("realm", "http://a/") == ("bob", "other")


def test_of_two_passwords_that_fit_the_one_added_first_is_found():
    manager = manager_for("http://a/b")
    manager.add_password("realm", "http://a/", "bob", "other")
    assert manager.find_user_password("realm", "http://a/b/c") == ANN
    assert manager.find_user_password("realm", "http://a/") == ("bob", "other")


def test_the_passwords_stand_in_a_dict_of_realms_and_places():
    manager = manager_for("http://a/b", "c:8080")
    assert manager.passwd == {
        "realm": {
            (("http://a:80", "/b"), ("c:8080", "/")): ANN,
            (("http://a", "/b"), ("c:8080", "/")): ANN,
        }
    }


def test_a_password_is_in_no_repr():
    manager = manager_for("http://a/", kind=HTTPPasswordMgrWithPriorAuth)
    assert "secret" not in repr(manager)


@pytest.mark.parametrize("uri", ["http:///path", "http://a b/", "//a/b", "http://a:port/"])
def test_what_is_no_url_is_refused(uri):
    manager = HTTPPasswordMgr()
    with pytest.raises(errors.InvalidURL):
        manager.add_password("realm", uri, *ANN)
    with pytest.raises(errors.InvalidURL):
        manager.find_user_password("realm", uri)


PLACES = st.tuples(
    st.sampled_from(["a:80", "http://a:80", "http://a"]),
    st.text(st.sampled_from("/ab"), max_size=6).map(lambda path: "/" + path),
)


@given(base=PLACES, test=PLACES)
def test_a_path_is_below_another_one_segment_by_segment(base, test):
    manager = HTTPPasswordMgr()
    if manager.is_suburi(base, test):
        segments = base[1].removesuffix("/").split("/")
        assert test[1].split("/")[: len(segments)] == segments
    assert manager.is_suburi(base, base)


# --- the default realm


def test_the_realm_none_serves_for_realms_that_have_no_password():
    manager = HTTPPasswordMgrWithDefaultRealm()
    manager.add_password(None, "http://a/", *ANN)
    assert manager.find_user_password("any", "http://a/b") == ANN
    assert manager.find_user_password(None, "http://a/b") == ANN
    assert manager.find_user_password("any", "http://b/") == NOBODY
    manager.add_password("any", "http://a/", "bob", "other")
    assert manager.find_user_password("any", "http://a/b") == ("bob", "other")


# --- prior authentication


def prior(uri="http://a/b", is_authenticated=False, realm="realm"):
    manager = HTTPPasswordMgrWithPriorAuth()
    manager.add_password(realm, uri, *ANN, is_authenticated)
    return manager


@pytest.mark.parametrize("realm", ["realm", None])
def test_a_password_that_may_be_sent_unasked_is_found_without_a_realm(realm):
    manager = prior(is_authenticated=True, realm=realm)
    assert manager.is_authenticated("http://a:80/b/c")
    assert manager.find_user_password(None, "http://a/b/c") == ANN
    assert manager.find_user_password("realm", "http://a/b/c") == ANN


@pytest.mark.parametrize("uri", ["http://a/", "http://a/bc", "https://a/b", "http://c/b"])
def test_nothing_is_sent_unasked_elsewhere(uri):
    assert prior(is_authenticated=True).is_authenticated(uri) is False


def test_a_place_can_be_marked_and_unmarked_later():
    manager = prior()
    assert manager.is_authenticated("http://a/b") is False
    manager.update_authenticated("http://a/b", True)
    assert manager.is_authenticated("http://a/b") is True
    manager.update_authenticated(["http://a/b", "http://a/c"])
    assert manager.authenticated == {
        ("http://a:80", "/b"): False,
        ("http://a", "/b"): False,
        ("http://a:80", "/c"): False,
        ("http://a", "/c"): False,
    }


def test_the_nearest_place_says_whether_a_password_is_sent_unasked():
    manager = prior("http://a/", is_authenticated=True)
    manager.update_authenticated("http://a/open", False)
    assert manager.is_authenticated("http://a/other")
    assert not manager.is_authenticated("http://a/open/door")


def test_what_a_reply_shows_is_noted_for_the_nearest_place_known():
    manager = prior("http://a/")
    manager.update_authenticated("http://a/b", False)
    before = len(manager.authenticated)
    manager.learn("http://a/b/c", True)
    assert manager.is_authenticated("http://a/b")
    assert not manager.is_authenticated("http://a/")
    manager.learn("http://a/b/d", False)
    assert not manager.is_authenticated("http://a/b/c")
    manager.learn("http://elsewhere/", True)
    assert len(manager.authenticated) == before


# --- places


@pytest.mark.parametrize(
    ("url", "is_there"),
    [
        ("https://api.example/v1", True),
        ("https://api.example:443/v1/a?b", True),
        ("http://127.0.0.1:8000/", True),
        ("https://api.example/v10", False),
        ("https://api.example/v1/../v2", False),
        ("https://api.example/", False),
        ("http://api.example/v1", False),
        ("https://api.example:444/v1", False),
        ("https://api.example.other/v1", False),
    ],
)
def test_places_are_urls_and_what_is_below_them(url, is_there):
    assert (url in Places("https://API.example/v1", "http://127.0.0.1:8000")) is is_there


def test_places_are_named_with_their_schemes():
    with pytest.raises(errors.InvalidURL):
        Places("https://api.example/", "api.example")
    with pytest.raises(TypeError, match="name the URLs"):
        Places()
