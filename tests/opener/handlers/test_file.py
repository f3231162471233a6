"""FileHandler: files of this machine, as replies."""

import csv
import io
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from http.client import InvalidURL
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.servers import ScriptedServer

from mini_http import HTTPHandler, OpenerDirector, Pool, Request, build_opener
from mini_http.base import errors
from mini_http.opener import local_paths
from mini_http.opener.handlers.file import FileHandler, _headers
from mini_http.opener.local_paths import pathname2url

pytestmark = [
    pytest.mark.usefixtures("no_leaked_descriptors"),
    pytest.mark.skipif(os.name == "nt", reason="paths as on POSIX"),
]


@pytest.fixture
def names(monkeypatch):
    """Forgets which addresses were found to be this machine's, before and after."""
    monkeypatch.setattr(FileHandler, "names", None)


@pytest.fixture
def opener():
    opener = OpenerDirector()
    opener.add_handler(FileHandler())
    return opener


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_bytes(b"one,two\nthree\n")
    return path


def test_a_file_is_a_reply_with_its_size_its_time_and_its_type(opener, file):
    os.utime(file, (0, 784111777))
    with opener.open(f"file://{file}") as reply:
        assert reply.headers.items() == [
            ("Content-type", "text/plain"),
            ("Content-length", "14"),
            ("Last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ]
        assert reply.info() is reply.headers
        assert reply.status is reply.getcode() is None
        assert reply.read() == b"one,two\nthree\n"


def test_it_is_read_as_a_file(opener, file):
    with opener.open(f"file://{file}") as reply:
        assert os.pread(reply.fileno(), 3, 0) == b"one"
        assert list(csv.reader(io.TextIOWrapper(reply))) == [["one", "two"], ["three"]]
    with opener.open(f"file://{file}") as reply:
        reply.seek(4)
        assert list(reply) == [b"two\n", b"three\n"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html"),
        ("a.json", "application/json"),
        ("a.tar.gz", "application/x-tar"),
        ("a.HTML", "text/html"),
        ("a%2Ehtml", "text/html"),
        ("a.nobodyknows", "text/plain"),
        ("a", "text/plain"),
    ],
)
def test_the_type_is_what_the_name_says(opener, tmp_path, name, kind):
    (tmp_path / name.replace("%2E", ".")).touch()
    with opener.open(f"file://{tmp_path}/{name}") as reply:
        assert reply.headers["content-type"] == reply.headers.get_content_type() == kind


@pytest.mark.parametrize("name", ["a://[x.html", "data:a,x.html", "data:a/b;c,d.html"])
def test_a_name_that_looks_like_a_url_is_a_name(opener, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).touch()
    with opener.open(f"file:{name}") as reply:
        assert reply.headers["Content-type"] == "text/html"


def test_a_big_file_is_not_read_beforehand(opener, tmp_path):
    with open(tmp_path / "big", "wb") as big:
        big.truncate(1 << 40)
    with opener.open(f"file://{tmp_path}/big") as reply:
        assert reply.headers["Content-length"] == str(1 << 40)
        assert reply.read(3) == b"\0\0\0"


# --- names


@pytest.mark.parametrize(
    "written", ["a b", "a%20b", "%61 b", "<URL:file:{}/a b>", " file:{}/a%20b "]
)
def test_blanks_may_be_quoted_or_not(opener, tmp_path, written):
    (tmp_path / "a b").write_bytes(b"content")
    url = written.format(tmp_path) if "{}" in written else f"file:{tmp_path}/{written}"
    with opener.open(url) as reply:
        assert reply.read() == b"content"


@pytest.mark.parametrize(
    "name", ["Grüße.txt", "日本", "a%b", "a+b", "a:b", "a\\b", "a\nb", "~", "a?b#c", "\udcff\udcfe"]
)
def test_every_name_is_found_by_the_url_of_its_path(opener, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"content")
    with opener.open(f"file:{pathname2url(str(path))}") as reply:
        assert reply.read() == b"content"


@pytest.mark.parametrize(
    ("name", "written"), [("Grüße", "Grüße"), ("100%", "100%"), ("a\\b", "a\\b"), ("a|b", "a|b")]
)
def test_what_is_not_quoted_stands_for_itself(opener, tmp_path, name, written):
    (tmp_path / name).write_bytes(b"content")
    with opener.open(f"file://{tmp_path}/{written}") as reply:
        assert reply.read() == b"content"


def test_a_relative_path_begins_at_the_current_directory(opener, file, monkeypatch):
    monkeypatch.chdir(file.parent)
    with opener.open("file:file.txt") as reply:
        assert reply.read() == b"one,two\nthree\n"


def test_a_path_may_begin_with_more_than_one_slash(opener, file):
    for url in (f"file:///{file}", f"file:////{file}", f"file://localhost/{file}"):
        with opener.open(url) as reply:
            assert reply.read() == b"one,two\nthree\n"


def test_a_fragment_names_no_file(opener, file):
    with opener.open(f"file://{file}#part") as reply:
        assert reply.read() == b"one,two\nthree\n"


@pytest.mark.parametrize("reads_rfc_8089", [False, True])
def test_a_query_and_the_url_are_what_the_running_python_makes_of_them(
    opener, tmp_path, monkeypatch, reads_rfc_8089
):
    monkeypatch.setattr(local_paths, "READS_RFC_8089", reads_rfc_8089)
    (tmp_path / "a").write_bytes(b"without")
    (tmp_path / "a?b").write_bytes(b"with")
    url = f"file://localhost{tmp_path}/a?b"
    with opener.open(url) as reply:
        assert reply.read() == (b"without" if reads_rfc_8089 else b"with")
        assert reply.url == (f"file://{tmp_path}/a" if reads_rfc_8089 else url)
        assert reply.geturl() == reply.url


@pytest.mark.skipif(local_paths.READS_RFC_8089, reason="there it says more of the host")
@pytest.mark.parametrize(
    "url",
    [
        "file:{}",
        "file:{}#part",
        "file:{}?",
        "file://{}",
        "file://localhost{}",
        "file://{}#",
        "FILE:{}",
    ],
)
def test_the_url_of_a_reply_is_what_urllib_says(opener, file, url):
    url = url.format(file)
    if url.endswith("?"):
        file.rename(f"{file}?")
    with (
        opener.open(url) as reply,
        urllib.request.FileHandler().open_local_file(urllib.request.Request(url)) as theirs,
    ):
        assert reply.url == theirs.url


def test_a_relative_path_gets_no_host_in_the_url_of_its_reply(opener, file, monkeypatch):
    monkeypatch.chdir(file.parent)
    monkeypatch.setattr(local_paths, "READS_RFC_8089", False)
    with opener.open("file:file.txt#part") as reply:
        assert reply.url == "file:file.txt"


# --- what is no file


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", FileNotFoundError),
        ("", IsADirectoryError),
        (".", IsADirectoryError),
        ("file.txt/", NotADirectoryError),
        ("a" * 300, OSError),
        ("a/[b", FileNotFoundError),
    ],
)
def test_what_can_not_be_opened_is_an_error_with_its_reason(opener, file, name, reason):
    path = f"{file.parent}/{name}"
    with pytest.raises(urllib.error.URLError) as caught:
        opener.open(f"file://{path}")
    assert isinstance(caught.value.reason, reason)
    assert caught.value.filename == caught.value.reason.filename == path
    assert str(caught.value) == f"<urlopen error {caught.value.reason}>"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_what_must_not_be_read_is_an_error_with_its_reason(opener, file):
    file.chmod(0)
    with pytest.raises(urllib.error.URLError) as caught:
        opener.open(f"file://{file}")
    assert isinstance(caught.value.reason, PermissionError)


def test_a_path_with_nul_in_it_is_none(opener):
    with pytest.raises(errors.InvalidURL, match="null byte") as caught:
        opener.open("file:///etc/hosts%00.txt")
    assert isinstance(caught.value, (urllib.error.URLError, ValueError, InvalidURL))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], min_codepoint=32), max_size=30))
def test_no_other_error_escapes(text):
    with pytest.raises(urllib.error.URLError) as caught:
        FileHandler().file_open(Request(f"file:///proc/self/nothing/{text}"))
    assert caught.value.reason


@pytest.mark.parametrize("url", ["file:////[x", "file:a://[x", "file:data:,", "file:data:"])
def test_what_looks_like_a_url_and_is_not_there_is_that_error_too(
    opener, tmp_path, monkeypatch, url
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(urllib.error.URLError) as caught:
        opener.open(url)
    assert isinstance(caught.value.reason, FileNotFoundError)


# --- whose file


def test_localhost_and_its_addresses_are_this_machine(opener, file, names):
    for host in ("", "localhost", "LOCALHOST", "127.0.0.1"):
        with opener.open(f"file://{host}{file}") as reply:
            assert reply.read() == b"one,two\nthree\n"
    assert "127.0.0.1" in FileHandler.names
    assert FileHandler().get_names() is FileHandler.names


def test_a_machine_that_does_not_know_its_own_name_knows_localhost(names, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "nowhere.invalid")
    assert "127.0.0.1" in FileHandler().get_names()


def test_who_sets_names_says_what_this_machine_is(opener, file, monkeypatch):
    monkeypatch.setattr(FileHandler, "names", ("192.0.2.1",))
    with opener.open(f"file://192.0.2.1{file}") as reply:
        assert reply.read() == b"one,two\nthree\n"
    with pytest.raises(urllib.error.URLError):
        opener.open(f"file://127.0.0.1{file}")


@pytest.mark.parametrize(
    "host",
    [
        "192.0.2.1",
        "nowhere.invalid",
        "nowhere.invalid/",
        "a..b",
        "[::1]",
        "localhost:80",
        "127.0.0.1:80",
        "me@localhost",
        "me:secret@localhost",
    ],
)
def test_another_host_a_port_and_a_user_are_refused(opener, file, host):
    with pytest.raises(urllib.error.URLError, match="only on localhost") as caught:
        opener.open(f"file://{host}{file}")
    assert "secret" not in str(caught.value)


def test_no_redirect_leads_to_a_file(file):
    head = f"HTTP/1.1 302 Found\r\nLocation: file://{file}\r\nContent-Length: 0\r\n\r\n"
    with Pool() as pool, ScriptedServer([head.encode()]) as server:
        opener = build_opener(FileHandler, HTTPHandler(pool=pool))
        with pytest.raises(errors.RedirectRefused, match="file:///") as caught:
            opener.open(server.url)
        caught.value.close()


# --- with urllib's


def test_in_an_opener_of_urllib_it_comes_before_urllibs_own(file):
    with urllib.request.build_opener(FileHandler).open(f"file://{file}") as reply:
        assert type(reply).__module__ == "mini_http.opener.replies"
        assert reply.read() == b"one,two\nthree\n"


def test_a_request_of_urllib_is_opened(file):
    with FileHandler().file_open(urllib.request.Request(f"file://{file}")) as reply:
        assert reply.read() == b"one,two\nthree\n"


def test_a_subclass_may_open_files_in_its_own_way(file):
    class Shouting(FileHandler):
        def open_local_file(self, req):
            return super().open_local_file(req).read().upper()

    assert Shouting().file_open(Request(f"file://{file}")) == b"ONE,TWO\nTHREE\n"

    # --- dates


@pytest.mark.parametrize("seconds", [1e12, 1e17, 1e300, -1e11])
def test_a_time_that_is_no_date_is_left_out(seconds):
    status = os.stat_result([0o100644, 0, 0, 1, 0, 0, 5, 0, seconds, 0])
    assert _headers("a.txt", status).items() == [
        ("Content-type", "text/plain"),
        ("Content-length", "5"),
    ]


ONE_FILE = """
import sys
from mini_http.opener.handlers.file import FileHandler
from mini_http.opener.request import Request
FileHandler().file_open(Request("file://" + sys.argv[1])).close()
assert not {"email", "urllib.request", "http.client", "tempfile", "socket"} & sys.modules.keys()
"""


def test_it_needs_little(file):
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", ONE_FILE, str(file)], cwd=root, check=False)
    assert done.returncode == 0
