"""Errors of TLS, in words. That servers bring them about is in test_tls.py."""

import ssl

import pytest

from mini_http.connect.tls_words import explain, explain_late, not_pinned

REFUSED = " (certificate verify failed)"
ADVICE = (
    f"{REFUSED}; to trust it all the same, name a file with its issuer's certificate:"
    " SSL_CERT_FILE, TLSSettings(ca_file=), a context=, or --cacert on the command line"
)
NOT_TLS = "this is no TLS; does the server speak TLS on this port?"

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


def verification_error(code, message="something else"):
    error = ssl.SSLCertVerificationError(1, "raised by Python")
    error.verify_code, error.verify_message = code, message
    return error


def certificate(not_after="May  1 00:00:00 2001 GMT", names=(), issuer=()):
    return {
        "notBefore": "Jan  1 00:00:00 2001 GMT",
        "notAfter": not_after,
        "subjectAltName": tuple(("DNS", name) for name in names),
        "issuer": tuple((pair,) for pair in issuer),
    }


LATER = "Jan  1 00:00:00 3000 GMT"


@pytest.mark.parametrize(
    ("code", "chain", "words"),
    [
        (10, [], "expired" + REFUSED),
        (10, [certificate(LATER), certificate()], "expired on 2001-05-01" + REFUSED),
        (10, [certificate(LATER)], "expired" + REFUSED),
        (10, [certificate("no time at all")], "expired" + REFUSED),
        (9, [], "is not valid yet" + REFUSED),
        (9, [certificate()], "is not valid yet" + REFUSED),
        (62, [], "is for another name, not for a.example" + REFUSED),
        (62, [certificate()], "is for another name, not for a.example" + REFUSED),
        (64, [certificate(names=["b\x1b[2J\n"])], "is for b?[2J?, not for a.example" + REFUSED),
        (
            62,
            [certificate(names="abcdefg")],
            "is for a, b, c, d, e and 2 more, not for a.example" + REFUSED,
        ),
        (62, [certificate(names=["x" * 900])], f"is for {'x' * 100}, not for a.example{REFUSED}"),
        (18, [], "is self-signed" + ADVICE),
        (20, [], "comes from an unknown issuer" + ADVICE),
        (20, [certificate()], "comes from an unknown issuer" + ADVICE),
        (
            19,
            [certificate(issuer=[("organizationName", "Org"), ("commonName", "CA\n1")])],
            "comes from an unknown issuer (CA?1)" + ADVICE,
        ),
        (23, [], "was revoked by its issuer" + REFUSED),
        (
            23,
            [certificate(issuer=[("organizationName", "Org")])],
            "was revoked by its issuer (Org)" + REFUSED,
        ),
        (24, [], "was refused: something else" + REFUSED),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said_in_words(code, chain, words):
    told = explain(verification_error(code), "a.example", chain)
    assert told == f"the server's certificate {words}"


def test_a_verification_error_of_other_making_is_repeated():
    error = ssl.SSLCertVerificationError("not liked by the keychain")
    told = explain(error, "a.example")
    assert told == (
        "the server's certificate was refused: ('not liked by the keychain',)"
        " (certificate verify failed)"
    )


def tls_error(reason):
    error = ssl.SSLError(1, "[SSL] something")
    if reason is not None:
        error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (tls_error("RECORD_LAYER_FAILURE"), NOT_TLS),
        (tls_error("TLSV1_UNRECOGNIZED_NAME"), "the server does not know this name"),
        (tls_error("BAD_MOON"), "the TLS handshake failed: bad moon"),
        (tls_error(None), "the TLS handshake failed: [SSL] something"),
        (ValueError("bad name"), "the TLS handshake failed: bad name"),
        (OSError(113, "No route to host"), "the TLS handshake failed: No route to host"),
    ],
)
def test_any_other_error_in_the_handshake_is_said_in_words(error, words):
    assert explain(error, "a.example") == words


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "crl_file has no list from the issuer of a certificate in the chain"),
        (12, "a list in crl_file is out of date"),
    ],
)
def test_what_is_wrong_with_the_lists_of_revoked_certificates_is_said_in_words(code, words):
    assert explain(verification_error(code), "a.example") == words + REFUSED


def test_only_what_is_said_of_our_certificate_is_told_after_the_handshake():
    told = explain_late(tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"))
    assert told == "the server wants a client certificate (cert_file, --cert)"
    for other in (tls_error("BAD_RECORD_MAC"), tls_error(None), OSError("reset")):
        assert explain_late(other) is None


def test_a_certificate_that_is_not_pinned_is_told_with_what_could_be():
    error = not_pinned("aa:bb", "sha256/C=")
    assert explain(error, "a.example") == (
        "the server's certificate was refused: it is not pinned; its fingerprint is aa:bb, that of"
        f" its key sha256/C={REFUSED}"
    )
    assert (error.verify_code, error.reason) == (50, None)
