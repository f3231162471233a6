"""Challenges as servers send them, well and badly; urllib's readers give what urllib gives."""

from __future__ import annotations

import random
import re
import urllib.request

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mini_http.codec import challenges
from mini_http.codec.challenges import (
    Challenge,
    parse_challenges,
    parse_http_list,
    parse_keqv_list,
    quoted_string,
)

LONG = 50_000
TEXT = st.text(max_size=60)
SENT = st.text(st.sampled_from("aB =,\"'\\\t;/é\xc3\x28\x7f"), max_size=40)


def challenge(scheme, token68=None, unquoted=(), **parameters):
    return Challenge(scheme, token68, tuple(parameters.items()), frozenset(unquoted))


# --- what is read

READ = {
    "": [],
    "Negotiate": [challenge("Negotiate")],
    'Basic realm="WallyWorld"': [challenge("Basic", realm="WallyWorld")],
    'Basic realm="foo", charset="UTF-8"': [challenge("Basic", realm="foo", charset="UTF-8")],
    'BASIC REALM="foo"': [challenge("BASIC", realm="foo")],
    # the example of RFC 9110 section 11.6.1
    'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""': [
        challenge("Basic", realm="simple"),
        challenge("Newauth", realm="apps", type="1", title='Login to "apps"', unquoted=["type"]),
    ],
    "Negotiate YWJj==, Basic realm=a": [
        challenge("Negotiate", "YWJj=="),
        challenge("Basic", realm="a", unquoted=["realm"]),
    ],
    "Negotiate YWJj, realm=a": [challenge("Negotiate", "YWJj")],
    "Negotiate, NTLM ,Basic  realm=a": [
        challenge("Negotiate"),
        challenge("NTLM"),
        challenge("Basic", realm="a", unquoted=["realm"]),
    ],
    ' , ,Digest  nonce = "n,o" , opaque\t=\to ,': [
        challenge("Digest", nonce="n,o", opaque="o", unquoted=["opaque"])
    ],
    # what RFC 9110 does not have, and servers do
    "Basic realm='a realm'": [challenge("Basic", realm="a realm")],
    "Basic realm=a realm , a=1": [
        challenge("Basic", realm="a realm", a="1", unquoted=["realm", "a"])
    ],
    "Basic realm=x@y.example": [challenge("Basic", realm="x@y.example", unquoted=["realm"])],
    "Digest nonce=YQ==, a=b": [challenge("Digest", nonce="YQ==", a="b", unquoted=["nonce", "a"])],
    'Basic realm="a"; b, c=1': [challenge("Basic", realm="a", c="1", unquoted=["c"])],
    'Basic realm=a"b", c="d"': [challenge("Basic", c="d")],
    "Basic realm='a": [challenge("Basic", realm="'a", unquoted=["realm"])],
    'Basic realm=""': [challenge("Basic", realm="")],
    # what is passed over
    'realm="a", Basic realm="b"': [challenge("Basic", realm="b")],
    "Ba(sic) realm=a, Basic realm=b": [challenge("Basic", realm="b", unquoted=["realm"])],
    'Basic realm="never closed, Digest nonce=a': [challenge("Basic")],
    'Basic realm="a", opaque=, b="c"': [challenge("Basic", realm="a", b="c")],
    "Basic words and words": [challenge("Basic")],
    '"Basic realm=a"': [],
    '"\\': [],
}


@pytest.mark.parametrize("field", READ)
def test_a_field_is_read_as_its_challenges(field):
    assert parse_challenges([field]) == READ[field]


def test_the_challenges_of_several_fields_follow_each_other_and_share_nothing():
    fields = ['Digest nonce="a", opaque="never closed', 'realm="lost", Basic realm="b"', ""]
    assert parse_challenges(fields) == [
        challenge("Digest", nonce="a"),
        challenge("Basic", realm="b"),
    ]


def test_bytes_that_are_utf8_are_decoded_and_others_stay():
    sent = 'Basic realm="Zürich", Basic realm="日本"'.encode().decode("latin-1")
    assert [one.get("realm") for one in parse_challenges([sent, 'Basic realm="Zürich"'])] == [
        "Zürich",
        "日本",
        "Zürich",
    ]


def test_of_a_repeated_parameter_the_first_one_counts():
    [one] = parse_challenges(['Basic realm="a", realm="b"'])
    assert one.get("realm") == "a"
    assert one.parameters == (("realm", "a"), ("realm", "b"))
    assert one.get("charset") is None


def test_schemes_are_compared_without_regard_to_case():
    one = Challenge("DiGest")
    assert one.is_for("digest")
    assert one.is_for("basic", "digest")
    assert not one.is_for("basic")


@pytest.mark.parametrize("field", READ)
def test_a_challenge_as_text_is_read_again(field):
    challenges = parse_challenges([field])
    assert parse_challenges([", ".join(map(str, challenges))]) == challenges
    assert [one for each in challenges for one in parse_challenges([str(each)])] == challenges


@given(realm=TEXT)
def test_any_text_survives_being_quoted(realm):
    text = realm.encode("utf-8", "replace").decode()
    assert parse_challenges([f"Basic realm={quoted_string(realm)}"]) == [
        challenge("Basic", realm=text)
    ]


@given(fields=st.lists(SENT | TEXT, max_size=3))
def test_nothing_that_is_sent_is_an_error(fields):
    for one in parse_challenges(fields):
        assert one.scheme
        assert parse_challenges([str(one)]) == [one]


NASTY = ["Basic ", "a=", '"', '\\"', "'", "a=',", ",", " ", "=", 'a="\\', "Basic a='x, ", "\t=\t"]


@pytest.mark.parametrize("piece", NASTY)
def test_long_fields_are_read_in_one_go(piece):
    # where time grew with the square of the length this would take hours
    for field in (piece * LONG, f"Basic {piece * LONG}", f'Basic realm="{piece * LONG}'):
        assert len(parse_challenges([field])) <= LONG
        assert len(parse_http_list(field)) <= 4 * LONG


class Counting:
    """The functions of `re` that the module uses, and how many characters they were given."""

    def __init__(self):
        self.characters = 0

    def match(self, pattern, text):
        self.characters += len(text) + 1
        return re.match(pattern, text)

    def findall(self, pattern, text):
        self.characters += len(text) + 1
        return re.findall(pattern, text)

    def sub(self, pattern, replacement, text):
        self.characters += len(text) + 1
        return re.sub(pattern, replacement, text)


PASSES = 6
"""How often a character is looked at, at most: to find members, schemes and parameters, to read a
value. What looks at them are patterns that never go back (tests/loopback/test_secrets.py)."""


def test_two_hundred_thousand_fields_are_read_without_error_and_in_linear_time(monkeypatch):
    counting = Counting()
    monkeypatch.setattr(challenges, "re", counting)
    pieces = [
        *NASTY,
        "Digest",
        "realm",
        'nonce="a"',
        "qop",
        "\\",
        "\x00",
        "\xe9",
        "é\ud800",
        "/+==",
    ]
    chance = random.Random(7616)
    for _ in range(200_000):
        fields = ["".join(chance.choices(pieces, k=chance.randrange(12))) for _ in range(2)]
        counting.characters = 0
        for one in parse_challenges(fields):
            assert one.scheme
        length = sum(map(len, fields))
        assert counting.characters <= PASSES * (length + 2), fields


@pytest.mark.parametrize("piece", NASTY)
def test_a_field_that_is_ten_times_as_long_takes_ten_times_as_many_steps(piece, monkeypatch):
    counting = Counting()
    monkeypatch.setattr(challenges, "re", counting)
    steps = []
    for times in (1_000, 10_000):
        counting.characters = 0
        parse_challenges([f"Basic {piece * times}"])
        steps.append(counting.characters)
    assert steps[1] <= 10 * steps[0] + 100


# --- urllib's readers


@given(text=st.text(st.sampled_from('ab ,"\\\n='), max_size=30) | TEXT)
@example("")
@example(",")
@example("a,")
@example('"a\\')
@example('a"b\\",c"d, e')
def test_a_list_is_split_as_urllib_splits_it(text):
    assert parse_http_list(text) == urllib.request.parse_http_list(text)


def test_pairs_are_parsed_as_urllib_parses_them():
    members = ["a=1", 'b="2"', "c=d=e", 'f="g', 'h="', 'a=""']
    assert parse_keqv_list(members) == urllib.request.parse_keqv_list(members)
    assert parse_keqv_list(members) == {"a": "", "b": "2", "c": "d=e", "f": '"g', "h": ""}


def test_a_pair_may_have_an_empty_value():
    assert parse_keqv_list(["a="]) == {"a": ""}


def test_a_member_without_equals_sign_is_no_pair():
    with pytest.raises(ValueError, match="expected key=value, got 'a'"):
        parse_keqv_list(["a"])
