"""Lifecycles as data, and the one function that checks a move, for single commands and in bulk alike.

A table maps each state to its moves and each move to the state it leads to. Moves are verb phrases that
complete "it cannot ...", since a refusal is a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain.kernel.errors import MoveRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """The table of one kind of aggregate; `what` is its name in sentences."""

    record_type: str
    transitions: Mapping[str, Mapping[str, str]]


def check(table: Lifecycle, state: str, move: str) -> str:
    """The state that `move` leads to. Raises `MoveRefused`, which names state, move and what is allowed."""
    allowed = table.transitions[state]
    if move not in allowed:
        raise MoveRefused(record_type=table.record_type, state=state, move=move, allowed=tuple(allowed))
    return allowed[move]
