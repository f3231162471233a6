"""basic_credentials: what RFC 7617 shows, there and back, and what it can't express."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.base import errors
from mini_http.codec.credentials import basic_credentials


@pytest.mark.parametrize(
    ("user", "password", "value"),
    [
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("test", "123£", "Basic dGVzdDoxMjPCow=="),  # RFC 7617 section 2.1
        ("user", "a:b", "Basic dXNlcjphOmI="),
        ("", "", "Basic Og=="),
    ],
)
def test_credentials_are_user_and_password_as_utf8_in_base64(user, password, value):
    assert basic_credentials(user, password) == value


@given(
    user=st.text(st.characters(exclude_characters=":", exclude_categories=["Cc", "Cs"])),
    password=st.text(st.characters(exclude_categories=["Cc", "Cs"])),
)
def test_what_was_coded_can_be_decoded(user, password):
    scheme, _, coded = basic_credentials(user, password).partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(coded, validate=True).decode() == f"{user}:{password}"


@pytest.mark.parametrize(
    ("user", "password"), [("a:b", "secret"), ("a\n", "secret"), ("a", "secret\n"), ("a", "\x7f")]
)
def test_what_basic_authentication_cannot_express_is_refused_without_saying_it(user, password):
    with pytest.raises(errors.InvalidRequest, match="can't contain") as caught:
        basic_credentials(user, password)
    assert "secret" not in str(caught.value)
