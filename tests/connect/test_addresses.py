"""Which addresses are public, and what is said of the others."""

import ipaddress
import pickle
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.connect.addresses import NOT_UNICAST, SPECIAL_NETWORKS, AddressGuard, public_only

PUBLIC = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.0.3.0",
    "192.31.196.1",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2000::",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700::1111",
    "3ffe:ffff::1",
    "3fff:1000::",
    # what stands for a public one
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
    "2001:0:808:808::f7f7:f7f7",
]

REFUSED = {
    "0.0.0.0": "unspecified (RFC 1122)",
    "0.1.2.3": "this network (RFC 791)",
    "10.0.0.1": "private (RFC 1918)",
    "10.255.255.255": "private (RFC 1918)",
    "100.64.0.0": "shared by a carrier's customers (RFC 6598)",
    "100.127.255.255": "shared by a carrier's customers (RFC 6598)",
    "127.0.0.1": "loopback (RFC 1122)",
    "127.255.255.255": "loopback (RFC 1122)",
    "169.254.169.254": "link-local (RFC 3927)",
    "172.16.0.0": "private (RFC 1918)",
    "172.31.255.255": "private (RFC 1918)",
    "192.0.0.1": "for protocols (RFC 6890)",
    "192.0.0.171": "for protocols (RFC 6890)",
    "192.0.2.1": "for documentation (RFC 5737)",
    "192.88.99.1": "6to4 relays (RFC 7526)",
    "192.168.1.1": "private (RFC 1918)",
    "198.18.0.0": "for benchmarks (RFC 2544)",
    "198.19.255.255": "for benchmarks (RFC 2544)",
    "198.51.100.1": "for documentation (RFC 5737)",
    "203.0.113.1": "for documentation (RFC 5737)",
    "224.0.0.1": "multicast (RFC 5771)",
    "239.255.255.255": "multicast (RFC 5771)",
    "240.0.0.0": "reserved (RFC 1112)",
    "255.255.255.254": "reserved (RFC 1112)",
    "255.255.255.255": "broadcast (RFC 919)",
    "::": "unspecified (RFC 4291)",
    "::1": "loopback (RFC 4291)",
    "::127.0.0.1": "IPv4-compatible (RFC 4291)",
    "::8.8.8.8": "IPv4-compatible (RFC 4291)",
    "::ffff:127.0.0.1": "IPv4-mapped (RFC 4291), of 127.0.0.1, loopback (RFC 1122)",
    "::ffff:a9fe:a9fe": "IPv4-mapped (RFC 4291), of 169.254.169.254, link-local (RFC 3927)",
    "::ffff:0:10.0.0.1": "IPv4-translated (RFC 2765)",
    "64:ff9b::10.0.0.1": "NAT64 (RFC 6052), of 10.0.0.1, private (RFC 1918)",
    "64:ff9b::100.64.0.1": (
        "NAT64 (RFC 6052), of 100.64.0.1, shared by a carrier's customers (RFC 6598)"
    ),
    "64:ff9b:1::8.8.8.8": "NAT64 of a local network (RFC 8215)",
    "64:ff9b:2::1": NOT_UNICAST,
    "100::1": "for discarding (RFC 6666)",
    "100:0:0:1::1": NOT_UNICAST,
    # Teredo: the server's address, and the client's, inverted
    "2001:0:a00:1::f7f7:f7f7": "Teredo (RFC 4380), of 10.0.0.1, private (RFC 1918)",
    "2001:0:808:808::3f57:fefe": "Teredo (RFC 4380), of 192.168.1.1, private (RFC 1918)",
    "2001:2::1": "for protocols (RFC 2928)",
    "2001:10::1": "for protocols (RFC 2928)",
    "2001:1ff::1": "for protocols (RFC 2928)",
    "2001:db8::1": "for documentation (RFC 3849)",
    "2002:a00:1::1": "6to4 (RFC 3056), of 10.0.0.1, private (RFC 1918)",
    "2002:7f00:1::": "6to4 (RFC 3056), of 127.0.0.1, loopback (RFC 1122)",
    "3fff::1": "for documentation (RFC 9637)",
    "4000::1": NOT_UNICAST,
    "5f00::1": "segment routing (RFC 9602)",
    "fc00::1": "unique local (RFC 4193)",
    "fd12:3456::1": "unique local (RFC 4193)",
    "fe00::1": NOT_UNICAST,
    "fe80::1": "link-local (RFC 4291)",
    "fe80::1%eth0": "link-local (RFC 4291)",
    "2606:4700::1111%1": "in a zone (RFC 4007)",
    "fec0::1": "site-local (RFC 3879)",
    "ff02::1": "multicast (RFC 4291)",
    # what is no address, though some systems' look-ups would take it for one
    "": "no IP address",
    "localhost": "no IP address",
    "127.1": "no IP address",
    "0x7f.0.0.1": "no IP address",
    "0177.0.0.1": "no IP address",
    "2130706433": "no IP address",
    "[::1]": "no IP address",
    "/run/app.sock": "no IP address",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address):
    assert public_only(address)
    assert public_only.reason(address) is None


@pytest.mark.parametrize(("address", "words"), REFUSED.items(), ids=REFUSED)
def test_others_are_refused_and_it_is_said_what_they_are(address, words):
    assert not public_only(address)
    assert public_only.reason(address) == words


@given(st.ip_addresses(v=4))
def test_every_form_that_wraps_an_ipv4_address_is_judged_by_it(address):
    number = int(address)
    judged = public_only(str(address))
    for wrapping in (
        (0xFFFF << 32) | number,
        (0x64FF9B << 96) | number,
        (0x2002 << 112) | number << 80,
        (0x20010000 << 96) | 0x08080808 << 64 | (number ^ 0xFFFFFFFF),
        (0x20010000 << 96) | number << 64 | 0xF7F7F7F7,
    ):
        assert public_only(str(ipaddress.IPv6Address(wrapping))) == judged


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6, network="2000::/3"))
def test_no_address_is_public_that_python_calls_private_or_multicast(address):
    # Of 6to4 and Teredo Python says the same whatever they wrap.
    if address not in ipaddress.ip_network("2000::/13"):
        assert not (public_only(str(address)) and (address.is_private or address.is_multicast))


@given(st.text(max_size=50))
def test_any_text_has_an_answer(text):
    assert public_only(text) == (public_only.reason(text) is None)


def test_what_the_system_makes_of_odd_spellings_is_refused():
    for spelling in ("127.1", "0x7f000001", "2130706433", "0177.0.0.1"):
        for *_, place in socket.getaddrinfo(spelling, 80, type=socket.SOCK_STREAM):
            assert place[0] == "127.0.0.1"
            assert not public_only(place[0])


def test_the_rows_name_networks_each_once_and_the_narrow_before_the_wide():
    networks = [ipaddress.ip_network(row.network) for row in SPECIAL_NETWORKS]
    assert len(set(networks)) == len(networks)
    for at, network in enumerate(networks):
        for later in networks[at + 1 :]:
            if later.version == network.version:
                assert not later.subnet_of(network)


def test_networks_of_ones_own_can_be_allowed():
    guard = public_only.allowing("10.20.0.0/16").allowing("fd00:20::/32", "127.0.0.1")
    for allowed in ("10.20.1.2", "fd00:20::1", "127.0.0.1", "::ffff:10.20.1.2", "1.1.1.1"):
        assert guard(allowed)
    for refused in ("10.21.0.1", "fd00:21::1", "127.0.0.2", "::ffff:10.21.1.2"):
        assert not guard(refused)
    assert not public_only("10.20.1.2")


def test_what_is_no_network_is_refused_when_it_is_given():
    with pytest.raises(ValueError, match="0/99"):
        public_only.allowing("10.20.0.0/99")
    with pytest.raises(ValueError, match="host bits"):
        AddressGuard(("10.20.0.1/16",))
    with pytest.raises(ValueError, match="IPv4 or IPv6 network"):
        AddressGuard("10.20.0.0/16")


def test_a_guard_is_a_value():
    assert AddressGuard() == public_only
    assert hash(AddressGuard(("10.0.0.0/8",))) == hash(public_only.allowing("10.0.0.0/8"))
    assert public_only.allowing("10.0.0.0/8") != public_only
    assert pickle.loads(pickle.dumps(public_only.allowing("::1"))) == AddressGuard(("::1",))
