"""Set-Cookie lines: what they say by RFC 6265bis section 5.6, and that no bytes are too odd or too
many for their reader.
"""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mini_http.codec import cookie_date, set_cookie
from mini_http.codec.set_cookie import (
    LONGEST_ATTRIBUTE,
    LONGEST_COOKIE,
    SetCookie,
    parse_set_cookie,
)

NOON = 1_700_049_600
DATE = "Wed, 15 Nov 2023 12:00:00 GMT"


def said(attributes):
    """The cookie of a line with these attributes."""
    return parse_set_cookie(f"a=b; {attributes}")


def cookie(**parts):
    return SetCookie("a", "b").replace(**parts)


# --- name and value


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("a=b", "a", "b"),
        (" \ta \t=\t b \t", "a", "b"),
        ("a=b=c", "a", "b=c"),
        ("a=", "a", ""),
        ("a= ; Secure", "a", ""),
        ("=b", "", "b"),
        ("==b", "", "=b"),
        ("b", "", "b"),
        ("b;a=c", "", "b"),
        ("a=b;", "a", "b"),
        ("a=b;;;", "a", "b"),
        ('a="b; c"', "a", '"b'),
        ("a b=c d", "a b", "c d"),
        ("a\tb=c\td", "a\tb", "c\td"),
        ("a,b=c,d", "a,b", "c,d"),
        ("\xe9=\xff\x80", "\xe9", "\xff\x80"),
        ("\xa0a=b\x85", "\xa0a", "b\x85"),
    ],
)
def test_name_and_value_are_what_stands_around_the_first_equals_sign(line, name, value):
    made = parse_set_cookie(line)

    assert (made.name, made.value) == (name, value)


@pytest.mark.parametrize("line", ["", " \t", "=", " = ", ";", "; a=b", "=;a=b", "\t;Secure"])
def test_without_name_and_value_there_is_no_cookie(line):
    assert parse_set_cookie(line) is None


CONTROLS = [chr(code) for code in (*range(9), *range(10, 32), 127)]


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
@pytest.mark.parametrize("line", ["{}a=b", "a{}=b", "a=b{}", "a=b; Path=/{}", "a=b; x{}", "{}"])
def test_a_control_character_anywhere_makes_it_no_cookie(line, control):
    assert parse_set_cookie(line.format(control)) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (1, LONGEST_COOKIE - 1),
        (LONGEST_COOKIE, 0),
        (LONGEST_COOKIE - 1, 1),
        (0, LONGEST_COOKIE),
    ],
)
def test_name_and_value_have_4096_characters_together_and_not_one_more(name, value):
    assert LONGEST_COOKIE == 4096
    kept = parse_set_cookie(f" {'n' * name} = {'v' * value} ; Secure")

    assert kept == SetCookie("n" * name, "v" * value, secure=True)
    assert parse_set_cookie(f"{'n' * name}={'v' * (value + 1)}") is None
    assert parse_set_cookie(f"{'n' * (name + 1)}={'v' * value}") is None


# --- attributes


@pytest.mark.parametrize(
    ("attributes", "parts"),
    [
        # Expires (section 5.6.1)
        (f"Expires={DATE}", {"expires": NOON}),
        (f"eXPIRES \t=\t {DATE} ", {"expires": NOON}),
        ("Expires=never", {}),
        ("Expires", {}),
        (f"Expires={DATE}; Expires=never", {"expires": NOON}),
        (f"Expires=Wed, 15 Nov 2000 12:00:00 GMT; Expires={DATE}", {"expires": NOON}),
        # Max-Age (section 5.6.2)
        ("Max-Age=60", {"max_age": 60}),
        ("max-age= 060 ", {"max_age": 60}),
        ("Max-Age=0", {"max_age": 0}),
        ("Max-Age=00", {"max_age": 0}),
        ("Max-Age=-0", {"max_age": 0}),
        ("Max-Age=-60", {"max_age": -60}),
        ("Max-Age=", {}),
        ("Max-Age", {}),
        ("Max-Age=-", {}),
        ("Max-Age=--1", {}),
        ("Max-Age=+60", {}),
        ("Max-Age=6_0", {}),
        ("Max-Age=6.0", {}),
        ("Max-Age=60s", {}),
        ('Max-Age="60"', {}),
        ("Max-Age=\xb2", {}),
        ("Max-Age=60; Max-Age=x", {"max_age": 60}),
        ("Max-Age=60; Max-Age=70", {"max_age": 70}),
        (f"Max-Age=60; Expires={DATE}", {"max_age": 60, "expires": NOON}),
        # Domain (section 5.6.3)
        ("Domain=example.com", {"domain": "example.com"}),
        ("Domain=.EXAMPLE.com", {"domain": "example.com"}),
        ("domain = . example.com", {"domain": " example.com"}),
        ("Domain=..example.com", {"domain": ".example.com"}),
        ("Domain=", {}),
        ("Domain=.", {}),
        ("Domain", {}),
        ("Domain=a.example; Domain=b.example", {"domain": "b.example"}),
        ("Domain=a.example; Domain=", {}),
        ("Domain=; Domain=a.example", {"domain": "a.example"}),
        # Path (section 5.6.4)
        ("Path=/", {"path": "/"}),
        ("path=/A%20b/?#", {"path": "/A%20b/?#"}),
        ("Path=", {}),
        ("Path", {}),
        ("Path=a/b", {}),
        ('Path="/"', {}),
        ("Path=/a; Path=/b", {"path": "/b"}),
        ("Path=/a; Path=b", {}),
        # Secure, HttpOnly (sections 5.6.5 and 5.6.6)
        ("Secure", {"secure": True}),
        ("sECURE=no", {"secure": True}),
        ("Secure=", {"secure": True}),
        ("HttpOnly", {"http_only": True}),
        (" httponly = 0 ", {"http_only": True}),
        # SameSite (section 5.6.7)
        ("SameSite=Strict", {"same_site": "Strict"}),
        ("samesite=LAX", {"same_site": "Lax"}),
        ("SameSite=none", {"same_site": "None"}),
        ("SameSite=Default", {}),
        ("SameSite=", {}),
        ("SameSite", {}),
        ("SameSite=Strict; SameSite=Loose", {}),
        ("SameSite=Strict; SameSite=Lax", {"same_site": "Lax"}),
        # what the draft does not know
        ("Priority=High", {"others": {"Priority": "High"}}),
        ("Partitioned", {"others": {"Partitioned": None}}),
        ("x=; y = z ", {"others": {"x": "", "y": "z"}}),
        ("x=1; x=2", {"others": {"x": "2"}}),
        ("=x; ; \t", {}),
        ('"Secure"; Se cure; Secure\xa0', {"others": dict.fromkeys(
            ['"Secure"', "Se cure", "Secure\xa0"])}),
    ],
)  # fmt: skip
def test_an_attribute_means_what_its_section_says_and_the_last_one_counts(attributes, parts):
    assert said(attributes) == cookie(**parts)


@pytest.mark.parametrize(
    ("name", "stem", "part"),
    [("Path", "/", "path"), ("Domain", "d", "domain"), ("x", "y", "others")],
)
def test_an_attribute_has_1024_characters_and_a_longer_one_is_passed_over(name, stem, part):
    assert LONGEST_ATTRIBUTE == 1024
    longest = stem.ljust(LONGEST_ATTRIBUTE, "a")

    kept = getattr(said(f"{name}= {longest} "), part)
    assert kept == ({name: longest} if part == "others" else longest)
    assert said(f"{name}={longest}a; Secure") == cookie(secure=True)
    # so it takes nothing back of what was said before it
    assert getattr(said(f"{name}={stem}; {name}={longest}a"), part) in (stem, {name: stem})


@pytest.mark.parametrize("attribute", ["Secure", "HttpOnly", "Expires", "Max-Age", "SameSite"])
def test_a_value_that_is_too_long_undoes_even_an_attribute_that_needs_none(attribute):
    assert said(f"{attribute}={'1' * (LONGEST_ATTRIBUTE + 1)}") == cookie()


def test_an_attribute_may_have_a_long_name():
    name = "x" * (2 * LONGEST_ATTRIBUTE)

    assert said(name) == cookie(others={name: None})


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("digits", [11, 640, 641, LONGEST_ATTRIBUTE - 1])
def test_a_max_age_of_many_digits_is_as_good_as_forever(sign, digits):
    """Also where the program lets `int` read no more than 640 digits, the fewest it can ask for."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        long = said(f"Max-Age={sign}{'9' * digits}").max_age
        short = said(f"Max-Age={sign}{'7'.rjust(digits, '0')}").max_age
    finally:
        sys.set_int_max_str_digits(before)

    assert abs(long) > 400 * 24 * 60 * 60
    assert (long < 0) is bool(sign)
    assert short == (-7 if sign else 7)


def test_a_cookie_is_shown_without_losing_what_it_says():
    assert parse_set_cookie("a=b; Secure; Path=/x; SameSite=lax; Max-Age=5") == SetCookie(
        "a", "b", None, 5, None, "/x", True, False, "Lax", {}
    )


# --- any bytes

WORDS = st.sampled_from(
    [
        "a",
        "=",
        ";",
        " ",
        "\t",
        "Expires=",
        "Max-Age=",
        "Domain=",
        "Path=/",
        "Secure",
        "HttpOnly",
        "SameSite=",
        "Strict",
        "9",
        "-",
        ".",
        ",",
        ":",
        "Jan",
        "2023",
        "12:00:00",
        "\x00",
        "ÿ",
    ]
)
BYTES = st.binary(max_size=200).map(lambda sent: sent.decode("latin-1"))


@given(BYTES | st.lists(WORDS, max_size=40).map("".join))
@example("a=b; Expires=Wed, 99 Jan 9999 99:99:99 GMT")
@example("a=b; Max-Age=" + "9" * LONGEST_ATTRIBUTE)
def test_any_bytes_give_a_cookie_or_nothing(line):
    made = parse_set_cookie(line)

    if made is None:
        assert re.search(r"[\x00-\x08\x0a-\x1f\x7f]", line) or not line.split(";")[0].strip("= \t")
    else:
        assert 0 < len(made.name) + len(made.value) <= LONGEST_COOKIE
        assert made.name + made.value == re.sub(
            r"^([^=;]*?)[ \t]*=[ \t]*", r"\1", line.split(";")[0].strip(" \t")
        )


# --- writing


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({}, "a=b"),
        ({"value": ""}, "a="),
        ({"value": '"b"'}, 'a="b"'),
        ({"value": "!#$&'()*+-./:<=>?@[]^_`{|}~"}, "a=!#$&'()*+-./:<=>?@[]^_`{|}~"),
        ({"expires": NOON}, f"a=b; Expires={DATE}"),
        ({"expires": 0}, "a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
        ({"max_age": 1}, "a=b; Max-Age=1"),
        ({"domain": "ex-ample.c0m"}, "a=b; Domain=ex-ample.c0m"),
        ({"path": "/"}, "a=b; Path=/"),
        ({"path": "/x y%20="}, "a=b; Path=/x y%20="),
        ({"secure": True, "http_only": True}, "a=b; Secure; HttpOnly"),
        ({"same_site": "None"}, "a=b; SameSite=None"),
        ({"others": {"Partitioned": None, "Priority": "High"}}, "a=b; Partitioned; Priority=High"),
        ({"others": {"x": "y"}, "max_age": 5, "path": "/"}, "a=b; Max-Age=5; Path=/; x=y"),
    ],
)
def test_a_cookie_is_written_with_its_attributes_and_read_again(parts, line):
    assert set_cookie.write_set_cookie(cookie(**parts)) == line
    assert parse_set_cookie(line) == cookie(**parts)


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"name": ""}, "has to be a token"),
        ({"name": "a b"}, "has to be a token"),
        ({"name": "a\n"}, "has to be a token"),
        ({"name": "a="}, "has to be a token"),
        *[({"value": f"b{illegal}"}, "encode it first") for illegal in ' ",;\\\x00\x7f\x80\n'],
        ({"value": '"'}, "encode it first"),
        ({"value": '"b'}, "encode it first"),
        ({"value": "b" * LONGEST_COOKIE}, "may have 4096 characters, not 4097"),
        ({"expires": -(10**12)}, "no cookie date"),
        ({"expires": 10**12}, "no cookie date"),
        ({"max_age": 0}, "has to be 1 at least, not 0"),
        ({"max_age": -1}, "has to be 1 at least, not -1"),
        *[({"domain": d}, "Domain can't be") for d in ("", ".a", "a.", "a..b", "-a", "a;b", "A")],
        *[({"path": path}, "Path can't be") for path in ("", "a", "/;", "/ ", "/\n", "/\xe9")],
        ({"path": "/" * (LONGEST_ATTRIBUTE + 1)}, "Path may have 1024 characters, not 1025"),
        ({"same_site": "lax"}, "SameSite can't be 'lax'"),
        ({"others": {"": None}}, "no other attribute ''"),
        ({"others": {"a b": None}}, "no other attribute"),
        ({"others": {"Secure": None}}, "no other attribute 'Secure'"),
        *[({"others": {"x": text}}, "x can't be") for text in (" y", "y ", "y;", "\x00")],
    ],
)
def test_what_the_grammar_does_not_have_is_not_written(parts, fault):
    with pytest.raises(ValueError, match=fault):
        set_cookie.write_set_cookie(cookie(**parts))


@pytest.mark.parametrize("value", ["secret value", "secret" * 1000])
def test_an_error_does_not_show_the_value(value):
    with pytest.raises(ValueError) as refused:
        set_cookie.write_set_cookie(cookie(value=value))
    assert "secret" not in str(refused.value)


LEGAL = st.builds(
    SetCookie,
    name=st.text("aZ09!#$%&'*+-.^_`|~", min_size=1, max_size=9),
    value=st.text("aZ09=:/", max_size=9) | st.text("aZ09=", max_size=9).map('"{}"'.format),
    expires=st.none() | st.integers(-(10**10), 10**11),
    max_age=st.none() | st.integers(1, 10**9),
    domain=st.none() | st.sampled_from(["a", "a.b", "xn--bcher-kva.example", "127.0.0.1"]),
    path=st.none() | st.text("/a=?%", max_size=9).map("/{}".format),
    secure=st.booleans(),
    http_only=st.booleans(),
    same_site=st.sampled_from([None, "Strict", "Lax", "None"]),
    others=st.dictionaries(st.sampled_from("xyz"), st.none() | st.text("a=", max_size=3)),
)


@given(LEGAL)
def test_what_is_written_is_read_again(said):
    assert parse_set_cookie(set_cookie.write_set_cookie(said)) == said


# --- in linear time

EVIL = {
    "semicolons": lambda size: ";" * size,
    "spaces": lambda size: " " * size,
    "a name and spaces": lambda size: f"a{' ' * size}=b",
    "equals signs": lambda size: "=" * size,
    "attributes": lambda size: "a=b" + ";c=d" * (size // 4),
    "attributes of different names": lambda size: "a=b" + "".join(
        f";x{number:07}" for number in range(size // 9)
    ),
    "spaces between": lambda size: "a=b" + ";  \t = \t " * (size // 9),
    "dates that are none": lambda size: "a=b" + f";Expires={'1' * 1000}" * (size // 1009),
    "dates of delimiters": lambda size: "a=b" + f";Expires={'-' * 1000}" * (size // 1009),
    "dates of many tokens": lambda size: "a=b" + f";Expires={'1 ' * 500}" * (size // 1009),
    "dates of many times": lambda size: "a=b" + f";Expires={'1:1:1:' * 160}" * (size // 969),
    "ages": lambda size: "a=b" + f";Max-Age={'9' * 1000}" * (size // 1009),
    "domains": lambda size: "a=b" + f";Domain={'.' * 1000}" * (size // 1009),
    "a value too long": lambda size: f"a=b;Path=/{'x' * size}",
    "a cookie too long": lambda size: "a" * size,
    "control characters at the end": lambda size: "a=b" * (size // 3) + "\x00",
}  # fmt: skip


def operations(line):
    """How many byte codes are executed to read a line."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        if not frame.f_globals.get("__name__", "mini_http.").startswith("mini_http."):
            return None  # what a garbage collection may call
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        parse_set_cookie(line)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("shape", EVIL.values(), ids=EVIL)
def test_a_line_of_twice_the_length_takes_no_more_than_twice_the_operations(shape):
    """What grows for every 18,162 characters more grows by the same each time."""
    size = 18 * 1009
    operations(shape(size))
    first, second, fourth = (operations(shape(size * times)) for times in (1, 2, 4))

    assert first > 0
    assert fourth - second <= 2 * (second - first) + 10


def quantifiers(pattern, outer=()):
    """Of the quantifiers without a bound in a pattern, the kinds of each and of those around it."""
    from re import _constants, _parser

    if isinstance(pattern, str):
        pattern = _parser.parse(pattern)
    if isinstance(pattern, _parser.SubPattern):
        for kind, argument in pattern.data:
            kinds = outer
            if str(kind).endswith("_REPEAT") and argument[1] is _constants.MAXREPEAT:
                kinds = (*outer, str(kind))
                yield kinds
            yield from quantifiers(argument, kinds)
    elif isinstance(pattern, list | tuple):
        for part in pattern:
            if not isinstance(part, str):
                yield from quantifiers(part, outer)


PATTERNS = {
    name: value.pattern if isinstance(value, re.Pattern) else value
    for module in (set_cookie, cookie_date)
    for name, value in vars(module).items()
    if re.fullmatch("_[A-Z_]+", name) and isinstance(value, re.Pattern | str) and name != "_WSP"
}


def test_every_endless_quantifier_in_a_regular_expression_stands_alone_and_never_goes_back():
    """A match is one operation of Python's, so that what it costs isn't counted above."""
    assert {"_CONTROL", "_MAX_AGE", "_USUAL", "_TOKEN", "_TIME", "_DAY", "_YEAR"} <= set(PATTERNS)
    for pattern in PATTERNS.values():
        assert set(quantifiers(pattern)) <= {("POSSESSIVE_REPEAT",)}, pattern
    # what the test sees in worse ones
    assert ("MAX_REPEAT", "MAX_REPEAT") in set(quantifiers("(?:a+b)*"))
    assert set(quantifiers("(?:a{1,2}b)*c*+")) == {("MAX_REPEAT",), ("POSSESSIVE_REPEAT",)}
