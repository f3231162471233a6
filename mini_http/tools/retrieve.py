"""urlretrieve: what a URL gives, as a file, the way urllib.request has it; and urlcleanup.

It goes through the opener that is installed. No content coding is asked for, so Content-Length,
which a progress bar shows, is the number of bytes that are written. The file is written in its
place from the start: what was cut short stays there, as with urllib, and an error says so.
"""

from __future__ import annotations

import os
from contextlib import closing
from copy import copy

from mini_http import base
from mini_http.base.timeouts import NOT_GIVEN
from mini_http.codec.framing import content_length
from mini_http.exchange.response import HTTPResponse
from mini_http.opener import api, local_paths
from mini_http.opener.conversion import as_request
from mini_http.opener.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext
    from typing import IO, Any

    from mini_http.base.timeouts import Timeout
    from mini_http.base.url import URL

    Reporthook = Callable[[int, int, int], object]
    """Called with the number of the block, the bytes of a block and those of the whole."""

BLOCK_BYTES = 8 * 1024
"""What is read at a time: callers of reporthook know urllib's blocks."""

_temporary_files: list[str] = []


def urlretrieve(
    url: str | Request,
    filename: Any = None,
    reporthook: Reporthook | None = None,
    data: Any = None,
    *,
    timeout: float | Timeout | None = NOT_GIVEN,
    context: SSLContext | None = None,
) -> tuple[Any, Any]:
    """Writes what `url`, a URL or a Request, gives into the file `filename`, or into a temporary
    one, which `urlcleanup` removes. Returns the file's name and the reply's headers.

    For a file: URL and no `filename` nothing is copied: the name is that of the file itself.
    `reporthook(number, block_bytes, size)` is called with 0 before the first block and with the
    block's number after each; `size` is that of the body, -1 if it is unknown. `data`, `timeout`
    and `context` are those of `urlopen`.

    Raises what `urlopen` raises, and ContentTooShortError, whose `content` is what would have been
    returned, if less comes than Content-Length says. Where there is none, as in a chunked reply,
    the error is IncompleteRead. In both cases the file holds what came.
    """
    request = _as_is(url)
    with closing(api.urlopen(request, data, timeout, context=context)) as reply:
        if request.type == "file" and not filename:
            return _local_path(request.url), reply.info()
        with open(filename, "wb") if filename else temporary_file() as file:
            result = filename or file.name, reply.info()
            save(reply, file, reporthook, result)
    return result


def urlcleanup() -> None:
    """Removes the temporary files of `urlretrieve`. As in urllib, it also makes `urlopen` forget
    the opener that was installed.
    """
    while _temporary_files:
        try:
            os.unlink(_temporary_files.pop())
        except OSError:
            pass  # whoever got its name has moved or removed it
    api.install_opener(None)


def save(reply: Any, file: IO[bytes], reporthook: Reporthook | None, result: Any) -> None:
    """Writes the body of `reply` into `file`.

    Raises as `urlretrieve` does; `result` is the `content` of a ContentTooShortError.
    """
    size = _size_of(reply)
    cut: base.errors.IncompleteRead | None = None
    number = written = 0
    if reporthook is not None:
        reporthook(number, BLOCK_BYTES, size)
    while cut is None:
        try:
            block = reply.read(BLOCK_BYTES)
        except base.errors.IncompleteRead as error:
            cut, block = error, error.partial
        if not block:
            break
        written += file.write(block)
        number += 1
        if reporthook is not None:
            reporthook(number, BLOCK_BYTES, size)
    if written < size:
        from urllib.error import ContentTooShortError

        text = f"retrieval incomplete: {written} of {size} bytes came"
        raise ContentTooShortError(text, result) from cut
    if cut is not None:
        raise cut


def _size_of(reply: Any) -> int:
    """The bytes of a body that nothing was read of; -1 where only its end will tell."""
    if isinstance(reply, HTTPResponse):
        return -1 if reply.length is None else reply.length
    said = reply.info()["Content-Length"]
    return -1 if said is None else content_length(str(said))


def temporary_file() -> IO[bytes]:
    """An open file of its own, which `urlcleanup` will remove."""
    from tempfile import NamedTemporaryFile

    file = NamedTemporaryFile(delete=False)  # noqa: SIM115  (who asked for it closes it)
    _temporary_files.append(file.name)
    return file


def _as_is(url: str | Request) -> Request:
    """The request for `url` with no content coding, unless it or the opener asks for one."""
    if isinstance(url, str):
        request = Request(url)
    else:
        request = copy(as_request(url))  # whoever asks again may want a coding then
        request.headers = request.headers.copy()
        request.unredirected_hdrs = request.unredirected_hdrs.copy()
    fields = [*request.header_items(), *getattr(api._installed, "addheaders", ())]
    if not any(name.lower() == "accept-encoding" for name, _ in fields):
        request.add_header("Accept-Encoding", "identity")
    return request


def _local_path(url: URL) -> str:
    path = url.target if url.netloc is None else f"//{url.target}"  # as FileHandler reads it
    return os.path.normpath(local_paths.url2pathname(path))
