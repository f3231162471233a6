"""docs/proxies.md: every example runs, against scripted proxies."""

import pytest
from support.documents import ROOT, examples
from support.servers import ScriptedServer
from support.steps import Drain, ExpectBytes, Send, StartTLS

from mini_http.connect.proxy import PROXY_KINDS
from mini_http.keepalive.pool import shared_pool

PAGE = "docs/proxies.md"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
OPENED = b"HTTP/1.1 200 Connection established\r\n\r\n"
WHO = (
    b'HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm="here"\r\nContent-Length: 0\r\n\r\n'
)  # fmt: skip
SOCKS = [
    *(ExpectBytes(3), Send(b"\x05\x00")),
    *(ExpectBytes(21), Send(b"\x05\x00\x00\x01" + bytes(6))),
]
JOE = b"\r\nProxy-Authorization: Basic am9lOnBAc3M=\r\n"

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

ROUTES = [
    example for example in examples(PAGE) if example.heading in ("Routes", "Credentials", "Chains")
]
FORWARD, BY_SOCKS, SECURED, BY_POOL, IN_URL, BY_MANAGER, CHAIN, *REST = ROUTES


@pytest.fixture
def run():
    """Runs an example whose proxy plays a script; returns what that was asked."""

    def play(example, script, name, **replace):
        with ScriptedServer([script]) as server:
            at = f"localhost:{server.port}"
            try:
                example.run({name: at} | replace)
            finally:
                shared_pool().close()
        return server.requests

    return play


def test_a_proxy_is_named_for_a_scheme(run):
    (asked,) = run(FORWARD, [HELLO, Drain()], "proxy.example:3128")
    assert asked.startswith(b"GET http://origin.example/ HTTP/1.1\r\nHost: origin.example\r\n")


@pytest.mark.parametrize("example", [BY_SOCKS, BY_POOL])
def test_a_socks_proxy_leads_to_the_origin(run, example):
    (asked,) = run(example, [*SOCKS, HELLO, Drain()], "proxy.example:1080")
    assert asked.startswith(b"GET / HTTP/1.1\r\nHost: origin.example\r\n")


def test_a_proxy_over_tls_has_settings_of_its_own(run, certificates):
    secured = StartTLS(certificates.good.server_context())
    script = [secured, OPENED, secured, HELLO, Drain()]
    replace = {"company.pem": str(certificates.ca_file), "origin.example": "localhost"}
    connect, asked = run(SECURED, script, "proxy.example:3129", **replace)
    assert connect.startswith(b"CONNECT localhost:443 HTTP/1.1\r\n")
    assert asked.startswith(b"GET / HTTP/1.1\r\n")


def test_credentials_stand_in_the_url(run):
    (asked,) = run(IN_URL, [HELLO, Drain()], "proxy.example:3128")
    assert JOE in asked


def test_credentials_are_known_to_a_manager(run):
    first, second = run(BY_MANAGER, [WHO, HELLO, Drain()], "proxy.example:3128")
    assert b"roxy-Auth" not in first
    assert JOE.lower() in second.lower()


def test_a_proxy_is_reached_through_another(run):
    script = [OPENED, *SOCKS, HELLO, Drain()]
    connect, asked = run(CHAIN, script, "first.example:3128")
    assert connect.startswith(b"CONNECT second.example:1080 HTTP/1.1\r\n")
    assert JOE in connect
    assert b"roxy-" not in asked


def test_every_kind_has_its_row():
    rows = (ROOT / PAGE).read_text().splitlines()
    for kind, row in PROXY_KINDS.items():
        assert any(line.startswith(f"| `{kind}` | {row.port} |") for line in rows)
