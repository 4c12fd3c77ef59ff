"""Pipelines: their configuration, and the board."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from api.http.auth import requires
from api.http.query import declared_only
from api.http.shapes import Day, Number
from api.reads.as_of import AsOfAnswer, AsOfTime, KnownAtTime
from api.reads.consistency import Consistency, consistent
from api.reads.meta import Meta, meta_of
from api.reads.snapshot import snapshot
from api.services import Services
from domain.configuration.pipelines import Pipeline
from domain.kernel.errors import NotFound
from projections.pipeline.questions import BoardFilter, BoardStage, Opportunities

router = APIRouter(
    prefix="/v1",
    tags=["pipelines"],
    dependencies=[requires("crm:read"), Depends(declared_only)],
)


class StageOut(BaseModel):
    """A stage as it is configured."""

    id: str = Field(examples=["engaging"])
    name: str = Field(examples=["Engaging"])
    kind: str = Field(description="open, won or lost.")
    probability: int = Field(description="Percent at entry.")


class PipelineOut(BaseModel):
    """A pipeline as it is configured; stages in their order."""

    id: str = Field(examples=["maven"])
    name: str
    stages: list[StageOut]
    lost_reasons: list[str]


class PipelineList(BaseModel):
    """All pipelines; their number is bounded by configuration."""

    pipelines: list[PipelineOut]


class BoardColumn(BaseModel):
    """One stage of the board. Sums are in the reporting currency; without an amount counts as 0."""

    stage: str
    name: str
    kind: str
    count: int
    amount: Number
    weighted: Number = Field(description="Sum of amount x rate x probability.")
    mean_age_seconds: float | None = Field(description="Mean time in the stage; null for closed stages.")
    stale: int | None = Field(description="Open and longer in the stage than stale_days; null without that.")


class Totals(BaseModel):
    """Sums over all stages of the board."""

    count: int
    amount: Number
    weighted: Number


class Board(AsOfAnswer):
    """The board of a pipeline, now or at a time."""

    pipeline: str
    owner_id: UUID | None
    stages: list[BoardColumn]
    totals: Totals
    meta: Meta


@router.get("/pipelines", summary="List pipelines")
def list_pipelines(request: Request) -> PipelineList:
    """Pipelines are configuration; this uses no read model."""
    services: Services = request.app.state.services
    return PipelineList(pipelines=[_pipeline(found) for found in services.pipelines.values()])


@router.get("/pipelines/{pipeline_id}/board", summary="Get the board of a pipeline")
def get_board(
    request: Request,
    pipeline_id: Annotated[str, Path(max_length=100, pattern=r"^[a-z0-9_-]+$", examples=["maven"])],
    consistency: Annotated[Consistency, Depends(consistent("pipeline"))],
    as_of: AsOfTime = None,
    known_at: KnownAtTime = None,
    owner_id: Annotated[UUID | None, Query(description="Only this owner's opportunities.")] = None,
    team_member_id: Annotated[
        UUID | None, Query(description="Only opportunities with this member in their team.")
    ] = None,
    closing_since: Annotated[
        Day | None,
        Query(
            description="Only opportunities with their close, or their expected close, on this day or later."
        ),
    ] = None,
    closing_until: Annotated[Day | None, Query(description="The same before this day.")] = None,
    stale_days: Annotated[
        int | None,
        Query(ge=0, le=36_500, description="Counts opportunities that are longer in their stage as stale."),
    ] = None,
) -> Board:
    """Per stage: count, amount, weighted amount, mean age. Every configured stage is listed, in order."""
    services: Services = request.app.state.services
    pipeline = services.pipelines.get(pipeline_id)
    if pipeline is None:
        raise NotFound("pipeline", pipeline_id)
    only = BoardFilter(
        owner_id=owner_id,
        team_member_id=team_member_id,
        closing_since=closing_since,
        closing_until=closing_until,
    )
    with snapshot(services, "pipeline") as look:
        rows = look.ask("pipeline", Opportunities).board(
            pipeline_id, as_of, known_at, only=only, stale_days=stale_days
        )
    columns = _columns(pipeline, rows, stale_days is not None)
    return Board(
        pipeline=pipeline_id,
        as_of=as_of,
        known_at=known_at,
        owner_id=owner_id,
        stages=columns,
        totals=Totals(
            count=sum(column.count for column in columns),
            amount=sum((column.amount for column in columns), Decimal(0)),
            weighted=sum((column.weighted for column in columns), Decimal(0)),
        ),
        meta=meta_of(services, look, consistency),
    )


def _pipeline(pipeline: Pipeline) -> PipelineOut:
    return PipelineOut(
        id=pipeline.id,
        name=pipeline.name,
        stages=[
            StageOut(id=stage.id, name=stage.name, kind=stage.kind, probability=stage.probability)
            for stage in pipeline.stages
        ],
        lost_reasons=list(pipeline.lost_reasons),
    )


def _columns(pipeline: Pipeline, rows: list[BoardStage], stale: bool) -> list[BoardColumn]:
    """Returns the configured stages in order, then stages that are not configured any more but have
    opportunities: the sums leave no opportunity out."""
    configured = {stage.id: (stage.name, str(stage.kind)) for stage in pipeline.stages}
    gone = {row.stage: (row.stage, row.outcome) for row in rows if row.stage not in configured}
    return [
        _column(id, name, kind, [row for row in rows if row.stage == id], stale)
        for id, (name, kind) in (configured | gone).items()
    ]


def _column(id: str, name: str, kind: str, rows: list[BoardStage], stale: bool) -> BoardColumn:
    """Returns the sums of a stage, usually of one row, or of more if its configured kind has changed."""
    ages = [row.mean_age_seconds for row in rows]
    return BoardColumn(
        stage=id,
        name=name,
        kind=kind,
        count=sum(row.count for row in rows),
        amount=sum((row.amount for row in rows), Decimal(0)),
        weighted=sum((row.weighted for row in rows), Decimal(0)),
        mean_age_seconds=next((age for age in ages if age is not None), None),
        stale=sum(row.stale for row in rows) if stale else None,
    )
