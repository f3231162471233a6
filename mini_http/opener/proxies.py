"""Which proxies the environment and the system name, for which hosts they are not used, and why.

The names and what they give are those of urllib.request: `getproxies` gives a dict of proxies by
scheme, in which "no" holds the list of hosts that are reached directly, and "all" the proxy for
schemes that have none of their own. What may stand in that list is in `no_proxy`.

ProxySettings is what ProxyHandler goes by, and what `explain_proxy` tells of.
"""

from __future__ import annotations

import os
import sys

from mini_http import base
from mini_http.base.authority import DEFAULT_PORTS
from mini_http.base.value import Value
from mini_http.opener.no_proxy import matching_entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mini_http.connect.proxy import Proxy

SCHEMES_OF_ALL = ("http", "https", "ftp", "ftps", "gopher")
"""What the proxy for "all" is for, where a scheme has none of its own."""

NO_SCHEMES = frozenset({"all", "default", "no", "proxy", "unknown"})
"""Names before "_proxy" that are no schemes; some of them would make other hooks than `*_open`."""

# Systems with settings of their own, and the functions of urllib.request that read them. Not
# getproxies and proxy_bypass, which may be ours by then.
_READERS = {
    "darwin": ("getproxies_macosx_sysconf", "proxy_bypass_macosx_sysconf"),
    "win32": ("getproxies_registry", "proxy_bypass_registry"),
}
_READ_PROXIES, _READ_BYPASS = _READERS.get(sys.platform, ("", ""))


# --- what is set


class Setting(Value):
    """What one variable says, or one key of a dict of proxies."""

    name: str
    """As "http_proxy", 'proxies["http"]', or SYSTEM."""
    value: str | Proxy | None = None


SYSTEM = "the system"
"""The name of a setting that is macOS's or Windows's."""


def getproxies() -> dict[str, str]:
    """Proxies by scheme: those of the environment, or where it names none, those of the system."""
    return getproxies_environment() or _getproxies_system()


def getproxies_environment() -> dict[str, str]:
    """What the variables `<scheme>_proxy` say, by scheme in lower case.

    A variable in lower case wins over one in another case, also if it is empty. A CGI program is
    given HTTP_PROXY by whoever sends it a request (CVE-2016-1000110): there only http_proxy counts.
    """
    settings = _environment().items()
    return {scheme: str(setting.value) for scheme, setting in settings if setting.value}


def _environment() -> dict[str, Setting]:
    """The variable that counts, by scheme; the value of one that is there and sets nothing is "".

    That is one in lower case that is empty, or the HTTP_PROXY of a CGI program.
    """
    settings: dict[str, Setting] = {}
    names = [name for name in os.environ if name[-6:].lower() == "_proxy"]
    for name in sorted(names, key=str.islower):
        scheme, value = name[:-6].lower(), os.environ[name]
        is_anyones = scheme == "http" and not name.islower() and "REQUEST_METHOD" in os.environ
        if value or name.islower():
            settings[scheme] = Setting(name, "" if is_anyones else value)
    return settings


def _getproxies_system() -> dict[str, str]:
    if not _READ_PROXIES:
        return {}
    import urllib.request

    proxies: dict[str, str] = getattr(urllib.request, _READ_PROXIES)()
    return proxies


# --- what is decided


class ProxySettings:
    """Which proxy is for which scheme, and which hosts do without.

    `proxies` is a dict as `getproxies` gives it; without it, that is what counts at this moment. An
    empty value means: no proxy. "all" stands for the schemes that are not named. "no" is the list
    of hosts to reach directly; where it is not given, it is what the environment has when it is
    asked about.
    """

    def __init__(self, proxies: Mapping[str, str | Proxy] | None = None) -> None:
        self.proxies: Mapping[str, str | Proxy] = getproxies() if proxies is None else proxies
        self._no = None if proxies is None else proxies.get("no")
        if proxies is not None:
            named = {key.lower(): Setting(f'proxies["{key}"]', at) for key, at in proxies.items()}
            own = named
        else:
            named = _environment()
            own = {scheme: setting for scheme, setting in named.items() if setting.value}
            own = own or {key: Setting(SYSTEM, at) for key, at in self.proxies.items()}
        self._named = named
        """All settings, those that set nothing too."""
        for_all = dict.fromkeys(SCHEMES_OF_ALL, own.get("all", Setting("")))
        self.by_scheme: dict[str, Setting] = {
            scheme: setting
            for scheme, setting in (for_all | own).items()
            if setting.value and scheme not in NO_SCHEMES and "_" not in scheme
        }
        """The proxy for each scheme that has one."""

    def bypass(self, scheme: str, host: str) -> Setting | None:
        """What says that this host, with or without a port, is reached directly; None: nothing.

        The value is the entry of the list; None where the system has none.
        """
        port = DEFAULT_PORTS.get(scheme)
        if self._no is not None:
            return _listed(Setting('proxies["no"]', self._no), host, port)
        return _bypass(host, port)

    def proxy(self, scheme: str, text: str | Proxy) -> Proxy:
        """The proxy that a setting for this scheme says. Raises what `Proxy.parse` does, with the
        name of the setting if it is ours; InvalidRequest for one that URLs of the scheme can't go
        through.
        """
        from mini_http.connect.proxy import Proxy

        setting = self.by_scheme.get(scheme)
        source = "" if setting is None or setting.value != text else f"{setting.name}: "
        try:
            way = text if isinstance(text, Proxy) else Proxy.parse(text)
        except base.errors.InvalidRequest as error:
            raise type(error)(f"{source}{error}") from None
        if not way.reads_requests and scheme not in ("http", "https"):
            words = f"{source}{scheme} can't go through proxies of type {way.kind}"
            raise base.errors.InvalidRequest(words)
        return way

    def explain(self, url: str) -> ProxyChoice:
        """What is decided about a URL now. Raises InvalidURL, and as `proxy` does."""
        from mini_http.base.url import URL

        asked = URL.parse(url).without_userinfo()
        scheme = asked.scheme
        origin = f"{scheme}:" if asked.netloc is None else f"{scheme}://{asked.netloc}"
        setting = self.by_scheme.get(scheme)
        if setting is None or setting.value is None:
            unused = self._named.get(scheme)
            return ProxyChoice(origin, None, None if unused is None else unused.name)
        bypass = self.bypass(scheme, asked.authority) if asked.authority else None
        if bypass is not None:
            entry = None if bypass.value is None else str(bypass.value)
            return ProxyChoice(origin, None, bypass.name, entry)
        return ProxyChoice(origin, _shown(self.proxy(scheme, setting.value)), setting.name)


class ProxyChoice(Value):
    """Whether a URL is reached through a proxy, and what decided that. `str()` is a sentence.

    No password is in it, neither the URL's nor the proxy's.
    """

    origin: str
    """Scheme, host and port of the URL."""
    proxy: str | None
    """As "http://host:port"; None: the host is reached directly."""
    variable: str | None = None
    """What decided: "https_proxy", "NO_PROXY", 'proxies["all"]', or "the system". None: nothing
    is set for this scheme."""
    entry: str | None = None
    """The entry of the list of hosts that are reached directly."""

    def __str__(self) -> str:
        if self.proxy is not None:
            return f"{self.origin} goes through {self.proxy}, as {self.variable} says"
        return f"{self.origin} is reached directly: {self._why_directly()}"

    def _why_directly(self) -> str:
        name = self.variable
        if name is None:
            return f"no proxy is set for {self.origin.partition(':')[0]}"
        if self.entry is not None:
            return f"{name} has {self.entry!r}"
        if name == SYSTEM:
            return f"{name} says so"
        if name.lower() == "http_proxy" and not name.islower():
            return f"{name} does not count in a CGI program (REQUEST_METHOD is set)"
        return f"{name} is empty"


def explain_proxy(url: str, proxies: Mapping[str, str | Proxy] | None = None) -> ProxyChoice:
    """Which proxy a request for this URL goes through, and why: print(explain_proxy(url)).

    It asks what a ProxyHandler(proxies) that is made now asks. Raises InvalidURL for what is no
    URL; InvalidRequest, InvalidURL among them, for a proxy that can't be used.
    """
    return ProxySettings(proxies).explain(url)


def _shown(proxy: Proxy) -> str:
    """A proxy without user and password, and those that it is reached through."""
    shown = f"{proxy.kind}://{proxy.place}"
    return shown if proxy.via is None else f"{shown} via {_shown(proxy.via)}"


# --- what is reached directly


def proxy_bypass(host: str, proxies: Mapping[str, str] | None = None) -> bool:
    """Whether `host`, with or without a port, is to be reached without a proxy.

    `proxies` is what `getproxies` gives; None: what it gives now, or where the environment names no
    proxies, what the system says.
    """
    if proxies is None:
        return _bypass(host) is not None
    return proxy_bypass_environment(host, proxies)


def proxy_bypass_environment(host: str, proxies: Mapping[str, str] | None = None) -> bool:
    """Whether `host` matches the list in `proxies["no"]`; None: the one in the environment."""
    if proxies is None:
        proxies = getproxies_environment()
    return matching_entry(host, proxies.get("no") or "") is not None


def _bypass(host: str, port: int | None = None) -> Setting | None:
    """What of the environment, or the system, says that a host is reached directly."""
    settings = _environment()
    if _READ_BYPASS and not any(setting.value for setting in settings.values()):
        import urllib.request

        return Setting(SYSTEM) if getattr(urllib.request, _READ_BYPASS)(host) else None
    return _listed(settings.get("no"), host, port)


def _listed(setting: Setting | None, host: str, port: int | None) -> Setting | None:
    """The setting with the entry that a host matches in its list; None if there is none."""
    if setting is None:
        return None
    entry = matching_entry(host, str(setting.value or ""), port)
    return None if entry is None else setting.replace(value=entry)
