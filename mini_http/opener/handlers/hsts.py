"""HSTSHandler: hosts that once said so are asked over TLS only (RFC 6797).

It is not among the usual handlers: `build_opener(HSTSHandler("hosts.hsts"))` adds it.
"""

from __future__ import annotations

import re

from mini_http import base
from mini_http.base.url import URL
from mini_http.codec.grammar import TOKEN_CHARACTER
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.hsts_store import HSTSStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any

FIELD = "Strict-Transport-Security"

# directive = directive-name [ "=" directive-value ] (section 6.1), with what separates it from the
# next; a value is a token or a quoted-string.
_DIRECTIVE = re.compile(
    rf"[ \t]*+(?:({TOKEN_CHARACTER}++)[ \t]*+"
    rf'(?:=[ \t]*+(?:({TOKEN_CHARACTER}++)|"((?:[^"\\]|\\.)*+)")[ \t]*+)?+)?+(?:;|\Z)'
)
# delta-seconds (section 6.1.1); more digits than any time has are as many as can be kept.
_SECONDS = r"[0-9]++"
_LONGEST_SECONDS = 18
_PLAIN_HTTP = r"(?i)http:"
_BEYOND_ASCII = r"[^\x00-\x7f]"


class HSTSHandler(BaseHandler):
    """Remembers which hosts want TLS, and asks them by https where a URL says http.

    With `filename` the hosts are kept in a file of curl's form, which is read now and written
    whenever something changed that matters. It is made for its owner alone.

    A host is remembered by the Strict-Transport-Security field of a reply that came over verified
    TLS, and forgotten by `max-age=0`. An http URL of a known host becomes https before anything is
    sent: port 80 becomes 443, another port stays (section 8.3). So do Locations that lead to one,
    which would else be refused where they leave https. The Request that the program made says https
    then, as does the reply's `url`. IP addresses have no part in it.

    Raises OSError and ValueError for a file that can't be read.
    """

    handler_order = 90
    """Before ProxyHandler: what goes to a proxy is https already."""

    def __init__(self, filename: str | os.PathLike[str] | None = None) -> None:
        self.hosts = HSTSStore(filename)

    def remember(self, host: str, max_age: float, include_subdomains: bool = False) -> None:
        """As if a reply of `host` had said so; 0 seconds forget it. Raises OSError."""
        self.hosts.remember(host, max_age, include_subdomains)

    def is_known(self, host: str) -> bool:
        """Whether `host` is asked over TLS only."""
        return self.hosts.is_known(host)

    def http_open(self, req: Any) -> Any:
        """The reply over https, for a known host; else None."""
        secured = self._secured(req.full_url)
        if secured is None:
            return None
        if req.unredirected_hdrs.get("Host") == req.host:
            del req.unredirected_hdrs["Host"]  # with the port of http
        req.full_url = secured
        return self.parent.open(req, timeout=req.timeout)

    def https_response(self, request: Any, response: Any) -> Any:
        """Notes what the reply says of its host; the reply is as it was.

        Warns RuntimeWarning where the file can't be saved; it is tried again with the next change.
        """
        said = response.info().get(FIELD)  # the first one alone counts (section 8.1)
        if said is not None and self._is_verified():
            policy = read_policy(said)
            url = URL.parse(request.full_url)
            # An http URL may be asked of a proxy over TLS, which says nothing of its host.
            if policy is not None and url.scheme == "https":
                try:
                    self.remember(url.host, *policy)
                except (OSError, ValueError) as error:
                    _warn(error)
        return response

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> None:
        """Has a Location that leads to a known host lead there over TLS; others follow it."""
        location = headers.get("location", "").strip()
        if re.match(_PLAIN_HTTP, location):
            secured = self._secured(re.sub(_BEYOND_ASCII, _octet, location))
            if secured is not None:
                headers.replace_header("location", secured)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def close(self) -> None:
        """Saves what was not worth saving before. Raises OSError."""
        self.hosts.save()

    def _secured(self, text: str) -> str | None:
        """The https URL for an http one of a known host; None for others."""
        try:
            url = URL.parse(text)
        except base.errors.InvalidURL:
            return None  # whoever opens it says why
        if url.scheme != "http" or not self.is_known(url.host):
            return None
        return str(url.replace(scheme="https"))

    def _is_verified(self) -> bool:
        """Whether this opener knows whom it talks to over TLS (section 8.1).

        Another handler that opens https may be a fake, or take any certificate.
        """
        for handler in self.parent.handle_open.get("https", ()):
            if hasattr(handler, "proxy_open"):
                continue
            settings = getattr(handler, "_settings", None)
            if settings is not None:
                tls = settings()
                return _verifies(tls if tls.context is None else tls.context)
            if type(handler).__module__ == "urllib.request" and hasattr(handler, "_context"):
                return handler._context is None or _verifies(handler._context)
            return False
        return False


def _verifies(tls: Any) -> bool:
    """Whether settings, or a context, want a trusted certificate for the right name."""
    return bool(getattr(tls, "verify", getattr(tls, "verify_mode", False))) and tls.check_hostname


def _warn(error: Exception) -> None:
    """Says that the file can't be saved: the reply is none the worse for it."""
    import warnings

    warnings.warn(f"the known hosts were not saved: {error}", RuntimeWarning, stacklevel=3)


def _octet(character: re.Match[str]) -> str:
    """A byte of a head, which was read as ISO 8859-1, percent-encoded."""
    return "".join(f"%{octet:02X}" for octet in character[0].encode("latin-1", "replace"))


# --- the field


def read_policy(field: str) -> tuple[int, bool] | None:
    """What a Strict-Transport-Security field says: seconds, and whether for subdomains too.

    None for one that breaks the grammar of section 6.1, which is to be ignored as a whole: also
    where max-age is missing, or a directive is there twice. Unknown directives mean nothing.
    """
    directives: dict[str, str | None] = {}
    at = 0
    while at < len(field):
        found = _DIRECTIVE.match(field, at)
        if found is None:
            return None
        at = found.end()
        name, token, quoted = found.groups()
        if name is None:
            continue
        name = name.lower()
        if name in directives:
            return None
        directives[name] = token if quoted is None else re.sub(r"(?s)\\(.)", r"\1", quoted)
    seconds = directives.get("max-age")
    if seconds is None or re.fullmatch(_SECONDS, seconds) is None:
        return None
    if directives.get("includesubdomains") is not None:
        return None
    max_age = int(seconds.lstrip("0")[:_LONGEST_SECONDS] or "0")
    return max_age, "includesubdomains" in directives
