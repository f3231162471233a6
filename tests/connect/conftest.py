"""What the tests of the connection and of the client of lines share: both ends of a connection."""

import contextlib
import socket

import pytest
from support.descriptors import can_list_descriptors, open_descriptors
from support.servers import ScriptedServer
from support.steps import StartTLS
from support.streams import ScriptedStream
from support.waits import PATIENCE

from mini_http.connect.simple_client import SimpleClient
from mini_http.connect.tls import TLSSettings


@pytest.fixture(scope="module")
def no_descriptors_leak_from_all_of_this():
    """Once for all tests of a module: collecting the garbage takes longer than most of them."""
    before = len(open_descriptors()) if can_list_descriptors() else 0
    yield
    assert not before or len(open_descriptors()) <= before


class OtherSocket(socket.socket):
    """Not quite a plain socket: Python, not the kernel, keeps its time."""


@pytest.fixture(params=[socket.socket, OtherSocket], ids=["kernel's time", "Python's time"])
def ends(request):
    """Two connected sockets, the client's and its peer's."""
    ours, theirs = socket.socketpair()
    with request.param(fileno=ours.detach()) as ours, theirs:
        theirs.settimeout(PATIENCE)
        yield ours, theirs


@pytest.fixture
def peer(ends):
    return ends[1]


@pytest.fixture
def client(ends):
    with SimpleClient.over(ends[0], timeout=PATIENCE) as made:
        yield made


# --- clients are made by these. They last as long as the tests, so that hypothesis may call a test
# again with the same ones.


@pytest.fixture(scope="session")
def fed():
    """Makes a client that receives these pieces, one a receive, and then the end."""

    def make(pieces, end="close", **options):
        pieces = [pieces] if isinstance(pieces, bytes) else pieces
        return SimpleClient.over(ScriptedStream(pieces, end), **{"timeout": PATIENCE, **options})

    return make


@pytest.fixture(scope="session")
def served():
    """Makes a client of a server on loopback that plays a script."""

    @contextlib.contextmanager
    def make(script, timeout=PATIENCE):
        with (
            ScriptedServer([script]) as server,
            SimpleClient(*server.address, timeout=timeout) as made,
        ):
            yield made

    return make


@pytest.fixture(scope="session")
def secured(served, certificates, trusting):
    """Makes a client in TLS with a server that plays a script."""

    @contextlib.contextmanager
    def make(script):
        with served([StartTLS(certificates.good.server_context()), *script]) as made:
            made.starttls("localhost", trusting)
            yield made

    return make


@pytest.fixture(scope="session")
def trusting(certificates):
    """Settings that trust the authority of this test run."""
    return TLSSettings(ca_file=certificates.ca_file)
