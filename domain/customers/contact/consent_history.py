"""What a contact allowed at a time, by contact point and period, and the event that says so.

A query is about a whole day, within which a consent may begin and end, or about one moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from uuid import UUID

from domain.customers.contact.events import (
    ConsentGiven,
    ConsentWithdrawn,
    Erased,
    PointAdded,
    PointKind,
    PointRemoved,
)
from domain.events.event import Event
from domain.kernel.errors import Invalid

Why = Literal["consent", "never_given", "withdrawn", "expired", "point_removed", "erased", "no_such_point"]
Verdict = Literal["allowed", "refused", "partly"]

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT_TEXT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_MOMENT: Final = timedelta(microseconds=1)
"""The step of an event's times: a moment is the time from it to the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time of a query, from `start` (included) to `end` (excluded), both UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A part of the queried time in which one thing holds.

    `event` says so: the consent that allows or has run out, its withdrawal, the removal of the point, the
    erasure of the person. It is None where no consent was ever given.
    """

    start: datetime
    end: datetime
    why: Why
    event: Event | None

    @property
    def allowed(self) -> bool:
        """Whether the contact point could be used for the purpose."""
        return self.why == "consent"


@dataclass(frozen=True, slots=True, kw_only=True)
class PointHistory:
    """One contact point over the queried time; the periods follow one another without gaps."""

    point_id: UUID
    kind: PointKind
    periods: tuple[Period, ...]

    @property
    def verdict(self) -> Verdict:
        """allowed: all the time; partly: some of it; else refused."""
        found = {period.allowed for period in self.periods}
        return "partly" if len(found) > 1 else "allowed" if found == {True} else "refused"


def day(on: date) -> Span:
    """The whole day, by UTC."""
    start = datetime.combine(on, time(), UTC)
    return _span(start, timedelta(days=1))


def moment(at: datetime) -> Span:
    """One moment."""
    return _span(at, _MOMENT)


def _span(start: datetime, length: timedelta) -> Span:
    """Stops at the last moment that Python's calendar has."""
    return Span(start=start, end=start + min(length, datetime.max.replace(tzinfo=UTC) - start))


def span(on: str) -> Span:
    """Returns the day or the moment that a text names. Raises `Invalid`."""
    unclear = Invalid(
        "The time is neither a day nor a moment. Name a day, such as 2026-03-01 (by UTC), or a moment with "
        "its zone, "
        "such as 2026-03-01T09:30:00Z."
    )
    try:
        if _DAY.fullmatch(on):
            return day(date.fromisoformat(on))
        if _MOMENT_TEXT.fullmatch(on):
            return moment(datetime.fromisoformat(on.upper()).astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise unclear from error
    raise unclear


def verdict(points: Iterable[PointHistory]) -> Verdict:
    """The contact's verdict: that of its best point, since one point is enough to reach it."""
    found = {point.verdict for point in points}
    return "allowed" if "allowed" in found else "partly" if "partly" in found else "refused"


def point_histories(events: Sequence[Event], purpose: str, asked: Span) -> tuple[PointHistory, ...]:
    """Returns every contact point that `events` (the contact's stream, as far as known) added, in order."""
    return tuple(
        PointHistory(
            point_id=event.payload.point_id,
            kind=event.payload.kind,
            periods=tuple(_within(asked, list(_steps(event, events, purpose)))),
        )
        for event in events
        if isinstance(event.payload, PointAdded)
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """What holds from `time` until the next step."""

    time: datetime
    why: Why
    event: Event | None


def _steps(added: Event, events: Iterable[Event], purpose: str) -> Iterator[_Step]:
    """What held of one point, from its addition on, in order."""
    point: UUID = added.payload.point_id
    yield _Step(added.time, "never_given", None)
    given: Event | None = None
    for event in events:
        payload = event.payload
        match payload:
            case ConsentGiven() | ConsentWithdrawn() if (payload.point_id, payload.purpose) == (
                point,
                purpose,
            ):
                yield from _expiry(given, event.time)
                taken_back = isinstance(payload, ConsentWithdrawn)
                given = None if taken_back else event
                yield _Step(event.time, "withdrawn" if taken_back else "consent", event)
            case PointRemoved() if payload.point_id == point:
                yield from _expiry(given, event.time)
                yield _Step(event.time, "point_removed", event)
                return  # later events cannot bring it back into use
            case Erased():
                yield from _expiry(given, event.time)
                yield _Step(event.time, "erased", event)
                return
            case _:
                pass
    yield from _expiry(given, None)


def _expiry(given: Event | None, before: datetime | None) -> Iterator[_Step]:
    """The end of a consent that runs out, unless something else ends it earlier."""
    until = None if given is None else given.payload.until
    if until is not None and (before is None or until < before):
        yield _Step(until, "expired", given)


def _within(asked: Span, steps: Sequence[_Step]) -> Iterator[Period]:
    """Returns the periods of the steps inside the queried time, with the time before the first step."""
    start = asked.start
    why: Why = "no_such_point"
    event: Event | None = None
    for step in (*steps, None):
        end = asked.end if step is None else min(step.time, asked.end)
        if end > start:
            yield Period(start=start, end=end, why=why, event=event)
            start = end
        if step is not None:
            why, event = step.why, step.event
