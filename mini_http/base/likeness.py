"""Being an instance of a class of Python's that is too dear to import.

`isinstance(x, kind)` asks `x.__class__` where `type(x)` did not do. A property of that name can
answer with a class of a module that the program has loaded: one that asks for such a class has.
What a stand-in has not itself, it can have from a real one that is made then.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message


def loaded_class(*places: tuple[str, str], otherwise: type) -> type:
    """The class at the first of `places` (module, name) that is loaded, else `otherwise`."""
    for module, name in places:
        kind: type | None = getattr(sys.modules.get(module), name, None)
        if kind is not None:
            return kind
    return otherwise


def names_of(instance: object) -> list[str]:
    """What `dir` shows of an object whose `__class__` is another one's."""
    names = set(getattr(instance, "__dict__", ()))
    for kind in type(instance).__mro__:
        names.update(vars(kind))
    return sorted(names)


def message_of(fields: Iterable[tuple[str, str]]) -> Message:
    """A Message with these fields and no body, which imports the classes."""
    from http.client import HTTPMessage

    message = HTTPMessage()
    for name, value in fields:
        message.set_raw(name, value)
    message.set_payload("")
    return message
