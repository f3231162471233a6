"""Headers: order, case and repeats; the interface of Message, held against Message itself.

How parameters are split, decoded and written is tested in test_parameters.py.
"""

from __future__ import annotations

import copy
import http.client
import pickle
import subprocess
import sys
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.messages import answers, message

from mini_http.base.headers import MASK, SECRET_FIELDS, SHOWN_CHARACTERS, Headers, as_text, masked

ROOT = Path(__file__).parents[2]

PAIRS = [("Host", "h"), ("Set-Cookie", "a=1"), ("X-Empty", ""), ("set-cookie", "b=2")]


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


@pytest.mark.parametrize("value", [b"caf\xe9", bytearray(b"caf\xe9"), memoryview(b"caf\xe9")])
def test_bytes_are_text_in_iso_8859_1(value):
    assert as_text(value) == "caf\xe9"


@pytest.mark.parametrize(("value", "text"), [("a", "a"), ("", ""), (5, "5"), (-1, "-1")])
def test_text_stays_as_it_is_and_numbers_are_written_out(value, text):
    assert as_text(value) == text


@pytest.mark.parametrize("value", [None, 1.5, ["a"]])
def test_nothing_else_is_made_a_field(value):
    with pytest.raises(TypeError, match=f"not {type(value).__name__}$"):
        as_text(value)


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


@pytest.mark.parametrize(
    "first_question",
    [len, repr, Headers.items, Headers.copy, lambda headers: headers["host"], lambda h: "x" in h],
)
def test_lines_are_split_once_when_something_is_first_asked_for(first_question):
    splits = []

    def split(text, start):
        splits.append((text, start))
        return list(PAIRS)

    headers = Headers.of_lines("the text of a head", 3, split)
    assert splits == []
    assert first_question(headers) == first_question(Headers(list(PAIRS)))
    headers["New"] = "1"
    assert headers.items() == [*PAIRS, ("New", "1")]
    assert splits == [("the text of a head", 3)]


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
        ("inline", {"read_only": None, "empty": "", "size": "5"}),
        (None, {"a": "1", "b": "2"}),
        (None, {}),
    ],
)
def test_add_header_adds_a_field_with_parameters_as_message_does(value, params):
    ours, theirs = Headers(), Message()
    ours.add_header("Content-Disposition", value, **params)
    theirs.add_header("Content-Disposition", value, **params)
    assert ours.items() == theirs.items()
    assert ours.get_filename() == theirs.get_filename()


# --- what Content-Type and Content-Disposition say, as Message says it

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
    "attachment",
    "ATTACHMENT; FileName=a.txt",
]


@pytest.mark.parametrize("value", FIELD_VALUES)
@pytest.mark.parametrize("fields", ["Content-Type", "content-disposition", "both", "neither"])
def test_fields_say_what_message_says_they_say(value, fields):
    both = [("Content-Type", value), ("content-disposition", value)]
    pairs = both if fields == "both" else [pair for pair in both if pair[0] == fields]
    assert answers(Headers(pairs)) == answers(message(pairs))


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


# --- as a Message


def said_by(code: str) -> str:
    """What a fresh interpreter prints."""
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_headers_are_a_message_to_whoever_looks(headers):
    assert isinstance(headers, Message)
    assert isinstance(headers, http.client.HTTPMessage)
    assert isinstance(headers, Headers)
    assert type(headers) is Headers


@pytest.mark.parametrize(
    ("imported", "said"),
    [
        ("sys", "Headers"),
        ("email.message", "Message"),
        ("http.client", "HTTPMessage"),
    ],
)
def test_headers_are_what_the_program_can_ask_for(imported, said):
    code = f"import {imported}; from mini_http import Headers; print(Headers().__class__.__name__)"
    assert said_by(code) == said


def test_looking_loads_nothing():
    code = """
from mini_http import Headers
import sys
isinstance(Headers([("A", "b")]), int)
print("email.message" in sys.modules)
"""
    assert said_by(code) == "False"


def test_what_only_a_message_has_is_had_from_one_with_the_same_fields(headers):
    assert headers.get_payload() == ""  # as in the headers of http.client's replies
    assert headers.as_bytes() == bytes(headers) == bytes(message(PAIRS))
    assert [part.items() for part in headers.walk()] == [PAIRS]
    assert headers.as_message().items() == PAIRS


def test_a_message_made_of_headers_can_be_changed_apart_from_them(headers):
    headers.as_message()["Via"] = "1.1 x"
    assert "Via" not in headers


@pytest.mark.parametrize("name", ["getheaders", "__len_hint__", "_unsplit"])
def test_what_a_message_has_not_headers_have_not_either(headers, name):
    assert not hasattr(headers, name)


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda h: pickle.loads(pickle.dumps(h))]
)
def test_copies_and_pickles_are_headers_again(headers, again):
    copied = again(headers)
    assert type(copied) is Headers
    assert copied.items() == PAIRS
    copied["Via"] = "1.1 x"
    assert headers.items() == PAIRS
