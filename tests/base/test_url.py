"""URL: what is split, quoted, refused and joined, and how.

tests/data/wpt_urltestdata.json holds the URLs, host names and percent-encodings that browsers are
tested with: web-platform-tests/wpt url/resources, by way of ada-url/ada tests/wpt at commit
308110b26b32d12db492d460a41e57932366269d, BSD-3-Clause (web-platform-tests contributors). They
follow the URL standard of WHATWG; where RFC 3986 or our rules have it otherwise, a table below says
why.
"""

import copy
import json
import pickle
import re
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mini_http.base import authority, errors, url
from mini_http.base.errors import InvalidURL
from mini_http.base.url import URL, quote_illegal

ROOT = Path(__file__).parent.parent.parent
needs_idna = pytest.mark.skipif(find_spec("idna") is None, reason="the idna package is not there")
WPT = json.loads((ROOT / "tests" / "data" / "wpt_urltestdata.json").read_text())


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


@pytest.mark.parametrize(
    ("text", "username", "password", "normalised"),
    [
        ("http://u@h/", "u", None, "http://u@h/"),
        ("http://u:@h/", "u", "", "http://u:@h/"),
        ("http://:p@h/", "", "p", "http://:p@h/"),
        ("http://@h/", None, None, "http://h/"),
        ("http://u:p:q@h/", "u", "p:q", "http://u:p:q@h/"),
        ("http://u:p@q@h/", "u", "p@q", "http://u:p%40q@h/"),
        ("http://%75:%C3%A9@h/", "u", "é", "http://%75:%C3%A9@h/"),
        ("http://ü:ß@h/", "ü", "ß", "http://%C3%BC:%C3%9F@h/"),
        ('http://u:"100%"@h/', "u", '"100%"', "http://u:%22100%%22@h/"),
    ],
)
def test_user_and_password_are_decoded_and_stand_quoted_in_the_text(
    text, username, password, normalised
):
    parsed = URL.parse(text)
    assert (parsed.username, parsed.password, parsed.host) == (username, password, "h")
    assert str(parsed) == normalised
    assert parsed.authority == "h"
    assert str(parsed.without_userinfo()) == "http://h/"


def test_what_has_neither_userinfo_nor_fragment_is_given_back_as_it_is():
    plain, opaque = URL.parse("http://h/x"), URL.parse("mailto:a@b")
    assert plain.without_userinfo() is plain
    assert plain.without_fragment() is plain
    assert opaque.without_userinfo() is opaque


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


# --- ports


@pytest.mark.parametrize(
    ("text", "port", "authority"),
    [
        ("http://h:/", 80, "h"),
        ("http://h:80/", 80, "h"),
        ("http://h:00080/", 80, "h"),
        ("http://h:000000000000000081/", 81, "h:81"),
        ("http://h:0/", 0, "h:0"),
        ("https://h:80/", 80, "h:80"),
        ("https://h:443/", 443, "h"),
        ("http://h:65535", 65535, "h:65535"),
        ("http://[::1]:/", 80, "[::1]"),
        ("http://[::1]:81/", 81, "[::1]:81"),
        ("foo://h:/", None, "h"),
    ],
)
def test_a_port_is_the_one_given_or_that_of_the_scheme(text, port, authority):
    parsed = URL.parse(text)
    assert (parsed.port, parsed.authority, parsed.netloc) == (port, authority, authority)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://h:x/", "nonnumeric port: 'x'"),
        ("http://h:8o/", "nonnumeric port: '8o'"),
        ("http://h:-1/", "nonnumeric port: '-1'"),
        ("http://h:+80/", "nonnumeric port: '+80'"),
        ("http://h:8_0/", "nonnumeric port: '8_0'"),
        ("http://h:\u0668\u0660/", "nonnumeric port: '\u0668\u0660'"),
        ("http://h:80:80/", "nonnumeric port: '80:80'"),
        ("http://2001::1/", "nonnumeric port: ':1'"),
        ("http://[::1]:x/", "nonnumeric port: 'x'"),
        ("http://h:65536/", "port is above 65535: '65536'"),
        ("http://h:099999/", "port is above 65535: '99999'"),
    ],
)
def test_a_bad_port_is_refused(text, message):
    with pytest.raises(InvalidURL, match=f"^{re.escape(message)}$"):
        URL.parse(text)


def test_a_port_of_a_million_digits_is_refused_by_its_length():  # CVE-2020-10735
    with pytest.raises(InvalidURL, match=r"^port is above 65535: ") as caught:
        URL.parse("http://h:" + "9" * 1_000_000)
    assert len(str(caught.value)) < 120


# --- hosts


@pytest.mark.parametrize(
    ("text", "host", "netloc", "authority"),
    [
        ("[::1]", "::1", "[::1]", "[::1]"),
        ("[2001:DB8:0:0:0:0:0:1]:81", "2001:db8::1", "[2001:db8::1]:81", "[2001:db8::1]:81"),
        ("[1:2:3:4:5:6:7::]", "1:2:3:4:5:6:7:0", "[1:2:3:4:5:6:7:0]", "[1:2:3:4:5:6:7:0]"),
        ("[::ffff:7F00:1]", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]"),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]"),
        ("[fe80::1%25eth0]", "fe80::1%eth0", "[fe80::1%25eth0]", "[fe80::1]"),
        ("[FE80::1%eth0.100]:81", "fe80::1%eth0.100", "[fe80::1%25eth0.100]:81", "[fe80::1]:81"),
        ("[fe80::1%251]", "fe80::1%1", "[fe80::1%251]", "[fe80::1]"),
        ("[fe80::1%1]", "fe80::1%1", "[fe80::1%251]", "[fe80::1]"),
        ("[fe80::1%25En-0]", "fe80::1%En-0", "[fe80::1%25En-0]", "[fe80::1]"),
    ],
)
def test_an_ipv6_address_is_shortened_and_its_zone_stays_out_of_the_host_field(
    text, host, netloc, authority
):
    parsed = URL.parse(f"http://{text}/")
    assert (parsed.host, parsed.netloc, parsed.authority) == (host, netloc, authority)


def test_the_zone_is_part_of_the_origin():
    first, second = (URL.parse(f"http://[fe80::1%25{zone}]/") for zone in ("eth0", "eth1"))
    assert first.authority == second.authority
    assert first.origin != second.origin


@pytest.mark.parametrize(
    "host",
    [
        "[example.com]",  # CVE-2024-11168: what is in brackets must be an address
        "[v1.a]",  # no IPvFuture
        "[127.0.0.1]",
        "[1.2.3.4%25eth0]",
        "[::1",
        "::1]",
        "[[::1]]",
        "[::1]x",
        "x[::1]",  # CVE-2025-0938: a name with brackets in it
        "exa[mple].com",
        "a]b",
        "[]",
        "[:]",
        "[::1::2]",
        "[12345::]",
        "[1:2:3:4:5:6:7:8:9]",
        "[::256.0.0.1]",
        "[::1.2.3]",
        "[::01.2.3.4]",
        "[::%31]",
        "[fe80::1%]",
        "[fe80::1%25]",
        "[fe80::1%12]",
        "[fe80::1%25a/b]",
        "[fe80::1%25a%2Fb]",
        "[fe80::1%25a b]",
        "[fe80::1%25é]",
        "[::\u0661]",
        "[" + "0" * 100 + "::1]",
        "[" + ":" * 100_000 + "]",
    ],
)
def test_brackets_stand_around_real_ipv6_addresses_only(host):
    with pytest.raises(InvalidURL, match=r"host|nonnumeric port"):
        URL.parse(f"http://{host}/")


@pytest.mark.parametrize("text", ["http://[::1]@h/", "http://u:[@h/", "http://u]@h/"])
def test_brackets_in_userinfo_are_refused(text):  # CVE-2024-11168
    with pytest.raises(InvalidURL, match=r"^userinfo can't contain '"):
        URL.parse(text)


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
        "http://:80/",
        "http://u@/",
        "http://u:p@:80/",
        "http://@/",
        "foo://:80",
        "foo://u@",
        "http+unix:///x",
        "http+unix:x",
        "http+unix://:80/",
        "ws:x",
        "gopher:///",
    ],
)
def test_a_server_s_url_without_host_is_refused(text):
    with pytest.raises(InvalidURL, match=r"^no host given"):
        URL.parse(text)


@pytest.mark.parametrize(
    "host",
    [
        "a b",
        "a%20b",
        "a%2Fb",
        "a%2fb",
        "a%3Fb",
        "a%23b",
        "a%40b",
        "a%3Ab",
        "a%5Bb",
        "a%5Cb",
        "a%25b",
        "a%0D%0Ab",
        "a%00",
        "%7F",
        "a%0A.example",
        "a%",
        "a%4",
        "a%zz",
        "a%2541",
        "a<b",
        "a>b",
        'a"b',
        "a^b",
        "a`b",
        "a{b",
        "a|b",
        "a}b",
        "a\\b",
        "%C3",
        "%FF%FE",
        "a%C2%A0b",
    ],
)
def test_a_host_with_a_delimiter_or_control_character_is_refused_encoded_or_not(host):
    for scheme in ("http", "ftp", "foo"):
        with pytest.raises(InvalidURL, match=r"^host "):
            URL.parse(f"{scheme}://{host}/")


@pytest.mark.parametrize("number", ["0x7f.1", "2130706433", "127.1", "0177.0.0.1", "1.2.3.4.5"])
def test_numbers_are_names_and_not_rewritten_as_addresses(number):
    assert URL.parse(f"http://{number}/").host == number


# --- IDNA


@pytest.fixture(params=["idna package", "standard library"])
def either_idna(request, monkeypatch):
    if request.param == "standard library":
        monkeypatch.setitem(sys.modules, "idna", None)
    url._parse_cached.cache_clear()
    yield
    url._parse_cached.cache_clear()


@pytest.mark.parametrize(
    ("host", "ascii_host"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.Example", "xn--bcher-kva.example"),
        ("b%C3%BCcher.example", "xn--bcher-kva.example"),
        ("例え\u3002テスト", "xn--r8jz45g.xn--zckzah"),
        ("\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45\uff0e\uff43\uff4f\uff4d", "example.com"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
    ],
)
@pytest.mark.usefixtures("either_idna")
def test_a_host_that_is_not_ascii_becomes_a_labels(host, ascii_host):
    parsed = URL.parse(f"http://{host}:81/")
    assert (parsed.host, parsed.authority) == (ascii_host, f"{ascii_host}:81")


@pytest.mark.parametrize(
    "host",
    [
        "a\uff0fb.example",
        "a\uff1fb",
        "a\uff03b",
        "user\uff20h",
        "h\uff1a80",
        "a\uff052fb",
        "a\uff3cb",
        "\uff3b::1\uff3d",
        "a\u2048b",
        "a\u2100b",
        "a\u3000b",
        "a\xa0b",
        "é\u2100",
        "\xad",
        "é..b",
        "é" * 64,
        "\u2028",
        "a\x85b",
        "\ufdfa" * 84,
    ],
)
@pytest.mark.usefixtures("either_idna")
def test_a_host_that_idna_turns_into_something_else_than_a_name_is_refused(host):
    with pytest.raises(InvalidURL, match=r"^host "):
        URL.parse(f"http://{host}/")


@pytest.mark.parametrize(
    "host",
    [
        "faß.de",
        "\u1e9e.de",
        "βόλος.com",
        "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.com",
        "a\u200d",
    ],
)
def test_names_that_idna_2003_would_change_into_others_need_the_idna_package(host, monkeypatch):
    monkeypatch.setitem(sys.modules, "idna", None)
    with pytest.raises(InvalidURL, match=r"needs the idna package"):
        url._parse(f"http://{host}/")


@needs_idna
def test_the_idna_package_tells_sharp_s_from_ss():
    assert URL.parse("http://faß.de/").host == "xn--fa-hia.de"


@pytest.mark.parametrize(
    "host", ["a" * 254, "é" * 127, "%C3%A9" * 127, "é" * 1_000_000, "a" * 1_000_000]
)
def test_a_host_over_253_bytes_is_refused_before_idna(host, monkeypatch):  # CVE-2022-45061
    monkeypatch.setattr(authority, "_to_ascii", None)
    with pytest.raises(InvalidURL, match=r"^host is longer than 253 bytes: ") as caught:
        url._parse(f"http://{host}/")
    assert len(str(caught.value)) < 200


def test_a_host_of_253_bytes_is_taken():
    assert URL.parse("http://" + "a" * 253).host == "a" * 253
    assert URL.parse("http://" + "A" * 253).host == "a" * 253


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


@pytest.mark.parametrize(
    "text",
    [
        "http:\\\\h\\x",
        "http:/\\h",
        "http:\\/h",
        "http://h\\x",
        "http://h\\@evil/",
        "http://a\\b@h/",
        "foo://h\\x/",
        "http://\\h/",
        "http://h:80\\x",
        "http+unix://a\\b/",
    ],
)
def test_a_backslash_before_the_path_is_refused(text):
    with pytest.raises(InvalidURL, match=r"can't contain '\\\\'|no host given"):
        URL.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://h /",
        "http:// h/",
        "http://h :80/",
        "http://h: 80/",
        "http://u @h/",
        "http://u: p@h/",
        "http+unix://a b/x",
        "foo://a b/",
    ],
)
def test_a_space_before_the_path_is_refused(text):
    with pytest.raises(InvalidURL, match=r"^(host|userinfo) can't contain ' '"):
        URL.parse(text)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("abc-._~!$&'()*+,;=:@/?019", None),
        ("a b", "a%20b"),
        ("ünï/ç?", "%C3%BCn%C3%AF/%C3%A7?"),
        ("😀", "%F0%9F%98%80"),
        ("%41%zz%%2", None),
        ("a%20b c", "a%20b%20c"),
        ('<>"{}|\\^`[]#', "%3C%3E%22%7B%7D%7C%5C%5E%60%5B%5D%23"),
        ("\x00\x1f\x7f\r\n", "%00%1F%7F%0D%0A"),
        ("\x80\xa0\u2028", "%C2%80%C2%A0%E2%80%A8"),
        ("", None),
    ],
)
def test_what_rfc_3986_does_not_allow_is_quoted_and_percent_signs_are_left(text, quoted):
    assert quote_illegal(text) == (text if quoted is None else quoted)


def test_path_query_and_fragment_are_quoted():
    parsed = URL.parse("http://h/ä b\\c[1]?ä=[1]|\\#ä #")
    assert parsed.target == "/%C3%A4%20b%5Cc%5B1%5D?%C3%A4=%5B1%5D%7C%5C"
    assert parsed.fragment == "%C3%A4%20%23"


@pytest.mark.parametrize(
    "text",
    ["http://h/\ud800", "http://\udfff/", "http://\ud800@h/", "http+unix://\ud800/", "x:\ud800"],
)
def test_lone_surrogates_are_refused(text):
    with pytest.raises(InvalidURL, match=r"^URL can't contain lone surrogates: ") as caught:
        URL.parse(text)
    assert str(caught.value).isascii()


@pytest.mark.parametrize("text", ["http://a%0Ab@h/", "ftp://u:p%0D%0ADELE%20x@h/", "http://%00@h/"])
def test_encoded_control_characters_in_userinfo_are_refused(text):
    with pytest.raises(InvalidURL, match=r"^(user|password) can't contain control characters"):
        URL.parse(text)


def test_userinfo_that_is_not_utf_8_is_refused():
    with pytest.raises(InvalidURL, match=r"^password is not UTF-8"):
        URL.parse("http://u:%FF@h/")


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


# --- unix sockets


def test_a_unix_socket_s_path_stands_where_the_host_does():
    parsed = URL.parse("HTTP+unix://u:p@%2FRun%2fmy%20App.sock/Path?x#f")
    assert (parsed.scheme, parsed.host, parsed.port) == ("http+unix", "/Run/my App.sock", None)
    assert parsed.authority == "localhost"
    assert parsed.target == "/Path?x"
    assert parsed.origin == ("http+unix", "/Run/my App.sock", None)
    assert str(parsed) == "http+unix://u:p@%2FRun%2Fmy%20App.sock/Path?x#f"
    assert parsed.username == "u"


def test_a_unix_socket_s_path_is_neither_idna_nor_cut_at_253_bytes():
    long = "/é" * 200
    parsed = URL.parse(f"http+unix://{long.replace('/', '%2F')}")
    assert (parsed.host, parsed.path) == (long, "/")
    assert URL.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "http+unix://%2Fa:80/",
        "http+unix://%2Fa:/",
        "http+unix://[::1]/",
        "http+unix://%2Fa%00b/",
        "http+unix://%2Fa%0Ab/",
        "http+unix://%FF/",
    ],
)
def test_a_unix_socket_has_no_port_and_no_control_characters_in_its_path(text):
    with pytest.raises(InvalidURL, match=r"^host "):
        URL.parse(text)


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


@pytest.mark.parametrize(
    "text",
    [
        "http://u:secret@h/\n",
        "\nhttp://u:secret@h/",
        "http:\\\\u:secret@h\\\n",
        "//u:secret@h/",
        "http:u:secret@h",
        "ht tp://u:secret@h/",
        "user name:secret@h",
        "http://u:secret@h:port/",
        "http://u:secret@[::2::]/",
        "http://u:sec ret@h/",
        "http://u:secret@h h/",
        "http://u:secret@/",
        "http://u:sec[ret@h/",
        "http://u:secret%00@h/",
        "http://u:secret%FF@h/",
        "1://u:x:secret@@h",
    ],
)
def test_messages_do_not_tell_the_password(text):
    with pytest.raises(InvalidURL) as caught:
        URL.parse(text)
    assert "secret" not in str(caught.value)
    assert "sec" not in str(caught.value)


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
        ("http://h/%7ea/%2f%c3%a9", "http://h/~a/%2F%C3%A9"),
        ("http://h/a/%2E%2e/b/./c/..", "http://h/b/"),
        ("http://h/?%41=%3d%2e#%7E%0a", "http://h/?A=%3D.#~%0A"),
        ("http://%75%3a:%3a@h/", "http://u%3A:%3A@h/"),
        ("http://h/100%", "http://h/100%25"),
        ("http://h/%4%31", "http://h/%2541"),
        ("http://[fe80::1%25eth0]/", "http://[fe80::1%25eth0]/"),
        ("http+unix://%2fa/../b", "http+unix://%2Fa/b"),
        ("data:,a/../b", "data:,a/../b"),
        ("foo:/a/..//b", "foo:/.//b"),
        ("mailto:%61", "mailto:a"),
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


@pytest.mark.parametrize("number", range(len(WPT["cases"])))
def test_a_url_of_the_web_platform_tests_comes_out_as_there_or_differs_for_a_reason(number):
    outcome, reason = verdict(WPT["cases"][number])
    known = {"same": {"href", "failure"}, "refused": REFUSED, "accepted": ACCEPTED}
    assert reason in {**known, "different": DIFFERENT}[outcome]


@needs_idna
def test_so_many_urls_of_the_web_platform_tests_differ_for_each_reason():
    assert Counter(map(verdict, WPT["cases"])) == {
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


@needs_idna
@pytest.mark.parametrize("number", range(len(WPT["toascii"])))
def test_a_host_of_the_web_platform_tests_gets_the_same_a_labels_or_is_refused(number):
    case = WPT["toascii"][number]
    parsed = parse_or_none(f"http://{case['input']}/")
    assert parsed is None or parsed.host == case["output"]


@needs_idna
def test_all_but_22_of_the_hosts_of_the_web_platform_tests_come_out_as_there():
    hosts = {case["input"]: case["output"] for case in WPT["toascii"]}
    refused = [host for host in hosts if parse_or_none(f"http://{host}/") is None]
    assert (len(hosts), len(refused)) == (87, 41)
    assert len([host for host in refused if hosts[host] is not None]) == 22


@pytest.mark.parametrize("case", WPT["percent_encoding"], ids=lambda case: ascii(case["input"]))
def test_text_of_the_web_platform_tests_is_quoted_as_utf_8_there(case):
    stricter = case["output"]["utf-8"].replace("\\", "%5C").replace("|", "%7C")
    assert quote_illegal(case["input"]) == stricter
