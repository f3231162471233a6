"""url2pathname and pathname2url: between the paths of this system and what file: URLs say of them.

Both do what urllib.request does in the running Python. From 3.14 on that reads file: URLs by RFC
8089, which knows a host and no query; before, it only undoes the escapes. On Windows, where paths
have drives and shares, Python's own functions are called.
"""

from __future__ import annotations

import os
import sys

from mini_http import base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

READS_RFC_8089 = sys.version_info >= (3, 14)
IS_WINDOWS = os.name == "nt"

HERE = ("", "localhost")
"""The hosts that are this machine without asking anyone (RFC 8089 section 2)."""

NOT_HERE = "file:// scheme is supported only on localhost"


def url2pathname(url: str, *, require_scheme: bool = False, resolve_host: bool = False) -> str:
    """The path that a file: URL names. `url` is what follows `file:`, or all with `require_scheme`.

    `resolve_host` looks a host up to see whether it is this machine. Raises URLError for a URL of
    another scheme and, where RFC 8089 is read, for another host.
    """
    if IS_WINDOWS:
        return _on_windows(
            "url2pathname", url, require_scheme=require_scheme, resolve_host=resolve_host
        )
    from urllib.parse import unquote

    if require_scheme:
        scheme, _, url = url.partition(":")
        if scheme.lower() != "file":
            raise base.errors.URLError("URL is missing a 'file:' scheme")
    if READS_RFC_8089:
        url = url.partition("#")[0].partition("?")[0]
    if url.startswith("//"):
        host, slash, path = url[2:].partition("/")
        if _is_here(host, resolve_host):
            url = slash + path
        elif READS_RFC_8089:
            raise base.errors.URLError(NOT_HERE)
    return unquote(url, sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())


def pathname2url(pathname: str, *, add_scheme: bool = False) -> str:
    """What follows `file:` in the URL of a path; with `add_scheme`, the whole URL."""
    if IS_WINDOWS:
        return _on_windows("pathname2url", pathname, add_scheme=add_scheme)
    from urllib.parse import quote

    url = quote(os.fsencode(pathname))
    if url.startswith("//") or (url.startswith("/") and (READS_RFC_8089 or add_scheme)):
        url = f"//{url}"  # an empty host, lest the beginning of the path reads as one
    return f"file:{url}" if add_scheme else url


def _is_here(host: str, resolve: bool) -> bool:
    if host in HERE:
        return True
    if resolve:
        from mini_http.opener.handlers.file import FileHandler

        return FileHandler().is_here(host)
    import socket

    return host == socket.gethostname()


def _on_windows(name: str, text: str, **options: bool) -> str:
    """What Python's function of that name gives. Before 3.14 it takes no options."""
    import importlib

    # nturl2path, deprecated since 3.14, is where urllib.request had them from. A program may have
    # put ours in place of those of urllib.request.
    home = importlib.import_module("urllib.request" if READS_RFC_8089 else "nturl2path")
    function: Callable[..., str] = getattr(home, name)
    return function(text, **{option: True for option, value in options.items() if value})
