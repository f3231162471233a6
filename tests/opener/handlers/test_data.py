"""DataHandler: what stands in a data: URL, as a reply."""

import base64
import email.message
import io
import json
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.client import InvalidURL
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http import OpenerDirector, Request
from mini_http.base import errors
from mini_http.opener.handlers.data import DataHandler

TEXT = "text/plain;charset=US-ASCII"


def opened(url):
    opener = OpenerDirector()
    opener.add_handler(DataHandler())
    return opener.open(url)


@pytest.mark.parametrize(
    ("url", "content", "kind"),
    [
        ("data:,", b"", TEXT),
        ("data:,a%20b%00", b"a b\0", TEXT),
        ("data:,a b,c", b"a b,c", TEXT),
        ("data:,a+b", b"a+b", TEXT),
        ("data:,100%", b"100%", TEXT),
        ("data:,Grüße", "Grüße".encode(), TEXT),
        ("data:,a%0D%0Ab", b"a\r\nb", TEXT),
        ("DATA:,a", b"a", TEXT),
        ("data:text/html,<p>a", b"<p>a", "text/html"),
        ("data:text/plain;charset=UTF-8,%C3%BC", b"\xc3\xbc", "text/plain;charset=UTF-8"),
        ("data:;charset=UTF-8,a", b"a", "text/plain;charset=UTF-8"),
        ("data: text/html ,a", b"a", "text/html"),
        ("data:;base64,", b"", TEXT),
        ("data:;base64,Zm9v", b"foo", TEXT),
        ("data:;base64,Zm9vYg==", b"foob", TEXT),
        ("data:;BASE64,Zm9v", b"foo", TEXT),
        ("data:;base64 ,Zm9v", b"foo", TEXT),
        ("data:;base64,%5am9vYg%3D%3D", b"foob", TEXT),
        ("data:;base64,%2B/%2b/", b"\xfb\xff\xbf", TEXT),
        ("data:;base64,Zm9v%0A %20%0d%09Yg==%0A", b"foob", TEXT),
        ("data:;base64,Zm9v\nYg==", b"foob", TEXT),
        ("data:,a\tb\nc", b"a\tb\nc", TEXT),
        ("data:image/png;base64,iVBORw==", b"\x89PNG", "image/png"),
        ("data:text/plain;charset=x;base64,Zm9v", b"foo", "text/plain;charset=x"),
        ("data:text/plain;a=b;base64;c=d,Zm9v", b"Zm9v", "text/plain;a=b;base64;c=d"),
        ("data:base64,Zm9v", b"Zm9v", "base64"),
        ("data:text/css,a{color:#fff}", b"a{color:#fff}", "text/css"),
        ("data://host/a,b?c", b"b?c", "//host/a"),
        (" data:,a ", b"a", TEXT),
        ("<URL:data:,a>", b"a", TEXT),
    ],
)
def test_what_stands_in_a_url(url, content, kind):
    reply = opened(url)
    assert reply.headers.items() == [
        ("Content-type", kind),
        ("Content-length", str(len(content))),
    ]
    assert reply.read() == content
    assert reply.url == reply.geturl() == url.strip(" <>").removeprefix("URL:")
    assert reply.status is reply.getcode() is None


def test_the_parts_of_the_type_are_had_from_the_headers():
    headers = opened("data:text/html;charset=UTF-8,").info()
    assert isinstance(headers, email.message.Message)
    assert headers.get_params() == [("text/html", ""), ("charset", "UTF-8")]
    assert headers.get_content_charset() == "utf-8"


@pytest.mark.parametrize("reading", [json.load, lambda reply: json.load(io.TextIOWrapper(reply))])
def test_it_is_read_as_a_file(reading):
    assert reading(opened('data:application/json,{"a": [1, 2]}')) == {"a": [1, 2]}


@given(st.binary(max_size=100), st.booleans())
def test_whatever_was_written_is_read(content, folded):
    encode = base64.encodebytes if folded else base64.b64encode
    coded = urllib.parse.quote(encode(content))
    assert opened(f"data:;base64,{coded}").read() == content
    assert opened(f"data:,{urllib.parse.quote(content)}").read() == content


# --- what is no data: URL


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("data:", "no comma"),
        ("data:text/plain", "no comma"),
        ("data:;base64", "no comma"),
        ("data:;base64,Cg=", "base64"),
        ("data:;base64,Zm9vYg", "base64"),
        ("data:;base64,Z", "base64"),
        ("data:;base64,====", "base64"),
        ("data:;base64,Zg==Zg==", "base64"),
        ("data:;base64,Zm9v=", "base64"),
        ("data:;base64,Zm9v====", "base64"),
        ("data:;base64,Zm-_", "base64"),
        ("data:;base64,Zm9v!", "base64"),
        ("data:;base64,Grüße", "base64"),
        ("data:,\ud800", "surrogates"),
    ],
)
def test_what_is_malformed_is_an_error(url, message):
    with pytest.raises(errors.InvalidURL, match=message) as caught:
        opened(url)
    for kind in (ValueError, urllib.error.URLError, InvalidURL):
        assert isinstance(caught.value, kind)


def test_an_error_shows_no_content():
    with pytest.raises(errors.InvalidURL) as caught:
        opened("data:;base64,SECRET=")
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("control", ["\r\nX-Injected: 1", "\n", "\0", "\x7f"])
def test_no_header_is_smuggled_in_by_the_type(control):
    # A request that is not checked, as urllib's: CVE-2025-15282.
    for request in (
        SimpleNamespace(full_url=f"data:text/html{control},a"),
        urllib.request.Request(f"data:text/html{control},a"),
    ):
        with pytest.raises(errors.InvalidURL, match="control characters"):
            DataHandler().data_open(request)


def test_control_characters_in_what_is_no_header_stay():
    request = urllib.request.Request("data:text/html,one\r\ntwo")
    assert DataHandler().data_open(request).read() == b"one\r\ntwo"


@given(st.text(alphabet=st.characters(exclude_categories=["Cc"]), max_size=30))
def test_no_other_error_escapes(text):
    try:
        length = opened(f"data:{text}").headers["Content-length"]
    except urllib.error.URLError:
        length = "0"
    assert length.isdigit()


# --- with urllib's


def test_in_an_opener_of_urllib_it_comes_before_urllibs_own():
    reply = urllib.request.build_opener(DataHandler).open("data:,a")
    assert type(reply).__module__ == "mini_http.opener.replies"
    assert reply.read() == b"a"


def test_requests_of_both_are_opened():
    for request in (Request("data:,a"), urllib.request.Request("data:,a")):
        assert DataHandler().data_open(request).read() == b"a"


ONE_URL = """
import sys
from mini_http.opener.handlers.data import DataHandler
from mini_http.opener.request import Request
assert DataHandler().data_open(Request("data:;base64,Zm9v")).read() == b"foo"
assert not {"email", "urllib.request", "base64", "tempfile", "socket"} & sys.modules.keys()
"""


def test_it_needs_little():
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", ONE_URL], cwd=root, check=False)
    assert done.returncode == 0
