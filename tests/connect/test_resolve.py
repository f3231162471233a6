"""From a host name to the addresses to dial."""

import socket
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.base import errors
from mini_http.base.timeouts import Deadline
from mini_http.connect.resolve import host_port, resolve

V4, V6 = socket.AF_INET, socket.AF_INET6
STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
LOOPBACK = next(number for number, name in socket.if_nameindex() if name.startswith("lo"))


def entry(ip, port=80, kind=STREAM):
    if ":" in ip:
        return (V6, kind, 0, "", (ip, port, 0, 0))
    return (V4, kind, 0, "", (ip, port))


def ips(addresses):
    return [address[4][0] for address in addresses]


@pytest.fixture
def asked(monkeypatch):
    """Records each question to the system: its arguments and the thread that asked; no answer."""
    questions = []

    def getaddrinfo(*arguments):
        questions.append((arguments, threading.current_thread()))
        return [entry("192.0.2.1")]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return questions


@pytest.fixture
def no_threads(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("started a thread")

    monkeypatch.setattr(threading, "Thread", refuse)


# --- IP addresses


@pytest.mark.parametrize(
    ("host", "family", "location"),
    [
        ("127.0.0.1", V4, ("127.0.0.1", 80)),
        ("::1", V6, ("::1", 80, 0, 0)),
        ("0:0:0:0:0:0:0:1", V6, ("::1", 80, 0, 0)),
        (f"fe80::1%{LOOPBACK}", V6, ("fe80::1", 80, 0, LOOPBACK)),
        ("fe80::1%" + socket.if_indextoname(LOOPBACK), V6, ("fe80::1", 80, 0, LOOPBACK)),
    ],
)
def test_an_ip_address_is_its_own_and_needs_no_thread(host, family, location, no_threads):
    def never(host, port):
        raise AssertionError("asked")

    for resolver in (None, never):
        found = resolve(host, 80, Deadline(5), resolver)
        assert [(address[0], address[1], address[4]) for address in found] == [
            (family, STREAM, location)
        ]


def test_an_ip_address_never_asks_dns(monkeypatch, asked):
    assert ips(resolve("192.0.2.7", 80, Deadline(5))) == ["192.0.2.7"]
    assert asked == []
    resolve("2001:db8::7", 80, Deadline(5))
    [(arguments, _)] = asked
    assert arguments[-1] == socket.AI_NUMERICHOST


def test_the_kind_of_socket_can_be_chosen():
    [address] = resolve("127.0.0.1", 53, Deadline(5), kind=DATAGRAM)
    assert address[1] == DATAGRAM


# --- names


def test_a_name_is_looked_up_by_the_system(no_threads):
    assert set(ips(resolve("localhost", 80, Deadline(5)))) <= {"127.0.0.1", "::1"}


def test_a_name_is_looked_up_in_a_thread_when_the_wait_is_limited(asked):
    assert ips(resolve("host.example", 80, Deadline(5))) == ["192.0.2.1"]
    [(arguments, thread)] = asked
    assert arguments == (b"host.example", 80, 0, STREAM)
    assert thread is not threading.current_thread()
    assert thread.daemon


@pytest.mark.parametrize(("host", "seconds"), [("host.example", None), ("localhost", 5)])
def test_there_is_no_thread_where_the_wait_is_unlimited_or_there_is_none(host, seconds, asked):
    resolve(host, 80, Deadline(seconds))
    [(_, thread)] = asked
    assert thread is threading.current_thread()


def test_a_name_beyond_ascii_is_handed_on_for_idna(asked):
    resolve("bücher.example", 80, Deadline(None))
    assert asked[0][0][0] == "bücher.example"


def test_the_deadline_ends_a_lookup_that_can_not_be_interrupted(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: over.wait() and [])
    try:
        with pytest.raises(errors.ConnectTimedOut, match=r"timed out resolving host\.example"):
            resolve("host.example", 80, Deadline(0.01))
    finally:
        over.set()


@pytest.mark.parametrize("seconds", [5, None])
@pytest.mark.parametrize("host", ["", "a..b", "x" * 300, "a\0b", "127.0.0.1\0.example"])
def test_a_name_that_does_not_exist_is_an_error_that_names_it(host, seconds):
    with pytest.raises(errors.NameNotResolved) as caught:
        resolve(host, 80, Deadline(seconds))
    assert str(caught.value).startswith(f"{host}: ")
    assert isinstance(caught.value.reason, socket.gaierror)
    assert caught.value.errno == caught.value.reason.errno
    assert isinstance(caught.value, (socket.gaierror, OSError))


def test_the_words_and_number_of_the_system_are_kept(monkeypatch):
    def getaddrinfo(*_):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(errors.NameNotResolved) as caught:
        resolve("host.example", 80, Deadline(5))
    assert str(caught.value) == "host.example: Temporary failure in name resolution"
    assert caught.value.errno == socket.EAI_AGAIN
    assert caught.value.strerror == "Temporary failure in name resolution"


@pytest.mark.parametrize("seconds", [5, None])
@pytest.mark.parametrize("host", ["ü" * 80, "ü..example", "fe80::ü"])
def test_no_unicode_error_escapes(host, seconds):
    with pytest.raises(errors.NameNotResolved, match="not a valid host name") as caught:
        resolve(host, 80, Deadline(seconds))
    assert isinstance(caught.value.reason, UnicodeError)
    assert caught.value.errno == socket.EAI_NONAME


@pytest.mark.parametrize("port", [-1, 65536, 10**30])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_port_that_there_can_not_be_is_refused(host, port):
    with pytest.raises(errors.InvalidURL, match=f"port must be 0 to 65535, not {port}"):
        resolve(host, port, Deadline(5))


# --- a resolver of the caller's


def test_a_resolver_is_asked_in_the_callers_thread(no_threads, asked):
    questions = []

    def resolver(host, port):
        questions.append((host, port))
        return [entry("192.0.2.9", port)]

    found = resolve("host.example", 8080, Deadline(5), resolver)
    assert found == [entry("192.0.2.9", 8080)]
    assert questions == [("host.example", 8080)]
    assert asked == []


def test_addresses_for_another_kind_of_socket_and_repeats_are_left_out():
    listed = [entry("192.0.2.1", kind=kind) for kind in (STREAM, DATAGRAM, socket.SOCK_RAW)] * 2
    assert resolve("host.example", 80, Deadline(5), lambda *_: iter(listed)) == listed[:1]


def test_a_resolver_that_finds_nothing_means_that_the_name_has_no_address():
    with pytest.raises(errors.NameNotResolved, match=r"host\.example: no address"):
        resolve("host.example", 80, Deadline(5), lambda *_: [])


def test_an_error_of_the_resolver_is_the_reason():
    def resolver(host, port):
        raise OSError("the cache is on fire")

    with pytest.raises(errors.NameNotResolved, match=r"host\.example: the cache is on fire"):
        resolve("host.example", 80, Deadline(5), resolver)


def test_an_error_of_ours_from_the_resolver_passes_through():
    def resolver(host, port):
        raise errors.ConnectFailed("not to this host")

    with pytest.raises(errors.ConnectFailed, match="not to this host"):
        resolve("host.example", 80, Deadline(5), resolver)


# --- the order


def test_families_take_turns_beginning_with_the_one_that_came_first():
    listed = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2"]
    found = resolve("host.example", 80, Deadline(5), lambda *_: map(entry, listed))
    assert ips(found) == ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"]


@given(st.lists(st.ip_addresses(), min_size=1, unique=True))
def test_taking_turns_loses_nothing_and_keeps_the_order_within_a_family(listed):
    entries = [entry(str(ip)) for ip in listed]
    found = resolve("host.example", 80, Deadline(5), lambda *_: entries)
    assert found[0] == entries[0]
    for family in (V4, V6):
        assert [one for one in found if one[0] == family] == [
            one for one in entries if one[0] == family
        ]
    alternating = 2 * min(sum(one[0] == family for one in entries) for family in (V4, V6))
    assert all(a[0] != b[0] for a, b in pairwise(found[:alternating]))


@pytest.mark.parametrize(
    ("host", "text"),
    [("a.example", "a.example:80"), ("::1", "[::1]:80"), ("1.2.3.4", "1.2.3.4:80")],
)
def test_host_and_port_are_written_as_in_a_url(host, text):
    assert host_port(host, 80) == text
