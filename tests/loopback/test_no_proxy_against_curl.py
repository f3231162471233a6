"""Whether a request goes through a proxy: what the variables say, here and in curl.

Each row of the table is decided three times: by `explain_proxy`, by a real request, and by curl.
For the latter two it counts who was connected to: a server on loopback that plays the proxy, or
another that plays every host.
"""

import os
import re
import shutil
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest

from mini_http import (
    DialOptions,
    FTPHandler,
    HTTPError,
    HTTPHandler,
    HTTPSHandler,
    Pool,
    URLError,
    build_opener,
)
from mini_http.base import errors
from mini_http.opener.handlers.proxy import ProxyHandler
from mini_http.opener.proxies import explain_proxy

PROXY, DIRECT = "proxy", "direct"

ANOTHER_CASE = "curl reads lower and upper case alone, and http_proxy in lower case alone"
EMPTY = "to curl an empty variable is none; to urllib one in lower case hides the other"
PORTS = "curl compares no ports: such an entry matches nothing"
BRACKETS = "curl takes IPv6 addresses without brackets only"
STAR_DOT = "to curl only a '*' that is the whole list is special"
TEXT = "curl 7.88 compares IPv6 addresses as text"
NAMES = "curl does not convert the names in the list"
NO_BITS = "curl takes no bits, and what is no number, for all of them"
MAPPED = "curl compares addresses of one family"
SPELLING = "curl reads 127.1 and 0x7f000001 as addresses; to a resolver they are one, in URLs names"
MASK = "curl takes the number of bits alone"
BLANK = "to curl blanks around '*' make it another text"
DOTS = "curl removes one dot"
COLON = "curl compares the colon too"

H, SECURE = "http://h.example/", "https://h.example/"


def listed(no_proxy, *rows):
    """Rows with a proxy for everything, and this list."""
    return [({"all_proxy": "P", "no_proxy": no_proxy}, *row) for row in rows]


# Variables, in which P is the URL of the proxy, and A its host and port; a URL; what we decide; and
# where that is not the same, what curl 7.88 does, and why.
TABLE = [
    # which variable
    ({}, H, DIRECT),
    ({"http_proxy": "P"}, H, PROXY),
    ({"http_proxy": "P"}, SECURE, DIRECT),
    ({"https_proxy": "P"}, SECURE, PROXY),
    ({"https_proxy": "P"}, H, DIRECT),
    ({"HTTPS_PROXY": "P"}, SECURE, PROXY),
    ({"HTTP_PROXY": "P"}, H, PROXY, DIRECT, ANOTHER_CASE),
    ({"HTTP_PROXY": "P", "REQUEST_METHOD": "GET"}, H, DIRECT),
    ({"http_proxy": "P", "REQUEST_METHOD": "GET"}, H, PROXY),
    ({"HTTPS_PROXY": "P", "REQUEST_METHOD": "GET"}, SECURE, PROXY),
    ({"Http_Proxy": "P"}, H, PROXY, DIRECT, ANOTHER_CASE),
    ({"Https_Proxy": "P"}, SECURE, PROXY, DIRECT, ANOTHER_CASE),
    ({"all_proxy": "P"}, H, PROXY),
    ({"ALL_PROXY": "P"}, SECURE, PROXY),
    ({"all_proxy": "P"}, "ftp://h.example/", PROXY),
    ({"ftp_proxy": "P"}, "ftp://h.example/", PROXY),
    ({"http_proxy": "P"}, "ftp://h.example/", DIRECT),
    ({"http_proxy": "P", "all_proxy": "http://127.0.0.1:1"}, H, PROXY),
    ({"http_proxy": "", "all_proxy": "P"}, H, PROXY),
    ({"http_proxy": ""}, H, DIRECT),
    ({"https_proxy": "P", "HTTPS_PROXY": ""}, SECURE, PROXY),
    ({"https_proxy": "", "HTTPS_PROXY": "P"}, SECURE, DIRECT, PROXY, EMPTY),
    ({"all_proxy": "", "ALL_PROXY": "P"}, H, DIRECT, PROXY, EMPTY),
    ({"https_proxy": "P", "HTTPS_PROXY": "http://127.0.0.1:1"}, SECURE, PROXY),
    ({"http_proxy": "A"}, H, PROXY),
    ({"http_proxy": "P/"}, H, PROXY),
    ({"http_proxy": "http://user:secret@A"}, H, PROXY),
    ({"http_proxy": "P", "NO_PROXY": "h.example"}, H, DIRECT),
    ({"http_proxy": "P", "no_proxy": "h.example"}, H, DIRECT),
    ({"http_proxy": "P", "No_Proxy": "h.example"}, H, DIRECT, PROXY, ANOTHER_CASE),
    ({"http_proxy": "P", "no_proxy": "a", "NO_PROXY": "h.example"}, H, PROXY),
    ({"http_proxy": "P", "no_proxy": "h.example", "NO_PROXY": "a"}, H, DIRECT),
    ({"http_proxy": "P", "no_proxy": "", "NO_PROXY": "h.example"}, H, PROXY, DIRECT, EMPTY),
    ({"https_proxy": "P", "no_proxy": "h.example"}, SECURE, DIRECT),
    # names
    *listed("", (H, PROXY), ("http://localhost/", PROXY), ("http://127.0.0.1/", PROXY)),
    *listed(
        "h.example",
        (H, DIRECT),
        (SECURE, DIRECT),
        ("ftp://h.example/", DIRECT),
        ("http://x.h.example/", DIRECT),
        ("http://y.x.h.example/", DIRECT),
        ("http://xh.example/", PROXY),
        ("http://h.example.org/", PROXY),
        ("http://example/", PROXY),
        ("http://H.Example/", DIRECT),
        ("http://h.example./", DIRECT),
        ("http://h.example:8080/", DIRECT),
        ("http://user@h.example/", DIRECT),
        ("http://x.example/h.example", PROXY),
    ),
    *listed(
        ".h.example",
        (H, DIRECT),
        ("http://x.h.example/", DIRECT),
        ("http://xh.example/", PROXY),
    ),
    *listed("example", (H, DIRECT)),
    *listed("H.EXAMPLE", (H, DIRECT)),
    *listed("h.example.", (H, DIRECT), ("http://x.h.example/", DIRECT)),
    *listed("..h.example", (H, DIRECT, PROXY, DOTS)),
    *listed("*.h.example", (H, DIRECT, PROXY, STAR_DOT)),
    *listed("*.h.example", ("http://x.h.example/", DIRECT, PROXY, STAR_DOT)),
    *listed("localhost", ("http://localhost/", DIRECT), ("http://127.0.0.1/", PROXY)),
    *listed("b\u00fccher.example", ("http://b\u00fccher.example/", DIRECT, PROXY, NAMES)),
    *listed("xn--bcher-kva.example", ("http://b\u00fccher.example/", DIRECT)),
    *listed("b\u00fccher.example", ("http://xn--bcher-kva.example/", DIRECT, PROXY, NAMES)),
    # the list
    *listed("*", (H, DIRECT), (SECURE, DIRECT), ("http://10.0.0.1/", DIRECT)),
    *listed(" * ", (H, DIRECT, PROXY, BLANK)),
    *listed("*,a", (H, PROXY)),
    *listed("a,*", (H, PROXY)),
    *listed("**", (H, PROXY)),
    *listed("*h.example", (H, PROXY)),
    *listed("h.*", (H, PROXY)),
    *listed("a,h.example", (H, DIRECT)),
    *listed("a, h.example", (H, DIRECT)),
    *listed("a h.example", (H, DIRECT)),
    *listed("a\th.example", (H, DIRECT)),
    *listed(",,h.example,", (H, DIRECT)),
    *listed("a;h.example", (H, PROXY)),
    *listed("http://h.example", (H, PROXY)),
    *listed("h.example/", (H, PROXY)),
    # ports
    *listed("h.example:80", (H, DIRECT, PROXY, PORTS)),
    *listed("h.example:80", ("http://h.example:80/", DIRECT, PROXY, PORTS)),
    *listed("h.example:80", ("http://h.example:8080/", PROXY), (SECURE, PROXY)),
    *listed("h.example:443", (SECURE, DIRECT, PROXY, PORTS)),
    *listed("h.example:443", (H, PROXY)),
    *listed("h.example:8080", ("http://h.example:8080/", DIRECT, PROXY, PORTS)),
    *listed("h.example:21", ("ftp://h.example/", DIRECT, PROXY, PORTS)),
    *listed(".h.example:80", ("http://x.h.example/", DIRECT, PROXY, PORTS)),
    *listed("10.0.0.1:80", ("http://10.0.0.1/", DIRECT, PROXY, PORTS)),
    *listed("[::1]:80", ("http://[::1]/", DIRECT, PROXY, PORTS)),
    *listed("h.example:", (H, DIRECT, PROXY, COLON)),
    *listed("h.example:x", (H, PROXY)),
    *listed("h.example:99999", (H, PROXY)),
    # addresses
    *listed(
        "10.0.0.1",
        ("http://10.0.0.1/", DIRECT),
        ("http://10.0.0.1:8080/", DIRECT),
        ("http://10.0.0.11/", PROXY),
        ("http://110.0.0.1/", PROXY),
        ("http://10.0.0.1.example/", PROXY),
    ),
    *listed("0.0.1", ("http://10.0.0.1/", PROXY)),
    *listed(".1", ("http://10.0.0.1/", PROXY)),
    *listed("127.0.0.1", ("http://127.1/", PROXY, DIRECT, SPELLING)),
    *listed("127.0.0.1", ("http://0x7f000001/", PROXY, DIRECT, SPELLING)),
    *listed("::1", ("http://[::1]/", DIRECT), ("http://[0:0::1]/", DIRECT)),
    *listed("[::1]", ("http://[::1]/", DIRECT, PROXY, BRACKETS)),
    *listed("0:0:0:0:0:0:0:1", ("http://[::1]/", DIRECT, PROXY, TEXT)),
    *listed("fe80::1", ("http://[fe80::1%25lo]/", DIRECT)),
    *listed("10.0.0.1", ("http://[::ffff:10.0.0.1]/", DIRECT, PROXY, MAPPED)),
    *listed("::ffff:10.0.0.1", ("http://10.0.0.1/", DIRECT, PROXY, MAPPED)),
    # ranges
    *listed("10.0.0.0/8", ("http://10.1.2.3/", DIRECT), ("http://11.1.2.3/", PROXY)),
    *listed("10.0.0.0/8", (H, PROXY), ("http://[fd00::1]/", PROXY)),
    *listed("10.9.9.9/8", ("http://10.1.2.3/", DIRECT)),
    *listed("10.0.0.1/32", ("http://10.0.0.1/", DIRECT), ("http://10.0.0.2/", PROXY)),
    *listed("10.0.0.0/13", ("http://10.7.0.1/", DIRECT), ("http://10.8.0.1/", PROXY)),
    *listed("0.0.0.0/0", ("http://10.0.0.1/", DIRECT, PROXY, NO_BITS), (H, PROXY)),
    *listed("10.0.0.0/255.0.0.0", ("http://10.1.2.3/", DIRECT, PROXY, MASK)),
    *listed("10.0.0.0/99", ("http://10.0.0.0/", PROXY)),
    *listed("10/8", ("http://10.0.0.1/", PROXY)),
    *listed("10.0.0.1/x", ("http://10.0.0.1/", PROXY, DIRECT, NO_BITS)),
    *listed("fd00::/8", ("http://[fd00::1]/", DIRECT, PROXY, TEXT), ("http://[fe00::1]/", PROXY)),
    *listed("::/0", ("http://[fd00::1]/", DIRECT, PROXY, TEXT)),
    *listed("[fd00::]/8", ("http://[fd00::1]/", PROXY)),
    *listed("10.0.0.0/8", ("http://[::ffff:10.1.2.3]/", DIRECT, PROXY, MAPPED)),
]

IDS = [f"{row[0]} {row[1]}".replace("\t", " ") for row in TABLE]


# --- who is connected to


class Server:
    """Says the same to whatever comes; without anything to say it hangs up at once."""

    def __init__(self, reply=b""):
        self._reply = reply
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._server.getsockname()[1]
        self._ended = False
        self._threads = [threading.Thread(target=self._serve) for _ in range(4)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended = True
        for _ in self._threads:
            socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join()
        self._server.close()

    def _serve(self):
        while not self._ended:
            connection, _ = self._server.accept()
            with connection:
                try:
                    if self._reply and connection.recv(4096):
                        connection.sendall(self._reply)
                except OSError:
                    continue


@pytest.fixture(scope="module")
def proxy():
    """It refuses tunnels, and all else, with a status that nobody else has."""
    with Server(b"HTTP/1.1 555 Proxy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as server:
        yield server


@pytest.fixture(scope="module")
def host():
    with Server() as server:
        yield server


def with_proxy(variables, proxy):
    """The variables with the proxy's real place."""
    place = f"127.0.0.1:{proxy.port}"
    return {
        name: re.sub(r"\bA\b", place, re.sub(r"\bP\b", f"http://{place}", value))
        for name, value in variables.items()
    }


@pytest.fixture
def set_variables(monkeypatch, proxy):
    def set_all(variables):
        for name in list(os.environ):
            if name.lower().endswith("_proxy") or name == "REQUEST_METHOD":
                monkeypatch.delenv(name)
        for name, value in with_proxy(variables, proxy).items():
            monkeypatch.setenv(name, value)

    return set_all


# --- what we decide


@pytest.mark.parametrize("row", TABLE, ids=IDS)
def test_explain_proxy_says_what_the_table_says(set_variables, row):
    variables, url, decision, *_ = row
    set_variables(variables)
    choice = explain_proxy(url)
    assert (DIRECT if choice.proxy is None else PROXY) == decision
    assert (choice.variable in variables) == (choice.variable is not None)
    listed = variables.get("no_proxy") or variables.get("NO_PROXY") or variables.get("No_Proxy", "")
    assert choice.entry is None or choice.entry in listed


@pytest.mark.parametrize("row", TABLE, ids=IDS)
def test_a_request_goes_where_the_table_says(set_variables, proxy, host, row):
    variables, url, decision, *_ = row
    set_variables(variables)
    assert the_way_of_a_request(url, proxy, host) == decision


def the_way_of_a_request(url, proxy, host):
    """Names are all those of the host. From the loopback no other address can be reached."""
    place = socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", host.port)
    options = DialOptions(resolver=lambda *_: [place], source_address=("127.0.0.1", 0))
    with Pool() as pool:
        opener = build_opener(
            ProxyHandler(),
            HTTPHandler(pool=pool, options=options),
            HTTPSHandler(pool=pool, options=options),
            FTPHandler(options=options),
        )
        try:
            opener.open(url, timeout=20).close()
        except HTTPError as error:
            error.close()
            return PROXY if error.code == 555 else "?"
        except errors.TunnelRefused as error:
            return PROXY if error.status == 555 else "?"
        except URLError as error:
            # The host hangs up; other addresses are not connected to.
            return DIRECT if str(proxy.port) not in str(error) else "?"
        return "?"


# --- what curl decides


@cache
def curl_version():
    """(7, 88), or (0, 0) without curl."""
    if shutil.which("curl") is None:
        return 0, 0
    text = subprocess.run(["curl", "-q", "--version"], capture_output=True, text=True).stdout
    numbers = text.split()[1].split(".")
    return int(numbers[0]), int(numbers[1])


@pytest.fixture(scope="module")
def decisions_of_curl(proxy, host):
    """By the number of the row."""
    if curl_version() < (7, 86):
        pytest.skip("curl 7.86, which knows ranges, or a later one is not installed")

    def ask(row):
        variables, url, *_ = row
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        command = ["curl", "-q", "-s", "-g", "-o", os.devnull, "--max-time", "20"]
        command += ["--connect-to", f"::127.0.0.1:{host.port}", "-w", "%{remote_port}", url]
        ran = subprocess.run(
            command,
            env=environment | with_proxy(variables, proxy),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        ways = {str(proxy.port): PROXY, str(host.port): DIRECT}
        return ways.get(ran.stdout, f"{ran.stdout!r}, exit code {ran.returncode}")

    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(ask, TABLE))


@pytest.mark.parametrize("number", range(len(TABLE)), ids=IDS)
def test_curl_decides_what_the_table_says(decisions_of_curl, number):
    _, _, ours, *differing = TABLE[number]
    expected = set(differing[:1] or [ours])
    if curl_version() != (7, 88):
        expected.add(ours)  # another version may differ less
    assert decisions_of_curl[number] in expected


def test_each_difference_has_a_reason():
    assert len(TABLE) >= 80
    for row in TABLE:
        assert len(row) in (3, 5)
        if len(row) == 5:
            assert row[2] != row[3]
            assert row[4]
