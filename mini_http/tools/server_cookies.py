"""SimpleCookie, Morsel, CookieError: writing Set-Cookie and reading Cookie as http.cookies does.

For tests, servers and whoever learned it there: the names, the quoting and the reading are those of
http.cookies. Beyond it, Morsels know Partitioned and Priority, and nothing gets into a line that
would end it or add an attribute to it. A line by the draft's own grammar is what
`mini_http.codec.set_cookie.write_set_cookie` writes.
"""

from __future__ import annotations

import http.cookies
import re
from time import time

from mini_http.base.dates import http_date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from typing import Any

# What a name may have, and a value that goes without quotes: tchar (RFC 9110 section 5.6.2), colon
_PLAIN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z:]++"
# What between quotes is written as it is
_UNESCAPED = frozenset(
    b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz:ABCDEFGHIJKLMNOPQRSTUVWXYZ ()/<=>?@[]{}"
)
_ESCAPES = {
    code: f"\\{chr(code)}" if chr(code) in '"\\' else f"\\{code:03o}"
    for code in range(256)
    if code not in _UNESCAPED
}
_ESCAPED = r"(?s)\\(?:([0-3][0-7][0-7])|(.))"

# What would end a line, is no text, or is no byte
_ILLEGAL = r"[\x00-\x1f\x7f]|[^\x00-\xff]"
# The same, or what would end the attribute
_ILLEGAL_IN_ATTRIBUTE = rf"{_ILLEGAL}|;"
_QUOTED = r'"(?:[^\\"]|\\.)*+"'

# A name, and if there is an equals sign, a value: quoted, the date of Expires, or anything that
# http.cookies takes there; then what separates it from the next
_PAIR = re.compile(
    rf"""\s*+ ([\w!#%&'~`><@,:/$*+\-.^|)(?}}{{]++)
    (?: \s*+=\s*+ ({_QUOTED}
                  | \w{{3}},\s[\w\s\-]{{9,11}}\s[\d:]{{8}}\sGMT
                  | [\w!#%&'~`><@,:/$*+\-.^|)(?}}{{=\[\]]*+ )
    )?+ (?: \s*+; | \s++ | \Z )""",
    re.ASCII | re.VERBOSE,
)


class CookieError(http.cookies.CookieError, ValueError):
    """Raised for a name, a value or an attribute that can't be in a Set-Cookie line."""


class Morsel(dict[str, "Any"]):
    """One cookie: `key`, `value`, `coded_value`, and as items its attributes, in lower case.

    An attribute that is "" is not written. `expires` is a date as text, or an int: seconds from
    now; `secure`, `httponly` and `partitioned` are flags. Raises CookieError for an attribute that
    there is not, and for characters that a line can't have.
    """

    _reserved = {  # noqa: RUF012  (programs look into it, and add to it)
        "expires": "expires",
        "path": "Path",
        "comment": "Comment",
        "domain": "Domain",
        "max-age": "Max-Age",
        "secure": "Secure",
        "httponly": "HttpOnly",
        "version": "Version",
        "samesite": "SameSite",
        "partitioned": "Partitioned",
        "priority": "Priority",
    }
    _flags = {"secure", "httponly", "partitioned"}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(self._reserved, ""))
        self._key: str | None = None
        self._value: Any = None
        self._coded_value: str | None = None

    @property
    def key(self) -> str | None:
        """The name of the cookie; None before `set`."""
        return self._key

    @property
    def value(self) -> Any:
        """What it means to the program."""
        return self._value

    @property
    def coded_value(self) -> str | None:
        """What stands in the line."""
        return self._coded_value

    def set(self, key: str, val: Any, coded_val: str) -> None:
        """Sets name and value. A semicolon may be in `coded_val` only between quotes."""
        if self.isReservedKey(key):
            raise CookieError(f"{key!r} is an attribute, and no name of a cookie")
        if not re.fullmatch(_PLAIN, key):
            raise CookieError(f"illegal name of a cookie: {key!r}")
        illegal = _ILLEGAL if re.fullmatch(_QUOTED, coded_val) else _ILLEGAL_IN_ATTRIBUTE
        found = re.search(illegal, coded_val)
        if found is not None:
            raise CookieError(f"the coded value of cookie {key!r} can't contain {found[0]!r}")
        self._key, self._value, self._coded_value = key, val, coded_val

    # --- attributes

    def isReservedKey(self, K: str) -> bool:  # noqa: N802, N803  (http.cookies' names)
        """Whether this is an attribute's name, in whatever case."""
        return K.lower() in self._reserved

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(self._attribute(key, value), value)

    def setdefault(self, key: str, val: Any = None) -> Any:
        """The attribute, which is "" if it was never set."""
        return super().setdefault(self._attribute(key, val), val)

    def update(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:  # type: ignore[override]
        """Sets several attributes, or none if one of them can't be set."""
        checked = {self._attribute(key, value): value for key, value in dict(values).items()}
        super().update(checked)

    def __ior__(self, values: Any) -> Morsel:  # type: ignore[misc,override]
        self.update(values)
        return self

    def _attribute(self, key: str, value: Any) -> str:
        """The attribute's name as the items have it, once both have been checked."""
        name = key.lower()
        if name not in self._reserved:
            raise CookieError(f"there is no attribute {key!r}")
        # Comments are quoted when they are written.
        illegal = r"[^\x00-\xff]" if name == "comment" else _ILLEGAL_IN_ATTRIBUTE
        found = re.search(illegal, str(value))
        if found is not None:
            raise CookieError(f"the attribute {name} can't contain {found[0]!r}")
        if name == "expires" and isinstance(value, int) and http_date(time() + value) is None:
            raise CookieError(f"there is no date {value} seconds from now")
        return name

    # --- writing

    def OutputString(self, attrs: Container[str] | None = None) -> str:  # noqa: N802
        """The Set-Cookie field's value, with all attributes, or those in `attrs`."""
        names = [name for name in sorted(self) if attrs is None or name in attrs]
        return "; ".join([f"{self._key}={self._coded_value}", *self._written(names)])

    def _written(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            spelled, value = self._reserved[name], self[name]
            if name in self._flags:
                if value:
                    yield spelled
            elif name == "comment" and value != "":
                yield f"{spelled}={_quoted(str(value))}"
            elif name == "expires" and isinstance(value, int):
                yield f"{spelled}={http_date(time() + value)}"
            elif value != "":
                yield f"{spelled}={value}"

    def output(self, attrs: Container[str] | None = None, header: str = "Set-Cookie:") -> str:
        """The line: `header`, and what OutputString gives."""
        return f"{header} {self.OutputString(attrs)}"

    def __str__(self) -> str:
        return self.output()

    def __repr__(self) -> str:
        """Without the value, which may be a login."""
        said = "; ".join([str(self._key), *self._written(sorted(self))])
        return f"<{type(self).__name__}: {said}>"

    # --- as a value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Morsel):
            return super().__eq__(other)
        return super().__eq__(other) and vars(self) == vars(other)

    def __ne__(self, other: object) -> bool:  # dict has one of its own
        return not self == other

    __hash__ = None

    def copy(self) -> Morsel:
        """Another one that is equal."""
        other = type(self)()
        other.update(self)
        vars(other).update(vars(self))
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        # Python's own would trip over `__class__`.
        return type(self), (), vars(self), None, iter(self.items())

    @property  # type: ignore[misc]  # to be read, never set
    def __class__(self) -> type:
        """http.cookies' class to `isinstance`."""
        return http.cookies.Morsel


class SimpleCookie(dict[str, Morsel]):
    """Cookies by name: `cookies["a"] = "b"` makes one, `cookies["a"]["path"] = "/"` says more.

    Values are turned to text, and quoted where they need it, so that reading gives them back. What
    lies beyond ISO 8859-1 has to be encoded first: it raises CookieError.
    """

    def __init__(self, input: str | Mapping[str, Any] | None = None) -> None:
        super().__init__()
        if input:
            self.load(input)

    def value_decode(self, val: str) -> tuple[Any, str]:
        """What a coded value means, and the coded value; to be overridden with `value_encode`."""
        return _unquoted(val), val

    def value_encode(self, val: Any) -> tuple[Any, str]:
        """The value as it is kept, and as it stands in the line."""
        text = str(val)
        return text, _quoted(text)

    def __setitem__(self, key: str, value: Any) -> None:
        """Sets a cookie's value, and keeps its attributes; or sets it to a Morsel.

        One of http.cookies' is copied, so that it is checked.
        """
        if isinstance(value, Morsel):
            super().__setitem__(key, value)
        elif not isinstance(value, http.cookies.Morsel):
            self._set(key, *self.value_encode(value))
        else:
            morsel = Morsel()
            morsel.set(value.key, value.value, value.coded_value)
            morsel.update(value)
            super().__setitem__(key, morsel)

    def _set(self, key: str, value: Any, coded_value: str) -> Morsel:
        morsel = self[key] if key in self else Morsel()
        morsel.set(key, value, coded_value)
        super().__setitem__(key, morsel)
        return morsel

    # --- reading

    def load(self, rawdata: str | Mapping[str, Any]) -> None:
        """Adds the cookies of a Cookie field's value, of a Set-Cookie field's, or of a mapping.

        As in http.cookies, reading ends at what is no cookie; where an attribute comes first, or a
        name has no value, nothing is added at all. Raises CookieError for an illegal name.
        """
        if not isinstance(rawdata, str):
            for key, value in rawdata.items():
                self[key] = value
            return
        for name, coded_value, attributes in _read(rawdata):
            self._set(name, *self.value_decode(coded_value)).update(attributes)

    # --- writing

    def output(
        self,
        attrs: Container[str] | None = None,
        header: str = "Set-Cookie:",
        sep: str = "\r\n",
    ) -> str:
        """A line for each cookie, in the order of their names."""
        return sep.join(self[name].output(attrs, header) for name in sorted(self))

    def __str__(self) -> str:
        return self.output()

    def __repr__(self) -> str:
        """Without the values, which may be logins."""
        return f"<{type(self).__name__}: {' '.join(sorted(self))}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # Python's own would trip over `__class__`.
        return type(self), (), vars(self), None, iter(self.items())

    @property  # type: ignore[misc]  # to be read, never set
    def __class__(self) -> type:
        """http.cookies' class to `isinstance`."""
        return http.cookies.SimpleCookie


# --- the text of fields


def _read(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Names, coded values and attributes; none at all if the text says something impossible."""
    cookies: list[tuple[str, str, dict[str, Any]]] = []
    end = 0
    while found := _PAIR.match(text, end):
        end = found.end()
        name, value = found.groups()
        attribute = name.removeprefix("$").lower()
        if name.startswith("$") and not cookies:
            continue  # $Version, which RFC 2965 puts before all cookies
        if name.startswith("$") or attribute in Morsel._reserved:
            is_flag = value is None and attribute in Morsel._flags
            if not cookies or (value is None and not is_flag):
                return []
            cookies[-1][2][attribute] = is_flag or _unquoted(value)
        elif value is None:
            return []
        else:
            cookies.append((name, value, {}))
    return cookies


def _quoted(text: str) -> str:
    """A value as it stands in a line; in quotes, with escapes, unless it needs none."""
    return text if re.fullmatch(_PLAIN, text) else f'"{text.translate(_ESCAPES)}"'


def _unquoted(text: str) -> str:
    """What a value in a line means."""
    if len(text) < 2 or not text.startswith('"') or not text.endswith('"'):
        return text
    return re.sub(
        _ESCAPED, lambda found: chr(int(found[1], 8)) if found[1] else found[2], text[1:-1]
    )
