"""Value: the base of the small frozen classes that the floors hand to each other.

A subclass lists its fields as annotations, with defaults where it has them, and gets a
constructor, equality, hash, `repr` and `replace`. It is what `dataclasses.dataclass(frozen=True,
slots=True)` gives; that module is not used because importing it (and `inspect` under it) costs
10 ms, more than half of what importing `urlopen` takes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self, dataclass_transform
else:

    def dataclass_transform(**_: object):
        return lambda decorated: decorated


class _ValueType(type):
    """Turns annotations into slots and a constructor."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _ValueType:
        fields: tuple[str, ...] = ()
        defaults: dict[str, Any] = {}
        for base in bases:
            fields += getattr(base, "_fields", ())
            defaults |= getattr(base, "_defaults", {})
        # A field that is annotated again keeps its place and slot, and may get another default.
        annotated = tuple(namespace.get("__annotations__", ()))
        # What the class itself calls a slot is none either, but what it works out from its fields.
        derived = tuple(namespace.get("__slots__", ()))
        own = tuple([name for name in annotated if name not in fields and name not in derived])
        fields += own
        defaults |= {field: namespace.pop(field) for field in annotated if field in namespace}
        namespace |= {"__slots__": own + derived, "__match_args__": fields}
        namespace |= {"_fields": fields, "_defaults": defaults}
        cls = super().__new__(mcs, name, bases, namespace)
        if fields:
            type.__setattr__(cls, "__init__", _constructor(cls, fields, defaults))
        return cls

    @property
    def __signature__(cls: Any) -> Any:
        """What `help` shows."""
        from inspect import signature

        written = signature(_written_out(cls, cls._fields, cls._defaults))
        return written.replace(parameters=[*written.parameters.values()][1:])


MOST_LOOPS = 20
"""So many values of a class are made by a loop over its fields."""


def _constructor(cls: type, fields: tuple[str, ...], defaults: dict[str, Any]) -> Any:
    """An `__init__` that takes these fields in their order.

    It is a loop until it is called often, or with names, or wrongly: then it is written out. To
    compile it takes 0.15 ms, and most of the classes that the first page needs have one value only.
    """
    setters = [getattr(cls, field).__set__ for field in fields]
    usual = tuple([defaults.get(field) for field in fields])
    needed = max([at for at, field in enumerate(fields, 1) if field not in defaults], default=0)
    is_checked = hasattr(cls, "__post_init__")
    made = 0

    def fill(self: Any, *values: Any, **named: Any) -> None:
        nonlocal made
        made += 1
        if named or made > MOST_LOOPS or not needed <= len(values) <= len(fields):
            written = _written_out(cls, fields, defaults)
            type.__setattr__(cls, "__init__", written)
            written(self, *values, **named)
            return
        for set_field, value in zip(setters, values + usual[len(values) :], strict=True):
            set_field(self, value)
        if is_checked:
            self.__post_init__()

    return fill


def _written_out(cls: type, fields: tuple[str, ...], defaults: dict[str, Any]) -> Any:
    """An `__init__` with these fields as parameters, compiled as dataclasses does it.

    A head is made once a reply: the loop takes 0.9 us where this takes 0.4.
    """
    parameters = [f"{field}=default_{field}" if field in defaults else field for field in fields]
    lines = [f"def __init__(self, {', '.join(parameters)}):"]
    lines += [f"    set_{field}(self, {field})" for field in fields]
    if hasattr(cls, "__post_init__"):
        lines.append("    self.__post_init__()")
    names: dict[str, Any] = {f"set_{field}": getattr(cls, field).__set__ for field in fields}
    names |= {f"default_{field}": value for field, value in defaults.items()}
    exec("\n".join(lines), names)
    constructor = names["__init__"]
    constructor.__qualname__ = f"{cls.__qualname__}.__init__"
    return constructor


@dataclass_transform(frozen_default=True)
class Value(metaclass=_ValueType):
    """A frozen value. Attributes are set once, by the constructor; `replace` makes a changed copy.

    Equal means: of the same class, with equal fields. A subclass may define `__post_init__`, which
    checks the fields and raises ValueError or TypeError.
    """

    __slots__ = ("_hash",)

    if TYPE_CHECKING:
        _fields: tuple[str, ...]
        _defaults: dict[str, Any]
        _hash: int

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: use replace({name}=...)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def _values(self) -> tuple[Any, ...]:
        return tuple([getattr(self, field) for field in self._fields])

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            # Once only: a route is hashed at each request.
            object.__setattr__(self, "_hash", hash((type(self), self._values())))
            return self._hash

    def __repr__(self) -> str:
        parts = ", ".join(f"{field}={getattr(self, field)!r}" for field in self._fields)
        return f"{type(self).__name__}({parts})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._values()

    def replace(self, **changes: Any) -> Self:
        """The same value with some fields changed. Raises TypeError on a name that is no field."""
        return type(self)(**dict(zip(self._fields, self._values(), strict=True)) | changes)
