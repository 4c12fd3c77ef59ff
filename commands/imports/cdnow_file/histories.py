"""From a customer and its purchases to the commands that record them; pure but for given ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from commands.bulk.recorder import History
from commands.imports.cdnow_file.rows import Customer, Purchase
from commands.imports.kit.claims import ClaimFactory, reference
from commands.imports.kit.fields import RowRefused
from domain.activities.interaction.commands import RecordInteraction
from domain.activities.interaction.events import Item
from domain.customers.customer.commands import RegisterCustomer
from domain.kernel.money import Money
from domain.kernel.values import Reference

CUSTOMER: Final = "cdnow-customer"
PURCHASE: Final = "cdnow"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFactory:
    """Makes histories."""

    claims: ClaimFactory

    def customer(self, customer: Customer) -> History:
        """A customer since the first purchase. The file has numbers, no names."""
        number = customer.name
        claim = self.claims.claim(CUSTOMER, number, number)
        command = RegisterCustomer(
            kind="person",
            name=f"CDNOW customer {number}",
            imported=True,
            reference=reference(claim),
            id=claim.id,
            at=min(purchase.day for purchase in customer.purchases),
        )
        return History(commands=(command,), claim=claim)

    def purchase(self, purchase: Purchase, customers: Mapping[str, UUID]) -> History:
        """A purchase; its id follows from its external id, so that it needs no claim.

        Raises `RowRefused` where `customers` lacks the customer's number.
        """
        if purchase.customer not in customers:
            raise RowRefused(
                "The customer of this purchase was not taken. Correct what is said of the customer's first "
                "line, then import again."
            )
        command = RecordInteraction(
            kind="purchase",
            direction="inbound",
            channel="web",
            customer_id=customers[purchase.customer],
            amount=Money(amount=purchase.value, currency="USD"),
            items=(Item(sku="CD", quantity=Decimal(purchase.number)),),
            reference=Reference(source=PURCHASE, external_id=purchase.external_id),
            imported=True,
            at=purchase.day,
        )
        return History(commands=(command,), claim=None)
