"""BoundedStream by way of SimpleClient: how long it waits, and what its errors mean."""

import errno
import os
import threading
from time import monotonic

import pytest
from support.peers import drip
from support.steps import ExpectBytes, Reset
from support.streams import ScriptedStream
from support.waits import PATIENCE, SOON, Clock

from mini_http.base import errors
from mini_http.base.timeouts import Deadline
from mini_http.connect.simple_client import SimpleClient

pytestmark = pytest.mark.usefixtures("no_descriptors_leak_from_all_of_this")


# --- time


def test_each_wait_for_bytes_has_the_timeout(served):
    with served([drip], timeout=0.5) as client:
        assert client.read(40) == b"x" * 40


def test_without_a_timeout_it_waits(client, peer):
    client.timeout = None
    threading.Timer(SOON, peer.sendall, [b"late\r\n"]).start()
    assert client.readline() == b"late"


@pytest.mark.parametrize("seconds", [SOON, 0.000_000_1])
def test_a_changed_timeout_holds_for_the_next_wait(client, peer, seconds):
    peer.sendall(b"a")
    assert client.read(1) == b"a"
    client.timeout = seconds
    with pytest.raises(errors.ReadTimedOut):
        client.read_some()


TOO_LONG = [3_000_000, 1e10, 1e20, 1e300]
"""Seconds: more than systems count in."""


@pytest.mark.parametrize("seconds", TOO_LONG)
def test_a_wait_may_be_longer_than_systems_can_wait(client, peer, seconds):
    client.timeout = seconds
    peer.sendall(b"1")
    assert client.read_some() == b"1"
    threading.Timer(SOON, peer.sendall, [b"2"]).start()
    assert client.wait_for_input(seconds)
    assert client.read_some() == b"2"
    assert client.write_unless_input(memoryview(b"3"))
    client.write(b"4")
    assert peer.recv(2) == b"34"


@pytest.mark.parametrize("seconds", TOO_LONG)
def test_all_of_it_may_take_longer_than_systems_can_wait(client, peer, seconds):
    client.timeout, client.deadline = None, Deadline(seconds)
    assert client.write_unless_input(memoryview(b"1"))
    assert peer.recv(1) == b"1"


def test_readinto_times_out(client, peer):
    client.timeout = SOON
    target = bytearray(4)
    with pytest.raises(errors.ReadTimedOut):
        client.readinto(target)
    peer.sendall(b"1234")
    assert (client.readinto(target), target) == (4, b"1234")


@pytest.mark.parametrize("known", [b"", b"be"])
def test_a_time_to_be_done_can_be_given(known):
    stream = ScriptedStream([known, b"begun\n"[len(known) :]])
    with SimpleClient.over(stream, timeout=PATIENCE) as client:
        if known:
            assert not client.at_end()
        assert client.read_until(b"\n", 100, expires=monotonic() + 1) == b"begun\n"
        assert 0 < stream.timeouts[-1] <= 1


@pytest.mark.parametrize("known", [b"", b"begun"])
def test_no_wait_begins_after_the_time_to_be_done(fed, known):
    with fed([known, b" not ended"], "timeout") as client:
        if known:
            assert not client.at_end()
        with pytest.raises(errors.ReadTimedOut):
            client.read_until(b"\n", 100, expires=monotonic() - 1)
        assert client.buffered() == len(known)
        assert client.read(len(known) + 10) == known + b" not ended"


def test_the_waits_after_a_time_to_be_done_are_the_usual_ones():
    stream = ScriptedStream([b"1\n", b"2\n"])
    with SimpleClient.over(stream, timeout=PATIENCE) as client:
        client.read_until(b"\n", 100, expires=monotonic() + 1)
        assert client.readline() == b"2"
        assert stream.timeouts[-1] == PATIENCE


def test_the_deadline_ends_reading_though_bytes_keep_coming(fed):
    clock = Clock()
    with fed(iter(lambda: b"x", None)) as client:
        client.deadline = Deadline(5, clock)
        assert client.read(10) == b"x" * 10
        clock.now += 6
        for read in (client.readline, client.read, client.read_some):
            with pytest.raises(errors.TotalTimedOut, match="timed out"):
                read()
        with pytest.raises(errors.TotalTimedOut):
            client.write(b"x")
        client.deadline = None
        assert client.read(10) == b"x" * 10


def test_the_deadline_shortens_a_wait(client):
    client.deadline = Deadline(SOON)
    with pytest.raises(errors.TotalTimedOut):
        client.readline()
    client.deadline = Deadline(SOON)
    with pytest.raises(errors.TotalTimedOut):
        client.read_some()


def test_the_timeout_may_end_before_the_deadline(client):
    client.deadline = Deadline(PATIENCE)
    client.timeout = SOON
    with pytest.raises(errors.ReadTimedOut):
        client.readline()


def test_a_deadline_without_end_changes_nothing(client, peer):
    client.deadline = Deadline(None)
    peer.sendall(b"1\n")
    assert client.readline() == b"1"


def test_the_deadline_is_shared_by_many_reads(served):
    with served([drip]) as client:
        client.deadline = Deadline(0.3)
        with pytest.raises(errors.TotalTimedOut):
            while client.read_some():
                pass


# --- what breaks


def test_a_reset_is_an_error(served):
    with served([ExpectBytes(1), Reset()]) as client:
        client.write(b"1")
        with pytest.raises(errors.ConnectionBroken) as caught:
            client.read_some()
        assert isinstance(caught.value.reason, ConnectionResetError)
        assert client.closed


@pytest.mark.parametrize(
    "read",
    [
        lambda client: client.readinto(bytearray(1)),
        SimpleClient.read,
        SimpleClient.at_end,
    ],
)
def test_a_broken_connection_is_closed_whoever_notices(fed, read):
    with fed([], "reset") as client:
        with pytest.raises(errors.ConnectionBroken, match="Connection reset by peer"):
            read(client)
        assert client.closed


def test_a_connection_that_the_system_gave_up_is_broken_not_slow():
    class GivenUp(ScriptedStream):
        def recv(self, size, flags=0):
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    with SimpleClient.over(GivenUp([])) as client:
        with pytest.raises(errors.ConnectionBroken, match=os.strerror(errno.ETIMEDOUT)):
            client.read_some()
        assert client.closed
