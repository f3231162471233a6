"""An opener with a User-Agent, installed, and a hundred files: the commonest use of urllib.request.

One connection serves all, under our names, and under urllib's own once they run on our engine.
"""

import random
import urllib.request

import pytest
from support.nginx import Nginx

import mini_http
from mini_http.keepalive.pool import shared_pool
from mini_http.opener.api import build_opener, install_opener
from mini_http.tools.install import install, uninstall
from mini_http.tools.retrieve import urlcleanup, urlretrieve

FILES = {f"{number}.bin": random.Random(number).randbytes(number * 331) for number in range(100)}
"""From none to 32 KB, which is up to four of urllib's blocks."""
USER_AGENT = "Mozilla/5.0 (commonest)"


@pytest.fixture
def all_as_before():
    """No opener installed, here or there, and no connections left."""
    urlcleanup()
    yield
    uninstall()
    urllib.request.urlcleanup()
    urlcleanup()
    shared_pool().close()


pytestmark = pytest.mark.usefixtures("no_leaked_descriptors", "all_as_before")


@pytest.fixture(scope="module")
def site():
    """An nginx of its own, with the files."""
    with Nginx() as nginx:
        for name, content in FILES.items():
            nginx.add_file(name, content)
        yield nginx


class Progress:
    """A progress bar as programs have it: it notes each call."""

    def __init__(self):
        self.calls = []

    def __call__(self, number, block_bytes, size):
        self.calls.append((number, block_bytes, size))


def with_our_names():
    opener = build_opener()
    opener.addheaders = [("User-Agent", USER_AGENT)]
    install_opener(opener)
    return urlretrieve


def with_urllibs_names_everywhere():
    install(everywhere=True)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.addheaders = [("User-Agent", USER_AGENT)]
    urllib.request.install_opener(opener)
    return urllib.request.urlretrieve


def with_urllibs_urlretrieve():
    opener = install()
    opener.addheaders = [("User-Agent", USER_AGENT)]
    return urllib.request.urlretrieve


WAYS = [with_our_names, with_urllibs_names_everywhere, with_urllibs_urlretrieve]


@pytest.mark.parametrize("way", WAYS)
def test_a_hundred_files_come_over_one_connection(way, site, tmp_path):
    before = len(site.log())
    retrieve = way()
    for name, content in FILES.items():
        progress = Progress()
        path, headers = retrieve(f"{site.http}/{name}", tmp_path / name, progress)
        assert path == tmp_path / name
        assert path.read_bytes() == content
        assert int(headers["Content-Length"]) == len(content)
        blocks = -(-len(content) // 8192)
        assert progress.calls == [(number, 8192, len(content)) for number in range(blocks + 1)]
    seen = [entry for entry in site.log()[before:] if entry.target.strip("/") in FILES]
    assert [entry.target for entry in seen] == [f"/{name}" for name in FILES]
    assert len({entry.connection for entry in seen}) == 1


@pytest.mark.parametrize("way", WAYS)
def test_the_openers_user_agent_is_sent_and_no_coding_asked_for(way, echo_server, tmp_path):
    path, _ = way()(echo_server.url, tmp_path / "account")
    (account,) = echo_server.requests
    fields = {name.lower(): value for name, value in account["headers"]}
    assert fields["user-agent"] == USER_AGENT
    assert fields["accept-encoding"] == "identity"
    assert "connection" not in fields
    assert path.stat().st_size > 0


def test_a_file_that_is_coded_on_its_way_is_not_where_it_would_spoil_the_size(nginx, tmp_path):
    with_our_names()
    progress = Progress()
    path, headers = urlretrieve(f"{nginx.http}/gzip/text", tmp_path / "text", progress)
    assert "content-encoding" not in headers
    assert progress.calls[-1][2] == path.stat().st_size == int(headers["content-length"])


def test_the_names_are_in_the_face():
    assert mini_http.urlretrieve is urlretrieve
    assert mini_http.install is install
