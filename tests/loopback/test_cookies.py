"""Cookies over real connections: what servers set, and which of it they get to see again.

The servers are Python's own, with a page for each path; what came in the Cookie field of a request
stands in `seen`.
"""

import contextlib
import http.cookiejar
import socket
import threading
import urllib.request

import pytest
from support.python_server import EchoHandler, EchoServer
from support.servers import ScriptedServer
from support.steps import Close

from mini_http import (
    CookieJar,
    DialOptions,
    HTTPBasicAuthHandler,
    HTTPCookieProcessor,
    HTTPError,
    HTTPHandler,
    HTTPSHandler,
    IncompleteRead,
    Pool,
    ProxyHandler,
    Request,
    UnixHandler,
    build_opener,
)

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


class PageHandler(EchoHandler):
    """Answers with the status and the fields of the page; where there is none, with 200."""

    def echo(self):
        path = self.note()["path"]
        status, *fields = self.server.pages.get(path, (200,))
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        if status >= 200 and status not in (204, 304):
            self.send_header("Content-Length", "0")
        self.end_headers()

    def address_string(self):
        return "a client"  # one at a unix socket has no address


class PageServer(EchoServer):
    """`pages`: by path, a status and fields."""

    handler_class = PageHandler

    def __init__(self, pages, tls=None):
        self.pages = pages
        super().__init__(tls=tls)

    @property
    def seen(self):
        """The path of each request, and the values of its Cookie fields."""
        return [
            (request["path"], *[value for name, value in request["headers"] if name == "Cookie"])
            for request in self.requests
        ]


class UnixPageServer(PageServer):
    """The same at a unix socket."""

    address_family = socket.AF_UNIX if hasattr(socket, "AF_UNIX") else None

    def __init__(self, path, pages):
        super().__init__(pages)
        self.server_address = path


def sets(*lines, status=200, to=None):
    """A page that sets cookies, and may redirect."""
    fields = [("Set-Cookie", line) for line in lines]
    return (status, *fields) if to is None else (status, *fields, ("Location", to))


@pytest.fixture
def pool():
    with Pool() as pool:
        yield pool


@pytest.fixture
def jar():
    return CookieJar()


@pytest.fixture
def opener(pool, jar):
    return build_opener(HTTPHandler(pool=pool), HTTPCookieProcessor(jar))


def fetch(opener, url, **options):
    """The status of the reply, be it an error."""
    try:
        with opener.open(Request(url, **options)) as reply:
            return reply.status
    except HTTPError as error:
        with error:
            return error.code


# --- from which replies


@pytest.mark.parametrize("status", [200, 204, 304, 401, 403, 404, 407, 429, 500, 503])
def test_cookies_are_kept_from_every_reply(opener, jar, status):
    with PageServer({"/": sets("a=1", "b=2; HttpOnly", status=status)}) as server:
        assert fetch(opener, server.url) == status
        fetch(opener, f"{server.url}next")
    assert jar.as_dict() == {"a": "1", "b": "2"}
    assert server.seen == [("/",), ("/next", "a=1; b=2")]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_step_of_a_redirect_gets_what_those_before_it_set(opener, jar, status, method):
    pages = {
        "/": sets("a=1", "b=1", status=status, to="/second"),
        "/second": sets("b=2", "c=2; Path=/second", status=status, to="/third"),
        "/third": sets("d=3", "a=gone; Max-Age=0", status=404),
    }
    with PageServer(pages) as server:
        assert fetch(opener, server.url, method=method, data=b"x") == 404
    assert server.seen == [("/",), ("/second", "a=1; b=1"), ("/third", "a=1; b=2")]
    assert jar.as_dict() == {"b": "2", "c": "2", "d": "3"}


def test_an_answer_to_401_sends_what_the_401_set(pool, jar):
    passwords = HTTPBasicAuthHandler()
    opener = build_opener(HTTPHandler(pool=pool), HTTPCookieProcessor(jar), passwords)
    challenge = 401, ("WWW-Authenticate", 'Basic realm="x"'), ("Set-Cookie", "nonce=2")
    with PageServer({"/": challenge}) as server:
        passwords.add_password("x", server.url, "Ada", "lovelace")
        jar.set("nonce", "1", domain="127.0.0.1")
        fetch(opener, server.url)
    assert server.seen == [("/", "nonce=1"), ("/", "nonce=2")]
    assert ["Authorization" in dict(one["headers"]) for one in server.requests] == [False, True]


def test_a_reply_that_breaks_off_has_set_its_cookies(opener, jar):
    cut = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 10\r\n\r\ncut"
    with ScriptedServer([[cut, Close()]]) as server, opener.open(server.url) as reply:
        with pytest.raises(IncompleteRead):
            reply.read()
        assert jar["a"] == "1"


def test_replies_to_many_threads_are_all_kept(opener, jar):
    count = 8
    pages = {f"/{number}": sets(f"n{number}={number}") for number in range(count)}
    with PageServer(pages) as server:
        threads = [
            threading.Thread(target=fetch, args=[opener, f"{server.url}{number}"])
            for number in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        fetch(opener, f"{server.url}all")
    expected = {f"n{number}": str(number) for number in range(count)}
    assert jar.as_dict() == expected
    sent = dict(pair.split("=") for pair in server.seen[-1][1].split("; "))
    assert sent == expected


# --- beside a Cookie field of the program's own


@pytest.mark.parametrize("own_way", ["headers", "add_header", "add_unredirected_header"])
def test_the_programs_own_field_is_joined_with_the_jars_and_wins(opener, jar, own_way):
    with PageServer({"/": sets("a=1", "b=2")}) as server:
        fetch(opener, server.url)
        request = Request(server.url, headers={"cookie": "b=mine; c=mine"})
        if own_way != "headers":
            request = Request(server.url)
            getattr(request, own_way)("Cookie", "b=mine; c=mine")
        for _ in range(2):  # opened again, it is not joined again
            opener.open(request).close()
        jar.clear()
        opener.open(Request(f"{server.url}last", headers={"Cookie": "c=mine"})).close()
    joined = ("/", "b=mine; c=mine; a=1")
    assert server.seen[1:3] == [joined, joined]
    assert server.seen[3] == ("/last", "c=mine")


def test_a_field_in_addheaders_is_joined_as_well(opener, jar):
    opener.addheaders.append(("Cookie", "a=mine"))
    with PageServer({"/": sets("a=1", "b=2")}) as server:
        fetch(opener, server.url)
        fetch(opener, server.url)
    sent = [fields for _, *fields in server.seen]
    assert sent[0] == ["a=mine"]
    assert [sorted(field.split("; ")) for field in sent[1]] == [["a=mine", "b=2"]]


def test_the_programs_own_field_follows_within_its_origin_and_is_joined_anew(opener):
    pages = {"/": sets("a=1", status=302, to="/next"), "/next": sets("b=2", status=302, to="/end")}
    with PageServer(pages) as server:
        fetch(opener, server.url, headers={"Cookie": "mine=0"})
    assert server.seen == [
        ("/", "mine=0"),
        ("/next", "mine=0; a=1"),
        ("/end", "mine=0; a=1; b=2"),
    ]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_programs_own_field_stays_with_its_origin_and_the_jar_decides_beyond(opener, jar, host):
    """Another port is another origin. Cookies know no ports: those of the same host go there."""
    jar.set("there", "1", domain="localhost")
    with PageServer({"/": sets("end=1")}) as other:
        pages = {"/": sets("begin=1", status=307, to=f"http://{host}:{other.port}/")}
        with PageServer(pages) as server:
            fetch(opener, server.url, headers={"Cookie": "mine=0"})
            fetch(opener, server.url.replace("127.0.0.1", "localhost"))
    assert other.seen[0] == ("/", "begin=1" if host == "127.0.0.1" else "there=1")
    assert server.seen == [
        ("/", "mine=0"),
        ("/", "there=1" if host == "127.0.0.1" else "there=1; end=1"),
    ]


def test_a_jar_of_http_cookiejar_leaves_the_programs_own_field_alone(pool):
    theirs = http.cookiejar.CookieJar()
    opener = build_opener(HTTPHandler(pool=pool), HTTPCookieProcessor(theirs))
    with PageServer({"/": sets("a=1")}) as server:
        fetch(opener, server.url)
        fetch(opener, server.url)
        fetch(opener, server.url, headers={"Cookie": "mine=0"})
    assert server.seen == [("/",), ("/", "a=1"), ("/", "mine=0")]


def test_urllibs_opener_joins_the_programs_own_field_with_our_jar_too(jar):
    stock = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with PageServer({"/": sets("a=1", "b=2", status=302, to="/next")}) as server:
        request = urllib.request.Request(server.url, headers={"Cookie": "b=mine"})
        stock.open(request).close()
    first, (path, *fields) = server.seen
    assert first == ("/", "b=mine")
    assert path == "/next"
    assert [sorted(field.split("; ")) for field in fields] == [["a=1", "b=mine"]]


# --- names, and Secure


def to_loopback(host, port):
    """Every name leads to this machine."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]


@pytest.fixture
def named(pool, jar, certificates):
    """An opener for names that no resolver knows."""
    options = DialOptions(resolver=to_loopback)
    return build_opener(
        HTTPHandler(pool=pool, options=options),
        HTTPSHandler(context=certificates.client_context(), pool=pool, options=options),
        HTTPCookieProcessor(jar),
    )


@pytest.fixture
def tls(ca, certificates):
    """What a server of www.shop.example shows."""
    context = certificates.good.server_context()
    ca.issue_cert("www.shop.example").configure_cert(context)
    return context


def test_a_redirect_to_another_host_takes_along_what_is_for_the_domain_alone(named):
    other = sets("other=1; Domain=shop.example", "forged=1; Domain=a.shop.example")
    with PageServer({"/": other}) as b:
        pages = {
            "/": sets(
                *("here=1", "domain=1; Domain=shop.example", "stray=1; Domain=b.example"),
                *("top=1; Domain=example", "below=1; Domain=x.a.shop.example"),
                status=302,
                to=f"http://b.shop.example:{b.port}/",
            )
        }
        with PageServer(pages) as a:
            fetch(named, f"http://a.shop.example:{a.port}/")
            fetch(named, f"http://a.shop.example:{a.port}/end")
            fetch(named, f"http://example:{a.port}/top")
    assert b.seen == [("/", "domain=1")]
    assert a.seen == [("/",), ("/end", "here=1; domain=1; other=1"), ("/top",)]


def test_what_is_secure_is_neither_sent_nor_replaced_over_a_plain_connection(named, jar, tls):
    safe = {"/": sets("id=1; Secure", "__Host-id=2; Secure; Path=/")}
    plain = {"/": sets("id=forged", "id=forged; Secure", "__Host-id=forged; Path=/", "open=3")}
    with PageServer(safe, tls=tls) as secure, PageServer(plain) as server:
        fetch(named, f"https://www.shop.example:{secure.port}/")
        fetch(named, f"http://www.shop.example:{server.port}/")
        fetch(named, f"http://www.shop.example:{server.port}/again")
        fetch(named, f"https://www.shop.example:{secure.port}/again")
    assert jar.as_dict() == {"id": "1", "__Host-id": "2", "open": "3"}
    assert server.seen == [("/",), ("/again", "open=3")]
    assert secure.seen == [("/",), ("/again", "id=1; __Host-id=2; open=3")]


def test_a_redirect_to_https_finds_the_secure_cookies(named, jar, tls):
    with PageServer({}, tls=tls) as secure:
        pages = {"/": sets("plain=1", status=301, to=f"https://www.shop.example:{secure.port}/")}
        jar.set("id", "0", domain="www.shop.example", secure=True)
        with PageServer(pages) as server:
            fetch(named, f"http://www.shop.example:{server.port}/")
    assert server.seen == [("/",)]
    assert secure.seen == [("/", "id=0; plain=1")]


def test_through_a_proxy_cookies_belong_to_the_host_that_was_asked_for(pool, jar):
    pages = {"http://www.shop.example/": sets("a=1")}
    with PageServer(pages) as proxy:
        opener = build_opener(
            ProxyHandler({"http": proxy.url}), HTTPHandler(pool=pool), HTTPCookieProcessor(jar)
        )
        fetch(opener, "http://www.shop.example/")
        fetch(opener, "http://www.shop.example/again")
        fetch(opener, "http://other.example/")
    assert [(cookie.name, cookie.domain) for cookie in jar] == [("a", "www.shop.example")]
    assert [fields for _, *fields in proxy.seen] == [[], ["a=1"], []]


# --- SameSite

SITES = ("strict=1; SameSite=Strict", "lax=1; SameSite=Lax", "unsaid=1")
ANYWHERE = "none=1; SameSite=None; Secure"


@pytest.mark.parametrize(
    ("asking", "expected"),
    [
        ({}, "lax none strict unsaid"),
        ({"method": "POST"}, "lax none strict unsaid"),
        ({"site": "http://localhost/page"}, "lax none strict unsaid"),
        ({"site": "https://localhost/page"}, "lax none unsaid"),  # another scheme, another site
        ({"site": "http://other.example/"}, "lax none unsaid"),
        ({"site": "http://other.example/", "method": "HEAD"}, "lax none unsaid"),
        ({"site": "http://other.example/", "method": "POST"}, "none"),
        ({"site": "http://other.example/", "unverifiable": True}, "none"),
        ({"origin_req_host": "other.example"}, "lax none unsaid"),
        ({"origin_req_host": "other.example", "unverifiable": True}, "none"),
        ({"origin_req_host": "localhost", "unverifiable": True}, "lax none strict unsaid"),
    ],
    ids=str,
)
def test_who_asks_decides_what_same_site_lets_go(opener, asking, expected):
    asking = dict(asking)
    site = asking.pop("site", None)
    with PageServer({"/": sets(*SITES, ANYWHERE)}) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        fetch(opener, url)
        request = Request(f"{url}asked", **asking)
        request.site_for_cookies = site or request.site_for_cookies
        opener.open(request).close()
    _, sent = server.seen[1]
    assert " ".join(sorted(pair.partition("=")[0] for pair in sent.split("; "))) == expected


def test_who_asked_first_is_who_asks_after_a_redirect(opener, jar):
    pages = {
        "/": sets(*SITES, ANYWHERE),
        "/image": sets("set=1", "set-too=1; SameSite=None; Secure", status=302, to="/there"),
    }
    with PageServer(pages) as server:
        fetch(opener, server.url)
        request = Request(f"{server.url}image", unverifiable=True)
        request.site_for_cookies = "http://other.example/page"
        opener.open(request).close()
    assert server.seen[1:] == [("/image", "none=1"), ("/there", "none=1; set-too=1")]
    assert "set" not in jar


@pytest.mark.parametrize("hops", [1, 2])
def test_a_link_that_was_followed_is_one_after_redirects_too(opener, jar, hops):
    pages = {
        "/": sets(*SITES, ANYWHERE),
        "/link2": sets("first=1", status=302, to="/link1"),
        "/link1": sets("set=1", status=302, to="/there"),
        "/there": sets("login=1; SameSite=Strict"),
    }
    with PageServer(pages) as server:
        fetch(opener, server.url)
        request = Request(f"{server.url}link{hops}")
        request.site_for_cookies = "http://other.example/page"
        opener.open(request).close()
        assert "lax=1; unsaid=1; none=1" in server.seen[-1][1]
        assert "strict=1" not in server.seen[-1][1]
        form = Request(f"{server.url}link{hops}", data=b"x=1")
        form.site_for_cookies = "http://other.example/page"
        opener.open(form).close()
    assert jar["set"] == jar["login"] == "1"


def test_a_redirect_by_another_site_does_not_keep_a_programs_own_request_from_its_cookies(opener):
    """It is the program that asks, and it asked for whatever the server leads to."""
    with PageServer({"/": sets(*SITES)}) as home:
        fetch(opener, home.url)
        pages = {"/out": (302, ("Location", f"{home.url}back"))}
        with PageServer(pages) as other:
            fetch(opener, f"{other.url.replace('127.0.0.1', 'localhost')}out")
    assert home.seen[1] == ("/back", "strict=1; lax=1; unsaid=1")


# --- unix sockets


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no unix sockets")
def test_a_unix_socket_is_a_host_of_its_own(tmp_path, pool, jar):
    opener = build_opener(UnixHandler(pool=pool), HTTPHandler(pool=pool), HTTPCookieProcessor(jar))
    pages = {
        "/": sets("a=1", "b=2; Domain=localhost", status=302, to="/next"),
        "/next": sets("c=3", status=404),
    }
    one, two = str(tmp_path / "one.sock"), str(tmp_path / "two.sock")

    def url(path):
        return f"http+unix://{path.replace('/', '%2F')}/"

    with contextlib.ExitStack() as running:
        first = running.enter_context(UnixPageServer(one, pages))
        second = running.enter_context(UnixPageServer(two, {}))
        server = running.enter_context(PageServer({}))
        assert fetch(opener, url(one)) == 404
        fetch(opener, f"{url(one)}again")
        fetch(opener, url(two))
        fetch(opener, server.url.replace("127.0.0.1", "localhost"))
    assert first.seen == [("/",), ("/next", "a=1"), ("/again", "a=1; c=3")]
    assert second.seen == server.seen == [("/",)]
