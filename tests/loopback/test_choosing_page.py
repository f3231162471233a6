"""docs/proxies.md, on choosing: every block runs, and does what the page says."""

import os
import re
import subprocess
import sys

import pytest
from support.documents import ROOT, example_under, examples
from support.servers import ScriptedServer

from mini_http.base import errors
from mini_http.opener.no_proxy import matching_entry
from mini_http.opener.proxies import explain_proxy

PAGE = "docs/proxies.md"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Sets variables, of which there are none about proxies before; what examples set is undone."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == "REQUEST_METHOD":
            monkeypatch.delenv(name)
    for name in ("https_proxy", "no_proxy"):
        monkeypatch.setenv(name, "")
    return monkeypatch.setenv


def test_a_program_says_which_proxy(environment):
    with ScriptedServer([HELLO, HELLO]) as server:
        environment("http_proxy", f"http://{server.authority}")
        ran = example_under(PAGE, "Which proxy, and whether").run(
            {"proxy.example:3128": server.authority, ".corp.example": "127.0.0.1"}
        )
        assert ran["through_one"].open("http://h.example/").read() == b"hello"
        for opener in (ran["direct"], ran["through_one"]):
            with pytest.raises(errors.ConnectRefused):
                opener.open("http://127.0.0.1:1/")
        assert ran["through_one"].open("http://example.com/").read() == b"hello"
    assert [request.split()[1] for request in server.requests] == [
        b"http://h.example/",
        b"http://example.com/",
    ]


def test_the_entries_mean_what_the_table_says():
    for entry in ("corp.example", ".corp.example", "*.corp.example"):
        assert matching_entry("corp.example", entry) == entry
        assert matching_entry("a.b.corp.example", entry) == entry
    for host, entry, port in (
        ("corp.example:8080", "corp.example:8080", None),
        ("h", "h:443", 443),
        ("[::1]:8080", "[::1]:8080", None),
        ("[fd00::1]", "fd00::/8", None),
        ("xn--bcher-kva.example", "b\u00fccher.example", None),
        ("h", "*", None),
    ):
        assert f"`{entry}`" in TEXT or f"`{entry.removeprefix('h')}`" in TEXT
        assert matching_entry(host, entry, port) == entry


def test_it_is_explained_why():
    example_under(PAGE, "Why does my request (not) use the proxy?").run()


def test_the_command_line_explains_it():
    (example,) = examples(PAGE, "console")
    command, *wanted = example.code.splitlines()
    command = command.removeprefix("$ ").replace("mini-http", f"{sys.executable} -m mini_http")
    ran = subprocess.run(
        ["sh", "-c", command],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (ran.stdout.splitlines(), ran.stderr) == (wanted, "")


def test_the_lines_for_a_corporate_network_do_what_they_are_for(environment):
    (example,) = examples(PAGE, "sh")
    for name, value in re.findall(r"export (\w+)=(.*)", example.code):
        environment(name, value.replace("$http_proxy", os.environ.get("http_proxy", "")))
    for url in ("http://example.com/", "https://example.com/"):
        assert explain_proxy(url).proxy == "http://proxy.corp.example:3128"
    for host in ("localhost", "127.0.0.1", "[::1]", "wiki.corp.example", "10.1.2.3"):
        assert explain_proxy(f"https://{host}/").proxy is None


def test_what_strangers_give_leads_to_no_private_address(environment):
    environment("all_proxy", "http://127.0.0.1:1")
    guard, refused = [
        example for example in examples(PAGE) if example.heading == "URLs that strangers give"
    ]
    preview = guard.run()["preview"]
    refused.run(preview=preview)
    for url in ("http://127.1/", "http://2130706433/", "http://169.254.169.254/"):
        with pytest.raises(errors.ConnectFailed, match="address not allowed") as caught:
            preview(url)
        assert isinstance(caught.value.reason, PermissionError)


TEXT = (ROOT / PAGE).read_text()


def test_every_block_is_run_here():
    text = TEXT[TEXT.index("## Which proxy, and whether") :]
    assert text.count("```python") == 4
    assert text.count("```") == 2 * 6
