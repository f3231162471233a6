"""The options of the command line: one row each, and from a list of arguments to `Options`.

Letters and meanings are curl's. `parse` reads and checks arguments and touches neither files nor
the network; `help_text` is made of the same rows. What options do is in `asking` and `transfer`.
"""

from __future__ import annotations

from getopt import GetoptError, gnu_getopt

from mini_http.base.value import Value
from mini_http.tools.failures import UsageError
from mini_http.tools.write_out import compiled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from mini_http.tools.write_out import Format

FILE = "FILE"

ALWAYS_SENT = frozenset({"host", "content-length", "transfer-encoding"})
"""Fields, in lower case, without which a request would not be one: `-H Name:` can't remove them."""


class Options(Value):
    """What one command line says; a field for each option, None or empty if it was not given."""

    urls: tuple[str, ...] = ()
    request: str | None = None
    head: bool = False
    header: tuple[tuple[str, str | None], ...] = ()
    """Names and values; None removes the field that would be sent by itself."""
    user: str | None = None
    user_agent: str | None = None
    referer: str | None = None
    range: str | None = None
    compressed: bool = False
    no_compressed: bool = False
    data: tuple[tuple[str, str], ...] = ()
    """What kind of data (a long option's name), and the data or the @file."""
    get: bool = False
    upload_file: str | None = None
    location: bool = False
    no_redirect: bool = False
    max_redirs: int | None = None
    output: tuple[str, ...] = ()
    remote_name: bool = False
    include: bool = False
    fail: bool = False
    verbose: bool = False
    silent: bool = False
    show_error: bool = False
    write_out: Format | None = None
    insecure: bool = False
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None
    max_time: float | None = None
    connect_timeout: float | None = None
    explain: bool = False
    help: bool = False
    version: bool = False

    @property
    def shows_errors(self) -> bool:
        """Whether an error is worth a line."""
        return self.show_error or not self.silent


class Option(Value):
    """One row: the letter and the long name, what they take, and what they are for."""

    letter: str
    name: str
    help: str
    takes: str = ""
    """What the value is, in capitals; none for a switch."""
    read: Callable[[str], Any] = str
    """Makes a value of its text. Raises UsageError or ValueError."""
    repeats: bool = False
    """Whether all values count; else the last one does."""
    field: str = ""
    """The field of Options; if empty, the name with underscores."""

    @property
    def target(self) -> str:
        """The field of Options that is set."""
        return self.field or self.name.replace("-", "_")

    @property
    def flags(self) -> str:
        """As it is written: `-o, --output FILE`."""
        letter = f"-{self.letter}, " if self.letter else ""
        return f"{letter}--{self.name} {self.takes}".rstrip()


def parse(arguments: Sequence[str]) -> Options:
    """The options that these arguments are. Raises UsageError, which says what is wrong."""
    colon = {True: ":", False: ""}
    letters = "".join(row.letter + colon[bool(row.takes)] for row in all_options() if row.letter)
    names = [row.name + ("=" if row.takes else "") for row in all_options()]
    try:
        given, urls = gnu_getopt(arguments, letters, names)
    except GetoptError as error:
        raise UsageError(str(error)) from None
    found: dict[str, Any] = {"urls": tuple(urls)}
    rows = {f"-{row.letter}": row for row in all_options()}
    rows |= {f"--{row.name}": row for row in all_options()}
    for flag, text in given:
        row = rows[flag]
        value = _value(row, flag, text)
        found[row.target] = (*found.get(row.target, ()), value) if row.repeats else value
    options = Options(**found)
    _check(options)
    return options


def _value(row: Option, flag: str, text: str) -> Any:
    if not row.takes:
        return True
    if not text and row.takes == FILE:
        raise UsageError(f"{flag} needs the name of a file")
    try:
        return row.read(text)
    except ValueError:
        raise UsageError(f"{flag} takes {row.takes}, not {text!r}") from None


def _check(options: Options) -> None:
    """Raises UsageError for options that contradict each other."""
    if options.help or options.version:
        return
    sends_body = bool(options.data) and not options.get
    for is_wrong, words in (
        (not options.urls, "no URL given"),
        (len(options.output) > len(options.urls), "there are more -o than URLs"),
        (sends_body and options.upload_file is not None, "-T and -d both give the body"),
        (sends_body and options.head, "-I asks for the head alone, -d sends a body"),
        (options.head and options.upload_file is not None, "-I asks for the head alone"),
        (options.key is not None and options.cert is None, "--key is of no use without --cert"),
    ):
        if is_wrong:
            raise UsageError(words)


# --- help


def help_text() -> str:
    """What `--help` prints."""
    lines = [
        "mini-http [OPTION…] URL…    fetches URLs and writes them to standard output",
        "mini-http demo              shows what happens, without a network",
        "mini-http demo --serve      serves the pages of the demo at port 8000",
    ]
    for group, rows in OPTIONS.items():
        lines += ["", f"{group}:"]
        lines += [
            f"  {row.flags:30} {row.help}" if row.letter else f"      {row.flags:26} {row.help}"
            for row in rows
        ]
    return "\n".join(lines)


def all_options() -> Iterator[Option]:
    """The rows of all groups."""
    for rows in OPTIONS.values():
        yield from rows


# --- what the values of options are


def _field(text: str) -> tuple[str, str | None]:
    name, colon, value = text.partition(":")
    name = name.strip()
    if not colon and name.endswith(";"):
        return name[:-1], ""
    if not colon or not name:
        raise ValueError
    if value.strip():
        return name, value.strip()
    if name.lower() in ALWAYS_SENT:
        raise UsageError(f"{name} is part of every request that needs it: -H can't remove it")
    return name, None


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError
    return seconds


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise ValueError
    return int(text)


def _data(kind: str) -> Callable[[str], tuple[str, str]]:
    return lambda text: (kind, text)


def _body(letter: str, name: str, help: str) -> Option:
    return Option(letter, name, help, "DATA", _data(name), repeats=True, field="data")


OPTIONS = {
    "Request": (
        Option("X", "request", "the method, if not the usual one", "METHOD"),
        Option("I", "head", "ask for the head alone (HEAD)"),
        Option(
            "H",
            "header",
            "add a field; 'Name:' leaves out one of ours, 'Name;' sends it empty",
            "'Name: value'",
            _field,
            repeats=True,
        ),
        Option("u", "user", "Basic authentication; asks for the password if none", "USER:PASSWORD"),
        Option("A", "user-agent", "the User-Agent field", "TEXT"),
        Option("e", "referer", "the Referer field", "URL"),
        Option("r", "range", "only these bytes, as 0-499 or -500", "RANGE"),
        Option("", "compressed", "ask for gzip and its like, and decode it: the default"),
        Option("", "no-compressed", "ask for no content coding"),
    ),
    "Body": (
        _body("d", "data", "POST form data; joined by &; @FILE or @- without line ends"),
        _body("", "data-binary", "as -d, but @FILE is sent as it is"),
        _body("", "data-raw", "as -d, but @ means nothing"),
        _body("", "data-urlencode", "as -d, encoded; name=DATA leaves the name"),
        _body("", "json", "POST JSON, and accept JSON"),
        Option("G", "get", "put the data into the URL's query and send GET"),
        Option("T", "upload-file", "PUT a file; - is standard input", FILE),
    ),
    "Redirects": (
        Option("L", "location", "follow redirects: the default"),
        Option("", "no-redirect", "do not follow them"),
        Option("", "max-redirs", "follow at most so many", "NUMBER", _count),
    ),
    "Output": (
        Option("o", "output", "write the body there; one for each URL", FILE, repeats=True),
        Option("O", "remote-name", "write to a file named as the URL ends, for every URL"),
        Option("i", "include", "the reply's head, too"),
        Option("f", "fail", "no body, and exit code 22, for status 400 and above"),
        Option("v", "verbose", "show what goes over the wire; secrets are masked"),
        Option("s", "silent", "no progress bar, no errors"),
        Option("S", "show-error", "errors even with -s"),
        Option("w", "write-out", "print this at the end: '%{http_code}\\n'", "FORMAT", compiled),
    ),
    "TLS": (
        Option("k", "insecure", "take any certificate: whoever is on the way can read along"),
        Option("", "cacert", "trust these certificates and no others (PEM)", FILE),
        Option("", "cert", "our own certificate (PEM)", FILE),
        Option("", "key", "its private key, if it is not in the same file", FILE),
    ),
    "Time": (
        Option("m", "max-time", "the most for all of a transfer", "SECONDS", _seconds),
        Option("", "connect-timeout", "the most for connecting", "SECONDS", _seconds),
    ),
    "Other": (
        Option("", "explain", "fetch nothing; say which proxy a URL goes through, and why"),
        Option("h", "help", "this text"),
        Option("", "version", "version of this program, of Python and of OpenSSL"),
    ),
}
"""All options, as `--help` and the manual list them."""
