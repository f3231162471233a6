"""SharedSocketClient: a client whose socket the program reads, sets, times and closes."""

from __future__ import annotations

import contextlib
import gc
import http.client
import io
import socket
import weakref

import pytest
from support.servers import ScriptedServer
from support.steps import Drain, Expect, ExpectBytes, ExpectHead, Pause, Send, SendSplit
from support.streams import ScriptedStream

from mini_http.base.errors import (
    CannotSendRequest,
    ConnectionBroken,
    IncompleteRead,
    ReadTimedOut,
    StateError,
)
from mini_http.base.timeouts import Timeout
from mini_http.codec.framing import CloseReason
from mini_http.connect.streams import FileStream
from mini_http.exchange.http_connection import HTTPConnection
from mini_http.exchange.response import HTTPResponse
from mini_http.exchange.shared_socket import SharedSocketClient
from mini_http.exchange.states import State

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
HEAD_OF_5 = HELLO[:-5]
LAST_HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"
TO_THE_END = b"HTTP/1.1 200 OK\r\n\r\n"
PATIENCE = 20.0
SOON = 0.01


class FakeSocket:
    """Has only `makefile`."""

    def __init__(self, data):
        self._data = data

    def makefile(self, mode):
        assert mode == "rb"
        return io.BytesIO(self._data)


class SendingSocket(FakeSocket):
    """Has `sendall` and `close`, too."""

    def __init__(self, data):
        super().__init__(data)
        self.sent = b""
        self.closed = False

    def sendall(self, data):
        self.sent += bytes(data)

    def close(self):
        self.closed = True


@contextlib.contextmanager
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(PATIENCE)
        yield ours, theirs


@contextlib.contextmanager
def asked(*steps):
    """A connection that has sent its request to a server with this script, and the server."""
    with ScriptedServer([[Expect(), *steps]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", "/")
            yield connection


@contextlib.contextmanager
def replying(head):
    """A connection, its reply begun, and what resumes the server: the body comes only then."""
    pause = Pause()
    with asked(Send(head), pause, Send(b"hello"), Drain()) as connection:
        reply = connection.getresponse()
        yield connection, reply, pause.resume.set
        reply.close()


def timeouts_of(connection):
    return connection.timeout, connection.timeouts.read, connection.sock.gettimeout()


# --- the socket


def test_there_is_no_socket_before_it_connects_and_after_it_is_closed():
    with asked(Send(HELLO), Drain()) as connection:
        assert isinstance(connection.sock, socket.socket)
        assert connection.sock.getpeername() == (connection.host, connection.port)
        assert connection.getresponse().read() == b"hello"
        assert connection.sock is not None
        connection.close()
        assert connection.sock is None
    assert HTTPConnection("a.test").sock is None


def test_a_client_that_is_given_a_socket_talks_over_it():
    with pair() as (ours, theirs):
        connection = HTTPConnection("a.test", timeout=PATIENCE)
        connection.sock = ours
        assert connection.sock is ours
        assert connection.state is State.IDLE
        assert connection.fileno() == ours.fileno()
        connection.request("GET", "/")
        theirs.sendall(HELLO)
        assert connection.getresponse().read() == b"hello"
        assert theirs.recv(1000).startswith(b"GET / HTTP/1.1\r\nHost: a.test\r\n")
        connection.close()
        assert ours.fileno() == -1


def test_a_client_of_commands_can_share_its_socket_too():
    with pair() as (ours, theirs):
        theirs.sendall(HELLO)
        http = SharedSocketClient.over(ours, timeout=PATIENCE)
        assert http.sock is ours
        assert http.exchange("GET", "/", [("Host", "a.test")]).read() == b"hello"
        http.close()
        assert http.sock is None


def test_to_set_none_forgets_the_socket_and_leaves_it_open():
    with pair() as (ours, _):
        connection = HTTPConnection("a.test")
        connection.sock = ours
        connection.sock = None
        assert connection.sock is None
        assert connection.state is State.CLOSED
        assert ours.fileno() >= 0


def test_another_socket_takes_the_place_of_the_one_before():
    with pair() as (first, _), pair() as (second, theirs):
        connection = HTTPConnection("a.test", timeout=PATIENCE)
        connection.sock = first
        connection.sock = second
        connection.request("GET", "/")
        theirs.sendall(HELLO)
        assert connection.getresponse().read() == b"hello"
        assert first.fileno() >= 0
        connection.close()


@pytest.mark.parametrize("what", [object(), 1, "a socket"])
def test_what_is_no_socket_is_refused(what):
    connection = HTTPConnection("a.test")
    with pytest.raises(TypeError):
        connection.sock = what
    assert connection.sock is None


# --- an object with only makefile


def test_an_object_with_only_makefile_is_the_socket_as_it_was_set():
    fake = FakeSocket(HELLO)
    connection = HTTPConnection("a.test")
    connection.sock = fake
    assert connection.sock is fake
    assert isinstance(connection._stream, FileStream)
    connection.close()
    assert connection.sock is None


@pytest.mark.parametrize(
    "data", [HELLO, LAST_HEAD + b"hello", TO_THE_END + b"hello"], ids=["counted", "last", "to end"]
)
def test_a_reply_is_read_from_an_object_with_makefile(data):
    fake = SendingSocket(data)
    connection = HTTPConnection("a.test")
    connection.sock = fake
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"
    assert fake.sent.startswith(b"GET / HTTP/1.1\r\n")
    connection.close()
    assert fake.closed


@pytest.mark.parametrize("kind", [HTTPResponse, http.client.HTTPResponse])
def test_a_reply_is_read_from_an_object_without_makefile(kind):
    stream = ScriptedStream([HELLO])
    assert not hasattr(stream, "makefile")
    connection = HTTPConnection("a.test")
    connection.response_class = kind
    connection.sock = stream
    connection.request("GET", "/")
    with connection.getresponse() as reply:
        assert reply.read() == b"hello"
    assert not stream.closed
    connection.close()
    assert stream.closed


def test_all_of_a_switched_protocol_comes_from_an_object_without_makefile():
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n"
    connection = HTTPConnection("a.test")
    connection.sock = ScriptedStream([switching + b"fir", b"st\n"])
    connection.request("GET", "/", headers={"Connection": "Upgrade", "Upgrade": "echo"})
    with connection.getresponse() as reply:
        assert reply.fp.readline() == b"first\n"
    connection.close()


# --- timeouts


@pytest.mark.parametrize(("given", "known"), [(3.0, 3.0), (None, None), (Timeout(1, 2), 2)])
def test_the_timeout_of_the_connection_is_to_be_seen_on_its_socket(given, known):
    with ScriptedServer([[Expect(), Send(HELLO), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=given)
        with contextlib.closing(connection):
            connection.request("GET", "/")
            assert timeouts_of(connection) == (known, known, known)
            assert connection.getresponse().read() == b"hello"


def test_a_timeout_set_on_the_socket_is_heeded_and_undone_when_it_is_closed():
    with asked(Drain()) as connection:
        connection.sock.settimeout(SOON)
        with pytest.raises(ReadTimedOut):
            connection.getresponse()
        connection.close()
        assert connection.timeout == PATIENCE


@pytest.mark.parametrize("wait", [7.0, None])
def test_a_timeout_set_on_the_socket_holds_until_it_is_closed(wait):
    with asked(Send(HELLO), Drain()) as connection:
        connection.sock.settimeout(wait)
        assert connection.getresponse().read() == b"hello"
        assert timeouts_of(connection) == (wait, PATIENCE, wait)
        connection.close()
        assert connection.timeout == PATIENCE


def test_a_timeout_set_on_a_socket_before_it_is_given_holds_there():
    with pair() as (ours, theirs):
        ours.settimeout(7)
        connection = HTTPConnection("a.test", timeout=PATIENCE)
        connection.sock = ours
        assert connection.timeout == 7
        connection.request("GET", "/")
        theirs.sendall(HELLO)
        assert connection.getresponse().read() == b"hello"
        connection.close()
        assert connection.timeout == PATIENCE


def test_a_socket_without_a_timeout_gets_that_of_the_connection():
    with pair() as (ours, theirs):
        connection = HTTPConnection("a.test", timeout=7)
        connection.sock = ours
        connection.request("GET", "/")
        assert timeouts_of(connection) == (7, 7, 7)
        theirs.sendall(HELLO)
        assert connection.getresponse().read() == b"hello"
        connection.close()


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (7, 7),
        (0.5, 0.5),
        (None, None),
        (Timeout(1, 2), 2),
        (PATIENCE, PATIENCE),
        (Timeout(PATIENCE, PATIENCE), PATIENCE),
        (object(), PATIENCE),
        ("soon", PATIENCE),
    ],
)
def test_a_timeout_that_a_program_sets_on_the_connection_holds_from_the_next_step(given, seconds):
    with asked(Send(HELLO), Drain()) as connection:
        connection.timeout = given
        assert connection.getresponse().read() == b"hello"
        assert connection.timeout == connection.timeouts.read == seconds


@pytest.mark.parametrize("given", [0, -1, float("nan")])
def test_a_timeout_that_is_no_time_is_refused_at_the_next_step(given):
    with asked(Drain()) as connection:
        connection.timeout = given
        with pytest.raises(ValueError, match="timeout"):
            connection.getresponse()


def test_a_timeout_that_a_program_sets_and_then_closes_is_for_the_next_connection():
    with ScriptedServer([[Expect(), Send(HELLO), Drain()]], again=True) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello"
            connection.timeout = 7
            connection.close()
            assert connection.timeout == 7
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello"
            assert timeouts_of(connection) == (7, 7, 7)


def test_to_go_back_to_the_timeout_of_the_connection_after_the_socket_had_its_own():
    with asked(Send(HELLO), Drain()) as connection:
        connection.sock.settimeout(7)
        connection._heed_socket()
        assert connection.timeout == 7
        connection.timeout = PATIENCE
        assert connection.getresponse().read() == b"hello"
        assert timeouts_of(connection) == (PATIENCE, PATIENCE, PATIENCE)


def test_a_stream_that_can_not_tell_its_timeout_gets_that_of_the_connection():
    class Stream(ScriptedStream):
        gettimeout = property()  # type: ignore[assignment]  # there is none

    stream = Stream([HELLO])
    http = SharedSocketClient("a.test", timeout=7)
    http.sock = stream
    assert http.exchange("GET", "/", [("Host", "a.test")]).read() == b"hello"
    assert stream.timeouts[-1] == 7
    http.close()


# --- the program closes the socket


@pytest.mark.parametrize("head", [HEAD_OF_5, LAST_HEAD], ids=["kept alive", "last"])
@pytest.mark.parametrize(
    "leave",
    [
        lambda connection: connection.sock and connection.sock.close(),
        lambda connection: setattr(connection, "sock", None),
        lambda connection: (
            connection.sock and connection.sock.close(),
            setattr(connection, "sock", None),
        ),
    ],
    ids=["closed", "set to None", "closed and set to None"],
)
def test_a_reply_goes_on_though_the_program_leaves_the_socket(head, leave):
    with replying(head) as (connection, reply, resume):
        sock = connection.sock
        leave(connection)
        resume()
        assert reply.read() == b"hello"
        assert reply.isclosed()
        connection.close()
        del connection
        if sock is not None:
            sock.close()


def test_after_the_socket_was_taken_away_the_reply_does_not_keep_the_connection():
    with replying(HEAD_OF_5) as (connection, reply, resume):
        sock = connection.sock
        connection.sock = None
        assert connection.state is State.CLOSED
        resume()
        assert reply.read() == b"hello"
        assert sock.fileno() == -1


def test_to_close_the_reply_after_the_socket_was_taken_away_closes_it():
    with replying(HEAD_OF_5) as (connection, reply, _):
        sock = connection.sock
        connection.sock = None
        reply.close()
        assert sock.fileno() == -1


def test_to_drop_the_reply_after_the_socket_was_taken_away_closes_it():
    with asked(Send(HEAD_OF_5), Drain()) as connection:
        reply = connection.getresponse()
        sock = connection.sock
        connection.sock = None
        connection.response = None
        assert not reply.isclosed()
        del reply
        gc.collect()
        assert sock.fileno() == -1


def test_another_connection_can_be_opened_while_the_reply_is_read():
    pause = Pause()
    scripts = [[Expect(), Send(HEAD_OF_5), pause, Send(b"hello"), Drain()], [HELLO, Drain()]]
    with ScriptedServer(scripts) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", "/")
            first = connection.getresponse()
            connection.sock.close()
            connection.sock = None
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello"
            pause.resume.set()
            assert first.read() == b"hello"


def test_a_reply_that_is_cut_is_an_error_also_after_the_socket_was_taken_away():
    with asked(Send(HEAD_OF_5 + b"he")) as connection:
        reply = connection.getresponse()
        connection.sock = None
        with pytest.raises(IncompleteRead):
            reply.read()


def test_a_socket_that_the_program_has_closed_is_broken_where_no_reply_is_read():
    with asked(Drain()) as connection:
        connection.sock.close()
        with pytest.raises(ConnectionBroken):
            connection.getresponse()
        assert connection.sock is None


def test_a_timeout_can_not_be_set_on_a_socket_that_the_program_has_closed():
    with pair() as (ours, _):
        client = SharedSocketClient.over(ours, timeout=PATIENCE)
        ours.close()
        client.timeout = 7
        with pytest.raises(ConnectionBroken) as caught:
            client.read_some()
        assert isinstance(caught.value.__cause__, OSError)
        assert client.closed


def test_to_close_the_connection_cuts_a_reply_that_is_unread():
    with replying(HEAD_OF_5) as (connection, reply, _):
        connection.close()
        with pytest.raises(StateError):
            reply.read()


# --- a reply after which the connection closes


@pytest.mark.parametrize("head", [LAST_HEAD, TO_THE_END], ids=["said close", "to the end"])
def test_a_reply_after_which_the_connection_closes_has_it_for_itself(head):
    pause = Pause()
    with asked(Send(head), pause, Send(b"hello")) as connection:
        reply = connection.getresponse()
        assert connection.sock is None
        assert connection.state is State.CLOSED
        assert reply.will_close
        assert reply.fileno() >= 0
        connection.close()
        pause.resume.set()
        assert reply.read() == b"hello"
        assert reply.isclosed()


def test_such_a_reply_closes_the_connection_when_nobody_holds_it():
    pause = Pause()
    with asked(Send(LAST_HEAD), pause, Drain()) as connection:
        reply = connection.getresponse()
        assert reply.close_reason is CloseReason.REPLY_SAID_CLOSE
        del reply
        gc.collect()
        pause.resume.set()
        assert connection.sock is None


def test_a_reply_that_keeps_the_connection_leaves_it_there():
    with replying(HEAD_OF_5) as (connection, reply, resume):
        assert connection.sock is not None
        assert connection.state is State.REPLYING
        resume()
        assert reply.read() == b"hello"
        assert connection.state is State.IDLE
        assert connection.sock is not None


@pytest.mark.parametrize("seconds", [None, PATIENCE])
def test_a_timeout_that_is_set_after_a_wait_took_too_long_is_heeded(seconds):
    with ScriptedServer([[ExpectBytes(1), Drain()]]) as server:
        connection = HTTPConnection(server.authority, timeout=SOON)
        connection.connect()
        with pytest.raises(ReadTimedOut):
            connection.read_some()
        connection.sock.settimeout(seconds)
        connection.send(b"x")
        assert connection.timeout == connection.sock.gettimeout() == seconds
        connection.close()


# --- a socket that has switched protocols is the program's alone

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n"
OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
UPGRADE = {"Connection": "Upgrade", "Upgrade": "echo"}
ECHO = [ExpectBytes(1), Send(b"!"), Drain()]


def close_it(connection, reply):
    sock = connection.sock
    reply.close()
    assert connection.sock is sock
    return sock


def drop_all(connection, reply):
    return connection.sock


def take_it_away(connection, reply):
    sock = connection.sock
    connection.sock = None
    return sock


def read_it(connection, reply):
    assert reply.read() == b""
    return connection.sock


@pytest.mark.parametrize("leave", [close_it, drop_all, take_it_away, read_it])
@pytest.mark.parametrize(
    ("asked_by", "answer"),
    [
        (lambda connection: connection.request("GET", "/", headers=UPGRADE), SWITCHING),
        (lambda connection: connection.request("CONNECT", "b.test:1"), OPENED),
    ],
    ids=["upgrade", "tunnel"],
)
def test_a_socket_that_has_switched_protocols_stays_open(asked_by, answer, leave):
    def socket_of(server):
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        asked_by(connection)
        return leave(connection, connection.getresponse())

    script = [ExpectHead(), Send(answer), *ECHO]
    with ScriptedServer([script]) as server, socket_of(server) as sock:
        gc.collect()
        sock.sendall(b"?")
        assert sock.recv(10) == b"!"


def test_it_is_closed_with_its_connection():
    with ScriptedServer([[ExpectHead(), Send(SWITCHING), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("GET", "/", headers=UPGRADE)
        sock = connection.getresponse() and connection.sock
        connection.close()
        assert sock.fileno() == -1


def test_another_command_closes_it_and_has_a_connection_of_its_own():
    with ScriptedServer([[ExpectHead(), Send(SWITCHING), Drain()], HELLO]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            assert connection.get("/", UPGRADE)[0] == 101
            sock = connection.sock
            assert connection.get("/")[0] == 200
            assert sock.fileno() == -1
    assert len(server.connections) == 2


# --- who holds whom


@pytest.fixture
def no_collector():
    """The garbage collector is off: what nobody holds is gone, but for what holds itself."""
    gc.disable()
    yield
    gc.enable()


CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "body"),
    [(HEAD_OF_5, b"hello"), (CHUNKED_HEAD, b"5\r\nhello\r\n0\r\n\r\n")],
    ids=["counted", "in chunks"],
)
@pytest.mark.parametrize("is_read", [True, False], ids=["read", "unread"])
@pytest.mark.parametrize("is_looked_at", [True, False], ids=["its files too", "the reply"])
@pytest.mark.usefixtures("no_collector")
def test_a_connection_that_nobody_holds_is_gone_at_once(head, body, is_read, is_looked_at):
    with ScriptedServer([[Expect(), SendSplit([head, body]), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("GET", "/")
        reply = connection.getresponse()
        if is_looked_at:
            assert (reply.fp.readable(), reply.raw.readable()) == (True, True)
        if is_read:
            assert reply.read() == b"hello"
        with connection.sock:  # which would warn that it was not closed
            gone = weakref.ref(connection)
            del reply, connection
            assert gone() is None


@pytest.mark.usefixtures("no_collector")
def test_a_reply_goes_on_without_anyone_holding_its_connection():
    def first_reply(server):
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("GET", "/")
        return connection.getresponse(), connection.sock

    with ScriptedServer([[Expect(), SendSplit([HEAD_OF_5, b"hello"]), Drain()]]) as server:
        reply, sock = first_reply(server)
        with sock:
            assert reply.read() == b"hello"


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("ask", ["request", "get"])
def test_a_short_reply_that_nobody_holds_is_not_in_the_way_of_the_next_request(ask):
    script = [Expect(), SendSplit([HEAD_OF_5, b"hello"]), HELLO, Drain()]
    with ScriptedServer([script]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", "/")
            assert connection.getresponse().status == 200
            assert connection.sock is not None
            if ask == "request":
                connection.request("GET", "/")
                assert connection.getresponse().read() == b"hello"
            else:
                assert connection.get("/")[0] == 200
                assert connection.getbody() == b"hello"
    assert len(server.connections) == 1


def test_a_long_reply_that_nobody_holds_is_in_the_way_of_the_next_request():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"
    with asked(Send(head), Drain()) as connection:
        assert connection.getresponse().status == 200
        for _ in range(2):
            with pytest.raises(CannotSendRequest):
                connection.request("GET", "/")


def test_what_was_left_of_a_reply_that_nobody_holds_is_there_for_getbody():
    with asked(SendSplit([HEAD_OF_5, b"he", b"llo"]), Drain()) as connection:
        assert connection.getresponse().peek() == b"he"
        assert connection.getbody() == b"hello"


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_reply_that_nobody_holds_is_gone_with_its_socket(is_closed):
    with asked(Send(HEAD_OF_5), Drain()) as connection, pair() as (ours, theirs):
        assert connection.getresponse().status == 200
        with connection.sock as sock:
            if is_closed:
                sock.close()
            connection.sock = ours
            sock.close()
            assert sock.fileno() == -1
        connection.request("GET", "/")
        theirs.sendall(HELLO)
        assert connection.getresponse().read() == b"hello"


def test_a_reply_of_a_connection_that_was_closed_can_be_dropped():
    with asked(Send(HEAD_OF_5), Drain()) as connection:
        reply = connection.getresponse()
        connection.close()
        del reply
        assert connection.response is None


# --- short commands


def test_short_commands_heed_a_timeout_that_a_program_sets():
    with ScriptedServer([[Expect(), Send(HELLO), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.timeout = 7
            assert connection.get("/")[0] == 200
            assert timeouts_of(connection) == (7, 7, 7)


def test_the_body_of_a_short_command_goes_on_though_the_program_closes_the_socket():
    pause = Pause()
    script = [Expect(), Send(HEAD_OF_5), pause, Send(b"hello"), Drain()]
    with ScriptedServer([script]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.get("/")
            connection.sock.close()
            pause.resume.set()
            assert connection.getbody() == b"hello"


def test_to_close_the_connection_closes_it_under_the_last_reply_of_a_short_command():
    with ScriptedServer([[Expect(), Send(LAST_HEAD), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.get("/")
        sock = connection.sock
        connection.close()
        assert sock.fileno() == -1


def test_who_takes_over_after_a_switch_waits_as_long_as_it_is_told():
    with ScriptedServer([[ExpectHead(), Send(SWITCHING), Drain()]]) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("GET", "/", headers=UPGRADE)
        with connection.getresponse().detach() as echo:
            assert echo.stream.gettimeout() is None  # the socket's own, which would hold as well
            echo.timeout = SOON
            with pytest.raises(ReadTimedOut):
                echo.readline()
