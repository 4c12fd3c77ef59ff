"""Reports of a pipeline: won and lost, forecast, what changed; and the history of an opportunity."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request

from api.http.auth import requires
from api.http.problems import Problem
from api.http.query import declared_only
from api.reads import filters as declared
from api.reads.consistency import Consistency, consistent
from api.reads.listing import PageSize, PageToken, Paging
from api.reads.meta import meta_of
from api.reads.period import Span, period
from api.reads.snapshot import snapshot
from api.sales.pipeline_shapes import (
    ChangedRow,
    ChangePage,
    ForecastReport,
    ForecastRow,
    OutcomeReport,
    OutcomeRow,
    VersionPage,
    VersionRow,
)
from api.services import Services
from domain.kernel.errors import NotFound
from projections.pipeline.questions import Opportunities

router = APIRouter(
    prefix="/v1", tags=["pipelines"], dependencies=[requires("crm:read"), Depends(declared_only)]
)

_MODEL: Final = "pipeline"
_Wait = Annotated[Consistency, Depends(consistent(_MODEL))]
_Owner = Annotated[UUID | None, Query(description="Only this owner's opportunities.")]
_SINCE: Final = {"since": declared.moment("What was recorded later than this time. Required.")}


def _pipeline(
    request: Request,
    pipeline_id: Annotated[str, Path(max_length=100, pattern=r"^[a-z0-9_-]+$", examples=["maven"])],
) -> str:
    """A dependency: the id of a pipeline that is configured. Raises `NotFound`."""
    services: Services = request.app.state.services
    if pipeline_id not in services.pipelines:
        raise NotFound("pipeline", pipeline_id)
    return pipeline_id


_Pipeline = Annotated[str, Depends(_pipeline)]


@router.get("/pipelines/{pipeline_id}/outcomes", summary="Get what was won and lost, with reasons")
def get_outcomes(
    request: Request,
    pipeline: _Pipeline,
    consistency: _Wait,
    span: Annotated[Span, Depends(period)],
    owner_id: _Owner = None,
) -> OutcomeReport:
    """The opportunities closed in the period, by outcome, reason and competitor."""
    services: Services = request.app.state.services
    with snapshot(services, _MODEL) as look:
        found = look.ask(_MODEL, Opportunities).outcomes(pipeline, span.since, span.until, owner_id)
    won = sum(row.count for row in found if row.outcome == "won")
    lost = sum(row.count for row in found if row.outcome == "lost")
    return OutcomeReport(
        **asdict(span),
        won=won,
        lost=lost,
        win_rate=won / (won + lost) if won + lost else None,
        rows=[OutcomeRow(**asdict(row)) for row in found],
        meta=meta_of(services, look, consistency),
    )


@router.get("/pipelines/{pipeline_id}/forecast", summary="Get the forecast by month and category")
def get_forecast(
    request: Request, pipeline: _Pipeline, consistency: _Wait, owner_id: _Owner = None
) -> ForecastReport:
    """Open opportunities by the month in which they are expected to close, and forecast category."""
    services: Services = request.app.state.services
    with snapshot(services, _MODEL) as look:
        found = look.ask(_MODEL, Opportunities).forecast(pipeline, owner_id)
    return ForecastReport(
        rows=[ForecastRow(**asdict(row)) for row in found], meta=meta_of(services, look, consistency)
    )


@router.get(
    "/pipelines/{pipeline_id}/changes",
    summary="List what changed since a time",
    openapi_extra={"parameters": declared.parameters(_SINCE)},
)
def list_changes(
    request: Request,
    pipeline: _Pipeline,
    consistency: _Wait,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> ChangePage:
    """Each opportunity with a change recorded since then: as it was known then, and as it is now."""
    services: Services = request.app.state.services
    with snapshot(services, _MODEL) as look:
        paging = Paging(request, look, f"changes/{pipeline}", page_token)
        since = declared.values(paging.arguments, _SINCE).get("since")
        if since is None:
            raise Problem("validation", "query.since: field required. Send since=... with a time.")
        last = paging.after
        after = None if last is None else (datetime.fromisoformat(last[0]), UUID(last[1]))
        rows = look.ask(_MODEL, Opportunities).changes(pipeline, since, limit=page_size + 1, after=after)
    page = rows[:page_size]
    more = len(rows) > page_size
    return ChangePage(
        changes=[ChangedRow(**row) for row in page],
        next_page_token=paging.next(
            [page[-1]["recorded"].isoformat(), str(page[-1]["id"])] if more else None
        ),
        meta=meta_of(services, look, consistency),
    )


@router.get(
    "/opportunities/{id:uuid}/history", tags=["opportunities"], summary="Get the history of an opportunity"
)
def get_history(
    request: Request, id: UUID, consistency: _Wait, page_size: PageSize = 50, page_token: PageToken = None
) -> VersionPage:
    """Its stages, amounts and closes, one row per version, oldest first."""
    services: Services = request.app.state.services
    with snapshot(services, _MODEL) as look:
        paging = Paging(request, look, f"history/{id}", page_token)
        opportunities = look.ask(_MODEL, Opportunities)
        after = int(paging.after[0]) if paging.after else 0
        rows = opportunities.history(id, limit=page_size + 1, after=after)
        if not rows and not after:
            raise look.not_found("opportunity", id, look.parked_of_record(id, None))
    page = rows[:page_size]
    return VersionPage(
        versions=[VersionRow.of(row) for row in page],
        next_page_token=paging.next([str(page[-1]["version"])] if len(rows) > page_size else None),
        meta=meta_of(services, look, consistency),
    )
