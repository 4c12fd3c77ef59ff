"""Trees of records: parents of organisations, managers of principals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from domain.kernel.errors import Invalid

MAX_LEVELS: Final = 50
"""Most levels of parents or managers."""


def refuse_cycle(
    record_type: str, of: UUID | None, start: UUID, above: Callable[[UUID], UUID | None]
) -> None:
    """Refuses to put `start` above `of` if it stands below it, or if that makes too many levels."""
    current: UUID | None = start
    for _ in range(MAX_LEVELS):
        if current is None:
            return
        if current == of:
            raise Invalid(
                f"The {record_type} {start} stands below {of} and cannot stand above it. Name another one."
            )
        current = above(current)
    raise Invalid(f"There would be more than {MAX_LEVELS} levels above {of}. Name one nearer to the top.")
