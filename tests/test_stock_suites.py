"""What CPython's own suites want of urllib, http.client and http.cookiejar, mini_http does, but for
the exceptions listed.

tests/support/stock_suites.py tells how they are run, and when a test counts and passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.stock_suites import (
    EXCEPTIONS,
    MANUAL,
    NOT_RUN,
    SUITES,
    exemptions,
    fault,
    missing,
    names,
    not_counted,
    reasons_here,
    run_all,
)

if TYPE_CHECKING:
    from support.stock_suites import Outcome


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stock_test" not in metafunc.fixturenames:
        return
    reason = missing()
    if reason is not None:
        skipped = pytest.param("all", marks=pytest.mark.skip(reason=reason))
        metafunc.parametrize("stock_test", [skipped])
    else:
        metafunc.parametrize("stock_test", names())


@pytest.fixture(scope="module")
def with_stock() -> dict[str, Outcome]:
    return run_all("stock")


@pytest.fixture(scope="module")
def with_ours() -> dict[str, Outcome]:
    return run_all("ours")


def test_what_passes_for_the_standard_library_passes_for_us(stock_test, with_stock, with_ours):
    reason = not_counted(with_stock.get(stock_test, NOT_RUN))
    if reason is not None:
        pytest.skip(reason)
    failure = fault(with_ours.get(stock_test, NOT_RUN))
    exempt = reasons_here().get(stock_test)
    if exempt is None:
        assert failure is None, failure
    else:
        assert failure is not None, f"passes, and should no longer be listed in {EXCEPTIONS.name}"
        pytest.xfail(exempt)


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
@pytest.mark.parametrize("suite", SUITES)
def test_most_of_a_suite_counts(suite, with_stock):
    counted = [
        test
        for test, outcome in with_stock.items()
        if test.startswith(f"{suite}.") and not_counted(outcome) is None
    ]
    assert len(counted) >= FEWEST[suite]


FEWEST = {
    "test_urllib2": 60,
    "test_urllib2_localnet": 15,
    "test_urllib": 60,
    "test_urllib_response": 4,
    "test_httplib": 100,
    "test_http_cookiejar": 75,
    "test_xmlrpc": 30,
    "test_docxmlrpc": 8,
    "test_robotparser": 1,
    "test_httpservers": 40,
    "test_logging.HTTPHandlerTest": 1,
}
"""How many tests of a suite count, at least: fewer mean that something here is broken."""


def test_each_exception_names_tests_of_the_suites_once_and_gives_a_reason():
    listed = [test for exemption in exemptions() for test in exemption.tests]
    assert all(test.startswith(tuple(f"{suite}." for suite in SUITES)) for test in listed)
    assert len(listed) == len(set(listed))
    assert all(exemption.reason for exemption in exemptions())


def test_each_exception_is_about_a_private_helper_or_has_its_row_in_the_manual():
    manual = "".join(page.read_text() for page in MANUAL)
    for exemption in exemptions():
        if not exemption.reason.startswith("private helper: "):
            assert exemption.row, exemption.reason
            assert f"\n| {exemption.row} |" in manual
