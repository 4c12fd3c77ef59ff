"""Consent at a time: every moment of the asked time against a fold of the contact up to that moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.customers.consent_history import ConsentHistory, as_json, consent_at
from commands.store.event_reader import StoredRow
from domain.customers.contact import events as contact_events
from domain.customers.contact import state as contact
from domain.customers.contact.consent_history import (
    Period,
    PointHistory,
    Span,
    Why,
    day,
    moment,
    point_histories,
    span,
    verdict,
)
from domain.events.catalogue import CATALOGUE
from domain.events.envelope import encode
from domain.events.event import SYSTEM, Event
from domain.kernel.aggregate import replay
from domain.kernel.as_of import AsOf
from domain.kernel.errors import Invalid, NotFound
from tests.support.memory import OpenCipher

CONTACT = UUID(int=1)
EMAIL, PHONE = UUID(int=2), UUID(int=3)
START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATER = 1000 * HOUR


def stream(*payloads: tuple[int, Any], recorded_after: timedelta = LATER) -> list[Event]:
    """A contact's events, each some hours after the start, recorded that much later."""
    born = contact_events.Registered(customer_id=UUID(int=9), name="Ada")
    return [
        Event(
            originator_id=CONTACT, originator_version=number, party=UUID(int=9), time=START + hours * HOUR,
            recorded=START + hours * HOUR + recorded_after, correlation=UUID(int=5), cause=None, actor=SYSTEM,
            payload=payload,
        )
        for number, (hours, payload) in enumerate([(0, born), *payloads], 1)
    ]  # fmt: skip


def added(point: UUID = EMAIL, kind: contact_events.PointKind = "email") -> contact_events.PointAdded:
    return contact_events.PointAdded(point_id=point, kind=kind, value="ada@example.org")


def allowed(
    until: int | None = None, purpose: str = "news", point: UUID = EMAIL
) -> contact_events.ConsentGiven:
    return contact_events.ConsentGiven(
        point_id=point, purpose=purpose, legal_basis="consent", source="form", double_opt_in=True,
        until=None if until is None else START + until * HOUR,
    )  # fmt: skip


def taken_back(point: UUID = EMAIL, purpose: str = "news") -> contact_events.ConsentWithdrawn:
    return contact_events.ConsentWithdrawn(point_id=point, purpose=purpose, source="mail")


def removed(point: UUID = EMAIL) -> contact_events.PointRemoved:
    return contact_events.PointRemoved(point_id=point)


class History:
    """A store with one contact."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events

    def history(self, id: UUID, as_of: AsOf) -> list[StoredRow]:
        """As `Crm.history`."""
        return [
            StoredRow(
                100 + event.originator_version, id, event.originator_version,
                CATALOGUE.of(event.payload).name, event.party, encode(event, CATALOGUE, OpenCipher()),
            )
            for event in as_of.of(self._events)
            if id == CONTACT
        ]  # fmt: skip


def asked(events: Sequence[Event], when: Span, purpose: str = "news", **more: Any) -> ConsentHistory:
    crm: Any = History(events)
    return consent_at(crm, more.pop("contact_id", CONTACT), purpose=purpose, span=when, **more)


def oracle(events: Sequence[Event], point: UUID, purpose: str, at: datetime) -> Why:
    """What a fold of everything up to that moment says."""
    state = replay(contact.evolve, None, [event for event in events if event.time <= at])
    assert state is not None
    found, consent = state.points.get(point), state.consents.get((point, purpose))
    if found is None:
        return "no_such_point"
    if found.removed:
        return "point_removed"
    if state.erased:
        return "erased"
    if consent is None:
        return "never_given"
    if consent.withdrawn is not None:
        return "withdrawn"
    return "consent" if consent.until is None or at < consent.until else "expired"


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Legal streams of two points and two purposes, many things at the same hour."""
    payloads: list[tuple[int, Any]] = []
    points: dict[UUID, bool] = {}
    given_for: set[tuple[UUID, str]] = set()
    hour = 0
    for what in draw(st.lists(st.integers(0, 9), max_size=14)):
        hour += draw(st.integers(0, 6))
        point = draw(st.sampled_from([EMAIL, PHONE]))
        purpose = draw(st.sampled_from(["news", "survey"]))
        if point not in points:
            points[point] = True
            payloads.append((hour, added(point, "email" if point == EMAIL else "phone")))
        elif what == 0 and points[point]:
            points[point] = False
            payloads.append((hour, removed(point)))
        elif what < 4 and (point, purpose) in given_for:
            given_for.discard((point, purpose))
            payloads.append((hour, taken_back(point, purpose)))
        elif points[point]:
            given_for.add((point, purpose))
            payloads.append((hour, allowed(draw(st.none() | st.just(hour + what)), purpose, point)))
    if draw(st.booleans()):
        payloads.append((hour + draw(st.integers(0, 6)), contact_events.Erased(erasure=UUID(int=6))))
    return stream(*payloads)


@given(histories(), st.integers(0, 40), st.integers(1, 40))
def test_every_moment_is_answered_as_a_fold_up_to_it_answers(
    events: list[Event], begin: int, length: int
) -> None:
    whole = Span(start=START + begin * HOUR, end=START + (begin + length) * HOUR)
    for point in point_histories(events, "news", whole):
        at = whole.start
        for period in point.periods:
            assert period.start == at < period.end, "periods follow on each other"
            at = period.end
        assert at == whole.end
        for quarter in range(length * 4):
            now = whole.start + quarter * HOUR / 4
            (period,) = [each for each in point.periods if each.start <= now < each.end]
            assert period.why == oracle(events, point.point_id, "news", now)
            alone = point_histories(events, "news", moment(now))
            (same,) = [each for each in alone if each.point_id == point.point_id]
            assert [(each.why, each.event) for each in same.periods] == [(period.why, period.event)]


@given(histories(), st.integers(0, 40))
def test_what_says_so_is_the_event_that_made_it_so(events: list[Event], hours: int) -> None:
    kinds: dict[Why, Any] = {
        "consent": contact_events.ConsentGiven,
        "expired": contact_events.ConsentGiven,
        "withdrawn": contact_events.ConsentWithdrawn,
        "point_removed": contact_events.PointRemoved,
        "erased": contact_events.Erased,
    }
    for point in point_histories(events, "news", moment(START + hours * HOUR)):
        (period,) = point.periods
        assert period.why in get_args(Why)
        if period.event is None:
            assert period.why in {"never_given", "no_such_point"}
        else:
            assert isinstance(period.event.payload, kinds[period.why])
            assert getattr(period.event.payload, "point_id", point.point_id) == point.point_id
            assert getattr(period.event.payload, "purpose", "news") == "news"
            assert period.event.time <= START + hours * HOUR


def test_a_consent_in_the_middle_of_a_day_allows_the_rest_of_it() -> None:
    events = stream((1, added()), (30, allowed()), (60, taken_back()))

    days = [asked(events, day(date(2026, 3, number))) for number in (1, 2, 3, 4)]

    assert [each.verdict for each in days] == ["refused", "partly", "partly", "refused"]
    second = as_json(days[1])["points"][0]["periods"]
    assert [(each["allowed"], each["why"], each["from"].hour) for each in second] == [
        (False, "never_given", 0),
        (True, "consent", 6),
    ]
    assert second[1]["event"] == {
        "id": f"{CONTACT}:3",
        "type": "crm.contact.consent_given",
        "position": 103,
        "time": START + 30 * HOUR,
        "recorded": START + 30 * HOUR + LATER,
        "by": SYSTEM.id,
        "legal_basis": "consent",
        "source": "form",
        "double_opt_in": True,
        "until": None,
    }
    assert asked(events, moment(START + 40 * HOUR)).verdict == "allowed"


def test_one_point_is_enough_and_a_channel_or_a_point_can_be_named() -> None:
    events = stream((0, added()), (0, added(PHONE, "phone")), (1, allowed(point=PHONE)))
    now = moment(START + 2 * HOUR)

    assert asked(events, now).verdict == "allowed"
    assert asked(events, now, channel="phone").verdict == "allowed"
    assert asked(events, now, point_id=EMAIL).verdict == "refused"
    mailed = asked(events, now, channel="email")
    assert (mailed.verdict, [point.point_id for point in mailed.points]) == ("refused", [EMAIL])
    assert asked(events, now, channel="social").points == ()
    assert asked(events, now, purpose="survey").verdict == "refused"


def test_what_was_recorded_later_was_not_known() -> None:
    events = stream((0, added()), (1, allowed()), (5, taken_back()))
    then = moment(START + 6 * HOUR)

    assert asked(events, then).verdict == "refused"
    assert asked(events, then, known_at=START + 4 * HOUR + LATER).verdict == "allowed"
    with pytest.raises(NotFound, match="contact point"):
        asked(events, then, known_at=START + LATER, point_id=PHONE)
    with pytest.raises(NotFound, match="contact"):
        asked(events, then, known_at=START)


def test_who_or_what_is_not_there_is_said() -> None:
    events = stream((0, added()))
    with pytest.raises(NotFound, match="contact with the id"):
        asked(events, moment(START), contact_id=UUID(int=77))
    with pytest.raises(NotFound, match="contact point"):
        asked(events, moment(START), point_id=PHONE)
    with pytest.raises(Invalid, match="purpose"):
        asked(events, moment(START), purpose=" ")


@pytest.mark.parametrize(
    ("on", "asked_for"),
    [
        ("2026-03-01", day(date(2026, 3, 1))),
        ("2026-03-01T02:00:00.5+02:00", moment(datetime(2026, 3, 1, 0, 0, 0, 500_000, UTC))),
        ("2026-03-01t00:00:00z", moment(START)),
    ],
)
def test_a_day_or_a_moment_can_be_named(on: str, asked_for: Span) -> None:
    assert span(on) == asked_for


@pytest.mark.parametrize(
    "on", ["", "today", "2026-02-30", "2026-03-01T00:00:00", "0001-01-01T00:00:00+23:59", "20260301", "1"]
)
def test_what_is_no_time_is_refused(on: str) -> None:
    with pytest.raises(Invalid, match="Name a day"):
        span(on)


def test_the_last_day_that_there_is_can_be_asked_for() -> None:
    assert day(date.max).end == moment(datetime.max.replace(tzinfo=UTC)).end


def test_the_best_point_decides() -> None:
    def point(*why: Why) -> PointHistory:
        periods = tuple(
            Period(start=START + n * HOUR, end=START + (n + 1) * HOUR, why=each, event=None)
            for n, each in enumerate(why)
        )
        return PointHistory(point_id=EMAIL, kind="email", periods=periods)

    assert verdict([]) == verdict([point("expired")]) == "refused"
    assert verdict([point("expired"), point("consent", "expired")]) == "partly"
    assert verdict([point("consent", "expired"), point("consent")]) == "allowed"
