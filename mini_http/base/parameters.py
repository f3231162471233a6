"""The parameters in a field value: split, decoded and written as `email.message.Message` does it.

But in linear time, and never raising for what a server sent. It stands apart from `base.headers`,
since most programs never ask for a parameter.
"""

from __future__ import annotations

import codecs
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mini_http.base.headers import ParameterValue

# member = *( quoted-string / any character but a comma ), RFC 9110 sections 5.6.1 and 5.6.4
LIST_MEMBER = re.compile(r'(?:[^,"]++|"(?:[^"\\]++|\\.)*+"?+)++', re.DOTALL)

# parameter = *( quoted-string / any character but a semicolon ), RFC 9110 sections 5.6.4 and 5.6.6.
# As in Message, a quote after a backslash is never the closing one, and the last quote may miss.
PARAMETER = re.compile(r';((?:[^;"\\]++|\\"?+|"(?:[^"\\]++|\\"?+)*+"?+)*+)')

# name*  name*0  name*0*, RFC 2231 sections 3 and 4
EXTENDED_NAME = re.compile(r"([0-9A-Za-z_]++)\*(?:([0-9]{1,9}+)\*?+)?+")

PERCENT_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")

# attribute-char, RFC 2231 section 7, of those that need no thought in any charset
_PLAIN_OCTETS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

# Codecs of Python's that are no charsets: slow beyond linear, or warn, or raise for good input.
_NO_CHARSETS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})


def split_parameters(value: str) -> list[tuple[str, ParameterValue]]:
    """The parameters with their quotes; the first, which is the main value, is left as it is."""
    pairs = []
    for parameter in PARAMETER.findall(";" + value):
        name, equals, text = parameter.partition("=")
        pairs.append((name.strip().lower() if equals else name.strip(), text.strip()))
    params: list[tuple[str, ParameterValue]] = [pairs[0]]
    pieces: dict[str, list[tuple[int, str, bool]]] = {}
    for name, text in pairs[1:]:
        match = EXTENDED_NAME.fullmatch(name)
        if match is None:
            params.append((name, _quoted(_unquoted(text))))
        else:
            number = -1 if match[2] is None else int(match[2])
            piece = (number, _unquoted(text), name.endswith("*"))
            pieces.setdefault(match[1], []).append(piece)
    params += [(name, _joined(sorted(found))) for name, found in pieces.items()]
    return params


def _joined(pieces: list[tuple[int, str, bool]]) -> ParameterValue:
    """One value from its numbered pieces, of which some may be percent-encoded (RFC 2231)."""
    text = "".join([PERCENT_ENCODED.sub(_octet, s) if encoded else s for _, s, encoded in pieces])
    quoted = _quoted(text)
    if not any(encoded for _, _, encoded in pieces):
        return quoted
    charset, _, rest = quoted[1:-1].partition("'")
    language, tick, octets = rest.partition("'")
    return (charset, language, f'"{octets}"') if tick else (None, None, quoted)


def is_charset(name: str) -> bool:
    """Whether bytes can be decoded as text of the charset `name`."""
    try:
        if codecs.lookup(name).name in _NO_CHARSETS:
            return False
        "".encode(name)  # raises LookupError for a codec that is none of text
    except (LookupError, ValueError):
        return False
    return True


def _octet(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(text: str) -> str:
    """Without quotes or angle brackets. A backslash before another character stays: `C:\\dir`."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace("\\\\", "\\").replace('\\"', '"')
    return text[1:-1] if len(text) > 1 and text[0] == "<" and text[-1] == ">" else text


def bare(value: ParameterValue) -> ParameterValue:
    """A parameter without its quotes."""
    if isinstance(value, str):
        return _unquoted(value)
    charset, language, text = value
    return charset, language, _unquoted(text)


def decoded(value: ParameterValue, errors: str = "replace") -> str:
    """A parameter as text, whether it is written by RFC 2231 or not; what no codec takes, as is."""
    if isinstance(value, str):
        return _unquoted(value)
    charset, _, text = value
    charset = "us-ascii" if charset is None else charset
    try:
        if codecs.lookup(charset).name not in _NO_CHARSETS:
            return str(text.encode("raw-unicode-escape"), charset, errors)
    except (LookupError, ValueError):
        pass
    return _unquoted(text)


def written(name: str, value: ParameterValue | None) -> str:
    """A parameter as it is sent. Raises UnicodeEncodeError if its charset lacks a character."""
    if not value:
        return name
    if isinstance(value, str):
        if value.isascii():
            return f"{name}={_quoted(value)}"
        value = ("utf-8", "", value)
    charset, language, text = value
    octets = text.encode(charset or "us-ascii")
    encoded = "".join([chr(o) if o in _PLAIN_OCTETS else f"%{o:02X}" for o in octets])
    if charset is None and language is None:
        return f"{name}*={encoded}"
    return f"{name}*={charset or ''}'{language or ''}'{encoded}"
