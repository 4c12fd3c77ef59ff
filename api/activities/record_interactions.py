"""Recording interactions: one, or many with an outcome each. One that is sent twice is recorded once."""

from __future__ import annotations

from typing import Literal

from fastapi import Request, Response
from pydantic import Field

from api.activities.interaction_bodies import RecordInteraction
from api.writes.batch_outcomes import BatchOutcome, Mode, record_all
from api.writes.batches import Sent, items
from api.writes.execution import Recorded, answered, execute
from commands.bulk.recorder import History
from commands.dispatch.dispatcher import Outcome

State = Literal["created", "unchanged"]


class RecordedInteraction(Recorded):
    """The outcome of an interaction."""

    state: State = Field(description="created, or unchanged: it was recorded before.")


def take(
    request: Request, response: Response, body: RecordInteraction, key: str | None
) -> RecordedInteraction:
    """Records one interaction: 201, or 200 if it was recorded before. Raises domain errors."""
    outcome = execute(request, body.command(), body, key=key)
    state = _state(outcome)
    response.status_code = 201 if state == "created" else 200
    response.headers["Location"] = f"/v1/interactions/{outcome.id}"
    return RecordedInteraction(state=state, **answered(request, response, outcome))


def take_all(request: Request, response: Response, sent: Sent, key: str | None, mode: Mode) -> BatchOutcome:
    """Records the items, each by itself or all in one transaction. Raises domain errors, and `Problem`."""
    made = items(sent, RecordInteraction)
    return record_all(request, response, made, lambda body: History(commands=(body.command(),)), key, mode)


def _state(outcome: Outcome) -> State:
    return "created" if outcome.position else "unchanged"
