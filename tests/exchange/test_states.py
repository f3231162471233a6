"""Every move in every state: where it leads, or that it is refused."""

from __future__ import annotations

import http.client
import itertools

import pytest

from mini_http import base
from mini_http.base.errors import StateError
from mini_http.exchange.states import MOVES, Move, State, after

LEGAL = [
    (State.CLOSED, Move.CONNECT, State.IDLE),
    (State.CLOSED, Move.START, State.STARTED),
    (State.CLOSED, Move.CLOSE, State.CLOSED),
    (State.IDLE, Move.START, State.STARTED),
    (State.IDLE, Move.SEND, State.SENDING),
    (State.IDLE, Move.CLOSE, State.CLOSED),
    (State.STARTED, Move.CONNECT, State.STARTED),
    (State.STARTED, Move.PUT_FIELD, State.STARTED),
    (State.STARTED, Move.SEND, State.SENDING),
    (State.STARTED, Move.CLOSE, State.CLOSED),
    (State.SENDING, Move.GET_REPLY, State.REPLYING),
    (State.SENDING, Move.END_REPLY, State.IDLE),
    (State.SENDING, Move.SWITCH, State.SWITCHED),
    (State.SENDING, Move.CLOSE, State.CLOSED),
    (State.REPLYING, Move.END_REPLY, State.IDLE),
    (State.REPLYING, Move.CLOSE, State.CLOSED),
    (State.SWITCHED, Move.CLOSE, State.CLOSED),
]

ILLEGAL = [
    (State.CLOSED, Move.PUT_FIELD, "CannotSendHeader"),
    (State.CLOSED, Move.SEND, "CannotSendRequest"),
    (State.CLOSED, Move.GET_REPLY, "ResponseNotReady"),
    (State.CLOSED, Move.END_REPLY, "StateError"),
    (State.CLOSED, Move.SWITCH, "StateError"),
    (State.IDLE, Move.CONNECT, "StateError"),
    (State.IDLE, Move.PUT_FIELD, "CannotSendHeader"),
    (State.IDLE, Move.GET_REPLY, "ResponseNotReady"),
    (State.IDLE, Move.END_REPLY, "StateError"),
    (State.IDLE, Move.SWITCH, "StateError"),
    (State.STARTED, Move.START, "CannotSendRequest"),
    (State.STARTED, Move.GET_REPLY, "ResponseNotReady"),
    (State.STARTED, Move.END_REPLY, "StateError"),
    (State.STARTED, Move.SWITCH, "StateError"),
    (State.SENDING, Move.CONNECT, "StateError"),
    (State.SENDING, Move.START, "CannotSendRequest"),
    (State.SENDING, Move.PUT_FIELD, "CannotSendHeader"),
    (State.SENDING, Move.SEND, "CannotSendRequest"),
    (State.REPLYING, Move.CONNECT, "StateError"),
    (State.REPLYING, Move.START, "CannotSendRequest"),
    (State.REPLYING, Move.PUT_FIELD, "CannotSendHeader"),
    (State.REPLYING, Move.SEND, "CannotSendRequest"),
    (State.REPLYING, Move.GET_REPLY, "ResponseNotReady"),
    (State.REPLYING, Move.SWITCH, "StateError"),
    (State.SWITCHED, Move.CONNECT, "StateError"),
    (State.SWITCHED, Move.START, "CannotSendRequest"),
    (State.SWITCHED, Move.PUT_FIELD, "CannotSendHeader"),
    (State.SWITCHED, Move.SEND, "CannotSendRequest"),
    (State.SWITCHED, Move.GET_REPLY, "ResponseNotReady"),
    (State.SWITCHED, Move.END_REPLY, "StateError"),
    (State.SWITCHED, Move.SWITCH, "StateError"),
]


def test_the_rows_above_are_all_that_there_can_be():
    rows = [row[:2] for row in LEGAL + ILLEGAL]
    assert sorted(rows) == sorted(itertools.product(State, Move))


@pytest.mark.parametrize(("state", "move", "then"), LEGAL)
def test_a_legal_move_leads_to_a_state(state, move, then):
    assert after(state, move) is then


@pytest.mark.parametrize(("state", "move", "kind"), ILLEGAL)
def test_an_illegal_move_is_refused_naming_move_and_state(state, move, kind):
    with pytest.raises(StateError) as caught:
        after(state, move)
    words = f"can't {move.name} while the connection is {state.name}".replace("_", " ")
    assert str(caught.value).lower() == words.lower()
    assert type(caught.value) is getattr(base.errors, kind)
    assert isinstance(caught.value, http.client.ImproperConnectionState)


@pytest.mark.parametrize("name", ["CannotSendRequest", "CannotSendHeader", "ResponseNotReady"])
def test_callers_of_http_client_catch_its_own_error(name):
    kinds = {kind for _, _, kind in ILLEGAL}
    assert name in kinds
    assert issubclass(getattr(base.errors, name), getattr(http.client, name))


def test_closing_is_always_legal_and_every_state_can_be_reached():
    assert all(after(state, Move.CLOSE) is State.CLOSED for state in State)
    assert {then for moves in MOVES.values() for then in moves.values()} == set(State)
