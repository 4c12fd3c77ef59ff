"""The repository of bulk decisions: the store's records, with the decisions of this run on top."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from commands.dispatch.dispatcher import Commands
from commands.dispatch.repository import StoreRepository, evolve_of, require_not_erased
from commands.store.identifiers import Identifiers
from domain.activities.interaction.events import Recorded
from domain.events.event import Event
from domain.kernel.aggregate import Aggregate, Evolve, replay
from domain.kernel.errors import NotFound

A = TypeVar("A", bound=Aggregate)

CACHED: Final = 50_000
"""Most records that are remembered from one call of the recorder to the next: imports name the same customers
and products again and again."""


class _Life:
    """A record's events that are decided; those already folded into `state`, by `evolve`, are dropped."""

    __slots__ = ("events", "evolve", "state")

    def __init__(self) -> None:
        self.state: Aggregate | None = None
        self.evolve: Evolve[Any] | None = None
        self.events: list[Event] = []

    def fold(self, evolve: Evolve[A]) -> A | None:
        """The record, None where it is of another kind than `evolve` folds."""
        if self.evolve not in (None, evolve):
            return None
        state = replay(evolve, cast("A | None", self.state), self.events)
        self.state, self.evolve = state, evolve
        self.events.clear()
        return state


class BulkRepository:
    """The repository of handlers in bulk. `stage` adds decisions, `keep` the recorded, `drop` the failed
    ones."""

    def __init__(self, commands: Commands, now: datetime) -> None:
        self._streams = commands.crm.streams
        self._stored = StoreRepository(commands.crm, commands.configuration, commands.identifiers, now)
        self._known: dict[UUID, _Life] = {}
        self._staged: dict[UUID, _Life] = {}
        self._absent: set[UUID] = set()

    @property
    def now(self) -> datetime:
        """When the run began."""
        return self._stored.now

    @property
    def identifiers(self) -> Identifiers:
        """What is derived by a key."""
        return self._stored.identifiers

    def configuration(self, kind: str) -> Any:
        """The configuration of that kind."""
        return self._stored.configuration(kind)

    def load(self, record_type: str, id: UUID) -> Any:
        """Returns the record's state after all decisions. Raises `NotFound`, `Erased`."""
        life = self._staged.get(id) or self._known.get(id)
        if life is None:
            life = _Life()
            life.state = self._stored.load(record_type, id)
            self._remember(id, life)
        found = life.fold(evolve_of(record_type))
        if found is None:
            raise NotFound(record_type, id)
        require_not_erased(record_type, found)
        return found

    def find(self, record_type: str, id: UUID) -> Any | None:
        """Returns the record's state after all decisions; None if it does not exist."""
        life = self._staged.get(id) or self._known.get(id)
        if life is not None:
            return life.fold(evolve_of(record_type))
        return None if id in self._absent else self._stored.find(record_type, id)

    def absent(self, ids: Iterable[UUID]) -> None:
        """Notes that these records do not exist, so that no decision looks them up again."""
        self._absent = set(ids)

    def preload(self, ids: Iterable[UUID]) -> None:
        """Reads those of the records that are not known yet, all at once."""
        unknown = [id for id in dict.fromkeys(ids) if id not in self._known and id not in self._staged]
        for id, events in self._streams(unknown).items() if unknown else ():
            life = self._known[id] = _Life()
            life.events += events

    def stage(self, id: UUID, events: Iterable[Event]) -> None:
        """Adds what is decided of a record, on top of what is known of it."""
        life = self._staged.get(id)
        if life is None:
            life = self._staged[id] = self._known.get(id) or _Life()
        life.events += events

    def staged(self, id: UUID) -> bool:
        """Whether something is decided of the record that is not recorded yet."""
        return id in self._staged

    def keep(self, id: UUID) -> None:
        """The record's events are recorded. Nobody names an interaction again: they would fill the memory."""
        life = self._staged.pop(id, None)
        if life is not None and not (life.events and isinstance(life.events[0].payload, Recorded)):
            self._remember(id, life)

    def drop(self, id: UUID) -> None:
        """The record's events are not recorded; what they were decided upon may be stale."""
        self._staged.pop(id, None)
        self._known.pop(id, None)

    def trim(self) -> None:
        """Bounds the memory. Never called between deciding and recording, which need the known states."""
        self._stored.reads.clear()  # what one batch stood on; a whole import's would fill the memory
        if len(self._known) >= CACHED:
            self._known.clear()

    def _remember(self, id: UUID, life: _Life) -> None:
        self._known[id] = life
