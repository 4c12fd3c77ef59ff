"""Commands on opportunities: opening one, and its moves."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from api.auth import requires
from api.bodies import opportunity as bodies
from api.changing import add_changes
from api.query import declared_only
from api.sending import IdempotencyKey, Recorded, send

router = APIRouter(
    prefix="/v1",
    tags=["opportunities"],
    dependencies=[requires("crm:write"), Depends(declared_only)],
)


@router.post("/opportunities", status_code=201, summary="Open an opportunity")
def open_opportunity(
    request: Request, response: Response, body: bodies.Open, key: IdempotencyKey
) -> Recorded:
    """Opens an opportunity. With a `reference`, a second opening of the same external id is refused (409) and
    names the record that there is."""
    recorded = send(request, response, body.command(), body, key=key)
    response.headers["Location"] = f"/v1/opportunities/{recorded.id}"
    return recorded


add_changes(
    router,
    "opportunities",
    (
        ("moveStage", bodies.MoveStage, "Move to another open stage"),
        ("win", bodies.Win, "Close as won"),
        ("lose", bodies.Lose, "Close as lost"),
        ("reopen", bodies.Reopen, "Reopen"),
        ("changeAmount", bodies.ChangeAmount, "Change the amount"),
        ("linkCustomer", bodies.LinkCustomer, "Name the customer"),
        ("assignOwner", bodies.AssignOwner, "Assign the owner"),
        ("changeTeam", bodies.ChangeTeam, "Change the team"),
        ("changeProducts", bodies.ChangeProducts, "Change the line items"),
        ("changeCloseDate", bodies.ChangeCloseDate, "Change the expected close"),
        ("changeForecastCategory", bodies.ChangeForecastCategory, "Change the forecast category"),
        ("overrideProbability", bodies.OverrideProbability, "Override the probability"),
    ),
)
