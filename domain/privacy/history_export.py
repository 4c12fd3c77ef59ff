"""A history handed out: that of a record, to whoever asked. Each time has a stream of its own.

Its party is the record's, so that it stands in the very history that was handed out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

HistoryKind = Literal["customer", "lead", "opportunity", "case"]
HistoryForm = Literal["decoded", "readable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryExported:
    """`crm.privacy.history_exported`: of which record, in which form; `opened`: private values in clear."""

    kind: HistoryKind
    id: UUID
    form: HistoryForm
    opened: bool
