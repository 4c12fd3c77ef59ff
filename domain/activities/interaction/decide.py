"""What may happen to an interaction: recording, correcting and linking. It has no lifecycle.

A decision reads the state and its arguments and returns events, or none if nothing changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, TypeVar, get_args
from uuid import UUID

from domain.activities.interaction.commands import CorrectInteraction, LinkInteraction
from domain.activities.interaction.events import (
    Attachment,
    Corrected,
    CustomerLinked,
    Direction,
    InteractionEvent,
    InteractionKind,
    Item,
    Linked,
    Question,
    Recorded,
    Survey,
)
from domain.activities.interaction.state import Interaction
from domain.kernel.decision import undecided
from domain.kernel.errors import Invalid
from domain.kernel.money import Money, checked, optional, plain
from domain.kernel.repository import Repository
from domain.kernel.text import line, note, optional_line, quoted
from domain.kernel.values import FieldChange, Reference, changed, references

LIMIT: Final = 100
"""Most participants, and most attachments."""

ITEMS_LIMIT: Final = 500
LONGEST: Final = 10_000_000
"""Most seconds that an interaction may take: above a hundred days it is a mistake."""

PAID: Final[tuple[InteractionKind, ...]] = ("purchase", "return")
SCORES: Final[dict[Question, tuple[int, int]]] = {"csat": (1, 5), "nps": (0, 10)}
REMOVABLE: Final = ("contact_id", "duration_seconds")

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")

Events = tuple[InteractionEvent, ...]

T = TypeVar("T")


def record(
    *,
    kind: InteractionKind,
    direction: Direction,
    channel: str,
    customer_id: UUID | None,
    contact_id: UUID | None,
    participants: Iterable[UUID],
    duration_seconds: int | None,
    amount: Money | None,
    items: Iterable[Item],
    opportunity_id: UUID | None,
    case_id: UUID | None,
    survey: Survey | None,
    attachments: Iterable[Attachment],
    file_names: Iterable[str],
    subject: str | None,
    body: str | None,
    reference: Reference,
    imported: bool,
) -> Recorded:
    """Returns the interaction to record, its `source_digest` still empty. Raises `Invalid`."""
    _one_of("kind of interaction", kind, get_args(InteractionKind))
    _one_of("direction", direction, get_args(Direction))
    files = tuple(_attachment(each) for each in attachments)
    return Recorded(
        kind=kind,
        direction=direction,
        channel=line("channel", channel),
        customer_id=customer_id,
        contact_id=contact_id,
        participants=_few("participants", tuple(dict.fromkeys(participants)), LIMIT),
        duration_seconds=None if duration_seconds is None else _duration(duration_seconds),
        amount=_amount(kind, amount),
        items=_items(kind, items),
        opportunity_id=opportunity_id,
        case_id=case_id,
        survey=_survey(kind, survey),
        attachments=_few("attachments", files, LIMIT),
        file_names=_file_names(tuple(file_names), len(files)),
        subject=optional_line("subject", subject),
        body=None if body is None else note("body", body),
        reference=references(reference)[0],
        source_digest="",
        imported=imported,
    )


def correct(
    state: Interaction,
    *,
    direction: Direction | None,
    channel: str | None,
    contact_id: UUID | None,
    duration_seconds: int | None,
    score: int | None,
    amount: Money | None,
    items: Iterable[Item] | None,
    subject: str | None,
    body: str | None,
    reason: str | None,
    remove: tuple[str, ...],
) -> Events:
    """Corrects the named fields; `remove` names contact_id or duration_seconds."""
    if unknown := [field for field in remove if field not in REMOVABLE]:
        raise Invalid(
            f"No field {quoted(unknown[0])} of an interaction can be removed. "
            f"Name one of: {', '.join(REMOVABLE)}."
        )
    if direction is not None:
        _one_of("direction", direction, get_args(Direction))
    new_amount = _amount(state.kind, amount)
    new_items = None if items is None else _items(state.kind, items)
    new_subject = optional_line("subject", subject)
    new_body = None if body is None else note("body", body)
    payload = Corrected(
        kind=state.kind,
        participants=state.participants,
        changes=(
            *changed("direction", state.direction, direction or state.direction),
            *changed("channel", state.channel, optional_line("channel", channel) or state.channel),
            *changed(
                "contact_id", state.contact_id, _kept("contact_id", state.contact_id, contact_id, remove)
            ),
            *changed(
                "duration_seconds",
                state.duration_seconds,
                _kept(
                    "duration_seconds",
                    state.duration_seconds,
                    None if duration_seconds is None else _duration(duration_seconds),
                    remove,
                ),
            ),
            *_score(state, score),
        ),
        amount_before=state.amount if new_amount not in (None, state.amount) else None,
        amount=new_amount if new_amount != state.amount else None,
        items=new_items if new_items != state.items else None,
        subject=new_subject if new_subject != state.subject else None,
        body=new_body if new_body != state.body else None,
        reason=None if reason is None else note("reason", reason),
    )
    different = (payload.amount, payload.items, payload.subject, payload.body)
    return (payload,) if payload.changes or any(each is not None for each in different) else ()


def link(
    state: Interaction, *, customer_id: UUID | None, opportunity_id: UUID | None, case_id: UUID | None
) -> Events:
    """Links it to a customer, an opportunity or a case, or to others than before. Its party stays."""
    if customer_id is None and opportunity_id is None and case_id is None:
        raise Invalid("The command names nothing to link to. Name a customer, an opportunity or a case.")
    events: list[InteractionEvent] = []
    if customer_id is not None and customer_id != state.customer_id:
        events.append(CustomerLinked(customer_id=customer_id, previous_customer_id=state.customer_id))
    linked = Linked(
        opportunity_id=None if opportunity_id == state.opportunity_id else opportunity_id,
        case_id=None if case_id == state.case_id else case_id,
    )
    if linked != Linked():
        events.append(linked)
    return tuple(events)


def _one_of(what: str, value: str, names: tuple[str, ...]) -> None:
    if value not in names:
        raise Invalid(f"There is no {what} {quoted(value)}. Name one of: {', '.join(names)}.")


def _few(what: str, found: tuple[T, ...], limit: int) -> tuple[T, ...]:
    if len(found) > limit:
        raise Invalid(f"There are {len(found)} {what}; at most {limit} are allowed. Leave some out.")
    return found


def _kept(field: str, old: object, new: object, remove: tuple[str, ...]) -> object:
    if field in remove:
        return None
    return old if new is None else new


def _duration(seconds: int) -> int:
    if not 0 <= seconds <= LONGEST:
        raise Invalid(f"The duration of {seconds} seconds is not between 0 and {LONGEST:,}. Correct it.")
    return seconds


def _amount(kind: InteractionKind, amount: Money | None) -> Money | None:
    if amount is not None and kind not in PAID:
        raise Invalid(f"An interaction of the kind {kind} has no amount. Leave it out, or name a purchase.")
    return optional("amount", amount)


def _items(kind: InteractionKind, items: Iterable[Item]) -> tuple[Item, ...]:
    found = _few("items", tuple(_item(item) for item in items), ITEMS_LIMIT)
    if found and kind not in PAID:
        raise Invalid(f"An interaction of the kind {kind} has no items. Leave them out, or name a purchase.")
    if len({item.price.currency for item in found if item.price is not None}) > 1:
        raise Invalid("The items are in several currencies. Give all prices in one.")
    return found


def _item(item: Item) -> Item:
    quantity = plain("quantity", item.quantity)
    if quantity <= Decimal(0):
        raise Invalid(f"The quantity {quantity} is not above 0. Leave the item out, or correct it.")
    return Item(
        product_id=item.product_id,
        sku=optional_line("sku", item.sku),
        quantity=quantity,
        price=None if item.price is None else checked("price", item.price),
    )


def _survey(kind: InteractionKind, survey: Survey | None) -> Survey | None:
    if (kind == "survey_answer") != (survey is not None):
        raise Invalid(
            "An interaction has a survey exactly when it is a survey_answer. Name both, or neither."
        )
    if survey is not None:
        _one_of("survey question", survey.question, get_args(Question))
        _in_range(survey.question, survey.score)
    return survey


def _in_range(question: Question, score: int) -> None:
    least, most = SCORES[question]
    if not least <= score <= most:
        raise Invalid(
            f"The score {score} of a {question} answer is not between {least} and {most}. Correct it."
        )


def _score(state: Interaction, score: int | None) -> tuple[FieldChange, ...]:
    if score is None:
        return ()
    if state.survey is None:
        raise Invalid(f"An interaction of the kind {state.kind} has no score. Leave it out.")
    _in_range(state.survey.question, score)
    return changed("score", state.survey.score, score)


def _attachment(given: Attachment) -> Attachment:
    if not _SHA256.fullmatch(given.sha256):
        raise Invalid("An attachment's sha256 is not 64 hexadecimal digits in lower case. Correct it.")
    if not _MEDIA_TYPE.fullmatch(given.media_type):
        raise Invalid("An attachment's media type is not valid. Give one such as application/pdf.")
    if not 0 <= given.size <= 2**53:
        raise Invalid(f"An attachment's size of {given.size} bytes is negative. Correct it.")
    return Attachment(
        reference=line("reference of an attachment", given.reference),
        sha256=given.sha256,
        media_type=given.media_type,
        size=given.size,
    )


def _file_names(names: tuple[str, ...], attachments: int) -> str | None:
    if not names:
        return None
    if len(names) != attachments:
        raise Invalid(
            f"There are {len(names)} file names for {attachments} attachments. Give one for each, or none."
        )
    return "\n".join(line("file name", name) for name in names)


def decide(command: Any, state: Any, repository: Repository) -> Events:
    """Returns the events that follow from a command. Recording one, whose id is derived, has a handler."""
    match command:
        case CorrectInteraction():
            corrected = correct(
                state,
                direction=command.direction,
                channel=command.channel,
                contact_id=command.contact_id,
                duration_seconds=command.duration_seconds,
                score=command.score,
                amount=command.amount,
                items=command.items,
                subject=command.subject,
                body=command.body,
                reason=command.reason,
                remove=command.remove,
            )
            if command.contact_id is not None:
                repository.load("contact", command.contact_id)
            return corrected
        case LinkInteraction():
            return link(
                state,
                customer_id=command.customer_id,
                opportunity_id=command.opportunity_id,
                case_id=command.case_id,
            )
        case _:
            raise undecided(command)
