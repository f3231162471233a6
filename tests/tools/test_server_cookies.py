"""SimpleCookie, Morsel, CookieError: what http.cookies does with the same, and what it should."""

import copy
import http.cookies
import pickle
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.codec.cookie_date import parse_cookie_date
from mini_http.codec.set_cookie import parse_set_cookie
from mini_http.tools.server_cookies import CookieError, Morsel, SimpleCookie

BYTES = st.text(st.characters(max_codepoint=255))


def cookie(value="31d4", **attributes):
    """The Morsel of a cookie with these attributes."""
    cookies = SimpleCookie({"sid": value})
    cookies["sid"].update({name.replace("_", "-"): said for name, said in attributes.items()})
    return cookies["sid"]


# --- writing


def test_the_tutorial_works():
    cookies = SimpleCookie()
    cookies["fig"] = "newton"
    cookies["sugar"] = 7
    cookies["fig"]["path"] = "/cookie"
    cookies["fig"]["samesite"] = "Lax"
    assert (
        cookies.output()
        == "Set-Cookie: fig=newton; Path=/cookie; SameSite=Lax\r\nSet-Cookie: sugar=7"
    )
    assert str(cookies) == cookies.output()
    assert cookies.output(attrs=["path"], header="Cookie:", sep="|") == (
        "Cookie: fig=newton; Path=/cookie|Cookie: sugar=7"
    )
    assert str(cookies["fig"]) == "Set-Cookie: fig=newton; Path=/cookie; SameSite=Lax"
    assert (cookies["sugar"].key, cookies["sugar"].value) == ("sugar", "7")


@pytest.mark.parametrize(
    ("attributes", "written"),
    [
        ({"secure": True, "httponly": True}, "HttpOnly; Secure"),
        ({"secure": False, "httponly": ""}, ""),
        (
            {"secure": True, "partitioned": True, "samesite": "None"},
            "Partitioned; SameSite=None; Secure",
        ),
        ({"max_age": 60}, "Max-Age=60"),
        ({"max_age": 0}, "Max-Age=0"),
        ({"domain": "example.com", "priority": "High"}, "Domain=example.com; Priority=High"),
        ({"expires": "Sun, 06 Nov 1994 08:49:37 GMT"}, "expires=Sun, 06 Nov 1994 08:49:37 GMT"),
        ({"version": 1, "comment": "a; \xa9"}, 'Comment="a\\073 \\251"; Version=1'),
        ({"comment": "plain"}, "Comment=plain"),
    ],
)
def test_attributes_are_written_as_http_cookies_spells_them(attributes, written):
    assert cookie(**attributes).OutputString() == f"sid=31d4{written and '; '}{written}"


def test_a_number_as_expires_is_seconds_from_now():
    before = int(time.time())
    line = cookie(expires=3600).OutputString()
    expires = parse_cookie_date(line.partition("expires=")[2])
    assert before + 3600 <= expires <= time.time() + 3600


def test_what_is_written_is_what_our_jar_reads():
    line = cookie(
        path="/a", max_age=60, secure=True, httponly=True, samesite="Strict"
    ).OutputString()
    said = parse_set_cookie(line)
    assert (said.name, said.value, said.path, said.max_age) == ("sid", "31d4", "/a", 60)
    assert (said.secure, said.http_only, said.same_site) == (True, True, "Strict")


@given(BYTES)
def test_any_value_comes_back_by_its_quoting(value):
    line = cookie(value).OutputString()
    assert line.isascii()
    assert line.isprintable()
    assert ";" not in line
    assert SimpleCookie(line)["sid"].value == value


@given(BYTES)
def test_values_are_coded_as_http_cookies_codes_them(value):
    stock = http.cookies.SimpleCookie()
    coded = stock.value_encode(value)
    assert SimpleCookie().value_encode(value) == coded
    assert SimpleCookie().value_decode(coded[1]) == stock.value_decode(coded[1])


# --- what would end a line or an attribute

HOSTILE = ["a\r\nSet-Cookie: b=c", "a\x00", "a\x7f", "\n", "a; Domain=example.org", "\u20ac"]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", sorted(set(Morsel._reserved) - {"comment"}))
def test_no_attribute_takes_what_would_end_it(name, hostile):
    morsel = cookie()
    ways = [
        lambda: morsel.__setitem__(name, hostile),
        lambda: morsel.setdefault(name, hostile),
        lambda: morsel.update({"path": "/a", name.upper(): hostile}),
        lambda: morsel.__ior__({name: hostile}),
    ]
    for way in ways:
        with pytest.raises(CookieError, match=f"the attribute {name} can't contain"):
            way()
    assert morsel.OutputString() == "sid=31d4", "nothing of it was taken"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_coded_value_takes_what_would_end_it(hostile):
    for coded in (hostile, f'"{hostile}', f'{hostile}"'):
        with pytest.raises(CookieError, match="coded value of cookie 'sid' can't contain"):
            Morsel().set("sid", "31d4", coded)


def test_a_semicolon_is_taken_between_quotes_as_http_cookies_does():
    cookies = SimpleCookie('keebler="E=everybody; L=\\"Loves\\"; fudge=\\012;"')
    assert cookies["keebler"].value == 'E=everybody; L="Loves"; fudge=\n;'
    assert str(cookies) == 'Set-Cookie: keebler="E=everybody; L=\\"Loves\\"; fudge=\\012;"'


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a=b", "a\n", "a,b", "f\xfc", "Path", "SECURE"])
def test_no_name_is_taken_that_is_none(name):
    with pytest.raises(CookieError, match=re.escape(repr(name))):
        SimpleCookie()[name] = "x"


def test_values_beyond_a_byte_have_to_be_encoded_first():
    with pytest.raises(CookieError, match="can't contain '\u20ac'"):
        SimpleCookie()["price"] = "5 \u20ac"
    with pytest.raises(CookieError, match="attribute comment can't contain '\u20ac'"):
        cookie(comment="5 \u20ac")


def test_a_date_that_can_not_be_said_is_refused_at_once():
    with pytest.raises(CookieError, match="no date 1000000000000 seconds from now"):
        cookie(expires=10**12)


@given(BYTES, BYTES, BYTES)
def test_whatever_is_taken_is_one_line_of_one_cookie(name, value, path):
    cookies = SimpleCookie()
    try:
        cookies[name] = value
        cookies[name]["path"] = path
    except CookieError:
        return
    line = cookies.output()
    assert not re.search(r"[\x00-\x1f\x7f]", line)
    assert line.count(";") == (path != "")


def test_errors_are_caught_by_either_name():
    for caught in (CookieError, http.cookies.CookieError, ValueError):
        with pytest.raises(caught):
            cookie()["nonsense"] = "x"


# --- reading

AGREED = [
    "a=b; c=d",
    "a=b;c=d",
    "a=b c=d",
    "a = b ; c\t=\td  ",
    "a=",
    "a=b; ",
    'a="b; c=d"; e=f',
    'a="unclosed; c=d',
    'a=b; c={"json": 1}; d=e',
    "a=b=c; d=[x]",
    "key:term=value:term",
    "a=b; Path=/x; Secure; c=d; HttpOnly; SameSite=Lax",
    'a=b; Path="/x"; Version="1"',
    "a=b; httponly=foo; secure=bar",
    "a=b; expires=Wed, 01 Jan 2010 00:00:00 GMT; c=d",
    "a=b; expires=Wed, 01-Jan-98 00:00:00 GMT",
    "$Version=1; a=b; $Path=/x",
    "a=1; a=2; path=/2",
    "]foo=x",
    "a=b; [foo=x",
    "blah[foo=x",
    "Set-Cookie: foo=bar",
    "foo=bar; baz",
    "baz; foo=bar",
    "foo=bar; path",
    "secure;foo=bar",
    "Version=1;foo=bar",
    "",
    "   ",
    "a=\xe4; b=c",
]


def read_by(kind, text):
    """Names, values and attributes, as this class reads them."""
    cookies = kind()
    try:
        cookies.load(text)
    except http.cookies.CookieError:
        return "CookieError"
    return {
        name: (morsel.value, morsel.coded_value, {k: v for k, v in morsel.items() if v != ""})
        for name, morsel in cookies.items()
    }


@pytest.mark.parametrize("text", [*AGREED, "a=b; c,d=e"])
def test_fields_are_read_as_http_cookies_reads_them(text):
    assert read_by(SimpleCookie, text) == read_by(http.cookies.SimpleCookie, text)


PIECES = ["a", "b", "=", ";", " ", '"', "\\", "$", "path", "Secure", "[", "\\042", ",", "expires"]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_text_is_read_or_is_a_cookie_error(text):
    read = read_by(SimpleCookie, text)
    assert read == "CookieError" or all(set(name) <= set("abpthxiresScu$") for name in read)


@pytest.mark.parametrize(
    "text",
    [
        "a=" + "b" * 200_000,
        'a="' + "\\" * 200_000,
        "a" * 200_000,
        " " * 200_000 + "=",
        "a=b;" * 50_000,
    ],
)
def test_long_fields_are_read_in_one_go(text):
    assert isinstance(read_by(SimpleCookie, text), dict)


def test_an_attribute_that_there_is_not_is_a_cookie_error():
    with pytest.raises(CookieError, match="there is no attribute 'nonsense'"):
        SimpleCookie("a=b; $nonsense=c")


def test_a_mapping_is_read_as_well():
    cookies = SimpleCookie({"a": "b c", "d": 1})
    assert cookies.output(sep=" ") == 'Set-Cookie: a="b c" Set-Cookie: d=1'


def test_coding_can_be_overridden():
    class Hexed(SimpleCookie):
        def value_encode(self, val):
            return val, val.encode().hex()

        def value_decode(self, val):
            return bytes.fromhex(val).decode(), val

    cookies = Hexed({"price": "5 \u20ac"})
    assert cookies.output() == "Set-Cookie: price=3520e282ac"
    assert Hexed("price=3520e282ac")["price"].value == "5 \u20ac"


# --- as values, and as http.cookies' own


def test_a_morsel_begins_without_anything():
    morsel = Morsel()
    assert (morsel.key, morsel.value, morsel.coded_value) == (None, None, None)
    assert set(morsel.values()) == {""}
    assert set(morsel) >= set(http.cookies.Morsel())
    assert morsel.isReservedKey("Partitioned")
    assert not morsel.isReservedKey("partition")


def test_a_value_that_is_set_again_keeps_its_attributes():
    cookies = SimpleCookie("a=b; Path=/x")
    cookies["a"] = "c"
    assert cookies.output() == "Set-Cookie: a=c; Path=/x"


def test_morsels_are_equal_if_all_is_equal():
    assert cookie(path="/") == cookie(path="/")
    assert cookie(path="/") != cookie(path="/a")
    assert cookie("a") != cookie("b")
    assert cookie() == dict(cookie())
    assert cookie() != 1
    with pytest.raises(TypeError):
        hash(cookie())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_cookies_are_pickled_and_copied(protocol):
    cookies = SimpleCookie("a=b; Path=/x; Secure")
    for other in (pickle.loads(pickle.dumps(cookies, protocol)), copy.deepcopy(cookies)):
        assert type(other) is SimpleCookie
        assert other == cookies
        assert other["a"] is not cookies["a"]
    for morsel in (cookies["a"].copy(), copy.copy(cookies["a"])):
        assert type(morsel) is Morsel
        assert morsel == cookies["a"]
        morsel["path"] = "/y"
        assert cookies["a"]["path"] == "/x"


def test_values_are_not_in_the_repr():
    assert repr(cookie("31d4", path="/")) == "<Morsel: sid; Path=/>"
    assert repr(SimpleCookie("a=31d4; b=31d4")) == "<SimpleCookie: a b>"


def test_they_are_instances_of_http_cookies_classes_too():
    assert isinstance(cookie(), http.cookies.Morsel)
    assert isinstance(SimpleCookie(), http.cookies.SimpleCookie)
    assert isinstance(SimpleCookie(), http.cookies.BaseCookie)


def test_a_morsel_of_either_kind_can_be_put_in():
    cookies = SimpleCookie()
    ours = cookies["sid"] = cookie(path="/")
    assert cookies["sid"] is ours
    stock = http.cookies.SimpleCookie("a=b; Path=/x")["a"]
    cookies["a"] = stock
    assert type(cookies["a"]) is Morsel
    assert cookies["a"].OutputString() == "a=b; Path=/x"
    dict.__setitem__(stock, "path", "/\r\n")
    with pytest.raises(CookieError):
        cookies["a"] = stock


def test_morsels_are_filled_by_update_and_setdefault():
    morsel = cookie()
    morsel |= {"Path": "/"}
    assert morsel.setdefault("PATH", "/a") == "/"
    morsel.update([("Domain", "example.com")])
    assert morsel.OutputString() == "sid=31d4; Domain=example.com; Path=/"
