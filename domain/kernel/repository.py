"""All that a decision may read: other records, the configuration in force, the clock's time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


class Repository(Protocol):
    """Records by record type and id, as they are now. It notes each read, since the decision depends on
    it."""

    @property
    def now(self) -> datetime:
        """The clock's time when the command came in, UTC."""
        ...

    def configuration(self, kind: str) -> Any:
        """Returns the configuration of that kind that is in force: `pipelines`, `reasons`."""
        ...

    def load(self, record_type: str, id: UUID) -> Any:
        """Returns the record's state. Raises `NotFound`, also for a record of another type, and `Erased`."""
        ...

    def find(self, record_type: str, id: UUID) -> Any | None:
        """Returns the record's state; None without events."""
        ...
