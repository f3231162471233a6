"""Times the cookie jar, alone and beside http.cookiejar's. Never part of the tests.

    python tests/benchmarks/cookies.py             all rows, under a minute, as tables for the docs
    python tests/benchmarks/cookies.py --quick     fewer rounds

First what a full jar costs: a request with 100,000 cookies of other domains in the jar, and one
without them; the jar's own part of it, and the whole over loopback, which needs nginx.
Then what the jar does for a host with 50 cookies, ours and http.cookiejar's, each with the requests
of its own library. Figures are medians over rounds in which both take turns. On another machine
they differ; the ratios hardly do.
"""

from __future__ import annotations

import argparse
import gc
import http.cookiejar
import itertools
import os
import platform
import sys
import urllib.request
from email.message import Message
from email.utils import formatdate
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

TESTS = Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(TESTS), str(TESTS.parent)]

from mini_http import (  # noqa: E402
    CookieJar,
    CookieLimits,
    HTTPCookieProcessor,
    HTTPHandler,
    Pool,
    Request,
    build_opener,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Work = Callable[[], object]

OTHERS = 100_000
"""Cookies of other domains: five each of 20,000."""
PER_DOMAIN = 5
COUNT = 50
"""Cookies of the one host."""
URL = "http://www.shop.example/catalogue/page"
REPLIES = 8
"""How many replies take turns, so that no line and no date comes twice in a row."""
MONTH = 30 * 24 * 60 * 60


class Reply:
    """As much of a reply as a jar looks at. It sets `count` cookies, whose values are its own."""

    def __init__(self, number: int, count: int) -> None:
        self.headers = Message()
        expires = formatdate(time() + MONTH + number, usegmt=True)
        for index in range(count):
            pair = f"name{index}=value-{number}-{index}"
            line = f"{pair}; Expires={expires}; Path=/; HttpOnly; SameSite=Lax"
            self.headers["Set-Cookie"] = line

    def info(self) -> Message:
        return self.headers


def replies(count: int) -> Iterator[Reply]:
    """Replies without end."""
    return itertools.cycle([Reply(number, count) for number in range(REPLIES)])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the rounds")
    rounds = 5 if parser.parse_args().quick else 25
    gc.collect()
    gc.freeze()
    print(f"* {os.cpu_count()} cores; CPython {platform.python_version()}\n")
    print("\n".join([*full_jar_table(rounds), "", *stock_table(rounds)]))


# --- a full jar


def full_jar_table(rounds: int) -> list[str]:
    lines = [
        f"| in µs | without | with {OTHERS:,} cookies of other domains | ratio |",
        "| --- | --: | --: | --: |",
    ]
    jars = CookieJar(), full_jar()
    none = "a host with no cookies"
    lines.append(row(f"the jar: {none}", rounds, *map(adding, jars)))
    lines += over_loopback(none, rounds, *jars)
    for jar in jars:
        for host in URL.split("/")[2], "127.0.0.1":
            for number in range(PER_DOMAIN):
                jar.set(f"own{number}", "value", domain=host)
    some = f"a host with {PER_DOMAIN}"
    lines.append(row(f"the jar: {some}", rounds, *map(adding, jars)))
    lines.append(row(f"the jar: {some}, the reply sets one again", rounds, *map(both, jars)))
    return lines + over_loopback(some, rounds, *jars)


def full_jar() -> CookieJar:
    """100,000 cookies of domains at three depths, for hosts and for all below them."""
    jar = CookieJar(limits=CookieLimits(total=2 * OTHERS))
    for number in range(OTHERS // PER_DOMAIN):
        domain = f"{'.' if number % 2 else ''}h{number}.site{number % 997}.example"
        for name in range(PER_DOMAIN):
            jar.set(f"name{name}", "value", domain=domain)
    return jar


def adding(jar: CookieJar) -> Work:
    return lambda: jar.add_cookie_header(Request(URL))


def both(jar: CookieJar) -> Work:
    source = replies(1)

    def work() -> None:
        request = Request(URL)
        jar.add_cookie_header(request)
        jar.extract_cookies(next(source), request)

    return work


def over_loopback(name: str, rounds: int, *jars: CookieJar) -> list[str]:
    """A kept-alive GET through an opener, from an nginx of its own."""
    from bench import one_core
    from support.nginx import Nginx, find_nginx

    if find_nginx() is None:
        return [f"| a GET of 1 KB: {name} | - | nginx is not installed | - |"]
    with one_core(), Nginx(access_log=False) as nginx, Pool() as pool:
        works = [loading(pool, jar, f"{nginx.http}/1k") for jar in jars]
        return [row(f"a GET of 1 KB over loopback: {name}", rounds, *works)]


def loading(pool: Pool, jar: CookieJar, url: str) -> Work:
    opener = build_opener(HTTPHandler(pool=pool), HTTPCookieProcessor(jar))
    return lambda: opener.open(url).read()


# --- beside http.cookiejar


def stock_table(rounds: int) -> list[str]:
    lines = [
        f"| in µs, a host with {COUNT} cookies | mini_http | http.cookiejar | ratio |",
        "| --- | --: | --: | --: |",
    ]
    kinds = (CookieJar, Request), (http.cookiejar.CookieJar, urllib.request.Request)
    rows = {
        f"adding the Cookie field of {COUNT}": add_all,
        f"keeping {COUNT} new ones of a reply": keep_new,
        f"keeping {COUNT} new ones, and adding the field": keep_new_and_add,
        f"keeping the same {COUNT} again": partial(keep_again, COUNT),
        f"keeping the same {COUNT} again, and adding the field": partial(keep_and_add, COUNT),
        "keeping one again, and adding the field": partial(keep_and_add, 1),
    }
    for name, make in rows.items():
        works = [make(*kind) for kind in kinds]
        lines.append(row(name, rounds, *works, decimals=1))
    return lines


def filled(make_jar: Any, make_request: Any) -> Any:
    """A jar with the cookies of the host, all of which it sends."""
    jar, request = make_jar(), make_request(URL)
    jar.extract_cookies(Reply(0, COUNT), request)
    jar.add_cookie_header(request)
    assert len(jar) == request.get_header("Cookie").count("=") == COUNT
    return jar


def add_all(make_jar: Any, make_request: Any) -> Work:
    jar = filled(make_jar, make_request)
    return lambda: jar.add_cookie_header(make_request(URL))


def keep_new(make_jar: Any, make_request: Any) -> Work:
    source = replies(COUNT)
    return lambda: make_jar().extract_cookies(next(source), make_request(URL))


def keep_new_and_add(make_jar: Any, make_request: Any) -> Work:
    source = replies(COUNT)

    def work() -> None:
        jar, request = make_jar(), make_request(URL)
        jar.extract_cookies(next(source), request)
        jar.add_cookie_header(request)

    return work


def keep_again(count: int, make_jar: Any, make_request: Any) -> Work:
    jar, source = filled(make_jar, make_request), replies(count)
    return lambda: jar.extract_cookies(next(source), make_request(URL))


def keep_and_add(count: int, make_jar: Any, make_request: Any) -> Work:
    jar, source = filled(make_jar, make_request), replies(count)

    def work() -> None:
        request = make_request(URL)
        jar.extract_cookies(next(source), request)
        jar.add_cookie_header(request)

    return work


# --- timing


def row(name: str, rounds: int, first: Work, second: Work, *, decimals: int = 2) -> str:
    """A line of a table: both, in microseconds, and how much longer the second takes."""
    times: list[list[float]] = [[], []]
    batch = batch_of(first), batch_of(second)
    for turn in range(rounds):
        for which in (0, 1) if turn % 2 else (1, 0):
            work = (first, second)[which]
            times[which].append(per_call(work, batch[which]))
    one, other = (median(each) * 1e6 for each in times)
    return f"| {name} | {one:,.1f} | {other:,.1f} | {other / one:.{decimals}f} |"


def batch_of(work: Work) -> int:
    """How many calls take about ten milliseconds; the first ones are not counted."""
    for _ in range(3):
        work()
    return max(1, round(0.01 / per_call(work, 3)))


def per_call(work: Work, calls: int) -> float:
    began = perf_counter()
    for _ in range(calls):
        work()
    return (perf_counter() - began) / calls


if __name__ == "__main__":
    main()
