"""The command line: `mini-http URL…` and `python -m mini_http URL…`.

`main` parses, fetches each URL, and returns the exit code: 0 if all went well, else that of the
first transfer that did not. The options are in `options`, the exit codes in `failures`. Whatever
goes wrong is one line on standard error, never a traceback.
"""

from __future__ import annotations

import sys

from mini_http import base
from mini_http.tools.failures import INTERRUPTED, Failure, ReaderGone, UsageError, exit_code
from mini_http.tools.options import help_text, parse
from mini_http.tools.terminal import STANDARD_OUTPUT, Output, printable, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from mini_http.tools.options import Options


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line, that of the process if `argv` is None; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["demo"]:
            return _demo(arguments[1:])
        return _run(parse(arguments))
    except ReaderGone:
        return 0  # as in `mini-http URL | head`
    except KeyboardInterrupt:
        return INTERRUPTED
    except Failure as error:
        hint = "; see mini-http --help" if isinstance(error, UsageError) else ""
        code = exit_code(error)
        say(f"mini-http: ({code}) {error}{hint}")
        return code


def _run(options: Options) -> int:
    if options.help:
        return _print(help_text())
    if options.version:
        return _print(version_text())
    if options.explain:
        return next(filter(None, [_explain(url) for url in options.urls]), 0)
    from mini_http.tools.transfer import Session

    with Session(options) as session:
        codes = [session.fetch(number).exit_code for number in range(len(options.urls))]
    return next(filter(None, codes), 0)


def _explain(url: str) -> int:
    """Which proxy a URL goes through, and why; the exit code."""
    from mini_http.opener.proxies import explain_proxy
    from mini_http.tools.asking import with_scheme
    from mini_http.tools.wire import without_passwords

    try:
        return _print(str(explain_proxy(with_scheme(url))))
    except base.errors.MiniHTTPError as error:
        code = exit_code(error)
        say(f"mini-http: ({code}) {printable(without_passwords(str(error)))}")
        return code


def _demo(arguments: list[str]) -> int:
    from mini_http.tools.demo import demo

    if arguments:
        if arguments[0] != "--serve" or len(arguments) > 2:
            raise UsageError(f"demo can be followed by --serve [PORT], not by {arguments[0]!r}")
        _serve(*arguments[1:])
    for line in demo():
        _print(line)
    return 0


def _serve(port: str = "8000") -> NoReturn:
    """The pages of the demo, until Ctrl-C."""
    from time import sleep

    from mini_http.tools.demo_server import PAGES, DemoServer

    try:
        server = DemoServer(int(port))
    except (OSError, OverflowError, ValueError) as error:
        raise UsageError(f"demo can't serve at port {port}: {error}") from None
    with server:
        _print(f"{server.url} serves {' '.join(PAGES)} until Ctrl-C")
        while True:
            sleep(3600)


def _print(text: str) -> int:
    Output(STANDARD_OUTPUT).write(f"{text}\n".encode())
    return 0


def version_text() -> str:
    """What `--version` prints: what a report of a fault has to name."""
    import platform
    import ssl

    from mini_http.base.version import __version__
    from mini_http.codec.content_coding import accept_encoding

    return (
        f"mini_http {__version__} (Python {platform.python_version()}, {ssl.OPENSSL_VERSION})\n"
        f"content codings: {accept_encoding()}"
    )
