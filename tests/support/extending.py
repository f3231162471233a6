"""The examples of docs/extending.md, run as they stand there.

client = shown("Echo").EchoClient(*server.address)
"""

from __future__ import annotations

from types import SimpleNamespace

from support.documents import example_under

DOCUMENT = "docs/extending.md"


def shown(heading: str) -> SimpleNamespace:
    """What the example under a heading defines, as attributes."""
    return SimpleNamespace(**example_under(DOCUMENT, heading).run())
