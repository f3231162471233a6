"""What a program asks and gets is recorded, unchanged for the program and without its secrets."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.servers import ScriptedServer
from support.steps import Close, Drain, ExpectHead, Pause, Reset, Send

import mini_http
from mini_http import HTTPError, Pool, Request, build_opener, urlopen
from mini_http.keepalive.pool import shared_pool
from mini_http.tools.har import Exchange, read_har
from mini_http.tools.recorder import Recorder, recording

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.har"


@pytest.fixture(autouse=True)
def closed_pool():
    """No connection of one test is there in the next."""
    yield
    shared_pool().close()


def recorded(path: Path) -> list[Exchange]:
    return read_har(path.read_bytes())[0]


def ok(body: bytes, *fields: bytes) -> bytes:
    lines = [b"HTTP/1.1 200 Fine", b"Content-Length: %d" % len(body), *fields, b"", body]
    return b"\r\n".join(lines)


# --- what is recorded


def test_a_request_and_its_reply_are_recorded(path):
    with ScriptedServer([ok(b"hello", b"X-A: 1", b"x-a: 2")]) as server, recording(path):
        url = server.url
        request = Request(f"{url}a?b=c#d", b"\xff", {"X-B": "3"}, method="PUT")
        assert urlopen(request).read() == b"hello"
    (exchange,) = recorded(path)
    assert (exchange.method, exchange.url) == ("PUT", f"{url}a?b=c")
    assert (exchange.sent_body, exchange.body, exchange.is_whole) == (b"\xff", b"hello", True)
    assert (exchange.status, exchange.reason, exchange.version) == (200, "Fine", 11)
    assert exchange.fields == (("Content-Length", "5"), ("X-A", "1"), ("x-a", "2"))
    head = server.requests[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    assert [f"{name}: {value}" for name, value in exchange.sent_fields] == head
    assert exchange.started > 1_700_000_000
    assert exchange.waited > 0
    assert exchange.received >= 0


@pytest.mark.parametrize(
    "data",
    [io.BytesIO(b"abc"), [b"a", b"bc"], iter([b"a", b"bc"])],
    ids=["file", "list", "iterator"],
)
def test_bodies_of_every_kind_are_recorded_and_sent(path, data):
    with ScriptedServer([ok(b"")]) as server, recording(path):
        urlopen(server.url, data).close()
    assert recorded(path)[0].sent_body == b"abc"
    assert b"bc" in server.requests[0]


def test_a_body_that_is_sent_again_is_recorded_again(path):
    there = b"HTTP/1.1 307 There\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
    with ScriptedServer([[there, ok(b"")]]) as server, recording(path):
        urlopen(server.url, io.BytesIO(b"a=1")).close()
    assert [exchange.sent_body for exchange in recorded(path)] == [b"a=1", b"a=1"]


def test_redirects_and_errors_are_exchanges_of_their_own(path):
    found = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 4\r\n\r\nmove"
    gone = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"
    with ScriptedServer([[found, gone]]) as server, recording(path):
        url = server.url
        with pytest.raises(HTTPError) as caught:
            urlopen(url)
        caught.value.close()
    first, second = recorded(path)
    assert (first.status, first.url, first.body) == (302, url, b"move")
    assert (second.status, second.url, second.body) == (404, f"{url}there", b"gone")


def test_coded_and_chunked_bodies_are_recorded_coded_and_joined(path):
    coded = gzip.compress(b"hello")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(coded), coded)
    with ScriptedServer([head + chunks]) as server, recording(path):
        assert urlopen(server.url).read() == b"hello"
    (exchange,) = recorded(path)
    assert exchange.body == coded
    assert ("Content-Encoding", "gzip") in exchange.fields
    assert (
        json.loads(path.read_text())["log"]["entries"][0]["response"]["content"]["text"] == "hello"
    )


def test_a_request_that_is_refused_before_it_is_sent_is_none(path):
    with recording(path), pytest.raises(mini_http.InvalidField):
        urlopen(Request("http://127.0.0.1:9/", headers={"X-A": "\n"}))
    assert recorded(path) == []


def test_a_request_without_a_reply_is_recorded_with_its_error(path):
    with (
        ScriptedServer([[ExpectHead(), Close()]]) as server,
        recording(path),
        pytest.raises(mini_http.RemoteDisconnected),
    ):
        urlopen(server.url)
    (exchange,) = recorded(path)
    assert (exchange.status, exchange.body) == (0, b"")
    assert exchange.error.startswith("RemoteDisconnected: Remote end closed connection")


@pytest.mark.parametrize(
    ("ends", "error"),
    [(Close(), mini_http.IncompleteRead), (Reset(), mini_http.ConnectionBroken)],
)
def test_a_body_that_breaks_is_recorded_up_to_there(path, ends, error):
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegin"
    pause = Pause()
    script = [ExpectHead(), Send(begun), pause, ends]
    with ScriptedServer([script]) as server, recording(path):
        reply = urlopen(server.url)
        assert reply.read(5) == b"begin"
        pause.resume.set()
        with pytest.raises(error):
            reply.read()
    (exchange,) = recorded(path)
    assert (exchange.status, exchange.body, exchange.is_whole) == (200, b"begin", False)
    assert exchange.error.startswith(f"{error.__name__}: ")


def test_a_request_that_was_interrupted_has_no_reply_yet(path):
    def interrupted():
        yield b"a"
        raise KeyboardInterrupt

    with (
        ScriptedServer([[ExpectHead(), Drain()]]) as server,
        recording(path),
        pytest.raises(KeyboardInterrupt),
    ):
        urlopen(server.url, interrupted())
    (exchange,) = recorded(path)
    assert (exchange.status, exchange.sent_body, exchange.error) == (0, None, "no reply yet")


# --- the program notices nothing


def test_a_reply_is_the_same_as_without(path):
    def ask(url):
        with urlopen(url) as reply:
            head = [reply.status, reply.reason, reply.headers.items(), reply.length]
            begin = [reply.peek()[:3], reply.readline(), reply.read(2)]
            return [*head, *begin, reply.readinto(bytearray(2)), reply.length, reply.read()]

    body = b"line\n" * 100_000
    with ScriptedServer([ok(body)], again=True) as server:
        plain = ask(server.url)
        with recording(path):
            assert ask(server.url) == plain
    assert recorded(path)[0].body == body


def test_a_body_is_given_on_as_it_comes(path):
    pause = Pause()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
    script = [ExpectHead(), Send(head), Send(b"ab"), pause, Send(b"cd")]
    with ScriptedServer([script]) as server, recording(path):
        reply = urlopen(server.url)
        assert reply.read(2) == b"ab"
        pause.resume.set()
        assert reply.read() == b"cd"
    assert recorded(path)[0].body == b"abcd"


def test_connections_are_kept_alive_as_ever(path):
    with ScriptedServer([[ok(b"one"), ok(b"two"), ok(b"three")]]) as server, recording(path):
        urlopen(server.url).read()
        urlopen(server.url).close()
        urlopen(server.url).read()
    assert len(server.connections) == 1
    assert [exchange.body for exchange in recorded(path)] == [b"one", b"two", b"three"]


def test_what_is_dropped_to_keep_a_connection_is_not_recorded(path):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    script = [head + b"4\r\nread\r\n7\r\ndropped\r\n0\r\n\r\n", ok(b"")]
    with ScriptedServer([script]) as server, recording(path):
        reply = urlopen(server.url)
        assert reply.read(4) == b"read"
        assert reply.chunked
        reply.close()
        urlopen(server.url).close()
    assert len(server.connections) == 1
    assert (recorded(path)[0].body, recorded(path)[0].is_whole) == (b"read", False)


def test_the_body_of_an_error_is_recorded_though_nobody_reads_it(path):
    head = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
    with ScriptedServer([head + b"4\r\ngone\r\n0\r\n\r\n"]) as server, recording(path):
        with pytest.raises(HTTPError) as caught:
            urlopen(server.url)
        caught.value.close()
    assert (recorded(path)[0].body, recorded(path)[0].is_whole) == (b"gone", True)


def test_what_is_not_read_is_not_recorded(path):
    with ScriptedServer([ok(b"x" * 1_000_000)]) as server, recording(path):
        reply = urlopen(server.url)
        assert reply.read(10) == b"x" * 10
        reply.close()
    (exchange,) = recorded(path)
    assert not exchange.is_whole
    assert 10 <= len(exchange.body) < 1_000_000
    assert ("Content-Length", "1000000") in exchange.fields


def test_trailers_come_through(path):
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-T: 1\r\n\r\n"
    with ScriptedServer([chunks]) as server, recording(path):
        reply = urlopen(server.url)
        assert reply.read() == b"ab"
        assert reply.trailers["X-T"] == "1"


@pytest.mark.parametrize("data", [b"again", [b"again"]])
def test_a_request_that_met_a_closing_connection_is_sent_again_as_ever(path, data):
    scripts = [[ok(b""), ExpectHead(), Close()], ok(b"")]
    with ScriptedServer(scripts) as server, recording(path):
        urlopen(server.url).read()
        urlopen(Request(server.url, data, method="PUT")).read()
    assert len(server.requests) == 3
    assert [exchange.sent_body for exchange in recorded(path)] == [b"", b"again"]


def test_threads_may_share_it(path):
    with ScriptedServer([[ok(b"body")] * 5] * 4, again=True) as server, recording(path):
        threads = [
            threading.Thread(target=lambda: [urlopen(server.url).read() for _ in range(5)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [exchange.body for exchange in recorded(path)] == [b"body"] * 20


# --- who is recorded


def test_an_opener_records_by_itself(path, echo_server):
    with Pool() as pool:
        recorder = Recorder(path, pool=pool)
        opener = build_opener(*recorder.handlers())
        opener.open(echo_server.url).read()
        urlopen(echo_server.url).read()
        assert len(recorder.exchanges()) == 1
        assert pool.opened == 1
        recorder.close()
    assert len(recorded(path)) == 1


def test_a_recording_can_be_made_within_another(path, tmp_path, echo_server):
    with recording(path), recording(tmp_path / "inner.har"):
        urlopen(echo_server.url).read()
    assert len(recorded(path)) == len(recorded(tmp_path / "inner.har")) == 1
    urlopen(echo_server.url).read()
    assert "send" not in vars(shared_pool())


# --- secrets


def test_no_secret_is_in_the_file(path):
    reply = ok(
        b'{"access_token": "SECRET", "expires_in": 1}',
        b"Content-Type: application/json",
        b"Set-Cookie: sid=SECRET; Path=/",
        b"X-Our-Session: SECRET",
    )
    with ScriptedServer([reply]) as server, recording(path, secrets=["X-Our-Session"]):
        request = Request(
            f"{server.url}?api_key=SECRET&page=2",
            b"user=u&password=SECRET",
            {
                "Authorization": "Bearer SECRET",
                "Cookie": "a=SECRET; b=SECRET",
                "Proxy-Authorization": "Basic SECRET",
                "X-API-Key": "SECRET",
                "Referer": "http://u:SECRET@example.com/?token=SECRET",
            },
        )
        assert urlopen(request).json()["access_token"] == "SECRET"
    assert b"SECRET" in server.requests[0]
    text = path.read_text()
    assert "SECRET" not in text
    assert "page=2" in text
    assert read_har(text.encode())[1] == ["x-our-session"]


# --- the file


def test_the_file_is_its_owners_alone(path, echo_server):
    path.write_text("something longer that was there before" * 1000)
    path.chmod(0o666)
    with recording(path):
        urlopen(echo_server.url).read()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(recorded(path)) == 1
    assert os.listdir(path.parent) == [path.name]


def test_the_file_is_written_when_the_program_fails(path, echo_server):
    with pytest.raises(ZeroDivisionError), recording(path):
        urlopen(echo_server.url).read()
        _ = 1 / 0
    assert len(recorded(path)) == 1


def test_the_file_can_be_written_in_between(path, echo_server):
    with recording(path) as recorder:
        urlopen(echo_server.url).read()
        recorder.save()
        assert len(recorded(path)) == 1
        urlopen(echo_server.url).read()
    assert len(recorded(path)) == 2


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("missing/session.har", FileNotFoundError),
        ("file/session.har", NotADirectoryError),
        (".", IsADirectoryError),
    ],
)
def test_where_no_file_can_be_written_is_said_at_once(tmp_path, path, error):
    (tmp_path / "file").touch()
    with pytest.raises(error):
        Recorder(tmp_path / path)
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_that_can_not_be_written_leaves_nothing_behind(tmp_path, no_leaked_descriptors):
    with pytest.raises(OSError), recording(tmp_path / "folder"):
        (tmp_path / "folder").mkdir()
    assert os.listdir(tmp_path) == ["folder"]


PROGRAM = """
import sys
from mini_http import urlopen
from mini_http.tools.recorder import Recorder
from mini_http import build_opener

recorder = Recorder(sys.argv[1])
opener = build_opener(*recorder.handlers())
opener.open(sys.argv[2]).read()
{end}
"""


@pytest.mark.parametrize(
    ("end", "code"),
    [("", 0), ("raise SystemExit(3)", 3), ("1 / 0", 1)],
    ids=["end", "exit", "crash"],
)
def test_a_recording_that_nobody_closes_is_written_when_the_program_ends(
    path, echo_server, end, code
):
    command = [sys.executable, "-c", PROGRAM.format(end=end), str(path), echo_server.url]
    assert subprocess.run(command, cwd=ROOT, stderr=subprocess.DEVNULL).returncode == code
    assert len(recorded(path)) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_leaves_the_file_alone(path, echo_server):
    end = "import os\nif os.fork(): os.wait()\nelse: recorder._accounts.clear()"
    command = [sys.executable, "-c", PROGRAM.format(end=end), str(path), echo_server.url]
    assert subprocess.run(command, cwd=ROOT).returncode == 0
    assert len(recorded(path)) == 1


def test_a_process_that_did_not_begin_the_recording_does_not_write_it(path):
    recorder = Recorder(path)
    recorder._process = -1
    recorder.close()
    assert not path.exists()


def test_nothing_stays_open(path, no_leaked_descriptors):
    with ScriptedServer([ok(b"body")]) as server, recording(path):
        urlopen(server.url).read()
        shared_pool().close()
    assert recorded(path)[0].body == b"body"
