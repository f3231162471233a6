"""The line and one-packet protocols of docs/extending.md against servers on loopback."""

import itertools
import socket
from contextlib import closing

import pytest
from support.documents import example_under
from support.extending import DOCUMENT, shown
from support.line_servers import (
    GOPHER_FILES,
    NOON,
    QuoteServer,
    daytime_server,
    echo_server,
    gopher_server,
)
from support.pop3_server import pop3_server
from support.servers import ScriptedServer
from support.ssdp_server import Devices
from support.steps import ExpectUntil, Send
from support.waits import PATIENCE, SOON

from mini_http import TLSSettings
from mini_http.base import errors

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


@pytest.mark.parametrize("heading", ["Daytime", "Echo", "Gopher", "Quote of the day"])
def test_the_oldest_protocols_take_under_fifteen_lines(heading):
    assert example_under(DOCUMENT, heading).length < 15


# --- daytime, echo, gopher


def test_daytime():
    with daytime_server() as server:
        assert shown("Daytime").daytime(*server.address) == NOON.decode()


def test_daytime_from_a_server_that_says_nothing():
    with ScriptedServer([[]]) as server, pytest.raises(errors.RemoteDisconnected):
        shown("Daytime").daytime(*server.address)


@pytest.mark.parametrize("words", [["hello"], ["", "Grüße", "x" * 60_000]])
def test_echo(words):
    with echo_server() as server, shown("Echo").EchoClient(*server.address) as client:
        assert [client.echo(word) for word in words] == words
    received = "".join(f"{word}\r\n" for word in words).encode()
    assert server.connections[0].received == received


@pytest.mark.parametrize("selector", ["", "/about", "/more"])
def test_gopher(selector):
    sent = GOPHER_FILES[selector.encode()].decode()
    lines = [line.removeprefix(".") for line in sent.splitlines()]
    with gopher_server() as server:
        host, port = server.address
        assert shown("Gopher").gopher(host, selector, port) == lines


def test_gopher_for_what_is_not_there():
    with gopher_server() as server:
        host, port = server.address
        [line] = shown("Gopher").gopher(host, "/nowhere", port)
    assert line.startswith("3Nothing here: /nowhere")
    assert server.connections[0].received == b"/nowhere\r\n"


def test_a_gopher_document_that_is_cut_off_is_an_error():
    script = [ExpectUntil(b"\r\n"), Send(b"one line\r\n")]
    with ScriptedServer([script]) as server, pytest.raises(errors.RemoteDisconnected):
        host, port = server.address
        shown("Gopher").gopher(host, "/", port)


def test_a_selector_can_not_smuggle_in_another():
    with ScriptedServer([[]]) as server, pytest.raises(errors.InvalidField):
        host, port = server.address
        shown("Gopher").gopher(host, "/one\r\n/two", port)


# --- POP3

MESSAGES = [
    b"Subject: Hello\r\n\r\nHi.\r\n",
    b"Subject: Dots\r\n\r\n.\r\n..\r\n.profile\r\n\r\nend\r\n",
    b"Subject: Long\r\n\r\n" + b"The same line again.\r\n" * 10_000,
]


@pytest.fixture
def tls(certificates):
    """Trusts the authority of this test run."""
    return TLSSettings(ca_file=str(certificates.ca_file))


def test_mail_is_listed_and_fetched(certificates, tls):
    with (
        pop3_server(certificates.good.server_context(), MESSAGES) as server,
        shown("POP3").POP3Client(*server.address) as mail,
    ):
        mail.login("localhost", "me", "secret", tls)
        sizes = mail.sizes()
        assert sizes == {number: len(message) for number, message in enumerate(MESSAGES, 1)}
        assert [mail.message(number) for number in sizes] == MESSAGES
        with pytest.raises(OSError, match="-ERR no such thing"):
            mail.message(4)
        assert mail.message(1) == MESSAGES[0]
    [connection] = server.connections
    assert connection.received.startswith(b"STLS\r\nUSER me\r\nPASS secret\r\nLIST\r\nRETR 1\r\n")


def test_a_wrong_password_is_refused_and_not_shown(certificates, tls):
    with (
        pop3_server(certificates.good.server_context()) as server,
        shown("POP3").POP3Client(*server.address) as mail,
        pytest.raises(OSError, match="-ERR that is not it") as caught,
    ):
        mail.login("localhost", "me", "guess", tls)
    assert "guess" not in str(caught.value)


def test_no_password_is_sent_to_a_server_with_a_certificate_for_another_name(certificates, tls):
    with (
        pop3_server(certificates.wrong_name.server_context()) as server,
        shown("POP3").POP3Client(*server.address) as mail,
        pytest.raises(errors.TLSFailed, match=r"is for elsewhere\.example"),
    ):
        mail.login("localhost", "me", "secret", tls)
    assert server.connections[0].received == b"STLS\r\n"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"-ERR no TLS here\r\n", OSError),
        (b"+OK\r\n+OK and more\r\n", errors.TLSFailed),
        (b"", errors.RemoteDisconnected),
    ],
    ids=["refused", "followed by more", "missing"],
)
def test_no_password_is_sent_in_the_clear(answer, error, tls):
    script = [Send(b"+OK hello\r\n"), ExpectUntil(b"\r\n"), Send(answer)]
    with (
        ScriptedServer([script]) as server,
        shown("POP3").POP3Client(*server.address) as mail,
        pytest.raises(error),
    ):
        mail.login("localhost", "me", "secret", tls)
    assert b"secret" not in server.connections[0].received


@pytest.mark.parametrize("line", [b"and so on\r\n", b"\r\n"], ids=["text", "empty lines"])
def test_mail_without_end_is_bounded(line):
    def without_end(connection):
        connection.read_until(b"\r\n")
        connection.send(b"+OK\r\n")
        while True:
            connection.send(line * 1000)

    with (
        ScriptedServer(handler=without_end) as server,
        shown("POP3").POP3Client(*server.address) as mail,
    ):
        mail.longest_answer = 100_000
        with pytest.raises(errors.LimitExceeded, match="more than 100000 bytes in an answer"):
            mail.message(1)
        assert mail.closed


@pytest.mark.parametrize(
    ("sent", "error"),
    [(b"one line\r\n", errors.RemoteDisconnected), (b"half a li", errors.IncompleteRead)],
)
def test_mail_that_is_cut_off_is_an_error(sent, error):
    script = [ExpectUntil(b"\r\n"), Send(b"+OK\r\n" + sent)]
    with (
        ScriptedServer([script]) as server,
        shown("POP3").POP3Client(*server.address) as mail,
        pytest.raises(error),
    ):
        mail.message(1)


# --- quote of the day


def test_quote_of_the_day():
    with QuoteServer() as server:
        quote = shown("Quote of the day").quote_of_the_day(*server.address)
        assert quote == server.quote.decode()
    assert server.asked == [b""]


def test_a_quote_that_does_not_come_is_not_waited_for_long():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        with pytest.raises(errors.ReadTimedOut):
            shown("Quote of the day").quote_of_the_day(*silent.getsockname(), timeout=SOON)


# --- SSDP

LAMPS_AND_DOOR = {"urn:example:lamp": 2, "urn:example:door": 1}


def found(devices, kind, count):
    """The first answers of a search, as hosts and headers."""
    with closing(shown("SSDP").search(kind, *devices.address, timeout=PATIENCE)) as answers:
        return list(itertools.islice(answers, count))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("urn:example:lamp", ["urn:example:lamp/1", "urn:example:lamp/2"]),
        ("urn:example:door", ["urn:example:door/1"]),
        ("ssdp:all", ["urn:example:lamp/1", "urn:example:lamp/2", "urn:example:door/1"]),
    ],
)
def test_devices_are_found_by_kind(kind, names):
    with Devices(LAMPS_AND_DOOR) as devices:
        answers = found(devices, kind, len(names))
        asked_at = b"\r\nHost: 127.0.0.1:%d\r\n" % devices.address[1]
    places = [f"http://127.0.0.1/{name}.xml" for name in names]
    assert [(host, headers["Location"]) for host, headers in answers] == [
        ("127.0.0.1", place) for place in places
    ]
    [asked] = devices.asked
    assert asked_at in asked


def test_packets_that_are_no_answers_are_passed_over():
    noise = (
        b"",
        b"\x00\xff" * 700,
        b"HTTP/1.1 200 OK\r\nLOCATION: cut",
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\n\r\n",
    )
    with Devices({"urn:example:door": 1}, noise) as devices:
        [(_, headers)] = found(devices, "ssdp:all", 1)
    assert headers["st"] == "urn:example:door"


def test_a_search_ends_when_its_time_is_over():
    with Devices(LAMPS_AND_DOOR) as devices:
        search = shown("SSDP").search("urn:example:window", *devices.address, timeout=SOON)
        assert list(search) == []


def test_a_search_can_not_smuggle_in_a_field():
    with Devices(LAMPS_AND_DOOR) as devices, pytest.raises(errors.InvalidField):
        list(shown("SSDP").search("all\r\nMX: 120", *devices.address))
    assert devices.asked == []
