"""Secrets of an opener: sent to their origin, and nowhere else."""

from __future__ import annotations

from contextlib import closing

import pytest
from support.servers import ScriptedServer

from mini_http import (
    BaseHandler,
    HTTPHandler,
    HTTPSHandler,
    Pool,
    Proxy,
    ProxyHandler,
    Recorder,
    Request,
    TLSSettings,
    build_opener,
)
from mini_http.base import errors
from mini_http.opener.secrets import Secrets, secrets_of

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
MOVED = b"HTTP/1.1 307 Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
HIDDEN = "hunter2"


def keys(server, name="x-acme"):
    found = []
    for raw in server.requests:
        lines = raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        fields = {line.partition(":")[0].lower(): line.partition(": ")[2] for line in lines}
        found.append(fields.get(name))
    return found


@pytest.fixture
def pool():
    with Pool() as made:
        yield made


@pytest.fixture
def opener(pool):
    return build_opener(HTTPHandler(pool=pool))


def test_a_secret_goes_to_its_origin_alone(opener):
    with ScriptedServer([[HELLO, HELLO]]) as server, ScriptedServer([HELLO]) as other:
        secrets_of(opener).add(server.url + "any/path", "X-Acme", HIDDEN)
        for url in (server.url, server.url + "a", other.url):
            opener.open(url).close()
    assert keys(server) == [HIDDEN, HIDDEN]
    assert keys(other) == [None]
    assert b"\r\nX-Acme: " in server.requests[0]


def test_a_secret_follows_no_redirect_to_another_origin_and_is_there_on_the_way_back(opener):
    back = [None]
    with ScriptedServer([back]) as other, ScriptedServer() as server:
        server._scripts.append([MOVED % other.url.encode(), HELLO])
        back[0] = MOVED % f"{server.url}b".encode()
        secrets_of(opener).add(server.url, "X-Acme", HIDDEN)
        opener.open(server.url).close()
    assert keys(server) == [HIDDEN, HIDDEN]
    assert keys(other) == [None]


def test_a_secret_is_for_one_scheme_and_port():
    secrets = Secrets()
    assert not secrets.http_request(Request("https://api.example/")).has_header("X-acme")
    secrets.add("https://api.example", "X-Acme", HIDDEN)
    for url in ("http://api.example/", "https://api.example:444/", "https://api.example.other/"):
        assert not secrets.http_request(Request(url)).has_header("X-acme")
    for url in ("https://api.example:443/a", "https://API.example/"):
        assert secrets.https_request(Request(url)).get_header("X-acme") == HIDDEN


def test_a_field_of_the_requests_own_stays(opener):
    with ScriptedServer([[HELLO, HELLO]]) as server:
        secrets_of(opener).add(server.url, "X-Acme", HIDDEN)
        request = Request(server.url, headers={"x-acme": "own"})
        opener.open(request).close()
        opener.open(server.url).close()
    assert keys(server) == ["own", HIDDEN]


def test_a_second_value_takes_the_place_of_the_first_until_it_is_removed(opener):
    with ScriptedServer([[HELLO, HELLO, HELLO]]) as server:
        secrets = secrets_of(opener)
        secrets.add(server.url, "x-acme", "first")
        secrets.add(server.url, "X-Acme", HIDDEN)
        secrets.add(server.url, "X-Other", "other")
        request = Request(server.url)
        opener.open(request).close()
        secrets.remove(server.url, "X-ACME")
        secrets.remove("http://unknown.example/", "X-Acme")
        opener.open(request).close()
        opener.open(server.url).close()
    assert keys(server) == [HIDDEN, None, None]
    assert keys(server, "x-other") == ["other"] * 3


class Proxied(BaseHandler):
    """Sends all requests through one proxy."""

    handler_order = 100

    def __init__(self, proxy):
        self.proxy = proxy

    def http_open(self, request):
        request.set_proxy(self.proxy, "http")


def test_a_proxy_that_would_read_a_secret_is_an_error_and_gets_nothing(pool):
    with ScriptedServer([[HELLO, HELLO]]) as proxy:
        opener = build_opener(HTTPHandler(pool=pool), Proxied(proxy.authority))
        opener.open("http://api.example/before").close()
        secrets_of(opener).add("http://api.example/", "X-Acme", HIDDEN)
        with pytest.raises(errors.InvalidRequest, match="a proxy would read X-Acme") as caught:
            opener.open("http://api.example/")
        opener.open("http://other.example/").close()
    assert HIDDEN not in str(caught.value)
    assert keys(proxy) == [None, None]


def test_a_proxy_over_tls_would_read_a_secret_too(pool, certificates):
    with ScriptedServer([[HELLO]], tls=certificates.good.server_context()) as server:
        tls = TLSSettings(ca_file=certificates.ca_file)
        proxy = Proxy("localhost", server.port, kind="https", tls=tls)
        opener = build_opener(ProxyHandler({"http": proxy}), HTTPSHandler(pool=pool))
        secrets_of(opener).add("http://api.example/", "X-Acme", HIDDEN)
        with pytest.raises(errors.InvalidRequest, match="a proxy would read X-Acme"):
            opener.open("http://api.example/")
        opener.open("http://other.example/").close()
        pool.close()
    assert keys(server) == [None]


def test_a_field_of_the_programs_own_may_go_through_a_proxy(pool):
    with ScriptedServer([HELLO]) as proxy:
        opener = build_opener(HTTPHandler(pool=pool), Proxied(proxy.authority))
        secrets_of(opener).add("http://api.example/", "X-Acme", HIDDEN)
        opener.open(Request("http://api.example/", headers={"X-Acme": "own"})).close()
    assert keys(proxy) == ["own"]


def test_what_is_printed_of_requests_masks_the_value(pool, capsys):
    with ScriptedServer([HELLO]) as server:
        opener = build_opener(HTTPHandler(1, pool=pool))
        secrets_of(opener).add(server.url, "X-Acme", HIDDEN)
        opener.open(server.url).close()
    printed = capsys.readouterr().out
    assert "X-Acme: ***" in printed
    assert HIDDEN not in printed


def test_a_recording_masks_secrets_whatever_their_names(tmp_path):
    path = tmp_path / "recorded.har"
    with (
        ScriptedServer([HELLO]) as server,
        Pool() as pool,
        closing(Recorder(path, pool=pool)) as recorder,
    ):
        opener = build_opener(*recorder.handlers())
        for name in ("X-Acme", "X-Acme-Key", "X-Vault-Token"):
            secrets_of(opener).add(server.url, name, HIDDEN)
        opener.open(server.url).close()
    assert server.requests[0].count(HIDDEN.encode()) == 3
    assert '"X-Acme"' in path.read_text()
    assert HIDDEN not in path.read_text()


def test_a_repr_shows_origins_and_names():
    secrets = Secrets()
    assert repr(secrets) == "<Secrets none>"
    secrets.add("https://api.example/v1", "X-Acme", HIDDEN)
    assert repr(secrets) == "<Secrets https://api.example:443 X-Acme>"


def test_an_opener_has_its_secrets_once_and_shares_them_with_no_other(opener):
    assert secrets_of(opener) is secrets_of(opener)
    assert secrets_of(build_opener()) is not secrets_of(opener)


@pytest.mark.parametrize("url", ["https://user@api.example/", "mailto:a@b", "data:,x"])
def test_a_secret_belongs_to_an_origin(url):
    with pytest.raises(errors.InvalidRequest, match="belongs to an origin"):
        Secrets().add(url, "X-Acme", HIDDEN)


def test_a_request_of_urllibs_is_served_too():
    import urllib.request

    secrets = Secrets()
    secrets.add("http://a/", "X-Acme", HIDDEN)
    request = secrets.http_request(urllib.request.Request("http://a/b"))
    assert request.get_header("X-acme") == HIDDEN


@pytest.mark.parametrize("value", [f"{HIDDEN}\n", f"{HIDDEN}\u20ac", f"{HIDDEN}\ud800", b"hunter2"])
def test_a_value_that_no_field_can_have_is_refused_at_once_without_being_shown(value):
    secrets = Secrets()
    secrets.add("http://a/", "X-Acme", "old")
    with pytest.raises(errors.InvalidField, match="the value of X-Acme") as caught:
        secrets.add("http://a/", "X-Acme", value)
    assert HIDDEN not in str(caught.value)
    assert secrets.http_request(Request("http://a/")).get_header("X-acme") == "old"
