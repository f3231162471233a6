"""Cookies of a browser: reading Firefox's cookies.sqlite and Chromium's Cookies, never writing.

`firefox_cookies` and `chromium_cookies` put what a browser has kept into a jar, also while it is
running, and say how many cookies they could not take, and why. They decrypt nothing: Chromium's
values are mostly encrypted with a key that the system keeps for it. Cookies that last as long as
the browser runs are in its memory, and in neither file.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress

from mini_http.base.value import Value
from mini_http.codec.set_cookie import parse_set_cookie
from mini_http.opener.cookies.cookie import Cookie
from mini_http.opener.cookies.jar import CookieJar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from mini_http.opener.cookies.load_error import LoadError

    AnyPath = str | os.PathLike[str]
    Columns = Callable[[Container[str], int], Mapping[str, str]]

BUSY_SECONDS = 0.25
"""How long to wait for a browser that is writing, which takes it milliseconds. One that has locked
its database does not let go of it before it ends."""
COPIES = 5
"""How often a database is copied, at most, until nobody wrote to it meanwhile."""


class BrowserCookies(Value):
    """What became of the cookies in a browser's database; each of them counts once."""

    jar: CookieJar
    kept: int = 0
    """Those that were put into the jar."""
    elsewhere: int = 0
    """Those of other containers, and of sites embedded in another one (partitioned)."""
    expired: int = 0
    """Those whose time is over."""
    encrypted: int = 0
    """Those whose value only the browser can read."""
    refused: int = 0
    """Those that no Set-Cookie line could set, such as one with a control character."""

    def __repr__(self) -> str:
        counts = [f"{name}={getattr(self, name)}" for name in self._fields if name != "jar"]
        return f"<BrowserCookies {' '.join(counts)}>"


def firefox_cookies(
    path: AnyPath, *, into: CookieJar | None = None, container: int = 0
) -> BrowserCookies:
    """Puts the cookies of a Firefox profile, from its file cookies.sqlite, into a jar.

    `into` is that jar; without it, a new one is made. `container` is the number (userContextId)
    that containers.json has for it; 0 stands for what is in no container. Raises LoadError for a
    file that is no such database, and OSError, such as FileNotFoundError.
    """
    rows = _read(path, "moz_cookies", _firefox_columns)
    return _taken(rows, f"^userContextId={container}" if container else "", into)


def chromium_cookies(path: AnyPath, *, into: CookieJar | None = None) -> BrowserCookies:
    """Puts the cookies of a Chromium profile (also Edge's), from its file Cookies, into a jar.

    `into` is that jar; without it, a new one is made. If there are encrypted cookies, a UserWarning
    says how many. Raises LoadError for a file that is no such database, and OSError, such as
    FileNotFoundError.
    """
    taken = _taken(_read(path, "cookies", _chromium_columns), "", into)
    if taken.encrypted:
        import warnings

        warnings.warn(
            f"{os.fspath(path)}: {taken.encrypted} cookies are left out, since only the browser can"
            f" decrypt them; {taken.kept} were read",
            stacklevel=2,
        )
    return taken


# --- from rows to cookies

_SAME_SITE = {0: "None", 1: "Lax", 2: "Strict"}
"""Both browsers' numbers; any other says nothing, such as Firefox's 256 and Chromium's -1."""


def _firefox_columns(there: Container[str], version: int) -> dict[str, str]:
    """By our words, what of a row says it; `there` are the columns that this version has."""
    if version >= 15:
        same_site = "sameSite"
    else:
        # Of 10 to 14, sameSite is what Firefox made of it. Zero was what it had for nothing said.
        same_site = next((name for name in ("rawSameSite", "sameSite") if name in there), "NULL")
        same_site = f"nullif({same_site}, 0)"
    return {
        "host": "host",
        "name": "name",
        "value": "value",
        "path": "path",
        # Version 16, which came with Firefox 142, has milliseconds.
        "expires": "cast(expiry AS INTEGER)" + (" / 1000" if version >= 16 else ""),
        "secure": "isSecure",
        "http_only": "isHttpOnly" if "isHttpOnly" in there else "0",
        "same_site": same_site,
        "created": "creationTime / 1e6" if "creationTime" in there else "NULL",
        "origin": "originAttributes" if "originAttributes" in there else "''",
        "encrypted": "0",
    }


def _chromium_columns(there: Container[str], _version: int) -> dict[str, str]:
    """The same for Chromium, which counts microseconds since 1601."""
    is_old = "is_secure" not in there  # up to version 9
    expires = "cast(expires_utc AS INTEGER) / 1000000 - 11644473600"
    return {
        "host": "host_key",
        "name": "name",
        "value": "value",
        "path": "path",
        "expires": f"CASE WHEN has_expires THEN {expires} END",
        "secure": "secure" if is_old else "is_secure",
        "http_only": "httponly" if is_old else "is_httponly",
        "same_site": "samesite" if "samesite" in there else "NULL",
        "created": "creation_utc / 1e6 - 11644473600",
        "origin": "top_frame_site_key" if "top_frame_site_key" in there else "''",
        "encrypted": "value = '' AND length(encrypted_value) > 0",
    }


def _taken(rows: Iterable[sqlite3.Row], origin: str, into: CookieJar | None) -> BrowserCookies:
    jar = CookieJar() if into is None else into
    counts: dict[str, int] = {}
    now = time.time()
    for row in rows:
        outcome = "kept"
        if row["origin"] != origin:
            outcome = "elsewhere"
        elif row["expires"] is not None and row["expires"] <= now:
            outcome = "expired"
        elif row["encrypted"]:
            outcome = "encrypted"
        elif (cookie := _cookie_of(row, now)) is None:
            outcome = "refused"
        else:
            jar.set_cookie(cookie)
        counts[outcome] = counts.get(outcome, 0) + 1
    return BrowserCookies(jar, **counts)


def _cookie_of(row: sqlite3.Row, now: float) -> Cookie | None:
    """The cookie in a row; None if a Set-Cookie line with these texts would say something else."""
    texts = name, value, host, path = row["name"], row["value"], row["host"], row["path"]
    if not all(isinstance(text, str) for text in texts):
        return None
    domain = host.removeprefix(".").lower()
    said = parse_set_cookie(f"{name}={value}; Domain={domain}; Path={path}")
    if said is None or (said.name, said.value) != (name, value):
        return None
    if (said.domain, said.path) != (domain, path):
        return None
    said = said.replace(
        expires=row["expires"],
        secure=bool(row["secure"]),
        http_only=bool(row["http_only"]),
        same_site=_SAME_SITE.get(row["same_site"]),
    )
    # As both browsers have it, a host alone has no dot before it; an address may be in brackets.
    cookie = Cookie.received(said, host.strip("[]"), "/", now)
    if row["created"] is not None:
        cookie.created = row["created"]
    return cookie


# --- from files to rows

_WRITE_AHEAD = 2
"""What byte 18 of an SQLite file is if it has its latest changes in a second file, PATH-wal."""

_KEPT_FROM_US = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
"""Faults that a copy does not have: the database is locked; its changes stand beside it, and we may
not write there; the browser was stopped in the middle of a change, which would have to be undone.
"""


def _read(path: AnyPath, table: str, columns: Columns) -> list[sqlite3.Row]:
    """The rows of a table. Raises LoadError and OSError."""
    try:
        if not _leaves_traces(path):
            try:
                return _rows(path, "ro", table, columns)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _KEPT_FROM_US:
                    raise
        return _rows_of_copy(path, table, columns)
    except sqlite3.Error as error:
        raise _load_error(path, f"can't be read as cookies of this browser: {error}") from error


def _leaves_traces(path: AnyPath) -> bool:
    """Whether reading in place would leave files in the profile that were not there.

    It would if the latest changes belong into PATH-wal, and nobody shares the database (PATH-shm).
    """
    with open(path, "rb") as file:
        header = file.read(19)
    return header[18:] == bytes([_WRITE_AHEAD]) and not os.path.exists(f"{os.fspath(path)}-shm")


def _rows(path: AnyPath, mode: str, table: str, columns: Columns) -> list[sqlite3.Row]:
    from pathlib import Path

    # Not "immutable=1", which gives half of a change that is under way, and none in PATH-wal.
    address = f"{Path(path).absolute().as_uri()}?mode={mode}"
    opened = sqlite3.connect(address, timeout=BUSY_SECONDS, isolation_level=None, uri=True)
    with closing(opened) as database:
        database.text_factory = lambda text: text.decode("iso-8859-1")
        database.row_factory = sqlite3.Row
        database.execute("BEGIN")  # so that all is of one moment
        [version] = database.execute("PRAGMA user_version").fetchone()
        there = {row["name"] for row in database.execute(f"PRAGMA table_info({table})")}
        wanted = [f"{said} AS {word}" for word, said in columns(there, version).items()]
        # A jar sends first what it got first.
        select = f"SELECT {', '.join(wanted)} FROM {table} ORDER BY created"
        return database.execute(select).fetchall()


def _rows_of_copy(path: AnyPath, table: str, columns: Columns) -> list[sqlite3.Row]:
    """The rows, read from a copy of the database and of the changes that stand beside it."""
    import shutil
    import tempfile

    names = [os.fspath(path) + beside for beside in ("", "-wal", "-journal")]
    for _ in range(COPIES):
        with tempfile.TemporaryDirectory() as folder:
            before = [_state_of(name) for name in names]
            for name, copy in zip(names, ("copy", "copy-wal", "copy-journal"), strict=True):
                with suppress(FileNotFoundError):
                    shutil.copyfile(name, os.path.join(folder, copy))
            if [_state_of(name) for name in names] == before:
                # Not "ro": the copy may have to be put in order first.
                return _rows(os.path.join(folder, "copy"), "rw", table, columns)
    raise _load_error(path, f"was written to each of the {COPIES} times that it was copied")


def _state_of(name: str) -> tuple[int, int] | None:
    """What changes when a file is written to; None if there is no such file."""
    try:
        status = os.stat(name)
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


def _load_error(path: AnyPath, fault: str) -> LoadError:
    from mini_http.opener.cookies.load_error import LoadError

    name = os.fspath(path)
    return LoadError(f"{name} {fault}", name)
