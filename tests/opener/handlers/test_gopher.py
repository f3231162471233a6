"""GopherHandler: gopher against servers on loopback, and what must not be smuggled through it."""

import socket
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.client import InvalidURL

import pytest
from support.line_servers import gopher_server
from support.peers import drip
from support.servers import ScriptedServer
from support.steps import Drain, ExpectUntil, Pause, Reset, Send, SendSplit

from mini_http import (
    DialOptions,
    HTTPHandler,
    Limits,
    OpenerDirector,
    Pool,
    Request,
    Timeout,
    build_opener,
    urlopen,
)
from mini_http.base import errors
from mini_http.codec.gopher_menu import gopher_menu
from mini_http.opener.handlers.gopher import GopherHandler

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

ASK = ExpectUntil(b"\r\n")


def opener_with(handler):
    opener = OpenerDirector()
    opener.add_handler(handler)
    return opener


def url_of(server, item):
    host, port = server.address
    return f"gopher://{host}:{port}{item}"


@contextmanager
def replied(item, *steps, timeout=None, **settings):
    """The reply for `item` of a server that takes these steps and closes."""
    with (
        ScriptedServer([[ASK, *steps]]) as server,
        opener_with(GopherHandler(**settings)).open(url_of(server, item), None, timeout) as reply,
    ):
        yield reply


def fetched(item, sent, **settings):
    """What is read from `item` of a server that sends `sent` and closes."""
    with replied(item, Send(sent), **settings) as reply:
        return reply.read()


def asked(item):
    """The line that is sent for `item`."""
    with ScriptedServer([[ASK, Send(b".\r\n")]]) as server:
        opener_with(GopherHandler()).open(url_of(server, item)).close()
    [connection] = server.connections
    return bytes(connection.received)


# --- items


def test_a_menu_is_fetched_and_leads_on():
    with gopher_server() as server:
        opener = opener_with(GopherHandler())
        with opener.open(url_of(server, "")) as reply:
            assert reply.url == url_of(server, "")
            assert reply.headers["Content-type"] == "application/gopher-menu"
            assert reply.status is None
            info, about, more = gopher_menu(reply)
        assert (info.display, info.url) == ("Welcome", None)
        assert (about.kind, about.display, about.selector) == ("0", "About this place", "/about")
        with opener.open(url_of(server, f"/{about.kind}{about.selector}")) as reply:
            assert reply.headers["Content-type"] == "text/plain"
            assert list(reply) == [b"A gopher hole.\r\n", b".dotted line\r\n", b"The end.\r\n"]
        assert more.url == "gopher://localhost/1/more"


def test_what_is_not_there_is_a_menu_with_an_error():
    with gopher_server() as server:
        [item] = gopher_menu(opener_with(GopherHandler()).open(url_of(server, "/1/nowhere")))
    assert (item.kind, item.display) == ("3", "Nothing here: /nowhere")


@pytest.mark.parametrize(
    ("item", "line"),
    [
        ("", b""),
        ("/", b""),
        ("/1", b""),
        ("/0/about", b"/about"),
        ("/0Stuff:About us", b"Stuff:About us"),
        ("/00", b"0"),
        ("/1//a/../b", b"//a/../b"),
        ("/0/%C3%BC", b"/\xc3\xbc"),
        ("/0/ü", b"/\xc3\xbc"),
        ("/0/%FF%80", b"/\xff\x80"),
        ("/0100%", b"100%"),
        ("/0/a?b?c", b"/a?b?c"),
        ("/0/a%3Fb", b"/a?b"),
        ("/0/a#b", b"/a"),
        ("/7/find?two%20words", b"/find\ttwo words"),
        ("/7/find?a+b", b"/find\ta+b"),
        ("/7/find%09two%20words", b"/find\ttwo words"),
        ("/7/find?", b"/find\t"),
        ("/7/a%3Fb?c", b"/a?b\tc"),
        ("/1/cgi%09words", b"/cgi\twords"),
        ("/%30/about", b"/about"),
    ],
)
def test_the_selector_is_sent(item, line):
    assert asked(item) == line + b"\r\n"


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ("/0/a.html", "text/plain"),
        ("/7/find", "application/gopher-menu"),
        ("/4/a", "application/mac-binhex40"),
        ("/6/a", "text/x-uuencode"),
        ("/9/a.pdf", "application/pdf"),
        ("/9/a", "application/octet-stream"),
        ("/5/a.zip", "application/zip"),
        ("/g/a", "image/gif"),
        ("/I/a.png", "image/png"),
        ("/s/a.mp3", "audio/mpeg"),
        ("/h/a", "text/html"),
        ("/x/a", "application/octet-stream"),
        ("/x/%FF.png", "image/png"),
        ("/9//[a.png", "image/png"),
    ],
)
def test_the_content_type_is_that_of_the_item(item, kind):
    with replied(item) as reply:
        assert reply.headers.get_content_type() == kind


@pytest.mark.parametrize("kind", ["2", "3", "8", "+", "T", "i"])
def test_what_is_not_fetched_by_gopher_is_refused(kind):
    with pytest.raises(errors.InvalidURL, match="can't be fetched by gopher"):
        opener_with(GopherHandler()).open(f"gopher://127.0.0.1:1/{kind}/a")


def test_a_host_is_wanted():
    with pytest.raises(errors.InvalidURL, match="no host"):
        opener_with(GopherHandler()).open("gopher:/0/a")


# --- what is read


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (b".\r\n", b""),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"a\nb\n.\n", b"a\nb\n"),
        (b"\r\n\r\n.\r\n", b"\r\n\r\n"),
        (b"..\r\n...\r\n..a\r\n.\r\n", b".\r\n..\r\n.a\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"a.\r\n. \r\n.\r\n", b"a.\r\n \r\n"),
        (b"a\r\n.\r\nb\r\n", b"a\r\n"),
        (b"\xff\0\r\n.\r\n", b"\xff\0\r\n"),
    ],
)
def test_text_ends_with_a_dot_and_has_the_others_taken_off(sent, text):
    assert fetched("/0", sent) == fetched("/1", sent) == text


def test_text_is_the_same_however_it_comes():
    sent, text = b"one\r\n..two\r\n\r\n.\r\n", b"one\r\n.two\r\n\r\n"
    opener = opener_with(GopherHandler())
    splits = [[sent[:at], sent[at:]] for at in range(1, len(sent))] + [[b"%c" % c for c in sent]]
    with ScriptedServer([[ASK, SendSplit(pieces)] for pieces in splits]) as server:
        for _ in splits:
            with opener.open(url_of(server, "/0")) as reply:
                assert reply.read() == text


def test_bytes_end_with_the_connection():
    sent = b"..\r\n.\r\nrest" + bytes(range(256)) * 1000
    assert fetched("/9", sent) == sent


def test_it_is_read_as_a_file():
    sent = b"one\r\ntwo\r\n" + b"x" * 60_000 + b"\r\n.\r\n"
    with replied("/0", Send(sent)) as reply:
        assert reply.readable()
        assert reply.readline() == b"one\r\n"
        assert reply.read(2) == b"tw"
        target = bytearray(60_010)
        assert reply.readinto(target) == 60_005
        assert target.startswith(b"o\r\nxxx")
        assert reply.read() == b""


def test_a_line_may_be_read_in_pieces():
    with replied("/0", Send(b"one\r\n.\r\n")) as reply:
        assert list(iter(lambda: reply.read1(2), b"")) == [b"on", b"e\r", b"\n"]


def test_lines_come_before_the_text_has_ended():
    with replied("/0", Send(b"one\r\n"), Drain()) as reply:
        assert reply.readline() == b"one\r\n"
        assert not reply.closed


@pytest.mark.parametrize("sent", [b"", b"a\r\n", b"a\r\nb", b"a\r\n.", b"a\r\n.\r"])
def test_text_that_is_cut_off_is_an_error(sent):
    with pytest.raises(errors.IncompleteRead):
        fetched("/0", sent)


def test_what_came_before_the_cut_is_told_and_what_failed_fails_again():
    with replied("/0", Send(b"a\r\n..b\r\nc")) as reply:
        with pytest.raises(errors.IncompleteRead) as caught:
            reply.read()
        assert caught.value.partial == b"a\r\n.b\r\n"
        for read in (reply.read, reply.readline, reply.readlines):
            with pytest.raises(errors.IncompleteRead):
                read()


def test_lines_before_the_cut_can_be_read():
    with replied("/0", Send(b"a\r\nb\r\n")) as reply:
        assert [reply.readline(), reply.readline()] == [b"a\r\n", b"b\r\n"]
        with pytest.raises(errors.IncompleteRead):
            reply.readline()


@pytest.mark.parametrize(
    ("sent", "text"),
    [(b"", b""), (b"a\r\n", b"a\r\n"), (b"a\r\nb", b"a\r\nb"), (b"a\r\n.", b"a\r\n")],
)
def test_text_may_end_without_a_dot_for_who_says_so(sent, text):
    assert fetched("/0", sent, lenient=True) == text
    assert fetched("/0", b"a\r\n.\r\nb", lenient=True) == b"a\r\n"


def test_a_connection_that_breaks_is_an_error_for_all():
    with replied("/0", Send(b"a\r\nb"), Reset(), lenient=True) as reply:
        for _ in range(2):
            with pytest.raises(errors.MiniHTTPError):
                reply.read()


def test_a_line_has_a_limit():
    assert fetched("/0", b"x" * 98 + b"\r\n.\r\n", limits=Limits(line_bytes=100))[:98] == b"x" * 98
    with pytest.raises(errors.LimitExceeded, match="more than 100 bytes in a line"):
        fetched("/0", b"x" * 99 + b"\r\n.\r\n", limits=Limits(line_bytes=100))
    assert fetched("/9", b"x" * 200, limits=Limits(line_bytes=100)) == b"x" * 200


def test_the_connection_is_closed_with_the_reply():
    with ScriptedServer([[ASK, Drain()]]) as server:
        opener_with(GopherHandler()).open(url_of(server, "/0")).close()
    assert server.connections[0].received == b"\r\n"


def test_a_reply_that_nobody_closes_leaves_nothing_open():
    with ScriptedServer([[ASK, Drain()]]) as server:
        assert opener_with(GopherHandler()).open(url_of(server, "/9"))


# --- time


def test_each_wait_has_a_limit():
    silent = replied("/0", Drain(), timeout=Timeout(read=0.02))
    with silent as reply, pytest.raises(errors.ReadTimedOut):
        reply.read()


def test_all_of_it_has_a_limit():
    slow = replied("/9", drip, timeout=Timeout(total=0.1))
    with slow as reply, pytest.raises(errors.TotalTimedOut):
        reply.read()


def test_a_server_that_takes_no_selector_is_not_waited_for_long():
    little = DialOptions(socket_options=((socket.SOL_SOCKET, socket.SO_SNDBUF, 4096),))
    opener = opener_with(GopherHandler(options=little))
    with ScriptedServer([[Pause()]]) as server, pytest.raises(errors.WriteTimedOut):
        opener.open(url_of(server, "/0" + "x" * 2_000_000), timeout=Timeout(read=0.02))


def test_nobody_listens():
    with pytest.raises(errors.ConnectFailed):
        opener_with(GopherHandler()).open("gopher://127.0.0.1:1/0")


# --- what must not be smuggled through it


@pytest.mark.parametrize(
    "selector",
    [
        "/0a%0D%0Ab",
        "/0a%0Ab",
        "/0a%0Db",
        "/0a%00b",
        "/0a%7Fb",
        "/0a%1Bb",
        "/0a%09b%09c",
        "/7a%09b?c",
        "/7a?b%0Ac",
        "/7a?b%09c",
        "/%0Aa",
        "/0a?b%0d",
    ],
)
def test_control_characters_are_refused(selector):
    with pytest.raises(errors.InvalidURL, match="control characters") as caught:
        opener_with(GopherHandler()).open(f"gopher://127.0.0.1:1{selector}")
    assert isinstance(caught.value, (ValueError, urllib.error.URLError, InvalidURL))


def test_no_redirect_leads_to_gopher():
    with Pool() as pool, ScriptedServer([]) as gopher:
        location = url_of(gopher, "/0/a")
        head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        with ScriptedServer([head.encode()]) as server:
            opener = build_opener(GopherHandler, HTTPHandler(pool=pool))
            with pytest.raises(errors.RedirectRefused) as caught:
                opener.open(server.url)
            caught.value.close()
    assert gopher.connections == []


def test_who_did_not_ask_for_gopher_has_none():
    with pytest.raises(urllib.error.URLError, match="unknown url type: gopher"):
        urlopen("gopher://127.0.0.1:1/0")


def test_addresses_can_be_forbidden():
    options = DialOptions(allow_address=lambda address: not address.startswith("127."))
    with pytest.raises(errors.ConnectFailed, match="not allowed"):
        opener_with(GopherHandler(options=options)).open("gopher://127.0.0.1:1/0")


# --- with urllib's


def test_it_works_in_an_opener_of_urllib():
    with gopher_server() as server:
        opener = urllib.request.build_opener(GopherHandler)
        with opener.open(url_of(server, "/0/about")) as reply:
            assert reply.readline() == b"A gopher hole.\r\n"


def test_requests_of_both_are_opened():
    with gopher_server() as server:
        url = url_of(server, "/0/about")
        for request in (Request(url), urllib.request.Request(url)):
            with GopherHandler().gopher_open(request) as reply:
                assert reply.readline() == b"A gopher hole.\r\n"
