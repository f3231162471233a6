"""HAR 1.2, the file format of recorded HTTP: `write_har` and `read_har`, mirror images.

An Exchange is one request and its reply as they went over the wire, less the framing. `write_har`
makes a file's text of some, `read_har` gives them back equal. Nothing here waits, opens a file or
hides a secret.

Text is kept as text, so that the files can be read and compared; other bytes as base64. A coded
body stands there twice: decoded, as the format wants it, and in `_coded` as it came. Such names
with an underscore are our own, as the format allows; other programs pass over them.

Browsers write files of this kind as well ("Save all as HAR"). Of theirs are taken: replies without
a recorded body, decoded bodies under a Content-Encoding, several fields in one, HTTP/2's names.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.headers import Headers
from mini_http.base.limits import Limits
from mini_http.base.parameters import is_charset
from mini_http.base.value import Value
from mini_http.base.version import __version__
from mini_http.codec.content_coding import decoder_for
from mini_http.exchange.body import BytesReader
from mini_http.exchange.decoding_reader import DecodingReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Fields = tuple[tuple[str, str], ...]

MOST_DECODED = 64 * 1024 * 1024
"""Bytes that a coded body may have when it is decoded; a larger one is kept coded alone."""

SCHEMES = ("http://", "https://", "http+unix://")
"""How the URLs begin that are read; browsers write data: and wss: too."""


class Exchange(Value):
    """One request and its reply, or what went wrong with it."""

    method: str
    url: str
    """Without a fragment."""
    sent_fields: Fields = ()
    sent_body: bytes | None = b""
    """None where it is not known, or not all of it was sent."""
    version: int = 11
    status: int = 0
    """0 if no reply came."""
    reason: str = ""
    fields: Fields = ()
    body: bytes = b""
    """As it came: coded, if it was."""
    is_whole: bool = True
    """Whether `body` is all of it: who read it may have stopped, or it was cut."""
    error: str = ""
    """What went wrong: the name of an error's class, a colon, and its text."""
    started: float = 0.0
    """When, in seconds since 1970."""
    waited: float = 0.0
    """Seconds from beginning to having the head of the reply."""
    received: float = 0.0
    """Seconds from there to the last byte of the body that came."""


# --- writing


def write_har(exchanges: Iterable[Exchange], secrets: Iterable[str] = ()) -> str:
    """The text of a HAR file. `secrets` are names that its reader has to know of."""
    import json

    log = {
        "version": "1.2",
        "creator": {"name": "mini_http", "version": __version__},
        "pages": [],
        "entries": [_write_entry(exchange) for exchange in exchanges],
        "_secrets": sorted(secrets),
    }
    return json.dumps({"log": log}, ensure_ascii=False, indent=1) + "\n"


def _write_entry(exchange: Exchange) -> dict[str, Any]:
    from datetime import UTC, datetime

    wait, receive = round(exchange.waited * 1000, 3), round(exchange.received * 1000, 3)
    started = datetime.fromtimestamp(exchange.started, UTC)
    return {
        "startedDateTime": started.isoformat(timespec="microseconds"),
        "time": wait + receive,
        "request": _write_request(exchange),
        "response": _write_response(exchange),
        "cache": {},
        # What sending took is within `wait`.
        "timings": {"send": 0, "wait": wait, "receive": receive},
    }


def _write_request(exchange: Exchange) -> dict[str, Any]:
    from urllib.parse import parse_qsl

    body, query = exchange.sent_body, exchange.url.partition("#")[0].partition("?")[2]
    request = {
        "method": exchange.method,
        "url": exchange.url,
        "httpVersion": "HTTP/1.1",
        "cookies": _write_cookies(exchange.sent_fields, "cookie"),
        "headers": _write_pairs(exchange.sent_fields),
        "queryString": _write_pairs(parse_qsl(query, keep_blank_values=True)),
        "headersSize": -1,
        "bodySize": -1 if body is None else len(body),
    }
    if body:
        content_type = Headers.of(exchange.sent_fields).get("content-type", "")
        text = _write_bytes(body, content_type)
        if "encoding" in text:
            text["_encoding"] = text.pop("encoding")  # the format has none of it here
        request["postData"] = {"mimeType": content_type} | text
    return request


def _write_response(exchange: Exchange) -> dict[str, Any]:
    headers = Headers.of(exchange.fields)
    response = {
        "status": exchange.status,
        "statusText": exchange.reason,
        "httpVersion": f"HTTP/1.{exchange.version % 10}" if exchange.status else "",
        "cookies": _write_cookies(exchange.fields, "set-cookie"),
        "headers": _write_pairs(exchange.fields),
        "content": _write_content(exchange, headers),
        "redirectURL": headers.get("location", ""),
        "headersSize": -1,
        "bodySize": len(exchange.body) if exchange.status else -1,
    }
    if exchange.error:
        response["_error"] = exchange.error
    return response


def _write_content(exchange: Exchange, headers: Headers) -> dict[str, Any]:
    content_type = headers.get("content-type", "")
    plain = plain_body(exchange)
    size = len(exchange.body if plain is None else plain)
    content: dict[str, Any] = {"size": size, "mimeType": content_type or "x-unknown"}
    if plain:
        content |= _write_bytes(plain, content_type)
    if "content-encoding" in headers:
        content["compression"] = size - len(exchange.body)
        content["_coded"] = _base64(exchange.body)
    if not exchange.is_whole:
        content["_partial"] = True
        content["comment"] = "not all of the body was read"
    return content


def _write_bytes(data: bytes, content_type: str) -> dict[str, Any]:
    """Text if that gives the same bytes again, else base64."""
    charset = _charset(content_type)
    try:
        text = data.decode(charset)
        if text and text.encode(charset) == data:  # of some charsets nothing is a byte order mark
            return {"text": text}
    except UnicodeError:
        pass
    return {"text": _base64(data), "encoding": "base64"}


def _write_pairs(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _write_cookies(fields: Fields, name: str) -> list[dict[str, str]]:
    """The cookies of Cookie or Set-Cookie, by name and value alone."""
    cookies = []
    for value in Headers.of(fields).get_all(name, []):
        pairs = value.split(";")
        for pair in pairs if name == "cookie" else pairs[:1]:
            key, _, content = pair.partition("=")
            cookies.append((key.strip(), content.strip()))
    return _write_pairs(cookies)


def _base64(data: bytes) -> str:
    from base64 import b64encode

    return b64encode(data).decode()


def _charset(content_type: str) -> str:
    """The charset of a body that may be text; UTF-8 where none, or none that is known, is named."""
    charset = Headers([("content-type", content_type)]).get_content_charset("utf-8")
    return charset if is_charset(charset) else "utf-8"


# --- reading


def read_har(data: bytes) -> tuple[list[Exchange], list[str]]:
    """The exchanges of a HAR file, in its order, and the names of secrets that it was written with.

    Raises ValueError, saying where, for a file that is none.
    """
    import json

    where = "the file"
    try:
        log = json.loads(data.decode("utf-8-sig"))["log"]
        exchanges = []
        for number, entry in enumerate(log["entries"], 1):
            where = f"entry {number}"
            if entry["request"]["url"].startswith(SCHEMES):
                exchanges.append(_read_entry(entry))
        where = "_secrets"
        return exchanges, [name.lower() for name in log.get("_secrets", [])]
    except (LookupError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise ValueError(f"{where} is not as HAR 1.2 has it: {error!r}") from error
    except RecursionError:
        raise ValueError(f"{where} is nested too deeply") from None


def _read_entry(entry: dict[str, Any]) -> Exchange:
    from datetime import datetime

    request, response, timings = entry["request"], entry["response"], entry.get("timings", {})
    content = response.get("content", {})
    status = int(response["status"])
    exchange = Exchange(
        request["method"],
        request["url"].partition("#")[0],
        sent_fields=_read_pairs(request["headers"]),
        sent_body=_read_sent_body(request),
        version=10 if response.get("httpVersion") == "HTTP/1.0" else 11,
        status=status,
        reason=response.get("statusText", ""),
        fields=_read_pairs(response["headers"]),
        body=_read_body(content),
        is_whole=not content.get("_partial") and not _lacks_body(content),
        error=str(response.get("_error") or ("" if status else "no reply")),
        started=datetime.fromisoformat(entry["startedDateTime"]).timestamp(),
        waited=_read_seconds(timings.get("wait")),
        received=_read_seconds(timings.get("receive")),
    )
    is_decoded = "_coded" not in content and content.get("text")
    if is_decoded and "Content-Encoding" in Headers.of(exchange.fields):
        return uncoded(exchange, exchange.body)
    return exchange


def _read_seconds(milliseconds: float | None) -> float:
    """-1 stands for what is not known."""
    return max(0.0, milliseconds or 0.0) / 1000


def _read_sent_body(request: dict[str, Any]) -> bytes | None:
    post = request.get("postData", {})
    if "text" in post:
        return _read_bytes(post, post.get("_encoding") or post.get("encoding"))
    return None if post or request.get("bodySize", 0) != 0 else b""


def _read_body(content: dict[str, Any]) -> bytes:
    if "_coded" in content:
        from base64 import b64decode

        return b64decode(content["_coded"])
    return _read_bytes(content, content.get("encoding"))


def _lacks_body(content: dict[str, Any]) -> bool:
    """Whether there was a body, but the file has none: browsers leave out some."""
    return content.get("size", 0) > 0 and "text" not in content and "_coded" not in content


def _read_bytes(written: dict[str, Any], encoding: str | None) -> bytes:
    text: str = written.get("text") or ""
    if not text:
        return b""
    if encoding == "base64":
        from base64 import b64decode

        return b64decode(text)
    try:
        return text.encode(_charset(written.get("mimeType", "")))
    except UnicodeError:
        return text.encode(errors="surrogatepass")


def _read_pairs(pairs: list[dict[str, str]]) -> Fields:
    """Fields. Some browsers join those of one name with a line feed; ":status" is HTTP/2's."""
    return tuple(
        [
            (pair["name"], value)
            for pair in pairs
            if not pair["name"].startswith(":")
            for value in pair["value"].split("\n")
        ]
    )


# --- content codings


def plain_body(exchange: Exchange) -> bytes | None:
    """The body of a reply, decoded; None if that can't be done, as it is cut or not known how."""
    try:
        coding = Headers.of(exchange.fields).combined("content-encoding") or ""
        decoder = decoder_for(coding, Limits(decoded_bytes=MOST_DECODED))
        if decoder is None:
            return None if coding.strip() else exchange.body
        return DecodingReader(BytesReader(exchange.body), decoder).read_all()
    except base.errors.ProtocolError:
        return None


def uncoded(exchange: Exchange, body: bytes) -> Exchange:
    """The exchange with `body` as its body, which is not coded, and with the fields that say so."""
    headers = Headers.of(exchange.fields)
    del headers["Content-Encoding"]
    if "Content-Length" in headers:
        headers.replace_header("Content-Length", str(len(body)))
    return exchange.replace(fields=tuple(headers.items()), body=body)
