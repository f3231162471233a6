"""The exception tree: it is as drawn, callers of urllib catch it, and its texts are those known."""

from __future__ import annotations

import builtins
import contextlib
import copy
import errno
import http.client
import inspect
import io
import pickle
import re
import socket
import ssl
import subprocess
import sys
import urllib.error
from email.message import Message
from pathlib import Path

import pytest

from mini_http import base
from mini_http.base import errors
from mini_http.base.headers import Headers

ROOT = Path(__file__).parents[2]


# --- the drawing


def drawn() -> dict[str, list[str]]:
    """Each class of the drawing in the docstring, with the parents that it shows."""
    lines = [line for line in errors.__doc__.splitlines() if line.startswith("    ")]
    found, open_branches = {}, []
    for line in lines:
        indent, name, remark = re.fullmatch(r"([ │├└─]+)([\w.]+)(.*)", line).groups()
        del open_branches[(len(indent) - 4) // 4 :]
        also = re.findall(r"\balso ([\w.]+)", remark)
        found[name] = [*open_branches[-1:], *also]
        open_branches.append(name)
    return found


DRAWN = drawn()
OURS = [name for name in DRAWN if "." not in name]
LEAVES = [name for name in OURS if not any(name in parents for parents in DRAWN.values())]


def class_of(name: str) -> type[BaseException]:
    module, _, plain = name.rpartition(".")
    if module:
        return getattr(sys.modules[module], plain)
    return getattr(errors, plain, None) or getattr(builtins, plain)


def nearest(classes: list[type]) -> set[type]:
    """Without those that another one of them implies."""
    return {c for c in classes if not any(c is not d and issubclass(d, c) for d in classes)}


def example(name: str, **options: BaseException) -> urllib.error.URLError:
    """An error of a class, made as the code that raises it does."""
    kind = class_of(name)
    if name == "RedirectRefused":
        return kind("http://h/", 302, "Found", Message(), io.BytesIO())
    if name == "IncompleteRead":
        return kind(b"partial", 3)
    if name == "LimitExceeded":
        return kind("headers", 1000, 1001)
    return kind("what happened", **options)


def test_every_class_of_the_module_is_drawn_and_exported():
    defined = [
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and value.__module__ == errors.__name__
    ]
    assert sorted(defined) == sorted(OURS)
    assert sorted(errors.__all__) == sorted(
        [*OURS, "ContentTooShortError", "HTTPError", "URLError"]
    )
    assert errors.__all__ == sorted(errors.__all__)


@pytest.mark.parametrize("name", OURS)
def test_a_class_has_the_parents_that_the_drawing_shows(name):
    shown = [class_of(parent) for parent in DRAWN[name]]
    assert nearest(shown) == set(class_of(name).__bases__)


@pytest.mark.parametrize("name", OURS)
def test_a_class_says_when_it_is_raised(name):
    assert re.match(r"Raised(, as one of its subclasses,)? when .*", class_of(name).__doc__)


@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_is_caught_as_each_class_above_it_and_as_url_error_and_os_error(name):
    above, todo = set(), [name]
    while todo:
        parents = DRAWN.get(todo.pop(), [])
        above.update(parents)
        todo += parents
    for caught in [*map(class_of, above), urllib.error.URLError, OSError]:
        with contextlib.ExitStack() as stack, pytest.raises(caught):
            error = example(name)
            if isinstance(error, urllib.error.HTTPError):
                stack.enter_context(error)
            raise error


# --- what callers of the standard library catch and read


@pytest.mark.parametrize(
    ("name", "caught"),
    [
        ("InvalidURL", ValueError),
        ("InvalidURL", http.client.HTTPException),
        ("InvalidField", ValueError),
        ("NameNotResolved", socket.gaierror),
        ("ConnectFailed", ConnectionError),
        ("ConnectTimedOut", socket.timeout),
        ("ReadTimedOut", TimeoutError),
        ("TotalTimedOut", TimeoutError),
        ("ConnectionBroken", ConnectionResetError),
        ("BadStatusLine", http.client.BadStatusLine),
        ("LimitExceeded", http.client.LineTooLong),
        ("LimitExceeded", http.client.HTTPException),
        ("IncompleteRead", http.client.IncompleteRead),
        ("RemoteDisconnected", http.client.RemoteDisconnected),
        ("RemoteDisconnected", ConnectionResetError),
        ("SendBroken", BrokenPipeError),
        ("UnknownProtocol", http.client.UnknownProtocol),
        ("StateError", http.client.ImproperConnectionState),
        ("CannotSendRequest", http.client.CannotSendRequest),
        ("CannotSendHeader", http.client.CannotSendHeader),
        ("ResponseNotReady", http.client.ResponseNotReady),
        ("NotConnected", http.client.NotConnected),
        ("StateError", http.client.HTTPException),
    ],
)
def test_callers_of_the_standard_library_catch_it(name, caught):
    with pytest.raises(caught):
        raise example(name)


def test_url_error_and_http_error_are_those_of_the_standard_library():
    assert errors.URLError is urllib.error.URLError
    assert errors.HTTPError is urllib.error.HTTPError


@pytest.mark.parametrize("name", [name for name in LEAVES if name != "RedirectRefused"])
def test_the_text_of_an_error_is_its_message(name):
    error = example(name)
    assert str(error) == error.message
    assert error.message


def test_without_an_underlying_error_the_reason_is_the_message():
    assert errors.BadChunk("no size").reason == "no size"


def test_the_reason_is_the_underlying_error_where_there_is_one():
    cause = ssl.SSLError("bad certificate")
    error = errors.TLSFailed("h: bad certificate", reason=cause)
    assert error.reason is cause
    assert str(error) == "h: bad certificate"


@pytest.mark.parametrize(
    "name", ["ConnectTimedOut", "ReadTimedOut", "WriteTimedOut", "TotalTimedOut"]
)
def test_a_timeout_says_timed_out_and_its_reason_is_one_too(name):
    error = class_of(name)()
    assert str(error) == "timed out"
    assert isinstance(error.reason, TimeoutError)
    assert str(error.reason) == "timed out"
    cause = TimeoutError(errno.ETIMEDOUT, "Connection timed out")
    assert class_of(name)("timed out", reason=cause).reason is cause


def test_incomplete_read_says_what_came_and_what_is_missing_as_http_client_does():
    theirs = http.client.IncompleteRead(b"partial", 3)
    ours = errors.IncompleteRead(b"partial", 3)
    assert str(ours) == str(theirs) == "IncompleteRead(7 bytes read, 3 more expected)"
    assert repr(ours) == repr(theirs)
    assert (ours.partial, ours.expected) == (b"partial", 3)


def test_incomplete_read_of_unknown_length_says_only_what_came():
    theirs, ours = http.client.IncompleteRead(b"ab"), errors.IncompleteRead(b"ab")
    assert str(ours) == str(theirs) == repr(ours) == "IncompleteRead(2 bytes read)"
    assert ours.expected is None


def test_limit_exceeded_names_the_limit_and_both_numbers():
    error = errors.LimitExceeded("headers", 100)
    assert str(error) == "got more than 100 headers"
    assert (error.limit, error.found) == (100, None)
    error = errors.LimitExceeded("headers", 100, 130)
    assert str(error) == "got more than 100 headers, found 130"
    assert (error.limit, error.found) == (100, 130)


def test_bad_status_line_is_made_of_the_line_as_in_http_client():
    error = errors.BadStatusLine("x")
    assert (error.line, error.args, str(error)) == ("x", ("x",), "no HTTP/1 status line: 'x'")
    assert str(errors.BadStatusLine("x", "in other words")) == "in other words"
    assert repr(errors.BadStatusLine("")) == repr(http.client.BadStatusLine(""))


def test_an_unknown_protocol_names_the_version():
    error = errors.UnknownProtocol("HTTP/2.0")
    assert error.version == "HTTP/2.0"
    assert "'HTTP/2.0'" in str(error)
    assert error.line == "HTTP/2.0"
    assert errors.UnknownProtocol("HTTP/2.0", "HTTP/2.0 200", "words").line == "HTTP/2.0 200"


def test_a_refused_tunnel_has_what_the_proxy_said_and_a_reason_as_in_urllib():
    headers = Headers([("Proxy-Authenticate", "Basic")])
    error = errors.TunnelRefused("Tunnel connection failed: 407 No", 407, headers, b"no")
    assert (error.status, error.headers, error.body) == (407, headers, b"no")
    assert isinstance(error.reason, OSError)
    assert str(error.reason) == str(error) == "Tunnel connection failed: 407 No"


def test_a_refused_tunnel_may_have_no_reply_but_a_reason():
    cause = ConnectionResetError()
    error = errors.TunnelRefused("hung up", reason=cause)
    assert (error.status, error.headers, error.body) == (None, None, b"")
    assert error.reason is cause


def test_remote_disconnected_says_what_http_client_says():
    error = errors.RemoteDisconnected()
    assert str(error) == "Remote end closed connection without response"
    assert error.line == ""
    assert errors.RemoteDisconnected("gone", "x").line == "x"


def test_a_refused_redirect_is_the_reply_and_looks_like_http_error():
    with errors.RedirectRefused(
        "http://h/", 302, "Found", Message(), io.BytesIO(b"moved")
    ) as error:
        assert str(error) == "HTTP Error 302: Found"
        assert repr(error) == "<HTTPError 302: 'Found'>"
        assert (error.code, error.read()) == (302, b"moved")


# --- the error for a host with several addresses


def refused(address: str) -> OSError:
    return ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused", address)


def unreachable(address: str) -> OSError:
    return OSError(errno.ENETUNREACH, "Network is unreachable", address)


@pytest.mark.parametrize(
    ("failures", "text"),
    [
        ([refused("h:80")], "h:80: Connection refused"),
        ([refused("::1")], "h:80: Connection refused (::1)"),
        ([refused("::1"), refused("::2")], "h:80: Connection refused (::1, ::2)"),
        (
            [unreachable("::1"), refused("127.0.0.1"), refused("127.0.0.2")],
            "h:80: Network is unreachable (::1); Connection refused (127.0.0.1, 127.0.0.2)",
        ),
        ([OSError("no such thing")], "h:80: no such thing"),
        ([ConnectionResetError()], "h:80: ConnectionResetError"),
    ],
)
def test_a_failed_connection_gives_each_reason_once_with_its_addresses(failures, text):
    assert str(errors.connect_failed("h:80", failures)) == text


def test_a_failed_connection_has_the_number_and_the_error_of_the_last_address():
    failures = [unreachable("::1"), refused("127.0.0.1")]
    error = errors.connect_failed("host:80", failures)
    assert type(error) is errors.ConnectRefused
    assert error.reason is failures[-1]
    assert (error.errno, error.strerror) == (errno.ECONNREFUSED, "Connection refused")


# --- pickling and copying


def same(one: BaseException, other: BaseException) -> bool:
    """Equal in class, arguments and attributes; a reason that is an error, by class and text."""

    def shown(error):
        return {
            name: repr(value) if isinstance(value, BaseException) else value
            for name, value in vars(error).items()
        }

    return (type(one), one.args, shown(one)) == (type(other), other.args, shown(other))


@pytest.mark.parametrize("name", [name for name in LEAVES if name != "RedirectRefused"])
@pytest.mark.parametrize("protocol", range(3, pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_pickling(name, protocol):
    error = example(name)
    revived = pickle.loads(pickle.dumps(error, protocol))
    assert same(revived, error)
    assert (str(revived), repr(revived)) == (str(error), repr(error))


def test_what_a_class_adds_survives_pickling():
    revived = pickle.loads(pickle.dumps(errors.IncompleteRead(b"partial", 3)))
    assert (revived.partial, revived.expected) == (b"partial", 3)
    revived = pickle.loads(pickle.dumps(errors.LimitExceeded("headers", 100, 130)))
    assert (revived.limit, revived.found) == (100, 130)
    headers = Headers([("Via", "here")])
    revived = pickle.loads(pickle.dumps(errors.TunnelRefused("no", 407, headers, b"page")))
    assert (revived.status, revived.headers, revived.body) == (407, headers, b"page")
    revived = pickle.loads(pickle.dumps(errors.BadStatusLine("x", "no status line")))
    assert revived.line == "x"


def test_an_underlying_error_and_its_number_survive_pickling():
    revived = pickle.loads(pickle.dumps(errors.connect_failed("host:80", [refused("::1")])))
    assert (revived.errno, revived.strerror) == (errno.ECONNREFUSED, "Connection refused")
    assert isinstance(revived.reason, ConnectionRefusedError)
    assert revived.reason.errno == errno.ECONNREFUSED


def test_notes_survive_pickling():
    error = errors.ReadTimedOut()
    error.add_note("while reading the head")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["while reading the head"]


def test_an_error_can_be_copied():
    error = errors.IncompleteRead(b"partial", 3)
    assert same(copy.copy(error), error)
    assert same(copy.deepcopy(error), error)


# --- loading


def test_the_module_loads_when_it_is_first_needed():
    code = (
        "import sys; from mini_http import base;"
        "before = 'mini_http.base.errors' in sys.modules;"
        "print(before, base.errors.ReadTimedOut())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False timed out\n"


def test_base_has_no_other_late_names():
    assert base.__getattr__("errors") is errors
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = base.nonsense
