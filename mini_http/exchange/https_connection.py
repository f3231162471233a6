"""HTTPSConnection: HTTPConnection over TLS.

Whom to trust is what TLSSettings say, certifi's CAs by default, or a context of the caller's, which
is used as it is. A handshake that fails raises what callers of http.client catch: an ssl.SSLError,
for a certificate an ssl.SSLCertVerificationError; each is also our TLSFailed and says in words what
is wrong.
"""

from __future__ import annotations

import ssl

from mini_http import base
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.timeouts import NOT_GIVEN
from mini_http.connect.tls import DEFAULT_SETTINGS, TLSSettings, context_for
from mini_http.exchange.hosts import dialed
from mini_http.exchange.http_connection import HTTPConnection
from mini_http.exchange.request_body import READ_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mini_http.base.limits import Limits


class HTTPSConnection(HTTPConnection):
    """An HTTPConnection over TLS.

    `context` is an ssl.SSLContext to use as it is; `tls` are settings. One of them may be given.
    `check_hostname=False` takes a trusted certificate for any name.
    """

    default_port = 443

    def __init__(
        self,
        host: str,
        port: int | str | None = None,
        *,
        timeout: Any = NOT_GIVEN,
        source_address: tuple[str, int] | None = None,
        context: ssl.SSLContext | None = None,
        blocksize: int = READ_BYTES,
        check_hostname: bool | None = None,
        tls: TLSSettings | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        super().__init__(host, port, timeout, source_address, blocksize, limits=limits)
        if context is not None and tls is not None:
            raise ValueError("context and tls exclude each other")
        self.tls = TLSSettings(context=context) if context is not None else tls
        if check_hostname is not None:
            if context is not None:
                context.check_hostname = check_hostname
            else:
                self.tls = (tls or DEFAULT_SETTINGS).replace(check_hostname=check_hostname)

    tls: TLSSettings | None = None

    @property
    def _context(self) -> ssl.SSLContext:
        """The context, which is built, or looked up, when it is first needed."""
        return context_for(self.tls or DEFAULT_SETTINGS)

    @_context.setter
    def _context(self, context: ssl.SSLContext) -> None:
        self.tls = TLSSettings(context=context)

    def connect(self) -> None:
        """Opens the connection, the tunnel if there is to be one, and TLS to its end."""
        if not self.closed:
            return
        host = dialed(self._tunnel_host or self.host)
        super().connect()
        self._set_timeout(self.timeouts.connect)
        try:
            self.starttls(host, self.tls or DEFAULT_SETTINGS)
        except base.errors.TLSFailed as failure:
            raise _as_ssl_error(failure) from failure.__cause__
        finally:
            self._set_timeout(self.timeouts.read)
        self._ready()


class HandshakeFailed(base.errors.TLSFailed, ssl.SSLError):  # type: ignore[misc]
    """Raised when TLS fails, where the caller expects an ssl.SSLError; `reason` is its text."""


class CertificateRefused(HandshakeFailed, ssl.SSLCertVerificationError):  # type: ignore[misc]
    """Raised when the server's certificate is not to be trusted, or is not for its name."""

    verify_code: int
    verify_message: str


def _as_ssl_error(failure: base.errors.TLSFailed) -> base.errors.TLSFailed:
    """`failure` as http.client would raise it; itself where no TLS was spoken."""
    error: Any = failure.reason
    if not isinstance(error, ssl.SSLError):
        return failure
    if isinstance(error, ssl.SSLCertVerificationError):
        refused = CertificateRefused(str(failure))
        refused.verify_code = error.verify_code
        refused.verify_message = error.verify_message
        again: HandshakeFailed = refused
    else:
        again = HandshakeFailed(str(failure))
    again.errno, again.strerror = error.errno, error.strerror
    again.library, again.reason = error.library, error.reason
    again.state = failure.state
    for note in getattr(failure, "__notes__", ()):
        again.add_note(note)
    return again
