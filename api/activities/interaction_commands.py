"""Commands on interactions: taken in one by one or many at once, corrected, linked."""

from __future__ import annotations

from fastapi import Request, Response

from api.activities import interaction_bodies as bodies
from api.activities.record_interactions import RecordedInteraction, take, take_all
from api.writes.batch_outcomes import BatchOutcome, Mode
from api.writes.batches import SentBatch, request_body
from api.writes.command_routes import command_router
from api.writes.execution import IdempotencyKey

router = command_router(
    "interactions",
    create=None,
    verbs=(
        ("correct", bodies.CorrectInteraction, "Correct"),
        ("link", bodies.LinkInteraction, "Link to a customer, an opportunity or a case"),
    ),
)


@router.post(
    "/interactions",
    status_code=201,
    summary="Record an interaction",
    description=bodies.RecordInteraction.__doc__,
    responses={200: {"model": RecordedInteraction, "description": "It had been taken in before."}},
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
    """At most 1,000 items, as a JSON array or as NDJSON with an item a line. Each has its outcome, in the
    order sent: created, unchanged, or failed with a problem. Sent again, what is there already is
    unchanged."""
    return take_all(request, response, sent, key, mode)
