"""A certificate authority for one test run, and server certificates good and bad, as files."""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from trustme import Blob

NAMES = ("localhost", "127.0.0.1", "::1")
LONG_AGO = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)


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


class Certificates:
    """Makes the files in `directory`.

    `ca_file` is the authority to trust. `good` is for localhost, 127.0.0.1 and ::1; `wrong_name` is
    for another host; `expired` has long run out; `self_signed` is its own issuer; `unknown_issuer`
    comes from an authority that is not in `ca_file`; `client` is for a client to show.
    """

    def __init__(self, directory: Path, ca: trustme.CA) -> None:
        self._directory = directory
        stranger = trustme.CA()
        self.ca_file = self._write("ca.pem", ca.cert_pem)
        self.good = self._issue("good", ca, *NAMES)
        self.wrong_name = self._issue("wrong_name", ca, "elsewhere.example")
        self.expired = self._issue("expired", ca, *NAMES, not_after=LONG_AGO)
        self.unknown_issuer = self._issue("unknown_issuer", stranger, *NAMES)
        self.client = self._issue("client", ca, "client@localhost")
        self.self_signed = Pair(
            self._write("self_signed.pem", stranger.cert_pem),
            self._write("self_signed.key", stranger.private_key_pem),
        )

    def client_context(self) -> ssl.SSLContext:
        """Verifies servers against `ca_file` and nothing else."""
        return ssl.create_default_context(cafile=self.ca_file)

    def _issue(
        self,
        name: str,
        ca: trustme.CA,
        *identities: str,
        not_after: datetime.datetime | None = None,
    ) -> Pair:
        leaf = ca.issue_cert(*identities, not_after=not_after)
        return Pair(
            self._write(f"{name}.pem", *leaf.cert_chain_pems),
            self._write(f"{name}.key", leaf.private_key_pem),
        )

    def _write(self, name: str, *blobs: Blob) -> Path:
        path = self._directory / name
        path.write_bytes(b"".join(blob.bytes() for blob in blobs))
        return path
