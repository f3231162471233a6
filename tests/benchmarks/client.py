"""What every compared client offers, so that the same loops can time them all.

    getter(url)       a function that fetches the page once, over a connection kept alive
    fresh_getter(url) the same, with a connection of its own each time
    json_getter(url)  the same as `getter`, the body as the objects that its JSON means
    poster(url)       a function that sends POST_BODY, over a connection kept alive
    many(urls)        a function that fetches so many pages, of each origin in turn
    stream(url)       reads the body in pieces of 64 KiB, keeps none, and returns its length
    upload(url, body, length)
                      sends bytes or an open file, with a Content-Length, and returns the reply
    IMPORT, COLD      source of two programs: one that imports the library, one that also fetches
                      the page URL, trusting the authority in CAFILE, and ends

A client imports its library when it is made, so that a process that needs one has only that one.
What it has to be told when it is made, because its manual says so, is in `Needs`; of what it can't
do at all it says why in CANNOT.
"""

from __future__ import annotations

import itertools
import json
import ssl
import threading
from dataclasses import dataclass
from importlib import metadata
from time import perf_counter
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar

PIECE = 1 << 16
POST_BODY = b"name=value&" * 93 + b"z"
"""1 KB."""
MOST_THREADS = 64
"""How many idle connections each client is told to keep to a host, where it can be told."""


@dataclass(frozen=True)
class Needs:
    """What a row needs beyond plain requests."""

    cookies: bool = False
    redirects: bool = False
    gzip: bool = False
    origins: int = 1
    unix: str = ""
    """The path of the socket that all requests go to."""

    def named(self) -> list[str]:
        """Those that are asked for, as CANNOT names them."""
        return [name for name, plain in vars(PLAIN).items() if getattr(self, name) != plain]


PLAIN = Needs()


class CannotDo(Exception):
    """Raised when a client is asked for what its library does not offer."""


class Client:
    """What is the same for all: a batch is the getter in a loop."""

    name = ""
    DISTRIBUTION = ""
    IMPORT = ""
    COLD = ""
    CANNOT: ClassVar[dict[str, str]] = {}
    """Why, for each field of Needs, and "json" and "post", that the library has nothing for."""
    shares_connections = True
    """Whether one client object may be used by many threads at once."""

    def __init__(self, cafile: str, needs: Needs = PLAIN) -> None:
        for name in needs.named():
            self.check_can(name)
        self.cafile = cafile
        self.needs = needs

    def check_can(self, name: str) -> None:
        if name in self.CANNOT:
            raise CannotDo(self.CANNOT[name])

    def version(self) -> str:
        return metadata.version(self.DISTRIBUTION) if self.DISTRIBUTION else ""

    def getter(self, url: str) -> Callable[[], Any]:
        raise NotImplementedError

    def fresh_getter(self, url: str) -> Callable[[], Any]:
        raise NotImplementedError

    def json_getter(self, url: str) -> Callable[[], Any]:
        """For those that leave JSON to Python."""
        get = self.getter(url)
        return lambda: json.loads(get())

    def poster(self, url: str) -> Callable[[], Any]:
        raise NotImplementedError

    def many(self, urls: list[str]) -> Callable[[int], object]:
        getters = [self.getter(url) for url in urls]

        def run(count: int) -> None:
            for get in itertools.islice(itertools.cycle(getters), count):
                get()

        return run

    def stream(self, url: str) -> int:
        raise NotImplementedError

    def upload(self, url: str, body: bytes | BinaryIO, length: int) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        """Closes what complains of being left open."""

    def maker(self, how: str) -> Callable[[str], Callable[[], Any]]:
        """The method that makes what does `how`: "get", "fresh", "json" or "post"."""
        self.check_can(how)
        return {
            "get": self.getter,
            "fresh": self.fresh_getter,
            "json": self.json_getter,
            "post": self.poster,
        }[how]

    def once(self, url: str, how: str) -> Any:
        """What one such request brings."""
        return self.maker(how)(url)()

    def batch(self, url: str, how: str = "get") -> Callable[[int], object]:
        """A function that makes so many such requests."""
        make_request = self.maker(how)(url)

        def run(count: int) -> None:
            for _ in range(count):
                make_request()

        return run

    def together(self, url: str, threads: int) -> Callable[[int], list[float]]:
        """A function that fetches the page so many times in each of `threads` threads.

        It returns the seconds from the common start until each thread had done.
        """
        if self.shares_connections:
            getters = [self.getter(url)] * threads
        else:
            getters = [self.getter(url) for _ in range(threads)]

        def run(count: int) -> list[float]:
            took: list[float] = []
            begin = threading.Barrier(threads + 1)

            def work(get: Callable[[], Any]) -> None:
                begin.wait()
                for _ in range(count):
                    get()
                took.append(perf_counter() - start)

            workers = [threading.Thread(target=work, args=[get]) for get in getters]
            for worker in workers:
                worker.start()
            start = perf_counter()
            begin.wait()
            for worker in workers:
                worker.join()
            if len(took) < threads:
                raise RuntimeError(f"{threads - len(took)} threads failed")
            return took

        return run

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.cafile)


def read_in_pieces(read: Callable[[int], bytes]) -> int:
    """Reads to the end, as the loop over a file does."""
    received = 0
    while piece := read(PIECE):
        received += len(piece)
    return received
