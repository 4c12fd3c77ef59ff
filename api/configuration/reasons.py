"""The configured reasons."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from api.http.auth import requires
from api.http.query import declared_only
from api.services import Services

router = APIRouter(
    prefix="/v1", tags=["reasons"], dependencies=[requires("crm:read"), Depends(declared_only)]
)


class ReasonLists(BaseModel):
    """The reasons that may be named, in order. `other` needs a note."""

    lead_disqualified: list[str] = Field(examples=[["no-budget", "other"]])
    case_rejected: list[str] = Field(examples=[["not-ours", "spam"]])


@router.get("/reasons", summary="List the reasons")
def list_reasons(request: Request) -> ReasonLists:
    """Reasons are configuration; this uses no read model. An opportunity's pipeline lists the reasons for a
    loss (`lost_reasons` of `GET /v1/pipelines`)."""
    services: Services = request.app.state.services
    reasons = services.commands.reasons
    return ReasonLists(
        lead_disqualified=list(reasons.lead_disqualified), case_rejected=list(reasons.case_rejected)
    )
