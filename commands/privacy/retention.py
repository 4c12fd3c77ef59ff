"""Closes free texts that were kept long enough: the key of their kind and month is destroyed, for good.

The event comes first and the key after it: what is recorded is done, if need be by the next run, or after a
restore that brought the key back (`reapply`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Protocol
from uuid import UUID

from commands.dispatch.acts import record
from commands.privacy.holds import HoldPlacedMeanwhile, active, newest, unless_placed
from commands.privacy.keys import PostgresKeyStore, Retention
from commands.privacy.person import People
from commands.store.application import Crm
from commands.store.pool import Pool
from commands.store.privacy_events import PrivacyEvents
from domain.events.catalogue import CATALOGUE
from domain.events.event import Actor
from domain.kernel.errors import Invalid
from domain.privacy import retention
from domain.privacy.retention import STREAM, Closings, RetentionApplied, Rules
from domain.record_types import BY_FAMILY, PERSONS

# Read through, by types, since no index knows of texts. No value looks like the mark: its quotes are escaped.
# For an event without a text the expression yields no kind and month.
_EVENTS: Final = """
    SELECT split_part(
               encode(substring(event FROM position('"retention":"'::bytea IN event) + 13 FOR 60), 'escape'),
               '"', 1) AS retention, count(*)
      FROM store.event WHERE type = ANY (%s) GROUP BY retention
"""
# In any way about them: their record, their party, they take part, or it is linked to them.
_WHOSE_DATA: Final = """
    SELECT DISTINCT split_part(
               encode(substring(event FROM position('"retention":"'::bytea IN event) + 13 FOR 60), 'escape'),
               '"', 1), held
      FROM store.event, unnest(%s::uuid[]) AS held
     WHERE type = ANY (%s) AND position(held::text::bytea IN event) > 0
"""


class Hold(Protocol):
    """A legal hold: on a record (`party`), or on a kind of text, of one month or of all."""

    @property
    def id(self) -> UUID: ...
    @property
    def party(self) -> UUID | None: ...
    @property
    def kind(self) -> str | None: ...
    @property
    def month(self) -> str | None: ...
    @property
    def reference(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A kind and month whose texts were kept long enough: events that have some, and the holds that postpone
    it."""

    kind: str
    month: str
    events: int
    holds: tuple[Hold, ...]


KINDS: Final = retention.kinds(kind.payload for kind in CATALOGUE.types)
"""Every kind of free text, with the payloads that have it."""


Whose = Callable[[UUID], Collection[UUID]]
"""All parties and persons whose texts a hold on that record keeps, it among them."""


def plan(
    rules: Rules,
    as_of: date,
    *,
    keys: PostgresKeyStore,
    store: Pool,
    holds: Sequence[Hold],
    whose: Whose,
) -> tuple[Due, ...]:
    """What is due on that day, sorted by kind and month. Changes nothing.

    Where something is due, the store's events of those types are read through once to count them, and once
    more where somebody's data are held. Raises what `whose` raises.
    """
    due = [
        name
        for name in keys.retention_months("active")
        if name.kind in rules and retention.is_due(name.month, rules[name.kind], as_of)
    ]
    if not due:
        return ()
    events = _counted(store, due)
    on_hold = {hold.party: frozenset(whose(hold.party)) for hold in holds if hold.party is not None}
    theirs = _held(store, due, frozenset[UUID]().union(*on_hold.values())) if on_hold else {}

    def postpones(hold: Hold, name: Retention) -> bool:
        if hold.party is not None:
            return not on_hold[hold.party].isdisjoint(theirs.get(_text(name), ()))
        return hold.kind == name.kind and hold.month in (None, name.month)

    return tuple(
        Due(
            kind=name.kind,
            month=name.month,
            events=events.get(_text(name), 0),
            holds=tuple(hold for hold in holds if postpones(hold, name)),
        )
        for name in due
    )


def concerned(crm: Crm, people: Callable[[], People], id: UUID) -> frozenset[UUID]:
    """`Whose` of a hold on the record `id`: the whole person, an organisation with its contacts, else the
    record itself. Raises what `People.find` raises."""
    events = PrivacyEvents(crm.pool)
    family = events.families([id]).get(id, "")
    if family not in {each.family for each in PERSONS}:
        return frozenset({id})
    try:
        person = people().find(BY_FAMILY[family].name, id)
    except Invalid:  # an organisation
        return frozenset({id, *events.contacts_of([id])})
    return frozenset({id, *person.keys, *person.incoming})


def close(
    rules: Rules, as_of: date, *, keys: PostgresKeyStore, crm: Crm, whose: Whose, actor: Actor
) -> tuple[Due, ...]:
    """Closes what is due on that day and what no hold postpones; everything that was due.

    Where a hold is placed meanwhile, what is left is looked at again. Raises as `plan` does.
    """
    told: dict[tuple[str, str], Due] = {}
    while True:
        placed = newest(crm)
        due = plan(rules, as_of, keys=keys, store=crm.pool, holds=active(crm), whose=whose)
        told |= {(one.kind, one.month): one for one in due}
        try:
            for one in due:
                if not one.holds:
                    _close(one, placed, crm, keys, actor)
        except HoldPlacedMeanwhile:
            continue
        return tuple(told[name] for name in sorted(told))


def _close(one: Due, placed: int, crm: Crm, keys: PostgresKeyStore, actor: Actor) -> None:
    payload = RetentionApplied(kind=one.kind, month=one.month)

    def decide(state: Closings | None) -> RetentionApplied | None:
        known = state is not None and (payload.kind, payload.month) in state.applied
        return None if known else payload

    record(crm, retention.evolve, STREAM, decide, actor, guard=unless_placed(placed))
    keys.destroy(Retention(one.kind, one.month))


def reapply(crm: Crm, keys: PostgresKeyStore) -> tuple[Retention, ...]:
    """Destroys the keys of all that was closed and has one, or could be given one, after a restore of older
    keys; which they were. Cheap: one stream and one look at the keys. Does nothing where all is as it was."""
    state = crm.find(retention.evolve, STREAM)
    if state is None:
        return ()
    destroyed = set(keys.retention_months("destroyed"))
    back = tuple(name for name in map(Retention._make, state.applied) if name not in destroyed)
    for name in back:
        keys.destroy(name)
    return back


def types_of(kinds: Iterable[str]) -> list[str]:
    """Returns the types of events that can have a free text of one of these kinds; empty for an unknown
    kind."""
    payloads: set[type[Any]] = {payload for kind in kinds for payload in KINDS.get(kind, ())}
    return [kind.name for kind in CATALOGUE.types if kind.payload in payloads]


def _counted(store: Pool, due: Sequence[Retention]) -> dict[str, int]:
    with store.connection() as opened, opened.cursor() as c:
        c.execute(_EVENTS, (types_of(name.kind for name in due),))
        return dict(c.fetchall())


def _held(store: Pool, due: Sequence[Retention], persons: Iterable[UUID]) -> dict[str, set[UUID]]:
    """Who of them has a text of which kind and month."""
    found: dict[str, set[UUID]] = {}
    with store.connection() as opened, opened.cursor() as c:
        c.execute(_WHOSE_DATA, (sorted(persons), types_of(name.kind for name in due)))
        for text, person in c.fetchall():
            found.setdefault(text, set()).add(person)
    return found


def _text(name: Retention) -> str:
    return f"{name.kind}/{name.month}"
