"""Private values in a replayed history: opened on request, else withheld, with their event."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from domain.events.event import Event
from domain.events.private import METADATA, Unreadable

Why = Literal["not_opened", "erased", "absent"]
"""Not requested; its key was destroyed; its key is not available here."""


@dataclass(frozen=True, slots=True)
class Withheld(Unreadable):
    """A value that is not shown. Two of different events are not equal: so a change of it is still seen."""

    event: str
    why: Why

    def as_json(self) -> dict[str, str]:
        """`{"closed": why, "of": id of the event it stands in}`."""
        return {"closed": self.why, "of": self.event}


def withholding(event: Event, *, opened: bool) -> Event:
    """The event, each closed value with its reason; `opened`: it was read with the keys."""
    payload = event.payload
    closed = {
        field.name: value
        for field in dataclasses.fields(payload)
        if isinstance(value := getattr(payload, field.name), Unreadable)
    }
    if not closed:
        return event
    withheld = {
        name: Withheld(value.reason, event.id, value.reason if opened else "not_opened")
        for name, value in closed.items()
    }
    return dataclasses.replace(event, payload=dataclasses.replace(payload, **withheld))


def has_clear(event: Event) -> bool:
    """Whether it holds a private value in clear."""
    payload = event.payload
    return any(
        METADATA in field.metadata and not isinstance(getattr(payload, field.name), Unreadable | None)
        for field in dataclasses.fields(payload)
    )
