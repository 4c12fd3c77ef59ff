"""Clients of the real command handlers that never stop: every family, single commands and bulk.

What a client tries may be refused, as a salesperson's slips are; what is done is in the store.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg2
from eventsourcing.persistence import PersistenceError

from commands.bulk.recorder import BulkRecorder, History
from commands.dispatch.dispatcher import Commands
from commands.store.application import Crm
from commands.store.claims import Claim, ClaimTable
from commands.store.idempotency import Idempotency
from commands.store.identifiers import Identifiers
from commands.store.mapper import EventMapper
from commands.store.pool import Pool, PoolBusy
from commands.store.recorder import PostgresApplicationRecorder
from domain.activities.interaction import commands as interaction
from domain.activities.interaction.events import Survey
from domain.customers.contact import commands as contact
from domain.customers.customer import commands as customer
from domain.directory.principal import commands as principal
from domain.events.catalogue import CATALOGUE
from domain.kernel.errors import DomainError
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.sales.lead import commands as lead
from domain.sales.opportunity import commands as opportunity
from domain.sales.product import commands as product
from domain.service.case import commands as case
from tests.support.at_once import KEY, Bus, context
from tests.support.histories import CIPHER
from tests.support.memory import PIPELINES

STAGES = ("prospecting", "qualification", "proposal", "negotiation")
CASE_STATES = ("assigned", "in_progress", "waiting_on_customer")
AWAY = (psycopg2.Error, PersistenceError, PoolBusy)
KEPT = 60
"""Records of a kind that a client goes on with; the oldest are left alone."""


@contextmanager
def open_bus(url: str) -> Iterator[Bus]:
    """A bus on the store at `url` whose private values are only encoded, so that any test reads them."""
    pool = Pool(url, 6, wait=60)
    crm = Crm(recorder=PostgresApplicationRecorder(pool), mapper=EventMapper(CATALOGUE, CIPHER))
    try:
        yield Bus(Commands(crm, Idempotency(pool, KEY), PIPELINES, Identifiers(KEY)), ClaimTable(pool))
    finally:
        pool.close()


class Client:
    """One client, with records of its own that it goes on with."""

    def __init__(self, bus: Bus, seed: str) -> None:
        self.bus, self.chance, self.seed = bus, random.Random(seed), seed
        self.known: dict[str, list[UUID]] = {}
        self.rests = threading.Event()
        self._number = 0

    def work(self, stopped: threading.Event, resting: threading.Event, pace: float) -> None:
        """One command after the other; a store that is away is tried again."""
        while not stopped.is_set():
            if resting.is_set():
                self.rests.set()
                stopped.wait(0.05)
                continue
            self.rests.clear()
            # Of what the store's end cut off, nobody knows whether it was done; the store tells in the end.
            with suppress(DomainError, *AWAY):
                self.one()
            stopped.wait(self.chance.uniform(0.5, 1.5) * pace)

    def one(self) -> None:
        """Something new, or something with what exists."""
        self.chance.choice((self.makes, self.changes, self.changes, self.changes))()

    def _id(self, kind: str) -> UUID:
        """A known record of that kind; without one nothing happens."""
        found = self.known.get(kind)
        if not found:
            raise DomainError(f"there is no {kind} yet")
        return self.chance.choice(found)

    def _maybe(self, kind: str) -> UUID | None:
        found = self.known.get(kind)
        return self.chance.choice(found) if found and self.chance.random() < 0.8 else None

    def _new(self, kind: str, command: Any) -> None:
        self._keep(kind, self.bus.do(command).id)

    def _keep(self, kind: str, id: UUID) -> None:
        records = self.known.setdefault(kind, [])
        records.append(id)
        del records[:-KEPT]

    def _money(self) -> Money:
        return Money(amount=Decimal(self.chance.randint(1, 999)) / 4, currency="USD")

    def makes(self) -> None:
        """A new record of any kind."""
        chance, buyer = self.chance, self._maybe("customer")
        self._number += 1
        name = f"{self.seed} {self._number}"
        reference = Reference(source="shop", external_id=name)
        commands: list[tuple[str, Any]] = [
            ("customer", customer.RegisterCustomer(kind="organisation", name=name, tags=("new",))),
            ("customer", customer.RegisterCustomer(kind="person", name=name)),
            (
                "opportunity",
                opportunity.OpenOpportunity(pipeline="sales", customer_id=buyer, amount=self._money()),
            ),
            ("lead", lead.CreateLead(name="Ada", company=name, email="ada@example.org")),
            ("case", case.OpenCase(kind="complaint", customer_id=buyer, subject=name, queue="first line")),
            (
                "interaction",
                interaction.RecordInteraction(
                    kind="purchase", direction="inbound", channel="shop", customer_id=buyer,
                    reference=reference, amount=self._money(), body="Thanks.",
                ),
            ),
            (
                "survey",
                interaction.RecordInteraction(
                    kind="survey_answer", direction="inbound", channel="web", customer_id=buyer,
                    reference=reference, survey=Survey(question="csat", score=chance.randint(1, 5)),
                ),
            ),
            ("principal", principal.RegisterPrincipal(kind="agent", name=name)),
            ("product", product.RegisterProduct(name=name, list_price=self._money())),
        ]  # fmt: skip
        if buyer is not None:
            commands.append(("contact", contact.RegisterContact(customer_id=buyer, name="Zoë", role="buyer")))
        self._new(*chance.choice(commands))

    def changes(self) -> None:
        """A change of a record of any kind."""
        chance, money = self.chance, self._money()
        kind = chance.choice(("customer", "opportunity", "opportunity", "lead", "case", "contact", "other"))
        commands: list[Any]
        if kind == "customer":
            id, other = self._id(kind), self._id(kind)
            commands = [
                customer.ChangeCustomer(id=id, attributes={"sector": chance.choice("ab")}),
                customer.AssignCustomerOwner(id=id, owner_id=self._id("principal")),
                customer.MergeCustomers(id=id, survivor_id=other),
                customer.UnmergeCustomer(id=id),
            ]
        elif kind == "opportunity":
            id = self._id(kind)
            commands = [
                opportunity.MoveStage(id=id, stage=chance.choice(STAGES)),
                opportunity.ChangeAmount(id=id, amount=money),
                opportunity.LinkCustomer(id=id, customer_id=self._id("customer")),
                opportunity.AssignOwner(id=id, owner_id=self._id("principal")),
                opportunity.WinOpportunity(id=id, amount=money),
                opportunity.LoseOpportunity(id=id, reason="price", competitor="A\tB\\C\nD"),
                opportunity.ReopenOpportunity(id=id),
            ]
        elif kind == "lead":
            id = self._id(kind)
            commands = [
                lead.MoveLead(id=id, to_state=chance.choice(("working", "qualified"))),
                lead.ScoreLead(id=id, score=chance.randint(0, 100), model="m1"),
                lead.DisqualifyLead(id=id, reason="no-need"),
                lead.ReopenLead(id=id),
                lead.ConvertLead(id=id, pipeline="sales", customer_id=self._maybe("customer")),
            ]
        elif kind == "case":
            id = self._id(kind)
            commands = [
                case.MoveCase(id=id, to_state=chance.choice(CASE_STATES)),  # type: ignore[arg-type]
                case.AssignCase(id=id, queue=chance.choice("ab")),
                case.ChangeCasePriority(id=id, priority=chance.randint(1, 4)),
                case.RespondToCase(id=id),
                case.ResolveCase(id=id, code="fixed"),
                case.CloseCase(id=id),
                case.ReopenCase(id=id),
                case.LinkCase(id=id, customer_id=self._id("customer")),
            ]
        elif kind == "contact":
            self._contact(self._id(kind))
            return
        else:
            id = self._id("interaction")
            commands = [
                interaction.CorrectInteraction(id=id, amount=money, channel="web"),
                interaction.LinkInteraction(id=id, customer_id=self._id("customer")),
                interaction.CorrectInteraction(id=self._id("survey"), score=chance.randint(1, 5)),
                product.ChangePrice(id=self._id("product"), price=money),
            ]
        self.bus.do(chance.choice(commands))

    def _contact(self, id: UUID) -> None:
        point = UUID(int=self.chance.getrandbits(128), version=4)
        address = f"{point.hex[:8]}@example.org"
        self.bus.do(contact.AddContactPoint(id=id, kind="email", value=address, point_id=point))
        given = contact.GiveConsent(
            id=id, point_id=point, purpose="news", legal_basis="consent", source="form"
        )
        self.bus.do(given)
        if self.chance.random() < 0.5:
            self.bus.do(contact.WithdrawConsent(id=id, point_id=point, purpose="news", source="call"))


class BulkClient(Client):
    """One that records whole histories, some ten at once."""

    def one(self) -> None:
        """One request."""
        histories = [self._history() for _ in range(self.chance.randint(5, 30))]
        recorder = BulkRecorder(self.bus.commands, self.bus.claims, context())
        recorder.record(histories)

    def _history(self) -> History:
        self._number += 1
        id, name = UUID(int=self.chance.getrandbits(128), version=4), f"{self.seed} {self._number}"
        claim = Claim("bulk", name, id, b"digest")
        buyer = self._maybe("customer")
        if buyer is None or self.chance.random() < 0.2:
            self._keep("customer", id)
            commands: tuple[Any, ...] = (
                customer.RegisterCustomer(kind="organisation", name=name, id=id, imported=True),
            )
        elif self.chance.random() < 0.5:
            commands = (
                opportunity.OpenOpportunity(pipeline="sales", id=id, customer_id=buyer, imported=True),
                opportunity.MoveStage(id=id, stage="proposal"),
                opportunity.WinOpportunity(id=id, amount=self._money()),
            )
        else:
            commands = (
                case.OpenCase(kind="incident", id=id, customer_id=buyer, imported=True),
                case.AssignCase(id=id, queue="bulk", imported=True),
                case.ResolveCase(id=id, code="fixed"),
            )
        return History(commands=commands, claim=claim)


class Clients:
    """Two that send single commands and one that sends bulk, from `start` to `stop`: some 50 events/s."""

    def __init__(self, bus: Bus, seed: int) -> None:
        self._stopped, self._resting = threading.Event(), threading.Event()
        self._clients = [Client(bus, f"{seed} a"), Client(bus, f"{seed} b"), BulkClient(bus, f"{seed} c")]
        self._threads = [
            threading.Thread(target=client.work, args=(self._stopped, self._resting, pace), daemon=True)
            for client, pace in zip(self._clients, (0.06, 0.06, 2.0), strict=True)
        ]

    def start(self) -> None:
        """They begin."""
        for thread in self._threads:
            thread.start()

    def rest(self) -> None:
        """They pause; returns when each has done what it is at."""
        self._resting.set()
        for client in self._clients:
            assert client.rests.wait(90), "a client hangs"

    def go_on(self) -> None:
        """They go on."""
        for client in self._clients:
            client.rests.clear()
        self._resting.clear()

    def stop(self) -> None:
        """They end, each after its command."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive(), "a client hangs"
