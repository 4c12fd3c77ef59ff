"""Cases: opening one, working on it, and ending it."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from api.http.shapes import ReferenceIn, reference
from api.http.validation import Text, Word
from api.writes.command_routes import ChangeBody, CreateBody
from domain.service.case import commands
from domain.service.case.events import CaseKind

Priority = Annotated[int, Field(ge=1, le=4, description="1 (most urgent) to 4.", examples=[2])]
Attributes = Annotated[dict[Word, Word], Field(max_length=100)]
OpenState = Literal["new", "assigned", "in_progress", "waiting_on_customer", "waiting_on_third_party"]


class OpenCase(CreateBody):
    """A new case. Subject and description are stored encrypted."""

    kind: CaseKind = Field(examples=["complaint"])
    priority: Priority = 3
    channel: Word | None = Field(default=None, examples=["phone"])
    customer_id: UUID | None = None
    queue: Word | None = Field(default=None, examples=["first-line"])
    owner_id: UUID | None = None
    category: Word | None = None
    product: Word | None = None
    cause: Word | None = None
    subject: Word | None = Field(default=None, examples=["The second pallet is missing"])
    description: Text | None = None
    attributes: Attributes = Field(default_factory=dict)
    reference: ReferenceIn | None = None

    def command(self) -> commands.OpenCase:
        return commands.OpenCase(
            kind=self.kind,
            priority=self.priority,
            channel=self.channel,
            customer_id=self.customer_id,
            queue=self.queue,
            owner_id=self.owner_id,
            category=self.category,
            product=self.product,
            cause=self.cause,
            subject=self.subject,
            description=self.description,
            attributes=self.attributes,
            reference=reference(self.reference),
            at=self.at,
        )


class AssignCase(ChangeBody):
    """Gives it to a queue, an owner, or both. `remove` names `queue` or `owner_id`."""

    queue: Word | None = Field(default=None, examples=["second-line"])
    owner_id: UUID | None = None
    remove: Annotated[tuple[Word, ...], Field(max_length=10)] = ()

    def command(self, id: UUID) -> commands.AssignCase:
        return commands.AssignCase(
            id=id, queue=self.queue, owner_id=self.owner_id, remove=self.remove, at=self.at
        )


class MoveCase(ChangeBody):
    """To another open state, as the lifecycle allows."""

    to_state: OpenState = Field(examples=["waiting_on_customer"])

    def command(self, id: UUID) -> commands.MoveCase:
        return commands.MoveCase(id=id, to_state=self.to_state, at=self.at)


class ChangeCasePriority(ChangeBody):
    """Another priority."""

    priority: Priority

    def command(self, id: UUID) -> commands.ChangeCasePriority:
        return commands.ChangeCasePriority(id=id, priority=self.priority, at=self.at)


class EscalateCase(ChangeBody):
    """Another escalation level, up or down; 0 is none."""

    level: int = Field(ge=0, le=9, examples=[1])

    def command(self, id: UUID) -> commands.EscalateCase:
        return commands.EscalateCase(id=id, level=self.level, at=self.at)


class ChangeCaseDetails(ChangeBody):
    """Changes what is named and leaves the rest. `remove` names `channel`, `category`, `product`, `cause` or
    `attributes.<name>`."""

    kind: CaseKind | None = None
    channel: Word | None = None
    category: Word | None = None
    product: Word | None = Field(default=None, examples=["GTX Pro"])
    cause: Word | None = None
    attributes: Attributes = Field(default_factory=dict)
    remove: Annotated[tuple[Word, ...], Field(max_length=100)] = ()

    def command(self, id: UUID) -> commands.ChangeCaseDetails:
        return commands.ChangeCaseDetails(
            id=id,
            kind=self.kind,
            channel=self.channel,
            category=self.category,
            product=self.product,
            cause=self.cause,
            attributes=self.attributes,
            remove=self.remove,
            at=self.at,
        )


class RespondToCase(ChangeBody):
    """The first response to who asked, and the interaction that it was."""

    interaction_id: UUID | None = None

    def command(self, id: UUID) -> commands.RespondToCase:
        return commands.RespondToCase(id=id, interaction_id=self.interaction_id, at=self.at)


class ResolveCase(ChangeBody):
    """It is solved: how, and what it was."""

    code: Word | None = Field(default=None, examples=["sent-again"])
    cause: Word | None = Field(default=None, examples=["carrier"])
    note: Text | None = Field(default=None, description="Free text; stored encrypted.")

    def command(self, id: UUID) -> commands.ResolveCase:
        return commands.ResolveCase(id=id, code=self.code, cause=self.cause, note=self.note, at=self.at)


class CloseCase(ChangeBody):
    """Closes a resolved one."""

    code: Word | None = None

    def command(self, id: UUID) -> commands.CloseCase:
        return commands.CloseCase(id=id, code=self.code, at=self.at)


class ReopenCase(ChangeBody):
    """Takes up a resolved or closed one again; earlier resolutions stay in the history."""

    to_state: OpenState = "in_progress"

    def command(self, id: UUID) -> commands.ReopenCase:
        return commands.ReopenCase(id=id, to_state=self.to_state, at=self.at)


class RejectCase(ChangeBody):
    """Ends it unsolved, for one of the configured reasons (`GET /v1/reasons`); `other` needs a note."""

    reason: Word | None = Field(default=None, examples=["not-ours"])
    note: Text | None = Field(default=None, description="Free text; stored encrypted.")

    def command(self, id: UUID) -> commands.RejectCase:
        return commands.RejectCase(id=id, reason=self.reason, note=self.note, at=self.at)


class MarkDuplicate(ChangeBody):
    """Ends it as the same as another case."""

    of: UUID

    def command(self, id: UUID) -> commands.MarkDuplicate:
        return commands.MarkDuplicate(id=id, of=self.of, at=self.at)


class LinkCase(ChangeBody):
    """Names the customer, later than at the opening or another one."""

    customer_id: UUID

    def command(self, id: UUID) -> commands.LinkCase:
        return commands.LinkCase(id=id, customer_id=self.customer_id, at=self.at)
