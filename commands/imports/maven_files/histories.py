"""From a normalised Maven row to the commands that record it: pure but for the ids, which are given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from commands.bulk.items import History
from commands.dispatch.decision import Targeted
from commands.imports.kit.claims import ClaimFactory, reference
from commands.imports.maven_files.config import MavenConfig
from commands.imports.maven_files.rows import AccountRow, AgentRow, DealRow, ProductRow
from domain.configuration.pipelines import Pipeline
from domain.customers.customer.commands import RegisterCustomer
from domain.directory.principal.commands import RegisterPrincipal
from domain.kernel.money import Money
from domain.sales.opportunity.commands import LoseOpportunity, OpenOpportunity, WinOpportunity
from domain.sales.product.commands import RegisterProduct

PRINCIPAL: Final = "maven-principal"
PRODUCT: Final = "maven-product"
ACCOUNT: Final = "maven-account"
OPPORTUNITY: Final = "maven-opportunity"
SOURCES: Final = (PRINCIPAL, PRODUCT, ACCOUNT, OPPORTUNITY)
"""The sources of all claims that the import makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFactory:
    """Makes histories."""

    config: MavenConfig
    pipeline: Pipeline
    claims: ClaimFactory

    def principal(self, row: AgentRow, manager_id: UUID | None) -> History:
        """An agent or a manager."""
        claim = self.claims.private_claim(PRINCIPAL, row.name, row.normal)
        command = RegisterPrincipal(
            kind="agent",
            name=row.name,
            manager_id=manager_id,
            region=row.region,
            reference=reference(claim),
            id=claim.id,
            at=self.config.known_since,
        )
        return History(commands=(command,), claim=claim)

    def product(self, row: ProductRow) -> History:
        """A product at its list price."""
        claim = self.claims.claim(PRODUCT, row.name, row.normal)
        command = RegisterProduct(
            name=row.name,
            list_price=self._money(row.price),
            series=row.series,
            reference=reference(claim),
            id=claim.id,
            at=self.config.known_since,
        )
        return History(commands=(command,), claim=claim)

    def customer(self, row: AccountRow, parent_id: UUID | None) -> History:
        """An organisation."""
        claim = self.claims.claim(ACCOUNT, row.name, row.normal)
        command = RegisterCustomer(
            kind="organisation",
            name=row.name,
            parent_id=parent_id,
            attributes=row.attributes,
            original=row.original,
            imported=True,
            reference=reference(claim),
            id=claim.id,
            at=self.config.known_since,
        )
        return History(commands=(command,), claim=claim)

    def opportunity(
        self,
        row: DealRow,
        *,
        owner_id: UUID,
        product_id: UUID,
        customer_id: UUID | None,
        list_price: Decimal,
    ) -> History:
        """A deal: opened at the list price, closed at the close value.

        What came closed opens in the last open stage: with the engage date it was in it.
        """
        claim = self.claims.claim(OPPORTUNITY, row.name, row.normal)
        opening = OpenOpportunity(
            pipeline=self.pipeline.id,
            stage=row.stage if row.closed is None else self.pipeline.open_stages[-1].id,
            customer_id=customer_id,
            owner_id=owner_id,
            product_id=product_id,
            amount=self._money(list_price),
            imported=True,
            original=row.original,
            reference=reference(claim),
            id=claim.id,
            at=row.opened,
        )
        commands: tuple[Targeted, ...] = (opening,)
        if row.closed is not None:
            commands += (self._close(claim.id, row, row.closed),)
        return History(commands=commands, claim=claim)

    def _close(self, id: UUID, row: DealRow, at: datetime) -> Targeted:
        amount = None if row.close_value is None else self._money(row.close_value)
        if row.stage == self.pipeline.won.id:
            return WinOpportunity(id=id, amount=amount, at=at)
        return LoseOpportunity(id=id, reason=self.config.lost_reason, amount=amount, at=at)

    def _money(self, amount: Decimal) -> Money:
        return Money(amount=amount, currency=self.config.currency)
