"""URL: what is split, quoted, refused and joined, and how.

The parts before the path are tested in test_authority.py, percent-encoding in test_escapes.py. The
URLs of support/web_platform.py follow the URL standard of WHATWG; where RFC 3986 or our rules have
it otherwise, a table below says why.
"""

import copy
import pickle
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.web_platform import URLS, needs_idna

from mini_http.base import errors, url
from mini_http.base.errors import InvalidURL
from mini_http.base.url import URL

ROOT = Path(__file__).parent.parent.parent


# --- splitting


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "http://example.com",
            {
                "scheme": "http",
                "netloc": "example.com",
                "path": "/",
                "query": None,
                "fragment": None,
            }
            | {"username": None, "password": None, "host": "example.com", "port": 80}
            | {"authority": "example.com", "origin": ("http", "example.com", 80), "target": "/"},
        ),
        (
            "HTTPS://User:Pass%3A@WWW.Example.com:8443/a/../b;p?q=1?#f?",
            {"scheme": "https", "netloc": "User:Pass%3A@www.example.com:8443", "path": "/a/../b;p"}
            | {
                "query": "q=1?",
                "fragment": "f?",
                "username": "User",
                "password": "Pass:",
                "port": 8443,
            }
            | {"host": "www.example.com", "authority": "www.example.com:8443"}
            | {"origin": ("https", "www.example.com", 8443), "target": "/a/../b;p?q=1?"},
        ),
        ("http://h?", {"path": "/", "query": "", "fragment": None, "target": "/?"}),
        ("http://h#", {"path": "/", "query": None, "fragment": "", "target": "/"}),
        ("http://h?a/b?c", {"path": "/", "query": "a/b?c", "target": "/?a/b?c"}),
        ("http://h/%7Ea/%zz/100%", {"path": "/%7Ea/%zz/100%"}),
        ("  http://h/  ", {"host": "h", "path": "/"}),
        (
            "file:///etc/hosts",
            {"scheme": "file", "netloc": "", "host": "", "path": "/etc/hosts", "port": None},
        ),
        (
            "file://localhost/x",
            {"netloc": "localhost", "host": "localhost", "authority": "localhost"},
        ),
        ("data:,a?b", {"netloc": None, "host": "", "path": ",a", "query": "b", "authority": ""}),
        (
            "mailto:a@b.org",
            {"netloc": None, "path": "a@b.org", "username": None, "target": "a@b.org"},
        ),
        ("ftp://h/x", {"port": 21, "authority": "h", "origin": ("ftp", "h", 21)}),
        ("ftps://h/x", {"port": 990, "authority": "h"}),
        ("gopher://h", {"port": 70, "path": "/"}),
        (
            "svn+ssh://h",
            {"port": None, "path": "", "authority": "h", "origin": ("svn+ssh", "h", None)},
        ),
        ("svn+ssh://h:22/x", {"port": 22, "authority": "h:22", "netloc": "h:22"}),
        ("http://a_b.example.", {"host": "a_b.example."}),
        ("http://a%62c.EXAMPLE/", {"host": "abc.example", "netloc": "abc.example"}),
        ("http://a!$&'()*+,;=b/", {"host": "a!$&'()*+,;=b"}),
    ],
)
def test_a_url_is_split_into_parts_and_what_follows_from_them(text, expected):
    parsed = URL.parse(text)
    assert {name: getattr(parsed, name) for name in expected} == expected


def test_what_has_neither_userinfo_nor_fragment_is_given_back_as_it_is():
    plain, opaque = URL.parse("http://h/x"), URL.parse("mailto:a@b")
    assert plain.without_userinfo() is plain
    assert plain.without_fragment() is plain
    assert opaque.without_userinfo() is opaque


def test_only_user_and_password_go_from_a_url_without_userinfo():
    assert str(URL.parse("http://u:p@h:81/x?y#z").without_userinfo()) == "http://h:81/x?y#z"


def test_only_the_fragment_goes_from_a_url_without_fragment():
    assert str(URL.parse("http://u:p@h/x?y#z").without_fragment()) == "http://u:p@h/x?y"


@pytest.mark.parametrize(
    ("text", "absolute"),
    [
        ("http://u:p@Example.com:80/a?b#c", "http://example.com/a?b"),
        ("https://[fe80::1%25eth0]:8443", "https://[fe80::1]:8443/"),
        ("ftp://u@h/x;type=a", "ftp://h/x;type=a"),
        ("file:///x", "file:///x"),
        ("mailto:a@b", "mailto:a@b"),
    ],
)
def test_the_absolute_form_for_a_proxy_has_neither_userinfo_nor_fragment_nor_zone(text, absolute):
    assert URL.parse(text).absolute == absolute


@pytest.mark.parametrize(
    "text",
    [
        "http://",
        "http:///x",
        "http:/h/x",
        "http:h",
        "http:",
        "https://?x",
        "ftp:///x",
        "http+unix:///x",
        "http+unix:x",
        "ws:x",
        "gopher:///",
    ],
)
def test_a_server_s_url_without_host_is_refused(text):
    with pytest.raises(InvalidURL, match=r"^no host given"):
        URL.parse(text)


# --- what is refused or quoted elsewhere


CONTROLS = [chr(code) for code in (*range(0x20), 0x7F)]


@pytest.mark.parametrize(
    "template",
    [
        "http://h:8080/x?a={} HTTP/1.1\r\nX-injected: 1\r\n",  # CVE-2019-9740
        "http://h/{}x",  # CVE-2019-9947
        "http://h/{}?x",
        "http://h{}.example/",  # CVE-2019-18348
        "http://h:80{}80/",
        "http://u{}:p@h/",
        "http://h/{}",  # CVE-2026-1502: nothing is left at the end of a host or target either
        "http://h{}",
        "{}http://h/",  # CVE-2023-24329: nothing before the scheme hides it from a list of schemes
        "ht{}tp://h/",
        "http{}://h/",
        "{}file:///etc/passwd",
        "data:text/{}html,x",  # CVE-2025-15282
        "http://h/#{}",
    ],
)
def test_a_control_character_anywhere_is_refused(template):
    for control in CONTROLS:
        text = template.replace("{}", control)
        with pytest.raises(InvalidURL, match=r"^URL can't contain control characters"):
            URL.parse(text)
        with pytest.raises(InvalidURL, match=r"^URL can't contain control characters"):
            URL.parse("http://h/").join(text)


def test_the_message_about_a_control_character_is_that_of_the_standard_library():
    with pytest.raises(errors.URLError) as caught:
        URL.parse("http://h/a\nb\r")
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, InvalidURL)
    assert str(caught.value) == (
        r"URL can't contain control characters. 'http://h/a\nb\r' (found at least '\n')"
    )


def test_a_blank_before_a_control_character_is_what_is_found_as_in_the_standard_library():
    with pytest.raises(InvalidURL, match=r"contain control.*\\r.*\(found at least ' '\)"):
        URL.parse("http://localhost:7777?a=1 HTTP/1.1\r\nX-injected: header\r\nTEST: 123")


@pytest.mark.parametrize(
    ("text", "schemes_name"),
    [
        ("  file:///etc/passwd", "file"),  # CVE-2023-24329
        ("FILE:///etc/passwd", "file"),
        ("http://h/", "http"),
    ],
)
def test_the_scheme_can_be_compared_with_a_list(text, schemes_name):
    assert URL.parse(text).scheme == schemes_name


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "h",
        "h/x",
        "/x",
        "//h/x",
        "?x",
        "#x",
        ":x",
        "://h",
        "1http://h/",
        "-x:y",
        "hötp://h/",
        "local_file:///etc/passwd",
        "ht tp://h/",
        "<URL:http://h/>",
        "[::1]:80",
        "é:x",
    ],
)  # local_file: CVE-2019-9948
def test_a_text_without_a_scheme_is_of_unknown_url_type(text):
    with pytest.raises(ValueError, match=r"^unknown url type: ") as caught:
        URL.parse(text)
    assert str(caught.value) == f"unknown url type: {text!r}"


def test_path_query_and_fragment_are_quoted():
    parsed = URL.parse("http://h/ä b\\c[1]?ä=[1]|\\#ä #")
    assert parsed.target == "/%C3%A4%20b%5Cc%5B1%5D?%C3%A4=%5B1%5D%7C%5C"
    assert parsed.fragment == "%C3%A4%20%23"


@pytest.mark.parametrize(
    "text",
    [
        "http://" + "@" * 300_000 + "/x",  # CVE-2021-33503
        "http://" + "@:" * 300_000,
        "http://" + ":" * 300_000 + "\n",
        "http://" + "a:" * 300_000 + "@\n",
        "http://h/" + "a@b:" * 100_000 + "\n",
        "http://" + "[" * 300_000,
        "http://[" + "%25" * 100_000,
        "http://" + "%" * 300_000,
        "a" * 300_000,
        ("a" * 300_000) + "\n",
    ],
    ids=range(10),
)
def test_long_and_hostile_texts_are_refused_without_backtracking(text):
    with pytest.raises(InvalidURL):
        URL.parse(text)


def test_a_long_way_up_is_walked_once():
    assert URL.parse("http://h/a/b").join("../" * 100_000 + "c").path == "/c"
    assert URL.parse("http://h" + "/a" * 100_000 + "/.." * 99_999).normalized().path == "/a/"


# --- secrets in messages


@pytest.mark.parametrize("text", ["http://u:secret@h/x#f", "http://u:se:cr@et@h/x#f"])
def test_repr_masks_the_password_and_str_does_not(text):
    parsed = URL.parse(text)
    assert repr(parsed) == "URL('http://u:***@h/x#f')"
    assert URL.parse(str(parsed)).password == parsed.password


def test_repr_without_a_password_is_the_text():
    assert repr(URL.parse("mailto:a@b")) == "URL('mailto:a@b')"
    assert repr(URL.parse("http://u@h/a:b@c")) == "URL('http://u@h/a:b@c')"
    assert repr(URL.parse("file:///x")) == "URL('file:///x')"


# --- joining


BASE = URL.parse("http://a/b/c/d;p?q")

RFC_3986_5_4 = {
    # 5.4.1, normal examples
    "g": "http://a/b/c/g",
    "./g": "http://a/b/c/g",
    "g/": "http://a/b/c/g/",
    "/g": "http://a/g",
    "//g": "http://g/",  # the examples have no slash; an empty path of http is one (section 6.2.3)
    "?y": "http://a/b/c/d;p?y",
    "g?y": "http://a/b/c/g?y",
    "#s": "http://a/b/c/d;p?q#s",
    "g#s": "http://a/b/c/g#s",
    "g?y#s": "http://a/b/c/g?y#s",
    ";x": "http://a/b/c/;x",
    "g;x": "http://a/b/c/g;x",
    "g;x?y#s": "http://a/b/c/g;x?y#s",
    "": "http://a/b/c/d;p?q",
    ".": "http://a/b/c/",
    "./": "http://a/b/c/",
    "..": "http://a/b/",
    "../": "http://a/b/",
    "../g": "http://a/b/g",
    "../..": "http://a/",
    "../../": "http://a/",
    "../../g": "http://a/g",
    "g:h": "g:h",
    # 5.4.2, abnormal examples
    "../../../g": "http://a/g",
    "../../../../g": "http://a/g",
    "/./g": "http://a/g",
    "/../g": "http://a/g",
    "g.": "http://a/b/c/g.",
    ".g": "http://a/b/c/.g",
    "g..": "http://a/b/c/g..",
    "..g": "http://a/b/c/..g",
    "./../g": "http://a/b/g",
    "./g/.": "http://a/b/c/g/",
    "g/./h": "http://a/b/c/g/h",
    "g/../h": "http://a/b/c/h",
    "g;x=1/./y": "http://a/b/c/g;x=1/y",
    "g;x=1/../y": "http://a/b/c/y",
    "g?y/./x": "http://a/b/c/g?y/./x",
    "g?y/../x": "http://a/b/c/g?y/../x",
    "g#s/./x": "http://a/b/c/g#s/./x",
    "g#s/../x": "http://a/b/c/g#s/../x",
}


@pytest.mark.parametrize(("reference", "joined"), RFC_3986_5_4.items())
def test_the_examples_of_rfc_3986_are_joined_as_it_says(reference, joined):
    assert str(BASE.join(reference)) == joined


def test_a_reference_of_the_same_scheme_is_absolute_as_strict_parsers_have_it():
    # the last example of RFC 3986 section 5.4.2; what it gives is no URL of a server
    with pytest.raises(InvalidURL, match=r"^no host given"):
        BASE.join("http:g")
    assert str(URL.parse("foo://a/b").join("foo:g")) == "foo:g"


@pytest.mark.parametrize(
    ("base", "reference", "joined"),
    [
        ("http://u:p@h:81/a", "b", "http://u:p@h:81/b"),
        ("http://u:p@h/a", "//g/b", "http://g/b"),
        ("http://h/a?q#f", "", "http://h/a?q"),
        ("http://h/a?q#f", "?", "http://h/a?"),
        ("http://h/a", " b c ", "http://h/b%20c"),
        ("http://h/a", "ä\\b", "http://h/%C3%A4%5Cb"),
        ("http://h/a", "/\\evil/", "http://h/%5Cevil/"),
        ("http://h/a", "https://G/../b", "https://g/b"),
        ("http://h/a", "%2e%2e/b", "http://h/%2e%2e/b"),
        ("http://h/a/b", "1:2", "http://h/a/1:2"),
        ("foo://h", "b", "foo://h/b"),
        ("foo://h", "../b", "foo://h/b"),
        ("file:///a/b", "c", "file:///a/c"),
        ("file:///a/b", "//h/c", "file://h/c"),
        ("http://h/", "data:,a/../b", "data:,a/../b"),
        ("mailto:a", "b", "mailto:b"),
        ("foo:/a/b", "..//c", "foo:/.//c"),
        ("http+unix://%2Fs/a", "b", "http+unix://%2Fs/b"),
    ],
)
def test_a_reference_is_joined_to_any_base(base, reference, joined):
    assert str(URL.parse(base).join(reference)) == joined


@pytest.mark.parametrize("reference", ["//h:x/", "//h\\x/", "//", "//[x]/", "http://", "\ud800"])
def test_a_reference_is_checked_as_a_url_is(reference):
    with pytest.raises(InvalidURL):
        BASE.join(reference)


def remove_dot_segments(path: str) -> str:
    """RFC 3986 section 5.2.4, step by step as it stands there."""
    output = ""
    while path:
        if path.startswith("../"):
            path = path[3:]
        elif path.startswith(("./", "/./")):
            path = path[2:]
        elif path == "/.":
            path = "/"
        elif path.startswith("/../") or path == "/..":
            path = "/" + path[4:]
            output = output[: max(output.rfind("/"), 0)]
        elif path in {".", ".."}:
            path = ""
        else:
            end = path.find("/", 1)
            end = len(path) if end < 0 else end
            output, path = output + path[:end], path[end:]
    return output


@settings(deadline=None, max_examples=1000)
@given(st.text("./a", max_size=20))
@example("mid/content=5/../6")
@example("/a/b/c/./../../g")
def test_dot_segments_go_as_the_steps_of_rfc_3986_remove_them(path):
    assert url._without_dots(path) == remove_dot_segments(path)


# --- comparing


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("http://h/a/%2E%2e/b/./c/..", "http://h/b/"),
        ("http://[fe80::1%25eth0]/", "http://[fe80::1%25eth0]/"),
        ("http+unix://%2fa/../b", "http+unix://%2Fa/b"),
        ("data:,a/../b", "data:,a/../b"),
        ("foo:/a/..//b", "foo:/.//b"),
    ],
)
def test_the_normalised_form_is_that_of_rfc_3986(text, normalised):
    assert str(URL.parse(text).normalized()) == normalised


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://h", "http://h/"),
        ("HTTP://H:80/x", "http://h/x"),
        ("http://h:/x", "http://h/x"),
        ("http://[0:0::1]/", "http://[::1]/"),
        ("http://é.com/ ü", "http://xn--9ca.com/%20%C3%BC"),
        ("http+unix://%2fa/", "http+unix://%2Fa/"),
    ],
)
def test_urls_with_equal_parts_are_equal(one, other):
    assert URL.parse(one) == URL.parse(other)
    assert hash(URL.parse(one)) == hash(URL.parse(other))


@pytest.mark.parametrize(
    "other",
    [
        "http://h/X",
        "https://h:80/x",
        "http://h/x?",
        "http://h/x#",
        "http://u@h/x",
        "http://h:81/x",
        "http://h/%78",
        "http://h./x",
    ],
)
def test_urls_with_different_parts_are_not_equal(other):
    assert URL.parse("http://h/x") != URL.parse(other)


def test_a_url_is_no_text():
    assert URL.parse("http://h/x") != "http://h/x"


# --- the value


def test_the_constructor_quotes_and_checks():
    made = URL("HTTP", "H:80", "/a b?c", "d\n", "#")
    assert str(made) == "http://h/a%20b%3Fc?d%0A#%23"
    assert URL("http", "h") == URL.parse("http://h")
    for arguments in [
        ("ht tp", "h"),
        ("http", None),
        ("http", "h\n"),
        ("http", "a/b"),
        ("x", "h", "p"),
    ]:
        with pytest.raises(InvalidURL):
            URL(*arguments)


def test_replace_makes_another_url_and_works_out_what_follows():
    first = URL.parse("http://u:p@h/a?b#c")
    second = first.replace(netloc="[::1]:81", query=None)
    assert str(second) == "http://[::1]:81/a#c"
    assert (second.host, second.port, second.username) == ("::1", 81, None)
    assert second.target == "/a"
    assert str(first) == "http://u:p@h/a?b#c"


@pytest.mark.parametrize("name", ["path", "target", "host", "anything"])
def test_a_url_is_frozen(name):
    parsed = URL.parse("http://h/")
    with pytest.raises(AttributeError):
        setattr(parsed, name, "x")
    assert str(parsed) == "http://h/"


@pytest.mark.parametrize("text", ["http://h/x", "http://u:p@[fe80::1%25e]:81/?q#f", "data:,x"])
def test_a_url_survives_copy_and_pickle(text):
    parsed = URL.parse(text)
    for twin in (copy.copy(parsed), pickle.loads(pickle.dumps(parsed))):
        assert twin == parsed
        assert (twin.target, twin.origin, twin.authority) == (
            parsed.target,
            parsed.origin,
            parsed.authority,
        )


def test_a_url_is_parsed_once_unless_it_is_long():
    short, long = "http://h/cached", "data:," + "x" * 3000
    assert URL.parse(short) is URL.parse(short)
    assert URL.parse(long) is not URL.parse(long)
    assert URL.parse(long) == URL.parse(long)


def test_importing_the_module_loads_nothing_else():
    code = (
        "import re, functools, sys\n"
        "import mini_http.base.value\n"
        "before = set(sys.modules)\n"
        "from mini_http.base.url import URL\n"
        "URL.parse('http://h/'), URL.parse('HTTP://u:p@h:81/ä b?c#d')\n"
        "print(sorted(set(sys.modules) - before))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    own = ["mini_http.base.authority", "mini_http.base.escapes", "mini_http.base.url"]
    assert run.stdout.strip() == str(own)


# --- what holds for any text


PIECES = [*"htpf:/?#@[]%.\\ -_~aAé\n|{1", "http", "https", "file", "http+unix", "data", "://", "//"]
PIECES += ["::1", "[::1]", "fe80::1%25e", "%2F", "%25", "%0A", "%C3%A9", "%ff", "..", "/../", "/./"]
PIECES += [
    "80",
    "65536",
    "0x7f",
    "xn--",
    "ß",
    "\uff0f",
    "\uff20",
    "\uff1a",
    "\u3002",
    "\u200d",
    "\xad",
    "\ud800",
    "😀",
]

texts = st.text(max_size=40) | st.lists(st.sampled_from(PIECES) | st.characters(), max_size=14).map(
    "".join
)
url_texts = texts | st.builds(
    "{}://{}{}".format, st.sampled_from(["http", "https", "foo", "http+unix", "FTP"]), texts, texts
)
plain_texts = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https"]),
    st.text("abz09.-_", min_size=1, max_size=12) | st.sampled_from(["a" * 253, "a" * 254]),
    st.sampled_from(["", ":", ":80", ":443", ":8080", ":00080", ":65535", ":65536", ":000080"]),
    st.sampled_from(["", "/", "?", "#"]).flatmap(
        lambda first: st.text("ab/?#%.:@!~[ é", max_size=12).map(lambda rest: first + rest)
    ),
)

VISIBLE = re.compile(r"[!-~]*")


def parse_or_none(text: str) -> URL | None:
    try:
        return URL.parse(text)
    except InvalidURL:
        return None


@settings(deadline=None, max_examples=1500)
@given(url_texts)
@example("http://a%2fb/")
@example("http+unix://%25/")
@example("foo:////x")
def test_any_text_is_a_url_or_an_invalid_one(text):
    parsed = parse_or_none(text)
    if parsed is None:
        return
    assert URL.parse(str(parsed)) == parsed
    assert str(URL.parse(str(parsed))) == str(parsed)
    for sent in (parsed.target, parsed.authority, parsed.absolute, str(parsed)):
        assert VISIBLE.fullmatch(sent)
    assert not set(parsed.target) & set('#"<>\\^`{|}[]')
    assert not set(parsed.authority) & set('/?#@"<>\\^`{|}%')
    if parsed.scheme in url.DEFAULT_PORTS:
        assert parsed.host
        assert parsed.target.startswith("/")
        assert isinstance(parsed.port, int)


@settings(deadline=None, max_examples=1000)
@given(url_texts, texts)
def test_any_reference_joined_to_any_url_is_a_url_or_an_invalid_one(text, reference):
    parsed = parse_or_none(text)
    if parsed is None:
        return
    try:
        joined = parsed.join(reference)
    except InvalidURL:
        return
    assert URL.parse(str(joined)) == joined


@settings(deadline=None, max_examples=1000)
@example("", "b?c#d")
@example("", " b ")
@example("http://H:80", "b\x00")
@example("https://u:p@h:1", "\\b")
@example("http://", "b")
@example("http://h:99999", "b")
@given(
    st.sampled_from(["", "http://h", "https://u:p@H:443", "http://", "http://h:x", "HTTP://h"]),
    texts,
)
def test_a_reference_with_dot_segments_means_the_same_without_them(place, path):
    if not place and path.startswith("/"):
        return  # two slashes: what follows is a host
    joined = []
    for segment in ("", "/."):
        try:
            joined.append(str(BASE.join(f"{place}{segment}/{path}")))
        except InvalidURL:
            joined.append("")
    assert joined[0] == joined[1]


@settings(deadline=None, max_examples=1000)
@given(url_texts)
@example("http://h/%4%31")
@example("foo:/.//a/..//b")
def test_the_normalised_form_of_any_url_is_normalised(text):
    parsed = parse_or_none(text)
    if parsed is None:
        return
    normalised = parsed.normalized()
    assert normalised.normalized() == normalised
    assert normalised.origin == parsed.origin
    assert (normalised.username, normalised.password) == (parsed.username, parsed.password)


@settings(deadline=None, max_examples=1500)
@given(plain_texts | url_texts)
def test_the_quick_scan_finds_what_the_thorough_one_does(text):
    quick = url._scan_plain(text)
    if quick is None:
        return
    thorough = url._scan_any(text)
    assert quick == thorough
    for name in ("username", "password", "host", "port", "authority", "origin", "target"):
        assert getattr(quick, name) == getattr(thorough, name)


# --- web platform tests


REFUSED = {
    "URL can't contain control characters": "WHATWG drops or quotes them",
    "no host given": "WHATWG supplies the slashes, or the base's host, for http:x and http:///x",
    "host can't contain '\\\\'": "WHATWG reads a backslash before the path as a slash",
    "userinfo can't contain": "WHATWG quotes blanks and brackets in userinfo",
    "host is no valid name": "WHATWG takes what no reg-name of RFC 3986 has, or a drive letter",
    "can't be encoded": "IDNA 2008 has no symbols, and rules about hyphens and lengths",
    "host is longer than 253 bytes": "WHATWG leaves lengths to others",
}
"""What the message says where we refuse and WHATWG does not, and why."""

ACCEPTED = {
    "number": "WHATWG takes a host whose last label is a number for IPv4; here it is a name",
    "opaque base": "WHATWG joins nothing to a URL without a slash; RFC 3986 section 5.2 does",
    "port of file": "WHATWG allows no port in file URLs",
}
"""Why we accept what WHATWG refuses."""

DIFFERENT = {
    "normalised": "the same by RFC 3986 section 6.2.2: WHATWG removes dot segments and quotes less",
    "number": "WHATWG rewrites a number as an IPv4 address",
    "file": "WHATWG knows drive letters, drops localhost, and supplies slashes after file:",
    "backslash": "WHATWG reads a backslash in the path as a slash",
    "colon in userinfo": "WHATWG drops the colon of an empty password and quotes all but the first",
    "apostrophe": "WHATWG quotes an apostrophe in the query; RFC 3986 allows it",
}
"""Why we make of a text another URL than WHATWG."""


def verdict(case: dict) -> tuple[str, str]:
    """Which of these tables holds the reason why a case comes out otherwise here, and its key."""
    try:
        base = URL.parse(case["base"]) if case["base"] is not None else None
        parsed = base.join(case["input"]) if base else URL.parse(case["input"])
    except InvalidURL as error:
        if case.get("failure"):
            return "same", "failure"
        return "refused", next(part for part in REFUSED if part in str(error))
    is_number = re.fullmatch(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?", parsed.host)
    if case.get("failure"):
        if is_number:
            return "accepted", "number"
        if base and not base.path.startswith("/"):
            return "accepted", "opaque base"
        assert (parsed.scheme, parsed.port) == ("file", 1)
        return "accepted", "port of file"
    if str(parsed) == case["href"]:
        assert parts_as_whatwg_names_them(parsed).items() <= case.items()
        return "same", "href"
    if parsed.normalized() == URL.parse(case["href"]).normalized():
        return "different", "normalised"
    if is_number:
        return "different", "number"
    if parsed.scheme == "file":
        return "different", "file"
    if "\\" in case["input"]:
        assert "%5C" in str(parsed)
        return "different", "backslash"
    if re.search(r":@|::", case["input"]):
        return "different", "colon in userinfo"
    assert "'" in str(parsed)
    return "different", "apostrophe"


def parts_as_whatwg_names_them(parsed: URL) -> dict[str, str]:
    is_default = parsed.port == url.DEFAULT_PORTS.get(parsed.scheme)
    return {
        "protocol": f"{parsed.scheme}:",
        "host": parsed.authority,
        "hostname": f"[{parsed.host}]" if ":" in parsed.host else parsed.host,
        "port": "" if is_default else str(parsed.port),
        # WHATWG adds the dot, which keeps a path from being read as a host, only in the text
        "pathname": re.sub("^/[.]//", "//", parsed.path),
        "search": f"?{parsed.query}" if parsed.query else "",
        "hash": f"#{parsed.fragment}" if parsed.fragment else "",
    }


@pytest.mark.parametrize("number", range(len(URLS)))
def test_a_url_of_the_web_platform_tests_comes_out_as_there_or_differs_for_a_reason(number):
    outcome, reason = verdict(URLS[number])
    known = {"same": {"href", "failure"}, "refused": REFUSED, "accepted": ACCEPTED}
    assert reason in {**known, "different": DIFFERENT}[outcome]


@needs_idna
def test_so_many_urls_of_the_web_platform_tests_differ_for_each_reason():
    assert Counter(map(verdict, URLS)) == {
        ("same", "href"): 348,
        ("same", "failure"): 219,
        ("refused", "URL can't contain control characters"): 36,
        ("refused", "no host given"): 51,
        ("refused", "host can't contain '\\\\'"): 4,
        ("refused", "userinfo can't contain"): 5,
        ("refused", "host is no valid name"): 7,
        ("refused", "can't be encoded"): 3,
        ("accepted", "number"): 37,
        ("accepted", "opaque base"): 10,
        ("accepted", "port of file"): 1,
        ("different", "normalised"): 74,
        ("different", "number"): 16,
        ("different", "file"): 64,
        ("different", "backslash"): 8,
        ("different", "colon in userinfo"): 7,
        ("different", "apostrophe"): 1,
    }
