"""What a contact allowed at a time, from its stream. Needs no key: nothing of it is private."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from commands.privacy.no_key_cipher import NoKeyCipher
from commands.store.application import Crm
from domain.customers.contact import consent_history
from domain.customers.contact.consent_history import PointHistory, Span, Verdict
from domain.customers.contact.events import PointKind, Registered
from domain.events.catalogue import CATALOGUE
from domain.events.envelope import decode
from domain.events.event import Event
from domain.kernel.as_of import AsOf
from domain.kernel.errors import NotFound
from domain.kernel.text import line


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentHistory:
    """The answer. `positions` are those of the contact's events, by event id."""

    contact_id: UUID
    purpose: str
    span: Span
    known_at: datetime | None
    verdict: Verdict
    points: tuple[PointHistory, ...]
    positions: Mapping[str, int]


def consent_at(
    crm: Crm,
    contact_id: UUID,
    *,
    purpose: str,
    span: Span,
    point_id: UUID | None = None,
    channel: PointKind | None = None,
    known_at: datetime | None = None,
) -> ConsentHistory:
    """Whether the contact could be written to for `purpose` in `span`, as was known at `known_at`: at one of
    its contact points, or one of a kind (`channel`).

    Raises `NotFound` for a contact or a contact point of which nothing was known by then, `Invalid` for an
    unknown purpose.
    """
    wanted = line("purpose", purpose)
    rows = crm.history(contact_id, AsOf(known_at=known_at))
    events = [decode(row.event, CATALOGUE, NoKeyCipher()) for row in rows]
    if not events or not isinstance(events[0].payload, Registered):
        raise NotFound("contact", contact_id)
    points = consent_history.point_histories(events, wanted, span)
    if point_id is not None and all(point.point_id != point_id for point in points):
        raise NotFound("contact point", point_id)
    asked = tuple(
        point for point in points if point_id in (None, point.point_id) and channel in (None, point.kind)
    )
    return ConsentHistory(
        contact_id=contact_id,
        purpose=wanted,
        span=span,
        known_at=known_at,
        verdict=consent_history.verdict(asked),
        points=asked,
        positions={event.id: row.position for event, row in zip(events, rows, strict=True)},
    )


def as_json(found: ConsentHistory) -> dict[str, Any]:
    """The answer as JSON-ready members; times are datetimes."""
    return {
        "contact_id": found.contact_id,
        "purpose": found.purpose,
        "from": found.span.start,
        "to": found.span.end,
        "known_at": found.known_at,
        "verdict": found.verdict,
        "points": [
            {
                "point_id": point.point_id,
                "channel": point.kind,
                "verdict": point.verdict,
                "periods": [
                    {
                        "from": period.start,
                        "to": period.end,
                        "allowed": period.allowed,
                        "why": period.why,
                        "event": _said_by(period.event, found.positions),
                    }
                    for period in point.periods
                ],
            }
            for point in found.points
        ],
    }


def _said_by(event: Event | None, positions: Mapping[str, int]) -> dict[str, Any] | None:
    if event is None:
        return None
    said = event.payload
    return {
        "id": event.id,
        "type": CATALOGUE.of(said).name,
        "position": positions[event.id],
        "time": event.time,
        "recorded": event.recorded,
        "by": event.actor.id,
        "legal_basis": getattr(said, "legal_basis", None),
        "source": getattr(said, "source", None),
        "double_opt_in": getattr(said, "double_opt_in", None),
        "until": getattr(said, "until", None),
    }
