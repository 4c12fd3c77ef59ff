"""One customer in full, now or as of a time: overview and timeline over all parties that are this customer;
and the search for customers."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from api.customers.customer_shapes import CustomerOverview, Entry, Hit, Hits, Timeline, TotalsOut
from api.http.auth import requires
from api.http.problems import Problem
from api.http.query import declared_only
from api.reads import filters as declared
from api.reads.as_of import TIMES, AsOfQuery, past
from api.reads.consistency import Consistency, consistent
from api.reads.listing import PageSize, PageToken, Paging
from api.reads.meta import meta_of
from api.reads.private import GivesPrivate, shows
from api.reads.snapshot import Snapshot, snapshot
from api.services import Services
from domain.kernel.as_of import AsOf
from projections.customer_360.questions import (
    SECTIONS,
    Customers,
    Listed,
    Overview,
    Section,
    TimelinePage,
    Totals,
)
from projections.identity.questions import Identity

router = APIRouter(
    prefix="/v1",
    tags=["customers"],
    dependencies=[requires("crm:read"), Depends(declared_only)],
)

_MODELS: Final = ("customer_360", "identity")
_BOUNDS: Final = {
    "kind": declared.word("Only entries of this kind: an interaction's, such as `email`, or a family's: "
                          "customer, contact, lead, opportunity, case."),
    "channel": declared.word("Only entries of this channel."),
    "from": declared.moment("What happened at this business time or later."),
    "to": declared.moment("What happened before this business time."),
    "as_of": declared.moment("What had happened by this business time, included."),
    "known_at": declared.moment("What had been recorded by this time, included; may be given with as_of."),
}  # fmt: skip

_SEARCH: Final = {"text": declared.word("What to find: words of a name, or an external id.")}


def _customers(look: Snapshot) -> Customers:
    """The queries of `customer_360`, with parties as `identity` has them, both in their active version."""
    return look.ask("customer_360", Customers, identity=look.ask("identity", Identity))


def _sections(text: str | None) -> list[Section]:
    if text is None:
        return list(SECTIONS)
    asked = {part.strip() for part in text.split(",")}
    found = [section for section in SECTIONS if section in asked]
    if len(found) < len(asked):
        raise Problem(
            "validation",
            f"sections takes names out of {', '.join(SECTIONS)}, separated by commas. Correct it.",
            allowed=list(SECTIONS),
        )
    return found


@router.get(
    "/customers/{id:uuid}/overview",
    summary="Get the overview of a customer",
    dependencies=[GivesPrivate],
    response_model_exclude_unset=True,
)
def get_overview(
    request: Request,
    id: UUID,
    consistency: Annotated[Consistency, Depends(consistent(*_MODELS))],
    bounds: AsOfQuery,
    sections: Annotated[
        str | None,
        Query(
            description=f"Out of {', '.join(SECTIONS)}, separated by commas; all when left out.",
            examples=["profile,totals"],
        ),
    ] = None,
    first: Annotated[int, Query(ge=1, le=50, description="Most items of each section.")] = 5,
) -> CustomerOverview:
    """Each section with its first items and its size, over all parties that are this customer now: a merged
    customer has its survivor's overview. With as_of or known_at everything is as it was then, merges
    included: 404 before the customer's first event. This folds all records of the requested sections from
    the event store."""
    services: Services = request.app.state.services
    wanted = _sections(sections)
    with snapshot(services, *_MODELS) as look:
        parked = look.parked_of_customer(id, bounds)
        found = _customers(look).overview(id, wanted, first=first, past=past(services, look, bounds))
        if found is None:
            raise look.not_found("customer", id, parked)
        # The timeline goes on as of the same time.
        sent = {name: request.query_params[name] for name in TIMES if name in request.query_params}
        paging = Paging(request, look, _timeline_of(id), None, arguments=sent)
    for section in wanted:
        _say_whose(request, found, section)
    return CustomerOverview(
        as_of=bounds.as_of,
        known_at=bounds.known_at,
        customer_id=found.customer_id,
        parties=list(found.parties),
        meta=meta_of(
            services, look, consistency, parked_here=parked, source="read_model" if bounds.whole else "both"
        ),
        **{section: _section(found, section, paging) for section in wanted},
    )


def _say_whose(request: Request, found: Overview, section: Section) -> None:
    """Notes whose private values the section holds: names and contact points of persons."""
    value = found.sections[section]
    if section == "profile" and isinstance(value, dict) and value["kind"] == "person" and value["name"]:
        _shows(request, value["id"], value["id"])
    if section == "contacts" and isinstance(value, Listed):
        for contact in value.items:
            if contact["name"] or any(point.get("value") for point in contact["points"]):
                _shows(request, contact["party"], contact["id"])


def _shows(request: Request, party: object, record: object) -> None:
    """Returns the id; a row that was folded from events has it as a text."""
    shows(request, UUID(str(party)), UUID(str(record)))


def _section(found: Overview, section: Section, paging: Paging) -> Any:
    """Returns the section for its response model."""
    value = found.sections[section]
    match value:
        case TimelinePage():
            return {
                "items": [_entry(row) for row in value.rows],
                "next_page_token": paging.next(value.after),
            }
        case Listed():
            return {"items": value.items, "count": value.count}
        case Totals():
            return {name: getattr(value, name) for name in TotalsOut.model_fields}
        case _:
            return value


@router.get(
    "/customers/{id:uuid}/timeline",
    summary="Get the timeline of a customer",
    openapi_extra={"parameters": declared.parameters(_BOUNDS)},
)
def get_timeline(
    request: Request,
    id: UUID,
    consistency: Annotated[Consistency, Depends(consistent(*_MODELS))],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Timeline:
    """All events of the customer, newest first: its own, and those of its contacts, leads, opportunities,
    cases and interactions, over all parties that are this customer now. With as_of or known_at those that had
    happened, or were known, by then, over all parties that were this customer then; empty before its first
    event."""
    services: Services = request.app.state.services
    with snapshot(services, *_MODELS) as look:
        paging = Paging(request, look, _timeline_of(id), page_token)
        named = declared.values(paging.arguments, _BOUNDS)
        bounds = AsOf(as_of=named.get("as_of"), known_at=named.get("known_at"))
        customers = _customers(look)
        after = None if paging.after is None else (paging.after[0], paging.after[1])
        found = customers.timeline(
            id,
            kind=named.get("kind"),
            channel=named.get("channel"),
            from_=named.get("from"),
            to=named.get("to"),
            as_of=bounds.as_of,
            known_at=bounds.known_at,
            limit=page_size,
            after=after,
        )
        parked = look.parked_of_customer(id, bounds)
        if not found.rows and customers.get(id) is None:
            raise look.not_found("customer", id, parked)
    return Timeline(
        as_of=bounds.as_of,
        known_at=bounds.known_at,
        entries=[Entry(**_entry(row)) for row in found.rows],
        next_page_token=paging.next(found.after),
        meta=meta_of(services, look, consistency, parked_here=parked),
    )


@router.get(
    "/customers:search",
    summary="Find customers, contacts and leads",
    dependencies=[GivesPrivate],
    openapi_extra={"parameters": declared.parameters(_SEARCH)},
)
def search_customers(
    request: Request,
    consistency: Annotated[Consistency, Depends(consistent(*_MODELS))],
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> Hits:
    """Finds them by the beginnings of the words of their names, in any order, ignoring case and accents, and
    customers also by their exact external id."""
    services: Services = request.app.state.services
    with snapshot(services, *_MODELS) as look:
        paging = Paging(request, look, "customers:search", page_token)
        text = declared.values(paging.arguments, _SEARCH).get("text", "")
        if not text.strip():
            raise Problem("validation", "query.text: field required. Send text=... with what to find.")
        after = None if paging.after is None else (paging.after[0], paging.after[1], paging.after[2])
        found = _customers(look).search(text, limit=page_size, after=after)
    for row in found.rows:
        if row["personal"]:
            shows(request, row["party"], row["id"])
    return Hits(
        hits=[Hit(**row) for row in found.rows],
        next_page_token=paging.next(found.after),
        meta=meta_of(services, look, consistency),
    )


def _timeline_of(id: UUID) -> str:
    """Returns the list's name; it has the customer's id, so that a token fits one customer only."""
    return f"timeline/{id}"


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"actor": {"id": row["actor_id"], "kind": row["actor_kind"]}}
