"""Takes the CDNOW file into the store: customers as persons, purchases as interactions.

Customers come with their purchases, some hundred at a time. What is there already is found by the customer's
claim and by the purchase's derived id, so a run that was killed is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final
from uuid import UUID

from commands.bulk.recorder import BulkRecorder, History
from commands.imports.cdnow_rows import Purchase, read_purchases
from commands.imports.import_run import ImportRun, NamedHistory, row_digest
from commands.imports.report import ImportReport, Progress
from commands.store.claims import Claim
from domain.activities.interaction.commands import RecordInteraction
from domain.activities.interaction.events import Item
from domain.customers.customer.commands import RegisterCustomer
from domain.kernel.money import Money
from domain.kernel.values import Reference

CUSTOMER: Final = "cdnow-customer"
PURCHASE: Final = "cdnow"

CUSTOMERS: Final = 500
"""Customers that are taken with all their purchases before the next ones."""

PURCHASES: Final = 2_000
"""Most purchases that are recorded together."""


def import_cdnow(
    path: Path,
    *,
    recorder: BulkRecorder,
    digest_key: bytes,
    new_id: Callable[[], UUID],
    progress: Progress = lambda *_: None,
) -> ImportReport:
    """Imports the purchases in the file at `path`, plain or gzip; good lines are taken, bad ones reported.

    `digest_key` (at least 32 bytes, never rotated) makes the digests by which a second run knows a customer
    again. Raises `ImportRefused` before anything is taken, and the store's errors: then what was taken stays,
    and the same call goes on.
    """
    found = read_purchases(path)
    maker = Maker(key=digest_key, new_id=new_id)
    taking = ImportRun(recorder, path.name, progress)
    taking.report.tally("customers")
    for problem in found.problems:
        taking.report.fail("purchases", problem)
    people = _by_customer(found.good)
    taking.begin(len(found.problems) + len(people) + len(found.good))
    taking.advance(len(found.problems))
    for some in _parts(people, CUSTOMERS):
        _take(taking, maker, some)
    taking.report.failed.sort()
    return taking.report


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes histories. `key` makes the digests; `new_id` gives random ids."""

    key: bytes
    new_id: Callable[[], UUID]

    def customer(self, purchases: list[Purchase]) -> NamedHistory:
        """The customer of `purchases`, a customer since the first of them. The file has numbers, no names."""
        first = min(purchases, key=lambda purchase: purchase.day)
        number = first.customer
        claim = Claim(CUSTOMER, number, self.new_id(), row_digest(self.key, CUSTOMER, number))
        command = RegisterCustomer(
            kind="person",
            name=f"CDNOW customer {number}",
            imported=True,
            reference=Reference(source=CUSTOMER, external_id=number),
            id=claim.id,
            at=first.day,
        )
        return NamedHistory(
            name=number, line=purchases[0].line, history=History(commands=(command,), claim=claim)
        )

    def purchase(self, purchase: Purchase, customer_id: UUID) -> NamedHistory:
        """A purchase; its id follows from its external id, so that it needs no claim."""
        command = RecordInteraction(
            kind="purchase",
            direction="inbound",
            channel="web",
            customer_id=customer_id,
            amount=Money(amount=purchase.value, currency="USD"),
            items=(Item(sku="CD", quantity=Decimal(purchase.number)),),
            reference=Reference(source=PURCHASE, external_id=purchase.external_id),
            imported=True,
            at=purchase.day,
        )
        return NamedHistory(
            name=purchase.external_id, line=purchase.line, history=History(commands=(command,), claim=None)
        )


def _take(taking: ImportRun, maker: Maker, people: list[list[Purchase]]) -> None:
    ids = taking.record("customers", [maker.customer(purchases) for purchases in people], CUSTOMERS)
    made = []
    for purchase in (purchase for purchases in people for purchase in purchases):
        customer_id = ids.get(purchase.customer)
        if customer_id is None:
            taking.fail(
                "purchases",
                purchase.line,
                "The customer of this purchase was not taken. Correct what is said of the customer's first "
                "line, then import again.",
            )
            taking.advance(1)
        else:
            made.append(maker.purchase(purchase, customer_id))
    taking.record("purchases", made, PURCHASES)


def _by_customer(purchases: Iterable[Purchase]) -> list[list[Purchase]]:
    found: dict[str, list[Purchase]] = {}
    for purchase in purchases:
        found.setdefault(purchase.customer, []).append(purchase)
    return list(found.values())


def _parts(people: list[list[Purchase]], size: int) -> Iterator[list[list[Purchase]]]:
    for start in range(0, len(people), size):
        yield people[start : start + size]
