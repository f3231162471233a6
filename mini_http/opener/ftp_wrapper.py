"""ftpwrapper: a login at an FTP server that gives files, one after the other.

Its name, constructor and methods are urllib's. What it adds is honesty: a file that it gives raises
IncompleteRead where the data end before the size that was announced, and where the server says at
the end that the transfer failed. urllib gives both out as whole files.
"""

from __future__ import annotations

import ftplib
import os

from mini_http import base
from mini_http.base.timeouts import NOT_GIVEN, Deadline
from mini_http.connect.simple_client import SimpleClient
from mini_http.opener.ftp_client import PLAIN, FTPClient
from mini_http.opener.timeouts import timeout_of
from mini_http.opener.transfers import Transfer, TransferFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from socket import socket

    from _typeshed import WriteableBuffer

    from mini_http.base.timeouts import Timeout
    from mini_http.opener.ftp_client import FTPSettings

LAST_WORD_SECONDS = 1.0
"""How long closing a file, all of which was read, waits for the server to confirm that, so that the
connection can be kept."""


class ftpwrapper:  # noqa: N801  (urllib's name)
    """A connection that is logged in and in one directory, `dirs` below where logging in leads.

    The constructor connects; `retrfile` gives a file. One transfer runs at a time: `claim` tells
    whether the next one may begin. Without `persistent` the connection is closed after a transfer;
    with it, once `close` was called. `timeout` is in seconds or a Timeout, whose `total` bounds
    connecting with the first transfer, and then each transfer. Strings are sent as UTF-8; lone
    surrogates stand for other bytes, as in `os.fsdecode`.

    Raises ftplib.Error where the server refuses, and the errors of `base.errors`.
    """

    def __init__(
        self,
        user: str,
        passwd: str,
        host: str,
        port: int,
        dirs: Sequence[str],
        timeout: float | Timeout | None = NOT_GIVEN,
        persistent: bool = True,
        settings: FTPSettings = PLAIN,
    ) -> None:
        self.user, self.passwd = user, passwd
        self.host, self.port = host, port
        self.dirs = dirs
        self.timeout = timeout
        self.keepalive = persistent
        self.refcount = 0
        self.busy = 0
        self._settings = settings
        self._process = os.getpid()
        self._deadline = Deadline(timeout_of(self).total)
        self.init()

    def init(self) -> None:
        """Connects, logs in and changes to the directory."""
        self._is_new, self._has_strayed = True, False
        self.ftp = FTPClient(self._settings, timeout_of(self))
        self.ftp.deadline = self._deadline
        try:
            self.ftp.connect(self.host, self.port)
            self.ftp.login(self.user, self.passwd)
            if self.dirs:
                self.ftp.cwd("/".join(self.dirs))
        except BaseException:
            self.ftp.close()
            raise

    def claim(self, timeout: float | Timeout | None = NOT_GIVEN) -> bool:
        """Takes the connection for one transfer that may take `timeout`; False if it is taken.

        A connection that is to be closed, or that is a parent process's, counts as taken. Whoever
        calls this from several threads must see to it that they do so one at a time.
        """
        if self.refcount or not self.keepalive or self._process != os.getpid():
            return False
        self.refcount = 1
        self.timeout = timeout
        return True

    def retrfile(self, file: str, type: str) -> tuple[TransferFile, int | None]:
        """A file to read, and its size in bytes if the server tells it.

        `type` is I (as it is), A (text, lines ending in CRLF) or D (a listing); no `file` means the
        directory itself. A `file` that can't be had as one is listed, if it is a directory. Raises
        StateError while another file is open.
        """
        if self.busy:
            raise base.errors.StateError("another file of this FTP connection is not read yet")
        self.refcount = self.busy = 1
        try:
            self._prepare(type.upper())
            conn, size = self._begin(file, type.upper())
        except (ftplib.error_temp, ftplib.error_perm):
            self.busy = 0  # that was an answer; it can be asked for something else
            self.file_close()
            raise
        except BaseException:
            self.file_close()
            raise
        data = SimpleClient.over(conn, timeout=self.ftp.phases.read)
        data.deadline = self.ftp.deadline
        return TransferFile(_FileTransfer(data, size, self)), size

    def endtransfer(self) -> None:
        """Reads what the server says at the end of a transfer. Raises ftplib.Error if it failed."""
        if self.busy:
            self.ftp.voidresp()
            self.busy = 0

    def close(self) -> None:
        """Closes the connection: now, or when its last transfer has ended."""
        self.keepalive = False
        if self.refcount <= 0:
            self.real_close()

    def file_close(self) -> None:
        """Called when a file has ended or was closed: keeps the connection or closes it."""
        if self.busy or self._has_strayed:
            self.real_close()
        self.refcount = 0  # from here on another thread may claim it
        if not self.keepalive:
            self.real_close()

    def real_close(self) -> None:
        """Closes the connection at once."""
        self.busy = 0
        self.ftp.close()

    # --- how a transfer begins

    def _prepare(self, type: str) -> None:
        """Sets the type, over a new connection if the one that was kept has gone."""
        command = "TYPE A" if type == "D" else f"TYPE {type}"
        if not self._is_new:
            self.ftp.phases = timeout_of(self)
            self.ftp.deadline = self._deadline = Deadline(self.ftp.phases.total)
            if self._is_good_for(command):
                return
            self.ftp.close()
            self.init()
        self._is_new = False
        self.ftp.voidcmd(command)

    def _is_good_for(self, command: str) -> bool:
        """Whether the connection that was kept is still there, and the server does the command."""
        if self.ftp.has_input():
            return False
        try:
            self.ftp.voidcmd(command)
        except (ftplib.Error, OSError):
            return False
        return True

    def _begin(self, file: str, type: str) -> tuple[socket, int | None]:
        """The data connection, and how many bytes will come over it."""
        if not file:
            return self._list(type)
        if type == "D":
            self._enter(file)
            return self._list(type)
        size = self._size(file) if type == "I" else None
        try:
            conn, told = self.ftp.ntransfercmd(f"RETR {file}")
        except ftplib.error_perm as refused:
            if not str(refused).startswith("550"):
                raise
            try:
                self._enter(file)
            except ftplib.error_perm:
                raise refused from None  # it is no directory either
            return self._list(type)
        if type != "I":  # the line ends are converted, so there is no telling
            return conn, None
        return conn, told if size is None else size

    def _size(self, file: str) -> int | None:
        try:
            return self.ftp.size(file)
        except ftplib.Error:  # a server need not know SIZE, and this may be a directory
            return None

    def _enter(self, directory: str) -> None:
        # Given to LIST, a name that begins with "-" would be read as options by many servers.
        self.ftp.cwd(directory)
        self._has_strayed = True

    def _list(self, type: str) -> tuple[socket, None]:
        if type == "I":
            self.ftp.voidcmd("TYPE A")
        return self.ftp.ntransfercmd("LIST")[0], None


# --- the file that is read


class _FileTransfer(Transfer):
    """A data connection, and what the server says about it at its end."""

    def __init__(self, data: SimpleClient, size: int | None, wrapper: ftpwrapper) -> None:
        self._data = data
        self._left = size
        self._wrapper = wrapper

    def receive(self, target: WriteableBuffer) -> int:
        try:
            count = self._data.readinto(target)
        except base.errors.ConnectionBroken as broken:
            if self._left != 0:
                raise base.errors.IncompleteRead(b"", self._left) from broken
            count = 0
        if count == 0:
            self._confirm()
        elif self._left is not None:
            self._left -= count
        return count

    def release(self) -> None:
        self._data.close()
        self._wrapper.file_close()

    def close(self) -> None:
        if self._left == 0 and self._wrapper.keepalive and not self.has_ended:
            # Who reads as many bytes as there are does not see the end. It is there by now.
            self._data.deadline = self._wrapper.ftp.deadline = Deadline(LAST_WORD_SECONDS)
            self.readinto(bytearray(1))
        super().close()

    def _confirm(self) -> None:
        """Raises if the data that have ended are not all that there was to come."""
        if self._left is not None and self._left > 0:
            raise base.errors.IncompleteRead(b"", self._left)
        _close_politely(self._data)
        try:
            self._wrapper.endtransfer()
        except ftplib.Error as refused:
            raise base.errors.IncompleteRead(b"") from refused
        except base.errors.MiniHTTPError as error:
            if self._left is not None:
                return  # nothing confirms it, but the size says that all is here
            if isinstance(error, base.errors.TimedOut):
                raise
            raise base.errors.IncompleteRead(b"") from error


def _close_politely(data: SimpleClient) -> None:
    """Closes a data connection that the server has ended; in TLS, not without saying so. There are
    servers that would take it for a failed transfer.
    """
    if data.closed:  # it broke
        return
    stream = data.detach()
    if hasattr(stream, "unwrap"):
        try:
            stream.unwrap()
        except OSError:
            pass
    stream.close()
