"""Credentials: what RFC 7617 shows, there and back, what it can't express; and the strongest."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.base import errors
from mini_http.codec.challenges import parse_challenges
from mini_http.codec.credentials import (
    basic_credentials,
    digests_by_strength,
    strongest_answer,
)


@pytest.mark.parametrize(
    ("user", "password", "value"),
    [
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("test", "123£", "Basic dGVzdDoxMjPCow=="),  # RFC 7617 section 2.1
        ("user", "a:b", "Basic dXNlcjphOmI="),
        ("", "", "Basic Og=="),
    ],
)
def test_credentials_are_user_and_password_as_utf8_in_base64(user, password, value):
    assert basic_credentials(user, password) == value


@given(
    user=st.text(st.characters(exclude_characters=":", exclude_categories=["Cc", "Cs"])),
    password=st.text(st.characters(exclude_categories=["Cc", "Cs"])),
)
def test_what_was_coded_can_be_decoded(user, password):
    scheme, _, coded = basic_credentials(user, password).partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(coded, validate=True).decode() == f"{user}:{password}"


@pytest.mark.parametrize(
    ("user", "password"), [("a:b", "secret"), ("a\n", "secret"), ("a", "secret\n"), ("a", "\x7f"),
     ("a", "secret\ud800"), ("\udfff", "secret")],
)  # fmt: skip
def test_what_basic_authentication_cannot_express_is_refused_without_saying_it(user, password):
    with pytest.raises(errors.InvalidRequest, match="can't contain") as caught:
        basic_credentials(user, password)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None  # as an error of the codec would be, which shows all


# --- the strongest

DIGEST = 'Digest realm="r", nonce="n", qop="auth", algorithm='
STRONGEST = {
    "Digest before Basic": (['Basic realm="r"', f"{DIGEST}MD5"], "Digest", "MD5"),
    "one field": ([f'Basic realm="r", {DIGEST}MD5, {DIGEST}SHA-256, NTLM'], "Digest", "SHA-256"),
    "several fields": ([f"{DIGEST}SHA-256-sess", f"{DIGEST}MD5"], "Digest", "SHA-256-sess"),
    "the first of equals": ([f"{DIGEST}md5-sess", f"{DIGEST}MD5"], "Digest", "md5-sess"),
    "unknown algorithms": ([f"{DIGEST}SHA-3", "Basic realm=a"], "Basic", None),
    "unknown qop": (['Digest realm="r", nonce="n", qop="x"', "Basic"], "Basic", None),
    "no nonce": (['Digest realm="r"', f"{DIGEST}MD5"], "Digest", "MD5"),
    "no parameters": (["Basic"], "Basic", None),
}


@pytest.mark.parametrize("case", STRONGEST)
def test_the_strongest_challenge_that_can_be_answered_is(case):
    fields, scheme, algorithm = STRONGEST[case]
    answer = strongest_answer(fields, "user", "password", "GET", "/a")
    assert answer.startswith(f"{scheme} ")
    if algorithm is not None:
        assert f"algorithm={algorithm}, qop=auth, nc=00000001" in answer
        assert 'uri="/a"' in answer
    else:
        assert answer == basic_credentials("user", "password")


@pytest.mark.skipif(
    "sha512_256" not in hashlib.algorithms_available, reason="this Python has no SHA-512/256"
)
def test_sha_512_256_is_the_strongest():
    fields = [f"{DIGEST}SHA-256", f"{DIGEST}SHA-512-256", f"{DIGEST}MD5"]
    assert "algorithm=SHA-512-256" in strongest_answer(fields, "u", "p", "CONNECT", "host:1")


@pytest.mark.parametrize("fields", [[], [""], ["Negotiate, NTLM"], [f"{DIGEST}SHA-3"]])
def test_what_cannot_be_answered_has_no_answer(fields):
    assert strongest_answer(fields, "user", "password", "GET", "/") is None


def test_a_body_is_read_only_where_it_is_to_be_protected():
    body = iter([b"piece"])
    strongest_answer([f"{DIGEST}MD5"], "user", "password", "POST", "/", body)
    assert [*body] == [b"piece"]
    read = iter([b"piece"])
    only = 'Digest realm="r", nonce="n", qop="auth-int"'
    assert "qop=auth-int" in strongest_answer([only], "user", "password", "POST", "/", read)
    assert [*read] == []


def test_of_a_parameter_that_repeats_the_first_counts():
    [(digest, _)] = digests_by_strength(parse_challenges([f'{DIGEST}MD5, nonce="m", realm="s"']))
    assert (digest.realm, digest.nonce) == ("r", "n")
