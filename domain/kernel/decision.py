"""The error of a missing decision."""

from __future__ import annotations


def undecided(command: object) -> TypeError:
    """Returns the error for a command that its record type lists but does not decide."""
    return TypeError(f"no decision for a {type(command).__name__}: add a case to the record's decide()")
