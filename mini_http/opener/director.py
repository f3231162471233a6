"""OpenerDirector: opens a request by asking its handlers, stage by stage.

The stages, hook names and order are those of urllib.request. A handler is looked at once, when it
is added; what remains per request is to call the methods that it has for a scheme.
"""

from __future__ import annotations

from _thread import get_ident  # importing threading takes a millisecond
from bisect import insort
from sys import audit

from mini_http.base.timeouts import NOT_GIVEN
from mini_http.base.version import __version__
from mini_http.opener.conversion import as_request
from mini_http.opener.request import Request
from mini_http.opener.timeouts import for_handlers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mini_http.base.timeouts import Timeout
    from mini_http.opener.replies import Reply
    from mini_http.opener.secrets import Secrets

    Hooks = list[tuple[Any, str]]

_NOT_HOOKS = frozenset({"redirect_request", "do_open", "proxy_open"})


class OpenerDirector:
    """Opens URLs and Requests by its handlers. Use `build_opener` to get one with the usual ones.

    `addheaders` are fields for each request that does not have them; replace the list as a whole.
    """

    allow_address: Callable[[str], bool] | None = None
    """What our handlers ask about each IP address before they connect to it, as `allow_address` of
    their DialOptions where those have none. Set it before the first request."""

    def __init__(self) -> None:
        self.addheaders: list[tuple[str, str]] = [("User-agent", f"mini_http/{__version__}")]
        self.handlers: list[Any] = []
        # By scheme, and for errors by kind and code: the handlers that have the hook.
        self.handle_open: dict[str, list[Any]] = {}
        self.handle_error: dict[str, dict[int | str, list[Any]]] = {}
        self.process_request: dict[str, list[Any]] = {}
        self.process_response: dict[str, list[Any]] = {}
        self._hooks_by_scheme: dict[str, tuple[Hooks, Hooks, Hooks]] = {}

    def add_handler(self, handler: Any) -> None:
        """Adds a handler. Raises TypeError if it is none (it lacks `add_parent`)."""
        if not hasattr(handler, "add_parent"):
            raise TypeError(f"expected BaseHandler instance, got {type(handler)!r}")
        added = False
        for hook in dir(handler):
            if hook in _NOT_HOOKS:
                continue
            scheme, _, stage = hook.partition("_")
            if stage.startswith("error"):
                kind = stage.partition("_")[2] or "error"
                key: int | str = int(kind) if kind.isdecimal() else kind
                handlers = self.handle_error.setdefault(scheme, {}).setdefault(key, [])
            elif stage == "open":
                handlers = self.handle_open.setdefault(scheme, [])
            elif stage == "request":
                handlers = self.process_request.setdefault(scheme, [])
            elif stage == "response":
                handlers = self.process_response.setdefault(scheme, [])
            else:
                continue
            insort(handlers, handler)
            added = True
        if added:
            insort(self.handlers, handler)
            handler.add_parent(self)
            self._hooks_by_scheme.clear()

    def open(
        self,
        fullurl: str | Request,
        data: Any = None,
        timeout: float | Timeout | None = NOT_GIVEN,
    ) -> Reply:
        """Opens a URL or a Request, with `data` as its body if given; returns the reply.

        `timeout` is in seconds or a Timeout. Raises the audit event `urllib.Request`, as urllib
        does, with URL, data, headers and method. Raises URLError (TimedOut, ConnectionFailed,
        ProtocolError and so on) and HTTPError for a reply whose status is an error.
        """
        thread = get_ident()
        is_outermost = True
        if isinstance(fullurl, str):
            request = Request(fullurl, data)
            request.opened_by = thread
            scheme = request.url.scheme
        else:
            request = as_request(fullurl)
            if data is not None:
                request.data = data
            if request.opened_by == thread:
                is_outermost = False  # a handler opens it again, or one that follows it
            else:
                request = request.begin(thread)
            scheme = request.type
        request.timeout = for_handlers(timeout)
        opened = request
        try:
            before, openers, after = self._hooks_by_scheme.get(scheme) or self._find_hooks(scheme)
            for handler, hook in before:
                request = getattr(handler, hook)(request)
            audit(
                "urllib.Request",
                request.full_url,
                request.data,
                request.headers,
                request.get_method(),
            )
            response: Any = None  # a handler may give what it likes; those here give a Reply
            for handler, hook in openers:
                response = getattr(handler, hook)(request)
                if response is not None:
                    break
            for handler, hook in after:
                response = getattr(handler, hook)(request, response)
            reply: Reply = response
            return reply
        finally:
            if is_outermost:
                opened.end()

    def _find_hooks(self, scheme: str) -> tuple[Hooks, Hooks, Hooks]:
        """Whom to ask, and by which method, for this scheme: before opening, to open, and after.

        Not the methods themselves: a test may put another one in the place of one of them.
        """
        hooks = self._hooks_by_scheme[scheme] = (
            [(handler, f"{scheme}_request") for handler in self.process_request.get(scheme, ())],
            [
                (handler, f"{kind}_open")
                for kind in ("default", scheme, "unknown")
                for handler in self.handle_open.get(kind, ())
            ],
            [(handler, f"{scheme}_response") for handler in self.process_response.get(scheme, ())],
        )
        return hooks

    def error(self, proto: str, *args: Any) -> Any:
        """Asks the error handlers for a reply instead of an error; `args` is what they are given.

        For http these are request, response, code, message and headers.
        """
        kind: int | str = "error"
        hook = f"{proto}_error"
        if proto in ("http", "https"):
            proto, kind = "http", args[2]  # https errors are those of http
            hook = f"http_error_{kind}"
        by_kind = self.handle_error.get(proto, {})
        for handler in by_kind.get(kind, ()):
            result = getattr(handler, hook)(*args)
            if result is not None:
                return result
        if proto == "http":
            for handler in by_kind.get("default", ()):
                result = handler.http_error_default(*args)
                if result is not None:
                    return result
        return None

    def describe(self) -> str:
        """A table of what happens to a request: stage, scheme, order and handler, in order."""
        rows: list[tuple[str, str, int, str]] = []
        for stage, table in (
            ("request", self.process_request),
            ("open", self.handle_open),
            ("response", self.process_response),
        ):
            for scheme, handlers in sorted(table.items()):
                rows += [(stage, scheme, h.handler_order, type(h).__name__) for h in handlers]
        for scheme, by_kind in sorted(self.handle_error.items()):
            for kind, handlers in sorted(by_kind.items(), key=_by_kind):
                rows += [
                    (f"error {kind}", scheme, h.handler_order, type(h).__name__) for h in handlers
                ]
        return "\n".join(
            f"{stage:14} {scheme:10} {order:5} {name}" for stage, scheme, order, name in rows
        )

    @property
    def secrets(self) -> Secrets:
        """Fields that this opener sends to one origin each, such as the key of an API."""
        from mini_http.opener.secrets import secrets_of

        return secrets_of(self)

    def close(self) -> None:
        """Closes the handlers. Connections of the shared pool stay for other openers."""
        for handler in self.handlers:
            handler.close()


def _by_kind(row: tuple[int | str, list[Any]]) -> str:
    """Codes come before words."""
    return str(row[0])
