"""firefox_cookies and chromium_cookies: databases with the columns of several versions, which other
processes hold open, lock and leave in the middle of a change.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import pytest

from mini_http.opener.cookies.jar import CookieJar
from mini_http.opener.cookies.load_error import LoadError
from mini_http.tools.browser_cookies import COPIES, chromium_cookies, firefox_cookies

NOW = int(time.time())
LATER = NOW + 3600
SINCE_1601 = 11_644_473_600

FIREFOX_COLUMNS = {
    # By user_version, what the table has beside the columns that it has always had: Firefox 3
    2: "lastAccessed INTEGER, isHttpOnly INTEGER",
    # Firefox 4
    4: "lastAccessed INTEGER, isHttpOnly INTEGER, baseDomain TEXT, creationTime INTEGER",
    # Firefox 60
    9: "originAttributes TEXT NOT NULL DEFAULT '', lastAccessed INTEGER, creationTime INTEGER,"
    " isHttpOnly INTEGER, inBrowserElement INTEGER DEFAULT 0, baseDomain TEXT,"
    " sameSite INTEGER DEFAULT 0",
    # Firefox 91
    12: "originAttributes TEXT NOT NULL DEFAULT '', lastAccessed INTEGER, creationTime INTEGER,"
    " isHttpOnly INTEGER, inBrowserElement INTEGER DEFAULT 0, sameSite INTEGER DEFAULT 0,"
    " rawSameSite INTEGER DEFAULT 0, schemeMap INTEGER DEFAULT 0",
    # Firefox 142
    16: "originAttributes TEXT NOT NULL DEFAULT '', lastAccessed INTEGER, creationTime INTEGER,"
    " isHttpOnly INTEGER, inBrowserElement INTEGER DEFAULT 0, sameSite INTEGER DEFAULT 0,"
    " schemeMap INTEGER DEFAULT 0, isPartitionedAttributeSet INTEGER DEFAULT 0",
}

CHROMIUM_TABLES = {
    # By the version in the table meta: Chrome 60
    9: "CREATE TABLE cookies (creation_utc INTEGER NOT NULL UNIQUE PRIMARY KEY,"
    " host_key TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, path TEXT NOT NULL,"
    " expires_utc INTEGER NOT NULL, secure INTEGER NOT NULL, httponly INTEGER NOT NULL,"
    " last_access_utc INTEGER NOT NULL, has_expires INTEGER NOT NULL DEFAULT 1,"
    " persistent INTEGER NOT NULL DEFAULT 1, priority INTEGER NOT NULL DEFAULT 1,"
    " encrypted_value BLOB DEFAULT '', firstpartyonly INTEGER NOT NULL DEFAULT 0)",
    # Chrome 130
    24: "CREATE TABLE cookies (creation_utc INTEGER NOT NULL, host_key TEXT NOT NULL,"
    " top_frame_site_key TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
    " encrypted_value BLOB NOT NULL, path TEXT NOT NULL, expires_utc INTEGER NOT NULL,"
    " is_secure INTEGER NOT NULL, is_httponly INTEGER NOT NULL, last_access_utc INTEGER NOT NULL,"
    " has_expires INTEGER NOT NULL, is_persistent INTEGER NOT NULL, priority INTEGER NOT NULL,"
    " samesite INTEGER NOT NULL, source_scheme INTEGER NOT NULL, source_port INTEGER NOT NULL,"
    " last_update_utc INTEGER NOT NULL, source_type INTEGER NOT NULL,"
    " has_cross_site_ancestor INTEGER NOT NULL)",
}


def insert(database, table, row):
    names = ", ".join(row)
    database.execute(
        f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()]
    )


@pytest.fixture
def firefox(tmp_path):
    """Writes a database of a version of Firefox, with these rows, and gives its path."""

    def write(*rows, version=16):
        path = tmp_path / "cookies.sqlite"
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(f"PRAGMA user_version = {version}")
            database.execute(
                "CREATE TABLE moz_cookies (id INTEGER PRIMARY KEY, name TEXT, value TEXT,"
                " host TEXT, path TEXT, expiry INTEGER, isSecure INTEGER,"
                f" {FIREFOX_COLUMNS[version]})"
            )
            for row in rows:
                insert(database, "moz_cookies", of_firefox(version) | row)
        return path

    return write


def of_firefox(version=16):
    said = {"sameSite": 256} if version >= 16 else {}
    return said | {
        "name": "sid",
        "value": "31d4",
        "host": "example.com",
        "path": "/",
        "expiry": LATER * (1000 if version >= 16 else 1),
        "isSecure": 0,
        "isHttpOnly": 0,
    }


@pytest.fixture
def chromium(tmp_path):
    """The same for Chromium."""

    def write(*rows, version=24):
        path = tmp_path / "Cookies"
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("CREATE TABLE meta (key LONGVARCHAR, value LONGVARCHAR)")
            database.execute(f"INSERT INTO meta VALUES ('version', '{version}')")
            database.execute(CHROMIUM_TABLES[version])
            for number, row in enumerate(rows):
                there = {"creation_utc": (NOW + SINCE_1601) * 1_000_000 + number}
                insert(database, "cookies", of_chromium(version) | there | row)
        return path

    return write


def of_chromium(version=24):
    row = {
        "name": "sid",
        "value": "31d4",
        "encrypted_value": b"",
        "host_key": "example.com",
        "path": "/",
        "expires_utc": (LATER + SINCE_1601) * 1_000_000,
        "has_expires": 1,
        "last_access_utc": 0,
        "priority": 1,
    }
    if version < 24:
        return row | {"secure": 0, "httponly": 0, "persistent": 1}
    new = ("is_secure", "is_httponly", "source_scheme", "source_port", "last_update_utc")
    row |= dict.fromkeys((*new, "source_type", "has_cross_site_ancestor"), 0)
    return row | {"top_frame_site_key": "", "is_persistent": 1, "samesite": -1}


def only(found):
    [cookie] = found.jar
    assert found.kept == 1
    return cookie


# --- what a row says


@pytest.mark.parametrize("version", FIREFOX_COLUMNS)
def test_cookies_of_every_version_of_firefox_are_read(firefox, version):
    path = firefox({"isSecure": 1, "isHttpOnly": 1, "host": ".example.com"}, version=version)
    cookie = only(firefox_cookies(path))
    assert (cookie.name, cookie.value, cookie.domain, cookie.path) == (
        "sid",
        "31d4",
        ".example.com",
        "/",
    )
    assert cookie.expires == LATER
    assert cookie.secure
    assert cookie.http_only
    assert not cookie.host_only
    assert cookie.same_site is None


@pytest.mark.parametrize("version", CHROMIUM_TABLES)
def test_cookies_of_every_version_of_chromium_are_read(chromium, version):
    old, new = {"secure": 1, "httponly": 1}, {"is_secure": 1, "is_httponly": 1}
    row = (old if version == 9 else new) | {"host_key": ".example.com", "path": "/a"}
    cookie = only(chromium_cookies(chromium(row, version=version)))
    assert (cookie.name, cookie.value, cookie.domain, cookie.path) == (
        "sid",
        "31d4",
        ".example.com",
        "/a",
    )
    assert cookie.expires == LATER
    assert cookie.secure
    assert cookie.http_only
    assert cookie.same_site is None


@pytest.mark.parametrize(
    ("host", "asked", "is_sent"),
    [
        ("example.com", "http://example.com/", True),
        ("example.com", "http://www.example.com/", False),
        (".example.com", "http://www.example.com/", True),
        ("127.0.0.1", "http://127.0.0.1/", True),
        ("[::1]", "http://[::1]/", True),
        ("::1", "http://[::1]/", True),
        ("xn--bcher-kva.example", "http://b\xfccher.example/", True),
    ],
)
def test_a_host_without_a_dot_is_that_host_alone(firefox, chromium, host, asked, is_sent):
    for jar in (
        firefox_cookies(firefox({"host": host})).jar,
        chromium_cookies(chromium({"host_key": host})).jar,
    ):
        assert jar.as_dict(asked) == ({"sid": "31d4"} if is_sent else {})


@pytest.mark.parametrize(
    ("version", "row", "same_site"),
    [
        (9, {"sameSite": 0}, None),  # None, or nothing said
        (9, {"sameSite": 1}, "Lax"),
        (9, {"sameSite": 2}, "Strict"),
        (12, {"sameSite": 1, "rawSameSite": 0}, None),  # what Firefox made of nothing said
        (12, {"sameSite": 1, "rawSameSite": 1}, "Lax"),
        (12, {"sameSite": 2, "rawSameSite": 2}, "Strict"),
        (16, {"sameSite": 0}, "None"),
        (16, {"sameSite": 1}, "Lax"),
        (16, {"sameSite": 2}, "Strict"),
        (16, {"sameSite": 256}, None),
        (16, {"sameSite": 77}, None),
    ],
)
def test_same_site_is_what_the_server_said_to_firefox(firefox, version, row, same_site):
    assert only(firefox_cookies(firefox(row, version=version))).same_site == same_site


@pytest.mark.parametrize(
    ("number", "same_site"), [(-1, None), (0, "None"), (1, "Lax"), (2, "Strict"), (3, None)]
)
def test_same_site_is_what_the_server_said_to_chromium(chromium, number, same_site):
    assert only(chromium_cookies(chromium({"samesite": number}))).same_site == same_site


def test_a_cookie_without_a_time_lasts_as_long_as_the_program(firefox, chromium):
    of_both = (
        only(firefox_cookies(firefox({"expiry": None}))),
        only(chromium_cookies(chromium({"has_expires": 0, "expires_utc": 0}))),
    )
    for cookie in of_both:
        assert cookie.expires is None
        assert cookie.discard


def test_no_cookie_is_kept_for_longer_than_the_draft_allows(firefox):
    far = NOW + 2000 * 24 * 3600
    cookie = only(firefox_cookies(firefox({"expiry": far * 1000})))
    assert NOW < cookie.expires < NOW + 401 * 24 * 3600


def test_older_cookies_are_sent_first_as_the_browser_does(firefox, chromium):
    named = [{"name": "late"}, {"name": "early"}]
    for row, microseconds in zip(named, (2_000_000, 1_000_000), strict=True):
        row["creationTime"] = NOW * 1_000_000 + microseconds
    jar = firefox_cookies(firefox(*named)).jar
    assert [cookie.name for cookie in jar.cookies_for("http://example.com/")] == ["early", "late"]
    for row in named:
        row["creation_utc"] = row.pop("creationTime") + SINCE_1601 * 1_000_000
    jar = chromium_cookies(chromium(*named)).jar
    assert [cookie.name for cookie in jar.cookies_for("http://example.com/")] == ["early", "late"]


def test_bytes_that_are_no_utf_8_come_through(firefox):
    path = firefox()
    with closing(sqlite3.connect(path)) as database, database:
        insert(database, "moz_cookies", of_firefox())
        database.execute("UPDATE moz_cookies SET value = CAST(x'61ff62' AS TEXT)")
    assert only(firefox_cookies(path)).value == "a\xffb"


# --- what is left out, and said


@pytest.mark.parametrize(
    "row",
    [
        {"value": "a\r\nSet-Cookie: b=c"},
        {"value": "a; Domain=example.org"},
        {"value": " padded"},
        {"value": b"blob"},
        {"value": None},
        {"value": "v" * 4096},
        {"name": "a=b"},
        {"name": "", "value": ""},
        {"path": "relative"},
        {"path": "/\x00"},
        {"host": ""},
        {"host": "."},
        {"host": "example.com; Path=/"},
    ],
    ids=repr,
)
def test_what_no_server_can_have_set_is_refused_and_counted(firefox, row):
    found = firefox_cookies(firefox(row, {"name": "fine"}))
    assert (found.refused, found.kept) == (1, 1)
    assert found.jar.as_dict() == {"fine": "31d4"}


def test_a_cookie_without_a_name_is_kept(firefox):
    assert only(firefox_cookies(firefox({"name": ""}))).value == "31d4"


def test_expired_cookies_are_left_out_and_counted(firefox, chromium):
    found = firefox_cookies(firefox({"expiry": (NOW - 1) * 1000}))
    assert (found.expired, found.kept, len(found.jar)) == (1, 0, 0)
    past = (NOW - 1 + SINCE_1601) * 1_000_000
    found = chromium_cookies(
        chromium({"expires_utc": past, "encrypted_value": b"v10", "value": ""})
    )
    assert (found.expired, found.encrypted, len(found.jar)) == (1, 0, 0)


CONTAINED = [
    {"value": "default"},
    {"value": "work", "originAttributes": "^userContextId=2"},
    {"value": "bank", "originAttributes": "^userContextId=22"},
    {"value": "embedded", "originAttributes": "^partitionKey=%28https%2Cexample.org%29"},
    {
        "value": "embedded at work",
        "originAttributes": "^userContextId=2&partitionKey=%28https%2Cexample.org%29",
    },
    {"value": "private", "originAttributes": "^privateBrowsingId=1"},
]


def test_of_firefox_containers_only_the_one_asked_for_is_read(firefox):
    path = firefox(*CONTAINED)
    found = firefox_cookies(path)
    assert (found.jar["sid"], found.elsewhere) == ("default", 5)
    found = firefox_cookies(path, container=2)
    assert (found.jar["sid"], found.elsewhere) == ("work", 5)


def test_partitioned_cookies_of_chromium_are_left_out_and_counted(chromium):
    found = chromium_cookies(
        chromium({"value": "own"}, {"top_frame_site_key": "https://example.org"})
    )
    assert (found.jar["sid"], found.elsewhere) == ("own", 1)


def test_encrypted_cookies_are_counted_and_a_warning_says_how_many(chromium):
    secret = {"value": "", "encrypted_value": b"v10\x93\x11"}
    path = chromium(secret, secret | {"name": "b"}, {"name": "c"}, {"name": "d", "value": ""})
    with pytest.warns(UserWarning, match=r"Cookies: 2 cookies are left out.*2 were read") as said:
        found = chromium_cookies(path)
    assert said[0].filename == __file__
    assert (found.encrypted, found.kept) == (2, 2)
    assert found.jar.as_dict() == {"c": "31d4", "d": ""}


def test_cookies_are_added_to_a_jar_that_is_given(firefox):
    jar = CookieJar()
    jar.set("own", "1", domain="example.com")
    found = firefox_cookies(os.fspath(firefox({})), into=jar)
    assert found.jar is jar
    assert jar.as_dict("http://example.com/") == {"own": "1", "sid": "31d4"}


def test_what_was_found_is_shown_without_the_cookies(firefox):
    found = firefox_cookies(firefox({}))
    assert repr(found) == "<BrowserCookies kept=1 elsewhere=0 expired=0 encrypted=0 refused=0>"


# --- files that are something else


def test_a_missing_file_is_a_file_not_found_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        firefox_cookies(tmp_path / "cookies.sqlite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"# Netscape HTTP Cookie File\n" * 50])
def test_a_file_that_is_no_database_is_a_load_error(tmp_path, content):
    path = tmp_path / "cookies.txt"
    path.write_bytes(content)
    with pytest.raises(LoadError, match=r"cookies\.txt can't be read as cookies") as raised:
        chromium_cookies(path)
    assert raised.value.filename == str(path)


def test_the_database_of_another_browser_is_a_load_error(firefox, chromium):
    with pytest.raises(LoadError, match="no such table: cookies"):
        chromium_cookies(firefox({}))
    with pytest.raises(LoadError, match="no such table: moz_cookies"):
        firefox_cookies(chromium({}))


def test_a_table_without_the_columns_is_a_load_error(tmp_path):
    path = tmp_path / "cookies.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE moz_cookies (name TEXT, value TEXT)")
    with pytest.raises(LoadError, match="no such column: host"):
        firefox_cookies(path)


def test_a_path_may_have_what_means_something_in_an_address(firefox, tmp_path):
    odd = tmp_path / "a?mode=rwc#b%20c"
    odd.mkdir()
    moved = shutil.move(firefox({}), odd)
    assert firefox_cookies(moved).kept == 1


# --- while the browser is running

BROWSER = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    database.execute(statement).fetchall()
print("ready", flush=True)
sys.stdin.read()
os._exit(0)  # as if it was killed
"""


@contextmanager
def browser(path, *statements):
    """A process that has done this to a database, and has it open."""
    started = subprocess.Popen(
        [sys.executable, "-c", BROWSER, str(path), *statements],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with started:
        assert started.stdout.readline() == b"ready\n"
        yield


def changed(value):
    return f"UPDATE moz_cookies SET value = '{value}'"


def files(path):
    return sorted(beside.name for beside in path.parent.iterdir())


def test_what_firefox_has_not_yet_moved_from_its_write_ahead_log_is_read(firefox):
    path = firefox({})
    with browser(path, "PRAGMA journal_mode = WAL", changed("new")):
        before = files(path)
        assert firefox_cookies(path).jar["sid"] == "new"
        assert (
            files(path) == before == ["cookies.sqlite", "cookies.sqlite-shm", "cookies.sqlite-wal"]
        )


def test_a_change_that_is_under_way_is_not_seen(firefox):
    path = firefox({})
    with browser(path, "PRAGMA journal_mode = WAL", "BEGIN IMMEDIATE", changed("new")):
        assert firefox_cookies(path).jar["sid"] == "31d4"


@pytest.mark.parametrize("journal", ["WAL", "DELETE", "PERSIST"])
def test_a_database_that_is_locked_against_everyone_is_read_from_a_copy(firefox, journal):
    path = firefox({})
    locking = ["PRAGMA locking_mode = EXCLUSIVE", f"PRAGMA journal_mode = {journal}"]
    with browser(path, *locking, changed("new")):
        before = files(path)
        assert firefox_cookies(path).jar["sid"] == "new"
        assert files(path) == before


def test_an_exclusive_change_that_is_under_way_is_not_seen_either(firefox):
    path = firefox(*[{"name": f"n{number}", "value": "v" * 3000} for number in range(200)])
    # With so small a cache, half of the change is in the database already.
    under_way = ["PRAGMA cache_size = 5", "BEGIN EXCLUSIVE", changed("new")]
    with browser(path, *under_way):
        assert (path.parent / "cookies.sqlite-journal").stat().st_size > 0
        assert set(firefox_cookies(path).jar.as_dict().values()) == {"v" * 3000}


def test_what_a_browser_left_when_it_was_killed_is_read_and_left_as_it_is(firefox):
    path = firefox(*[{"name": f"n{number}", "value": "v" * 3000} for number in range(200)])
    with browser(path, "PRAGMA cache_size = 5", "BEGIN", changed("new")):
        pass
    content = path.read_bytes()
    assert set(firefox_cookies(path).jar.as_dict().values()) == {"v" * 3000}
    assert path.read_bytes() == content
    assert files(path) == ["cookies.sqlite", "cookies.sqlite-journal"]


def test_nothing_is_left_beside_a_database_that_nobody_has_open(firefox):
    path = firefox({})
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
    assert firefox_cookies(path).jar["sid"] == "31d4"
    assert files(path) == ["cookies.sqlite"]


@pytest.fixture
def writing_meanwhile(monkeypatch):
    """A browser that writes to its database just while we copy it, so many times."""

    def write(path, times):
        copied = []
        copy = shutil.copyfile

        def copy_meanwhile(source, target):
            if source == str(path):
                copied.append(target)
                if len(copied) <= times:
                    os.utime(path, ns=(0, len(copied)))
            return copy(source, target)

        monkeypatch.setattr(shutil, "copyfile", copy_meanwhile)
        return copied

    return write


def test_a_copy_that_was_written_to_meanwhile_is_made_again(firefox, writing_meanwhile):
    path = firefox({})
    with browser(path, "BEGIN EXCLUSIVE"):
        copied = writing_meanwhile(path, COPIES - 1)
        assert firefox_cookies(path).kept == 1
        assert len(copied) == COPIES
        assert not any(os.path.exists(copy) for copy in copied)


def test_copying_is_given_up_with_a_load_error(firefox, writing_meanwhile):
    path = firefox({})
    with browser(path, "BEGIN EXCLUSIVE"):
        copied = writing_meanwhile(path, COPIES)
        with pytest.raises(LoadError, match=f"written to each of the {COPIES} times"):
            firefox_cookies(path)
        assert len(copied) == COPIES
