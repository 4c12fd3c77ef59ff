"""Disclosure: all that is known of a person was handed out to whoever asked. Its own id is its party."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.events.registry import EventType
from domain.kernel.record_type import RecordType


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonExported:
    """`crm.privacy.person_exported`: of whom (`party`), and which sections the export has."""

    party: UUID
    sections: tuple[str, ...]


EVENTS: Final = (EventType("crm.privacy.person_exported", PersonExported),)

PERSON_EXPORT: Final = RecordType(
    name="person export",
    plural="person_exports",
    area="privacy",
    events=EVENTS,
)
