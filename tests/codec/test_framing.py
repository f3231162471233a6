"""Where a reply's body ends, and whether its connection can serve again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.base.commands import COMMANDS
from mini_http.base.errors import BadFraming
from mini_http.codec.framing import (
    CHUNKED,
    NO_BODY,
    UNTIL_CLOSE,
    CloseReason,
    Length,
    close_reason,
    content_length,
    response_framing,
)
from mini_http.codec.heads import read_response_head


def head(*lines, status=200, version="1.1"):
    """The head of a reply with these lines, as it is read off the wire."""
    text = "\r\n".join([f"HTTP/{version} {status} Status", *lines, "", ""])
    return read_response_head(text.encode("latin-1"))


# --- where the body ends

FRAMINGS = [
    # 1. these end with the head, whatever it says
    ("HEAD", head("Content-Length: 5"), NO_BODY),
    ("HEAD", head("Transfer-Encoding: gzip"), NO_BODY),
    ("GET", head("Content-Length: 5", status=204), NO_BODY),
    ("GET", head("Content-Length: x", status=304), NO_BODY),
    ("GET", head("Transfer-Encoding: chunked", status=304), NO_BODY),
    ("GET", head("Content-Length: 5", status=100), NO_BODY),
    ("GET", head("Content-Length: 5", status=199), NO_BODY),
    # 2. a tunnel
    ("CONNECT", head("Content-Length: 5"), NO_BODY),
    ("CONNECT", head("Transfer-Encoding: chunked", status=299), NO_BODY),
    ("CONNECT", head("Content-Length: 5", status=300), Length(5)),
    ("CONNECT", head(status=407), UNTIL_CLOSE),
    # 3. Transfer-Encoding overrides Content-Length
    ("GET", head("Transfer-Encoding: chunked"), CHUNKED),
    ("GET", head("TRANSFER-ENCODING:\tChunked "), CHUNKED),
    ("GET", head("Content-Length: 5", "Transfer-Encoding: chunked"), CHUNKED),
    ("GET", head("Transfer-Encoding: chunked", "Content-Length: x"), CHUNKED),
    # 5., 6. a number
    ("GET", head("Content-Length: 5"), Length(5)),
    ("POST", head("content-LENGTH:0"), Length(0)),
    ("GET", head("Content-Length:\t042 "), Length(42)),
    ("GET", head("Content-Length: 9999999999999999999"), Length(10**19 - 1)),
    ("GET", head("Content-Length: 5, 5,5"), Length(5)),
    ("GET", head("Content-Length: 5", "content-length: 5"), Length(5)),
    ("GET", head("Content-Length: 5", "A: b", "A: c"), Length(5)),
    ("get", head("Content-Length: 5"), Length(5)),
    # 8. whatever comes
    ("GET", head(), UNTIL_CLOSE),
    ("GET", head("Content-Length-X: 5", "X-Transfer-Encoding: chunked"), UNTIL_CLOSE),
    ("GET", head(status=205), UNTIL_CLOSE),
]


@pytest.mark.parametrize(("method", "reply", "framing"), FRAMINGS)
def test_a_body_ends_where_the_numbered_steps_say(method, reply, framing):
    assert response_framing(method, reply) == framing


@pytest.mark.parametrize(
    "value",
    ["gzip, chunked", "chunked, gzip", "identity", "xchunked", "chunkedchunked", "chunked, chunked",
     "", "chunked,", ", chunked", "chunked;q=1", '"chunked"', "chun ked", "gzip"],
)  # fmt: skip
def test_a_transfer_encoding_that_is_not_chunked_alone_is_refused(value):
    with pytest.raises(BadFraming, match=r"^Transfer-Encoding: .* is not chunked alone$"):
        response_framing("GET", head(f"Transfer-Encoding: {value}", "Content-Length: 5"))


@pytest.mark.parametrize(
    "lines", [("chunked", "chunked"), ("chunked", "identity"), ("", "chunked")]
)
def test_more_than_one_transfer_encoding_is_refused(lines):
    with pytest.raises(BadFraming, match=r"is not chunked alone$"):
        response_framing("GET", head(*[f"Transfer-Encoding: {value}" for value in lines]))


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_the_row_of_a_command_says_whether_its_reply_has_a_body(row):
    found = response_framing(row.name, head("Content-Length: 5"))
    assert found == (NO_BODY if row.opens_tunnel or not row.reply_has_body else Length(5))
    refused = response_framing(row.name, head("Content-Length: 5", status=407))
    assert refused == (Length(5) if row.reply_has_body else NO_BODY)


BAD_LENGTHS = [
    "", "+5", "-5", "0x5", "0_5", "5.0", "5 5", "5;", "five", "\xb2", "1" * 20, "9" * 30,
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_LENGTHS)
def test_a_length_that_is_no_number_of_1_to_19_digits_is_refused(value):
    with pytest.raises(BadFraming, match=r"^Content-Length is no number of 1 to 19 digits: "):
        response_framing("GET", head(f"Content-Length: {value}"))


@pytest.mark.parametrize(
    "lines", [("5, 6",), ("5", "6"), ("5,",), (",5",), ("5", ""), ("5", "05"), ("5", "5, 6")]
)
def test_lengths_that_differ_are_refused(lines):
    with pytest.raises(BadFraming, match=r"^Content-Length fields differ: "):
        response_framing("GET", head(*[f"Content-Length: {value}" for value in lines]))


@pytest.mark.parametrize("value", ["x, x", "+5, +5", ",", ", "])
def test_equal_nonsense_stays_nonsense(value):
    with pytest.raises(BadFraming, match="no number of 1 to 19 digits"):
        response_framing("GET", head(f"Content-Length: {value}"))


@given(st.integers(0, 10**19 - 1), st.integers(1, 5), st.sampled_from([",", ", ", " ,\t"]))
def test_a_length_repeated_as_list_or_fields_is_that_length(number, times, comma):
    assert content_length(comma.join([str(number)] * times)) == number
    reply = head(*[f"Content-Length: {number}"] * times)
    assert response_framing("GET", reply) == Length(number)


@given(st.text(st.sampled_from("0123456789+-_x,. \t\xb2"), max_size=22))
def test_a_length_is_digits_or_it_is_refused(text):
    try:
        number = content_length(text)
    except BadFraming:
        return
    assert {part.strip(" \t") for part in text.split(",")} <= {text.split(",")[0].strip(" \t")}
    assert int(text.split(",")[0]) == number >= 0


# --- whether the connection persists

LENGTH = "Content-Length: 5"
CHUNKS = "Transfer-Encoding: chunked"
REASONS = [
    (head(LENGTH), None),
    (head(CHUNKS), None),
    (head(status=204), None),
    (head(LENGTH, "Connection: keep-alive"), None),
    (head(LENGTH, "Connection: Keep-Alive, Upgrade"), None),
    (head(LENGTH, "Connection: closed"), None),
    (head(LENGTH, "Connection: x", "Connection: not close"), None),
    (head(LENGTH, "Proxy-Connection: close"), None),
    (head(LENGTH, "Connection: close"), CloseReason.REPLY_SAID_CLOSE),
    (head(LENGTH, "CONNECTION:CLOSE "), CloseReason.REPLY_SAID_CLOSE),
    (head(LENGTH, "Connection: x ,\tClose"), CloseReason.REPLY_SAID_CLOSE),
    (head(LENGTH, "Connection: x", "A: b", "connection: close"), CloseReason.REPLY_SAID_CLOSE),
    (head(LENGTH, "Connection: close", "Connection: keep-alive"), CloseReason.REPLY_SAID_CLOSE),
    (head("Connection: close", status=204), CloseReason.REPLY_SAID_CLOSE),
    (head(), CloseReason.BODY_UNTIL_CLOSE),
    (head("Connection: keep-alive"), CloseReason.BODY_UNTIL_CLOSE),
    (head(LENGTH, CHUNKS), CloseReason.DOUBLE_FRAMING),
    (head(CHUNKS, LENGTH, "Connection: keep-alive"), CloseReason.DOUBLE_FRAMING),
    (head(LENGTH, version="1.0"), CloseReason.OLD_VERSION),
    (head(LENGTH, "Connection: x", version="1.0"), CloseReason.OLD_VERSION),
    (head(LENGTH, "Connection: keep-alive", version="1.0"), None),
    (head(LENGTH, "Connection: x", "Connection: y, Keep-Alive", version="1.0"), None),
    (head(LENGTH, "Connection: keep-alive, close", version="1.0"), CloseReason.REPLY_SAID_CLOSE),
    (head(status=304, version="1.0"), CloseReason.OLD_VERSION),
    (head(CHUNKS, "Connection: keep-alive", version="1.0"), CloseReason.OLD_CHUNKED),
    (head(LENGTH, version="1.5"), None),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "reason"), REASONS)
def test_a_connection_persists_or_there_is_a_reason(reply, reason):
    assert close_reason(reply, response_framing("GET", reply)) is reason


def test_a_reply_to_head_persists_whatever_its_body_would_have_been():
    assert close_reason(head(LENGTH, CHUNKS), NO_BODY) is None
    assert close_reason(head(), NO_BODY) is None


def test_every_reason_is_a_sentence_of_its_own():
    sentences = [reason.value for reason in CloseReason]
    assert len(set(sentences)) == len(CloseReason)
    assert all(" " in sentence and not sentence.endswith(".") for sentence in sentences)
