"""The demo: its lines are what was run and what came of it, and it leaves nothing open."""

from __future__ import annotations

import re

import pytest

from mini_http.tools.demo import IN_A_ROW, LAYERS, demo


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return "\n".join(demo(rounds=1)).splitlines()


def test_every_line_of_code_is_shown_in_its_order(lines: list[str]) -> None:
    run = [line.removeprefix("    >>> ") for line in lines if line.startswith("    >>> ")]
    assert "\n".join(run) + "\n" == "".join(code for _, code in LAYERS)


def test_each_layer_has_its_number_and_title(lines: list[str]) -> None:
    titles = [line for line in lines if re.match("[1-9]", line)]
    assert titles[:-1] == [f"{number}. {title}" for number, (title, _) in enumerate(LAYERS, 1)]


def test_what_goes_over_the_wire_is_shown(lines: list[str]) -> None:
    for line in (
        "    > GET /hello HTTP/1.0",
        "    >",
        "    < HTTP/1.1 200 OK",
        "    b'Hello from the demo server.\\n'",
        "    > GET /chunked HTTP/1.1",
        "    < Transfer-Encoding: chunked",
        "    > HEAD /1k HTTP/1.1",
        "    (200, '1024')",
        "    < Location: /gzip",
        "    < Content-Encoding: gzip",
        "    <Pool: 1 idle, 1 opened>",
    ):
        assert line in lines


def test_connections_are_used_again_and_counted(lines: list[str]) -> None:
    assert sum("* connected to" in line for line in lines) == 2
    assert sum("* reusing the connection" in line for line in lines) == 3
    assert "    6 requests came on 3 connections." in lines


def test_times_stand_beside_those_of_urllib(lines: list[str]) -> None:
    rows = [re.fullmatch(r" +(\S+) +\d+ µs +(\d+) connections?", line) for line in lines]
    counts = {row[1]: int(row[2]) for row in rows if row}
    assert counts == {
        "HTTPClient.get": 1,
        "Pool.send": 1,
        "mini_http.urlopen": 1,
        "urllib.request.urlopen": IN_A_ROW,
    }


def test_it_fits_on_a_few_screens(lines: list[str]) -> None:
    assert len(lines) < 100
    assert max(map(len, lines)) < 100


@pytest.mark.usefixtures("no_leaked_descriptors")
def test_it_can_be_left_in_the_middle() -> None:
    started = demo(rounds=1)
    assert any("http.getbody" in line for line in started)
    started.close()
