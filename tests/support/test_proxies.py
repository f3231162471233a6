"""The real proxies begin, forward, and say what they saw."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from support.proxies import RunningProxy, Squid, Tinyproxy, find_program

if TYPE_CHECKING:
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
