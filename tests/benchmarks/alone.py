"""One client at work on large bodies, in a process of its own, so that memory is all its own.

    python alone.py stream CLIENT URL SMALL_URL CAFILE
    python alone.py bodies CLIENT URL CAFILE

`stream` reads one body in pieces. It prints, as JSON, the milliseconds that it took and the KiB by
which the process's memory at its highest exceeded what it was just before, when the client had
already fetched the small page. `bodies` fetches a body into bytes, 200 times, and prints the
microseconds each took. How an allocator gives back and fetches pages weighs as much there as the
client's own work, and depends on all that went before.
"""

from __future__ import annotations

import gc
import json
import re
import resource
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from clients import CLIENTS

if TYPE_CHECKING:
    from client import Client

STATUS = Path("/proc/self/status")
FORGET = Path("/proc/self/clear_refs")


def peak_kibibytes() -> int:
    """The highest memory so far. Where the system says it, since it was last told to forget it."""
    if STATUS.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB", STATUS.read_text(), re.M)
        if found:
            return int(found[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def forget_peak() -> None:
    """Lets the peak be what is in use now; the peak of the imports would hide what comes later."""
    try:
        FORGET.write_text("5")
    except OSError:
        pass  # not Linux, or not allowed: then the figure is too small rather than wrong


def make_client(name: str, cafile: str) -> Client:
    return next(kind for kind in CLIENTS if kind.name == name)(cafile)


def stream(name: str, url: str, small_url: str, cafile: str) -> dict[str, float]:
    client = make_client(name, cafile)
    client.stream(small_url)
    gc.collect()
    forget_peak()
    before = peak_kibibytes()
    start = perf_counter()
    received = client.stream(url)
    seconds = perf_counter() - start
    grown = peak_kibibytes() - before
    client.close()
    return {"milliseconds": seconds * 1e3, "kibibytes": grown, "received": received}


def bodies(name: str, url: str, cafile: str) -> dict[str, float]:
    client = make_client(name, cafile)
    batch = client.batch(url)
    batch(20)
    start = perf_counter()
    batch(200)
    seconds = perf_counter() - start
    client.close()
    return {"microseconds": seconds / 200 * 1e6}


if __name__ == "__main__":
    work = stream if sys.argv[1] == "stream" else bodies
    print(json.dumps(work(*sys.argv[2:])))
