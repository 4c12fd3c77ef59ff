"""Interaction: taken in once, corrected and never edited, linked later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

import pytest

from commands.activities import interaction as c
from commands.bulk.recorder import BulkRecorder, History
from commands.store.identifiers import Identifiers
from domain.activities.interaction import commands as c_commands
from domain.activities.interaction import state as interaction
from domain.activities.interaction.events import Attachment, InteractionKind, Item, Survey
from domain.activities.interaction.state import Interaction
from domain.customers.contact.commands import RegisterContact
from domain.customers.customer.commands import MergeCustomers, RegisterCustomer
from domain.kernel.errors import AlreadyRecorded, DomainError, Invalid, NotFound
from domain.kernel.money import Money
from domain.kernel.values import FieldChange, Reference
from domain.sales.opportunity.commands import OpenOpportunity
from domain.service.case.commands import OpenCase
from tests.support.memory import START, Desk

FILE = Attachment(reference="s3://files/1", sha256="0" * 64, media_type="application/pdf", size=12)
WHEN = datetime(1997, 1, 1, tzinfo=UTC)


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def command(**more: Any) -> c_commands.RecordInteraction:
    given: dict[str, Any] = {
        "kind": "purchase",
        "direction": "inbound",
        "channel": "shop",
        "reference": Reference(source="shop", external_id="order 1"),
        "amount": usd("12.77"),
        "items": (Item(sku="cd", quantity=Decimal(2)),),
        "at": WHEN,
    }
    return c_commands.RecordInteraction(**(given | more))


def email(**more: Any) -> c_commands.RecordInteraction:
    return command(**({"kind": "email", "amount": None, "items": (), "body": "Dear Ada"} | more))


def answer(question: Any, score: int) -> c_commands.RecordInteraction:
    survey = Survey(question=question, score=score)
    return command(kind="survey_answer", amount=None, items=(), survey=survey)


def state(desk: Desk, id: UUID) -> Interaction:
    return desk.crm.load("interaction", interaction.evolve, id)


@pytest.mark.parametrize("kind", get_args(InteractionKind))
def test_every_kind_is_taken_with_what_belongs_to_it_and_corrected(kind: InteractionKind) -> None:
    """Money and items belong to purchases and returns, an answer to a survey's; words to each."""
    paid = kind in ("purchase", "return")
    amount = usd("12.77") if paid else None
    items = (Item(sku="cd", quantity=Decimal(2)),) if paid else ()
    survey = Survey(question="nps", score=9) if kind == "survey_answer" else None
    desk = Desk()
    id = desk.do(command(kind=kind, amount=amount, items=items, survey=survey, subject="Hello")).id
    desk.do(c_commands.CorrectInteraction(id=id, channel="phone"))
    found = state(desk, id)
    assert (found.kind, found.amount, found.items, found.survey) == (kind, amount, items, survey)
    assert (found.subject, found.channel, found.corrections) == ("Hello", "phone", 1)


def test_its_id_and_digest_follow_from_what_was_said_for_ever() -> None:
    found = c.identified(command(), Identifiers(b"i" * 32))
    assert str(found.id) == "60bddb47-6670-86ba-897a-13bd859afd76"
    assert found.payload.source_digest == ("6d3a074b18d1b530e6dfd09c21e0bcdf4e8a9c7029ca3f5faf72af44fe5f8a89")


@pytest.mark.parametrize(
    "other",
    [
        command(amount=usd("12.78")),
        command(channel="web"),
        command(items=(Item(sku="cd", quantity=Decimal(3)),)),
        command(at=WHEN + timedelta(seconds=1)),
        command(at=None),
        command(subject="CDs"),
        command(participants=(UUID(int=1),)),
        command(attachments=(FILE,)),
    ],
)
def test_another_content_has_another_digest_and_is_refused(other: c_commands.RecordInteraction) -> None:
    desk = Desk()
    id = desk.do(command()).id
    with pytest.raises(AlreadyRecorded, match=f"as {id}. Correct that one"):
        desk.do(other)
    assert len(desk.crm.stored) == 1


@pytest.mark.parametrize(
    "same",
    [
        command(),
        command(channel=" shop "),
        command(amount=usd("12.770")),
        command(imported=True),
        command(reference=Reference(source=" shop", external_id="order 1 ")),
        command(at=WHEN.astimezone().astimezone(UTC)),
    ],
)
def test_the_same_content_changes_nothing_however_it_is_written(same: c_commands.RecordInteraction) -> None:
    desk = Desk()
    first = desk.do(command())
    again = desk.do(same)
    assert (again.id, again.version, again.position) == (first.id, 1, 0)
    assert len(desk.crm.stored) == 1


def test_it_is_known_again_after_its_customer_was_merged() -> None:
    desk = Desk()
    gone, stays = (desk.do(RegisterCustomer(kind="organisation", name="Isdom")).id for _ in range(2))
    first = desk.do(command(customer_id=gone))
    assert desk.crm.events(first.id)[0].party == gone
    desk.do(MergeCustomers(id=gone, survivor_id=stays))
    assert desk.do(command(customer_id=gone)).id == first.id
    with pytest.raises(Invalid, match="was merged into"):
        desk.do(command(customer_id=gone, reference=Reference(source="shop", external_id="2")))


def test_without_a_customer_it_is_its_own_party() -> None:
    desk = Desk()
    id = desk.do(command()).id
    assert desk.crm.events(id)[0].party == id
    assert state(desk, id).occurred == WHEN


def test_a_correction_says_what_was_and_what_is_and_the_first_words_stay() -> None:
    desk = Desk()
    id = desk.do(command(subject="Order", duration_seconds=60)).id
    desk.do(
        c_commands.CorrectInteraction(
            id=id,
            amount=usd("11.77"),
            channel="web",
            remove=("duration_seconds",),
            reason="A slip.",
        )
    )
    first, corrected = (event.payload for event in desk.crm.events(id))
    assert corrected.changes == (
        FieldChange(field="channel", old="shop", new="web"),
        FieldChange(field="duration_seconds", old="60"),
    )
    assert (corrected.amount_before, corrected.amount) == (usd("12.77"), usd("11.77"))
    assert (first.amount, first.channel) == (usd("12.77"), "shop")
    now = state(desk, id)
    assert (now.amount, now.channel, now.duration_seconds, now.corrections) == (usd("11.77"), "web", None, 1)
    assert (now.subject, now.items) == ("Order", (Item(sku="cd", quantity=Decimal(2)),))
    assert desk.do(c_commands.CorrectInteraction(id=id, channel="web", reason="Again.")).position == 0


def test_its_texts_are_closed_for_its_participants_also_when_corrected() -> None:
    desk = Desk()
    ada = desk.do(RegisterCustomer(kind="person", name="Ada Lovelace")).id
    id = desk.do(email(participants=(ada,), attachments=(FILE,), file_names=("Ada.pdf",))).id
    desk.do(c_commands.CorrectInteraction(id=id, body="Dear Ada!", reason="Ada's wish"))
    assert state(desk, id).file_names == "Ada.pdf"
    assert b"Ada" not in b"".join(encoded for _, _, encoded in desk.crm.stored)
    assert [b'"interaction-email/' in encoded for _, _, encoded in desk.crm.stored] == [False, True, True]
    desk.crm.cipher.destroyed.add(ada)
    closed = state(desk, id)
    assert not any(isinstance(text, str) for text in (closed.body, closed.file_names))
    assert closed.attachments == (FILE,)


def test_it_is_linked_to_a_customer_an_opportunity_and_a_case_later() -> None:
    desk = Desk()
    buyer = desk.do(RegisterCustomer(kind="organisation", name="Isdom")).id
    deal = desk.do(OpenOpportunity(pipeline="sales")).id
    ticket = desk.do(OpenCase(kind="complaint")).id
    id = desk.do(command()).id
    link = c_commands.LinkInteraction(id=id, customer_id=buyer, opportunity_id=deal, case_id=ticket)
    desk.do(link)
    linked = state(desk, id)
    assert (linked.customer_id, linked.opportunity_id, linked.case_id) == (buyer, deal, ticket)
    assert linked.party == id
    assert [type(event.payload).__name__ for event in desk.crm.events(id)[1:]] == ["CustomerLinked", "Linked"]
    assert desk.do(link).position == 0
    with pytest.raises(NotFound, match="There is no case with the id"):
        desk.do(c_commands.LinkInteraction(id=id, case_id=deal))


@pytest.mark.parametrize(("question", "score"), [("csat", 1), ("csat", 5), ("nps", 0), ("nps", 10)])
def test_an_answer_is_within_its_scale(question: Any, score: int) -> None:
    desk = Desk()
    id = desk.do(answer(question, score)).id
    desk.do(c_commands.CorrectInteraction(id=id, score=3))
    corrected = state(desk, id).survey
    assert corrected == Survey(question=question, score=3)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (command(kind="fax"), "There is no kind of interaction 'fax'"),
        (command(direction="up"), "There is no direction 'up'"),
        (command(channel=""), "The channel is empty"),
        (command(amount=usd("-1")), "The amount is negative"),
        (email(amount=usd("1")), "An interaction of the kind email has no amount"),
        (email(items=(Item(quantity=Decimal(1)),)), "has no items"),
        (command(items=(Item(quantity=Decimal(0)),)), "The quantity 0 is not above 0"),
        (command(duration_seconds=-1), "The duration of -1 seconds"),
        (answer("csat", 0), "The score 0 of a csat answer is not between 1 and 5"),
        (answer("nps", 11), "The score 11 of a nps answer is not between 0 and 10"),
        (answer("mood", 1), "There is no survey question 'mood'"),
        (command(survey=Survey(question="csat", score=1)), "exactly when it is a survey_answer"),
        (email(attachments=(Attachment(reference="x", sha256="0", media_type="a/b", size=1),)), "64 hex"),
        (
            email(attachments=(Attachment(reference="x", sha256="0" * 64, media_type="pdf", size=1),)),
            "media type is not valid",
        ),
        (email(attachments=(FILE,), file_names=("a", "b")), "2 file names for 1 attachments"),
        (email(participants=tuple(UUID(int=n) for n in range(101))), "There are 101 participants"),
        (email(body="x" * 20_001), "Keep the long text as an attachment"),
        (command(reference=Reference(source="shop", external_id=" ")), "The external id is empty"),
        (command(at=datetime(1997, 1, 1)), "has no time zone"),  # noqa: DTZ001
        (command(customer_id=UUID(int=9)), "There is no customer with the id"),
        (command(contact_id=UUID(int=9)), "There is no contact with the id"),
        (command(case_id=UUID(int=9)), "There is no case with the id"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence_one_by_one_and_in_bulk(wrong: Any, told: str) -> None:
    desk = Desk()
    with pytest.raises(DomainError) as refusal:
        desk.do(wrong)
    assert told in str(refusal.value)
    recorder = BulkRecorder(desk.commands, desk.claim_table, desk.context())
    good = command(reference=Reference(source="shop", external_id="order 2"))
    bad, done = recorder.record([History(commands=(wrong,)), History(commands=(good,))])
    assert (bad.state, done.state) == ("failed", "created")
    assert str(bad.error) == str(refusal.value)
    assert len(desk.crm.stored) == 1


def test_in_bulk_it_is_recorded_as_by_itself_and_once_within_one_run() -> None:
    single, desk = Desk(), Desk()
    single.do(command())
    recorder = BulkRecorder(desk.commands, desk.claim_table, desk.context())
    histories = [History(commands=(each,)) for each in (command(), command(), command(channel="web"))]
    assert [outcome.state for outcome in recorder.record(histories)] == ["created", "unchanged", "failed"]
    assert desk.crm.events() == single.crm.events()
    assert [outcome.state for outcome in recorder.record(histories)] == ["unchanged", "unchanged", "failed"]
    assert desk.crm.events()[0].recorded == START


def test_in_bulk_a_record_of_another_kind_is_not_taken_for_the_one_named() -> None:
    desk = Desk()
    buyer = desk.do(RegisterCustomer(kind="organisation", name="Isdom")).id
    ada = desk.do(RegisterContact(customer_id=buyer, name="Ada")).id
    recorder = BulkRecorder(desk.commands, desk.claim_table, desk.context())
    good, bad = (
        command(customer_id=buyer, contact_id=ada),
        command(customer_id=ada, reference=Reference(source="shop", external_id="2")),
    )
    outcomes = recorder.record([History(commands=(good,)), History(commands=(bad,))])
    assert [outcome.state for outcome in outcomes] == ["created", "failed"]
    assert isinstance(outcomes[1].error, NotFound)


def test_a_history_that_needs_a_claim_and_has_none_is_a_mistake_of_the_program() -> None:
    desk = Desk()
    recorder = BulkRecorder(desk.commands, desk.claim_table, desk.context())
    with pytest.raises(TypeError, match="needs a claim"):
        recorder.record([History(commands=(OpenOpportunity(pipeline="sales"),))])
