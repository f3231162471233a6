"""addbase, addclosehook, addinfo, addinfourl: a file in all that a file can do, and a reply."""

import copy
import csv
import gc
import gzip
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import urllib.response
import warnings
import zipfile

import pytest

from mini_http import Headers, LimitExceeded
from mini_http.opener.replies import addbase, addclosehook, addinfo, addinfourl, type_by_name

URL = "file:///a"
HEADERS = Headers([("Content-type", "text/plain")])


def reply_of(content):
    return addinfourl(io.BytesIO(content), HEADERS, URL)


# --- what callers ask of every reply


@pytest.mark.parametrize("code", [None, 200])
def test_it_says_where_it_came_from_and_what_came(code):
    reply = addinfourl(io.BytesIO(b""), HEADERS, URL, code)
    assert reply.headers is reply.info() is HEADERS
    assert reply.url == reply.geturl() == URL
    assert reply.code == reply.status == reply.getcode() == code
    assert reply.name == "<urllib response>"


def test_its_repr_names_its_class_and_its_file():
    file = io.BytesIO(b"")
    assert repr(addinfo(file, HEADERS)).startswith("<addinfo at ")
    assert repr(addbase(file)).endswith(f"whose fp = {file!r}>")


# --- the file


def test_it_is_its_file():
    file = io.BytesIO(b"one\ntwo\nthree\n")
    with addbase(file) as reply:
        assert reply.fp is reply.file is file
        assert reply.readable()
        assert not reply.closed
        assert reply.readline() == b"one\n"
        target = bytearray(2)
        assert reply.readinto(target) == 2
        assert target == b"tw"
        assert reply.tell() == 6
        assert reply.readlines() == [b"o\n", b"three\n"]
    assert reply.closed
    assert file.closed


def test_it_lacks_what_its_file_lacks():
    with addbase(io.BytesIO()) as reply, pytest.raises(AttributeError, match="undo"):
        reply.undo()


def test_a_file_on_disk_has_a_descriptor():
    with tempfile.TemporaryFile() as file, addbase(file) as reply:
        assert reply.fileno() == file.fileno()


def test_lines_come_one_by_one_and_leaving_the_loop_closes_nothing():
    with reply_of(b"one\ntwo\nthree\n") as reply:
        for line in reply:
            assert line == b"one\n"
            break
        gc.collect()
        assert reply.read() == b"two\nthree\n"


def test_a_closed_one_can_not_be_entered_again():
    reply = reply_of(b"")
    with reply:
        pass
    with pytest.raises(ValueError, match="closed file"), reply:
        pytest.fail("was entered")
    reply.close()


def test_what_reads_text_takes_it():
    with reply_of("Grüße\r\n1,2\r\n".encode()) as reply:
        assert list(csv.reader(io.TextIOWrapper(reply, "utf-8"))) == [["Grüße"], ["1", "2"]]


def test_what_reads_json_takes_it():
    assert json.load(reply_of(b'{"a": 1}')) == {"a": 1}


def test_what_decompresses_takes_it():
    with gzip.GzipFile(fileobj=reply_of(gzip.compress(b"packed"))) as file:
        assert file.read() == b"packed"


def test_what_buffers_takes_it():
    with io.BufferedReader(reply_of(b"one\ntwo\n")) as file:
        assert file.peek(1)[:1] == b"o"
        assert file.readlines() == [b"one\n", b"two\n"]


def test_what_reads_archives_takes_it():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside", "content")
    with zipfile.ZipFile(reply_of(packed.getvalue())) as archive:
        assert archive.read("inside") == b"content"

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("inside"))
    with tarfile.open(fileobj=reply_of(packed.getvalue())) as archive:
        assert archive.getnames() == ["inside"]


# --- closing


def test_one_that_nobody_closes_closes_its_file_without_a_warning(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    file = open(path, "rb")  # noqa: SIM115
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        reply = addinfourl(file, HEADERS, URL)
        assert reply.read() == b"content"
        del reply
        gc.collect()
        assert file.closed
        del file
        text = io.TextIOWrapper(addbase(open(path, "rb")))  # noqa: SIM115
        assert text.read() == "content"
        del text
        gc.collect()
    assert warned == []


def test_a_method_keeps_the_file_open():
    assert reply_of(b"content").read() == b"content"
    read = reply_of(b"content").read
    gc.collect()
    assert read(3) == b"con"
    lines = iter(reply_of(b"one\ntwo\n"))
    gc.collect()
    assert list(lines) == [b"one\n", b"two\n"]


def test_one_that_was_never_made_can_be_dropped():
    unmade = addbase.__new__(addbase)
    with pytest.raises(AttributeError):
        unmade.read
    del unmade
    with pytest.raises(TypeError):
        addbase()


def test_a_copy_has_the_same_file():
    reply = reply_of(b"content")
    assert copy.copy(reply).fp is reply.fp


def test_the_hook_is_called_once_and_before_the_file_is_closed():
    file, seen = io.BytesIO(), []
    reply = addclosehook(file, lambda *given: seen.append((given, file.closed)), 1, "two")
    reply.close()
    reply.close()
    assert seen == [((1, "two"), False)]
    assert file.closed


def test_a_hook_that_fails_does_not_leave_the_file_open():
    file = io.BytesIO()
    with pytest.raises(ZeroDivisionError):
        addclosehook(file, lambda: 1 / 0).close()
    assert file.closed


def test_the_hook_of_a_file_within_is_called_when_nobody_closes_it():
    seen = []
    inner = addclosehook(io.BytesIO(), seen.append, "closed")
    outer = addinfourl(inner, HEADERS, URL)
    del inner, outer
    gc.collect()
    assert seen == ["closed"]


# --- types


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html"),
        ("/x.y/a.HTML", "text/html"),
        ("a.tar.gz", "application/x-tar"),
        ("//[a.html", "text/html"),
        ("a://[b.html", "text/html"),
        ("http://a.html", "text/html"),
        ("data:x/y\r\nX-Injected: 1,", None),
        ("a.html/", None),
        ("", None),
    ],
)
def test_a_name_says_a_type_whatever_it_looks_like(name, kind):
    assert type_by_name(name) == kind


# --- whose classes they are


@pytest.mark.parametrize("kind", [addbase, addclosehook, addinfo, addinfourl])
def test_who_looks_finds_the_class_of_urllib(kind):
    class Descended(kind):
        pass

    arguments = {addbase: 1, addclosehook: 2, addinfo: 2, addinfourl: 3}[kind]
    for ours in (kind, Descended):
        reply = ours(io.BytesIO(), *[print] * (arguments - 1))
        assert isinstance(reply, ours)
        assert isinstance(reply, getattr(urllib.response, kind.__name__))
        assert isinstance(reply, urllib.response.addbase)
        assert isinstance(reply, tempfile._TemporaryFileWrapper)
        assert not isinstance(reply, zipfile.ZipFile)
        assert type(reply) is ours


def test_a_base_is_not_taken_for_what_descends_from_it():
    reply = addbase(io.BytesIO())
    assert not isinstance(reply, addinfourl)
    assert not isinstance(reply, urllib.response.addinfourl)


def test_where_urllibs_are_not_loaded_it_is_what_they_descend_from(monkeypatch):
    monkeypatch.delitem(sys.modules, "urllib.response")
    assert isinstance(addinfourl(io.BytesIO(), HEADERS, URL), tempfile._TemporaryFileWrapper)
    monkeypatch.delitem(sys.modules, "tempfile")
    assert addinfourl(io.BytesIO(), HEADERS, URL).__class__ is addinfourl


WITHOUT_URLLIB = """
import io, sys
from mini_http.opener.replies import addinfourl
with addinfourl(io.BytesIO(b"content"), {}, "data:,") as reply:
    assert reply.read() == b"content"
    assert reply.__class__ is addinfourl
assert not {"tempfile", "urllib.response", "email"} & sys.modules.keys()

import tempfile
assert isinstance(reply, tempfile._TemporaryFileWrapper)
assert "urllib.response" not in sys.modules
"""


def test_nothing_of_urllib_is_imported_for_it():
    done = subprocess.run([sys.executable, "-c", WITHOUT_URLLIB], check=False)
    assert done.returncode == 0


def test_it_is_read_as_text_as_lines_and_as_json_like_a_reply_of_http():
    assert reply_of(b'{"a": 1}').json() == {"a": 1}
    assert reply_of(b"caf\xc3\xa9").text == "café"
    assert list(reply_of(b"one\ntwo\r\n").iter_lines()) == ["one", "two"]
    assert list(reply_of(b"abcde").iter_chunks(2)) == [b"ab", b"cd", b"e"]


def test_too_long_a_line_closes_it():
    reply = reply_of(b"x" * 9)
    with pytest.raises(LimitExceeded, match="more than 8 bytes in a line"):
        list(reply.iter_lines(8))
    assert reply.closed


def test_dir_shows_what_it_has_and_what_its_file_has():
    assert {"json", "geturl", "headers", "getvalue"} <= set(dir(reply_of(b"")))
