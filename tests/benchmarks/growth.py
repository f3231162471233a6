"""Times a kept-alive GET of mini_http against the number of what it could depend on.

    python tests/benchmarks/growth.py                     all rows, a few minutes
    python tests/benchmarks/growth.py --quick             fewer requests and rounds
    python tests/benchmarks/growth.py --rows origins,threads
    python tests/benchmarks/growth.py --json              every figure, in growth.json beside this

It prints a markdown table; plots.py draws the lines. Each number has a process of its own, and the
numbers take turns, round by round. The server (canned_server.py) shares the client's core; it is
written in Python, and its share is in every figure: what counts is whether they grow.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1]))

from bench import one_core, per_request  # noqa: E402
from canned_server import CannedServer, allow_many_files  # noqa: E402
from svg import shown  # noqa: E402

import mini_http  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[int], object]
    """Makes so many requests."""

FIGURES = HERE / "growth.json"
MOST_ORIGINS = 1000
PATIENCE = 120
"""Seconds after which a thread that failed is not waited for any longer."""


# --- in a process of its own: each makes the work of one row, for `number` things


def one_page(opener: Any, url: str | mini_http.Request) -> Work:
    def run(count: int) -> None:
        for _ in range(count):
            with opener.open(url) as reply:
                reply.read()

    return run


def roomy_opener(*handlers: Any) -> Any:
    """One whose pool keeps as many connections as a row needs."""
    policy = mini_http.PoolPolicy(idle_per_route=MOST_ORIGINS, idle_total=2 * MOST_ORIGINS)
    return mini_http.build_opener(mini_http.HTTPHandler(pool=mini_http.Pool(policy)), *handlers)


def origins(number: int, urls: list[str]) -> Work:
    opener = roomy_opener()
    position = 0

    def run(count: int) -> None:
        nonlocal position
        for _ in range(count):
            with opener.open(f"{urls[position]}/1k") as reply:
                reply.read()
            position = (position + 1) % number

    run(number)  # opens the connections
    return run


def idle(number: int, urls: list[str]) -> Work:
    opener = roomy_opener()
    for url in urls[:number]:
        one_page(opener, f"{url}/1k")(1)
    return one_page(opener, f"{urls[0]}/1k")


def cookies(number: int, urls: list[str]) -> Work:
    jar = mini_http.CookieJar(limits=mini_http.CookieLimits(total=2 * number))
    for index in range(number):
        jar.set(f"name{index % 5}", "value", domain=f"h{index // 5}.site{index % 97}.example")
    return one_page(mini_http.build_opener(mini_http.HTTPCookieProcessor(jar)), f"{urls[0]}/1k")


def own_cookies(number: int, urls: list[str]) -> Work:
    jar = mini_http.CookieJar()
    for index in range(number):
        jar.set(f"name{index}", "value", domain="127.0.0.1")
    opener = mini_http.build_opener(mini_http.HTTPCookieProcessor(jar))
    with opener.open(f"{urls[0]}/cookies") as reply:
        assert reply.read() == b"%d cookies" % number
    return one_page(opener, f"{urls[0]}/1k")


class Bystander(mini_http.BaseHandler):
    """Has to do with another scheme only."""

    def other_request(self, request: Any) -> Any:
        return request


class Hook(mini_http.BaseHandler):
    """Is asked about each request, and leaves it as it is."""

    def http_request(self, request: Any) -> Any:
        return request


def bystanders(number: int, urls: list[str]) -> Work:
    opener = mini_http.build_opener(*[Bystander() for _ in range(number)])
    return one_page(opener, f"{urls[0]}/1k")


def hooks(number: int, urls: list[str]) -> Work:
    opener = mini_http.build_opener(*[Hook() for _ in range(number)])
    return one_page(opener, f"{urls[0]}/1k")


def reply_fields(number: int, urls: list[str]) -> Work:
    return one_page(mini_http.build_opener(), f"{urls[0]}/fields/{number}")


def request_fields(number: int, urls: list[str]) -> Work:
    fields = {f"X-Field-{index:04}": f"value-{index}" for index in range(number)}
    request = mini_http.Request(f"{urls[0]}/1k", headers=fields)
    return one_page(mini_http.build_opener(), request)


def threads(number: int, urls: list[str]) -> Work:
    """With threads that were started before: to start one takes longer than a request."""
    begin, end = threading.Barrier(number + 1), threading.Barrier(number + 1)
    work = one_page(roomy_opener(), f"{urls[0]}/1k")
    share = 0

    def take_part() -> None:
        while True:
            begin.wait()
            work(share)
            end.wait()

    for _ in range(number):
        threading.Thread(target=take_part, daemon=True).start()

    def run(count: int) -> None:
        nonlocal share
        share = count // number
        begin.wait()
        end.wait(PATIENCE)

    return run


# --- the rows


@dataclass(frozen=True)
class Row:
    """Lines of one picture. `series` names the work of each line and the numbers it is for."""

    key: str
    title: str
    across: str
    series: dict[str, tuple[Callable[[int, list[str]], Work], tuple[int, ...]]]


ROWS = [
    Row(
        "origins",
        "GET of 1 KB in turn from each origin",
        "origins in the pool",
        {"in turn": (origins, (1, 10, 100, 1000))},
    ),
    Row(
        "idle",
        "GET of 1 KB beside idle connections",
        "idle connections in the pool",
        {"one origin": (idle, (1, 10, 100, 1000))},
    ),
    Row(
        "cookies",
        "GET of 1 KB with a jar",
        "cookies in the jar",
        {
            "of other domains": (cookies, (1, 10, 100, 1000, 10_000)),
            "of the host, all sent": (own_cookies, (1, 10, 100)),
        },
    ),
    Row(
        "handlers",
        "GET of 1 KB through an opener with more handlers",
        "handlers added",
        {
            "of another scheme": (bystanders, (1, 10, 100, 1000)),
            "with an http_request": (hooks, (1, 10, 100, 1000)),
        },
    ),
    Row(
        "headers",
        "GET of 1 KB with more header fields",
        "fields",
        {
            "in the reply": (reply_fields, (10, 100, 1000)),
            "in the request": (request_fields, (1, 10, 100, 1000)),
        },
    ),
    Row(
        "threads",
        "GET of 1 KB in many threads",
        "threads with one opener",
        {"all together": (threads, (1, 10, 100, 1000))},
    ),
]
"""1,000 fields are the most that `Limits` lets a reply have, and three of them are in each."""


# --- measuring


def main() -> None:
    options = parse_options()
    rows = [row for row in ROWS if options.rows is None or row.key in options.rows.split(",")]
    if unknown := set((options.rows or "").split(",")) - {row.key for row in ROWS} - {""}:
        sys.exit(f"no such rows: {', '.join(sorted(unknown))}")
    allow_many_files()
    found = []
    with one_core(), CannedServer(MOST_ORIGINS) as server:
        for row in rows:
            figures = measure(row, server.urls, options.quick)
            found.append(
                {"key": row.key, "title": row.title, "across": row.across, "series": figures}
            )
            print(markdown(row, figures), flush=True)
    if options.json:
        document = {"quick": options.quick, "growth": found}
        options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def parse_options() -> argparse.Namespace:
    first, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="2 rounds, fewer requests")
    parser.add_argument("--rows", metavar="A,B", help=", ".join(row.key for row in ROWS))
    parser.add_argument("--json", type=Path, nargs="?", const=FIGURES, metavar="FILE")
    return parser.parse_args()


def measure(row: Row, urls: list[str], quick: bool) -> dict[str, dict[int, list[float]]]:
    """The microseconds of each line and number, round by round."""
    figures: dict[str, dict[int, list[float]]] = {
        name: {number: [] for number in numbers} for name, (_, numbers) in row.series.items()
    }
    for _ in range(2 if quick else 7):
        for name, points in figures.items():
            for number, rounds in points.items():
                rounds.append(in_a_process(row.key, name, number, urls, quick))
    return figures


def in_a_process(key: str, name: str, number: int, urls: list[str], quick: bool) -> float:
    given = json.dumps([key, name, number, urls, quick])
    command = [sys.executable, __file__, "--one"]
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def one(key: str, name: str, number: int, urls: list[str], quick: bool) -> float:
    """Microseconds a request: the median of three batches, in this process."""
    allow_many_files()
    make, _ = next(row for row in ROWS if row.key == key).series[name]
    work = make(number, urls)
    # Each of many threads or origins makes a few requests.
    count = max(200 if quick else 1000, (2 if quick else 10) * number if make in SPREAD else 0)
    work(count)
    gc.collect()
    gc.freeze()
    return round(median(per_request(work, count)() for _ in range(3)), 2)


SPREAD = (origins, threads)
"""What has to make at least one request for each of its number."""


def markdown(row: Row, figures: dict[str, dict[int, list[float]]]) -> str:
    numbers = sorted({number for points in figures.values() for number in points})
    lines = [[f"{row.title}; µs by {row.across}", *[f"{number:,}" for number in numbers]]]
    lines.append(["---", *["--:"] * len(numbers)])
    for name, points in figures.items():
        cells = [shown(median(points[at])) if at in points else "-" for at in numbers]
        lines.append([name, *cells])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--one"]:
        print(one(*json.load(sys.stdin)))
    else:
        main()
