"""What stands between "//" and the path of a URL, by way of URL.parse."""

import re
import sys

import pytest
from support.web_platform import HOSTS, needs_idna

from mini_http.base import authority, url
from mini_http.base.errors import InvalidURL
from mini_http.base.url import URL

# --- user and password


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


@pytest.mark.parametrize("text", ["http://[::1]@h/", "http://u:[@h/", "http://u]@h/"])
def test_brackets_in_userinfo_are_refused(text):  # CVE-2024-11168
    with pytest.raises(InvalidURL, match=r"^userinfo can't contain '"):
        URL.parse(text)


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


@pytest.mark.parametrize(
    "text",
    [
        "http://:80/",
        "http://u@/",
        "http://u:p@:80/",
        "http://@/",
        "foo://:80",
        "foo://u@",
        "http+unix://:80/",
    ],
)
def test_an_authority_without_host_is_refused(text):
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


@pytest.mark.parametrize("number", ["0x7f.1", "2130706433", "127.1", "0177.0.0.1", "1.2.3.4.5"])
def test_numbers_are_names_and_not_rewritten_as_addresses(number):
    assert URL.parse(f"http://{number}/").host == number


def test_a_host_of_253_bytes_is_taken():
    assert URL.parse("http://" + "a" * 253).host == "a" * 253
    assert URL.parse("http://" + "A" * 253).host == "a" * 253


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


def host_or_none(text: str) -> str | None:
    try:
        return URL.parse(f"http://{text}/").host
    except InvalidURL:
        return None


@needs_idna
@pytest.mark.parametrize("number", range(len(HOSTS)))
def test_a_host_of_the_web_platform_tests_gets_the_same_a_labels_or_is_refused(number):
    case = HOSTS[number]
    assert host_or_none(case["input"]) in {None, case["output"]}


@needs_idna
def test_all_but_22_of_the_hosts_of_the_web_platform_tests_come_out_as_there():
    hosts = {case["input"]: case["output"] for case in HOSTS}
    refused = [host for host in hosts if host_or_none(host) is None]
    assert (len(hosts), len(refused)) == (87, 41)
    assert len([host for host in refused if hosts[host] is not None]) == 22


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


@pytest.mark.parametrize(
    "text",
    [
        "http:u:secret@h",
        "http://u:secret@h:port/",
        "http://u:secret@[::2::]/",
        "http://u:sec ret@h/",
        "http://u:secret@h h/",
        "http://u:secret@/",
        "http://u:sec[ret@h/",
        "http://u:secret%00@h/",
        "http://u:secret%FF@h/",
    ],
)
def test_messages_do_not_tell_the_password(text):
    with pytest.raises(InvalidURL) as caught:
        URL.parse(text)
    assert "secret" not in str(caught.value)
    assert "sec" not in str(caught.value)
