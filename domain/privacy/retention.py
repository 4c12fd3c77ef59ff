"""Retention: how long free texts of a kind are kept, and which months are closed for good.

Each kind and month (UTC) of an event's time has a key; destroying it closes the texts. A month is closed once
it ended longer ago than the kind is kept. One stream, whose id is its party, lists all closed months: a
restore reads it and closes them again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints
from uuid import UUID

from domain.events.event import Event
from domain.events.private import METADATA, FreeText
from domain.events.registry import EventType
from domain.kernel.aggregate import Aggregate
from domain.kernel.errors import Invalid, NotFound
from domain.kernel.record_type import RecordType
from domain.kernel.text import quoted

STREAM: Final = UUID("5d0c1f7e-90a5-4c35-8b2f-3b6d2f0c7a11")
"""The one stream of all retention."""

_AGE: Final = re.compile(r"([1-9][0-9]{0,3}) (month|year)s?")
_MONTHS: Final = {"month": 1, "year": 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionApplied:
    """`crm.privacy.retention_applied`: the texts of this kind and month (`YYYY-MM`) are closed for good."""

    kind: str
    month: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closings(Aggregate):
    """Everything that was closed: kinds and months, in the order of closing."""

    applied: tuple[tuple[str, str], ...]


def evolve(state: Closings | None, event: Event) -> Closings:
    """Returns what is closed after `event`. Raises `NotFound` if the stream is another one."""
    payload = event.payload
    if not isinstance(payload, RetentionApplied):
        raise NotFound("retention", event.originator_id)
    closed = (payload.kind, payload.month)
    if state is None:
        return Closings(
            id=event.originator_id,
            version=event.originator_version,
            party=event.party,
            time=event.time,
            recorded=event.recorded,
            applied=(closed,),
        )
    return replace(
        state,
        version=event.originator_version,
        time=event.time,
        recorded=event.recorded,
        applied=(*state.applied, closed),
    )


Rules = Mapping[str, int]
"""The months for which the texts of a kind are kept after the end of their month."""


def parse(document: Mapping[str, Any], kinds: Iterable[str]) -> Rules:
    """Returns the rules of a parsed TOML document, `{"keep": {kind: "24 months"}}`, for these kinds of text.

    Raises `Invalid` with a sentence that names the rule and what is wrong with it.
    """
    strange = set(document) - {"keep"}
    keep = document.get("keep", {})
    if strange or not isinstance(keep, Mapping):
        raise Invalid("There is one table, [keep], with a kind and an age on each line. Put all into it.")
    known = sorted(kinds)
    rules = {}
    for kind, age in keep.items():
        if kind not in known:
            raise Invalid(f"There is no kind of text {quoted(kind)}. The kinds are: {', '.join(known)}.")
        found = _AGE.fullmatch(age) if isinstance(age, str) else None
        if found is None:
            raise Invalid(f'The rule for {kind} names no age. Write it like "24 months" or "2 years".')
        rules[kind] = int(found[1]) * _MONTHS[found[2]]
    return rules


def is_due(month: str, months: int, as_of: date) -> bool:
    """Whether the month (`YYYY-MM`) ended `months` or more before the day `as_of`.

    A month ends with its last day; texts kept 24 months are closed from the first day of the 25th month on.
    """
    year, number = month.split("-")
    return int(year) * 12 + int(number) + months <= as_of.year * 12 + as_of.month - 1


def kinds(payloads: Iterable[type[Any]]) -> dict[str, frozenset[type[Any]]]:
    """Returns every retention kind of these payload classes, with the classes whose texts have it."""
    found: dict[str, set[type[Any]]] = {}
    for payload in payloads:
        for kind in _kinds_of(payload):
            found.setdefault(kind, set()).add(payload)
    return {kind: frozenset(classes) for kind, classes in sorted(found.items())}


def _kinds_of(payload: type[Any]) -> set[str]:
    marks: list[FreeText] = [
        field.metadata[METADATA]
        for field in payload.__dataclass_fields__.values()
        if isinstance(field.metadata.get(METADATA), FreeText)
    ]
    found = set()
    for mark in marks:
        if mark.kind_of is None:
            found.add(mark.kind)
            continue
        named = get_type_hints(payload)[mark.kind_of]
        assert get_origin(named) is Literal, f"{payload.__name__}.{mark.kind_of} names no kinds"
        found |= {f"{mark.kind}-{value}" for value in get_args(named)}
    return found


EVENTS: Final = (EventType("crm.privacy.retention_applied", RetentionApplied),)

RETENTION: Final = RecordType(
    name="retention",
    plural="retentions",
    area="privacy",
    events=EVENTS,
    state=Closings,
    evolve=evolve,
)
