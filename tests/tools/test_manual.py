"""docs/command-line.md: its tables are those of the code, and its examples do what they show."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mini_http.tools.demo_server import DemoServer
from mini_http.tools.failures import EXIT_CODES
from mini_http.tools.options import OPTIONS
from mini_http.tools.write_out import VARIABLES

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs" / "command-line.md").read_text()
EXAMPLES = re.findall(r"```console\n(.*?)```", MANUAL, re.S)


def table(heading: str) -> list[list[str]]:
    """The rows, as lists of cells, of the table below the line that begins its head."""
    rows = MANUAL.partition(f"\n| {heading} |")[2].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_the_options_are_those_of_the_code() -> None:
    wanted = []
    for group, rows in OPTIONS.items():
        wanted.append([f"**{group}**", ""])
        wanted += [[f"`{row.flags}`", row.help] for row in rows]
    assert [(*row, "")[:2] for row in map(tuple, table("option"))] == list(map(tuple, wanted))


def test_the_exit_codes_are_those_of_the_code() -> None:
    rows = sorted(EXIT_CODES, key=lambda row: row.code)
    assert table("code") == [[str(row.code), row.meaning] for row in rows]


def test_the_facts_are_those_of_the_code() -> None:
    names = [name for row in table("fact") for name in re.findall("`([a-z_]+)`", row[0])]
    assert sorted(names) == sorted(VARIABLES)


@pytest.mark.skipif(shutil.which("bash") is None, reason="the examples are for bash")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.split("\n")[0][2:60])
def test_each_example_does_what_it_shows(
    example: str, demo_server: DemoServer, tmp_path: Path
) -> None:
    for path, content in FILES.items():
        (tmp_path / path).write_bytes(content)
    place = f"localhost:{demo_server.port}"
    program = f"{sys.executable} -W error -m mini_http"
    checker = doctest.OutputChecker()
    for command, wanted in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", example, re.M):
        ran = subprocess.run(
            ["bash", "-c", f'mini-http() {{ {program} "$@"; }}\n' + command.replace(SHOWN, place)],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        came = ran.stdout.decode().replace("\r", "").replace(place, SHOWN)
        came = came.replace(f"127.0.0.1:{demo_server.port}", "127.0.0.1:8000")
        wanted, came = wanted.rstrip("\n"), came.rstrip("\n")  # not every body ends its last line
        assert checker.check_output(wanted, came, doctest.ELLIPSIS), f"{command}\n{came}"


SHOWN = "localhost:8000"
FILES = {"one": b"Hello from the demo server.\n"}
"""What an example finds that an earlier one has made."""


def test_there_are_examples_and_they_were_found() -> None:
    commands = re.findall(r"^\$ mini-http ", "".join(EXAMPLES), re.M)
    assert len(commands) == MANUAL.count("\n$ mini-http ") > 15
