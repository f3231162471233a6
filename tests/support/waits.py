"""How long tests of waiting wait, and a clock for those that need no waiting."""

from __future__ import annotations

PATIENCE = 20.0
"""Far more seconds than anything in these tests takes: a wait that must not matter."""
SOON = 0.02
"""The seconds of a wait that is to end without anything having come."""


class Clock:
    """Seconds that pass when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now
