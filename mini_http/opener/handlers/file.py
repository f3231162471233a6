"""FileHandler: opens file: URLs, which name files of this machine (RFC 8089)."""

from __future__ import annotations

import os

from mini_http import base
from mini_http.base.dates import http_date
from mini_http.base.headers import Headers
from mini_http.base.url import URL
from mini_http.opener import local_paths
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.replies import addinfourl, type_by_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class FileHandler(BaseHandler):
    """Opens files. No redirect leads to one."""

    names: tuple[str, ...] | None = None
    """This machine's IPv4 addresses; None until someone asks."""

    def get_names(self) -> tuple[str, ...]:
        """This machine's IPv4 addresses, looked up once."""
        import socket

        if FileHandler.names is None:
            _, _, addresses = socket.gethostbyname_ex("localhost")
            try:
                addresses += socket.gethostbyname_ex(socket.gethostname())[2]
            except OSError:
                pass  # a machine that does not know its own name
            FileHandler.names = tuple(addresses)
        return FileHandler.names

    def is_here(self, host: str) -> bool:
        """Whether a host, as a URL names it, is this machine."""
        if host in local_paths.HERE:
            return True
        import socket

        try:
            return socket.gethostbyname(host) in self.get_names()
        except (OSError, UnicodeError):  # a name that has no address, or can have none
            return False

    def file_open(self, req: Any) -> addinfourl:
        """The file. Raises URLError, whose `reason` is the OSError that opening it raised."""
        return self.open_local_file(req)

    def open_local_file(self, req: Any) -> addinfourl:
        """The file, with its size, its time and, by its name, its type as headers."""
        url = URL.parse(req.full_url)
        if url.username is not None or url.port is not None or not self.is_here(url.host):
            raise base.errors.URLError(local_paths.NOT_HERE)
        # A path may begin with two slashes of its own, and what follows them is then no host.
        path = local_paths.url2pathname(url.target if url.netloc is None else f"//{url.target}")
        try:
            file = open(path, "rb")  # noqa: SIM115  (closed with the reply)
        except OSError as error:
            raise base.errors.URLError(error, error.filename) from error
        except ValueError as error:  # NUL in it
            raise base.errors.InvalidURL(f"no path of a file: {error}") from error
        return addinfourl(file, _headers(path, os.fstat(file.fileno())), _url_of(url, path))


def _headers(path: str, status: os.stat_result) -> Headers:
    headers = Headers(
        [
            ("Content-type", type_by_name(path) or "text/plain"),
            ("Content-length", str(status.st_size)),
        ]
    )
    date = http_date(status.st_mtime)
    if date is not None:
        headers["Last-modified"] = date
    return headers


def _url_of(url: URL, path: str) -> str:
    """The URL of the reply, as urllib gives it in the running Python: with an empty host in it for
    an absolute path, which may stand without one, and without a fragment.
    """
    if local_paths.READS_RFC_8089:
        return local_paths.pathname2url(path, add_scheme=True)
    netloc = "" if url.path.startswith("/") else None
    return str(url.replace(netloc=url.netloc or netloc, fragment=None))
