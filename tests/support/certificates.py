"""A certificate authority for one test run, and server certificates good and bad, as files."""

from __future__ import annotations

import datetime
import ssl
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

if TYPE_CHECKING:
    from trustme import Blob

NAMES = ("localhost", "127.0.0.1", "::1")
LONG_AGO = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
FAR_AHEAD = datetime.datetime(2099, 12, 31, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Pair:
    """A certificate with its chain, and its private key: paths of two PEM files."""

    chain: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """What a server shows this certificate with. It asks for no client certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate itself, without its chain."""
        return x509.load_pem_x509_certificate(self.chain.read_bytes())

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate, as 64 hex digits."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def key_pin(self) -> str:
        """The SHA-256 of the public key, as pins have it."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        key = self.certificate.public_key().public_bytes(serialization.Encoding.DER, form)
        return f"sha256/{b64encode(sha256(key).digest()).decode()}"

    def encrypted_key(self, password: bytes) -> Path:
        """A file with the key, encrypted, beside the one that has it bare."""
        key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        path = self.key.with_suffix(".encrypted")
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(password),
            )
        )
        return path


class Certificates:
    """Makes the files in `directory`.

    `ca_file` is the authority to trust. `good` is for localhost, 127.0.0.1 and ::1; `wrong_name` is
    for another host; `expired` has long run out, `not_yet_valid` begins in 2099; `self_signed` is
    its own issuer; `unknown_issuer` comes from an authority that is not in `ca_file`; `revoked` is
    on the list in `crl_file`; `client` is for a client to show.
    """

    def __init__(self, directory: Path, ca: trustme.CA) -> None:
        self._directory = directory
        self._ca = ca
        stranger = trustme.CA()
        self.ca_file = self._write("ca.pem", ca.cert_pem)
        self.good = self._issue("good", ca, *NAMES)
        self.wrong_name = self._issue("wrong_name", ca, "elsewhere.example")
        self.expired = self._issue("expired", ca, *NAMES, not_after=LONG_AGO)
        self.not_yet_valid = self._issue("not_yet_valid", ca, *NAMES, not_before=FAR_AHEAD)
        self.unknown_issuer = self._issue("unknown_issuer", stranger, *NAMES)
        self.revoked = self._issue("revoked", ca, *NAMES)
        self.client = self._issue("client", ca, "client@localhost")
        self.crl_file = self.revocation_list("crl.pem", self.revoked)
        self.self_signed = Pair(
            self._write("self_signed.pem", stranger.cert_pem),
            self._write("self_signed.key", stranger.private_key_pem),
        )

    def client_context(self) -> ssl.SSLContext:
        """Verifies servers against `ca_file` and nothing else."""
        return ssl.create_default_context(cafile=self.ca_file)

    def issue(self, name: str, *identities: str) -> Pair:
        """Another certificate of the authority in `ca_file`, for these names and addresses."""
        return self._issue(name, self._ca, *identities)

    def revocation_list(
        self, name: str, *revoked: Pair, until: datetime.datetime = FAR_AHEAD
    ) -> Path:
        """A list by the authority of its certificates that are not to be trusted any more."""
        key = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        issuer = x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())
        issuers_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(LONG_AGO - datetime.timedelta(days=1))
            .next_update(until)
            .add_extension(issuers_key, critical=False)
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        for pair in revoked:
            entry = x509.RevokedCertificateBuilder(pair.certificate.serial_number, LONG_AGO)
            builder = builder.add_revoked_certificate(entry.build())
        made = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]
        path = self._directory / name
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return path

    def _issue(
        self,
        name: str,
        ca: trustme.CA,
        *identities: str,
        not_before: datetime.datetime | None = None,
        not_after: datetime.datetime | None = None,
    ) -> Pair:
        leaf = ca.issue_cert(*identities, not_before=not_before, not_after=not_after)
        return Pair(
            self._write(f"{name}.pem", *leaf.cert_chain_pems),
            self._write(f"{name}.key", leaf.private_key_pem),
        )

    def _write(self, name: str, *blobs: Blob) -> Path:
        path = self._directory / name
        path.write_bytes(b"".join(blob.bytes() for blob in blobs))
        return path
