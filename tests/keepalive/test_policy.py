"""PoolPolicy: its numbers and what they may be."""

import pytest

from mini_http.keepalive.policy import DEFAULT_POLICY, PoolPolicy


def test_the_usual_policy_is_the_one_without_arguments():
    assert PoolPolicy() == DEFAULT_POLICY
    assert DEFAULT_POLICY.idle_per_route <= DEFAULT_POLICY.idle_total
    assert DEFAULT_POLICY.idle_seconds <= DEFAULT_POLICY.age_seconds


@pytest.mark.parametrize("name", PoolPolicy._fields)
def test_no_number_may_be_negative(name):
    assert getattr(PoolPolicy(**{name: 0}), name) == 0
    with pytest.raises(ValueError, match=rf"PoolPolicy\({name}=\) must not be negative"):
        PoolPolicy(**{name: -1})
