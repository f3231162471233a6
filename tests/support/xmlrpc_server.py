"""Python's own XML-RPC server, over HTTP/1.1 that keeps connections alive.

    with CallServer() as server:
        assert ServerProxy(server.url).echo("hello") == "hello"
    assert server.calls == [0]

It offers `echo`, which returns its argument; `fail`, which raises; `system.listMethods`; and any
number of calls in one by `system.multicall`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

from support.python_server import EchoServer

if TYPE_CHECKING:
    import ssl
    from typing import Any


class CallHandler(SimpleXMLRPCRequestHandler):
    """Notes on which connection each call comes, and what head it has."""

    server: CallServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.connection_number = next(self.server.connection_numbers)

    def do_POST(self) -> None:
        self.server.calls.append(self.connection_number)
        self.server.heads.append(dict(self.headers.items()))
        super().do_POST()
        self.wfile.flush()
        if self.server.hangs_up:
            self.close_connection = True


class CallServer(EchoServer, SimpleXMLRPCServer):
    """Runs in threads while it is entered.

    `calls` are the numbers of the connections that calls came on, 0 for the first; `heads` their
    headers. With `hangs_up` each connection is closed after one reply, which does not say so.
    """

    handler_class = CallHandler  # type: ignore[assignment]

    def __init__(self, *, tls: ssl.SSLContext | None = None, hangs_up: bool = False) -> None:
        super().__init__(tls=tls)
        self.logRequests = False
        self.hangs_up = hangs_up
        self.calls: list[int] = []
        self.heads: list[dict[str, str]] = []
        self.register_introspection_functions()
        self.register_multicall_functions()
        self.register_function(_echo, "echo")
        self.register_function(_fail, "fail")


def _echo(value: Any) -> Any:
    return value


def _fail() -> None:
    raise LookupError("nothing there")
