"""Dialing, with real sockets on loopback: servers that answer, that refuse, that stay silent."""

import contextlib
import errno
import os
import selectors
import signal
import socket
import threading

import pytest
from support.ipv6 import needs_ipv6

from mini_http.base import errors
from mini_http.base.timeouts import Deadline
from mini_http.connect.addresses import public_only
from mini_http.connect.dial import (
    DEFAULT_OPTIONS,
    DialOptions,
    check_literal,
    dial,
    dial_unix,
    resolve_allowed,
)

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

STREAM = socket.SOCK_STREAM
PATIENCE = 20.0
"""Far more seconds than any attempt here takes: what is left to a deadline that must not matter."""


def entry(ip, port):
    if ":" in ip:
        return (socket.AF_INET6, STREAM, 0, "", (ip, port, 0, 0))
    return (socket.AF_INET, STREAM, 0, "", (ip, port))


def resolving_to(*places, **options):
    """Options under which every name has these addresses; quick to try the next."""
    listed = [entry(ip, port) for ip, port in places]
    return DialOptions(**{"resolver": lambda *_: listed, "stagger": 0.01, **options})


@contextlib.contextmanager
def listening(ip="127.0.0.1"):
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with socket.create_server((ip, 0), family=family) as server:
        yield server


def place(server):
    return server.getsockname()[:2]


@contextlib.contextmanager
def silent(ip="127.0.0.1"):
    """A place where connecting neither succeeds nor fails: its queue is full."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind((ip, 0))
        server.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        pending = selectors.DefaultSelector()
        stack.callback(pending.close)
        pending.register(filler, selectors.EVENT_WRITE)
        if pending.select(0.05):
            pytest.skip("this system lets more connections queue than it was told")
        yield place(server)


@pytest.fixture
def refusing():
    """A place where nobody listens: bound, so that nobody else can."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield place(bound)


def accept_from(server, client):
    """The server's end of the client's connection: who it is, shown to be this one."""
    connection, peer = server.accept()
    with connection, client:
        assert peer[:2] == client.getsockname()[:2]
        client.sendall(b"here")
        assert connection.recv(4) == b"here"
    return peer


# --- one address


@pytest.mark.parametrize("seconds", [PATIENCE, None])
@pytest.mark.parametrize("ip", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_an_ip_address_is_dialed(ip, seconds):
    with listening(ip) as server:
        sock = dial(*place(server), Deadline(seconds))
        assert sock.gettimeout() is None
        assert sock.getblocking()
        assert not sock.get_inheritable()
        accept_from(server, sock)


def test_a_name_is_looked_up_and_dialed():
    with listening() as server:
        accept_from(server, dial("localhost", place(server)[1], Deadline(PATIENCE)))


def test_nagles_algorithm_is_off_unless_options_say_otherwise():
    with listening() as server:
        for options, expected in [(DEFAULT_OPTIONS, True), (DialOptions(socket_options=()), False)]:
            with dial(*place(server), Deadline(PATIENCE), options) as sock:
                nodelay = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert bool(nodelay) is expected


def test_socket_options_are_set_before_connecting():
    keepalive = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    linger = (socket.SOL_SOCKET, socket.SO_LINGER, bytes(8))
    options = DialOptions(socket_options=(keepalive, linger))
    with listening() as server, dial(*place(server), Deadline(PATIENCE), options) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert not sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_source_address_is_the_one_asked_for():
    with listening() as server:
        options = DialOptions(source_address=("127.0.0.2", 0))
        peer = accept_from(server, dial(*place(server), Deadline(PATIENCE), options))
        assert peer[0] == "127.0.0.2"


def test_a_refused_connection_is_an_error_that_names_the_place(refusing):
    with pytest.raises(errors.ConnectFailed) as caught:
        dial(*refusing, Deadline(PATIENCE))
    assert str(caught.value) == f"127.0.0.1:{refusing[1]}: Connection refused"
    assert isinstance(caught.value.reason, ConnectionRefusedError)
    assert caught.value.errno == errno.ECONNREFUSED
    assert isinstance(caught.value, ConnectionError)


def test_the_deadline_cuts_an_attempt_that_gets_no_answer():
    with silent() as (ip, port), pytest.raises(errors.ConnectTimedOut) as caught:
        dial(ip, port, Deadline(0.05))
    assert str(caught.value) == f"timed out connecting to {ip}:{port}"
    assert isinstance(caught.value, TimeoutError)


def test_a_deadline_that_has_passed_lets_nothing_be_dialed():
    with listening() as server:
        with pytest.raises(errors.ConnectTimedOut, match="timed out connecting"):
            dial(*place(server), Deadline(0))
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "options",
    [
        DialOptions(source_address=("192.0.2.77", 0)),
        DialOptions(source_address=("::1", 0)),
        DialOptions(socket_options=((socket.SOL_SOCKET, 0x7FFF, 1),)),
    ],
    ids=["not ours", "of another family", "no such socket option"],
)
def test_what_the_socket_does_not_take_is_a_failure_to_connect(options):
    with listening() as server:
        ip, port = place(server)
        with pytest.raises(errors.ConnectFailed, match=f"{ip}:{port}: "):
            dial(ip, port, Deadline(PATIENCE), options)
        twice = options.replace(resolver=lambda *_: [entry(ip, port), entry("127.0.0.2", port)])
        with pytest.raises(errors.ConnectFailed, match=r"\(127\.0\.0\.1, 127\.0\.0\.2\)"):
            dial("host.example", port, Deadline(PATIENCE), twice)


def test_a_system_that_has_no_room_for_the_attempt_is_a_failure_to_connect(monkeypatch):
    def no_room(*_):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(socket.socket, "connect", no_room)
    with pytest.raises(errors.ConnectFailed, match=r"127\.0\.0\.1:80: Resource temporarily"):
        dial("127.0.0.1", 80, Deadline(PATIENCE))


def test_an_attempt_ended_by_a_bug_leaves_nothing_open():
    with listening() as server, pytest.raises(TypeError):
        options = DialOptions(socket_options=((socket.SOL_SOCKET, socket.SO_KEEPALIVE, "no"),))
        dial(*place(server), Deadline(PATIENCE), options)


# --- several addresses


def test_the_first_address_that_answers_wins_over_one_that_stays_silent():
    with silent() as dead, listening("127.0.0.2") as server:
        options = resolving_to(dead, place(server))
        sock = dial("host.example", 80, Deadline(PATIENCE), options)
        assert sock.gettimeout() is None
        assert sock.getpeername() == place(server)
        accept_from(server, sock)


@pytest.mark.parametrize("stagger", [0, PATIENCE])
def test_after_a_refusal_the_next_address_is_tried_at_once(refusing, stagger):
    with listening("127.0.0.2") as server:
        options = resolving_to(refusing, place(server), stagger=stagger)
        accept_from(server, dial("host.example", 80, Deadline(PATIENCE), options))


def test_a_refusal_while_others_wait_does_not_end_the_race(refusing):
    with silent() as dead, listening("127.0.0.2") as server:
        options = resolving_to(dead, refusing, place(server))
        accept_from(server, dial("host.example", 80, Deadline(PATIENCE), options))


def test_the_last_address_is_waited_for_as_long_as_the_deadline_allows(refusing):
    also_refusing = ("127.0.0.2", refusing[1])
    with silent() as dead, pytest.raises(errors.ConnectTimedOut) as caught:
        dial("a.example", 8, Deadline(0.05), resolving_to(refusing, dead, also_refusing))
    assert str(caught.value) == "timed out connecting to a.example:8"


@needs_ipv6
def test_ipv6_refused_and_ipv4_answering_gives_ipv4():
    with listening() as server:
        port = place(server)[1]
        options = resolving_to(("::1", port), ("127.0.0.1", port))
        sock = dial("localhost", port, Deadline(PATIENCE), options)
        assert sock.family == socket.AF_INET
        accept_from(server, sock)


@needs_ipv6
def test_families_are_tried_in_turn(refusing):
    port = refusing[1]
    options = resolving_to(
        ("127.0.0.1", port), ("127.0.0.2", port), ("127.0.0.3", port), ("::1", port)
    )
    with pytest.raises(errors.ConnectFailed) as caught:
        dial("host.example", port, Deadline(PATIENCE), options)
    assert str(caught.value) == (
        f"host.example:{port}: Connection refused (127.0.0.1, ::1, 127.0.0.2, 127.0.0.3)"
    )


def test_the_first_address_is_preferred_while_it_answers():
    with listening() as first, listening("127.0.0.2") as second:
        options = resolving_to(place(first), place(second), stagger=PATIENCE)
        accept_from(first, dial("host.example", 80, Deadline(PATIENCE), options))
        second.setblocking(False)
        with pytest.raises(BlockingIOError):
            second.accept()


def test_when_all_fail_each_reason_is_given_once_with_its_addresses(refusing):
    port = refusing[1]
    options = resolving_to(("127.0.0.1", port), ("255.255.255.255", port), ("127.0.0.2", port))
    with pytest.raises(errors.ConnectFailed) as caught:
        dial("host.example", port, Deadline(PATIENCE), options)
    assert "Connection refused (127.0.0.1, 127.0.0.2)" in str(caught.value)
    assert "(255.255.255.255)" in str(caught.value)
    assert caught.value.reason.errno == caught.value.errno == errno.ECONNREFUSED


def test_when_the_system_gives_up_waiting_it_is_a_timeout():
    with silent() as (ip, port):
        user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
        if user_timeout is None:
            pytest.skip("this system can't be told to give up early")
        options = DialOptions(
            socket_options=(
                (socket.IPPROTO_TCP, user_timeout, 1),
                (socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1),
            )
        )
        with pytest.raises(errors.ConnectTimedOut) as caught:
            dial(ip, port, Deadline(PATIENCE), options)
    assert caught.value.reason.errno == errno.ETIMEDOUT


@pytest.mark.parametrize("count", [1, 2])
def test_an_interrupt_leaves_nothing_open(count):
    def interrupt(*_):
        raise KeyboardInterrupt

    with silent() as first, silent("127.0.0.2") as second:
        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            with pytest.raises(KeyboardInterrupt):
                dial("host.example", 80, Deadline(None), resolving_to(*[first, second][:count]))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def test_the_losers_of_a_race_are_closed():
    with silent() as dead, listening() as winner:
        options = resolving_to(dead, ("127.0.0.2", dead[1]), place(winner), stagger=0)
        with dial("host.example", 80, Deadline(PATIENCE), options) as sock:
            assert sock.getpeername() == place(winner)


def test_a_negative_stagger_is_refused():
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        DialOptions(stagger=-1)


def test_options_are_hashable_and_equal_by_value():
    assert DialOptions() == DEFAULT_OPTIONS
    assert len({DialOptions(), DEFAULT_OPTIONS, DialOptions(stagger=1)}) == 2


# --- which addresses are allowed


def test_each_address_is_asked_about_before_any_is_dialed():
    asked = []

    def allow(ip):
        asked.append(ip)
        return ip == "127.0.0.2"

    with listening() as private, listening("127.0.0.2") as public:
        options = resolving_to(place(private), place(public), allow_address=allow)
        accept_from(public, dial("host.example", 80, Deadline(PATIENCE), options))
        private.setblocking(False)
        with pytest.raises(BlockingIOError):
            private.accept()
    assert asked == ["127.0.0.1", "127.0.0.2"]


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("127.0.0.1", "127.0.0.1:80: address not allowed"),
        ("host.example", "host.example:80: address not allowed (127.0.0.1, 127.0.0.2)"),
    ],
)
def test_where_no_address_is_allowed_nothing_is_dialed(host, message):
    options = resolving_to(("127.0.0.1", 80), ("127.0.0.2", 80), allow_address=lambda _: False)
    with pytest.raises(errors.ConnectFailed) as caught:
        dial(host, 80, Deadline(PATIENCE), options)
    assert str(caught.value) == message
    assert isinstance(caught.value.reason, PermissionError)


def test_the_address_asked_about_is_the_one_that_an_odd_spelling_means():
    asked = []
    options = DialOptions(allow_address=asked.append)
    for host in ("127.1", "0x7f000001", "0:0:0:0:0:0:0:1"):
        with pytest.raises(errors.ConnectFailed):
            dial(host, 80, Deadline(PATIENCE), options)
    assert asked == ["127.0.0.1", "127.0.0.1", "::1"]


def test_a_predicate_that_gives_reasons_is_quoted():
    for host, words in (("127.0.0.1", "loopback (RFC 1122)"), ("::1", "loopback (RFC 4291)")):
        with pytest.raises(errors.ConnectFailed) as caught:
            dial(host, 80, Deadline(PATIENCE), DialOptions(allow_address=public_only))
        assert str(caught.value).endswith(f":80: address not allowed: {words}")


def test_the_addresses_for_a_proxy_are_those_that_are_allowed():
    options = resolving_to(("10.0.0.1", 80), ("1.2.3.4", 80), allow_address=public_only)
    (found,) = resolve_allowed("host.example", 80, Deadline(PATIENCE), options)
    assert found[4][0] == "1.2.3.4"
    assert len(resolve_allowed("host.example", 80, Deadline(None), resolving_to(("::1", 80)))) == 1
    with pytest.raises(errors.ConnectFailed, match=r"private \(RFC 1918\) \(10\.0\.0\.1\)"):
        resolve_allowed(
            "h",
            80,
            Deadline(None),
            resolving_to(("10.0.0.1", 80)).replace(allow_address=public_only),
        )


ADDRESSES = ["127.0.0.1", "127.1", "0x7f000001", "::1", "fe80::1%1"]
DOTTED = ["127.0.0.1.", "127.1.", "2130706433.", "0x7f.0.0.1."]


@pytest.mark.parametrize("host", ADDRESSES + DOTTED)
def test_an_address_that_a_proxy_would_be_sent_is_checked(host):
    check_literal(host, 80)
    check_literal(host, 80, DialOptions(allow_address=lambda _: True))
    with pytest.raises(errors.ConnectFailed, match="address not allowed"):
        check_literal(host, 80, DialOptions(allow_address=public_only))


@pytest.mark.parametrize("host", ["localhost", "host.example", "", ".", "a\0b", "x" * 70])
def test_a_name_that_a_proxy_would_be_sent_is_not(host):
    asked = []
    check_literal(host, 80, DialOptions(allow_address=asked.append))
    assert asked == []


# --- unix sockets


def test_the_path_of_a_unix_socket_is_asked_about(unix_path):
    asked = []
    with pytest.raises(errors.ConnectFailed, match=r"server: address not allowed$"):
        dial_unix(unix_path, Deadline(PATIENCE), DialOptions(allow_address=asked.append))
    assert asked == [str(unix_path)]


@pytest.fixture
def unix_path(tmp_path):
    return tmp_path / "server"


@pytest.mark.parametrize("seconds", [PATIENCE, None])
@pytest.mark.parametrize("kind", [str, os.fsencode, lambda path: path])
def test_a_unix_socket_is_dialed(unix_path, kind, seconds):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(unix_path))
        server.listen()
        with dial_unix(kind(unix_path), Deadline(seconds)) as sock:
            assert sock.gettimeout() is None
            assert sock.getpeername() == str(unix_path)


def test_a_full_queue_of_a_unix_socket_is_waited_for(unix_path):
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as filler:
        server.bind(str(unix_path))
        server.listen(0)
        filler.connect(str(unix_path))
        with pytest.raises(errors.ConnectTimedOut, match=f"timed out connecting to {unix_path}"):
            dial_unix(unix_path, Deadline(0.01))
        accepted = []

        def accept_two():
            accepted.extend(server.accept()[0] for _ in range(2))

        late = threading.Timer(0.01, accept_two)
        late.start()
        dial_unix(unix_path, Deadline(PATIENCE)).close()
        late.join()
        for sock in accepted:
            sock.close()
        assert len(accepted) == 2


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing", "No such file or directory"), ("x" * 200, "AF_UNIX path too long")],
)
def test_a_unix_socket_that_is_not_there_is_an_error_that_names_it(tmp_path, name, reason):
    with pytest.raises(errors.ConnectFailed) as caught:
        dial_unix(tmp_path / name, Deadline(PATIENCE))
    assert str(caught.value) == f"{tmp_path / name}: {reason}"


def test_a_system_without_unix_sockets_says_so(monkeypatch, unix_path):
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(errors.ConnectFailed, match="this system has no unix sockets"):
        dial_unix(unix_path, Deadline(PATIENCE))


def test_running_out_of_descriptors_is_a_failure_to_connect(refusing, unix_path, monkeypatch):
    def full(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", full)
    for options in (resolving_to(refusing), resolving_to(refusing, ("127.0.0.2", 80))):
        with pytest.raises(errors.ConnectFailed, match="Too many open files"):
            dial("host.example", 80, Deadline(PATIENCE), options)
    with pytest.raises(errors.ConnectFailed, match="Too many open files"):
        dial_unix(unix_path, Deadline(PATIENCE))
