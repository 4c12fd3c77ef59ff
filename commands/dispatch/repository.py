"""The store as a decision sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from commands.store.application import Crm
from commands.store.identifiers import Identifiers
from domain.kernel.aggregate import Evolve, is_erased
from domain.kernel.errors import ConcurrentChange, Erased
from domain.record_types import BY_NAME


class StoreRepository:
    """What the store holds. `expected` is the version that the record `target` must be at.

    `reads` has the version of every record that was read, 0 for one that is not there: what a decision stands
    on.
    """

    def __init__(
        self,
        crm: Crm,
        configuration: Mapping[str, Any],
        identifiers: Identifiers,
        now: datetime,
        *,
        target: UUID | None = None,
        expected: int | None = None,
    ) -> None:
        self._crm = crm
        self._configuration = configuration
        self._identifiers = identifiers
        self._now = now
        self._target = target
        self._expected = expected
        self.reads: dict[UUID, int] = {}

    @property
    def now(self) -> datetime:
        """When the command came in."""
        return self._now

    @property
    def identifiers(self) -> Identifiers:
        """What is derived by a key."""
        return self._identifiers

    def configuration(self, kind: str) -> Any:
        """The configuration of that kind. Raises `KeyError` for a kind that there is not."""
        return self._configuration[kind]

    def find(self, record_type: str, id: UUID) -> Any | None:
        """The record's state, None where it has no event."""
        found = self._crm.find(evolve_of(record_type), id)
        self.reads[id] = 0 if found is None else found.version
        return found

    def load(self, record_type: str, id: UUID) -> Any:
        """The record's state. Raises `NotFound`, `Erased`, and `ConcurrentChange` for a target at another
        version: before any decision, so that a caller with an old version gets that error and no consequence
        of it."""
        found = self._crm.load(record_type, evolve_of(record_type), id)
        self.reads[id] = found.version
        if id == self._target and self._expected is not None and found.version != self._expected:
            raise ConcurrentChange(id=id, expected=self._expected, found=found.version)
        require_not_erased(record_type, found)
        return found


def evolve_of(record_type: str) -> Evolve[Any]:
    """How a record of that type is folded."""
    evolve = BY_NAME[record_type].evolve
    assert evolve is not None, f"a {record_type} has no state"
    return evolve


def require_not_erased(record_type: str, state: Any) -> None:
    """Raises `Erased` for a person that was erased."""
    if BY_NAME[record_type].erase is not None and is_erased(state):
        raise Erased.record(record_type, state.id)
