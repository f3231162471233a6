"""Transfers, in this process: what is asked for comes, goes where it should, and is accounted."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.certificates import Certificates
from support.ftp_server import FTPServer
from support.python_server import EchoServer
from support.servers import ScriptedServer
from support.steps import Drain, ExpectHead, HalfClose, Reset, Send

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def redirect(location: str, status: int = 302) -> bytes:
    head = f"HTTP/1.1 {status} Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    return head.encode()


# --- what is sent


def test_a_plain_get_sends_these_fields(run, echo_server: EchoServer) -> None:
    sent = json.loads(run(echo_server.url).out)
    names = [name for name, _ in sent["headers"]]
    assert (sent["method"], sent["path"]) == ("GET", "/")
    assert [name.lower() for name in names] == ["host", "user-agent", "accept-encoding"]


def test_fields_can_be_added_changed_and_left_out(run, echo_server: EchoServer) -> None:
    ran = run(
        echo_server.url,
        "-d",
        "a=b",
        "-H",
        "X-A: 1",
        "-H",
        "X-E;",
        "-H",
        "User-Agent:",
        "-H",
        "accept-encoding:",
        "-H",
        "Content-Type:",
        "-H",
        "Host: other",
    )
    sent = json.loads(ran.out)
    assert sent["headers"] == [
        ["Host", "other"],
        ["X-A", "1"],
        ["X-E", ""],
        ["Content-Length", "3"],
    ]
    assert base64.b64decode(sent["body"]) == b"a=b"


def test_a_form_has_the_type_of_a_form_and_a_file_has_none(
    run, echo_server: EchoServer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    form = dict(json.loads(run(echo_server.url, "-d", "a").out)["headers"])
    assert form["Content-Type"] == "application/x-www-form-urlencoded"
    file = json.loads(run(echo_server.url, "-T", tmp_path / "file").out)
    assert (file["method"], file["path"]) == ("PUT", "/file")
    assert base64.b64decode(file["body"]) == b"content"
    assert "Content-Type" not in dict(file["headers"])
    typed = run(echo_server.url, "-T", tmp_path / "file", "-H", "Content-Type: a/b").out
    assert dict(json.loads(typed)["headers"])["Content-Type"] == "a/b"


class StandardInput:
    """One that can't seek."""

    class Pipe(io.BytesIO):
        def tell(self) -> int:
            raise OSError("a pipe")

    def __init__(self, data: bytes) -> None:
        self.buffer = self.Pipe(data)


def test_standard_input_is_sent_as_chunks(
    run, echo_server: EchoServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stdin", StandardInput(b"piped"))
    ran = run(echo_server.url, "-T", "-", "-w", "%{size_upload}", "-o", tmp_path / "reply")
    sent = json.loads((tmp_path / "reply").read_bytes())
    assert dict(sent["headers"])["Transfer-Encoding"] == "chunked"
    assert base64.b64decode(sent["body"]) == b"piped"
    assert ran.out == b"5"


# --- redirects


def test_redirects_are_followed_and_their_heads_can_be_had(run) -> None:
    with ScriptedServer([[redirect("/b"), OK]]) as server:
        ran = run(server.url, "-i", "-L")
    assert ran.out == redirect("/b") + OK
    assert len(server.requests) == 2


def test_redirects_can_be_left_alone(run) -> None:
    with ScriptedServer([[redirect("/b?c")], [redirect("http://[")]]) as server:
        for target in (f"{server.url}b?c", ""):
            ran = run(server.url, "--no-redirect", "-w", "%{http_code} %{redirect_url}")
            assert ran.code == 0
            assert ran.out == f"302 {target}".encode()


def test_redirects_are_bounded(run) -> None:
    with ScriptedServer([[redirect("/b"), redirect("/c")]]) as server:
        ran = run(server.url, "--max-redirs", 1)
    assert ran.code == 47
    assert ran.err == "mini-http: (47) 302 Found - got more than 1 redirects\n"


def test_a_redirect_to_another_scheme_is_refused_and_no_password_shown(run) -> None:
    with ScriptedServer([redirect("ftp://me:secret@host/")]) as server:
        ran = run(server.url)
    assert ran.code == 47
    assert "host/" in ran.err
    assert "secret" not in ran.err


def test_secrets_stay_with_their_origin(run) -> None:
    with (
        ScriptedServer([OK]) as other,
        ScriptedServer([[redirect("/same"), redirect(other.url)]]) as server,
    ):
        ran = run(server.url, "-u", "me:pass", "-H", "X-Api-Key: k", "-H", "X-Open: o")
    assert ran.out == b"ok"
    assert all(b"Basic" in request and b"X-Api-Key: k" in request for request in server.requests)
    assert b"Basic" not in other.requests[0]
    assert b"X-Api-Key" not in other.requests[0]
    assert b"X-Open: o" in other.requests[0]


def test_a_file_is_sent_again_after_a_redirect_that_keeps_it(run, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with ScriptedServer([[redirect("/b", 307), OK]]) as server:
        ran = run(server.url, "-T", tmp_path / "file", "-w", " %{size_upload}")
    assert ran.out == b"ok 7"
    assert [request[-7:] for request in server.requests] == [b"content"] * 2


def test_a_pipe_cant_be_sent_again(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StandardInput(b"piped"))
    with ScriptedServer([[redirect("/b", 307)]]) as server:
        ran = run(server.url, "-T", "-")
    assert ran.code == 65
    assert "can't seek" in ran.err


# --- where it goes


def test_each_url_has_its_file_and_the_rest_go_to_standard_output(
    run, demo_server, tmp_path: Path
) -> None:
    url = demo_server.url
    ran = run(f"{url}hello", f"{url}1k", f"{url}gzip", "-o", tmp_path / "a", "-o", tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == b"Hello from the demo server.\n"
    assert len((tmp_path / "b").read_bytes()) == 1024
    assert ran.out.startswith(b"The same line")
    assert ran.err == ""
    assert demo_server.connections == 1


def test_a_remote_name_is_used_for_every_url(
    run, demo_server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("-O", f"{demo_server.url}moved", f"{demo_server.url}1k", demo_server.url)
    assert ran.code == 2
    assert "-O needs a URL that ends in a name" in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1k", "moved"]


def test_a_file_is_not_touched_unless_a_reply_comes(run, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"earlier")
    with ScriptedServer([[ExpectHead()], OK]) as server:
        assert run(server.url, "-o", path).code == 52
        assert path.read_bytes() == b"earlier"
        assert run(server.url, "-o", path).code == 0
    assert path.read_bytes() == b"ok"


def test_an_empty_body_makes_an_empty_file(run, tmp_path: Path) -> None:
    with ScriptedServer([b"HTTP/1.1 204 No Content\r\n\r\n"]) as server:
        assert run(server.url, "-o", tmp_path / "file").code == 0
    assert (tmp_path / "file").read_bytes() == b""


def test_a_file_that_cant_be_written_is_told(run, demo_server, tmp_path: Path) -> None:
    ran = run(f"{demo_server.url}hello", "-o", tmp_path)
    assert ran.code == 23
    assert f"{tmp_path}: Is a directory" in ran.err


def test_a_file_that_cant_be_read_is_told_and_nothing_is_sent(run, demo_server) -> None:
    ran = run(demo_server.url, "-T", "/missing/file")
    assert ran.code == 26
    assert ran.err == "mini-http: (26) /missing/file: No such file or directory\n"
    assert demo_server.connections == 0


# --- codings and ranges


def test_a_coded_body_is_decoded_unless_it_is_the_callers_affair(run, demo_server) -> None:
    url = f"{demo_server.url}gzip"
    text = run(url).out
    assert text.startswith(b"The same line")
    assert run(url, "--compressed").out == text
    assert run(url, "--no-compressed").out == text
    assert run(url, "-H", "Accept-Encoding: gzip").out.startswith(b"\x1f\x8b")
    head, _, body = run(url, "-i").out.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert body == text


def test_a_coding_that_nobody_asked_for_is_left_as_it_is(run) -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"
    with ScriptedServer([reply]) as server:
        assert run(server.url, "-H", "Accept-Encoding:").out == b"\x1f\x8b"


# --- what goes wrong


def test_an_error_status_is_a_reply_unless_it_should_fail(run, demo_server) -> None:
    url = f"{demo_server.url}missing"
    assert run(url) == (type(run(url)))(0, b"There is no such page.\n", "")
    failed = run(url, "-f", "-i")
    assert (failed.code, failed.out) == (22, b"")
    assert failed.err == "mini-http: (22) the server answered 404 Not Found\n"
    assert run(f"{demo_server.url}hello", "-f").code == 0


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ([ExpectHead(), Send(OK[:-1]), HalfClose()], 18, "the reply was cut: 1 more bytes were"),
        ([ExpectHead(), Send(OK[:20]), HalfClose()], 18, "the reply was cut"),
        ([ExpectHead()], 52, "without response"),
        ([ExpectHead(), Reset()], 56, "the connection broke"),
        ([b"nonsense\r\n\r\n"], 8, "no HTTP/1 status line"),
        ([b"HTTP/1.1 200 OK\r\nA B: c\r\n\r\n"], 8, "line 2 of the reply head"),
        (
            [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"],
            61,
            "gzip",
        ),
    ],
)
def test_what_a_server_does_wrong_is_one_line(run, script, code: int, words: str) -> None:
    with ScriptedServer([script]) as server:
        ran = run(server.url)
    assert ran.code == code
    assert ran.err.startswith(f"mini-http: ({code}) ")
    assert words in ran.err
    assert ran.err.count("\n") == 1


def test_a_cut_body_says_how_much_came_and_where_it_is(run, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with ScriptedServer([[ExpectHead(), Send(OK[:-1]), HalfClose()]] * 2) as server:
        url = server.url
        ran = run(url, url, "-o", path)
    assert path.read_bytes() == b"o"
    lines = ran.err.splitlines()
    cut = "the reply was cut: 1 more bytes were to come; 1 bytes came"
    assert lines == [
        f"mini-http: (18) {url}: {cut} and are in {path}",
        f"mini-http: (18) {url}: {cut}",
    ]


def test_a_reply_that_takes_too_long_is_given_up(run) -> None:
    silence = [ExpectHead(), Drain()]
    slow = [ExpectHead(), Send(OK[:-1]), Drain()]
    with ScriptedServer([silence, slow]) as server:
        ran = run(server.url, "-m", "0.05")
        assert ran.code == 28
        assert ran.err.startswith("mini-http: (28) timed out after 0.")
        ran = run(server.url, "-m", "0.5")
        assert ran.code == 28
        assert ran.err.endswith("; 1 bytes came\n")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["gopher://a/"], 1),
        (["http://a b/"], 3),
        (["http://" + "a" * 64 + ".invalid/"], 6),
        (["http://127.0.0.1:1/"], 7),
        (["http://127.0.0.1:1/", "-X", "GE T"], 2),
        (["http://127.0.0.1:1/", "-H", "X: a\r\nY: b"], 2),
        (["http://127.0.0.1:1/", "-A", "\u2603"], 2),
        (["http://127.0.0.1:1/", "--cacert", "/missing"], 77),
        (["http://127.0.0.1:1/", "--cert", "/missing"], 58),
    ],
)
def test_what_goes_wrong_without_a_server(run, arguments: list[str], code: int) -> None:
    ran = run(*arguments)
    assert ran.code == code
    assert ran.err.startswith(f"mini-http: ({code}) ")
    assert ran.err.count("\n") == 1


def test_silence_can_be_had_with_and_without_errors(run) -> None:
    assert run("http://127.0.0.1:1/", "-s").err == ""
    assert "refused" in run("http://127.0.0.1:1/", "-sS").err


def test_all_urls_are_tried_and_the_first_failure_gives_the_code(run, demo_server) -> None:
    ran = run("http://127.0.0.1:1/", f"{demo_server.url}hello", f"{demo_server.url}x", "-f")
    assert ran.code == 7
    assert ran.out == b"Hello from the demo server.\n"
    assert [line[:16] for line in ran.err.splitlines()] == ["mini-http: (7) h", "mini-http: (22) "]


def test_no_password_in_a_url_is_shown(run) -> None:
    ran = run(
        "http://me:secret@127.0.0.1:1/",
        "you:hidden@127.0.0.1:1",
        "-v",
        "-w",
        "%{url_effective} %{errormsg}\n",
    )
    assert ran.code == 7
    assert "secret" not in ran.err + ran.out.decode()
    assert "hidden" not in ran.err + ran.out.decode()
    assert "http://***@127.0.0.1:1/" in ran.err


# --- what is said about it


def test_facts_are_written_at_the_end(run, demo_server) -> None:
    url = f"{demo_server.url}moved"
    ran = run(
        url,
        "-I",
        "-w",
        "%{http_code} %{method} %{num_redirects} %{url_effective} "
        "%{remote_port} %{num_connects} %{size_header} %{exitcode}",
    )
    head, _, facts = ran.out.rpartition(b"\r\n\r\n")
    wanted = f"200 HEAD 1 {demo_server.url}gzip {demo_server.port} 1 {len(head) + 4} 0"
    assert facts.decode() == wanted


def test_speed_and_version_are_facts_of_a_reply_that_came(run) -> None:
    with ScriptedServer([b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"]) as server:
        ran = run(server.url, "-w", "%{http_version} %{speed_download}%{redirect_url}")
    assert ran.out == b"1.0 0"


def test_facts_are_written_after_a_failure_too(run) -> None:
    ran = run("-s", "http://127.0.0.1:1/", "-w", "%{http_code} %{exitcode} %{errormsg}\n")
    assert ran.out == b"000 7 127.0.0.1:1: Connection refused\n"


def test_the_wire_is_shown_with_secrets_masked(run, demo_server) -> None:
    ran = run(
        f"{demo_server.url}hello",
        "-v",
        "-u",
        "me:secret",
        "-H",
        "Cookie: a=secret",
        "-H",
        "X-Token: secret",
    )
    lines = ran.err.splitlines()
    assert "secret" not in ran.err
    assert {"> Authorization: ***", "> Cookie: ***", "> X-Token: ***"} <= set(lines)
    assert f"* connected to 127.0.0.1:{demo_server.port}" in lines
    assert lines[-1] == "* the connection stays open"


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets variables, of which there are none about proxies before."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)

    def set_variables(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_variables


def test_it_is_shown_why_each_request_goes_through_a_proxy_or_not(run, proxies) -> None:
    answers = [redirect("http://b.example/"), redirect("http://localhost:1/")]
    with ScriptedServer([answers]) as server:
        proxy = server.authority
        proxies(http_proxy=f"http://me:secret@{proxy}", no_proxy="localhost")
        ran = run("-v", "http://you:hidden@a.example/")
    assert ran.code == 7
    shown = [line for line in ran.err.splitlines() if "_proxy" in line]
    assert shown == [
        f"* http://a.example goes through http://{proxy}, as http_proxy says",
        f"* http://b.example goes through http://{proxy}, as http_proxy says",
        "* http://localhost:1 is reached directly: no_proxy has 'localhost'",
    ]
    assert "secret" not in ran.err
    assert "hidden" not in ran.err


def test_it_is_shown_once_where_another_handler_asks_the_proxy(run, proxies) -> None:
    with ScriptedServer([OK]) as server:
        proxies(ftp_proxy=server.authority)
        ran = run("-v", "ftp://a.example/")
    assert (ran.code, ran.out) == (0, b"ok")
    assert ran.err.count("ftp_proxy") == 1


def test_nothing_is_shown_of_proxies_where_none_is_set(run, proxies, demo_server) -> None:
    proxies()
    assert "proxy" not in run("-v", f"{demo_server.url}hello").err


def test_how_a_certificate_failed_can_be_had_as_a_number(run, certificates: Certificates) -> None:
    with EchoServer(tls=certificates.expired.server_context()) as server:
        url = f"https://localhost:{server.port}/"
        ran = run(url, "--cacert", certificates.ca_file, "-w", "%{ssl_verify_result}")
        assert (ran.code, ran.out) == (60, b"10")
        assert "expired on 2001-01-01" in ran.err
        ran = run(url, "-k", "-w", "%{ssl_verify_result}", "-o", "/dev/null")
        assert (ran.code, ran.out) == (0, b"0")


# --- what is no HTTP


def test_files_and_data_are_fetched_too(run, tmp_path) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(b"hello")
    assert run(path.as_uri()).out == b"hello"
    assert run("-i", "data:,hi").out == (
        b"Content-type: text/plain;charset=US-ASCII\nContent-length: 2\n\nhi"
    )
    assert b"Content-length: 5\n" in run("-I", path.as_uri()).out
    assert b"hello" not in run("-I", path.as_uri()).out
    facts = "%{http_code} %{http_version} %{num_redirects} %{size_download} %{url_effective}"
    assert run("-w", facts, "-f", "data:,hi").out == b"hi000 0 0 2 data:,hi"


def test_a_file_that_is_not_there_and_a_server_that_refuses_have_their_codes(run, tmp_path) -> None:
    missing = run((tmp_path / "missing").as_uri())
    assert (missing.code, missing.err.startswith("mini-http: (37) [Errno 2] No such file")) == (
        37,
        True,
    )
    with FTPServer() as server:
        refused = run(f"ftp://{server.address[0]}:{server.port}/missing")
    assert refused.code == 9
    assert refused.err.startswith("mini-http: (9) ftp error: ")
