"""Request: what is to be fetched, with urllib.request.Request's interface.

A Request is changed by handlers on its way; the values below it (URL, Route) are frozen.
"""

from __future__ import annotations

from mini_http.opener.url_text import read_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mini_http.base.timeouts import Deadline, Timeout
    from mini_http.connect.proxy import Proxy
    from mini_http.exchange.form_body import FormFields, FormFiles
    from mini_http.exchange.request_body import RequestBody
    from mini_http.exchange.response import HTTPResponse
    from mini_http.opener.handlers.authentication import Refusal

_PLACED_FIELDS = frozenset({"Host", "Proxy-authorization"})
"""Fields that have their place in a request, or none."""


class Request:
    """A request for `url`, with `data` as its body and `headers` as its fields.

    The method is `method` if given, else POST with a body and GET without. `headers` and
    `unredirected_hdrs` are dicts by `name.capitalize()`, as in urllib; what is sent keeps the
    spelling that the caller gave.

    Instead of `data` there may be a value to send as `json`, or the fields of a `form`, its `files`
    or both; `data` is then what `body_of` makes of them. Raises InvalidURL, which is a ValueError,
    and TypeError for two bodies.
    """

    timeout: float | Timeout | None
    deadline: Deadline | None = None
    """The running limit that this request shares with those that it is redirected to."""
    method: str | None = None
    """The method, where data alone does not tell it."""
    body: RequestBody | None = None
    """What `data` was last sent as: it knows where a file stood, to be sent again from there."""
    history: tuple[HTTPResponse, ...] = ()
    """The replies that redirected to this request."""
    refusal: Refusal | None = None
    """Why it is sent again, with credentials; None for one that a program made."""
    redirect_dict: dict[str, int]
    """How often it was redirected where, shared with those that follow; there after the first."""
    site_for_cookies: str | None = None
    """The URL or host of the page that asks for this, for SameSite cookies; None if the program
    itself does. An `origin_req_host` of another host says so, too."""
    is_chosen: bool | None = None
    """Of one that follows a redirect, whether a user chose the first one, as by following a link;
    `unverifiable` is always true then. None of the first one, of which that says it."""
    jar_field: tuple[str, str] = ("", "")
    """The Cookie field that the program gave, and the one that a jar made of it."""
    decode_content = False
    """Whether the opener asked for content codings, and so undoes them."""
    opened_by: int | None = None
    """The thread that is opening it."""
    _given: tuple[str, ...] | None = None
    """The names in `unredirected_hdrs` before handlers added theirs, while it is being opened."""
    _added: tuple[tuple[str, str], ...] = ()
    """What handlers had added there when its last opening ended."""
    _type: str | None = None
    _host: str | None = None
    _selector: str | None = None
    _tunnel_host: str | None = None
    proxy: Proxy | None = None
    """The proxy that a handler chose for it."""
    _unproxied: tuple[str | None, str | None, str | None, str | None] | None = None
    """What `choose_proxy` replaced of type, host and selector; and the credentials it added."""
    _secret_names: frozenset[str] = frozenset()

    def __init__(
        self,
        url: str,
        data: Any = None,
        headers: Mapping[str, str] = {},
        origin_req_host: str | None = None,
        unverifiable: bool = False,
        method: str | None = None,
        *,
        json: Any = None,
        form: FormFields | None = None,
        files: FormFiles | None = None,
    ) -> None:
        self._full_url, self.url = read_url(url)
        self.headers: dict[str, str] = {}
        self.unredirected_hdrs: dict[str, str] = {}
        self._spelling: dict[str, str] = {}
        if json is not None or form is not None or files is not None:
            from mini_http.exchange.form_body import body_of

            data = body_of(data, json, form, files)
        self._data = data
        if headers:
            if not hasattr(headers, "items"):
                raise TypeError(f"headers must be a mapping, not {type(headers).__name__}")
            for name, value in headers.items():
                self.add_header(name, value)
        if origin_req_host is not None:
            self.origin_req_host = origin_req_host
            if origin_req_host.strip("[]").lower() != self.url.host:
                self.site_for_cookies = origin_req_host
        self.unverifiable = unverifiable
        if method:
            if not isinstance(method, str):
                raise TypeError(f"method must be a string, not {type(method).__name__}")
            self.method = method

    # --- where to

    @property
    def full_url(self) -> str:
        """The URL as text, fragment included."""
        return self._full_url

    @full_url.setter
    def full_url(self, url: str) -> None:
        self.origin_req_host = self.origin_req_host  # stays that of the first URL
        if self.unredirected_hdrs.get("Host") == self.url.authority:
            del self.unredirected_hdrs["Host"]  # a handler added it for that URL
        self._full_url, self.url = read_url(url)
        self._leave_proxy()
        self._type = self._host = self._selector = self._tunnel_host = None

    @full_url.deleter
    def full_url(self) -> None:
        self._full_url = None  # type: ignore[assignment]  # as in urllib
        self._selector = ""
        self.url = self.url.without_fragment()

    def get_full_url(self) -> str:
        """The URL as text, fragment included."""
        return self.full_url

    @property
    def type(self) -> str:
        """The scheme that decides which handler opens the request."""
        return self._type or self.url.scheme

    @type.setter
    def type(self, scheme: str) -> None:
        self._type = scheme

    @property
    def host(self) -> str:
        """The authority that is connected to: host, and port if given."""
        return self._host if self._host is not None else self.url.authority

    @host.setter
    def host(self, host: str) -> None:
        self._host = host

    @property
    def selector(self) -> str:
        """The request target: path and query."""
        if self._selector is not None:
            return self._selector
        return self.url.target or self._content()

    @selector.setter
    def selector(self, target: str) -> None:
        self._selector = target

    def _content(self) -> str:
        """What a data: URL has in place of a path."""
        return self._full_url.partition(":")[2] if self.url.scheme == "data" else ""

    @property
    def fragment(self) -> str | None:
        """What follows "#"; it is never sent."""
        return self.url.fragment

    @property
    def origin_req_host(self) -> str:
        """The host of the page that this request is part of, for third-party cookie rules."""
        host: str | None = self.__dict__.get("_origin_req_host")
        if host is None:
            host = f"[{self.url.host}]" if ":" in self.url.host else self.url.host
        return host

    @origin_req_host.setter
    def origin_req_host(self, host: str) -> None:
        self.__dict__["_origin_req_host"] = host

    # --- what is sent

    @property
    def data(self) -> Any:
        """The body: what `request_body` takes. Setting it drops Content-Length."""
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        if data is not self._data:
            self._data = data
            if self.has_header("Content-length"):
                self.remove_header("Content-length")

    @data.deleter
    def data(self) -> None:
        self.data = None

    def get_method(self) -> str:
        """The method to send. May be overridden, also on an instance."""
        return self.method or ("GET" if self._data is None else "POST")

    def add_header(self, key: str, val: str) -> None:
        """Sets a field that is sent again after a redirect, within the same origin if secret."""
        name = key.capitalize()
        self._spelling[name] = key
        self.headers[name] = val

    def add_unredirected_header(self, key: str, val: str) -> None:
        """Sets a field for this request alone."""
        name = key.capitalize()
        self._spelling[name] = key
        self.unredirected_hdrs[name] = val

    def has_header(self, header_name: str) -> bool:
        """Whether there is such a field; the name is expected as `name.capitalize()` gives it."""
        return header_name in self.headers or header_name in self.unredirected_hdrs

    def get_header(self, header_name: str, default: Any = None) -> Any:
        """The value of a field, by its capitalized name."""
        return self.headers.get(header_name, self.unredirected_hdrs.get(header_name, default))

    def remove_header(self, header_name: str) -> None:
        """Removes a field, by its capitalized name."""
        self.headers.pop(header_name, None)
        self.unredirected_hdrs.pop(header_name, None)

    def header_items(self) -> list[tuple[str, str]]:
        """All fields by their capitalized names; `headers` win."""
        return list((self.unredirected_hdrs | self.headers).items())

    def given_fields(self) -> list[tuple[str, str]]:
        """The fields of `headers` in the spelling that was given."""
        return [(self._spelling.get(name, name), value) for name, value in self.headers.items()]

    def fields(self) -> list[tuple[str, str]]:
        """All fields as they are sent: Host first, then `headers`, then those for this request
        alone, which win where both have one. Proxy-Authorization is for a proxy, so it is left out
        of what goes to an origin, through a tunnel too (CVE-2023-32681).
        """
        spelling = self._spelling
        fields = self.unredirected_hdrs
        if self.headers:
            fields = self.headers | fields
        sent = [("Host", self.url.authority)]
        for name, value in fields.items():
            if type(value) is not str:
                value = _as_text(value)
            if name not in _PLACED_FIELDS:
                sent.append((spelling.get(name, name), value))
            elif name == "Host":
                if value:
                    sent[0] = ("Host", value)
            elif self.selector[:1] not in ("/", "*"):  # the whole URL, as for a proxy
                sent.append((spelling.get(name, name), value))
        return sent

    def mark_secret(self, *names: str) -> None:
        """Marks fields that never follow a redirect to another origin.

        Authorization, Cookie and Proxy-Authorization are so without being marked.
        """
        self._secret_names |= {name.lower() for name in names}

    @property
    def secret_names(self) -> frozenset[str]:
        """The names marked with `mark_secret`, in lower case."""
        return self._secret_names

    # --- being opened

    def begin(self, thread: int) -> Request:
        """The request to open, with nothing that an earlier opening left in it: this one, or a copy
        of it where another thread is opening this one.

        The opener calls it for a Request that a program hands to it, and `end` afterwards; not for
        one that a handler hands back while it is being opened.
        """
        self.tidy()
        if self.opened_by is not None:
            return self._as_given().begin(thread)
        self.opened_by = thread
        self.deadline = self.body = None
        self.decode_content = False
        self.__dict__.pop("redirect_dict", None)
        self._leave_proxy()
        fields = self.unredirected_hdrs
        for name, value in self._added:
            if fields.get(name) is value:  # else the program has set it since
                del fields[name]
        self._given = tuple(fields)
        return self

    def end(self) -> None:
        """Notes what was added, which stays to be seen until the request is opened again."""
        self.opened_by = None
        given = self._given
        if given is not None:
            fields = self.unredirected_hdrs.items()
            self._added = tuple([field for field in fields if field[0] not in given])
            self._given = None

    def _as_given(self) -> Request:
        """A copy with the fields that the program gave, of a request that is being opened."""
        from copy import copy

        again = copy(self)
        again.headers, again._spelling = self.headers.copy(), self._spelling.copy()
        fields, given = self.unredirected_hdrs.copy(), self._given
        if given is not None:
            fields = {name: value for name, value in fields.items() if name in given}
        again.unredirected_hdrs = fields
        again.opened_by = None
        return again

    def tidy(self) -> None:
        """Gives the names that a program put into the dicts itself the spelling that they are
        looked for in.
        """
        for fields, add in (
            (self.headers, self.add_header),
            (self.unredirected_hdrs, self.add_unredirected_header),
        ):
            if not fields.keys() <= self._spelling.keys():  # those were added
                for name in [name for name in fields if name != name.capitalize()]:
                    add(name, fields.pop(name))

    # --- through a proxy

    def set_proxy(self, host: str, type: str) -> None:
        """Sends this request through the proxy at `host`; https is tunnelled through it."""
        if self.type == "https":
            self._tunnel_host = self._tunnel_host or self.host
        else:
            self.type = type
            self.selector = self.url.absolute
        self.host = host

    def choose_proxy(self, proxy: Proxy) -> None:
        """Sends this request through `proxy`, until it is opened again.

        That is as `set_proxy` has it, with credentials for the proxy unless there are some; but
        what only leads to hosts, as SOCKS proxies do, changes nothing of what is asked.
        """
        authorization = None if self.has_header("Proxy-authorization") else proxy.authorization
        self._unproxied = self._type, self._host, self._selector, authorization
        self.proxy = proxy
        if authorization is not None:
            self.add_unredirected_header("Proxy-Authorization", authorization)
        if proxy.reads_requests:
            self.set_proxy(proxy.place, proxy.kind)
        else:
            self.host = self.host

    def _leave_proxy(self) -> None:
        """Undoes `choose_proxy`."""
        if self._unproxied is None:
            return
        self._type, self._host, self._selector, authorization = self._unproxied
        self._tunnel_host = self._unproxied = self.proxy = None
        # Where a handler has answered the proxy's challenge since, it is another one.
        if self.unredirected_hdrs.get("Proxy-authorization") == authorization:
            self.unredirected_hdrs.pop("Proxy-authorization", None)

    def has_proxy(self) -> bool:
        """Whether the whole URL is the request target, as for a proxy."""
        return self._selector == self.url.absolute

    def __repr__(self) -> str:
        return f"<Request {self.get_method()} {self.url!r}>"


def _as_text(value: Any) -> Any:
    """A field's value in the types that http.client takes, as text; any other stays."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return str(value) if isinstance(value, int) else value
