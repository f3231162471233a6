"""The HTTP clients that are compared, each used as its own manual uses it. The rows are at the end.

Here are mini_http and those that are installed and written in Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from client import MOST_THREADS, PIECE, PLAIN, POST_BODY, Client, Needs, read_in_pieces
from compiled_clients import Aiohttp, PycURL, Pyreqwest
from plain_clients import BareSocket, HTTPClient, Urllib

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar


class MiniHTTP(Client):
    name = "mini_http"
    IMPORT = "from mini_http import urlopen"
    COLD = """
import ssl
from mini_http import urlopen
context = ssl.create_default_context(cafile=CAFILE)
with urlopen(URL, context=context) as reply:
    reply.read()
"""

    def __init__(self, cafile: str, needs: Needs = PLAIN) -> None:
        super().__init__(cafile, needs)
        import mini_http

        self.library: Any = mini_http
        self.urlopen: Any = mini_http.urlopen  # lazily handed on: an import that fails, fails here
        handlers: list[Any] = []
        if needs.cookies:
            handlers.append(mini_http.HTTPCookieProcessor)
        if needs.origins > 1:
            policy = mini_http.PoolPolicy(idle_total=needs.origins)
            handlers.append(mini_http.HTTPHandler(pool=mini_http.Pool(policy)))
        if needs.unix:
            handlers.append(mini_http.UnixHandler)
        if handlers:
            self.urlopen = mini_http.build_opener(*handlers).open

    def place(self, url: str) -> tuple[Callable[..., Any], str]:
        """What opens `url`, and what it has to be told."""
        if self.needs.unix:
            path = self.needs.unix.replace("/", "%2F")
            return self.urlopen, url.replace("http://localhost", f"http+unix://{path}")
        if url.startswith("https"):
            handler = self.library.HTTPSHandler(context=self.context())
            return self.library.build_opener(handler).open, url
        return self.urlopen, url

    def getter(self, url: str, data: bytes | None = None) -> Callable[[], Any]:
        urlopen, url = self.place(url)

        def get() -> Any:
            with urlopen(url, data) as reply:
                return reply.read()

        return get

    def json_getter(self, url: str) -> Callable[[], Any]:
        urlopen = self.urlopen

        def get() -> Any:
            with urlopen(url) as reply:
                return reply.json()

        return get

    def poster(self, url: str) -> Callable[[], Any]:
        return self.getter(url, POST_BODY)

    def fresh_getter(self, url: str) -> Callable[[], Any]:
        urlopen = self.urlopen
        request = self.library.Request(url, headers={"Connection": "close"})

        def get() -> Any:
            with urlopen(request) as reply:
                return reply.read()

        return get

    def stream(self, url: str) -> int:
        with self.urlopen(url) as reply:
            return read_in_pieces(reply.read)

    def upload(self, url: str, body: bytes | BinaryIO, length: int) -> bytes:
        with self.urlopen(url, data=body) as reply:
            received: bytes = reply.read()
            return received


class Urllib3(Client):
    name = "urllib3"
    DISTRIBUTION = "urllib3"
    IMPORT = "import urllib3"
    COLD = """
import urllib3
urllib3.PoolManager(ca_certs=CAFILE).request("GET", URL).data
"""

    CANNOT: ClassVar = {"cookies": "it has no jar", "unix": "it connects to hosts only"}

    def __init__(self, cafile: str, needs: Needs = PLAIN) -> None:
        super().__init__(cafile, needs)
        import urllib3

        self.pool = urllib3.PoolManager(
            max(needs.origins, 10), ca_certs=cafile, maxsize=MOST_THREADS
        )

    def getter(self, url: str, headers: dict[str, str] | None = None) -> Callable[[], bytes]:
        request = self.pool.request
        if self.needs.gzip:
            headers = {"Accept-Encoding": "gzip"}
        return lambda: request("GET", url, headers=headers).data

    def json_getter(self, url: str) -> Callable[[], Any]:
        request = self.pool.request
        return lambda: request("GET", url).json()

    def poster(self, url: str) -> Callable[[], bytes]:
        request = self.pool.request
        return lambda: request("POST", url, body=POST_BODY).data

    def fresh_getter(self, url: str) -> Callable[[], bytes]:
        return self.getter(url, {"Connection": "close"})

    def stream(self, url: str) -> int:
        reply = self.pool.request("GET", url, preload_content=False)
        received = sum(map(len, reply.stream(PIECE)))
        reply.release_conn()
        return received

    def upload(self, url: str, body: bytes | BinaryIO, length: int) -> bytes:
        # Without a length it would send a file in chunks.
        headers = {"Content-Length": str(length)}
        reply: bytes = self.pool.request("POST", url, body=body, headers=headers).data
        return reply


class Requests(Client):
    name = "requests"
    DISTRIBUTION = "requests"
    IMPORT = "import requests"
    COLD = """
import requests
requests.get(URL, verify=CAFILE).content
"""

    CANNOT: ClassVar = {"unix": "it connects to hosts only"}

    def __init__(self, cafile: str, needs: Needs = PLAIN) -> None:
        super().__init__(cafile, needs)
        import requests
        from requests.adapters import HTTPAdapter

        self.session = requests.Session()
        self.session.verify = cafile
        adapter = HTTPAdapter(max(needs.origins, 10), pool_maxsize=MOST_THREADS)
        self.session.mount("http://", adapter)

    def getter(self, url: str) -> Callable[[], bytes]:
        get = self.session.get
        return lambda: get(url).content

    def json_getter(self, url: str) -> Callable[[], Any]:
        get = self.session.get
        return lambda: get(url).json()

    def poster(self, url: str) -> Callable[[], bytes]:
        post = self.session.post
        return lambda: post(url, data=POST_BODY).content

    def fresh_getter(self, url: str) -> Callable[[], bytes]:
        get = self.session.get
        headers = {"Connection": "close"}
        return lambda: get(url, headers=headers).content

    def stream(self, url: str) -> int:
        with self.session.get(url, stream=True) as reply:
            return sum(map(len, reply.iter_content(PIECE)))

    def upload(self, url: str, body: bytes | BinaryIO, length: int) -> bytes:
        reply: bytes = self.session.post(url, data=body).content
        return reply


class HTTPX(Client):
    name = "httpx"
    DISTRIBUTION = "httpx"
    IMPORT = "import httpx"
    COLD = """
import ssl, httpx
httpx.get(URL, verify=ssl.create_default_context(cafile=CAFILE)).content
"""

    def __init__(self, cafile: str, needs: Needs = PLAIN) -> None:
        super().__init__(cafile, needs)
        import httpx

        most = max(needs.origins, MOST_THREADS)
        self.client = httpx.Client(
            verify=self.context(),
            follow_redirects=needs.redirects,
            limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
            transport=httpx.HTTPTransport(uds=needs.unix) if needs.unix else None,
        )

    def getter(self, url: str) -> Callable[[], bytes]:
        get = self.client.get
        return lambda: get(url).content

    def json_getter(self, url: str) -> Callable[[], Any]:
        get = self.client.get
        return lambda: get(url).json()

    def poster(self, url: str) -> Callable[[], bytes]:
        post = self.client.post
        return lambda: post(url, content=POST_BODY).content

    def fresh_getter(self, url: str) -> Callable[[], bytes]:
        get = self.client.get
        headers = {"Connection": "close"}
        return lambda: get(url, headers=headers).content

    def stream(self, url: str) -> int:
        with self.client.stream("GET", url) as reply:
            return sum(map(len, reply.iter_bytes(PIECE)))

    def upload(self, url: str, body: bytes | BinaryIO, length: int) -> bytes:
        reply: bytes = self.client.post(url, content=body).content
        return reply


CLIENTS: list[type[Client]] = [
    BareSocket,
    MiniHTTP,
    PycURL,
    Pyreqwest,
    HTTPClient,
    Aiohttp,
    Urllib,
    Urllib3,
    HTTPX,
    Requests,
]
