"""The states of a client connection and its legal moves: a table and the function that reads it."""

from __future__ import annotations

from enum import IntEnum

from mini_http import base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class State(IntEnum):
    """Where a connection stands. (IntEnum, because its members hash in C: 0.3 us a request.)"""

    CLOSED = 0
    """There is no connection."""
    IDLE = 1
    """Open, and ready for a request."""
    SENDING = 2
    """A request is being sent, or its reply head has not wholly come."""
    REPLYING = 3
    """The reply head has come, its body has not been read to the end."""
    SWITCHED = 4
    """The connection speaks another protocol: after 101, or as a tunnel."""
    STARTED = 5
    """A request is being put together, step by step, and nothing of it has been sent; the
    connection may still have to be opened."""


class Move(IntEnum):
    """What happens to a connection."""

    CONNECT = 0
    """The connection is opened."""
    START = 1
    """A request is begun, step by step."""
    PUT_FIELD = 2
    """A field is added to a request that was begun, or its head is ended."""
    SEND = 3
    """A request is sent."""
    GET_REPLY = 4
    """The head of a reply has come, and its body is to be read."""
    END_REPLY = 5
    """A reply has come to its end, and the connection stays."""
    SWITCH = 6
    """The server agrees to speak another protocol."""
    CLOSE = 7
    """The connection is closed, by whomever."""


def after(state: State, move: Move) -> State:
    """The state that `move` leads to. Raises StateError, naming both, if it is not legal."""
    try:
        return MOVES[state][move]
    except KeyError:
        kind = getattr(base.errors, _ERRORS.get(move, "StateError"))
        raise kind(f"can't {name_of(move)} while the connection is {name_of(state)}") from None


def name_of(member: State | Move) -> str:
    """A state or a move in words."""
    return member.name.lower().replace("_", " ")


_ERRORS = {
    Move.START: "CannotSendRequest",
    Move.PUT_FIELD: "CannotSendHeader",
    Move.SEND: "CannotSendRequest",
    Move.GET_REPLY: "ResponseNotReady",
}
"""What is raised for a move that is not legal, where http.client has an error of its own for it."""

MOVES: Mapping[State, Mapping[Move, State]] = {
    State.CLOSED: {
        Move.CONNECT: State.IDLE,
        Move.START: State.STARTED,
        Move.CLOSE: State.CLOSED,
    },
    State.IDLE: {
        Move.START: State.STARTED,
        Move.SEND: State.SENDING,
        Move.CLOSE: State.CLOSED,
    },
    State.STARTED: {
        Move.CONNECT: State.STARTED,
        Move.PUT_FIELD: State.STARTED,
        Move.SEND: State.SENDING,
        Move.CLOSE: State.CLOSED,
    },
    State.SENDING: {
        Move.GET_REPLY: State.REPLYING,
        Move.END_REPLY: State.IDLE,  # the body came whole with the head
        Move.SWITCH: State.SWITCHED,
        Move.CLOSE: State.CLOSED,
    },
    State.REPLYING: {
        Move.END_REPLY: State.IDLE,
        Move.CLOSE: State.CLOSED,
    },
    State.SWITCHED: {
        Move.CLOSE: State.CLOSED,
    },
}
