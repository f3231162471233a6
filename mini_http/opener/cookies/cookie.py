"""Cookie: one cookie in a jar, with the attributes of http.cookiejar's and those it lacks.

`domain` is as http.cookiejar has it: with a dot before it, the cookie goes to subdomains too;
without, to this host alone. Nothing here decides where a cookie goes: rules.py does.
"""

from __future__ import annotations

import time

from mini_http.base.likeness import loaded_class
from mini_http.codec.set_cookie import SAME_SITE
from mini_http.opener.cookies.public_suffix import is_address
from mini_http.opener.cookies.rules import canonical

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mini_http.codec.set_cookie import SetCookie

LONGEST_AGE = 400 * 24 * 60 * 60
"""Seconds that a cookie is kept, at most (RFC 6265bis section 5.5)."""


class Cookie:
    """One cookie. The parameters are http.cookiejar's; those of RFC 2965 are kept and mean nothing.

    `expires` is in seconds since 1970, None for the time that the program runs. HttpOnly and
    SameSite stand in `rest`, as there.
    """

    serial = 0
    """The place among the cookies of a jar that were made at the same moment."""

    def __init__(
        self,
        version: int | None,
        name: str,
        value: str | None,
        port: str | None,
        port_specified: bool,
        domain: str,
        domain_specified: bool,
        domain_initial_dot: bool,
        path: str,
        path_specified: bool,
        secure: bool,
        expires: float | str | None,
        discard: bool,
        comment: str | None,
        comment_url: str | None,
        rest: Mapping[str, Any] | None,
        rfc2109: bool = False,
    ) -> None:
        if port is None and port_specified is True:
            raise ValueError("if port is None, port_specified must be false")
        self.version = None if version is None else int(version)
        self.name = name
        self.value = value
        self.port = port
        self.port_specified = port_specified
        self.domain = canonical(domain)
        self.domain_specified = domain_specified
        self.domain_initial_dot = domain_initial_dot
        self.path = path
        self.path_specified = path_specified
        self.secure = secure
        self.expires = None if expires is None else int(float(expires))
        self.discard = discard
        self.comment = comment
        self.comment_url = comment_url
        self.rfc2109 = rfc2109
        self._rest = {} if rest is None else dict(rest)
        self.created = self.last_access = time.time()

    # --- what http.cookiejar has in `rest`

    @property
    def host_only(self) -> bool:
        """Whether it goes to the very host that set it, and to no subdomain."""
        return not (self.domain_specified or self.domain[:1] == ".") or is_address(self.domain)

    @property
    def http_only(self) -> bool:
        """Whether scripts in a page may not see it; it changes nothing here."""
        return "HttpOnly" in self._rest or self.has_nonstandard_attr("HttpOnly")

    @property
    def same_site(self) -> str | None:
        """ "Strict", "Lax", "None", as the field spells them; None if it was not said."""
        if not self._rest:
            return None
        return SAME_SITE.get(str(self.get_nonstandard_attr("SameSite") or "").lower())

    def has_nonstandard_attr(self, name: str) -> bool:
        """Whether there was an attribute that is none of the parameters; case is no matter."""
        return self._spelled(name) is not None

    def get_nonstandard_attr(self, name: str, default: Any = None) -> Any:
        """The value of such an attribute, None for one without "="; else `default`."""
        spelled = self._spelled(name)
        return default if spelled is None else self._rest[spelled]

    def set_nonstandard_attr(self, name: str, value: Any) -> None:
        """Sets such an attribute."""
        self._rest[self._spelled(name) or name] = value

    def _spelled(self, name: str) -> str | None:
        if name in self._rest:
            return name
        folded = name.lower()
        return next((given for given in self._rest if given.lower() == folded), None)

    # --- time

    def is_expired(self, now: float | None = None) -> bool:
        """Whether its time is over at `now`, in seconds since 1970."""
        return self.expires is not None and self.expires <= (time.time() if now is None else now)

    # --- as a value

    @staticmethod
    def received(said: SetCookie, domain: str, default_path: str, now: float) -> Cookie:
        """The cookie that a Set-Cookie line makes (RFC 6265bis section 5.7).

        `domain` begins with a dot for a cookie that subdomains get, too.
        """
        expires = said.expires if said.max_age is None else _after(now, said.max_age)
        if expires is not None:
            expires = min(expires, int(now) + LONGEST_AGE)
        rest = dict(said.others)
        if said.http_only:
            rest["HttpOnly"] = None
        if said.same_site is not None:
            rest["SameSite"] = said.same_site
        dotted = domain.startswith(".")
        made = Cookie.__new__(Cookie)
        made.__dict__ = {  # half the time of setting them one by one
            "version": 0,
            "name": said.name,
            "value": said.value,
            "port": None,
            "port_specified": False,
            "domain": domain,
            "domain_specified": dotted,
            "domain_initial_dot": dotted,
            "path": said.path or default_path,
            "path_specified": said.path is not None,
            "secure": said.secure,
            "expires": expires,
            "discard": expires is None,
            "comment": None,
            "comment_url": None,
            "rfc2109": False,
            "_rest": rest,
            "created": now,
            "last_access": now,
        }
        return made

    @staticmethod
    def of(cookie: Any) -> Cookie:
        """The cookie as one of ours: itself, or a copy of one of http.cookiejar's."""
        if issubclass(type(cookie), Cookie):
            ours: Cookie = cookie
            return ours
        made = Cookie.__new__(Cookie)
        made.created = made.last_access = time.time()
        vars(made).update(vars(cookie))
        made.domain = canonical(made.domain)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as what it is, whatever `__class__` says."""
        return blank, (type(self),), vars(self)

    def __str__(self) -> str:
        place = f"{self.domain}{'' if self.port is None else f':{self.port}'}{self.path}"
        pair = self.name if self.value is None else f"{self.name}={self.value}"
        return f"<Cookie {pair} for {place}>"

    def __repr__(self) -> str:
        """Without the value, which may be a login."""
        # http.cookiejar has the value of what has no name as a name.
        name = "" if self.value is None else self.name
        return f"<Cookie {name} for {self.domain}{self.path}>"

    @property  # type: ignore[misc]  # to be read, never set
    def __class__(self) -> type:
        """http.cookiejar's class to `isinstance`, where that is loaded."""
        return loaded_class(("http.cookiejar", "Cookie"), otherwise=type(self))


def blank(kind: type[Any]) -> Any:
    """An object of a class, with nothing set."""
    return object.__new__(kind)


def _after(now: float, max_age: int) -> int:
    """The time that Max-Age means, in seconds since 1970 (RFC 6265bis section 5.6.2)."""
    return 0 if max_age <= 0 else int(now) + min(max_age, LONGEST_AGE)
