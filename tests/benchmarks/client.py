"""What every compared client offers, so that the same loops can time them all.

    getter(url)       a function that fetches the page once, over a connection kept alive
    fresh_getter(url) the same, with a connection of its own each time
    stream(url)       reads the body in pieces of 64 KiB, keeps none, and returns its length
    upload(url, body, length)
                      sends bytes or an open file, with a Content-Length, and returns the reply
    IMPORT, COLD      source of two programs: one that imports the library, one that also fetches
                      the page URL, trusting the authority in CAFILE, and ends

A client imports its library when it is made, so that a process that needs one has only that one.
"""

from __future__ import annotations

import ssl
import threading
from importlib import metadata
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 1 << 16


class Client:
    """What is the same for all: a batch is the getter in a loop."""

    name = ""
    DISTRIBUTION = ""
    IMPORT = ""
    COLD = ""
    shares_connections = True
    """Whether one client object may be used by many threads at once."""

    def __init__(self, cafile: str) -> None:
        self.cafile = cafile

    def version(self) -> str:
        return metadata.version(self.DISTRIBUTION) if self.DISTRIBUTION else ""

    def getter(self, url: str) -> Callable[[], Any]:
        raise NotImplementedError

    def fresh_getter(self, url: str) -> Callable[[], Any]:
        raise NotImplementedError

    def stream(self, url: str) -> int:
        raise NotImplementedError

    def upload(self, url: str, body: bytes | BinaryIO, length: int) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        """Closes what complains of being left open."""

    def batch(self, url: str, *, fresh: bool = False) -> Callable[[int], object]:
        """A function that fetches the page so many times."""
        get = self.fresh_getter(url) if fresh else self.getter(url)

        def run(count: int) -> None:
            for _ in range(count):
                get()

        return run

    def together(self, url: str, threads: int) -> Callable[[int], object]:
        """A function that fetches the page so many times in each of `threads` threads."""
        if self.shares_connections:
            getters = [self.getter(url)] * threads
        else:
            getters = [self.getter(url) for _ in range(threads)]

        def run(count: int) -> None:
            def work(get: Callable[[], Any]) -> None:
                for _ in range(count):
                    get()

            workers = [threading.Thread(target=work, args=[get]) for get in getters]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()

        return run

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.cafile)


def read_in_pieces(read: Callable[[int], bytes]) -> int:
    """Reads to the end, as the loop over a file does."""
    received = 0
    while piece := read(PIECE):
        received += len(piece)
    return received
