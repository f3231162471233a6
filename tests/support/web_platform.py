"""The URLs, host names and percent-encodings that browsers are tested with.

tests/data/wpt_urltestdata.json holds them: web-platform-tests/wpt url/resources, by way of
ada-url/ada tests/wpt at commit 308110b26b32d12db492d460a41e57932366269d, BSD-3-Clause
(web-platform-tests contributors). They follow the URL standard of WHATWG.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

_DATA = json.loads((Path(__file__).parents[1] / "data" / "wpt_urltestdata.json").read_text())

URLS: list[dict[str, Any]] = _DATA["cases"]
"""`input` and `base`, with the parts of the URL under WHATWG's names or `failure`."""
HOSTS: list[dict[str, Any]] = _DATA["toascii"]
"""`input`, and as `output` the host name in A-labels; None where it is to be refused."""
PERCENT_ENCODINGS: list[dict[str, Any]] = _DATA["percent_encoding"]
"""`input`, and its `output` in several charsets."""

needs_idna = pytest.mark.skipif(find_spec("idna") is None, reason="the idna package is not there")
"""Some of these hosts come out otherwise by the older IDNA of the standard library."""
