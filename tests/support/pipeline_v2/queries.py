"""Questions to version 2 of `pipeline`: those of version 1, asked of its own tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from psycopg2.extras import RealDictCursor

from projections.pipeline.v1.queries import COLUMNS, FILTERS, FOLDER, ORDERS
from projections.pipeline.v1.queries import Opportunities as Opportunities1
from projections.runtime.listing import Filter, Listing, Order, Page
from projections.runtime.statements import statement

LISTING: Final = Listing(
    table=("pipeline_v2", "opportunity"), columns=COLUMNS, filters=FILTERS, orders=ORDERS
)


class Opportunities(Opportunities1):
    """The queries of version 2."""

    def get(self, id: UUID) -> dict[str, Any] | None:
        """The opportunity as it is now."""
        return LISTING.get(self._connection, id)

    def list(
        self,
        filters: Sequence[Filter] = (),
        order: Sequence[Order] = (),
        page_size: int = 50,
        after: tuple[str, ...] | None = None,
    ) -> Page:
        """One page of opportunities."""
        return LISTING.page(self._connection, filters, order, page_size, after)

    def _rows(self, name: str, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        with self._connection.cursor() as c:
            c.execute(_own(name), parameters)
            return c.fetchall()

    def _mappings(self, name: str, parameters: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        with self._connection.cursor(cursor_factory=RealDictCursor) as c:
            c.execute(_own(name), parameters)
            return [dict(row) for row in c.fetchall()]


def _own(name: str) -> str:
    return statement(FOLDER / f"{name}.sql").replace("pipeline_v1.", "pipeline_v2.")
