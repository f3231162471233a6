"""Counts the system calls, and the instructions, of one kept-alive GET of each client.

    python tests/benchmarks/system_calls.py                          all clients, http and https
    python tests/benchmarks/system_calls.py --clients mini_http,pycurl
    python tests/benchmarks/system_calls.py --json FILE

Each client runs twice under `strace -c`, each time in a process of its own, once with more
requests; what the longer run has more, divided by the requests that it has more, is the cost of
one. Calls that come less often than once in 20 requests (memory, the garbage collector's) are left
out. Instructions, in user mode, are counted in the same way by `perf stat`, where the machine lets
a program count them: most virtual machines do not. It needs nginx and strace.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(TESTS), str(TESTS.parent)]

from bench import one_core  # noqa: E402
from clients import CLIENTS  # noqa: E402
from rows import child_environment  # noqa: E402

SHORT, LONG = 100, 1100
SELDOM = 0.05
"""Calls a request below which a system call is not the request's own."""

COUNTED = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(\w+)$", re.M)
"""A line of strace's table: per cent, seconds, microseconds a call, calls, errors, name."""


def main() -> None:
    first, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", metavar="A,B", help="of all that compare.py knows")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if shutil.which("strace") is None:
        sys.exit("strace is not installed (Debian: apt-get install strace)")
    names = [kind.name for kind in CLIENTS]
    wanted = options.clients.split(",") if options.clients else names
    if unknown := set(wanted) - set(names):
        sys.exit(f"no such clients: {', '.join(sorted(unknown))}")
    found = measure(wanted)
    print(markdown(found))
    if not can_count_instructions():
        print("Instructions: this machine does not let `perf stat` count them.")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def measure(wanted: list[str]) -> dict[str, dict[str, dict[str, float]]]:
    """By scheme and client, the calls of one request, and its instructions if they are counted."""
    import trustme
    from support.certificates import Certificates
    from support.nginx import Nginx

    counts_instructions = can_count_instructions()
    found: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as directory, one_core():
        certificates = Certificates(Path(directory), trustme.CA())
        with Nginx(certificates, access_log=False) as nginx:
            for scheme, beginning in ("http", nginx.http), ("https", nginx.https):
                found[scheme] = {}
                for name in wanted:
                    given = [name, f"{beginning}/1k", str(certificates.ca_file)]
                    try:
                        calls = per_request(given)
                        if counts_instructions:
                            calls["instructions"] = instructions_per_request(given)
                        found[scheme][name] = calls
                    except subprocess.CalledProcessError as error:
                        print(f"left out: {name}, {scheme}: {error.stderr.splitlines()[-1:]}")
    return found


def per_request(given: list[str]) -> dict[str, float]:
    """The system calls of one request, by name."""
    fewer, more = (system_calls(given, count) for count in (SHORT, LONG))
    each = {name: (more[name] - fewer.get(name, 0)) / (LONG - SHORT) for name in more}
    return {name: round(calls, 2) for name, calls in sorted(each.items()) if calls > SELDOM}


def system_calls(given: list[str], count: int) -> dict[str, int]:
    """All system calls of a program that makes so many requests."""
    with tempfile.NamedTemporaryFile("r") as table:
        run(["strace", "-f", "-c", "-o", table.name], given, count)
        found = {name: int(calls) for calls, name in COUNTED.findall(table.read())}
    found.pop("total", None)
    return found


def run(before: list[str], given: list[str], count: int) -> str:
    """What a process that makes the requests, under the program `before`, says on stderr."""
    command = [*before, sys.executable, __file__, "--one", *given, str(count)]
    done = subprocess.run(
        command, env=child_environment(), check=True, capture_output=True, text=True
    )
    return done.stderr


# --- instructions


def can_count_instructions() -> bool:
    if shutil.which("perf") is None:
        return False
    command = ["perf", "stat", "-x", ";", "-e", "instructions:u", "true"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode == 0 and done.stderr.split(";")[0].isdigit()


def instructions_per_request(given: list[str]) -> float:
    before = ["perf", "stat", "-x", ";", "-e", "instructions:u"]
    fewer, more = (int(run(before, given, count).split(";")[0]) for count in (SHORT, LONG))
    return (more - fewer) / (LONG - SHORT)


# --- the report, and the program that is counted


def markdown(found: dict[str, dict[str, dict[str, float]]]) -> str:
    lines = ["| | all | which |", "| --- | --: | --- |"]
    for scheme, clients in found.items():
        for name, each in clients.items():
            calls = {call: number for call, number in each.items() if call != "instructions"}
            which = ", ".join(f"{call} {number:g}" for call, number in calls.items())
            if "instructions" in each:
                which += f"; {each['instructions']:,.0f} instructions"
            lines.append(f"| {name}, {scheme} | {sum(calls.values()):g} | {which} |")
    return "\n".join(lines)


def one(name: str, url: str, cafile: str, count: str) -> None:
    """Makes the requests with one client."""
    client = next(kind for kind in CLIENTS if kind.name == name)(cafile)
    client.batch(url)(int(count))
    client.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
    else:
        main()
