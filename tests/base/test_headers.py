"""Headers: order, case and repeats; the interface of Message, held against Message itself."""

from __future__ import annotations

import copy
import http.client
import pickle
import subprocess
import sys
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mini_http.base.headers import MASK, SECRET_FIELDS, SHOWN_CHARACTERS, Headers, masked

ROOT = Path(__file__).parents[2]

PAIRS = [("Host", "h"), ("Set-Cookie", "a=1"), ("X-Empty", ""), ("set-cookie", "b=2")]


def message(pairs: list[tuple[str, str]]) -> Message:
    """The standard library's object with the same fields."""
    made = Message()
    for name, value in pairs:
        made[name] = value
    return made


@pytest.fixture
def headers() -> Headers:
    return Headers(list(PAIRS))


# --- making


def test_the_constructor_takes_over_the_list_that_it_is_given():
    pairs = list(PAIRS)
    headers = Headers(pairs)
    headers["Via"] = "1.1 x"
    del headers["host"]
    assert pairs == [*PAIRS[1:], ("Via", "1.1 x")]


def test_without_arguments_there_are_no_fields():
    assert len(Headers()) == 0
    assert not Headers()
    assert Headers().items() == []


@pytest.mark.parametrize(
    "source",
    [
        list(PAIRS),
        iter(PAIRS),
        tuple(PAIRS),
        [list(pair) for pair in PAIRS],
        Headers(list(PAIRS)),
        message(PAIRS),
    ],
    ids=["list", "iterator", "tuple", "lists", "Headers", "Message"],
)
def test_of_takes_pairs_headers_and_messages(source):
    assert Headers.of(source).items() == PAIRS


def test_of_takes_a_mapping_and_none():
    assert Headers.of({"A": "1", "B": "2"}).items() == [("A", "1"), ("B", "2")]
    assert Headers.of(None).items() == []


def test_of_copies_what_it_is_given():
    source = Headers(list(PAIRS))
    Headers.of(source)["New"] = "1"
    pairs = list(PAIRS)
    Headers.of(pairs)["New"] = "1"
    assert (source.items(), pairs) == (PAIRS, PAIRS)


def test_of_takes_bytes_and_numbers_as_http_client_does():
    assert Headers.of({b"A": b"caf\xe9", "B": 5}).items() == [("A", "caf\xe9"), ("B", "5")]


@pytest.mark.parametrize("source", [{"A": None}, {"A": ["1"]}, {None: "1"}, [("A", 1.5)], 5])
def test_of_refuses_other_types(source):
    with pytest.raises(TypeError):
        Headers.of(source)


def test_the_refusal_does_not_show_the_value():
    with pytest.raises(TypeError, match=r"^a field is made of str, bytes or int, not list$"):
        Headers.of({"Authorization": ["secret"]})


@pytest.mark.parametrize("source", [["A"], [("A", "1", "2")], "Accept: x"])
def test_of_refuses_items_that_are_no_pairs(source):
    with pytest.raises(ValueError, match="values to unpack"):
        Headers.of(source)


# --- looking up, as Message does


@pytest.mark.parametrize("name", ["Host", "host", "HOST", "set-cookie", "x-empty", "missing", ""])
def test_look_ups_fold_case_and_answer_as_message_does(headers, name):
    theirs = message(PAIRS)
    assert headers[name] == theirs[name]
    assert headers.get(name) == theirs.get(name)
    assert headers.get(name, "other") == theirs.get(name, "other")
    assert headers.get_all(name) == theirs.get_all(name)
    assert headers.get_all(name, []) == theirs.get_all(name, [])
    assert (name in headers) == (name in theirs)


@pytest.mark.parametrize("ask", [len, list, dict, lambda h: h.keys(), lambda h: h.values()])
def test_listings_are_those_of_message(headers, ask):
    assert ask(headers) == ask(message(PAIRS))


def test_items_and_raw_items_keep_order_case_and_repeats(headers):
    assert headers.items() == message(PAIRS).items() == PAIRS
    assert list(headers.raw_items()) == list(message(PAIRS).raw_items())


def test_listings_are_copies(headers):
    headers.items().clear()
    headers.keys().clear()
    headers.values().clear()
    raw = headers.raw_items()
    headers["New"] = "1"
    assert list(raw) == PAIRS
    assert len(headers) == 5


@pytest.mark.parametrize("first_question", [lambda h: h["host"], lambda h: "host" in h])
def test_any_first_question_builds_the_index(headers, first_question):
    assert first_question(headers)
    assert headers.get_all("set-cookie") == ["a=1", "b=2"]


def test_get_all_gives_lists_that_are_the_callers_own():
    headers = Headers([("A", "1")])
    headers.get_all("A").append("2")
    assert headers.get_all("A") == ["1"]


def test_combined_joins_all_values_and_is_none_without_one():
    headers = Headers([("Accept", "a"), ("X", "0"), ("accept", "b, c")])
    assert headers.combined("Accept") == "a, b, c"
    assert headers.combined("X") == "0"
    assert headers.combined("missing") is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([""], []),
        (["close"], ["close"]),
        (["Keep-Alive, Upgrade"], ["keep-alive", "upgrade"]),
        (["a", "B"], ["a", "b"]),
        ([" , a ,,\tb , "], ["a", "b"]),
        (['a;q="x,y", b'], ['a;q="x,y"', "b"]),
        (['a="\\",", b'], ['a="\\","', "b"]),
        (['"a, b', "close"], ['"a, b', "close"]),
        (['a"b"c"d,"'], ['a"b"c"d,"']),
        (['"a\\'], ['"a\\']),
    ],
)
def test_tokens_are_the_list_members_of_all_fields_in_lower_case(values, expected):
    headers = Headers([("Connection", value) for value in values])
    assert headers.tokens("connection") == expected


@settings(deadline=None)
@given(st.lists(st.text(alphabet='ab ,"\\\t', max_size=30), max_size=4))
def test_tokens_never_loses_a_character_but_commas_and_space_around_members(values):
    def kept(text):
        return text.replace(",", "").replace(" ", "").replace("\t", "")

    tokens = Headers([("A", value) for value in values]).tokens("a")
    assert kept("".join(tokens)) == kept("".join(values))
    assert all(token and token == token.strip(" \t") for token in tokens)


# --- changing, as Message does


def test_setting_adds_a_field_after_a_look_up_and_before_one(headers):
    headers["Set-Cookie"] = "c=3"
    assert headers.get_all("set-cookie") == ["a=1", "b=2", "c=3"]
    headers["Set-Cookie"] = "d=4"
    headers["New"] = "x"
    assert headers.get_all("set-cookie") == ["a=1", "b=2", "c=3", "d=4"]
    assert headers["set-cookie"] == "a=1"
    assert headers["new"] == "x"
    assert headers.keys()[-3:] == ["Set-Cookie", "Set-Cookie", "New"]


@pytest.mark.parametrize("name", ["host", "SET-COOKIE", "missing"])
def test_deleting_removes_all_of_a_name_and_is_silent_when_there_is_none(headers, name):
    theirs = message(PAIRS)
    assert headers["host"] == "h"
    del headers[name]
    del theirs[name]
    assert headers.items() == theirs.items()
    assert name not in headers


def test_replace_header_changes_the_first_value_in_its_place(headers):
    theirs = message(PAIRS)
    assert headers["set-cookie"] == "a=1"
    for fields in (headers, theirs):
        fields.replace_header("SET-COOKIE", "z=9")
    assert headers.items() == theirs.items()
    assert headers["set-cookie"] == "z=9"


def test_replace_header_of_a_missing_name_is_a_key_error(headers):
    with pytest.raises(KeyError, match="Missing"):
        headers.replace_header("Missing", "1")


def test_set_leaves_one_field_of_the_name_where_the_first_one_stood(headers):
    headers.set("SET-COOKIE", "z=9")
    assert headers.items() == [("Host", "h"), ("SET-COOKIE", "z=9"), ("X-Empty", "")]
    assert headers.get_all("set-cookie") == ["z=9"]


def test_set_of_a_missing_name_adds_the_field_at_the_end(headers):
    headers.set("New", "1")
    assert headers.items() == [*PAIRS, ("New", "1")]
    assert headers["new"] == "1"


changes = st.lists(
    st.tuples(
        st.sampled_from(["add", "delete", "replace"]), st.sampled_from("aAbBc"), st.text("xy")
    ),
    max_size=12,
)


@settings(deadline=None)
@given(changes)
def test_after_any_changes_all_answers_are_those_of_message(steps):
    ours, theirs = Headers(), Message()
    for change, name, value in steps:
        for fields in (ours, theirs):
            if change == "add":
                fields[name] = value
            elif change == "delete":
                del fields[name]
            elif name in fields:
                fields.replace_header(name, value)
        assert ours.items() == theirs.items()
        for asked in "abc":
            assert ours.get(asked) == theirs.get(asked)
            assert ours.get_all(asked) == theirs.get_all(asked)


@pytest.mark.parametrize(
    ("value", "params"),
    [
        ("attachment", {}),
        ("attachment", {"filename": "a b.txt"}),
        ("attachment", {"filename": 'a"b\\c;d'}),
        ("attachment", {"filename": "Fußballer 5 €.ppt"}),
        ("attachment", {"filename": ("iso-8859-1", "de", "Fußballer")}),
        ("attachment", {"filename": ("utf-8", None, "a/b~c_d")}),
        ("attachment", {"filename": (None, None, "a b")}),
        ("inline", {"read_only": None, "empty": "", "size": "5"}),
        (None, {"a": "1", "b": "2"}),
        (None, {}),
    ],
)
def test_add_header_writes_parameters_as_message_does(value, params):
    ours, theirs = Headers(), Message()
    ours.add_header("Content-Disposition", value, **params)
    theirs.add_header("Content-Disposition", value, **params)
    assert ours.items() == theirs.items()
    assert ours.get_filename() == theirs.get_filename()


def test_add_header_refuses_text_that_its_charset_lacks():
    with pytest.raises(UnicodeEncodeError):
        Headers().add_header("A", "a", b=("us-ascii", "", "é"))


# --- parameters, as Message reads them

FIELD_VALUES = [
    "text/html",
    "Text/HTML; Charset=UTF-8",
    "text/html;charset=utf-8",
    'text/html; charset="utf-8"',
    'text/html ; charset = "ISO-8859-1" ; x=1',
    "text/html; charset=utf-8; charset=latin-1",
    "text/html; charset=",
    "text/html; charset",
    "text/html; charset=é",
    "text/html; CHARSET*=us-ascii'en'utf-8",
    "text/html; charset*=utf-8''%C3%A9",
    "text/html; charset*=nonsense''utf-8",
    "text/html; charset*=''utf-8",
    "text/html; charset*=utf-8",
    "text/html; charset*=us-ascii''%E9",
    "charset=utf-8",
    "",
    " ",
    ";",
    ";;",
    "; charset=utf-8",
    "text",
    "text/",
    "/",
    "a/b/c",
    "text/html, text/plain",
    "text / html",
    'multipart/form-data; boundary="a b "',
    "multipart/mixed; boundary*=us-ascii''abc%20",
    "multipart/mixed; boundary=abc; boundary=def",
    "application/x; name=a.txt",
    'application/x; name="<a.txt>"',
    "attachment",
    "ATTACHMENT; FileName=a.txt",
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


def answers(fields: Message | Headers) -> dict[str, object]:
    """What the methods about Content-Type and Content-Disposition say."""
    disposition = "content-disposition"
    return {
        "type": fields.get_content_type(),
        "maintype": fields.get_content_maintype(),
        "subtype": fields.get_content_subtype(),
        "default type": fields.get_default_type(),
        "disposition": fields.get_content_disposition(),
        "charset": fields.get_content_charset(),
        "charset or": fields.get_content_charset("other"),
        "charsets": fields.get_charsets("other"),
        "boundary": fields.get_boundary(),
        "boundary or": fields.get_boundary("other"),
        "filename": fields.get_filename(),
        "filename or": fields.get_filename("other"),
        "params": fields.get_params(),
        "params or": fields.get_params("other", disposition),
        "raw params": fields.get_params(header=disposition, unquote=False),
        "param": fields.get_param("CHARSET"),
        "param or": fields.get_param("x", "other"),
        "param of": fields.get_param("filename", header=disposition),
        "raw param": fields.get_param("filename", None, disposition, unquote=False),
        "multipart": fields.is_multipart(),
    }


@pytest.mark.parametrize("value", FIELD_VALUES)
@pytest.mark.parametrize("fields", ["Content-Type", "content-disposition", "both", "neither"])
def test_fields_say_what_message_says_they_say(value, fields):
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


@pytest.mark.parametrize(
    "value",
    ['x; a="' + ";" * 60_000, "x" + '; a="' * 10_000, "x; a=" + "\\" * 60_000, ";" * 60_000],
)
def test_a_line_full_of_delimiters_is_read_like_any_other(value):
    joined = "".join(name + str(text) for name, text in Headers([("C", value)]).get_params((), "c"))
    assert len(joined) <= len(value)


# --- showing and comparing


def test_str_gives_the_lines_that_message_gives():
    pairs = [*PAIRS, ("Long", "word " * 40 + "end")]
    assert str(Headers(pairs)) == str(message(pairs)) == Headers(pairs).as_string()
    assert str(Headers()) == str(Message()) == "\n"


def test_repr_shows_the_fields_without_secrets():
    pairs = [("Host", "h"), ("Authorization", "Basic c2VjcmV0"), ("cookie", "secret=1")]
    shown = repr(Headers(pairs))
    assert shown == "<Headers ['Host: h', 'Authorization: ***', 'cookie: ***']>"


def test_repr_is_short_however_much_there_is():
    headers = Headers([("X", "v" * 1000)] * 20)
    shown = repr(headers)
    assert shown.endswith("and 12 more>")
    assert "v" * SHOWN_CHARACTERS + "..." in shown
    assert "v" * (SHOWN_CHARACTERS + 1) not in shown
    assert "\n" not in repr(Headers([("X", "a\nb")]))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Authorization", MASK),
        ("PROXY-AUTHORIZATION", MASK),
        ("cookie", MASK),
        ("Set-Cookie", MASK),
        ("Host", "value"),
        ("X-Api-Key", "value"),
    ],
)
def test_masked_hides_the_values_of_secret_fields(name, shown):
    assert masked(name, "value") == shown


def test_masked_hides_what_the_caller_calls_secret():
    secret = SECRET_FIELDS | {"x-api-key"}
    assert masked("X-Api-Key", "value", secret) == MASK
    assert masked("Host", "value", secret) == "value"


def test_headers_are_equal_if_names_in_any_case_and_values_are_in_the_same_order(headers):
    assert headers == Headers([(name.upper(), value) for name, value in PAIRS])
    assert headers != Headers(PAIRS[::-1])
    assert headers != Headers(PAIRS[:-1])
    assert headers != Headers([(name, value.upper()) for name, value in PAIRS])
    assert headers != PAIRS


def test_headers_have_no_hash_since_they_can_change(headers):
    with pytest.raises(TypeError, match="unhashable"):
        hash(headers)


@pytest.mark.parametrize("copied", [Headers.copy, copy.copy, copy.deepcopy, Headers.of])
def test_a_copy_has_the_same_fields_and_changes_apart(headers, copied):
    assert headers["host"] == "h"
    other = copied(headers)
    assert other == headers
    other["New"] = "1"
    assert "new" not in headers
    assert other["new"] == "1"


def test_headers_become_a_message_by_their_items():
    made = http.client.HTTPMessage()
    for name, value in Headers(list(PAIRS)).items():
        made[name] = value
    assert made.items() == PAIRS


def test_headers_survive_pickling(headers):
    assert headers["host"] == "h"
    assert pickle.loads(pickle.dumps(headers)) == headers


def test_headers_do_not_offer_what_callers_take_for_a_sign_of_another_object(headers):
    assert not hasattr(headers, "getheaders")
    assert not hasattr(headers, "__dict__")


# --- what it costs


def test_importing_headers_loads_nothing_heavy():
    code = (
        "import sys; import mini_http.base.headers, mini_http.base.commands;"
        "heavy = ['typing', 'dataclasses', 'email', 'http.client', 'urllib', 'ssl', 'socket'];"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
