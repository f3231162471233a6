"""One client at work on large bodies, in a process of its own, so that memory is all its own.

    python alone.py stream CLIENT URL SMALL_URL CAFILE
    python alone.py upload CLIENT URL SMALL_URL FILE bytes|file CAFILE
    python alone.py bodies CLIENT URL CAFILE

`stream` reads one body in pieces. It prints, as JSON, the milliseconds that it took and the KiB by
which the process's memory at its highest exceeded what it was just before, when the client had
already fetched the small page. `upload` prints the same for FILE sent as a body, either as the open
file or as bytes that were read before, when the client had already sent a small body. The small
ones go to another server, so that all begin with a new connection: with one that was used before,
the kernel has other buffers, and all clients take up to half as long again.

`bodies` fetches a body into bytes, 200 times, and prints the microseconds each took. How an
allocator gives back and fetches pages weighs as much there as the client's own work, and depends on
all that went before.
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
    from collections.abc import Callable

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
    figures = cost_of(lambda: client.stream(url))
    client.close()
    return figures


def upload(
    name: str, url: str, small_url: str, path: str, kind: str, cafile: str
) -> dict[str, float]:
    client = make_client(name, cafile)
    length = Path(path).stat().st_size
    with open(path, "rb") as file:
        body = file.read() if kind == "bytes" else file
        client.upload(small_url, b"small", 5)
        figures = cost_of(lambda: json.loads(client.upload(url, body, length))["length"])
    if figures["moved"] != length:
        raise ValueError(f"{figures['moved']} bytes arrived of {length}")
    client.close()
    return figures


def cost_of(work: Callable[[], int]) -> dict[str, float]:
    """What it takes to move the bytes that `work` says it has moved."""
    gc.collect()
    forget_peak()
    before = peak_kibibytes()
    start = perf_counter()
    moved = work()
    seconds = perf_counter() - start
    grown = peak_kibibytes() - before
    return {"milliseconds": seconds * 1e3, "kibibytes": grown, "moved": moved}


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
    work = {"stream": stream, "upload": upload, "bodies": bodies}[sys.argv[1]]
    print(json.dumps(work(*sys.argv[2:])))
