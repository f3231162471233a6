"""Digest by calculation: the RFCs' own examples, each form of an answer, what is no challenge."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.base import errors
from mini_http.codec.digest import (
    ALGORITHMS,
    DigestChallenge,
    DigestSession,
    hash_functions,
    new_cnonce,
    next_nonce,
)

HAS_SHA_512_256 = "sha512_256" in hashlib.algorithms_available
needs_sha_512_256 = pytest.mark.skipif(not HAS_SHA_512_256, reason="this Python has no SHA-512/256")


def parameters(text):
    """The parameters of a field, without quotes; in other words than those of the package."""
    found = re.findall(r'([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))', text)
    return {name: re.sub(r"\\(.)", r"\1", quoted) or bare for name, quoted, bare in found}


def session(user="user", password="password", cnonce="c", hashes=None, **given):
    challenge = DigestChallenge.of({"realm": "r", "nonce": "n", "qop": "auth"} | given)
    return DigestSession(challenge, user, password, cnonce, hashes)


# --- the examples of the RFCs

RFC_7616 = {
    "realm": "http-auth@example.org",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    "qop": "auth, auth-int",
}
RFC_7616_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
SECTION_3_9_1 = {
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    "MD5": "8ca523f5e9506fed4657c9700eebdbec",
}


@pytest.mark.parametrize("algorithm", SECTION_3_9_1)
def test_the_examples_of_rfc_7616_section_3_9_1_come_out(algorithm):
    one = session("Mufasa", "Circle of Life", RFC_7616_CNONCE, algorithm=algorithm, **RFC_7616)
    assert parameters(one.credentials("GET", "/dir/index.html")) == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": RFC_7616["nonce"],
        "nc": "00000001",
        "cnonce": RFC_7616_CNONCE,
        "qop": "auth",
        "response": SECTION_3_9_1[algorithm],
        "opaque": RFC_7616["opaque"],
    }


SECTION_3_9_2 = {
    "realm": "api@example.org",
    "qop": "auth",
    "algorithm": "SHA-512-256",
    "nonce": "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
    "opaque": "HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS",
    "charset": "UTF-8",
}
CNONCE_3_9_2 = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"


def first_half_of_sha_512(text):
    """What the RFC's authors took for SHA-512/256: it is SHA-512, cut."""
    return hashlib.sha512(text.encode()).hexdigest()[:64]


AS_PRINTED = first_half_of_sha_512, lambda secret, text: first_half_of_sha_512(f"{secret}:{text}")


@pytest.mark.parametrize(
    ("hashes", "user", "response"),
    [
        pytest.param(
            None,
            "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b",
            "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
            id="as erratum 4897 corrects it",
            marks=needs_sha_512_256,
        ),
        pytest.param(
            AS_PRINTED,
            "488869477bf257147b804c45308cd62ac4e25eb717b12b298c79e62dcea254ec",
            "ae66e67d6b427bd3f120414a82e4acff38e8ecd9101d6c861229025f607a79dd",
            id="as printed",
        ),
    ],
)
def test_the_example_of_rfc_7616_section_3_9_2_comes_out(hashes, user, response):
    one = session(
        "Jäsøn Doe", "Secret, or not?", CNONCE_3_9_2, hashes, userhash="true", **SECTION_3_9_2
    )
    sent = parameters(one.credentials("GET", "/doe.json"))
    assert (sent["username"], sent["response"]) == (user, response)
    assert (sent["userhash"], sent["uri"], sent["nc"]) == ("true", "/doe.json", "00000001")
    without = session("Jäsøn Doe", "Secret, or not?", CNONCE_3_9_2, hashes, **SECTION_3_9_2)
    sent = parameters(without.credentials("GET", "/doe.json"))
    assert sent["username*"] == "UTF-8''J%C3%A4s%C3%B8n%20Doe"
    assert sent["response"] == response
    assert not {"username", "userhash"} & sent.keys()


@pytest.mark.parametrize(
    ("qop", "cnonce", "password", "response"),
    [
        ("auth,auth-int", "0a4f113b", "Circle Of Life", "6629fae49393a05397450978507c4ef1"),
        # RFC 2069 section 2.4, as erratum 749 corrects it
        (None, "", "CircleOfLife", "1949323746fe6a43ef61f9606e7febea"),
    ],
    ids=["RFC 2617", "RFC 2069"],
)
def test_the_examples_of_the_older_rfcs_come_out(qop, cnonce, password, response):
    given = {
        "realm": "testrealm@host.com",
        "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "opaque": "5ccc069c403ebaf9f0171e9517f40e41",
    }
    challenge = DigestChallenge.of(given | ({"qop": qop} if qop else {}))
    one = DigestSession(challenge, "Mufasa", password, cnonce)
    sent = parameters(one.credentials("GET", "/dir/index.html"))
    assert sent["response"] == response
    assert ("nc" in sent) == ("cnonce" in sent) == (qop is not None)


# --- the forms of an answer


def md5(*parts):
    return hashlib.md5(":".join(parts).encode()).hexdigest()


def test_what_must_be_quoted_is_and_what_must_not_be_is_not():
    sent = session(realm='a "realm"', algorithm="sha-256", opaque="o").credentials("GET", "/b?c")
    response = parameters(sent)["response"]
    assert sent == (
        'username="user", realm="a \\"realm\\"", nonce="n", uri="/b?c", cnonce="c", '
        f'response="{response}", opaque="o", algorithm=sha-256, qop=auth, nc=00000001'
    )


def test_a_nonce_is_answered_again_with_a_higher_count_and_another_cnonce():
    sent = parameters(session().credentials("PUT", "/", 0xABC, "d"))
    assert (sent["nc"], sent["cnonce"]) == ("00000abc", "d")
    secret, asked = md5("user", "r", "password"), md5("PUT", "/")
    assert sent["response"] == md5(secret, "n", "00000abc", "d", "auth", asked)


def test_a_session_keeps_the_nonces_that_it_began_with():
    one = session(algorithm="MD5-sess")
    secret = md5(md5("user", "r", "password"), "n", "c")
    sent = parameters(one.credentials("GET", "/", 2, "ignored"))
    assert sent["cnonce"] == "c"
    assert sent["response"] == md5(secret, "n", "00000002", "c", "auth", md5("GET", "/"))
    following = one.continued("m")
    sent = parameters(following.credentials("GET", "/"))
    assert sent["nonce"] == "m"
    assert sent["response"] == md5(secret, "m", "00000001", "c", "auth", md5("GET", "/"))
    assert one.challenge.nonce == "n"


def test_auth_int_protects_the_body():
    pieces = [b"some", memoryview(b" bytes")]
    sent = parameters(session(qop="auth-int").credentials("POST", "/", body=pieces))
    asked = md5("POST", "/", hashlib.md5(b"some bytes").hexdigest())
    secret = md5("user", "r", "password")
    assert sent["qop"] == "auth-int"
    assert sent["response"] == md5(secret, "n", "00000001", "c", "auth-int", asked)


def test_a_body_is_not_read_for_auth_and_auth_is_chosen_of_both():
    body = iter([b"some"])
    sent = parameters(session(qop="auth-int,auth").credentials("POST", "/", body=body))
    assert sent["qop"] == "auth"
    assert [*body] == [b"some"]


def test_the_entity_digest_of_rfc_2069_goes_with_the_rest():
    assert 'digest="x"' in session().credentials("GET", "/", entity_digest="x")


def test_names_and_passwords_are_composed_where_the_server_reads_utf8():
    composed, decomposed = "\u00e9", "e\u0301"
    answers = {
        session(text, text, charset="utf-8").credentials("GET", "/")
        for text in (composed, decomposed)
    }
    assert len(answers) == 1
    plain = {session(text, text).credentials("GET", "/") for text in (composed, decomposed)}
    assert len(plain) == 2


def test_no_repr_shows_what_stands_for_a_password():
    one = session(password="hunter2")
    secret = md5("user", "r", "hunter2")
    assert "hunter2" not in repr(one) + repr(one.challenge)
    assert secret not in repr(one)


# --- algorithms

FUNCTIONS = {"MD5": hashlib.md5, "SHA": hashlib.sha1, "SHA-256": hashlib.sha256}


@pytest.mark.parametrize("suffix", ["", "-sess", "-SESS"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_algorithm_is_two_functions(name, suffix):
    hashed, keyed = hash_functions(name + suffix)
    assert hashed("é") == FUNCTIONS[name]("é".encode()).hexdigest()
    assert keyed("a", "b") == hashed("a:b")
    assert hashed("é") == hashed("é")


@needs_sha_512_256
def test_sha_512_256_is_not_a_part_of_sha_512():
    hashed, _ = hash_functions("SHA-512-256")
    # FIPS 180-4, of "abc"
    assert hashed("abc") == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"


@pytest.mark.parametrize("name", ["invalid", "SHA-3-sess", "not in hashlib", ""])
def test_an_algorithm_that_is_not_there_is_an_error(name, monkeypatch):
    monkeypatch.setitem(ALGORITHMS, "NOT IN HASHLIB", "no such function")
    with pytest.raises(errors.InvalidRequest, match="Unsupported digest") as caught:
        hash_functions(name)
    assert str(caught.value) == f"Unsupported digest authentication algorithm {name!r}"
    assert DigestChallenge("r", "n", name).strength == -1


def test_algorithms_are_ordered_by_strength():
    known = [name for name in ALGORITHMS if HAS_SHA_512_256 or name != "SHA-512-256"]
    strengths = [DigestChallenge("r", "n", name).strength for name in known]
    assert strengths == sorted(strengths, reverse=True)
    assert min(strengths) == 0
    assert DigestChallenge("r", "n", "sha-256-sess").strength == strengths[known.index("SHA-256")]


# --- challenges

NONE = [
    {},
    {"realm": "r"},
    {"nonce": "n"},
    {"realm": "r", "nonce": "n", "qop": "auth-conf"},
]


@pytest.mark.parametrize("given", NONE, ids=str)
def test_what_cannot_be_answered_is_no_challenge(given):
    assert DigestChallenge.of(given) is None


def test_a_challenge_has_what_its_parameters_say():
    given = {"realm": "", "nonce": "n", "stale": "TRUE", "domain": "/a http://h/b", "userhash": "x"}
    challenge = DigestChallenge.of(given | {"algorithm": "", "qop": "", "opaque": ""})
    assert challenge == DigestChallenge("", "n", is_stale=True, domain=("/a", "http://h/b"))
    assert (challenge.qop, challenge.opaque, challenge.is_session) == (None, None, False)
    assert DigestChallenge.of({"realm": "r", "nonce": "n", "qop": " AUTH-INT , x"}).qop == (
        "auth-int"
    )


@pytest.mark.parametrize(
    ("info", "nonce"),
    [
        ('nextnonce="a,b", qop=auth', "a,b"),
        ('qop=auth, rspauth="x", nextnonce=c', "c"),
        ('nextnonce=""', None),
        ("qop=auth", None),
        ("", None),
        ('"', None),
    ],
)
def test_the_next_nonce_is_read_from_the_field(info, nonce):
    assert next_nonce(info) == nonce


@given(info=st.text(max_size=40))
def test_any_field_is_read(info):
    assert isinstance(next_nonce(info), str | None)


def test_the_clients_nonces_are_all_different():
    assert len({new_cnonce() for _ in range(100)}) == 100
    assert re.fullmatch("[0-9a-f]{16}", new_cnonce())
