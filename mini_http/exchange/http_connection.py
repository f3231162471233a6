"""HTTPConnection: an HTTPClient with http.client's interface, step by step.

    connection = HTTPConnection("localhost", 8000)
    connection.request("GET", "/")
    reply = connection.getresponse()

What callers and subclasses of http.client.HTTPConnection rely on works: each step by itself, a
`sock` that they set or read, timeouts that they set on it, `connect`, `send` and `response_class`
overridden, the hooks that begin with one underscore. Connection, buffer, parsing and rules are
those of HTTPClient, which this is one of: a field that may not be sent is refused, a cut body is an
error, and a reply that was left unread is read if it is short.

A head is put together in `_buffer`, line by line, and leaves with `endheaders`, in one `send`. The
legal order of the steps is the table in `states`; what was announced and sent is kept in a
BegunRequest.
"""

from __future__ import annotations

import socket
from sys import audit

from mini_http import base
from mini_http.base.headers import as_text
from mini_http.base.limits import DEFAULT_LIMITS
from mini_http.base.timeouts import NOT_GIVEN, Deadline, timeout_given
from mini_http.codec.framing import CloseReason
from mini_http.codec.heads import check_method
from mini_http.connect.reply_head import receive_final_head
from mini_http.connect.tunnel import ask_for_tunnel
from mini_http.exchange.framing_fields import body_fields
from mini_http.exchange.given_text import (
    encoded_body,
    encoded_line,
    refuse_control_characters,
)
from mini_http.exchange.hosts import dialed, host_of_target, in_host_field, split_port
from mini_http.exchange.lone_reply import print_head
from mini_http.exchange.request_body import READ_BYTES
from mini_http.exchange.response import HTTPResponse
from mini_http.exchange.states import Move, State, after
from mini_http.exchange.stepwise import StepwiseClient

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from mini_http.base.headers import Headers
    from mini_http.base.limits import Limits
    from mini_http.exchange.request_body import BodySource, RequestBody

    Address = tuple[str, int]


class HTTPConnection(StepwiseClient):
    """A connection to `host`: a name, an IP address, or either with ":port".

    `timeout` is in seconds, a Timeout, or None for no bound; not given, it is what
    `socket.setdefaulttimeout` says, else 60. `source_address` is the local (host, port) to connect
    from. `blocksize` is how many bytes of a file are sent at a time. Raises InvalidURL.
    """

    default_port = 80
    _http_vsn = 11
    _http_vsn_str = "HTTP/1.1"

    def __init__(
        self,
        host: str,
        port: int | str | None = None,
        timeout: Any = NOT_GIVEN,
        source_address: Address | None = None,
        blocksize: int = READ_BYTES,
        *,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        # Not HTTPClient's, which parses an address: subclasses may allow hosts that are none.
        self.timeouts = timeout_given(timeout)
        self._begin(self.timeouts.read, limits)
        self.host, self.port = self._get_hostport(host, port)
        self._validate_host(self.host)
        self.source_address = source_address
        self.blocksize = blocksize

    def _begin(self, timeout: float | None, limits: Limits) -> None:
        super()._begin(timeout, limits)
        self._buffer: list[bytes] = []
        self._tunnel_headers: dict[str, str] = {}
        self._create_connection: Any = _dial

    source_address: Address | None = None
    _method: str | None = None
    _tunnel_host: str | None = None
    _tunnel_port: int | None = None
    _proxy_headers: Headers | None = None

    # --- the connection

    def connect(self) -> None:
        """Opens the connection, and the tunnel if there is to be one."""
        if not self.closed:
            return
        if not self.host:
            raise base.errors.StateError("a client over a stream can't connect again")
        audit("http.client.connect", self, self.host, self.port)
        self._heed_timeout()
        wait = self.timeouts.connect
        if self.deadline is not None:
            wait = self.deadline.within(wait).check(f"connecting to {self.host}")
        sock = self._create_connection((self.host, self.port), wait, self.source_address)
        _send_at_once(sock)
        self._set_timeout(self.timeouts.connect)
        try:
            self._attach(sock)
            if self._tunnel_host:
                self._tunnel()
        except BaseException:
            self.close()
            raise
        finally:
            self._set_timeout(self.timeouts.read)
        self._ready()

    def set_debuglevel(self, level: int) -> None:
        """Sets `debuglevel`."""
        self.debuglevel = level

    # --- through a proxy

    def set_tunnel(
        self, host: str, port: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Leads the connection through its host, a proxy, to `host` and `port`, by CONNECT.

        `headers` are for the proxy. Raises RuntimeError once the connection is open.
        """
        if self.sock is not None:
            raise RuntimeError("Can't set up tunnel for established connection")
        host, port = self._get_hostport(host, port)
        named = in_host_field(host, port)
        fields = {as_text(name): as_text(value) for name, value in (headers or {}).items()}
        if all(name.lower() != "host" for name in fields):
            fields["Host"] = named
        self._tunnel_host, self._tunnel_port, self._tunnel_headers = host, port, fields

    def _tunnel(self) -> None:
        fields = self._tunnel_headers.items()
        host, port = self._tunnel_host or "", self._tunnel_port or 0
        try:
            reply = ask_for_tunnel(self, self.send, dialed(host), port, fields)
        except base.errors.TunnelRefused as refusal:
            self._proxy_headers = refusal.headers
            raise
        self._proxy_headers = reply.headers
        if self.debuglevel > 0:
            print_head(reply)

    def get_proxy_response_headers(self) -> Headers | None:
        """The headers of the proxy's reply to CONNECT; None where there was none."""
        return self._proxy_headers

    # --- a request at once

    def request(
        self,
        method: str,
        url: str,
        body: BodySource | RequestBody | str | None = None,
        headers: Mapping[str, Any] | Iterable[tuple[str, Any]] = {},
        *,
        encode_chunked: bool = False,
    ) -> None:
        """Sends a request; `getresponse` gives the reply.

        `body` is bytes, text (sent as ISO 8859-1), a file or an iterable of bytes. Its length, if
        it can be told, is sent as Content-Length, else it is sent chunked. With a
        Transfer-Encoding among `headers` it is sent as it is, unless `encode_chunked`. With
        `Expect: 100-continue` it is sent once the server asks for it, or after a second.

        Raises what the steps raise. If nothing was sent, another request can be.
        """
        self._send_request(method, url, body, headers, encode_chunked)

    def _send_request(
        self, method: str, url: str, body: Any, headers: Any, encode_chunked: bool
    ) -> None:
        given = list(headers.items() if hasattr(headers, "items") else headers)
        names = {as_text(name).lower() for name, _ in given}
        body = encoded_body(body)
        sent = None if body is None else self._body_of(body)
        self.putrequest(
            method,
            url,
            skip_host="host" in names,
            skip_accept_encoding="accept-encoding" in names,
        )
        self._request.has_all_of_body = sent is not None
        try:
            for name, value in body_fields(method, sent, names):
                self.putheader(name, value)
            if "content-length" in names:
                encode_chunked = False
            elif "transfer-encoding" not in names:
                encode_chunked = sent is not None and sent.length is None
            for name, value in given:
                self.putheader(name, value)
            self.endheaders(body, encode_chunked=encode_chunked)
        except BaseException:
            if self._state is State.STARTED:
                self._drop_request()
            raise

    # --- a request step by step

    def putrequest(
        self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False
    ) -> None:
        """Begins a request; Host and `Accept-Encoding: identity` are put unless they are skipped.

        Raises CannotSendRequest where another one is under way, or where the reply before has been
        left unread and is long; InvalidField for a method, and InvalidURL for a target, that can't
        be sent. The connection is not opened yet.
        """
        self._finish_reply()
        state = after(self.state, Move.START)
        url = url or "/"
        self._validate_method(method)
        self._validate_path(url)
        line = self._encode_request(f"{method} {url} {self._http_vsn_str}")
        self._method = method
        self._begin_request(method, self._http_vsn, state)
        del self._buffer[:]
        self._output(line)
        try:
            if self._http_vsn == 11 and not skip_host:
                self.putheader("Host", host_of_target(method, url) or self.authority)
            if self._http_vsn == 11 and not skip_accept_encoding:
                self.putheader("Accept-Encoding", "identity")
        except BaseException:
            self._drop_request()
            raise

    def putheader(self, header: str | bytes, *values: Any) -> None:
        """Adds a field. Several values become one, with blanks between; numbers are written out.

        Raises CannotSendHeader outside a request, InvalidField for what can't be sent.
        """
        after(self.state, Move.PUT_FIELD)
        self._output(self._request.put(as_text(header), " ".join(map(as_text, values))))

    def endheaders(self, message_body: Any = None, *, encode_chunked: bool = False) -> None:
        """Sends the head, and a body after it, if there is one.

        A body gets the fields that it needs unless they were put: Content-Length, or
        Transfer-Encoding if its length can't be told or `encode_chunked` is set. With a
        Transfer-Encoding that was put it is sent as it is, unless `encode_chunked`. More of it may
        follow by `send`. If a reply comes that refuses it, the rest is not sent: `getresponse`
        gives the reply, and the connection closes after it.

        Raises CannotSendHeader outside a request; InvalidField for both Content-Length and
        Transfer-Encoding, InvalidRequest for a body that is longer than Content-Length says;
        SendBroken, and the errors of `connect`.
        """
        after(self.state, Move.PUT_FIELD)
        message_body = encoded_body(message_body)
        body = None if message_body is None else self._body_of(message_body)
        names = {name.lower() for name in self._request.fields}
        if body is not None:
            if "content-length" not in names and "transfer-encoding" not in names:
                encode_chunked = encode_chunked or body.length is None
            for name, value in body_fields(self._request.method, body, names, encode_chunked):
                self.putheader(name, value)
        encode_chunked = encode_chunked and body is not None
        self._request.announce(body, encode_chunked)
        self._make_ready()
        try:
            self._send_output(message_body, encode_chunked=encode_chunked)
        except BaseException as error:
            if not self._has_reply_after(error):
                raise
        if self._state is State.STARTED:  # _send_output is a subclass's
            self._begin_exchange()
            self._request.is_trusted = True
        del self._buffer[:]

    # --- the reply

    def getresponse(self) -> Any:
        """The reply to the request that was sent, its head read: a `response_class`.

        Where the connection closes after the reply it is the reply's alone from here on, and `sock`
        is None. Raises ResponseNotReady where no request was sent, RemoteDisconnected, the
        ProtocolErrors, ReadTimedOut and ConnectionBroken.
        """
        after(self.state, Move.GET_REPLY)  # raises
        self._heed_socket()
        level = (self.debuglevel,) if self.debuglevel > 0 else ()
        response = self.response_class(self._readable_sock(), *level, method=self._method)
        try:
            if isinstance(response, HTTPResponse):
                response.read_from(self)
                response.begin()
            else:
                self._begin_foreign(response)
        except BaseException:
            response.close()
            raise
        self._hand_out(response)
        return response

    def begin_reply(self, response: HTTPResponse) -> None:
        """Reads the head of the reply, for `response`. That is what `HTTPResponse.begin` calls."""
        request = self._request
        try:
            head = self._early.head or receive_final_head(self, self.note_interim)
            if response.debuglevel > 0:
                print_head(head)
            if request.says_close:
                self.close_reason = CloseReason.REQUEST_SAID_CLOSE
            elif not request.is_whole:
                self.close_reason = CloseReason.EARLY_REPLY
            self._fill(response, request.method, head, request.asks_upgrade)
        except BaseException as error:
            self._give_up(error)
            raise
        if self.close_reason is not None and self.state is State.REPLYING:
            self._leave_to_reply(self.close_reason)

    def _begin_foreign(self, response: Any) -> None:
        """Begins a reply of another library's class, which reads from the socket by itself."""
        self._reply = None
        try:
            response.begin()
        except BaseException as error:
            self._give_up(error)
            raise
        if response.will_close or not self._request.is_whole:
            self.close()
        else:
            self._state = after(self._state, Move.GET_REPLY)

    # --- hooks of http.client: subclasses override them to send what they want

    def _output(self, line: bytes) -> None:
        self._buffer.append(line)

    def _send_output(self, message_body: Any = None, encode_chunked: bool = False) -> None:
        head = b"\r\n".join([*self._buffer, b"", b""])
        body = None if message_body is None else self._body_of(message_body)
        self._send_begun(head, body, encode_chunked)

    def _encode_request(self, request: str) -> bytes:
        return encoded_line(request)

    def _validate_method(self, method: str) -> None:
        check_method(method)

    def _validate_path(self, url: str) -> None:
        refuse_control_characters(url)

    def _validate_host(self, host: str) -> None:
        refuse_control_characters(host)

    def _get_hostport(self, host: str, port: int | str | None) -> Address:
        return split_port(host, port, self.default_port)

    # --- private

    @property
    def authority(self) -> str:  # type: ignore[override]
        """Host and port as the Host field has them."""
        host, port = self.host, self.port
        if self._tunnel_host:
            host, port = self._tunnel_host, self._tunnel_port or 0
        if not host and not self.closed:  # over a stream, of which no more is known
            return ""
        return in_host_field(host, port, self.default_port)


def _dial(address: Address, timeout: float | None, source_address: Address | None) -> socket.socket:
    """What `_create_connection` is unless a program sets it."""
    from mini_http.connect.dial import DialOptions, dial

    host, port = address
    return dial(dialed(host), port, Deadline(timeout), DialOptions(source_address=source_address))


def _send_at_once(sock: Any) -> None:
    """Has the system send a body though its head was not acknowledged yet, where that is TCP."""
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (AttributeError, OSError):
        pass
