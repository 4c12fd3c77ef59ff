"""Lifecycles as data, and the one function that checks a transition, for single commands and in bulk.

A table maps each state to its transitions and each transition to the state it leads to. A transition's name
is a verb phrase that completes "it cannot ...", since a refusal is a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain.kernel.errors import MoveRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """The transition table of one record type: by state, the transitions and the states they lead to."""

    record_type: str
    transitions: Mapping[str, Mapping[str, str]]


def check(table: Lifecycle, state: str, transition: str) -> str:
    """Returns the state that `transition` leads to. Raises `MoveRefused`, which lists what is allowed."""
    allowed = table.transitions[state]
    if transition not in allowed:
        raise MoveRefused(record_type=table.record_type, state=state, move=transition, allowed=tuple(allowed))
    return allowed[transition]
