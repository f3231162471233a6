"""PoolPolicy: how many idle connections a pool keeps, and for how long."""

from __future__ import annotations

from mini_http.base.value import Value


class PoolPolicy(Value):
    """Numbers that a pool works by. None of them makes a request wait or fail."""

    idle_per_route: int = 32
    """Idle connections kept to one place; more are closed when they are given back."""
    idle_total: int = 256
    """Idle connections kept altogether; beyond that the one idle for longest is closed."""
    idle_seconds: float = 60.0
    """How long a connection may be idle. Servers usually close after 5 to 75 seconds."""
    age_seconds: float = 1800.0
    """How old a connection may become, so that a changed address is found in time."""

    def __post_init__(self) -> None:
        for name in self._fields:
            if getattr(self, name) < 0:
                raise ValueError(f"PoolPolicy({name}=) must not be negative")


DEFAULT_POLICY = PoolPolicy()
