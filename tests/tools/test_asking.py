"""From options to requests and an opener."""

from __future__ import annotations

import base64
import getpass
import io
import sys
from pathlib import Path

import pytest
from support.certificates import Certificates
from support.python_server import EchoServer

from mini_http.base import errors
from mini_http.base.timeouts import Timeout
from mini_http.exchange.response import HTTPResponse
from mini_http.keepalive.pool import Pool
from mini_http.opener.request import Request
from mini_http.tools.asking import (
    body_for,
    opener_for,
    remote_name,
    request_for,
    timeout_for,
    with_scheme,
)
from mini_http.tools.demo_server import DemoServer
from mini_http.tools.failures import BadCAFile, BadClientCertificate, ReadFailed, UsageError
from mini_http.tools.options import parse
from mini_http.tools.upload import Upload


def asked(*arguments: str) -> Request:
    """The request for the URL that stands first."""
    options = parse(arguments)
    body = body_for(options)
    request = request_for(options, options.urls[0], body)
    if isinstance(body, Upload):
        body.close()
    return request


def fields(*arguments: str) -> dict[str, str]:
    return dict(asked("a", *arguments).given_fields())


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("a", "http://a"),
        ("localhost:8000/x?u=http://b", "http://localhost:8000/x?u=http://b"),
        ("HTTPS://a", "HTTPS://a"),
        ("data:,x", "data:,x"),
        ("//a", "http:////a"),
    ],
)
def test_a_url_without_a_scheme_is_http(text: str, url: str) -> None:
    assert with_scheme(text) == url


@pytest.mark.parametrize(
    ("arguments", "method"),
    [
        ("a", "GET"),
        ("a -I", "HEAD"),
        ("a -d x", "POST"),
        ("a --json {}", "POST"),
        ("a -G -d x", "GET"),
        ("a -G -d x -I", "HEAD"),
        ("a -d x -X PATCH", "PATCH"),
        ("a -T /dev/null", "PUT"),
        ("a -T /dev/null -X POST", "POST"),
    ],
)
def test_the_method_follows_from_what_is_sent(arguments: str, method: str) -> None:
    request = asked(*arguments.split())
    assert request.get_method() == method
    assert (request.data is None) == (method in ("GET", "HEAD"))


@pytest.mark.parametrize(
    ("arguments", "url"),
    [
        ("a/b?c#d", "http://a/b?c#d"),
        ("http://me:secret@a/", "http://a/"),
        ("a -G -d x=1 -d y", "http://a/?x=1&y"),
        ("a/?b -G --data-urlencode c=& -d d", "http://a/?b&c=%26&d"),
        ("a/up/ -T /dev/null", "http://a/up/null"),
        ("a/up/name -T /dev/null", "http://a/up/name"),
    ],
)
def test_the_url_is_completed(arguments: str, url: str) -> None:
    assert asked(*arguments.split()).full_url == url


def test_the_name_of_an_uploaded_file_is_encoded(tmp_path: Path) -> None:
    (tmp_path / "a b?.txt").touch()
    assert asked("a/", "-T", f"{tmp_path}/a b?.txt").full_url == "http://a/a%20b%3F.txt"


def test_a_malformed_url_is_refused() -> None:
    with pytest.raises(errors.InvalidURL):
        asked("http://a b/")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {}),
        (["-A", "me", "-e", "http://b/"], {"User-Agent": "me", "Referer": "http://b/"}),
        (["-r", "0-9"], {"Range": "bytes=0-9"}),
        (["--no-compressed"], {"Accept-Encoding": "identity"}),
        (["-H", "X-a: 1", "-H", "x-A: 2"], {"X-a": "1, 2"}),
        (["-H", "Cookie: a=1", "-H", "Cookie: b=2"], {"Cookie": "a=1; b=2"}),
        (["-A", "me", "-H", "user-agent: other"], {"user-agent": "other"}),
        (["-H", "X;", "-H", "Accept:"], {"X": ""}),
        (["--json", "1"], {"Content-Type": "application/json", "Accept": "application/json"}),
        (
            ["--json", "1", "-H", "Content-type: a/b", "-H", "Accept:"],
            {"Content-type": "a/b"},
        ),
        (["--json", "1", "-G"], {}),
    ],
)
def test_options_become_fields(arguments: list[str], expected: dict[str, str]) -> None:
    assert fields(*arguments) == expected


def test_credentials_come_from_the_option_or_the_url() -> None:
    def credentials(*arguments: str) -> str:
        value = asked(*arguments).get_header("Authorization", "Basic ")
        return base64.b64decode(value.removeprefix("Basic ")).decode()

    assert credentials("a") == ""
    assert credentials("a", "-u", "me:a:ü") == "me:a:ü"
    assert credentials("http://you:p%40@a/") == "you:p@"
    assert credentials("http://you@a/") == "you:"
    assert credentials("http://you:p@a/", "-u", "me:b") == "me:b"
    assert fields("-u", "me:b", "-H", "Authorization: Bearer x") == {"Authorization": "Bearer x"}


def test_a_password_is_asked_for_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(UsageError, match="USER:PASSWORD"):
        asked("a", "-u", "me")
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", lambda prompt: f"<{prompt}>")
    value = fields("-u", "me")["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(value) == b"me:<Password of me: >"


def test_fields_that_speak_of_secrets_are_marked() -> None:
    given = ["X-Api-Key: 1", "X-AUTH-TOKEN: 2", "my_password: 3", "X-Monkey: 4", "Author: 5"]
    arguments = [part for field in given for part in ("-H", field)]
    assert asked("a", *arguments).secret_names == {"x-api-key", "x-auth-token", "my_password"}


def test_data_is_the_body() -> None:
    assert b"".join(asked("a", "-d", "x", "-d", "y").data.pieces()) == b"x&y"


def test_a_file_is_a_body_that_can_be_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    options = parse(["a", "-T", str(path)])
    file = body_for(options)
    assert isinstance(file, Upload)
    with file:
        body = request_for(options, "a", file).data
        assert body.length == 7
        for _ in range(2):
            body.rewind()
            assert b"".join(body.pieces()) == b"content"


def test_a_file_that_cant_be_read_is_no_body(tmp_path: Path) -> None:
    with pytest.raises(ReadFailed):
        asked("a", "-T", f"{tmp_path}/missing")


@pytest.mark.parametrize(
    ("arguments", "timeout"),
    [
        ("a", Timeout(60, 60, None)),
        ("a -m 5", Timeout(None, None, 5)),
        ("a --connect-timeout 2", Timeout(2, 60, None)),
        ("a -m 5 --connect-timeout 2", Timeout(2, None, 5)),
    ],
)
def test_times_are_bounded_as_asked(arguments: str, timeout: Timeout) -> None:
    assert timeout_for(parse(arguments.split())) == timeout


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("a/b/c.txt", "c.txt"),
        ("http://a/c%20d?e/f#g/h", "c d"),
        ("a/b/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("a/..%5C..%5Cboot.ini", "boot.ini"),
        ("a/na%C3%AFve", "naïve"),
        ("a/a%00b%0Ac%1B", "a_b_c_"),
        ("a/a%E2%80%AEb", "a_b"),
        ("a/.profile", ".profile"),
    ],
)
def test_a_remote_name_is_the_last_part_of_the_path(url: str, name: str) -> None:
    assert remote_name(url) == name


@pytest.mark.parametrize("url", ["a", "a/", "a/b/", "a/..", "a/b/.", "a/%2E%2E", "a/b%2F", "a/x\\"])
def test_a_url_that_ends_in_no_name_gives_none(url: str) -> None:
    with pytest.raises(UsageError, match="-O needs a URL that ends in a name"):
        remote_name(url)


def opened(url: str, *arguments: str) -> HTTPResponse:
    """The reply that the opener for these options gives."""
    options = parse([url, *arguments])
    with Pool() as pool:
        reply: HTTPResponse = opener_for(options, pool).open(request_for(options, url, None))
        reply.read()
    return reply


def test_every_status_is_a_reply(demo_server: DemoServer) -> None:
    assert opened(f"{demo_server.url}missing").status == 404


def test_redirects_are_followed_as_far_as_asked(demo_server: DemoServer) -> None:
    url = f"{demo_server.url}moved"
    assert opened(url).status == 200
    assert opened(url, "--max-redirs", "1").status == 200
    assert opened(url, "--no-redirect").status == 302
    with pytest.raises(errors.RedirectRefused, match="more than 0 redirects") as refused:
        opened(url, "--max-redirs", "0")
    refused.value.close()


def test_fields_that_are_left_out_are_not_sent(echo_server: EchoServer) -> None:
    arguments = ["-H", "User-Agent:", "-H", "Accept-Encoding:", "-H", "X: y", "-H", "X:"]
    assert opened(echo_server.url, *arguments).status == 200
    sent = echo_server.requests[0]["headers"]
    assert [name for name, _ in sent] == ["Host", "X"]
    opened(echo_server.url)
    assert len(echo_server.requests[1]["headers"]) == 3


def test_a_file_has_no_type_of_its_own(echo_server: EchoServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert opened(echo_server.url, "-T", f"{tmp_path}/file", "-X", "POST").status == 200
    assert "Content-Type" not in dict(echo_server.requests[0]["headers"])


def test_certificates_are_read_before_anything_is_sent(
    certificates: Certificates, tmp_path: Path
) -> None:
    ca, pair = str(certificates.ca_file), certificates.client
    missing = str(tmp_path / "missing.pem")
    with Pool() as pool:
        ours = ["--cert", str(pair.chain), "--key", str(pair.key)]
        for good in (["--cacert", ca], ours, ["--cacert", ca, *ours]):
            assert opener_for(parse(["a", *good]), pool).handle_open["https"]
        with pytest.raises(BadCAFile, match=missing):
            opener_for(parse(["a", "--cacert", missing]), pool)
        for pieces in (["--cert", missing], ["--cert", ca], ["--cert", ca, "--key", missing]):
            with pytest.raises(BadClientCertificate):
                opener_for(parse(["a", "-k", *pieces]), pool)
