"""What all decisions share."""

from __future__ import annotations


def undecided(command: object) -> TypeError:
    """The defect of a command that is listed with a record type and has no decision there."""
    return TypeError(f"no decision for a {type(command).__name__}: add a case to the record's decide()")
