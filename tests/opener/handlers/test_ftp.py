"""FTPHandler and CacheFTPHandler: from a URL to a file, and which connection it comes over."""

import ftplib
import io
import socket
import ssl
import threading
import urllib.error
import urllib.request

import pytest
from support.descriptors import open_descriptors
from support.ftp_server import FILES, HANG_UP, SILENCE, FTPServer
from support.ipv6 import needs_ipv6
from support.waits import PATIENCE, SOON

from mini_http import Request, Timeout, TLSSettings
from mini_http.base import errors
from mini_http.base.headers import Headers
from mini_http.connect.dial import DialOptions
from mini_http.opener.director import OpenerDirector
from mini_http.opener.handlers.ftp import CacheFTPHandler, FTPHandler

DATA = FILES["/pub/deep/data.bin"]
HELLO = FILES["/hello.txt"]


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_open():
    before = open_descriptors()
    yield
    assert len(open_descriptors()) <= len(before)


def opener_with(handler):
    opener = OpenerDirector()
    opener.add_handler(handler)
    return opener


def ftp_open(server, path="hello.txt", handler=None, timeout=PATIENCE, userinfo=""):
    """Opens ftp://<server>/<path>."""
    url = f"ftp://{userinfo}{server.authority}/{path}"
    return opener_with(handler or FTPHandler()).open(url, timeout=timeout)


def fetched(opener, url):
    with opener.open(url, timeout=PATIENCE) as reply:
        return reply.read()


# --- the reply


def test_a_file_comes_with_its_type_and_length():
    with FTPServer() as server, ftp_open(server, "pub/page.html") as reply:
        assert reply.read() == FILES["/pub/page.html"]
        assert isinstance(reply.headers, Headers)
        assert reply.info().items() == [("Content-type", "text/html"), ("Content-length", "15")]
        assert reply.geturl() == reply.url == f"ftp://{server.authority}/pub/page.html"
        assert (reply.status, reply.code, reply.getcode()) == (None, None, None)


def test_where_the_server_tells_no_length_there_is_none():
    with (
        FTPServer({"/x": b"?"}, answers={"SIZE": "500 No"}) as server,
        ftp_open(server, "x") as reply,
    ):
        assert reply.read() == b"?"
        assert reply.headers.items() == []


@pytest.mark.parametrize("name", ["a.gif", "a.gif;type=a", "a.gif#part", "a.gif?b", "a", "a.tgz"])
def test_the_type_is_what_urllib_says_on_the_running_python(name):
    theirs = urllib.request.FTPHandler()
    theirs.connect_ftp = lambda *account: NotingHandler()
    url = f"ftp://127.0.0.1/{name}"
    with opener_with(NotingHandler()).open(url) as reply, opener_with(theirs).open(url) as other:
        assert reply.headers["Content-type"] == other.headers["Content-type"]


@pytest.mark.parametrize("url", ["ftp://[::1]/a:%2F%2F[x.gif", "ftp://127.0.0.1//[x.gif"])
def test_a_name_with_a_bracket_has_a_type_too(url):
    with opener_with(NotingHandler()).open(url) as reply:
        assert reply.headers["Content-type"] == "image/gif"


def test_an_empty_file_is_a_file():
    with FTPServer() as server, ftp_open(server, "pub/empty") as reply:
        assert (reply.read(), reply.headers["content-length"]) == (b"", "0")


@pytest.mark.parametrize("path", ["pub/deep/", "pub/deep", "pub/deep;type=d", "pub/deep/;type=i"])
def test_a_directory_is_listed(path):
    with FTPServer() as server, ftp_open(server, path) as reply:
        assert reply.read().endswith(b" data.bin\r\n")
        assert reply.headers.items() == []


def test_the_connection_is_closed_once_the_reply_was_read():
    with FTPServer() as server:
        reply = ftp_open(server)
        assert reply.read() == HELLO
        server.connections[0].drain()  # returns when the client has closed
        assert reply.read() == b""
        reply.close()


def test_the_connection_is_closed_with_the_reply():
    with FTPServer() as server:
        with ftp_open(server, "pub/deep/data.bin") as reply:
            assert reply.read(1) == b"\0"
        server.connections[0].drain()
        assert reply.closed


def test_a_file_that_is_cut_is_an_error():
    with (
        FTPServer(cut=5) as server,
        ftp_open(server) as reply,
        pytest.raises(errors.IncompleteRead, match="5 bytes read, 10 more expected") as caught,
    ):
        reply.read()
    assert caught.value.partial == b"Hello"


# --- the URL


@pytest.mark.parametrize(
    ("path", "commands"),
    [
        ("x", ["TYPE I", "SIZE x", "EPSV", "RETR x"]),
        ("x;type=i", ["TYPE I", "SIZE x", "EPSV", "RETR x"]),
        ("x;type=I", ["TYPE I", "SIZE x", "EPSV", "RETR x"]),
        ("x;type=A", ["TYPE A", "EPSV", "RETR x"]),
        ("x;type=a", ["TYPE A", "EPSV", "RETR x"]),
        ("x;type=b", ["TYPE I", "SIZE x;type=b", "EPSV", "RETR x;type=b"]),
        ("x;y", ["TYPE I", "SIZE x;y", "EPSV", "RETR x;y"]),
        ("x?y#z", ["TYPE I", "SIZE x?y", "EPSV", "RETR x?y"]),
        ("x%3Btype=a", ["TYPE I", "SIZE x;type=a", "EPSV", "RETR x;type=a"]),
        ("a/b/x", ["CWD a/b", "TYPE I", "SIZE x", "EPSV", "RETR x"]),
        ("a%20b/%78", ["CWD a b", "TYPE I", "SIZE x", "EPSV", "RETR x"]),
        ("%2Fa/x", ["CWD /a", "TYPE I", "SIZE x", "EPSV", "RETR x"]),
        ("/a/x", ["CWD /a", "TYPE I", "SIZE x", "EPSV", "RETR x"]),
        ("%C3%A9", ["TYPE I", "SIZE é", "EPSV", "RETR é"]),
        ("%E9", ["TYPE I", "SIZE \udce9", "EPSV", "RETR \udce9"]),
        ("é", ["TYPE I", "SIZE é", "EPSV", "RETR é"]),
    ],
)
def test_a_path_says_what_is_asked_for(path, commands):
    with (
        FTPServer(answers={"CWD": "250 Yes", "RETR": "532 Not really."}) as server,
        pytest.raises(errors.URLError, match="532"),
    ):
        ftp_open(server, path)
    assert server.commands[2 : 2 + len(commands)] == commands


@pytest.mark.parametrize("odd", ["%0D%0ADELE%20x", "%0A", "%0d", "%00"])
@pytest.mark.parametrize("url", ["ftp://{}/a{}", "ftp://{}/a{}/b", "ftp://{}/a;type=a{}"])
def test_a_path_can_not_hold_a_command(url, odd):
    with (
        FTPServer() as server,
        pytest.raises(errors.InvalidURL, match="can't contain CR, LF or NUL"),
    ):
        opener_with(FTPHandler()).open(url.format(server.authority, odd))
    assert server.connections == []


@pytest.mark.parametrize("userinfo", ["joe%0D%0ADELE:secret@", "joe:secret%0D%0ADELE%20x@"])
def test_neither_can_user_and_password(userinfo):
    with FTPServer() as server, pytest.raises(errors.InvalidURL) as caught:
        ftp_open(server, userinfo=userinfo)
    assert server.connections == []
    assert "secret" not in str(caught.value)


def test_user_and_password_are_decoded():
    with (
        FTPServer(passwords={"j@e": "p:w %"}) as server,
        ftp_open(server, userinfo="j%40e:p:w%20%25@") as reply,
    ):
        assert reply.read() == HELLO
    assert server.commands[:2] == ["USER j@e", "PASS p:w %"]


def test_nobody_in_particular_is_anonymous():
    with FTPServer() as server, ftp_open(server) as reply:
        assert reply.read() == HELLO
    assert server.commands[:2] == ["USER anonymous", "PASS anonymous@"]


@pytest.mark.parametrize("url", ["ftp:///path", "ftp:path", "ftps:///x"])
def test_a_url_needs_a_host(url):
    with pytest.raises(urllib.error.URLError, match="no host given") as caught:
        opener_with(FTPHandler()).open(url)
    assert caught.value.filename is None


@needs_ipv6
def test_ipv6_works():
    with FTPServer(at="::1") as server, ftp_open(server) as reply:
        assert reply.read() == HELLO


def test_a_port_that_is_not_given_is_21_and_990_over_tls():
    handler = NotingHandler()
    opener_with(handler).open("ftp://127.0.0.1/x")
    opener_with(handler).open("ftps://127.0.0.1/x")
    assert [given[3] for given in handler.given] == [21, 990]


# --- what goes wrong


@pytest.mark.parametrize(
    ("answers", "kind", "code"),
    [
        ({"220": "421 Full."}, ftplib.error_temp, "421"),
        ({"PASS": "530 Not you."}, ftplib.error_perm, "530"),
        ({"CWD": "550 No such directory."}, ftplib.error_perm, "550"),
        ({"TYPE": "504 Never."}, ftplib.error_perm, "504"),
        ({"EPSV": "425 No ports left."}, ftplib.error_temp, "425"),
        ({"RETR": "550 No such file."}, ftplib.error_perm, "550"),
        ({"RETR": "999 What?"}, ftplib.error_proto, "999"),
        ({"USER": "120 In ten minutes."}, ftplib.error_reply, "120"),
    ],
)
def test_what_the_server_refuses_is_a_urlerror(answers, kind, code):
    with FTPServer(answers=answers) as server, pytest.raises(urllib.error.URLError) as caught:
        ftp_open(server, "pub/nothing")
    assert isinstance(caught.value.reason, kind)
    assert str(caught.value).startswith(f"ftp error: {code} ")


def test_a_servers_text_is_cut_and_can_not_play_with_the_terminal():
    text = "550-No.\r\n550 \x1b[2J" + "!" * 1000
    with FTPServer(answers={"RETR": text}) as server, pytest.raises(errors.URLError) as caught:
        ftp_open(server)
    assert str(caught.value).startswith("ftp error: 550-No. 550  [2J!!!")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("verb", ["PASS", "TYPE", "EPSV", "RETR", "226"])
@pytest.mark.parametrize("said", ["530 secret is wrong.", "350 secret?", "secret", "530 No."])
def test_no_error_shows_the_password(verb, said):
    with (
        FTPServer(passwords={"joe": "secret"}, answers={verb: said, "PASV": said}) as server,
        pytest.raises(errors.URLError) as caught,
        ftp_open(server, userinfo="joe:secret@") as reply,
    ):
        reply.read()
    error = caught.value
    while error is not None:
        assert "secret" not in f"{error} {error!r} {getattr(error, 'reason', None)!r}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("verb", ["USER", "TYPE", "EPSV", "RETR"])
def test_a_server_that_hangs_up_is_a_urlerror(verb):
    with FTPServer(answers={verb: HANG_UP}) as server, pytest.raises(errors.RemoteDisconnected):
        ftp_open(server)


def test_a_port_where_nobody_listens_is_a_urlerror():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(errors.ConnectFailed) as caught:
        opener_with(FTPHandler()).open(f"ftp://127.0.0.1:{port}/x")
    assert isinstance(caught.value.reason, ConnectionRefusedError)
    assert caught.value.filename is None


def test_a_name_without_an_address_is_a_urlerror():
    def nobody(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "nobody")

    handler = FTPHandler(options=DialOptions(resolver=nobody))
    with pytest.raises(errors.NameNotResolved, match="nobody"):
        opener_with(handler).open("ftp://nowhere.example/x")


def test_addresses_can_be_forbidden():
    handler = FTPHandler(options=DialOptions(allow_address=lambda address: False))
    with FTPServer() as server, pytest.raises(errors.ConnectFailed, match="not allowed"):
        ftp_open(server, handler=handler)


TIMEOUTS = {
    "a number": 10 * SOON,
    "a read timeout": Timeout(read=10 * SOON),
    "a total": Timeout(None, None, 10 * SOON),
}


@pytest.mark.parametrize("timeout", TIMEOUTS.values(), ids=TIMEOUTS)
@pytest.mark.parametrize("at", ["220", "EPSV"])
def test_an_answer_that_does_not_come_has_timed_out(at, timeout):
    with (
        FTPServer(answers={at: SILENCE}) as server,
        pytest.raises(errors.TimedOut, match="timed out") as caught,
    ):
        ftp_open(server, timeout=timeout)
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, urllib.error.URLError)


def test_data_that_do_not_come_have_timed_out():
    with (
        FTPServer(cut=5, data_end="stay") as server,
        ftp_open(server, timeout=10 * SOON) as reply,
        pytest.raises(errors.ReadTimedOut, match="timed out"),
    ):
        reply.read()


@pytest.mark.parametrize(("wrong", "error"), [(0, ValueError), ("5", TypeError)])
def test_what_is_no_timeout_is_refused_before_anything_is_sent(wrong, error):
    with FTPServer() as server, pytest.raises(error, match="timeout must be"):
        ftp_open(server, timeout=wrong)
    assert server.connections == []


# --- over TLS


@pytest.fixture
def trusting(certificates):
    return TLSSettings(ca_file=certificates.ca_file)


def test_ftps_secures_both_connections(certificates, trusting):
    with FTPServer(tls=certificates.good.server_context()) as server:
        opener = opener_with(FTPHandler(tls=trusting))
        assert fetched(opener, f"ftps://localhost:{server.port}/pub/deep/data.bin") == DATA
    assert server.commands[0] == "AUTH TLS"
    assert server.resumed == [True]


def test_ftps_trusts_the_usual_authorities_by_default(certificates):
    with (
        FTPServer(tls=certificates.good.server_context()) as server,
        pytest.raises(errors.TLSFailed, match="unknown issuer") as caught,
    ):
        opener_with(FTPHandler()).open(f"ftps://localhost:{server.port}/x")
    assert isinstance(caught.value.reason, ssl.SSLCertVerificationError)
    assert server.commands == ["AUTH TLS"]


def test_ftps_is_for_the_name_in_the_url(certificates, trusting):
    with (
        FTPServer(tls=certificates.wrong_name.server_context()) as server,
        pytest.raises(errors.TLSFailed, match="not for localhost"),
    ):
        opener_with(FTPHandler(tls=trusting)).open(f"ftps://localhost:{server.port}/x")


def test_ftps_is_never_downgraded(trusting):
    with FTPServer() as server, pytest.raises(errors.URLError, match="502"):
        opener_with(FTPHandler(tls=trusting)).open(f"ftps://joe:secret@localhost:{server.port}/x")
    assert server.commands == ["AUTH TLS"]


# --- subclasses and strangers


class NotingHandler(FTPHandler):
    """Notes what it is to connect to; there, every file is "yes"."""

    def __init__(self):
        self.given = []
        self.asked = []

    def connect_ftp(self, user, passwd, host, port, dirs, timeout):
        self.given.append((user, passwd, host, port, dirs, timeout))
        return self

    connect_ftps = connect_ftp

    def retrfile(self, file, type):
        self.asked.append((file, type))
        return io.BytesIO(b"yes"), 3


def test_connecting_can_be_overridden_as_in_urllib():
    handler = NotingHandler()
    with opener_with(handler).open("ftp://joe:secret@127.0.0.1/a/b%20c/d.txt") as reply:
        assert reply.read() == b"yes"
        assert reply.headers.items() == [("Content-type", "text/plain"), ("Content-length", "3")]
    mark = socket._GLOBAL_DEFAULT_TIMEOUT
    assert handler.given == [("joe", "secret", "127.0.0.1", 21, ["a", "b c"], mark)]
    assert handler.asked == [("d.txt", "I")]


def test_overriders_are_given_an_ipv4_address_and_for_tls_the_name():
    six = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::2", 21, 0, 0))
    four = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.9", 21))
    handler = NotingHandler()
    for addresses in ([six, four], [six]):
        handler._options = DialOptions(resolver=lambda host, port, found=addresses: found)
        opener_with(handler).open("ftp://some.example/x")
    opener_with(handler).open("ftps://some.example/x")
    assert [given[2] for given in handler.given] == ["127.0.0.9", "some.example", "some.example"]


def test_overriders_are_given_the_timeout_as_it_was_given_but_for_its_total():
    handler = NotingHandler()
    for timeout in (5, None, Timeout(1, 2), Timeout(1, 2, 3)):
        opener_with(handler).open("ftp://127.0.0.1/x", timeout=timeout)
    *others, last = [given[-1] for given in handler.given]
    assert others == [5, None, Timeout(1, 2)]
    assert last.replace(total=None) == Timeout(1, 2)
    assert 0 < last.total <= 3


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (EOFError("gone"), errors.FTPRefused, "ftp error: gone"),
        (ftplib.error_perm("500 no"), errors.FTPRefused, "ftp error: 500 no"),
        (ConnectionResetError("reset"), errors.FTPRefused, "ftp error: reset"),
        (TimeoutError("too late"), errors.TimedOut, "timed out"),
        (urllib.error.URLError("own"), urllib.error.URLError, "<urlopen error own>"),
    ],
)
def test_whatever_an_overrider_raises_is_a_urlerror(error, kind, text):
    class Raising(FTPHandler):
        def connect_ftp(self, *account):
            raise error

    with pytest.raises(urllib.error.URLError) as caught:
        opener_with(Raising()).open("ftp://127.0.0.1/x")
    assert isinstance(caught.value, kind)
    assert str(caught.value) == text
    assert caught.value is error or caught.value.reason is error


@pytest.mark.parametrize("handler", [FTPHandler, CacheFTPHandler])
def test_it_works_in_urllibs_opener(handler):
    handler = handler()
    with FTPServer() as server:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), handler)
        for _ in range(2):
            assert fetched(opener, f"ftp://{server.authority}/pub/deep/data.bin") == DATA
        request = urllib.request.Request(f"ftp://{server.authority}/pub/;type=d")
        assert b"page.html" in fetched(opener, request)
        with pytest.raises(urllib.error.URLError, match="550"):
            opener.open(f"ftp://{server.authority}/nothing")
        handler.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_urllibs_handler_works_in_ours():
    with FTPServer() as server:
        opener = opener_with(urllib.request.FTPHandler())
        server.answers["EPSV"] = "500 urllib does not ask"
        assert fetched(opener, f"ftp://{server.authority}/pub/deep/data.bin") == DATA


def test_a_request_can_be_opened_too():
    with FTPServer() as server:
        request = Request(f"ftp://{server.authority}/hello.txt")
        assert [fetched(opener_with(FTPHandler()), request) for _ in range(2)] == [HELLO, HELLO]


@pytest.mark.parametrize("scheme", ["ftp", "ftps"])
def test_it_can_be_called_without_an_opener(scheme):
    handler = NotingHandler()
    getattr(handler, f"{scheme}_open")(Request(f"{scheme}://127.0.0.1/x"))
    assert handler.given[0][-1] is socket._GLOBAL_DEFAULT_TIMEOUT


# --- connections that are kept


@pytest.fixture
def cache():
    handler = CacheFTPHandler()
    yield handler
    handler.clear_cache()


@pytest.fixture
def keeping(cache):
    return opener_with(cache)


def test_one_connection_serves_many_files_of_a_directory(keeping):
    with FTPServer() as server:
        for name in ("page.html", "empty", "page.html"):
            assert fetched(keeping, f"ftp://{server.authority}/pub/{name}") == FILES[f"/pub/{name}"]
    assert server.logins == 1


def test_a_reply_that_is_read_and_never_closed_gives_its_connection_back(keeping):
    with FTPServer() as server:
        reply = keeping.open(f"ftp://{server.authority}/hello.txt", timeout=PATIENCE)
        assert reply.read() == HELLO
        assert fetched(keeping, f"ftp://{server.authority}/hello.txt") == HELLO
    assert server.logins == 1


def test_the_default_timeout_is_the_same_each_time(keeping, cache):
    with FTPServer() as server:
        for _ in range(2):
            keeping.open(f"ftp://{server.authority}/hello.txt").read()
        assert list(cache.cache) == [
            ("", "127.0.0.1", server.port, "", socket._GLOBAL_DEFAULT_TIMEOUT)
        ]
    assert server.logins == 1


def test_a_total_time_is_each_requests_own_and_not_the_connections(keeping):
    with FTPServer() as server:
        for _ in range(2):
            url = f"ftp://{server.authority}/hello.txt"
            with keeping.open(url, timeout=Timeout(total=PATIENCE)) as reply:
                assert reply.read() == HELLO
    assert server.logins == 1


def test_other_users_directories_and_timeouts_have_other_connections(keeping, cache):
    with FTPServer(passwords={"joe": "1"}) as server:
        for url in ("{}/hello.txt", "{}/pub/empty", "joe:1@{}/hello.txt"):
            fetched(keeping, f"ftp://{url.format(server.authority)}")
        with keeping.open(f"ftp://{server.authority}/hello.txt", timeout=7) as reply:
            reply.read()
        assert len(cache.cache) == 4
    assert server.logins == 4


def test_a_wrong_password_is_not_let_in_over_a_connection_of_the_right_one(keeping, cache):
    with FTPServer(passwords={"joe": "right"}) as server:
        assert fetched(keeping, f"ftp://joe:right@{server.authority}/hello.txt") == HELLO
        with pytest.raises(errors.URLError, match="530"):
            keeping.open(f"ftp://joe:wrong@{server.authority}/hello.txt", timeout=PATIENCE)
        assert fetched(keeping, f"ftp://joe:right@{server.authority}/hello.txt") == HELLO
        assert "right" not in repr(cache.cache)


def test_ftp_and_ftps_share_nothing(certificates, trusting):
    handler = CacheFTPHandler(tls=trusting)
    opener = opener_with(handler)
    with FTPServer(tls=certificates.good.server_context()) as server:
        for _ in range(2):
            assert fetched(opener, f"ftps://127.0.0.1:{server.port}/hello.txt") == HELLO
        with pytest.raises(errors.URLError, match="530 Over TLS only"):
            opener.open(f"ftp://127.0.0.1:{server.port}/hello.txt", timeout=PATIENCE)
        opener.close()
    assert server.logins == 2
    assert handler.cache == {}


def test_a_connection_in_use_is_never_given_to_a_second_request(keeping):
    with FTPServer() as server:
        url = f"ftp://{server.authority}/pub/deep/data.bin"
        replies = [keeping.open(url, timeout=PATIENCE) for _ in range(3)]
        assert server.logins == 3
        pieces = [[reply.read(50_000) for reply in replies] for _ in range(7)]
        for reply, got in zip(replies, zip(*pieces, strict=True), strict=True):
            assert b"".join(got) == DATA
            reply.close()
        assert fetched(keeping, url) == DATA
    assert server.logins == 3


def test_threads_can_share_the_handler(keeping):
    wrong = []

    def fetch(urls, start):
        start.wait(PATIENCE)
        for url, content in urls * 5:
            try:
                if fetched(keeping, url) != content:
                    wrong.append(url)
            except Exception as error:
                wrong.append(error)

    with FTPServer() as server:
        urls = [(f"ftp://{server.authority}{path}", content) for path, content in FILES.items()]
        start = threading.Barrier(4)
        threads = [threading.Thread(target=fetch, args=(urls, start)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        keeping.close()
    assert wrong == []


def test_a_connection_that_the_server_closed_is_opened_again(keeping):
    with FTPServer() as server:
        for _ in range(2):
            assert fetched(keeping, f"ftp://{server.authority}/hello.txt") == HELLO
            server.connections[-1].sock.shutdown(socket.SHUT_RDWR)
    assert server.logins == 2


def test_a_request_that_timed_out_does_not_spoil_the_next_one(keeping):
    with FTPServer(answers={"TYPE": SILENCE}) as server:
        url = f"ftp://{server.authority}/hello.txt"
        with pytest.raises(errors.TotalTimedOut):
            keeping.open(url, timeout=Timeout(PATIENCE, PATIENCE, 10 * SOON))
        del server.answers["TYPE"]
        with keeping.open(url, timeout=Timeout(PATIENCE, PATIENCE)) as reply:
            assert reply.read() == HELLO


def test_a_file_that_is_not_there_leaves_the_connection_as_it_was(keeping):
    with FTPServer() as server:
        for name in ("nothing", "hello.txt"):
            try:
                keeping.open(f"ftp://{server.authority}/{name}", timeout=PATIENCE).read()
            except errors.URLError:
                assert name == "nothing"
    assert server.logins == 1


def test_connections_are_given_up_after_their_time(keeping, cache):
    cache.setTimeout(-1)
    with FTPServer() as server:
        for _ in range(2):
            assert fetched(keeping, f"ftp://{server.authority}/hello.txt") == HELLO
        assert cache.cache == cache.timeout == {}
    assert server.logins == 2


def test_connections_that_are_too_many_are_closed_the_oldest_first(keeping, cache):
    cache.setMaxConns(2)
    with FTPServer() as server:
        for path in ("hello.txt", "pub/empty", "pub/deep/data.bin"):
            fetched(keeping, f"ftp://{server.authority}/{path}")
        assert [key[3] for key in cache.cache] == ["pub", "pub/deep"]
        server.connections[0].drain()  # returns when the client has closed
        cache.setMaxConns(0)
        cache.check_cache()
        assert cache.cache == {}


def test_a_connection_that_is_given_up_serves_its_reply_to_the_end(keeping, cache):
    with FTPServer() as server:
        reply = keeping.open(f"ftp://{server.authority}/pub/deep/data.bin", timeout=PATIENCE)
        cache.clear_cache()
        assert reply.read() == DATA
        server.connections[0].drain()


def test_closing_the_opener_closes_what_is_kept(keeping, cache):
    with FTPServer() as server:
        fetched(keeping, f"ftp://{server.authority}/hello.txt")
        keeping.close()
        server.connections[0].drain()
        assert cache.cache == cache.timeout == {}


def test_an_empty_cache_can_be_checked(cache):
    cache.check_cache()
    cache.clear_cache()
    assert cache.cache == {}
