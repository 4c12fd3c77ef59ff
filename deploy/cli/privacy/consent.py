"""`rapport privacy consent`: whether a contact could be written to on a day, and which event says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from deploy.cli.output import JsonOption, finish
from deploy.settings import load

if TYPE_CHECKING:
    from commands.customers.consent_history import ConsentHistory
    from domain.customers.contact.consent_history import Period


class Channel(StrEnum):
    """Kinds of contact points."""

    EMAIL = "email"
    PHONE = "phone"
    POSTAL = "postal"
    SOCIAL = "social"


def register(noun: typer.Typer) -> None:
    """Adds the verb to `rapport privacy`."""
    noun.command()(consent)


def consent(
    contact: Annotated[UUID, typer.Argument(help="The contact's id.")],
    purpose: Annotated[str, typer.Option(help="What for, as it was recorded.")],
    on: Annotated[str, typer.Option(help="A day (2026-03-01, by UTC) or a moment with its zone.")],
    contact_point: Annotated[UUID | None, typer.Option(help="Only this contact point.")] = None,
    channel: Annotated[Channel | None, typer.Option(help="Only contact points of this kind.")] = None,
    known_at: Annotated[
        datetime | None,
        typer.Option(help="As was recorded by this time (UTC).", formats=["%Y-%m-%dT%H:%M:%S"]),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Whether a contact could be written to for a purpose on a day, and the event that says so."""
    from commands.customers import consent_history as consents
    from deploy.wiring import wiring
    from domain.customers.contact.consent_history import span

    with wiring.Wiring(load()) as wired:
        found = consents.consent_at(
            wired.crm,
            contact,
            purpose=purpose,
            span=span(on),
            point_id=contact_point,
            channel=channel.value if channel else None,
            known_at=known_at.replace(tzinfo=UTC) if known_at else None,
        )
    finish(as_json=as_json, data=consents.as_json(found), text=list(_lines(found, on)))


def _lines(found: ConsentHistory, on: str) -> Iterator[str]:
    verdict = {"allowed": "Allowed", "partly": "Allowed for a part of the time", "refused": "Not allowed"}
    yield f"{verdict[found.verdict]}: the contact {found.contact_id}, {found.purpose}, {on}."
    if not found.points:
        yield "  It had no such contact point."
    for point in found.points:
        yield f"  {point.kind} {point.point_id}: {point.verdict}"
        for period in point.periods:
            yield f"    from {period.start:%Y-%m-%d %H:%M:%S}  {_why(period, found)}"


def _why(period: Period, found: ConsentHistory) -> str:
    words = {
        "consent": "allowed",
        "never_given": "not allowed: no consent was ever given",
        "withdrawn": "not allowed: withdrawn",
        "expired": "not allowed: the consent had run out",
        "point_removed": "not allowed: the contact point was removed",
        "erased": "not allowed: the person was erased",
        "no_such_point": "not allowed: there was no such contact point yet",
    }[period.why]
    event = period.event
    if event is None:
        return words
    said = event.payload
    facts = [f"event {event.id}", f"position {found.positions[event.id]}"]
    facts += [f"of {event.time:%Y-%m-%d %H:%M:%S}", f"recorded {event.recorded:%Y-%m-%d %H:%M:%S}"]
    if hasattr(said, "legal_basis"):
        facts += [
            f"legal basis {said.legal_basis}",
            "double opt-in" if said.double_opt_in else "single opt-in",
        ]
    if hasattr(said, "source"):
        facts.append(f"source {said.source}")
    return f"{words} ({', '.join(facts)})"
