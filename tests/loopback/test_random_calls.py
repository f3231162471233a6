"""Random sequences of public calls, legal and not, while a server answers well and badly.

Whatever is called, in whatever order: nothing hangs; what is raised is of our tree, or one of the
few others that docstrings name; a reply is the one to its own request, and whole unless an error
says otherwise; a connection that went wrong is closed and serves no other request; no socket stays
open; the state is always one of the table.

No rule has a precondition: with real connections, what comes of a call is a matter of time, and
hypothesis wants the same rules each time.

The environment variable SEQUENCES sets how many sequences are run, for each of the clients; a tenth
of them with real connections, which have their own pace.
"""

from __future__ import annotations

import gc
import io
import os
import signal
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from support.descriptors import can_list_descriptors, open_descriptors
from support.numbered_server import FILLER, REPLY_TO, Book, InlineNet, LoopbackNet, Plan
from support.waits import SOON

from mini_http.base import errors
from mini_http.codec.framing import CloseReason
from mini_http.exchange.client import HTTPClient
from mini_http.exchange.http_connection import HTTPConnection
from mini_http.exchange.request_body import request_body, watched, with_trailers
from mini_http.exchange.states import State, name_of

SEQUENCES = int(os.environ.get("SEQUENCES", "120"))
STEPS = 40
"""Calls of a sequence, at most."""
PATIENCE = 30
"""Seconds for a sequence, which takes a thousandth of them."""


@pytest.fixture(scope="module", autouse=True)
def no_descriptors_leaked_by_all_of_these():
    before = open_descriptors() if can_list_descriptors() else {}
    yield
    assert not before or len(open_descriptors()) <= len(before)


# --- what the server does

FRAMINGS = st.sampled_from(["length", "chunked", "empty", "close"])
SIZES = st.sampled_from([10, 0, 1, 100, 1_000, 5_000, 70_000, 300_000])
ANOTHER_REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NO_REPLIES = [
    b"",
    b"\0",
    b"220 ready\r\n",
    b"HTTP/1.1 200 OK\r\nA b\r\n\r\n",
    b"HTTP/2.0 200\r\n\r\n",
]

GOOD_PLANS = st.builds(
    Plan,
    status=st.sampled_from([200, 404]),
    framing=st.sampled_from(["length", "chunked", "empty"]),
    size=SIZES,
    interim=st.sampled_from([0, 0, 1]),
)
CLOSING_PLANS = st.builds(Plan, framing=FRAMINGS, size=SIZES, says_close=st.just(True))
CUT_PLANS = st.builds(
    Plan,
    framing=FRAMINGS,
    size=SIZES,
    part=st.floats(0, 1),
    ending=st.sampled_from(["ends", "resets", "stalls"]),
)
BAD_PLANS = st.builds(
    Plan,
    status=st.sampled_from([200, 404, 413]),
    framing=FRAMINGS,
    size=SIZES,
    interim=st.sampled_from([0, 0, 1, 25]),
    says_close=st.booleans(),
    is_old=st.sampled_from([False, False, True]),
    is_early=st.booleans(),
    reads=st.sampled_from([True, True, False]),
    switches=st.sampled_from([False, False, True]),
    part=st.one_of(st.just(1.0), st.floats(0, 1)),
    ending=st.sampled_from(["stays", "ends", "resets", "stalls"]),
    more=st.sampled_from([b"", b"x", ANOTHER_REPLY]),
    instead=st.sampled_from([None, None, None, None, *NO_REPLIES]),
)
PLANS = st.one_of(
    st.just(Plan()), GOOD_PLANS, GOOD_PLANS, GOOD_PLANS, CLOSING_PLANS, CUT_PLANS, BAD_PLANS
)

# --- what calls are given


class OwnFault(OSError):
    """A fault of the program's own."""


class Unreadable:
    """A file that can't be read."""

    def read(self, size=-1):
        raise OwnFault


def filler_then_a_fault():
    yield FILLER
    raise OwnFault


BODIES = {
    "none": lambda: None,
    "empty": lambda: b"",
    "short": lambda: FILLER * 5,
    "long": lambda: FILLER * 400_000,
    "text": lambda: "~~~",
    "text beyond ISO 8859-1": lambda: "€",
    "file": lambda: io.BytesIO(FILLER * 20_000),
    "text file": lambda: io.StringIO("~" * 100),
    "list": lambda: [FILLER, FILLER * 100],
    "iterator": lambda: iter([FILLER * 3, b"", FILLER]),
    "array": lambda: memoryview(FILLER * 6).cast("H"),
    "watched": lambda: watched(FILLER * 9, lambda sent, total: None),
    "with trailers": lambda: with_trailers(FILLER * 9, [("X-Sum", "1")]),
    "number": lambda: 7,
    "texts": lambda: ["~", "~"],
    "unreadable": Unreadable,
    "fails": filler_then_a_fault,
}
BODY_NAMES = st.sampled_from(["none", "none", *BODIES])
BODY_FAULTS = (TypeError, OwnFault)

METHODS = st.sampled_from(["GET", "GET", "GET", "POST", "PUT", "HEAD", "CONNECT", "get", "G T"])
GOOD_FIELDS = [
    ("X-A", "b"),
    ("X-A", "c"),
    ("Content-Length", "3"),
    ("Content-Length", "5"),
    ("Transfer-Encoding", "chunked"),
    ("Connection", "close"),
    ("Connection", "keep-alive"),
    ("Upgrade", "echo"),
    ("Expect", "100-continue"),
    ("Host", "b.test"),
]
BAD_FIELDS = [
    ("Content-Length", "x"),
    ("Transfer-Encoding", "gzip"),
    ("Bad Name", "a"),
    ("X-B", "a\r\nb"),
    ("X-C", 5),
    (b"X-D", b"\xe9"),
    ("X-E", None),
    (None, "a"),
]
FIELDS = st.sampled_from(GOOD_FIELDS * 3 + BAD_FIELDS)
HEADERS = st.lists(FIELDS, max_size=2)
TARGETS = st.sampled_from(["its number", "its number", "its number", "", "/a b", "/€"])


# --- what is read of a reply


class Held:
    """A reply that the program holds, and how far it has read it."""

    def __init__(self, reply, answer):
        self.reply, self.answer = reply, answer
        self.position = 0

    def take(self, data):
        """Notes that this was read."""
        end = self.position + len(data)
        assert self.answer.body[self.position : end] == data, "not the body of this reply"
        self.position = end

    def end(self):
        """Notes that no more is to come."""
        assert self.answer.is_whole, "the body was cut, and nobody said so"
        assert self.position == len(self.answer.body), "the end of the body is missing"

    # Each of these reads in its own way; `size` is of any kind that `read` takes.

    def read(self, size):
        data = self.reply.read(size)
        self.take(data)
        if size is None or size < 0 or len(data) < size:
            self.end()

    def read1(self, size):
        data = self.reply.read1(-1 if size is None else size)
        self.take(data)
        if size != 0 and not data:
            self.end()

    def readinto(self, size):
        buffer = bytearray(max(size or 0, 5))
        count = self.reply.readinto(buffer)
        self.take(bytes(buffer[:count]))
        if count < len(buffer):
            self.end()

    def readinto1(self, size):
        buffer = bytearray(max(size or 0, 5))
        count = self.reply.readinto1(buffer)
        self.take(bytes(buffer[:count]))
        if not count:
            self.end()

    def readline(self, size):
        line = self.reply.readline(size)
        self.take(line)
        if not line.endswith(b"\n") and (size is None or size < 0 or len(line) < size):
            self.end()

    def peek(self, size):
        data, position = self.reply.peek(), self.position
        self.take(data)
        if not data:
            self.end()
        self.position = position

    def iterate(self, size):
        for line in self.reply:
            self.take(line)
        self.end()

    def iter_chunks(self, size):
        for piece in self.reply.iter_chunks(max(size or 0, 5)):
            self.take(piece)
        self.end()

    def iter_lines(self, size):
        for line in self.reply.iter_lines():
            missing = self.answer.body[self.position :].partition(b"\n")[1]
            self.take(line.encode() + missing)
        self.end()

    def text(self, size):
        self.take(self.reply.text.encode())
        self.end()

    def keep_rest(self, size):
        self.reply.keep_rest()

    def close(self, size):
        self.reply.close()
        assert self.reply.closed
        assert self.reply.isclosed()

    def look(self, size):
        reply = self.reply
        assert reply.status == reply.code == reply.getcode()
        assert reply.getheaders() == reply.headers.items() == reply.info().items()
        assert reply.readable()
        assert repr(reply)
        if reply.close_reason is not CloseReason.SWITCHED:
            assert (reply.fp is None) is reply.isclosed()
        left = reply.length
        if left is not None and self.answer.is_whole and not reply.isclosed():
            assert left == len(self.answer.body) - self.position
        reply.fileno()


WAYS_TO_READ = [
    *(
        "read",
        "read",
        "read1",
        "readinto",
        "readinto1",
        "readline",
        "peek",
        "iterate",
        "iter_chunks",
    ),
    *("iter_lines", "text", "keep_rest", "close", "look"),
]


# --- the calls


class Commands(RuleBasedStateMachine):
    """Calls of HTTPClient, and of the replies that it gave."""

    net_class = InlineNet

    def __init__(self):
        super().__init__()
        self.book = Book()
        self.net = self.net_class(self.book)
        self.number = 0  # of the last request
        self.client = self.make_client()
        self.held = []  # replies, the last one last
        self.own = []  # what the program is to close
        # A reply that was forgotten closes its connection; not just between any two lines, please.
        gc.disable()
        signal.signal(signal.SIGALRM, self.hangs)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)

    def hangs(self, *_):
        raise AssertionError("this call does not come back")

    def make_client(self):
        net = self.net

        class InlineClient(HTTPClient):
            def _open(self, *_):
                self._attach(net.connect())

        return InlineClient(net.authority, timeout=SOON)

    def teardown(self):
        self.client.close()
        for held in self.held:
            held.reply.close()
        for own in self.own:
            own.close()
        gc.enable()
        if self.open_sockets():
            gc.collect()
        left = self.open_sockets()
        for sock in self.net.sockets:
            sock.close()
        self.net.close()
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert not self.book.faults
        assert not left, "these sockets were not closed"

    def open_sockets(self):
        return [str(sock) for sock in self.net.sockets if sock.fileno() >= 0]

    @invariant()
    def no_bad_connection_was_used(self):
        assert not self.book.faults

    @invariant()
    def closed_and_the_state_say_the_same(self):
        states = (
            (State.CLOSED, State.STARTED) if self.client.closed else set(State) - {State.CLOSED}
        )
        assert self.client.state in states

    # --- around each call

    @contextmanager
    def call(self, *others, plan=None):
        """Around what may raise errors of our tree, and `others`; the one raised is in `error`."""
        self.error = None
        self.net.used = None
        if plan is not None:
            self.book.plan = plan if self.book.is_inline else replace(plan, more=b"")
        try:
            with redirect_stdout(io.StringIO()):
                yield
        except errors.MiniHTTPError as error:
            self.error = error
            self.check(error)
        except others as error:
            self.error = error

    def check(self, error):
        """The connection is closed after an error of its own, which names the state."""
        if not isinstance(error, (errors.ProtocolError, errors.TimedOut, errors.ConnectionBroken)):
            return
        assert error.state in map(name_of, State)
        assert any(repr(error.state) in note for note in error.__notes__)
        used = self.net.used
        if used is not None and used.fileno() >= 0:
            # A reply may have come before sending broke.
            assert isinstance(error, errors.SendBroken)
            assert self.client.state in (State.SENDING, State.REPLYING)

    def next_target(self):
        self.number += 1
        return f"/{self.number}"

    def hold(self, reply, number):
        assert reply.headers[REPLY_TO] == str(number), "the reply to another request"
        self.held.append(Held(reply, self.book.answers[number]))

    # --- commands

    @rule(plan=PLANS)
    def get(self, plan):
        with self.call(plan=plan):
            self.client.get(self.next_target())
            self.hold(self.client.response, self.number)

    @rule(plan=PLANS, method=METHODS, headers=HEADERS, body=BODY_NAMES)
    def httpcmd(self, plan, method, headers, body):
        with self.call(*BODY_FAULTS, plan=plan):
            self.client.httpcmd(method, self.next_target(), headers, BODIES[body]())
            self.hold(self.client.response, self.number)

    @rule(plan=PLANS, method=METHODS, body=BODY_NAMES)
    def exchange(self, plan, method, body):
        with self.call():
            if not self.client.closed and self.client.has_input():
                return  # what calls it has looked, as a pool does
        fields = [("Host", "a.test")]
        with self.call(*BODY_FAULTS, plan=plan):
            body = request_body(BODIES[body]())
            reply = self.client.exchange(method, self.next_target(), fields, body)
            self.hold(reply, self.number)

    @rule(plan=PLANS, switches=st.booleans())
    def upgrade(self, plan, switches):
        plan = Plan(switches=True) if switches else plan
        with self.call(plan=plan):
            self.own.append(self.client.upgrade(self.next_target(), "echo"))
            assert self.client.closed
        if isinstance(self.error, errors.UpgradeRefused):
            self.hold(self.error.response, self.number)

    @rule()
    def getbody(self):
        with self.call(ValueError):
            body = self.client.getbody()
            for held in self.held:
                if held.reply is self.client.response:
                    held.take(body)
                    held.end()
        self.check_closed_file(self.client.response)

    # --- the connection

    @rule(
        greeting=st.sampled_from([b"", b"", ANOTHER_REPLY]),
        hangs_up=st.sampled_from([False, False, True]),
    )
    def connect(self, greeting, hangs_up):
        if self.book.is_inline and not self.has_tunnel:  # else the proxy is asked at once
            self.book.greeting, self.book.hangs_up = greeting, hangs_up
        with self.call():
            self.client.connect()
        self.book.greeting, self.book.hangs_up = b"", False

    has_tunnel = False

    @rule(what=st.sampled_from(["close", "detach", "look", "forget_reply", "detach_reply"]))
    def aside(self, what):
        getattr(self, what)()

    def close(self):
        self.client.close()
        assert self.client.closed

    def detach(self):
        with self.call():
            self.own.append(self.client.detach())
            assert self.client.closed

    def forget_reply(self):
        del self.held[-1:]

    def detach_reply(self):
        for held in self.held[-1:]:
            with self.call(io.UnsupportedOperation):
                self.own.append(held.reply.detach())

    def look(self):
        client = self.client
        assert repr(client)
        assert client.authority
        assert client.buffered() == len(client.peek())
        with self.call():
            client.has_input()
        with self.call():
            client.fileno()

    # --- replies, if there are any; `back` counts from the last one

    @rule(
        back=st.integers(0, 3),
        how=st.sampled_from(WAYS_TO_READ),
        size=st.sampled_from([-1, None, 0, 1, 3, 100, 6_000, 1_000_000]),
    )
    def read(self, back, how, size):
        for held in self.held[::-1][back:][:1]:
            with self.call(io.UnsupportedOperation, ValueError):
                getattr(held, how)(size)
            self.check_closed_file(held.reply)

    @rule(plans=st.lists(PLANS, min_size=1, max_size=4))
    def get_and_read(self, plans):
        for plan in plans:
            self.get(plan)
            if self.error is None:
                self.read(0, "read", None)

    def check_closed_file(self, reply):
        """That of all ValueErrors only the one of closed files was raised."""
        if type(self.error) is ValueError:
            assert str(self.error) == "I/O operation on closed file."
            assert reply.closed


class Steps(Commands):
    """Those, and the calls of HTTPConnection."""

    def __init__(self):
        super().__init__()
        self.begun = self.sent = 0  # numbers of requests; 0 for one without

    def make_client(self):
        connection = HTTPConnection(self.net.authority, timeout=SOON)
        connection._create_connection = self.net.connect
        return connection

    # --- requests

    @rule(plan=PLANS)
    def request_and_getresponse(self, plan):
        self.request(plan, "GET", [], "none", False)
        if self.error is None:
            self.getresponse()

    @rule(plan=PLANS, method=METHODS, headers=HEADERS, body=BODY_NAMES, chunked=st.booleans())
    def request(self, plan, method, headers, body, chunked):
        target = self.next_target()
        with self.call(*BODY_FAULTS, plan=plan):
            self.client.request(method, target, BODIES[body](), headers, encode_chunked=chunked)
        self.note_sent(self.number)

    @rule(method=METHODS, url=TARGETS, skip_host=st.booleans(), skip_coding=st.booleans())
    def putrequest(self, method, url, skip_host, skip_coding):
        number = 0
        if url == "its number":
            url = self.next_target()
            number = self.number
        with self.call():
            self.client.putrequest(method, url, skip_host, skip_coding)
            self.begun = number
            assert self.client.state is State.STARTED

    @rule(field=FIELDS)
    def putheader(self, field):
        with self.call(TypeError):
            self.client.putheader(*field)

    @rule(plan=PLANS, body=BODY_NAMES, chunked=st.booleans())
    def endheaders(self, plan, body, chunked):
        with self.call(*BODY_FAULTS, plan=plan):
            self.client.endheaders(BODIES[body](), encode_chunked=chunked)
        self.note_sent(self.begun)

    @rule(length=st.integers(0, 6))
    def begin_with_a_length(self, length):
        self.putrequest("POST", "its number", False, False)
        self.putheader(("Content-Length", length))
        self.endheaders(Plan(), "none", False)

    @rule(body=BODY_NAMES)
    def send(self, body):
        with self.call(*BODY_FAULTS):
            self.client.send(BODIES[body]())

    @rule(chunk=st.sampled_from([b"2\r\n~~\r\n", b"0\r\n\r\n"]))
    def send_a_chunk(self, chunk):
        if self.client.state is State.SENDING:  # anywhere else it would be a broken request
            with self.call():
                self.client.send(chunk)

    def note_sent(self, number):
        """The reply that comes next is to this request, unless it was refused."""
        if self.error is None or type(self.error) is errors.SendBroken:
            self.sent = number

    @rule()
    def getresponse(self):
        with self.call():
            self.hold(self.client.getresponse(), self.sent)

    # --- the connection

    @rule(host=st.sampled_from(["b.test", "b.test:81", "[::1]:8", "b test", ""]))
    def set_tunnel(self, host):
        with self.call(RuntimeError):
            self.client.set_tunnel(host)
            self.has_tunnel = True
        assert type(self.error) is not RuntimeError or self.client.sock is not None
        assert self.has_tunnel or self.client.get_proxy_response_headers() is None

    @rule(
        what=st.sampled_from(
            [
                "take_the_socket",
                "give_a_socket",
                "close_the_socket",
                "set_the_timeout_of_the_socket",
            ]
        )
    )
    def aside_with_the_socket(self, what):
        getattr(self, what)()

    def take_the_socket(self):
        self.take(self.client.sock)
        self.client.sock = None
        assert self.client.closed

    def give_a_socket(self):
        self.take(self.client.sock)
        self.client.sock = self.net.connect()
        assert not self.client.closed

    def take(self, sock):
        if sock is not None:
            self.own.append(sock)

    def close_the_socket(self):
        if self.client.sock is not None:
            self.client.sock.close()

    def set_the_timeout_of_the_socket(self):
        sock = self.client.sock
        if sock is not None and sock.fileno() >= 0:
            sock.settimeout(2 * SOON)

    @rule(
        seconds=st.sampled_from([SOON, 2 * SOON]),
        opens=st.booleans(),
        level=st.integers(0, 1),
    )
    def set_attributes(self, seconds, opens, level):
        self.client.timeout = seconds
        self.client.auto_open = opens
        self.client.set_debuglevel(level)


class RealCommands(Commands):
    """Commands over real connections.

    Their server is never the first to speak: who could tell whether a reply that nobody asked for
    comes before somebody asks, or after?
    """

    net_class = LoopbackNet

    def make_client(self):
        return HTTPClient(self.net.authority, timeout=SOON)


class RealSteps(Steps):
    """Steps over real connections."""

    net_class = LoopbackNet

    def make_client(self):
        return HTTPConnection(self.net.authority, timeout=SOON)


@pytest.mark.parametrize(
    ("calls", "sequences"),
    [
        (Commands, SEQUENCES),
        (Steps, SEQUENCES),
        (RealCommands, SEQUENCES // 10),
        (RealSteps, SEQUENCES // 10),
    ],
)
def test_no_sequence_of_calls_breaks_what_holds_for_all(calls, sequences):
    run_state_machine_as_test(
        calls,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        ),
    )
