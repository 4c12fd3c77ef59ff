"""Disclosure: all that is known of a person was handed out to whoever asked. Its own id is its party."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonExported:
    """`crm.privacy.person_exported`: of whom (`party`), and which sections the export has."""

    party: UUID
    sections: tuple[str, ...]
