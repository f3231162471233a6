"""multipart/form-data: what stands around the contents of a form, as servers' parsers read it."""

from __future__ import annotations

import re
from email import policy
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.base.errors import InvalidField
from mini_http.codec.multipart import (
    PART_END,
    form_length,
    form_type,
    new_boundary,
    write_form_end,
    write_part_head,
)

BOUNDARY = "XXX"


def written(parts, boundary=BOUNDARY):
    """A form of these parts: what `write_part_head` takes for each, boundary aside, and bytes."""
    form = b"".join(
        write_part_head(boundary, *head) + content + PART_END for head, content in parts
    )
    return form + write_form_end(boundary)


def parsed(form, boundary=BOUNDARY):
    """The parts as the standard library reads them: (name, filename, type, bytes)."""
    head = f"Content-Type: {form_type(boundary)}\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + form)
    assert message.is_multipart()
    assert not message.defects
    return [
        (
            part["Content-Disposition"].params["name"],
            part.get_filename(),
            part.get("Content-Type"),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


# --- the boundary


def test_a_boundary_is_made_of_128_random_bits():
    boundaries = {new_boundary() for _ in range(100)}
    assert len(boundaries) == 100
    assert all(re.fullmatch("[0-9a-f]{32}", boundary) for boundary in boundaries)


@pytest.mark.parametrize(
    ("boundary", "value"),
    [
        (BOUNDARY, "XXX"),
        ("a" * 70, "a" * 70),
        ("--+_-.a", "--+_-.a"),
        ("a'b", '"a\'b"'),
        ("a b", '"a b"'),
        ("(),/:=?", '"(),/:=?"'),
    ],
)
def test_a_boundary_is_quoted_only_where_it_must_be(boundary, value):
    assert form_type(boundary) == f"multipart/form-data; boundary={value}"
    form = written([(("a",), b"1")], boundary)
    assert parsed(form, boundary) == [("a", None, None, b"1")]


@pytest.mark.parametrize(
    "boundary", ["", "a" * 71, "a ", " ", 'a"b', "a\r\nb", "a;b", "\xe9", "a\\"]
)
def test_what_can_be_no_boundary_is_refused(boundary):
    with pytest.raises(InvalidField, match="a boundary is 1 to 70 letters, digits"):
        form_type(boundary)


# --- the heads of parts


def test_a_head_has_its_fields_in_order():
    head = write_part_head("b", "photo", "a.png", "image/png", [("X-A", "1"), ("x-b", "2")])
    assert head == (
        b"--b\r\n"
        b'Content-Disposition: form-data; name="photo"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n"
        b"X-A: 1\r\n"
        b"x-b: 2\r\n"
        b"\r\n"
    )
    assert write_part_head("b", "a") == (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n')


NAMES = [
    ("plain", b"plain"),
    ("", b""),
    ("two words", b"two words"),
    ('say "hi"', b"say %22hi%22"),
    ("a\rb\nc\r\nd", b"a%0Db%0Ac%0D%0Ad"),
    ("100%", b"100%"),
    ("%22", b"%22"),
    ("back\\slash;semi=colon", b"back\\slash;semi=colon"),
    ("caf\xe9", b"caf\xc3\xa9"),
    ("\u65e5\u672c \U0001f600", b"\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80"),
    ("not\udcffUTF-8\ud800", b"not\xef\xbf\xbdUTF-8\xef\xbf\xbd"),
]


@pytest.mark.parametrize(("name", "sent"), NAMES)
def test_names_are_written_as_browsers_write_them(name, sent):
    head = write_part_head("b", name, name)
    line = b'Content-Disposition: form-data; name="%b"; filename="%b"' % (sent, sent)
    assert head.split(b"\r\n")[1] == line


INJECTED = "a\r\nX-Injected: 1"


def test_no_name_can_smuggle_in_a_field_or_a_part():
    form = written([((INJECTED, 'x"; filename="y\r\n--XXX--\r\n'), b"1")])
    assert parsed(form) == [
        ("a%0D%0AX-Injected: 1", "x%22; filename=%22y%0D%0A--XXX--%0D%0A", None, b"1")
    ]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (("a\0",), "Invalid header value for Content-Disposition: .* has a control character"),
        (("a", "b\x7f"), "Invalid header value for Content-Disposition"),
        (("a", "b", f"text/plain{INJECTED}"), "Invalid header value for Content-Type"),
        (("a", "b", "text/plain\n"), "Invalid header value for Content-Type"),
        (("a", "b", 5), "Invalid header value for Content-Type: int is not a string"),
        (("a", "b", "\u20ac"), "Content-Type: .* beyond ISO 8859-1"),
        (("a", "b", None, [("X", "1\r\n")]), "Invalid header value for X"),
        (("a", "b", None, [("X:", "1")]), "Invalid header name 'X:'"),
        (("a", "b", None, [(5, "1")]), "Invalid header name 5"),
    ],
)
def test_a_head_that_may_not_be_sent_is_refused(head, words):
    with pytest.raises(InvalidField, match=words):
        write_part_head(BOUNDARY, *head)


@pytest.mark.parametrize(
    ("content_type", "fields"),
    [
        (None, [("content-disposition", "form-data")]),
        ("text/plain", [("CONTENT-TYPE", "text/html")]),
        (None, [("X", "1"), ("x", "2")]),
    ],
)
def test_a_field_twice_is_refused(content_type, fields):
    with pytest.raises(InvalidField, match="a part of a form can't have one field twice"):
        write_part_head(BOUNDARY, "a", None, content_type, fields)


def test_the_type_may_be_among_the_fields():
    head = write_part_head(BOUNDARY, "a", None, None, [("Content-Type", "text/html")])
    assert head.endswith(b'name="a"\r\nContent-Type: text/html\r\n\r\n')


# --- whole forms

NAME = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters='"'))
PART = st.tuples(
    st.tuples(
        NAME.filter(str.strip), st.none() | NAME.filter(str.strip), st.sampled_from([None, "a/b"])
    ),
    st.binary(max_size=100) | st.sampled_from([b"\r\n", b"\r", b"\n--XXX", b"--XX", b"\0\xff"]),
)


@given(st.lists(PART, min_size=1, max_size=5))
def test_the_contents_of_a_form_arrive_as_they_are(parts):
    boundary = new_boundary()
    read = parsed(written(parts, boundary), boundary)
    assert [(kind, content) for _, _, kind, content in read] == [
        (head[2], content) for head, content in parts
    ]


@pytest.mark.parametrize(
    "name", ["plain", "two words", "caf\xe9", "\u65e5\u672c \U0001f600", "100%"]
)
def test_names_arrive_as_they_are(name):
    form = written([((name, f"{name}.txt", "text/plain"), b"1")])
    assert parsed(form) == [(name, f"{name}.txt", "text/plain", b"1")]


@given(st.lists(PART, max_size=5))
def test_the_length_is_that_of_the_whole_form(parts):
    counted = [(write_part_head(BOUNDARY, *head), len(content)) for head, content in parts]
    assert form_length(BOUNDARY, counted) == len(written(parts))


def test_the_length_is_unknown_if_that_of_a_part_is():
    assert form_length(BOUNDARY, [(b"head", 1), (b"head", None)]) is None


def test_a_form_without_parts_is_closed_at_once():
    assert written([]) == b"--XXX--\r\n"


def test_a_form_is_what_urllib3_makes_of_it():
    urllib3 = pytest.importorskip("urllib3")
    parts = [
        (("field", None, None, []), b"value"),
        (("file", "caf\xe9.txt", "text/plain", []), b"\0\xff"),
        (("odd", 'a"b\n.txt', "a/b", [("X-A", "1")]), b""),
    ]
    fields = []
    for (name, filename, kind, extra), content in parts:
        field = urllib3.fields.RequestField(name, content, filename, dict(extra))
        field.make_multipart(content_type=kind)
        fields.append(field)
    form, content_type = urllib3.encode_multipart_formdata(fields, BOUNDARY)
    assert form == written(parts)
    assert content_type == form_type(BOUNDARY)
