"""netrc: whose password goes where, and files that are not used."""

from __future__ import annotations

import os

import pytest
from support.digest_server import DigestServer
from support.servers import ScriptedServer

from mini_http import HTTPBasicAuthHandler, HTTPError, HTTPHandler, Request, URLError, build_opener
from mini_http.codec.credentials import basic_credentials
from mini_http.opener.handlers.netrc import NetrcHandler

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
ASKS = b'HTTP/1.1 401 Asks\r\nWWW-Authenticate: Basic realm="r"\r\nContent-Length: 3\r\n\r\nno!'
MOVED = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
HERE = "machine 127.0.0.1 login user password hunter2\n"
CREDENTIALS = basic_credentials("user", "hunter2")

has_modes = pytest.mark.skipif(os.name != "posix", reason="files have no such modes here")


@pytest.fixture
def write(tmp_path):
    """Writes a netrc file; returns its path."""

    def write(text, mode=0o600):
        path = tmp_path / "netrc"
        path.write_text(text, "utf-8")
        path.chmod(mode)
        return path

    return write


def opener_with(pool, *handlers):
    return build_opener(HTTPHandler(pool=pool), *handlers)


def authorizations(server):
    found = []
    for raw in server.requests:
        lines = raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        fields = {line.partition(":")[0].lower(): line.partition(": ")[2] for line in lines}
        found.append(fields.get("authorization"))
    return found


def refused(opener, url):
    """Opens what ends in 401."""
    with pytest.raises(HTTPError, match="401") as caught:
        opener.open(url)
    assert caught.value.read() == b"no!"


SERVING = {
    "the host": (HERE, CREDENTIALS),
    "the host after others": (f"machine a.example login a password a\n{HERE}", CREDENTIALS),
    "the host before default": (f"{HERE}default login d password d\n", CREDENTIALS),
    "default": ("default login d password d\n", basic_credentials("d", "d")),
    "no password": ("machine 127.0.0.1 login user\n", basic_credentials("user", "")),
}


@pytest.mark.parametrize("case", SERVING)
def test_a_server_that_asks_gets_the_password_of_its_host(pool, write, case):
    text, credentials = SERVING[case]
    with ScriptedServer([[ASKS, HELLO]]) as server:
        opener = opener_with(pool, NetrcHandler(write(text)))
        assert opener.open(server.url).read() == b"hello"
    assert authorizations(server) == [None, credentials]


NOT_SERVING = {
    "another host": "machine 127.0.0.2 login user password hunter2\n",
    "a host that begins so": "machine 127.0.0.1.example login user password hunter2\n",
    "a host that ends so": "machine 7.0.0.1 login user password hunter2\n",
    "with the port": "machine 127.0.0.1:80 login user password hunter2\n",
    "no login": "machine 127.0.0.1 password hunter2\n",
    "nothing": "",
}


@pytest.mark.parametrize("case", NOT_SERVING)
def test_no_other_host_gets_it(pool, write, case):
    with ScriptedServer([ASKS]) as server:
        refused(opener_with(pool, NetrcHandler(write(NOT_SERVING[case]))), server.url)
    assert authorizations(server) == [None]


def test_a_host_is_compared_as_urls_are_read(write):
    handler = NetrcHandler(write("machine Api.Example login user password hunter2\n"))
    assert handler._find("api.example") == ("user", "hunter2")
    assert handler._find("default") is None


def test_a_server_that_does_not_ask_gets_nothing(pool, write):
    with ScriptedServer([HELLO]) as server:
        opener_with(pool, NetrcHandler(write(HERE))).open(server.url).close()
    assert authorizations(server) == [None]


def test_a_wrong_password_is_sent_once(pool, write):
    with ScriptedServer([[ASKS, ASKS]]) as server:
        refused(opener_with(pool, NetrcHandler(write(HERE))), server.url)
    assert authorizations(server) == [None, CREDENTIALS]


def test_credentials_of_the_programs_own_and_users_of_the_url_come_before(pool, write):
    handler = NetrcHandler(write(HERE))
    with ScriptedServer([ASKS]) as server:
        own = Request(server.url, headers={"Authorization": "Bearer own"})
        refused(opener_with(pool, handler), own)
    assert authorizations(server) == ["Bearer own"]
    with ScriptedServer([ASKS], again=True) as server:
        url = server.url.replace("//", "//other@")
        refused(opener_with(pool, handler), url)
    assert CREDENTIALS not in authorizations(server)
    basic = HTTPBasicAuthHandler()
    with ScriptedServer([[ASKS, HELLO]]) as server:
        basic.add_password("r", server.url, "basic", "password")
        opener_with(pool, handler, basic).open(server.url).close()
    assert authorizations(server) == [None, basic_credentials("basic", "password")]


@pytest.mark.parametrize("text", [HERE, "default login d password d\n"], ids=["host", "default"])
def test_nothing_is_sent_after_a_redirect_from_another_origin(pool, write, text):
    with ScriptedServer([ASKS]) as other, ScriptedServer([MOVED % other.url.encode()]) as server:
        refused(opener_with(pool, NetrcHandler(write(text))), server.url)
    assert authorizations(other) == [None]


def test_a_redirect_within_the_origin_may_be_asked(pool, write):
    with ScriptedServer([[MOVED % b"/b", ASKS, HELLO]]) as server:
        opener_with(pool, NetrcHandler(write(HERE))).open(server.url).close()
    assert authorizations(server) == [None, None, CREDENTIALS]


def test_the_strongest_scheme_is_answered(pool, write):
    text = 'machine 127.0.0.1 login "Ali \\\\ Baba é" password "Sésame, ouvre-toi: é"\n'
    basic = HTTPBasicAuthHandler()  # which knows no password, and leaves Digest to this one
    with DigestServer() as server:
        opener = opener_with(pool, NetrcHandler(write(text)), basic)
        assert opener.open(server.url).read() == b"welcome"
        pool.close()
    assert server.verdicts == ["missing", "right"]


# --- files


def test_the_users_own_file_is_the_usual_one_and_need_not_be_there(
    pool, write, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    opener = opener_with(pool, NetrcHandler())
    with ScriptedServer([[ASKS, ASKS, HELLO]]) as server:
        refused(opener, server.url)
        write(HERE).rename(tmp_path / ".netrc")
        assert opener.open(server.url).read() == b"hello"
    assert authorizations(server) == [None, None, CREDENTIALS]


FAULTS = {
    "no such file": (None, 0, "there is no file"),
    "not a netrc file": ("machine 127.0.0.1\npassword hunter2 hunter3\n", 0o600, "line . of"),
    "not UTF-8": (b"machine a login b password \xff\n", 0o600, "can't be read"),
    "readable by the group": (HERE, 0o640, r"others may use it \(mode 0640\): run chmod 600"),
    "readable by all": (HERE, 0o604, "mode 0604"),
    "writable by all": (HERE, 0o602, "mode 0602"),
}


@has_modes
@pytest.mark.parametrize("case", FAULTS)
def test_a_file_that_is_not_to_be_used_is_an_error_that_shows_none_of_it(pool, tmp_path, case):
    text, mode, message = FAULTS[case]
    path = tmp_path / "netrc"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
    with ScriptedServer([[ASKS, HELLO]]) as server:
        opener = opener_with(pool, NetrcHandler(path))
        with pytest.raises(URLError, match=message) as caught:
            opener.open(server.url)
        assert opener.open(server.url).read() == b"hello"
    assert str(path) in str(caught.value)
    assert "hunter" not in str(caught.value)
    assert authorizations(server) == [None, None]
    assert pool.opened == 1


@has_modes
def test_a_file_of_another_user_is_not_used(pool, write, monkeypatch):
    path = write(HERE)
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(URLError, match=r"is not yours: it belongs to user \d+"):
        NetrcHandler(path)._find("127.0.0.1")


def test_a_system_without_modes_has_none_to_check(write, monkeypatch):
    path = write(HERE, 0o644)
    monkeypatch.setattr(os, "name", "nt")
    with open(path) as file:
        from mini_http.opener.handlers.netrc import _check_owner

        assert _check_owner(file, str(path)) is None
