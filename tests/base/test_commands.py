"""The table of commands, held against the IANA HTTP Method Registry."""

from __future__ import annotations

import pickle

import pytest

from mini_http.base.commands import COMMANDS, Command, command

# Method · safe · idempotent, as registered; PRI and * are registered too, but never sent.
REGISTRY = """
    ACL                no  yes      MKCOL              no  yes      REBIND             no  yes
    BASELINE-CONTROL   no  yes      MKREDIRECTREF      no  yes      REPORT             yes yes
    BIND               no  yes      MKWORKSPACE        no  yes      SEARCH             yes yes
    CHECKIN            no  yes      MOVE               no  yes      TRACE              yes yes
    CHECKOUT           no  yes      OPTIONS            yes yes      UNBIND             no  yes
    CONNECT            no  no       ORDERPATCH         no  yes      UNCHECKOUT         no  yes
    COPY               no  yes      PATCH              no  no       UNLINK             no  yes
    DELETE             no  yes      POST               no  no       UNLOCK             no  yes
    GET                yes yes      PROPFIND           yes yes      UPDATE             no  yes
    HEAD               yes yes      PROPPATCH          no  yes      UPDATEREDIRECTREF  no  yes
    LABEL              no  yes      PUT                no  yes      VERSION-CONTROL    no  yes
    LINK               no  yes      QUERY              yes yes
    LOCK               no  no       MERGE              no  yes
    MKACTIVITY         no  yes      MKCALENDAR         no  yes
"""
WORDS = REGISTRY.split()
REGISTERED = list(zip(WORDS[::3], WORDS[1::3], WORDS[2::3], strict=True))
UNREGISTERED = {"PURGE", "BAN"}


@pytest.mark.parametrize(("name", "safe", "idempotent"), REGISTERED)
def test_a_registered_method_has_the_flags_of_the_registry(name, safe, idempotent):
    row = command(name)
    assert row in COMMANDS
    assert (row.safe, row.idempotent) == (safe == "yes", idempotent == "yes")


def test_the_table_has_the_registered_methods_and_those_named_here_and_no_name_twice():
    names = [row.name for row in COMMANDS]
    assert len(names) == len(set(names))
    assert set(names) == {name for name, _, _ in REGISTERED} | UNREGISTERED


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_each_row_is_found_by_its_name_and_is_consistent(row):
    assert command(row.name) is row
    assert row.idempotent or not row.safe
    assert row.rfc
    assert row.rfc.startswith("RFC ") == (row.name not in UNREGISTERED)


@pytest.mark.parametrize("name", ["get", "Post", "BREW", "M-SEARCH", "SUBSCRIBE", "NOTIFY", ""])
def test_of_an_unknown_method_nothing_is_assumed(name):
    row = command(name)
    assert row == Command(name)
    assert not any([row.safe, row.idempotent, row.has_request_body, row.opens_tunnel])
    assert row.reply_has_body


def test_what_caches_are_told_by_may_be_sent_again_but_is_not_safe():
    for name in UNREGISTERED:
        assert (command(name).safe, command(name).idempotent) == (False, True)


def test_only_the_reply_to_head_never_has_a_body():
    assert [row.name for row in COMMANDS if not row.reply_has_body] == ["HEAD"]


def test_only_connect_opens_a_tunnel():
    assert [row.name for row in COMMANDS if row.opens_tunnel] == ["CONNECT"]


@pytest.mark.parametrize("name", ["POST", "PUT", "PATCH", "QUERY", "PROPPATCH", "REPORT", "LOCK"])
def test_methods_whose_body_has_a_meaning_say_so_when_it_is_absent(name):
    assert command(name).has_request_body


@pytest.mark.parametrize("name", ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT", "COPY"])
def test_methods_whose_body_has_no_meaning_say_nothing_when_it_is_absent(name):
    assert not command(name).has_request_body


def test_rows_survive_pickling():
    assert pickle.loads(pickle.dumps(command("PROPFIND"))) == command("PROPFIND")
