"""What the `timeout=` that an opener is given means, to handlers of urllib and to ours."""

from __future__ import annotations

import sys

from mini_http.base.timeouts import NOT_GIVEN, timeout_given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mini_http.base.timeouts import Timeout


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
    return timeout_given(getattr(request, "timeout", NOT_GIVEN))
