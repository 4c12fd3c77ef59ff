"""One customer at a cut: its records folded from their events until then, as the tables would show them.

Which records may be the customer's is asked of the tables, what each was then of the events. Values are
spelled as in events. The cost is that of reading and folding the events of the records a section is about;
of the interactions, of those alone that were corrected or linked since they were recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from psycopg2.extensions import connection as Connection

from domain.events.envelope import instant, moment
from projections.customer_360.questions import PastSections, Row
from projections.identity.questions import Cluster
from projections.runtime.replay import Rows
from projections.runtime.statements import statement

RECORDS: Final = Path(__file__).parent / "sql" / "records_as_of.sql"

Group = tuple[Any, ...]
"""As `totals.sql` gives it: kind, channel, count, value, oldest, newest, then CSAT answers, those of 4 and 5,
NPS answers, promoters, detractors."""


class CustomerHistory:
    """The sections of one customer at a cut, whole and in their order."""

    def __init__(self, connection: Connection, cluster: Cluster, past: PastSections) -> None:
        self._connection = connection
        self._cluster = cluster
        self._past = past
        self._folded: dict[str, Rows] = {}

    def profile(self) -> Row | None:
        """The customer's row; None where it has no event before the cut."""
        folded = self._rows("profile")
        customers = folded["customer"]
        row = customers.get(str(self._cluster.customer_id))
        if row is None:
            return None
        merged = sorted(
            (other["registered_at"], other["id"]) for other in customers.values() if other["id"] != row["id"]
        )
        person = folded["person"].get(row["id"]) or {}
        return {
            **row,
            "name": row["organisation_name"] or person.get("name"),
            "erased": person.get("erased", False),
            "updated_at": row["recorded"],
            "merged": [id for _, id in merged],
        }

    def contacts(self) -> list[Row]:
        """Contacts with clear names and the points in use then."""
        folded = self._rows("contacts")
        found = []
        for row in folded["contact"].values():
            person = folded["person"].get(row["id"]) or {}
            values = {point["point_id"]: point["value"] for point in person.get("points", ())}
            points = [
                {**point, "value": values.get(point["point_id"])}
                for point in row["points"]
                if "removed_at" not in point
            ]
            clear = {"name": person.get("name"), "erased": person.get("erased", False), "points": points}
            found.append({**row, **clear, "updated_at": row["recorded"]})
        return sorted(found, key=lambda row: (row["registered_at"], row["id"]))

    def consents(self) -> list[Row]:
        """Consents; one is in force that was given, not withdrawn and had not run out at the cut, for a point
        that was not removed."""
        folded = self._rows("contacts")
        removed = {
            (row["id"], point["point_id"])
            for row in folded["contact"].values()
            for point in row["points"]
            if "removed_at" in point
        }
        at = instant(self._past.cut.as_of or self._past.cut.known_at or datetime.max.replace(tzinfo=UTC))
        found: list[Row] = [
            {
                **row,
                "is_active": row["given_at"] is not None
                and row["withdrawn_at"] is None
                and (row["valid_until"] is None or row["valid_until"] > at)
                and (row["contact_id"], row["point_id"]) not in removed,
                "updated_at": row["recorded"],
            }
            for row in folded["consent"].values()
        ]
        found.sort(key=lambda row: row["id"])
        found.sort(key=lambda row: (row["is_active"], row["updated_at"]), reverse=True)
        return found

    def opportunities(self) -> list[Row]:
        """Those that were open, the newest first."""
        found: list[Row] = [
            {**row, "amount_reporting": _value(row), "updated_at": row["recorded"]}
            for row in self._rows("opportunities")["opportunity"].values()
            if row["outcome"] == "open"
        ]
        found.sort(key=lambda row: row["id"])
        return sorted(found, key=lambda row: row["opened_at"], reverse=True)

    def cases(self) -> list[Row]:
        """Those that were open, the most urgent first."""
        found = [
            {**row, "updated_at": row["recorded"]}
            for row in self._rows("cases")["service_case"].values()
            if row["is_open"]
        ]
        return sorted(found, key=lambda row: (row["priority"], row["opened_at"], row["id"]))

    def interactions(self) -> list[Group]:
        """Of interactions with more than one event, a group each."""
        return [_group(row) for row in self._rows("totals")["interaction"].values()]

    def _rows(self, section: str) -> Rows:
        """The rows of the records of a section; of contacts once for two sections."""
        name = "contacts" if section == "consents" else section
        if name not in self._folded:
            asked = {"section": name, "as_of": self._past.cut.as_of, **self._cluster.parameters()}
            with self._connection.cursor() as c:
                c.execute(statement(RECORDS), asked)
                ids = [id for (id,) in c.fetchall()]
            self._folded[name] = self._past.rows(ids)
        return self._folded[name]


def _value(row: Mapping[str, Any]) -> Decimal | None:
    """The amount in the reporting currency."""
    return None if row["amount"] is None else Decimal(row["amount"]) * Decimal(row["rate"])


def _group(row: Mapping[str, Any]) -> Group:
    at, score = moment(row["occurred"]), row["survey_score"]
    csat, nps = (row["survey_question"] == question for question in ("csat", "nps"))
    scored = score is not None
    return (
        row["kind"], row["channel"], 1, _value(row) or Decimal(0), at, at,
        int(csat), int(csat and scored and score >= 4),
        int(nps), int(nps and scored and score >= 9), int(nps and scored and score <= 6),
    )  # fmt: skip
