"""urllib3, requests and vcrpy, whose connections are subclasses of ours.

urllib3's connections are subclasses of what http.client's are when urllib3 is loaded. So it is
loaded here twice, and requests with it: with http.client as it is, which shows that the tests say
what is so, and with our connections in its place.
"""

import gzip
import hashlib
import http.client
import importlib
import io
import json
import logging
import select
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
from support.proxies import Squid, Tinyproxy, find_program
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.steps import (
    Close,
    Drain,
    Expect,
    ExpectBody,
    ExpectHead,
    HalfClose,
    Pause,
    Reset,
    Send,
    SendSplit,
)
from support.websocket_server import SAMPLE_KEY, websocket_server

from mini_http import HTTPConnection, HTTPSConnection

LIBRARIES = ("requests", "urllib3")
for library in LIBRARIES:
    pytest.importorskip(library)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("no_leaked_descriptors")]

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"6;ext=1\r\nhello,\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n"
)
LARGE = b"0123456789abcdef" * (1 << 20)


def loaded():
    """urllib3 and requests, loaded anew."""
    return SimpleNamespace(**{name: importlib.import_module(name) for name in LIBRARIES})


def loaded_over_ours():
    """The same while http.client's connections are ours."""
    before = http.client.HTTPConnection, http.client.HTTPSConnection
    http.client.HTTPConnection, http.client.HTTPSConnection = HTTPConnection, HTTPSConnection
    try:
        return loaded()
    finally:
        http.client.HTTPConnection, http.client.HTTPSConnection = before


def loaded_with_ours_in_pools():
    """The same, where urllib3's pools have the connections that the manual shows."""
    libraries = loaded()
    ours = importlib.import_module("support.urllib3_connections")
    libraries.urllib3.HTTPConnectionPool.ConnectionCls = ours.Connection
    libraries.urllib3.HTTPSConnectionPool.ConnectionCls = ours.SecureConnection
    return libraries


LOADED = {
    "http.client": loaded,
    "mini_http": loaded_over_ours,
    "ConnectionCls": loaded_with_ours_in_pools,
}


@pytest.fixture(scope="module", params=LOADED)
def libraries(request):
    """They import more of themselves when they are called, so they stay loaded for the tests."""
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if is_of_libraries(name)}
    yield LOADED[request.param]()
    for name in list(sys.modules):
        if is_of_libraries(name):
            del sys.modules[name]
    sys.modules.update(kept)


def is_of_libraries(name):
    return name.partition(".")[0] in LIBRARIES or name == "support.urllib3_connections"


@pytest.fixture
def requests(libraries):
    return libraries.requests


@pytest.fixture
def urllib3(libraries):
    return libraries.urllib3


@pytest.fixture
def session(requests, certificates):
    """A session that trusts the tests' authority and knows no proxies."""
    with requests.Session() as made:
        made.trust_env = False
        made.verify = str(certificates.ca_file)
        yield made


@pytest.fixture
def pool(urllib3, certificates):
    """A PoolManager that trusts the tests' authority and does not try again."""
    with urllib3.PoolManager(ca_certs=str(certificates.ca_file), retries=False) as made:
        yield made


@pytest.fixture(params=["http", "https"])
def site(request, nginx):
    """nginx, plain and over TLS: the beginning of its URLs."""
    return getattr(nginx, request.param)


@pytest.fixture(autouse=True)
def no_records():
    """Has urllib3 log nothing: the records of what went wrong would keep sockets alive."""
    logger = logging.getLogger("urllib3")
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(logging.NOTSET)


def digest(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def files(nginx):
    """What nginx serves, by name."""
    return {name: (nginx.files / name).read_bytes() for name in ("1k", "1m", "text")}


# --- which connections they are


def test_urllib3s_connections_are_ours(libraries, request):
    are_ours = request.node.callspec.params["libraries"] != "http.client"
    for pool in (libraries.urllib3.HTTPConnectionPool, libraries.urllib3.HTTPSConnectionPool):
        assert issubclass(pool.ConnectionCls, HTTPConnection) == are_ours


def test_a_manager_takes_the_pools_of_the_manual(libraries, nginx, certificates):
    ours = importlib.import_module("support.urllib3_connections")
    with libraries.urllib3.PoolManager(ca_certs=str(certificates.ca_file)) as manager:
        manager.pool_classes_by_scheme = {"http": ours.Pool, "https": ours.SecurePool}
        for site in (nginx.http, nginx.https):
            for number in range(1, 4):
                reply = manager.request("GET", f"{site}/connection")
                assert reply.data.split()[1] == str(number).encode()
            pool = manager.connection_from_url(site)
            assert isinstance(pool.pool.queue[-1], HTTPConnection)


PROGRAM = """
import sys

import http.client
import mini_http

http.client.HTTPConnection = mini_http.HTTPConnection
http.client.HTTPSConnection = mini_http.HTTPSConnection

import requests
import urllib3

with requests.Session() as session:
    session.trust_env = False
    for _ in range(3):
        reply = session.get(sys.argv[1])
        print(reply.status_code, len(reply.content))
print(urllib3.connection.HTTPConnection.__mro__[1] is mini_http.HTTPConnection)
"""


def test_a_program_puts_our_connections_under_requests(nginx):
    command = [sys.executable, "-W", "error", "-c", PROGRAM, f"{nginx.http}/chunked/1m"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "200 1048576\n" * 3 + "True\n"
    assert len({line.connection for line in nginx.log()[-3:]}) == 1


# --- bodies


PLACES = ["/{}", "/gzip/{}", "/chunked/{}", "/close/{}"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["1k", "1m", "text"])
def test_requests_gets_whole_bodies(session, site, files, place, name):
    for _ in range(2):
        reply = session.get(site + place.format(name))
        assert reply.status_code == 200
        assert digest(reply.content) == digest(files[name])
        assert reply.raw._original_response.isclosed()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", [1, 1000, 1 << 20, None])
def test_requests_gets_bodies_piece_by_piece(session, site, files, place, size):
    with session.get(site + place.format("text"), stream=True) as reply:
        pieces = list(reply.iter_content(size))
    assert b"".join(pieces) == files["text"]
    with session.get(site + place.format("text"), stream=True) as reply:
        assert list(reply.iter_lines()) == files["text"].splitlines()


@pytest.mark.parametrize("place", PLACES)
def test_urllib3_gives_bodies_in_all_its_ways(pool, site, files, place):
    url = site + place.format("text")
    options = {"headers": {"Accept-Encoding": "gzip"}, "preload_content": False}
    whole = files["text"]

    def by_read(reply):
        return b"".join(iter(lambda: reply.read(777), b""))

    def by_read1(reply):
        return b"".join(iter(reply.read1, b""))

    def by_readinto(reply):
        buffer = bytearray(5000)
        return b"".join(iter(lambda: bytes(buffer[: reply.readinto(buffer)]), b""))

    ways = [
        lambda reply: reply.data,
        lambda reply: reply.read(),
        by_read,
        by_read1,
        by_readinto,
        lambda reply: b"".join(reply),
        lambda reply: b"".join(reply.stream(1000, decode_content=True)),
        lambda reply: b"".join(reply.stream(None, decode_content=True)),
    ]
    for way in ways:
        reply = pool.request("GET", url, **options)
        assert way(reply) == whole
        reply.release_conn()
    coded = pool.request("GET", url, **options, decode_content=False)
    received = coded.read(decode_content=False)
    is_coded = coded.headers.get("content-encoding") == "gzip"
    assert (gzip.decompress(received) if is_coded else received) == whole


def test_chunks_are_taken_apart_by_urllib3_and_the_connection_stays(session, pool):
    with ScriptedServer([[CHUNKED] * 3]) as server:
        reply = pool.request("GET", server.url, preload_content=False)
        assert list(reply.read_chunked()) == [b"hello,", b" world"]
        reply = pool.request("GET", server.url, preload_content=False)
        assert list(reply.read_chunked(4)) == [b"hell", b"o,", b" wor", b"ld"]
        assert pool.request("GET", server.url).data == b"hello, world"
        pool.clear()
    assert len(server.connections) == 1


def test_pieces_come_as_they_are_sent(session):
    pause = Pause()
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    last = b"4\r\nlast\r\n0\r\n\r\n"
    script = [Expect(), Send(head + b"5\r\nfirst\r\n"), pause, Send(last), HELLO]
    with ScriptedServer([script]) as server:
        reply = session.get(server.url, stream=True)
        pieces = reply.iter_content(None)
        assert next(pieces) == b"first"
        pause.resume.set()
        assert list(pieces) == [b"last"]
        assert session.get(server.url).text == "hello"
        session.close()
    assert len(server.connections) == 1


@pytest.mark.parametrize(("status", "method"), [(200, "HEAD"), (204, "GET"), (304, "GET")])
def test_replies_without_a_body_leave_the_connection(session, site, nginx, status, method):
    for _ in range(3):
        path = "/1k" if status == 200 else f"/status/{status}"
        reply = session.request(method, site + path)
        assert (reply.status_code, reply.content) == (status, b"")
        assert method != "HEAD" or reply.headers["Content-Length"] == "1024"
    assert session.get(f"{site}/connection").text.endswith(" 4")


def test_head_of_a_chunked_reply_has_no_body(session, pool):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with ScriptedServer([[head, head, HELLO], [head]]) as server:
        for _ in range(2):
            reply = session.head(server.url)
            assert (reply.headers["Transfer-Encoding"], reply.content) == ("chunked", b"")
        assert session.get(server.url).text == "hello"
        session.close()
        with pool.request("HEAD", server.url, preload_content=False) as reply:
            assert list(reply.stream(100)) == []
    assert len(server.connections) == 2


# --- connections


def test_many_requests_share_a_connection(session, pool, site):
    for number in range(1, 30):
        assert session.get(f"{site}/connection").text.split()[1] == str(number)
        assert pool.request("GET", f"{site}/connection").data.split()[1] == str(number).encode()


def test_threads_share_the_connections_of_a_session(session, site, files):
    adapter = session.get_adapter(site)
    got = []

    def ask():
        for _ in range(15):
            got.append(digest(session.get(f"{site}/gzip/text").content))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [digest(files["text"])] * 60
    pools = adapter.poolmanager.pools
    (pool,) = map(pools.get, pools.keys())
    assert pool.num_connections <= 4


def test_a_reply_that_is_left_costs_its_connection_only(session, site):
    first = session.get(f"{site}/connection").text.split()
    reply = session.get(f"{site}/1m", stream=True)
    assert len(next(reply.iter_content(1000))) == 1000
    reply.close()
    assert reply.raw.closed
    second = session.get(f"{site}/connection").text.split()
    assert (first[1], second[1]) == ("1", "1")
    assert first[0] != second[0]


def test_a_reply_that_is_not_read_is_closed_with_its_block(session, site):
    with session.get(f"{site}/chunked/1m", stream=True) as reply:
        assert reply.status_code == 200
    assert reply.raw.closed
    assert session.get(f"{site}/connection").text.endswith(" 1")


def test_a_connection_that_the_server_closed_is_replaced(session, nginx):
    numbers = [session.get(f"{nginx.forgetful}/connection").text.split()[1] for _ in range(25)]
    assert numbers == [str(number % 10 + 1) for number in range(25)]


@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_an_idle_connection_that_died_is_found(session, certificates, is_secure):
    tls = certificates.good.server_context() if is_secure else None
    with ScriptedServer([[HELLO, Close()], [HELLO]], tls=tls) as server:
        assert session.get(server.url).text == "hello"
        pools = session.get_adapter(server.url).poolmanager.pools
        (idle,) = map(pools.get, pools.keys())
        select.select([idle.pool.queue[-1].sock], [], [], 20)
        assert session.get(server.url).text == "hello"
        session.close()
    assert len(server.connections) == 2


@pytest.mark.parametrize("leave", [Close(), Reset()])
def test_a_request_is_tried_again_as_often_as_is_said(urllib3, leave):
    scripts = [[ExpectHead(), leave], [ExpectHead(), leave], [HELLO]]
    with ScriptedServer(scripts) as server, urllib3.PoolManager(retries=2) as pool:
        assert pool.request("GET", server.url).data == b"hello"
        pool.clear()
    assert len(server.connections) == 3


@pytest.mark.parametrize("leave", [Close(), Reset()])
def test_a_request_is_given_up_where_no_more_tries_are_left(urllib3, session, requests, leave):
    scripts = [[ExpectHead(), leave]]
    with ScriptedServer(scripts, again=True) as server, urllib3.PoolManager() as pool:
        with pytest.raises(urllib3.exceptions.MaxRetryError) as caught:
            pool.request("GET", server.url, retries=1)
        assert isinstance(caught.value.reason, urllib3.exceptions.ProtocolError)
        assert isinstance(caught.value.reason.args[1], ConnectionError)
        with pytest.raises(urllib3.exceptions.ProtocolError, match="Connection aborted"):
            pool.request("GET", server.url, retries=False)
        with pytest.raises(requests.exceptions.ConnectionError, match="Connection aborted"):
            session.get(server.url)
    assert len(server.connections) == 4


@pytest.fixture
def unseeing(libraries, monkeypatch):
    """Has urllib3 take connections that have died for good ones, as if they died a moment later."""
    module = libraries.urllib3.connectionpool
    monkeypatch.setattr(module, "is_connection_dropped", lambda connection: False)


def test_a_connection_that_dies_unseen_is_replaced(urllib3, unseeing):
    gone = threading.Event()
    script = [HELLO, Close(), lambda _: gone.set()]
    with ScriptedServer([script, [HELLO]]) as server, urllib3.PoolManager(retries=1) as pool:
        assert pool.request("GET", server.url).data == b"hello"
        assert gone.wait(20)
        assert pool.request("PUT", server.url, body=b"body").data == b"hello"
        pool.clear()
    assert len(server.connections) == 2


def test_a_tunnel_that_dies_unseen_is_dug_again(urllib3, unseeing, certificates):
    gone = threading.Event()
    heard = []

    def pass_on(connection):
        heard.append(connection.read_head())
        connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        connection.start_tls(certificates.good.server_context())
        connection.read_request()
        connection.send(HELLO)
        connection.close()
        gone.set()

    trusted = {"ca_certs": str(certificates.ca_file), "retries": 1}
    with (
        ScriptedServer(handler=pass_on) as proxy,
        urllib3.ProxyManager(f"http://{proxy.authority}", **trusted) as pool,
    ):
        assert pool.request("GET", "https://localhost/").data == b"hello"
        assert gone.wait(20)
        assert pool.request("GET", "https://localhost/").data == b"hello"
    assert [head.split()[:2] for head in heard] == [[b"CONNECT", b"localhost:443"]] * 2


def test_a_status_is_tried_again(urllib3):
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 4\r\n\r\nbusy"
    chunked = CHUNKED.replace(b"200 OK", b"503 Busy")
    with ScriptedServer([[busy, chunked, HELLO]]) as server, urllib3.PoolManager() as pool:
        retries = urllib3.Retry(3, status_forcelist=[503], backoff_factor=0)
        assert pool.request("GET", server.url, retries=retries).data == b"hello"
        pool.clear()
    assert len(server.connections) == 1


# --- redirects, cookies, heads


def test_redirects_are_followed_on_one_connection(session, site, files, nginx):
    reply = session.get(f"{site}/r1")
    assert [step.status_code for step in reply.history] == [301, 302, 307]
    assert reply.content == files["1k"]
    assert len({line.connection for line in nginx.log()[-4:]}) == 1


def test_endless_redirects_end(session, requests, site):
    with pytest.raises(requests.exceptions.TooManyRedirects):
        session.get(f"{site}/loop")


def test_cookies_are_kept(session):
    reply = (
        b"HTTP/1.1 302 Found\r\nLocation: /next\r\nSet-Cookie: a=1; Path=/\r\n"
        b"Set-Cookie: b=2; Path=/\r\nContent-Length: 0\r\n\r\n"
    )
    with ScriptedServer([[reply, HELLO]]) as server:
        assert session.get(server.url).text == "hello"
        session.close()
    assert session.cookies.get_dict() == {"a": "1", "b": "2"}
    assert b"\r\nCookie: a=1; b=2\r\n" in server.requests[1]


def test_repeated_and_folded_fields_are_told(pool):
    head = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-A: 2\r\nX-B: one\r\n two\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([head]) as server:
        reply = pool.request("GET", server.url)
        pool.clear()
    assert reply.headers.getlist("x-a") == ["1", "2"]
    assert reply.headers["X-B"] == "one two"
    assert (reply.version, reply.reason) == (11, "OK")


def test_hooks_find_certificate_and_address_of_the_server(session, pool, nginx):
    with session.get(f"{nginx.https}/1m", stream=True) as reply:
        sock = reply.raw._connection.sock
        assert ("DNS", "localhost") in sock.getpeercert()["subjectAltName"]
        assert sock.getpeername() == ("127.0.0.1", nginx.ports["https"])
    reply = pool.request("GET", f"{nginx.http}/chunked/1m", preload_content=False)
    assert reply._fp.fp.raw._sock.getpeername() == ("127.0.0.1", nginx.ports["http"])
    assert reply._fp.fp.raw.fileno() == reply.connection.sock.fileno()
    reply.close()


# --- uploads


def echoed(reply):
    """What the echo server got: its account, with the body's digest."""
    import base64

    account = reply.json()
    return {**account, "body": base64.b64decode(account["body"])}


def generated():
    yield b"one, "
    yield b"two, "
    yield b"three"


UPLOADS = {
    "bytes": lambda: {"data": b"12345"},
    "text": lambda: {"data": "grüße".encode()},
    "form": lambda: {"data": {"a": "1", "b": ["2", "3"]}},
    "json": lambda: {"json": {"a": [1, 2]}},
    "file": lambda: {"data": io.BytesIO(LARGE)},
    "large": lambda: {"data": LARGE},
    "generator": lambda: {"data": generated()},
    "multipart": lambda: {"files": {"f": ("n.bin", b"x" * 100_000)}, "data": {"k": "v"}},
    "nothing": dict,
}


@pytest.mark.parametrize("kind", UPLOADS)
@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_requests_uploads(session, requests, certificates, kind, is_secure):
    tls = certificates.good.server_context() if is_secure else None
    with EchoServer(tls=tls) as server:
        for _ in range(2):
            account = echoed(session.post(server.url, **UPLOADS[kind]()))
            expected = requests.Request("POST", server.url, **UPLOADS[kind]()).prepare().body
            if kind == "multipart":
                assert account["body"].count(b"x" * 100_000) == 1
            elif kind == "generator":
                assert account["body"] == b"one, two, three"
                assert dict(account["headers"])["Transfer-Encoding"] == "chunked"
            else:
                expected = expected.encode() if isinstance(expected, str) else expected
                expected = expected.read() if hasattr(expected, "read") else expected
                assert account["body"] == (expected or b"")
        session.close()
    assert server.connections == 1


@pytest.mark.parametrize(
    "body",
    [b"bytes", "text", io.BytesIO(b"file"), [b"a", b"", b"list"], io.StringIO("text file")],
    ids=["bytes", "text", "file", "list", "text file"],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_urllib3_uploads(pool, echo_server, body, chunked):
    account = echoed(pool.request("PUT", echo_server.url, body=body, chunked=chunked))
    assert account["body"] in (b"bytes", b"text", b"file", b"alist", b"text file")
    if hasattr(body, "seek"):
        body.seek(0)


def test_a_body_is_sent_again_where_the_redirect_keeps_it(session):
    moved = b"HTTP/1.1 307 Moved\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[moved, HELLO]]) as server:
        assert session.post(server.url, data=io.BytesIO(b"the body")).text == "hello"
        session.close()
    assert [request.partition(b"\r\n\r\n")[2] for request in server.requests] == [b"the body"] * 2


@pytest.mark.parametrize("end", [[HalfClose()], [Drain()]], ids=["closes", "stays"])
def test_an_early_reply_is_given(session, pool, end):
    scripts = [[ExpectHead(), Send(TOO_LARGE), *end]] * 2
    with ScriptedServer(scripts) as server:
        reply = session.put(server.url, data=io.BytesIO(LARGE))
        assert (reply.status_code, reply.text) == (413, "no!")
        reply = pool.request("PUT", server.url, body=LARGE, chunked=True)
        assert (reply.status, reply.data) == (413, b"no!")


def test_an_early_reply_is_given_though_the_server_stopped_reading(session):
    with ScriptedServer([[ExpectHead(), Send(TOO_LARGE), Close()]]) as server:
        reply = session.put(server.url, data=iter([LARGE, LARGE, LARGE]))
    assert (reply.status_code, reply.text) == (413, "no!")


def test_interim_replies_are_skipped(session):
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    with ScriptedServer([[ExpectHead(), Send(interim), ExpectBody(), Send(HELLO)]]) as server:
        assert session.put(server.url, data=b"body").text == "hello"


# --- what goes wrong


def test_a_reply_that_does_not_come_is_a_read_timeout(session, requests, pool, urllib3):
    pause = Pause()
    with ScriptedServer([[Expect(), pause]] * 3) as server:
        with pytest.raises(requests.exceptions.ReadTimeout, match="Read timed out"):
            session.get(server.url, timeout=(20, 0.05))
        with pytest.raises(urllib3.exceptions.ReadTimeoutError):
            pool.request("GET", server.url, timeout=urllib3.Timeout(connect=20, read=0.05))
        with pytest.raises(urllib3.exceptions.MaxRetryError):
            pool.request("GET", server.url, timeout=0.05, retries=urllib3.Retry(0))
        pause.resume.set()


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
    ],
    ids=["length", "chunked", "until close"],
)
@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_a_body_that_stalls_is_a_read_timeout(session, requests, certificates, begun, is_secure):
    pause = Pause()
    tls = certificates.good.server_context() if is_secure else None
    with ScriptedServer([[begun, pause]] * 2, tls=tls) as server:
        with session.get(server.url, stream=True, timeout=0.2) as reply:
            pieces = reply.iter_content(5)
            assert next(pieces) == b"hello"
            with pytest.raises(requests.exceptions.ConnectionError, match="Read timed out"):
                next(pieces)
        with pytest.raises(requests.exceptions.ConnectionError, match="Read timed out"):
            session.get(server.url, timeout=0.2)
        pause.resume.set()


def test_timeouts_hold_for_one_request_only(session):
    pause = Pause()
    slow = [Expect(), pause, Send(HELLO)]
    with ScriptedServer([[HELLO, *slow]]) as server:
        assert session.get(server.url, timeout=0.05).text == "hello"
        threading.Timer(0.2, pause.resume.set).start()
        assert session.get(server.url, timeout=20).text == "hello"
        session.close()
    assert len(server.connections) == 1


def test_a_refused_connection_is_a_connection_error(session, requests, pool, urllib3):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(requests.exceptions.ConnectionError, match="refused"):
        session.get(f"http://127.0.0.1:{port}/")
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        pool.request("GET", f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "cut",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n\r\n",
    ],
    ids=["length", "between chunks", "in a chunk", "no chunk"],
)
@pytest.mark.parametrize("leave", [Close(), Reset()])
def test_a_body_that_is_cut_is_an_error(session, requests, pool, urllib3, cut, leave):
    errors = requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError
    theirs = urllib3.exceptions.ProtocolError, urllib3.exceptions.InvalidChunkLength
    with ScriptedServer([[Expect(), SendSplit([cut]), leave]] * 4) as server:
        with pytest.raises(errors):
            session.get(server.url)
        with session.get(server.url, stream=True) as reply, pytest.raises(errors):
            list(reply.iter_content(3))
        with pytest.raises(theirs):
            pool.request("GET", server.url)
        reply = pool.request("GET", server.url, preload_content=False)
        with pytest.raises(theirs):
            list(reply.stream(2))
        reply.close()


@pytest.mark.parametrize("reply", [b"nonsense\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n\r\n"])
def test_a_reply_that_is_none_is_an_error(session, requests, reply):
    with (
        ScriptedServer([[Expect(), Send(reply), Close()]]) as server,
        pytest.raises(requests.exceptions.ConnectionError, match="Connection aborted"),
    ):
        session.get(server.url)


# --- TLS


@pytest.mark.parametrize("port", ["wrong_name", "expired", "self_signed", "unknown_issuer"])
def test_bad_certificates_are_refused(session, requests, pool, urllib3, nginx, port):
    url = f"{getattr(nginx, port)}/1k"
    with pytest.raises(requests.exceptions.SSLError, match="certificate"):
        session.get(url)
    with pytest.raises(urllib3.exceptions.SSLError):
        pool.request("GET", url)


@pytest.mark.filterwarnings(
    "ignore:Unverified HTTPS request", "ignore::mini_http.UnverifiedTLSWarning"
)
@pytest.mark.parametrize("port", ["wrong_name", "expired", "self_signed", "unknown_issuer"])
def test_bad_certificates_are_taken_by_who_says_so(session, nginx, files, port):
    assert session.get(f"{getattr(nginx, port)}/1k", verify=False).content == files["1k"]


def test_another_name_is_asserted_or_refused_by_name(urllib3, certificates, nginx, files, request):
    trusted = {"ca_certs": str(certificates.ca_file), "retries": False}
    with urllib3.PoolManager(**trusted, assert_hostname=False) as pool:
        assert pool.request("GET", f"{nginx.wrong_name}/1k").data == files["1k"]
    error, text = urllib3.exceptions.SSLError, "doesn't match"
    if request.node.callspec.params["libraries"] == "ConnectionCls":
        error, text = TypeError, "assert_hostname"
    trusted["assert_hostname"] = "elsewhere.example"
    with urllib3.PoolManager(**trusted) as pool, pytest.raises(error, match=text):
        pool.request("GET", f"{nginx.https}/1k")


def test_a_client_shows_its_certificate(session, nginx, certificates, files):
    pair = str(certificates.client.chain), str(certificates.client.key)
    assert session.get(f"{nginx.client_wanted}/1k", cert=pair).content == files["1k"]
    assert session.get(f"{nginx.client_wanted}/1k").status_code == 400


def test_a_fingerprint_is_asserted_or_refused_by_name(urllib3, certificates, nginx, request):
    is_known = request.node.callspec.params["libraries"] != "ConnectionCls"
    error, text = urllib3.exceptions.SSLError, "Fingerprints did not match"
    if not is_known:
        error, text = TypeError, "assert_fingerprint"
    trusted = {"ca_certs": str(certificates.ca_file), "retries": False}
    with (
        urllib3.PoolManager(**trusted, assert_fingerprint="00" * 32) as pool,
        pytest.raises(error, match=text),
    ):
        pool.request("GET", f"{nginx.https}/1k")


# --- proxies


@pytest.fixture(params=[Tinyproxy, Squid])
def proxy(request):
    if find_program(request.param.program) is None:
        pytest.skip(f"{request.param.program} is not installed")
    with request.param() as running:
        yield running


def test_requests_goes_through_proxies(session, nginx, proxy, files):
    proxies = {"http": proxy.url, "https": proxy.url}
    for _ in range(3):
        assert session.get(f"{nginx.http}/1k", proxies=proxies).content == files["1k"]
        reply = session.get(f"{nginx.https}/chunked/1m", proxies=proxies)
        assert digest(reply.content) == digest(files["1m"])
        assert session.head(f"{nginx.https}/1k", proxies=proxies).status_code == 200
    session.close()
    proxy._end()
    proxy.read_logs()
    tunnels = [request for request in proxy.requests if request.startswith("CONNECT ")]
    assert len(tunnels) == 1
    assert len(proxy.requests) == 4


def test_credentials_for_the_proxy_go_to_the_proxy(session, nginx, requests, files):
    if find_program("tinyproxy") is None:
        pytest.skip("tinyproxy is not installed")
    with Tinyproxy("me", "secret") as proxy:
        known = {"https": f"http://me:secret@{proxy.address}"}
        assert session.get(f"{nginx.https}/1k", proxies=known).content == files["1k"]
        with pytest.raises(requests.exceptions.ProxyError, match="Tunnel connection failed: 407"):
            session.get(f"{nginx.https}/1k", proxies={"https": proxy.url})


def test_a_proxy_that_is_not_there_is_a_proxy_error(session, requests, nginx):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for url in (f"{nginx.http}/1k", f"{nginx.https}/1k"):
        with pytest.raises(requests.exceptions.ProxyError):
            session.get(url, proxies=dict.fromkeys(("http", "https"), f"http://127.0.0.1:{port}"))


# --- a socket in its hands, as Docker's client has it


def test_the_socket_is_taken_over_after_an_upgrade(session):
    with websocket_server() as server:
        fields = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": SAMPLE_KEY,
            "Sec-WebSocket-Version": "13",
        }
        reply = session.get(server.url, headers=fields, stream=True)
        assert reply.status_code == 101
        raw = reply.raw._fp.fp.raw
        raw._sock.sendall(b"\x81\x85\0\0\0\0hello")
        assert raw.read(100) == b"\x81\x05hello"
        reply.close()
        session.close()


def test_a_stream_is_read_from_its_socket(session):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
    pause = Pause()
    with ScriptedServer([[head, pause, Send(b"to the end"), Close()]]) as server:
        reply = session.get(server.url, stream=True)
        raw = reply.raw._fp.fp.raw
        raw._sock.settimeout(None)
        pause.resume.set()
        assert b"".join(iter(lambda: raw.read(4), b"")) == b"to the end"
        reply.close()


# --- vcrpy, which records


@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_vcr_records_and_plays_what_our_connections_get(tmp_path, certificates, is_secure):
    vcr = pytest.importorskip("vcr")
    stubs = importlib.import_module("vcr.stubs")

    class Recorded(stubs.VCRHTTPConnection):
        _baseclass = HTTPConnection

    class RecordedSecurely(stubs.VCRHTTPSConnection):
        _baseclass = HTTPSConnection

    program = SimpleNamespace(Plain=HTTPConnection, Secure=HTTPSConnection)
    patches = [(program, "Plain", Recorded), (program, "Secure", RecordedSecurely)]
    recorder = vcr.VCR(custom_patches=patches, cassette_library_dir=str(tmp_path))
    tls = certificates.good.server_context() if is_secure else None

    def ask(port):
        if is_secure:
            context = certificates.client_context()
            connection = program.Secure("localhost", port, context=context)
        else:
            connection = program.Plain("localhost", port)
        replies = []
        for body in (None, b"a body"):
            connection.request("POST", "/path?query", body, {"X-Field": "value"})
            reply = connection.getresponse()
            replies.append((reply.status, reply.getheader("content-type"), json.load(reply)))
        connection.close()
        return replies

    with EchoServer(tls=tls) as server, recorder.use_cassette("replies"):
        recorded = ask(server.port)
    with recorder.use_cassette("replies", record_mode="none") as cassette:
        assert ask(server.port) == recorded
    assert cassette.all_played
    assert [reply["request"] for _, _, reply in recorded] == [0, 1]  # on one connection
    assert len(server.requests) == 2


RECORDING = """
import sys

import http.client
import mini_http

http.client.HTTPConnection = mini_http.HTTPConnection
http.client.HTTPSConnection = mini_http.HTTPSConnection

import requests
import vcr

def get(url):
    with requests.Session() as session:
        session.trust_env = False
        reply = session.get(url)
        return reply.status_code, len(reply.content)

url, cassette = sys.argv[1:]
with vcr.use_cassette(cassette):
    recorded = [get(url + "/chunked/1m"), get(url + "/r1"), get(url + "/status/404")]
with vcr.use_cassette(cassette, record_mode="none"):
    assert [get(url + "/chunked/1m"), get(url + "/r1"), get(url + "/status/404")] == recorded
print(recorded)
"""


def test_vcr_records_what_requests_gets_over_our_connections(tmp_path, nginx):
    pytest.importorskip("vcr")
    before = len(nginx.log())
    arguments = [nginx.http, str(tmp_path / "cassette.yaml")]
    command = [sys.executable, "-c", RECORDING, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[(200, 1048576), (200, 1024), (404, 4)]\n"
    assert len(nginx.log()) - before == 6
