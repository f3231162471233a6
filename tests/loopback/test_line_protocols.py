"""The line protocols of docs/extending.md, as they stand there, against servers on loopback."""

import socket

import pytest
from support.documents import example_under
from support.line_servers import (
    GOPHER_FILES,
    NOON,
    QuoteServer,
    daytime_server,
    echo_server,
    gopher_server,
)
from support.servers import ScriptedServer
from support.steps import ExpectUntil, Send

from mini_http.base import errors

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

DOCUMENT = "docs/extending.md"
LINE_PROTOCOLS = ["Daytime", "Echo", "Gopher", "Quote of the day"]


def shown(heading):
    """What the example under a heading defines."""
    return example_under(DOCUMENT, heading).run()


@pytest.mark.parametrize("heading", LINE_PROTOCOLS)
def test_a_client_is_under_fifteen_lines(heading):
    assert example_under(DOCUMENT, heading).length < 15


def test_daytime():
    with daytime_server() as server:
        assert shown("Daytime")["daytime"](*server.address) == NOON.decode()


def test_daytime_from_a_server_that_says_nothing():
    with ScriptedServer([[]]) as server, pytest.raises(errors.RemoteDisconnected):
        shown("Daytime")["daytime"](*server.address)


@pytest.mark.parametrize("words", [["hello"], ["", "Grüße", "x" * 60_000]])
def test_echo(words):
    with echo_server() as server, shown("Echo")["EchoClient"](*server.address) as client:
        assert [client.echo(word) for word in words] == words
    received = "".join(f"{word}\r\n" for word in words).encode()
    assert server.connections[0].received == received


@pytest.mark.parametrize("selector", ["", "/about", "/more"])
def test_gopher(selector):
    sent = GOPHER_FILES[selector.encode()].decode()
    lines = [line.removeprefix(".") for line in sent.splitlines()]
    with gopher_server() as server:
        host, port = server.address
        assert shown("Gopher")["gopher"](host, selector, port) == lines


def test_gopher_for_what_is_not_there():
    with gopher_server() as server:
        host, port = server.address
        [line] = shown("Gopher")["gopher"](host, "/nowhere", port)
    assert line.startswith("3Nothing here: /nowhere")
    assert server.connections[0].received == b"/nowhere\r\n"


def test_a_gopher_document_that_is_cut_off_is_an_error():
    script = [ExpectUntil(b"\r\n"), Send(b"one line\r\n")]
    with ScriptedServer([script]) as server, pytest.raises(errors.RemoteDisconnected):
        host, port = server.address
        shown("Gopher")["gopher"](host, "/", port)


def test_a_selector_can_not_smuggle_in_another():
    with ScriptedServer([[]]) as server, pytest.raises(errors.InvalidField):
        host, port = server.address
        shown("Gopher")["gopher"](host, "/one\r\n/two", port)


def test_quote_of_the_day():
    with QuoteServer() as server:
        quote = shown("Quote of the day")["quote_of_the_day"](*server.address)
        assert quote == server.quote.decode()
    assert server.asked == [b""]


def test_a_quote_that_does_not_come_is_not_waited_for_long():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        with pytest.raises(errors.ReadTimedOut):
            shown("Quote of the day")["quote_of_the_day"](*silent.getsockname(), timeout=0.02)
