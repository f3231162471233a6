"""FileCookieJar: a jar that is saved to a file and loaded from one.

Here stands what is the same for all forms of files: choosing the cookies, opening, locking, and
writing so that there is the old file or the new one and never a part. What a cookie looks like in a
file is a subclass's to say: netscape_form.py, lwp_form.py and json_form.py have one each.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from contextlib import ExitStack, contextmanager

from mini_http.base.likeness import loaded_class
from mini_http.opener.cookies.cookie import blank
from mini_http.opener.cookies.jar import CookieJar
from mini_http.opener.cookies.store import CookieLimits, CookieStore
from mini_http.opener.whole_file import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal, Self, TextIO

    from mini_http.opener.cookies.cookie import Cookie
    from mini_http.opener.cookies.load_error import LoadError
    from mini_http.opener.cookies.policy import CookiePolicy

STOCK_LOCALHOST = "localhost.local"
"""What http.cookiejar calls localhost: it wants a dot in each name."""


class FileCookieJar(CookieJar):
    """A jar with a file. Nothing is loaded before `load` or `revert`, nor saved before `save`.

    A form of files is a subclass with `read_form` and `write_form`. Subclasses for http.cookiejar,
    which have `_really_load` and `save`, serve too. `on_fault` says what a broken line does:
    "refuse" has nothing of its file loaded, "skip" passes over it and notes it in `skipped`.
    `delayload` is kept and means nothing, as in http.cookiejar.
    """

    encoding = "utf-8"
    """Of the file."""
    counted = "line"
    """What the numbers of `read_form` count."""
    stock_name = "FileCookieJar"
    """The class of http.cookiejar that this one stands for."""

    def __init__(
        self,
        filename: str | os.PathLike[str] | None = None,
        delayload: bool = False,
        policy: CookiePolicy | None = None,
        *,
        on_fault: Literal["refuse", "skip"] = "refuse",
        limits: CookieLimits = CookieLimits(),  # noqa: B008  (frozen)
    ) -> None:
        super().__init__(policy, limits=limits)
        if on_fault not in ("refuse", "skip"):
            raise ValueError(f'on_fault is "refuse" or "skip", not {on_fault!r}')
        self.filename: str | None = None if filename is None else os.fsdecode(filename)
        self.delayload = bool(delayload)
        self.on_fault = on_fault
        self.skipped: list[str] = []
        """What the last `load` or `save` left out, a sentence each, and never with a value."""

    # --- what a form has to say

    @staticmethod
    def read_form(lines: Iterable[str], now: float) -> Iterator[tuple[int, Cookie | str]]:
        """The cookies in a file's text, each with its number from 1, in the order of `created`.

        `now` is the time that they count as made, if the text does not say. In place of a cookie
        that can't be read stands what is wrong with it. Raises ValueError if the whole file is of
        another form.
        """
        raise NotImplementedError("a form of files has read_form, or _really_load")

    @staticmethod
    def write_form(cookies: Iterable[Cookie]) -> tuple[str, list[str]]:
        """A file's text, and a sentence for each cookie that it can't hold."""
        raise NotImplementedError("a form of files has write_form, or save")

    # --- loading

    def load(
        self,
        filename: str | os.PathLike[str] | None = None,
        ignore_discard: bool = False,
        ignore_expires: bool = False,
    ) -> None:
        """Adds the cookies of a file, else of `self.filename`; they win over those that are here.

        Left out are a session's cookies unless `ignore_discard`, and those whose time is over
        unless `ignore_expires`. Raises LoadError for a broken file, after which the jar is as it
        was; OSError for one that can't be read; ValueError without a name.
        """
        name = self._name_or_own(filename)
        with open(name, encoding=self.encoding) as file:
            self._really_load(file, name, ignore_discard, ignore_expires)

    def revert(
        self,
        filename: str | os.PathLike[str] | None = None,
        ignore_discard: bool = False,
        ignore_expires: bool = False,
    ) -> None:
        """Loads a file in place of all cookies. If that fails, as in `load`, they stay."""
        name = self._name_or_own(filename)
        # Loaded into another jar, so that this one serves other threads meanwhile.
        loaded: Self = blank(type(self))
        state = vars(self) | {"_store": CookieStore(), "_cookies_lock": threading.RLock()}
        vars(loaded).update(state)
        loaded.load(name, ignore_discard, ignore_expires)
        with self._cookies_lock:
            self._store, self.skipped = loaded._store, loaded.skipped

    def _really_load(
        self, f: TextIO, filename: str, ignore_discard: bool, ignore_expires: bool
    ) -> None:
        """Adds the cookies of an open file. Raises LoadError."""
        now = time.time()
        cookies, skipped = [], []
        try:
            for number, found in self.read_form(f, now):
                if isinstance(found, str):
                    fault = f"{self.counted} {number}: {found}"
                    if self.on_fault == "refuse":
                        raise _load_error(filename, fault, number)
                    skipped.append(fault)
                elif _is_wanted(found, now, ignore_discard, ignore_expires):
                    if found.domain == STOCK_LOCALHOST:
                        found.domain = "localhost"
                    cookies.append(found)
        except ValueError as error:
            raise _load_error(filename, str(error)) from error
        with self._cookies_lock:
            for cookie in cookies:
                self.set_cookie(cookie)
            self.skipped = skipped

    # --- saving

    def save(
        self,
        filename: str | os.PathLike[str] | None = None,
        ignore_discard: bool = False,
        ignore_expires: bool = False,
    ) -> None:
        """Writes the cookies to a file, else to `self.filename`, for its owner alone.

        Left out are a session's cookies unless `ignore_discard`, those whose time is over unless
        `ignore_expires`, and those that the form can't hold, which `skipped` lists. Where it fails,
        the old file is as it was. A link is followed.

        Where no file can be made or replaced (a folder that may not be written to, a file that is
        mounted by itself), the file that is there is written over, and without the lock if that
        can't be made either; other readers may then see a part. Raises OSError, and ValueError
        without a name.
        """
        name = self._name_or_own(filename)
        with ExitStack() as held:
            if not _is_special(name):
                try:
                    held.enter_context(self.locked(name))
                except OSError as error:
                    if not _is_to_be_written_over(name, error):
                        raise
            # Now, since another thread may have saved a newer jar while this one was waiting.
            text, skipped = self.write_form(self.cookies_to_save(ignore_discard, ignore_expires))
            _write(name, text.encode(self.encoding))
        self.skipped = skipped

    def cookies_to_save(
        self, ignore_discard: bool = False, ignore_expires: bool = False
    ) -> list[Cookie]:
        """The cookies that `save` writes, in the order that they were set in.

        So a jar into which they are loaded sends them in the order that this one does.
        """
        now = time.time()
        wanted = [
            cookie for cookie in self if _is_wanted(cookie, now, ignore_discard, ignore_expires)
        ]
        return sorted(wanted, key=lambda cookie: (cookie.created, cookie.serial))

    @contextmanager
    def locked(self, filename: str | os.PathLike[str] | None = None) -> Iterator[Self]:
        """Keeps other processes and threads from saving to the file while the block runs.

            with jar.locked():
                jar.load()
                jar.set("seen", "yes", domain="example.com")
                jar.save()

        loses no cookies that another one, doing the same, saves. It waits as long as it takes.
        What is locked is a file beside it, `<filename>.lock`, by `flock`, or on Windows by
        `msvcrt.locking`: a program that does not ask for that lock is not kept out. Loading needs
        no lock. Raises OSError, and ValueError without a name.
        """
        path = os.path.realpath(self._name_or_own(filename))
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            raise FileNotFoundError(
                errno.ENOENT, "there is no such folder to save cookies in", folder
            )
        with _file_lock(f"{path}.lock"):
            yield self

    def _name_or_own(self, filename: str | os.PathLike[str] | None) -> str:
        if filename is not None:
            return os.fsdecode(filename)
        if self.filename is None:
            raise ValueError("no filename was given, neither here nor when the jar was made")
        return self.filename

    @property  # type: ignore[misc]  # to be read, never set
    def __class__(self) -> type:
        """http.cookiejar's class to `isinstance`, where that is loaded."""
        return loaded_class(("http.cookiejar", self.stock_name), otherwise=type(self))


def _is_wanted(cookie: Cookie, now: float, ignore_discard: bool, ignore_expires: bool) -> bool:
    return (ignore_discard or not cookie.discard) and (ignore_expires or not cookie.is_expired(now))


def _load_error(filename: str, fault: str, number: int | None = None) -> LoadError:
    from mini_http.opener.cookies.load_error import LoadError

    return LoadError(f"cookies can't be loaded from {filename!r}: {fault}", filename, number)


# --- writing


def _write(name: str, content: bytes) -> None:
    """Writes a file as a whole, or where that can't be done in its place. Raises OSError."""
    if not _is_special(name):
        try:
            write_whole(name, content)
        except OSError as error:
            if not _is_to_be_written_over(name, error):
                raise
        else:
            return
    with open(name, "wb") as file:
        file.write(content)


_NOTHING_CAN_BE_MADE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)
"""What the system says where a folder is not ours to write to, or a file is mounted by itself."""


def _is_to_be_written_over(name: str, error: OSError) -> bool:
    """Whether there is a file to write to, though none can be made beside it or take its place."""
    return error.errno in _NOTHING_CAN_BE_MADE and os.access(name, os.W_OK)


def _is_special(name: str) -> bool:
    """Whether it is there and no file: a device or pipe must be written to, never replaced."""
    return os.path.exists(name) and not os.path.isfile(name)


# --- locking


class _Held(threading.local):
    """The locks that a thread has, so that it does not wait for itself."""

    def __init__(self) -> None:
        self.locks: set[tuple[int, str]] = set()


_held = _Held()


@contextmanager
def _file_lock(path: str) -> Iterator[None]:
    """Holds the lock that a file stands for; within, the same thread may do so again.

    The file goes with the lock, where the system allows it.
    """
    process = os.getpid()
    if (process, path) in _held.locks:
        yield
        return
    descriptor = _lock(path)
    _held.locks.add((process, path))
    try:
        yield
    finally:
        _held.locks.discard((process, path))
        # A child that was forked within the block shares the lock, and leaves it to its parent.
        if os.getpid() == process:
            _unlock(descriptor, path)
        os.close(descriptor)


# In a folder of many users, a link could have a file made where its maker may not.
_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)


def _lock(path: str) -> int:
    """Waits for the lock on a file, which is made if need be; returns its descriptor."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o600)
        try:
            _wait_for(descriptor)
            is_ours = _is_at(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if is_ours:
            return descriptor
        # Who had the lock has removed the file: another one may be there, and locked by a third.
        os.close(descriptor)


def _is_at(path: str, descriptor: int) -> bool:
    """Whether the file that is open is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


if sys.platform == "win32":  # pragma: no cover

    def _wait_for(descriptor: int) -> None:
        import msvcrt

        while True:
            try:
                # It gives up after ten seconds.
                return msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError as error:
                if error.errno != errno.EDEADLK:
                    raise

    def _unlock(descriptor: int, path: str) -> None:
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:

    def _wait_for(descriptor: int) -> None:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def _unlock(descriptor: int, path: str) -> None:
        import fcntl

        # Before it is let go, while nobody else can hold it.
        if _is_at(path, descriptor):
            os.unlink(path)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
