"""UnknownHandler: the error for a scheme that no other handler opens."""

from __future__ import annotations

from mini_http import base
from mini_http.base.escapes import masked
from mini_http.opener.handlers.base import BaseHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


class UnknownHandler(BaseHandler):
    """Raises URLError for requests that every other handler left alone."""

    def unknown_open(self, request: Any) -> NoReturn:
        """Raises URLError, naming the scheme."""
        # localhost:8000/path is a URL of the scheme "localhost".
        is_place = request.full_url.partition(":")[2][:1].isdecimal()
        advice = f"; for the web, write {masked(f'http://{request.full_url}')}" if is_place else ""
        raise base.errors.URLError(f"unknown url type: {request.type}{advice}")
