"""One URL after the other: each is a Transfer, from its request to the last byte written.

A Session holds what they share: the options, one pool of connections, one opener over it. `fetch`
never raises for what goes wrong with a transfer: it says so on standard error and in `exit_code`.
"""

from __future__ import annotations

from mini_http import base
from mini_http.base.url import URL
from mini_http.exchange.response import HTTPResponse
from mini_http.opener.handlers.base import BaseHandler
from mini_http.opener.proxies import explain_proxy
from mini_http.tools.asking import (
    body_for,
    opener_for,
    remote_name,
    request_for,
    timeout_for,
    with_scheme,
)
from mini_http.tools.failures import ErrorStatus, Failure, exit_code, explained
from mini_http.tools.progress import progress
from mini_http.tools.terminal import STANDARD_OUTPUT, Output, printable, say
from mini_http.tools.upload import Upload
from mini_http.tools.wire import NOWHERE, Wire, watched_pool, without_passwords
from mini_http.tools.write_out import written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from mini_http.opener.replies import Reply
    from mini_http.opener.request import Request
    from mini_http.tools.options import Options
    from mini_http.tools.wire import Address

LOWEST_ERROR_STATUS = 400


class Transfer:
    """The account of one transfer. Facts that there are not are empty or 0."""

    exit_code = 0
    complaint = ""
    """What went wrong, in words."""
    file_name = ""
    """The file that the body is written to; none for standard output."""
    size = 0
    """Bytes of the body that were written, after decoding."""
    uploaded = 0
    """Bytes of the request body that were sent."""
    seconds = 0.0
    verify_code = 0
    """OpenSSL's number for what is wrong with the server's certificate."""
    response: Reply | None = None

    # Of its connections, as a Wire has them.
    heads: tuple[bytes, ...] = ()
    connects = 0
    remote: Address = NOWHERE
    local: Address = NOWHERE
    connected_after: float = 0.0
    secured_after: float = 0.0
    replied_after: float = 0.0
    method = ""

    def __init__(self, url: str, number: int = 0) -> None:
        self.url: str = with_scheme(url)
        """The URL that was given."""
        self.number: int = number
        """0 for the first one of the command."""

    @property
    def status(self) -> int:
        """The status of the last reply."""
        return (self.response.status or 0) if self.response is not None else 0

    @property
    def http_version(self) -> str:
        """1.0 or 1.1."""
        response = self.response
        return f"{response.version / 10:.1f}" if isinstance(response, HTTPResponse) else "0"

    @property
    def url_effective(self) -> str:
        """The URL that the reply came from, after redirects, without a password."""
        if self.response is None:
            return without_passwords(self.url)
        return str(URL.parse(self.response.url).without_userinfo())

    @property
    def redirects(self) -> int:
        """How many redirects were followed."""
        return len(self.response.history) if isinstance(self.response, HTTPResponse) else 0

    @property
    def redirect_url(self) -> str:
        """Where a redirect leads that was not followed."""
        location = self.field("location")
        if self.response is None or not (300 <= self.status < 400 and location):
            return ""
        try:
            return str(URL.parse(self.response.url).join(location))
        except base.errors.InvalidURL:
            return ""

    def field(self, name: str) -> str:
        """A field of the reply; empty if there is none."""
        value = None if self.response is None else self.response.headers.combined(name)
        return value or ""

    def remember(self, wire: Wire) -> None:
        """Takes over what `wire` knows; the transfer is over."""
        self.seconds = wire.elapsed()
        self.heads = tuple(wire.heads)
        self.connects = wire.connects
        self.remote, self.local = wire.remote, wire.local
        self.connected_after = wire.connected_after
        self.secured_after = wire.secured_after
        self.replied_after = wire.replied_after
        self.method = wire.sent_head.partition(b" ")[0].decode("latin-1")


class ProxyNotes(BaseHandler):
    """Shows why each request, also one that follows a redirect, goes through a proxy or does not.

    Where nothing is set it shows nothing.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def http_request(self, request: Request) -> Request:
        if not (request.has_proxy() or request._tunnel_host):  # else it was shown before
            choice = explain_proxy(request.full_url)
            if choice.variable is not None:
                self._wire.note(str(choice))
        return request

    https_request = ftp_request = ftps_request = http_request


class Session:
    """What the transfers of one command share. Use it in a `with` statement."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._wire = Wire(say if options.verbose else None)
        self._pool = watched_pool(self._wire)
        self._opener = opener_for(options, self._pool)
        if options.verbose:
            self._opener.add_handler(ProxyNotes(self._wire))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._wire.show = None
        self._pool.close()

    def fetch(self, number: int) -> Transfer:
        """Fetches one URL of the options to where it belongs. Raises ReaderGone."""
        options = self.options
        transfer = Transfer(options.urls[number], number)
        self._wire.begin()
        try:
            self._transfer(transfer, Output(self._file_name(transfer), any_bytes=self._any_bytes))
        except (OSError, Failure) as error:
            self._fail(transfer, error)
        transfer.remember(self._wire)
        if transfer.complaint and options.shows_errors:
            say(f"mini-http: ({transfer.exit_code}) {transfer.complaint}")
        if options.write_out is not None:
            text = written(options.write_out, transfer)
            Output(STANDARD_OUTPUT).write(text.encode(errors="surrogateescape"))
        return transfer

    def _file_name(self, transfer: Transfer) -> str:
        options = self.options
        if transfer.number < len(options.output):
            return options.output[transfer.number]
        return remote_name(transfer.url) if options.remote_name else STANDARD_OUTPUT

    @property
    def _any_bytes(self) -> bool:
        """Whether a terminal gets whatever bytes come: the user insisted on it."""
        return STANDARD_OUTPUT in self.options.output

    def _transfer(self, transfer: Transfer, output: Output) -> None:
        body = body_for(self.options)
        try:
            self._exchange(transfer, body)
        finally:
            if isinstance(body, Upload):
                transfer.uploaded = body.sent
                body.close()
            elif body is not None and self._wire.sent_head:
                transfer.uploaded = len(body)
        response = transfer.response
        assert response is not None
        if self.options.fail and transfer.status >= LOWEST_ERROR_STATUS:
            response.close()
            words = f"{response.status} {response.reason}".rstrip()
            raise ErrorStatus(f"the server answered {words}")
        with output:
            self._write(transfer, response, output)

    def _exchange(self, transfer: Transfer, body: Upload | bytes | None) -> None:
        request = request_for(self.options, transfer.url, body)
        self._wire.secret |= request.secret_names
        transfer.response = self._opener.open(request, timeout=timeout_for(self.options))

    def _write(self, transfer: Transfer, response: Reply, output: Output) -> None:
        options = self.options
        if output.is_file:
            transfer.file_name = output.name
            output.open()
        if options.include or options.head:
            # What is no HTTP came over no wire that was watched.
            heads = self._wire.heads or [response.headers.as_string().encode("latin-1", "replace")]
            output.write(b"".join(heads))
        if options.head:
            response.close()
            return
        shows_bar = output.is_file and not (options.silent or options.verbose)
        with progress(output.name, response.length, wanted=shows_bar) as bar:
            for piece in response.iter_chunks():
                output.write(piece)
                transfer.size += len(piece)
                bar.advance(len(piece))

    def _fail(self, transfer: Transfer, error: OSError | Failure) -> None:
        """Notes what went wrong, and how far it had gone."""
        transfer.exit_code = exit_code(error)
        words = explained(error, self._wire.elapsed())
        if transfer.size or transfer.file_name:
            where = f" and are in {transfer.file_name}" if transfer.file_name else ""
            words += f"; {transfer.size} bytes came{where}"
        if len(self.options.urls) > 1:
            words = f"{transfer.url}: {words}"
        transfer.complaint = printable(without_passwords(" ".join(words.split())))
        reason = getattr(error, "reason", None)
        transfer.verify_code = getattr(reason, "verify_code", 0)
        if isinstance(error, base.errors.HTTPError):
            error.close()
