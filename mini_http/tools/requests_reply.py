"""RawReply: a reply as requests and its users know it, under the name `response.raw`.

It wraps an HTTPResponse and offers what urllib3's response offers: `read` and `stream` take
`decode_content=`, a body is decoded only where that asks for it, and the headers stay as they came.
What goes wrong while a body is read is raised as urllib3's ProtocolError, DecodeError,
ReadTimeoutError or SSLError: these are what who reads `raw` catches, and what requests turns into
its ChunkedEncodingError, ContentDecodingError, ConnectionError or SSLError for who reads `content`.
Our own error is their cause.

The module is imported only by who uses requests.
"""

from __future__ import annotations

import io
import ssl

# urllib3 2 has it on its face too; here 1.26 has it as well.
from urllib3._collections import HTTPHeaderDict
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError, SSLError

from mini_http import base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVarTuple

    from _typeshed import WriteableBuffer
    from urllib3.exceptions import HTTPError

    from mini_http.exchange.response import HTTPResponse

    Arguments = TypeVarTuple("Arguments")

STREAM_BYTES = 64 * 1024
"""The most that `stream` gives at once unless told otherwise."""


class RawReply(io.BufferedIOBase):
    """A reply's body as a binary file, not decoded unless asked, and what its head said.

    Reading decodes if `decode_content` is true; None, the default, stands for the attribute of
    that name, which may be set before the first read. Once a coded body is being decoded there is
    no way back: that is a RuntimeError. To `read` what `close` dropped is a ProtocolError; `stream`
    just ends there, so that requests gives b"" for the content of a response that was closed.
    """

    decode_content = False
    """Whether `read` and its like decode the body as Content-Encoding says."""
    auto_close = True
    """Whether `closed` becomes true by itself when `read` has come to the body's end."""

    def __init__(self, reply: HTTPResponse, authority: str) -> None:
        """`authority` is the host, and the port, that errors name."""
        self._original_response = reply  # requests takes cookies out of its `msg`
        self._authority = authority
        self.status = reply.status
        self.reason = reply.reason
        self.version = reply.version
        self.headers = HTTPHeaderDict(reply.headers.items())
        self._decodes: bool | None = None  # not known before someone asks for it
        self._failed = False
        self._at_end = False
        self._is_cut = False  # by `close`
        self._given = 0

    # --- reading

    def read(
        self,
        amt: int | None = None,
        decode_content: bool | None = None,
        cache_content: bool = False,
    ) -> bytes:
        """Up to `amt` bytes, fewer only at the end; without it, all the rest.

        `cache_content` is there because urllib3 has it, and does nothing.
        """
        if self._failed and decode_content is False:
            return b""  # so requests drops the rest of a redirect whose body it could not read
        data = self._take(self._source(decode_content).read, amt)
        if amt and not data:
            self._at_end = True
        return data

    def read1(self, amt: int | None = -1, decode_content: bool | None = None) -> bytes:
        """What can be had with one wait: up to `amt` bytes, none only at the end."""
        return self._take(self._source(decode_content).read1, -1 if amt is None else amt)

    def stream(
        self, amt: int | None = STREAM_BYTES, decode_content: bool | None = None
    ) -> Iterator[bytes]:
        """The rest of the body in pieces of `amt` bytes; only the last one may be shorter.

        A chunked body comes as it arrives, in pieces of at most `amt`. With None it comes as it
        arrives, any other in one piece. Of a body that is cut, the last piece comes before the
        error.
        """
        reply = self._original_response
        read = self.read1 if reply.chunked else self.read
        try:
            while not reply.closed and (data := read(amt, decode_content)):
                yield data
        except ProtocolError as error:
            if partial := getattr(error.__cause__, "partial", b""):
                yield partial
            raise
        self._at_end = True

    def readinto(self, target: WriteableBuffer, /) -> int:
        """Fills `target`, a writable buffer; returns the number of bytes, fewer only at the end."""
        view = memoryview(target).cast("B")
        data = self._take(self._source(None).read, view.nbytes)
        view[: len(data)] = data
        return len(data)

    def readline(self, size: int | None = -1, /) -> bytes:
        """The next line with its line end, or up to `size` bytes of it; none only at the end."""
        return self._take(self._source(None).readline, size)

    def __iter__(self) -> Iterator[bytes]:
        """The lines of the body, always decoded, as urllib3 has it."""
        readline = self._source(True).readline
        while line := self._take(readline):
            yield line

    def tell(self) -> int:
        """How many bytes of the body were given out so far."""
        return self._given

    # --- the end

    def readable(self) -> bool:
        return True

    @property
    def closed(self) -> bool:
        """Whether `close` was called, or `read(amt)` or `stream` has come to the body's end.

        The other ways of reading don't count: a TextIOWrapper refuses a file that is closed.
        """
        return self._original_response.closed or (self._at_end and self.auto_close)

    def isclosed(self) -> bool:
        """Whether the body has been read to its end or the reply was closed."""
        return self._original_response.isclosed()

    def close(self) -> None:
        """Gives the connection back. A short unread rest is read first, else it is closed."""
        reply = self._original_response
        if not reply.closed:
            self._is_cut = not reply.isclosed()
            reply.close()

    release_conn = close

    def __del__(self) -> None:
        # io's own would call `close`, which may wait; the reply has a finalizer that does not.
        pass

    def fileno(self) -> int:
        """The descriptor of a connection that closes after this reply; else an OSError."""
        return self._original_response.fileno()

    # --- what the head said, under the names of http.client and urllib3

    def info(self) -> HTTPHeaderDict:
        """The headers."""
        return self.headers

    getheaders = info

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """The values of a field joined with ", ", `default` if there is none."""
        return self.headers.get(name, default)

    def __repr__(self) -> str:
        return f"<RawReply {self.status} {self.reason!r} of {self._authority}>"

    # --- private

    def _source(self, decode_content: bool | None) -> HTTPResponse:
        """The reply to read from, decoded from now on if that is asked for."""
        reply = self._original_response
        if self.decode_content if decode_content is None else decode_content:
            if self._decodes is None:
                self._begin_to_decode()
        elif self._decodes:
            raise RuntimeError("a body can't be read undecoded once it is being decoded")
        return reply

    def _begin_to_decode(self) -> None:
        reply = self._original_response
        try:
            reply.decode_content()
        except base.errors.LimitExceeded as error:  # too many codings
            raise DecodeError(str(error), error) from error
        # An unknown coding stays, and so does its field.
        name = "content-encoding"
        self._decodes = name in self.headers and name not in reply.headers

    def _take(self, read: Callable[[*Arguments], bytes], *arguments: *Arguments) -> bytes:
        """What `read`, of the reply, gives; its errors as those that requests knows."""
        if self._is_cut:
            raise ProtocolError("Connection broken: the response was closed before its end")
        if self._original_response.closed:
            return b""
        try:
            data = read(*arguments)
        except base.errors.MiniHTTPError as error:
            self._failed = True
            raise reading_error(error, self._authority, bool(self._decodes)) from error
        self._given += len(data)
        return data


def reading_error(
    error: base.errors.MiniHTTPError, authority: str, decodes: bool = False
) -> HTTPError:
    """The error of urllib3 that says what `error`, from reading a body of `authority`, says.

    `decodes` tells whether the body was being decoded.
    """
    if isinstance(error, base.errors.TimedOut):
        return ReadTimeoutError(authority, None, "Read timed out.")  # type: ignore[arg-type]
    if isinstance(error, base.errors.BadCoding) or (
        decodes and isinstance(error, base.errors.LimitExceeded)
    ):
        return DecodeError(str(error), error)
    if is_tls_fault(error):
        return SSLError(error.reason)
    return ProtocolError(f"Connection broken: {error}", error)


def is_tls_fault(error: OSError) -> bool:
    """Whether TLS is the reason of an error; the connection's mere end, unsaid in TLS, isn't."""
    reason = getattr(error, "reason", None)
    return isinstance(reason, ssl.SSLError) and not isinstance(reason, ssl.SSLEOFError)
