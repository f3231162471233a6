"""ftpwrapper: whole files or errors, and when its connection is kept, opened again and closed."""

import ftplib
import io
import os
import socket
import ssl
import threading

import pytest
from support.descriptors import open_descriptors
from support.ftp_server import FILES, HANG_UP, SILENCE, FTPServer
from support.waits import PATIENCE, SOON

from mini_http.base import errors
from mini_http.base.timeouts import Timeout
from mini_http.connect.simple_client import SimpleClient
from mini_http.connect.tls import TLSSettings
from mini_http.opener.ftp_client import FTPSettings
from mini_http.opener.ftp_wrapper import _close_politely, ftpwrapper

DATA = FILES["/pub/deep/data.bin"]
HELLO = FILES["/hello.txt"]


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_open():
    before = open_descriptors()
    yield
    assert len(open_descriptors()) <= len(before)


@pytest.fixture
def wrapped():
    """Makes a wrapper that is logged in to a server."""
    made = []

    def wrap(server, dirs=(), timeout=PATIENCE, persistent=True, **options):
        host, port = server.address
        wrapper = ftpwrapper("", "", host, port, list(dirs), timeout, persistent, **options)
        made.append(wrapper)
        return wrapper

    yield wrap
    for wrapper in made:
        wrapper.real_close()


def fetched(wrapper, file, type="I"):
    with wrapper.retrfile(file, type)[0] as reply:
        return reply.read()


def hang_up(server):
    """The server closes its control connections."""
    for connection in server.connections:
        connection.sock.shutdown(socket.SHUT_RDWR)


# --- what it gives


def test_a_file_comes_with_its_size(wrapped):
    with FTPServer() as server:
        file, size = wrapped(server, ["pub", "deep"]).retrfile("data.bin", "I")
        with file:
            assert (file.read(), size) == (DATA, len(DATA))
    assert server.commands == [
        "USER anonymous",
        "PASS anonymous@",
        "CWD pub/deep",
        "TYPE I",
        "SIZE data.bin",
        "EPSV",
        "RETR data.bin",
    ]


def test_without_directories_none_is_changed_to(wrapped):
    with FTPServer() as server:
        assert fetched(wrapped(server), "hello.txt") == HELLO
        assert server.sent("CWD") == []


@pytest.mark.parametrize(
    ("answers", "size"),
    [
        ({"SIZE": "500 What?"}, None),
        ({"SIZE": "450 Not now.", "150": "150 Opening (15 bytes)"}, 15),
        ({"SIZE": "213 15", "150": "150 Opening (14 bytes)"}, 15),
        ({"SIZE": "213 0", "150": "150 Opening"}, 0),
    ],
)
def test_the_size_is_what_size_says_or_else_what_is_said_at_the_beginning(wrapped, answers, size):
    with FTPServer(answers=answers) as server:
        file, told = wrapped(server).retrfile("hello.txt", "I")
        with file:
            assert (told, file.read()) == (size, HELLO)


def test_text_has_no_size_since_its_line_ends_are_converted(wrapped):
    with FTPServer(answers={"150": "150 Opening (3 bytes)"}) as server:
        file, size = wrapped(server).retrfile("hello.txt", "a")
        with file:
            assert (file.read(), size) == (HELLO, None)
    assert server.sent("TYPE", "SIZE") == ["TYPE A"]


@pytest.mark.parametrize(
    ("file", "type", "commands"),
    [
        ("", "D", ["TYPE A", "EPSV", "LIST"]),
        ("", "I", ["TYPE I", "TYPE A", "EPSV", "LIST"]),
        ("deep", "d", ["TYPE A", "CWD deep", "EPSV", "LIST"]),
        ("deep", "A", ["TYPE A", "EPSV", "RETR deep", "CWD deep", "EPSV", "LIST"]),
        (
            "deep",
            "I",
            ["TYPE I", "SIZE deep", "EPSV", "RETR deep", "CWD deep", "TYPE A", "EPSV", "LIST"],
        ),
    ],
)
def test_directories_are_listed(wrapped, file, type, commands):
    with FTPServer() as server:
        reply, size = wrapped(server, ["pub"]).retrfile(file, type)
        with reply:
            names = [line.split()[-1] for line in reply]
    assert names == ([b"data.bin"] if file else [b"deep", b"empty", b"page.html"])
    assert size is None
    assert server.commands[3:] == commands


def test_a_name_that_looks_like_an_option_is_none(wrapped):
    with FTPServer({"/-la/x": b""}) as server:
        assert fetched(wrapped(server), "-la").endswith(b" x\r\n")


# --- what it refuses to give


def test_what_is_neither_file_nor_directory_is_refused_as_a_file(wrapped):
    with FTPServer() as server, pytest.raises(ftplib.error_perm, match="550 x: no such file"):
        wrapped(server).retrfile("x", "I")


def test_a_directory_that_is_a_file_can_not_be_listed(wrapped):
    with FTPServer() as server, pytest.raises(ftplib.error_perm, match="no such directory"):
        wrapped(server).retrfile("hello.txt", "D")


def test_another_refusal_is_not_taken_for_a_directory(wrapped):
    with FTPServer(answers={"RETR": "532 Need account."}) as server:
        with pytest.raises(ftplib.error_perm, match="532"):
            wrapped(server, ["pub"]).retrfile("deep", "I")
        assert server.sent("LIST", "CWD") == ["CWD pub"]


@pytest.mark.parametrize(
    "answers", [{"220": "421 Later."}, {"PASS": "530 No."}, {"CWD": "550 No."}, {"USER": HANG_UP}]
)
def test_a_login_that_fails_leaves_nothing_open(wrapped, answers):
    with FTPServer(answers=answers) as server:
        with pytest.raises((ftplib.Error, errors.RemoteDisconnected)):
            wrapped(server, ["pub"])
        server.connections[0].drain()  # returns when the client has closed


# --- a file that is cut

READS = {
    "read": lambda file: file.read(),
    "read(n)": lambda file: b"".join(iter(lambda: file.read(7), b"")),
    "read1": lambda file: b"".join(iter(lambda: file.read1(7), b"")),
    "readline": lambda file: b"".join(iter(file.readline, b"")),
    "iteration": lambda file: b"".join(file),
    "readlines": lambda file: b"".join(file.readlines()),
    "readinto": lambda file: b"".join(filled(file, file.readinto)),
    "readinto1": lambda file: b"".join(filled(file, file.readinto1)),
    "peek": lambda file: b"".join(iter(lambda: file.peek(1) and file.read1(7), b"")),
}


def filled(file, readinto):
    target = bytearray(7)
    while count := readinto(target):
        yield bytes(target[:count])


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_file_is_read_like_any_other(wrapped, read):
    with FTPServer() as server, wrapped(server, ["pub"]).retrfile("page.html", "I")[0] as file:
        assert read(file) == FILES["/pub/page.html"]
        assert read(file) == b""


def test_a_file_can_be_read_as_text(wrapped):
    with FTPServer() as server, wrapped(server, ["pub"]).retrfile("page.html", "I")[0] as file:
        assert list(io.TextIOWrapper(file)) == ["<p>A page.</p>\n"]


CUTS = {
    "closed": {"cut": 9},
    "reset": {"cut": 9, "data_end": "reset"},
    "closed, size from 150": {"cut": 9, "answers": {"150": "150 (15 bytes)", "SIZE": "500 No"}},
    "closed, size unknown": {"cut": 9, "answers": {"SIZE": "500 No", "226": "426 Sorry."}},
    "reset, size unknown": {"cut": 9, "data_end": "reset", "answers": {"SIZE": "500 No"}},
    "never confirmed": {"cut": 9, "answers": {"SIZE": "500 No", "226": HANG_UP}},
    "whole, but the server says no": {"answers": {"226": "451 Disk failed."}},
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_a_file_that_is_cut_is_never_taken_for_a_whole_one(wrapped, cut, read):
    with FTPServer(**cut) as server, wrapped(server).retrfile("hello.txt", "I")[0] as file:
        for _ in range(2):
            with pytest.raises(errors.IncompleteRead) as caught:
                read(file)
    assert isinstance(caught.value, errors.URLError)


def test_what_came_of_it_and_what_is_missing_is_told(wrapped):
    with FTPServer(cut=9) as server, wrapped(server).retrfile("hello.txt", "I")[0] as file:
        assert file.read(2) == b"He"
        assert file.peek(1) == b"llo, wo"
        with pytest.raises(errors.IncompleteRead) as caught:
            file.read(100)
    assert (caught.value.partial, caught.value.expected) == (b"llo, wo", 6)


def test_what_came_before_the_cut_can_be_read_in_pieces(wrapped):
    with FTPServer(cut=9) as server, wrapped(server).retrfile("hello.txt", "I")[0] as file:
        assert [file.read(3) for _ in range(3)] == [b"Hel", b"lo,", b" wo"]
        target = bytearray(5)
        with pytest.raises(errors.IncompleteRead) as caught:
            file.readinto(target)
    assert (caught.value.partial, caught.value.expected) == (b"", 6)


def test_the_servers_reason_is_the_cause(wrapped):
    with (
        FTPServer(answers={"226": "451 Disk failed."}) as server,
        wrapped(server).retrfile("hello.txt", "I")[0] as file,
        pytest.raises(errors.IncompleteRead) as caught,
    ):
        file.read()
    assert caught.value.partial == HELLO
    first = caught.value.__cause__
    assert isinstance(first.__cause__, ftplib.error_temp)


def test_more_than_was_announced_is_given_too(wrapped):
    with FTPServer(answers={"SIZE": "213 5"}) as server:
        file, size = wrapped(server).retrfile("hello.txt", "I")
        with file:
            assert (file.read(), size) == (HELLO, 5)


@pytest.mark.parametrize("answer", [HANG_UP, SILENCE])
def test_a_file_of_the_size_announced_is_whole_though_nothing_confirms_it(wrapped, answer):
    with (
        FTPServer(answers={"226": answer}) as server,
        wrapped(server, timeout=10 * SOON).retrfile("hello.txt", "I")[0] as file,
    ):
        assert file.read() == HELLO
        assert file.read() == b""


def test_a_reset_after_the_last_byte_cuts_nothing(wrapped):
    with (
        FTPServer(data_end="reset") as server,
        wrapped(server).retrfile("hello.txt", "I")[0] as file,
    ):
        assert file.read(len(HELLO)) == HELLO
        assert file.read() == b""


def test_data_that_do_not_come_are_waited_for_so_long(wrapped):
    with (
        FTPServer(cut=9, data_end="stay") as server,
        wrapped(server, timeout=10 * SOON).retrfile("hello.txt", "I")[0] as file,
    ):
        for _ in range(2):
            with pytest.raises(errors.ReadTimedOut, match="timed out"):
                file.read()


def test_a_listing_that_is_not_confirmed_is_waited_for_so_long(wrapped):
    with (
        FTPServer(answers={"226": SILENCE}) as server,
        wrapped(server, timeout=10 * SOON).retrfile("", "D")[0] as file,
        pytest.raises(errors.ReadTimedOut, match="timed out"),
    ):
        file.read()


def test_a_total_time_bounds_data_too(wrapped):
    with (
        FTPServer(cut=9, data_end="stay") as server,
        wrapped(server, timeout=Timeout(total=10 * SOON)).retrfile("hello.txt", "I")[0] as file,
        pytest.raises(errors.TotalTimedOut, match="timed out"),
    ):
        file.read()


# --- over TLS


@pytest.fixture
def secured(wrapped, certificates):
    """Makes a wrapper over TLS."""
    trusting = FTPSettings(TLSSettings(ca_file=certificates.ca_file))
    return lambda server, **options: wrapped(server, settings=trusting, **options)


def test_files_come_over_tls(secured, certificates):
    with FTPServer(tls=certificates.good.server_context()) as server:
        wrapper = secured(server)
        for _ in range(3):
            assert fetched(wrapper, "hello.txt") == HELLO
        wrapper.close()
    assert server.resumed == [True] * 3


@pytest.mark.parametrize("answers", [{}, {"SIZE": "500 No"}])
def test_an_end_that_tls_does_not_confirm_is_a_cut(secured, certificates, answers):
    tls = certificates.good.server_context()
    with (
        FTPServer(tls=tls, cut=9, answers=answers) as server,
        secured(server).retrfile("hello.txt", "I")[0] as file,
        pytest.raises(errors.IncompleteRead),
    ):
        file.read()


def test_where_the_size_says_that_all_is_here_tls_need_not(secured, certificates):
    with FTPServer(tls=certificates.good.server_context(), cut=len(HELLO)) as server:
        wrapper = secured(server)
        assert fetched(wrapper, "hello.txt") == HELLO
        wrapper.close()


# --- one transfer after the other


def test_a_connection_is_kept_for_the_next_file(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server)
        for name in ("hello.txt", "pub/page.html", "pub/empty"):
            assert fetched(wrapper, name) == FILES[f"/{name}"]
    assert server.logins == 1


def test_it_is_kept_after_a_refusal(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server)
        with pytest.raises(ftplib.error_perm):
            fetched(wrapper, "nothing")
        assert fetched(wrapper, "hello.txt") == HELLO
    assert server.logins == 1


def test_closing_a_file_that_has_ended_leaves_the_next_one_alone(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server)
        first, _ = wrapper.retrfile("hello.txt", "I")
        assert first.read() == HELLO
        with wrapper.retrfile("pub/page.html", "I")[0] as second:
            before = wrapper.ftp.deadline
            first.close()
            assert wrapper.ftp.deadline is before
            assert second.read() == FILES["/pub/page.html"]
    assert server.logins == 1


def test_it_is_kept_where_all_was_read_and_the_end_was_not_seen(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server)
        for _ in range(2):
            with wrapper.retrfile("hello.txt", "I")[0] as file:
                assert file.read(len(HELLO)) == HELLO
    assert server.logins == 1


def test_it_is_not_kept_where_more_came_than_was_announced_and_was_read(wrapped):
    with FTPServer(answers={"SIZE": "213 5"}) as server:
        wrapper = wrapped(server)
        for _ in range(2):
            with wrapper.retrfile("hello.txt", "I")[0] as file:
                assert file.raw.read(5) == b"Hello"
    assert server.logins == 2


def test_it_is_not_kept_where_a_file_was_left_unread(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server, ["pub", "deep"])
        wrapper.retrfile("data.bin", "I")[0].close()
        assert fetched(wrapper, "data.bin") == DATA
    assert server.logins == 2


def test_it_is_opened_again_where_it_left_its_directory(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server)
        assert b"page.html" in fetched(wrapper, "pub")
        assert fetched(wrapper, "hello.txt") == HELLO
    assert server.logins == 2


def test_a_listing_that_fails_does_not_leave_it_in_another_directory(wrapped):
    with FTPServer(answers={"LIST": "550 Not for you."}) as server:
        wrapper = wrapped(server)
        with pytest.raises(ftplib.error_perm):
            fetched(wrapper, "pub")
        assert fetched(wrapper, "hello.txt") == HELLO


def test_it_is_opened_again_where_the_server_closed_it(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server)
        assert fetched(wrapper, "hello.txt") == HELLO
        hang_up(server)
        for _ in range(2):
            assert fetched(wrapper, "hello.txt") == HELLO
        assert server.logins == 2


def test_a_transfer_over_a_connection_that_was_opened_again_is_confirmed_too(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server)
        assert fetched(wrapper, "hello.txt") == HELLO
        hang_up(server)
        server.answers["226"] = "451 Disk failed."
        with pytest.raises(errors.IncompleteRead):
            fetched(wrapper, "hello.txt")


def test_it_is_opened_again_where_the_server_had_enough(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server)
        assert fetched(wrapper, "hello.txt") == HELLO
        server.answers["TYPE A"] = "421 Idle for too long."
        assert fetched(wrapper, "hello.txt") == HELLO
        with pytest.raises(ftplib.error_temp, match="421"):
            fetched(wrapper, "hello.txt", "A")
    assert server.logins == 2


def test_a_connection_that_is_new_is_not_opened_again(wrapped):
    with (
        FTPServer(answers={"TYPE": HANG_UP}) as server,
        pytest.raises(errors.RemoteDisconnected),
    ):
        fetched(wrapped(server), "hello.txt")
    assert server.logins == 1


@pytest.mark.parametrize("more", ["226 Really.", "421 Goodbye.", "200 Fine.", "hm"])
def test_it_is_opened_again_where_the_server_said_more_than_it_was_asked(wrapped, more):
    with FTPServer(answers={"226": f"226 Done.\r\n{more}"}) as server:
        wrapper = wrapped(server)
        for _ in range(2):
            assert fetched(wrapper, "hello.txt") == HELLO
    assert server.logins == 2


@pytest.mark.parametrize("answers", [{"EPSV": "229 What?"}, {"TYPE": "350 And?"}, {"RETR": "9"}])
def test_it_is_opened_again_where_an_answer_was_none(wrapped, answers):
    with FTPServer(answers=answers) as server:
        wrapper = wrapped(server)
        with pytest.raises((ftplib.error_proto, ftplib.error_reply)):
            fetched(wrapper, "hello.txt")
        server.answers.clear()
        assert fetched(wrapper, "hello.txt") == HELLO
    assert server.logins == 2


def test_one_whose_first_transfer_failed_is_opened_again(wrapped):
    with FTPServer(answers={"TYPE": SILENCE}) as server:
        wrapper = wrapped(server, timeout=10 * SOON)
        assert wrapper.claim(10 * SOON)
        with pytest.raises(errors.ReadTimedOut):
            wrapper.retrfile("hello.txt", "I")
        del server.answers["TYPE"]
        assert wrapper.claim(PATIENCE)
        assert fetched(wrapper, "hello.txt") == HELLO
        assert wrapper.ftp.phases == Timeout(PATIENCE, PATIENCE)
    assert server.logins == 2


def test_one_file_at_a_time(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server)
        with wrapper.retrfile("hello.txt", "I")[0] as file:
            with pytest.raises(errors.StateError, match="another file"):
                wrapper.retrfile("hello.txt", "I")
            assert file.read() == HELLO
        assert fetched(wrapper, "hello.txt") == HELLO


# --- closing


def test_without_persistence_it_ends_with_the_transfer(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server, persistent=False)
        with wrapper.retrfile("hello.txt", "I")[0] as file:
            assert file.read() == HELLO
            server.connections[0].drain()  # returns when the client has closed
            assert wrapper.ftp.sock is None


def test_without_persistence_it_ends_with_a_refusal_too(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server, persistent=False)
        with pytest.raises(ftplib.error_perm):
            wrapper.retrfile("nothing", "I")
        assert wrapper.ftp.sock is None


def test_closing_waits_for_the_transfer(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server)
        with wrapper.retrfile("hello.txt", "I")[0] as file:
            wrapper.close()
            assert file.read() == HELLO
        assert wrapper.ftp.sock is None


def test_closing_does_not_wait_for_what_is_not_there(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server)
        wrapper.close()
        assert wrapper.ftp.sock is None
        wrapper.close()
        wrapper.endtransfer()


def test_a_file_may_be_closed_twice_and_forgotten(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server, persistent=False)
        file, _ = wrapper.retrfile("hello.txt", "I")
        file.close()
        file.close()
        with pytest.raises(ValueError, match="closed file"):
            file.read()
        forgotten = wrapper.retrfile("hello.txt", "I")
        del forgotten
        assert wrapper.ftp.sock is None


# --- claiming


def test_a_connection_can_be_claimed_by_one(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server)
        assert wrapper.claim(PATIENCE)
        assert not wrapper.claim(PATIENCE)
        assert fetched(wrapper, "hello.txt") == HELLO
        assert wrapper.claim(7)
        assert wrapper.timeout == 7
        assert fetched(wrapper, "hello.txt") == HELLO
        assert wrapper.ftp.phases == Timeout(7, 7)
        wrapper.close()
        assert not wrapper.claim(PATIENCE)
    assert server.logins == 1


def test_a_connection_that_is_being_closed_can_not_be_claimed(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server, ["pub", "deep"])
        file, _ = wrapper.retrfile("data.bin", "I")
        close, claimed = wrapper.ftp.close, []

        def close_while_another_thread_claims():
            claimed.append(wrapper.claim(PATIENCE))
            close()

        wrapper.ftp.close = close_while_another_thread_claims
        file.close()
        assert claimed == [False]
        assert wrapper.claim(PATIENCE)
        assert fetched(wrapper, "data.bin") == DATA


def test_a_parents_connection_can_not_be_claimed(wrapped, monkeypatch):
    with FTPServer() as server:
        wrapper = wrapped(server)
        monkeypatch.setattr(os, "getpid", lambda: -1)
        assert not wrapper.claim(PATIENCE)


def test_each_transfer_has_its_own_total_time(wrapped):
    with FTPServer() as server:
        wrapper = wrapped(server, timeout=Timeout(total=PATIENCE))
        assert fetched(wrapper, "hello.txt") == HELLO
        first = wrapper.ftp.deadline
        assert fetched(wrapper, "hello.txt") == HELLO
        assert first.expires < wrapper.ftp.deadline.expires


def test_neither_its_name_nor_its_file_shows_the_password():
    with FTPServer(passwords={"joe": "secret"}) as server:
        wrapper = ftpwrapper("joe", "secret", *server.address, [], PATIENCE, False)
        with wrapper.retrfile("hello.txt", "I")[0] as file:
            assert "secret" not in f"{wrapper!r}{file!r}{file.raw!r}{wrapper.ftp!r}"


def test_a_server_that_does_not_hear_the_end_out_spoils_nothing(certificates):
    ours, theirs = socket.socketpair()

    def say_goodbye():
        context = certificates.good.server_context()
        with context.wrap_socket(theirs, server_side=True) as tls:
            tls.settimeout(0)
            with pytest.raises(ssl.SSLWantReadError):
                tls.unwrap()  # says so, and does not wait for the answer

    server = threading.Thread(target=say_goodbye)
    server.start()
    tls = certificates.client_context().wrap_socket(ours, server_hostname="localhost")
    server.join()
    data = SimpleClient.over(tls, timeout=PATIENCE)
    assert data.read() == b""
    _close_politely(data)
    assert tls.fileno() == -1
