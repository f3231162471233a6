"""Being an instance of a class of Python's that is too dear to import.

`isinstance(x, kind)` asks `x.__class__` where `type(x)` did not do. A property of that name can
answer with a class of a module that the program has loaded: one that asks for such a class has.
"""

from __future__ import annotations

import sys


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
