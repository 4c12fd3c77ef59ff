"""Erases a person: the records say so, the keys are destroyed, the blind index is emptied.

    the records and the erasure are recorded, all together: from then on no command touches them
    -> the keys are destroyed -> the blind index is emptied -> that the keys are destroyed is recorded

Killed at any moment it goes on from the events: `resume`. Every step may be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from commands.dispatch.context import Context
from commands.dispatch.decision import Decision, RecordChange, events_of
from commands.privacy.cipher import AesGcmCipher
from commands.privacy.holds import HoldPlacedMeanwhile, OnHold, active, newest, unless_placed
from commands.privacy.person import People, Person
from commands.privacy.retention import types_of
from commands.privacy.tombstones import Tombstones
from commands.store.application import Crm
from commands.store.contact_index import ContactIndex
from commands.store.privacy_events import PrivacyEvents
from domain.events.catalogue import CATALOGUE
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import ConcurrentChange, NotFound
from domain.privacy import erasure
from domain.privacy.erasure import Erasure
from domain.record_types import PERSONS, person

MAX_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureResult:
    """An erasure that is done, but for its certificate. `position`: a read that has passed it shows nothing
    personal."""

    id: UUID
    parties: tuple[UUID, ...]
    persons: tuple[UUID, ...]
    position: int
    repeated: bool = False


class Erasures:
    """Erases in the store of `crm`; `people` finds who a person is.

    `failpoint` is called with the step just done, for tests: "planned", "recorded", "some destroyed" (after
    each batch of keys), "destroyed", "forgotten", "noted".
    """

    def __init__(
        self,
        crm: Crm,
        people: People,
        tombstones: Tombstones,
        index: ContactIndex,
        cipher: AesGcmCipher,
        *,
        failpoint: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._crm, self.people, self._tombstones = crm, people, tombstones
        self._index, self._cipher, self.failpoint = index, cipher, failpoint
        self._events = PrivacyEvents(crm.pool)

    def plan(self, kind: str, id: UUID) -> Person:
        """Who would be erased. Raises `NotFound`, `Invalid`, `OnHold`."""
        person = self.people.find(kind, id)
        self._refuse_held(person)
        return person

    def erase(
        self,
        kind: str,
        id: UUID,
        *,
        reason: str,
        legal_basis: str,
        reference: str | None,
        context: Context,
    ) -> ErasureResult:
        """Erases the person that the record belongs to; for a person erased before it returns the earlier
        result.

        Raises `NotFound`, `Invalid`, `OnHold`, and `ConcurrentChange` where others keep changing the records.
        """
        before = self.erasure_of(kind, id)
        if before is not None:
            return replace(self.finish(before, context), repeated=True)
        left = MAX_ATTEMPTS
        while True:
            newest_hold = newest(self._crm)
            person = self.plan(kind, id)
            self.failpoint("planned")
            begun = erasure.begin(
                parties=person.parties,
                persons=person.keys,
                reason=reason,
                legal_basis=legal_basis,
                reference=reference,
            )
            new = context.new_id()
            first = RecordChange(id=new, party=new, state=None, payloads=(begun,), at=None)
            events = events_of(Decision(changes=(first,)), context)
            told = replace(context, cause=events[0].id)
            records = [*person.customers, *person.contacts, *person.leads]
            events += events_of(_erased(records, new), told)
            try:
                self._crm.record(events, guard=unless_placed(newest_hold))
            except HoldPlacedMeanwhile:
                continue
            except ConcurrentChange:
                left -= 1
                if not left:
                    raise
                continue
            self.failpoint("recorded")
            return self.finish(new, told)

    def erasure_of(self, kind: str, id: UUID) -> UUID | None:
        """The erasure that this record names, None while it was not erased. Raises `NotFound`."""
        events = self._crm.streams([id]).get(id, [])
        record_type = person(kind)
        if not events or CATALOGUE.of(events[0].payload).family != record_type.family:
            raise NotFound(kind, id)
        last = events[-1].payload
        return last.erasure if CATALOGUE.of(last) == record_type.erased_event else None

    def finish(self, id: UUID, context: Context) -> ErasureResult:
        """Finishes an erasure; a second call changes nothing. Raises `NotFound`."""
        state = self._crm.load("erasure", erasure.evolve, id)
        cause = replace(context, cause=f"{id}:1")
        persons = {*state.persons, *self._late_contacts(state, cause)}
        self._tombstones.destroy(sorted(persons), lambda: self.failpoint("some destroyed"))
        self._cipher.forget()
        self.failpoint("destroyed")
        self._index.forget(sorted(persons))
        self.failpoint("forgotten")
        while (state := self._crm.load("erasure", erasure.evolve, id)).state == "begun" or not (
            persons <= set(state.persons)
        ):
            done = erasure.KeysDestroyed(persons=tuple(sorted(persons)))
            try:
                self._crm.record(events_of(Decision(changes=(_change(state, (done,)),)), cause))
            except ConcurrentChange:
                continue  # another one that goes on with it was faster: what it recorded is read now
        self.failpoint("noted")
        return ErasureResult(
            id=id,
            parties=state.parties,
            persons=state.persons,
            position=self._events.last_position((id, *state.persons)),
        )

    def resume(self, context: Context) -> list[UUID]:
        """Finishes every erasure that was begun; their ids."""
        unfinished = self._events.unfinished()
        for id in unfinished:
            self.finish(id, context)
        return unfinished

    def erased(self) -> list[UUID]:
        """Everybody who was erased."""
        return self._events.erased_persons()

    def again(self) -> list[UUID]:
        """Destroys keys that came back, as by a restore, and empties the index; whose keys those were."""
        persons = self._events.erased_persons()
        back = self._tombstones.open(persons)
        self._tombstones.destroy(back)
        self._cipher.forget()  # also what another process has destroyed
        self._index.forget(persons)
        return back

    def _late_contacts(self, state: Erasure, context: Context) -> set[UUID]:
        """Erases contacts that were registered by commands under way when it began; whose they are."""
        late = [each for each in self.people.contacts(state.parties) if not each.erased]
        while late:
            try:
                self._crm.record(events_of(_erased(late, state.id), context))
                return {each.id for each in late}
            except ConcurrentChange:
                late = [each for each in self.people.contacts(state.parties) if not each.erased]
        return set()

    def _refuse_held(self, person: Person) -> None:
        holds = active(self._crm)
        firms = [each.customer_id for each in person.contacts] + [each.customer_id for each in person.leads]
        mine = {*person.keys, *person.parties, *firms}
        records = {each.party: each for each in holds if each.party is not None}
        for party in sorted(records):
            if party in mine:
                raise OnHold(records[party], f"The person of {party}")
        for id in self._events.concerning(records, person.parties, person.keys) if records else ():
            raise OnHold(records[id], f"The record {id} of the person")
        kinds = [each for each in holds if each.kind is not None]
        types = types_of(each.kind for each in kinds if each.kind is not None)
        for retention in sorted(self._events.retentions_of(types, person.keys)) if types else ():
            kind, _, month = retention.rpartition("/")
            for each in kinds:
                if each.covers(kind, month):
                    raise OnHold(each, f"A text of the person ({kind}, {month})")


def _erased(records: Sequence[Aggregate], by: UUID) -> Decision:
    return Decision(changes=tuple(_change(each, _payloads(each, by)) for each in records))


def _payloads(state: Aggregate, by: UUID) -> Iterable[Any]:
    record_type = next(each for each in PERSONS if each.state is type(state))
    assert record_type.erase is not None, "it is a person"
    return record_type.erase(state, by)


def _change(state: Aggregate, payloads: Iterable[Any]) -> RecordChange:
    return RecordChange(id=state.id, party=state.party, state=state, payloads=tuple(payloads), at=None)
