"""The URL in a text, as programs and people write it: blanks around it, perhaps `<URL:...>`.

A program asks for the same URLs again and again, so those that are not too long are parsed once.
"""

from __future__ import annotations

from functools import lru_cache

from mini_http.base.url import URL

LONGEST_KEPT = 2048
"""Characters of a URL that is remembered: data: URLs can have megabytes."""


def read_url(text: str) -> tuple[str, URL]:
    """`text` without what may stand around a URL, and the URL. Raises InvalidURL."""
    if type(text) is str and len(text) <= LONGEST_KEPT:
        return _kept(text)
    return _read(text)


def _read(text: str) -> tuple[str, URL]:
    url = str(text).strip()
    if url[:1] == "<" and url[-1:] == ">":
        url = url[1:-1].strip()
    if url[:4] == "URL:":
        url = url[4:].strip()
    if url[:5].lower() == "data:":
        return url, URL("data")  # its content is for DataHandler to read
    return url, URL.parse(url)


_kept = lru_cache(maxsize=512)(_read)
