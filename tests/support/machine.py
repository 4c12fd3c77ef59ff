"""Any sequence of commands on all aggregates, beside a small model that was written without the tables.

The model says of each command whether it may be done, and what the records are then. Laws subclass
`CrmMachine` and look at what they are about.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule

from domain.configuration.reasons import Reasons
from domain.customers.customer import commands as c
from domain.directory.principal import commands as p
from domain.kernel.errors import DomainError
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.sales.product import commands as d
from tests.support.memory import Desk

OPEN = {
    "sales": {"prospecting": 10, "qualification": 20, "proposal": 50, "negotiation": 80},
    "renewal": {"due": 70},
}
CLOSED = {"sales": ("won", "lost"), "renewal": ("renewed", "churned")}
REASONS = {"sales": ("price", "no-decision", "other"), "renewal": ("churn",)}
WHY_NO_LEAD = ("no-need", "spam", "other")
WHY_NO_CASE = ("spam", "other")
STAGES = st.sampled_from([*OPEN["sales"], *OPEN["renewal"], "won", "lost", "renewed", "nowhere"])
MONEY = st.builds(Money, amount=st.integers(-1, 3).map(Decimal), currency=st.sampled_from(["USD", "EUR"]))
SOMETIMES = st.integers(0, 3).map(lambda number: number == 0)
CLAIMS = st.sampled_from([None, None, None, None, "1", "2", "3", "4", "5", "6"])
"""External ids, few, so that some are asked for twice; mostly none."""


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
    team: tuple[UUID, ...] = ()
    expected_close: date | None = None


@dataclass
class Party:
    """What the model knows of a customer: its kind, whom it was merged into, its parent, its owner, and the
    channel that it prefers."""

    kind: str
    into: UUID | None = None
    parent: UUID | None = None
    owner: UUID | None = None
    channel: str | None = None


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
        self.desk = Desk(reasons=Reasons(lead_disqualified=WHY_NO_LEAD, case_rejected=WHY_NO_CASE))
        self.deals: dict[UUID, Deal] = {}
        self.parties: dict[UUID, Party] = {}
        self.active: dict[UUID, bool] = {}
        self.managers: dict[UUID, UUID] = {}
        self.offered: dict[UUID, bool] = {}
        self.claimed: dict[str, UUID] = {}

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

    def last(self, id: UUID, field: str) -> Any:
        """What the newest event that speaks of the field says: a record may refer on to what it refers to."""
        said = [getattr(e.payload, field) for e in self.desk.crm.events(id) if hasattr(e.payload, field)]
        return said[-1] if said else None

    def make(self, command: Any, allowed: bool, external_id: str | None) -> UUID | None:
        """Sends a command that makes a record, under an external id where one is given; one that is taken by
        a record of whatever kind is refused."""
        reference = None if external_id is None else Reference(source="erp", external_id=external_id)
        free = external_id not in self.claimed
        id = self.act(replace(command, reference=reference), allowed and free)
        if id is not None and external_id is not None:
            self.claimed[external_id] = id
        return id

    @initialize(target=principals)
    def somebody(self) -> Any:
        return self._principal()

    @initialize(target=customers)
    def some_customers(self) -> Any:
        return multiple(self._customer("organisation"), self._customer("organisation"))

    @rule(target=principals, external_id=CLAIMS)
    def register_principal(self, external_id: str | None) -> Any:
        return self._principal(external_id)

    def _principal(self, external_id: str | None = None) -> Any:
        id = self.make(p.RegisterPrincipal(kind="agent", name="Ann"), True, external_id)
        if id is None:
            return multiple()
        self.active[id] = True
        return id

    @rule(id=principals, on=st.booleans())
    def switch_principal(self, id: UUID, on: bool) -> None:
        command = p.ReactivatePrincipal(id=id) if on else p.DeactivatePrincipal(id=id)
        if self.act(command, self.active[id] != on):
            self.active[id] = on

    @rule(target=products, price=MONEY, external_id=CLAIMS)
    def register_product(self, price: Money, external_id: str | None) -> Any:
        id = self.make(d.RegisterProduct(name="GTX", list_price=price), price.amount >= 0, external_id)
        if id is None:
            return multiple()
        self.offered[id] = True
        return id

    @rule(id=products, on=st.booleans())
    def switch_product(self, id: UUID, on: bool) -> None:
        command = d.ReintroduceProduct(id=id) if on else d.DiscontinueProduct(id=id)
        if self.act(command, self.offered[id] != on):
            self.offered[id] = on

    @rule(
        target=customers,
        kind=st.sampled_from(["person", "organisation"]),
        parent=st.none() | st.none() | customers,
        owner=st.none() | principals,
        external_id=CLAIMS,
    )
    def register_customer(
        self, kind: Any, parent: UUID | None, owner: UUID | None, external_id: str | None
    ) -> Any:
        return self._customer(kind, parent, owner, external_id)

    def _customer(
        self,
        kind: Any,
        parent: UUID | None = None,
        owner: UUID | None = None,
        external_id: str | None = None,
    ) -> Any:
        allowed = parent is None or (kind == "organisation" and self.may_be_parent(parent))
        allowed = allowed and (owner is None or self.active[owner])
        command = c.RegisterCustomer(kind=kind, name="Isdom", tags=("vip",), parent_id=parent, owner_id=owner)
        id = self.make(command, allowed, external_id)
        if id is None:
            return multiple()
        self.parties[id] = Party(kind, parent=parent, owner=owner)
        return id

    def may_be_parent(self, id: UUID) -> bool:
        """Whether another customer may be put below it."""
        return self.parties[id].kind == "organisation" and self.parties[id].into is None

    @rule(loser=customers, survivor=customers)
    def merge(self, loser: UUID, survivor: UUID) -> None:
        one, other = self.parties[loser], self.parties[survivor]
        allowed = loser != survivor and one.into is None and other.into is None and one.kind == other.kind
        if self.act(c.MergeCustomers(id=loser, survivor_id=survivor), allowed):
            one.into = survivor


class PeopleMachine(CrmMachine):
    """Customers, principals and products in depth."""

    @rule(id=CrmMachine.principals, manager=CrmMachine.principals, name=st.sampled_from(["Ann", "Anna"]))
    def change_principal(self, id: UUID, manager: UUID, name: str) -> None:
        same = self.managers.get(id) == manager
        allowed = id != manager and id not in self._managers_above(manager)
        allowed = allowed and (same or self.active[manager])
        if self.act(p.ChangePrincipal(id=id, name=name, manager_id=manager), allowed):
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
        self.act(d.ChangePrice(id=id, price=price), self.offered[id] and price.amount >= 0)

    @rule(
        id=CrmMachine.customers,
        name=st.sampled_from(["Isdom", "Bubba"]),
        sector=st.sampled_from("ab"),
        tag=SOMETIMES,
        parent=st.none() | CrmMachine.customers,
        owner=st.none() | CrmMachine.principals,
        leaves=SOMETIMES,
        preferred=st.sampled_from([None, "phone", "email", "carrier pigeon"]),
    )
    def change_customer(
        self,
        id: UUID,
        name: str,
        sector: str,
        tag: bool,
        parent: UUID | None,
        owner: UUID | None,
        leaves: bool,
        preferred: str | None,
    ) -> None:
        """Names a parent and a preferred channel, or takes those away that there are."""
        party = self.parties[id]
        changes: Any = {"add_tags": ("new",)} if tag else {"remove_tags": ("vip",)}
        gone = (*(("parent_id",) if leaves else ()), *(() if preferred else ("preferences.channel",)))
        changes |= {"remove": gone} | ({} if leaves else {"parent_id": parent})
        changes |= {"preferences": {"channel": preferred}} if preferred else {}
        above = None if leaves else parent or party.parent
        allowed = party.into is None and (owner in (None, party.owner) or self.active[owner])
        allowed = allowed and preferred != "carrier pigeon"
        if above is not None and above != party.parent:
            below = id == above or id in self._parents_above(above)
            allowed = allowed and party.kind == "organisation" and self.may_be_parent(above) and not below
        command = c.ChangeCustomer(id=id, name=name, attributes={"sector": sector}, owner_id=owner, **changes)
        if self.act(command, allowed):
            party.parent, party.owner, party.channel = above, owner or party.owner, preferred

    def _parents_above(self, id: UUID) -> set[UUID]:
        above: set[UUID] = set()
        current: UUID | None = id
        while current is not None:
            current = self.parties[current].parent
            above |= {current} if current else set()
        return above

    @rule(id=CrmMachine.customers, external_id=st.sampled_from("123456"))
    def add_reference(self, id: UUID, external_id: str) -> None:
        reference = Reference(source="erp", external_id=external_id)
        allowed = self.parties[id].into is None and self.claimed.get(external_id, id) == id
        if self.act(c.AddReference(id=id, reference=reference), allowed):
            self.claimed[external_id] = id

    @rule(id=CrmMachine.customers, owner=CrmMachine.principals)
    def assign_customer_owner(self, id: UUID, owner: UUID) -> None:
        party = self.parties[id]
        allowed = party.into is None and (owner == party.owner or self.active[owner])
        if self.act(c.AssignCustomerOwner(id=id, owner_id=owner), allowed):
            self.parties[id].owner = owner

    @rule(id=CrmMachine.customers)
    def unmerge(self, id: UUID) -> None:
        if self.act(c.UnmergeCustomer(id=id), self.parties[id].into is not None):
            self.parties[id].into = None
