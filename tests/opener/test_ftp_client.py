"""FTPClient: what it says, what it believes, and what it makes of servers that misbehave."""

import ftplib
import re
import socket
import ssl
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.descriptors import open_descriptors
from support.ftp_server import FILES, HANG_UP, SILENCE, FTPServer
from support.ipv6 import needs_ipv6
from support.servers import ScriptedServer
from support.steps import Drain, ExpectUntil, Pause, Reset, Send
from support.waits import PATIENCE, SOON

from mini_http.base import errors
from mini_http.base.timeouts import Deadline, Timeout
from mini_http.connect.dial import DialOptions
from mini_http.connect.tls import TLSSettings
from mini_http.opener.ftp_client import (
    PLAIN,
    FTPClient,
    FTPSettings,
    _extended_port,
    _passive_port,
)

PATIENT = Timeout(PATIENCE, PATIENCE)
HASTY = Timeout(PATIENCE, SOON)


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_open():
    before = open_descriptors()
    yield
    assert len(open_descriptors()) <= len(before)


@pytest.fixture
def connected():
    """Makes a client that is connected to a server."""
    made = []

    def connect(server, settings=PLAIN, timeout=PATIENT, host=None):
        client = FTPClient(settings, timeout)
        made.append(client)
        client.connect(host or server.address[0], server.port)
        return client

    yield connect
    for client in made:
        client.close()


@pytest.fixture
def logged_in(connected):
    """Makes a client that is logged in too."""

    def log_in(*arguments, **options):
        client = connected(*arguments, **options)
        client.login()
        return client

    return log_in


@pytest.fixture
def trusting(certificates):
    return FTPSettings(TLSSettings(ca_file=certificates.ca_file))


def retrieved(client, name, rest=None):
    pieces = []
    client.retrbinary(f"RETR {name}", pieces.append, rest=rest)
    return b"".join(pieces)


# --- it is an ftplib.FTP


def test_ftplibs_methods_work_over_it(logged_in):
    names = []
    with FTPServer() as server, logged_in(server) as client:
        assert isinstance(client, ftplib.FTP)
        assert client.getwelcome() == "220 Ready."
        client.cwd("/pub")
        client.dir(names.append)
        assert retrieved(client, "deep/data.bin") == FILES["/pub/deep/data.bin"]
        assert retrieved(client, "page.html", rest=3) == FILES["/pub/page.html"][3:]
    assert [line.split()[-1] for line in names] == ["deep", "empty", "page.html"]
    assert server.commands[-1] == "QUIT"


def test_who_connects_and_what_is_said_is_audited_but_no_password(logged_in, audited):
    with FTPServer(passwords={"joe": "secret"}) as server:
        client = logged_in(server)
        client.login("joe", "secret")
        assert ("ftplib.connect", (client, "127.0.0.1", server.port)) in audited
    said = [arguments[1] for event, arguments in audited if event == "ftplib.sendcmd"]
    assert said == ["USER anonymous", "PASS ***", "USER joe", "PASS ***"]


@pytest.fixture
def audited():
    """The audit events of ftplib. A hook can't be removed, only made to do nothing."""
    events = []
    recording = [True]

    def hook(event, arguments):
        if recording and event.startswith("ftplib."):
            events.append((event, arguments))

    sys.addaudithook(hook)
    yield events
    recording.clear()


def test_it_can_be_closed_twice_and_is_then_of_no_use(connected):
    with FTPServer() as server:
        client = connected(server)
        client.close()
        client.close()
        with pytest.raises(errors.StateError, match="the FTP connection is closed"):
            client.login()


# --- names and lines


@pytest.mark.parametrize("odd", ["\r\nDELE x", "\n", "\r", "\0"])
def test_a_command_can_not_hold_another_one(connected, odd):
    with FTPServer() as server:
        client = connected(server)
        with pytest.raises(errors.InvalidField) as caught:
            client.login("joe", f"secret{odd}")
        client.close()
    assert "secret" not in str(caught.value)
    assert server.commands == ["USER joe"]


def test_names_are_sent_as_utf_8_or_as_the_bytes_that_they_are(logged_in):
    names = ["/é", "/\udce9"]
    files = {name: name.encode("utf-8", "surrogateescape") for name in names}
    with FTPServer(files) as server:
        client = logged_in(server)
        assert [retrieved(client, name) for name in names] == [b"/\xc3\xa9", b"/\xe9"]


def test_a_reply_may_have_many_lines(connected):
    text = "220-Welcome\r\n 230 to the\r\n220 machine"
    with FTPServer(answers={"220": text}) as server:
        assert connected(server).welcome == "220-Welcome\n 230 to the\n220 machine"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("421 Too many users.", ftplib.error_temp),
        ("554 Not you.", ftplib.error_perm),
        ("HTTP/1.1 400 What?", ftplib.error_proto),
        ("", errors.RemoteDisconnected),
        ("2", errors.IncompleteRead),
        ("220-a\r\n" * 40_000, errors.LimitExceeded),
        ("220 " + "a" * 70_000, errors.LimitExceeded),
    ],
)
def test_what_is_no_welcome_is_an_error(connected, text, error):
    end = b"" if text in ("", "2") else b"\r\n"
    with ScriptedServer([[Send(text.encode() + end)]]) as server, pytest.raises(error):
        connected(server)


def test_a_server_that_repeats_the_password_is_not_quoted(connected):
    answers = {"PASS secret": "530 joe can't log in with secret."}
    with FTPServer(answers=answers) as server, pytest.raises(ftplib.error_perm) as caught:
        connected(server).login("joe", "secret")
    assert str(caught.value) == "530 (the server's text repeats the password)"
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"PASS": "150 secret."}, "150"),
        ({"PASS": "secret."}, "sec"),
        ({"TYPE": "350 secret."}, "350"),
        ({"EPSV": "229 secret."}, "229"),
        ({"EPSV": "500 No.", "PASV": "227 secret."}, "227"),
        ({"RETR": "350 secret."}, "350"),
        ({"226": "350 secret."}, "350"),
    ],
)
def test_not_even_where_what_it_says_is_no_refusal(connected, answers, said):
    with FTPServer(passwords={"joe": "secret"}, answers=answers) as server:
        client = connected(server)
        with pytest.raises(ftplib.Error) as caught:
            client.login("joe", "secret")
            client.voidcmd("TYPE I")
            retrieved(client, "hello.txt")
        client.close()
    assert str(caught.value) == f"{said} (the server's text repeats the password)"
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_reply_may_have_more_lines_than_a_head_has_fields(connected):
    text = "220-a\r\n" * 2000 + "220 b"
    with FTPServer(answers={"220": text}) as server:
        assert connected(server).welcome.count("\n") == 2000


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        ("213 1234", 1234),
        ("213 1234 ", 1234),
        ("213 0", 0),
        ("213 -1", None),
        ("213 many", None),
        ("213 " + "9" * 5000, None),
        ("200 5", None),
    ],
)
def test_a_size_is_a_number_or_unknown(logged_in, answer, size):
    with FTPServer(answers={"SIZE": answer}) as server:
        assert logged_in(server).size("x") == size


# --- data connections


def test_epsv_is_tried_first_and_then_no_more_where_it_is_not_known(logged_in):
    with FTPServer(answers={"EPSV": "500 Never heard of it."}) as server:
        client = logged_in(server)
        for _ in range(2):
            assert retrieved(client, "hello.txt") == FILES["/hello.txt"]
        client.close()
    assert server.sent("EPSV", "PASV") == ["EPSV", "PASV", "PASV"]


@needs_ipv6
def test_over_ipv6_there_is_only_epsv(logged_in):
    with FTPServer(at="::1") as server:
        assert retrieved(logged_in(server), "hello.txt") == FILES["/hello.txt"]
        assert server.sent("EPSV", "PASV") == ["EPSV"]
    with FTPServer(at="::1", answers={"EPSV": "502 No."}) as server:
        with pytest.raises(ftplib.error_perm, match="502"):
            retrieved(logged_in(server), "hello.txt")
        assert server.sent("PASV") == []


@pytest.mark.parametrize(
    "answer",
    [
        "229 Extended (|||0|)",
        "229 Extended (|||65536|)",
        "229 Extended (|||123456|)",
        "229 Extended (|||-1|)",
        "229 Extended (||5|)",
        "229 Extended",
        "200 (|||5|)",
    ],
)
def test_what_is_no_port_of_epsv_is_an_error(logged_in, answer):
    with (
        FTPServer(answers={"EPSV": answer}) as server,
        pytest.raises(ftplib.error_proto, match=re.escape(answer)),
    ):
        retrieved(logged_in(server), "hello.txt")


@pytest.mark.parametrize(
    "answer",
    [
        "227 Passive (127,0,0,1,0,0)",
        "227 Passive (127,0,0,1,256,1)",
        "227 Passive (127,0,0,1,1,256)",
        "227 Passive (127,0,0,1,1000,1)",
        "227 Passive (127,0,0,1,1)",
        "227 Passive",
        "200 (127,0,0,1,1,1)",
    ],
)
def test_what_is_no_port_of_pasv_is_an_error(logged_in, answer):
    with (
        FTPServer(answers={"EPSV": "500 No.", "PASV": answer}) as server,
        pytest.raises(ftplib.error_proto, match=re.escape(answer)),
    ):
        retrieved(logged_in(server), "hello.txt")


@pytest.mark.parametrize(
    "answer", ["229 ok (!!!{}!)", "229-Here\r\n229 ok (|||{}|).", "227 =127,0,0,1,{}", "227 {}"]
)
def test_ports_are_found_in_any_wording(logged_in, answer):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        pair = f"{port // 256},{port % 256}"
        wanted = port if answer.startswith("229") else pair
        if answer == "227 {}":
            wanted = f"1.2 (255,255,255,255,{pair})"
        said = answer.format(wanted)
        answers = {"EPSV": said if said.startswith("229") else "501 No.", "PASV": said}
        with FTPServer(answers=answers) as server:
            assert logged_in(server).makepasv() == ("127.0.0.1", port)


@given(
    st.sampled_from([_extended_port, _passive_port]),
    st.sampled_from(["229 ", "227 ", ""]),
    st.text(alphabet="0123456789,|()!\n x", max_size=40),
)
def test_an_answer_has_a_port_or_is_an_error(find, code, rest):
    try:
        port = find(code + rest)
    except ftplib.error_proto:
        return
    assert 0 < port < 65536
    assert code == ("229 " if find is _extended_port else "227 ") or not code


def test_a_server_that_is_gone_has_no_port(connected):
    pause = Pause()
    with ScriptedServer([[Send(b"220 Hi\r\n"), pause, Reset()]]) as server:
        client = connected(server)
        pause.resume.set()
        client._control.wait_for_input(PATIENCE)
        with pytest.raises(errors.ConnectionBroken, match="the connection broke"):
            client.makepasv()


def test_a_port_where_nobody_waits_is_an_error(logged_in):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        FTPServer(answers={"EPSV": f"229 Here (|||{port}|)"}) as server,
        pytest.raises(errors.ConnectFailed),
    ):
        retrieved(logged_in(server), "hello.txt")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("150 Opening BINARY mode (15 bytes).", 15),
        ("150 Opening (odd) name (15 Bytes)", 15),
        ("150-Listen!\r\n150 Opening (15 bytes).", 15),
        ("150 Opening.", None),
        ("150 (" + "9" * 5000 + " bytes)", None),
        ("125 Already open (15 bytes)", None),
        ("200 Fine.\r\n150 Opening (15 bytes)", 15),
    ],
)
def test_the_size_may_stand_in_the_text_at_the_beginning(logged_in, text, size):
    with FTPServer(answers={"150": text}) as server:
        conn, told = logged_in(server).ntransfercmd("RETR hello.txt")
        with conn:
            assert conn.recv(100) == FILES["/hello.txt"]
    assert told == size


def test_a_transfer_that_ends_before_it_begins_is_none(logged_in):
    with (
        FTPServer(answers={"RETR": "350 And then?"}) as server,
        pytest.raises(ftplib.error_reply, match="350"),
    ):
        retrieved(logged_in(server), "hello.txt")


# --- how long, and from where


def test_a_reply_may_take_so_long_as_a_whole(connected):
    with (
        ScriptedServer([[Send(b"220-a\r\n"), Drain()]]) as server,
        pytest.raises(errors.ReadTimedOut, match="timed out"),
    ):
        connected(server, timeout=HASTY)


def test_a_deadline_bounds_everything(connected):
    with FTPServer(answers={"NOOP": SILENCE}) as server:
        client = connected(server, timeout=Timeout(None, None, PATIENCE))
        client.deadline = Deadline(SOON)
        with pytest.raises(errors.TotalTimedOut, match="timed out"):
            client.voidcmd("NOOP")


def test_it_dials_as_it_is_told_to(connected):
    forbidding = FTPSettings(options=DialOptions(allow_address=lambda address: False))
    with FTPServer() as server, pytest.raises(errors.ConnectFailed, match="not allowed"):
        connected(server, forbidding)
    assert server.connections == []


# --- TLS


def test_both_connections_are_secured_and_are_one_session(logged_in, certificates, trusting):
    with FTPServer(tls=certificates.good.server_context()) as server:
        client = logged_in(server, trusting, host="localhost")
        assert isinstance(client.sock, ssl.SSLSocket)
        for _ in range(2):
            assert retrieved(client, "hello.txt") == FILES["/hello.txt"]
        client.close()
    assert server.commands[:5] == [
        "AUTH TLS",
        "USER anonymous",
        "PASS anonymous@",
        "PBSZ 0",
        "PROT P",
    ]
    assert server.resumed == [True, True]


def test_tls_may_begin_with_the_connection(certificates, trusting):
    with FTPServer(tls=certificates.good.server_context(), implicit=True) as server:
        client = FTPClient(trusting.replace(implicit_port=server.port), PATIENT)
        client.connect("localhost", server.port)
        client.login()
        assert retrieved(client, "hello.txt") == FILES["/hello.txt"]
        client.close()
    assert server.sent("AUTH") == []
    assert server.resumed == [True]


def test_the_server_is_told_that_this_is_ftp(logged_in, certificates, trusting):
    context = certificates.good.server_context()
    context.set_alpn_protocols(["http/1.1", "ftp"])
    with FTPServer(tls=context) as server:
        logged_in(server, trusting, host="localhost").close()
    assert server.protocols == ["ftp"]


def test_a_context_of_the_callers_is_used_as_it_is(logged_in, certificates):
    context = certificates.client_context()
    settings = FTPSettings(TLSSettings(context=context))
    with FTPServer(tls=certificates.good.server_context()) as server:
        client = logged_in(server, settings, host="localhost")
        assert client.sock.context is context
        client.close()
    assert server.protocols == [None]


@pytest.mark.parametrize(
    ("name", "words"),
    [("unknown_issuer", "unknown issuer"), ("wrong_name", "not for localhost")],
)
def test_a_certificate_that_can_not_be_trusted_ends_it(
    connected, certificates, trusting, name, words
):
    with (
        FTPServer(tls=getattr(certificates, name).server_context()) as server,
        pytest.raises(errors.TLSFailed, match=words),
    ):
        connected(server, trusting, host="localhost")
    assert server.commands == ["AUTH TLS"]


def test_a_server_that_refuses_tls_gets_no_password(connected, trusting):
    with FTPServer() as server, pytest.raises(ftplib.error_perm, match="502"):
        connected(server, trusting).login("joe", "secret")
    assert server.commands == ["AUTH TLS"]


def test_a_server_that_refuses_to_secure_the_data_gets_no_further(
    connected, certificates, trusting
):
    tls = certificates.good.server_context()
    with FTPServer(tls=tls, answers={"PROT": "534 In the clear, please."}) as server:
        client = connected(server, trusting, host="localhost")
        with pytest.raises(ftplib.error_perm, match="534"):
            client.login()
        client.close()


def test_bytes_that_came_before_tls_are_not_read_as_part_of_it(connected, trusting):
    script = [Send(b"220 Hi\r\n"), ExpectUntil(b"\r\n"), Send(b"234 Go\r\n230 Sure\r\n"), Drain()]
    with (
        ScriptedServer([script]) as server,
        pytest.raises(errors.TLSFailed, match="10 bytes came in the clear before TLS began"),
    ):
        connected(server, trusting)


def test_data_in_the_clear_are_not_taken_for_tls(logged_in, certificates, trusting):
    tls = certificates.good.server_context()
    with FTPServer(tls=tls, answers={"PROT": "200 Sure, sure."}) as server:
        client = logged_in(server, trusting, host="localhost")
        with pytest.raises(errors.TLSFailed, match="no TLS"):
            client.ntransfercmd("RETR hello.txt")
        client.close()


def test_a_handshake_on_the_data_connection_may_take_so_long(logged_in, certificates, trusting):
    tls, answers = certificates.good.server_context(), {"PROT": "200 Sure, sure."}
    with FTPServer(tls=tls, answers=answers, cut=0, data_end="stay") as server:
        client = logged_in(server, trusting, host="localhost")
        client.phases = Timeout(10 * SOON, PATIENCE)
        with pytest.raises(errors.ConnectTimedOut, match="timed out in the TLS handshake"):
            client.ntransfercmd("RETR hello.txt")
        client.close()


def test_a_server_that_hangs_up_is_an_error(logged_in):
    with (
        FTPServer(answers={"RETR": HANG_UP}) as server,
        pytest.raises(errors.RemoteDisconnected),
    ):
        retrieved(logged_in(server), "hello.txt")
