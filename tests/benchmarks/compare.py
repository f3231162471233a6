"""Times mini_http beside its peers, on a private nginx on loopback. Never part of the tests.

    python tests/benchmarks/compare.py                    all rows, a few minutes
    python tests/benchmarks/compare.py --quick            a first look, under a minute
    python tests/benchmarks/compare.py --rows kept,tls    some rows (--list names them)
    python tests/benchmarks/compare.py --clients mini_http,pycurl
    python tests/benchmarks/compare.py --markdown         ends with the table for the docs
    python tests/benchmarks/compare.py --json FILE        every figure of every round

It needs nginx, and those peers that are to be compared (`pip install mini-http[bench]`); what is
not installed is left out and named. Figures are medians over the rounds. On another machine they
differ; the ratios hardly do.
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

from clients import CLIENTS
from rows import BIG_MEGABYTES, ROWS, Bench, Row, one_core

if TYPE_CHECKING:
    from collections.abc import Callable

    from client import Client
    from support.nginx import Nginx
    from support.upload_server import UploadServer

TESTS = Path(__file__).resolve().parents[1]

OURS = "mini_http"
FLOOR = "bare socket"
RIVAL = "pycurl"

MISLEADING = re.compile(r"_proxy$|^(SSL_CERT|REQUESTS_CA|CURL_CA)_", re.I)
"""What in the environment would send some clients elsewhere, or have them trust others."""

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
    with tempfile.TemporaryDirectory() as directory:
        certificates = Certificates(Path(directory), trustme.CA())
        with ExitStack() as stack:
            with one_core():
                near = stack.enter_context(Nginx(certificates, access_log=False))
            nginx = stack.enter_context(Nginx(certificates, access_log=False))
            nginx.add_sparse_file("big", BIG_MEGABYTES << 20)
            taker = stack.enter_context(UploadServer())
            run(options, nginx, near, taker, str(certificates.ca_file))


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
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
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


def run(
    options: argparse.Namespace, nginx: Nginx, near: Nginx, taker: UploadServer, cafile: str
) -> None:
    clients, missing = make_clients(options.clients, cafile)
    bench = Bench(nginx, near, taker, cafile, clients, options.quick)
    gc.collect()
    gc.freeze()  # what ten libraries have loaded must not slow down the one that is timed
    facts = machine_facts(nginx, clients)
    print("\n".join(facts + missing), file=sys.stderr)
    rows = [row for row in ROWS if options.rows is None or row.key in options.rows]
    rounds: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        rounds[row.key] = row.measure(bench)
        print_row(row, medians_of(rounds[row.key]))
    left_out = missing + [f"left out: {failure}" for failure in bench.failures]
    if options.markdown:
        print(markdown(rows, {key: medians_of(found) for key, found in rounds.items()}))
        print("\n".join(f"* {line}" for line in facts + left_out))
    else:
        print("\n".join(left_out))
    for client in clients.values():
        client.close()
    if options.json:
        document = {"facts": facts, "left_out": left_out, "rounds": rounds}
        options.json.write_text(json.dumps(document, indent=1))


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


def machine_facts(nginx: Nginx, clients: dict[str, Client]) -> list[str]:
    processor = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.exists() and (found := re.search(r"model name\s*: (.*)", listing.read_text())):
        processor = found[1]
    versions = [f"{name} {version}" for name, it in clients.items() if (version := it.version())]
    return [
        f"{os.cpu_count()} cores, {processor}; {platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}, {ssl.OPENSSL_VERSION}",
        f"nginx {nginx.version}, one worker; for small requests on the client's core",
        ", ".join(versions),
    ]


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


def ratios(medians: Medians) -> tuple[str, str]:
    ours, best = medians.get(OURS), best_peer(medians)
    if ours is None or best is None:
        return "-", "-"
    against_rival = f"{ours / medians[RIVAL]:.2f}" if medians.get(RIVAL) else "-"
    against_best = f"{ours / medians[best]:.2f} ({best})" if medians[best] else "-"
    return against_rival, against_best


def shown(figure: float) -> str:
    return f"{figure:.1f}" if abs(figure) < 100 else f"{figure:,.0f}"


if __name__ == "__main__":
    main()
