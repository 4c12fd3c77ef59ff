"""How the read models stand: the same table as on the command line."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from api.auth import requires
from api.query import declared_only
from api.reading import positions
from api.services import Services

router = APIRouter(
    prefix="/v1",
    tags=["projections"],
    dependencies=[Depends(requires("crm:read")), Depends(declared_only)],
)


class ProjectionStatus(BaseModel):
    """One read model."""

    projection: str
    position: int


class ProjectionList(BaseModel):
    """All read models; their number is bounded by the release."""

    projections: list[ProjectionStatus]


@router.get("/projections", summary="List the read models and how they stand")
def list_projections(request: Request) -> ProjectionList:
    """Which read models there are and how far each has come."""
    services: Services = request.app.state.services
    found = positions(services.read_pool)
    return ProjectionList(
        projections=[ProjectionStatus(projection=name, position=at) for name, at in sorted(found.items())]
    )
