"""The rows of the table: for each, what every client does in one round. They stand at the end.

What is measured in memory or time of import has a fresh process for each client and round.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from canned_server import COOKIES_AT_ONCE, PAGE
from client import Needs

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench import Bench, Figures
    from client import Client
    from support.nginx import Nginx

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BIG_MEGABYTES = 200
COOKIES = 100
ORIGINS = 1000

LINES = [b"The quick brown fox jumps over the lazy dog, line %05d.\n" % n for n in range(1200)]
TEXT = b"".join(LINES)[: 1 << 16]
RECORDS = [
    {"id": number, "name": f"name {number}", "tags": ["a", "b"], "price": number / 8, "new": True}
    for number in range(1340)
]
"""100 KB as JSON."""


def add_files(nginx: Nginx) -> None:
    """What the rows fetch beside nginx's own pages."""
    nginx.add_sparse_file("big", BIG_MEGABYTES << 20)
    nginx.add_file("text64k", gzip.compress(TEXT))
    nginx.add_file("100k.json", json.dumps(RECORDS).encode())


# --- over a server of our own


def cookies(bench: Bench) -> Figures:
    """Microseconds a request with a jar that has filled itself; the server counts what comes."""
    origin = bench.canned.urls[0]
    setting = [f"{origin}/set-cookies/{part}" for part in range(COOKIES // COOKIES_AT_ONCE)]
    return bench.batches(
        f"{origin}/cookies",
        300,
        needs=Needs(cookies=True),
        brings=b"%d cookies" % COOKIES,
        first=tuple(setting),
    )


def unix(bench: Bench) -> Figures:
    return bench.batches("http://localhost/1k", 1000, needs=Needs(unix=bench.canned.unix))


# --- in fresh processes


def child(*arguments: str) -> str:
    """Runs this Python, with mini_http to be found; its output."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=child_environment(), check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def child_environment() -> dict[str, str]:
    """That of this process, with mini_http to be found, and compiled modules to be kept."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def milliseconds_of(program: str) -> float:
    """How long a fresh Python takes to run `program`, beyond what it takes to run nothing."""
    start = perf_counter()
    child("-c", "pass")
    middle = perf_counter()
    child("-c", program)
    return ((perf_counter() - middle) - (middle - start)) * 1e3


def imports(bench: Bench) -> Figures:
    """Milliseconds to import, over a bare Python."""
    return bench.in_turn(lambda client: lambda: milliseconds_of(client.IMPORT), 15)


def cold_starts(bench: Bench) -> Figures:
    """Milliseconds from a process's start to a page over TLS, over a bare Python."""
    given = f"URL = {bench.secure_page('1k')!r}; CAFILE = {bench.cafile!r}\n"
    return bench.in_turn(lambda client: lambda: milliseconds_of(given + client.COLD), 15)


def streams(bench: Bench, what: str, rounds: int) -> Figures:
    """What `alone.stream` measured for each client and round."""
    pages = [bench.page("big"), bench.near_page("1k"), bench.cafile]
    return bench.in_turn(lambda client: lambda: alone("stream", client, pages)[what], rounds)


def uploads(bench: Bench, kind: str, what: str, rounds: int) -> Figures:
    """What `alone.upload` measured for each client and round."""
    pages = [bench.taker.url, bench.near_page("post")]
    given = [*pages, str(bench.nginx.files / "big"), kind, bench.cafile]
    return bench.in_turn(lambda client: lambda: alone("upload", client, given)[what], rounds)


def large_bodies(bench: Bench, page: str) -> Figures:
    """Microseconds that `alone.bodies` measured for each client and round."""
    given = [page, bench.cafile]
    return bench.in_turn(lambda client: lambda: alone("bodies", client, given)["microseconds"], 11)


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
    measure: Callable[[Bench], Figures]


ROWS = [
    Row("kept", "GET 1 KB kept-alive", "µs", lambda b: b.batches(b.near_page("1k"), 1000)),
    Row(
        "headers",
        "GET with 16 reply headers",
        "µs",
        lambda b: b.batches(b.near_page("headers16"), 1000),
    ),
    Row("post", "POST 1 KB", "µs", lambda b: b.batches(b.near_page("post"), 1000, "post")),
    Row(
        "tls",
        "GET 1 KB kept-alive over TLS",
        "µs",
        lambda b: b.batches(b.near_secure_page("1k"), 500),
    ),
    Row("unix", "GET 1 KB over a Unix socket", "µs", unix),
    Row(
        "each",
        "a connection each",
        "µs",
        lambda b: b.batches(b.near_page("1k"), 200, "fresh"),
    ),
    Row(
        "redirects",
        "3 redirects, then 1 KB",
        "µs",
        lambda b: b.batches(b.near_page("r1"), 200, needs=Needs(redirects=True), brings=PAGE),
    ),
    Row("cookies", f"a jar with {COOKIES} cookies for the host", "µs", cookies),
    Row("origins", f"{ORIGINS:,} origins in turn", "µs", lambda b: b.origins(ORIGINS, ORIGINS)),
    Row(
        "gzip",
        "64 KB of text, in gzip",
        "µs",
        lambda b: b.batches(b.near_page("coded/text64k"), 200, needs=Needs(gzip=True), brings=TEXT),
    ),
    Row(
        "json",
        "100 KB of JSON as objects",
        "µs",
        lambda b: b.batches(b.near_page("100k.json"), 100, "json", brings=RECORDS),
    ),
    Row("megabyte", "1 MB into bytes", "µs", lambda b: large_bodies(b, b.page("1m"))),
    Row(
        "chunked",
        "1 MB in chunks of 4 KB",
        "µs",
        lambda b: large_bodies(b, b.far_canned.urls[0] + "/chunked"),
    ),
    Row("stream", f"{BIG_MEGABYTES} MB streamed", "ms", lambda b: streams(b, "milliseconds", 9)),
    Row(
        "memory",
        f"memory grown by {BIG_MEGABYTES} MB streamed",
        "KiB",
        lambda b: streams(b, "kibibytes", 3),
    ),
    Row(
        "upload",
        f"{BIG_MEGABYTES} MB sent from a file",
        "ms",
        lambda b: uploads(b, "file", "milliseconds", 9),
    ),
    Row(
        "upload_memory",
        f"memory grown by {BIG_MEGABYTES} MB sent from a file",
        "KiB",
        lambda b: uploads(b, "file", "kibibytes", 3),
    ),
    Row(
        "upload_bytes",
        f"{BIG_MEGABYTES} MB sent from bytes",
        "ms",
        lambda b: uploads(b, "bytes", "milliseconds", 9),
    ),
    Row("threads16", "16 threads, one opener", "µs", lambda b: b.threads(16, 200)[0]),
    Row("fair16", "the slowest of 16 threads ÷ mean", "ratio", lambda b: b.threads(16, 200)[1]),
    Row("threads64", "64 threads, one opener", "µs", lambda b: b.threads(64, 50)[0]),
    Row("fair64", "the slowest of 64 threads ÷ mean", "ratio", lambda b: b.threads(64, 50)[1]),
    Row("import", "import", "ms", imports),
    Row("cold", "process start to first HTTPS body", "ms", cold_starts),
]
