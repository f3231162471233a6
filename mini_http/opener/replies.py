"""Replies that are no HTTP replies: a file, with headers and a URL, as urllib.response has them.

`addinfourl` is what FileHandler, DataHandler, FTPHandler and GopherHandler return. It is the file
it was given, in all that a file can do, and has beside it what callers ask of every reply.

A program that has imported `urllib.response`, and looks, finds that these are its classes. Its own
they are not: those are temporary files, and importing `tempfile` takes longer than opening one.
"""

from __future__ import annotations

from functools import partial

from mini_http.base.likeness import loaded_class, names_of
from mini_http.exchange.text import ReadsText

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self, TypeAlias

    from mini_http.base.headers import Headers
    from mini_http.exchange.response import HTTPResponse

    Reply: TypeAlias = "HTTPResponse | addinfourl"
    """What opening a URL gives, if no handler of the program's own gives something else."""


LENGTH_DIGITS = 19
"""As many as a Content-Length may have; int() takes its time for millions of them."""

_NOT_THE_FILES = (
    "fp",  # asked for here if `__init__` has not run, as in a copy that is being made
    "_dealloc_warn",  # io.TextIOWrapper asks for it when it is dropped unclosed
)


class addbase:  # noqa: N801  (urllib's name)
    """A file as another one, which is closed on leaving a `with` block.

    Who forgets to close it is not warned: what nobody refers to any more is closed.
    """

    name = "<urllib response>"
    """What urllib calls all of them. Callers must not take it for a path."""

    def __init__(self, fp: Any) -> None:
        self.fp = self.file = fp

    def __getattr__(self, name: str) -> Any:
        if name in _NOT_THE_FILES:
            raise AttributeError(name)
        found = getattr(self.fp, name)
        # A method of the file must keep this object alive, and with it the file open: nobody else
        # does so in urlopen(url).read().
        return partial(_call_for, self, found) if callable(found) else found

    @property  # type: ignore[misc]  # to be read, never set
    def __class__(self) -> type:
        """What `isinstance` asks for: the class of this name in `urllib.response`, where that is
        loaded, else what it descends from there.
        """
        ours = next(kind for kind in type(self).__mro__ if kind.__module__ == __name__)
        urllibs = loaded_class(("urllib.response", ours.__name__), otherwise=ours)
        if urllibs is not ours:
            return urllibs
        return loaded_class(("tempfile", "_TemporaryFileWrapper"), otherwise=type(self))

    def __dir__(self) -> list[str]:
        return sorted({*names_of(self), *dir(self.fp)})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self)!r} whose fp = {self.fp!r}>"

    def __iter__(self) -> Iterator[bytes]:
        # No `yield from`, which would close the file when a loop is left early.
        for line in self.fp:  # noqa: UP028
            yield line

    def __enter__(self) -> Self:
        if self.fp.closed:
            raise ValueError("I/O operation on closed file")
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def __del__(self) -> None:
        if "fp" in self.__dict__:
            self.fp.close()

    def close(self) -> None:
        """Closes the file."""
        self.fp.close()


def _call_for(owner: addbase, method: Callable[..., Any], *args: Any, **named: Any) -> Any:
    return method(*args, **named)


class addclosehook(addbase):  # noqa: N801
    """An addbase that calls `closehook(*hookargs)`, once, when it is closed."""

    def __init__(self, fp: Any, closehook: Callable[..., object], *hookargs: Any) -> None:
        super().__init__(fp)
        self.closehook: Callable[..., object] | None = closehook
        self.hookargs = hookargs

    def close(self) -> None:
        """Calls the hook and closes the file."""
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


class addinfourl(ReadsText, addinfo):  # noqa: N801
    """An addinfo with a URL and, where the scheme has one, a status.

    `text`, `json`, `iter_lines` and `iter_chunks` read it as they read an HTTPResponse.
    """

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

    @property
    def length(self) -> int | None:
        """How many bytes its headers say that it has in all; None if they do not say."""
        said = self.headers.get("Content-length", "")
        return int(said) if said.isdecimal() and len(said) <= LENGTH_DIGITS else None

    def geturl(self) -> str:
        """The URL that the reply came from."""
        return self.url


def type_by_name(name: str) -> str | None:
    """The media type that a file's name, or its path, says; None if it says none."""
    from mimetypes import guess_type

    # With "./" before it, since alone a name with a colon in it would be read as a URL.
    return guess_type(f"./{name.rpartition('/')[2]}")[0]
