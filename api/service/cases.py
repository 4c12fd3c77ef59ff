"""Reading cases: the list with filters, order and pages, and a customer's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from api.http.auth import requires
from api.http.query import declared_only
from api.reads import filters as declared
from api.reads.consistency import Consistency, consistent
from api.reads.listing import PageSize, PageToken, Paging, following_merges
from api.reads.meta import meta_of
from api.reads.snapshot import Snapshot, snapshot
from api.service.shapes import CasePage, CaseRow
from api.services import Services
from projections.identity.questions import Identity
from projections.runtime.listing import Filter, Order
from projections.service_history.questions import Cases

router = APIRouter(prefix="/v1", tags=["cases"], dependencies=[requires("crm:read"), Depends(declared_only)])

_MODELS: Final = ("service_history", "identity")
_OWN: Final[Mapping[str, declared.FieldType]] = {
    "kind": declared.WORD,
    "state": declared.WORD,
    "open": declared.YES_OR_NO,
    "priority": declared.COUNT,
    "escalation": declared.COUNT,
    "channel": declared.WORD,
    "queue": declared.WORD,
    "category": declared.WORD,
    "product": declared.WORD,
    "cause": declared.WORD,
    "owner_id": declared.ID,
    "reported_sla": declared.YES_OR_NO,
    "reopened": declared.COUNT,
    "opened_at": declared.TIME,
    "resolved_at": declared.TIME,
    "closed_at": declared.TIME,
    "updated_at": declared.TIME,
}
FIELDS: Final = {**_OWN, "customer_id": declared.ID}
ORDERS: Final = ("updated_at", "opened_at", "priority", "closed_at", "id")
_NEWEST_FIRST: Final = (Order("opened_at", descending=True),)


@router.get(
    "/cases",
    summary="List cases",
    openapi_extra={"parameters": [*declared.parameters(FIELDS), declared.order_parameter(ORDERS)]},
)
def list_cases(
    request: Request,
    consistency: Annotated[Consistency, Depends(consistent(*_MODELS))],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> CasePage:
    """Newest first unless `order_by` says otherwise. All filters must hold. A `customer_id` also finds cases
    of customers merged into that one."""
    services: Services = request.app.state.services
    with snapshot(services, *_MODELS) as look:
        paging = Paging(request, look, "cases", page_token)
        found = following_merges(declared.filters(paging.arguments, FIELDS), look)
        return _page(services, look, consistency, paging, found, page_size)


@router.get(
    "/customers/{id:uuid}/cases",
    summary="List the cases of a customer",
    openapi_extra={"parameters": [*declared.parameters(_OWN), declared.order_parameter(ORDERS)]},
)
def list_cases_of_customer(
    request: Request,
    id: UUID,
    consistency: Annotated[Consistency, Depends(consistent(*_MODELS))],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> CasePage:
    """The cases of all parties that are this customer now, newest first unless `order_by` says otherwise."""
    services: Services = request.app.state.services
    with snapshot(services, *_MODELS) as look:
        parked = look.parked_of_customer(id)
        customer = look.ask("identity", Identity).customer_of(id)
        if customer is None:
            raise look.not_found("customer", id, parked)
        paging = Paging(request, look, f"cases/{id}", page_token)
        mine = following_merges([Filter("customer_id", "eq", customer)], look)
        found = [*declared.filters(paging.arguments, _OWN), *mine]
        return _page(services, look, consistency, paging, found, page_size, parked)


def _page(
    services: Services,
    look: Snapshot,
    consistency: Consistency,
    paging: Paging,
    found: list[Filter],
    page_size: int,
    parked: int | None = None,
) -> CasePage:
    orders = declared.orders(paging.arguments.get("order_by"), ORDERS, _NEWEST_FIRST)
    page = look.ask("service_history", Cases).list(found, orders, page_size, paging.after)
    return CasePage(
        cases=[CaseRow.of(row) for row in page.rows],
        next_page_token=paging.next(page.after),
        meta=meta_of(services, look, consistency, parked_here=parked),
    )
