"""What the tests of the tools share: a command that is run in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mini_http.tools.command_line import main
from mini_http.tools.demo_server import DemoServer

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it wrote."""

    code: int
    out: bytes
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs a command line in this process."""

    def run_here(*arguments: object) -> Ran:
        capsysbinary.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        return Ran(code, out, err.decode())

    return run_here


@pytest.fixture
def process() -> Callable[..., subprocess.Popen[bytes]]:
    """Starts a command line in a process of its own, in which warnings are errors."""

    def start(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "error", "-m", "mini_http", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, env=environment, **pipes)  # type: ignore[call-overload]

    return start


@pytest.fixture
def demo_server():
    """The pages of the demo."""
    with DemoServer() as server:
        yield server
