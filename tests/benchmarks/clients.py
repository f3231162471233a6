"""The HTTP clients that are compared, each used as its own manual uses it. The rows are at the end.

Beside pycurl and those in Python stand two that are largely written in other languages: pyreqwest
in Rust, and aiohttp, whose parser is in C.
"""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any, BinaryIO

from client import PIECE, Client, read_in_pieces
from plain_clients import BareSocket, HTTPClient, Urllib

if TYPE_CHECKING:
    from collections.abc import Callable


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

    def __init__(self, cafile: str) -> None:
        super().__init__(cafile)
        import mini_http

        self.library: Any = mini_http
        self.urlopen: Any = mini_http.urlopen  # lazily handed on: an import that fails, fails here

    def getter(self, url: str) -> Callable[[], Any]:
        urlopen = self.urlopen
        if url.startswith("https"):
            handler = self.library.HTTPSHandler(context=self.context())
            urlopen = self.library.build_opener(handler).open

        def get() -> Any:
            with urlopen(url) as reply:
                return reply.read()

        return get

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

    def __init__(self, cafile: str) -> None:
        super().__init__(cafile)
        import urllib3

        self.pool = urllib3.PoolManager(ca_certs=cafile, maxsize=16)

    def getter(self, url: str, headers: dict[str, str] | None = None) -> Callable[[], bytes]:
        request = self.pool.request
        return lambda: request("GET", url, headers=headers).data

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

    def __init__(self, cafile: str) -> None:
        super().__init__(cafile)
        import requests
        from requests.adapters import HTTPAdapter

        self.session = requests.Session()
        self.session.verify = cafile
        self.session.mount("http://", HTTPAdapter(pool_maxsize=16))

    def getter(self, url: str) -> Callable[[], bytes]:
        get = self.session.get
        return lambda: get(url).content

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

    def __init__(self, cafile: str) -> None:
        super().__init__(cafile)
        import httpx

        self.client = httpx.Client(verify=self.context())

    def getter(self, url: str) -> Callable[[], bytes]:
        get = self.client.get
        return lambda: get(url).content

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


class PycURL(Client):
    name = "pycurl"
    DISTRIBUTION = "pycurl"
    IMPORT = "import pycurl"
    COLD = """
import io, pycurl
curl, body = pycurl.Curl(), io.BytesIO()
curl.setopt(curl.URL, URL)
curl.setopt(curl.CAINFO, CAFILE)
curl.setopt(curl.WRITEDATA, body)
curl.perform()
body.getvalue()
"""
    shares_connections = False

    def __init__(self, cafile: str) -> None:
        super().__init__(cafile)
        import pycurl

        self.library = pycurl

    def version(self) -> str:
        return f"{super().version()} ({self.library.version.split()[1]})"

    def open(self, url: str) -> Any:
        curl = self.library.Curl()
        curl.setopt(curl.URL, url)
        curl.setopt(curl.CAINFO, self.cafile)
        return curl

    def getter(self, url: str, *, fresh: bool = False) -> Callable[[], bytes]:
        curl = self.open(url)
        curl.setopt(curl.FORBID_REUSE, fresh)
        setopt, perform, target = curl.setopt, curl.perform, curl.WRITEDATA
        new_body = io.BytesIO

        def get() -> bytes:
            body = new_body()
            setopt(target, body)
            perform()
            return body.getvalue()

        return get

    def fresh_getter(self, url: str) -> Callable[[], bytes]:
        return self.getter(url, fresh=True)

    def stream(self, url: str) -> int:
        received = 0

        def take(piece: bytes) -> None:
            nonlocal received
            received += len(piece)

        curl = self.open(url)
        curl.setopt(curl.WRITEFUNCTION, take)
        curl.perform()
        curl.close()
        return received

    def upload(self, url: str, body: bytes | BinaryIO, length: int) -> bytes:
        curl, reply = self.open(url), io.BytesIO()
        if isinstance(body, bytes):
            curl.setopt(curl.POSTFIELDS, body)
        else:
            curl.setopt(curl.POST, True)
            curl.setopt(curl.POSTFIELDSIZE_LARGE, length)
            curl.setopt(curl.READDATA, body)
        curl.setopt(curl.WRITEDATA, reply)
        curl.perform()
        curl.close()
        return reply.getvalue()


class Pyreqwest(Client):
    name = "pyreqwest"
    DISTRIBUTION = "pyreqwest"
    IMPORT = "import pyreqwest.client"
    COLD = """
from pathlib import Path
from pyreqwest.client import SyncClientBuilder
builder = SyncClientBuilder().add_root_certificate_pem(Path(CAFILE).read_bytes())
with builder.build() as client:
    client.get(URL).build().send().bytes()
"""

    def __init__(self, cafile: str) -> None:
        super().__init__(cafile)
        from pyreqwest.client import SyncClientBuilder

        with open(cafile, "rb") as file:
            self.client = SyncClientBuilder().add_root_certificate_pem(file.read()).build()

    def getter(self, url: str) -> Callable[[], Any]:
        get = self.client.get
        return lambda: get(url).build().send().bytes()

    def fresh_getter(self, url: str) -> Callable[[], Any]:
        get = self.client.get
        return lambda: get(url).header("Connection", "close").build().send().bytes()

    def stream(self, url: str) -> int:
        with self.client.get(url).build_streamed() as reply:
            read = reply.body_reader.read
            received = 0
            while piece := read(PIECE):
                received += len(piece)
            return received

    def upload(self, url: str, body: bytes | BinaryIO, length: int) -> bytes:
        request = self.client.post(url)
        if isinstance(body, bytes):
            request = request.body_bytes(body)
        else:
            # It takes only iterables, and sends what has no length in chunks.
            request = request.header("Content-Length", str(length))
            request = request.body_stream(iter(lambda: body.read(PIECE), b""))
        return bytes(request.build().send().bytes())


class Aiohttp(Client):
    """Its batch runs in an event loop: one request after the other, or 16 tasks for 16 threads."""

    name = "aiohttp"
    DISTRIBUTION = "aiohttp"
    IMPORT = "import aiohttp"
    COLD = """
import aiohttp, asyncio, ssl
async def main():
    context = ssl.create_default_context(cafile=CAFILE)
    async with aiohttp.ClientSession() as session, session.get(URL, ssl=context) as reply:
        await reply.read()
asyncio.run(main())
"""

    def __init__(self, cafile: str) -> None:
        super().__init__(cafile)
        import aiohttp

        self.loop = asyncio.new_event_loop()

        async def connect() -> aiohttp.ClientSession:
            connector = aiohttp.TCPConnector(ssl=self.context())
            return aiohttp.ClientSession(connector=connector)

        self.session = self.loop.run_until_complete(connect())

    def close(self) -> None:
        self.loop.run_until_complete(self.session.close())
        self.loop.close()

    def batch(self, url: str, *, fresh: bool = False) -> Callable[[int], object]:
        run_until_complete = self.loop.run_until_complete
        return lambda count: run_until_complete(self.fetch(url, count, fresh))

    def together(self, url: str, threads: int) -> Callable[[int], object]:
        async def all_tasks(count: int) -> None:
            await asyncio.gather(*[self.fetch(url, count, False) for _ in range(threads)])

        return lambda count: self.loop.run_until_complete(all_tasks(count))

    async def fetch(self, url: str, count: int, fresh: bool) -> None:
        headers = {"Connection": "close"} if fresh else {}
        get = self.session.get
        for _ in range(count):
            async with get(url, headers=headers) as reply:
                await reply.read()

    def stream(self, url: str) -> int:
        async def read() -> int:
            received = 0
            async with self.session.get(url) as reply:
                async for piece in reply.content.iter_chunked(PIECE):
                    received += len(piece)
            return received

        return self.loop.run_until_complete(read())

    def upload(self, url: str, body: bytes | BinaryIO, length: int) -> bytes:
        # Bytes as a file, as its manual has it for long ones.
        data = io.BytesIO(body) if isinstance(body, bytes) else body

        async def send() -> bytes:
            async with self.session.post(url, data=data) as reply:
                return await reply.read()

        return self.loop.run_until_complete(send())


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
