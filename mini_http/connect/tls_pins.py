"""Pins: SHA-256 fingerprints of certificates and of public keys, written, read and compared.

A fingerprint of a certificate changes whenever that is renewed; one of its public key stays while
the key does. Nothing here knows ssl: a certificate is its DER bytes (RFC 5280 section 4.1).
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# A SHA-256 in base64, as HPKP had it (RFC 7469 section 2.4) and as curl has it, with two slashes.
_KEY_PIN = r"sha256//?+([A-Za-z0-9+/]{43}=)|sha256/(/[A-Za-z0-9+/]{42}=)"
# A SHA-256 as hex digits, with colons between the bytes or without.
_CERTIFICATE_PIN = r"[0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31}"


def read_pins(pins: str | Iterable[str]) -> tuple[str, ...]:
    """The pins, each in the one spelling that `fingerprints` gives. Raises ValueError.

    A text may hold several with ";" between them, as curl takes them.
    """
    given = pins.split(";") if isinstance(pins, str) else pins
    return tuple([_read_pin(pin.strip()) for pin in given])


def _read_pin(pin: str) -> str:
    if key := re.fullmatch(_KEY_PIN, pin):
        return f"sha256/{key[1] or key[2]}"
    if re.fullmatch(_CERTIFICATE_PIN, pin):
        return _with_colons(pin.replace(":", "").lower())
    raise ValueError(
        'a pin is the SHA-256 of a public key as "sha256/BASE64", or that of a certificate as 64'
        f" hex digits, not {pin!r:.100}"
    )


def fingerprints(certificate: bytes) -> tuple[str, str]:
    """That of a certificate in DER, and that of its public key."""
    from binascii import b2a_base64
    from hashlib import sha256

    key = b2a_base64(sha256(public_key_of(certificate)).digest(), newline=False).decode()
    return _with_colons(sha256(certificate).hexdigest()), f"sha256/{key}"


def _with_colons(digits: str) -> str:
    return ":".join(re.findall("..", digits))


# --- DER (ITU-T X.690 section 8.1), as far as it takes to find the public key


def public_key_of(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a certificate in DER (RFC 5280 section 4.1).

    Raises ValueError for bytes that are no certificate.
    """
    try:
        to_be_signed, _ = _content(certificate, 0)
        at, _ = _content(certificate, to_be_signed)
        if certificate[at] == _VERSION_TAG:  # left out of certificates of version 1
            _, at = _content(certificate, at)
        for _ in ("serialNumber", "signature", "issuer", "validity", "subject"):
            _, at = _content(certificate, at)
        _, end = _content(certificate, at)
    except IndexError:
        raise ValueError("this is no certificate in DER") from None
    return certificate[at:end]


_VERSION_TAG = 0xA0


def _content(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins, and where it ends."""
    length, begin = data[at + 1], at + 2
    if length >= 0x80:
        begin += length & 0x7F
        length = int.from_bytes(data[at + 2 : begin], "big")
    if begin + length > len(data):
        raise IndexError
    return begin, begin + length
