"""SOCKS: what a proxy is sent, byte for byte, and what becomes of its replies."""

import socket
import sys

import pytest
from support.servers import ScriptedServer
from support.steps import Drain, ExpectBytes, Send, SendSplit, StartTLS
from support.streams import ScriptedStream, every_cut, every_split
from support.waits import PATIENCE, SOON

from mini_http.base import errors
from mini_http.base.timeouts import Deadline
from mini_http.connect import socks
from mini_http.connect.simple_client import SimpleClient
from mini_http.connect.socks import lead_by_socks4, lead_by_socks5

HIDDEN = "hunter2"
"""What no message may show."""
GRANTED = b"\x00\x5a\x12\x34\x7f\x00\x00\x01"
NO_PASSWORD, PASSWORD, NOTHING_DOES = b"\x05\x00", b"\x05\x02", b"\x05\xff"
RIGHT, WRONG = b"\x01\x00", b"\x01\x01"
LED_ON = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34"
LED_ON_TO_IPV6 = b"\x05\x00\x00\x04" + bytes(16) + b"\x12\x34"
LED_ON_TO_A_NAME = b"\x05\x00\x00\x03\x04host\x12\x34"

pytestmark = pytest.mark.usefixtures("no_descriptors_leak_from_all_of_this")


@pytest.fixture(scope="module")
def proxied():
    """Makes a client of a proxy that answers with these pieces, and the stream under it."""

    def make(*pieces, end="close"):
        stream = ScriptedStream(pieces, end)
        return SimpleClient.over(stream, timeout=PATIENCE), stream

    return make


def by_4(client, host="127.0.0.1", port=80, user=None, looks_up=False):
    lead_by_socks4(client, host, port, user, looks_up=looks_up)


def by_5(client, host="127.0.0.1", port=80, user=None, password=None, looks_up=False):
    lead_by_socks5(client, host, port, user, password, looks_up=looks_up)


# --- what the proxy is asked

ASKED_4 = {
    "an address": (("127.0.0.1", 80), b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00"),
    "a user": (("127.0.0.1", 80, "jö"), b"\x04\x01\x00\x50\x7f\x00\x00\x01j\xc3\xb6\x00"),
    "no name of a user": (("127.0.0.1", 80, ""), b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00"),
    "NUL in a user": (("127.0.0.1", 80, "a\0b"), b"\x04\x01\x00\x50\x7f\x00\x00\x01ab\x00"),
    "a name": (("localhost", 443), b"\x04\x01\x01\xbb\x7f\x00\x00\x01\x00"),
    "4a: a name": (
        ("example.com", 443, "joe", True),
        b"\x04\x01\x01\xbb\x00\x00\x00\xffjoe\x00example.com\x00",
    ),
    "4a: an address": (("127.0.0.1", 80, None, True), b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00"),
    "4a: beyond ASCII": (
        ("bücher.example", 80, None, True),
        b"\x04\x01\x00\x50\x00\x00\x00\xff\x00xn--bcher-kva.example\x00",
    ),
}


@pytest.mark.parametrize(("given", "sent"), ASKED_4.values(), ids=ASKED_4)
def test_version_4_is_asked_by_one_message(proxied, given, sent):
    client, stream = proxied(GRANTED, b"more")
    by_4(client, *given)
    assert stream.sent == sent
    assert client.read(4) == b"more"


ASKED_5 = {
    "an address": (("127.0.0.1", 80), b"\x01\x7f\x00\x00\x01\x00\x50"),
    "an IPv6 address": (("::1", 443), b"\x04" + bytes(15) + b"\x01\x01\xbb"),
    "a zone": (("fe80::1%eth0", 1), b"\x04\xfe\x80" + bytes(13) + b"\x01\x00\x01"),
    "a name": (("localhost", 80), b"\x01\x7f\x00\x00\x01\x00\x50"),
    "5h: a name": (
        ("example.com", 443, None, None, True),
        b"\x03\x0bexample.com\x01\xbb",
    ),
    "5h: an address": (("127.0.0.1", 80, None, None, True), b"\x01\x7f\x00\x00\x01\x00\x50"),
    "5h: an IPv6 address with a zone": (
        ("fe80::1%eth0", 1, None, None, True),
        b"\x04\xfe\x80" + bytes(13) + b"\x01\x00\x01",
    ),
    "5h: beyond ASCII": (
        ("bücher.example", 80, None, None, True),
        b"\x03\x15xn--bcher-kva.example\x00\x50",
    ),
    "5h: the longest": (("h" * 253, 1, None, None, True), b"\x03\xfd" + b"h" * 253 + b"\x00\x01"),
}


@pytest.mark.parametrize(("given", "sent"), ASKED_5.values(), ids=ASKED_5)
def test_version_5_is_asked_after_a_hello(proxied, given, sent):
    client, stream = proxied(NO_PASSWORD, LED_ON, b"more")
    by_5(client, *given)
    assert stream.sent == b"\x05\x01\x00" + b"\x05\x01\x00" + sent
    assert client.read(4) == b"more"


WHO = {
    "both": ("joe", "päss", b"\x01\x03joe\x05p\xc3\xa4ss"),
    "no password": ("joe", None, b"\x01\x03joe\x00"),
    "neither": ("", "", b"\x01\x00\x00"),
    "the longest": ("u" * 255, "p" * 255, b"\x01\xff" + b"u" * 255 + b"\xff" + b"p" * 255),
}


@pytest.mark.parametrize(("user", "password", "sent"), WHO.values(), ids=WHO)
def test_a_proxy_that_asks_is_told_who_we_are(proxied, user, password, sent):
    client, stream = proxied(PASSWORD, RIGHT, LED_ON)
    by_5(client, user=user, password=password)
    assert stream.sent.startswith(b"\x05\x02\x00\x02" + sent + b"\x05\x01\x00\x01")
    assert not client.closed


def test_a_proxy_that_does_not_ask_is_not_told_who_we_are(proxied):
    client, stream = proxied(NO_PASSWORD, LED_ON)
    by_5(client, user="joe", password=HIDDEN)
    assert HIDDEN.encode() not in stream.sent


def test_names_are_looked_up_for_ipv4_first_and_for_ipv6_if_there_is_nothing_else(
    proxied, monkeypatch
):
    def address(family, host):
        return family, socket.SOCK_STREAM, 6, "", (host, 80)

    sixth, fourth = address(socket.AF_INET6, "fe80::1%2"), address(socket.AF_INET, "10.0.0.1")
    for found, sent in (([sixth, fourth], b"\x01\x0a\x00\x00\x01"), ([sixth], b"\x04\xfe\x80")):
        monkeypatch.setattr(socks, "resolve_allowed", lambda *_, found=found: found)
        client, stream = proxied(NO_PASSWORD, LED_ON)
        by_5(client, "dual.example")
        assert stream.sent.startswith(b"\x05\x01\x00\x05\x01\x00" + sent)
    client, stream = proxied(GRANTED)
    with pytest.raises(errors.NameNotResolved, match=r"dual\.example: no IPv4 address"):
        by_4(client, "dual.example")
    assert (stream.sent, stream.closed) == (b"", True)


UNSENDABLE = {
    "4: IPv6": (by_4, {"host": "::1"}, "SOCKS 4 can't lead to ::1: use socks5"),
    "4a: IPv6": (by_4, {"host": "::1", "looks_up": True}, "use socks5"),
    "4: a user too long": (by_4, {"user": "u" * 256}, "the user has 256 bytes"),
    "4a: NUL in a name": (by_4, {"host": "a\0b", "looks_up": True}, "host"),
    "5: no host": (by_5, {"host": ""}, "no host given"),
    "5h: a name too long": (by_5, {"host": "h" * 254, "looks_up": True}, "longer than 253 bytes"),
    "5h: a name that is none": (by_5, {"host": "a b", "looks_up": True}, "host is no valid name"),
    "5: a port above any": (by_5, {"port": 65536}, "port is above 65535"),
    "5: a port below any": (by_5, {"port": -1}, "nonnumeric port"),
}


@pytest.mark.parametrize(("lead", "given", "words"), UNSENDABLE.values(), ids=UNSENDABLE)
def test_what_can_not_be_said_is_not(proxied, lead, given, words):
    client, stream = proxied(NO_PASSWORD, LED_ON)
    with pytest.raises(errors.InvalidRequest, match=words):
        lead(client, **given)
    assert (stream.closed, client.closed) == (True, True)
    assert b"\x01\x00" not in stream.sent[3:]


TOO_LONG = {
    "a user": ({"user": "ü" * 128, "password": HIDDEN}, "the user has 256 bytes"),
    "a password": ({"user": "u", "password": HIDDEN * 40}, "the password has 280 bytes"),
    "no text": ({"user": "u", "password": f"{HIDDEN}\ud800"}, "the password is no Unicode text"),
}


@pytest.mark.parametrize(("who", "words"), TOO_LONG.values(), ids=TOO_LONG)
def test_who_can_not_be_said_is_not_shown(proxied, who, words):
    client, stream = proxied(PASSWORD, RIGHT, LED_ON)
    with pytest.raises(errors.InvalidRequest, match=words) as caught:
        by_5(client, **who)
    assert HIDDEN not in f"{caught.value!r} {caught.value}"
    assert stream.sent == b"\x05\x02\x00\x02"


@pytest.mark.parametrize("lead", [by_4, by_5])
@pytest.mark.parametrize("name", ["socksio", "socksio.socks4", "socksio.socks5"])
def test_without_the_package_the_error_names_the_extra(proxied, monkeypatch, lead, name):
    for module in ("socksio.socks4", "socksio.socks5"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, name, None)
    client, stream = proxied()
    if (lead, name) in ((by_4, "socksio.socks5"), (by_5, "socksio.socks4")):
        words, kind = "closed the connection", errors.TunnelRefused
    else:
        words, kind = r"pip install mini-http\[socks\]", errors.InvalidRequest
    with pytest.raises(kind, match=words):
        lead(client)
    assert stream.closed


# --- its replies, in every split and cut

REPLIES = {
    "4": (by_4, {}, GRANTED),
    "5": (by_5, {}, NO_PASSWORD + LED_ON),
    "5, IPv6": (by_5, {}, NO_PASSWORD + LED_ON_TO_IPV6),
    "5, a name": (by_5, {}, NO_PASSWORD + LED_ON_TO_A_NAME),
    "5, an empty name": (by_5, {}, NO_PASSWORD + b"\x05\x00\x00\x03\x00\x12\x34"),
    "5, password": (by_5, {"user": "joe"}, PASSWORD + RIGHT + LED_ON),
}


@pytest.mark.parametrize(("lead", "given", "reply"), REPLIES.values(), ids=REPLIES)
def test_a_reply_is_read_to_its_end_and_no_further_however_it_is_split(proxied, lead, given, reply):
    for pieces in every_split(reply + b"220 ready"):
        client, _ = proxied(*pieces)
        lead(client, **given)
        assert client.read(9) == b"220 ready"


@pytest.mark.parametrize(("lead", "given", "reply"), REPLIES.values(), ids=REPLIES)
def test_a_reply_that_is_cut_leads_nowhere(proxied, lead, given, reply):
    for begun in every_cut(reply):
        for end in ("close", "reset", "timeout"):
            client, stream = proxied(begun, end=end)
            kind = errors.ConnectionBroken if end == "reset" else errors.ConnectionFailed
            with pytest.raises(kind):
                lead(client, **given)
            assert stream.closed


@pytest.mark.parametrize("begun", [b"", b"\x05", NO_PASSWORD + LED_ON[:9]])
def test_a_proxy_that_hangs_up_refuses(proxied, begun):
    client, _ = proxied(begun)
    with pytest.raises(errors.TunnelRefused, match="the proxy closed the connection"):
        by_5(client)
    assert client.closed


@pytest.mark.parametrize("lead", [by_4, by_5])
def test_over_a_socket_as_over_a_stream(lead):
    if lead is by_4:
        script = [ExpectBytes(9), SendSplit([GRANTED[:3], GRANTED[3:] + b"hello"]), Drain()]
    else:
        script = [ExpectBytes(3), SendSplit([b"\x05", b"\x00"]), ExpectBytes(10)]
        script += [SendSplit([LED_ON[:4], LED_ON[4:] + b"hello"]), Drain()]
    with ScriptedServer([script]) as server, SimpleClient(*server.address) as client:
        lead(client)
        assert client.read(5) == b"hello"


def test_tls_begins_behind_the_proxy(certificates, trusting):
    script = [ExpectBytes(3), Send(NO_PASSWORD), ExpectBytes(10), Send(LED_ON)]
    script += [StartTLS(certificates.good.server_context()), ExpectBytes(4), Send(b"pong")]
    with ScriptedServer([script]) as server, SimpleClient(*server.address) as client:
        by_5(client)
        client.starttls("localhost", trusting)
        client.write(b"ping")
        assert client.read(4) == b"pong"


# --- refusals

REFUSALS = {
    "4: rejected": (by_4, b"\x00\x5b" + bytes(6), "request rejected or failed"),
    "4: no identd": (by_4, b"\x00\x5c" + bytes(6), "connection failed"),
    "4: another user": (by_4, b"\x00\x5d" + bytes(6), "authentication failed"),
    "5: nothing does": (by_5, NOTHING_DOES, "it wants a user and a password"),
    "5: what was not offered": (by_5, PASSWORD, "it wants a user and a password"),
    "5: GSSAPI": (by_5, b"\x05\x01", "it wants a user and a password"),
    "5: failure": (by_5, NO_PASSWORD + b"\x05\x01" + LED_ON[2:], "general server failure"),
    "5: rules": (by_5, NO_PASSWORD + b"\x05\x02" + LED_ON[2:], "connection not allowed by ruleset"),
    "5: refused": (by_5, NO_PASSWORD + b"\x05\x05" + LED_ON[2:], "connection refused"),
    "5: kind": (by_5, NO_PASSWORD + b"\x05\x08" + LED_ON[2:], "address type not supported"),
}
"""Who leads, what comes, what the error says."""


@pytest.mark.parametrize(("lead", "reply", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_told_in_words(proxied, lead, reply, words):
    client, stream = proxied(reply)
    with pytest.raises(errors.TunnelRefused) as caught:
        lead(client)
    assert str(caught.value) == f"Tunnel connection failed: {words}"
    assert (caught.value.status, stream.closed) == (None, True)


NOT_LET_IN = {
    "a wrong password": (PASSWORD + WRONG, "user or password are wrong"),
    "another version": (PASSWORD + b"\x05\x00", "user or password are wrong"),
    "nothing does": (NOTHING_DOES, "no acceptable methods"),
    "GSSAPI": (b"\x05\x01", "gssapi"),
}


@pytest.mark.parametrize(("reply", "words"), NOT_LET_IN.values(), ids=NOT_LET_IN)
def test_who_is_not_let_in_is_told_so_without_the_password(proxied, reply, words):
    client, stream = proxied(reply)
    with pytest.raises(errors.TunnelRefused, match=words) as caught:
        by_5(client, user="joe", password=HIDDEN)
    assert HIDDEN not in f"{caught.value!r} {caught.value}"
    assert stream.closed


HOSTILE = {
    "4: HTTP": (by_4, b"HTTP/1.1 400 Bad Request\r\n"),
    "4: version 4": (by_4, b"\x04\x5a" + bytes(6)),
    "4: an unknown code": (by_4, b"\x00\x00" + bytes(6)),
    "5: HTTP": (by_5, b"HTTP/1.1 400 Bad Request\r\n"),
    "5: version 4": (by_5, b"\x04\x00"),
    "5: an unknown method": (by_5, b"\x05\x77"),
    "5: a reply of version 4": (by_5, NO_PASSWORD + b"\x04" + LED_ON[1:]),
    "5: an unknown code": (by_5, NO_PASSWORD + b"\x05\x99" + LED_ON[2:]),
    "5: an unknown type of address": (by_5, NO_PASSWORD + b"\x05\x00\x00\x02" + bytes(40)),
    "5: a name in no UTF-8": (by_5, NO_PASSWORD + b"\x05\x00\x00\x03\x01\xff\x00\x00"),
}


@pytest.mark.parametrize(("lead", "reply"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_socks_leads_nowhere(proxied, lead, reply):
    client, stream = proxied(reply)
    with pytest.raises(errors.TunnelRefused, match="its reply is none of SOCKS: b'") as caught:
        lead(client)
    assert len(str(caught.value)) < 150
    assert stream.closed


# --- time


@pytest.mark.parametrize("lead", [by_4, by_5])
def test_a_proxy_that_says_nothing_times_out(proxied, lead):
    client, stream = proxied(end="timeout")
    with pytest.raises(errors.ConnectTimedOut, match="waiting for the proxy to open a tunnel to"):
        lead(client)
    assert stream.closed


def test_the_whole_of_it_ends_within_the_timeout():
    def dawdle(connection):
        connection.read(3)
        connection.send(NO_PASSWORD)
        connection.read(10)
        for byte in b"\x05\x00\x00\x03\xff" + bytes(250):
            connection.send_split([bytes([byte])])
            connection.sock.settimeout(SOON)
            try:
                connection.sock.recv(1)
                return
            except TimeoutError:
                pass

    with ScriptedServer(handler=dawdle) as server:
        client = SimpleClient(*server.address, timeout=4 * SOON)
        with pytest.raises(errors.ConnectTimedOut):
            by_5(client)
        assert (client.closed, client.deadline) == (True, None)


def test_a_deadline_is_kept_and_said_to_be_over():
    with (
        ScriptedServer([[ExpectBytes(3), Drain()]]) as server,
        SimpleClient(*server.address, timeout=None) as client,
    ):
        client.deadline = deadline = Deadline(SOON)
        with pytest.raises(errors.TotalTimedOut):
            by_5(client)
        assert (client.closed, client.deadline) == (True, deadline)


def test_the_deadline_of_a_client_is_its_own_again_afterwards(proxied):
    client, _ = proxied(GRANTED)
    client.deadline = deadline = Deadline(PATIENCE)
    by_4(client)
    assert client.deadline is deadline


def test_a_failure_tells_the_stage_at_which_it_came(proxied):
    client, _ = proxied(NOTHING_DOES)
    client.stage = "begun"
    with pytest.raises(errors.TunnelRefused) as caught:
        by_5(client)
    assert caught.value.state == "begun"


def test_an_interruption_closes_the_connection():
    class Interrupted(ScriptedStream):
        def recv(self, *arguments):
            raise KeyboardInterrupt

    stream = Interrupted([])
    with pytest.raises(KeyboardInterrupt):
        by_5(SimpleClient.over(stream))
    assert stream.closed
