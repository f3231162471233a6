"""Secrets: fields that belong to one origin, such as the key of an API.

    opener.secrets.add("https://api.example/", "X-Api-Key", key)

From then on every request of that opener to that origin carries the field: same scheme, host and
port, after redirects too. No other request does. A proxy that would read it gets an error in its
place: such a key is for https, or for a direct way. What prints requests masks the value, for the
name is marked secret in each of them; and what records them does.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.url import URL
from mini_http.codec.grammar import FIELD_VALUE
from mini_http.opener.handlers.base import BaseHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mini_http.opener.director import OpenerDirector

    Origin = tuple[str, str, int | None]


NAMES: set[str] = set()
"""The names of all fields that were secrets of any opener, in lower case: recordings mask them."""


class Secrets(BaseHandler):
    """The secrets of one opener, as a handler of it. `repr` shows origins and names."""

    handler_order = 490
    """Before the handlers that send, and when it is settled whether a proxy is asked."""

    def __init__(self) -> None:
        self._fields: dict[Origin, dict[str, str]] = {}

    def add(self, url: str, name: str, value: str) -> None:
        """Has `value` sent as the field `name` to the origin of `url`; its path does not count.

        A second value takes the place of the first; a field that a request has stays as it is.
        Raises InvalidURL; InvalidRequest for a URL without a host or with user and password; and
        InvalidField, which does not show it, for a value that can't be sent.
        """
        found = URL.parse(url)
        if not found.host or found.username is not None:
            raise base.errors.InvalidRequest(
                "a secret belongs to an origin, such as 'https://api.example'"
            )
        if not isinstance(value, str) or FIELD_VALUE.fullmatch(value) is None:
            raise base.errors.InvalidField(
                f"the value of {name} is no text that a field can have: it has a control character"
                " or one beyond ISO 8859-1, or is no str"
            )
        self.remove(url, name)
        NAMES.add(name.lower())
        self._fields.setdefault(found.origin, {})[name] = value

    def remove(self, url: str, name: str) -> None:
        """Takes a field out again; nothing happens if there is none."""
        fields = self._fields.get(URL.parse(url).origin, {})
        for known in [known for known in fields if known.lower() == name.lower()]:
            del fields[known]

    def http_request(self, req: Any) -> Any:
        """Adds the fields of the request's origin."""
        if self._fields:
            fields = self._fields.get(URL.parse(req.full_url).origin, {})
            for name, value in fields.items():
                if not req.has_header(name.capitalize()):
                    req.add_unredirected_header(name, value)
                if hasattr(req, "mark_secret"):
                    req.mark_secret(name)
        return req

    https_request = http_request

    def http_open(self, req: Any) -> None:
        """Opens nothing. Raises InvalidRequest where a proxy would read what is for the origin."""
        if self._fields and req.has_proxy():
            fields = self._fields.get(URL.parse(req.full_url).origin, {})
            for name, value in fields.items():
                if req.unredirected_hdrs.get(name.capitalize()) == value:
                    raise base.errors.InvalidRequest(
                        f"a proxy would read {name}, which is secret: use https, or no proxy"
                    )

    https_open = http_open  # where TLS leads to the proxy only

    def __repr__(self) -> str:
        shown = [
            f"{scheme}://{host}:{port} {name}"
            for (scheme, host, port), fields in self._fields.items()
            for name in fields
        ]
        return f"<Secrets {', '.join(shown) or 'none'}>"


def secrets_of(opener: OpenerDirector) -> Secrets:
    """The secrets of an opener; it gets them when they are first asked for."""
    found = next((one for one in opener.handlers if isinstance(one, Secrets)), None)
    if found is None:
        found = Secrets()
        opener.add_handler(found)
    return found
