"""The options: from arguments to values, and what makes no sense is refused with words."""

from __future__ import annotations

import pytest

from mini_http.tools.failures import UsageError
from mini_http.tools.options import Options, all_options, help_text, parse

URL = "http://a/"


def test_a_url_alone_leaves_all_options_as_they_are() -> None:
    assert parse([URL]) == Options(urls=(URL,))


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        ("-X PURGE", "request", "PURGE"),
        ("--request=PURGE", "request", "PURGE"),
        ("-XPURGE", "request", "PURGE"),
        ("-X A -X B", "request", "B"),
        ("-I", "head", True),
        ("-A agent", "user_agent", "agent"),
        ("-e http://b/", "referer", "http://b/"),
        ("-r 0-9", "range", "0-9"),
        ("--no-compressed", "no_compressed", True),
        ("-d a -d -b", "data", (("data", "a"), ("data", "-b"))),
        ("--json 1 --data-raw @", "data", (("json", "1"), ("data-raw", "@"))),
        ("-T -", "upload_file", "-"),
        ("-L", "location", True),
        ("--max-redirs 0", "max_redirs", 0),
        ("-o a", "output", ("a",)),
        ("-O", "remote_name", True),
        ("-sSf", "show_error", True),
        ("-sSfofile", "output", ("file",)),
        ("-m 1.5", "max_time", 1.5),
        ("--connect-timeout 2", "connect_timeout", 2.0),
        ("--cacert ca.pem", "cacert", "ca.pem"),
        ("--explain", "explain", True),
        ("-H A:b", "header", (("A", "b"),)),
        ("-H a:b:c -H Empty; -H Gone:", "header", (("a", "b:c"), ("Empty", ""), ("Gone", None))),
    ],
)
def test_each_option_has_its_field(arguments: str, field: str, value: object) -> None:
    assert getattr(parse([*arguments.split(), URL]), field) == value


def test_options_and_urls_may_stand_in_any_order() -> None:
    options = parse(["http://a/", "-v", "http://b/", "--", "-c"])
    assert options.verbose
    assert options.urls == ("http://a/", "http://b/", "-c")


def test_every_row_sets_a_field_of_options() -> None:
    for row in all_options():
        assert row.target in Options._fields
    given = {row.target for row in all_options()}
    assert given == set(Options._fields) - {"urls"}


def test_no_letter_or_name_stands_twice() -> None:
    rows = list(all_options())
    letters = [row.letter for row in rows if row.letter]
    names = [row.name for row in rows]
    assert len(set(letters)) == len(letters)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "no URL given"),
        ("-Q u", "option -Q not recognized"),
        ("--nonsense u", "option --nonsense not recognized"),
        ("u -o", "option -o requires argument"),
        ("u -o a -o b", "there are more -o than URLs"),
        ("u -T f -d a", "-T and -d both give the body"),
        ("u -I -d a", "-I asks for the head alone, -d sends a body"),
        ("u -I -T f", "-I asks for the head alone"),
        ("u --key k", "--key is of no use without --cert"),
        ("u -H nonsense", "-H takes 'Name: value', not 'nonsense'"),
        ("u -H :value", "-H takes 'Name: value', not ':value'"),
        ("u -H hOST:", "hOST is part of every request that needs it: -H can't remove it"),
        ("u -m 0", "-m takes SECONDS, not '0'"),
        ("u -m inf", "-m takes SECONDS, not 'inf'"),
        ("u -m nan", "-m takes SECONDS, not 'nan'"),
        ("u --connect-timeout soon", "--connect-timeout takes SECONDS, not 'soon'"),
        ("u --max-redirs -1", "--max-redirs takes NUMBER, not '-1'"),
        ("u --max-redirs 9999999999", "--max-redirs takes NUMBER, not '9999999999'"),
        ("u -w %{nothing}", "-w knows no variable 'nothing'"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: str, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(arguments.split())
    assert str(raised.value).startswith(words)


@pytest.mark.parametrize("flag", ["-o", "-T", "--cacert"])
def test_a_file_needs_a_name(flag: str) -> None:
    with pytest.raises(UsageError, match=f"^{flag} needs the name of a file$"):
        parse([URL, flag, ""])


def test_data_may_be_empty() -> None:
    assert parse([URL, "-d", ""]).data == (("data", ""),)


def test_the_head_of_a_query_may_be_asked_for() -> None:
    assert parse([URL, "-I", "-G", "-d", "a"]).head


@pytest.mark.parametrize(
    ("flags", "shows"), [("", True), ("-s", False), ("-S", True), ("-sS", True)]
)
def test_errors_are_shown_unless_silent(flags: str, shows: bool) -> None:
    assert parse([URL, *flags.split()]).shows_errors is shows


@pytest.mark.parametrize("flag", ["-h", "--help", "--version"])
def test_help_needs_no_url(flag: str) -> None:
    options = parse([flag])
    assert options.help or options.version


def test_the_help_is_short_and_has_every_option() -> None:
    text = help_text()
    lines = text.splitlines()
    assert len(lines) < 60
    assert max(map(len, lines)) <= 100
    assert all(row.flags in text and row.help in text for row in all_options())
