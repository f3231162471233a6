"""What the `timeout=` that an opener is given means.

`socket`, whose settings count here too, is not imported: who has set anything there has done so.
"""

from __future__ import annotations

import sys

from mini_http.base.timeouts import DEFAULT_TIMEOUT, Timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NOT_GIVEN: Any = object()
"""Stands for a timeout that nobody gave."""


def for_handlers(timeout: Any) -> Any:
    """The timeout as a request carries it to the handlers: urllib's know NOT_GIVEN as `socket`'s
    own mark only.
    """
    socket = sys.modules.get("socket")
    return socket._GLOBAL_DEFAULT_TIMEOUT if timeout is NOT_GIVEN and socket else timeout


def timeout_of(request: Any) -> Timeout:
    """The Timeout of a request, ours or urllib's.

    Where none was given it is what `socket.setdefaulttimeout` was given, else 60 s a wait. Raises
    ValueError and TypeError for what can't be a timeout.
    """
    given = getattr(request, "timeout", NOT_GIVEN)
    socket = sys.modules.get("socket")
    if socket is None:
        return DEFAULT_TIMEOUT if given is NOT_GIVEN else Timeout.of(given)
    if given is not NOT_GIVEN and given is not socket._GLOBAL_DEFAULT_TIMEOUT:
        return Timeout.of(given)
    seconds = socket.getdefaulttimeout()
    return DEFAULT_TIMEOUT if seconds is None else Timeout.of(seconds)
