"""Bodies of forms and JSON, as servers and their parsers get them."""

from __future__ import annotations

import base64
import io
import json
import mmap
import os
import pathlib
import tempfile
import tracemalloc
from email import policy
from email.parser import BytesParser
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.servers import ScriptedServer

from mini_http import HTTPClient
from mini_http.base.errors import BodyNotReplayable, InvalidField, InvalidRequest
from mini_http.exchange.form_body import (
    FORM_TYPE,
    GATHERED_BYTES,
    JSON_TYPE,
    body_of,
    form_body,
    json_body,
    multipart_body,
)
from mini_http.exchange.request_body import (
    NO_BODY,
    READ_BYTES,
    RequestBody,
    watched,
    with_trailers,
)

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")

UNKNOWN = "application/octet-stream"


def joined(body):
    """All that a body sends, ready to be sent again."""
    body.rewind()
    return b"".join(body.pieces())


def parsed(content_type, form):
    """The parts as the standard library reads them: (name, filename, type, bytes)."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=policy.HTTP).parsebytes(head + form)
    assert message.get_content_type() == "multipart/form-data"
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


def parts(*given, **files):
    """The parts that `multipart_body` makes, read by a parser."""
    body = multipart_body(*given, **files)
    form = joined(body)
    assert body.length in (None, len(form))
    return parsed(body.content_type, form)


# --- JSON

VALUES = [
    ({"a": [1, 2.5, None, True]}, b'{"a":[1,2.5,null,true]}'),
    ("caf\xe9", b'"caf\xc3\xa9"'),
    (None, b"null"),
    ([], b"[]"),
    (0, b"0"),
]


@pytest.mark.parametrize(("value", "sent"), VALUES)
def test_json_is_utf_8_without_blanks(value, sent):
    body = json_body(value)
    assert (joined(body), body.length, body.content_type) == (sent, len(sent), JSON_TYPE)
    assert json.loads(sent) == value


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (float("nan"), ValueError),
        ([float("inf")], ValueError),
        ("\ud800", ValueError),
        ({1, 2}, TypeError),
        (b"bytes", TypeError),
    ],
)
def test_what_json_cannot_say_is_refused(value, error):
    with pytest.raises(error):
        json_body(value)


# --- forms without files

FORMS = [
    ({"a": "1", "b": "2"}, b"a=1&b=2"),
    ([("a", "1"), ("a", "2")], b"a=1&a=2"),
    (iter([("a", "1")]), b"a=1"),
    ({"a": ["1", 2, b"3"], "b": ()}, b"a=1&a=2&a=3"),
    ({"a": ("1", "2")}, b"a=1&a=2"),
    ({"n": 5, "x": 1.5, "t": True}, b"n=5&x=1.5&t=True"),
    ({"a b": "c&d=e+f%"}, b"a+b=c%26d%3De%2Bf%25"),
    ({"caf\xe9": "\u20ac"}, b"caf%C3%A9=%E2%82%AC"),
    ({b"a": bytearray(b"\xff\0")}, b"a=%FF%00"),
    ({"a": ""}, b"a="),
    ({}, b""),
    ((), b""),
    ([], b""),
]


@pytest.mark.parametrize(("fields", "sent"), FORMS)
def test_a_form_is_its_fields_escaped(fields, sent):
    body = form_body(fields)
    assert (joined(body), body.length, body.content_type) == (sent, len(sent), FORM_TYPE)


@given(st.lists(st.tuples(st.text(), st.text())))
def test_every_form_arrives_as_it_is(pairs):
    try:
        sent = joined(form_body(pairs))
    except UnicodeEncodeError:
        return  # surrogates, which UTF-8 can't express
    assert parse_qsl(sent.decode(), keep_blank_values=True, strict_parsing=bool(pairs)) == pairs


NOT_FIELDS = [
    ("a=b", "fields must be a mapping or pairs of a name and a value"),
    (b"a=b", "fields must be a mapping or pairs"),
    (5, "fields must be a mapping or pairs"),
    (["ab"], "fields must be a mapping or pairs"),
    ([("a", "b", "c")], "fields must be a mapping or pairs"),
    ([5], "fields must be a mapping or pairs"),
    ({5: "a"}, "a field's name must be a str, not int: 5"),
    ({None: "a"}, "a field's name must be a str, not NoneType"),
    ({"a": None}, "the field 'a' must be .*, not NoneType: leave it out, or give an empty str"),
    ({"a": [None]}, "the field 'a' must be .*, not NoneType"),
    ({"a": {"b": "c"}}, "the field 'a' must be str, bytes or a number, not dict$"),
    ({"a": io.BytesIO()}, "the field 'a' must be .*, not BytesIO: files go into files="),
]


@pytest.mark.parametrize("make", [form_body, multipart_body])
@pytest.mark.parametrize(("fields", "words"), NOT_FIELDS)
def test_what_is_no_field_is_refused(make, fields, words):
    with pytest.raises(TypeError, match=words):
        make(fields)


# --- one of them


def test_the_body_is_the_one_that_was_given():
    assert body_of() is NO_BODY
    assert joined(body_of(b"data")) == b"data"
    assert joined(body_of(json=[])) == b"[]"
    assert joined(body_of(json=0)) == b"0"
    assert joined(body_of(form={"a": 1})) == b"a=1"
    assert body_of(form={}).content_type == FORM_TYPE
    body = body_of(files={"a": b"1"})
    assert parsed(body.content_type, joined(body)) == [("a", "a", UNKNOWN, b"1")]
    body = body_of(form={"a": 1}, files={"b": b"2"})
    assert [part[0] for part in parsed(body.content_type, joined(body))] == ["a", "b"]
    assert body_of(files={}).content_type.startswith("multipart/form-data; boundary=")


@pytest.mark.parametrize(
    "given",
    [
        {"data": b"", "json": {}},
        {"data": b"", "form": {}},
        {"data": b"", "files": {}},
        {"json": {}, "form": {}},
        {"json": {}, "files": {}},
        {"json": {}, "form": {}, "files": {}},
    ],
)
def test_two_bodies_are_refused(given):
    with pytest.raises(TypeError, match=f"one body: {' and '.join(given)} can't go together"):
        body_of(**given)


# --- forms with files


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "caf\xe9.txt"
    path.write_bytes(b"hello world")
    return path


def test_fields_come_first_and_files_after_them():
    assert parts({"a": ["1", 2], "b": b"\xff"}, {"c": b"3"}) == [
        ("a", None, None, b"1"),
        ("a", None, None, b"2"),
        ("b", None, None, b"\xff"),
        ("c", "c", UNKNOWN, b"3"),
    ]


def test_a_file_on_disk_is_called_as_there_and_sent_from_its_position_on(path):
    with path.open("rb") as file:
        file.seek(6)
        assert parts(files={"f": file}) == [("f", "caf\xe9.txt", "text/plain", b"world")]


def test_a_path_is_opened_while_it_is_sent(path):
    body = multipart_body(files={"f": path})
    assert body.length == len(joined(body))
    for _ in range(2):
        form = parsed(body.content_type, joined(body))
        assert form == [("f", "caf\xe9.txt", "text/plain", b"hello world")]


class BytesPath(os.PathLike):
    """A path of bytes, as there can be on systems whose names are bytes."""

    def __init__(self, path):
        self._path = os.fsencode(path)

    def __fspath__(self):
        return self._path


def test_a_path_may_be_of_bytes(path):
    expected = ("f", "caf\xe9.txt", "text/plain", b"hello world")
    assert parts(files={"f": BytesPath(path)}) == [expected]
    with open(os.fsencode(path), "rb") as file:
        assert parts(files={"f": file}) == [expected]


def piece_by_piece():
    yield b"by "
    yield b"piece"


FILES = [
    # what is given, how it is called, its type, its bytes
    (b"bytes", "f", UNKNOWN, b"bytes"),
    (bytearray(b"bytes"), "f", UNKNOWN, b"bytes"),
    (io.BytesIO(b"memory"), "f", UNKNOWN, b"memory"),
    (piece_by_piece(), "f", UNKNOWN, b"by piece"),
    (RequestBody(b"{}", "a/b"), "f", "a/b", b"{}"),
    (("a.csv", b"1,2"), "a.csv", "text/csv", b"1,2"),
    (("a.csv", "caf\xe9"), "a.csv", "text/csv", b"caf\xc3\xa9"),
    (("a.csv", io.BytesIO(b"1,2"), "text/x"), "a.csv", "text/x", b"1,2"),
    (("a.csv", b"1,2", None), "a.csv", "text/csv", b"1,2"),
    (("a.csv", b"1,2", None, {"Content-type": "text/y"}), "a.csv", "text/y", b"1,2"),
    (("a.csv", b"1,2", None, None), "a.csv", "text/csv", b"1,2"),
    (("a.json", json_body([]), None), "a.json", JSON_TYPE, b"[]"),
    (("a.tar.gz", b""), "a.tar.gz", UNKNOWN, b""),
    (("no such ending", b""), "no such ending", UNKNOWN, b""),
    (("", b"1"), "", UNKNOWN, b"1"),
    ((None, "[]"), None, None, b"[]"),
    ((None, "[]", "application/json"), None, "application/json", b"[]"),
    ((None, json_body([])), None, JSON_TYPE, b"[]"),
]


@pytest.mark.parametrize(("given", "filename", "kind", "content"), FILES)
def test_a_file_may_be_given_with_or_without_its_name_and_type(given, filename, kind, content):
    assert parts(files=[("f", given)]) == [("f", filename, kind, content)]


def test_a_part_may_have_more_fields():
    for fields in ({"Expires": "0", "X-A": "1"}, [("Expires", "0"), ("X-A", "1")]):
        body = multipart_body(files={"f": ("a", b"1", "a/b", fields)})
        assert b"\r\nContent-Type: a/b\r\nExpires: 0\r\nX-A: 1\r\n\r\n1\r\n" in joined(body)


def test_a_list_of_files_repeats_the_field():
    assert parts(files={"f": [b"1", ("a.txt", b"2")], "g": []}) == [
        ("f", "f", UNKNOWN, b"1"),
        ("f", "a.txt", "text/plain", b"2"),
    ]


def test_a_file_without_a_name_on_disk_is_called_as_its_field():
    with tempfile.TemporaryFile() as file, mmap.mmap(-1, 4) as mapped:
        assert not isinstance(file.name, str)
        mapped.write(b"abcd")
        mapped.seek(2)
        assert parts(files={"f": file, "g": mapped}) == [
            ("f", "f", UNKNOWN, b""),
            ("g", "g", UNKNOWN, b"cd"),
        ]
    named = io.BytesIO(b"1")
    named.name = "<stdin>"
    assert parts(files={"f": named}) == [("f", "f", UNKNOWN, b"1")]


def test_a_form_is_what_urllib3_makes_of_it(path):
    urllib3 = pytest.importorskip("urllib3")
    boundary = "XXX"
    fields = {"a": "1", "f": ("caf\xe9.txt", path.read_bytes(), "text/plain")}
    form, content_type = urllib3.encode_multipart_formdata(fields, boundary)
    with path.open("rb") as file:
        body = multipart_body({"a": "1"}, {"f": file}, boundary=boundary)
        assert (joined(body), body.content_type) == (form, content_type)


NOT_FILES = [
    ({"f": "path"}, "the file 'f' is a str: pass its path as a pathlib.Path, or its content as"),
    ({"f": None}, "the file 'f' is None: leave it out"),
    ({"f": ("a", None)}, "the file 'f' is None: leave it out"),
    ({"f": ("a",)}, r"the file 'f' is a tuple of 1, not \(file name, content"),
    ({"f": ("a", b"", "a/b", {}, 5)}, "the file 'f' is a tuple of 5"),
    ({"f": (b"a", b"")}, "the file 'f' has a name that is bytes, not str"),
    ({"f": 5}, "the file 'f': a request body must be bytes, a file or an iterable of bytes"),
    ({"f": {"a": "b"}}, "the file 'f': a request body must be bytes"),
    ({"f": with_trailers(b"", [])}, "the file 'f' has trailers, which only a whole body can"),
    ({"f": ("a", b"", None, "X: 1")}, "fields of a part must be a mapping or pairs"),
    ({5: b""}, "a field's name must be a str, not int"),
    ([b""], "files must be a mapping or pairs"),
    (b"", "files must be a mapping or pairs"),
]


@pytest.mark.parametrize(("files", "words"), NOT_FILES)
def test_what_is_no_file_is_refused(files, words):
    with pytest.raises(TypeError, match=words):
        multipart_body(files=files)


@pytest.mark.parametrize(
    "given",
    [
        {"fields": {"a\0": "1"}},
        {"files": {"f": ("a", b"", "a/b\r\nX: 1")}},
        {"files": {"f": ("a", b"", None, {"X": "1\r\n"})}},
        {"files": {"f": ("a", b"", None, {5: "1"})}},
        {"files": {"f": ("a", b"", "a/b", {"Content-Type": "c/d"})}},
        {"boundary": "a\r\n"},
    ],
)
def test_a_form_that_may_not_be_sent_is_refused(given):
    with pytest.raises(InvalidField):
        multipart_body(**given)


def test_a_missing_file_is_missed_at_once(tmp_path):
    with pytest.raises(FileNotFoundError):
        multipart_body(files={"f": tmp_path / "missing"})


# --- length and pieces

CONTENT = st.binary(max_size=50) | st.integers(0, 3 * GATHERED_BYTES).map(bytes)


@given(
    st.lists(st.tuples(st.just("a"), st.text("a\xe9\r\n-") | CONTENT), min_size=1, max_size=4),
    st.lists(st.tuples(st.just("f"), CONTENT | CONTENT.map(io.BytesIO)), max_size=4),
)
def test_the_length_is_that_of_all_that_is_sent(fields, files):
    body = multipart_body(fields, files)
    form = joined(body)
    assert body.length == len(form)
    assert [part[3] for part in parsed(body.content_type, form)] == [
        *[value.encode() if isinstance(value, str) else value for _, value in fields],
        *[file if isinstance(file, bytes) else file.getvalue() for _, file in files],
    ]


def test_the_length_is_unknown_if_that_of_a_part_is():
    assert multipart_body({"a": "1"}, {"f": piece_by_piece()}).length is None


class Counting(io.BytesIO):
    """A file that notes what is read of it."""

    asked = ()

    def read(self, size=-1, /):
        self.asked += (size,)
        return super().read(size)


def test_a_long_file_is_read_in_pieces_while_it_is_sent():
    file = Counting(bytes(3 * READ_BYTES))
    body = multipart_body(files={"f": file})
    assert file.asked == ()
    sizes = [len(piece) for piece in body.pieces()]
    assert sizes[1:-1] == [READ_BYTES] * 3
    assert set(file.asked) == {READ_BYTES}


def test_small_parts_go_out_together():
    small = bytes(100)
    body = multipart_body({"a": ["1", "2"], "b": small}, {"f": io.BytesIO(small)})
    assert len(list(body.pieces())) == 1
    body = multipart_body({"a": "1"}, {"f": [bytes(GATHERED_BYTES + 1), small], "g": small})
    assert [len(piece) > GATHERED_BYTES for piece in body.pieces()] == [False, True, False]


def test_no_more_than_so_many_small_parts_are_held():
    body = multipart_body({"a": ["x" * 1000] * 1000})
    pieces = [bytes(piece) for piece in body.pieces()]
    assert max(len(piece) for piece in pieces) < GATHERED_BYTES + 2000
    assert len(parsed(body.content_type, b"".join(pieces))) == 1000


def test_pieces_may_be_kept():
    body = multipart_body({"a": "1"}, {"f": bytes(GATHERED_BYTES + 1), "g": b"2"})
    kept = list(body.pieces())
    assert b"".join(kept) == joined(body)


def test_a_part_that_is_watched_is_not_put_together_with_others():
    told = []
    file = watched(b"1234", lambda *now: told.append(now))
    body = multipart_body({"a": "1"}, {"f": ("a", file), "g": b"2"})
    assert body.is_watched
    pieces = body.pieces()
    next(pieces)
    assert (bytes(next(pieces)), told) == (b"1234", [])
    next(pieces)
    assert told == [(4, 4)]
    assert not multipart_body({"a": "1"}).is_watched


# --- again


def test_a_form_can_be_sent_again_if_every_part_can(path):
    with path.open("rb") as file:
        file.seek(6)
        body = multipart_body({"a": "1"}, {"f": file, "g": path, "h": b"2"})
        first = joined(body)
        assert body.is_replayable
        assert joined(body) == first
        assert b"world" in first


def test_the_part_that_cannot_be_sent_again_is_named():
    body = multipart_body({"a": "1"}, {"f": b"1", "pipe": piece_by_piece()})
    assert body.is_replayable
    assert b"by piece" in joined(body)
    assert not body.is_replayable
    with pytest.raises(BodyNotReplayable, match="the part 'pipe': the request must be sent again"):
        body.rewind()


@pytest.mark.parametrize("size", [11, GATHERED_BYTES + 1])
@pytest.mark.parametrize("change", [1, -1])
def test_a_file_that_changed_since_it_was_measured_is_an_error(tmp_path, size, change):
    path = tmp_path / "file"
    path.write_bytes(bytes(size))
    body = multipart_body({"a": "1"}, {"f": path, "g": b"2"})
    path.write_bytes(bytes(size + change))
    more = "more" if change > 0 else "fewer"
    words = f"the part 'f' of the form has {more} bytes than the {size} that it had when"
    with pytest.raises(InvalidRequest, match=words):
        list(body.pieces())


# --- to real servers


def account(http):
    """What the server saw: its fields, by lower name, and the body."""
    seen = json.loads(http.getbody())
    return {name.lower(): value for name, value in seen["headers"]}, base64.b64decode(seen["body"])


def test_a_form_arrives_with_its_length(echo_server, path):
    http = HTTPClient(f"127.0.0.1:{echo_server.port}")
    body = multipart_body({"a": "1"}, {"f": path, "g": ("g.bin", bytes(100_000))})
    for _ in range(2):
        assert http.httpcmd("POST", "/", body=body)[0] == 200
        fields, form = account(http)
        assert fields["content-length"] == str(body.length) == str(len(form))
        assert fields["content-type"] == body.content_type
        assert parsed(fields["content-type"], form) == [
            ("a", None, None, b"1"),
            ("f", "caf\xe9.txt", "text/plain", b"hello world"),
            ("g", "g.bin", UNKNOWN, bytes(100_000)),
        ]
    http.close()


def test_a_form_of_unknown_length_arrives_in_chunks(echo_server):
    http = HTTPClient(f"127.0.0.1:{echo_server.port}")
    http.httpcmd("POST", "/", body=multipart_body(files={"f": piece_by_piece()}))
    fields, form = account(http)
    assert fields["transfer-encoding"] == "chunked"
    assert parsed(fields["content-type"], form) == [("f", "f", UNKNOWN, b"by piece")]
    http.close()


@pytest.mark.parametrize(
    ("body", "kind", "sent"),
    [
        (json_body({"a": 1}), JSON_TYPE, b'{"a":1}'),
        (form_body({"a": 1}), FORM_TYPE, b"a=1"),
        (form_body({}), FORM_TYPE, b""),
    ],
)
def test_a_body_says_its_type_unless_the_caller_does(echo_server, body, kind, sent):
    http = HTTPClient(f"127.0.0.1:{echo_server.port}")
    for headers, expected in (({}, kind), ({"content-TYPE": "a/b"}, "a/b")):
        http.httpcmd("POST", "/", headers, body)
        fields, received = account(http)
        assert (fields["content-type"], received) == (expected, sent)
    http.close()


def swallow(connection):
    """Reads a request without keeping its body; answers with how long that was."""
    head = connection.read_head()
    (length,) = [
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    ]
    left = length - (len(connection.received) - len(head))
    room = memoryview(bytearray(1 << 20))
    while left > 0:
        left -= connection.sock.recv_into(room[: min(left, 1 << 20)])
    answer = b"%d" % length
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))


def test_a_long_file_is_never_held_in_memory(tmp_path: pathlib.Path):
    size = 64 << 20
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(size)
    with ScriptedServer(handler=swallow) as server, HTTPClient(server.authority) as http:
        body = multipart_body({"a": "1"}, {"f": path})
        tracemalloc.start()
        try:
            http.httpcmd("POST", "/", body=body)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert int(http.getbody()) == body.length > size
    assert most < 4 << 20  # 1 MiB of it is the server's


def test_two_bodies_are_told_by_the_names_that_the_caller_gave_them():
    with pytest.raises(TypeError, match="body and json can't go together"):
        HTTPClient("a.test").httpcmd("POST", "/", body=b"x", json=1)
