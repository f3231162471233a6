"""Tunnels: what a proxy is asked, and what becomes of its answer."""

import pickle
import socket

import pytest
from support.servers import ScriptedServer
from support.steps import Close, Drain, Expect, ExpectBytes, Send, SendSplit, StartTLS
from support.streams import ScriptedStream, every_cut, every_split
from support.waits import PATIENCE, SOON

from mini_http.base import errors
from mini_http.base.limits import Limits
from mini_http.base.timeouts import Deadline
from mini_http.connect import tunnel
from mini_http.connect.simple_client import SimpleClient
from mini_http.connect.tunnel import REFUSAL_BYTES, ask_for_tunnel, open_tunnel

OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
REFUSED = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\n"
    b'Proxy-Authenticate: Basic realm="here"\r\n'
    b"Content-Length: 7\r\n"
    b"\r\n"
    b"who are"
)

pytestmark = pytest.mark.usefixtures("no_descriptors_leak_from_all_of_this")


@pytest.fixture(scope="module")
def proxied():
    """Makes a client of a proxy that answers with these pieces, and the stream under it."""

    def make(*pieces, end="close", limits=None, deadline=None):
        stream = ScriptedStream(pieces, end)
        client = SimpleClient.over(stream, timeout=PATIENCE, limits=limits or Limits())
        client.deadline = deadline
        return client, stream

    return make


# --- what a proxy is asked

ASKED = {
    "a name": ("example.com", 443, "example.com:443"),
    "the port of http": ("example.com", 80, "example.com:80"),
    "an IPv4 address": ("127.0.0.1", 8443, "127.0.0.1:8443"),
    "an IPv6 address": ("::1", 443, "[::1]:443"),
    "an IPv6 address with a zone": ("fe80::1%eth0", 443, "[fe80::1]:443"),
    "a zone that might be an escape": ("fe80::1%ab0", 443, "[fe80::1]:443"),
    "a name beyond ASCII": ("bücher.example", 443, "xn--bcher-kva.example:443"),
}


@pytest.mark.parametrize(("host", "port", "target"), ASKED.values(), ids=ASKED)
def test_a_tunnel_is_asked_for_by_one_connect(proxied, host, port, target):
    client, stream = proxied(OPENED)
    head = open_tunnel(client, host, port)
    assert stream.sent == f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()
    assert (head.status, head.reason) == (200, "Connection established")
    assert not client.closed


def test_the_fields_for_the_proxy_follow_host(proxied):
    client, stream = proxied(OPENED)
    open_tunnel(client, "h", 1, [("Proxy-Authorization", "x"), ("User-agent", "y")])
    assert stream.sent == (
        b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nProxy-Authorization: x\r\nUser-agent: y\r\n\r\n"
    )


UNSENDABLE = {
    "a path in the host": ("h/x", 1, ()),
    "userinfo in the host": ("user@h", 1, ()),
    "an encoded slash": ("h%2fx", 1, ()),
    "a port in the host": ("h:2", 1, ()),
    "a head in the host": ("h:1 HTTP/1.1\r\nX: y\r\n\r\n", 1, ()),
    "a line end in the host": ("h\r\nX: y", 1, ()),
    "no host": ("", 1, ()),
    "a host longer than any": ("h" * 254, 1, ()),
    "a port below any": ("h", -1, ()),
    "a port above any": ("h", 65536, ()),
    "a line end in a field": ("h", 1, [("Proxy-Authorization", "x\r\nY: z")]),
    "a name that is none": ("h", 1, [("Proxy Authorization", "x")]),
}


@pytest.mark.parametrize(("host", "port", "fields"), UNSENDABLE.values(), ids=UNSENDABLE)
def test_what_may_not_be_sent_is_not(proxied, host, port, fields):
    client, stream = proxied(OPENED)
    with pytest.raises(errors.InvalidRequest):
        open_tunnel(client, host, port, fields)
    assert (stream.sent, stream.closed, client.closed) == (b"", True, True)


# --- a tunnel


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 299])
def test_every_2xx_opens_a_tunnel(proxied, status):
    client, _ = proxied(b"HTTP/1.1 %d\r\n\r\n" % status, b"more")
    assert open_tunnel(client, "h", 1).status == status
    assert client.read(4) == b"more"


def test_framing_in_the_reply_means_nothing(proxied):
    reply = b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    client, _ = proxied(reply, b"2\r\nab")
    head = open_tunnel(client, "h", 1)
    assert head.headers["content-length"] == "3"
    assert client.read(5) == b"2\r\nab"


def test_interim_replies_are_skipped(proxied):
    client, _ = proxied(b"HTTP/1.1 102 Wait\r\nX: y\r\n\r\n" * 20 + OPENED)
    assert open_tunnel(client, "h", 1).status == 200


def test_interim_replies_are_counted(proxied):
    client, stream = proxied(b"HTTP/1.1 102 Wait\r\n\r\n" * 21 + OPENED)
    with pytest.raises(errors.LimitExceeded, match="got more than 20 interim replies"):
        open_tunnel(client, "h", 1)
    assert stream.closed


def test_what_comes_after_the_head_is_the_hosts(proxied):
    for pieces in every_split(OPENED + b"220 ready\r\n"):
        client, _ = proxied(*pieces)
        open_tunnel(client, "h", 1)
        assert client.readline() == b"220 ready"


def test_bytes_before_tls_are_refused(certificates, trusting):
    script = [OPENED + b"\x16\x03\x01", Drain()]
    with (
        ScriptedServer([script]) as server,
        SimpleClient(*server.address, timeout=PATIENCE) as client,
    ):
        open_tunnel(client, "localhost", 443)
        with pytest.raises(errors.TLSFailed, match="3 bytes came in the clear"):
            client.starttls("localhost", trusting)
        assert client.closed


def test_tls_goes_through_a_tunnel(certificates, trusting):
    context = certificates.good.server_context()
    script = [OPENED, StartTLS(context), ExpectBytes(4), Send(b"pong")]
    with (
        ScriptedServer([script]) as server,
        SimpleClient(*server.address, timeout=PATIENCE) as client,
    ):
        open_tunnel(client, "localhost", 443)
        client.starttls("localhost", trusting)
        client.write(b"ping")
        assert client.read(4) == b"pong"


# --- a refusal


def refusal(client):
    with pytest.raises(errors.TunnelRefused) as caught:
        open_tunnel(client, "h", 1)
    assert client.closed
    return caught.value


def test_a_refusal_says_what_the_proxy_said(proxied):
    error = refusal(proxied(REFUSED)[0])
    assert str(error) == "Tunnel connection failed: 407 Proxy Authentication Required"
    assert (error.status, error.body) == (407, b"who are")
    assert error.headers["proxy-authenticate"] == 'Basic realm="here"'


def test_a_refusal_is_what_callers_of_urllib_and_http_client_catch(proxied):
    error = refusal(proxied(REFUSED)[0])
    assert isinstance(error, (OSError, errors.URLError))
    assert isinstance(error, errors.ConnectionFailed)
    assert isinstance(error.reason, OSError)
    assert str(error.reason) == str(error)


@pytest.mark.parametrize("status", [101, 300, 302, 400, 403, 404, 407, 500, 502, 503, 599])
def test_every_other_status_is_a_refusal(proxied, status):
    reply = b"HTTP/1.1 %d No\r\nLocation: http://elsewhere/\r\n\r\n" % status
    error = refusal(proxied(reply)[0])
    assert (error.status, str(error)) == (status, f"Tunnel connection failed: {status} No")


def test_a_refusal_survives_pickling(proxied):
    error = pickle.loads(pickle.dumps(refusal(proxied(REFUSED)[0])))
    assert (error.status, error.body, error.headers["content-length"]) == (407, b"who are", "7")


REASONS = {
    b"": "Tunnel connection failed: 403",
    b" ": "Tunnel connection failed: 403",
    b" a\x9b31mb": "Tunnel connection failed: 403 a?31mb",
    b" " + b"n" * 1000: "Tunnel connection failed: 403 " + "n" * 100,
}


@pytest.mark.parametrize(("reason", "text"), REASONS.items(), ids=range(len(REASONS)))
def test_a_reason_can_not_play_with_a_terminal(proxied, reason, text):
    assert str(refusal(proxied(b"HTTP/1.1 403%b\r\n\r\n" % reason)[0])) == text


PAGES = {
    "a length": (b"Content-Length: 5", b"no way", b"no wa"),
    "a length and less": (b"Content-Length: 5", b"no", b"no"),
    "no length": (b"X: y", b"no way", b"no way"),
    "chunks": (b"Transfer-Encoding: chunked", b"2\r\nno\r\n4\r\n way\r\n0\r\n\r\nrest", b"no way"),
    "chunks that end early": (b"Transfer-Encoding: chunked", b"2\r\nno\r\n4\r\n w", b"no w"),
    "chunks that are none": (b"Transfer-Encoding: chunked", b"no", b""),
    "a length that is none": (b"Content-Length: -1", b"no way", b""),
    "a coding that is not known": (b"Transfer-Encoding: gzip", b"no way", b""),
    "a length above the limit": (b"Content-Length: 99999999", b"x" * 80_000, b"x" * 65_536),
    "too long for the limit": (b"X: y", b"x" * 80_000, b"x" * 65_536),
    "long in chunks": (
        *(b"Transfer-Encoding: chunked", b"11170\r\n" + b"x" * 70_000, b"x" * 65_536),
    ),
}


@pytest.mark.parametrize("end", ["close", "reset", "timeout"])
@pytest.mark.parametrize(("field", "sent", "body"), PAGES.values(), ids=PAGES)
def test_the_page_that_explains_a_refusal_is_kept_within_bounds(proxied, field, sent, body, end):
    head = b"HTTP/1.1 403 No\r\n%b\r\n\r\n" % field
    error = refusal(proxied(head, sent, end=end)[0])
    assert error.body == body
    assert len(body) <= REFUSAL_BYTES


def test_a_page_comes_whole_from_every_split(proxied):
    chunked = REFUSED.replace(b"Content-Length: 7", b"Transfer-Encoding: chunked")
    chunked = chunked.replace(b"who are", b"7\r\nwho are\r\n0\r\n\r\n")
    for reply in (REFUSED, chunked):
        for pieces in every_split(reply):
            assert refusal(proxied(*pieces, end="timeout")[0]).body == b"who are"


def test_a_status_that_has_no_page_is_not_waited_for(proxied):
    client, stream = proxied(b"HTTP/1.1 304 No\r\n\r\n", end="timeout")
    assert refusal(client).body == b""
    assert stream.receives == 1


def test_a_page_that_does_not_come_is_not_waited_for_long(monkeypatch):
    monkeypatch.setattr(tunnel, "REFUSAL_SECONDS", SOON)
    script = [REFUSED[:-4], Drain()]
    with ScriptedServer([script]) as server, SimpleClient(*server.address) as client:
        assert refusal(client).body == b"who"


# --- no answer


def test_a_proxy_that_hangs_up_refuses_a_tunnel(proxied):
    error = refusal(proxied()[0])
    assert str(error) == "Tunnel connection failed: the proxy closed the connection"
    assert (error.status, error.headers, error.body) == (None, None, b"")
    assert isinstance(error.__cause__, errors.RemoteDisconnected)


def test_a_reply_that_is_cut_opens_no_tunnel(proxied):
    for begun in every_cut(OPENED):
        client, stream = proxied(begun)
        with pytest.raises((errors.TunnelRefused, errors.IncompleteRead)):
            open_tunnel(client, "h", 1)
        assert stream.closed


def test_a_connection_that_breaks_opens_no_tunnel(proxied):
    client, stream = proxied(end="reset")
    with pytest.raises(errors.ConnectionBroken):
        open_tunnel(client, "h", 1)
    assert stream.closed


NO_REPLIES = {
    "no HTTP": (b"220 mail ready\r\n\r\n", errors.BadStatusLine),
    "HTTP/2": (b"HTTP/2 200 OK\r\n\r\n", errors.BadStatusLine),
    "a field without a colon": (b"HTTP/1.1 200 OK\r\nX\r\n\r\n", errors.BadField),
    "a bare CR": (b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", errors.BadField),
    "a long head": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100 + b"\r\n", errors.LimitExceeded),
}


@pytest.mark.parametrize(("reply", "error"), NO_REPLIES.values(), ids=NO_REPLIES)
def test_what_is_no_reply_opens_no_tunnel(proxied, reply, error):
    client, stream = proxied(reply, limits=Limits(head_bytes=500))
    with pytest.raises(error):
        open_tunnel(client, "h", 1)
    assert stream.closed


def test_a_proxy_that_says_nothing_times_out(proxied):
    client, stream = proxied(end="timeout")
    with pytest.raises(errors.ConnectTimedOut, match="timed out waiting for the proxy") as caught:
        open_tunnel(client, "example.com", 443)
    assert str(caught.value).endswith("to open a tunnel to example.com port 443")
    assert isinstance(caught.value.reason, TimeoutError)
    assert stream.closed


def test_a_proxy_that_goes_on_saying_wait_times_out():
    def dawdle(connection):
        connection.read_head()
        while True:
            connection.send_split([b"HTTP/1.1 102 Wait\r\n\r\n"])

    limits = Limits(interim_replies=10**9)
    with (
        ScriptedServer(handler=dawdle) as server,
        SimpleClient(*server.address, timeout=6 * SOON, limits=limits) as client,
        pytest.raises(errors.ConnectTimedOut),
    ):
        open_tunnel(client, "h", 1)


def test_a_client_without_a_timeout_waits_as_long_as_its_deadline():
    with (
        ScriptedServer([[Expect(), Drain()]]) as server,
        SimpleClient(*server.address, timeout=None) as client,
    ):
        client.deadline = Deadline(SOON)
        with pytest.raises(errors.TotalTimedOut):
            open_tunnel(client, "h", 1)
        assert client.closed


def test_a_client_sends_as_it_likes_and_says_its_own_host(proxied):
    sent = []
    client, stream = proxied(OPENED)
    reply = ask_for_tunnel(client, sent.append, "h", 1, [("host", "other"), ("A", "b")])
    assert (reply.status, stream.sent) == (200, b"")
    assert sent == [b"CONNECT h:1 HTTP/1.1\r\nhost: other\r\nA: b\r\n\r\n"]


@pytest.mark.parametrize(
    ("reply", "end"),
    [
        (b"", "close"),
        (b"", "timeout"),
        (OPENED[:9], "reset"),
        (REFUSED, "close"),
        (b"?\n\n", "close"),
    ],
)
def test_a_failure_tells_the_stage_at_which_it_came(proxied, reply, end):
    client, _ = proxied(reply, end=end)
    client.stage = "begun"
    with pytest.raises(errors.MiniHTTPError) as caught:
        open_tunnel(client, "h", 1)
    assert caught.value.state == "begun"


def test_an_interruption_closes_the_connection():
    class Interrupted(ScriptedStream):
        def recv(self, *arguments):
            raise KeyboardInterrupt

    stream = Interrupted([])
    with pytest.raises(KeyboardInterrupt):
        open_tunnel(SimpleClient.over(stream), "h", 1)
    assert stream.closed


def test_over_a_socket_as_over_a_stream():
    script = [Expect(), SendSplit([OPENED[:9], OPENED[9:] + b"bye\r\n"]), Close()]
    with ScriptedServer([script]) as server:
        with socket.create_connection(server.address) as sock:
            client = SimpleClient.over(sock, timeout=PATIENCE)
            open_tunnel(client, "h", 1)
            assert client.readline() == b"bye"
        assert server.requests == [b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n"]
