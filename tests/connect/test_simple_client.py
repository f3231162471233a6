"""SimpleClient over socket pairs, over servers on loopback, over TLS and over what is no socket."""

import contextlib
import errno
import select
import socket
import ssl
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.servers import ScriptedServer
from support.steps import Close, Drain, ExpectBytes, ExpectUntil, Pause, Reset, Send, StartTLS
from support.streams import ScriptedStream, every_cut, every_split

from mini_http.base import errors
from mini_http.base.limits import Limits
from mini_http.base.timeouts import Deadline
from mini_http.connect.simple_client import LINE_END, SimpleClient
from mini_http.connect.tls import TLSSettings

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

PATIENCE = 20.0
"""Far more seconds than anything here takes: a wait that must not matter."""
SOON = 0.05
"""The seconds of a wait that is to end without anything having come."""
MUCH = bytes(32 << 20)
"""More than all buffers on the way hold."""


@pytest.fixture
def peer():
    """What the client is connected to."""
    with contextlib.ExitStack() as stack:
        ours, theirs = (stack.enter_context(sock) for sock in socket.socketpair())
        theirs.settimeout(PATIENCE)
        theirs.other_end = ours
        yield theirs


class PeerSocket(socket.socket):
    """A socket that remembers its other end."""


@pytest.fixture
def pair():
    """A client and the socket at the other end."""
    ours, theirs = socket.socketpair()
    with theirs, SimpleClient.over(ours, timeout=PATIENCE) as client:
        theirs.settimeout(PATIENCE)
        yield client, theirs
