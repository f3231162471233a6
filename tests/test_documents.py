"""README.md, docs/tour.md, docs/http-client.md, docs/bodies.md and docs/cookies.md: every example
runs, and what they say of the project is so."""

import base64
import contextlib
import functools
import hashlib
import http.server
import importlib
import logging
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
import xmlrpc.client
from pathlib import Path

import pytest
from support.documents import example_under, examples
from support.line_servers import daytime_server
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.steps import Close, Expect, Reset
from support.xmlrpc_server import CallServer

import mini_http
from mini_http import HTTPConnection
from mini_http.codec.chunked import write_chunk, write_last_chunk
from mini_http.codec.set_cookie import LONGEST_ATTRIBUTE, LONGEST_COOKIE
from mini_http.keepalive.pool import shared_pool
from mini_http.opener.api import DEFAULT_HANDLERS
from mini_http.opener.cookies.cookie import LONGEST_AGE

ROOT = Path(__file__).parent.parent


HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        pass


@pytest.fixture
def page_server(tmp_path):
    """The web server that the tour starts, in a folder with some files."""
    (tmp_path / "index.html").write_text("<p>Hello</p>\n" * 3)
    handler = functools.partial(QuietHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        shared_pool().close()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("example", examples("docs/tour.md"), ids=str)
def test_the_examples_of_the_tour_run(example, page_server):
    port = page_server.server_port
    ran = example.run({"8000": str(port)} if "8000" in example.code else {})
    for name in ("http", "pool"):
        if name in ran:
            ran[name].close()
    prints = "print(" in example.code
    assert bool(ran["printed"]) == prints


def test_the_first_example_of_the_readme_fetches_a_page(page_server):
    first, _, _ = examples("README.md")
    assert first.length <= 6
    ran = first.run({"http://example.com/": f"http://localhost:{page_server.server_port}/"})
    assert "<p>Hello</p>" in ran["printed"]
    assert "200 text/html" in ran["printed"]


def test_the_second_example_of_the_readme_uses_each_floor(page_server):
    _, second, _ = examples("README.md")
    with daytime_server() as daytime, contextlib.ExitStack() as opened:
        ran = second.run({", 13)": f", {daytime.port})", "8000": str(page_server.server_port)})
        for name in ("client", "http", "reply"):
            opened.callback(ran[name].close)
        assert ran["client"].readline()
        assert ran["page"] == ran["reply"].read()
        assert ran["status"] == 200


@pytest.mark.parametrize(
    "example",
    [examples("README.md")[2], example_under("docs/urllib.md", "Programs that can't be changed")],
    ids=str,
)
def test_programs_that_cannot_be_changed_get_the_engine(example, page_server):
    before = urllib.request.urlopen, urllib.request._opener
    try:
        example.run()
        with urllib.request.urlopen(f"http://localhost:{page_server.server_port}/") as reply:
            assert type(reply) is mini_http.HTTPResponse
    finally:
        mini_http.uninstall()
    assert (urllib.request.urlopen, urllib.request._opener) == before


def test_the_page_about_urllib_imports_names_that_are_there():
    ran = example_under("docs/urllib.md", "Instead of urllib.request").run()
    assert ran["urlopen"] is mini_http.urlopen


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no unix sockets")
def test_the_page_about_urllib_asks_a_service_at_a_unix_socket(tmp_path):
    path = str(tmp_path / "app.sock")
    ran = example_under("docs/urllib.md", "Other schemes").run()
    with ScriptedServer([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbusy"], at=path):
        assert ran["status"](path) == "busy"
        shared_pool().close()


def test_the_page_about_http_client_imports_names_that_are_there():
    ran = example_under("docs/http-client.md", "Instead of http.client").run()
    assert ran["HTTPConnection"] is mini_http.HTTPConnection


def test_the_page_about_http_client_goes_step_by_step(page_server):
    example = example_under("docs/http-client.md", "Step by step")
    ran = example.run({"8000": str(page_server.server_port)})
    assert ran["page"] == b"<p>Hello</p>\n" * 3
    assert ran["connection"].exchanges == 2


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no unix sockets")
def test_the_page_about_http_client_goes_over_a_unix_socket(tmp_path):
    path = str(tmp_path / "app.sock")
    connection = example_under("docs/http-client.md", "A unix socket").run()["UnixConnection"](path)
    with pytest.raises(FileNotFoundError):
        connection.request("GET", "/")
    with ScriptedServer([[HELLO, HELLO]], at=path) as server:
        for _ in range(2):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"hello"
        connection.close()
    assert b"\r\nHost: localhost\r\n" in server.requests[0]


def test_the_page_about_http_client_trusts_one_certificate(certificates):
    pinned = example_under("docs/http-client.md", "TLS of your own").run()["PinnedConnection"]
    pem = certificates.self_signed.chain.read_text()
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    with EchoServer(tls=certificates.self_signed.server_context()) as server:
        connection = pinned("localhost", server.port, fingerprint=fingerprint)
        for _ in range(2):
            connection.request("GET", "/")
            assert connection.getresponse().json()["connection"] == 0
        connection.close()
        connection = pinned("localhost", server.port, fingerprint="00" * 32)
        with pytest.raises(ssl.SSLCertVerificationError, match="localhost has another certificate"):
            connection.request("GET", "/")
        assert connection.sock is None


def test_the_page_about_http_client_makes_replies_of_its_own():
    ran = example_under("docs/http-client.md", "Replies of your own").run()
    gone = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[HELLO], [gone]]) as server:
        connection = ran["CheckedConnection"](*server.address)
        connection.request("GET", "/")
        reply = connection.getresponse()
        assert type(reply) is ran["CheckedResponse"]
        assert reply.read() == b"hello"
        connection.close()
        connection.request("GET", "/")
        with pytest.raises(OSError, match="410 Gone"):
            connection.getresponse()
        connection.close()


def test_the_page_about_http_client_logs_what_is_sent(caplog):
    caplog.set_level(logging.INFO)
    ran = example_under("docs/http-client.md", "A log of what is sent").run()
    with ScriptedServer([[HELLO]]) as server:
        connection = ran["LoggedConnection"](*server.address)
        connection.request("PUT", "/", b"x" * 100_000)
        assert connection.getresponse().read() == b"hello"
        connection.close()
    head, body = (record.getMessage() for record in caplog.records)
    assert head.startswith(f"127.0.0.1:{connection.port} gets ")
    assert body.endswith(" 100000 bytes")


@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_the_page_about_http_client_makes_calls_of_xmlrpc(is_secure, certificates):
    ran = example_under("docs/http-client.md", "xmlrpc.client").run()
    tls = certificates.good.server_context() if is_secure else None
    transport = (
        ran["OurSafeTransport"](context=certificates.client_context())
        if is_secure
        else ran["OurTransport"]()
    )
    with (
        CallServer(tls=tls) as server,
        xmlrpc.client.ServerProxy(server.url, transport) as proxy,
    ):
        assert [proxy.echo("a"), proxy.echo("b")] == ["a", "b"]
        assert isinstance(transport.make_connection(transport._connection[0]), HTTPConnection)
    assert server.calls == [0, 0]


def test_the_page_about_http_client_puts_its_connections_under_requests():
    """In a process of its own, for here urllib3 may be loaded already."""
    pytest.importorskip("requests")
    example = example_under("docs/http-client.md", "urllib3 and requests")
    shown = "print(urllib3.connection.HTTPConnection.__mro__[1] is HTTPConnection)"
    with EchoServer() as server:
        code = example.code.replace("http://localhost:8000/", server.url)
        code += f"import urllib3\nfrom mini_http import HTTPConnection\n{shown}\n"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"no_proxy": "*", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    assert done.stdout == example.promised + "True\n"
    assert server.requests[0]["path"] == "/"


def test_the_page_about_http_client_gives_urllib3s_pools_its_connections(monkeypatch):
    pytest.importorskip("urllib3")
    recipe = importlib.import_module("support.urllib3_connections")
    monkeypatch.setitem(sys.modules, "urllib3_connections", recipe)
    example = example_under("docs/http-client.md", "Pools of urllib3")
    with EchoServer() as server:
        manager = example.run({"http://localhost:8000/": server.url})["manager"]
    assert manager.pool_classes_by_scheme["http"].ConnectionCls is recipe.Connection
    assert issubclass(recipe.Connection, HTTPConnection)


REFUSED = {
    "assert_fingerprint": "00" * 32,
    "assert_hostname": "elsewhere.example",
    "server_hostname": "elsewhere.example",
    "ssl_version": ssl.PROTOCOL_TLS_CLIENT,
    "ssl_minimum_version": ssl.TLSVersion.TLSv1_2,
    "ssl_maximum_version": ssl.TLSVersion.TLSv1_2,
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_recipe_for_urllib3_refuses_the_options_that_the_page_says(name):
    pytest.importorskip("urllib3")
    recipe = importlib.import_module("support.urllib3_connections")
    page = (ROOT / "docs" / "http-client.md").read_text()
    assert re.search(rf"^\|[^|]*`{name}`[^|]*\| refused", page, re.MULTILINE)
    options = {name: REFUSED[name], "retries": False}
    with (
        recipe.SecurePool("localhost", 9, **options) as pool,
        pytest.raises(TypeError, match=name),
    ):
        pool.request("GET", "/")


def test_the_recipe_for_urllib3_refuses_a_tunnel_through_tls():
    pytest.importorskip("urllib3")
    recipe = importlib.import_module("support.urllib3_connections")
    connection = recipe.Connection("localhost", 9)
    with pytest.raises(NotImplementedError, match="a tunnel through a proxy over TLS"):
        connection.set_tunnel("elsewhere.example", 443, scheme="https")


@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_the_page_about_http_client_records_with_vcrpy(is_secure, tmp_path, certificates):
    pytest.importorskip("vcr")
    recorder = example_under("docs/http-client.md", "vcrpy").run()["recorder"]
    tls = certificates.good.server_context() if is_secure else None
    cassette = str(tmp_path / "replies.yaml")

    def ask(port):
        if is_secure:
            context = certificates.client_context()
            connection = mini_http.HTTPSConnection("localhost", port, context=context)
        else:
            connection = mini_http.HTTPConnection("localhost", port)
        with contextlib.closing(connection):
            connection.request("POST", "/", b"body")
            return connection.getresponse().read()

    with EchoServer(tls=tls) as server, recorder.use_cassette(cassette):
        recorded = ask(server.port)
    with recorder.use_cassette(cassette, record_mode="none"):
        assert ask(server.port) == recorded
    assert len(server.requests) == 1
    assert mini_http.HTTPConnection is HTTPConnection


def test_every_example_of_the_page_about_http_client_is_run_above():
    headings = {example.heading for example in examples("docs/http-client.md")}
    assert headings == {
        *("Instead of http.client", "Step by step", "A unix socket", "TLS of your own"),
        *("Replies of your own", "A log of what is sent", "xmlrpc.client"),
        *("urllib3 and requests", "Pools of urllib3", "vcrpy"),
    }


# --- docs/bodies.md


def test_the_page_about_bodies_sends_json_forms_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "apple.png").write_bytes(b"\x89PNG")
    example = example_under("docs/bodies.md", "JSON, forms and files")
    with EchoServer() as server:
        ran = example.run({"http://localhost:8000/": server.url})
        shared_pool().close()
    assert ran["printed"] == "200\n" * 3
    order, search, fruit = server.requests
    kinds = [dict(account["headers"])["Content-Type"] for account in server.requests]
    assert kinds[:2] == ["application/json", "application/x-www-form-urlencoded"]
    assert kinds[2].startswith("multipart/form-data; boundary=")
    assert base64.b64decode(order["body"]) == b'{"apples":3}'
    assert base64.b64decode(search["body"]) == b"q=apples&page=2"
    body = base64.b64decode(fruit["body"])
    assert b'name="photo"; filename="apple.png"\r\nContent-Type: image/png\r\n' in body
    assert b'name="note"; filename="note.txt"\r\nContent-Type: text/plain\r\n' in body


def test_the_page_about_bodies_tells_how_much_was_sent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "backup.tar").write_bytes(b"x" * 600_000)
    example = example_under("docs/bodies.md", "How much has been sent")
    with EchoServer() as server:
        example.run({"http://localhost:8000/": server.url})
        shared_pool().close()
    assert server.requests[0]["method"] == "PUT"
    assert ["Content-Length", "600000"] in [list(pair) for pair in server.requests[0]["headers"]]


def test_the_page_about_bodies_sends_fields_after_the_body():
    example = example_under("docs/bodies.md", "Fields after the body")
    with ScriptedServer([HELLO]) as server:
        assert example.run({"localhost:8000": server.authority})["status"] == 200
    lines = b"one line\nanother line\n"
    digest = base64.b64encode(hashlib.sha256(lines).digest())
    assert b"\r\nTrailer: Content-Digest\r\n" in server.requests[0]
    end = b"\r\n0\r\nContent-Digest: sha-256=:%b:\r\n\r\n" % digest
    assert server.requests[0].endswith(end)


EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_the_page_about_bodies_goes_on_with_events_where_they_ended():
    follow = example_under("docs/bodies.md", "Server-Sent Events").run()["follow"]
    whole = EVENTS + write_chunk(b"retry: 1500\nid: 1\ndata: a\n\n") + write_last_chunk()
    cut = EVENTS + write_chunk(b"id: 2\ndata: b\n\nid: 3\ndata: c\n")
    over = b"HTTP/1.1 204 No Content\r\n\r\n"
    slept = []
    with ScriptedServer([[whole, cut, Close()], [Expect(), Reset()], [over]]) as server:
        events = list(follow(server.url, "0", slept.append))
        shared_pool().close()
    assert [(event.id, event.data) for event in events] == [("1", "a"), ("2", "b")]
    assert set(slept) == {1.5}
    asked = re.findall(rb"\r\nLast-Event-ID: (.)\r\n", b"".join(server.requests))
    assert [*dict.fromkeys(asked)] == [b"0", b"1", b"2"]


def test_every_example_of_the_page_about_bodies_is_run_above():
    headings = {example.heading for example in examples("docs/bodies.md")}
    assert headings == {
        *("JSON, forms and files", "How much has been sent", "Fields after the body"),
        "Server-Sent Events",
    }


# --- docs/cookies.md


LOGIN = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=x7; Path=/\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    "example",
    [example for example in examples("docs/cookies.md") if ":8000" in example.code],
    ids=lambda example: example.heading,
)
def test_the_page_about_cookies_keeps_what_a_server_sets(example, tmp_path, monkeypatch):
    if "requests" in example.code:
        pytest.importorskip("requests")
    monkeypatch.chdir(tmp_path)
    with ScriptedServer([[LOGIN, HELLO]], again=True) as server:
        ran = example.run({":8000": f":{server.port}"})
        shared_pool().close()
    assert ran["printed"]
    if example.heading == "Keeping and sending them":
        fields = [re.findall(rb"\r\nCookie: (.*)\r\n", raw) for raw in server.requests]
        assert fields == [[], [b"session=x7"]]


@pytest.mark.parametrize(
    "example",
    [example for example in examples("docs/cookies.md") if ":8000" not in example.code],
    ids=lambda example: example.heading,
)
def test_the_page_about_cookies_works_without_a_server(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "cookies.sqlite" in example.code:
        Path("profile").mkdir()
        make_firefox_profile("profile/cookies.sqlite")
    assert example.run()["printed"]


def make_firefox_profile(path):
    """As much of a database of Firefox's as one cookie needs."""
    columns = "name, value, host, path, expiry, isSecure, isHttpOnly, sameSite, originAttributes"
    row = ("session", "x7", ".example.com", "/", int(time.time()) + 1000, 1, 1, 1, "")
    with contextlib.closing(sqlite3.connect(path)) as database:
        more = "lastAccessed, creationTime"
        database.execute(f"CREATE TABLE moz_cookies ({columns}, {more})")
        marks = ", ".join("?" * len(row))
        database.execute(f"INSERT INTO moz_cookies ({columns}) VALUES ({marks})", row)
        database.execute("PRAGMA user_version = 12")
        database.commit()


def test_the_page_about_cookies_says_how_many_are_kept_and_how_long():
    page = (ROOT / "docs" / "cookies.md").read_text()
    limits = mini_http.CookieLimits()
    assert f"keeps {limits.per_host} of a domain and {limits.total:,} in all" in page
    assert f"beyond {LONGEST_AGE // 86400} days" in page
    assert f"more than {LONGEST_COOKIE:,} characters together" in page
    assert f"an attribute of more than {LONGEST_ATTRIBUTE:,} " in page


# --- all pages


def test_the_readme_has_both_commands_on_its_first_screen():
    lines = (ROOT / "README.md").read_text().splitlines()
    first_screen = "\n".join(lines[:40])
    assert "python -m mini_http demo" in first_screen
    assert "-m pytest" in first_screen


@pytest.mark.parametrize(
    "name", [path.name for path in sorted((ROOT / "docs").glob("*.md")) if path.name != "LICENSE"]
)
def test_every_document_is_linked_from_the_readme_or_another(name):
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    links = [link for page in pages for link in re.findall(r"\]\(([^)#]+)", page.read_text())]
    assert name in [Path(link).name for link in links]


def test_every_link_between_documents_leads_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^):#]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_no_table_is_torn_apart():
    torn = r"^\|.*\|\n\n\|(?!.*\n\|[ :|-]+\n)"
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        assert not re.search(torn, page.read_text(), re.MULTILINE), page.name


def test_the_floors_of_the_readme_are_those_of_the_package_and_hand_on_what_it_says():
    readme = (ROOT / "README.md").read_text()
    picture = re.findall(r"^(\w+)/ +(.*?)(?:  +.*)?$", readme, re.MULTILINE)
    floors = ["tools", "opener", "keepalive", "exchange", "connect", "codec", "base"]
    assert [floor for floor, _ in picture] == floors
    for floor, hands_on in picture:
        for name in re.findall(r"\b[A-Z]\w+[a-z]\w*|\burlopen|\bbuild_opener", hands_on):
            assert name in mini_http.__all__, f"{floor} is said to have {name}"


def test_the_places_to_add_things_exist():
    readme = (ROOT / "README.md").read_text()
    section = readme.partition("## Where do I add")[2].partition("\n## ")[0]
    for path in re.findall(r"`(\w+/[\w/.]+)`", section):
        assert (ROOT / "mini_http" / path).exists(), path
    assert len(DEFAULT_HANDLERS) > 5
