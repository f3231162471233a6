"""FileCookieJar: opening, choosing, writing and locking, whatever the form of the file is.

The forms themselves are tested beside netscape_form.py, lwp_form.py and json_form.py.
"""

import copy
import errno
import fcntl
import http.cookiejar
import io
import multiprocessing
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cookie_values import cookies
from support.waits import PATIENCE

from mini_http.opener.cookies.file_jar import FileCookieJar
from mini_http.opener.cookies.json_form import JSONCookieJar
from mini_http.opener.cookies.load_error import LoadError
from mini_http.opener.cookies.lwp_form import LWPCookieJar
from mini_http.opener.cookies.netscape_form import HEADER, MozillaCookieJar

LATER = int(time.time()) + 10_000_000
FORMS = [MozillaCookieJar, LWPCookieJar, JSONCookieJar]
GOOD = f"example.com\tFALSE\t/\tFALSE\t{LATER}\tgood\tvalue\n"
BROKEN = "example.com\tFALSE\t/\tsecret\n"

each_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cookies.txt"


def jar_with(form, path, *names):
    """A jar of example.com's cookies that last."""
    jar = form(path)
    for name in names:
        jar.set(name, "value", domain="example.com", expires=LATER)
    return jar


def names_in(form, path):
    jar = form(path)
    jar.load(ignore_discard=True, ignore_expires=True)
    return [cookie.name for cookie in jar.find()]


# --- the interface of http.cookiejar


def test_a_jar_is_made_with_the_arguments_of_http_cookiejar_s(path):
    jar = MozillaCookieJar(path, True, None)

    assert (jar.filename, jar.delayload, jar.skipped) == (str(path), True, [])
    assert (MozillaCookieJar().filename, MozillaCookieJar().delayload) == (None, False)
    assert list(jar) == []


@pytest.mark.parametrize("filename", [3, 1.5, object()])
def test_a_file_name_is_text_or_a_path(filename):
    with pytest.raises(TypeError):
        MozillaCookieJar(filename)


def test_what_to_do_at_faults_is_one_of_two_words():
    with pytest.raises(ValueError, match="not 'ignore'"):
        MozillaCookieJar(on_fault="ignore")


@each_form
@pytest.mark.parametrize("method", ["load", "save", "revert", "locked"])
def test_without_a_name_there_is_no_file(form, method):
    with pytest.raises(ValueError, match="no filename was given"), ExitStack() as stack:
        stack.enter_context(getattr(form(), method)())


@each_form
@pytest.mark.parametrize("method", ["load", "revert"])
def test_a_missing_file_is_an_error_of_the_system(form, method, path):
    with pytest.raises(FileNotFoundError) as caught:
        getattr(form(path), method)()
    assert not isinstance(caught.value, LoadError)


def test_a_file_name_may_be_bytes(path):
    jar = jar_with(MozillaCookieJar, os.fsencode(path), "a")
    jar.save()

    assert jar.filename == str(path)
    assert names_in(MozillaCookieJar, os.fsencode(path)) == ["a"]


@each_form
def test_a_file_that_is_given_goes_before_the_jar_s_own(form, tmp_path):
    jar = jar_with(form, tmp_path / "own", "a")
    jar.save(tmp_path / "other")
    jar.clear()
    jar.load(tmp_path / "other")

    assert os.listdir(tmp_path) == ["other"]
    assert jar.as_dict() == {"a": "value"}
    assert jar.filename == str(tmp_path / "own")


@each_form
def test_sessions_and_expired_cookies_are_left_out_both_ways(form, path):
    jar = jar_with(form, path, "lasts")
    jar.set("session", "value", domain="example.com")
    jar.set("old", "value", domain="example.com", expires=LATER).expires = int(time.time()) - 9
    jar.save()
    assert names_in(form, path) == ["lasts"]

    jar.save(ignore_discard=True, ignore_expires=True)
    for switches, names in {
        (False, False): ["lasts"],
        (True, False): ["lasts", "session"],
        (False, True): ["lasts", "old"],
        (True, True): ["lasts", "session", "old"],
    }.items():
        jar.revert(None, *switches)
        assert [cookie.name for cookie in sorted(jar, key=lambda each: each.serial)] == names


@each_form
def test_loading_adds_and_reverting_replaces(form, path):
    jar_with(form, path, "saved", "both").save()
    jar = jar_with(form, path, "both", "new")
    jar["both"]
    jar.load()
    assert set(jar.as_dict()) == {"saved", "both", "new"}

    jar.revert()
    assert set(jar.as_dict()) == {"saved", "both"}


@each_form
def test_reverting_to_a_broken_file_keeps_the_cookies(form, path):
    path.write_text("oops\n")
    jar = jar_with(form, path, "a", "b")
    before = list(jar)

    with pytest.raises(LoadError) as caught:
        jar.revert()
    assert list(jar) == before
    assert caught.value.filename == str(path)
    assert isinstance(caught.value, http.cookiejar.LoadError)


@each_form
def test_a_jar_and_its_copy_have_a_file(form, path):
    jar = copy.copy(jar_with(form, path, "a"))
    jar.save()

    assert names_in(form, path) == ["a"]


# --- subclasses as for http.cookiejar


class LineJar(FileCookieJar):
    """A form of a program's own: names in lines."""

    def save(self, filename=None, ignore_discard=False, ignore_expires=False):
        Path(filename or self.filename).write_text("".join(f"{each.name}\n" for each in self))

    def _really_load(self, f, filename, ignore_discard, ignore_expires):
        for line in f:
            if line == "broken\n":
                raise LoadError(f"{filename} is broken")
            self.set(line.strip(), "", domain="example.com")


def test_a_subclass_may_load_and_save_in_its_own_way(path):
    jar = LineJar(path)
    jar.set("a", "", domain="example.com")
    jar.save()
    jar.clear()
    jar.load()

    assert "a" in jar


def test_a_subclass_that_fails_while_reverting_keeps_its_cookies(path):
    path.write_text("b\nbroken\n")
    jar = LineJar(path)
    jar.set("a", "", domain="example.com")
    with pytest.raises(LoadError, match="is broken"):
        jar.revert()

    assert set(jar.as_dict()) == {"a"}


def test_a_subclass_may_hand_on_what_it_has_opened_itself(path):
    class WithoutComments(MozillaCookieJar):
        def load(self, filename=None, ignore_discard=False, ignore_expires=False):
            text = Path(filename or self.filename).read_text().replace("; mine\n", "\n")
            self._really_load(io.StringIO(text), filename, ignore_discard, ignore_expires)

    path.write_text(HEADER + GOOD.replace("\n", "; mine\n"))
    jar = WithoutComments(path)
    jar.load()

    assert jar.as_dict() == {"good": "value"}


def test_a_jar_without_a_form_can_neither_load_nor_save(path):
    with pytest.raises(NotImplementedError, match="write_form, or save"):
        FileCookieJar(path).save()
    path.touch()
    with pytest.raises(NotImplementedError, match="read_form, or _really_load"):
        FileCookieJar(path).load()


def test_isinstance_of_http_cookiejar_s_class():
    assert isinstance(FileCookieJar(), http.cookiejar.FileCookieJar)


# --- faults


def test_a_broken_line_is_named_and_nothing_is_loaded(path):
    path.write_text(HEADER + GOOD + BROKEN)
    number = HEADER.count("\n") + 2
    jar = MozillaCookieJar(path)

    with pytest.raises(LoadError, match=f"{path}': line {number}: 4 columns") as caught:
        jar.load()
    assert "secret" not in str(caught.value)
    assert (caught.value.number, len(jar), jar.skipped) == (number, 0, [])


def test_a_broken_line_is_passed_over_and_noted_if_asked(path):
    path.write_text(BROKEN + GOOD + BROKEN)
    jar = MozillaCookieJar(path, on_fault="skip")
    jar.load()

    assert jar.as_dict() == {"good": "value"}
    assert [fault.split(":")[0] for fault in jar.skipped] == ["line 1", "line 3"]
    path.write_text(GOOD)
    jar.load()
    assert jar.skipped == []


# --- the order


@each_form
def test_a_loaded_jar_sends_the_cookies_in_the_same_order(form, path):
    jar = jar_with(form, path, *"dbca")
    jar.set("b", "again", domain="example.com", expires=LATER)
    jar.set("below", "value", domain=".example.com", expires=LATER)
    jar.set("long", "value", domain="example.com", path="/x", expires=LATER)
    jar.save()
    again = form(path)
    again.load()

    url = "http://example.com/x"
    assert [cookie.name for cookie in again.cookies_for(url)] == ["long", *"dbca", "below"]
    again.save()
    assert names_in(form, path) == [*"dbca", "below", "long"]


@each_form
@settings(max_examples=25, deadline=None)
@given(some=st.lists(cookies(words=True)))
def test_a_jar_is_the_same_after_saving_twice(form, some, tmp_path_factory):
    path = tmp_path_factory.mktemp("jar") / "cookies"
    jar = form(path)
    for cookie in some:
        jar.set_cookie(cookie)
    jar.save(ignore_discard=True, ignore_expires=True)
    once = path.read_bytes()
    again = form(path)
    again.load(ignore_discard=True, ignore_expires=True)
    again.save(ignore_discard=True, ignore_expires=True)

    assert (len(again), jar.skipped) == (len(jar), [])
    assert path.read_bytes() == once


# --- writing


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@each_form
def test_a_file_is_its_owner_s_alone(form, path):
    jar_with(form, path, "a").save()
    assert mode_of(path) == 0o600

    path.chmod(0o644)
    jar_with(form, path, "a").save()
    assert mode_of(path) == 0o600


def test_the_old_file_is_whole_for_who_has_it_open(path):
    jar_with(MozillaCookieJar, path, "old").save()
    before = path.read_text()
    with path.open() as file:
        jar_with(MozillaCookieJar, path, "new").save()
        assert file.read() == before
    assert names_in(MozillaCookieJar, path) == ["new"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_is_followed(is_there, tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "cookies", tmp_path / "link"
    link.symlink_to(target)
    if is_there:
        target.write_text(HEADER)
    jar_with(MozillaCookieJar, link, "a").save()

    assert link.is_symlink()
    assert names_in(MozillaCookieJar, target) == ["a"]
    assert os.listdir(tmp_path / "real") == ["cookies"]


def test_a_missing_folder_is_named(tmp_path):
    jar = jar_with(MozillaCookieJar, tmp_path / "none" / "cookies.txt", "a")

    with pytest.raises(FileNotFoundError, match="no such folder to save cookies in") as caught:
        jar.save()
    assert caught.value.filename == str(tmp_path / "none")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError):
        jar_with(MozillaCookieJar, tmp_path, "a").save()


def test_a_pipe_is_written_to_and_stays_one(path):
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    jar_with(MozillaCookieJar, path, "a").save()
    try:
        assert os.read(reader, 10_000).decode().startswith(HEADER)
    finally:
        os.close(reader)
    assert path.is_fifo()


def test_a_full_disk_leaves_the_old_file(path):
    jar = jar_with(MozillaCookieJar, path, "old")
    jar.save()
    before = path.read_bytes()
    jar.set("long", "a" * 4000, domain="example.com", expires=LATER)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            jar.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


# --- other processes


def start(program, *arguments):
    """A Python process with a program."""
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_no_process_loses_another_s_cookies(path):
    jar_with(MozillaCookieJar, path).save()
    program = """
        import sys
        from mini_http.opener.cookies.netscape_form import MozillaCookieJar
        for number in range(10):
            with MozillaCookieJar(sys.argv[1]).locked() as jar:
                jar.load()
                jar.set(f"{sys.argv[2]}-{number}", "", domain="example.com", expires=4e9)
                jar.save()
        """
    processes = [start(program, path, each) for each in range(4)]
    for process in processes:
        with process:
            process.communicate(timeout=PATIENCE)
        assert process.returncode == 0

    expected = [f"{each}-{number}" for each in range(4) for number in range(10)]
    assert sorted(names_in(MozillaCookieJar, path)) == expected
    assert os.listdir(path.parent) == [path.name]


def test_no_thread_loses_another_s_cookies(path):
    jar_with(JSONCookieJar, path).save()

    def work(each):
        for number in range(10):
            with JSONCookieJar(path).locked() as jar:
                jar.load()
                jar.set(f"{each}-{number}", "", domain="example.com", expires=LATER)
                jar.save()

    threads = [threading.Thread(target=work, args=(each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert len(names_in(JSONCookieJar, path)) == 40


@each_form
def test_loading_never_sees_half_a_file(form, path):
    program = f"""
        import sys
        from {form.__module__} import {form.__name__} as Jar
        jar = Jar(sys.argv[1])
        for number in range(300):
            jar.set(f"name{{number}}", "value", domain="example.com", expires=4e9)
        jar.save()
        print("ready", flush=True)
        for _ in range(100):
            jar.save()
        """
    counts = []
    with start(program, path) as process:
        assert process.stdout.readline() == "ready\n"
        while process.poll() is None:
            counts.append(len(names_in(form, path)))
    assert process.returncode == 0
    assert counts
    assert set(counts) == {300}


def is_locked(path):
    """Whether somebody else has the lock for this file."""
    try:
        descriptor = os.open(f"{path}.lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def test_the_lock_is_held_until_the_outermost_block_ends(path):
    jar, other = MozillaCookieJar(path), MozillaCookieJar(path)
    with jar.locked() as given:
        assert given is jar
        with other.locked():
            other.save()
            assert is_locked(path)
        assert is_locked(path)
    assert not is_locked(path)
    assert os.listdir(path.parent) == [path.name]


def test_a_link_is_no_lock(path):
    elsewhere = path.with_name("elsewhere")
    Path(f"{path}.lock").symlink_to(elsewhere)

    with pytest.raises(OSError, match="symbolic links"):
        jar_with(MozillaCookieJar, path, "a").save()
    assert not elsewhere.exists()


def test_an_error_in_the_block_gives_the_lock_back(path):
    with pytest.raises(ZeroDivisionError), MozillaCookieJar(path).locked():
        1 / 0
    assert not is_locked(path)


def test_a_forked_child_does_not_give_its_parent_s_lock_back(path):
    fork = multiprocessing.get_context("fork")
    with ExitStack() as block:
        block.enter_context(MozillaCookieJar(path).locked())
        process = fork.Process(target=block.close)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of other tests
            process.start()
        process.join(PATIENCE)
        assert process.exitcode == 0
        assert is_locked(path)
    assert not is_locked(path)
    process.close()


def test_a_lock_whose_file_was_removed_by_hand_is_given_back(path, no_leaked_descriptors):
    lock = Path(f"{path}.lock")
    with MozillaCookieJar(path).locked():
        lock.unlink()
        lock.write_text("another's")

    assert lock.read_text() == "another's"


def test_who_waited_for_a_lock_that_went_takes_the_next(path):
    """The first holder removes its file while the second waits for it, and both hold it in turn."""
    lock, order = Path(f"{path}.lock"), []

    def second():
        with MozillaCookieJar(path).locked():
            order.append("second")
            assert lock.exists()

    for _ in range(20):
        thread = threading.Thread(target=second)
        with MozillaCookieJar(path).locked():
            thread.start()
            order.append("first")
        thread.join(PATIENCE)
    assert order == ["first", "second"] * 20
    assert not lock.exists()


def test_a_lock_that_can_t_be_had_leaves_nothing_open(path, no_leaked_descriptors):
    Path(f"{path}.lock").mkdir()

    with pytest.raises(IsADirectoryError):
        jar_with(MozillaCookieJar, path, "a").save()
    assert not path.exists()


LOCKS = Path("/proc/locks")


@pytest.mark.skipif(not LOCKS.exists(), reason="this system does not list who waits for a lock")
def test_an_interrupt_ends_the_wait_and_leaves_nothing_open(path, no_leaked_descriptors):
    class Interrupt(Exception):
        pass

    def interrupt(*_):
        raise Interrupt

    def hold(process):
        with MozillaCookieJar(path).locked():
            held.set()
            inode = os.stat(f"{path}.lock").st_ino
            while not any(" -> " in line and f":{inode} " in line for line in listed()):
                pass
            os.kill(process, signal.SIGUSR1)
            ended.wait(PATIENCE)

    def listed():
        return LOCKS.read_text().splitlines()

    held, ended = threading.Event(), threading.Event()
    thread = threading.Thread(target=hold, args=(os.getpid(),))
    before = signal.signal(signal.SIGUSR1, interrupt)
    thread.start()
    held.wait(PATIENCE)
    try:
        with pytest.raises(Interrupt):
            jar_with(MozillaCookieJar, path, "a").save()
    finally:
        signal.signal(signal.SIGUSR1, before)
        ended.set()
        thread.join(PATIENCE)
    assert not path.exists()


# --- what a save writes, and where


@each_form
def test_a_save_that_had_to_wait_writes_what_there_is_then(form, path):
    jar = jar_with(form, path, "old")
    with jar.locked():
        waiting = threading.Thread(target=jar.save)
        waiting.start()
        time.sleep(0.05)  # nothing depends on it; without, the fault it is for was seldom seen
        jar.set("new", "value", domain="example.com", expires=LATER)
        jar.save()
    waiting.join()
    assert names_in(form, path) == ["old", "new"]


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_file_that_can_t_be_replaced_is_written_over(path, code, monkeypatch):
    """As one that is mounted by itself into a container."""
    jar_with(MozillaCookieJar, path, "old", "older").save()
    before = path.stat()

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", refuse)
    jar_with(MozillaCookieJar, path, "new").save()
    assert names_in(MozillaCookieJar, path) == ["new"]
    assert (path.stat().st_ino, mode_of(path)) == (before.st_ino, 0o600)
    assert os.listdir(path.parent) == [path.name]


def closed_to_others(monkeypatch):
    """Has the system refuse to make files, as it does in a folder that is not ours."""
    opened = os.open

    def refuse(name, flags, *mode, **options):
        if flags & os.O_CREAT and not os.path.exists(name):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        return opened(name, flags, *mode, **options)

    monkeypatch.setattr(os, "open", refuse)


def test_where_no_file_can_be_made_the_one_that_is_there_is_written_over(path, monkeypatch):
    jar_with(MozillaCookieJar, path, "old").save()
    closed_to_others(monkeypatch)
    jar_with(MozillaCookieJar, path, "new").save()
    assert names_in(MozillaCookieJar, path) == ["new"]
    with pytest.raises(PermissionError), MozillaCookieJar(path).locked():
        pytest.fail("there can be no lock")


def test_where_no_file_can_be_made_and_none_is_there_saving_fails(path, monkeypatch):
    closed_to_others(monkeypatch)
    with pytest.raises(PermissionError):
        jar_with(MozillaCookieJar, path, "new").save()


def test_another_fault_of_replacing_is_told(path, monkeypatch):
    jar_with(MozillaCookieJar, path, "old").save()

    def refuse(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        jar_with(MozillaCookieJar, path, "new").save()
    assert names_in(MozillaCookieJar, path) == ["old"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every folder")
def test_in_a_folder_that_is_not_ours_a_file_that_is_ours_is_written_over(path):
    jar_with(MozillaCookieJar, path, "old").save()
    path.parent.chmod(0o500)
    try:
        jar_with(MozillaCookieJar, path, "new").save()
    finally:
        path.parent.chmod(0o700)
    assert names_in(MozillaCookieJar, path) == ["new"]


def test_a_jar_serves_other_threads_while_it_is_reverted(path):
    seen = []

    class Slow(MozillaCookieJar):
        def _really_load(self, *arguments):
            asking = threading.Thread(target=lambda: seen.append(jar.as_dict()))
            asking.start()
            asking.join(PATIENCE)
            super()._really_load(*arguments)

    jar_with(MozillaCookieJar, path, "saved").save()
    jar = jar_with(Slow, path, "here")
    jar.revert()
    assert seen == [{"here": "value"}]
    assert jar.as_dict() == {"saved": "value"}
