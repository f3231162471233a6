"""Challenges: what a 401 or 407 reply says about how to be answered (RFC 9110 section 11).

`parse_challenges` reads the fields WWW-Authenticate and Proxy-Authenticate: several fields, several
challenges in each. A challenge as text is what it would read again. `parse_http_list` and
`parse_keqv_list` are the looser readers that urllib.request has.

These are pure functions on text. Every scan is linear (CVE-2020-8492, CVE-2021-3733), and
`parse_challenges` raises nothing for what a server sent: what is no challenge is passed over.
"""

from __future__ import annotations

import re

from mini_http.base.value import Value
from mini_http.codec.grammar import TOKEN_CHARACTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# --- grammar. `re` compiles and keeps these when they are first used: few programs do.

# quoted-string (RFC 9110 section 5.6.4), one that is not closed included
_QUOTED = r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)'
# member of a list (section 5.6.1): anything up to a comma that stands in no quoted-string
_MEMBER = rf'(?s)(?=.)((?:[^,"]++|{_QUOTED})*+)(?:,|\Z)'
# auth-scheme [ 1*SP token68 ] (section 11.2 and 11.3); parameters may follow instead
_SCHEME = (
    rf"[ \t]*+({TOKEN_CHARACTER}++)(?=[ \t]|\Z)[ \t]*+"
    r"(?:([A-Za-z0-9\-._~+/]++=*+)(?=[ \t]*+\Z))?+"
)
# auth-param = token BWS "=" BWS ( token / quoted-string ), section 11.2. Servers also send values
# in single quotes, and values without any that are no tokens.
_PARAMETER = (
    rf"(?s)[ \t]*+({TOKEN_CHARACTER}++)[ \t]*+=[ \t]*+"
    r"""(?:"((?:[^"\\]++|\\.)*+)"|'([^'"]*+)'(?=[ \t]*+\Z)|([^" \t=][^"]*+\Z))"""
)
_ESCAPED = r"(?s)\\(.?)"


# --- challenges


class Challenge(Value):
    """One challenge. As text, `str(challenge)`, it is what a server may send."""

    scheme: str
    """The authentication scheme as sent; compare it without regard to case, or use `is_for`."""
    token68: str | None = None
    """What follows the scheme, where that is one word instead of parameters."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Names, in lower case, and values without quotes, in their order. Text that is UTF-8 is
    decoded, other is taken as ISO 8859-1."""
    unquoted: frozenset[str] = frozenset()
    """The names of the parameters that were sent without any quotes."""

    def is_for(self, *schemes: str) -> bool:
        """Whether this is a challenge of one of these schemes; they are given in lower case."""
        return self.scheme.lower() in schemes

    def get(self, name: str) -> str | None:
        """The value of a parameter by its name in lower case; the first one, if it repeats."""
        return next((value for key, value in self.parameters if key == name), None)

    def by_name(self) -> dict[str, str]:
        """The parameters; of those of one name the first one."""
        return dict(reversed(self.parameters))

    def __str__(self) -> str:
        written = ", ".join(
            f"{name}={_sent(value) if name in self.unquoted else quoted_string(value)}"
            for name, value in self.parameters
        )
        return " ".join(part for part in (self.scheme, self.token68, written) if part)


def parse_challenges(fields: Iterable[str]) -> list[Challenge]:
    """The challenges in the values of all fields of one name, in their order."""
    return [
        _challenge(scheme, parameters)
        for field in fields
        for scheme, parameters in _grouped(re.findall(_MEMBER, field))
    ]


def _grouped(members: list[str]) -> list[tuple[re.Match[str], list[re.Match[str]]]]:
    """Schemes with their parameters: in one list stand both, and a scheme begins a challenge."""
    found: list[tuple[re.Match[str], list[re.Match[str]]]] = []
    for member in members:
        parameter = re.match(_PARAMETER, member)
        if parameter is None and (scheme := re.match(_SCHEME, member)):
            found.append((scheme, []))
            parameter = re.match(_PARAMETER, member[scheme.end() :])
        if parameter is not None and found and found[-1][0][2] is None:
            found[-1][1].append(parameter)
    return found


def _challenge(scheme: re.Match[str], parameters: list[re.Match[str]]) -> Challenge:
    return Challenge(
        scheme[1],
        scheme[2],
        tuple([(parameter[1].lower(), _value(parameter)) for parameter in parameters]),
        frozenset([parameter[1].lower() for parameter in parameters if parameter[4] is not None]),
    )


def _value(parameter: re.Match[str]) -> str:
    _, quoted, single_quoted, bare = parameter.groups()
    if quoted is not None:
        return _meant(re.sub(_ESCAPED, r"\1", quoted))
    return _meant(bare.rstrip(" \t") if single_quoted is None else single_quoted)


def _meant(value: str) -> str:
    """A value as the text that its bytes mean: heads are read as ISO 8859-1, servers mean UTF-8."""
    try:
        return value if value.isascii() else value.encode("latin-1").decode()
    except UnicodeError:
        return value


def quoted_string(text: str) -> str:
    """`text` as a quoted-string (RFC 9110 section 5.6.4); its UTF-8 bytes as ISO 8859-1."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_sent(escaped)}"'


def _sent(text: str) -> str:
    return text.encode("utf-8", "replace").decode("latin-1")


# --- urllib's readers


def parse_http_list(s: str) -> list[str]:
    """The members of a comma-separated list. A comma in double quotes, which stay, separates none;
    a backslash in them is dropped and the character after it kept.
    """
    members = re.findall(_MEMBER, s)
    if "\\" in s:
        members = [re.sub(f"(?s){_QUOTED}", _unescaped, member) for member in members]
    return [member.strip() for member in members]


def _unescaped(quoted: re.Match[str]) -> str:
    return re.sub(_ESCAPED, r"\1", quoted[0])


def parse_keqv_list(l: Iterable[str]) -> dict[str, str]:  # noqa: E741  (urllib's name)
    """A dict of members like `key=value` and `key="value"`, without the quotes.

    Raises ValueError for a member without "=".
    """
    parsed = {}
    for member in l:
        key, equals, value = member.partition("=")
        if not equals:
            raise ValueError(f"expected key=value, got {member!r:.80}")
        parsed[key] = value[1:-1] if value[:1] == '"' == value[-1:] else value
    return parsed
