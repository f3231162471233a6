"""docs/extending.md as a whole, and its examples that speak HTTP, against servers on loopback.

Its line and one-packet protocols are tested in test_line_protocols, WebDAV in test_webdav.
"""

import io
import re
import socket
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from support.caches import SquidCache
from support.documents import examples
from support.extending import DOCUMENT, shown
from support.proxies import find_program
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.signature_server import SignatureServer
from support.steps import Close, Expect, Send
from support.websocket_server import TEXT, frame, websocket_server

from mini_http import HTTPClient, SimpleClient
from mini_http.base import errors
from mini_http.base.commands import COMMANDS
from mini_http.keepalive.pool import shared_pool

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"


# --- the page


@pytest.mark.parametrize("example", examples(DOCUMENT), ids=lambda example: example.heading)
def test_an_example_is_shorter_than_forty_lines(example):
    assert len(example.code.splitlines()) < 40


def test_every_example_is_run_by_a_test():
    headings = [example.heading for example in examples(DOCUMENT)]
    modules = Path(__file__).parent.glob("test_*.py")
    run = [re.findall(r'\bshown\("([^"]+)"\)', module.read_text()) for module in modules]
    assert len(set(headings)) == len(headings)
    assert set(headings) == set().union(*run)


def test_the_list_at_the_top_names_every_example():
    page = Path(__file__).parents[2].joinpath(DOCUMENT).read_text()
    contents = page.partition("\n## ")[0]
    titles = re.findall(r"^##+ (.+)", page, re.MULTILINE)
    assert re.findall(r"\[([^]]+)\]\(#", contents) == titles
    anchors = [title.lower().replace(" ", "-") for title in titles]
    assert re.findall(r"\(#([^)]+)\)", contents) == anchors


# --- PURGE


@pytest.mark.integration
def test_a_cache_forgets_what_is_purged():
    if find_program("squid") is None:
        pytest.skip("squid is not installed (Debian: apt-get install squid)")

    fresh = f"Date: {formatdate(usegmt=True)}\r\nCache-Control: max-age=600"
    page = OK.replace(b"\r\n", b"\r\n%s\r\n" % fresh.encode(), 1)

    def serve(connection):
        while True:
            connection.read_request()
            connection.send(page)

    with (
        ScriptedServer(handler=serve) as origin,
        SquidCache(origin.port) as cache,
        shown("PURGE").CacheClient(cache.address) as client,
    ):
        assert not client.has("/page")
        for _ in range(2):
            assert client.get("/page")[0] == 200
            assert client.getbody() == b"ok"
        assert client.has("/page")
        assert len(origin.requests) == 1
        assert client.purge("/page") is True
        assert not client.has("/page")
        assert client.purge("/page") is False
        assert client.get("/page")[0] == 200
        assert len(origin.requests) == 2


@pytest.mark.parametrize(("status", "had_it"), [(b"200 OK", True), (b"404 Not Found", False)])
def test_purge_says_whether_there_was_something_to_forget(status, had_it):
    reply = b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status
    with (
        ScriptedServer([reply]) as server,
        shown("PURGE").CacheClient(server.authority) as client,
    ):
        assert client.purge("/page") is had_it
    assert server.requests[0].startswith(b"PURGE /page HTTP/1.1\r\n")


def test_a_cache_that_may_not_be_purged_is_an_error(nginx):
    client = shown("PURGE").CacheClient(nginx.http.removeprefix("http://"))
    with client, pytest.raises(PermissionError, match="PURGE /1k: 405 Not Allowed"):
        client.purge("/1k")


# --- retrying


@pytest.fixture
def retrying():
    """A RetryingClient for an authority, the seconds that it slept in its list `slept`."""
    made = []

    def make(authority):
        client = shown("Retrying").RetryingClient(authority)
        client.slept = []
        client.sleep = client.slept.append
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


def test_a_busy_server_is_asked_again_with_longer_waits(retrying):
    with ScriptedServer([[BUSY, BUSY, BUSY, OK]]) as server:
        client = retrying(server.authority)
        assert client.get("/")[0] == 200
        assert client.getbody() == b"ok"
    assert client.slept == [0.5, 1, 2]
    assert len(set(server.requests)) == 1


def test_a_server_that_stays_busy_is_not_asked_for_ever(nginx, retrying):
    client = retrying(nginx.http.removeprefix("http://"))
    assert client.get("/status/503?for-ever")[0] == 503
    assert client.getbody() == b"503\n"
    assert client.slept == [0.5, 1, 2, 4]
    assert [entry.target for entry in nginx.log()].count("/status/503?for-ever") == 5


@pytest.mark.parametrize(
    "script",
    [
        [Expect(), Close()],
        [Expect(), Send(OK[:20])],
        [OK[:20], Close()],
    ],
    ids=["no reply", "half a head", "half a status line"],
)
def test_a_reply_that_does_not_come_is_asked_for_again(script, retrying):
    with ScriptedServer([script, OK]) as server:
        client = retrying(server.authority)
        assert client.get("/")[0] == 200
    assert client.slept == [0.5]
    assert len(server.requests) == 2


def test_a_server_that_does_not_listen_is_an_error_in_the_end(retrying):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    client = retrying(f"127.0.0.1:{port}")
    with pytest.raises(errors.ConnectFailed):
        client.get("/")
    assert client.slept == [0.5, 1, 2, 4]


def asking_for(wait):
    """A busy server's reply, with Retry-After."""
    return BUSY.replace(b"\r\n", b"\r\nRetry-After: %s\r\n" % wait.encode("latin-1"), 1)


@pytest.mark.parametrize(
    ("asked", "waited"),
    [("7", 7), ("0", 0), ("30", 30), ("Mon, 01 Jan 2001 00:00:00 GMT", 0)],
)
def test_the_server_says_how_long_to_wait(asked, waited, retrying):
    with ScriptedServer([[asking_for(asked), OK]]) as server:
        client = retrying(server.authority)
        assert client.get("/")[0] == 200
    assert client.slept == [waited]


def test_the_server_says_until_when_to_wait(retrying):
    soon = formatdate(time.time() + 20, usegmt=True)
    with ScriptedServer([[asking_for(soon), OK]]) as server:
        client = retrying(server.authority)
        assert client.get("/")[0] == 200
    [waited] = client.slept
    assert 0 < waited <= 20


@pytest.mark.parametrize(
    "asked",
    [
        "soon",
        "-5",
        "1.5",
        "\xb2",
        "9" * 5000,
        "Mon, 99 Jan 2001 00:00:00 GMT",
        f"Mon, 01 Jan 2001 00:00:00 +{'9' * 30}",
        f"Mon, {'9' * 30} Jan 2001 00:00:00 GMT",
    ],
)
def test_a_wait_that_makes_no_sense_is_not_the_servers_to_choose(asked, retrying):
    with ScriptedServer([[asking_for(asked), OK]]) as server:
        client = retrying(server.authority)
        assert client.get("/")[0] == 200
    assert client.slept == [0.5]


@pytest.mark.parametrize("asked", ["31", "9" * 30, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_wait_that_is_too_long_is_the_callers_to_decide_about(asked, retrying):
    with ScriptedServer([asking_for(asked)]) as server:
        client = retrying(server.authority)
        assert client.get("/")[0] == 503
        assert client.getbody() == b"busy"
    assert client.slept == []


@pytest.mark.parametrize("name", [row.name for row in COMMANDS if not row.opens_tunnel])
def test_a_command_is_sent_again_if_that_means_the_same(name, retrying):
    is_idempotent = {row.name: row.idempotent for row in COMMANDS}[name]
    busy = BUSY.replace(b"4\r\n\r\nbusy", b"0\r\n\r\n")
    with ScriptedServer([[busy, busy]]) as server:
        client = retrying(server.authority)
        client.waits = (0.5,)
        assert client.httpcmd(name, "/", body=b"x")[0] == 503
    assert client.slept == ([0.5] if is_idempotent else [])


@pytest.mark.parametrize("body", [iter([b"once"]), io.BytesIO(b"once")], ids=["iterator", "file"])
def test_a_body_that_is_used_up_is_sent_once(body, retrying):
    with ScriptedServer([BUSY]) as server:
        client = retrying(server.authority)
        assert client.httpcmd("PUT", "/", body=body)[0] == 503
    assert client.slept == []
    assert b"once" in server.requests[0]


def test_an_error_of_the_caller_is_not_tried_again(retrying):
    with ScriptedServer([b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]) as server:
        client = retrying(server.authority)
        assert client.get("/")[0] == 404
    assert client.slept == []


def test_a_request_that_may_not_be_sent_is_not_tried_again(retrying):
    with ScriptedServer([[]]) as server:
        client = retrying(server.authority)
        with pytest.raises(errors.InvalidField):
            client.get("/\n")
    assert client.slept == []


# --- signing


@pytest.mark.parametrize(
    ("command", "document", "body"),
    [
        ("GET", "/", None),
        ("DELETE", "/orders/7?really=yes", b""),
        ("POST", "/orders", b"3 apples"),
        ("REORDER", "/", bytes(range(256)) * 1000),
    ],
)
def test_a_signed_request_is_taken(command, document, body):
    with (
        SignatureServer(b"key") as server,
        shown("Signing").SigningClient(f"127.0.0.1:{server.port}", b"key") as client,
    ):
        headers = {"X-Signature": "of another request", "X-Other": "kept"}
        assert client.httpcmd(command, document, headers, body)[0] == 200
        assert client.getbody() == b"signed"
        assert headers["X-Signature"] == "of another request"  # the caller's own are left alone
    assert ["X-Other", "kept"] in map(list, server.requests[0]["headers"])


def test_get_and_head_are_signed_too():
    with (
        SignatureServer(b"key") as server,
        shown("Signing").SigningClient(f"127.0.0.1:{server.port}", b"key", timeout=5) as client,
    ):
        assert client.get("/")[0] == 200
        assert client.head("/")[0] == 200
    assert client.timeouts.read == 5


@pytest.mark.parametrize("changed", ["key", "command", "document", "body"])
def test_what_is_changed_on_the_way_is_refused(changed):
    example = shown("Signing")

    class Tampering(HTTPClient):
        """Stands between the signing client and the connection."""

        def httpcmd(self, command, document, headers=None, body=None):
            command = "PUT" if changed == "command" else command
            document = "/orders/8" if changed == "document" else document
            body = b"9 apples" if changed == "body" else body
            return super().httpcmd(command, document, headers, body)

    class Client(example.SigningClient, Tampering):
        pass

    key = b"another key" if changed == "key" else b"key"
    with SignatureServer(b"key") as server, Client(f"127.0.0.1:{server.port}", key) as client:
        assert client.httpcmd("POST", "/orders/7", None, b"3 apples")[0] == 403
        assert client.getbody() == b"not signed"


# --- WebSocket

TEXTS = ["", "hello", "Grüße, 世界", "x" * 125, "y" * 126, "z" * 65535]


def test_a_websocket_echoes():
    example = shown("WebSocket")
    with (
        websocket_server() as server,
        HTTPClient(server.authority) as http,
        example.open_websocket(http, "/chat") as raw,
    ):
        assert http.response.status == 101
        for text in TEXTS:
            example.send_text(raw, text)
            assert example.receive_text(raw) == text
    assert server.requests[0].startswith(b"GET /chat HTTP/1.1\r\n")
    # Masked: no proxy on the way may take what is said for a request (section 10.3).
    assert b"hello" not in server.connections[0].received


def test_what_came_with_the_handshake_is_read_first():
    example = shown("WebSocket")
    with (
        websocket_server(greeting=b"welcome") as server,
        HTTPClient(server.authority) as http,
        example.open_websocket(http, "/chat") as raw,
    ):
        example.send_text(raw, "hello")
        assert [example.receive_text(raw), example.receive_text(raw)] == ["welcome", "hello"]


def test_an_answer_to_another_key_is_refused():
    with (
        websocket_server(answer="s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") as server,
        HTTPClient(server.authority) as http,
        pytest.raises(ConnectionError, match="not one to our key"),
    ):
        shown("WebSocket").open_websocket(http, "/chat")


def test_a_server_that_speaks_no_websocket_is_an_error(nginx):
    with (
        HTTPClient(nginx.http.removeprefix("http://")) as http,
        pytest.raises(errors.UpgradeRefused),
    ):
        shown("WebSocket").open_websocket(http, "/1k")
    assert http.response.status == 200


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (frame(0x8, b"\x03\xe8"), ConnectionError),
        (bytes([0x81, 0x82]) + b"mask" + b"hi", ConnectionError),
        (bytes([0x81, 127]) + (1 << 62).to_bytes(8), ConnectionError),
        (frame(TEXT, b"hello")[:-1], errors.IncompleteRead),
    ],
    ids=["close", "masked", "huge", "cut off"],
)
def test_a_frame_that_is_no_short_text_is_an_error(sent, error):
    with (
        ScriptedServer([[Send(sent)]]) as server,
        SimpleClient(*server.address) as raw,
        pytest.raises(error),
    ):
        shown("WebSocket").receive_text(raw)


# --- a handler


def test_a_handler_changes_every_request():
    opener = shown("A handler").opener
    with EchoServer() as server:
        for number in ("1", "2"):
            opener.open(server.url).read()
            headers = {name.lower(): value for name, value in server.requests[-1]["headers"]}
            assert headers["x-request-number"] == number
    assert "NumberingHandler" in opener.describe()
    shared_pool().close()
