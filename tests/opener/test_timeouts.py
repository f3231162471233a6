"""timeout_of, for_handlers: what was given, what was set in `socket`, and what holds else."""

import socket
import sys
from types import SimpleNamespace

import pytest

from mini_http import Timeout
from mini_http.base.timeouts import NOT_GIVEN
from mini_http.opener.timeouts import for_handlers, timeout_of

MINUTE = Timeout(60.0, 60.0)
GLOBAL = socket._GLOBAL_DEFAULT_TIMEOUT


def asking(timeout):
    return SimpleNamespace(timeout=timeout)


@pytest.fixture
def nine_seconds():
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(9.0)
    yield
    socket.setdefaulttimeout(before)


@pytest.mark.parametrize("nothing", [NOT_GIVEN, GLOBAL])
def test_where_none_was_given_a_wait_takes_a_minute(nothing):
    assert timeout_of(asking(nothing)) == MINUTE
    assert timeout_of(SimpleNamespace()) == MINUTE


@pytest.mark.usefixtures("nine_seconds")
@pytest.mark.parametrize("nothing", [NOT_GIVEN, GLOBAL])
def test_where_none_was_given_that_of_socket_holds(nothing):
    assert timeout_of(asking(nothing)) == Timeout(9.0, 9.0)


@pytest.mark.usefixtures("nine_seconds")
def test_what_was_given_wins_over_that_of_socket():
    assert timeout_of(asking(3)) == Timeout(3, 3)
    assert timeout_of(asking(None)) == Timeout(None, None)
    assert timeout_of(asking(Timeout(total=5))) == Timeout(total=5)


def test_a_program_that_never_imported_socket_has_set_no_default_there(monkeypatch):
    monkeypatch.delitem(sys.modules, "socket")
    assert timeout_of(asking(NOT_GIVEN)) == MINUTE
    assert timeout_of(asking(3)) == Timeout(3, 3)
    assert for_handlers(NOT_GIVEN) is NOT_GIVEN


def test_urllibs_handlers_see_urllibs_own_mark():
    assert for_handlers(NOT_GIVEN) is GLOBAL
    assert for_handlers(3) == 3
    assert for_handlers(None) is None
