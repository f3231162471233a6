"""The WebDAV client of docs/extending.md, as it stands there, against real WebDAV servers."""

import threading

import pytest
from support.documents import example_under
from support.servers import ScriptedServer

DOCUMENT = "docs/extending.md"


@pytest.fixture
def nginx_dav(nginx):
    """Where nginx is a WebDAV server: its authority, and the path of an empty folder."""
    if not nginx.has_propfind:
        pytest.skip("nginx lacks its module for PROPFIND (Debian: libnginx-mod-http-dav-ext)")
    return nginx.http.removeprefix("http://"), "/dav/"


@pytest.fixture
def wsgidav(tmp_path):
    """The same of WsgiDAV."""
    app = pytest.importorskip("wsgidav.wsgidav_app", exc_type=ImportError)
    wsgi = pytest.importorskip("cheroot.wsgi", exc_type=ImportError)
    settings = {
        "provider_mapping": {"/": str(tmp_path)},
        "simple_dc": {"user_mapping": {"*": True}},
        "verbose": 0,
        "logging": {"enable": False},
    }
    server = wsgi.Server(("127.0.0.1", 0), app.WsgiDAVApp(settings), numthreads=1)
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield "{}:{}".format(*server.bind_addr), "/"
    server.stop()
    thread.join()


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["nginx_dav", "wsgidav"])
def test_folders_are_made_and_listed(kind, request):
    authority, root = request.getfixturevalue(kind)
    names = example_under(DOCUMENT, "WebDAV").run()
    with names["DAVClient"](authority) as client:
        assert client.mkcol(f"{root}new/") == 201
        assert client.mkcol(f"{root}new/") == 405
        assert client.mkcol(f"{root}new/inner/") == 201
        assert client.propfind(root, depth="0") == [root]
        assert sorted(client.propfind(f"{root}new/")) == [f"{root}new/", f"{root}new/inner/"]
        assert client.exchanges == 5  # all on one connection
        assert client.httpcmd("DELETE", f"{root}new/")[0] == 204


def test_the_client_is_under_fifteen_lines():
    assert example_under(DOCUMENT, "WebDAV").length < 15


def test_the_commands_are_sent_as_they_are_named():
    names = example_under(DOCUMENT, "WebDAV").run()
    listing = b"<D:multistatus xmlns:D='DAV:'><D:href>/a</D:href></D:multistatus>"
    replies = [
        b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 207 Multi-Status\r\nContent-Length: %d\r\n\r\n" % len(listing) + listing,
    ]
    with ScriptedServer([replies]) as server, names["DAVClient"](server.authority) as client:
        assert client.mkcol("/a") == 201
        assert client.propfind("/a") == ["/a"]
    assert server.requests[0].startswith(b"MKCOL /a HTTP/1.1\r\n")
    assert b"\r\nDepth: 1\r\n" in server.requests[1]
