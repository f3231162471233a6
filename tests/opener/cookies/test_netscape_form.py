"""The Netscape form of cookie files, also against http.cookiejar and curl."""

import copy
import http.cookiejar
import shutil
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cookie_values import TIMES, attributes_of, cookies
from support.servers import ScriptedServer

from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.load_error import LoadError
from mini_http.opener.cookies.netscape_form import (
    HEADER,
    MozillaCookieJar,
    read_netscape,
    write_netscape,
)

LATER = int(time.time()) + 10_000_000
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def read(text):
    return [found for _, found in read_netscape(text.splitlines(keepends=True), 5.0)]


def read_one(line):
    (cookie,) = read(line)
    assert isinstance(cookie, Cookie), cookie
    return cookie


def fault_of(line):
    (fault,) = read(line)
    assert isinstance(fault, str)
    return fault


# --- reading


def test_a_line_is_a_cookie():
    cookie = read_one("example.com\tFALSE\t/a\tTRUE\t2000000000\tname\tval ue\n")

    assert attributes_of(cookie, "serial") == attributes_of(
        Cookie(
            0,
            "name",
            "val ue",
            None,
            False,
            "example.com",
            False,
            False,
            "/a",
            False,
            True,
            2000000000,
            False,
            None,
            None,
            {},
        ),
        "serial",
        "created",
        "last_access",
    ) | {"created": 5.0, "last_access": 5.0}


@pytest.mark.parametrize(
    ("domain", "subdomains", "expected", "host_only"),
    [
        ("example.com", "FALSE", "example.com", True),
        (".example.com", "TRUE", ".example.com", False),
        ("example.com", "TRUE", ".example.com", False),
        (".example.com", "FALSE", "example.com", True),
        ("Example.com", "true", ".example.com", False),
    ],
)
def test_the_column_says_whether_subdomains_get_it(domain, subdomains, expected, host_only):
    cookie = read_one(f"{domain}\t{subdomains}\t/\tFALSE\t0\ta\tb\n")

    assert (cookie.domain, cookie.host_only) == (expected, host_only)


@pytest.mark.parametrize(
    ("text", "expires"), [("0", None), ("", None), ("17", 17), ("17.25", 17), ("-3", -3)]
)
def test_a_cookie_without_a_time_to_expire_is_a_session_s(text, expires):
    cookie = read_one(f"example.com\tFALSE\t/\tFALSE\t{text}\ta\tb\n")

    assert (cookie.expires, cookie.discard) == (expires, expires is None)


def test_http_only_stands_before_the_domain():
    cookie = read_one("#HttpOnly_.example.com\tTRUE\t/\tFALSE\t0\ta\tb\n")

    assert cookie.http_only
    assert cookie.domain == ".example.com"


def test_a_cookie_may_have_no_name():
    cookie = read_one("example.com\tFALSE\t/\tFALSE\t0\t\tvalue\n")

    assert (cookie.name, cookie.value) == ("", "value")


def test_an_empty_value_may_have_lost_its_tab():
    cookie = read_one("example.com\tFALSE\t/\tFALSE\t0\tname")

    assert (cookie.name, cookie.value) == ("name", "")


@pytest.mark.parametrize(
    "text",
    ["\n", "# Netscape HTTP Cookie File\n", "# HTTP Cookie File\n\n# more\n", "$ old\n", " \t \n"],
)
def test_comments_and_blank_lines_are_no_cookies(text):
    assert read(text) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("oops\n", "1 columns"),
        ("example.com\tFALSE\t/\tFALSE\t0\ta\tb\tc\n", "8 columns"),
        ("\tFALSE\t/\tFALSE\t0\ta\tb\n", "no domain"),
        (".\tTRUE\t/\tFALSE\t0\ta\tb\n", "no domain"),
        ("example.com\tFALSE\t\tFALSE\t0\ta\tb\n", "no path"),
        ("example.com\tFALSE\tFALSE\t/\t0\ta\tb\n", "no path"),
        ("example.com\tFALSE\t/\tFALSE\t0\t\t\n", "neither name nor value"),
        ("example.com\tFALSE\t/\tFALSE\t0\ta\tb\x00\n", "control"),
        ("example.com\t1\t/\tFALSE\t0\ta\tb\n", "column subdomains"),
        ("example.com\tFALSE\t/\tyes\t0\ta\tb\n", "column secure"),
        ("example.com\tFALSE\t/\tFALSE\tsoon\ta\tb\n", "column expires"),
        ("example.com\tFALSE\t/\tFALSE\t" + "9" * 5000 + "\ta\tb\n", "column expires"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_without_the_line(line, fault):
    assert fault in fault_of(line)
    assert "\t" not in fault_of(line)


@given(st.text(min_size=1))
def test_any_text_gives_cookies_or_faults(text):
    assert all(isinstance(found, Cookie | str) for found in read(text))


# --- writing


def test_a_file_begins_with_the_line_that_names_its_form():
    assert write_netscape([])[0] == HEADER
    assert HEADER.startswith("# Netscape HTTP Cookie File\n")


def test_a_session_s_cookie_has_0_where_others_have_a_time():
    text, _ = write_netscape([read_one(".example.com\tTRUE\t/\tFALSE\t\ta\tb\n")])

    assert text.removeprefix(HEADER) == ".example.com\tTRUE\t/\tFALSE\t0\ta\tb\n"


def test_a_cookie_of_1970_does_not_become_a_session_s():
    cookie = read_one("example.com\tFALSE\t/\tFALSE\t-1\ta\tb\n")
    text, _ = write_netscape([cookie])

    (again,) = read(text)
    assert isinstance(again, Cookie)
    assert again.is_expired()


def test_a_name_without_a_value_stands_where_values_do():
    cookie = Cookie.of(read_one("example.com\tFALSE\t/\tFALSE\t0\tspam\tb\n"))
    cookie.value = None  # as http.cookiejar has it
    text, _ = write_netscape([cookie])

    assert text.endswith("\t0\t\tspam\n")


def test_an_empty_path_is_all_paths():
    cookie = read_one("example.com\tFALSE\t/\tFALSE\t0\ta\tb\n")
    cookie.path = ""

    assert write_netscape([cookie])[0].endswith("example.com\tFALSE\t/\tFALSE\t0\ta\tb\n")


@pytest.mark.parametrize(
    ("attribute", "value", "fault"),
    [
        ("value", "a\tb", r"'\t'"),
        ("value", "a\nb", r"'\n'"),
        ("name", "a\rb", r"'\r'"),
        ("value", "\u20ac", "'\u20ac'"),
        ("path", "/\n", r"'\n'"),
        ("path", "relative", "its path"),
        ("domain", "#x", "its domain"),
    ],
)
def test_what_has_no_place_in_a_line_is_left_out_and_said(attribute, value, fault):
    cookie = read_one("example.com\tFALSE\t/\tFALSE\t0\tname\tsecret\n")
    setattr(cookie, attribute, value)

    text, (left_out,) = write_netscape([cookie])
    assert text == HEADER
    assert fault in left_out
    assert "secret" not in left_out


@settings(deadline=None)
@given(st.lists(cookies(plain=True)))
def test_what_is_read_is_what_was_written(some):
    text, left_out = write_netscape(some)

    assert left_out == []
    assert [attributes_of(cookie, *TIMES) for cookie in read(text)] == [
        attributes_of(cookie, *TIMES) for cookie in some
    ]


@settings(deadline=None)
@given(st.lists(cookies()))
def test_columns_are_kept_whatever_else_a_cookie_has(some):
    text, left_out = write_netscape(some)
    again = read(text)

    assert left_out == []
    names = ["name", "value", "domain", "path", "secure", "expires", "http_only", "host_only"]
    for before, after in zip(some, again, strict=True):
        assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]


# --- with http.cookiejar


def jar_at(path, *set_cookies):
    """A jar with a file, and with cookies that a server has set."""
    lines = "".join(f"Set-Cookie: {line}\r\n" for line in set_cookies)
    reply = f"HTTP/1.1 204 No Content\r\n{lines}\r\n".encode("iso-8859-1")
    from mini_http import HTTPCookieProcessor, build_opener

    jar = MozillaCookieJar(path)
    with ScriptedServer([reply]) as server:
        build_opener(HTTPCookieProcessor(jar)).open(server.url).close()
    return jar


def test_http_cookiejar_reads_what_we_save(tmp_path):
    jar = MozillaCookieJar(tmp_path / "cookies.txt")
    jar.set("a", "1", domain="example.com", expires=LATER, http_only=True, secure=True)
    jar.set("b", "2 3", domain=".example.com", path="/b", expires=LATER)
    jar.save()
    theirs = http.cookiejar.MozillaCookieJar(str(tmp_path / "cookies.txt"))
    theirs.load()

    first, second = theirs
    assert (first.name, first.value, first.domain, first.secure) == ("a", "1", "example.com", True)
    assert first.has_nonstandard_attr("HTTPOnly")
    assert (second.value, second.domain, second.path) == ("2 3", ".example.com", "/b")
    assert second.expires == LATER


def test_we_read_what_http_cookiejar_saves(tmp_path):
    theirs = http.cookiejar.MozillaCookieJar(str(tmp_path / "cookies.txt"))
    ours = MozillaCookieJar()
    ours.set("a", "1", domain="example.com", expires=LATER, http_only=True)
    ours.set("b", "2", domain=".example.com", path="/b", secure=True)
    ours.set("c", "3", domain="localhost")
    for cookie in ours:
        theirs.set_cookie(copy.copy(cookie))
    (localhost,) = [cookie for cookie in theirs if cookie.domain == "localhost"]
    localhost.domain = "localhost.local"  # what it makes of the host of a request
    theirs.save(ignore_discard=True)
    jar = MozillaCookieJar(tmp_path / "cookies.txt")
    jar.load(ignore_discard=True)

    names = ["name", "value", "domain", "path", "secure", "expires", "discard"]
    names += ["http_only", "host_only"]
    assert [[getattr(cookie, name) for name in names] for cookie in jar.find()] == [
        [getattr(cookie, name) for name in names] for cookie in ours.find()
    ]


def test_isinstance_of_http_cookiejar_s_class():
    assert isinstance(MozillaCookieJar(), http.cookiejar.MozillaCookieJar)
    assert not isinstance(MozillaCookieJar(), http.cookiejar.LWPCookieJar)


# --- with curl

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def curl(server, *arguments):
    """Gets http://www.example.test/ from the server."""
    host = f"www.example.test:{server.port}"
    command = ["curl", "-sS", "--noproxy", "*", "--resolve", f"{host}:127.0.0.1"]
    subprocess.run([*command, *arguments, f"http://{host}/"], check=True, timeout=20)


@needs_curl
def test_curl_sends_what_we_saved(tmp_path):
    path = tmp_path / "cookies.txt"
    jar = MozillaCookieJar(path)
    jar.set("own", "1", domain="www.example.test")
    jar.set("below", "a=b c\xe9", domain=".example.test", expires=LATER, http_only=True)
    jar.set("parent", "no", domain="example.test")
    jar.set("secret", "no", domain="www.example.test", secure=True)
    jar.save(ignore_discard=True)
    with ScriptedServer([NO_CONTENT]) as server:
        curl(server, "-b", str(path))

    (request,) = server.requests
    (field,) = [line for line in request.split(b"\r\n") if line.startswith(b"Cookie:")]
    assert sorted(field.removeprefix(b"Cookie: ").split(b"; ")) == [b"below=a=b c\xe9", b"own=1"]


@needs_curl
def test_we_read_what_curl_saved(tmp_path):
    path = tmp_path / "cookies.txt"
    reply = (
        b"HTTP/1.1 204 No Content\r\n"
        b"Set-Cookie: own=1; HttpOnly\r\n"
        b"Set-Cookie: below=a=b c\xe9; Domain=example.test; Max-Age=1000; Path=/x\r\n\r\n"
    )
    with ScriptedServer([reply]) as server:
        curl(server, "-c", str(path))
    jar = MozillaCookieJar(path)
    jar.load(ignore_discard=True)

    (own,), (below,) = jar.find("own"), jar.find("below")
    assert (own.domain, own.host_only, own.http_only, own.expires) == (
        "www.example.test",
        True,
        True,
        None,
    )
    assert (below.domain, below.path, below.value) == (".example.test", "/x", "a=b c\xe9")
    assert below.expires is not None
    assert below.expires > time.time()


# --- the jar


def test_what_a_server_set_is_sent_again_after_loading(tmp_path):
    path = tmp_path / "cookies.txt"
    jar = jar_at(path, "b=2; Path=/", "a=1; Path=/", "long=3; Path=/x", "nameless; Path=/")
    jar.save(ignore_discard=True)
    again = MozillaCookieJar(path)
    again.load(ignore_discard=True)

    pairs = [(cookie.name, cookie.value) for cookie in jar.cookies_for("http://127.0.0.1/x")]
    assert pairs == [("long", "3"), ("b", "2"), ("a", "1"), ("", "nameless")]
    found = again.cookies_for("http://127.0.0.1/x")
    assert [(cookie.name, cookie.value) for cookie in found] == pairs


def test_a_tab_that_a_server_put_into_a_value_keeps_no_other_cookie_out(tmp_path):
    jar = jar_at(tmp_path / "cookies.txt", "odd=a\tb; Path=/", "a=1; Path=/")
    jar.save(ignore_discard=True)

    (left_out,) = jar.skipped
    assert "odd" in left_out
    jar.revert(ignore_discard=True)
    assert jar.as_dict() == {"a": "1"}


def test_a_file_of_another_form_is_refused(tmp_path):
    path = tmp_path / "cookies.txt"
    path.write_text("#LWP-Cookies-2.0\nSet-Cookie3: a=b; path=/; domain=example.com\n")

    with pytest.raises(LoadError, match="line 2: 1 columns") as caught:
        MozillaCookieJar(path).load()
    assert caught.value.number == 2


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "cookies.txt"
    path.touch()

    with pytest.raises(LoadError, match="it is empty"):
        MozillaCookieJar(path, on_fault="skip").load()


def test_bytes_that_are_no_utf_8_are_kept(tmp_path):
    path = tmp_path / "cookies.txt"
    path.write_bytes(b"example.com\tFALSE\t/\tFALSE\t0\ta\t\xff\xe9\r\n")
    jar = MozillaCookieJar(path)
    jar.load(ignore_discard=True)

    assert jar["a"] == "\xff\xe9"


@pytest.mark.parametrize("mark", ["\ufeff", "\xef\xbb\xbf"])
def test_a_mark_before_the_text_is_passed_over(mark):
    text = f"{mark}.example.com\tTRUE\t/\tFALSE\t0\ta\tb\n"
    assert read_one(text).domain == ".example.com"
    assert [cookie.name for cookie in read(f"{mark}{HEADER}{text.removeprefix(mark)}")] == ["a"]


@pytest.mark.parametrize("domain", ["127.0.0.1", ".127.0.0.1"])
def test_an_address_has_no_subdomains_whatever_the_line_says(domain):
    cookie = read_one(f"{domain}\tTRUE\t/\tFALSE\t0\ta\tb\n")
    assert (cookie.domain, cookie.domain_specified, cookie.host_only) == ("127.0.0.1", False, True)
