"""as_request: what a program of urllib's hands over, as a Request of ours."""

from __future__ import annotations

from mini_http.base.timeouts import NOT_GIVEN
from mini_http.opener.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def as_request(given: Any) -> Request:
    """`given` itself if it is a Request; if it is one of urllib.request's, one that asks the same.

    Raises TypeError for anything else.
    """
    if isinstance(given, Request):
        return given
    try:
        request = Request(
            given.full_url,
            given.data,
            given.headers,
            given.origin_req_host,
            given.unverifiable,
        )
        for name, value in given.unredirected_hdrs.items():
            request.add_unredirected_header(name, value)
        _go_as(given, request)
        request.get_method = given.get_method  # type: ignore[method-assign]
        request.tidy()
    except AttributeError:
        raise TypeError(f"expected a URL or a Request, not {type(given).__name__}") from None
    # A redirect handler may have made it, from one of ours.
    request.history = getattr(given, "history", ())
    request.opened_by = getattr(given, "opened_by", None)
    request.deadline = getattr(given, "deadline", None)
    request.timeout = getattr(given, "timeout", NOT_GIVEN)
    return request


def _go_as(given: Any, request: Request) -> None:
    """Makes `request` go where one of urllib.request's goes, if not just to its URL."""
    import urllib.request

    plain = urllib.request.Request(given.full_url)
    if given.type != plain.type:
        request.type = given.type
    if given.host != plain.host:
        request.host = given.host
    if given.has_proxy():
        request.selector = request.url.absolute
    elif given.selector != plain.selector:
        request.selector = given.selector
    request._tunnel_host = given._tunnel_host
