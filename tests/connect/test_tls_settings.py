"""TLSSettings: a value, that knows contradictions and keeps secrets."""

import ssl
import subprocess
import sys

import pytest

from mini_http.connect.tls_settings import DEFAULT_SETTINGS, TLSSettings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"minimum_version": "SSLv3"}, "minimum_version must be TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"),
        ({"maximum_version": "SSLv3"}, "maximum_version must be TLSv1, .* or None, not 'SSLv3'"),
        ({"maximum_version": "TLSv1.1"}, "maximum_version TLSv1.1 is below minimum_version TLSv1."),
        ({"trust": "everybody"}, "trust must be certifi, system or None, not 'everybody'"),
        ({"pins": ("00",)}, "a pin is the SHA-256 of a public key"),
        ({"crl_file": "a.pem", "verify": False}, "crl_file is of no use with verify=False"),
        ({"crl_file": "a.pem", "trust": "system"}, 'crl_file is of no use with trust="system"'),
        ({"key_file": "a.key"}, "of no use without cert_file"),
        ({"key_password": "a"}, "of no use without cert_file"),
        ({"context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "verify": False}, "verify would be"),
        ({"context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "ca_file": ""}, "ca_file would be"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TLSSettings(**settings)


def test_settings_are_equal_by_value_and_hashable():
    assert TLSSettings(ca_file="a") == TLSSettings(ca_file="a")
    assert len({TLSSettings(), DEFAULT_SETTINGS, TLSSettings(verify=False)}) == 2


def test_repr_shows_what_differs_and_no_secret():
    assert repr(DEFAULT_SETTINGS) == "TLSSettings()"
    settings = TLSSettings(cert_file="me.pem", key_password="sesame", ca_data=b"abc", verify=False)
    assert repr(settings) == (
        "TLSSettings(ca_data=***, cert_file='me.pem', key_password=***, verify=False)"
    )


def test_pins_and_a_name_may_stand_beside_a_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    settings = TLSSettings(context=context, server_name="a.example", pins="00" * 32)
    assert settings.pins == (":".join(["00"] * 32),)


def test_one_version_may_be_the_only_one():
    settings = TLSSettings(minimum_version="TLSv1.3", maximum_version="TLSv1.3")
    assert settings.maximum_version == "TLSv1.3"


def test_settings_are_equal_however_their_pins_are_spelled():
    digits = "AB" * 32
    spellings = [digits, digits.lower(), ":".join(["ab"] * 32), (digits,), [digits]]
    assert len({TLSSettings(pins=pins) for pins in spellings}) == 1


def test_a_context_that_was_changed_is_another_one():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    before = TLSSettings(context=context)
    assert before == before.replace() == TLSSettings(context=context)
    context.check_hostname = False
    after = before.replace()
    assert before != after
    assert after.verification == (ssl.CERT_REQUIRED, False, context.verify_flags)
    context.check_hostname = True
    assert len({before, after, before.replace()}) == 2
    assert DEFAULT_SETTINGS.verification is None
    assert DEFAULT_SETTINGS != 1


def test_settings_can_be_had_without_ssl():
    code = "import sys; from mini_http.connect.tls_settings import TLSSettings; TLSSettings()"
    code += "; sys.exit('ssl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
