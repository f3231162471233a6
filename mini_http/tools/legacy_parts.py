"""What `tools.legacy` is made of: URLs quoted and split its way, its requests, what sends them.

Nothing here follows a redirect, answers a challenge, or looks at a status.
"""

from __future__ import annotations

import re

from mini_http import base
from mini_http.base.url import URL
from mini_http.codec.challenges import parse_challenges
from mini_http.opener.director import OpenerDirector
from mini_http.opener.handlers.data import DataHandler
from mini_http.opener.handlers.file import FileHandler
from mini_http.opener.handlers.ftp import FTPHandler
from mini_http.opener.handlers.http import HTTPHandler, HTTPSHandler
from mini_http.opener.handlers.proxy import ProxyHandler
from mini_http.opener.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mini_http.connect.tls import TLSSettings

# a scheme, and what follows it; urllib takes anything for one that has no slash
_SCHEME = r"(?s)([^/:]++):(.*)"
# "//" authority, and what follows it (RFC 3986 appendix B)
_AUTHORITY = r"(?s)//([^/?#]*+)(.*)"


_SAFE = "%/:=&?~#+!$,;'@()*[]|"
"""What stays unquoted in a URL."""


def quoted_url(url: str) -> str:
    """A URL out of its wrapping, `<URL:...>`, with all quoted that none can have."""
    from urllib.parse import quote, unwrap

    return quote(unwrap(url), safe=_SAFE)


def split_scheme(url: str) -> tuple[str, str]:
    """The scheme in lower case, "" if there is none, and what follows it."""
    found = re.match(_SCHEME, url)
    return (found[1].lower(), found[2]) if found else ("", url)


def split_authority(rest: str) -> tuple[str, str]:
    """The authority, "" if there is none, and what follows it."""
    found = re.match(_AUTHORITY, rest)
    return (found[1], found[2]) if found else ("", rest)


def request_for(whole: str, data: Any, headers: Mapping[str, str]) -> Request:
    """The request for a URL, by POST if there is `data`.

    User and password of the URL become Basic authentication (RFC 7617), unless `headers` have
    another; no content coding is asked for, unless they do. Raises InvalidURL.
    """
    from base64 import b64encode
    from urllib.parse import unquote

    host = unquote(split_authority(split_scheme(whole)[1])[0].rpartition("@")[2])
    if odd := re.search(r"[\x00-\x20\x7f]", host):  # in the words that callers look for
        raise base.errors.InvalidURL(
            f"host can't contain control characters: {odd[0]!r} in {host!r}"
        )
    url = URL.parse(whole)
    request = Request(str(url.without_userinfo()), data, headers)
    if url.username is not None and not request.has_header("Authorization"):
        account = f"{url.username}:{url.password or ''}".encode()
        request.add_header("Authorization", f"Basic {b64encode(account).decode()}")
    if not request.has_header("Accept-encoding"):
        request.add_header("Accept-Encoding", "identity")
    return request


def director(tls: TLSSettings | None = None, proxy: str | None = None) -> OpenerDirector:
    """What opens requests as they are. `proxy` is the URL of the proxy to go through."""
    made = OpenerDirector()
    made.addheaders = []
    for handler in (HTTPHandler(), HTTPSHandler(tls=tls), _FTPHandler(), FileHandler()):
        made.add_handler(handler)
    made.add_handler(DataHandler())
    if proxy is not None:
        made.add_handler(ProxyHandler({"http": proxy, "https": proxy, "ftp": proxy}))
    return made


class _FTPHandler(FTPHandler):
    """Connects with what every ftpwrapper knows, also one that a program put in its place."""

    def connect_ftp(
        self, user: str, passwd: str, host: str, port: int, dirs: list[str], timeout: Any
    ) -> Any:
        from mini_http.opener.ftp_wrapper import ftpwrapper

        return ftpwrapper(user, passwd, host, port, dirs, timeout, persistent=False)


def basic_realm(headers: Any, field: str) -> str | None:
    """The realm of the first challenge for Basic (RFC 7617) in these fields; None without one."""
    for challenge in parse_challenges(headers.get_all(field, [])):
        if challenge.is_for("basic"):
            return challenge.get("realm")
    return None
