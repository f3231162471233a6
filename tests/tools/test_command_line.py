"""The command as people run it: against a real nginx, in pipes, on terminals, interrupted."""

from __future__ import annotations

import hashlib
import os
import pty
import runpy
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest
from support.certificates import Certificates
from support.connections import Connection
from support.nginx import Nginx
from support.servers import ScriptedServer
from support.steps import ExpectHead, Pause

from mini_http.tools import command_line

PATIENCE = 20
NO_PROXY = urllib.request.ProxyHandler({})


def ended(started: subprocess.Popen[bytes], code: int = 0) -> tuple[bytes, bytes]:
    """What a process wrote, once it has ended with this code."""
    out, err = started.communicate(timeout=PATIENCE)
    assert (started.returncode, err) == (code, err)
    return out, err


@pytest.fixture
def secure(nginx: Nginx, certificates: Certificates) -> list[str]:
    """The options with which nginx is trusted."""
    return ["--cacert", str(certificates.ca_file)]


# --- which proxy


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables about proxies, and no others."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("https_proxy", "http://me:secret@proxy.example:3128")
    monkeypatch.setenv("ftp_proxy", "nonsense://proxy.example")
    monkeypatch.setenv("NO_PROXY", "localhost, .corp.example")


@pytest.mark.usefixtures("proxies")
def test_it_is_explained_which_proxy_is_taken_and_nothing_is_fetched(run) -> None:
    urls = "https://you:hidden@a.example/x", "https://b.corp.example", "localhost:1"
    ran = run("--explain", *urls)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.decode().splitlines() == [
        "https://a.example goes through http://proxy.example:3128, as https_proxy says",
        "https://b.corp.example is reached directly: NO_PROXY has '.corp.example'",
        "http://localhost:1 is reached directly: no proxy is set for http",
    ]


@pytest.mark.usefixtures("proxies")
def test_what_cannot_be_explained_is_an_error(run) -> None:
    ran = run("--explain", "ftp://a.example/", "http://me:secret@[::", "localhost")
    assert ran.code == 2
    assert ran.out == b"http://localhost is reached directly: no proxy is set for http\n"
    of_ftp, of_host = ran.err.splitlines()
    assert of_ftp.startswith(
        "mini-http: (2) ftp_proxy: proxies of type 'nonsense' are not supported"
    )
    assert of_host.startswith("mini-http: (3) host is no IPv6 address in brackets")
    assert "secret" not in ran.err
    assert run("--explain").err.startswith("mini-http: (2) no URL given")


# --- what a real server serves


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_page(run, nginx: Nginx, secure: list[str], scheme: str) -> None:
    ran = run(f"{getattr(nginx, scheme)}/1k", *secure)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == bytes(range(32, 96)) * 16


def test_a_file_of_100_megabytes_is_the_same_afterwards(
    run, nginx: Nginx, secure: list[str], tmp_path: Path
) -> None:
    wanted = nginx.add_big_file("big", 100)
    path = tmp_path / "big"
    for origin in (nginx.http, nginx.https):
        ran = run(f"{origin}/big", "-o", path, *secure, "-w", "%{size_download}")
        assert (ran.code, ran.out) == (0, str(100 << 20).encode())
        with path.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == wanted
    (nginx.files / "big").unlink()


def test_a_coded_page_is_decoded(run, nginx: Nginx) -> None:
    ran = run(f"{nginx.http}/gzip/text", "-v")
    assert "< Content-Encoding: gzip" in ran.err
    assert ran.out == (nginx.files / "text").read_bytes()


def test_a_chunked_page(run, nginx: Nginx) -> None:
    ran = run(f"{nginx.http}/chunked/text", "-v")
    assert "< Transfer-Encoding: chunked" in ran.err
    assert ran.out == (nginx.files / "text").read_bytes()


def test_a_chain_of_redirects(run, nginx: Nginx) -> None:
    ran = run(f"{nginx.http}/r1", "-w", "\n%{num_redirects} %{url_effective} %{num_connects}")
    assert ran.out.endswith(f"\n3 {nginx.http}/1k 1".encode())
    looped = run(f"{nginx.http}/loop")
    assert looped.code == 47
    assert "got more than 4 redirects to http" in looped.err


def test_head(run, nginx: Nginx) -> None:
    ran = run("-I", f"{nginx.http}/1m")
    assert ran.out.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nContent-Length: 1048576\r\n" in ran.out
    assert ran.out.endswith(b"\r\n\r\n")


def test_post(run, nginx: Nginx) -> None:
    assert run(f"{nginx.http}/post", "-d", "a=b").out == b"POST 3"


def test_put_of_a_file(run, nginx: Nginx, tmp_path: Path) -> None:
    content = os.urandom(1 << 20)
    (tmp_path / "up").write_bytes(content)
    ran = run(f"{nginx.http}/dav/", "-T", tmp_path / "up", "-w", "%{http_code} %{size_upload}")
    assert ran.out == b"201 1048576"
    assert (nginx.files / "dav" / "up").read_bytes() == content


def test_a_range(run, nginx: Nginx) -> None:
    ran = run(f"{nginx.http}/text", "-r", "4-7", "-w", "%{http_code}")
    assert ran.out == b"same206"


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ("wrong_name", "the server's certificate is for elsewhere.example, not for localhost"),
        ("expired", "the server's certificate expired on 2001-01-01"),
        ("self_signed", "the server's certificate is self-signed"),
        ("unknown_issuer", "the server's certificate comes from an unknown issuer"),
    ],
)
def test_a_bad_certificate_is_refused_with_a_line_that_says_why(
    run, nginx: Nginx, secure: list[str], port: str, words: str
) -> None:
    url = f"{getattr(nginx, port)}/1k"
    ran = run(url, *secure)
    assert (ran.code, ran.out) == (60, b"")
    assert ran.err.startswith(f"mini-http: (60) localhost: {words}")
    assert ran.err.count("\n") == 1
    assert len(run(url, "-k").out) == 1024


def test_our_own_certificate_is_shown_to_a_server_that_wants_it(
    run, nginx: Nginx, secure: list[str], certificates: Certificates
) -> None:
    ours = ["--cert", certificates.client.chain, "--key", certificates.client.key]
    url = f"{nginx.client_wanted}/1k"
    assert run(url, *secure, "-w", "%{http_code}").out.endswith(b"400")
    assert run(url, *secure, *ours, "-w", "%{http_code}").out.endswith(b"200")


def test_a_server_that_speaks_no_tls_is_told_so(run, nginx: Nginx) -> None:
    ran = run(nginx.http.replace("http:", "https:"))
    assert ran.code == 35
    assert "does the server speak TLS on this port?" in ran.err


# --- the command itself


def test_help_and_version_go_to_standard_output(run) -> None:
    for flags in (["-h"], ["--help", "ignored"]):
        ran = run(*flags)
        assert (ran.code, ran.err) == (0, "")
        assert b"--max-time SECONDS" in ran.out
    shown = run("--version").out.decode()
    assert shown.startswith("mini_http 0.")
    assert "(Python 3." in shown
    assert "content codings: gzip, deflate" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no URL given"),
        (["--nonsense"], "option --nonsense not recognized"),
        (["demo", "more"], "demo can be followed by --serve [PORT], not by 'more'"),
        (["demo", "--serve", "1", "2"], "demo can be followed by --serve [PORT], not by '--serve'"),
        (["demo", "--serve", "x"], "demo can't serve at port x: invalid literal"),
        (["demo", "--serve", "65536"], "demo can't serve at port 65536"),
    ],
)
def test_a_wrong_command_line_is_one_line(run, arguments: list[str], words: str) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.startswith(f"mini-http: (2) {words}")
    assert ran.err.endswith("; see mini-http --help\n")


def test_the_arguments_of_the_process_are_taken(
    run, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mini-http", "--version"])
    assert command_line.main() == 0
    assert capsysbinary.readouterr().out.startswith(b"mini_http ")


def test_failures_before_the_first_transfer_are_one_line_too(run) -> None:
    ran = run("http://127.0.0.1:1/", "--cacert", "/missing")
    assert ran.code == 77
    assert ran.err.count("\n") == 1
    assert "--help" not in ran.err


def test_the_package_can_be_run(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mini-http"])
    with pytest.raises(SystemExit) as ending:
        runpy.run_module("mini_http", run_name="__main__")
    assert ending.value.code == 2
    assert capsysbinary.readouterr().err.startswith(b"mini-http: (2) no URL given")


def test_the_demo_is_a_command(run) -> None:
    ran = run("demo")
    assert (ran.code, ran.err) == (0, "")
    assert b"mini_http, layer by layer" in ran.out


@pytest.fixture(autouse=True)
def interruptions():
    """Here and in child processes interruptions raise KeyboardInterrupt, also if this process was
    started in the background, where shells have them ignored.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_pages_of_the_demo_are_served_until_an_interruption(
    run, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    said: list[str] = []

    def interrupt_when_it_serves() -> None:
        with os.fdopen(reading) as stdout:
            said.append(stdout.readline())
        with urllib.request.build_opener(NO_PROXY).open(f"{said[0].split()[0]}hello") as page:
            said.append(page.read().decode())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    watching = threading.Thread(target=interrupt_when_it_serves)
    with os.fdopen(writing, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        watching.start()
        code = command_line.main(["demo", "--serve", "0"])
        watching.join()
        monkeypatch.undo()
    assert code == 130
    assert "serves /hello /1k" in said[0]
    assert said[1] == "Hello from the demo server.\n"


def test_an_interruption_is_quiet(run) -> None:
    def interrupt(connection: Connection) -> None:
        connection.read_request()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        connection.send(b"HTTP/1.1 200 OK\r\n")  # which is what the main thread waits for
        connection.drain()

    with ScriptedServer(handler=interrupt) as server:
        ran = run(server.url)
    assert (ran.code, ran.out, ran.err) == (130, b"", "")


def test_a_reader_that_goes_away_is_no_error(monkeypatch: pytest.MonkeyPatch, demo_server) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        code = command_line.main([f"{demo_server.url}hello"])
        monkeypatch.undo()
    assert code == 0


# --- in a process of its own


def test_it_works_as_a_program(process, demo_server) -> None:
    out, err = ended(process(f"{demo_server.url}hello"))
    assert (out, err) == (b"Hello from the demo server.\n", b"")
    out, err = ended(process("http://127.0.0.1:1/"), 7)
    assert (out, err) == (b"", b"mini-http: (7) 127.0.0.1:1: Connection refused\n")


def test_it_writes_what_has_come_before_the_rest(process) -> None:
    pause = Pause()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"

    def serve(connection: Connection) -> None:
        connection.read_request()
        connection.send(head + b"begun")
        pause(connection)
        connection.send(b"ended")

    with ScriptedServer(handler=serve) as server:
        started = process(server.url)
        assert started.stdout.read(5) == b"begun"
        pause.resume.set()
        out, err = ended(started)
    assert (out, err) == (b"ended", b"")


def test_it_pipes_into_a_program_that_reads_only_the_beginning(process, nginx: Nginx) -> None:
    started = process(f"{nginx.http}/1m")
    head = subprocess.run(["head", "-c", "10"], stdin=started.stdout, capture_output=True)
    started.stdout.close()
    error = started.stderr.read()
    started.stderr.close()
    assert started.wait(PATIENCE) == 0
    assert error == b""
    assert head.stdout == (nginx.files / "1m").read_bytes()[:10]


def test_the_demo_may_be_cut_off_as_well(process) -> None:
    started = process("demo")
    assert started.stdout.readline().startswith(b"mini_http, layer by layer")
    started.stdout.close()
    error = started.stderr.read()
    started.stderr.close()
    assert (started.wait(PATIENCE), error) == (0, b"")


def test_interrupted_it_says_nothing(process) -> None:
    pause = Pause()
    with ScriptedServer([[ExpectHead(), pause]]) as server:
        started = process(server.url)
        assert pause.reached.wait(PATIENCE)
        started.send_signal(signal.SIGINT)
        out, err = ended(started, 130)
    assert (out, err) == (b"", b"")


def test_closed_standard_streams_are_no_reason_for_a_traceback(process, demo_server) -> None:
    def close_both() -> None:
        os.close(1)
        os.close(2)

    started = process(f"{demo_server.url}hello", stdout=None, stderr=None, preexec_fn=close_both)
    assert started.wait(PATIENCE) == 23


def seen_on_terminal(start, *arguments: object) -> tuple[int, str]:
    """The exit code, and what a person sees of standard error on a terminal."""
    ours, theirs = pty.openpty()
    started = start(*arguments, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 1 << 16):
            seen += piece
    except OSError:
        pass  # how Linux says that the other end was closed
    os.close(ours)
    return started.wait(PATIENCE), seen.decode()


def test_a_terminal_sees_progress_for_a_file(process, nginx: Nginx, tmp_path: Path) -> None:
    code, seen = seen_on_terminal(process, f"{nginx.http}/1m", "-o", tmp_path / "1m")
    assert code == 0
    assert "1m" in seen
    assert "1.0 MiB" in seen or "1.0/1.0 MiB" in seen
    assert (tmp_path / "1m").read_bytes() == (nginx.files / "1m").read_bytes()


@pytest.mark.parametrize("flag", ["-s", "--silent"])
def test_a_terminal_sees_nothing_if_silent(
    process, nginx: Nginx, tmp_path: Path, flag: str
) -> None:
    url = f"{nginx.http}/1m"
    assert seen_on_terminal(process, url, flag, "-o", tmp_path / "1m") == (0, "")


def test_a_terminal_sees_no_progress_where_there_is_no_file(process, nginx: Nginx) -> None:
    assert seen_on_terminal(process, f"{nginx.http}/1m") == (0, "")


def test_the_pages_of_the_demo_can_be_served(process, run) -> None:
    started = process("demo", "--serve", "0")
    url = started.stdout.readline().split()[0].decode()
    assert run(f"{url}hello").out == b"Hello from the demo server.\n"
    started.send_signal(signal.SIGINT)
    assert ended(started, 130) == (b"", b"")
