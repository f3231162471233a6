"""docs/http-client.md: its tables list every public name of this Python's http.client, and every
error; and we have them."""

import http.client
import re
import ssl
from importlib import import_module
from pathlib import Path

import pytest
from support.python_server import EchoServer
from support.states import state_table

import mini_http
from mini_http import HTTPHandler, HTTPSConnection, HTTPSHandler, Pool, build_opener
from mini_http.base import errors
from mini_http.exchange import http_client_names

PAGE = (Path(__file__).parent.parent / "docs" / "http-client.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (same|better|different) \| .*\|$", PAGE, re.MULTILINE)
LISTED = dict(ROWS)
ERRORS = re.findall(r"^\| `(\w+)` \| ((?:`[\w.]+`(?:, )?)+) \| .*\|$", PAGE, re.MULTILINE)

OUTSIDE_ALL = {"HTTP_PORT", "HTTPS_PORT", "HTTPMessage", "parse_headers"}
"""What callers use though `http.client.__all__` does not name it."""

THEIRS = {*http.client.__all__, *OUTSIDE_ALL}
SHARED = set(http_client_names.__all__) - {"parse_headers"}


# --- every name


def test_every_public_name_is_listed_once():
    assert set(LISTED) == THEIRS
    assert len(ROWS) == len(LISTED)


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_each_name_is_ours_to_give(name):
    assert hasattr(mini_http, name)


@pytest.mark.parametrize("name", sorted(SHARED))
def test_what_is_shared_is_http_clients_own(name):
    assert getattr(mini_http, name) is getattr(http.client, name)
    assert LISTED[name] == "same"


@pytest.mark.parametrize("name", sorted(THEIRS - SHARED))
def test_each_other_name_is_of_our_own_making(name):
    ours, theirs = getattr(mini_http, name), getattr(http.client, name)
    assert ours.__module__.startswith("mini_http.")
    assert isinstance(ours, type) == isinstance(theirs, type)
    if isinstance(theirs, type) and issubclass(theirs, Exception):
        assert issubclass(ours, theirs)


def test_the_constants_that_are_not_here_are_those_of_http():
    statuses = set(http.HTTPStatus.__members__)
    assert statuses <= set(vars(http.client))
    assert not statuses & set(mini_http.__all__)


# --- every error


def test_each_error_that_http_client_has_is_in_the_table_of_errors():
    own = {name for name in errors.__all__ if hasattr(http.client, name)}
    assert own <= {name for name, _ in ERRORS}


@pytest.mark.parametrize(("name", "others"), ERRORS)
def test_each_error_is_also_what_the_page_says(name, others):
    ours = getattr(errors, name)
    for other in re.findall(r"`([\w.]+)`", others):
        module, _, theirs = other.rpartition(".")
        assert issubclass(ours, getattr(import_module(module or "builtins"), theirs))
    assert issubclass(ours, errors.MiniHTTPError)


def test_a_handshake_that_fails_is_also_an_ssl_error(certificates):
    with EchoServer(tls=certificates.wrong_name.server_context()) as server:
        connection = HTTPSConnection(
            "localhost", server.port, context=certificates.client_context()
        )
        with pytest.raises(errors.TLSFailed) as caught:
            connection.connect()
    assert isinstance(caught.value, ssl.SSLCertVerificationError)
    assert connection.sock is None


# --- the states


def test_the_page_has_the_table_of_states_as_the_code_has_it():
    _, _, table = PAGE.partition("<!-- the table of states -->\n")
    assert table == state_table(), "put in what `python -m support.states` prints in tests/"


# --- our classes in http.client


def test_our_classes_in_the_place_of_http_clients_leave_openers_at_their_pool(
    monkeypatch, certificates
):
    monkeypatch.setattr(http.client, "HTTPConnection", mini_http.HTTPConnection)
    monkeypatch.setattr(http.client, "HTTPSConnection", mini_http.HTTPSConnection)
    for tls in (None, certificates.good.server_context()):
        with EchoServer(tls=tls) as server, Pool() as pool:
            context = certificates.client_context()
            opener = build_opener(HTTPHandler(pool=pool), HTTPSHandler(context=context, pool=pool))
            for _ in range(2):
                opener.open(server.url).read()
            assert pool.opened == 1
