"""The package's face: every name, where it comes from, and what importing costs."""

import ast
import http.client
import subprocess
import sys
import urllib.error
from importlib import import_module
from pathlib import Path

import pytest
from support.servers import ScriptedServer

import mini_http
from mini_http import _HOME_OF, _HOMES

ROOT = Path(mini_http.__file__).parent.parent
NAMES = sorted(_HOME_OF)


def loaded_by(code):
    """The modules that are loaded after `code`, in an interpreter that had only begun."""
    script = f"import sys; before = set(sys.modules)\n{code}\nprint(*set(sys.modules) - before)"
    # Neither -S, for which a venv has no certifi, nor what site-packages load at start: `before`.
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


# --- names


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_what_its_home_has(name):
    home = import_module(f"mini_http.{_HOME_OF[name]}")
    assert getattr(mini_http, name) is getattr(home, name)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stands_where_it_is_made(name):
    value = getattr(mini_http, name)
    if name in ("ContentTooShortError", "HTTPError", "URLError"):
        assert value is getattr(urllib.error, name)
    elif _HOME_OF[name] == "exchange.http_client_names" and name != "parse_headers":
        assert value is getattr(http.client, name)
    else:
        assert value.__module__ == f"mini_http.{_HOME_OF[name]}"


def test_type_checkers_see_every_name_in_its_home():
    source = (ROOT / "mini_http" / "__init__.py").read_text()
    seen = {
        (node.module.removeprefix("mini_http."), alias.name)
        for block in ast.walk(ast.parse(source))
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == alias.asname
    }
    assert seen == {(_HOME_OF[name], name) for name in NAMES}


def test_no_name_has_two_homes():
    names = [name for names in _HOMES.values() for name in names.split()]
    assert len(names) == len(set(names)) == len(NAMES)


def test_all_lists_the_names_once_and_in_order():
    for_all = [name for name in NAMES if name not in mini_http._NEED_MORE]
    assert mini_http.__all__ == ["__version__", *for_all]


def test_a_star_import_needs_no_library_that_not_everybody_has():
    code = """
import sys
sys.modules["requests"] = None
from mini_http import *
assert "urlretrieve" in globals()
"""
    assert "mini_http.tools.retrieve" in loaded_by(code)


def test_the_whole_tree_of_errors_is_there():
    errors = import_module("mini_http.base.errors")
    assert set(errors.__all__) == set(_HOMES["base.errors"].split())


def test_import_star_brings_every_name():
    namespace = {}
    exec("from mini_http import *", namespace)
    assert set(mini_http.__all__) <= namespace.keys()


def test_dir_shows_every_name_also_before_its_first_use():
    assert set(mini_http.__all__) <= set(dir(mini_http))
    assert dir(mini_http) == sorted(dir(mini_http))


@pytest.mark.parametrize("name", ["urlretrievee", "ssl", "_Request", "__wrapped__"])
def test_an_unknown_name_is_an_attribute_error_that_says_so(name):
    with pytest.raises(AttributeError, match=f"module 'mini_http' has no attribute '{name}'"):
        getattr(mini_http, name)
    with pytest.raises(ImportError):
        exec(f"from mini_http import {name}")


def test_a_name_is_looked_up_once(monkeypatch):
    monkeypatch.delitem(vars(mini_http), "Request", raising=False)
    assert mini_http.Request is vars(mini_http)["Request"]


def test_the_version_is_a_version():
    assert mini_http.__version__.split(".")[0].isdecimal()


def test_the_docstring_lists_every_floor():
    floors = sorted(path.parent.name for path in ROOT.glob("mini_http/*/__init__.py"))
    named = [
        line.split()[0].rstrip("/")
        for line in mini_http.__doc__.splitlines()
        if line.startswith("    ")
    ]
    assert named == floors


# --- what is loaded

HEAVY = {
    *("ssl", "_ssl", "socket", "_socket", "select", "selectors"),
    *("http", "http.client", "email", "urllib", "urllib.request", "urllib.error", "urllib.parse"),
    *("zlib", "gzip", "json", "certifi", "idna", "encodings.idna", "ipaddress", "brotli"),
    *("typing", "dataclasses", "inspect", "contextlib", "logging", "threading", "tempfile"),
    *("asyncio", "concurrent", "multiprocessing", "subprocess", "pathlib", "random", "hashlib"),
    *("mini_http.base.errors", "mini_http.connect.dial", "mini_http.connect.tls"),
    *("mini_http.connect.datagram", "mini_http.connect.resolve", "mini_http.tools"),
}
"""What the first import of urlopen must not pay for."""


def test_importing_the_package_loads_its_version_and_nothing_else():
    loaded = loaded_by("import mini_http")
    assert loaded - {"__future__"} == {"mini_http", "mini_http.base", "mini_http.base.version"}


def test_importing_urlopen_loads_nothing_heavy():
    loaded = loaded_by("from mini_http import urlopen")
    assert "mini_http.opener.api" in loaded
    assert loaded & HEAVY == set()


def test_importing_urlopen_loads_these_modules_of_pythons_own():
    """A list to be kept short: whoever makes it longer pays for it in every start."""
    loaded = {name.partition(".")[0] for name in loaded_by("from mini_http import urlopen")}
    python = {name for name in loaded if name in sys.stdlib_module_names and name[0] != "_"}
    assert python - {"importlib"} <= {
        *("bisect", "collections", "copyreg", "enum", "errno", "functools", "itertools"),
        *("keyword", "operator", "re", "reprlib", "types", "warnings", "weakref"),
    }


def test_naming_an_error_loads_the_errors_only_then():
    assert "mini_http.base.errors" in loaded_by("from mini_http import URLError")
    assert "mini_http.opener" not in loaded_by("from mini_http import URLError")


def test_the_values_can_be_had_without_the_floors_above():
    loaded = loaded_by("from mini_http import Headers, Limits, Timeout, URL")
    floors = {name.split(".")[1] for name in loaded if name.startswith("mini_http.")}
    assert floors == {"base"}


PLAIN_GET = """
from mini_http import urlopen
with urlopen("{url}") as reply:
    reply.read()
assert reply.headers["Content-Length"]
"""


def test_a_plain_get_loads_nothing_that_it_does_not_need():
    with ScriptedServer([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"]) as server:
        loaded = loaded_by(PLAIN_GET.format(url=server.url))
    needed = {"socket", "_socket", "select", "selectors", "zlib", "contextlib"}
    needed |= {"mini_http.connect.dial", "mini_http.connect.resolve"}
    assert "mini_http.opener.handlers.ftp" in loaded
    assert loaded & (HEAVY - needed) == set()
    assert not {"ftplib", "mimetypes", "base64", "http.cookiejar", "requests"} & loaded
