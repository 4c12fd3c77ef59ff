"""The queries of `customer_360` version 1; `../questions.py` describes each.

`history.py` has the records as of a time, `search.py` finds customers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from domain.kernel.as_of import NOW, AsOf
from projections.customer_360 import questions
from projections.customer_360.questions import (
    SECTIONS,
    Found,
    Listed,
    Overview,
    PastSections,
    Row,
    Section,
    TimelinePage,
    Totals,
)
from projections.customer_360.v1.history import CustomerHistory
from projections.customer_360.v1.search import by_reference, search
from projections.identity.questions import Cluster, Identity
from projections.runtime.statements import statement, with_uuids

SQL: Final = Path(__file__).parent / "sql"


class Customers(questions.Customers):
    """The queries of `customer_360` version 1 over a connection that may read its schema; `identity` says
    which parties are one customer.

    They start a transaction if none runs; the owner of the connection ends it.
    """

    def __init__(self, connection: Connection, identity: Identity) -> None:
        self._connection = with_uuids(connection)
        self._identity = identity

    def get(self, customer_id: UUID) -> Row | None:
        rows = self._rows("profile", {"ids": [customer_id], "first": customer_id})
        return rows[0] if rows else None

    def overview(
        self,
        customer_id: UUID,
        sections: Sequence[Section] = SECTIONS,
        *,
        first: int = 5,
        past: PastSections | None = None,
    ) -> Overview | None:
        moment = NOW if past is None else past.as_of
        cluster = self._identity.cluster(customer_id, moment)
        then = None if past is None else CustomerHistory(self._connection, cluster, past)
        profile = self.get(cluster.customer_id) if then is None else then.profile()
        if profile is None:
            return None
        found: dict[Section, Row | Listed | Totals | TimelinePage] = {}
        for section in sections:
            if section == "profile":
                found[section] = self._merged(profile, cluster) if then is None else profile
            elif section == "totals":
                found[section] = self._totals(cluster, moment, then)
            elif section == "timeline":
                found[section] = self._timeline(cluster, limit=first, moment=moment)
            elif then is None:
                found[section] = self._listed(section, cluster, first)
            else:
                rows: list[Row] = getattr(then, section)()
                found[section] = Listed(rows[:first], len(rows))
        return Overview(customer_id=cluster.customer_id, parties=cluster.parties, sections=found)

    def timeline(
        self,
        customer_id: UUID,
        *,
        kind: str | None = None,
        channel: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
        limit: int = 50,
        after: tuple[str, str] | None = None,
    ) -> TimelinePage:
        moment = AsOf(as_of=as_of, known_at=known_at)
        return self._timeline(
            self._identity.cluster(customer_id, moment),
            kind=kind,
            channel=channel,
            start=from_,
            end=to,
            moment=moment,
            limit=limit,
            after=after,
        )

    def by_reference(self, source: str, external_id: str) -> Row | None:
        found = by_reference(self._connection, source, external_id)
        return None if found is None else self.get(found)

    def search(self, text: str, *, limit: int = 50, after: tuple[str, str, str] | None = None) -> Found:
        found = search(self._connection, text, limit=limit, after=after)
        customers = self._identity.customers_of([row["party"] for row in found.rows])
        for row in found.rows:
            row["customer_id"] = customers.get(row["party"])
        return found

    def _timeline(
        self,
        cluster: Cluster,
        *,
        limit: int,
        kind: str | None = None,
        channel: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        moment: AsOf = NOW,
        after: tuple[str, str] | None = None,
    ) -> TimelinePage:
        at, position = (None, None) if after is None else (datetime.fromisoformat(after[0]), int(after[1]))
        rows = self._rows(
            "timeline",
            {
                "kind": kind,
                "channel": channel,
                "start": start,
                "end": end,
                "as_of": moment.as_of,
                "known_at": moment.known_at,
                "after_time": at,
                "after_position": position,
                # One row more than the page shows whether there is a next page.
                "limit": limit + 1,
                **cluster.parameters(),
            },
        )
        page = rows[:limit]
        more = len(rows) > limit
        last = (page[-1]["occurred"].isoformat(), str(page[-1]["position"])) if more else None
        return TimelinePage(page, last)

    def _merged(self, profile: Row, cluster: Cluster) -> Row:
        merged = [party for party in cluster.parties if party != cluster.customer_id]
        members = self._rows("profile", {"ids": merged, "first": cluster.customer_id})
        return profile | {"merged": [row["id"] for row in members]}

    def _listed(self, section: str, cluster: Cluster, first: int) -> Listed:
        rows = self._rows(section, {"limit": first, **cluster.parameters()})
        count = rows[0]["of"] if rows else 0
        return Listed([{name: value for name, value in row.items() if name != "of"} for row in rows], count)

    def _totals(self, cluster: Cluster, moment: AsOf, then: CustomerHistory | None) -> Totals:
        asked = {"once": then is not None, "as_of": moment.as_of, "known_at": moment.known_at}
        with self._connection.cursor() as c:
            c.execute(statement(SQL / "totals.sql"), asked | cluster.parameters())
            groups = c.fetchall()
        if then is not None:
            groups += then.interactions()
        purchases = [group for group in groups if group[0] == "purchase"]
        returns = [group for group in groups if group[0] == "return"]
        last: dict[str, datetime] = {}
        for _, channel, _, _, _, newest, *_ in groups:
            last[channel] = max(newest, last.get(channel, newest))
        csat, satisfied, nps, promoters, detractors = (
            sum(group[column] for group in groups) for column in range(6, 11)
        )
        return Totals(
            interactions=sum(group[2] for group in groups),
            purchases=sum(group[2] for group in purchases),
            purchase_value=sum((group[3] for group in purchases), Decimal(0)),
            first_purchase_at=min((group[4] for group in purchases), default=None),
            last_purchase_at=max((group[5] for group in purchases), default=None),
            returns=sum(group[2] for group in returns),
            return_value=sum((group[3] for group in returns), Decimal(0)),
            last_contact_at=max(last.values(), default=None),
            last_contact=dict(sorted(last.items())),
            csat_answers=csat,
            csat=100 * satisfied / csat if csat else None,
            nps_answers=nps,
            nps=100 * (promoters - detractors) / nps if nps else None,
        )

    def _rows(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        with self._connection.cursor(cursor_factory=RealDictCursor) as c:
            c.execute(statement(SQL / f"{name}.sql"), parameters)
            return [dict(row) for row in c.fetchall()]
