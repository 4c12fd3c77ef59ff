"""Opportunities, beside a small model that was written without the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, rule

from domain.kernel.money import Money
from domain.sales.opportunity import commands as o
from domain.sales.opportunity.events import LineItem
from tests.support.machine import (
    CLAIMS,
    CLOSED,
    MONEY,
    OPEN,
    REASONS,
    SOMETIMES,
    STAGES,
    CrmMachine,
    Deal,
    summable,
)


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
        owner=st.none() | CrmMachine.principals,
        amount=st.none() | MONEY,
        imported=SOMETIMES,
        external_id=CLAIMS,
    )
    def open(
        self,
        pipeline: str,
        stage: str | None,
        customer: UUID | None,
        owner: UUID | None,
        amount: Money | None,
        imported: bool,
        external_id: str | None,
    ) -> Any:
        """Imported history may name whoever is merged or has left since."""
        stages = OPEN.get(pipeline, {})
        allowed = pipeline in OPEN and (stage is None or stage in stages)
        allowed = allowed and (customer is None or imported or self.parties[customer].into is None)
        allowed = allowed and (owner is None or imported or self.active[owner])
        allowed = allowed and summable(amount)
        command = o.OpenOpportunity(
            pipeline=pipeline,
            stage=stage,
            customer_id=customer,
            owner_id=owner,
            amount=amount,
            imported=imported,
        )
        id = self.make(command, allowed, external_id)
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
        if self.act(o.MoveStage(id=id, stage=stage), allowed) and stage != deal.stage:
            self._enter(deal, stage)

    @rule(id=opportunities, amount=st.none() | MONEY)
    def win(self, id: UUID, amount: Money | None) -> None:
        deal = self.deals[id]
        allowed = deal.outcome == "open" and summable(amount)
        if self.act(o.WinOpportunity(id=id, amount=amount), allowed):
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
        if self.act(o.LoseOpportunity(id=id, reason=reason, note=note), allowed):
            self._close(deal, "lost", 0)

    def _close(self, deal: Deal, outcome: str, probability: int) -> None:
        deal.outcome, deal.probability, deal.overridden = outcome, probability, False
        deal.stage = CLOSED[deal.pipeline][outcome == "lost"]
        deal.closes.append(outcome)

    @rule(id=opportunities)
    def reopen(self, id: UUID) -> None:
        deal = self.deals[id]
        if self.act(o.ReopenOpportunity(id=id), deal.outcome != "open"):
            self._enter(deal, deal.last_open)

    @rule(id=opportunities, probability=st.sampled_from([-1, 0, 35, 100, 101]))
    def override(self, id: UUID, probability: int) -> None:
        deal = self.deals[id]
        allowed = deal.outcome == "open" and 0 <= probability <= 100
        done = self.act(o.OverrideProbability(id=id, probability=probability), allowed)
        if done and probability != deal.probability:
            deal.probability, deal.overridden = probability, True

    @rule(id=opportunities, amount=MONEY)
    def change_amount(self, id: UUID, amount: Money) -> None:
        allowed = self.deals[id].outcome == "open" and summable(amount)
        self.act(o.ChangeAmount(id=id, amount=amount), allowed)

    @rule(id=opportunities, day=st.dates(date(2026, 1, 1), date(2026, 1, 3)))
    def change_close_date(self, id: UUID, day: date) -> None:
        deal = self.deals[id]
        command = o.ChangeCloseDate(id=id, expected_close=day)
        if self.act(command, deal.outcome == "open"):
            deal.expected_close = day

    @rule(id=opportunities, members=st.lists(CrmMachine.principals, max_size=3))
    def change_team(self, id: UUID, members: list[UUID]) -> None:
        """Whoever has left stays where they were, and joins nowhere."""
        deal = self.deals[id]
        allowed = all(member in deal.team or self.active[member] for member in members)
        if self.act(o.ChangeTeam(id=id, member_ids=tuple(members)), allowed):
            deal.team = tuple(dict.fromkeys(members))

    @rule(id=opportunities, category=st.sampled_from(["commit", "omitted", "certain"]))
    def change_forecast(self, id: UUID, category: Any) -> None:
        allowed = self.deals[id].outcome == "open" and category != "certain"
        self.act(o.ChangeForecastCategory(id=id, category=category), allowed)

    @rule(id=opportunities, product=CrmMachine.products, quantity=st.integers(0, 2))
    def change_products(self, id: UUID, product: UUID, quantity: int) -> None:
        price = Money(amount=Decimal(5), currency="USD")
        item = LineItem(product_id=product, quantity=Decimal(quantity), price=price, discount=Decimal(0))
        known = product in self._products_of(id)
        allowed = self.deals[id].outcome == "open" and quantity > 0 and (known or self.offered[product])
        self.act(o.ChangeProducts(id=id, items=(item,)), allowed)

    def _products_of(self, id: UUID) -> Sequence[UUID]:
        changes = [e.payload for e in self.desk.crm.events(id) if hasattr(e.payload, "items")]
        return [item.product_id for item in changes[-1].items] if changes else []

    @rule(id=opportunities, customer=CrmMachine.customers)
    def link(self, id: UUID, customer: UUID) -> None:
        allowed = customer == self.last(id, "customer_id") or self.parties[customer].into is None
        self.act(o.LinkCustomer(id=id, customer_id=customer), allowed)

    @rule(id=opportunities, owner=CrmMachine.principals)
    def assign_owner(self, id: UUID, owner: UUID) -> None:
        allowed = owner == self.last(id, "owner_id") or self.active[owner]
        self.act(o.AssignOwner(id=id, owner_id=owner), allowed)
