"""From a normalised Maven row to the commands that take it in: pure but for the ids, which are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from commands.bulk.recorder import History
from commands.dispatch.decision import Targeted
from commands.imports.import_run import row_digest
from commands.imports.maven_config import MavenConfig
from commands.imports.maven_rows import AccountRow, AgentRow, DealRow, MavenRow, ProductRow
from commands.store.claims import Claim
from domain.configuration.pipelines import Pipeline
from domain.customers.customer.commands import RegisterCustomer
from domain.directory.principal.commands import RegisterPrincipal
from domain.events.ids import derived_id
from domain.kernel.money import Money
from domain.kernel.values import Reference
from domain.sales.opportunity.commands import LoseOpportunity, OpenOpportunity, WinOpportunity
from domain.sales.product.commands import RegisterProduct

PRINCIPAL: Final = "maven-principal"
PRODUCT: Final = "maven-product"
ACCOUNT: Final = "maven-account"
OPPORTUNITY: Final = "maven-opportunity"
SOURCES: Final = (PRINCIPAL, PRODUCT, ACCOUNT, OPPORTUNITY)
"""The sources of all claims that the import makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes histories. `key` (at least 32 bytes) makes digests and hides names; `new_id` gives random ids."""

    config: MavenConfig
    pipeline: Pipeline
    key: bytes
    new_id: Callable[[], UUID]

    def principal(self, row: AgentRow, manager_id: UUID | None) -> History:
        """An agent or a manager. The external id is no name: claims and references are not private."""
        claim = self._claim(PRINCIPAL, str(derived_id(self.key, PRINCIPAL, row.name)), row)
        command = RegisterPrincipal(
            kind="agent",
            name=row.name,
            manager_id=manager_id,
            region=row.region,
            reference=_reference(claim),
            id=claim.id,
            at=self.config.known_since,
        )
        return History(commands=(command,), claim=claim)

    def product(self, row: ProductRow) -> History:
        """A product at its list price."""
        claim = self._claim(PRODUCT, row.name, row)
        command = RegisterProduct(
            name=row.name,
            list_price=self._money(row.price),
            series=row.series,
            reference=_reference(claim),
            id=claim.id,
            at=self.config.known_since,
        )
        return History(commands=(command,), claim=claim)

    def customer(self, row: AccountRow, parent_id: UUID | None) -> History:
        """An organisation."""
        claim = self._claim(ACCOUNT, row.name, row)
        command = RegisterCustomer(
            kind="organisation",
            name=row.name,
            parent_id=parent_id,
            attributes=row.attributes,
            original=row.original,
            imported=True,
            reference=_reference(claim),
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
        claim = self._claim(OPPORTUNITY, row.name, row)
        opening = OpenOpportunity(
            pipeline=self.pipeline.id,
            stage=row.stage if row.closed is None else self.pipeline.open_stages[-1].id,
            customer_id=customer_id,
            owner_id=owner_id,
            product_id=product_id,
            amount=self._money(list_price),
            imported=True,
            original=row.original,
            reference=_reference(claim),
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

    def _claim(self, source: str, external_id: str, row: MavenRow) -> Claim:
        return Claim(source, external_id, self.new_id(), row_digest(self.key, source, row.normal))

    def _money(self, amount: Decimal) -> Money:
        return Money(amount=amount, currency=self.config.currency)


def _reference(claim: Claim) -> Reference:
    return Reference(source=claim.source, external_id=claim.external_id)
