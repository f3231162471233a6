"""Credentials: what answers a challenge (RFC 9110 section 11.4), as a field has it.

`strongest_answer` chooses among the challenges of a reply; `basic_credentials` are the simplest.
"""

from __future__ import annotations

import re

from mini_http import base
from mini_http.base.escapes import CONTROL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mini_http.codec.challenges import Challenge
    from mini_http.codec.digest import DigestChallenge


# the code points D800 to DFFF, which no text in UTF-8 has (RFC 3629 section 3)
_SURROGATE = r"[\ud800-\udfff]"


def basic_credentials(user: str, password: str) -> str:
    """The value of Authorization or Proxy-Authorization for a user (RFC 7617 section 2), in UTF-8.

    Raises InvalidRequest for a colon in the user's name, for control characters and for lone
    surrogates.
    """
    if ":" in user:
        raise base.errors.InvalidRequest("a user's name can't contain ':' in Basic authentication")
    if re.search(CONTROL, user + password):
        raise base.errors.InvalidRequest("user and password can't contain control characters")
    check_encodable(user, password)
    from base64 import b64encode

    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def check_encodable(user: str, password: str) -> None:
    """Raises InvalidRequest, which shows neither, for lone surrogates: UTF-8 has none."""
    if re.search(_SURROGATE, user + password):
        raise base.errors.InvalidRequest("user and password can't contain lone surrogates")


def strongest_answer(
    fields: Iterable[str],
    user: str,
    password: str,
    method: str,
    uri: str,
    body: Iterable[bytes | memoryview] = (),
) -> str | None:
    """The answer to the strongest of the challenges in these fields that can be answered.

    That is Digest with the strongest algorithm, else Basic; None if there is neither. `fields` are
    the values of WWW-Authenticate or Proxy-Authenticate, `uri` is the request target as sent. The
    pieces of the `body` are read only if a server wants them protected. Raises InvalidRequest for
    what Basic can't express, and for lone surrogates.
    """
    from mini_http.codec.challenges import parse_challenges

    challenges = parse_challenges(fields)
    digests = [digest for digest, _ in digests_by_strength(challenges)]
    if digests:
        from mini_http.codec.digest import DigestSession, new_cnonce

        session = DigestSession(digests[0], user, password, new_cnonce())
        return f"Digest {session.credentials(method, uri, body=body)}"
    if any(challenge.is_for("basic") for challenge in challenges):
        return basic_credentials(user, password)
    return None


def digests_by_strength(
    challenges: Iterable[Challenge], knows: Callable[[str], bool] | None = None
) -> list[tuple[DigestChallenge, Challenge]]:
    """The Digest challenges that can be answered, the strongest first, each with what it is read
    from; those of equal strength in the server's order.

    `knows` tells whether an algorithm can be calculated, by default `codec.digest.can_hash`.
    """
    from mini_http.codec.digest import DigestChallenge, can_hash

    knows, found = knows or can_hash, []
    for challenge in challenges:
        if challenge.is_for("digest"):
            digest = DigestChallenge.of(challenge.by_name())
            if digest is not None and knows(digest.algorithm):
                found.append((digest, challenge))
    return sorted(found, key=lambda pair: -pair[0].strength)
