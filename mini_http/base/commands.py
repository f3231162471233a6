"""Commands: what is known of each request method before it is sent.

A row says whether a request may be sent again, whether it usually has a body, and whether its reply
can have one. COMMANDS, at the end, has the registered methods with the flags of the IANA HTTP
Method Registry, and a few that are not registered with flags that the manuals of their servers bear
out. Any other method works too. Of it nothing is assumed: it counts as unsafe and goes out once.
"""

from __future__ import annotations

from functools import lru_cache

from mini_http.base.value import Value


class Command(Value):
    """One request method (RFC 9110 section 9)."""

    name: str
    """As it is sent: methods are case-sensitive."""
    safe: bool = False
    """The client asks for nothing to change on the server (section 9.2.1)."""
    idempotent: bool = False
    """Sent twice it means the same as sent once, so it may be sent again (section 9.2.2)."""
    has_request_body: bool = False
    """A body has a meaning, so one that is absent is sent as `Content-Length: 0` (section 8.6)."""
    reply_has_body: bool = True
    """False for HEAD alone: its reply ends with the head whatever the fields say."""
    opens_tunnel: bool = False
    """True for CONNECT alone: after a 2xx reply the connection carries other bytes."""
    rfc: str = ""
    """Where it is defined."""


@lru_cache(maxsize=128)  # for the unknown ones: 0.05 us instead of 0.5, twice a request
def command(name: str) -> Command:
    """What is known of a method; an unknown one is neither safe nor idempotent."""
    return _ROWS.get(name) or Command(name)


def _safe(name: str, rfc: str, *, body: bool = False) -> Command:
    return Command(name, True, True, body, rfc=rfc)


def _idempotent(name: str, rfc: str, *, body: bool = False) -> Command:
    return Command(name, False, True, body, rfc=rfc)


# Two registered names are no rows, since no client sends them as methods: PRI is the preface of
# HTTP/2 (RFC 9113), and * is reserved (RFC 9110 section 18.2). Nor are those of UPnP: SUBSCRIBE
# makes another subscription each time and NOTIFY counts its events, so that what is assumed of an
# unknown method is true of them; M-SEARCH goes by datagram.
COMMANDS = (
    _safe("GET", "RFC 9110 section 9.3.1"),
    Command("HEAD", True, True, reply_has_body=False, rfc="RFC 9110 section 9.3.2"),
    Command("POST", has_request_body=True, rfc="RFC 9110 section 9.3.3"),
    _idempotent("PUT", "RFC 9110 section 9.3.4", body=True),
    _idempotent("DELETE", "RFC 9110 section 9.3.5"),
    Command("CONNECT", opens_tunnel=True, rfc="RFC 9110 section 9.3.6"),
    _safe("OPTIONS", "RFC 9110 section 9.3.7"),
    _safe("TRACE", "RFC 9110 section 9.3.8"),
    Command("PATCH", has_request_body=True, rfc="RFC 5789 section 2"),
    _safe("QUERY", "RFC 10008 section 2", body=True),
    # WebDAV
    _safe("PROPFIND", "RFC 4918 section 9.1", body=True),
    _idempotent("PROPPATCH", "RFC 4918 section 9.2", body=True),
    _idempotent("MKCOL", "RFC 4918 section 9.3"),
    _idempotent("COPY", "RFC 4918 section 9.8"),
    _idempotent("MOVE", "RFC 4918 section 9.9"),
    Command("LOCK", has_request_body=True, rfc="RFC 4918 section 9.10"),
    _idempotent("UNLOCK", "RFC 4918 section 9.11"),
    _safe("SEARCH", "RFC 5323 section 2", body=True),
    _idempotent("ACL", "RFC 3744 section 8.1", body=True),
    _idempotent("ORDERPATCH", "RFC 3648 section 7", body=True),
    _idempotent("BIND", "RFC 5842 section 4", body=True),
    _idempotent("UNBIND", "RFC 5842 section 5", body=True),
    _idempotent("REBIND", "RFC 5842 section 6", body=True),
    _idempotent("MKREDIRECTREF", "RFC 4437 section 6", body=True),
    _idempotent("UPDATEREDIRECTREF", "RFC 4437 section 7", body=True),
    # calendars; address books (RFC 6352) need no method of their own
    _idempotent("MKCALENDAR", "RFC 4791 section 5.3.1", body=True),
    # versions of documents
    _idempotent("VERSION-CONTROL", "RFC 3253 section 3.5", body=True),
    _safe("REPORT", "RFC 3253 section 3.6", body=True),
    _idempotent("CHECKOUT", "RFC 3253 sections 4.3 and 8.8", body=True),
    _idempotent("CHECKIN", "RFC 3253 sections 4.4 and 9.4", body=True),
    _idempotent("UNCHECKOUT", "RFC 3253 section 4.5", body=True),
    _idempotent("MKWORKSPACE", "RFC 3253 section 6.3", body=True),
    _idempotent("UPDATE", "RFC 3253 section 7.1", body=True),
    _idempotent("LABEL", "RFC 3253 section 8.2", body=True),
    _idempotent("MERGE", "RFC 3253 section 11.2", body=True),
    _idempotent("BASELINE-CONTROL", "RFC 3253 section 12.6", body=True),
    _idempotent("MKACTIVITY", "RFC 3253 section 13.5", body=True),
    # relations between documents
    _idempotent("LINK", "RFC 2068 section 19.6.1.2"),
    _idempotent("UNLINK", "RFC 2068 section 19.6.1.3"),
    # Not registered, but what caches are told by: PURGE drops what they hold of a URL, BAN of all
    # URLs that some fields match. What is dropped already stays so: both may be sent again.
    _idempotent("PURGE", "none: Varnish, Squid and others"),
    _idempotent("BAN", "none: Varnish"),
)

_ROWS = {row.name: row for row in COMMANDS}
