"""The ssl.SSLContext for TLSSettings: built when it is first needed, and shared from then on.

Loading certificates takes 13 ms. Whom to trust: what the settings give, and that alone; else what
SSL_CERT_FILE and SSL_CERT_DIR name; else certifi's bundle, of which no copy is ever written to disk
(CVE-2026-25645). A file that can't be used is a TLSFailed that names it.
"""

from __future__ import annotations

import os
import ssl
import sys
from _thread import allocate_lock  # threading takes 0.7 ms of the first page

from mini_http import base
from mini_http.connect.tls_words import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mini_http.connect.tls_settings import TLSSettings

MOST_CONTEXTS = 64
"""So many are kept; each holds some 200 KB of certificates. Beyond, the oldest is dropped."""

_ENVIRONMENT = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")

# Python's own default context became strict about RFC 5280 in 3.13. A certificate in the bundle is
# trusted also where it is no root, so that a server's own certificate can be given as ca_file.
_VERIFY_FLAGS = ssl.VERIFY_X509_PARTIAL_CHAIN | (
    ssl.VERIFY_X509_STRICT if sys.version_info >= (3, 13) else 0
)

_contexts: dict[tuple[object, ...], ssl.SSLContext] = {}
_building = allocate_lock()


def _renew_lock() -> None:
    """A forked child has no thread that could release the lock."""
    global _building  # noqa: PLW0603
    _building = allocate_lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch (Windows can't fork)
    os.register_at_fork(after_in_child=_renew_lock)


def context_for(settings: TLSSettings) -> ssl.SSLContext:
    """The context for these settings: the same object each time, also in other threads.

    The environment counts as a part of the settings. Raises TLSFailed if a file can't be loaded.
    """
    if settings.context is not None:
        return settings.context
    if settings.server_name is not None or settings.pins:
        settings = settings.replace(server_name=None, pins=())  # the handshake sees to them
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
    context = _bare_context(settings)
    context.minimum_version = _version(settings.minimum_version)
    if settings.maximum_version is not None:
        context.maximum_version = _version(settings.maximum_version)
    context.verify_flags |= _VERIFY_FLAGS
    context.hostname_checks_common_name = False  # RFC 9110 section 4.3.4
    context.post_handshake_auth = True  # a server may ask for our certificate later
    if settings.ciphers is not None:
        _offer(context, settings.ciphers)
    if settings.alpn:
        context.set_alpn_protocols(list(settings.alpn))
    context.check_hostname = settings.verify and settings.check_hostname
    if not settings.verify:
        context.verify_mode = ssl.CERT_NONE
    elif not (_trust_given(context, settings) or _trust_environment(context, ca_file, ca_path)):
        _trust_certifi(context)
    if settings.crl_file is not None:
        _refuse_revoked(context, settings.crl_file)
    if settings.cert_file is not None:
        _load_own_certificate(context, settings, settings.cert_file)
    if keylog and not sys.flags.ignore_environment:
        try:
            context.keylog_filename = keylog
        except OSError as error:
            raise _cannot("write to", f"SSLKEYLOGFILE={keylog}", plain(error), error) from error
    return context


def _bare_context(settings: TLSSettings) -> ssl.SSLContext:
    if settings.trust != "system" or not settings.verify:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        from truststore import SSLContext  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        missing = "the package truststore is not installed: pip install mini-http[truststore]"
        raise _cannot("ask", 'the system (trust="system")', missing, error) from error
    context: ssl.SSLContext = SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return context


def _version(name: str) -> ssl.TLSVersion:
    return ssl.TLSVersion[name.replace(".", "_")]


def _offer(context: ssl.SSLContext, ciphers: str) -> None:
    try:
        context.set_ciphers(ciphers)
    except ssl.SSLError as error:
        raise _cannot(
            "offer", f"ciphers={ciphers!r}", "OpenSSL knows none of them", error
        ) from error


# --- whom to trust


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
    if settings.trust == "certifi":
        _trust_certifi(context)
    given = (settings.ca_file, settings.ca_path, data, settings.trust)
    return any(source is not None for source in given)


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
        raise _cannot("load", "the CA certificates of certifi", plain(error), error) from error
    return _trust(context, "certifi", cadata=contents)


def _trust_folders(context: ssl.SSLContext, name: str, folders: str) -> None:
    # OpenSSL would look into them only in a handshake, and would not mind their absence.
    if not any(os.path.isdir(folder) for folder in folders.split(os.pathsep)):
        error = NotADirectoryError("no such folder")
        raise _cannot("load", f"CA certificates from {name}={folders}", plain(error), error)
    _trust(context, f"{name}={folders}", capath=folders)


def _trust(context: ssl.SSLContext, source: str, **locations: Any) -> None:
    try:
        context.load_verify_locations(**locations)
    except (OSError, ValueError) as error:
        raise _cannot("load", f"CA certificates from {source}", plain(error), error) from error


def _refuse_revoked(context: ssl.SSLContext, crl_file: str | os.PathLike[str]) -> None:
    """Has each certificate of a chain looked up in the lists of a file."""
    before = context.cert_store_stats()
    try:
        context.load_verify_locations(crl_file)
        after = context.cert_store_stats()
        if after["x509"] > before["x509"]:
            raise ValueError("it has certificates, which would be trusted")
        if after["crl"] == before["crl"]:
            raise ValueError("it has no revocation list (PEM)")
    except (OSError, ValueError) as error:
        raise _cannot("load", f"crl_file={crl_file}", plain(error), error) from error
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN


# --- who we are


def _load_own_certificate(
    context: ssl.SSLContext, settings: TLSSettings, cert_file: str | os.PathLike[str]
) -> None:
    # Without a password of its own OpenSSL would ask for one on the terminal.
    password = settings.key_password or (lambda: b"")
    try:
        context.load_cert_chain(cert_file, settings.key_file, password)
    except (OSError, ValueError) as error:
        files = f"cert_file={cert_file}"
        if settings.key_file is not None:
            files += f" with key_file={settings.key_file}"
        words = _fault_of_own(settings, cert_file) or plain(error)
        raise _cannot("load", files, words, error) from error


def _fault_of_own(settings: TLSSettings, cert_file: str | os.PathLike[str]) -> str | None:
    """What is wrong with our own files, where OpenSSL only says "PEM lib"; None: nothing known."""
    try:
        with (
            open(cert_file, "rb") as certificate,
            open(settings.key_file or cert_file, "rb") as key,
        ):
            certificate_text, key_text = certificate.read(), key.read()
    except OSError:
        return None
    if b"CERTIFICATE-----" not in certificate_text:
        return "it has no certificate (PEM)"
    if b"PRIVATE KEY-----" not in key_text:
        return "there is no private key (PEM); key_file says where it is"
    if b"ENCRYPTED" in key_text:
        if settings.key_password is None:
            return "the private key is encrypted, and key_password is not given"
        return "key_password is not the password of the private key"
    return None


def _cannot(do: str, what: str, why: str, error: Exception) -> base.errors.TLSFailed:
    return base.errors.TLSFailed(f"can't {do} {what}: {why}", reason=error)
