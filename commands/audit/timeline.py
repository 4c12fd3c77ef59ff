"""A history as people read it: who did what, when, why, grouped by what caused it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from commands.audit.history import Histories, Scope, by_record
from commands.audit.replay import Difference, Fact, FieldChange, State, Step, plain, steps
from domain.events.catalogue import CATALOGUE
from domain.events.envelope import instant

REASONS: Final = ("reason", "code", "cause", "purpose", "legal_basis", "source")
"""The members of an event's open data that say why, where it has them."""

Names = Callable[[UUID], str | None]
"""A principal's name, where it may be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of business time, its start included and its end not; None is open."""

    start: datetime | None = None
    end: datetime | None = None

    def holds(self, fact: Fact) -> bool:
        """Whether the event happened in it."""
        time = fact.event.time
        return (self.start is None or time >= self.start) and (self.end is None or time < self.end)


ALWAYS: Final = Period()


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a history; `after`: the position behind which the next one begins, None at the end.

    `cut`: the last group goes on in the next page.
    """

    steps: tuple[Step, ...]
    after: int | None
    as_of: bool


@dataclass(frozen=True, slots=True)
class Group:
    """What one cause led to: all events of one correlation, in order; `cause` is the event outside the group
    that led to it, where there is one."""

    correlation: UUID
    cause: str | None
    steps: tuple[Step, ...]


def page_of(
    histories: Histories, scope: Scope, *, after: int, limit: int, period: Period = ALWAYS, full: bool
) -> Page:
    """The next `limit` events of the history in the period; `full`: with what each changed."""
    found: list[Fact] = []
    for row in histories.rows(scope, after, size=limit + 1):
        fact = histories.fact(row)
        if period.holds(fact):
            found.append(fact)
            if len(found) > limit:
                break
    shown, more = found[:limit], found[limit:]
    ends = shown[-1].position if more else None
    as_of = bool(more) and more[0].event.correlation == shown[-1].event.correlation
    if not full:
        return Page(tuple(Step(fact, ()) for fact in shown), ends, as_of)
    return Page(tuple(_with_changes(histories, shown)), ends, as_of)


def _with_changes(histories: Histories, shown: Sequence[Fact]) -> list[Step]:
    """What each event changed follows from all that its record had been through before."""
    if not shown:
        return []
    records = {fact.event.originator_id for fact in shown}
    before = [histories.fact(row) for row in histories.streams(sorted(records), shown[-1].position)]
    known = {step.fact.position: step for facts in by_record(before).values() for step in steps(facts)}
    return [known[fact.position] for fact in shown]


def grouped(found: Sequence[Step]) -> list[Group]:
    """The events by what caused them, in the order of each group's first."""
    by_correlation: dict[UUID, list[Step]] = {}
    for step in found:
        by_correlation.setdefault(step.fact.event.correlation, []).append(step)
    return [
        Group(correlation, _cause(members), tuple(members)) for correlation, members in by_correlation.items()
    ]


def _cause(members: Sequence[Step]) -> str | None:
    own = {step.fact.event.id for step in members}
    causes = (step.fact.event.cause for step in members)
    return next((cause for cause in causes if cause is not None and cause not in own), None)


def reasons(fact: Fact) -> dict[str, str]:
    """Why, in codes: what the event itself says of it, without words that are private."""
    data, _ = CATALOGUE.split(fact.event)
    return {name: str(data[name]) for name in REASONS if isinstance(data.get(name), str)}


def data_of(fact: Fact) -> dict[str, Any]:
    """The event's data as JSON; private values in clear or withheld, as the event has them."""
    data, parts = CATALOGUE.split(fact.event)
    private: dict[str, Any] = dict(parts.texts)
    for fields in parts.persons.values():
        private |= fields
    return data | {name: plain(value) for name, value in private.items()}


def event_json(fact: Fact, names: Names | None = None) -> dict[str, Any]:
    """What every answer says of an event: where it stands, what it is, who, when, why, and its cause."""
    event = fact.event
    actor: dict[str, Any] = {"id": str(event.actor.id), "kind": event.actor.kind}
    if names is not None:
        actor["name"] = names(event.actor.id)
    return {
        "id": event.id,
        "position": fact.position,
        "type": fact.type,
        "kind": fact.family,
        "record": str(event.originator_id),
        "version": event.originator_version,
        "time": instant(event.time),
        "recorded": instant(event.recorded),
        "actor": actor,
        "reasons": reasons(fact),
        "cause": event.cause,
        "correlation": str(event.correlation),
    }


def step_json(step: Step, names: Names | None = None) -> dict[str, Any]:
    """An event with what it changed."""
    return event_json(step.fact, names) | {"changes": [change_json(each) for each in step.changes]}


def change_json(change: FieldChange) -> Mapping[str, Any]:
    """One field before and after."""
    return {"field": change.field, "before": change.before, "after": change.after}


def group_json(group: Group, names: Names | None = None, *, full: bool) -> dict[str, Any]:
    """A group with its events; `full`: with what each changed."""
    first = event_json(group.steps[0].fact, names)
    return {
        "correlation": str(group.correlation),
        "cause": group.cause,
        "time": first["time"],
        "recorded": first["recorded"],
        "actor": first["actor"],
        "events": [step_json(step, names) if full else event_json(step.fact, names) for step in group.steps],
    }


def difference_json(each: Difference, names: Names | None = None) -> dict[str, Any]:
    """One field before and after, and the events that changed it, the last of which made it what it is."""
    return {
        "field": each.field,
        "before": each.before,
        "after": each.after,
        "events": [event_json(fact, names) for fact in each.facts],
    }


def state_json(found: State) -> dict[str, Any]:
    """A record at a moment: the event that it stands behind, and its fields."""
    event = found.fact.event
    return {
        "kind": found.kind,
        "id": str(event.originator_id),
        "version": event.originator_version,
        "event": event.id,
        "position": found.fact.position,
        "time": instant(event.time),
        "recorded": instant(event.recorded),
        "state": found.fields,
    }
