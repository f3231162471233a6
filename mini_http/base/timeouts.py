"""Time limits: `Timeout` says how long things may take, `Deadline` is one such limit running.

Times are seconds as floats, on the monotonic clock. None means: no limit.
"""

from __future__ import annotations

import sys
from time import monotonic

from mini_http import base
from mini_http.base.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

DEFAULT_SECONDS = 60.0
"""How long one wait may take when the caller says nothing. urllib would wait for ever."""


LONGEST_WAIT = 2_000_000.0
"""Seconds, some 23 days: systems count a wait in milliseconds, in a C int, and do not take more."""


class Timeout(Value):
    """How many seconds each part of an exchange may take.

    `connect`: resolving the name and connecting, all addresses together; a proxy's answer to
    CONNECT, again; the TLS handshake, again.
    `read`: from sending the head to having the whole reply head; then each wait for body bytes.
    `total`: the whole exchange by the clock on the wall: name, connect, TLS, redirects, retries,
    body. None, in each: no limit.
    """

    connect: float | None = DEFAULT_SECONDS
    read: float | None = DEFAULT_SECONDS
    total: float | None = None

    def __post_init__(self) -> None:
        for name in self._fields:
            _check_seconds(getattr(self, name), f"Timeout({name}=)")

    @classmethod
    def of(cls, value: float | Timeout | None) -> Timeout:
        """A timeout from what callers pass: one number for each phase, None, or a Timeout.

        Raises ValueError for a number that is negative, zero or not finite, TypeError for
        anything that is no number.
        """
        if isinstance(value, Timeout):
            return value
        if value is None:
            return NO_TIMEOUT
        _check_seconds(value, "timeout")
        return cls(value, value)


def _check_seconds(value: object, name: str) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds or None, not {value!r}")
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a finite number of seconds above 0, not {value!r}")


NO_TIMEOUT = Timeout(None, None, None)
DEFAULT_TIMEOUT = Timeout()

NOT_GIVEN: Any = object()
"""Stands for a timeout that nobody gave."""


def timeout_given(value: Any) -> Timeout:
    """The Timeout that callers of urllib and http.client mean by what they pass.

    Where nothing was given it is what `socket.setdefaulttimeout` was given, else 60 s a wait.
    `socket` is not imported for that: who has set anything there has done so. Raises what
    `Timeout.of` raises.
    """
    socket = sys.modules.get("socket")
    if socket is None:
        return DEFAULT_TIMEOUT if value is NOT_GIVEN else Timeout.of(value)
    if value is not NOT_GIVEN and value is not socket._GLOBAL_DEFAULT_TIMEOUT:
        return Timeout.of(value)
    seconds = socket.getdefaulttimeout()
    return DEFAULT_TIMEOUT if seconds is None else Timeout.of(seconds)


class Deadline:
    """One running time limit. It is made when something begins and handed on to every step of it.

    `seconds` is None for no limit. `clock` gives the time now, in seconds; tests pass their own.
    """

    __slots__ = ("_clock", "expires")

    def __init__(self, seconds: float | None, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self.expires = None if seconds is None else clock() + seconds

    def remaining(self) -> float | None:
        """Seconds left, as many as one wait may have: never below 0; None without a limit."""
        if self.expires is None:
            return None
        return min(max(0.0, self.expires - self._clock()), LONGEST_WAIT)

    def within(self, seconds: float | None) -> Deadline:
        """A deadline for one phase: `seconds` from now, but not later than this one."""
        phase = Deadline(seconds, self._clock)
        if phase.expires is None or (self.expires is not None and self.expires < phase.expires):
            phase.expires = self.expires
        return phase

    def check(self, doing: str) -> float | None:
        """Seconds left; raises ConnectTimedOut, naming what it was `doing`, when there are none."""
        left = self.remaining()
        if left is not None and left <= 0:
            raise base.errors.ConnectTimedOut(f"timed out {doing}")
        return left
