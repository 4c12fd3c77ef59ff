"""What happens to an interaction: payloads of its events, and their permanent names."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from domain.events.private import Unreadable, free_text
from domain.events.registry import EventType
from domain.kernel.money import Money
from domain.kernel.references import refers_to
from domain.kernel.values import FieldChange, Reference

InteractionKind = Literal[
    "call", "email", "chat", "meeting", "visit", "letter", "social_post", "sms", "web_visit", "purchase",
    "return", "complaint", "survey_answer",
]  # fmt: skip

Direction = Literal["inbound", "outbound", "none"]

Question = Literal["csat", "nps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item bought or returned: `product_id` if it is one of our products, `sku` as the shop has it.

    `price` is for one.
    """

    product_id: UUID | None = None
    sku: str | None = None
    quantity: Decimal
    price: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """An answer: `csat` 1 to 5, `nps` 0 to 10."""

    question: Question
    score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file stored elsewhere: where (`reference`), the hex SHA-256 of its bytes, its type, its size in
    bytes.

    Its name is personal and stands in `file_names`.
    """

    reference: str
    sha256: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """`crm.interaction.recorded`; `time` is when it happened.

    `file_names` has a line per attachment, in their order. `source_digest` is the hex HMAC of the source's
    data; it shows whether a second import brings the same.
    """

    kind: InteractionKind
    direction: Direction
    channel: str
    customer_id: UUID | None = refers_to("customer")
    contact_id: UUID | None = refers_to("contact")
    participants: tuple[UUID, ...] = ()
    duration_seconds: int | None = None
    amount: Money | None = None
    items: tuple[Item, ...] = ()
    opportunity_id: UUID | None = refers_to("opportunity")
    case_id: UUID | None = refers_to("case")
    survey: Survey | None = None
    attachments: tuple[Attachment, ...] = ()
    file_names: str | Unreadable | None = free_text("interaction", "participants", "kind")
    subject: str | Unreadable | None = free_text("interaction", "participants", "kind")
    body: str | Unreadable | None = free_text("interaction", "participants", "kind")
    reference: Reference
    source_digest: str
    imported: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """`crm.interaction.corrected`: what was wrong, and what is right.

    `changes` has the open fields: direction, channel, contact_id, duration_seconds, score. `amount_before`
    and `amount` have values only if the amount was wrong, `items` only if they were. `kind` and
    `participants` are the interaction's: they say whose keys encrypt the texts.
    """

    kind: InteractionKind
    participants: tuple[UUID, ...] = ()
    changes: tuple[FieldChange, ...] = ()
    amount_before: Money | None = None
    amount: Money | None = None
    items: tuple[Item, ...] | None = None
    subject: str | Unreadable | None = free_text("interaction", "participants", "kind")
    body: str | Unreadable | None = free_text("interaction", "participants", "kind")
    reason: str | Unreadable | None = free_text("interaction", "participants", "kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLinked:
    """`crm.interaction.customer_linked`; the party stays."""

    customer_id: UUID = refers_to("customer", required=True)
    previous_customer_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """`crm.interaction.linked`: to the opportunity or the case (or both) that it is about."""

    opportunity_id: UUID | None = refers_to("opportunity")
    case_id: UUID | None = refers_to("case")


InteractionEvent = Recorded | Corrected | CustomerLinked | Linked


EVENTS: Final = (
    EventType("crm.interaction.recorded", Recorded),
    EventType("crm.interaction.corrected", Corrected),
    EventType("crm.interaction.customer_linked", CustomerLinked),
    EventType("crm.interaction.linked", Linked),
)
