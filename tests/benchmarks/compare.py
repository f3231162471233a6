"""Times mini_http beside its peers, on a private nginx on loopback. Never part of the tests.

    python tests/benchmarks/compare.py                    all rows, some ten minutes
    python tests/benchmarks/compare.py --quick            a first look, about two minutes
    python tests/benchmarks/compare.py --rows kept,tls    some rows (--list names them)
    python tests/benchmarks/compare.py --clients mini_http,pycurl
    python tests/benchmarks/compare.py --markdown         ends with the table for the docs
    python tests/benchmarks/compare.py --json             every figure of every round, in
                                                          figures.json beside this file

It needs nginx, and those peers that are to be compared (`pip install -r requirements.txt`, the file
beside this one, for the versions that the docs compare); what is not installed, or can't do a row,
is left out and named. Figures are medians over the rounds. On another machine they differ; the
ratios hardly do. plots.py draws what is in figures.json.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import re
import ssl
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench import Bench, one_core
from canned_server import CannedServer, allow_many_files
from clients import CLIENTS
from rows import ORIGINS, ROWS, Row, add_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench import Figures
    from client import Client

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
FIGURES = HERE / "figures.json"
PINNED = HERE / "requirements.txt"

OURS = "mini_http"
FLOOR = "bare socket"
RIVAL = "pycurl"

MISLEADING = re.compile(r"_proxy$|^(SSL_CERT|REQUESTS_CA|CURL_CA)_", re.I)
"""What in the environment would send some clients elsewhere, or have them trust others."""

FIGURE_LIST = re.compile(r"\[[^][{}\"]*\]")
"""In JSON, a list of nothing but numbers."""

PIN = re.compile(r"^([\w-]+)==(\S+)", re.M)

Medians = dict[str, float]


def main() -> None:
    options = parse_options()
    for name in [name for name in os.environ if MISLEADING.search(name)]:
        del os.environ[name]
    sys.path[1:1] = [str(TESTS), str(TESTS.parent)]
    import trustme
    from support.certificates import Certificates
    from support.nginx import Nginx, find_nginx
    from support.upload_server import UploadServer

    if find_nginx() is None:
        sys.exit("nginx is not installed (Debian: apt-get install nginx-light)")
    allow_many_files()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        enter = stack.enter_context
        certificates = Certificates(Path(directory), trustme.CA())
        clients, missing = make_clients(options.clients, str(certificates.ca_file))
        with one_core():
            near = enter(Nginx(certificates, access_log=False))
            canned = enter(CannedServer(ORIGINS, unix=f"{directory}/socket"))
        bench = Bench(
            nginx=enter(Nginx(certificates, access_log=False)),
            near=near,
            canned=canned,
            far_canned=enter(CannedServer()),
            taker=enter(UploadServer()),
            cafile=str(certificates.ca_file),
            clients=clients,
            quick=options.quick,
        )
        add_files(bench.nginx)
        add_files(near)
        run(options, bench, missing)


def parse_options() -> argparse.Namespace:
    first, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="3 rounds, smaller batches")
    parser.add_argument("--rows", type=chosen([row.key for row in ROWS]), metavar="A,B")
    parser.add_argument("--clients", type=chosen([kind.name for kind in CLIENTS]), metavar="A,B")
    parser.add_argument("--list", action="store_true", help="name the rows and clients, and end")
    parser.add_argument("--markdown", action="store_true", help="end with a markdown table")
    parser.add_argument(
        "--json",
        type=Path,
        nargs="?",
        const=FIGURES,
        metavar="FILE",
        help="write every figure to FILE, or to figures.json beside this program",
    )
    options = parser.parse_args()
    if options.list:
        print("rows:   ", ", ".join(row.key for row in ROWS))
        print("clients:", ", ".join(kind.name for kind in CLIENTS))
        sys.exit()
    return options


def chosen(names: list[str]) -> Callable[[str], list[str]]:
    """Parses "a,b" into names that exist."""

    def parse(text: str) -> list[str]:
        wanted = text.split(",")
        if unknown := [name for name in wanted if name not in names]:
            raise argparse.ArgumentTypeError(f"no {unknown[0]!r} among {', '.join(names)}")
        return wanted

    return parse


def run(options: argparse.Namespace, bench: Bench, missing: list[str]) -> None:
    gc.collect()
    gc.freeze()  # what ten libraries have loaded must not slow down the one that is timed
    facts = machine_facts(bench)
    print("\n".join(facts + missing), file=sys.stderr)
    rows = [row for row in ROWS if options.rows is None or row.key in options.rows]
    rounds: dict[str, Figures] = {}
    for row in rows:
        bench.row = row.key
        rounds[row.key] = row.measure(bench)
        print_row(row, medians_of(rounds[row.key]))
        for name, reason in bench.left_out.get(row.key, {}).items():
            print(f"  {name:12} {'-':>9}  {reason}", flush=True)
    if options.markdown:
        print(markdown(rows, {key: medians_of(found) for key, found in rounds.items()}))
        print("\n".join(f"* {line}" for line in facts + missing + reasons(rows, bench)))
    if options.json:
        write_figures(options.json, facts + missing, rows, rounds, bench)
    for client in bench.clients.values():
        client.close()


def write_figures(
    path: Path, facts: list[str], rows: list[Row], rounds: dict[str, Figures], bench: Bench
) -> None:
    """Every round's figure of every client, beside the machine and the versions."""
    document = {
        "facts": facts,
        "quick": bench.quick,
        "versions": versions(bench),
        "rows": [
            {
                "key": row.key,
                "title": row.title,
                "unit": row.unit,
                "rounds": {
                    name: [float(f"{figure:.4g}") for figure in figures]
                    for name, figures in rounds[row.key].items()
                },
                "left_out": bench.left_out.get(row.key, {}),
            }
            for row in rows
        ],
    }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    # Lists of figures on one line each: a line a client.
    path.write_text(FIGURE_LIST.sub(lambda found: " ".join(found[0].split()), text) + "\n")


def make_clients(wanted: list[str] | None, cafile: str) -> tuple[dict[str, Client], list[str]]:
    """The clients whose library is there, and a line for each that is not."""
    clients, missing = {}, []
    for kind in CLIENTS:
        if wanted is not None and kind.name not in wanted:
            continue
        try:
            clients[kind.name] = kind(cafile)
        except Exception as error:  # not installed, or not finished
            missing.append(f"left out: {kind.name}: {error}")
    return clients, missing


def versions(bench: Bench) -> dict[str, str]:
    return {name: found for name, it in bench.clients.items() if (found := it.version())}


def unpinned(bench: Bench) -> list[str]:
    """The peers that are installed in another version than the figures of the docs are of."""
    pins = dict(PIN.findall(PINNED.read_text()))
    return [
        f"{name} {found}, not {pins[name]}"
        for name, found in versions(bench).items()
        if name in pins and found.split()[0] != pins[name]
    ]


def machine_facts(bench: Bench) -> list[str]:
    processor = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.exists() and (found := re.search(r"model name\s*: (.*)", listing.read_text())):
        processor = found[1]
    facts = [
        f"{os.cpu_count()} cores, {processor}; {platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}, {ssl.OPENSSL_VERSION}",
        f"nginx {bench.nginx.version}, one worker; for small requests on the client's core",
        ", ".join(f"{name} {version}" for name, version in versions(bench).items()),
    ]
    if others := unpinned(bench):
        facts.append(f"not in the versions of requirements.txt: {'; '.join(others)}")
    return facts


# --- the report


def medians_of(rounds: dict[str, list[float]]) -> Medians:
    return {name: median(figures) for name, figures in rounds.items()}


def best_peer(medians: Medians) -> str | None:
    """The quickest that is neither mini_http nor the bare socket."""
    peers = [name for name in medians if name not in (OURS, FLOOR)]
    return min(peers, key=lambda name: medians[name], default=None)


def print_row(row: Row, medians: Medians) -> None:
    """One row as text, quickest first, each beside the rival."""
    print(f"\n{row.title} ({row.unit})")
    rival = medians.get(RIVAL)
    for name, figure in sorted(medians.items(), key=lambda item: item[1]):
        ratio = f"{figure / rival:8.2f} of {RIVAL}" if rival else ""
        print(f"  {name:12} {shown(figure):>9}{ratio}", flush=True)


def markdown(rows: list[Row], medians: dict[str, Medians]) -> str:
    """All rows as one table, with what mini_http takes relative to the rival and the best peer."""
    names = [kind.name for kind in CLIENTS if any(kind.name in found for found in medians.values())]
    head = ["work", "unit", *names, f"÷ {RIVAL}", "÷ best peer"]
    lines = [head, ["---", "---", *["--:"] * (len(head) - 2)]]
    for row in rows:
        found = medians[row.key]
        figures = [shown(found[name]) if name in found else "-" for name in names]
        lines.append([row.title, row.unit, *figures, *ratios(found)])
    return "\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def reasons(rows: list[Row], bench: Bench) -> list[str]:
    """A line for each row that someone was left out of."""
    return [
        f"left out of “{row.title}”: " + "; ".join(f"{name}: {why}" for name, why in found.items())
        for row in rows
        if (found := bench.left_out.get(row.key))
    ]


def ratios(medians: Medians) -> tuple[str, str]:
    ours, best = medians.get(OURS), best_peer(medians)
    if ours is None or best is None:
        return "-", "-"
    against_rival = f"{ours / medians[RIVAL]:.2f}" if medians.get(RIVAL) else "-"
    against_best = f"{ours / medians[best]:.2f} ({best})" if medians[best] else "-"
    return against_rival, against_best


def shown(figure: float) -> str:
    if abs(figure) < 10:
        return f"{figure:.2f}"
    return f"{figure:.1f}" if abs(figure) < 100 else f"{figure:,.0f}"


if __name__ == "__main__":
    main()
