"""`email.message.Message`, whose answers about header fields callers of urllib know."""

from __future__ import annotations

from email.message import Message
from typing import Any


def message(pairs: list[tuple[str, str]]) -> Message:
    """The standard library's object with these fields."""
    made = Message()
    for name, value in pairs:
        made[name] = value
    return made


def answers(fields: Any) -> dict[str, Any]:
    """What the methods about Content-Type and Content-Disposition say, of Message and its like."""
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
