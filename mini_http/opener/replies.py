"""Replies that are no HTTP replies: a file, with headers and a URL, as urllib.response has them.

`addinfourl` is what FileHandler, DataHandler and FTPHandler return. It is the file it was given, in
all that a file can do, and has beside it what callers ask of every reply.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self

    from mini_http.base.headers import Headers


class addbase:  # noqa: N801  (urllib's name)
    """A file-like object as another one that is closed on leaving a `with` block."""

    def __init__(self, fp: Any) -> None:
        self.fp = self.file = fp

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["fp"], name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self)!r} whose fp = {self.fp!r}>"

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.fp)

    def __enter__(self) -> Self:
        if self.fp.closed:
            raise ValueError("I/O operation on closed file")
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self.fp.close()


class addclosehook(addbase):  # noqa: N801
    """An addbase that calls `closehook(*hookargs)`, once, when it is closed."""

    def __init__(self, fp: Any, closehook: Callable[..., object], *hookargs: Any) -> None:
        super().__init__(fp)
        self.closehook: Callable[..., object] | None = closehook
        self.hookargs = hookargs

    def close(self) -> None:
        """Closes the file and calls the hook."""
        hook, self.closehook = self.closehook, None
        try:
            if hook is not None:
                hook(*self.hookargs)
        finally:
            super().close()


class addinfo(addbase):  # noqa: N801
    """An addbase with headers."""

    def __init__(self, fp: Any, headers: Headers) -> None:
        super().__init__(fp)
        self.headers = headers

    def info(self) -> Headers:
        """The headers."""
        return self.headers


class addinfourl(addinfo):  # noqa: N801
    """An addinfo with a URL and, where the scheme has one, a status."""

    def __init__(self, fp: Any, headers: Headers, url: str, code: int | None = None) -> None:
        super().__init__(fp, headers)
        self.url = url
        self.code = code

    @property
    def status(self) -> int | None:
        """The status."""
        return self.code

    def getcode(self) -> int | None:
        """The status."""
        return self.code

    def geturl(self) -> str:
        """The URL that the reply came from."""
        return self.url
