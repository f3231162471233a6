"""What went wrong in TLS, in words. Pure functions from errors to text; nothing is raised here.

OpenSSL tells what it knows by numbers and terse names. Here stands what they mean to a user, and
what may be done about it. "(certificate verify failed)" stays in each text about a certificate, for
the programs that look for it.
"""

from __future__ import annotations

import ssl
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# --- what the server answered

_CERT = "a client certificate (cert_file, --cert)"
_NOT_TLS = "this is no TLS; does the server speak TLS on this port?"
_TOO_OLD = "the server offers no version of TLS that is allowed here (minimum_version)"
_REASONS = {
    "HTTP_REQUEST": _NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,
    "UNKNOWN_PROTOCOL": _NOT_TLS,
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": _TOO_OLD,
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
    "DH_KEY_TOO_SMALL": "the server's key exchange is too weak",
    "EE_KEY_TOO_SMALL": "the server's certificate has too weak a key",
    "TLSV1_UNRECOGNIZED_NAME": "the server does not know this name",
}
_ABOUT_US = {
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server refused: no cipher in common, or no " + _CERT,
    "SSLV3_ALERT_BAD_CERTIFICATE": "the server refused our client certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the server says that our client certificate expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "the server says that our client certificate was revoked",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the server refused our client certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "the server can't use our client certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server wants " + _CERT,
    "TLSV1_ALERT_ACCESS_DENIED": "the server grants our client certificate no access",
    "TLSV1_ALERT_DECRYPT_ERROR": "the server could not verify our client certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "the server does not know the issuer of the client certificate",
}
"""By the `reason` of an ssl.SSLError. Those about us come after the handshake in TLS 1.3: a client
is done with it before the server has seen who the client is."""

# --- what is wrong with its certificate, by OpenSSL's X509_V_ERR_... numbers, the `verify_code` of
# an ssl.SSLCertVerificationError

_NO_CRL, _NOT_YET_VALID, _EXPIRED, _CRL_EXPIRED = 3, 9, 10, 12
_SELF_SIGNED, _REVOKED, _BY_THE_CALLER = 18, 23, 50
_UNKNOWN_ISSUER = (2, 19, 20, 21)
_WRONG_NAME = (62, 63, 64)
_REFUSED = " (certificate verify failed)"
"""OpenSSL's own words."""
_ADVICE = (
    "; to trust it all the same, name a file with its issuer's certificate: SSL_CERT_FILE,"
    " TLSSettings(ca_file=), a context=, or --cacert on the command line"
)

_NAMES_SHOWN = 5


def explain(error: Exception, name: str, chain: Sequence[dict[str, Any]] = ()) -> str:
    """What an error in the handshake with the server `name` means.

    `chain` holds the certificates that the server showed, its own first, as `getpeercert` gives
    them.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        code = getattr(error, "verify_code", None)
        advice = _ADVICE if code in (_SELF_SIGNED, *_UNKNOWN_ISSUER) else ""
        return _explain_certificate(error, code, name, chain) + _REFUSED + advice
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError)):
        return "the server closed the connection in the TLS handshake"
    reason = getattr(error, "reason", None) or ""
    known = _REASONS.get(reason) or _ABOUT_US.get(reason)
    return known or f"the TLS handshake failed: {plain(error)}"


def explain_late(error: Exception) -> str | None:
    """What an error of a read or write after the handshake says of our client certificate.

    None if it says nothing of it.
    """
    return _ABOUT_US.get(getattr(error, "reason", None) or "")


def _explain_certificate(
    error: Exception, code: int | None, name: str, chain: Sequence[dict[str, Any]]
) -> str:
    if code in _WRONG_NAME:
        return f"the server's certificate is for {_names(chain)}, not for {name}"
    if code == _EXPIRED:
        past = [end for end in _times(chain, "notAfter") if end < time.time()]
        return f"the server's certificate expired{_day(' on ', past)}"
    if code == _NOT_YET_VALID:
        future = [begin for begin in _times(chain, "notBefore") if begin > time.time()]
        return f"the server's certificate is not valid{_day(' before ', future) or ' yet'}"
    if code == _SELF_SIGNED:
        return "the server's certificate is self-signed"
    if code in _UNKNOWN_ISSUER:
        return f"the server's certificate comes from an unknown issuer{_issuer(chain)}"
    if code == _REVOKED:
        return f"the server's certificate was revoked by its issuer{_issuer(chain)}"
    if code == _NO_CRL:
        return f"crl_file has no list from the issuer of a certificate in the chain{_issuer(chain)}"
    if code == _CRL_EXPIRED:
        return "a list in crl_file is out of date"
    return f"the server's certificate was refused: {getattr(error, 'verify_message', error)}"


def not_pinned(certificate: str, key: str) -> ssl.SSLCertVerificationError:
    """The error for a server whose certificate and key have these fingerprints, and no pin has."""
    words = f"it is not pinned; its fingerprint is {certificate}, that of its key {key}"
    error = ssl.SSLCertVerificationError(1, words)
    error.verify_code, error.verify_message = _BY_THE_CALLER, words
    error.library = error.reason = None  # type: ignore[assignment]  # OpenSSL had nothing to say
    return error


# --- pieces of text


def _times(chain: Sequence[dict[str, Any]], field: str) -> list[int]:
    try:
        return [ssl.cert_time_to_seconds(certificate[field]) for certificate in chain]
    except ValueError:  # a time that is none
        return []


def _day(word: str, times: list[int]) -> str:
    return word + time.strftime("%Y-%m-%d", time.gmtime(times[0])) if times else ""


def _names(chain: Sequence[dict[str, Any]]) -> str:
    names = [_printable(name) for _, name in chain[0].get("subjectAltName", ())] if chain else []
    more = len(names) - _NAMES_SHOWN
    shown = ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return shown or "another name"


def _issuer(chain: Sequence[dict[str, Any]]) -> str:
    parts = dict(pair for rdn in chain[-1]["issuer"] for pair in rdn) if chain else {}
    issuer = parts.get("commonName") or parts.get("organizationName")
    return f" ({_printable(issuer)})" if issuer else ""


def _printable(text: str) -> str:
    """A server's text, so that it can't play with a terminal or fill a log."""
    return "".join(char if char.isprintable() else "?" for char in text[:100])


def plain(error: Exception) -> str:
    """The reason of an error, without OpenSSL's brackets and numbers."""
    # What Python code raises as an ssl.SSLError has no reason.
    reason = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else None
    return (
        str(reason).lower().replace("_", " ")
        if reason
        else getattr(error, "strerror", None) or str(error)
    )
