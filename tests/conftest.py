"""The fixtures. What they hand out is described in tests/support."""

from __future__ import annotations

import gc
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
import trustme
from support.certificates import Certificates
from support.descriptors import can_list_descriptors, open_descriptors
from support.nginx import Nginx, find_nginx
from support.python_server import EchoServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_configure() -> None:
    """Forgets the proxies of this machine: the servers of the tests are on loopback."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]


def pytest_collection_finish() -> None:
    """Takes the collected tests out of the garbage collector's sight.

    There are thousands, and each `no_leaked_descriptors` would have it look at all of them.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """The certificate authority of this test run."""
    return trustme.CA()


@pytest.fixture(scope="session")
def certificates(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The authority's file, and server certificates good and bad."""
    return Certificates(tmp_path_factory.mktemp("certificates"), ca)


@pytest.fixture
def hashed_folder(certificates: Certificates, tmp_path: Path) -> Path:
    """The authority's certificate under the name by which OpenSSL looks for it."""
    command = ["openssl", "x509", "-noout", "-hash", "-in", str(certificates.ca_file)]
    try:
        name = subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except FileNotFoundError:
        pytest.skip("openssl's command is not installed")
    (tmp_path / f"{name}.0").write_bytes(certificates.ca_file.read_bytes())
    return tmp_path


@pytest.fixture(scope="session")
def nginx(certificates: Certificates) -> Iterator[Nginx]:
    """A real web server. Tests that need it are skipped where nginx isn't installed."""
    if find_nginx() is None:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)")
    with Nginx(certificates) as server:
        yield server


@pytest.fixture
def echo_server() -> Iterator[EchoServer]:
    """Answers with an account of the request, over HTTP/1.1."""
    with EchoServer() as server:
        yield server


@pytest.fixture
def old_echo_server() -> Iterator[EchoServer]:
    """Answers with an account of the request, over HTTP/1.0, and closes."""
    with EchoServer("HTTP/1.0") as server:
        yield server


@pytest.fixture
def no_leaked_descriptors() -> Iterator[None]:
    """Fails a test that leaves more file descriptors open than it found."""
    if not can_list_descriptors():
        pytest.skip("this system does not list a process's descriptors")
    before = open_descriptors()
    yield
    after = open_descriptors()
    leaked = [leads_to for number, leads_to in after.items() if before.get(number) != leads_to]
    assert len(after) <= len(before), f"left open: {leaked}"
