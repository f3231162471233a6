"""What requests' `verify` and `cert` mean: which settings, and which errors for which files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives import serialization as forms

from mini_http.connect.tls import DEFAULT_SETTINGS, context_for
from mini_http.tools.requests_tls import UNVERIFIED, tls_settings

MISSING = "/nowhere/at/all.pem"


@pytest.mark.parametrize("verify", [True, None])
def test_by_default_certifi_is_trusted(verify):
    assert tls_settings(verify) is DEFAULT_SETTINGS
    assert tls_settings(verify, ()) is DEFAULT_SETTINGS


def test_false_alone_turns_verification_off(certificates):
    assert tls_settings(False) is UNVERIFIED
    assert not UNVERIFIED.verify
    assert not tls_settings(False, str(certificates.client.chain)).verify
    assert tls_settings(certificates.ca_file).verify


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_a_file_is_what_is_trusted(certificates, kind):
    settings = tls_settings(kind(certificates.ca_file))
    assert settings.ca_file == str(certificates.ca_file)
    assert settings.ca_path is settings.cert_file is settings.key_file is None


def test_a_folder_is_what_is_trusted(tmp_path):
    settings = tls_settings(tmp_path)
    assert settings.ca_path == str(tmp_path)
    assert settings.ca_file is None


@pytest.mark.parametrize("kind", [tuple, list])
def test_a_certificate_may_come_with_its_key_or_in_two_files(certificates, kind):
    ours = certificates.client
    settings = tls_settings(True, kind([ours.chain, str(ours.key)]))
    assert (settings.cert_file, settings.key_file) == (str(ours.chain), str(ours.key))
    for one in (ours.chain, (ours.chain, None)):
        settings = tls_settings(True, one)
        assert (settings.cert_file, settings.key_file) == (str(ours.chain), None)
        assert settings.ca_file is None


def test_the_same_files_give_the_same_settings_and_context(certificates):
    first, second = (
        tls_settings(certificates.ca_file, (certificates.client.chain, certificates.client.key))
        for _ in range(2)
    )
    assert first is second
    assert context_for(first) is context_for(second)


def test_a_file_that_was_replaced_gives_other_settings(tmp_path, certificates):
    path = tmp_path / "renewed.pem"
    path.write_bytes(certificates.ca_file.read_bytes())
    before = tls_settings(path)
    path.write_bytes(certificates.unknown_issuer.chain.read_bytes())
    after = tls_settings(path)
    assert before != after
    assert context_for(before) is not context_for(after)
    assert before.replace(versions=()) == after.replace(versions=())


@pytest.mark.parametrize("missing", [MISSING, "", "with a \0", "x" * 10_000])
def test_a_file_that_does_not_exist_is_an_error_in_the_words_of_requests(certificates, missing):
    words = "Could not find a suitable TLS CA certificate bundle, invalid path: "
    with pytest.raises(OSError) as caught:
        tls_settings(missing)
    assert str(caught.value) == words + missing


def test_a_certificate_that_does_not_exist_is_an_error_in_the_words_of_requests(certificates):
    with pytest.raises(OSError) as caught:
        tls_settings(True, MISSING)
    assert str(caught.value) == f"Could not find the TLS certificate file, invalid path: {MISSING}"
    with pytest.raises(OSError) as caught:
        tls_settings(True, (certificates.client.chain, MISSING))
    assert str(caught.value) == f"Could not find the TLS key file, invalid path: {MISSING}"


@pytest.mark.parametrize("odd", [0, 1, 3.5])
def test_what_is_no_path_is_a_type_error(odd):
    with pytest.raises(TypeError):
        tls_settings(odd)


@pytest.mark.parametrize(
    "form", [forms.PrivateFormat.PKCS8, forms.PrivateFormat.TraditionalOpenSSL]
)
@pytest.mark.parametrize("where", ["its own file", "with the certificate"])
def test_an_encrypted_key_is_an_error_that_says_so(tmp_path, certificates, form, where):
    key = forms.load_pem_private_key(certificates.client.key.read_bytes(), None)
    locked = key.private_bytes(forms.Encoding.PEM, form, forms.BestAvailableEncryption(b"secret"))
    path = tmp_path / "locked.pem"
    chain = certificates.client.chain
    if where == "its own file":
        path.write_bytes(locked)
        cert = (chain, path)
    else:
        path.write_bytes(locked + chain.read_bytes())
        cert = path
    with pytest.raises(requests.exceptions.SSLError, match=r"locked\.pem is encrypted"):
        tls_settings(True, cert)


def test_a_key_that_can_not_be_read_is_left_to_be_told_by_tls(tmp_path, certificates):
    settings = tls_settings(True, (certificates.client.chain, tmp_path))
    assert settings.key_file == str(tmp_path)
