"""Fetches a page a million times with one opener, and looks at what that leaves behind.

    python tests/benchmarks/long_run.py                   1,000,000 requests, a few minutes
    python tests/benchmarks/long_run.py 50000             so many
    python tests/benchmarks/long_run.py 50000 --https

It prints the resident memory after the first 10,000 requests and after all, and how many file
descriptors were open. It ends with status 1 if memory grew by more than 1 MB or a descriptor was
gained. It needs nginx, and Linux, which tells a process its memory.
"""

from __future__ import annotations

import argparse
import gc
import re
import ssl
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(TESTS), str(TESTS.parent)]

import trustme  # noqa: E402
from bench import one_core  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.descriptors import open_descriptors  # noqa: E402
from support.nginx import Nginx  # noqa: E402

import mini_http  # noqa: E402

WARM_UP = 10_000
ALLOWED_KIBIBYTES = 1024
STATUS = Path("/proc/self/status")
RESIDENT = re.compile(r"^VmRSS:\s+(\d+) kB", re.M)


def main() -> None:
    first, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("count", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--https", action="store_true")
    options = parser.parse_args()
    if options.count <= WARM_UP:
        parser.error(f"more than {WARM_UP:,} requests, please")
    with tempfile.TemporaryDirectory() as directory, one_core():
        certificates = Certificates(Path(directory), trustme.CA())
        with Nginx(certificates, access_log=False) as nginx:
            context = ssl.create_default_context(cafile=str(certificates.ca_file))
            url = f"{nginx.https if options.https else nginx.http}/1k"
            is_sound = run(url, context, options.count)
    sys.exit(not is_sound)


def run(url: str, context: ssl.SSLContext, count: int) -> bool:
    """Makes the requests and tells what they left; whether that is little enough."""
    pool = mini_http.Pool()
    opener = mini_http.build_opener(
        mini_http.HTTPHandler(pool=pool), mini_http.HTTPSHandler(context=context, pool=pool)
    )
    fetch(opener, url, WARM_UP)
    memory, descriptors = resident_kibibytes(), len(open_descriptors())
    print(f"after {WARM_UP:,} requests: {memory:,} KiB, {descriptors} descriptors", flush=True)
    start = perf_counter()
    fetch(opener, url, count - WARM_UP)
    seconds = perf_counter() - start
    grown = resident_kibibytes() - memory
    gained = len(open_descriptors()) - descriptors
    print(f"after {count:,} requests: {memory + grown:,} KiB, {descriptors + gained} descriptors")
    print(f"grown by {grown:+,} KiB and {gained:+} descriptors; {pool.opened} connections opened;")
    print(f"{seconds / (count - WARM_UP) * 1e6:.1f} µs a request")
    return grown <= ALLOWED_KIBIBYTES and gained <= 0


def fetch(opener: Any, url: str, count: int) -> None:
    for _ in range(count):
        with opener.open(url) as reply:
            reply.read()


def resident_kibibytes() -> int:
    gc.collect()
    found = RESIDENT.search(STATUS.read_text())
    assert found is not None, "this system does not tell a process its memory"
    return int(found[1])


if __name__ == "__main__":
    main()
