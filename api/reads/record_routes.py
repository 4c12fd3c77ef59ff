"""One record by its id, as the event store has it."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from api.activities.interaction_record import InteractionRecord
from api.customers.contact_record import ContactRecord
from api.customers.customer_record import CustomerRecord
from api.http.auth import requires
from api.http.query import declared_only
from api.reads.records import add_record
from api.sales.lead_record import LeadRecord
from api.service.case_record import CaseRecord
from domain.activities.interaction import state as interaction
from domain.customers.contact import state as contact
from domain.customers.customer import state as customer
from domain.sales.lead import state as lead
from domain.service.case import state as case

router = APIRouter(prefix="/v1", dependencies=[requires("crm:read"), Depends(declared_only)])

add_record(router, "customers", "customer", customer.evolve, CustomerRecord)
add_record(router, "contacts", "contact", contact.evolve, ContactRecord)
add_record(router, "leads", "lead", lead.evolve, LeadRecord)
add_record(router, "cases", "case", case.evolve, CaseRecord)
add_record(router, "interactions", "interaction", interaction.evolve, InteractionRecord)
