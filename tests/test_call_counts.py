"""What a kept-alive GET costs in calls, which no timing shows so exactly.

The numbers are exact, so that neither a rise nor a fall goes unnoticed. Where they change on
purpose, the failure says what to do. Each count is made in a process of its own, after some
requests have filled every cache; the server is a thread of this one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.servers import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.connections import Connection

ROOT = Path(__file__).resolve().parent.parent

CALLS = {
    (3, 11): {"call": 52, "c_call": 68},
    (3, 12): {"call": 52, "c_call": 68},
    (3, 13): {"call": 52, "c_call": 68},
}
"""By version of Python: calls of functions in Python, and of those in C, as `sys.setprofile`
tells them."""

SYSTEM_CALLS = {"poll": 1, "recvfrom": 1, "sendto": 1}
"""With TLS or without. The poll finds out whether the server has closed the connection."""

ADVICE = (
    "{what} of a kept-alive GET through urlopen changed. If nothing should have changed them, find"
    " the commit that did. If they fell, or what they buy is worth it: measure with"
    " `python tests/benchmarks/compare.py --rows kept --clients mini_http,pycurl` before and after,"
    " write what was gained into docs/performance.md and the new numbers into {table} here."
)

REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n" + b"x" * 1024

PROGRAM = """
import gc, json, sys
from mini_http import urlopen

def get(url):
    with urlopen(url) as reply:
        return len(reply.read())

def count(url):
    found = {"call": 0, "c_call": 0}

    def notice(frame, event, argument):
        if event in found:
            found[event] += 1

    sys.setprofile(notice)
    with urlopen(url) as reply:
        reply.read()
    sys.setprofile(None)
    found["c_call"] -= 1  # that of setprofile itself
    return found

task, url, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
if task == "count":
    for _ in range(50):
        get(url)
    gc.collect()
    gc.disable()
    print(json.dumps([count(url) for _ in range(number)]))
else:
    for _ in range(number):
        get(url)
"""


def serve(connection: Connection) -> None:
    """Keeps the connection, and sends head and body at once."""
    while True:
        connection.read_head()
        connection.send(REPLY)


@pytest.fixture
def url() -> Iterator[str]:
    with ScriptedServer(handler=serve) as server:
        yield f"{server.url}page"


@pytest.fixture(params=["http", "https"])
def page(request, certificates, monkeypatch) -> Iterator[str]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    context = certificates.good.server_context()

    def serve_in_tls(connection: Connection) -> None:
        connection.start_tls(context)
        serve(connection)

    with ScriptedServer(handler=serve if request.param == "http" else serve_in_tls) as server:
        yield f"{request.param}://localhost:{server.address[1]}/page"


def run(*arguments: str, under: tuple[str, ...] = ()) -> str:
    """What the program prints, in a process that nobody measures coverage of."""
    environment = {name: it for name, it in os.environ.items() if not name.startswith("COV")}
    command = [*under, sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def test_a_kept_alive_get_makes_as_many_calls_as_it_always_did(url):
    version = sys.version_info[:2]
    if version not in CALLS or sys.implementation.name != "cpython":
        pytest.skip(f"no numbers are known for {sys.implementation.name} {version}")
    rounds = json.loads(run("count", url, "9"))
    assert rounds == [CALLS[version]] * 9, ADVICE.format(what="The calls", table="CALLS")


def test_a_kept_alive_get_makes_as_many_system_calls_as_it_always_did(page, tmp_path):
    if not can_trace():
        pytest.skip("strace is not installed, or may not trace here")
    fewer, more = (system_calls(page, number, tmp_path / "table") for number in (100, 300))
    each = {name: round((calls - fewer.get(name, 0)) / 200) for name, calls in more.items()}
    found = {name: calls for name, calls in each.items() if calls}
    assert found == SYSTEM_CALLS, ADVICE.format(what="The system calls", table="SYSTEM_CALLS")


def can_trace() -> bool:
    """Whether strace is here, and allowed: some containers forbid it."""
    program = shutil.which("strace")
    if program is None:
        return False
    return subprocess.run([program, "-c", "true"], capture_output=True).returncode == 0


COUNTED = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(?!total)(\w+)$", re.M)
"""A line of strace's table: per cent, seconds, microseconds a call, calls, errors, name."""


def system_calls(url: str, number: int, table: Path) -> dict[str, int]:
    """All system calls of a process that makes so many requests."""
    run("get", url, str(number), under=("strace", "-f", "-c", "-o", str(table)))
    return {name: int(calls) for calls, name in COUNTED.findall(table.read_text())}
