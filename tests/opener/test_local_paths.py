"""url2pathname and pathname2url: what urllib.request's do, on the Python that runs."""

import os
import socket
import sys
import urllib.error
import urllib.parse
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.opener import local_paths
from mini_http.opener.handlers.file import FileHandler
from mini_http.opener.local_paths import pathname2url, url2pathname

FROM_3_14 = sys.version_info >= (3, 14)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="paths as on POSIX")

file_names = st.binary(max_size=30).map(lambda name: os.fsdecode(name.replace(b"\0", b"")))


@pytest.fixture(params=[False, True], ids=["before 3.14", "from 3.14"])
def reads_rfc_8089(request, monkeypatch):
    monkeypatch.setattr(local_paths, "READS_RFC_8089", request.param)
    return request.param


@pytest.fixture
def rfc_8089(monkeypatch):
    monkeypatch.setattr(local_paths, "READS_RFC_8089", True)


PATHS = [
    ("", ""),
    ("a", "a"),
    ("a b", "a%20b"),
    ("a%b", "a%25b"),
    ("a?b#c", "a%3Fb%23c"),
    ("quot=ing/ü", "quot%3Ding/%C3%BC"),
    ("a\udcffb", "a%FFb"),
    ("~/_.-", "~/_.-"),
]


@pytest.mark.usefixtures("reads_rfc_8089")
@pytest.mark.parametrize(("path", "url"), PATHS)
def test_relative_paths(path, url):
    assert pathname2url(path) == url
    assert pathname2url(path, add_scheme=True) == f"file:{url}"
    assert url2pathname(url) == path
    assert url2pathname(f"file:{url}", require_scheme=True) == path


def test_absolute_paths(reads_rfc_8089):
    assert pathname2url("/a b") == ("///a%20b" if reads_rfc_8089 else "/a%20b")
    assert pathname2url("/a", add_scheme=True) == "file:///a"
    # What would read as a host gets an empty one before it.
    assert pathname2url("//a/b") == "////a/b"
    assert pathname2url("//a/b", add_scheme=True) == "file:////a/b"


@pytest.mark.usefixtures("reads_rfc_8089")
@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/a", "/a"),
        ("///a", "/a"),
        ("//localhost/a", "/a"),
        ("//localhost//a", "//a"),
        ("////a", "//a"),
        ("//", ""),
        ("a//b", "a//b"),
        ("100%", "100%"),
        ("%zz%2", "%zz%2"),
        ("a%2Fb", "a/b"),
        ("a%0Ab", "a\nb"),
    ],
)
def test_urls(url, path):
    assert url2pathname(url) == path


@given(file_names)
def test_every_name_that_a_file_can_have_comes_back(name):
    assert url2pathname(pathname2url(name)) == name
    assert url2pathname(pathname2url(name, add_scheme=True), require_scheme=True) == name


@pytest.mark.skipif(FROM_3_14, reason="the paths of RFC 8089 are in the tests below")
@given(st.text().filter(lambda path: not path.startswith("//")))
def test_it_is_what_urllib_gives(path):
    try:
        theirs = urllib.request.pathname2url(path)
    except UnicodeEncodeError:
        return  # before 3.13.2 urllib could not quote every name
    assert pathname2url(path) == theirs
    assert url2pathname(theirs) == urllib.request.url2pathname(theirs)


def test_another_host_is_part_of_the_path_or_an_error(reads_rfc_8089):
    if not reads_rfc_8089:
        assert url2pathname("//example/a") == "//example/a"
        return
    for url in ("//example/a", "//localhost:80/a", "//me@localhost/a", "//:/a", "//127.0.0.1/a"):
        with pytest.raises(urllib.error.URLError, match="only on localhost"):
            url2pathname(url)


def test_a_query_is_part_of_the_path_or_dropped(reads_rfc_8089):
    assert url2pathname("/a?b") == ("/a" if reads_rfc_8089 else "/a?b")
    assert url2pathname("/a#b?c") == ("/a" if reads_rfc_8089 else "/a#b?c")


@pytest.mark.usefixtures("rfc_8089")
def test_this_machine_may_be_named():
    assert url2pathname(f"//{socket.gethostname()}/a") == "/a"
    assert url2pathname("//127.0.0.1/a", resolve_host=True) == "/a"
    with pytest.raises(urllib.error.URLError):
        url2pathname("//192.0.2.1/a", resolve_host=True)


def test_this_machine_is_what_the_file_handler_says(rfc_8089, monkeypatch):
    monkeypatch.setattr(FileHandler, "names", ("192.0.2.1",))
    assert url2pathname("//192.0.2.1/a", resolve_host=True) == "/a"


@pytest.mark.usefixtures("reads_rfc_8089")
@pytest.mark.parametrize("url", ["", ":", "a", "http:a", "data:file:a"])
def test_another_scheme_is_an_error(url):
    with pytest.raises(urllib.error.URLError, match="missing a 'file:' scheme"):
        url2pathname(url, require_scheme=True)


def test_the_scheme_may_be_in_capitals():
    assert url2pathname("FILE:///a", require_scheme=True) == "/a"


# --- on Windows


@pytest.fixture
def windows(monkeypatch):
    monkeypatch.setattr(local_paths, "IS_WINDOWS", True)
    monkeypatch.setattr(local_paths, "READS_RFC_8089", False)


@pytest.mark.usefixtures("windows")
@pytest.mark.skipif(FROM_3_14, reason="nturl2path is deprecated")
def test_on_windows_paths_have_drives():
    assert url2pathname("///C:/a%20b") == "C:\\a b"
    assert pathname2url("C:\\a b") == "///C:/a%20b"
    with pytest.raises(TypeError, match="add_scheme"):
        pathname2url("C:\\a", add_scheme=True)


@pytest.mark.usefixtures("windows")
@pytest.mark.skipif(FROM_3_14, reason="nturl2path is deprecated")
def test_on_windows_ours_can_take_the_place_of_urllibs(monkeypatch):
    monkeypatch.setattr(urllib.request, "url2pathname", url2pathname)
    monkeypatch.setattr(urllib.request, "pathname2url", pathname2url)
    assert urllib.request.url2pathname("///C:/a") == "C:\\a"
    assert urllib.request.pathname2url("C:\\a") == "///C:/a"


@pytest.mark.usefixtures("windows", "rfc_8089")
def test_on_windows_from_3_14_on_urllib_does_it(monkeypatch):
    monkeypatch.setattr(urllib.request, "url2pathname", lambda url, **options: (url, options))
    assert url2pathname("///C:/a", require_scheme=True) == ("///C:/a", {"require_scheme": True})
