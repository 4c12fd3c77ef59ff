"""Interactions: recording one, correcting it, linking it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from api.http.shapes import Amount, MoneyIn, ReferenceIn, money
from api.http.validation import Text, Word
from api.writes.command_bodies import ChangeBody, CreateBody, ValueBody
from domain.activities.interaction import commands
from domain.activities.interaction.events import (
    Attachment,
    Direction,
    InteractionKind,
    Item,
    Question,
    Survey,
)
from domain.kernel.command import Command


class ItemIn(ValueBody):
    """An item bought or returned; `price` is for one."""

    product_id: UUID | None = Field(default=None, description="If it is one of our products.")
    sku: Word | None = Field(default=None, description="As the shop has it.")
    quantity: Amount = Field(default=Decimal(1), examples=["1"])
    price: MoneyIn | None = None

    def domain(self) -> Item:
        """The domain's value."""
        return Item(product_id=self.product_id, sku=self.sku, quantity=self.quantity, price=money(self.price))


class SurveyIn(ValueBody):
    """An answer: `csat` 1 to 5, `nps` 0 to 10."""

    question: Question
    score: int = Field(ge=0, le=10)

    def domain(self) -> Survey:
        """The domain's value."""
        return Survey(question=self.question, score=self.score)


class AttachmentIn(ValueBody):
    """A file stored elsewhere. Its name is stored encrypted."""

    reference: Word = Field(description="Where it is stored.")
    sha256: Word = Field(description="Of its bytes, 64 hexadecimal digits.")
    media_type: Word = Field(examples=["application/pdf"])
    size: int = Field(ge=0, description="Bytes.")
    file_name: Word | None = None

    def domain(self) -> Attachment:
        """The domain's value, without the name."""
        return Attachment(
            reference=self.reference, sha256=self.sha256, media_type=self.media_type, size=self.size
        )


EXAMPLE: Final[JsonDict] = {
    "kind": "email",
    "direction": "inbound",
    "channel": "email",
    "reference": {"source": "mail", "external_id": "4711"},
    "subject": "Delivery of the second pallet",
}
CORRECTION: Final[JsonDict] = {
    "subject": "Delivery of the third pallet",
    "reason": "The second one has arrived.",
}
LINK: Final[JsonDict] = {"customer_id": "6f2c1f0e-3d7b-4f0a-9a53-0c8f3d1f7a11"}

Items = Annotated[tuple[ItemIn, ...], Field(max_length=500)]


class RecordInteraction(CreateBody):
    """One thing that was said, done or bought, at the time `at`. Subject, body and file names are stored
    encrypted.

    Its id follows from `reference`, so the same interaction sent again changes nothing (200, unchanged).
    Another interaction under the same reference is refused (409): correct the first one.
    """

    makes: ClassVar[type[Command]] = commands.RecordInteraction

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    kind: InteractionKind
    direction: Direction = "none"
    channel: Word
    reference: ReferenceIn
    customer_id: UUID | None = None
    contact_id: UUID | None = None
    participants: Annotated[tuple[UUID, ...], Field(max_length=100)] = ()
    duration_seconds: int | None = Field(default=None, ge=0)
    amount: MoneyIn | None = None
    items: Items = ()
    opportunity_id: UUID | None = None
    case_id: UUID | None = None
    survey: SurveyIn | None = None
    attachments: Annotated[tuple[AttachmentIn, ...], Field(max_length=100)] = ()
    subject: Word | None = None
    body: Text | None = None

    def arguments(self) -> dict[str, Any]:
        """The attachments' names are private, so they are an argument of their own."""
        names = tuple(each.file_name for each in self.attachments if each.file_name is not None)
        return {**super().arguments(), "file_names": names}


class CorrectInteraction(ChangeBody):
    """Corrects the named fields; the history keeps the old values. `remove` names `contact_id` or
    `duration_seconds`."""

    makes: ClassVar[type[Command]] = commands.CorrectInteraction

    model_config = ConfigDict(json_schema_extra={"examples": [CORRECTION]})

    direction: Direction | None = None
    channel: Word | None = None
    contact_id: UUID | None = None
    duration_seconds: int | None = Field(default=None, ge=0)
    score: int | None = Field(default=None, ge=0, le=10)
    amount: MoneyIn | None = None
    items: Items | None = None
    subject: Word | None = None
    body: Text | None = None
    reason: Text | None = None
    remove: Annotated[tuple[Word, ...], Field(max_length=10)] = ()


class LinkInteraction(ChangeBody):
    """Links it to the customer, opportunity or case that it is about. Name at least one."""

    makes: ClassVar[type[Command]] = commands.LinkInteraction

    model_config = ConfigDict(json_schema_extra={"examples": [LINK]})

    customer_id: UUID | None = None
    opportunity_id: UUID | None = None
    case_id: UUID | None = None
