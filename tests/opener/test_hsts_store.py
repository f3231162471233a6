"""HSTSStore: which hosts are known, and the file that curl reads and writes, too."""

import shutil
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from mini_http.opener import hsts_store
from mini_http.opener.hsts_store import LONGEST_AGE, WORTH_SAVING, HSTSStore

YEAR = 365 * 24 * 3600
EVENING = 1_900_000_800.0
"""2030-03-17 18:00 in UTC."""


class Clock:
    now = EVENING

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "known.hsts"


@pytest.mark.parametrize(
    ("asked", "is_known"),
    [
        ("a.example", True),
        ("A.Example.", True),
        ("x.a.example", False),
        ("b.example", True),
        ("x.b.example", True),
        ("z.y.x.b.example", True),
        ("bb.example", False),
        ("example", False),
        ("", False),
    ],
)
def test_a_host_is_known_by_its_name_or_with_one_above_it(asked, is_known):
    store = HSTSStore()
    assert not store.is_known(asked)
    store.remember("a.example", YEAR)
    store.remember("B.Example.", YEAR, include_subdomains=True)
    assert store.is_known(asked) == is_known


def test_one_above_counts_also_where_the_host_itself_has_ended(clock):
    store = HSTSStore(clock=clock)
    store.remember("a.b.example", 1)
    store.remember("b.example", YEAR, True)
    clock.now += 1
    assert store.is_known("a.b.example")


@pytest.mark.parametrize("host", ["127.0.0.1", "1.2.3", "::1", "fe80::1%lo", ""])
def test_addresses_are_never_known(host):
    store = HSTSStore()
    store.remember("1", YEAR, True)
    store.remember("a.example", YEAR, True)
    store.remember(host, YEAR, True)
    assert not store.is_known(host)
    assert len(store) == 1


def test_what_was_known_ends(clock):
    store = HSTSStore(clock=clock)
    store.remember("a.example", 100)
    store.remember("b.example", 10**17)
    clock.now += 99
    assert store.is_known("a.example")
    clock.now += 1
    assert not store.is_known("a.example")
    clock.now = EVENING + LONGEST_AGE
    assert not store.is_known("b.example")


def test_no_seconds_forget_a_host(path, clock):
    store = HSTSStore(path, clock)
    store.remember("a.example", YEAR)
    store.remember("a.example", 0)
    store.remember("b.example", 0)
    assert not store.is_known("a.example")
    assert "a.example" not in path.read_text()


def test_no_more_hosts_are_kept_than_may_be(monkeypatch, path):
    monkeypatch.setattr(hsts_store, "MOST_HOSTS", 3)
    store = HSTSStore(path)
    for days in (5, 2, 4, 3):
        store.remember(f"host{days}.example", days * 24 * 3600)
    assert [store.is_known(f"host{days}.example") for days in (2, 3, 4, 5)] == [False] + 3 * [True]
    assert len(path.read_text().splitlines()) == 1 + 3


# --- the file


def test_what_is_known_is_kept_in_curls_form(path, clock):
    store = HSTSStore(path, clock)
    assert not path.exists()
    store.remember("a.example", 3600)
    store.remember("b.example", YEAR, True)
    assert path.read_text().splitlines()[1:] == [
        'a.example "20300317 19:00:00"',
        '.b.example "20310317 18:00:00"',
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = HSTSStore(str(path), clock)
    assert [again.is_known(host) for host in ("a.example", "x.b.example")] == [True, True]
    clock.now += 3600
    assert not again.is_known("a.example")


def test_a_file_by_curl_is_read(path, clock):
    path.write_text(
        "# Your HSTS cache. https://curl.se/docs/hsts.html\n"
        "\n"
        '.example.org "20310317 18:00:00"\n'
        '  Example.net. "unlimited"  \n'
        'old.example "20200101 00:00:00"'
    )
    store = HSTSStore(path, clock)
    known = [store.is_known(host) for host in ("x.example.org", "example.net", "old.example")]
    assert known == [True, True, False]
    store.remember("new.example", YEAR)
    assert path.read_text().splitlines()[1:] == [
        '.example.org "20310317 18:00:00"',
        'example.net "unlimited"',
        'new.example "20310317 18:00:00"',
    ]


def test_an_entry_is_written_when_it_says_something_new(path, clock):
    store = HSTSStore(path, clock)
    store.remember("a.example", YEAR)
    path.unlink()
    clock.now += WORTH_SAVING
    store.remember("a.example", YEAR)
    assert not path.exists()
    store.save()
    assert path.exists()
    path.unlink()
    store.save()
    assert not path.exists(), "nothing changed since"
    store.remember("a.example", YEAR, True)
    assert path.exists()
    path.unlink()
    clock.now += WORTH_SAVING + 1
    store.remember("a.example", YEAR, True)
    assert path.exists()


def test_what_another_process_has_saved_is_kept(path):
    one, other = HSTSStore(path), HSTSStore(path)
    one.remember("a.example", YEAR)
    other.remember("b.example", YEAR)
    one.remember("a.example", 0)
    other.remember("c.example", YEAR)
    saved = HSTSStore(path)
    assert [saved.is_known(f"{name}.example") for name in "abc"] == [False, True, True]


@pytest.mark.parametrize(
    "line",
    [
        *("password=secret", "a.example", 'a.example "soon"', 'a.example "20301301 00:00:00"'),
        *('..example "unlimited"', 'a.example "unlimited" # no', "\x00"),
    ],
)
def test_a_file_of_another_form_is_refused_and_left_alone(path, line):
    path.write_text(f"# comment\n{line}\n")
    with pytest.raises(ValueError, match=r"this is no HSTS file: .*, line 2: ") as caught:
        HSTSStore(path)
    assert "secret" not in str(caught.value)
    path.unlink()
    store = HSTSStore(path)
    path.write_text(line)
    with pytest.raises(ValueError, match="this is no HSTS file"):
        store.remember("b.example", YEAR)
    assert path.read_text() == line
    assert store.is_known("b.example")
    path.unlink()
    store.save()
    assert "b.example" in path.read_text(), "what could not be saved is saved later"


def test_threads_may_remember_while_one_saves(path):
    store = HSTSStore(path)

    def remember(thread):
        for number in range(20):
            store.remember(f"{thread}.{number}.example", YEAR)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(remember, range(4)))
    store.save()
    assert len(HSTSStore(path)) == len(store) == 80


def test_a_file_that_can_not_be_read_is_an_error(tmp_path):
    with pytest.raises(OSError, match="directory"):
        HSTSStore(tmp_path)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_reads_the_file_and_writes_one_that_is_read(path):
    store = HSTSStore(path)
    store.remember("a.invalid", YEAR)
    store.remember("b.invalid", YEAR, True)
    names = ["a.invalid", "x.a.invalid", "x.b.invalid"]
    command = ["curl", "-sv", "--hsts", str(path), *[f"http://{name}/" for name in names]]
    command += ["--resolve", "*:443:127.0.0.1", "--resolve", "*:80:127.0.0.1", "-m", "5"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if "HSTS" not in ran.stderr:
        pytest.skip("this curl has no HSTS")
    told = [line for line in ran.stderr.splitlines() if "Switched from HTTP to HTTPS" in line]
    assert len(told) == 2
    again = HSTSStore(path)
    assert [again.is_known(name) for name in names] == [True, False, True]
