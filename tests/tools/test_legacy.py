"""URLopener and FancyURLopener: what the programs that subclass them rely on."""

import builtins
import getpass
import json
import urllib.error
import urllib.parse
from base64 import b64encode
from pathlib import Path

import pytest
from support.ftp_server import FTPServer
from support.python_server import EchoServer
from support.servers import ScriptedServer

from mini_http.base import errors
from mini_http.base.version import __version__
from mini_http.keepalive.pool import shared_pool
from mini_http.tools.legacy import FancyURLopener, URLopener

HELLO = b"HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 5\r\n\r\nhello"
MISSING = b"HTTP/1.1 404 Gone\r\nContent-Length: 4\r\n\r\ngone"
BASIC = "Basic " + b64encode(b"us er:p@ss").decode()
WHO = b'HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic realm="Here"\r\nContent-Length: 2\r\n\r\nno'
WHO_TO_THE_PROXY = WHO.replace(b"401", b"407").replace(b"WWW", b"Proxy")
AUTHORIZATION = f"Authorization: {BASIC}\r\n".encode()


@pytest.fixture
def connections_end():
    """So that no test finds what another one left."""
    yield
    shared_pool().close()


pytestmark = [
    pytest.mark.usefixtures("no_leaked_descriptors", "connections_end"),
    pytest.mark.filterwarnings("ignore:.* style of invoking requests:DeprecationWarning"),
]


def opener(kind=URLopener, **options):
    """One without the proxies of this machine."""
    return kind(**({"proxies": {}} | options))


def fancy(kind=FancyURLopener):
    """One that follows redirects."""
    return kind({})


def moved(status=302, to=b"/there"):
    return b"HTTP/1.1 %d Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, to)


def account(reply):
    """What the echo server saw of a request."""
    with reply:
        seen = json.loads(reply.read())
    seen["headers"] = dict(seen["headers"])
    return seen


# --- what it is asked for


def test_it_warns_of_its_age_where_it_is_made():
    with pytest.warns(DeprecationWarning, match="URLopener style of invoking requests is dep"):
        URLopener()


def test_a_subclass_is_warned_of_by_its_name():
    class AppURLopener(URLopener):
        """As thousands of programs had it."""

    with pytest.warns(DeprecationWarning, match="^AppURLopener style"):
        AppURLopener({})


def test_a_page_is_opened():
    with ScriptedServer([HELLO]) as server:
        url = server.url + "a b"
        with opener().open(url) as reply:
            assert reply.read() == b"hello"
            assert (reply.getcode(), reply.status) == (200, 200)
            assert reply.geturl() == reply.url == url.replace(" ", "%20")
            assert reply.info()["x-one"] == reply.headers.get("X-One") == "1"
    assert server.requests[0].startswith(b"GET /a%20b HTTP/1.1\r\n")


def test_many_pages_take_one_connection():
    with ScriptedServer([[HELLO] * 30]) as server:
        old = opener()
        assert {old.open(server.url).read() for _ in range(30)} == {b"hello"}
    assert len(server.connections) == 1


def test_the_version_of_a_class_is_its_user_agent(echo_server):
    class AppURLopener(URLopener):
        version = "Mozilla/5.0"

    seen = account(opener(AppURLopener).open(echo_server.url))["headers"]
    assert (seen["User-Agent"], seen["Accept"]) == ("Mozilla/5.0", "*/*")
    assert URLopener.version == f"mini_http/{__version__}"


def test_a_header_is_added_to_each_request(echo_server):
    old = opener()
    old.addheader("X-One", "1")
    assert account(old.open(echo_server.url))["headers"]["X-One"] == "1"
    assert account(old.open(echo_server.url))["headers"]["X-One"] == "1"


def test_the_headers_can_be_replaced(echo_server):
    old = opener()
    old.addheaders = [("user-agent", "x"), ("Accept-Encoding", "br")]
    seen = account(old.open(echo_server.url))["headers"]
    assert (seen["user-agent"], seen["Accept-Encoding"]) == ("x", "br")
    assert "Accept" not in seen


def test_data_is_posted(echo_server):
    seen = account(opener().open(echo_server.url, b"a=b"))
    assert (seen["method"], seen["body"]) == ("POST", "YT1i")
    assert seen["headers"]["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("wrapped", ["<URL:{}>", "<{}>", "URL:{}"])
def test_a_url_may_stand_in_the_wrapping_of_texts(wrapped):
    with ScriptedServer([HELLO]) as server:
        assert opener().open(wrapped.format(server.url)).read() == b"hello"


# --- user and password


@pytest.mark.parametrize("userinfo", ["us%20er:p%40ss", "us er:p%40ss"])
def test_user_and_password_in_a_url_are_sent(echo_server, userinfo):
    url = echo_server.url.replace("//", f"//{userinfo}@")
    seen = account(opener().open(url))["headers"]
    assert seen["Authorization"] == BASIC
    assert seen["Host"] == f"127.0.0.1:{echo_server.port}"


def test_a_user_without_a_password_is_sent(echo_server):
    seen = account(opener().open(echo_server.url.replace("//", "//user@")))["headers"]
    assert seen["Authorization"] == "Basic " + b64encode(b"user:").decode()


def test_a_header_of_the_programs_wins_over_the_url(echo_server):
    old = opener()
    old.addheader("Authorization", "Bearer x")
    seen = account(old.open(echo_server.url.replace("//", "//user:pass@")))["headers"]
    assert seen["Authorization"] == "Bearer x"


# --- what goes wrong


def test_a_status_that_is_no_success_is_an_httperror():
    with ScriptedServer([MISSING]) as server:
        with pytest.raises(urllib.error.HTTPError, match="404: Gone") as caught:
            opener().open(server.url)
        assert caught.value.url == server.url


@pytest.mark.parametrize("status", [301, 302, 401])
def test_redirects_and_challenges_are_errors_too(status):
    reply = b"HTTP/1.1 %d Other\r\nLocation: /\r\nContent-Length: 0\r\n\r\n" % status
    with ScriptedServer([reply]) as server, pytest.raises(urllib.error.HTTPError):
        opener().open(server.url)


def test_a_method_for_a_status_is_called():
    class Own(URLopener):
        def http_error_404(self, url, fp, errcode, errmsg, headers, data=None):
            return url, fp.read(), errcode, errmsg, headers["content-length"], data

    with ScriptedServer([[MISSING, MISSING]]) as server:
        rest = server.url.removeprefix("http:")
        expected = (rest, b"gone", 404, "Gone", "4")
        assert opener(Own).open(server.url) == (*expected, None)
        assert opener(Own).open(server.url, b"a=b") == (*expected, b"a=b")


def test_a_method_that_gives_nothing_leaves_it_to_the_default():
    class Own(URLopener):
        def http_error_404(self, url, fp, errcode, errmsg, headers):
            return None

        def http_error_default(self, url, fp, errcode, errmsg, headers):
            fp.close()
            return errcode

    with ScriptedServer([MISSING]) as server:
        assert opener(Own).open(server.url) == 404


def test_a_server_that_is_not_there_is_a_urlerror():
    with ScriptedServer() as server:
        url = server.url
    with pytest.raises(urllib.error.URLError):
        opener().open(url)


def test_an_oserror_of_another_kind_is_a_socket_error():
    class Own(URLopener):
        def open_own(self, url):
            raise ConnectionError("own")

    with pytest.raises(OSError, match="socket error") as caught:
        opener(Own).open("own://host/")
    assert isinstance(caught.value.__cause__, ConnectionError)


@pytest.mark.parametrize("character", ["\0", "\r", "\n", " ", "\x7f"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_control_characters_in_a_host_are_refused(scheme, character):
    with pytest.raises(errors.InvalidURL, match="control characters") as caught:
        opener().open(f"{scheme}://local{character}host/")
    assert repr(character) in str(caught.value)


def test_control_characters_in_a_path_are_quoted():
    with ScriptedServer([HELLO]) as server:
        assert opener().open(f"{server.url}a b\r\nX: y").read() == b"hello"
    assert server.requests[0].startswith(b"GET /a%20b%0D%0AX:%20y HTTP/1.1\r\n")


def test_nothing_is_opened_without_a_host():
    with pytest.raises(urllib.error.URLError, match="no host"):
        opener().open("http:///path")


# --- schemes


def test_a_method_opens_its_scheme():
    class Own(URLopener):
        def open_own_scheme(self, url, data="none"):
            return url, data, self.type

    old = opener(Own)
    assert old.open("own-scheme://host/ /") == ("//host/%20/", "none", "own-scheme")
    assert old.open("own-scheme:x", b"data") == ("x", b"data", "own-scheme")


@pytest.mark.parametrize("url", ["foo://host/", "local_file:///etc/passwd", "local-file:x"])
def test_a_scheme_without_a_method_is_unknown(url):
    for opening in (opener().open, opener().retrieve):
        with pytest.raises(OSError, match="unknown url type"):
            opening(url)


@pytest.mark.parametrize("prefix", ["file://", "file://localhost", "file:", ""])
def test_a_local_file_is_opened(tmp_path, prefix):
    path = tmp_path / "a b.html"
    path.write_bytes(b"hello")
    with opener().open(prefix + urllib.parse.quote(str(path))) as reply:
        assert reply.read() == b"hello"
        assert reply.info()["content-type"] == "text/html"
        assert reply.geturl() == path.as_uri()


def test_a_local_file_may_be_named_relative_to_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "x").write_bytes(b"hello")
    monkeypatch.chdir(tmp_path)
    with opener().open("file:x") as reply:
        assert (reply.read(), reply.geturl(), reply.status) == (b"hello", "x", None)


def test_a_file_that_is_missing_or_elsewhere_is_a_urlerror(tmp_path):
    for url in ((tmp_path / "missing").as_uri(), "file://elsewhere.invalid/etc/passwd"):
        with pytest.raises(urllib.error.URLError):
            opener().open(url)


def test_data_urls_are_opened():
    with opener().open("data:text/plain;charset=utf-8,a%20b") as reply:
        assert reply.read() == b"a b"
        assert reply.info().get_content_charset() == "utf-8"


def test_ftp_urls_are_opened():
    with FTPServer() as server, opener().open(f"ftp://{server.authority}/hello.txt") as reply:
        assert reply.read() == b"Hello, world.\r\n"


def test_a_client_certificate_is_shown(nginx, certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    pair = certificates.client
    old = opener(key_file=str(pair.key), cert_file=str(pair.chain))
    with old.open(nginx.client_wanted + "/1k") as reply:
        assert len(reply.read()) == 1024
    with pytest.raises(urllib.error.HTTPError, match="400"):
        opener().open(nginx.client_wanted + "/1k")


# --- proxies


def test_a_proxy_is_asked_for_the_whole_url():
    with ScriptedServer([HELLO]) as proxy:
        place = proxy.url.replace("//", "//us%20er:p%40ss@")
        old = opener(proxies={"http": place})
        assert old.open("http://elsewhere.example/x").read() == b"hello"
    head = proxy.requests[0]
    assert head.startswith(b"GET http://elsewhere.example/x HTTP/1.1\r\n")
    assert f"Proxy-Authorization: {BASIC}\r\n".encode() in head
    assert b"\r\nHost: elsewhere.example\r\n" in head


def test_a_host_that_needs_no_proxy_is_asked_itself(echo_server, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    old = opener(proxies={"http": "http://proxy.invalid:1"})
    assert account(old.open(echo_server.url + "x"))["path"] == "/x"


def test_an_ftp_host_that_needs_no_proxy_is_asked_itself(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    old = opener(proxies={"ftp": "http://proxy.invalid:1"})
    with FTPServer() as server, old.open(f"ftp://{server.authority}/hello.txt") as reply:
        assert reply.read() == b"Hello, world.\r\n"


def test_https_goes_through_a_tunnel(certificates):
    """urllib's asks the proxy for it in the clear."""
    refusal = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([refusal]) as proxy:
        old = opener(proxies={"https": proxy.url})
        with pytest.raises(urllib.error.URLError):
            old.open("https://elsewhere.example/secret")
    assert proxy.requests[0].startswith(b"CONNECT elsewhere.example:443 HTTP/1.1\r\n")
    assert b"secret" not in proxy.requests[0]


def test_the_method_of_the_proxys_scheme_is_called():
    class Own(URLopener):
        def open_own(self, url):
            return url

    old = opener(Own, proxies={"http": "own://proxy:1/"})
    assert old.open("http://host/a b") == ("proxy:1", "http://host/a%20b")


def test_a_proxy_of_an_unknown_scheme_is_an_error():
    with pytest.raises(OSError, match="invalid proxy for http"):
        opener(proxies={"http": "foo://proxy/"}).open("http://host/")


@pytest.mark.parametrize("scheme", ["file", "data", "ftp"])
def test_some_schemes_can_be_no_proxies(scheme):
    with pytest.raises(urllib.error.URLError, match=f"proxies for {scheme}:"):
        opener(proxies={"http": f"{scheme}://proxy/"}).open("http://host/")


def test_the_proxies_are_those_of_the_environment_by_default(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert URLopener().proxies["http"] == "http://proxy.example:3128"


# --- retrieve


def test_a_page_is_written_to_a_file(tmp_path):
    calls = []
    with ScriptedServer([HELLO]) as server:
        name, headers = opener().retrieve(
            server.url, tmp_path / "x", lambda *call: calls.append(call)
        )
    assert (name, name.read_bytes()) == (tmp_path / "x", b"hello")
    assert headers["x-one"] == "1"
    assert calls == [(0, 8192, 5), (1, 8192, 5)]


@pytest.mark.parametrize(
    ("target", "suffix"),
    [("file.txt", ".txt"), ("a.b/", ""), ("file.tar.gz?x=.py", ".gz"), ("a.c;v=1.2", ".c")],
)
def test_a_temporary_file_ends_like_the_path_and_lives_as_long_as_the_opener(target, suffix):
    old = opener()
    with ScriptedServer([HELLO]) as server:
        name, _ = old.retrieve(server.url + target, data=b"a=b")
    assert Path(name).suffix == suffix
    assert Path(name).read_bytes() == b"hello"
    assert server.requests[0].startswith(b"POST ")
    old.close()
    assert not Path(name).exists()


def test_a_temporary_file_that_has_gone_is_no_fault():
    old = opener()
    with ScriptedServer([HELLO]) as server:
        Path(old.retrieve(server.url)[0]).unlink()
    old.cleanup()
    old.cleanup()
    assert old._temporary_files == []


@pytest.mark.parametrize("prefix", ["file:", "file://", ""])
def test_a_local_file_is_not_copied(tmp_path, prefix):
    path = tmp_path / "a b"
    path.write_bytes(b"hello")
    name, headers = opener().retrieve(prefix + urllib.parse.quote(str(path)))
    assert (name, headers["content-length"]) == (str(path), "5")


def test_a_local_file_is_copied_if_there_is_a_name(tmp_path):
    (tmp_path / "x").write_bytes(b"hello")
    name, _ = opener().retrieve((tmp_path / "x").as_uri(), tmp_path / "copy")
    assert name.read_bytes() == b"hello"


def test_a_local_file_that_is_missing_is_a_urlerror(tmp_path):
    with pytest.raises(urllib.error.URLError):
        opener().retrieve((tmp_path / "missing").as_uri())


def test_a_file_cut_short_is_content_too_short(tmp_path):
    with (
        ScriptedServer([HELLO[:-2]]) as server,
        pytest.raises(urllib.error.ContentTooShortError) as caught,
    ):
        opener().retrieve(server.url, tmp_path / "x")
    assert caught.value.content[0] == tmp_path / "x"


def test_an_object_that_was_never_made_can_be_dropped():
    class Careless(URLopener):
        def __init__(self):
            """Does not call URLopener's."""

    careless = Careless()
    assert careless.close() is None


class Retrying(FancyURLopener):
    """Answers challenges, with what a test sets."""

    password = ("us er", "p@ss")

    def __init__(self, proxies):
        super().__init__(proxies)
        self.asked = []

    def http_error_401(self, url, fp, errcode, errmsg, headers, data=None):
        return super().http_error_401(url, fp, errcode, errmsg, headers, data, retry=True)

    def http_error_407(self, url, fp, errcode, errmsg, headers, data=None):
        return super().http_error_407(url, fp, errcode, errmsg, headers, data, retry=True)

    def prompt_user_passwd(self, host, realm):
        self.asked.append((host, realm))
        return self.password


# --- FancyURLopener: error replies and redirects


def test_the_fancy_one_warns_of_its_age():
    with pytest.warns(DeprecationWarning, match="FancyURLopener style of invoking requests is dep"):
        FancyURLopener()


def test_to_the_fancy_one_a_status_that_is_no_success_is_a_reply():
    with ScriptedServer([MISSING]) as server, fancy().open(server.url) as reply:
        assert (reply.getcode(), reply.read(), reply.geturl()) == (404, b"gone", server.url)
        assert reply.info()["content-length"] == "4"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(status):
    with (
        ScriptedServer([[moved(status), HELLO]]) as server,
        fancy().open(server.url + "a/b") as reply,
    ):
        assert (reply.read(), reply.geturl()) == (b"hello", server.url + "there")
    assert len(server.connections) == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_post_is_followed_by_get(status):
    with ScriptedServer([[moved(status), HELLO]]) as server:
        assert fancy().open(server.url, b"a=b").read() == b"hello"
    assert [request.split()[0] for request in server.requests] == [b"POST", b"GET"]


@pytest.mark.parametrize("status", [307, 308])
def test_a_post_that_would_have_to_be_sent_again_is_an_error_reply(status):
    with ScriptedServer([moved(status)]) as server, fancy().open(server.url, b"a=b") as reply:
        assert reply.getcode() == status


def test_the_field_uri_redirects_too():
    old = moved().replace(b"Location", b"URI")
    with ScriptedServer([[old, HELLO]]) as server:
        assert fancy().open(server.url).read() == b"hello"


def test_a_redirect_to_nowhere_is_an_error_reply():
    nowhere = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([nowhere]) as server, fancy().open(server.url) as reply:
        assert reply.getcode() == 302


@pytest.mark.parametrize("target", [b"file:///etc/passwd", b"ftp://host/x", b"foo:x"])
def test_a_redirect_to_another_scheme_is_refused(target):
    with ScriptedServer([moved(to=target)]) as server:
        text = f"Redirection to url '{target.decode()}' is not allowed"
        with pytest.raises(urllib.error.HTTPError, match=text):
            fancy().open(server.url)


def test_a_redirect_from_https_to_http_is_refused(certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    tls = certificates.good.server_context()
    script = [moved(to=b"http://127.0.0.1:1/")]
    with ScriptedServer(script, tls=tls) as server:
        with pytest.raises(urllib.error.HTTPError, match="it leaves https"):
            fancy().open(server.url)
        shared_pool().close()


def test_so_many_redirects_and_no_more_are_followed():
    old = fancy()
    with ScriptedServer([[moved()] * 20]) as server:
        with old.open(server.url) as reply:
            assert reply.getcode() == 500
        assert len(server.requests) == old.maxtries == 10
        old.maxtries = 3
        old.open(server.url).close()
        assert len(server.requests) == 10 + 3
    assert old.tries == 0


def test_a_method_for_500_is_called_for_too_many_redirects():
    class Own(FancyURLopener):
        def http_error_500(self, url, fp, errcode, errmsg, headers):
            fp.close()
            return errmsg

    old = fancy(Own)
    old.maxtries = 1
    with ScriptedServer([moved()]) as server:
        assert old.open(server.url) == "too many redirects"


def test_any_number_of_redirects_is_followed_if_maxtries_is_0():
    old = fancy()
    old.maxtries = 0
    with ScriptedServer([[*[moved()] * 30, HELLO]]) as server:
        assert old.open(server.url).read() == b"hello"


def test_secrets_stay_with_their_origin():
    old = fancy()
    for name in ("Authorization", "Cookie", "Proxy-Authorization", "X-One"):
        old.addheader(name, "told")
    with EchoServer() as other:
        script = [moved(to=b"/here"), moved(to=other.url.encode())]
        with ScriptedServer([script]) as server:
            seen = json.loads(old.open(server.url).read())
    # Proxy-Authorization is for proxies.
    assert [request.count(b"told") for request in server.requests] == [3, 3]
    assert [name for name, value in seen["headers"] if value == "told"] == ["X-One"]
    assert ("Cookie", "told") in old.addheaders


# --- passwords


def test_a_challenge_is_an_error_by_default():
    with ScriptedServer([WHO]) as server, pytest.raises(urllib.error.HTTPError, match="401"):
        fancy().open(server.url)


@pytest.mark.parametrize(
    "challenge", [b'Digest realm="Here", nonce="x"', b"Basic", b"nonsense", None]
)
def test_a_challenge_that_is_not_for_basic_is_an_error(challenge):
    field = b"" if challenge is None else b"WWW-Authenticate: %b\r\n" % challenge
    reply = b"HTTP/1.1 401 Who\r\n%bContent-Length: 0\r\n\r\n" % field
    with ScriptedServer([reply]) as server, pytest.raises(urllib.error.HTTPError, match="401"):
        fancy(Retrying).open(server.url)


def test_user_and_password_are_asked_for_once():
    old = fancy(Retrying)
    with ScriptedServer([[WHO, HELLO, WHO, HELLO]]) as server:
        assert old.open(server.url).read() == b"hello"
        assert old.open(server.url, b"a=b").read() == b"hello"
        assert old.asked == [(server.authority, "Here")]
    assert [AUTHORIZATION in request for request in server.requests] == [False, True, False, True]
    assert [request.split()[0] for request in server.requests[2:]] == [b"POST", b"POST"]
    assert len(server.connections) == 1


def test_a_password_that_was_refused_is_asked_for_again():
    old = fancy(Retrying)
    with ScriptedServer([[WHO, WHO, HELLO]]) as server:
        assert old.open(server.url).read() == b"hello"
        assert old.asked == [(server.authority, "Here")] * 2


def test_without_a_password_the_reply_is_the_refusal():
    class Without(Retrying):
        password = (None, None)

    with ScriptedServer([WHO]) as server, fancy(Without).open(server.url) as reply:
        assert (reply.getcode(), reply.read()) == (401, b"no")


def test_user_and_password_are_asked_for_https_too(certificates, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    tls = certificates.good.server_context()
    with ScriptedServer([[WHO, HELLO]], tls=tls) as server:
        assert fancy(Retrying).open(server.url).read() == b"hello"
        shared_pool().close()
    assert AUTHORIZATION in server.requests[1]


def test_user_and_password_are_asked_for_a_proxy():
    with ScriptedServer([[WHO_TO_THE_PROXY, HELLO, WHO_TO_THE_PROXY, HELLO]]) as proxy:
        old = Retrying({"http": proxy.url})
        assert old.open("http://elsewhere.example/x").read() == b"hello"
        assert old.open("http://elsewhere.example/x", b"a=b").read() == b"hello"
        assert old.asked == [(proxy.authority, "Here")] * 2
        assert old.proxies["http"] == proxy.url.replace("//", "//us%20er:p%40ss@")
    heads = [request.partition(b"\r\n\r\n")[0] + b"\r\n" for request in proxy.requests]
    assert [b"\r\nProxy-" + AUTHORIZATION in head for head in heads] == [False, True, True, True]
    assert {head.split()[1] for head in heads} == {b"http://elsewhere.example/x"}


def test_a_challenge_of_a_proxy_is_an_error_by_default():
    with (
        ScriptedServer([WHO_TO_THE_PROXY]) as proxy,
        pytest.raises(urllib.error.HTTPError, match="407"),
    ):
        FancyURLopener({"http": proxy.url}).open("http://elsewhere.example/")


def test_without_a_password_for_the_proxy_the_reply_is_the_refusal():
    class Without(Retrying):
        password = (None, None)

    with (
        ScriptedServer([WHO_TO_THE_PROXY]) as proxy,
        Without({"http": proxy.url}).open("http://elsewhere.example/") as reply,
    ):
        assert reply.getcode() == 407


# --- at the terminal


def test_user_and_password_are_asked_for_at_the_terminal(monkeypatch):
    asked = []
    monkeypatch.setattr(builtins, "input", lambda prompt: asked.append(prompt) or "user")
    monkeypatch.setattr(getpass, "getpass", lambda prompt: asked.append(prompt) or "pass")
    assert fancy().prompt_user_passwd("host", "Here") == ("user", "pass")
    assert asked == ["User for Here at host: ", "Password of user for Here at host: "]


def test_an_interrupt_at_the_terminal_gives_up(monkeypatch, capsys):
    def interrupted(prompt):
        raise KeyboardInterrupt

    monkeypatch.setattr(builtins, "input", interrupted)
    assert fancy().prompt_user_passwd("host", "Here") == (None, None)
    assert capsys.readouterr().out == "\n"
