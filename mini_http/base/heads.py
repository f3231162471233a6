"""The head of a reply, as a frozen value: what it says before its body."""

from __future__ import annotations

from mini_http.base.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mini_http.base.headers import Headers


class ResponseHead(Value):
    """What a reply says first (RFC 9112 section 4).

    `version` is 10 or 11, as in http.client; later minor versions of HTTP/1 count as 11. `reason`
    is the server's phrase, possibly empty. `control` holds those of the fields that say how the
    body is framed and coded and whether the connection stays: names and values in lower case, and
    the values of a repeated one joined with ", " (RFC 9110 section 5.3).
    """

    version: int
    status: int
    reason: str
    headers: Headers
    control: Mapping[str, str]
