"""The export of a record's history. Each export has a stream of its own.

Its party is the record's, so that the exported history shows its own exports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from domain.events.registry import EventType
from domain.kernel.record_type import RecordType
from domain.kernel.values import RecordTypeName

HistoryForm = Literal["decoded", "readable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryExported:
    """`crm.privacy.history_exported`: the record and the form; `opened`: with private values in clear."""

    kind: RecordTypeName
    id: UUID
    form: HistoryForm
    opened: bool


EVENTS: Final = (EventType("crm.privacy.history_exported", HistoryExported),)

HISTORY_EXPORT: Final = RecordType(
    name="history export",
    plural="history_exports",
    area="privacy",
    events=EVENTS,
)
