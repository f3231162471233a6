"""NetrcHandler: passwords from the user's .netrc file, for servers that ask for one.

It is in no opener unless the program puts it there. An entry serves the host that it names, exactly
as a URL's host is read; the `default` entry serves those that no entry names. Nothing is sent
unasked, nothing over an Authorization of the program's own or a user in the URL, and nothing where
a redirect came from another origin. The file must be the user's own, and readable by nobody else.
"""

from __future__ import annotations

from mini_http import base
from mini_http.opener.handlers.authentication import answer_as, is_of_program
from mini_http.opener.handlers.base import BaseHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import IO, Any


class NetrcHandler(BaseHandler):
    """Answers by Digest or Basic with what `path` has for the host; by default, `~/.netrc`.

    The file is read when a server asks. Without a `path` it need not be there.
    """

    auth_header = "Authorization"
    auth_schemes = ("digest", "basic")
    handler_order = 520
    """After the handlers that have passwords of the program's."""

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = path

    def http_error_401(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """The reply to the request with a password; None if there is none, or it was refused.

        Raises URLError for a file that can't be read, or that others can read.
        """
        from mini_http.base.url import URL

        url = URL.parse(req.full_url)
        if url.username is not None or not is_of_program(req):
            return None
        try:
            who = self._find(url.host)
        except BaseException:
            fp.close()
            raise
        return None if who is None else answer_as(self, who, "Authorization", req, fp, headers)

    def _find(self, host: str) -> tuple[str, str] | None:
        from netrc import NetrcParseError, netrc
        from os.path import expanduser

        path = expanduser("~/.netrc" if self.path is None else self.path)
        try:
            with open(path, encoding="utf-8") as file:
                _check_owner(file, path)
            entries = netrc(path).hosts
        except FileNotFoundError:
            if self.path is None:
                return None
            raise base.errors.URLError(f"there is no file {path}") from None
        except NetrcParseError as error:  # its text may quote a password
            raise base.errors.URLError(
                f"line {error.lineno} of {path} is not as a netrc file has it"
            ) from None
        except base.errors.URLError:
            raise  # which is an OSError
        except (OSError, UnicodeError) as error:
            raise base.errors.URLError(f"{path} can't be read: {type(error).__name__}") from None
        named = {name.lower(): entry for name, entry in entries.items() if name != "default"}
        login, _, password = named.get(host) or entries.get("default") or ("", "", "")
        return (login, password or "") if login else None


def _check_owner(file: IO[str], path: str) -> None:
    """Raises URLError for a file of another user's, or that others than its owner may use."""
    import os

    if os.name != "posix":
        return  # such rights are not told by the mode
    found = os.fstat(file.fileno())
    if found.st_uid != os.getuid():
        raise base.errors.URLError(f"{path} is not yours: it belongs to user {found.st_uid}")
    if found.st_mode & 0o077:
        raise base.errors.URLError(
            f"{path} has passwords in it, and others may use it (mode {found.st_mode & 0o777:04o}):"
            f" run chmod 600 {path}"
        )
