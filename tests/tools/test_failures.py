"""Exit codes: each kind of failure has the one that curl has for it."""

from __future__ import annotations

import builtins
import ssl

import pytest

from mini_http.base import errors
from mini_http.tools import failures
from mini_http.tools.failures import EXIT_CODES, exit_code, explained

REFUSED = errors.TLSFailed("expired", reason=ssl.SSLCertVerificationError(1, "expired"))

CASES = [
    (errors.URLError("unknown url type: gopher"), 1),
    (errors.InvalidField("bad"), 2),
    (failures.UsageError("bad"), 2),
    (errors.InvalidURL("bad"), 3),
    (errors.NameNotResolved("none"), 6),
    (errors.ConnectFailed("refused"), 7),
    (errors.BadStatusLine("nonsense"), 8),
    (errors.LimitExceeded("headers", 1000), 8),
    (errors.BadChunk("bad"), 8),
    (errors.IncompleteRead(b"abc", 2), 18),
    (failures.ErrorStatus("404"), 22),
    (failures.WriteFailed("full"), 23),
    (failures.ReadFailed("missing"), 26),
    (errors.ReadTimedOut(), 28),
    (errors.ConnectTimedOut(), 28),
    (errors.TotalTimedOut(), 28),
    (errors.TLSFailed("no", reason=ssl.SSLError(1, "no cipher")), 35),
    (errors.RedirectRefused("http://a/", 302, "Found - too many", None, None), 47),
    (errors.FTPRefused("550 no"), 9),
    (errors.URLError(FileNotFoundError(2, "no")), 37),
    (errors.URLError(PermissionError(13, "no")), 37),
    (errors.RemoteDisconnected(), 52),
    (BlockingIOError(11, "no"), 55),
    (errors.ConnectionBroken("reset"), 56),
    (errors.StateError("odd"), 56),
    (failures.BadClientCertificate("bad"), 58),
    (REFUSED, 60),
    (errors.BadCoding("bad"), 61),
    (errors.BodyNotReplayable("gone"), 65),
    (failures.BadCAFile("bad"), 77),
    (KeyboardInterrupt(), 130),
]


@pytest.mark.parametrize(("error", "code"), CASES, ids=lambda case: type(case).__name__)
def test_each_failure_has_its_code(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


def test_every_row_can_be_reached() -> None:
    assert {row.code for row in EXIT_CODES} == {0, *(code for _, code in CASES)}


def test_every_name_in_the_table_is_an_exception() -> None:
    homes = [failures, errors, ssl, builtins]
    for row in EXIT_CODES:
        for name in row.kinds.split():
            kind = next(getattr(home, name) for home in homes if hasattr(home, name))
            assert issubclass(kind, BaseException)


def test_a_fault_of_the_program_is_raised_as_it_is() -> None:
    fault = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError) as raised:
        exit_code(fault)
    assert raised.value is fault


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.ReadTimedOut(), "timed out after 1.500 s"),
        (errors.IncompleteRead(b"", 7), "the reply was cut: 7 more bytes were to come"),
        (errors.IncompleteRead(b""), "the reply was cut"),
        (errors.RedirectRefused("u", 302, "Found - too many", None, None), "302 Found - too many"),
        (errors.URLError("unknown url type: x"), "unknown url type: x"),
        (failures.ReadFailed("f: no such file"), "f: no such file"),
    ],
    ids=lambda case: type(case).__name__,
)
def test_failures_are_explained_in_words(error: BaseException, words: str) -> None:
    assert explained(error, 1.5) == words
