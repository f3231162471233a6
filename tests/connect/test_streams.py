"""How streams are made to give up waiting and asked for input, on systems with poll and without."""

import errno
import io
import select
import socket
import ssl
import struct
import threading

import pytest
from support.streams import ScriptedStream

from mini_http.base.timeouts import LONGEST_WAIT
from mini_http.connect.streams import (
    FileStream,
    as_stream,
    can_send_some,
    input_probe,
    is_only_waiting,
    is_plain,
    set_wait,
    try_send,
    wait_to_send,
)

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

PATIENCE = 20.0
SOON = 0.02
TIMERS = [socket.SO_RCVTIMEO, socket.SO_SNDTIMEO]


class OtherSocket(socket.socket):
    """Not quite a plain socket."""


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture(params=["poll", "select"])
def system(request, monkeypatch):
    """A system with poll, and one without."""
    if request.param == "select":
        monkeypatch.delattr(select, "poll", raising=False)


def other(sock):
    return OtherSocket(fileno=sock.detach())


def fill(sock):
    """Sends until nothing more is taken."""
    while try_send(sock, memoryview(bytes(1 << 20))):
        pass


# --- the bound of a wait


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [
        (None, (0, 0)),
        (60.0, (60, 0)),
        (1.5, (1, 500_000)),
        (0.25, (0, 250_000)),
        (1e-9, (0, 1)),
        (0, (0, 1)),
        (LONGEST_WAIT, (int(LONGEST_WAIT), 0)),
    ],
)
def test_the_kernel_keeps_the_time_of_a_plain_socket(ends, seconds, kept):
    ours, _ = ends
    set_wait(ours, seconds)
    assert ours.gettimeout() is None
    for timer in TIMERS:
        size = struct.calcsize("ll")
        timeval = struct.unpack("ll", ours.getsockopt(socket.SOL_SOCKET, timer, size))
        # The kernel counts in ticks of up to 10 ms, and rounds up.
        assert kept <= timeval <= (kept[0], kept[1] + 10_000 * bool(kept[1]))


@pytest.mark.parametrize(("seconds", "kept"), [(None, None), (1.5, 1.5), (0, 0.000_001)])
def test_other_sockets_keep_their_own_time(ends, seconds, kept):
    with other(ends[0]) as sock:
        set_wait(sock, seconds)
        assert sock.gettimeout() == kept


def test_the_kernel_keeps_the_time_only_where_it_may(ends):
    ours, _ = ends
    set_wait(ours, 1.5, by_kernel=False)
    assert ours.gettimeout() == 1.5
    assert not any(ours.getsockopt(socket.SOL_SOCKET, timer, 16).strip(b"\0") for timer in TIMERS)
    set_wait(ours, 60.0)
    assert ours.gettimeout() is None
    assert all(ours.getsockopt(socket.SOL_SOCKET, timer, 16).strip(b"\0") for timer in TIMERS)


def test_a_wait_ends_with_an_error_that_says_so(ends):
    ours, _ = ends
    set_wait(ours, SOON)
    with pytest.raises(BlockingIOError):
        ours.recv(1)
    with other(ours) as sock:
        set_wait(sock, SOON)
        with pytest.raises(TimeoutError):
            sock.recv(1)


def test_a_wait_without_bound_is_one_again(ends):
    ours, theirs = ends
    set_wait(ours, SOON)
    set_wait(ours, None)
    threading.Timer(2 * SOON, theirs.sendall, [b"late"]).start()
    assert ours.recv(10) == b"late"


# --- input


@pytest.mark.usefixtures("system")
def test_a_probe_tells_of_bytes_and_of_the_end(ends):
    ours, theirs = ends
    probe = input_probe(ours)
    assert not probe(0)
    assert not probe(SOON * 1000)
    theirs.sendall(b"1")
    assert probe(0)
    assert ours.recv(1) == b"1"
    assert not probe(0)
    theirs.close()
    assert probe(PATIENCE * 1000)


@pytest.mark.usefixtures("system")
def test_a_probe_waits(ends):
    ours, theirs = ends
    threading.Timer(SOON, theirs.sendall, [b"1"]).start()
    assert input_probe(ours)(PATIENCE * 1000)


def test_a_stream_without_descriptor_never_has_input():
    assert not input_probe(ScriptedStream([b"1"]))(PATIENCE * 1000)


# --- output


@pytest.mark.usefixtures("system")
def test_waiting_to_send_tells_of_input_and_of_room(ends):
    ours, theirs = ends
    assert wait_to_send(ours, PATIENCE) == (False, True)
    theirs.sendall(b"1")
    assert wait_to_send(ours, None) == (True, True)
    fill(ours)
    assert wait_to_send(ours, PATIENCE) == (True, False)
    assert ours.recv(1) == b"1"
    assert wait_to_send(ours, SOON) == (False, False)


@pytest.mark.usefixtures("system")
def test_the_longest_wait_can_be_waited(ends):
    ours, theirs = ends
    assert wait_to_send(ours, LONGEST_WAIT) == (False, True)
    theirs.sendall(b"1")
    assert input_probe(ours)(LONGEST_WAIT * 1000)


@pytest.mark.usefixtures("system")
def test_waiting_to_send_tells_of_the_end(ends):
    ours, theirs = ends
    theirs.close()
    assert wait_to_send(ours, PATIENCE)[0]


@pytest.mark.usefixtures("system")
def test_who_waits_for_room_alone_is_not_told_of_input(ends):
    ours, theirs = ends
    theirs.sendall(b"1")
    assert wait_to_send(ours, PATIENCE, or_for_input=False) == (False, True)
    fill(ours)
    assert wait_to_send(ours, SOON, or_for_input=False) == (False, False)


def test_a_plain_socket_is_told_from_all_others(ends):
    ours, _ = ends
    assert is_plain(ours)
    assert not is_plain(ScriptedStream([]))
    with other(ours) as sock:
        assert not is_plain(sock)


def test_only_sockets_that_are_open_send_a_part(ends):
    """TLS in TLS has changed what is to be sent when it finds that not all can be."""

    class Wrapped(ScriptedStream):
        def fileno(self):
            return ends[0].fileno()

    assert can_send_some(ends[0])
    assert not can_send_some(Wrapped([]))
    assert not can_send_some(ScriptedStream([]))
    with other(ends[0]) as sock:
        assert can_send_some(sock)
    assert not can_send_some(sock)


@pytest.mark.parametrize("made", [lambda sock: sock, other], ids=["plain", "other"])
def test_what_is_taken_at_once_is_sent(ends, made):
    ours, theirs = ends
    data = memoryview(bytes(32 << 20))
    with made(ours) as sock:
        sent = try_send(sock, data)
        assert 0 < sent < len(data)
        fill(sock)
        assert try_send(sock, data) == 0
        theirs.close()
        with pytest.raises(OSError, match=r"Broken pipe|Connection reset"):
            try_send(sock, data)


@pytest.mark.parametrize("error", [ssl.SSLWantReadError, ssl.SSLWantWriteError])
def test_tls_that_has_to_wait_takes_nothing(error):
    class Waiting(ScriptedStream):
        def send(self, data, flags=0):
            raise error

    assert try_send(Waiting([]), memoryview(b"1")) == 0


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (ssl.SSLWantReadError(), True),
        (ssl.SSLWantWriteError(), True),
        (BlockingIOError(errno.EAGAIN, "again"), True),
        (TimeoutError("timed out"), True),
        (TimeoutError(errno.ETIMEDOUT, "the system has given up"), False),
        (ssl.SSLEOFError(), False),
        (OSError(errno.EIO, "no"), False),
    ],
)
def test_only_waiting_is_told_from_other_errors(error, waits):
    assert is_only_waiting(error) is waits


# --- objects that have only makefile


class Saved:
    """Like a socket, as far as http.client uses one."""

    def __init__(self, file):
        self.file = file

    def makefile(self, mode):
        assert mode == "rb"
        return self.file


class ReadOnly:
    """A file that has no read1."""

    def __init__(self, data):
        self._file = io.BytesIO(data)
        self.read = self._file.read
        self.close = self._file.close


@pytest.mark.parametrize("kind", [io.BytesIO, ReadOnly])
def test_a_file_is_read_as_a_stream(kind):
    stream = as_stream(Saved(kind(b"123456")))
    stream.settimeout(1.0)
    assert stream.recv(2) == b"12"
    target = bytearray(3)
    assert (stream.recv_into(target), target) == (3, b"345")
    assert (stream.recv_into(target), target) == (1, b"645")
    assert stream.recv(1) == b""
    assert stream.fileno() == -1
    stream.close()
    stream.close()


def test_a_stream_gives_a_line_at_a_time_while_it_is_told_to():
    stream = FileStream(Saved(io.BytesIO(b"one\ntwo\nthree")))
    assert (stream.recv(100), stream.recv(2), stream.recv(100)) == (b"one\n", b"tw", b"o\n")
    stream.by_lines = False
    assert (stream.recv(100), stream.recv(100)) == (b"three", b"")


def test_a_line_that_comes_in_parts_is_not_waited_for(ends):
    ours, theirs = ends
    stream = as_stream(Saved(ours.makefile("rb")))
    theirs.sendall(b"a part")
    assert stream.recv(100) == b"a part"
    theirs.sendall(b" of it\nand the next")
    assert (stream.recv(3), stream.recv(100)) == (b" of", b" it\n")
    assert stream.recv(100) == b"and the next"
    theirs.close()
    assert stream.recv(100) == b""
    stream.close()


def test_a_file_that_would_have_to_wait_and_must_not_says_so(ends):
    ours, _ = ends
    ours.setblocking(False)
    stream = as_stream(Saved(ours.makefile("rb", buffering=0)))
    stream.by_lines = False
    for receive in (stream.recv, lambda size: stream.recv_into(bytearray(size))):
        with pytest.raises(BlockingIOError):
            receive(100)
    stream.close()


def test_the_file_is_made_when_it_is_first_asked_for_and_can_be_replaced():
    class Counting(Saved):
        made = 0

        def makefile(self, mode):
            self.made += 1
            return super().makefile(mode)

    source = Counting(io.BytesIO(b"first"))
    stream = FileStream(source)
    assert source.made == 0
    assert stream.file is stream.file is source.file
    assert source.made == 1
    stream.file = io.BytesIO(b"second")
    assert stream.recv(100) == b"second"


def test_a_source_that_sends_and_closes_is_told_to():
    sent = []

    class Sending(Saved):
        closed = 0

        def sendall(self, data):
            sent.append(data)

        def close(self):
            self.closed += 1

    source = Sending(io.BytesIO())
    stream = as_stream(source)
    stream.sendall(b"1")
    stream.close()
    assert (sent, source.closed) == ([b"1"], 1)
    FileStream(source, closes_source=False).close()
    assert source.closed == 1


def test_a_file_can_not_be_written():
    with pytest.raises(OSError, match="can only be read"):
        FileStream(Saved(io.BytesIO())).sendall(b"1")


def test_closing_the_stream_closes_the_file():
    file = io.BytesIO(b"1")
    stream = as_stream(Saved(file))
    assert stream.recv(1) == b"1"
    stream.close()
    assert file.closed


def test_a_stream_stays_what_it_is(ends):
    scripted = ScriptedStream([])
    assert as_stream(ends[0]) is ends[0]
    assert as_stream(scripted) is scripted


@pytest.mark.parametrize("source", [None, b"GET", io.BytesIO()])
def test_anything_else_is_refused(source):
    with pytest.raises(TypeError, match="neither a socket nor an object with makefile"):
        as_stream(source)


def test_a_socket_class_put_in_place_of_pythons_keeps_time_itself(monkeypatch):
    class OtherSocket(socket.socket):
        """What gevent and its like make of `socket.socket`: it never blocks in the kernel."""

    monkeypatch.setattr(socket, "socket", OtherSocket)
    with OtherSocket() as stream:
        set_wait(stream, 2.5)
        assert stream.gettimeout() == 2.5
