"""The server of uploads tells of bodies of all lengths, and asks for a length."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from support.upload_server import BUFFER_BYTES, KEPT_BYTES, UploadServer

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_leaked_descriptors")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with UploadServer() as server:
        yield server.url


def connect(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)


def account_of(connection: http.client.HTTPConnection, method: str, body: bytes) -> dict[str, Any]:
    fields = {"Content-Length": str(len(body)), "Content-Type": "a/b"}
    connection.request(method, "/", body, fields)
    with connection.getresponse() as reply:
        account: dict[str, Any] = json.load(reply)
        return account


def test_it_tells_the_length_and_the_ends_of_what_was_sent(url: str) -> None:
    lengths = [0, 1, KEPT_BYTES, KEPT_BYTES + 1, 2 * KEPT_BYTES, 3 * BUFFER_BYTES]
    with closing(connect(url)) as connection:
        for length in lengths:
            body = bytes(range(256)) * (length // 256) + b"z" * (length % 256)
            account = account_of(connection, "PUT" if length % 2 else "POST", body)
            rest = body[KEPT_BYTES:]
            assert account == {
                "type": "a/b",
                "length": length,
                "first": base64.b64encode(body[:KEPT_BYTES]).decode(),
                "last": base64.b64encode(rest[-KEPT_BYTES:]).decode(),
            }


def test_who_expects_it_is_told_to_continue(url: str) -> None:
    with closing(connect(url)) as connection:
        connection.putrequest("POST", "/")
        connection.putheader("Expect", "100-continue")
        connection.putheader("Content-Length", "5")
        connection.endheaders()
        assert connection.sock.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.send(b"hello")
        with connection.getresponse() as reply:
            assert json.load(reply)["length"] == 5


def test_a_body_that_is_cut_is_told_of_as_it_came(url: str) -> None:
    with closing(connect(url)) as connection:
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", str(3 * BUFFER_BYTES))
        connection.endheaders(bytes(BUFFER_BYTES))
        connection.sock.shutdown(socket.SHUT_WR)
        with connection.getresponse() as reply:
            assert json.load(reply)["length"] == BUFFER_BYTES


def test_a_body_must_have_a_length(url: str) -> None:
    with closing(connect(url)) as connection:
        connection.request("POST", "/", headers={"Transfer-Encoding": "chunked"})  # and no body
        with connection.getresponse() as reply:
            assert reply.status == 411
