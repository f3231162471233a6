"""RedirectPolicy and HTTPRedirectHandler: what is followed, with what, and what stays behind."""

import io
import itertools
import urllib.error
import urllib.request
from typing import NamedTuple

import pytest
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.steps import Drain, Expect, ExpectHead, Send

from mini_http import (
    BaseHandler,
    HTTPError,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    RedirectPolicy,
    Request,
    Timeout,
    TLSSettings,
    build_opener,
)
from mini_http.base import errors
from mini_http.base.url import URL
from mini_http.keepalive.pool import PooledClient
from mini_http.opener.handlers.redirect import BODY_FIELDS, MOST_REDIRECTS, SECRETS

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
BODY = b"the body"
SHORT = 0.2
"""Seconds to wait for a server that never answers."""
STATUSES = [301, 302, 303, 307, 308]
NOT_ALLOWED = "Redirection to url '.*' is not allowed"


class Sent(NamedTuple):
    """A request as the server saw it. The names of fields are in lower case."""

    method: str
    target: str
    fields: dict[str, str]
    body: bytes


def sent(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    fields = [line.partition(": ") for line in lines]
    return Sent(method, target, {name.lower(): value for name, _, value in fields}, body)


def all_sent(server):
    return [sent(raw) for raw in server.requests]


def redirect(location, status=302, body=b"moved"):
    if isinstance(location, str):
        location = location.encode("latin-1")
    head = b"HTTP/1.1 %d Moved\r\nLocation: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (status, location, len(body)) + body


@pytest.fixture
def clients(pool):
    """The connection of each request that the pool sent."""
    used = []

    class Noted(PooledClient):
        def exchange(self, *arguments):
            used.append(self)
            return super().exchange(*arguments)

    pool.client_class = Noted
    return used


def opener_with(pool, policy):
    return build_opener(HTTPHandler(pool=pool), HTTPRedirectHandler(policy))


# --- methods and bodies

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"]


def method_after(status, method):
    """The table, in other words than those of the policy."""
    if method == "HEAD" or status in (307, 308):
        return method
    if status == 303 or method == "POST":
        return "GET"
    return method


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("status", STATUSES)
def test_the_method_follows_from_status_and_method(opener, status, method):
    with (
        ScriptedServer(
            [[redirect("/new", status, b""), HELLO[:-5] if method == "HEAD" else HELLO]]
        ) as server,
        opener.open(Request(server.url + "old", method=method)) as reply,
    ):
        assert reply.url == server.url + "new"
    assert [(one.method, one.target) for one in all_sent(server)] == [
        (method, "/old"),
        (method_after(status, method), "/new"),
    ]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("status", STATUSES)
def test_the_body_goes_along_where_the_method_stays(opener, status, method):
    headers = {
        "Content-Type": "text/x-own",
        "Content-Language": "en",
        "Content-Own": "1",
        "Trailer": "X",
        "X-Other": "stays",
    }
    reply = HELLO[:-5] if method == "HEAD" else HELLO
    with ScriptedServer([[redirect("/new", status, b""), reply]]) as server:
        opener.open(Request(server.url, BODY, headers, method=method)).close()
    first, second = all_sent(server)
    assert (first.body, first.fields["content-length"]) == (BODY, str(len(BODY)))
    assert second.fields["x-other"] == "stays"
    about_the_body = {
        "content-type",
        "content-language",
        "content-own",
        "content-length",
        "trailer",
    }
    if status != 303 and method_after(status, method) == method:
        assert second.body == BODY
        assert about_the_body <= second.fields.keys()
        assert second.fields["content-type"] == "text/x-own"
    else:
        assert second.body == b""
        assert not about_the_body & second.fields.keys()


@pytest.mark.parametrize("status", [301, 302, 303])
def test_what_announces_a_body_does_not_go_without_one(opener, status):
    headers = {"Expect": "100-continue", "Transfer-Encoding": "chunked", "Content-MD5": "x"}
    continued = [ExpectHead(), Send(b"HTTP/1.1 100 Continue\r\n\r\n")]
    with ScriptedServer(
        [[*continued, lambda it: it.read_body(), Send(redirect("/new", status)), HELLO]]
    ) as server:
        opener.open(Request(server.url, [BODY], headers)).close()
    first, second = all_sent(server)
    assert {"expect", "transfer-encoding", "content-md5"} <= first.fields.keys()
    assert not {"expect", "transfer-encoding", "content-md5"} & second.fields.keys()


def test_all_that_is_about_the_body_is_in_the_table():
    assert {"content-length", "expect", "trailer", "transfer-encoding"} == BODY_FIELDS


KEPT = {
    "bytes": lambda: BODY,
    "bytearray": lambda: bytearray(BODY),
    "file": lambda: io.BytesIO(BODY),
    "list": lambda: [BODY[:3], BODY[3:]],
}


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("make", KEPT.values(), ids=KEPT)
def test_a_body_is_sent_again_from_its_beginning(opener, make, status):
    with ScriptedServer([[redirect("/a", status), redirect("/b", status), HELLO]]) as server:
        assert opener.open(server.url, make()).read() == b"hello"
    first, second, third = all_sent(server)
    assert first.body == second.body == third.body
    assert b"the" in first.body
    assert [one.method for one in (first, second, third)] == ["POST"] * 3


def test_a_file_is_sent_again_from_where_it_stood(opener):
    file = io.BytesIO(b"before" + BODY)
    file.seek(6)
    with ScriptedServer([[redirect("/a", 307), HELLO]]) as server:
        opener.open(server.url, file).close()
    assert [one.body for one in all_sent(server)] == [BODY, BODY]


class Unseekable(io.RawIOBase):
    """A file as a pipe is one."""

    def __init__(self, data):
        self._file = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._file.readinto(buffer)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("make", [lambda: iter([BODY]), lambda: Unseekable(BODY)])
def test_a_body_that_can_be_read_only_once_is_not_sent_again(opener, clients, make, status):
    with ScriptedServer([[redirect("/a", status, bytes(100_000)), Drain()]]) as server:
        with pytest.raises(errors.BodyNotReplayable) as caught:
            opener.open(server.url, make())
        # The traceback is still there, and with it the reply.
        assert caught.value.__traceback__ is not None
        assert [client.closed for client in clients] == [True]
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_body_that_can_be_read_only_once_does_not_matter_where_it_is_dropped(opener, status):
    with ScriptedServer([[redirect("/a", status), HELLO]]) as server:
        assert opener.open(server.url, iter([BODY])).read() == b"hello"
    assert all_sent(server)[1].body == b""


def test_the_request_that_follows_has_the_data_that_the_caller_gave(pool):
    seen = []

    class Watching(BaseHandler):
        def http_request(self, request):
            seen.append(request.data)
            return request

    opener = build_opener(HTTPHandler(pool=pool), Watching)
    with ScriptedServer([[redirect("/a", 307), HELLO]]) as server:
        opener.open(server.url, BODY).close()
    assert seen == [BODY, BODY]


def test_a_type_that_was_set_for_one_request_goes_with_the_body(opener):
    with ScriptedServer([[redirect("/a", 307), HELLO]]) as server:
        request = Request(server.url, BODY)
        request.add_unredirected_header("Content-Type", "multipart/form-data; boundary=x")
        request.add_unredirected_header("Content-Length", str(len(BODY)))
        request.add_unredirected_header("X-Own", "1")
        opener.open(request).close()
    first, second = all_sent(server)
    assert first.fields["content-type"] == second.fields["content-type"]
    assert second.fields["content-length"] == str(len(BODY))
    assert "x-own" not in second.fields


def test_a_method_that_the_instance_decides_is_followed(opener):
    with ScriptedServer([[redirect("/a", 307), HELLO]]) as server:
        request = Request(server.url, BODY)
        request.get_method = lambda: "PUT"
        opener.open(request).close()
    assert [one.method for one in all_sent(server)] == ["PUT", "PUT"]


# --- fields

SECRET = {"Authorization": "a", "Cookie": "b", "Proxy-Authorization": "c", "X-Marked": "d"}
SENT = {"authorization", "cookie", "x-marked", "x-other", "accept"}
"""What of them goes to the first origin; Proxy-Authorization is for no origin."""


def open_with_secrets(opener, url):
    request = Request(url, headers=SECRET | {"X-Other": "stays", "Accept": "text/*"})
    request.mark_secret("x-marked")
    opener.open(request).close()


def names(request):
    return request.fields.keys() & {*map(str.lower, SECRET), "x-other", "accept"}


@pytest.mark.parametrize("status", STATUSES)
def test_all_fields_stay_with_their_origin(opener, status):
    with ScriptedServer([[redirect("/new", status), HELLO]]) as server:
        open_with_secrets(opener, server.url)
    first, second = all_sent(server)
    assert names(first) == names(second) == SENT
    assert second.fields["authorization"] == "a"


@pytest.mark.parametrize("status", STATUSES)
def test_secrets_do_not_go_to_another_port(opener, status):
    with (
        ScriptedServer([HELLO]) as other,
        ScriptedServer([redirect(other.url, status)]) as server,
    ):
        open_with_secrets(opener, server.url)
    assert names(all_sent(other)[0]) == {"x-other", "accept"}


def test_secrets_do_not_go_to_another_host(opener):
    with ScriptedServer(again=True, scripts=[[HELLO]]) as probe:
        port = probe.port
        location = f"http://localhost:{port}/new"
        probe._scripts = [[redirect(location)], [HELLO]]
        open_with_secrets(opener, probe.url)
        hosts = [one.fields["host"] for one in all_sent(probe)]
    assert hosts == [f"127.0.0.1:{port}", f"localhost:{port}"]
    assert names(all_sent(probe)[1]) == {"x-other", "accept"}


def test_secrets_do_not_go_to_another_scheme(pool, certificates):
    opener = build_opener(
        HTTPHandler(pool=pool),
        HTTPSHandler(tls=TLSSettings(ca_file=certificates.ca_file), pool=pool),
    )
    with EchoServer(tls=certificates.good.server_context()) as other:
        with ScriptedServer([redirect(other.url)]) as server:
            open_with_secrets(opener, server.url)
        pool.close()
    (seen,) = other.requests
    fields = {name.lower() for name, _ in seen["headers"]}
    assert fields & {*map(str.lower, SECRET), "x-other", "accept"} == {"x-other", "accept"}


def test_secrets_that_were_left_behind_do_not_come_back(opener):
    with (
        ScriptedServer(again=True, scripts=[[]]) as home,
        ScriptedServer([redirect(home.url + "again")]) as away,
    ):
        home._scripts = [[redirect(away.url), HELLO]]
        open_with_secrets(opener, home.url)
    first, again = all_sent(home)
    assert names(first) == SENT
    assert names(again) == {"x-other", "accept"}


def test_a_mark_holds_over_several_redirects(opener):
    with (
        ScriptedServer([HELLO]) as other,
        ScriptedServer([[redirect("/a"), redirect("/b"), redirect(other.url)]]) as server,
    ):
        open_with_secrets(opener, server.url)
    assert [("x-marked" in one.fields) for one in all_sent(server)] == [True, True, True]
    assert "x-marked" not in all_sent(other)[0].fields


@pytest.mark.parametrize("name", ["x-api-key", "X-Api-Key", "X-API-KEY"])
def test_a_policy_can_name_more_secrets_in_any_case(pool, name):
    opener = opener_with(pool, RedirectPolicy(secrets=frozenset({name})))
    with (
        ScriptedServer([HELLO]) as other,
        ScriptedServer([[redirect("/a"), redirect(other.url)]]) as server,
    ):
        opener.open(Request(server.url, headers={"X-API-Key": "hidden", "X-B": "1"})).close()
    assert [one.fields.get("x-api-key") for one in all_sent(server)] == ["hidden", "hidden"]
    assert "x-api-key" not in all_sent(other)[0].fields
    assert all_sent(other)[0].fields["x-b"] == "1"


def test_fields_for_one_request_alone_follow_no_redirect(opener):
    with ScriptedServer([[redirect("/new"), HELLO]]) as server:
        request = Request(server.url)
        request.add_unredirected_header("X-Once", "1")
        opener.open(request).close()
    assert [("x-once" in one.fields) for one in all_sent(server)] == [True, False]


def test_the_openers_fields_are_added_to_each_request(opener):
    opener.addheaders = [("X-Opener", "1")]
    with ScriptedServer([HELLO]) as other, ScriptedServer([redirect(other.url)]) as server:
        opener.open(server.url).close()
    assert all_sent(other)[0].fields["x-opener"] == "1"


def test_the_spelling_of_names_stays(opener):
    with ScriptedServer([[redirect("/new"), HELLO]]) as server:
        opener.open(Request(server.url, headers={"x-ODD-case": "1"})).close()
    assert all(b"\r\nx-ODD-case: 1\r\n" in raw for raw in server.requests)


def test_the_callers_host_stays_with_its_origin(opener):
    with ScriptedServer([HELLO]) as other:
        with ScriptedServer([[redirect("/new"), redirect(other.url)]]) as server:
            opener.open(Request(server.url, headers={"Host": "virtual.example"})).close()
        assert all_sent(other)[0].fields["host"] == other.authority
    assert [one.fields["host"] for one in all_sent(server)] == ["virtual.example"] * 2


def test_what_is_secret_by_itself():
    assert {"authorization", "cookie", "proxy-authorization"} == SECRETS


# --- targets


def test_a_redirect_from_https_to_http_is_refused_unless_allowed(pool, certificates):
    def opener(policy):
        return build_opener(
            HTTPHandler(pool=pool),
            HTTPSHandler(tls=TLSSettings(ca_file=certificates.ca_file), pool=pool),
            HTTPRedirectHandler(policy),
        )

    context = certificates.good.server_context()
    with (
        ScriptedServer([HELLO]) as plain,
        ScriptedServer([redirect(plain.url)], tls=context, again=True) as server,
    ):
        with pytest.raises(errors.RedirectRefused, match="is not allowed: it leaves https") as no:
            opener(RedirectPolicy()).open(server.url)
        no.value.close()
        with opener(RedirectPolicy(allow_downgrade=True)).open(server.url) as reply:
            assert reply.url == plain.url
        pool.close()
    assert len(plain.requests) == 1


FORBIDDEN = [
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "local_file:///etc/passwd",
    "local-file:///etc/passwd",
    "ftp://127.0.0.1/",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "mailto:someone@example.com",
    "unix:/run/docker.sock",
    "http+unix://%2Frun%2Fdocker.sock/",
    "gopher://127.0.0.1:25/_HELO",
    "127.0.0.1:8000/path",
    ":path",
]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("location", FORBIDDEN)
def test_a_redirect_leads_to_http_and_https_only(opener, location, status):
    with (
        ScriptedServer([redirect(location, status)]) as server,
        pytest.raises(errors.RedirectRefused, match=NOT_ALLOWED) as caught,
    ):
        opener.open(server.url)
    with caught.value as error:
        assert isinstance(error, urllib.error.HTTPError)
        assert (error.code, error.headers["Location"]) == (status, location)
        assert str(error).startswith(f"HTTP Error {status}: Moved - Redirection to url '")
        assert error.read() == b"moved"


@pytest.mark.parametrize(
    ("scheme", "named"),
    [("ftp", "ftp://ftp.example/"), ("local_file", "local_file://user:***@ftp.example/")],
)
def test_the_refusal_names_the_url_but_no_password(opener, scheme, named):
    with (
        ScriptedServer([redirect(f"{scheme}://user:hidden@ftp.example/")]) as server,
        pytest.raises(errors.RedirectRefused) as caught,
    ):
        opener.open(server.url)
    with caught.value as error:
        assert f"Redirection to url '{named}' is not allowed" in str(error)


JOINED = {
    "/abs": "/abs",
    "rel": "/dir/rel",
    "../up": "/up",
    "./": "/dir/",
    "?query": "/dir/page?query",
    "": "/dir/page?old",
    "//{host}/net": "/net",
    "http://{host}": "/",
    "HTTP://{host}/x": "/x",
    "http://{host}/a/../b": "/b",
    "/with space": "/with%20space",
    "/already%20quoted": "/already%20quoted",
    "/100%": "/100%",
    "/utf-8-\xc3\xa9?\xc3\xbc": "/utf-8-%C3%A9?%C3%BC",
    "/latin-1-\xe9": "/latin-1-%E9",
    "/a:b": "/a:b",
    "dir:ty/../x": None,
}


@pytest.mark.parametrize(("location", "target"), JOINED.items(), ids=[repr(key) for key in JOINED])
def test_a_location_is_joined_as_rfc_3986_says(opener, location, target):
    with ScriptedServer(again=True, scripts=[[]]) as server:
        server._scripts = [[redirect(location.format(host=server.authority)), HELLO]]
        if target is None:
            with pytest.raises(errors.RedirectRefused, match=NOT_ALLOWED):
                opener.open(server.url + "dir/page?old")
            return
        with opener.open(server.url + "dir/page?old") as reply:
            assert reply.read() == b"hello"
    assert all_sent(server)[1].target == target


def test_a_location_that_is_no_bytes_is_taken_as_it_is(opener):
    followed = []

    class Watching(HTTPRedirectHandler):
        def redirect_request(self, req, fp, code, msg, headers, newurl):
            followed.append(newurl)

    handler = Watching()
    headers = {"location": "/\u20ac"}
    given = (Request("http://a/"), io.BytesIO(), 302, "Moved", headers)
    assert handler.http_error_302(*given) is None
    assert followed == ["http://a/%E2%82%AC"]


FRAGMENTS = [
    ("", "/new", ""),
    ("#old", "/new", "#old"),
    ("#old", "/new#new", "#new"),
    ("#old", "/new#", "#"),
    ("", "/new#new", "#new"),
    ("#", "/new", "#"),
]


@pytest.mark.parametrize(("before", "location", "after"), FRAGMENTS)
def test_a_fragment_is_inherited(opener, before, location, after):
    with (
        ScriptedServer([[redirect(location), HELLO]]) as server,
        opener.open(f"{server.url}{before}") as reply,
    ):
        assert reply.url == f"{server.url}new{after}"
    assert all_sent(server)[1].target == "/new"


MALFORMED = ["http://[::1", "http://a b/", "//", "http:", "http://h:99999/", "http://h:x/", "/\tx",
             "https:\\\\h", "http://\xc3\xa9\xff/"]  # fmt: skip


@pytest.mark.parametrize("location", MALFORMED)
def test_a_malformed_location_is_an_error_and_leaves_nothing_open(opener, clients, location):
    with ScriptedServer([[redirect(location, body=bytes(100_000)), Drain()]]) as server:
        with pytest.raises(errors.InvalidURL) as caught:
            opener.open(server.url)
        # The traceback is still there, and with it the reply.
        assert caught.value.__traceback__ is not None
        assert [client.closed for client in clients] == [True]


def test_a_malformed_location_leaves_a_connection_that_can_serve(opener):
    with ScriptedServer([[redirect("http://[::1"), HELLO]]) as server:
        with pytest.raises(errors.InvalidURL):
            opener.open(server.url)
        assert opener.open(server.url).read() == b"hello"
    assert len(server.connections) == 1


@pytest.mark.parametrize("status", STATUSES)
def test_a_redirect_without_a_location_is_the_error_itself(opener, status):
    reply = b"HTTP/1.1 %d Moved\r\nContent-Length: 5\r\n\r\nwhere" % status
    with ScriptedServer([reply]) as server, pytest.raises(HTTPError) as caught:
        opener.open(server.url)
    with caught.value as error:
        assert not isinstance(error, errors.RedirectRefused)
        assert (error.code, error.read()) == (status, b"where")


@pytest.mark.parametrize("status", [300, 304, 305, 306, 201])
def test_other_statuses_are_no_redirects(opener, status):
    with ScriptedServer([redirect("/new", status, b"")]) as server:
        try:
            reply = opener.open(server.url)
        except HTTPError as error:
            reply = error
        with reply:
            assert reply.status == status
    assert len(server.requests) == 1


def test_user_and_password_of_the_url_stay_with_a_relative_location(opener):
    with ScriptedServer([[redirect("/new"), HELLO]]) as server:
        url = f"http://user:password@{server.authority}/"
        with opener.open(url) as reply:
            assert reply.url == url + "new"


# --- how many


def test_a_limit_stops_the_chain_and_names_itself(pool):
    with (
        ScriptedServer([[redirect("/next")] * 5]) as server,
        pytest.raises(errors.RedirectRefused, match="got more than 3 redirects") as caught,
    ):
        opener_with(pool, RedirectPolicy(most=3)).open(server.url)
    with caught.value as error:
        assert (error.code, error.url, error.read()) == (302, server_url(server, error), b"moved")
    assert len(server.requests) == 4


def server_url(server, error):
    """The URL of a server that has ended, from an error."""
    assert error.url.startswith("http://127.0.0.1:")
    return error.url


def test_as_many_as_the_limit_are_followed(pool):
    with ScriptedServer([[*[redirect("/next")] * 3, HELLO]]) as server:
        opener = opener_with(pool, RedirectPolicy(most=3))
        with opener.open(server.url) as reply:
            assert len(reply.history) == 3


def test_a_limit_of_none_follows_nothing(pool):
    with ScriptedServer([redirect("/next")]) as server:
        with pytest.raises(errors.RedirectRefused, match="more than 0 redirects") as caught:
            opener_with(pool, RedirectPolicy(most=0)).open(server.url)
        caught.value.close()


def test_a_chain_ends_at_the_usual_limit(opener):
    with ScriptedServer([[redirect(f"/{number}") for number in range(30)]]) as server:
        with pytest.raises(errors.RedirectRefused, match="got more than 20 redirects") as caught:
            opener.open(server.url)
        caught.value.close()
    assert len(server.requests) == 21


def test_a_loop_ends_sooner_and_names_where_it_goes(opener):
    with ScriptedServer([[redirect("/")] * 30]) as server:
        said = f"got more than 4 redirects to {server.url}"
        with pytest.raises(errors.RedirectRefused, match=said) as caught:
            opener.open(server.url)
        caught.value.close()
    assert len(server.requests) == 5


def test_the_limits_can_be_set_as_in_urllib(pool):
    class Patient(HTTPRedirectHandler):
        max_repeats = 6
        max_redirections = 7

    opener = build_opener(HTTPHandler(pool=pool), Patient)
    with ScriptedServer([[redirect("/")] * 30]) as server:
        with pytest.raises(errors.RedirectRefused, match="got more than 6 redirects to") as caught:
            opener.open(server.url)
        caught.value.close()
    chain = [redirect(f"/{number}") for number in range(30)]
    with ScriptedServer([chain]) as server:
        with pytest.raises(errors.RedirectRefused, match="got more than 7 redirects") as caught:
            opener.open(server.url)
        caught.value.close()


def test_a_request_opened_again_is_redirected_as_often_again(opener):
    with ScriptedServer([[redirect("/a"), HELLO] * 6]) as server:
        request = Request(server.url)
        read = [opener.open(request).read() for _ in range(6)]
    assert read == [b"hello"] * 6


def test_old_servers_call_the_place_uri(opener):
    old = b"HTTP/1.1 302 Moved\r\nURI: /new\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[old, HELLO]]) as server:
        assert opener.open(server.url).url == f"{server.url}new"


def test_no_policy_follows_until_the_stack_is_full(pool):
    def redirect_for_ever(connection):
        for number in itertools.count():
            connection.read_request()
            connection.send(redirect(f"/{number}"))

    with ScriptedServer(handler=redirect_for_ever) as server:
        with pytest.raises(errors.RedirectRefused, match="got more than 100 redirects") as caught:
            opener_with(pool, RedirectPolicy(most=1_000_000)).open(server.url)
        caught.value.close()
    assert len(server.requests) == MOST_REDIRECTS + 1


def test_a_policy_with_a_wrong_number_is_refused():
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        RedirectPolicy(most=-1)


# --- connections and time


def test_one_connection_serves_the_whole_chain(opener, pool):
    chain = [redirect(f"/{number}", status) for number, status in enumerate(STATUSES)]
    with ScriptedServer([[*chain, HELLO]]) as server:
        assert opener.open(server.url).read() == b"hello"
        assert pool.opened == 1
    assert [one.target for one in all_sent(server)] == ["/", "/0", "/1", "/2", "/3", "/4"]


def test_one_connection_serves_a_chain_of_a_real_server(opener, pool, nginx):
    with opener.open(f"{nginx.http}/r1") as reply:
        assert reply.url == f"{nginx.http}/1k"
        assert len(reply.read()) == 1024
    assert pool.opened == 1


def test_a_redirect_with_a_long_page_costs_its_connection_and_no_more(opener):
    with ScriptedServer([[redirect("/new", body=bytes(200_000)), Drain()], [HELLO]]) as server:
        assert opener.open(server.url).read() == b"hello"
    assert len(server.connections) == 2


def test_a_total_limit_spans_all_redirects(opener):
    with (
        ScriptedServer([[redirect("/a"), redirect("/b"), Expect(), Drain()]]) as server,
        pytest.raises(errors.TotalTimedOut),
    ):
        opener.open(server.url, timeout=Timeout(None, None, SHORT))


@pytest.mark.parametrize("own", [Request, urllib.request.Request])
def test_the_deadline_is_one_for_all_redirects_whoever_makes_the_requests(pool, own):
    deadlines = []

    class Watching(HTTPRedirectHandler):
        def redirect_request(self, req, fp, code, msg, headers, newurl):
            deadlines.append(req.deadline)
            return own(newurl)

    opener = build_opener(HTTPHandler(pool=pool), Watching)
    with ScriptedServer([[redirect("/a"), redirect("/b"), HELLO]]) as server:
        opener.open(server.url, timeout=Timeout(total=30)).close()
    assert deadlines[0] is deadlines[1]
    assert deadlines[0] is not None


def test_the_timeout_of_the_first_request_holds_for_all(pool):
    timeouts = []

    class Watching(HTTPRedirectHandler):
        def redirect_request(self, *arguments):
            following = super().redirect_request(*arguments)
            timeouts.append(arguments[0].timeout)
            return following

    opener = build_opener(HTTPHandler(pool=pool), Watching)
    with ScriptedServer([[redirect("/a"), redirect("/b"), HELLO]]) as server:
        opener.open(server.url, timeout=7).close()
    assert timeouts == [7, 7]


# --- what the caller sees of it


def test_the_history_holds_the_replies_on_the_way(opener):
    with ScriptedServer([[redirect("/a", 301), redirect("/b", 307), HELLO]]) as server:
        with opener.open(server.url) as reply:
            history = reply.history
        urls = [server.url, server.url + "a"]
    assert [(one.status, one.url) for one in history] == list(zip([301, 307], urls, strict=True))
    assert [one.headers["Location"] for one in history] == ["/a", "/b"]
    assert [len(one.history) for one in history] == [0, 1]


def test_an_error_at_the_end_of_a_chain_tells_how_it_came_there(opener):
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[redirect("/a"), missing]]) as server:
        with pytest.raises(HTTPError) as caught:
            opener.open(server.url)
        assert caught.value.url == server.url + "a"
    with caught.value as error:
        assert [one.status for one in error.fp.history] == [302]


def test_the_request_that_was_given_is_as_it_was(opener):
    with ScriptedServer([[redirect("/new", 303), HELLO]]) as server:
        request = Request(server.url, BODY, {"Content-Type": "text/x-own"})
        opener.open(request).close()
        assert (request.full_url, request.data, request.history) == (server.url, BODY, ())
    assert request.get_method() == "POST"
    assert request.headers == {"Content-type": "text/x-own"}


def test_a_request_that_follows_is_known_to_be_part_of_the_first(pool):
    seen = []

    class Watching(BaseHandler):
        def http_request(self, request):
            seen.append((request.origin_req_host, request.unverifiable))
            return request

    opener = build_opener(HTTPHandler(pool=pool), Watching)
    with ScriptedServer([[redirect("/a"), HELLO]]) as server:
        opener.open(Request(server.url, origin_req_host="origin.example")).close()
    assert seen == [("origin.example", False), ("origin.example", True)]


# --- handlers that programs have


def test_a_handler_may_leave_a_redirect_alone(pool):
    class NoRedirects(HTTPRedirectHandler):
        def redirect_request(self, req, fp, code, msg, headers, newurl):
            return None

    opener = build_opener(NoRedirects, HTTPHandler(pool=pool))
    with ScriptedServer([redirect("/new")]) as server, pytest.raises(HTTPError) as caught:
        opener.open(server.url)
    with caught.value as error:
        assert (error.code, error.headers["Location"], error.read()) == (302, "/new", b"moved")


def test_a_handler_may_return_the_redirect_as_a_reply(pool):
    class AsReply(HTTPRedirectHandler):
        def http_error_302(self, req, fp, code, msg, headers):
            return fp

        http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    opener = build_opener(AsReply(), HTTPHandler(pool=pool))
    with ScriptedServer([redirect("/new", 308)]) as server, opener.open(server.url) as reply:
        assert (reply.status, reply.read()) == (308, b"moved")


def test_a_handler_may_note_the_status_and_go_on(pool):
    class Noting(HTTPRedirectHandler):
        def http_error_301(self, req, fp, code, msg, headers):
            result = super().http_error_301(req, fp, code, msg, headers)
            result.redirected_by = code
            return result

    opener = build_opener(Noting(), HTTPHandler(pool=pool))
    with (
        ScriptedServer([[redirect("/new", 301), HELLO]]) as server,
        opener.open(server.url) as reply,
    ):
        assert reply.redirected_by == 301


def test_a_handler_may_change_the_request_that_follows(pool):
    class Keeping(HTTPRedirectHandler):
        def redirect_request(self, req, fp, code, msg, headers, newurl):
            following = super().redirect_request(req, fp, code, msg, headers, newurl)
            following.method = req.get_method()
            following.data = req.data
            return following

    opener = build_opener(Keeping(), HTTPHandler(pool=pool))
    with ScriptedServer([[redirect("/new", 302), HELLO]]) as server:
        opener.open(server.url, BODY).close()
    assert [(one.method, one.body) for one in all_sent(server)] == [("POST", BODY)] * 2


def test_a_handler_may_be_asked_without_an_opener():
    handler = HTTPRedirectHandler()
    request = Request("http://a.example/x", headers={"X": "1"})
    following = handler.redirect_request(request, None, 302, "Moved", {}, "http://b.example/y")
    assert (following.full_url, following.headers) == ("http://b.example/y", {"X": "1"})


# --- the policy by itself


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("status", STATUSES)
def test_the_policy_has_the_table(status, method):
    policy = RedirectPolicy()
    after = method_after(status, method)
    assert policy.method_after(status, method) == after
    assert policy.keeps_body(status, method) == (status != 303 and after == method)


def test_policies_with_the_same_secrets_are_equal():
    assert RedirectPolicy(secrets=frozenset({"A"})) == RedirectPolicy(secrets=frozenset({"a"}))


ORIGINS = [
    ("http://a/", "http://a/x", True),
    ("http://a/", "http://A:80/", True),
    ("https://a/", "https://a:443/", True),
    ("http://a/", "http://user@a/", True),
    ("http://a/", "http://a:81/", False),
    ("http://a/", "http://b/", False),
    ("http://a/", "http://a.b/", False),
    ("http://a/", "http://a./", False),
    ("http://a/", "https://a/", False),
    ("http://a:443/", "https://a:443/", False),
    ("http://[fe80::1%251]/", "http://[fe80::1%252]/", False),
]


@pytest.mark.parametrize(("first", "second", "same"), ORIGINS)
def test_an_origin_is_scheme_host_and_port(first, second, same):
    given = Request(first, headers=SECRET)
    following = HTTPRedirectHandler().redirect_request(given, None, 302, "", {}, second)
    assert ("Authorization" in following.headers) == same
    assert (URL.parse(first).origin == URL.parse(second).origin) == same
