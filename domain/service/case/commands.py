"""The commands on a case, each with its public verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from domain.kernel.command import NewRecord, RecordCommand
from domain.service.case.events import CaseKind, CaseState


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCase(NewRecord):
    """Opens a case, `priority` 1 (most urgent) to 4. Imported history may begin in any `state`."""

    summary: ClassVar[str] = "Open a case"

    kind: CaseKind
    state: CaseState = "new"
    priority: int = 3
    channel: str | None = None
    customer_id: UUID | None = None
    queue: str | None = None
    owner_id: UUID | None = None
    category: str | None = None
    product: str | None = None
    cause: str | None = None
    subject: str | None = field(default=None, repr=False)
    description: str | None = field(default=None, repr=False)
    attributes: Mapping[str, str] = field(default_factory=dict)
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryCommand(RecordCommand):
    """A command that may be a step of imported history."""

    imported: bool = False
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignCase(HistoryCommand):
    """Gives it to a queue, an owner, or both. What is not named stays; `remove` names queue or owner_id."""

    verb: ClassVar[str] = "assign"
    summary: ClassVar[str] = "Assign to a queue or an owner"

    queue: str | None = None
    owner_id: UUID | None = None
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveCase(HistoryCommand):
    """Moves it to another open state."""

    verb: ClassVar[str] = "move"
    summary: ClassVar[str] = "Move to another open state"

    to_state: CaseState


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCasePriority(HistoryCommand):
    """Changes the priority, 1 to 4."""

    verb: ClassVar[str] = "changePriority"
    summary: ClassVar[str] = "Change the priority"

    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalateCase(HistoryCommand):
    """Changes the escalation level, 0 (none) to 9."""

    verb: ClassVar[str] = "escalate"
    summary: ClassVar[str] = "Change the escalation level"

    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCaseDetails(HistoryCommand):
    """Changes what is named; `remove` names channel, category, product, cause or `attributes.<name>`."""

    verb: ClassVar[str] = "change"
    summary: ClassVar[str] = "Change the details"

    kind: CaseKind | None = None
    channel: str | None = None
    category: str | None = None
    product: str | None = None
    cause: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RespondToCase(RecordCommand):
    """Records the first response, and the interaction that it was."""

    verb: ClassVar[str] = "respond"
    summary: ClassVar[str] = "Note the first response"

    interaction_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveCase(HistoryCommand):
    """Records that it is solved: how (`code`), and what caused it (`cause`)."""

    verb: ClassVar[str] = "resolve"
    summary: ClassVar[str] = "Resolve"

    code: str | None = None
    cause: str | None = None
    note: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseCase(HistoryCommand):
    """Closes a resolved case. `reported_sla` is the log's own verdict: true if the SLA was met."""

    verb: ClassVar[str] = "close"
    summary: ClassVar[str] = "Close"

    code: str | None = None
    reported_sla: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenCase(HistoryCommand):
    """Takes up a resolved or closed case again."""

    verb: ClassVar[str] = "reopen"
    summary: ClassVar[str] = "Reopen"

    to_state: CaseState = "in_progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectCase(RecordCommand):
    """Ends it unsolved; the reason "other" needs a note."""

    verb: ClassVar[str] = "reject"
    summary: ClassVar[str] = "Reject"

    reason: str | None = None
    note: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkDuplicate(RecordCommand):
    """Ends it as a duplicate of the case `of`."""

    verb: ClassVar[str] = "markDuplicate"
    summary: ClassVar[str] = "Mark as a duplicate"

    of: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCase(RecordCommand):
    """Links the case to its customer."""

    verb: ClassVar[str] = "linkCustomer"
    summary: ClassVar[str] = "Name the customer"

    customer_id: UUID
