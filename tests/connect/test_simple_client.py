"""SimpleClient over socket pairs, over servers on loopback, over TLS and over what is no socket.

What it has from Connection is tested in test_connection.py.
"""

import itertools
import socket
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.peers import drip, end_in_tls
from support.steps import Close, Pause, Send
from support.streams import every_cut, every_split
from support.waits import PATIENCE, SOON, Clock

from mini_http.base import errors
from mini_http.base.limits import Limits
from mini_http.base.timeouts import Deadline
from mini_http.connect.simple_client import LINE_END, SimpleClient

pytestmark = pytest.mark.usefixtures("no_descriptors_leak_from_all_of_this")


# --- opening


def test_it_connects_when_it_is_made(served):
    with served([Send(b"hello\r\n")]) as client:
        assert client.readline() == b"hello"
        assert not client.closed
    assert client.closed


def test_a_port_where_nobody_listens_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with pytest.raises(errors.ConnectFailed, match=str(address[1])):
        SimpleClient(*address, timeout=PATIENCE)


def test_a_subclass_over_a_stream_is_of_that_class(ends):
    class Speaker(SimpleClient):
        def say(self, word):
            self.writeline(word)

    with Speaker.over(ends[0]) as speaker:
        speaker.say("hello")
        assert ends[1].recv(100) == b"hello\r\n"


def test_a_client_goes_on_where_another_one_is(ends):
    class Speaker(SimpleClient): ...

    before = SimpleClient.over(ends[0], timeout=PATIENCE)
    ends[1].sendall(b"one\ntwo\nthr")
    assert before.readline() == b"one"
    before.deadline = deadline = Deadline(PATIENCE)
    with Speaker.continuing(before) as speaker:
        assert before.closed
        assert (speaker.timeout, speaker.deadline, speaker.stream) == (PATIENCE, deadline, ends[0])
        ends[1].sendall(b"ee\n")
        assert [speaker.readline(), speaker.readline()] == [b"two", b"three"]
        speaker.writeline("four")
        assert ends[1].recv(100) == b"four\r\n"
    with pytest.raises(errors.StateError):
        SimpleClient.continuing(before)


@pytest.mark.parametrize(
    ("pieces", "end", "error"),
    [
        ([], "close", errors.RemoteDisconnected),
        ([b"a"], "close", errors.IncompleteRead),
        ([b"a"], "reset", errors.IncompleteRead),
        ([], "reset", errors.ConnectionBroken),
        ([b"a" * 100], "timeout", errors.LimitExceeded),
        ([b"a"], "timeout", errors.ReadTimedOut),
    ],
)
def test_an_error_tells_the_stage_at_which_it_came(fed, pieces, end, error):
    with fed(pieces, end, limits=Limits(line_bytes=10)) as client:
        client.stage = "talking"
        with pytest.raises(error) as caught:
            client.readline()
    assert caught.value.state == "talking"
    assert caught.value.__notes__ == ["The connection was in the state 'talking'."]


# --- lines


LINES = b"one\r\n\r\ntwo\n\nthree \r\r\n4\r\n"
READ_LINES = [b"one", b"", b"two", b"", b"three \r", b"4"]


def test_lines_end_with_crlf_or_lf_however_they_come_in(fed):
    for pieces in every_split(LINES):
        with fed(pieces) as client:
            assert [client.readline() for _ in READ_LINES] == READ_LINES, pieces
            with pytest.raises(errors.RemoteDisconnected):
                client.readline()
            assert client.closed


def test_iteration_gives_the_lines_up_to_the_end(fed):
    for pieces in every_split(LINES):
        with fed(pieces) as client:
            assert list(client) == READ_LINES, pieces


def test_a_line_that_is_cut_is_an_error_with_its_beginning(fed):
    for cut in every_cut(b"one\r\n"):
        with fed(cut) as client:
            expected = errors.IncompleteRead if cut else errors.RemoteDisconnected
            with pytest.raises(expected) as caught:
                client.readline()
            assert getattr(caught.value, "partial", b"") == cut
            assert client.closed


def test_a_line_that_a_reset_cuts_is_an_error_with_its_beginning(fed):
    for cut in every_cut(b"one\r\n"):
        with fed(cut, "reset") as client:
            expected = errors.IncompleteRead if cut else errors.ConnectionBroken
            with pytest.raises(expected) as caught:
                client.readline()
            assert getattr(caught.value, "partial", b"") == cut
            broken = caught.value.__cause__ if cut else caught.value
            assert isinstance(broken.reason, ConnectionResetError)
            assert client.closed


def test_iteration_gives_a_last_line_without_line_end(fed):
    with fed(b"one\ntwo") as client:
        assert list(client) == [b"one", b"two"]


def test_iteration_does_not_pass_off_a_line_that_a_reset_cut_as_the_last(fed):
    with fed(b"one\ntwo", "reset") as client:
        lines = iter(client)
        assert next(lines) == b"one"
        with pytest.raises(errors.IncompleteRead) as caught:
            next(lines)
        assert caught.value.partial == b"two"


@pytest.mark.parametrize("line", [b"1234567\n", b"123456\r\n"])
def test_a_line_may_be_as_long_as_the_limit_with_its_end(fed, line):
    for pieces in every_split(line):
        with fed(pieces, limits=Limits(line_bytes=8)) as client:
            assert client.readline() == line.rstrip()


@pytest.mark.parametrize("line", [b"12345678\n", b"1234567\r\n", b"1234567890"])
def test_a_longer_line_is_refused(fed, line):
    for pieces in every_split(line):
        with fed(pieces, limits=Limits(line_bytes=8)) as client:
            with pytest.raises(errors.LimitExceeded, match="more than 8 bytes in a line") as caught:
                client.readline()
            assert (caught.value.limit, client.closed) == (8, True)


def test_a_line_can_have_a_limit_of_its_own(fed):
    with fed(b"1234\n123\n") as client:
        assert client.readline(5) == b"1234"
        with pytest.raises(errors.LimitExceeded):
            client.readline(3)


def test_an_endless_line_is_given_up_when_the_limit_is_passed(fed):
    with fed(iter(lambda: b"x" * 1000, None)) as client:
        with pytest.raises(errors.LimitExceeded) as caught:
            client.readline()
        assert caught.value.found <= client.limits.line_bytes + 1000


# --- up to a delimiter


def test_bytes_up_to_a_delimiter_are_read_however_they_come_in(fed):
    for pieces in every_split(b"a--b-->c-->"):
        with fed(pieces) as client:
            assert client.read_until(b"-->", 100) == b"a--b-->"
            assert client.read_until(b"-->", 100) == b"c-->"
            assert client.at_end()


def test_a_delimiter_may_be_a_pattern(fed):
    with fed(b"one\ntwo\n") as client:
        assert client.read_until(LINE_END, 100) == b"one\n"


def test_a_delimiter_of_bytes_is_no_pattern(fed):
    with fed(b"axb.*") as client:
        assert client.read_until(b".*", 100) == b"axb.*"


def test_a_delimiter_may_be_longer_than_what_comes_at_once(fed):
    boundary = b"--" + b"=" * 60 + b"1\r\n"
    for pieces in every_split(b"text" + boundary + b"rest"):
        with fed(pieces) as client:
            assert client.read_until(boundary, 100) == b"text" + boundary
            assert client.read() == b"rest"


def test_more_than_the_limit_before_a_delimiter_is_refused(fed):
    for pieces in every_split(b"12345;"):
        with fed(pieces) as client, pytest.raises(errors.LimitExceeded, match="5 sheep, found"):
            client.read_until(b";", 5, "sheep")


def test_the_limit_counts_the_delimiter(fed):
    for pieces in every_split(b"1234;6;"):
        with fed(pieces) as client:
            assert client.read_until(b";", 5) == b"1234;"
            assert client.buffered() in (0, 1, 2)


@given(st.binary(max_size=60), st.binary(min_size=1, max_size=40), st.data())
def test_any_delimiter_is_found_at_its_first_place_in_any_pieces(fed, before, delimiter, data):
    sent = before + delimiter + b"rest"
    cuts = sorted(data.draw(st.sets(st.integers(0, len(sent)))) | {0, len(sent)})
    pieces = [sent[start:end] for start, end in itertools.pairwise(cuts)]
    end = sent.index(delimiter) + len(delimiter)
    with fed(pieces) as client:
        assert client.read_until(delimiter, len(sent)) == sent[:end]
        assert client.read() == sent[end:]


# --- by count


def test_read_gives_exactly_so_many_bytes(fed):
    for pieces in every_split(b"123456789"):
        with fed(pieces) as client:
            assert [client.read(4), client.read(0), client.read(5)] == [b"1234", b"", b"56789"]


def test_read_without_a_size_gives_all_up_to_the_end(fed):
    for pieces in every_split(b"1\n23"):
        with fed(pieces) as client:
            assert client.readline() == b"1"
            assert client.read() == b"23"
            assert client.read() == b""


def test_read_of_more_than_comes_is_an_error_with_what_came(fed):
    with fed([b"12", b"34"]) as client:
        with pytest.raises(errors.IncompleteRead) as caught:
            client.read(7)
        assert (caught.value.partial, caught.value.expected) == (b"1234", 3)
        assert client.closed


def test_at_end_knows_after_the_next_byte_or_the_end_came(fed):
    with fed([b"1"]) as client:
        assert not client.at_end()
        assert client.buffered() == 1
        assert client.read() == b"1"
        assert client.at_end()


# --- time


def test_a_line_must_come_whole_within_the_timeout(served):
    with (
        served([drip], timeout=0.3) as client,
        pytest.raises(errors.ReadTimedOut, match="timed out"),
    ):
        client.readline()


def test_a_line_in_tls_must_come_whole_within_the_timeout(secured):
    with secured([drip]) as client:
        client.timeout = 0.3
        with pytest.raises(errors.ReadTimedOut):
            client.readline()


READERS = {
    "readline": lambda client: client.readline(),
    "read_until": lambda client: client.read_until(b"\n", 100).rstrip(),
    "read": lambda client: client.read(7).rstrip(),
    "read all": lambda client: client.read().rstrip(),
    "iteration": lambda client: next(iter(client)),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("begun", [b"", b"h", b"hello\r"])
def test_nothing_is_lost_by_a_timeout(client, peer, read, begun):
    client.timeout = SOON
    peer.sendall(begun)
    for _ in range(2):
        with pytest.raises(errors.ReadTimedOut):
            read(client)
    assert client.buffered() == len(begun)
    client.timeout = PATIENCE
    peer.sendall(b"hello\r\n"[len(begun) :])
    peer.shutdown(socket.SHUT_WR)
    assert read(client) == b"hello"


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_nothing_is_lost_by_a_timeout_in_tls(secured, read):
    pause = Pause()
    script = [Send(b"hel"), pause, Send(b"lo\r\n"), end_in_tls]
    with secured(script) as client:
        assert not client.at_end()
        client.timeout = SOON
        with pytest.raises(errors.ReadTimedOut):
            read(client)
        client.timeout = PATIENCE
        pause.resume.set()
        assert read(client) == b"hello"


def test_what_is_buffered_can_be_read_when_no_time_is_left(fed):
    with fed([b"1\n2\n"], "timeout") as client:
        client.at_end()
        assert client.read_until(b"\n", 100, expires=monotonic() - 1) == b"1\n"


def test_the_deadline_ends_a_line_though_its_bytes_keep_coming(fed):
    clock = Clock()

    def pieces():
        while True:
            clock.now += 1
            yield b"x"

    with fed(pieces()) as client:
        client.deadline = Deadline(5, clock)
        with pytest.raises(errors.TotalTimedOut):
            client.readline()
        assert client.buffered() == 5


# --- writing


@pytest.mark.parametrize("line", ["Grüße", "Grüße".encode()])
def test_a_line_is_sent_with_crlf(client, peer, line):
    client.writeline(line)
    client.writeline("")
    assert peer.recv(100) == "Grüße\r\n\r\n".encode()


@pytest.mark.parametrize("line", ["a\nb", "a\r", b"\0", b"\n"])
def test_a_line_with_a_line_end_in_it_is_not_sent(client, peer, line):
    with pytest.raises(errors.InvalidField, match="can't contain CR, LF or NUL"):
        client.writeline(line)
    client.writeline("next")
    assert peer.recv(100) == b"next\r\n"


# --- TLS


def test_an_end_in_tls_is_an_end(secured):
    with secured([Send(b"12"), end_in_tls]) as client:
        assert client.read() == b"12"


@pytest.mark.parametrize("read", [SimpleClient.read, SimpleClient.readline, list])
def test_an_end_that_tls_did_not_announce_is_an_error(secured, read):
    with secured([Send(b"12"), Close()]) as client:
        with pytest.raises((errors.ConnectionBroken, errors.IncompleteRead)):
            read(client)
        assert client.closed


# --- closing


USES = {
    "read": SimpleClient.read,
    "readline": SimpleClient.readline,
    "read_until": lambda client: client.read_until(b"\n", 100),
    "writeline": lambda client: client.writeline("1"),
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


def test_a_closed_client_has_no_more_lines(client, peer):
    peer.sendall(b"1\n2\n3\n")
    for line in client:
        if line == b"2":
            client.close()
    assert line == b"2"
    assert client.at_end()
