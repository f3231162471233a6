"""TLS over an open socket: the handshake, and what is checked right after it.

`start_tls` makes a socket one in TLS. What goes wrong is raised as TLSFailed, which says in words
what is wrong with the certificate or the server (tls_words.py), or as ConnectTimedOut. Whom to
trust and who we are is TLSSettings (tls_settings.py), of which a context is made (tls_contexts.py).
This module and the last one import ssl; they are imported where TLS is wanted.
"""

from __future__ import annotations

import socket
import ssl
import sys

from mini_http import base
from mini_http.connect.tls_contexts import MOST_CONTEXTS, context_for
from mini_http.connect.tls_settings import DEFAULT_SETTINGS, TLSSettings, UnverifiedTLSWarning
from mini_http.connect.tls_stream import TLSStream
from mini_http.connect.tls_words import explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeGuard

    from mini_http.base.timeouts import Deadline
    from mini_http.connect.streams import Stream
    from mini_http.connect.tls_sessions import SessionCache

    Secured = ssl.SSLSocket | ssl.SSLObject | TLSStream

__all__ = [
    "DEFAULT_SETTINGS",
    "MOST_CONTEXTS",
    "MOST_WARNED",
    "TLSSettings",
    "UnverifiedTLSWarning",
    "as_sent",
    "check_peer",
    "checked_name",
    "context_for",
    "explain",
    "handshake_failure",
    "start_tls",
]

MOST_WARNED = 1000
"""Of so many hosts is it remembered that a warning was given."""


def start_tls(
    stream: Stream,
    server_name: str,
    settings: TLSSettings,
    deadline: Deadline,
    session: ssl.SSLSession | None = None,
    sessions: SessionCache | None = None,
    as_socket: bool = True,
) -> ssl.SSLSocket | TLSStream:
    """The handshake, over a stream that is connected; returns the stream to use from then on.

    `server_name` is a host name, or an IP address, for which the certificate must be (RFC 9110
    section 4.3.4). `session`, of an earlier socket with the same context, is to be resumed, as FTP
    servers want it of data connections; or one of `sessions`, those of the same route.

    What is returned has no timeout; the stream given must not be used any more. It is closed if
    this fails. `as_socket`: over a socket it is to be an ssl.SSLSocket, for programs that know what
    to do with one. Else it is a TLSStream, which takes less time, unless the context makes sockets
    of its own kind. If the server later ends the connection without saying so in TLS, reading
    raises ssl.SSLEOFError: anyone on the way could have cut it (RFC 9112 section 9.8).

    Raises TLSFailed, whose `reason` is the ssl.SSLError or other OSError, and ConnectTimedOut.
    Warns UnverifiedTLSWarning.
    """
    name = checked_name(server_name, settings)
    tls: ssl.SSLSocket | TLSStream | None = None
    try:
        context = context_for(settings)
        # Another class of contexts may verify the chain itself, and a resumed session has none.
        if sessions is not None and type(context) is ssl.SSLContext:
            session = sessions.take(context)
        seconds = deadline.check(f"in the TLS handshake with {name}")
        if not (as_socket or _has_own_sockets(context)) or not _is_plain_socket(stream):
            _check_that_it_verifies(context)
            tls = TLSStream(stream, context, as_sent(name), session)
            tls.settimeout(seconds)
        else:
            stream.settimeout(seconds)
            tls = context.wrap_socket(
                stream,
                server_hostname=as_sent(name),
                # The shown certificates can be had only if it is we who begin the handshake; but a
                # context that is not ours may verify in wrap_socket, as truststore's did.
                do_handshake_on_connect=settings.context is not None or settings.trust == "system",
                suppress_ragged_eofs=False,
                session=session,
            )
        tls.do_handshake()
        check_peer(tls, name, settings, tls)
        tls.settimeout(None)
    except BaseException as error:
        failure = handshake_failure(error, name, tls)
        (tls or stream).close()
        if failure is error:
            raise
        raise failure from error
    return tls


def _is_plain_socket(stream: Stream) -> TypeGuard[socket.socket]:
    return isinstance(stream, socket.socket) and not isinstance(stream, ssl.SSLSocket)


def _has_own_sockets(context: ssl.SSLContext) -> bool:
    """Whether a context has sockets of its own kind, which may verify, or watch, by themselves."""
    # By its module: truststore.inject_into_ssl puts its own class in the place of ssl.SSLContext.
    return type(context).__module__ != "ssl" or context.sslsocket_class is not ssl.SSLSocket


# --- its steps, also for TLS over something else than a socket


def checked_name(server_name: str, settings: TLSSettings) -> str:
    """The name or address that the certificate must be for: without zone, without a last dot."""
    name = settings.server_name or server_name
    return name.partition("%")[0] if ":" in name else name.removesuffix(".")


def as_sent(name: str) -> Any:
    """A name as ssl takes it. Raises UnicodeError, a ValueError, for what IDNA can't encode.

    Given a str, ssl would load the idna codec (3 ms) for plain ASCII too, and would leave the
    socket open where the codec fails.
    """
    return name.encode("ascii" if name.isascii() else "idna")


def check_peer(tls: Secured, name: str, settings: TLSSettings, stream: Stream) -> None:
    """What the settings want of the server beyond the handshake, before it is sent anything.

    `stream` is what leads to it. Raises ssl.SSLCertVerificationError if there are pins and none is
    the certificate's. Warns, once for each name and port connected to (a proxy's, if one is on the
    way), where nobody knows who the server is.
    """
    if settings.pins:
        from mini_http.connect.tls_pins import fingerprints
        from mini_http.connect.tls_words import not_pinned

        seen = fingerprints(tls.getpeercert(True) or b"")
        if not set(settings.pins).intersection(seen):
            raise not_pinned(*seen)
    elif not settings.verify:
        port = _port(stream)
        if (name, port) not in _warned:
            if len(_warned) >= MOST_WARNED:
                _warned.clear()
            _warned.add((name, port))
            _warn(name, port)


_warned: set[tuple[str, int]] = set()


def _warn(name: str, port: int) -> None:
    import warnings

    depth, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_ours(frame.f_globals):  # the line of the program's own
        depth, frame = depth + 1, frame.f_back
    warnings.warn(
        f"{name} (port {port}): nobody verifies this server's certificate, so whoever is on the way"
        " can read along; name a file that it can be verified with (ca_file) or pin it (pins)",
        UnverifiedTLSWarning,
        stacklevel=depth,
    )


def _is_ours(names: dict[str, Any]) -> bool:
    return str(names.get("__name__")).partition(".")[0] == "mini_http"


def _port(stream: Any) -> int:
    try:
        peer = stream.getpeername()
    except (AttributeError, OSError):  # it has left already
        return 0
    return peer[1] if isinstance(peer, tuple) else 0  # a unix socket has none


def _check_that_it_verifies(context: ssl.SSLContext) -> None:
    """Raises TLSFailed for a context that verifies sockets only: where truststore asks the system
    to, over anything else it takes every certificate.
    """
    is_truststores = type(context).__module__.partition(".")[0] == "truststore"
    if is_truststores and sys.platform in ("darwin", "win32"):
        raise base.errors.TLSFailed(
            "truststore can't verify TLS in TLS on this system: name a file of certificates"
        )


def handshake_failure(error: BaseException, name: str, tls: Secured | None) -> BaseException:
    """What to raise for an error in the handshake: `error` itself if it is nothing of TLS."""
    if isinstance(error, base.errors.MiniHTTPError):
        return error
    if isinstance(error, (TimeoutError, BlockingIOError)):
        doing = f"timed out in the TLS handshake with {name}"
        if isinstance(error, BlockingIOError):  # the kernel's word for it
            error = TimeoutError("timed out")
        return base.errors.ConnectTimedOut(doing, reason=error)
    if isinstance(error, (OSError, ValueError)):
        words = explain(error, name, _shown_chain(tls))
        return base.errors.TLSFailed(f"{name}: {words}", reason=error)
    return error


def _shown_chain(tls: Secured | None) -> list[dict[str, Any]]:
    """The certificates that the server showed, its own first; none if they can't be had.

    `getpeercert` has nothing to say after a failed handshake. What does is private below Python
    3.13, and this is only for words: so no error matters here.
    """
    try:
        return [shown.get_info() for shown in tls._sslobj.get_unverified_chain()]  # type: ignore[union-attr]
    except Exception:
        return []
