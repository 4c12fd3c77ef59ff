"""The status of the read models, with the members of the command line's table."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from api.http.auth import requires
from api.http.query import declared_only
from api.reads.lag import head, recorded_behind
from api.services import Services
from projections.control.status import projection_status

router = APIRouter(
    prefix="/v1",
    tags=["projections"],
    dependencies=[requires("crm:read"), Depends(declared_only)],
)


class ProjectionStatus(BaseModel):
    """One version of a read model."""

    projection: str = Field(examples=["pipeline"])
    version: int
    active: bool = Field(description="Whether responses and `read` views come from this version.")
    state: str = Field(
        description="never_started, no_worker, catching_up, live, or what stops it, such as seal_mismatch; "
        "for a version that is being built, its progress."
    )
    reason: str | None = Field(description="The cause, and what to do.")
    position: int
    head: int | None = Field(description="The store's newest position; null while the store is away.")
    lag_events: int | None
    lag_seconds: float | None = Field(description="Age of the oldest event not applied.")
    lag_trend: float | None = Field(
        description="Events a second by which the lag grows, against about a minute ago; below 0 it shrinks."
    )
    time_left: float | None = Field(
        description="Seconds until it has caught up at this pace; null when unknown, or never."
    )
    rate: float = Field(description="Events a second.")
    rows: int = Field(description="Rows of its tables, as the database estimates them.")
    workers: int
    heartbeat_age: float | None = Field(description="Seconds since a worker last reported.")
    parked: int = Field(description="Events that could not be applied and wait for an operator.")
    received: int


class ProjectionList(BaseModel):
    """All read models; their number is bounded by the release."""

    projections: list[ProjectionStatus]


@router.get("/projections", summary="List the read models and how they stand")
def list_projections(request: Request) -> ProjectionList:
    """The table that `rapport projection status` prints."""
    services: Services = request.app.state.services
    newest = head(services)
    with services.read_pool.connection() as connection:
        found = projection_status(
            connection, newest, recorded_behind=recorded_behind(services), now=services.clock
        )
    return ProjectionList(projections=[ProjectionStatus(**asdict(status)) for status in found])
