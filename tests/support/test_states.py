"""The table of states that the manual shows is whole, and says what the code does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mini_http.exchange.states import MOVES, Move, State, name_of
from support.states import sentences_of, state_table

TABLES = [
    [line.strip("|").split("|") for line in table.splitlines()]
    for table in state_table().split("\n\n")
]


def rows(table: list[list[str]]) -> dict[str, list[str]]:
    """By their first cell, the others of each row below the head."""
    return {first.strip(" *"): [cell.strip() for cell in rest] for first, *rest in table[2:]}


def test_every_state_and_every_move_has_a_sentence() -> None:
    for enum in (State, Move):
        sentences = sentences_of(enum.__name__)
        assert list(sentences) == [member.name for member in enum]
        assert all(sentence.endswith(".") for sentence in sentences.values())


def test_the_tables_have_a_row_for_each() -> None:
    states, moves, leads = map(rows, TABLES)
    assert list(states) == list(leads) == [name_of(state) for state in MOVES]
    assert set(MOVES) == set(State)
    assert list(moves) == [name_of(move) for move in Move]


def test_a_cell_is_the_state_that_a_move_leads_to_or_empty() -> None:
    leads = rows(TABLES[2])
    for state, moves in MOVES.items():
        cells = leads[name_of(state)]
        assert cells == [name_of(moves[move]) if move in moves else "" for move in Move]


def test_a_move_is_shown_with_its_error_unless_it_is_always_legal() -> None:
    errors = {move: row[-1] for move, row in rows(TABLES[1]).items()}
    assert errors["start"] == "`CannotSendRequest`"
    assert errors["switch"] == "`StateError`"
    assert errors["close"] == ""


def test_the_table_is_printed_by_its_module() -> None:
    command = [sys.executable, "-m", "support.states"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True
    )
    assert done.stdout == state_table()
