"""Limits: the most that a reply may make this program hold, read or follow."""

from __future__ import annotations

from mini_http.base.value import Value


class Limits(Value):
    """One number for everything that a server could otherwise make endless.

    Passing a limit raises LimitExceeded, which names the limit, the number and what was found.
    """

    head_bytes: int = 256 * 1024
    """A whole reply head. Real ones stay below 16 KiB; big cookies and policies reach 64 KiB."""
    fields: int = 1000
    """Fields of a head. http.client stops at 100, which some real sites pass."""
    line_bytes: int = 64 * 1024
    """One line of a head, and one line that `readline` of a line protocol returns."""
    trailers: int = 100
    """Fields after a chunked body."""
    trailer_bytes: int = 64 * 1024
    """All the fields after a chunked body together."""
    chunk_line_bytes: int = 4 * 1024
    """A chunk's size with its extensions, which nobody uses."""
    interim_replies: int = 20
    """1xx replies before the real one."""
    redirects: int = 20
    """Redirects that one `urlopen` follows."""
    codings: int = 5
    """Content codings stacked on one body."""
    step_bytes: int = 1024 * 1024
    """The most that is allocated, or decoded, ahead of bytes that really came."""
    drain_bytes: int = 64 * 1024
    """What is read and dropped of an unread body to keep its connection."""
    decoded_bytes: int | None = None
    """The most that one coded body may decode to. None: as much as the caller reads."""
    decoded_ratio: float | None = None
    """The most decoded bytes per coded byte, looked at beyond the first `step_bytes`."""

    def __post_init__(self) -> None:
        for name in self._fields:
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"Limits({name}=) must not be negative, got {value!r}")


DEFAULT_LIMITS = Limits()
