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


class Move(IntEnum):
    """What happens to a connection."""

    CONNECT = 0
    SEND = 1
    GET_REPLY = 2
    END_REPLY = 3
    SWITCH = 4
    CLOSE = 5


def after(state: State, move: Move) -> State:
    """The state that `move` leads to. Raises StateError, naming both, if it is not legal."""
    try:
        return MOVES[state][move]
    except KeyError:
        raise base.errors.StateError(
            f"can't {move.name.lower().replace('_', ' ')} while the connection is"
            f" {state.name.lower()}"
        ) from None


MOVES: Mapping[State, Mapping[Move, State]] = {
    State.CLOSED: {
        Move.CONNECT: State.IDLE,
        Move.CLOSE: State.CLOSED,
    },
    State.IDLE: {
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
