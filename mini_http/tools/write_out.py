"""`-w FORMAT`: facts about a transfer, printed when it is over.

A format is text with `%{name}` where the facts stand. `%header{name}` is a field of the reply, `%%`
a percent sign; `\\n`, `\\r` and `\\t` are what they are in C. The names, which are curl's, are the
rows of VARIABLES at the end. Facts that there are not, for want of a reply, are empty or 0.
"""

from __future__ import annotations

import re

from mini_http.tools.failures import UsageError
from mini_http.tools.terminal import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from mini_http.tools.transfer import Transfer

    Fact = Callable[[Transfer], object]
    Format = tuple[Fact, ...]

_PIECE = re.compile(r"\\([nrt])|(%%)|%\{([^{}]*+)\}|%header\{([^{}]*+)\}")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def compiled(text: str) -> Format:
    """A format, ready for `written`. Raises UsageError for a variable that there isn't."""
    facts: list[Fact] = []
    end = 0
    for piece in _PIECE.finditer(text):
        facts += [_constant(text[end : piece.start()]), _fact(*piece.groups())]
        end = piece.end()
    return (*facts, _constant(text[end:]))


def written(format: Format, transfer: Transfer) -> str:
    """The text that a format gives for a transfer that is over."""
    return "".join([str(fact(transfer)) for fact in format])


def _fact(escape: str | None, percent: str | None, name: str | None, field: str | None) -> Fact:
    if escape is not None:
        return _constant(_ESCAPES[escape])
    if percent is not None:
        return _constant("%")
    if field is not None:
        return lambda transfer: printable(transfer.field(field))
    fact = VARIABLES.get(name or "")
    if fact is None:
        raise UsageError(f"-w knows no variable {name!r}; it knows {', '.join(VARIABLES)}")
    return fact


def _constant(text: str) -> Fact:
    return lambda transfer: text


def _per_second(size: int, transfer: Transfer) -> int:
    return int(size / transfer.seconds) if transfer.seconds else 0


VARIABLES: dict[str, Fact] = {
    # what came
    "http_code": lambda transfer: f"{transfer.status:03}",
    "response_code": lambda transfer: f"{transfer.status:03}",
    "http_version": lambda transfer: transfer.http_version,
    "content_type": lambda transfer: printable(transfer.field("content-type")),
    "num_headers": lambda transfer: transfer.heads[-1].count(b"\n") - 2 if transfer.heads else 0,
    "size_header": lambda transfer: sum(map(len, transfer.heads)),
    "size_download": lambda transfer: transfer.size,
    "speed_download": lambda transfer: _per_second(transfer.size, transfer),
    "filename_effective": lambda transfer: transfer.file_name,
    # what was asked for
    "method": lambda transfer: transfer.method,
    "scheme": lambda transfer: transfer.url_effective.partition(":")[0],
    "url": lambda transfer: transfer.url,
    "url_effective": lambda transfer: transfer.url_effective,
    "urlnum": lambda transfer: transfer.number,
    "size_upload": lambda transfer: transfer.uploaded,
    "speed_upload": lambda transfer: _per_second(transfer.uploaded, transfer),
    "num_redirects": lambda transfer: transfer.redirects,
    "redirect_url": lambda transfer: transfer.redirect_url,
    # over which connections
    "num_connects": lambda transfer: transfer.connects,
    "remote_ip": lambda transfer: transfer.remote[0],
    "remote_port": lambda transfer: transfer.remote[1],
    "local_ip": lambda transfer: transfer.local[0],
    "local_port": lambda transfer: transfer.local[1],
    "ssl_verify_result": lambda transfer: transfer.verify_code,
    # how long it took, in seconds from the beginning
    "time_connect": lambda transfer: f"{transfer.connected_after:.6f}",
    "time_appconnect": lambda transfer: f"{transfer.secured_after:.6f}",
    "time_starttransfer": lambda transfer: f"{transfer.replied_after:.6f}",
    "time_total": lambda transfer: f"{transfer.seconds:.6f}",
    # how it ended
    "exitcode": lambda transfer: transfer.exit_code,
    "errormsg": lambda transfer: transfer.complaint,
}
"""The variables of `-w` and where they come from."""
