"""What requests' `verify` and `cert` mean to TLS.

`tls_settings` makes the TLSSettings of them, the same for the same files, so that a connection made
with one set never serves a request with another. A file that was replaced since counts as another:
certificates that are renewed every day are loaded anew, as requests' users are used to.
"""

from __future__ import annotations

import os
from functools import lru_cache

from requests.exceptions import SSLError

from mini_http.connect.tls import DEFAULT_SETTINGS, MOST_CONTEXTS, TLSSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    Path = str | bytes | os.PathLike[str]
    Verify = bool | Path | None
    Certificate = Path | tuple[Path, Path | None] | None
    Version = tuple[int, ...] | None

UNVERIFIED = TLSSettings(verify=False)

FILES = (
    "a suitable TLS CA certificate bundle",
    "the TLS certificate file",
    "the TLS key file",
)
"""What settings are made of, as requests calls it where it is missing."""


class FileSettings(TLSSettings):
    """Settings made of files, and which versions of the files they were made of."""

    versions: tuple[Version, ...] = ()
    """One for each of FILES, None where there is none."""


def tls_settings(verify: Verify = True, cert: Certificate = None) -> TLSSettings:
    """Whom to trust and who we are, for what a call of requests says.

    None, which requests has where nobody said anything, verifies. Raises OSError for a file that
    does not exist, in the words of requests, and its SSLError for a key that is encrypted: requests
    has no place for the password.
    """
    if not cert and (verify is None or isinstance(verify, bool)):
        return UNVERIFIED if verify is False else DEFAULT_SETTINGS
    trusted = None if isinstance(verify, bool) else verify
    cert_file, key_file = cert if isinstance(cert, (tuple, list)) else (cert or None, None)
    given = (trusted, cert_file, key_file)
    files = tuple([None if path is None else os.fsdecode(path) for path in given])
    versions = tuple([_version(*file) for file in zip(files, FILES, strict=True)])
    return _settings(verify is not False, files, versions)


def _version(file: str | None, what: str) -> Version:
    """What changes when a file is replaced."""
    if file is None:
        return None
    try:
        found = os.stat(file)
    except (OSError, ValueError):
        raise OSError(f"Could not find {what}, invalid path: {file}") from None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(MOST_CONTEXTS)
def _settings(
    verify: bool, files: tuple[str | None, ...], versions: tuple[Version, ...]
) -> TLSSettings:
    trusted, cert_file, key_file = files
    own_key = key_file or cert_file
    if own_key is not None and _is_encrypted(own_key):
        raise SSLError(f"the private key in {own_key} is encrypted: decrypt it first")
    is_folder = trusted is not None and os.path.isdir(trusted)
    return FileSettings(
        ca_file=None if is_folder else trusted,
        ca_path=trusted if is_folder else None,
        cert_file=cert_file,
        key_file=key_file,
        verify=verify,
        versions=versions,
    )


def _is_encrypted(key_file: str) -> bool:
    """Whether a private key needs a password, in either of its PEM forms (RFC 1421, RFC 7468)."""
    try:
        with open(key_file, "rb") as file:
            return b"ENCRYPTED" in file.read()
    except OSError:
        return False  # that it can't be read is said when it is loaded
