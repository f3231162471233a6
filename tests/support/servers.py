r"""A server on loopback that plays a script: exact bytes out, exact bytes in recorded.

    with ScriptedServer([b"HTTP/1.1 204 No Content\r\n\r\n"]) as server:
        fetch(server.url)
    assert server.requests == [b"GET / HTTP/1.1\r\n..."]

There is one script for each connection, in the order in which they are accepted, and one thread
for each. A script is a list of the steps in `support.steps`; bytes stand for: read a whole request,
then send these. After its last step a connection is closed. Instead of scripts, `handler=` is
called with each connection.

A client that goes away ends its connection's script and is no fault. Every other exception in a
server thread, and a connection for which there is no script, is raised when the server exits.
"""

from __future__ import annotations

import select
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from support.connections import ClientGone, Connection
from support.steps import PATIENCE, Pause, play

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from support.steps import Handler, Script, Step


class ScriptedServer:
    """Plays `scripts`, one a connection, or calls `handler` with each connection.

    `at` is the address to listen at: an IPv4 or IPv6 address, or the path of a unix socket. With
    `tls`, each connection begins with a TLS handshake. With `again`, connections beyond the last
    script get the last script once more; without it they are closed, and are an error at exit.
    """

    def __init__(
        self,
        scripts: Sequence[Script] = (),
        *,
        handler: Handler | None = None,
        tls: ssl.SSLContext | None = None,
        at: str = "127.0.0.1",
        again: bool = False,
    ) -> None:
        self.connections: list[Connection] = []
        """The connections accepted so far; complete once the server has exited."""
        self._scripts = [[script] if isinstance(script, bytes) else script for script in scripts]
        self._handler = handler
        self._tls = tls
        self._at = at
        self._again = again
        self._records: list[bytearray] = []
        self._errors: list[BaseException] = []
        self._workers: list[threading.Thread] = []

    @property
    def requests(self) -> list[bytes]:
        """The requests read so far, on all connections, in the order in which they came."""
        return [bytes(record) for record in self._records]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port. A server at a unix socket has none."""
        host, port = self._listener.getsockname()[:2]
        return host, port

    @property
    def port(self) -> int:
        return self.address[1]

    @property
    def authority(self) -> str:
        """host:port as it stands in a URL."""
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def url(self) -> str:
        """The root page."""
        return f"{'http' if self._tls is None else 'https'}://{self.authority}/"

    def __enter__(self) -> Self:
        self._listener = listen_at(self._at)
        self._wake, self._woken = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept_until_woken, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()
        if not self._errors:
            return
        if error is None:
            raise self._errors[0]
        for unseen in self._errors:
            error.add_note(f"and in the server: {unseen!r}")

    def _stop(self) -> None:
        self._wake.close()
        self._acceptor.join()
        self._listener.close()
        self._woken.close()
        if "/" in self._at:
            Path(self._at).unlink(missing_ok=True)
        for script in self._scripts:
            for step in script:
                if isinstance(step, Pause):
                    step.resume.set()
        for connection in self.connections:
            connection._interrupt()
        for worker in self._workers:
            worker.join(PATIENCE)
            if worker.is_alive():
                self._errors.append(AssertionError(f"{worker.name} does not end"))

    # --- in the threads

    def _accept_until_woken(self) -> None:
        self._listener.setblocking(False)
        woken = False
        while not woken:
            ready, _, _ = select.select([self._listener, self._woken], [], [])
            woken = self._woken in ready
            self._accept_all_waiting()

    def _accept_all_waiting(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # the client left before it was accepted
            sock.setblocking(True)
            connection = Connection(sock, len(self.connections), self._records)
            self.connections.append(connection)
            worker = threading.Thread(
                target=self._serve,
                args=[connection],
                name=f"the thread of connection {connection.index}",
                daemon=True,
            )
            self._workers.append(worker)
            worker.start()

    def _serve(self, connection: Connection) -> None:
        try:
            if self._tls is not None:
                connection.start_tls(self._tls)
            if self._handler is not None:
                self._handler(connection)
            else:
                play(self._script_for(connection), connection)
        except ClientGone:
            pass
        except BaseException as error:  # handed to the test when the server exits
            self._errors.append(error)
        finally:
            connection.close()

    def _script_for(self, connection: Connection) -> Sequence[Step]:
        number = connection.index
        if self._again and self._scripts:
            number = min(number, len(self._scripts) - 1)
        if number >= len(self._scripts):
            raise AssertionError(
                f"a connection too many: {number + 1} came, {len(self._scripts)} are scripted"
            )
        return self._scripts[number]


def listen_at(at: str) -> socket.socket:
    """A listening socket at an IP address, on a free port, or at a path."""
    if "/" in at:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(at)
        listener.listen()
        return listener
    family = socket.AF_INET6 if ":" in at else socket.AF_INET
    return socket.create_server((at, 0), family=family, backlog=128)
