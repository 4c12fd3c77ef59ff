"""One record by its id, as the event store has it."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from api.auth import requires
from api.query import declared_only
from api.records import add_record
from api.views.case import CaseRecord
from api.views.contact import ContactRecord
from api.views.customer_record import CustomerRecord
from api.views.interaction import InteractionRecord
from api.views.lead import LeadRecord
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
