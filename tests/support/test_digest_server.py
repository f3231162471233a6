"""The server that checks Digest takes what curl calculates, and nothing else."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from support.digest_server import PASSWORD, USER, DigestServer, read_parameters

CURL = shutil.which("curl")
FORMS = [
    ("MD5", False),
    ("MD5-sess", False),
    ("SHA-256", False),
    ("SHA-256", True),
    ("SHA-256-sess", False),
]
"""Not SHA-512-256: curl 7.88, and others of its time, calculate SHA-256 under that name."""


def ask(server: DigestServer, user: str, *options: str) -> str:
    """The statuses of what curl got."""
    assert CURL is not None
    command = [CURL, "-sS", "-o", "/dev/null", "-w", "%{http_code} ", "--noproxy", "*", "--digest"]
    command += ["-u", user, *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
@pytest.mark.parametrize(("algorithm", "hashes_user"), FORMS)
def test_it_takes_what_curl_calculates(algorithm: str, hashes_user: bool) -> None:
    with DigestServer(algorithm, hashes_user=hashes_user) as server:
        assert ask(server, f"{USER}:{PASSWORD}", server.url + "a?b") == "200 "
        assert ask(server, f"{USER}:wrong", server.url) == "401 "
        assert ask(server, f"nobody:{PASSWORD}", server.url) == "401 "
    assert server.verdicts == ["missing", "right", "missing", "wrong", "missing", "unknown user"]


def test_parameters_are_read_as_utf8_without_quotes() -> None:
    text = 'a="b\\"c", d=e, f*=UTF-8\'\'g, h="\u00c3\u00a9"'
    assert read_parameters(text) == {"a": 'b"c', "d": "e", "f*": "UTF-8''g", "h": "é"}
