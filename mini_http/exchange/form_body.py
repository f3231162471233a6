"""Bodies of forms and JSON: `json_body`, `form_body` and `multipart_body`.

Each is a RequestBody that knows its Content-Type. A form's fields are a mapping or pairs; a value
is str, bytes or a number, and a list of them repeats the field. Text is UTF-8. What can't be a name
or a value raises TypeError, which names it.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.value import Value
from mini_http.codec.multipart import (
    PART_END,
    form_length,
    form_type,
    new_boundary,
    write_form_end,
    write_part_head,
)
from mini_http.exchange.request_body import FORM_TYPE, RequestBody, exactly, request_body

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from mini_http.exchange.request_body import BodySource

    FieldValue = str | bytes | int | float
    FormFields = (
        Mapping[str, FieldValue | Sequence[FieldValue]]
        | Iterable[tuple[str, FieldValue | Sequence[FieldValue]]]
    )
    Content = BodySource | RequestBody | str
    PartFields = Mapping[str, str] | Iterable[tuple[str, str]]
    FormFile = (
        BodySource
        | RequestBody
        | tuple[str | None, Content]
        | tuple[str | None, Content, str | None]
        | tuple[str | None, Content, str | None, PartFields]
    )
    FormFiles = (
        Mapping[str, FormFile | list[FormFile]] | Iterable[tuple[str, FormFile | list[FormFile]]]
    )

JSON_TYPE = "application/json"
UNKNOWN_TYPE = "application/octet-stream"

GATHERED_BYTES = 16 * 1024
"""A part up to this long is put together with what stands around it, up to as much again: one by
one, they would be packets of their own."""


def body_of(
    data: Any = None,
    json: Any = None,
    form: FormFields | None = None,
    files: FormFiles | None = None,
    called: str = "data",
) -> RequestBody:
    """The body that a caller means by one of `data` and `json`, or by `form`, `files` or both.

    None is none: for JSON's null there is `json_body(None)`. Raises TypeError for more than one,
    by the names they have for the caller, who calls `data` so; and what `request_body`,
    `json_body`, `form_body` and `multipart_body` raise.
    """
    choices = ((called, data), ("json", json), ("form", form), ("files", files))
    given = [name for name, value in choices if value is not None]
    if len(given) > 1 and given != ["form", "files"]:
        raise TypeError(f"a request has one body: {' and '.join(given)} can't go together")
    if json is not None:
        return json_body(json)
    if files is not None:
        return multipart_body(() if form is None else form, files)
    if form is not None:
        return form_body(form)
    return request_body(data)


def json_body(value: Any) -> RequestBody:
    """`value` as JSON in UTF-8 (RFC 8259), without blanks.

    Raises TypeError for what JSON has no word for, ValueError for NaN and infinities.
    """
    from json import dumps

    text = dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return RequestBody(text.encode(), JSON_TYPE)


def form_body(fields: FormFields) -> RequestBody:
    """The fields of a form without files, as application/x-www-form-urlencoded (WHATWG URL)."""
    from urllib.parse import urlencode

    return RequestBody(urlencode(list(_values(fields))).encode("ascii"), FORM_TYPE)


# --- forms with files


def multipart_body(
    fields: FormFields = (), files: FormFiles = (), *, boundary: str | None = None
) -> RequestBody:
    """A form with files, as multipart/form-data (RFC 7578). No file is held in memory.

    `files` are a mapping or pairs of a field's name and its file: an open file, bytes, an iterable
    of bytes, a path as a PathLike, a body; or a tuple that says more: (file name, content), (file
    name, content, type) or (file name, content, type, more fields of the part). The content in a
    tuple may be text too; a file name of None sends none. A list of files repeats the field.

    Else a file is called as on disk, or as its field; and has the type that its name tells. Files
    are sent from their position on. The length is known if that of every part is. `boundary` is
    random unless given; one that is given must not be in the content.

    Raises InvalidField for a name, type or field that may not be sent, and what `request_body`
    raises for the contents.
    """
    boundary = new_boundary() if boundary is None else boundary
    parts = [
        FormPart(name, write_part_head(boundary, name), RequestBody(value))
        for name, value in _values(fields)
    ]
    for name, given in _pairs(files, "files"):
        for file in given if isinstance(given, list) else [given]:
            parts.append(_file_part(boundary, _name(name), file))
    return MultipartBody(parts, boundary)


class FormPart(Value):
    """One field of a form with files."""

    name: str
    head: bytes
    body: RequestBody


class MultipartBody(RequestBody):
    """The parts of a form, one after the other; it can be sent again if all of them can."""

    def __init__(self, parts: Sequence[FormPart], boundary: str) -> None:
        self._parts = parts
        self._end = write_form_end(boundary)
        self.content_type = form_type(boundary)
        self.length = form_length(boundary, [(part.head, part.body.length) for part in parts])
        self.is_watched = any(part.body.is_watched for part in parts)

    def pieces(self) -> Iterator[memoryview]:
        waiting = bytearray()
        for part in self._parts:
            waiting += part.head
            length = part.body.length
            if length is not None and length <= GATHERED_BYTES and not part.body.is_watched:
                for piece in _content(part):
                    waiting += piece
            else:
                yield memoryview(waiting)
                waiting = bytearray()  # another one, for that view may be kept
                yield from _content(part)
            waiting += PART_END
            if len(waiting) > GATHERED_BYTES:
                yield memoryview(waiting)
                waiting = bytearray()
        waiting += self._end
        yield memoryview(waiting)

    def rewind(self) -> None:
        for part in self._parts:
            try:
                part.body.rewind()
            except base.errors.BodyNotReplayable as error:
                raise base.errors.BodyNotReplayable(f"the part {part.name!r}: {error}") from None

    @property
    def is_replayable(self) -> bool:
        return all(part.body.is_replayable for part in self._parts)


def _content(part: FormPart) -> Iterator[memoryview]:
    """The content of a part. Raises InvalidRequest if it is not as long as it was."""
    length = part.body.length
    if length is None:
        return part.body.pieces()
    what = f"the part {part.name!r} of the form"
    return exactly(part.body.pieces(), length, what, "that it had when it was measured")


def _file_part(boundary: str, name: str, given: Any) -> FormPart:
    filename, content, content_type, fields = _file(name, given)
    if content is None:
        raise TypeError(f"the file {name!r} is None: leave it out, or give empty bytes")
    if isinstance(content, str):
        content = content.encode()
    try:
        body = request_body(content)
    except TypeError as error:
        raise TypeError(f"the file {name!r}: {error}") from None
    if body.trailer_names is not None:
        raise TypeError(f"the file {name!r} has trailers, which only a whole body can have")
    if content_type is None and all(str(field).lower() != "content-type" for field, _ in fields):
        content_type = body.content_type
        if content_type is None and filename is not None:
            content_type = _type_of(filename)
    return FormPart(name, write_part_head(boundary, name, filename, content_type, fields), body)


def _file(name: str, given: Any) -> tuple[str | None, Any, str | None, list[tuple[str, str]]]:
    """What a caller gave as a file: its name, content and type, and more fields of its part."""
    if isinstance(given, str):
        raise TypeError(
            f"the file {name!r} is a str: pass its path as a pathlib.Path, or its content as"
            " (file name, content)"
        )
    if not isinstance(given, tuple):
        return _filename(given) or name, given, None, []
    if not 2 <= len(given) <= 4:
        raise TypeError(
            f"the file {name!r} is a tuple of {len(given)}, not (file name, content[, type[,"
            " fields]])"
        )
    filename, content, content_type, fields = (*given, None, None)[:4]
    if filename is not None and not isinstance(filename, str):
        raise TypeError(f"the file {name!r} has a name that is {type(filename).__name__}, not str")
    return filename, content, content_type, list(_pairs(fields or (), "fields of a part"))


def _filename(file: Any) -> str | None:
    """What an open file or a path is called, without its folders; None if it is not on disk."""
    from os import fsdecode
    from os.path import basename

    path: Any = file if hasattr(file, "__fspath__") else getattr(file, "name", None)
    if not hasattr(path, "__fspath__") and not isinstance(path, (str, bytes)):
        return None  # a descriptor, say
    filename = basename(fsdecode(path))
    return None if filename[:1] == "<" and filename[-1:] == ">" else filename  # "<stdin>"


def _type_of(filename: str) -> str:
    from mimetypes import guess_type

    kind, coding = guess_type(filename)
    # What is in an archive.tar.gz is not what is sent.
    return kind if kind is not None and coding is None else UNKNOWN_TYPE


# --- names and values


def _values(fields: Any) -> Iterator[tuple[str, bytes]]:
    """The fields of a form, one of each value."""
    for given, value in _pairs(fields, "fields"):
        name = _name(given)
        for one in value if isinstance(value, (list, tuple)) else [value]:
            yield name, _value(name, one)


def _pairs(given: Any, what: str) -> Iterable[tuple[Any, Any]]:
    """The pairs of a mapping, or of an iterable of pairs."""
    pairs = given.items() if hasattr(given, "items") else given
    found = None if isinstance(pairs, (str, bytes)) or not hasattr(pairs, "__iter__") else [*pairs]
    if found is None or any(
        not isinstance(pair, (tuple, list)) or len(pair) != 2 for pair in found
    ):
        raise TypeError(f"{what} must be a mapping or pairs of a name and a value")
    return found


def _name(name: Any) -> str:
    if isinstance(name, bytes):
        return name.decode()
    if not isinstance(name, str):
        raise TypeError(f"a field's name must be a str, not {type(name).__name__}: {name!r}")
    return name


def _value(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, (int, float)):
        return str(value).encode()
    hint = ": leave it out, or give an empty str" if value is None else ""
    if hasattr(value, "read"):
        hint = ": files go into files="
    raise TypeError(
        f"the field {name!r} must be str, bytes or a number, not {type(value).__name__}{hint}"
    )
