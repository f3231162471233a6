"""Proxies: what one is called, how it leads to a host, alone or in a chain, and what is secret."""

import socket
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.servers import ScriptedServer
from support.steps import Drain, Expect, ExpectBytes, Send, StartTLS
from support.streams import ScriptedStream
from support.waits import PATIENCE

from mini_http.base import errors
from mini_http.base.headers import Headers
from mini_http.base.timeouts import Deadline
from mini_http.connect.dial import DEFAULT_OPTIONS, DialOptions
from mini_http.connect.proxy import PROXY_KINDS, Proxy, open_through
from mini_http.connect.simple_client import SimpleClient
from mini_http.connect.tls import TLSSettings

HIDDEN = "hunter2"
"""What no message may show."""
OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
SOCKS4_OPENED = b"\x00\x5a" + bytes(6)
SOCKS5_OPENED = b"\x05\x00\x00\x01" + bytes(6)

pytestmark = pytest.mark.usefixtures("no_descriptors_leak_from_all_of_this")


@pytest.fixture(scope="module")
def proxied():
    """Makes a client of a proxy that answers with these pieces, and the stream under it."""

    def make(*pieces, end="close"):
        stream = ScriptedStream(pieces, end)
        return SimpleClient.over(stream, timeout=PATIENCE), stream

    return make


# --- what a proxy is called


def knowing(host, port, user, password, basic):
    """An HTTP proxy that is told who we are unasked."""
    return Proxy(host, port, f"Basic {basic}", user=user, password=password)


PARSED = {
    "proxy": Proxy("proxy", 80),
    "proxy:3128": Proxy("proxy", 3128),
    "//proxy:3128": Proxy("proxy", 3128),
    "http://proxy": Proxy("proxy", 80),
    "HTTP://Proxy:3128/": Proxy("proxy", 3128),
    "http://proxy:3128/what?ever": Proxy("proxy", 3128),
    " http://proxy:3128\n": Proxy("proxy", 3128),
    "https://proxy": Proxy("proxy", 443, kind="https"),
    "http://[::1]:3128": Proxy("::1", 3128),
    "http://[fe80::1%25eth0]": Proxy("fe80::1%eth0", 80),
    "http://b%C3%BCcher.example": Proxy("xn--bcher-kva.example", 80),
    "http://@proxy": Proxy("proxy", 80),
    "joe:password@proxy:1": knowing("proxy", 1, "joe", "password", "am9lOnBhc3N3b3Jk"),
    "//joe:password@proxy": knowing("proxy", 80, "joe", "password", "am9lOnBhc3N3b3Jk"),
    "http://joe:password@proxy/rubbish:3128": knowing(
        "proxy", 80, "joe", "password", "am9lOnBhc3N3b3Jk"
    ),
    "http://joe@proxy": knowing("proxy", 80, "joe", "", "am9lOg=="),
    "http://j%40e:p%3Aw@proxy": knowing("proxy", 80, "j@e", "p:w", "akBlOnA6dw=="),
    "http://joe:pass/w@rd@proxy": knowing("proxy", 80, "joe", "pass/w@rd", "am9lOnBhc3Mvd0ByZA=="),
    "http://j%C3%B6:p@proxy": knowing("proxy", 80, "jö", "p", "asO2OnA="),
    "http://jö:p@proxy": knowing("proxy", 80, "jö", "p", "asO2OnA="),
    "socks4://joe@proxy": Proxy("proxy", 1080, kind="socks4", user="joe", password=""),
    "socks4a://proxy:1": Proxy("proxy", 1, kind="socks4a"),
    "socks5://[::1]": Proxy("::1", 1080, kind="socks5"),
    "SOCKS5H://j%3Ae:p@proxy": Proxy("proxy", 1080, kind="socks5h", user="j:e", password="p"),
}


@pytest.mark.parametrize(("text", "proxy"), PARSED.items(), ids=PARSED)
def test_a_proxy_is_called_by_a_url_or_by_a_part_of_one(text, proxy):
    assert Proxy.parse(text) == proxy


REFUSED_NAMES = {
    "": "no host given",
    "http://": "no host given",
    "http://:3128": "no host given",
    "proxy:port": "nonnumeric port",
    "proxy:99999": "port is above 65535",
    "http://pro xy": "host is no valid name",
    "http://pro%2fxy": "host is no valid name",
    "http://[::g]": "no IPv6 address",
    "file:/proxy.example.com": "needs two slashes",
    "http:/user:password@proxy": "needs two slashes",
    "http://a%3Ab:password@proxy": "name can't contain ':'",
    "socks://proxy:1080": "proxies of type 'socks' are not supported; known are http, https,",
    "http+unix://proxy": "proxies of type 'http\\+unix' are not supported",
    f"user:{HIDDEN}://@proxy": "must be given as http://host:port",
    f"socks6://user:{HIDDEN}@proxy": "proxies of type 'socks6'",
    f"socks5://user:{HIDDEN}%00@proxy": "must be UTF-8 without control characters",
    f"http://user:{HIDDEN}@": "no host given",
    f"http://user:{HIDDEN}@pro xy": "no valid name",
    f"http://user:{HIDDEN}@proxy:port": "nonnumeric port",
    f"http://user:{HIDDEN}%0a@proxy": "must be UTF-8 without control characters",
    f"http://user:{HIDDEN}%ff@proxy": "must be UTF-8 without control characters",
    f"http://user:{HIDDEN}\udcff@proxy": "must be UTF-8 without control characters",
    f"http://us%0der:{HIDDEN}@proxy": "must be UTF-8 without control characters",
}


@pytest.mark.parametrize(("text", "words"), REFUSED_NAMES.items(), ids=map(ascii, REFUSED_NAMES))
def test_what_calls_no_proxy_is_refused_without_showing_a_password(text, words):
    with pytest.raises(errors.InvalidRequest, match=words) as caught:
        Proxy.parse(text)
    assert HIDDEN not in "".join(traceback.format_exception(caught.value))


@given(st.text() | st.text(alphabet="htp:/@[]%.0123456789ab ", max_size=30))
def test_any_text_is_a_proxy_or_refused(text):
    try:
        proxy = Proxy.parse(text)
    except errors.InvalidRequest:
        return
    assert proxy.host
    assert 0 <= proxy.port <= 65535
    again = Proxy.parse(f"{proxy.kind}://{proxy.place}")
    who = {name: getattr(proxy, name) for name in ("authorization", "user", "password")}
    assert again.replace(**who) == proxy


PLACES = {
    Proxy("proxy", 80): "proxy",
    Proxy("proxy", 3128): "proxy:3128",
    Proxy("proxy", 443, kind="https"): "proxy",
    Proxy("proxy", 80, kind="https"): "proxy:80",
    Proxy("proxy", 1080, kind="socks5h"): "proxy",
    Proxy("::1", 80): "[::1]",
    Proxy("fe80::1%eth0", 3128): "[fe80::1%25eth0]:3128",
}


@pytest.mark.parametrize(("proxy", "place"), PLACES.items())
def test_its_place_has_the_port_only_where_it_is_not_the_usual_one(proxy, place):
    assert proxy.place == place


def test_whatever_makes_a_proxy_another_one_makes_another_key():
    proxy = Proxy("proxy", 3128)
    others = [
        proxy.replace(host="other"),
        proxy.replace(port=80),
        proxy.replace(authorization="Basic eDp5"),
        proxy.replace(kind="https"),
        proxy.replace(user="joe"),
        proxy.replace(password="password"),
        proxy.replace(tls=TLSSettings(server_name="other")),
        proxy.replace(via=proxy),
    ]
    assert len({proxy, *others, Proxy("proxy", 3128)}) == 9


def test_its_representation_hides_who_we_are():
    assert repr(Proxy("proxy", 80)) == "Proxy('proxy', 80)"
    assert repr(Proxy("::1", 1, HIDDEN, "https")) == (
        "Proxy('::1', 1, authorization=***, kind='https')"
    )
    first = Proxy("first", 1, kind="socks5", user=HIDDEN, password=HIDDEN)
    secured = Proxy("proxy", 1, tls=TLSSettings(cert_file="c", key_password=HIDDEN), via=first)
    shown = repr(secured)
    assert HIDDEN not in shown
    assert shown.startswith("Proxy('proxy', 1, tls=TLSSettings(")
    assert shown.endswith("via=Proxy('first', 1, user=***, password=***, kind='socks5'))")


def test_a_proxy_is_told_who_we_are(proxied):
    for proxy, field in (
        (Proxy("proxy", 1), b""),
        (Proxy("proxy", 1, "Basic eDp5"), b"Proxy-Authorization: Basic eDp5\r\n"),
    ):
        client, stream = proxied(OPENED)
        proxy.lead(client, "h", 1)
        assert stream.sent == b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n%b\r\n" % field


def test_credentials_that_may_not_be_sent_are_not_shown(proxied):
    client, _ = proxied(OPENED)
    with pytest.raises(errors.InvalidField) as caught:
        Proxy("proxy", 1, f"Basic {HIDDEN}\n").lead(client, "h", 1)
    assert HIDDEN not in str(caught.value)


# --- how it leads to a host

KINDS = {  # port, whether TLS comes first, whether it takes whole requests
    "http": (80, False, True),
    "https": (443, True, True),
    "socks4": (1080, False, False),
    "socks4a": (1080, False, False),
    "socks5": (1080, False, False),
    "socks5h": (1080, False, False),
}


def test_each_kind_has_its_port_and_says_what_it_does():
    proxies = {kind: Proxy("proxy", row.port, kind=kind) for kind, row in PROXY_KINDS.items()}
    assert {
        kind: (proxy.port, proxy.is_secured, proxy.reads_requests)
        for kind, proxy in proxies.items()
    } == KINDS


LED = {
    "http": (OPENED, b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n"),
    "socks4a": (SOCKS4_OPENED, b"\x04\x01\x00\x01\x00\x00\x00\xff\x00h\x00"),
    "socks5h": (b"\x05\x00" + SOCKS5_OPENED, b"\x05\x01\x00\x05\x01\x00\x03\x01h\x00\x01"),
}


@pytest.mark.parametrize("kind", LED)
def test_each_kind_leads_on_by_its_own_step(proxied, kind):
    reply, asked = LED[kind]
    client, stream = proxied(reply, b"more")
    Proxy("proxy", 1, kind=kind).lead(client, "h", 1)
    assert stream.sent == asked
    assert client.read(4) == b"more"


@pytest.mark.parametrize("kind", ["socks4", "socks5"])
def test_kinds_that_look_nothing_up_are_sent_addresses(proxied, kind):
    client, stream = proxied(SOCKS4_OPENED if kind == "socks4" else b"\x05\x00" + SOCKS5_OPENED)
    Proxy("proxy", 1, kind=kind).lead(client, "localhost", 1)
    assert b"\x7f\x00\x00\x01" in stream.sent
    assert b"localhost" not in stream.sent


def test_a_second_proxys_name_is_looked_up_as_the_options_say_and_not_asked_about(proxied):
    asked = []

    def resolver(host, port):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port))]

    options = DialOptions(resolver=resolver, allow_address=asked.append)
    second = Proxy("second.corp", 1, via=Proxy("first", 1, kind="socks5"))
    client, stream = proxied(b"\x05\x00" + SOCKS5_OPENED, OPENED)
    second.lead(client, "h", 1, options)
    assert asked == ["second.corp"]
    assert b"\x05\x01\x00\x01\x7f\x00\x00\x02\x00\x01" in stream.sent


def test_credentials_go_to_the_proxy_that_they_are_for_and_no_further(certificates):
    first = Proxy("127.0.0.1", 1, "Basic first", user="first", password="one")
    second = Proxy("second.example", 2, kind="socks5h", user="joe", password="two", via=first)
    third = Proxy("localhost", 3, "Basic third", "https", via=second)
    third = third.replace(tls=TLSSettings(ca_file=certificates.ca_file))
    assert third.first is first
    hello, who = b"\x05\x02\x00\x02", b"\x01\x03joe\x03two"
    asked = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\nProxy-Authorization: Basic %b\r\n\r\n"
    to_third = b"\x05\x01\x00\x03\x09localhost\x00\x03"
    script = [
        OPENED,
        *(ExpectBytes(len(hello)), Send(b"\x05\x02"), ExpectBytes(len(who)), Send(b"\x01\x00")),
        *(ExpectBytes(len(to_third)), Send(SOCKS5_OPENED)),
        *(StartTLS(certificates.good.server_context()), OPENED, Expect(), Drain()),
    ]
    with ScriptedServer([script]) as server, SimpleClient(*server.address) as client:
        third.lead(client, "origin.example", 443)
        client.write(b"GET / HTTP/1.1\r\n\r\n")
    assert server.requests == [
        asked % (*(b"second.example:2",) * 2, b"first"),
        asked % (*(b"origin.example:443",) * 2, b"third"),
        b"GET / HTTP/1.1\r\n\r\n",
    ]


@pytest.mark.parametrize("outer", ["http", "https", "socks4", "socks4a", "socks5", "socks5h"])
@pytest.mark.parametrize("inner", ["http", "https", "socks4", "socks4a", "socks5", "socks5h"])
def test_each_kind_is_reached_through_each_kind(certificates, outer, inner):
    tls = TLSSettings(ca_file=certificates.ca_file)
    steps = {
        "http": [OPENED],
        "https": [StartTLS(certificates.good.server_context()), OPENED],
        "socks4": [ExpectBytes(9), Send(SOCKS4_OPENED)],
        "socks4a": [ExpectBytes(19), Send(SOCKS4_OPENED)],
        "socks5": [ExpectBytes(3), Send(b"\x05\x00"), ExpectBytes(10), Send(SOCKS5_OPENED)],
        "socks5h": [ExpectBytes(3), Send(b"\x05\x00"), ExpectBytes(16), Send(SOCKS5_OPENED)],
    }
    first = Proxy("localhost", 1, kind=outer, tls=tls)
    proxy = Proxy("localhost", 2, kind=inner, tls=tls, via=first)
    script = [*steps[outer], *steps[inner], Send(b"hello"), Drain()]
    with ScriptedServer([script]) as server, SimpleClient(*server.address) as client:
        proxy.lead(client, "localhost", 3)
        assert client.read(5) == b"hello"


def test_a_proxy_over_tls_is_asked_nothing_if_its_certificate_is_wrong(certificates):
    proxy = Proxy("localhost", 1, "Basic secret", "https")
    script = [StartTLS(certificates.wrong_name.server_context()), Drain()]
    with ScriptedServer([script]) as server, SimpleClient(*server.address) as client:
        proxy = proxy.replace(tls=TLSSettings(ca_file=certificates.ca_file))
        with pytest.raises(errors.TLSFailed, match="not for localhost"):
            proxy.lead(client, "h", 1)
        assert client.closed
    assert server.requests == []


def test_what_comes_before_tls_to_a_second_proxy_is_refused(proxied):
    client, stream = proxied(OPENED + b"\x16")
    proxy = Proxy("second", 1, kind="https", via=Proxy("first", 1))
    with pytest.raises(errors.TLSFailed, match="1 bytes came in the clear"):
        proxy.lead(client, "h", 1)
    assert stream.closed


# --- who refused, and what it is answered


def test_a_refusal_tells_who_refused(proxied):
    first = Proxy("first", 1)
    second = Proxy("second", 1, via=first)
    no = b"HTTP/1.1 403 No\r\n\r\n"
    for pieces, who in (([no], first), ([OPENED, no], second)):
        client, stream = proxied(*pieces)
        with pytest.raises(errors.TunnelRefused) as caught:
            second.lead(client, "h", 1)
        assert caught.value.proxy is who
        assert (client.closed, stream.closed) == (True, True)


def refused(proxy, *challenges, status=407):
    headers = (
        None if not challenges else Headers([("Proxy-Authenticate", one) for one in challenges])
    )
    refusal = errors.TunnelRefused("no", status, headers, b"")
    refusal.proxy = proxy
    return refusal


KNOWN = Proxy("proxy", 1, user="joe", password="password")
BASIC = 'Basic realm="here"'
DIGEST = 'Digest realm="here", nonce="n", qop="auth"'
JOE = "Basic am9lOnBhc3N3b3Jk"


def test_a_challenge_is_answered_with_user_and_password():
    assert KNOWN.answering(refused(KNOWN, BASIC), "h", 1) == KNOWN.replace(authorization=JOE)
    no_password = KNOWN.replace(password=None)
    answered = no_password.answering(refused(no_password, BASIC), "h", 1)
    assert answered.authorization == "Basic am9lOg=="


NOT_ANSWERED = {
    "another status": (KNOWN, [BASIC], 403),
    "nobody known": (Proxy("proxy", 1), [BASIC], 407),
    "no reply": (KNOWN, [], None),
    "a scheme that is not known": (KNOWN, ["Unheard-of x=y"], 407),
    "what was refused": (KNOWN.replace(authorization="basic wrong"), [BASIC], 407),
    "Digest again": (KNOWN.replace(authorization="Digest a=b"), [DIGEST], 407),
    "Basic after Digest": (KNOWN.replace(authorization="digest a=b"), [BASIC], 407),
}


@pytest.mark.parametrize(("proxy", "challenges", "status"), NOT_ANSWERED.values(), ids=NOT_ANSWERED)
def test_what_has_no_answer_is_not_answered(proxy, challenges, status):
    assert proxy.answering(refused(proxy, *challenges, status=status), "h", 1) is None


def test_a_proxy_that_asks_now_for_this_and_now_for_that_is_answered_twice_at_most():
    proxy, answers = KNOWN, []
    for challenge in (BASIC, DIGEST, BASIC):
        proxy = proxy.answering(refused(proxy, challenge), "h", 1)
        if proxy is None:
            break
        answers.append(proxy.authorization.partition(" ")[0])
    assert (answers, proxy) == (["Basic", "Digest"], None)


def test_the_proxy_that_refused_is_the_one_that_answers_in_a_chain():
    last = Proxy("last", 1, user="other", password="other", via=KNOWN)
    answered = last.answering(refused(KNOWN, BASIC), "h", 1)
    assert answered == last.replace(via=KNOWN.replace(authorization=JOE))
    own = last.answering(refused(last, BASIC), "h", 1)
    assert own.via is KNOWN
    assert own.authorization not in (None, JOE)
    stranger = last.replace(via=Proxy("first", 1))
    assert stranger.answering(refused(stranger.via, BASIC), "h", 1) is None


# --- from nothing to the host


def led_through(proxy, options=DEFAULT_OPTIONS, host="h", made=None):
    """What `open_through` gives; the clients that it made on the way go into `made`."""
    made = [] if made is None else made

    def over(stream):
        made.append(SimpleClient.over(stream, timeout=PATIENCE))
        return made[-1]

    return open_through(proxy, host, 1, Deadline(PATIENCE), options, over)


WHO = b'HTTP/1.1 407 Who\r\nProxy-Authenticate: %b realm="here", nonce="n"\r\n\r\n'


def test_a_client_is_led_to_the_host():
    with (
        ScriptedServer([[OPENED, Send(b"hi\n")]]) as server,
        led_through(Proxy(*server.address)) as client,
    ):
        assert client.readline() == b"hi"
    assert server.requests == [b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n"]


def test_a_proxy_that_asks_who_we_are_is_told_over_a_new_connection():
    made = []
    with ScriptedServer([WHO % b"Basic", OPENED]) as server:
        proxy = Proxy(*server.address, user="joe", password="password")
        with led_through(proxy, made=made) as client:
            assert [each.closed for each in made] == [True, False]
            assert client is made[1]
    first, second = server.requests
    assert b"roxy-" not in first
    assert f"\r\nProxy-Authorization: {JOE}\r\n".encode() in second


@pytest.mark.parametrize(("asked", "count"), [(b"Basic", 2), (b"Unheard-of", 1)])
def test_a_proxy_that_can_not_be_told_who_we_are_refuses(asked, count):
    made = []
    with ScriptedServer([WHO % asked] * count) as server:
        proxy = Proxy(*server.address, user="joe", password="password")
        with pytest.raises(errors.TunnelRefused, match="407"):
            led_through(proxy, made=made)
    assert len(server.requests) == count
    assert [each.closed for each in made] == [True] * count


def test_the_address_of_the_host_must_be_allowed_and_the_proxys_need_not():
    asked = []
    options = DialOptions(allow_address=asked.append)
    with ScriptedServer([OPENED]) as server:
        proxy = Proxy(*server.address)
        with pytest.raises(errors.ConnectFailed, match="address not allowed"):
            led_through(proxy, options, "10.0.0.1")
        led_through(proxy, options).close()
    assert asked == ["10.0.0.1"]
    assert len(server.requests) == 1
