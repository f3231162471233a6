"""Masking: recorded exchanges without their secrets.

Masked, each to `***`, are in

    fields      the values of those known to be secret, and of requests' whose name has a word such
                as "token" in it; of cookies the values alone
    URLs        passwords, and the values of secret parameters: also in Location and its like
    bodies      the values of secret parameters in forms that are sent, multipart ones too, and of
                secret members in JSON, texts and numbers; of JSON that came back, only where the
                name leaves no doubt, for the program that reads it again shall work
    errors      what they quote of a reply

Masking what is masked changes nothing, so masked requests can be compared with each other.
"""

from __future__ import annotations

import re

from mini_http.base.escapes import masked as without_password
from mini_http.base.headers import MASK, SECRET_FIELDS, Headers
from mini_http.tools.asking import SECRET_WORDS
from mini_http.tools.har import plain_body, uncoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from mini_http.tools.har import Exchange, Fields

FIELDS = SECRET_FIELDS | {"x-amz-security-token", "x-api-key", "x-auth-token", "x-subject-token"}
"""Names of fields, in lower case, that are secret in requests and replies."""

MEMBERS = frozenset(
    {"access_token", "client_secret", "id_token", "password", "passwd", "refresh_token"}
)
"""Names of members of JSON objects that are secret in requests and replies (RFC 6749)."""

PARAMETERS = MEMBERS | {
    *["api_key", "auth_token", "client_assertion", "passphrase", "pwd", "secret", "secret_key"],
    *["sig", "signature", "token"],
    *["x_amz_credential", "x_amz_security_token", "x_amz_signature", "x_goog_signature"],
}
"""Names of parameters of URLs and forms that are secret. Such names, and those of members, stand
for any spelling with "-", with "_", or in one word: access-token, access_token, accessToken."""

_URL_FIELDS = frozenset({"content-location", "link", "location", "referer", "refresh"})

# a string or a number, as RFC 8259 sections 6 and 7 have them, or as much as came of a string
_VALUE = r'(?:"(?:[^"\\]|\\.)*+(?:"|\Z)|-?+[0-9][0-9.eE+-]*+)'
# what forms put before a name: "user[", "user."
_OWNER = r'(?:[^=&;#?\s"<>]*(?:\[|%5B|\.))?'
# the rest of a part's fields and the empty line (RFC 2046 section 5.1.1), then what the part holds;
# at most nine more fields, so that a body of nothing but such lines is read in linear time
_PART = r"[^\r\n]*+\r?\n(?:[^\r\n]++\r?\n){0,9}+\r?\n).*?(?=\r?\n--|\Z)"
# what an error shows of a reply, at its end
_QUOTED = r"""(?s)(: )(['"]).*\2"""


class Masker:
    """Masks exchanges; `names` are more names of secrets, in any case, for each of the places."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        names = [names] if isinstance(names, str) else names  # its letters are surely not meant
        self.names = frozenset([name.lower() for name in names])
        more = {name.replace("-", "_") for name in self.names}
        self._fields = FIELDS | self.names
        parameters, members = _alternatives(PARAMETERS | more), _alternatives(MEMBERS | more)
        named = rf"{_OWNER}(?:{parameters})(?:\]|%5D)?"
        # name "=" value, where one of a URL's or a form's may begin
        self._parameter = re.compile(rf'(?i)((?:^|[?&;#]){named}=)[^&#\s"<>]*+')
        # a part of multipart/form-data (RFC 7578 section 4.2)
        self._part = re.compile(
            rf'(?ims)(^content-disposition:[^\r\n]*;[ \t]*name="?{named}(?=["; \t\r\n]){_PART}'
        )
        # DQUOTE name DQUOTE ":" value
        self._sent_member = re.compile(rf'(?is)("(?:{parameters})"\s*+:\s*+){_VALUE}')
        self._member = re.compile(rf'(?is)("(?:{members})"\s*+:\s*+){_VALUE}')

    def exchange(self, exchange: Exchange) -> Exchange:
        """The exchange without its secrets."""
        return self._reply(self.request(exchange))

    def request(self, exchange: Exchange) -> Exchange:
        """The exchange with its request, but not its reply, masked."""
        body = exchange.sent_body
        return exchange.replace(
            url=self.url(exchange.url),
            sent_fields=self._masked_fields(exchange.sent_fields, SECRET_WORDS),
            sent_body=body and self._sent_body(body),
        )

    def url(self, text: str) -> str:
        """A URL, or a text with URLs in it."""
        return self._parameter.sub(rf"\1{MASK}", without_password(text))

    def _sent_body(self, body: bytes) -> bytes:
        text = body.decode("latin-1")  # any bytes, each a character
        text = self._parameter.sub(rf"\1{MASK}", text)
        text = self._part.sub(rf"\1{MASK}", text)
        return self._sent_member.sub(rf'\1"{MASK}"', text).encode("latin-1")

    def _reply(self, exchange: Exchange) -> Exchange:
        exchange = exchange.replace(
            fields=self._masked_fields(exchange.fields),
            error=re.sub(_QUOTED, rf"\1\2{MASK}\2", self.url(exchange.error)),
        )
        if "json" not in Headers.of(exchange.fields).get_content_subtype():
            return exchange
        plain = plain_body(exchange) or b""
        text = self._member.sub(rf'\1"{MASK}"', plain.decode("latin-1"))
        masked = text.encode("latin-1")
        return exchange if masked == plain else uncoded(exchange, masked)

    def _masked_fields(self, fields: Fields, words: frozenset[str] = frozenset()) -> Fields:
        return tuple([(name, self._value(name.lower(), value, words)) for name, value in fields])

    def _value(self, name: str, value: str, words: frozenset[str]) -> str:
        if name == "cookie":
            return "; ".join([_masked_cookie(pair.strip()) for pair in value.split(";")])
        if name == "set-cookie":
            pair, semicolon, attributes = value.partition(";")
            return _masked_cookie(pair) + semicolon + attributes
        if name in self._fields or not words.isdisjoint(re.split("[-_]", name)):
            return MASK
        return self.url(value) if name in _URL_FIELDS else value


def _masked_cookie(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={MASK}" if equals else MASK


def _alternatives(names: Iterable[str]) -> str:
    return "|".join([re.escape(name).replace("_", "[-_]?") for name in sorted(names)])
