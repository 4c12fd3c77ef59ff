"""Interactions: recording one, correcting it, linking it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final
from uuid import UUID

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from api.http.shapes import Amount, MoneyIn, ReferenceIn, money
from api.http.validation import Body, Text, Word
from api.writes.command_routes import ChangeBody, CreateBody
from domain.activities.interaction import commands
from domain.activities.interaction.events import (
    Attachment,
    Direction,
    InteractionKind,
    Item,
    Question,
    Survey,
)
from domain.kernel.values import Reference


class ItemIn(Body):
    """What was bought or given back; `price` is of one."""

    product_id: UUID | None = Field(default=None, description="Where it is one of our products.")
    sku: Word | None = Field(default=None, description="As the shop says.")
    quantity: Amount = Field(default=Decimal(1), examples=["1"])
    price: MoneyIn | None = None

    def item(self) -> Item:
        """The domain's value."""
        return Item(product_id=self.product_id, sku=self.sku, quantity=self.quantity, price=money(self.price))


class SurveyIn(Body):
    """An answer: `csat` 1 to 5, `nps` 0 to 10."""

    question: Question
    score: int = Field(ge=0, le=10)


class AttachmentIn(Body):
    """A file that is kept elsewhere. Its name is stored encrypted."""

    reference: Word = Field(description="Where it is kept.")
    sha256: Word = Field(description="Of its bytes, 64 hexadecimal digits.")
    media_type: Word = Field(examples=["application/pdf"])
    size: int = Field(ge=0, description="Bytes.")
    file_name: Word | None = None

    def attachment(self) -> Attachment:
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
    """One thing that was said, done or bought; `at` is when. Subject, body and file names are stored
    encrypted.

    Its id follows from `reference`, so taking it in again changes nothing (200, unchanged); another
    interaction under the same reference is refused (409): correct the first one.
    """

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

    def command(self) -> commands.RecordInteraction:
        return commands.RecordInteraction(
            kind=self.kind,
            direction=self.direction,
            channel=self.channel,
            reference=Reference(source=self.reference.source, external_id=self.reference.external_id),
            customer_id=self.customer_id,
            contact_id=self.contact_id,
            participants=self.participants,
            duration_seconds=self.duration_seconds,
            amount=money(self.amount),
            items=tuple(item.item() for item in self.items),
            opportunity_id=self.opportunity_id,
            case_id=self.case_id,
            survey=None
            if self.survey is None
            else Survey(question=self.survey.question, score=self.survey.score),
            attachments=tuple(each.attachment() for each in self.attachments),
            file_names=tuple(each.file_name for each in self.attachments if each.file_name is not None),
            subject=self.subject,
            body=self.body,
            at=self.at,
        )


class CorrectInteraction(ChangeBody):
    """Corrects what is named and keeps what it said before. `remove` names `contact_id` or
    `duration_seconds`."""

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

    def command(self, id: UUID) -> commands.CorrectInteraction:
        return commands.CorrectInteraction(
            id=id,
            direction=self.direction,
            channel=self.channel,
            contact_id=self.contact_id,
            duration_seconds=self.duration_seconds,
            score=self.score,
            amount=money(self.amount),
            items=None if self.items is None else tuple(item.item() for item in self.items),
            subject=self.subject,
            body=self.body,
            reason=self.reason,
            remove=self.remove,
            at=self.at,
        )


class LinkInteraction(ChangeBody):
    """Links it to the customer, the opportunity, the case that it is about, at least one of them."""

    model_config = ConfigDict(json_schema_extra={"examples": [LINK]})

    customer_id: UUID | None = None
    opportunity_id: UUID | None = None
    case_id: UUID | None = None

    def command(self, id: UUID) -> commands.LinkInteraction:
        return commands.LinkInteraction(
            id=id,
            customer_id=self.customer_id,
            opportunity_id=self.opportunity_id,
            case_id=self.case_id,
            at=self.at,
        )
