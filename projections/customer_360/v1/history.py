"""One customer as of a time: its records, folded from their events until then, as the tables would show them.

The tables give the records that may be the customer's, the events give each record's state then. Values are
spelled as in events. The cost is to read and fold the events of a section's records; among interactions only
of those that were corrected or linked after they were recorded.
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
"""A row of `totals.sql`: kind, channel, count, value, oldest, newest, then the numbers of CSAT scores, of
those of 4 and 5, of NPS scores, promoters, detractors."""


class CustomerHistory:
    """The sections of one customer as of a time, whole and in their order."""

    def __init__(self, connection: Connection, cluster: Cluster, past: PastSections) -> None:
        self._connection = connection
        self._cluster = cluster
        self._past = past
        self._folded: dict[str, Rows] = {}

    def profile(self) -> Row | None:
        """Returns the customer's row; None if it had no event until then."""
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
        """Returns contacts with clear names and the points in use then."""
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
        """Returns consents. One is in force if it was given, was not withdrawn and had not run out then, and
        its point was not removed."""
        folded = self._rows("contacts")
        removed = {
            (row["id"], point["point_id"])
            for row in folded["contact"].values()
            for point in row["points"]
            if "removed_at" in point
        }
        at = instant(self._past.as_of.as_of or self._past.as_of.known_at or datetime.max.replace(tzinfo=UTC))
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
        """Returns opportunities that were open, the newest first."""
        found: list[Row] = [
            {**row, "amount_reporting": _value(row), "updated_at": row["recorded"]}
            for row in self._rows("opportunities")["opportunity"].values()
            if row["outcome"] == "open"
        ]
        found.sort(key=lambda row: row["id"])
        return sorted(found, key=lambda row: row["opened_at"], reverse=True)

    def cases(self) -> list[Row]:
        """Returns cases that were open, the most urgent first."""
        found = [
            {**row, "updated_at": row["recorded"]}
            for row in self._rows("cases")["service_case"].values()
            if row["is_open"]
        ]
        return sorted(found, key=lambda row: (row["priority"], row["opened_at"], row["id"]))

    def interactions(self) -> list[Group]:
        """Returns interactions with more than one event, a group each."""
        return [_group(row) for row in self._rows("totals")["interaction"].values()]

    def _rows(self, section: str) -> Rows:
        """Returns the rows of a section's records; it loads contacts once for two sections."""
        name = "contacts" if section == "consents" else section
        if name not in self._folded:
            asked = {"section": name, "as_of": self._past.as_of.as_of, **self._cluster.parameters()}
            with self._connection.cursor() as c:
                c.execute(statement(RECORDS), asked)
                ids = [id for (id,) in c.fetchall()]
            self._folded[name] = self._past.rows(ids)
        return self._folded[name]


def _value(row: Mapping[str, Any]) -> Decimal | None:
    """Returns the amount in the reporting currency."""
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
