"""LoadError: what is raised for a file that is no file of cookies.

It has a module of its own because its base is http.cookiejar's class: importing that costs more
than all of the jar, and most programs never load a broken file.
"""

from __future__ import annotations

import http.cookiejar

from mini_http.base.errors import MiniHTTPError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class LoadError(MiniHTTPError, http.cookiejar.LoadError):
    """Raised when cookies can't be loaded because a file is broken, or is of another form.

    `filename` is the file's; `number` is that of the broken line, in JSON of the cookie, and None
    if it is the file as a whole. What stands in the file is not in the message: it may be a login.
    """

    number: int | None = None

    def __init__(
        self, message: str, filename: str | None = None, number: int | None = None
    ) -> None:
        super().__init__(message)
        if filename is not None:
            self.filename = filename
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        revive, arguments, state = super().__reduce__()
        return revive, arguments, state | {"filename": self.filename}
