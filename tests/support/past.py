"""A customer with a past, told over HTTP: for looking back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import httpx

from tests.support.http import ALL_PROJECTIONS, Api

BEFORE, FIRST, SECOND, LATER = (f"2026-0{month}-01T00:00:00Z" for month in (1, 2, 3, 4))
EVERY_WHAT: Final = ("customer", "overview", "case", "opportunity", "timeline", "board")


@dataclass
class Past:
    """A customer of February that was merged away in March, with a case, a contact, a purchase, and an
    opportunity that was linked to it in March; all was recorded during the test."""

    api: Api
    customer: str
    survivor: str
    person: str
    case: str
    opportunity: str
    contact: str
    purchase: str

    def get(self, path: str, **times: str) -> httpx.Response:
        return self.api.client.get(f"/v1/{path}", params=times)

    def read(self, path: str, **times: str) -> dict[str, Any]:
        answer = self.get(path, **times)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def every(self) -> dict[str, str]:
        """What can be looked back at, by what it is called."""
        return {
            "customer": f"customers/{self.customer}",
            "overview": f"customers/{self.customer}/overview",
            "case": f"cases/{self.case}",
            "opportunity": f"opportunities/{self.opportunity}",
            "timeline": f"customers/{self.customer}/timeline",
            "board": "pipelines/sales/board",
        }


def told(api: Api) -> Past:
    """Everything of the customer at `FIRST`, every change at `SECOND`."""
    customer = api.create("customers", kind="organisation", name="ACME Ltd", tags=["new"], at=FIRST)
    survivor = api.create("customers", kind="organisation", name="Acme", at=FIRST)
    person = api.create("customers", kind="person", name="Ann Example", at=FIRST)
    case = api.create("cases", kind="complaint", priority=3, customer_id=customer, subject="Noise", at=FIRST)
    opportunity = api.create("opportunities", pipeline="sales", amount=usd("10"), at=FIRST)
    contact = api.create("contacts", customer_id=customer, name="Bob Example", at=FIRST)
    purchase = api.create(
        "interactions", kind="purchase", channel="shop", customer_id=customer, amount=usd("10"), at=FIRST,
        reference={"source": "shop", "external_id": "1"},
    )  # fmt: skip

    def change(collection: str, id: str, verb: str, at: str = SECOND, **fields: Any) -> None:
        answer = api.change(collection, id, verb, at=at, **fields)
        assert answer.status_code == 200, answer.text

    point = "00000000-0000-4000-8000-000000000001"
    phone = "00000000-0000-4000-8000-000000000002"
    change("contacts", contact, "addPoint", FIRST, kind="email", value="bob@example.org", point_id=point)
    change("contacts", contact, "addPoint", FIRST, kind="phone", value="+49 30 123", point_id=phone)
    for verb, at, fields in (
        ("giveConsent", FIRST, {"legal_basis": "consent"}),
        ("withdrawConsent", SECOND, {}),
    ):
        change("contacts", contact, verb, at, point_id=point, purpose="news", source="form", **fields)
    change("contacts", contact, "removePoint", point_id=phone)
    change("interactions", purchase, "correct", amount=usd("20"))
    change("cases", case, "changePriority", priority=1)
    change("opportunities", opportunity, "linkCustomer", customer_id=customer)
    change("opportunities", opportunity, "changeAmount", amount=usd("25"))
    change("customers", customer, "merge", survivor_id=survivor)
    api.catch_up(projections=ALL_PROJECTIONS)
    return Past(api, customer, survivor, person, case, opportunity, contact, purchase)


def usd(amount: str) -> dict[str, str]:
    """An amount as it is sent."""
    return {"amount": amount, "currency": "USD"}
