"""The fixtures, had as a program's tests would have them."""

from __future__ import annotations

import pytest

from mini_http import urlopen
from mini_http.tools.pytest_plugin import mocked_urlopen  # noqa: F401


def test_the_fixture_mocks_urlopen(mocked_urlopen):  # noqa: F811
    mocked_urlopen.get("http://example.com/", body="mocked")
    assert urlopen("http://example.com/").read() == b"mocked"


def test_a_conftest_can_hand_it_to_all_tests(pytester: pytest.Pytester):
    pytester.makeconftest('pytest_plugins = ["mini_http.tools.pytest_plugin"]')
    pytester.makepyfile(
        """
        from mini_http import urlopen

        def test_that_asks(mocked_urlopen):
            mocked_urlopen.get("http://example.com/", body="mocked")
            assert urlopen("http://example.com/").read() == b"mocked"

        def test_that_does_not_ask(mocked_urlopen):
            mocked_urlopen.get("http://example.com/", body="mocked")
        """
    )
    ran = pytester.runpytest_inprocess()
    ran.assert_outcomes(passed=2, errors=1)
    ran.stdout.fnmatch_lines(["*AssertionError: Not all requests have been executed*"])
