"""TLSSettings: whom to trust, who we are and how to speak TLS, as one value.

Only what was asked for is kept here, and checked for contradictions. Nothing is read or built:
tls_contexts.py does that when the first connection needs it, so that this module needs no ssl.
"""

from __future__ import annotations

from mini_http.base.value import Value
from mini_http.connect.tls_pins import read_pins

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    import ssl
    from typing import Any

    Path = str | os.PathLike[str]

VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
"""Oldest first."""

STORES = ("certifi", "system")
"""What `TLSSettings.trust` can name."""

BESIDE_CONTEXT = ("context", "server_name", "pins")
"""The only settings that mean something beside a context of the caller's."""


class UnverifiedTLSWarning(UserWarning):
    """Warned of once for each host and port that was talked to without knowing who it is.

    `warnings.simplefilter("ignore", UnverifiedTLSWarning)` is for those who know.
    """


class _Derived:
    """What settings note beside their fields."""

    __slots__ = ()

    verification: tuple[object, ...] | None
    """How `context` verified when these settings were made: whoever owns it may change that."""


class TLSSettings(_Derived, Value):
    """Whom to trust, who we are, and how to speak. Two connections with unequal settings differ.

    Without `ca_file`, `ca_path`, `ca_data` and `trust`, trusted is what SSL_CERT_FILE and
    SSL_CERT_DIR name, else certifi's bundle; with any of them, what they give and nothing else.

    Files are read, and the environment is looked at, when a new connection is made. One that is
    kept alive since before a file or variable changed is not verified again: `Pool.close` ends it.
    Each file is read once. Raises ValueError for values that contradict each other.
    """

    ca_file: Path | None = None
    """A PEM file of certificates to trust."""
    ca_path: Path | None = None
    """A folder of such files, named by hash as `openssl rehash` does."""
    ca_data: str | bytes | None = None
    """Such certificates themselves: PEM as text or bytes, or DER as bytes."""
    trust: str | None = None
    """A store to trust, in addition to those: "certifi" for certifi's bundle, "system" for the
    operating system's store, by the extra `truststore`."""
    cert_file: Path | None = None
    """Our own certificate, with its chain, for servers that ask for one (PEM)."""
    key_file: Path | None = None
    """The private key to `cert_file`, if it does not hold it too."""
    key_password: str | bytes | None = None
    """What the private key is encrypted with."""
    verify: bool = True
    """False: take any certificate for any name. Whoever is on the way can then read along, unless
    `pins` say which certificate it must be."""
    check_hostname: bool = True
    """False: take a trusted certificate for any name."""
    pins: tuple[str, ...] = ()
    """The server's own certificate must be one of these, besides all else that is verified:
    "sha256/BASE64" is the hash of its public key (curl's "sha256//BASE64" is the same), "aa:bb:..."
    or "aabb..." the SHA-256 fingerprint of the certificate."""
    crl_file: Path | None = None
    """A PEM file of revocation lists (CRL, RFC 5280 section 5): one of each issuer in the chain."""
    minimum_version: str = "TLSv1.2"
    """One of VERSIONS. Below TLSv1.2, OpenSSL also wants `ciphers="DEFAULT:@SECLEVEL=0"`."""
    maximum_version: str | None = None
    """One of VERSIONS; None for the latest."""
    ciphers: str | None = None
    """The ciphers to offer, in OpenSSL's words; those of TLS 1.3 are always offered."""
    alpn: tuple[str, ...] = ("http/1.1",)
    """The application protocols to offer (RFC 7301); none for protocols other than HTTP."""
    server_name: str | None = None
    """The name to ask for and to check instead of the host's."""
    context: ssl.SSLContext | None = None
    """A context to use exactly as it is. Only `server_name` and `pins` may stand beside it."""

    __slots__ = ("verification",)

    def __eq__(self, other: object) -> bool:
        """Whether both ask for the same; a context that was changed in between is not the same."""
        if not isinstance(other, TLSSettings):
            return NotImplemented
        return super().__eq__(other) and self.verification == other.verification

    __hash__ = Value.__hash__

    def __post_init__(self) -> None:
        object.__setattr__(self, "pins", read_pins(self.pins))
        self._check_versions()
        if self.trust not in (None, *STORES):
            allowed = ", ".join(STORES)
            raise ValueError(f"trust must be {allowed} or None, not {self.trust!r}")
        if self.cert_file is None and (self.key_file or self.key_password):
            raise ValueError("key_file and key_password are of no use without cert_file")
        if self.crl_file is not None and not self.verify:
            raise ValueError("crl_file is of no use with verify=False")
        if self.crl_file is not None and self.trust == "system":
            raise ValueError('crl_file is of no use with trust="system": the system decides')
        how = None if self.context is None else verification(self.context)
        object.__setattr__(self, "verification", how)
        if self.context is not None:
            for field, default in self._defaults.items():
                if field not in BESIDE_CONTEXT and getattr(self, field) != default:
                    raise ValueError(f"{field} would be ignored: context is used as it is")

    def is_outdated(self) -> bool:
        """Whether `context` verifies otherwise by now than when these settings were made."""
        return self.context is not None and self.verification != verification(self.context)

    def _check_versions(self) -> None:
        allowed = ", ".join(VERSIONS)
        lowest, highest = self.minimum_version, self.maximum_version
        if lowest not in VERSIONS:
            raise ValueError(f"minimum_version must be {allowed}, not {lowest!r}")
        if highest is None:
            return
        if highest not in VERSIONS:
            raise ValueError(f"maximum_version must be {allowed} or None, not {highest!r}")
        if VERSIONS.index(highest) < VERSIONS.index(lowest):
            raise ValueError(f"maximum_version {highest} is below minimum_version {lowest}")

    def __repr__(self) -> str:
        shown = []
        for field, default in self._defaults.items():
            value = getattr(self, field)
            if value != default:
                secret = field in ("key_password", "ca_data")
                shown.append(f"{field}={'***' if secret else repr(value)}")
        return f"TLSSettings({', '.join(shown)})"


def verification(context: object) -> tuple[object, ...]:
    """How a context verifies at this moment. What is equal was verified alike."""
    kind = type(context)
    if kind.__module__ == "ssl":
        # Its numbers themselves, not the enums that ssl makes of them: 4 us a request.
        own: Any = super(kind, context)
        return own.verify_mode, own.check_hostname, own.verify_flags
    return tuple(
        [getattr(context, name, None) for name in ("verify_mode", "check_hostname", "verify_flags")]
    )


DEFAULT_SETTINGS = TLSSettings()
