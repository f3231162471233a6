"""A server whose replies say which request they answer, well or badly, as it is told.

A request has its number at the end of its target: "/7". The reply has it in the field REPLY_TO and
all through its body, so that a client that takes the reply to another request is found out. A
`Book` says how requests are to be answered, and keeps what was answered and what the client did
that it may not do: send a request over a connection that it can know to be bad, or where the server
takes it for a part of the one before. For that, the bodies of requests are made of FILLER alone.

`NumberedPeer` is the server's end of one connection. It never waits: `react` takes what has come
and does what is to be done. `InlineNet` has the client's own sockets call it whenever the client
sends or receives: without threads there is no race, and what has not come by then never will, so
that a wait for it times out at once. `LoopbackNet` has real sockets, and a thread for each.
"""

from __future__ import annotations

import errno
import re
import select
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from support.servers import ScriptedServer

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from support.connections import Connection

REPLY_TO = "X-Reply-To"
FILLER = b"~"

Framing = Literal["length", "chunked", "close", "empty"]
Ending = Literal["stays", "ends", "resets", "stalls"]

REQUEST = re.compile(rb"[A-Za-z]+ [^ ]+ HTTP/1\.[01]\r\n")
NUMBER = re.compile(rb"/([0-9]+) HTTP/1\.[01]\r\n")
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)", re.I)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.I)
SAYS_CLOSE = re.compile(rb"\r\nconnection:[^\r]*close", re.I)
EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.I)
CHUNK_LINE = re.compile(rb"([0-9a-f]{1,16})\r\n", re.I)

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


@dataclass(frozen=True)
class Plan:
    """How a request is answered. As it stands: with ten bytes, and the connection stays."""

    status: int = 200
    framing: Framing = "length"
    """What ends the body: "close" is the end of the connection; "empty" is 204, without one."""
    size: int = 10
    interim: int = 0
    """How many interim replies come first."""
    says_close: bool = False
    """Whether it is said that the connection closes, which it need not do."""
    is_old: bool = False
    """Whether the server is one of HTTP/1.0."""
    is_early: bool = False
    """Whether the reply comes before the body of the request has been read."""
    reads: bool = True
    """Whether the body of the request is read at all."""
    switches: bool = False
    """Whether the reply is 101 (Switching Protocols)."""
    part: float = 1.0
    """How much of the reply is sent."""
    ending: Ending = "stays"
    """What happens to the connection then."""
    more: bytes = b""
    """What follows a whole reply."""
    instead: bytes | None = None
    """Bytes that are no reply, in place of one."""

    def opens_tunnel(self, method: bytes) -> bool:
        """Whether this is what a proxy says that leads on."""
        is_success = self.status < 300 or self.framing == "empty"
        return method == b"CONNECT" and is_success and not self.switches


@dataclass
class Answer:
    """What was answered to a request."""

    body: bytes
    is_whole: bool
    """Whether the client gets all of `body`, and can tell that this is all."""


@dataclass
class Book:
    """What the server is to do, and what it saw."""

    plan: Plan = field(default_factory=Plan)
    """How each request is answered from now on."""
    greeting: bytes = b""
    """What a new connection begins with, before any request."""
    hangs_up: bool = False
    """Whether a new connection is ended at once."""
    answers: dict[int, Answer] = field(default_factory=dict)
    """By the number of the request, 0 for one without."""
    requests: int = 0
    faults: list[str] = field(default_factory=list)
    """What the client did that it may not do."""
    is_inline: bool = False
    """Whether the client can know all that has happened. Else it may still be on its way."""


def body_of_reply(number: int, size: int) -> bytes:
    """The number of the request, line after line."""
    line = b"%d\n" % number
    return (line * (size // len(line) + 1))[:size]


def written_reply(plan: Plan, number: int, method: bytes) -> tuple[bytes, bytes, bytes]:
    """The reply by that plan: its head with what comes before, its body, the body as it is sent."""
    body = body_of_reply(number, plan.size)
    status = b"%d Planned" % plan.status
    fields = [f"{REPLY_TO}: {number}".encode()]
    if plan.switches:
        status, body = b"101 Switching Protocols", b""
        fields += [b"Connection: upgrade", b"Upgrade: echo"]
    elif plan.opens_tunnel(method):
        status, body = b"200 Opened", b""
    elif plan.framing == "empty":
        status, body = b"204 No Content", b""
    elif plan.framing == "chunked":
        fields.append(b"Transfer-Encoding: chunked")
    elif plan.framing == "length":
        fields.append(b"Content-Length: %d" % len(body))
    if plan.says_close:
        fields.append(b"Connection: close")
    version = b"HTTP/1.0 " if plan.is_old else b"HTTP/1.1 "
    head = HINTS * plan.interim + b"\r\n".join([version + status, *fields, b"", b""])
    if method == b"HEAD":
        body = b""
    elif b"Transfer-Encoding: chunked" in fields:
        return head, body, chunks_of(body)
    return head, body, body


def chunks_of(body: bytes) -> bytes:
    """The body in two chunks, with a trailer."""
    third = len(body) // 3
    pieces = [piece for piece in (body[:third], body[third:]) if piece]
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    return b"".join([*chunks, b"0\r\nX-Trailer: a\r\n\r\n"])


class NumberedPeer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, book: Book) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._book = book
        self._input = bytearray()
        self._output = bytearray(book.greeting)
        self._ends_after_output = book.hangs_up
        self._body: RequestBody | None = None  # the one that is being read
        self._unanswered: tuple[bytes, Plan] | None = None  # until its body has been read
        self._bad: str | None = None  # why no request may come any more
        self._reads = True
        self._listens = True  # or lets come what may
        self.was_reset = False
        self.is_closed = False
        if book.is_inline and (book.greeting or book.hangs_up):
            self._bad = "the server was first"
        self._flush()

    def react(self) -> None:
        """Takes what has come, and answers."""
        while self._reads and not self.is_closed:
            try:
                data = self._sock.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.close()
                return
            if self._listens:
                self._input += data
                self._work()
        self._flush()

    def wanted_events(self) -> int:
        """What to poll for before the next `react`."""
        events = select.POLLIN if self._reads else 0
        return events | (select.POLLOUT if self._output else 0)

    def close(self) -> None:
        self.is_closed = True
        self._sock.close()

    # --- requests

    def _work(self) -> None:
        goes_on = True
        while goes_on and self._input and self._listens and self._reads and not self.is_closed:
            goes_on = self._take_head() if self._body is None else self._take_body(self._body)

    def _take_head(self) -> bool:
        while self._input.startswith(FILLER):  # the program sent that by itself
            del self._input[:1]
        if self._bad is not None:
            if REQUEST.search(self._input):
                self._accuse(f"although {self._bad}")
            return False
        end = self._input.find(b"\r\n\r\n") + 4
        if end < 4:
            return False
        if REQUEST.match(self._input) is None:
            self._bad = "what came before was no request"
            return True
        head = bytes(self._input[:end])
        del self._input[:end]
        plan = self._book.plan
        self._book.requests += 1
        length = LENGTH.search(head)
        if CHUNKED.search(head):
            self._body = RequestBody(None)
        elif length and int(length[1]):
            self._body = RequestBody(int(length[1]))
        if self._body is None or plan.is_early:
            self._answer(head, plan)
        else:
            self._unanswered = head, plan
            if EXPECTS.search(head):
                self._output += CONTINUE
        self._reads = plan.reads or self._body is None
        return True

    def _take_body(self, body: RequestBody) -> bool:
        before = len(self._input)
        is_sound = body.take(self._input)
        if not is_sound:
            if REQUEST.search(self._input):
                self._accuse("within a body")
            self._listens = False  # the program made its chunks badly by itself
        elif body.has_ended:
            self._body = None
            if self._unanswered is not None:
                (head, plan), self._unanswered = self._unanswered, None
                self._answer(head, plan)
        return len(self._input) < before

    def _accuse(self, where: str) -> None:
        self._book.faults.append(f"{bytes(self._input)!r:.60} came {where}")
        self._listens = False

    # --- replies

    def _answer(self, request: bytes, plan: Plan) -> None:
        found = NUMBER.search(request)  # what a proxy is asked for by CONNECT has none
        number, method = int(found[1]) if found else 0, request.partition(b" ")[0]
        head, body, coded = written_reply(plan, number, method)
        wire = head + coded if plan.instead is None else plan.instead
        count = round(plan.part * len(wire))
        is_cut = count < len(wire)
        is_tunnel = plan.opens_tunnel(method)
        says_close = plan.says_close or plan.is_old or bool(SAYS_CLOSE.search(request))
        until_close = plan.framing == "close" and not (
            method == b"HEAD" or plan.switches or is_tunnel
        )
        ending = "ends" if until_close and plan.ending == "stays" else plan.ending
        if until_close:
            answer = Answer(wire[len(head) : count], ending == "ends")
        else:
            # Chunks are whole with the last one, whether or not its trailer comes (RFC 9112 8).
            has_last_chunk = wire[:count].endswith(b"\r\n0\r\n")
            answer = Answer(body, not is_cut or (has_last_chunk and ending == "ends"))
        self._book.answers[number] = answer

        if plan.instead is not None:
            self._bad = "the reply was none"
        elif is_cut:
            self._bad = "the reply was cut"
        elif plan.interim > 20:
            self._bad = "interim replies had no end"
        elif plan.switches or (is_tunnel and number):
            self._bad = "another protocol was to be spoken"
        elif (says_close or until_close) and not is_tunnel:
            self._bad = "it was said that the connection closes"
        elif self._book.is_inline and plan.more:
            self._bad = "more came after the reply"
        elif self._book.is_inline and ending in ("ends", "resets") and not is_tunnel:
            self._bad = f"the connection {ending}"
        self._listens = ending != "stalls" or self._bad is not None
        self._output += wire[:count]
        if not (is_cut or until_close or plan.instead is not None):
            self._output += plan.more
        self._ends_after_output = ending == "ends"
        self._flush()
        if ending == "resets":
            self._reset()

    # --- sending, and the end

    def _flush(self) -> None:
        while self._output and not self.is_closed:
            try:
                del self._output[: self._sock.send(self._output)]
            except BlockingIOError:
                return
            except OSError:
                self.close()
        if self._ends_after_output and not self.is_closed:
            self._ends_after_output = False
            if self._book.is_inline:
                self._sock.shutdown(socket.SHUT_WR)  # and looks at what comes all the same
            else:
                self.close()

    def _reset(self) -> None:
        self.was_reset = True
        if not self._book.is_inline and not self.is_closed:
            linger = struct.pack("ii", 1, 0)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close()


class RequestBody:
    """The body of a request as it comes: so many bytes, or chunks if that is None."""

    def __init__(self, left: int | None) -> None:
        self._is_chunked = left is None
        self._left = left or 0  # of the body, or of the chunk
        self._needs_line_end = False
        self.has_ended = False

    def take(self, data: bytearray) -> bool:
        """Takes what is the body's off `data`; returns False at what can't be."""
        while data and not self.has_ended:
            if self._left:
                piece = bytes(data[: self._left])
                if piece.strip(FILLER):
                    return False
                del data[: len(piece)]
                self._left -= len(piece)
                self._needs_line_end = self._is_chunked
                self.has_ended = not self._is_chunked and not self._left
            elif self._needs_line_end:
                if len(data) < 2:
                    break
                if not data.startswith(b"\r\n"):
                    return False
                del data[:2]
                self._needs_line_end = False
            elif data.startswith(b"0\r\n"):
                end = data.find(b"\r\n\r\n") + 4
                if end < 4:
                    break
                del data[:end]
                self.has_ended = True
            else:
                line = CHUNK_LINE.match(bytes(data[:18]))
                if line is None:
                    return len(data) < 18 and b"\r\n" not in data and FILLER not in data
                del data[: line.end()]
                self._left = int(line[1], 16)
        return True


# --- real connections


class LoopbackNet:
    """A server with a thread for each connection."""

    used = None
    sockets: tuple[InlineSocket, ...] = ()

    def __init__(self, book: Book) -> None:
        self._server = ScriptedServer(handler=lambda connection: serve(connection, book))
        self._server.__enter__()
        self.authority = self._server.authority

    def connect(self, *_: object) -> socket.socket:
        """A connected socket."""
        return socket.create_connection(self._server.address)

    def close(self) -> None:
        """Ends the server; raises what went wrong in it."""
        self._server.__exit__(None, None, None)


def serve(connection: Connection, book: Book) -> None:
    """Is a server on `connection` until the client goes."""
    peer = NumberedPeer(connection.sock, book)
    while not peer.is_closed:
        poll = select.poll()
        poll.register(connection.sock, peer.wanted_events())
        (_, events), *_ = poll.poll()
        peer.react()
        if events & (select.POLLHUP | select.POLLERR):
            peer.close()


# --- connections within the client's thread


class InlineNet:
    """Connections whose servers react when the client does something."""

    authority = "a.test"

    def __init__(self, book: Book) -> None:
        book.is_inline = True
        self._book = book
        self.sockets: list[InlineSocket] = []
        """The client's ends of all connections."""
        self.used: InlineSocket | None = None
        """The one that was sent or received on last."""

    def connect(self, *_: object) -> InlineSocket:
        """A connected socket; the arguments are those of `socket.create_connection`."""
        ours, theirs = socket.socketpair()
        sock = InlineSocket(self, NumberedPeer(theirs, self._book), ours)
        self.sockets.append(sock)
        return sock

    def close(self) -> None:
        """Ends the servers."""
        for sock in self.sockets:
            sock.peer.close()


class InlineSocket(socket.socket):
    """The client's end of a connection. It never waits for what will not come."""

    def __init__(self, net: InlineNet, peer: NumberedPeer, sock: socket.socket) -> None:
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.peer = peer
        self._net = net

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        self._prepare(select.POLLIN)
        data = super().recv(size, flags)
        if size and not data:
            self._check_reset()
        return data

    def recv_into(self, buffer: Buffer, size: int = 0, flags: int = 0) -> int:
        self._prepare(select.POLLIN)
        count = super().recv_into(buffer, size, flags)
        if memoryview(buffer) and not count:
            self._check_reset()
        return count

    def send(self, data: Buffer, flags: int = 0, /) -> int:
        self._prepare(select.POLLOUT)
        self._check_reset()
        count = super().send(data, flags)
        self.peer.react()
        return count

    def sendall(self, data: Buffer, flags: int = 0, /) -> None:
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self.send(rest, flags) :]

    def _prepare(self, event: int) -> None:
        """Has the server react; raises what a wait for `event` comes to, if it is in vain."""
        self._net.used = self
        self.peer.react()
        if self.fileno() < 0:
            return  # the system says so itself
        poll = select.poll()
        poll.register(self, event)
        timeout = self.gettimeout()
        if not poll.poll(0) and timeout != 0:
            assert timeout is not None, "the client would wait for ever"
            raise TimeoutError("timed out")

    def _check_reset(self) -> None:
        if self.peer.was_reset:
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
