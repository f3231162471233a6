"""Bench: the servers and clients that all rows share, and how a row is measured.

Clients take turns, a batch each, round by round, and the order shifts by one each round; so what
else the machine does falls on all of them alike. A client that can't do a row, or fails in it, is
left out of that row and named.

Small requests go to a server that shares its core with the client (`one_core`): they take turns
anyway, and to wake a core that has gone to sleep takes longer, and varies more, than what is to be
compared. Large bodies and threads have all cores.
"""

from __future__ import annotations

import gc
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import fmean
from time import perf_counter
from typing import TYPE_CHECKING, Any

from client import PLAIN, CannotDo, Needs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from canned_server import CannedServer
    from client import Client
    from support.nginx import Nginx
    from support.upload_server import UploadServer

    Run = Callable[[], float]
    """One client's share of a round; returns its figure."""
    Figures = dict[str, list[float]]
    """Each client's figures, round by round."""


@dataclass
class Bench:
    """What all rows share: the servers, the clients, how long to go on, and who was left out.

    `near` and `canned` were started within `one_core`; `taker` takes uploads.
    """

    nginx: Nginx
    near: Nginx
    canned: CannedServer
    far_canned: CannedServer
    taker: UploadServer
    cafile: str
    clients: Mapping[str, Client]
    quick: bool = False
    row: str = ""
    """The key of the row that is being measured."""
    left_out: dict[str, dict[str, str]] = field(default_factory=dict)
    """By row and client, why."""
    _spreads: dict[int, tuple[Figures, Figures]] = field(default_factory=dict)

    def page(self, name: str) -> str:
        return f"{self.nginx.http}/{name}"

    def secure_page(self, name: str) -> str:
        return f"https://127.0.0.1:{self.nginx.ports['https']}/{name}"

    def near_page(self, name: str) -> str:
        return f"{self.near.http}/{name}"

    def near_secure_page(self, name: str) -> str:
        return f"https://127.0.0.1:{self.near.ports['https']}/{name}"

    def in_turn(self, prepare: Callable[[Client], Run], rounds: int) -> Figures:
        """Each client's figures, after a run that warms up and does not count."""
        runs: dict[str, Run] = {}
        figures: Figures = {}
        for name, client in self.clients.items():
            with self.naming(name, figures):
                runs[name] = prepare(client)
                runs[name]()
                figures[name] = []
        order = list(figures)
        for number in range(3 if self.quick else rounds):
            shift = number % max(len(order), 1)
            for name in order[shift:] + order[:shift]:
                if name in figures:
                    gc.collect()
                    with self.naming(name, figures):
                        figures[name].append(runs[name]())
        return figures

    @contextmanager
    def naming(self, name: str, figures: Figures) -> Iterator[None]:
        """Notes what goes wrong with a client, and drops its figures."""
        try:
            yield
        except CannotDo as reason:
            self.left_out.setdefault(self.row, {})[name] = str(reason)
        except Exception as error:
            self.left_out.setdefault(self.row, {})[name] = f"{type(error).__name__}: {error}"
            figures.pop(name, None)

    def count(self, size: int) -> int:
        return max(1, size // 5) if self.quick else size

    def batches(
        self,
        url: str,
        size: int,
        how: str = "get",
        needs: Needs = PLAIN,
        brings: object = None,
        first: tuple[str, ...] = (),
    ) -> Figures:
        """Microseconds a request, over batches of `size`, with the server on the client's core.

        For special `needs` every client is made anew. What a request `brings`, at its end, is
        looked at once, after the pages that come `first`.
        """
        count = self.count(size)

        def prepare(client: Client) -> Run:
            if needs is not PLAIN:
                client = type(client)(self.cafile, needs)
                made.callback(client.close)
            for page in first:
                client.once(page, "get")
            if brings is not None:
                check_ends_with(client.once(url, how), brings)
            return per_request(client.batch(url, how), count)

        with one_core(), ExitStack() as made:
            return self.in_turn(prepare, 15)

    def origins(self, number: int, size: int) -> Figures:
        """Microseconds a request, to each of so many origins in turn, all kept alive."""
        urls = [f"{url}/1k" for url in self.canned.urls[:number]]
        count = max(self.count(size), number)  # every connection is opened before anything counts

        def prepare(client: Client) -> Run:
            client = type(client)(self.cafile, Needs(origins=number))
            made.callback(client.close)
            return per_request(client.many(urls), count)

        with one_core(), ExitStack() as made:
            return self.in_turn(prepare, 5)  # httpx takes half a minute for each

    def threads(self, number: int, size: int) -> tuple[Figures, Figures]:
        """While `number` threads make `size` requests each: microseconds a request, by the clock,
        and the slowest thread's time over the mean. Measured once, for the rows that show it.
        """
        if number not in self._spreads:
            count = self.count(size)
            ratios: Figures = {}

            def prepare(client: Client) -> Run:
                work = client.together(self.page("1k"), number)

                def run() -> float:
                    took = work(count)
                    ratios.setdefault(client.name, []).append(max(took) / fmean(took))
                    return max(took) / (count * number) * 1e6

                return run

            figures = self.in_turn(prepare, 9)
            counted = {name: ratios[name][1:] for name in figures}  # the first run warms up
            self._spreads[number] = figures, counted
        return self._spreads[number]


def check_ends_with(found: Any, wanted: object) -> None:
    """The bare socket has the head before the body; pyreqwest has bytes of its own kind."""
    is_right = bytes(found).endswith(wanted) if isinstance(wanted, bytes) else found == wanted
    if not is_right:
        raise ValueError(f"it got {found[:60]!r}, where {str(wanted)[:60]!r} belongs")


@contextmanager
def one_core() -> Iterator[None]:
    """Keeps this process, and those that it starts, on one core, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    move_threads({min(before)})
    try:
        yield
    finally:
        move_threads(before)


def move_threads(cores: set[int]) -> None:
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), cores)


def per_request(work: Callable[[int], object], count: int) -> Run:
    """Times `work(count)`, which makes so many requests; microseconds each."""

    def run() -> float:
        start = perf_counter()
        work(count)
        return (perf_counter() - start) / count * 1e6

    return run
