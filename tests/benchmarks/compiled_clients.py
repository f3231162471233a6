"""The compared clients that are largely written in other languages.

pycurl is libcurl, in C; pyreqwest is in Rust; aiohttp has its parser in C.
"""

from __future__ import annotations

import asyncio
import io
import itertools
from time import perf_counter
from typing import TYPE_CHECKING, Any, BinaryIO

from client import PIECE, PLAIN, POST_BODY, Client, Needs

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar


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

    def __init__(self, cafile: str, needs: Needs = PLAIN) -> None:
        super().__init__(cafile, needs)
        import pycurl

        self.library = pycurl
        # Its cookies are those of one handle, which all pages then need.
        self.handle = self.open("") if needs.cookies else None

    def version(self) -> str:
        return f"{super().version()} ({self.library.version.split()[1]})"

    def open(self, url: str) -> Any:
        curl = self.library.Curl()
        curl.setopt(curl.URL, url)
        curl.setopt(curl.CAINFO, self.cafile)
        if self.needs.cookies:
            curl.setopt(curl.COOKIEFILE, "")
        if self.needs.redirects:
            curl.setopt(curl.FOLLOWLOCATION, True)
        if self.needs.gzip:
            curl.setopt(curl.ACCEPT_ENCODING, "gzip")
        if self.needs.unix:
            curl.setopt(curl.UNIX_SOCKET_PATH, self.needs.unix)
        if self.needs.origins > 1:
            curl.setopt(curl.MAXCONNECTS, self.needs.origins)
        return curl

    def getter(self, url: str) -> Callable[[], bytes]:
        return self.performer(self.handle or self.open(url), url)

    def performer(self, curl: Any, url: str) -> Callable[[], bytes]:
        curl.setopt(curl.URL, url)
        setopt, perform, target = curl.setopt, curl.perform, curl.WRITEDATA
        new_body = io.BytesIO

        def get() -> bytes:
            body = new_body()
            setopt(target, body)
            perform()
            return body.getvalue()

        return get

    def fresh_getter(self, url: str) -> Callable[[], bytes]:
        curl = self.open(url)
        curl.setopt(curl.FORBID_REUSE, True)
        return self.performer(curl, url)

    def poster(self, url: str) -> Callable[[], bytes]:
        curl = self.open(url)
        curl.setopt(curl.POSTFIELDS, POST_BODY)
        return self.performer(curl, url)

    def many(self, urls: list[str]) -> Callable[[int], object]:
        """With one handle, for each has connections of its own."""
        curl = self.open(urls[0])
        get = self.performer(curl, urls[0])

        def run(count: int) -> None:
            for url in itertools.islice(itertools.cycle(urls), count):
                curl.setopt(curl.URL, url)
                get()

        return run

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

    CANNOT: ClassVar = {"unix": "it connects to hosts only"}

    def __init__(self, cafile: str, needs: Needs = PLAIN) -> None:
        super().__init__(cafile, needs)
        from pyreqwest.client import SyncClientBuilder

        with open(cafile, "rb") as file:
            builder = SyncClientBuilder().add_root_certificate_pem(file.read())
        self.client = builder.default_cookie_store(needs.cookies).build()

    def getter(self, url: str) -> Callable[[], Any]:
        get = self.client.get
        return lambda: get(url).build().send().bytes()

    def json_getter(self, url: str) -> Callable[[], Any]:
        get = self.client.get
        return lambda: get(url).build().send().json()

    def poster(self, url: str) -> Callable[[], Any]:
        post = self.client.post
        return lambda: post(url).body_bytes(POST_BODY).build().send().bytes()

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
    """Its batch runs in an event loop: one request after the other, or a task for each thread."""

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

    def __init__(self, cafile: str, needs: Needs = PLAIN) -> None:
        super().__init__(cafile, needs)
        import aiohttp

        self.loop = asyncio.new_event_loop()

        async def connect() -> aiohttp.ClientSession:
            connector: aiohttp.BaseConnector
            if needs.unix:
                connector = aiohttp.UnixConnector(needs.unix)
            else:
                connector = aiohttp.TCPConnector(ssl=self.context(), limit=max(needs.origins, 100))
            # Else it takes no cookies of a host that is named by its address.
            jar = aiohttp.CookieJar(unsafe=True) if needs.cookies else None
            return aiohttp.ClientSession(connector=connector, cookie_jar=jar)

        self.session = self.loop.run_until_complete(connect())

    def close(self) -> None:
        self.loop.run_until_complete(self.session.close())
        self.loop.close()

    def once(self, url: str, how: str) -> Any:
        return self.loop.run_until_complete(self.fetch([url], 1, how))

    def batch(self, url: str, how: str = "get") -> Callable[[int], object]:
        run_until_complete = self.loop.run_until_complete
        return lambda count: run_until_complete(self.fetch([url], count, how))

    def many(self, urls: list[str]) -> Callable[[int], object]:
        return lambda count: self.loop.run_until_complete(self.fetch(urls, count, "get"))

    def together(self, url: str, threads: int) -> Callable[[int], list[float]]:
        async def task(count: int, start: float) -> float:
            await self.fetch([url], count, "get")
            return perf_counter() - start

        async def all_tasks(count: int) -> list[float]:
            start = perf_counter()
            return await asyncio.gather(*[task(count, start) for _ in range(threads)])

        return lambda count: self.loop.run_until_complete(all_tasks(count))

    async def fetch(self, urls: list[str], count: int, how: str) -> Any:
        """Makes so many requests, to each URL in turn; returns what the last one brought."""
        send = self.session.post if how == "post" else self.session.get
        options: dict[str, Any] = {}
        if how == "fresh":
            options["headers"] = {"Connection": "close"}
        elif how == "post":
            options["data"] = POST_BODY
        found: Any = None
        for url in itertools.islice(itertools.cycle(urls), count):
            async with send(url, **options) as reply:
                found = await (reply.json() if how == "json" else reply.read())
        return found

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
