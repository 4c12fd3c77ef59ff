"""What can be asked of an interaction: commands, each with its public verb."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.activities.interaction.events import (
    Attachment,
    Direction,
    InteractionKind,
    Item,
    Survey,
)
from domain.kernel.money import Money
from domain.kernel.values import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordInteraction:
    """Records what happened. `at` is when, now unless named; `file_names` has a name for each attachment.

    Its id follows from `reference`: the same interaction sent again changes nothing, another one under the
    same reference is refused with `AlreadyRecorded`.
    """

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
    imported: bool = False
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """None: it makes a record."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionCommand:
    """What commands on a recorded interaction name. `at` is when it was corrected, now unless named."""

    interaction_id: UUID
    at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        """The interaction."""
        return self.interaction_id


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectInteraction(InteractionCommand):
    """Corrects what is named; `remove` names contact_id or duration_seconds."""

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
class LinkInteraction(InteractionCommand):
    """Links it to the customer, the opportunity, the case that it is about."""

    customer_id: UUID | None = None
    opportunity_id: UUID | None = None
    case_id: UUID | None = None
