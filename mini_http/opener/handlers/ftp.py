"""FTPHandler and CacheFTPHandler: open ftp and ftps URLs, to read a file or list a directory.

The path of such a URL (RFC 1738 section 3.2) is a directory below where logging in leads, and a
file in it; `%2F` at its beginning leads to the root. Without a file the directory is listed. A last
`;type=a`, `i` or `d` asks for text, for the bytes as they are, or for a listing; any other
semicolon, and a question mark, belong to the name. Escapes stand for the bytes of a name.

ftps is FTP over TLS (RFC 4217), verified as for https. At port 990, which is the default, TLS
begins with the connection; at any other the server is asked for it by AUTH TLS. An ftp URL is never
upgraded, nor an ftps one downgraded.
"""

from __future__ import annotations

import re
from time import monotonic

from mini_http import base
from mini_http.base.headers import Headers
from mini_http.base.timeouts import NOT_GIVEN, Deadline
from mini_http.opener.conversion import as_request
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.replies import addinfourl
from mini_http.opener.timeouts import for_handlers, timeout_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mini_http.base.timeouts import Timeout
    from mini_http.base.url import URL
    from mini_http.connect.dial import DialOptions
    from mini_http.connect.tls import TLSSettings
    from mini_http.opener.ftp_client import FTPSettings
    from mini_http.opener.ftp_wrapper import ftpwrapper
    from mini_http.opener.request import Request

    Account = tuple[str, str, str, int, list[str], float | Timeout | None]
    """User, password, host, port, directories, timeout: what `connect_ftp` is given."""

# RFC 1738 section 3.2.2: ftptype = "A" | "I" | "D" | "a" | "i" | "d"
_TYPE = r"(?s)(.*);type=([AIDaid])"

CACHE_SECONDS = 60
CACHED_CONNECTIONS = 16

SHORTEST_SECONDS = 0.001
"""What is left of a total time that is over: a timeout can't be 0."""

SHOWN_CHARACTERS = 200
"""Characters of a server's text that an error shows."""


class FTPHandler(BaseHandler):
    """Opens ftp and ftps URLs, each over a connection of its own, which is closed when the reply
    was read to its end or closed. `tls` says whom to trust for ftps, `options` how to dial.

    The reply is read like a file. It raises IncompleteRead where it ends before it is whole.
    """

    # On the class, for subclasses written for urllib, whose handler has no constructor to call.
    _tls: TLSSettings | None = None
    _options: DialOptions | None = None

    def __init__(
        self, *, tls: TLSSettings | None = None, options: DialOptions | None = None
    ) -> None:
        self._tls = tls
        self._options = options

    def ftp_open(self, req: Any) -> addinfourl:
        """The reply to a request. Raises URLError, whose `reason` is the server's refusal if it is
        one; TimedOut among them; InvalidURL for names that can't be sent.
        """
        request = as_request(req)
        url, bounds = request.url, timeout_of(request)
        deadline = Deadline(bounds.total)
        host = self._address(url.host, url.port or 0, deadline.within(bounds.connect))
        timeout = getattr(request, "timeout", NOT_GIVEN)
        if bounds.total is not None:
            timeout = bounds.replace(total=max(deadline.remaining() or 0.0, SHORTEST_SECONDS))
        return self._fetch(request, host, timeout, self.connect_ftp)

    def ftps_open(self, req: Any) -> addinfourl:
        """As `ftp_open`, over TLS. Raises TLSFailed too."""
        request = as_request(req)
        timeout = getattr(request, "timeout", NOT_GIVEN)
        # By its name, for which the certificate is.
        return self._fetch(request, request.url.host, timeout, self.connect_ftps)

    def connect_ftp(
        self,
        user: str,
        passwd: str,
        host: str,
        port: int,
        dirs: list[str],
        timeout: float | Timeout | None,
    ) -> Any:
        """A connection that is logged in and in the directory `dirs`: an ftpwrapper, or another
        object with its `retrfile(file, type)`. Override it to connect otherwise.
        """
        settings = None if self.dial_options(self._options) is None else self._settings(None)
        return self._connect((user, passwd, host, port, dirs, timeout), settings)

    def connect_ftps(self, *account: Any) -> Any:
        """As `connect_ftp`, with the same arguments, for ftps; `host` is the name that the
        certificate must be for.
        """
        from mini_http.connect.tls import DEFAULT_SETTINGS

        settings = self._settings(self._tls or DEFAULT_SETTINGS)
        return self._connect(account, settings)

    def _connect(self, account: Account, settings: FTPSettings | None) -> ftpwrapper:
        return _logged_in(account, settings, persistent=False)

    def _settings(self, tls: TLSSettings | None) -> FTPSettings:
        from mini_http.connect.dial import DEFAULT_OPTIONS
        from mini_http.opener.ftp_client import FTPSettings

        return FTPSettings(tls, self.dial_options(self._options) or DEFAULT_OPTIONS)

    def _address(self, host: str, port: int, deadline: Deadline) -> str:
        """An IPv4 address of the host, which is what overriders of `connect_ftp` expect; where
        there is none, its name.
        """
        from socket import AF_INET

        from mini_http.connect.resolve import resolve

        resolver = self._options.resolver if self._options is not None else None
        addresses = resolve(host, port, deadline, resolver)
        return next((at[4][0] for at in addresses if at[0] == AF_INET), host)

    def _fetch(
        self, request: Request, host: str, timeout: Any, connect: Callable[..., Any]
    ) -> addinfourl:
        import ftplib  # and with it socket, whose mark for_handlers gives

        url = request.url
        dirs, file, kind = _split_target(url.target)
        user, password = url.username or "", url.password or ""
        try:
            connection = connect(user, password, host, url.port, dirs, for_handlers(timeout))
            data, size = connection.retrfile(file, kind)
        except ftplib.all_errors as error:
            failure = _as_url_error(error)
            if failure is error:
                raise
            raise failure from error
        return addinfourl(data, _headers(url, kind, size), request.full_url)


class CacheFTPHandler(FTPHandler):
    """Keeps connections for the next request for the same directory, by the same user.

    One that is in use is never given to a second request: that gets one of its own. May be used by
    several threads. `clear_cache`, or closing the opener, closes what is kept.
    """

    def __init__(
        self, *, tls: TLSSettings | None = None, options: DialOptions | None = None
    ) -> None:
        import threading

        super().__init__(tls=tls, options=options)
        self.cache: dict[tuple[Any, ...], ftpwrapper] = {}
        self.timeout: dict[tuple[Any, ...], float] = {}
        """When each connection is given up, by the monotonic clock."""
        self.delay: float = CACHE_SECONDS
        self.max_conns = CACHED_CONNECTIONS
        self._lock = threading.RLock()

    def setTimeout(self, t: float) -> None:  # noqa: N802  (urllib's name)
        """Keeps connections for `t` seconds after they were last asked for; 60 if never called."""
        self.delay = t

    def setMaxConns(self, m: int) -> None:  # noqa: N802
        """Keeps at most `m` connections; 16 if never called."""
        self.max_conns = m

    def check_cache(self) -> None:
        """Gives up connections whose time is over, and those that are too many."""
        with self._lock:
            now = monotonic()
            by_age = sorted(self.timeout, key=self.timeout.__getitem__)
            for at, key in enumerate(by_age):
                if self.timeout[key] < now or len(by_age) - at > self.max_conns:
                    self._give_up(key)

    def clear_cache(self) -> None:
        """Gives all connections up: those in use are closed when they no longer are."""
        with self._lock:
            for key in list(self.cache):
                self._give_up(key)

    close = clear_cache

    def _connect(self, account: Account, settings: FTPSettings | None) -> ftpwrapper:
        user, password, host, port, dirs, timeout = account
        key: tuple[Any, ...] = user, host, port, "/".join(dirs), _without_total(timeout)
        if settings is not None and settings.tls is not None:
            key += ("ftps",)
        with self._lock:
            self.check_cache()
            kept = self.cache.get(key)
            if kept is not None and kept.passwd == password and kept.claim(timeout):
                self.timeout[key] = monotonic() + self.delay
                return kept
        made = _logged_in(account, settings, persistent=True)
        made.claim(timeout)
        with self._lock:
            if key in self.cache:
                self._give_up(key)
            self.cache[key] = made
            self.timeout[key] = monotonic() + self.delay
            self.check_cache()
        return made

    def _give_up(self, key: tuple[Any, ...]) -> None:
        del self.timeout[key]
        self.cache.pop(key).close()


def _logged_in(account: Account, settings: FTPSettings | None, persistent: bool) -> ftpwrapper:
    from mini_http.opener import ftp_wrapper  # looked up there each time: tests put in their own

    if settings is None:  # which a class written for urllib would not know
        return ftp_wrapper.ftpwrapper(*account, persistent=persistent)
    return ftp_wrapper.ftpwrapper(*account, persistent=persistent, settings=settings)


def _split_target(target: str) -> tuple[list[str], str, str]:
    """Directories, file, and type of the transfer. Raises InvalidURL."""
    from urllib.parse import unquote_to_bytes

    from mini_http.opener.ftp_client import LINE_BREAKS

    given = re.fullmatch(_TYPE, target)
    path = given[1] if given else target
    names = [
        unquote_to_bytes(segment).decode("utf-8", "surrogateescape")
        for segment in path.removeprefix("/").split("/")
    ]
    if any(re.search(LINE_BREAKS, name) for name in names):
        raise base.errors.InvalidURL("path of an FTP URL can't contain CR, LF or NUL, encoded")
    *dirs, file = names
    return dirs, file, given[2].upper() if given else "I" if file else "D"


def _headers(url: URL, kind: str, size: int | None) -> Headers:
    from mimetypes import guess_type

    headers = Headers()
    # Of the whole URL, so that it is what urllib says: before Python 3.13 none with a `;type=`.
    guessed = guess_type(str(url))[0] if kind != "D" else None
    if guessed is not None:
        headers["Content-type"] = guessed
    if size is not None and size >= 0:
        headers["Content-length"] = str(size)
    return headers


def _without_total(timeout: Any) -> Any:
    """What of a timeout belongs to a connection; the total time is each request's own."""
    from mini_http.base.timeouts import Timeout

    return timeout.replace(total=None) if isinstance(timeout, Timeout) else timeout


def _as_url_error(error: BaseException) -> BaseException:
    """The URLError for whatever ftplib, or what an overridden `connect_ftp` uses, may raise."""
    if isinstance(error, base.errors.URLError):
        return error
    if isinstance(error, TimeoutError):
        return base.errors.ReadTimedOut(reason=error)
    said = "".join(char if char.isprintable() else " " for char in str(error)[:SHOWN_CHARACTERS])
    return base.errors.FTPRefused(f"ftp error: {said}", reason=error)
