"""Connection by way of SimpleClient: over socket pairs, servers on loopback, TLS and no socket."""

import errno
import select
import socket
import threading
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.peers import end_in_tls
from support.steps import Close, Drain, ExpectBytes, ExpectUntil, Pause, Reset, Send, StartTLS
from support.streams import ScriptedStream
from support.waits import PATIENCE, SOON, Clock

from mini_http.base import errors
from mini_http.base.timeouts import Deadline
from mini_http.connect.simple_client import SimpleClient

MUCH = memoryview(bytes(32 << 20))
"""More than all buffers on the way hold."""

pytestmark = pytest.mark.usefixtures("no_descriptors_leak_from_all_of_this")


# --- opening


def test_a_stream_that_did_not_wait_is_made_to(ends):
    ours, theirs = ends
    ours.settimeout(0)
    theirs.sendall(b"a")
    with SimpleClient.over(ours, timeout=SOON) as client:
        assert client.read(1) == b"a"
        with pytest.raises(errors.ReadTimedOut):
            client.read(1)


def test_what_has_only_makefile_can_be_read(tmp_path):
    class Saved:
        def makefile(self, mode):
            return open(tmp_path / "saved", mode)

    (tmp_path / "saved").write_bytes(b"one\r\ntwo")
    with SimpleClient.over(Saved()) as client:
        assert list(client) == [b"one", b"two"]
    with SimpleClient.over(Saved()) as client:
        with pytest.raises(errors.ConnectionBroken, match="only be read"):
            client.writeline("three")
        assert client.closed


def test_what_is_no_stream_is_refused():
    with pytest.raises(TypeError, match="neither a socket nor an object with makefile"):
        SimpleClient.over(b"bytes")


# --- reading


def test_read_some_gives_what_is_there(fed):
    with fed([b"1\n234", b"56"]) as client:
        assert client.readline() == b"1"
        assert [client.read_some(2), client.read_some(2), client.read_some()] == [
            b"23",
            b"4",
            b"56",
        ]
        assert client.read_some() == b""


def test_readinto_fills_a_buffer_with_what_is_there(fed):
    with fed([b"1\n234", b"56"]) as client:
        assert client.readline() == b"1"
        target = bytearray(4)
        assert (client.readinto(target), target) == (3, b"234\0")
        assert (client.readinto(target), target) == (2, b"564\0")
        assert client.readinto(target) == 0


def test_readinto_takes_no_more_than_fits(fed):
    with fed([b"1\n234", b"56"]) as client:
        assert client.readline() == b"1"
        target = bytearray(2)
        assert [(client.readinto(target), bytes(target)) for _ in range(3)] == [
            (2, b"23"),
            (1, b"43"),
            (2, b"56"),
        ]


def test_readinto_takes_buffers_of_other_types(fed):
    from array import array

    with fed([b"1\n", b"\1\0\2\0"]) as client:
        assert client.readline() == b"1"
        target = array("H", [0, 0])
        assert client.readinto(target) == 4
        assert target.tobytes() == b"\1\0\2\0"


def test_unread_bytes_are_read_next(fed):
    with fed([b"one\ntwo\n"]) as client:
        assert client.readline() == b"one"
        client.unread(b"")
        assert client.buffered() == 4
        client.unread(b"zero\n")
        assert [client.readline(), client.readline()] == [b"zero", b"two"]
        assert client.buffered() == 0


@given(st.lists(st.binary(max_size=20)), st.lists(st.integers(0, 30)))
def test_no_byte_is_lost_or_doubled_whatever_is_read(fed, pieces, sizes):
    sent = b"".join(pieces)
    read = b""
    with fed(pieces) as client:
        for size in sizes:
            if size % 3 == 0 and size <= len(sent) - len(read):
                read += client.read(size)
            elif size % 3 == 1:
                read += client.read_some(size)
            else:
                taken = client.read_some(5)
                client.unread(taken[2:])
                read += taken[:2]
        assert read + client.read() == sent


class Wrapped:
    """Bytes in a coat, as of TLS in TLS: its socket may have input where there is none to read."""

    def __init__(self, sock):
        self._sock = sock
        for name in ("fileno", "sendall", "recv_into", "settimeout", "close"):
            setattr(self, name, getattr(sock, name))

    def recv(self, size):
        if self._sock.recv(1, socket.MSG_PEEK) == b"#":  # a record that carries nothing
            self._sock.recv(1)
            return self.recv(size)
        return self._sock.recv(size)


def test_what_a_wrapped_stream_has_to_give_is_known_when_it_was_taken_in(ends):
    with SimpleClient.over(Wrapped(ends[0]), timeout=PATIENCE) as client:
        assert not client.has_input()
        ends[1].sendall(b"#")
        assert not client.has_input()
        ends[1].sendall(b"#12")
        assert client.has_input()
        assert (client.peek(), client.read(2)) == (b"12", b"12")
        assert client.write_unless_input(memoryview(b"all of it"))
        assert ends[1].recv(100) == b"all of it"
        ends[1].close()
        assert client.has_input()
        assert client.at_end()


def test_a_look_at_a_wrapped_stream_leaves_its_timeout(ends):
    with SimpleClient.over(Wrapped(ends[0]), timeout=PATIENCE) as client:
        ends[1].sendall(b"1")
        assert client.read(1) == b"1"
        ends[1].sendall(b"#")
        assert not client.has_input()
        assert ends[0].gettimeout() == PATIENCE


def test_the_stream_is_there_while_it_is_open(ends):
    with SimpleClient.over(ends[0]) as client:
        assert client.stream is ends[0]
    with pytest.raises(errors.StateError):
        client.stream


# --- whether there is something to read


@pytest.fixture(params=["poll", "select"])
def system(request, monkeypatch):
    """A system with poll, and one without."""
    if request.param == "select":
        monkeypatch.delattr(select, "poll", raising=False)


@pytest.mark.usefixtures("system")
def test_has_input_tells_of_bytes(client, peer):
    assert not client.has_input()
    peer.sendall(b"12")
    assert client.has_input()
    assert client.has_input()
    assert client.read(1) == b"1"
    assert client.has_input()
    assert client.read(1) == b"2"
    assert not client.has_input()


@pytest.mark.usefixtures("system")
def test_has_input_tells_of_bytes_that_are_buffered(client, peer):
    peer.sendall(b"1\n2\n")
    assert client.readline() == b"1"
    assert client.buffered() == 2
    assert client.has_input()


@pytest.mark.usefixtures("system")
def test_has_input_tells_of_the_end(client, peer):
    peer.close()
    assert client.has_input()
    assert client.at_end()


@pytest.mark.usefixtures("system")
def test_has_input_tells_of_a_reset(served):
    with served([ExpectBytes(1), Reset()]) as client:
        client.write(b"1")
        assert client.wait_for_input(PATIENCE)
        with pytest.raises(errors.ConnectionBroken):
            client.read_some()


@pytest.mark.usefixtures("system")
def test_wait_for_input_waits(client, peer):
    assert not client.wait_for_input(0)
    assert not client.wait_for_input(SOON)
    threading.Timer(SOON, peer.sendall, [b"1"]).start()
    assert client.wait_for_input(PATIENCE)
    assert client.read(1) == b"1"


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("total", [0, SOON])
def test_wait_for_input_does_not_wait_past_the_deadline(client, total):
    client.deadline = Deadline(total)
    begun = monotonic()
    assert not client.wait_for_input(PATIENCE)
    assert total <= monotonic() - begun < PATIENCE


def test_has_input_does_not_mind_that_the_deadline_has_passed(client, peer):
    client.deadline = Deadline(5, clock := Clock())
    clock.now += 6
    assert not client.has_input()
    peer.sendall(b"1")
    assert client.has_input()


def test_a_stream_without_descriptor_is_not_waited_for(fed):
    with fed(b"1") as client:
        began = monotonic()
        assert not client.wait_for_input(PATIENCE)
        assert monotonic() - began < PATIENCE


def ready_to_read(client):
    """Waits until bytes have arrived, of whatever kind."""
    return bool(select.select([client], [], [], PATIENCE)[0])


def test_session_tickets_are_no_input(secured):
    with secured([Drain()]) as client:
        assert ready_to_read(client)
        assert not client.has_input()
        assert not client.has_input()
        assert client.buffered() == 0


def test_has_input_tells_of_bytes_in_tls(secured):
    with secured([Send(b"12345"), Drain()]) as client:
        assert client.wait_for_input(PATIENCE)
        assert client.buffered() == 5
        assert client.has_input()
        assert client.read(5) == b"12345"
        assert not client.has_input()


def test_has_input_tells_of_bytes_that_tls_has_deciphered_already(secured):
    with secured([Send(b"12345"), Drain()]) as client:
        target = bytearray(1)
        assert client.readinto(target) == 1
        assert client.buffered() == 0
        assert client.has_input()
        assert client.read(4) == b"2345"


def test_a_wait_after_has_input_is_bounded_as_before(secured):
    with secured([Drain()]) as client:
        client.timeout = SOON
        assert ready_to_read(client)
        assert not client.has_input()
        with pytest.raises(errors.ReadTimedOut):
            client.read_some()


def test_has_input_tells_of_the_end_in_tls(secured):
    with secured([end_in_tls]) as client:
        assert client.wait_for_input(PATIENCE)
        assert client.at_end()


def test_has_input_tells_of_an_end_that_tls_did_not_announce(secured):
    with secured([Close()]) as client:
        assert client.wait_for_input(PATIENCE)
        with pytest.raises(errors.ConnectionBroken):
            client.read_some()


# --- writing


@pytest.mark.parametrize("data", [b"bytes", bytearray(b"bytes"), memoryview(b"bytes")])
def test_all_bytes_are_sent(client, peer, data):
    client.write(data)
    assert peer.recv(100) == b"bytes"


def test_more_than_the_buffers_hold_is_sent(served):
    with served([ExpectBytes(len(MUCH)), Send(b"all of it\n")]) as client:
        client.write(MUCH)
        assert client.readline() == b"all of it"


def test_a_peer_that_takes_nothing_is_an_error_in_time(client):
    client.timeout = SOON
    with pytest.raises(errors.WriteTimedOut, match="timed out"):
        client.write(MUCH)


def test_a_server_in_tls_that_takes_nothing_is_an_error_in_time(secured):
    with secured([Pause()]) as client:
        client.timeout = 0.3
        with pytest.raises(errors.WriteTimedOut):
            client.write(MUCH)


def test_the_deadline_bounds_writing(client):
    client.deadline = Deadline(SOON)
    with pytest.raises(errors.TotalTimedOut):
        client.write(MUCH)


def test_writing_to_who_has_gone_is_an_error(client, peer):
    peer.close()
    with pytest.raises(errors.ConnectionBroken, match="the connection broke") as caught:
        client.write(b"1")
    assert caught.value.reason.errno == errno.EPIPE
    assert client.closed


# --- writing unless something comes in


@pytest.mark.usefixtures("system")
def test_all_is_sent_when_nothing_comes_in(served):
    with served([ExpectBytes(len(MUCH)), Send(b"all of it\n")]) as client:
        assert client.write_unless_input(MUCH)
        assert client.readline() == b"all of it"


@pytest.mark.usefixtures("system")
def test_sending_stops_when_something_comes_in(served):
    with served([ExpectBytes(100_000), Send(b"stop\n"), Drain()]) as client:
        assert not client.write_unless_input(memoryview(bytes(1 << 30)))
        assert client.readline() == b"stop"


class Answered(Wrapped):
    """As a TLS stream over another one: it can't be asked whether it takes output."""

    taken = 0

    def __init__(self, sock, peer):
        super().__init__(sock)
        self.peer = peer
        self.sendall = self.answer

    def answer(self, data):
        self.taken += len(data)
        self.peer.sendall(b"stop\n")


def test_sending_over_what_is_no_socket_stops_when_something_comes_in(ends):
    stream = Answered(*ends)
    with SimpleClient.over(stream, timeout=PATIENCE) as client:
        assert not client.write_unless_input(memoryview(bytes(1 << 24)))
        assert client.readline() == b"stop"
    assert 0 < stream.taken < 1 << 24


def test_nothing_is_sent_when_something_is_buffered(client, peer):
    peer.sendall(b"1\n2\n")
    assert client.readline() == b"1"
    assert not client.write_unless_input(memoryview(b"x"))
    peer.settimeout(0)
    with pytest.raises(BlockingIOError):
        peer.recv(1)


@pytest.mark.usefixtures("system")
def test_sending_stops_when_the_peer_has_gone(client, peer):
    peer.close()
    assert not client.write_unless_input(memoryview(b"x"))
    assert client.at_end()


def test_sending_stops_when_it_breaks(ends):
    ours, theirs = ends
    with SimpleClient.over(ours, timeout=PATIENCE) as client:
        ours.shutdown(socket.SHUT_WR)
        assert not client.write_unless_input(memoryview(b"x"))
        theirs.sendall(b"the reason\n")
        assert client.readline() == b"the reason"


@pytest.mark.usefixtures("system")
def test_sending_to_who_takes_nothing_is_an_error_in_time(client):
    client.timeout = SOON
    with pytest.raises(errors.WriteTimedOut):
        client.write_unless_input(MUCH)
    client.timeout = PATIENCE
    client.deadline = Deadline(SOON)
    with pytest.raises(errors.TotalTimedOut):
        client.write_unless_input(MUCH)


@pytest.mark.usefixtures("system")
def test_without_a_timeout_sending_waits(client, peer):
    def take():
        left = len(MUCH)
        while left:
            left -= len(peer.recv(1 << 20))

    client.timeout = None
    reader = threading.Timer(SOON, take)
    reader.start()
    assert client.write_unless_input(MUCH)
    reader.join(PATIENCE)
    assert not reader.is_alive()


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("is_buffered", [True, False])
def test_sending_goes_on_if_what_came_in_allows_it(client, peer, is_buffered):
    heard = []

    def goes_on():
        heard.append(client.readline())
        return heard[-1] == b"go on"

    if is_buffered:
        peer.sendall(b"hello\ngo on\ngo on\n")
        assert client.readline() == b"hello"
    else:
        peer.sendall(b"go on\ngo on\n")
    assert client.write_unless_input(memoryview(b"12"), goes_on)
    assert (heard, peer.recv(10)) == ([b"go on"] * 2, b"12")
    peer.sendall(b"go on\nstop\nand more\n")
    assert not client.write_unless_input(memoryview(b"34"), goes_on)
    assert heard[2:] == [b"go on", b"stop"]
    assert client.readline() == b"and more"


def test_all_is_sent_in_tls_though_session_tickets_come_in(secured):
    script = [Pause(), ExpectBytes(len(MUCH)), Send(b"ok\n")]
    with secured(script) as client:
        assert ready_to_read(client)
        threading.Timer(SOON, script[0].resume.set).start()
        assert client.write_unless_input(MUCH)
        assert client.readline() == b"ok"


def test_sending_in_tls_stops_when_something_comes_in(secured):
    with secured([ExpectBytes(100_000), Send(b"stop\n"), Drain()]) as client:
        assert not client.write_unless_input(memoryview(bytes(1 << 28)))
        assert client.readline() == b"stop"


def test_sending_over_a_stream_without_descriptor_sends_all():
    stream = ScriptedStream([b"later"])
    with SimpleClient.over(stream) as client:
        assert client.write_unless_input(memoryview(b"12345"))
        assert stream.sent == b"12345"


# --- TLS


def test_lines_go_both_ways_after_starttls(served, trusting, certificates):
    context = certificates.good.server_context()
    script = [
        Send(b"220 ready\r\n"),
        ExpectUntil(b"STARTTLS\r\n"),
        Send(b"220 go ahead\r\n"),
        StartTLS(context),
        ExpectUntil(b"HELLO\r\n"),
        Send(b"250 hello\r\n"),
        end_in_tls,
    ]
    with served(script) as client:
        assert client.readline() == b"220 ready"
        client.writeline("STARTTLS")
        assert client.readline() == b"220 go ahead"
        client.starttls("localhost", trusting)
        client.writeline("HELLO")
        assert list(client) == [b"250 hello"]


def test_bytes_that_came_before_tls_are_refused(served, trusting):
    with served([Send(b"220 go ahead\r\n250 evil\r\n"), Drain()]) as client:
        assert client.readline() == b"220 go ahead"
        with pytest.raises(errors.TLSFailed, match="10 bytes came in the clear"):
            client.starttls("localhost", trusting)
        assert client.closed


def test_the_certificate_must_be_for_the_name(served, trusting, certificates):
    with served([StartTLS(certificates.wrong_name.server_context())]) as client:
        with pytest.raises(errors.TLSFailed, match=r"is for elsewhere\.example"):
            client.starttls("localhost", trusting)
        assert client.closed


def test_without_settings_the_usual_authorities_are_trusted(served, certificates):
    with (
        served([StartTLS(certificates.good.server_context())]) as client,
        pytest.raises(errors.TLSFailed, match="unknown issuer"),
    ):
        client.starttls("localhost")


@pytest.mark.parametrize("total", [None, PATIENCE])
def test_the_handshake_ends_within_the_timeout(served, total):
    with served([Drain()], timeout=SOON) as client:
        client.deadline = total and Deadline(total)
        with pytest.raises(errors.ConnectTimedOut):
            client.starttls("localhost")
        assert client.closed


# --- closing


def test_closing_twice_is_closing_once(client, peer):
    client.close()
    client.close()
    assert client.closed
    assert peer.recv(1) == b""


USES = {
    "read_some": SimpleClient.read_some,
    "readinto": lambda client: client.readinto(bytearray(1)),
    "has_input": SimpleClient.has_input,
    "wait_for_input": lambda client: client.wait_for_input(0),
    "write": lambda client: client.write(b"1"),
    "write_unless_input": lambda client: client.write_unless_input(memoryview(b"1")),
    "starttls": lambda client: client.starttls("localhost"),
    "fileno": SimpleClient.fileno,
    "detach": SimpleClient.detach,
}


@pytest.mark.parametrize("timeout", [PATIENCE, None])
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_use_after_close_is_an_error(client, peer, use, timeout):
    peer.sendall(b"1\n2\n")
    client.readline()
    client.close()
    client.timeout = timeout
    with pytest.raises(errors.StateError, match="SimpleClient is closed"):
        use(client)


def test_the_descriptor_is_that_of_the_stream(client, ends):
    assert client.fileno() == ends[0].fileno()


def test_a_detached_stream_is_open_and_waits_for_ever(client, ends):
    ours, theirs = ends
    client.timeout = SOON
    with pytest.raises(errors.ReadTimedOut):
        client.read(1)
    assert client.detach() is ours
    assert client.closed
    assert ours.gettimeout() is None
    assert not any(ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16))
    theirs.sendall(b"1")
    assert ours.recv(1) == b"1"


class Brief(SimpleClient):
    is_brief = True


@pytest.mark.parametrize("expects_more", [False, True])
def test_a_brief_connection_waits_as_long_as_any(ends, expects_more):
    ours, theirs = ends
    with Brief.over(ours, timeout=SOON) as client:
        for _ in range(2):
            with pytest.raises(errors.ReadTimedOut):
                client.read(1)
            if expects_more:
                client.expect_more()
        client.timeout = None
        threading.Timer(2 * SOON, theirs.sendall, [b"late"]).start()
        assert client.read(4) == b"late"
        client.timeout = SOON
        with pytest.raises(errors.WriteTimedOut):
            client.write(MUCH)


@pytest.mark.parametrize("expects_more", [False, True])
def test_a_brief_connection_is_handed_over_without_a_timeout(ends, expects_more):
    ours, _ = ends
    client = Brief.over(ours, timeout=SOON)
    client.write(b"taken")
    if expects_more:
        client.expect_more()
    assert client.detach() is ours
    assert ours.gettimeout() is None
    assert not any(ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16))


def test_a_stream_is_not_handed_over_while_bytes_of_it_are_unread(client, peer):
    peer.sendall(b"1\n23")
    assert client.readline() == b"1"
    with pytest.raises(errors.StateError, match="2 bytes have come and must be read first"):
        client.detach()
    assert client.read(2) == b"23"
    assert client.detach()


@pytest.mark.parametrize("use", [SimpleClient.fileno, SimpleClient.detach])
def test_handing_out_the_stream_does_not_mind_that_the_deadline_has_passed(client, use):
    client.deadline = Deadline(5, clock := Clock())
    clock.now += 6
    assert use(client)
