"""Which file descriptors this process has open, so that a test can tell a leak."""

from __future__ import annotations

import gc
import os
from pathlib import Path

LISTING = Path("/proc/self/fd")


def can_list_descriptors() -> bool:
    """Whether this system shows a process its descriptors."""
    return LISTING.is_dir()


def open_descriptors() -> dict[int, str]:
    """Each open descriptor and what it leads to, after the garbage was collected."""
    gc.collect()
    # What is left is no garbage, and need not be looked at again: by the end of the suite that
    # would take 40 ms each time.
    gc.freeze()
    found = {}
    for entry in os.listdir(LISTING):
        try:
            found[int(entry)] = os.readlink(LISTING / entry)
        except FileNotFoundError:
            pass  # the descriptor of this very listing
    return found
