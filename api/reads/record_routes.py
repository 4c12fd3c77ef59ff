"""One record by its id, from the event store: a route for every readable record type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Depends

from api.activities.interaction_record import InteractionRecord
from api.customers.contact_record import ContactRecord
from api.customers.customer_record import CustomerRecord
from api.http.auth import requires
from api.http.query import declared_only
from api.reads.record_shapes import shape_of
from api.reads.records import Record, add_record
from api.sales.lead_record import LeadRecord
from api.service.case_record import CaseRecord
from domain.activities.interaction import INTERACTION
from domain.customers.contact import CONTACT
from domain.customers.customer import CUSTOMER
from domain.record_types import BUSINESS
from domain.sales.lead import LEAD
from domain.sales.opportunity import OPPORTUNITY
from domain.service.case import CASE

WRITTEN: Final[Mapping[str, type[Record]]] = {
    CUSTOMER.name: CustomerRecord,
    CONTACT.name: ContactRecord,
    LEAD.name: LeadRecord,
    CASE.name: CaseRecord,
    INTERACTION.name: InteractionRecord,
}
"""Response models that are written out, by record type."""

OWN: Final = frozenset({OPPORTUNITY.name})
"""Record types with a route of their own: an opportunity comes from the pipeline, with its age."""


def record_router() -> APIRouter:
    """`GET /v1/<plural>/{id}` for each record type."""
    router = APIRouter(prefix="/v1", dependencies=[requires("crm:read"), Depends(declared_only)])
    for each in BUSINESS:
        if each.readable and each.name not in OWN and each.evolve is not None:
            shape = shape_of(each, WRITTEN.get(each.name, Record))
            add_record(router, each.plural, each.name, each.evolve, shape)
    return router
