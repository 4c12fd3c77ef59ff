"""Cases: opening one, working on it, and ending it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from api.http.shapes import ReferenceIn
from api.http.validation import Text, Word
from api.writes.command_bodies import ChangeBody, CreateBody
from domain.kernel.command import Command
from domain.service.case import commands
from domain.service.case.events import CaseKind

Priority = Annotated[int, Field(ge=1, le=4, description="1 (most urgent) to 4.", examples=[2])]
Attributes = Annotated[dict[Word, Word], Field(max_length=100)]
OpenState = Literal["new", "assigned", "in_progress", "waiting_on_customer", "waiting_on_third_party"]


class OpenCase(CreateBody):
    """A new case. Subject and description are stored encrypted."""

    makes: ClassVar[type[Command]] = commands.OpenCase

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


class AssignCase(ChangeBody):
    """Gives it to a queue, an owner, or both. `remove` names `queue` or `owner_id`."""

    makes: ClassVar[type[Command]] = commands.AssignCase

    queue: Word | None = Field(default=None, examples=["second-line"])
    owner_id: UUID | None = None
    remove: Annotated[tuple[Word, ...], Field(max_length=10)] = ()


class MoveCase(ChangeBody):
    """Moves it to another open state, as the lifecycle allows."""

    makes: ClassVar[type[Command]] = commands.MoveCase

    to_state: OpenState = Field(examples=["waiting_on_customer"])


class ChangeCasePriority(ChangeBody):
    """Changes the priority."""

    makes: ClassVar[type[Command]] = commands.ChangeCasePriority

    priority: Priority


class EscalateCase(ChangeBody):
    """Changes the escalation level, up or down; 0 means not escalated."""

    makes: ClassVar[type[Command]] = commands.EscalateCase

    level: int = Field(ge=0, le=9, examples=[1])


class ChangeCaseDetails(ChangeBody):
    """Changes the named fields and leaves the rest. `remove` names `channel`, `category`, `product`, `cause`
    or `attributes.<name>`."""

    makes: ClassVar[type[Command]] = commands.ChangeCaseDetails

    kind: CaseKind | None = None
    channel: Word | None = None
    category: Word | None = None
    product: Word | None = Field(default=None, examples=["GTX Pro"])
    cause: Word | None = None
    attributes: Attributes = Field(default_factory=dict)
    remove: Annotated[tuple[Word, ...], Field(max_length=100)] = ()


class ResolveCase(ChangeBody):
    """Records that it is solved: how (`code`), and what caused it (`cause`)."""

    makes: ClassVar[type[Command]] = commands.ResolveCase

    code: Word | None = Field(default=None, examples=["sent-again"])
    cause: Word | None = Field(default=None, examples=["carrier"])
    note: Text | None = Field(default=None, description="Free text; stored encrypted.")


class CloseCase(ChangeBody):
    """Closes a resolved case."""

    makes: ClassVar[type[Command]] = commands.CloseCase

    code: Word | None = None


class ReopenCase(ChangeBody):
    """Takes up a resolved or closed case again. The history keeps earlier resolutions."""

    makes: ClassVar[type[Command]] = commands.ReopenCase

    to_state: OpenState = "in_progress"


class RejectCase(ChangeBody):
    """Ends it unsolved, for one of the configured reasons (`GET /v1/reasons`); `other` needs a note."""

    makes: ClassVar[type[Command]] = commands.RejectCase

    reason: Word | None = Field(default=None, examples=["not-ours"])
    note: Text | None = Field(default=None, description="Free text; stored encrypted.")
