"""http_date, held against the one of `email.utils`."""

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.base.dates import http_date


@given(st.integers(0, 32503680000))
def test_a_date_is_what_pythons_own_module_writes(seconds):
    assert http_date(seconds) == email.utils.formatdate(seconds, usegmt=True)


@pytest.mark.parametrize("seconds", [1e12, 1e17, 1e300, -1e11])
def test_a_time_that_is_no_date_is_left_out(seconds):
    assert http_date(seconds) is None
