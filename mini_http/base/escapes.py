"""Percent-encoding: which characters a part of a URL may have, and the escapes of the others.

Parts of RFC 3986, with this leniency: a percent sign may stand alone. InvalidURL is raised for text
that UTF-8 can't express, and for escapes of control characters where they would be decoded.
"""

from __future__ import annotations

import re

from mini_http import base

# unreserved = ALPHA / DIGIT / "-" / "." / "_" / "~"
UNRESERVED = r"A-Za-z0-9\-._~"
# userinfo = *( unreserved / pct-encoded / sub-delims / ":" )
USERINFO = rf"{UNRESERVED}!$&'()*+,;=%:"
# path = *( pchar / "/" ), pchar = unreserved / pct-encoded / sub-delims / ":" / "@"
PATH = rf"{USERINFO}@/"
# query = fragment = *( pchar / "/" / "?" )
QUERY = rf"{PATH}?"
# pct-encoded = "%" HEXDIG HEXDIG
_ESCAPE = r"%([0-9A-Fa-f]{2})?+"
_ESCAPED_BYTE = rb"%([0-9A-Fa-f]{2})"
CONTROL = r"[\x00-\x1f\x7f]"


def quoted(text: str, legal: str) -> str:
    """`text` with all but the characters of `legal`, a character class, encoded as UTF-8."""
    return re.sub(rf"[^{legal}]++", _escaped, text)


def _escaped(illegal: re.Match[str]) -> str:
    return "".join([f"%{byte:02X}" for byte in utf8(illegal[0])])


def utf8(text: str) -> bytes:
    """`text` in UTF-8. Raises InvalidURL for lone surrogates."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise base.errors.InvalidURL(f"URL can't contain lone surrogates: {text!r:.80}") from None


def decoded(text: str, part: str) -> str:
    """`text` without escapes; `part` is what an error calls it."""
    try:
        decoded = re.sub(_ESCAPED_BYTE, _unescaped, utf8(text)).decode()
    except UnicodeDecodeError:
        raise base.errors.InvalidURL(f"{part} is not UTF-8 when decoded") from None
    if re.search(CONTROL, decoded):
        raise base.errors.InvalidURL(f"{part} can't contain control characters, encoded or not")
    return decoded


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escape[1].decode())


def tidied(text: str) -> str:
    """`text` with escapes in upper case, and none that is not needed (RFC 3986 section 6.2.2)."""
    return re.sub(_ESCAPE, _tidied_escape, text)


def _tidied_escape(escape: re.Match[str]) -> str:
    if escape[1] is None:
        return "%25"
    character = chr(int(escape[1], 16))
    return character if re.match(rf"[{UNRESERVED}]", character) else escape[0].upper()


def masked(text: str) -> str:
    """A text without what may be a password in it: between a colon and an "@" with no slash."""
    return re.sub(r"[^/?#\\]++", _masked_run, text)


def _masked_run(run: re.Match[str]) -> str:
    userinfo, _, rest = run[0].rpartition("@")
    user, colon, _ = userinfo.partition(":")
    return f"{user}:***@{rest}" if colon else run[0]
