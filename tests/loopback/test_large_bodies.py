"""2 GB go through a few MB of memory, both ways, between this client and real servers.

Each body is moved by a process of its own, which tells the highest memory that it ever had. What
counts is what that is above a bare Python's: one that was started to print this figure and nothing
else. It comes from /proc, since what getrusage tells of a child begins with what its parent had,
and the process of the tests has more than all of this.
"""

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.nginx import Nginx, find_nginx
from support.upload_server import UploadServer

ROOT = Path(__file__).parents[2]
STATUS = Path("/proc/self/status")
MEMORY_FILES = Path("/dev/shm")

LENGTH = 2 << 30
"""Bytes: one more than 31 bits can count."""
LIMIT = 32 << 10
"""KiB that a process may have above a bare Python."""
PATIENCE = 300.0

pytestmark = pytest.mark.skipif(
    not STATUS.exists(), reason="/proc does not tell how much memory a process had here"
)

REPORT = f"""
print(open("{STATUS}").read())
"""
DOWNLOAD = """
import sys
from mini_http import urlopen

received = 0
with urlopen(sys.argv[1]) as reply:
{loop}
print(received)
"""
READINTO = """
    buffer = bytearray(256 * 1024)
    while count := reply.readinto(buffer):
        received += count
"""
READ = """
    while piece := reply.read(64 * 1024):
        received += len(piece)
"""
ITER_CHUNKS = """
    for piece in reply.iter_chunks():
        received += len(piece)
"""
UPLOAD = """
import sys
from mini_http import urlopen

url, path = sys.argv[1:]
with open(path, "rb") as file:
    with urlopen(url, form={"title": "nothing"}, files={"file": file}) as reply:
        print(reply.text)
"""


def run(program, *arguments):
    """What `program` prints, and the KiB of memory that it had at its highest."""
    done = subprocess.run(
        [sys.executable, "-c", program + REPORT, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed, name, status = done.stdout.partition("Name:")
    return printed, int(re.search(r"^VmHWM:\s+(\d+) kB$", name + status, re.M)[1])


@pytest.fixture(scope="module")
def bare_peak():
    return run("")[1]


@pytest.fixture(scope="module")
def sparse_file():
    """A file of zero bytes that were never written.

    In memory where the system has a place for that: there it takes none, while the system keeps
    what was read of one on a disk, and has to find 2 GB of memory first.
    """
    where = MEMORY_FILES if os.access(MEMORY_FILES, os.W_OK) else None
    with TemporaryDirectory(dir=where) as folder:
        path = Path(folder, "nothing.bin")
        with open(path, "wb") as file:
            file.truncate(LENGTH)
        yield path


@pytest.fixture(scope="module")
def page(sparse_file):
    """Where a server has this file."""
    if find_nginx() is None:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)")
    with Nginx(access_log=False) as server:
        (server.files / "nothing.bin").symlink_to(sparse_file)
        yield f"{server.http}/nothing.bin"


@pytest.mark.parametrize(
    "loop", [READINTO, READ, ITER_CHUNKS], ids=["readinto", "read", "iter_chunks"]
)
def test_a_large_body_is_received_in_little_memory(page, bare_peak, loop):
    received, peak = run(DOWNLOAD.format(loop=loop), page)
    assert int(received) == LENGTH
    assert peak - bare_peak < LIMIT


def test_a_large_file_in_a_form_is_sent_in_little_memory(sparse_file, bare_peak):
    with UploadServer() as server:
        account, peak = run(UPLOAD, server.url, str(sparse_file))
    assert peak - bare_peak < LIMIT
    account = json.loads(account)
    first, last = (base64.b64decode(account[end]) for end in ("first", "last"))
    boundary = account["type"].removeprefix("multipart/form-data; boundary=").encode()
    before = (
        b'--%b\r\nContent-Disposition: form-data; name="title"\r\n\r\nnothing\r\n'
        b'--%b\r\nContent-Disposition: form-data; name="file"; filename="nothing.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
    ) % (boundary, boundary)
    after = b"\r\n--%b--\r\n" % boundary
    assert first == before.ljust(len(first), b"\0")
    assert last == after.rjust(len(last), b"\0")
    assert account["length"] == len(before) + LENGTH + len(after)
