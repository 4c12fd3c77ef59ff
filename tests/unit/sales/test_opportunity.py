"""Opportunity: given what happened, a command has its effect, or a sentence says why not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.customers.customer.commands import MergeCustomers, RegisterCustomer
from domain.directory.principal.commands import DeactivatePrincipal, RegisterPrincipal
from domain.kernel.errors import Invalid, MoveRefused, NotFound, TimeRefused
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.sales.opportunity import state as opportunity
from domain.sales.opportunity.commands import (
    AssignOwner,
    ChangeAmount,
    ChangeCloseDate,
    ChangeForecastCategory,
    ChangeProducts,
    ChangeTeam,
    LinkCustomer,
    LoseOpportunity,
    MoveStage,
    OpenOpportunity,
    OverrideProbability,
    ReopenOpportunity,
    WinOpportunity,
)
from domain.sales.opportunity.events import LineItem
from domain.sales.opportunity.state import Opportunity
from domain.sales.product.commands import DiscontinueProduct, RegisterProduct
from tests.support.memory import START, Desk


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


class Story:
    """One opportunity on a desk."""

    def __init__(self, **opened: Any) -> None:
        self.desk = Desk()
        self.id: UUID = self.desk.do(OpenOpportunity(**{"pipeline": "sales", **opened})).id

    def do(self, command: type[Any], **arguments: Any) -> Any:
        self.desk.later()
        return self.desk.do(command(id=self.id, **arguments))

    @property
    def state(self) -> Opportunity:
        return self.desk.crm.load("opportunity", opportunity.evolve, self.id)

    @property
    def last(self) -> Any:
        return self.desk.crm.events(self.id)[-1].payload


def test_it_opens_in_the_first_stage_with_that_stages_probability() -> None:
    story = Story()
    assert (story.state.stage, story.state.probability, story.state.outcome) == ("prospecting", 10, "open")
    assert story.last.skipped == ()
    assert story.state.time == story.state.stage_entered == START


def test_opening_further_on_records_what_was_skipped() -> None:
    story = Story(stage="proposal", imported=True)
    assert (story.state.stage, story.state.probability) == ("proposal", 50)
    assert story.last.skipped == ("prospecting", "qualification")


def test_its_party_is_its_customer_only_when_named_at_the_opening() -> None:
    desk = Desk()
    customer = desk.do(RegisterCustomer(kind="organisation", name="Isdom")).id
    with_customer = desk.do(OpenOpportunity(pipeline="sales", customer_id=customer)).id
    without = desk.do(OpenOpportunity(pipeline="sales")).id
    desk.do(LinkCustomer(id=without, customer_id=customer))
    assert {event.party for event in desk.crm.events(with_customer)} == {customer}
    assert {event.party for event in desk.crm.events(without)} == {without}
    linked = desk.crm.load("opportunity", opportunity.evolve, without)
    assert linked.customer_id == customer


def test_a_skip_forward_and_a_move_back_are_recorded_as_such() -> None:
    story = Story()
    story.do(MoveStage, stage="negotiation")
    assert (story.last.direction, story.last.skipped) == ("forward", ("qualification", "proposal"))
    story.do(MoveStage, stage="qualification")
    assert (story.last.direction, story.last.skipped) == ("back", ())
    assert (story.state.stage, story.state.probability) == ("qualification", 20)


def test_a_close_names_the_pipelines_own_stage_and_what_was_skipped() -> None:
    story = Story(pipeline="renewal", amount=usd("100"))
    story.do(WinOpportunity, amount=usd("90"))
    assert (story.last.to_stage, story.last.skipped) == ("renewed", ())
    assert story.state.amount == usd("90")
    other = Story(stage="qualification")
    other.do(LoseOpportunity, reason="price", competitor="Acme")
    assert (other.last.to_stage, other.last.skipped) == ("lost", ("proposal", "negotiation"))
    assert (other.state.probability, other.state.outcome) == (0, "lost")


def test_a_close_without_an_amount_keeps_it_and_a_loss_for_nothing_says_so() -> None:
    story = Story(amount=usd("1054"))
    story.do(WinOpportunity)
    assert story.state.amount == usd("1054")
    other = Story(amount=usd("1054"))
    other.do(LoseOpportunity, reason="price", amount=usd("0"))
    assert other.state.amount == usd("0")


def test_reopening_leads_to_the_last_open_stage_and_keeps_every_close() -> None:
    story = Story(stage="proposal")
    story.do(OverrideProbability, probability=65)
    story.do(LoseOpportunity, reason="other", note="Their budget went to another project.")
    story.do(ReopenOpportunity)
    assert (story.last.to_stage, story.last.closed_as, story.last.from_stage) == ("proposal", "lost", "lost")
    assert (story.state.stage, story.state.probability, story.state.outcome) == ("proposal", 50, "open")
    story.do(MoveStage, stage="negotiation")
    story.do(WinOpportunity)
    story.do(ReopenOpportunity)
    assert story.state.stage == "negotiation"
    assert [(close.outcome, close.from_stage) for close in story.state.closes] == [
        ("lost", "proposal"),
        ("won", "negotiation"),
    ]
    assert story.state.closes[0].note == "Their budget went to another project."


def test_an_overridden_probability_says_so_until_the_next_stage() -> None:
    story = Story()
    story.do(OverrideProbability, probability=35)
    assert (story.state.probability, story.state.probability_overridden) == (35, True)
    assert (story.last.stage, story.last.old, story.last.new) == ("prospecting", 10, 35)
    story.do(MoveStage, stage="qualification")
    assert (story.state.probability, story.state.probability_overridden) == (20, False)


def test_each_change_names_what_was_before() -> None:
    story = Story(amount=usd("10"), expected_close=date(2026, 4, 1))
    ann = story.desk.do(RegisterPrincipal(kind="agent", name="Ann")).id
    bob = story.desk.do(RegisterPrincipal(kind="agent", name="Bob")).id
    gtx = story.desk.do(RegisterProduct(name="GTX", list_price=usd("550"))).id
    story.do(ChangeAmount, amount=usd("12.50"))
    assert (story.last.old, story.last.new) == (usd("10"), usd("12.5"))
    story.do(ChangeCloseDate, expected_close=date(2026, 5, 1))
    assert (story.last.old, story.last.new) == (date(2026, 4, 1), date(2026, 5, 1))
    story.do(ChangeForecastCategory, category="commit")
    assert (story.last.old, story.last.new) == ("pipeline", "commit")
    story.do(AssignOwner, owner_id=ann)
    story.do(AssignOwner, owner_id=bob)
    assert (story.last.previous_owner_id, story.last.owner_id) == (ann, bob)
    story.do(ChangeTeam, member_ids=(bob, ann, bob))
    assert story.state.team == (bob, ann)
    item = LineItem(product_id=gtx, quantity=Decimal("2.0"), price=usd("500"), discount=Decimal("10"))
    story.do(ChangeProducts, items=(item,))
    assert story.state.items == (item,)
    assert str(story.state.items[0].quantity) == "2"


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (ChangeAmount, {"amount": usd("10.00")}),
        (MoveStage, {"stage": "prospecting"}),
        (ChangeForecastCategory, {"category": "pipeline"}),
        (OverrideProbability, {"probability": 10}),
        (ChangeTeam, {"member_ids": ()}),
        (ChangeProducts, {"items": ()}),
        (ChangeCloseDate, {"expected_close": date(2026, 4, 1)}),
    ],
)
def test_what_is_so_already_is_not_recorded(command: type[Any], arguments: dict[str, Any]) -> None:
    story = Story(amount=usd("10"), expected_close=date(2026, 4, 1))
    outcome = story.do(command, **arguments)
    assert (outcome.version, outcome.position, outcome.ids) == (1, 0, (story.id,))
    assert len(story.desk.crm.stored) == 1


@pytest.mark.parametrize(
    ("command", "arguments", "sentence"),
    [
        (
            WinOpportunity,
            {},
            "The opportunity is won; it cannot be won. Allowed from won: be reopened, be linked to a "
            "customer, be given to an owner, change its team.",
        ),
        (LoseOpportunity, {"reason": "price"}, "The opportunity is won; it cannot be lost."),
        (MoveStage, {"stage": "proposal"}, "The opportunity is won; it cannot move to another stage."),
        (ChangeAmount, {"amount": usd("1")}, "The opportunity is won; it cannot change its amount."),
        (OverrideProbability, {"probability": 1}, "it cannot change its probability."),
        (ChangeCloseDate, {"expected_close": date(2026, 1, 1)}, "it cannot change its expected close."),
        (ChangeForecastCategory, {"category": "commit"}, "it cannot change its forecast category."),
        (ChangeProducts, {"items": ()}, "it cannot change its products."),
    ],
)
def test_what_is_closed_can_only_be_reopened_or_handed_over(
    command: type[Any], arguments: dict[str, Any], sentence: str
) -> None:
    story = Story()
    story.do(WinOpportunity)
    with pytest.raises(MoveRefused) as refusal:
        story.do(command, **arguments)
    assert sentence in str(refusal.value)
    assert len(story.desk.crm.stored) == 2


@pytest.mark.parametrize(
    ("command", "arguments", "sentence"),
    [
        (
            MoveStage,
            {"stage": "closing"},
            "The pipeline sales has no stage 'closing'. Its stages are: prospecting",
        ),
        (MoveStage, {"stage": "Ada's <b>stage</b>"}, "The pipeline sales has no stage of that name."),
        (MoveStage, {"stage": "won"}, "The stage won of the pipeline sales is for won opportunities. Close"),
        (
            LoseOpportunity,
            {"reason": "rain"},
            "has no lost reason 'rain'. Name one of: price, no-decision, other.",
        ),
        (LoseOpportunity, {"reason": "other"}, "The reason other needs a note."),
        (LoseOpportunity, {"reason": "other", "note": " \n"}, "The reason other needs a note."),
        (
            LoseOpportunity,
            {"reason": "price", "competitor": "a\x00b"},
            "The competitor holds a control character.",
        ),
        (ChangeAmount, {"amount": usd("-1")}, "The amount is negative (-1). Give an amount of 0 or more."),
        (WinOpportunity, {"amount": usd("-0.01")}, "The amount is negative (-0.01)."),
        (OverrideProbability, {"probability": 101}, "The probability 101 is not between 0 and 100."),
        (OverrideProbability, {"probability": -1}, "The probability -1 is not between 0 and 100."),
        (
            ChangeForecastCategory,
            {"category": "certain"},
            "There is no forecast category 'certain'. Name one of",
        ),
        (ChangeTeam, {"member_ids": tuple(map(UUID, map("{:032x}".format, range(101))))}, "at most 100"),
    ],
)
def test_arguments_are_refused_with_what_to_do(
    command: type[Any], arguments: dict[str, Any], sentence: str
) -> None:
    story = Story()
    with pytest.raises(Invalid) as refusal:
        story.do(command, **arguments)
    assert sentence in str(refusal.value)
    assert len(story.desk.crm.stored) == 1


def _item(quantity: str = "1", price: Money | None = None, discount: str = "0") -> LineItem:
    return LineItem(
        product_id=UUID(int=1),
        quantity=Decimal(quantity),
        price=price or usd("1"),
        discount=Decimal(discount),
    )


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ((_item(quantity="0"),), "The quantity 0 is not above 0."),
        ((_item(discount="100.5"),), "The discount 100.5 is not between 0 and 100."),
        ((_item(price=usd("-5")),), "The price is negative (-5)."),
        ((_item(), _item(price=Money(amount=Decimal(1), currency="EUR"))), "are in several currencies"),
        ((_item(),) * 501, "There are 501 line items; at most 500"),
    ],
)
def test_line_items_are_refused_with_what_to_do(items: tuple[LineItem, ...], sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        Story().do(ChangeProducts, items=items)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"pipeline": "maven"}, "There is no pipeline 'maven'. The pipelines are: sales, renewal."),
        ({"stage": "lost"}, "The stage lost of the pipeline sales is for lost opportunities."),
        ({"amount": usd("NaN")}, "The amount NaN is not a number."),
        ({"amount": Money(amount=Decimal(1), currency="usd")}, "ISO 4217 has no currency 'usd'."),
        (
            {"amount": Money(amount=Decimal(1), currency="EUR")},
            "The amount is in EUR, and the sums of the pipeline sales are in USD. Give the rate",
        ),
        ({"amount": Money(amount=Decimal(1), currency="USD", rate=Decimal(2))}, "Leave the rate out."),
        ({"original": {"product": ""}}, "The spelling 'product' is empty."),
        ({"reference": Reference(source="maven", external_id=" ")}, "The external id is empty."),
    ],
)
def test_an_opening_is_refused_with_what_to_do(arguments: dict[str, Any], sentence: str) -> None:
    desk = Desk()
    with pytest.raises(Invalid) as refusal:
        desk.do(OpenOpportunity(**{"pipeline": "sales", **arguments}))
    assert sentence in str(refusal.value)
    assert desk.crm.stored == []


def test_whom_and_what_it_names_must_be_there_and_of_that_kind() -> None:
    story = Story()
    for command, arguments, what in (
        (LinkCustomer, {"customer_id": UUID(int=9)}, "customer"),
        (AssignOwner, {"owner_id": UUID(int=9)}, "principal"),
        (ChangeTeam, {"member_ids": (UUID(int=9),)}, "principal"),
        (ChangeProducts, {"items": (_item(),)}, "product"),
        (LinkCustomer, {"customer_id": story.id}, "customer"),
    ):
        with pytest.raises(NotFound, match=f"There is no {what} with the id"):
            story.do(command, **arguments)
    with pytest.raises(NotFound, match="There is no opportunity with the id"):
        story.desk.do(WinOpportunity(id=UUID(int=9)))


def test_who_left_and_what_was_given_up_is_refused_but_for_imported_history() -> None:
    desk = Desk()
    ann = desk.do(RegisterPrincipal(kind="agent", name="Ann")).id
    gtx = desk.do(RegisterProduct(name="GTX", list_price=usd("550"))).id
    one = desk.do(RegisterCustomer(kind="organisation", name="One")).id
    two = desk.do(RegisterCustomer(kind="organisation", name="Two")).id
    desk.do(DeactivatePrincipal(id=ann))
    desk.do(DiscontinueProduct(id=gtx))
    desk.do(MergeCustomers(id=one, survivor_id=two))
    for arguments, sentence in (
        ({"owner_id": ann}, "is deactivated. Name an active one"),
        ({"product_id": gtx}, "is discontinued. Name another one"),
        ({"customer_id": one}, f"was merged into {two}. Name that one."),
    ):
        with pytest.raises(Invalid, match=sentence):
            desk.do(OpenOpportunity(pipeline="sales", **arguments))
    imported = desk.do(
        OpenOpportunity(pipeline="sales", owner_id=ann, product_id=gtx, customer_id=one, imported=True)
    )
    assert imported.version == 1


def test_a_close_before_the_opening_is_refused_with_both_times() -> None:
    story = Story()
    with pytest.raises(TimeRefused) as refusal:
        story.do(WinOpportunity, at=START.replace(year=2025))
    assert "2025-03-01T09:00:00+00:00 precedes the record's last event (2026-03-01" in str(refusal.value)
