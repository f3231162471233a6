"""URLopener and FancyURLopener: how Python 1 opened URLs, for programs that subclass them still.

urllib.request had them until Python 3.13, deprecated since 3.3. So they are here, where they stay.
`open(url)` splits the URL at its first colon and calls `open_<scheme>(rest)` or, where `proxies`
names a proxy for the scheme, the proxy's `open_<scheme>((host, url))`. A reply that is no success
is handed to `http_error_<code>` or `http_error_default`. All these can be overridden.

What is asked goes over the connections of all other openers. A user and password in an http URL are
sent as Basic authentication. What urllib had and never documented is not here: `tempcache`,
`ftpcache`.
"""

from __future__ import annotations

import os
import re
import warnings
from contextlib import closing

from mini_http import base
from mini_http.base.url import URL
from mini_http.base.version import __version__
from mini_http.opener import local_paths
from mini_http.opener.handlers.redirect import SECRETS, RedirectPolicy
from mini_http.opener.proxies import getproxies
from mini_http.opener.replies import addinfourl
from mini_http.tools.legacy_parts import (
    basic_realm,
    director,
    quoted_url,
    request_for,
    split_authority,
    split_scheme,
)
from mini_http.tools.retrieve import save

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mini_http.connect.tls import TLSSettings
    from mini_http.tools.retrieve import Reporthook

    Place = str | tuple[str, str]
    """What follows the scheme of a URL; or a proxy's host and the whole URL."""


class URLopener:
    """Opens URLs; a reply that is no success is an HTTPError. Use `urlopen` in new programs.

    `proxies` maps schemes to the URLs of proxies, by default what `getproxies` gives. `key_file`
    and `cert_file` are who we are to https servers. `version`, a class attribute, is the
    User-Agent; `addheaders` is a list of (name, value) for every request.
    """

    version = f"mini_http/{__version__}"
    addheaders: list[tuple[str, str]]
    type: str
    """The scheme of the URL that is being opened."""

    _temporary_files: list[str]
    _unlink = staticmethod(os.unlink)  # `cleanup` may run when this module is no more

    def __init__(self, proxies: dict[str, str] | None = None, **x509: str | None) -> None:
        warnings.warn(
            f"{type(self).__name__} style of invoking requests is deprecated. "
            "Use urlopen or build_opener.",
            DeprecationWarning,
            stacklevel=3,
        )
        self._temporary_files = []
        self.proxies = getproxies() if proxies is None else proxies
        self.key_file, self.cert_file = x509.get("key_file"), x509.get("cert_file")
        self.addheaders = [("User-Agent", self.version), ("Accept", "*/*")]

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Removes the temporary files of `retrieve`."""
        self.cleanup()

    def cleanup(self) -> None:
        """Removes the temporary files of `retrieve`."""
        files = getattr(self, "_temporary_files", [])  # none if a subclass has not called __init__
        while files:
            try:
                self._unlink(files.pop())
            except OSError:
                pass

    def addheader(self, *args: str) -> None:
        """Adds a field, name and value, to every http request."""
        name, value = args
        self.addheaders.append((name, value))

    # --- opening

    def open(self, fullurl: str, data: Any = None) -> Any:
        """Opens a URL, with `data` as its body if given; returns the reply.

        Raises OSError, of which URLError and HTTPError are.
        """
        fullurl = quoted_url(fullurl)
        scheme, rest = split_scheme(fullurl)
        place: Place = rest
        proxy = self.proxies.get(scheme)
        if proxy:
            scheme, proxys_rest = split_scheme(proxy)
            place = split_authority(proxys_rest)[0], fullurl
        self.type = scheme or "file"
        name = f"open_{self.type.replace('-', '_')}"
        if not hasattr(self, name) or name == "open_local_file":  # CVE-2019-9948
            if proxy:
                return self.open_unknown_proxy(proxy, fullurl, data)
            return self.open_unknown(fullurl, data)
        try:
            return getattr(self, name)(place, *_as_arguments(data))
        except base.errors.URLError:
            raise
        except OSError as error:
            raise OSError("socket error", error) from error

    def retrieve(
        self,
        url: str,
        filename: Any = None,
        reporthook: Reporthook | None = None,
        data: Any = None,
    ) -> tuple[Any, Any]:
        """Writes what a URL gives into a file, as `urlretrieve` does; returns its name and the
        headers. A temporary file ends like the URL's path; `close` removes it.
        """
        from urllib.parse import unwrap

        url = unwrap(url)
        scheme, rest = split_scheme(url)
        if filename is None and scheme in ("", "file"):
            try:
                with self.open_local_file(rest) as file:
                    return local_paths.url2pathname(rest), file.info()
            except OSError:
                pass  # it may be a file of another host
        with closing(self.open(url, data)) as reply:
            if not filename:
                filename = self._temporary_file(split_authority(rest)[1])
            result = filename, reply.info()
            with open(filename, "wb") as file:
                save(reply, file, reporthook, result)
        return result

    def _temporary_file(self, target: str) -> str:
        from tempfile import mkstemp

        path = re.split("[?#;]", target, maxsplit=1)[0]
        descriptor, name = mkstemp(os.path.splitext(path)[1])
        os.close(descriptor)
        self._temporary_files.append(name)
        return name

    # --- by scheme

    def open_http(self, url: Place, data: Any = None) -> Any:
        """Opens an http URL, or any by way of an http proxy."""
        return self._ask("http", url, data)

    def open_https(self, url: Place, data: Any = None) -> Any:
        """Opens an https URL, or any by way of an https proxy."""
        return self._ask("https", url, data)

    def open_ftp(self, url: Place) -> Any:
        """Opens an ftp URL: a file or a directory."""
        return self._open_directly("ftp", url)

    def open_data(self, url: Place, data: Any = None) -> Any:
        """Opens a data: URL."""
        return self._open_directly("data", url)

    def open_file(self, url: Place) -> Any:
        """Opens a file: URL of this machine."""
        if not isinstance(url, str):
            raise base.errors.URLError("proxies for file: are not supported")
        return self.open_local_file(url)

    def open_local_file(self, url: str) -> Any:
        """Opens a file. `url` is its path, quoted, or what follows the scheme of its URL."""
        reply = self._open_directly("file", url)
        path = split_authority(url)[1]
        reply.url = f"file://{path}" if path.startswith("/") else path
        return reply

    def open_unknown(self, fullurl: str, data: Any = None) -> Any:
        """Called for schemes without a method. Raises OSError."""
        raise OSError("url error", "unknown url type", split_scheme(fullurl)[0])

    def open_unknown_proxy(self, proxy: str, fullurl: str, data: Any = None) -> Any:
        """Called for proxies whose scheme has no method. Raises OSError."""
        raise OSError("url error", f"invalid proxy for {split_scheme(fullurl)[0]}", proxy)

    def _open_directly(self, scheme: str, url: Place) -> Any:
        if not isinstance(url, str):
            raise base.errors.URLError(f"proxies for {scheme}: are not supported")
        return director().open(f"{scheme}:{url}")

    def _ask(self, scheme: str, place: Place, data: Any) -> Any:
        """The reply to a request over http or https, from the host of a URL or from a proxy."""
        proxy, whole = None, f"{scheme}:{place}"
        if not isinstance(place, str):
            proxy, whole = f"{scheme}://{place[0]}", place[1]
        self.type, url = split_scheme(whole)
        request = request_for(whole, data, dict(self.addheaders))
        response = director(self._tls(), proxy).open(request)
        status, headers = response.status, response.info()
        if status is None or 200 <= status < 300:  # None: ftp, of a host that needs no proxy
            return addinfourl(response, headers, whole, status)
        return self.http_error(url, response, status, response.reason, headers, data)

    def _tls(self) -> TLSSettings | None:
        if self.cert_file is None:
            return None
        from mini_http.connect.tls import TLSSettings

        return TLSSettings(cert_file=self.cert_file, key_file=self.key_file)

    # --- replies that are no success

    def http_error(
        self, url: str, fp: Any, errcode: int, errmsg: str, headers: Any, data: Any = None
    ) -> Any:
        """Calls `http_error_<errcode>`, and `http_error_default` if that gives nothing.

        `url` is what follows the scheme, `fp` the reply.
        """
        method = getattr(self, f"http_error_{errcode}", None)
        if method is not None:
            result = method(url, fp, errcode, errmsg, headers, *_as_arguments(data))
            if result:
                return result
        return self.http_error_default(url, fp, errcode, errmsg, headers)

    def http_error_default(self, url: str, fp: Any, errcode: int, errmsg: str, headers: Any) -> Any:
        """Closes the reply and raises HTTPError."""
        fp.close()
        raise base.errors.HTTPError(f"{self.type}:{url}", errcode, errmsg, headers, None)


class FancyURLopener(URLopener):
    """A URLopener that follows redirects, and returns error replies instead of raising.

    401 and 407 are HTTPErrors unless a subclass calls their methods with `retry`: then user and
    password are asked for by `prompt_user_passwd`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auth_cache: dict[str, tuple[str, str]] = {}
        self.tries = 0
        self.maxtries = 10
        """How many redirects one call of `open` follows, and one more; 0 for any number."""

    def http_error_default(self, url: str, fp: Any, errcode: int, errmsg: str, headers: Any) -> Any:
        """Returns the reply."""
        return addinfourl(fp, headers, f"{self.type}:{url}", errcode)

    # --- redirects

    def http_error_302(
        self, url: str, fp: Any, errcode: int, errmsg: str, headers: Any, data: Any = None
    ) -> Any:
        """Follows a redirect, by GET."""
        self.tries += 1
        try:
            if self.maxtries and self.tries >= self.maxtries:
                failed = getattr(self, "http_error_500", self.http_error_default)
                return failed(url, fp, 500, "too many redirects", headers)
            return self.redirect_internal(url, fp, errcode, errmsg, headers, data)
        finally:
            self.tries = 0

    def redirect_internal(
        self, url: str, fp: Any, errcode: int, errmsg: str, headers: Any, data: Any
    ) -> Any:
        """The reply that a redirect leads to; None if it names no place.

        Authorization, Cookie and Proxy-Authorization of `addheaders` stay with their origin. Raises
        RedirectRefused where it leads to neither http nor https, or from https to http.
        """
        location = headers.get("location") or headers.get("uri")
        if location is None:
            return None
        fp.close()
        source = URL.parse(f"{self.type}:{url}")
        target = source.join(location)
        refusal = RedirectPolicy().refusal(source, target)
        if refusal is not None:
            raise base.errors.RedirectRefused(
                str(target), errcode, f"{errmsg} - {refusal}", headers, fp
            )
        kept = self.addheaders
        if source.origin != target.origin:
            self.addheaders = [field for field in kept if field[0].lower() not in SECRETS]
        try:
            return self.open(str(target))
        finally:
            self.addheaders = kept

    http_error_301 = http_error_303 = http_error_302

    def http_error_307(
        self, url: str, fp: Any, errcode: int, errmsg: str, headers: Any, data: Any = None
    ) -> Any:
        """Follows a redirect; a POST is not sent again, but is an error reply."""
        if data is None:
            return self.http_error_302(url, fp, errcode, errmsg, headers)
        return self.http_error_default(url, fp, errcode, errmsg, headers)

    http_error_308 = http_error_307

    # --- who we are

    def http_error_401(
        self,
        url: str,
        fp: Any,
        errcode: int,
        errmsg: str,
        headers: Any,
        data: Any = None,
        retry: bool = False,
    ) -> Any:
        """With `retry`, asks again with user and password, for Basic; else raises HTTPError."""
        is_proxys = errcode == 407
        field = "proxy-authenticate" if is_proxys else "www-authenticate"
        realm = basic_realm(headers, field) if retry else None
        if realm is None:
            return super().http_error_default(url, fp, errcode, errmsg, headers)
        again = getattr(self, f"retry_{'proxy_' if is_proxys else ''}{self.type}_basic_auth")
        reply = again(url, realm, *_as_arguments(data))
        if reply is not None:
            fp.close()
        return reply

    http_error_407 = http_error_401

    def retry_http_basic_auth(self, url: str, realm: str, data: Any = None) -> Any:
        """Opens a URL again, with user and password in it; None without any."""
        place = self._with_password(url, realm)
        return None if place is None else self.open(f"{self.type}:{place}", data)

    retry_https_basic_auth = retry_http_basic_auth

    def retry_proxy_http_basic_auth(self, url: str, realm: str, data: Any = None) -> Any:
        """Opens a URL again, with user and password in that of its proxy; None without any."""
        kind, proxy = split_scheme(self.proxies[self.type])
        place = self._with_password(proxy, realm)
        if place is None:
            return None
        self.proxies[self.type] = f"{kind}:{place}"
        return self.open(f"{self.type}:{url}", data)

    retry_proxy_https_basic_auth = retry_proxy_http_basic_auth

    def _with_password(self, url: str, realm: str) -> str | None:
        """What follows a scheme, with user and password for `realm`. Those in it were refused."""
        from urllib.parse import quote

        authority, rest = split_authority(url)
        refused, _, host = authority.rpartition("@")
        user, password = self.get_user_passwd(host, realm, int(bool(refused)))
        if not (user or password):
            return None
        return f"//{quote(user, safe='')}:{quote(password, safe='')}@{host}{rest}"

    def get_user_passwd(self, host: str, realm: str, clear_cache: int = 0) -> tuple[Any, Any]:
        """User and password for a realm of a host, asked for once unless `clear_cache`."""
        key = f"{realm}@{host.lower()}"
        if clear_cache:
            self.auth_cache.pop(key, None)
        if key not in self.auth_cache:
            user, password = self.prompt_user_passwd(host, realm)
            if not (user or password):
                return user, password
            self.auth_cache[key] = user, password
        return self.auth_cache[key]

    def prompt_user_passwd(self, host: str, realm: str) -> tuple[Any, Any]:
        """Asks at the terminal. Override it to ask otherwise; (None, None) gives up."""
        import getpass

        try:
            user = input(f"User for {realm} at {host}: ")
            return user, getpass.getpass(f"Password of {user} for {realm} at {host}: ")
        except KeyboardInterrupt:
            print()
            return None, None


def _as_arguments(data: Any) -> tuple[Any, ...]:
    """`data` as an argument, if there is any: overriders need not take it."""
    return () if data is None else (data,)
