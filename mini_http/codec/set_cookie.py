"""Set-Cookie lines: reading them as RFC 6265bis section 5.6 says, writing them as section 4.1 does.

Pure functions on text, in which a character is a byte of the line (ISO 8859-1). Reading gives what
the line says, and takes no side: whether such a cookie may be kept is the jar's to decide. It is
linear in the line, raises nothing, and knows no clock.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mini_http.base.dates import http_date
from mini_http.base.value import Value
from mini_http.codec.cookie_date import parse_cookie_date
from mini_http.codec.grammar import TOKEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

LONGEST_COOKIE = 4096
"""Characters of name and value together, at most (section 5.6)."""
LONGEST_ATTRIBUTE = 1024
"""Characters of an attribute's value, at most; a longer one is passed over (section 5.6)."""

SAME_SITE = {"strict": "Strict", "lax": "Lax", "none": "None"}
"""The words of SameSite; any other means: as if it were not there (section 5.6.7)."""

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# [ "-" ] 1*DIGIT (section 5.6.2); 18 digits say "for ever" already
_MAX_AGE = re.compile(r"(-?)(?=[0-9])0*+([0-9]{0,18})[0-9]*+")
_WSP = " \t"
_KNOWN = frozenset({"", "expires", "max-age", "domain", "path", "secure", "httponly", "samesite"})
_LONGEST_KEPT = 1024  # characters of a line; 256 of them are 256 KiB


class SetCookie(Value):
    """What one Set-Cookie line says. Of an attribute that comes twice, the last one counts."""

    name: str
    """May be empty; then the value is sent without "="."""
    value: str
    expires: int | None = None
    """Seconds since 1970, of a date that could be read."""
    max_age: int | None = None
    """Seconds from now; it wins over `expires`. Zero and less mean: drop the cookie."""
    domain: str | None = None
    """In lower case and without the dot before it; None where there is none, or an empty one."""
    path: str | None = None
    """None where there is none, or one that does not begin with a slash."""
    secure: bool = False
    http_only: bool = False
    same_site: str | None = None
    """"Strict", "Lax" or "None", as the field spells it; None where it says none of these."""
    others: Mapping[str, str | None] = {}
    """Attributes that the draft does not know, such as Priority; None for one without "="."""


def parse_set_cookie(line: str) -> SetCookie | None:
    """The cookie that a Set-Cookie field's value means; None if it means none.

    It means none if there is a control character in it, neither name nor value, or more than
    LONGEST_COOKIE characters of them.
    """
    if _CONTROL.search(line):
        return None
    pair, *attributes = line.split(";")
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", name
    name, value = name.strip(_WSP), value.strip(_WSP)
    if not 0 < len(name) + len(value) <= LONGEST_COOKIE:
        return None
    # Most attributes are the same from cookie to cookie: kept, they cost 0.1 us instead of 0.7.
    read = _attribute if len(line) <= _LONGEST_KEPT else _attribute.__wrapped__
    said: dict[str, Any] = dict(map(read, attributes))
    return SetCookie(
        name,
        value,
        said.get("expires"),
        said.get("max-age"),
        said.get("domain"),
        said.get("path"),
        "secure" in said,
        "httponly" in said,
        said.get("samesite"),
        {} if _KNOWN.issuperset(said) else {key: said[key] for key in said if key not in _KNOWN},
    )


@lru_cache(256)
def _attribute(text: str) -> tuple[str, int | str | None]:
    """Name and meaning of an attribute; the name in lower case if the draft knows it, and "" if the
    attribute is to be passed over.
    """
    given, equals, value = text.partition("=")
    given, value = given.strip(_WSP), value.strip(_WSP)
    if len(value) > LONGEST_ATTRIBUTE:
        return "", None
    meaning: int | str | None
    match name := given.lower():
        case "expires":
            meaning = parse_cookie_date(value)
            return ("", None) if meaning is None else (name, meaning)
        case "max-age":
            number = _MAX_AGE.fullmatch(value)
            return ("", None) if number is None else (name, int(f"{number[1]}{number[2] or 0}"))
        case "domain":
            meaning = value.removeprefix(".").lower() or None
        case "path":
            meaning = value if value.startswith("/") else None
        case "samesite":
            meaning = SAME_SITE.get(value.lower())
        case "secure" | "httponly":
            meaning = None
        case _:
            return given, value if equals else None
    return name, meaning


# --- writing

# cookie-value = *cookie-octet / ( DQUOTE *cookie-octet DQUOTE ), in ASCII as RFC 6265 has it
_VALUE = r'[!#-+\--:<-\[\]-~]*+|"[!#-+\--:<-\[\]-~]*+"'
# domain-value = <subdomain>: labels of letters, digits and hyphens that no hyphen begins or ends
_DOMAIN = r"(?:[a-z0-9]|(?<=[a-z0-9\-])-(?=[a-z0-9\-])|(?<=[a-z0-9])\.(?=[a-z0-9]))++"
# path-value = *av-octet; a reader takes none that begins with anything else, nor blanks at the end
_PATH = r"/[ -:<-~]*+(?<! )"
# extension-av = *av-octet; a reader takes no blanks at either end
_EXTENSION = r"(?! )[ -:<-~]*+(?<! )"


def write_set_cookie(said: SetCookie) -> str:
    """The Set-Cookie line that says this, as servers should write it (section 4.1.1).

    `parse_set_cookie` reads the same from it. Raises ValueError, in which the cookie's value does
    not stand, for what the grammar does not have: no name, a value that is to be quoted or
    encoded first, a Max-Age below 1 (to drop a cookie, write an Expires that is over).
    """
    attributes = _attributes_of(said)
    if not TOKEN.fullmatch(said.name):
        raise ValueError(f"the name of a cookie has to be a token (RFC 9110), not {said.name!r}")
    if not re.fullmatch(_VALUE, said.value):
        raise ValueError(
            f"the value of cookie {said.name!r} can't contain blanks, quotes, commas, semicolons,"
            " backslashes, control characters or what is not ASCII: encode it first"
        )
    if len(said.name) + len(said.value) > LONGEST_COOKIE:
        raise ValueError(
            f"name and value of cookie {said.name!r} may have {LONGEST_COOKIE} characters, not"
            f" {len(said.name) + len(said.value)}"
        )
    written = [f"{said.name}={said.value}"]
    for name, text in attributes:
        if text is not None and len(text) > LONGEST_ATTRIBUTE:
            raise ValueError(f"{name} may have {LONGEST_ATTRIBUTE} characters, not {len(text)}")
        written.append(name if text is None else f"{name}={text}")
    return "; ".join(written)


def _attributes_of(said: SetCookie) -> list[tuple[str, str | None]]:
    """Names and values of what is said beside name and value; None where there is no "="."""
    pairs: list[tuple[str, str | None]] = []
    if said.expires is not None:
        date = http_date(said.expires)
        if date is None or parse_cookie_date(date) != said.expires:
            raise ValueError(f"there is no cookie date for expires={said.expires}")
        pairs.append(("Expires", date))
    if said.max_age is not None:
        if said.max_age < 1:
            raise ValueError(f"max_age has to be 1 at least, not {said.max_age}")
        pairs.append(("Max-Age", str(said.max_age)))
    for name, given, rule in ("Domain", said.domain, _DOMAIN), ("Path", said.path, _PATH):
        if given is not None:
            pairs.append((name, _legal(name, given, rule)))
    if said.secure:
        pairs.append(("Secure", None))
    if said.http_only:
        pairs.append(("HttpOnly", None))
    if said.same_site is not None:
        pairs.append(("SameSite", _legal("SameSite", said.same_site, "|".join(SAME_SITE.values()))))
    for name, text in said.others.items():
        if not TOKEN.fullmatch(name) or name.lower() in _KNOWN:
            raise ValueError(f"there can be no other attribute {name!r}")
        pairs.append((name, text if text is None else _legal(name, text, _EXTENSION)))
    return pairs


def _legal(name: str, text: str, rule: str) -> str:
    if not re.fullmatch(rule, text):
        raise ValueError(f"{name} can't be {text!r}")
    return text
