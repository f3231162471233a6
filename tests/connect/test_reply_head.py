"""The head of the reply that a connection brings next: whole, in pieces, cut, late, or none."""

from __future__ import annotations

import itertools
import ssl
from time import monotonic

import pytest
from support.streams import ScriptedStream, every_cut, every_split
from support.waits import PATIENCE, SOON

from mini_http.base.errors import (
    BadField,
    BadStatusLine,
    ConnectionBroken,
    IncompleteRead,
    LimitExceeded,
    ReadTimedOut,
    RemoteDisconnected,
    UnknownProtocol,
)
from mini_http.base.headers import Headers
from mini_http.base.heads import ResponseHead
from mini_http.base.limits import Limits
from mini_http.connect.reply_head import (
    InterimReplies,
    is_interim,
    receive_final_head,
    receive_head,
)
from mini_http.connect.simple_client import SimpleClient

OK = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class CutTLS(ScriptedStream):
    """TLS whose end comes without a word."""

    def __init__(self, pieces=()):
        super().__init__(pieces, "reset")

    def recv(self, size, flags=0):
        try:
            return super().recv(size, flags)
        except ConnectionResetError:
            raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "EOF occurred") from None


def head_of(status):
    return ResponseHead(11, status, "", Headers(), {})


# --- one head


@pytest.mark.parametrize("pieces", list(every_split(OK)))
def test_a_head_may_come_in_any_pieces(fed, pieces):
    head = receive_head(fed(pieces))
    assert (head.version, head.status, head.reason) == (11, 200, "OK")
    assert head.headers.items() == [("Server", "x")]


@pytest.mark.parametrize("pieces", list(every_split(OK + b"body")))
def test_what_follows_a_head_is_left(fed, pieces):
    client = fed(pieces)
    assert receive_head(client).status == 200
    assert client.read() == b"body"


def test_an_interim_head_is_a_head_too(fed):
    client = fed(HINTS + OK)
    assert [receive_head(client).status, receive_head(client).status] == [103, 200]


def test_a_head_that_comes_before_its_time_is_received(fed):
    assert receive_head(fed(OK, timeout=None), monotonic() + PATIENCE).status == 200


def test_a_server_that_closes_before_the_head_is_told(fed):
    client = fed([])
    with pytest.raises(RemoteDisconnected):
        receive_head(client)
    assert client.closed


@pytest.mark.parametrize("begun", [begun for begun in every_cut(OK) if begun])
@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_head_that_is_cut_is_told_with_what_came(fed, begun, end):
    client = fed(begun, end)
    with pytest.raises(IncompleteRead) as caught:
        receive_head(client)
    assert caught.value.partial == begun
    assert client.closed


@pytest.mark.parametrize("begun", list(every_cut(OK)))
def test_a_head_that_comes_too_late_is_told_and_can_be_waited_for_again(begun):
    stream = ScriptedStream([begun], "timeout")
    client = SimpleClient.over(stream, timeout=PATIENCE)
    with pytest.raises(ReadTimedOut):
        receive_head(client)
    assert client.peek() == begun
    assert not client.closed


def test_a_head_that_is_not_there_before_its_time_is_late(fed):
    client = fed(OK)
    with pytest.raises(ReadTimedOut):
        receive_head(client, monotonic() - 1)
    assert receive_head(client).status == 200


@pytest.mark.parametrize("end", ["close", "reset", "timeout"])
@pytest.mark.parametrize(
    ("begun", "fault"),
    [
        (b"220 ready", BadStatusLine),
        (b"HTTX", BadStatusLine),
        (b"HTTP/2 200", UnknownProtocol),
        (b"HTTP/1.1 OK\r\n", BadStatusLine),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 4, LimitExceeded),
        (b"HTTP/1.1 200 OK\r\n" + b"A" * 65, LimitExceeded),
    ],
)
def test_what_is_no_head_as_far_as_it_came_is_called_so(fed, begun, fault, end):
    client = fed(begun, end, limits=Limits(fields=3, line_bytes=64))
    with pytest.raises(fault):
        receive_head(client)


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        (b"220 ready\r\n\r\n", BadStatusLine),
        (b"HTTP/3 200\r\n\r\n", UnknownProtocol),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", BadField),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 4 + b"\r\n", LimitExceeded),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 200 + b"\r\n\r\n", LimitExceeded),
        (b"HTTP/1.1 200 OK\r\n" + b"A" * 200, LimitExceeded),
    ],
)
def test_a_whole_head_with_a_fault_is_refused(fed, block, fault):
    client = fed(block, limits=Limits(head_bytes=128, fields=3))
    with pytest.raises(fault):
        receive_head(client)


# --- a connection that breaks


def test_a_connection_that_breaks_before_the_head_is_broken(fed):
    with pytest.raises(ConnectionBroken) as caught:
        receive_head(fed([], "reset"))
    assert isinstance(caught.value.reason, ConnectionResetError)


def test_tls_that_ends_without_a_word_before_the_head_is_a_server_that_has_gone():
    client = SimpleClient.over(CutTLS())
    client.stage = "sent"
    with pytest.raises(RemoteDisconnected) as caught:
        receive_head(client)
    assert caught.value.state == "sent"
    assert isinstance(caught.value.__cause__, ConnectionBroken)
    assert client.closed


def test_tls_that_ends_without_a_word_within_the_head_has_cut_it():
    with pytest.raises(IncompleteRead) as caught:
        receive_head(SimpleClient.over(CutTLS([OK[:20]])))
    assert caught.value.partial == OK[:20]


# --- the final head


@pytest.mark.parametrize("timeout", [PATIENCE, None])
@pytest.mark.parametrize("before", [[], [100], [103, 100], [102, 103, 103]])
@pytest.mark.parametrize("status", [101, 200, 404])
def test_interim_replies_are_noted_and_the_final_one_is_returned(fed, before, status, timeout):
    pieces = [b"HTTP/1.1 %d \r\n\r\n" % each for each in [*before, status]]
    noted = []
    head = receive_final_head(fed(pieces, timeout=timeout), noted.append)
    assert head.status == status
    assert [each.status for each in noted] == before


@pytest.mark.parametrize("pieces", list(every_split(CONTINUE + HINTS + OK + b"body")))
def test_interim_replies_may_come_in_any_pieces(fed, pieces):
    client, noted = fed(pieces), []
    assert receive_final_head(client, noted.append).status == 200
    assert [head.status for head in noted] == [100, 103]
    assert client.read() == b"body"


def test_interim_replies_without_end_do_not_last_longer_than_the_timeout(fed):
    client = fed(itertools.repeat(HINTS), timeout=SOON)
    with pytest.raises(ReadTimedOut):
        receive_final_head(client, lambda head: None)


def test_a_server_that_closes_after_an_interim_reply_has_gone(fed):
    noted = []
    with pytest.raises(RemoteDisconnected):
        receive_final_head(fed(HINTS), noted.append)
    assert [head.status for head in noted] == [103]


def test_what_noting_raises_is_raised(fed):
    replies = InterimReplies(Limits(interim_replies=2))
    with pytest.raises(LimitExceeded):
        receive_final_head(fed(HINTS * 3 + OK), replies.note)


# --- interim replies


@pytest.mark.parametrize(
    ("status", "is_one"),
    [(100, True), (101, False), (102, True), (103, True), (199, True), (200, False), (599, False)],
)
def test_a_status_below_200_is_of_an_interim_reply_but_not_101(status, is_one):
    assert is_interim(head_of(status)) is is_one


def test_each_interim_reply_is_offered_to_the_hook_up_to_the_limit():
    offered = []
    replies = InterimReplies(Limits(interim_replies=2), offered.append)
    heads = [head_of(100), head_of(102)]
    for head in heads:
        replies.note(head)
    assert offered == heads
    with pytest.raises(LimitExceeded, match="more than 2 interim replies"):
        replies.note(head_of(103))
    assert offered == heads


def test_interim_replies_are_counted_without_a_hook():
    replies = InterimReplies(Limits(interim_replies=1))
    replies.note(head_of(100))
    assert replies.seen == 1
    with pytest.raises(LimitExceeded):
        replies.note(head_of(100))
