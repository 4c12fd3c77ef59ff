"""Reads of private values, in installations that record them: who looked at whose data, when, what for.

Each party whose values a response holds has an event, under that party, with an id of its own. The envelope
has who and when.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.events.registry import EventType
from domain.kernel.record_type import RecordType

PURPOSE: Final = re.compile(r"[a-z0-9._-]{1,64}")
"""A code of the installation's own list: free words could be personal data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateRead:
    """`crm.privacy.private_read`: the route with that template returned private values of `records`."""

    records: tuple[UUID, ...]
    purpose: str
    route: str


EVENTS: Final = (EventType("crm.privacy.private_read", PrivateRead),)

PRIVATE_READ: Final = RecordType(
    name="private read",
    plural="private_reads",
    area="privacy",
    events=EVENTS,
)
