"""The parameters of a field value, by way of Headers and held against Message."""

from __future__ import annotations

from email.message import Message

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.messages import answers, message

from mini_http.base.headers import Headers
from mini_http.base.parameters import is_charset, written

# --- the members of lists


@settings(deadline=None)
@given(st.lists(st.text(alphabet='ab ,"\\\t', max_size=30), max_size=4))
def test_tokens_never_loses_a_character_but_commas_and_space_around_members(values):
    def kept(text):
        return text.replace(",", "").replace(" ", "").replace("\t", "")

    tokens = Headers([("A", value) for value in values]).tokens("a")
    assert kept("".join(tokens)) == kept("".join(values))
    assert all(token and token == token.strip(" \t") for token in tokens)


# --- writing, as Message does


@pytest.mark.parametrize(
    ("value", "params"),
    [
        ("attachment", {"filename": 'a"b\\c;d'}),
        ("attachment", {"filename": "Fußballer 5 €.ppt"}),
        ("attachment", {"filename": ("iso-8859-1", "de", "Fußballer")}),
        ("attachment", {"filename": ("utf-8", None, "a/b~c_d")}),
        ("attachment", {"filename": (None, None, "a b")}),
    ],
)
def test_parameters_are_quoted_and_encoded_as_message_does_it(value, params):
    ours, theirs = Headers(), Message()
    ours.add_header("Content-Disposition", value, **params)
    theirs.add_header("Content-Disposition", value, **params)
    assert ours.items() == theirs.items()
    assert ours.get_filename() == theirs.get_filename()


@pytest.mark.parametrize("value", [None, ""])
def test_a_parameter_without_value_is_its_name_alone(value):
    assert written("name", value) == "name"


def test_add_header_refuses_text_that_its_charset_lacks():
    with pytest.raises(UnicodeEncodeError):
        Headers().add_header("A", "a", b=("us-ascii", "", "é"))


# --- reading, as Message does


FIELD_VALUES = [
    "text/html; charset*=nonsense''utf-8",
    "text/html; charset*=''utf-8",
    "text/html; charset*=utf-8",
    "text/html; charset*=us-ascii''%E9",
    'application/x; name="<a.txt>"',
    "attachment; filename=a b.txt",
    'attachment; filename="a;b.txt"; size=5',
    'attachment; filename="a\\"b.txt"; size=5',
    'attachment; filename="C:\\dir\\a.txt"',
    'attachment; filename="a\\\\b.txt"',
    'attachment; filename="a.txt',
    'attachment; filename=a".txt"',
    'attachment; filename=""',
    "attachment; filename=<a.txt>",
    "attachment; filename=' a.txt '",
    'attachment; filename=" a.txt "',
    "attachment; filename*=UTF-8''%e2%82%ac%20rates.txt",
    "attachment; filename*=utf-8'en'%E2%82%AC.txt",
    "attachment; filename*=iso-8859-1''na%EFve.txt",
    "attachment; filename*=utf-8''%ff.txt",
    "attachment; filename*=utf-8''100%.txt",
    "attachment; filename*=nonsense''a%20b.txt",
    "attachment; filename*=''a%20b.txt",
    "attachment; filename*=a%20b.txt",
    "attachment; filename*=\"utf-8''a.txt\"",
    "attachment; filename=\"plain.txt\"; filename*=utf-8''f%C3%BC.txt",
    "attachment; filename*=utf-8''f%C3%BC.txt; filename=plain.txt",
    "attachment; filename*0=long; filename*1=name.txt",
    "attachment; filename*1=name.txt; filename*0=long",
    "attachment; filename*0*=utf-8''f%C3; filename*1*=%BC; filename*2=.txt",
    "attachment; filename*0=f; filename*1*=%FC",
    "attachment; filename*0*=''a; filename*0=b",
    "attachment; file-name*=utf-8''x; filename*x=y; *=z",
    "attachment; =x; filename=a.txt; ;",
]


@pytest.mark.parametrize("value", FIELD_VALUES)
@pytest.mark.parametrize("fields", ["Content-Type", "content-disposition", "both", "neither"])
def test_parameters_are_those_that_message_finds(value, fields):
    both = [("Content-Type", value), ("content-disposition", value)]
    pairs = both if fields == "both" else [pair for pair in both if pair[0] == fields]
    assert answers(Headers(pairs)) == answers(message(pairs))


tokens = st.text("abcXYZ019-._*%'", max_size=8)
quoted = st.text("ab ;,=\\\"'%<>é", max_size=8).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
extended = st.tuples(
    st.sampled_from(["utf-8", "ISO-8859-1", "us-ascii", "nonsense", ""]),
    st.sampled_from(["", "en"]),
    st.text("ab%'é", max_size=5) | st.sampled_from(["%C3%A9", "%E9", "%zz", "a%20b"]),
).map("'".join)
names = st.sampled_from(["charset", "Filename", "boundary", "name", "x-y"])
sections = st.sampled_from(["", "", "*", "*0", "*1", "*0*", "*2*", "*x"])
spaces = st.sampled_from(["", " ", "\t"])
params = st.builds(
    lambda name, section, a, b, value: f"{name}{section}{a}={b}{value}",
    names,
    sections,
    spaces,
    spaces,
    tokens | quoted | extended,
)
field_values = st.builds(
    lambda first, rest, space: (";" + space).join([first, *rest]),
    st.sampled_from(["text/html", "Multipart/Mixed", "attachment", "", "a/b/c"]),
    st.lists(params | names, max_size=5),
    spaces,
)


def mixes_numbered_and_unnumbered_pieces(value: str) -> bool:
    """Message raises TypeError then: it sorts None among numbers."""
    try:
        answers(message([("Content-Type", value), ("Content-Disposition", value)]))
    except TypeError:
        return True
    return False


@settings(deadline=None)
@given(field_values)
def test_well_quoted_parameters_are_read_as_message_reads_them(value):
    pairs = [("Content-Type", value), ("Content-Disposition", value)]
    if mixes_numbered_and_unnumbered_pieces(value):
        assert answers(Headers(pairs))
    else:
        assert answers(Headers(pairs)) == answers(message(pairs))


@settings(deadline=None)
@given(st.text() | st.text(";=\"\\*'%<>, \t0179abcharsetfilename", max_size=60))
@example("x; filename*=a; filename*0=b")
@example("x; filename*00000000000000000000000000=b")
@example("x; charset*=\x00''a; filename*=\x00''a")
@example("x; charset*=" + "a" * 5000 + "''a")
def test_no_field_value_makes_any_question_fail(value):
    said = answers(Headers([("Content-Type", value), ("Content-Disposition", value)]))
    assert said["type"].count("/") == 1


def test_where_message_fails_on_mixed_pieces_the_unnumbered_one_comes_first():
    headers = Headers([("Content-Disposition", "x; filename*0=b; filename*=a")])
    assert headers.get_filename() == "ab"


@pytest.mark.parametrize("codec", ["punycode", "IDNA", "undefined", "unicode_escape", "hex", "\0"])
def test_codecs_of_python_that_are_no_charsets_are_not_run(codec):
    value = f"x; filename*={codec}''%5Cx41; charset*={codec}''%5Cx41"
    headers = Headers([("Content-Disposition", value), ("Content-Type", value)])
    assert headers.get_filename() == "\\x41"
    assert headers.get_content_charset() == "\\x41"


@pytest.mark.parametrize("name", ["utf-8", "ISO_8859-1", "us-ascii", "shift_jis", "utf-16"])
def test_what_text_is_encoded_in_is_a_charset(name):
    assert is_charset(name)


@pytest.mark.parametrize(
    "name", ["nonsense", "", "\0", "é", "hex", "base64", "punycode", "IDNA", "unicode_escape"]
)
def test_what_python_does_not_know_or_knows_as_another_codec_is_no_charset(name):
    assert not is_charset(name)


@pytest.mark.parametrize(
    "value",
    ['x; a="' + ";" * 60_000, "x" + '; a="' * 10_000, "x; a=" + "\\" * 60_000, ";" * 60_000],
)
def test_a_line_full_of_delimiters_is_read_like_any_other(value):
    joined = "".join(name + str(text) for name, text in Headers([("C", value)]).get_params((), "c"))
    assert len(joined) <= len(value)
