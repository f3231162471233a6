"""docs/testing.md: every block runs, and does what the page says."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from support.documents import ROOT, example_under, examples

from mini_http.keepalive.pool import shared_pool
from mini_http.tools import masking
from mini_http.tools.har import read_har
from mini_http.tools.responses_handler import ERRORS

PAGE = "docs/testing.md"


@pytest.fixture
def place(echo_server, tmp_path, monkeypatch):
    """What to put for the page's server, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    yield {"http://localhost:8000/": echo_server.url}
    shared_pool().close()


def test_every_block_is_run_here():
    headings = [example.heading for example in examples(PAGE)]
    run = re.findall(r'example_under\(PAGE, "(.*?)"\)', Path(__file__).read_text())
    assert sorted(headings) == sorted(run)


def test_five_lines_mock_a_function():
    example = example_under(PAGE, "Five lines")
    names = example.run()
    names["test_price"]()
    mocking = example.code.partition("def test_price")[2]
    assert len(mocking.strip().splitlines()) < 5


def test_errors_are_those_of_a_connection():
    assert example_under(PAGE, "Errors").run()["printed"]


def test_mocks_that_are_active_are_joined():
    example_under(PAGE, "With responses.activate").run()["test_page"]()


def test_the_fixture_works_as_it_is_written(pytester: pytest.Pytester):
    pytester.makepyfile(example_under(PAGE, "As a pytest fixture").code)
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_session_is_recorded_and_replayed(place):
    ran = example_under(PAGE, "A session").run(place)
    assert ran["printed"] == "200\n"
    assert ran["replayer"].unused == []
    assert stat.S_IMODE(Path("session.har").stat().st_mode) == 0o600


def test_one_opener_records_alone(place):
    example_under(PAGE, "One opener alone").run(place)
    exchanges, _ = read_har(Path("session.har").read_bytes())
    assert [exchange.status for exchange in exchanges] == [200]


def test_what_the_page_says_is_masked_is():
    text = (ROOT / PAGE).read_text()
    in_json = re.search(r"\* (`access_token`.*) in JSON that came", text)
    assert in_json is not None
    assert set(re.findall("`(.*?)`", in_json[1])) <= masking.MEMBERS
    named = re.search(r"parameters with names such as (.*?):", text, re.DOTALL)
    assert named is not None
    assert set(re.findall("`(.*?)`", named[1])) <= masking.PARAMETERS


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("Timeout", "ReadTimedOut"), ("SSLError", "TLSFailed"), ("ConnectionError", "ConnectFailed")],
)
def test_errors_become_those_that_the_page_says(theirs, ours):
    assert ERRORS[f"requests.exceptions.{theirs}"] == ours
    assert f"`{ours}`" in (ROOT / PAGE).read_text()
