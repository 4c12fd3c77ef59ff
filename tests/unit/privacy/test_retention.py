"""Retention: which months are over for their kind, and what the rules may say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.privacy.retention import KINDS
from domain.activities.interaction import events as interaction
from domain.events.event import SYSTEM, Event
from domain.kernel.errors import Invalid, NotFound
from domain.privacy import key_rotation as rotation
from domain.privacy import retention
from domain.privacy.retention import RetentionApplied, is_due, parse
from domain.service.case import events as case

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def later(day: date, months: int) -> date:
    """The first day of the month that comes so many months after that of `day`."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


@given(MOMENTS, st.integers(1, 400), st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_a_text_is_closed_exactly_when_its_months_end_is_older_than_the_age(
    written: datetime, months: int, as_of: date
) -> None:
    """Given a text of any moment and an age, when it is looked at on any day, then it is closed exactly from
    the day on which its month, counted from its end, is that old; never before the text itself is."""
    end = later(written.date(), 1)
    closed = is_due(f"{written:%Y-%m}", months, as_of)
    assert closed == (as_of >= later(end, months))
    if closed:
        assert later(written.date(), months) <= as_of
    assert not is_due(f"{written:%Y-%m}", months, later(end, months) - timedelta(days=1))
    assert is_due(f"{written:%Y-%m}", months, later(end, months))


def test_the_example_of_the_handbook() -> None:
    """Given chats kept 24 months, then those of January 2024 are closed from 1 February 2026 on."""
    assert not is_due("2024-01", 24, date(2026, 1, 31))
    assert is_due("2024-01", 24, date(2026, 2, 1))


def test_rules_are_read() -> None:
    """Given rules in months and years, when they are read, then all are in months; none at all is fine."""
    keep = {"interaction-chat": "24 months", "case": "2 years", "lead": "1 month", "opportunity": "1 year"}
    assert parse({"keep": keep}, KINDS) == {
        "interaction-chat": 24, "case": 24, "lead": 1, "opportunity": 12,
    }  # fmt: skip
    assert parse({}, KINDS) == {}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"keep": {"chat": "24 months"}}, "no kind of text 'chat'.*interaction-chat"),
        ({"keep": {"case": "24"}}, "rule for case names no age"),
        ({"keep": {"case": "0 months"}}, "rule for case names no age"),
        ({"keep": {"case": "-1 months"}}, "rule for case names no age"),
        ({"keep": {"case": "24 days"}}, "rule for case names no age"),
        ({"keep": {"case": 24}}, "rule for case names no age"),
        ({"keep": "24 months"}, "one table"),
        ({"case": "24 months"}, "one table"),
    ],
)
def test_a_rule_that_could_be_meant_otherwise_is_refused(document: dict[str, object], said: str) -> None:
    """Given a rule with a kind or an age that there is not, when it is read, then it is refused: it would
    close nothing, or too much."""
    with pytest.raises(Invalid, match=said):
        parse(document, KINDS)


def test_every_kind_of_text_is_known_with_the_events_that_have_it() -> None:
    """Given the catalogue, then its kinds are all that free text has, of interactions one for each kind."""
    assert KINDS["interaction-chat"] == {interaction.Recorded, interaction.Corrected}
    assert case.Opened in KINDS["case"]
    assert "interaction" not in KINDS
    assert len([kind for kind in KINDS if kind.startswith("interaction-")]) == 13


def event(payload: object, version: int) -> Event:
    moment = datetime(2026, 3, version, tzinfo=UTC)
    return Event(
        originator_id=retention.STREAM, originator_version=version, party=retention.STREAM, time=moment,
        recorded=moment, correlation=UUID(int=1), cause=None, actor=SYSTEM, payload=payload,
    )  # fmt: skip


def test_all_that_was_closed_stands_in_one_stream() -> None:
    """Given closings, when they are replayed, then each is there in order; other streams are refused."""
    first = retention.evolve(None, event(RetentionApplied(kind="case", month="2020-01"), 1))
    both = retention.evolve(first, event(RetentionApplied(kind="lead", month="2020-01"), 2))
    assert both.applied == (("case", "2020-01"), ("lead", "2020-01"))
    assert both.version == 2
    rotated = rotation.KekRotated(from_kek="file:1", to_kek="file:2", keys=3)
    with pytest.raises(NotFound):
        retention.evolve(None, event(rotated, 1))
    with pytest.raises(NotFound):
        rotation.evolve(None, event(RetentionApplied(kind="case", month="2020-01"), 1))
    assert rotation.evolve(None, event(rotated, 1)).to_kek == "file:2"
