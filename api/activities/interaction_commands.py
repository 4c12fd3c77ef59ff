"""Recording interactions one by one or many at once. Sending the same one twice is not an error."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from api.activities import interaction_bodies as bodies
from api.activities.record_interactions import RecordedInteraction, take, take_all
from api.http.auth import requires
from api.http.query import declared_only
from api.writes.batch_outcomes import BatchOutcome, Mode
from api.writes.batches import SentBatch, request_body
from api.writes.execution import IdempotencyKey
from domain.activities.interaction import INTERACTION

router = APIRouter(
    prefix="/v1",
    tags=[INTERACTION.plural],
    dependencies=[requires(INTERACTION.scope), Depends(declared_only)],
)


@router.post(
    "/interactions",
    status_code=201,
    summary="Record an interaction",
    description=bodies.RecordInteraction.__doc__,
    responses={200: {"model": RecordedInteraction, "description": "It was recorded before."}},
)
def record_interaction(
    request: Request, response: Response, body: bodies.RecordInteraction, key: IdempotencyKey
) -> RecordedInteraction:
    return take(request, response, body, key)


@router.post(
    "/interactions:batch",
    summary="Record many interactions",
    openapi_extra=request_body(bodies.RecordInteraction, bodies.EXAMPLE),
)
def record_interactions(
    request: Request, response: Response, sent: SentBatch, key: IdempotencyKey, mode: Mode = "each"
) -> BatchOutcome:
    """At most 1,000 items, as a JSON array or as NDJSON with an item a line. Each has an outcome, in the
    order sent: created, unchanged, or failed with a problem. Items sent again are unchanged."""
    return take_all(request, response, sent, key, mode)
