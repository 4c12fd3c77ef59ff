"""Histories over events in memory, sealed without a relay: what an audit needs of a store, and no service."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import orjson

from commands.audit.history import Histories, Scope
from commands.audit.replay import Fact, Kind, fact_of
from commands.privacy.no_key_cipher import NoKeyCipher
from commands.store.event_reader import StoredRow
from commands.store.pool import Pool
from consumers.relay.seals import seal_range
from domain.customers.contact import commands as contact
from domain.customers.customer import commands as customer
from domain.events.private import PrivateCipher
from domain.events.seal import Seal
from domain.kernel.errors import NotFound
from domain.kernel.money import Money
from domain.sales.lead import commands as lead
from domain.sales.opportunity import commands as opportunity
from tests.support.database import PARTITIONS
from tests.support.memory import Desk
from tests.support.working import KEY

STORE = UUID(int=5)


class HistoriesInMemory(Histories):
    """What `Histories` promises, over rows and seals at hand."""

    def __init__(
        self, rows: Sequence[StoredRow], seals: Sequence[Seal] = (), cipher: PrivateCipher | None = None
    ) -> None:
        super().__init__(cast(Pool, None))
        self._stored, self._seals, self._cipher = rows, seals, cipher

    @property
    def opened(self) -> bool:
        """Whether there is a cipher."""
        return self._cipher is not None

    def page(self, scope: Scope, after: int = 0, limit: int = 1000) -> list[StoredRow]:
        """As the query says it."""
        found = [
            row
            for row in self._stored
            if row.position > after
            and (
                (row.party in scope.parties and row.aggregate_id not in scope.without)
                or row.aggregate_id in scope.records
            )
        ]
        return found[:limit]

    def streams(self, ids: Iterable[UUID], upto: int = 1 << 62) -> list[StoredRow]:
        """As the query says it."""
        wanted = set(ids)
        found = [row for row in self._stored if row.aggregate_id in wanted and row.position <= upto]
        return sorted(found, key=lambda row: (row.aggregate_id, row.version))

    def require(self, kind: Kind, id: UUID) -> UUID:
        """As the query says it."""
        for row in self.streams([id])[:1]:
            if row.type.split(".")[1] == kind:
                return row.party
        raise NotFound(kind, id)

    def fact(self, row: StoredRow) -> Fact:
        """Opened where there is a cipher."""
        return fact_of(row.position, row.event, self._cipher or NoKeyCipher(), opened=self.opened)

    def covering(self, position: int) -> Seal | None:
        """The seal whose range the position is in."""
        return next((seal for seal in self._seals if seal.last >= position), None)

    def sealed(self, seal: Seal) -> list[tuple[int, bytes]]:
        """The events that stand where the seal says."""
        return [(row.position, row.event) for row in self._stored if seal.first <= row.position <= seal.last]

    def store_id(self) -> UUID:
        """The id that the seals name."""
        return STORE


class Sold:
    """A lead that became a customer with an opportunity, which was lost; its customer took in another one."""

    def __init__(self) -> None:
        desk = self.desk = Desk()
        self._requests = 0
        self.lead = self.do(lead.CreateLead(name="Ada", company="ACME", email="ada@example.org")).id
        desk.later()
        self.do(lead.MoveLead(id=self.lead, to_state="working"))
        self.do(lead.MoveLead(id=self.lead, to_state="qualified"))
        desk.later(days=1)
        self.other = self.do(customer.RegisterCustomer(kind="organisation", name="Acme Inc")).id
        desk.later()
        self.do(lead.ConvertLead(id=self.lead, pipeline="sales"))
        self.customer = self._newest("crm.customer.registered")
        self.opportunity = self._newest("crm.opportunity.opened")
        self.contact = self._newest("crm.contact.registered")
        for amount in (10, 20, 10):
            desk.later()
            money = Money(amount=Decimal(amount), currency="USD")
            self.do(opportunity.ChangeAmount(id=self.opportunity, amount=money))
        self.do(contact.ChangeContact(id=self.contact, name="Ada Lovelace"))
        self.do(customer.MergeCustomers(id=self.other, survivor_id=self.customer))
        desk.later(days=1)
        self.do(opportunity.LoseOpportunity(id=self.opportunity, reason="price", note="Too dear."))

    def do(self, command: Any) -> Any:
        """One request, of a correlation of its own; its outcome."""
        self._requests += 1
        context = replace(self.desk.context(), correlation=UUID(int=self._requests))
        return self.desk.commands.execute(command, context)

    def _newest(self, type: str) -> UUID:
        return next(row.aggregate_id for row in reversed(self.rows) if row.type == type)

    @property
    def rows(self) -> list[StoredRow]:
        """All that was recorded, with a gap between two positions."""
        found = []
        for number, (id, version, encoded) in enumerate(self.desk.crm.stored, start=1):
            envelope = orjson.loads(encoded)
            party = UUID(envelope["partitionkey"])
            found.append(StoredRow(number * 2, id, version, envelope["type"], party, encoded))
        return found

    @property
    def scope(self) -> Scope:
        """The customer's history: its own party, that of the merged one and that of the lead."""
        return Scope(kind="customer", id=self.customer, parties=(self.customer, self.other, self.lead))


def sealed(rows: Sequence[StoredRow], size: int = 5, upto: int | None = None) -> list[Seal]:
    """Seals of `size` events each over the rows, up to a position."""
    found: list[Seal] = []
    wanted = [row for row in rows if upto is None or row.position <= upto]
    for at in range(0, len(wanted), size):
        found.append(
            seal_range(
                wanted[at : at + size], found[-1] if found else None, store=STORE, partitions=PARTITIONS,
                key=KEY, now=datetime(2026, 3, 9, tzinfo=UTC),
            )
        )  # fmt: skip
    return found
