"""Disclosure: the export of all data about a person. Its own id is its party."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.events.registry import EventType
from domain.kernel.record_type import RecordType


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonExported:
    """`crm.privacy.person_exported`: the person's `party` and the export's sections."""

    party: UUID
    sections: tuple[str, ...]


EVENTS: Final = (EventType("crm.privacy.person_exported", PersonExported),)

PERSON_EXPORT: Final = RecordType(
    name="person export",
    plural="person_exports",
    area="privacy",
    events=EVENTS,
)
