"""Limits: the table of numbers, and what they may be."""

from __future__ import annotations

import pytest

from mini_http.base.limits import DEFAULT_LIMITS, Limits


def test_the_defaults_are_those_the_manual_promises():
    assert Limits() == DEFAULT_LIMITS
    assert DEFAULT_LIMITS.head_bytes == 256 * 1024
    assert DEFAULT_LIMITS.fields == 1000
    assert DEFAULT_LIMITS.line_bytes == 64 * 1024
    assert DEFAULT_LIMITS.trailers == 100
    assert DEFAULT_LIMITS.interim_replies == 20
    assert DEFAULT_LIMITS.redirects == 20
    assert DEFAULT_LIMITS.codings == 5
    assert DEFAULT_LIMITS.step_bytes == 1024 * 1024
    assert DEFAULT_LIMITS.drain_bytes == 64 * 1024


def test_what_a_body_decodes_to_is_unlimited_unless_asked_for():
    assert DEFAULT_LIMITS.decoded_bytes is None
    assert DEFAULT_LIMITS.decoded_ratio is None
    assert Limits(decoded_bytes=10, decoded_ratio=2.5).decoded_ratio == 2.5


def test_one_limit_can_be_changed_and_the_others_stay():
    assert Limits(redirects=0) == DEFAULT_LIMITS.replace(redirects=0)
    assert Limits(redirects=0).fields == DEFAULT_LIMITS.fields


@pytest.mark.parametrize("name", Limits._fields)
def test_no_limit_may_be_negative(name):
    assert getattr(Limits(**{name: 0}), name) == 0
    with pytest.raises(ValueError, match=rf"Limits\({name}=\) must not be negative, got -1"):
        Limits(**{name: -1})
