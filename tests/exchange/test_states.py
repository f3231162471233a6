"""Every move in every state: where it leads, or that it is refused."""

from __future__ import annotations

import http.client
import itertools

import pytest

from mini_http.base.errors import StateError
from mini_http.exchange.states import MOVES, Move, State, after

LEGAL = [
    (State.CLOSED, Move.CONNECT, State.IDLE),
    (State.CLOSED, Move.CLOSE, State.CLOSED),
    (State.IDLE, Move.SEND, State.SENDING),
    (State.IDLE, Move.CLOSE, State.CLOSED),
    (State.SENDING, Move.GET_REPLY, State.REPLYING),
    (State.SENDING, Move.END_REPLY, State.IDLE),
    (State.SENDING, Move.SWITCH, State.SWITCHED),
    (State.SENDING, Move.CLOSE, State.CLOSED),
    (State.REPLYING, Move.END_REPLY, State.IDLE),
    (State.REPLYING, Move.CLOSE, State.CLOSED),
    (State.SWITCHED, Move.CLOSE, State.CLOSED),
]

ILLEGAL = [
    (State.CLOSED, Move.SEND, "can't send while the connection is closed"),
    (State.CLOSED, Move.GET_REPLY, "can't get reply while the connection is closed"),
    (State.CLOSED, Move.END_REPLY, "can't end reply while the connection is closed"),
    (State.CLOSED, Move.SWITCH, "can't switch while the connection is closed"),
    (State.IDLE, Move.CONNECT, "can't connect while the connection is idle"),
    (State.IDLE, Move.GET_REPLY, "can't get reply while the connection is idle"),
    (State.IDLE, Move.END_REPLY, "can't end reply while the connection is idle"),
    (State.IDLE, Move.SWITCH, "can't switch while the connection is idle"),
    (State.SENDING, Move.CONNECT, "can't connect while the connection is sending"),
    (State.SENDING, Move.SEND, "can't send while the connection is sending"),
    (State.REPLYING, Move.CONNECT, "can't connect while the connection is replying"),
    (State.REPLYING, Move.SEND, "can't send while the connection is replying"),
    (State.REPLYING, Move.GET_REPLY, "can't get reply while the connection is replying"),
    (State.REPLYING, Move.SWITCH, "can't switch while the connection is replying"),
    (State.SWITCHED, Move.CONNECT, "can't connect while the connection is switched"),
    (State.SWITCHED, Move.SEND, "can't send while the connection is switched"),
    (State.SWITCHED, Move.GET_REPLY, "can't get reply while the connection is switched"),
    (State.SWITCHED, Move.END_REPLY, "can't end reply while the connection is switched"),
    (State.SWITCHED, Move.SWITCH, "can't switch while the connection is switched"),
]


def test_the_rows_above_are_all_that_there_can_be():
    rows = [row[:2] for row in LEGAL + ILLEGAL]
    assert sorted(rows) == sorted(itertools.product(State, Move))


@pytest.mark.parametrize(("state", "move", "then"), LEGAL)
def test_a_legal_move_leads_to_a_state(state, move, then):
    assert after(state, move) is then


@pytest.mark.parametrize(("state", "move", "words"), ILLEGAL)
def test_an_illegal_move_is_refused_naming_move_and_state(state, move, words):
    with pytest.raises(StateError) as caught:
        after(state, move)
    assert str(caught.value) == words
    assert isinstance(caught.value, http.client.ImproperConnectionState)


def test_closing_is_always_legal_and_every_state_can_be_reached():
    assert all(after(state, Move.CLOSE) is State.CLOSED for state in State)
    assert {then for moves in MOVES.values() for then in moves.values()} == set(State)
