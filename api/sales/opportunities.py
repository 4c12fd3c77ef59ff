"""Reading opportunities: one, and the list with filters, order and pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from api.http.auth import requires
from api.http.query import declared_only
from api.http.shapes import Instant, MoneyOut, Number
from api.reads import filters as declared
from api.reads.as_of import AsOfAnswer, AsOfQuery, row_as_of
from api.reads.consistency import Consistency, consistent
from api.reads.listing import NEXT, PageSize, PageToken, Paging, following_merges
from api.reads.meta import Meta, meta_of
from api.reads.snapshot import snapshot
from api.services import Services
from projections.pipeline.questions import Opportunities
from projections.runtime.listing import Order

router = APIRouter(
    prefix="/v1",
    tags=["opportunities"],
    dependencies=[requires("crm:read"), Depends(declared_only)],
)

FIELDS: Final[Mapping[str, declared.FieldType]] = {
    "pipeline": declared.WORD,
    "stage": declared.WORD,
    "outcome": declared.WORD,
    "owner_id": declared.ID,
    "customer_id": declared.ID,
    "product_id": declared.ID,
    "forecast_category": declared.WORD,
    "lost_reason": declared.WORD,
    "currency": declared.WORD,
    "amount": declared.DECIMAL,
    "probability": declared.PERCENT,
    "expected_close": declared.DAY,
    "opened_at": declared.TIME,
    "closed_at": declared.TIME,
    "stage_entered_at": declared.TIME,
    "updated_at": declared.TIME,
}
ORDERS: Final = ("updated_at", "amount", "opened_at", "closed_at", "expected_close", "stage", "id")
_NEWEST_FIRST: Final = (Order("updated_at", descending=True),)
_LISTING: Final = "opportunities"


class LineItem(BaseModel):
    """One product of an opportunity."""

    product_id: UUID
    quantity: Number
    price: dict[str, str]
    discount: Number


class Opportunity(BaseModel):
    """An opportunity as the read model holds it."""

    id: UUID
    version: int = Field(description="Also the ETag: send it as If-Match with the next change.")
    pipeline: str = Field(examples=["maven"])
    stage: str = Field(examples=["engaging"])
    outcome: str = Field(description="open, won or lost.", examples=["open"])
    probability: int = Field(description="Percent.", examples=[50])
    probability_overridden: bool
    amount: MoneyOut | None
    customer_id: UUID | None = Field(description="As it was linked; filters follow merges.")
    owner_id: UUID | None
    product_id: UUID | None
    team: list[UUID]
    products: list[LineItem]
    forecast_category: str
    expected_close: date | None
    opened_at: Instant
    stage_entered_at: Instant
    closed_at: Instant | None
    lost_reason: str | None
    competitor: str | None
    imported: bool
    updated_at: Instant
    position: int = Field(description="Position of its last event in the store.")

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """Makes it from a row of the query."""
        taken = {name: row[name] for name in cls.model_fields if name not in ("amount", "team", "products")}
        return cls(amount=MoneyOut.of(row), team=row["team"] or [], products=row["products"] or [], **taken)


class OneOpportunity(AsOfAnswer):
    """One opportunity, now or as of a time."""

    opportunity: Opportunity
    meta: Meta


class OpportunityPage(BaseModel):
    """A page of opportunities."""

    opportunities: list[Opportunity]
    next_page_token: str | None = Field(description=NEXT)
    meta: Meta


@router.get(
    "/opportunities",
    summary="List opportunities",
    openapi_extra={"parameters": [*declared.parameters(FIELDS), declared.order_parameter(ORDERS)]},
)
def list_opportunities(
    request: Request,
    consistency: Annotated[Consistency, Depends(consistent("pipeline", "identity"))],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> OpportunityPage:
    """Newest change first unless `order_by` says otherwise. All filters must hold. A `customer_id` also finds
    opportunities of customers merged into that one."""
    services: Services = request.app.state.services
    with snapshot(services, "pipeline", "identity") as look:
        paging = Paging(request, look, _LISTING, page_token)
        found = look.ask("pipeline", Opportunities).list(
            following_merges(declared.filters(paging.arguments, FIELDS), look),
            declared.orders(paging.arguments.get("order_by"), ORDERS, _NEWEST_FIRST),
            page_size,
            paging.after,
        )
    return OpportunityPage(
        opportunities=[Opportunity.of(row) for row in found.rows],
        next_page_token=paging.next(found.after),
        meta=meta_of(services, look, consistency),
    )


@router.get("/opportunities/{id:uuid}", summary="Get an opportunity")
def get_opportunity(
    request: Request,
    response: Response,
    id: UUID,
    consistency: Annotated[Consistency, Depends(consistent("pipeline"))],
    bounds: AsOfQuery,
) -> OneOpportunity:
    """The opportunity as it is now; its version is the `ETag`. With as_of or known_at it is as it was then,
    folded from the event store: 404 before its first event."""
    services: Services = request.app.state.services
    with snapshot(services, "pipeline") as look:
        if bounds.whole:
            row = look.ask("pipeline", Opportunities).get(id)
        else:
            row = row_as_of(look.model("pipeline"), "opportunity", services.crm.history(id, bounds))
        # An earlier state comes from the store, where no event is parked.
        parked = look.parked_of_record(id, row["party"] if row else None) if bounds.whole else 0
    if row is None:
        raise look.not_found("opportunity", id, parked)
    response.headers["ETag"] = f'"{row["version"]}"'
    return OneOpportunity(
        as_of=bounds.as_of,
        known_at=bounds.known_at,
        opportunity=Opportunity.of(row),
        meta=meta_of(
            services, look, consistency, parked_here=parked, source="read_model" if bounds.whole else "store"
        ),
    )
