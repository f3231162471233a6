"""The table of a connection's states as Markdown, for docs/http-client.md.

It is made of MOVES and of the sentence that stands in the source under each state and each move. A
test holds the page to it; after a change of either, put into the page what this prints:

    python -m support.states
"""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING

from mini_http.base.errors import StateError
from mini_http.exchange import states
from mini_http.exchange.states import MOVES, Move, after, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mini_http.exchange.states import State


def state_table() -> str:
    """Three tables: what the states are, what the moves are, and which move leads where."""
    of_states, of_moves = sentences_of("State"), sentences_of("Move")
    return "\n".join(
        [
            _table(
                ["state", "what it is"],
                ([name_of(state), of_states[state.name]] for state in MOVES),
            ),
            _table(
                ["move", "what happens", "refused with"],
                ([name_of(move), of_moves[move.name], _error(move)] for move in Move),
            ),
            _table(
                ["from", *map(name_of, Move)],
                ([name_of(state), *_led_to_by(moves)] for state, moves in MOVES.items()),
            ),
        ]
    )


def sentences_of(enum: str) -> dict[str, str]:
    """What the source says under each member of an enum of `states`, on one line."""
    found = {}
    for definition in ast.parse(inspect.getsource(states)).body:
        if isinstance(definition, ast.ClassDef) and definition.name == enum:
            for member, words in zip(definition.body, definition.body[1:], strict=False):
                match member, words:
                    case ast.Assign([ast.Name(name)]), ast.Expr(ast.Constant(str(text))):
                        found[name] = " ".join(text.split())
    return found


def _led_to_by(moves: Mapping[Move, State]) -> list[str]:
    """The state that each move leads to, "" for one that is refused."""
    return [name_of(moves[move]) if move in moves else "" for move in Move]


def _error(move: Move) -> str:
    """What is raised for a move where it is not legal; "" if it always is."""
    for state, moves in MOVES.items():
        if move not in moves:
            try:
                after(state, move)
            except StateError as error:
                return f"`{type(error).__name__}`"
    return ""


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A table whose first column stands out; an empty cell is one blank."""
    marked = [[f"**{first}**", *others] for first, *others in rows]
    lines = [head, ["---"] * len(head), *marked]
    cells = [[f" {cell} " if cell else " " for cell in line] for line in lines]
    return "".join(f"|{'|'.join(line)}|\n" for line in cells)


if __name__ == "__main__":
    print(state_table(), end="")
