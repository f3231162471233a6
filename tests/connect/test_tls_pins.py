"""Pins: how they are written, and the fingerprints of certificates."""

import base64
import contextlib
import hashlib
import ssl

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from mini_http.connect.tls_pins import fingerprints, public_key_of, read_pins

HEX = "".join(f"{number:02x}" for number in range(32))
COLONS = ":".join(f"{number:02x}" for number in range(32))
KEY = base64.b64encode(bytes(range(32))).decode()
SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
SLASH_FIRST = base64.b64encode(b"\xff" * 32).decode()


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ((), ()),
        ((HEX,), (COLONS,)),
        ((HEX.upper(),), (COLONS,)),
        ([COLONS.upper()], (COLONS,)),
        ((f"sha256/{KEY}",), (f"sha256/{KEY}",)),
        ((f"sha256//{KEY}",), (f"sha256/{KEY}",)),
        (f"sha256//{KEY};{HEX}", (f"sha256/{KEY}", COLONS)),
        (f"sha256//{KEY}; sha256//{SLASH_FIRST}", (f"sha256/{KEY}", f"sha256/{SLASH_FIRST}")),
        ((f"sha256/{SLASH_FIRST}", f"sha256//{SLASH_FIRST}"), (f"sha256/{SLASH_FIRST}",) * 2),
    ],
)
def test_each_spelling_is_read_as_the_one_of_fingerprints(given, read):
    assert SLASH_FIRST.startswith("/")
    assert read_pins(given) == read


@pytest.mark.parametrize(
    "pin",
    [
        *("", "sha256/", f"sha1/{KEY}", f"sha256/{KEY[:-1]}", f"sha256/{KEY[:-5]}=", HEX[:-1]),
        *(HEX + "00", HEX[:40], COLONS[:-3], COLONS.replace(":", "::"), COLONS + ":", f"{HEX}\n0"),
        *(f"sha256///{KEY}", "ä" * 64, "٣" * 64),
    ],
)
def test_what_is_no_pin_is_refused(pin):
    with pytest.raises(ValueError, match="a pin is the SHA-256 of a public key as"):
        read_pins((pin,))


@pytest.mark.parametrize("key_type", [trustme.KeyType.ECDSA, trustme.KeyType.RSA])
def test_fingerprints_are_those_of_cryptography(key_type):
    leaf = trustme.CA(key_type=key_type).issue_cert("a.example", key_type=key_type)
    pem = leaf.cert_chain_pems[0].bytes()
    key = x509.load_pem_x509_certificate(pem).public_key()
    spki = key.public_bytes(*SPKI)
    der = ssl.PEM_cert_to_DER_cert(pem.decode())
    of_certificate, of_key = fingerprints(der)
    assert of_certificate == hashlib.sha256(der).digest().hex(":")
    assert of_key == f"sha256/{base64.b64encode(hashlib.sha256(spki).digest()).decode()}"
    assert read_pins((of_certificate, of_key)) == (of_certificate, of_key)


def element(tag, *contents):
    content = b"".join(contents)
    assert len(content) < 128
    return bytes([tag, len(content)]) + content


def test_a_certificate_of_version_1_has_no_version():
    key = element(0x30, b"key")
    number, name = element(2, b"\x01"), element(0x30)
    whole = element(0x30, element(0x30, number, name, name, name, name, key), name)
    assert public_key_of(whole) == key


DER = ssl.PEM_cert_to_DER_cert(trustme.CA().cert_pem.bytes().decode())


@given(st.binary() | st.integers(0, len(DER) // 2).map(lambda end: DER[:end]))
def test_what_is_no_certificate_is_a_value_error_or_harmless(data):
    found = None
    with contextlib.suppress(ValueError):
        found = public_key_of(data)
    assert found is None or found in data


@pytest.mark.parametrize("data", [b"", DER[:3], DER[:100]])
def test_what_is_no_certificate_has_no_public_key(data):
    with pytest.raises(ValueError, match="this is no certificate in DER"):
        public_key_of(data)
