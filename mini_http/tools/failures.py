"""What can go wrong with a command, and the exit code that says so: curl's, where curl has one.

`exit_code` finds the row of `EXIT_CODES`, at the end, that an exception belongs to; `explained`
is what stands behind `mini-http: (code)` on the error line. The classes here are those of the
command itself; all others are in `base.errors`.
"""

from __future__ import annotations

from mini_http.base.value import Value

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""


class Failure(Exception):
    """Raised, as one of its subclasses, when the command itself can't go on."""


class UsageError(Failure):
    """Raised when a command line makes no sense."""


class ErrorStatus(Failure):
    """Raised with `-f` when a status is 400 or more."""


class WriteFailed(Failure):
    """Raised when the body can't be written to where it should go."""


class ReadFailed(Failure):
    """Raised when a file that is to be sent can't be read."""


class BadCAFile(Failure):
    """Raised when the certificates to trust can't be loaded."""


class BadClientCertificate(Failure):
    """Raised when our own certificate or its key can't be loaded."""


class ReaderGone(Exception):
    """Raised when whoever reads our standard output wants no more: a reason to stop, no fault."""


class ExitCode(Value):
    """One row: the exceptions, by the names of their classes, that end the command with `code`."""

    code: int
    meaning: str
    kinds: str = ""


def exit_code(error: BaseException) -> int:
    """The exit code for an exception: of the first row that names its class or one above it.

    The exception's `reason`, if there is one, counts as well as itself.
    """
    reason = getattr(error, "reason", None)
    names = {kind.__name__ for source in (error, reason) for kind in type(source).__mro__}
    for row in EXIT_CODES:
        if not names.isdisjoint(row.kinds.split()):
            return row.code
    raise error


def explained(error: BaseException, seconds: float) -> str:
    """What went wrong, in words; `seconds` is how long it took to."""
    code = exit_code(error)
    if code == TIMED_OUT:
        return f"timed out after {seconds:.3f} s"
    if code == CUT:
        expected = getattr(error, "expected", None)
        return "the reply was cut" + (f": {expected} more bytes were to come" if expected else "")
    if code == REDIRECTS:  # str() would begin with "HTTP Error"
        return f"{getattr(error, 'code', '')} {getattr(error, 'msg', '')}"
    if code in (UNSUPPORTED, FILE):  # and here with "<urlopen error"
        return str(getattr(error, "reason", error))
    return str(error)


UNSUPPORTED, CUT, TIMED_OUT, FILE, REDIRECTS = 1, 18, 28, 37, 47

_NO_FILE = "FileNotFoundError IsADirectoryError PermissionError"

# In this order: the first row that fits decides. The classes stand here by their names, so that a
# command to which nothing happens need not load them.
EXIT_CODES = (
    ExitCode(0, "all went well"),
    ExitCode(60, "the server's certificate was refused", "SSLCertVerificationError"),
    ExitCode(TIMED_OUT, "a wait, or the whole, took too long", "TimedOut"),
    ExitCode(6, "the host name has no address", "NameNotResolved"),
    ExitCode(7, "no connection could be opened", "ConnectFailed"),
    ExitCode(35, "the TLS handshake failed", "TLSFailed"),
    ExitCode(58, "the certificate or key to show can't be loaded", "BadClientCertificate"),
    ExitCode(77, "the certificates to trust can't be loaded", "BadCAFile"),
    ExitCode(3, "the URL is malformed", "InvalidURL"),
    ExitCode(65, "the body had to be sent again and could not be", "BodyNotReplayable"),
    ExitCode(2, "the command line makes no sense", "UsageError InvalidRequest"),
    ExitCode(REDIRECTS, "too many redirects, or one that is not followed", "RedirectRefused"),
    ExitCode(22, "with -f: the status is 400 or more", "ErrorStatus"),
    ExitCode(61, "the content coding is broken", "BadCoding"),
    ExitCode(CUT, "the reply ended before it was whole", "IncompleteRead"),
    ExitCode(52, "the server closed without a reply", "RemoteDisconnected"),
    ExitCode(8, "the reply breaks the rules of HTTP", "ProtocolError"),
    ExitCode(9, "the FTP server does not give that", "FTPRefused"),
    ExitCode(56, "the connection broke", "MiniHTTPError"),
    ExitCode(FILE, "the file: URL can't be opened", _NO_FILE),
    ExitCode(UNSUPPORTED, "the scheme is not supported", "URLError"),
    ExitCode(23, "the body can't be written", "WriteFailed"),
    ExitCode(26, "a file to send can't be read", "ReadFailed"),
    ExitCode(55, "the system refused something else", "OSError"),
    ExitCode(INTERRUPTED, "interrupted by Ctrl-C", "KeyboardInterrupt"),
)
