"""Any sequence of commands on all aggregates, beside a small model that was written without the tables.

The model says of each command whether it may be done, and what the records are then. Laws subclass
`CrmMachine` and look at what they are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule

from commands import customer as c
from commands import opportunity as o
from commands import principal as p
from commands import product as d
from domain.errors import DomainError
from domain.money import Money
from domain.opportunity import LineItem
from tests.support.memory import Desk

OPEN = {
    "sales": {"prospecting": 10, "qualification": 20, "proposal": 50, "negotiation": 80},
    "renewal": {"due": 70},
}
CLOSED = {"sales": ("won", "lost"), "renewal": ("renewed", "churned")}
REASONS = {"sales": ("price", "no-decision", "other"), "renewal": ("churn",)}
STAGES = st.sampled_from([*OPEN["sales"], *OPEN["renewal"], "won", "lost", "renewed", "nowhere"])
MONEY = st.builds(Money, amount=st.integers(-1, 3).map(Decimal), currency=st.sampled_from(["USD", "EUR"]))
SOMETIMES = st.integers(0, 3).map(lambda number: number == 0)


@dataclass
class Deal:
    """What the model knows of an opportunity."""

    pipeline: str
    stage: str
    last_open: str
    probability: int
    outcome: str = "open"
    overridden: bool = False
    closes: list[str] = field(default_factory=list)


@dataclass
class Party:
    """What the model knows of a customer: its kind, and whom it was merged into."""

    kind: str
    into: UUID | None = None


def summable(amount: Money | None) -> bool:
    """Whether an opportunity may have it: none, or dollars as its pipeline; euros would need a rate."""
    return amount is None or (amount.amount >= 0 and amount.currency == "USD")


class CrmMachine(RuleBasedStateMachine):
    """Rules that send commands. `judge` hears of each whether the model allows it and whether it was done."""

    customers: Bundle[UUID] = Bundle("customers")
    principals: Bundle[UUID] = Bundle("principals")
    products: Bundle[UUID] = Bundle("products")

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.deals: dict[UUID, Deal] = {}
        self.parties: dict[UUID, Party] = {}
        self.active: dict[UUID, bool] = {}
        self.managers: dict[UUID, UUID] = {}
        self.offered: dict[UUID, bool] = {}

    def judge(self, command: Any, *, allowed: bool, refusal: DomainError | None) -> None:
        """For laws to override."""

    def act(self, command: Any, allowed: bool) -> UUID | None:
        """Sends a command; the id of its record where it was done."""
        self.desk.later(seconds=1)
        try:
            outcome = self.desk.do(command)
        except DomainError as refusal:
            self.judge(command, allowed=allowed, refusal=refusal)
            return None
        self.judge(command, allowed=allowed, refusal=None)
        id: UUID = outcome.id
        return id

    @initialize(target=principals)
    def somebody(self) -> UUID:
        return self._principal()

    @initialize(target=customers)
    def some_customers(self) -> Any:
        return multiple(self._customer("organisation"), self._customer("organisation"))

    @rule(target=principals)
    def register_principal(self) -> UUID:
        return self._principal()

    def _principal(self) -> UUID:
        id = self.act(p.RegisterPrincipal(kind="agent", name="Ann"), True)
        assert id is not None
        self.active[id] = True
        return id

    @rule(id=principals, on=st.booleans())
    def switch_principal(self, id: UUID, on: bool) -> None:
        command = p.ReactivatePrincipal(principal_id=id) if on else p.DeactivatePrincipal(principal_id=id)
        if self.act(command, self.active[id] != on):
            self.active[id] = on

    @rule(target=products, price=MONEY)
    def register_product(self, price: Money) -> Any:
        id = self.act(d.RegisterProduct(name="GTX", list_price=price), price.amount >= 0)
        if id is None:
            return multiple()
        self.offered[id] = True
        return id

    @rule(id=products, on=st.booleans())
    def switch_product(self, id: UUID, on: bool) -> None:
        command = d.ReintroduceProduct(product_id=id) if on else d.DiscontinueProduct(product_id=id)
        if self.act(command, self.offered[id] != on):
            self.offered[id] = on

    @rule(target=customers, kind=st.sampled_from(["person", "organisation"]))
    def register_customer(self, kind: Any) -> UUID:
        return self._customer(kind)

    def _customer(self, kind: Any) -> UUID:
        id = self.act(c.RegisterCustomer(kind=kind, name="Isdom", tags=("vip",)), True)
        assert id is not None
        self.parties[id] = Party(kind)
        return id

    @rule(loser=customers, survivor=customers)
    def merge(self, loser: UUID, survivor: UUID) -> None:
        one, other = self.parties[loser], self.parties[survivor]
        allowed = loser != survivor and one.into is None and other.into is None and one.kind == other.kind
        if self.act(c.MergeCustomers(loser_id=loser, survivor_id=survivor), allowed):
            one.into = survivor


class PeopleMachine(CrmMachine):
    """Customers, principals and products in depth."""

    @rule(id=CrmMachine.principals, manager=CrmMachine.principals, name=st.sampled_from(["Ann", "Anna"]))
    def change_principal(self, id: UUID, manager: UUID, name: str) -> None:
        same = self.managers.get(id) == manager
        allowed = id != manager and id not in self._managers_above(manager)
        allowed = allowed and (same or self.active[manager])
        if self.act(p.ChangePrincipal(principal_id=id, name=name, manager_id=manager), allowed):
            self.managers[id] = manager

    def _managers_above(self, id: UUID) -> set[UUID]:
        above: set[UUID] = set()
        current: UUID | None = id
        while current is not None:
            current = self.managers.get(current)
            above |= {current} if current else set()
        return above

    @rule(id=CrmMachine.products, price=MONEY)
    def change_price(self, id: UUID, price: Money) -> None:
        self.act(d.ChangePrice(product_id=id, price=price), self.offered[id] and price.amount >= 0)

    @rule(
        id=CrmMachine.customers,
        name=st.sampled_from(["Isdom", "Bubba"]),
        sector=st.sampled_from("ab"),
        tag=SOMETIMES,
    )
    def change_customer(self, id: UUID, name: str, sector: str, tag: bool) -> None:
        changes: Any = {"add_tags": ("new",)} if tag else {"remove_tags": ("vip",)}
        command = c.ChangeCustomer(customer_id=id, name=name, attributes={"sector": sector}, **changes)
        self.act(command, self.parties[id].into is None)

    @rule(id=CrmMachine.customers, owner=CrmMachine.principals)
    def assign_customer_owner(self, id: UUID, owner: UUID) -> None:
        allowed = self.parties[id].into is None and self.active[owner]
        self.act(c.AssignCustomerOwner(customer_id=id, owner_id=owner), allowed)

    @rule(id=CrmMachine.customers)
    def unmerge(self, id: UUID) -> None:
        if self.act(c.UnmergeCustomer(customer_id=id), self.parties[id].into is not None):
            self.parties[id].into = None


class OpportunityMachine(CrmMachine):
    """Opportunities in depth; whom they name comes and goes."""

    opportunities: Bundle[UUID] = Bundle("opportunities")

    @initialize(target=opportunities, stage=st.sampled_from(list(OPEN["sales"])))
    def an_opportunity(self, stage: str) -> UUID:
        id = self.act(o.OpenOpportunity(pipeline="sales", stage=stage), True)
        assert id is not None
        self.deals[id] = Deal("sales", stage, stage, OPEN["sales"][stage])
        return id

    @rule(
        target=opportunities,
        pipeline=st.sampled_from(["sales", "sales", "renewal", "none"]),
        stage=st.none() | STAGES,
        customer=st.none() | CrmMachine.customers,
        amount=st.none() | MONEY,
    )
    def open(self, pipeline: str, stage: str | None, customer: UUID | None, amount: Money | None) -> Any:
        stages = OPEN.get(pipeline, {})
        allowed = pipeline in OPEN and (stage is None or stage in stages)
        allowed = allowed and (customer is None or self.parties[customer].into is None)
        allowed = allowed and summable(amount)
        id = self.act(
            o.OpenOpportunity(pipeline=pipeline, stage=stage, customer_id=customer, amount=amount), allowed
        )
        if id is None:
            return multiple()
        entered = stage or next(iter(stages))
        self.deals[id] = Deal(pipeline, entered, entered, stages[entered])
        return id

    def _enter(self, deal: Deal, stage: str) -> None:
        deal.stage = deal.last_open = stage
        deal.outcome, deal.overridden = "open", False
        deal.probability = OPEN[deal.pipeline][stage]

    @rule(id=opportunities, stage=STAGES)
    def move(self, id: UUID, stage: str) -> None:
        deal = self.deals[id]
        allowed = deal.outcome == "open" and stage in OPEN[deal.pipeline]
        if self.act(o.MoveStage(opportunity_id=id, stage=stage), allowed) and stage != deal.stage:
            self._enter(deal, stage)

    @rule(id=opportunities, amount=st.none() | MONEY)
    def win(self, id: UUID, amount: Money | None) -> None:
        deal = self.deals[id]
        allowed = deal.outcome == "open" and summable(amount)
        if self.act(o.WinOpportunity(opportunity_id=id, amount=amount), allowed):
            self._close(deal, "won", 100)

    @rule(
        id=opportunities,
        reason=st.sampled_from(["price", "other", "churn", "rain"]),
        note=st.sampled_from([None, "", "They said no."]),
    )
    def lose(self, id: UUID, reason: str, note: str | None) -> None:
        deal = self.deals[id]
        allowed = deal.outcome == "open" and reason in REASONS[deal.pipeline]
        allowed = allowed and note != "" and (reason != "other" or note is not None)
        if self.act(o.LoseOpportunity(opportunity_id=id, reason=reason, note=note), allowed):
            self._close(deal, "lost", 0)

    def _close(self, deal: Deal, outcome: str, probability: int) -> None:
        deal.outcome, deal.probability, deal.overridden = outcome, probability, False
        deal.stage = CLOSED[deal.pipeline][outcome == "lost"]
        deal.closes.append(outcome)

    @rule(id=opportunities)
    def reopen(self, id: UUID) -> None:
        deal = self.deals[id]
        if self.act(o.ReopenOpportunity(opportunity_id=id), deal.outcome != "open"):
            self._enter(deal, deal.last_open)

    @rule(id=opportunities, probability=st.sampled_from([-1, 0, 35, 100, 101]))
    def override(self, id: UUID, probability: int) -> None:
        deal = self.deals[id]
        allowed = deal.outcome == "open" and 0 <= probability <= 100
        done = self.act(o.OverrideProbability(opportunity_id=id, probability=probability), allowed)
        if done and probability != deal.probability:
            deal.probability, deal.overridden = probability, True

    @rule(id=opportunities, amount=MONEY)
    def change_amount(self, id: UUID, amount: Money) -> None:
        allowed = self.deals[id].outcome == "open" and summable(amount)
        self.act(o.ChangeAmount(opportunity_id=id, amount=amount), allowed)

    @rule(id=opportunities, category=st.sampled_from(["commit", "omitted", "certain"]))
    def change_forecast(self, id: UUID, category: Any) -> None:
        allowed = self.deals[id].outcome == "open" and category != "certain"
        self.act(o.ChangeForecastCategory(opportunity_id=id, category=category), allowed)

    @rule(id=opportunities, product=CrmMachine.products, quantity=st.integers(0, 2))
    def change_products(self, id: UUID, product: UUID, quantity: int) -> None:
        price = Money(amount=Decimal(5), currency="USD")
        item = LineItem(product_id=product, quantity=Decimal(quantity), price=price, discount=Decimal(0))
        known = product in self._products_of(id)
        allowed = self.deals[id].outcome == "open" and quantity > 0 and (known or self.offered[product])
        self.act(o.ChangeProducts(opportunity_id=id, items=(item,)), allowed)

    def _products_of(self, id: UUID) -> Sequence[UUID]:
        changes = [e.payload for e in self.desk.crm.events(id) if hasattr(e.payload, "items")]
        return [item.product_id for item in changes[-1].items] if changes else []

    @rule(id=opportunities, customer=CrmMachine.customers)
    def link(self, id: UUID, customer: UUID) -> None:
        self.act(o.LinkCustomer(opportunity_id=id, customer_id=customer), self.parties[customer].into is None)

    @rule(id=opportunities, owner=CrmMachine.principals)
    def assign_owner(self, id: UUID, owner: UUID) -> None:
        self.act(o.AssignOwner(opportunity_id=id, owner_id=owner), self.active[owner])
