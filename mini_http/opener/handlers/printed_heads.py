"""Heads as HTTPHandler and HTTPSHandler print them where `debuglevel` is above 0, masked."""

from __future__ import annotations

from mini_http.base.escapes import masked as masked_url
from mini_http.base.headers import SECRET_FIELDS, masked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mini_http.exchange.response import HTTPResponse

    Fields = list[tuple[str, str]]


def print_request(method: str, target: str, fields: Fields, secret_names: frozenset[str]) -> None:
    """The request's head; `secret_names`, in lower case, are masked too."""
    print(f"send: {method} {masked_url(target)} HTTP/1.1")  # noqa: T201
    _print_fields("send", fields, SECRET_FIELDS | secret_names)


def print_reply(response: HTTPResponse) -> None:
    """The reply's head."""
    print(f"reply: {response.status} {response.reason!r}")  # noqa: T201
    _print_fields("header", response.getheaders())


def _print_fields(label: str, fields: Fields, secret: frozenset[str] = SECRET_FIELDS) -> None:
    for name, value in fields:
        print(f"{label}: {name}: {masked(name, value, secret)}")  # noqa: T201
