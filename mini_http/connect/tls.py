"""TLS over an open socket. The one module that imports ssl; it is imported where TLS is wanted.

`TLSSettings` says whom to trust and who we are; `context_for` makes a context of it, once, since
loading the certificates takes 13 ms; `start_tls` does the handshake. What goes wrong is raised as
TLSFailed, which says in words what is wrong with the certificate or the server, or as
ConnectTimedOut.

Whom to trust: what the settings give, and that alone; else what SSL_CERT_FILE and SSL_CERT_DIR
name; else certifi's bundle, of which no copy is ever written to disk (CVE-2026-25645).
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading
import time

from mini_http import base
from mini_http.base.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from mini_http.base.timeouts import Deadline
    from mini_http.connect.streams import Stream

    Path = str | os.PathLike[str]

VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")

MOST_CONTEXTS = 64
"""So many are kept; each holds some 200 KB of certificates. Beyond, the oldest is dropped."""


class TLSSettings(Value):
    """Whom to trust and who we are. Hashable: two connections with unequal settings differ.

    Raises ValueError for values that contradict each other. Files are read when the first
    connection needs them, and not again.
    """

    ca_file: Path | None = None
    """A PEM file of the certificates to trust, instead of all others."""
    ca_path: Path | None = None
    """A folder of such files, named by hash as `openssl rehash` does."""
    ca_data: str | bytes | None = None
    """Such certificates themselves: PEM as text or bytes, or DER as bytes."""
    cert_file: Path | None = None
    """Our own certificate, with its chain, for servers that ask for one (PEM)."""
    key_file: Path | None = None
    """The private key to `cert_file`, if it does not hold it too."""
    key_password: str | bytes | None = None
    """What the private key is encrypted with."""
    verify: bool = True
    """False: take any certificate for any name. Whoever is on the way can then read along."""
    check_hostname: bool = True
    """False: take a trusted certificate for any name."""
    minimum_version: str = "TLSv1.2"
    """One of VERSIONS."""
    alpn: tuple[str, ...] = ("http/1.1",)
    """The application protocols to offer (RFC 7301); none for protocols other than HTTP."""
    server_name: str | None = None
    """The name to ask for and to check instead of the host's."""
    context: ssl.SSLContext | None = None
    """A context to use exactly as it is. Only `server_name` may stand beside it."""

    def __post_init__(self) -> None:
        if self.minimum_version not in VERSIONS:
            allowed = ", ".join(VERSIONS)
            raise ValueError(f"minimum_version must be {allowed}, not {self.minimum_version!r}")
        if self.cert_file is None and (self.key_file or self.key_password):
            raise ValueError("key_file and key_password are of no use without cert_file")
        if self.context is not None:
            for field, default in self._defaults.items():
                alone = field in ("context", "server_name")
                if not alone and getattr(self, field) != default:
                    raise ValueError(f"{field} would be ignored: context is used as it is")

    def __repr__(self) -> str:
        shown = []
        for field, default in self._defaults.items():
            value = getattr(self, field)
            if value != default:
                secret = field in ("key_password", "ca_data")
                shown.append(f"{field}={'***' if secret else repr(value)}")
        return f"TLSSettings({', '.join(shown)})"


DEFAULT_SETTINGS = TLSSettings()


def start_tls(
    stream: Stream,
    server_name: str,
    settings: TLSSettings,
    deadline: Deadline,
    session: ssl.SSLSession | None = None,
) -> ssl.SSLSocket:
    """The handshake, over a socket that is connected; returns the socket to use from then on.

    `server_name` is a host name, or an IP address, for which the certificate must be (RFC 9110
    section 4.3.4). `session`, of an earlier socket with the same settings, is to be resumed: as FTP
    servers want it of data connections. The socket returned has no timeout; the one given must not
    be used any more. It is closed if this fails. If the server later ends the connection without
    saying so in TLS, reading raises ssl.SSLEOFError: anyone on the way could have cut it (RFC 9112
    section 9.8).

    Raises TLSFailed, whose `reason` is the ssl.SSLError or other OSError; ConnectTimedOut; and
    StateError for a stream that is no plain socket.
    """
    name = settings.server_name or server_name
    name = name.partition("%")[0] if ":" in name else name.removesuffix(".")
    tls = None
    try:
        if not isinstance(stream, socket.socket) or isinstance(stream, ssl.SSLSocket):
            raise base.errors.StateError(f"TLS can't begin on {type(stream).__name__}")
        context = context_for(settings)
        stream.settimeout(deadline.check(f"in the TLS handshake with {name}"))
        tls = context.wrap_socket(
            stream,
            # Given a str, ssl would load the idna codec (3 ms) for plain ASCII too, and would leave
            # the socket open where the codec fails.
            server_hostname=name.encode("ascii" if name.isascii() else "idna"),
            # The shown certificates can be had only if it is we who begin the handshake; but a
            # context of the caller's may verify in wrap_socket, as truststore's does.
            do_handshake_on_connect=settings.context is not None,
            suppress_ragged_eofs=False,
            session=session,
        )
        tls.do_handshake()
        tls.settimeout(None)
    except BaseException as error:
        failure = _failure(error, name, tls)
        (tls or stream).close()
        if failure is error:
            raise
        raise failure from error
    return tls


# --- contexts

_ENVIRONMENT = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")

# Python's own default context became strict about RFC 5280 in 3.13. A certificate in the bundle is
# trusted also where it is no root, so that a server's own certificate can be given as ca_file.
_VERIFY_FLAGS = ssl.VERIFY_X509_PARTIAL_CHAIN | (
    ssl.VERIFY_X509_STRICT if sys.version_info >= (3, 13) else 0
)

_contexts: dict[tuple[object, ...], ssl.SSLContext] = {}
_building = threading.Lock()


def _renew_lock() -> None:
    """A forked child has no thread that could release the lock."""
    global _building  # noqa: PLW0603
    _building = threading.Lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch (Windows can't fork)
    os.register_at_fork(after_in_child=_renew_lock)


def context_for(settings: TLSSettings) -> ssl.SSLContext:
    """The context for these settings: the same object each time, also in other threads.

    The environment counts as a part of the settings. Raises TLSFailed if a file can't be loaded.
    """
    if settings.context is not None:
        return settings.context
    if settings.server_name is not None:
        settings = settings.replace(server_name=None)
    environment = [os.environ.get(variable, "") for variable in _ENVIRONMENT]
    key = (settings, *environment)
    context = _contexts.get(key)
    if context is None:
        with _building:
            context = _contexts.get(key)
            if context is None:
                context = _build(settings, *environment)
                if len(_contexts) >= MOST_CONTEXTS:
                    del _contexts[next(iter(_contexts))]
                _contexts[key] = context
    return context


def _build(settings: TLSSettings, ca_file: str, ca_path: str, keylog: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion[settings.minimum_version.replace(".", "_")]
    context.verify_flags |= _VERIFY_FLAGS
    context.hostname_checks_common_name = False  # RFC 9110 section 4.3.4
    context.post_handshake_auth = True  # a server may ask for our certificate later
    if settings.alpn:
        context.set_alpn_protocols(list(settings.alpn))
    context.check_hostname = settings.verify and settings.check_hostname
    if not settings.verify:
        context.verify_mode = ssl.CERT_NONE
    elif not (_trust_given(context, settings) or _trust_environment(context, ca_file, ca_path)):
        _trust_certifi(context)
    if settings.cert_file is not None:
        _load_own_certificate(context, settings)
    if keylog and not sys.flags.ignore_environment:
        try:
            context.keylog_filename = keylog
        except OSError as error:
            raise _cannot("write to", f"SSLKEYLOGFILE={keylog}", error) from error
    return context


def _trust_given(context: ssl.SSLContext, settings: TLSSettings) -> bool:
    if settings.ca_file is not None:
        _trust(context, f"ca_file={settings.ca_file}", cafile=settings.ca_file)
    if settings.ca_path is not None:
        _trust_folders(context, "ca_path", os.fspath(settings.ca_path))
    data = settings.ca_data
    if data is not None:
        if isinstance(data, bytes) and b"-----BEGIN" in data:
            data = data.decode("ascii", "ignore")
        if isinstance(data, str):  # beyond ASCII there can only be comments
            data = data.encode("ascii", "ignore").decode()
        _trust(context, "ca_data", cadata=data)
    return (settings.ca_file, settings.ca_path, data) != (None, None, None)


def _trust_environment(context: ssl.SSLContext, ca_file: str, ca_path: str) -> bool:
    if ca_file:
        _trust(context, f"SSL_CERT_FILE={ca_file}", cafile=ca_file)
    if ca_path:
        _trust_folders(context, "SSL_CERT_DIR", ca_path)
    return bool(ca_file or ca_path)


def _trust_certifi(context: ssl.SSLContext) -> None:
    import importlib.util

    # The bundle lies beside certifi's __init__. Importing certifi to be told so loads
    # importlib.resources and takes 13 ms; finding it takes 0.9.
    spec = importlib.util.find_spec("certifi")
    if spec is not None and spec.origin:
        bundle = os.path.join(os.path.dirname(spec.origin), "cacert.pem")
        if os.path.isfile(bundle):
            return _trust(context, bundle, cafile=bundle)
    try:
        import certifi

        contents = certifi.contents()  # certifi.where() would extract it from an archive
    except (ImportError, AttributeError, OSError) as error:
        raise _cannot("load", "the CA certificates of certifi", error) from error
    return _trust(context, "certifi", cadata=contents)


def _trust_folders(context: ssl.SSLContext, name: str, folders: str) -> None:
    # OpenSSL would look into them only in a handshake, and would not mind their absence.
    if not any(os.path.isdir(folder) for folder in folders.split(os.pathsep)):
        error = NotADirectoryError("no such folder")
        raise _cannot("load", f"CA certificates from {name}={folders}", error)
    _trust(context, f"{name}={folders}", capath=folders)


def _trust(context: ssl.SSLContext, source: str, **locations: Any) -> None:
    try:
        context.load_verify_locations(**locations)
    except (OSError, ValueError) as error:
        raise _cannot("load", f"CA certificates from {source}", error) from error


def _load_own_certificate(context: ssl.SSLContext, settings: TLSSettings) -> None:
    # Without a password of its own OpenSSL would ask for one on the terminal.
    password = settings.key_password or (lambda: b"")
    try:
        context.load_cert_chain(settings.cert_file or "", settings.key_file, password)
    except (OSError, ValueError) as error:
        files = f"cert_file={settings.cert_file}"
        if settings.key_file is not None:
            files += f" with key_file={settings.key_file}"
        raise _cannot("load", files, error) from error


def _cannot(do: str, what: str, error: Exception) -> base.errors.TLSFailed:
    return base.errors.TLSFailed(f"can't {do} {what}: {_plain(error)}", reason=error)


# --- what went wrong, in words

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
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server refused: no cipher in common, or no " + _CERT,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server wants " + _CERT,
    "TLSV1_ALERT_UNKNOWN_CA": "the server does not know the issuer of the client certificate",
    "TLSV1_UNRECOGNIZED_NAME": "the server does not know this name",
}
"""By the `reason` of an ssl.SSLError."""

# OpenSSL's X509_V_ERR_... numbers, the `verify_code` of an ssl.SSLCertVerificationError.
_NOT_YET_VALID, _EXPIRED, _SELF_SIGNED = 9, 10, 18
_UNKNOWN_ISSUER = (2, 19, 20, 21)
_WRONG_NAME = (62, 63, 64)
_REFUSED = " (certificate verify failed)"
"""OpenSSL's own words, for the programs that look for them."""
_ADVICE = (
    "; to trust it all the same, name a file with its issuer's certificate: SSL_CERT_FILE,"
    " TLSSettings(ca_file=), a context=, or --cacert on the command line"
)

_NAMES_SHOWN = 5


def explain(error: Exception, name: str, chain: Sequence[dict[str, Any]] = ()) -> str:
    """What an error in TLS with the server `name` means, in words.

    `chain` holds the certificates that the server showed, its own first, as `getpeercert` gives
    them. Some errors come only after the handshake, with the first read: in TLS 1.3, that a client
    certificate is missing.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        code = getattr(error, "verify_code", None)
        advice = _ADVICE if code in (_SELF_SIGNED, *_UNKNOWN_ISSUER) else ""
        return _explain_certificate(error, code, name, chain) + _REFUSED + advice
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError)):
        return "the server closed the connection in the TLS handshake"
    known = _REASONS.get(getattr(error, "reason", None) or "")
    return known or f"the TLS handshake failed: {_plain(error)}"


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
    return f"the server's certificate was refused: {getattr(error, 'verify_message', error)}"


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


def _plain(error: Exception) -> str:
    # What Python code raises as an ssl.SSLError has no reason.
    reason = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else None
    return (
        str(reason).lower().replace("_", " ")
        if reason
        else getattr(error, "strerror", None) or str(error)
    )


def _shown_chain(tls: ssl.SSLSocket | None) -> list[dict[str, Any]]:
    """The certificates that the server showed, its own first; none if they can't be had.

    `getpeercert` has nothing to say after a failed handshake. What does is private below Python
    3.13, and this is only for words: so no error matters here.
    """
    try:
        return [shown.get_info() for shown in tls._sslobj.get_unverified_chain()]  # type: ignore[union-attr]
    except Exception:
        return []


def _failure(error: BaseException, name: str, tls: ssl.SSLSocket | None) -> BaseException:
    """What to raise for an error in the handshake: `error` itself if it is nothing of TLS."""
    if isinstance(error, base.errors.MiniHTTPError):
        return error
    if isinstance(error, TimeoutError):
        doing = f"timed out in the TLS handshake with {name}"
        return base.errors.ConnectTimedOut(doing, reason=error)
    if isinstance(error, (OSError, ValueError)):
        words = explain(error, name, _shown_chain(tls))
        return base.errors.TLSFailed(f"{name}: {words}", reason=error)
    return error
