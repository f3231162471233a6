"""The real proxies begin, forward, and say what they saw."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from support.proxies import (
    Dante,
    Microsocks,
    Relay,
    RunningProxy,
    Squid,
    Tinyproxy,
    find_program,
)

if TYPE_CHECKING:
    from support.certificates import Certificates
    from support.python_server import EchoServer

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("kind", [Tinyproxy, Squid])
def test_a_proxy_forwards_and_says_what_it_saw(
    kind: type[Tinyproxy | Squid], echo_server: EchoServer
) -> None:
    if find_program(kind.program) is None:
        pytest.skip(f"{kind.program} is not installed")
    with kind() as proxy:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy.url}))
        for _ in range(2):
            with opener.open(echo_server.url) as reply:
                assert reply.read()
        directory = proxy.directory
    assert proxy.connections == 2
    assert [request.split()[:2] for request in proxy.requests] == [["GET", echo_server.url]] * 2
    assert not directory.exists()


def test_tinyproxy_wants_credentials() -> None:
    if find_program("tinyproxy") is None:
        pytest.skip("tinyproxy is not installed")
    with Tinyproxy("user", "secret") as proxy:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy.url}))
        with pytest.raises(urllib.error.HTTPError, match="407") as caught:
            opener.open("http://127.0.0.1:1/")
        caught.value.close()


def test_a_program_that_does_not_begin_is_an_error() -> None:
    class Broken(RunningProxy):
        program = "false"

        def configuration(self) -> str:
            return ""

    with pytest.raises(RuntimeError, match="false does not run"), Broken():
        pass


def test_a_program_that_is_not_there_is_an_error() -> None:
    class Missing(RunningProxy):
        program = "no-such-proxy"

    with pytest.raises(FileNotFoundError, match="no-such-proxy is not installed"), Missing():
        pass


@pytest.mark.parametrize("scheme", ["Basic", "Digest"])
def test_squid_wants_credentials_of_a_scheme(scheme: str, echo_server: EchoServer) -> None:
    if find_program("squid") is None:
        pytest.skip("squid is not installed")
    with Squid("user", "secret", scheme) as proxy:
        through = urllib.request.ProxyHandler({"http": proxy.url})
        with pytest.raises(urllib.error.HTTPError, match="407") as caught:
            urllib.request.build_opener(through).open(echo_server.url)
        caught.value.close()
        assert caught.value.headers["proxy-authenticate"].startswith(f"{scheme} realm=")
        request = urllib.request.Request(echo_server.url)
        if scheme == "Basic":  # what urllib answers to Digest, squid does not take
            request.add_header("Proxy-Authorization", "Basic dXNlcjpzZWNyZXQ=")
            with urllib.request.build_opener(through).open(request) as reply:
                assert reply.read()


def test_squid_takes_tls(certificates: Certificates) -> None:
    if find_program("squid") is None:
        pytest.skip("squid is not installed")
    with Squid(certificate=certificates.good) as proxy:
        address = "127.0.0.1", proxy.secure_port
        context = certificates.client_context()
        with (
            socket.create_connection(address) as sock,
            context.wrap_socket(sock, server_hostname="localhost") as secured,
        ):
            assert secured.version() is not None


@pytest.mark.parametrize("kind", [Microsocks, Dante])
def test_a_socks_proxy_takes_connections(kind: type[Microsocks | Dante]) -> None:
    if find_program(kind.program) is None:
        pytest.skip(f"{kind.program} is not installed")
    with kind() as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as sock:
        sock.sendall(b"\x05\x01\x00")
        assert sock.recv(2) == b"\x05\x00"


def test_a_relay_counts_connections(echo_server: EchoServer) -> None:
    with Relay(echo_server.port) as relay:
        for _ in range(3):
            with urllib.request.urlopen(f"http://127.0.0.1:{relay.port}/") as reply:
                assert reply.read()
        assert relay.connections == 3
