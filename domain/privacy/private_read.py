"""Reads of private values, where an installation records them: who looked at whose data, when, what for.

An event for each party whose values an answer held, under that party, with an id of its own. Who and when
stand in the envelope.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.events.registry import EventType
from domain.kernel.record_type import RecordType

PURPOSE: Final = re.compile(r"[a-z0-9._-]{1,64}")
"""A code out of the installation's own list: words could be personal, and events hold none in clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateRead:
    """`crm.privacy.private_read`: private values of `records` were given by the route of that template."""

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
