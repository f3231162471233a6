"""DatagramClient against UDP sockets on loopback."""

import errno
import itertools
import socket
import struct
import threading

import pytest

from mini_http.base import errors
from mini_http.base.timeouts import Timeout
from mini_http.connect.datagram import LARGEST_DATAGRAM, DatagramClient

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

GROUP = "239.255.255.250"


@pytest.fixture
def peer():
    """A bound socket that answers nothing by itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        yield sock


@pytest.fixture
def client(peer):
    with DatagramClient(*peer.getsockname(), timeout=10) as made:
        yield made


def answer(peer, *replies):
    """Takes one packet, sends these back, and returns the packet."""
    data, sender = peer.recvfrom(LARGEST_DATAGRAM)
    for reply in replies:
        peer.sendto(reply, sender)
    return data


def closed_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


# --- one peer


@pytest.mark.parametrize("data", [b"", b"hello", bytes(9000)])
def test_a_packet_goes_there_and_one_comes_back(peer, client, data):
    client.send(data)
    assert answer(peer, data + b"!") == data
    assert client.receive() == data + b"!"


def test_a_quote_of_the_day_client_is_three_lines(peer):
    server = threading.Thread(target=answer, args=(peer, b"Less is more.\r\n"))
    server.start()
    with DatagramClient("localhost", peer.getsockname()[1]) as client:
        client.send(b"")
        assert client.receive().decode() == "Less is more.\r\n"
    server.join()


def test_the_sender_of_a_packet_is_told(peer, client):
    client.send(b"x")
    answer(peer, b"y")
    assert client.receive_from() == (b"y", peer.getsockname())


def test_an_empty_packet_is_a_packet(peer, client):
    client.send(b"x")
    answer(peer, b"", b"next")
    assert [client.receive(), client.receive()] == [b"", b"next"]


def test_packets_from_anyone_else_are_not_taken(peer, client):
    client.send(b"x")
    _, sender = peer.recvfrom(10)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"forged", sender)
    peer.sendto(b"true", sender)
    assert client.receive() == b"true"


@pytest.mark.parametrize("length", [3, 4])
def test_a_packet_longer_than_the_limit_is_refused_not_cut(peer, client, length):
    client.send(b"x")
    answer(peer, bytes(length), b"next")
    if length > 3:
        with pytest.raises(errors.LimitExceeded, match="more than 3 bytes in a datagram"):
            client.receive(limit=3)
    else:
        assert client.receive(limit=3) == bytes(3)
    assert client.receive() == b"next"


# --- time


@pytest.mark.parametrize(
    "timeout", [0.01, Timeout(read=0.01), Timeout(total=0.01), Timeout(read=10, total=0.01)]
)
def test_a_packet_that_does_not_come_is_a_timeout(peer, timeout):
    host, port = peer.getsockname()
    with DatagramClient(host, port, timeout=timeout) as client:
        for _ in range(2):
            with pytest.raises(errors.ReadTimedOut) as caught:
                client.receive()
        assert str(caught.value) == f"timed out waiting for {host}:{port}"
        assert isinstance(caught.value, TimeoutError)


def test_after_a_timeout_the_client_can_be_used_again(peer):
    with DatagramClient(*peer.getsockname(), timeout=0.01) as client:
        with pytest.raises(errors.ReadTimedOut):
            client.receive()
        client.send(b"again")
        answer(peer, b"yes")
        assert client.receive() == b"yes"


def test_iterating_gives_what_comes_until_the_timeout(peer):
    with DatagramClient(*peer.getsockname(), timeout=0.05) as client:
        client.send(b"x")
        answer(peer, b"1", b"", b"3")
        assert list(client) == [b"1", b"", b"3"]


def test_without_a_timeout_iterating_goes_on(peer):
    with DatagramClient(*peer.getsockname(), timeout=None) as client:
        client.send(b"x")
        answer(peer, b"1", b"2")
        assert list(itertools.islice(client.replies(), 2)) == [
            (b"1", peer.getsockname()),
            (b"2", peer.getsockname()),
        ]


# --- what goes wrong


def test_a_closed_port_is_an_error_once_the_system_hears_of_it():
    port = closed_port()
    with DatagramClient("127.0.0.1", port, timeout=10) as client:
        client.send(b"x")
        with pytest.raises(errors.ConnectFailed) as caught:
            client.receive()
    assert str(caught.value) == f"127.0.0.1:{port}: Connection refused"
    assert caught.value.errno == errno.ECONNREFUSED


def test_a_packet_too_long_for_udp_is_an_error(client):
    with pytest.raises(errors.ConnectionBroken, match="Message too long") as caught:
        client.send(bytes(LARGEST_DATAGRAM))
    assert caught.value.errno == errno.EMSGSIZE


def test_a_name_without_an_address_is_an_error():
    with pytest.raises(errors.NameNotResolved):
        DatagramClient("a..b", 53)


def test_an_address_without_a_way_there_is_an_error_that_names_it():
    # Without SO_BROADCAST, which only an unconnected client sets, connecting there is forbidden.
    with pytest.raises(errors.ConnectFailed, match=r"^255\.255\.255\.255:9: "):
        DatagramClient("255.255.255.255", 9)


def test_the_next_address_of_a_name_is_taken_where_the_first_can_not_be(peer, monkeypatch):
    kind = socket.SOCK_DGRAM
    places = [("255.255.255.255", 9), peer.getsockname()]
    listed = [(socket.AF_INET, kind, 0, "", place) for place in places]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: listed)
    with DatagramClient("host.example", 9, timeout=None) as client:
        client.send(b"x")
        assert answer(peer) == b"x"


@pytest.mark.parametrize("act", [lambda c: c.send(b""), lambda c: c.receive(), lambda c: list(c)])
def test_a_closed_client_says_so(client, act):
    client.close()
    client.close()
    assert client.closed
    with pytest.raises(errors.StateError, match="DatagramClient is closed"):
        act(client)


def test_repr_shows_the_place_and_whether_it_is_closed(client, peer):
    place = f"127.0.0.1:{peer.getsockname()[1]}"
    assert repr(client) == f"<DatagramClient {place}>"
    assert client.fileno() >= 0
    client.close()
    assert repr(client) == f"<DatagramClient {place} closed>"


# --- everyone at once


def test_an_unconnected_client_takes_packets_from_anyone(peer):
    with DatagramClient.unconnected(*peer.getsockname(), timeout=0.1) as client:
        client.send(b"who is there?")
        data, sender = peer.recvfrom(100)
        assert data == b"who is there?"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.2", 0))
            other.sendto(b"I", sender)
            peer.sendto(b"and I", sender)
            assert list(client.replies()) == [
                (b"I", other.getsockname()),
                (b"and I", peer.getsockname()),
            ]


def test_a_multicast_search_finds_who_answers():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("", 0))
        device.settimeout(10)
        loopback = socket.inet_aton("127.0.0.1")
        membership = socket.inet_aton(GROUP) + loopback
        device.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        port = device.getsockname()[1]
        with DatagramClient.unconnected(GROUP, port, timeout=0.1, hops=2) as client:
            # On a machine with no other network the packet must be told to stay on loopback.
            with socket.socket(fileno=socket.dup(client.fileno())) as same:
                assert same.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 2
                same.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
            client.send(b"M-SEARCH * HTTP/1.1\r\n\r\n")
            assert answer(device, b"HTTP/1.1 200 OK\r\n\r\n") == b"M-SEARCH * HTTP/1.1\r\n\r\n"
            [(reply, (_, sender_port))] = client.replies()
    assert reply == b"HTTP/1.1 200 OK\r\n\r\n"
    assert sender_port == port


def test_hops_are_set_for_ipv6_too():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 in this Python")
    with (
        DatagramClient.unconnected("ff02::c", 1900, hops=3) as client,
        socket.socket(fileno=socket.dup(client.fileno())) as same,
    ):
        assert same.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS) == 3


def test_hops_that_there_can_not_be_are_an_error():
    with pytest.raises(errors.ConnectFailed, match=f"{GROUP}:1900: Invalid argument"):
        DatagramClient.unconnected(GROUP, 1900, hops=1000)


def test_a_subclass_is_a_protocol(peer):
    class Clock(DatagramClient):
        """RFC 868: seconds since 1900, as four bytes."""

        def now(self):
            self.send(b"")
            return struct.unpack("!I", self.receive(4))[0]

    server = threading.Thread(target=answer, args=(peer, struct.pack("!I", 2208988800)))
    server.start()
    with Clock(*peer.getsockname(), timeout=10) as clock:
        assert clock.now() == 2208988800
    server.join()
