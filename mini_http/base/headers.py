"""Headers: the fields of a message in order, found by name in any case, repeats kept.

Callers know this interface as that of `email.message.Message`, which urllib hands out for headers;
the methods below give what Message gives for the same fields. `Headers` keeps the pairs just as
they came and indexes them when a name is first asked for. It checks nothing: what a server sent
was checked by the reader of heads, what is sent will be by the writer of heads.

A program that has imported `email.message`, and looks, finds that Headers are a Message: the class
that they say they are is one of its classes, and what a Message has besides is had from one that is
made of the same fields. Nobody else pays the 6 ms of that import.

How a field value is split into its parameters stands in `base.parameters`.
"""

from __future__ import annotations

from mini_http.base.likeness import loaded_class, message_of, names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from email.message import Message
    from typing import Any, Protocol

    from typing_extensions import TypeVar

    T = TypeVar("T", default=None)
    Extended = tuple[str | None, str | None, str]
    """A parameter by RFC 2231: its charset, its language, and its octets as characters."""
    ParameterValue = str | Extended

    class HasItems(Protocol):
        """A mapping, a Message, or anything else that gives its fields as pairs."""

        def items(self) -> Iterable[tuple[Any, Any]]: ...


NONE: Any = None
"""None, typed so that a look-up without `failobj` gives `str | None` and one with it does not."""

SECRET_FIELDS = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})
"""Names of fields, in lower case, whose values are not for logs."""

MASK = "***"

SHOWN_FIELDS = 8
"""Fields that `repr` shows; a reply can have a thousand."""

SHOWN_CHARACTERS = 60
"""Characters of each value that `repr` shows; a policy can have thousands."""


def masked(name: str, value: str, secret: Collection[str] = SECRET_FIELDS) -> str:
    """A field's value as it may be logged: MASK if its name is among `secret` (lower case)."""
    return MASK if name.lower() in secret else value


class Headers:
    """The fields of one message.

    `Headers(pairs)` takes over the list it is given: it neither copies it nor looks at it, and
    nobody else may change it afterwards. `Headers.of` is the careful constructor.

    As in Message, `headers[name]` is the first value or None, `headers[name] = value` adds a field,
    `del headers[name]` removes all of that name, and iteration gives names as often as they stand.
    """

    __slots__ = ("_first", "_given", "_unsplit")

    if TYPE_CHECKING:
        _unsplit: tuple[str, int, Callable[[str, int], list[tuple[str, str]]]]

    def __init__(self, pairs: list[tuple[str, str]] | None = None) -> None:
        self._given: list[tuple[str, str]] | None = [] if pairs is None else pairs
        # The first value of each name in lower case; None until someone asks.
        self._first: dict[str, str] | None = None

    @classmethod
    def of_lines(
        cls, text: str, start: int, split: Callable[[str, int], list[tuple[str, str]]]
    ) -> Headers:
        """Headers of the lines in `text` after `start`, to be split by `split` when asked for.

        Of most replies nobody looks at a header but the engine, which has its own way to those it
        needs: a GET of 8 fields saves 2.3 us.
        """
        headers = cls.__new__(cls)
        headers._unsplit = text, start, split
        headers._given = headers._first = None
        return headers

    @property
    def _pairs(self) -> list[tuple[str, str]]:
        if self._given is None:
            text, start, split = self._unsplit
            self._given = split(text, start)
            del self._unsplit
        return self._given

    @classmethod
    def of(cls, source: HasItems | Iterable[tuple[Any, Any]] | None) -> Headers:
        """New headers from what callers pass: a mapping, pairs, a Message, Headers, or None.

        Names and values may be str, bytes (ISO 8859-1) or int, as http.client takes them. Raises
        TypeError for another type, ValueError for items that are no pairs.
        """
        if source is None:
            return cls()
        pairs = source if not hasattr(source, "items") else source.items()
        return cls([(as_text(name), as_text(value)) for name, value in pairs])

    def copy(self) -> Headers:
        """Headers with the same fields, which can be changed apart from these."""
        return type(self)(self._pairs.copy())

    __copy__ = copy

    # --- looking up

    def _index(self) -> dict[str, str]:
        self._first = first = {name.lower(): value for name, value in reversed(self._pairs)}
        return first

    def get(self, name: str, failobj: T = NONE) -> str | T:
        """The first value of a name, else `failobj`."""
        first = self._first
        if first is None:
            first = self._index()
        return first.get(name.lower(), failobj)

    def __getitem__(self, name: str) -> str | None:
        return self.get(name)

    def __contains__(self, name: str) -> bool:
        first = self._first
        if first is None:
            first = self._index()
        return name.lower() in first

    def get_all(self, name: str, failobj: T = NONE) -> list[str] | T:
        """All values of a name in their order, else `failobj`."""
        folded = name.lower()
        first = self._first
        if first is None:
            if self._given is None and folded not in self._unsplit[0].lower():
                return failobj  # a jar asks each reply for Set-Cookie: 2 us less for most of them
            first = self._index()
        if folded not in first:
            return failobj
        if len(first) == len(self._pairs):
            return [first[folded]]
        return [value for field, value in self._pairs if field.lower() == folded]

    def combined(self, name: str) -> str | None:
        """All values of a name as one (RFC 9110 section 5.3); None if there is none.

        Not for Set-Cookie, whose values contain commas.
        """
        values = self.get_all(name)
        return None if values is None else ", ".join(values)

    def tokens(self, name: str) -> list[str]:
        """The members of all the lists of a name, in lower case (RFC 9110 section 5.6.1).

        Empty members are dropped, so [] says too little about a field that must not be empty.
        """
        values = self.get_all(name)
        if values is None:
            return []
        members: list[str] = []
        for value in values:
            if '"' in value:
                from mini_http.base.parameters import LIST_MEMBER

                members += LIST_MEMBER.findall(value)
            else:
                members += value.split(",")
        return [token for member in members if (token := member.strip(" \t").lower())]

    def keys(self) -> list[str]:
        """The names as given, one for each field."""
        return [name for name, _ in self._pairs]

    def values(self) -> list[str]:
        """The values, one for each field."""
        return [value for _, value in self._pairs]

    def items(self) -> list[tuple[str, str]]:
        """Name and value of each field."""
        return self._pairs.copy()

    def raw_items(self) -> Iterator[tuple[str, str]]:
        """What `items` gives, as an iterator."""
        return iter(self._pairs.copy())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._pairs)

    # --- changing

    def __setitem__(self, name: str, value: str) -> None:
        self._pairs.append((name, value))
        if self._first is not None:
            self._first.setdefault(name.lower(), value)

    def __delitem__(self, name: str) -> None:
        folded = name.lower()
        self._pairs[:] = [pair for pair in self._pairs if pair[0].lower() != folded]
        self._first = None

    def set(self, name: str, value: str) -> None:
        """Makes this the only field of its name, where the first one stood, else at the end."""
        at = self._position(name) if name in self else len(self._pairs)
        del self[name]
        self._pairs.insert(at, (name, value))

    def replace_header(self, name: str, value: str) -> None:
        """Gives the first field of a name another value; its spelling and place stay.

        Raises KeyError if there is none.
        """
        at = self._position(name)
        self._pairs[at] = (self._pairs[at][0], value)
        self._first = None

    def _position(self, name: str) -> int:
        folded = name.lower()
        for at, (field, _) in enumerate(self._pairs):
            if field.lower() == folded:
                return at
        raise KeyError(name)

    def add_header(self, name: str, value: str | None, **params: ParameterValue | None) -> None:
        """Adds a field with parameters: `add_header(name, "attachment", filename="a.txt")`.

        `_` in a parameter's name stands for `-`; None gives the name alone. Text beyond ASCII, and
        (charset, language, text), are written by RFC 2231.
        """
        from mini_http.base.parameters import written

        parts = [] if value is None else [value]
        parts += [written(key.replace("_", "-"), param) for key, param in params.items()]
        self[name] = "; ".join(parts)

    # --- what Content-Type and Content-Disposition say

    def get_content_type(self) -> str:
        """`type/subtype` in lower case; text/plain if the field is missing or is none."""
        found = self.get("content-type", "").partition(";")[0].strip().lower()
        return found if found.count("/") == 1 else self.get_default_type()

    def get_content_maintype(self) -> str:
        """What stands before the slash in `get_content_type`."""
        return self.get_content_type().partition("/")[0]

    def get_content_subtype(self) -> str:
        """What stands after the slash in `get_content_type`."""
        return self.get_content_type().partition("/")[2]

    def get_default_type(self) -> str:
        """text/plain, as Message has it."""
        return "text/plain"

    def get_content_disposition(self) -> str | None:
        """`inline`, `attachment`, … in lower case, None without the field (RFC 6266)."""
        value = self.get("content-disposition")
        return None if value is None else value.partition(";")[0].strip().lower()

    def get_params(
        self, failobj: T = NONE, header: str = "content-type", unquote: bool = True
    ) -> list[tuple[str, ParameterValue]] | T:
        """The parameters of a field as pairs, else `failobj`. The main value is the first pair."""
        value = self.get(header)
        if value is None:
            return failobj
        from mini_http.base.parameters import bare, split_parameters

        params = split_parameters(value)
        return [(name, bare(param)) for name, param in params] if unquote else params

    def get_param(
        self,
        param: str,
        failobj: T = NONE,
        header: str = "content-type",
        unquote: bool = True,
    ) -> ParameterValue | T:
        """One parameter of a field, else `failobj`. By RFC 2231: (charset, language, text)."""
        folded = param.lower()
        for name, value in self.get_params((), header, unquote):
            if name.lower() == folded:
                return value
        return failobj

    def get_filename(self, failobj: T = NONE) -> str | T:
        """The decoded `filename` of Content-Disposition, else `name` of Content-Type.

        It is what the server says: it may be a path, or empty. Where a server sends `filename` and
        `filename*`, this is the plain one, as Message has it (RFC 6266 prefers the other).
        """
        from mini_http.base.parameters import decoded

        filename = self.get_param("filename", None, "content-disposition")
        if filename is None:
            filename = self.get_param("name")
        return failobj if filename is None else decoded(filename).strip()

    def get_boundary(self, failobj: T = NONE) -> str | T:
        """The `boundary` of Content-Type, else `failobj` (RFC 2046 section 5.1.1)."""
        from mini_http.base.parameters import decoded

        boundary = self.get_param("boundary")
        return failobj if boundary is None else decoded(boundary).rstrip()

    def get_content_charset(self, failobj: T = NONE) -> str | T:
        """The `charset` of Content-Type in lower case; `failobj` if missing or not ASCII.

        The name is the server's: Python may know no such codec.
        """
        charset = self.get_param("charset")
        if isinstance(charset, tuple):
            from mini_http.base.parameters import decoded

            charset = decoded((charset[0] or None, None, charset[2]), "strict")
        return charset.lower() if charset is not None and charset.isascii() else failobj

    def get_charsets(self, failobj: T = NONE) -> list[str | T]:
        """`get_content_charset` in a list, since this message has no parts."""
        return [self.get_content_charset(failobj)]

    def is_multipart(self) -> bool:
        """False: fields have no parts."""
        return False

    # --- as a Message

    @property  # type: ignore[misc]  # to be read, never set
    def __class__(self) -> type:
        """What `isinstance` asks for: `http.client.HTTPMessage`, or Message, where it is loaded."""
        return loaded_class(
            ("http.client", "HTTPMessage"), ("email.message", "Message"), otherwise=type(self)
        )

    def __dir__(self) -> list[str]:
        return names_of(self)

    def __getattr__(self, name: str) -> Any:
        # Only for what stands nowhere in this class: get_payload, walk, policy and their like.
        if name.startswith("__") or name in self.__slots__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.as_message(), name)

    def as_message(self) -> Message:
        """A Message of its own, with the same fields and no body."""
        return message_of(self._pairs)

    def __bytes__(self) -> bytes:
        return self.as_message().as_bytes()

    def __reduce__(self) -> tuple[type[Headers], tuple[list[tuple[str, str]]]]:
        return type(self), (self._pairs,)

    # --- showing

    def as_string(self) -> str:
        """A line for each field and an empty one. Secrets are in it: see `masked`."""
        return "".join([f"{name}: {value}\n" for name, value in self._pairs]) + "\n"

    __str__ = as_string

    def __repr__(self) -> str:
        shown = []
        for name, value in self._pairs[:SHOWN_FIELDS]:
            text = masked(name, value)
            cut = "..." if len(text) > SHOWN_CHARACTERS else ""
            shown.append(f"{name}: {text[:SHOWN_CHARACTERS]}{cut}")
        more = len(self._pairs) - len(shown)
        return f"<Headers {shown}{f' and {more} more' if more else ''}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        ours, theirs = self._pairs, other._pairs
        return [(n.lower(), v) for n, v in ours] == [(n.lower(), v) for n, v in theirs]

    __hash__ = None  # type: ignore[assignment]  # fields can change


def as_text(given: object) -> str:
    """The name or a value of a field, of any type that http.client takes. Raises TypeError."""
    if isinstance(given, str):
        return given
    if isinstance(given, (bytes, bytearray, memoryview)):
        return bytes(given).decode("latin-1")
    if isinstance(given, int):
        return str(given)
    raise TypeError(f"a field is made of str, bytes or int, not {type(given).__name__}")
