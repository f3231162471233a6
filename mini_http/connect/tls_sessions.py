"""SessionCache: TLS sessions of one route, to be resumed by its next connections.

A resumed handshake has no certificates to send and to verify: a new connection and its first
request take 10 to 40 % less time on loopback, and TLS 1.2 saves a round trip. In TLS 1.2 a session
is there after the handshake; in TLS 1.3 tickets come with what is read first (RFC 8446 section
4.6.1). So a connection is asked for its session when its first reply has ended.

A resumed session is trusted because of the certificate that began it. So a cache must never serve
more than one route, whose TLS settings and host are what that certificate was verified by; and a
session goes with no other context than its own, which ssl would refuse, and not with that one
either once it verifies in another way than it did: a caller may change its own.
"""

from __future__ import annotations

import time

from mini_http.connect.tls_settings import verification

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ssl import SSLContext, SSLSession

MOST_SESSIONS = 8
"""So many of a route are kept, some 3 KB each: for as many connections opened at once."""


class SessionCache:
    """The sessions of one route, the latest at the end. Threads may share it."""

    def __init__(self) -> None:
        self._kept: list[tuple[SSLContext, tuple[object, ...], SSLSession]] = []

    def take(self, context: SSLContext) -> SSLSession | None:
        """A session of this context that is not too old. It is handed out once.

        To show one ticket on two connections would tell whoever is on the way that they come from
        one client (RFC 8446 appendix C.4). A connection brings a new one back.
        """
        while True:
            try:
                made_with, how, session = self._kept.pop()
            except IndexError:
                return None
            is_ours = made_with is context and how == verification(context)
            if is_ours and time.time() < session.time + session.timeout:
                return session

    def keep(self, stream: object) -> bool:
        """Keeps the session of a stream; returns whether it has one that can be resumed."""
        session: SSLSession | None = getattr(stream, "session", None)
        if session is None or not (session.has_ticket or (session.id and not _is_new(stream))):
            return False
        context: SSLContext = stream.context  # type: ignore[attr-defined]
        self._kept.append((context, verification(context), session))
        del self._kept[:-MOST_SESSIONS]
        return True

    def __len__(self) -> int:
        return len(self._kept)


def _is_new(stream: object) -> bool:
    """Whether it speaks TLS 1.3, whose sessions are of no use without a ticket."""
    return stream.version() == "TLSv1.3"  # type: ignore[attr-defined, no-any-return]
