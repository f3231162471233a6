"""The work that is timed: for each row of the table, what a client does in one round.

Clients take turns, a batch each, round by round, and the order shifts by one each round; so what
else the machine does falls on all of them alike. The rows are at the end.

Small requests go to a server that shares its core with the client (`one_core`): they take turns
anyway, and to wake a core that has gone to sleep takes longer, and varies more, than what is to be
compared. Large bodies and threads have all cores.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from client import Client
    from support.nginx import Nginx
    from support.upload_server import UploadServer

    Run = Callable[[], float]
    """One client's share of a round; returns its figure."""

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
THREADS = 16
BIG_MEGABYTES = 200


@dataclass
class Bench:
    """What all rows share: the servers, the clients, how long to go on, and who failed.

    `near` is a server that was started within `one_core`; `taker` one that takes uploads.
    """

    nginx: Nginx
    near: Nginx
    taker: UploadServer
    cafile: str
    clients: Mapping[str, Client]
    quick: bool = False
    failures: list[str] = field(default_factory=list)

    def page(self, name: str) -> str:
        return f"{self.nginx.http}/{name}"

    def secure_page(self, name: str) -> str:
        return f"https://127.0.0.1:{self.nginx.ports['https']}/{name}"

    def near_page(self, name: str) -> str:
        return f"{self.near.http}/{name}"

    def near_secure_page(self, name: str) -> str:
        return f"https://127.0.0.1:{self.near.ports['https']}/{name}"

    def in_turn(self, prepare: Callable[[Client], Run], rounds: int) -> dict[str, list[float]]:
        """Each client's figures, round by round. A client that fails is noted and left out."""
        runs: dict[str, Run] = {}
        figures: dict[str, list[float]] = {}

        def attempt(name: str, work: Callable[[], object]) -> None:
            try:
                work()
            except Exception as error:
                self.failures.append(f"{name}: {type(error).__name__}: {error}")
                runs.pop(name, None)
                figures.pop(name, None)

        def begin(name: str, client: Client) -> None:
            runs[name] = prepare(client)
            runs[name]()  # warms up, and does not count
            figures[name] = []

        for name, client in self.clients.items():
            attempt(name, partial(begin, name, client))
        order = list(runs)
        for number in range(3 if self.quick else rounds):
            shift = number % len(order)
            for name in order[shift:] + order[:shift]:
                if name in runs:
                    gc.collect()
                    attempt(name, lambda name=name: figures[name].append(runs[name]()))
        return figures

    def batches(self, url: str, size: int, *, fresh: bool = False) -> dict[str, list[float]]:
        """Microseconds a request, over batches of `size`, with the server on the client's core."""
        count = max(1, size // 5) if self.quick else size

        def prepare(client: Client) -> Run:
            return per_request(client.batch(url, fresh=fresh), count, count)

        with one_core():
            return self.in_turn(prepare, 15)

    def threads(self, url: str, size: int) -> dict[str, list[float]]:
        """Microseconds a request, by the clock, while `THREADS` threads make `size` each."""
        count = max(1, size // 5) if self.quick else size

        def prepare(client: Client) -> Run:
            return per_request(client.together(url, THREADS), count, count * THREADS)

        return self.in_turn(prepare, 9)


@contextmanager
def one_core() -> Iterator[None]:
    """Keeps this process, and those that it starts, on one core, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    move_threads({min(before)})
    try:
        yield
    finally:
        move_threads(before)


def move_threads(cores: set[int]) -> None:
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), cores)


def per_request(work: Callable[[int], object], argument: int, requests: int) -> Run:
    """Times `work(argument)` and divides by the requests that it makes; microseconds."""

    def run() -> float:
        start = perf_counter()
        work(argument)
        return (perf_counter() - start) / requests * 1e6

    return run


# --- in fresh processes


def child(*arguments: str) -> str:
    """Runs this Python, with mini_http to be found; its output."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def milliseconds_of(program: str) -> float:
    """How long a fresh Python takes to run `program`, beyond what it takes to run nothing."""
    start = perf_counter()
    child("-c", "pass")
    middle = perf_counter()
    child("-c", program)
    return ((perf_counter() - middle) - (middle - start)) * 1e3


def imports(bench: Bench) -> dict[str, list[float]]:
    """Milliseconds to import, over a bare Python."""
    return bench.in_turn(lambda client: lambda: milliseconds_of(client.IMPORT), 15)


def cold_starts(bench: Bench) -> dict[str, list[float]]:
    """Milliseconds from a process's start to a page over TLS, over a bare Python."""
    given = f"URL = {bench.secure_page('1k')!r}; CAFILE = {bench.cafile!r}\n"
    return bench.in_turn(lambda client: lambda: milliseconds_of(given + client.COLD), 15)


def streams(bench: Bench, what: str, rounds: int) -> dict[str, list[float]]:
    """What `alone.stream` measured for each client and round."""
    pages = [bench.page("big"), bench.near_page("1k"), bench.cafile]
    return bench.in_turn(lambda client: lambda: alone("stream", client, pages)[what], rounds)


def uploads(bench: Bench, kind: str, what: str, rounds: int) -> dict[str, list[float]]:
    """What `alone.upload` measured for each client and round."""
    pages = [bench.taker.url, bench.near_page("post")]
    given = [*pages, str(bench.nginx.files / "big"), kind, bench.cafile]
    return bench.in_turn(lambda client: lambda: alone("upload", client, given)[what], rounds)


def large_bodies(bench: Bench) -> dict[str, list[float]]:
    """Microseconds that `alone.bodies` measured for each client and round."""
    pages = [bench.page("1m"), bench.cafile]
    return bench.in_turn(lambda client: lambda: alone("bodies", client, pages)["microseconds"], 11)


def alone(work: str, client: Client, arguments: list[str]) -> dict[str, float]:
    output = child(str(HERE / "alone.py"), work, client.name, *arguments)
    found: dict[str, float] = json.loads(output)
    return found


# --- the rows


@dataclass(frozen=True)
class Row:
    """One kind of work. `measure` gives each client's figures, in `unit`."""

    key: str
    title: str
    unit: str
    measure: Callable[[Bench], dict[str, list[float]]]


ROWS = [
    Row("kept", "GET 1 KB kept-alive", "µs", lambda b: b.batches(b.near_page("1k"), 1000)),
    Row(
        "headers",
        "GET with 16 reply headers",
        "µs",
        lambda b: b.batches(b.near_page("headers16"), 1000),
    ),
    Row(
        "tls",
        "GET 1 KB kept-alive over TLS",
        "µs",
        lambda b: b.batches(b.near_secure_page("1k"), 500),
    ),
    Row(
        "each",
        "a connection each",
        "µs",
        lambda b: b.batches(b.near_page("1k"), 200, fresh=True),
    ),
    Row("megabyte", "1 MB into bytes", "µs", large_bodies),
    Row("stream", f"{BIG_MEGABYTES} MB streamed", "ms", lambda b: streams(b, "milliseconds", 9)),
    Row("memory", "memory grown by that", "KiB", lambda b: streams(b, "kibibytes", 3)),
    Row(
        "upload",
        f"{BIG_MEGABYTES} MB sent from a file",
        "ms",
        lambda b: uploads(b, "file", "milliseconds", 9),
    ),
    Row(
        "upload_memory",
        "memory grown by that",
        "KiB",
        lambda b: uploads(b, "file", "kibibytes", 3),
    ),
    Row(
        "upload_bytes",
        f"{BIG_MEGABYTES} MB sent from bytes",
        "ms",
        lambda b: uploads(b, "bytes", "milliseconds", 9),
    ),
    Row("threads", f"{THREADS} threads, one opener", "µs", lambda b: b.threads(b.page("1k"), 200)),
    Row("import", "import", "ms", imports),
    Row("cold", "cold start to first HTTPS body", "ms", cold_starts),
]
