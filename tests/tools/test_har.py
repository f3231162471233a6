"""HAR files: written as the format says, read back equal, and read as browsers write them."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mini_http.tools import har
from mini_http.tools.har import Exchange, plain_body, read_har, uncoded, write_har

URL = "http://example.com/"


def read(exchange: Exchange) -> Exchange:
    """What comes back of one exchange that was written."""
    (back,), _ = read_har(write_har([exchange]).encode())
    return back


def entry(exchange: Exchange) -> dict:
    return json.loads(write_har([exchange]))["log"]["entries"][0]


def reply(body: bytes = b"", *fields: tuple[str, str], **others) -> Exchange:
    return Exchange("GET", URL, status=200, reason="OK", fields=fields, body=body, **others)


# --- there and back

names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"))
codings = ["gzip", "br", "unknown", "identity"]
fields = st.lists(
    st.one_of(
        st.tuples(names, values),
        st.tuples(st.just("Content-Encoding"), st.sampled_from(codings)),
        st.tuples(st.just("Content-Type"), st.sampled_from(["text/html; charset=utf-16", "a/b"])),
    )
).map(tuple)
microseconds = st.integers(0, 10**8).map(lambda count: count / 1_000_000)


@given(
    st.builds(
        Exchange,
        method=st.sampled_from(["GET", "POST", "PURGE"]),
        url=st.sampled_from([URL, f"{URL}?a=b&c", "http+unix://%2Frun/x", "https://h:1/é"]),
        sent_fields=fields,
        sent_body=st.none() | st.binary(),
        version=st.sampled_from([10, 11]),
        status=st.integers(100, 599),
        reason=values,
        fields=fields,
        body=st.binary() | st.binary().map(gzip.compress) | st.text().map(str.encode),
        error=st.sampled_from(["", "ReadTimedOut: timed out"]),
        started=st.integers(0, 2**32).map(float),
        waited=microseconds,
        received=microseconds,
    )
)
def test_what_was_written_is_read_back_equal(exchange):
    back = read(exchange)
    assert back.replace(waited=0, received=0) == exchange.replace(waited=0, received=0)
    assert (back.waited, back.received) == pytest.approx((exchange.waited, exchange.received))


def test_a_part_of_a_body_is_known_to_be_one():
    assert read(reply(b"begin", is_whole=False)).is_whole is False
    assert read(reply(b"", is_whole=False)).is_whole is False
    assert read(reply(b"whole")).is_whole is True


def test_the_length_of_a_body_that_was_read_in_part_stays():
    part = reply(b"begin", ("Content-Length", "1000"), is_whole=False)
    assert read(part) == part


def test_an_exchange_without_a_reply_says_so():
    failed = Exchange("GET", URL, error="ConnectFailed: refused")
    assert read(failed) == failed
    assert read(Exchange("GET", URL)).error == "no reply"


def test_names_of_secrets_are_read_back():
    assert read_har(write_har([], {"b", "a"}).encode()) == ([], ["a", "b"])


# --- as the format says

NUMBER = (int, float)
REQUIRED = {
    "log": {"version": str, "creator": dict, "entries": list},
    "creator": {"name": str, "version": str},
    "entry": {
        "startedDateTime": str,
        "time": NUMBER,
        "request": dict,
        "response": dict,
        "cache": dict,
        "timings": dict,
    },
    "request": {
        "method": str,
        "url": str,
        "httpVersion": str,
        "cookies": list,
        "headers": list,
        "queryString": list,
        "headersSize": NUMBER,
        "bodySize": NUMBER,
    },
    "response": {
        "status": NUMBER,
        "statusText": str,
        "httpVersion": str,
        "cookies": list,
        "headers": list,
        "content": dict,
        "redirectURL": str,
        "headersSize": NUMBER,
        "bodySize": NUMBER,
    },
    "content": {"size": NUMBER, "mimeType": str},
    "postData": {"mimeType": str, "text": str},
    "timings": {"send": NUMBER, "wait": NUMBER, "receive": NUMBER},
    "pair": {"name": str, "value": str},
}
"""The fields that HAR 1.2 requires, and their types."""

OPTIONAL = {
    "log": {"browser", "pages", "comment"},
    "entry": {"pageref", "serverIPAddress", "connection", "comment"},
    "request": {"postData", "comment"},
    "response": {"comment"},
    "content": {"compression", "text", "encoding", "comment"},
    "postData": {"params", "comment"},
}


def check(kind: str, value: dict) -> None:
    for name, type_ in REQUIRED[kind].items():
        assert isinstance(value[name], type_), f"{kind}.{name}"
    known = REQUIRED[kind].keys() | OPTIONAL.get(kind, set())
    assert all(name in known or name.startswith("_") for name in value), f"{kind}: {list(value)}"


def check_har(text: str) -> None:
    """Checks that a file is as HAR 1.2 has it."""
    log = json.loads(text)["log"]
    check("log", log)
    check("creator", log["creator"])
    assert log["version"] == "1.2"
    for entry in log["entries"]:
        request, response, timings = entry["request"], entry["response"], entry["timings"]
        check("entry", entry)
        check("request", request)
        check("response", response)
        check("content", response["content"])
        check("timings", timings)
        if "postData" in request:
            check("postData", request["postData"])
        for message in (request, response):
            for pair in message["cookies"] + message["headers"]:
                check("pair", pair)
        for pair in request["queryString"]:
            check("pair", pair)
        assert datetime.fromisoformat(entry["startedDateTime"]).tzinfo is not None
        assert entry["time"] == sum(spent for spent in timings.values() if spent != -1)
        assert min(timings["send"], timings["wait"], timings["receive"]) >= 0


EXCHANGES = [
    reply(b"text", ("Content-Type", "text/html; charset=latin-1"), waited=0.1234567, received=0.02),
    reply(b"\xff\0"),
    reply(gzip.compress(b"text"), ("Content-Encoding", "gzip"), ("Set-Cookie", "a=b; Path=/")),
    reply(b"begin", is_whole=False, error="IncompleteRead: cut"),
    Exchange("POST", f"{URL}?a=b&c", (("Cookie", "d=e; f"),), b"a=1"),
    Exchange("PUT", URL, sent_body=b"\xff"),
    Exchange("PUT", URL, sent_body=None, status=413),
]


@pytest.mark.parametrize("exchange", EXCHANGES, ids=range(len(EXCHANGES)))
def test_a_file_has_what_the_format_requires(exchange):
    check_har(write_har([exchange, exchange], ["key"]))


def test_a_file_is_readable_text():
    text = write_har([reply("größer 漢字".encode(), ("Content-Type", "text/plain"))])
    assert "größer 漢字" in text
    assert text.endswith("}\n")


@pytest.mark.parametrize(
    ("body", "content_type", "text", "encoding"),
    [
        (b"plain", "text/plain", "plain", None),
        ("é".encode(), "", "é", None),
        ("é".encode("latin-1"), "text/plain; charset=iso-8859-1", "é", None),
        ("é".encode("latin-1"), "text/plain", "6Q==", "base64"),
        ("é".encode(), "text/plain; charset=unknown", "é", None),
        (b"\x00\xff", "image/png", "AP8=", "base64"),
        ("\ufeffbom".encode(), "text/plain", "\ufeffbom", None),
        ("a".encode("utf-16"), "text/plain; charset=utf-16", "a", None),
        ("".encode("utf-16"), "text/plain; charset=utf-16", "//4=", "base64"),
    ],
)
def test_text_is_kept_as_text_and_all_else_as_base64(body, content_type, text, encoding):
    exchange = reply(body, ("Content-Type", content_type))
    content = entry(exchange)["response"]["content"]
    assert (content["text"], content.get("encoding")) == (text, encoding)
    assert content["mimeType"] == content_type or "x-unknown"
    assert read(exchange).body == body


def test_a_body_that_is_sent_says_how_it_is_encoded_under_a_name_of_our_own():
    post = entry(Exchange("PUT", URL, (("Content-Type", "a/b"),), b"\xff"))["request"]["postData"]
    assert post == {"mimeType": "a/b", "text": "/w==", "_encoding": "base64"}


def test_a_coded_body_is_there_decoded_and_as_it_came():
    coded = gzip.compress(b"plain" * 100)
    written = entry(reply(coded, ("Content-Encoding", "gzip"), ("Content-Type", "text/plain")))
    content = written["response"]["content"]
    assert (content["text"], content["size"]) == ("plain" * 100, 500)
    assert content["compression"] == 500 - len(coded)
    assert base64.b64decode(content["_coded"]) == coded
    assert written["response"]["bodySize"] == len(coded)


@pytest.mark.parametrize("coding", ["gzip", "unknown"])
def test_a_body_that_can_not_be_decoded_is_there_as_it_came(coding):
    content = entry(reply(b"broken", ("Content-Encoding", coding)))["response"]["content"]
    assert "text" not in content
    assert base64.b64decode(content["_coded"]) == b"broken"


def test_a_body_that_decodes_to_too_much_is_not_decoded(monkeypatch):
    monkeypatch.setattr(har, "MOST_DECODED", 1000)
    bomb = reply(gzip.compress(b"\0" * 1001), ("Content-Encoding", "gzip"))
    assert plain_body(bomb) is None
    assert read(bomb) == bomb


def test_queries_and_cookies_are_listed():
    exchange = Exchange(
        "GET",
        f"{URL}?a=b+c&d=&e#f=g",
        sent_fields=(("Cookie", "h=i; j = k=l"),),
        status=302,
        fields=(("Set-Cookie", "m=n; Path=/"), ("set-cookie", "o"), ("Location", "/p")),
    )
    written = entry(exchange)
    pairs = [(pair["name"], pair["value"]) for pair in written["request"]["queryString"]]
    assert pairs == [("a", "b c"), ("d", ""), ("e", "")]
    pairs = [(pair["name"], pair["value"]) for pair in written["request"]["cookies"]]
    assert pairs == [("h", "i"), ("j", "k=l")]
    pairs = [(pair["name"], pair["value"]) for pair in written["response"]["cookies"]]
    assert pairs == [("m", "n"), ("o", "")]
    assert written["response"]["redirectURL"] == "/p"


# --- as others write them


def browsers_entry(content: dict, headers: list | None = None, **others) -> dict:
    """An entry with what browsers put into one, and as little else as possible."""
    request = {
        "method": "GET",
        "url": "https://example.com/#top",
        "httpVersion": "h2",
        "headers": [{"name": ":authority", "value": "example.com"}],
        "queryString": [],
        "cookies": [],
        "headersSize": -1,
        "bodySize": 0,
    }
    response = {
        "status": 200,
        "statusText": "",
        "httpVersion": "h2",
        "headers": headers or [],
        "cookies": [],
        "content": content,
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
        "_transferSize": 300,
    }
    return {
        "_initiator": {"type": "other"},
        "startedDateTime": "2024-05-01T12:00:00.123Z",
        "time": 12.5,
        "request": request | others.pop("request", {}),
        "response": response | others.pop("response", {}),
        "cache": {},
        "timings": {"blocked": -1, "dns": 1, "send": 0.1, "wait": 10, "receive": -1, "ssl": -1},
    } | others


def browsers_har(*entries: dict) -> bytes:
    log = {"version": "1.2", "creator": {"name": "a browser", "version": "1"}, "entries": entries}
    return b"\xef\xbb\xbf" + json.dumps({"log": log}).encode()


def read_browsers(content: dict, headers: list | None = None, **others) -> Exchange:
    (exchange,), secrets = read_har(browsers_har(browsers_entry(content, headers, **others)))
    assert secrets == []
    return exchange


def pair(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def test_a_browsers_reply_is_read():
    exchange = read_browsers({"size": 5, "mimeType": "text/html", "text": "hello"})
    assert (exchange.url, exchange.version, exchange.status) == ("https://example.com/", 11, 200)
    assert (exchange.body, exchange.is_whole, exchange.sent_fields) == (b"hello", True, ())
    assert (exchange.waited, exchange.received) == (0.01, 0)
    assert datetime.fromtimestamp(exchange.started).microsecond == 123_000


def test_what_a_browser_decoded_is_not_called_coded_any_more():
    headers = [
        pair("content-encoding", "br"),
        pair("content-length", "3"),
        pair("content-type", "text/html; charset=iso-8859-1"),
    ]
    content = {"size": 6, "mimeType": "text/html; charset=iso-8859-1", "text": "größer"}
    exchange = read_browsers(content, headers)
    assert exchange.body == "größer".encode("latin-1")
    assert exchange.fields == (
        ("content-length", "6"),
        ("content-type", "text/html; charset=iso-8859-1"),
    )


def test_text_that_its_charset_has_not_is_utf_8():
    content = {"size": 3, "mimeType": "text/html; charset=ascii", "text": "é\ud800"}
    assert read_browsers(content).body == b"\xc3\xa9\xed\xa0\x80"


def test_base64_is_read():
    content = {"size": 2, "mimeType": "image/png", "text": "AP8=", "encoding": "base64"}
    assert read_browsers(content).body == b"\0\xff"


def test_fields_that_a_browser_joined_are_several():
    headers = [pair("set-cookie", "a=1\nb=2"), pair(":status", "200")]
    assert read_browsers({"size": 0}, headers).fields == (
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    )


@pytest.mark.parametrize(
    ("content", "is_whole"),
    [
        ({"size": 9, "mimeType": "text/html"}, False),
        ({"size": 0, "mimeType": "text/html"}, True),
        ({"size": -1, "mimeType": "text/html"}, True),
        ({}, True),
    ],
)
def test_a_body_that_the_browser_left_out_is_missing(content, is_whole):
    assert read_browsers(content).is_whole is is_whole


def test_a_request_that_failed_in_the_browser_has_its_words():
    failed = {"status": 0, "_error": "net::ERR_NAME_NOT_RESOLVED"}
    exchange = read_browsers({"size": 0}, response=failed)
    assert (exchange.status, exchange.error) == (0, "net::ERR_NAME_NOT_RESOLVED")


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        ({"postData": {"mimeType": "text/plain", "text": "a=1"}}, b"a=1"),
        ({"postData": {"mimeType": "a/b", "text": "/w==", "encoding": "base64"}}, b"\xff"),
        ({"postData": {"mimeType": "a/b", "params": [pair("a", "1")]}}, None),
        ({"bodySize": 12}, None),
        ({"bodySize": -1}, None),
        ({"bodySize": 0}, b""),
    ],
)
def test_bodies_that_a_browser_sent_are_known_or_not(request_, body):
    assert read_browsers({"size": 0}, request=request_).sent_body == body


def test_what_is_not_http_is_passed_over():
    others = ["data:,x", "wss://example.com/", "blob:https://example.com/1"]
    entries = [browsers_entry({"size": 0}, request={"url": url}) for url in others]
    assert read_har(browsers_har(*entries)) == ([], [])


# --- what is no such file


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"", "the file"),
        (b"\xff\xfe", "the file"),
        (b"[]", "the file"),
        (b'{"log": {}}', "the file"),
        (b'{"log": {"entries": [{}]}}', "entry 1"),
        (browsers_har(browsers_entry({}), browsers_entry({}, startedDateTime="now")), "entry 2"),
        (browsers_har(browsers_entry({"text": "x", "encoding": "base64"})), "entry 1"),
        (browsers_har(browsers_entry({}, timings={"wait": 10**400})), "entry 1"),
        (b'{"log": {"entries": [], "_secrets": [1]}}', "_secrets"),
        (b"[" * 100_000, "the file is nested too deeply"),
    ],
    ids=range(10),
)
def test_a_file_that_is_none_is_refused_by_name_of_the_place(data, where):
    with pytest.raises(ValueError, match=where):
        read_har(data)


# --- content codings


def test_an_exchange_becomes_uncoded():
    coded = reply(
        gzip.compress(b"plain"), ("Content-Encoding", "gzip"), ("Content-Length", "1"), ("X", "y")
    )
    assert plain_body(coded) == b"plain"
    plain = uncoded(coded, b"plain")
    assert (plain.body, plain.fields) == (b"plain", (("Content-Length", "5"), ("X", "y")))
    assert uncoded(reply(b"coded", ("content-encoding", "br")), b"plain") == reply(b"plain")
    assert plain_body(plain) == b"plain"
