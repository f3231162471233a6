"""A session over the adapter does what it does over requests' own.

What nobody's program can tell apart is tested over both. How a body is read is tested in
test_requests_reply, which certificates are used in test_requests_tls.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import gc
import io
import os
import pickle
import selectors
import socket
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth, HTTPDigestAuth, HTTPProxyAuth
from support.documents import examples
from support.servers import ScriptedServer
from support.steps import (
    Close,
    Drain,
    Expect,
    ExpectBytes,
    ExpectHead,
    Pause,
    Reset,
    Send,
    StartTLS,
)
from support.waits import PATIENCE
from urllib3.util import SKIP_HEADER

import mini_http
from mini_http import Limits, Pool, PoolPolicy, Timeout
from mini_http.codec.content_coding import CODINGS, accept_encoding
from mini_http.tools.requests_adapter import (
    ERRORS,
    ERRORS_IN_A_TUNNEL,
    ERRORS_WITH_A_PROXY,
    ProxyTimeout,
    RequestsAdapter,
    timeout_of,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ADAPTERS = {"requests' own": HTTPAdapter, "ours": RequestsAdapter}


def session_over(adapter):
    made = requests.Session()
    made.trust_env = False
    for prefix in ("http://", "https://", "http+unix://"):
        made.mount(prefix, adapter)
    return made


@pytest.fixture(params=ADAPTERS)
def session(request):
    with session_over(ADAPTERS[request.param]()) as made:
        yield made


@pytest.fixture
def ours():
    with session_over(RequestsAdapter()) as made:
        yield made


def pool_of(session):
    return session.get_adapter("http://").pool


def error_of(session, *script, tls=None, again=False, **options):
    """What a session raises when it asks a server that does this."""
    server = ScriptedServer([script], tls=tls, again=again)
    with server, pytest.raises(requests.exceptions.RequestException) as caught:
        session.request(**{"method": "GET", "url": server.url} | options)
    session.close()
    return caught.value


# --- what is sent


def sent(server, adapter, arguments):
    """The account of a request, without what must differ between two of them."""
    with session_over(adapter) as session:
        options = arguments() if callable(arguments) else dict(arguments)
        method = options.pop("method", "POST")
        path = options.pop("path", "")
        response = session.request(method, server.url + path, **options)
        response.raise_for_status()
    account = server.requests[-1]
    account["headers"] = {name.lower(): value for name, value in account["headers"]}
    return account | {"connection": None, "request": None}


class Sized(io.BytesIO):
    """A file that knows its length and can't tell where it is."""

    def tell(self):
        raise OSError("not here")

    def __len__(self):
        return len(self.getvalue())


BODIES = {
    "none": {},
    "bytes": {"data": b"\0\xff"},
    "text": {"data": "Grüße €"},
    "a form": {"data": {"a": "1", "ü": ["2", "3"]}},
    "pairs": {"data": [("a", "1"), ("a", "2")]},
    "JSON": {"json": {"a": [1, None]}},
    "a lot": {"data": bytes(1_000_000)},
    "a file": lambda: {"data": io.BytesIO(b"from a file")},
    "the rest of a file": lambda: {"data": moved(io.BytesIO(b"from a file"))},
    "a file that can't tell": lambda: {"data": Sized(b"sized")},
    "an empty file": lambda: {"data": io.BytesIO()},
    "a generator": lambda: {"data": (piece for piece in [b"one", b"", b"two"])},
    "a generator of text": lambda: {"data": (piece for piece in ["eins", "zwölf"])},
    "an iterator": lambda: {"data": iter([b"one", b"two"])},
    "an empty generator": lambda: {"data": (piece for piece in [])},
    "an upload": lambda: {"files": {"f": ("n.txt", io.BytesIO(b"x"))}, "data": {"a": "1"}},
    "empty": {"data": b""},
    "with PUT": {"method": "PUT", "data": b"x"},
    "with DELETE": {"method": "DELETE", "data": b"x"},
    "with GET": {"method": "GET", "data": b"x"},
}


def moved(file):
    file.read(5)
    return file


@pytest.mark.parametrize("body", BODIES)
def test_a_body_is_sent_as_over_requests_own(echo_server, body, monkeypatch):
    # An upload has a random boundary.
    monkeypatch.setattr("urllib3.filepost.choose_boundary", lambda: "boundary")
    accounts = [sent(echo_server, adapter(), BODIES[body]) for adapter in ADAPTERS.values()]
    assert accounts[0] == accounts[1]


def test_a_text_file_is_sent_as_utf_8(echo_server, ours, tmp_path):
    path = tmp_path / "text"
    path.write_text("Grüße", "utf-8")
    with open(path, encoding="utf-8") as file, pytest.warns(requests.exceptions.FileModeWarning):
        ours.post(echo_server.url, data=file)
    assert base64.b64decode(echo_server.requests[-1]["body"]) == "Grüße".encode()


def test_a_length_that_is_given_for_a_generator_is_the_only_framing(echo_server, ours):
    ours.post(echo_server.url, data=iter([b"one", b"two"]), headers={"Content-Length": "6"})
    account = echo_server.requests[-1]
    assert base64.b64decode(account["body"]) == b"onetwo"
    names = [name.lower() for name, _ in account["headers"]]
    assert "content-length" in names
    assert "transfer-encoding" not in names


REQUESTS = {
    **{
        method: {"method": method}
        for method in ("GET", "HEAD", "OPTIONS", "PATCH", "PUT", "DELETE")
    },
    "a new method": {"method": "PURGE"},
    "a path": {"path": "a b/%41/ü?x=1 2&y=%2f#part"},
    "parameters": {"path": "?a=1", "params": {"b": "ü ", "c": [1, 2], "d": None}},
    "headers": {"headers": {"X-Text": "text", "X-Bytes": b"b\xc3\xbc", "x-a": ""}},
    "a header taken out": {"headers": {"Accept": None, "Accept-Encoding": None}},
    "a host": {"headers": {"Host": "other.example"}},
    "urllib3's mark": {"headers": {"User-Agent": SKIP_HEADER}},
    "cookies": {"cookies": {"a": "1", "b": "2"}},
    "Connection: close": {"headers": {"Connection": "close"}},
    "Basic": {"auth": ("user", "pass")},
    "for a proxy": {"headers": {"Proxy-Authorization": "Bearer x"}},
}


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_is_sent_as_over_requests_own(echo_server, request_):
    options = REQUESTS[request_]
    accounts = [
        sent(echo_server, adapter(), {"method": "GET"} | options) for adapter in ADAPTERS.values()
    ]
    assert accounts[0] == accounts[1]


def test_a_host_is_sent_first_and_once(ours):
    with ScriptedServer([OK], again=True) as server:
        ours.get(server.url)
        ours.get(server.url, headers={"host": "other.example"})
        hosts = [server.authority, "other.example"]
    for head, host in zip(server.requests, hosts, strict=True):
        assert head.startswith(b"GET / HTTP/1.1\r\nHost: " + host.encode())
        assert head.lower().count(b"\r\nhost:") == 1


def test_only_what_can_be_decoded_is_offered(echo_server, ours, monkeypatch):
    accept_encoding.cache_clear()
    monkeypatch.delitem(CODINGS, "zstd")
    ours.get(echo_server.url)
    ours.get(echo_server.url, headers={"Accept-Encoding": "zstd"})
    offered = [dict(account["headers"])["Accept-Encoding"] for account in echo_server.requests]
    accept_encoding.cache_clear()
    assert "zstd" not in offered[0]
    assert "gzip" in offered[0]
    assert offered[1] == "zstd"


def test_a_name_beyond_ascii_is_asked_for_by_its_a_labels(ours):
    with pytest.raises(requests.exceptions.ConnectionError, match=r"xn--bcher-kva\.invalid"):
        ours.get("http://bücher.invalid/")


REFUSED = {
    "a body of another length": (
        {"data": b"four", "headers": {"Content-Length": "4"}},
        lambda prepared: prepared.headers.update({"Content-Length": "5"}),
    ),
    "a body that ends too soon": (
        {"data": iter([b"four"]), "headers": {"Content-Length": "5"}},
        lambda prepared: None,
    ),
    "a value beyond ISO 8859-1": ({"headers": {"X-A": "€"}}, lambda prepared: None),
    "a method that is none": ({"method": "G E T"}, lambda prepared: None),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_request_that_may_not_be_sent_is_an_invalid_header(echo_server, ours, fault):
    options, change = REFUSED[fault]
    prepared = ours.prepare_request(
        requests.Request(**{"method": "POST", "url": echo_server.url} | options)
    )
    change(prepared)
    with pytest.raises(requests.exceptions.InvalidHeader) as caught:
        ours.send(prepared)
    assert caught.value.request is prepared
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://a b/", "http://a:b/", None, "//host/", "http:///"]
)
def test_a_url_that_is_none_is_an_invalid_url(ours, url):
    prepared = requests.Request("GET", "http://host/").prepare()
    prepared.url = url
    with pytest.raises(requests.exceptions.InvalidURL):
        ours.get_adapter("http://").send(prepared)


def test_a_scheme_of_others_is_refused(ours):
    prepared = requests.Request("GET", "ftp://host/").prepare()
    with pytest.raises(requests.exceptions.InvalidSchema, match="ftp is no scheme"):
        ours.get_adapter("http://").send(prepared)


# --- the response


def test_a_response_says_what_the_reply_said(nginx, session):
    response = session.get(f"{nginx.http}/1k")
    assert (response.status_code, response.reason, response.ok) == (200, "OK", True)
    assert response.headers["content-length"] == "1024"
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.content == bytes(range(32, 96)) * 16
    assert response.url == f"{nginx.http}/1k"
    assert response.request.method == "GET"
    assert response.history == []
    assert response.connection is session.get_adapter("http://")
    assert response.elapsed.total_seconds() > 0


@pytest.mark.parametrize(
    ("field", "encoding"),
    [
        (b"text/plain; charset=utf-8", "utf-8"),
        (b'text/html; charset="ISO-8859-15"', "ISO-8859-15"),
        (b"text/plain", "ISO-8859-1"),
        (b"application/json", "utf-8"),
        (b"image/png", None),
    ],
)
def test_the_encoding_comes_from_the_headers(session, field, encoding):
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: 2\r\n\r\n\xc3\xbc" % field
    with ScriptedServer([reply]) as server:
        response = session.get(server.url)
        assert response.encoding == encoding
        assert response.text == b"\xc3\xbc".decode(encoding or "utf-8")
        session.close()


def test_repeated_fields_are_joined(session):
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nLink: <a>; rel=x\r\nlink: <b>; rel=y\r\n\r\n"
    with ScriptedServer([reply]) as server:
        response = session.get(server.url)
        assert response.headers["link"] == "<a>; rel=x, <b>; rel=y"
        assert set(response.links) == {"x", "y"}
        session.close()


@pytest.mark.parametrize("status", [204, 304, 404, 500])
def test_any_status_is_a_response(nginx, session, status):
    response = session.get(f"{nginx.http}/status/{status}")
    assert response.status_code == status
    assert bool(response.content) == (status >= 400)
    assert response.ok == (status < 400)


def test_head_has_no_body(nginx, session):
    response = session.head(f"{nginx.http}/1k")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Length"] == "1024"


def test_an_error_status_can_be_raised(nginx, session):
    with pytest.raises(requests.exceptions.HTTPError, match="404 Client Error: Not Found"):
        session.get(f"{nginx.http}/nowhere").raise_for_status()


def test_json_is_read(echo_server, session):
    assert session.get(f"{echo_server.url}x").json()["path"] == "/x"


def test_a_response_can_be_pickled(nginx, session):
    response = session.get(f"{nginx.http}/1k", stream=True)
    again = pickle.loads(pickle.dumps(response))
    assert again.content == response.content
    assert again.headers == response.headers


# --- redirects, cookies, authentication, hooks: requests' own work


def test_redirects_are_followed_by_requests(nginx, session):
    response = session.get(f"{nginx.http}/r1")
    assert response.url == f"{nginx.http}/1k"
    assert [reply.status_code for reply in response.history] == [301, 302, 307]
    assert session.get(f"{nginx.http}/r1", allow_redirects=False).next.url == f"{nginx.http}/r2"


def test_endless_redirects_are_an_error_of_requests(nginx, session):
    with pytest.raises(requests.exceptions.TooManyRedirects):
        session.get(f"{nginx.http}/loop")


def test_a_file_is_sent_again_where_a_redirect_keeps_the_method(session):
    moved_to = b"HTTP/1.1 307 Moved\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[moved_to, OK]]) as server:
        assert session.put(server.url, data=io.BytesIO(b"body")).text == "ok"
        session.close()
    assert [request.rpartition(b"\r\n")[2] for request in server.requests] == [b"body", b"body"]


def test_secrets_stay_behind_when_a_redirect_leads_elsewhere(session):
    with ScriptedServer([OK], at="::1") as other:
        moved_to = b"HTTP/1.1 302 Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
        with ScriptedServer([moved_to % other.url.encode()]) as server:
            assert session.get(server.url, auth=("user", "pass")).text == "ok"
            session.close()
    assert b"Authorization" in server.requests[0]
    assert b"Authorization" not in other.requests[0]


BROKEN_REDIRECTS = {
    "coded and broken": b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk",
    "cut": b"Content-Length: 9\r\n\r\nhalf",
    "with too many codings": b"Content-Encoding: a,b,c,d,e,f\r\nContent-Length: 4\r\n\r\njunk",
}


@pytest.mark.parametrize("body", BROKEN_REDIRECTS)
def test_a_redirect_is_followed_though_its_body_is_broken(session, body):
    moved_to = b"HTTP/1.1 302 Moved\r\nConnection: close\r\nLocation: /new\r\n"
    moved_to += BROKEN_REDIRECTS[body]
    with ScriptedServer([moved_to, OK]) as server:
        assert session.get(server.url).text == "ok"
        session.close()


def test_cookies_are_kept_and_sent_back(session):
    reply = (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nContent-Length: 0\r\n"
        b"Set-Cookie: b=2; Path=/\r\n\r\n"
    )
    with ScriptedServer([[reply, OK]]) as server:
        response = session.get(server.url)
        assert response.cookies.get_dict() == {"a": "1", "b": "2"}
        session.get(server.url)
        session.close()
    assert b"Cookie: a=1; b=2" in server.requests[1]


def test_cookies_of_a_redirect_are_sent_to_where_it_leads(session):
    moved_to = (
        b"HTTP/1.1 302 Moved\r\nLocation: /new\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"
    )
    with ScriptedServer([[moved_to, OK]]) as server:
        session.get(server.url)
        session.close()
    assert b"Cookie: a=1" in server.requests[1]


def test_basic_credentials_are_sent(echo_server, session):
    session.get(echo_server.url, auth=HTTPBasicAuth("user", "pass"))
    headers = dict(echo_server.requests[-1]["headers"])
    assert headers["Authorization"] == "Basic dXNlcjpwYXNz"


def test_digest_credentials_are_sent_after_a_challenge(session):
    challenge = (
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 6\r\nSet-Cookie: a=1\r\n"
        b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n\r\nreally'
    )
    with ScriptedServer([[challenge, OK]]) as server:
        response = session.get(server.url, auth=HTTPDigestAuth("user", "pass"))
        session.close()
    assert response.text == "ok"
    assert [reply.status_code for reply in response.history] == [401]
    assert b'Authorization: Digest username="user"' in server.requests[1]
    assert b"Cookie: a=1" in server.requests[1]


def test_hooks_see_each_response(nginx, session):
    seen = []
    hook = {"response": lambda response, **options: seen.append((response.url, options["timeout"]))}
    session.get(f"{nginx.http}/status/301", hooks=hook, timeout=PATIENCE)
    assert seen == [(f"{nginx.http}/status/301", PATIENCE), (f"{nginx.http}/1k", PATIENCE)]


def test_a_prepared_request_can_be_changed_and_sent(echo_server, session):
    prepared = session.prepare_request(requests.Request("POST", echo_server.url, data=b"one"))
    prepared.headers["X-More"] = "yes"
    assert session.send(prepared).status_code == 200
    assert dict(echo_server.requests[-1]["headers"])["X-More"] == "yes"


# --- connections


def test_a_hundred_requests_take_one_connection(nginx, session):
    served = [session.get(f"{nginx.http}/connection").text.split() for _ in range(100)]
    assert len({connection for connection, _ in served}) == 1
    assert [int(number) for _, number in served] == list(range(1, 101))


def test_a_hundred_requests_over_tls_take_one_connection(nginx, certificates, ours):
    ours.verify = str(certificates.ca_file)
    served = [ours.get(f"{nginx.https}/connection").text.split() for _ in range(100)]
    assert len({connection for connection, _ in served}) == 1


def test_a_connection_that_was_closed_meanwhile_is_replaced(ours):
    with ScriptedServer([OK, OK]) as server:
        assert [ours.get(server.url).text for _ in range(2)] == ["ok", "ok"]
        ours.close()


def test_closing_the_session_closes_idle_connections(nginx, ours, no_leaked_descriptors):
    ours.get(f"{nginx.http}/1k")
    assert pool_of(ours).idle_count() == 1
    ours.close()
    assert pool_of(ours).idle_count() == 0
    assert ours.get(f"{nginx.http}/1k").ok
    ours.close()


def test_a_session_that_is_never_closed_leaves_nothing_open(nginx, no_leaked_descriptors):
    session = session_over(RequestsAdapter())
    assert session.get(f"{nginx.http}/1k").ok
    del session
    gc.collect()


def test_a_pool_that_is_given_is_shared_and_outlives_the_session(nginx):
    with Pool() as pool:
        for _ in range(2):
            with session_over(RequestsAdapter(pool)) as session:
                assert session.get(f"{nginx.http}/1k").ok
        assert (pool.idle_count(), pool.opened) == (1, 1)


def test_limits_are_for_a_pool_of_its_own():
    assert RequestsAdapter(limits=Limits(fields=7)).pool.limits.fields == 7
    with pytest.raises(ValueError, match="limits"):
        RequestsAdapter(Pool(), Limits())


def test_limits_hold_for_replies(ours):
    ours.mount("http://", RequestsAdapter(limits=Limits(fields=1)))
    error = error_of(ours, b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 0\r\n\r\n")
    assert isinstance(error, requests.exceptions.ConnectionError)
    assert "more than 1 headers" in str(error)


class Marked(RequestsAdapter):
    mark = ""


@pytest.mark.parametrize(
    "again", [lambda it: pickle.loads(pickle.dumps(it)), copy.copy, copy.deepcopy]
)
def test_a_session_that_is_pickled_or_copied_begins_with_an_empty_pool(nginx, again):
    first = Marked(Pool(PoolPolicy(idle_total=3), Limits(fields=500)))
    first.mark = "kept"
    with session_over(first) as session:
        assert session.get(f"{nginx.http}/1k").ok
        adapter = (
            again(session).get_adapter("http://") if again is not copy.copy else copy.copy(first)
        )
        assert (adapter.pool.policy, adapter.pool.limits) == (first.pool.policy, first.pool.limits)
        assert adapter.mark == "kept"
        assert adapter.pool is not first.pool
        with session_over(adapter) as second:
            assert second.get(f"{nginx.http}/1k").ok
        assert (adapter.pool.idle_count(), first.pool.idle_count()) == (0, 1)
    first.pool.close()


def test_a_session_can_be_recorded_and_replayed(echo_server, tmp_path):
    path = tmp_path / "session.har"
    recorder = mini_http.Recorder(path, pool=(pool := Pool()))
    with session_over(RequestsAdapter(recorder)) as session:
        said = session.post(echo_server.url, json={"a": 1}).json()
    recorder.close()
    pool.close()
    replayer = mini_http.Replayer(path)
    with session_over(copy.copy(RequestsAdapter(replayer))) as session:
        assert session.post(echo_server.url, json={"a": 1}).json() == said
        replayer.assert_all_used()
        with pytest.raises(requests.exceptions.ConnectionError, match="no reply to GET"):
            session.get(echo_server.url)
    assert len(echo_server.requests) == 1


def test_threads_may_share_an_adapter(nginx, ours):
    texts = []

    def ask():
        for _ in range(20):
            texts.append(ours.get_adapter("http://").send(prepared).text)

    prepared = ours.prepare_request(requests.Request("GET", f"{nginx.http}/text"))
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 80
    assert len(set(texts)) == 1
    assert pool_of(ours).opened <= 4


def test_a_unix_socket_can_be_asked(ours, tmp_path):
    with ScriptedServer([OK], at=str(tmp_path / "socket")):
        where = str(tmp_path / "socket").replace("/", "%2F")
        ours.proxies = {"all": "http://127.0.0.1:1"}
        assert ours.get(f"http+unix://{where}/page").text == "ok"
        ours.close()


# --- TLS


def test_by_default_a_server_must_have_a_certificate_of_a_known_issuer(nginx, session):
    with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        session.get(f"{nginx.https}/1k")


def test_a_file_or_folder_of_authorities_can_be_trusted(
    nginx, certificates, hashed_folder, session
):
    assert session.get(f"{nginx.https}/1k", verify=str(certificates.ca_file)).ok
    session.verify = str(hashed_folder)
    assert session.get(f"{nginx.https}/1k").ok


@pytest.mark.parametrize("name", ["wrong_name", "expired", "self_signed", "unknown_issuer"])
def test_a_bad_certificate_is_an_ssl_error(nginx, certificates, session, name):
    with pytest.raises(requests.exceptions.SSLError):
        session.get(f"{getattr(nginx, name)}/1k", verify=str(certificates.ca_file))


@pytest.mark.filterwarnings("ignore::mini_http.UnverifiedTLSWarning")
@pytest.mark.parametrize("name", ["https", "wrong_name", "expired", "self_signed"])
def test_verification_can_be_turned_off(nginx, ours, name):
    assert ours.get(f"{getattr(nginx, name)}/1k", verify=False).ok


def test_a_connection_that_was_not_verified_never_serves_a_request_that_asks_for_it(nginx, session):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        warnings.simplefilter("ignore", mini_http.UnverifiedTLSWarning)
        assert session.get(f"{nginx.https}/1k", verify=False).ok
    with pytest.raises(requests.exceptions.SSLError):
        session.get(f"{nginx.https}/1k")


def test_a_certificate_of_our_own_is_shown(nginx, certificates, session):
    session.verify = str(certificates.ca_file)
    own = certificates.client
    assert session.get(f"{nginx.client_wanted}/1k").status_code == 400
    assert session.get(f"{nginx.client_wanted}/1k", cert=(str(own.chain), str(own.key))).ok


def test_a_certificate_that_does_not_exist_is_an_os_error(nginx, session):
    missing = "/nowhere/at/all.pem"
    for option, what in [
        ("verify", "a suitable TLS CA certificate bundle"),
        ("cert", "the TLS certificate file"),
    ]:
        with pytest.raises(OSError, match=f"^Could not find {what}, invalid path: {missing}$"):
            session.get(f"{nginx.https}/1k", **{option: missing})


def test_files_that_are_no_certificates_are_an_ssl_error(nginx, tmp_path, session):
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    with pytest.raises(requests.exceptions.SSLError):
        session.get(f"{nginx.https}/1k", verify=str(junk))


def test_a_server_that_speaks_no_tls_is_an_ssl_error(nginx, session):
    with pytest.raises(requests.exceptions.SSLError):
        session.get(nginx.http.replace("http:", "https:"))


def no_tls(connection):
    """Sends bytes that are no record of TLS on a connection that speaks it."""
    with socket.socket(fileno=os.dup(connection.sock.fileno())) as below:
        below.sendall(b"no record of TLS")


def test_tls_that_fails_after_the_handshake_is_an_ssl_error(certificates, ours):
    options = {"tls": certificates.good.server_context(), "verify": str(certificates.ca_file)}
    error = error_of(ours, Expect(), no_tls, Drain(), **options)
    assert isinstance(error, requests.exceptions.SSLError)
    assert isinstance(error.__cause__, mini_http.ConnectionBroken)
    begun = Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    error = error_of(ours, Expect(), begun, no_tls, Drain(), **options)
    assert isinstance(error, requests.exceptions.SSLError)


# --- time


def test_a_number_of_any_kind_is_a_time_limit():
    assert timeout_of(None) == Timeout(None, None)
    assert timeout_of(3) == Timeout(3, 3)
    assert timeout_of((None, 2.5)) == Timeout(None, 2.5)
    assert timeout_of((1, 2)) == Timeout(1, 2)
    assert timeout_of(Timeout(total=5)) == Timeout(total=5)


def test_a_timeout_of_urllib3_is_a_time_limit():
    of_urllib3 = urllib3.util.Timeout
    assert timeout_of(of_urllib3()) == Timeout(None, None)
    assert timeout_of(of_urllib3(connect=1, read=2)) == Timeout(1, 2)
    both = timeout_of(of_urllib3(total=5, connect=9))
    assert both.connect == 5
    assert 0 < both.read <= 5


@pytest.mark.parametrize(
    "bad", [True, "3", "x", 0, -1, (1, 2, 3), (1,), (1, 0), [1, 2], (1, "x"), object()]
)
def test_what_can_be_no_time_limit_is_a_value_error(nginx, session, bad):
    with pytest.raises(ValueError, match=r"int, float or None|\(connect, read\)|to 0"):
        session.get(f"{nginx.http}/1k", timeout=bad)


@pytest.mark.parametrize("timeout", [0.05, (None, 0.05), (PATIENCE, 0.05)])
def test_a_reply_that_does_not_come_in_time_is_a_read_timeout(session, timeout):
    error = error_of(session, Expect(), Drain(), timeout=timeout)
    assert isinstance(error, requests.exceptions.ReadTimeout)
    assert "Read timed out. (read timeout=0.05)" in str(error)
    assert "Read timed out" in error.args[0].args[0]


def test_the_whole_can_be_bounded(ours):
    error = error_of(ours, Expect(), Drain(), timeout=Timeout(total=0.05))
    assert isinstance(error, requests.exceptions.ReadTimeout)
    assert "(total timeout=0.05)" in str(error)


@contextlib.contextmanager
def full():
    """The URL of a place where connecting neither succeeds nor fails: its queue is full."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        pending = stack.enter_context(selectors.DefaultSelector())
        pending.register(filler, selectors.EVENT_WRITE)
        if pending.select(0.05):
            pytest.skip("this system lets more connections queue than it was told")
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.mark.parametrize("timeout", [0.05, (0.05, None)])
def test_a_connection_that_takes_too_long_is_a_connect_timeout(session, timeout):
    with full() as url, pytest.raises(requests.exceptions.ConnectTimeout):
        session.get(url, timeout=timeout)


def test_a_tls_handshake_that_takes_too_long_is_a_connect_timeout(ours):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(requests.exceptions.ConnectTimeout, match="TLS handshake"):
            ours.get(url, timeout=(0.05, None))


def test_a_request_that_is_not_taken_in_time_is_a_connection_error(session):
    options = {"method": "POST", "data": bytes(20_000_000), "timeout": 0.1}
    error = error_of(session, ExpectHead(), Pause(), **options)
    assert isinstance(error, requests.exceptions.ConnectionError)


# --- what goes wrong with a reply's head

NO_REPLIES = {
    "no reply": Close(),
    "a reset": Reset(),
    "no HTTP": Send(b"hello\r\n\r\n"),
}


@pytest.mark.parametrize("fault", NO_REPLIES)
def test_no_reply_is_a_connection_error(session, fault):
    error = error_of(session, Expect(), NO_REPLIES[fault])
    assert isinstance(error, requests.exceptions.ConnectionError)
    assert "Connection aborted" in str(error)
    assert isinstance(error.args[0], urllib3.exceptions.ProtocolError)
    assert error.request.method == "GET"


def test_a_malformed_field_is_a_connection_error(ours):
    error = error_of(ours, b"HTTP/1.1 200 OK\r\nfield\r\n\r\n")
    assert isinstance(error, requests.exceptions.ConnectionError)
    assert isinstance(error.__cause__, mini_http.BadField)
    assert "line 2 of the reply head has no colon" in str(error)


def test_a_head_that_is_cut_is_a_chunked_encoding_error(session):
    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
    assert isinstance(error_of(session, begun, Close()), requests.exceptions.ChunkedEncodingError)


def test_lengths_that_differ_are_an_invalid_header(session):
    error = error_of(
        session, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok?"
    )
    assert isinstance(error, requests.exceptions.InvalidHeader)


@pytest.mark.parametrize("length", [b"-5", b"+5", b"0x5", b"5_0", b"9" * 30])
def test_a_length_that_is_none_is_an_invalid_header(ours, length):
    error = error_of(ours, b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\nok" % length)
    assert isinstance(error, requests.exceptions.InvalidHeader)


def test_where_nobody_listens_is_a_connection_error(session):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(requests.exceptions.ConnectionError, match="Connection refused"):
            session.get(f"http://127.0.0.1:{bound.getsockname()[1]}/")


def test_a_name_that_does_not_exist_is_a_connection_error(session):
    with pytest.raises(requests.exceptions.ConnectionError, match=r"host\.invalid"):
        session.get("http://host.invalid/")


class Unreadable(io.BytesIO):
    def read(self, size=-1, /):
        raise OSError("the disk is gone")


def test_a_file_that_can_not_be_read_is_a_connection_error(session):
    options = {"method": "POST", "data": Unreadable(bytes(100_000))}
    error = error_of(session, ExpectHead(), Drain(), again=True, **options)
    assert isinstance(error, requests.exceptions.ConnectionError)
    assert "the disk is gone" in str(error)


# --- proxies


def asked(session, proxy, url, kind="http", userinfo="", **options):
    """Gets a URL through the proxy."""
    proxies = {"all": f"{kind}://{userinfo}{proxy.authority}"}
    return session.get(url, proxies=proxies, **options)


@pytest.mark.parametrize("userinfo", ["", "user:p%40ss@"])
def test_a_proxy_is_sent_the_whole_url(session, userinfo):
    with ScriptedServer([OK]) as proxy:
        response = asked(session, proxy, "http://host.example/a?b#c", userinfo=userinfo)
        assert response.text == "ok"
        session.close()
    head = proxy.requests[0]
    assert head.startswith(b"GET http://host.example/a?b HTTP/1.1\r\nHost: host.example\r\n")
    assert (b"\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n" in head) == bool(userinfo)


def tunnel(certificates, *steps):
    """The script of a proxy that is the host too."""
    established = b"HTTP/1.1 200 Connection established\r\n\r\n"
    return [established, StartTLS(certificates.good.server_context()), *(steps or [OK])]


def test_https_goes_through_a_tunnel_and_the_host_sees_no_credentials(certificates, session):
    session.verify = str(certificates.ca_file)
    with ScriptedServer([tunnel(certificates, OK, OK)]) as proxy:
        for _ in range(2):
            response = asked(session, proxy, "https://localhost/a", userinfo="user:pass@")
            assert response.text == "ok"
        session.close()
    connect, *requests_ = proxy.requests
    assert connect.startswith(b"CONNECT localhost:443 HTTP/1.")
    assert b"\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n" in connect
    for head in requests_:
        assert head.startswith(b"GET /a HTTP/1.1\r\n")
        assert b"Proxy-Authorization" not in head


def test_credentials_in_a_field_go_to_the_proxy_alone(certificates, ours):
    ours.verify = str(certificates.ca_file)
    given = HTTPProxyAuth("user", "pass")
    with ScriptedServer([tunnel(certificates)]) as proxy:
        asked(ours, proxy, "https://localhost/", auth=given)
        ours.close()
    assert [b"Proxy-Authorization" in request for request in proxy.requests] == [True, False]
    with ScriptedServer([OK]) as proxy:
        asked(ours, proxy, "http://host.example/", auth=given, userinfo="other:word@")
        ours.close()
    assert proxy.requests[0].count(b"Proxy-Authorization") == 1
    assert b"Basic b3RoZXI6d29yZA==" in proxy.requests[0]


def test_a_redirect_through_a_proxy_sends_its_credentials_once(session):
    moved_to = b"HTTP/1.1 302 Moved\r\nLocation: http://b.example/\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[moved_to, OK]], again=True) as proxy:
        assert asked(session, proxy, "http://a.example/", userinfo="user:pass@").text == "ok"
        session.close()
    assert [head.count(b"Proxy-Authorization") for head in proxy.requests] == [1, 1]


def test_a_proxy_over_tls_is_sent_the_whole_url(certificates, ours):
    ours.verify = str(certificates.ca_file)
    with ScriptedServer([OK], tls=certificates.good.server_context()) as proxy:
        named = {"http": f"https://localhost:{proxy.port}"}
        assert ours.get("http://host.example/", proxies=named).text == "ok"
        ours.close()
    assert proxy.requests[0].startswith(b"GET http://host.example/ HTTP/1.1\r\n")


def test_a_proxy_over_tls_must_show_a_good_certificate(certificates, ours):
    with ScriptedServer([[Drain()]], tls=certificates.good.server_context()) as proxy:
        named = {"http": f"https://localhost:{proxy.port}"}
        with pytest.raises(requests.exceptions.ProxyError, match="unknown issuer"):
            ours.get("http://host.example/", proxies=named)
    assert proxy.requests == []


def test_a_proxy_over_tls_leads_to_hosts_and_is_verified_as_they_are(certificates, ours):
    script = [StartTLS(certificates.good.server_context()), *tunnel(certificates)]
    with ScriptedServer([script]) as proxy:
        named = {"https": f"https://user:pass@localhost:{proxy.port}"}
        with pytest.raises(requests.exceptions.SSLError, match="unknown issuer"):
            ours.get("https://localhost/", proxies=named)
    with ScriptedServer([script]) as proxy:
        named = {"https": f"https://user:pass@localhost:{proxy.port}"}
        verify = str(certificates.ca_file)
        assert ours.get("https://localhost/", proxies=named, verify=verify).text == "ok"
        ours.close()
    assert [b"Proxy-Authorization" in request for request in proxy.requests] == [True, False]


def test_a_socks_proxy_leads_to_hosts(ours):
    hello, who = b"\x05\x02\x00\x02", b"\x01\x04user\x04pass"
    there = b"\x05\x01\x00\x03\x0chost.example\x00\x50"
    script = [
        *(ExpectBytes(len(hello)), Send(b"\x05\x02"), ExpectBytes(len(who)), Send(b"\x01\x00")),
        *(ExpectBytes(len(there)), Send(b"\x05\x00\x00\x01" + bytes(6)), OK),
    ]
    with ScriptedServer([script]) as proxy:
        named = {"http": f"socks5h://user:pass@{proxy.authority}"}
        assert ours.get("http://host.example/a", proxies=named).text == "ok"
        ours.close()
    assert bytes(proxy.connections[0].received).startswith(hello + who + there + b"GET /a HTTP/1.1")


@pytest.mark.parametrize("status", [b"403 Forbidden", b"407 Proxy Authentication Required"])
def test_a_tunnel_that_is_refused_is_a_proxy_error(session, status):
    reply = b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status
    with (
        ScriptedServer([reply]) as proxy,
        pytest.raises(requests.exceptions.ProxyError, match=f"failed: {status.decode()}"),
    ):
        asked(session, proxy, "https://localhost/")


def test_a_proxy_that_can_not_be_reached_is_a_proxy_error(session):
    for url in ("http://host.example/", "https://host.example/"):
        for proxy in ("http://host.invalid:3128", "http://127.0.0.1:1"):
            with pytest.raises(requests.exceptions.ProxyError):
                session.get(url, proxies={"all": proxy})


def test_a_proxy_that_takes_too_long_is_a_proxy_error_and_a_connect_timeout(ours):
    with full() as url:
        for kind in ("http", "https"):
            with pytest.raises(ProxyTimeout) as caught:
                ours.get(f"{kind}://host.example/", proxies={kind: url}, timeout=0.05)
    assert isinstance(caught.value, requests.exceptions.ProxyError)
    assert isinstance(caught.value, requests.exceptions.ConnectTimeout)


def test_a_bad_certificate_behind_a_tunnel_is_an_ssl_error(certificates, session):
    with (
        ScriptedServer([tunnel(certificates, Drain())]) as proxy,
        pytest.raises(requests.exceptions.SSLError),
    ):
        asked(session, proxy, "https://localhost/")


@pytest.mark.parametrize("bad", ["http:/bad:3128", "http://:8080", "https://", "http:///host:80"])
def test_a_proxy_that_is_none_is_an_invalid_proxy_url(session, bad):
    for scheme in ("http", "https"):
        with pytest.raises(requests.exceptions.InvalidProxyURL):
            session.get(f"{scheme}://host.example/", proxies={scheme: bad})


@pytest.mark.parametrize("kind", ["gopher"])
def test_a_kind_of_proxy_that_is_not_known_is_an_invalid_proxy_url(ours, kind):
    with pytest.raises(requests.exceptions.InvalidProxyURL, match=f"'{kind}' are not supported"):
        ours.get("http://host.example/", proxies={"http": f"{kind}://localhost"})


def test_hosts_of_no_proxy_are_asked_directly(nginx, session, monkeypatch):
    session.trust_env = True
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert session.get(f"{nginx.http}/1k").ok
    monkeypatch.setenv("NO_PROXY", "elsewhere.example")
    with pytest.raises(requests.exceptions.ProxyError):
        session.get(f"{nginx.http}/1k")


# --- import and manual


def test_requests_is_imported_only_with_the_adapter():
    code = (
        "import sys, mini_http; mini_http.urlopen; assert 'requests' not in sys.modules\n"
        "mini_http.RequestsAdapter; assert 'requests' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("example", examples("docs/requests.md"), ids=str)
def test_the_examples_of_the_manual_do_what_they_say(example, echo_server, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    ran = example.run({"localhost:8000": f"127.0.0.1:{echo_server.port}"})
    assert ran["printed"]
    assert len({account["connection"] for account in echo_server.requests}) == 1
    ran["session"].close()


def test_the_manual_names_every_exception_that_is_raised():
    manual = (Path(__file__).parents[2] / "docs" / "requests.md").read_text()
    rows = ERRORS + ERRORS_WITH_A_PROXY + ERRORS_IN_A_TUNNEL
    for name in {theirs.__name__ for _, theirs in rows} - {"ProxyTimeout"}:
        assert f"`{name}`" in manual
