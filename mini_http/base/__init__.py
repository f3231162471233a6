"""The values that every floor speaks in.

The exception tree stands in `base.errors`. Its classes descend from those of `urllib.error` and
`http.client`, whose import takes longer than that of all of mini_http; so the module loads at
the first error raised or caught. Other modules therefore write `from mini_http import base` and
`raise base.errors.ReadTimedOut(...)`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mini_http.base import errors as errors


def __getattr__(name: str) -> object:
    if name == "errors":
        import importlib

        return importlib.import_module("mini_http.base.errors")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
