"""install: puts this package under urllib.request, for programs that can't be changed.

=========================  =====================================================================
after                      over our connections go
=========================  =====================================================================
install()                  urllib.request.urlopen and urlretrieve: an opener of urllib's own class,
                           with our handlers in it, is installed by urllib's own install_opener
install(everywhere=True)   also the openers that others build, and urlopen(context=...):
                           AbstractHTTPHandler.do_open is replaced
uninstall()                nothing any more; all that was replaced is as before
=========================  =====================================================================

What a program can tell stays as it was: no content coding is asked for, since callers of urllib
decode by hand; a context that is given is used as it is; whom to trust, where none is given, is
urllib's choice and not that of this package; no scheme is added but ftps. What do_open can't send
as the original would is left to the original: other classes of connections, other arguments,
requests whose host or target was changed.

urllib.request is not imported before `install` is called. Warnings go to the logger "mini_http".
"""

from __future__ import annotations

import os
from functools import wraps
from threading import RLock
from weakref import WeakKeyDictionary

from mini_http.opener.api import default_handlers
from mini_http.opener.conversion import as_request
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.handlers.http import HTTPHandler, HTTPSHandler
from mini_http.opener.handlers.proxy import ProxyHandler
from mini_http.opener.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext
    from typing import Any

_lock = RLock()
_installed: _Installation | None = None

if hasattr(os, "register_at_fork"):  # pragma: no branch (Windows can't fork)
    # Nobody forks in the middle: the child would find half of it done, and the lock held for ever.
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


def install(everywhere: bool = False) -> Any:
    """Puts our engine under `urllib.request.urlopen`; returns the opener that it uses from now on.

    The opener is a `urllib.request.OpenerDirector`: `addheaders` can be replaced, handlers added.
    With `everywhere`, openers that others build, earlier or later, get the engine too. To install
    what is installed changes nothing, except that `everywhere` can be added, and that an opener
    which another program has installed in the meantime makes room for ours again.
    """
    global _installed  # noqa: PLW0603  (there is one urllib.request)
    with _lock:
        if _installed is None:
            _installed = _Installation()
        _installed.put_opener()
        if everywhere:
            _installed.put_everywhere()
        return _installed.opener


def uninstall() -> None:
    """Makes urllib.request what it was before `install`, with the opener that it had.

    Where another program has replaced what `install` put there, its work stays, and a warning is
    logged. Does nothing if nothing is installed.
    """
    global _installed  # noqa: PLW0603
    with _lock:
        if _installed is not None:
            _installed.remove()
            _installed = None


class _Installation:
    """What `install` put in place, and what it found there."""

    def __init__(self) -> None:
        import urllib.request

        self.urllib: Any = urllib.request
        self.opener = _opener(urllib.request)
        self.before: Any = None
        """The opener that ours took the place of."""
        self.active = True
        """False after `remove`: a wrapper that another program put around ours may call it still,
        which then does what the original does."""
        self.is_everywhere = False
        self.stands_for: WeakKeyDictionary[SSLContext, SSLContext] = WeakKeyDictionary()
        """For each context that urllib made, as the maker of a handler gave none: the one that all
        handlers of that time share."""
        self.patches: list[_Patch] = []

    def put_opener(self) -> None:
        if self.urllib._opener is not self.opener:
            self.before = self.urllib._opener
            self.urllib.install_opener(self.opener)
        if not self.patches:
            self._patch(self.urllib, "install_opener", self._install_opener)
            self._patch(self.urllib, "urlcleanup", self._urlcleanup)

    def put_everywhere(self) -> None:
        if self.is_everywhere:
            return
        self.is_everywhere = True
        self._patch(self.urllib.AbstractHTTPHandler, "do_open", self._do_open)
        self._patch(self.urllib.HTTPSHandler, "__init__", self._https_handler)

    def remove(self) -> None:
        self.active = False
        for patch in reversed(self.patches):
            patch.undo()
        if self.urllib._opener is self.opener:
            self.urllib.install_opener(self.before)

    def _patch(self, owner: Any, name: str, replacement: Callable[..., Any]) -> None:
        self.patches.append(_Patch(owner, name, replacement))

    # --- what takes the place of urllib's functions; each first parameter is what was there

    def _install_opener(self, original: Any, opener: Any) -> None:
        if self.active and opener is None:  # urlopen is to use the usual one, which is ours now
            opener = self.opener
        elif self.active and opener is not self.opener and not self.is_everywhere:
            _warn(
                "urllib.request.install_opener: another opener takes the place of mini_http's;"
                " mini_http.install(everywhere=True) is for such programs"
            )
        original(opener)

    def _urlcleanup(self, original: Any) -> None:
        is_ours = self.urllib._opener is self.opener
        original()
        if self.active and is_ours:
            self.urllib.install_opener(self.opener)

    def _https_handler(self, original: Any, handler: Any, *args: Any, **kwargs: Any) -> None:
        original(handler, *args, **kwargs)
        given = dict(zip(_HTTPS_HANDLER, args, strict=False)) | kwargs
        # Python 3.11 makes none here, but one for each connection.
        if handler._context and not given.get("context") and given.get("check_hostname") is None:
            self.stands_for[handler._context] = _urllibs_context()

    def _do_open(self, original: Any, handler: Any, http_class: Any, req: Any, **args: Any) -> Any:
        if self.active:
            ours = self._handler_in_place_of(http_class, handler._debuglevel, **args)
            if ours and (request := _as_ours(req, self.urllib.Request)):
                return ours.send(_AsIsHandler().http_request(request))
        return original(handler, http_class, req, **args)

    def _handler_in_place_of(
        self, http_class: Any, debuglevel: int, **args: Any
    ) -> HTTPHandler | HTTPSHandler | None:
        """What sends as connections of `http_class` would; None if nothing of ours does."""
        if getattr(http_class, "__module__", "") != "http.client":
            return None
        if http_class.__name__ == "HTTPConnection" and not args:
            return HTTPHandler(debuglevel)
        context = args.pop("context", None)
        if args.pop("check_hostname", None) is not None or args:
            return None
        if http_class.__name__ == "HTTPSConnection":
            return HTTPSHandler(debuglevel, self._shared(context))
        return None

    def _shared(self, context: SSLContext | None) -> SSLContext:
        """`context`, or if it is one of urllib's making, the one that it stands for."""
        if context is None:
            return _urllibs_context()
        shared = self.stands_for.get(context)
        if (
            shared is not None
            # No longer, if the handler's maker changed it afterwards.
            and context.check_hostname == shared.check_hostname
            and context.verify_mode == shared.verify_mode
        ):
            return shared
        return context


_HTTPS_HANDLER = ("debuglevel", "context", "check_hostname")
"""The parameters of urllib.request.HTTPSHandler."""


def _as_ours(req: Any, urllibs_class: Any) -> Request | None:
    """A request of ours that goes where `req` does; None if there is no saying.

    A program may have set its host or its selector to something else than its URL says, or be
    a third one's imitation of a request.
    """
    if isinstance(req, Request):
        return req
    if not isinstance(req, urllibs_class):
        return None
    request = as_request(req)
    if request.has_proxy() or request._tunnel_host:
        return request
    fresh = urllibs_class(req.full_url)
    led = req.host, req.selector, req._tunnel_host
    return request if led == (fresh.host, fresh.selector, None) else None


class _Patch:
    """One attribute that was replaced.

    `replacement` is called as the attribute was, but with the original as one more, first argument.
    """

    def __init__(self, owner: Any, name: str, replacement: Callable[..., Any]) -> None:
        self.owner, self.name = owner, name
        self.original = original = vars(owner)[name]

        @wraps(original)
        def replaced(*args: Any, **kwargs: Any) -> Any:
            return replacement(original, *args, **kwargs)

        self.replaced = replaced
        setattr(owner, name, replaced)

    def undo(self) -> None:
        """Puts the original back, unless another program has replaced ours."""
        if vars(self.owner)[self.name] is self.replaced:
            setattr(self.owner, self.name, self.original)
        else:
            place = getattr(self.owner, "__qualname__", "urllib.request")
            _warn(f"{place}.{self.name} was replaced after mini_http.install() and stays as it is")


def _warn(text: str) -> None:
    import logging

    logger = logging.getLogger("mini_http")
    if not logger.handlers:
        # A program that has not set up logging sees nothing: its standard error is its own.
        logger.addHandler(logging.NullHandler())
    logger.warning(text)


# --- the opener


def _opener(urllib_request: Any) -> Any:
    """An opener of urllib's own class, whose `open` other programs may watch, with our handlers.

    Those that urllib.request has, too: no content coding comes with them, nor a scheme but ftps.
    """
    opener = urllib_request.OpenerDirector()
    for handler in default_handlers():
        if hasattr(urllib_request, handler.__name__):
            opener.add_handler(_IN_PLACE_OF.get(handler, handler)())
    opener.add_handler(_AsIsHandler())
    return opener


class _AsIsHandler(BaseHandler):
    """Asks for no content coding, in the words in which http.client does, if nobody else has."""

    handler_order = 600
    """After the handlers that add the caller's fields."""

    def http_request(self, request: Any) -> Any:
        """Adds Accept-Encoding where it is missing."""
        if not request.has_header("Accept-encoding"):
            request.add_unredirected_header("Accept-Encoding", "identity")
        return request

    https_request = http_request


class _TrustingHandler(HTTPSHandler):
    """Trusts whom urllib trusts at the time of each request."""

    def https_open(self, req: Any) -> Any:
        """The reply, whatever its status."""
        return HTTPSHandler(self._debuglevel, _urllibs_context()).https_open(req)


class _LateProxyHandler(BaseHandler):
    """Looks for proxies at the first request, as urllib does, and not when `install` is called."""

    handler_order = ProxyHandler.handler_order
    _handler: ProxyHandler | None = None

    def http_open(self, req: Any) -> Any:
        """What a ProxyHandler does."""
        if self._handler is None:
            self._handler = ProxyHandler()
            self._handler.add_parent(self.parent)
        hook = getattr(self._handler, f"{req.type}_open", None)
        return None if hook is None else hook(req)

    https_open = ftp_open = http_open


_IN_PLACE_OF: dict[type, type[BaseHandler]] = {
    HTTPSHandler: _TrustingHandler,
    ProxyHandler: _LateProxyHandler,
}

_contexts: dict[tuple[object, ...], SSLContext] = {}


def _urllibs_context() -> SSLContext:
    """The context that urllib uses where none is given; the same object while nothing changes.

    A program may have replaced the function that makes it, the way out that PEP 476 left for those
    who must do without verification.
    """
    import ssl

    key = (
        ssl._create_default_https_context,
        os.environ.get("SSL_CERT_FILE"),
        os.environ.get("SSL_CERT_DIR"),
    )
    context = _contexts.get(key)
    if context is None:
        context = ssl._create_default_https_context()
        context.set_alpn_protocols(["http/1.1"])
        _contexts.clear()
        _contexts[key] = context
    return context
