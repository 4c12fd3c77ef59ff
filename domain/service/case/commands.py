"""What can be asked of a case: commands, each with its public verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.kernel.values import Reference
from domain.service.case.events import CaseKind, CaseState


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCase:
    """Opens a case, `priority` 1 (most urgent) to 4. Imported history may begin in any `state`."""

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
    imported: bool = False
    logged_at: datetime | None = None
    reference: Reference | None = None
    id: UUID | None = None
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """None: it makes a record."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseCommand:
    """What commands on an existing case name. `at` is the business time, now unless named."""

    case_id: UUID
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """The case."""
        return self.case_id


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryCommand(CaseCommand):
    """A command that may be a step of imported history."""

    imported: bool = False
    logged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignCase(HistoryCommand):
    """Gives it to a queue, an owner, or both; `remove` names queue or owner_id."""

    queue: str | None = None
    owner_id: UUID | None = None
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveCase(HistoryCommand):
    """Moves it to another open state."""

    to_state: CaseState


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCasePriority(HistoryCommand):
    """Changes the priority, 1 to 4."""

    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalateCase(HistoryCommand):
    """Changes the escalation level, 0 (none) to 9."""

    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCaseDetails(HistoryCommand):
    """Changes what is named; `remove` names channel, category, product, cause or `attributes.<name>`."""

    kind: CaseKind | None = None
    channel: str | None = None
    category: str | None = None
    product: str | None = None
    cause: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RespondToCase(CaseCommand):
    """Notes the first response, and the interaction that it was."""

    interaction_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveCase(HistoryCommand):
    """Notes that it is solved: how (`code`), what it was (`cause`)."""

    code: str | None = None
    cause: str | None = None
    note: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseCase(HistoryCommand):
    """Closes a resolved one. `reported_sla`: the log's own verdict, true where the SLA was met."""

    code: str | None = None
    reported_sla: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenCase(HistoryCommand):
    """Takes up a resolved or closed one again."""

    to_state: CaseState = "in_progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectCase(CaseCommand):
    """Ends it unsolved; the reason "other" needs a note."""

    reason: str | None = None
    note: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkDuplicate(CaseCommand):
    """Ends it as the same as the case `of`."""

    of: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCase(CaseCommand):
    """Says whose case it is."""

    customer_id: UUID
