"""The commands on an interaction, each with its public verb."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

from domain.activities.interaction.events import (
    Attachment,
    Direction,
    InteractionKind,
    Item,
    Survey,
)
from domain.kernel.command import NewRecord, RecordCommand
from domain.kernel.money import Money
from domain.kernel.values import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordInteraction(NewRecord):
    """Records what happened, `at` when (now unless named). `file_names` has a name for each attachment.

    Its id follows from `reference`. The same interaction sent again changes nothing; another one under the
    same reference raises `AlreadyRecorded`.
    """

    summary: ClassVar[str] = "Record an interaction"

    kind: InteractionKind
    direction: Direction
    channel: str
    reference: Reference
    customer_id: UUID | None = None
    contact_id: UUID | None = None
    participants: tuple[UUID, ...] = ()
    duration_seconds: int | None = None
    amount: Money | None = None
    items: tuple[Item, ...] = ()
    opportunity_id: UUID | None = None
    case_id: UUID | None = None
    survey: Survey | None = None
    attachments: tuple[Attachment, ...] = ()
    file_names: tuple[str, ...] = field(default=(), repr=False)
    subject: str | None = field(default=None, repr=False)
    body: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectInteraction(RecordCommand):
    """Corrects the named fields; `remove` names contact_id or duration_seconds."""

    verb: ClassVar[str] = "correct"
    summary: ClassVar[str] = "Correct"

    direction: Direction | None = None
    channel: str | None = None
    contact_id: UUID | None = None
    duration_seconds: int | None = None
    score: int | None = None
    amount: Money | None = None
    items: tuple[Item, ...] | None = None
    subject: str | None = field(default=None, repr=False)
    body: str | None = field(default=None, repr=False)
    reason: str | None = field(default=None, repr=False)
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkInteraction(RecordCommand):
    """Links it to the customer, opportunity or case that it is about."""

    verb: ClassVar[str] = "link"
    summary: ClassVar[str] = "Link to a customer, an opportunity or a case"

    customer_id: UUID | None = None
    opportunity_id: UUID | None = None
    case_id: UUID | None = None
