"""BaseHandler: what makes an object a handler of an OpenerDirector."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mini_http.connect.dial import DialOptions
    from mini_http.opener.director import OpenerDirector


class BaseHandler:
    """A handler takes part in opening a request by having methods of these names:

    `<scheme>_request(request)` returns the request, changed or another, before it is opened;
    `<scheme>_open(request)`, `default_open`, `unknown_open` return a reply, or None to leave it to
    the next handler; `<scheme>_response(request, response)` returns the reply, changed or another;
    `http_error_<code>(request, response, code, message, headers)` and `http_error_default` return a
    reply instead of an error one, or None.

    Handlers are asked in the order of `handler_order`, small ones first.
    """

    handler_order = 500
    parent: OpenerDirector

    def add_parent(self, parent: OpenerDirector) -> None:
        """Called when the handler is added to `parent`."""
        self.parent = parent

    def dial_options(self, own: DialOptions | None) -> DialOptions | None:
        """How to dial: as the handler's `own` options say, to addresses that the opener allows."""
        allow = getattr(getattr(self, "parent", None), "allow_address", None)
        if allow is None or (own is not None and own.allow_address is not None):
            return own
        from mini_http.connect.dial import DEFAULT_OPTIONS

        return (own or DEFAULT_OPTIONS).replace(allow_address=allow)

    def close(self) -> None:
        """Called when the opener is closed. Does nothing by itself."""

    def __lt__(self, other: object) -> bool:
        order = getattr(other, "handler_order", self.handler_order + 1)
        if self.handler_order != order:
            return self.handler_order < order
        # In an opener that urllib built, ours comes before the one that it stands for.
        return any(is_urllibs(type(other), ours) for ours in type(self).__mro__)


def is_urllibs(kind: type, ours: type) -> bool:
    """Whether `kind` is the class of urllib.request that has the name of `ours`."""
    return kind.__module__ == "urllib.request" and kind.__name__ == ours.__name__
