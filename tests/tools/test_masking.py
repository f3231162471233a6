"""No secret is left in an exchange that was masked, and nothing else is changed."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.tools.har import Exchange
from mini_http.tools.masking import Masker

URL = "https://example.com/"


def sent(*fields: tuple[str, str], url: str = URL, body: bytes = b"") -> Exchange:
    return Exchange("POST", url, sent_fields=fields, sent_body=body)


def masked(exchange: Exchange, *names: str) -> Exchange:
    return Masker(names).exchange(exchange)


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("Authorization", "Basic dTpw", "***"),
        ("proxy-authorization", "Bearer x", "***"),
        ("X-API-Key", "k", "***"),
        ("X-Vault-Token", "t", "***"),
        ("Cookie", "a=1; b=2=3", "a=***; b=***"),
        ("Cookie", "a=1; nameless", "a=***; ***"),
        (
            "Referer",
            "https://u:p@example.com/?token=t&a=b",
            "https://u:***@example.com/?token=***&a=b",
        ),
        ("Accept", "text/html", "text/html"),
        ("X-Ours", "seen", "seen"),
    ],
)
def test_fields_that_are_sent(field, value, shown):
    assert masked(sent((field, value))).sent_fields == ((field, shown),)


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("Set-Cookie", "a=1; Path=/; HttpOnly", "a=***; Path=/; HttpOnly"),
        ("Set-Cookie", "nameless; Path=/a=b", "***; Path=/a=b"),
        ("Location", "/next?access_token=t#x", "/next?access_token=***#x"),
        ("Link", '<https://a/?api-key=k>; rel="next"', '<https://a/?api-key=***>; rel="next"'),
        ("Location", "/app#access_token=t&x=1", "/app#access_token=***&x=1"),
        ("X-Auth-Token", "t", "***"),
        ("X-Continuation-Token", "next", "next"),
        ("Server", "a:b@c", "a:b@c"),
    ],
)
def test_fields_that_came(field, value, shown):
    assert masked(Exchange("GET", URL, fields=((field, value),))).fields == ((field, shown),)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:password@example.com/", "https://user:***@example.com/"),
        ("https://example.com/?token=a&b=c", "https://example.com/?token=***&b=c"),
        ("https://example.com/?b=c&API-Key=a", "https://example.com/?b=c&API-Key=***"),
        ("https://example.com/?X-Amz-Signature=a", "https://example.com/?X-Amz-Signature=***"),
        ("https://example.com/?next_page_token=a", "https://example.com/?next_page_token=a"),
        ("https://example.com/token=a", "https://example.com/token=a"),
        ("https://example.com/?accessToken=a", "https://example.com/?accessToken=***"),
        ("https://example.com/?user[password]=a", "https://example.com/?user[password]=***"),
        ("https://example.com/?u%5Bpwd%5D=a&b=c", "https://example.com/?u%5Bpwd%5D=***&b=c"),
    ],
)
def test_urls(url, shown):
    assert masked(sent(url=url)).url == shown


MULTIPART = b"""--x\r
Content-Disposition: form-data; name="a[password]"\r
Content-Type: text/plain\r
\r
%b\r
--x\r
content-disposition: form-data; name="password_hint"\r
\r
seen\r
--x--\r
"""


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"user=u&password=p+q&x=1", b"user=u&password=***&x=1"),
        (b"client_secret=s", b"client_secret=***"),
        (
            b'{"user": "u", "Password" : "p\\"q", "n": 1}',
            b'{"user": "u", "Password" : "***", "n": 1}',
        ),
        (b'{"token":"t"}', b'{"token":"***"}'),
        (b'{"refreshToken":"t"}', b'{"refreshToken":"***"}'),
        (b'{"password": 1234, "n": 1}', b'{"password": "***", "n": 1}'),
        (b"user%5Bpassword%5D=p&login.pwd=p&a.b=c", b"user%5Bpassword%5D=***&login.pwd=***&a.b=c"),
        (MULTIPART % b"p\r\n-q", MULTIPART % b"***"),
        (b"\xff\0binary", b"\xff\0binary"),
        (b"", b""),
    ],
)
def test_bodies_that_are_sent(body, shown):
    assert masked(sent(body=body)).sent_body == shown


def test_a_body_that_is_not_known_stays_so():
    assert masked(Exchange("POST", URL, sent_body=None)).sent_body is None


def reply(body: bytes, *fields: tuple[str, str]) -> Exchange:
    length = ("Content-Length", str(len(body)))
    return Exchange("GET", URL, status=200, fields=(*fields, length), body=body)


TOKENS = b'{"access_token": "secret", "token": "a word", "expires_in": 60}'
JSON = ("Content-Type", "application/json; charset=utf-8")


def test_json_that_came():
    shown = masked(reply(TOKENS, JSON))
    assert json.loads(shown.body) == {"access_token": "***", "token": "a word", "expires_in": 60}
    assert shown.fields == (JSON, ("Content-Length", str(len(shown.body))))


def test_coded_json_that_came_is_coded_no_more():
    coding = ("Content-Encoding", "gzip")
    shown = masked(reply(gzip.compress(TOKENS), JSON, coding))
    assert b'"***"' in shown.body
    assert shown.fields == (JSON, ("Content-Length", str(len(shown.body))))


def test_a_secret_that_came_in_part_is_masked():
    assert masked(reply(b'{"access_token": "sec', JSON)).body == b'{"access_token": "***"'


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            "BadField: line 2 has no colon: 'Set-Cookie; a=b'",
            "BadField: line 2 has no colon: '***'",
        ),
        ('BadField: line 2 is odd: "Cookie\'s"...', 'BadField: line 2 is odd: "***"...'),
        ("InvalidURL: http://u:p@h/?token=t", "InvalidURL: http://u:***@h/?token=***"),
        ("TLSFailed: the server's name isn't host", "TLSFailed: the server's name isn't host"),
    ],
)
def test_errors(error, shown):
    assert masked(Exchange("GET", URL, error=error)).error == shown


@pytest.mark.parametrize(
    "exchange",
    [
        reply(TOKENS, ("Content-Type", "text/plain")),
        reply(gzip.compress(b"{}"), JSON, ("Content-Encoding", "gzip")),
        reply(b"broken", JSON, ("Content-Encoding", "gzip")),
        reply(b"\xff", JSON),
    ],
)
def test_replies_without_a_secret_stay_as_they_came(exchange):
    assert masked(exchange) == exchange


@pytest.mark.parametrize("names", [["session-id"], ["SESSION_ID"]])
def test_a_name_that_the_caller_gives_is_secret_everywhere(names):
    exchange = Exchange(
        "POST",
        f"{URL}?session-id=s&session_id=s",
        sent_fields=(("Session-Id", "s"),) if names == ["session-id"] else (),
        sent_body=b'[{"session_id": "s"}]',
        fields=(JSON,),
        body=b'{"session-id": "s"}',
    )
    shown = masked(exchange, *names)
    assert shown.url == f"{URL}?session-id=***&session_id=***"
    assert ("Session-Id", "s") not in shown.sent_fields
    assert shown.sent_body == b'[{"session_id": "***"}]'
    assert shown.body == b'{"session-id": "***"}'


def test_one_name_may_be_given_by_itself():
    assert Masker("Session").names == {"session"}


@given(st.text(alphabet='abc=&?;:/@#* "{}token', max_size=40), st.binary(max_size=40))
def test_what_is_masked_stays_as_it_is(text, body):
    masker = Masker()
    exchange = Exchange(
        "GET",
        f"http://a/?{text}",
        sent_fields=(("Cookie", text), ("Referer", text)),
        sent_body=body + text.encode() + b'\nContent-Disposition:; name="token"\n\n' + body,
        error=text,
        fields=(("Set-Cookie", text), ("Location", text), JSON),
        body=b'{"password": "' + body + b'"}',
    )
    once = masker.exchange(exchange)
    assert masker.exchange(once) == once


@pytest.mark.parametrize(
    "line", [b"content-disposition: form-data;", b'content-disposition: x; name="password"\r\n']
)
def test_a_body_of_nothing_but_beginnings_of_parts_is_read_in_one_go(line):
    exchange = Exchange("POST", "http://a/", sent_body=line * 8_000)
    assert masked(exchange).sent_body.startswith(line[:20])
