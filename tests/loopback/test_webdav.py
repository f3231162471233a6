"""The WebDAV client of docs/extending.md, as it stands there, against real WebDAV servers."""

import threading
from xml.etree import ElementTree

import pytest
from support.documents import example_under
from support.extending import DOCUMENT, shown
from support.servers import ScriptedServer


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
def test_folders_are_made_copied_and_listed(kind, request):
    authority, root = request.getfixturevalue(kind)
    with shown("WebDAV").DAVClient(authority) as client:
        assert client.mkcol(f"{root}new/") == 201
        assert client.mkcol(f"{root}new/") == 405
        assert client.mkcol(f"{root}new/inner/") == 201
        assert list(client.propfind(root, depth="0")) == [root]
        assert client.httpcmd("PUT", f"{root}new/file", body=b"hello")[0] == 201
        assert client.copy(f"{root}new/file", f"{root}new/other") in (201, 204)
        assert client.copy(f"{root}new/file", f"{root}new/other") == 412
        sizes = client.propfind(f"{root}new/")
        assert sorted(sizes) == [f"{root}new/{name}" for name in ("", "file", "inner/", "other")]
        assert sizes[f"{root}new/file"] == sizes[f"{root}new/other"] == "5"
        assert client.httpcmd("DELETE", f"{root}new/")[0] == 204
        with pytest.raises(OSError, match=f"^{root}new/: 404 Not Found$"):
            client.propfind(f"{root}new/")
        assert client.exchanges == 10  # all on one connection


def test_the_client_is_under_fifteen_lines():
    assert example_under(DOCUMENT, "WebDAV").length < 15


def test_the_commands_are_sent_as_they_are_named():
    listing = (
        b"<D:multistatus xmlns:D='DAV:'><D:response><D:href>/a</D:href><D:propstat><D:prop>"
        b"<D:getcontentlength>7</D:getcontentlength></D:prop></D:propstat></D:response>"
        b"<D:response><D:href>/b/</D:href></D:response></D:multistatus>"
    )
    replies = [
        b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 207 Multi-Status\r\nContent-Length: %d\r\n\r\n" % len(listing) + listing,
    ]
    with (
        ScriptedServer([replies]) as server,
        shown("WebDAV").DAVClient(server.authority) as client,
    ):
        assert client.mkcol("/a") == 201
        assert client.copy("/a", "/b") == 201
        assert client.propfind("/a") == {"/a": "7", "/b/": None}
    mkcol, copy, propfind = server.requests
    assert mkcol.startswith(b"MKCOL /a HTTP/1.1\r\n")
    assert copy.startswith(b"COPY /a HTTP/1.1\r\n")
    assert b"\r\nDestination: /b\r\nOverwrite: F\r\n" in copy
    assert b"\r\nDepth: 1\r\n" in propfind
    assert b"\r\nContent-Type: application/xml\r\n" in propfind
    asked = ElementTree.fromstring(propfind.partition(b"\r\n\r\n")[2])
    assert [element.tag for element in asked.iter()] == [
        "{DAV:}propfind",
        "{DAV:}prop",
        "{DAV:}getcontentlength",
    ]
