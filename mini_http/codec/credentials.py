"""Credentials: what answers a challenge (RFC 9110 section 11.4), as a field has it."""

from __future__ import annotations

import re

from mini_http import base
from mini_http.base.escapes import CONTROL


def basic_credentials(user: str, password: str) -> str:
    """The value of Authorization or Proxy-Authorization for a user (RFC 7617 section 2), in UTF-8.

    Raises InvalidRequest for a colon in the user's name, and for control characters.
    """
    if ":" in user:
        raise base.errors.InvalidRequest("a user's name can't contain ':' in Basic authentication")
    if re.search(CONTROL, user + password):
        raise base.errors.InvalidRequest("user and password can't contain control characters")
    from base64 import b64encode

    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
