"""`python -m mini_http demo`: every layer fetches from a server on loopback, and shows the wire.

The code that is shown is the code that is run, line by line, as at Python's prompt. The names in it
stand for watched subclasses, which is how the lines between come about. At the end it counts the
connections that the server saw, and times requests beside urllib's.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter

from mini_http.base.timeouts import Timeout
from mini_http.connect.simple_client import SimpleClient
from mini_http.exchange.client import HTTPClient
from mini_http.keepalive.pool import Pool
from mini_http.keepalive.route import Route
from mini_http.opener.api import build_opener
from mini_http.opener.handlers.http import HTTPHandler
from mini_http.tools.demo_server import DemoServer
from mini_http.tools.wire import Wire, watched_client, watched_pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

ROUNDS = 15
"""How often each client has its turn to be timed."""
IN_A_ROW = 20
"""Requests of each turn."""

LAYERS = (
    (
        "SimpleClient sends and reads lines. It knows no HTTP.",
        """\
client = SimpleClient(host, port)
client.writeline("GET /hello HTTP/1.0")
client.writeline("")
while client.readline(): pass
client.read()
""",
    ),
    (
        "HTTPClient adds HTTP's words: many commands on one connection.",
        """\
http = HTTPClient(f"{host}:{port}")
status, headers = http.get("/chunked")
http.getbody()
status, headers = http.head("/1k")
status, headers["Content-Length"]
http.close()
""",
    ),
    (
        "Pool keeps connections, by route, for whoever comes next.",
        """\
route = Route("http", host, port)
fields = [("Host", f"{host}:{port}")]
pool.send(route, "GET", "/hello", fields, timeout=Timeout(5)).read()
pool
""",
    ),
    (
        "urlopen follows redirects and decodes gzip, over the same pool.",
        """\
reply = urlopen(url + "moved")
reply.status, reply.url, [earlier.status for earlier in reply.history]
page = reply.read()
len(page), page[:30]
pool
""",
    ),
)
"""What is said, and what is run: by layer, from the socket up."""


def demo(rounds: int = ROUNDS) -> Iterator[str]:
    """The lines of the demo, as it goes on. Each client is timed in so many rounds."""
    shown: list[str] = []
    # Once seen with SimpleClient, the empty lines at the ends of heads only take room.
    wire = Wire(lambda line: shown.append(line) if len(line) > 1 else None)
    pool = watched_pool(wire)
    with DemoServer() as server:
        names: dict[str, Any] = {
            "host": server.host,
            "port": server.port,
            "url": server.url,
            "SimpleClient": _watched_lines(shown.append),
            "HTTPClient": watched_client(wire),
            "Route": Route,
            "Timeout": Timeout,
            "pool": pool,
            "urlopen": build_opener(HTTPHandler(pool=pool)).open,
        }
        try:
            yield f"mini_http, layer by layer, against Python's own web server at {server.url}"
            yield ">>> is run, > is sent, < comes back, * is what becomes of the connection."
            for number, (title, code) in enumerate(LAYERS, 1):
                yield f"\n{number}. {title}\n"
                for line in code.splitlines():
                    yield f"    >>> {line}"
                    shown += _run(line, names)
                    yield from [f"    {line}" for line in shown]
                    shown.clear()
            yield "\n5. How many, and how fast?\n"
            yield f"    {server.requests} requests came on {server.connections} connections."
            yield from _times(server, rounds)
        finally:
            # Also when nobody reads on here.
            for value in names.values():
                if isinstance(value, (SimpleClient, Pool)):
                    value.close()


def _run(line: str, names: dict[str, Any]) -> list[str]:
    """Runs a line of code as the prompt does; the value of an expression is shown."""
    try:
        expression = compile(line, "<demo>", "eval")
    except SyntaxError:
        exec(line, names)
        return []
    value = eval(expression, names)
    return [] if value is None else [repr(value)]


def _watched_lines(show: Callable[[str], object]) -> type[SimpleClient]:
    """A class of SimpleClients that show each line."""

    class Lines(SimpleClient):
        def writeline(self, line: str | bytes) -> None:
            super().writeline(line)
            show(f"> {line!s}".rstrip())

        def readline(self, limit: int | None = None) -> bytes:
            line = super().readline(limit)
            show(f"< {line.decode('latin-1')}".rstrip())
            return line

    return Lines


# --- times


def _times(server: DemoServer, rounds: int) -> Iterator[str]:
    """A table of what one request takes each client."""
    count = rounds * IN_A_ROW
    yield f"    One GET of 1 KB, the median of {count} by each client, on this machine:\n"
    with HTTPClient(f"{server.host}:{server.port}") as http, Pool() as pool, Pool() as another:
        clients = _clients(server, http, pool, another)
        times: dict[str, list[float]] = {name: [] for name in clients}
        connections = dict.fromkeys(clients, 0)
        for _ in range(rounds):
            for name, fetch in clients.items():
                before = server.connections
                for _ in range(IN_A_ROW):
                    began = perf_counter()
                    fetch()
                    times[name].append(perf_counter() - began)
                connections[name] += server.connections - before
    for name, taken in times.items():
        noun = "connection" if connections[name] == 1 else "connections"
        yield f"    {name:24}{median(taken) * 1e6:6.0f} µs   {connections[name]:3} {noun}"
    yield "\n    Most of it is the time that Python's own server takes to answer."


def _clients(
    server: DemoServer, http: HTTPClient, pool: Pool, another: Pool
) -> dict[str, Callable[[], object]]:
    """By the name in the table: a function that fetches the page."""
    import urllib.request

    page = f"{server.url}1k"
    route = Route("http", server.host, server.port)
    fields = [("Host", f"{server.host}:{server.port}")]
    timeout = Timeout()
    opener = build_opener(HTTPHandler(pool=another))
    urllibs = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def with_client() -> object:
        http.get("/1k")
        return http.getbody()

    def with_urllib() -> object:
        with urllibs.open(page) as reply:
            return reply.read()

    return {
        "HTTPClient.get": with_client,
        "Pool.send": lambda: pool.send(route, "GET", "/1k", fields, timeout=timeout).read(),
        "mini_http.urlopen": lambda: opener.open(page).read(),
        "urllib.request.urlopen": with_urllib,
    }
