"""Takes a kept-alive GET of 1 KB apart: what each floor adds, in microseconds.

    python tests/benchmarks/floors.py                     a markdown table, half a minute
    python tests/benchmarks/floors.py --https             the same over TLS

Each step does what the one before it does, by the piece of mini_http that does so, and one thing
more. The steps take turns, a batch each, round by round; the server shares their core. It needs
nginx.
"""

from __future__ import annotations

import argparse
import gc
import select
import socket
import ssl
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

TESTS = Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(TESTS), str(TESTS.parent)]

import trustme  # noqa: E402
from bench import one_core, per_request  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.nginx import Nginx  # noqa: E402

import mini_http  # noqa: E402
from mini_http.base.timeouts import Timeout  # noqa: E402
from mini_http.codec.framing import close_reason, response_framing  # noqa: E402
from mini_http.codec.grammar import HEAD_END  # noqa: E402
from mini_http.codec.heads import read_response_head, write_request_head  # noqa: E402
from mini_http.connect.connection import RECEIVE_BYTES  # noqa: E402
from mini_http.connect.streams import set_wait  # noqa: E402
from mini_http.connect.tls_stream import TLSStream  # noqa: E402
from mini_http.opener.handlers.http import HTTPHandler, HTTPSHandler  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    Step = Callable[[], object]

ROUNDS = 25
BATCH = 400
SECONDS = 60.0
PAGE_BYTES = 1024


class Steps:
    """Each method makes a function that does one request. Their order is that of the table."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self.place, self.context = (host, port), context
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://{host}:{port}/1k"
        agent = ("User-agent", "mini_http/0.1.0")
        self.fields = [("Host", f"{host}:{port}"), agent, ("Accept-Encoding", "gzip, deflate")]
        self.head = write_request_head("GET", "/1k", self.fields)

    def stream(self) -> Any:
        sock = socket.create_connection(self.place)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context is None:
            return sock
        tls = TLSStream(sock, self.context, self.place[0])
        tls.do_handshake()
        return tls

    def bare_socket(self) -> Step:
        """The bytes of the request out, those of the reply in"""
        stream = self.stream()
        send, receive, head = stream.sendall, stream.recv, self.head

        def step() -> None:
            send(head)
            receive(RECEIVE_BYTES)

        return step

    def bounded(self) -> Step:
        """`poll` of the idle connection; the kernel keeps the time of each wait"""
        stream = self.stream()
        set_wait(stream, SECONDS)
        poll = select.poll()
        poll.register(stream.fileno(), select.POLLIN)
        send, receive, head = stream.sendall, stream.recv, self.head

        def step() -> None:
            poll.poll(0)
            send(head)
            receive(RECEIVE_BYTES)

        return step

    def simple_client(self) -> Step:
        """`SimpleClient`: up to the end of the head, then the body"""
        client = mini_http.SimpleClient.over(self.stream(), timeout=SECONDS)
        most = client.limits.head_bytes

        def step() -> None:
            client.is_quiet()
            client.write(self.head)
            client.read_until(HEAD_END, most)
            client.read_some(PAGE_BYTES)

        return step

    def checked_head(self) -> Step:
        """`read_response_head`: every byte of the head"""
        client = mini_http.SimpleClient.over(self.stream(), timeout=SECONDS)
        most = client.limits.head_bytes

        def step() -> None:
            client.is_quiet()
            client.write(self.head)
            read_response_head(client.read_until(HEAD_END, most))
            client.read_some(PAGE_BYTES)

        return step

    def framing(self) -> Step:
        """`response_framing`, `close_reason`"""
        client = mini_http.SimpleClient.over(self.stream(), timeout=SECONDS)
        most = client.limits.head_bytes

        def step() -> None:
            client.is_quiet()
            client.write(self.head)
            head = read_response_head(client.read_until(HEAD_END, most))
            close_reason(head, response_framing("GET", head))
            client.read_some(PAGE_BYTES)

        return step

    def exchange(self) -> Step:
        """`HTTPClient.exchange`: request head, states, reply object"""
        client = mini_http.HTTPClient.over(self.stream(), timeout=SECONDS)

        def step() -> None:
            client.is_quiet()
            client.exchange("GET", "/1k", self.fields).read()

        return step

    def pool(self) -> Step:
        """`Pool.send`: connection taken, given back"""
        pool = mini_http.Pool()
        tls = None if self.context is None else mini_http.TLSSettings(context=self.context)
        scheme = "http" if self.context is None else "https"
        route = mini_http.Route(scheme, *self.place, tls)
        timeout = Timeout(SECONDS, SECONDS)

        def step() -> None:
            pool.send(route, "GET", "/1k", self.fields, timeout=timeout).read()

        return step

    def handler(self) -> HTTPHandler | HTTPSHandler:
        if self.context is None:
            return HTTPHandler(pool=mini_http.Pool())
        return HTTPSHandler(pool=mini_http.Pool(), context=self.context)

    def one_handler(self) -> Step:
        """`OpenerDirector.open` with one handler: Request, URL, fields"""
        opener = mini_http.OpenerDirector()
        opener.add_handler(self.handler())
        return lambda: opener.open(self.url).read()

    def opener(self) -> Step:
        """`build_opener().open`: codings, errors, redirects"""
        opener = mini_http.build_opener(self.handler())
        return lambda: opener.open(self.url).read()

    def urlopen(self) -> Step:
        """`with urlopen(url) as reply`"""
        opener = mini_http.build_opener(self.handler())
        mini_http.install_opener(opener)

        def step() -> None:
            with mini_http.urlopen(self.url) as reply:
                reply.read()

        return step


ORDER = [
    Steps.bare_socket,
    Steps.bounded,
    Steps.simple_client,
    Steps.checked_head,
    Steps.framing,
    Steps.exchange,
    Steps.pool,
    Steps.one_handler,
    Steps.opener,
    Steps.urlopen,
]


def main() -> None:
    first, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--https", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, one_core():
        certificates = Certificates(Path(directory), trustme.CA())
        with Nginx(certificates, access_log=False) as nginx:
            context = ssl.create_default_context(cafile=str(certificates.ca_file))
            kind = "https" if options.https else "http"
            steps = Steps("127.0.0.1", nginx.ports[kind], context if options.https else None)
            print_table(measure(steps))


def measure(steps: Steps) -> list[float]:
    """The microseconds of each step."""
    runs = [per_request(repeated(make(steps)), BATCH) for make in ORDER]
    figures: list[list[float]] = [[] for _ in runs]
    for number in range(ROUNDS + 1):
        for taken, run in zip(figures, runs, strict=True):
            gc.collect()
            microseconds = run()
            if number:  # the first round warms up
                taken.append(microseconds)
    return [median(taken) for taken in figures]


def repeated(step: Step) -> Callable[[int], object]:
    def run(count: int) -> None:
        for _ in range(count):
            step()

    return run


def print_table(found: list[float]) -> None:
    print("| on top of what stands above | µs | in all |\n| --- | --: | --: |")
    before = 0.0
    for make, microseconds in zip(ORDER, found, strict=True):
        print(f"| {make.__doc__} | {microseconds - before:.1f} | {microseconds:.1f} |")
        before = microseconds


if __name__ == "__main__":
    main()
