"""Runs CPython's own test suites with our names in place of the standard library's.

The suites come with the interpreter (the package `test`); nothing of them is kept here. Each runs
in a process of its own, twice: once as it is, and once with `mini_http` imported first and then,
under the names of REPLACED in `sys.modules`, facades that give our name where the face of mini_http
has one and the stock name otherwise.

A test counts if it passes on the standard library and runs code of a replaced module there. It
passes if it passes with our names, too, and runs our code and none of NOT_TO_RUN's: a name that is
only handed on earns nothing. What a test puts into a replaced module, as `urllib.request.x = y`, is
put into the modules of mini_http as well, wherever the object that it replaces is found.

    python -m support.stock_suites list                     the ids of all tests
    python -m support.stock_suites stock test_urllib FILE   runs one suite; a line of JSON a test
    python -m support.stock_suites ours test_urllib FILE
    python -m support.stock_suites report                   what does not pass, and why
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import tomllib
import traceback
import types
import unittest
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from inspect import CO_OPTIMIZED
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType, TracebackType
    from typing import TextIO

    ErrorInfo = (
        tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    )

SUITES = (
    "test_urllib2",
    "test_urllib2_localnet",
    "test_urllib",
    "test_urllib_response",
    "test_httplib",
    "test_http_cookiejar",
    # Users of these modules, with the clients and servers that the standard library makes of them.
    "test_xmlrpc",
    "test_docxmlrpc",
    "test_robotparser",
    "test_httpservers",
    "test_logging.HTTPHandlerTest",
)
"""Modules of the package `test`, or classes in them."""

REPLACED = ("http.client", "urllib.response", "urllib.error", "urllib.request", "http.cookiejar")
"""The modules that a suite gets from us, in the order in which they are put in place."""

NOT_TO_RUN = ("http.client", "urllib.request", "http.cookiejar")
"""Those of them whose code must not run then: not the errors, which we share, nor what HTTPError is
made of."""

TOOLS = (("http.cookiejar", "time2netscape"),)
"""Functions in them that a suite calls itself, to write what it hands to us."""

OPTIONAL = ("mini_http.__main__", "mini_http.tools.")
"""What stands on top, and may need other libraries: loaded only if a name is needed from there."""

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "mini_http"
EXCEPTIONS = ROOT / "tests" / "data" / "stock_suite_exceptions.toml"
MANUAL = tuple(ROOT / "docs" / page for page in ("urllib.md", "http-client.md", "cookies.md"))

TEST_SECONDS = 10
"""What one test may take; the slowest of them takes one."""
SUITE_SECONDS = 120

# --- what came of it


@dataclass(frozen=True)
class Outcome:
    """What became of one test in one run."""

    result: str
    """"passed", "failed" or "skipped"."""
    cause: str = ""
    """Why it did not pass, in one line."""
    ran: tuple[str, ...] = ()
    """Whose functions it called: "stock", those of a replaced module; "ours"."""


NOT_RUN = Outcome("failed", "was not run")


@dataclass(frozen=True)
class Exemption:
    """Tests that pass for the standard library and not for us, and why that is right."""

    tests: tuple[str, ...]
    reason: str
    row: str = ""
    """Of the tables in MANUAL, the row that describes the difference: its first cell."""
    only_on: tuple[str, ...] = ()
    """The interpreters, as "3.12", where it does not pass; all, if none is named."""

    def holds_on(self, version: str) -> bool:
        """Whether it is about this interpreter."""
        return not self.only_on or version in self.only_on


def exemptions() -> list[Exemption]:
    """Those of EXCEPTIONS."""
    listed = tomllib.loads(EXCEPTIONS.read_text())["exception"]
    return [
        Exemption(
            tuple(entry["tests"]),
            " ".join(entry["reason"].split()),
            entry.get("row", ""),
            tuple(entry.get("only_on", ())),
        )
        for entry in listed
    ]


@cache
def reasons_here() -> dict[str, str]:
    """By test, why it need not pass on this interpreter."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {
        test: exemption.reason
        for exemption in exemptions()
        if exemption.holds_on(version)
        for test in exemption.tests
    }


def not_counted(stock: Outcome) -> str | None:
    """Why a test that did so on the standard library says nothing about us; None if it does."""
    if stock.result != "passed":
        return f"{stock.result} on the standard library: {stock.cause}"
    if "stock" not in stock.ran:
        return "runs no code of the modules that are replaced"
    return None


def fault(ours: Outcome) -> str | None:
    """Why a test that counts is not passed with our names; None if it is."""
    if ours.result != "passed":
        return f"{ours.result}: {ours.cause}"
    if "ours" not in ours.ran:
        return "passes without running any of our code"
    if "stock" in ours.ran:
        return "passes, and runs code of the modules that are replaced as well"
    return None


# --- the process that starts the suites


def missing() -> str | None:
    """Why the suites can't run on this interpreter; None if they can."""
    if importlib.util.find_spec("test") is None:
        return "this Python came without its own test suites (the package `test`)"
    for suite in SUITES:
        module = f"test.{suite.partition('.')[0]}"
        if importlib.util.find_spec(module) is None:
            return f"this Python came without {module} (Debian: libpython3-testsuite)"
    if not hasattr(signal, "SIGALRM"):
        return "this system has no alarm to end a test that hangs"
    return None


def names() -> list[str]:
    """The ids of all tests of all suites, as "test_urllib.PathName2URLTests.test_…"."""
    return _child("list").split()


def run_all(library: str) -> dict[str, Outcome]:
    """What became of each test of all suites with `library`: "stock" or "ours"."""
    with ThreadPoolExecutor(len(SUITES)) as threads:
        runs = threads.map(lambda suite: run(suite, library), SUITES)
        return {test: outcome for run_of_suite in runs for test, outcome in run_of_suite.items()}


def run(suite: str, library: str) -> dict[str, Outcome]:
    """What became of each test of a suite. Raises CalledProcessError if it does not come through.

    The error has the process's last words as a note.
    """
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder, "outcomes")
        _child(library, suite, str(lines), folder=folder)
        outcomes = [json.loads(line) for line in lines.read_text().splitlines()]
    return {test: Outcome(result, cause, tuple(ran)) for test, result, cause, ran in outcomes}


def _child(*arguments: str, folder: str | None = None) -> str:
    """What a process of this module prints."""
    environment = {
        name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
    }
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    try:
        return subprocess.run(
            [sys.executable, "-P", "-m", "support.stock_suites", *arguments],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SUITE_SECONDS,
            check=True,
        ).stdout
    except subprocess.SubprocessError as error:
        error.add_note(str(getattr(error, "stderr", "")))
        raise


# --- the process that runs one


def _suite(name: str) -> unittest.TestSuite:
    vars(importlib.import_module("test.support"))["use_resources"] = []  # such as the internet
    return unittest.defaultTestLoader.loadTestsFromName(f"test.{name}")


def _cases(suite: unittest.TestSuite) -> Iterator[str]:
    for part in suite:
        if isinstance(part, unittest.TestSuite):
            yield from _cases(part)
        else:
            yield _short(part)


def _short(test: unittest.TestCase) -> str:
    return test.id().removeprefix("test.")


def _run_one(library: str, name: str, lines: TextIO) -> None:
    if library == "ours":
        shared = _errors_of("http.client")
        shared |= {(_file_of(module), function) for module, function in TOOLS}
        install_facades()
        # Of ours, not the face, which only hands names on.
        files = {_file_of(replaced): "stock" for replaced in NOT_TO_RUN}
        files |= {str(path): "ours" for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE}
    else:
        shared = frozenset()
        files = {_file_of(replaced): "stock" for replaced in REPLACED}
    _suite(name).run(Recorder(lines, Watch(files, shared)))


def _file_of(module: str) -> str:
    return str(importlib.import_module(module).__file__)


def _errors_of(module: str) -> frozenset[tuple[str, str]]:
    """The error classes that a module defines, as Watch passes them over."""
    defined = vars(importlib.import_module(module)).values()
    errors = [kind for kind in defined if isinstance(kind, type) and issubclass(kind, Exception)]
    return frozenset((_file_of(module), error.__name__) for error in errors)


class Watch:
    """Tells whose functions this thread calls between two moments, by the files they stand in.

    `shared` are classes, whose methods are nobody's, and functions that are, as (file, name).
    """

    def __init__(
        self, files: Mapping[str, str], shared: frozenset[tuple[str, str]] = frozenset()
    ) -> None:
        self.files = files
        self.shared = shared
        self.seen: set[str] = set()

    def start(self) -> None:
        """From now on."""
        self.seen = set()
        sys.setprofile(self._look)

    def stop(self) -> None:
        """Until now."""
        sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, _detail: object) -> None:
        code = frame.f_code
        # The bodies of modules and classes, which imports run, are not optimized.
        if event == "call" and code.co_filename in self.files and code.co_flags & CO_OPTIMIZED:
            owner = code.co_qualname.partition(".")[0]
            if (code.co_filename, owner) not in self.shared:
                self.seen.add(self.files[code.co_filename])


class _Overdue(BaseException):
    """Raised in a test that takes too long; nothing that is tested catches it."""


def _overdue(_number: int, _frame: FrameType | None) -> None:
    raise _Overdue(f"takes longer than {TEST_SECONDS} s")


class Recorder(unittest.TestResult):
    """Writes each test's outcome as a line of JSON."""

    def __init__(self, lines: TextIO, watch: Watch) -> None:
        super().__init__()
        self.lines = lines
        self.watch = watch
        self.said: tuple[str, str] = ("passed", "")
        signal.signal(signal.SIGALRM, _overdue)

    def startTest(self, test: unittest.TestCase) -> None:
        """Comes before the test's setUp."""
        self.said = ("passed", "")
        signal.setitimer(signal.ITIMER_REAL, TEST_SECONDS)
        self.watch.start()

    def stopTest(self, test: unittest.TestCase) -> None:
        """Comes after the test's cleanups."""
        self.watch.stop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._write(_short(test), *self.said, sorted(self.watch.seen))

    def addError(self, test: unittest.TestCase, err: ErrorInfo) -> None:
        self.said = ("failed", _in_one_line(err))

    addFailure = addError

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.said = ("skipped", reason)

    def addSubTest(
        self, test: unittest.TestCase, subtest: unittest.TestCase, err: ErrorInfo | None
    ) -> None:
        if err is not None:
            self.said = ("failed", f"{_in_one_line(err)} {subtest.id().partition(' ')[2]}")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self.said = ("failed", "passes, but is expected not to")

    def _write(self, *outcome: object) -> None:
        print(json.dumps(outcome), file=self.lines, flush=True)


def _in_one_line(err: ErrorInfo) -> str:
    """An error's text, and where it came from: lines of the suite and of ours."""
    kind, error, trace = err
    where = [
        f"{Path(frame.filename).name}:{frame.lineno}"
        for frame in traceback.extract_tb(trace)
        if Path(frame.filename).is_relative_to(PACKAGE) or "/test/test_" in frame.filename
    ]
    text = " ".join(str(error).split())
    return f"{kind.__name__ if kind else ''}: {text[:300]} ({' > '.join(where[-3:])})"


# --- our names in place of the stock ones


def install_facades() -> None:
    """Puts a Facade in place of each module of REPLACED."""
    face = importlib.import_module("mini_http")
    for found in pkgutil.walk_packages(face.__path__, "mini_http."):
        if not found.name.startswith(OPTIONAL):
            importlib.import_module(found.name)  # so that a later patch finds all their names
    for replaced in REPLACED:
        stock = importlib.import_module(replaced)
        ours = {name: getattr(face, name) for name in vars(stock) if name in face.__all__}
        facade = sys.modules[replaced] = Facade(stock, ours)
        package, _, name = replaced.rpartition(".")
        setattr(sys.modules[package], name, facade)


class Facade(types.ModuleType):
    """A stock module with our names in it. What is set in it is set in ours, too."""

    def __init__(self, stock: types.ModuleType, ours: dict[str, object]) -> None:
        super().__init__(stock.__name__)
        vars(self).update(vars(stock) | ours)
        vars(self)["_facade"] = stock, vars(stock).copy(), ours

    def __setattr__(self, name: str, value: object) -> None:
        stock, stock_names, ours = vars(self)["_facade"]
        is_restored = name in ours and value is ours[name]
        setattr(stock, name, stock_names[name] if is_restored else value)
        if name in vars(self):
            for path, module in list(sys.modules.items()):
                if path.partition(".")[0] == "mini_http":
                    _replace(module, name, vars(self)[name], value)
        vars(self)[name] = value


def _replace(module: types.ModuleType, name: str, old: object, new: object) -> None:
    """Sets every global of `module` that is `old` to `new`; a plain value's name must fit, too."""
    is_plain = isinstance(old, (types.NoneType, int, float, str, bytes, tuple, frozenset))
    for key, held in list(vars(module).items()):
        if held is old and (key == name or not is_plain):
            setattr(module, key, new)


# --- the command line


def report() -> Iterator[str]:
    """Per suite, how many tests count and pass, and of the others why they do not."""
    with ThreadPoolExecutor(2) as threads:
        stock, ours = threads.map(run_all, ("stock", "ours"))
    reasons = reasons_here()
    for suite in SUITES:
        yield from summary(
            suite,
            {
                test: fault(ours.get(test, NOT_RUN))
                for test, outcome in stock.items()
                if test.startswith(f"{suite}.") and not_counted(outcome) is None
            },
            reasons,
        )


def summary(
    suite: str, faults: Mapping[str, str | None], reasons: Mapping[str, str]
) -> Iterator[str]:
    """The lines about a suite's tests that count, of which `faults` has what is wrong."""
    failed = [test for test, words in faults.items() if words is not None]
    listed = [test for test in failed if test in reasons]
    passed = len(faults) - len(failed)
    yield f"{suite}: {len(faults)} count, {passed} pass, {len(listed)} are listed exceptions"
    for test, words in faults.items():
        if words is not None:
            yield f"    {test}{' (listed)' if test in reasons else ''}: {words}"
        elif test in reasons:
            yield f"    {test}: listed, but passes"


def main(arguments: list[str]) -> None:
    """Does what the docstring above says."""
    match arguments:
        case ["list"]:
            print(*(test for suite in SUITES for test in _cases(_suite(suite))), sep="\n")
        case ["report"]:
            print(*report(), sep="\n")
        case [("stock" | "ours") as library, suite, path]:
            with open(path, "w", encoding="utf-8") as lines:
                _run_one(library, suite, lines)
            os._exit(0)  # without waiting for threads of tests that were ended
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
