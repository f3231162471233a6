"""The runner of CPython's suites tells rightly what counts, what passes and what it runs."""

from __future__ import annotations

import importlib.util
import io
import json
import signal
import subprocess
import sys
import threading
import unittest
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

import mini_http
from support import stock_suites
from support.stock_suites import (
    Exemption,
    Facade,
    Outcome,
    Recorder,
    Watch,
    fault,
    main,
    not_counted,
    run,
    summary,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    OutcomeOf = Callable[..., Outcome]

# --- what counts and what passes


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome("passed", ran=("stock",)), None),
        (Outcome("passed"), "runs no code of the modules that are replaced"),
        (Outcome("failed", "no reason", ("stock",)), "failed on the standard library: no reason"),
        (Outcome("skipped", "not now"), "skipped on the standard library: not now"),
    ],
)
def test_only_what_passes_on_the_standard_library_and_runs_it_counts(
    outcome: Outcome, reason: str | None
) -> None:
    assert not_counted(outcome) == reason


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome("passed", ran=("ours",)), None),
        (Outcome("passed"), "passes without running any of our code"),
        (Outcome("passed", ran=("stock",)), "passes without running any of our code"),
        (
            Outcome("passed", ran=("ours", "stock")),
            "passes, and runs code of the modules that are replaced as well",
        ),
        (Outcome("failed", "no reason", ("ours",)), "failed: no reason"),
        (Outcome("skipped", "not now"), "skipped: not now"),
    ],
)
def test_only_what_passes_and_runs_our_code_alone_passes(
    outcome: Outcome, words: str | None
) -> None:
    assert fault(outcome) == words


def test_an_exemption_is_about_all_interpreters_or_those_it_names() -> None:
    assert Exemption(("a",), "because").holds_on("3.12")
    assert Exemption(("a",), "because", only_on=("3.11", "3.12")).holds_on("3.12")
    assert not Exemption(("a",), "because", only_on=("3.11", "3.12")).holds_on("3.13")


def test_a_summary_tells_what_fails_and_which_exceptions_are_stale() -> None:
    faults = {"s.a": None, "s.b": "failed: x", "s.c": "failed: y", "s.d": None}
    assert list(summary("s", faults, {"s.c": "because", "s.d": "because"})) == [
        "s: 4 count, 2 pass, 1 are listed exceptions",
        "    s.b: failed: x",
        "    s.c (listed): failed: y",
        "    s.d: listed, but passes",
    ]


# --- what became of a test


class Example(unittest.TestCase):
    """What a suite may hold. Recorded here, and not collected by pytest."""

    __test__ = False

    def test_passes(self) -> None:
        not_counted(Outcome("passed"))

    def test_fails(self) -> None:
        raise AssertionError("one\ntwo")

    def test_raises_in_a_part(self) -> None:
        with self.subTest(part=1):
            int("no number")
        with self.subTest(part=2):
            pass

    def test_is_skipped(self) -> None:
        self.skipTest("not now")

    @unittest.expectedFailure
    def test_is_expected_to_fail(self) -> None:
        pass

    def test_hangs(self) -> None:
        threading.Event().wait()


@pytest.fixture
def outcome_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[OutcomeOf]:
    """A function that records one test of Example."""
    monkeypatch.setattr(stock_suites, "TEST_SECONDS", 0.05)
    before = signal.getsignal(signal.SIGALRM)

    def record(name: str, *files: str) -> Outcome:
        lines = io.StringIO()
        Example(name).run(Recorder(lines, Watch(dict.fromkeys(files, "ours"))))
        test, result, cause, ran = json.loads(lines.getvalue())
        assert test.endswith(f"Example.{name}")
        return Outcome(result, cause, tuple(ran))

    yield record
    signal.signal(signal.SIGALRM, before)


def test_a_test_that_passes_is_recorded(outcome_of: OutcomeOf) -> None:
    assert outcome_of("test_passes") == Outcome("passed")


def test_a_test_that_calls_a_watched_function_is_recorded_as_such(outcome_of: OutcomeOf) -> None:
    assert outcome_of("test_passes", stock_suites.__file__).ran == ("ours",)
    assert outcome_of("test_passes", json.__file__).ran == ()


def test_a_failure_is_recorded_in_one_line(outcome_of: OutcomeOf) -> None:
    failed = outcome_of("test_fails")
    assert failed.result == "failed"
    assert failed.cause == "AssertionError: one two ()"


def test_a_failed_part_of_a_test_fails_it(outcome_of: OutcomeOf) -> None:
    failed = outcome_of("test_raises_in_a_part")
    assert failed.result == "failed"
    assert failed.cause.startswith("ValueError: invalid literal")
    assert failed.cause.endswith("(part=1)")


def test_a_skipped_test_is_recorded_with_its_reason(outcome_of: OutcomeOf) -> None:
    assert outcome_of("test_is_skipped") == Outcome("skipped", "not now")


def test_an_unexpected_success_is_no_success(outcome_of: OutcomeOf) -> None:
    failed = outcome_of("test_is_expected_to_fail")
    assert failed == Outcome("failed", "passes, but is expected not to")


def test_a_test_that_hangs_is_ended_and_fails(outcome_of: OutcomeOf) -> None:
    failed = outcome_of("test_hangs")
    assert failed.result == "failed"
    assert "takes longer than 0.05 s" in failed.cause


def test_nothing_is_watched_between_tests(outcome_of: OutcomeOf) -> None:
    outcome_of("test_fails", stock_suites.__file__)
    assert sys.getprofile() is None


def test_the_bodies_of_modules_and_classes_are_no_functions() -> None:
    watch = Watch({"body.py": "ours"})
    watch.start()
    exec(compile("class Body:\n    pass\n", "body.py", "exec"), {})
    watch.stop()
    assert not watch.seen


def test_the_methods_of_a_shared_class_are_nobodys() -> None:
    code = """
class Error:
    def __init__(self):
        def inner(): pass
        inner()
class Other:
    def __init__(self): pass
"""
    names: dict[str, type] = {}
    exec(compile(code, "library.py", "exec"), names)
    watch = Watch({"library.py": "stock"}, frozenset({("library.py", "Error")}))
    seen = []
    for name in ("Error", "Other"):
        watch.start()
        names[name]()
        watch.stop()
        seen.append(watch.seen)
    assert seen == [set(), {"stock"}]


def test_a_function_that_a_suite_uses_as_its_tool_is_nobodys_either() -> None:
    names: dict[str, Callable[[], None]] = {}
    exec(compile("def tool(): pass\ndef other(): pass", "library.py", "exec"), names)
    watch = Watch({"library.py": "stock"}, frozenset({("library.py", "tool")}))
    seen = []
    for name in ("tool", "other"):
        watch.start()
        names[name]()
        watch.stop()
        seen.append(watch.seen)
    assert seen == [set(), {"stock"}]


@pytest.mark.parametrize(("module", "function"), stock_suites.TOOLS)
def test_a_tool_is_a_function_that_the_face_does_not_have(module: str, function: str) -> None:
    assert callable(getattr(importlib.import_module(module), function))
    assert function not in mini_http.__all__


def test_the_shared_classes_of_a_module_are_its_errors() -> None:
    names = {name for _, name in stock_suites._errors_of("http.client")}
    assert names >= {"HTTPException", "IncompleteRead", "RemoteDisconnected"}
    assert not names & {"HTTPConnection", "HTTPMessage"}


# --- what a test puts into a stock module


class Stock:
    """What the stock module has; the facade has OURS under this name."""


class Ours:
    """What mini_http has instead."""


class Fake:
    """What a test puts in its place."""


@pytest.fixture
def stock() -> ModuleType:
    module = ModuleType("stock")
    vars(module).update(Thing=Stock, helper=len, LIMIT=10, OTHER=10)
    return module


@pytest.fixture
def facade(stock: ModuleType) -> Facade:
    return Facade(stock, {"Thing": Ours})


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of mini_http that has what the facade has, under other names, too."""
    module = ModuleType("mini_http._user_of_stock_names")
    vars(module).update(Thing=Ours, renamed=Ours, renamed_helper=len, LIMIT=10, COUNT=10)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def values(module: ModuleType, *names: str) -> list[object]:
    return [getattr(module, name) for name in names]


def test_a_facade_gives_our_name_and_the_stock_one_where_we_have_none(facade: Facade) -> None:
    assert values(facade, "__name__", "Thing", "helper") == ["stock", Ours, len]


def test_what_is_set_is_set_wherever_ours_was_and_taken_back(
    facade: Facade, stock: ModuleType, user: ModuleType
) -> None:
    facade.Thing = Fake
    assert values(user, "Thing", "renamed") == [Fake, Fake]
    assert values(facade, "Thing") == values(stock, "Thing") == [Fake]
    facade.Thing = Ours
    assert values(user, "Thing", "renamed") == [Ours, Ours]
    assert values(facade, "Thing") == [Ours]
    assert values(stock, "Thing") == [Stock]


def test_a_stock_name_that_we_do_not_have_is_replaced_as_well(
    facade: Facade, stock: ModuleType, user: ModuleType
) -> None:
    facade.helper = Fake
    assert values(user, "renamed_helper") == values(stock, "helper") == [Fake]
    facade.helper = len
    assert values(user, "renamed_helper") == values(stock, "helper") == [len]


def test_a_number_is_replaced_only_under_its_own_name(
    facade: Facade, stock: ModuleType, user: ModuleType
) -> None:
    facade.LIMIT = 0
    assert values(user, "LIMIT", "COUNT") == values(stock, "LIMIT", "OTHER") == [0, 10]
    facade.LIMIT = 10
    assert values(user, "LIMIT", "COUNT") == values(stock, "LIMIT", "OTHER") == [10, 10]


def test_a_name_that_nobody_had_is_set_in_the_facade_and_the_stock_module_alone(
    facade: Facade, stock: ModuleType, user: ModuleType
) -> None:
    before = vars(user).copy()
    facade.new = Fake
    assert values(facade, "new") == values(stock, "new") == [Fake]
    assert vars(user) == before


# --- whether they can be run


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ("test", "without its own test suites"),
        ("test.test_urllib2", "without test.test_urllib2"),
        ("test.test_logging", "without test.test_logging"),
    ],
)
def test_an_interpreter_without_the_suites_is_told_apart(
    lacking: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == lacking else name)
    assert words in str(stock_suites.missing())


def test_a_system_without_alarms_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert stock_suites.missing() is None
    monkeypatch.delattr(signal, "SIGALRM")
    assert "no alarm" in str(stock_suites.missing())


# --- the process of its own


def test_a_process_that_fails_is_an_error_with_its_last_words() -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run("test_urllib_response", "neither stock nor ours")
    assert "a line of JSON a test" in caught.value.__notes__[0]


def test_a_command_that_is_none_gets_the_usage() -> None:
    with pytest.raises(SystemExit, match=r"python -m support\.stock_suites list"):
        main(["nonsense"])
