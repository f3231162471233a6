"""UnixHandler: HTTP over unix sockets, against nginx and scripted servers."""

import gzip
import socket
import urllib.error
import urllib.parse
import urllib.request

import pytest
from support.nginx import Nginx, find_nginx
from support.servers import ScriptedServer
from support.steps import Drain

from mini_http import (
    BaseHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    OpenerDirector,
    Pool,
    Request,
    Timeout,
    build_opener,
    urlopen,
)
from mini_http.base import errors
from mini_http.opener.handlers.unix import UnixHandler

pytestmark = [
    pytest.mark.usefixtures("no_leaked_descriptors"),
    pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no unix sockets"),
]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class UnixNginx(Nginx):
    """A private nginx that listens at a unix socket beside its ports."""

    def _configuration(self):
        plain = f"listen 127.0.0.1:{self.ports['http']} ;"
        configuration = super()._configuration()
        assert plain in configuration
        return configuration.replace(plain, f"{plain} listen unix:{self.socket};")

    @property
    def socket(self):
        return self._directory / "http.sock"

    def url(self, target):
        return unix_url(self.socket, target)


@pytest.fixture(scope="module")
def unix_nginx():
    if find_nginx() is None:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)")
    with UnixNginx() as server:
        yield server


@pytest.fixture
def pool():
    with Pool() as pool:
        yield pool


@pytest.fixture
def opener(pool):
    return build_opener(UnixHandler(pool=pool), HTTPHandler(pool=pool))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.sock"


def unix_url(path, target="/"):
    return f"http+unix://{urllib.parse.quote(str(path), safe='')}{target}"


def redirect_to(location):
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


# --- requests


def test_a_file_of_nginx_comes_over_its_socket(opener, unix_nginx):
    with opener.open(unix_nginx.url("/1k")) as reply:
        assert reply.status == 200
        assert reply.url == reply.geturl() == unix_nginx.url("/1k")
        assert reply.read() == (unix_nginx.files / "1k").read_bytes()


def test_the_connection_is_kept(opener, pool, unix_nginx):
    serials = set()
    for nth in range(1, 4):
        serial, number = opener.open(unix_nginx.url("/connection")).read().split()
        serials.add(serial)
        assert int(number) == nth
    assert len(serials) == 1
    assert (pool.opened, pool.idle_count()) == (1, 1)


def test_each_socket_has_connections_of_its_own(opener, pool, tmp_path):
    paths = [tmp_path / "one", tmp_path / "two"]
    servers = [ScriptedServer([OK], at=str(path)) for path in paths]
    with servers[0], servers[1]:
        for path in paths:
            assert opener.open(unix_url(path)).read() == b"ok"
    assert [len(server.requests) for server in servers] == [1, 1]
    assert pool.opened == 2


def test_what_is_sent(opener, path):
    opener.addheaders = [("User-Agent", "test")]
    with ScriptedServer([[OK, OK]], at=str(path)) as server:
        opener.open(unix_url(path, "/a%20b?c#d")).read()
        opener.open(Request(unix_url(path), b"data", {"Host": "example", "X-Mine": "1"})).read()
    get, post = server.requests
    assert get == (
        b"GET /a%20b?c HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\n"
        b"Accept-Encoding: " + get.partition(b"Accept-Encoding: ")[2]
    )
    assert post.startswith(b"POST / HTTP/1.1\r\nHost: example\r\nX-Mine: 1\r\n")
    assert b"Content-Length: 4\r\n" in post
    assert post.endswith(b"\r\n\r\ndata")


@pytest.mark.parametrize("name", ["a b.sock", "ü.sock", "a%b", "a:b@c"])
def test_a_path_is_percent_encoded(opener, tmp_path, name):
    with ScriptedServer([OK], at=str(tmp_path / name)):
        assert opener.open(unix_url(tmp_path / name)).read() == b"ok"


def test_content_coding_is_asked_for_and_undone(opener, path, unix_nginx):
    with opener.open(unix_nginx.url("/gzip/text")) as reply:
        assert "Content-Encoding" not in reply.headers
        assert reply.read() == (unix_nginx.files / "text").read_bytes()
    packed = gzip.compress(b"packed")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with ScriptedServer([head + packed], at=str(path)):
        request = Request(unix_url(path), headers={"Accept-Encoding": "gzip"})
        assert gzip.decompress(opener.open(request).read()) == b"packed"


# --- what goes wrong


def test_an_error_status_is_an_error(opener, unix_nginx):
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(unix_nginx.url("/status/404"))
    with caught.value as error:
        assert (error.code, error.url) == (404, unix_nginx.url("/status/404"))
        assert error.read() == b"404\n"


def test_nobody_listens(opener, path):
    with pytest.raises(errors.ConnectFailed, match="No such file") as caught:
        opener.open(unix_url(path))
    assert isinstance(caught.value, (urllib.error.URLError, ConnectionError))
    assert isinstance(caught.value.reason, FileNotFoundError)


def test_a_wait_has_a_limit(opener, path):
    with (
        ScriptedServer([[Drain()]], at=str(path)),
        pytest.raises(errors.ReadTimedOut),
    ):
        opener.open(unix_url(path), timeout=Timeout(read=0.02))


@pytest.mark.parametrize("url", ["http+unix:///a", "http+unix://", "http+unix:a"])
def test_a_socket_is_wanted(opener, url):
    with pytest.raises(errors.InvalidURL, match="no host"):
        opener.open(url)


def test_who_did_not_ask_for_it_has_none(path):
    with pytest.raises(urllib.error.URLError, match=r"unknown url type: http\+unix"):
        urlopen(unix_url(path))


# --- redirects


def test_a_redirect_of_nginx_stays_at_the_socket(opener, unix_nginx):
    # /r1 and /r3 lead to http://localhost/..., /r2 to a path.
    with opener.open(unix_nginx.url("/r1")) as reply:
        assert reply.url == unix_nginx.url("/1k")
        assert [step.status for step in reply.history] == [301, 302, 307]
        assert reply.read() == (unix_nginx.files / "1k").read_bytes()


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b?c", "/b?c"),
        ("b", "/a/b"),
        ("http://localhost/b", "/b"),
        ("http://localhost//b", "//b"),
        ("http://localhost", "/"),
        ("http://localhost?b", "/?b"),
        ("HTTP://LOCALHOST/b", "/b"),
        ("http://localhost:80/b", "/b"),
        ("http://localhost/b c", "/b%20c"),
    ],
)
def test_a_redirect_to_the_same_server_stays_at_the_socket(opener, path, location, target):
    with ScriptedServer([[redirect_to(location), OK]], at=str(path)) as server:
        request = Request(unix_url(path, "/a/a"), headers={"Authorization": "secret"})
        with opener.open(request) as reply:
            assert reply.url == unix_url(path, target)
            assert reply.read() == b"ok"
    followed = server.requests[1]
    assert followed.startswith(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n".encode())
    assert b"Authorization: secret\r\n" in followed


def test_the_server_is_known_by_the_host_that_was_sent(opener, path):
    with ScriptedServer([[redirect_to("http://example/b"), OK]], at=str(path)) as server:
        opener.open(Request(unix_url(path), headers={"Host": "example"})).read()
    assert server.requests[1].startswith(b"GET /b HTTP/1.1\r\nHost: example\r\n")


def test_a_redirect_may_leave_for_the_web_without_the_secrets(opener, path):
    with ScriptedServer([OK]) as web, ScriptedServer([redirect_to(web.url)], at=str(path)):
        request = Request(unix_url(path), headers={"Authorization": "secret"})
        assert opener.open(request).read() == b"ok"
    assert b"secret" not in web.requests[0]


@pytest.mark.parametrize("location", ["http+unix://%2Ftmp%2Fother/", "file:///etc/hosts", "//b/"])
def test_no_redirect_leads_to_another_socket(opener, path, location):
    with ScriptedServer([redirect_to(location)], at=str(path)):
        with pytest.raises(errors.RedirectRefused) as caught:
            opener.open(unix_url(path))
        caught.value.close()


def test_no_redirect_leads_from_the_web_to_a_socket(opener, path):
    with ScriptedServer([redirect_to(unix_url(path))]) as web:
        with pytest.raises(errors.RedirectRefused) as caught:
            opener.open(web.url)
        caught.value.close()


def test_who_follows_no_redirect_sees_where_it_leads(pool, path):
    opener = OpenerDirector()
    opener.add_handler(UnixHandler(pool=pool))
    script = [redirect_to("http://localhost/b"), redirect_to("http://localhost.example/")]
    with ScriptedServer([script], at=str(path)):
        assert opener.open(unix_url(path)).headers["Location"] == unix_url(path, "/b")
        other = opener.open(unix_url(path))
        assert other.headers["Location"] == "http://localhost.example/"
        assert other.read() == b""


def test_a_redirect_to_nowhere_is_an_error_status(opener, path):
    with ScriptedServer([b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"], at=str(path)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            opener.open(unix_url(path))
        caught.value.close()


# --- with other handlers


def test_what_the_openers_handlers_do_to_http_they_do_to_it(opener, path):
    class Signing(BaseHandler):
        def http_request(self, request):
            request.add_unredirected_header("X-Signed", "yes")
            return request

        def http_response(self, request, response):
            response.signed = True
            return response

    opener.add_handler(Signing())
    with ScriptedServer([OK], at=str(path)) as server:
        reply = opener.open(unix_url(path))
        assert reply.signed
        assert reply.read() == b"ok"
    assert b"X-Signed: yes\r\n" in server.requests[0]


def test_alone_it_gives_every_reply(pool, path):
    opener = OpenerDirector()
    opener.add_handler(UnixHandler(pool=pool))
    with ScriptedServer([b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"], at=str(path)):
        assert opener.open(unix_url(path)).read() == b"no"


def test_it_works_in_an_opener_of_urllib(pool, path):
    opener = urllib.request.build_opener(UnixHandler(pool=pool), HTTPErrorProcessor)
    script = [OK, b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n"]
    with ScriptedServer([script], at=str(path)) as server:
        assert opener.open(unix_url(path, "/a")).read() == b"ok"
        with pytest.raises(urllib.error.HTTPError) as caught:
            opener.open(urllib.request.Request(unix_url(path), b"data"))
        caught.value.close()
    assert server.requests[0].startswith(b"GET /a HTTP/1.1\r\nHost: localhost\r\n")
    assert server.requests[1].endswith(b"\r\n\r\ndata")
