"""`-w`: formats, and the facts of a transfer."""

from __future__ import annotations

import pytest

from mini_http.codec.heads import read_response_head
from mini_http.exchange.body import BodyReader
from mini_http.exchange.response import HTTPResponse
from mini_http.tools.failures import UsageError
from mini_http.tools.transfer import Transfer
from mini_http.tools.write_out import VARIABLES, compiled, written


def a_transfer() -> Transfer:
    """One that is over: two replies came, the second is the last."""
    head = b"HTTP/1.1 302 x\r\nContent-Type: text/x\x9b\r\nLocation: /c\r\nX: 1\r\nx: 2\r\n\r\n"
    reply = HTTPResponse.of(read_response_head(head), BodyReader())
    reply.url = "http://me:secret@a/b"
    reply.history = (reply,)
    transfer = Transfer("a", 2)
    transfer.response = reply
    transfer.heads = (b"HTTP/1.1 302 x\r\n\r\n", b"HTTP/1.1 302 x\r\nA: b\r\nC: d\r\n\r\n")
    transfer.size, transfer.uploaded, transfer.seconds = 30, 10, 2.0
    transfer.connects = 1
    transfer.remote, transfer.local = ("1.2.3.4", 80), ("::1", 1234)
    transfer.method, transfer.file_name = "GET", "file"
    transfer.connected_after, transfer.secured_after = 0.25, 0.5
    transfer.replied_after = 0.75
    transfer.exit_code, transfer.complaint, transfer.verify_code = 18, "cut", 10
    return transfer


FACTS = {
    "http_code": "302",
    "response_code": "302",
    "http_version": "1.1",
    "content_type": "text/x?",
    "num_headers": "2",
    "size_header": "48",
    "size_download": "30",
    "speed_download": "15",
    "filename_effective": "file",
    "method": "GET",
    "scheme": "http",
    "url": "http://a",
    "url_effective": "http://a/b",
    "urlnum": "2",
    "size_upload": "10",
    "speed_upload": "5",
    "num_redirects": "1",
    "redirect_url": "http://me:secret@a/c",
    "num_connects": "1",
    "remote_ip": "1.2.3.4",
    "remote_port": "80",
    "local_ip": "::1",
    "local_port": "1234",
    "ssl_verify_result": "10",
    "time_connect": "0.250000",
    "time_appconnect": "0.500000",
    "time_starttransfer": "0.750000",
    "time_total": "2.000000",
    "exitcode": "18",
    "errormsg": "cut",
}

NOTHING = FACTS | {
    "http_code": "000",
    "response_code": "000",
    "http_version": "0",
    "content_type": "",
    "num_headers": "0",
    "size_header": "0",
    "size_download": "0",
    "speed_download": "0",
    "filename_effective": "",
    "method": "",
    "url_effective": "http://a",
    "urlnum": "0",
    "size_upload": "0",
    "speed_upload": "0",
    "num_redirects": "0",
    "redirect_url": "",
    "num_connects": "0",
    "remote_ip": "",
    "remote_port": "0",
    "local_ip": "",
    "local_port": "0",
    "ssl_verify_result": "0",
    "time_connect": "0.000000",
    "time_appconnect": "0.000000",
    "time_starttransfer": "0.000000",
    "time_total": "0.000000",
    "exitcode": "0",
    "errormsg": "",
}


@pytest.mark.parametrize("name", VARIABLES)
def test_each_variable_gives_its_fact(name: str) -> None:
    assert written(compiled(f"%{{{name}}}"), a_transfer()) == FACTS[name]


@pytest.mark.parametrize("name", VARIABLES)
def test_without_a_reply_facts_are_empty_or_nought(name: str) -> None:
    assert written(compiled(f"%{{{name}}}"), Transfer("a")) == NOTHING[name]


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        (r"a\nb\tc\rd", "a\nb\tc\rd"),
        (r"\x \\n", "\\x \\\n"),
        ("100%% %", "100% %"),
        ("%%{http_code}", "%{http_code}"),
        ("<%{http_code}>%{method}", "<302>GET"),
        ("%header{X}, %header{none}.", "1, 2, ."),
        ("%header{content-type}", "text/x?"),
        ("%{http_code", "%{http_code"),
    ],
)
def test_formats_are_text_with_facts_in_it(format: str, text: str) -> None:
    assert written(compiled(format), a_transfer()) == text


def test_an_unknown_variable_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError) as raised:
        compiled("%{http_code} %{nope}")
    assert "'nope'" in str(raised.value)
    assert all(name in str(raised.value) for name in VARIABLES)
