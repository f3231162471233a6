"""A mark for tests that need IPv6, which not every machine has."""

from __future__ import annotations

import socket

import pytest


def has_ipv6() -> bool:
    """Whether this machine can serve at ::1."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
