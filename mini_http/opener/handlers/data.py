"""DataHandler: opens data: URLs, whose content stands in the URL itself (RFC 2397).

    data:[<media type>][;base64],<data>

Base64 is checked: a character that is not of its alphabet, missing padding, or anything after the
padding is an error; white space in it is not. What can't stand in a header can't stand in the media
type.
"""

from __future__ import annotations

import io
import re

from mini_http import base
from mini_http.base.escapes import CONTROL
from mini_http.base.headers import Headers
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.replies import addinfourl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What a URL's media type is, where it says less (RFC 2397 section 2).
DEFAULT_PARAMETERS = ";charset=US-ASCII"
DEFAULT_TYPE = "text/plain"

WHITE_SPACE = b" \t\n\f\r"
_BASE64 = ";base64"
_SHOWN = 80  # characters of a media type in errors


class DataHandler(BaseHandler):
    """Opens data: URLs."""

    def data_open(self, req: Any) -> addinfourl:
        """The content, with its type and length as headers. Raises InvalidURL."""
        from urllib.parse import unquote_to_bytes

        url: str = req.full_url
        _, _, content = url.partition(":")
        media_type, comma, text = content.partition(",")
        media_type = media_type.strip(" ")
        if not comma:
            raise base.errors.InvalidURL("no comma in a data: URL")
        if re.search(CONTROL, media_type):
            shown = media_type[:_SHOWN]
            raise base.errors.InvalidURL(f"media type can't contain control characters: {shown!r}")
        try:
            data = unquote_to_bytes(text)
        except UnicodeEncodeError:
            raise base.errors.InvalidURL("data: URL can't contain lone surrogates") from None
        if media_type.lower().endswith(_BASE64):
            media_type = media_type[: -len(_BASE64)]
            data = _decoded(data)
        if not media_type:
            media_type = DEFAULT_PARAMETERS
        if media_type.startswith(";"):
            media_type = DEFAULT_TYPE + media_type
        headers = Headers([("Content-type", media_type), ("Content-length", str(len(data)))])
        return addinfourl(io.BytesIO(data), headers, url)


def _decoded(coded: bytes) -> bytes:
    """What Base64 stands for (RFC 4648 section 4)."""
    from binascii import Error, a2b_base64

    coded = coded.translate(None, WHITE_SPACE)
    try:
        data = a2b_base64(coded, strict_mode=True)
    except Error as error:
        raise base.errors.InvalidURL(f"malformed base64 in a data: URL: {error}") from error
    # Python before 3.13 lets padding follow four letters.
    if len(coded) != (len(data) + 2) // 3 * 4:
        raise base.errors.InvalidURL("malformed base64 in a data: URL: Excess padding")
    return data
