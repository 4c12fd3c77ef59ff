"""A person with everything that can be known of one, told over HTTP."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2

from tests.support.http import Api

NAME, OTHER_NAME = "Zerlina Quux", "Z. Quuxova"
EMAIL, PHONE = "zerlina.quux@example.org", "+44 20 7946 0991"
TEXT = "Zerlina asked for the blue one."
ERASE = {"reason": "withdrawn_consent", "legal_basis": "GDPR art. 17 (1) b", "reference": "DSR-118"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The records of one person, and those beside it."""

    customer: str
    merged: str
    contact: str
    lead: str
    interaction: str
    opportunity: str

    @property
    def members(self) -> set[str]:
        """All that must be erased."""
        return {self.customer, self.merged, self.contact, self.lead}


def somebody(api: Api, source: str) -> Told:
    """A person: a lead converted, its customer merged into another, a contact with points, a purchase with a
    text, a won opportunity."""
    lead = api.create("leads", name=OTHER_NAME, email=EMAIL, phone=PHONE)
    for to_state in ("working", "qualified"):
        done(api, "leads", lead, "move", to_state=to_state)
    done(api, "leads", lead, "convert", pipeline="sales")
    record = api.read("leads", lead)
    merged, contact = record["customer_id"], record["contact_id"]
    customer = api.create("customers", kind="person", name=NAME, attributes={"sector": "retail"})
    done(api, "customers", merged, "merge", survivor_id=customer)
    done(api, "opportunities", record["opportunity_id"], "changeAmount", amount=usd("900"))
    done(api, "opportunities", record["opportunity_id"], "win")
    interaction = api.create(
        "interactions", kind="purchase", direction="inbound", channel="shop", customer_id=customer,
        amount=usd("250"), body=TEXT, at="2026-03-01T10:00:00Z",
        reference={"source": source, "external_id": "1"},
    )  # fmt: skip
    return Told(
        customer=customer, merged=merged, contact=contact, lead=lead, interaction=interaction,
        opportunity=record["opportunity_id"],
    )  # fmt: skip


def usd(amount: str) -> dict[str, str]:
    """Money."""
    return {"amount": amount, "currency": "USD"}


def done(api: Api, collection: str, id: str, verb: str, **fields: Any) -> None:
    """A change that must be taken."""
    answer = api.change(collection, id, verb, **fields)
    assert answer.status_code == 200, answer.text


def rows(api: Api, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the owner of the tables finds."""
    with closing(psycopg2.connect(api.urls.owner)) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def forgotten(api: Api, told: Told) -> None:
    """No key, no look-up and no clear value of the person is left."""
    members = list(told.members)
    assert rows(
        api, "SELECT count(*) FROM keys.person_key WHERE person = ANY (%s::uuid[]) AND wrapped IS NOT NULL",
        members,
    ) == [(0,)]  # fmt: skip
    assert rows(api, "SELECT count(*) FROM store.contact_index WHERE person = ANY (%s::uuid[])", members) == [
        (0,)
    ]
    shown = rows(
        api, "SELECT erased, name, email, phone, points, search FROM customer_360_v1.person"
        " WHERE id = ANY (%s::uuid[])", members,
    )  # fmt: skip
    assert shown == [(True, None, None, None, [], "")] * 4
    asked = {"kind": "email", "value": EMAIL}
    found = api.client.post("/v1/contacts:lookup", json=asked).json()["candidates"]
    assert told.contact not in {each["contact_id"] for each in found}
    hits = api.client.get("/v1/customers:search", params={"text": NAME}).json()["hits"]
    assert told.members.isdisjoint(hit["id"] for hit in hits)


def totals(api: Api) -> list[tuple[Any, ...]]:
    """Counts and money of all customers and stages."""
    return rows(
        api,
        "SELECT 'customers', count(*), sum(interactions), sum(purchases), sum(purchase_value)"
        "  FROM read.customer_summary"
        " UNION ALL SELECT stage, count(*), sum(amount), count(closed_at), 0"
        "  FROM customer_360_v1.opportunity GROUP BY stage ORDER BY 1",
    )


def reports(api: Api) -> list[Any]:
    """Every report there is, without where it comes from."""
    found = []
    for path in (
        "pipelines/sales/outcomes", "pipelines/sales/forecast", "pipelines/sales/board",
        "service/backlog", "service/reopenRate", "service/times", "service/complaints",
    ):  # fmt: skip
        answer = api.client.get(f"/v1/{path}")
        assert answer.status_code == 200, answer.text
        found.append({name: value for name, value in answer.json().items() if name != "meta"})
    return found
