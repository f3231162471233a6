"""Streams a body in a process of its own: `python streamed.py CLIENT URL SMALL_URL CAFILE`.

Prints, as JSON, the milliseconds that it took and the KiB by which the process's memory at its
highest exceeded what it was just before, when the client had already fetched a small page.
"""

from __future__ import annotations

import gc
import json
import re
import resource
import sys
from pathlib import Path
from time import perf_counter

from clients import CLIENTS

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


def main(name: str, url: str, small_url: str, cafile: str) -> None:
    client = next(kind for kind in CLIENTS if kind.name == name)(cafile)
    client.stream(small_url)
    gc.collect()
    forget_peak()
    before = peak_kibibytes()
    start = perf_counter()
    received = client.stream(url)
    seconds = perf_counter() - start
    grown = peak_kibibytes() - before
    client.close()
    print(json.dumps({"milliseconds": seconds * 1e3, "kibibytes": grown, "received": received}))


if __name__ == "__main__":
    main(*sys.argv[1:])
