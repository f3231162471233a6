"""Both ends of a TLS handshake on loopback, and what went wrong in it."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from mini_http.base import errors
from mini_http.base.timeouts import Deadline
from mini_http.connect.tls import start_tls
from support.servers import ScriptedServer
from support.waits import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trustme

    from mini_http.connect.tls import TLSSettings
    from mini_http.connect.tls_sessions import SessionCache

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
"""What of the environment TLS looks at."""


def shake_hands(
    server: ScriptedServer,
    settings: TLSSettings,
    name: str = "localhost",
    seconds: float = PATIENCE,
    sessions: SessionCache | None = None,
) -> ssl.SSLSocket:
    """The client's end, in TLS."""
    sock = socket.create_connection(server.address)
    secured = start_tls(sock, name, settings, Deadline(seconds), sessions=sessions)
    assert isinstance(secured, ssl.SSLSocket)
    return secured


@contextlib.contextmanager
def refused(kind: type[errors.MiniHTTPError] = errors.TLSFailed) -> Iterator[list[Any]]:
    """Expects the error; the list has its text and its reason afterwards."""
    told: list[Any] = []
    with pytest.raises(kind) as caught:
        yield told
    told += [str(caught.value), caught.value.reason]


def accepting(context: ssl.SSLContext) -> ScriptedServer:
    """A server that ends each handshake it can and then does nothing."""
    return ScriptedServer(handler=lambda connection: connection.drain(), tls=context)


def silent() -> ScriptedServer:
    """A server that takes what comes and never says anything."""
    return ScriptedServer(handler=lambda connection: connection.drain())


def server_context(leaf: trustme.LeafCert) -> ssl.SSLContext:
    """What a server shows a certificate with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context
